"""The best shifts of pairs of small planes, done from their pixels to the best score while they are in a cache."""

from typing import Any

import numpy as np
import numpy.typing as npt

from xcorr._plane_transforms import Planes
from xcorr._shift_axes import Along
from xcorr._shift_lanes import Pairs
from xcorr._shift_maps import lead_of, norms_of
from xcorr._shift_peaks import NEAR, Best, ratios_of
from xcorr._shift_sides import Side

Array = npt.NDArray[Any]
Doubles = npt.NDArray[np.float64]

NOTHING = np.empty((0, 3, 3))
"""What is kept around the best scores where nothing is asked for."""


def are_done_at_once(reference: Side, moving: Side, axes: tuple[Along, ...]) -> bool:
    """Whether pairs are, by scores of circles: small ones, of all of whose shifts little around the best is kept."""
    transforms = reference.transforms
    if not all(axis.is_whole for axis in axes):
        return False
    return reference.in_lanes is not None or (
        isinstance(transforms, Planes)
        and not transforms.is_large
        and reference.n_channels == 1
        and reference.planes.means is not None
        and moving.planes.means is not None
    )


def best_at_once(reference: Side, moving: Side, axes: tuple[Along, ...], by_phase: bool, reach: int) -> Best:
    """The best shift of each pair, as `find` has it from the maps of scores."""
    known = reference.known & moving.known
    if reference.in_lanes is not None:
        pairs = Pairs(reference.in_lanes, reference.windowed(), moving.windowed())
        return best_in_lanes(pairs, axes, known, by_phase, reach)
    n_pairs = len(known)
    norms = np.empty(n_pairs) if by_phase else np.array(np.broadcast_to(norms_of(reference, moving, axes), n_pairs))
    around = np.empty((n_pairs if reach else 0, 3, 3))
    transforms: Any = reference.transforms
    operands = [own for side in (reference, moving) for own in (side.plane("pixels", 0), side.channel_means(0))]
    shifts, tops = best_of_pairs(transforms, operands, norms, by_phase, around)
    tops[~(known & (norms > 0))] = -np.inf
    return Best(shifts, tops[:, 0].copy(), ratios_of(tops[:, 0], tops[:, 1]), around)


def best_in_lanes(pairs: Pairs, axes: tuple[Along, ...], known: Any, by_phase: bool, reach: int) -> Best:
    """The same of pairs of small windows, where they are `known`."""
    lead = lead_of(tuple(axis.length for axis in axes), pairs.dtype)
    around = np.empty((len(pairs.norms) if reach else 0, 3, 3))
    shifts, tops = pairs.best(by_phase, lead, NEAR, around)
    tops[~(known & (pairs.norms > 0))] = -np.inf
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
