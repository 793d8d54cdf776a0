"""Which image files are meant by files, folders and patterns, and how their results are called."""

from __future__ import annotations

import glob
import os
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from xcorr._cli.images import KINDS, library_for
from xcorr._cli.zarr_folder import is_zarr_folder

__all__ = ["Found", "ImageFile", "find_images", "own_place"]

IN_FOLDERS = re.compile(
    r"\.(png|jpe?g|tiff?|bmp|webp|p[bgpn]m|npy|idx(\.gz)?)$|[-.]idx[2-9]-ubyte(\.gz)?$", re.IGNORECASE
)
"""Names that are read in folders. A file that is named itself may have any name."""


@dataclass(frozen=True)
class ImageFile:
    """An image file, and its path below the folder that was given, which its result gets too."""

    path: Path
    name: str


@dataclass
class Found:
    """The image files in order, how many other files there were in the folders, and the first names of these.

    `results` has what would be image files if results did not go there.
    """

    files: list[ImageFile]
    others: list[str]
    n_others: int = 0
    results: list[Path] = field(default_factory=list)

    def pass_over(self, name: str) -> None:
        """Count another file."""
        self.n_others += 1
        if len(self.others) < MOST_OTHERS:
            self.others.append(name)


MOST_OTHERS = 16


def find_images(arguments: Iterable[str], *outs: Path) -> Found:
    """Find the image files that arguments mean.

    Parameters
    ----------
    arguments : iterable of str
        A file, a folder (read with all folders in it, in the order of the names, as people count: 2 before 10; links to
        folders and hidden names are passed over), or a pattern for these where no file has that very name.
    *outs : Path
        Where results go: never read as images.

    Raises
    ------
    ValueError
        Nothing is there, or no image is in a folder, or two files would have the same name.
    """
    files: dict[str, ImageFile] = {}
    found = Found([], [])
    for argument in arguments:
        n_before = len(found.files)
        for path in matches(argument, outs, found):
            if path.is_dir() and not is_zarr_folder(path):
                take_folder(path, outs, found)
            else:
                found.files.append(ImageFile(path, path.name))
        if len(found.files) == n_before:
            raise ValueError(f"got {argument!r}; no image is in it ({KINDS})")
    for file in found.files:
        add(files, file)
    found.files = list(files.values())
    return found


def matches(argument: str, outs: Sequence[Path], found: Found) -> list[Path]:
    """Return the file or folder of that name, else what the pattern matches but the results, which are noted."""
    path = Path(argument)
    if os.path.lexists(path):
        out = place_of(path, outs)
        if path.is_dir() and out is not None:
            raise ValueError(f"got {argument!r}, which lies in the folder of the results, {str(out)!r}")
        return [path]
    if not glob.has_magic(argument):
        raise ValueError(f"got {argument!r}; there is no such file or folder")
    order = counting()
    names = sorted(glob.glob(argument, recursive=True), key=lambda match: [order(part) for part in Path(match).parts])
    paths = [Path(name) for name in names if place_of(Path(name), outs) is None]
    found.results += [Path(name) for name in names if place_of(Path(name), outs) is not None]
    if not paths:
        raise ValueError(f"got {argument!r}; no file matches it")
    return paths


def take_folder(folder: Path, outs: Sequence[Path], found: Found) -> None:
    """Add a folder's image files, and count the others in it but results, which are noted."""
    for path in walk(folder, outs):
        name = path.relative_to(folder).as_posix()
        is_image = IN_FOLDERS.search(path.name) or path.is_dir()
        if place_of(path, outs) is not None:
            found.results += [path] if is_image else []
        elif is_image:
            found.files.append(ImageFile(path, name))
        else:
            found.pass_over(name)


def counting() -> Callable[[str], Any]:
    """Return the order of names that have numbers in them: by the numbers, and where these are equal by the bytes."""
    with library_for("the order of names", "cli"):
        from natsort import natsort_keygen
    of_numbers = natsort_keygen()
    return lambda name: (of_numbers(name), os.fsencode(name))


def walk(folder: Path, outs: Sequence[Path]) -> Iterator[Path]:
    """Give a folder's files but hidden ones, by name, then those of the folders in it that no results go to.

    Folders in the zarr format are files.
    """

    def fail(error: OSError) -> None:
        raise ValueError(f"{error.filename!r}: {error.strerror}")

    order = counting()
    for place, inner, names in os.walk(folder, onerror=fail):
        visible = sorted((name for name in inner if not name.startswith(".")), key=order)
        arrays = [
            name for name in visible if is_zarr_folder(Path(place, name)) and not os.path.islink(Path(place, name))
        ]
        inner[:] = [name for name in visible if name not in arrays and place_of(Path(place, name), outs) is None]
        for name in sorted([*arrays, *(name for name in names if not name.startswith("."))], key=order):
            yield Path(place, name)


def place_of(path: Path, outs: Sequence[Path]) -> Path | None:
    """Return which of the results a path is or lies in."""
    own = own_place(path)
    return next((out for out in outs if Path(os.path.realpath(out)) in (own, *own.parents)), None)


def own_place(path: Path) -> Path:
    """Return a path with no link in the folders before its name; a link is where it is, not where it leads."""
    is_named = path.name not in ("", "..")
    return Path(os.path.realpath(path.parent), path.name) if is_named else Path(os.path.realpath(path))


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
