"""Responses to a zarr image as a zarr image, block by block, gone on with by the journal of its stream.

The array is made in the job's folder and gets its name when it is whole. Neither images nor responses are digested,
which could take hours: whether files are as they were is told by their sizes and times.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from xcorr._cli.apply_job import ApplyRun
from xcorr._cli.files import put
from xcorr._cli.folder import Folder, NotOurs
from xcorr._cli.images import ImageError, library_for
from xcorr._cli.job import Conflict, JobError, Summary, differences, is_same
from xcorr._cli.journal import Entry
from xcorr._cli.respond import Responder
from xcorr._cli.views import Source, needs_whole, reduced_error
from xcorr._cli.zarr_chunks import Chunks
from xcorr._cli.zarr_folder import MOST_LEVELS, state_in, state_of
from xcorr._cli.zarr_images import Planes, ZarrImage, open_zarr
from xcorr._cli.zarr_results import Laid, Results, attributes_of, chunks_that_fit, results_for
from xcorr._pieces import Pieces
from xcorr._pieces_found import pieces_of
from xcorr._stream import stream

__all__ = ["Prepared", "ZarrRun", "prepare"]

PART, OLD = "part", "old"
"""Names in the job's folder of what is not whole yet, and of a folder that is replaced."""

STREAMED = (f".{PART}.xcorr-stream", f".{PART}.xcorr-stream.part")
"""Names there of the stream's journal."""

SHARE = 2
"""The part of the bytes that blocks may take, one in so many: beside them are chunks that are decoded and encoded."""

MOST_BLOCKS = 1 << 22
"""Blocks that are counted: of more of them the list alone would be large."""

ONE_LEVEL = "responses are made in its full resolution, no lower ones of them"


@dataclass(frozen=True)
class Prepared:
    """A zarr image and a bank, and how the responses are laid out."""

    image: ZarrImage
    source: Source
    pieces: Pieces
    results: Results
    dtype: np.dtype[Any]
    attributes: dict[str, Any]

    @property
    def inner(self) -> str:
        """The path of the array of responses in its group, "" where it is in none."""
        return "" if self.image.ome is None else "0"


class StreamSource:
    """A source with chunks."""

    def __init__(self, source: Source, chunks: tuple[int, ...]) -> None:
        self.source, self.shape, self.dtype, self.chunks = source, source.shape, source.dtype, chunks

    def __getitem__(self, place: tuple[slice, ...]) -> Any:
        return self.source[place]


def prepare(image: ZarrImage, responder: Responder) -> Prepared:
    """Return what a job needs to know of an image and a bank before a pixel is read.

    ImageError, TypeError, ValueError, OverflowError or MemoryError if they do not go together.
    """
    is_apart = responder.bank.ndim < 4 and responder.channels == "each"
    roles = image.roles.apart() if is_apart else image.roles
    source = Source(Planes(image.array, roles), responder)
    dtype = np.dtype(image.array.dtype)
    if needs_whole(responder, dtype):
        raise ImageError(f"--scale: got {responder.scale!r}; allowed for zarr is 'unit'")
    pieces = pieces_of(source.correlator, source.shape, source.dtype)
    results = results_for(image, roles, pieces)
    told = attributes_of(image, roles, results, pieces, "0")
    own = responder.words(dtype)[1] or pieces.results[0].dtype
    return Prepared(image, source, pieces, results, own, told)


