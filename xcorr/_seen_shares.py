"""Shares of kernels that see something: the sum of |kernel| over what is seen, beside that of the whole kernel."""

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from xcorr import _workers
from xcorr._axes import Axis, Span
from xcorr._masks import canonical
from xcorr._plan import Plan, plan_for
from xcorr._settings import USUAL
from xcorr._unseen_taps import counted, plan_beside, plan_of_whole, settings_beside, sums_of

Array = npt.NDArray[Any]
Doubles = npt.NDArray[np.float64]

AT_ONCE = 2**26
"""Bytes of shares, and of what they are counted by, that are there at once, if one row of one kernel has not more."""

PIECE = 2**13
"""Responses that a worker divides at once: they stay in its caches."""


def method_of(plan: Plan) -> str:
    """The method of the sums over what is seen: that of the responses where these are made in the frequency domain."""
    return "fft" if plan.method == "fft" else "direct"


def plans_of_shares(plan: Plan, magnitudes: Doubles, dtype: np.dtype[Any]) -> list[Plan]:
    """The plans of sums over what is seen of a whole image, by which those of parts are made."""
    return [
        plan_of_whole(plan, settings_beside(plan, word, method_of(plan)), magnitudes.shape[1], dtype, taps)
        for word, taps in (("NCHW", magnitudes), ("NHWC", np.moveaxis(magnitudes, 1, 3)))
    ]


