"""Gaussians, their derivatives and running means by `scipy.ndimage`'s names: one pass along each axis."""

import numbers
import operator
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from numpy.polynomial import polynomial

from xcorr._typing import Array
from xcorr.compat._ndimage_arguments import (
    check_types,
    for_each_axis,
    read_axes,
    read_axis,
    read_boundary,
    read_fill,
    read_sides,
    read_target,
)
from xcorr.compat._ndimage_correlate import Output, correlate1d
from xcorr.compat._ndimage_sums import cast, sums_of

SMALLEST = 1e-15
"""Axes of a standard deviation up to here are left as they are."""


def gaussian_taps(sigma: float, order: int, radius: int) -> Array:
    """Taps of a derivative of a Gaussian, whose own taps sum to 1, for a convolution.

    The derivative of p(x) exp(-x^2 / 2 sigma^2) is (p'(x) - p(x) x / sigma^2) exp(-x^2 / 2 sigma^2).
    """
    if order < 0:
        raise ValueError("order must be non-negative")
    variance = sigma * sigma
    points = np.arange(-radius, radius + 1)
    bell = np.exp(-0.5 / variance * points**2)
    factor = np.ones(1)
    for _ in range(operator.index(order)):
        factor = polynomial.polysub(polynomial.polyder(factor), polynomial.polymulx(factor) / variance)
    return np.asarray(polynomial.polyval(points, factor) * (bell / bell.sum()))


def gaussian_filter1d(
    input: npt.ArrayLike,
    sigma: float,
    axis: int = -1,
    order: int = 0,
    output: Output = None,
    mode: str = "reflect",
    cval: complex = 0.0,
    truncate: float = 4.0,
    *,
    radius: int | None = None,
) -> Array:
    """Convolve along one axis with a Gaussian or one of its derivatives.

    Parameters
    ----------
    input, axis, output, mode, cval
        As those of `correlate1d`.
    sigma : float
        The standard deviation, in elements.
    order : int
        Which derivative, at least 0.
    truncate : float
        Where the kernel ends, in standard deviations.
    radius : int, optional
        Where it ends, in elements: it has ``2 * radius + 1`` taps.

    Returns
    -------
    ndarray
        The response: `output` if that is an array, else a new one; of the shape of `input`.

    Raises
    ------
    ValueError
        For a negative `order`, for a `radius` that is negative or no integer.

    Examples
    --------
    >>> from xcorr.compat import scipy_ndimage as ndimage
    >>> ndimage.gaussian_filter1d([1.0, 2.0, 3.0, 4.0, 5.0], 1).round(4)
    array([1.427 , 2.0678, 3.    , 3.9322, 4.573 ])
    """
    deviation = float(sigma)
    reach = int(truncate * deviation + 0.5) if radius is None else radius
    if not isinstance(reach, numbers.Integral) or reach < 0:
        raise ValueError("Radius must be a nonnegative integer.")
    taps = gaussian_taps(deviation, order, int(reach))
    return correlate1d(input, taps[::-1], axis, output, mode, cval, 0)


def gaussian_filter(
    input: npt.ArrayLike,
    sigma: float | Sequence[float],
    order: int | Sequence[int] = 0,
    output: Output = None,
    mode: str | Sequence[str] = "reflect",
    cval: complex = 0.0,
    truncate: float = 4.0,
    *,
    radius: int | Sequence[int] | None = None,
    axes: int | Sequence[int] | None = None,
) -> Array:
    """Convolve with a Gaussian or its derivatives, along one axis after the other.

    Parameters
    ----------
    input, output, cval, truncate
        As those of `gaussian_filter1d`; what one axis gives is cast to the response's type before the next.
    sigma, order, mode, radius : scalar or sequence
        As those of `gaussian_filter1d`, for each of `axes`. Axes of a `sigma` of 0 are left as they are.
    axes : int or sequence of ints, optional
        The axes that are smoothed; all without it.

    Returns
    -------
    ndarray
        The response: `output` if that is an array, else a new one; of the shape of `input`.

    Examples
    --------
    >>> import numpy as np
    >>> from xcorr.compat import scipy_ndimage as ndimage
    >>> ndimage.gaussian_filter(np.arange(0, 50, 2).reshape(5, 5), sigma=1)
    array([[ 4,  6,  8,  9, 11],
           [10, 12, 14, 15, 17],
           [20, 22, 24, 25, 27],
           [29, 31, 33, 34, 36],
           [35, 37, 39, 40, 42]])
    """
    image = np.asarray(input)
    target = read_target(output, image)
    read = read_axes(axes, image.ndim)
    told = [for_each_axis(value, len(read)) for value in (sigma, order, mode, radius)]
    passes = [each for each in zip(read, *told, strict=True) if each[1] > SMALLEST]
    if passes and image.dtype.kind == "c" and target.dtype.kind != "c":
        raise RuntimeError("output must have complex dtype")
    for axis, deviation, derivative, border, reach in passes:
        image = gaussian_filter1d(
            image, deviation, axis, derivative, target.between, border, cval, truncate, radius=reach
        )
    return target.take(image) if passes else target.take(image.astype(target.dtype))


