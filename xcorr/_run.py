"""A call of a plan: its arrays are looked at, its response is computed, and what is small is remembered."""

from collections.abc import Callable, Hashable
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from xcorr import _cache, _workers
from xcorr._arrays import check_out, take_fill
from xcorr._bank import Bank, make_bank
from xcorr._engine import Repeat, is_plain
from xcorr._job import Job
from xcorr._plan import Plan
from xcorr._respond import respond

LARGEST_KEPT_BANK = 4096
"""Bytes of the kernels and the bias that are kept packed for the next call, which then has only to compare them."""

Array = npt.NDArray[Any]


class Known(NamedTuple):
    """A small bank as it was last made for a plan: packed, with copies of its operands to compare others with."""

    kernels: bytes
    bias: Hashable
    bank: Bank


def bank_for(plan: Plan, kernels: Array, bias: Any) -> tuple[Bank, Known | None]:
    """The bank of these kernels and this bias, and the plan's last one: the same if its operands were."""
    told = told_bias(bias)
    if told is None or plan.method == "fft" or not 0 < kernels.nbytes + told[2] <= LARGEST_KEPT_BANK:
        return bank_of(plan, kernels, bias), None
    key, own_bias, _ = told
    content = kernels.tobytes()
    known: Known | None = _cache.banks.find(plan)
    if known is not None and known.kernels == content and known.bias == key:
        return known.bank, known
    bank = bank_of(plan, np.frombuffer(content, kernels.dtype).reshape(kernels.shape), own_bias)
    _cache.banks.keep(plan, Known(content, key, bank))
    return bank, known


def bank_of(plan: Plan, kernels: Array, bias: Any) -> Bank:
    """A new bank, if a call by the plan may have room for it."""
    plan.check_it_fits()
    return make_bank(kernels, bias, plan.reading)


def told_bias(bias: Any) -> tuple[Hashable, Any, int] | None:
    """What a bias is known again by, a copy of it, and its bytes; None for one that is better read anew."""
    if bias is None or type(bias) in (bool, int, float, complex):
        return (type(bias), repr(bias)), bias, 0
    if (type(bias) is np.ndarray and bias.dtype.kind in "biufc") or (isinstance(bias, np.generic) and is_plain(bias)):
        content = bias.tobytes()
        return (
            (bias.dtype.str, bias.shape, content),
            np.frombuffer(content, bias.dtype).reshape(bias.shape),
            bias.nbytes,
        )
    return None


def takes_taps_as_they_are(plan: Plan, kernels: Array) -> bool:
    """Whether kernels in C order lie in the order of the sum and are of its type, so that the engine can pack them."""
    axes = [axis for axis in plan.layout.kernels if axis >= 0 and kernels.shape[axis] > 1]
    in_sum_order = axes == sorted(axes) and not plan.layout.each_channel
    return in_sum_order and kernels.dtype == plan.types.work and plan.types.images.kind == "f"


def run(
    plan: Plan,
    bank: Bank,
    images: Array,
    fill_value: Any,
    out: Any,
    workers: Any,
    remember: Callable[[Repeat], None] | None = None,
) -> Array:
    """The response of `images`, which have the plan's shape but for their number.

    `remember` is given what repeats the call, if it is small and by the direct method.
    """
    n_images = images.shape[plan.layout.images[0]] if plan.layout.images[0] >= 0 else 1
    shape = plan.response_shape(n_images)
    fill = take_fill(fill_value, plan.types.images, plan.settings.boundary, plan.geometry.channels)
    if workers is not None:
        workers = _workers.count_workers(workers)
    target, _held = (None, []) if out is None else check_out(out, shape, plan.types.response)
    if 0 in shape:
        return np.empty(shape, plan.types.response) if out is None else out
    job = Job(plan, images, bank, fill, workers)
    result = respond(job, shape, target)
    repeatable = job.call_done is not None and job.is_small and (target is None or result is target)
    if remember is not None and repeatable:
        remember(Repeat(job.call_done, images, result, job.most_magnitude))
    if target is None:
        return result
    returned: Array = out
    return returned
