"""`scipy.signal`'s convolutions and correlations: ``from xcorr.compat import scipy_signal as signal``.

What is kept: names, arguments, results' types and shapes, alignment of mode "same" (broadcast axes are cropped too),
the exchange of operands in mode "valid", integers that wrap around in the common type, a logical or of bools,
conjugated second operands of correlations, kinds of errors. What differs, and why:

- NaN and infinity reach the results of their own windows alone, whatever the method; SciPy's `method="fft"` makes
  everything NaN and warns.
- `method="fft"` of integers is exact modulo the type, where SciPy rounds floats that have lost bits.
- `method="direct"` keeps the error bound of direct summation, by whatever way is fast; "auto" and "fft" are the same.
- `correlation_lags` in mode "same" fit `correlate`; SciPy's are one off for odd lengths beside even ones.
- float16 and bool are taken everywhere; SciPy refuses them for some methods and numbers of axes.
- longdouble and objects are refused with TypeError: xcorr has no sums of them.

>>> from xcorr.compat import scipy_signal as signal
>>> signal.convolve([1, 2, 3], [0, 1, 0.5], "same")
array([1. , 2.5, 4. ])
"""

from collections.abc import Iterable
from typing import Any, Literal, SupportsIndex

import numpy as np
import numpy.typing as npt

from xcorr._foreign import shown
from xcorr._typing import Array, BoundaryWord
from xcorr.compat._axes import correlate_axes
from xcorr.compat._full_ranges import convolved
from xcorr.compat._signal_arguments import (
    MODES,
    ZERO,
    as_transformed,
    check_mode,
    conjugate,
    filled_shape,
    geometry_for,
    geometry_of_planes,
    in_common_type,
    is_exchanged,
    read_axes,
    read_fill,
    sides_of,
)
from xcorr.compat._wrapping import wrapped_sums

__all__ = ["convolve", "convolve2d", "correlate", "correlate2d", "correlation_lags", "fftconvolve", "oaconvolve"]

Mode = Literal["full", "valid", "same"]
Method = Literal["auto", "direct", "fft"]
METHODS: dict[str, dict[str, Any]] = {"auto": {}, "fft": {}, "direct": {"precision": "strict"}}
BOUNDARIES: dict[str, BoundaryWord] = {
    "fill": "constant",
    "pad": "constant",
    "wrap": "wrap",
    "circular": "wrap",
    "symm": "symmetric",
    "symmetric": "symmetric",
}


def correlate(in1: npt.ArrayLike, in2: npt.ArrayLike, mode: Mode = "full", method: Method = "auto") -> Any:
    """Cross-correlate two arrays of any number of axes, as `scipy.signal.correlate` does.

    Parameters
    ----------
    in1, in2
        Arrays of numbers with the same number of axes.
    mode
        "full", "same" (the middle, as large as `in1`) or "valid" (one operand lies wholly within the other).
    method
        "direct" for the error bound of direct summation, "auto" or "fft" for one that is relative to norms.

    Returns
    -------
    numpy.ndarray or scalar
        Sums of `in1` times the conjugate of `in2`, of their common type; scalars of scalars.

    Raises
    ------
    ValueError
        Other modes or methods, different numbers of axes, no elements, mode "valid" where neither operand is
        the larger.
    TypeError
        Elements that are no numbers, or longdouble.

    Notes
    -----
    ``response[k] = sum over p of in1[p + k] * conj(in2[p])``; the first lag of "full" is ``1 - in2.shape``.

    Examples
    --------
    >>> from xcorr.compat import scipy_signal as signal
    >>> signal.correlate([1, 2, 3], [1, 1], "valid")
    array([3, 5])
    """
    first, second = np.asarray(in1), np.asarray(in2)
    if first.ndim == second.ndim == 0:
        return first * conjugate(second)
    if first.ndim != second.ndim:
        raise ValueError("in1 and in2 should have the same dimensionality")
    return over_all_axes(first, second, mode, method, turns=True)


def convolve(in1: npt.ArrayLike, in2: npt.ArrayLike, mode: Mode = "full", method: Method = "auto") -> Any:
    """Convolve two arrays of any number of axes, as `scipy.signal.convolve` does.

    Parameters
    ----------
    in1, in2, mode, method
        As those of `correlate`.

    Returns
    -------
    numpy.ndarray or scalar
        Sums of products, of the operands' common type; scalars of scalars.

    Raises
    ------
    ValueError, TypeError
        As of `correlate`.

    Examples
    --------
    >>> from xcorr.compat import scipy_signal as signal
    >>> signal.convolve([1, 2, 3], [1, 1])
    array([1, 3, 5, 3])
    """
    first, second = np.asarray(in1), np.asarray(in2)
    if first.ndim == second.ndim == 0:
        return first * second
    if first.ndim != second.ndim:
        raise ValueError("volume and kernel should have the same dimensionality")
    return over_all_axes(first, second, mode, method, turns=False)


