"""Responses that are reduced as they come, without an array that holds them all.

Some images at a time: what is kept of their responses is small beside a workspace, however many there are.
"""

import copy
from math import prod
from typing import Any

import numpy as np
import numpy.typing as npt

from xcorr._arrays import some_images
from xcorr._axes import Span
from xcorr._dispatch import Level
from xcorr._dtypes import EXACT_FLOAT64
from xcorr._engine import Reducer
from xcorr._job import Job
from xcorr._memory import empty
from xcorr._methods import winograd
from xcorr._methods.fft import fold_of_plan
from xcorr._plan import Plan
from xcorr._reduction import Reduction
from xcorr._respond import (
    correlate_floats,
    correlate_integers,
    correlate_saturated,
    largest_response,
    may_overlap,
    may_store,
)
from xcorr._whole_numbers import WholeNumbers, energy_overflow
from xcorr._workers import refuse_too_large

Array = npt.NDArray[Any]

AREA_BYTES = 2**26
"""Bytes of what is kept of one image's responses from which on its rows are reduced some at a time; not tuned."""

KEPT_BYTES = 2**24
"""Bytes that are kept of some images' responses at once, if those of one are not more: so few that a call takes long
beside laying it out, and so many that it has tasks for all workers."""


def reduce_responses(job: Job, reduction: Reduction, targets: list[Array] | None) -> list[Array]:
    """The results; in the targets, if there are any, unless one may be refused when others are known already."""
    plan, n_images = job.plan, job.n_images
    bound = largest_response(job) if plan.types.exact else 0
    stores = targets is not None and writes_at_once(job, reduction, targets, bound)
    results = targets if stores and targets else new_results(reduction, n_images)
    for area in reduced_areas(reduction, grid_rows(plan)):
        part, own = job, reduction
        if area[0][1] < reduction.outputs[0]:
            part, own = copy.copy(job), reduction._replace(outputs=(area[0][1], area[1][1]))
            part.plan = plan.part(area, plan.at_hand, plan.largest)
        at_once = images_at_once(own)
        what = "what is kept of an image's responses while they are reduced"
        refuse_too_large("images", what, 2 * own.kept_bytes)
        for first in range(0, n_images, at_once):
            end = min(first + at_once, n_images)
            found = reduce_some(part.of_images(first, end), own, bound)
            put_reduced(found, results, own, (first, end), area)
    return results


