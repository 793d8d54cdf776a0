"""What becomes of responses: a file for each image file, or one array of all."""

from __future__ import annotations

import contextlib
import hashlib
import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Protocol

import numpy as np
from numpy.typing import NDArray

from xcorr._cli.images import ImageError, library_for

__all__ = [
    "PART_BYTES",
    "SUFFIXES",
    "Responses",
    "Rows",
    "open_finished",
    "open_rows",
    "planes_first",
    "rows_digest",
    "write_responses",
]

Array = NDArray[Any]

SUFFIXES = {"npy": ".npy", "tif": ".tif", "sheet": ".sheet.png", "stack": ".npy", "zarr": ".zarr"}
"""Of the formats: what an image file's name gets, or what ``--out`` has to end in."""

PART_BYTES = 1 << 26
"""Bytes of responses that are in memory at once, unless those of one image are more."""

HEADER_BYTES = 256
"""Of a stacked ``.npy`` file: the number of images in it, known at the end only, has room there."""


@dataclass(frozen=True)
class Responses:
    """The responses of one image file, in parts of some images each, in order.

    `shape` is that of one image's: (rows, columns), then the image's channels if each was correlated by itself, then
    the kernels if there is a bank.
    """

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    n_images: int
    has_batch: bool
    has_channels: bool
    parts: Iterable[Array]

    @property
    def whole_shape(self) -> tuple[int, ...]:
        """Of all of them."""
        return (self.n_images, *self.shape) if self.has_batch else self.shape


def write_responses(file: BinaryIO, responses: Responses, form: str) -> None:
    """Write a file of the form "npy" or "tif"."""
    if form == "npy":
        header = {"descr": np.lib.format.dtype_to_descr(responses.dtype), "fortran_order": False}
        np.lib.format.write_array_header_1_0(file, {**header, "shape": responses.whole_shape})
        for part in responses.parts:
            file.write(np.ascontiguousarray(part).data)
    else:
        write_tif(file, responses)


def planes_first(part: Array) -> Array:
    """View (images, rows, columns, ...) as (images, ..., rows, columns) with the kernels before the channels."""
    return part.transpose(0, *range(part.ndim - 1, 2, -1), 1, 2)


def write_tif(file: BinaryIO, responses: Responses) -> None:
    """Write a page for each response: by image, by kernel, by channel, the last one changing fastest."""
    with library_for("writing TIFF", "cli"):
        from xcorr._cli.tiff import write_pages
    rows, columns, *others = responses.shape
    shape = (*responses.whole_shape[: int(responses.has_batch)], *reversed(others), rows, columns)
    if 0 in shape:
        raise ImageError(f"responses of shape {responses.whole_shape}; a TIFF has at least one page")
    pages = (page for part in responses.parts for page in planes_first(part).reshape(-1, rows, columns))
    write_pages(file, shape, responses.dtype, pages)


# --- stacks -----------------------------------------------------------------------------------------------------------


class Rows(Protocol):
    """An array on the disk whose first axis is that of the images, written a part at a time."""

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    row_bytes: int

    def read(self, first: int, end: int) -> Array | None: ...

    def write(self, first: int, part: Array) -> None: ...

    def finish(self, n_rows: int) -> None: ...

    def is_whole(self, n_rows: int) -> bool: ...


@contextlib.contextmanager
def open_rows(path: Path, form: str, n_rows: int, shape: tuple[int, ...], dtype: np.dtype[Any]) -> Iterator[Rows]:
    """Open an array of that form for writing, made if it is absent or another one."""
    if form == "zarr":
        yield ZarrRows(path, n_rows, shape, dtype)
        return
    with path.open("r+b" if path.exists() else "w+b") as file:
        yield NpyRows(file, shape, dtype)


@contextlib.contextmanager
def open_finished(path: Path, form: str, shape: tuple[int, ...], dtype: np.dtype[Any]) -> Iterator[Rows | None]:
    """Open an array of that form for reading; None if it is not there, or another one."""
    if form == "zarr":
        try:
            rows = ZarrRows(path, None, shape, dtype)
        except (ImageError, OSError):
            yield None
        else:
            yield rows
        return
    if not path.is_file():
        yield None
        return
    with path.open("rb") as file:
        yield NpyRows(file, shape, dtype)


