"""Plans: everything that can be prepared before the arrays come, and the cache of those made before."""

import functools
import os
import sys
from collections import OrderedDict
from collections.abc import Hashable
from math import prod
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from xcorr import _dispatch, _fft, _method, _winograd, _workers
from xcorr._arrays import check_out, take_fill
from xcorr._bank import Bank, make_bank
from xcorr._dtypes import choose_types, read_dtype
from xcorr._engine import Engine, Repeat, lanes_of
from xcorr._foreign import shown
from xcorr._geometry import (
    Geometry,
    Layout,
    Padding,
    arranged,
    checked,
    groups_of,
    make_geometry,
    operand_sizes,
    read_boundary,
    read_layout,
    read_layout_word,
    read_overflow,
    read_padding,
    read_pair,
    reading_of,
    sum_blocks,
    whole_number,
)
from xcorr._job import Job
from xcorr._threads import RLock
from xcorr._workers import refuse_too_large

CACHED_PLANS = 256
LARGEST_CACHED = 2**16
"""Columns that the windows of a cached plan reach: its tables take that many numbers."""

LARGEST_KEPT_BANK = 4096
"""Bytes of the kernels that a plan keeps packed for the next call, which then has only to compare them."""

PLAIN = frozenset((str, int, bool, type(None)))
"""Types of keywords whose equal values are the same, where their types are."""

SCALARS = frozenset((bool, int, float, complex, *(np.dtype(character).type for character in np.typecodes["All"])))
"""Classes that are a dtype's name. What others mean may change: NumPy asks them for their `dtype`."""

Array = npt.NDArray[Any]


class Settings(NamedTuple):
    """The keywords of a call, read and in one form each."""

    layout: str | None
    padding: Padding
    boundary: tuple[str, str]
    stride: tuple[int, int]
    dilation: tuple[int, int]
    groups: int
    conjugate: bool
    flip: bool
    method: str
    precision: str
    overflow: str
    dtype: str | None


def read_settings(
    layout: Any,
    padding: Any,
    boundary: Any,
    stride: Any,
    dilation: Any,
    groups: Any,
    conjugate: Any,
    flip: bool,
    method: Any,
    precision: Any,
    overflow: Any = "raise",
    dtype: Any = None,
) -> Settings:
    """Every keyword checked by itself; what needs the shapes is checked when the plan is made.

    With `flip` the kernels are turned around for a convolution, which never conjugates.
    """
    words = (layout, padding, boundary, stride, dilation, groups, conjugate, flip, method, precision, overflow, dtype)
    for word in words:
        if type(word) not in PLAIN and not names_dtype(word):
            return settings_of.__wrapped__(*words)
    return settings_of(*words)


def names_dtype(word: Any) -> bool:
    """Whether it is a class that means one dtype for ever."""
    return type(word) is type and word in SCALARS


