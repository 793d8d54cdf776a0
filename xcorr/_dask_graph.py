"""The graph of a call on dask arrays: how its result is chunked, and which task gets which pixels."""

import sys
import warnings
from itertools import pairwise, product
from math import prod
from operator import getitem
from typing import Any

import numpy as np

from xcorr._axes import Span
from xcorr._blocks import can_be_cut, keeps
from xcorr._dask_tasks import (
    Shared,
    cut_out,
    end_looks,
    finish,
    look,
    merge,
    merge_looks,
    reduce_part,
    respond_part,
    respond_whole,
)
from xcorr._foreign import root_of
from xcorr._masks import axes_of_mask
from xcorr._pieces import Pieces, Result
from xcorr._pieces_of_match import OfMatch
from xcorr._pieces_of_volumes import OfVolumes

Key = tuple[Any, ...]

AT_ONCE = 16
"""Parts that are merged by one task; not tuned."""

LARGE = 2**30
"""Bytes of an image from which on it is said that it is put into one chunk."""


# --- chunks -----------------------------------------------------------------------------------------------------------


def needs_whole_images(pieces: Pieces) -> bool:
    """Whether nothing is known of a response, or of what it is reduced to, without all of an image."""
    reduction = pieces.reduction
    if not can_be_cut(pieces) or pieces.peaks is not None or pieces.n_images == 0:
        return True
    if keeps(pieces) and isinstance(pieces, OfVolumes):
        return True
    sums = reduction is not None and not reduction.over_kernels and {"mean", "energy"} & set(reduction.names)
    return bool(sums) and pieces.response.kind == "f"


def level_outside() -> int:
    """The level, for a warning, of the function outside of the package that has called what calls this."""
    level, frame = 1, sys._getframe(1)
    while frame.f_back is not None and root_of(frame.f_globals.get("__name__")) == "xcorr":
        level, frame = level + 1, frame.f_back
    return level


def joined(pieces: Pieces, images: Any, whole: bool) -> Any:
    """Images with their channels in one chunk, and all of each image where that is needed; none of no images.

    Of volumes rows and columns are in one chunk, too.
    """
    own = (pieces.images_axis, *(() if whole else pieces.axes[:1] if pieces.whole_rows else pieces.axes))
    several = [axis for axis in range(images.ndim) if len(images.chunks[axis]) > 1]
    lengths: dict[int, Any] = {axis: -1 for axis in several if axis not in own}
    channels = set(lengths) - set(pieces.layout.images[1:-1])
    if channels:
        of_channels = images.chunks[channels.pop()]
        warnings.warn(f"images: channels in chunks of {of_channels} are put into one", stacklevel=level_outside())
    n_bytes = prod(images.shape) // max(1, pieces.n_images) * images.dtype.itemsize
    what, why = f"an image of {n_bytes} bytes is", pieces.obstacle or "it is reduced as a whole"
    if not whole:
        n_planes = max(images.chunks[pieces.axes[0]]) if pieces.axes[0] >= 0 else 1
        n_bytes = n_bytes // max(1, pieces.shape[pieces.axes[0]]) * n_planes
        what, why = f"{n_planes} planes of {n_bytes} bytes are", "volumes are cut along their planes alone"
    if set(lengths) & set(pieces.layout.images[1:-1]) and n_bytes > LARGE:
        warnings.warn(f"images: {what} put into one chunk: {why}", stacklevel=level_outside())
    if pieces.images_axis >= 0 and pieces.n_images:
        counts = images.chunks[pieces.images_axis]
        if 0 in counts:
            lengths[pieces.images_axis] = tuple(count for count in counts if count)
    return images.rechunk(lengths) if lengths else images


