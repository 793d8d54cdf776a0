"""One call of a match: its arrays, and the correlations and sums of windows that every score is made of."""

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from xcorr._areas import Area, Reached, gathered, reached
from xcorr._arrays import in_order
from xcorr._bank import Bank
from xcorr._engine import go_on
from xcorr._job import Job
from xcorr._masks import shares_of
from xcorr._matching import MatchPlan
from xcorr._memory import empty
from xcorr._methods.asked import Scaling
from xcorr._methods.fft import fold_of_plan
from xcorr._plan import Plan, plan_for
from xcorr._respond import respond_scaled
from xcorr._run import run
from xcorr._scores import finite_ends, stage, windows_of
from xcorr._settings import USUAL
from xcorr._templates import Templates, unknown

Array = npt.NDArray[Any]
Doubles = npt.NDArray[np.float64]

DOUBLE = np.dtype(np.float64)
SAMPLES = 16
"""Pixels down and across of which the median is what an area's pixels are shifted by."""

MOST_PLANS = 64
"""Plans that a bank of templates keeps for the shapes of areas that came first."""

LARGEST_EXPONENT = 1000
"""Powers of two by which pixels are scaled: their inverses are normal numbers."""

ONE_BY_ONE = 2**22
"""Taps of windows that are summed one by one between two looks for a signal."""


class Like(NamedTuple):
    """What planes are like that are not there."""

    shape: tuple[int, ...]
    dtype: np.dtype[Any]


class Call(NamedTuple):
    """The arrays of one call, all in canonical axes: images or kernels, channels, rows, columns."""

    plan: MatchPlan
    templates: Templates
    pixels: Array
    mask: Any  # of the same axes, or "finite", or None
    fill: Doubles
    out: Any  # or what takes the scores
    level: Any  # the passes of the level in use
    workers: Any

    def products(
        self,
        planes: Array,
        name: str,
        kernels: Array,
        target: Array,
        part: "Part | None" = None,
        of_templates: bool = True,
        scaling: Scaling | None = None,
    ) -> None:
        """The correlation of planes with kernels, in `target` (images, kernels, rows, columns), or scores made of it.

        Of whole numbers that are scaled the plan is that of sums in 64 bits.
        """
        stored = target.view(np.int64) if kernels.dtype.kind != "f" else target
        plan = self.plan_of(planes, kernels, stored, part, of_templates)
        bank = self.templates.bank(plan, name, kernels)
        if plan.layout.word == "NHWC":
            planes, target = np.ascontiguousarray(np.moveaxis(planes, 1, 3)), np.moveaxis(target, 1, 3)
        if scaling is not None:
            self.scale(plan, bank, planes, target, scaling)
        elif plan.types.response == target.dtype:
            run(plan, bank, planes, 0, target, self.workers)
        else:
            target[...] = run(plan, bank, planes, 0, None, self.workers)

    def scale(self, plan: Plan, bank: Bank, planes: Array, target: Array, scaling: Scaling) -> None:
        """Scores of floats, or of whole numbers by a plan that `may_scale`."""
        if may_scale(plan):
            job = Job(plan, planes, bank, (0,), self.workers)
            job.scaling = scaling
            own = target
            if plan.types.response.kind == "f" and plan.types.response != target.dtype:
                own = empty(target.shape, plan.types.response)
            respond_scaled(job, own)
            if own is not target:
                target[...] = own
            return
        target[...] = run(plan, bank, planes, 0, None, self.workers)
        with np.errstate(invalid="ignore"):
            for kernel, factor in enumerate(scaling.factors):
                own = in_order(target, plan.layout.response)[..., kernel]
                own *= scaling.roots * factor
                np.clip(own, -scaling.most, scaling.most, out=own)

    def plan_of(
        self, planes: Array | Like, kernels: Array, target: Array, part: "Part | None" = None, of_templates: bool = True
    ) -> Plan:
        """The plan of such a correlation; of a part of it, by the method and with the bits of the whole.

        So is that of kernels `of_templates`, which are some of a bank.
        """
        word = "NHWC" if len(kernels) > 1 and abs(target.strides[1]) < abs(target.strides[3]) else "NCHW"
        bounds = None if part is None or part.is_whole else part.bounds
        summed = planes.dtype if planes.dtype.kind == "f" else kernels.dtype
        stored = target.dtype
        if self.plan.settings.method == "winograd" and stored.kind == "f":  # which stores what it sums
            stored = summed
        n_chosen = self.templates.whole.n_kernels if of_templates else len(kernels)
        key = planes.shape[1:], kernels.shape, planes.dtype, summed, stored, word, bounds, self.level, n_chosen
        plan = self.templates.plans.get(key)
        if plan is None:
            plan = self.new_plan(planes, kernels, summed, stored, word, bounds, n_chosen)
            if len(self.templates.plans) < MOST_PLANS:
                self.templates.plans[key] = plan
        return plan

    def new_plan(
        self,
        planes: Array | Like,
        kernels: Array,
        summed: np.dtype[Any],
        stored: np.dtype[Any],
        word: str,
        bounds: Any,
        n_chosen: int,
    ) -> Plan:
        """The plan of a correlation of planes of this shape, by the method for that many kernels."""
        settings = self.plan.settings
        names = ("stride", "dilation", "method", "precision")
        inner = USUAL._replace(layout=word, dtype=stored.str, **{name: getattr(settings, name) for name in names})
        image, bank = planes.shape, kernels.shape
        if word == "NHWC":
            image, bank = (image[0], *image[2:], image[1]), (bank[0], *bank[2:], bank[1])
        plan = plan_for(inner, image, planes.dtype, (n_chosen, *bank[1:]), summed)
        if plan.method == "matmul" and not plan.is_by_tiles and word == "NHWC":  # it adds up taps in the layout's order
            return self.new_plan(planes, kernels, summed, stored, "NCHW", bounds, n_chosen)
        if bounds is None and n_chosen == len(kernels):
            return plan
        return plan_for(inner._replace(method=plan.method, roi=bounds), image, planes.dtype, bank, summed)

    def windows(self, planes: Doubles, how: str, counts: tuple[int, int]) -> Doubles:
        """The sums, sums of squares or extremes of all windows of an area, (images, channels, rows, columns)."""
        go_on()
        n_images, depth, *sizes = planes.shape
        settings = self.plan.settings
        result: Doubles = empty((n_images * depth, *counts), DOUBLE)
        taps = self.templates.taps
        windows_of(self.level, planes.reshape(-1, *sizes), how, taps, settings.dilation, settings.stride, result)
        return result.reshape(n_images, depth, *counts)


