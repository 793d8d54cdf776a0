"""Reads: which pixels along an axis a part of a response takes from its image, and how they become a piece of it."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from xcorr._cache import remembered
from xcorr._engine import fill_source_indices

Array = npt.NDArray[Any]

GAP = 64
"""Pixels along an axis between two that are wanted, up to which those between are read with them; not tuned."""


End = tuple[int, int]
"""The first pixel of a run along an axis, counted from the image's first, and the end of it."""


class Reads(NamedTuple):
    """Pixels along one axis: those at some slices of an image, one after the other."""

    slices: tuple[slice, ...]
    places: npt.NDArray[np.intp] | None  # of each pixel of a piece among these; None where they are the piece
    first: int  # pixel of the piece, counted from the image's; below 0 it is one of the boundary
    length: int

    @property
    def n_read(self) -> int:
        """Pixels that are read."""
        return sum(part.stop - part.start for part in self.slices)


def reads_along(length: int, run: End, boundary: str) -> Reads:
    """What is read of an axis for a run of pixels, some of which may lie in the padding.

    That of a constant stays padding. Other boundaries are looked up, and padding becomes pixels.
    """
    begin, end = run
    if boundary == "constant" or (begin >= 0 and end <= length):
        first = min(max(begin, 0), length - 1)
        last = max(min(end, length), first + 1)
        return Reads((slice(first, last),), None, first, last - first)
    sources = sources_of(length, begin, end, boundary)
    slices, places, before = [], np.empty_like(sources), 0
    for first, last in runs_of(np.unique(sources), GAP):
        own = (sources >= first) & (sources <= last)
        places[own] = sources[own] - first + before
        slices.append(slice(first, last + 1))
        before += last + 1 - first
    return Reads(tuple(slices), places, begin, end - begin)


class Extent(NamedTuple):
    """How much is read along one axis: pixels at slices, and pixels of the piece."""

    n_read: int
    length: int
    is_looked_up: bool


@remembered(4096)
def extent_along(length: int, run: End, boundary: str) -> Extent:
    """How much `reads_along` reads, of which many parts of an image have the same."""
    reads = reads_along(length, run, boundary)
    return Extent(reads.n_read, reads.length, reads.places is not None)


def sources_of(length: int, begin: int, end: int, boundary: str) -> npt.NDArray[np.intp]:
    """The pixels that padded ones are, -1 for the fill value."""
    sources = np.empty(end - begin, np.intp)
    fill_source_indices(sources, begin, length, boundary)
    return sources


def runs_of(places: npt.NDArray[np.intp], gap: int) -> list[tuple[int, int]]:
    """The first and the last of places in order that are no more than a gap apart."""
    cuts = np.flatnonzero(np.diff(places) > gap)
    return list(zip(places[[0, *(cuts + 1)]].tolist(), places[[*cuts, -1]].tolist(), strict=True))


def gathered(read: Callable[[tuple[slice, ...]], Array], reads: tuple[Reads, ...], axes: tuple[int, ...]) -> Array:
    """A piece, of what `read` gives of slices along rows and columns, which lie at `axes` of it."""
    down, across = reads
    rows = [
        np.concatenate(found, axis=axes[1]) if len(found) > 1 else found[0]
        for found in ([read((row, column)) for column in across.slices] for row in down.slices)
    ]
    piece = np.concatenate(rows, axis=axes[0]) if len(rows) > 1 else rows[0]
    for own, axis in zip(reads, axes, strict=True):
        if own.places is not None:
            piece = np.take(piece, own.places, axis=axis)
    return piece
