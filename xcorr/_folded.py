"""What lies in the padding goes back to the pixels that it was made of: the adjoint of boundaries."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from xcorr._axes import Axis
from xcorr._engine import fill_source_indices
from xcorr._staged import run
from xcorr._workers import refuse_too_large

Array = npt.NDArray[Any]
Indices = npt.NDArray[np.intp]

TABLES = 192
"""Bytes that are taken for each place in the padding while the places are told where they go."""


def folds(axis: Axis, boundary: str) -> bool:
    """Whether the windows along an axis see pixels in the padding."""
    return boundary != "constant" and max(axis.before, axis.behind) > 0


def padding_of(axis: Axis, boundary: str) -> tuple[Indices, Indices]:
    """The places of the padded axis that are padding, and the pixel that each is made of."""
    before, behind = axis.before, max(axis.behind, 0)
    refuse_too_large("padding", "tables of the padding along an axis", TABLES * (before + behind))
    pixels = np.empty(before + behind, np.intp)
    fill_source_indices(pixels[:before], -before, axis.length, boundary)
    fill_source_indices(pixels[before:], axis.length, axis.length, boundary)
    places = np.arange(before + behind)
    places[before:] += axis.length
    return places, pixels


def most_places(axis: Axis, boundary: str) -> int:
    """The most places of the padded axis that one pixel is at."""
    if not folds(axis, boundary):
        return 1
    return 1 + int(np.unique(padding_of(axis, boundary)[1], return_counts=True)[1].max())


def fold_back(padded: Array, index: int, axis: Axis, boundary: str) -> Array:
    """The part of an array that is the image's, its axis of that `index`, after all places went to their pixels.

    Those of one pixel are added in pairs, these in pairs and so on, so that rounding grows with the logarithm of their
    number.
    """
    moved = np.moveaxis(padded, index, 0)
    for to, places in pairs_to_add(*padding_of(axis, boundary), axis.before):
        moved[to] += moved[places]
    return padded[(slice(None),) * index + (slice(axis.before, axis.before + axis.length),)]


def pairs_to_add(padding: Indices, of_padding: Indices, before: int) -> Iterator[tuple[slice, slice]]:
    """Slices of places, and of others whose values are to be added to them, one after the other."""
    seen = np.unique(of_padding)
    places, pixels = np.concatenate([seen + before, padding]), np.concatenate([seen, of_padding])
    is_padding = np.arange(len(places)) >= len(seen)
    order = np.lexsort((places, is_padding, pixels))  # of each pixel its own place first
    pixel, order = pixels[order], places[order]
    firsts = np.flatnonzero(np.r_[True, pixel[1:] != pixel[:-1]])
    counts = np.diff(np.r_[firsts, len(pixel)])
    rank = np.arange(len(pixel)) - np.repeat(firsts, counts)
    by_place = len(firsts) > counts.max()  # else runs of one pixel's places are the longer ones
    width = 1
    while width < counts.max():
        added = np.flatnonzero(rank % (2 * width) == width)
        to, others = order[added - width], order[added]
        if by_place:
            sorting = np.argsort(to)
            to, others = to[sorting], others[sorting]
        yield from slices_of_pairs(to, others)
        width *= 2


def slices_of_pairs(to: Indices, others: Indices) -> Iterator[tuple[slice, slice]]:
    """Pairs of places as slices, of which each has places at one distance."""
    apart = np.stack([np.diff(to), np.diff(others)])
    changes = np.flatnonzero((apart[:, 1:] != apart[:, :-1]).any(axis=0)) + 1
    first = 0
    while first < len(to):
        later = np.searchsorted(changes, first + 1)
        end = int(changes[later]) + 1 if later < len(changes) else len(to)
        steps = apart[:, first].tolist() if end - first > 1 else [1, 1]
        yield run(int(to[first]), end - first, steps[0]), run(int(others[first]), end - first, steps[1])
        first = end
