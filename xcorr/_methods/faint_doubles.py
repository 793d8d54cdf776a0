"""Subnormal numbers of float64, with which processors take a hundred times as long: operands times powers of two.

There is no wider type to sum them in. An image, or a kernel, that has one is multiplied so that its largest magnitude
is far above and its smallest far below one; their sums are divided again, which rounds them once. Where such a sum is
no finite number, it is made of the operands as they are. All of this follows from one image and one kernel, so that
nothing else in a batch or a bank changes their responses' bits.
"""

import math
from collections.abc import Callable
from copy import copy
from itertools import groupby
from typing import Any

import numpy as np

from xcorr import _dispatch
from xcorr._arrays import some_images
from xcorr._bank import Bank
from xcorr._looks import any_faint, largest_tap
from xcorr._methods import direct, faint_pixels
from xcorr._methods.asked import Array, Job, Limits, Part
from xcorr._workers import WORKSPACE_LIMIT

Way = Callable[[Job, Array, Limits | None], bool]

LARGEST = 400
"""Exponent of the largest magnitude of what is multiplied: products of two such are below the largest number."""

LEAST = 53
"""Exponent of the least factor that is worth it: with it all numbers are normal ones."""

MOST = 1000
"""Exponent of the largest factor that numbers are multiplied with at once."""

COPIED = WORKSPACE_LIMIT // 4
"""Bytes of the largest image, or bank, that is copied."""


def may_run(job: Job, result: Any, limits: Limits | None) -> bool:
    """Whether sums are real, in float64 and stored as they are, where processors are slow with subnormal numbers."""
    plan, bank = job.plan, job.bank
    plain = isinstance(result, np.ndarray) and result.dtype == np.float64 and limits is None
    as_they_are = job.scaling is None and job.tops is None and job.left_out is None and not plan.layout.each_channel
    return (
        plain and as_they_are and plan.types.summed == "f8" and plan.method in faint_pixels.METHODS
        and bank.parts == bank.components == 1 and _dispatch.subnormals_are_slow()
    )  # fmt: skip


def run(job: Job, result: Array, usual: Way) -> bool:
    """All responses; true."""
    bank, of_kernels = job.bank, exponents_of_kernels(job)
    if of_kernels is not None:
        job.bank = bank_times(bank, of_kernels, of_kernels != 0)
    try:
        of_images = exponents_of_images(job, result, usual)
    finally:
        job.bank = bank
    if of_kernels is None and of_images is None:
        return True
    no_kernel = np.zeros(bank.bias.shape, dtype=np.intp)
    exponents = no_kernel if of_kernels is None else of_kernels
    first = 0
    for exponent, some in groupby(of_images or [0] * job.n_images):
        end = first + len(list(some))
        for start, stop in [(first, end)] if exponent == 0 else [(index, index + 1) for index in range(first, end)]:
            own, part = job.of_images(start, stop), some_images(result, job.plan.layout.response[0], start, stop)
            if of_images is not None:
                correlate_times(own, part, exponent, exponents, usual)
            divide(own, part, exponent + exponents)
        first = end
    job.call_done = None  # responses are not those of the operands
    return True


def exponents_of_kernels(job: Job) -> Array | None:
    """(groups, kernels) of int: what kernels with subnormal taps are multiplied with; None where no kernel is."""
    bank, table = job.bank, job.plan.level.table
    if bank.kept_exponents is None:
        found = np.zeros(bank.bias.shape, dtype=np.intp)
        if bank.kernels.nbytes <= COPIED and any_faint(bank.original, table, 1, 8):
            own = [exponent_of(kernel) if any_faint(kernel, table, 1, 8) else 0 for kernel in bank.kernels]
            found = np.array(own, dtype=np.intp).reshape(found.shape)
        bank.kept_exponents = found
    return bank.kept_exponents if bank.kept_exponents.any() else None


def exponents_of_images(job: Job, result: Array, usual: Way) -> list[int] | None:
    """What images with subnormal pixels are multiplied with; None where none is, and all responses are made."""
    if not faint_pixels.has_faint_fill(job):
        if job.images.dtype.newbyteorder("=") != np.float64:
            usual(job, result, None)
            return None
        if faint_pixels.found_none(job, result, None, usual) is not None:
            return None
    images, axis, table = job.images, job.plan.layout.images[0], job.plan.level.table
    found = []
    for index in range(job.n_images):
        image = some_images(images, axis, index, index + 1)
        faint = faint_pixels.has_faint_fill(job) or any_faint(image, table, 1, 8)
        found.append(exponent_of(image, job.fill, job.plan.largest) if faint and is_copied(job.plan) else 0)
    return found


