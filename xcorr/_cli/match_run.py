"""One table of the matches in all image files, and beside it score maps and pictures, a file for each image file.

Lines are kept in a file of the job's own as they come, and noted in its journal with their digests. The table is made
of them when all files are done, so its name always stands for a whole one, and a run that comes after one that was
killed takes the lines that are there already: of files, templates and options that are the same.
"""

from __future__ import annotations

import contextlib
import hashlib
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from xcorr._cli.files import copy_between, digest_between, digest_in, put, whole_digest, whole_file
from xcorr._cli.find import ImageFile
from xcorr._cli.folder import Folder, NotOurs
from xcorr._cli.images import ImageError, Images, open_images
from xcorr._cli.job import Conflict, Content, JobError, Run, Summary, check_same, content_of, differences, is_same
from xcorr._cli.journal import Entry
from xcorr._cli.marked import Marked
from xcorr._cli.match_job import MatchJob
from xcorr._cli.pixels import DROPPED
from xcorr._cli.search import Part
from xcorr._cli.shelf import Shelf, is_caseless, refuse_collisions, refuse_strangers
from xcorr._cli.table import header, lines_of

__all__ = ["MatchRun"]

LINES, TABLE = "part", "part1"
"""Names in the job's folder of lines as they come, and of the table that is made of them."""

UNSEEN = "transparency is left out; --alpha mask leaves out what lies under it"


