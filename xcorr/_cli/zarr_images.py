"""Arrays and OME-Zarr images in the zarr formats 2 and 3, as images that are read part by part."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from xcorr._cli.folder import Folder
from xcorr._cli.ome import Multiscale, is_ome, multiscale_of
from xcorr._cli.pixels import Array, ImageError, Images, library_for
from xcorr._cli.room import most_bytes_here
from xcorr._cli.runs import Run, runs_of
from xcorr._cli.zarr_chunks import Chunks
from xcorr._cli.zarr_folder import is_inner

__all__ = ["Planes", "Roles", "ZarrImage", "open_zarr", "zarr_images"]

ROWS, COLUMNS, CHANNELS = ("y", "row", "rows"), ("x", "column", "columns"), ("c", "channel", "channels")
"""Names of axes, in small letters."""


MOST_NAMED = 4
"""Arrays that are named where a group is none."""


@dataclass(frozen=True)
class Roles:
    """Which axis of an array is which: those of images, rows, columns, and channels, where there are some."""

    images: tuple[int, ...]
    row: int
    column: int
    channel: int | None

    def apart(self) -> Roles:
        """Return the same with channels as images."""
        own = (*self.images, self.channel) if self.channel is not None else self.images
        return Roles(tuple(sorted(own)), self.row, self.column, None)


@dataclass(frozen=True)
class ZarrImage:
    """An array that is open, its axes, their names, and what OME-Zarr tells of it."""

    array: Any
    roles: Roles
    names: tuple[str, ...] | None
    ome: Multiscale | None


@contextlib.contextmanager
def open_zarr(path: Path, layout: str | None = None, most_bytes: int | None = None) -> Iterator[ZarrImage]:
    """Open an array, or the full resolution of an OME-Zarr image.

    Parameters
    ----------
    path : Path
        Its folder.
    layout : {None, "NHWC", "NCHW", "NHW"}
        The last axes of an array; None reads them by their names, or where these say nothing as NHW.
    most_bytes : int, optional
        Bytes that a chunk may have.

    Raises
    ------
    ImageError
        It is neither, or of a kind that is not taken.
    """
    most = most_bytes_here() if most_bytes is None else most_bytes
    with library_for("reading zarr", "zarr"):
        import zarr  # noqa: F401
    with Folder.named(path) as folder:
        yield opened(path, folder, layout, most)


def opened(path: Path, folder: Folder, layout: str | None, most_bytes: int) -> ZarrImage:
    """Return what `open_zarr` gives, of an open folder."""
    import zarr

    from xcorr._cli.zarr_store import FolderStore

    try:
        store = FolderStore(folder, most_bytes, read_only=True)
        found: Any = zarr.open(store, mode="r", use_consolidated=False)
        ome = None
        if isinstance(found, zarr.Group):
            attributes = found.attrs.asdict()
            if not is_ome(attributes):
                raise ImageError(f"a zarr group that is no OME-Zarr image; {allowed_in(path, folder)}")
            ome = multiscale_of(attributes, found.metadata.zarr_format)
            found = found.get(ome.path)
            if not isinstance(found, zarr.Array):
                raise ImageError(f"an OME-Zarr image without the array {ome.path!r} of its full resolution")
        chunks = Chunks(found, most_bytes)
        found.store.check, found.store.most_bytes = chunks.check, chunks.file_bytes
        names = names_of(found) if ome is None else ome.names
        return ZarrImage(found, roles_of(found.shape, names, layout, ome), names, ome)
    except ImageError:
        raise
    except Exception as error:  # its headers are anybody's, and zarr raises much
        raise ImageError(str(error) or type(error).__name__) from error


def allowed_in(path: Path, folder: Folder) -> str:
    """Return what is allowed in place of a group, and some arrays and groups in it."""
    inner = [repr(str(path / name)) for name in folder.names() if is_inner(folder, name)][:MOST_NAMED]
    return f"allowed are such an image and an array{', as ' if inner else ''}{', '.join(inner)}"


def names_of(array: Any) -> tuple[str, ...] | None:
    """Return the names of an array's axes: those of the format 3, else xarray's."""
    found = getattr(array.metadata, "dimension_names", None) or array.attrs.get("_ARRAY_DIMENSIONS")
    is_told = isinstance(found, (list, tuple)) and len(found) == array.ndim
    return tuple(map(str, found)) if is_told and all(isinstance(name, str) for name in found) else None


def roles_of(
    shape: tuple[int, ...], names: tuple[str, ...] | None, layout: str | None, ome: Multiscale | None
) -> Roles:
    """Return which axis is which; `ImageError` for too few of them."""
    n_axes = len(shape)
    if ome is not None:
        if len(ome.axes) != n_axes:
            raise ImageError(f"an array of shape {shape}, of which OME-Zarr tells {len(ome.axes)} axes")
        channel = ome.channel
        return Roles(tuple(axis for axis in range(n_axes - 2) if axis != channel), n_axes - 2, n_axes - 1, channel)
    if layout is None and names is not None:
        named = [index_in(names, words) for words in (ROWS, COLUMNS, CHANNELS)]
        if named[0] is not None and named[1] is not None:
            images = tuple(axis for axis in range(n_axes) if axis not in named)
            return Roles(images, named[0], named[1], named[2])
    letters = (layout or "NHW").lstrip("N")
    if n_axes < len(letters):
        raise ImageError(f"its shape {shape} has {n_axes} axes; allowed are {len(letters)} and more")
    first = n_axes - len(letters)
    axes = {letter: first + place for place, letter in enumerate(letters)}
    return Roles(tuple(range(first)), axes["H"], axes["W"], axes.get("C"))


def index_in(names: tuple[str, ...], words: tuple[str, ...]) -> int | None:
    """Return the one axis that has one of some names; None for none, or several."""
    found = [index for index, name in enumerate(names) if name.lower() in words]
    return found[0] if len(found) == 1 else None


class Planes:
    """The images of an array (N, H, W) or (N, H, W, C), whose axes of images are one.

    `chunks` are those of the array, of images the ones that lie beside each other in one.
    """

    def __init__(self, array: Any, roles: Roles) -> None:
        self.array, self.roles = array, roles
        sizes = array.shape
        self.lengths = tuple(sizes[axis] for axis in roles.images)
        channels = () if roles.channel is None else (sizes[roles.channel],)
        self.shape = (math.prod(self.lengths), sizes[roles.row], sizes[roles.column], *channels)
        self.dtype = np.dtype(array.dtype)
        of_array = array.shards or array.chunks
        last = of_array[roles.images[-1]] if roles.images else 1
        together = last if self.lengths and self.lengths[-1] % last == 0 else self.lengths[-1] if self.lengths else 1
        self.chunks = (max(1, min(together, 1 << 20)), of_array[roles.row], of_array[roles.column], *channels)

    def read(self, first: int, end: int, rows: slice, columns: slice) -> Array:
        """Return a part of images [first, end)."""
        shape = (end - first, rows.stop - rows.start, columns.stop - columns.start, *self.shape[3:])
        found = np.empty(shape, self.dtype)
        for run in runs_of(self.lengths, first, end):
            found[run.begin : run.end] = self.run(run, rows, columns)
        return found

    def run(self, run: Run, rows: slice, columns: slice) -> Array:
        """Return a part of images that lie along the last axis of images."""
        roles = self.roles
        place = [slice(0, length) for length in self.array.shape]
        for axis, own in zip(roles.images, run.place, strict=True):
            place[axis] = own
        place[roles.row], place[roles.column] = rows, columns
        channel = () if roles.channel is None else (roles.channel,)
        found = np.asarray(self.array[tuple(place)]).transpose((*roles.images, roles.row, roles.column, *channel))
        together: Array = found.reshape((run.end - run.begin, *found.shape[len(roles.images) :]))
        return together


@contextlib.contextmanager
def zarr_images(path: Path, layout: str | None) -> Iterator[Images]:
    """Open an array, or an OME-Zarr image, as images of one file, with their channels last."""
    with open_zarr(path, layout) as image:
        planes = Planes(image.array, image.roles)
        n_images, height, width = planes.shape[:3]

        def read(first: int, end: int) -> Array:
            return planes.read(first, end, slice(0, height), slice(0, width))

        def read_area(index: int, rows: slice, columns: slice) -> Array:
            area: Array = planes.read(index, index + 1, rows, columns)[0]
            return area

        yield Images(planes.shape[1:], planes.dtype, n_images, bool(image.roles.images), read, read_area=read_area)
