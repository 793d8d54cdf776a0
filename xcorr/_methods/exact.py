"""Integers whose sums float64 does not hold: windows gathered in slabs, 128-bit products summed in typed loops."""

from itertools import product
from typing import Any

import numpy as np
import numpy.typing as npt

from xcorr._arrays import in_order
from xcorr._engine import fill_source_indices
from xcorr._integers import exact_products
from xcorr._methods.asked import Job, Limits
from xcorr._methods.matmul import Slabs
from xcorr._whole_numbers import WholeNumbers
from xcorr._workers import refuse_too_large

MOST_KERNELS = 32
"""Kernels whose sums are there at once."""

MULTIPLY_ADDS_AT_ONCE = 2**23
"""Multiply-adds between two looks for a signal: some milliseconds."""


def run(job: Job, result: Any, limits: Limits) -> bool:
    """All responses, in 128 bits; false at the first that is outside of the limits, if it is not brought inside."""
    bank, boundary = job.bank, job.plan.settings.boundary
    geometry = job.plan.geometry._replace(axes=job.plan.axes_at_hand)
    images = in_order(job.images, job.plan.layout.images)
    out = result if isinstance(result, WholeNumbers) else in_order(result, job.plan.layout.response)
    # of lists: a tuple of a generator loses objects where it is refused memory
    fill = tuple([int(number.real) for number in job.fill])
    depth = geometry.channels // geometry.groups
    wide, kernel_type = wide_type(images.dtype), wide_type(bank.kernels.dtype)
    slabs = Slabs(geometry, depth, 8)
    kernel_bytes, workspace = 8 * bank.kernels.size, 3 * slabs.workspace_bytes
    refuse_too_large("kernels", "64-bit kernels", kernel_bytes)
    refuse_too_large("images", "workspace", workspace, kernel_bytes, "64-bit kernels")
    bank.make_room(kernel_bytes + workspace)
    gathered = np.empty((slabs.n_positions, slabs.n_taps), dtype=wide)
    at_once = max(1, min(MOST_KERNELS, MULTIPLY_ADDS_AT_ONCE // gathered.size))
    down, across = geometry.axes
    columns = sources(-across.before, slabs.strip_columns, across.length, boundary[1])
    for group in range(geometry.groups):
        kernels = bank.real_kernels(group, 0, bank.n_kernels, kernel_type)
        bias = tuple([int(value) for value in bank.bias[group]])
        for image, first_row in product(range(len(images)), slabs.first_rows()):
            first = first_row * down.stride - down.before
            rows = sources(first, slabs.strip_rows, down.length, boundary[0])
            channels = slice(group * depth, (group + 1) * depth)
            own_fill = fill[channels] if len(fill) > 1 else fill
            strip = padded(images[image, :, :, channels], rows, columns, own_fill, wide)
            for first_column in slabs.first_columns():
                slabs.gather(strip, first_column, gathered, False)
                for first in range(0, bank.n_kernels, at_once):
                    chosen = slice(first, first + at_once)
                    sums = np.empty((len(gathered), len(bias[chosen])), dtype=np.uint64)
                    if not exact_products(gathered, kernels[chosen], bias[chosen], sums, *limits):
                        return False
                    shape = slabs.rows, slabs.columns, sums.shape[1]
                    row, column = slabs.new(first_row, first_column)
                    done = as_limited(sums, limits).reshape(shape)[row:, column:]
                    put(out, done, image, first_row + row, first_column + column, group * bank.n_kernels + first)
    return True


def wide_type(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """The 64-bit type that holds an integer type's values."""
    return np.dtype(np.uint64 if dtype.kind in "bu" else np.int64)


def as_limited(sums: npt.NDArray[Any], limits: tuple[int, int, bool]) -> npt.NDArray[Any]:
    """The sums, whose bits are of uint64 where the limits go beyond int64, else of int64."""
    return sums.view(np.int64) if limits[1] <= np.iinfo(np.int64).max else sums


def put(out: Any, sums: npt.NDArray[Any], image: int, row: int, column: int, kernel: int) -> None:
    """Gives sums (rows, columns, kernels) to an array, or to what reduces them."""
    if isinstance(out, WholeNumbers):
        out.take(sums, image, row, column, kernel)
        return
    n_rows, n_columns, n_kernels = sums.shape
    out[image, row : row + n_rows, column : column + n_columns, kernel : kernel + n_kernels] = sums


def sources(first: int, count: int, length: int, boundary: str) -> npt.NDArray[np.intp]:
    """The index of the pixel at each of `count` padded positions from `first` on, or -1 where the fill value is."""
    indices = np.empty(count, dtype=np.intp)
    fill_source_indices(indices, first, length, boundary)
    return indices


def padded(
    image: npt.NDArray[Any],
    rows: npt.NDArray[np.intp],
    columns: npt.NDArray[np.intp],
    fill: tuple[int, ...],
    wide: np.dtype[Any],
) -> npt.NDArray[Any]:
    """The rows and columns of an image (height, width, depth), flat, as the 64-bit type."""
    # not by index arrays in brackets: NumPy 2.4 crashes where these are refused memory
    strip = image.take(rows, axis=0, mode="wrap").take(columns, axis=1, mode="wrap").astype(wide)
    np.copyto(strip, np.array(fill, dtype=wide), where=(rows[:, None, None] < 0) | (columns[:, None] < 0))
    return strip.reshape(-1)
