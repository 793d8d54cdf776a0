"""Pieces: parts of a response, each made of the pixels that it reaches, with the bits of one call in memory.

A part's plan is that of the whole image: its method, its quads, sections and areas lie where they do in one call. It is
only told which pixels are at hand. All of this follows from sizes; nothing is read or written here.
"""

import bisect
import copy
import functools
import sys
from math import prod
from threading import Lock
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from xcorr import _dispatch
from xcorr._areas import Area, areas_of, reached
from xcorr._arrays import in_order
from xcorr._axes import Axis, Span
from xcorr._bank import Bank
from xcorr._correlator import KEPT, Correlator
from xcorr._dtypes import EXACT_FLOAT64, check_element, largest_magnitude
from xcorr._layouts import Layout, arranged
from xcorr._masks import canonical, canonical_mask
from xcorr._match import Matcher
from xcorr._match_reduce import Taker, converted, largest_distance, taker_of
from xcorr._matching import MatchPlan
from xcorr._memory import empty
from xcorr._methods import boxes, faint_doubles, faint_pixels, winograd
from xcorr._methods.fft import fold_of_plan
from xcorr._plan import Plan
from xcorr._reading import axes_in
from xcorr._reads import Ends, Reads, extent_along, reads_along, runs_of
from xcorr._reduce import reducer_at, results_of
from xcorr._reduce_peaks import shape_of_peaks
from xcorr._reduction import Reduction
from xcorr._run import run
from xcorr._score import calls_of, score_call
from xcorr._seen import Operand
from xcorr._whole_numbers import WholeNumbers
from xcorr.peaks import Peaks, record_type

Array = npt.NDArray[Any]


class Result(NamedTuple):
    """One array that is given back: its shape and type, and which of its axes is which."""

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    images: int  # -1 where there is no such axis
    axes: tuple[int, ...]  # of rows and columns, -1 for one that it lacks; empty where it has neither


def results_of_call(
    layout: Layout, n_images: int, n_kernels: int, outputs: tuple[int, ...], dtype: Any, reduction: Any, peaks: Any
) -> tuple[Result, ...]:
    """The arrays that a call gives."""
    images = 0 if layout.response[0] >= 0 else -1
    if peaks is not None:
        shape = shape_of_peaks(layout, n_kernels, peaks, n_images)
        return (Result(shape, record_type(dtype, layout.n_axes), images, ()),)
    if reduction is None:
        shape = arranged((n_images, *outputs, n_kernels), layout.response)
        return (Result(shape, dtype, layout.response[0], layout.response[1:-1]),)
    axes = tuple(range(images + 1, images + 1 + layout.n_axes)) if reduction.over_kernels else ()
    axes = (-1, *axes) if len(axes) == 1 else axes
    return tuple(
        Result(reduction.shape(name, n_images), reduction.dtype(name), images, axes) for name in reduction.names
    )


