"""Parts of padded images laid into arrays: runs of places that are copied at once, by all workers."""

from collections.abc import Iterator, Sequence
from itertools import product
from typing import Any

import numpy as np
import numpy.typing as npt

from xcorr import _workers
from xcorr._arrays import copy_in_pieces
from xcorr._engine import fill_source_indices

Array = npt.NDArray[Any]
Indices = npt.NDArray[np.intp]

PER_WORKER = 2**19
"""Bytes that are worth another worker: copies of fewer take less time than a helper needs to come."""


def sources(first: int, count: int, step: int, length: int, boundary: str) -> Indices:
    """The pixel at each of so many places of a padded axis, a step apart, from one on; -1 for what is constant."""
    places = np.arange(first, first + count * step, step, dtype=np.intp)[:count]
    if first >= 0 and first + (count - 1) * step < length:
        return places
    if boundary == "constant":
        return np.where((places >= 0) & (places < length), places, -1)
    every = np.empty((count - 1) * step + 1, np.intp)
    fill_source_indices(every, first, length, boundary)
    return every[::step]


def runs(indices: Indices) -> Iterator[tuple[slice, slice]]:
    """Slices of places, and of what they have: of one number, or of numbers at one distance; none for -1."""
    apart = np.diff(indices)
    first = 0
    while first < len(indices):
        end = first + 1
        if end < len(indices):
            step = int(apart[first])
            others = np.flatnonzero(apart[first:] != step)
            end = len(indices) if not len(others) else first + int(others[0]) + 1
            if step and (indices[first] == -1 or indices[end - 1] == -1):  # nothing lies at one distance from -1
                end = first + 1 if indices[first] == -1 else end - 1
        if indices[first] != -1:
            yield slice(first, end), slice_of(indices[first:end])
        first = end


def slice_of(indices: Indices) -> slice:
    """A slice that has these numbers, or the one that they all are."""
    first, last = int(indices[0]), int(indices[-1])
    step = int(indices[1]) - first if len(indices) > 1 else 1
    if step == 0:
        return slice(first, first + 1)
    stop = last + (1 if step > 0 else -1)
    return slice(first, stop if stop >= 0 else None, step)


def stage(target: Array, images: Array, indices: Sequence[Indices], fill: Any = 0, workers: Any = 1) -> None:
    """Lay pixels of images (N, places..., C) into an array of such axes, by the index of each axis' places."""
    n_parts = min(target.shape[1], max(1, min(_workers.count_workers(workers), target.nbytes // PER_WORKER)))
    cuts = [target.shape[1] * part // n_parts for part in range(n_parts + 1)]

    def lay(part: int) -> None:
        first, end = cuts[part], cuts[part + 1]
        own = target[:, first:end]
        if any((index == -1).any() for index in indices):
            copy_in_pieces(own, fill)
        for pieces in product(*(list(runs(index)) for index in (indices[0][first:end], *indices[1:]))):
            place = (slice(None), *(to for to, _ in pieces))
            copy_in_pieces(own[place], images[(slice(None), *(pixels for _, pixels in pieces))])

    _workers.prepare(lay, n_parts, n_parts)
