"""Pixels as they are drawn: fewer where there are too many, coloured by common scales, in small dtypes."""

import base64
import struct
import zlib
from collections.abc import Iterable, Sequence
from math import isqrt
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]

MEANT = ("image", "colour")  # the scales of which squares of pixels are drawn by their mean


def thinning(shape: Sequence[int], most: int) -> int:
    """The side of the squares of pixels that are drawn as one, so that at most `most` are left."""
    height, width = shape[:2]
    side = max(1, isqrt(height * width // most), max(height, width) // most)
    while -(-height // side) * -(-width // side) > most:
        side += 1
    return side


def thinned(pixels: Array, side: int, scale: str) -> Array:
    """One pixel for each square: the mean of images, otherwise the value that is farthest from zero.

    So neither a peak nor a difference is lost, and what is not finite stays so.
    """
    if side == 1:
        return pixels
    starts = [np.arange(0, length, side) for length in pixels.shape[:2]]

    def over_squares(reduce: Any, values: Array) -> Array:
        result: Array = reduce(reduce(values, starts[0], axis=0), starts[1], axis=1)
        return result

    with np.errstate(all="ignore"):
        if scale in MEANT:
            rows, columns = (
                np.diff(start, append=length) for start, length in zip(starts, pixels.shape[:2], strict=True)
            )
            counts = np.outer(rows, columns)
            means = over_squares(np.add.reduceat, pixels.astype(np.float64))
            means /= counts.reshape(counts.shape + (1,) * (pixels.ndim - 2))
            return np.rint(means).astype(pixels.dtype) if pixels.dtype == np.uint8 else means
        highest, lowest = over_squares(np.maximum.reduceat, pixels), over_squares(np.minimum.reduceat, pixels)
        if pixels.dtype.kind in "bu":
            return highest
        farthest: Array = np.where(-lowest.astype(np.float64) > highest, lowest, highest)
        return farthest


def compact(values: Array) -> Array:
    """`values` in the smallest type that shows them: uint8, int32, float32, and float64 where float32 has no such."""
    if values.dtype.kind == "b":
        return values.astype(np.uint8)
    if values.dtype.kind in "iu":
        if values.dtype.itemsize <= 2 or (values.min() >= -(2**31) and values.max() < 2**31):
            return values if values.dtype == np.uint8 else values.astype(np.int32)
        return values.astype(np.float64)
    sizes = np.abs(values[np.isfinite(values) & (values != 0)])
    if values.dtype.itemsize > 4 and sizes.size and not (sizes.min() > 1e-37 and sizes.max() < 1e38):
        return values.astype(np.float64)
    return values.astype(np.float32)


def finite_range(arrays: Iterable[Array]) -> tuple[float, float] | None:
    """The smallest and the largest finite value; None if there is none."""
    ends = []
    for array in arrays:
        finite = array[np.isfinite(array)]
        if finite.size:
            ends.append((float(finite.min()), float(finite.max())))
    return (min(low for low, _ in ends), max(high for _, high in ends)) if ends else None


def limits(scale: str, arrays: Iterable[Array]) -> tuple[float, float]:
    """The ends of a scale: those of the values for images, otherwise equally far from zero on both sides."""
    low, high = finite_range(arrays) or (0.0, 0.0)
    if scale == "image":
        return (low, high) if low < high else (min(low, 0.0), max(high, 0.0) or 1.0)
    end = max(-low, high) or 1.0
    return -end, end


def as_colours(pixels: Array, ends: tuple[float, float]) -> Array:
    """Red, green and blue as bytes; uint8 stays itself."""
    if pixels.dtype == np.uint8:
        return pixels
    low, high = ends
    with np.errstate(all="ignore"):
        parts = np.nan_to_num((pixels.astype(np.float64) - low) / (high - low), nan=0.0)
        return np.rint(255 * np.clip(parts, 0.0, 1.0)).astype(np.uint8)


def colour_limits(arrays: Sequence[Array]) -> tuple[float, float]:
    """What is black and what is bright: 0 and 1 if all values lie between, otherwise the ends of the values."""
    low, high = finite_range(array for array in arrays if array.dtype != np.uint8) or (0.0, 1.0)
    return (0.0, 1.0) if low >= 0 and high <= 1 else (low, max(high, np.nextafter(low, np.inf)))


def png(pixels: Array) -> str:
    """A PNG file of (height, width, 3) bytes, as a ``data:`` address.

    plotly.express.imshow makes one too, and a whole figure around it, which takes a hundred times as long. The format:
    https://www.w3.org/TR/png-3/, colour type 2, every row with filter type 0.
    """
    height, width = pixels.shape[:2]
    rows = np.zeros((height, 1 + 3 * width), np.uint8)
    rows[:, 1:] = pixels.reshape(height, 3 * width)
    chunks = (
        (b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)),
        (b"IDAT", zlib.compress(rows.tobytes())),
        (b"IEND", b""),
    )
    file = b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body)) for name, body in chunks
    )
    return "data:image/png;base64," + base64.b64encode(file).decode()


def not_finite_note(pixels: Array) -> str:
    """How many pixels are not finite, for the facet's title."""
    if pixels.dtype.kind != "f":
        return ""
    counts = (("NaN", np.isnan(pixels)), ("inf", np.isinf(pixels)))
    return "".join(f", {int(mask.sum())} {word}" for word, mask in counts if mask.any())
