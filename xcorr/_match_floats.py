"""Scores of areas of which every pixel counts, by one correlation about a number of the area and sums of windows.

Products are summed in float32 where the errors that rounding makes in the sums of the area stay below the bound, else
in float64; windows where that does not hold either are summed again, each by itself about one of its own pixels.
"""

from math import inf, log2, sqrt
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from xcorr._areas import Area
from xcorr._match_call import DOUBLE, ONE_BY_ONE, Call, Like, Part, Staged, staged
from xcorr._match_unknown import Operand, mark_unknown
from xcorr._matching import CENTRED, DISTANCES
from xcorr._memory import empty
from xcorr._plan import Plan
from xcorr._scores import inverse_roots, n_beyond, scale_scores, scores_one_by_one, spreads_of

Array = npt.NDArray[Any]
Doubles = npt.NDArray[np.float64]

SINGLE = np.dtype(np.float32)
UNITS = {dtype.char: float(np.finfo(dtype).eps) / 2 for dtype in (SINGLE, DOUBLE)}
OF_PRODUCTS, OF_SPREADS = 0.45, 0.45
"""The shares of the bound that products, and spreads of windows, may err by."""

SAFETY = 3
"""Units that the error of a correlation by transforms is taken to be at most.

A unit is 0.5 log2(points) of rounding, times the root of the section's mean square, of the number of taps and of the
sum of the taps' squares: what is left of the normwise bound where an error spreads over a section. In 10,000 images of
noise, steps, ramps, dots and waves with templates of noise, steps, ramps and the same waves the largest error was 2.1
units, beside a dot, and else 1.3. 2026-11-27, AMD EPYC (Zen 5), level v4.
"""

UNEVEN = 1.1
"""What pixels of a section that whole windows leave over may add to its mean square."""

LEAST_SPREAD = {"f": 2.0**-90, "d": 2.0**-800}
"""The mean square, as a share of the largest, from which on products are not lost below a type's normal numbers."""


class Measured(NamedTuple):
    """What is known of an area of some images before any template is looked at, and how products are summed."""

    pixels: Staged
    doubles: Doubles
    ones: "list[One]"
    kinds: list[tuple[np.dtype[Any], bool]]  # the type of the sums, and whether they hold in float64


def score_floats(call: Call, area: Area, some: slice, part: Part, target: Array, known: list[Any]) -> None:
    """The scores of an area of some images, in `target` (images, kernels, rows, columns) of the computed type.

    What is `known` of the area goes for templates that are looked for next, too.
    """
    products = target
    if target.dtype != np.float64 and call.plan.scoring.score in DISTANCES:
        products = np.empty(target.shape)
    if not known:
        known.append(measured(call, area, some, part, products))
    pixels, doubles, ones, kinds = known[0]
    ones = [one._replace(call=call) for one in ones]
    for first, end, dtype in runs([dtype for dtype, _ in kinds]):
        planes = doubles[first:end] if dtype == np.float64 else pixels_as(pixels, first, end, dtype)
        call.products(planes, ones[0].name, ones[0].kernels, products[first:end], part)
    for one, (dtype, holds), own, scores in zip(ones, kinds, products, target, strict=True):
        finish(one, own, scores, holds or dtype == SINGLE)


def measured(call: Call, area: Area, some: slice, part: Part, products: Array) -> Measured:
    """The pixels, and the spreads of windows."""
    centred = call.plan.scoring.score in CENTRED
    pixels = staged(call, area, some, centred)
    doubles = pixels.planes(DOUBLE)
    squares: Any = [np.empty(0)] * len(doubles)
    sums: Any = [None] * len(doubles)
    if call.templates.shares is None:
        squares = call.windows(doubles, "squares", area.counts)
        sums = call.windows(doubles, "sum", area.counts) if centred else sums
    spread: Doubles = empty((len(doubles), *area.counts), DOUBLE)
    ones, kinds = [], []
    for image in range(len(doubles)):
        one = One(call, area, part, pixels, image, doubles[image], squares[image], spread[image])
        one, n_below = spread_out(one, sums[image], products[:1])
        ones.append(one)
        kinds.append((SINGLE if not n_below[1] and products.dtype == SINGLE else DOUBLE, not n_below[2]))
    return Measured(pixels, doubles, ones, kinds)


