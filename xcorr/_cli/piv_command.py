"""Runs of ``xcorr piv``: two images, the displacements of windows as arrays, and arrows over the first image."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
import numpy as np
from numpy.typing import NDArray

from xcorr._cli.files import write_whole
from xcorr._cli.images import ImageError, library_for, open_images
from xcorr._cli.progress import printable
from xcorr._cli.register_command import check_keywords, fraction_of, taper_word
from xcorr._cli.tiles import image_tile
from xcorr._register import Shifts, register

__all__ = ["measure_flow"]

Array = NDArray[Any]

KEYWORDS = ("score", "window", "step", "search", "subpixel", "taper", "max_shift", "min_overlap")
LEAST_SIDE = 512
"""Pixels of a picture's longer side: smaller images are enlarged."""

INK, DOUBTFUL = "#ffcc00", "#ff4040"
"""Colours of arrows, and of those whose ratio is below `TRUSTED`."""

TRUSTED = 1.2


def measure_flow(first: Path, second: Path, out: Path, quiet: bool, options: dict[str, Any]) -> None:
    """Do what ``xcorr piv`` is asked.

    Raises
    ------
    click.UsageError, click.ClickException
        For the statuses 2 and 1.
    """
    keywords = {name: options[name] for name in KEYWORDS}
    keywords |= {"subpixel": fraction_of(options["subpixel"]), "taper": taper_word(options["taper"])}
    check_keywords(keywords)
    if out.suffix.lower() != ".npz":
        raise click.UsageError(f"--out: got {str(out)!r}; allowed is a name that ends in .npz")
    for option, place in (("--out", out), ("--draw", options["drawing"])):
        if place is not None and place.exists() and not options["overwrite"]:
            raise click.UsageError(f"{option}: {place} is there; --overwrite replaces it")
    a, b = (read_image(place, options["layout"]) for place in (first, second))
    try:
        found = register(a, b, layout="NHWC" if a.ndim == 3 else "NHW", workers=options["workers"], **keywords)
    except (TypeError, ValueError, MemoryError) as error:
        raise click.ClickException(printable(str(error))) from error
    middles = middles_of(found, keywords["window"], keywords["step"])
    names = {"displacement": found.displacement, "score": found.score, "ratio": found.ratio}
    write_whole(out, {**names, "rows": middles[0], "columns": middles[1]})
    if options["drawing"] is not None:
        draw(a, found, middles, options["drawing"])
    if not quiet:
        n_rows, n_columns = found.score.shape
        n_known = int(np.isfinite(found.shift[..., 0]).sum())
        told = f"{n_known} of {n_rows}x{n_columns} windows measured; the displacements are in {out}"
        click.echo(printable(told))


def read_image(place: Path, layout: str | None) -> Array:
    """Return the one image of a file; ClickException if it has none or several."""
    try:
        with open_images(place, layout, "drop") as images:
            if images.n_images != 1:
                raise ImageError(f"{images.n_images} images; allowed is one")
            return np.asarray(images.read(0, 1)[0])
    except ImageError as error:
        raise click.ClickException(printable(f"{place}: {error}")) from error


def middles_of(found: Shifts, window: Any, step: Any) -> tuple[Array, Array]:
    """Return the rows and the columns of the windows' middles."""
    windows = np.broadcast_to(window, 2)
    steps = np.maximum(1, windows // 2) if step is None else np.broadcast_to(step, 2)
    rows, columns = (
        (size - 1) / 2 + apart * np.arange(count)
        for size, apart, count in zip(windows, steps, found.score.shape, strict=True)
    )
    return rows, columns


def draw(image: Array, found: Shifts, middles: tuple[Array, Array], place: Path) -> None:
    """Draw displacements as arrows over an image, the longest as long as windows are apart."""
    with library_for("drawing arrows", "cli"):
        from PIL import Image, ImageDraw
    scale = max(1, LEAST_SIDE // max(image.shape[:2]))
    picture = Image.fromarray(image_tile(image, "", scale).pixels).convert("RGB")
    pen = ImageDraw.Draw(picture)
    apart = min((np.diff(own).min(initial=np.inf) for own in middles), default=np.inf)
    lengths = np.hypot(*np.moveaxis(np.nan_to_num(found.displacement), -1, 0))
    longer = scale * (apart if np.isfinite(apart) else 32) / max(float(lengths.max(initial=0)), 1e-9)
    for index in np.ndindex(*found.score.shape):
        way = found.displacement[index] * longer
        if not np.isfinite(way).all():
            continue
        row, column = ((own[number] + 0.5) * scale for own, number in zip(middles, index, strict=True))
        colour = INK if found.ratio[index] >= TRUSTED else DOUBTFUL
        tip = (column + way[1], row + way[0])
        pen.line((column, row, *tip), fill=colour, width=max(1, scale // 2))
        for turned in (2.6, -2.6):
            angle = np.arctan2(way[0], way[1]) + turned
            head = min(4.0, float(np.hypot(*way)) / 2) * max(1, scale // 2)
            pen.line((*tip, tip[0] + head * np.cos(angle), tip[1] + head * np.sin(angle)), fill=colour)
    picture.save(place, format="PNG")
