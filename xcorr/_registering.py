"""One call of `register` of whole images: some pairs at a time, by all workers, in a bounded workspace."""

from functools import partial
from math import inf, prod
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from xcorr import _workers
from xcorr._engine import go_on
from xcorr._plane_transforms import Planes, transforms_of
from xcorr._register_settings import RegisterSettings
from xcorr._shift_at_once import are_done_at_once, best_at_once
from xcorr._shift_axes import Along, circle, line
from xcorr._shift_fits import between
from xcorr._shift_maps import Maps, along, circular_maps, error_of, lead_of
from xcorr._shift_overlaps import overlap_maps
from xcorr._shift_peaks import Best, find
from xcorr._shift_scores import scores_at
from xcorr._shift_sides import Side
from xcorr._shift_upsampled import NODES, SINCS, nodes_of, polynomials_at, refine, sincs_at
from xcorr._staged_planes import stage, summed_type
from xcorr._transforms import AT_ONCE as LARGE

Array = npt.NDArray[Any]
Doubles = npt.NDArray[np.float64]

COARSE, FINE = 8, 64
"""Parts of a pixel: where fewer than the first are asked for, the best one need not be the nearest along each axis, so
the best of at least as many as the second is rounded."""

AT_ONCE = 2**22
"""Bytes of workspace of the pairs that one worker does at once, if one pair does not need more."""

PLAIN_AT_ONCE = 2**25
"""The same of pairs that are done one after the other in the same place, of whose bytes few are touched."""

KEPT = 2**26
"""Bytes of transforms of a pair with masks that are kept until all sums are made."""


class Operand(NamedTuple):
    """Images (N or 1, C, spatial axes) and what counts of them: None, "finite" or an array of such axes."""

    pixels: Array
    mask: Any

    def __len__(self) -> int:
        return len(self.pixels)

    @property
    def sizes(self) -> tuple[int, ...]:
        """Lengths of the spatial axes."""
        return tuple(self.pixels.shape[2:])


class Found(NamedTuple):
    """What is found, by the pair: shifts (N, axes), nan where there is none, scores and ratios."""

    shifts: Doubles
    scores: Doubles
    ratios: Doubles


def axes_of(
    settings: RegisterSettings, a: tuple[int, ...], b: tuple[int, ...], offset: Any, is_masked: bool
) -> tuple[Along, ...]:
    """The shifts along each axis of images of two sizes, moving's beginning so many pixels before the reference's."""
    found, margin = [], SINCS if isinstance(settings.subpixel, int) else 1
    for number, (one, other) in enumerate(zip(a, b, strict=True)):
        most = inf if settings.max_shift is None else settings.max_shift[number]
        if settings.is_circular:
            found.append(circle(one, most))
        else:
            found.append(line(one, other, most, 0 if is_masked else settings.min_overlap, margin, offset[number]))
    return tuple(found)


def compare(reference: Side, moving: Side, axes: tuple[Along, ...], settings: RegisterSettings, exact: bool) -> Found:
    """The shifts of some pairs; `exact` scores are summed once more where they are the best."""
    upsampling = settings.subpixel if isinstance(settings.subpixel, int) else 1
    is_circular, by_phase = settings.is_circular and not reference.is_masked, settings.score == "phase"
    keeps = is_circular and upsampling > 1
    reach = 1 if isinstance(settings.subpixel, str) else SINCS if upsampling > 1 and not is_circular else 0
    maps: Any = None
    if is_circular and not keeps and are_done_at_once(reference, moving, axes):
        best = best_at_once(reference, moving, axes, by_phase, reach)
    else:
        if is_circular:
            maps = circular_maps(reference, moving, axes, by_phase, keeps)
        else:
            maps = overlap_maps(reference, moving, axes, settings.min_overlap)
        best = find(maps.scores, axes, lead_of(reference.transforms.lengths, maps.scores.dtype), reach)
        maps = maps._replace(scores=best.around)
    if exact and not by_phase:
        known = best.scores > -inf
        words = settings.is_circular, reference.n_workers
        scores = scores_at(reference.planes, moving.planes, best.shifts, known, *words)
    else:
        scores = whole_if_near(best.scores, axes, reference.planes.values.dtype)
    parts: Any = 0.0
    if isinstance(settings.subpixel, str):
        parts = between(best.around, settings.subpixel)
    elif upsampling > 1:
        unit = float(np.finfo(reference.planes.values.dtype).eps)
        parts, own = fractions_of(reference, maps, axes, best, upsampling, unit)
        scores = np.where(parts.any(axis=1), own, scores)
    return settled(best, axes, scores, parts)


