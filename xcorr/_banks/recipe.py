"""What every bank is before it is an array: names, a size, and kernels in float64 that are computed one by one."""

import math
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Kernels = NDArray[np.float32]
Plane = NDArray[np.float64]
Numbers = Sequence[float] | NDArray[Any]

SMALLEST_NORMAL = 2.0**-126  # of float32
LONGEST_WHOLE = 1e6  # of the whole numbers that are written out
MOST_DIGITS = 17  # tell any two float64 apart


class Recipe(NamedTuple):
    """A bank whose arguments are read and whose kernels are not computed yet."""

    names: list[str]
    size: tuple[int, int]
    kernels: Iterable[Plane]


def made(recipe: Recipe) -> Kernels:
    """The bank, which is allocated before the first kernel is computed."""
    bank = np.empty((len(recipe.names), *recipe.size), np.float32)
    with np.errstate(under="ignore", over="ignore"):
        for rounded, kernel in zip(bank, recipe.kernels, strict=True):
            rounded[:] = np.where(np.abs(kernel) < SMALLEST_NORMAL, 0, kernel)
    return bank


def texts(values: Sequence[float], digits: int = 3) -> list[str]:
    """Numbers for names: in so few digits, `digits` at least, as tell different ones apart."""
    for precision in range(digits, MOST_DIGITS + 1):
        found = [
            f"{value:.0f}" if abs(value) < LONGEST_WHOLE and value == round(value) else f"{value:.{precision}g}"
            for value in values
        ]
        if len(set(found)) == len(set(values)):
            break
    return found


def degrees(angles: Sequence[float]) -> list[str]:
    """Angles in radians for names."""
    return texts([round(math.degrees(angle), 9) + 0.0 for angle in angles], 4)


# --- planes -----------------------------------------------------------------------------------------------------------


def positions(size: int) -> tuple[Plane, Plane]:
    """x (1, size) and y (size, 1), from the central tap."""
    offsets = np.arange(size, dtype=np.float64) - size // 2
    return offsets[np.newaxis], offsets[:, np.newaxis]


def turned(size: int, angle: float) -> tuple[Plane, Plane]:
    """Positions (size, size) in the direction of the angle, and across it."""
    (x, y), cosine, sine = positions(size), math.cos(angle), math.sin(angle)
    return x * cosine + y * sine, y * cosine - x * sine


def without_mean(kernel: Plane) -> Plane:
    return kernel - float(kernel.mean())


def unit(kernel: Plane) -> Plane:
    return kernel / float(np.abs(kernel).sum())
