"""The matmul method: windows gathered block by block, NumPy's matrix product, responses stored as any method's.

Every product has the same shape, whatever the batch, the bank and the workers, because a BLAS may round differently in
matrices of another shape: positions of one image, taps of one block of the sum, one panel of kernels (padded with zero
ones). And it may round differently in another column, so a panel is only as wide as all of its columns round alike.
"""

import itertools
import os
from math import prod
from typing import Any

import numpy as np
import numpy.typing as npt

from xcorr._axes import Geometry, sum_blocks
from xcorr._cache import remembered
from xcorr._dtypes import Types
from xcorr._methods import direct
from xcorr._methods.asked import Array, Job, Limits, Plan
from xcorr._threads import RLock
from xcorr._workers import refuse_too_large

BOUND = "componentwise"
LARGEST_KEPT_BANK, WORKERS_LIMIT = direct.LARGEST_KEPT_BANK, direct.WORKERS_LIMIT

WIDTHS = (32, 16, 8, 4, 2, 1)
"""Kernels in one product, the most first."""

SLAB_BYTES = 2 * 2**20
"""Bytes of the windows and the responses of one product, which stay in the second- or third-level cache."""

_lock = RLock()
"""A BLAS with threads of its own is not called from several threads at once, nor forked while it works."""


def _forget_lock() -> None:
    """Makes a lock for a forked child, which has none of the threads that wait for the old one."""
    global _lock
    _lock = RLock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=lambda: _lock.acquire(), after_in_parent=lambda: _lock.release(), after_in_child=_forget_lock
    )


def obstacle(geometry: Geometry, types: Types) -> str:
    """None."""
    return ""


def doubt(geometry: Geometry, types: Types) -> str:
    """The measurement: of 200 random geometries it was faster in none, at best 1.1 times slower.

    Its products have to stop at every block of the sum. 2026-11-24, AMD EPYC (Zen 4), level v4, 1 worker,
    benchmarks/crossover.py.
    """
    return "it was measured to be the fastest nowhere"


def cost(geometry: Geometry, types: Types) -> int:
    """The multiply-adds of one image's responses."""
    return geometry.multiply_adds * types.parts


def effort(plan: Plan) -> int:
    """The cost."""
    return cost(plan.geometry, plan.types)


def loops(plan: Plan, summed: str) -> dict[str, Any]:
    """Loops that only lay pixels into strips and store responses."""
    return {"form": "kernels", "blocks": plan.blocks}


def check(plan: Plan, packed: int) -> None:
    """The rows of a strip: images are never read in place."""
    direct.check_rows(plan, packed)


def n_bytes(job: Job, result: Array, summed: str, n_workers: int) -> tuple[int, int]:
    """The bytes of the matrices, and of the one workspace."""
    plan = job.plan
    slabs = Slabs(plan.geometry, plan.depth, np.dtype(summed).itemsize)
    return slabs.item_bytes * slabs.n_taps * plan.n_kernels * plan.geometry.groups, slabs.workspace_bytes


def reasons(plan: Plan) -> list[str]:
    """How it goes."""
    return ["windows are gathered and multiplied by NumPy's product"]


