"""Windows added up from arrays, strip by strip of padded pixels, by all workers; what holds for gathering them, too."""

from collections.abc import Callable
from math import gcd, prod
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from numpy.lib.stride_tricks import as_strided

import xcorr._indices as _indices
from xcorr import _workers
from xcorr._axes import Axis
from xcorr._engine import go_on
from xcorr._folded import fold_back, folds, most_places
from xcorr._gradient_sums import EXACT_INT64, WholeSums, magnitude, store_sums
from xcorr._memory import empty_lines
from xcorr._reading import checked
from xcorr._staged import copy_turned
from xcorr._workers import WORKSPACE_LIMIT, refuse_too_large

Array = npt.NDArray[Any]
Indices = npt.NDArray[np.intp]

STRIP_BYTES, MOST_BYTES = 2**21, 2**23
"""Bytes of a strip of pixels, of which a row of windows stays in a cache, and of sums at most: each is a task.

A task takes 0.1 ms beside its copies. 2026-11-27, AMD EPYC (Zen 3), 1 worker.
"""

TASK_BYTES = 2**23
"""Bytes of windows that a task copies, if a window is not more: a signal waits for that."""

PER_WORKER = 2**19
"""Bytes of windows that are worth another worker."""

FEW_TERMS = 11
"""Numbers that may be added one after the other in their own type: n - 1 is not more than 4 + 2 sqrt(n)."""

LINE_BYTES, CONVERTED = 2**16, 2**20
"""Bytes of lines in which rows of windows are summed, and of windows that are converted at once."""

BLOCK_ROWS = 16
"""Rows of windows whose sums in float64 are added up before they go to the total, where kernels have more rows."""

KEPT_ROWS, KEPT_BYTES = 64, 2**18
"""Lists of windows' rows that are kept for the images that follow, and the bytes of one of them at most."""

CHAINS = {"f4": 8, "f8": 32}
"""Taps that are added one after the other before they go to a sum in float64.

So many rounding errors, with those of as many sums of float64 as a kernel has rows, are within the bound of n terms.
"""


class Strips(NamedTuple):
    """The spatial axes of images, with the windows along each; the first one is cut into strips."""

    axes: tuple[Axis, ...]
    boundary: tuple[str, ...]
    channels: int

    @property
    def n_taps(self) -> int:
        """Elements of a window."""
        return prod(axis.kernel for axis in self.axes) * self.channels

    @property
    def extents(self) -> tuple[int, ...]:
        """Places of each axis with its padding, of which there is no less behind than none."""
        return tuple(axis.before + axis.length + max(axis.behind, 0) for axis in self.axes)

    def pitches(self, extents: tuple[int, ...]) -> list[int]:
        """Elements from one place to the next along each axis of an array that has these but the first."""
        return [prod(extents[index + 1 :]) * self.channels for index in range(len(extents))]

    def places(self, pitches: list[int], counts: list[int], apart: Callable[[Axis], int]) -> Indices:
        """Places of all rows, of windows or of taps, of the axes but the last: so many along each, that far apart."""
        places = np.zeros(1, np.intp)
        for axis, count, pitch in zip(self.axes[:-1], counts, pitches, strict=False):
            step = apart(axis) * pitch if count > 1 else 0  # of one alone no index need hold it
            places = (places[:, None] + np.arange(count) * step).ravel()
        return places

    def tap_rows(self, pitches: list[int]) -> Indices:
        """Places of the kernel's rows."""
        return self.places(pitches, [axis.kernel for axis in self.axes], lambda axis: axis.dilation)

    def pieces(self) -> tuple[int, int, int]:
        """Pieces of a kernel's row that lie together, elements of each, and from one to the next."""
        last = self.axes[-1]
        if last.dilation == 1 or last.kernel == 1:
            return 1, last.kernel * self.channels, 0
        return last.kernel, self.channels, last.dilation * self.channels


