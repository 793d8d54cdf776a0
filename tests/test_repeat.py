"""A small call that is done again is the same call: whatever may differ is looked at before it is repeated."""

import contextlib
import gc
import sys
import weakref
from concurrent.futures import ThreadPoolExecutor
from unittest import mock

import numpy as np
import pytest
from checks import assert_same_bits, random_generator, real_numbers, whole_numbers
from looping import for_each

import xcorr
from xcorr import _cache, _correlate, _correlator, _dispatch, _run
from xcorr._methods import direct

pytestmark = pytest.mark.usefixtures("level")

CALLS = {
    "plain": ((28, 28), (3, 3), {}),
    "two-kernels": ((28, 28), (2, 3, 3), {"layout": "NHW"}),
    "colours": ((32, 32, 3), (2, 5, 5, 3), {"layout": "NHWC"}),
    "batch": ((5, 9, 11, 4), (17, 3, 3, 4), {"padding": "same"}),
    "planes": ((2, 3, 9, 11), (4, 3, 3, 3), {"layout": "NCHW", "stride": 2}),
    "reflect": ((12, 13), (5, 5), {"padding": "same", "boundary": "reflect"}),
    "filled": ((12, 13), (5, 5), {"padding": "full", "fill_value": 2.5}),
    "depthwise": ((7, 8, 16), (16, 3, 3, 1), {"layout": "NHWC", "groups": 16}),
}
DTYPES = ("float16", "float32", "float64", "complex64")
over_calls = pytest.mark.parametrize("name", CALLS)


def operands(name, dtype="float32"):
    images_shape, kernels_shape, keywords = CALLS[name]
    rng = random_generator(name, dtype)
    return real_numbers(rng, images_shape, dtype), real_numbers(rng, kernels_shape, dtype), keywords


def afresh(images, kernels, **keywords):
    """The response of a call that repeats none."""
    recent = _cache.recent_calls[:]
    _cache.recent_calls.clear()
    try:
        return xcorr.correlate(images, kernels, **keywords)
    finally:
        _cache.recent_calls[:] = recent


@contextlib.contextmanager
def counting():
    """A list of the plans of the calls that are not repeated ones."""
    planned, run = [], _run.run

    def counted(plan, *arguments, **keywords):
        planned.append(plan)
        return run(plan, *arguments, **keywords)

    with mock.patch.object(_correlate, "run", counted), mock.patch.object(_correlator, "run", counted):
        yield planned


def n_repeated(call, times=4):
    """The responses of a call done some times, and how many calls are remembered after."""
    _cache.recent_calls.clear()
    return [call() for _ in range(times)], len(_cache.recent_calls)


@for_each("dtype", DTYPES)
@over_calls
def test_each_call_again_gives_the_same_bits_in_memory_of_its_own(name, dtype):
    images, kernels, keywords = operands(name, dtype)
    expected = afresh(images, kernels, **keywords)
    correlator = xcorr.Correlator(kernels, **keywords)
    for call in (lambda: xcorr.correlate(images, kernels, **keywords), lambda: correlator(images)):
        responses = [call() for _ in range(5)]
        for response in responses:
            assert_same_bits(response, expected)
            assert response.flags.owndata
            assert response.flags.writeable
        assert len({response.ctypes.data for response in responses}) == 5


def test_small_calls_are_repeated():
    images, kernels, _ = operands("plain")
    _cache.recent_calls.clear()
    correlator = xcorr.Correlator(kernels)
    for _ in range(3):
        xcorr.correlate(images, kernels)
        correlator(images)
    assert len(_cache.recent_calls) == 1
    assert len(correlator._repeats[_dispatch.current().name]) == 1


@over_calls
def test_values_are_read_anew(name):
    images, kernels, keywords = operands(name)
    correlator = xcorr.Correlator(kernels, **keywords)
    for turn in range(6):
        images *= np.float32(1.5)
        assert_same_bits(correlator(images), afresh(images, correlator._kernels, **keywords))
        if turn % 2:
            kernels[..., 0] += np.float32(turn)
        assert_same_bits(xcorr.correlate(images, kernels, **keywords), afresh(images, kernels, **keywords))


