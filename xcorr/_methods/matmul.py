"""The matmul method: kernels of one pixel, and windows times a large bank as it lies in memory.

Kernels of one pixel are a product of matrices. The direct method's loops do it, with longer blocks than its own, which
are as short as its bound wants them: to end one every 16 taps, of 64, is a twentieth to a fifth of the time.

Kernels are not packed: a product reads each once for all windows, which are gathered where they are no view, of several
images together. A window's sums have the same bits wherever it stands in a product, and so whatever the batch, the bank
and the workers.
"""

from math import prod
from typing import Any

import numpy as np
import numpy.typing as npt

from xcorr import _workers
from xcorr._arrays import in_order
from xcorr._axes import Axis, Geometry
from xcorr._bank import is_plain_number
from xcorr._dtypes import Types
from xcorr._engine import Reducer, multiply
from xcorr._memory import empty_lines
from xcorr._methods import direct
from xcorr._methods.asked import Array, Done, Job, Limits, Plan
from xcorr._workers import refuse_too_large

BOUND = "componentwise"
LARGEST_KEPT_BANK, WORKERS_LIMIT = 4096, direct.WORKERS_LIMIT

LARGE_BANK = 2**18
"""Taps of a bank from which on its kernels are better read where they lie than packed, for few windows.

The number of images may not decide. Of 2**17 to 3 * 2**20 taps, raw banks take 0.15 to 0.5 of direct's time with up to
4 images, 0.45 to 0.65 with 16, 0.8 to 1.1 with 64, 1.15 to 1.4 with 256; prepared ones 1.2 to 1.6 times with 16 images
and more, and with up to 4 images 6 times at 2**17 taps, 2.3 at 2**19, 1.4 at 3 * 2**20. 2026-11-26, AMD EPYC (Zen 5),
level v4, 1 worker, both methods forced, as benchmarks/crossover.py does for fewer sizes.
"""

LONGEST_SUM = 2**16
"""Taps of a sum above which the direct method does the job, which carries the rounding errors of its totals along."""

SHORTEST_SUM = 64
"""Taps of a sum below which adding up the lanes takes too large a part."""

MOST_WINDOWS = 4
"""Windows of an image that a large bank is multiplied with; images of one pixel or window have one."""

FEWEST_TAPS, LONGEST_OF_PIXEL = 10, 2**14
"""Taps of kernels of one pixel from which on the direct method's blocks are several, and up to which tiles do them."""

LONG_BLOCK = 256
"""Taps of their blocks: of one block of 64 or 256 taps they take 0.8 to 1.0 of the time of the direct method's.

2026-11-28, Intel Xeon (Emerald Rapids), level v4, 1 worker, both in turn.
"""

KERNELS_AT_ONCE = 128
"""Kernels of which the responses of gathered windows are there at once."""

SLAB_BYTES = 2**19
"""Bytes of the windows of one product, which stay in the second-level cache while kernels pass by."""


def obstacle(geometry: Geometry, types: Types) -> str:
    """None."""
    return ""


def doubt(geometry: Geometry, types: Types) -> str:
    """Small banks, many windows, or windows that have to be gathered; but for kernels of one pixel."""
    if by_tiles(geometry, types):
        return ""
    if gathers(geometry, types):
        return "windows would have to be gathered, or converted"
    if prod(geometry.outputs) > MOST_WINDOWS:
        return f"it is for {MOST_WINDOWS} windows of an image and fewer"
    if geometry.n_taps < SHORTEST_SUM or geometry.n_taps * geometry.n_kernels < LARGE_BANK:
        return f"it is for banks of {LARGE_BANK} taps and more, {SHORTEST_SUM} in a sum"
    return ""


def by_tiles(geometry: Geometry, types: Types) -> bool:
    """Whether the direct method's loops do it: kernels of one pixel, but for the few windows of fully connected layers.

    Neither the bank nor the part of an image that is asked for decides, so that a response has the same bits in any.
    """
    of_pixel = geometry.kernel_shape == (1, 1) and not types.exact
    several_blocks = FEWEST_TAPS <= geometry.depth * types.parts <= LONGEST_OF_PIXEL
    return of_pixel and several_blocks and prod(axis.length for axis in geometry.axes) > MOST_WINDOWS


