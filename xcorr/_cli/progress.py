"""How far a job is: a bar with rate and time left on a terminal, a line for each file elsewhere. Needs rich."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Iterator

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TaskProgressColumn,
    TextColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from xcorr._cli.job import JobError, Watch

__all__ = ["printable", "watching"]


def printable(text: str) -> str:
    """Return one line of text without what moves a cursor, or is no character."""
    return "".join(
        letter if letter.isprintable() else letter.encode("unicode_escape").decode("ascii") for letter in text
    )


def tell(text: str) -> None:
    """Print a line; `JobError` if it cannot be written, which is no fault of the results' disk."""
    try:
        print(text, flush=True)
    except BrokenPipeError:
        raise
    except OSError as error:
        raise JobError(f"cannot write to standard output: {error.strerror}") from error


def complain(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


class Lines:
    """A line for each file on standard output, and for each that failed on standard error."""

    def __init__(self, n_files: int, quiet: bool) -> None:
        self.n_files, self.quiet, self.n_seen = n_files, quiet, 0

    def advance(self, share: float, n_images: int) -> None:
        """Nothing is told of a part."""

    def done(self, name: str, seconds: float, before: bool) -> None:
        """Print a line."""
        self.n_seen += 1
        if not self.quiet:
            how = "done before" if before else f"{seconds:.2f} s"
            tell(f"[{self.n_seen}/{self.n_files}] {printable(name)}: {how}")

    def failed(self, name: str, reason: str) -> None:
        """Print a line."""
        self.n_seen += 1
        complain(f"xcorr: {printable(name)}: {printable(reason)}")


class Rate(ProgressColumn):
    """Images in a second."""

    def __init__(self) -> None:
        super().__init__()
        self.begin, self.n_images = time.monotonic(), 0

    def render(self, task: Task) -> Text:
        """Return the rate since the job began."""
        return Text(f"{self.n_images / max(time.monotonic() - self.begin, 1e-9):,.1f} images/s")


class Bar:
    """A bar for the whole job, above which the files that failed are told."""

    def __init__(self, progress: Progress, rate: Rate, n_files: int) -> None:
        self.progress, self.rate = progress, rate
        self.task = progress.add_task("", total=n_files)
        self.n_seen, self.share = 0, 0.0

    def advance(self, share: float, n_images: int) -> None:
        """Move on by a part of the present file."""
        self.rate.n_images += n_images
        self.share = min(1.0, self.share + share)
        self.progress.update(self.task, completed=self.n_seen + self.share)

    def done(self, name: str, seconds: float, before: bool) -> None:
        """Move to the next file."""
        self.n_seen, self.share = self.n_seen + 1, 0.0
        self.progress.update(self.task, completed=self.n_seen, description=printable(name)[-30:])

    def failed(self, name: str, reason: str) -> None:
        """Tell it, and move on."""
        text = Text(f"xcorr: {printable(name)}: {printable(reason)}")
        self.progress.console.print(text, soft_wrap=True)
        self.done(name, 0.0, False)


@contextlib.contextmanager
def watching(n_files: int, quiet: bool) -> Iterator[Watch]:
    """Show how far a job of so many files is."""
    console = Console(stderr=True, highlight=False)
    if quiet or not (console.is_terminal and sys.stdout.isatty()):
        yield Lines(n_files, quiet)
        return
    rate = Rate()
    count, text = MofNCompleteColumn(), TextColumn("{task.description}", markup=False)
    with Progress(
        count, BarColumn(), TaskProgressColumn(), rate, TimeRemainingColumn(), text, console=console, transient=True
    ) as progress:
        yield Bar(progress, rate, n_files)
