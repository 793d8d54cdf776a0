"""A folder with a result for each image file.

Every result is written in a folder of the job's own, noted in its journal and then renamed. So a name of a result
always stands for a whole file, and a run that comes after one that was killed leaves alone what is done: it compares
the digests of the image file, of the result and the parameters with the journal's.
"""

from __future__ import annotations

import dataclasses
import hashlib
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from xcorr._cli.apply_job import ApplyJob, ApplyRun
from xcorr._cli.files import digest_in
from xcorr._cli.find import ImageFile
from xcorr._cli.folder import Folder, name_and_folders
from xcorr._cli.images import ImageError, open_images
from xcorr._cli.job import Conflict, Summary, Watch, check_same, content_of, differences, is_same
from xcorr._cli.journal import Entry, Journal
from xcorr._cli.large import write_large
from xcorr._cli.png import pictures_of, write_png
from xcorr._cli.responses import IN_A_BATCH, result_names, write_responses
from xcorr._cli.sheet import write_sheet
from xcorr._cli.shelf import Shelf, is_caseless, refuse_collisions, refuse_strangers

__all__ = ["FilesRun"]

MOST_MADE, SETTLE_SECONDS = 16, 0.5
"""Results that get their names at once, and the time after which those that there are do."""


@dataclass(frozen=True)
class Made:
    """Results that are written or were there before, their entry and the seconds that they took."""

    file: ImageFile
    entry: Entry
    parts: Sequence[str]
    seconds: float


class FilesRun(ApplyRun):
    """A folder with a result for each image file, or one for each kernel.

    Results get their names some at a time: the disk is waited for once for all of them.
    """

    def __init__(self, job: ApplyJob, home: Folder, journal: Journal, watch: Watch) -> None:
        super().__init__(job, home, journal, watch)
        self.shelf = Shelf(home, job.out, lambda name: result_names(name, job.form, job.responder.n_kernels))
        self.made: list[Made] = []
        self.found: dict[str, Entry] = {}

    def run(self) -> Summary:
        """Do what is left of the job."""
        refuse_collisions(self.shelf, self.job.files, is_caseless(self.journal.folder))
        self.refuse_others()
        self.journal.sweep()
        same = is_same(self.journal.job, self.job.parameters)
        self.journal.write(self.job.parameters, self.journal.entries if same else [])
        try:
            self.make_all()
        finally:
            self.journal.sweep()
            others = [entry for entry in self.journal.entries if entry["output"] not in self.found]
            entries = sorted([*others, *self.found.values()], key=lambda entry: str(entry["output"]))
            self.journal.write(self.job.parameters, entries)
        return self.summary

    def make_all(self) -> None:
        """Make every file's result, or see that it is there."""
        last = time.monotonic()
        for file in self.job.files:
            try:
                self.made.append(self.make(file))
            except ImageError as error:
                self.settle()
                self.fail(file, error)
            if len(self.made) == MOST_MADE or time.monotonic() - last > SETTLE_SECONDS:
                self.settle()
                last = time.monotonic()
        self.settle()

    def settle(self) -> None:
        """Have what was made on the disk, note it and give it its names, in this order."""
        new = [made for made in self.made if made.parts]
        with ThreadPoolExecutor(MOST_MADE) as pool:
            list(pool.map(self.journal.folder.sync, [part for made in new for part in made.parts]))
        if new:
            self.journal.append([made.entry for made in new], lasting=True)
        for made in new:
            with self.shelf.folder_of(made.file, make=True) as folder:
                for part, name in zip(made.parts, self.shelf.names(made.file), strict=True):
                    self.journal.folder.rename(part, folder, name)  # what a loss of power undoes, the next run does
        for made in self.made:
            before = not made.parts
            self.found[made.file.name] = made.entry
            self.summary.n_before += before
            self.summary.n_done += not before
            self.watch.done(made.file.name, made.seconds, before)
        self.made = []

    # What is in the way.

    def refuse_others(self) -> None:
        """`Conflict` if results of other parameters, or files that no run wrote, are where results go."""
        if self.job.overwrite:
            return
        before = self.journal.job
        noted = set(self.journal.of_output)
        if before is not None and not is_same(before, self.job.parameters):
            if any(map(self.is_there, noted)):
                told = differences(before, self.job.parameters)
                raise Conflict(f"{self.job.out} holds responses of another job: {told}; --overwrite replaces them")
            noted = set()
        refuse_strangers(self.shelf, self.job.files, noted)

    def is_there(self, noted: str) -> bool:
        """Whether one of the results of a noted file is there, of the form that they had."""
        form = str((self.journal.job or {}).get("format"))
        n_results = max(len(digests_of(entry)) for entry in self.journal.of_output[noted])
        name, folders = name_and_folders(noted)
        try:
            with self.home.below(folders) as folder:
                return any(folder.kind(result) for result in result_names(name, form, n_results))
        except OSError:  # nor can the folder be one that was written
            return False

    # The work.

    def make(self, file: ImageFile) -> Made:
        """Write the results of a file beside, unless they are there."""
        begin = time.perf_counter()
        content, names = content_of(file), self.shelf.names(file)
        noted = self.journal.of_output.get(file.name, [])
        found = self.shelf.digests(file)
        for entry in noted:
            if (entry["input"], entry["sha256"]) == (content.digest, joined(found)) and "" not in found:
                return Made(file, entry, [], time.perf_counter() - begin)
        known = [digests for entry in noted if len(digests := digests_of(entry)) == len(names)]
        if not self.job.overwrite:
            self.shelf.refuse_changed(file, found, known)
        parts = [f"part{len(self.made)}.{index}" for index in range(len(names))]
        self.write(file, parts)
        check_same(file, content)
        digests = [digest_in(self.journal.folder, part) for part in parts]
        entry = {"output": file.name, "input": content.digest, "sha256": joined(digests)}
        if len(digests) > 1:
            entry["kernels"] = digests
        return Made(file, entry, parts, time.perf_counter() - begin)

    def write(self, file: ImageFile, parts: Sequence[str]) -> None:
        """Write the responses of a file."""
        with open_images(file.path, self.job.layout, self.job.alpha) as images:
            responses = self.job.responder.responses(images, self.job.most_bytes)
            large = self.large_of(images, responses)
            responses = dataclasses.replace(responses, parts=self.told(responses))
            if large is not None:
                with self.journal.folder.create(parts[0]) as opened:
                    told = write_large(opened, responses, large, self.job.form)
                self.summary.n_images += responses.n_images
            elif self.job.form == "png":
                for part, picture in zip(parts, pictures_of(responses), strict=True):
                    with self.journal.folder.create(part) as opened:
                        write_png(opened, picture)
                told = ""
            else:
                with self.journal.folder.create(parts[0]) as opened:
                    if self.job.form == "sheet":
                        write_sheet(opened, images, responses, self.job.look)
                        told = IN_A_BATCH.format(responses.axes.letters) if responses.axes else ""
                    else:
                        told = write_responses(opened, responses, self.job.form)
            self.summary.note([*images.notes, *filter(None, [told])], file.name)


def joined(digests: Sequence[str]) -> str:
    """Return the digest that stands for all: of one itself."""
    return digests[0] if len(digests) == 1 else hashlib.sha256(" ".join(digests).encode("ascii")).hexdigest()


def digests_of(entry: Entry) -> list[str]:
    """Return the digests of an entry's results."""
    return list(entry.get("kernels", [entry["sha256"]]))
