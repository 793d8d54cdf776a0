"""Which image files are meant by files, folders and patterns, and how their results are called."""

from __future__ import annotations

import glob
import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Found", "ImageFile", "find_images"]

IN_FOLDERS = re.compile(r"\.(png|jpe?g|tiff?|npy|idx(\.gz)?)$|[-.]idx[2-9]-ubyte(\.gz)?$", re.IGNORECASE)
"""Names that are read in folders. A file that is named itself may have any name."""


@dataclass(frozen=True)
class ImageFile:
    """An image file, and its path below the folder that was given, which its result gets too."""

    path: Path
    name: str


@dataclass(frozen=True)
class Found:
    """The image files in order, and how many other files there were in the folders."""

    files: list[ImageFile]
    n_others: int


def find_images(arguments: Iterable[str], out: Path) -> Found:
    """Find the image files that arguments mean.

    Parameters
    ----------
    arguments : iterable of str
        A file, a folder (read with all folders in it, in the order of the names; links to folders and hidden names are
        passed over), or a pattern for these where no file has that very name.
    out : Path
        Where results go: never read as images.

    Raises
    ------
    ValueError
        Nothing is there, or no image is in a folder, or two files would have the same name.
    """
    files: dict[str, ImageFile] = {}
    n_others = 0
    for argument in arguments:
        found: list[ImageFile] = []
        for path in matches(argument, out):
            n_others += take_folder(path, out, found) if path.is_dir() else take_file(path, found)
        if not found:
            raise ValueError(f"got {argument!r}; no image is in it (PNG, JPEG, TIFF, .npy, IDX)")
        for file in found:
            add(files, file)
    return Found(list(files.values()), n_others)


def matches(argument: str, out: Path) -> list[Path]:
    """Return the file or folder of that name, else what the pattern matches but `out`."""
    path = Path(argument)
    if os.path.lexists(path):
        if path.is_dir() and is_inside(path, out):
            raise ValueError(f"got {argument!r}, which lies in the folder of the results, {str(out)!r}")
        return [path]
    if not glob.has_magic(argument):
        raise ValueError(f"got {argument!r}; there is no such file or folder")
    found = sorted(glob.glob(argument, recursive=True), key=os.fsencode)
    paths = [Path(match) for match in found if not is_inside(Path(match), out)]
    if not paths:
        raise ValueError(f"got {argument!r}; no file matches it")
    return paths


def take_file(path: Path, found: list[ImageFile]) -> int:
    found.append(ImageFile(path, path.name))
    return 0


def take_folder(folder: Path, out: Path, found: list[ImageFile]) -> int:
    """Add a folder's image files, and return how many others are in it."""
    n_others = 0
    for path in walk(folder, out):
        if IN_FOLDERS.search(path.name):
            found.append(ImageFile(path, path.relative_to(folder).as_posix()))
        else:
            n_others += 1
    return n_others


def walk(folder: Path, out: Path) -> Iterator[Path]:
    """Give a folder's files but hidden ones and those in `out`, by name, then those of the folders in it."""

    def fail(error: OSError) -> None:
        raise ValueError(f"{error.filename!r}: {error.strerror}")

    for place, inner, names in os.walk(folder, onerror=fail):
        visible = sorted((name for name in inner if not name.startswith(".")), key=os.fsencode)
        inner[:] = [name for name in visible if not is_inside(Path(place, name), out)]
        for name in sorted((name for name in names if not name.startswith(".")), key=os.fsencode):
            if not is_inside(Path(place, name), out):
                yield Path(place, name)


def is_inside(path: Path, out: Path) -> bool:
    """Whether a path is `out` or lies in it; a link is where it is, not where it leads."""
    own = (
        Path(os.path.realpath(path.parent), path.name) if path.name not in ("", "..") else Path(os.path.realpath(path))
    )
    whole = Path(os.path.realpath(out))
    return whole in (own, *own.parents)


def add(files: dict[str, ImageFile], file: ImageFile) -> None:
    """Add a file, unless it is there already; ValueError if another one has its name."""
    before = files.setdefault(file.name, file)
    if not os.path.exists(file.path) or not os.path.exists(before.path):
        same = before.path == file.path
    else:
        same = os.path.samefile(before.path, file.path)
    if not same:
        raise ValueError(
            f"got {str(before.path)!r} and {str(file.path)!r}, whose results would both be called {file.name!r}; "
            "allowed is to give the folder that both are in"
        )
