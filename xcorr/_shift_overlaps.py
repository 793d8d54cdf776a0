"""Scores of all shifts over what both images see, each about its mean there.

They are made of six sums over that (Padfield, IEEE Trans. Image Process. 21, 2012): of the pixels' products, of both
images' pixels and squares, and of what counts. All are correlations; where no mask says otherwise, all but the first
are sums of boxes.
"""

from functools import partial
from math import prod
from typing import Any

import numpy as np
import numpy.typing as npt

from xcorr import _dispatch, _workers
from xcorr._cache import remembered
from xcorr._engine import go_on
from xcorr._plane_transforms import transforms_of
from xcorr._shift_axes import SLACK, Along
from xcorr._shift_maps import Maps, add_product, along, error_of
from xcorr._shift_sides import Side
from xcorr._shifts import MaskedScores, OverlapScores
from xcorr._staged import pieces_of
from xcorr._staged_planes import Planes
from xcorr._transforms import fast_length

Array = npt.NDArray[Any]
Doubles = npt.NDArray[np.float64]
Axes = tuple[Along, ...]

CERTAIN = 64
"""How many times what rounding may make of it a variance is that a score is divided by."""

AT_ONCE = 2**16
"""Shifts that one worker scores at one go: less than a tenth of a millisecond."""

BAND = 2**17
"""Shifts whose sums of boxes are there at once, if those along the other axes are not more."""


def overlap_maps(reference: Side, moving: Side, axes: Axes, min_overlap: float) -> Maps:
    """The scores, with or without masks."""
    make = masked_scores if reference.is_masked else boxed_scores
    scores = make(reference, moving, axes, min_overlap)
    return Maps(scores, None, np.ones(len(scores)))


def correlation(reference: Side, moving: Side, axes: Axes, what: tuple[str, str], channel: int) -> Array:
    """The sums of products of two planes, (pairs, shifts along each axis)."""
    spectra = add_product(None, reference, moving, what, channel)
    scales = np.array([1 / prod(axis.length for axis in axes)])
    return reference.transforms.backward(spectra, [axis.wanted() for axis in axes], scales, reference.n_workers)


def to_scores(numerator: Array, a: Any, b: Any, seen: Array) -> None:
    """Turns numerators into scores, in place: divided by the roots of both variances, -inf where nothing is seen."""
    a = np.multiply(a, b, out=a if a.shape == numerator.shape else None)
    np.sqrt(a, out=a, where=seen)
    np.divide(numerator, a, out=numerator, where=seen)
    np.clip(numerator, -1, 1, out=numerator, where=seen)
    np.copyto(numerator, -np.inf, where=~seen)


# --- all pixels count -------------------------------------------------------------------------------------------------


