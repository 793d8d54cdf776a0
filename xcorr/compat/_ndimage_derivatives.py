"""Gradients and Laplacians by `scipy.ndimage`'s names."""

from collections.abc import Callable, Mapping, Sequence
from functools import reduce
from typing import Any

import numpy as np
import numpy.typing as npt

from xcorr._typing import Array
from xcorr.compat._ndimage_arguments import (
    Target,
    check_types,
    for_each_axis,
    read_axes,
    read_axis,
    read_boundary,
    read_fill,
    read_target,
)
from xcorr.compat._ndimage_correlate import Output, correlate1d
from xcorr.compat._ndimage_smoothing import gaussian_filter
from xcorr.compat._ndimage_sums import cast, sums_of

Modes = str | Sequence[str]
Axes = int | Sequence[int] | None


def sobel(
    input: npt.ArrayLike, axis: int = -1, output: Output = None, mode: Modes = "reflect", cval: complex = 0.0
) -> Array:
    """Differences (-1, 0, 1) along one axis, smoothed by (1, 2, 1) along the others.

    Parameters
    ----------
    input, output, cval
        As those of `correlate`. Integers wrap around: give a wider type as `output`.
    axis : int
        The axis of the differences.
    mode : str or sequence of str
        As that of `correlate`, for each axis of `input`.

    Returns
    -------
    ndarray
        The response: `output` if that is an array, else a new one; of the shape of `input`.

    Examples
    --------
    >>> from xcorr.compat import scipy_ndimage as ndimage
    >>> ndimage.sobel([[1, 2, 4], [1, 2, 4]])
    array([[ 4, 12,  8],
           [ 4, 12,  8]])
    """
    return edges(np.asarray(input), axis, output, mode, cval, (1, 2, 1))


def prewitt(
    input: npt.ArrayLike, axis: int = -1, output: Output = None, mode: Modes = "reflect", cval: complex = 0.0
) -> Array:
    """Differences (-1, 0, 1) along one axis, smoothed by (1, 1, 1) along the others.

    Parameters
    ----------
    input, axis, output, mode, cval
        As those of `sobel`.

    Returns
    -------
    ndarray
        The response: `output` if that is an array, else a new one; of the shape of `input`.

    Examples
    --------
    >>> from xcorr.compat import scipy_ndimage as ndimage
    >>> ndimage.prewitt([[1, 2, 4], [1, 2, 4]])
    array([[3, 9, 6],
           [3, 9, 6]])
    """
    return edges(np.asarray(input), axis, output, mode, cval, (1, 1, 1))


def edges(image: Array, axis: Any, output: Any, mode: Any, cval: Any, smooth: tuple[int, ...]) -> Array:
    """Differences along an axis, smoothed along the others."""
    axis = read_axis(axis, image.ndim)
    target = read_target(output, image)
    modes = for_each_axis(mode, image.ndim)
    if is_one_pass(image, target, modes, cval):
        taps = [(-1, 0, 1) if other == axis else smooth for other in range(image.ndim)]
        return in_one_pass(image, reduce(np.multiply.outer, taps, np.ones(())), target, modes, cval)
    if image.dtype.kind == "c" and target.dtype.kind != "c":
        raise RuntimeError("output must have complex dtype")
    response = correlate1d(image, (-1, 0, 1), axis, target.between, modes[axis], cval)
    for other in range(image.ndim):
        if other != axis:
            response = correlate1d(response, smooth, other, target.between, modes[other], cval)
    return target.take(response)


def is_one_pass(image: Array, target: Target, modes: Sequence[Any], cval: Any) -> bool:
    """Whether passes along the axes are one sum: nothing but zeros is put around or cut off between them.

    Integers of 8 and 16 bits are cut off modulo a power of two, which the last of the passes does as well.
    """
    boundary = [read_boundary(mode) for mode in modes]
    cval = read_fill(cval, image)
    is_short = all(dtype.kind in "iu" and dtype.itemsize <= 2 for dtype in (image.dtype, target.dtype))
    has_fractions = target.dtype.kind in "fc" and (target.dtype.kind == "c") == (image.dtype.kind == "c")
    return image.ndim <= 3 and (is_short or has_fractions) and ("constant" not in boundary or cval == 0)


