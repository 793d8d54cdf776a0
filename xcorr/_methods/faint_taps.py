"""Kernels with subnormal taps: summed in float64, where these are numbers like others.

Processors of some makes take a hundred times as long for a product with a subnormal number of float32. Which kernels
are done so follows from each kernel's own taps, so that nothing else in a bank or a batch changes its responses' bits.
"""

from typing import Any

import numpy as np

from xcorr._methods import direct
from xcorr._methods.asked import Array, Job, Limits, Part
from xcorr._workers import WORKSPACE_LIMIT

METHODS = ("direct", "winograd")
"""Methods whose products have taps as they are; the frequency domain's have scaled sums of them."""


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
    return method in METHODS and summed == "f4" and 2 * of_float64 <= WORKSPACE_LIMIT


SMALL_BANK = 2**20
"""Bytes of kernels below which one worker looks at them."""


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
        at_once = max(1, direct.TAPS_AT_ONCE // bank.n_taps)
        for group in range(bank.n_groups):
            kernels = np.flatnonzero(faint[group]).tolist()
            for first in range(0, len(kernels), at_once):
                some = tuple(kernels[first : first + at_once])
                part = Part(bank.some(group, some, "f8", box), group, some)
                fits &= direct.do_kernels(job, result, part, limits, "f8", box, None)
        job.call_done = None  # the last one's, which are some of the kernels
    return fits
