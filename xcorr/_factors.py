"""Factors of kernels: the columns and rows of taps whose products add up to a kernel.

A kernel (rows, columns, channels) is a matrix of its rows and all taps of a row. Its factors are its first singular
vectors (Eckart and Young, 1936), of whole numbers others that are whole.
"""

from math import frexp
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]

MOST_RANK = 3
"""Products of a column and a row that a kernel is the sum of at most."""

LIKELY = {"f4": 1e-5, "f8": 1e-12}
"""What three pivots may leave of a kernel's largest tap, so that singular vectors are looked for."""

EXACT = {"f4": 2**24, "f8": 2**53}
"""Whole numbers of a type up to which none is missing."""


class Factors(NamedTuple):
    """Columns (rank, rows) and rows (rank, taps of a row), of the type of sums."""

    columns: Array
    rows: Array

    @property
    def rank(self) -> int:
        """How many products there are."""
        return len(self.rows)

    @property
    def reach(self) -> int:
        """The sum of all products' magnitudes, of whole numbers."""
        return sum(
            sum(abs(int(tap)) for tap in column) * sum(abs(int(tap)) for tap in row)
            for column, row in zip(self.columns, self.rows, strict=True)
        )


def factors_of(taps: Array, summed: str, whole: bool, most_rank: int = MOST_RANK) -> Factors | None:
    """The factors of a kernel's taps (rows, taps of a row), if so many products give it; of integers they are `whole`.

    Of more than one, three are looked for. Floats are met within twice the unit roundoff of the type, relative to the
    root of the sum of squares.
    """
    wide = taps.astype(np.float64)
    largest = float(np.abs(wide).max(initial=0))
    if not np.isfinite(largest):
        return None
    exponent = frexp(largest)[1]
    with np.errstate(all="ignore"):
        scaled = np.ldexp(wide, -exponent)
        if not is_likely(scaled, 1.0, LIKELY[summed]):
            return None
        if whole or (largest < EXACT[summed] and bool((wide == np.rint(wide)).all())):
            found = whole_product(wide, summed) if 0 < largest < EXACT["f8"] else None
            if found is None and (largest == 0 or (whole and most_rank > 1)):
                found = whole_factors(taps, summed)
            if whole or found is not None:
                return found
        try:
            found = binary_product(scaled, summed)
            if found is None:
                found = one_product(scaled, summed)
            if found is None and most_rank > 1:
                found = singular_factors(scaled, summed)
        except np.linalg.LinAlgError:  # which did not converge
            return None
    if found is None:
        return None
    half = exponent // 2  # either part of a product is in range
    return Factors(np.ldexp(found.columns, half), np.ldexp(found.rows, exponent - half))