def in_one_pass(
    image: Array, kernel: Array, target: Target, modes: Sequence[Any], cval: Any, *, has_holes: bool = False
) -> Array:
    """Correlation with a kernel of 3 or 1 taps along each axis."""
    check_types(image, target, is_complex=image.dtype.kind == "c")
    boundary = [read_boundary(mode) for mode in modes]
    sides = [(length // 2, length // 2) for length in kernel.shape]
    sums = sums_of(image, kernel, sides, boundary, read_fill(cval, image), target.dtype, has_holes=has_holes)
    return target.take(cast(sums, target.dtype))


def laplace(
    input: npt.ArrayLike, output: Output = None, mode: Modes = "reflect", cval: complex = 0.0, *, axes: Axes = None
) -> Array:
    """Sums over axes of the second differences (1, -2, 1).

    Parameters
    ----------
    input, output, cval
        As those of `correlate`. Integers wrap around.
    mode : str or sequence of str
        As that of `correlate`, for each of `axes`.
    axes : int or sequence of ints, optional
        The axes of the differences; all without it.

    Returns
    -------
    ndarray
        The response: `output` if that is an array, else a new one; of the shape of `input`.

    Examples
    --------
    >>> from xcorr.compat import scipy_ndimage as ndimage
    >>> ndimage.laplace([[0.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 0.0]])
    array([[ 0.,  1.,  0.],
           [ 1., -4.,  1.],
           [ 0.,  1.,  0.]])
    """
    image = np.asarray(input)
    target = read_target(output, image)
    read = read_axes(axes, image.ndim)
    modes = dict(zip(read, for_each_axis(mode, len(read)), strict=True))
    all_modes = [modes.get(axis, "nearest") for axis in range(image.ndim)]
    if read and is_one_pass(image, target, all_modes, cval):
        kernel = np.zeros([3 if axis in read else 1 for axis in range(image.ndim)])
        centre = [length // 2 for length in kernel.shape]
        for axis in read:
            line = (*centre[:axis], slice(None), *centre[axis + 1 :])
            kernel[line] += 1, -2, 1
        return in_one_pass(image, kernel, target, all_modes, cval, has_holes=True)
    return generic_laplace(image, second_difference, output, mode, cval, axes=axes)


def second_difference(image: Array, axis: int, output: Any, mode: str, cval: complex) -> Array:
    """Second differences along one axis."""
    return correlate1d(image, (1, -2, 1), axis, output, mode, cval)


def generic_laplace(
    input: npt.ArrayLike,
    derivative2: Callable[..., Any],
    output: Output = None,
    mode: Modes = "reflect",
    cval: complex = 0.0,
    extra_arguments: Sequence[Any] = (),
    extra_keywords: Mapping[str, Any] | None = None,
    *,
    axes: Axes = None,
) -> Array:
    """Sums over axes of what a function gives as second derivatives.

    Parameters
    ----------
    input, output, mode, cval, axes
        As those of `laplace`.
    derivative2 : callable
        Called as ``derivative2(input, axis, output, mode, cval, *extra_arguments, **extra_keywords)``, with an array as
        `output` for the first axis and a type for the others; what it returns for these is added.
    extra_arguments : sequence
        More arguments of `derivative2`.
    extra_keywords : mapping, optional
        And keywords.

    Returns
    -------
    ndarray
        The response: `output` if that is an array, else a new one; of the shape of `input`.

    Examples
    --------
    >>> from xcorr.compat import scipy_ndimage as ndimage
    >>> def second(input, axis, output, mode, cval):
    ...     return ndimage.correlate1d(input, [1, -2, 1], axis, output, mode, cval)
    >>> ndimage.generic_laplace([[0, 1, 0], [0, 0, 0]], second)
    array([[ 1, -3,  1],
           [ 0,  1,  0]])
    """
    image, response, calls = in_turn(input, output, mode, axes)
    more = extra_keywords or {}
    for is_first, axis, border in calls:
        where = response if is_first else response.dtype
        other = derivative2(image, axis, where, border, cval, *extra_arguments, **more)
        if not is_first:
            response += other
    return response


def generic_gradient_magnitude(
    input: npt.ArrayLike,
    derivative: Callable[..., Any],
    output: Output = None,
    mode: Modes = "reflect",
    cval: complex = 0.0,
    extra_arguments: Sequence[Any] = (),
    extra_keywords: Mapping[str, Any] | None = None,
    *,
    axes: Axes = None,
) -> Array:
    """Roots of the sums over axes of the squares of what a function gives as derivatives.

    Parameters
    ----------
    input, output, mode, cval, extra_arguments, extra_keywords, axes
        As those of `generic_laplace`.
    derivative : callable
        Called as `generic_laplace` calls its function; what it returns is squared in place.

    Returns
    -------
    ndarray
        The response: `output` if that is an array, else a new one; of the shape of `input`.

    Examples
    --------
    >>> from xcorr.compat import scipy_ndimage as ndimage
    >>> ndimage.generic_gradient_magnitude([[0.0, 3.0], [4.0, 7.0]], ndimage.sobel)
    array([[20., 20.],
           [20., 20.]])
    """
    image, response, calls = in_turn(input, output, mode, axes)
    more = extra_keywords or {}
    for is_first, axis, border in calls:
        where = response if is_first else response.dtype
        other = derivative(image, axis, where, border, cval, *extra_arguments, **more)
        square = response if is_first else other
        np.multiply(square, square, out=square)
        if not is_first:
            response += other
    if calls:
        np.sqrt(response, out=response, casting="unsafe")
    return response


def in_turn(input: Any, output: Any, mode: Any, axes: Any) -> tuple[Array, Array, list[tuple[bool, int, Any]]]:
    """An image, the array of the response, and the axes in turn: whether it is the first, which, and its mode.

    The response begins as a copy of the image where there are no axes. The image is a copy where both share memory.
    """
    image = np.asarray(input)
    target = read_target(output, image)
    response = np.zeros(image.shape, target.dtype) if target.array is None else target.array
    read = read_axes(axes, image.ndim)
    if not read:
        response[...] = image
        return image, response, []
    modes = for_each_axis(mode, len(read))
    if np.may_share_memory(image, response):
        image = image.copy()
    return image, response, [(axis == read[0], axis, border) for axis, border in zip(read, modes, strict=True)]


def gaussian_laplace(
    input: npt.ArrayLike,
    sigma: float | Sequence[float],
    output: Output = None,
    mode: Modes = "reflect",
    cval: complex = 0.0,
    *,
    axes: Axes = None,
    **kwargs: Any,
) -> Array:
    """Sums over axes of the second derivatives of what a Gaussian smooths.

    Parameters
    ----------
    input, output, mode, cval, axes
        As those of `laplace`.
    sigma : float or sequence of floats
        The standard deviations for each of `axes`, in elements.
    **kwargs
        Keywords of `gaussian_filter`: `truncate`, `radius`.

    Returns
    -------
    ndarray
        The response: `output` if that is an array, else a new one; of the shape of `input`.

    Examples
    --------
    >>> from xcorr.compat import scipy_ndimage as ndimage
    >>> ndimage.gaussian_laplace([0.0, 0.0, 1.0, 0.0, 0.0], sigma=1).round(3)
    array([ 0.197,  0.002, -0.399,  0.002,  0.197])
    """
    image = np.asarray(input)
    read = read_axes(axes, image.ndim)
    deviations = dict(zip(read, for_each_axis(sigma, len(read)), strict=True))
    everywhere = [deviations.get(axis, 0) for axis in range(image.ndim)]
    derivative = derivative_of_gaussian(2)
    return generic_laplace(image, derivative, output, mode, cval, (everywhere,), kwargs, axes=axes)


def gaussian_gradient_magnitude(
    input: npt.ArrayLike,
    sigma: float | Sequence[float],
    output: Output = None,
    mode: Modes = "reflect",
    cval: complex = 0.0,
    *,
    axes: Axes = None,
    **kwargs: Any,
) -> Array:
    """Magnitudes of the gradients of what a Gaussian smooths.

    Parameters
    ----------
    input, output, mode, cval, axes
        As those of `laplace`.
    sigma : float or sequence of floats
        The standard deviations for each axis of `input`, in elements.
    **kwargs
        Keywords of `gaussian_filter`: `truncate`, `radius`.

    Returns
    -------
    ndarray
        The response: `output` if that is an array, else a new one; of the shape of `input`.

    Examples
    --------
    >>> from xcorr.compat import scipy_ndimage as ndimage
    >>> ndimage.gaussian_gradient_magnitude([0.0, 0.0, 1.0, 0.0, 0.0], sigma=1).round(3)
    array([0.095, 0.241, 0.   , 0.241, 0.095])
    """
    derivative = derivative_of_gaussian(1)
    return generic_gradient_magnitude(input, derivative, output, mode, cval, (sigma,), kwargs, axes=axes)


def derivative_of_gaussian(order: int) -> Callable[..., Array]:
    """A function that smooths an image and differentiates it along one axis."""

    def derivative(image: Array, axis: int, output: Any, mode: Any, cval: Any, sigma: Any, **keywords: Any) -> Array:
        orders = [order if other == axis else 0 for other in range(image.ndim)]
        return gaussian_filter(image, sigma, orders, output, mode, cval, **keywords)

    return derivative
