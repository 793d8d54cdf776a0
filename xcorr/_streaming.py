"""The work of a stream: blocks are read, computed and written at the same time, each by a thread of its own."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from itertools import product
from math import prod
from queue import Empty, SimpleQueue
from threading import Event, Semaphore, Thread
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from xcorr import _dispatch
from xcorr._arrays import some_images
from xcorr._blocks import Block, Cut, keeps
from xcorr._keeper import Keeper
from xcorr._looks import any_faint, largest_tap
from xcorr._pieces import Pieces, Result
from xcorr._reads import gathered
from xcorr._stream_ends import Journal, check_sum, fingerprint, home_of, journal_path, read, write

Array = npt.NDArray[Any]
Progress = Callable[[int, int], object]

LOOK = 0.05
"""Seconds between two looks of a thread that waits for another one."""

SCANNED = 2**22
"""Bytes of an image that are looked through at once for subnormal pixels."""

PATIENCE = 0.1
"""Seconds that a reader is waited for when a signal came: a slow one ends by itself."""


class Loaded(NamedTuple):
    """A block with its pixels; `largest` has the largest magnitude of each image that has subnormal ones, else None."""

    entry: int
    block: Block
    pixels: Array
    largest: list[float | None]


class Stream:
    """One stream: a thread that reads, the caller's that computes, and one that writes.

    An entry of the work is what is written at once: a block, or all of an image whose responses are reduced.

    Parameters
    ----------
    owns : whether whole images respond into the results: arrays that nobody sees before all is there.
    prepared : what a journal is of; without it there is none, and errors name no blocks.
    """

    def __init__(
        self,
        pieces: Pieces,
        images: Any,
        outs: list[Any],
        way: Cut,
        workers: Any,
        tell: Progress | None = None,
        owns: bool = True,
        prepared: Any = None,
    ) -> None:
        self.pieces, self.images, self.dtype, self.outs = pieces, images, np.dtype(images.dtype), outs
        self.workers, self.tell, self.owns = workers, tell, owns
        self.entries: list[list[Block]] = []
        for block in way.blocks:
            if keeps(pieces) and block.area is not None and self.entries and self.entries[-1][0].first == block.first:
                self.entries[-1].append(block)
            else:
                self.entries.append([block])
        self.total = prod(pieces.shape) * self.dtype.itemsize
        self.shares = np.array([share_of(pieces, blocks) for blocks in self.entries]) if self.entries else np.zeros(0)
        self.stopped, self.errors = Event(), SimpleQueue[BaseException]()
        self.loaded, self.values = SimpleQueue[Loaded | None](), SimpleQueue[Any]()
        self.room, self.block_bytes = Semaphore(way.at_once), way.block_bytes
        self.written = 0.0
        self.prepared, self.journal = prepared, self.begin_journal(prepared, way)

    # --- the journal --------------------------------------------------------------------------------------------------

    def begin_journal(self, prepared: Any, way: Cut) -> Journal | None:
        """The journal of results that live in files; what is done already is left out of the work."""
        self.todo = list(range(len(self.entries)))
        homes = [home_of(out) for out in self.outs] if prepared is not None else []
        if not self.todo or not homes or any(home is None for home in homes) or homes[0] is None:
            return None
        journal = Journal(journal_path(homes[0]), fingerprint(prepared, self.images, self.outs, way.blocks))
        done = [index for index in self.todo if journal.sums.get(index, -1) == self.sum_of(index, journal)]
        self.written = float(self.shares[done].sum())
        self.todo = [index for index in self.todo if index not in set(done)]
        try:
            journal.begin(done)
        except OSError:
            return None  # the folder takes no more files
        return journal

    def sum_of(self, index: int, journal: Journal) -> int | None:
        """The check sum of what a result holds for an entry that the journal has."""
        if index not in journal.sums:
            return None
        return check_sum([np.asarray(out[place]) for out, place in zip(self.outs, self.places(index), strict=True)])

    def places(self, index: int) -> list[tuple[slice, ...]]:
        """The places of an entry's results."""
        block = self.entries[index][0]
        area = None if keeps(self.pieces) else block.area
        return [place_of(result, block, area) for result in self.pieces.results]

    # --- the threads --------------------------------------------------------------------------------------------------

    def run(self) -> None:
        """All blocks."""
        reader = Thread(target=self.guard, args=(self.read_all,), daemon=True)
        writer = Thread(target=self.guard, args=(self.write_all,), daemon=True)
        self.show()
        reader.start()
        writer.start()
        try:
            self.compute_all()
            self.values.put(None)
            self.wait_for(writer)
        except Exception:
            self.values.put(None)  # what is computed is written
            self.wait_for(writer, raises=False)
            self.stop()
            reader.join()
            raise
        finally:
            self.stop()
            writer.join()
            reader.join(PATIENCE)
        if self.journal is not None:
            for out in self.outs:
                if isinstance(out, np.memmap):
                    out.flush()
            self.journal.end()
        self.show()

    def stop(self) -> None:
        """Have both threads end after what they are at."""
        self.stopped.set()
        self.room.release()
        self.values.put(None)

    def guard(self, work: Callable[[], None]) -> None:
        """A thread's work; what it raises is raised by the caller's."""
        try:
            work()
        except BaseException as error:
            self.errors.put(error)
            self.stop()

    def check(self) -> None:
        """Raises what another thread did."""
        with contextlib.suppress(Empty):
            raise self.errors.get_nowait()

    def wait_for(self, thread: Thread, raises: bool = True) -> None:
        """Wait until a thread has done its work."""
        while thread.is_alive() and not (self.stopped.is_set() and not raises):
            thread.join(LOOK)
            if raises:
                self.show()
        if raises:
            self.check()

    def show(self) -> None:
        """Tell how far all is."""
        done = self.total if self.written > 1 - 1e-9 or not self.entries else int(self.written * self.total)
        if self.tell is not None:
            self.tell(done, self.total)

    def read_all(self) -> None:
        """The reader: pixels of one block after the other, as long as there is room."""
        scanned: tuple[int, list[float | None]] = (-1, [])
        for entry in self.todo:
            for block in self.entries[entry]:
                while not self.room.acquire(timeout=LOOK):
                    if self.stopped.is_set():
                        return
                if self.stopped.is_set():
                    return
                if block.area is not None and self.pieces.looks()[0] and scanned[0] != block.first:
                    scanned = block.first, [self.scanned(index) for index in range(block.first, block.end)]
                largest = scanned[1] if block.area is not None else []
                self.loaded.put(Loaded(entry, block, self.pixels_of(block), largest))
        self.loaded.put(None)

    def pixels_of(self, block: Block) -> Array:
        """The pixels of a block."""
        pieces, place = self.pieces, [slice(0, length) for length in self.pieces.shape]
        if pieces.images_axis >= 0:
            place[pieces.images_axis] = slice(block.first, block.end)
        if block.area is None:
            return read(self.images, tuple(place), self.dtype)

        def read_part(slices: tuple[slice, ...]) -> Array:
            own = list(place)
            for axis, part in zip(pieces.axes, slices, strict=True):
                if axis >= 0:
                    own[axis] = part
            return read(self.images, tuple(own), self.dtype)

        return gathered(read_part, pieces.reads(block.area), pieces.axes)

    def scanned(self, image: int) -> float | None:
        """The largest magnitude of an image with a subnormal pixel, of which bits depend; None where there is none."""
        pieces, table = self.pieces, _dispatch.current().table
        _, of_doubles = pieces.looks()
        largest, faint = 0.0, False
        axes = [axis for axis in pieces.axes if axis >= 0]
        place = [slice(0, length) for length in pieces.shape]
        if pieces.images_axis >= 0:
            place[pieces.images_axis] = slice(image, image + 1)
        room = min(SCANNED, self.block_bytes) * prod(pieces.shape[axis] for axis in axes)
        room = room * pieces.n_images // self.total  # pixels with all of their channels
        steps = {}
        for axis in reversed(axes):
            steps[axis] = max(1, min(pieces.shape[axis], room))
            room //= steps[axis]
        for firsts in product(*(range(0, pieces.shape[axis], steps[axis]) for axis in axes)):
            for axis, first in zip(axes, firsts, strict=True):
                place[axis] = slice(first, min(first + steps[axis], pieces.shape[axis]))
            pixels = pieces.summed(read(self.images, tuple(place), self.dtype), place)
            faint = faint or any_faint(pixels, table, 1, 8 if of_doubles else 4)
            if faint and not of_doubles:
                return 0.0
            if of_doubles:
                largest = float(np.maximum(largest, largest_tap(pixels)))
            if self.stopped.is_set():
                break
        return largest if faint else None

    def compute_all(self) -> None:
        """The caller's part: blocks in their order, as they are read."""
        keeper: Keeper | None = None
        while True:
            loaded = self.next_loaded()
            if loaded is None:
                return
            entry, block, pixels, largest = loaded
            values: list[Array] | None
            del loaded
            try:
                if block.area is None:
                    values = self.whole(entry, block, pixels)
                else:
                    if keeps(self.pieces) and keeper is None:
                        keeper = Keeper(self.pieces, block.end - block.first)
                    values = self.of_part(block, pixels, largest, keeper)
                    if block is self.entries[entry][-1] and keeper is not None:
                        values, keeper = keeper.results(), None
            except OverflowError as error:
                if self.prepared is None:
                    raise
                own = told(block, self.pieces.words)
                raise OverflowError(f"{error}; blocks before that of {own} are written") from None
            del pixels
            self.check()
            self.values.put((entry, values))
            del values
            self.show()

    def next_loaded(self) -> Loaded | None:
        """The next block, or None after the last one."""
        while True:
            self.check()
            with contextlib.suppress(Empty):
                return self.loaded.get(timeout=LOOK)

    def whole(self, entry: int, block: Block, pixels: Array) -> list[Array]:
        """What whole images give; where it belongs if these are arrays of the stream's own."""
        targets = None
        if self.owns:
            both = zip(self.outs, self.places(entry), strict=True)
            targets = [out[(*place, ...)] for out, place in both]  # views, of results without axes too
        return self.pieces.respond_images(pixels, block.first, self.workers, targets)

    def of_part(
        self, block: Block, pixels: Array, largest: list[float | None], keeper: Keeper | None
    ) -> list[Array] | None:
        """What the responses of a part are written as; None where they are kept."""
        pieces, area = self.pieces, block.area
        assert area is not None
        if all(own is None for own in largest):
            responses = pieces.respond(pixels, area, self.workers, None, block.first)
        else:
            alone = [some_images(pixels, pieces.images_axis, index, index + 1) for index in range(len(largest))]
            each = zip(alone, largest, range(block.first, block.end), strict=True)
            responses = np.concatenate(
                [pieces.respond(own, area, self.workers, most, index) for own, most, index in each]
            )
        if keeper is not None:
            keeper.take(responses, area)
            return None
        return pieces.as_results(responses, area)

    def write_all(self) -> None:
        """The writer: values of one block after the other."""
        while True:
            found = self.values.get()
            if found is None or self.stopped.is_set():
                return
            entry, values = found
            if values is not None:
                is_there = self.owns and self.entries[entry][0].area is None
                for index, (out, place) in enumerate(zip(self.outs, self.places(entry), strict=True)):
                    if not is_there:
                        write(out, place, values[index])
                if self.journal is not None:
                    self.journal.note(entry, check_sum(values))
                self.written += float(self.shares[entry])
            del found, values
            self.room.release()


def place_of(result: Result, block: Block, area: Any) -> tuple[slice, ...]:
    """The place of a block's values."""
    place = [slice(0, length) for length in result.shape]
    if result.images >= 0:
        place[result.images] = slice(block.first, block.end)
    for axis, (first, count) in zip(result.axes, area or (), strict=False):
        if axis >= 0:
            place[axis] = slice(first, first + count)
    return tuple(place)


def share_of(pieces: Pieces, blocks: list[Block]) -> float:
    """The share that blocks are of all responses."""
    first, whole = blocks[0], prod(pieces.outputs)
    share = 0.0
    for block in blocks:
        share += block.area[0][1] * block.area[1][1] / whole if block.area is not None else 1.0
    return share * (first.end - first.first) / max(1, pieces.n_images)


def told(block: Block, words: tuple[str, str]) -> str:
    """A block as errors show it; `words` say what its area is of."""
    images = f"images [{block.first}, {block.end})"
    if block.area is None:
        return images
    spans = (f"{word} [{first}, {first + count})" for word, (first, count) in zip(words, block.area, strict=True))
    return ", ".join((images, *spans))
