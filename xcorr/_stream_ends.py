"""The two ends of a stream: arrays that live in files or elsewhere, and the journal of what was written there."""

import contextlib
import hashlib
import json
import mmap
import os
import zlib
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from xcorr import _dispatch
from xcorr._arrays import check_out
from xcorr._info import installed_version
from xcorr._pieces import Result
from xcorr._respond import may_overlap

Array = npt.NDArray[Any]
Place = tuple[slice, ...]


class Home(NamedTuple):
    """The file or folder that an array lives in, its name there, and what tells it from others whatever its name."""

    path: Path
    name: str
    identity: Any = None

    @property
    def real_path(self) -> Path:
        """The file, or the array's own folder; without links in its path."""
        return (self.path / self.name.strip("/") if self.path.is_dir() else self.path).resolve()

    def state(self, but: Collection[Path]) -> Any:
        """What tells that a file, or one in an array's folder, was changed, with no look at some that a run changes."""
        place = self.real_path
        if place in but:
            return None
        with contextlib.suppress(OSError):
            if place.is_dir():
                return state_of_folder(place, {str(own) for own in but})
            found = place.stat()
            return found.st_size, found.st_mtime_ns
        return None


def state_of_folder(folder: Path, but: Collection[str]) -> str:
    """A digest of the names, sizes and times of all files in a folder but some."""
    digest, left = hashlib.sha256(), [str(folder)]
    while left:
        with os.scandir(left.pop()) as found:
            entries = sorted((own for own in found if own.path not in but), key=lambda own: own.name)
        for own in entries:
            if own.is_dir(follow_symlinks=False):
                left.append(own.path)
            else:
                about = own.stat()
                digest.update(repr((own.path, about.st_size, about.st_mtime_ns)).encode("utf-8", "surrogateescape"))
    return digest.hexdigest()


def check_source(images: Any) -> tuple[tuple[int, ...], np.dtype[Any]]:
    """The shape and the type of what images are read from."""
    if not all(hasattr(images, name) for name in ("shape", "dtype", "__getitem__")):
        raise TypeError(f"images: got {type(images).__name__}; allowed is what has a shape, a dtype and slices")
    if isinstance(images, np.ma.MaskedArray):
        raise TypeError("images: got a masked array; allowed is the keyword `mask` of a Correlator")
    return tuple(int(length) for length in images.shape), np.dtype(images.dtype)


def check_sink(out: Any, result: Result) -> None:
    """TypeError or ValueError if a result cannot be written to `out`."""
    if isinstance(out, np.ndarray):
        check_out(out, result.shape, result.dtype)
        return
    if not all(hasattr(out, name) for name in ("shape", "dtype", "__setitem__")):
        raise TypeError(f"out: got {type(out).__name__}; allowed is what has a shape, a dtype and takes slices")
    if np.dtype(out.dtype) != result.dtype:
        raise TypeError(f"out: got dtype {out.dtype}; allowed is {result.dtype}")
    if tuple(out.shape) != result.shape:
        raise ValueError(f"out: got shape {tuple(out.shape)}; allowed is {result.shape}")


def check_sides(images: Any, outs: Sequence[Any]) -> None:
    """ValueError if a result would be written over the images, or over another one."""
    arrays = [images, *outs]
    for index, out in enumerate(outs, 1):
        for other in arrays[:index]:
            both = isinstance(out, np.ndarray) and isinstance(other, np.ndarray)
            if other is out or (both and may_overlap(out, other)) or is_same(home_of(out), home_of(other)):
                what = "the images" if other is images else "another of its arrays"
                raise ValueError(f"out: it shares memory or a file with {what}; allowed is one of its own")


def is_same(one: Home | None, other: Home | None) -> bool:
    """Whether two arrays live at one place, whatever they are called there."""
    if one is None or other is None:
        return False
    if one.identity is not None and one.identity == other.identity:
        return True
    if one.name != other.name and not (one.path.is_dir() and other.path.is_dir()):
        return False
    with contextlib.suppress(OSError):
        return os.path.samefile(one.real_path, other.real_path)
    return one.real_path == other.real_path


def home_of(array: Any) -> Home | None:
    """The home of an array of NumPy's, h5py's or zarr's; None for one in memory, or of another kind."""
    if isinstance(array, np.memmap):
        return None if array.filename is None else Home(Path(os.fspath(array.filename)), "")
    file, store = getattr(array, "file", None), getattr(array, "store", None)
    if isinstance(getattr(file, "filename", None), (str, bytes)):
        path, name = Path(os.fsdecode(file.filename)), str(getattr(array, "name", ""))  # type: ignore[union-attr]
        return Home(path, name, getattr(array, "id", None))  # two of a dataset under two names are equal
    for name in ("root", "path"):
        place = getattr(store, name, None)
        if isinstance(place, (str, os.PathLike)) and os.path.isdir(place):
            return Home(Path(os.fspath(place)), str(getattr(array, "path", "")))
    return None


def view_of(array: Any) -> tuple[int, tuple[int, ...]] | None:
    """The place in its file of the first element of a mapped array, and the strides to others."""
    mapped = getattr(array, "_mmap", None) if isinstance(array, np.memmap) else None
    if mapped is None:
        return None
    begin = array.offset - array.offset % mmap.ALLOCATIONGRANULARITY  # of the pages that NumPy maps
    whole = np.frombuffer(mapped, np.uint8)
    first, base = (own.__array_interface__["data"][0] for own in (np.asarray(array), whole))
    return begin + first - base, array.strides


