"""Some rows and columns of a TIFF page, of which only the strips and tiles are decoded that they lie in."""

from __future__ import annotations

from typing import Any

import numpy as np

from xcorr._cli.pixels import Array
from xcorr._cli.tiff_pieces import piece_sizes

__all__ = ["Areas", "can_be_cut"]

KEPT_BYTES = 1 << 25
"""Bytes of decoded pieces that are kept for the next part, which reads some of them again."""


def can_be_cut(page: Any) -> bool:
    """Whether a part of a page can be read without all of it."""
    if len(page.shaped) != 5 or page.shaped[1] != 1 or 0 in page.shaped or page.is_subsampled:
        return False
    if page.is_final:
        return True
    if page.jpegheader is not None or page.is_contiguous:
        return False
    width, height = piece_sizes(page)
    n_pieces = -(-page.imagewidth // width) * -(-page.imagelength // height)
    return bool(n_pieces > 1 and len(page.dataoffsets) == n_pieces * page.shaped[0])


class Areas:
    """The parts of one page; decoded pieces are kept from one to the next."""

    def __init__(self, page: Any) -> None:
        self.page, self.file = page, page.parent.filehandle
        self.n_planes, _, self.n_rows, self.n_columns, self.n_samples = page.shaped
        self.kept: dict[int, Array | None] = {}

    def read(self, rows: slice, columns: slice) -> Array:
        """Return pixels with the axes that the page has."""
        found = self.rows_of_file(rows, columns) if self.page.is_final else self.of_pieces(rows, columns)
        if self.page.axes == "SYX":
            return found[..., 0]
        return found[0] if self.page.axes == "YXS" else found[0, ..., 0]

    def rows_of_file(self, rows: slice, columns: slice) -> Array:
        """Return the pixels (planes, rows, columns, samples) of a page whose rows lie one after the other."""
        dtype = np.dtype(self.page.dtype).newbyteorder(self.page.parent.byteorder)
        row_bytes = self.n_columns * self.n_samples * dtype.itemsize
        count, planes = rows.stop - rows.start, []
        for plane in range(self.n_planes):
            self.file.seek(self.page.dataoffsets[0] + (plane * self.n_rows + rows.start) * row_bytes)
            body = self.file.read(count * row_bytes)
            own = np.ndarray((count, self.n_columns, self.n_samples), dtype, body)[:, columns]
            planes.append(own.astype(self.page.dtype, copy=False))
        return np.stack(planes) if len(planes) > 1 else planes[0][np.newaxis]

    def of_pieces(self, rows: slice, columns: slice) -> Array:
        """Return the pixels (planes, rows, columns, samples) of a page in strips or tiles."""
        width, height = piece_sizes(self.page)
        n_down, n_across = -(-self.n_rows // height), -(-self.n_columns // width)
        shape = (self.n_planes, rows.stop - rows.start, columns.stop - columns.start, self.n_samples)
        found = np.empty(shape, self.page.dtype)
        kept: dict[int, Array | None] = {}
        for plane in range(self.n_planes):
            for down in range(rows.start // height, -(-rows.stop // height)):
                for across in range(columns.start // width, -(-columns.stop // width)):
                    index = (plane * n_down + down) * n_across + across
                    kept[index] = piece = self.kept[index] if index in self.kept else self.decoded(index)
                    own = spread(down * height, height, rows), spread(across * width, width, columns)
                    place = found[plane, own[0].there, own[1].there]
                    place[...] = self.page.nodata if piece is None else piece[own[0].here, own[1].here]
        n_bytes = sum(piece.nbytes for piece in kept.values() if piece is not None)
        self.kept = kept if n_bytes <= KEPT_BYTES else {}
        return found

    def decoded(self, index: int) -> Array | None:
        """Return the pixels (rows, columns, samples) of a piece; None for one that is nowhere in the file."""
        page, body = self.page, None
        if page.databytecounts[index]:
            self.file.seek(page.dataoffsets[index])
            body = self.file.read(page.databytecounts[index])
        piece, _, _ = page.decode(body, index, jpegtables=page.jpegtables, jpegheader=page.jpegheader)
        return None if piece is None else piece[0]


class Spread:
    """Places of the pixels of a piece along an axis: in the piece itself, and in the part that is read."""

    def __init__(self, begin: int, end: int, first: int, origin: int) -> None:
        self.here, self.there = slice(begin - first, end - first), slice(begin - origin, end - origin)


def spread(first: int, length: int, part: slice) -> Spread:
    """Return where a piece from `first` on and a part have their common pixels."""
    return Spread(max(first, part.start), min(first + length, part.stop), first, part.start)
