"""A folder as what zarr reads and writes: plain files in it, of sizes that they may have. Needs zarr."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from zarr.abc.store import OffsetByteRequest, RangeByteRequest, SuffixByteRequest
from zarr.core.buffer import default_buffer_prototype
from zarr.storage import MemoryStore

from xcorr._cli.folder import Folder, NotOurs, name_and_folders
from xcorr._cli.pixels import ImageError
from xcorr._cli.zarr_files import MOST_HEADER_BYTES, Files

__all__ = ["FolderStore"]

HEADERS = ("zarr.json", ".zarray", ".zgroup", ".zattrs", ".zmetadata")

Check = Callable[[bytes, Any], None]


class FolderStore(MemoryStore):
    """The files of a folder.

    zarr itself opens files by their paths, wherever these lead, and decodes whatever a file says of itself.

    Parameters
    ----------
    folder : Folder
        The folder, open as long as the store is.
    most_bytes : int
        Bytes that a file may have.
    read_only : bool
        Whether nothing is written.

    Attributes
    ----------
    root : Path
        The folder's path.
    check : function or None
        What is called with the bytes of a chunk, and which of them were asked for; None lets all pass.
    """

    def __init__(self, folder: Folder, most_bytes: int, read_only: bool = False) -> None:
        super().__init__(Files(folder), read_only=read_only)
        self.folder, self.most_bytes, self.root = folder, most_bytes, folder.path
        self.check: Check | None = None

    def with_read_only(self, read_only: bool = False) -> FolderStore:
        """Return the same folder to be read only, or not."""
        found = FolderStore(self.folder, self.most_bytes, read_only)
        found.check = self.check
        return found

    def __eq__(self, other: object) -> bool:
        return isinstance(other, FolderStore) and self.root == other.root

    __hash__ = None  # type: ignore[assignment]

    def found(self, key: str, byte_range: Any) -> bytes | None:
        """Return bytes of a file; None if it is absent, `ImageError` for more of them than there may be."""
        name, folders = name_and_folders(key)
        is_header = name in HEADERS
        most = MOST_HEADER_BYTES if is_header else self.most_bytes
        try:
            with self.folder.below(folders) as folder, folder.read(name) as file:
                size = file.seek(0, 2)
                begin, end = span_of(byte_range, size)
                if end - begin > most:
                    raise ImageError(f"{key}: {end - begin:,} bytes; allowed are {most:,}")
                file.seek(begin)
                body = file.read(end - begin)
        except FileNotFoundError:
            return None
        except NotOurs as error:
            raise ImageError(str(error)) from error
        except OSError as error:
            if not self.read_only:
                raise
            raise ImageError(f"{key}: {error.strerror or error}") from error
        if self.check is not None and not is_header:
            try:
                self.check(body, byte_range)
            except ImageError as error:
                raise ImageError(f"{key}: {error}") from None
        return body

    async def get(self, key: str, prototype: Any = None, byte_range: Any = None) -> Any:
        """Return bytes of a file in zarr's buffer."""
        body = await asyncio.to_thread(self.found, key, byte_range)
        return None if body is None else (prototype or default_buffer_prototype()).buffer.from_bytes(body)

    def get_sync(self, key: str, *, prototype: Any = None, byte_range: Any = None) -> Any:
        """Return the same."""
        body = self.found(key, byte_range)
        return None if body is None else (prototype or default_buffer_prototype()).buffer.from_bytes(body)


def span_of(byte_range: Any, size: int) -> tuple[int, int]:
    """Return the first byte and the end of what is asked for of a file."""
    if isinstance(byte_range, RangeByteRequest):
        begin, end = byte_range.start, byte_range.end
    elif isinstance(byte_range, SuffixByteRequest):
        begin, end = size - byte_range.suffix, size
    else:
        begin, end = byte_range.offset if isinstance(byte_range, OffsetByteRequest) else 0, size
    begin = min(max(0, begin), size)
    return begin, min(max(begin, end), size)