def settled(best: Best, axes: tuple[Along, ...], scores: Doubles, parts: Any) -> Found:
    """What is found from the best whole shifts, their scores, and fractions of a pixel."""
    known = best.scores > -inf
    shifts = best.shifts + parts
    for number, axis in enumerate(axes):
        shifts[:, number] = np.clip(shifts[:, number] + axis.offset, -axis.most, axis.most)
    shifts[~known], scores[~known] = np.nan, 0
    return Found(shifts, np.clip(scores, -1, 1), np.where(known, best.ratios, 0))


def whole_if_near(scores: Doubles, axes: tuple[Along, ...], dtype: np.dtype[Any]) -> Doubles:
    """Scores, 1 where only rounding tells them from it: those of identical images are."""
    error = error_of(tuple(axis.length for axis in axes), dtype)
    return np.where(scores >= 1 - error, 1.0, scores)


def fractions_of(
    reference: Side, maps: Maps, axes: tuple[Along, ...], best: Best, upsampling: int, unit: float
) -> tuple[Doubles, Doubles]:
    """The best fractions in pixels, which are whole numbers of 1/upsampling, and their scores, rounded to a unit."""
    finer = upsampling * -(-FINE // upsampling) if upsampling < COARSE else upsampling
    if maps.spectra is None:
        scores_of = partial(sincs_at, best.around)
    else:
        nodes = nodes_of(NODES[reference.transforms.dtype.itemsize])
        values = reference.transforms.waves_at(maps.spectra, best.shifts, nodes) / along(maps.norms, len(axes))
        scores_of = partial(polynomials_at, values)
    parts, scores = refine(scores_of, len(best.shifts), len(axes), finer, unit)
    fractions = parts / finer
    if finer > upsampling:
        fractions = np.rint(fractions * upsampling) / upsampling
        scores = scores_of(fractions[..., np.newaxis]).reshape(-1)
    return fractions, scores


def type_of(operands: tuple[Operand, Operand], settings: RegisterSettings, is_masked: bool) -> np.dtype[Any]:
    """The type that sums are taken in."""
    if settings.is_circular and not is_masked:
        return summed_type(*(one.pixels.dtype for one in operands))
    return np.dtype(np.float64)


def is_large(axes: tuple[Along, ...], channels: int) -> bool:
    """Whether transforms of what counts, pixels and squares are made anew for each sum that they are in."""
    return 48 * channels * prod(axis.length for axis in axes) > KEPT


def bytes_of_pair(
    axes: tuple[Along, ...],
    sizes: Any,
    channels: int,
    dtype: np.dtype[Any],
    settings: RegisterSettings,
    is_masked: bool,
    has_shares: bool,
) -> int:
    """Bytes that one pair of images of two sizes needs at most, `has_shares` where pixels may count in part."""
    lengths = [axis.length for axis in axes]
    points, shifts = max(prod(lengths), transforms_of(lengths, dtype).n_values), prod(len(axis.shifts) for axis in axes)
    pixels, channels = sum(map(prod, sizes)), max(1, channels)
    keeps = isinstance(settings.subpixel, int)
    values: float
    spectra: float
    if is_masked:
        spectra = 3 if is_large(axes, channels) else 7 * channels
        values = (3 if has_shares else 1.8) * pixels * channels + spectra * points + 5.2 * shifts
        if not all(axis.has_all for axis in axes):
            values += 4 * prod(sum(axis.sizes) for axis in axes)
    elif settings.is_circular:
        values = pixels * channels + (1.4 if channels == 1 else 3) * points + keeps * points
    else:
        spectra = 2.8 if channels == 1 else 4.8
        others = max(prod(len(axis.shifts) for axis in axes[1:]), *(prod(size[1:]) for size in sizes))
        sums = 2 * channels * others * sum(size[0] for size in sizes)
        values = max(pixels * channels + spectra * points, pixels * (channels + 2) + sums + 1.3 * shifts, 3.3 * shifts)
    return int(dtype.itemsize * values)


def masks_of(operands: tuple[Operand, Operand], settings: RegisterSettings) -> tuple[bool, bool]:
    """Whether there are masks, which a taper of what counts is, and whether pixels may count in part."""
    weighted = settings.taper is not None and settings.score == "zncc"
    masks = [one.mask for one in operands if one.mask is not None]
    has_shares = weighted or any(isinstance(mask, np.ndarray) and mask.dtype.kind == "f" for mask in masks)
    return weighted or bool(masks), has_shares


class Registration:
    """The pairs of a call: whole images, of which one of either may go with all of the others."""

    def __init__(self, references: Operand, moving: Operand, settings: RegisterSettings, n_workers: int) -> None:
        self.operands, self.settings, self.n_workers = (references, moving), settings, n_workers
        self.n_pairs = max(len(references), len(moving)) if len(references) and len(moving) else 0
        self.is_masked, self.has_shares = masks_of(self.operands, settings)
        a, b = references.sizes, moving.sizes
        self.axes: tuple[Along, ...] = axes_of(settings, a, b, (0,) * len(a), self.is_masked)
        self.dtype = type_of(self.operands, settings, self.is_masked)
        self.kept: list[Side | None] = [None, None]

    @property
    def is_plain(self) -> bool:
        """Whether pairs that are nothing special are done one after the other in the same place."""
        transforms = transforms_of([axis.length for axis in self.axes], self.dtype)
        return (
            isinstance(transforms, Planes)
            and not (transforms.is_large or self.is_masked or isinstance(self.settings.subpixel, int))
            and self.settings.is_circular
            and self.settings.taper is None
            and self.operands[0].pixels.shape[1] == 1
        )

    def side(self, which: int, first: int, end: int, n_workers: int) -> Side:
        """Some images of an operand, transformed; of one for all, once."""
        known = self.kept[which]
        if known is not None:
            return known
        operand, settings = self.operands[which], self.settings
        some = slice(0, 1) if len(operand) == 1 else slice(first, end)
        mask = operand.mask
        if isinstance(mask, np.ndarray) and len(mask) > 1:
            mask = mask[some]
        weights = settings.taper_of(operand.sizes)
        planes = stage(
            operand.pixels[some],
            mask,
            weights,
            self.dtype,
            settings.score == "zncc",
            may_wait=settings.is_circular and not self.is_masked,
        )
        is_kept = len(operand) == 1 and self.n_pairs > 1
        is_kept |= self.is_masked and not is_large(self.axes, planes.values.shape[1])
        return Side(planes, self.axes, self.is_masked, n_workers, is_kept)

    def run(self) -> Found:
        """All pairs, a worker some of them; where they are large, one after the other by all workers."""
        n_axes, (references, moving) = len(self.axes), self.operands
        sizes, n_channels = (references.sizes, moving.sizes), references.pixels.shape[1]
        n_bytes = bytes_of_pair(
            self.axes, sizes, n_channels, self.dtype, self.settings, self.is_masked, self.has_shares
        )
        _workers.refuse_too_large("moving", "spectra and scores of one pair", n_bytes)
        found = Found(np.zeros((self.n_pairs, n_axes)), np.zeros(self.n_pairs), np.zeros(self.n_pairs))
        at_once = max(1, (PLAIN_AT_ONCE if self.is_plain else AT_ONCE) // n_bytes)
        at_once = min(at_once, max(1, -(-self.n_pairs // self.n_workers)))
        n_tasks = -(-self.n_pairs // at_once)
        n_kept = sum(len(operand) == 1 and self.n_pairs > 1 for operand in self.operands)
        at_same_time = _workers.WORKSPACE_LIMIT // (n_bytes * at_once) - n_kept
        n_outer = min(self.n_workers, n_tasks, max(1, at_same_time))
        inner = 1 if n_outer > 1 else self.n_workers
        stages_both = prod(axis.length for axis in self.axes) > LARGE and 2 * n_bytes <= _workers.WORKSPACE_LIMIT
        for which, operand in enumerate(self.operands):
            if len(operand) == 1 and self.n_pairs > 1:
                self.kept[which] = self.side(which, 0, 1, self.n_workers)

        def some(task: int) -> None:
            go_on()
            first, end = task * at_once, min((task + 1) * at_once, self.n_pairs)
            sides: list[Any] = [None, None]

            def stage_side(which: int) -> None:
                sides[which] = self.side(which, first, end, inner)

            _workers.prepare(stage_side, 2, inner if stages_both else 1)
            own = compare(sides[0], sides[1], self.axes, self.settings, True)
            for target, part in zip(found, own, strict=True):
                target[first:end] = part

        _workers.prepare(some, n_tasks, n_outer)
        return found
