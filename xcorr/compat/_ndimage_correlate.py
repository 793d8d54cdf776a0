"""Correlation and convolution by `scipy.ndimage`'s names: over all axes, over some, along one."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from xcorr._typing import Array
from xcorr.compat._axes import Sides
from xcorr.compat._ndimage_arguments import (
    Target,
    check_types,
    for_each_axis,
    read_axes,
    read_axis,
    read_boundary,
    read_fill,
    read_sides,
    read_target,
    turned,
)
from xcorr.compat._ndimage_sums import cast, sums_of

Output = npt.DTypeLike | Array | None
ALONG = "Invalid origin; origin must satisfy -(len(weights) // 2) <= origin <= (len(weights)-1) // 2"
AROUND = "Invalid origin; origin must satisfy -(weights.shape[k] // 2) <= origin[k] <= (weights.shape[k]-1) // 2"


def correlate(
    input: npt.ArrayLike,
    weights: npt.ArrayLike,
    output: Output = None,
    mode: str = "reflect",
    cval: complex = 0.0,
    origin: int | Sequence[int] = 0,
    *,
    axes: int | Sequence[int] | None = None,
) -> Array:
    """Correlate an array with weights of as many axes.

    Parameters
    ----------
    input : array_like
        Bools, integers of up to 64 bits, float32, float64, complex64 or complex128.
    weights : array_like
        As many axes as `input`, or as `axes` tells, in rising order. Complex ones are conjugated.
    output : array or dtype, optional
        Where the response goes, or its type; the type of `input` without it.
    mode : {"reflect", "constant", "nearest", "mirror", "wrap", "grid-mirror", "grid-constant", "grid-wrap"}
        What lies beyond the borders.
    cval : scalar
        The number beyond the borders with mode "constant".
    origin : int or sequence of ints
        How far responses move towards the end, for each of `axes`; in ``-(k // 2) .. (k - 1) // 2`` for `k` weights.
    axes : int or sequence of ints, optional
        The axes of `input` that the weights lie along; all without it.

    Returns
    -------
    ndarray
        The response: `output` if that is an array, else a new one; of the shape of `input`.

    Raises
    ------
    ValueError
        For an origin or axes that cannot be; for a complex `cval` of real numbers.
    RuntimeError
        For an unknown mode, for several; for a number of weights' axes or a shape or type of `output` that do not fit.

    Examples
    --------
    >>> from xcorr.compat import scipy_ndimage as ndimage
    >>> ndimage.correlate([[1, 2, 3], [4, 5, 6]], [[1, 1], [1, 1]])
    array([[ 4,  6, 10],
           [10, 12, 16]])
    """
    return along_axes(np.asarray(input), np.asarray(weights), output, mode, cval, origin, axes, is_convolution=False)


def convolve(
    input: npt.ArrayLike,
    weights: npt.ArrayLike,
    output: Output = None,
    mode: str = "reflect",
    cval: complex = 0.0,
    origin: int | Sequence[int] = 0,
    *,
    axes: int | Sequence[int] | None = None,
) -> Array:
    """Convolve an array with weights of as many axes: flipped along each, and not conjugated.

    Parameters
    ----------
    input, weights, output, mode, cval, axes
        As those of `correlate`.
    origin : int or sequence of ints
        How far responses move towards the beginning, for each of `axes`.

    Returns
    -------
    ndarray
        The response: `output` if that is an array, else a new one; of the shape of `input`.

    Examples
    --------
    >>> from xcorr.compat import scipy_ndimage as ndimage
    >>> ndimage.convolve([[1, 2, 3], [4, 5, 6]], [[1, 1], [1, 1]])
    array([[12, 16, 18],
           [18, 22, 24]])
    """
    return along_axes(np.asarray(input), np.asarray(weights), output, mode, cval, origin, axes, is_convolution=True)


def correlate1d(
    input: npt.ArrayLike,
    weights: npt.ArrayLike,
    axis: int = -1,
    output: Output = None,
    mode: str = "reflect",
    cval: complex = 0.0,
    origin: int = 0,
) -> Array:
    """Correlate along one axis of an array.

    Parameters
    ----------
    input, output, mode, cval
        As those of `correlate`.
    weights : array_like, (n,)
        At least one. Complex ones are conjugated.
    axis : int
        The axis of `input` that the weights lie along.
    origin : int
        How far responses move towards the end, in ``-(n // 2) .. (n - 1) // 2``.

    Returns
    -------
    ndarray
        The response: `output` if that is an array, else a new one; of the shape of `input`.

    Examples
    --------
    >>> from xcorr.compat import scipy_ndimage as ndimage
    >>> ndimage.correlate1d([2, 8, 0, 4, 1, 9, 9, 0], weights=[1, 3])
    array([ 8, 26,  8, 12,  7, 28, 36,  9])
    """
    return along_axis(np.asarray(input), np.asarray(weights), axis, output, mode, cval, origin)


def convolve1d(
    input: npt.ArrayLike,
    weights: npt.ArrayLike,
    axis: int = -1,
    output: Output = None,
    mode: str = "reflect",
    cval: complex = 0.0,
    origin: int = 0,
) -> Array:
    """Convolve along one axis of an array.

    Parameters
    ----------
    input, axis, output, mode, cval
        As those of `correlate1d`.
    weights : array_like, (n,)
        At least one; not conjugated.
    origin : int
        How far responses move towards the beginning.

    Returns
    -------
    ndarray
        The response: `output` if that is an array, else a new one; of the shape of `input`.

    Examples
    --------
    >>> from xcorr.compat import scipy_ndimage as ndimage
    >>> ndimage.convolve1d([2, 8, 0, 4, 1, 9, 9, 0], weights=[1, 3])
    array([14, 24,  4, 13, 12, 36, 27,  0])
    """
    taps = np.asarray(weights)[::-1]
    (turned_origin,) = turned([origin], taps.shape[:1])
    return along_axis(np.asarray(input), np.conj(taps), axis, output, mode, cval, turned_origin)


def along_axis(image: Array, taps: Array, axis: Any, output: Any, mode: Any, cval: Any, origin: Any) -> Array:
    """Correlation along one axis."""
    target, taps, fill_value = read_numbers(image, taps, output, cval)
    if taps.ndim != 1 or taps.size == 0:
        raise RuntimeError("no filter weights given")
    axis = read_axis(axis, image.ndim)
    side = read_sides(len(taps), origin, ALONG)
    boundary = [read_boundary(mode)] * image.ndim
    sides = [side if other == axis else (0, 0) for other in range(image.ndim)]
    kernel = taps.reshape([len(taps) if other == axis else 1 for other in range(image.ndim)])
    return target.take(cast(sums_of(image, kernel, sides, boundary, fill_value, target.dtype), target.dtype))


def along_axes(
    image: Array, taps: Array, output: Any, mode: Any, cval: Any, origin: Any, axes: Any, *, is_convolution: bool
) -> Array:
    """Correlation or convolution along all axes or some."""
    target, taps, fill_value = read_numbers(image, taps, output, cval)
    axes = read_axes(axes, image.ndim)
    if taps.ndim != len(axes) or 0 in taps.shape:
        n_axes = sum(length > 0 for length in taps.shape)
        raise RuntimeError(f"weights.ndim ({n_axes}) must match len(axes) ({len(axes)})")
    origins = dict(zip(axes, for_each_axis(origin, len(axes)), strict=True))
    in_order = sorted(axes)
    moved = [origins[axis] for axis in in_order]
    if is_convolution:
        taps, moved = np.conj(np.flip(taps)), turned(moved, taps.shape)
    around = [read_sides(length, by, AROUND) for length, by in zip(taps.shape, moved, strict=True)]
    if not isinstance(mode, str) and np.iterable(mode):
        raise RuntimeError("A sequence of modes is not supported")
    boundary = [read_boundary(mode)] * image.ndim
    lengths = dict(zip(in_order, zip(taps.shape, around, strict=True), strict=True))
    kernel = taps.reshape([lengths[axis][0] if axis in lengths else 1 for axis in range(image.ndim)])
    sides: Sides = [lengths[axis][1] if axis in lengths else (0, 0) for axis in range(image.ndim)]
    sums = sums_of(image, kernel, sides, boundary, fill_value, target.dtype, has_holes=True)
    return target.take(cast(sums, target.dtype))


def read_numbers(image: Array, taps: Array, output: Any, cval: Any) -> tuple[Target, Array, Any]:
    """The place of the response, the taps in float64 or complex128, and what lies beyond the borders."""
    is_complex = image.dtype.kind == "c" or taps.dtype.kind == "c"
    target = read_target(output, image, is_complex=is_complex)
    check_types(image, target, is_complex=is_complex)
    taps = taps.astype(np.complex128 if taps.dtype.kind == "c" else np.float64)
    if taps.dtype.kind == "c" and image.dtype.kind != "c" and np.iscomplexobj(cval):
        raise ValueError("Cannot provide a complex-valued cval when the input is real.")
    return target, taps, read_fill(cval, image)