def may_scale(plan: Plan) -> bool:
    """Whether scores may be made of responses while they are in a strip: not where sums are finished afterwards."""
    if plan.method != "fft":
        return True
    return fold_of_plan(plan) is None and not plan.sizes.n_stretches and plan.boxes == (1, 1)


class Part(NamedTuple):
    """The part of an area's scores that is wanted."""

    area: Area
    places: tuple[slice, slice]  # in the area

    @property
    def shape(self) -> tuple[int, int]:
        """Counts of its rows and columns."""
        rows, columns = self.places
        return rows.stop - rows.start, columns.stop - columns.start

    def area_of(self, area: Area) -> Area:
        """The part as an area beside the one that it is a part of."""
        rows, columns = self.places
        return Area((area.first[0] + rows.start, area.first[1] + columns.start), self.shape)

    @property
    def bounds(self) -> tuple[tuple[int, int], tuple[int, int]]:
        """The first place and the end of its rows, and of its columns."""
        rows, columns = self.places
        return (rows.start, rows.stop), (columns.start, columns.stop)

    @property
    def is_whole(self) -> bool:
        """Whether all of the area is."""
        return all(
            (places.start, places.stop) == (0, count)
            for places, count in zip(self.places, self.area.counts, strict=True)
        )


class Staged(NamedTuple):
    """The padded pixels of an area of some images, divided by powers of two and less a number for each channel."""

    level: Any
    box: Array  # as they are, but for those that are not finite, which are 0
    reached: Reached
    shift: Array  # of 64-bit integers, what the box is less than the image
    bad: Array | None  # (images, channels, rows, columns): codes of what is not finite; None where all is
    factors: Doubles
    centres: Doubles  # times the factors
    fill: Doubles

    def some(self, first: int, end: int) -> "Staged":
        """The pixels of some of the images."""
        images = slice(first, end)
        return self._replace(
            box=self.box[images],
            shift=self.shift[images],
            bad=None if self.bad is None else self.bad[images],
            factors=self.factors[images],
            centres=self.centres[images],
            fill=self.fill[images],
        )

    def exponent(self, image: int) -> int:
        """The exponent of the power of two that an image's pixels are divided by."""
        return 1 - int(np.frexp(self.factors[image])[1])

    def planes(self, dtype: np.dtype[Any], centred: bool = True) -> Array:
        """The pixels as numbers of this type."""
        n_images, depth = self.box.shape[:2]
        planes: Array = empty((n_images, depth, *self.reached.shape), dtype)
        centres = self.centres if centred else np.zeros_like(self.centres)
        stage(self.level, self.box, self.reached.rows, self.reached.columns, centres, self.factors, self.fill, planes)
        return planes

    def original(self, image: int) -> Doubles:
        """The pixels of an image as they are, (channels, rows, columns)."""
        own = self.some(image, image + 1)
        planes: Doubles = own._replace(factors=np.ones(1)).planes(DOUBLE, False)[0]
        return planes


