"""The best shift of each map of scores: which one, how good, and how much better than others."""

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from xcorr._shift_axes import Along, surroundings
from xcorr._shifts import best_of_maps

Array = npt.NDArray[Any]
Doubles = npt.NDArray[np.float64]
Indices = npt.NDArray[np.intp]

NEAR = 2
"""Pixels on each side of a peak, along each axis, that are not another one."""


class Best(NamedTuple):
    """The best shift of each pair: (pairs, axes) and (pairs,); what there is none of has the score -inf."""

    shifts: Indices
    scores: Doubles
    ratios: Doubles
    around: Doubles  # the scores around, as far as was asked for, nan where there are none


def find(scores: Array, axes: tuple[Along, ...], error: float, reach: int) -> Best:
    """The best of the allowed shifts; of those that are as good but for rounding the one that is nearest to none.

    Scores around it are kept up to a reach, none of 0.
    """
    ranges = [axis.allowed_range for axis in axes]
    if len(axes) < 3 and scores.size and None not in ranges:
        around = np.empty((len(scores) if reach == 1 and len(axes) == 2 else 0, 3, 3))
        places = [np.arange(len(axis.shifts)) for axis in axes]
        shifts, top, second = found_in_planes(np.ascontiguousarray(scores), axes, places, ranges, error, around)
    else:
        around = np.empty((0, 3, 3))
        shifts, top, second = found_in_copy(scores, axes, error)
    if reach and not around.size:
        around = surroundings(scores, axes, shifts, reach)
    return Best(shifts, top, ratios_of(top, second), around)


def found_in_copy(scores: Array, axes: tuple[Along, ...], error: float) -> tuple[Indices, Doubles, Doubles]:
    """The best shifts of maps, the largest scores, and the largest that are not near, from those that are allowed."""
    inside, places = allowed_of(scores, axes)
    if len(axes) < 3 and inside.size:
        ranges = [(0, len(own)) for own in places]
        return found_in_planes(inside, axes, places, ranges, error, np.empty((0, 3, 3)))
    shifts, top = found_slowly(inside, axes, places, error)
    return shifts, top, second_best(inside, axes, places, shifts) if inside.size else top


def ratios_of(top: Doubles, second: Doubles) -> Doubles:
    """The best scores over the best ones that are not near."""
    with np.errstate(divide="ignore", invalid="ignore"):
        ratios = np.where(second > 0, top / second, np.inf)
    ratios[~(top > 0)] = 0
    return ratios


def found_in_planes(
    inside: Array, axes: tuple[Along, ...], places: list[Indices], ranges: Any, error: float, around: Doubles
) -> tuple[Indices, Doubles, Doubles]:
    """The best shifts in ranges of maps of one or two axes, the largest scores, and the largest that are not near.

    What is around the best ones is written, if it is asked for.
    """
    best, tops = np.empty((len(inside), 2), np.intp), np.empty((len(inside), 2))
    shifts = [axis.shifts[own] for axis, own in zip(axes, places, strict=True)]
    circles, offsets = [axis.circular * axis.length for axis in axes], [axis.offset for axis in axes]
    if len(axes) == 1:
        shifts, circles, offsets = [np.zeros(1, np.intp), *shifts], [0, *circles], [0, *offsets]
        ranges = [(0, 1), *ranges]
    planes = inside.reshape(len(inside), len(shifts[0]), len(shifts[1]))
    words = (*ranges[0], *ranges[1]), (circles[0], circles[1]), (offsets[0], offsets[1]), error, NEAR
    best_of_maps(planes, shifts[0], shifts[1], *words, best, tops, around)
    found = [own[best[:, place]] for place, own in enumerate(shifts)]
    return np.stack(found[-len(axes) :], axis=1), tops[:, 0], tops[:, 1]


def found_slowly(
    inside: Array, axes: tuple[Along, ...], places: list[Indices], error: float
) -> tuple[Indices, Doubles]:
    """The best shifts of maps of any axes, which may have none, and the largest scores."""
    rows = inside.reshape(len(inside), -1)
    best, top = np.zeros(len(rows), np.intp), np.full(len(rows), -np.inf)
    if rows.shape[1]:
        best = rows.argmax(axis=1)
        top = rows[np.arange(len(rows)), best].astype(np.float64)
        nearest_to_none(rows, best, top - error, places, axes)
    index = np.unravel_index(best, inside.shape[1:])
    at = [own[one] if len(own) else one for own, one in zip(places, index, strict=True)]
    shifts = np.stack([axis.shifts[one] for axis, one in zip(axes, at, strict=True)], axis=1)
    return shifts, top


def allowed_of(scores: Array, axes: tuple[Along, ...]) -> tuple[Array, list[Indices]]:
    """The scores of the allowed shifts, a copy unless they are all, and the places of these along each axis."""
    for number, axis in enumerate(axes, 1):
        if not axis.is_whole:
            scores = scores.take(axis.allowed, axis=number)
    return np.ascontiguousarray(scores), [axis.allowed for axis in axes]


def nearest_to_none(rows: Array, best: Indices, least: Doubles, places: list[Indices], axes: tuple[Along, ...]) -> None:
    """Set the best of several scores that reach the least to the one of the smallest shift, of equal ones the first."""
    near = rows >= least.astype(rows.dtype)[:, np.newaxis]
    several = np.flatnonzero((np.count_nonzero(near, axis=1) > 1) & (least > -np.inf))
    if not len(several):
        return
    far: Any = np.zeros(())
    for axis, own in zip(axes, places, strict=True):
        far = far[..., np.newaxis] + (axis.shifts[own] + axis.offset).astype(np.float64) ** 2
    for row in several:
        found = np.flatnonzero(near[row])
        best[row] = found[far.reshape(-1)[found].argmin()]


def second_best(inside: Array, axes: tuple[Along, ...], places: list[Indices], shifts: Indices) -> Doubles:
    """The largest score that is not near the best one, -inf if there is none; overwrites the scores that are near."""
    n_axes, steps = len(axes), np.arange(-NEAR, NEAR + 1)
    index: list[Any] = [np.arange(len(inside)).reshape(-1, *[1] * n_axes)]
    for number, (axis, own) in enumerate(zip(axes, places, strict=True)):
        near = axis.places_of(shifts[:, number, np.newaxis] + steps)
        if not axis.is_whole:
            position = np.full(len(axis.shifts) + 1, -1)
            position[own] = np.arange(len(own))
            near = position[near]
        near = np.where(near >= 0, near, near[:, NEAR, np.newaxis])
        index.append(near.reshape(len(near), *[-1 if other == number else 1 for other in range(n_axes)]))
    inside[tuple(index)] = -np.inf
    return np.asarray(inside.reshape(len(inside), -1).max(axis=1), np.float64)
