"""Scores of areas of which every pixel counts, by one correlation about a number of the area and sums of windows.

Products are summed in float32 where the errors that rounding makes in the sums of the area stay below the bound, else
in float64; windows where that does not hold either are summed again, each by itself about one of its own pixels.
"""

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from xcorr._areas import Area
from xcorr._engine import go_on
from xcorr._match_call import DOUBLE, ONE_BY_ONE, Call, Part, Staged, scaled_distances, staged
from xcorr._match_errors import (
    SINGLE,
    Brightness,
    One,
    needed,
    needed_of_products,
    needed_of_sums,
    needed_under_mask,
    windows_hold_all,
)
from xcorr._match_single import Single, may_be_single, measured_at_once, score_single
from xcorr._match_unknown import Operand, mark_unknown
from xcorr._matching import CENTRED, DISTANCES
from xcorr._memory import empty
from xcorr._methods.asked import Scaling
from xcorr._plan import Plan
from xcorr._scores import distances_of, inverse_roots, n_beyond, scores_one_by_one, spreads_of

Array = npt.NDArray[Any]
Doubles = npt.NDArray[np.float64]


QUARTERED = 2**17
"""Windows from which on an area is done in quarters if some of them do not hold in one pass; not tuned."""

FAINT = 2.0**-900
"""Sums of squares, of pixels divided by the area's largest, up to which squares may be no normal numbers."""


class Measured(NamedTuple):
    """What is known of an area of some images before any template is looked at, and how products are summed."""

    pixels: Staged
    doubles: Doubles
    ones: list[One]
    kinds: list[tuple[np.dtype[Any], bool]]  # the type of the sums, and whether they hold in float64


def score_floats(call: Call, area: Area, some: slice, part: Part, target: Array, known: list[Any]) -> None:
    """The scores of an area of some images, in `target` (images, kernels, rows, columns) of the computed type.

    What is `known` of the area goes for templates that are looked for next, too.
    """
    products = target
    if target.dtype != DOUBLE and call.plan.scoring.score in DISTANCES:
        products = empty(target.shape, DOUBLE)
    if not known:
        known.extend(looked_at(call, area, some, part, products))
    for first, end, found in known:
        if isinstance(found, Single):
            score_single(call, part, found, target[first:end])
        elif isinstance(found, list):
            score_quarters(call, area, slice(some.start + first, some.start + end), part, target[first:end], found)
        else:
            score_measured(call, found, part, products[first:end], target[first:end])


def looked_at(call: Call, area: Area, some: slice, part: Part, products: Array) -> list[tuple[int, int, Any]]:
    """What is known of neighbours among the images that are done alike: the first, the end, and their windows.

    `Single` or `Measured`, or a list of what will be known of an area's quarters, some of which may be `Single`.
    """
    centred = call.plan.scoring.score in CENTRED
    if not may_be_single(call, products.dtype):
        pixels = staged(call, area, some, centred)
        return [(0, len(pixels.box), measured(call, area, part, pixels, products))]
    pixels = staged(call, area, some, centred, trusts=True)
    planes, roots, kinds = measured_at_once(call, area, part, pixels, products)
    found: list[tuple[int, int, Any]] = []
    for first, end, kind in runs(kinds):
        if kind:
            of_type = planes[first:end] if kind == SINGLE.char else pixels.some(first, end).planes(DOUBLE)
            exponents = [pixels.exponent(image) for image in range(first, end)]
            found.append((first, end, Single(of_type, roots[first:end], exponents)))
        elif area.counts[0] * area.counts[1] > QUARTERED:
            found.append((first, end, [[] for _ in area.quarters()]))
        else:
            own = staged(call, area, slice(some.start + first, some.start + end), centred)
            found.append((first, end, measured(call, area, part, own, products[first:end])))
    return found


def score_quarters(call: Call, area: Area, some: slice, part: Part, target: Array, known: list[list[Any]]) -> None:
    """The scores of an area quarter by quarter."""
    wanted = part.area_of(area)
    for quarter, own in zip(area.quarters(), known, strict=True):
        common = quarter.within(wanted)
        if min(common.counts) > 0:
            rows, columns = common.places(wanted.first)
            places = Part(quarter, common.places(quarter.first))
            score_floats(call, quarter, some, places, target[:, :, rows, columns], own)