def other_arrays(images):
    """The same values in other memory, of which none may be read as the first were."""
    unaligned = np.empty(images.nbytes + 1, np.uint8)[1:].view(images.dtype).reshape(images.shape)
    unaligned[...] = images
    wide = np.zeros((*images.shape[:-1], 2 * images.shape[-1]), images.dtype)
    wide[..., ::2] = images
    yield from (images, unaligned, wide[..., ::2], np.asfortranarray(images))
    yield from (
        images.astype(images.dtype.newbyteorder()),
        images.tolist(),
        images.view(Subclass),
        images[::-1][::-1],
        np.flip(np.flip(images).copy()),
    )
    yield from (images.astype(np.float64), images[:-1], images[..., :-1], images.copy())


class Subclass(np.ndarray):
    pass


def test_arrays_that_lie_otherwise_are_not_read_as_the_ones_before():
    images, kernels, _ = operands("plain")
    correlator = xcorr.Correlator(kernels)
    for _ in range(3):
        xcorr.correlate(images, kernels)
        correlator(images)
        for other in other_arrays(images):
            expected = afresh(np.array(other), kernels)
            assert_same_bits(xcorr.correlate(other, kernels), expected)
            assert_same_bits(correlator(other), expected)


def test_kernels_that_lie_otherwise_are_not_taken_for_those_before():
    images, kernels, _ = operands("plain")
    for _ in range(3):
        for _ in range(3):
            assert_same_bits(xcorr.correlate(images, kernels), xcorr.correlate(images, kernels, workers=1))
        transposed = kernels.T  # the same bytes in memory
        assert_same_bits(xcorr.correlate(images, transposed), afresh(images, transposed))
        reshaped = kernels.reshape(1, 9)
        assert_same_bits(xcorr.correlate(images, reshaped), afresh(images, reshaped))
        other = kernels.view(np.int32)
        assert_same_bits(xcorr.correlate(images, other), afresh(images, other))


def test_keywords_are_not_taken_for_others_that_are_equal():
    images, kernels, _ = operands("plain")
    for _ in range(3):
        for _ in range(3):
            assert xcorr.correlate(images, kernels, stride=1).shape == (26, 26)
        with pytest.raises(TypeError, match="stride"):
            xcorr.correlate(images, kernels, stride=True)
        with pytest.raises(TypeError, match="groups"):
            xcorr.correlate(images, kernels, groups=1.0)
        for fill_value in (0, 1, -3.5, float("nan")):
            keywords = {"padding": 1, "fill_value": fill_value}
            for _ in range(3):
                assert_same_bits(xcorr.correlate(images, kernels, **keywords), afresh(images, kernels, **keywords))
        with pytest.raises(ValueError, match="workers"):
            xcorr.correlate(images, kernels, workers=0)
        assert_same_bits(xcorr.convolve(images, kernels), afresh(images, kernels[::-1, ::-1]))


def test_a_list_of_strides_that_changes_is_read_anew():
    images, kernels, _ = operands("plain")
    stride = [1, 1]
    for step in (1, 1, 1, 2, 2, 2, 3):
        stride[:] = step, step
        assert xcorr.correlate(images, kernels, stride=stride).shape == (-(-26 // step),) * 2


def test_images_and_responses_are_let_go_of():
    images, kernels, _ = operands("plain")
    correlator = xcorr.Correlator(kernels)
    for call in (correlator, lambda array: xcorr.correlate(array, kernels)):
        for _ in range(4):
            array = images.copy()
            response = call(array)
            gone = [weakref.ref(array), weakref.ref(response)]
            del array, response
            assert [reference() for reference in gone] == [None, None]
        before = sys.getrefcount(kernels.dtype)
        for _ in range(1000):
            call(images)
        assert abs(sys.getrefcount(kernels.dtype) - before) < 100


def test_levels_do_not_share_calls():
    images, kernels, _ = operands("colours")
    correlator = xcorr.Correlator(kernels)
    expected = {}
    for _ in range(3):
        for name in _dispatch.runnable_levels():
            with _dispatch.using_level(name):
                expected.setdefault(name, correlator(images))
                assert_same_bits(correlator(images), expected[name])
                assert_same_bits(xcorr.correlate(images, kernels), expected[name])


def test_threads_repeat_the_same_call_at_once():
    images, kernels, keywords = operands("batch")
    batch = [images * np.float32(factor) for factor in range(1, 9)]
    expected = [afresh(one, kernels, **keywords) for one in batch]
    correlator = xcorr.Correlator(kernels, **keywords)

    def work(index):
        for _ in range(100):
            assert_same_bits(correlator(batch[index]), expected[index])
            assert_same_bits(xcorr.correlate(batch[index], kernels, **keywords), expected[index])

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(8)))


