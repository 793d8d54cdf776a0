"""The scores of a call: area by area, by the way that its pixels allow."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from xcorr import _dispatch, _workers
from xcorr._areas import AT_ONCE, Area, areas_of
from xcorr._arrays import check_out, copy_in_pieces
from xcorr._masks import FINITE, canonical, canonical_mask, is_binary
from xcorr._match_banks import Banks
from xcorr._match_call import Call, Like, Part, seen_of
from xcorr._match_floats import score_floats
from xcorr._match_integers import are_small, score_integers, score_large
from xcorr._match_masked import score_masked, sums_are_exact
from xcorr._match_reduce import Taker, converted, largest_distance, taker_of
from xcorr._matching import DISTANCES, MatchPlan, n_images_of, of_templates
from xcorr._memory import empty
from xcorr._plan import Plan
from xcorr._reduce import images_at_once, new_results, put_reduced, reduced_areas, results_of
from xcorr._reduction import Reduction
from xcorr._respond import may_overlap
from xcorr._run import reduced
from xcorr._templates import Templates
from xcorr._workers import refuse_too_large

Array = npt.NDArray[Any]

AREAS_PER_WORKER = 1
"""Areas for each worker from which on nobody shares one."""

MOST_EFFORT = 2**31
"""Multiply-adds of some templates in an area up to which one worker does them: a signal waits for it, 0.03 to 0.1 s."""

MOST_SCORES, MOST_BESIDE = 2**24, 2**22
"""Scores of some templates in an area that are made together: where they are stored, for the same reason, and in memory
of a worker's own.