def score_measured(call: Call, found: Measured, part: Part, products: Array, target: Array) -> None:
    """The scores of images of which all is known."""
    pixels, doubles, ones, kinds = found
    ones = [one._replace(call=call) for one in ones]
    scaling = None if call.plan.scoring.score in DISTANCES else scaling_of(ones, part)
    for first, end, dtype in runs([dtype for dtype, _ in kinds]):
        planes = doubles[first:end] if dtype == np.float64 else pixels.some(first, end).planes(dtype)
        own = None if scaling is None else scaling.some(first, end)
        call.products(planes, ones[0].name, ones[0].kernels, products[first:end], part, scaling=own)
    for one, (dtype, holds), own, scores in zip(ones, kinds, products, target, strict=True):
        finish(one, own, scores, holds or dtype == SINGLE)


def scaling_of(ones: list[One], part: Part) -> Scaling:
    """What makes scores of the products of images: roots, or 1 where the score is not divided by them, 0 of flat ones.

    The factors of products that are divided by are of each image's own.
    """
    call, templates = ones[0].call, ones[0].call.templates
    roots = empty((len(ones), *part.shape), DOUBLE)
    for one, of_image in zip(ones, roots, strict=True):
        norms = np.ascontiguousarray(one.spread[part.places])
        if call.plan.scoring.score == "covariance":
            np.ldexp((norms > 0).astype(np.float64), one.exponent, out=of_image)
        else:
            inverse_roots(call.level, norms, of_image)
    if call.plan.scoring.score == "covariance":
        return Scaling(call.level, roots, np.ldexp(1.0, templates.own_exponents))
    own = templates.spread if ones[0].centred else templates.norm
    factors = np.divide(1, np.sqrt(own), out=np.zeros(len(own)), where=own > 0)
    return Scaling(call.level, roots, factors, 1.0)


def measured(call: Call, area: Area, part: Part, pixels: Staged, products: Array) -> Measured:
    """The pixels, and the spreads of windows."""
    centred = call.plan.scoring.score in CENTRED
    doubles = pixels.planes(DOUBLE)
    squares: Any = [np.empty(0)] * len(doubles)
    sums: Any = [None] * len(doubles)
    if call.templates.shares is None:
        squares = call.windows(doubles, "squares", area.counts)
        sums = call.windows(doubles, "sum", area.counts) if centred else sums
    has_norms = call.templates.shares is None and call.plan.scoring.score in DISTANCES  # as sums of squares already
    spread: Any = [np.empty(0)] * len(doubles) if has_norms else empty((len(doubles), *area.counts), DOUBLE)
    ones, kinds, holds_all = [], [], windows_hold_all(call)
    for image, planes in enumerate(doubles):
        brightness = Brightness(call, planes, squares[image] if holds_all else None)
        one = One(call, area, part, pixels, image, planes, squares[image], spread[image], brightness)
        one, n_below = spread_out(one, sums[image], products[:1])
        ones.append(one)
        kinds.append((SINGLE if not n_below[1] and products.dtype == SINGLE else DOUBLE, not n_below[2]))
    return Measured(pixels, doubles, ones, kinds)


def runs(kinds: list[Any]) -> list[tuple[int, int, Any]]:
    """The first and the end of neighbours of one kind."""
    found: list[tuple[int, int, Any]] = []
    for index, kind in enumerate(kinds):
        if found and found[-1][2] == kind:
            found[-1] = (found[-1][0], index + 1, kind)
        else:
            found.append((index, index + 1, kind))
    return found


# --- spreads ----------------------------------------------------------------------------------------------------------


