"""Peaks of responses that no array has all of: they are looked for in the maps of some images, or in some rows of one.

Beside rows that are looked at are the one above and the one below. Responses of a part have the bits of the whole.
"""

from collections.abc import Sequence
from typing import Any

import numpy.typing as npt

from xcorr import _peaks
from xcorr._arrays import in_order
from xcorr._bank import Bank
from xcorr._job import Job
from xcorr._layouts import Layout
from xcorr._plan import Plan
from xcorr._respond import respond
from xcorr._tops import new_tops
from xcorr._workers import refuse_too_large
from xcorr.peaks import PLACES, Peaks, find_in_arrays, no_peaks, search_words

Array = npt.NDArray[Any]

BYTES_AT_ONCE = 2**26
"""Bytes of the responses that are there at once, a quarter of the workspace: cut smaller, 100 kernels take 1.2 to 2.5
times as long with 2**25 down to 2**21. 2026-11-27, AMD EPYC (Zen 5), level v4, 1 worker, 3x3 to 32x32 on 1080p."""

LEAST_KERNELS = 64
"""Kernels of some rows, if there are as many: whole panels, which pixels are read once for."""


def peaks_shape(plan: Plan, peaks: Peaks, n_images: int) -> tuple[int, ...]:
    """(N, K, k), or without the axes that the response lacks, or that its kernels share."""
    return shape_of_peaks(plan.layout, plan.geometry.n_kernels, peaks, n_images)


def shape_of_peaks(layout: Layout, n_kernels: int, peaks: Peaks, n_images: int) -> tuple[int, ...]:
    """The same of responses of that layout."""
    images, kernels = layout.response[0] >= 0, layout.response[-1] >= 0 and peaks.per == "kernel"
    return (*((n_images,) if images else ()), *((n_kernels,) if kernels else ()), peaks.k)


def find_in_responses(job: Job, peaks: Peaks) -> Array:
    """The peaks of all responses."""
    plan = job.plan
    found = no_peaks(peaks_shape(plan, peaks, job.n_images), plan.types.response, plan.layout.n_axes)
    n_rows, n_columns = (count for _, count in plan.area)
    if job.n_images == 0 or plan.geometry.n_kernels == 0:
        return found
    is_possible, words = search_words(peaks, plan.types.response, max(n_rows, n_columns), plan.layout.n_axes)
    records = found.reshape(job.n_images, -1, peaks.k)
    at_once = BYTES_AT_ONCE // plan.response_bytes
    for first in range(0, job.n_images, max(1, at_once)):
        end = min(first + max(1, at_once), job.n_images)
        own = job.of_images(first, end)
        if at_once:
            find_in_maps(own, records[first:end], words)
        else:
            find_in_rows(own, records[first], words)
    if not is_possible:
        return no_peaks(found.shape, plan.types.response, plan.layout.n_axes)
    return in_whole(found, plan.area)


def find_in_map(responses: Array, peaks: Peaks, plan: Plan) -> Array:
    """The peaks of finished responses (images, rows, columns, kernels) of a plan."""
    found = peaks.find(responses, plan.layout.n_axes)
    return in_whole(found.reshape(peaks_shape(plan, peaks, len(responses))), plan.area)


def in_whole(found: Array, area: Sequence[tuple[int, int]]) -> Array:
    """The same peaks with places of the whole response, of which they are looked for in an area."""
    there = found["kernel"] >= 0
    for name, (begin, _) in zip(PLACES[-len(area) :], area, strict=True):
        if begin and name in (found.dtype.names or ()):
            found[name][there] += begin
            found["sub_" + name][there] += begin
    return found


def find_in_maps(job: Job, records: Array, words: tuple[Any, ...]) -> None:
    """Writes the peaks of some images, whose maps are there together, into records (images, maps, k)."""
    plan = job.plan
    job.kept_bytes = plan.response_bytes * job.n_images
    if plan.types.response.char in "fd":
        job.tops = new_tops(words[4], job.n_images, plan.geometry.n_kernels, plan.geometry.outputs[0])
    maps = in_order(respond(job, plan.response_shape(job.n_images), None), plan.layout.response)
    find_in_arrays(maps, records, words, job.most_workers, job.tops)


def find_in_rows(job: Job, records: Array, words: tuple[Any, ...]) -> None:
    """Writes the peaks of an image into records (maps, k), some kernels and some rows at a time."""
    plan, n_kernels, by_image = job.plan, job.plan.geometry.n_kernels, words[-1]
    n_rows, n_columns = plan.geometry.outputs
    some = kernels_at_once(plan)
    of_row = n_columns * some * plan.types.response.itemsize
    refuse_too_large("images", "three rows of responses", min(3, n_rows) * of_row)
    rows = max(1, BYTES_AT_ONCE // of_row - 2)
    finder = None
    for first in range(0, n_kernels, some):
        end = min(first + some, n_kernels)
        bank = job.bank if end - first == n_kernels else bank_of_some(job.bank, first, end)
        if finder is None or not by_image:
            size = 1, n_rows, n_columns, n_kernels if by_image else end - first
            finder = _peaks.Finder(size, plan.types.response, records.shape[1], *words)
        for row in range(0, n_rows, rows):
            last = min(row + rows, n_rows)
            top, bottom = max(0, row - 1), min(last + 1, n_rows)
            part = Job(plan.some(end - first, (top, bottom - top)), job.images, bank, job.fill, job.asked_workers)
            part.kept_bytes = part.plan.response_bytes
            responses = in_order(respond(part, part.plan.response_shape(1), None), plan.layout.response)
            finder.take(responses, top, row, last, first if by_image else 0)
            del responses  # before the next ones are made
        if not by_image:
            finder.write(records[first:end])
            own = records["kernel"][first:end]
            own[own >= 0] += first
    if by_image and finder is not None:
        finder.write(records)


def kernels_at_once(plan: Plan) -> int:
    """Kernels whose responses are there together; all where groups have their own channels, or bits depend on it.

    In the frequency domain as many as have room for whole maps, as some rows would cut its sections.
    """
    n_kernels, (n_rows, n_columns) = plan.geometry.n_kernels, plan.geometry.outputs
    if plan.geometry.groups > 1 or (plan.method == "matmul" and not plan.is_by_tiles):
        return n_kernels
    whole = BYTES_AT_ONCE // (n_rows * n_columns * plan.types.response.itemsize)
    return min(n_kernels, max(1 if plan.method == "fft" else LEAST_KERNELS, whole))


def bank_of_some(bank: Bank, first: int, end: int) -> Bank:
    """The bank of some kernels of the only group."""
    return Bank(bank.kernels[first:end], bank.bias[:, first:end], bank.parts, bank.components, bank.conjugate)
