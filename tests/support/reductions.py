"""Reductions beside NumPy's of the response that the same call without them gives."""

from typing import NamedTuple

import numpy as np
from checks import assert_same_bits

import xcorr
from xcorr import _reference

EXTREMES = ("max", "min", "argmax", "argmin")
NAMES = (*EXTREMES, "mean", "ppv", "energy")
OVERS = ("positions", "kernels")


class Axes(NamedTuple):
    """What the axes of a response are: the images' layout, and whether it has those of images and of kernels."""

    layout: str
    has_images: bool
    has_kernels: bool
    first: tuple[int, int] = (0, 0)
    """The row and the column of its first position in the whole response."""


def axes_of(images, kernels, layout=None, roi=None, pairwise=False, **keywords):
    """The axes of a call's response; a plane with every channel has the channels as kernels."""
    kernel_axes = np.ndim(kernels) - pairwise
    layout = layout or ("NHWC" if 4 in (np.ndim(images), kernel_axes) else "NHW")
    first = (0, 0)
    if roi is not None:
        row, column = (layout.index("H") - len(layout), layout.index("W") - len(layout))
        at = slice(row, column + 1 or None)
        plane = -2 if "C" in layout and kernel_axes == 2 else row
        of_kernel = np.shape(kernels)[plane:][:2]
        sizes = {name: keywords[name] for name in ("padding", "stride", "dilation") if name in keywords}
        whole = xcorr.response_shape(np.shape(images)[at], of_kernel, **sizes)
        first = tuple(part.indices(length)[0] for part, length in zip(roi, whole, strict=True))
    has_kernels = kernel_axes == len(layout) or ("C" in layout and kernel_axes == 2)
    return Axes(layout, np.ndim(images) == len(layout), has_kernels, first)


def axes_of_scores(images, templates, layout, pairwise=False, first=(0, 0)):
    """The axes of the scores of a call."""
    n_axes = templates.ndim - pairwise
    return Axes(layout, images.ndim == len(layout), n_axes == len(layout) or ("C" in layout and n_axes == 2), first)


def in_order(response, axes):
    """(N, K, rows, columns), whatever axes there are."""
    ordered = _reference._response_in_order(response, axes.layout, axes.has_images, axes.has_kernels)
    return np.moveaxis(ordered, 3, 1)


def of_numpy(response, name, over, axes):
    """NumPy's reduction of a response; sums in float64, and of float64 in long double."""
    ordered = in_order(response, axes)
    n_images, n_kernels, n_rows, n_columns = ordered.shape
    lines = ordered.reshape(n_images, n_kernels, n_rows * n_columns)
    lines = lines if over == "positions" else np.moveaxis(lines, 1, -1)
    found = of_lines(lines, name)
    if over == "kernels":
        found = found.reshape(n_images, n_rows, n_columns)
    elif name in ("argmax", "argmin"):
        found = np.stack(np.unravel_index(found, (n_rows, n_columns)), axis=-1) + np.array(axes.first)
    if over == "positions" and not axes.has_kernels:
        found = found[:, 0]
    return found if axes.has_images else np.asarray(found[0])


def of_map(peaks, response, axes, find=None):
    """The records of a finished response with whole places, as the peaks or another function find them."""
    ordered = np.moveaxis(in_order(response, axes), 1, 3)
    found = (find or peaks)(ordered, "NHWC")
    for name, begin in zip(("row", "column"), axes.first, strict=True):
        found[name][found["kernel"] >= 0] += begin
        found["sub_" + name][found["kernel"] >= 0] += begin
    found = found if peaks.per == "image" or axes.has_kernels else found[:, 0]
    return found if axes.has_images else found[0]


def of_lines(lines, name):
    """NumPy's reduction over the last axis."""
    if name in EXTREMES:
        return getattr(lines, name)(axis=-1)
    wide = object if lines.dtype.kind in "iu" else np.longdouble
    with np.errstate(all="ignore"):
        if name == "ppv":
            return (lines > 0).sum(axis=-1) / np.float64(lines.shape[-1])
        found = (lines.astype(wide) ** (1 if name == "mean" else 2)).sum(axis=-1)
        if name == "energy":
            return found
        return found / lines.shape[-1] if lines.shape[-1] else np.full(found.shape, np.nan)


def assert_reduced(images, kernels, *, names=NAMES, function=xcorr.correlate, overs=OVERS, workers=1, **keywords):
    """Every reduction is NumPy's of the response: extremes, places and shares to the bit, sums within their bound."""
    response = function(images, kernels, workers=workers, **keywords)
    axes = axes_of(images, kernels, **keywords)
    for over in overs:
        found = function(images, kernels, reduce=names, over=over, workers=workers, **keywords)
        assert_are_of(found, response, names, over, axes)
    return response


def assert_are_of(found, response, names, over, axes):
    """The same of results that are there already."""
    assert isinstance(found, tuple)
    assert len(found) == len(names)
    for name, result in zip(names, found, strict=True):
        expected = of_numpy(response, name, over, axes)
        assert result.shape == expected.shape, (name, over)
        assert result.dtype == dtype_of(response, name), (name, over)
        if name in (*EXTREMES, "ppv"):
            assert np.array_equal(result, expected, equal_nan=result.dtype.kind == "f"), (name, over)
        else:
            assert_sums(result, expected, response, name, over, axes)


def dtype_of(response, name):
    """The type of a result, as the documentation has it."""
    if name in ("argmax", "argmin"):
        return np.dtype(np.intp)
    whole = response.dtype.kind in "iu"
    if name == "ppv" or (name == "mean" and whole):
        return np.dtype(np.float64)
    return np.dtype(np.int64) if name == "energy" and whole else response.dtype


def assert_sums(result, expected, response, name, over, axes):
    """Within (4 + 2 sqrt(n)) u of the sum of magnitudes; of integers exactly, but for the mean's rounding."""
    if response.dtype.kind in "iu":
        exact = np.asarray(expected, object).astype(result.dtype)
        assert np.array_equal(result, exact, equal_nan=result.dtype.kind == "f"), (name, over)
        return
    count = response.size // max(1, expected.size)
    with np.errstate(all="ignore"):
        sizes = of_numpy(np.abs(response), name, over, axes)
        expected = np.asarray(expected, np.longdouble)
        bound = (4 + 2 * np.sqrt(count)) * np.finfo(response.dtype).eps / 2 * sizes
        near = np.abs(result.astype(np.longdouble) - expected) <= bound + np.finfo(response.dtype).tiny
        expected = expected.astype(response.dtype)
    unknown = ~np.isfinite(expected)
    assert np.array_equal(result[unknown], expected[unknown], equal_nan=True), (name, over)
    assert np.all(near | unknown), (name, over)


def assert_same_reductions(one, other):
    """Two tuples of results are the same to the bit."""
    assert len(one) == len(other)
    for first, second in zip(one, other, strict=True):
        assert_same_bits(first, second)
