"""Scores of areas where pixels or taps do not count, or in part: sums over what both see (Padfield, 2012).

With w for the mask times the template's, all six sums over w, wI, wI^2, wT, wT^2 and wIT are correlations: of the mask,
the masked image and its square, with the template's mask, the masked template and its square.
"""

from math import prod, sqrt
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from xcorr._areas import Area
from xcorr._engine import go_on
from xcorr._masks import is_binary
from xcorr._match_call import DOUBLE, ONE_BY_ONE, Call, Part, Staged, scaled_distances, staged, times_powers
from xcorr._match_unknown import Operand, mark_unknown
from xcorr._matching import CENTRED
from xcorr._scores import masked_sums, scores_one_by_one

Array = npt.NDArray[Any]
Doubles = npt.NDArray[np.float64]

SUMS_AT_ONCE, WINDOWS_AT_ONCE = 2**25, 2**17
"""Bytes of the sums of some templates that are there at once, and windows of templates that are scored together."""

OVERLAP_ERROR = 1e-9
"""What sums of shares may err by, as a share of the template's: an overlap that is less than that too small counts."""

CONDITION = 32
"""Units of rounding that sums by transforms are taken to err by at most: `SAFETY` and the passes of any section."""

MOST_APART = 400
"""Powers of two between a template and what is left of it about means that are told apart: the rest is flat anyway."""

FEWEST_POINTS = 2**14
"""Points of the sections that areas of so many pixels or more are cut into, at least."""


class Masked(NamedTuple):
    """One image of an area: its planes and shares, and the sums that no template's taps are in."""

    call: Call
    area: Area
    part: Part
    pixels: Staged
    image: int
    exact: bool
    planes: Array  # (channels, rows, columns), float64 about a number, or int64 as they are
    shares: Array  # of the same shape
    constant: npt.NDArray[np.bool_] | None  # windows of which every channel that counts has one value; None: not known
    powers: tuple[float, float]  # what the mean square of the pixels is at most, and the mean of their fourth powers

    @property
    def centred(self) -> bool:
        """Whether the score is about means."""
        return self.call.plan.scoring.score in CENTRED


def score_masked(
    call: Call, area: Area, some: slice, part: Part, seen: tuple[Doubles, Doubles] | None, target: Array
) -> None:
    """The scores of an area of some images, in `target` (images, kernels, rows, columns) of float32 or float64."""
    ones = np.ones((1, 1, 1, 1))
    box_shares, shares = seen or (None, ones)
    centred = call.plan.scoring.score in CENTRED
    pixels = staged(call, area, some, centred, box_shares)
    depth = call.pixels.shape[1]
    shares = np.broadcast_to(shares, (len(pixels.box), depth, *pixels.reached.shape))
    exact = sums_are_exact(call, shares)
    if exact:
        planes = pixels._replace(factors=np.ones(len(pixels.box))).planes(DOUBLE, False).astype(np.int64)
        shares = shares.astype(np.int64)
    else:
        planes = pixels.planes(DOUBLE)
    planes = np.where(shares > 0, planes, 0)
    for image, scores in enumerate(target):
        powers = (0.0, 0.0) if exact else mean_powers(planes[image])
        one = Masked(call, area, part, pixels, image, exact, planes[image], shares[image], None, powers)
        if one.centred and not exact and call.templates.shares is None:
            one = one._replace(constant=constant_windows(one))
        score_one(one, scores)


def mean_powers(planes: Doubles) -> tuple[float, float]:
    """The mean of the squares and of the fourth powers, at most the largest, of as many points as a section has."""
    squared, points = np.square(planes), min(planes[0].size, FEWEST_POINTS)
    largest = max(float(squared.max()), 2.0**-800)
    fourth = min(float(np.square(squared).sum()) / points, largest**2)
    return min(float(squared.sum()) / points, largest), fourth


def constant_windows(one: Masked) -> npt.NDArray[np.bool_]:
    """Windows of which every channel that counts has one value, or nothing that counts."""
    found, original = [], one.pixels.original(one.image)
    for how, beyond in (("least", np.inf), ("greatest", -np.inf)):
        planes = np.where(one.shares > 0, original, beyond)[np.newaxis]
        found.append(one.call.windows(planes, how, one.area.counts)[0][:, one.part.places[0], one.part.places[1]])
    return np.asarray((found[0] >= found[1]).all(axis=0))


