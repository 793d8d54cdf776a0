"""Winograd F(2x2, 3x3): what it can do, and how it cuts its sums over channels."""

import numpy as np

from xcorr._axes import Geometry
from xcorr._dtypes import Types

LONGEST_BLOCK = 11
"""Channels of a block of the sum. Block sums are added up; totals of more than six (`binding.pxi`) carry what is lost.

The magnitudes of the places that make a response come to at most 10 times what the bound of 16 u is of, to 5.5 times if
pixels and taps are of one sign (found by looking at all signs, and at all pixels of 0 and 1), so that few roundings are
allowed where all channels are alike and err alike. Such channels of one sign, searched for the worst, reach 0.96 of
the bound with blocks of 11, 1.3 with 16, 2.5 with 32. Beside one block of 32 channels and two of 64 it takes 0.85 and
1.03 times as long at level v4, 1.05 and 1.03 at v3, with more channels 1.04 to 1.1 times; blocks of 8 cost 5 % more
(2026-11-26, AMD EPYC (Zen 5), 1 worker, 32 to 512 channels of 56x56 to 14x14 through `Correlator`).
"""


def cannot(geometry: Geometry, types: Types) -> str:
    """What keeps winograd from doing the job, in words; empty if nothing does."""
    if (geometry.kernel_height, geometry.kernel_width) != (3, 3):
        return f"kernels of {geometry.kernel_height}x{geometry.kernel_width}: they have to be 3x3"
    if (geometry.row_stride, geometry.column_stride) != (1, 1):
        return f"stride {(geometry.row_stride, geometry.column_stride)}: it has to be 1"
    if types.exact:
        return f"responses of {types.response}: its sums are not proven to be exact"
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
    """How the sum over channels is cut, as `_axes.sum_blocks` says it for a kernel of one row."""
    return 1, -(-depth // LONGEST_BLOCK), False