20 templates of 32x32 on 1080p, of which an area has 10 million scores, took 188 ms with 2**22, and 162 all together.
2026-11-27, AMD EPYC (Zen 3), level v3.
"""


def check_mask(plan: MatchPlan, mask: Any, images: Array) -> Any:
    """A mask in canonical axes, the word, or None."""
    if mask is None or mask is FINITE:
        return mask
    return canonical_mask(mask, "mask", images.shape, plan.layout.images, "images")


def match_images(plan: MatchPlan, banks: Banks, images: Array, mask: Any, fill: Any, out: Any, workers: Any) -> Any:
    """The scores of images, or what they are reduced to, in `out` or in memory of its own.

    `out` is as it was if one is refused.
    """
    n_images = n_images_of(images.shape, plan.layout.images[0])
    shape, reduction = plan.response_shape(n_images), plan.reduction
    if reduction is not None:
        return reduced(
            reduction, n_images, out, lambda _: reduce_scores(plan, reduction, banks, images, mask, fill, workers)
        )
    target, _held = (None, []) if out is None else check_out(out, shape, plan.response)
    operands = [images, *banks.operands, *([] if mask is None or mask is FINITE else [mask])]
    direct = target is not None and not plan.exact and not any(may_overlap(target, other) for other in operands)
    direct = direct and plan.response == plan.computed
    computed = plan.scored
    result: Array = target if direct and target is not None else empty(shape, computed)
    if 0 not in shape:
        score_all(plan, banks, images, mask, fill, result, workers)
    if target is None:
        return result if computed == plan.response else converted(result, plan.response)
    if result is not target:
        copy_in_pieces(target, result if computed == plan.response else converted(result, plan.response))
    returned: Array = out
    return returned


def reduce_scores(
    plan: MatchPlan, reduction: Reduction, banks: Banks, images: Array, mask: Any, fill: Any, workers: Any
) -> list[Array]:
    """What the scores are reduced to, some images at a time."""
    n_images, level = n_images_of(images.shape, plan.layout.images[0]), _dispatch.current()
    results = new_results(reduction, n_images)
    largest = largest_distance(plan, images.dtype, banks.operands[0].dtype)
    for area in reduced_areas(reduction, 1):
        part, own = plan, reduction
        if area[0][1] < reduction.outputs[0]:
            part, own = plan.part(area), reduction._replace(outputs=(area[0][1], area[1][1]))
        at_once = images_at_once(own)
        refuse_too_large("images", "what is kept of an image's scores while they are reduced", 2 * own.kept_bytes)
        for first in range(0, n_images, at_once):
            end = min(first + at_once, n_images)
            taker = taker_of(part, own, level, end - first, largest)
            score_all(part, banks, images, mask, fill, taker, workers, (first, end))
            put_reduced(results_of(taker.kept, own), results, own, (first, end), area)
    return results


def score_all(
    plan: MatchPlan,
    banks: Banks,
    images: Array,
    mask: Any,
    fill: Any,
    result: Array | Taker,
    workers: Any,
    bounds: tuple[int, int] | None = None,
) -> None:
    """All scores of a batch, or of some of its images."""
    for some, own, call in calls_of(plan, banks, images, mask, fill, workers, bounds):
        if isinstance(result, Taker):
            score_call(call._replace(out=result.of(some.start, own.start)))
        else:
            score_call(call._replace(out=canonical(result, plan.layout.response)[some, own]))


def calls_of(
    plan: MatchPlan,
    banks: Banks,
    images: Array,
    mask: Any,
    fill: Any,
    workers: Any,
    bounds: tuple[int, int] | None = None,
) -> Iterator[tuple[slice, slice, Call]]:
    """The calls that a batch, or images [first, end) of it, are scored by, which have no place for the scores yet.

    Each with one's own bank, or some templates of that of all, or channel by channel; with the images, from the first
    of these on, and the kernels of the response that its scores are of.
    """
    pixels, level = canonical(images, plan.layout.images), _dispatch.current().scores
    first, end = bounds or (0, len(pixels))
    channels = [slice(None)]
    if plan.layout.each_channel:
        channels = [slice(channel, channel + 1) for channel in range(plan.n_responses)]
    for some, kernels, templates in banks.pieces(first, end):
        for channel in channels:
            seen = mask
            if isinstance(seen, np.ndarray):
                seen = seen[some if len(seen) > 1 else slice(None), channel if seen.shape[1] > 1 else slice(None)]
            own = channel if plan.layout.each_channel else kernels
            call = Call(plan, templates, pixels[some, channel], seen, fill[channel], None, level, workers)
            yield slice(some.start - first, some.stop - first), own, call


def score_call(call: Call) -> None:
    """All scores of a call, area by area, of some images at a time where these are small.

    Workers take areas where there are some for each, and else share the sums of one.
    """
    plan, tasks = call.plan, []
    exact = are_small(call)
    for area in areas_of(plan.geometry, plan.unseen_padding):
        wanted = area.within(plan.roi)
        if min(wanted.counts) <= 0:
            continue
        part, places = Part(area, wanted.places(area.first)), wanted.places(plan.roi.first)
        pixels = (area.counts[0] + call.templates.taps[0]) * (area.counts[1] + call.templates.taps[1])
        at_once = max(1, AT_ONCE // (pixels * call.pixels.shape[1]))
        for first in range(0, len(call.pixels), at_once):
            tasks.append((area, slice(first, min(first + at_once, len(call.pixels))), part, places))
    if not tasks:
        return
    n_workers = min(_workers.count_workers(call.workers), _workers.most_threads())
    effort = inner_plan(plan, call.templates, tasks[0][0]).effort / call.templates.whole.n_kernels
    effort *= tasks[0][1].stop - tasks[0][1].start
    shared = n_workers > 1 and len(tasks) >= AREAS_PER_WORKER * n_workers and effort <= MOST_EFFORT
    own = call._replace(workers=1) if shared else call

    def score_task(index: int) -> None:
        with np.errstate(over="ignore", under="ignore"):  # what the type of the scores does not hold is infinite
            score_templates(index)

    def score_templates(index: int) -> None:
        area, some, part, (rows, columns) = tasks[index]
        known: list[Any] = []
        for kernels in some_kernels(call, effort, part.shape[0] * part.shape[1] * (some.stop - some.start)):
            templates = call.templates.some(kernels.start, kernels.stop)
            piece, out = own._replace(templates=templates), own.out
            if not isinstance(out, Taker):
                score_area(piece, area, some, part, out[some, kernels, rows, columns], exact, known)
                continue
            scores = empty((some.stop - some.start, templates.n_kernels, *part.shape), plan.scored)
            score_area(piece, area, some, part, scores, exact, known)
            out.take(scores, some.start, kernels.start, rows.start, columns.start)

    _workers.prepare(score_task, len(tasks), n_workers if shared else 1)


def some_kernels(call: Call, effort: float, n_windows: int) -> list[slice]:
    """Templates that are scored together, of which each takes so much effort: a signal waits for a helper's."""
    n_kernels = call.templates.n_kernels
    beside = isinstance(call.out, Taker) or call.plan.scoring.score in DISTANCES
    most = MOST_BESIDE if beside else MOST_SCORES
    at_once = max(1, min(n_kernels, most // n_windows, int(MOST_EFFORT // max(effort, 1))))
    at_once = -(-n_kernels // -(-n_kernels // at_once))
    return [slice(first, min(first + at_once, n_kernels)) for first in range(0, n_kernels, at_once)]


def inner_plan(plan: MatchPlan, bank: Templates, area: Area) -> Plan:
    """The plan of an area's products: of floats, or of whole numbers where scores stay these until they are divided."""
    sizes = [axis.reach(count) for axis, count in zip(plan.geometry.axes, area.counts, strict=True)]
    exact = plan.flat == (0, 0) and (plan.exact or bank.original.dtype.itemsize <= 2)
    summed, stored = (bank.original.dtype, np.dtype(np.int64)) if exact else (plan.computed, plan.computed)
    planes = Like((1, plan.geometry.channels, *sizes), summed)
    target = np.broadcast_to(np.zeros((), stored), (1, bank.n_kernels, *area.counts))
    return Call(plan, bank, bank.original, None, np.zeros(1), target, None, 1).plan_of(planes, bank.original, target)


def score_area(call: Call, area: Area, some: slice, part: Part, target: Array, exact: bool, known: list[Any]) -> None:
    """The scores of one area of some images; what is `known` of it goes for other templates, too.

    Images of which all is seen are scored by themselves: their bits do not depend on what is seen of others.
    """
    box, padded = seen_of(call, area, some)
    seen = None if box is None or padded is None else (box, padded)
    alike = [slice(0, len(target))] if padded is None else runs_alike(padded)
    if len(alike) > 1:
        for own in alike:
            images = slice(some.start + own.start, some.start + own.stop)
            score_area(call, area, images, part, target[own], exact, [])
        return
    raw = call.plan.scoring.score in ("correlation", "ssd") and not call.plan.exact
    masked = call.templates.shares is not None
    one_mask = masked and seen is None and call.templates.whole.shared
    one_mask = one_mask and (not raw or (call.plan.scoring.score == "ssd" and not exact))
    if one_mask and exact and call.templates.whole.binary:
        score_integers(call, area, some, part, target, known)
    elif one_mask and not sums_are_exact(call):
        score_floats(call, area, some, part, target, known)
    elif masked or seen is not None or (raw and call.plan.masked):
        score_masked(call, area, some, part, seen, target)
    elif call.plan.exact and not exact:
        score_large(call, area, some, part, target)
    elif exact:
        score_integers(call, area, some, part, target, known)
    else:
        score_floats(call, area, some, part, target, known)


def runs_alike(shares: Array) -> list[slice]:
    """Images in a row of which all is seen, or all that is seen counts fully, or neither."""
    kinds = [2 if not is_binary(own) else 1 if not own.all() else 0 for own in shares]
    ends = [index for index in range(1, len(kinds)) if kinds[index] != kinds[index - 1]]
    return [slice(first, end) for first, end in zip([0, *ends], [*ends, len(kinds)], strict=True)]


def check_it_runs(plan: MatchPlan, banks: Banks) -> None:
    """The errors of the correlations that scores are made of, before any is run."""
    for _, _, templates in banks.pieces():
        with of_templates():
            inner_plan(plan, templates, areas_of(plan.geometry, plan.unseen_padding)[0]).check_it_fits()
        return
