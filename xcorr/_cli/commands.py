"""The commands of ``xcorr`` and their options. Needs click and rich, which the extra ``cli`` installs."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, get_args

import click
from click.shell_completion import BashComplete, FishComplete, ShellComplete, ZshComplete

from xcorr._cli.bank_file import bank_names
from xcorr._cli.images import ALPHAS, MissingLibrary
from xcorr._cli.options import (
    SHAPE,
    Address,
    BankWord,
    Number,
    ScaledCommand,
    Size,
    geometry_options,
    image_files,
    layout_of_arrays,
    method_options,
    options_of_correlate,
    overwrite_option,
    quiet_option,
    word_option,
    workers_option,
)
from xcorr._cli.respond import CHANNELS, SCALES
from xcorr._cli.responses import SUFFIXES
from xcorr._cli.search import COLOURS as COLOURS_COUNTED
from xcorr._cli.tiles import COLOURS
from xcorr._info import info
from xcorr._reading import OVERFLOWS, PICTURES
from xcorr._typing import SCORES, Per, Subpixel

__all__ = ["commands"]

INTERRUPTED = 130
PERS, SUBPIXELS = get_args(Per), get_args(Subpixel)


# --- errors -----------------------------------------------------------------------------------------------------------


class Stopped(click.ClickException):
    """An error that is told in one line."""

    def __init__(self, message: str) -> None:
        from xcorr._cli.progress import printable

        super().__init__(printable(message))


class WrongUsage(Stopped):
    """An error of whoever called."""

    exit_code = 2


class Commands(click.Group):
    """A group whose usage errors are one line, and whose interrupts end with 130."""

    def make_context(self, *arguments: Any, **keywords: Any) -> click.Context:
        """Make the context, as click does."""
        with in_one_line():
            return super().make_context(*arguments, **keywords)

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command, as click does."""
        with in_one_line():
            return super().invoke(ctx)


@contextmanager
def in_one_line() -> Iterator[None]:
    try:
        yield
    except MissingLibrary as error:
        raise Stopped(str(error)) from error
    except click.exceptions.NoArgsIsHelpError:
        raise
    except click.UsageError as error:
        raise WrongUsage(error.format_message()) from error
    except BrokenPipeError:
        raise
    except OSError as error:
        raise Stopped(str(error)) from error
    except KeyboardInterrupt:
        click.echo("xcorr: interrupted", err=True)
        raise click.exceptions.Exit(INTERRUPTED) from None


# --- the commands -----------------------------------------------------------------------------------------------------

folder = click.Path(exists=True, file_okay=False, path_type=Path)
folder_or_file = click.Path(exists=True, path_type=Path)
file = click.Path(dir_okay=False, path_type=Path)
folder_to_be = click.Path(path_type=Path)


@click.group(cls=Commands)
@click.version_option(info()["version"], prog_name="xcorr")
def commands() -> None:
    """Cross-correlation of batches of images with banks of kernels."""


@commands.command()
@click.option("--mnist", type=folder, help="Folder with MNIST's IDX files; default: 500 digits in the package.")
@click.option(
    "--cifar10", type=folder_or_file, help="CIFAR-10, its folder or .tar.gz; default: 64 tiles in the package."
)
@click.option("--out", type=file, default="xcorr-demo.npz", show_default=True, help="File for the responses.")
@click.option("--report", type=file, help="File for a page of pictures; default: report.html, with plotly.")
@click.option("--no-report", is_flag=True, help="Leave the page of pictures out.")
@workers_option
def demo(
    mnist: Path | None, cifar10: Path | None, out: Path, report: Path | None, no_report: bool, workers: int | None
) -> None:
    """Correlate real images, compare every response with SciPy, time both, and draw it all on one page.

    A photograph, digits and colour tiles. OpenCV and torch are timed as well where they are installed.

    The page opens in a browser and needs nothing else; to draw it takes plotly: pip install "xcorr[plot]".
    Exits with 1 if a response differs from SciPy's by more than its bound.
    """
    from xcorr._cli.demo import run_demo  # and with it most of SciPy

    run_demo(mnist, cifar10, out, report, no_report, workers)


