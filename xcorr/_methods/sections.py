"""The sections of the frequency domain: their sizes, what they cost, and where integers come out exactly."""

from itertools import product
from math import prod
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from xcorr._axes import Axis, Geometry
from xcorr._cache import remembered
from xcorr._dtypes import Types
from xcorr._methods.lines import LONG_KERNEL, OF_WHOLE_ROWS, Fold, kernel_folds, left_over, line_of
from xcorr._methods.stretches import STRETCH_BYTES, count_stretches, is_plain, lone_axis, of_stretch
from xcorr._workers import WORKSPACE_LIMIT

SIZES = (16, 32, 48, 64, 80, 96, 128, 144, 160, 192, 240, 256, 320, 384, 480, 512, 640, 768, 1024, 1280, 1536, 2048)
"""Points along the sides of sections: products of 2, 3 and 5, and multiples of 16, the most lanes of a vector.

A section has as many columns of pixels and twice as many rows, whose lower half is the imaginary part.
"""

PIXELS = 2, 1
"""Rows and columns of pixels that a point has."""

LONGEST = PIXELS[0] * SIZES[-1], PIXELS[1] * SIZES[-1]
"""Pixels of the longest sides, down and across."""

LINE_ROWS = 48
"""Pieces of a line in a section at most: what is handed back is a section."""

SPECTRA_LIMIT = WORKERS_LIMIT = WORKSPACE_LIMIT // 2
"""Bytes of the spectra of kernels that are there at once, and of what the workers need."""

PASS, LONG, FORWARD, ROW, STREAM, FAR, STORE, SPILL = 4.8, 4.7, 97, 670, 2.7, 18, 28, 4.0
"""What a point costs, in multiply-adds of the direct method at its best.

In a pass of radix 4 along one axis, and what is added where its lines are long; beside the passes in a forward
transform (staging, the section's range, transposing); what each row of points costs in either transform; what is added
to the product of one channel's spectra for each doubling of the bank's spectra beyond a quarter of the second cache,
and to a transform for each of a section beyond all of it; and what a response costs on its way from a strip to the
array, and from one that does not fit the second cache. 2026-11-29, AMD EPYC (Zen 4), level v4, 1 worker,
benchmarks/fourier.py.
"""

KERNELS = 16
"""Kernels that a section is chosen for, whatever their number is: a response's bits do not depend on the bank."""

KERNELS_OF_LINE = 1
"""The same where kernels are folded, or in boxes: banks of long ones are rare, and sections are best as for one.

With sections for 16 of them 44,100 taps on 441,000 samples take 11.4 instead of 6.6 ms. 2026-11-27, AMD EPYC (Zen 3),
level v3, 1 worker.
"""

WORTH_SHARING, IDLE = 10_000_000, 0.03
"""Multiply-adds above which a call is worth several workers, and what a section is charged for those that idle.

Workers take sections, and some idle where these are few: such a section is charged IDLE over their number more,
whatever the number of workers.
"""

LARGE_KERNEL, MORE_BOXES = 512, 3
"""Pixels of a side from which on kernels may be cut into boxes, and how many more than needed are looked at."""

BOX_BYTES = 2**24
"""Bytes of the responses of one box that wait to be added, and of those they are added to if these wait; not tuned."""

SUMMED = 16
"""Units of rounding of the magnitudes' sum that a sum of complex products over any number of channels may err by.

A part of it is one of two products a channel. Each is rounded at most 9 times in its block of 4 channels (8 additions,
and the product itself without fused multiply-adds), and totals of any number of blocks, which carry what they lose, err
by 2 u (Kahan's sum: Higham, "Accuracy and Stability of Numerical Algorithms", section 4.3): both parts together err by
less than sqrt(2) 11 u.
"""

LONG_LINE = 640
"""Points beyond which a line is long: more than the first cache holds, two vectors of 64 bytes each.

Of 512, 640, 768 and 1024 the one with which sections are reckoned best.
"""

SECOND_CACHE, THIRD_CACHE = 2**20, 2**24
"""Bytes of one core's, and what a core may hope for of the one that they share, whatever the machine has.

Sections decide a response's bits, which are to be the same on all machines of a level.
"""

BEYOND = 20
"""Doublings that a section counts as larger which the third cache does not hold.

Of 3072x2048 pixels each takes 2.7 times as long as of 2048x2048. 2026-11-29, AMD EPYC (Zen 4), level v4, 1 worker.
"""


