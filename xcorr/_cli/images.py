"""Image files as arrays: pictures, TIFF, ``.npy`` and IDX, told apart by their first bytes.

The numbers are those in the file: no colour profile is applied. What an array could not hold is refused with a reason
instead of being lost. Nothing in a file is executed.
"""

from __future__ import annotations

import contextlib
import dataclasses
import math
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from xcorr._cli.netpbm import is_netpbm, netpbm_images
from xcorr._cli.pictures import BMP_START, JPEG_START, PNG_START, is_webp, picture_images
from xcorr._cli.pixels import ALPHAS, ImageError, Images, MissingLibrary, library_for
from xcorr._cli.zarr_folder import is_zarr_folder
from xcorr._reader import open_regular
from xcorr.datasets import DataFormatError, load_idx

__all__ = ["ALPHAS", "KINDS", "ImageError", "Images", "MissingLibrary", "library_for", "open_images"]

Array = NDArray[Any]

KINDS = "PNG, JPEG, TIFF, BMP, WebP, PGM, PPM, PBM, .npy, IDX and zarr"
"""Kinds of files that are read, in words."""

PICTURE_STARTS = (PNG_START, JPEG_START, BMP_START)
TIFF_STARTS = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
IDX_STARTS = (b"\x1f\x8b", *(b"\0\0" + bytes([code]) for code in (8, 9, 11, 12, 13, 14)))


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
def open_images(path: Path, layout: str | None = None, alpha: str = "drop") -> Iterator[Images]:
    """Open an image file.

    Parameters
    ----------
    path : Path
        The file, or a folder in the zarr format.
    layout : {None, "NHWC", "NCHW", "NHW"}
        The axes of an array in a ``.npy`` or IDX file. None reads 2 axes as one image, 4 as NHWC, and 3 axes of an IDX
        file as a batch; 3 axes of a ``.npy`` file are ambiguous.
    alpha : {"drop", "opaque", "keep"}
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
            if is_zarr_folder(path):
                from xcorr._cli.zarr_images import zarr_images

                images = stack.enter_context(zarr_images(path, layout))
            else:
                images = opened(path, layout, alpha, stack)

        def read(first: int, end: int) -> Array:
            with refusals():
                found = images.read(first, end)
                if (found.shape, found.dtype) != ((end - first, *images.shape), images.dtype):
                    got, told = f"{found.shape[1:]} of {found.dtype}", f"{images.shape} of {images.dtype}"
                    raise ImageError(f"pixels of shape {got}, where its header tells of {told}")
                return found

        def read_area(index: int, rows: slice, columns: slice) -> Array:
            with refusals():
                assert images.read_area is not None
                return images.read_area(index, rows, columns)

        yield dataclasses.replace(images, read=read, read_area=None if images.read_area is None else read_area)


def opened(path: Path, layout: str | None, alpha: str, stack: contextlib.ExitStack) -> Images:
    """Return the images of the kind that the first bytes say; what has to be closed goes on the stack."""
    file = stack.enter_context(open_regular(path))
    start = file.read(12)
    file.seek(0)
    if start.startswith(PICTURE_STARTS) or is_webp(start):
        return picture_images(file, alpha)
    if is_netpbm(start):
        return netpbm_images(file)
    if start.startswith(TIFF_STARTS):
        with library_for("reading TIFF", "cli"):
            from xcorr._cli.tiff import tiff_images
        return stack.enter_context(tiff_images(file, alpha))
    if start.startswith(b"\x93NUMPY"):
        return stored_images(file, layout)
    if start.startswith(IDX_STARTS):
        array = load_idx(path)
        layout = "NHW" if layout is None and array.ndim == 3 else layout
        return array_images(array.shape, array.dtype, layout, lambda first, end: array[first:end])
    begin = f"it begins with {start[:8]!r}" if start else "it is empty"
    raise ImageError(f"{begin}; allowed are {KINDS} files")


# --- arrays -----------------------------------------------------------------------------------------------------------


def array_images(
    shape: tuple[int, ...],
    dtype: np.dtype[Any],
    layout: str | None,
    rows: Callable[[int, int], Array],
    run: Callable[[tuple[int, ...], int, int], Array] | None = None,
) -> Images:
    """Return the images of an array in a file, whose axes `layout` names.

    `rows` reads [first, end) of its first axis; `run`, where there is one, the same of a later one at an index.
    """
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

    def read_area(index: int, down: slice, across: slice) -> Array:
        assert run is not None
        own = (index,) if has_batch else ()
        if not is_channels_first:
            return run(own, down.start, down.stop)[:, across]
        planes = [run((*own, channel), down.start, down.stop)[:, across] for channel in range(one[0])]
        return np.stack(planes, axis=-1).astype(dtype, copy=False)  # which stack gives in the machine's byte order

    return Images(
        (*one[1:], one[0]) if is_channels_first else tuple(one),
        dtype,
        n_images,
        has_batch,
        read,
        read_area=None if run is None or (is_channels_first and not one[0]) else read_area,
    )


def stored_images(file: BinaryIO, layout: str | None) -> Images:
    """Return the images of a ``.npy`` file, read as they are asked for; in the order of Fortran all at once.

    They are not mapped: a file that is cut while it is read would end the process.
    """
    version = np.lib.format.read_magic(file)
    if version not in ((1, 0), (2, 0)):
        raise ImageError(f"a header of version {version}; allowed are 1.0 and 2.0, those of arrays of numbers")
    one, two = np.lib.format.read_array_header_1_0, np.lib.format.read_array_header_2_0
    shape, is_fortran, dtype = (one if version == (1, 0) else two)(file)
    if dtype.hasobject:
        raise ImageError("an array of objects, which would have to be unpickled; allowed are numbers")
    begin = file.tell()
    size = os.fstat(file.fileno()).st_size
    if min(shape, default=0) < 0 or begin + math.prod(shape) * dtype.itemsize > size:
        raise ImageError(f"byte {size}: the file ends early, an array of shape {shape} and type {dtype} must be there")
    if is_fortran:
        whole = np.fromfile(file, dtype, math.prod(shape)).reshape(shape[::-1]).transpose()
        return array_images(shape, dtype, layout, lambda first, end: whole[first:end])

    def run(index: tuple[int, ...], first: int, end: int) -> Array:
        """Return [first, end) of the axis behind those of an index."""
        axis = len(index)
        item_bytes = math.prod(shape[axis + 1 :]) * dtype.itemsize
        before = sum(own * math.prod(shape[place + 1 :]) for place, own in enumerate(index)) * dtype.itemsize
        place = begin + before + first * item_bytes
        file.seek(place)
        body = file.read((end - first) * item_bytes)
        if len(body) < (end - first) * item_bytes:
            raise ImageError(f"byte {place + len(body)}: the file ends early")
        return np.ndarray((end - first, *shape[axis + 1 :]), dtype, body)

    return array_images(shape, dtype, layout, lambda first, end: run((), first, end), run)
