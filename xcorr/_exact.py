"""Integers whose sums float64 does not hold: windows gathered in blocks, 128-bit products summed in typed loops."""

from itertools import product
from typing import Any

import numpy as np
import numpy.typing as npt

from xcorr._engine import fill_source_indices
from xcorr._geometry import Geometry
from xcorr._integers import exact_products
from xcorr._matmul import Blocks


def run(
    images: npt.NDArray[Any],
    kernels: npt.NDArray[Any],
    bias: list[tuple[int, ...]],
    out: npt.NDArray[Any] | None,
    geometry: Geometry,
    boundary: str,
    fill: int,
    limits: tuple[int, int],
) -> bool:
    """Writes the responses of `images` (N, H, W, C) to `out` (N, rows, columns, K); without `out` it only looks.

    `kernels` are (groups, kernels, taps), int64 or uint64, `bias` Python's. False if a response lies
    outside of `limits`; what was written by then is of no use.
    """
    depth = geometry.channels // geometry.groups
    n_kernels = kernels.shape[1]
    wide = np.dtype(np.uint64 if images.dtype.kind in "bu" else np.int64)
    result = np.dtype(np.uint64 if limits[1] > np.iinfo(np.int64).max else np.int64)
    blocks = Blocks(geometry, depth, 8)
    gathered = np.empty((blocks.rows * blocks.columns, blocks.n_taps), dtype=wide)
    products = np.empty((len(gathered), n_kernels), dtype=np.uint64)
    columns = sources(-geometry.left, blocks.strip_columns, geometry.width, boundary)
    for image, group, first_row in product(range(len(images)), range(geometry.groups), blocks.first_rows()):
        first = first_row * geometry.row_stride - geometry.top
        rows = sources(first, blocks.strip_rows, geometry.height, boundary)
        strip = padded(images[image, :, :, group * depth : (group + 1) * depth], rows, columns, fill, wide)
        for first_column in blocks.first_columns():
            windows = blocks.windows(strip, first_column)
            gathered.reshape(windows.shape)[...] = windows
            if not exact_products(gathered, kernels[group], bias[group], products, *limits):
                return False
            if out is not None:
                out[
                    image,
                    first_row : first_row + blocks.rows,
                    first_column : first_column + blocks.columns,
                    group * n_kernels : (group + 1) * n_kernels,
                ] = products.view(result).reshape(blocks.rows, blocks.columns, n_kernels)
    return True


def sources(first: int, count: int, length: int, boundary: str) -> npt.NDArray[np.intp]:
    """Which index of an axis each of `count` padded positions from `first` on is, -1 for the fill value."""
    indices = np.empty(count, dtype=np.intp)
    fill_source_indices(indices, first, length, boundary)
    return indices


def padded(
    image: npt.NDArray[Any], rows: npt.NDArray[np.intp], columns: npt.NDArray[np.intp], fill: int, wide: np.dtype[Any]
) -> npt.NDArray[Any]:
    """The rows and columns of an image (height, width, depth), flat, as the 64-bit type."""
    strip = image[np.ix_(rows, columns)].astype(wide)
    strip[rows < 0] = fill
    strip[:, columns < 0] = fill
    return strip.reshape(-1)
