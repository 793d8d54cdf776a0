"""Images as a bank meets them, read part by part: what `xcorr.stream` takes for its source."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np

from xcorr._blocks import Block, cut
from xcorr._cli.pixels import Array, ImageError, Images
from xcorr._cli.respond import Responder
from xcorr._correlator import Correlator
from xcorr._pieces import Pieces
from xcorr._stream_ends import chunks_of

__all__ = ["FileView", "Source", "View", "needs_whole", "reduced_error", "writes_whole"]


class View(Protocol):
    """Images (N, H, W) or (N, H, W, C), of which parts are read."""

    shape: tuple[int, ...]
    dtype: np.dtype[Any]

    def read(self, first: int, end: int, rows: slice, columns: slice) -> Array: ...


class FileView:
    """One image of a file; its channels as images, where each is correlated by itself.

    Parameters
    ----------
    images : Images
        The images of the file.
    index : int
        Which of them.
    apart : bool
        Whether channels are images.
    """

    def __init__(self, images: Images, index: int, apart: bool) -> None:
        self.images, self.index, self.apart = images, index, apart
        height, width, *channels = images.shape
        self.shape: tuple[int, ...] = (channels[0], height, width) if apart else (1, *images.shape)
        self.dtype = images.dtype
        self.whole = images.read(index, index + 1)[0] if images.read_area is None else None

    @property
    def held_bytes(self) -> int:
        """Bytes of pixels that are in memory all the time."""
        return 0 if self.whole is None else self.whole.nbytes

    def read(self, first: int, end: int, rows: slice, columns: slice) -> Array:
        """Return a part of images [first, end)."""
        if self.whole is not None:
            area = self.whole[rows, columns]
        else:
            assert self.images.read_area is not None
            area = self.images.read_area(self.index, rows, columns)
        together: Array = np.moveaxis(area, -1, 0) if self.apart else area[np.newaxis]
        return together[first:end]


class Source:
    """The images of a view, scaled and with the channels that a bank takes, in slices.

    `layout` and `bank` are those that they are correlated with.
    """

    def __init__(self, view: View, responder: Responder) -> None:
        one = responder.prepared(np.broadcast_to(np.zeros((), view.dtype), (0, *view.shape[1:])))
        self.view, self.responder = view, responder
        self.layout, self.bank = responder.pair(one)
        self.shape, self.dtype = (view.shape[0], *one.shape[1:]), one.dtype

    @property
    def correlator(self) -> Correlator:
        """The prepared bank."""
        words, _ = self.responder.words(self.view.dtype)
        return self.responder.correlator(self.layout, self.bank, words)

    def __getitem__(self, place: tuple[slice, ...]) -> Array:
        images, rows, columns = place[:3]
        return self.responder.prepared(self.view.read(images.start, images.stop, rows, columns))


def needs_whole(responder: Responder, dtype: np.dtype[Any]) -> bool:
    """Whether the numbers of a result follow from all of a response, as its least and greatest."""
    _, result = responder.words(dtype)
    return result is not None and responder.scale in ("stretch", "middle")


def writes_whole(pieces: Pieces, source: Any, chunks: Sequence[int], most_bytes: int) -> bool:
    """Whether a stream of so many bytes writes each chunk of its responses once and whole; MemoryError without room."""
    blocks = cut(pieces, source.dtype.itemsize, most_bytes, chunks_of(source), chunks).blocks
    return all(is_whole(block, chunks, pieces) for block in blocks)


def is_whole(block: Block, chunks: Sequence[int], pieces: Pieces) -> bool:
    """Whether a block has all of each chunk that it has a part of."""
    spans = [(block.first, block.end - block.first, pieces.n_images, chunks[0])]
    for own, count, length in zip(block.area or (), pieces.outputs, chunks[1:3], strict=False):
        spans.append((*own, count, length))
    return all(
        first % length == 0 and ((first + n) % length == 0 or first + n == count) for first, n, count, length in spans
    )


def reduced_error(error: Exception, most_bytes: int, share: tuple[int, int], held: int) -> ImageError:
    """Return an error of a stream as one of an image file, with the size of the option.

    `share` is what of these bytes the stream had, beside `held` ones of pixels that stay in memory.
    """
    begin, comma, reason = str(error).partition(" are needed: ")
    if not (isinstance(error, MemoryError) and comma and begin.startswith("max_bytes: ")):
        return ImageError(str(error))
    least = -(-int(begin.rpartition(" ")[2]) * share[1] // share[0]) + held
    return ImageError(f"--most-bytes: got {most_bytes:,}; at least {least:,} are needed: {reason}")