class MatchRun(Run):
    """One table of the matches in all image files, with score maps and pictures where they are asked for."""

    job: MatchJob
    lines: BinaryIO
    table: BinaryIO | None = None
    maps: Shelf | None = None
    drawings: Shelf | None = None
    end = 0  # of the lines that count

    def run(self) -> Summary:
        """Do what is left of the job."""
        job, journal = self.job, self.journal
        same = is_same(journal.job, job.parameters)
        with contextlib.ExitStack() as stack:
            if same:
                with contextlib.suppress(FileNotFoundError, NotOurs):
                    self.table = stack.enter_context(self.home.read(job.out.name))
            self.refuse_table(same)
            self.maps = shelf_for(job.maps, self.map_names, stack)
            self.drawings = shelf_for(job.drawings, lambda name: [f"{name}.png"], stack)
            self.refuse_shelves(set(journal.of_output) if same else set())
            journal.sweep([LINES] if same else [])
            journal.write(job.parameters, journal.entries if same else [])
            self.lines = stack.enter_context(journal.folder.update(LINES))
            self.end = self.lines.seek(0, 2)
            self.finish(self.fill())
        return self.summary

    @property
    def shelves(self) -> list[Shelf]:
        """The folders of what is asked for beside the table."""
        return [shelf for shelf in (self.maps, self.drawings) if shelf is not None]

    def map_names(self, name: str) -> list[str]:
        """Return the names of an image file's score maps: one for each size of templates."""
        groups = self.job.search.groups
        return [f"{name}.npy"] if len(groups) == 1 else [f"{name}.{group.name}.npy" for group in groups]

    def first_line(self) -> bytes:
        """Return what the table begins with."""
        return header(self.job.form, self.job.between_pixels)

    def look(self, file: ImageFile) -> Content:
        """Return what a file's results depend on."""
        return content_of(file)

    # What is in the way.

    def refuse_table(self, same: bool) -> None:
        """`Conflict` if the table's name has what is not of this job, or lines of files that are not asked for now."""
        job = self.job
        found = self.home.kind(job.out.name)
        if found not in ("", "link", "file"):
            raise Conflict(f"{job.out} is a {found}; it cannot be the result")
        if not found or job.overwrite:
            return
        if not same:
            told = f": {differences(self.journal.job, job.parameters)}" if self.journal.job else ""
            raise Conflict(f"{job.out} is there, and not of this job{told}; --overwrite replaces it")
        entries = self.entries_in_table()
        if entries is None:
            raise Conflict(f"{job.out} was changed since it was written; --overwrite replaces it")
        asked = {file.name for file in job.files}
        lost = next((entry["output"] for entry in entries if entry["output"] not in asked), None)
        if lost is not None:
            raise Conflict(f"{job.out} has matches in {lost!r}, which is none of IMAGES; --overwrite replaces it")

    def entries_in_table(self) -> list[Entry] | None:
        """Return the entries whose lines are the table; None if it is none of the journal's."""
        first = self.first_line()
        if self.table is None or self.table.read(len(first)) != first:
            return None
        by_begin: dict[int, list[Entry]] = {}
        for entry in filter(has_lines, self.journal.entries):
            by_begin.setdefault(entry["rows"][0], []).append(entry)
        found: list[Entry] = []
        position, size = len(first), self.table.seek(0, 2)
        while position < size:
            for entry in by_begin.get(position, []):
                begin, end = entry["rows"]
                if end > begin and digest_between(self.table, begin, end) == entry["sha256"]:
                    found.append(entry)
                    position = end
                    break
            else:
                return None
        return found if position == size else None

    def refuse_shelves(self, noted: set[str]) -> None:
        """`Conflict` if names of what is asked for beside the table clash, or have what is not of this job."""
        caseless = is_caseless(self.journal.folder)
        for shelf in self.shelves:
            refuse_collisions(shelf, self.job.files, caseless)
            if not self.job.overwrite:
                refuse_strangers(shelf, self.job.files, noted)

    # The work.

    def fill(self) -> list[Entry]:
        """Have the lines of all files, and return their entries."""
        entries: list[Entry] = []
        for file in self.job.files:
            begin = time.perf_counter()
            try:
                entry, before = self.make(file)
            except ImageError as error:
                self.fail(file, error)
                continue
            entries.append(entry)
            self.summary.n_before += before
            self.summary.n_done += not before
            self.watch.done(file.name, time.perf_counter() - begin, before)
        return entries

    def make(self, file: ImageFile) -> tuple[Entry, bool]:
        """Return the entry of a file, and whether its lines and what is beside them were there before."""
        content = self.look(file)
        noted = [entry for entry in self.journal.of_output.get(file.name, []) if has_lines(entry)]
        found = [shelf.digests(file) for shelf in self.shelves]
        is_beside = all(all(digests) for digests in found)
        for entry in noted:
            if is_beside and (entry["input"], entry.get("beside")) == (content.digest, found):
                there = self.taken(entry)
                if there is not None:
                    return there, True
        if not self.job.overwrite:
            for index, shelf in enumerate(self.shelves):
                known = [entry["beside"][index] for entry in noted if is_like(entry.get("beside"), found)]
                shelf.refuse_changed(file, found[index], known)
        return self.write(file, content), False

    def taken(self, entry: Entry) -> Entry | None:
        """Return the entry for lines that are there, copied from the table if that has them; None if they are not."""
        begin, end = entry["rows"]
        for source in (self.lines, self.table):
            if source is not None and digest_between(source, begin, end) == entry["sha256"]:
                if source is self.lines:
                    return entry
                self.lines.seek(self.end)
                copy_between(source, begin, end, self.lines)
                return self.note({**entry, "rows": [self.end, self.end + end - begin]}, lasting=False)
        return None

    def note(self, entry: Entry, lasting: bool) -> Entry:
        """Note a file's lines, which count from then on."""
        self.lines.flush()
        self.journal.append([entry], lasting)
        self.end = entry["rows"][1]
        return entry

    def write(self, file: ImageFile, content: Content) -> Entry:
        """Look for the templates in a file's images: write lines, maps and pictures, and note them."""
        has_alpha = self.job.alpha == "mask"
        with open_images(file.path, self.job.layout, "drop") as images, contextlib.ExitStack() as results:
            whole = results.enter_context(open_images(file.path, self.job.layout, "keep")) if has_alpha else images
            marked = Marked(self.job.names, images.n_images) if self.drawings else None
            writers = self.map_files(file, images, results)
            total, position = hashlib.sha256(), self.end
            self.lines.seek(position)
            for first, part in self.counted(self.job.search.parts(images, whole), images.n_images):
                text = self.text_of(file, first, part)
                total.update(text)
                position += self.lines.write(text)
                for writer, scores in zip(writers, part.scores, strict=True):
                    writer.add(scores)
                if marked is not None:
                    marked.add(part.images, part.matches)
            beside = [[whole_digest(writer.file) for writer in writers]] if self.maps else []
            notes = [UNSEEN if note == DROPPED else note for note in images.notes if note != DROPPED or not has_alpha]
            if marked is not None:
                opened = self.result(file, self.drawings, 0, results)
                notes += filter(None, [marked.write(opened)])
                beside.append([whole_digest(opened)])
            check_same(file, content)
            entry = {"output": file.name, "input": content.digest, "sha256": total.hexdigest(), "beside": beside}
            self.note({**entry, "rows": [self.end, position]}, lasting=bool(beside))
        self.summary.note(notes, file.name)
        return self.journal.of_output[file.name][-1]

    def counted(self, parts: Iterator[Part], n_images: int) -> Iterator[tuple[int, Part]]:
        """Give parts with the number of their first image, and tell how far they are."""
        first = 0
        for part in parts:
            yield first, part
            self.count(len(part.images), n_images)
            first += len(part.images)

    def text_of(self, file: ImageFile, first: int, part: Part) -> bytes:
        """Return the lines of a part."""
        job = self.job
        return lines_of(job.form, file.name, first, part.matches, job.names, job.between_pixels)

    # What is beside the table.

    def result(self, file: ImageFile, shelf: Shelf | None, index: int, stack: contextlib.ExitStack) -> BinaryIO:
        """Open a result of a file, which gets its name when the stack is left without an exception."""
        assert shelf is not None
        folder = stack.enter_context(shelf.folder_of(file, make=True))
        return stack.enter_context(whole_file(folder, shelf.names(file)[index]))

    def map_files(self, file: ImageFile, images: Images, stack: contextlib.ExitStack) -> list[MapWriter]:
        """Open the files of the score maps, if they are asked for."""
        if self.maps is None:
            return []
        n_files = len(self.job.search.groups)
        return [MapWriter(self.result(file, self.maps, index, stack), images) for index in range(n_files)]

    # The end.

    def finish(self, entries: Sequence[Entry]) -> None:
        """Make the table, and give it its name unless it has it already."""
        folder, job = self.journal.folder, self.job
        if not entries:
            raise JobError("no image file could be read")
        final = []
        with folder.create(TABLE) as table:
            position = table.write(self.first_line())
            for entry in entries:
                begin, end = entry["rows"]
                copy_between(self.lines, begin, end, table)
                final.append({**entry, "rows": [position, position + end - begin]})
                position += end - begin
        names = {entry["output"] for entry in entries}
        others = [entry for entry in self.journal.entries if entry["output"] not in names]
        self.journal.append(final, lasting=True)  # before the table has its name, or the next run would not know it
        if digest_in(folder, TABLE) == digest_in(self.home, job.out.name):
            folder.unlink(TABLE)
        else:
            if self.table is not None:  # Windows gives no name to another file while one is open
                self.table.close()
            put(folder, TABLE, self.home, job.out.name)
        self.journal.write(job.parameters, [*others, *final])
        self.lines.close()
        folder.unlink(LINES)


