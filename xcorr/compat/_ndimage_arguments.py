"""Reading of what `scipy_ndimage`'s functions are given: axes, borders, origins, and where responses go."""

import operator
import warnings
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np

from xcorr._typing import Array

BOUNDARIES = {
    "reflect": "symmetric",
    "grid-mirror": "symmetric",
    "constant": "constant",
    "grid-constant": "constant",
    "nearest": "edge",
    "mirror": "reflect",
    "wrap": "wrap",
    "grid-wrap": "wrap",
}
"""numpy.pad's words by those of scipy.ndimage, whose "reflect" is another one."""


SUMMED, COMPLEX = "?bBhHiIlLqQfd", "FD"
"""NumPy's letters for the types that are summed."""


class Target(NamedTuple):
    """The place of a response: an array of the caller's, or a new one of a type."""

    array: Array | None
    dtype: np.dtype[Any]

    @property
    def between(self) -> np.dtype[Any]:
        """The type between two passes: bools are bytes until the last one."""
        return np.dtype(np.uint8) if self.dtype.kind == "b" else self.dtype

    def take(self, response: Array) -> Array:
        """The caller's array with the response in it, or the response in the type that is asked for."""
        if self.array is None:
            return np.asarray(response, self.dtype)
        self.array[...] = response
        return self.array


def read_target(output: Any, image: Array, *, is_complex: bool = False, depth: int = 5) -> Target:
    """What `output` says: None, a type, a type's name, or an array of the image's shape; the caller is `depth` away."""
    if output is None:
        dtype = image.dtype if image.dtype.isnative else image.dtype.newbyteorder("=")
        return Target(None, np.promote_types(dtype, np.complex64) if is_complex else dtype)
    if isinstance(output, str):
        dtype = np.dtype(output)
        if is_complex and dtype.kind != "c":
            raise RuntimeError("output must have complex dtype")
        if not issubclass(dtype.type, np.number):
            raise RuntimeError("output must have numeric dtype")
        return Target(None, dtype)
    if isinstance(output, (type, np.dtype)):
        dtype = np.dtype(output)
        if is_complex and dtype.kind != "c":
            warnings.warn("promoting specified output dtype to complex", stacklevel=depth)
            dtype = np.promote_types(dtype, np.complex64)
        return Target(None, dtype)
    array = np.asarray(output)
    if array.shape != image.shape:
        raise RuntimeError("output shape not correct")
    if is_complex and array.dtype.kind != "c":
        raise RuntimeError("output must have complex dtype")
    return Target(array, array.dtype)


def check_types(image: Array, target: Target, *, is_complex: bool) -> None:
    """Refuse what has no sums there: float16, longdouble, objects, dates, and complex responses of real images."""
    summed = SUMMED + COMPLEX if is_complex else SUMMED
    for dtype in (image.dtype, target.dtype):
        if dtype.char not in summed:
            part = part_of(dtype) if is_complex and dtype.kind == "c" else dtype
            raise RuntimeError(f"array type {part!r} not supported")


def part_of(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """The type of the real part of a number."""
    return np.zeros(0, dtype).real.dtype


def read_boundary(mode: Any) -> str:
    """numpy.pad's word for a mode."""
    if not isinstance(mode, str) or mode not in BOUNDARIES:
        raise RuntimeError("boundary mode not supported")
    return BOUNDARIES[mode]


def read_fill(cval: Any, image: Array) -> Any:
    """What lies beyond the borders: a float, or a complex number if the image's are."""
    return complex(cval) if image.dtype.kind == "c" else float(cval)


def read_axis(axis: Any, n_axes: int) -> int:
    """An axis counted from the first one."""
    index = operator.index(axis)
    if not -n_axes <= index < n_axes:
        raise np.exceptions.AxisError(index, n_axes)
    return index % n_axes


def read_axes(axes: Any, n_axes: int) -> tuple[int, ...]:
    """The axes that are told, each counted from the first one; all if none are."""
    if axes is None:
        return tuple(range(n_axes))
    if np.isscalar(axes):
        axes = (axes,)
    if not isinstance(axes, Iterable):
        raise ValueError("axes must be an integer, iterable of integers, or None")
    indices = [operator.index(axis) for axis in axes]
    for index in indices:
        if not -n_axes <= index < n_axes:
            raise ValueError(f"specified axis: {index} is out of range")
    read = tuple(index % n_axes for index in indices)
    if len(set(read)) != len(read):
        raise ValueError("axes must be unique")
    return read


def for_each_axis(value: Any, n_axes: int) -> list[Any]:
    """One entry for each axis: those of a sequence, or a single value again and again."""
    if isinstance(value, str) or not np.iterable(value):
        return [value] * n_axes
    values = list(value)
    if len(values) != n_axes:
        raise RuntimeError("sequence argument must have length equal to input rank")
    return values


def read_sides(length: int, origin: Any, message: str) -> tuple[int, int]:
    """Padding before and behind of a kernel's axis whose window is moved by `origin`."""
    before = length // 2 + origin
    if not 0 <= before < length:
        raise ValueError(message)
    before = length // 2 + operator.index(origin)
    return before, length - 1 - before


def turned(origins: Sequence[Any], lengths: Sequence[int]) -> list[Any]:
    """Origins of a convolution as those of a correlation with the flipped kernel."""
    return [-origin - (length % 2 == 0) for origin, length in zip(origins, lengths, strict=True)]