def is_copied(plan: Any) -> bool:
    """Whether an image is so small that a faint one is multiplied."""
    pixels = math.prod(axis.length for axis in plan.geometry.axes) * plan.geometry.channels
    return bool(8 * pixels <= COPIED)


def exponent_of(numbers: Array, fill: tuple[complex, ...] = (), known: float | None = None) -> int:
    """The exponent of the factor of such numbers; 0 where they span too much, or one is not finite.

    `known` is the largest magnitude of others that go with them.
    """
    largest = largest_tap(numbers) if known is None else known
    largest = max(largest, *(abs(number) for number in fill), 0.0)
    if not math.isfinite(largest):
        return 0
    exponent = LARGEST - math.frexp(largest)[1]
    return exponent if exponent >= LEAST else 0


def correlate_times(job: Job, part: Array, exponent: int, of_kernels: Array, usual: Way) -> None:
    """Sums of one image, or of several with the exponent 0, with the kernels, times their factors."""
    job = copy(job)
    job.bank = bank_times(job.bank, of_kernels, (of_kernels != 0) | (exponent != 0))
    if exponent:
        job.images = times(np.array(job.images, dtype=np.float64), exponent)
        job.fill = tuple(complex(times(np.array([float(number.real)]), exponent)[0]) for number in job.fill)
        job.kept_bytes += job.images.nbytes
    usual(job, part, None)


def bank_times(bank: Bank, exponents: Array, without_bias: Array) -> Bank:
    """The bank of real kernels times powers of two (groups, kernels), some without their bias."""
    kernels = times(np.array(bank.kernels, dtype=np.float64), exponents.reshape(-1, 1, 1, 1))
    return Bank(kernels, np.where(without_bias, 0, bank.bias), bank.parts, bank.components, bank.conjugate)


def divide(job: Job, part: Array, exponents: Array) -> None:
    """Divides sums by their factors and adds the bias; makes those anew that are not finite."""
    axis, (n_groups, n_kernels), bias = job.plan.layout.response[3], exponents.shape, job.bank.bias
    if axis >= 0 and exponents.all() and is_finite(part):
        along = [-1 if place == axis else 1 for place in range(part.ndim)]
        times(part, -exponents.reshape(along))
        part += bias.reshape(along)
        return
    for group in range(n_groups):
        for kernel in np.flatnonzero(exponents[group]).tolist():
            place = [slice(None)] * part.ndim
            if axis >= 0:
                index = group * n_kernels + kernel
                place[axis] = slice(index, index + 1)
            own = part[tuple(place)]
            finite = True if is_finite(own) else np.isfinite(own)
            with np.errstate(invalid="ignore"):
                times(own, -exponents[group, kernel])
                own += bias[group, kernel]
            if finite is not True:  # each response by itself, whatever others of an image or a batch are
                divided = own.copy()
                correlate_as_they_are(job, part, group, kernel)
                np.copyto(own, divided, where=finite)


def is_finite(sums: Array) -> bool:
    return math.isfinite(sums.min(initial=0)) and math.isfinite(sums.max(initial=0))


def correlate_as_they_are(job: Job, part: Array, group: int, kernel: int) -> None:
    """The responses of one kernel, however long it takes."""
    height, width = job.plan.geometry.kernel_shape
    box = slice(0, height), slice(0, width)
    some = Part(job.bank.some(group, (kernel,), "f8", box), group, (kernel,))
    direct.do_kernels(job, part, some, None, "f8", box, None)


def times(numbers: Array, exponents: Any) -> Array:
    """Multiplies numbers by powers of two in their place; what is rounded is so by the last factor alone."""
    left = np.abs(exponents)
    while np.any(left > MOST):
        steps = np.clip(left - MOST, 0, MOST)
        numbers *= np.ldexp(1.0, np.sign(exponents) * steps)
        left = left - steps
    numbers *= np.ldexp(1.0, np.sign(exponents) * left)
    return numbers
