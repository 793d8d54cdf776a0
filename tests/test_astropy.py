"""Normalized convolution as astropy does it where pixels are NaN and at borders: by its formulas, and beside it."""

import warnings

import numpy as np
import pytest
from astropy_convolve import convolve
from checks import random_generator
from looping import for_each

import xcorr

SHAPES = [((9,), (3,)), ((9, 8), (3, 5)), ((5, 6), (5, 5)), ((7, 7), (1, 1))]
KINDS = ("uniform", "peaked", "crooked", "gappy")


def operands(shape, size, kind, dtype="float64"):
    """An image of which some pixels are NaN, and a kernel without negative taps."""
    rng = random_generator(shape, size, kind)
    image, kernel = rng.random(shape).astype(dtype), np.ones(size)
    image[rng.random(shape) < 0.2] = np.nan
    if kind == "peaked":
        kernel[tuple(length // 2 for length in size)] = 3
    elif kind == "crooked":
        kernel = rng.random(size) + 0.1
    elif kind == "gappy":
        kernel *= rng.random(size) > 0.3
        kernel.flat[0] = 1
    return image, kernel


def documented(image, kernel, boundary, fill_value, normalized):
    """The mean of what is no NaN under the flipped kernel, the pixel where that is nothing; times the kernel's sum."""
    half = [length // 2 for length in kernel.shape]
    mode = {"fill": "constant", "wrap": "wrap", "extend": "edge", None: "constant"}[boundary]
    words = {"constant_values": fill_value} if boundary == "fill" else {}
    padded = np.pad(image, [(side, side) for side in half], mode=mode, **words)
    result, turned = np.zeros(image.shape), kernel[(slice(None, None, -1),) * kernel.ndim]
    for place in np.ndindex(image.shape):
        window = padded[tuple(slice(index, index + length) for index, length in zip(place, kernel.shape))]
        seen = np.isfinite(window)
        inside = all(
            side <= index < length - side for index, side, length in zip(place, half, image.shape, strict=True)
        )
        if boundary is None and not inside:
            continue
        weights = turned[seen].sum()
        mean = (window[seen] * turned[seen]).sum() / weights if weights > 0 else image[place]
        result[place] = mean if normalized else mean * kernel.sum()
    return result


@for_each(("shape", "size"), SHAPES)
@for_each("kind", KINDS)
@for_each("boundary", ["fill", "wrap", "extend", None])
@for_each("normalized", [True, False])
def test_means_of_what_is_seen(shape, size, kind, boundary, normalized):
    image, kernel = operands(shape, size, kind)
    expected = documented(image, kernel, boundary, 2.5, normalized)
    got = convolve(image, kernel, boundary, 2.5, normalize_kernel=normalized)
    np.testing.assert_allclose(got, expected, rtol=1e-12)


def test_borders_that_do_not_darken():
    """Where padding is unseen a mean at the border is one of what is there."""
    image, kernel = operands((9, 8), (3, 5), "crooked")
    padded = np.pad(image, ((1, 1), (2, 2)), constant_values=np.nan)
    expected = documented(padded, kernel, "fill", 0, True)[1:-1, 2:-2]
    got = xcorr.convolve(image, kernel / kernel.sum(), padding="same", mask="finite", normalize=True)
    expected[np.isnan(got)] = np.nan
    np.testing.assert_allclose(got, expected, rtol=1e-12)


@for_each("value", [np.nan, np.inf, 1e30])
def test_a_masked_pixel_is_one_that_is_missing(value):
    image, kernel = operands((9, 8), (3, 3), "peaked")
    mask = random_generator("mask").random(image.shape) < 0.2
    expected = documented(np.where(mask, np.nan, image), kernel, "extend", 0, True)
    hidden = np.where(mask, value, image)
    seen = ~mask & ~np.isnan(image)
    words = {"padding": "same", "boundary": "edge", "normalize": True}
    got = xcorr.convolve(hidden, kernel / kernel.sum(), mask=seen, **words)
    expected[np.isnan(got)] = np.nan
    np.testing.assert_allclose(got, expected, rtol=1e-12)


@for_each(("shape", "size"), SHAPES)
@for_each("kind", KINDS)
@for_each("boundary", ["fill", "wrap", "extend", None])
def test_pixels_that_are_filled_or_kept(shape, size, kind, boundary):
    image, kernel = operands(shape, size, kind)
    unseen = np.isnan(image)
    expected = documented(image, kernel, boundary, 0.5, True)
    expected[unseen] = np.nan
    got = convolve(image, kernel, boundary, 0.5, preserve_nan=True)
    np.testing.assert_allclose(got, expected, rtol=1e-12)
    expected = documented(np.where(unseen, 0.5, image), kernel, boundary, 0.5, True)
    got = convolve(image, kernel, boundary, 0.5, nan_treatment="fill")
    np.testing.assert_allclose(got, expected, rtol=1e-12)


@for_each(("shape", "size"), SHAPES)
@for_each("kind", KINDS)
@for_each("boundary", ["fill", "wrap", "extend", None])
def test_beside_astropy(shape, size, kind, boundary):
    """By `make equivalences`, which installs it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        astropy = pytest.importorskip("astropy.convolution")
    for dtype in ("float32", "float64"):
        image, kernel = operands(shape, size, kind, dtype)
        for words in ({}, {"normalize_kernel": False}, {"nan_treatment": "fill"}, {"preserve_nan": True}):
            with np.errstate(all="ignore"), warnings.catch_warnings():
                warnings.simplefilter("ignore")  # about pixels that nothing is seen of
                expected = astropy.convolve(image, kernel, boundary, 0.5, **words)
            got = convolve(image, kernel, boundary, 0.5, **words)
            known = np.isfinite(got)
            np.testing.assert_allclose(got[known], expected[known], rtol=1e-6 if dtype == "float32" else 1e-12)
