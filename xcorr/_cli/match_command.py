"""Runs of ``xcorr match``: from its options to a job."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from xcorr._cli.bank_file import bank_digest
from xcorr._cli.find import Found
from xcorr._cli.job_command import do_job, images_of
from xcorr._cli.match_job import MatchJob
from xcorr._cli.match_run import MatchRun
from xcorr._cli.pixels import Array
from xcorr._cli.search import Search, groups_of
from xcorr._cli.table import FORMS
from xcorr._cli.template_files import read_mask_file, read_templates, templates_digest
from xcorr._info import info
from xcorr._matching import read_scoring
from xcorr.peaks import Peaks

__all__ = ["match_files"]

PLACES = ("padding", "boundary", "stride", "dilation")
SCORING = (*PLACES, "score", "fill_value", "min_overlap", "undefined", "method", "precision")
PEAKS = ("k", "threshold", "min_distance", "border", "subpixel", "per")
"""Options that are keywords of `Matcher`, and those of `Peaks`."""


def match_files(images: Sequence[str], out: Path, quiet: bool, options: dict[str, Any]) -> None:
    """Do what ``xcorr match`` is asked.

    Raises
    ------
    click.UsageError, click.ClickException, click.exceptions.Exit
        For the statuses 2, 1, and 1 or 130 after a line that said why.
    """
    check_places(out, options)
    outs = [place for place in (out, options["maps"], options["drawings"]) if place is not None]
    found = images_of(images, *outs)
    do_job(make_job(found, out, options), MatchRun, found, "matches", quiet)


def check_places(out: Path, options: dict[str, Any]) -> None:
    """UsageError unless the table and the folders have names that they can have."""
    if out.suffix.lower() not in FORMS:
        raise click.UsageError(f"--out: got {str(out)!r}; allowed is a name that ends in {', '.join(FORMS)}")
    for option, folder in (("--map", options["maps"]), ("--draw", options["drawings"])):
        if folder is not None and os.path.lexists(folder) and not folder.is_dir():
            raise click.UsageError(f"{option}: got {str(folder)!r}; allowed is a folder")


def make_job(found: Found, out: Path, options: dict[str, Any]) -> MatchJob:
    """Read the templates, check the options together, and state what the results depend on."""
    try:
        templates = read_templates(options["templates"], options["masks"], options["layout"])
        mask = read_image_mask(options["image_mask"], options["alpha"])
    except ValueError as error:
        raise click.UsageError(str(error)) from error
    scoring, peaks = ({name: options[name] for name in names} for names in (SCORING, PEAKS))
    check_keywords(scoring, peaks)
    groups = groups_of(templates, options["scale"])
    check_groups(groups, options)
    names = [template.name for template in templates]
    parameters = {**scoring, **peaks, **{name: options[name] for name in ("layout", "alpha", "channels", "scale")}}
    parameters |= {"fill_value": str(options["fill_value"]), "undefined": str(options["undefined"])}
    parameters |= {"format": FORMS[out.suffix.lower()], "version": info()["version"], "level": info()["level"]}
    parameters["template"] = {"name": ", ".join(options["templates"]), "sha256": templates_digest(templates)}
    parameters["image mask"] = mask_word(mask, options["image_mask"])
    parameters |= {"map": options["maps"] is not None, "draw": options["drawings"] is not None}
    return MatchJob(
        files=found.files,
        layout=options["layout"],
        alpha=options["alpha"],
        form=FORMS[out.suffix.lower()],
        out=out,
        overwrite=options["overwrite"],
        stops=options["on_error"] == "stop",
        parameters=json.loads(json.dumps(parameters)),
        search=Search(
            groups=groups,
            channels=options["channels"],
            scale=options["scale"],
            keywords=scoring,
            peaks=peaks,
            mask=mask,
            with_maps=options["maps"] is not None,
            workers=options["workers"],
        ),
        names=names,
        maps=options["maps"],
        drawings=options["drawings"],
    )


def read_image_mask(word: str | None, alpha: str) -> str | Array | None:
    """Return what counts of images: a mask from a file, "finite", "alpha", or None for everything."""
    if word is not None and alpha == "mask":
        raise ValueError("--alpha: got 'mask' beside --image-mask; allowed is one of both")
    if word is None:
        return "alpha" if alpha == "mask" else None
    return word if word == "finite" else read_mask_file("--image-mask", Path(word))


def mask_word(mask: str | Array | None, word: str | None) -> Any:
    """Return a mask as a parameter: a word, or a file's name with the digest of what it holds."""
    return mask if mask is None or isinstance(mask, str) else {"name": word, "sha256": bank_digest(mask)}


def check_keywords(scoring: dict[str, Any], peaks: dict[str, Any]) -> None:
    """UsageError for keywords that nothing could be looked for with."""
    try:
        read_scoring(scoring)
        Peaks(**{name: value for name, value in peaks.items() if value is not None})
    except (TypeError, ValueError) as error:
        option, colon, reason = str(error).partition(":")
        raise click.UsageError(f"--{option.replace('_', '-')}{colon}{reason}") from error


def check_groups(groups: Sequence[Any], options: dict[str, Any]) -> None:
    """UsageError unless templates that share their peaks have one size, and none are empty or complex."""
    for group in groups:
        if group.pixels.dtype.kind not in "biuf" or 0 in group.pixels.shape:
            raise click.UsageError(
                f"--template: got templates of {group.name} and type {group.pixels.dtype}; allowed are real numbers "
                "of at least 1x1"
            )
    if options["per"] == "image" and len(groups) > 1:
        sizes = " and ".join(group.name for group in groups[:2])
        raise click.UsageError(f"--per: got 'image' with templates of {sizes}; allowed is 'kernel', or one size")
