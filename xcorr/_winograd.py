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
    if (geometry.row_dilation, geometry.column_dilation) != (1, 1):
        return f"dilation {(geometry.row_dilation, geometry.column_dilation)}: it has to be 1"
    if types.exact:
        return f"responses of {types.response}: its halves are not exact in integers"
    if np.empty(0, types.stored).real.dtype != types.work:
        return f"responses of {types.response} from sums in {types.work}: both have to be of one precision"
    return ""


def sum_blocks(depth: int) -> tuple[int, int, bool]:
    """How the sum over channels is cut, as `_geometry.sum_blocks` says it for a kernel of one row."""
    return 1, -(-depth // max(SHORTEST_BLOCK, isqrt(depth))), False
