"""Arrays on the disk whose first axis is that of the images: a ``.npy`` file, or a folder in the zarr format."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterator
from typing import Any, BinaryIO, Protocol

import numpy as np
from numpy.typing import NDArray

from xcorr._cli.files import digest_between
from xcorr._cli.folder import Folder, NotOurs
from xcorr._cli.large import Large, write_row
from xcorr._cli.responses import Responses
from xcorr._cli.zarr_rows import ZarrRows, is_zarr

__all__ = ["Rows", "open_finished", "open_rows"]

Array = NDArray[Any]

HEADER_BYTES = 256
"""Bytes of the header of a stacked ``.npy`` file: the number of images, known at the end only, has room there."""


class Rows(Protocol):
    """An array on the disk whose first axis is that of the images, written a part at a time."""

    shape: tuple[int, ...]
    dtype: np.dtype[Any]

    def digest(self, first: int, end: int) -> str | None: ...

    def write_large(self, first: int, large: Large, responses: Responses, index: int) -> None: ...

    def write(self, first: int, part: Array) -> None: ...

    def finish(self, n_rows: int) -> None: ...

    def is_whole(self, n_rows: int) -> bool: ...


@contextlib.contextmanager
def open_rows(
    folder: Folder, name: str, form: str, n_rows: int, shape: tuple[int, ...], dtype: np.dtype[Any]
) -> Iterator[Rows]:
    """Open an array of that form for writing, made if it is absent or another one."""
    if form == "zarr":
        if not is_zarr(folder, name, shape, dtype):
            folder.remove(name)
        with folder.inner(name, make=True) as inner:
            yield ZarrRows(inner, n_rows, shape, dtype)
    else:
        with folder.update(name) as file:
            yield NpyRows(file, shape, dtype)


@contextlib.contextmanager
def open_finished(
    folder: Folder, name: str, form: str, shape: tuple[int, ...], dtype: np.dtype[Any]
) -> Iterator[Rows | None]:
    """Open an array of that form for reading; None if it is not there, or another one."""
    with contextlib.ExitStack() as stack:
        rows: Rows | None = None
        if form == "zarr":
            if is_zarr(folder, name, shape, dtype):
                rows = ZarrRows(stack.enter_context(folder.inner(name)), None, shape, dtype)
        else:
            with contextlib.suppress(FileNotFoundError, NotOurs):
                rows = NpyRows(stack.enter_context(folder.read(name)), shape, dtype)
        yield rows


class NpyRows:
    """A ``.npy`` file with a header of one size, whatever the number of rows."""

    def __init__(self, file: BinaryIO, shape: tuple[int, ...], dtype: np.dtype[Any]) -> None:
        self.file, self.shape, self.dtype = file, shape, dtype
        self.row_bytes = math.prod(shape) * dtype.itemsize

    def digest(self, first: int, end: int) -> str | None:
        """Return the SHA-256 of rows [first, end), None if the file does not reach so far."""
        place = self.begin_of(end)
        return digest_between(self.file, self.begin_of(first), place) if self.file.seek(0, 2) >= place else None

    def begin_of(self, row: int) -> int:
        """Return where a row begins."""
        return HEADER_BYTES + row * self.row_bytes

    def write(self, first: int, part: Array) -> None:
        """Write rows from `first` on."""
        self.file.seek(self.begin_of(first))
        self.file.write(np.ascontiguousarray(part, self.dtype).data)
        self.file.flush()

    def write_large(self, first: int, large: Large, responses: Responses, index: int) -> None:
        """Write the responses of one image part by part."""
        write_row(self.file, self.begin_of(first), responses, large, index)
        self.file.flush()

    def finish(self, n_rows: int) -> None:
        """Write the header."""
        self.file.truncate(self.begin_of(n_rows))
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
        return self.file.read(HEADER_BYTES) == self.header(n_rows) and (self.file.seek(0, 2) == self.begin_of(n_rows))
