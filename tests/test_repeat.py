"""A small call that is done again is the same call: whatever may differ is looked at before it is repeated."""

import sys
import weakref
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from checks import assert_same_bits, random_generator, real_numbers
from looping import for_each

import xcorr
from xcorr import _correlate, _dispatch

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
    """The response of a call that cannot be a repeated one: it has `out`."""
    first = xcorr.correlate(images, kernels, workers=1, **keywords)
    return xcorr.correlate(images, kernels, out=np.full_like(first, 7), **keywords)


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
    _correlate._recent.clear()
    correlator = xcorr.Correlator(kernels)
    for _ in range(3):
        xcorr.correlate(images, kernels)
        correlator(images)
    assert len(_correlate._recent) == 1
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
