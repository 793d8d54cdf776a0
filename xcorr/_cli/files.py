"""Files that appear under their names only when they are complete, and what they hold as a digest."""

from __future__ import annotations

import contextlib
import hashlib
import os
import stat
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

__all__ = ["digest", "open_regular", "put", "state", "sync", "whole_file", "write_whole"]

_CHUNK_BYTES = 1 << 20


@contextlib.contextmanager
def whole_file(path: Path) -> Iterator[BinaryIO]:
    """Open a file that gets its name when the block ends without an exception, and is removed else.

    A run that was killed leaves its part under the same hidden name, which the next run overwrites and renames.
    """
    part = path.with_name(f".{path.name}.part")
    try:
        with part.open("wb") as file:
            yield file
        put(part, path)
    finally:
        part.unlink(missing_ok=True)


def put(part: Path, path: Path) -> None:
    """Give a written file or folder its name, in place of what had it; both survive a loss of power or neither."""
    for place in sorted(part.rglob("*")) if part.is_dir() else ():
        sync(place)
    sync(part)
    os.replace(part, path)
    sync(path.parent)


def sync(path: Path) -> None:
    """Have a file's or folder's content on the disk; Windows has no call for folders, and wants to write to files."""
    if sys.platform == "win32" and path.is_dir():
        return
    descriptor = os.open(path, os.O_RDWR if sys.platform == "win32" else os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_whole(path: Path, arrays: dict[str, Any]) -> None:
    """Write an ``.npz`` file that appears under its name only when it is complete."""
    with whole_file(path) as file:
        np.savez(file, **arrays)


def open_regular(path: Path) -> BinaryIO:
    """Open a file for reading, OSError if it is a pipe or a device, which might never end."""
    descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(0, "not a regular file", str(path))
    return open(descriptor, "rb")


def state(path: Path) -> tuple[int, ...]:
    """Return what tells that a file was changed or replaced: where it is, its size and its time."""
    found = path.stat()
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns


def digest(path: Path) -> str:
    """Return the SHA-256 of a file, in hexadecimal digits."""
    total = hashlib.sha256()
    with open_regular(path) as file:
        while chunk := file.read(_CHUNK_BYTES):
            total.update(chunk)
    return total.hexdigest()
