"""One long row or column of windows, folded: pieces of it are the rows of an image, whose sections they fill."""

import copy
from typing import Any, NamedTuple

import numpy as np

from xcorr._axes import Axis, Geometry
from xcorr._methods.asked import Area, Array, Job

LEAST_WINDOWS = 1024
"""Windows inside of the image below which a line is not folded."""


class Line(NamedTuple):
    """The axis that the line runs along, and its windows that lie inside of the image."""

    axis: int
    first: int
    end: int


class Fold(NamedTuple):
    """A line's windows from `first` on as so many rows of pieces of the same length."""

    line: Line
    n_rows: int
    length: int

    @property
    def end(self) -> int:
        """The first window behind the pieces."""
        return self.line.first + self.n_rows * self.length


def line_of(geometry: Geometry) -> Line | None:
    """The line that all windows of a geometry are, if they are one that is long enough."""
    for index, along in enumerate(geometry.axes):
        beside = geometry.axes[1 - index]
        if beside.padded == 1 == beside.length and along.stride == 1:
            end = min(along.before + along.length - along.effective + 1, along.outputs)
            if end - along.before >= LEAST_WINDOWS:
                return Line(index, along.before, end)
    return None


def folded_axes(along: Axis, fold: Fold) -> tuple[tuple[int, ...], ...]:
    """The axes of an engine for the pieces, down and across."""
    reached = fold.length + along.effective - 1
    return (fold.n_rows, 1, 0, 1, 1, fold.n_rows), (reached, along.kernel, 0, 1, along.dilation, fold.length)


def folded_job(job: Job, result: Array, fold: Fold) -> tuple[Any, Array]:
    """The job with the images' pieces, which have pixels in common, and the response's."""
    along = job.plan.geometry.axes[fold.line.axis]
    layout = job.plan.layout
    folded = copy.copy(job)
    folded.images = pieces(job.images, layout.images, fold, 0, fold.length + along.effective - 1)
    return folded, pieces(result, layout.response, fold, fold.line.first, fold.length)


def pieces(array: Array, axes: tuple[int, ...], fold: Fold, first: int, length: int) -> Array:
    """A view of pieces of that length, from `first` on along the line."""
    place = axes[1 + fold.line.axis]
    shape, strides = list(array.shape), list(array.strides)
    pitch = strides[place]
    shape[axes[1]], shape[axes[2]] = fold.n_rows, length
    strides[axes[1]], strides[axes[2]] = fold.length * pitch, pitch
    begin = array[(slice(None),) * place + (slice(first, None),)]
    return np.lib.stride_tricks.as_strided(begin, shape, strides)


def along_line(areas: list[Area], fold: Fold) -> list[Area]:
    """Areas of pieces as areas of the response, whose rows of pieces follow each other."""
    found = []
    for image, group, first_row, n_rows, _, _ in areas:
        found.append(area_of(image, group, fold, fold.line.first + first_row * fold.length, n_rows * fold.length))
    return found


def ends(job: Job, fold: Fold, n_images: int) -> list[Area]:
    """The areas before and behind the pieces."""
    geometry = job.plan.geometry
    outputs = geometry.axes[fold.line.axis].outputs
    return [
        area_of(image, group, fold, first, count)
        for image in range(n_images)
        for group in range(geometry.groups)
        for first, count in ((0, fold.line.first), (fold.end, outputs - fold.end))
        if count > 0
    ]


def area_of(image: int, group: int, fold: Fold, first: int, count: int) -> Area:
    """Some windows of the line."""
    return (image, group, first, count, 0, 1) if fold.line.axis == 0 else (image, group, 0, 1, first, count)
