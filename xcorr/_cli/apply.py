"""The job of ``xcorr apply``: image files in, responses out, whole or not at all, and gone on with where it stopped.

Every result is written in a folder of the job's own, noted in its journal and then renamed. So a name of a result
always stands for a whole file, and a run that comes after one that was killed leaves alone what is done: it compares
the digests of the image file, of the result and the parameters with the journal's.
"""

from __future__ import annotations

import dataclasses
import hashlib
import os
import time
import unicodedata
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from xcorr._cli.files import digest, put, state, sync
from xcorr._cli.find import ImageFile
from xcorr._cli.images import ImageError, open_images
from xcorr._cli.journal import Busy, Entry, Journal, locked, remove
from xcorr._cli.respond import Responder
from xcorr._cli.responses import SUFFIXES, Responses, Rows, open_finished, open_rows, rows_digest, write_responses

__all__ = ["STACKED", "Job", "JobError", "Refused", "Summary", "Watch", "run_job"]

MOST_MADE, SETTLE_SECONDS = 16, 0.5
"""Results that get their names at once, and the time after which those that there are do."""

STACKED = ("stack", "zarr")
"""Forms of one array for all images."""


class Refused(ValueError):
    """What is asked cannot be begun; nothing was changed."""


class JobError(Exception):
    """The job cannot go on."""


@dataclass(frozen=True)
class Job:
    """What is asked of ``xcorr apply``.

    `parameters` is what the results depend on beside the image files, as JSON has it; results of other parameters are
    not taken for this job's.
    """

    files: list[ImageFile]
    responder: Responder
    layout: str | None
    alpha: str
    form: str
    colours: str
    out: Path
    overwrite: bool
    stops: bool
    parameters: dict[str, Any]

    @property
    def folder(self) -> Path:
        """Where the journal is, and what is not whole yet."""
        return self.out.with_name(f".{self.out.name}.xcorr") if self.form in STACKED else self.out / ".xcorr"


@dataclass
class Summary:
    """Image files that were done now, that were done before, that failed; and images that were done now."""

    n_done: int = 0
    n_before: int = 0
    n_failed: int = 0
    n_images: int = 0


class Watch(Protocol):
    """What is told of a job's progress."""

    def advance(self, share: float, n_images: int) -> None:
        """A share of the present file is done, so many images."""

    def done(self, name: str, seconds: float, before: bool) -> None:
        """A file is done, now or before."""

    def failed(self, name: str, reason: str) -> None:
        """A file cannot be done."""


def run_job(job: Job, watch: Watch) -> Summary:
    """Do a job, or what is left of it.

    Raises
    ------
    Refused
        Results that are not this job's are in its way.
    JobError
        A result cannot be written, another run is at work on the same results, or a file failed and the job stops then.
    MissingLibrary
        A library is not installed.
    """
    try:
        with locked(job.folder):
            run = StackRun if job.form in STACKED else FilesRun
            return run(job, Journal(job.folder), watch).run()
    except Busy as error:
        raise JobError(str(error)) from error
    except BrokenPipeError:  # who was told of the progress has gone
        raise
    except OSError as error:
        raise JobError(f"cannot write {job.out}: {error.strerror or error}") from error


def differences(before: dict[str, Any], now: dict[str, Any]) -> str:
    """Name the parameters that differ."""
    names = [name for name in sorted(before.keys() | now.keys()) if before.get(name) != now.get(name)]
    return ", ".join(f"{name} {before.get(name)!r} then and {now.get(name)!r} now" for name in names)


class Run:
    """What the runs of both kinds share: each file in turn, and what becomes of one that fails."""

    def __init__(self, job: Job, journal: Journal, watch: Watch) -> None:
        self.job, self.journal, self.watch = job, journal, watch
        self.summary = Summary()

    def fail(self, file: ImageFile, error: ImageError) -> None:
        """Count a file as failed; `JobError` if the job stops then."""
        self.summary.n_failed += 1
        self.watch.failed(file.name, str(error))
        if self.job.stops:
            raise JobError("stopped at the first file that failed; --on-error skip goes on")

    def told(self, responses: Responses) -> Iterator[NDArray[Any]]:
        """Give the parts of a file's responses, and tell how far they are."""
        for part in responses.parts:
            yield part
            self.summary.n_images += len(part)
            self.watch.advance(len(part) / max(1, responses.n_images), len(part))


