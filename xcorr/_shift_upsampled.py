"""Shifts of a fraction of a pixel, from the scores between pixels: of waves through all of a circle's, or of sincs."""

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from xcorr._cache import remembered

Array = npt.NDArray[Any]
Doubles = npt.NDArray[np.float64]

REACH = 0.75
"""Pixels around the best whole shift that the best fraction is looked for in."""

FINER = 8
"""How much finer the grid becomes at each step."""

COARSEST = 1 / 6
"""Pixels that the first grid's points are apart at most, so that its best one is beside the best of all."""

NODES = {4: 14, 8: 22}
"""Nodes along each axis, by the bytes of a float, that scores within a pixel are interpolated between.

A wave of at most half a period a pixel differs from its polynomial by twice the Bessel functions J_n(pi) from that
degree on: 1e-8 and 4e-17.
"""

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


def refine(
    scores_at: Callable[[Doubles], Doubles], n_pairs: int, n_axes: int, upsampling: int, unit: float
) -> tuple[Array, Doubles]:
    """The best fractions around whole shifts (pairs, axes), in parts of a pixel, and their scores (pairs,).

    `scores_at` tells scores (pairs, points along each axis) so far from the shifts (pairs, axes, points); `unit` is
    their rounding, within which no fraction is the best.
    """
    most, pairs = int(REACH * upsampling), np.arange(n_pairs)
    found, scores = np.zeros((n_pairs, n_axes), np.int64), np.zeros(n_pairs)
    for number, step in enumerate(steps_of(upsampling)):
        reach = most // step if number == 0 else FINER
        points = np.clip(found[..., np.newaxis] + np.arange(-reach, reach + 1) * step, -most, most)
        values = scores_at(points / upsampling)
        for axis in range(n_axes):
            far = (points[:, axis] != 0) * (ROUNDING * unit)
            values -= far.reshape(len(far), *[-1 if own == axis else 1 for own in range(n_axes)])
        rows = values.reshape(len(values), -1)
        best = rows.argmax(axis=1)
        scores = rows[pairs, best]
        for axis, index in enumerate(np.unravel_index(best, values.shape[1:])):
            found[:, axis] = points[pairs, axis, index]
    return found, scores


# --- waves ------------------------------------------------------------------------------------------------------------


@remembered(2)
def nodes_of(n: int) -> Doubles:
    """The zeros of Chebyshev's polynomial of degree n."""
    return np.asarray(np.cos(np.pi / n * (np.arange(n) + 0.5)))


@remembered(2)
def series_from_nodes(n: int) -> Doubles:
    """The matrix (coefficients, nodes) that makes a polynomial's coefficients of its values at the nodes.

    Mason and Handscomb, Chebyshev Polynomials (2003), 6.3.
    """
    found = np.cos(np.pi / n * np.outer(np.arange(n), np.arange(n) + 0.5)) * (2 / n)
    found[0] /= 2
    return np.asarray(found)


def polynomials_at(values: Doubles, parts: Doubles) -> Doubles:
    """Scores (pairs, points along each axis) so far from whole shifts (pairs, axes, points), from those at nodes."""
    n = values.shape[-1]
    polynomials = np.cos(np.arange(n) * np.arccos(parts)[..., np.newaxis])
    return along_each(values, polynomials @ series_from_nodes(n))


def along_each(values: Doubles, weights: Doubles) -> Doubles:
    """The sums (pairs, points along each axis) of values, by weights (pairs, axes, points, values along an axis)."""
    n_pairs, n_axes, n_points, n_values = weights.shape
    for number in range(n_axes):
        values = np.matmul(weights[:, number, np.newaxis], values.reshape(n_pairs, n_points**number, n_values, -1))
    return np.asarray(values.reshape(n_pairs, *[n_points] * n_axes))


# --- sincs ------------------------------------------------------------------------------------------------------------


def sincs_at(around: Doubles, parts: Doubles) -> Doubles:
    """Scores (pairs, points along each axis) so far from whole shifts (pairs, axes, points), from those around these.

    Scores that there are none of are taken for 0.
    """
    far = parts[..., np.newaxis] - np.arange(-SINCS, SINCS + 1)
    inside = np.sqrt(np.clip(1 - (far / (SINCS + 1)) ** 2, 0, 1))
    weights = np.sinc(far) * np.i0(SHARPNESS * inside) / np.i0(SHARPNESS)
    return along_each(np.nan_to_num(around), weights)
