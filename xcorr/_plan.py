"""Plans: everything that follows from sizes, types and keywords before the arrays come."""

import copy
import sys
from collections.abc import Hashable
from math import prod
from typing import Any

import numpy as np
import numpy.typing as npt

from xcorr import _cache, _dispatch
from xcorr._axes import Axis, Geometry, Span, make_geometry, sum_blocks
from xcorr._bank import Reading
from xcorr._dtypes import choose_types, signs_of
from xcorr._engine import Engine, lanes_of
from xcorr._layouts import Layout, arranged, groups_of, of_one_image, operand_sizes, read_layout, reading_of
from xcorr._methods import direct, matmul, sections, separable
from xcorr._methods.choice import METHODS, choose, cost
from xcorr._once import cached_property
from xcorr._reading import checked, places_of
from xcorr._reduction import peaks_of, reduction_of
from xcorr._settings import Settings
from xcorr._workers import refuse_too_large

LARGEST_CACHED = 2**16
"""Padded columns outside of the image that a cached plan has: its tables take that many numbers."""

MOST_ENGINES = 8
"""Engines of a plan up to which those of some of its kernels are kept."""

LINES = 8
"""Plans of stretches of a long line that are kept."""

Array = npt.NDArray[Any]


class Plan:
    """One geometry with its types and method; shared by threads, holds no arrays."""

    at_hand: Span | None = None
    """The rows and columns of an image that a call is given, counted from its first pixel; None for all of them."""

    largest: float | None = None
    """The largest magnitude of an image that is known to have subnormal pixels; None for others."""

    def __init__(
        self,
        settings: Settings,
        level: _dispatch.Level,
        images_shape: tuple[int, ...],
        images_dtype: np.dtype[Any],
        kernels_shape: tuple[int, ...],
        kernels_dtype: np.dtype[Any],
    ) -> None:
        self.settings = settings
        self.level = level
        self.layout: Layout = read_layout(images_shape, kernels_shape, settings.layout)
        self.types = choose_types(images_dtype, kernels_dtype, settings.dtype, settings.overflow)
        image, bank = operand_sizes(images_shape, kernels_shape, self.layout)
        self.shapes = images_shape, images_dtype, kernels_shape, kernels_dtype
        geometry = make_geometry(
            image,
            bank,
            padding=settings.padding,
            stride=settings.stride,
            dilation=settings.dilation,
            groups=groups_of(self.layout, image[-1], settings.groups),
            reading=reading_of(images_shape, kernels_shape, self.layout, settings.groups),
            n_axes=self.layout.n_axes,
        )
        self.area, geometry = part_of(geometry, settings)
        self.peaks = peaks_of(settings.reduce, settings.over, self.area, self.types.response)
        names, n_kernels = None if self.peaks else settings.reduce, geometry.n_kernels
        self.reduction = reduction_of(names, settings.over, self.layout, n_kernels, self.area, self.types.response)
        self.method = choose(geometry, self.types, settings.method, settings.precision)
        self.parts = self.types.parts
        self.take_geometry(geometry)

    def take_geometry(self, geometry: Geometry) -> None:
        """Take the sizes of the responses that are wanted, of which there may be none."""
        self.geometry = geometry
        self.depth = self.geometry.channels // self.geometry.groups * (2 if self.types.images.kind == "c" else 1)
        self.n_kernels = self.geometry.n_kernels // self.geometry.groups * self.parts
        self.take_response_sizes()
        self.engines: dict[Hashable, Engine] = {}
        self.lines: dict[tuple[int, int, int, str], Plan] = {}
        self.surely_fits = False
        self.forms: dict[str, str] = {}
        down, across = self.geometry.axes
        self.interleaves = direct.interleaves(self.geometry, self.layout, self.types)
        of_columns = across.outside * (geometry.groups if self.interleaves else 1)
        n_outside = max(of_columns, min(down.outside, direct.LARGEST_TABLE))
        self.table_bytes = 8 * n_outside
        self.is_small = n_outside <= LARGEST_CACHED

    def take_response_sizes(self) -> None:
        """The shape and the bytes of one image's response in the layout."""
        sizes = (1, *(count for _, count in self.area), self.geometry.n_kernels)
        self.one_response = arranged(sizes, self.layout.response)
        self.response_bytes = prod(sizes) * self.types.response.itemsize

    @cached_property
    def multiply_adds(self) -> int:
        """Multiply-adds of one image, in real numbers."""
        return self.geometry.multiply_adds * self.parts

    @cached_property
    def effort(self) -> int:
        """The time of one image, as a number of multiply-adds of the direct method at its best."""
        effort: int = METHODS[self.method].effort(self)
        return effort

    @cached_property
    def most_rank(self) -> float:
        """The largest kind of kernels that are done by their factors although the method is another."""
        return separable.most_rank(self, cost)

    @cached_property
    def is_by_tiles(self) -> bool:
        """Whether "matmul" is done by the direct method's loops."""
        return self.method == "matmul" and matmul.by_tiles(self.geometry, self.types)

    @cached_property
    def blocks(self) -> tuple[int, int, bool]:
        """How the sum over taps is cut, whatever the method."""
        height, width = self.geometry.kernel_shape
        return sum_blocks(height, width * self.depth)

    @cached_property
    def sizes(self) -> sections.Sizes:
        """What the frequency domain's section depends on."""
        return sections.sizes_of(self.geometry.grid, self.types)

    @cached_property
    def section(self) -> tuple[sections.Section, int]:
        """The frequency domain's section and what it costs; MemoryError if there is none."""
        return sections.taken_section(self.sizes)

    @cached_property
    def boxes(self) -> tuple[int, int]:
        """The rows and columns of boxes that the frequency domain cuts kernels into."""
        return self.sizes.boxes

    def form(self, summed: str) -> str:
        """What the direct method's lanes run over; "bytes" for sums in int32."""
        if summed == "i4":
            return "bytes"
        form = self.forms.get(summed)
        if form is None:
            lanes, in_planes = lanes_of(self.level.table, summed), self.layout.in_planes(self.geometry.channels)
            together = self.depth if self.layout.images[3] > self.layout.images[2] else 0
            form = self.forms[summed] = direct.form(
                self.geometry, self.n_kernels, lanes, in_planes, together, lanes * int(summed[1:])
            )
        return form

    @cached_property
    def share_of_bytes(self) -> float:
        """What sums of 8-bit products in int32 take, as a share of the multiply-adds; infinite where there are none."""
        return direct.share_of_bytes(self)

    @cached_property
    def no_fill(self) -> Array:
        """The fill value 0 of every channel."""
        return np.zeros(self.geometry.groups * self.depth)

    def some(self, n_kernels: int, rows: tuple[int, int]) -> "Plan":
        """The plan of so many kernels, and of so many rows from the first one on, whose responses have these bits."""
        images, images_dtype, kernels, kernels_dtype = self.shapes
        axis, (_, n_columns) = self.layout.kernels[0], self.geometry.outputs
        if axis >= 0:
            kernels = (*kernels[:axis], n_kernels, *kernels[axis + 1 :])
        settings = self.settings._replace(roi=None, reduce=None)
        plan = Plan(settings, self.level, images, images_dtype, kernels, kernels_dtype)
        geometry, area = self.geometry._replace(n_kernels=n_kernels), (rows, (0, n_columns))
        if rows != (0, geometry.outputs[0]):
            geometry = geometry.part(area, True)._replace(whole=geometry.whole or geometry.axes)
        plan.area, plan.method = area, self.method
        plan.most_rank = self.most_rank
        plan.take_geometry(geometry)
        return plan

    def part(self, area: Span, at_hand: Span | None, largest: float | None = None) -> "Plan":
        """The plan of some rows and columns of the responses, which have these bits, of images with the pixels at hand.

        These are all that the part reaches, and may lie outside of the image, where its boundary says what they are.
        Responses are not reduced. `largest` is the largest magnitude of an image that has subnormal pixels.
        """
        plan, whole = copy.copy(self), self.geometry.whole or self.geometry.axes
        for name in ("multiply_adds", "effort"):
            plan.__dict__.pop(name, None)
        (top, _), (left, _) = self.area
        plan.area = ((top + area[0][0], area[0][1]), (left + area[1][0], area[1][1]))
        plan.take_geometry(self.geometry.part(area, True)._replace(whole=whole))
        plan.at_hand, plan.largest, plan.peaks, plan.reduction = at_hand, largest, None, None
        return plan

    def of_box(self, box: tuple[slice, slice], area: Span, n_kernels: int, dtype: np.dtype[Any]) -> "Plan":
        """The plan of some rows and columns of taps of so many kernels, of whose boxes the frequency domain adds up.

        It has some rows and columns of the responses, in that type.
        """
        plan = self.part(area, self.at_hand, self.largest)
        for name in ("blocks", "most_rank", "share_of_bytes", "reading", "without_roi"):
            plan.__dict__.pop(name, None)
        plan.types = self.types._replace(response=dtype)
        plan.take_geometry(plan.geometry.box(box)._replace(n_kernels=n_kernels))
        plan.sizes = self.sizes._replace(boxes=(1, 1), n_kernels=plan.n_kernels)
        section, cost = self.section
        plan.section = section, cost // prod(self.boxes)
        plan.boxes = 1, 1
        return plan

    @property
    def axes_at_hand(self) -> tuple[Axis, ...]:
        """The geometry's axes of the pixels at hand, as if these were all."""
        if self.at_hand is None:
            return self.geometry.axes
        return tuple(
            axis._replace(length=length, before=axis.before + first, behind=axis.reached - axis.before - first - length)
            for axis, (first, length) in zip(self.geometry.axes, self.at_hand, strict=True)
        )

    @cached_property
    def without_roi(self) -> "Plan":
        """The plan of all responses, as they are."""
        return Plan(self.settings._replace(roi=None, reduce=None), self.level, *self.shapes)

    def of_line(self, axis: int, length: int, n_kernels: int, dtype: str) -> "Plan":
        """The plan of a line of so many pixels without padding, stride and dilation, and of so many kernels."""
        key = axis, length, n_kernels, dtype
        plan = self.lines.get(key)
        if plan is None:
            images, images_dtype, kernels, kernels_dtype = self.shapes
            place, of_kernels = self.layout.images[1 + axis], self.layout.kernels[0]
            images = (*images[:place], length, *images[place + 1 :])
            if of_kernels >= 0:
                kernels = (*kernels[:of_kernels], n_kernels, *kernels[of_kernels + 1 :])
            settings = self.settings._replace(padding=((0, 0), (0, 0)), stride=(1, 1), dilation=(1, 1), roi=None)
            settings = settings._replace(method="fft", overflow="raise", reduce=None, dtype=dtype)
            plan = Plan(settings, self.level, images, images_dtype, kernels, kernels_dtype)
            if len(self.lines) >= LINES:
                self.lines.clear()
            self.lines[key] = plan
        return plan

    def check_it_fits(self) -> None:
        """MemoryError if the bank, or one row of responses, surely needs more workspace than a call may have."""
        if self.surely_fits:
            return
        packed = self.types.item * self.geometry.n_taps * self.geometry.n_kernels
        refuse_too_large("kernels", "packed kernels", packed)
        refuse_too_large("images", "index table for the padded columns", self.table_bytes, packed, "packed kernels")
        METHODS[self.method].check(self, packed + self.table_bytes)
        self.surely_fits = True

    def response_shape(self, n_images: int) -> tuple[int, ...]:
        """The response's shape for that many images."""
        shape = self.one_response if self.layout.response[0] < 0 else (n_images, *self.one_response[1:])
        if n_images * self.response_bytes > sys.maxsize:
            checked(n_images * self.response_bytes, "images", f"the bytes of a response of shape {shape}")
        return shape

    @cached_property
    def reading(self) -> Reading:
        """How kernels and bias become real kernels."""
        layout, geometry = self.layout, self.geometry
        conjugate, flip = self.settings.conjugate, self.settings.flip
        no_bias = np.zeros((geometry.groups, self.n_kernels), object if self.types.exact else self.types.sums)
        return Reading(layout.kernels, layout.each_channel, geometry.n_kernels, self.types, conjugate, flip, no_bias)

    def engine(self, summed: str, form: str = "") -> Engine:
        """The loops' constants for sums of that type ("f4", "f8"), by the plan's method or a form of the direct one."""
        engine = self.engines.get((summed, form))
        if engine is None:
            loops = {"form": form, "blocks": self.blocks} if form else METHODS[self.method].loops(self, summed)
            engine = self.make_engine(summed, self.geometry.groups, self.n_kernels, self.all_taps, **loops)
            self.engines[summed, form] = engine
        return engine

    def interleaved_engine(self, summed: str) -> Engine:
        """The direct method's where one kernel is for all channels, which are columns."""
        key = summed, "interleaved"
        engine = self.engines.get(key)
        if engine is None:
            own = self.make_engine(summed, 1, 1, self.all_taps, "columns", self.blocks, interleaved=True)
            engine = self.engines[key] = own
        return engine

    @property
    def all_taps(self) -> tuple[slice, ...]:
        """The box of all rows and columns of taps."""
        return tuple(slice(0, length) for length in self.geometry.kernel_shape)

    def engine_of_some(self, summed: str, n_kernels: int, box: tuple[slice, ...], form: str = "columns") -> Engine:
        """The engine of some kernels of one group, and of some rows and columns of their taps."""
        if form == "winograd":
            return self.make_engine(summed, 1, n_kernels, box, **METHODS[form].loops(self, summed))
        key = summed, form, n_kernels, *((part.start, part.stop) for part in box)
        engine = self.engines.get(key)
        if engine is None:
            height, width = (part.stop - part.start for part in box)
            engine = self.make_engine(summed, 1, n_kernels, box, form, sum_blocks(height, width * self.depth))
            if len(self.engines) < MOST_ENGINES:
                self.engines[key] = engine
        return engine

    def make_engine(
        self,
        summed: str,
        groups: int,
        n_kernels: int,
        box: tuple[slice, ...],
        form: str,
        blocks: tuple[int, int, bool],
        section: tuple[int, ...] | None = None,
        rounded: bool = False,
        axes: tuple[tuple[int, ...], ...] | None = None,
        clip: Span | None = None,
        interleaved: bool = False,
    ) -> Engine:
        """An engine of a box of the kernels' taps: its responses lie where those of all taps do.

        With `axes` of its own it is of another image that has the same taps in the same order, or of more responses,
        of which those at `clip` are stored. One that is `interleaved` has a kernel for each channel by itself.
        """
        axes = axes or tuple(
            axis.of_taps(part.start, part.stop) for axis, part in zip(self.geometry.axes, box, strict=True)
        )
        if self.at_hand is not None:
            axes = tuple(
                (length, taps, before + first, *rest)
                for (_, taps, before, *rest), (first, length) in zip(axes, self.at_hand, strict=True)
            )
        counts = self.depth, groups, n_kernels
        boundary, signed = self.settings.boundary, signs_of(self.types) if form == "bytes" else None
        together = self.geometry.groups if interleaved else 1
        return Engine(
            self.level.table, axes, counts, blocks, summed, form, boundary, section, rounded, signed, clip, together
        )


