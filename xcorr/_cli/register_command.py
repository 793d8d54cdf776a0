"""Runs of ``xcorr register``: from its options to a job."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from xcorr._cli.find import Found
from xcorr._cli.images import ImageError
from xcorr._cli.job import content_of
from xcorr._cli.job_command import do_job, images_of
from xcorr._cli.register_run import RegisterJob, RegisterRun
from xcorr._cli.table import FORMS
from xcorr._info import info
from xcorr._register_settings import read_register_settings

__all__ = ["check_keywords", "fraction_of", "register_files", "taper_word"]

KEYWORDS = ("score", "subpixel", "taper", "max_shift", "min_overlap")


def register_files(images: Sequence[str], out: Path, quiet: bool, options: dict[str, Any]) -> None:
    """Do what ``xcorr register`` is asked.

    Raises
    ------
    click.UsageError, click.ClickException, click.exceptions.Exit
        For the statuses 2, 1, and 1 or 130 after a line that said why.
    """
    if out.suffix.lower() not in FORMS:
        raise click.UsageError(f"--out: got {str(out)!r}; allowed is a name that ends in {', '.join(FORMS)}")
    applied = options["applied"]
    if applied is not None and os.path.lexists(applied) and not applied.is_dir():
        raise click.UsageError(f"--apply: got {str(applied)!r}; allowed is a folder")
    found = images_of(images, *(place for place in (out, applied) if place is not None))
    do_job(make_job(found, out, options), RegisterRun, found, "shifts", quiet)


def make_job(found: Found, out: Path, options: dict[str, Any]) -> RegisterJob:
    """Check the options together, and state what the results depend on."""
    keywords = {name: options[name] for name in KEYWORDS}
    keywords |= {"subpixel": fraction_of(options["subpixel"]), "taper": taper_word(options["taper"])}
    check_keywords(keywords)
    parameters = {**keywords, "layout": options["layout"], "reference": options["reference"]}
    parameters |= {
        "format": FORMS[out.suffix.lower()],
        "version": info()["version"],
        "apply": options["applied"] is not None,
    }
    if options["reference"] != "previous":
        files = found.files[:1] if options["reference"] == "first" else found.files
        parameters["reference image"] = {"name": options["reference"], "sha256": digest_of_all(files)}
    return RegisterJob(
        files=found.files,
        layout=options["layout"],
        alpha="drop",
        form=FORMS[out.suffix.lower()],
        out=out,
        overwrite=options["overwrite"],
        stops=options["on_error"] == "stop",
        parameters=json.loads(json.dumps(parameters)),
        reference=options["reference"],
        keywords={**keywords, "workers": options["workers"]},
        maps=options["applied"],
    )


def digest_of_all(files: Sequence[Any]) -> str:
    """Return what stands for the contents of files, of those that cannot be read nothing."""
    total = hashlib.sha256()
    for file in files:
        try:
            total.update(content_of(file).digest.encode())
        except ImageError:
            total.update(b"-")
    return total.hexdigest()


def fraction_of(word: str | None) -> str | int | None:
    """Return a fraction as `register` has it."""
    return int(word) if word is not None and word.isdigit() else word


def taper_word(word: str | None) -> str | float | None:
    """Return a taper as `register` has it."""
    try:
        return None if word is None else float(word)
    except ValueError:
        return word


def check_keywords(keywords: dict[str, Any]) -> None:
    """UsageError for keywords that nothing could be registered with."""
    known = {"window": None, "step": None, "search": None, **keywords}
    try:
        read_register_settings(2, **known)
    except (TypeError, ValueError) as error:
        option, colon, reason = str(error).partition(":")
        raise click.UsageError(f"--{option.replace('_', '-')}{colon}{reason}") from error
