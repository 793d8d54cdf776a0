"""Images with subnormal pixels: summed in float64, where processors take a hundred times as long for such products.

Which images are done so follows from each image's own pixels, so that nothing else in a batch changes its responses'
bits. On other processors nothing is looked for.
"""

from collections.abc import Callable
from itertools import groupby
from typing import Any

import numpy as np

from xcorr import _dispatch
from xcorr._arrays import some_images
from xcorr._looks import any_faint
from xcorr._methods import direct
from xcorr._methods.asked import Array, Job, Limits

Way = Callable[[Job, Array, Limits | None], bool]

METHODS = ("direct", "winograd", "matmul")
"""Methods whose products have pixels as they are; the frequency domain's sections are scaled."""

LOOKED_AT_PER_WORKER = 2**22
"""Bytes of images that are worth another worker."""


def looks(job: Job) -> bool:
    """Whether subnormal pixels are looked for."""
    part, plan = job.images.real.dtype, job.plan
    as_summed = plan.types.summed in ("f4", "f8") and part.newbyteorder("=") == np.dtype(plan.types.summed)
    return plan.method in METHODS and as_summed and _dispatch.subnormals_are_slow()


def found_none(job: Job, result: Any, limits: Limits | None, usual: Way) -> bool | None:
    """What `usual` says, if no image has a subnormal pixel; else None, and responses are missing."""
    if not looks_in_passing(job, result):
        return None if any_faint_pixel(job) else usual(job, result, limits)
    job.looks_at_pixels = True
    fits = usual(job, result, limits)
    found, job.looks_at_pixels, job.has_faint_pixels = job.has_faint_pixels, False, False
    return None if found else fits


def looks_in_passing(job: Job, result: Any) -> bool:
    """Whether the loops look for them: responses that are missing then are made anew, but cannot be reduced anew."""
    loops = job.plan.method in ("direct", "winograd") or job.plan.is_by_tiles
    return loops and isinstance(result, np.ndarray) and job.tops is None and not has_faint_fill(job)


def has_faint_fill(job: Job) -> bool:
    """Whether what the padding holds is subnormal, or pixels of the image are that are not at hand."""
    if job.plan.largest is not None:
        return True
    smallest = float(np.finfo(job.plan.types.sums).smallest_normal)
    return any(0 < abs(part) < smallest for number in job.fill for part in (number.real, number.imag))


def any_faint_pixel(job: Job) -> bool:
    """Whether any image has a subnormal pixel."""
    n_pieces = max(1, min(job.most_workers, job.images.nbytes // LOOKED_AT_PER_WORKER))
    if job.plan.types.summed == "f8":
        return any_faint(job.images, job.plan.level.table, n_pieces, 8)
    return any_faint(job.images, job.plan.level.table, n_pieces)


def faint_images(job: Job) -> list[bool]:
    """Whether each image has a subnormal pixel, or padding of such numbers."""
    table, images, axis = job.plan.level.table, job.images, job.plan.layout.images[0]
    if has_faint_fill(job):
        return [True] * job.n_images
    return [any_faint(some_images(images, axis, index, index + 1), table, 1) for index in range(job.n_images)]


def run(job: Job, result: Array, limits: Limits | None, faint: list[bool], usual: Way) -> bool:
    """All responses, those of faint images in float64; false if one is outside of the limits, or no number."""
    fits, first = True, 0
    for is_faint, some in groupby(faint):
        end = first + len(list(some))
        own, part = job.of_images(first, end), some_images(result, job.plan.layout.response[0], first, end)
        fits &= direct.run(own, part, "f8", limits) if is_faint else usual(own, part, limits)
        first = end
    job.call_done = None  # the last one's, which are some of the images, or done in another way than most
    return fits
