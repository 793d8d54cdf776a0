"""Templates: a bank that is looked for, as it is and about its means, in banks for the sums of each type."""

import copy
from collections.abc import Hashable
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from xcorr._bank import Bank, make_bank
from xcorr._masks import is_binary
from xcorr._plan import Plan

Array = npt.NDArray[Any]
Doubles = npt.NDArray[np.float64]

FLAT = {"f": 2.0**-21, "d": 2.0**-50}
"""The deviation, as a share of the largest magnitude, up to which floats of a type count as flat."""


PLUS, MINUS, NAN = 1, 2, 3
"""Codes of what is not finite, the worst last."""


OF_EACH = (
    *("original", "counts", "bad_taps", "unknown", "exponents", "values", "means", "own_exponents", "centred"),
    *("spread", "norm", "seen", "flat"),
)
"""What is known of each template by itself."""


class OfBank(NamedTuple):
    """What follows from all templates of a bank and goes for each, so that no bit depends on what it stands beside."""

    n_kernels: int
    shared: bool  # one mask, of which something counts, for all templates and channels; or none
    binary: bool  # every tap counts in full or not at all


def of_bank(n_kernels: int, shares: Doubles | None) -> OfBank:
    """What is known of a bank with these masks."""
    shared = shares is None or bool((shares == shares[:1, :1]).all() and shares.any())
    return OfBank(n_kernels, shared, shares is None or is_binary(shares))


class Templates:
    """Templates (kernels, channels, rows, columns) and what counts of their taps.

    What is made of them is divided by a power of two for each, so that the largest tap is about 1.

    Parameters
    ----------
    original : as they were given, in canonical axes.
    shares : what counts of each tap, broadcast to `original`, or None for all.
    flat : the deviation up to which they count as flat, 0 for whole numbers.
    whole : what is known of the bank that they are some of.
    wide : the type that means are taken in, wider than the scores.
    """

    def __init__(
        self, original: Array, shares: Doubles | None, flat: float, whole: OfBank, wide: npt.DTypeLike
    ) -> None:
        shares = None if shares is None else np.ascontiguousarray(shares)  # sums are made in the order of memory
        self.original, self.shares, self.whole = original, shares, whole
        self.n_kernels, self.n_channels, *taps = original.shape
        self.taps = taps[0], taps[1]
        self.n_taps = taps[0] * taps[1]
        exact = original.astype(wide, "C")
        counts = np.ones(original.shape[1:]) if shares is None else np.broadcast_to(shares, original.shape)
        self.counts = np.broadcast_to(counts, original.shape)
        if shares is not None:
            exact[self.counts <= 0] = 0
        self.bad_taps = unknown(exact)
        self.unknown = self.bad_taps.max(axis=(1, 2, 3), initial=0)
        if self.unknown.any():
            exact[self.bad_taps > 0] = 0
        self.exponents = exponents_of(exact)
        np.ldexp(exact, -each(self.exponents), out=exact)
        self.values: Doubles = exact.astype(np.float64, copy=False)
        about, self.means = about_means(exact, None if shares is None else self.counts)
        self.own_exponents = exponents_of(about)
        self.centred: Doubles = np.ldexp(about, -each(self.own_exponents), out=about).astype(np.float64, copy=False)
        self.own_exponents = self.own_exponents + self.exponents
        axes = (1, 2, 3)
        self.spread = (self.centred**2 if shares is None else self.counts * self.centred**2).sum(axis=axes)
        self.norm = (self.values**2 if shares is None else self.counts * self.values**2).sum(axis=axes)
        self.seen = self.counts.sum(axis=axes)
        deviation = np.sqrt(self.spread / np.maximum(self.seen, 1)) * 2.0 ** (self.own_exponents - self.exponents)
        self.flat = are_constant(exact, None if shares is None else self.counts) | (
            deviation <= flat * np.abs(self.values).max(axis=axes, initial=0)
        )
        self.banks: dict[Hashable, Bank] = {}
        self.parts: dict[tuple[int, int], Templates] = {}
        self.plans: dict[Hashable, Plan] = {}

    def some(self, first: int, end: int) -> "Templates":
        """Templates [first, end), with banks of their own, which stay as long as these do."""
        if (first, end) == (0, self.n_kernels):
            return self
        found = self.parts.get((first, end))
        if found is not None:
            return found
        found = copy.copy(self)
        for name in OF_EACH:
            setattr(found, name, getattr(self, name)[first:end])
        found.shares = self.shares if self.shares is None or len(self.shares) == 1 else self.shares[first:end]
        found.n_kernels, found.banks = end - first, {}
        return self.parts.setdefault((first, end), found)

    def forget(self) -> None:
        """Lets go of the banks that were made."""
        self.banks, self.parts = {}, {}

    def bank(self, plan: Plan, name: str, kernels: Array) -> Bank:
        """The bank of kernels (kernels, channels, rows, columns) that have this name, for a plan."""
        key = name, plan.types, plan.layout.kernels
        bank = self.banks.get(key)
        if bank is None:
            kernels = kernels.astype(plan.types.kernels, copy=False)
            if plan.layout.word == "NHWC":
                kernels = np.moveaxis(kernels, 1, 3)
            bank = self.banks[key] = make_bank(np.ascontiguousarray(kernels), None, plan.reading)
        return bank


def unknown(values: Array) -> npt.NDArray[np.uint8]:
    """What values are that are not finite; 0 for all others."""
    codes = np.zeros(values.shape, np.uint8)
    if np.isfinite(values).all():
        return codes
    codes[values == np.inf], codes[values == -np.inf], codes[np.isnan(values)] = PLUS, MINUS, NAN
    return codes


def are_constant(values: Array, counts: Array | None) -> npt.NDArray[np.bool_]:
    """Whether each channel of each template has one value alone, of what counts."""
    if counts is None:
        return np.asarray((values.min(axis=(2, 3)) >= values.max(axis=(2, 3))).all(axis=1))
    highs = np.where(counts > 0, values, -np.inf).max(axis=(2, 3))
    lows = np.where(counts > 0, values, np.inf).min(axis=(2, 3))
    return np.asarray((lows >= highs).all(axis=1))


def each(numbers: Array) -> Array:
    """One number for each template, beside its taps."""
    return numbers[:, np.newaxis, np.newaxis, np.newaxis]


def exponents_of(values: Array) -> npt.NDArray[np.intp]:
    """The exponent of each template's largest magnitude; 0 for zeros."""
    if not len(values):
        return np.zeros(0, np.intp)
    axes = (1, 2, 3)
    return np.asarray(np.frexp(np.maximum(values.max(axis=axes), -values.min(axis=axes)))[1], np.intp)


def about_means(values: Array, counts: Array | None) -> tuple[Array, Array]:
    """Taps less the mean of their channel, and these means; the second time takes what the first rounded away.

    All count in full where `counts` is None.
    """
    if counts is None:
        means = values.mean(axis=(2, 3), keepdims=True)
        about = values - means
        rest = about.mean(axis=(2, 3), keepdims=True)
        about -= rest
        return about, (means + rest)[..., 0, 0]
    totals = counts.sum(axis=(2, 3), keepdims=True)
    totals = np.where(totals == 0, 1, totals)
    means = (counts * values).sum(axis=(2, 3), keepdims=True) / totals
    about = values - means
    rest = (counts * about).sum(axis=(2, 3), keepdims=True) / totals
    return np.where(counts > 0, about - rest, 0), (means + rest)[..., 0, 0]
