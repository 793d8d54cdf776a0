"""The strips and tiles of a TIFF page, looked at before they are decompressed.

A decoder makes room for what a piece says of itself, whatever its page says: an image with a header of its own, or all
that a stream gives. So those are taken whose decoders are told how much there may be, or whose headers are read here.
"""

from __future__ import annotations

import math
import os
import zlib
from collections.abc import Callable, Iterator
from typing import Any

import tifffile

from xcorr._cli.headers import Size, jpeg_2000_size, jpeg_size, webp_size
from xcorr._cli.pixels import ImageError

__all__ = ["check_holes", "check_pieces", "missing_bytes", "piece_sizes"]

NONE, DEFLATE = (1,), (8, 32946)

BOUNDED = (*NONE, *DEFLATE, 2, 3, 4, 5, 32773, 34925, 50000)
"""Compressions whose decoders in imagecodecs are told what room there is: fax, LZW, repeated bytes, LZMA, Zstandard."""

SIZES: dict[int, Callable[[bytes], Size | None]] = {
    **dict.fromkeys((6, 7, 33007, 34892), jpeg_size),
    **dict.fromkeys((33003, 33004, 33005, 34712), jpeg_2000_size),
    50001: webp_size,
}
"""Compressions that are images themselves, and what reads their size."""

HEAD_BYTES = 1 << 16

HOLES_BYTES, MOST_HOLES = 1 << 24, 64
"""Pixels of which a TIFF may have nothing, and times its size that those of a larger one may take."""


def check_pieces(page: Any, file: Any) -> None:
    """`ImageError` if a piece of the page could give more than the page has room for.

    Parameters
    ----------
    page : tifffile.TiffPage
        A page.
    file : tifffile.FileHandle
        What it is read from.
    """
    code = int(page.compression)
    is_bounded = code in NONE or (code in BOUNDED and has_decoders())
    if is_bounded:
        return
    if code in SIZES:
        check_sizes(page, file, SIZES[code])
    elif code in DEFLATE:
        check_streams(page, file)
    elif code in BOUNDED:
        raise ImageError('its compression needs imagecodecs: pip install "xcorr[tiff]"')
    else:
        raise ImageError(f"compression {code}; allowed are fax, LZW, deflate, LZMA, Zstandard, JPEG, JPEG 2000, WebP")


def missing_bytes(page: Any) -> int:
    """Return how many bytes of a page's pixels are in no piece; they are filled with one value."""
    n_pieces = math.prod(page.chunked)
    return int(page.nbytes * (n_pieces - sum(count > 0 for count in page.databytecounts)) // max(1, n_pieces))


def check_holes(n_bytes: int, file_bytes: int) -> None:
    """`ImageError` for more pixels without a piece than a file of that size may have."""
    if n_bytes > max(HOLES_BYTES, MOST_HOLES * file_bytes):
        raise ImageError(
            f"{n_bytes:,} bytes of pixels that are nowhere in a file of {file_bytes:,}; allowed are {HOLES_BYTES:,}, "
            f"or {MOST_HOLES} times what the file has"
        )


def has_decoders() -> bool:
    """Whether tifffile decodes with imagecodecs; Python's decoders, its own otherwise, give all that a piece has."""
    return getattr(getattr(tifffile.tifffile, "imagecodecs", None), "__name__", "") == "imagecodecs"


def piece_sizes(page: Any) -> Size:
    """Return width and height of a piece."""
    if page.is_tiled:
        return page.tilewidth, page.tilelength * page.tiledepth
    return page.imagewidth, min(page.rowsperstrip, page.imagelength)


def pieces(page: Any, file: Any, most: int) -> Iterator[bytes]:
    """Give the first bytes of every piece."""
    for offset, count in zip(page.dataoffsets, page.databytecounts, strict=False):
        if count:
            file.seek(offset, os.SEEK_SET)
            yield file.read(min(count, most))


def check_sizes(page: Any, file: Any, size_of: Callable[[bytes], Size | None]) -> None:
    """`ImageError` unless every piece is an image that is no larger than a piece of the page."""
    width, height = piece_sizes(page)
    for head in pieces(page, file, HEAD_BYTES):
        found = size_of(head)
        if found is None or found[0] > width or found[1] > height:
            told = f"{found[0]} x {found[1]} pixels" if found else "a header that tells no size"
            raise ImageError(f"a piece of {told}; allowed in this page are {width} x {height} at most")


def check_streams(page: Any, file: Any) -> None:
    """`ImageError` if a deflated piece holds more than a piece of the page: Python's own decoder takes all there is."""
    width, height = piece_sizes(page)
    samples = page.samplesperpixel if page.planarconfig == 1 else 1
    most = height * -(-width * samples * page.bitspersample // 8)
    for body in pieces(page, file, page.nbytes + HEAD_BYTES):
        try:
            found = zlib.decompressobj().decompress(body, most + 1)
        except zlib.error as error:
            raise ImageError(f"a damaged piece: {error}") from None
        if len(found) > most:
            raise ImageError(f"a piece of more than the {most} bytes that this page has room for")
