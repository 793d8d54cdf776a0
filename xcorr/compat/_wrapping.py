"""Sums of integers modulo a power of two, as libraries have them whose integers wrap around."""

from collections.abc import Callable
from typing import Any

import numpy as np

from xcorr._typing import Array

BITS = 16
"""Bits of a digit: 2**31 products of two digits are below 2**63."""


def wrapped_sums(dtype: np.dtype[Any], *operands: Array, sums: Callable[..., Array]) -> Array:
    """``sums(*operands)`` modulo 2**bits of an integer type, for sums that are linear in the first two operands.

    Parameters
    ----------
    dtype
        The type of the result.
    *operands
        Arrays of bools or integers: two factors, and others that are linear with the first one, as a fill value is.
    sums
        Takes operands of int64 and gives the exact int64, or raises OverflowError.
    """
    first, second, *rest = (np.asarray(operand) for operand in operands)
    try:
        return sums(*operands).astype(dtype)
    except OverflowError:
        pass
    firsts = [digits_of(operand, dtype) for operand in (first, *rest)]
    seconds = digits_of(second, dtype)
    total: Any = np.uint64(0)
    for i, of_first in enumerate(zip(*firsts, strict=True)):
        for j in range(len(seconds) - i):
            product = sums(of_first[0], seconds[j], *of_first[1:]).astype(np.uint64)
            total = total + (product << np.uint64(BITS * (i + j)))
    return np.asarray(total).astype(dtype)


def digits_of(operand: Array, dtype: np.dtype[Any]) -> list[Array]:
    """The digits of an operand modulo 2**bits of `dtype`, the lowest first, as int64."""
    numbers = operand.astype(dtype).astype(np.uint64)
    mask = np.uint64(2**BITS - 1)
    n_digits = -(-dtype.itemsize * 8 // BITS)
    return [((numbers >> np.uint64(BITS * digit)) & mask).astype(np.int64) for digit in range(n_digits)]
