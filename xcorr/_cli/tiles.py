"""Small pictures of images, kernels and responses for contact sheets. Needs Pillow."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from xcorr._figures.pixels import thinned

__all__ = [
    "CHANNELS",
    "COLOURS",
    "THUMB",
    "Look",
    "Tile",
    "image_tile",
    "kernel_pictures",
    "number_text",
    "painted",
    "range_text",
    "response_tile",
]

Array = NDArray[Any]

COLOURS = {
    "grey": ((0, 0, 0), (128, 128, 128), (255, 255, 255)),
    "diverging": ((33, 60, 160), (255, 255, 255), (165, 20, 30)),
}
"""Colours of the least response, of 0 and of the greatest."""

NOT_FINITE = (255, 0, 255)
BEYOND = 1 / 200
"""The share of a response's pixels that are beyond the ends of its own scale."""

LONGEST_NOTE = 18
"""Letters for which there is room beside a kernel."""

THUMB = 40
"""Pixels of a kernel's longer side."""

CHANNELS = {3: ("red", "green", "blue"), 4: ("red", "green", "blue", "alpha")}


@dataclass(frozen=True)
class Look:
    """What sheets show beside images and responses.

    Parameters
    ----------
    kernels : ndarray
        (kh, kw), (K, kh, kw) or (K, kh, kw, C).
    names : sequence of str
        Of the kernels.
    colours : {"grey", "diverging"}
        Black over grey to white, or blue over white to red; what is not finite is magenta.
    one_scale : bool
        Whether all responses share a scale; else each has its own.
    """

    kernels: Array
    names: Sequence[str]
    colours: str
    one_scale: bool


class Tile(NamedTuple):
    """A small picture, its title and what its colours mean."""

    title: str
    note: str
    pixels: Array  # of an image (rows, columns, 3) of uint8; of a response from -1 to 1, NaN where it is not finite
    kernel: Array | None = None  # painted, (rows, columns, 3)
    end: float = 0.0  # what 1 stands for
    kind: str = ""  # of a response's own scale: "signs", "range" or "constant"


def painted(values: Array, largest: float, colours: str) -> NDArray[np.uint8]:
    """Return (rows, columns, 3): 0 has the middle colour, -largest and largest those at the ends."""
    numbers = values.astype(np.float64)
    finite = np.isfinite(numbers)
    places = np.where(finite, numbers, 0) / (largest or 1.0)
    least, middle, greatest = (np.array(colour, np.float64) for colour in COLOURS[colours])
    shares = np.abs(places)[..., np.newaxis]
    ends = np.where((places < 0)[..., np.newaxis], least, greatest)
    paint = np.rint(middle + (ends - middle) * shares).astype(np.uint8)
    paint[~finite] = NOT_FINITE
    return paint


def response_tile(response: Array, title: str, kernel: Array, look: Look, scale: float) -> Tile:
    """A response from -1 to 1, where 0 stays 0.

    In grey, and with a scale of its own, one that has one sign goes from its least value to its greatest instead.
    """
    numbers = response.astype(np.float64)
    numbers[~np.isfinite(numbers)] = np.nan
    least, greatest = ends_of(numbers)
    has_signs = least < 0 < greatest
    end, kind, note = max(-least, greatest), "", ""
    if not look.one_scale and (has_signs or look.colours != "grey"):
        end = usual_end(numbers) or end
        kind, note = "signs", f"\N{PLUS-MINUS SIGN}{number_text(end)}"
    elif not look.one_scale:
        numbers, end = numbers - (least + greatest) / 2, (greatest - least) / 2
        kind, note = "range", range_text(least, greatest)
        if not end:
            kind, note = "constant", number_text(least)
    pixels = np.clip(numbers / (end or 1.0), -1, 1).astype(np.float32)
    return Tile(title, note, resized(pixels, scale, has_signs), kernel, end, kind)


def usual_end(values: Array) -> float:
    """Return the magnitude that one value in two hundred is above; by the largest, most of a picture would be grey."""
    finite = np.abs(values[np.isfinite(values)])
    return float(np.quantile(finite, 1 - BEYOND)) if finite.size else 0.0


