"""Arguments of the banks: sizes, numbers and flags, each refused by name."""

import math
from numbers import Real
from typing import Any

import numpy as np

from xcorr._foreign import refuses, shown
from xcorr._reading import is_sequence, items_of, whole_number

MAX_SIZE = 4095  # a kernel of 64 MB
MOST_NUMBERS = 1024  # of wavelengths, orientations, phases or sigmas


def read_size(value: Any) -> int:
    """Rows and columns of a square kernel."""
    return read_odd(value, 3, f"an odd integer from 3 to {MAX_SIZE}, in pixels", value)


def read_sides(value: Any) -> tuple[int, int]:
    """Rows and columns of a kernel, from one integer or from two."""
    allowed = f"an odd integer from 1 to {MAX_SIZE}, in pixels, or a pair (rows, columns) of them"
    items = items_of(value, "size", 2, allowed) if is_sequence(value) else (value, value)
    if len(items) != 2:
        raise ValueError(f"size: got {shown(value)}; allowed is {allowed}")
    rows, columns = (read_odd(item, 1, allowed, value) for item in items)
    return rows, columns


def read_odd(value: Any, least: int, allowed: str, whole: Any) -> int:
    """Odd, because the centre of an even kernel lies between the taps; `whole` is what `value` is a part of."""
    side = whole_number(value, "size", least, allowed, whole)
    if side % 2 == 0 or side > MAX_SIZE:
        raise ValueError(f"size: got {shown(whole)}; allowed is {allowed}")
    return side


def read_flag(argument: str, value: Any) -> bool:
    if not isinstance(value, (bool, np.bool_)):
        raise TypeError(f"{argument}: got {shown(value)}; allowed is True or False")
    return bool(value)


def read_number(argument: str, value: Any, allowed: str, whole: Any) -> float:
    """`value` as a finite float; `whole` is what it is a part of."""
    got = f"{argument}: got {shown(whole)}; allowed is {allowed}"
    if isinstance(value, bool) or not isinstance(value, Real):
        raise TypeError(got)
    try:
        number = float(value)
    except (OverflowError, TypeError, ValueError) as error:
        if not refuses(error, "fractions", "numbers"):
            raise
        raise (ValueError if isinstance(error, OverflowError) else TypeError)(got) from None
    if not math.isfinite(number):
        raise ValueError(got)
    return number


def read_positive(argument: str, value: Any) -> float:
    allowed = "a finite number > 0"
    number = read_number(argument, value, allowed, value)
    if number <= 0:
        raise ValueError(f"{argument}: got {shown(value)}; allowed is {allowed}")
    return number


def read_sigmas(value: Any) -> list[float]:
    """Standard deviations, from one number or from a sequence."""
    allowed = f"a finite number > 0, in pixels, or a sequence of 1 to {MOST_NUMBERS} of them"
    items = items_of(value, "sigma", MOST_NUMBERS, allowed) if is_sequence(value) else (value,)
    sigmas = [read_number("sigma", item, allowed, value) for item in items]
    if not 1 <= len(sigmas) <= MOST_NUMBERS or min(sigmas) <= 0:
        raise ValueError(f"sigma: got {shown(value)}; allowed is {allowed}")
    return sigmas


def read_numbers(argument: str, value: Any, allowed: str, least: float = -math.inf) -> list[float]:
    allowed = f"a sequence of 1 to {MOST_NUMBERS} {allowed}"
    if not is_sequence(value):
        raise TypeError(f"{argument}: got {shown(value)}; allowed is {allowed}")
    items = items_of(value, argument, MOST_NUMBERS, allowed)
    numbers = [read_number(argument, item, allowed, value) for item in items]
    if not 1 <= len(numbers) <= MOST_NUMBERS or min(numbers) < least:
        raise ValueError(f"{argument}: got {shown(value)}; allowed is {allowed}")
    return numbers


def read_angles(orientations: Any) -> list[float]:
    if is_sequence(orientations):
        return read_numbers("orientations", orientations, "finite numbers, in radians")
    allowed = f"an integer from 1 to {MOST_NUMBERS} or a sequence of angles, in radians"
    count = whole_number(orientations, "orientations", 1, allowed)
    if count > MOST_NUMBERS:
        raise ValueError(f"orientations: got {count}; allowed is {allowed}")
    return [math.pi * index / count for index in range(count)]