@functools.lru_cache(maxsize=1024, typed=True)
def settings_of(
    layout: Any,
    padding: Any,
    boundary: Any,
    stride: Any,
    dilation: Any,
    groups: Any,
    conjugate: Any,
    flip: bool,
    method: Any,
    precision: Any,
    overflow: Any,
    dtype: Any,
) -> Settings:
    """`read_settings` without the words that are equal to others of another type, as (1, 1) and (True, 1.0) are."""
    if not isinstance(conjugate, (bool, np.bool_)):
        raise TypeError(f"conjugate: got {shown(conjugate)}; allowed are True and False")
    layout = read_layout_word(layout)
    method, precision = _method.check_words(method, precision)
    return Settings(
        layout,
        read_padding(padding),
        read_boundary(boundary),
        read_pair(stride, "stride"),
        read_pair(dilation, "dilation"),
        whole_number(groups, "groups", 1, "an integer >= 1"),
        bool(conjugate) and not flip,
        flip,
        method,
        precision,
        read_overflow(overflow),
        None if dtype is None else read_dtype(dtype).str,
    )


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
        self.method = _method.choose(self.geometry, self.types, settings.method, settings.precision)
        self.parts = 2 if self.types.is_complex else 1
        self.depth = self.geometry.channels // self.geometry.groups * (2 if self.types.images.kind == "c" else 1)
        self.n_kernels = self.geometry.n_kernels // self.geometry.groups * self.parts
        sizes = (1, self.geometry.rows, self.geometry.columns, self.geometry.n_kernels)
        self.one_response = arranged(sizes, self.layout.response)
        self.response_bytes = prod(sizes) * self.types.response.itemsize
        self.engines: dict[tuple[str, str], Engine] = {}
        self.surely_fits = False
        self.small_bank: tuple[bytes, Bank] | None = None
        reached = (self.geometry.columns - 1) * self.geometry.column_stride + 1
        self.reached_columns = reached + (self.geometry.kernel_width - 1) * self.geometry.column_dilation
        self.table_bytes = 8 * self.reached_columns
        self.is_small = self.reached_columns <= LARGEST_CACHED

    @functools.cached_property
    def work(self) -> int:
        """Multiply-adds of one image, as many as take the time of the direct method's at its best."""
        if self.method == "fft":
            return self.tile[1]
        work = self.geometry.work * self.parts
        if self.method == "winograd":
            return work * 16 // 36  # for each of a 3x3 kernel's 2x2 responses
        if self.method == "direct" and self.form(self.types.summed) == "channels":
            return work * 2  # each waits for a load of its own
        return work

    @functools.cached_property
    def sizes(self) -> _fft.Sizes:
        """What the frequency domain's tile depends on."""
        return _fft.sizes_of(self.geometry, self.types)

    @functools.cached_property
    def tile(self) -> tuple[_fft.Tile, int]:
        """The frequency domain's tile and what it costs; MemoryError if there is none."""
        tile, cost = _fft.cheapest(self.sizes)
        spans, longest = (self.sizes.row_span, self.sizes.column_span), _fft.SIZES[-1]
        if tile is None and max(spans) > longest:
            raise MemoryError(
                f"method: 'fft' transforms tiles of at most {longest}x{longest} pixels; the kernels span "
                f"{spans[0]}x{spans[1]}; allowed are kernels that fit a tile, and other methods"
            )
        if tile is None:
            raise MemoryError(
                f"method: 'fft' would need {_fft.least_bytes(self.sizes)} bytes of spectra and of workspace; "
                f"at most {_workers.WORKSPACE_LIMIT} are allowed"
            )
        return tile, cost

    def form(self, summed: str) -> str:
        """What the direct method's lanes run over."""
        return _method.form(self.geometry, self.n_kernels, lanes_of(self.level.table, summed))

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

    def bank(self, kernels: Array, bias: Any) -> Bank:
        """The bank of these kernels; a small one is the plan's last if its bytes are the same."""
        if bias is not None or self.method == "fft" or not 0 < kernels.nbytes <= LARGEST_KEPT_BANK:
            return make_bank(kernels, bias, self)
        found, content = self.small_bank, kernels.tobytes()
        if found is None or found[0] != content:
            own = np.frombuffer(content, kernels.dtype).reshape(kernels.shape)
            found = self.small_bank = content, make_bank(own, None, self)
        return found[1]

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
            geometry = self.geometry
            form, blocks = "kernels", sum_blocks(geometry.kernel_height, geometry.kernel_width * self.depth)
            if method == "direct":
                form = self.form(summed)
            elif method == "winograd":
                form, blocks = "winograd", _winograd.sum_blocks(self.depth)
            elif method == "fft":
                form = "fft"
            sizes = (
                *(geometry.height, geometry.width, self.depth, geometry.groups, self.n_kernels),
                *(geometry.kernel_height, geometry.kernel_width, geometry.top, geometry.left),
                *(geometry.row_stride, geometry.column_stride, geometry.row_dilation, geometry.column_dilation),
                *(geometry.rows, geometry.columns),
                *blocks,
            )
            tile = tuple(self.tile[0]) if method == "fft" else None
            rounded = method == "fft" and self.types.exact
            engine = Engine(self.level.table, sizes, summed, form, self.settings.boundary, tile, rounded)
            self.engines[summed, method] = engine
        return engine

    def region(self, summed: str, rows: slice, columns: slice) -> Engine:
        """The direct engine of some rows and columns of the response; its panels are those of the whole."""
        geometry = self.geometry
        sizes = (
            *(geometry.height, geometry.width, self.depth, geometry.groups, self.n_kernels),
            *(geometry.kernel_height, geometry.kernel_width),
            *(geometry.top - rows.start * geometry.row_stride, geometry.left - columns.start * geometry.column_stride),
            *(geometry.row_stride, geometry.column_stride, geometry.row_dilation, geometry.column_dilation),
            *(rows.stop - rows.start, columns.stop - columns.start),
            *sum_blocks(geometry.kernel_height, geometry.kernel_width * self.depth),
        )
        return Engine(self.level.table, sizes, summed, self.form(summed), self.settings.boundary)

    def run(
        self, images: Array, bank: Bank, fill_value: Any, out: Any, workers: Any, repeats: list[Repeat] | None = None
    ) -> Array:
        """The response of `images`, which have this plan's shape but for their number.

        A small call that can be repeated as it is comes first in `repeats`, in front of at most three others.
        """
        n_images = images.shape[self.layout.images[0]] if self.layout.images[0] >= 0 else 1
        shape = self.response_shape(n_images)
        fill = take_fill(fill_value, self.types.images, self.settings.boundary, self.geometry.channels)
        if workers is not None:
            workers = _workers.count_workers(workers)
        target, _held = (None, []) if out is None else check_out(out, shape, self.types.response)
        if 0 in shape:
            return np.empty(shape, self.types.response) if out is None else out
        job = Job(self, images, bank, fill, workers)
        result = job.respond(shape, target)
        if target is not None:
            returned: Array = out
            return returned
        if repeats is not None and job.call_done is not None and job.is_small:
            repeats[:] = [Repeat(job.call_done, images, result), *repeats[:3]]
        return result


# --- the cache --------------------------------------------------------------------------------------------------------

_plans: OrderedDict[Hashable, Plan] = OrderedDict()
_plans_lock = RLock()


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
    with _plans_lock:
        plan = _plans.get(key)
        if plan is not None:
            _plans.move_to_end(key)
            return plan
    plan = Plan(settings, level, images_shape, images_dtype, kernels_shape, kernels_dtype)
    with _plans_lock:
        if plan.is_small:
            _plans[key] = plan
        while len(_plans) > CACHED_PLANS:
            _plans.popitem(last=False)
    return plan


def _forget_plans() -> None:
    """Makes a lock for a forked child: the old one may be held by a thread that did not come along."""
    global _plans_lock
    _plans_lock = RLock()
    _plans.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_plans)