def cuts_of(pieces: Pieces, chunks: tuple[tuple[int, ...], ...], whole: bool) -> list[list[int]]:
    """The ends of the chunks of a response along rows and columns, with the first 0."""
    if whole:
        return [[0, count] for count in pieces.outputs]
    found = []
    for index, (axis, own, count) in enumerate(zip(pieces.axes_cut, pieces.axes, pieces.outputs, strict=True)):
        lengths = chunks[own] if own >= 0 else (1,)
        edges = -(-np.cumsum(lengths)[:-1] // axis.stride) - pieces.wanted()[index][0]
        places = places_to_cut(pieces, index)
        if places is not None:
            behind = np.searchsorted(places, edges).clip(1, len(places) - 1)
            before = places[behind - 1]
            edges = np.where(edges - before <= places[behind] - edges, before, places[behind])
        found.append(sorted({0, count, *edges[(edges > 0) & (edges < count)].tolist()}))
    return found


def places_to_cut(pieces: Pieces, index: int) -> Any:
    """The places along an axis where nothing is done twice; None where that is everywhere."""
    count, unit = pieces.outputs[index], pieces.grid[index]
    if isinstance(pieces, OfMatch):
        first = pieces.wanted()[index][0]
        places = {own - first for own, _ in pieces.along[index]}
        return np.array(sorted({0, count} | {place for place in places if 0 < place < count}))
    return None if unit == 1 else np.array([*range(0, count, unit), count])


def parts_between(chunks: tuple[int, ...], slices: tuple[slice, ...]) -> list[tuple[int, int, int]]:
    """Which chunks some pixels along an axis lie in, and from where to where in each."""
    ends = np.cumsum((0, *chunks)).tolist()
    found = []
    for own in slices:
        index = int(np.searchsorted(ends, own.start, "right")) - 1
        while index < len(chunks) and ends[index] < own.stop:
            begin, end = max(own.start, ends[index]), min(own.stop, ends[index + 1])
            if begin < end:
                found.append((index, begin - ends[index], end - ends[index]))
            index += 1
    return found


# --- tasks ------------------------------------------------------------------------------------------------------------


class Graph:
    """The tasks of one call, which are written here key by key."""

    def __init__(self, shared: Shared, images: Any, mask: Any, subnormals: bool) -> None:
        from dask.base import tokenize

        self.shared, self.pieces = shared, shared.pieces
        self.whole = needs_whole_images(self.pieces)
        self.images, self.mask = joined(self.pieces, images, self.whole), mask
        self.looks = not self.whole and subnormals and self.pieces.looks()[0]
        axis = self.pieces.images_axis
        self.counts = self.images.chunks[axis] if axis >= 0 else (1,)
        self.firsts = np.cumsum((0, *self.counts)).tolist()
        self.cuts = cuts_of(self.pieces, self.images.chunks, self.whole)
        self.whole = self.whole or all(self.is_whole(axis) for axis in self.pieces.axes if axis >= 0)
        self.looks = self.looks and not self.whole
        if self.whole:
            self.cuts = [[0, count] for count in self.pieces.outputs]
        if mask is not None:
            self.mask = self.mask_of_images() if self.whole else self.mask_in_canonical_axes()
        name = None if mask is None else self.mask.name
        self.token = tokenize(shared, self.images.name, name, self.looks, self.cuts)
        self.names = [f"xcorr-{self.token}"]
        if not self.pieces.alone:
            self.names = [f"xcorr-{index}-{self.token}" for index in range(len(self.pieces.results))]
        self.shared_key = f"xcorr-shared-{self.token}"
        self.tasks: dict[Any, Any] = {self.shared_key: shared}
        self.looked: list[Key | None] = [None] * len(self.counts)

    def mask_of_images(self) -> Any:
        """The mask in chunks of whole images."""
        own = self.counts if self.shared.mask_has_images else -1
        several = self.pieces.images_axis >= 0
        return self.mask.rechunk({index: -1 if index or not several else own for index in range(self.mask.ndim)})

    def mask_in_canonical_axes(self) -> Any:
        """The mask (images or 1, channels or 1, rows, columns), in chunks as the images."""
        pieces, shape = self.pieces, self.images.shape
        first, rows, columns, channel = axes_of_mask(self.mask.shape, "mask", shape, pieces.layout.images, "images")
        order = (first, channel, rows, columns)
        found = self.mask.transpose([axis for axis in order if axis >= 0])
        found = found[tuple(slice(None) if axis >= 0 else None for axis in order)]
        chunks = [self.images.chunks[axis] if axis >= 0 else -1 for axis in pieces.axes]
        return found.rechunk((self.counts if found.shape[0] > 1 else -1, -1, *chunks))

    def is_whole(self, axis: int) -> bool:
        """Whether an axis of the images has a single chunk."""
        return len(self.images.chunks[axis]) == 1

    def add(self, kind: str, place: Key, *task: Any) -> Key:
        """Adds a task, and gives its key."""
        key = (f"xcorr-{kind}-{self.token}", *place)
        self.tasks[key] = task
        return key

    def end(self, place: tuple[int, int, int], *task: Any) -> None:
        """Adds the task that makes the results of some images and some rows and columns."""
        if self.pieces.alone:
            self.tasks[(self.names[0], *indices(self.pieces.results[0], place))] = task
            return
        several = self.add("several", place, *task)
        for index, (name, result) in enumerate(zip(self.names, self.pieces.results, strict=True)):
            self.tasks[(name, *indices(result, place))] = (getitem, several, index)

    def arrays(self) -> Any:
        """The results."""
        from dask.array import Array
        from dask.highlevelgraph import HighLevelGraph

        if self.looks:
            self.add_looks()
        pieces = self.pieces
        if self.whole:
            self.add_wholes()
        elif pieces.reduction is not None and not pieces.reduction.over_kernels:
            self.add_reductions()
        else:
            for place, of_part in self.parts():
                self.end(place, respond_part, self.shared_key, *of_part)
        sources = [self.images] if self.mask is None else [self.images, self.mask]
        layers: dict[str, Any] = {name: {} for name in self.names}
        layers[self.names[0]] = self.tasks
        below = {source.name for source in sources}
        dependencies = {name: below if name == self.names[0] else {self.names[0]} for name in layers}
        for name in self.names[1:]:
            layers[name] = {key: self.tasks.pop(key) for key in list(self.tasks) if key[0] == name}
        for source in sources:
            layers |= source.dask.layers
            dependencies |= source.dask.dependencies
        graph = HighLevelGraph(layers, dependencies)
        new: Any = Array
        found = [
            new(graph, name, self.chunks_of(result), meta=np.empty((0,) * len(result.shape), result.dtype))
            for name, result in zip(self.names, pieces.results, strict=True)
        ]
        return found[0] if pieces.alone else tuple(found)

    def chunks_of(self, result: Result) -> tuple[tuple[int, ...], ...]:
        """The chunks of a result."""
        found: list[tuple[int, ...]] = [(length,) for length in result.shape]
        if result.images >= 0:
            found[result.images] = self.counts
        for axis, cuts in zip(result.axes, self.cuts, strict=False):
            if axis >= 0:
                found[axis] = tuple(end - begin for begin, end in pairwise(cuts))
        return tuple(found)

    def source(self, image: int, row: int = 0, column: int = 0) -> Key:
        """The key of a chunk of the images."""
        return key_of(self.images, (self.pieces.images_axis, *self.pieces.axes), (image, row, column))

    def mask_source(self, image: int, row: int, column: int) -> Key:
        """The key of a chunk of the mask, in canonical axes."""
        return key_of(self.mask, (0 if self.mask.shape[0] > 1 else -1, 2, 3), (image, row, column))

    def add_wholes(self) -> None:
        """Tasks of whole images."""
        for image, first in enumerate(self.firsts[:-1]):
            mask: tuple[Any, ...] = ()
            if self.mask is not None:
                index = image if self.shared.mask_has_images else 0
                mask = ((self.mask.name, index, *(0 for _ in self.mask.shape[1:])),)
            self.end((image, 0, 0), respond_whole, self.shared_key, self.source(image), first, *mask)

    def parts(self) -> Any:
        """The place of each part, some images after the other, and what its task is given."""
        chunks = [self.images.chunks[axis] if axis >= 0 else (1,) for axis in self.pieces.axes]
        areas = []
        rows, columns = (list(enumerate(pairwise(cuts))) for cuts in self.cuts)
        for (row, (top, bottom)), (column, (left, right)) in product(rows, columns):
            area: Span = ((top, bottom - top), (left, right - left))
            reads = self.pieces.reads(area)
            both = [parts_between(own, one.slices) for own, one in zip(chunks, reads, strict=True)]
            areas.append((row, column, area, both))
        for image in range(len(self.counts)):
            for row, column, area, (down, across) in areas:
                blocks = [[self.pixels(image, chunks, one, other) for other in across] for one in down]
                masks = None
                if self.mask is not None:
                    masks = [[self.shares(image, chunks, one, other) for other in across] for one in down]
                yield (image, row, column), (blocks, area, self.looked[image], self.firsts[image], masks)

    def pixels(self, image: int, chunks: Any, rows: tuple[int, int, int], columns: tuple[int, int, int]) -> Key:
        """The key of a part of a chunk of the images."""
        source = self.source(image, rows[0], columns[0])
        return self.part_of("pixels", source, self.images.ndim, self.pieces.axes, chunks, image, (rows, columns))

    def shares(self, image: int, chunks: Any, rows: tuple[int, int, int], columns: tuple[int, int, int]) -> Key:
        """The key of a part of a chunk of the mask."""
        source = self.mask_source(image, rows[0], columns[0])
        return self.part_of("shares", source, 4, (2, 3), chunks, source[1], (rows, columns))

    def part_of(
        self, kind: str, source: Key, n_axes: int, axes: tuple[int, ...], chunks: Any, image: int, runs: Any
    ) -> Key:
        """The key of a part of a chunk with so many axes, whose rows and columns lie at `axes`; of all, its own.

        Runs are a chunk along rows, with two places in it, and one along columns.
        """
        if all(end - begin == own[index] for (index, begin, end), own in zip(runs, chunks, strict=True)):
            return source
        slices = [slice(None)] * n_axes
        for axis, (_, begin, end) in zip(axes, runs, strict=True):
            if axis >= 0:
                slices[axis] = slice(begin, end)
        return self.add(kind, (image, *runs[0], *runs[1]), cut_out, source, tuple(slices))

    def add_looks(self) -> None:
        """Tasks that look through all chunks of the images."""
        chunks = [self.images.chunks[axis] if axis >= 0 else (1,) for axis in self.pieces.axes]
        rows, columns = (list(enumerate(np.cumsum((0, *own[:-1])).tolist())) for own in chunks)
        for image, first in enumerate(self.firsts[:-1]):
            keys = []
            for (row, top), (column, left) in product(rows, columns):
                masks = () if self.mask is None else (self.mask_source(image, row, column),)
                task = look, self.shared_key, self.source(image, row, column), (first, top, left), *masks
                keys.append(self.add("look", (image, row, column), *task))
            keys = self.merged("looks", image, merge_looks, keys)
            self.looked[image] = self.add("looked", (image,), end_looks, keys)

    def add_reductions(self) -> None:
        """Tasks that reduce parts over positions, and merge them in their order."""
        kept: dict[int, list[Key]] = {}
        for place, of_part in self.parts():
            task = reduce_part, self.shared_key, *of_part
            kept.setdefault(place[0], []).append(self.add("part", place, *task))
        for image, keys in kept.items():
            keys = self.merged("merged", image, merge, keys)
            self.end((image, 0, 0), finish, self.shared_key, keys, self.counts[image])

    def merged(self, kind: str, image: int, function: Any, keys: list[Key]) -> list[Key]:
        """The keys of what so many parts are merged to that one task takes them."""
        level = 0
        while len(keys) > AT_ONCE:
            some = [keys[first : first + AT_ONCE] for first in range(0, len(keys), AT_ONCE)]
            keys = [self.add(kind, (image, level, index), function, own) for index, own in enumerate(some)]
            level += 1
        return keys


def key_of(array: Any, axes: tuple[int, ...], chunk: tuple[int, ...]) -> Key:
    """The key of a chunk of an array, by its place along some axes; -1 for one that the array lacks, or has once."""
    key: list[Any] = [array.name, *(0 for _ in array.shape)]
    for axis, index in zip(axes, chunk, strict=True):
        if axis >= 0:
            key[axis + 1] = index
    return tuple(key)


def indices(result: Result, place: tuple[int, int, int]) -> tuple[int, ...]:
    """The place of a chunk of a result."""
    found = [0] * len(result.shape)
    for axis, index in zip((result.images, *result.axes), place, strict=False):
        if axis >= 0:
            found[axis] = index
    return tuple(found)
