"""Contact sheets: an image and its responses as small pictures, each response beside its kernel. Needs Pillow."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any, BinaryIO, NamedTuple

import numpy as np
from numpy.typing import NDArray

from xcorr._cli.images import ImageError, Images, library_for
from xcorr._cli.responses import Responses, planes_first
from xcorr._cli.tiles import (
    CHANNELS,
    THUMB,
    Look,
    Tile,
    image_tile,
    kernel_pictures,
    number_text,
    painted,
    response_tile,
)

__all__ = ["write_sheet"]

Array = NDArray[Any]
Row = list[Tile]

COLOUR_WORDS = {"grey": ("black", "grey", "white"), "diverging": ("blue", "white", "red")}

PAPER, INK, SOFT, FRAME = (245, 245, 245), (20, 20, 20), (90, 90, 90), (170, 170, 170)

MOST_WIDTH, MOST_HEIGHT = 2000, 10_000
"""Pixels of a sheet. What would be wider is scaled down, what would be higher is cut."""

GAP, TEXT, LINE = 8, 12, 15
"""Pixels between tiles, of letters, of a line of them."""

NARROWEST, SMALLEST, HIGHEST = 160, 96, 1000
"""Pixels of a tile's place for the sake of its name, of a tile that is not enlarged, of a tile's height."""

MOST_LINES = 4
"""Lines of a tile's name."""


def write_sheet(file: BinaryIO, images: Images, responses: Responses, look: Look) -> None:
    """Draw each image and all its responses as a PNG.

    Raises
    ------
    ImageError
        There are no responses, or complex ones.
    """
    with library_for("drawing sheets", "cli"):
        import PIL.Image  # noqa: F401
    if responses.dtype.kind == "c":
        raise ImageError("complex responses have no sheet; allowed are real ones")
    if 0 in responses.shape or responses.n_images == 0:
        raise ImageError("no responses, of which no sheet can be drawn")
    pen = Pen()
    kernels = titled_kernels(look, responses)
    header = pen.header([title for title, _ in kernels], look)
    shape = tuple(map(max, zip(images.shape[:2], responses.shape[:2], strict=True)))
    places = places_for(shape, responses.n_images, 1 + len(kernels), header)
    rows = [
        row_of(image, f"image {index}" if responses.has_batch else "image", planes, kernels, look, places)
        for index, (image, planes) in enumerate(islice(images_with_responses(images, responses), places.n_images))
    ]
    foot = foot_text(rows, look) + left_out(places, responses.n_images, len(kernels))
    drawn(rows, places, pen, foot, look).save(file, format="PNG")


def titled_kernels(look: Look, responses: Responses) -> list[tuple[str, Array]]:
    """Return the title of each response of an image and the picture of its kernel."""
    n_channels = responses.shape[2] if responses.has_channels else 1
    words = CHANNELS.get(n_channels, [f"channel {channel}" for channel in range(n_channels)])
    endings = [f", {word}" for word in words] if n_channels > 1 else [""]
    return [
        (name + ending, picture)
        for name, picture in zip(look.names, kernel_pictures(look), strict=True)
        for ending in endings
    ]


def images_with_responses(images: Images, responses: Responses) -> Iterator[tuple[Array, Array]]:
    """Give each image with its responses (tiles, rows, columns)."""
    first = 0
    for part in responses.parts:
        batch = images.read(first, first + len(part))
        for image, planes in zip(batch, planes_first(part), strict=True):
            yield image, planes.reshape(-1, *planes.shape[-2:])
        first += len(part)


def row_of(
    image: Array, title: str, planes: Array, kernels: Sequence[tuple[str, Array]], look: Look, places: Places
) -> Row:
    """Return an image's tile and those of its responses, as far as they have places."""
    shown = zip(planes, kernels[: places.n_tiles - 1], strict=False)
    return [
        image_tile(image, title, places.scale),
        *(response_tile(plane, name, kernel, look, places.scale) for plane, (name, kernel) in shown),
    ]


def foot_text(rows: Sequence[Row], look: Look) -> str:
    """What the colours of responses mean."""
    least, middle, greatest = COLOUR_WORDS[look.colours]
    tiles = [tile for row in rows for tile in row[1:]]
    if look.one_scale:
        end = number_text(largest_of(rows))
        text = f"All responses on one scale: {least} -{end}, {middle} 0, {greatest} +{end}."
    else:
        clauses = {
            "signs": f"{middle} is 0, {least} and {greatest} are the numbers after \N{PLUS-MINUS SIGN} and beyond",
            "range": f"of two numbers {least} is the first, {greatest} the second",
            "constant": f"of one number all is {middle}",
        }
        kinds = {tile.kind for tile in tiles}
        text = f"Each response on its own scale: {'; '.join(clauses[kind] for kind in clauses if kind in kinds)}."
    return text + " Magenta is not finite." * any(np.isnan(tile.pixels).any() for tile in tiles)


def left_out(places: Places, n_images: int, n_responses: int) -> str:
    """What a sheet does not show, if it is cut."""
    text = ""
    if places.n_images < n_images:
        text += f" The first {places.n_images} of {n_images} images are shown."
    if places.n_tiles < 1 + n_responses:
        text += f" The first {places.n_tiles - 1} of {n_responses} responses are shown."
    return text


def largest_of(rows: Sequence[Row]) -> float:
    """Return the largest magnitude of all responses."""
    return max((tile.end for row in rows for tile in row), default=0.0)


# --- where tiles stand ------------------------------------------------------------------------------------------------