class Section(NamedTuple):
    """The sides of a section; the points of its transforms, 1 along an axis left alone; the windows it gives."""

    height: Any
    width: Any
    down: Any
    across: Any
    valid_rows: Any
    valid_columns: Any


class Sizes(NamedTuple):
    """What the choice of a section depends on: sizes of one image and the bank, in real elements."""

    rows: int  # of windows, without stride
    columns: int
    row_span: int  # of a kernel, dilated
    column_span: int
    row_stride: int
    column_stride: int
    depth: int
    n_kernels: int
    groups: int
    item: int
    is_line: bool = False  # folded: pieces of one row of windows are the rows of a section
    fold: Fold | None = None  # of folded kernels: the sizes are those of the pieces then
    n_stretches: int = 0  # that a line is done in, whose sizes these are; 0 where it is not cut
    boxes: tuple[int, int] = (1, 1)  # that kernels are cut into, down and across, whose spans these are


def sizes_of(geometry: Geometry, types: Types) -> Sizes:
    """A complex channel counts as two, and so does a complex kernel."""
    down, across = geometry.axes
    more = (
        geometry.channels // geometry.groups * (2 if types.images.kind == "c" else 1),
        geometry.n_kernels // geometry.groups * (2 if types.is_complex else 1),
        geometry.groups,
        8 if types.exact else types.sums.itemsize,
    )
    line = line_of(geometry)
    found = {Sizes(down.span, across.span, down.effective, across.effective, down.stride, across.stride, *more): 0}
    if line is not None:
        along, inside = geometry.axes[line.axis], line.end - line.first
        found = {Sizes(1, inside, 1, along.effective, 1, 1, *more, True): (along.outputs - inside) * along.kernel}
    found |= folded_sizes(geometry, types, more)
    found |= dict.fromkeys(boxed_sizes(geometry, more), 0)
    if n_stretches := count_stretches(geometry, types, SIZES[-1]):
        own = sizes_of(*of_stretch(geometry, types))._replace(n_stretches=n_stretches)
        found[own] = 0
        if own.fold is not None:
            taps = geometry.axes[own.fold.line.axis].kernel
            found[own] = n_stretches * left_over(own.fold.line.end, taps, own.fold.length)
    costs = {
        sizes: cost * (OF_WHOLE_ROWS if sizes.is_line else 1) + adds_left * sizes.depth
        for sizes, adds_left in found.items()
        for section, cost in (cheapest(sizes._replace(n_kernels=1)),)
        if section
    }
    return min(costs, key=lambda sizes: costs[sizes], default=next(iter(found)))


def folded_sizes(geometry: Geometry, types: Types, more: tuple[int, int, int, int]) -> dict[Sizes, int]:
    """Sizes of a line whose kernels are folded, and the multiply-adds of a channel that are left to the direct method.

    There are none where it is to be cut into stretches first.
    """
    axis = lone_axis(geometry)
    if axis is None or geometry.axes[axis].kernel < LONG_KERNEL:
        return {}
    along = geometry.axes[axis]
    if not is_plain(along, geometry.channels, types):
        return {}
    found = {}
    for fold in kernel_folds(axis, along, SIZES):
        sizes = Sizes(fold.n_rows, fold.length, fold.kernel_rows, fold.length, 1, 1, *more, False, fold)
        found[sizes] = left_over(along.outputs, along.kernel, fold.length)
    return found


