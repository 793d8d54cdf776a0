"""What is asked of commands that go through image files, and what their runs share: files that fail, and progress."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from xcorr._cli.files import digest, state
from xcorr._cli.find import ImageFile
from xcorr._cli.folder import Folder
from xcorr._cli.images import ImageError
from xcorr._cli.journal import Journal
from xcorr._cli.zarr_folder import state_of

__all__ = [
    "IN_ONE_FILE",
    "STACKED",
    "Conflict",
    "Content",
    "Job",
    "JobError",
    "Run",
    "Summary",
    "Watch",
    "check_same",
    "content_of",
    "differences",
    "is_same",
]

STACKED = ("stack", "zarr")
"""Forms of one array for all images."""

IN_ONE_FILE = (*STACKED, "csv", "jsonl")
"""Forms of one result for all image files."""


class Conflict(ValueError):
    """What is asked cannot be begun; nothing was changed."""


class JobError(Exception):
    """The job cannot go on."""


@dataclass(frozen=True)
class Job:
    """What is asked of a command.

    `parameters` is what the results depend on beside the image files, as JSON has it; results of other parameters are
    not taken for this job's.
    """

    files: list[ImageFile]
    layout: str | None
    alpha: str
    form: str
    out: Path
    overwrite: bool
    stops: bool
    parameters: dict[str, Any]

    @property
    def home(self) -> Path:
        """The folder of the results."""
        return self.out.parent if self.form in IN_ONE_FILE else self.out

    @property
    def folder(self) -> str:
        """The name in it of a folder of the job's own, where the journal is, and what is not whole yet."""
        return f".{self.out.name}.xcorr" if self.form in IN_ONE_FILE else ".xcorr"


@dataclass
class Summary:
    """Image files that were done now, that were done before, that failed; and images that were done now.

    `notes` has what was done with files that they do not say themselves, and the names of these files.
    """

    n_done: int = 0
    n_before: int = 0
    n_failed: int = 0
    n_images: int = 0
    notes: dict[str, list[str]] = field(default_factory=dict)

    def note(self, notes: Iterable[str], name: str) -> None:
        """Note what was done with a file, once."""
        for note in notes:
            names = self.notes.setdefault(note, [])
            if name not in names[-1:]:
                names.append(name)


class Watch(Protocol):
    """What is told of a job's progress."""

    def advance(self, share: float, n_images: int) -> None:
        """A share of the present file is done, so many images."""

    def done(self, name: str, seconds: float, before: bool) -> None:
        """A file is done, now or before."""

    def failed(self, name: str, reason: str) -> None:
        """A file cannot be done."""


def is_same(before: dict[str, Any] | None, now: dict[str, Any]) -> bool:
    """Whether results of these parameters are also those of the others."""
    return before is not None and not differing(before, now)


def differences(before: dict[str, Any], now: dict[str, Any]) -> str:
    """Name the parameters that differ."""
    told = []
    for name in differing(before, now):
        then, at_present = (shown(parameters.get(name)) for parameters in (before, now))
        several = then != at_present
        told.append(f"{name} {then} then and {at_present} now" if several else f"{name} {then}, which has changed")
    return ", ".join(told)


def differing(before: dict[str, Any], now: dict[str, Any]) -> list[str]:
    """Return the names of the parameters that differ; that of a bank has a name, which does not count."""
    names = sorted(before.keys() | now.keys())
    return [name for name in names if content_in(before.get(name)) != content_in(now.get(name))]


def content_in(parameter: Any) -> Any:
    return parameter.get("sha256") if isinstance(parameter, dict) else parameter


def shown(parameter: Any) -> str:
    return repr(parameter.get("name") if isinstance(parameter, dict) else parameter)


class Run(ABC):
    """What runs share: each file in turn, and what becomes of one that fails."""

    def __init__(self, job: Job, home: Folder, journal: Journal, watch: Watch) -> None:
        self.job, self.home, self.journal, self.watch = job, home, journal, watch
        self.summary = Summary()

    def fail(self, file: ImageFile, error: ImageError) -> None:
        """Count a file as failed; `JobError` if the job stops then."""
        self.summary.n_failed += 1
        self.watch.failed(file.name, str(error))
        if self.job.stops:
            raise JobError("stopped at the first file that failed; --on-error skip goes on")

    @abstractmethod
    def run(self) -> Summary:
        """Do what is left of the job."""

    def count(self, n_images: int, n_in_file: int) -> None:
        """Count images of the present file that are done, and tell how far it is."""
        self.summary.n_images += n_images
        self.watch.advance(n_images / max(1, n_in_file), n_images)


@dataclass(frozen=True)
class Content:
    """What is in an image file: its digest, and by what a change would be seen."""

    digest: str
    state: tuple[int, ...]


def content_of(file: ImageFile) -> Content:
    """Return what is in a file now; of a folder in the zarr format the digest is of what is told of its files."""
    try:
        if file.path.is_dir():
            told = state_of(file.path)
            return Content(told, (int(told, 16),))
        before = state(file.path)
        return Content(digest(file.path), before)
    except OSError as error:
        raise ImageError(error.strerror or str(error)) from error


def check_same(file: ImageFile, content: Content) -> None:
    """`ImageError` if a file was changed since its content was looked at: no digest could stand for what was read."""
    try:
        is_folder = file.path.is_dir()
        same = content_of(file) == content if is_folder else state(file.path) == content.state
    except OSError:
        same = False
    if not same:
        raise ImageError("it was changed while it was read")