def test_a_correlator_serves_two_shapes_in_turn():
    _, kernels, _ = operands("plain")
    correlator = xcorr.Correlator(kernels)
    batch = [real_numbers(random_generator("turn", side), (side, side + 1), "float32") for side in range(8, 20)]
    for _ in range(4):
        for images in batch:
            assert_same_bits(correlator(images), afresh(images, kernels))


# --- what is told in other words --------------------------------------------------------------------------------------

WORDS = {
    "tuples": {"stride": (2, 2), "padding": ((1, 2), (0, 1)), "dilation": (1, 2)},
    "tuple-of-words": {"padding": 2, "boundary": ("edge", "wrap")},
    "dtype": {"dtype": np.dtype("f8")},
    "dtype-class": {"dtype": np.float64},
    "dtype-name": {"dtype": "f8"},
    "workers": {"workers": 1},
    "all-workers": {"workers": -1},
    "bias": {"bias": 1.5},
    "bias-array": {"bias": np.array([-2.5], "f4")},
    "bias-scalar": {"bias": np.float32(0.5)},
    "numbers": {"stride": np.int64(2), "padding": np.uint8(1), "fill_value": np.float32(-3)},
    "complex": {"dtype": "c8", "fill_value": 2.0, "padding": 1},
    "flags": {"conjugate": np.True_, "groups": 1},
    "none": {"layout": None, "bias": None, "out": None, "workers": None, "dtype": None},
}


@pytest.mark.parametrize("words", WORDS)
def test_plain_words_of_every_kind_are_repeated(words):
    images, kernels, _ = operands("plain")
    keywords = WORDS[words]
    responses, n_remembered = n_repeated(lambda: xcorr.correlate(images, kernels, **keywords))
    assert n_remembered == (words != "complex")  # a real response with an imaginary part of zeros is not
    for response in responses:
        assert_same_bits(response, afresh(images, kernels, **keywords))


@over_calls
@pytest.mark.parametrize("dtype", DTYPES)
def test_calls_into_out_are_repeated(name, dtype):
    images, kernels, keywords = operands(name, dtype)
    expected = afresh(images, kernels, **keywords)
    wide = np.zeros((*expected.shape[:-1], 2 * expected.shape[-1]), expected.dtype)
    for out in (np.empty_like(expected), wide[..., ::2], np.empty(expected.shape[::-1], expected.dtype).T):
        correlator = xcorr.Correlator(kernels, **keywords)
        for call in (
            lambda out=out: xcorr.correlate(images, kernels, out=out, **keywords),
            lambda out=out, prepared=correlator: prepared(images, out=out, workers=1),
        ):
            for _ in range(4):
                out[...] = 7
                assert call() is out
                assert_same_bits(np.ascontiguousarray(out), expected)
    assert not wide[..., 1::2].any()


def test_an_out_that_lies_otherwise_is_looked_at_anew():
    images, kernels, _ = operands("plain")
    expected = afresh(images, kernels)
    correlator = xcorr.Correlator(kernels)
    calls = (lambda out: xcorr.correlate(images, kernels, out=out), lambda out: correlator(images, out=out))
    for call in calls:
        for _ in range(4):
            call(np.empty_like(expected))
        frozen = np.empty_like(expected)
        frozen.flags.writeable = False
        for wrong, kind in (
            (frozen, ValueError),
            (np.empty((26, 27), "f4"), ValueError),
            (np.empty(expected.shape), TypeError),
            (np.broadcast_to(np.float32(0), expected.shape), ValueError),
            (expected.tolist(), TypeError),
        ):
            with pytest.raises(kind, match="^out: "):
                call(wrong)
        unaligned = np.empty(expected.nbytes + 1, np.uint8)[1:].view("f4").reshape(expected.shape)
        assert_same_bits(np.array(call(unaligned)), expected)
        subclass = np.empty_like(expected).view(Subclass)
        assert call(subclass) is subclass


