"""What becomes of responses: a file for each image file, or one array of all."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, BinaryIO, NamedTuple

import numpy as np
from numpy.typing import NDArray

from xcorr._cli.images import ImageError, library_for
from xcorr._cli.pixels import Axes

__all__ = [
    "IN_A_BATCH",
    "PART_BYTES",
    "SUFFIXES",
    "Responses",
    "pages_of",
    "planes_first",
    "result_names",
    "write_header",
    "write_responses",
]

Array = NDArray[Any]

SUFFIXES = {"npy": ".npy", "png": ".png", "tif": ".tif", "sheet": ".sheet.png", "stack": ".npy", "zarr": ".zarr"}
"""What an image file's name gets in each format, or what ``--out`` has to end in."""

PART_BYTES = 1 << 26
"""Bytes of responses that are in memory at once, unless those of one image are more."""


def result_names(name: str, form: str, n_kernels: int) -> list[str]:
    """Return the names of an image file's results: a PNG for each kernel, of other forms one."""
    if form != "png" or n_kernels == 1:
        return [name + SUFFIXES.get(form, "")]
    n_digits = len(str(n_kernels - 1))
    return [f"{name}.{kernel:0{n_digits}}{SUFFIXES[form]}" for kernel in range(n_kernels)]


@dataclass(frozen=True)
class Responses:
    """The responses of one image file, in parts of some images each, in order.

    `shape` is that of one image's: (rows, columns), then the image's channels if each was correlated by itself, then
    the kernels if there is a bank. `n_bytes` is what one image takes with its response, as it is read, computed and
    brought into the order of the result.
    """

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    n_images: int
    has_batch: bool
    has_channels: bool
    parts: Iterable[Array]
    axes: Axes | None = None
    n_bytes: int = 0

    @property
    def whole_shape(self) -> tuple[int, ...]:
        """Shape of all responses together."""
        return (self.n_images, *self.shape) if self.has_batch else self.shape


def write_responses(file: BinaryIO, responses: Responses, form: str) -> str:
    """Write a file of the form "npy" or "tif", and return what became of the images' axes."""
    if form == "npy":
        write_header(file, responses)
        for part in responses.parts:
            file.write(np.ascontiguousarray(part).data)
    else:
        return write_tif(file, responses)
    return IN_A_BATCH.format(responses.axes.letters) if responses.axes else ""


def write_header(file: BinaryIO, responses: Responses) -> None:
    """Write what a ``.npy`` file of responses begins with."""
    header = {"descr": np.lib.format.dtype_to_descr(responses.dtype), "fortran_order": False}
    np.lib.format.write_array_header_1_0(file, {**header, "shape": responses.whole_shape})


def planes_first(part: Array) -> Array:
    """View (images, rows, columns, ...) as (images, ..., rows, columns) with the kernels before the channels."""
    return part.transpose(0, *range(part.ndim - 1, 2, -1), 1, 2)


IN_A_BATCH = "images along its axes {0} are one after the other; --format tif keeps such axes"
KEPT = "its axes {0} are kept in {1}'s words"
KEPT_AS_CHANNELS = "its axes {0} are kept in {1}'s words, responses to an image as channels"
NOT_KEPT = "its axes {0} are not kept: {1} has no words for those of its responses"


class Pages(NamedTuple):
    """How responses are pages: all axes with those of a page last, tifffile's words, and what becomes of images' axes.

    `has_colours` says whether a page has three channels, last.
    """

    shape: tuple[int, ...]
    has_colours: bool
    words: dict[str, Any]
    told: str


def pages_of(responses: Responses) -> Pages:
    """Return a page for each response: by image, by kernel, by channel, the last one changing fastest.

    Integers of three channels are a page of colours for each kernel.
    """
    with library_for("writing TIFF", "cli"):
        from xcorr._cli.tiff_axes import words_for
    rows, columns, *others = responses.shape
    batch, inner = responses.whole_shape[: int(responses.has_batch)], tuple(reversed(others))
    words: dict[str, Any] = {}
    told = ""
    if responses.axes:
        words, sizes = words_for(responses.axes, math.prod(inner), responses.dtype, rows * columns)
        told = (KEPT_AS_CHANNELS if math.prod(inner) > 1 else KEPT) if words else NOT_KEPT
        told = told.format(responses.axes.letters, responses.axes.kind)
        batch, inner = sizes, ()
    pixel: tuple[int, ...] = (rows, columns)
    if not responses.axes and responses.has_channels and others[0] == 3 and responses.dtype in (np.uint8, np.uint16):
        inner, pixel, words = inner[:-1], (rows, columns, 3), {"photometric": "rgb"}
    shape = (*batch, *inner, *pixel)
    if 0 in shape:
        raise ImageError(f"responses of shape {responses.whole_shape}; a TIFF has at least one page")
    return Pages(shape, len(pixel) == 3, words, told)


def write_tif(file: BinaryIO, responses: Responses) -> str:
    """Write the pages of responses, and return what became of the images' axes."""
    with library_for("writing TIFF", "cli"):
        from xcorr._cli.tiff import write_pages
    form = pages_of(responses)
    pixel = form.shape[-3:] if form.has_colours else form.shape[-2:]
    planes = map(planes_first, responses.parts)
    pages = (page for part in planes for page in (colours_last(part) if form.has_colours else part).reshape(-1, *pixel))
    write_pages(file, form.shape, responses.dtype, pages, form.words)
    return form.told


def colours_last(part: Array) -> Array:
    """View (images, ..., channels, rows, columns) with the channels last."""
    return np.moveaxis(part, -3, -1)
