"""Arguments of the banks: sizes, numbers and flags, each refused by name."""

import math
from numbers import Real
from typing import Any

import numpy as np

from xcorr._foreign import shown
from xcorr._geometry import is_sequence, items_of, whole_number

MAX_SIZE = 4095  # a kernel of 64 MB
MOST_NUMBERS = 1024  # of wavelengths, orientations or phases


def read_size(value: Any) -> int:
    """Odd, because the centre of an even kernel lies between the taps."""
    allowed = f"an odd integer from 3 to {MAX_SIZE}, in pixels"
    size = whole_number(value, "size", 3, allowed)
    if size % 2 == 0 or size > MAX_SIZE:
        raise ValueError(f"size: got {size}; allowed is {allowed}")
    return size


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
    except OverflowError:
        raise ValueError(got) from None
    except Exception:  # whatever its __float__ raises
        raise TypeError(got) from None
    if not math.isfinite(number):
        raise ValueError(got)
    return number


def read_positive(argument: str, value: Any) -> float:
    allowed = "a finite number > 0"
    number = read_number(argument, value, allowed, value)
    if number <= 0:
        raise ValueError(f"{argument}: got {shown(value)}; allowed is {allowed}")
    return number


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
