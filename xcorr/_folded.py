"""What lies in the padding goes back to the pixels that it was made of: the adjoint of boundaries."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from xcorr._axes import Axis
from xcorr._engine import fill_source_indices
from xcorr._staged import run

Array = npt.NDArray[Any]
Indices = npt.NDArray[np.intp]


def folds(axis: Axis, boundary: str) -> bool:
    """Whether the windows along an axis see pixels in the padding."""
    return boundary != "constant" and max(axis.before, axis.behind) > 0


def pixels_of(axis: Axis, boundary: str) -> Indices:
    """The pixel that each place of the padded axis is made of."""
    indices = np.empty(axis.before + axis.length + max(axis.behind, 0), np.intp)
    fill_source_indices(indices, -axis.before, axis.length, boundary)
    return indices


def most_places(axis: Axis, boundary: str) -> int:
    """The most places of the padded axis that one pixel is at."""
    return int(np.bincount(pixels_of(axis, boundary)).max()) if folds(axis, boundary) else 1


def fold_back(padded: Array, index: int, axis: Axis, boundary: str) -> Array:
    """The part of an array that is the image's, its axis of that `index`, after all places went to their pixels.

    Those of one pixel are added in pairs, these in pairs and so on, so that rounding grows with the logarithm of their
    number.
    """
    moved = np.moveaxis(padded, index, 0)
    for to, places in pairs_to_add(pixels_of(axis, boundary), axis.before):
        moved[to] += moved[places]
    return padded[(slice(None),) * index + (slice(axis.before, axis.before + axis.length),)]


def pairs_to_add(pixels: Indices, before: int) -> Iterator[tuple[slice, slice]]:
    """Slices of places, and of others whose values are to be added to them, one after the other."""
    places = np.arange(len(pixels))
    is_own = places - before == pixels
    order = np.lexsort((places, ~is_own, pixels))  # of each pixel its own place first
    pixel = pixels[order]
    firsts = np.flatnonzero(np.r_[True, pixel[1:] != pixel[:-1]])
    counts = np.diff(np.r_[firsts, len(pixel)])
    rank = np.arange(len(pixel)) - np.repeat(firsts, counts)
    width = 1
    while width < counts.max():
        added = np.flatnonzero(rank % (2 * width) == width)
        to, others = order[added - width], order[added]
        by_place = np.argsort(to)
        yield from slices_of_pairs(to[by_place], others[by_place])
        width *= 2


def slices_of_pairs(to: Indices, others: Indices) -> Iterator[tuple[slice, slice]]:
    """Pairs of places as slices, of which each has places at one distance."""
    first = 0
    while first < len(to):
        end = first + 1
        if end < len(to):
            steps = int(to[end] - to[first]), int(others[end] - others[first])
            like = (np.diff(to[first:]) == steps[0]) & (np.diff(others[first:]) == steps[1])
            end = first + 1 + (len(like) if like.all() else int(np.argmin(like)))
        if end - first == 1:
            steps = 1, 1
        yield run(int(to[first]), end - first, steps[0]), run(int(others[first]), end - first, steps[1])
        first = end
