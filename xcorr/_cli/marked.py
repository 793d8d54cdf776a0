"""Images with boxes where templates were found, and the scores beside them. Needs Pillow."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, BinaryIO

from numpy.typing import NDArray

from xcorr._cli.images import ImageError, library_for
from xcorr._cli.search import Match
from xcorr._cli.sheet import GAP, INK, LINE, MOST_HEIGHT, PAPER, Pen
from xcorr._cli.tiles import image_tile
from xcorr._figures.boxes import COLOURS

__all__ = ["Marked"]

Array = NDArray[Any]

LEAST_SIDE = 256
"""Pixels of a picture's longer side: smaller ones are enlarged."""

MOST_NAMES = 12
"""Templates that are named below an image."""


class Marked:
    """A picture of a file's images, one below the other as far as there is room.

    Parameters
    ----------
    names : sequence of str
        Of the templates.
    n_images : int
        How many images there are in the file.
    """

    def __init__(self, names: Sequence[str], n_images: int) -> None:
        with library_for("drawing boxes", "cli"):
            import PIL.Image  # noqa: F401
        self.names, self.n_images = names, n_images
        self.pictures: list[Any] = []
        self.is_full = False
        self.pen = Pen()

    def add(self, images: Array, matches: Sequence[Sequence[Match]]) -> None:
        """Draw images that follow with their matches."""
        for image, of_image in zip(images, matches, strict=True):
            if self.is_full:
                return
            picture = self.drawn(image, of_image)
            self.is_full = bool(self.pictures) and self.height() + picture.height > MOST_HEIGHT
            if not self.is_full:
                self.pictures.append(picture)

    def height(self) -> int:
        """Return the rows of what is drawn."""
        return sum(picture.height for picture in self.pictures)

    def drawn(self, image: Array, matches: Sequence[Match]) -> Any:
        """Return an image with its boxes, and below it the names of the templates in their boxes' colours."""
        from PIL import Image, ImageDraw

        if 0 in image.shape:
            raise ImageError(f"an image of shape {image.shape}, of which there is no picture")
        scale = max(1, LEAST_SIDE // max(image.shape[:2]))
        pixels = image_tile(image, "", scale).pixels
        found = sorted({match.template for match in matches})
        lines = [self.told(template, matches) for template in found[:MOST_NAMES]]
        if len(found) > MOST_NAMES:
            lines.append((f"and {len(found) - MOST_NAMES} other templates", INK))
        height, width = pixels.shape[:2]
        picture = Image.new("RGB", (width, height + LINE * len(lines) + GAP), PAPER)
        picture.paste(Image.fromarray(pixels), (0, 0))
        draw = ImageDraw.Draw(picture)
        for match in reversed(matches):  # the best ones over the others
            self.draw_box(draw, match, scale, (width, height))
        for number, (line, colour) in enumerate(lines):
            top = height + GAP // 2 + number * LINE
            draw.rectangle((GAP, top + 2, GAP + LINE - 5, top + LINE - 3), fill=colour, outline=INK)
            self.pen.write(draw, (GAP + LINE, top), [self.pen.cut(line, width - 2 * GAP - LINE)], INK)
        return picture

    def told(self, template: int, matches: Sequence[Match]) -> tuple[str, Any]:
        """Return what is said of a template below an image, and its colour."""
        scores = [match.score for match in matches if match.template == template]
        shown = ", ".join(f"{score:.3g}" for score in scores[:4]) + ", ..." * (len(scores) > 4)
        return f"{self.names[template]}: {shown}", colour_of(template)

    def draw_box(self, draw: Any, match: Match, scale: int, size: tuple[int, int]) -> None:
        """Draw a box of two pixels in a dark edge around the template's place, and the score in it or over it."""
        top, left = match.row * scale, match.column * scale
        bottom, right = top + match.height * scale - 1, left + match.width * scale - 1
        draw.rectangle((left - 4, top - 4, right + 4, bottom + 4), outline=INK, width=4)
        draw.rectangle((left - 3, top - 3, right + 3, bottom + 3), outline=colour_of(match.template), width=2)
        text = f"{match.score:.3g}"
        width = int(self.pen.font.getlength(text)) + 4
        across = max(0, min(left - 4, size[0] - width))
        down = top - LINE - 4 if top >= LINE + 4 else min(bottom + 5, size[1] - LINE)
        draw.rectangle((across, down, across + width, down + LINE - 1), fill=INK)
        self.pen.write(draw, (across + 2, down), [text], colour_of(match.template))

    def write(self, file: BinaryIO) -> str:
        """Write a PNG, and return what is not in it."""
        from PIL import Image

        if not self.pictures:
            raise ImageError("no images, of which there is no picture")
        whole = Image.new("RGB", (max(picture.width for picture in self.pictures), self.height()), PAPER)
        top = 0
        for picture in self.pictures:
            whole.paste(picture, (0, top))
            top += picture.height
        whole.save(file, format="PNG")
        n_left = self.n_images - len(self.pictures)
        return f"the first {len(self.pictures)} of {self.n_images} images are drawn" if n_left else ""


def colour_of(template: int) -> str:
    """Return the colour of a template's boxes."""
    return COLOURS[template % len(COLOURS)]
