"""The score of one shift of each pair, summed over the pixels that both images see, in float64."""

from collections.abc import Iterator
from math import prod
from typing import Any

import numpy as np
import numpy.typing as npt

from xcorr._engine import go_on
from xcorr._staged_planes import Planes

Array = npt.NDArray[Any]
Doubles = npt.NDArray[np.float64]

LARGEST_EXPONENT = 400
"""Binary digits of pixels whose squares are summed as they are."""

PIECE = 2**17
"""Pixels that are summed at one go, if a row of the first axis is not more."""

AT_ONCE = 2**18
"""Pixels whose pieces stay until all sums are made."""


def scores_at(reference: Planes, moving: Planes, shifts: Array, known: Array, circular: bool) -> Doubles:
    """The scores of shifts (pairs, axes) where they are known: of equal pixels exactly 1."""
    scores = np.zeros(len(shifts))
    for pair in np.flatnonzero(known).tolist():
        a, b = of_pair(reference, pair), of_pair(moving, pair)
        if not circular:
            a, b = common(a, b, shifts[pair])
        scores[pair] = score_of(a, b, tuple(shifts[pair].tolist()) if circular else (0,) * shifts.shape[1])
    return scores


def of_pair(planes: Planes, pair: int) -> list[Array]:
    """A pair's pixels (channels, spatial axes), and what counts of them."""
    operands = [planes.pixels] if planes.shares is None else [planes.pixels, planes.shares]
    return [operand[min(pair, len(operand) - 1)] for operand in operands]


def common(a: list[Array], b: list[Array], shift: Array) -> tuple[list[Array], list[Array]]:
    """What images have in common where one is shifted."""
    of_a, of_b = [slice(None)], [slice(None)]
    for own, one, other in zip(shift.tolist(), a[0].shape[1:], b[0].shape[1:], strict=True):
        first, end = max(0, own), min(one, own + other)
        of_a.append(slice(first, end))
        of_b.append(slice(first - own, end - own))
    return [plane[tuple(of_a)] for plane in a], [plane[tuple(of_b)] for plane in b]


def score_of(a: list[Array], b: list[Array], roll: tuple[int, ...]) -> float:
    """The score of pixels that lie on each other, each with what counts of them, if that is not all.

    The second image is rolled first.
    """
    sums = np.zeros(3)
    for channel in range(len(a[0])):
        means, exponents = np.zeros(3), [0, 0]
        kept = list(pieces_of(a, b, channel, roll)) if a[0][channel].size <= AT_ONCE else None
        for shares, *planes in kept or pieces_of(a, b, channel, roll):
            means += [shares.sum(), *((shares * plane).sum() for plane in planes)]
        means[1:] /= max(means[0], np.finfo(np.float64).tiny)
        for _, *planes in kept or pieces_of(a, b, channel, roll):
            for side, plane in enumerate(planes):
                far = np.abs(plane - means[1 + side]).max(initial=0)
                exponents[side] = max(exponents[side], int(np.frexp(far)[1]))
        scales = [np.ldexp(1.0, -exponent if abs(exponent) > LARGEST_EXPONENT else 0) for exponent in exponents]
        for shares, *planes in kept or pieces_of(a, b, channel, roll):
            one, other = ((plane - mean) * scale for plane, mean, scale in zip(planes, means[1:], scales, strict=True))
            counted = shares * one
            sums += [(counted * other).sum(), (counted * one).sum(), (shares * other * other).sum()]
    norm = sums[1] if sums[1] == sums[2] else np.sqrt(sums[1]) * np.sqrt(sums[2])
    return float(sums[0] / norm) if norm > 0 else 0.0


def pieces_of(a: list[Array], b: list[Array], channel: int, roll: tuple[int, ...]) -> Iterator[list[Array]]:
    """What counts, and the pixels of both images as float64, some rows of the first axis after the other."""
    length, *others = a[0].shape[1:]
    n_rows = max(1, PIECE // max(1, prod(others)))
    for first in range(0, length, n_rows):
        go_on()
        rows = np.arange(first, min(first + n_rows, length))
        shares: Any = np.ones((1,) * len(roll))
        found = []
        for is_moving, operands in enumerate((a, b)):
            for number, operand in enumerate(operands):
                plane = operand[min(channel, len(operand) - 1)]
                if is_moving and any(roll):
                    own = plane.take((rows - roll[0]) % length, axis=0)
                    own = np.roll(own, roll[1:], tuple(range(1, own.ndim)))
                else:
                    own = plane[first : first + len(rows)]
                own = own.astype(np.float64, order="C")  # as sums go along memory
                if number:
                    shares = shares * own
                else:
                    found.append(own)
        for plane in found:
            plane[np.broadcast_to(shares == 0, plane.shape)] = 0
        yield [np.broadcast_to(shares, found[0].shape), *found]
