"""Plans: everything that follows from sizes, types and keywords before the arrays come."""

import functools
import sys
from math import prod
from typing import Any

import numpy as np
import numpy.typing as npt

from xcorr import _cache, _dispatch
from xcorr._axes import Geometry, make_geometry, sum_blocks
from xcorr._dtypes import choose_types
from xcorr._engine import Engine, lanes_of
from xcorr._layouts import Layout, arranged, groups_of, operand_sizes, read_layout, reading_of
from xcorr._methods import direct, fft
from xcorr._methods.choice import METHODS, choose
from xcorr._reading import checked
from xcorr._settings import Settings
from xcorr._workers import refuse_too_large

LARGEST_CACHED = 2**16
"""Columns that the windows of a cached plan reach: its tables take that many numbers."""

Array = npt.NDArray[Any]


class Plan:
    """One geometry with its types and method; shared by threads, holds no arrays."""

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
        self.geometry: Geometry = make_geometry(
            image,
            bank,
            padding=settings.padding,
            stride=settings.stride,
            dilation=settings.dilation,
            groups=groups_of(self.layout, image[2], settings.groups),
            reading=reading_of(images_shape, kernels_shape, self.layout, settings.groups),
        )
        self.method = choose(self.geometry, self.types, settings.method, settings.precision)
        self.parts = self.types.parts
        self.depth = self.geometry.channels // self.geometry.groups * (2 if self.types.images.kind == "c" else 1)
        self.n_kernels = self.geometry.n_kernels // self.geometry.groups * self.parts
        sizes = (1, self.geometry.rows, self.geometry.columns, self.geometry.n_kernels)
        self.one_response = arranged(sizes, self.layout.response)
        self.response_bytes = prod(sizes) * self.types.response.itemsize
        self.engines: dict[tuple[str, str], Engine] = {}
        self.surely_fits = False
        self.reached_columns = self.geometry.axes[-1].reached
        self.table_bytes = 8 * self.reached_columns
        self.is_small = self.reached_columns <= LARGEST_CACHED

    @functools.cached_property
    def multiply_adds(self) -> int:
        """Multiply-adds of one image, in real numbers."""
        return self.geometry.multiply_adds * self.parts

    @functools.cached_property
    def effort(self) -> int:
        """The time of one image, as a number of multiply-adds of the direct method at its best."""
        effort: int = METHODS[self.method].effort(self)
        return effort

    @functools.cached_property
    def blocks(self) -> tuple[int, int, bool]:
        """How the sum over taps is cut, whatever the method."""
        height, width = self.geometry.kernel_shape
        return sum_blocks(height, width * self.depth)

    @functools.cached_property
    def sizes(self) -> fft.Sizes:
        """What the frequency domain's tile depends on."""
        return fft.sizes_of(self.geometry, self.types)

    @functools.cached_property
    def tile(self) -> tuple[fft.Tile, int]:
        """The frequency domain's tile and what it costs; MemoryError if there is none."""
        return fft.taken_tile(self.sizes)

    def form(self, summed: str) -> str:
        """What the direct method's lanes run over."""
        return direct.form(self.geometry, self.n_kernels, lanes_of(self.level.table, summed))

    @functools.cached_property
    def no_bias(self) -> Array:
        """The bias of calls without one, in real elements."""
        return np.zeros((self.geometry.groups, self.n_kernels), dtype=object if self.types.exact else self.types.work)

    @functools.cached_property
    def no_fill(self) -> Array:
        """The fill value 0 of every channel."""
        return np.zeros(self.geometry.groups * self.depth)

    def check_it_fits(self) -> None:
        """MemoryError if the bank, or one row of responses, surely needs more workspace than a call may have."""
        if self.surely_fits:
            return
        geometry = self.geometry
        item = 8 if self.types.work == np.float64 else 4
        packed = item * geometry.n_taps * geometry.n_kernels
        refuse_too_large("kernels", "packed kernels", packed)
        refuse_too_large("images", "index table for the padded columns", self.table_bytes, packed, "packed kernels")
        if self.method == "fft":
            self.tile  # noqa: B018 # raises
        elif self.method != "direct" or geometry.top or geometry.bottom or geometry.left or geometry.right:
            span = (geometry.kernel_height - 1) * geometry.row_dilation + 1
            n_bytes = item * span * self.reached_columns * self.depth
            others = packed + self.table_bytes
            refuse_too_large("images", "workspace for one row of responses", n_bytes, others, "kernels and tables")
        self.surely_fits = True

    def response_shape(self, n_images: int) -> tuple[int, ...]:
        """The response's shape for that many images."""
        shape = self.one_response if self.layout.response[0] < 0 else (n_images, *self.one_response[1:])
        if n_images * self.response_bytes > sys.maxsize:
            checked(n_images * self.response_bytes, "images", f"the bytes of a response of shape {shape}")
        return shape

    def engine(self, summed: str, method: str | None = None) -> Engine:
        """The loops' constants for sums of that type ("f4", "f8"), by the plan's method or another one."""
        method = method or self.method
        engine = self.engines.get((summed, method))
        if engine is None:
            first, outputs = (axis.before for axis in self.geometry.axes), self.geometry.outputs
            loops = METHODS[method].loops(self, summed)
            engine = self.engines[summed, method] = self.engine_of(summed, tuple(first), outputs, **loops)
        return engine

    def region(self, summed: str, rows: slice, columns: slice) -> Engine:
        """The direct engine of some rows and columns of the response; its panels are those of the whole."""
        chosen = tuple(zip(self.geometry.axes, (rows, columns), strict=True))
        first = tuple(axis.before - part.start * axis.stride for axis, part in chosen)
        outputs = tuple(part.stop - part.start for _, part in chosen)
        return self.engine_of(summed, first, outputs, **direct.loops(self, summed))

    def engine_of(
        self,
        summed: str,
        before: tuple[int, ...],
        outputs: tuple[int, ...],
        form: str,
        blocks: tuple[int, int, bool],
        tile: tuple[int, ...] | None = None,
        rounded: bool = False,
    ) -> Engine:
        """An engine of so many outputs, the first of which lies `before` pixels in front of the image."""
        axes = self.geometry.axes
        sizes = (
            *(axis.length for axis in axes),
            *(self.depth, self.geometry.groups, self.n_kernels),
            *self.geometry.kernel_shape,
            *before,
            *(axis.stride for axis in axes),
            *(axis.dilation for axis in axes),
            *outputs,
            *blocks,
        )
        return Engine(self.level.table, sizes, summed, form, self.settings.boundary, tile, rounded)


def plan_for(
    settings: Settings,
    images_shape: tuple[int, ...],
    images_dtype: np.dtype[Any],
    kernels_shape: tuple[int, ...],
    kernels_dtype: np.dtype[Any],
) -> Plan:
    """The plan of these shapes, types and keywords; made, or found in the cache. It serves any number of images."""
    level = _dispatch.current()
    image = images_shape
    if len(image) == 4 or (len(image) == 3 and settings.layout == "NHW"):
        image = (1, *image[1:])
    key = (settings, level.name, image, images_dtype.str, kernels_shape, kernels_dtype.str)
    plan: Plan | None = _cache.plans.find(key)
    if plan is None:
        plan = Plan(settings, level, images_shape, images_dtype, kernels_shape, kernels_dtype)
        if plan.is_small:
            _cache.plans.keep(key, plan)
    return plan
