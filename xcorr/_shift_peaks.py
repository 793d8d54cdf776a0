"""The best shift of each map of scores: which one, how much better than others, and where between pixels."""

from itertools import product
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from xcorr._shift_axes import Along
from xcorr._shift_upsampled import surroundings

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
    around: Array  # (pairs, axes, 2): the scores of the neighbours before and behind, nan where there are none
    surroundings: Any  # the scores around, if they are asked for


def find(scores: Array, axes: tuple[Along, ...], error: float, keeps: bool = False) -> Best:
    """The best of the allowed shifts; of those that are as good but for rounding the one that is nearest to none."""
    inside, places = allowed_of(scores, axes)
    rows = inside.reshape(len(inside), -1)
    best, top = np.zeros(len(rows), np.intp), np.full(len(rows), -np.inf)
    if rows.shape[1]:
        best = rows.argmax(axis=1)
        top = rows[np.arange(len(rows)), best].astype(np.float64)
        nearest_to_none(rows, best, top - error, places, axes)
    index = np.unravel_index(best, inside.shape[1:])
    at = [own[one] if len(own) else one for own, one in zip(places, index, strict=True)]
    shifts = np.stack([axis.shifts[one] for axis, one in zip(axes, at, strict=True)], axis=1)
    around = np.stack([neighbours(scores, axes, at, shifts, axis) for axis in range(len(axes))], axis=1)
    wider = surroundings(scores, axes, shifts) if keeps else None
    second = second_best(inside, axes, places, shifts) if rows.shape[1] else top
    with np.errstate(divide="ignore", invalid="ignore"):
        ratios = np.where(second > 0, top / second, np.inf)
    ratios[~(top > 0)] = 0
    return Best(shifts, top, ratios, around, wider)


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


def neighbours(scores: Array, axes: tuple[Along, ...], at: list[Indices], shifts: Indices, axis: int) -> Array:
    """The scores one pixel before and behind along an axis, (pairs, 2)."""
    found = np.full((len(scores), 2), np.nan)
    if axes[axis].sizes == (1, 1):
        return found
    pairs = np.arange(len(scores))
    for side, step in enumerate((-1, 1)):
        places = axes[axis].places_of(shifts[:, axis] + step)
        values = scores[(pairs, *at[:axis], np.maximum(places, 0), *at[axis + 1 :])]
        found[:, side] = np.where((places >= 0) & (values > -np.inf), values, np.nan)
    return found


def second_best(inside: Array, axes: tuple[Along, ...], places: list[Indices], shifts: Indices) -> Doubles:
    """The largest score that is not near the best one, -inf if there is none; overwrites the scores that are near."""
    pairs, columns = np.arange(len(inside)), []
    for number, (axis, own) in enumerate(zip(axes, places, strict=True)):
        position = np.full(len(axis.shifts) + 1, -1)
        position[own] = np.arange(len(own))
        near = axis.places_of(shifts[:, number, np.newaxis] + np.arange(-NEAR, NEAR + 1))
        found = position[near]
        columns.append(np.where(found >= 0, found, position[axis.places_of(shifts[:, number])][:, np.newaxis]))
    for steps in product(range(2 * NEAR + 1), repeat=len(axes)):
        inside[(pairs, *(own[:, step] for own, step in zip(columns, steps, strict=True)))] = -np.inf
    return np.asarray(inside.reshape(len(inside), -1).max(axis=1), np.float64)


def between(best: Best, how: str) -> Doubles:
    """How far beside the best shifts the vertex lies, of a parabola or of one through the logarithms, (pairs, axes)."""
    before, middle, behind = best.around[..., 0], np.broadcast_to(best.scores[:, np.newaxis], best.shifts.shape), None
    behind = best.around[..., 1]
    if how == "gaussian":
        has_logarithms = (before > 0) & (middle > 0) & (behind > 0)
        before, middle, behind = (
            np.where(has_logarithms, np.log(one, out=np.zeros(one.shape), where=has_logarithms), one)
            for one in (before, middle, behind)
        )
    with np.errstate(invalid="ignore"):
        curvature = before - 2 * middle + behind
        found = np.divide(before - behind, 2 * curvature, out=np.zeros(curvature.shape), where=curvature < 0)
    return np.asarray(np.clip(np.nan_to_num(found), -0.5, 0.5))