class Places(NamedTuple):
    """The places of tiles: those of each image in lines of its own."""

    columns: int
    lines: int  # of an image
    n_images: int
    n_tiles: int  # of an image, with its own
    width: int  # of a place
    height: int  # of a tile
    header: int  # above it
    scale: float  # pixels of the sheet for one of an image

    @property
    def pitch(self) -> tuple[int, int]:
        """The distance from one place to the next one in both directions."""
        return self.width + GAP, self.header + self.height + GAP

    @property
    def size(self) -> tuple[int, int]:
        """The width and height of all places."""
        across, down = self.pitch
        return GAP + self.columns * across, GAP + self.n_images * self.lines * down

    def corner(self, image: int, tile: int) -> tuple[int, int]:
        """Return left and top of a place."""
        line, column = divmod(tile, self.columns)
        across, down = self.pitch
        return GAP + column * across, GAP + (image * self.lines + line) * down


def places_for(shape: Sequence[int], n_images: int, n_tiles: int, header: int) -> Places:
    """Choose columns and scale for images of (height, width) with so many tiles each."""
    height, width = shape
    most = (MOST_WIDTH - GAP) // (NARROWEST + GAP)
    columns = min(most, n_tiles if n_images > 1 else math.ceil(math.sqrt(1.6 * n_tiles)))
    columns = math.ceil(n_tiles / math.ceil(n_tiles / columns))
    room = (MOST_WIDTH - GAP) // columns - GAP
    scale = min(1.0, room / width, HIGHEST / height)
    if max(shape) < SMALLEST:
        scale = float(min(math.ceil(SMALLEST / max(shape)), room // width))
    tile = [max(1, round(length * scale)) for length in shape]
    at_most = max(1, (MOST_HEIGHT - GAP) // (header + tile[0] + GAP))
    lines = math.ceil(n_tiles / columns)
    if lines > at_most:
        n_images, n_tiles, lines = 1, at_most * columns, at_most
    return Places(
        columns, lines, min(n_images, at_most // lines), n_tiles, max(NARROWEST, tile[1]), tile[0], header, scale
    )


# --- drawing ----------------------------------------------------------------------------------------------------------


class Pen:
    """Text of one font and size."""

    def __init__(self) -> None:
        from PIL import ImageFont

        self.font = ImageFont.load_default(TEXT)

    def wrapped(self, text: str, width: int, most: int | None = None) -> list[str]:
        """Return lines that are no wider, and not more; a number stays with the word before it."""
        lines = [""]
        for word in re.split(r" (?!\d)", text):
            longer = f"{lines[-1]} {word}".lstrip()
            if lines[-1] and self.font.getlength(longer) > width:
                lines.append(word)
            else:
                lines[-1] = longer
        last = len(lines) if most is None else min(most, len(lines))
        if last < len(lines):
            lines[last - 1] += " ..."
        return [self.cut(line, width) for line in lines[:last]]

    def cut(self, line: str, width: int) -> str:
        """Return a line without the letters that there is no room for."""
        kept = line
        while len(kept) > 1 and self.font.getlength(kept) > width:
            kept = kept.removesuffix("...").rstrip()[:-1] + "..."
        return kept

    def header(self, titles: Sequence[str], look: Look) -> int:
        """Return the height above tiles in which all titles, notes and kernels have room."""
        most = max(len(self.wrapped(title, NARROWEST - THUMB - GAP, MOST_LINES)) for title in titles)
        return max(THUMB + 2, LINE * (most + (not look.one_scale))) + GAP // 2

    def write(self, draw: Any, corner: tuple[int, int], lines: Sequence[str], colour: Any) -> None:
        """Write lines below each other."""
        for number, line in enumerate(lines):
            draw.text((corner[0], corner[1] + number * LINE), line, fill=colour, font=self.font)


def drawn(rows: Sequence[Row], places: Places, pen: Pen, foot: str, look: Look) -> Any:
    """Return the sheet."""
    from PIL import Image, ImageDraw

    width, height = places.size
    lines = pen.wrapped(foot, width - 2 * GAP)
    sheet = Image.new("RGB", (width, height + LINE * len(lines) + GAP), PAPER)
    draw = ImageDraw.Draw(sheet)
    largest = largest_of(rows) or 1.0
    for image, row in enumerate(rows):
        for place, tile in enumerate(row):
            corner = places.corner(image, place)
            pixels = tile.pixels
            if tile.kernel is not None:
                pixels = painted(pixels * (tile.end / largest if look.one_scale else 1.0), 1.0, look.colours)
            sheet.paste(Image.fromarray(pixels), (corner[0], corner[1] + places.header))
            draw_header(sheet, draw, pen, tile, corner, places.width)
    pen.write(draw, (GAP, height), lines, INK)
    return sheet


def draw_header(sheet: Any, draw: Any, pen: Pen, tile: Tile, corner: tuple[int, int], width: int) -> None:
    """Draw the kernel in a frame, beside it the title and what the colours mean."""
    from PIL import Image

    left, top = corner
    if tile.kernel is not None:
        rows, columns = tile.kernel.shape[:2]
        draw.rectangle((left, top, left + columns + 1, top + rows + 1), outline=FRAME)
        sheet.paste(Image.fromarray(tile.kernel), (left + 1, top + 1))
        left, width = left + THUMB + GAP, width - THUMB - GAP
    title = pen.wrapped(tile.title, width, MOST_LINES)
    pen.write(draw, (left, top), title, INK)
    pen.write(draw, (left, top + LINE * len(title)), [tile.note], SOFT)
