"""Large kernels in boxes: rows and columns of taps that fit a section, whose responses are added.

Each box is a kernel by itself, whose windows are those of all taps. All of them have the same section, so that a part
of a response has the bits that it has in the whole one.
"""

import copy
from collections.abc import Callable, Iterator
from itertools import product
from typing import Any

import numpy as np

from xcorr._arrays import in_order, some_images
from xcorr._axes import Span
from xcorr._bank import Bank
from xcorr._engine import Reducer
from xcorr._layouts import arranged
from xcorr._memory import empty
from xcorr._methods.asked import Array, Box, Job, Limits
from xcorr._methods.sections import BOX_BYTES, spectrum_bytes
from xcorr._methods.stretches import within

KEPT_BYTES = 2**26
"""Bytes of the spectra of all boxes of a prepared bank up to which they are kept; not tuned."""

Respond = Callable[[Any, Array, Limits | None], bool]


def boxes_of(plan: Any) -> list[Box]:
    """The boxes of a kernel's taps, which differ by one row and one column of taps at most."""
    down, across = (
        [slice(axis.kernel * index // count, axis.kernel * (index + 1) // count) for index in range(count)]
        for axis, count in zip(plan.geometry.axes, plan.boxes, strict=True)
    )
    return list(product(down, across))


def reached_by_section(plan: Any) -> tuple[int, int]:
    """Rows and columns of pixels that the windows of a section reach with all boxes."""
    section, (rows, columns) = plan.section[0], boxes_of(plan)[-1]
    down, across = plan.geometry.axes
    return section.height + rows.start * down.dilation, section.width + columns.start * across.dilation


def run(job: Job, result: Any, limits: Limits | None, respond: Respond) -> bool:
    """All responses, by `respond` box by box; false if one is outside of the limits, or no number."""
    plan, fits = job.plan, True
    dtype, axes = summand_type(plan.types), plan.layout.response
    n_rows, n_columns = plan.geometry.outputs
    whole = (0, n_rows), (0, n_columns)
    for kernels, bank in banks_of(job, dtype):
        stores = not isinstance(result, Reducer) and result.dtype == dtype and limits is None and kernels is None
        n_kernels = len(bank.kernels)
        at_once = max(1, BOX_BYTES // (n_rows * n_columns * n_kernels * dtype.itemsize))
        of_window = min(at_once, job.n_images) * n_kernels * dtype.itemsize
        for first in range(0, job.n_images, at_once):
            end = min(first + at_once, job.n_images)
            some = of_images(job, first, end, bank)
            target = some_images(result, axes[0], first, end)
            for block in [whole] if stores else areas_of(plan, of_window, whole):
                if stores:
                    fits &= add_boxes(some, target, block, dtype, respond)
                    continue
                counts = block[0][1], block[1][1]
                waiting: Array = empty(arranged((end - first, *counts, n_kernels), axes), dtype)
                some.kept_bytes = job.kept_bytes + waiting.nbytes
                fits &= add_boxes(some, waiting, block, dtype, respond)
                fits &= hand_on(job, waiting, target, block, limits, kernels)
    return fits


def summand_type(types: Any) -> np.dtype[Any]:
    """The type in which responses are added."""
    if types.exact:
        return np.dtype(np.int64)
    found: np.dtype[Any] = types.response if types.is_complex else types.sums
    return found


def banks_of(job: Job, dtype: np.dtype[Any]) -> Iterator[tuple[slice | None, Bank]]:
    """Some kernels of each group at once, of which a section's responses may wait; all of them as None."""
    bank, section = job.bank, job.plan.section[0]
    n_own = bank.n_kernels // bank.parts
    at_once = max(1, BOX_BYTES // (section.valid_rows * section.valid_columns * bank.n_groups * dtype.itemsize))
    if at_once >= n_own:
        yield None, bank
        return
    for first in range(0, n_own, at_once):
        some = slice(first, min(first + at_once, n_own))
        yield some, bank.of_groups(some)


def of_images(job: Job, first: int, end: int, bank: Bank) -> Any:
    """The call of images [first, end) and a bank."""
    some: Any = copy.copy(job)
    some.images = some_images(job.images, job.plan.layout.images[0], first, end)
    some.bank, some.n_images, some.spare, some.tops = bank, end - first, 0, None
    return some


def areas_of(plan: Any, of_window: int, block: Span) -> Iterator[Span]:
    """Parts of a block of responses that have room, with so many bytes for each window: whole sections, at least one.

    Few of them cut the sections of the whole response.
    """
    section = plan.section[0]
    (rows, row_origin), (columns, column_origin) = (
        (int(valid) // axis.stride, (whole.before - axis.before) // axis.stride)
        for valid, axis, whole in zip(
            (section.valid_rows, section.valid_columns), plan.geometry.axes, plan.geometry.grid.axes, strict=True
        )
    )
    _, (_, width) = block
    if rows * width * of_window > BOX_BYTES:
        width = max(1, BOX_BYTES // (rows * columns * of_window)) * columns
    height = max(1, BOX_BYTES // (rows * width * of_window)) * rows
    for down in cuts(*block[0], row_origin, height):
        for across in cuts(*block[1], column_origin, width):
            yield down, across


def cuts(first: int, count: int, origin: int, step: int) -> Iterator[tuple[int, int]]:
    """The first and the number of places of each part, cut at multiples of a step counted from the origin before."""
    end = first + count
    while first < end:
        last = min(end, ((first + origin) // step + 1) * step - origin)
        yield first, last - first
        first = last


def add_boxes(job: Any, target: Array, block: Span, dtype: np.dtype[Any], respond: Respond) -> bool:
    """The responses of a block, the first box's and then those of the others added; as `run`."""
    plan, bank, fits = job.plan, job.bank, True
    n_kernels, n_images = len(bank.kernels), job.n_images
    of_window, boxes = n_images * n_kernels * dtype.itemsize, boxes_of(plan)
    n_bytes = len(boxes) * bank.n_groups * bank.n_kernels * spectrum_bytes(plan.section[0], plan.sizes)
    keeps = bank.is_kept and n_bytes <= KEPT_BYTES
    for index, box in enumerate(boxes):
        part = copy.copy(job)
        part.bank = bank.of_box(box, index == 0, keeps)
        for area in [block] if index == 0 else areas_of(plan, of_window, block):
            part.plan = plan.of_box(box, area, n_kernels, dtype)
            if index == 0:
                fits &= respond(part, target, None)
                continue
            waiting: Array = empty(part.plan.response_shape(n_images), dtype)
            part.kept_bytes = job.kept_bytes + waiting.nbytes
            fits &= respond(part, waiting, None)
            (top, _), (left, _) = block
            (row, n_rows), (column, n_columns) = area
            place = slice(row - top, row - top + n_rows), slice(column - left, column - left + n_columns)
            axes = plan.layout.response
            with np.errstate(all="ignore"):
                in_order(target, axes)[:, place[0], place[1]] += in_order(waiting, axes)
    bank.count_kept()
    return fits


def hand_on(job: Job, waiting: Array, result: Any, block: Span, limits: Limits | None, kernels: slice | None) -> bool:
    """Responses that waited, to the array or to what reduces them; false if one is outside of the limits, or no number.

    `kernels` are those of each group that they are of.
    """
    plan, geometry = job.plan, job.plan.geometry
    n_own = geometry.n_kernels // geometry.groups
    every = np.arange(geometry.n_kernels).reshape(geometry.groups, n_own)
    numbers = np.ascontiguousarray(every[:, kernels or slice(None)].reshape(-1))
    own, fits = within(in_order(waiting, plan.layout.response), limits)
    (top, n_rows), (left, n_columns) = block
    if not isinstance(result, Reducer):
        target = in_order(result, plan.layout.response)[:, top : top + n_rows, left : left + n_columns]
        with np.errstate(over="ignore", under="ignore"):
            if kernels is None:
                target[...] = own
            else:
                target[..., numbers] = own
        return fits
    summed = "f8" if plan.types.exact else plan.types.summed
    if job.left_out is not None:
        numbers = np.where(job.left_out.reshape(-1)[numbers], -1, numbers)
    for image, responses in enumerate(own):
        result.take(summed, np.ascontiguousarray(responses, summed), image, top, left, numbers, plan.level.table)
    return fits