class Pieces:
    """The way of one prepared object with images of one shape and type, piece by piece.

    Parameters
    ----------
    prepared : a Correlator or a Matcher.
    shape, dtype : of all images.
    """

    obstacle = ""
    """What keeps an image from being cut, in words."""

    axes_cut: tuple[Axis, ...]
    reduction: Reduction | None
    peaks: Peaks | None

    def __init__(self, prepared: Any, shape: tuple[int, ...], layout: Layout, n_kernels: int, plan: Any) -> None:
        self.prepared, self.shape, self.layout, self.n_kernels = prepared, shape, layout, n_kernels
        self.outputs, self.response, self.reduction, self.peaks = plan
        self.images_axis, self.axes = layout.images[0], layout.images[1:-1]
        self.n_images = shape[self.images_axis] if self.images_axis >= 0 else 1
        self.results = results_of_call(
            layout, self.n_images, n_kernels, self.outputs, self.response, self.reduction, self.peaks
        )
        self.alone = self.reduction is None or self.reduction.alone

    # --- whole images -------------------------------------------------------------------------------------------------

    def respond_images(
        self, images: Array, first: int, workers: Any, targets: list[Array] | None = None
    ) -> list[Array]:
        """What images from `first` on give, in the targets if there are any."""
        own = some_of(self.prepared, self.shape, self.layout, first, first + self.counted(images))
        out = None if targets is None else targets[0] if self.alone else tuple(targets)
        found = own(images, out=out, workers=workers)
        return [found] if self.alone else list(found)

    def counted(self, images: Array) -> int:
        """How many images an array has."""
        return int(images.shape[self.images_axis]) if self.images_axis >= 0 else 1

    # --- parts of images ----------------------------------------------------------------------------------------------

    @property
    def grid(self) -> tuple[int, int]:
        """Rows and columns of responses that cost least to be cut at multiples of."""
        return 1, 1

    @property
    def edges(self) -> tuple[list[int], list[int]]:
        """Rows and columns of responses where it costs least to cut, if these are no multiples."""
        return [], []

    def ends(self, area: Span) -> tuple[Ends, ...]:
        """The padded pixels that a part reaches along each axis."""
        raise NotImplementedError

    def boundary(self) -> tuple[str, ...]:
        """The word of each axis."""
        raise NotImplementedError

    def reads(self, area: Span) -> tuple[Reads, ...]:
        """What is read for the part of the response at an area, counted from the first response that is wanted."""
        return tuple(
            reads_along(axis.length, ends, word)
            for axis, ends, word in zip(self.axes_cut, self.ends(area), self.boundary(), strict=True)
        )

    def respond(self, pixels: Array, area: Span, workers: Any, largest: float | None = None) -> Array:
        """The responses (images, rows, columns, kernels) at an area, of a piece of some images."""
        raise NotImplementedError

    def taker(self, n_images: int, reduction: Reduction) -> Taker:
        """What takes responses and reduces them."""
        raise NotImplementedError

    def reduce_kernels(self, responses: Array, area: Span) -> list[Array]:
        """What responses (images, rows, columns, kernels) at an area are reduced to, over kernels."""
        assert self.reduction is not None
        outputs = area[0][1], area[1][1]
        taker = self.taker(len(responses), self.reduction._replace(outputs=outputs))
        taker.take(taken(responses), 0, 0, 0, 0)
        return [
            np.asarray(found).reshape(len(responses), *outputs) for found in results_of(taker.kept, taker.reduction)
        ]

    def as_results(self, responses: Array, area: Span) -> list[Array]:
        """Responses (images, rows, columns, kernels) at an area with a result's axes, or reduced over kernels."""
        if self.reduction is not None:
            return [arranged_map(found, result) for found, result in
                    zip(self.reduce_kernels(responses, area), self.results, strict=True)]  # fmt: skip
        axes = self.layout.response
        present = responses[tuple(slice(None) if axis >= 0 else 0 for axis in axes)]
        order = [axis for axis in axes if axis >= 0]
        return [present.transpose([order.index(axis) for axis in range(len(order))])]

    def looks(self) -> tuple[bool, bool]:
        """Whether bits depend on any subnormal pixel of an image, and on its largest magnitude then."""
        return False, False


def arranged_map(found: Array, result: Result) -> Array:
    """A map (images, rows, columns) with the axes that a result has."""
    lacks = tuple(axis for axis, own in enumerate((result.images, *result.axes)) if own < 0)
    return found.reshape([length for axis, length in enumerate(found.shape) if axis not in lacks])


def taken(responses: Array) -> Array:
    """Responses (images, rows, columns, kernels) as a taker has them, of a type that sums are in."""
    found = responses.astype(np.float32) if responses.dtype.char == "e" else responses
    found = np.moveaxis(found, 3, 1)
    return np.array(found, order="C") if found.shape[3] == 1 else found  # a lone column's pitch is that of a run


def some_of(prepared: Any, shape: tuple[int, ...], layout: Layout, first: int, end: int) -> Any:
    """The prepared object for images [first, end) alone, where each has its own kernels or mask."""
    is_matcher = isinstance(prepared, Matcher)
    settings = prepared._scoring.settings if is_matcher else prepared._settings
    own, several = {}, layout.images[0] >= 0 and (first, end) != (0, shape[0])
    names = ("_templates", "_template_mask") if is_matcher else ("_kernels",)
    for name in names if several and settings.pairwise else ():
        operand = getattr(prepared, name)
        if operand is not None and len(operand) == shape[0] and not is_shared(operand, prepared, name, layout):
            own[name] = operand[first:end]
    mask: Any = None if is_matcher else prepared._mask
    if several and isinstance(mask, np.ndarray):
        seen = canonical_mask(mask, "mask", shape, layout.images, "images")
        own["_mask"] = mask[first:end] if len(seen) > 1 else of_any(mask, shape, layout)
    if not own:
        return prepared
    found = copy.copy(prepared)
    found.__dict__.update(own)
    if is_matcher:
        found._forget()
    else:
        found.__dict__.update({name: {} for name in KEPT})
    return found


