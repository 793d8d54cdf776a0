"""Kernels with subnormal taps: summed in float64, where these are numbers like others.

Processors of some makes take a hundred times as long for a product with a subnormal number of float32. Which kernels
are done so follows from each kernel's own taps, so that nothing else in a bank or a batch changes its responses' bits.
"""

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from xcorr import _dispatch
from xcorr._methods import direct, matmul
from xcorr._methods.asked import Array, Box, Job, Limits, Part
from xcorr._workers import WORKSPACE_LIMIT

METHODS = ("direct", "winograd")
"""Methods whose products have taps as they are; the frequency domain's have scaled sums of them.

So has "matmul", whose banks are large and read but once: they are looked through where processors are slow alone.
"""


def faint_kernels(job: Job, method: str, summed: str) -> Array | None:
    """(groups, kernels) of bool: those that are summed in float64; None where none is."""
    if not looks(job, method, summed):
        return None
    n_workers = 1 if job.bank.kernels.nbytes < SMALL_BANK else job.most_workers
    found: Array | None = job.bank.faint(job.plan.level.table, n_workers)
    return found


def looks(job: Job, method: str, summed: str) -> bool:
    """Whether subnormal taps are looked for: sums are in float32, and there is room for those in float64."""
    of_float64 = 8 * job.bank.n_groups * job.bank.n_kernels * job.bank.n_taps
    asked = method in METHODS or (method == "matmul" and _dispatch.subnormals_are_slow())
    return asked and summed == "f4" and 2 * of_float64 <= WORKSPACE_LIMIT


def looks_in_passing(job: Job, result: Any) -> bool:
    """Whether products, which read each kernel once, look at it then: that makes their responses anew if need be."""
    summed = job.plan.types.summed
    return (
        job.plan.method == "matmul" and summed == "f4" and looks(job, "matmul", summed)
        and not job.bank.looked_for_faint and job.tops is None and matmul.by_products(job, result, None, summed)
    )  # fmt: skip


SMALL_BANK = 2**20
"""Bytes of kernels below which one worker looks at them."""

LARGEST_KEPT = 2**16
"""Bytes of kernels in float64 up to which faint ones are kept, and what is packed of them, as calls are short."""


def run(job: Job, result: Array, method: Any, limits: Limits | None, faint: Array) -> bool:
    """All responses, those of faint kernels in float64; false if one is outside of the limits, or no number."""
    if faint.all():
        fits = direct.run(job, result, "f8", limits)
    else:
        bank = job.bank
        job.bank, job.left_out = bank.without(faint), faint
        fits = method.run(job, result, job.plan.types.summed, limits)
        job.bank, job.left_out = bank, None
        height, width = job.plan.geometry.kernel_shape
        box = slice(0, height), slice(0, width)
        parts: Iterable[Part] | None = bank.kept_faint_parts
        if parts is None:
            parts = parts_of(bank, faint, box)
            if 8 * bank.kernels.size <= LARGEST_KEPT:
                bank.kept_faint_parts = tuple(parts)
                parts = bank.kept_faint_parts
        for part in parts:
            fits &= direct.do_kernels(job, result, part, limits, "f8", box, None)
        job.call_done = None  # the last one's, which are some of the kernels
    return fits


def parts_of(bank: Any, faint: Array, box: Box) -> Iterator[Part]:
    """Faint kernels in float64, some of a group at once."""
    at_once = max(1, direct.TAPS_AT_ONCE // bank.n_taps)
    for group in range(bank.n_groups):
        kernels = np.flatnonzero(faint[group]).tolist()
        for first in range(0, len(kernels), at_once):
            some = tuple(kernels[first : first + at_once])
            yield Part(bank.some(group, some, "f8", box), group, some)
