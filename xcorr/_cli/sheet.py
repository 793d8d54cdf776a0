"""Contact sheets: the responses of one image file as small pictures on one scale. Needs Pillow."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from xcorr._cli.images import ImageError, library_for

__all__ = ["COLOURS", "draw_sheet"]

COLOURS = {
    "grey": ((0, 0, 0), (128, 128, 128), (255, 255, 255)),
    "diverging": ((33, 60, 160), (255, 255, 255), (165, 20, 30)),
}
"""Of the least response, of 0 and of the greatest."""

NOT_FINITE = (255, 0, 255)
GAP, LABEL_HEIGHT = 4, 14
MOST_PIXELS = 100_000_000


def draw_sheet(responses: NDArray[Any], labels: Sequence[str], n_columns: int, colours: str) -> Any:
    """Draw responses as tiles with labels above them, and their scale below.

    Parameters
    ----------
    responses : ndarray, (tiles, rows, columns)
        Real numbers. One scale holds for all: 0 is in its middle, the largest magnitude at its ends.
    labels : sequence of str
        One for each tile.
    n_columns : int
        Tiles in a row.
    colours : {"grey", "diverging"}
        Black over grey to white, or blue over white to red; what is not finite is magenta.

    Returns
    -------
    PIL.Image.Image
        The sheet, RGB.

    Raises
    ------
    ImageError
        The responses are complex, or the sheet would have more than a hundred million pixels.
    """
    with library_for("drawing sheets", "cli"):
        from PIL import Image, ImageDraw, ImageFont
    if responses.dtype.kind == "c":
        raise ImageError("complex responses have no sheet; allowed are real ones")
    n_tiles, height, width = responses.shape
    pitch = max(width, 8 * max(map(len, labels), default=0)) + GAP, height + LABEL_HEIGHT + GAP
    size = max(pitch[0] * n_columns, 320) + GAP, pitch[1] * math.ceil(n_tiles / n_columns) + LABEL_HEIGHT + GAP
    if size[0] * size[1] > MOST_PIXELS:
        raise ImageError(
            f"a sheet of {size[0]}x{size[1]} pixels; at most {MOST_PIXELS:,} are drawn; "
            "--format npy and tif have no such limit"
        )
    largest = largest_magnitude(responses)
    sheet = Image.new("RGB", size, (240, 240, 240))
    pen, font = ImageDraw.Draw(sheet), ImageFont.load_default()
    for tile, (response, label) in enumerate(zip(responses, labels, strict=True)):
        left, top = (GAP + place * step for place, step in zip(reversed(divmod(tile, n_columns)), pitch, strict=True))
        pen.text((left, top), label, fill=(0, 0, 0), font=font)
        sheet.paste(Image.fromarray(painted(response, largest, colours)), (left, top + LABEL_HEIGHT))
    ends = {"grey": "black -{0:.4g}, grey 0, white +{0:.4g}", "diverging": "blue -{0:.4g}, white 0, red +{0:.4g}"}
    scale = ends[colours].format(largest) + ("" if np.isfinite(responses).all() else "; magenta: not finite")
    pen.text((GAP, size[1] - LABEL_HEIGHT), scale, fill=(0, 0, 0), font=font)
    return sheet


def largest_magnitude(responses: NDArray[Any]) -> float:
    """Of the finite ones, 0 if there are none."""
    numbers = responses.astype(np.float64)
    return float(np.abs(numbers, where=np.isfinite(numbers), out=np.zeros_like(numbers)).max(initial=0.0))


def painted(response: NDArray[Any], largest: float, colours: str) -> NDArray[np.uint8]:
    """Return (rows, columns, 3): 0 has the middle colour, -largest and largest those at the ends."""
    numbers = response.astype(np.float64)
    finite = np.isfinite(numbers)
    places = np.where(finite, numbers, 0) / (largest or 1.0)
    least, middle, greatest = (np.array(colour, np.float64) for colour in COLOURS[colours])
    shares = np.abs(places)[..., np.newaxis]
    ends = np.where((places < 0)[..., np.newaxis], least, greatest)
    paint = np.rint(middle + (ends - middle) * shares).astype(np.uint8)
    paint[~finite] = NOT_FINITE
    return paint