def staged(
    call: Call, area: Area, some: slice, centred: bool, seen: Doubles | None = None, trusts: bool = False
) -> Staged:
    """The pixels of an area of some images; `seen` are the shares of these that count (images, channels, box).

    With `trusts` pixels in float32 are taken to be finite, and as large as some of them.
    """
    where = reached(call.plan.geometry.axes, area, call.plan.settings.boundary)
    box = native(call.pixels[some][:, :, where.box[0], where.box[1]])
    fill = np.ascontiguousarray(np.broadcast_to(call.fill, box.shape[:2]))
    shift = np.zeros(box.shape[:2])
    bad = None
    if seen is not None:
        box = np.where(seen > 0, box, np.zeros((), box.dtype))
    ends = None
    if trusts and box.dtype == np.float32:
        ends = ends_of(sampled(box))
    elif box.dtype.kind == "f":
        box, bad, ends = only_finite(call.level, box)
    elif box.dtype.itemsize == 8:
        exact = box.astype(np.longdouble)
        if centred:
            shift = middles(exact, seen)
            fill = fill - shift.astype(np.float64)
            exact = exact - shift[..., np.newaxis, np.newaxis]
        box = exact.astype(np.float64)
    if seen is None:
        factors = powers(ends or ends_of(box), fill if where.pads else np.zeros((1, 1)))
    else:
        factors = powers(ends_of(np.where(seen > 0, box, np.zeros((), box.dtype))), np.zeros((1, 1)))
    centres = np.zeros(box.shape[:2])
    if centred and not shift.any():
        centres = middles(box.astype(np.float64) if box.dtype.kind in "iu" else box, seen) * factors[:, np.newaxis]
    if bad is not None:
        bad = gathered(bad, where, 0)
    if where.pads and seen is None and not np.isfinite(fill).all():
        outside = (where.rows < 0)[:, np.newaxis] | (where.columns < 0)
        inside = np.zeros((*box.shape[:2], 1, 1), np.uint8) if bad is None else bad
        bad = np.where(outside, unknown(fill)[..., np.newaxis, np.newaxis], inside)
        fill = np.where(np.isfinite(fill), fill, 0)
    centres, fill = np.ascontiguousarray(centres, np.float64), np.ascontiguousarray(fill, np.float64)
    return Staged(call.level, box, where, shift, bad, factors, centres, fill)


def native(box: Array) -> Array:
    """Pixels of a type that the compiled passes read."""
    if box.dtype.kind == "b":
        return box.view(np.uint8)
    if box.dtype.char == "e":
        return box.astype(np.float32)
    if not (box.dtype.isnative and box.flags.aligned):
        return box.astype(box.dtype.newbyteorder("="))
    return box


def ends_of(box: Array) -> tuple[Doubles, Doubles]:
    """The least and the greatest pixel of each image."""
    axes = (1, 2, 3)
    return box.min(axis=axes).astype(np.float64), box.max(axis=axes).astype(np.float64)


