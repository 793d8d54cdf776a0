"""Image files as arrays: PNG, JPEG, TIFF, ``.npy`` and IDX, told apart by their first bytes.

The numbers are those in the file: no colour profile is applied. What an array could not hold is refused with a reason
instead of being lost. Nothing in a file is executed.
"""

from __future__ import annotations

import contextlib
import dataclasses
import io
import math
import struct
import warnings
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from xcorr._cli.files import open_regular
from xcorr.datasets import DataFormatError, load_idx

__all__ = ["ALPHAS", "ImageError", "Images", "MissingLibrary", "colours_of", "library_for", "open_images", "upright"]

Array = NDArray[Any]

ALPHAS = ("opaque", "drop", "keep")
"""What becomes of an alpha channel: it has to be opaque and is left out, is left out, or is one more channel."""

PNG_START = b"\x89PNG\r\n\x1a\n"
PICTURE_STARTS = (PNG_START, b"\xff\xd8\xff")
TIFF_STARTS = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
IDX_STARTS = (b"\x1f\x8b", *(b"\0\0" + bytes([code]) for code in (8, 9, 11, 12, 13, 14)))

WHOLE_MODES = {"1": "L", "P": "RGB"}
"""Of Pillow, what becomes of images of fewer than 8 bits (0 to 255 then) and of palettes (colours then)."""


class ImageError(Exception):
    """An image file cannot be taken; the message says why."""


class MissingLibrary(Exception):
    """A library is not installed; the message says which extra installs it."""


@dataclasses.dataclass(frozen=True)
class Images:
    """The images of one file.

    `shape` is (height, width) or (height, width, channels); `read` gives images [first, end) as one array. A file that
    holds a single image by its nature has no batch.
    """

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    n_images: int
    has_batch: bool
    read: Callable[[int, int], Array]


@contextlib.contextmanager
def library_for(purpose: str, extra: str) -> Iterator[None]:
    """Have a library that is not there told in one line."""
    try:
        yield
    except ModuleNotFoundError as error:
        raise MissingLibrary(f'{purpose} needs {error.name}: pip install "xcorr[{extra}]"') from None


@contextlib.contextmanager
def refusals() -> Iterator[None]:
    """Make one kind of whatever is raised over a file: its bytes are anybody's, and decoders raise much."""
    try:
        yield
    except (ImageError, MissingLibrary):
        raise
    except DataFormatError as error:
        raise ImageError(f"byte {error.offset}: {error.problem}") from error
    except OSError as error:
        raise ImageError(error.strerror or str(error)) from error
    except MemoryError as error:
        raise ImageError(f"it does not fit the memory {error}".rstrip()) from error
    except (TypeError, ValueError, OverflowError) as error:
        raise ImageError(str(error)) from error
    except Exception as error:
        raise ImageError(f"{type(error).__name__}: {error}") from error


@contextlib.contextmanager
def open_images(path: Path, layout: str | None = None, alpha: str = "opaque") -> Iterator[Images]:
    """Open an image file.

    Parameters
    ----------
    path : Path
        The file.
    layout : {None, "NHWC", "NCHW", "NHW"}
        The axes of an array in a ``.npy`` or IDX file. None reads 2 axes as one image, 4 as NHWC, and 3 axes of an IDX
        file as a batch; 3 axes of a ``.npy`` file are ambiguous.
    alpha : {"opaque", "drop", "keep"}
        What becomes of an alpha channel; "opaque" refuses one that is not.

    Raises
    ------
    ImageError
        The file is absent, unreadable, of no known kind or damaged, or holds what an array could not.
    MissingLibrary
        A library is not installed.
    """
    with contextlib.ExitStack() as stack:
        with refusals():
            images = opened(path, layout, alpha, stack)

        def read(first: int, end: int) -> Array:
            with refusals():
                found = images.read(first, end)
                if (found.shape, found.dtype) != ((end - first, *images.shape), images.dtype):
                    got, told = f"{found.shape[1:]} of {found.dtype}", f"{images.shape} of {images.dtype}"
                    raise ImageError(f"pixels of shape {got}, where its header tells of {told}")
                return found

        yield dataclasses.replace(images, read=read)


def opened(path: Path, layout: str | None, alpha: str, stack: contextlib.ExitStack) -> Images:
    """Return the images of the kind that the first bytes say; what has to be closed goes on the stack."""
    with open_regular(path) as file:
        start = file.read(8)
    if start.startswith(PICTURE_STARTS):
        return one_image(picture(path, alpha))
    if start.startswith(TIFF_STARTS):
        with library_for("reading TIFF", "cli"):
            from xcorr._cli.tiff import tiff_images
        return stack.enter_context(tiff_images(path, alpha))
    if start.startswith(b"\x93NUMPY"):
        return stored_images(path, layout)
    if start.startswith(IDX_STARTS):
        array = load_idx(path)
        layout = "NHW" if layout is None and array.ndim == 3 else layout
        return array_images(array.shape, array.dtype, layout, lambda first, end: array[first:end])
    begin = f"it begins with {start!r}" if start else "it is empty"
    raise ImageError(f"{begin}; allowed are PNG, JPEG, TIFF, .npy and IDX files")


def one_image(array: Array) -> Images:
    return Images(array.shape, array.dtype, 1, False, lambda first, end: array[np.newaxis][first:end])


# --- PNG and JPEG -----------------------------------------------------------------------------------------------------


