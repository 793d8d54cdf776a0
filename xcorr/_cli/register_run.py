"""One table of the shifts of the images in all files, and beside it the images as they are shifted.

What is kept and gone on with is that of ``xcorr match``: lines of a file of the job's own, noted in its journal.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from xcorr._cli.files import whole_digest
from xcorr._cli.find import ImageFile
from xcorr._cli.images import ImageError, Images, open_images
from xcorr._cli.job import Content, Job, JobError, check_same, content_of
from xcorr._cli.journal import Entry
from xcorr._cli.match_run import MatchRun
from xcorr._cli.responses import PART_BYTES
from xcorr._cli.table import csv_line
from xcorr._register import Shifts, register

__all__ = ["FIELDS", "RegisterJob", "RegisterRun"]

Array = NDArray[Any]

FIELDS = ("file", "index", "shift_row", "shift_column", "score", "ratio")


@dataclass(frozen=True)
class RegisterJob(Job):
    """What is asked of ``xcorr register``.

    Parameters
    ----------
    reference : {"first", "previous", "mean"}
        What images are laid on.
    keywords : dict
        Of `register`.
    maps : Path or None
        The folder of the shifted images.
    """

    reference: str
    keywords: dict[str, Any]
    maps: Path | None
    drawings: None = None


class RegisterRun(MatchRun):
    """One table of the shifts of the images in all files, with shifted images where they are asked for."""

    job: RegisterJob  # type: ignore[assignment]
    chain = ""  # digest of the files before, where images are laid on those before them
    previous: ImageFile | None = None
    last: Array | None = None  # image of the file before
    total: Array = np.zeros(2)
    fixed: Array | None = None  # reference of all

    def first_line(self) -> bytes:
        """Return what the table begins with."""
        return csv_line(FIELDS) if self.job.form == "csv" else b""

    def map_names(self, name: str) -> list[str]:
        """Return the name of an image file's shifted images."""
        return [f"{name}.npy"]

    def look(self, file: ImageFile) -> Content:
        """Return what a file's results depend on: with the images before also on those."""
        content = content_of(file)
        if self.job.reference != "previous":
            return content
        return Content(hashlib.sha256(f"{self.chain} {content.digest}".encode()).hexdigest(), content.state)

    def make(self, file: ImageFile) -> tuple[Entry, bool]:
        """Return the entry of a file, and whether its lines and what is beside them were there before."""
        entry, before = super().make(file)
        self.chain, self.previous = entry["input"], file
        if before:
            self.last, self.total = None, total_of(entry)
        return entry, before

    def write(self, file: ImageFile, content: Content) -> Entry:
        """Register a file's images: write lines and shifted images, and note them."""
        with open_images(file.path, self.job.layout, "drop") as images, contextlib.ExitStack() as results:
            writers = self.map_files(file, images, results)
            digest, position, total = hashlib.sha256(), self.end, self.total.copy()
            self.lines.seek(position)
            first, last = 0, self.last
            for part in parts_of(images):
                shifts, last, total = self.registered(part, last, total)
                text = b"".join(self.lines_of(file.name, first, shifts))
                digest.update(text)
                position += self.lines.write(text)
                for writer in writers:
                    writer.add(shifted(part, shifts.shift, self.job.keywords["subpixel"] is not None))
                self.count(len(part), images.n_images)
                first += len(part)
            beside = [[whole_digest(writer.file) for writer in writers]] if self.maps else []
            check_same(file, content)
            entry: Entry = {"output": file.name, "input": content.digest, "sha256": digest.hexdigest()}
            entry |= {"beside": beside, "total": total.tolist(), "rows": [self.end, position]}
            self.note(entry, lasting=bool(beside))
            self.last, self.total = last, total
        self.summary.note(images.notes, file.name)
        return self.journal.of_output[file.name][-1]

    def map_files(self, file: ImageFile, images: Images, stack: contextlib.ExitStack) -> list[Any]:
        """Open the file of the shifted images, if they are asked for."""
        from xcorr._cli.match_run import MapWriter

        return [] if self.maps is None else [MapWriter(self.result(file, self.maps, 0, stack), images)]

    def registered(self, part: Array, last: Array | None, total: Array) -> tuple[Shifts, Array, Array]:
        """Return the shifts of some images, the last of them, and the sum of shifts up to it."""
        layout: Any = "NHWC" if part.ndim == 4 else "NHW"
        if self.job.reference != "previous":
            references = self.reference()
        else:
            if last is None:
                last = self.last_of(self.previous) if self.previous is not None else part[0]
            if last.shape != part.shape[1:]:
                raise ImageError(f"an image of shape {part.shape[1:]} after one of {last.shape}")
            references = np.concatenate([last[np.newaxis], part[:-1]])
        try:
            found = register(references, part, layout=layout, **self.job.keywords)
        except (TypeError, ValueError, MemoryError) as error:
            raise ImageError(str(error)) from error
        if self.job.reference != "previous":
            return found, part[-1], total
        sums = total + np.cumsum(np.nan_to_num(found.shift), axis=0)
        laid = np.where(np.isnan(found.shift), np.nan, sums)
        return found._replace(shift=laid), part[-1], sums[-1]

    def reference(self) -> Array:
        """Return the image that all are laid on."""
        if self.fixed is None:
            if self.job.reference == "first":
                with open_images(self.job.files[0].path, self.job.layout, "drop") as images:
                    self.fixed = images.read(0, 1)[0]
            else:
                self.fixed = self.mean()
        return self.fixed

    def mean(self) -> Array:
        """Return the mean of all images that can be read."""
        total: Any = 0.0
        n_images = 0
        for file in self.job.files:
            with contextlib.suppress(ImageError), open_images(file.path, self.job.layout, "drop") as images:
                for part in parts_of(images):
                    if n_images and part.shape[1:] != total.shape:
                        raise JobError(f"{file.name}: images of shape {part.shape[1:]} beside {total.shape}: no mean")
                    total, n_images = total + part.sum(axis=0, dtype=np.float64), n_images + len(part)
        return np.asarray(total / max(1, n_images))

    def last_of(self, file: ImageFile) -> Array:
        """Return the last image of a file."""
        with open_images(file.path, self.job.layout, "drop") as images:
            return np.asarray(images.read(images.n_images - 1, images.n_images)[0])

    def lines_of(self, name: str, first: int, shifts: Shifts) -> Iterator[bytes]:
        """Give a line for each image."""
        for index, numbers in enumerate(np.column_stack([shifts.shift, shifts.score, shifts.ratio]).tolist()):
            values: Sequence[Any] = [name, first + index, *numbers]
            if self.job.form == "csv":
                yield csv_line(values)
            else:
                known = [None if isinstance(value, float) and not np.isfinite(value) else value for value in values]
                yield json.dumps(dict(zip(FIELDS, known, strict=True))).encode("ascii") + b"\n"


