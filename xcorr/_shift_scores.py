"""The score of one shift of each pair, summed over the pixels that both images see, in float64."""

from typing import Any

import numpy as np
import numpy.typing as npt

from xcorr._engine import go_on
from xcorr._staged_planes import Planes

Array = npt.NDArray[Any]
Doubles = npt.NDArray[np.float64]

LARGEST_EXPONENT = 400
"""Binary digits of pixels whose squares are summed as they are."""


def scores_at(reference: Planes, moving: Planes, shifts: Array, known: Array, circular: bool) -> Doubles:
    """The scores of shifts (pairs, axes) where they are known: of equal pixels exactly 1."""
    scores = np.zeros(len(shifts))
    for pair in np.flatnonzero(known).tolist():
        go_on()
        a, b = of_pair(reference, pair), of_pair(moving, pair)
        if circular:
            b = [rolled(plane, shifts[pair]) for plane in b]
        else:
            a, b = common(a, b, shifts[pair])
        scores[pair] = score_of(a, b)
    return scores


def of_pair(planes: Planes, pair: int) -> list[Array]:
    """A pair's pixels (channels, spatial axes), and what counts of them."""
    operands = [planes.pixels] if planes.shares is None else [planes.pixels, planes.shares]
    return [operand[min(pair, len(operand) - 1)] for operand in operands]


def rolled(plane: Array, shift: Array) -> Array:
    """The pixels of a circle, shifted."""
    return np.roll(plane, tuple(shift), tuple(range(1, plane.ndim))) if shift.any() else plane


def common(a: list[Array], b: list[Array], shift: Array) -> tuple[list[Array], list[Array]]:
    """What images have in common where one is shifted."""
    of_a, of_b = [slice(None)], [slice(None)]
    for own, one, other in zip(shift.tolist(), a[0].shape[1:], b[0].shape[1:], strict=True):
        first, end = max(0, own), min(one, own + other)
        of_a.append(slice(first, end))
        of_b.append(slice(first - own, end - own))
    return [plane[tuple(of_a)] for plane in a], [plane[tuple(of_b)] for plane in b]


def score_of(a: list[Array], b: list[Array]) -> float:
    """The score of pixels that lie on each other, each with what counts of them, if that is not all."""
    shares: Any = None
    for one in (*a[1:], *b[1:]):
        shares = one if shares is None else shares * one
    sums = np.zeros(3)
    for channel in range(len(a[0])):
        own = None if shares is None else shares[min(channel, len(shares) - 1)].reshape(-1)
        one, other = (centred(planes[0][channel].astype(np.float64).reshape(-1), own) for planes in (a, b))
        for index, (first, second) in enumerate(((one, other), (one, one), (other, other))):
            products = first * second
            sums[index] += products.sum() if own is None else (own * products).sum()
    norm = sums[1] if sums[1] == sums[2] else np.sqrt(sums[1]) * np.sqrt(sums[2])
    return float(sums[0] / norm) if norm > 0 else 0.0


def centred(plane: Array, shares: Any) -> Array:
    """Pixels about the mean of what counts; 0 where nothing does."""
    if shares is None:
        return scaled(plane - plane.mean())
    plane, total = np.where(shares > 0, plane, 0), shares.sum()
    mean = (shares * plane).sum() / total if total > 0 else 0.0
    return scaled(np.where(shares > 0, plane - mean, 0))


def scaled(plane: Array) -> Array:
    """Pixels times a power of two, so that their squares are numbers like others, unless all are 0."""
    exponent = int(np.frexp(np.abs(plane).max(initial=0))[1])
    return plane if abs(exponent) < LARGEST_EXPONENT else np.ldexp(plane, -exponent)