@commands.command(cls=ScaledCommand, short_help="Correlate image files with a bank.")
@image_files
@click.option(
    "--bank", required=True, type=BankWord(), help=f"{', '.join(bank_names())}, or a .npy or .npz file (FILE.npz:NAME)."
)
@click.option("--out", required=True, type=click.Path(path_type=Path), help="Folder, or for stack and zarr the file.")
@click.option(
    "--format",
    "form",
    type=click.Choice(list(SUFFIXES)),
    help="Kind of results; default: npy, and zarr where --out ends in .zarr and IMAGES are one zarr folder.",
)
@click.option(
    "--channels", type=click.Choice(CHANNELS), help="What a bank without channels does with colours; default: each."
)
@word_option("--alpha", words=ALPHAS, default="drop", help="What becomes of transparency.")
@click.option(
    "--scale",
    type=click.Choice(SCALES),
    help="Scale of values; unit: integers, of images and pictures, stand for 0 to 1; stretch: a picture's least value "
    "is black and its greatest white; middle: 0 is grey. Default: numbers as they are. Without a word it is unit.",
)
@layout_of_arrays
@word_option("--colours", words=list(COLOURS), default="grey", help="Colours of sheets.")
@click.option("--one-scale", is_flag=True, help="Draw all responses of a sheet on one scale; default: each on its own.")
@options_of_correlate
@click.option("--fill-value", type=Number(), default=0, show_default=True, help="Value of a constant padding.")
@click.option(
    "--overflow",
    type=click.Choice(OVERFLOWS),
    help="What integers beyond their type do; default: saturate in pictures, raise in arrays.",
)
@click.option(
    "--most-bytes",
    type=Size(),
    help="Bytes of pixels and responses in memory, such as 512M or 2GiB: an image that takes more is done in parts. "
    "Default: a quarter of the machine's memory.",
)
@click.option(
    "--scheduler",
    type=Address(),
    help="Scheduler of a dask cluster that goes from one zarr folder to another; default: this machine does.",
)
@overwrite_option
@click.option(
    "--on-error", type=click.Choice(("skip", "stop")), help="What follows a bad file; default: skip, in one array stop."
)
@quiet_option
def apply(images: tuple[str, ...], out: Path, quiet: bool, **options: Any) -> None:
    """Correlate image files with a bank of kernels.

    IMAGES are PNG, JPEG, TIFF, BMP, WebP, PGM, PPM, PBM, .npy and IDX files (also .gz), folders with such files, and
    patterns. All pages of a TIFF and all images of an array are one batch; a folder in the zarr format is an array, or
    an OME-Zarr image. Other folders are read with the folders in them, by names as people count (2 before 10); links to
    folders and hidden names are passed over.

    \b
    Results, kernels last:
      npy    DIR/photo.png.npy, (rows, columns, K), before it N for a batch
      png    DIR/photo.png.png, of a bank of several DIR/photo.png.0.png, ...
      tif    DIR/photo.png.tif, a page for each kernel
      sheet  DIR/photo.png.sheet.png, the image and its responses as small pictures
      stack  FILE.npy, (N, rows, columns, K) of all files, in their order
      zarr   FILE.zarr, the same, a chunk for each image; of one zarr folder another one, block by block

    Images that are integers give, with a bank of floats, responses of numpy.result_type: uint8 and float32 float32.
    Pictures are turned upright, palettes become colours, and transparency is left out, which is told (--alpha keep
    takes it, opaque refuses it). A bank without channels takes colour images channel by channel (--channels each, an
    axis before K), as the sum of all (sum), or their brightness (grey).

    A PNG has 8 bits for images of 8 bits and 16 for others, unless --dtype says; responses are rounded, and what is
    below 0 or above the largest value is that. --scale maps them otherwise. A TIFF of integers (--dtype uint8) too.

    A job that was stopped is gone on with by the same command: results whose image file, bank and options are the same
    are left alone. Results of others are replaced with --overwrite only. The journal is in DIR/.xcorr, or in
    .FILE.xcorr beside the file.

    Exits with 0 if all files are done, 1 if one failed or the job did, 2 for a usage error, 130 for an interrupt.
    """  # noqa: D301 (click's mark for lines that stay as they are)
    from xcorr._cli.apply_command import apply_files

    apply_files(images, out, quiet, options)


