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


Ends = tuple[tuple[int, int], ...]
"""The first pixel of a run along an axis, counted from the image's first, and the end of it; or of two far apart."""


class Reads(NamedTuple):
    """Pixels along one axis: those at some slices of an image, one after the other, or far `apart`."""

    slices: tuple[slice, ...]
    places: npt.NDArray[np.intp] | None  # of each pixel of a piece among these; None where they are the piece
    first: int  # pixel of the piece, counted from the image's; below 0 it is one of the boundary
    length: int
    apart: bool = False  # all of the axis, of which nothing but the slices is there

    @property
    def n_read(self) -> int:
        """Pixels that are read."""
        return sum(part.stop - part.start for part in self.slices)


def reads_along(length: int, ends: Ends, boundary: str) -> Reads:
    """What is read of an axis for runs of pixels, some of which may lie in the padding.

    That of a constant stays padding. Other boundaries are looked up, and padding becomes pixels.
    """
    (begin, end), *others = ends
    if others:
        sources = np.concatenate([sources_of(length, *run, boundary) for run in ends])
        inside = np.unique(sources[sources >= 0])
        runs = runs_of(inside, length // 4) if len(inside) else []
        if len(runs) == 2:
            return Reads(tuple(slice(first, last + 1) for first, last in runs), None, 0, length, True)
        begin, end = begin, others[-1][1]
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
    """How much is read along one axis: pixels at slices, pixels of the piece, the pitch of bands that lie far apart."""

    n_read: int
    length: int
    is_looked_up: bool
    pitch: int | None


@remembered(4096)
def extent_along(length: int, ends: Ends, boundary: str) -> Extent:
    """How much `reads_along` reads, of which many parts of an image have the same."""
    reads = reads_along(length, ends, boundary)
    return Extent(reads.n_read, reads.length, reads.places is not None, pitch_of(reads) if reads.apart else None)


def sources_of(length: int, begin: int, end: int, boundary: str) -> npt.NDArray[np.intp]:
    """The pixels that padded ones are, -1 for the fill value."""
    sources = np.empty(end - begin, np.intp)
    fill_source_indices(sources, begin, length, boundary)
    return sources


def runs_of(places: npt.NDArray[np.intp], gap: int = 1) -> list[tuple[int, int]]:
    """The first and the last of places in order that are no more than a gap apart."""
    cuts = np.flatnonzero(np.diff(places) > gap)
    return list(zip(places[[0, *(cuts + 1)]].tolist(), places[[*cuts, -1]].tolist(), strict=True))


def gathered(read: Callable[[tuple[slice, ...]], Array], reads: tuple[Reads, ...], axes: tuple[int, ...]) -> Array:
    """A piece, of what `read` gives of slices along rows and columns, which lie at `axes` of it."""
    down, across = reads
    if across.apart:
        alone = [Reads((own,), None, own.start, own.stop - own.start) for own in across.slices]
        return skewed([gathered(read, (down, own), axes) for own in alone], across, axes)
    rows = [
        np.concatenate(found, axis=axes[1]) if len(found) > 1 else found[0]
        for found in ([read((row, column)) for column in across.slices] for row in down.slices)
    ]
    piece = np.concatenate(rows, axis=axes[0]) if len(rows) > 1 else rows[0]
    for own, axis in zip(reads, axes, strict=True):
        if own.places is not None:
            piece = np.take(piece, own.places, axis=axis)
    return piece


def skewed(bands: list[Array], across: Reads, axes: tuple[int, ...]) -> Array:
    """All columns of some rows, of which two bands alone are there: rows lie so closely that the bands do not meet."""
    row, column = axes
    shape, pitch = list(bands[0].shape), pitch_of(across)
    shape[column] = across.length
    memory = np.zeros([*shape[:row], (shape[row] - 1) * pitch + across.length, *shape[column + 1 :]], bands[0].dtype)
    step = memory.strides[row]
    strides = (*memory.strides[:row], pitch * step, step, *memory.strides[row + 1 :])
    found = np.lib.stride_tricks.as_strided(memory, shape, strides)
    for band, own in zip(bands, across.slices, strict=True):
        found[(slice(None),) * column + (own,)] = band
    return found


def pitch_of(across: Reads) -> int:
    """The least distance of two rows with which two bands of columns have no place in common."""
    left, right = across.slices
    widths, apart = (left.stop - left.start, right.stop - right.start), int(right.start - left.start)
    pitch = int(sum(widths))
    while not widths[0] <= apart % pitch <= pitch - widths[1]:
        pitch += 1
    return pitch
