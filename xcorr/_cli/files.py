"""Files that appear under their names only when they are complete, and what files hold as a digest."""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from xcorr._cli.folder import Folder, NotOurs
from xcorr._reader import open_regular

__all__ = [
    "check_replaceable",
    "copy_between",
    "digest",
    "digest_between",
    "digest_in",
    "put",
    "state",
    "whole_digest",
    "whole_file",
    "write_whole",
]

_CHUNK_BYTES = 1 << 20


@contextlib.contextmanager
def whole_file(folder: Folder, name: str) -> Iterator[BinaryIO]:
    """Open a file that gets its name when the block ends without an exception, and is removed else.

    A run that was killed leaves its part under the same hidden name, which the next run replaces. `NotOurs` if that
    name has something else.
    """
    part = f".{name}.part"
    file = folder.create(part)
    try:
        with file:
            yield file
        put(folder, part, folder, name)
    except BaseException:
        folder.unlink(part)
        raise


def put(folder: Folder, part: str, place: Folder, name: str) -> None:
    """Give a written file or folder its name in a folder, in place of the file that had it.

    Both survive a loss of power or neither, if what is in the folder is on the disk already.
    """
    if folder.kind(part) == "file":
        folder.sync(part)
    folder.rename(part, place, name)
    place.sync()


def check_replaceable(path: Path) -> None:
    """`NotOurs` unless a path is free or a plain file: the name of nothing else is given to another file."""
    with Folder.named(path.parent) as folder:
        folder.check(path.name, "file")


def write_whole(path: Path, arrays: dict[str, Any]) -> None:
    """Write an ``.npz`` file that appears under its name only when it is complete."""
    with Folder.named(path.parent) as folder, whole_file(folder, path.name) as file:
        np.savez(file, **arrays)


def state(path: Path) -> tuple[int, ...]:
    """Return what tells that a file was changed or replaced: where it is, its size and its time."""
    found = path.stat()
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns


def digest(path: Path) -> str:
    """Return the SHA-256 of a file that a user named, in hexadecimal digits."""
    with open_regular(path) as file:
        return digest_of(file)


def digest_in(folder: Folder, name: str) -> str:
    """Return the SHA-256 of a file in a folder; "" if it is not there, or no plain file."""
    try:
        with folder.read(name) as file:
            return digest_of(file)
    except (FileNotFoundError, NotOurs):
        return ""


def digest_of(file: BinaryIO) -> str:
    """Return the SHA-256 of the bytes that a file has now: one that grows meanwhile has an end, too."""
    return digest_between(file, 0, os.fstat(file.fileno()).st_size)


def whole_digest(file: BinaryIO) -> str:
    """Return the SHA-256 of a file that is being written."""
    file.flush()
    return digest_of(file)


def digest_between(file: BinaryIO, begin: int, end: int) -> str:
    """Return the SHA-256 of the bytes [begin, end) of a file, as far as it has them."""
    total = hashlib.sha256()
    for chunk in chunks_between(file, begin, end):
        total.update(chunk)
    return total.hexdigest()


def copy_between(file: BinaryIO, begin: int, end: int, target: BinaryIO) -> None:
    """Write the bytes [begin, end) of a file to another one, as far as it has them."""
    for chunk in chunks_between(file, begin, end):
        target.write(chunk)


def chunks_between(file: BinaryIO, begin: int, end: int) -> Iterator[bytes]:
    """Give the bytes [begin, end) of a file in turn."""
    file.seek(max(0, begin))
    while begin < end and (chunk := file.read(min(end - begin, _CHUNK_BYTES))):
        yield chunk
        begin += len(chunk)