def reduced_areas(reduction: Reduction, unit: int) -> list[Span]:
    """Rows of responses whose reductions over kernels are kept together, a multiple of `unit` of them if these fit.

    All of them where few bytes are kept of an image, and where positions are what is reduced.
    """
    n_rows, n_columns = reduction.outputs
    rows = n_rows
    if reduction.over_kernels and reduction.kept_bytes > AREA_BYTES:
        rows = max(1, AREA_BYTES * n_rows // reduction.kept_bytes)
        rows = max(rows // unit * unit, min(rows, unit))
    return [((top, min(rows, n_rows - top)), (0, n_columns)) for top in range(0, n_rows, rows)]


def grid_rows(plan: Plan) -> int:
    """Rows of responses that a method makes together; all of a line that is transformed as a whole."""
    down = plan.geometry.axes[0]
    if plan.method == "winograd":
        return int(winograd.quad_side(plan.geometry) * down.dilation)
    if plan.method != "fft":
        return 1
    if fold_of_plan(plan) is not None or plan.sizes.n_stretches:
        return down.outputs
    return int(max(1, plan.section[0].valid_rows // down.stride))


def put_reduced(
    found: list[Array], results: list[Array], reduction: Reduction, images: tuple[int, int], area: Span
) -> None:
    """What some images' responses at an area are reduced to, in the place that it has in all results."""
    (top, n_rows), _ = area
    for result, own in zip(results, found, strict=True):
        place = some_images(result, 0 if reduction.has_images else -1, *images)
        if reduction.over_kernels and reduction.n_axes == 2:
            place = place[..., top : top + n_rows, :]
        place[...] = own.reshape(place.shape)


def images_at_once(reduction: Reduction) -> int:
    """Images whose responses are reduced in one run of the loops."""
    return max(1, KEPT_BYTES // max(1, reduction.kept_bytes))


def new_results(reduction: Reduction, n_images: int) -> list[Array]:
    """Memory for the results."""
    return [empty(reduction.shape(name, n_images), reduction.dtype(name)) for name in reduction.names]


def nothing_reduced(reduction: Reduction, n_images: int) -> list[Array]:
    """The results of no images, or of no kernels: no energy, and no mean or share."""
    results = new_results(reduction, n_images)
    for name, result in zip(reduction.names, results, strict=True):
        result[...] = 0 if name == "energy" or not result.size else np.nan
    return results


def writes_at_once(job: Job, reduction: Reduction, targets: list[Array], bound: int) -> bool:
    """Whether results may be written before all are known: none will be refused, and no operand lies there."""
    whole_energy = "energy" in reduction.names and reduction.response.kind in "iu"
    return not whole_energy and all(may_store(job, target, bound) for target in targets)


def check_apart(targets: list[Array]) -> None:
    """ValueError if two results would share memory."""
    for index, target in enumerate(targets):
        if any(may_overlap(target, other) for other in targets[:index]):
            raise ValueError("out: two of the arrays share memory; allowed are arrays of their own")


def reduce_some(job: Job, reduction: Reduction, bound: int) -> list[Array]:
    """The results of some images, whatever their shape."""
    plan, n_images = job.plan, job.n_images
    kept: Any
    if plan.types.exact and bound > EXACT_FLOAT64:
        kept = WholeNumbers(reduction, n_images)
    else:
        kept = reducer_of(plan, reduction, n_images)
    job.kept_bytes += kept.nbytes
    if plan.types.exact:
        correlate_integers(job, kept, bound)
    elif plan.types.rounds_floats:
        correlate_saturated(job, kept)
    else:
        correlate_floats(job, kept, None)
    return results_of(kept, reduction)


def results_of(kept: Reducer | WholeNumbers, reduction: Reduction) -> list[Array]:
    """The results, one after the other."""
    n_responses = reduction.n_kernels if reduction.over_kernels else prod(reduction.outputs)
    return [result_of(kept, reduction, name, n_responses) for name in reduction.names]


def reducer_of(plan: Plan, reduction: Reduction, n_images: int) -> Reducer:
    """What takes the responses of so many images from the loops."""
    return reducer_at(plan.level, reduction, n_images)


def reducer_at(level: Level, reduction: Reduction, n_images: int) -> Reducer:
    """The same of a level."""
    sizes = (n_images, reduction.n_kernels, *reduction.outputs)
    return Reducer(level.table, reduction.names, reduction.over_kernels, sizes, reduction.response.str[1:])


def result_of(kept: Reducer | WholeNumbers, reduction: Reduction, name: str, n_responses: int) -> Array:
    """A result by its name."""
    of_integers = reduction.response.kind in "iu"
    dtype = reduction.dtype(name)
    if name in ("max", "min"):
        best = kept.result(name) if isinstance(kept, WholeNumbers) else kept.extremes(name == "max")[0]
        return integers_of(best, dtype) if of_integers else best.astype(dtype, copy=False)
    if name in ("argmax", "argmin"):
        places = kept.result(name) if isinstance(kept, WholeNumbers) else kept.extremes(name == "argmax")[1]
        return places.astype(dtype) if reduction.over_kernels else positions_of(places, reduction)
    if name == "ppv":
        counts: Array = kept.result(name) if isinstance(kept, WholeNumbers) else kept.counts()
        return counts / n_responses
    if of_integers:
        totals = whole_sums(kept, name)
        return totals / n_responses if name == "mean" else whole_energies(totals, reduction)
    sums: Array = kept.sums(name == "energy")  # type: ignore[union-attr] # of floats
    with np.errstate(over="ignore"):
        return (sums / (n_responses if name == "mean" else 1)).astype(dtype)


def whole_sums(kept: Reducer | WholeNumbers, name: str) -> Array:
    """The sums of integers or of their squares: in float64 where that holds all, else as Python's integers."""
    if isinstance(kept, WholeNumbers):
        return kept.result(name)
    totals: Array = kept.sums(name == "energy")
    large = np.flatnonzero(np.abs(totals) >= EXACT_FLOAT64)
    if large.size:
        totals = totals.astype(object)
        totals[large] = kept.whole_sums(name == "energy", large)
    return totals


def whole_energies(totals: Array, reduction: Reduction) -> Array:
    """Sums of squares of integers, or OverflowError."""
    if totals.dtype == object and totals.size and totals.max() > np.iinfo(np.int64).max:
        raise energy_overflow(reduction.response)
    return totals.astype(np.int64)


def integers_of(values: Array, dtype: np.dtype[Any]) -> Array:
    """Whole numbers as the integer type, which has the largest of them for the power of two behind it."""
    if values.dtype.kind in "iu":
        return values.astype(dtype, copy=False)
    most = np.iinfo(dtype).max
    beyond = values >= float(most) + (0 if dtype.itemsize == 8 else 1)
    integers = np.where(beyond, 0, values).astype(dtype)
    integers[beyond] = most
    return integers


def positions_of(places: Array, reduction: Reduction) -> Array:
    """Places in the order of rows as their coordinates (..., axes) in the whole response."""
    within: Array = np.stack(np.unravel_index(places, reduction.outputs), axis=-1)
    in_whole = within.astype(np.intp, copy=False) + np.array(reduction.first, np.intp)
    return in_whole[..., -reduction.n_axes :]
