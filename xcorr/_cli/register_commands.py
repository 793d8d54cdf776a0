"""The commands that tell how far images are shifted. Needs click and rich, which the extra ``cli`` installs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from xcorr._cli.commands import commands, file, folder_to_be
from xcorr._cli.options import (
    Command,
    Numbers,
    image_files,
    layout_of_arrays,
    overwrite_option,
    quiet_option,
    with_options,
    word_option,
    workers_option,
)
from xcorr._register_settings import SCORES

__all__ = ["piv", "register"]

REFERENCES = ("first", "previous", "mean")
PAIR = Numbers("N or ROWS,COLUMNS", (1, 2), 1)


def shift_options(command: Command) -> Command:
    """Give a command the options that whole images and windows share."""
    return with_options(
        command,
        click.option("--subpixel", metavar="WORD|N", help="Fractions: gaussian, parabola, or of 1/N pixel."),
        click.option("--taper", metavar="hann|SHARE", help="Share of each axis over which images fade out; hann: all."),
        click.option("--max-shift", type=float, help="Largest shift that is looked for; default: any."),
        click.option(
            "--min-overlap",
            type=float,
            default=0.3,
            show_default=True,
            help="Share of the largest overlap that both must have in common.",
        ),
    )


@commands.command(short_help="Tell how far images have drifted.")
@image_files
@word_option("--reference", words=REFERENCES, default="first", help="Image that the others are laid on.")
@click.option("--out", required=True, type=file, help="Table of the shifts: FILE.csv, or FILE.jsonl for JSON lines.")
@word_option("--score", words=SCORES, default="phase", help="Kind of score.")
@shift_options
@click.option("--apply", "applied", type=folder_to_be, metavar="DIR", help="Folder for the shifted images.")
@layout_of_arrays
@workers_option
@overwrite_option
@word_option("--on-error", words=("skip", "stop"), default="skip", help="What follows a bad file.")
@quiet_option
def register(images: tuple[str, ...], out: Path, quiet: bool, **options: Any) -> None:
    """Tell by how much each image has to be shifted to lie on a reference.

    IMAGES are files, folders and patterns, as for xcorr apply; all images of all files are one stack, in their order.
    The reference is the first image, the mean of all, or the image before; then shifts are added up, so that they
    lay each image on the first one.

    \b
    Results:
      --out FILE.csv    a line for each image, under a header
      --out FILE.jsonl  a JSON object for each image
      --apply DIR       DIR/photo.png.npy, the images of a file as they are shifted: by whole pixels with 0 from
                        outside, with --subpixel by waves, which go on at the other edges

    A line has the image's file and its number in the file, the shift down and to the right in pixels, the score, 1
    for images that agree, and the ratio to the next best shift. An image without a shift, as a flat one, has nan.

    A job that was stopped is gone on with by the same command. Results of others are replaced with --overwrite only.
    The journal is in .FILE.csv.xcorr beside the table.

    Exits with 0 if all files are done, 1 if one failed or the job did, 2 for a usage error, 130 for an interrupt.
    """  # noqa: D301 (click's mark for lines that stay as they are)
    from xcorr._cli.register_command import register_files

    register_files(images, out, quiet, options)


@commands.command(short_help="Measure a flow between two images.")
@click.argument("first", type=click.Path(exists=True, path_type=Path))
@click.argument("second", type=click.Path(exists=True, path_type=Path))
@click.option("--window", required=True, type=PAIR, help="Pixels of a window.")
@click.option("--step", type=PAIR, help="Pixels from window to window; default: half a window.")
@click.option("--search", type=PAIR, help="Pixels that are searched around each window; default: the window's.")
@click.option("--out", required=True, type=file, help="File for the arrays: FILE.npz.")
@word_option("--score", words=SCORES, default="zncc", help="Kind of score.")
@shift_options
@click.option("--draw", "drawing", type=file, metavar="FILE", help="PNG of the first image with arrows.")
@layout_of_arrays
@workers_option
@overwrite_option
@quiet_option
def piv(first: Path, second: Path, out: Path, quiet: bool, **options: Any) -> None:
    """Measure how far windows of the FIRST image have gone in the SECOND one.

    The arrays in FILE.npz are displacement (rows, columns, 2), down and to the right in pixels, score and ratio (rows,
    columns), and rows and columns, where the windows' middles are.

    Exits with 0 if it is done, 1 if a file cannot be read, 2 for a usage error, 130 for an interrupt.
    """
    from xcorr._cli.piv_command import measure_flow

    measure_flow(first, second, out, quiet, options)
