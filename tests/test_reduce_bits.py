"""What changes no bit of a reduction, what is special in it, and what it refuses."""

import contextlib
import signal
import threading
import time
import tracemalloc

import numpy as np
import pytest
from checks import assert_same_bits, random_generator, real_numbers
from looping import for_each
from reduced_calls import METHODS, operands
from reductions import EXTREMES, NAMES, OVERS, assert_reduced, assert_same_reductions, axes_of, of_numpy

import xcorr
from xcorr import _workers
from xcorr._engine import Reducer
from xcorr._methods import winograd

SUMS = ("mean", "energy")


# --- the same bits ----------------------------------------------------------------------------------------------------


@for_each(("name", "over"), [(name, over) for name in METHODS for over in OVERS])
def test_neither_workers_nor_the_batch_change_a_bit(name, over):
    images, kernels, keywords = operands(name)
    batch = np.concatenate([images, 3 * images[::-1], images])
    whole = xcorr.correlate(images, kernels, reduce=NAMES, over=over, workers=1, **keywords)
    for workers in (1, 2, 3):
        some = xcorr.correlate(batch, kernels, reduce=NAMES, over=over, workers=workers, **keywords)
        assert_same_reductions([result[: len(images)] for result in some], whole)
        assert_same_reductions([result[-len(images) :] for result in some], whole)


def test_sums_have_no_order():
    # Values of very different magnitudes, some runs far above others.
    rng = random_generator("order")
    values = rng.standard_normal(3000) * np.exp2(rng.integers(-250, 250, 3000))
    whole = [xcorr.correlate(values[None], np.ones((1, 1)), reduce=name) for name in SUMS]
    for _ in range(5):
        shuffled = rng.permutation(values)
        for name, expected in zip(SUMS, whole, strict=True):
            assert_same_bits(xcorr.correlate(shuffled[None], np.ones((1, 1)), reduce=name), expected)
            column = xcorr.correlate(shuffled.reshape(60, 50), np.ones((1, 1)), reduce=name)
            assert_same_bits(column, expected)


