"""A folder in the zarr format 3, with a chunk for each image. Needs zarr.

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
from xcorr._cli.responses import PART_BYTES
from xcorr._cli.zarr_chunks import ZSTD_START, told_bytes
from xcorr._cli.zarr_files import MOST_HEADER_BYTES, Files

__all__ = ["ZarrRows", "is_zarr"]

Array = NDArray[Any]

HEADER = "zarr.json"


class RowFiles(Files):
    """The files of an array with a chunk for each row.

    What is larger than the bytes of a row can be, or says that it would be another number of bytes when it is
    decompressed, is absent.
    """

    def __init__(self, folder: Folder, row_bytes: int) -> None:
        super().__init__(folder)
        self.row_bytes = row_bytes

    def __contains__(self, path: object) -> bool:
        return MutableMapping.__contains__(self, path)

    def __getitem__(self, path: str) -> Any:
        most = MOST_HEADER_BYTES + 2 * self.row_bytes
        body = self.bytes_of(path, most)
        if len(body) > most or (body.startswith(ZSTD_START) and told_bytes(body) != self.row_bytes):
            raise KeyError(path)
        return self.buffer.from_bytes(body)


def header_of(n_rows: int, shape: tuple[int, ...], dtype: np.dtype[Any]) -> bytes:
    """Return the header of such an array, as zarr writes it."""
    with library_for("writing zarr", "zarr"):
        import zarr
    from zarr.storage import MemoryStore

    files: dict[str, Any] = {}
    chunks = (1, *(max(1, length) for length in shape))
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
        self.row_bytes = math.prod(shape) * dtype.itemsize
        files = RowFiles(folder, self.row_bytes)
        if n_rows is not None and HEADER not in files:
            with folder.create(HEADER) as file:
                file.write(header)
        self.array: Any = zarr.open_array(MemoryStore(files), mode="r" if n_rows is None else "r+")
        if n_rows is not None and self.array.shape[0] != n_rows:
            self.array.resize((n_rows, *shape))

    def read(self, first: int, end: int) -> Array | None:
        """Return rows [first, end), None if they are not there or not whole."""
        try:
            return np.asarray(self.array[first:end]) if end <= self.array.shape[0] else None
        except Exception:  # a chunk that a killed run left half
            return None

    def digest(self, first: int, end: int) -> str | None:
        """Return the SHA-256 of rows [first, end), read in parts; None if they are not there."""
        total = hashlib.sha256()
        at_once = max(1, PART_BYTES // max(1, self.row_bytes))
        for start in range(first, end, at_once):
            part = self.read(start, min(start + at_once, end))
            if part is None:
                return None
            total.update(np.ascontiguousarray(part).data)
        return total.hexdigest()

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
        """Whether the array has such a file, ``zarr.json`` or ``c/ROW/0/...``, or a folder of such files."""
        row = path[1] if len(path) > 1 else ""
        if row and not (row.isascii() and row.isdecimal() and row == str(min(int(row[:18]), self.array.shape[0] - 1))):
            return False
        chunk = ("c", row, *("0" for _ in self.shape))
        if kind == "file":
            return path in ((HEADER,), chunk)
        return kind == "folder" and path == chunk[: len(path)] and len(path) < len(chunk)

    def is_whole(self, n_rows: int) -> bool:
        """Whether the array has that many rows."""
        return bool(self.array.shape[0] == n_rows)
