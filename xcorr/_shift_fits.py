"""Fractions of a pixel from the scores beside the best one: the vertex of a parabola, or of a Gaussian."""

from typing import Any

import numpy as np
import numpy.typing as npt

from xcorr._shifts import vertices_of

Array = npt.NDArray[Any]
Doubles = npt.NDArray[np.float64]

MOST = 0.5
"""Pixels that a vertex may lie beside the best score."""

LEAST_TERM = 1e-9
"""What is added to the squares of the slanting terms' sums, so that these are 0 where no score tells of them."""


def between(around: Doubles, how: str) -> Doubles:
    """How far beside the best scores the vertices lie, (pairs, axes), from scores (pairs, 3 along each axis).

    Along an axis where a neighbour is missing it is 0.
    """
    if around.ndim != 3:
        return fitted_slowly(around, how)
    found = np.zeros((len(around), 2))
    vertices_of(around, how == "gaussian", found)
    return found


def fitted_slowly(around: Doubles, how: str) -> Doubles:
    """The same of any number of axes."""
    n_axes = around.ndim - 1
    found = np.zeros((len(around), n_axes))
    lines = [lines_of(around, axis) for axis in range(n_axes)]
    for axis, line in enumerate(lines):
        found[:, axis] = vertex(line)
    if how != "gaussian":
        return found
    has_logarithms = [(line > 0).all(axis=1) for line in lines]
    for axis, (line, known) in enumerate(zip(lines, has_logarithms, strict=True)):
        found[known, axis] = vertex(np.log(line[known]))
    all_known = np.flatnonzero(np.all(has_logarithms, axis=0))
    if n_axes > 1 and len(all_known):
        vertices, fits = vertex_of_gaussian(around[all_known])
        found[all_known[fits]] = np.clip(vertices[fits], -MOST, MOST)
    return found


def lines_of(around: Doubles, axis: int) -> Doubles:
    """The score before, at and behind the best one along an axis."""
    n_axes = around.ndim - 1
    return around[(slice(None), *(slice(None) if own == axis else 1 for own in range(n_axes)))]


def vertex(line: Doubles) -> Doubles:
    """The vertices of parabolas through (pairs, 3), 0 where there are none."""
    before, middle, behind = line.T
    with np.errstate(invalid="ignore"):
        curvature = before - 2 * middle + behind
        found = np.divide(before - behind, 2 * curvature, out=np.zeros(len(line)), where=curvature < 0)
    return np.asarray(np.clip(np.nan_to_num(found), -MOST, MOST))


def vertex_of_gaussian(around: Doubles) -> tuple[Array, Any]:
    """The vertices of Gaussians of any width and slant through scores (pairs, 3 along each axis); whether there are.

    Least squares of the logarithms, each weighted by the square of its score, as an error of a score is divided by it
    in its logarithm (Nobach and Honkanen, Exp. Fluids 38, 2005). One axis by itself would take the best score, of
    several that err the one that errs upwards, for the top, and fractions for less than they are.
    """
    n_axes = around.ndim - 1
    steps = np.stack(np.meshgrid(*[[-1.0, 0.0, 1.0]] * n_axes, indexing="ij"), axis=-1).reshape(-1, n_axes)
    first, second = np.triu_indices(n_axes)
    terms = np.concatenate([np.ones((len(steps), 1)), steps, steps[:, first] * steps[:, second]], axis=1)
    scores = np.nan_to_num(around.reshape(len(around), -1))
    scores = np.maximum(scores / scores[:, scores.shape[1] // 2, np.newaxis], 0)
    logarithms = np.log(scores, out=np.zeros(scores.shape), where=scores > 0)
    weighted = (scores * scores)[..., np.newaxis] * terms
    squares = (weighted[:, :, :, np.newaxis] * terms[:, np.newaxis]).sum(axis=1)
    slants = 1 + n_axes + np.flatnonzero(first != second)
    squares[:, slants, slants] += LEAST_TERM
    sums = (weighted * logarithms[..., np.newaxis]).sum(axis=1)
    factors = np.linalg.solve(squares, sums[..., np.newaxis])[..., 0]
    curvatures = np.zeros((len(around), n_axes, n_axes))
    curvatures[:, first, second] += factors[:, 1 + n_axes :]
    curvatures[:, second, first] += factors[:, 1 + n_axes :]
    largest = np.linalg.eigvalsh(curvatures)[:, -1]
    fits = np.isfinite(largest) & (largest < 0)
    curvatures[~fits] = -np.eye(n_axes)
    return -np.linalg.solve(curvatures, factors[:, 1 : 1 + n_axes, np.newaxis])[..., 0], fits