@pytest.mark.parametrize("shift", [0, 1, 27, 28, 29, 300])
def test_an_out_over_the_images_does_not_count_as_apart(shift):
    kernels = operands("plain")[1]
    memory = real_numbers(random_generator("over"), 28 * 28 + 26 * 26 + 400, "float32")
    images = memory[: 28 * 28].reshape(28, 28)
    out = memory[shift : shift + 26 * 26].reshape(26, 26)
    correlator = xcorr.Correlator(kernels)
    for call in (
        lambda images, out: xcorr.correlate(images, kernels, out=out),
        lambda images, out: correlator(images, out=out),
    ):
        for _ in range(4):
            call(images.copy(), np.empty((26, 26), "f4"))
        memory[:] = real_numbers(random_generator("over", shift), memory.size, "float32")
        expected = afresh(images.copy(), kernels)
        assert_same_bits(call(images, out).copy(), expected)


def test_a_bias_that_changes_is_read_anew():
    images, kernels, keywords = operands("two-kernels")
    bias = np.array([1, 2], "f4")
    for turn in range(6):
        bias[turn % 2] += turn
        for _ in range(3):
            response = xcorr.correlate(images, kernels, bias=bias, **keywords)
            assert_same_bits(response, afresh(images, kernels, bias=bias.copy(), **keywords))
    for other in (bias.astype("f8"), bias.tolist(), bias[::-1], (1, 2)):
        assert_same_bits(
            xcorr.correlate(images, kernels, bias=other, **keywords),
            afresh(images, kernels, bias=np.array(other), **keywords),
        )


def test_zeros_of_both_signs_are_not_taken_for_each_other():
    images, kernels = -np.ones((5, 6), "f4"), np.zeros((3, 3), "f4")
    kernels[1, 1] = 1
    for kind in (float, np.float32, np.float64):
        for _ in range(3):
            for fill_value in (kind(-0.0), kind(0.0)):
                for _ in range(3):
                    response = xcorr.correlate(images * 0, kernels, padding=1, fill_value=fill_value)
                    assert_same_bits(response, afresh(images * 0, kernels, padding=1, fill_value=fill_value))


# --- kernels that change ----------------------------------------------------------------------------------------------


@over_calls
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("verb", ["correlate", "convolve"])
def test_kernels_that_change_in_place_are_packed_anew(name, dtype, verb):
    images, kernels, keywords = operands(name, dtype)
    call = getattr(xcorr, verb)
    bias = real_numbers(random_generator("bias"), 1 if kernels.ndim == 2 else len(kernels), dtype)
    for more in ({}, {"bias": bias}):
        _cache.recent_calls.clear()
        for turn in range(6):
            kernels += kernels.dtype.type(turn)
            kernels[..., 0] *= -1
            own = kernels if verb == "correlate" else turned(kernels, keywords.get("layout"))
            assert_same_bits(call(images, kernels, **keywords, **more), afresh(images, own, **keywords, **more))
        as_summed = name != "planes" and kernels.nbytes <= direct.LARGEST_KEPT_BANK - 100
        assert len(_cache.recent_calls) == as_summed


def turned(kernels, layout):
    rows = -2 if layout in ("NCHW", "NHW") or kernels.ndim == 2 else -3
    return np.flip(kernels, (rows, rows + 1))


def test_kernels_that_are_not_finite_any_more_are_seen():
    images, kernels, _ = operands("plain")
    for value in (1, np.nan, 2, np.inf, 3):
        kernels[0, 0] = value
        for _ in range(3):
            assert_same_bits(xcorr.correlate(images, kernels), afresh(images, kernels))


