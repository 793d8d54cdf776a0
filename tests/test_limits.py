"""At the limits: sizes that would wrap, numbers that a float would round, arrays in odd orders, words that are none."""

import itertools
import os
import signal

import numpy as np
import pytest

import xcorr
from xcorr import _workers


def test_a_strip_too_large_for_any_memory_is_refused():
    distance, channels = 2**22 - 1, 2**20
    images, kernels = np.ones((1, 1, 1, channels)), np.ones((4, 2, 2, channels))
    with pytest.raises(MemoryError, match="^images: .* bytes of workspace"):
        xcorr.correlate(images, kernels, dilation=distance, padding=((distance, 0), (distance, 0)), workers=1)


def test_padding_too_wide_for_its_tables_is_refused_before_they_are_made():
    with pytest.raises(MemoryError, match="^images: .* bytes of index table"):
        xcorr.correlate(np.ones((1, 1)), np.ones((1, 1)), padding=((0, 0), (2**40, 2**40)), stride=(1, 2**40))


def test_padding_of_many_rows_takes_no_memory_of_its_own():
    far = 10**12
    response = xcorr.correlate(np.full((1, 1), 5.0), np.ones((1, 1)), padding=((far, far), (0, 0)), stride=(far, 1))
    assert response.tolist() == [[0.0], [5.0], [0.0]]


@pytest.mark.parametrize("bias", [2**53 + 1, -(2**53) - 1, 2**62 + 3])
@pytest.mark.parametrize("kernel", [0, 1])
def test_a_bias_that_float64_would_round_is_exact(method, bias, kernel):
    response = xcorr.correlate(np.zeros((2, 2), np.int64), np.full((1, 1), kernel, np.int64), bias=bias, method=method)
    assert response.tolist() == [[bias, bias], [bias, bias]]


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
def test_exact_integers_take_kernels_in_any_memory_order(method, order):
    bank = np.full((2, 3, 4), 2**50)
    bank[0, 1, 2] = -(2**49) + 1
    images = np.arange(63).reshape(7, 9)
    shuffled = np.ascontiguousarray(bank.transpose(order)).transpose(np.argsort(order))
    expected = np.einsum("yxij,kij->yxk", np.lib.stride_tricks.sliding_window_view(images, (3, 4)), bank)
    assert np.array_equal(xcorr.correlate(images, shuffled, method=method), expected)


@pytest.mark.parametrize("value", [np.inf, -np.inf])
def test_a_complex_dtype_for_real_operands_adds_no_nan(level, method, value):
    response = xcorr.correlate(np.array([[value, 1.0]]), np.ones((1, 1)), dtype=np.complex128, method=method)
    assert response.tolist() == [[complex(value, 0), 1 + 0j]]


def test_a_complex_dtype_for_real_operands_takes_a_complex_bias(level, method):
    images, kernels = np.arange(6.0).reshape(2, 3), np.ones((2, 1, 2))
    response = xcorr.correlate(images, kernels, dtype=np.complex64, bias=[1 + 2j, -3j], method=method)
    expected = xcorr.correlate(images, kernels)[..., :] + np.array([1 + 2j, -3j])
    assert response.dtype == np.complex64
    assert np.array_equal(response, expected)


@pytest.mark.parametrize("fill", [1e300, complex(0, 1e300), 10**400])
def test_a_fill_value_beyond_the_complex_type_is_refused(fill):
    with pytest.raises(ValueError, match="^fill_value: "):
        xcorr.correlate(np.ones((3, 3), np.complex64), np.ones((2, 2)), padding=1, fill_value=fill)


@pytest.mark.parametrize("dtype", ["(2,3", ",,", "no such type", object()])
@pytest.mark.parametrize(
    "call",
    [
        lambda dtype: xcorr.correlate(np.ones((3, 3)), np.ones((2, 2)), dtype=dtype),
        lambda dtype: xcorr.choose_method((3, 3), (2, 2), dtype=dtype),
        lambda dtype: xcorr.Correlator(np.ones((2, 2))).explain((3, 3), dtype=dtype),
    ],
)
def test_a_dtype_that_is_none_is_named(call, dtype):
    with pytest.raises(TypeError, match="^dtype: "):
        call(dtype)


@pytest.mark.parametrize("shape", [4, None, "44", {4: 4}])
def test_a_shape_that_is_none_is_named(shape):
    with pytest.raises(TypeError, match="^image_shape: "):
        xcorr.choose_method(shape, (2, 2))
    with pytest.raises(TypeError, match="^image_shape: "):
        xcorr.Correlator(np.ones((2, 2))).explain(shape)


@pytest.mark.parametrize("pair", [{1, 2}, {1: 2, 2: 1}, iter((1, 2))])
def test_a_pair_has_to_have_an_order(pair):
    with pytest.raises(TypeError, match="^stride: "):
        xcorr.correlate(np.ones((5, 5)), np.ones((2, 2)), stride=pair)


@pytest.mark.parametrize("kind", [np.str_, type("Word", (str,), {})])
def test_words_may_be_of_a_subclass_of_str_and_do_not_stay_in_the_plans(kind):
    images, kernels = np.ones((5, 7, 1)), np.ones((3, 3, 1))
    words = {"layout": "NHWC", "padding": "same", "boundary": "edge", "method": "direct", "precision": "strict"}
    of_subclass = xcorr.correlate(images, kernels, **{name: kind(word) for name, word in words.items()})
    assert (of_subclass == 9).all()
    assert (xcorr.correlate(images, kernels, **words) == 9).all()