def sums_are_exact(call: Call, shares: Doubles | None = None) -> bool:
    """Whether all sums are of whole numbers that int64 holds; without shares all pixels count."""
    dtypes = call.pixels.dtype, call.templates.original.dtype
    if any(dtype.kind not in "biu" or dtype.itemsize > 2 for dtype in dtypes):
        return False
    return call.templates.whole.binary and (shares is None or is_binary(shares))


def score_one(one: Masked, target: Array) -> None:
    """The scores of one image, some templates at a time."""
    templates = one.call.templates
    shared = templates.shares is None or len(templates.shares) == 1
    n_windows, n_sums = prod(one.area.counts), 3 if shared else 6
    at_once = max(1, min(WINDOWS_AT_ONCE // n_windows, SUMS_AT_ONCE // (8 * n_windows * len(one.planes) * n_sums)))
    of_shares = window_sums(one, slice(0, 1)) if shared else None
    for first in range(0, len(target), at_once):
        some = slice(first, min(first + at_once, len(target)))
        score_some(one, some, of_shares or window_sums(one, some), target[some])


def kernels_of(one: Masked) -> tuple[Array, Array]:
    """Templates and their shares as they are summed, (kernels, channels, rows, columns)."""
    templates = one.call.templates
    counts = np.ones((1, 1, 1, 1)) if templates.shares is None else templates.shares
    shape = (len(counts), *templates.original.shape[1:])
    if one.exact:
        return templates.original.astype(np.int64), np.broadcast_to(counts, shape).astype(np.int64)
    return templates.centred if one.centred else templates.values, np.broadcast_to(counts, shape)


def correlations(one: Masked, planes: Array, name: str, kernels: Array, of_templates: bool) -> Array:
    """The sums of each channel by itself, (kernels, channels, rows, columns)."""
    result = np.empty((len(kernels), len(planes), *one.part.shape), np.int64 if one.exact else np.float64)
    for channel in range(len(planes)):
        own = np.ascontiguousarray(kernels[:, channel : channel + 1])
        into = np.empty((1, len(kernels), *one.part.shape), result.dtype)
        pixels = planes[np.newaxis, channel : channel + 1]
        one.call.products(pixels, f"{name} {channel}", own, into, one.part, of_templates)
        result[:, channel] = into[0]
    return result


def window_sums(one: Masked, some: slice) -> tuple[Array, Array, Array]:
    """The sums of w, wI and wI^2 for each mask of the templates, (masks, channels, rows, columns)."""
    parts = one.shares, one.shares * one.planes, one.shares * one.planes**2
    templates = one.call.templates
    if templates.shares is None:
        found = []
        for planes in parts:
            whole = one.call.windows(np.ascontiguousarray(planes, np.float64)[np.newaxis], "sum", one.area.counts)
            own = whole[:, :, one.part.places[0], one.part.places[1]]
            found.append(own.astype(np.int64) if one.exact else own)
        return found[0], found[1], found[2]
    counts, of_each = kernels_of(one)[1][some], len(templates.shares) > 1
    name = f"shares {some.start} {some.stop}"
    sums = [tap_sums(one, name, counts, of_each)]
    sums += (correlations(one, planes, name, counts, of_each) for planes in parts[1:])
    if is_binary(one.shares) and templates.whole.binary:
        sums[0] = np.rint(sums[0]).astype(sums[0].dtype)
    return sums[0], sums[1], sums[2]


def tap_sums(one: Masked, name: str, kernels: Array, of_templates: bool) -> Array:
    """The sums of taps over the shares that count: the same everywhere if all do."""
    if not (one.shares == 1).all():
        return correlations(one, one.shares, name, kernels, of_templates)
    sums = kernels.sum(axis=(2, 3))[:, :, np.newaxis, np.newaxis]
    return np.broadcast_to(sums, (*sums.shape[:2], *one.part.shape))


def score_some(one: Masked, some: slice, of_windows: tuple[Array, Array, Array], target: Array) -> None:
    """The scores of some templates."""
    kernels, counts = kernels_of(one)
    kernels = kernels[some]
    counts = counts if len(counts) == 1 else counts[some]
    name = f"{'centred' if one.centred else 'values'} {some.start} {some.stop}"
    of_taps = [tap_sums(one, f"{name} {power}", counts * kernels**power, True) for power in (1, 2)]
    products = correlations(one, one.shares * one.planes, f"{name} 1", counts * kernels, True)
    sums = np.zeros((len(kernels), 3, *one.part.shape))
    if one.centred:
        for index, own in enumerate(sums):
            of_window = (part[index if len(part) > 1 else 0] for part in of_windows)
            parts = (*of_window, of_taps[0][index], of_taps[1][index], products[index])
            seen, pixels, squares, taps, tap_squares, both = (np.ascontiguousarray(part) for part in parts)
            masked_sums(seen, pixels, squares, taps, tap_squares, both, own)
    else:
        for index, part in enumerate((products, of_windows[2], of_taps[1])):
            sums[:, index] = part.sum(axis=1)
    raw = of_windows[2].sum(axis=1).astype(np.float64), of_taps[1].sum(axis=1).astype(np.float64)
    settle(one, some, np.moveaxis(sums, 1, 0), of_windows[0].sum(axis=1).astype(np.float64), raw, target)


# --- what sums hold ---------------------------------------------------------------------------------------------------
# Of some templates: sums (3, kernels, rows, columns); shares and raw sums of squares, (kernels or 1, rows, columns).


def settle(one: Masked, some: slice, sums: Doubles, seen: Doubles, raw: tuple[Doubles, Doubles], target: Array) -> None:
    """The scores, of sums about means or about 0; those in doubt are summed by themselves."""
    plan, templates = one.call.plan, one.call.templates
    score, undefined = plan.scoring.score, plan.scoring.undefined
    whole = of_each(templates.seen[some])
    least = whole * max(plan.scoring.min_overlap - OVERLAP_ERROR, OVERLAP_ERROR**1.5)
    enough = (seen >= least) & (whole > 0)
    of_pixels, of_taps = np.zeros((1, 1, 1), np.intp), np.zeros((len(whole), 1, 1), np.intp)
    if not one.exact:
        of_taps = of_each((templates.own_exponents if one.centred else templates.exponents)[some]).astype(np.intp)
        of_pixels = of_pixels + one.pixels.exponent(one.image)
        doubtful = in_doubt(one, some, sums, seen, raw) & enough
        if one.constant is not None:
            doubtful &= ~one.constant
            sums[1][:, one.constant] = 0
        if doubtful.any():
            of_pixels = np.tile(of_pixels, sums.shape[1:])
        for index in np.flatnonzero(doubtful.any(axis=(1, 2))):
            places, of_tap = np.argwhere(doubtful[index]), int(of_taps[index, 0, 0])
            summed_again(one, some.start + int(index), places, sums[:, index], of_pixels[index], of_tap)
    flat = (sums[1] <= 0) | (sums[2] <= 0)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        target[...] = value_of(score, sums, whole / seen, of_pixels, of_taps)
    if score not in ("correlation", "ssd"):
        target[flat] = undefined
    bad = one.pixels.bad
    codes = np.zeros(one.planes.shape, np.uint8) if bad is None else bad[one.image]
    pixels, any_bad = Operand(one.planes, codes, one.shares > 0), bool(codes.any())
    for kernel, scores in zip(range(some.start, some.stop), target, strict=True):
        if any_bad or templates.unknown[kernel]:
            taps = Operand(templates.values[kernel], templates.bad_taps[kernel], templates.counts[kernel] > 0)
            mark_unknown(one.call, one.part, pixels, taps, scores)
    target[~enough] = undefined


def of_each(numbers: Array) -> Array:
    """A number for each template beside its rows and columns."""
    return np.asarray(numbers)[:, np.newaxis, np.newaxis]


def value_of(score: str, sums: Doubles, share: Doubles, of_pixels: Array, of_taps: Array) -> Doubles:
    """Scores, of sums of pixels and taps that are powers of two less than they were."""
    products, of_window, of_template = sums
    if score in ("zncc", "ncc"):
        return np.asarray(np.clip(products / np.sqrt(of_window * of_template), -1, 1))
    if score in ("correlation", "covariance"):
        return np.asarray(times_powers(products, of_pixels + of_taps) * share + 0.0)
    distances = scaled_distances(score, products, of_window, of_template, of_pixels, of_taps)
    return distances * share if score == "ssd" else distances


def in_doubt(
    one: Masked, some: slice, sums: Doubles, seen: Doubles, raw: tuple[Doubles, Doubles]
) -> npt.NDArray[np.bool_]:
    """Windows whose sums may not hold, or that may be flat."""
    templates, plan = one.call.templates, one.call.plan
    n_taps = templates.n_taps * templates.n_channels
    unit, tolerance = np.finfo(np.float64).eps / 2, plan.tolerance
    direct, spectral = unit * (8 + 4 * sqrt(n_taps)), unit * CONDITION * sqrt(n_taps)
    taps = templates.counts[some] * (templates.centred if one.centred else templates.values)[some] ** 2
    energy, fourth = (np.sqrt(part.sum(axis=(1, 2, 3))) for part in (taps, taps**2))
    error = (direct * raw[0] + spectral * sqrt(n_taps * one.powers[1]), direct * raw[1] + spectral * of_each(fourth))
    of_products = direct * np.sqrt(np.maximum(raw[0] * raw[1], 0)) + spectral * sqrt(one.powers[0]) * of_each(energy)
    weak = (sums[1] * 0.3 * tolerance <= error[0]) | (sums[2] * 0.3 * tolerance <= error[1])
    if plan.scoring.score in ("correlation", "ssd"):
        weak = (sums[1] <= error[0]) | (sums[2] <= error[1])
    elif plan.scoring.score != "nssd":
        weak |= np.sqrt(np.maximum(sums[1] * sums[2], 0)) * 0.3 * tolerance <= of_products
    if one.centred:  # pixels have one power of two, templates one for their taps and one for what is left about means
        apart = np.minimum(templates.exponents - templates.own_exponents, MOST_APART)[some].astype(np.intp)
        of_limits = plan.flat[0] ** 2, np.ldexp(plan.flat[1] ** 2, 2 * of_each(apart))
        for sum_, limit in zip((sums[1], sums[2]), of_limits, strict=True):
            weak |= sum_ <= np.maximum(seen, 0) * limit * 1.01
    return np.asarray(weak)


def summed_again(one: Masked, kernel: int, places: Array, sums: Doubles, of_pixels: Array, of_taps: int) -> None:
    """The sums of a template's windows by themselves, and their pixels' exponents, in place; 0 for what is flat."""
    templates, plan = one.call.templates, one.call.plan
    results: Doubles = np.empty((len(places), 7))
    origin = np.array([of_axis.start for of_axis in one.part.places])
    corners = np.ascontiguousarray((places + origin) * np.array(plan.settings.stride), np.intp)
    original = one.pixels.original(one.image)
    shares = np.ascontiguousarray(one.shares, np.float64)
    values, exponents = templates.values, templates.exponents
    if one.centred and templates.original.dtype.kind in "iu" and templates.original.dtype.itemsize == 8:
        values, exponents = templates.centred, templates.own_exponents  # float64 may not hold the taps as they are
    taps = np.ascontiguousarray(values[kernel])
    counts = np.ascontiguousarray(templates.counts[kernel], np.float64)
    at_once = max(1, ONE_BY_ONE // taps.size)
    for first in range(0, len(places), at_once):
        go_on()
        some = slice(first, first + at_once)
        own = corners[some], taps, counts, plan.settings.dilation, one.centred, results[some]
        scores_one_by_one(original, shares, *own)
    covariance, spread, of_template, total, largest, largest_tap, exponent = results.T
    of_tap = int(exponents[kernel]) - of_taps
    if one.centred:
        total = np.maximum(total, np.finfo(np.float64).tiny)
        flat = np.ldexp(np.sqrt(np.maximum(spread, 0) / total), exponent.astype(np.intp)) <= plan.flat[0] * largest
        spread = np.where(flat, 0, spread)
        flat = np.sqrt(np.maximum(of_template, 0) / total) <= plan.flat[1] * largest_tap
        of_template = np.where(flat, 0, of_template)
    place = tuple(places.T)
    if plan.scoring.score in ("zncc", "ncc"):
        of_tap = 0
    of_pixels[place] = exponent
    sums[(0, *place)], sums[(1, *place)] = np.ldexp(covariance, of_tap), spread
    sums[(2, *place)] = np.ldexp(of_template, 2 * of_tap)
