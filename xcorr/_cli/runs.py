"""Images that are counted through several axes of an array, the last one changing fastest."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

__all__ = ["Run", "runs_of"]


class Run(NamedTuple):
    """Images [begin, end) of those that were asked for, and their place along each axis."""

    begin: int
    end: int
    place: tuple[slice, ...]


def runs_of(lengths: Sequence[int], first: int, end: int) -> Iterator[Run]:
    """Give images [first, end) in runs along the last of the axes of these lengths; without axes there is one image.

    >>> [run.place for run in runs_of((2, 5), 3, 7)]
    [(slice(0, 1, None), slice(3, 5, None)), (slice(1, 2, None), slice(0, 2, None))]
    """
    if not lengths:
        yield Run(0, end - first, ())
        return
    index = first
    while index < end:
        places = [int(place) for place in np.unravel_index(index, tuple(lengths))]
        count = min(end - index, lengths[-1] - places[-1])
        outer = (slice(place, place + 1) for place in places[:-1])
        yield Run(index - first, index - first + count, (*outer, slice(places[-1], places[-1] + count)))
        index += count
