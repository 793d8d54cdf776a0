"""One long row or column of windows, folded: pieces of it are the rows of an image, whose sections they fill.

Long kernels are folded, too. With windows n = r L + s and taps t = j L + i, both in rows of L, the sum over t of
image[n + t] kernel[t] is the one over j and i of rows[r + j, s + i] kernel[j, i], where row r of the image is what lies
from r L on: rows of 2 L - 1 pixels, a view. Taps behind the last whole row are added afterwards.
"""

import copy
from typing import Any, NamedTuple

import numpy as np

from xcorr._arrays import in_order, some_images
from xcorr._axes import Axis, Geometry
from xcorr._engine import Reducer
from xcorr._layouts import with_row
from xcorr._methods.asked import Area, Array, Job

LEAST_WINDOWS = 1024
"""Windows inside of the image below which a line is not folded."""

LONG_KERNEL = 256
"""Taps along a line from which on it is looked whether folding them costs less."""

OF_WHOLE_ROWS = 1.6
"""Times that lines whose kernels are not folded take as long as is reckoned, beside those whose kernels are.

With kernels of 256 taps on 10,000 to 1,000,000 samples folding takes 0.8 to 1.2 of the time, with 600 0.7 to 1.0,
with 1000 0.6 to 0.75, with 1500 0.3 to 0.5, and is reckoned at up to 1.65 of it.
2026-11-27, AMD EPYC (Zen 3), level v3, 1 worker, float32 and float64, benchmarks/fourier.py --lines.
"""

SHORTEST_ROW = 0.75
"""Share of the longest row of taps that fits a section, below which no row is looked at; not tuned."""

OF_LAST_TAP = 20
"""Multiply-adds of the direct method that one with a tap behind the last whole row takes as long as; not tuned."""

SUMS_AT_ONCE = 2**16
"""Sums of products with the taps behind the last whole row that are there at once."""


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
    kernel_rows: int = 1  # of as many taps, where kernels are folded

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
            first = max(0, along.before)
            if end - first >= LEAST_WINDOWS:
                return Line(index, first, end)
    return None


