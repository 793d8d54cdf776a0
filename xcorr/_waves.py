"""The waves of an axis between its points, and products with them."""

from typing import Any

import numpy as np
import numpy.typing as npt

from xcorr._cache import remembered
from xcorr._engine import go_on

Array = npt.NDArray[Any]
Doubles = npt.NDArray[np.float64]

ONE_THREAD = 2**18
"""Multiply-adds up to which OpenBLAS keeps to one thread (interface/gemm.c)."""


def multiplied(one: Array, other: Array) -> Array:
    """``one @ other`` in parts that a BLAS leaves to the thread that asks: of several at once its own would wait."""
    go_on()
    n_rows, n_terms, n_columns = one.shape[-2], one.shape[-1], other.shape[-1]
    if n_rows * n_terms * n_columns <= ONE_THREAD:
        return np.asarray(np.matmul(one, other))
    if n_columns > 8:
        half = n_columns // 2
        return np.concatenate([multiplied(one, other[..., :half]), multiplied(one, other[..., half:])], axis=-1)
    half = n_terms // 2
    return multiplied(one[..., :half], other[..., :half, :]) + multiplied(one[..., half:], other[..., half:, :])


LONGEST_KEPT = 4096
"""Points of an axis up to which its waves are kept: some 1 MiB in float64."""


def waves_of(length: int, shifts: Array, parts: Doubles, is_half: bool) -> Array:
    """The waves of an axis (pairs, parts, frequencies) at parts of a pixel from shifts (pairs,).

    Of half of them they are both halves' sum.
    """
    make = kept_waves if length <= LONGEST_KEPT else waves_between
    waves, roots = make(length, tuple(parts.tolist()), is_half)
    turns = (shifts[:, np.newaxis] * np.arange(waves.shape[-1])) % length
    return np.asarray(waves * roots[turns][:, np.newaxis])


def waves_between(length: int, parts: tuple[float, ...], is_half: bool) -> tuple[Array, Array]:
    """The waves (parts, frequencies) around a point of an axis, and that of one period at all points.

    The wave of two points a period goes through all points, and is real between.
    """
    frequencies = np.arange(length // 2 + 1) if is_half else np.fft.fftfreq(length, 1 / length)
    waves = np.exp((2j * np.pi / length) * (np.array(parts)[:, np.newaxis] * frequencies))
    if length % 2 == 0:
        waves[:, length // 2] = waves[:, length // 2].real
    if is_half:
        waves[:, 1 : (length + 1) // 2] *= 2
    return waves, np.exp((2j * np.pi / length) * np.arange(length))


kept_waves = remembered(8)(waves_between)