def total_of(entry: Entry) -> Array:
    """Return the sum of shifts in an entry: a journal may be anybody's."""
    try:
        total = np.array(entry.get("total"), np.float64)
    except (TypeError, ValueError):
        total = np.zeros(0)
    if total.shape != (2,) or not np.isfinite(total).all():
        raise JobError("the journal has an entry without the sum of shifts; --overwrite begins again")
    return total


def parts_of(images: Images) -> Iterator[Array]:
    """Give the images of a file, some at a time."""
    n_bytes = int(np.prod(images.shape)) * images.dtype.itemsize
    at_once = max(1, PART_BYTES // max(1, n_bytes))
    for first in range(0, images.n_images, at_once):
        yield images.read(first, min(first + at_once, images.n_images))


def shifted(part: Array, shifts: Array, is_fraction: bool) -> Array:
    """Return images (n, rows, columns) or with channels as they are shifted; those without a shift as they are.

    By whole pixels what comes in from outside is 0; by fractions images go on at their other edges.
    """
    known = np.nan_to_num(shifts)
    if is_fraction:
        spectra = np.fft.rfft2(part.astype(np.float64), axes=(1, 2))
        rows, columns = np.fft.fftfreq(part.shape[1]), np.fft.rfftfreq(part.shape[2])
        turns = (
            known[:, 0, np.newaxis, np.newaxis] * rows[:, np.newaxis] + known[:, 1, np.newaxis, np.newaxis] * columns
        )
        waves = np.exp(-2j * np.pi * turns)
        moved = np.fft.irfft2(
            spectra * waves.reshape(*waves.shape, *(1,) * (part.ndim - 3)), part.shape[1:3], axes=(1, 2)
        )
        return moved.astype(np.float64 if part.dtype == np.float64 else np.float32)
    found = np.zeros_like(part)
    for target, image, shift in zip(found, part, np.rint(known).astype(int).tolist(), strict=True):
        to, own = [], []
        for way, length in zip(shift, image.shape[:2], strict=True):
            to.append(slice(min(max(0, way), length), max(0, min(length, length + way))))
            own.append(slice(min(max(0, -way), length), max(0, min(length, length - way))))
        target[tuple(to)] = image[tuple(own)]
    return found