def fftconvolve(
    in1: npt.ArrayLike,
    in2: npt.ArrayLike,
    mode: Mode = "full",
    axes: SupportsIndex | Iterable[SupportsIndex] | None = None,
) -> Any:
    """Convolve two arrays along some axes and broadcast the others, as `scipy.signal.fftconvolve` does.

    Parameters
    ----------
    in1, in2
        Arrays of numbers with the same number of axes.
    mode
        "full", "same" (the middle, as large as `in1`, of broadcast axes too) or "valid".
    axes
        Axes that are convolved, all by default. Along the others lengths are equal, or one of them is 1.

    Returns
    -------
    numpy.ndarray or scalar
        Floats or complex numbers of the operands' common type: float64 of integers, float32 of float16.

    Raises
    ------
    ValueError
        Other modes, different numbers of axes, axes that are none or not there or twice the same, lengths that cannot
        be broadcast, mode "valid" where neither operand is the larger.
    TypeError
        Elements that are no numbers, or longdouble.

    Examples
    --------
    >>> from xcorr.compat import scipy_signal as signal
    >>> signal.fftconvolve([[1, 2, 3], [4, 5, 6]], [[1, 1]], axes=1)
    array([[ 1.,  3.,  5.,  3.],
           [ 4.,  9., 11.,  6.]])
    """
    first, second = np.asarray(in1), np.asarray(in2)
    if first.ndim == second.ndim == 0:
        return first * second
    if first.ndim != second.ndim:
        raise ValueError("in1 and in2 should have the same dimensionality")
    if first.size == 0 or second.size == 0:
        return np.array([])
    along = [axis for axis in read_axes(axes, first.ndim) if first.shape[axis] != 1 and second.shape[axis] != 1]
    shapes = first.shape, second.shape
    for axis, (length, other) in enumerate(zip(*shapes, strict=True)):
        if axis not in along and length != other and 1 not in (length, other):
            raise ValueError(f"incompatible shapes for in1 and in2: {shapes[0]} and {shapes[1]}")
    geometry = geometry_for(mode, *shapes, tuple(along))
    if along:
        first, second = in_common_type(*map(as_transformed, (first, second)))
    return convolved(geometry, first, second, False, {})


def oaconvolve(
    in1: npt.ArrayLike,
    in2: npt.ArrayLike,
    mode: Mode = "full",
    axes: SupportsIndex | Iterable[SupportsIndex] | None = None,
) -> Any:
    """Convolve two arrays along some axes and broadcast the others, as `scipy.signal.oaconvolve` does.

    It is `fftconvolve` by its other name: how an array is cut into sections is chosen by itself.

    Parameters
    ----------
    in1, in2, mode, axes
        As those of `fftconvolve`.

    Returns
    -------
    numpy.ndarray or scalar
        As of `fftconvolve`.

    Raises
    ------
    ValueError, TypeError
        As of `fftconvolve`.

    Examples
    --------
    >>> from xcorr.compat import scipy_signal as signal
    >>> signal.oaconvolve([1.0, 2.0, 3.0], [1.0, 1.0])
    array([1., 3., 5., 3.])
    """
    return fftconvolve(in1, in2, mode, axes)


def convolve2d(
    in1: npt.ArrayLike, in2: npt.ArrayLike, mode: Mode = "full", boundary: str = "fill", fillvalue: complex = 0
) -> Array:
    """Convolve two arrays of two axes, as `scipy.signal.convolve2d` does.

    Parameters
    ----------
    in1, in2
        Arrays (rows, columns) of numbers.
    mode
        "full", "same" (the middle, as large as `in1`) or "valid", which has no boundary.
    boundary
        "fill" or "pad" (`fillvalue`), "wrap" or "circular", "symm" or "symmetric": what is beside `in1`.
    fillvalue
        A number that the common type of `in1` and `in2` has.

    Returns
    -------
    numpy.ndarray
        Sums of products, (rows, columns), of the operands' common type.

    Raises
    ------
    ValueError
        Other modes or boundaries, other numbers of axes, a fill value that is none, mode "valid" where neither
        operand is the larger.
    TypeError
        Elements that are no numbers, or longdouble.

    Examples
    --------
    >>> from xcorr.compat import scipy_signal as signal
    >>> signal.convolve2d([[1, 2], [3, 4]], [[1, 1]], "same", "symm")
    array([[2, 3],
           [6, 7]])
    """
    return two_axes("convolve2d", in1, in2, mode, boundary, fillvalue)