def chunks_of(array: Any) -> tuple[int, ...] | None:
    """The lengths of the pieces that an array is stored in: shards, which hold chunks, where there are some."""
    for name in ("shards", "chunks"):
        found = getattr(array, name, None)
        if isinstance(found, tuple) and all(isinstance(length, int) for length in found):
            return found
    return None


def read(images: Any, place: Place, dtype: np.dtype[Any]) -> Array:
    """Some pixels, in memory; of an array that is there a view.

    What joins chunks may give them in another order of bytes than it says.
    """
    found = images[place]
    shape = tuple(own.stop - own.start for own in place)
    if isinstance(images, np.memmap):
        found = np.array(found)
        forget(images)
    found = np.asarray(found)
    if found.shape != shape or found.dtype.newbyteorder("=") != dtype.newbyteorder("="):
        raise ValueError(f"images: a slice of shape {shape} came as {found.shape} of {found.dtype}; allowed is {dtype}")
    return found.astype(dtype, copy=False)


def write(out: Any, place: Place, values: Array) -> None:
    """A block's values to their place, and on to the file."""
    out[place] = values
    if isinstance(out, np.memmap):
        forget(out)
        return
    flush = getattr(getattr(out, "file", None), "flush", None)
    if callable(flush):
        flush()


def forget(array: np.memmap[Any, Any]) -> None:
    """Let the pages of a mapped file go that were looked at; the system keeps what was written there."""
    mapped = getattr(array, "_mmap", None)
    if mapped is not None and array.mode != "c" and hasattr(mapped, "madvise"):
        with contextlib.suppress(OSError, ValueError):
            mapped.madvise(mmap.MADV_DONTNEED)


# --- the journal ------------------------------------------------------------------------------------------------------


class Journal:
    """A file of JSON lines beside a result: what it is of, then the number and the check sum of blocks.

    A block counts if the result still holds these bytes, so that whatever became of a file in between is seen.
    """

    def __init__(self, path: Path, told: str) -> None:
        self.path, self.told = path, told
        self.sums: dict[int, int] = {}
        with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
            first, *lines = path.read_text("ascii").split("\n")
            if json.loads(first)["stream"] == told:
                for line in lines:
                    with contextlib.suppress(ValueError):
                        index, number = json.loads(line)
                        self.sums[int(index)] = int(number)

    def begin(self, done: Sequence[int]) -> None:
        """Begin the file anew with those blocks that are done."""
        beside = self.path.with_name(self.path.name + ".part")
        lines = [json.dumps({"stream": self.told}), *(json.dumps([index, self.sums[index]]) for index in done)]
        beside.write_text("".join(line + "\n" for line in lines), "ascii")
        beside.replace(self.path)

    def note(self, index: int, number: int) -> None:
        """Note a block, which is written."""
        with self.path.open("a", encoding="ascii") as file:
            file.write(json.dumps([index, number]) + "\n")

    def end(self) -> None:
        """Remove the file: all is done."""
        self.path.unlink(missing_ok=True)


def check_sum(values: Sequence[Array], before: int = 0) -> int:
    """A number that tells values from others."""
    for own in values:
        before = zlib.crc32(as_bytes(own), before)
    return before


def as_bytes(array: Array) -> memoryview:
    """The bytes of an array, without a copy of one in C order."""
    return np.ascontiguousarray(array).view(np.uint8).reshape(-1).data


def changed_by(home: Home) -> set[Path]:
    """The files and folders that a run changes which writes there."""
    journal = journal_path(home)
    folder = journal.parent.resolve()
    return {home.real_path, folder / journal.name, folder / f"{journal.name}.part"}


def journal_path(home: Home) -> Path:
    """The path of a result's journal, beside the file."""
    name = home.name.strip("/").replace("/", "_")
    return home.path.with_name(f".{home.path.name}{'.' if name else ''}{name}.xcorr-stream")


def fingerprint(prepared: Any, images: Any, outs: Sequence[Any], blocks: Sequence[Any]) -> str:
    """What a stream is of: kernels and keywords, both sides, and how it is cut.

    Pixels are told by their files, and by where in one these lie. Results are told by the check sums of blocks.
    """
    digest, home = hashlib.sha256(), home_of(images)
    for name, value in sorted(prepared.__getstate__().items()):
        is_array = isinstance(value, np.ndarray)
        for part in (name, *((value.dtype.str, value.shape) if is_array else (repr(value),))):
            digest.update(repr(part).encode())
        if is_array:
            digest.update(as_bytes(value))
    level = _dispatch.current().name
    sides = [(tuple(one.shape), np.dtype(one.dtype).str) for one in (images, *outs)]
    changed: set[Path] = set().union(*(changed_by(own) for own in map(home_of, outs) if own is not None))
    source = None
    if home is not None:
        source = str(home.path.resolve()), home.name, view_of(images), home.state(changed)
    told = (installed_version(), level, sides, source, list(blocks))
    digest.update(repr(told).encode())
    return digest.hexdigest()