def test_windows_may_be_as_far_apart_as_there_are_numbers():
    assert xcorr.windows(np.ones((4, 4)), (2, 2), stride=2**62).shape == (1, 1, 4)
    assert xcorr.correlate(np.ones((4, 4)), np.ones((2, 2)), stride=2**62).tolist() == [[4.0]]


FAR = 2**40
LONE = {"padding": ((FAR, FAR), (0, 0), (0, 0)), "stride": (FAR, 1, 1), "layout": "NDHW"}


@pytest.mark.parametrize("boundary", ["constant", "edge", "wrap"])
def test_windows_far_apart_need_no_table_of_what_lies_between_them(boundary):
    volume, kernel = np.arange(1.0, 28).reshape(3, 3, 3), np.ones((1, 2, 2))
    response = xcorr.correlate(volume, kernel, boundary=boundary, **LONE)
    scores = xcorr.match(volume, kernel, boundary=boundary, fill_value=0, score="correlation", min_overlap=0, **LONE)
    assert scores.tolist() == response.tolist()
    assert response[1].tolist() == xcorr.correlate(volume[0], kernel[0]).tolist()
    words = {"boundary": boundary, "padding": ((0, 0), (FAR, FAR)), "stride": (1, FAR)}
    bank = xcorr.gradient_kernels(volume[0], np.ones((2, 3, 9)), (2, 2), **words)
    seen = {"constant": [[0, 1]], "edge": [[0, 0], [0, 1], [2, 2]], "wrap": [[2, 0], [0, 1], [1, 2]]}[boundary]
    columns = volume[0][:, seen].sum(axis=1)
    assert bank.tolist() == [[(columns[0] + columns[1]).tolist(), (columns[1] + columns[2]).tolist()]] * 9


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: xcorr.windows(np.ones((6, 6)), (3, 3), dilation=FAR, padding=FAR), MemoryError, "images: .* padded"),
        (
            lambda: xcorr.fold(
                np.ones((3, 1, 1)), (1, 1), (1, 1), padding=((FAR, FAR), (0, 0)), stride=(FAR, 1), boundary="edge"
            ),
            MemoryError,
            "image_shape: .* sums",
        ),
        (
            lambda: xcorr.fold(
                np.ones((3, 1, 2)), (1, 2**20), (1, 2), padding=((2**58, 2**58), (0, 0)), stride=(2**58, 2**20)
            ),
            ValueError,
            "image_shape: the bytes",
        ),
        (lambda: xcorr.fold(np.ones((1, 1, 1)), (2**31, 2**31), (1, 1), stride=2**31), ValueError, "image_shape: the"),
        (
            lambda: xcorr.gradient_kernels(
                np.ones((3, 3)), np.ones((1, 1, 9)), (2, 2), padding=2**27, dilation=2**28 + 2, boundary="edge"
            ),
            MemoryError,
            "padding: .* tables",
        ),
    ],
)
def test_what_is_too_far_away_is_refused_by_name(call, error, message):
    with pytest.raises(error, match=f"^{message}"):
        call()


def test_borders_of_many_wraps_are_folded_back_at_once():
    before = 3 * 2**13
    for boundary in ("reflect", "symmetric", "wrap"):
        words = {"padding": ((before, 0),), "boundary": boundary, "layout": "NW"}
        folded = xcorr.fold(np.ones((before + 3, 1), np.int16), (3,), (1,), **words)
        assert folded.tolist() == np.bincount(np.pad(np.arange(3), (before, 0), boundary)).tolist()


class Masked:
    """A table that becomes a masked array."""

    def __array__(self, dtype=None, copy=None):
        return np.ma.masked_array(np.ones((3, 3)), mask=True)


@pytest.mark.parametrize("images", [Masked(), [np.ma.masked_array(np.ones(3), mask=True)] * 3, [[1.0, 2.0], [3.0]]])
def test_what_cannot_become_an_array_is_a_type_error(images):
    with pytest.raises(TypeError, match="^images: "):
        xcorr.correlate(images, np.ones((2, 2)))


def test_a_bias_beyond_the_response_type_is_infinite_without_a_warning(method):
    response = xcorr.correlate(np.ones((2, 2), np.float32), np.ones((1, 1), np.float32), bias=1e300, method=method)
    assert np.isposinf(response).all()


def test_overlapping_out_of_integers_is_untouched_by_an_overflow():
    memory = np.full(40, 100, np.int16)
    images, out = memory[:36].reshape(6, 6), memory[4:40].reshape(6, 6)
    with pytest.raises(OverflowError):
        xcorr.correlate(images, np.full((1, 1), 1000, np.int16), dtype=np.int16, out=out)
    assert (memory == 100).all()


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="needs interval timers")
@pytest.mark.parametrize("method", ["direct", "matmul", "fft"])
def test_a_signal_handler_may_correlate(method):
    images, kernels = np.ones((60, 40, 50, 3), np.float32), np.ones((8, 5, 5, 3), np.float32)
    seen = []

    def correlate_in_handler(number, frame):
        seen.append(xcorr.correlate(images[:1], kernels, method=method).shape)

    before = signal.signal(signal.SIGALRM, correlate_in_handler)
    try:
        for _ in range(5):
            handled = len(seen)
            signal.setitimer(signal.ITIMER_REAL, 0.002)
            while len(seen) == handled:
                xcorr.correlate(images, kernels, method=method)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert set(seen) == {(1, 36, 46, 8)}


def test_workers_beyond_reason_do_not_become_threads():
    images, kernels = np.ones((100, 100, 100), np.float32), np.ones((9, 9), np.float32)
    xcorr.correlate(images, kernels, layout="NHW", workers=5000)
    assert 0 < _workers._pool.n_threads <= max(16, 4 * (os.cpu_count() or 1))
