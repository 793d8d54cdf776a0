"""The score of one shift of each pair, summed over the pixels that both images see, in float64."""

from collections.abc import Iterator
from math import prod
from typing import Any

import numpy as np
import numpy.typing as npt

from xcorr import _dispatch
from xcorr._engine import go_on
from xcorr._shifts import multiply_pixels, sum_pixels
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
    table, sums = _dispatch.current().table, np.zeros(3)
    for channel in range(len(a[0])):
        found = np.array([0, 0, 0, np.inf, -np.inf, np.inf, -np.inf])
        kept = list(pieces_of(a, b, channel, roll)) if a[0][channel].size <= AT_ONCE else None
        for piece in kept or pieces_of(a, b, channel, roll):
            sum_pixels(table, *piece, found)
        means = found[1:3] / max(found[0], np.finfo(np.float64).tiny)
        exponents = [
            int(np.frexp(max(mean - ends[0], ends[1] - mean))[1])
            for mean, ends in zip(means, (found[3:5], found[5:7]), strict=True)
        ]
        scales = [np.ldexp(1.0, -exponent if abs(exponent) > LARGEST_EXPONENT else 0) for exponent in exponents]
        for piece in kept or pieces_of(a, b, channel, roll):
            multiply_pixels(table, *piece, means, np.array(scales), sums)
    norm = sums[1] if sums[1] == sums[2] else np.sqrt(sums[1]) * np.sqrt(sums[2])
    return float(sums[0] / norm) if norm > 0 else 0.0


def pieces_of(
    a: list[Array], b: list[Array], channel: int, roll: tuple[int, ...]
) -> Iterator[tuple[Any, Array, Array]]:
    """What counts, None for all, and the pixels of both as float64, some rows of the first axis after the other."""
    length, *others = a[0].shape[1:]
    n_rows = max(1, PIECE // max(1, prod(others)))
    for first in range(0, length, n_rows):
        go_on()
        rows = np.arange(first, min(first + n_rows, length))
        shares: Any = None
        found = []
        for is_moving, operands in enumerate((a, b)):
            for number, operand in enumerate(operands):
                plane = operand[min(channel, len(operand) - 1)]
                if is_moving and any(roll):
                    own = plane.take((rows - roll[0]) % length, axis=0)
                    own = np.roll(own, roll[1:], tuple(range(1, own.ndim)))
                else:
                    own = plane[first : first + len(rows)]
                if number:
                    shares = own if shares is None else shares * own
                else:
                    found.append(own.astype(np.float64, order="C"))  # as sums go along memory
        if shares is not None:
            for plane in found:
                np.copyto(plane, 0, where=shares == 0)
            shares = shares.astype(np.float64, order="C")
        yield shares, found[0], found[1]
