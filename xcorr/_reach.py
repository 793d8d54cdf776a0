"""The pixels that windows reach. What else an image holds is not looked at, and broadcast axes are looked at once."""

from collections.abc import Iterator
from typing import Any

import numpy.typing as npt

from xcorr._arrays import in_pieces
from xcorr._axes import Geometry


def largest_magnitude(images: npt.NDArray[Any], geometry: Geometry, boundary: tuple[str, str]) -> int:
    """The largest absolute value of the integers of `images` (N, H, W, C) that a window reaches, 0 if none does."""
    ends = [0]
    for view in reached(images, geometry, boundary):
        for (piece,) in in_pieces(view):
            ends += [int(piece.min()), int(piece.max())]
    return max(map(abs, ends))


def reached(images: npt.NDArray[Any], geometry: Geometry, boundary: tuple[str, str]) -> Iterator[npt.NDArray[Any]]:
    """Views that together hold every pixel which a window reaches, and few others; of broadcast axes one place."""
    once = images[tuple(slice(0, 1) if pitch == 0 else slice(None) for pitch in images.strides)]
    rows = [slice(None)]
    if len(once[0]) > 1:
        rows = places(
            geometry.height,
            (geometry.rows, geometry.row_stride),
            (geometry.kernel_height, geometry.row_dilation),
            geometry.top,
            boundary[0],
        )
    columns = [slice(None)]
    if once.shape[2] > 1:
        columns = places(
            geometry.width,
            (geometry.columns, geometry.column_stride),
            (geometry.kernel_width, geometry.column_dilation),
            geometry.left,
            boundary[1],
        )
    for row_places in rows:
        for column_places in columns:
            view = once[:, row_places, column_places]
            if view.size:
                yield view


def places(length: int, windows: tuple[int, int], taps: tuple[int, int], before: int, boundary: str) -> list[slice]:
    """Places that windows reach on an axis of `length` with padding `before`; `windows`, `taps` are (count, distance).

    One slice where they leave little out, else one for each window or for each tap, whichever are fewer. What reaches
    into a padding that repeats the image is looked at as far in as the padding is wide.
    """
    end = (windows[0] - 1) * windows[1] + (taps[0] - 1) * taps[1] + 1 - before
    if windows[0] * taps[0] >= min(length, end):
        found = [clipped(0, 1, end, length)]
    else:
        few, many = sorted((windows, taps))
        found = [clipped(index * few[1] - before, many[1], many[0], length) for index in range(few[0])]
    width = max(before, end - length)
    if boundary != "constant" and width > 0:
        found += [slice(0, width + 1), slice(max(0, length - width - 1), length)]
    return found


def clipped(first: int, step: int, count: int, length: int) -> slice:
    """The places that an axis has, of `count` from `first` on."""
    first, stop = first + max(0, -(first // step)) * step, first + (count - 1) * step + 1
    return slice(first, max(0, min(stop, length)), step)
