"""What is asked of ``xcorr apply``, and what its runs of both kinds share: files that fail or change, and progress."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from numpy.typing import NDArray

from xcorr._cli.files import digest, state
from xcorr._cli.find import ImageFile
from xcorr._cli.images import ImageError
from xcorr._cli.journal import Journal
from xcorr._cli.respond import Responder
from xcorr._cli.responses import Responses
from xcorr._cli.tiles import Look

__all__ = [
    "STACKED",
    "Content",
    "Job",
    "JobError",
    "Refused",
    "Run",
    "Summary",
    "Watch",
    "check_same",
    "content_of",
    "differences",
]

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
    look: Look
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
            self.summary.n_images += len(part)
            self.watch.advance(len(part) / max(1, responses.n_images), len(part))
            yield part  # after which a sheet that is cut may ask for no more


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
