"""Peaks of scores that no array has all of: they are looked for in the maps of some images, or in some rows of one.

As in `_reduce_peaks.py`, beside rows that are looked at are the one above and the one below. Rows are those of whole
areas where these have room, so that no window is measured twice for the same templates.
"""

from collections.abc import Iterator
from math import prod
from typing import Any

import numpy as np
import numpy.typing as npt

from xcorr import _peaks
from xcorr._areas import areas_of
from xcorr._arrays import in_order
from xcorr._match_banks import Banks
from xcorr._match_call import Call
from xcorr._match_reduce import converted
from xcorr._matching import MatchPlan, n_images_of
from xcorr._memory import empty
from xcorr._reduce_peaks import in_whole, shape_of_peaks
from xcorr._score import calls_of, score_all, score_call
from xcorr._workers import refuse_too_large
from xcorr.peaks import Peaks, find_in_arrays, no_peaks, search_words

Array = npt.NDArray[Any]

BYTES_AT_ONCE = 2**26
"""Bytes of the scores that are there at once, as of responses in `_reduce_peaks.py`; not tuned."""


def bytes_each(plan: MatchPlan) -> int:
    """Bytes of a score, as it is made and in the type that is asked for."""
    return plan.response.itemsize + (plan.scored.itemsize if plan.scored != plan.response else 0)


def find_in_scores(
    plan: MatchPlan, peaks: Peaks, banks: Banks, images: Array, mask: Any, fill: Any, workers: Any
) -> Array:
    """The peaks of all scores."""
    n_images = n_images_of(images.shape, plan.layout.images[0])
    shape = shape_of_peaks(plan.layout, plan.n_responses, peaks, n_images)
    found = no_peaks(shape, plan.response, plan.layout.n_axes)
    if n_images == 0 or plan.n_responses == 0:
        return found
    is_possible, words = search_words(peaks, plan.response, max(plan.roi.counts), plan.layout.n_axes)
    records = found.reshape(n_images, -1, peaks.k)
    at_once = BYTES_AT_ONCE // (prod(plan.sizes) * bytes_each(plan))
    for first in range(0, n_images, max(1, at_once)):
        end = min(first + max(1, at_once), n_images)
        if at_once:
            scores: Array = empty(plan.response_shape(end - first), plan.scored)
            score_all(plan, banks, images, mask, fill, scores, workers, (first, end))
            scores = in_order(converted(scores, plan.response), plan.layout.response)
            find_in_arrays(scores, records[first:end], words, workers)
        else:
            find_in_rows(calls_of(plan, banks, images, mask, fill, workers, (first, end)), records[first], words)
    if not is_possible:
        return no_peaks(shape, plan.response, plan.layout.n_axes)
    return in_whole(found, list(zip(*plan.roi, strict=True)))


def find_in_rows(calls: Iterator[tuple[slice, slice, Call]], records: Array, words: tuple[Any, ...]) -> None:
    """Writes the peaks of one image's calls into records (maps, k), some templates and some rows at a time."""
    by_image, finder = words[-1], None
    for _, own, call in calls:
        plan, n_kernels = call.plan, call.templates.n_kernels
        some, most_rows = at_once_of(plan, n_kernels)
        for first in range(0, n_kernels, some):
            templates = call.templates.some(first, min(first + some, n_kernels))
            begin, end = own.start + first, own.start + first + templates.n_kernels
            if finder is None or not by_image:
                size = 1, *plan.roi.counts, plan.n_responses if by_image else end - begin
                finder = _peaks.Finder(size, plan.response, records.shape[1], *words)
            take_scores(call._replace(templates=templates), most_rows, finder, begin if by_image else 0)
            if not by_image:
                finder.write(records[begin:end])
                kernels = records["kernel"][begin:end]
                kernels[kernels >= 0] += begin
    if by_image and finder is not None:
        finder.write(records)


def at_once_of(plan: MatchPlan, n_kernels: int) -> tuple[int, int]:
    """Templates whose scores are there together, as many as have room for the rows of an area, and rows at most."""
    of_row = plan.roi.counts[1] * bytes_each(plan)
    refuse_too_large("images", "three rows of scores", 3 * of_row)
    tallest = max(end - begin for begin, end in strips_of(plan, plan.roi.counts[0], merged=False))
    some = min(n_kernels, max(1, BYTES_AT_ONCE // ((tallest + 2) * of_row)))
    return some, max(1, BYTES_AT_ONCE // (some * of_row) - 2)


def strips_of(plan: MatchPlan, most_rows: int, merged: bool = True) -> list[tuple[int, int]]:
    """The first row and the end of rows that are scored at one go, of those that are wanted.

    Those of an area, or of several one below the other; parts of one only where it has too many.
    """
    strips: list[tuple[int, int]] = []
    first, count = plan.roi.first[0], plan.roi.counts[0]
    for top, n_rows in sorted(
        {(area.first[0], area.counts[0]) for area in areas_of(plan.geometry, plan.unseen_padding)}
    ):
        begin, end = max(top - first, 0), min(top - first + n_rows, count)
        for row in range(begin, end, most_rows):
            last = min(row + most_rows, end)
            if merged and strips and last - strips[-1][0] <= most_rows:
                strips[-1] = strips[-1][0], last
            else:
                strips.append((row, last))
    return strips


def take_scores(call: Call, most_rows: int, finder: _peaks.Finder, first_kernel: int) -> None:
    """Has the peaks of a call's scores found, strip by strip: the last two rows of one stay for the next."""
    plan, looked, there = call.plan, 0, 0
    n_rows, n_columns = plan.roi.counts
    strips = strips_of(plan, most_rows)
    tallest = max(end - begin for begin, end in strips)
    rows: Array = empty((1, call.templates.n_kernels, min(tallest + 2, n_rows), n_columns), plan.response)
    for begin, end in strips:
        kept = begin - max(looked - 1, 0)
        rows[:, :, :kept] = rows[:, :, there - kept : there]
        there = kept + end - begin
        target = rows[:, :, kept:there]
        scores: Array = target if plan.scored == plan.response else empty(target.shape, plan.scored)
        score_call(call._replace(plan=plan.of_rows(begin, end - begin), out=scores))
        if scores is not target:
            target[...] = converted(scores, plan.response)
        last = end if end == n_rows else end - 1
        finder.take(np.moveaxis(rows[:, :, :there], 1, 3), begin - kept, looked, last, first_kernel)
        looked = last