def uniform_filter1d(
    input: npt.ArrayLike,
    size: int,
    axis: int = -1,
    output: Output = None,
    mode: str = "reflect",
    cval: complex = 0.0,
    origin: int = 0,
) -> Array:
    """Means of neighbours along one axis.

    Parameters
    ----------
    input, axis, output, mode, cval
        As those of `correlate1d`.
    size : int
        How many neighbours, at least 1.
    origin : int
        How far responses move towards the end, in ``-(size // 2) .. (size - 1) // 2``.

    Returns
    -------
    ndarray
        The response: `output` if that is an array, else a new one; of the shape of `input`.

    Raises
    ------
    RuntimeError, ValueError
        For a `size` below 1; for an origin that cannot be.

    Examples
    --------
    >>> from xcorr.compat import scipy_ndimage as ndimage
    >>> ndimage.uniform_filter1d([2, 8, 0, 4, 1, 9, 9, 0], size=3)
    array([4, 3, 4, 1, 4, 6, 6, 3])
    """
    image = np.asarray(input)
    axis = read_axis(axis, image.ndim)
    if size < 1:
        raise RuntimeError("incorrect filter size")
    is_complex = image.dtype.kind == "c"
    target = read_target(output, image, is_complex=is_complex, depth=3)
    length = operator.index(size)
    side = read_sides(length, origin, "invalid origin")
    boundary = [read_boundary(mode)] * image.ndim
    check_types(image, target, is_complex=is_complex)
    is_short = image.dtype == target.dtype == np.float32
    kernel = np.full([length if other == axis else 1 for other in range(image.ndim)], 1 / length if is_short else 1.0)
    sides = [side if other == axis else (0, 0) for other in range(image.ndim)]
    fill_value = read_fill(cval, image)
    if is_short:  # no digit of float32 is lost to taps that are rounded to float64
        return target.take(sums_of(image, kernel, sides, boundary, fill_value, target.dtype))
    wide = np.dtype(np.complex128 if is_complex else np.float64)
    sums = sums_of(image, kernel, sides, boundary, fill_value, wide)
    if sums.dtype.kind != "i":
        means = np.divide(sums, length, out=sums)
    elif image.dtype.kind in "bu" and target.dtype.kind in "biu":  # no sum is negative: the floor is what is cut off
        means = np.floor_divide(sums, length, out=sums)
    else:
        means = np.divide(sums, length)
    return target.take(cast(means, target.dtype))


def uniform_filter(
    input: npt.ArrayLike,
    size: int | Sequence[int] = 3,
    output: Output = None,
    mode: str | Sequence[str] = "reflect",
    cval: complex = 0.0,
    origin: int | Sequence[int] = 0,
    *,
    axes: int | Sequence[int] | None = None,
) -> Array:
    """Means of neighbours, along one axis after the other.

    Parameters
    ----------
    input, output, cval
        As those of `uniform_filter1d`; what one axis gives is cast to the response's type before the next.
    size, mode, origin : scalar or sequence
        As those of `uniform_filter1d`, for each of `axes`. Axes of a `size` of 1 or less are left as they are.
    axes : int or sequence of ints, optional
        The axes that are smoothed; all without it.

    Returns
    -------
    ndarray
        The response: `output` if that is an array, else a new one; of the shape of `input`.

    Examples
    --------
    >>> from xcorr.compat import scipy_ndimage as ndimage
    >>> ndimage.uniform_filter([[0.0, 9.0, 0.0], [0.0, 0.0, 0.0]], size=(1, 3))
    array([[3., 3., 3.],
           [0., 0., 0.]])
    """
    image = np.asarray(input)
    target = read_target(output, image, is_complex=image.dtype.kind == "c", depth=3)
    read = read_axes(axes, image.ndim)
    told = [for_each_axis(value, len(read)) for value in (size, origin, mode)]
    passes = [each for each in zip(read, *told, strict=True) if each[1] > 1]
    for axis, length, moved, border in passes:
        image = uniform_filter1d(image, int(length), axis, target.between, border, cval, moved)
    return target.take(image) if passes else target.take(image.astype(target.dtype))
