"""Taps that are not finite: what they add to sums, where the pixel under them is seen."""

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from xcorr._arrays import in_pieces
from xcorr._bank import make_bank
from xcorr._masks import canonical
from xcorr._plan import Plan, plan_for
from xcorr._run import run
from xcorr._settings import USUAL

Array = npt.NDArray[Any]

NAMES = ("padding", "boundary", "stride", "dilation", "flip")
"""Settings that say which pixel lies under which tap."""


class Taps(NamedTuple):
    """Kernels with 0 for what is not finite."""

    kernels: Array
    all_finite: bool  # they are those that were given


def finite_taps(kernels: Array) -> Taps:
    """Kernels whose taps are finite, each part of a complex one by itself."""
    if kernels.dtype.kind in "biu" or all(np.isfinite(piece).all() for (piece,) in in_pieces(kernels)):
        return Taps(kernels, True)
    found = kernels.copy()
    for part in (found.real, found.imag) if found.dtype.kind == "c" else (found,):
        part[~np.isfinite(part)] = 0
    return Taps(found, False)


def counted(plan: Plan, pixels: Array, taps: Array, groups: int, workers: Any, roi: Any) -> Array:
    """How many pixels of a set (images, channels, rows, columns) each kernel's taps of a set see."""
    words = {name: getattr(plan.settings, name) for name in NAMES}
    settings = USUAL._replace(**words, layout="NCHW", groups=groups, roi=roi)
    pixels, taps = np.ascontiguousarray(pixels, np.uint8), np.ascontiguousarray(taps, np.uint8)
    own = plan_for(settings, pixels.shape, pixels.dtype, taps.shape, taps.dtype)
    return np.asarray(run(own, make_bank(taps, None, own.reading), pixels, 0, None, workers))


def add_seen_taps(plan: Plan, pixels: Array, seen: Any, kernels: Array, sums: Array, workers: Any) -> None:
    """Adds the products of taps that are not finite with the pixels that are seen, as numbers add them.

    `pixels` are (images, channels, rows, columns), `seen` the shares of them that are, None for all; the sums (images,
    kernels, rows, columns) hold the other products.
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
    with np.errstate(invalid="ignore"):
        for place, own, part, factor in products:
            if not np.isfinite(part).all():
                added = factor * products_of(plan, own, counts, part, workers)
                np.add(place, added, out=place, where=added != 0, casting="same_kind")


def products_of(plan: Plan, pixels: Array, counts: Array, taps: Array, workers: Any) -> Array:
    """The sums of products of seen real pixels with those real taps that are not finite: 0, infinite or NaN."""
    plus, minus = taps == np.inf, taps == -np.inf
    above, below = counts & (pixels > 0), counts & (pixels < 0)
    neither = counts & ~(pixels > 0) & ~(pixels < 0)
    positive = any_under(plan, [(above, plus), (below, minus)], workers)
    negative = any_under(plan, [(below, plus), (above, minus)], workers)
    unknown = any_under(plan, [(neither, plus | minus), (counts, np.isnan(taps))], workers)
    unknown = unknown | (positive & negative)
    return np.where(unknown, np.nan, np.where(positive, np.inf, np.where(negative, -np.inf, 0.0)))


def any_under(plan: Plan, sets: list[tuple[Array, Array]], workers: Any) -> Any:
    """Windows where a pixel of one set lies under a tap of the set beside it."""
    found: Any = np.False_
    for pixels, taps in sets:
        if pixels.any() and taps.any():
            own = np.broadcast_to(taps, (plan.geometry.n_kernels, *taps.shape[1:]))  # one plane of all channels, too
            found = found | (counted(plan, pixels, own, plan.geometry.groups, workers, plan.settings.roi) > 0)
    return found
