"""The scores of pairs of small windows, with the lanes of the level's loops over pairs."""

from math import prod
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from xcorr import _dispatch
from xcorr._cache import remembered
from xcorr._plane_transforms import is_smooth
from xcorr._shift_axes import Along
from xcorr._shifts import WindowTransforms

Array = npt.NDArray[Any]
Doubles = npt.NDArray[np.float64]

MOST_BYTES = 2**22
"""Bytes of workspace up to which pairs are in the lanes.

From 16x16 to 256x256, of which each vector takes 12 MiB, that takes 0.63 to 0.93 of the time of pair after pair
(`benchmarks/windows_in_lanes.py`; 2026-11-28, AMD EPYC (Zen 3)).
"""


class Windowed(NamedTuple):
    """The windows of one side: images (images, channels, rows, columns), and the elements before each window."""

    pixels: Array
    firsts: npt.NDArray[np.intp]


class Pairs:
    """Pairs of windows, as many of either side."""

    def __init__(self, transforms: WindowTransforms, a: Windowed, b: Windowed) -> None:
        self.transforms, self.operands, self.dtype = transforms, (*a, *b), a.pixels.dtype
        self.norms, self.are_plain = np.empty(len(a.firsts)), np.empty(len(a.firsts), np.bool_)

    def outputs(self) -> tuple[Array, Array, Array]:
        """What is written of each pair, and what the loops need."""
        return self.norms, self.are_plain, np.empty(self.transforms.room(), self.dtype)

    def scores(self, axes: tuple[Along, ...], by_phase: bool) -> Array:
        """The scores by the shift, around circles."""
        scores = np.empty((len(self.norms), *[axis.length for axis in axes]), self.dtype)
        self.transforms.scores(by_phase, *self.operands, scores, *self.outputs())
        return scores

    def best(self, by_phase: bool, error: float, near: int, around: Doubles) -> tuple[Array, Doubles]:
        """The best shifts (pairs, axes) of circles, and the largest scores and the largest that are not near."""
        shifts, tops = np.empty((len(self.norms), 2), np.intp), np.empty((len(self.norms), 2))
        self.transforms.best_pairs(by_phase, *self.operands, error, near, shifts, tops, around, *self.outputs())
        return shifts, tops


def windows_in_lanes(axes: tuple[Along, ...], dtype: np.dtype[Any]) -> WindowTransforms | None:
    """The transforms of pairs of windows on circles, if these are small and the loops know their lengths."""
    lengths, are_circles = tuple(axis.length for axis in axes), all(axis.circular for axis in axes)
    if len(lengths) != 2 or not are_circles or prod(lengths) > MOST_BYTES or not all(map(is_smooth, lengths)):
        return None
    return prepared(lengths, dtype, _dispatch.current().name)


@remembered(32)
def prepared(lengths: tuple[int, int], dtype: np.dtype[Any], level: str) -> WindowTransforms | None:
    """The same, remembered by the level."""
    transforms = WindowTransforms(_dispatch.current().table, dtype.str[1:], *lengths)
    return transforms if transforms.room() * dtype.itemsize <= MOST_BYTES else None