def spread_out(one: One, sums: Doubles | None, products: Array) -> tuple[One, list[int]]:
    """Spreads of windows that hold, 0 of flat ones; and how many sums, and products of either type, were in doubt."""
    call, templates = one.call, one.call.templates
    n_taps = float(templates.counts[0, 0].sum())
    if templates.shares is None and call.plan.scoring.score in DISTANCES:
        one = one._replace(spread=one.squares[0] if len(one.squares) == 1 else one.squares.sum(axis=0))
        settle_zeros(one)
        return one, [0, 0, 0]
    if templates.shares is None:
        needs = [needed_of_sums(one), *needed_of_products(one, products)]
        n_below = spreads_of(call.level, sums, one.squares, n_taps, needs, one.spread)
    else:
        plan, squares, sums = window_sums(one)
        one = one._replace(squares=squares)
        needs = [needed_under_mask(one, plan), *needed_of_products(one, products)]
        n_below = spreads_of(call.level, sums, squares, n_taps, needs, one.spread)
    if n_below[0]:
        settle(one, needs[0]) if one.centred or templates.shares is not None else settle_zeros(one)
        n_flat = one.spread.size - np.count_nonzero(one.spread)
        n_below[1:] = [int(n_beyond(one.squares, one.spread, *need) - n_flat) for need in needs[1:]]
    return one, n_below


def window_sums(one: One) -> tuple[Plan, Doubles, Doubles | None]:
    """The sums of squares of windows under the templates' mask, and their sums, (channels, rows, columns).

    In float64: in float32 they hold of hardly an area.
    """
    call, depth = one.call, len(one.planes)
    kernels = np.ascontiguousarray(call.templates.counts[:1, :1])
    powers: Doubles = empty((2 * depth if one.centred else depth, 1, *one.planes.shape[1:]), DOUBLE)
    np.square(one.planes, out=powers[:depth, 0])
    powers[depth:, 0] = one.planes[: len(powers) - depth]
    found: Doubles = empty((len(powers), 1, *one.area.counts), DOUBLE)
    call.products(powers, "shares", kernels, found, of_templates=False)
    plan = call.plan_of(powers, kernels, found, of_templates=False)
    return plan, found[:depth, 0], found[depth:, 0] if one.centred else None


def settle(one: One, need: tuple[float, float]) -> None:
    """Spreads that hold: of windows where sums may not do, by themselves; 0 of those that are flat."""
    call, spread, limit, original = one.call, one.spread, one.call.plan.flat[0], one.pixels.original(one.image)
    relative, least = need
    doubtful = spread <= relative * one.squares.sum(axis=0) + least
    if call.templates.shares is None:
        lows, highs = (call.windows(original[np.newaxis], how, one.area.counts)[0] for how in ("least", "greatest"))
        constant = (lows == highs).all(axis=0)
        spread[constant] = 0
        doubtful &= ~constant
    places = np.argwhere(doubtful)
    if not len(places):
        return
    found = one_by_one(one, original, places, 0)
    spreads = np.maximum(found[:, 1], 0)
    exponents = found[:, 6].astype(np.intp)
    flat = found[:, 4] == 0
    if one.centred:
        flat = np.ldexp(np.sqrt(spreads / found[:, 3]), exponents) <= limit * found[:, 4]
    spreads = np.ldexp(spreads, 2 * (exponents - one.exponent))
    spread[tuple(places.T)] = np.where(flat, 0, np.maximum(spreads, np.finfo(np.float64).tiny))


def settle_zeros(one: One) -> None:
    """Norms that are 0 of windows of zeros alone."""
    norms = one.spread
    if not (norms > 0).all():
        norms[(norms <= 0) & ~are_zeros(one)] = np.finfo(np.float64).tiny


def are_zeros(one: One) -> npt.NDArray[np.bool_]:
    """Windows of zeros alone."""
    pixels = one.pixels.original(one.image)[np.newaxis]
    lows, highs = (one.call.windows(pixels, how, one.area.counts)[0] for how in ("least", "greatest"))
    return np.asarray(((lows == 0) & (highs == 0)).all(axis=0))


