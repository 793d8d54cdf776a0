"""Peaks of volumes: places that no neighbour is before, from slabs of planes, and those of them that are selected.

The definition is that of two axes, with 26 neighbours in the place of 8. Slabs come one after the other; the two planes
before stay, so that each plane is seen between its neighbours.
"""

import itertools
from collections.abc import Iterable
from math import ceil, floor, isinf
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]

STEPS = list(itertools.product((-1, 0, 1), repeat=3))

MOST_CANDIDATES = 2**18
"""Candidates of a map from which on those that come too late are forgotten; not tuned."""

NEAR = 8
"""Places that keep their distance from each other and are all within it of one place: one in each octant."""


class Pool:
    """The candidates of one map, or of all kernels of an image."""

    def __init__(self, peaks: Any, n_axes: int) -> None:
        self.peaks, self.n_axes = peaks, n_axes
        self.scores: list[Array] = []
        self.places: list[Array] = []  # (candidates, planes, rows, columns and the kernel)
        self.between: list[Array] = []
        self.count = 0

    def add(self, scores: Array, places: Array, between: Array) -> None:
        """Takes candidates, and forgets those that cannot be selected any more where there are many."""
        self.scores.append(scores)
        self.places.append(places)
        self.between.append(between)
        self.count += len(scores)
        if self.count > MOST_CANDIDATES:
            self.select(NEAR * (self.peaks.k - 1) + 1, forgets=True)
            self.count = sum(map(len, self.scores))

    def select(self, n_wanted: int, forgets: bool = False) -> tuple[Array, Array, Array]:
        """The best candidates that keep their distance; others behind the last one may be forgotten."""
        scores, places, between = (np.concatenate(own) for own in (self.scores, self.places, self.between))
        order = in_order_of_scores(scores, places, self.peaks.largest)
        scores, places, between = scores[order], places[order], between[order]
        chosen = apart(places, n_wanted, self.peaks.min_distance)
        if forgets:
            end = chosen[-1] + 1 if len(chosen) == n_wanted else len(scores)
            self.scores, self.places, self.between = [scores[:end]], [places[:end]], [between[:end]]
        return scores[chosen], places[chosen], between[chosen]


def in_order_of_scores(scores: Array, places: Array, largest: bool) -> Array:
    """The order by falling score, then by place and kernel."""
    ranks = np.unique(scores, return_inverse=True)[1].reshape(-1)
    return np.lexsort((*places.T[::-1], -ranks if largest else ranks))


def apart(places: Array, n_wanted: int, distance: int) -> Array:
    """Indices of the first places, in order, none of which is too near to one before."""
    if distance == 1 and (len(places) == 0 or places[:, -1].max() == places[:, -1].min()):
        return np.arange(min(n_wanted, len(places)))
    chosen: list[int] = []
    free = np.ones(len(places), np.bool_)
    index = 0
    while len(chosen) < n_wanted and index < len(places):
        if free[index]:
            chosen.append(index)
            near = np.abs(places[index:, :-1] - places[index, :-1]).max(axis=1) < distance
            free[index:] &= ~near
        index += 1
        if index < len(places) and not free[index]:
            index += int(free[index:].argmax()) if free[index:].any() else len(places)
    return np.array(chosen, np.intp)


def find_in_slabs(slabs: Iterable[tuple[int, Array]], peaks: Any, records: Array, lengths: tuple[int, ...]) -> None:
    """Writes the peaks of an image into records (maps, k); slabs (planes, rows, columns, kernels) come in order."""
    by_image = peaks.per == "image"
    pools = [Pool(peaks, 3) for _ in range(len(records))]
    above: Array | None = None
    for first, slab in slabs:
        last = first + len(slab) == lengths[0]
        begin = 0 if above is None else len(above)
        looked = max(begin - 1, 0)
        end = begin + len(slab) - (0 if last else 1)
        if end > looked:
            for kernel in range(slab.shape[3]):
                own = slab[..., kernel] if above is None else np.concatenate([above[..., kernel], slab[..., kernel]])
                scores, places, between = candidates(own, peaks, (looked, end), first - begin, lengths)
                places = np.concatenate([places, np.full((len(places), 1), kernel)], axis=1)
                pools[0 if by_image else kernel].add(scores, places, between)
        above = slab[-2:].copy() if above is None or len(slab) > 1 else np.concatenate([above[-1:], slab])
        del slab  # before the next one is there
    for own, pool in zip(records, pools, strict=True):
        if not pool.scores:
            continue
        scores, places, between = pool.select(peaks.k)
        count = len(scores)
        own["score"][:count] = scores
        for axis, name in enumerate(("depth", "row", "column", "kernel")):
            own[name][:count] = places[:, axis]
            if name != "kernel":
                own[f"sub_{name}"][:count] = places[:, axis] + between[:, axis]


