"""Folders of the command's own, in which no link is followed and nothing but plain files and folders is opened.

A folder is opened once, and what is in it by its name there: whoever puts a link into a path meanwhile changes nothing.
Where the system has no such calls, as Windows, names are looked at before they are opened.
"""

from __future__ import annotations

import contextlib
import errno
import itertools
import os
import stat
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath
from typing import BinaryIO

__all__ = ["Folder", "NotOurs", "is_plain_name", "name_and_folders"]

BY_DESCRIPTOR = {os.open, os.stat, os.mkdir, os.rmdir, os.unlink, os.rename} <= os.supports_dir_fd and (
    os.listdir in os.supports_fd
)


def _flags(*names: str) -> int:
    return sum(getattr(os, name, 0) for name in names)


_PLAIN = _flags("O_NOFOLLOW", "O_NONBLOCK", "O_BINARY", "O_NOCTTY")
_FOLDER = _flags("O_RDONLY", "O_DIRECTORY")
_NO_LINK = _flags("O_NOFOLLOW")

_KINDS = {
    stat.S_IFREG: "file",
    stat.S_IFDIR: "folder",
    stat.S_IFLNK: "link",
    stat.S_IFIFO: "pipe",
    stat.S_IFSOCK: "socket",
    stat.S_IFCHR: "device",
    stat.S_IFBLK: "device",
}


class NotOurs(OSError):
    """Something else is where a file or folder of the command's own should be."""

    def __init__(self, path: Path, found: str, allowed: str) -> None:
        super().__init__(errno.EEXIST, f"{found}; allowed is {allowed}", str(path))

    def __str__(self) -> str:
        return f"{self.filename} is {self.strerror}"


