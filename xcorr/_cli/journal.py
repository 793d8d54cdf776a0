"""The journal of a job: what it has done, so that a run that was killed can be gone on with, and a lock for one run."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from xcorr._cli.files import sync, whole_file

try:
    import fcntl
except ImportError:  # Windows, which removes the lock of a run that was killed itself; elsewhere that would stay
    fcntl = None  # type: ignore[assignment]

__all__ = ["Busy", "Entry", "Journal", "locked"]

Entry = dict[str, Any]
"""Of one image file: ``output``, ``input`` and ``sha256``, the last two as digests; of a stack also ``rows``."""


class Busy(Exception):
    """Another run is at work on the same results."""


@contextlib.contextmanager
def locked(folder: Path) -> Iterator[Path]:
    """Hold a job's folder, made if it is absent, for this run alone; the lock ends with the process at the latest."""
    path = folder / "lock"
    descriptor = take_lock(path)
    try:
        yield folder
    finally:
        if fcntl is None:  # an open file has to keep its name on Windows; elsewhere another run could lock in between
            os.close(descriptor)
        path.unlink(missing_ok=True)
        if fcntl is not None:
            os.close(descriptor)
        with contextlib.suppress(OSError):  # there is a journal in it, but where nothing was begun
            folder.rmdir()


def take_lock(path: Path) -> int:
    """Return the descriptor of the lock; `Busy` if it is taken."""
    busy = Busy(f"{path.parent}: another run is at work on it")
    if fcntl is None:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            return os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_TEMPORARY", 0))
        except FileExistsError:
            raise Busy(f"{busy}, or {path.name} in it was left by one that was killed: remove it") from None
    while True:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
        except FileNotFoundError:  # its last holder removed the empty folder in between
            continue
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if is_still(descriptor, path):
                return descriptor
        except BlockingIOError:
            os.close(descriptor)
            raise busy from None
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)  # its last holder removed it in between


def is_still(descriptor: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except FileNotFoundError:
        return False


class Journal:
    """A file of JSON lines: the job's parameters first, then an entry for each image file that is done.

    Lines are appended. A last line that a killed run left torn does not count.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.path = folder / "journal.jsonl"
        lines = read_lines(self.path)
        first = lines[0].get("job") if lines else None
        self.job: dict[str, Any] | None = first if isinstance(first, dict) else None
        self.entries: list[Entry] = []
        self.of_output: dict[str, list[Entry]] = {}
        self.note([line for line in lines[1:] if is_entry(line)] if self.job is not None else [])

    def note(self, entries: list[Entry]) -> None:
        """Hold entries, in their order and by the name of their result."""
        self.entries += entries
        for entry in entries:
            self.of_output.setdefault(entry["output"], []).append(entry)

    def sweep(self, keep: Iterable[Path] = ()) -> None:
        """Remove the parts that killed runs left."""
        kept = {self.path, self.folder / "lock", *keep}
        for place in self.folder.iterdir():
            if place not in kept:
                remove(place)

    def write(self, job: dict[str, Any], entries: list[Entry]) -> None:
        """Begin anew with these."""
        lines = [{"job": job}, *entries]
        with whole_file(self.path) as file:
            file.write("".join(json.dumps(line, sort_keys=True) + "\n" for line in lines).encode("ascii"))
        self.job, self.entries, self.of_output = job, [], {}
        self.note(entries)

    def append(self, entries: list[Entry], lasting: bool) -> None:
        """Add entries, which count from then on; lasting ones survive a loss of power."""
        with self.path.open("ab") as file:
            file.write("".join(json.dumps(entry, sort_keys=True) + "\n" for entry in entries).encode("ascii"))
        if lasting:
            sync(self.path)
        self.note(entries)


def read_lines(path: Path) -> list[dict[str, Any]]:
    """Return the lines that are whole."""
    lines = []
    with contextlib.suppress(FileNotFoundError):
        for line in path.read_bytes().split(b"\n"):
            with contextlib.suppress(ValueError, RecursionError):
                lines.append(json.loads(line))
    return [line for line in lines if isinstance(line, dict)]


def is_entry(line: dict[str, Any]) -> bool:
    rows = line.get("rows", [0, 0])
    return all(isinstance(line.get(name), str) for name in ("output", "input", "sha256")) and (
        isinstance(rows, list) and len(rows) == 2 and all(isinstance(row, int) for row in rows)
    )


def remove(place: Path) -> None:
    """Remove a file, or a folder with all that is in it."""
    if place.is_dir() and not place.is_symlink():
        shutil.rmtree(place)
    else:
        place.unlink(missing_ok=True)
