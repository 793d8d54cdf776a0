"""The largest response of each row of maps, by which most rows are known to have none of the best places."""

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from xcorr import _dispatch, _workers
from xcorr._engine import find_highest

MOST_COLUMNS = 2**24
"""Columns of a row, which is looked at at one go: a signal waits for it, some milliseconds."""

Array = npt.NDArray[Any]

LEAST_AT_ONCE = 2**17
"""Responses that a worker looks at at once, at least: some 0.01 ms, beside which its call is short; not tuned."""


class Tops(NamedTuple):
    """The largest responses of rows as calls note them in passing, if these are all of the responses."""

    largest: bool
    rows: Array  # (images, kernels, rows)
    noted: npt.NDArray[np.intp]  # the number of responses


def new_tops(largest: bool, n_images: int, n_kernels: int, n_rows: int) -> Tops:
    """Tops of no responses yet."""
    return Tops(largest, np.full((n_images, n_kernels, n_rows), -np.inf), np.zeros(1, np.intp))


def tops_of(responses: Array, largest: bool, workers: Any) -> Array | None:
    """The largest responses of rows, of minima the least ones' negatives; infinite beside NaN.

    Of (images, planes, rows, columns, kernels), as (images, planes, kernels, rows). None where it is as soon done when
    the rows are looked at: of few, or of other types, or whose columns do not follow on each other.
    """
    n_images, n_planes, n_rows, n_columns, n_kernels = responses.shape
    dtype, flags = responses.dtype, responses.flags
    follow = responses.strides[3] == dtype.itemsize and n_columns > 1
    is_read = dtype.char in "fd" and dtype.isnative and flags.aligned and follow
    if not is_read or responses.size < LEAST_AT_ONCE or n_columns > MOST_COLUMNS:
        return None
    tops = np.empty((n_images, n_planes, n_kernels, n_rows))
    rows = max(1, LEAST_AT_ONCE // n_columns)
    table = _dispatch.current().table

    def find(task: int) -> None:
        find_highest(table, responses, largest, task * rows, min((task + 1) * rows, tops.size), tops)

    _workers.prepare(find, -(-tops.size // rows), _workers.count_workers(workers))
    return tops
