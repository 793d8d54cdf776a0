"""A call of a plan: its arrays are looked at, its response is computed, and what is small is remembered."""

import weakref
from collections.abc import Callable, Hashable
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from xcorr import _cache, _dispatch, _workers
from xcorr._arrays import check_out, take_fill
from xcorr._bank import Bank, make_bank
from xcorr._engine import Repeat, SharedRepeat, is_plain
from xcorr._job import Job
from xcorr._methods import faint_pixels
from xcorr._methods.asked import Done
from xcorr._methods.choice import METHODS
from xcorr._plan import Plan
from xcorr._reduce import check_apart, nothing_reduced, reduce_responses
from xcorr._reduce_peaks import find_in_responses, peaks_shape
from xcorr._reduction import Reduction
from xcorr._respond import respond
from xcorr.peaks import record_type

Array = npt.NDArray[Any]


class SmallBank(NamedTuple):
    """A small bank as it was last made for a plan: packed, and the copies of the operands that it was made of."""

    content: Hashable
    kernels: Array
    bias: Any
    bank: Bank


def bank_for(plan: Plan, kernels: Array, bias: Any) -> tuple[Bank, SmallBank | None, SmallBank | None]:
    """The bank of these kernels and this bias, itself and the plan's last one as small ones.

    The two are the same if the operands were; None stands for a large bank, or for one that there was not.
    """
    copied = copy_of_bias(bias)
    most = METHODS["direct" if plan.is_by_tiles else plan.method].LARGEST_KEPT_BANK
    if copied is None or not 0 < kernels.nbytes + copied[2] <= most:
        return bank_of(plan, kernels, bias), None, None
    own_bias, told, _ = copied
    elements = kernels.tobytes()
    before: SmallBank | None = _cache.banks.find(plan)
    if before is not None and before.content == (elements, told):
        return before.bank, before, before
    own = np.frombuffer(elements, kernels.dtype).reshape(kernels.shape)
    small = SmallBank((elements, told), own, own_bias, bank_of(plan, own, own_bias))
    _cache.banks.keep(plan, small, len(elements) + kernels.size * plan.types.sums.itemsize)
    return small.bank, small, before


def bank_of(plan: Plan, kernels: Array, bias: Any) -> Bank:
    """A new bank, if a call by the plan may have room for it."""
    plan.check_it_fits()
    return make_bank(kernels, bias, plan.reading)


def copy_of_bias(bias: Any) -> tuple[Any, Hashable, int] | None:
    """A copy of a bias, what it is known again by, and its bytes; None for one that is better read anew."""
    if bias is None or type(bias) in (bool, int, float, complex):
        return bias, (type(bias), repr(bias)), 0
    if (type(bias) is np.ndarray and bias.dtype.kind in "biufc") or (isinstance(bias, np.generic) and is_plain(bias)):
        elements = bias.tobytes()
        own = np.frombuffer(elements, bias.dtype).reshape(bias.shape)
        return own, (own.dtype.str, own.shape, elements), own.nbytes
    return None


def takes_taps_as_they_are(plan: Plan, kernels: Array) -> bool:
    """Whether kernels in C order lie in the order of the sum and are of its type, so that the engine can pack them."""
    axes = [axis for axis in plan.layout.kernels if axis >= 0 and kernels.shape[axis] > 1]
    in_sum_order = axes == sorted(axes) and not plan.layout.each_channel
    return in_sum_order and kernels.dtype == plan.types.sums and plan.types.images.kind == "f"


def repeat_of(job: Job, done: Done, result: Array) -> Repeat | None:
    """What repeats a call; None for one that has to be planned."""
    images, looks = job.images, faint_pixels.looks(job)
    if looks and not (images.dtype.isnative and images.flags.aligned):
        return None

    useful, n_workers, table_bytes = job.useful_workers, job.n_workers, job.plan.table_bytes
    bank_of_call = weakref.ref(job.bank)  # which may have the caller's own kernels

    def share(repeated: SharedRepeat, workers: int | None) -> bool:
        if min(useful, _workers.count_workers(workers), _workers.most_threads()) != n_workers:
            return False
        bank, others_bytes = bank_of_call(), (n_workers - 1) * repeated.workspace_bytes
        beside = table_bytes + (0 if bank is None else bank.kept_bytes)
        if others_bytes > _workers.WORKSPACE_LIMIT - beside - repeated.workspace_bytes:
            return False  # fewer of them do it
        _workers.run(repeated, min(n_workers, repeated.n_tasks))
        return True

    call = done.call
    if n_workers > 1 and done.packed is not None:
        call = job.call(done.engine, result, done.packed, limits=done.limits)
    elif n_workers > 1:
        call = job.lay_out(done.engine, result, limits=done.limits)
    told = job.most_magnitude, job.may_refuse, looks, None if job.is_small else share
    repeat = Repeat(call, images, result, *told, looks_at_taps=_dispatch.subnormals_are_slow())
    return repeat if job.is_small or repeat.is_worth else None