class One(NamedTuple):
    """One image of an area, its windows' sums of squares, and their spreads, or norms where means do not matter."""

    call: Call
    area: Area
    part: Part
    pixels: Staged
    image: int
    planes: Doubles
    squares: Doubles
    spread: Doubles

    @property
    def centred(self) -> bool:
        """Whether the score is about means."""
        return self.call.plan.scoring.score in CENTRED

    @property
    def name(self) -> str:
        """What the templates' bank is called."""
        return "centred taps" if self.centred else "taps"

    @property
    def kernels(self) -> Doubles:
        """The templates as they are multiplied."""
        templates = self.call.templates
        kernels = templates.centred if self.centred else templates.values
        return kernels if templates.shares is None else templates.counts * kernels

    @property
    def factor(self) -> float:
        """What pixels were multiplied by."""
        return float(self.pixels.factors[self.image])


def pixels_as(pixels: Staged, first: int, end: int, dtype: np.dtype[Any]) -> Array:
    """The planes of some of the images."""
    some = slice(first, end)
    own = pixels._replace(
        box=pixels.box[some], factors=pixels.factors[some], centres=pixels.centres[some], fill=pixels.fill[some]
    )
    return own.planes(dtype)


def runs(kinds: list[np.dtype[Any]]) -> list[tuple[int, int, np.dtype[Any]]]:
    """The first and the end of neighbours of one type."""
    found: list[tuple[int, int, np.dtype[Any]]] = []
    for index, dtype in enumerate(kinds):
        if found and found[-1][2] == dtype:
            found[-1] = (found[-1][0], index + 1, dtype)
        else:
            found.append((index, index + 1, dtype))
    return found


# --- spreads ----------------------------------------------------------------------------------------------------------


def spread_out(one: One, sums: Doubles | None, products: Array) -> tuple[One, list[int]]:
    """Spreads of windows that hold, 0 of flat ones; and how many sums, and products of either type, were in doubt."""
    call, templates = one.call, one.call.templates
    n_taps = float(templates.counts[0, 0].sum())
    if templates.shares is None:
        needs = [needed_of_sums(one), *needed_of_products(one, products)]
        n_below = spreads_of(call.level, sums, one.squares, n_taps, needs, one.spread)
    for dtype in under_mask(call):
        plan, squares, sums = window_sums(one, dtype)
        one = one._replace(squares=squares)
        needs = [needed_under_mask(one, plan, dtype), *needed_of_products(one, products)]
        n_below = spreads_of(call.level, sums, squares, n_taps, needs, one.spread)
        if not n_below[0]:
            break
    if n_below[0]:
        settle(one, needs[0]) if one.centred or templates.shares is not None else settle_zeros(one)
        n_flat = one.spread.size - np.count_nonzero(one.spread)
        n_below[1:] = [int(n_beyond(one.squares, one.spread, *need) - n_flat) for need in needs[1:]]
    return one, n_below


def under_mask(call: Call) -> list[np.dtype[Any]]:
    """The types that sums of windows under a mask may be taken in, the fastest first; none without a mask."""
    if call.templates.shares is None:
        return []
    return [SINGLE, DOUBLE] if call.plan.computed == SINGLE else [DOUBLE]


def window_sums(one: One, dtype: np.dtype[Any]) -> tuple[Plan, Doubles, Doubles | None]:
    """The sums of squares of windows under the templates' mask, and their sums, (channels, rows, columns)."""
    call, planes = one.call, one.planes[:, np.newaxis]
    kernels = np.ascontiguousarray(call.templates.counts[:1, :1])
    found = []
    for power in (2, 1) if one.centred else (2,):
        into = np.empty((len(planes), 1, *one.area.counts), dtype)
        powers = (planes**power).astype(dtype, copy=False)
        call.products(powers, "shares", kernels, into, of_templates=False)
        found.append(into[:, 0].astype(np.float64, copy=False))
    return call.plan_of(powers, kernels, into, of_templates=False), found[0], found[1] if one.centred else None


