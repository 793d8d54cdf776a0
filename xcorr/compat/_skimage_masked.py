"""scikit-image's normalized correlation under masks, and the shift at its peak."""

from typing import Any

import numpy as np

from xcorr._correlate import correlate
from xcorr._typing import Array
from xcorr.compat._axes import LAYOUTS
from xcorr.compat._skimage_arrays import float_type

MODES = ("full", "same")
ROUNDINGS = 1e3
"""Norms that are below so many roundings of the largest one are of no contrast."""


def masked_shift(reference: Array, moving: Array, reference_mask: Any, moving_mask: Any, overlap_ratio: float) -> Array:
    """The shift between the images' middles at the largest score, in the middle of equal ones."""
    if reference_mask is None:
        reference_mask = np.ones(reference.shape, bool)
    if moving_mask is None:
        if reference.shape != moving.shape:
            raise ValueError("Input images have different shapes, moving_mask must be explicitly set.")
        moving_mask = reference_mask
    masks = [np.asarray(mask) for mask in (reference_mask, moving_mask)]
    if (reference.shape, moving.shape) != (masks[0].shape, masks[1].shape):
        raise ValueError("Image sizes must match their respective mask sizes.")
    axes = tuple(range(moving.ndim))
    scores = cross_correlate_masked(moving, reference, masks[1], masks[0], "full", axes, overlap_ratio)
    middle = np.argwhere(scores == scores.max()).mean(axis=0)
    mismatch = np.array(moving.shape) - np.array(reference.shape)
    return np.asarray(mismatch / 2 - (middle - np.array(reference.shape) + 1))


def cross_correlate_masked(
    arr1: Array,
    arr2: Array,
    m1: Array,
    m2: Array,
    mode: str = "full",
    axes: tuple[int, ...] = (-2, -1),
    overlap_ratio: float = 0.3,
) -> Array:
    """Correlation coefficients of two arrays at each shift, of what both masks leave of them.

    Parameters
    ----------
    arr1, arr2
        Arrays of real numbers, of the same lengths along all but the axes that are shifted along.
    m1, m2
        Their masks, of their shapes.
    mode
        "full", or "same": the middle of it, of the first array's shape.
    axes
        The axes that are shifted along, one to three.
    overlap_ratio
        Where less is seen than so much of the most along these axes, the score is 0.
    """
    if mode not in MODES:
        raise ValueError(f"Correlation mode '{mode}' is not valid.")
    arrays = [np.asarray(array) for array in (arr1, arr2)]
    dtype = np.result_type(*(float_type(array.dtype) for array in arrays))
    n_axes = arrays[0].ndim
    along = sorted(axis % n_axes for axis in axes)
    for axis in set(range(n_axes)) - set(along):
        if arrays[0].shape[axis] != arrays[1].shape[axis]:
            raise ValueError(
                "Array shapes along non-transformation axes should be equal, "
                f"but dimensions along axis {axis} are not: got {arrays[0].shape} and {arrays[1].shape}"
            )
    last = range(n_axes - len(along), n_axes)
    fixed, moving, seen, moving_seen = (
        np.moveaxis(np.asarray(array), along, last)
        for array in (*(each.astype(dtype, copy=False) for each in arrays), np.array(m1, bool), np.array(m2, bool))
    )
    leading = fixed.shape[: -len(along)]
    scores = [
        scored(fixed[place], moving[place], seen[place], moving_seen[place], overlap_ratio)
        for place in np.ndindex(*leading)
    ]
    response = np.moveaxis(np.reshape(scores, (*leading, *scores[0].shape)), last, along)
    if mode == "full":
        return response
    middle = zip(response.shape, arrays[0].shape, strict=True)
    return response[tuple(slice((full - own) // 2, (full - own) // 2 + own) for full, own in middle)]


def scored(image: Array, template: Array, seen: Array, template_seen: Array, overlap_ratio: float) -> Array:
    """The scores of one pair at all shifts at which they overlap: Padfield's sums, in float64 and about the means."""
    layout = LAYOUTS[image.ndim]
    counts = correlate(seen.astype(np.uint8), template_seen.astype(np.uint8), layout=layout, padding="full")
    n_seen = np.maximum(counts, 1)
    pixels, taps = centred(image, seen), centred(template, template_seen)
    own, own_taps = seen.astype(np.float64), template_seen.astype(np.float64)
    keywords: dict[str, Any] = {"layout": layout, "padding": "full"}
    sums, products = np.moveaxis(correlate(pixels, np.stack([own_taps, taps]), **keywords), -1, 0)
    of_taps, squares_of_taps = np.moveaxis(correlate(own, np.stack([taps, taps**2]), **keywords), -1, 0)
    squares = correlate(pixels**2, own_taps, **keywords)
    powers = np.maximum(squares - sums**2 / n_seen, 0) * np.maximum(squares_of_taps - of_taps**2 / n_seen, 0)
    norms = np.sqrt(powers)
    is_defined = (norms > ROUNDINGS * np.finfo(np.float64).eps * norms.max()) & (counts >= overlap_ratio * counts.max())
    scores = (products - sums * of_taps / n_seen) / np.where(is_defined, norms, 1)
    return np.where(is_defined, np.clip(scores, -1, 1), 0).astype(image.dtype)


def centred(image: Array, seen: Array) -> Array:
    """What is seen of an image, about its mean, and 0 elsewhere."""
    pixels: Array = image[seen].astype(np.float64)
    found = np.zeros(image.shape)
    found[seen] = pixels - pixels.mean() if pixels.size else pixels
    return found
