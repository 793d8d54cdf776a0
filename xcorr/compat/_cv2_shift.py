"""OpenCV's phase correlation: the whitened correlation of two images, a centroid about its peak."""

from math import prod
from typing import Any

import numpy as np
from scipy.fft import next_fast_len

from xcorr._plane_transforms import transforms_of
from xcorr._typing import Array
from xcorr._workers import get_workers
from xcorr.compat._cv2_arrays import error, read_plane

REACH = 2
"""Bins on each side of the peak that the centroid is of."""
ROUNDINGS = 8
"""What a transform leaves of a constant image in bins that are 0, in roundings of the largest bin."""
MODERATE = 16
"""The exponent of the largest pixel up to which products of float32 spectra, and their squares, are normal numbers."""


def phaseCorrelate(src1: Array, src2: Array, window: Any = None) -> tuple[tuple[float, float], float]:
    """Motion of the content from one image to another, as `cv2.phaseCorrelate`.

    Parameters
    ----------
    src1, src2 : ndarray, (rows, columns)
        Two images of one shape, float32 or float64 both. Where a side is no product of 2, 3 and 5, zeros are added.
    window : ndarray, optional
        What both are multiplied with, of their shape and type.

    Returns
    -------
    tuple
        ``((x, y), response)``: the motion along columns and along rows, and the share of the correlation that lies in
        the square of 5 by 5 about its peak, 1 for a copy. Nan and 0 if one of the images is zero.

    Raises
    ------
    error
        If shapes and types are not those.

    Examples
    --------
    >>> import numpy as np
    >>> from xcorr.compat import cv2
    >>> image = np.random.default_rng(0).random((32, 32))
    >>> motion, response = cv2.phaseCorrelate(image, np.roll(image, (3, -5), (0, 1)))
    >>> np.round(motion, 6), round(response, 6)
    (array([-5.,  3.]), 1.0)
    """
    images = [read_plane(src, name) for src, name in ((src1, "src1"), (src2, "src2"))]
    factors = [] if window is None else [read_plane(window, "window")]
    for array in (*images, *factors):
        if array.dtype != images[0].dtype or array.dtype not in (np.float32, np.float64):
            raise error(f"src1, src2, window: got {array.dtype}; allowed are float32 or float64 for all")
        if array.shape != images[0].shape:
            raise error(f"src1, src2, window: got the shapes {images[0].shape}, {array.shape}; allowed is one")
    for factor in factors:
        images = [image * factor for image in images]
    correlation = whitened_correlation(*images)
    if not correlation.any():
        return (np.nan, np.nan), 0.0
    middle = np.array(correlation.shape) // 2
    correlation = np.roll(correlation, middle, (0, 1))  # the bin of no motion into the middle, as OpenCV has it
    peak = np.unravel_index(np.argmax(correlation), correlation.shape)
    first = np.maximum(np.array(peak) - REACH, 0)
    about = correlation[first[0] : peak[0] + REACH + 1, first[1] : peak[1] + REACH + 1].astype(np.float64)
    total = about.sum()
    rows, columns = (middle - first)[:, None, None] - np.indices(about.shape)
    y, x = ((about * places).sum() / total for places in (rows, columns))
    return (float(x), float(y)), float(total)


def whitened_correlation(first: Array, second: Array) -> Array:
    """The correlation whose spectrum has the magnitude 1; bins that are rounding of an image's largest one are 0."""
    lengths = [next_fast_len(length, real=True) for length in first.shape]
    transforms, n_workers = transforms_of(lengths, first.dtype), get_workers()
    spectra = [transforms.forward(moderate(image)[np.newaxis], None, n_workers) for image in (first, second)]
    for spectrum in spectra:
        transforms.phases(spectrum, float(ROUNDINGS * np.finfo(first.dtype).eps), keeps_mean=True)
    product = transforms.multiply(spectra[0], spectra[1], spectra[1], n_workers)
    correlation: Array = transforms.backward(product, (None, None), np.array([1 / prod(lengths)]), n_workers)[0]
    return correlation


def moderate(image: Array) -> Array:
    """The image over a power of two, if squares of its spectrum might leave the type."""
    _, exponent = np.frexp(np.abs(image).max())
    return image if abs(exponent) <= MODERATE else np.ldexp(image, -exponent)
