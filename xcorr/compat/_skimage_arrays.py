"""What scikit-image's functions take: images as floats, masks that are eroded, names of borders."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from xcorr._typing import Array
from xcorr.compat._axes import correlate_axes
from xcorr.compat._ndimage_arguments import BOUNDARIES


def float_type(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """The type that a result has: float32 for float16 and float32, float64 for all else but complex numbers."""
    if dtype.kind == "c":
        raise ValueError(f"complex valued input is not supported: got {dtype}")
    return np.dtype(np.float32 if dtype.kind == "f" and dtype.itemsize <= 4 else np.float64)


def unit_floats(image: Array) -> Array:
    """Floats as they are, integers so that the largest one is 1, and the least of a signed type -1."""
    if image.dtype.kind not in "biuf":
        raise ValueError(f"Cannot convert from {image.dtype} to float64.")
    if image.dtype.kind in "iu":
        image = np.maximum(np.multiply(image, 1.0 / np.iinfo(image.dtype).max, dtype=np.float64), -1.0)
    return image.astype(float_type(image.dtype), copy=False)


def check_axes(image: Array, allowed: Sequence[int]) -> None:
    """ValueError for an empty image, or another number of axes."""
    if image.size == 0:
        raise ValueError("The parameter `image` cannot be an empty array")
    if image.ndim not in allowed:
        names = "-or-".join(map(str, allowed))
        raise ValueError(f"The parameter `image` must be a {names}-dimensional array")


def boundary_of(mode: Any) -> Any:
    """One of xcorr's words for a border; RuntimeError for another one, as `scipy.ndimage` has it."""
    if not isinstance(mode, str):
        raise RuntimeError("A sequence of modes is not supported")
    if mode not in BOUNDARIES:
        raise RuntimeError(f"boundary mode not supported: got {mode!r}; allowed are {', '.join(BOUNDARIES)}")
    return BOUNDARIES[mode]


def convolved(image: Array, kernel: Array, mode: Any = "reflect", cval: float = 0.0, dtype: Any = None) -> Array:
    """Convolution of an image of floats with a kernel of as many axes, the border by `scipy.ndimage`'s name."""
    boundary = boundary_of(mode)
    dtype = image.dtype if dtype is None else dtype
    if image.size == 0 or image.ndim == 0:
        return np.zeros(image.shape, dtype)
    sides = [((taps - 1) // 2, taps // 2) for taps in kernel.shape]
    taps = np.ascontiguousarray(np.flip(kernel)).astype(dtype)
    return correlate_axes(image, taps, sides, boundary=boundary, fill_value=fill_of(boundary, image, cval))


def fill_of(boundary: Any, image: Array, cval: float) -> Any:
    """The value of a constant border; other borders have none, whatever is told."""
    return image.dtype.type(cval if boundary == "constant" else 0)


def within(result: Array, mask: Any) -> Array:
    """The result where a mask is true with all its neighbours, also beyond the image's edges, and 0 elsewhere."""
    if mask is None:
        return result
    seen = np.asarray(mask) != 0
    result *= eroded(seen, np.ones((3,) * seen.ndim, np.uint8))
    return result


def eroded(seen: Array, neighbours: Array) -> Array:
    """Whether a mask is true with all neighbours, of which those beyond the edges are false."""
    return np.asarray(n_seen(seen, neighbours) == np.count_nonzero(neighbours))


def n_seen(seen: Array, neighbours: Array) -> Array:
    """How many of the neighbours are true."""
    sides = [(length // 2, length // 2) for length in neighbours.shape]
    return correlate_axes(seen.astype(np.uint8), neighbours, sides)
