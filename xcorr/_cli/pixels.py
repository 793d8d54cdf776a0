"""What the readers of all image files share: images, errors, and what is done with orientation, alpha and sizes."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "ALPHAS",
    "DROPPED",
    "Array",
    "Axes",
    "ImageError",
    "Images",
    "MissingLibrary",
    "check_expanded",
    "colours_of",
    "library_for",
    "one_image",
    "upright",
]

Array = NDArray[Any]

ALPHAS = ("drop", "opaque", "keep")
"""What becomes of an alpha channel: it is left out, has to be opaque and is left out, or is one more channel."""

DROPPED = "transparency is left out; --alpha keep takes it as one more channel"

ROOM_BYTES, MOST_EXPANDED = 1 << 26, 1032
"""Pixels that any file may have, and times its size that those of a larger one may take: the most of deflate."""


class ImageError(Exception):
    """An image file cannot be taken; the message says why."""


class MissingLibrary(Exception):
    """A library is not installed; the message says which extra installs it."""


@dataclass(frozen=True)
class Axes:
    """The axes of which a file's images are one after the other, the last one changing fastest.

    `kind` is whose words they are in, "ImageJ" or "OME"; `letters` are of T, Z and C.
    """

    kind: str
    letters: str
    sizes: tuple[int, ...]


@dataclass(frozen=True)
class Images:
    """The images of one file.

    `shape` is (height, width) or (height, width, channels); `read` gives images [first, end) as one array. A file that
    holds a single image by its nature has no batch. `notes` says what was lost of what was read until now. `read_area`
    gives some rows and columns of one image; None where its file can be read as a whole only.
    """

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    n_images: int
    has_batch: bool
    read: Callable[[int, int], Array]
    axes: Axes | None = None
    notes: list[str] = field(default_factory=list)
    read_area: Callable[[int, slice, slice], Array] | None = None


@contextlib.contextmanager
def library_for(purpose: str, extra: str) -> Iterator[None]:
    """Have a library that is not there told in one line."""
    try:
        yield
    except ModuleNotFoundError as error:
        raise MissingLibrary(f'{purpose} needs {error.name}: pip install "xcorr[{extra}]"') from None


def one_image(array: Array, notes: Iterable[str] = ()) -> Images:
    """Return the images of a file that is a single one."""
    return Images(
        array.shape, array.dtype, 1, False, lambda first, end: array[np.newaxis][first:end], notes=list(notes)
    )


def check_expanded(n_bytes: int, file_bytes: int, what: str = "pixels") -> None:
    """`ImageError` for what takes far more memory than a file of that size holds."""
    if n_bytes > max(ROOM_BYTES, MOST_EXPANDED * file_bytes):
        raise ImageError(
            f"{what} of {n_bytes:,} bytes in a file of {file_bytes:,}; allowed are {ROOM_BYTES:,}, or "
            f"{MOST_EXPANDED:,} times what the file has"
        )


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


def colours_of(pixels: Array, alpha: str, notes: list[str]) -> Array:
    """Return pixels (..., channels), whose last channel is alpha, as `alpha` says; what is lost is noted.

    Grey ones lose their axis.
    """
    if alpha == "keep":
        return pixels
    most = np.iinfo(pixels.dtype).max if pixels.dtype.kind in "iu" else 1
    is_opaque = bool((pixels[..., -1] == most).all())
    if alpha == "opaque" and not is_opaque:
        raise ImageError("its alpha channel is not opaque; --alpha drop leaves it out, --alpha keep takes it")
    if not is_opaque and DROPPED not in notes:
        notes.append(DROPPED)
    return pixels[..., 0] if pixels.shape[-1] == 2 else pixels[..., :-1]
