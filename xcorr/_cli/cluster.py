"""Responses to a zarr image by a cluster of dask: each task writes whole chunks, which are none of another one's.

Paths lead to the same folders on all machines. Needs dask and distributed where something is done.
"""

from __future__ import annotations

import contextlib
import hashlib
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from xcorr._cli.folder import Folder
from xcorr._cli.images import ImageError, library_for
from xcorr._cli.job import JobError
from xcorr._cli.pixels import Array
from xcorr._cli.respond import Responder
from xcorr._cli.zarr_images import open_zarr
from xcorr._cli.zarr_results import CHUNK_BYTES, Laid
from xcorr._cli.zarr_run import PART, STREAMED, Prepared, ZarrRun, open_array, painter, prepare
from xcorr._info import info
from xcorr._stream_ends import Journal, check_sum

__all__ = ["ClusterRun", "Written", "common_length"]

SECONDS = 10
"""Seconds in which a scheduler has to answer, and a worker to be there."""

TASK_BYTES = 1 << 26
"""Bytes of pixels and responses of a task, unless those of one chunk are more; not tuned."""

LEAST_LENGTH = 32
"""The shortest chunks that tasks with ends of their own may ask for: else their responses are cut anew."""

AT_ONCE = 1 << 12
"""Tasks that a scheduler is given at once."""


