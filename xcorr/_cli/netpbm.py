"""PGM, PPM and PBM files as arrays, https://netpbm.sourceforge.net/doc/.

Pillow spreads values over its own range, or drops bits of them; here they are those in the file.
"""

from __future__ import annotations

import os
import re
import warnings
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from xcorr._cli.pixels import ImageError, Images, one_image

__all__ = ["is_netpbm", "netpbm_images"]

Array = NDArray[Any]

START = re.compile(rb"P[1-6][\s#]")
GAP = rb"(?:\s|#[^\r\n]*[\r\n])+"
BITMAP = re.compile(rb"P[14]" + GAP + rb"(\d{1,9})" + GAP + rb"(\d{1,9})\s()")
VALUES = re.compile(rb"P[2356]" + GAP + rb"(\d{1,9})" + GAP + rb"(\d{1,9})" + GAP + rb"(\d{1,5})\s")
MOST_HEADER_BYTES, SPACE = 1 << 16, b" \t\r\n\v\f"

SPARE_BYTES = 1 << 16
"""Looked at behind an image, where some programs write the end of a line, and allowed between numbers."""


def is_netpbm(start: bytes) -> bool:
    """Whether the first 3 bytes are those of such a file."""
    return START.match(start) is not None


def netpbm_images(file: BinaryIO) -> Images:
    """Return grey values (H, W) or colours (H, W, 3), uint8 or uint16; of a bitmap 0 for black and 255 for white.

    Raises
    ------
    ImageError
        The file is damaged or ends early, something follows the image, or a value is above the largest that it names.
    """
    head = file.read(MOST_HEADER_BYTES)
    found = (BITMAP if head[1:2] in b"14" else VALUES).match(head)
    if found is None:
        raise ImageError("a damaged header; allowed are a width, a height and, but for bitmaps, a largest value")
    width, height, most = (int(number or 1) for number in found.groups())
    kind, shape = int(head[1:2]), (height, width, 3) if head[1:2] in b"36" else (height, width)
    if 0 in shape or not 1 <= most <= 65535:
        raise ImageError(f"{width} x {height} pixels up to {most}; allowed are sizes from 1 on and values to 65535")
    file.seek(found.end())
    left = os.fstat(file.fileno()).st_size - found.end()
    values = {1: digits, 2: words, 3: words, 4: bits, 5: numbers, 6: numbers}[kind](file, shape, most, left)
    if values.min() < 0 or values.max() > most:
        raise ImageError(f"values from {values.min()} to {values.max()}, where the header says 0 to {most}")
    if file.read(SPARE_BYTES).strip(SPACE):
        raise ImageError("bytes follow the image; allowed is one image in a file")
    if kind in (1, 4):
        values = np.where(values, 0, 255)
    return one_image(values.astype(np.uint16 if most > 255 else np.uint8))


def numbers(file: BinaryIO, shape: tuple[int, ...], most: int, left: int) -> Array:
    """Read values as bytes, those over 255 as two with the larger one first."""
    dtype = np.dtype(">u2" if most > 255 else "u1")
    found: Array = np.frombuffer(body(file, int(np.prod(shape, dtype=object)) * dtype.itemsize, left), dtype)
    return found.reshape(shape)


def bits(file: BinaryIO, shape: tuple[int, ...], most: int, left: int) -> Array:
    """Read rows of bits, each in whole bytes."""
    height, width = shape
    row_bytes = -(-width // 8)
    packed: Array = np.frombuffer(body(file, height * row_bytes, left), np.uint8)
    return np.unpackbits(packed.reshape(height, row_bytes), axis=1)[:, :width]


def body(file: BinaryIO, n_bytes: int, left: int) -> bytes:
    found = file.read(n_bytes) if n_bytes <= left else b""
    if len(found) < n_bytes:
        raise ImageError(f"the file ends early: {n_bytes:,} bytes must follow its header, {left:,} do")
    return found


def digits(file: BinaryIO, shape: tuple[int, ...], most: int, left: int) -> Array:
    """Read 0 and 1 as digits, with or without space between."""
    found: Array = np.frombuffer(text(file, shape, 1, left).translate(None, SPACE), np.uint8) - ord("0")
    return checked(found, shape)


def words(file: BinaryIO, shape: tuple[int, ...], most: int, left: int) -> Array:
    """Read values in decimal digits with space between."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            found: Array = np.fromstring(text(file, shape, 2, left), np.int64, sep=" ")
        except (ValueError, DeprecationWarning):
            raise ImageError("something else than numbers follows the header") from None
    return checked(found, shape)


def text(file: BinaryIO, shape: tuple[int, ...], least: int, left: int) -> bytes:
    """Read what follows, of a length that so many numbers may have, but for words behind a "#"."""
    count = int(np.prod(shape, dtype=object))
    if count * least - 1 > left:
        raise ImageError(f"the file ends early: {count:,} values must follow its header, in {left:,} bytes")
    if left > 8 * count + SPARE_BYTES:
        raise ImageError(f"{left:,} bytes follow the header, for {count:,} values")
    return re.sub(rb"#[^\r\n]*", b"", file.read(left))


def checked(found: Array, shape: tuple[int, ...]) -> Array:
    count = int(np.prod(shape, dtype=object))
    if found.size != count:
        raise ImageError(f"{found.size:,} values follow the header; allowed are {count:,}")
    return found.reshape(shape)