def candidates(
    planes: Array, peaks: Any, looked: tuple[int, int], start: int, lengths: tuple[int, ...]
) -> tuple[Array, Array, Array]:
    """Scores, places in the map and between pixels of the candidates in planes [looked), beside their neighbours."""
    values = np.ascontiguousarray(planes).astype(planes.dtype.newbyteorder("="), copy=False)
    if values.dtype.kind == "b":
        values = values.view(np.uint8)
    keys = values
    if values.dtype.kind == "f":
        keys = np.where(np.isnan(values), -np.inf if peaks.largest else np.inf, values).astype(values.dtype)
    own = slice(*looked)
    found = ~np.isnan(values[own]) if values.dtype.kind == "f" else np.ones(values[own].shape, np.bool_)
    if peaks.threshold is not None:
        found &= reaches(values[own], peaks)
    border = min(peaks.border, max(lengths))
    for axis, (offset, length) in enumerate(((start + looked[0], lengths[0]), (0, lengths[1]), (0, lengths[2]))):
        along = np.arange(found.shape[axis]) + offset
        outside = (along < border) | (along >= length - border)
        found[(slice(None),) * axis + (outside,)] = False
    for step in STEPS:
        if step != (0, 0, 0):
            compare(keys, found, looked, step, peaks.largest)
    at = np.argwhere(found)
    inner = at + np.array([looked[0], 0, 0])
    scores = values[tuple(inner.T)].astype(planes.dtype.newbyteorder("="), copy=False)
    between = np.zeros((len(at), 3))
    if peaks.subpixel is not None:
        for axis in range(3):
            between[:, axis] = offsets(values, inner, axis, peaks.subpixel)
    return scores, inner + np.array([start, 0, 0]), between


def reaches(values: Array, peaks: Any) -> Any:
    """Which values are as good as the threshold, rounded to the type of floats."""
    threshold: Any = peaks.threshold
    if values.dtype.kind == "f":
        with np.errstate(all="ignore"):
            threshold = values.dtype.type(threshold)
        return values >= threshold if peaks.largest else values <= threshold
    limits = np.iinfo(values.dtype)
    least, most = int(limits.min), int(limits.max)
    if isinf(threshold):
        return np.full(values.shape, (threshold < 0) == peaks.largest)
    whole = ceil(threshold) if peaks.largest else floor(threshold)
    if whole > most if peaks.largest else whole < least:
        return np.zeros(values.shape, np.bool_)
    return values >= max(whole, least) if peaks.largest else values <= min(whole, most)


def compare(keys: Array, found: Array, looked: tuple[int, int], step: tuple[int, ...], largest: bool) -> None:
    """Leaves out what a neighbour is before: over those that precede, not under those that follow."""
    own, other, target = [], [], []
    for axis, by in enumerate(step):
        first, end = looked if axis == 0 else (0, keys.shape[axis])
        first, end = max(first, -by), min(end, keys.shape[axis] - by)
        own.append(slice(first, end))
        other.append(slice(first + by, end + by))
        offset = looked[0] if axis == 0 else 0
        target.append(slice(first - offset, end - offset))
    mine, theirs = keys[tuple(own)], keys[tuple(other)]
    if step > (0, 0, 0):
        good = mine >= theirs if largest else mine <= theirs
    else:
        good = mine > theirs if largest else mine < theirs
    found[tuple(target)] &= good


def offsets(values: Array, places: Array, axis: int, subpixel: str) -> Array:
    """The vertex of a parabola through the neighbours of places along an axis, or through their logarithms."""
    result = np.zeros(len(places))
    inner = (places[:, axis] > 0) & (places[:, axis] < values.shape[axis] - 1)
    at = places[inner]
    step = np.zeros(3, np.intp)
    step[axis] = 1
    three = [values[tuple((at + by * step).T)].astype(np.longdouble) for by in (-1, 0, 1)]
    with np.errstate(all="ignore"):
        if subpixel == "gaussian":
            positive = (three[0] > 0) & (three[1] > 0) & (three[2] > 0)
            three = [np.where(positive, np.log(np.where(positive, one, 1)), one) for one in three]
        rise, fall = three[1] - three[0], three[1] - three[2]
        found = (rise - fall) / (2 * (rise + fall))
        usable = np.isfinite(three[0]) & np.isfinite(three[1]) & np.isfinite(three[2]) & (rise + fall != 0)
    result[inner] = np.where(usable, np.clip(found, -0.5, 0.5), 0)
    return result
