"""Responses to a zarr image as a zarr array: its axes, its chunks, and where in it blocks of responses go."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from xcorr._cli.ome import metadata_of
from xcorr._cli.pixels import Array
from xcorr._cli.runs import Run, runs_of
from xcorr._cli.views import writes_whole
from xcorr._cli.zarr_images import Roles, ZarrImage
from xcorr._pieces import Pieces

__all__ = ["Laid", "Results", "results_for"]

CHUNK_BYTES = 1 << 24
"""Bytes of a chunk up to which kernels share it."""

LARGEST_CHUNK = 1 << 26
"""Bytes of a chunk at most: compressors take less than 2 GiB, and memory holds some."""

KERNEL = "kernel"
"""The name of the axis of kernels where axes of an array have names."""


@dataclass(frozen=True)
class Results:
    """How responses (images, rows, columns, kernels) are laid out as an array.

    Parameters
    ----------
    order : tuple of int
        The axes of the array in their order, as numbers among those of images, rows, columns and kernels.
    joined : int or None
        Which of the image axes is one axis with the kernels, these changing fastest.
    lengths : tuple of int
        Of the axes of images.
    sizes : tuple of int
        Rows, columns and kernels; without kernels 1.
    has_kernels : bool
        Whether kernels are an axis of a block of responses.
    names : tuple of str or None
        Of the array's axes.
    together : int
        Images that share a chunk.
    """

    order: tuple[int, ...]
    joined: int | None
    lengths: tuple[int, ...]
    sizes: tuple[int, int, int]
    has_kernels: bool
    names: tuple[str, ...] | None
    together: int

    def of_array(self, lengths: Sequence[int], rows: int, columns: int, kernels: int) -> tuple[int, ...]:
        """Return sizes of axes of images, rows, columns and kernels as those of the array's axes."""
        own = [*lengths, rows, columns, kernels]
        if self.joined is not None:
            own[self.joined] *= kernels
        return tuple(own[axis] for axis in self.order)

    @property
    def shape(self) -> tuple[int, ...]:
        """The array's shape."""
        return self.of_array(self.lengths, *self.sizes)

    def chunks(self, rows: int, columns: int, kernels: int) -> tuple[int, ...]:
        """Return the array's chunks."""
        of_images = [1] * len(self.lengths)
        if self.together > 1:
            of_images[-1] = self.together
        found = self.of_array(of_images, rows, columns, 1 if self.joined is not None else kernels)
        return tuple(max(1, length) for length in found)

    def slices(self, run: Run, rows: slice, columns: slice) -> tuple[slice, ...]:
        """Return where the responses of a run of images are in the array."""
        n_kernels = self.sizes[2]
        own = [*run.place, rows, columns, slice(0, n_kernels)]
        if self.joined is not None:
            channel = own[self.joined]
            own[self.joined] = slice(channel.start * n_kernels, channel.stop * n_kernels)
        return tuple(own[axis] for axis in self.order)

    def split_order(self) -> list[int]:
        """Return the order with kernels as an axis of their own, behind the one that they are joined with."""
        kernels, found = len(self.lengths) + 2, []
        for axis in self.order:
            found += [axis, kernels] if axis == self.joined else [axis]
        return found if kernels in found else [*found, kernels]

    def laid(self, values: Array, run: Run) -> Array:
        """Return responses (images, rows, columns, kernels) of a run with the array's axes."""
        counts = [own.stop - own.start for own in run.place]
        _, rows, columns, kernels = values.shape
        found = values.reshape(*counts, rows, columns, kernels).transpose(self.split_order())
        return found.reshape(self.of_array(counts, rows, columns, kernels))

    def taken(self, found: Array, run: Run, rows: int, columns: int) -> Array:
        """Return what `laid` gave as responses again."""
        counts = [own.stop - own.start for own in run.place]
        own, order = [*counts, rows, columns, self.sizes[2]], self.split_order()
        split = found.reshape([own[axis] for axis in order]).transpose(np.argsort(order))
        return split.reshape(run.end - run.begin, rows, columns, self.sizes[2])