def correlate2d(
    in1: npt.ArrayLike, in2: npt.ArrayLike, mode: Mode = "full", boundary: str = "fill", fillvalue: complex = 0
) -> Array:
    """Cross-correlate two arrays of two axes, as `scipy.signal.correlate2d` does.

    Parameters
    ----------
    in1, in2, mode, boundary, fillvalue
        As those of `convolve2d`. The middle of an even number of rows or columns of `in2` is the one behind it, here.

    Returns
    -------
    numpy.ndarray
        Sums of `in1` times the conjugate of `in2`, (rows, columns), of their common type.

    Raises
    ------
    ValueError, TypeError
        As of `convolve2d`.

    Examples
    --------
    >>> from xcorr.compat import scipy_signal as signal
    >>> signal.correlate2d([[1, 2], [3, 4]], [[1, 1]], "same", "symm")
    array([[3, 4],
           [7, 8]])
    """
    return two_axes("correlate2d", in1, in2, mode, boundary, fillvalue)


def correlation_lags(in1_len: int, in2_len: int, mode: Mode = "full") -> npt.NDArray[np.int_]:
    """Find the lags of a correlation of two signals, as `scipy.signal.correlation_lags` does.

    Parameters
    ----------
    in1_len, in2_len
        Numbers of samples.
    mode
        As that of `correlate`.

    Returns
    -------
    numpy.ndarray
        By how many samples `in1` is behind `in2`, for each element of ``correlate(in1, in2, mode)``.

    Raises
    ------
    ValueError
        Another mode.

    Examples
    --------
    >>> from xcorr.compat import scipy_signal as signal
    >>> signal.correlation_lags(3, 2)
    array([-1,  0,  1,  2])
    """
    if mode not in MODES:
        raise ValueError(f"Mode {mode} is invalid; allowed are 'valid', 'same', and 'full'")
    if mode == "full":
        return np.arange(1 - in2_len, in1_len)
    if mode == "same":
        first = (in2_len - 1) // 2 - in2_len + 1
        return np.arange(first, first + in1_len)
    return np.arange(in1_len - in2_len + 1) if in1_len >= in2_len else np.arange(in1_len - in2_len, 1)


def over_all_axes(first: Array, second: Array, mode: str, method: str, turns: bool) -> Array:
    """`convolve`, and `correlate`, which turns the second operand around."""
    if method not in METHODS:
        check_mode(mode)
        raise ValueError(f"method: got {shown(method)}; acceptable method flags are 'auto', 'direct', or 'fft'")
    geometry = geometry_for(mode, first.shape, second.shape, tuple(range(first.ndim)))
    first, second = in_common_type(first, second)
    if first.size == 0 or second.size == 0:
        raise ValueError(f"in1 and in2: got shapes {first.shape} and {second.shape}; they cannot be empty")
    return convolved(geometry, first, second, turns, METHODS[method])


def two_axes(name: str, in1: Any, in2: Any, mode: str, boundary: str, fillvalue: Any) -> Array:
    """`convolve2d` and `correlate2d`, which differ in where the middle of an even length is."""
    first, second = np.asarray(in1), np.asarray(in2)
    if not first.ndim == second.ndim == 2:
        raise ValueError(f"{name} inputs must both be 2-D arrays")
    correlates = name == "correlate2d"
    exchanged = mode == "valid" and is_exchanged(first.shape, second.shape, (0, 1))
    if exchanged:
        first, second = second, first
    if boundary not in BOUNDARIES:
        check_mode(mode)
        words = "'fill', 'circular' (or 'wrap'), and 'symmetric' (or 'symm')"
        raise ValueError(f"boundary: got {shown(boundary)}; acceptable boundary flags are {words}")
    if first.size == 0 or second.size == 0:
        check_mode(mode)
        return np.zeros(filled_shape(mode, first.shape, second.shape), np.result_type(first, second))
    geometry = geometry_of_planes(mode, first.shape, second.shape, correlates)
    first, second = in_common_type(first, second)
    border = "constant" if mode == "valid" else BOUNDARIES[boundary]
    fill = ZERO if type(fillvalue) is int and fillvalue == 0 else read_fill(fillvalue, first.dtype)
    if border == "constant" and (mode == "valid" or not fill):
        response = convolved(geometry, first, second, correlates, {})
    else:
        response = beside_borders(first, second, mode, border, fill, correlates)
    return np.flip(response) if exchanged and correlates else response


def beside_borders(
    image: Array, kernel: Array, mode: str, border: BoundaryWord, fill: Array, correlates: bool
) -> Array:
    """What `two_axes` gives where something else than zeros is beside the image."""
    sides = [sides_of(mode, length, correlates) for length in kernel.shape]

    def sums(one: Array, other: Array, filling: Array) -> Array:
        filled = {"fill_value": filling.item()} if border == "constant" else {}
        return correlate_axes(one, other, sides, boundary=border, flip=not correlates, **filled)

    if image.dtype.kind == "b":
        return sums(image, kernel, fill) > 0
    if image.dtype.kind in "iu":
        return wrapped_sums(image.dtype, image, kernel, fill, sums=sums)
    return sums(image, kernel, fill)