# --- integers ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["bool", "int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64"])
@pytest.mark.parametrize("into", [False, True])
def test_integers_are_repeated_and_stay_exact(dtype, into):
    rng = random_generator("integers", dtype)
    largest = 1 if dtype == "bool" else np.iinfo(dtype).max
    kernels = rng.integers(-30, 30, (5, 5))
    kernels[0, 0] = 30
    correlator = xcorr.Correlator(kernels)
    images = np.zeros((20, 21), dtype)
    out = np.empty((16, 17), np.int64) if into else None
    _cache.recent_calls.clear()
    for largest_pixel in (1, 100, 2**14, 2**20, 100, 2**40, 2**50, 2**62, 3, 2**63):
        images[...] = rng.integers(0, min(largest, largest_pixel), images.shape, endpoint=True, dtype=np.uint64)
        if largest_pixel % 100 == 0 and np.dtype(dtype).kind == "i":
            images[::2] *= -1
        exact = [
            [int((images[y : y + 5, x : x + 5].astype(object) * kernels).sum()) for x in range(17)] for y in range(16)
        ]
        fits = all(abs(number) < 2**63 for row in exact for number in row)
        for _ in range(3):
            for call in (lambda: xcorr.correlate(images, kernels, out=out), lambda: correlator(images, out=out)):
                if fits:
                    assert call().tolist() == exact
                else:
                    with pytest.raises(OverflowError, match="int64"):
                        call()
    assert _cache.recent_calls


def test_checked_and_saturated_integers_are_repeated_and_refused_as_before():
    images, kernels = np.full((9, 9), 20, np.uint8), np.ones((3, 3), np.uint8)
    for overflow in ("raise", "saturate"):
        _cache.recent_calls.clear()
        keywords = {"dtype": np.uint8, "overflow": overflow}
        for _ in range(4):
            assert (xcorr.correlate(images, kernels, **keywords) == 180).all()
        assert len(_cache.recent_calls) == 1
        bright = images.copy()
        bright[4, 4] = 255
        if overflow == "saturate":
            assert xcorr.correlate(bright, kernels, **keywords).max() == 255
        else:
            with pytest.raises(OverflowError, match="uint8"):
                xcorr.correlate(bright, kernels, **keywords)
    clouds = np.full((9, 9), 20, np.float32)
    for _ in range(4):
        assert (xcorr.correlate(clouds, kernels, dtype="u1", overflow="saturate") == 180).all()
    clouds[3, 3] = np.nan
    with pytest.raises(ValueError, match="NaN"):
        xcorr.correlate(clouds, kernels, dtype="u1", overflow="saturate")


# --- what is not taken ------------------------------------------------------------------------------------------------


def test_a_keyword_that_there_is_not_is_refused():
    images, kernels, _ = operands("plain")
    for verb in (xcorr.correlate, xcorr.convolve):
        for _ in range(3):
            verb(images, kernels)
            with pytest.raises(
                TypeError, match=rf"{verb.__name__}\(\) got an unexpected keyword argument 'strides'; allowed"
            ):
                verb(images, kernels, strides=2)
            with pytest.raises(TypeError, match="'flip'"):
                verb(images, kernels, flip=True)
    with pytest.raises(TypeError, match=r"Correlator\(\) got an unexpected keyword argument 'out'"):
        xcorr.Correlator(kernels, out=None)
    with pytest.raises(TypeError, match=r"choose_method\(\) got an unexpected keyword argument 'bias'"):
        xcorr.choose_method((9, 9), (3, 3), bias=None)


def test_forgetting_changes_no_response_and_gives_memory_back():
    images, kernels, keywords = operands("colours")
    large = np.ones((40, 300, 300), np.float32)
    expected = afresh(images, kernels, **keywords)
    for _ in range(3):
        xcorr.correlate(large, kernels[0, :, :, 0], layout="NHW")
        assert_same_bits(xcorr.correlate(images, kernels, **keywords), expected)
    assert xcorr.info()["kept_bytes"] > 0
    assert _cache.recent_calls
    assert _cache.plans.values
    xcorr.clear_caches()
    assert xcorr.info()["kept_bytes"] == 0
    assert not _cache.recent_calls
    assert not _cache.plans.values
    assert not _cache.banks.values
    assert_same_bits(xcorr.correlate(images, kernels, **keywords), expected)


