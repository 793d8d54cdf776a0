"""TIFF files: their pages as images, and responses as pages. Needs tifffile."""

from __future__ import annotations

import contextlib
import io
import logging
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import tifffile
from numpy.typing import NDArray

from xcorr._cli.images import ImageError, Images, colours_of, upright

__all__ = ["tiff_images", "write_pages"]

Array = NDArray[Any]

MOST_EXPANDED = 4096
"""Times that a page may be as large as its file: more than compressions give, but for empty pages."""

KINDS = ("MINISBLACK", "MINISWHITE", "RGB", "PALETTE")
"""Of pixels that are taken; of YCbCr also what is compressed as JPEG, which is decoded to RGB."""

PLAIN: dict[str, Any] = {f"is_{kind}": False for kind in ("ome", "mmstack", "ndtiff", "scanimage")}
"""Kinds for which tifffile would read other files that this one names, or guess pages instead of reading them."""


@contextlib.contextmanager
def tiff_images(path: Path, alpha: str) -> Iterator[Images]:
    """Open a TIFF: every page is an image of its batch; pages of reduced resolution are passed over.

    Raises
    ------
    ImageError
        The file is damaged, or its pages differ in shape or kind or hold what is not taken.
    """
    with complaints() as heard, tifffile.TiffFile(path, **PLAIN) as tiff:
        pages = [page for page in all_pages(tiff) if not page.is_reduced]
        refuse(heard)
        if not pages:
            raise ImageError("a TIFF without pages")
        size = path.stat().st_size
        for page in pages:
            check_page(page, size)
        kinds = {(page.shape, page.dtype, page.axes, page.photometric, orientation(page)) for page in pages}
        if len(kinds) > 1:
            raise ImageError(
                f"pages of {len(kinds)} kinds: {shapes(pages)}, ...; allowed are pages of one shape and kind"
            )
        if len(pages) == 1 and tiff.series and tiff.series[0].size > pages[0].size:
            raise ImageError("images that have no page of their own (a large ImageJ stack); allowed is a page for each")

        def read(first: int, end: int) -> Array:
            found = [pixels(page, alpha) for page in pages[first:end]]
            refuse(heard)
            return np.stack(found) if found else np.empty((0, *shape), dtype)

        shape, dtype = page_form(pages[0], alpha)
        yield Images(shape, dtype, len(pages), len(pages) > 1, read)


def all_pages(tiff: tifffile.TiffFile) -> Iterator[tifffile.TiffPage]:
    """Give every page; ImageError where they have no end, take more than their file, or were not read each."""
    offsets, n_pieces = set(), 0
    for page in tiff.pages:
        if not isinstance(page, tifffile.TiffPage):
            raise ImageError("pages that tifffile only guesses; allowed are pages that each say what they are")
        if page.offset in offsets:
            raise ImageError(f"byte {page.offset}: a page that comes again behind itself")
        offsets.add(page.offset)
        n_pieces += len(page.dataoffsets)
        if n_pieces > tiff.filehandle.size:  # which lie at places that are 2 bytes at least, if they are its own
            raise ImageError(f"byte {page.offset}: pages of more pieces than the file has bytes")
        yield page


@contextlib.contextmanager
def complaints() -> Iterator[list[str]]:
    """Collect what tifffile would only log while it goes on with less than the file holds."""
    heard: list[str] = []
    logger = logging.getLogger("tifffile")
    handler = logging.Handler(logging.ERROR)
    handler.emit = lambda record: heard.append(record.getMessage())  # type: ignore[method-assign]
    passes_on, logger.propagate = logger.propagate, False
    logger.addHandler(handler)
    try:
        yield heard
    finally:
        logger.removeHandler(handler)
        logger.propagate = passes_on


def refuse(heard: list[str]) -> None:
    if heard:
        raise ImageError(f"a damaged TIFF: {heard[0]}")


def shapes(pages: Iterable[tifffile.TiffPage]) -> str:
    return " and ".join(sorted({f"{page.shape} of {page.dtype}" for page in pages})[:2])


