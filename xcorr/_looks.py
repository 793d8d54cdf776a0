"""What is looked for in kernels and images: large, infinite, and subnormal numbers."""

from math import prod
from typing import Any

import numpy as np
import numpy.typing as npt

from xcorr import _workers
from xcorr._arrays import in_pieces
from xcorr._engine import all_finite, any_subnormal

Array = npt.NDArray[Any]


FEW_TAPS = 2**16
"""Taps that are converted at once, where it is only looked how large they are."""


def sums_of_magnitudes(kernels: Array) -> list[float]:
    """Each kernel's sum in float64: some small kernels at once, or a piece of a large one after the other."""
    at_once = FEW_TAPS // max(1, prod(kernels.shape[1:]))
    if at_once > 1:
        parts = (kernels[first : first + at_once] for first in range(0, len(kernels), at_once))
        return [own for part in parts for own in np.abs(part.astype(np.float64)).sum(axis=(1, 2, 3)).tolist()]
    return [sum(float(np.abs(piece.astype(np.float64)).sum()) for (piece,) in in_pieces(kernel)) for kernel in kernels]


def as_it_lies(array: Array) -> Array:
    """A view with the axes in memory's order, each upwards."""
    upwards = array[tuple(slice(None, None, -1 if stride < 0 else 1) for stride in array.strides)]
    return upwards.transpose(sorted(range(array.ndim), key=lambda axis: -upwards.strides[axis]))


def own_finite(taps: Array, table: Any) -> bool:
    """Whether all numbers are finite; in the level's vectors where they lie in memory without gaps."""
    if taps.dtype.kind in "biu":
        return True
    taps = as_it_lies(taps)
    name, flags = taps.real.dtype.str[1:], taps.flags
    if name in ("f4", "f8") and taps.dtype.isnative and flags.forc and flags.aligned:
        return all_finite(table, name, taps.ravel("K").view(taps.real.dtype))
    return all(bool(np.isfinite(piece).all()) for (piece,) in in_pieces(taps))


def any_faint(numbers: Array, table: Any, n_pieces: int, item_bytes: int = 4) -> bool:
    """Whether a number is subnormal in the float type of its size, as a look in the level's vectors shows.

    Each piece is looked at by a worker, where there are no gaps.
    """
    part = numbers.real.dtype
    if part.kind != "f" or part.itemsize != item_bytes:
        return False
    summed = part.str[1:]
    if not (part.isnative and numbers.flags.aligned):
        return any(map(is_faint, in_pieces(numbers)))
    numbers = as_it_lies(numbers)
    if not numbers.flags.forc:
        return any(any_subnormal(table, summed, piece) for (piece,) in in_pieces(numbers))
    numbers = numbers.ravel("K")
    found: list[bool] = []

    def look(task: int) -> None:
        piece = numbers[len(numbers) * task // n_pieces : len(numbers) * (task + 1) // n_pieces]
        found.append(any_subnormal(table, summed, piece))

    _workers.prepare(look, n_pieces, n_pieces)
    return any(found)


def is_faint(pieces: tuple[Array, ...]) -> bool:
    """Whether a piece of numbers has one that is subnormal in their type."""
    taps = np.ascontiguousarray(pieces[0], pieces[0].dtype.newbyteorder("="))
    magnitudes = np.abs(taps.view(taps.real.dtype))
    return bool(((magnitudes > 0) & (magnitudes < np.finfo(magnitudes.dtype).smallest_normal)).any())


def largest_tap(kernel: Array) -> float:
    """The largest magnitude of a real or imaginary part; not a number if one is none."""
    largest = 0.0
    for (piece,) in in_pieces(kernel):
        for part in (piece.real, piece.imag) if piece.dtype.kind == "c" else (piece,):
            largest = float(np.abs(part.astype(np.float64)).max(initial=largest))  # not a number once it is none
    return largest
