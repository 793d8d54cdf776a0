"""What sums of gradients are kept in before they are stored, and whole numbers that no 64 bits hold on the way."""

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from xcorr._arrays import in_pieces, without_repeats
from xcorr._dtypes import Types, integer_range
from xcorr._staged import copy_turned

Array = npt.NDArray[Any]

MOST_AT_ONCE = 2**25
"""Bytes of sums that are there beside the gradient."""

EXACT_INT64 = 2**63 - 1
DIGIT = 16
"""Bits of the numbers that larger ones are cut into."""


def sums_type(types: Types) -> np.dtype[Any]:
    """The type in which sums are added up."""
    return np.result_type(types.sums, np.complex64) if types.is_complex else types.sums


def magnitude(array: Array) -> int:
    """The largest magnitude of integers, found piece by piece, so that a signal is not kept waiting."""
    if not array.size:
        return 0
    return max(max(-int(piece.min()), int(piece.max())) for (piece,) in in_pieces(without_repeats(array)))


def bound_of(n_terms: int, *operands: Array) -> int:
    """A bound on the magnitude of sums of so many products of integers."""
    bound = n_terms
    for operand in operands:
        bound *= magnitude(operand)
    return bound


def overflow(dtype: np.dtype[Any]) -> OverflowError:
    """What says that a sum does not fit its type."""
    least, greatest = integer_range(dtype)
    return OverflowError(
        f"dtype: a sum does not fit {dtype} ({least} to {greatest}); allowed is a type that holds every sum"
    )


def store_sums(sums: Array, place: Array) -> None:
    """Sums in their place, of its type; OverflowError if it does not have one."""
    if place.dtype.kind in "iu" and place.dtype != sums.dtype:
        least, greatest = integer_range(place.dtype)
        if sums.size and not (least <= int(sums.min()) and int(sums.max()) <= greatest):
            raise overflow(place.dtype)
    with np.errstate(over="ignore"):
        copy_turned(place, sums)


def digits_of(array: Array) -> list[tuple[int, Array]]:
    """Numbers of 16 bits that integers are the sum of, each with the power of two that it is multiplied by."""
    if array.dtype.itemsize <= DIGIT // 8:
        return [(0, array)]
    digits, last = [], array.dtype.itemsize * 8 - DIGIT
    for shift in range(0, last, DIGIT):
        digits.append((shift, (array >> array.dtype.type(shift)).astype(np.uint16)))
    top = array >> array.dtype.type(last)
    return [*digits, (last, top.astype(np.int16 if array.dtype.kind == "i" else np.uint16))]


class WholeSums:
    """Sums of products of integers of any size: those of their digits in int64, added up in Python's integers."""

    def __init__(self) -> None:
        self.of_digits: list[dict[int, Array]] = []

    def add(self, first: Array, second: Array, sums: Callable[[Array, Array], Array]) -> None:
        """Adds the sums of two operands, which are linear in both."""
        found: dict[int, Array] = {}
        for shift, digit in digits_of(first):
            for other_shift, other in digits_of(second):
                own = sums(digit, other)
                both = shift + other_shift
                found[both] = found[both] + own if both in found else own
        self.of_digits.append(found)

    def store(self, place: Array) -> None:
        """All that was added, in its place; OverflowError if one does not fit its type."""
        least, greatest = integer_range(place.dtype)
        shifts = [shift for found in self.of_digits for shift in found]
        parts = [part for found in self.of_digits for part in found.values()]
        for own, *digits in in_pieces(place, *parts):
            whole = sum(digit.astype(object) << shift for shift, digit in zip(shifts, digits, strict=True))
            flat = [int(number) for number in np.asarray(whole).flat]
            if not all(least <= number <= greatest for number in flat):
                raise overflow(place.dtype)
            own[...] = np.array(flat, own.dtype).reshape(own.shape)
