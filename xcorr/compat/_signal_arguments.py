"""Arguments of `scipy.signal`'s functions, read into their one form."""

import operator
from collections.abc import Sequence
from typing import Any

import numpy as np

from xcorr._foreign import shown
from xcorr._typing import Array

MODES = ("valid", "same", "full")


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


def check_mode(mode: Any) -> None:
    """Refuse what is no mode."""
    if mode not in MODES:
        raise ValueError(f"mode: got {shown(mode)}; acceptable mode flags are 'valid', 'same', or 'full'")


def is_exchanged(mode: str, first: Array, second: Array, axes: Sequence[int]) -> bool:
    """Whether mode "valid" puts the second operand first, which is the larger one then."""
    if mode != "valid":
        return False
    is_larger = [first.shape[axis] >= second.shape[axis] for axis in axes]
    is_smaller = [first.shape[axis] <= second.shape[axis] for axis in axes]
    if not (all(is_larger) or all(is_smaller)):
        raise ValueError("For 'valid' mode, one must be at least as large as the other in every dimension")
    return not all(is_larger)


def ranges_of(mode: str, first: Array, second: Array, axes: Sequence[int]) -> list[tuple[int, int]]:
    """The first element and their number: of the full convolution along `axes`, else of what is broadcast."""
    ranges = []
    for axis, (length, other) in enumerate(zip(first.shape, second.shape, strict=True)):
        whole = length + other - 1 if axis in axes else max(length, other)
        if mode == "full" or (mode == "valid" and axis not in axes):
            count = whole
        else:
            count = length if mode == "same" else length - other + 1
        ranges.append(((whole - count) // 2, count))
    return ranges


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
    for name, array in (("in1", first), ("in2", second)):
        if array.dtype.kind not in "biufc" or array.dtype.itemsize > 8 * (1 + (array.dtype.kind == "c")):
            raise TypeError(f"{name}: got dtype {array.dtype}; allowed are bool, integers, floats and complex numbers")
    dtype = np.result_type(first, second)
    return first.astype(dtype, copy=False), second.astype(dtype, copy=False)