@dataclass(frozen=True)
class Content:
    """What is in an image file: its digest, and by what a change would be seen."""

    digest: str
    state: tuple[int, ...]


def content_of(file: ImageFile) -> Content:
    """Return what is in a file now."""
    try:
        before = state(file.path)
        return Content(digest(file.path), before)
    except OSError as error:
        raise ImageError(error.strerror or str(error)) from error


def check_same(file: ImageFile, content: Content) -> None:
    """`ImageError` if a file was changed since its content was looked at: no digest could stand for what was read."""
    try:
        same = state(file.path) == content.state
    except OSError:
        same = False
    if not same:
        raise ImageError("it was changed while it was read")


def is_there(path: Path) -> bool:
    """Whether something has that name; `ImageError` if nothing can have it, because it is too long."""
    try:
        path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError as error:
        raise ImageError(f"{path}: {error.strerror}") from error
    return True


# --- a result for each file -------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Made:
    """A result that is written or was there before, its entry and the seconds that it took."""

    file: ImageFile
    entry: Entry
    part: Path | None
    seconds: float


class FilesRun(Run):
    """A folder with a result for each image file.

    Results get their names some at a time: the disk is waited for once for all of them.
    """

    def __init__(self, job: Job, journal: Journal, watch: Watch) -> None:
        super().__init__(job, journal, watch)
        self.made: list[Made] = []
        self.found: dict[str, Entry] = {}

    def run(self) -> Summary:
        """Do what is left of the job."""
        self.refuse_collisions()
        self.refuse_others()
        self.journal.sweep()
        same = self.journal.job == self.job.parameters
        self.journal.write(self.job.parameters, self.journal.entries if same else [])
        try:
            self.make_all()
        finally:
            self.journal.sweep()
            others = [entry for entry in self.journal.entries if entry["output"] not in self.found]
            entries = sorted([*others, *self.found.values()], key=lambda entry: str(entry["output"]))
            self.journal.write(self.job.parameters, entries)
        return self.summary

    def make_all(self) -> None:
        """Make every file's result, or see that it is there."""
        last = time.monotonic()
        for file in self.job.files:
            try:
                self.made.append(self.make(file))
            except ImageError as error:
                self.settle()
                self.fail(file, error)
            if len(self.made) == MOST_MADE or time.monotonic() - last > SETTLE_SECONDS:
                self.settle()
                last = time.monotonic()
        self.settle()

    def settle(self) -> None:
        """Have what was made on the disk, note it and give it its names, in this order."""
        new = [(made, made.part) for made in self.made if made.part is not None]
        with ThreadPoolExecutor(MOST_MADE) as pool:
            list(pool.map(sync, [part for _, part in new]))
        if new:
            self.journal.append([made.entry for made, _ in new], lasting=True)
        for made, part in new:
            target = self.target(made.file)
            target.parent.mkdir(parents=True, exist_ok=True)
            os.replace(part, target)  # where a loss of power undoes that, the next run does it again
        for made in self.made:
            before = made.part is None
            self.found[made.file.name] = made.entry
            self.summary.n_before += before
            self.summary.n_done += not before
            self.watch.done(made.file.name, made.seconds, before)
        self.made = []

    def target(self, file: ImageFile) -> Path:
        return self.job.out / (file.name + SUFFIXES[self.job.form])

    def refuse_collisions(self) -> None:
        """`Refused` if two results would have one name, or one the name of a folder."""
        caseless = is_caseless(self.journal.folder)
        results: dict[Path, ImageFile] = {}
        for file in self.job.files:
            target = self.target(file)
            if os.path.isdir(target) and not os.path.islink(target):
                raise Refused(f"{target} is a folder; it cannot be the result of {file.name!r}")
            name = unicodedata.normalize("NFC", str(target)).casefold() if caseless else target
            before = results.setdefault(Path(name), file)
            if before is not file:
                raise Refused(f"{before.name!r} and {file.name!r} are one name for this disk; allowed is one at a time")
        for target, file in results.items():
            for folder in target.parents:
                if folder in results:
                    raise Refused(
                        f"the result of {results[folder].name!r} has the name of the folder for {file.name!r}"
                    )

    def refuse_others(self) -> None:
        """`Refused` if results of other parameters, or files that no run wrote, are where results go."""
        if self.job.overwrite:
            return
        before = self.journal.job
        noted = set(self.journal.of_output)
        if before not in (None, self.job.parameters):
            suffix = SUFFIXES.get(str(before.get("format")), "")
            if any(os.path.lexists(self.job.out / (name + suffix)) for name in noted):
                told = differences(before, self.job.parameters)
                raise Refused(f"{self.job.out} holds responses of another job: {told}; --overwrite replaces them")
            noted = set()
        for file in self.job.files:
            if file.name not in noted and os.path.lexists(self.target(file)):
                raise Refused(f"{self.target(file)} is there, and not of this job; --overwrite replaces it")

    def make(self, file: ImageFile) -> Made:
        """Write one result beside, unless it is there."""
        begin = time.perf_counter()
        target, content = self.target(file), content_of(file)
        noted = self.journal.of_output.get(file.name, [])
        if is_there(target):
            found = digest(target) if target.is_file() else ""
            for entry in noted:
                if (entry["input"], entry["sha256"]) == (content.digest, found):
                    return Made(file, entry, None, time.perf_counter() - begin)
            if not self.job.overwrite and found not in [entry["sha256"] for entry in noted]:
                raise ImageError(f"{target} was changed since it was written; --overwrite replaces it")
        part = self.journal.folder / f"part{len(self.made)}"
        self.write(file, part)
        check_same(file, content)
        entry = {"output": file.name, "input": content.digest, "sha256": digest(part)}
        return Made(file, entry, part, time.perf_counter() - begin)

    def write(self, file: ImageFile, part: Path) -> None:
        """Write the responses of a file."""
        with open_images(file.path, self.job.layout, self.job.alpha) as images:
            responses = self.job.responder.responses(images)
            responses = dataclasses.replace(responses, parts=self.told(responses))
            with part.open("wb") as opened:
                write_responses(opened, responses, self.job.form, self.job.colours)


