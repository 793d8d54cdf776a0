"""Where winograd F(2x2, 3x3) can be taken, and how it cuts its sums over channels."""

from math import isqrt

import numpy as np

from xcorr._dtypes import Types
from xcorr._geometry import Geometry

SHORTEST_BLOCK = 32
"""Channels of a block of the sum that a tile needs to be fast."""


def cannot(geometry: Geometry, types: Types) -> str:
    """What keeps winograd from doing the job, in words; empty if nothing does."""
    if (geometry.kernel_height, geometry.kernel_width) != (3, 3):
        return f"kernels of {geometry.kernel_height}x{geometry.kernel_width}: they have to be 3x3"
    if (geometry.row_stride, geometry.column_stride) != (1, 1):
        return f"stride {(geometry.row_stride, geometry.column_stride)}: it has to be 1"
    if types.exact:
        return f"responses of {types.response}: its halves are not exact in integers"
    if np.empty(0, types.stored).real.dtype != types.work:
        return f"responses of {types.response} from sums in {types.work}: both have to be of one precision"
    return ""


def pairs(length: int, dilation: int) -> int:
    """Tiles across so many rows or columns of responses: each has two that are a dilation apart, if there are two."""
    return length // (2 * dilation) * dilation + min(length % (2 * dilation), dilation)


def used_places(geometry: Geometry) -> float:
    """The share of the tiles' places that are responses."""
    rows, columns = geometry.rows, geometry.columns
    tiles = pairs(rows, geometry.row_dilation) * pairs(columns, geometry.column_dilation)
    return rows * columns / (4 * tiles)


def strip_pixels(geometry: Geometry) -> int:
    """Elements of the smallest strip of whole tiles, in and around it."""
    rows = 2 * geometry.row_dilation + min(geometry.rows, 2 * geometry.row_dilation)
    return rows * (geometry.columns + 2 * geometry.column_dilation) * geometry.channels // geometry.groups


def sum_blocks(depth: int) -> tuple[int, int, bool]:
    """How the sum over channels is cut, as `_geometry.sum_blocks` says it for a kernel of one row."""
    return 1, -(-depth // max(SHORTEST_BLOCK, isqrt(depth))), False
