"""Scores of small whole numbers, of which every pixel counts: every sum is exact, so equal windows score exactly 1."""

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from xcorr._areas import Area, gathered, reached
from xcorr._engine import go_on
from xcorr._match_call import DOUBLE, Call, Part, Staged, may_scale, native
from xcorr._match_errors import SINGLE
from xcorr._matching import CENTRED
from xcorr._memory import empty
from xcorr._methods.asked import Scaling
from xcorr._scores import exact_distances, exact_scores, exact_spreads, whole_moments

Array = npt.NDArray[Any]

EXACT_SQUARES, MOST_SQUARES = 2.0**53, 2**62
"""What sums of squares in float64, and in int64, must not exceed."""


def are_small(call: Call) -> bool:
    """Whether sums of squares of all windows are exact in float64, from the types alone."""
    dtypes = call.pixels.dtype, call.templates.original.dtype
    if any(dtype.kind not in "biu" or dtype.itemsize > 2 for dtype in dtypes):
        return False
    largest = max(2 ** (8 * dtype.itemsize) for dtype in dtypes)
    return call.templates.original[:1].size * float(largest) ** 2 <= EXACT_SQUARES


def largest_of(dtype: np.dtype[Any]) -> float:
    """A bound on the numbers of a type."""
    return 2.0 ** (8 * dtype.itemsize)


def largest_product(call: Call) -> float:
    """The largest product of a pixel with a tap that the types have."""
    return largest_of(call.pixels.dtype) * largest_of(call.templates.original.dtype)


class Measured(NamedTuple):
    """The pixels of an area of some images, and what their windows are, (images, rows, columns)."""

    pixels: Array
    spread: Array  # times the taps, or the sums of squares where means do not matter
    sums: Array  # (images, channels, rows, columns), of no channel where means do not matter


def measured(call: Call, area: Area, some: slice) -> Measured:
    """What is known of an area before any template is looked at."""
    where = reached(call.plan.geometry.axes, area, call.plan.settings.boundary)
    box = native(call.pixels[some][:, :, where.box[0], where.box[1]])
    pixels = gathered(box, where, call.fill)
    if call.templates.shares is not None:
        return measured_under_mask(call, area, pixels)
    n_images, depth = box.shape[:2]
    fill = np.ascontiguousarray(np.broadcast_to(call.fill, (n_images, depth)))
    staged = Staged(call.level, box, where, fill, None, np.ones(n_images), np.zeros((n_images, depth)), fill)
    n_taps = call.templates.n_taps
    centred = call.plan.scoring.score in CENTRED
    spread = empty((n_images, *area.counts), DOUBLE)
    sums = empty((n_images, depth if centred else 0, *area.counts), DOUBLE)
    if call.plan.settings.dilation == (1, 1) and depth * n_taps**2 * largest_of(box.dtype) ** 2 <= EXACT_SQUARES:
        taps, stride = call.templates.taps, call.plan.settings.stride
        for image, of_image in enumerate(staged.planes(SINGLE)):
            go_on()
            whole_moments(call.level, of_image, taps, stride, n_taps, sums[image], spread[image])
        return Measured(pixels, spread, sums)
    planes = staged.planes(DOUBLE)
    squares = call.windows(planes, "squares", area.counts)
    if not centred:
        return Measured(pixels, squares.sum(axis=1), sums)
    sums = call.windows(planes, "sum", area.counts)
    for image in range(n_images):
        exact_spreads(sums[image], squares[image], n_taps, spread[image])
    return Measured(pixels, spread, sums)