class MapWriter:
    """A ``.npy`` file of the score maps of a file's images, whose header is known from the first ones."""

    def __init__(self, file: BinaryIO, images: Images) -> None:
        self.file, self.images, self.has_header = file, images, False

    def add(self, scores: Any) -> None:
        """Write the maps (n, rows, columns, K) of images that follow."""
        if not self.has_header:
            shape = (self.images.n_images, *scores.shape[1:]) if self.images.has_batch else scores.shape[1:]
            descr = np.lib.format.dtype_to_descr(scores.dtype)
            np.lib.format.write_array_header_1_0(self.file, {"descr": descr, "fortran_order": False, "shape": shape})
            self.has_header = True
        self.file.write(np.ascontiguousarray(scores).data)


def shelf_for(out: Path | None, naming: Any, stack: contextlib.ExitStack) -> Shelf | None:
    """Open a folder for results of image files, made if it is absent; None if none is asked for."""
    if out is None:
        return None
    try:
        out.mkdir(parents=True, exist_ok=True)
        return Shelf(stack.enter_context(Folder.named(out)), out, naming)
    except OSError as error:
        raise JobError(f"cannot write {out}: {error.strerror or error}") from error


def has_lines(entry: Entry) -> bool:
    """Whether an entry has a place of lines: a journal may be anybody's."""
    begin, end = entry.get("rows", [0, -1])
    return bool(0 <= begin <= end)


def is_like(noted: Any, found: Sequence[Sequence[str]]) -> bool:
    """Whether digests in an entry are as many as those that were found: a journal may be anybody's."""
    return isinstance(noted, list) and [len(one) if isinstance(one, list) else -1 for one in noted] == [
        *map(len, found)
    ]