def check_page(page: tifffile.TiffPage, file_bytes: int) -> None:
    """ImageError for a page of another kind than those that are taken, or one that the file cannot hold."""
    if page.dtype is None or page.axes not in ("YX", "YXS", "SYX"):
        raise ImageError(f"a page of shape {page.shape} and type {page.dtype}; allowed are rows, columns and samples")
    if page.nbytes > MOST_EXPANDED * file_bytes:
        raise ImageError(f"a page of {page.nbytes} bytes in a file of {file_bytes}")
    end = max((sum(part) for part in zip(page.dataoffsets, page.databytecounts, strict=False)), default=0)
    if end > file_bytes:
        raise ImageError(f"byte {file_bytes}: the TIFF ends early, {end} bytes must be there")
    kind = photometric(page)
    if kind not in KINDS and not (kind == "YCBCR" and page.compression in (6, 7)):
        raise ImageError(f"pixels of the kind {kind}; allowed are {', '.join(KINDS)}")


def photometric(page: tifffile.TiffPage) -> str:
    return getattr(page.photometric, "name", str(page.photometric))


def orientation(page: tifffile.TiffPage) -> int:
    return int(page.tags.valueof(274, 1))


def has_alpha(page: tifffile.TiffPage) -> bool:
    """Whether the last sample is alpha, associated or not; samples of no said meaning are channels."""
    return bool(page.extrasamples) and int(page.extrasamples[-1]) in (1, 2)


def page_form(page: tifffile.TiffPage, alpha: str) -> tuple[tuple[int, ...], np.dtype[Any]]:
    """Return shape and type of what `pixels` gives, without reading it."""
    height, width = (page.shape[page.axes.index(axis)] for axis in "YX")
    samples = page.shape[page.axes.index("S")] if "S" in page.axes else 1
    dtype = np.dtype(page.dtype)
    if photometric(page) == "PALETTE":
        samples, dtype = 3, np.dtype(np.uint16)
    elif has_alpha(page) and alpha != "keep":
        samples -= 1
    if orientation(page) in (5, 6, 7, 8):
        height, width = width, height
    return (height, width) if samples == 1 else (height, width, samples), dtype


def pixels(page: tifffile.TiffPage, alpha: str) -> Array:
    """Return a page's pixels, the right way up, white as the largest value and palettes as 16-bit colours."""
    try:
        found: Array = np.asarray(page.asarray())
    except ValueError as error:
        if "imagecodecs" in str(error):
            raise ImageError('its compression needs imagecodecs: pip install "xcorr[tiff]"') from error
        raise
    if page.axes == "SYX":
        found = np.moveaxis(found, 0, -1)
    kind = photometric(page)
    if kind == "PALETTE":
        if page.colormap is None:
            raise ImageError("a palette without colours")
        found = np.moveaxis(np.asarray(page.colormap)[:, found], 0, -1)
    elif kind == "MINISWHITE":
        if found.dtype.kind not in "bu":
            raise ImageError(f"{found.dtype} with 0 as white; allowed are unsigned integers")
        found = ~found if found.dtype.kind == "b" else np.iinfo(found.dtype).max - found
    found = upright(found, orientation(page))
    return colours_of(found, alpha) if has_alpha(page) else found


class PlainFile(io.BufferedWriter):
    """A file without a descriptor to see, which NumPy would write to with errors of its own, without their reason."""

    name = ""

    def fileno(self) -> int:
        """Refuse."""
        raise io.UnsupportedOperation


def write_pages(file: BinaryIO, shape: tuple[int, ...], dtype: np.dtype[Any], pages: Iterator[Array]) -> None:
    """Write pages, one response to one kernel each; `shape` is that of all together, rows and columns last."""
    n_bytes = int(np.prod(shape, dtype=object)) * dtype.itemsize
    words: dict[str, Any] = {"photometric": "minisblack", "bigtiff": n_bytes > 2**32 - 2**25, "software": False}
    with PlainFile(io.FileIO(file.fileno(), "wb", closefd=False)) as plain:
        tifffile.imwrite(plain, pages, shape=shape, dtype=dtype, **words)
