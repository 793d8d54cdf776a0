"""The best shifts of plain windows, from the parts of their images that they lie in, with nothing laid out between."""

from math import prod
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from xcorr._plane_transforms import Planes, transforms_of
from xcorr._register_settings import RegisterSettings
from xcorr._shift_at_once import best_in_lanes
from xcorr._shift_axes import Along
from xcorr._shift_lanes import Pairs, Windowed, windows_in_lanes
from xcorr._shift_maps import error_of, lead_of
from xcorr._shift_overlaps import CERTAIN, overlap_scores
from xcorr._shift_peaks import NEAR, Best, ratios_of
from xcorr._shifts import OverlapScores, WindowTransforms

Array = npt.NDArray[Any]
Bools = npt.NDArray[np.bool_]


class OnCircles(NamedTuple):
    """Pairs of windows by scores of circles, the lanes over pairs."""

    axes: tuple[Along, ...]
    by_phase: bool
    transforms: WindowTransforms

    def best(self, a: Windowed, b: Windowed, reach: int) -> tuple[Best, Bools]:
        """The best shifts, and which pairs are plain: of others nothing is known."""
        pairs = Pairs(self.transforms, a, b)
        return best_in_lanes(pairs, self.axes, True, self.by_phase, reach), pairs.are_plain


class OfOverlaps(NamedTuple):
    """Pairs of windows of one channel by the scores of what both have in common, one after the other in one place."""

    axes: tuple[Along, ...]
    allowed: tuple[int, int, int, int]  # first place and end along each axis
    narrow: bool  # whether pixels have been narrower than float64
    transforms: Planes
    scores: OverlapScores

    def best(self, a: Windowed, b: Windowed, reach: int) -> tuple[Best, Bools]:
        """The best shifts, and which pairs are plain: of others nothing is known."""
        n_pairs, lengths, own = len(a.firsts), self.transforms.lengths, self.transforms.own
        shifts, tops = np.empty((n_pairs, 2), np.intp), np.empty((n_pairs, 2))
        around, are_plain = np.empty((n_pairs if reach else 0, 3, 3)), np.empty(n_pairs, np.bool_)
        self.scores.best_pairs(
            own,
            *a,
            *b,
            narrow=self.narrow,
            allowed=self.allowed,
            offsets=(self.axes[0].offset, self.axes[1].offset),
            share=CERTAIN * error_of(lengths, self.transforms.dtype),
            error=lead_of(lengths, self.transforms.dtype),
            near=NEAR,
            best=shifts,
            tops=tops,
            around=around,
            plain=are_plain,
            workspace=new_workspace(self.scores.room(own)),
        )
        return Best(shifts, tops[:, 0].copy(), ratios_of(tops[:, 0], tops[:, 1]), around), are_plain


def new_workspace(n_doubles: int) -> Array:
    """Room for what one pair takes."""
    return np.empty(n_doubles)


def finder_of(
    settings: RegisterSettings, axes: tuple[Along, ...], operands: tuple[Array, Array], dtype: np.dtype[Any]
) -> OnCircles | OfOverlaps | None:
    """What finds the best shifts of windows of images (N, C, rows, columns), if it can and no more is asked for."""
    if isinstance(settings.subpixel, int) or settings.taper is not None or len(axes) != 2:
        return None
    if any(pixels.dtype.kind in "iu" and pixels.itemsize == 8 for pixels in operands):  # floats do not hold them
        return None
    if settings.is_circular:
        lanes = windows_in_lanes(axes, dtype) if all(axis.is_whole for axis in axes) else None
        return None if lanes is None else OnCircles(axes, settings.score == "phase", lanes)
    transforms = transforms_of([axis.length for axis in axes], dtype)
    if not isinstance(transforms, Planes) or transforms.is_large or operands[0].shape[1] != 1:
        return None
    rows, columns = (axis.allowed_range for axis in axes)
    if rows is None or columns is None:
        return None
    most = prod(min(axis.sizes) for axis in axes)
    narrow = min(pixels.itemsize for pixels in operands) < 8
    return OfOverlaps(axes, (*rows, *columns), narrow, transforms, overlap_scores(axes, settings.min_overlap * most))