def measured_under_mask(call: Call, area: Area, pixels: Array) -> Measured:
    """The same of windows under the one mask of the templates, by correlations with it."""
    centred = call.plan.scoring.score in CENTRED
    planes = pixels.reshape(-1, 1, *pixels.shape[2:])
    mask = call.templates.counts[:1, :1].astype(np.uint8)
    wide = np.dtype(f"{planes.dtype.kind}{2 * planes.dtype.itemsize}")
    powers: Array = empty((2 * len(planes) if centred else len(planes), *planes.shape[1:]), wide)
    np.square(planes, out=powers[: len(planes)], dtype=wide)
    powers[len(planes) :] = planes[: len(powers) - len(planes)]
    into: Array = empty((len(powers), 1, *area.counts), np.dtype(np.int64))
    call.products(powers, "shares", mask, into, of_templates=False)
    found = into.reshape(-1, *pixels.shape[:2], *area.counts).astype(np.float64)
    if not centred:
        return Measured(pixels, found[0].sum(axis=1), found[0][:, :0])
    spread, n_taps = empty((len(pixels), *area.counts), DOUBLE), int(mask.sum())
    if pixels.shape[1] * n_taps**2 * largest_of(pixels.dtype) ** 2 <= EXACT_SQUARES:
        np.multiply(found[0].sum(axis=1) if pixels.shape[1] > 1 else found[0][:, 0], n_taps, out=spread)
        for channel in range(pixels.shape[1]):
            spread -= found[1][:, channel] ** 2
        return Measured(pixels, spread, found[1])
    for image in range(len(pixels)):
        exact_spreads(found[1, image], found[0, image], n_taps, spread[image])
    return Measured(pixels, spread, found[1])


def score_integers(call: Call, area: Area, some: slice, part: Part, target: Array, known: list[Any]) -> None:
    """The scores of an area of some images, in `target` (images, kernels, rows, columns) of float64 or int64.

    What is `known` of the area goes for templates that are looked for next, too.
    """
    templates, score = call.templates, call.plan.scoring.score
    if not known:
        known.append(measured(call, area, some))
    pixels, spreads, sums = known[0]
    products = target.view(np.int64)
    taps, n_taps = templates.original, templates.n_taps
    if templates.shares is not None:
        taps = np.where(templates.counts > 0, taps, np.zeros((), taps.dtype))
        n_taps = int(templates.counts[0, 0].sum())
    whole = taps.astype(np.int64)
    of_sums, of_squares = whole.sum(axis=(2, 3)), (whole**2).sum(axis=(2, 3))
    norms = of_squares.sum(axis=1).astype(np.float64)
    if score in CENTRED:
        norms = exact_spread_of(of_sums, of_squares, n_taps)
    own_sums, times = np.ascontiguousarray(of_sums, np.float64), 1 if score == "ncc" else n_taps
    narrow = whole[:1].size * n_taps * largest_product(call) < EXACT_SQUARES
    if narrow and score in ("zncc", "ncc") and may_scale(call.plan_of(pixels, taps, products, part)):
        rows, columns = part.places
        factors = np.divide(1, np.sqrt(norms), out=np.zeros(len(norms)), where=norms > 0)
        own = [np.ascontiguousarray(one[..., rows, columns]) for one in (spreads, sums)]
        scaling = Scaling(call.level, own[0], factors, 1.0, own[1], own_sums, norms, times)
        call.products(pixels, "integers", taps, target, part, scaling=scaling)
        if call.plan.scoring.undefined != 0:
            np.moveaxis(target, 1, 3)[own[0] == 0] = call.plan.scoring.undefined
            target[:, norms == 0] = call.plan.scoring.undefined
        return
    call.products(pixels, "integers", taps, products, part)
    for image, of_image in enumerate(target):
        spread = np.ascontiguousarray(spreads[image][part.places])
        if score in ("ssd", "nssd"):
            exact_distances(products[image], spread, of_squares.sum(axis=1), products[image])
            if score == "nssd":
                share(of_image, products[image], spread, norms, call.plan.scoring.undefined)
            continue
        of_windows = np.ascontiguousarray(sums[image][:, part.places[0], part.places[1]])
        exact_scores(products[image], of_windows, spread, own_sums, norms, times, score != "covariance", of_image)
        undefined = call.plan.scoring.undefined
        if undefined != 0 or score == "covariance":
            of_image[:, spread == 0] = undefined
            of_image[norms == 0] = undefined


