"""A folder in the zarr format 3, with a chunk for each image, or several for the rows of a large one. Needs zarr.

zarr itself opens files by their paths, wherever these lead, and decodes whatever a file says of itself. So it gets the
files' bytes from here: of plain files in the folder, of the size that they must have.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import MutableMapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from xcorr._cli.folder import Folder, NotOurs
from xcorr._cli.images import library_for
from xcorr._cli.large import Large
from xcorr._cli.responses import PART_BYTES, Responses
from xcorr._cli.zarr_chunks import ZSTD_START, told_bytes
from xcorr._cli.zarr_files import MOST_HEADER_BYTES, Files
from xcorr._pieces import Pieces

__all__ = ["ZarrRows", "is_zarr"]

Array = NDArray[Any]

HEADER = "zarr.json"


LARGE_BYTES, CHUNK_BYTES = 1 << 26, 1 << 22
"""Bytes of an image's responses from which on they are several chunks, and bytes of these."""


def chunk_of(shape: tuple[int, ...], dtype: np.dtype[Any]) -> tuple[int, ...]:
    """Return the chunks of one image's responses: whatever `--most-bytes` is, so that the same job writes the same."""
    of_row = math.prod(shape[1:]) * dtype.itemsize
    is_large = math.prod(shape) * dtype.itemsize > LARGE_BYTES
    rows = max(1, CHUNK_BYTES // of_row) if is_large else shape[0]
    return (max(1, min(rows, shape[0])), *(max(1, length) for length in shape[1:]))


class RowFiles(Files):
    """The files of an array with chunks of so many bytes.

    What is larger than such a chunk can be, or says that it would be another number of bytes when it is decompressed,
    is absent.
    """

    def __init__(self, folder: Folder, chunk_bytes: int) -> None:
        super().__init__(folder)
        self.chunk_bytes = chunk_bytes

    def __contains__(self, path: object) -> bool:
        return MutableMapping.__contains__(self, path)

    def __getitem__(self, path: str) -> Any:
        most = MOST_HEADER_BYTES + 2 * self.chunk_bytes
        body = self.bytes_of(path, most)
        if len(body) > most or (body.startswith(ZSTD_START) and told_bytes(body) != self.chunk_bytes):
            raise KeyError(path)
        return self.buffer.from_bytes(body)


def header_of(n_rows: int, shape: tuple[int, ...], dtype: np.dtype[Any]) -> bytes:
    """Return the header of such an array, as zarr writes it."""
    with library_for("writing zarr", "zarr"):
        import zarr
    from zarr.storage import MemoryStore

    files: dict[str, Any] = {}
    chunks = (1, *chunk_of(shape, dtype))
    zarr.create_array(MemoryStore(files), shape=(n_rows, *shape), chunks=chunks, dtype=dtype)
    return bytes(files[HEADER].to_bytes())


def is_zarr(folder: Folder, name: str, shape: tuple[int, ...], dtype: np.dtype[Any]) -> bool:
    """Whether a folder holds an array of so many rows as this module makes it, whatever the chunks are."""
    try:
        with folder.inner(name) as inner, inner.read(HEADER) as file:
            found = json.loads(file.read(MOST_HEADER_BYTES))
        n_rows = found["shape"][0]
        own = isinstance(n_rows, int) and n_rows >= 0 and json.loads(header_of(n_rows, shape, dtype))
        return bool(found == own)
    except (FileNotFoundError, NotOurs, ValueError, TypeError, LookupError, RecursionError):
        return False


class ZarrRows:
    """An array in a folder, which has a header already unless it is made now."""

    def __init__(self, folder: Folder, n_rows: int | None, shape: tuple[int, ...], dtype: np.dtype[Any]) -> None:
        """Open the array: for writing, if the number of its rows is given, else for reading."""
        header = header_of(n_rows or 0, shape, dtype)
        import zarr
        from zarr.storage import MemoryStore

        self.folder, self.shape, self.dtype = folder, shape, dtype
        self.row_bytes, self.chunk = math.prod(shape) * dtype.itemsize, chunk_of(shape, dtype)
        is_empty = 0 in shape
        files = RowFiles(folder, 0 if is_empty else math.prod(self.chunk) * dtype.itemsize)
        if n_rows is not None and HEADER not in files:
            with folder.create(HEADER) as file:
                file.write(header)
        self.array: Any = zarr.open_array(MemoryStore(files), mode="r" if n_rows is None else "r+")
        if n_rows is not None and self.array.shape[0] != n_rows:
            self.array.resize((n_rows, *shape))

    def read(self, first: int, end: int, top: int = 0) -> Array | None:
        """Return the chunks from `top` on of rows [first, end), None if they are not there or not whole."""
        try:
            place = slice(first, end), slice(top, top + self.chunk[0])
            return np.asarray(self.array[place]) if end <= self.array.shape[0] else None
        except Exception:  # a chunk that a killed run left half
            return None

    def digest(self, first: int, end: int) -> str | None:
        """Return the SHA-256 of rows [first, end), read in parts; None if they are not there."""
        total = hashlib.sha256()
        at_once, rows = max(1, PART_BYTES // max(1, self.row_bytes)), self.chunk[0]
        is_large = rows < self.shape[0]
        for start in range(first, end, 1 if is_large else at_once):
            for top in range(0, self.shape[0], rows) if is_large else (0,):
                part = self.read(start, start + 1 if is_large else min(start + at_once, end), top)
                if part is None:
                    return None
                total.update(np.ascontiguousarray(part).data)
        return total.hexdigest()

    def write_large(self, first: int, large: Large, responses: Responses, index: int) -> None:
        """Write the responses of one image part by part."""

        def sink(pieces: Pieces, paint: Any) -> RowSink:
            return RowSink(self.array, first, self.chunk[0], pieces, paint)

        large.respond(index, responses.has_channels, responses.dtype, sink)

    def write(self, first: int, part: Array) -> None:
        """Write rows from `first` on."""
        self.array[first : first + len(part)] = part

    def finish(self, n_rows: int) -> None:
        """Cut the array to that many rows, and have its files on the disk and no others in the folder."""
        self.array.resize((n_rows, *self.shape))
        self.tidy(self.folder, ())

    def tidy(self, folder: Folder, place: tuple[str, ...]) -> None:
        """Remove what is none of the array's files from the folder at a place, and have the others on the disk."""
        for name in folder.names():
            path, kind = (*place, name), folder.kind(name)
            if not self.is_own(path, kind):
                folder.remove(name)
            elif kind == "folder":
                with folder.inner(name) as inner:
                    self.tidy(inner, path)
            else:
                folder.sync(name)
        folder.sync()

    def is_own(self, path: tuple[str, ...], kind: str) -> bool:
        """Whether the array has such a file, ``zarr.json`` or ``c/ROW/PART/0/...``, or a folder of such files."""
        row, part = (*path[1:3], "", "")[:2]
        counts = self.array.shape[0], -(-self.shape[0] // self.chunk[0]) or 1
        for number, count in zip((row, part), counts, strict=True):
            is_number = number.isascii() and number.isdecimal() and number == str(min(int(number[:18]), count - 1))
            if number and not is_number:
                return False
        chunk = ("c", row, part or "0", *("0" for _ in self.shape[1:]))
        if kind == "file":
            return path in ((HEADER,), chunk)
        return kind == "folder" and path == chunk[: len(path)] and len(path) < len(chunk)

    def is_whole(self, n_rows: int) -> bool:
        """Whether the array has that many rows."""
        return bool(self.array.shape[0] == n_rows)


class RowSink:
    """One image's responses in an array, as what takes slices (images, rows, columns, kernels)."""

    is_whole = True

    def __init__(self, array: Any, row: int, rows: int, pieces: Pieces, paint: Any) -> None:
        result = pieces.results[0]
        self.array, self.row, self.paint = array, row, paint
        self.shape, self.dtype = result.shape, result.dtype
        n_images, _, n_columns, *kernels = self.shape
        self.chunks = (n_images, rows, n_columns, *kernels)

    def __setitem__(self, place: tuple[slice, ...], values: Array) -> None:
        values = values if self.paint is None else self.paint(values)
        channels, rows, columns = place[:3]
        if self.array.ndim == 1 + values.ndim:
            self.array[(self.row, rows, columns, channels)] = np.moveaxis(values, 0, 2)
        else:
            self.array[self.row, rows, columns] = values[0]