def workers_for(n_bytes: int) -> int:
    """The workers that so many bytes are worth."""
    return max(1, min(_workers.get_workers(), _workers.most_threads(), n_bytes // PER_WORKER))


def scatter(strips: Strips, windows: Array, out: Array) -> None:
    """The sums of all windows (N, rows..., taps) that hold a pixel, in `out` (N, places..., C); OverflowError."""
    padded = [folds(axis, word) for axis, word in zip(strips.axes, strips.boundary, strict=True)]
    of_image = prod(strips.extents) * strips.channels * (16 if windows.dtype.kind == "c" else 8)
    checked(of_image, "image_shape", "the bytes of an image's sums with their padding")
    if any(padded):
        refuse_too_large("image_shape", "sums of an image with its padding", of_image)
    if windows.dtype.kind in "iub" and windows.dtype.itemsize == 8:
        n_terms = prod(axis.kernel for axis in strips.axes)
        n_terms *= prod(most_places(axis, word) for axis, word in zip(strips.axes, strips.boundary, strict=True))
        if magnitude(windows) * n_terms > EXACT_INT64:
            scatter_whole(strips, windows, out, padded)
            return
    if windows.dtype == out.dtype and not any(padded) and all(map(is_apart, strips.axes)):
        put_windows(strips, windows, out)
        return
    if windows.dtype.kind == "c":
        strips = strips._replace(channels=2 * strips.channels)
    add(strips, windows, out, padded)


def is_apart(axis: Axis) -> bool:
    """Whether no pixel is in two windows along an axis, and none in the padding."""
    return axis.stride >= axis.effective and axis.before == 0 and axis.behind <= 0


def put_windows(strips: Strips, windows: Array, out: Array) -> None:
    """The same where each pixel is in one window at most: some rows of windows of an image at a time."""
    counts, kernels = [axis.outputs for axis in strips.axes], [axis.kernel for axis in strips.axes]
    image, *steps, channel = out.strides
    places = as_strided(
        out,
        (len(out), *counts, *kernels, out.shape[-1]),
        (
            image,
            *(axis.stride * step if axis.outputs > 1 else 0 for axis, step in zip(strips.axes, steps, strict=True)),
            *(axis.dilation * step if axis.kernel > 1 else 0 for axis, step in zip(strips.axes, steps, strict=True)),
            channel,
        ),
    )
    own = windows.reshape(places.shape)
    if places.size < out.size:
        copy_turned(out, np.zeros((), out.dtype))
    n_workers = workers_for(windows.nbytes)
    cuts = [counts[0] * part // n_workers for part in range(n_workers + 1)]

    def do(part: int) -> None:
        rows = slice(cuts[part], cuts[part + 1])
        copy_turned(places[:, rows], own[:, rows])

    _workers.prepare(do, n_workers, n_workers)


def scatter_whole(strips: Strips, windows: Array, out: Array, padded: list[bool]) -> None:
    """The same of integers whose sums int64 may not hold on the way."""
    for image in range(len(out)):
        whole = WholeSums()

        def sums(digits: Array, _: Array, image: int = image) -> Array:
            part = np.empty((1, *out.shape[1:]), np.int64)
            add(strips, digits, part, padded)
            return part

        whole.add(windows[image : image + 1], np.ones(1, np.int8), sums)
        whole.store(out[image : image + 1])


class Rows(NamedTuple):
    """Places of an axis of a padded image that a task makes, and the windows of it that reach them."""

    first: int
    end: int

    def windows(self, axis: Axis) -> tuple[int, int]:
        """The first of the windows, and the end."""
        first = max(0, -(-(self.first - axis.effective + 1) // axis.stride))
        return first, max(first, min(axis.outputs, (self.end - 1) // axis.stride + 1))


def add(strips: Strips, windows: Array, out: Array, padded: list[bool]) -> None:
    """The sums in `out`: rows of images at a time, or where borders are folded back whole images.

    Complex numbers have twice as many channels here.
    """
    call = Addition(strips, windows.dtype)
    whole, down = any(padded), strips.axes[0]
    of_row = prod(call.extents[1:]) * strips.channels * 8
    inside = tuple(
        slice(axis.before, axis.before + axis.length) if not pads else slice(None)
        for axis, pads in zip(strips.axes, padded, strict=True)
    )
    n_rows, begin = (call.extents[0], 0) if whole else (down.length, down.before)
    fair = -(-len(out) * n_rows // (2 * workers_for(windows.nbytes)))
    at_once = n_rows if whole else max(1, min(n_rows, max(fair, 4 * down.effective), MOST_BYTES // of_row))
    refuse_too_large("image_shape", "sums of some rows of an image", of_row * at_once)
    in_place = not whole and call.may_be_sums(out)
    tasks = [(image, first) for image in range(len(out)) for first in range(0, n_rows, at_once)]

    def do(task: int) -> None:
        image, first = tasks[task]
        rows = Rows(begin + first, begin + min(first + at_once, n_rows))
        place = out[image, first : first + rows.end - rows.first] if not whole else out[image]
        sums = call.sums_of(windows[image], rows, place if in_place else None)
        if in_place:
            return
        sums = sums[inside] if whole else sums[(slice(None), *inside[1:])]
        for index, (axis, word) in enumerate(zip(strips.axes, strips.boundary, strict=True)):
            if padded[index]:
                sums = fold_back(sums, index, axis, word)
        store_sums(sums, place)

    n_workers = min(workers_for(windows.nbytes), max(1, WORKSPACE_LIMIT // (2 * of_row * at_once)))
    _workers.prepare(do, len(tasks), n_workers)


class Addition:
    """How windows of one type are added up: what of it all strips have in common."""

    def __init__(self, strips: Strips, dtype: np.dtype[Any]) -> None:
        self.strips = strips
        self.is_complex, is_whole = dtype.kind == "c", dtype.kind in "biu"
        self.taken = np.dtype(np.int64) if is_whole else np.promote_types(dtype, np.float32).newbyteorder("=")
        self.real = self.taken.type(0).real.dtype
        self.extents = strips.extents
        self.pitches = strips.pitches(self.extents)
        self.n_terms = prod(
            -(-axis.kernel // (axis.stride // gcd(axis.stride, axis.dilation)))
            * (1 if word == "constant" else most_places(axis, word))
            for axis, word in zip(strips.axes, strips.boundary, strict=True)
        )
        self.in_lines = not is_whole and self.n_terms > FEW_TERMS
        self.pieces = pieces_of_rows(strips, self.pitches, CHAINS[self.real.str[1:]] if self.in_lines else None)
        self.in_blocks = self.real == np.float64 and self.in_lines and strips.axes[0].kernel > BLOCK_ROWS
        self.apart, last = strips.pieces()[2], strips.axes[-1]
        self.step = last.stride * strips.channels
        self.in_row = int(((self.pieces[:, 2] - 1) * self.apart + self.pieces[:, 3]).max())
        of_lines = len(self.pieces) * self.step * self.real.itemsize
        of_window = strips.n_taps * self.real.itemsize
        most = LINE_BYTES // of_lines if self.in_lines else TASK_BYTES // of_window
        self.columns = max(1, min(last.outputs, most))
        self.at_once = max(1, TASK_BYTES // (self.columns * of_window))  # rows of as many windows
        self.found: dict[tuple[int, int, Rows], Indices] = {}  # of the first image, for the others

    def may_be_sums(self, out: Array) -> bool:
        """Whether images may be summed where they lie: padding has no place there."""
        no_padding = all(axis.length == extent for axis, extent in zip(self.strips.axes, self.extents, strict=True))
        return no_padding and not self.in_lines and out.dtype == self.taken and out[0].flags.c_contiguous

    def sums_of(self, windows: Array, rows: Rows, place: Array | None) -> Array:
        """The sums of one image's windows (rows..., taps) at some rows of its padded pixels (rows, places..., C)."""
        shape = (rows.end - rows.first, *self.extents[1:], self.strips.channels)
        summed = np.dtype(np.float64) if self.in_lines else self.real
        if place is None:
            strip = empty_lines(prod(shape) * summed.itemsize).view(summed)
        else:
            strip = place.reshape(-1).view(summed)
        strip[...] = 0
        sums, totals = (np.empty(0, self.real), strip) if self.in_lines else (strip, np.empty(0))
        of_lines = len(self.pieces) * ((self.columns - 1) * self.step + self.in_row)
        lines = np.empty(of_lines if self.in_lines else 0, self.real)
        first, end = rows.windows(self.strips.axes[0])
        as_they_are = windows.dtype == self.taken and windows.flags.c_contiguous and windows.flags.aligned
        of_row = max(1, windows[:1].size * self.taken.itemsize)
        at_once = max(1, end - first if as_they_are else CONVERTED // of_row)
        whole = strip.copy() if self.in_blocks else None
        row = first
        while row < end:
            next_row = min(row + at_once, end, (row // BLOCK_ROWS + 1) * BLOCK_ROWS if self.in_blocks else end)
            some = windows[row:next_row]
            own = np.ascontiguousarray(some, self.taken).reshape(-1).view(self.real)
            bases = self.bases_of(row, len(some), rows)
            for begin in range(0, len(bases), self.at_once):
                go_on()
                _indices.scatter(
                    self.real.str[1:],
                    own.view(np.int8),
                    sums.view(np.int8),
                    totals.view(np.int8),
                    lines.view(np.int8),
                    bases[begin : begin + self.at_once],
                    self.strips.n_taps,
                    self.step,
                    self.pieces,
                    self.apart,
                    self.in_row,
                )
            row = next_row
            if whole is not None and (row == end or row % BLOCK_ROWS == 0):
                whole += strip
                strip[...] = 0
        strip = strip if whole is None else whole
        result = strip.reshape(shape)
        return result.view(np.result_type(summed, np.complex64)) if self.is_complex else result

    def bases_of(self, first: int, count: int, rows: Rows) -> Indices:
        """Rows of windows in blocks, as `bases_of` finds them: the same ones for all images."""
        found = self.found.get((first, count, rows))
        if found is None:
            found = bases_of(self.strips, first, count, rows, self.pitches, len(self.pieces), self.columns)
            if len(self.found) < KEPT_ROWS and found.nbytes <= KEPT_BYTES:
                self.found[first, count, rows] = found
        return found


def pieces_of_rows(strips: Strips, pitches: list[int], most: int | None) -> Indices:
    """Rows of taps in pieces of so many: (place in the strip, place in a window, pieces, elements of each)."""
    n_pieces, n_elements, apart = strips.pieces()
    in_row, rows = n_pieces * n_elements, strips.tap_rows(pitches)
    chain = in_row if most is None else most * strips.channels
    found = []
    for index, place in enumerate(rows):
        for first in range(0, in_row, chain):
            count = min(chain, in_row - first)
            if n_pieces == 1:
                found.append((place + first, index * in_row + first, 1, count))
            else:
                before = first // n_elements
                found.append((place + before * apart, index * in_row + first, count // n_elements, n_elements))
    return np.array(found, np.intp)


def bases_of(
    strips: Strips, first: int, count: int, rows: Rows, pitches: list[int], n_pieces: int, at_once: int
) -> Indices:
    """Rows of windows in blocks: (place in the strip, among windows, columns, first piece of taps and the end)."""
    down, *others, last = strips.axes
    inner = strips._replace(axes=(Axis(1, 1), *others, last)).places(
        pitches, [1, *(axis.outputs for axis in others)], lambda axis: axis.stride
    )
    window, columns = np.arange(first, first + count), np.arange(0, last.outputs, at_once)
    place = window * down.stride - rows.first
    taps = np.maximum(0, -(place // down.dilation))
    ends = np.minimum(down.kernel, (rows.end - rows.first - 1 - place) // down.dilation + 1)
    seen = taps < ends
    found = np.empty((int(seen.sum()), len(inner), len(columns), 5), np.intp)
    found[..., 0] = (place[seen] * pitches[0])[:, None, None] + inner[:, None] + columns * last.stride * strips.channels
    row = (window[seen] - first)[:, None, None] * len(inner) + np.arange(len(inner))[:, None]
    found[..., 1] = (row * last.outputs + columns) * strips.n_taps
    found[..., 2] = np.minimum(at_once, last.outputs - columns)
    found[..., 3] = (taps[seen] * (n_pieces // down.kernel))[:, None, None]
    found[..., 4] = (ends[seen] * (n_pieces // down.kernel))[:, None, None]
    return found.reshape(-1, 5)