def rows_digest(rows: Rows, first: int, end: int) -> str | None:
    """Return the SHA-256 of rows [first, end), read in parts; None if they are not there."""
    total = hashlib.sha256()
    at_once = max(1, PART_BYTES // max(1, rows.row_bytes))
    for start in range(first, end, at_once):
        part = rows.read(start, min(start + at_once, end))
        if part is None:
            return None
        total.update(np.ascontiguousarray(part).data)
    return total.hexdigest()


class NpyRows:
    """A ``.npy`` file with a header of one size, whatever the number of rows."""

    def __init__(self, file: BinaryIO, shape: tuple[int, ...], dtype: np.dtype[Any]) -> None:
        self.file, self.shape, self.dtype = file, shape, dtype
        self.row_bytes = math.prod(shape) * dtype.itemsize

    def read(self, first: int, end: int) -> Array | None:
        """Return rows [first, end), None if the file does not reach so far."""
        self.file.seek(HEADER_BYTES + first * self.row_bytes)
        data = self.file.read((end - first) * self.row_bytes)
        if len(data) < (end - first) * self.row_bytes:
            return None
        rows: Array = np.frombuffer(data, self.dtype).reshape(end - first, *self.shape)
        return rows

    def write(self, first: int, part: Array) -> None:
        """Write rows from `first` on."""
        self.file.seek(HEADER_BYTES + first * self.row_bytes)
        self.file.write(np.ascontiguousarray(part, self.dtype).data)
        self.file.flush()

    def finish(self, n_rows: int) -> None:
        """Write the header."""
        self.file.truncate(HEADER_BYTES + n_rows * self.row_bytes)
        self.file.seek(0)
        self.file.write(self.header(n_rows))
        self.file.flush()

    def header(self, n_rows: int) -> bytes:
        """Return a header of the format 1.0, for these many rows."""
        facts = {"descr": np.lib.format.dtype_to_descr(self.dtype), "fortran_order": False}
        text = repr({**facts, "shape": (n_rows, *self.shape)}).encode("ascii")
        start = np.lib.format.magic(1, 0)
        length = HEADER_BYTES - len(start) - 2
        return start + length.to_bytes(2, "little") + text.ljust(length - 1) + b"\n"

    def is_whole(self, n_rows: int) -> bool:
        """Whether the file has that header, and ends after the last row."""
        self.file.seek(0)
        return self.file.read(HEADER_BYTES) == self.header(n_rows) and (
            self.file.seek(0, 2) == HEADER_BYTES + n_rows * self.row_bytes
        )


class ZarrRows:
    """A folder in the zarr format 3, with a chunk for each image."""

    def __init__(self, path: Path, n_rows: int | None, shape: tuple[int, ...], dtype: np.dtype[Any]) -> None:
        """With rows for writing, else for reading; `ImageError` if there is no such array to read."""
        with library_for("writing zarr", "zarr"):
            import zarr
        self.path, self.shape, self.dtype = path, shape, dtype
        self.row_bytes = math.prod(shape) * dtype.itemsize
        self.array: Any = None
        if path.is_dir():
            with contextlib.suppress(Exception):  # what is there may be another thing, or left half by a killed run
                found = zarr.open_array(str(path), mode="r" if n_rows is None else "r+")
                self.array = found if found.shape[1:] == shape and found.dtype == dtype else None
        if n_rows is None:
            if self.array is None:
                raise ImageError(f"{path} is no such array")
        elif self.array is None:
            chunks = (1, *(max(1, length) for length in shape))
            whole = (n_rows, *shape)
            self.array = zarr.create_array(str(path), shape=whole, chunks=chunks, dtype=dtype, overwrite=True)
        elif self.array.shape[0] != n_rows:
            self.array.resize((n_rows, *shape))

    def read(self, first: int, end: int) -> Array | None:
        """Return rows [first, end), None if they are not there or not whole."""
        try:
            return np.asarray(self.array[first:end]) if end <= self.array.shape[0] else None
        except Exception:  # a chunk that a killed run left half
            return None

    def write(self, first: int, part: Array) -> None:
        """Write rows from `first` on."""
        self.array[first : first + len(part)] = part

    def finish(self, n_rows: int) -> None:
        """Cut the array to that many rows, and remove what killed runs left of their files."""
        self.array.resize((n_rows, *self.shape))
        for place in self.path.rglob("*.partial"):
            place.unlink()

    def is_whole(self, n_rows: int) -> bool:
        """Whether the array has that many rows."""
        return bool(self.array.shape[0] == n_rows)