def boxed_sizes(geometry: Geometry, more: tuple[int, int, int, int]) -> list[Sizes]:
    """Sizes of one box of the taps of large kernels, for the fewest boxes that fit a section, and for some more."""
    if lone_axis(geometry) is not None or max(axis.effective for axis in geometry.axes) < LARGE_KERNEL:
        return []
    down, across = geometry.axes
    found = []
    for n_down, n_across in product(box_counts(down), box_counts(across)):
        height, width = (
            (-(-axis.kernel // count) - 1) * axis.dilation + 1 for axis, count in ((down, n_down), (across, n_across))
        )
        if (n_down, n_across) != (1, 1):
            sizes = Sizes(down.span, across.span, height, width, down.stride, across.stride, *more)
            found.append(sizes._replace(boxes=(n_down, n_across)))
    return found


def box_counts(axis: Axis) -> range:
    """How many boxes of taps there may be along an axis: as few as fit the longest section, or a few more."""
    longest = (SIZES[-1] - axis.stride) // axis.dilation + 1
    fewest = -(-axis.kernel // max(1, longest))
    return range(fewest, min(fewest + MORE_BOXES, axis.kernel) + 1)


def fold_of(geometry: Geometry, sizes: Sizes, section: "Section") -> Fold | None:
    """The line of a geometry in pieces: as long as a section's rows, or as the rows of folded kernels."""
    if sizes.fold is not None or not sizes.is_line or sizes.n_stretches:
        return sizes.fold
    line = line_of(geometry)
    assert line is not None
    length = int(section.valid_columns)
    return Fold(line, (line.end - line.first) // length, length)


# --- sections ---------------------------------------------------------------------------------------------------------


@remembered(1024)
def cheapest(sizes: Sizes) -> tuple[Section | None, int]:
    """The cheapest section for some kernels, and its cost in multiply-adds of the direct method; None if none fits."""
    is_boxed = sizes.boxes != (1, 1)
    few = sizes._replace(n_kernels=KERNELS_OF_LINE if is_boxed or sizes.fold is not None else KERNELS)
    sections = all_sections(few)
    costs = section_cost(sections, few)
    limit = WORKERS_LIMIT - (2 * BOX_BYTES if is_boxed else 0 if few.fold is None else STRETCH_BYTES)
    fits = (workspace(sections, few) <= limit) & (chunk(sections, few) >= 1)
    if not fits.any():
        return None, 0
    if costs[fits].min() > WORTH_SHARING:
        costs = costs * (1 + IDLE / n_sections(sections, few))
    best = int(np.argmin(np.where(fits, costs, np.inf)))
    section = Section(*(int(numbers.flat[best]) for numbers in sections))
    return section, int(section_cost(section, sizes))


def taken_section(sizes: Sizes) -> tuple[Section, int]:
    """The cheapest section and its cost; MemoryError if there is none."""
    section, cost = cheapest(sizes)
    spans, strides, longest = (sizes.row_span, sizes.column_span), (sizes.row_stride, sizes.column_stride), LONGEST
    if section is None and any(
        span + stride > most + 1 for span, stride, most in zip(spans, strides, longest, strict=True)
    ):
        raise MemoryError(
            f"method: 'fft' transforms tiles of at most {longest[0]}x{longest[1]} pixels; the kernels' taps span "
            f"{spans[0]}x{spans[1]}, {strides[0]}x{strides[1]} pixels apart; allowed is what fits a tile, and other "
            "methods"
        )
    if section is None:
        raise MemoryError(
            f"method: 'fft' would need {least_bytes(sizes)} bytes of spectra and of workspace; "
            f"at most {WORKSPACE_LIMIT} are allowed"
        )
    return section, cost


def all_sections(sizes: Sizes) -> Section:
    """Every section that gives a window, as arrays (heights, widths)."""
    down = sides(0, sizes.rows, sizes.row_span, sizes.row_stride)
    across = sides(1, sizes.columns, sizes.column_span, sizes.column_stride)
    if sizes.is_line:
        down = sides(0, LINE_ROWS, 1, 1)
        across = across[:, across[2] <= sizes.columns]
    elif sizes.fold is not None:
        across = across[:, across[2] >= sizes.columns]  # whole pieces, which are parts of the line
    (heights, widths), (n_down, n_across), (rows, columns) = (
        np.meshgrid(first, second, indexing="ij") for first, second in zip(down, across, strict=True)
    )
    return Section(*(array.astype(np.float64) for array in (heights, widths, n_down, n_across, rows, columns)))


def sides(axis: int, windows: int, span: int, stride: int) -> npt.NDArray[np.intp]:
    """(3, sides): sides of sections along an axis, their points, and the windows they give, whole strides."""
    points = np.array(SIZES)
    side = points * PIXELS[axis]
    if span == 1:
        points = np.ones_like(points)
    valid = (side - span + 1) // stride * stride
    enough = np.searchsorted(valid, windows) + 1  # longer ones only cost more
    found = np.stack([side, points, valid])[:, :enough]
    return found[:, found[2] > 0]


def n_sections(section: Section, sizes: Sizes) -> Any:
    """Sections that cover an image."""
    rows, columns = sizes.rows, sizes.columns
    if sizes.is_line:
        rows, columns = sizes.columns // section.valid_columns, 1
    return np.ceil(rows / section.valid_rows) * np.ceil(columns / section.valid_columns)


def workspace(section: Section, sizes: Sizes) -> Any:
    """Bytes that one worker needs beside the responses in its strip, at most 16 MiB."""
    return sizes.item * section.height * ((2 * section.width + 16) * sizes.depth + section.width) + 2**24


def spectrum_bytes(section: Section, sizes: Sizes) -> Any:
    """Bytes of the spectra of one kernel, all channels together."""
    return sizes.item * sizes.depth * section.height * section.width


def chunk(section: Section, sizes: Sizes) -> Any:
    """Kernels of each group whose spectra are there at once."""
    return np.minimum(sizes.n_kernels, SPECTRA_LIMIT // (spectrum_bytes(section, sizes) * sizes.groups)).astype(np.intp)


def least_bytes(sizes: Sizes) -> int:
    """The limit that the section which needs least would need: one half for spectra, the other for a worker."""
    sections = all_sections(sizes)
    return int(2 * np.maximum(workspace(sections, sizes), sizes.groups * spectrum_bytes(sections, sizes)).min())


# --- what they cost ---------------------------------------------------------------------------------------------------


def section_cost(section: Section, sizes: Sizes) -> Any:
    """Cost of one image, all its stretches, in multiply-adds of the direct method; half of the calls are raw."""
    constants = PASS, LONG, FORWARD, ROW, STREAM, FAR, STORE, SPILL
    costs = np.tensordot(constants, counts(section, sizes, 0.5), axes=1)
    return costs * max(1, sizes.n_stretches) * prod(sizes.boxes)


def counts(section: Section, sizes: Sizes, raw: float) -> Any:
    """(8, ...): how often each of the constants above is paid for one image, with raw kernels in a share of calls."""
    points = section.height * section.width / PIXELS[0]
    used = np.minimum(1, (np.minimum(sizes.columns, section.valid_columns) + 8) / section.width)
    n_transforms = sizes.groups * n_sections(section, sizes)
    forward = sizes.depth * points * n_transforms
    forward = forward * np.ceil(sizes.n_kernels / np.maximum(chunk(section, sizes), 1))
    backward = sizes.n_kernels * points * n_transforms
    kernels = raw * sizes.groups * sizes.n_kernels * sizes.depth * points
    bank = spectrum_bytes(section, sizes) * sizes.n_kernels
    wide = sizes.item / 4  # half as many lanes
    stored = sizes.groups * sizes.n_kernels * float(sizes.rows) * sizes.columns * (sizes.n_kernels > 1) + 0 * points
    large_strip = section.valid_rows * section.valid_columns * min(16, sizes.n_kernels) * sizes.item > SECOND_CACHE
    across = forward + backward + kernels
    passes_down = (forward + backward * used + kernels * sizes.column_span / section.width) * np.log2(section.down) / 2
    passes_across = across * np.log2(section.across) / 2
    n_bytes = sizes.item * section.height * section.width
    return wide * np.stack(
        [
            passes_down + passes_across,
            passes_down * (section.down > LONG_LINE) + passes_across * (section.across > LONG_LINE),
            forward + kernels / 4,
            (forward + backward) / section.width,
            backward * sizes.depth * doublings(bank, SECOND_CACHE / 4),
            across * (doublings(n_bytes, SECOND_CACHE) + BEYOND * (n_bytes > THIRD_CACHE)),
            stored,
            stored * large_strip,
        ]
    )


def doublings(n_bytes: Any, least: float) -> Any:
    """How often `least` has to be doubled until it is as much."""
    return np.log2(np.maximum(1, n_bytes / least))


# --- integers ---------------------------------------------------------------------------------------------------------


def rounds_right(bound: int, sizes: Sizes, section: Section) -> bool:
    """Whether whole numbers come out exactly when they are rounded, where no response exceeds `bound`.

    A pass of a transform errs by less than 8 u for each factor of two of its radix, relative to the 2-norm (Higham,
    theorem 24.2, has 6.7), the sum over channels by less than SUMMED u, scaling a response by 3 u. By Cauchy's
    inequality an error of a spectrum reaches a response at most times the norms of the sections and of the kernel, one
    of the backward pass at most times the norm of all responses: the sections' norm times the sum of the kernel's
    magnitudes. Points are half as many as pixels, which leaves 24 u, and three turns of rows err by less than 4 u each.
    So with z for the section all errors are below (24 log2(pixels) + SUMMED + 3) u |z|_2 |kernel|_1, and
    |z|_2 |kernel|_1 <= sqrt(pixels depth) `bound`, in which the channels count. A quarter is left to spare.
    """
    pixels = section.height * section.width
    unit = float(np.finfo(np.float64).eps) / 2
    errors = (24 * np.log2(pixels) + SUMMED + 3) * unit * np.sqrt(float(pixels * sizes.depth)) * float(bound)
    return bool(errors < 0.25)
