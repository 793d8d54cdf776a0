"""Blocks: how a stream is cut, by images or by parts of one, into what a bounded number of bytes has room for."""

import bisect
from collections.abc import Iterable, Sequence
from itertools import product
from math import lcm, prod
from typing import NamedTuple

from xcorr._axes import Span
from xcorr._pieces import Pieces, bytes_of

AT_ONCE = 3
"""Blocks that are there at the same time: one that is read, one that is computed, one that is written."""

Edges = tuple[list[int], list[int]]
"""Rows and columns of responses where it costs least to cut."""

LEAST_BLOCKS, LEAST_BYTES = 8, 2**22
"""Blocks from which on reading, computing and writing overlap well; bytes below which none is cut for that."""

HALO = 2
"""Pixels that strips of whole rows read, for each one that they are of, up to which columns are not cut."""


class Block(NamedTuple):
    """Some whole images, or a part of the responses of some."""

    first: int
    end: int
    area: Span | None = None


class Cut(NamedTuple):
    """All blocks, in their order, how many of them may be there at once, and the bytes that each may have."""

    blocks: list[Block]
    at_once: int
    block_bytes: int


def cut(
    pieces: Pieces,
    itemsize: int,
    max_bytes: int,
    of_source: Sequence[int] | None,
    of_sink: Sequence[int] | None,
    whole: bool = True,
) -> Cut:
    """The blocks of a stream, which are whole images if these may be, and have room.

    `of_source` and `of_sink` are the lengths of chunks, of the images and of the result; None where there are none.
    MemoryError if not even the smallest block has room.
    """
    image_bytes = prod(pieces.shape) // max(1, pieces.n_images) * itemsize
    result_bytes = sum(prod(own.shape) * own.dtype.itemsize for own in pieces.results) // max(1, pieces.n_images)
    of_image, unit = image_bytes + result_bytes, chunk_of_images(pieces, of_sink)
    for at_once in (AT_ONCE, 1):
        budget = max_bytes // at_once
        count = budget // max(1, of_image) if whole else 0
        parts = None
        if count < min(unit, pieces.n_images) and can_be_cut(pieces):
            together = 1 if keeps(pieces) else min(unit, pieces.n_images)
            parts = parts_of(pieces, together, itemsize, budget, of_sink) or (
                parts_of(pieces, 1, itemsize, budget, of_sink) if together > 1 and count < 1 else None
            )
            if parts is not None:
                step = together if fits(pieces, parts, together, itemsize, budget) else 1
                images = [(first, min(first + step, pieces.n_images)) for first in range(0, pieces.n_images, step)]
                return Cut([Block(*some, part) for some in images for part in parts], at_once, budget)
        if count >= 1 or pieces.n_images == 0:
            several = max(-(-pieces.n_images // LEAST_BLOCKS), LEAST_BYTES // max(1, of_image), 1)
            count = aligned(min(count, max(several, unit)), unit, chunk_length(of_source, pieces.images_axis))
            ends = range(0, pieces.n_images, count)
            return Cut([Block(first, min(first + count, pieces.n_images)) for first in ends], at_once, budget)
    raise too_small(pieces, itemsize, of_image, max_bytes)


def keeps(pieces: Pieces) -> bool:
    """Whether responses are reduced over positions, so that nothing is known before all are there."""
    return pieces.peaks is not None or (pieces.reduction is not None and not pieces.reduction.over_kernels)


def can_be_cut(pieces: Pieces) -> bool:
    """Whether an image may be done part by part."""
    return not pieces.obstacle and prod(pieces.outputs) * pieces.n_beside * pieces.n_kernels > 0


def chunk_length(chunks: Sequence[int] | None, axis: int) -> int:
    """The length of a chunk along an axis, 1 where there is none."""
    return max(1, int(chunks[axis])) if chunks is not None and axis >= 0 else 1


def chunk_of_images(pieces: Pieces, chunks: Sequence[int] | None) -> int:
    """The images that share a chunk of the first result."""
    return chunk_length(chunks, pieces.results[0].images)


def aligned(count: int, sink: int, source: int) -> int:
    """The most images up to a count that are whole chunks of both sides, or of the sink, or of the source."""
    for unit in (lcm(sink, source), sink, source):
        if count >= unit:
            return count - count % unit
    return count


def parts_of(
    pieces: Pieces, n_images: int, itemsize: int, budget: int, chunks: Sequence[int] | None
) -> list[Span] | None:
    """The parts of some images together, the largest ones that have room; None where none has.

    They are whole rows where few pixels are read twice then, and whole chunks or sections where these have room.
    """
    axes, grid = pieces.results[0].axes if not keeps(pieces) else (), pieces.grid
    units = [
        max(1, chunk_length(chunks, axes[index])) if chunks is not None and axes and axes[index] >= 0 else grid[index]
        for index in range(2)
    ]
    if pieces.whole_rows:
        units[1] = pieces.outputs[1]
    if chunks is not None and axes and any(pieces.edges):
        parts = parts_in(pieces, n_images, itemsize, budget, units, ([], []))
        if parts is not None and all(are_whole(area, units, pieces.outputs) for area in parts):
            return parts
    return parts_in(pieces, n_images, itemsize, budget, units, pieces.edges)


def are_whole(area: Span, units: list[int], outputs: tuple[int, ...]) -> bool:
    """Whether a part is whole units along both axes."""
    return all(
        first % unit == 0 and ((first + n) % unit == 0 or first + n == count)
        for (first, n), unit, count in zip(area, units, outputs, strict=True)
    )


def parts_in(
    pieces: Pieces, n_images: int, itemsize: int, budget: int, units: list[int], edges: tuple[list[int], list[int]]
) -> list[Span] | None:
    """The largest parts of some images together that are whole units, or end at edges, as far as there is room."""
    width = pieces.outputs[1]
    while True:
        for unit in (units[0], *(step for step in (units[0] // 2, units[0] // 8, 1) if step and width <= units[1])):
            rows = most_rows(pieces, n_images, itemsize, budget, unit, width, edges)
            while rows and (width <= units[1] or is_worth(pieces, rows)):
                down, across = stretches_along(pieces, rows, width, edges)
                if fits(pieces, product(down, across), n_images, itemsize, budget):
                    return list(product(down, across))
                rows = rows // 2 // unit * unit
        if pieces.whole_rows or width == 1:
            return None
        narrower = max(1, width // 2)
        width = -(-narrower // units[1]) * units[1] if width > units[1] else narrower


def is_worth(pieces: Pieces, rows: int) -> bool:
    """Whether strips of so many rows of responses read few pixels twice."""
    down = pieces.axes_cut[0]
    return rows == pieces.outputs[0] or down.reach(rows) <= HALO * rows * down.stride


def most_rows(pieces: Pieces, n_images: int, itemsize: int, budget: int, unit: int, width: int, edges: Edges) -> int:
    """The most rows, a multiple of `unit` or all, with which some parts of that width have room; 0 if none."""
    n_rows = pieces.outputs[0]
    low, high = 0, -(-n_rows // unit)
    while low < high:
        middle = (low + high + 1) // 2
        parts = samples(pieces, min(middle * unit, n_rows), width, edges)
        if fits(pieces, parts, n_images, itemsize, budget):
            low = middle
        else:
            high = middle - 1
    return int(min(low * unit, n_rows))


def samples(pieces: Pieces, rows: int, width: int, edges: Edges) -> Iterable[Span]:
    """Parts of which one needs about as much as any: those at edges, and some between."""
    down, across = (
        own if len(own) <= 8 else [*own[:3], own[len(own) // 3], own[len(own) // 2], *own[-3:]]
        for own in stretches_along(pieces, rows, width, edges)
    )
    return product(down, across)


def fits(pieces: Pieces, parts: Iterable[Span], n_images: int, itemsize: int, budget: int) -> bool:
    """Whether all parts of so many images have room."""
    return all(n_images * sum(bytes_of(pieces, area, itemsize)) <= budget for area in parts)


def stretches_along(pieces: Pieces, rows: int, width: int, edges: Edges) -> list[list[tuple[int, int]]]:
    """Stretches of so many rows and columns, or of fewer that end at an edge: parts are of both."""
    return [
        stretches(count, most, own if most < count else [])
        for count, most, own in zip(pieces.outputs, (rows, width), edges, strict=True)
    ]


def stretches(count: int, most: int, edges: list[int]) -> list[tuple[int, int]]:
    """The first and the number of responses of each part of an axis."""
    found, first = [], 0
    while first < count:
        end = min(first + most, count)
        place = bisect.bisect_right(edges, end) - 1
        end = edges[place] if place >= 0 and edges[place] > first else end
        found.append((first, end - first))
        first = end
    return found


def too_small(pieces: Pieces, itemsize: int, of_image: int, max_bytes: int) -> MemoryError:
    """What says which room is needed at least."""
    least, why = of_image, f"an image cannot be cut, as {pieces.obstacle}"
    if can_be_cut(pieces):
        width = pieces.outputs[1] if pieces.whole_rows else 1
        least = max(sum(bytes_of(pieces, area, itemsize)) for area in samples(pieces, 1, width, pieces.edges))
        why = "the pixels and the responses of its smallest part"
    elif not pieces.obstacle:
        why = "an image and its result"
    return MemoryError(f"max_bytes: got {max_bytes}; at least {least} are needed: {why}")