class Folder:
    """An open folder. Names are those of what is in it, without folders.

    Parameters
    ----------
    path : Path
        Where it was, for messages; where folders have no descriptors, the folder itself.
    descriptor : int or None
        Of the open folder, closed by `close`.
    """

    def __init__(self, path: Path, descriptor: int | None) -> None:
        self.path, self.descriptor = path, descriptor

    @classmethod
    def named(cls, path: Path) -> Folder:
        """Open a folder that a user named: links lead where they lead."""
        return cls(path, os.open(path, _FOLDER) if BY_DESCRIPTOR else None)

    def inner(self, name: str, make: bool = False) -> Folder:
        """Open a folder in this one, made if it is absent; `NotOurs` if it is anything else."""
        path = self.path / name
        if make:
            with contextlib.suppress(FileExistsError):
                os.mkdir(self.path_to(name), dir_fd=self.descriptor)
        if not BY_DESCRIPTOR:
            self.check(name, "folder")
            if not self.kind(name):
                raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(path))
            return Folder(path, None)
        try:
            return Folder(path, os.open(self.path_to(name), _FOLDER | _NO_LINK, dir_fd=self.descriptor))
        except OSError:
            self.check(name, "folder")
            raise

    def below(self, names: Iterable[str], make: bool = False) -> Folder:
        """Open a folder in folders in this one, which itself stays open; `NotOurs` as by `inner`."""
        found = Folder(self.path, os.dup(self.descriptor) if self.descriptor is not None else None)
        for name in names:
            with found:
                found = found.inner(name, make)
        return found

    def close(self) -> None:
        """Close it; to do so twice is no error."""
        descriptor, self.descriptor = self.descriptor, None
        if descriptor is not None:
            os.close(descriptor)

    def __enter__(self) -> Folder:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def path_to(self, name: str) -> str | Path:
        """Return what stands for a name in calls that are given the descriptor, too."""
        if not is_plain_name(name):
            raise ValueError(f"name: got {name!r}; allowed is one without folders")
        return name if BY_DESCRIPTOR else self.path / name

    # What is in it.

    def state(self, name: str) -> os.stat_result | None:
        """Return what the system knows of a name, of a link itself; None if nothing has it."""
        try:
            return os.stat(self.path_to(name), dir_fd=self.descriptor, follow_symlinks=False)
        except (FileNotFoundError, NotADirectoryError):
            return None

    def kind(self, name: str) -> str:
        """Return "file", "folder", "link", "pipe", "socket" or "device", "" if nothing has the name."""
        found = self.state(name)
        return "" if found is None else _KINDS.get(stat.S_IFMT(found.st_mode), "device")

    def check(self, name: str, allowed: str) -> None:
        """`NotOurs` if the name has something else than "file" or "folder"."""
        found = self.kind(name)
        if found not in ("", allowed):
            raise NotOurs(self.path / name, f"a {found}", f"a {allowed} that is no link")

    def names(self) -> list[str]:
        """Return the names of all that is in it, in order."""
        return sorted(os.listdir(self.path if self.descriptor is None else self.descriptor))

    def files(self, n_levels: int) -> Iterator[tuple[str, ...]]:
        """Give what is no folder, in this one and as many levels of folders in it, as the names on the way to it."""
        for name in self.names():
            if self.kind(name) != "folder":
                yield (name,)
            elif n_levels:
                with self.inner(name) as folder:
                    yield from ((name, *names) for names in folder.files(n_levels - 1))

    # Files in it.

    def open(self, name: str, flags: int) -> int:
        """Return the descriptor of a plain file; one that is written to has no other name by a hard link."""
        self.check(name, "file")  # a device is not even opened
        try:
            descriptor = os.open(self.path_to(name), flags | _PLAIN, 0o666, dir_fd=self.descriptor)
        except OSError:
            self.check(name, "file")
            raise
        found = os.fstat(descriptor)
        is_written = flags & (os.O_WRONLY | os.O_RDWR)
        if stat.S_ISREG(found.st_mode) and (found.st_nlink <= 1 or not is_written):
            return descriptor
        os.close(descriptor)
        what = "a file that has another name, too" if stat.S_ISREG(found.st_mode) else "no plain file"
        raise NotOurs(self.path / name, what, "a file of its own")

    def read(self, name: str) -> BinaryIO:
        """Open a file for reading."""
        return open(self.open(name, os.O_RDONLY), "rb")

    def create(self, name: str) -> BinaryIO:
        """Open a new file for writing, in place of one that was there."""
        self.check(name, "file")
        self.unlink(name)
        return open(self.open(name, os.O_RDWR | os.O_CREAT | os.O_EXCL), "w+b")

    def update(self, name: str) -> BinaryIO:
        """Open a file for reading and writing, made if it is absent."""
        return open(self.open(name, os.O_RDWR | os.O_CREAT), "r+b")

    def append(self, name: str) -> BinaryIO:
        """Open a file that is there for writing at its end."""
        return open(self.open(name, os.O_WRONLY | os.O_APPEND), "ab")

    def sync(self, name: str = "") -> None:
        """Have a file's content on the disk, or this folder's; Windows has no call for folders, and wants to write."""
        if name:
            descriptor = self.open(name, os.O_RDWR if sys.platform == "win32" else os.O_RDONLY)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
        elif self.descriptor is not None:
            os.fsync(self.descriptor)

    # Names in it.

    def rename(self, name: str, folder: Folder, new: str) -> None:
        """Give a file or folder a name in another folder, in place of the file that had it."""
        places = self.path_to(name), folder.path_to(new)
        os.replace(*places, src_dir_fd=self.descriptor, dst_dir_fd=folder.descriptor)

    def unlink(self, name: str) -> None:
        """Remove a file, or a link itself; nothing if it is absent."""
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self.path_to(name), dir_fd=self.descriptor)

    def remove_empty(self, name: str) -> None:
        """Remove a folder, OSError if something is in it."""
        os.rmdir(self.path_to(name), dir_fd=self.descriptor)

    def remove(self, name: str) -> None:
        """Remove a file, a link itself, or a folder with all that is in it.

        Folders in a folder are moved up first: however deep they lie, one at a time is open.
        """
        pending = [name]
        free = (place for place in (f"{name}.{number}" for number in itertools.count()) if not self.kind(place))
        while pending:
            place = pending.pop()
            if self.kind(place) != "folder":
                self.unlink(place)
                continue
            with self.inner(place) as folder:
                for found in folder.names():
                    if folder.kind(found) == "folder":
                        pending.append(next(free))
                        folder.rename(found, self, pending[-1])
                    else:
                        folder.unlink(found)
            self.remove_empty(place)


def is_plain_name(name: str) -> bool:
    """Whether a file in a folder can have the name."""
    separators = {os.sep, os.altsep or os.sep, "\0"}
    return name not in ("", os.curdir, os.pardir) and not separators & set(name)


def name_and_folders(path: str) -> tuple[str, tuple[str, ...]]:
    """Return the name of a file and the folders before it, of a path below a folder with "/" between."""
    *folders, name = PurePosixPath(path).parts
    return name, tuple(folders)
