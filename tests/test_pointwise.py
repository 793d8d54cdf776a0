"""Kernels of one pixel: responses have the same bits whether channels come last or lie in planes."""

import numpy as np
import pytest
from checks import assert_same_bits, random_generator, real_numbers
from looping import for_each

import xcorr

pytestmark = pytest.mark.usefixtures("level")

SIZES = [(7, 7), (5, 40), (1, 1), (9, 1), (1, 33), (16, 17)]


def both(images, kernels, **keywords):
    """The responses of channels last, and of planes with their channels put last."""
    planes = (np.ascontiguousarray(array.transpose(0, 3, 1, 2)) for array in (images, kernels))
    first = xcorr.correlate(*planes, layout="NCHW", method="direct", **keywords)
    return xcorr.correlate(images, kernels, layout="NHWC", method="direct", **keywords), first.transpose(0, 2, 3, 1)


@for_each("dtype", ["float32", "float64", "float16", ">f4", "complex64"])
@pytest.mark.parametrize("depth", [2, 24, 98, 300])
@pytest.mark.parametrize("size", SIZES)
def test_planes_give_the_bits_of_channels_last(size, depth, dtype):
    rng = random_generator(size, depth, dtype)
    images, kernels = real_numbers(rng, (2, *size, depth), dtype), real_numbers(rng, (40, 1, 1, depth), dtype)
    for keywords in ({}, {"padding": 1}, {"stride": 2}, {"padding": (2, 0), "stride": (1, 3), "boundary": "edge"}):
        assert_same_bits(*both(images, kernels, **keywords))
    assert_same_bits(*both(images, kernels[..., : depth // 2], groups=2))


@for_each("depth", [3, 64, 130])
@pytest.mark.parametrize("n_kernels", [*range(1, 15), 17, 21, 33])
def test_planes_give_each_kernel_its_bits_in_any_bank(n_kernels, depth):
    rng = random_generator(n_kernels, depth)
    images, kernels = (real_numbers(rng, shape, "float32") for shape in ((1, 17, 31, depth), (n_kernels, 1, 1, depth)))
    last, first = both(images, kernels)
    assert_same_bits(last, first)
    alone = [both(images, kernels[index : index + 1])[1] for index in range(n_kernels)]
    assert_same_bits(np.concatenate(alone, axis=-1), first)


@pytest.mark.parametrize("depth", [97, 70_000])
def test_planes_of_a_view_are_read_as_they_lie(depth):
    rng = random_generator("view", depth)
    kernels = real_numbers(rng, (33, 1, 1, depth), "float32")
    whole = real_numbers(rng, (2, depth, 3, 14), "float32")
    for view in (whole[:, :, 1:, 3:12], whole[:, :, ::-1], whole[:, :, :, ::2], whole[:, ::-1]):
        last = xcorr.correlate(view.transpose(0, 2, 3, 1), kernels, layout="NHWC", method="direct")
        assert_same_bits(both(np.ascontiguousarray(view.transpose(0, 2, 3, 1)), kernels)[1], last)


@pytest.mark.parametrize(("depth", "n_kernels"), [(256, 256), (520, 272), (2048, 16)])
def test_pieces_of_many_windows_give_each_image_its_bits(depth, n_kernels):
    """More windows than a piece has, of images that are joined, turned or read in planes, at any number of workers."""
    rng = random_generator("pieces", depth)
    images, kernels = (real_numbers(rng, shape, "float32") for shape in ((5, 9, 11, depth), (n_kernels, 1, 1, depth)))
    last, first = both(images, kernels)
    assert_same_bits(last, first)
    assert_same_bits(both(images, kernels, workers=2)[0], last)
    for index in (0, 4):
        assert_same_bits(both(images[index : index + 1], kernels[-3:])[1], last[index : index + 1, ..., -3:])
    assert_same_bits(xcorr.correlate(images, kernels, layout="NHWC", method="direct", reduce="max"), last.max((1, 2)))