def kernel_folds(axis: int, along: Axis, sides: tuple[int, ...]) -> list[Fold]:
    """Folds of the kernels of a line without padding, one for each side of a section that a row of pixels fits.

    The length of a row leaves few multiply-adds to the direct method: of windows behind the last whole row, and of taps
    there.
    """
    found, line = [], Line(axis, 0, along.outputs)
    for side in sides:
        longest = (side + 1) // 2
        lengths = range(int(longest * SHORTEST_ROW) + 1, min(longest, line.end, along.kernel // 2) + 1)
        if lengths:
            length = min(lengths, key=lambda length: left_over(line.end, along.kernel, length))
            found.append(Fold(line, line.end // length, length, along.kernel // length))
    return found


def left_over(windows: int, taps: int, length: int) -> int:
    """Multiply-adds that are left to the direct method, those of taps counted as often as they are dearer."""
    return windows % length * taps + OF_LAST_TAP * (taps % length) * windows


def folded_axes(along: Axis, fold: Fold) -> tuple[tuple[int, ...], ...]:
    """The axes of an engine for the pieces, down and across."""
    if fold.kernel_rows > 1:
        down = fold.n_rows + fold.kernel_rows - 1, fold.kernel_rows, 0, 1, 1, fold.n_rows
        return down, (2 * fold.length - 1, fold.length, 0, 1, 1, fold.length)
    reached = fold.length + along.effective - 1
    return (fold.n_rows, 1, 0, 1, 1, fold.n_rows), (reached, along.kernel, 0, 1, along.dilation, fold.length)


def with_rows(job: Job, result: Any) -> tuple[Any, Any]:
    """The job and the response of layouts without rows, as if there was one: lines are cut into pieces along it."""
    images, response = job.plan.layout.images, job.plan.layout.response
    job = copy.copy(job)
    job.plan = plan_with_rows(job.plan)
    job.images = np.expand_dims(job.images, images[2])
    return job, result if isinstance(result, Reducer) else np.expand_dims(result, response[2])


def plan_with_rows(plan: Any) -> Any:
    """The plan of the same images with a row."""
    layout, rowed = plan.layout, copy.copy(plan)
    rowed.layout = layout._replace(images=with_row(layout.images), response=with_row(layout.response))
    rowed.take_response_sizes()
    if plan.geometry.whole:
        rowed.without_roi = plan_with_rows(plan.without_roi)
    return rowed


def from_first_window(job: Job, line: Line) -> Any:
    """The job with images that begin where the line's first window does, if that is not before them."""
    skipped = -job.plan.geometry.axes[line.axis].before
    if skipped <= 0:
        return job
    job = copy.copy(job)
    job.images = job.images[(slice(None),) * job.plan.layout.images[1 + line.axis] + (slice(skipped, None),)]
    return job


def folded_job(job: Job, result: Any, fold: Fold) -> tuple[Any, Any]:
    """The job with the images' pieces, which have pixels in common, and the response's."""
    layout = job.plan.layout
    (n_rows, *_), (reached, *_) = folded_axes(job.plan.geometry.axes[fold.line.axis], fold)
    folded = copy.copy(job)
    folded.images = pieces(job.images, layout.images, fold, 0, (n_rows, reached))
    if isinstance(result, Reducer):
        return folded, result.along(fold.line.first, fold.length)
    return folded, pieces(result, layout.response, fold, fold.line.first, (fold.n_rows, fold.length))


def pieces(array: Array, axes: tuple[int, ...], fold: Fold, first: int, sizes: tuple[int, int]) -> Array:
    """A view of so many pieces of that length, from `first` on along the line."""
    place = axes[1 + fold.line.axis]
    shape, strides = list(array.shape), list(array.strides)
    pitch = strides[place]
    shape[axes[1]], shape[axes[2]] = sizes
    strides[axes[1]], strides[axes[2]] = fold.length * pitch, pitch
    begin = array[(slice(None),) * place + (slice(first, None),)]
    return np.lib.stride_tricks.as_strided(begin, shape, strides)


def add_last_taps(job: Job, result: Array, fold: Fold, summed: str) -> None:
    """Adds the products with the taps behind the last whole row, to the responses of the pieces."""
    layout = job.plan.layout
    for index in range(job.n_images if has_last_taps(job, fold) else 0):
        own = in_order(some_images(result, layout.response[0], index, index + 1), layout.response)
        own = own.swapaxes(1, 1 + fold.line.axis)[0, :, 0]
        add_last_taps_of(job, own[fold.line.first : fold.end], fold, summed, index)


def has_last_taps(job: Job, fold: Fold) -> bool:
    """Whether there are taps behind the last whole row."""
    along = job.plan.geometry.axes[fold.line.axis]
    return fold.kernel_rows > 1 and bool(along.kernel > fold.kernel_rows * fold.length)


@np.errstate(all="ignore")
def add_last_taps_of(job: Job, responses: Array, fold: Fold, summed: str, image: int) -> None:
    """The same to the responses (windows, kernels of all groups) of one image, which have a type that holds sums."""
    plan, bank = job.plan, job.bank
    done, n_own, depth = fold.kernel_rows * fold.length, bank.n_kernels // bank.parts, bank.kernels.shape[3]
    last = bank.kernels.swapaxes(1, 1 + fold.line.axis)[:, done:, 0]
    last = last.conj() if bank.parts > 1 and bank.conjugate else last
    dtype = np.result_type(summed, np.complex64) if bank.parts > 1 else np.dtype(summed)
    at_once = max(1, SUMS_AT_ONCE // n_own)
    pixels = in_order(some_images(job.images, plan.layout.images[0], image, image + 1), plan.layout.images)
    pixels = pixels.swapaxes(1, 1 + fold.line.axis)[0, :, 0]
    for group in range(bank.n_groups):
        kernels = slice(group * n_own, (group + 1) * n_own)
        for first in range(0, len(responses), at_once):
            end = min(first + at_once, len(responses))
            reached = pixels[first + done :, group * depth :]
            sums = sums_of(reached, last[kernels], end - first, dtype)
            responses[first:end, kernels] += sums.astype(responses.dtype, copy=False)


def sums_of(pixels: Array, kernels: Array, n_windows: int, dtype: np.dtype[Any]) -> Array:
    """Sums (windows, kernels) of (pixels, channels), others behind them, with kernels of (taps, channels)."""
    sums = np.zeros((n_windows, len(kernels)), dtype)
    for tap, channel in np.ndindex(kernels.shape[1:]):
        own = pixels[tap : tap + n_windows, channel].astype(dtype)
        sums += np.multiply.outer(own, kernels[:, tap, channel].astype(dtype))
    return sums


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
