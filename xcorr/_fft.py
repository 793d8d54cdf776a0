"""What the frequency domain needs above the loops: where it can be taken, its tiles, and what they cost."""

import functools
from typing import NamedTuple

import numpy as np

from xcorr._dtypes import Types
from xcorr._geometry import Geometry
from xcorr._workers import WORKSPACE_LIMIT

SIZES = (16, 32, 48, 64, 80, 96, 128, 144, 160, 192, 240, 256, 320, 384, 480, 512, 640, 768, 1024, 1280, 1536, 2048)
"""Sides of tiles: products of 2, 3 and 5, and multiples of 16, the most lanes of a vector."""

SPECTRA_LIMIT = WORKSPACE_LIMIT // 2
"""Bytes of spectra of kernels at once. The other half is for the workers."""


class Tile(NamedTuple):
    """The sides of a tile; the points of its transforms, 1 along an axis that is left alone; the windows it gives."""

    height: int
    width: int
    down: int
    across: int
    valid_rows: int
    valid_columns: int


class Sizes(NamedTuple):
    """What the choice of a tile depends on."""

    rows: int  # of windows, without stride
    columns: int
    row_span: int  # of a kernel, dilated
    column_span: int
    row_stride: int
    column_stride: int
    depth: int
    n_kernels: int
    groups: int
    item: int


def rounds_right(bound: int, sizes: Sizes, tile: Tile) -> bool:
    """Whether whole numbers come out exactly when they are rounded, where no response exceeds `bound`.

    A pass of a transform errs by less than 8 u for each factor of two of its radix, relative to the 2-norm (Higham,
    "Accuracy and Stability of Numerical Algorithms", theorem 24.2, has 6.7), a product by less than 4 u and a sum over
    channels by depth u. By Cauchy's inequality an error of a spectrum reaches a response at most times the norms of the
    tiles and of the kernel, one of the backward pass at most times the norm of all responses: the tiles' norm times the
    sum of the kernel's magnitudes. So with z for both tiles all errors are below (24 log2(points) + depth + 8) u |z|_2
    |kernel|_1, and |z|_2 |kernel|_1 <= sqrt(2 points depth) `bound`. A quarter is left to spare.
    """
    points = tile.height * tile.width
    unit = float(np.finfo(np.float64).eps) / 2
    return (24 * np.log2(points) + sizes.depth + 8) * unit * float(bound) * np.sqrt(2 * points * sizes.depth) < 0.25


def sizes_of(geometry: Geometry, types: Types) -> Sizes:
    """In real elements: a complex channel counts as two, and so does a complex kernel."""
    depth = geometry.channels // geometry.groups * (2 if types.images.kind == "c" else 1)
    n_kernels = geometry.n_kernels // geometry.groups * (2 if types.is_complex else 1)
    return Sizes(
        (geometry.rows - 1) * geometry.row_stride + 1,
        (geometry.columns - 1) * geometry.column_stride + 1,
        (geometry.kernel_height - 1) * geometry.row_dilation + 1,
        (geometry.kernel_width - 1) * geometry.column_dilation + 1,
        geometry.row_stride,
        geometry.column_stride,
        depth,
        n_kernels,
        geometry.groups,
        8 if types.exact else types.work.itemsize,
    )


@functools.lru_cache(maxsize=1024)
def cheapest(sizes: Sizes) -> tuple[Tile | None, int]:
    """The tile that costs least and its cost, in multiply-adds of the direct method; None where no tile fits."""
    best: Tile | None = None
    least = 0.0
    for height, down, valid_rows in sides(sizes.rows, sizes.row_span, sizes.row_stride):
        for width, across, valid_columns in sides(sizes.columns, sizes.column_span, sizes.column_stride):
            tile = Tile(height, width, down, across, valid_rows, valid_columns)
            if workspace(tile, sizes) > SPECTRA_LIMIT or chunk(tile, sizes) < 1:
                continue
            tile_cost = cost(tile, sizes)
            if best is None or tile_cost < least:
                best, least = tile, tile_cost
    return best, round(least)


def sides(windows: int, span: int, stride: int) -> list[tuple[int, int, int]]:
    """Sides of tiles along one axis, their points and how many windows each gives: a multiple of the stride."""
    found = []
    for side in SIZES:
        valid = side if span == 1 else side - span + 1
        if valid >= stride:
            found.append((side, 1 if span == 1 else side, valid // stride * stride))
            if valid >= windows:
                break
    return found


def n_pairs(tile: Tile, sizes: Sizes) -> int:
    """Pairs of tiles that cover an image."""
    n_tiles = -(-sizes.rows // tile.valid_rows) * -(-sizes.columns // tile.valid_columns)
    return (n_tiles + 1) // 2


def workspace(tile: Tile, sizes: Sizes) -> int:
    """Bytes that one worker needs, about."""
    points = tile.height * tile.width
    return sizes.item * (sizes.depth * (4 * points + 32 * tile.height) + 4 * points)


def spectrum_bytes(tile: Tile, sizes: Sizes) -> int:
    """Of one kernel."""
    return 2 * sizes.item * sizes.depth * tile.height * tile.width


def chunk(tile: Tile, sizes: Sizes) -> int:
    """Kernels of each group whose spectra are there at once."""
    return min(sizes.n_kernels, SPECTRA_LIMIT // (spectrum_bytes(tile, sizes) * sizes.groups))


def least_bytes(sizes: Sizes) -> int:
    """That any tile needs for the spectra of one kernel of each group and for one worker."""
    tiles = [
        Tile(height, width, down, across, valid_rows, valid_columns)
        for height, down, valid_rows in sides(sizes.rows, sizes.row_span, sizes.row_stride)
        for width, across, valid_columns in sides(sizes.columns, sizes.column_span, sizes.column_stride)
    ]
    least = min(((tile.height * tile.width, tile) for tile in tiles), default=None)
    if least is None:  # no side is long enough
        side = sizes.item * sizes.depth * sizes.row_span * sizes.column_span
        return max(6 * side, WORKSPACE_LIMIT + 1)
    return max(workspace(least[1], sizes) + spectrum_bytes(least[1], sizes) * sizes.groups, WORKSPACE_LIMIT + 1)


def passes(points: int) -> float:
    """Passes over a line of points, counted as ones of radix 4."""
    return np.log2(points) / 2 if points > 1 else 0


def cost(tile: Tile, sizes: Sizes) -> float:
    """Of one image, in multiply-adds of the direct method."""
    points = tile.height * tile.width
    used = min(1, (sizes.columns + 15) / tile.width)
    line = PASS * (1.0 if max(tile.down, tile.across) * sizes.item <= 1024 else 1.3)
    forward = points * (line * (passes(tile.down) + passes(tile.across)) + STAGE)
    backward = points * (line * (passes(tile.down) * used + passes(tile.across)) + LEAVE)
    product = points * PRODUCT * (sizes.depth if spectrum_bytes(tile, sizes) * sizes.n_kernels < 2**20 else 2 * sizes.depth)
    of_kernels = sizes.n_kernels * sizes.depth * points * PASS * (passes(tile.down) + passes(tile.across)) / 4
    n_chunks = -(-sizes.n_kernels // chunk(tile, sizes))
    of_pair = sizes.depth * forward * n_chunks + sizes.n_kernels * (backward + product)
    return sizes.groups * (n_pairs(tile, sizes) * of_pair + of_kernels)


PASS, STAGE, LEAVE, PRODUCT = 7.0, 20.0, 12.0, 6.0
