"""A folder with a result for each image file.

Every result is written in a folder of the job's own, noted in its journal and then renamed. So a name of a result
always stands for a whole file, and a run that comes after one that was killed leaves alone what is done: it compares
the digests of the image file, of the result and the parameters with the journal's.
"""

from __future__ import annotations

import dataclasses
import os
import time
import unicodedata
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from xcorr._cli.files import digest, sync
from xcorr._cli.find import ImageFile
from xcorr._cli.images import ImageError, open_images
from xcorr._cli.job import Job, Refused, Run, Summary, Watch, check_same, content_of, differences
from xcorr._cli.journal import Entry, Journal
from xcorr._cli.responses import SUFFIXES, write_responses
from xcorr._cli.sheet import write_sheet

__all__ = ["FilesRun"]

MOST_MADE, SETTLE_SECONDS = 16, 0.5
"""Results that get their names at once, and the time after which those that there are do."""


def is_there(path: Path) -> bool:
    """Whether something has that name; `ImageError` if nothing can have it, because it is too long."""
    try:
        path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError as error:
        raise ImageError(f"{path}: {error.strerror}") from error
    return True


@dataclass(frozen=True)
class Made:
    """A result that is written or was there before, its entry and the seconds that it took."""

    file: ImageFile
    entry: Entry
    part: Path | None
    seconds: float


class FilesRun(Run):
    """A folder with a result for each image file.

    Results get their names some at a time: the disk is waited for once for all of them.
    """

    def __init__(self, job: Job, journal: Journal, watch: Watch) -> None:
        super().__init__(job, journal, watch)
        self.made: list[Made] = []
        self.found: dict[str, Entry] = {}

    def run(self) -> Summary:
        """Do what is left of the job."""
        self.refuse_collisions()
        self.refuse_others()
        self.journal.sweep()
        same = self.journal.job == self.job.parameters
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
        new = [(made, made.part) for made in self.made if made.part is not None]
        with ThreadPoolExecutor(MOST_MADE) as pool:
            list(pool.map(sync, [part for _, part in new]))
        if new:
            self.journal.append([made.entry for made, _ in new], lasting=True)
        for made, part in new:
            target = self.target(made.file)
            target.parent.mkdir(parents=True, exist_ok=True)
            os.replace(part, target)  # where a loss of power undoes that, the next run does it again
        for made in self.made:
            before = made.part is None
            self.found[made.file.name] = made.entry
            self.summary.n_before += before
            self.summary.n_done += not before
            self.watch.done(made.file.name, made.seconds, before)
        self.made = []

    def target(self, file: ImageFile) -> Path:
        return self.job.out / (file.name + SUFFIXES[self.job.form])

    def refuse_collisions(self) -> None:
        """`Refused` if two results would have one name, or one the name of a folder."""
        caseless = is_caseless(self.journal.folder)
        results: dict[Path, ImageFile] = {}
        for file in self.job.files:
            target = self.target(file)
            if os.path.isdir(target) and not os.path.islink(target):
                raise Refused(f"{target} is a folder; it cannot be the result of {file.name!r}")
            name = unicodedata.normalize("NFC", str(target)).casefold() if caseless else target
            before = results.setdefault(Path(name), file)
            if before is not file:
                raise Refused(f"{before.name!r} and {file.name!r} are one name for this disk; allowed is one at a time")
        for target, file in results.items():
            for folder in target.parents:
                if folder in results:
                    raise Refused(
                        f"the result of {results[folder].name!r} has the name of the folder for {file.name!r}"
                    )

    def refuse_others(self) -> None:
        """`Refused` if results of other parameters, or files that no run wrote, are where results go."""
        if self.job.overwrite:
            return
        before = self.journal.job
        noted = set(self.journal.of_output)
        if before not in (None, self.job.parameters):
            suffix = SUFFIXES.get(str(before.get("format")), "")
            if any(os.path.lexists(self.job.out / (name + suffix)) for name in noted):
                told = differences(before, self.job.parameters)
                raise Refused(f"{self.job.out} holds responses of another job: {told}; --overwrite replaces them")
            noted = set()
        for file in self.job.files:
            if file.name not in noted and os.path.lexists(self.target(file)):
                raise Refused(f"{self.target(file)} is there, and not of this job; --overwrite replaces it")

    def make(self, file: ImageFile) -> Made:
        """Write one result beside, unless it is there."""
        begin = time.perf_counter()
        target, content = self.target(file), content_of(file)
        noted = self.journal.of_output.get(file.name, [])
        if is_there(target):
            found = digest(target) if target.is_file() else ""
            for entry in noted:
                if (entry["input"], entry["sha256"]) == (content.digest, found):
                    return Made(file, entry, None, time.perf_counter() - begin)
            if not self.job.overwrite and found not in [entry["sha256"] for entry in noted]:
                raise ImageError(f"{target} was changed since it was written; --overwrite replaces it")
        part = self.journal.folder / f"part{len(self.made)}"
        self.write(file, part)
        check_same(file, content)
        entry = {"output": file.name, "input": content.digest, "sha256": digest(part)}
        return Made(file, entry, part, time.perf_counter() - begin)

    def write(self, file: ImageFile, part: Path) -> None:
        """Write the responses of a file."""
        with open_images(file.path, self.job.layout, self.job.alpha) as images:
            responses = self.job.responder.responses(images)
            responses = dataclasses.replace(responses, parts=self.told(responses))
            with part.open("wb") as opened:
                if self.job.form == "sheet":
                    write_sheet(opened, images, responses, self.job.look)
                else:
                    write_responses(opened, responses, self.job.form)


def is_caseless(folder: Path) -> bool:
    """Whether the disk takes names for the same that differ in small and capital letters; the folder has a lock."""
    return (folder / "LOCK").exists()