@for_each("method", ["direct", "fft", "matmul"])
def test_sums_of_strips_far_above_each_other_have_no_order(method):
    rng = random_generator("strips", method)
    image = rng.standard_normal((900, 300)) * np.exp2(np.arange(900) // 3)[:, np.newaxis]
    kernels = rng.standard_normal((3, 5, 5))
    response = xcorr.correlate(image, kernels, method=method)
    whole = xcorr.correlate(image, kernels, method=method, reduce=SUMS, workers=1)
    for name, result in zip(SUMS, whole, strict=True):
        of_all = of_numpy(response, name, "positions", axes_of(image, kernels)).astype(np.float64)
        np.testing.assert_allclose(result, of_all, rtol=1e-13)
    for workers in (2, 3):
        assert_same_reductions(xcorr.correlate(image, kernels, method=method, reduce=SUMS, workers=workers), whole)
    turned = xcorr.correlate(image[::-1], np.ones((1, 1)), reduce=SUMS)
    assert_same_reductions(xcorr.correlate(image, np.ones((1, 1)), reduce=SUMS), turned)


@for_each("exponent", [-1070, -1000, -900, -840, -200, 0, 31, 32, 33, 500, 930, 1000, 1015])
def test_means_of_any_magnitude_keep_their_bound(exponent):
    rng = random_generator(exponent)
    values = rng.standard_normal((30, 33)) * 2.0**exponent
    found = xcorr.correlate(values, np.ones((1, 1)), reduce="mean")
    exact = values.astype(np.longdouble).sum() / values.size
    sizes = np.abs(values).astype(np.longdouble).sum() / values.size
    assert abs(found - exact) <= 4 * 2.0**-53 * sizes + 2.0**-1074


def test_sums_that_end_in_a_half_are_exact():
    """Where the lower parts of a sum are as far below 0 as they may be."""
    halves = np.arange(-300, 300, 2.0)[:, None, None] + np.array([[-0.05, 0.55]])
    assert (halves.sum(axis=(1, 2)) % 1 == 0.5).any()
    means = xcorr.correlate(halves, np.ones((1, 1)), layout="NHW", reduce="mean")
    np.testing.assert_allclose(means, halves.mean(axis=(1, 2)), rtol=1e-15, atol=1e-14)


def test_a_sum_far_below_its_numbers_is_exact():
    # Sums of magnitudes are 2**60 times the sum.
    values = np.array([[2.0**60, 1.0, -(2.0**60), 0.5]])
    assert xcorr.correlate(values, np.ones((1, 1)), reduce="mean") == 1.5 / 4
    kernels = values.reshape(4, 1, 1)
    assert xcorr.correlate(np.ones((1, 1)), kernels, reduce="mean", over="kernels") == 1.5 / 4


def test_what_several_threads_take_of_one_kernel_is_all_kept():
    """Kernels come with others in each thread, as templates do that areas of several sizes are scored with."""
    table, n_times, n_kernels, firsts = xcorr._dispatch.current().table, 1000, 24, (0, 4, 8, 12)
    for _ in range(50):
        reducer = Reducer(table, ("argmax", "ppv", "mean"), False, (1, n_kernels, len(firsts), n_times), "f4")
        together = threading.Barrier(len(firsts))

        def take(row, reducer=reducer, together=together):
            kernels = np.arange(firsts[row], n_kernels)
            responses = np.ones((1, 1, len(kernels)), np.float32)
            together.wait()
            for column in range(n_times):
                reducer.take("f4", responses, 0, row, column, kernels, table)

        threads = [threading.Thread(target=take, args=(row,)) for row in range(len(firsts))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        expected = [n_times * sum(first <= kernel for first in firsts) for kernel in range(n_kernels)]
        assert reducer.counts().tolist() == reducer.sums(False).tolist() == expected


# --- special values ---------------------------------------------------------------------------------------------------


@for_each("name", ["over kernels", "over columns", "over rows", "over channels", "winograd", "fft", "matmul, slabs"])
def test_nan_and_infinity_are_those_of_the_response(level, name):
    images, kernels, keywords = operands(name)
    images = images.copy()
    flat = images.reshape(len(images), -1)
    flat[0, 5], flat[0, flat.shape[1] // 2], flat[-1, 7] = np.inf, np.nan, -np.inf
    assert_reduced(images, kernels, **keywords)
    taps = kernels.copy()
    taps[1].flat[0], taps[-1].flat[1] = np.nan, np.inf
    assert_reduced(operands(name)[0], taps, **keywords)


def test_the_first_of_several_that_are_no_numbers():
    image = np.ones((6, 900))
    image[3, 700] = image[3, 800] = image[5, 0] = np.nan
    found = xcorr.correlate(image, np.ones((1, 1)), reduce=EXTREMES)
    assert np.isnan(found[0])
    assert np.isnan(found[1])
    assert found[2].tolist() == found[3].tolist() == [3, 700]


def test_of_equal_responses_the_first_is_taken():
    for shape in ((7, 9), (300, 700), (1, 9000), (3000, 2)):
        image = np.zeros(shape, np.float32)
        for over, places in (("positions", [0, 0]), ("kernels", None)):
            found = xcorr.correlate(image, np.ones((40, 1, 1), np.float32), reduce=("argmax", "argmin"), over=over)
            assert all(np.all(result == (0 if places is None else places)) for result in found)
    image = np.zeros((50, 60), np.float32)
    image[20, 30] = image[20, 31] = image[40, 2] = 1
    assert xcorr.correlate(image, np.ones((1, 1), np.float32), reduce="argmax").tolist() == [20, 30]


def test_zeros_of_either_sign_are_equal_and_their_extremes_have_a_sign():
    reducer = Reducer(xcorr._dispatch.current().table, ("max", "min", "argmax"), False, (1, 1, 2, 300), "f4")
    responses = np.zeros((1, 300, 1), np.float32)
    table, kernel = xcorr._dispatch.current().table, np.zeros(1, np.intp)
    responses[0, :250] = -0.0
    reducer.take("f4", -responses, 0, 1, 0, kernel, table)
    reducer.take("f4", responses, 0, 0, 0, kernel, table)
    (highest,), (place,) = reducer.extremes(True)
    (lowest,), _ = reducer.extremes(False)
    assert (highest, np.signbit(highest), lowest, np.signbit(lowest), place) == (0, False, 0, True, 0)


def test_kernels_and_images_with_subnormal_numbers():
    rng = random_generator("faint")
    images, kernels = real_numbers(rng, (3, 30, 31), "float32"), real_numbers(rng, (9, 3, 3), "float32")
    kernels[[2, 5]] *= np.float32(1e-40)
    images[1, 3, 4] = 1e-42
    assert_reduced(images, kernels, layout="NHW")
    assert_reduced(images[1], kernels[5], layout="NHW")


def test_winograd_begins_again_or_does_parts_where_there_is_no_room(monkeypatch):
    images, kernels, keywords = operands("winograd")
    images = images.copy()
    images[-1, -1, -1, -1] = np.nan  # handed back at last
    usual = [xcorr.correlate(images, kernels, reduce=NAMES, over=over, workers=1, **keywords) for over in OVERS]
    has_room, run_in_parts, ways, rooms = winograd.has_room, winograd.run_in_parts, set(), []
    monkeypatch.setattr(winograd, "has_room", lambda *words: rooms.append(has_room(*words)) or rooms[-1])
    monkeypatch.setattr(winograd, "run_in_parts", lambda *words: ways.add(rooms[-1]) or run_in_parts(*words))
    for limit in range(100_000, 700_000, 12_500):
        monkeypatch.setattr(_workers, "WORKSPACE_LIMIT", limit)
        for over, expected in zip(OVERS, usual, strict=True):
            with contextlib.suppress(MemoryError):
                parts = xcorr.correlate(images, kernels, reduce=NAMES, over=over, workers=1, **keywords)
                assert_same_reductions(parts, expected)
    assert ways == {False, True}


# --- calls ------------------------------------------------------------------------------------------------------------


def test_a_correlator_reduces_and_calls_are_not_mixed_up():
    rng = random_generator("calls")
    images, kernels = real_numbers(rng, (8, 9), "float32"), real_numbers(rng, (4, 3, 3), "float32")
    for _ in range(3):
        plain = xcorr.correlate(images, kernels)
        assert plain.shape == (6, 7, 4)
        assert xcorr.correlate(images, kernels, reduce="max").tolist() == plain.max(axis=(0, 1)).tolist()
        over = xcorr.correlate(images, kernels, reduce="max", over="kernels")
        assert_same_bits(over, plain.max(axis=2))
        assert_same_bits(xcorr.correlate(images, kernels, reduce=None), plain)
    prepared = xcorr.Correlator(kernels, reduce=("ppv", "argmax"), over="kernels")
    for _ in range(3):
        share, which = prepared(images)
        assert_same_bits(which, plain.argmax(axis=2))
        assert_same_bits(share, np.mean(plain > 0, axis=2))
    assert "reduce ('ppv', 'argmax'), over kernels" in repr(prepared)


@for_each("dtype", ["float32", "float64", "float16", "uint8", "int64"])
def test_out_takes_the_results(dtype):
    rng = random_generator(dtype)
    images, kernels = rng.integers(0, 9, (2, 20, 21)).astype(dtype), rng.integers(0, 9, (5, 3, 3)).astype(dtype)
    for over in OVERS:
        expected = xcorr.correlate(images, kernels, layout="NHW", reduce=NAMES, over=over)
        outs = tuple(np.empty(result.shape[::-1], result.dtype).T for result in expected)
        found = xcorr.correlate(images, kernels, layout="NHW", reduce=NAMES, over=over, out=outs)
        assert isinstance(found, tuple)
        assert all(one is other for one, other in zip(found, outs, strict=True))
        assert_same_reductions([np.ascontiguousarray(one) for one in outs], expected)
        single = np.empty_like(expected[2])
        assert xcorr.correlate(images, kernels, layout="NHW", reduce="argmax", over=over, out=single) is single
        assert_same_bits(single, expected[2])


def test_out_may_be_an_operand():
    images = np.arange(12.0).reshape(3, 4)
    expected = xcorr.correlate(images, np.ones((2, 2)), reduce="max", over="kernels")
    out = images[:2, :3]
    assert_same_bits(
        np.ascontiguousarray(xcorr.correlate(images, np.ones((2, 2)), reduce="max", over="kernels", out=out)), expected
    )


@for_each(
    ("keywords", "outs", "error", "message"),
    [
        ({"reduce": "max"}, np.empty(3), ValueError, "out: got shape (3,); allowed is (2,)"),
        ({"reduce": "max"}, np.empty(2, "f4"), TypeError, "out: got dtype float32; allowed is float64"),
        ({"reduce": ("max",)}, np.empty(2), TypeError, "a tuple of arrays"),
        ({"reduce": ("max", "min")}, (np.empty(2),), ValueError, "out: got 1 arrays; allowed are 2"),
        ({"reduce": "max"}, (np.empty(2),), TypeError, "out: got tuple"),
        ({"reduce": "argmax"}, np.empty((2, 2)), TypeError, "out: got dtype float64; allowed is int64"),
    ],
    ids=[str(number) for number in range(6)],
)
def test_outs_that_do_not_fit_are_refused(keywords, outs, error, message):
    with pytest.raises(error) as raised:
        xcorr.correlate(np.ones((4, 5)), np.ones((2, 2, 2)), out=outs, **keywords)
    assert message in str(raised.value)


def test_outs_that_share_memory_are_refused():
    memory = np.empty(4)
    with pytest.raises(ValueError, match="out: two of the arrays share memory"):
        xcorr.correlate(np.ones((4, 5)), np.ones((2, 2, 2)), reduce=("max", "min"), out=(memory[:2], memory[1:3]))


@for_each(
    ("image", "keywords", "error"),
    [
        (np.full((9, 9), 100, np.uint8), {"dtype": np.uint8}, OverflowError),
        (np.full((9, 9), 2**40), {"reduce": ("max", "energy")}, OverflowError),
        (np.full((9, 9), np.nan), {"dtype": np.uint8, "overflow": "saturate"}, ValueError),
    ],
    ids=["checked", "energy", "saturated"],
)
def test_after_an_error_out_is_as_it_was(image, keywords, error):
    keywords = {"reduce": ("max", "argmax"), "overflow": "raise", **keywords}
    image = np.concatenate([np.zeros_like(image), image])
    kernels = np.ones((3, 2, 2), image.dtype)
    for over in OVERS:
        shapes = [
            result.shape
            for result in xcorr.correlate(0 * np.ones((18, 9)), kernels, over=over, reduce=keywords["reduce"])
        ]
        dtypes = (keywords.get("dtype", image.dtype), np.int64)
        outs = tuple(np.full(shape, 7, dtype) for shape, dtype in zip(shapes, dtypes, strict=True))
        with pytest.raises(error):
            xcorr.correlate(image, kernels, over=over, out=outs, **keywords)
        assert all(np.all(out == 7) for out in outs)


def test_words_and_types_that_are_refused():
    image, kernel = np.ones((4, 5)), np.ones((2, 2))
    for wrong, error in (
        ("maximum", ValueError),
        (3, TypeError),
        ((), ValueError),
        (("max", 3), TypeError),
        (("max", "most"), ValueError),
        (b"max", TypeError),
    ):
        with pytest.raises(error, match=r"reduce: got .*; allowed are None, 'max', 'min'"):
            xcorr.correlate(image, kernel, reduce=wrong)
    with pytest.raises(ValueError, match="over: got 'images'; allowed are 'positions' and 'kernels'"):
        xcorr.correlate(image, kernel, reduce="max", over="images")
    with pytest.raises(TypeError, match="reduce: got 'max' for responses of complex128"):
        xcorr.correlate(image + 1j, kernel, reduce="max")
    with pytest.raises(TypeError, match="reduce: got 'mean' for responses of complex64"):
        xcorr.Correlator(kernel, reduce="mean", dtype=np.complex64)(image.astype(np.float32))


def test_nothing_to_reduce():
    images, none = np.ones((2, 5, 6)), np.ones((0, 3, 3))
    for name in EXTREMES:
        with pytest.raises(ValueError, match="over no kernels"):
            xcorr.correlate(images, none, layout="NHW", reduce=name, over="kernels")
        assert xcorr.correlate(images, none, layout="NHW", reduce=name).shape[:2] == (2, 0)
        assert xcorr.correlate(images[:0], np.ones((4, 3, 3)), layout="NHW", reduce=name).shape[:2] == (0, 4)
    mean, energy, ppv = xcorr.correlate(images, none, layout="NHW", reduce=("mean", "energy", "ppv"), over="kernels")
    assert np.isnan(mean).all()
    assert np.isnan(ppv).all()
    assert (energy == 0).all()
    assert energy.shape == (2, 3, 4)


# --- memory, and an interrupt -----------------------------------------------------------------------------------------


@for_each(
    ("images", "kernels", "keywords"),
    [
        ((1, 400, 500, 1), (1500, 3, 3, 1), {}),
        ((1, 1, 400, 500), (1500, 1, 3, 3), {"layout": "NCHW"}),
        ((9, 300, 300, 1), (150, 31, 31, 1), {"method": "fft"}),
        ((1, 200, 300, 16), (2000, 3, 3, 16), {"method": "winograd"}),
        ((1, 64, 64, 16), (3000, 3, 3, 16), {"method": "matmul"}),
        ((1500, 28, 28, 1), (100, 5, 5, 1), {}),
    ],
)
def test_no_map_is_written(images, kernels, keywords):
    rng = random_generator(images, kernels)
    images, kernels = real_numbers(rng, images, "float32"), real_numbers(rng, kernels, "float32")
    whole = 4 * len(images) * len(kernels) * (images.size // len(images) // (16 if images.shape[-1] == 16 else 1))
    for over in OVERS:
        tracemalloc.start()
        found = xcorr.correlate(images, kernels, reduce=("max", "argmax"), over=over, workers=2, **keywords)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        beside = peak - sum(result.nbytes for result in found)
        assert beside < min(2**28, whole // 3), (beside >> 20, whole >> 20, over)


def test_an_interrupt_is_answered_soon():
    images, kernels = np.ones((1500, 1500), np.float32), np.ones((4000, 5, 5), np.float32)
    reduced = xcorr.Correlator(kernels, reduce="max")
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # a job in the background is told to ignore it
    begun = time.perf_counter()
    timer = threading.Timer(0.5, signal.raise_signal, (signal.SIGINT,))
    timer.start()
    try:
        with pytest.raises(KeyboardInterrupt):
            reduced(images, workers=2)
    finally:
        signal.signal(signal.SIGINT, before)
    assert time.perf_counter() - begun < 2