def number_text(value: float, n_digits: int = 3) -> str:
    """Write a number with three digits or more, without an exponent as far as that is short; or with fewer digits."""
    return f"{value:,.0f}" if 1000 <= abs(value) < 1e7 and n_digits == 3 else f"{value:.{n_digits}g}"


def range_text(least: float, greatest: float) -> str:
    """Write two numbers, with the most digits that leave room beside a kernel."""
    texts = [f"{number_text(least, n_digits)} to {number_text(greatest, n_digits)}" for n_digits in (3, 2, 1)]
    return next((text for text in texts if len(text) <= LONGEST_NOTE), texts[-1])


def image_tile(image: Array, title: str, scale: float) -> Tile:
    """An image: of 8 bits or from 0 to 1 as it is, else from its least to its greatest value."""
    planes = np.atleast_3d(image)
    if planes.shape[2] not in (1, *CHANNELS):
        title += f", channel 0 of {planes.shape[2]}"
    planes = planes[..., : 3 if planes.shape[2] in CHANNELS else 1]
    numbers = (np.abs(planes) if planes.dtype.kind == "c" else planes).astype(np.float64)
    low, high, note = 0.0, 255.0, f"{image.shape[1]}x{image.shape[0]}"
    if image.dtype != np.uint8:
        low, high = ends_of(numbers)
        if image.dtype.kind in "bf" and low >= 0 and high <= 1:
            low, high = 0.0, 1.0
        note += f", {number_text(low)} to {number_text(high)}"
    finite = np.isfinite(numbers)
    shares = np.clip((np.where(finite, numbers, low) - low) / ((high - low) or 1.0), 0, 1)
    pixels = np.repeat(np.rint(255 * shares).astype(np.uint8), 3 // shares.shape[2], axis=2)
    pixels[~finite.all(axis=2)] = NOT_FINITE
    return Tile(title, note, resized(pixels, scale))


def kernel_pictures(look: Look) -> list[Array]:
    """Paint each kernel by its own scale; three channels as colours with grey at zero, of others the first."""
    bank = look.kernels[np.newaxis] if look.kernels.ndim == 2 else look.kernels
    pictures = []
    for kernel in np.abs(bank) if bank.dtype.kind == "c" else bank:
        largest = max(map(abs, ends_of(kernel.astype(np.float64))))
        if kernel.ndim == 3 and kernel.shape[2] == 3:
            pixels = np.dstack([painted(kernel[..., channel], largest, "grey")[..., 0] for channel in range(3)])
        else:
            pixels = painted(kernel if kernel.ndim == 2 else kernel[..., 0], largest, look.colours)
        longest = max(pixels.shape[:2])
        pictures.append(resized(pixels, THUMB // longest if longest <= THUMB else THUMB / longest))
    return pictures


def ends_of(values: Array) -> tuple[float, float]:
    """Return the least and the greatest finite value, 0 and 0 if there are none."""
    finite = values[np.isfinite(values)]
    return (float(finite.min()), float(finite.max())) if finite.size else (0.0, 0.0)


def resized(pixels: Array, scale: float, has_signs: bool = False) -> Array:
    """Return pixels of float32 or uint8 that are repeated, or means of which those over a NaN are NaN.

    Means of waves are 0: with signs each square of whole pixels gives the value that is farthest from 0 first.
    """
    from PIL import Image

    if scale >= 1:
        return np.repeat(np.repeat(pixels, int(scale), axis=0), int(scale), axis=1)
    size = [max(1, round(length * scale)) for length in reversed(pixels.shape[:2])]
    if has_signs:
        pixels = thinned(pixels, int(1 / scale), "signed")

    def means(values: Array) -> Array:
        return np.array(Image.fromarray(values).resize(size, Image.Resampling.BOX))

    if pixels.dtype == np.uint8:
        return means(pixels)
    finite = np.isfinite(pixels)
    small = means(np.where(finite, pixels, np.float32(0)))
    small[means(np.where(finite, np.float32(0), np.float32(1))) > 0] = np.nan
    return small