def run(
    plan: Plan,
    bank: Bank,
    images: Array,
    fill_value: Any,
    out: Any,
    workers: Any,
    remember: Callable[[Repeat], None] | None = None,
) -> Any:
    """The response of `images`, which have the plan's shape but for their number; or what it is reduced to.

    `remember` is given what repeats the call, if it is small and by the direct method.
    """
    n_images = images.shape[plan.layout.images[0]] if plan.layout.images[0] >= 0 else 1
    shape = plan.response_shape(n_images)
    fill = take_fill(fill_value, plan.types.images, plan.settings.boundary, plan.geometry.channels)
    if workers is not None:
        workers = _workers.count_workers(workers)
    if plan.reduction is not None:
        reduction = plan.reduction

        def reduce(targets: list[Array] | None) -> list[Array]:
            return reduce_responses(Job(plan, images, bank, fill, workers), reduction, targets)

        return reduced(reduction, n_images, out, reduce)
    if plan.peaks is not None:
        peaks = plan.peaks

        def find() -> Array:
            return find_in_responses(Job(plan, images, bank, fill, workers), peaks)

        return found_peaks(peaks_shape(plan, peaks, n_images), plan.types.response, out, find, plan.layout.n_axes)
    target, _held = (None, []) if out is None else check_out(out, shape, plan.types.response)
    if 0 in shape:
        return np.empty(shape, plan.types.response) if out is None else out
    job = Job(plan, images, bank, fill, workers)
    result = respond(job, shape, target)
    done = job.call_done
    if remember is not None and done is not None and job.is_short and (target is None or result is target):
        repeat = repeat_of(job, done, result)
        if repeat is not None:
            remember(repeat)
    if target is None:
        return result
    returned: Array = out
    return returned


def reduced(reduction: Reduction, n_images: int, out: Any, reduce: Callable[[list[Array] | None], list[Array]]) -> Any:
    """The reduced responses: an array, or a tuple of them if a tuple was asked for.

    `reduce` makes them, in the arrays that it is given if it may; these are as they were if one is refused.
    """
    targets, _held = (None, []) if out is None else check_outs(out, reduction, n_images)
    nothing = n_images == 0 or reduction.is_empty
    results = nothing_reduced(reduction, n_images) if nothing else reduce(targets)
    for target, result in zip(targets or (), results, strict=False):
        if target is not result:
            target[...] = result
    if out is not None:
        return out if reduction.alone else tuple(out)
    return results[0] if reduction.alone else tuple(results)


def found_peaks(
    shape: tuple[int, ...], response: np.dtype[Any], out: Any, find: Callable[[], Array], n_axes: int
) -> Array:
    """The peaks that `find` gives in maps of so many axes, in `out` if there is one."""
    target, _held = (None, []) if out is None else check_out(out, shape, record_type(response, n_axes))
    found = find()
    if target is None:
        return found
    target[...] = found
    returned: Array = out
    return returned


def check_outs(out: Any, reduction: Reduction, n_images: int) -> tuple[list[Array], list[Any]]:
    """The arrays that the results are written to, one for each, and what holds them."""
    outs = (out,) if reduction.alone else out
    if not isinstance(outs, (tuple, list)):
        raise TypeError(f"out: got {type(out).__name__}; allowed with a tuple of reductions is a tuple of arrays")
    if len(outs) != len(reduction.names):
        raise ValueError(f"out: got {len(outs)} arrays; allowed are {len(reduction.names)}, one for each reduction")
    checked = [
        check_out(one, reduction.shape(name, n_images), reduction.dtype(name))
        for one, name in zip(outs, reduction.names, strict=True)
    ]
    targets = [target for target, _ in checked]
    check_apart(targets)
    return targets, [held for _, held in checked]
