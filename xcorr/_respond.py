"""The response of a call: by the plan's method, in sums that hold it, where it was asked for."""

from math import inf
from typing import Any

import numpy as np
import numpy.typing as npt

from xcorr import _reach
from xcorr._arrays import copy_in_pieces, in_order
from xcorr._dtypes import EXACT_FLOAT32, EXACT_FLOAT64, EXACT_INT32, integer_range, largest_magnitude
from xcorr._foreign import refuses
from xcorr._job import Job
from xcorr._memory import empty
from xcorr._methods import exact, faint_doubles, faint_pixels, faint_taps, fresh_kernels, separable
from xcorr._methods.asked import Limits
from xcorr._methods.choice import METHODS
from xcorr._plan import Plan

Array = npt.NDArray[Any]


def respond(job: Job, shape: tuple[int, ...], target: Array | None) -> Array:
    """The response in `target`, or in memory of its own.

    A response that may be refused, and one in the place of an operand, is copied from there when it is known.
    """
    plan, types = job.plan, job.plan.types
    bound = largest_response(job) if types.exact else 0
    stores = target is not None and may_store(job, target, bound)
    result: Array = empty(shape, types.response) if target is None or not stores else target
    job.responses = result
    if types.exact:
        correlate_integers(job, result, bound)
    elif types.rounds_floats:
        correlate_saturated(job, result)
    elif types.stored == types.response:
        correlate_floats(job, result, None)
    else:
        correlate_floats(job, result.real, None)
        copy_in_pieces(in_order(result.imag, plan.layout.response), job.bank.imaginary_bias)
    if target is not None and result is not target:
        copy_in_pieces(target, result)
    return result


def respond_scaled(job: Job, target: Array) -> None:
    """The scores of a job that makes them of its responses, in `target`, which has no operand's memory."""
    if job.plan.types.exact:
        correlate_integers(job, target, largest_response(job))
    else:
        correlate_floats(job, target, None)


def correlate_floats(job: Job, result: Array, limits: Limits | None) -> bool:
    """All responses of floats; false if one is outside of the limits, or no number."""
    if faint_doubles.may_run(job, result, limits):
        return faint_doubles.run(job, result, correlate_normal_pixels)
    if job.plan.types.summed != "f4" or not faint_pixels.looks(job):
        return correlate_normal_pixels(job, result, limits)
    if not faint_pixels.has_faint_fill(job):
        fits = faint_pixels.found_none(job, result, limits, correlate_normal_pixels)
        if fits is not None:
            return fits
    return faint_pixels.run(job, result, limits, faint_pixels.faint_images(job), correlate_normal_pixels)


def correlate_normal_pixels(job: Any, result: Array, limits: Limits | None) -> bool:
    """All responses of floats of images whose pixels need no care; as `correlate_floats`."""
    factors = separable.chosen_factors(job)
    if factors is not None:
        return separable.run_chosen(job, result, limits, factors, correlate_by_taps)
    return correlate_by_taps(job, result, limits)


def correlate_by_taps(job: Any, result: Array, limits: Limits | None) -> bool:
    """The same by the plan's method, whatever kernels are products of."""
    name, summed = job.plan.method, job.plan.types.summed
    method: Any = METHODS[name]
    if name == "winograd" and fresh_kernels.run(job, result, summed):
        return True
    if faint_taps.looks_in_passing(job, result):
        job.looks_at_taps = True
        fits = bool(method.run(job, result, summed, limits))
        job.looks_at_taps = False
        if not job.has_faint_taps:
            job.bank.looked_for_faint = True
            return fits
        job.has_faint_taps = False
    faint = faint_taps.faint_kernels(job, name, summed)
    if faint is None:
        return bool(method.run(job, result, summed, limits))
    return faint_taps.run(job, result, method, limits, faint)


def may_store(job: Job, target: Array, bound: int) -> bool:
    """Whether responses may be written to `target` one by one: none will be refused, and no operand lies there."""
    types, limits = job.plan.types, limits_of(job)
    if types.exact and not (limits is None or limits.saturate or surely_fits(bound, limits)):
        return False
    if types.rounds_floats and not surely_numbers(job):
        return False
    return not any(may_overlap(target, other) for other in (job.images, job.bank.original))