class Laid:
    """An array of responses as what takes and gives slices (images, rows, columns, kernels), as streams do.

    `store` and `path` say where it lives, so that a stream beside it goes on.
    """

    def __init__(
        self, array: Any, results: Results, pieces: Pieces, paint: Callable[[Array], Array] | None, chunks: Any
    ) -> None:
        result = pieces.results[0]
        self.array, self.results, self.paint = array, results, paint
        self.shape, self.dtype, self.chunks = result.shape, result.dtype, chunks
        self.store = array.store if paint is None else None  # else it cannot be told what was written
        self.path = ""

    def __setitem__(self, place: tuple[slice, ...], values: Array) -> None:
        values = values if self.paint is None else self.paint(values)
        values = values if values.ndim == 4 else values[..., np.newaxis]
        images, rows, columns = place[:3]
        for run in runs_of(self.results.lengths, images.start, images.stop):
            own = self.results.laid(values[run.begin : run.end], run)
            self.array[self.results.slices(run, rows, columns)] = own

    def __getitem__(self, place: tuple[slice, ...]) -> Array:
        images, rows, columns = place[:3]
        sizes = rows.stop - rows.start, columns.stop - columns.start
        found = np.empty((images.stop - images.start, *sizes, self.results.sizes[2]), self.dtype)
        for run in runs_of(self.results.lengths, images.start, images.stop):
            own = np.asarray(self.array[self.results.slices(run, rows, columns)])
            found[run.begin : run.end] = self.results.taken(own, run, *sizes)
        return found if len(self.shape) == 4 else found[..., 0]


def results_for(image: ZarrImage, roles: Roles, pieces: Pieces) -> Results:
    """Return how the responses to an image are laid out; `roles` are those that it is correlated with.

    An array has the axes of the image and kernels last. OME-Zarr has no room for one more axis beside that of channels,
    so that kernels are channels: the responses to a channel are one after the other.
    """
    _, rows, columns, *kernels = pieces.results[0].shape
    n_images = len(roles.images)
    number = {axis: place for place, axis in enumerate((*roles.images, roles.row, roles.column))}
    axes: list[int | None] = [axis for axis in range(image.array.ndim) if axis in number]
    joined = None
    if image.ome is not None and image.roles.channel is not None and image.roles.channel in number:
        joined = number[image.roles.channel] if kernels else None
    elif image.ome is not None and kernels:
        axes.insert(n_first_times(image), None)
    elif kernels:
        axes.append(None)
    names = None
    if image.names is not None:
        own = "c" if image.ome is not None else KERNEL
        names = tuple(own if axis is None else image.names[axis] for axis in axes)
    last = roles.images[-1] if roles.images else -1
    return Results(
        order=tuple(n_images + 2 if axis is None else number[axis] for axis in axes),
        joined=joined,
        lengths=tuple(image.array.shape[axis] for axis in roles.images),
        sizes=(rows, columns, (kernels or [1])[0]),
        has_kernels=bool(kernels),
        names=names,
        together=image.array.shape[last] if last > max(roles.row, roles.column) else 1,
    )


def n_first_times(image: ZarrImage) -> int:
    """Return how many axes of an OME-Zarr image are before that of channels: those of time."""
    assert image.ome is not None
    return sum(axis.get("type") == "time" for axis in image.ome.axes)


def attributes_of(image: ZarrImage, roles: Roles, results: Results, pieces: Pieces, path: str) -> dict[str, Any]:
    """Return what is told of responses beside their numbers."""
    if image.ome is None:
        is_named = results.names is not None and image.array.metadata.zarr_format == 2
        return {"_ARRAY_DIMENSIONS": list(results.names or ())} if is_named else {}
    down, across = pieces.axes_cut
    kernels = len(roles.images) + 2
    places = (*roles.images, roles.row, roles.column)
    axes = [None if number == kernels else places[number] for number in results.order]
    steps, origins = [1.0] * len(axes), [0.0] * len(axes)
    for number, axis in ((len(roles.images), down), (len(roles.images) + 1, across)):
        steps[results.order.index(number)] = float(axis.stride)
        origins[results.order.index(number)] = (axis.effective - 1) / 2 - axis.before
    return metadata_of(image.ome, axes, path, steps, origins)


def chunks_that_fit(
    image: ZarrImage, results: Results, pieces: Pieces, source: Any, dtype: np.dtype[Any], most_bytes: int
) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Return the chunks of the array, and the same of responses as a stream has them.

    They are as long as the image's along rows and columns, and shorter where a stream of so many bytes could not write
    them whole. MemoryError if nothing has room.
    """
    of_array = image.array.chunks
    rows, columns = (
        max(1, min(-(-of_array[axis] // own.stride), length))
        for axis, own, length in zip(
            (image.roles.row, image.roles.column), pieces.axes_cut, results.sizes[:2], strict=True
        )
    )
    n_kernels = max(1, results.sizes[2])
    while True:
        plane = rows * columns * results.together * dtype.itemsize
        kernels = min(n_kernels, max(1, CHUNK_BYTES // plane))
        of_stream = (results.together, rows, columns, *([n_kernels] if results.has_kernels else []))
        if plane * kernels <= LARGEST_CHUNK and writes_whole(pieces, source, of_stream, most_bytes):
            return results.chunks(rows, columns, kernels), of_stream
        if (rows, columns) == (1, 1):
            raise MemoryError(f"{plane * kernels:,} bytes of the responses at one place have no room in {most_bytes:,}")
        rows, columns = (-(-rows // 2), columns) if rows >= columns else (rows, -(-columns // 2))