def needed_under_mask(one: One, plan: Plan, dtype: np.dtype[Any]) -> tuple[float, float]:
    """What a spread has to be above for sums that are correlations to hold."""
    n_taps, unit = one.kernels[0].size, float(np.finfo(dtype).eps) / 2
    bound = 2 * OF_SPREADS * one.call.plan.tolerance
    least = n_taps * max(one.call.plan.flat[0] ** 2 if one.centred else 0, LEAST_SPREAD["d"])
    if plan.method != "fft":
        return 3 * (4 + 4 * sqrt(sqrt(n_taps))) * unit / bound, least
    section, _ = plan.section
    points = section.height * section.width
    squared = np.square(one.planes)
    mean_square = mean_square_of(one, float(squared.sum()), points)
    mean_fourth = min(float(np.square(squared).sum()) / points, mean_square * float(squared.max()))
    root = sqrt(max(float(one.squares.max()), 0) / n_taps)
    error = 0.5 * SAFETY * log2(points) * unit * n_taps * (sqrt(mean_fourth) + 2 * root * sqrt(mean_square))
    return 4 * unit / bound, least + error / bound


def needed_of_sums(one: One) -> tuple[float, float]:
    """What a spread has to be above for its sums to hold, as a share of the sum of squares and beside it."""
    if not one.centred:
        return 0.0, 0.0
    height, width = one.call.templates.taps
    n_taps = one.kernels[0].size
    unit = np.finfo(np.float64).eps / 2
    bound = 2 * OF_SPREADS * one.call.plan.tolerance
    return (4 + log2(width) + 2 * sqrt(height)) * unit / bound, n_taps * max(
        one.call.plan.flat[0] ** 2, LEAST_SPREAD["d"]
    )


def settle(one: One, need: tuple[float, float]) -> None:
    """Spreads that hold: of windows where sums may not do, by themselves; 0 of those that are flat."""
    call, spread, limit = one.call, one.spread, one.call.plan.flat[0]
    relative, least = need
    doubtful = spread <= relative * one.squares.sum(axis=0) + least
    if call.templates.shares is None:
        lows, highs = (call.windows(one.planes[np.newaxis], how, one.area.counts)[0] for how in ("least", "greatest"))
        constant = (lows == highs).all(axis=0)
        spread[constant] = 0
        doubtful &= ~constant
    places = np.argwhere(doubtful)
    if not len(places):
        return
    found = one_by_one(one, one.pixels.original()[one.image], places, 0)
    spreads = np.maximum(found[:, 1], 0)
    exponents = found[:, 6].astype(np.intp)
    flat = found[:, 4] == 0
    if one.centred:
        flat = np.ldexp(np.sqrt(spreads / found[:, 3]), exponents) <= limit * found[:, 4]
    spreads = np.ldexp(spreads, 2 * exponents) * one.factor**2
    spread[tuple(places.T)] = np.where(flat, 0, np.maximum(spreads, np.finfo(np.float64).tiny))


def settle_zeros(one: One) -> None:
    """Norms that are 0 of windows of zeros alone."""
    norms = one.spread
    if (norms > 0).all():
        return
    lows, highs = (one.call.windows(one.planes[np.newaxis], how, one.area.counts)[0] for how in ("least", "greatest"))
    some = ((lows != 0) | (highs != 0)).any(axis=0)
    norms[some & (norms <= 0)] = np.finfo(np.float64).tiny


