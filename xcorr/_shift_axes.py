"""Shifts along one axis: which there are, which are allowed, and what both images have in common there."""

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from xcorr._cache import remembered
from xcorr._transforms import fast_length

Indices = npt.NDArray[np.intp]
Doubles = npt.NDArray[np.float64]

SLACK = 1e-9
"""What an overlap may be too small by, as a share of the largest, where sums of shares are rounded."""


class Along(NamedTuple):
    """The shifts of one axis: those of the map in order, and the places of those that are allowed."""

    sizes: tuple[int, int]  # of the reference and of moving
    length: int  # of the transforms
    shifts: Indices
    allowed: Indices
    circular: bool
    offset: int  # what a shift is more than one between the first pixels of both
    most: float  # pixels that a shift may have, of either sign

    @property
    def is_whole(self) -> bool:
        """Whether all shifts of the map are allowed."""
        return len(self.allowed) == len(self.shifts)

    @property
    def allowed_range(self) -> tuple[int, int] | None:
        """The first place that is allowed and the end, where all between them are; None if there is none."""
        if not len(self.allowed):
            return None
        first, end = int(self.allowed[0]), int(self.allowed[-1]) + 1
        return (first, end) if end - first == len(self.allowed) else None

    @property
    def has_all(self) -> bool:
        """Whether the map has all shifts at which anything is in common."""
        return self.circular or len(self.shifts) == sum(self.sizes) - 1

    def places_of(self, shifts: Indices) -> Indices:
        """Places of shifts in the map, -1 for those that it has not."""
        if self.circular:
            return shifts % self.length
        places = shifts - self.shifts[0]
        return np.where((places >= 0) & (places < len(self.shifts)), places, -1)

    def counts(self) -> Doubles:
        """Pixels that both images have, by the shift."""
        if self.circular:
            return np.full(len(self.shifts), float(self.sizes[0]))
        first, end = self.bounds(False)
        return (end - first).astype(np.float64)

    def bounds(self, of_moving: bool) -> tuple[Indices, Indices]:
        """The first pixel and the end of what an image has in common with the other one, by the shift."""
        a, b = self.sizes
        first, end = np.maximum(0, self.shifts), np.minimum(a, self.shifts + b)
        end = np.maximum(first, end)
        return (first - self.shifts, end - self.shifts) if of_moving else (first, end)

    def wanted(self) -> Any:
        """The places of the map in what is transformed back; None for all."""
        return None if self.circular else self.shifts % self.length


@remembered(64)
def circle(size: int, most: float) -> Along:
    """The shifts of a circular axis, in the order of the transform; that of half the size is positive."""
    places = np.arange(size)
    shifts = np.where(places > size // 2, places - size, places)
    allowed = places[np.abs(shifts) <= most]
    return Along((size, size), size, shifts, allowed, True, 0, most)


@remembered(64)
def line(a: int, b: int, most: float, least_overlap: float, margin: int, offset: int) -> Along:
    """The shifts of an axis that ends, some more on each side, if there are, than are allowed.

    `least_overlap` is the share of the largest overlap below which none is allowed.
    """
    shifts = np.arange(1 - b, a)
    counts = np.minimum(a, shifts + b) - np.maximum(0, shifts)
    fits = (np.abs(shifts + offset) <= most) & (counts >= least_overlap * min(a, b) * (1 - SLACK))
    places = np.flatnonzero(fits)
    if not len(places):
        places = np.array([np.abs(shifts + offset).argmin()])
        fits[:] = False
    first, end = max(0, int(places[0]) - margin), min(len(shifts), int(places[-1]) + margin + 1)
    kept = shifts[first:end]
    length = fast_length(max(a - int(kept[0]), b + int(kept[-1]), a, b), True)
    return Along((a, b), length, kept, np.flatnonzero(fits[first:end]), False, offset, most)


def surroundings(scores: npt.NDArray[Any], axes: tuple[Along, ...], shifts: Indices, reach: int) -> Doubles:
    """The scores (pairs, 2 reach + 1 along each axis) around shifts (pairs, axes) of maps, nan where there are none."""
    n_axes, steps = len(axes), np.arange(-reach, reach + 1)
    index: list[Any] = [np.arange(len(scores)).reshape(-1, *[1] * n_axes)]
    is_there: Any = np.ones((), np.bool_)
    for number, axis in enumerate(axes):
        places = axis.places_of(shifts[:, number, np.newaxis] + steps)
        places = places.reshape(len(places), *[-1 if own == number else 1 for own in range(n_axes)])
        index.append(np.maximum(places, 0))
        is_there = is_there & (places >= 0)
    found = scores[tuple(index)].astype(np.float64)
    return np.where(is_there & (found > -np.inf), found, np.nan)