def limits_of(job: Job) -> Limits | None:
    """The limits of the response's type, and what is done with sums outside of them; None for floats."""
    response = job.plan.types.response
    if response.kind not in "iu":
        return None
    return Limits(*integer_range(response), job.plan.settings.overflow == "saturate")


# --- integers: in float32 or float64 where these hold every sum exactly, else in 128 bits -----------------------------


def correlate_integers(job: Job, result: Array, bound: int) -> None:
    """Exact, or OverflowError."""
    plan, limits = job.plan, limits_of(job)
    assert limits is not None
    checked = None if surely_fits(bound, limits) else limits
    if bound <= EXACT_FLOAT64:
        summed, most = summed_for(plan, bound)
        by_factors = separable.run_integers(job, result, bound, checked)
        fits = (
            METHODS[plan.method].run_exactly(job, result, summed, checked, bound) if by_factors is None else by_factors
        )
        job.most_magnitude = largest_magnitude_of(job, most if checked else min(most, limits.greatest))
        job.may_refuse = checked is not None and not limits.saturate
        if job.most_magnitude == 0 or (checked is None and limits.least == 0):
            job.call_done = None  # images of zeros: no other call is like it
    else:
        fits = exact.run(job, result, limits)
    if not fits:
        raise OverflowError(
            f"dtype: a response does not fit {plan.types.response} ({limits.least} to {limits.greatest}); "
            "allowed is a type that holds every response"
        )


def summed_for(plan: Plan, bound: int) -> tuple[str, int]:
    """The type in which sums of at most that magnitude are exact and soonest done, and what it holds."""
    if bound <= EXACT_INT32 and plan.share_of_bytes < inf:
        return "i4", EXACT_INT32
    return ("f4", EXACT_FLOAT32) if bound <= EXACT_FLOAT32 else ("f8", EXACT_FLOAT64)


def surely_fits(bound: int, limits: Limits) -> bool:
    """Whether responses of at most that magnitude are within the limits."""
    return bound <= limits.greatest and (limits.least < 0 or bound == 0)


def largest_response(job: Job) -> int:
    """A bound on the magnitude of every response, from the images' type alone if that is enough."""
    plan = job.plan
    kernel_reach, bias_reach = job.bank.reach
    magnitude = largest_magnitude(plan.types.images)
    if magnitude * kernel_reach + bias_reach > EXACT_FLOAT64:
        magnitude = _reach.largest_of(job)
    return magnitude * kernel_reach + bias_reach


def largest_magnitude_of(job: Job, most: int) -> int | None:
    """The largest pixel with which no response exceeds `most`; None if that holds for any of its type."""
    kernel_reach, bias_reach = job.bank.reach
    if largest_magnitude(job.plan.types.images) * kernel_reach + bias_reach <= most:
        return None
    return (most - bias_reach) // kernel_reach


# --- floats as integers: rounded and brought inside the type's limits -------------------------------------------------


def correlate_saturated(job: Job, result: Array) -> None:
    """Rounded sums, or ValueError if one is no number."""
    types = job.plan.types
    job.may_refuse = not surely_numbers(job)
    if not correlate_floats(job, result, limits_of(job)):
        raise ValueError(
            f"overflow: a response is NaN, which 'saturate' cannot turn into {types.response}; "
            "allowed are images and kernels whose responses are numbers"
        )


def surely_numbers(job: Job) -> bool:
    """Whether no response can be NaN: pixels are integers, and no sum of theirs comes near infinity."""
    types = job.plan.types
    if types.images.kind not in "biu":
        return False
    bound = largest_magnitude(types.images) * job.bank.float_reach
    return bool(bound < float(np.finfo(types.sums).max) / 2)


def may_overlap(first: Array, second: Array) -> bool:
    """Whether two arrays share memory, or it would take long or more memory than there is to know."""
    if not np.may_share_memory(first, second):
        return False
    try:
        return np.shares_memory(first, second, max_work=100_000)  # type: ignore[arg-type] # any number is allowed
    except RuntimeError as error:  # a TooHardError is one, too
        if not refuses(error):
            raise
        return True