def one_by_one(one: One, original: Doubles, places: Array, index: int) -> Doubles:
    """What `scores_one_by_one` finds of a template at these rows and columns of windows, whose pixels all count."""
    results: Doubles = np.empty((len(places), 7))
    settings, templates = one.call.plan.settings, one.call.templates
    corners = np.ascontiguousarray(places * np.array(settings.stride), np.intp)
    seen, taps = np.ones_like(original), np.ascontiguousarray(templates.counts[index], np.float64)
    kernel = np.ascontiguousarray((templates.centred if one.centred else templates.values)[index])
    at_once = max(1, ONE_BY_ONE // kernel.size)
    for first in range(0, len(places), at_once):
        go_on()
        some = slice(first, first + at_once)
        scores_one_by_one(original, seen, corners[some], kernel, taps, settings.dilation, one.centred, results[some])
    return results


# --- scores -----------------------------------------------------------------------------------------------------------


def finish(one: One, products: Array, target: Array, holds: bool) -> None:
    """The scores of one image, of its products; or what is wanting of scores that are there."""
    call, templates, part = one.call, one.call.templates, one.part
    score = call.plan.scoring.score
    norms = np.ascontiguousarray(one.spread[part.places])
    if score in DISTANCES:
        distances(one, products, norms, target)
    if not holds and score not in DISTANCES:
        again(one, target)
    undefined = call.plan.scoring.undefined
    if score != "ssd":
        if not (norms > 0).all():
            target[:, norms <= 0] = undefined
        target[templates.flat if one.centred else templates.norm == 0] = undefined
    mark(one, target)


def again(one: One, target: Array) -> None:
    """The scores of windows whose products do not hold, each summed by itself."""
    templates = one.call.templates
    relative, least = needed(one, target[np.newaxis], DOUBLE)
    doubtful = (one.spread > 0) & (one.spread <= relative * one.squares.sum(axis=0) + least)
    places = np.argwhere(doubtful[one.part.places])
    origin = np.array([of_axis.start for of_axis in one.part.places])
    original = one.pixels.original(one.image)
    own = templates.spread if one.centred else templates.norm
    for index in range(len(target)):
        found = one_by_one(one, original, places + origin, index)
        if one.call.plan.scoring.score == "covariance":
            values = np.ldexp(found[:, 0], found[:, 6].astype(np.intp) + int(templates.own_exponents[index]))
        else:
            with np.errstate(divide="ignore", invalid="ignore"):
                values = np.clip(found[:, 0] / np.sqrt(found[:, 1]) / np.sqrt(own[index]), -1, 1)
        target[(index, *places.T)] = values


def distances(one: One, products: Array, norms: Doubles, target: Array) -> None:
    """The distances; those of windows whose squares are too small beside the area's brightest, each by itself."""
    templates, score = one.call.templates, one.call.plan.scoring.score
    known = list(zip(templates.exponents.tolist(), templates.norm.tolist(), strict=True))
    for kernel, (exponent, own) in enumerate(known):
        own_target, divides = target[kernel], score == "nssd"
        distances_of(one.call.level, products[kernel], norms, own, one.exponent, exponent, divides, own_target)
    if norms.min() > FAINT:
        return
    faint = np.argwhere((norms <= FAINT) & ~are_zeros(one)[one.part.places])
    places = faint + [of_axis.start for of_axis in one.part.places]
    original = one.pixels.original(one.image) if len(faint) else one.planes
    for kernel, (exponent, own) in enumerate(known):
        found = one_by_one(one, original, places, kernel)
        of_pixels = found[:, 6].astype(np.intp)
        target[(kernel, *faint.T)] = scaled_distances(score, found[:, 0], found[:, 1], own, of_pixels, exponent)


def mark(one: One, target: Array) -> None:
    """What the formula gives where a window or a template is not finite: NaN, but of infinite distances infinity."""
    templates, bad = one.call.templates, one.pixels.bad
    if bad is None and not templates.unknown.any():
        return
    codes = np.zeros(one.planes.shape, np.uint8) if bad is None else bad[one.image]
    if one.call.plan.scoring.score != "ssd" and codes.any() and templates.shares is None:
        planes = (codes > 0).max(axis=0).astype(np.float64)[np.newaxis, np.newaxis]
        found = one.call.windows(planes, "greatest", one.area.counts)[0, 0][one.part.places]
        target[:, found > 0] = np.nan
        codes = np.zeros_like(codes)
    pixels = Operand(one.planes, codes, np.ones(codes.shape, np.bool_))
    for index, scores in enumerate(target):
        if codes.any() or templates.unknown[index]:
            taps = Operand(templates.values[index], templates.bad_taps[index], templates.counts[index] > 0)
            mark_unknown(one.call, one.part, pixels, taps, scores)
