"""Tiles with lanes over kernels give the bits of the same kernels alone, whose lanes run over columns."""

import numpy as np
import pytest
from checks import assert_same_bits, random_generator, real_numbers
from looping import for_each

import xcorr

pytestmark = pytest.mark.usefixtures("level")

SUMS = {  # height, width and channels of the kernels, by how the blocks of their sums fall
    "one block": (1, 3, 2),
    "short blocks": (3, 3, 3),
    "short blocks in one row": (1, 1, 64),
    "long blocks": (3, 3, 70),
    "compensated": (2, 2, 4200),
}


@for_each("n_kernels", [8, 13, 16, 18, 32, 37, 48])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("sum_of", SUMS)
def test_bits_of_every_tile_width_are_those_of_one_kernel_alone(dtype, sum_of, n_kernels):
    height, width, channels = SUMS[sum_of]
    rng = random_generator(sum_of, n_kernels, dtype)
    kernels = real_numbers(rng, (n_kernels, height, width, channels), dtype)
    bias = real_numbers(rng, n_kernels, dtype)
    long_sums = (1, 2, 3, 4, 5, 6, 40, 75) if n_kernels == 37 else (1, 2, 3, 4, 5, 6)
    for columns in long_sums if sum_of == "compensated" else (*range(1, 17), 27, 29):
        images = real_numbers(rng, (1, height + 1, columns + width - 1, channels), dtype)
        frame = np.full((1, 2, columns, n_kernels + 1), 7, dtype=dtype)
        together = xcorr.correlate(images, kernels, bias=bias, method="direct", out=frame[..., :n_kernels])
        for kernel in {0, n_kernels // 2, n_kernels - 1}:
            chosen = slice(kernel, kernel + 1)
            alone = xcorr.correlate(images, kernels[chosen], bias=bias[chosen], method="direct")
            assert_same_bits(together[..., chosen], alone)
        assert (frame[..., n_kernels] == 7).all()


@for_each("n_kernels", [6, 7, 13, 20])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("padding", [0, 1])
def test_bits_of_planes_are_those_of_one_kernel_alone(dtype, padding, n_kernels):
    """Pairs of vectors of 6 and 7 kernels keep short blocks' totals in registers; rows of strips may be aligned."""
    rng = random_generator(padding, n_kernels, dtype)
    kernels, bias = real_numbers(rng, (n_kernels, 3, 3, 3), dtype), real_numbers(rng, n_kernels, dtype)
    for columns in (5, 8, 9, 15, 16, 17, 27, 31, 32, 33, 48, 64):
        images = real_numbers(rng, (2, 3, 5, columns + 2 - 2 * padding), dtype)
        keywords = {"layout": "NCHW", "method": "direct", "padding": padding}
        together = xcorr.correlate(images, kernels, bias=bias, **keywords)
        for kernel in {0, n_kernels // 2, n_kernels - 1}:
            chosen = slice(kernel, kernel + 1)
            alone = xcorr.correlate(images, kernels[chosen], bias=bias[chosen], **keywords)
            assert_same_bits(together[:, chosen], alone)
