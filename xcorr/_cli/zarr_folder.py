"""Folders in the zarr format: which ones are, and what tells that one was changed."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import Any

from xcorr._cli.folder import Folder, NotOurs

__all__ = ["MOST_LEVELS", "is_inner", "is_zarr_folder", "state_in", "state_of"]

STARTS = ("zarr.json", ".zarray", ".zgroup")
"""Files that make a folder an array or a group."""

MOST_LEVELS = 64
"""Levels of folders that an array can have."""


def is_zarr_folder(path: Path) -> bool:
    """Whether a folder is an array or a group in the zarr format."""
    return path.is_dir() and any(os.path.isfile(path / name) for name in STARTS)


def is_inner(folder: Folder, name: str) -> bool:
    """Whether what has a name in a group is an array or a group."""
    if folder.kind(name) != "folder":
        return False
    with folder.inner(name) as inner:
        return any(inner.kind(start) == "file" for start in STARTS)


def state_of(path: Path) -> str:
    """Return what tells that a folder that a user named was changed: names, sizes and times of all files in it.

    Numbers are not digested, which could take hours.
    """
    with Folder.named(path) as folder:
        return told(folder)


def state_in(folder: Folder, name: str) -> str:
    """Return the same of a folder in one of the command's own; "-" if it is none."""
    try:
        with folder.inner(name) as inner:
            return told(inner)
    except (FileNotFoundError, NotOurs):
        return "-"


def told(folder: Folder) -> str:
    """Return the digest of what is told of all files."""
    total = hashlib.sha256()
    add(folder, (), total)
    return total.hexdigest()


def add(folder: Folder, place: tuple[str, ...], total: Any) -> None:
    """Add what is told of the files in a folder to a digest."""
    for name in folder.names():
        found = folder.state(name)
        if folder.kind(name) == "folder" and len(place) < MOST_LEVELS:
            with folder.inner(name) as inner:
                add(inner, (*place, name), total)
        elif found is not None:
            total.update(repr((place, name, found.st_mode, found.st_size, found.st_mtime_ns)).encode())