def boxed_scores(reference: Side, moving: Side, axes: Axes, min_overlap: float) -> Array:
    """The scores where all pixels count, a band of the first axis at a time."""
    n_axes, known = len(axes), reference.known & moving.known
    share = CERTAIN * error_of(tuple(axis.length for axis in axes), np.dtype(np.float64))
    least = [along(share * side.energy(), n_axes) for side in (reference, moving)]
    scores: Any = None
    for channel in range(reference.n_channels):
        own = correlation(reference, moving, axes, ("pixels", "pixels"), channel)
        scores = own if scores is None else np.add(scores, own, out=scores)
        del own
    most = float(prod(min(axis.sizes) for axis in axes))
    if n_axes < 3 and reference.n_channels == 1:
        score_planes(scores, reference, moving, axes, min_overlap * most, share)
        return np.asarray(scores)
    sums = [
        [summed_up(side, channel, axes, bool(of_moving)) for of_moving, side in enumerate((reference, moving))]
        for channel in range(reference.n_channels)
    ]
    reference.let_go()
    moving.let_go()
    others: Any = np.ones(())
    for axis in axes[1:]:
        others = others[..., np.newaxis] * axis.counts()
    n_rows = max(1, BAND // max(1, len(scores) * others.size))
    for first in range(0, len(axes[0].shifts), n_rows):
        go_on()
        rows = slice(first, first + n_rows)
        counts = axes[0].counts()[rows].reshape(-1, *[1] * others.ndim) * others
        seen = (counts >= min_overlap * most * (1 - SLACK)) & (counts > 0)
        per_count = 1 / np.maximum(counts, 1)
        numerator = scores[:, rows]
        variances: list[Any] = [None, None]
        for of_channel in sums:
            boxes: Any = [in_boxes(of_channel[side], axes[0], bool(side), rows) for side in (0, 1)]
            numerator -= boxes[0][0] * boxes[1][0] * per_count
            for side, (plain, squares) in enumerate(boxes):
                plain *= plain
                plain *= per_count
                squares -= plain
                add(variances, side, squares)
        a, b = variances
        to_scores(numerator, a, b, seen & (a > least[0]) & (b > least[1]) & along(known, n_axes))
    return np.asarray(scores)


def score_planes(scores: Array, reference: Side, moving: Side, axes: Axes, least_count: float, share: float) -> None:
    """The same of one channel of one or two axes, by compiled loops; in place of the sums of products."""
    a, b = (side.plane("pixels", 0) for side in (reference, moving))
    if len(axes) == 1:
        scores, a, b = (own[:, np.newaxis] for own in (scores, a, b))
    known = reference.known & moving.known
    least = np.empty((2, len(scores)))
    for own, side in zip(least, (reference, moving), strict=True):
        own[...] = np.where(known, share * side.energy(), np.inf)
    overlap_scores(axes, least_count).score(scores, np.ascontiguousarray(a), np.ascontiguousarray(b), least)


def overlap_scores(axes: Axes, least_count: float) -> OverlapScores:
    """What scores one channel of one or two axes that end."""
    sizes = [axis.sizes for axis in axes]
    shifts = [(int(axis.shifts[0]), len(axis.shifts)) for axis in axes]
    if len(axes) == 1:
        sizes, shifts = [(1, 1), *sizes], [(0, 1), *shifts]
    least = max(1.0, least_count * (1 - SLACK))
    return prepared(tuple(zip(*sizes, strict=True)), tuple(shifts), least, _dispatch.current().name)


@remembered(64)
def prepared(sizes: Any, shifts: Any, least_count: float, level: str) -> OverlapScores:
    """The same, remembered by the level."""
    table = _dispatch.current().table
    return OverlapScores(table, np.array(sizes, np.intp), np.array(shifts, np.intp), least_count)


def summed_up(side: Side, channel: int, axes: Axes, of_moving: bool) -> Array:
    """Sums of pixels, and of squares, (2, images, ...): in boxes along the other axes, up to places of the first."""
    plane = side.plane("pixels", channel)
    planes = np.stack([plane, plane * plane])
    for number in range(len(axes) - 1, 0, -1):
        planes = differences(up_to(planes, number + 2), axes[number].bounds(of_moving), number + 2)
    return up_to(planes, 2)


def up_to(planes: Array, axis: int) -> Array:
    """The sums of all that is before each place of an axis."""
    shape = list(planes.shape)
    shape[axis] += 1
    sums = np.empty(shape)
    whole: Any = (slice(None),) * axis
    sums[(*whole, 0)] = 0
    if axis == planes.ndim - 1:
        np.cumsum(planes, axis=axis, out=sums[..., 1:])
        return sums
    for place in range(planes.shape[axis]):
        np.add(sums[(*whole, place)], planes[(*whole, place)], out=sums[(*whole, place + 1)])
    return sums


def differences(sums: Array, bounds: tuple[Array, Array], axis: int) -> Array:
    """The sums in boxes, from a first place to an end, of sums up to each place."""
    first, end = bounds
    found = np.empty((*sums.shape[:axis], len(first), *sums.shape[axis + 1 :]))
    whole = (slice(None),) * axis
    for to, own in pieces_of(end, 0):
        found[(*whole, to)] = sums[(*whole, own)]
    for to, own in pieces_of(first, 0):
        if own != slice(0, 1, 1):
            found[(*whole, to)] -= sums[(*whole, own)]
    return found


def in_boxes(sums: Array, axis: Along, of_moving: bool, rows: slice) -> Array:
    """The sums over what an image has in common with the other one, for some shifts of the first axis."""
    first, end = axis.bounds(of_moving)
    return differences(sums, (first[rows], end[rows]), 2)


# --- masks ------------------------------------------------------------------------------------------------------------


def masked_scores(reference: Side, moving: Side, axes: Axes, min_overlap: float) -> Array:
    """The scores where masks say what counts."""
    known = reference.known & moving.known
    share = CERTAIN * error_of(tuple(axis.length for axis in axes), np.dtype(np.float64))
    are_whole = np.array(np.broadcast_to(are_binary(reference.planes) & are_binary(moving.planes), known.shape))
    n_masks = max(reference.n_masks, moving.n_masks)
    totals: list[Any] = [None, None, None, None]  # what counts, products, squares of both
    counts: Any = None
    for channel in range(reference.n_channels):
        go_on()
        if channel < n_masks:
            counts = for_all(correlation(reference, moving, axes, ("shares", "shares"), channel), len(known))
        products, a, b = (
            for_all(correlation(reference, moving, axes, what, channel), len(known))
            for what in (("seen", "seen"), ("seen", "shares"), ("shares", "seen"))
        )
        by_all(partial(scores_of(counts, products, a, b).centre, are_whole, SLACK), counts, reference.n_workers)
        if channel < n_masks:
            add(totals, 0, counts.copy() if n_masks > 1 else counts)
        for place, sums in enumerate((products, a, b), 1):
            add(totals, place, sums)
        del products, a, b, sums
        for place, what in ((2, ("squares", "shares")), (3, ("shares", "squares"))):
            totals[place] += correlation(reference, moving, axes, what, channel)
    total, scores, a, b = totals
    most = total.reshape(len(known), -1).max(axis=1)
    if not all(axis.has_all for axis in axes):
        most = np.maximum(most, most_seen(reference, moving, axes))
    least = np.empty((3, len(known)))
    least[0] = np.maximum(min_overlap * most * (1 - SLACK), 2 * SLACK * np.maximum(most, 1))
    for own, one, other in ((least[1], reference, moving), (least[2], moving, reference)):
        own[...] = np.where(known, share * one.norm("squares") * other.norm("shares"), np.inf)
    by_all(partial(scores_of(total, scores, a, b).score, least), scores, reference.n_workers)
    return np.asarray(scores)


def for_all(sums: Array, n_pairs: int) -> Array:
    """Sums of each pair, which may be those of one for all."""
    return np.ascontiguousarray(sums) if len(sums) == n_pairs else np.repeat(sums, n_pairs, axis=0)


def scores_of(*sums: Array) -> MaskedScores:
    """What turns sums of what counts, of products and of both images into scores, in place."""
    return MaskedScores(_dispatch.current().table, *sums)


def by_all(do: Any, maps: Array, n_workers: int) -> None:
    """``do(first, end)`` of the shifts of maps, by all workers where there are many."""
    _workers.prepare_parts(do, maps[0].size, max(1, maps[0].size // AT_ONCE), n_workers)


def most_seen(reference: Side, moving: Side, axes: Axes) -> Doubles:
    """The most that the images of pairs have in common at any shift, also at those that are not looked at."""
    lengths = [fast_length(sum(axis.sizes) - 1, True) for axis in axes]
    transforms = transforms_of(lengths, np.dtype(np.float64))
    total: Any = None
    for channel in range(max(reference.n_masks, moving.n_masks)):
        go_on()
        spectra = [
            transforms.forward(side.plane("shares", channel), None, reference.n_workers) for side in (reference, moving)
        ]
        if total is None:
            total = transforms.multiply(spectra[0], spectra[1], None, reference.n_workers)
        else:
            transforms.add_product(spectra[0], spectra[1], total, reference.n_workers)
    counts = transforms.backward(total, [None] * len(axes), np.array([1 / prod(lengths)]), reference.n_workers)
    return np.asarray(counts.reshape(len(counts), -1).max(axis=1))


def add(totals: list[Any], place: int, own: Array) -> None:
    """Adds to a total, which may be None before."""
    totals[place] = own if totals[place] is None else np.add(totals[place], own, out=totals[place])


def are_binary(planes: Planes) -> npt.NDArray[np.bool_]:
    """Whether each pixel of an image counts or does not, by the image."""
    if planes.shares is None or planes.shares.dtype.kind == "b":
        return np.ones(1, np.bool_)
    rows = planes.shares.reshape(len(planes.shares), -1)
    return np.asarray(((rows == 0) | (rows == 1)).all(axis=1))
