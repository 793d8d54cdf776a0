"""Runs of commands that go through image files: from a job to the line that is told last, and to a status."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

import click

from xcorr._cli.find import Found, find_images
from xcorr._cli.folder import Folder, NotOurs
from xcorr._cli.job import Conflict, Job, JobError, Run, Summary, Watch
from xcorr._cli.journal import Busy, Journal, locked
from xcorr._cli.progress import printable, watching

__all__ = ["counted", "do_job", "images_of", "run_job"]

MOST_NAMED = 4
"""Files that are named in a line about files; of others there is the number."""


def images_of(arguments: Sequence[str], *outs: Path) -> Found:
    """Return the image files that arguments mean; UsageError if there are none."""
    try:
        return find_images(arguments, *outs)
    except (OSError, ValueError) as error:
        raise click.UsageError(f"IMAGES: {error}") from error


def do_job(job: Job, kind: type[Run], found: Found, results: str, quiet: bool) -> None:
    """Do a job and tell of it, with a word for its results.

    Raises
    ------
    click.UsageError, click.ClickException, click.exceptions.Exit
        For the statuses 2, 1, and 1 or 130 after a line that said why.
    """
    begin = time.monotonic()
    try:
        with watching(len(job.files), quiet) as watch:
            summary = run_job(job, kind, watch)
    except Conflict as error:
        raise click.UsageError(printable(f"--out: {error}")) from error
    except JobError as error:
        raise click.ClickException(printable(str(error))) from error
    except KeyboardInterrupt:
        click.echo("xcorr: interrupted; the same command goes on with what is left", err=True)
        raise click.exceptions.Exit(130) from None
    if not quiet:
        seconds = time.monotonic() - begin
        for line in (*noted(summary), f"{told(summary, found, job, seconds)}; the {results} are in {job.out}"):
            click.echo(printable(line))
    if summary.n_failed:
        raise click.exceptions.Exit(1)


def run_job(job: Job, kind: type[Run], watch: Watch) -> Summary:
    """Do a job, or what is left of it.

    Raises
    ------
    Conflict
        Results that are not this job's are in its way.
    JobError
        A result cannot be written, something else is where a file of the job's own should be, another run is at work
        on the same results, or a file failed and the job stops then.
    MissingLibrary
        A library is not installed.
    """
    try:
        job.home.mkdir(parents=True, exist_ok=True)
        with Folder.named(job.home) as home, locked(home, job.folder) as folder:
            return kind(job, home, Journal(folder), watch).run()
    except (Busy, NotOurs) as error:
        raise JobError(str(error)) from error
    except BrokenPipeError:  # who was told of the progress has gone
        raise
    except OSError as error:
        raise JobError(f"cannot write {job.out}: {error.strerror or error}") from error


def counted(n: int, noun: str) -> str:
    """Return the noun with its number."""
    return f"{n} {noun}{'' if n == 1 else 's'}"


def named(names: Sequence[str], n_others: int = 0) -> str:
    """Return the first names, and the number of those that follow and of others."""
    n_left = n_others + max(0, len(names) - MOST_NAMED)
    shown = ", ".join(names[:MOST_NAMED])
    return f"{shown} and {counted(n_left, 'other')}" if n_left else shown


def noted(summary: Summary) -> list[str]:
    """Return a line for each thing that was done with files and that they do not show."""
    return [f"{named(names)}: {note}" for note, names in summary.notes.items()]


def told(summary: Summary, found: Found, job: Job, seconds: float) -> str:
    """Return what became of the files."""
    parts = [
        f"{summary.n_done} of {len(job.files)} files done in {seconds:.1f} s, {counted(summary.n_images, 'image')}"
    ]
    parts += [f"{summary.n_before} done before"] if summary.n_before else []
    parts += [f"{summary.n_failed} failed"] if summary.n_failed else []
    parts += [f"passed over {named(found.others, found.n_others - len(found.others))}"] if found.others else []
    return ", ".join(parts)