@commands.command(cls=ScaledCommand, short_help="Look for templates in image files.")
@image_files
@click.option(
    "--template",
    "templates",
    required=True,
    multiple=True,
    type=click.Path(),
    metavar="FILE|DIR",
    help="Image file with a template, or folder of them; may be given again.",
)
@click.option("--out", required=True, type=file, help="Table of the matches: FILE.csv, or FILE.jsonl for JSON lines.")
@word_option("--score", words=SCORES, default="zncc", help="Kind of score; of ssd and nssd the least are the best.")
@click.option("--threshold", type=float, help="Least score of a match; of ssd and nssd the largest. Default: any.")
@click.option(
    "--k", type=click.IntRange(min=1), default=1, show_default=True, help="Matches of a template in an image at most."
)
@click.option(
    "--min-distance",
    type=click.IntRange(min=1),
    help="Distance of two matches of a template at least, in rows or in columns of scores; default: half of its "
    "shorter side.",
)
@click.option("--border", type=click.IntRange(min=0), default=0, show_default=True, help="Scores at edges left out.")
@click.option("--subpixel", type=click.Choice(SUBPIXELS), help="Way to find places between pixels.")
@word_option(
    "--per",
    words=PERS,
    default="kernel",
    help="What has k matches: each template (kernel), or all together, which then keep their distance (image).",
)
@click.option(
    "--mask",
    "masks",
    multiple=True,
    type=click.Path(),
    metavar="FILE|DIR",
    help="What counts of templates: all but 0 of an image file, or of one for each template, named as it but for the "
    "ending. Default: their alpha channel.",
)
@click.option(
    "--image-mask", metavar="FILE|finite", help="What counts of images: all but 0 of an image file, or finite numbers."
)
@word_option(
    "--alpha",
    words=("drop", "mask"),
    default="drop",
    help="What becomes of images' transparency: it is left out, or is what does not count.",
)
@click.option(
    "--min-overlap", type=float, default=0.5, show_default=True, help="Share of a template that has to be seen."
)
@click.option("--undefined", type=float, help="Score of what has none; default: 0, of ssd and nssd infinity.")
@click.option("--map", "maps", type=folder_to_be, metavar="DIR", help="Folder for the scores of every place.")
@click.option("--draw", "drawings", type=folder_to_be, metavar="DIR", help="Folder for pictures with boxes.")
@word_option(
    "--channels",
    words=COLOURS_COUNTED,
    default="all",
    help="What counts of colours: every channel, where images and templates have them, or the brightness.",
)
@click.option(
    "--scale",
    type=click.Choice(SCALES[:1]),
    help="Scale of values; unit: integers, of images and templates, stand for 0 to 1. Default: numbers as they are.",
)
@layout_of_arrays
@geometry_options
@click.option("--fill-value", type=Number(), help="Value of a constant padding; default: it does not count.")
@method_options
@overwrite_option
@word_option("--on-error", words=("skip", "stop"), default="skip", help="What follows a bad file.")
@quiet_option
def match(images: tuple[str, ...], out: Path, quiet: bool, **options: Any) -> None:
    """Look for templates in image files.

    IMAGES are files, folders and patterns, as for xcorr apply, and so are templates. Templates may have several sizes;
    what is transparent in them does not count.

    \b
    Results:
      --out FILE.csv    a line for each match, under a header
      --out FILE.jsonl  a JSON object for each match
      --map DIR         DIR/photo.png.npy, scores (rows, columns, K), before it N for a batch;
                        of templates of several sizes DIR/photo.png.12x16.npy, ...
      --draw DIR        DIR/photo.png.png, the image with a box and a score for each match

    A line has the image's file and its number in the file, the template, the score, the row and the column of the top
    left corner in pixels of the image, the height and the width, and with --subpixel where it is between pixels. Lines
    are in the order of the files, of their images, of the templates, and then of the scores.

    Where an image or a template is grey and the other has colours, the brightness of these counts.

    A job that was stopped is gone on with by the same command: of image files that are the same, what was found is
    taken. Results of others are replaced with --overwrite only. The journal is in .FILE.csv.xcorr beside the table.

    Exits with 0 if all files are done, 1 if one failed or the job did, 2 for a usage error, 130 for an interrupt.
    """  # noqa: D301 (click's mark for lines that stay as they are)
    from xcorr._cli.match_command import match_files

    match_files(images, out, quiet, options)


@commands.command(name="info")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def tell_info(as_json: bool) -> None:
    """Tell what this installation and this machine are."""
    from xcorr._cli.tell import facts, print_facts

    if as_json:
        click.echo(json.dumps(facts(), indent=1))
    else:
        print_facts(facts(), "xcorr")


@commands.command()
@click.option("--images", required=True, type=SHAPE, metavar="SIZES", help="Shape of the images, as 8x224x224x3.")
@click.option("--kernels", required=True, type=SHAPE, metavar="SIZES", help="Shape of the bank, as 64x7x7x3.")
@click.option("--layout", type=click.Choice(PICTURES), help="Axes of the images.")
@click.option(
    "--groups",
    type=click.IntRange(min=1),
    default=1,
    show_default=True,
    help="Number of groups of channels and kernels.",
)
@click.option("--images-dtype", default="float32", show_default=True, help="Type of the images.")
@click.option("--kernels-dtype", default="float32", show_default=True, help="Type of the kernels.")
@options_of_correlate
@click.option(
    "--measure", is_flag=True, help="Time the call itself instead of predicting, on as many images as take 1 s."
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def explain(measure: bool, as_json: bool, **options: Any) -> None:
    """Tell how a call would be done: method, why, time and memory.

    The time is predicted from the multiply-adds and the rate that this machine reaches in a call at its best, which is
    measured first; small images, few kernels and the frequency domain take longer than that. --measure times the call.
    """
    from xcorr._cli.tell import explanation, print_facts

    try:
        told = explanation(measure=measure, **options)
    except (TypeError, ValueError, OverflowError, MemoryError) as error:
        raise click.UsageError(str(error)) from error
    if as_json:
        click.echo(json.dumps(told, indent=1))
    else:
        print_facts(told, "xcorr explain")


@commands.command(short_help="Print a shell's completion script.")
@click.argument("shell", type=click.Choice(("bash", "zsh", "fish")))
def completion(shell: str) -> None:
    """Print the script that lets a shell complete xcorr's commands and options.

    \b
      bash  eval "$(xcorr completion bash)"        in ~/.bashrc
      zsh   eval "$(xcorr completion zsh)"         in ~/.zshrc
      fish  xcorr completion fish | source         in ~/.config/fish/config.fish
    """  # noqa: D301
    kinds: dict[str, type[ShellComplete]] = {"bash": BashComplete, "zsh": ZshComplete, "fish": FishComplete}
    click.echo(kinds[shell](commands, {}, "xcorr", "_XCORR_COMPLETE").source())