@dataclass
class Remote:
    """A zarr image and a bank, opened in each process that needs them: what dask takes for an array."""

    path: str
    layout: str | None
    responder: Responder
    most_bytes: int
    opened: Any = None

    def prepared(self) -> Prepared:
        """Return the image and the bank."""
        if self.opened is None:
            stack = contextlib.ExitStack()
            image = stack.enter_context(open_zarr(Path(self.path), self.layout, self.most_bytes))
            self.opened = prepare(image, self.responder), stack
        prepared: Prepared = self.opened[0]
        return prepared

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of the images."""
        return self.prepared().source.shape

    @property
    def ndim(self) -> int:
        """How many axes they have."""
        return len(self.shape)

    @property
    def dtype(self) -> np.dtype[Any]:
        """The type of the images."""
        return self.prepared().source.dtype

    def __getitem__(self, place: Any) -> Array:
        own = tuple(slice(*part.indices(length)[:2]) for part, length in zip(place, self.shape, strict=True))
        return self.prepared().source[own]

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "opened": None}


@dataclass
class Written:
    """The array that responses go to, opened in each process that writes."""

    folder: str
    remote: Remote
    chunks: tuple[int, ...]
    opened: Any = None

    def laid(self) -> Laid:
        """Return what takes slices."""
        if self.opened is None:
            prepared = self.remote.prepared()
            stack = contextlib.ExitStack()
            folder = stack.enter_context(Folder.named(Path(self.folder)))
            array = open_array(folder, prepared, self.chunks, False)
            paint = painter(self.remote.responder, prepared)
            self.opened = Laid(array, prepared.results, prepared.pieces, paint, None), stack
        laid: Laid = self.opened[0]
        return laid

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "opened": None}


def write(target: Written, place: tuple[slice, ...], values: Array) -> int:
    """Write a block of responses, and return its check sum."""
    target.laid()[place] = values
    return check_sum([values])


def level_here() -> tuple[str, str]:
    """Return the version and the level of a process."""
    return str(info()["version"]), str(info()["level"])


class ClusterRun(ZarrRun):
    """The same as `ZarrRun`, by the workers of a scheduler."""

    def fill(self, prepared: Prepared) -> None:
        """Have all responses written."""
        with library_for("a cluster", "cluster"):
            import dask.array  # noqa: F401
            import distributed  # noqa: F401
        with connected(str(self.job.scheduler)) as client:
            self.write_all(prepared, client)
        self.summary.n_images += prepared.pieces.n_images

    def write_all(self, prepared: Prepared, client: Any) -> None:
        """Have the blocks written that are not there."""
        job = self.job
        path = str(job.files[0].path.resolve())
        remote = Remote(path, job.layout, job.responder, job.most_bytes)
        responses, chunks = graph_of(prepared, remote)
        with self.opened(prepared, chunks):
            pass
        target = Written(str(self.journal.folder.path.resolve() / PART), remote, chunks)
        told = hashlib.sha256(repr(("cluster", chunks, responses.chunks)).encode()).hexdigest()
        journal = Journal(self.journal.folder.path / STREAMED[0], told)
        places = list(places_of(responses.chunks))
        done = (
            []
            if target.laid().paint
            else [index for index in journal.sums if is_written(target, places, journal, index)]
        )
        journal.begin(done)
        n_values = math.prod(responses.shape) or 1
        self.advance(sum(size_of(places[index]) for index in done) / n_values)
        left = sorted(set(range(len(places))) - set(done))
        blocks = responses.to_delayed().ravel()
        for index, number in computed(client, target, blocks, places, left):
            journal.note(index, number)
            self.advance(size_of(places[index]) / n_values)
        journal.end()

    def advance(self, share: float) -> None:
        """Tell that a share of the responses is done."""
        self.watch.advance(share, 0)


@contextlib.contextmanager
def connected(address: str) -> Iterator[Any]:
    """Connect with a scheduler that has workers; `JobError` if there is none, or its workers would give other bits."""
    import distributed

    connect: Any = distributed.Client
    try:
        client = connect(address, timeout=SECONDS, set_as_default=False)
    except (OSError, ValueError, TimeoutError) as error:
        raise JobError(f"--scheduler: no scheduler of dask answers at {address!r} within {SECONDS} s") from error
    with client:
        try:
            client.wait_for_workers(1, timeout=SECONDS)
        except TimeoutError as error:
            raise JobError(f"--scheduler: {address!r} has no workers within {SECONDS} s") from error
        levels = set(client.run(level_here).values())
        if levels != {level_here()}:
            told = " and ".join(f"{version} at level {level}" for version, level in sorted({*levels, level_here()}))
            raise JobError(f"--scheduler: xcorr is {told} here and there, which gives other bits; allowed is one")
        yield client


def graph_of(prepared: Prepared, remote: Remote) -> tuple[Any, tuple[int, ...]]:
    """Return responses as a dask array, and the chunks of their array, of which each block has whole ones."""
    import xcorr.dask
    from xcorr.dask import module

    source, results, pieces = prepared.source, prepared.results, prepared.pieces
    lengths = lengths_of(prepared)
    images = module().from_array(
        remote,
        chunks=(results.together, *lengths, *source.shape[3:]),
        name=False,
        asarray=False,
        meta=np.empty((0,) * len(source.shape), source.dtype),
    )
    responses = xcorr.dask.apply(source.correlator, images)
    of_array, own = prepared.image.array.chunks, []
    for number, axis in enumerate((prepared.image.roles.row, prepared.image.roles.column), 1):
        wanted = max(1, min(-(-of_array[axis] // pieces.axes_cut[number - 1].stride), responses.shape[number]))
        found = common_length(responses.chunks[number], wanted)
        if found < min(LEAST_LENGTH, wanted):
            whole = wanted * max(1, max(responses.chunks[number]) // wanted)
            responses, found = responses.rechunk({number: whole}), wanted
        own.append(found)
    plane = own[0] * own[1] * results.together * prepared.dtype.itemsize
    return responses, results.chunks(own[0], own[1], min(results.sizes[2], max(1, CHUNK_BYTES // plane)))


def lengths_of(prepared: Prepared) -> list[int]:
    """Return rows and columns of the pixels of a task: whole chunks of the image, as many as have room."""
    view: Any = prepared.source.view
    item_bytes = prepared.source.dtype.itemsize + prepared.results.sizes[2] * prepared.pieces.response.itemsize
    room = TASK_BYTES // max(1, item_bytes * prepared.results.together * math.prod(prepared.source.shape[3:]))
    rows, columns = view.chunks[1:3]
    across = max(1, min(math.isqrt(room), prepared.source.shape[2]) // columns) * columns
    down = max(1, room // across // rows) * rows
    return [min(down, prepared.source.shape[1]), min(across, prepared.source.shape[2])]


def common_length(lengths: Sequence[int], wanted: int) -> int:
    """Return the largest length of chunks, up to the one that is wanted, of which blocks of some lengths are made.

    >>> common_length((60, 60, 58), 20), common_length((60, 60, 58), 25), common_length((58,), 20)
    (20, 20, 20)
    """
    common = math.gcd(*(int(end) for end in np.cumsum(lengths)[:-1]))
    if not common:
        return wanted
    return max(length for length in range(1, min(wanted, common) + 1) if common % length == 0)


def places_of(chunks: Sequence[Sequence[int]]) -> Iterator[tuple[slice, ...]]:
    """Give the place of each block, in the order of their numbers."""
    ends = [np.cumsum((0, *lengths)).tolist() for lengths in chunks]
    for index in np.ndindex(*(len(lengths) for lengths in chunks)):
        yield tuple(slice(own[number], own[number + 1]) for own, number in zip(ends, index, strict=True))


def size_of(place: tuple[slice, ...]) -> int:
    """Return how many responses a block has."""
    return math.prod(own.stop - own.start for own in place)


def is_written(target: Written, places: Sequence[tuple[slice, ...]], journal: Journal, index: int) -> bool:
    """Whether a block that a journal notes is there."""
    if not 0 <= index < len(places):
        return False
    try:
        return check_sum([target.laid()[places[index]]]) == journal.sums[index]
    except Exception:  # a chunk that a killed run left half
        return False


def computed(
    client: Any, target: Written, blocks: Any, places: Sequence[tuple[slice, ...]], left: Sequence[int]
) -> Iterator[tuple[int, int]]:
    """Have blocks computed and written; give their numbers and check sums as they are done."""
    from dask.delayed import delayed
    from distributed import as_completed

    finished: Any = as_completed
    put, shared = delayed(write, pure=False), delayed(target, traverse=False)
    for first in range(0, len(left), AT_ONCE):
        some = left[first : first + AT_ONCE]
        futures = client.compute([put(shared, places[index], blocks[index]) for index in some])
        numbers = {future.key: index for future, index in zip(futures, some, strict=True)}
        try:
            for future in finished(futures, loop=client.loop):
                if future.status != "finished":
                    raise ImageError(f"a worker failed: {future.exception()}")
                yield numbers[future.key], int(future.result())
        finally:
            client.cancel(futures)