def only_finite(level: Any, box: Array) -> tuple[Array, Array | None, tuple[Doubles, Doubles]]:
    """The pixels with 0 for those that are not finite, what these are, None if there are none, and the ends."""
    known = finite_ends(level, box) if box.dtype == np.float32 else None
    if known is not None:
        return box, None, known
    with np.errstate(invalid="ignore"):
        ends = ends_of(box)
    if np.isfinite(ends).all():
        return box, None, ends
    bad = unknown(box)
    box = np.where(bad > 0, np.zeros((), box.dtype), box)
    return box, bad, ends_of(box)


def powers(ends: tuple[Doubles, Doubles], fill: Doubles) -> Doubles:
    """The powers of two that make the largest pixel of each image about 1, or the fill value where that is larger."""
    largest = np.maximum(np.abs(ends[0]), np.abs(ends[1]))
    largest = np.maximum(largest, np.abs(np.where(np.isfinite(fill), fill, 0)).max(axis=1))
    exponents = np.clip(np.frexp(largest)[1], -LARGEST_EXPONENT, LARGEST_EXPONENT)
    return np.asarray(np.ldexp(1.0, -exponents))


def sampled(box: Array) -> Array:
    """Some pixels of each channel of each image."""
    rows, columns = (slice(None, None, max(1, length // SAMPLES)) for length in box.shape[2:])
    return box[:, :, rows, columns]


def middles(box: Array, seen: Doubles | None) -> Array:
    """A pixel in the middle of some of each channel of each image, that count; 0 where none does."""
    samples = sampled(box).reshape(*box.shape[:2], -1)
    if seen is None:
        middle = (samples.shape[2] - 1) // 2
        return np.partition(samples, middle, axis=2)[:, :, middle]
    of_samples = sampled(seen)
    counts = (np.broadcast_to(of_samples, (*box.shape[:2], *of_samples.shape[2:])) > 0).reshape(samples.shape)
    ordered = np.sort(np.where(counts, samples, np.inf), axis=2)
    middle = np.maximum(counts.sum(axis=2) - 1, 0) // 2
    found = np.take_along_axis(ordered, middle[..., np.newaxis], axis=2)[..., 0]
    return np.where(np.isfinite(found), found, 0)


def scaled_distances(
    score: str, products: Array, of_windows: Array, of_template: Array, of_pixels: Any, of_taps: Any
) -> Doubles:
    """Squared distances, of sums of pixels and taps that are divided by powers of two of these exponents.

    They are added up as they are divided by the larger power, so that only what no float64 holds becomes infinite. As
    `_scores.distances_of`, of sums of which each window has a template's norm, or an exponent, of its own.
    """
    most = np.maximum(of_pixels, of_taps)
    with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
        windows = times_powers(of_windows, 2 * (of_pixels - most))
        both = times_powers(products, of_pixels + of_taps - 2 * most)
        found = np.maximum(windows + times_powers(of_template, 2 * (of_taps - most)) - 2 * both, 0)
        if score == "ssd":
            return times_powers(found, 2 * most)
        return times_powers(found / np.sqrt(of_windows) / np.sqrt(of_template), 2 * most - of_pixels - of_taps)


def times_powers(values: Array, exponents: Array) -> Doubles:
    """The values times powers of two of these exponents, at once where float64 holds the powers."""
    if np.abs(exponents).max(initial=0) <= LARGEST_EXPONENT:
        return np.asarray(values * np.ldexp(1.0, exponents))
    return np.asarray(np.ldexp(values, exponents))


def seen_of(call: Call, area: Area, some: slice) -> tuple[Doubles | None, Doubles | None]:
    """The shares of an area's pixels that count, of the box and padded; None where all do."""
    where = reached(call.plan.geometry.axes, area, call.plan.settings.boundary)
    unseen = where.pads and call.plan.unseen_padding
    if call.mask is None:
        if not unseen:
            return None, None
        box = np.ones((1, 1, *(part.stop - part.start for part in where.box)))
    elif isinstance(call.mask, str):
        box = np.isfinite(native(call.pixels[some][:, :, where.box[0], where.box[1]])).astype(np.float64)
    else:
        own = call.mask if len(call.mask) == 1 else call.mask[some]
        box = shares_of(own[:, :, where.box[0], where.box[1]])
    padded = gathered(box, where, 0.0 if unseen or call.plan.unseen_padding else 1.0)
    if np.all(padded == 1):
        return None, None
    return box, padded
