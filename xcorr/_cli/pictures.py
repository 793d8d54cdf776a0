"""PNG, JPEG, BMP and WebP files as arrays, decoded by Pillow. What it would read as less than there is, is refused."""

from __future__ import annotations

import os
import struct
import warnings
import zlib
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from xcorr._cli.headers import webp_size
from xcorr._cli.pixels import ImageError, Images, check_expanded, colours_of, library_for, one_image, upright

__all__ = ["BMP_START", "JPEG_START", "PNG_START", "is_webp", "picture_images"]

Array = NDArray[Any]

PNG_START, JPEG_START, BMP_START = b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"BM"

CHUNK_BYTES = 1 << 20

WHOLE_MODES = {"1": "L", "P": "RGB", "PA": "RGBA"}
"""Modes of Pillow: what becomes of images of fewer than 8 bits (0 to 255 then) and of palettes (colours then)."""

SPARE_BYTES = 1 << 24
"""Bytes that a file of a few pixels may take for what else it tells."""

USUAL_SCANS = 10
"""Scans of a progressive JPEG: each one passes over all pixels."""


def is_webp(start: bytes) -> bool:
    """Whether the first 12 bytes are those of a WebP file."""
    return start[:4] == b"RIFF" and start[8:12] == b"WEBP"


def picture_images(file: BinaryIO, alpha: str) -> Images:
    """Return a picture the right way up: (H, W) or (H, W, channels), uint8 or uint16."""
    with library_for("reading PNG, JPEG, BMP and WebP", "cli"):
        from PIL import Image
    start, file_bytes, n_scans = file.read(30), os.fstat(file.fileno()).st_size, 1
    is_wide = start.startswith(PNG_START) and start[24] == 16 and start[25] != 0
    file.seek(0)
    if start.startswith(PNG_START):
        check_png(file, file_bytes)
    elif start.startswith(JPEG_START):
        n_scans = count_scans(file)
    elif is_webp(start):
        check_webp(start, file_bytes)
    file.seek(0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of large images, which are refused from twice that size on; of odd EXIF
        with Image.open(file, formats=("PNG", "JPEG", "BMP", "WEBP")) as image:
            check_expanded(bytes_of(image) * (1 + is_wide) * -(-n_scans // USUAL_SCANS), file_bytes)
            if getattr(image, "n_frames", 1) > 1 and image.format == "WEBP":
                raise ImageError("an animation; allowed are WebP files of one image")
            notes: list[str] = []
            if is_wide:
                pixels = wide_pixels(file)
                pixels = colours_of(pixels, alpha, notes) if pixels.shape[2] in (2, 4) else pixels
            else:
                image.load()
                pixels = pixels_of(image, alpha, notes)
            return one_image(upright(pixels, image.getexif().get(0x0112, 1)), notes)


def bytes_of(image: Any) -> int:
    """Return how many bytes the pixels will take."""
    n_channels = 4 if image.mode in ("P", "PA") else len(image.getbands())
    width, height = image.size
    return int(width * height * n_channels * (2 if image.mode.startswith("I") else 1))


def pixels_of(image: Any, alpha: str, notes: list[str]) -> Array:
    """Return the pixels of a picture that is loaded."""
    mode, transparent = image.mode, image.info.get("transparency")
    if mode in ("I", "I;16", "I;16B", "I;16L"):  # of a PNG with 16 bits, I in older releases of Pillow
        values = np.asarray(image).astype(np.uint16)
        return values if transparent is None else colours_of(with_alpha(values, transparent), alpha, notes)
    if image.has_transparency_data and not mode.endswith("A"):
        mode = {"1": "LA", "L": "LA", "P": "RGBA", "RGB": "RGBA"}.get(mode, f"{mode} with a transparent value")
    mode = WHOLE_MODES.get(mode, mode)
    if mode not in ("L", "LA", "RGB", "RGBA"):
        raise ImageError(f"its pixels are {mode}; allowed are grey values, colours (RGB) and palettes")
    pixels: Array = np.asarray(image if image.mode == mode else image.convert(mode))
    return colours_of(pixels, alpha, notes) if mode.endswith("A") else pixels


def with_alpha(values: Array, transparent: int) -> Array:
    """Return grey values of 16 bits, of which one stands for transparent pixels, with an alpha channel."""
    return np.stack([values, np.where(values == transparent, 0, 65535).astype(np.uint16)], axis=-1)


def check_png(file: BinaryIO, file_bytes: int) -> None:
    """ImageError unless all chunks are whole, and hold what Pillow keeps.

    Pillow itself reads the first image of an animation, and pixels whose checksum is wrong.
    """
    offset, kind = len(PNG_START), b""
    while kind != b"IEND":
        file.seek(offset)
        length, kind = struct.unpack(">I4s", file.read(8).ljust(8, b"\0"))
        end = offset + 8 + length
        if end + 4 > file_bytes:
            raise ImageError(f"byte {file_bytes}: the PNG ends early")
        first = file.read(min(length, CHUNK_BYTES))
        total, left = zlib.crc32(first, zlib.crc32(kind)), length - len(first)
        while left and (piece := file.read(min(left, CHUNK_BYTES))):
            total, left = zlib.crc32(piece, total), left - len(piece)
        if total != int.from_bytes(file.read(4), "big"):
            raise ImageError(f"byte {offset}: a damaged chunk, whose checksum is wrong")
        if (kind == b"IHDR") != (offset == len(PNG_START)):
            raise ImageError(f"byte {offset}: a chunk {kind!r}; allowed is one header, before all others")
        if kind == b"acTL":
            raise ImageError("an animation; allowed are PNG files of one image")
        offset = end + 4


def wide_pixels(file: BinaryIO) -> Array:
    """Return the pixels of a PNG of 16 bits with colours or alpha, which Pillow reads as 8 bits."""
    try:
        from imagecodecs import png_decode
    except ImportError:
        raise ImageError(
            'colours of 16 bits in a PNG need imagecodecs: pip install "xcorr[tiff]"; allowed without is a TIFF of them'
        ) from None
    file.seek(0)
    return np.asarray(png_decode(file.read()))


def count_scans(file: BinaryIO) -> int:
    """Return how many scans a JPEG has at most: how often the bytes occur with which one begins."""
    n_scans, last = 0, b""
    while piece := file.read(CHUNK_BYTES):
        n_scans += (last + piece).count(b"\xff\xda")
        last = piece[-1:]
    return n_scans


def check_webp(start: bytes, file_bytes: int) -> None:
    """`ImageError` for a WebP of too many pixels, or too few, for its size: it is read and made room for whole."""
    size = webp_size(start)
    if size is None:
        raise ImageError("an animation, or a damaged header; allowed are WebP files of one image")
    width, height = size
    check_expanded(4 * width * height, file_bytes)
    if file_bytes > 8 * width * height + SPARE_BYTES:
        raise ImageError(f"a WebP of {file_bytes:,} bytes with {width} x {height} pixels")