class Shares(NamedTuple):
    """Kernels of the same channels, and what is seen of these."""

    plan: Plan  # of the sums
    seen: Array  # (images or 1, channels, rows, columns): shares or bools
    magnitudes: Doubles  # (kernels, channels, rows, columns)
    workers: Any
    beside: int  # bytes that are there at the same time

    def of_sums(self, sums: Array, area: Span) -> None:
        """Divides the sums (images, kernels, rows, columns) of an area, of some kernels and rows at a time.

        One plane for every channel by itself has the same shares in all.
        """
        (top, n_rows), columns = area
        n_kernels, of_row = len(self.magnitudes), len(self.seen) * columns[1] * self.bytes_each
        rows = min(n_rows, max(1, AT_ONCE // of_row))
        kernels = max(1, AT_ONCE // (of_row * rows))
        in_planes = sums.shape[1] == 1 or abs(sums.strides[1]) >= abs(sums.strides[3])
        for first in range(0, n_kernels, kernels):
            own = self._replace(magnitudes=self.magnitudes[first : first + kernels])
            some = slice(None) if n_kernels == 1 else slice(first, first + kernels)
            for row in range(0, n_rows, rows):
                part = (top + row, min(rows, n_rows - row)), columns
                found, whole = own.found(part, "NCHW" if in_planes else "NHWC")
                divide(sums[:, some, row : row + rows], found, whole, in_planes, self.workers)

    @property
    def is_fft(self) -> bool:
        """Whether sums are made in the frequency domain, as the responses are."""
        return method_of(self.plan) == "fft"

    @property
    def bytes_each(self) -> int:
        """Bytes of a share, and of what it is counted by."""
        return 8 * (1 + 2 * self.is_fft + bool(np.isinf(self.magnitudes).any()))

    def found(self, area: Span, word: str) -> tuple[Doubles, Doubles]:
        """The sums over what is seen of an area (images or 1, kernels, rows, columns), and those of whole kernels."""
        finite = np.where(np.isfinite(self.magnitudes), self.magnitudes, 0)
        infinite = np.isinf(self.magnitudes)
        total = self.total(finite)
        found = self.sums(finite, total, area, word)
        if infinite.any():
            found[self.counts(self.seen > 0, infinite, area) > 0] = np.inf
        whole = self.magnitudes.sum(axis=(1, 2, 3))
        return found, np.where(np.isfinite(whole), total, whole)

    def total(self, magnitudes: Doubles) -> Doubles:
        """The sum of each kernel, added up as those of windows that see all of it are."""
        ones = np.ones((1, *magnitudes.shape[1:]), np.bool_)
        settings = USUAL._replace(layout="NCHW", method="direct", flip=self.plan.settings.flip)
        own = plan_for(settings, ones.shape, ones.dtype, magnitudes.shape, magnitudes.dtype)
        return np.asarray(sums_of(own, magnitudes, ones, 1)[0, :, 0, 0])

    def sums(self, magnitudes: Doubles, total: Doubles, area: Span, word: str) -> Doubles:
        """The sums over what is seen, directly or, as the responses are made, in the frequency domain.

        There the sums of all of a kernel, and of nothing, are told by counting.
        """
        pixels, taps = self.seen, magnitudes
        if word == "NHWC":
            pixels, taps = (np.ascontiguousarray(np.moveaxis(one, 1, 3)) for one in (pixels, taps))
        own = plan_beside(self.plan, settings_beside(self.plan, word, method_of(self.plan)), pixels, taps, area)
        found: Doubles = sums_of(own, taps, pixels, self.workers, self.beside)
        found = np.moveaxis(found, 3, 1) if word == "NHWC" else found
        if self.is_fft:
            counted_taps = magnitudes > 0
            whole, some = (self.counts(own, counted_taps, area) for own in (self.seen == 1, self.seen > 0))
            every = counted_taps.sum(axis=(1, 2, 3))[:, np.newaxis, np.newaxis]
            np.copyto(found, total[:, np.newaxis, np.newaxis], where=whole == every)
            found[some == 0] = 0
        return found

    def counts(self, pixels: Array, taps: Array, area: Span) -> Array:
        """How many pixels of a set lie under the taps of a set."""
        return counted(self.plan, pixels, taps, 1, self.workers, area, self.beside)


def divide_by_shares(plan: Plan, seen: Any, kernels: Array, sums: Array, workers: Any, beside: int) -> None:
    """Divides sums (images, kernels, rows, columns) by the share of each kernel that was seen; NaN where none was.

    `seen` are shares or bools (images or 1, channels or 1, rows, columns), None where all pixels are: then only windows
    that reach padding see less than all. `beside` are bytes that are there at the same time.
    """
    magnitudes = magnitudes_of(canonical(kernels, plan.layout.kernels))
    areas = [plan.area]
    if seen is None:
        at_hand = plan.at_hand or [(0, axis.length) for axis in plan.geometry.axes]
        seen = np.ones((1, 1, *(length for _, length in at_hand)), np.bool_)
        areas = borders(plan)
        whole = magnitudes.sum(axis=(1, 2, 3))
        undefined = ~((whole > 0) & np.isfinite(whole))
        for part in (sums.real, sums.imag) if sums.dtype.kind == "c" else (sums,):
            part[:, np.resize(undefined, sums.shape[1])] = np.nan
    geometry = plan.geometry
    n_groups, depth, n_own = geometry.groups, geometry.depth, geometry.n_kernels // geometry.groups
    if seen.shape[1] == 1:
        magnitudes, n_groups, depth, n_own = magnitudes.sum(axis=1, keepdims=True), 1, 1, geometry.n_kernels
    (top, _), (left, _) = plan.area
    for group in range(n_groups):
        some = slice(group * n_own, (group + 1) * n_own)
        own = magnitudes if plan.layout.each_channel else magnitudes[some]
        shares = Shares(plan, seen[:, group * depth : (group + 1) * depth], own, workers, beside + AT_ONCE)
        for (row, n_rows), (column, n_columns) in areas:
            rows, columns = slice(row - top, row - top + n_rows), slice(column - left, column - left + n_columns)
            shares.of_sums(sums[:, some, rows, columns], ((row, n_rows), (column, n_columns)))


def borders(plan: Plan) -> list[Span]:
    """The parts of the wanted area whose windows reach padding that is unseen."""
    (top, n_rows), (left, n_columns) = plan.area
    words, axes = plan.settings.boundary, plan.geometry.axes
    above, below = inside(axes[0], words[0])
    before, behind = inside(axes[1], words[1])
    middle = top + above, below - above
    found = [
        ((top, above), (left, n_columns)),
        ((top + below, n_rows - below), (left, n_columns)),
        (middle, (left, before)),
        (middle, (left + behind, n_columns - behind)),
    ]
    return [(rows, columns) for rows, columns in found if rows[1] > 0 and columns[1] > 0]


def inside(axis: Axis, boundary: str) -> tuple[int, int]:
    """The first window that holds nothing but pixels, and the end of those."""
    if boundary != "constant":
        return 0, axis.outputs
    first = min(max(0, -(-axis.before // axis.stride)), axis.outputs)
    end = (axis.before + axis.length - axis.effective) // axis.stride + 1
    return first, min(max(first, end), axis.outputs)


def magnitudes_of(taps: Array) -> Doubles:
    """|kernels|, (kernels, channels, rows, columns), each divided by a power of two; not finite where a tap is.

    In C order: NumPy sums in the order of memory.
    """
    parts = [taps.real.astype(np.float64, "C"), taps.imag.astype(np.float64, "C")]
    axes = (1, 2, 3)
    finite = [np.where(np.isfinite(part), np.abs(part), 0) for part in parts]
    largest = np.maximum(*(part.max(axis=axes, keepdims=True, initial=0) for part in finite))
    exponents = np.frexp(largest)[1]
    with np.errstate(all="ignore"):
        return np.asarray(np.hypot(*(np.ldexp(part, -exponents) for part in parts)))


def divide(sums: Array, seen: Doubles, whole: Doubles, in_planes: bool, workers: Any) -> None:
    """Divides sums (images, kernels, rows, columns) by what is seen of the whole kernels; NaN where that is nothing.

    Workers take pieces, as sums lie in memory.
    """
    whole = whole[:, np.newaxis, np.newaxis]
    if not in_planes:
        sums, seen, whole = np.moveaxis(sums, 1, 3), np.moveaxis(seen, 1, 3), whole[:, 0, 0]
    n_images, n_outer, n_middle, n_inner = sums.shape
    middle = min(n_middle, max(1, PIECE // n_inner))
    outer = min(n_outer, max(1, PIECE // (middle * n_inner)))
    pieces = [
        (image, slice(first, first + outer), slice(second, second + middle))
        for image in range(n_images)
        for first in range(0, n_outer, outer)
        for second in range(0, n_middle, middle)
    ]
    parts = [sums.real, sums.imag] if sums.dtype.kind == "c" else [sums]
    are_numbers = bool(np.isfinite(whole).all())

    def divide_piece(task: int) -> None:
        image, first, second = pieces[task]
        own = seen[image if len(seen) > 1 else 0]
        of_all = slice(None) if len(own) == 1 else first  # what one plane sees of all channels
        own = own[of_all, second]
        with np.errstate(all="ignore"):
            inverses = (whole[of_all] if in_planes else whole) / own
            if not (are_numbers and own.min() > 0):
                inverses[~((own > 0) & np.isfinite(inverses))] = np.nan
            inverses = inverses.astype(parts[0].dtype, copy=False)
            for part in parts:
                part[pieces[task]] *= inverses

    _workers.prepare(divide_piece, len(pieces), _workers.count_workers(workers))
