"""What OpenCV's functions take and give: types by number, images with channels, anchors, borders, destinations."""

import math
from collections.abc import Sequence
from operator import index
from typing import Any

import numpy as np

from xcorr._dtypes import native
from xcorr._foreign import shown
from xcorr._typing import Array

DTYPES = {0: "u1", 1: "i1", 2: "u2", 3: "i2", 4: "i4", 5: "f4", 6: "f8"}
"""Types of elements by OpenCV's numbers, the lowest five bits of the types that have channels in them."""
DEPTH_BITS = 31

FILTERED = {"u1": "u1 u2 i2 f4 f8", "u2": "u2 f4 f8", "i2": "i2 f4 f8", "f4": "f4", "f8": "f8"}
"""What `filter2D` gives for each type of images."""
SEPARABLE = {**dict.fromkeys(("u1", "u2", "i2", "f4"), "u1 u2 i2 f4 f8"), "f8": "u1 u2 i2 f8"}
"""The same of what consists of two kernels."""
LAPLACIAN = dict.fromkeys(("u1", "u2", "i2", "f4", "f8"), "u1 i1 u2 i2 i4 f4 f8")
"""The same of Laplacians that are sums of two."""
BOXES = {
    **dict.fromkeys(("u1", "u2", "i2", "i4"), "u1 u2 i2 i4 f4 f8"),
    **dict.fromkeys(("f4", "f8"), "u1 u2 i2 f4 f8"),
}

BOUNDARIES: dict[int, Any] = {0: "constant", 1: "edge", 2: "symmetric", 3: "wrap", 4: "reflect"}
ISOLATED = 16

LARGEST = int(np.finfo(np.float64).max)
"""Integers up to this magnitude have a float64."""


class error(Exception):
    """What is raised where OpenCV raises `cv2.error`: the message names the argument, what was got and is allowed."""


error.__module__ = "xcorr.compat.cv2"


def read_array(array: Any, name: str) -> Array:
    """An array of one to three axes, none of them empty: one axis is a row, a third axis of one channel is left out.

    Integers of 64 bits are those of 32 that OpenCV makes of them.
    """
    if not isinstance(array, np.ndarray):
        raise error(f"{name}: got {type(array).__name__}; allowed are arrays of NumPy")
    if array.dtype.kind not in "biuf":
        raise error(f"{name}: got the dtype {array.dtype}; allowed are real numbers")
    if array.size == 0 or not 1 <= array.ndim <= 3:
        raise error(f"{name}: got the shape {array.shape}; allowed are rows and columns, with or without channels")
    dtype = np.dtype(np.int32) if array.dtype.kind in "iu" and array.dtype.itemsize == 8 else array.dtype
    own: Array = np.asarray(array, native(dtype))
    return own[None] if own.ndim == 1 else own[..., 0] if own.shape[2:] == (1,) else own


def read_plane(array: Any, name: str) -> Array:
    """An array of rows and columns, without channels."""
    plane = read_array(array, name)
    if plane.ndim != 2:
        raise error(f"{name}: got the shape {plane.shape}; allowed are rows and columns, with one channel")
    return plane


def read_integer(value: Any, name: str) -> int:
    """An integer by whatever type."""
    try:
        return index(value)
    except TypeError:
        raise error(f"{name}: got {value!r}; allowed are integers") from None


def read_number(value: Any, name: str, default: float = 0.0) -> float:
    """A real number by whatever type, a default for None. All NaN are one object, which is remembered as such."""
    if type(value) is int and -LARGEST <= value <= LARGEST:
        return float(value)
    if value is None:
        return default
    if type(value) is not float and (np.ndim(value) or np.asarray(value).dtype.kind not in "biuf"):
        raise error(f"{name}: got {shown(value)}; allowed are numbers")
    number = float(value)
    return number if number == number else math.nan


def read_pair(pair: Any, name: str) -> tuple[int, int]:
    """What is for columns, and for rows: in this order in OpenCV."""
    if type(pair) is tuple and len(pair) == 2 and type(pair[0]) is type(pair[1]) is int:
        return pair
    if not isinstance(pair, Sequence | np.ndarray) or len(pair) != 2:
        raise error(f"{name}: got {pair!r}; allowed are two integers, of columns and of rows")
    return read_integer(pair[0], name), read_integer(pair[1], name)


def read_depth(ddepth: Any, source: Array, allowed: dict[str, str]) -> np.dtype[Any]:
    """The type of a response, that of the images for negative numbers; what `allowed` tells of the images' type."""
    number = read_integer(ddepth, "ddepth")
    own = source.dtype.str[1:]
    wanted = own if number < 0 else DTYPES.get(number & DEPTH_BITS, "")
    if own not in allowed:
        names = ", ".join(np.dtype(each).name for each in allowed)
        raise error(f"src: got the dtype {source.dtype}; allowed are {names}")
    if wanted not in allowed[own].split():
        names = ", ".join(np.dtype(each).name for each in allowed[own].split())
        raise error(f"ddepth: got {ddepth} for images of {source.dtype}; allowed are the numbers of {names}")
    return np.dtype(wanted)


def read_kernel_depth(ktype: Any) -> np.dtype[Any]:
    """The type of a kernel."""
    number = read_integer(ktype, "ktype")
    if number not in (5, 6):
        raise error(f"ktype: got {ktype}; allowed are CV_32F and CV_64F")
    return np.dtype(DTYPES[number])


def read_anchor(anchor: Any, taps: tuple[int, int]) -> tuple[int, int]:
    """The row and column of the tap that lies on the response's place, the middle one for -1."""
    column, row = read_pair(anchor, "anchor")
    rows, columns = taps
    place = (rows // 2 if row == -1 else row), (columns // 2 if column == -1 else column)
    if not (0 <= place[0] < rows and 0 <= place[1] < columns):
        raise error(f"anchor: got {anchor} for {columns} columns and {rows} rows of taps; allowed are places in them")
    return place


def read_boundary(border_type: Any, *, wraps: bool = False) -> Any:
    """The word for a border, whether or not it is told that an image is a part of no other one."""
    number = read_integer(border_type, "borderType") & ~ISOLATED
    if number not in BOUNDARIES or (number == 3 and not wraps):
        names = "BORDER_CONSTANT, BORDER_REPLICATE, BORDER_REFLECT, BORDER_REFLECT_101"
        raise error(f"borderType: got {border_type}; allowed are {names}{', BORDER_WRAP' if wraps else ''}")
    return BOUNDARIES[number]


def destination(dst: Any, shape: tuple[int, ...], dtype: np.dtype[Any], name: str = "dst") -> Array | None:
    """The array to be written, if it is of the response's shape and type; with one channel a third axis may say so."""
    if dst is None:
        return None
    if not isinstance(dst, np.ndarray) or not dst.flags.writeable:
        raise error(f"{name}: got {type(dst).__name__}; allowed are arrays of NumPy that can be written")
    fits = dst.dtype == dtype and dst.shape in (shape, (*shape, 1) if len(shape) == 2 else shape)
    return dst if fits else None


def written(response: Array, dst: Any, name: str = "dst") -> Array:
    """The response, in the array that it fits if there is one."""
    place = destination(dst, response.shape, response.dtype, name)
    if place is None:
        return response
    place[...] = response.reshape(place.shape)
    return place
