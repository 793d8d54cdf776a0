"""Integers whose sums the frequency domain cannot round for sure: pixels and taps are cut into digits, which it can.

Digits have a sign and are small, so that sums of their products are. The responses of each pair of digits are shifted
and added in int64, which holds the whole response; what it does not hold on the way comes back from around.
"""

import copy
from collections.abc import Callable, Iterator
from itertools import product
from math import prod
from typing import Any

import numpy as np

from xcorr._arrays import in_order, some_images
from xcorr._bank import Bank
from xcorr._memory import empty
from xcorr._methods.asked import Array, Job

MOST_DIGITS = 4
"""Digits of a pixel or a tap at most."""

MOST_PIXELS, MOST_TAPS = 2**22, 2**22
"""Pixels of images that are cut at once, half of what a lone one may have; taps of a bank that is cut at all."""

Proven = Callable[[int], bool]
Respond = Callable[[Job, Array], bool]


def ways(largest: tuple[int, int]) -> list[tuple[int, ...]]:
    """The numbers of digits of pixels and of taps whose magnitudes are known, the fewest products first."""
    counts = [range(1, min(MOST_DIGITS, max(1, magnitude.bit_length())) + 1) for magnitude in largest]
    return sorted(product(*counts), key=prod)


def width_of(magnitude: int, n_digits: int) -> int:
    """The bits of a digit, of so many, that hold numbers of that magnitude; one is for the sign."""
    return -(-(magnitude.bit_length() + 1) // n_digits)


def counts_for(job: Job, largest: int, is_proven: Proven, most: float) -> tuple[int, int] | None:
    """How many digits pixels of that magnitude and taps have, if so few products are enough and no more than `most`."""
    if job.bank.kernels.size > MOST_TAPS or job.images.size > 2 * MOST_PIXELS * job.n_images:
        return None
    kernel_reach, _ = job.bank.reach
    largest_tap = max(abs(int(job.bank.different.max())), abs(int(job.bank.different.min())))
    n_taps = job.bank.n_taps
    for of_pixels, of_taps in ways((largest, largest_tap)):
        if of_pixels * of_taps > most:
            return None
        pixel = largest if of_pixels == 1 else 1 << (width_of(largest, of_pixels) - 1)
        reach = kernel_reach if of_taps == 1 else n_taps << (width_of(largest_tap, of_taps) - 1)
        if is_proven(pixel * min(reach, n_taps * largest_tap)):
            return of_pixels, of_taps
    return None


def digits_of(numbers: Array, n_digits: int, magnitude: int) -> Iterator[tuple[int, Array]]:
    """The digits of integers of at most that magnitude, the lowest first, with how far each is shifted."""
    if n_digits == 1:
        yield 0, numbers
        return
    width = width_of(magnitude, n_digits)
    rest, half = numbers.astype(np.int64), 1 << (width - 1)
    for index in range(n_digits):
        if index == n_digits - 1:
            yield index * width, rest
            return
        digit = ((rest + half) & ((1 << width) - 1)) - half
        yield index * width, digit.astype(np.int32)
        rest = (rest - digit) >> width


def run(job: Job, result: Array, largest: int, counts: tuple[int, int], respond: Respond) -> None:
    """All responses, in int64, by `respond` digit by digit of pixels and of taps."""
    bank, (of_images, *_), (of_responses, *_) = job.bank, job.plan.layout.images, job.plan.layout.response
    largest_tap = max(abs(int(bank.different.max())), abs(int(bank.different.min())))
    at_once = max(1, MOST_PIXELS // max(job.images.size // job.n_images, result.size // job.n_images))
    for of_taps, taps in digits_of(bank.kernels, counts[1], largest_tap):
        own_bank = Bank(taps, np.zeros_like(bank.bias))
        for first in range(0, job.n_images, at_once):
            own, target = (
                some_images(array, axis, first, min(first + at_once, job.n_images))
                for array, axis in ((job.images, of_images), (result, of_responses))
            )
            waiting: Array = empty(target.shape, np.dtype(np.int64))
            for of_pixels, pixels in digits_of(own, counts[0], largest):
                shift = of_taps + of_pixels
                part: Any = copy.copy(job)
                part.images, part.bank, part.n_images = pixels, own_bank, min(at_once, job.n_images - first)
                part.kept_bytes = job.kept_bytes + waiting.nbytes + 16 * own.size
                respond(part, waiting)
                if shift == 0:
                    target[...] = waiting
                else:
                    target += waiting << shift
    in_order(result, job.plan.layout.response)[...] += bank.bias.reshape(-1).astype(np.int64)
