"""One array for the images of all files, gone on with by the digests of its rows."""

from __future__ import annotations

import hashlib
import time
from dataclasses import dataclass
from typing import Any

import numpy as np

from xcorr._cli.apply_job import ApplyRun
from xcorr._cli.files import put
from xcorr._cli.find import ImageFile
from xcorr._cli.images import ImageError, open_images
from xcorr._cli.job import Conflict, Content, JobError, Summary, check_same, content_of, differences, is_same
from xcorr._cli.journal import Entry
from xcorr._cli.responses import IN_A_BATCH
from xcorr._cli.rows import Rows, open_finished, open_rows

__all__ = ["StackRun"]

PART, OLD = "part", "old"
"""Names in the job's folder of what is not whole yet, and of a folder that is replaced."""

OF_KIND = {"stack": "file", "zarr": "folder"}


@dataclass(frozen=True)
class Surveyed:
    """An image file that can be read, and how many images are in it."""

    file: ImageFile
    n_images: int


class StackRun(ApplyRun):
    """One array for the images of all files, whose responses have to be of one shape and type."""

    def run(self) -> Summary:
        """Do what is left of the job."""
        job, journal, home, name = self.job, self.journal, self.home, self.job.out.name
        same, found = is_same(journal.job, job.parameters), home.kind(name)
        if found not in ("", "link", OF_KIND[job.form]):
            raise Conflict(f"{job.out} is a {found}; it cannot be the result")
        if found and job.over_image and journal.job is None:
            raise Conflict(f"{job.out} is one of IMAGES and no earlier result; allowed is what is none of them")
        if found and not job.overwrite and not same:
            told = f": {differences(journal.job, job.parameters)}" if journal.job else ""
            raise Conflict(f"{job.out} is there, and not of this job{told}; --overwrite replaces it")
        shape, dtype, surveyed = self.survey()
        if found and same:
            with open_finished(home, name, job.form, shape, dtype) as rows:
                entries = None if rows is None else self.finished(rows, surveyed)
            if entries is not None:
                journal.sweep()
                journal.write(job.parameters, entries)
                return self.summary
            if not job.overwrite:
                raise Conflict(f"{job.out} is there, and not of these files as they are; --overwrite replaces it")
        goes_on = same and journal.folder.kind(PART) == OF_KIND[job.form]
        journal.sweep([PART] if goes_on else [])
        journal.write(job.parameters, journal.entries if same else [])
        n_rows = sum(one.n_images for one in surveyed)
        with open_rows(journal.folder, PART, job.form, n_rows, shape, dtype) as rows:
            entries = self.fill(rows, surveyed)
        journal.sync()  # before the result has its name, or the next run would not know it for this job's
        if job.form == "zarr" and home.kind(name):  # a folder takes no other's name
            home.rename(name, journal.folder, OLD)
        put(journal.folder, PART, home, name)
        journal.folder.remove(OLD)
        journal.write(job.parameters, entries)
        return self.summary

    def survey(self) -> tuple[tuple[int, ...], np.dtype[Any], list[Surveyed]]:
        """Open every file, and return the shape and type of a response and the files that can be read."""
        forms: dict[str, tuple[tuple[int, ...], np.dtype[Any]]] = {}
        surveyed = []
        for file in self.job.files:
            try:
                with open_images(file.path, self.job.layout, self.job.alpha) as images:
                    responses = self.job.responder.responses(images, self.job.most_bytes)
                    first = next(iter(forms.items()), (file.name, (responses.shape, responses.dtype)))
                    if first[1] != (responses.shape, responses.dtype):
                        raise ImageError(
                            f"responses of shape {responses.shape} and type {responses.dtype}; in one array all "
                            f"have to be as those of {first[0]}, {first[1][0]} and {first[1][1]}"
                        )
                    forms[file.name] = first[1]
                    surveyed.append(Surveyed(file, images.n_images))
            except ImageError as error:
                self.fail(file, error)
        if not surveyed:
            raise JobError("no image file could be read")
        return *forms[surveyed[0].file.name], surveyed

    def finished(self, rows: Rows, surveyed: list[Surveyed]) -> list[Entry] | None:
        """Return the entries of all files if the array holds them and nothing else."""
        entries, position = [], 0
        for found in surveyed:
            try:
                entry = self.noted(rows, found, content_of(found.file), position)
            except ImageError:
                return None
            if entry is None:
                return None
            entries.append(entry)
            position += found.n_images
        if not rows.is_whole(position):
            return None
        self.summary.n_before = len(surveyed)
        for found in surveyed:
            self.watch.done(found.file.name, 0.0, True)
        return entries

    def noted(self, rows: Rows, found: Surveyed, content: Content, position: int) -> Entry | None:
        """Return the entry of a file if its rows are as they were written."""
        place = [position, position + found.n_images]
        for entry in self.journal.of_output.get(found.file.name, []):
            if (entry["input"], entry.get("rows")) == (content.digest, place):
                return entry if rows.digest(*place) == entry["sha256"] else None
        return None

    def fill(self, rows: Rows, surveyed: list[Surveyed]) -> list[Entry]:
        """Write the rows that are not there yet, and return the entries of all files."""
        entries: list[Entry] = []
        position = 0
        for found in surveyed:
            begin = time.perf_counter()
            try:
                content = content_of(found.file)
                entry = self.noted(rows, found, content, position)
                before = entry is not None
                if entry is None:
                    entry = self.write(rows, found, content, position)
            except ImageError as error:
                self.fail(found.file, error)
                continue
            entries.append(entry)
            position = entry["rows"][1]
            self.summary.n_before += before
            self.summary.n_done += not before
            self.watch.done(found.file.name, time.perf_counter() - begin, before)
        rows.finish(position)
        return entries

    def write(self, rows: Rows, found: Surveyed, content: Content, position: int) -> Entry:
        """Write the rows of a file from `position` on, and note them."""
        total, first = hashlib.sha256(), position
        with open_images(found.file.path, self.job.layout, self.job.alpha) as images:
            responses = self.job.responder.responses(images, self.job.most_bytes)
            if (responses.n_images, responses.shape, responses.dtype) != (found.n_images, rows.shape, rows.dtype):
                raise ImageError("it was changed while the job ran")
            large = self.large_of(images, responses)
            if large is not None:
                for index in range(responses.n_images):
                    rows.write_large(first + index, large, responses, index)
                first += responses.n_images
                self.summary.n_images += responses.n_images
            for part in self.told(responses) if large is None else ():
                rows.write(first, part)
                total.update(np.ascontiguousarray(part).data)
                first += len(part)
            notes = [*images.notes, *([IN_A_BATCH.format(images.axes.letters)] if images.axes else [])]
        check_same(found.file, content)
        place = [position, first]
        told = total.hexdigest() if large is None else rows.digest(*place)
        entry = {"output": found.file.name, "input": content.digest, "sha256": told, "rows": place}
        self.summary.note(notes, found.file.name)
        self.journal.append([entry], lasting=False)  # whether the rows are there is known from their digest
        return entry
