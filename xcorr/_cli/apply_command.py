"""Runs of ``xcorr apply``: from its options to a job."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from xcorr._cli.apply_job import ApplyJob, ApplyRun
from xcorr._cli.bank_file import bank_digest, kernel_names, read_bank
from xcorr._cli.cluster import ClusterRun
from xcorr._cli.files_run import FilesRun
from xcorr._cli.find import IN_FOLDERS, Found, own_place
from xcorr._cli.job import STACKED
from xcorr._cli.job_command import do_job, images_of
from xcorr._cli.respond import SETTINGS, Responder
from xcorr._cli.responses import SUFFIXES
from xcorr._cli.room import most_bytes_here
from xcorr._cli.stack_run import StackRun
from xcorr._cli.tiles import Look
from xcorr._cli.zarr_folder import is_zarr_folder
from xcorr._cli.zarr_run import ZarrRun
from xcorr._info import info
from xcorr._settings import read_settings

__all__ = ["apply_files"]

PICTURES = ("png", "tif", "sheet")
"""Forms of which integers saturate unless they are asked not to."""


def apply_files(images: Sequence[str], out: Path, quiet: bool, options: dict[str, Any]) -> None:
    """Do what ``xcorr apply`` is asked.

    Raises
    ------
    click.UsageError, click.ClickException, click.exceptions.Exit
        For the statuses 2, 1, and 1 or 130 after a line that said why.
    """
    alone = is_zarr_alone(images)
    if options["form"] is None:
        options["form"] = "zarr" if alone and out.suffix == SUFFIXES["zarr"] else "npy"
    check_out(out, options["form"])
    found = images_of(images, out)
    if any(own_place(file.path) == own_place(out) for file in found.files):
        raise click.UsageError(f"--out: got {str(out)!r}, which is one of IMAGES; allowed is what is none of them")
    kind: type[ApplyRun] = StackRun if options["form"] in STACKED else FilesRun
    if alone and options["form"] == "zarr":
        check_apart(Path(images[0]), out)
        kind = ClusterRun if options["scheduler"] is not None else ZarrRun
    elif options["scheduler"] is not None:
        raise click.UsageError(
            f"--scheduler: got {options['scheduler']!r}; allowed where IMAGES are one zarr folder and --format is zarr"
        )
    do_job(make_job(found, out, options), kind, found, "responses", quiet)


def is_zarr_alone(images: Sequence[str]) -> bool:
    """Whether one folder in the zarr format is all that is given."""
    return len(images) == 1 and is_zarr_folder(Path(images[0]))


def check_apart(image: Path, out: Path) -> None:
    """UsageError if responses would be in the folder of the image, or it in theirs."""
    one, other = (Path(os.path.realpath(path)) for path in (image, out))
    if one == other or one in other.parents or other in one.parents:
        raise click.UsageError(f"--out: got {str(out)!r}; allowed is what does not lie in IMAGES, nor IMAGES in it")


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


def make_job(found: Found, out: Path, options: dict[str, Any]) -> ApplyJob:
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
    return ApplyJob(
        files=found.files,
        responder=Responder(bank, channels or "each", options["scale"], keywords, options["workers"], form == "png"),
        layout=layout,
        alpha=options["alpha"],
        form=form,
        look=Look(bank, kernel_names(options["bank"], bank), options["colours"], options["one_scale"]),
        most_bytes=options["most_bytes"] or most_bytes_here(),
        is_asked=options["most_bytes"] is not None,
        scheduler=options["scheduler"],
        out=out,
        overwrite=options["overwrite"],
        over_image=bool(found.results),
        stops=(options["on_error"] or ("stop" if form in STACKED else "skip")) == "stop",
        parameters=json.loads(json.dumps(parameters)),
    )


def check_keywords(keywords: dict[str, Any]) -> None:
    """TypeError or ValueError for what no image could be correlated with."""
    words = {name: keywords[name] for name in SETTINGS}
    read_settings(words)
