"""The best shifts of pairs of small planes, each done from its pixels to the best score while it is in a cache."""

from typing import Any

import numpy as np
import numpy.typing as npt

from xcorr._plane_transforms import Planes
from xcorr._shift_axes import Along
from xcorr._shift_maps import lead_of, norms_of
from xcorr._shift_peaks import NEAR, Best, ratios_of
from xcorr._shift_sides import Side

Array = npt.NDArray[Any]
Doubles = npt.NDArray[np.float64]

NOTHING = np.empty((0, 3, 3))
"""What is kept around the best scores where nothing is asked for."""


def are_done_at_once(reference: Side, moving: Side, axes: tuple[Along, ...], reach: int) -> bool:
    """Whether pairs are, by scores of circles: plain planes, of all of whose shifts little around the best is kept."""
    transforms = reference.transforms
    return (
        isinstance(transforms, Planes)
        and not transforms.is_large
        and reference.n_channels == 1
        and reach <= 1
        and all(axis.is_whole for axis in axes)
        and reference.planes.means is not None
        and moving.planes.means is not None
    )


def best_at_once(reference: Side, moving: Side, axes: tuple[Along, ...], by_phase: bool, reach: int) -> Best:
    """The best shift of each pair, as `find` has it from the maps of scores."""
    n_pairs = max(len(reference.known), len(moving.known))
    norms = np.empty(n_pairs) if by_phase else np.array(np.broadcast_to(norms_of(reference, moving, axes), n_pairs))
    operands = [own for side in (reference, moving) for own in (side.plane("pixels", 0), side.channel_means(0))]
    around = np.empty((n_pairs if reach else 0, 3, 3))
    transforms: Any = reference.transforms
    shifts, tops = best_of_pairs(transforms, operands, norms, by_phase, around)
    tops[~(norms > 0)] = -np.inf
    return Best(shifts, tops[:, 0].copy(), ratios_of(tops[:, 0], tops[:, 1]), around)


def best_of_pairs(
    transforms: Planes, operands: Any, norms: Doubles, by_phase: bool, around: Doubles
) -> tuple[Array, Doubles]:
    """Shifts (pairs, axes), the largest scores and the largest that are not near, of planes and their means."""
    shifts, tops = np.empty((len(norms), 2), np.intp), np.empty((len(norms), 2))
    references, means, moving, other_means = operands
    lead, n_room = lead_of(transforms.lengths, transforms.dtype), transforms.own.room(len(references) != len(moving))
    words = norms, by_phase, lead, NEAR, shifts, tops, around, np.empty(n_room, transforms.dtype)
    transforms.own.best_pairs(references, means, moving, other_means, *words)
    return shifts, tops
