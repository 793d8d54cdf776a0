"""Folders with results of image files: under which names, what has these names now, and whether two would be one."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from xcorr._cli.files import digest_in
from xcorr._cli.find import ImageFile
from xcorr._cli.folder import Folder, NotOurs, name_and_folders
from xcorr._cli.images import ImageError
from xcorr._cli.job import Conflict
from xcorr._cli.journal import LOCK

__all__ = ["Shelf", "is_caseless", "refuse_collisions", "refuse_strangers"]


@dataclass(frozen=True)
class Shelf:
    """A folder with results of image files, each below it where the image file is below its own.

    Parameters
    ----------
    home : Folder
        The folder, open.
    out : Path
        The folder as the user named it.
    naming : function
        Names of an image file's results by its own name.
    """

    home: Folder
    out: Path
    naming: Callable[[str], list[str]]

    def folder_of(self, file: ImageFile, make: bool = False) -> Folder:
        """Open the folder of a file's results; FileNotFoundError if it is absent and not made."""
        return self.home.below(name_and_folders(file.name)[1], make)

    def names(self, file: ImageFile) -> list[str]:
        """Return the names of a file's results in their folder."""
        return self.naming(name_and_folders(file.name)[0])

    def paths(self, file: ImageFile) -> list[Path]:
        """Return where a file's results are, below the folder of all."""
        return [Path(file.name).with_name(name) for name in self.names(file)]

    def kinds(self, file: ImageFile) -> list[str]:
        """Return what has the names of a file's results: "file", "folder" and so on, "" for nothing."""
        try:
            with self.folder_of(file) as folder:
                return [folder.kind(name) for name in self.names(file)]
        except FileNotFoundError:
            return [""] * len(self.names(file))

    def known_kinds(self, file: ImageFile) -> list[str]:
        """Return `kinds`, nothing for names that no file can have: to write it fails by itself."""
        try:
            return self.kinds(file)
        except NotOurs:
            raise
        except OSError:
            return [""] * len(self.names(file))

    def digests(self, file: ImageFile) -> list[str]:
        """Return the digests of the results that are there, "" for each that is not."""
        try:
            with self.folder_of(file) as folder:
                return [digest_in(folder, name) for name in self.names(file)]
        except FileNotFoundError:
            return [""] * len(self.names(file))
        except NotOurs:
            raise
        except OSError as error:
            raise ImageError(f"{self.out / self.paths(file)[0]}: {error.strerror}") from error

    def refuse_changed(self, file: ImageFile, found: Sequence[str], known: Sequence[Sequence[str]]) -> None:
        """`ImageError` if a result that is there, of a digest that was found, is none of those that were written."""
        for index, kind in enumerate(self.kinds(file)):
            if kind and found[index] not in [digests[index] for digests in known]:
                path = self.out / self.paths(file)[index]
                raise ImageError(f"{path} was changed since it was written; --overwrite replaces it")


def refuse_collisions(shelf: Shelf, files: Iterable[ImageFile], caseless: bool) -> None:
    """`Conflict` if two results would have one name, or one the name of a folder, a pipe or a device."""
    results: dict[Path, ImageFile] = {}
    for file in files:
        for path, kind in zip(shelf.paths(file), shelf.known_kinds(file), strict=True):
            if kind not in ("", "file", "link"):
                raise Conflict(f"{shelf.out / path} is a {kind}; it cannot be the result of {file.name!r}")
            name = unicodedata.normalize("NFC", str(path)).casefold() if caseless else path
            before = results.setdefault(Path(name), file)
            if before is not file:
                names = f"{before.name!r} and {file.name!r}"
                raise Conflict(f"{names} are one name for this disk; allowed is one at a time")
    for path, file in results.items():
        for folder in path.parents:
            if folder in results:
                raise Conflict(f"the result of {results[folder].name!r} has the name of the folder for {file.name!r}")


def refuse_strangers(shelf: Shelf, files: Iterable[ImageFile], noted: Collection[str]) -> None:
    """`Conflict` if files that no run noted are where results go."""
    for file in files:
        if file.name not in noted:
            for path, kind in zip(shelf.paths(file), shelf.known_kinds(file), strict=True):
                if kind:
                    raise Conflict(f"{shelf.out / path} is there, and not of this job; --overwrite replaces it")


def is_caseless(folder: Folder) -> bool:
    """Whether the disk takes names for the same that differ in small and capital letters; the folder has a lock."""
    return bool(folder.kind(LOCK.upper()))
