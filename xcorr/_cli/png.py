"""Responses as PNG files, a picture for each kernel, of 8 or 16 bits. Pillow writes no colours of 16 bits."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from xcorr._cli.images import ImageError
from xcorr._cli.pictures import PNG_START
from xcorr._cli.responses import Responses

__all__ = ["pictures_of", "write_png"]

Array = NDArray[Any]

COLOUR_TYPES = {1: 0, 2: 4, 3: 2, 4: 6}
"""Numbers of channels: grey, grey and alpha, RGB, RGB and alpha; PNG specification, 11.2.1."""


def pictures_of(responses: Responses) -> Iterator[Array]:
    """Give the responses to each kernel, (rows, columns) or (rows, columns, channels).

    Raises
    ------
    ImageError
        There is not one image, or it has more channels than a PNG.
    """
    n_channels = responses.shape[2] if responses.has_channels else 1
    if responses.n_images != 1:
        raise ImageError(f"{responses.n_images} images; a PNG is of one; --format tif holds them all")
    if n_channels not in COLOUR_TYPES:
        raise ImageError(f"{n_channels} channels; a PNG has 1 to 4; --channels sum adds them, --format tif holds them")
    for part in responses.parts:
        if len(responses.shape) == 2 + responses.has_channels:
            yield part[0]
        else:
            yield from np.moveaxis(part[0], -1, 0)


def write_png(file: BinaryIO, picture: Array) -> None:
    """Write uint8 or uint16 values (rows, columns) or (rows, columns, channels)."""
    rows, columns = picture.shape[:2]
    pixels = picture.reshape(rows, columns, -1)
    depth, colour_type = 8 * picture.dtype.itemsize, COLOUR_TYPES[pixels.shape[2]]
    values = np.ascontiguousarray(pixels.astype(picture.dtype.newbyteorder(">"), copy=False))
    body = np.zeros((rows + 1, values.nbytes // rows), np.uint8)
    body[1:] = values.view(np.uint8).reshape(rows, -1)
    filtered = np.full((rows, body.shape[1] + 1), 2, np.uint8)  # the filter "up": what a row has more than the last one
    np.subtract(body[1:], body[:-1], out=filtered[:, 1:])
    file.write(PNG_START)
    for kind, data in (
        (b"IHDR", struct.pack(">IIBBBBB", columns, rows, depth, colour_type, 0, 0, 0)),
        (b"IDAT", zlib.compress(filtered.data)),
        (b"IEND", b""),
    ):
        file.write(struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(data, zlib.crc32(kind))))
