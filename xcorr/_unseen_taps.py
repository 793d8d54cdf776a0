"""Taps that are not finite: what they add to sums, where the pixel under them is seen."""

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from xcorr._arrays import in_pieces, without_repeats
from xcorr._axes import Span
from xcorr._bank import make_bank
from xcorr._job import Job
from xcorr._masks import canonical
from xcorr._plan import Plan, plan_for
from xcorr._respond import respond
from xcorr._settings import USUAL, Settings

Array = npt.NDArray[Any]

NAMES = ("padding", "boundary", "stride", "dilation", "flip")
"""Settings that say which pixel lies under which tap."""

AT_ONCE = 2**25
"""Bytes of what is added to responses that are there at once, if those of one row are not more."""

BYTES_EACH = 64
"""Bytes of one of them: what is counted, what follows from that, and what is added."""


class Taps(NamedTuple):
    """Kernels with 0 for what is not finite."""

    kernels: Array
    all_finite: bool  # they are those that were given


def finite_taps(kernels: Array) -> Taps:
    """Kernels whose taps are finite, each part of a complex one by itself."""
    if kernels.dtype.kind in "biu" or all(np.isfinite(piece).all() for (piece,) in in_pieces(without_repeats(kernels))):
        return Taps(kernels, True)
    found = kernels.copy()
    for part in (found.real, found.imag) if found.dtype.kind == "c" else (found,):
        part[~np.isfinite(part)] = 0
    return Taps(found, False)


def bounds_of(area: Span) -> tuple[tuple[int, int], tuple[int, int]]:
    """An area as the bounds of slices."""
    (row, n_rows), (column, n_columns) = area
    return (row, row + n_rows), (column, column + n_columns)


def sums_of(plan: Plan, taps: Array, pixels: Array, workers: Any, beside: int = 0) -> Array:
    """The responses of pixels, in memory of their own; `beside` are bytes that are there at the same time."""
    job = Job(plan, pixels, make_bank(taps, None, plan.reading), (0,), workers)
    job.kept_bytes = beside
    return respond(job, plan.response_shape(len(pixels)), None)


def settings_beside(plan: Plan, word: str, method: str = "auto", groups: int = 1) -> Settings:
    """The settings of sums over what is seen, whose windows lie where those of a plan do; of its whole response."""
    words = {name: getattr(plan.settings, name) for name in NAMES}
    return USUAL._replace(**words, layout=word, method=method, groups=groups)


def plan_beside(plan: Plan, settings: Settings, pixels: Array, taps: Array, area: Span) -> Plan:
    """The plan of the sums of pixels that lie as those of a plan's images do, at an area of its whole response.

    Where that plan is a part, with some pixels at hand, this one is, too.
    """
    if plan.at_hand is None:
        own = settings._replace(roi=bounds_of(area))
        return plan_for(own, pixels.shape, pixels.dtype, taps.shape, taps.dtype)
    whole = plan_of_whole(plan, settings, pixels.shape[3 if settings.layout == "NHWC" else 1], pixels.dtype, taps)
    return whole.part(area, plan.at_hand)


def plan_of_whole(plan: Plan, settings: Settings, channels: int, dtype: np.dtype[Any], taps: Array) -> Plan:
    """The plan of such sums over a whole image of so many channels."""
    lengths = tuple(axis.length for axis in plan.geometry.axes)
    shape = (1, *lengths, channels) if settings.layout == "NHWC" else (1, channels, *lengths)
    return plan_for(settings, shape, dtype, taps.shape, taps.dtype)


def counted(plan: Plan, pixels: Array, taps: Array, groups: int, workers: Any, area: Span, beside: int) -> Array:
    """How many pixels of a set (images, channels, rows, columns) each kernel's taps of a set see.

    Of a part, too, whatever else the method's sections would reach: these are whole numbers.
    """
    pixels, taps = np.ascontiguousarray(pixels, np.uint8), np.ascontiguousarray(taps, np.uint8)
    own = plan_beside(plan, settings_beside(plan, "NCHW", groups=groups), pixels, taps, area)
    return sums_of(own, taps, pixels, workers, beside)