def gathers(geometry: Geometry, types: Types) -> bool:
    """Whether windows are neither a whole image each nor its pixels, or of another type than sums and responses."""
    if types.exact or types.is_complex or types.stored != types.sums or geometry.groups > 1:
        return True
    whole, pointwise = (all(map(fits, geometry.axes)) for fits in (is_whole, is_pointwise))
    return not (whole or pointwise)


def is_whole(axis: Axis) -> bool:
    """Whether a kernel covers the axis."""
    return axis.outputs == 1 and axis.kernel == axis.length and axis.dilation == 1 and axis.before == 0


def is_pointwise(axis: Axis) -> bool:
    """Whether each window has one pixel of the axis, and each pixel a window."""
    return axis.kernel == axis.stride == 1 and axis.outputs == axis.length and axis.before == 0


def cost(geometry: Geometry, types: Types) -> int:
    """The multiply-adds of one image's responses; half of them where it is looked at, as nothing is packed."""
    multiply_adds = geometry.multiply_adds * types.parts
    if by_tiles(geometry, types):
        return multiply_adds
    return multiply_adds if doubt(geometry, types) else multiply_adds // 2


def effort(plan: Plan) -> int:
    """Twice the multiply-adds: few windows wait for their taps from memory."""
    if plan.is_by_tiles:
        return direct.effort(plan)
    return 2 * plan.multiply_adds


