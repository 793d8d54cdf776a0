"""Windows gathered into arrays: strip by strip of padded pixels, by all workers."""

from math import prod
from typing import Any

import numpy as np
import numpy.typing as npt

import xcorr._indices as _indices
from xcorr import _window_arrays, _workers
from xcorr._arrays import make_canonical
from xcorr._memory import empty_lines
from xcorr._staged import runs_of, stage
from xcorr._window_arrays import Strips, workers_for
from xcorr._workers import WORKSPACE_LIMIT, refuse_too_large

Array = npt.NDArray[Any]


def gather(strips: Strips, images: Array, out: Array, fill: Array) -> None:
    """All windows of images (N, places..., C), in C order in `out` (N, rows..., taps)."""
    down, across, *others = strips.axes
    dtype, item = out.dtype, out.dtype.itemsize
    n_pieces, n_elements, apart = strips.pieces()
    at_once, columns = gathered_at_once(strips, prod(out.shape[2:]) * item, item)
    tasks = [
        (image, first, begin)
        for image in range(len(images))
        for first in range(0, down.outputs, at_once)
        for begin in range(0, across.outputs, columns)
    ]

    def do(task: int) -> None:
        image, first, begin = tasks[task]
        part = (
            down.part(first, min(at_once, down.outputs - first)),
            across.part(begin, min(columns, across.outputs - begin)),
        )
        own = strips._replace(axes=(*part, *others))
        extents = tuple(axis.reached for axis in own.axes)
        pitches, last = own.pitches(extents), own.axes[-1]
        lines = [
            runs_of(-axis.before, axis.reached, 1, axis.length, word)
            for axis, word in zip(own.axes, own.boundary, strict=True)
        ]
        shape = (1, *extents, own.channels)
        memory = empty_lines(prod(shape) * item)
        strip = memory.view(dtype).reshape(shape)
        stage(strip, images[image : image + 1], lines, fill)
        if dtype.kind == "b":
            make_canonical(strip)
        counts = [axis.outputs for axis in own.axes]
        place = out[image, first : first + counts[0], begin : begin + counts[1]]
        _indices.gather(
            memory.view(np.int8),
            place.reshape(-1).view(np.int8),
            own.places(pitches, counts, lambda axis: axis.stride) * item,
            last.outputs,
            last.stride * own.channels * item if last.outputs > 1 else 0,
            own.tap_rows(pitches) * item,
            n_pieces,
            n_elements * item,
            apart * item,
        )

    of_task = prod(axis.reach(count) for axis, count in zip((down, across), (at_once, columns), strict=True))
    of_task *= prod(axis.reached for axis in others) * strips.channels * item
    n_workers = min(workers_for(out.nbytes), max(1, WORKSPACE_LIMIT // max(1, of_task)))
    _workers.prepare(do, len(tasks), n_workers)


def gathered_at_once(strips: Strips, of_row: int, item: int) -> tuple[int, int]:
    """Rows of windows, of `of_row` bytes each, that a task copies, or of one row so many windows of the next axis."""
    down, across, *others = strips.axes
    of_column = prod(axis.reached for axis in others) * strips.channels * item
    columns = across.outputs
    if of_row > _window_arrays.TASK_BYTES or of_column * across.reached > _window_arrays.MOST_BYTES:
        columns = min(columns, max(1, _window_arrays.TASK_BYTES * columns // of_row))
        columns = min(columns, max(1, (_window_arrays.MOST_BYTES // of_column - across.effective) // across.stride + 1))
    of_line = of_column * across.reach(columns)
    refuse_too_large("images", "padded pixels of one row of windows", of_line * down.effective)
    if columns < across.outputs:
        return 1, columns
    rows = (max(_window_arrays.STRIP_BYTES // of_line, 2 * down.effective) - down.effective) // down.stride + 1
    rows = max(1, min(down.outputs, rows, _window_arrays.TASK_BYTES // of_row))
    return (1 if of_line * down.reach(rows) > WORKSPACE_LIMIT // 16 else rows), columns