def of_any(mask: Array, shape: tuple[int, ...], layout: Layout) -> Array:
    """A mask of all images with an axis for them, so that no other of its axes is taken for it."""
    try:
        canonical_mask(mask[np.newaxis], "mask", shape, layout.images, "images")
    except ValueError:
        return mask  # it has one
    return mask[np.newaxis]


def is_shared(operand: Array, prepared: Any, name: str, layout: Layout) -> bool:
    """Whether a template mask is that of all images, as `Banks.read` has it."""
    if name != "_template_mask":
        return False
    own = operand.ndim > 2 and operand.ndim >= prepared._templates.ndim - ("C" in layout.word)
    return not own


class Whole(Pieces):
    """Images that are not cut."""


class OfPlan(Pieces):
    """Responses of a bank to images with one or two spatial axes, of which all is seen."""

    def __init__(self, prepared: Correlator, shape: tuple[int, ...], plan: Plan, bank: Bank) -> None:
        self.plan, self.bank = plan, bank
        outputs = tuple(count for _, count in plan.area)
        super().__init__(
            prepared,
            shape,
            plan.layout,
            plan.geometry.n_kernels,
            (outputs, plan.types.response, plan.reduction, plan.peaks),
        )
        self.axes_cut = plan.geometry.axes
        if 0 in outputs or plan.method != "fft":
            return
        if fold_of_plan(plan) is not None or plan.sizes.n_stretches:
            self.obstacle = "its lines are folded as a whole by method 'fft'"

    @property
    def grid(self) -> tuple[int, int]:
        if self.plan.method == "winograd":
            side = winograd.quad_side(self.plan.geometry)
            down, across = self.plan.geometry.axes
            return side * down.dilation, side * across.dilation
        if self.plan.method == "fft":
            rows, columns = self.valid()
            return rows, 2 * columns
        return 1, 1

    @property
    def edges(self) -> tuple[list[int], list[int]]:
        if self.plan.method != "fft" or self.plan.geometry.whole or self.n_sections()[1] % 2 == 0:
            return [], []
        _, columns = self.valid()
        return [], [columns, self.n_sections()[1] * columns - columns]  # which have a pair in another row

    def valid(self) -> tuple[int, int]:
        """Rows and columns of the responses of a section, which are a stride apart."""
        section, (down, across) = self.plan.section[0], self.plan.geometry.axes
        return max(1, section.valid_rows // down.stride), max(1, section.valid_columns // across.stride)

    def n_sections(self) -> tuple[int, int]:
        """Sections down and across an image."""
        section, (down, across) = self.plan.section[0], self.plan.geometry.grid.axes
        return -(-down.span // section.valid_rows), -(-across.span // section.valid_columns)

    def ends(self, area: Span) -> tuple[Ends, ...]:
        plan = self.plan.part(area, None)
        if plan.method == "fft":
            return self.ends_of_sections(plan)
        axes = plan.geometry.axes
        if plan.method == "winograd":
            side = winograd.quad_side(plan.geometry)
            axes, _ = plan.geometry.within((side * axes[0].dilation, side * axes[1].dilation))
        return tuple(((-axis.before, -axis.before + axis.reached),) for axis in axes)

    def ends_of_sections(self, plan: Plan) -> tuple[Ends, ...]:
        """The ends of the pairs of sections that have a response of a part: both sections of a pair decide its bits.

        A pair may be the last section of a row and the first one of the next.
        """
        section, (n_down, n_across) = plan.section[0], self.n_sections()
        sides = list(zip(boxes.reached_by_section(plan), (section.valid_rows, section.valid_columns), strict=True))
        (top, bottom), (left, right) = (
            ((whole.before - own.before) // valid, (whole.before - own.before + own.span - 1) // valid)
            for own, whole, (_, valid) in zip(plan.geometry.axes, plan.geometry.whole, sides, strict=True)
        )
        rows, columns = {top, bottom}, set(range(left, right + 1))
        for row in range(top, bottom + 1):
            for index in ((row * n_across + left) // 2 * 2, min((row * n_across + right) | 1, n_down * n_across - 1)):
                rows.add(index // n_across)
                columns.add(index % n_across)

        def of_run(axis: int, first: int, last: int) -> tuple[int, int]:
            length, valid = sides[axis]
            whole = plan.geometry.whole[axis]
            return first * valid - whole.before, min(last * valid + length, whole.reached) - whole.before

        runs = runs_of(np.array(sorted(columns)))
        found = tuple(of_run(1, first, last) for first, last in runs)
        if len(found) > 1 and found[1][0] <= found[0][1]:
            found = ((found[0][0], found[-1][1]),)
        return (of_run(0, min(rows), max(rows)),), found

    def boundary(self) -> tuple[str, ...]:
        return self.plan.settings.boundary

    def respond(self, pixels: Array, area: Span, workers: Any, largest: float | None = None) -> Array:
        down, across = self.reads(area)
        plan = self.plan.part(area, ((down.first, down.length), (across.first, across.length)), largest)
        found = run(plan, self.bank, pixels, self.prepared._fill_value, None, workers)
        return in_order(found, plan.layout.response)

    def taker(self, n_images: int, reduction: Reduction) -> Taker:
        level, types = _dispatch.current(), self.plan.types
        kept: Any = None
        if types.exact:
            reach, bias = self.bank.reach
            if largest_magnitude(types.images) * reach + bias > EXACT_FLOAT64:
                kept = WholeNumbers(reduction, n_images)
        return Taker(reduction, kept or reducer_at(level, reduction, n_images), Lock(), level)

    def looks(self) -> tuple[bool, bool]:
        plan, part = self.plan, np.empty(0, self.plan.types.images.newbyteorder("=")).real.dtype
        as_summed = part == np.dtype(plan.types.summed)
        if plan.method not in faint_pixels.METHODS or not as_summed or not _dispatch.subnormals_are_slow():
            return False, False
        of_doubles = plan.types.summed == "f8"
        return not of_doubles or faint_doubles.is_copied(plan), of_doubles


class OfMatch(Pieces):
    """Scores of templates in images with one or two spatial axes."""

    def __init__(self, prepared: Matcher, shape: tuple[int, ...], plan: MatchPlan, dtype: np.dtype[Any]) -> None:
        self.plan, self.dtype = plan, dtype
        super().__init__(
            prepared, shape, plan.layout, plan.n_responses, (plan.roi.counts, plan.response, plan.reduction, plan.peaks)
        )
        self.axes_cut, areas = plan.geometry.axes, areas_of(plan.geometry, plan.unseen_padding)
        self.along = tuple(sorted({(own.first[axis], own.counts[axis]) for own in areas}) for axis in range(2))
        self.banks = prepared._bank_of(plan)
        self.fill = plan.fill_of(dtype)

    @property
    def edges(self) -> tuple[list[int], list[int]]:
        rows, columns = (
            [first + count - origin for first, count in along]
            for along, origin in zip(self.along, self.plan.roi.first, strict=True)
        )
        return rows, columns

    @property
    def grid(self) -> tuple[int, int]:
        rows, columns = (max(count for _, count in along) for along in self.along)
        return rows, columns

    @functools.cached_property
    def boxes(self) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
        """The pixels that areas reach along each axis."""
        (row, n_rows), (column, n_columns) = (along[0] for along in self.along)
        boundary = self.plan.settings.boundary
        down = [reached(self.axes_cut, Area((first, column), (count, n_columns)), boundary)
                for first, count in self.along[0]]  # fmt: skip
        across = [reached(self.axes_cut, Area((row, first), (n_rows, count)), boundary)
                  for first, count in self.along[1]]  # fmt: skip
        return [(own.box[0].start, own.box[0].stop) for own in down], [
            (own.box[1].start, own.box[1].stop) for own in across
        ]

    def ends(self, area: Span) -> tuple[Ends, ...]:
        found = []
        for (first, count), origin, along, own in zip(area, self.plan.roi.first, self.along, self.boxes, strict=True):
            begin = bisect.bisect_right(along, (origin + first, sys.maxsize)) - 1
            end = bisect.bisect_left(along, (origin + first + count, 0))
            found.append(((min(box[0] for box in own[begin:end]), max(box[1] for box in own[begin:end])),))
        return tuple(found)

    def boundary(self) -> tuple[str, ...]:
        return "constant", "constant"  # areas have boxes of pixels, which are looked up there

    def respond(self, pixels: Array, area: Span, workers: Any, largest: float | None = None) -> Array:
        plan, n_images = self.plan.part(area), self.counted(pixels)
        scores: Array = empty(plan.response_shape(n_images), plan.scored)
        origin = tuple(own.first for own in self.reads(area))
        for some, own, call in calls_of(plan, self.banks, pixels, None, self.fill, workers):
            place = canonical(scores, plan.layout.response)[some, own]
            at_hand: Any = AtHand(call.pixels, origin)
            score_call(call._replace(pixels=at_hand, out=place))
        return in_order(converted(scores, plan.response), plan.layout.response)

    def taker(self, n_images: int, reduction: Reduction) -> Taker:
        largest = largest_distance(self.plan, self.dtype, self.banks.operands[0].dtype)
        return taker_of(self.plan, reduction, _dispatch.current(), n_images, largest)


class AtHand:
    """The pixels (images, channels, rows, columns) at hand, taken by their places in the whole image."""

    def __init__(self, pixels: Array, origin: tuple[int, ...]) -> None:
        self.pixels, self.origin = pixels, origin
        self.shape, self.dtype = pixels.shape, pixels.dtype

    def __len__(self) -> int:
        return len(self.pixels)

    def __getitem__(self, index: Any) -> Any:
        if not isinstance(index, tuple):
            return AtHand(self.pixels[index], self.origin)
        rows, columns = (
            slice(own.start - first, own.stop - first) for own, first in zip(index[2:], self.origin, strict=True)
        )
        return self.pixels[(*index[:2], rows, columns)]


def pieces_of(prepared: Any, shape: tuple[int, ...], dtype: np.dtype[Any]) -> Pieces:
    """The way of a prepared object with images of this shape and type; all errors that a call would raise for them."""
    check_element("images", dtype)
    images: Any = Operand(shape, dtype)
    if isinstance(prepared, Matcher):
        return pieces_of_matcher(prepared, images)
    if not isinstance(prepared, Correlator):
        raise TypeError(f"prepared: got {type(prepared).__name__}; allowed are a Correlator and a Matcher")
    settings, level = prepared._settings, _dispatch.current()
    if axes_in(settings.layout) == 3:
        volumes = prepared._volume_bank(level).plan(images, prepared._mask)
        return of_volumes(prepared, shape, volumes, volumes.types.response)
    if prepared._mask is not None or settings.normalize:
        seen, _ = prepared._seen_bank(level).plan(images, prepared._mask)
        found: Pieces = Whole(prepared, shape, seen.sums.layout, seen.sums.geometry.n_kernels, (
            tuple(count for _, count in seen.sums.area),
            seen.types.response, seen.reduction, seen.peaks,
        ))  # fmt: skip
        found.obstacle = "it has a mask, or is normalized"
        return found
    if settings.pairwise:
        plan = prepared._pairs_of((level, shape, dtype), images).plan
        found = Whole(prepared, shape, plan.layout, plan.geometry.n_kernels, (
            tuple(count for _, count in plan.area),
            plan.types.response, plan.reduction, plan.peaks,
        ))  # fmt: skip
        found.obstacle = "each image has its own kernels"
        return found
    return OfPlan(prepared, shape, *prepared._prepare(images))


def pieces_of_matcher(prepared: Matcher, images: Any) -> Pieces:
    """The same of templates."""
    if axes_in(prepared._scoring.settings.layout) == 3:
        volumes = prepared._volume_match().plan(np.broadcast_to(np.empty((), images.dtype), images.shape), None)
        return of_volumes(prepared, images.shape, volumes, volumes.plan.response)
    plan = prepared._plan(images)
    plain = prepared._plain(plan)
    if plain is not None:
        return pieces_of(plain, images.shape, images.dtype)
    found = OfMatch(prepared, images.shape, plan, images.dtype)
    if prepared._scoring.settings.pairwise:
        found.obstacle = "each image has its own templates"
    return found


def of_volumes(prepared: Any, shape: tuple[int, ...], volumes: Any, response: np.dtype[Any]) -> Pieces:
    """Volumes, which are not cut."""
    sizes = volumes.sizes
    found = Whole(prepared, shape, sizes.layout, sizes.geometry.n_kernels, (
        sizes.outputs, response, volumes.reduction, volumes.peaks,
    ))  # fmt: skip
    found.obstacle = "it is a volume"
    return found


def bytes_of(pieces: Pieces, area: Span, itemsize: int) -> tuple[int, int]:
    """The bytes of one image's pixels that are there for a part, read and gathered, and of its responses."""
    down, across = (
        extent_along(axis.length, ends, word)
        for axis, ends, word in zip(pieces.axes_cut, pieces.ends(area), pieces.boundary(), strict=True)
    )
    channels = prod(pieces.shape[axis] for axis in range(len(pieces.shape))
                    if axis not in (pieces.images_axis, *pieces.axes))  # fmt: skip
    pixels = down.n_read * across.n_read
    if across.pitch is not None:
        pixels += (down.length - 1) * across.pitch + across.length
    if down.is_looked_up or across.is_looked_up:
        pixels += down.length * (across.length if across.pitch is None else across.n_read)
    responses = area[0][1] * area[1][1] * pieces.n_kernels * pieces.response.itemsize
    return pixels * channels * itemsize, responses