def one_by_one(one: One, original: Doubles, places: Array, index: int) -> Doubles:
    """What `scores_one_by_one` finds of a template at these rows and columns of windows, whose pixels all count."""
    results: Doubles = np.empty((len(places), 7))
    settings, templates = one.call.plan.settings, one.call.templates
    corners = np.ascontiguousarray(places * np.array(settings.stride), np.intp)
    seen, taps = np.ones_like(original), np.ascontiguousarray(templates.counts[index], np.float64)
    kernel = np.ascontiguousarray((templates.centred if one.centred else templates.values)[index])
    at_once = max(1, ONE_BY_ONE // kernel.size)
    for first in range(0, len(places), at_once):
        one.call.go_on()
        some = slice(first, first + at_once)
        scores_one_by_one(original, seen, corners[some], kernel, taps, settings.dilation, one.centred, results[some])
    return results


# --- products ---------------------------------------------------------------------------------------------------------


def errors_of(plan: Plan, one: One, unit: float) -> tuple[float, float]:
    """The spread that a window needs, as a share of its sum of squares and beside it, for products that hold.

    An error is at most a share of the norms of the template and of what is summed: of the window, where sums are
    direct, and of a section where it is transformed.
    """
    bound = OF_PRODUCTS * one.call.plan.tolerance
    if plan.method == "fft":
        section, _ = plan.section
        points = section.height * section.width
        mean_square = mean_square_of(one, sum_of_squares(one), points)
        share = (0.5 * SAFETY * log2(points) * unit / bound) ** 2
        return (4 * unit / bound) ** 2, share * mean_square * one.kernels[0].size
    if plan.method == "winograd":
        height, width = plan.geometry.kernel_shape
        largest = float(np.square(one.planes).max())
        return (4 * unit / bound) ** 2, (32 * unit / bound) ** 2 * largest * height * width * len(one.planes)
    return ((4 + 4 * sqrt(sqrt(one.kernels[0].size))) * unit / bound) ** 2, 0.0


def mean_square_of(one: One, total: float, points: int) -> float:
    """The largest mean square of a section's pixels: of all of them in one, or what the windows that cover it have."""
    of_windows = one.squares.max(axis=(1, 2)).sum() / float(one.call.templates.counts[0, 0].sum())
    return min(total / points, UNEVEN * float(of_windows))


def sum_of_squares(one: One) -> float:
    """The sum of the squares of all pixels, or a little more: of windows that cover them."""
    settings, taps = one.call.plan.settings, one.call.templates.taps
    if settings.dilation != (1, 1) or one.call.templates.shares is not None:
        return float(np.square(one.planes).sum())
    places = []
    for length, tap, step in zip(one.area.counts, taps, settings.stride, strict=True):
        apart = max(1, tap // step)
        places.append([*range(0, length - 1, apart), length - 1])
        if step > tap:
            return float(np.square(one.planes).sum())
    return float(one.squares[:, places[0]][:, :, places[1]].sum())


def needed_of_products(one: One, target: Array) -> list[tuple[float, float]]:
    """The spreads that windows need for sums in float32 and in float64."""
    return [needed(one, target, dtype) for dtype in (SINGLE, DOUBLE)]


def needed(one: One, target: Array, dtype: np.dtype[Any]) -> tuple[float, float]:
    """The spread that a window needs for sums in a type, as `errors_of` gives it."""
    plan = one.call.plan_of(Like((1, *one.planes.shape), dtype), one.kernels, target)
    n_taps = one.kernels[0].size
    relative, least = errors_of(plan, one, UNITS[dtype.char])
    return relative, max(least, n_taps * LEAST_SPREAD[target.dtype.char])


# --- scores -----------------------------------------------------------------------------------------------------------


def finish(one: One, products: Array, target: Array, holds: bool) -> None:
    """The scores of one image, of its products."""
    call, templates, part = one.call, one.call.templates, one.part
    score = call.plan.scoring.score
    norms = np.ascontiguousarray(one.spread[part.places])
    if score in DISTANCES:
        distances(one, products, norms / one.factor**2, target)
    elif score == "covariance":
        scale_scores(
            call.level, target, (norms > 0).astype(target.dtype), np.ldexp(1 / one.factor, templates.own_exponents), inf
        )
    else:
        own = templates.spread if one.centred else templates.norm
        roots = np.empty(norms.shape, target.dtype)
        inverse_roots(call.level, norms, roots)
        scale_scores(call.level, target, roots, np.divide(1, np.sqrt(own), out=np.zeros(len(own)), where=own > 0), 1.0)
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
    original = one.pixels.original()[one.image]
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
    """The distances, of products of pixels times a factor with templates."""
    templates, score = one.call.templates, one.call.plan.scoring.score
    for kernel, exponent in enumerate(templates.exponents):
        own = np.ldexp(templates.norm[kernel], 2 * int(exponent))
        found = np.maximum(norms + own - 2 * np.ldexp(products[kernel] / one.factor, int(exponent)), 0)
        if score == "nssd":
            with np.errstate(divide="ignore", invalid="ignore"):
                found = found / np.sqrt(norms) / np.sqrt(own)
        target[kernel] = found


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