def loops(plan: Plan, summed: str) -> dict[str, Any]:
    """Tiles with long blocks; or loops that only lay pixels into strips and store responses."""
    if plan.is_by_tiles:
        strict = plan.settings.precision == "strict"  # and asked for by name
        return {
            "form": plan.form(summed),
            "blocks": plan.blocks if strict else (1, -(-plan.depth // LONG_BLOCK), False),
        }
    return direct.loops(plan, summed) if is_long(plan) else {"form": "kernels", "blocks": plan.blocks}


def is_long(plan: Plan) -> bool:
    """Whether sums have so many taps that they are done directly."""
    return plan.geometry.n_taps > LONGEST_SUM


def check(plan: Plan, packed: int) -> None:
    """The rows of a strip, where images are not read in place."""
    if plan.is_by_tiles:
        direct.check(plan, packed)
    elif gathers(plan.geometry, plan.types):
        direct.check_rows(plan, packed)


def n_bytes(job: Job, result: Array, summed: str, n_workers: int) -> tuple[int, int]:
    """The bytes of kernels that have to be converted, and of the workspaces of gathered windows, at most."""
    plan, item_bytes = job.plan, np.dtype(summed).itemsize
    if is_long(plan) or plan.is_by_tiles:
        return direct.n_bytes(job, result, summed, n_workers)
    if not gathers(plan.geometry, plan.types):
        return 0, 0
    slabs = Slabs(plan.geometry, plan.depth, item_bytes)
    kernels = item_bytes * slabs.n_taps * plan.n_kernels * plan.geometry.groups
    return kernels, slabs.workspace_bytes * workers_for(slabs, kernels, n_workers)


def reasons(plan: Plan) -> list[str]:
    """How it goes."""
    if plan.is_by_tiles:
        return [f"kernels of one pixel, in blocks of {LONG_BLOCK} taps", *direct.reasons(plan)]
    if is_long(plan):
        return [f"sums of more than {LONGEST_SUM} taps are done directly"]
    gathered = "gathered and " if gathers(plan.geometry, plan.types) else ""
    return [f"windows are {gathered}multiplied with the kernels where they lie"]


class Slabs:
    """How one image's positions are cut into pieces of one shape; the last row and column of slabs overlap.

    A product takes those of several images, where one has few positions.
    """

    def __init__(self, geometry: Geometry, depth: int, item_bytes: int) -> None:
        self.geometry = geometry
        self.depth = depth
        self.down, self.across = geometry.axes
        self.n_taps = self.down.kernel * self.across.kernel * depth
        positions = max(1, SLAB_BYTES // ((self.n_taps + KERNELS_AT_ONCE) * item_bytes))
        self.columns = min(self.across.outputs, positions)
        self.rows = min(self.down.outputs, max(1, positions // self.columns))
        self.strip_rows, self.strip_columns = self.down.reach(self.rows), self.across.reached
        self.item_bytes = item_bytes
        self.n_positions = self.rows * self.columns
        self.at_once = max(1, positions // self.n_positions) if self.columns == self.across.outputs else 1
        self.strip_elements = self.strip_rows * self.strip_columns * depth
        self.workspace_bytes = item_bytes * (
            self.strip_elements + self.at_once * self.n_positions * (self.n_taps + KERNELS_AT_ONCE)
        )

    def first_rows(self) -> list[int]:
        return starts(self.down.outputs, self.rows)

    def first_columns(self) -> list[int]:
        return starts(self.across.outputs, self.columns)

    def new(self, first_row: int, first_column: int) -> tuple[int, int]:
        """The first row and column of a slab that the one before has not: the last one may lie over it."""
        return -first_row % self.rows, -first_column % self.columns

    def windows(self, strip: npt.NDArray[Any], first_column: int) -> npt.NDArray[Any]:
        """A slab's windows (rows, columns, kernel rows, kernel columns, channels) as a view of the strip."""
        down, across, item = self.down, self.across, self.item_bytes
        column, row = self.depth * item, self.strip_columns * self.depth * item
        return np.ndarray(
            (self.rows, self.columns, down.kernel, across.kernel, self.depth),
            strip.dtype,
            strip,
            first_column * across.stride * column,
            (
                down.stride * row if self.rows > 1 else 0,
                across.stride * column if self.columns > 1 else 0,
                down.dilation * row if down.kernel > 1 else 0,
                across.dilation * column if across.kernel > 1 else 0,
                item,
            ),
        )

    def gather(self, strip: npt.NDArray[Any], first_column: int, gathered: npt.NDArray[Any], turned: bool) -> None:
        """A slab's windows (positions, taps), their channels last or `turned`, channels first."""
        windows = self.windows(strip, first_column)
        windows = windows.transpose(0, 1, 4, 2, 3) if turned else windows
        gathered.reshape(windows.shape)[...] = windows


def starts(length: int, block: int) -> list[int]:
    """The beginnings of slabs that cover `length`; the last slab ends there and may lie over the one before."""
    return [min(first, length - block) for first in range(0, length, block)]


# --- the run ----------------------------------------------------------------------------------------------------------


def run(job: Job, result: Array, summed: str, limits: Limits | None) -> bool:
    """All responses; false if one is outside of the limits, or no number."""
    if is_long(job.plan):
        return direct.run(job, result, summed, limits)
    if job.plan.is_by_tiles:
        return direct.run_engine(job, job.plan.engine(summed), result, limits)
    dtype = np.dtype(summed)
    first = channels_first(job.plan)
    if by_products(job, result, limits, summed):
        engine = job.plan.engine(summed, "products")
        call = job.run(engine, result)
        if not job.bank.row_bytes(dtype, first):
            job.call_done = Done(call, engine, None)
        return True
    slabs = Slabs(job.plan.geometry, job.plan.depth, dtype.itemsize)
    kernels = job.bank.row_bytes(dtype, first)
    refuse_too_large("images", "workspace", slabs.workspace_bytes, kernels, "converted kernels")
    rows, bias = job.bank.rows(dtype, first, job.most_workers)
    n_workers = workers_for(slabs, kernels, job.n_workers)
    job.bank.make_room(slabs.workspace_bytes * n_workers, job.bank.rows_key(dtype, first))
    call = job.call(job.plan.engine(summed), result, (rows, bias), limits=limits, n_workers=1)
    multiply_slabs(job, call, result, slabs, rows, bias, n_workers)
    return not call.overflowed


def run_exactly(job: Job, result: Array, summed: str, limits: Limits | None, bound: int) -> bool:
    """All responses, which are whole numbers of at most that magnitude and exact in sums of the type."""
    return run(job, result, summed, limits)


def channels_first(plan: Plan) -> bool:
    """Whether the sum goes over channels first, as the taps of the layout lie."""
    _, _, column, channel = plan.layout.kernels  # which follow a row, where there is one
    return 0 <= channel < column


def workers_for(slabs: Slabs, kernels: int, n_workers: int) -> int:
    """The workers that there is workspace for, beside so many bytes of kernels."""
    return max(1, min(n_workers, (_workers.WORKSPACE_LIMIT - kernels) // slabs.workspace_bytes))


def by_products(job: Job, result: Any, limits: Limits | None, summed: str) -> bool:
    """Whether nothing is gathered, and responses go nowhere but to the result."""
    alone = limits is None and job.scaling is None and not isinstance(result, Reducer)
    plan = job.plan
    return alone and not is_long(plan) and not plan.is_by_tiles and multiplies_in_place(job, result, np.dtype(summed))


def multiplies_in_place(job: Job, result: Array, summed: np.dtype[Any]) -> bool:
    """Whether the windows of all images, and their responses, are products' where they lie, as the layout says."""
    if gathers(job.plan.geometry, job.plan.types) or not (
        is_plain_number(job.images, summed) and is_plain_number(result, summed)
    ):
        return False
    if prod(job.plan.geometry.outputs) == 1:
        image = job.images[0] if job.plan.layout.images[0] >= 0 else job.images
        return bool(image.flags.c_contiguous)
    responses = in_order(result, job.plan.layout.response)
    return bool(job.images.flags.c_contiguous and responses.flags.c_contiguous) and not channels_first(job.plan)


def multiply_slabs(job: Job, call: Any, result: Any, slabs: Slabs, rows: Array, bias: Array, n_workers: int) -> None:
    """Every response of the batch: some slabs of a group's windows are gathered and multiplied with all kernels."""
    (n_groups, n_kernels, n_taps), dtype = rows.shape, rows.dtype
    first_rows, first_columns = slabs.first_rows(), slabs.first_columns()
    n_units = job.n_images * len(first_rows)
    n_tasks = -(-n_units // slabs.at_once)
    turned, at_once = channels_first(job.plan), isinstance(result, Reducer) and result.in_order

    def do(task: int) -> None:
        for group in range(n_groups) if at_once else (task // n_tasks,):
            do_group(task % n_tasks, group)

    def do_group(index: int, group: int) -> None:
        units = range(index * slabs.at_once, min((index + 1) * slabs.at_once, n_units))
        places = [(unit // len(first_rows), first_rows[unit % len(first_rows)]) for unit in units]
        memory = empty_lines(slabs.workspace_bytes).view(dtype)
        strip, memory = memory[: slabs.strip_elements], memory[slabs.strip_elements :]
        n_windows = len(places) * slabs.n_positions
        windows = memory[: n_windows * n_taps].reshape(n_windows, n_taps)
        for first_column in first_columns:
            for number, (image, first_row) in enumerate(places):
                if first_column == first_columns[0]:
                    stage(call, slabs, strip, image, group, first_row)
                own = windows[number * slabs.n_positions : (number + 1) * slabs.n_positions]
                slabs.gather(strip, first_column, own, turned)
            for first in range(0, n_kernels, KERNELS_AT_ONCE):
                some = slice(first, min(first + KERNELS_AT_ONCE, n_kernels))
                own_bias, n_some = bias[group, some], some.stop - first
                responses = memory[windows.size : windows.size + n_windows * n_some].reshape(n_windows, n_some)
                multiply(job.plan.level.table, dtype.str[1:], windows, rows[group, some], own_bias, responses)
                shape = len(places), slabs.rows, slabs.columns, n_some
                for (image, first_row), done in zip(places, responses.reshape(shape), strict=True):
                    row, column = slabs.new(first_row, first_column)
                    new = np.ascontiguousarray(done[row:, column:])
                    call.store(new.view(np.int8), image, group, first_row + row, first_column + column, first)

    _workers.prepare(do, n_tasks if at_once else n_tasks * n_groups, n_workers)


def stage(call: Any, slabs: Slabs, strip: Array, image: int, group: int, first_row: int) -> None:
    """The padded rows that a slab's windows reach, laid into a strip."""
    call.stage(strip.view(np.int8), image, group, first_row * slabs.down.stride, slabs.strip_rows)
