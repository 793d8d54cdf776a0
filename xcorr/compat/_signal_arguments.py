"""Arguments of `scipy.signal`'s functions, read into their one form."""

import operator
from collections.abc import Sequence
from typing import Any

import numpy as np

from xcorr._cache import remembered
from xcorr._foreign import shown
from xcorr._typing import Array
from xcorr.compat._axes import Shape
from xcorr.compat._full_ranges import Geometry, geometry_of

MODES = ("valid", "same", "full")
CHARACTERS = "?bBhHiIlLqQefdFD"
"""What NumPy calls the types of xcorr's operands: all of numbers but those of longdouble."""

ZERO = np.zeros((), np.int64)


def sides_of(mode: str, length: int, correlates: bool) -> tuple[int, int]:
    """Padding before and behind, for a kernel's length along an axis."""
    if mode == "valid":
        return 0, 0
    if mode == "full":
        return length - 1, length - 1
    before = (length - 1) // 2 if correlates else length // 2
    return before, length - 1 - before


def filled_shape(mode: str, first: Sequence[int], second: Sequence[int]) -> list[int]:
    """The shape of sums over nothing."""
    if mode == "same":
        return list(first)
    more = -1 if mode == "full" else 1
    sign = 1 if mode == "full" else -1
    return [max(length + sign * other + more, 0) for length, other in zip(first, second, strict=True)]


def read_fill(fillvalue: Any, dtype: np.dtype[Any]) -> Array:
    """A fill value of this type; integers wrap around and lose their fraction."""
    value = np.asarray(fillvalue)
    if value.size != 1:
        raise ValueError(f"`fillvalue` must be scalar or an array with one element, got shape {value.shape}")
    if value.dtype.kind not in "biufc":
        raise ValueError(f"fillvalue: got {shown(fillvalue)}; allowed is a number")
    if value.dtype.kind == "c" and dtype.kind in "biu":
        raise ValueError(f"could not cast `fillvalue` directly to the output type {dtype}, got {shown(fillvalue)}")
    return value.reshape(()).astype(dtype)


@remembered(1024)
def geometry_for(mode: str, first: Shape, second: Shape, axes: Shape) -> Geometry:
    """What a mode keeps of the full convolution along `axes`; ValueError for another mode or where nothing fits."""
    check_mode(mode)
    ranges = []
    for axis, (length, other) in enumerate(zip(first, second, strict=True)):
        whole = length + other - 1 if axis in axes else max(length, other)
        count = length if mode == "same" else whole
        if mode == "valid" and axis in axes:
            count = abs(length - other) + 1
        ranges.append(((whole - count) // 2, count))
    if mode == "valid":
        is_exchanged(first, second, axes)
    return geometry_of(first, second, axes, tuple(ranges))


@remembered(1024)
def geometry_of_planes(mode: str, first: Shape, second: Shape, correlates: bool) -> Geometry:
    """The same of two axes, where correlations have another middle of even lengths in mode "same"."""
    geometry = geometry_for(mode, first, second, (0, 1))
    if mode != "same" or not correlates:
        return geometry
    ranges = tuple((other // 2, length) for length, other in zip(first, second, strict=True))
    return geometry_of(first, second, (0, 1), ranges)


def check_mode(mode: Any) -> None:
    """Refuse what is no mode."""
    if mode not in MODES:
        raise ValueError(f"mode: got {shown(mode)}; acceptable mode flags are 'valid', 'same', or 'full'")


def is_exchanged(first: Sequence[int], second: Sequence[int], axes: Sequence[int]) -> bool:
    """Whether mode "valid" puts the second operand first, which is the larger one; ValueError if neither is."""
    if all(first[axis] >= second[axis] for axis in axes):
        return False
    if all(first[axis] <= second[axis] for axis in axes):
        return True
    raise ValueError("For 'valid' mode, one must be at least as large as the other in every dimension")


def read_axes(axes: Any, n_axes: int) -> list[int]:
    """Axes in rising order, all for None."""
    if axes is None:
        return list(range(n_axes))
    try:
        found = [operator.index(axis) for axis in ([axes] if np.ndim(axes) == 0 else axes)]
    except TypeError:
        raise ValueError(f"axes: got {shown(axes)}; axes must be a scalar or iterable of integers") from None
    if not found:
        raise ValueError("when provided, axes cannot be empty")
    if not all(-n_axes <= axis < n_axes for axis in found):
        raise ValueError(f"axes: got {shown(axes)}; axes exceeds dimensionality of input, {n_axes}")
    found = [axis % n_axes for axis in found]
    if len(set(found)) < len(found):
        raise ValueError(f"axes: got {shown(axes)}; all axes must be unique")
    return sorted(found)


def conjugate(array: Array) -> Array:
    """The conjugate of complex numbers, else the array itself."""
    return array.conj() if array.dtype.kind == "c" else array


def as_transformed(array: Array) -> Array:
    """The type that a transform of the array has its numbers in."""
    if array.dtype.kind in "biu":
        return array.astype(np.float64)
    return array.astype(np.float32) if array.dtype == np.float16 else array


def in_common_type(first: Array, second: Array) -> tuple[Array, Array]:
    """Both operands in their common type, which is one that xcorr has."""
    if first.dtype is second.dtype and first.dtype.char in CHARACTERS:
        return first, second
    for name, array in (("in1", first), ("in2", second)):
        if array.dtype.char not in CHARACTERS:
            raise TypeError(f"{name}: got dtype {array.dtype}; allowed are bool, integers, floats and complex numbers")
    dtype = np.result_type(first, second)
    return first.astype(dtype, copy=False), second.astype(dtype, copy=False)
