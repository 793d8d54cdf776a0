"""The score of one shift of each pair, summed over the pixels that both images see, in float64."""

from math import prod
from typing import Any

import numpy as np
import numpy.typing as npt

from xcorr import _dispatch, _workers
from xcorr._engine import go_on
from xcorr._shifts import multiply_pixels, sum_pixels
from xcorr._staged_planes import Planes

Array = npt.NDArray[Any]
Doubles = npt.NDArray[np.float64]
Piece = tuple[Any, Array, Array]  # what counts, None for all, and the pixels of both as float64

LARGEST_EXPONENT = 400
"""Binary digits of pixels whose squares are summed as they are."""

LARGEST_FACTOR = 1000
"""Binary digits of the largest power of two that pixels are multiplied by."""

NOTHING_SEEN = [0, 0, 0, np.inf, np.inf, -np.inf, -np.inf]
"""What counts of no pixels, the sums of both images, the least of both and the greatest."""

PIECE = 2**15
"""Pixels that are summed at one go, if a row of the first axis is not more.

Of 512x512 pixels, from 2**13 to 2**17 as long with all, with masks 2.3 to 3.3 ms where 2**17 takes 2.8 to 5.6.
2026-11-30, AMD EPYC (Zen 3).
"""

AT_ONCE = 2**18
"""Pixels whose pieces stay until all sums are made."""


def scores_at(
    reference: Planes, moving: Planes, shifts: Array, known: Array, circular: bool, n_workers: int
) -> Doubles:
    """The scores of shifts (pairs, axes) where they are known: of equal pixels exactly 1."""
    scores = np.zeros(len(shifts))
    for pair in np.flatnonzero(known).tolist():
        a, b = of_pair(reference, pair), of_pair(moving, pair)
        if not circular:
            a, b = common(a, b, shifts[pair])
        roll = tuple(shifts[pair].tolist()) if circular else (0,) * shifts.shape[1]
        scores[pair] = score_of(a, b, roll, n_workers)
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


def score_of(a: list[Array], b: list[Array], roll: tuple[int, ...], n_workers: int) -> float:
    """The score of pixels that lie on each other, each with what counts of them, if that is not all.

    The second image is rolled first. A worker does some rows of a channel, whose sums are added in order. Pixels of an
    image whose squares might leave float64 are scaled, in all channels alike.
    """
    table, n_channels, (length, *others) = _dispatch.current().table, len(a[0]), a[0].shape[1:]
    n_rows = max(1, PIECE // max(1, prod(others)))
    n_pieces = -(-length // n_rows)
    kept: dict[int, Piece] | None = {} if a[0].size <= AT_ONCE else None
    found, products = np.tile(NOTHING_SEEN, (n_channels * n_pieces, 1)), np.zeros((n_channels * n_pieces, 3))

    def piece_at(index: int) -> Piece:
        go_on()
        channel, piece = divmod(index, n_pieces)
        return piece_of(a, b, channel, roll, piece * n_rows, min((piece + 1) * n_rows, length))

    def add_up(index: int) -> None:
        piece = piece_at(index)
        sum_pixels(table, *piece, found[index])
        if kept is not None:
            kept[index] = piece

    _workers.prepare(add_up, n_channels * n_pieces, n_workers)
    by_channel = found.reshape(n_channels, n_pieces, -1)
    counts = np.maximum(by_channel[:, :, 0].sum(axis=1), np.finfo(np.float64).tiny)
    means = by_channel[:, :, 1:3].sum(axis=1) / counts[:, np.newaxis]
    least, greatest = by_channel[:, :, 3:5].min(axis=1), by_channel[:, :, 5:7].max(axis=1)
    exponents = np.frexp(np.maximum(means - least, greatest - means).max(axis=0))[1]
    is_far = np.abs(exponents) > LARGEST_EXPONENT
    scales = np.ldexp(1.0, np.where(is_far, np.minimum(-exponents, LARGEST_FACTOR), 0))

    def multiply(index: int) -> None:
        piece = piece_at(index) if kept is None else kept[index]
        multiply_pixels(table, *piece, means[index // n_pieces], scales, products[index])

    _workers.prepare(multiply, n_channels * n_pieces, n_workers)
    sums = products.sum(axis=0)
    norm = sums[1] if sums[1] == sums[2] else np.sqrt(sums[1]) * np.sqrt(sums[2])
    return float(sums[0] / norm) if norm > 0 else 0.0


def piece_of(a: list[Array], b: list[Array], channel: int, roll: tuple[int, ...], first: int, end: int) -> Piece:
    """What lies in rows [first, end) of the first axis."""
    shares: Any = None
    found = []
    for is_moving, operands in enumerate((a, b)):
        for number, operand in enumerate(operands):
            plane = operand[min(channel, len(operand) - 1)]
            if is_moving and any(roll):
                own = plane.take((np.arange(first, end) - roll[0]) % len(plane), axis=0)
                own = np.roll(own, roll[1:], tuple(range(1, own.ndim)))
            else:
                own = plane[first:end]
            if number:
                own = own if own.dtype.kind == "b" else own.astype(np.float64)
                shares = own if shares is None else shares * own
            else:
                found.append(own.astype(np.float64, order="C"))  # as sums go along memory
    if shares is not None:
        unseen = shares == 0
        for plane in found:
            np.copyto(plane, 0, where=unseen)
        shares = shares.astype(np.float64, order="C")
    return shares, found[0], found[1]
