"""Responses of images that have no room beside them: `xcorr.stream` makes them part by part, right into their file."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, BinaryIO

import numpy as np

from xcorr._cli.images import Images, library_for
from xcorr._cli.pixels import Array, ImageError
from xcorr._cli.respond import Responder
from xcorr._cli.responses import IN_A_BATCH, Responses, pages_of, write_header
from xcorr._cli.views import FileView, Source, needs_whole, reduced_error, writes_whole
from xcorr._pieces import Pieces
from xcorr._pieces_found import pieces_of
from xcorr._stream import stream

__all__ = ["IN_PARTS", "Large", "is_large", "write_large", "write_row"]

Tell = Callable[[float], object]

IN_PARTS = ("npy", "tif", "stack", "zarr")
"""Forms of results that are written part by part."""

SHARE = (2, 3)
"""The share of these bytes that blocks of a stream may take: beside them one is brought into the file's order."""

LEAST = 4
"""The part that blocks have of these bytes at least, one in so many, where an image is in memory as a whole."""

IN_ORDER = {"npy": (1, 2, 0, 3), "tif": (3, 0, 1, 2), "colours": (3, 1, 2, 0)}
"""Axes of one image's responses in a file; here they are (channels, rows, columns, kernels)."""


@dataclass(frozen=True)
class Large:
    """What makes the responses of a file's images part by part.

    Parameters
    ----------
    responder : Responder
        The bank.
    images : Images
        The images.
    most_bytes : int
        Bytes of pixels and responses that may be in memory.
    tell : function
        Called with the share of all images that was done since.
    """

    responder: Responder
    images: Images
    most_bytes: int
    tell: Tell

    def respond(self, index: int, apart: bool, dtype: np.dtype[Any], sink_of: Callable[[Pieces, Any], Any]) -> None:
        """Make the responses of one image, its channels apart or not.

        `sink_of` gives what takes them, of their sizes and of what makes numbers of the type of them.
        """
        view = FileView(self.images, index, apart)
        source = Source(view, self.responder)
        prepared, words = source.correlator, self.responder.words(view.dtype)
        room = max(self.most_bytes - view.held_bytes, self.most_bytes // LEAST) * SHARE[0] // SHARE[1]
        told = 0.0

        def progress(done: int, total: int) -> None:
            nonlocal told
            share = done / max(1, total)
            self.tell((share - told) / self.images.n_images)
            told = share

        try:
            pieces = pieces_of(prepared, source.shape, source.dtype)
            paint = None if words[1] is None else lambda part: self.responder.painted(part, dtype)
            sink = sink_of(pieces, paint)
            if sink.is_whole and not writes_whole(pieces, source, sink.chunks, max(1, room)):
                raise ImageError(f"--most-bytes: got {self.most_bytes:,}; three chunks of the result have no room")
            stream(prepared, source, sink, workers=self.responder.workers, max_bytes=max(1, room), progress=progress)
        except (TypeError, ValueError, OverflowError, MemoryError) as error:
            raise reduced_error(error, self.most_bytes, SHARE, view.held_bytes) from error


class FileSink:
    """The responses of one image in a file, as what takes slices (images, rows, columns, kernels).

    Parameters
    ----------
    file : file
        Open for writing.
    begin : int
        Where the first number is.
    order : tuple of int
        The order in the file of the axes (channels, rows, columns, kernels).
    pieces : Pieces
        The sizes of the responses.
    dtype : dtype
        In the file.
    paint : function or None
        What makes numbers of that type of responses.
    """

    is_whole = False
    """Whether chunks are written once and whole."""

    def __init__(
        self,
        file: BinaryIO,
        begin: int,
        order: Sequence[int],
        pieces: Pieces,
        dtype: np.dtype[Any],
        paint: Callable[[Array], Array] | None,
    ) -> None:
        result = pieces.results[0]
        self.target, self.begin, self.order, self.kind, self.paint = file, begin, order, dtype, paint
        self.shape, self.dtype = result.shape, result.dtype
        n_images, n_rows, n_columns, *kernels = self.shape
        self.sizes = (n_images, n_rows, n_columns, *(kernels or [1]))
        if n_images > 1:  # which are channels, and lie beside each other
            self.chunks = (n_images, max(1, min(pieces.grid[0], n_rows)), max(1, n_columns), *kernels)

    def __setitem__(self, place: tuple[slice, ...], values: Array) -> None:
        values = values if self.paint is None else self.paint(values)
        values = values if values.ndim == 4 else values[..., np.newaxis]
        firsts = [own.start for own in place] + [0] * (4 - len(place))
        moved = np.ascontiguousarray(values.transpose(self.order), self.kind)
        sizes, starts = ([numbers[axis] for axis in self.order] for numbers in (self.sizes, firsts))
        whole = 4
        while whole > 1 and moved.shape[whole - 1] == sizes[whole - 1]:
            whole -= 1  # the axes from here on are one run in the file, and so are the numbers along the one before
        pitches = [math.prod(sizes[axis + 1 :]) for axis in range(4)]
        for index in np.ndindex(moved.shape[: whole - 1]):
            own = [first + step for first, step in zip(starts, index, strict=False)] + starts[whole - 1 :]
            offset = sum(map(operator.mul, own, pitches))
            self.target.seek(self.begin + offset * self.kind.itemsize)
            self.target.write(moved[index].data)


def is_large(responder: Responder, images: Images, responses: Responses, most_bytes: int, form: str) -> bool:
    """Whether images are done part by part: they have no room for their responses, and the form takes parts."""
    return (
        responses.n_bytes > most_bytes
        and form in IN_PARTS
        and responses.n_images > 0
        and 0 not in responses.shape
        and not needs_whole(responder, images.dtype)
    )


def write_large(file: BinaryIO, responses: Responses, large: Large, form: str) -> str:
    """Write a file as `write_responses` does, with the same bytes, and return what became of the images' axes."""
    if form == "npy":
        write_header(file, responses)
        begin, order = file.tell(), "npy"
        told = IN_A_BATCH.format(responses.axes.letters) if responses.axes else ""
    else:
        with library_for("writing TIFF", "cli"):
            from xcorr._cli.tiff import place_pages
        pages = pages_of(responses)
        begin = place_pages(file, pages.shape, responses.dtype, pages.words)
        order, told = "colours" if pages.has_colours else "tif", pages.told
    step = math.prod(responses.shape) * responses.dtype.itemsize
    for index in range(responses.n_images):
        write_one(file, begin + index * step, responses, large, index, order)
    return told


def write_row(file: BinaryIO, begin: int, responses: Responses, large: Large, index: int) -> None:
    """Write the responses of one image from a place in a stack on."""
    write_one(file, begin, responses, large, index, "npy")


def write_one(file: BinaryIO, begin: int, responses: Responses, large: Large, index: int, order: str) -> None:
    """Write the responses of one image from a place in a file on, in one of the orders."""

    def sink(pieces: Pieces, paint: Any) -> FileSink:
        return FileSink(file, begin, IN_ORDER[order], pieces, responses.dtype, paint)

    large.respond(index, responses.has_channels, responses.dtype, sink)
