"""TIFF files: their pages as images, and responses as pages. Needs tifffile."""

from __future__ import annotations

import contextlib
import io
import logging
import math
from collections.abc import Callable, Iterable, Iterator
from typing import Any, BinaryIO

import numpy as np
import tifffile
from numpy.typing import NDArray

from xcorr._cli.pixels import ImageError, Images, check_expanded, colours_of, upright
from xcorr._cli.tiff_areas import Areas, can_be_cut
from xcorr._cli.tiff_axes import axes_of
from xcorr._cli.tiff_pieces import check_holes, check_pieces, missing_bytes

__all__ = ["place_pages", "tiff_images", "write_pages"]

Array = NDArray[Any]

KINDS = ("MINISBLACK", "MINISWHITE", "RGB", "PALETTE")
"""Kinds of pixels that are taken; of YCbCr also what is compressed as JPEG, which is decoded to RGB."""

TURNED = range(2, 9)
"""Orientations of pages that do not begin at their top left."""

PLAIN: dict[str, Any] = {f"is_{kind}": False for kind in ("ome", "mmstack", "ndtiff", "scanimage")}
"""Kinds for which tifffile would read other files that this one names, or guess pages instead of reading them."""


@contextlib.contextmanager
def tiff_images(file: BinaryIO, alpha: str) -> Iterator[Images]:
    """Open a TIFF: every page is an image of its batch; pages of reduced resolution are passed over.

    Raises
    ------
    ImageError
        The file is damaged, or its pages differ in shape or kind or hold what is not taken.
    """
    with complaints() as heard, tifffile.TiffFile(file, **PLAIN) as tiff:
        pages = [page for page in all_pages(tiff) if not page.is_reduced]
        refuse(heard)
        if not pages:
            raise ImageError("a TIFF without pages")
        for page in pages:
            check_page(page, tiff.filehandle.size)
        kinds = {(page.shape, page.dtype, page.axes, page.photometric, orientation(page)) for page in pages}
        if len(kinds) > 1:
            raise ImageError(
                f"pages of {len(kinds)} kinds: {shapes(pages)}, ...; allowed are pages of one shape and kind"
            )
        if len(pages) == 1 and tiff.series and tiff.series[0].size > pages[0].size:
            raise ImageError("images that have no page of their own (a large ImageJ stack); allowed is a page for each")
        shape, dtype = page_form(pages[0], alpha)
        check_expanded(len(pages) * max(pages[0].nbytes, math.prod(shape) * dtype.itemsize), tiff.filehandle.size)
        check_holes(sum(map(missing_bytes, pages)), tiff.filehandle.size)
        notes: list[str] = []

        def read(first: int, end: int) -> Array:
            found = [pixels(page, alpha, notes) for page in pages[first:end]]
            refuse(heard)
            return np.stack(found) if found else np.empty((0, *shape), dtype)

        areas: dict[int, Areas] = {}

        def read_area(index: int, rows: slice, columns: slice) -> Array:
            if index not in areas:
                check_pieces(pages[index], tiff.filehandle)
                areas.clear()
                areas[index] = Areas(pages[index])
            found = meant(decoded(lambda: areas[index].read(rows, columns)), pages[index], alpha, notes)
            refuse(heard)
            return found

        n_samples = pages[0].shape[pages[0].axes.index("S")] if "S" in pages[0].axes else 1
        axes = axes_of(tiff.imagej_metadata, pages[0].description, len(pages), n_samples)
        in_areas = all(can_be_cut(page) and orientation(page) not in TURNED for page in pages)
        read_areas = read_area if in_areas else None
        yield Images(shape, dtype, len(pages), len(pages) > 1, read, axes, notes, read_areas)


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
    check_expanded(page.nbytes, file_bytes)
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
        samples, dtype = 3, palette(page).dtype
    elif has_alpha(page) and alpha != "keep":
        samples -= 1
    if orientation(page) in (5, 6, 7, 8):
        height, width = width, height
    return (height, width) if samples == 1 else (height, width, samples), dtype


def pixels(page: tifffile.TiffPage, alpha: str, notes: list[str]) -> Array:
    """Return a page's pixels."""
    check_pieces(page, page.parent.filehandle)
    return meant(decoded(page.asarray), page, alpha, notes)


def decoded(read: Callable[[], Any]) -> Array:
    """Return what tifffile reads."""
    try:
        return np.asarray(read())
    except ValueError as error:
        if "imagecodecs" in str(error):
            raise ImageError('its compression needs imagecodecs: pip install "xcorr[tiff]"') from error
        raise


def meant(found: Array, page: tifffile.TiffPage, alpha: str, notes: list[str]) -> Array:
    """Return pixels of a page as they are meant: the right way up, white as the largest value, palettes as colours."""
    if page.axes == "SYX":
        found = np.moveaxis(found, 0, -1)
    kind = photometric(page)
    if kind == "PALETTE":
        found = np.moveaxis(palette(page)[:, found], 0, -1)
    elif kind == "MINISWHITE":
        if found.dtype.kind not in "bu":
            raise ImageError(f"{found.dtype} with 0 as white; allowed are unsigned integers")
        found = ~found if found.dtype.kind == "b" else np.iinfo(found.dtype).max - found
    found = upright(found, orientation(page))
    return colours_of(found, alpha, notes) if has_alpha(page) else found


def palette(page: tifffile.TiffPage) -> Array:
    """Return a palette's colours: uint8 if they are colours of 8 bits, as those of other formats are, else uint16.

    TIFF has 16 bits for each, whose lower half repeats the upper one or is 0; some programs write 0 to 255.
    """
    if page.colormap is None:
        raise ImageError("a palette without colours")
    colours: Array = np.asarray(page.colormap)
    upper, lower = colours >> 8, colours & 255
    if not upper.any():
        return colours.astype(np.uint8)
    return upper.astype(np.uint8) if ((lower == 0) | (lower == upper)).all() else colours


class PlainFile(io.BufferedWriter):
    """A file without a descriptor to see, which NumPy would write to with errors of its own, without their reason."""

    name = ""

    def fileno(self) -> int:
        """Refuse."""
        raise io.UnsupportedOperation


def write_pages(
    file: BinaryIO, shape: tuple[int, ...], dtype: np.dtype[Any], pages: Iterator[Array], words: dict[str, Any]
) -> None:
    """Write pages, one response to one kernel each; `shape` is that of all together, rows and columns last.

    `words` are tifffile's of what the axes before these are, and of colours, which come last then.
    """
    with PlainFile(io.FileIO(file.fileno(), "wb", closefd=False)) as plain:
        tifffile.imwrite(plain, pages, shape=shape, dtype=dtype, **all_words(shape, dtype, words))


def place_pages(file: BinaryIO, shape: tuple[int, ...], dtype: np.dtype[Any], words: dict[str, Any]) -> int:
    """Write pages as `write_pages` does, but for their pixels, and return where these begin."""
    words = all_words(shape, dtype, words)
    with PlainFile(io.FileIO(file.fileno(), "wb", closefd=False)) as plain:
        found = tifffile.imwrite(plain, None, shape=shape, dtype=dtype, returnoffset=True, **words)
    assert found is not None
    return found[0]


def all_words(shape: tuple[int, ...], dtype: np.dtype[Any], words: dict[str, Any]) -> dict[str, Any]:
    """Return tifffile's words for pages of responses."""
    n_bytes = int(np.prod(shape, dtype=object)) * dtype.itemsize
    return {"photometric": "minisblack", "bigtiff": n_bytes > 2**32 - 2**25, "software": False, **words}