def picture(path: Path, alpha: str) -> Array:
    """Return a PNG's or JPEG's pixels, the right way up: (H, W) or (H, W, channels), uint8 or uint16."""
    with library_for("reading PNG and JPEG", "cli"):
        from PIL import Image
    with open_regular(path) as file:
        data = file.read()
    if data.startswith(PNG_START):
        check_png(data)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of large images, which are refused from twice that size on; of odd EXIF
        with Image.open(io.BytesIO(data), formats=("PNG", "JPEG")) as image:
            image.load()
            orientation = image.getexif().get(0x0112, 1)
            mode = image.mode
            if image.has_transparency_data and not mode.endswith("A"):
                mode = {"1": "LA", "L": "LA", "P": "RGBA", "RGB": "RGBA"}.get(mode, f"{mode} with a transparent value")
            mode = WHOLE_MODES.get(mode, mode)
            if mode not in ("L", "LA", "RGB", "RGBA", "I;16", "I"):
                raise ImageError(f"its pixels are {mode}; allowed are grey values, colours (RGB) and palettes")
            pixels: Array = np.asarray(image if image.mode == mode else image.convert(mode))
    if mode == "I":  # of a PNG with 16 bits, in older releases of Pillow
        pixels = pixels.astype(np.uint16)
    pixels = upright(pixels, orientation)
    return colours_of(pixels, alpha) if mode.endswith("A") else pixels


def check_png(data: bytes) -> None:
    """ImageError unless all chunks are whole, and hold what Pillow keeps.

    Pillow itself reads colours of 16 bits as 8, the first image of an animation, and pixels whose checksum is wrong.
    """
    offset, kind = len(PNG_START), b""
    while kind != b"IEND":
        length, kind = struct.unpack(">I4s", data[offset : offset + 8].ljust(8, b"\0"))
        end = offset + 8 + length
        if end + 4 > len(data):
            raise ImageError(f"byte {len(data)}: the PNG ends early")
        if zlib.crc32(data[offset + 4 : end]) != int.from_bytes(data[end : end + 4], "big"):
            raise ImageError(f"byte {offset}: a damaged chunk, whose checksum is wrong")
        if kind == b"IHDR" and data[offset + 16 : offset + 17] == b"\x10" and data[offset + 17] != 0:
            raise ImageError(
                "16-bit colours or alpha in a PNG, which would be read as 8 bits; allowed is a TIFF of them"
            )
        if kind == b"acTL":
            raise ImageError("an animation; allowed are PNG files of one image")
        offset = end + 4


def upright(pixels: Array, orientation: object) -> Array:
    """Return pixels (H, W, ...) turned as the EXIF or TIFF orientation 1 to 8 says; others count as 1."""
    turns: dict[object, Callable[[], Array]] = {
        2: lambda: pixels[:, ::-1],
        3: lambda: pixels[::-1, ::-1],
        4: lambda: pixels[::-1],
        5: lambda: pixels.swapaxes(0, 1),
        6: lambda: np.rot90(pixels, -1),
        7: lambda: pixels[::-1, ::-1].swapaxes(0, 1),
        8: lambda: np.rot90(pixels),
    }
    return turns[orientation]() if orientation in turns else pixels


def colours_of(pixels: Array, alpha: str) -> Array:
    """Return pixels (..., channels), whose last channel is alpha, as `alpha` says; grey ones lose their axis."""
    if alpha == "keep":
        return pixels
    most = np.iinfo(pixels.dtype).max if pixels.dtype.kind in "iu" else 1
    if alpha == "opaque" and (pixels[..., -1] != most).any():
        raise ImageError("its alpha channel is not opaque; --alpha drop leaves it out, --alpha keep takes it")
    return pixels[..., 0] if pixels.shape[-1] == 2 else pixels[..., :-1]


# --- arrays -----------------------------------------------------------------------------------------------------------


def array_images(
    shape: tuple[int, ...], dtype: np.dtype[Any], layout: str | None, rows: Callable[[int, int], Array]
) -> Images:
    """Return the images of an array in a file, whose axes `layout` names; `rows` reads [first, end) of its first."""
    if layout is None:
        if len(shape) == 3:
            raise ImageError(
                f"its shape {shape} can be read as a batch (N, H, W) or as one image (H, W, C); "
                "--layout NHW or --layout NHWC says which"
            )
        layout = "NHW" if len(shape) == 2 else "NHWC"
    if len(shape) not in (len(layout) - 1, len(layout)):
        raise ImageError(
            f"its shape {shape} has {len(shape)} axes; --layout {layout} takes {len(layout)}, "
            f"or {len(layout) - 1} without the first"
        )
    has_batch, is_channels_first = len(shape) == len(layout), layout == "NCHW"
    n_images, *one = shape if has_batch else (1, *shape)

    def read(first: int, end: int) -> Array:
        batch = rows(first, end) if has_batch else rows(0, shape[0])[np.newaxis][first:end]
        return np.moveaxis(batch, 1, -1) if is_channels_first else batch

    return Images((*one[1:], one[0]) if is_channels_first else tuple(one), dtype, n_images, has_batch, read)


def stored_images(path: Path, layout: str | None) -> Images:
    """Return the images of a ``.npy`` file, read as they are asked for; in the order of Fortran all at once.

    They are not mapped: a file that is cut while it is read would end the process.
    """
    found = np.load(path, mmap_mode="r", allow_pickle=False)
    if not found.flags.c_contiguous:
        found = np.load(path, allow_pickle=False)
        return array_images(found.shape, found.dtype, layout, lambda first, end: found[first:end])
    shape, dtype, begin = found.shape, found.dtype, found.offset
    row_bytes = math.prod(shape[1:]) * dtype.itemsize

    def rows(first: int, end: int) -> Array:
        with open_regular(path) as file:
            file.seek(begin + first * row_bytes)
            body = file.read((end - first) * row_bytes)
        if len(body) < (end - first) * row_bytes:
            raise ImageError(f"byte {begin + first * row_bytes + len(body)}: the file ends early")
        return np.ndarray((end - first, *shape[1:]), dtype, body)

    return array_images(shape, dtype, layout, rows)