class ZarrRun(ApplyRun):
    """One zarr image of the responses to another."""

    def run(self) -> Summary:
        """Do what is left of the job."""
        begin = time.perf_counter()
        file = self.job.files[0]
        try:
            with reasons(), open_zarr(file.path, self.job.layout, self.job.most_bytes) as image:
                is_before = self.make(prepare(image, self.job.responder))
                notes = [ONE_LEVEL] if image.ome is not None else []
        except ImageError as error:
            self.summary.n_failed += 1
            self.watch.failed(file.name, str(error))
            return self.summary
        self.summary.n_before += is_before
        self.summary.n_done += not is_before
        self.summary.note(notes, file.name)
        self.watch.done(file.name, time.perf_counter() - begin, is_before)
        return self.summary

    def make(self, prepared: Prepared) -> bool:
        """Have the responses under their name, and return whether they were there before."""
        job, journal, home, name = self.job, self.journal, self.home, self.job.out.name
        file = job.files[0]
        before = state_of(file.path.resolve())
        same, found = is_same(journal.job, job.parameters), home.kind(name)
        if found not in ("", "link", "folder"):
            raise Conflict(f"{job.out} is a {found}; it cannot be the result")
        entries = [entry for entry in journal.entries if entry["input"] == before] if same else []
        if found and not job.overwrite:
            if not same:
                told = f": {differences(journal.job, job.parameters)}" if journal.job else ""
                raise Conflict(f"{job.out} is there, and not of this job{told}; --overwrite replaces it")
            if found == "link" or not any(entry["sha256"] == state_in(home, name) for entry in entries):
                raise Conflict(f"{job.out} is there, and not of this image as it is; --overwrite replaces it")
        if found == "folder" and any(entry["sha256"] == state_in(home, name) for entry in entries):
            return True
        is_whole = any(entry["sha256"] == state_in(journal.folder, PART) for entry in entries)  # and has no name yet
        self.begin(bool(entries), {"output": name, "input": before, "sha256": ""})
        if not is_whole:
            self.fill(prepared)
        if state_of(file.path.resolve()) != before:
            raise ImageError("it was changed while it was read")
        self.end({"output": name, "input": before, "sha256": ""})
        return False

    def begin(self, goes_on: bool, entry: Entry) -> None:
        """Make the job's folder ready: what is there of the same image stays."""
        journal, folder = self.journal, self.journal.folder
        goes_on = goes_on and folder.kind(PART) == "folder"
        journal.sweep([PART] if goes_on else [])
        for streamed in STREAMED:
            if goes_on:
                folder.check(streamed, "file")
            else:
                folder.remove(streamed)
        journal.write(self.job.parameters, [entry])

    def fill(self, prepared: Prepared) -> None:
        """Write all responses."""
        job = self.job
        source = StreamSource(prepared.source, prepared.source.view.chunks)  # type: ignore[attr-defined]
        most = max(1, job.most_bytes // SHARE)
        check_count(prepared, most)
        told = 0.0

        def progress(done: int, total: int) -> None:
            nonlocal told
            share = done / max(1, total)
            self.watch.advance(share - told, round(prepared.pieces.n_images * (share - told)))
            told = share

        try:
            chunks, of_stream = chunks_that_fit(
                prepared.image, prepared.results, prepared.pieces, source, prepared.dtype, most
            )
            with self.opened(prepared, chunks) as array:
                sink = Laid(array, prepared.results, prepared.pieces, painter(job.responder, prepared), of_stream)
                words: dict[str, Any] = {"workers": job.responder.workers, "max_bytes": most, "progress": progress}
                stream(prepared.source.correlator, source, sink, **words)
        except (TypeError, ValueError, OverflowError, MemoryError) as error:
            raise reduced_error(error, job.most_bytes, (1, SHARE), 0) from error
        self.summary.n_images += prepared.pieces.n_images

    @contextlib.contextmanager
    def opened(self, prepared: Prepared, chunks: tuple[int, ...]) -> Iterator[Any]:
        """Open the array for writing, made unless the same one is there."""
        folder = self.journal.folder
        found = False
        with contextlib.suppress(FileNotFoundError, NotOurs), folder.inner(PART) as inner:
            found = is_there(inner, prepared, chunks)
        if not found:
            for name in (PART, *STREAMED):
                folder.remove(name)
        with folder.inner(PART, make=True) as inner:
            yield made(inner, prepared, chunks) if not found else open_array(inner, prepared, chunks, False)

    def end(self, entry: Entry) -> None:
        """Give the responses their name, when all of them are on the disk."""
        folder, home, name = self.journal.folder, self.home, self.job.out.name
        with folder.inner(PART) as inner:
            sync_all(inner, MOST_LEVELS)
        self.journal.append([{**entry, "sha256": state_in(folder, PART)}], lasting=True)
        if home.kind(name):  # a folder takes no other's name
            home.rename(name, folder, OLD)
        put(folder, PART, home, name)
        folder.remove(OLD)
        self.journal.write(self.job.parameters, self.journal.entries[-1:])


@contextlib.contextmanager
def reasons() -> Iterator[None]:
    """Make one kind of what zarr and a call raise over an image."""
    try:
        yield
    except (ImageError, Conflict, JobError, OSError):
        raise
    except (TypeError, ValueError, OverflowError, MemoryError, LookupError, RuntimeError) as error:
        raise ImageError(str(error) or type(error).__name__) from error


def painter(responder: Responder, prepared: Prepared) -> Any:
    """Return what makes numbers of the result's type of responses; None where they are."""
    is_painted = responder.words(np.dtype(prepared.image.array.dtype))[1] is not None
    return (lambda part: responder.painted(part, prepared.dtype)) if is_painted else None


def check_count(prepared: Prepared, most_bytes: int) -> None:
    """`ImageError` for images that would be cut into more blocks than can be counted: a header says what it likes."""
    n_bytes = int(np.prod(prepared.source.shape, dtype=object)) * prepared.source.dtype.itemsize
    n_bytes += sum(int(np.prod(own.shape, dtype=object)) * own.dtype.itemsize for own in prepared.pieces.results)
    if n_bytes // most_bytes > MOST_BLOCKS:
        raise ImageError(
            f"images and responses of {n_bytes:,} bytes; allowed with --most-bytes {most_bytes * SHARE:,} are "
            f"{most_bytes * MOST_BLOCKS:,}"
        )


# --- the array --------------------------------------------------------------------------------------------------------


def made(folder: Folder, prepared: Prepared, chunks: tuple[int, ...]) -> Any:
    """Make the array of responses in an empty folder."""
    with library_for("writing zarr", "zarr"):
        import zarr

        from xcorr._cli.zarr_store import FolderStore
    store, own = FolderStore(folder, file_bytes(prepared, chunks)), prepared.image.array.metadata.zarr_format
    words: dict[str, Any] = {"zarr_format": own}
    if own == 3:
        words["dimension_names"] = prepared.results.names
    if prepared.image.ome is not None:
        zarr.create_group(store, zarr_format=own, attributes=prepared.attributes)
        words |= {
            "name": prepared.inner,
            "chunk_key_encoding": {"name": "v2" if own == 2 else "default", "separator": "/"},
        }
    elif prepared.attributes:
        words["attributes"] = prepared.attributes
    return zarr.create_array(store, shape=prepared.results.shape, chunks=chunks, dtype=prepared.dtype, **words)


def open_array(folder: Folder, prepared: Prepared, chunks: tuple[int, ...], read_only: bool) -> Any:
    """Open the array of responses in a folder."""
    import zarr

    from xcorr._cli.zarr_store import FolderStore

    store = FolderStore(folder, file_bytes(prepared, chunks), read_only)
    return zarr.open_array(store, path=prepared.inner, mode="r" if read_only else "r+")


def file_bytes(prepared: Prepared, chunks: tuple[int, ...]) -> int:
    """Return how many bytes a chunk's file may have."""
    return 2 * int(np.prod(chunks, dtype=object)) * prepared.dtype.itemsize + (1 << 20)


def is_there(folder: Folder, prepared: Prepared, chunks: tuple[int, ...]) -> bool:
    """Whether a folder has the array of such responses."""
    try:
        array = open_array(folder, prepared, chunks, True)
        Chunks(array, file_bytes(prepared, chunks))
    except Exception:  # whatever is wrong with it, it is made anew
        return False
    told = array.metadata.zarr_format, array.shape, array.chunks, np.dtype(array.dtype)
    wanted = prepared.image.array.metadata.zarr_format, prepared.results.shape, chunks, prepared.dtype
    return bool(told == wanted)


# --- files ------------------------------------------------------------------------------------------------------------


def sync_all(folder: Folder, n_levels: int) -> None:
    """Have all files of a folder on the disk."""
    for name in folder.names():
        if folder.kind(name) == "folder" and n_levels:
            with folder.inner(name) as inner:
                sync_all(inner, n_levels - 1)
        else:
            folder.sync(name)
    folder.sync()