def is_caseless(folder: Path) -> bool:
    """Whether the disk takes names for the same that differ in small and capital letters; the folder has a lock."""
    return (folder / "LOCK").exists()


# --- one array for all ------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Surveyed:
    """An image file that can be read, and how many images are in it."""

    file: ImageFile
    n_images: int


class StackRun(Run):
    """One array for the images of all files, whose responses have to be of one shape and type."""

    def run(self) -> Summary:
        """Do what is left of the job."""
        job, journal = self.job, self.journal
        if os.path.lexists(job.out) and not job.overwrite and journal.job != job.parameters:
            told = f": {differences(journal.job, job.parameters)}" if journal.job else ""
            raise Refused(f"{job.out} is there, and not of this job{told}; --overwrite replaces it")
        shape, dtype, surveyed = self.survey()
        same = journal.job == job.parameters
        if os.path.lexists(job.out) and same:
            with open_finished(job.out, job.form, shape, dtype) as rows:
                entries = None if rows is None else self.finished(rows, surveyed)
            if entries is not None:
                journal.sweep()
                journal.write(job.parameters, entries)
                return self.summary
            if not job.overwrite:
                raise Refused(f"{job.out} is there, and not of these files as they are; --overwrite replaces it")
        part = journal.folder / "part"
        journal.sweep([part] if same else [])
        journal.write(job.parameters, journal.entries if same else [])
        with open_rows(part, job.form, sum(found.n_images for found in surveyed), shape, dtype) as rows:
            entries = self.fill(rows, surveyed)
        if job.out.is_dir():
            os.replace(job.out, journal.folder / "old")
        sync(journal.path)  # before the result has its name, or the next run would not know it for this job's
        put(part, job.out)
        remove(journal.folder / "old")
        journal.write(job.parameters, entries)
        return self.summary

    def survey(self) -> tuple[tuple[int, ...], np.dtype[Any], list[Surveyed]]:
        """Open every file, and return the shape and type of a response and the files that can be read."""
        forms: dict[str, tuple[tuple[int, ...], np.dtype[Any]]] = {}
        surveyed = []
        for file in self.job.files:
            try:
                with open_images(file.path, self.job.layout, self.job.alpha) as images:
                    responses = self.job.responder.responses(images)
                    first = next(iter(forms.items()), (file.name, (responses.shape, responses.dtype)))
                    if first[1] != (responses.shape, responses.dtype):
                        raise ImageError(
                            f"responses of shape {responses.shape} and type {responses.dtype}; in one array all "
                            f"have to be as those of {first[0]}, {first[1][0]} and {first[1][1]}"
                        )
                    forms[file.name] = first[1]
                    surveyed.append(Surveyed(file, images.n_images))
            except ImageError as error:
                self.fail(file, error)
        if not surveyed:
            raise JobError("no image file could be read")
        return *forms[surveyed[0].file.name], surveyed

    def finished(self, rows: Rows, surveyed: list[Surveyed]) -> list[Entry] | None:
        """Return the entries of all files if the array holds them and nothing else."""
        entries, position = [], 0
        for found in surveyed:
            try:
                entry = self.noted(rows, found, content_of(found.file), position)
            except ImageError:
                return None
            if entry is None:
                return None
            entries.append(entry)
            position += found.n_images
        if not rows.is_whole(position):
            return None
        self.summary.n_before = len(surveyed)
        for found in surveyed:
            self.watch.done(found.file.name, 0.0, True)
        return entries

    def noted(self, rows: Rows, found: Surveyed, content: Content, position: int) -> Entry | None:
        """Return the entry of a file if its rows are as they were written."""
        place = [position, position + found.n_images]
        for entry in self.journal.of_output.get(found.file.name, []):
            if (entry["input"], entry.get("rows")) == (content.digest, place):
                return entry if rows_digest(rows, *place) == entry["sha256"] else None
        return None

    def fill(self, rows: Rows, surveyed: list[Surveyed]) -> list[Entry]:
        """Write the rows that are not there yet, and return the entries of all files."""
        entries: list[Entry] = []
        position = 0
        for found in surveyed:
            begin = time.perf_counter()
            try:
                content = content_of(found.file)
                entry = self.noted(rows, found, content, position)
                before = entry is not None
                if entry is None:
                    entry = self.write(rows, found, content, position)
            except ImageError as error:
                self.fail(found.file, error)
                continue
            entries.append(entry)
            position = entry["rows"][1]
            self.summary.n_before += before
            self.summary.n_done += not before
            self.watch.done(found.file.name, time.perf_counter() - begin, before)
        rows.finish(position)
        return entries

    def write(self, rows: Rows, found: Surveyed, content: Content, position: int) -> Entry:
        """Write the rows of a file from `position` on, and note them."""
        total, first = hashlib.sha256(), position
        with open_images(found.file.path, self.job.layout, self.job.alpha) as images:
            responses = self.job.responder.responses(images)
            if (responses.n_images, responses.shape, responses.dtype) != (found.n_images, rows.shape, rows.dtype):
                raise ImageError("it was changed while the job ran")
            for part in self.told(responses):
                rows.write(first, part)
                total.update(np.ascontiguousarray(part).data)
                first += len(part)
        check_same(found.file, content)
        place = [position, first]
        entry = {"output": found.file.name, "input": content.digest, "sha256": total.hexdigest(), "rows": place}
        self.journal.append([entry], lasting=False)  # whether the rows are there is known from their digest
        return entry
