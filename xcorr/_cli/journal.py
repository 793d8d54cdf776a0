"""The journal of a job: what it has done, so that a run that was killed can be gone on with, and a lock for one run."""

from __future__ import annotations

import contextlib
import json
import os
import re
from collections.abc import Collection, Iterator
from typing import Any

from xcorr._cli.files import whole_file
from xcorr._cli.folder import Folder, NotOurs, is_plain_name

try:
    import fcntl
except ImportError:  # Windows, which removes the lock of a run that was killed itself; elsewhere that would stay
    fcntl = None  # type: ignore[assignment]

__all__ = ["Busy", "Entry", "Journal", "locked"]

Entry = dict[str, Any]
"""Notes on one image file: ``output``, and ``input`` and ``sha256``, which are digests; of a stack also ``rows``."""

LOCK, JOURNAL = "lock", "journal.jsonl"

SWEPT = re.compile(rf"(part\d*|old)(\.\d+)*|\.{re.escape(JOURNAL)}\.part")
"""Names of what killed runs leave. Whatever else is in a job's folder is nobody's to remove."""

MOST_LINE_BYTES = 1 << 24
"""Bytes of a journal's line: more than the names and digests of an image file's results take."""


class Busy(Exception):
    """Another run is at work on the same results."""


@contextlib.contextmanager
def locked(home: Folder, name: str) -> Iterator[Folder]:
    """Hold a job's folder in another one, made if it is absent, for this run alone.

    The lock ends with the process at the latest.
    """
    folder, descriptor = take_lock(home, name)
    with folder:
        try:
            yield folder
        finally:
            if fcntl is None:  # an open file has to keep its name on Windows; elsewhere another run could lock between
                os.close(descriptor)
            folder.unlink(LOCK)
            if fcntl is not None:
                os.close(descriptor)
            with contextlib.suppress(OSError):  # there is a journal in it, but where nothing was begun
                home.remove_empty(name)


def take_lock(home: Folder, name: str) -> tuple[Folder, int]:
    """Return the job's folder and the descriptor of the lock in it; `Busy` if it is taken."""
    while True:
        folder = home.inner(name, make=True)
        try:
            descriptor = lock_in(folder)
        except FileNotFoundError:  # its last holder removed the empty folder in between
            folder.close()
            continue
        except BaseException:
            folder.close()
            raise
        if is_still(descriptor, folder):
            return folder, descriptor
        os.close(descriptor)  # its last holder removed it in between
        folder.close()


def lock_in(folder: Folder) -> int:
    """Return the descriptor of a lock in the folder, which may have lost its name by now."""
    busy = f"{folder.path}: another run is at work on it"
    if fcntl is None:
        try:
            return folder.open(LOCK, os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_TEMPORARY", 0))
        except FileExistsError:
            raise Busy(f"{busy}, or {LOCK} in it was left by one that was killed: remove it") from None
    descriptor = folder.open(LOCK, os.O_RDWR | os.O_CREAT)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        raise Busy(busy) from None
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def is_still(descriptor: int, folder: Folder) -> bool:
    found = folder.state(LOCK)
    return found is not None and os.path.samestat(os.fstat(descriptor), found)


class Journal:
    """A file of JSON lines: the job's parameters first, then an entry for each image file that is done.

    Lines are appended. A last line that a killed run left torn does not count.
    """

    def __init__(self, folder: Folder) -> None:
        self.folder = folder
        lines = read_lines(folder)
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

    def sweep(self, keep: Collection[str] = ()) -> None:
        """Remove the parts that killed runs left."""
        for name in self.folder.names():
            if SWEPT.fullmatch(name) and name not in keep:
                self.folder.remove(name)

    def write(self, job: dict[str, Any], entries: list[Entry]) -> None:
        """Begin anew with these."""
        lines = [{"job": job}, *entries]
        with whole_file(self.folder, JOURNAL) as file:
            file.write("".join(json.dumps(line, sort_keys=True) + "\n" for line in lines).encode("ascii"))
        self.job, self.entries, self.of_output = job, [], {}
        self.note(entries)

    def append(self, entries: list[Entry], lasting: bool) -> None:
        """Add entries, which count from then on; lasting ones survive a loss of power."""
        with self.folder.append(JOURNAL) as file:
            file.write("".join(json.dumps(entry, sort_keys=True) + "\n" for entry in entries).encode("ascii"))
        if lasting:
            self.sync()
        self.note(entries)

    def sync(self) -> None:
        """Have it on the disk."""
        self.folder.sync(JOURNAL)


def read_lines(folder: Folder) -> list[dict[str, Any]]:
    """Return the lines that are whole; `NotOurs` if the file cannot be a journal."""
    lines = []
    with contextlib.suppress(FileNotFoundError), folder.read(JOURNAL) as file:
        while line := file.readline(MOST_LINE_BYTES + 1):
            if len(line) > MOST_LINE_BYTES:
                raise NotOurs(folder.path / JOURNAL, f"a file with a line over {MOST_LINE_BYTES} bytes", "a journal")
            with contextlib.suppress(ValueError, RecursionError):
                lines.append(json.loads(line))
    return [line for line in lines if isinstance(line, dict)]


def is_entry(line: dict[str, Any]) -> bool:
    rows = line.get("rows", [0, 0])
    return (
        all(isinstance(line.get(name), str) for name in ("output", "input", "sha256"))
        and is_below(line["output"])
        and (isinstance(rows, list) and len(rows) == 2 and all(isinstance(row, int) for row in rows))
    )


def is_below(path: str) -> bool:
    """Whether a path leads to a file in a folder, and not out of it: a journal may be anybody's."""
    try:
        os.fsencode(path)
    except UnicodeEncodeError:
        return False
    return all(map(is_plain_name, path.split("/")))
