"""A folder with a result for each image file.

Every result is written in a folder of the job's own, noted in its journal and then renamed. So a name of a result
always stands for a whole file, and a run that comes after one that was killed leaves alone what is done: it compares
the digests of the image file, of the result and the parameters with the journal's.
"""

from __future__ import annotations

import dataclasses
import hashlib
import time
import unicodedata
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from xcorr._cli.files import digest_in
from xcorr._cli.find import ImageFile
from xcorr._cli.folder import Folder, NotOurs, name_and_folders
from xcorr._cli.images import ImageError, open_images
from xcorr._cli.job import Conflict, Job, Run, Summary, Watch, check_same, content_of, differences, is_same
from xcorr._cli.journal import LOCK, Entry, Journal
from xcorr._cli.png import pictures_of, write_png
from xcorr._cli.responses import IN_A_BATCH, result_names, write_responses
from xcorr._cli.sheet import write_sheet

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


class FilesRun(Run):
    """A folder with a result for each image file, or one for each kernel.

    Results get their names some at a time: the disk is waited for once for all of them.
    """

    def __init__(self, job: Job, home: Folder, journal: Journal, watch: Watch) -> None:
        super().__init__(job, home, journal, watch)
        self.made: list[Made] = []
        self.found: dict[str, Entry] = {}

    def run(self) -> Summary:
        """Do what is left of the job."""
        self.refuse_collisions()
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
            with self.folder_of(made.file, make=True) as folder:
                for part, name in zip(made.parts, self.names(made.file), strict=True):
                    self.journal.folder.rename(part, folder, name)  # what a loss of power undoes, the next run does
        for made in self.made:
            before = not made.parts
            self.found[made.file.name] = made.entry
            self.summary.n_before += before
            self.summary.n_done += not before
            self.watch.done(made.file.name, made.seconds, before)
        self.made = []

    # Where results are.

    def folder_of(self, file: ImageFile, make: bool = False) -> Folder:
        """Open the folder of a file's results; FileNotFoundError if it is absent and not made."""
        return self.home.below(name_and_folders(file.name)[1], make)

    def names(self, file: ImageFile) -> list[str]:
        """Return the names of a file's results in their folder."""
        return result_names(name_and_folders(file.name)[0], self.job.form, self.job.responder.n_kernels)

    def paths(self, file: ImageFile) -> list[Path]:
        """Return where a file's results are, below the folder of all."""
        return [Path(file.name).with_name(name) for name in self.names(file)]

    def kinds(self, file: ImageFile) -> list[str]:
        """Return what has the names of a file's results: "file", "folder" and so on, "" for nothing."""
        try:
            with self.folder_of(file) as folder:
                return [folder.kind(name) for name in self.names(file)]
        except FileNotFoundError:
            return [""] * len(self.names(file))

    # What is in the way.

    def refuse_collisions(self) -> None:
        """`Conflict` if two results would have one name, or one the name of a folder, a pipe or a device."""
        caseless = is_caseless(self.journal.folder)
        results: dict[Path, ImageFile] = {}
        for file in self.job.files:
            for path, kind in zip(self.paths(file), self.known_kinds(file), strict=True):
                if kind not in ("", "file", "link"):
                    raise Conflict(f"{self.job.out / path} is a {kind}; it cannot be the result of {file.name!r}")
                name = unicodedata.normalize("NFC", str(path)).casefold() if caseless else path
                before = results.setdefault(Path(name), file)
                if before is not file:
                    names = f"{before.name!r} and {file.name!r}"
                    raise Conflict(f"{names} are one name for this disk; allowed is one at a time")
        for path, file in results.items():
            for folder in path.parents:
                if folder in results:
                    raise Conflict(
                        f"the result of {results[folder].name!r} has the name of the folder for {file.name!r}"
                    )

    def known_kinds(self, file: ImageFile) -> list[str]:
        """Return `kinds`, nothing for names that no file can have: to write it fails by itself."""
        try:
            return self.kinds(file)
        except NotOurs:
            raise
        except OSError:
            return [""] * len(self.names(file))

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
        for file in self.job.files:
            if file.name not in noted:
                for path, kind in zip(self.paths(file), self.known_kinds(file), strict=True):
                    if kind:
                        raise Conflict(f"{self.job.out / path} is there, and not of this job; --overwrite replaces it")

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
        content, names = content_of(file), self.names(file)
        noted = self.journal.of_output.get(file.name, [])
        found = self.digests(file)
        for entry in noted:
            if (entry["input"], entry["sha256"]) == (content.digest, joined(found)) and "" not in found:
                return Made(file, entry, [], time.perf_counter() - begin)
        known = [digests for entry in noted if len(digests := digests_of(entry)) == len(names)]
        for index, kind in enumerate(self.kinds(file)):
            if kind and not self.job.overwrite and found[index] not in [digests[index] for digests in known]:
                path = self.job.out / self.paths(file)[index]
                raise ImageError(f"{path} was changed since it was written; --overwrite replaces it")
        parts = [f"part{len(self.made)}.{index}" for index in range(len(names))]
        self.write(file, parts)
        check_same(file, content)
        digests = [digest_in(self.journal.folder, part) for part in parts]
        entry = {"output": file.name, "input": content.digest, "sha256": joined(digests)}
        if len(digests) > 1:
            entry["kernels"] = digests
        return Made(file, entry, parts, time.perf_counter() - begin)

    def digests(self, file: ImageFile) -> list[str]:
        """Return the digests of the results that are there, "" for each that is not."""
        try:
            with self.folder_of(file) as folder:
                return [digest_in(folder, name) for name in self.names(file)]
        except FileNotFoundError:
            return [""] * len(self.names(file))
        except NotOurs:
            raise
        except OSError as error:
            raise ImageError(f"{self.job.out / self.paths(file)[0]}: {error.strerror}") from error

    def write(self, file: ImageFile, parts: Sequence[str]) -> None:
        """Write the responses of a file."""
        with open_images(file.path, self.job.layout, self.job.alpha) as images:
            responses = self.job.responder.responses(images)
            responses = dataclasses.replace(responses, parts=self.told(responses))
            if self.job.form == "png":
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


def is_caseless(folder: Folder) -> bool:
    """Whether the disk takes names for the same that differ in small and capital letters; the folder has a lock."""
    return bool(folder.kind(LOCK.upper()))