class Slabs:
    """How one image's positions are cut into products of one shape; the last row and column of slabs overlap."""

    def __init__(self, geometry: Geometry, depth: int, item_bytes: int) -> None:
        self.geometry = geometry
        self.depth = depth
        self.down, self.across = geometry.axes
        self.n_taps = self.down.kernel * self.across.kernel * depth
        self.rows_per_block, self.pieces, self.compensated = sum_blocks(self.down.kernel, self.across.kernel * depth)
        positions = max(1, SLAB_BYTES // ((self.n_taps + 4 * WIDTHS[0]) * item_bytes))
        self.columns = min(self.across.outputs, positions)
        self.rows = min(self.down.outputs, max(1, positions // self.columns))
        self.strip_rows, self.strip_columns = self.down.reach(self.rows), self.across.reached
        self.item_bytes = item_bytes
        self.workspace_bytes = item_bytes * (
            self.strip_rows * self.strip_columns * depth + self.rows * self.columns * (self.n_taps + 4 * WIDTHS[0])
        )

    def sum_blocks(self) -> list[tuple[int, int]]:
        """First and last tap of each block of the sum: the same blocks as the direct method's."""
        kernel_height, run_length = self.down.kernel, self.across.kernel * self.depth
        if self.pieces == 1:
            edges = [row * run_length for row in range(0, kernel_height, self.rows_per_block)]
        else:
            edges = [
                row * run_length + run_length * piece // self.pieces
                for row in range(kernel_height)
                for piece in range(self.pieces)
            ]
        edges.append(kernel_height * run_length)
        return list(itertools.pairwise(edges))

    def first_rows(self) -> list[int]:
        return starts(self.down.outputs, self.rows)

    def first_columns(self) -> list[int]:
        return starts(self.across.outputs, self.columns)

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


def starts(length: int, block: int) -> list[int]:
    """The beginnings of slabs that cover `length`; the last slab ends there and may lie over the one before."""
    return [min(first, length - block) for first in range(0, length, block)]


def panel_width(slabs: Slabs, summed: np.dtype[Any]) -> int:
    """The most kernels in one product whose columns the BLAS in use all rounds alike."""
    lengths = {end - first for first, end in slabs.sum_blocks()}
    with _lock:
        return min(width_for(slabs.rows * slabs.columns, length, summed) for length in lengths)


@remembered(4096)
def width_for(n_positions: int, n_taps: int, summed: np.dtype[Any]) -> int:
    """Found by multiplying equal columns of scattered numbers: where they round alike, so does every column."""
    windows = scattered(1, n_positions, n_taps)[0].astype(summed)
    for width in WIDTHS:
        columns = scattered(4, n_taps, 1).astype(summed)
        products = [np.matmul(windows, np.repeat(column, width, axis=1)) for column in columns]
        if all(np.array_equal(product, product[:, :1].repeat(width, axis=1)) for product in products):
            return width
    return 1


def scattered(*shape: int) -> npt.NDArray[np.float64]:
    """Numbers between -1/2 and 1/2 with full significands: multiples of the golden ratio (Weyl's sequence).

    A generator of random ones would have to be imported, which a signal's handler may find half done.
    """
    return (np.arange(1.0, 1.0 + prod(shape)) * ((5**0.5 - 1) / 2) % 1 - 0.5).reshape(shape)


def run(job: Job, result: Array, summed: str, limits: Limits | None) -> bool:
    """All responses; false if one is outside of the limits, or no number."""
    plan, dtype = job.plan, np.dtype(summed)
    slabs = Slabs(plan.geometry, plan.depth, dtype.itemsize)
    width = panel_width(slabs, dtype)
    n_bytes = job.bank.matrix_bytes(dtype, width)
    refuse_too_large("images", "workspace", slabs.workspace_bytes, n_bytes, "matrices")
    weights, bias = job.bank.matrices(dtype, width)
    job.bank.make_room(slabs.workspace_bytes, (dtype.str, width))
    call = job.call(plan.engine(summed), result, (weights, bias), limits=limits, n_workers=1)
    multiply_slabs(call, slabs, weights, bias, job.n_images)
    return not call.overflowed


def run_exactly(job: Job, result: Array, summed: str, limits: Limits | None, bound: int) -> bool:
    """All responses, which are whole numbers of at most that magnitude and exact in sums of the type."""
    return run(job, result, summed, limits)


def multiply_slabs(call: Any, slabs: Slabs, weights: Array, bias: Array, n_images: int) -> None:
    """Every response of the batch, one block of one image after the other."""
    n_groups, width = len(weights), weights.shape[3]
    strip = np.zeros(slabs.strip_rows * slabs.strip_columns * slabs.depth, dtype=weights.dtype)
    gathered = np.empty((slabs.rows * slabs.columns, slabs.n_taps), dtype=weights.dtype)
    for image, group, first_row in itertools.product(range(n_images), range(n_groups), slabs.first_rows()):
        first = first_row * slabs.down.stride
        call.stage(strip.view(np.int8), image, group, first, slabs.strip_rows)
        for first_column in slabs.first_columns():
            windows = slabs.windows(strip, first_column)
            gathered.reshape(windows.shape)[...] = windows
            for panel in range(weights.shape[1]):
                first = panel * width
                responses = multiply(gathered, weights[group, panel], slabs, bias[group, first : first + width])
                call.store(responses.view(np.int8), image, group, first_row, first_column, first)


def multiply(
    gathered: npt.NDArray[Any], weights: npt.NDArray[Any], slabs: Slabs, bias: npt.NDArray[Any]
) -> npt.NDArray[Any]:
    """(rows, columns, kept kernels): the bias and one product after the other for the blocks of the sum."""
    total = np.zeros((len(gathered), weights.shape[1]), dtype=weights.dtype)
    total[:, : len(bias)] = bias
    lost = np.zeros_like(total) if slabs.compensated else None
    with np.errstate(all="ignore"):
        for first, end in slabs.sum_blocks():
            with _lock:
                part = np.matmul(gathered[:, first:end], weights[first:end])
            if lost is None:
                total += part
            else:
                add_compensated(total, part, lost)
        if lost is not None:
            total += np.where(np.isnan(lost), 0, lost)
    return np.ascontiguousarray(total.reshape(slabs.rows, slabs.columns, -1)[:, :, : len(bias)])


def add_compensated(total: npt.NDArray[Any], part: npt.NDArray[Any], lost: npt.NDArray[Any]) -> None:
    """total += part, with what the rounding loses gathered in `lost` (Knuth's TwoSum, TAOCP 4.2.2)."""
    before = total.copy()
    total += part
    kept = total - before
    lost += (before - (total - kept)) + (part - kept)
