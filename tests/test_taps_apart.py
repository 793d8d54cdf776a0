"""Taps of a kernel row that lie apart, by dilation or as every second column: the bits of those that are neighbours."""

import numpy as np
import pytest
from checks import assert_same_bits, random_generator, real_numbers

import xcorr

pytestmark = pytest.mark.usefixtures("level")

SIDES = ((3, 3), (5, 5), (4, 4), (7, 6), (1, 9), (9, 1), (11, 11), (2, 3))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("dilation", [2, 3, 5])
@pytest.mark.parametrize("kernel_shape", SIDES)
def test_columns_of_a_residue_are_an_image_of_their_own(kernel_shape, dilation, dtype):
    rng = random_generator(kernel_shape, dilation, dtype)
    for n_rows, n_columns, n_kernels in ((40, 331, 1), (13, 90, 2), (12, 75, 4), (41, 64, 1)):
        images = real_numbers(rng, (n_rows, n_columns), dtype)
        kernels = real_numbers(rng, (n_kernels, *kernel_shape), dtype)
        keywords = {"layout": "NHW", "method": "direct", "bias": np.full(n_kernels, 0.3, dtype)}
        response = xcorr.correlate(images, kernels, dilation=(1, dilation), **keywords)
        for residue in range(dilation):
            own = xcorr.correlate(np.ascontiguousarray(images[:, residue::dilation]), kernels, **keywords)
            assert_same_bits(np.ascontiguousarray(response[:, residue::dilation]), own)


@pytest.mark.parametrize("dilation", [2, 4])
def test_every_second_window_of_taps_apart_is_one_of_all(dilation):
    rng = random_generator(dilation)
    images, kernel = real_numbers(rng, (30, 301), np.float32), real_numbers(rng, (5, 5), np.float32)
    keywords = {"layout": "NHW", "method": "direct", "padding": "same", "dilation": (1, dilation)}
    every = xcorr.correlate(images, kernel, **keywords)
    assert_same_bits(xcorr.correlate(images, kernel, stride=(1, 2), **keywords), np.ascontiguousarray(every[:, ::2]))