def exact_spread_of(sums: Array, squares: Array, n_taps: int) -> npt.NDArray[np.float64]:
    """n_taps * squares - sums**2, added up over channels, of each template, rounded as those of windows are."""
    spread = np.empty((1, len(sums)))
    planes = [np.ascontiguousarray(one.T[:, np.newaxis], np.float64) for one in (sums, squares)]
    exact_spreads(planes[0], planes[1], n_taps, spread)
    return np.asarray(spread[0])


def share(target: Array, distances: Array, of_windows: Array, of_templates: Array, undefined: float) -> None:
    """Distances divided by the norms, in the same memory."""
    for kernel, own in enumerate(of_templates):
        norms = of_windows * own
        found = np.divide(distances[kernel], np.sqrt(norms), out=np.full(norms.shape, undefined), where=norms > 0)
        target[kernel] = found


def score_large(call: Call, area: Area, some: slice, part: Part, target: Array) -> None:
    """The distances of whole numbers of any size, in `target` of int64; OverflowError if it does not hold one."""
    where = reached(call.plan.geometry.axes, area, call.plan.settings.boundary)
    box = call.pixels[some][:, :, where.box[0], where.box[1]]
    kernels = call.templates.original
    middle = (int(kernels.max()) + int(kernels.min())) // 2
    fill = int(call.fill[0]) if len(set(call.fill.tolist())) == 1 else None
    ends = [int(end(operand)) - middle for operand in (box, kernels) for end in (np.min, np.max)]
    largest = max(map(abs, ends + ([] if fill is None else [fill - middle])))
    if fill is None or 4 * largest**2 * kernels[:1].size >= MOST_SQUARES:
        for image, of_image in enumerate(target, some.start):
            of_image[...] = distances_of_any(call, image, area, part)
        return
    planes = gathered(less(box, middle), where, fill - middle)
    about = less(kernels, middle)
    call.products(planes, "less their middle", about, target, part)
    squares = np.empty((len(planes), 1, *target.shape[2:]), np.int64)
    call.products(planes**2, "ones", np.ones((1, *about.shape[1:]), np.int64), squares, part, False)
    target *= -2
    target += squares
    target += (about**2).sum(axis=(1, 2, 3))[:, np.newaxis, np.newaxis]


def less(values: Array, middle: int) -> npt.NDArray[np.int64]:
    """Whole numbers less one, where int64 holds the differences: in 64 bits that wrap."""
    wide = values.astype(np.uint64) if values.dtype.kind != "i" else values.astype(np.int64).view(np.uint64)
    return np.asarray((wide - np.uint64(middle % 2**64)).view(np.int64))


def distances_of_any(call: Call, image: int, area: Area, part: Part) -> Array:
    """The distances of one image, summed as Python's integers."""
    where = reached(call.plan.geometry.axes, area, call.plan.settings.boundary)
    box = call.pixels[image : image + 1][:, :, where.box[0], where.box[1]].astype(object)
    fill = np.array([int(number) for number in call.fill.tolist()], object)
    planes = gathered(box, where, fill)[0]
    settings, (height, width) = call.plan.settings, call.templates.taps
    kernels = call.templates.original.astype(object)
    rows, columns = part.places
    found = np.empty((len(kernels), rows.stop - rows.start, columns.stop - columns.start), object)
    for y, x in np.ndindex(found.shape[1:]):
        top, left = (y + rows.start) * settings.stride[0], (x + columns.start) * settings.stride[1]
        bottom, right = top + (height - 1) * settings.dilation[0] + 1, left + (width - 1) * settings.dilation[1] + 1
        window = planes[:, top : bottom : settings.dilation[0], left : right : settings.dilation[1]]
        found[:, y, x] = ((kernels - window) ** 2).sum(axis=(1, 2, 3))
    if found.max() > np.iinfo(np.int64).max:
        raise OverflowError("dtype: a score does not fit int64; allowed is a type that holds every score")
    return found