def is_likely(taps: Array, largest: float, share: float) -> bool:
    """Whether a few pivots, with all that is in their rows and columns, leave nothing of a matrix but its rounding.

    Most others are known by some taps: a part of the matrix has no higher rank.
    """
    height, width = taps.shape
    if min(height, width) <= MOST_RANK:
        return True
    some = taps[height // 8 :: height // 4, width // 8 :: width // 4][: MOST_RANK + 1, : MOST_RANK + 1]
    return leaves_nothing_of_few(some.tolist(), share * largest) and leaves_nothing(taps, share * largest)


def leaves_nothing_of_few(left: list[list[float]], tolerance: float) -> bool:
    """Whether the same holds of so few numbers that arrays would take longer."""
    for _ in range(MOST_RANK):
        pivots = max(left, key=lambda row: max(map(abs, row)))
        column = max(range(len(pivots)), key=lambda place: abs(pivots[place]))
        pivot = pivots[column]
        if abs(pivot) <= tolerance:
            return True
        left = [[a - row[column] / pivot * b for a, b in zip(row, pivots, strict=True)]
                for row in left if row is not pivots]  # fmt: skip
    return all(abs(number) <= tolerance for row in left for number in row)


def leaves_nothing(left: Array, tolerance: float) -> bool:
    """Whether no number of a matrix is larger than the tolerance when it is reduced by a few pivots."""
    for _ in range(MOST_RANK):
        magnitudes = np.abs(left)
        row, column = divmod(int(magnitudes.argmax()), left.shape[1])
        if magnitudes[row, column] <= tolerance:
            return True
        left = left - np.outer(left[:, column] / left[row, column], left[row])
    return bool(np.abs(left).max() <= tolerance)


def binary_product(wide: Array, summed: str) -> Factors | None:
    """The same of taps up to 1 that are whole numbers over a power of two: the product is exactly the kernel.

    So are sums of whole pixels, as long as they fit into the type with what taps are whole numbers of.
    """
    bits = EXACT[summed].bit_length() - 1
    whole = np.ldexp(wide, bits)
    found = whole_product(whole, summed) if (whole == np.rint(whole)).all() and whole.any() else None
    return None if found is None else Factors(np.ldexp(found.columns, -bits), found.rows)


def one_product(wide: Array, summed: str) -> Factors | None:
    """One column and one row that meet a matrix of taps up to 1: much sooner than singular vectors are found.

    The column is what the row of the largest tap gives, the row the least squares beside it, each rounded to the type.
    """
    exact, most = exact_taps(wide, summed)
    column = wide @ wide[np.abs(wide).argmax() // wide.shape[1]]
    own = (column / np.sqrt(column @ column)).astype(summed)
    both = own.astype(exact.dtype)
    row = (both @ exact / (both @ both)).astype(summed)
    if is_met(exact, own[:, np.newaxis], row[np.newaxis], most):
        return Factors(own[np.newaxis], row[np.newaxis])
    return None


def exact_taps(wide: Array, summed: str) -> tuple[Array, float]:
    """A matrix in a type in which its rounding is small, and what factors may miss of it."""
    exact = wide.astype(np.longdouble if summed == "f8" else np.float64)
    return exact, float(np.finfo(summed).eps) * float(np.sqrt((exact**2).sum()))


def is_met(exact: Array, columns: Array, rows: Array, most: float) -> bool:
    """Whether products of columns (rows, rank) and rows (rank, taps) miss a matrix by no more than that."""
    missed = exact - columns @ rows.astype(exact.dtype)
    return float(np.sqrt((missed**2).sum())) <= most


def singular_factors(wide: Array, summed: str) -> Factors | None:
    """The fewest singular vectors that meet a matrix of taps up to 1, each rounded to the type.

    Those of a matrix of float64 err by some of its units; least squares from what they miss make up for it.
    """
    left, values, right = np.linalg.svd(wide, full_matrices=False)
    exact, most = exact_taps(wide, summed)
    for rank in range(1, min(MOST_RANK, len(values)) + 1):
        columns, rows = left[:, :rank].astype(exact.dtype), values[:rank, np.newaxis] * right[:rank].astype(exact.dtype)
        columns += (exact - columns @ rows) @ right[:rank].T / values[:rank]
        columns = columns.astype(summed)
        both = columns.astype(np.float64)
        for _ in range(2):  # of a small product columns may be far from orthogonal by now
            rows += np.linalg.solve(both.T @ both, (columns.T @ (exact - columns @ rows)).astype(np.float64))
        rounded = rows.astype(summed)
        if is_met(exact, columns, rounded, most):
            return Factors(np.ascontiguousarray(columns.T), rounded)
    return None


def whole_product(wide: Array, summed: str) -> Factors | None:
    """A whole column and a whole row whose product a matrix of whole numbers is, not all 0, if it is one.

    Without its greatest common divisor the row of the largest tap is the row: each other one is a whole multiple of it.
    """
    place, tap = divmod(int(np.abs(wide).argmax()), wide.shape[1])
    row = wide[place] / np.gcd.reduce(wide[place].astype(np.int64))
    column = wide[:, tap] / row[tap]
    is_product = (column == np.rint(column)).all() and (np.outer(column, row) == wide).all()
    if not is_product or max(np.abs(column).max(), np.abs(row).max()) > EXACT[summed]:
        return None
    return Factors(column.astype(summed)[np.newaxis], row.astype(summed)[np.newaxis])


def whole_factors(taps: Array, summed: str) -> Factors | None:
    """Whole columns and rows: the rows are what Euclid's algorithm leaves of the matrix (its Hermite normal form)."""
    numbers = np.array([[int(tap) for tap in row] for row in taps.tolist()], dtype=object)
    columns, rank = np.identity(len(numbers), dtype=int).astype(object), 0
    for place in range(numbers.shape[1]):
        while others := [row for row in range(rank, len(numbers)) if numbers[row, place]]:
            least = min(others, key=lambda row: abs(numbers[row, place]))
            numbers[[rank, least]], columns[:, [rank, least]] = numbers[[least, rank]], columns[:, [least, rank]]
            for row in range(rank + 1, len(numbers)):
                times = numbers[row, place] // numbers[rank, place]
                if times:
                    numbers[row] -= times * numbers[rank]
                    columns[:, rank] += times * columns[:, row]
            if not numbers[rank + 1 :, place].any():
                rank += 1
                break
        if rank > MOST_RANK:
            return None
    rank = max(rank, 1)
    parts = columns[:, :rank].T, numbers[:rank]
    if max(abs(number) for part in parts for number in part.flat) > EXACT[summed]:
        return None
    return Factors(*(np.ascontiguousarray(part.astype(summed)) for part in parts))
