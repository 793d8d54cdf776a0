"""Shifts of a fraction of a pixel, from the scores between pixels: of waves through all of a circle's, or of sincs."""

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
Doubles = npt.NDArray[np.float64]

REACH = 0.75
"""Pixels around the best whole shift that the best fraction is looked for in."""

FINER = 8
"""How much finer the grid becomes at each step."""

COARSEST = 1 / 6
"""Pixels that the first grid's points are apart at most, so that its best one is beside the best of all."""

ROUNDING = 64
"""Units of rounding that scores between pixels are taken to err by."""

SINCS, SHARPNESS = 16, 6.0
"""Scores on each side that a score between pixels is made of, and the shape of the window (Kaiser's) over the sinc.

Pairs of 64x64, band-limited to 0.1 to 0.5 cycles a pixel, lie within 0.015 pixels; 8 scores lose 0.02 at 0.5 cycles.
2026-11-27.
"""


def steps_of(upsampling: int) -> list[int]:
    """The distances of the grids' points, the last one 1, in parts of a pixel that it is divided into so often."""
    steps = [1]
    while steps[0] * FINER <= COARSEST * upsampling:
        steps.insert(0, steps[0] * FINER)
    return steps


def refine(scores_at: Callable[[Doubles], Doubles], shifts: Array, upsampling: int, unit: float) -> Any:
    """The best fractions around whole shifts (pairs, axes), in parts of a pixel, and their scores (pairs,).

    `scores_at` tells scores (pairs, points along each axis) at points (pairs, axes, points); `unit` is their rounding,
    within which no fraction is the best.
    """
    n_axes, most = shifts.shape[1], int(REACH * upsampling)
    found, scores = np.zeros(shifts.shape, np.int64), np.zeros(len(shifts))
    pairs = np.arange(len(shifts))
    for number, step in enumerate(steps_of(upsampling)):
        reach = most // step if number == 0 else FINER
        points = np.clip(found[..., np.newaxis] + np.arange(-reach, reach + 1) * step, -most, most)
        values = scores_at(shifts[..., np.newaxis] + points / upsampling)
        for axis in range(n_axes):
            far = (points[:, axis] != 0) * (ROUNDING * unit)
            values -= far.reshape(len(far), *[-1 if own == axis else 1 for own in range(n_axes)])
        rows = values.reshape(len(values), -1)
        best = rows.argmax(axis=1)
        scores = rows[pairs, best]
        for axis, index in enumerate(np.unravel_index(best, values.shape[1:])):
            found[:, axis] = points[pairs, axis, index]
    return found, scores


# --- sincs ------------------------------------------------------------------------------------------------------------


def sincs_at(around: Doubles, shifts: Array, points: Doubles) -> Doubles:
    """Scores (pairs, points along each axis) at points (pairs, axes, points), from those around whole shifts.

    Scores that there are none of are taken for 0.
    """
    values, steps = np.nan_to_num(around), np.arange(-SINCS, SINCS + 1)
    n_pairs, n_axes, n_points = points.shape
    for number in range(n_axes):
        far = (points[:, number] - shifts[:, number, np.newaxis])[..., np.newaxis] - steps
        inside = np.sqrt(np.clip(1 - (far / (SINCS + 1)) ** 2, 0, 1))
        weights = np.sinc(far) * np.i0(SHARPNESS * inside) / np.i0(SHARPNESS)
        values = np.matmul(weights[:, np.newaxis], values.reshape(n_pairs, n_points**number, len(steps), -1))
    return np.asarray(values.reshape(n_pairs, *[n_points] * n_axes))
