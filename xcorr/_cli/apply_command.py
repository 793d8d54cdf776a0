"""Runs of ``xcorr apply``: from its options to a job, and from the job's end to a status."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from xcorr._cli.apply import run_job
from xcorr._cli.bank_file import bank_digest, kernel_names, read_bank
from xcorr._cli.find import IN_FOLDERS, Found, find_images
from xcorr._cli.job import STACKED, Conflict, Job, JobError, Summary
from xcorr._cli.progress import printable, watching
from xcorr._cli.respond import SETTINGS, Responder
from xcorr._cli.responses import SUFFIXES
from xcorr._cli.tiles import Look
from xcorr._info import info
from xcorr._settings import read_settings

__all__ = ["apply_files"]

PICTURES = ("png", "tif", "sheet")
"""Forms of which integers saturate unless they are asked not to."""

MOST_NAMED = 4
"""Files that are named in a line about files; of others there is the number."""


def apply_files(images: Sequence[str], out: Path, quiet: bool, options: dict[str, Any]) -> None:
    """Do what ``xcorr apply`` is asked.

    Raises
    ------
    click.UsageError, click.ClickException, click.exceptions.Exit
        For the statuses 2, 1, and 1 or 130 after a line that said why.
    """
    check_out(out, options["form"])
    try:
        found = find_images(images, out)
    except (OSError, ValueError) as error:
        raise click.UsageError(f"IMAGES: {error}") from error
    job = make_job(found, out, options)
    begin = time.monotonic()
    try:
        with watching(len(job.files), quiet) as watch:
            summary = run_job(job, watch)
    except Conflict as error:
        raise click.UsageError(printable(f"--out: {error}")) from error
    except JobError as error:
        raise click.ClickException(printable(str(error))) from error
    except KeyboardInterrupt:
        click.echo("xcorr: interrupted; the same command goes on with what is left", err=True)
        raise click.exceptions.Exit(130) from None
    if not quiet:
        for line in (*noted(summary), told(summary, found, job, time.monotonic() - begin)):
            click.echo(printable(line))
    if summary.n_failed:
        raise click.exceptions.Exit(1)


def check_out(out: Path, form: str) -> None:
    """UsageError unless the name goes with the format."""
    suffix = SUFFIXES[form]
    if form in STACKED and out.suffix != suffix:
        raise click.UsageError(f"--out: got {str(out)!r}; allowed with --format {form} is a name that ends in {suffix}")
    if form not in STACKED and not out.is_dir():
        if os.path.lexists(out):
            raise click.UsageError(f"--out: got {str(out)!r}; allowed with --format {form} is a folder")
        if IN_FOLDERS.search(out.name) or out.suffix.lower() in (".npz", ".zarr"):
            example = str(out.with_suffix("") / f"NAME{suffix}")
            raise click.UsageError(
                f"--out: got {str(out)!r}; allowed with --format {form} is a folder, as {str(out.with_suffix(''))!r}, "
                f"in which the result of an image file NAME is {example!r}"
            )
    if form == "stack" and out.is_dir():
        raise click.UsageError(f"--out: {str(out)!r} is a folder; allowed with --format stack is a file")


def check_numbers(options: dict[str, Any]) -> None:
    """UsageError unless type, overflow and scale go with the format."""
    form, dtype, scale = options["form"], options["dtype"], options["scale"]
    if form == "png" and dtype not in (None, "uint8", "uint16"):
        raise click.UsageError(f"--dtype: got {dtype}; allowed with --format png are uint8 and uint16")
    if scale in ("stretch", "middle") and form != "png" and dtype not in ("uint8", "uint16"):
        raise click.UsageError(
            f"--scale: got {scale!r}; allowed with --format png, or with --dtype uint8 or uint16, and else 'unit'"
        )


def make_job(found: Found, out: Path, options: dict[str, Any]) -> Job:
    """Read the bank, check the options together, and state what the results depend on."""
    try:
        bank = read_bank(options["bank"])
    except ValueError as error:
        raise click.UsageError(f"--bank: {error}") from error
    channels, layout, form = options["channels"], options["layout"], options["form"]
    if channels is not None and bank.ndim == 4:
        raise click.UsageError(f"--channels: got {channels!r}; the bank of shape {bank.shape} has channels of its own")
    if form == "png" and bank.ndim > 2 and len(bank) == 0:
        raise click.UsageError(f"--bank: got a bank of shape {bank.shape}; allowed with --format png are kernels")
    check_numbers(options)
    overflow = options["overflow"] or ("saturate" if form in PICTURES else "raise")
    keywords = {name: options[name] for name in (*SETTINGS, "fill_value")} | {"overflow": overflow}
    parameters = {name: keywords.get(name, options[name]) for name in (*keywords, "layout", "alpha", "scale")}
    parameters |= {"bank": {"name": options["bank"], "sha256": bank_digest(bank)}}
    parameters |= {"channels": channels or "each", "format": form}
    parameters |= {"version": info()["version"], "level": info()["level"], "fill_value": str(options["fill_value"])}
    if form == "sheet":
        parameters |= {name: options[name] for name in ("colours", "one_scale")}
    try:
        check_keywords(keywords)
    except (TypeError, ValueError) as error:
        raise click.UsageError(f"--{error}") from error
    if bank.ndim == 4 and layout == "NCHW":
        bank = bank.transpose(0, 2, 3, 1)
    return Job(
        files=found.files,
        responder=Responder(bank, channels or "each", options["scale"], keywords, options["workers"], form == "png"),
        layout=layout,
        alpha=options["alpha"],
        form=form,
        look=Look(bank, kernel_names(options["bank"], bank), options["colours"], options["one_scale"]),
        out=out,
        overwrite=options["overwrite"],
        stops=(options["on_error"] or ("stop" if form in STACKED else "skip")) == "stop",
        parameters=json.loads(json.dumps(parameters)),
    )


def check_keywords(keywords: dict[str, Any]) -> None:
    """TypeError or ValueError for what no image could be correlated with."""
    words = {name: keywords[name] for name in SETTINGS}
    read_settings(words)


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
    """Return the last line."""
    parts = [
        f"{summary.n_done} of {len(job.files)} files done in {seconds:.1f} s, {counted(summary.n_images, 'image')}"
    ]
    parts += [f"{summary.n_before} done before"] if summary.n_before else []
    parts += [f"{summary.n_failed} failed"] if summary.n_failed else []
    parts += [f"passed over {named(found.others, found.n_others - len(found.others))}"] if found.others else []
    return f"{', '.join(parts)}; the responses are in {job.out}"
