"""A small call that is done again is the same call: whatever may differ is looked at before it is repeated."""

import sys
import weakref
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from checks import assert_same_bits, random_generator, real_numbers
from looping import for_each
from repeats import DTYPES, afresh, operands, over_calls, remembered

import xcorr
from xcorr import _cache, _dispatch

pytestmark = pytest.mark.usefixtures("level")


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
    assert len(remembered()) == 1
    assert len(correlator._repeats[_dispatch.current()]) == 1


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


def test_axes_of_one_place_may_have_any_stride():
    signal, taps = np.arange(50, dtype=np.float32), np.arange(3, dtype=np.float32)
    for axis in (0, 1):
        image, kernel = np.expand_dims(signal, axis), np.expand_dims(taps, axis)
        expected = afresh(image, kernel)
        _cache.recent_calls.clear()
        for _ in range(3):
            assert_same_bits(xcorr.correlate(image, kernel), expected)
        assert len(remembered()) == 1
        before = remembered()
        assert_same_bits(xcorr.correlate(image.copy(), kernel.copy()), expected)
        assert remembered() == before