def add_seen_taps(plan: Plan, pixels: Array, seen: Any, kernels: Array, sums: Array, workers: Any, beside: int) -> None:
    """Adds the products of taps that are not finite with the pixels that are seen, as numbers add them.

    `pixels` are (images, channels, rows, columns), `seen` the shares of them that are, None for all; the sums (images,
    kernels, rows, columns) hold the other products. `beside` are bytes that are there at the same time.
    """
    taps = canonical(kernels, plan.layout.kernels)
    counts = np.ones(pixels.shape, np.bool_) if seen is None else np.broadcast_to(seen > 0, pixels.shape)
    sign = 1 if plan.settings.conjugate else -1
    x, u = pixels.real, taps.real  # the real part is x u + y v, the imaginary one y u - x v, of conjugated taps
    products = [(sums.real, x, u, 1)]
    if pixels.dtype.kind == "c" and taps.dtype.kind == "c":
        products.append((sums.real, pixels.imag, taps.imag, sign))
    if taps.dtype.kind == "c":
        products.append((sums.imag, x, taps.imag, -sign))
    if pixels.dtype.kind == "c":
        products.append((sums.imag, pixels.imag, u, 1))
    (top, n_rows), columns = plan.area
    rows = max(1, AT_ONCE // (BYTES_EACH * sums[:, :, :1].size))
    with np.errstate(invalid="ignore"):
        for place, own, part, factor in products:
            if np.isfinite(part).all():
                continue
            taps_seen = SeenTaps(plan, own, counts, part, workers, beside + AT_ONCE + 4 * own.size)
            for row in range(0, n_rows, rows):
                some = place[:, :, row : row + rows]
                added = factor * taps_seen.products(((top + row, some.shape[2]), columns))
                no_number = np.isnan(added)
                np.add(some, added, out=some, where=(added != 0) & ~no_number, casting="same_kind")
                some[no_number] = np.nan  # the sign of a sum of two of them depends on where it lies


class SeenTaps:
    """Real pixels that are seen, and real taps some of which are not finite, as sets."""

    def __init__(self, plan: Plan, pixels: Array, counts: Array, taps: Array, workers: Any, beside: int) -> None:
        self.plan, self.workers, self.beside = plan, workers, beside
        plus, minus = taps == np.inf, taps == -np.inf
        above, below = counts & (pixels > 0), counts & (pixels < 0)
        neither = counts & ~(pixels > 0) & ~(pixels < 0)
        self.positive = those_of([(above, plus), (below, minus)])
        self.negative = those_of([(below, plus), (above, minus)])
        self.unknown = those_of([(neither, plus | minus), (counts, np.isnan(taps))])

    def products(self, area: Span) -> Array:
        """The sums of the products at an area, those with finite taps apart: 0, infinite or NaN."""
        positive, negative = self.any_of(self.positive, area), self.any_of(self.negative, area)
        unknown = self.any_of(self.unknown, area) | (positive & negative)
        return np.where(unknown, np.nan, np.where(positive, np.inf, np.where(negative, -np.inf, 0.0)))

    def any_of(self, sets: list[tuple[Array, Array]], area: Span) -> Any:
        """Windows where a pixel of one set lies under a tap of the set beside it."""
        found: Any = np.False_
        groups, n_kernels = self.plan.geometry.groups, self.plan.geometry.n_kernels
        for pixels, taps in sets:
            own = np.broadcast_to(taps, (n_kernels, *taps.shape[1:]))  # one plane of all channels, too
            found = found | (counted(self.plan, pixels, own, groups, self.workers, area, self.beside) > 0)
        return found


def those_of(sets: list[tuple[Array, Array]]) -> list[tuple[Array, Array]]:
    """Sets of pixels and of taps of which neither is empty."""
    return [(pixels, taps) for pixels, taps in sets if pixels.any() and taps.any()]
