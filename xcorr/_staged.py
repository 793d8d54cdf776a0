"""Parts of padded images laid into arrays: runs of places are copied at once, in whatever order their axes lie."""

from collections.abc import Iterator, Sequence
from itertools import product
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from xcorr import _workers
from xcorr._arrays import copy_in_pieces, in_pieces
from xcorr._engine import fill_source_indices
from xcorr._indices import turn
from xcorr._workers import refuse_too_large

Array = npt.NDArray[Any]
Indices = npt.NDArray[np.intp]

TABLES = 32
"""Bytes that are taken for each place in the padding while the places are told what they have."""

PER_WORKER = 2**19
"""Bytes that are worth another worker: copies of fewer take less time than a helper needs to come."""


class Runs(NamedTuple):
    """How places of a padded axis are filled: slices of places, and of the pixels that they have."""

    n_places: int
    pieces: list[tuple[slice, slice]]
    has_gaps: bool  # places without a pixel, before the pieces or behind them

    def gaps(self) -> list[slice]:
        """The places without a pixel."""
        if not self.has_gaps:
            return []
        first, end = (self.pieces[0][0].start, self.pieces[-1][0].stop) if self.pieces else (self.n_places, 0)
        return [gap for gap in (slice(0, first), slice(max(first, end), self.n_places)) if gap.start < gap.stop]

    def part(self, first: int, end: int) -> "Runs":
        """The runs of the places [first, end) alone."""
        found = []
        for to, pixels in self.pieces:
            begin, stop = max(to.start, first), min(to.stop, end)
            if begin < stop:
                step = pixels.step if pixels.step is not None else 1
                is_one = len(range(to.start, to.stop)) > 1 and pixels.stop == pixels.start + 1 and step == 1
                own = pixels if is_one else run(pixels.start + (begin - to.start) * step, stop - begin, step)
                found.append((slice(begin - first, stop - first), own))
        return Runs(end - first, found, self.has_gaps)


def run(first: int, count: int, step: int) -> slice:
    """A slice of so many numbers at one distance, of either sign."""
    stop = first + (count - 1) * step + (1 if step > 0 else -1)
    return slice(first, stop if stop >= 0 else None, step)


def runs_of(first: int, count: int, step: int, length: int, boundary: str) -> Runs:
    """The pixels at so many places of a padded axis, a step apart, from one on."""
    before = min(count, max(0, -(first // step)))
    end = max(before, min(count, (length - 1 - first) // step + 1))
    own = [(slice(before, end), run(first + before * step, end - before, step))] if end > before else []
    if boundary == "constant":
        return Runs(count, own, before > 0 or end < count)
    refuse_too_large("padding", "tables of the padding along an axis", TABLES * (before + count - end))
    sides = []
    for begin, stop in ((0, before), (end, count)):
        indices = np.empty(stop - begin, np.intp)
        fill_source_indices(indices, first + begin * step, length, boundary, step)
        sides.append(list(pieces_of(indices, begin)))
    return Runs(count, [*sides[0], *own, *sides[1]], False)


def pieces_of(indices: Indices, begin: int) -> Iterator[tuple[slice, slice]]:
    """Slices of places, from `begin` on, and of what they have: one number, or numbers at one distance."""
    apart, first = np.diff(indices), 0
    changes = np.flatnonzero(apart[1:] != apart[:-1]) + 1
    while first < len(indices):
        later = np.searchsorted(changes, first + 1)
        end = int(changes[later]) + 1 if later < len(changes) else len(indices)
        yield slice(begin + first, begin + end), slice_of(indices[first:end])
        first = end


def slice_of(indices: Indices) -> slice:
    """A slice that has these numbers, or the one that they all are."""
    first = int(indices[0])
    step = int(indices[1]) - first if len(indices) > 1 else 1
    return run(first, len(indices), step) if step else slice(first, first + 1, 1)


def turns(target: Array, source: Array) -> bool:
    """Whether compiled loops copy one array into another: of one type of 4 or 8 bytes."""
    dtype = source.dtype
    return (
        target.dtype == dtype
        and dtype.isnative
        and dtype.kind in "fiuc"
        and dtype.itemsize in (4, 8)
        and bool(target.flags.aligned and source.flags.aligned)
    )


def copy_turned(target: Array, source: Array) -> None:
    """``target[...] = source``, where axes may lie in another order: in squares that stay in registers.

    NumPy takes 2 to 8 times as long. 2026-11-27, AMD EPYC (Zen 3).
    """
    source = source if source.shape == target.shape else np.broadcast_to(source, target.shape)
    if not turns(target, source):
        copy_in_pieces(target, source)
        return
    for to, own in in_pieces(target, source):
        turn(to, own)


def copy_by_all(target: Array, source: Array, workers: Any) -> None:
    """The same, some places of the first long axis by each worker."""
    n_parts = max(1, min(_workers.count_workers(workers), _workers.most_threads(), target.nbytes // PER_WORKER))
    axis = next((index for index, length in enumerate(target.shape) if length >= n_parts), 0)
    cuts = [target.shape[axis] * part // n_parts for part in range(n_parts + 1)]

    def copy(part: int) -> None:
        own = (slice(None),) * axis + (slice(cuts[part], cuts[part + 1]),)
        copy_turned(target[own], source[own])

    _workers.prepare(copy, n_parts, n_parts)


def stage(target: Array, images: Array, axes: Sequence[Runs], fill: Any = 0) -> None:
    """Lay pixels of images (N, places..., C) into an array of such axes."""
    nothing = np.asarray(fill, target.dtype)
    for index, axis in enumerate(axes, 1):
        for gap in axis.gaps():
            copy_turned(target[(slice(None),) * index + (gap,)], nothing)
    for pieces in product(*(axis.pieces for axis in axes)):
        place = (slice(None), *(to for to, _ in pieces))
        copy_turned(target[place], images[(slice(None), *(pixels for _, pixels in pieces))])


def stage_by_all(target: Array, images: Array, axes: Sequence[Runs], workers: Any) -> None:
    """The same, some places of the first axis by each worker."""
    n_parts = min(target.shape[1], max(1, min(_workers.count_workers(workers), target.nbytes // PER_WORKER)))
    cuts = [target.shape[1] * part // n_parts for part in range(n_parts + 1)]

    def lay(part: int) -> None:
        first, end = cuts[part], cuts[part + 1]
        stage(target[:, first:end], images, (axes[0].part(first, end), *axes[1:]))

    _workers.prepare(lay, n_parts, n_parts)
