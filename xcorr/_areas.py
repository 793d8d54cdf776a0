"""Areas: the rectangles of a response that are scored at one go, and the pixels that their windows reach.

Where they lie follows from one image's sizes alone, so that no bit of a score depends on what else is computed.
"""

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from xcorr._axes import Axis, Geometry
from xcorr._cache import remembered
from xcorr._engine import fill_source_indices

Array = npt.NDArray[Any]

ROWS, COLUMNS = 544, 960
"""Pixels down and across that the windows of an area are apart at most, of kernels that are not longer.

A template of 32x32 on a 1080p image took 10.7 ms with 256 x 512, 9.2 with 512 x 512, 8.5 with these, which leave four
areas to the workers. 2026-11-27, AMD EPYC (Zen 5), level v4. Areas that are not measured in one pass are done in
quarters.
"""

APART = 2**16
"""Windows from which on those that reach unseen padding are scored apart from the others; not tuned.

Eight more areas take some milliseconds, and what may be unseen some 50 ns for each window.
"""

AT_ONCE = 2**17
"""Pixels of areas of several images that are scored at one go."""


class Area(NamedTuple):
    """Some rows and columns of windows: the first ones, and how many."""

    first: tuple[int, int]
    counts: tuple[int, int]

    def within(self, roi: "Area") -> "Area":
        """The part of it that lies in another one; counts are 0 or less where there is none."""
        firsts = tuple(max(own, other) for own, other in zip(self.first, roi.first, strict=True))
        ends = (
            min(own + count, other + length)
            for own, count, other, length in zip(self.first, self.counts, roi.first, roi.counts, strict=True)
        )
        counts = tuple(end - first for end, first in zip(ends, firsts, strict=True))
        return Area((firsts[0], firsts[1]), (counts[0], counts[1]))

    def quarters(self) -> "list[Area]":
        """Itself in four parts, or in two where it has one row or column."""
        sides = []
        for first, count in zip(self.first, self.counts, strict=True):
            half = -(-count // 2)
            sides.append([(first, half), (first + half, count - half)] if count > 1 else [(first, count)])
        return [Area((row, column), (n_rows, n_columns)) for row, n_rows in sides[0] for column, n_columns in sides[1]]

    def places(self, origin: tuple[int, int]) -> tuple[slice, slice]:
        """Slices of its rows and columns in an array that begins at `origin`."""
        rows, columns = (
            slice(first - start, first - start + count)
            for first, start, count in zip(self.first, origin, self.counts, strict=True)
        )
        return rows, columns


class Reached(NamedTuple):
    """The pixels that the windows of an area hold: a box of the image, and where each padded row and column lies."""

    box: tuple[slice, slice]
    rows: Array  # of the box; -1 for the fill value
    columns: Array

    @property
    def pads(self) -> bool:
        """Whether some pixels are the fill value."""
        return bool((self.rows < 0).any() or (self.columns < 0).any())

    @property
    def is_box(self) -> bool:
        """Whether the pixels are the box as it lies."""
        return all(
            len(places) == part.stop - part.start and places[0] == 0 and bool((np.diff(places) == 1).all())
            for places, part in zip((self.rows, self.columns), self.box, strict=True)
        )

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns of the padded pixels."""
        return len(self.rows), len(self.columns)


def areas_of(geometry: Geometry, unseen_padding: bool) -> tuple[Area, ...]:
    """The areas of a response."""
    down, across = geometry.axes
    return cut(geometry, unseen_padding and down.outputs * across.outputs >= APART)


@remembered(64)
def cut(geometry: Geometry, apart: bool) -> tuple[Area, ...]:
    """Areas of a response; those whose windows reach padding are others than the rest where that lies `apart`."""
    down, across = geometry.axes
    rows, columns = pieces(down, ROWS, apart), pieces(across, COLUMNS, apart)
    return tuple(Area((row, column), (n_rows, n_columns)) for row, n_rows in rows for column, n_columns in columns)


def pieces(axis: Axis, side: int, apart: bool) -> list[tuple[int, int]]:
    """The first window and the number of windows of each piece of an axis, about equally many."""
    most = max(side, 2 * axis.effective) // axis.stride or 1
    ends = [axis.outputs]
    if apart:
        first = -(-axis.before // axis.stride)
        end = (axis.before + axis.length - axis.effective) // axis.stride + 1
        ends = sorted({min(first, axis.outputs), min(max(first, end), axis.outputs), axis.outputs} - {0})
    found, begin = [], 0
    for end in ends:
        n_pieces = -(-(end - begin) // most)
        each = -(-(end - begin) // n_pieces)
        found += [(first, min(each, end - first)) for first in range(begin, end, each)]
        begin = end
    return found


@remembered(256)
def reached(axes: tuple[Axis, ...], area: Area, boundary: tuple[str, ...]) -> Reached:
    """The pixels that an area's windows reach."""
    places, parts = [], []
    for axis, first, count, word in zip(axes, area.first, area.counts, boundary, strict=True):
        sources = np.empty(axis.reach(count), np.intp)
        fill_source_indices(sources, first * axis.stride - axis.before, axis.length, word)
        inside = sources[sources >= 0]
        begin, end = (int(inside.min()), int(inside.max()) + 1) if len(inside) else (0, 1)
        parts.append(slice(begin, end))
        places.append(np.where(sources >= 0, sources - begin, -1))
    return Reached((parts[0], parts[1]), places[0], places[1])


def gathered(box: Array, reached: Reached, fill: Any) -> Array:
    """The padded pixels (images, channels, rows, columns) of a box; `fill`, a value for each channel, outside."""
    if reached.is_box:
        return box
    pixels = box[:, :, reached.rows[:, np.newaxis], reached.columns]
    if reached.pads:
        fills = np.broadcast_to(np.asarray(fill), (box.shape[1],))[:, np.newaxis]
        pixels[:, :, reached.rows < 0] = fills[..., np.newaxis].astype(box.dtype)
        pixels[:, :, :, reached.columns < 0] = fills[..., np.newaxis].astype(box.dtype)
    return pixels