def test_caches_are_bounded():
    for size in range(1, 300):
        xcorr.correlate(np.ones((size, 3)), np.ones((1, 1)))
        xcorr.correlate(np.ones((size, 3)), np.ones((1, 1)))
    assert len(_cache.plans.values) <= _cache.PLANS
    assert len(_cache.banks.values) <= _cache.BANKS
    assert len(_cache.recent_calls) <= _cache.RECENT_CALLS


@pytest.mark.parametrize("dtype", ["float32", "int64"])
@pytest.mark.parametrize("changed", ["kernels", "bias"])
def test_operands_that_another_thread_changes_meanwhile_are_remembered_as_they_were_read(monkeypatch, dtype, changed):
    rng = random_generator("meanwhile", dtype)
    images, kernels = (whole_numbers(rng, shape, dtype) for shape in ((28, 28), (2, 3, 3)))
    bias = np.array([1, 2], dtype)
    given = {"kernels": kernels, "bias": bias}[changed]
    before, respond = given.copy(), _run.respond
    expected = afresh(images, kernels.copy(), bias=bias.copy(), layout="NHW")

    def changing(job, shape, target):
        response = respond(job, shape, target)
        given[...] += 1
        return response

    xcorr.correlate(images, kernels, bias=bias, layout="NHW")
    _cache.recent_calls.clear()
    with monkeypatch.context() as patch:
        patch.setattr(_run, "respond", changing)
        assert_same_bits(xcorr.correlate(images, kernels, bias=bias, layout="NHW"), expected)
    assert len(_cache.recent_calls) == 1
    changed_response = afresh(images, kernels.copy(), bias=bias.copy(), layout="NHW")
    assert_same_bits(xcorr.correlate(images, kernels, bias=bias, layout="NHW"), changed_response)
    given[...] = before
    assert_same_bits(xcorr.correlate(images, kernels, bias=bias, layout="NHW"), expected)


# --- what is looked at before -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["int8", "int16", "int32", "int64"])
def test_pixels_of_both_signs_are_repeated(dtype):
    images = whole_numbers(random_generator("signs", dtype), (28, 28), dtype, 100)
    kernels, out = np.array([[1, -2], [3, 0]]), np.empty((27, 27), np.int64)
    correlator = xcorr.Correlator(kernels)
    calls = (lambda: xcorr.correlate(images, kernels), lambda: xcorr.correlate(images, kernels, out=out))
    for call in (*calls, lambda: correlator(images), lambda: correlator(images, out=out, workers=2)):
        expected = afresh(images, kernels)
        for _ in range(3):
            call()
        with counting() as planned:
            for _ in range(5):
                assert_same_bits(call(), expected)
        assert not planned


@pytest.mark.parametrize("dtype", ["uint8", "int8", "uint16", "int32", "uint64"])
@pytest.mark.parametrize("taps", [(-1,), (1,), (106,), (-128,), (6000001, 6000001)])
@pytest.mark.parametrize("into", [False, True])
def test_integers_that_do_not_fit_are_refused_by_repeated_calls_too(dtype, taps, into):
    kernels, limits = np.array([taps]), np.iinfo(dtype)
    out = np.full((4, 5 - len(taps)), 77, dtype) if into else None
    for first in (0, 1, -1):
        _cache.recent_calls.clear()
        correlator = xcorr.Correlator(kernels, dtype=dtype)
        calls = (
            lambda images, kernels=kernels: xcorr.correlate(images, kernels, dtype=dtype, out=out),
            lambda images, prepared=correlator: prepared(images, out=out),
        )
        for pixel in (*[first] * 4, 1, -1, 2, -2, 3, -128, 2**31, -(2**40)):
            images = np.full((4, 4), pixel)
            exact = pixel * sum(taps)
            for call in calls:
                if limits.min <= exact <= limits.max:
                    assert (call(images) == exact).all()
                else:
                    before = None if out is None else out.copy()
                    with pytest.raises(OverflowError, match=dtype):
                        call(images)
                    assert out is None or (out == before).all()


def test_saturated_integers_go_into_out_by_repeated_calls():
    images = whole_numbers(random_generator("saturated"), (20, 21), np.uint8, 255)
    kernels = np.array([[1, 2], [-1, 3]])
    out = np.empty((19, 20), np.uint8)
    keywords = {"dtype": np.uint8, "overflow": "saturate"}
    expected = afresh(images, kernels, **keywords)
    for _ in range(3):
        xcorr.correlate(images, kernels, out=out, **keywords)
    with counting() as planned:
        out[...] = 7
        assert_same_bits(xcorr.correlate(images, kernels, out=out, **keywords), expected)
    assert not planned


