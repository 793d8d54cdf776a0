"""Kernels that are multiples of small whole products, so that sums of 8-bit pixels are made in 16 bits."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from xcorr._dtypes import integer_range
from xcorr._factors import Array, Factors, whole_product

RANGE = 2**16 - 1
"""Between the lowest and the highest sum that 16 bits tell apart."""

SHARES = np.arange(1.0, 17.0)[:, np.newaxis]
"""What the smallest tap may be times of."""

NEARLY = 1e-9
"""How far multiples may be from whole numbers, which quotients are not exactly."""


class Words(NamedTuple):
    """A whole column (1, rows) and row (1, taps of a row), and what their product is multiplied with for the kernel.

    No sum of whole taps times pixels is less than `lowest`.
    """

    columns: Array
    rows: Array
    lowest: int
    scale: float

    @property
    def rank(self) -> int:
        """The rank of one product."""
        return 1

    @property
    def reach(self) -> float:
        """The sum of the kernel's magnitudes."""
        return float(np.abs(self.columns).sum() * np.abs(self.rows).sum()) * abs(self.scale)


def words_of(taps: Array, pixels: npt.DTypeLike) -> Words | None:
    """A kernel's taps (rows, taps of a row) in words, if its sums with pixels of an 8-bit type lie in their range."""
    wide = taps.astype(np.float64)
    scale = unit_of(wide)
    if scale == 0:
        return None
    whole = np.rint(wide / scale)
    if (whole * scale != wide).any():
        return None
    lowest, highest = range_of(whole, pixels)
    product: Factors | None = whole_product(whole, "f4") if highest - lowest <= RANGE else None
    return None if product is None else Words(*product, lowest, scale)


def unit_of(wide: Array) -> float:
    """What small whole numbers may be multiplied with to be the taps: a share of the least magnitude; 0 for none."""
    magnitudes = np.abs(wide[wide != 0])
    least, most = magnitudes.min(initial=np.inf), magnitudes.max(initial=0)
    if not 0 < most <= RANGE * least < np.inf:
        return 0.0
    multiples = SHARES * (magnitudes / least)
    fits = (np.abs(multiples - np.rint(multiples)) < NEARLY * multiples).all(axis=1)
    unit = float(least / SHARES[fits.argmax(), 0]) if fits.any() else 0.0
    return unit if np.float32(unit) == unit else 0.0


def range_of(whole: Array, pixels: npt.DTypeLike) -> tuple[int, int]:
    """The lowest and the highest sum of whole taps times pixels of a type."""
    dtype = np.dtype(pixels)
    least, most = (0, 1) if dtype.kind == "b" else integer_range(dtype)
    ends = whole * least, whole * most
    return int(np.minimum(*ends).sum()), int(np.maximum(*ends).sum())