def part_of(geometry: Geometry, settings: Settings) -> tuple[Span, Geometry]:
    """The rows and columns of a response by the keyword `roi`, and their geometry; the whole's where there are none.

    A method that is asked for gives the bits that it gives the whole response.
    """
    n_rows, n_columns = geometry.outputs
    if settings.roi is None:
        return ((0, n_rows), (0, n_columns)), geometry
    area = places_of(settings.roi[0], n_rows), places_of(settings.roi[1], n_columns)
    if 0 in (area[0][1], area[1][1]):
        return area, geometry
    return area, geometry.part(area, settings.method != "auto")


def plan_for(
    settings: Settings,
    images_shape: tuple[int, ...],
    images_dtype: np.dtype[Any],
    kernels_shape: tuple[int, ...],
    kernels_dtype: np.dtype[Any],
) -> Plan:
    """The plan of these shapes, types and keywords; made, or found in the cache. It serves any number of images."""
    level = _dispatch.current()
    if settings.pairwise:
        kernels_shape = of_one_image(settings.layout, images_shape, kernels_shape)
    image = images_shape
    if len(image) == len(settings.layout or "NHWC"):
        image = (1, *image[1:])
    key = (settings, level, image, images_dtype.str, kernels_shape, kernels_dtype.str)
    plan: Plan | None = _cache.plans.find(key)
    if plan is None:
        plan = Plan(settings, level, images_shape, images_dtype, kernels_shape, kernels_dtype)
        if plan.is_small:
            _cache.plans.keep(key, plan)
    return plan