@pytest.mark.parametrize("verb", ["correlate", "convolve"])
def test_kernels_resized_while_the_response_is_allocated_are_not_read_beyond_their_end(verb):
    call = getattr(xcorr, verb)
    images = real_numbers(random_generator("resized"), (60, 60), "float32")
    gc.collect()
    thresholds = gc.get_threshold()
    try:
        for threshold in range(1, 30):
            kernels = np.ones((20, 20), np.float32)
            for _ in range(4):
                call(images, kernels, method="direct")
            changed, junk = kernels + 1, []

            class Resizing:
                def __del__(self, changed=changed, junk=junk):
                    changed.resize((1, 1), refcheck=False)
                    junk.extend(np.full(390, np.nan, np.float32) for _ in range(50))

            gc.disable()
            resizing = Resizing()
            resizing.itself = resizing
            del resizing
            gc.set_threshold(threshold)
            gc.enable()
            response = call(images, changed, method="direct")
            gc.disable()
            assert response.shape in ((41, 41), (60, 60))
            assert not np.isnan(response).any()
    finally:
        gc.set_threshold(*thresholds)
        gc.enable()


def test_calls_that_are_never_repeated_do_not_take_the_places_of_those_that_are():
    images, kernels, _ = operands("plain")
    for _ in range(3):
        xcorr.correlate(images, kernels)
    correlator = xcorr.Correlator(kernels)
    for _ in range(3):
        correlator(images)
    huge = np.full((5, 5), 2**40)
    for _ in range(12):
        xcorr.correlate(images.tolist(), kernels)
        xcorr.correlate(images, kernels.tolist())
        correlator(images.tolist())
        xcorr.correlate(huge, np.ones((3, 3), int))
        xcorr.correlate(huge * 0, np.ones((3, 3), int), dtype=np.uint8)
    with counting() as planned:
        xcorr.correlate(images, kernels)
        correlator(images)
    assert not planned


def test_a_number_of_workers_is_refused_by_repeated_calls_too():
    images, kernels, _ = operands("plain")
    correlator = xcorr.Correlator(kernels)
    for _ in range(4):
        xcorr.correlate(images, kernels)
        correlator(images)
        for workers, kind in (
            (0, ValueError),
            (-2, ValueError),
            (2**70, ValueError),
            (True, TypeError),
            (1.0, TypeError),
        ):
            for call in (xcorr.correlate, lambda images, _, workers: correlator(images, workers=workers)):
                with pytest.raises(kind, match="^workers: "):
                    call(images, kernels, workers=workers)


def test_misaligned_kernels_are_read_as_they_lie():
    images, kernels, _ = operands("plain")
    memory = np.empty(kernels.nbytes + 1, np.uint8)
    misaligned = memory[1:].view(np.float32).reshape(kernels.shape)
    for turn in range(6):
        misaligned[...] = kernels * np.float32(turn)
        assert_same_bits(xcorr.correlate(images, misaligned), afresh(images, misaligned.copy()))


def test_a_remembered_call_keeps_no_workspace():
    import tracemalloc

    kernels = np.ones((3, 3), np.float32)
    xcorr.clear_caches()
    tracemalloc.start()
    try:
        for length in range(40000, 40008):
            for _ in range(3):
                xcorr.correlate(np.ones((8, length), np.float32), kernels)
        assert len(_cache.recent_calls) == 8
        assert tracemalloc.get_traced_memory()[0] < 2**20 * 8
    finally:
        tracemalloc.stop()


def test_a_cache_may_be_used_by_a_handler_while_it_forgets():
    cache = _cache.Cache(2)

    class Key:
        def __init__(self, number):
            self.number = number

        def __hash__(self):
            if self.number == 3 and ("handler" not in cache.values):  # as a handler would, in the middle
                cache.values["handler"] = 1
            return self.number

    for number in range(5):
        cache.keep(Key(number), number)
    assert len(cache.values) <= 3
