"""The plain files of a folder in the zarr format, by their paths in it."""

from __future__ import annotations

from collections.abc import Iterator, MutableMapping
from typing import Any

from xcorr._cli.folder import Folder, NotOurs, name_and_folders

__all__ = ["MOST_HEADER_BYTES", "Files"]

MOST_HEADER_BYTES = 1 << 20

MOST_LEVELS = 8
"""Levels of folders in which zarr looks for files: more than chunks of responses have."""


class Files(MutableMapping[str, Any]):
    """The files of a folder by their paths in it, as the buffers that zarr takes.

    What is no plain file is absent.
    """

    def __init__(self, folder: Folder) -> None:
        from zarr.core.buffer import default_buffer_prototype

        self.folder = folder
        self.buffer = default_buffer_prototype().buffer

    def bytes_of(self, path: str, most: int) -> bytes:
        """Return the bytes of a file, one more than `most` if it has more; KeyError if it is absent."""
        name, folders = name_and_folders(path)
        try:
            with self.folder.below(folders) as folder, folder.read(name) as file:
                return file.read(most + 1)
        except (FileNotFoundError, NotOurs):
            raise KeyError(path) from None

    def __contains__(self, path: object) -> bool:
        try:
            self.bytes_of(str(path), 0)
        except KeyError:
            return False
        return True

    def __getitem__(self, path: str) -> Any:
        return self.buffer.from_bytes(self.bytes_of(path, MOST_HEADER_BYTES)[:MOST_HEADER_BYTES])

    def __setitem__(self, path: str, value: Any) -> None:
        name, folders = name_and_folders(path)
        with self.folder.below(folders, make=True) as folder, folder.create(name) as file:
            file.write(value.to_bytes())

    def __delitem__(self, path: str) -> None:
        if path not in self:
            raise KeyError(path)
        name, folders = name_and_folders(path)
        with self.folder.below(folders) as folder:
            folder.unlink(name)

    def __iter__(self) -> Iterator[str]:
        return map("/".join, self.folder.files(MOST_LEVELS))

    def __len__(self) -> int:
        return sum(1 for _ in self)
