"""Correlation over any number of axes, as one of 1, 2 or 3 spatial axes of a batch.

Neighbouring axes along which a kernel has one tap and nothing is padded are one axis to it: the first of them counts
images, the others are rows, columns or planes. So a filter along one axis of many needs no transposition.
"""

from collections.abc import Sequence
from itertools import product
from math import prod
from typing import Any

import numpy as np

from xcorr._correlate import correlate
from xcorr._correlator import Correlator
from xcorr._typing import Array

Sides = Sequence[tuple[int, int]]
LAYOUTS: dict[int, Any] = {1: "NW", 2: "NHW", 3: "NDHW"}


def correlate_axes(
    array: Array,
    kernel: Array,
    sides: Sides,
    *,
    boundary: Sequence[str] | str = "constant",
    fill_value: Any = 0,
    dtype: Any = None,
    conjugate: bool = True,
    precision: str = "standard",
) -> Array:
    """Correlation of an array with a kernel of as many axes, whose sides are padded by (before, behind) along each.

    Parameters
    ----------
    array, kernel
        Arrays of the same number of axes, at least one, no axis empty.
    sides
        Elements of padding before and behind, >= 0, for each axis.
    boundary, fill_value, dtype, conjugate, precision
        As in `xcorr.correlate`; `boundary` may be a word for each axis.
    """
    words: list[Any] = [boundary] * array.ndim if isinstance(boundary, str) else list(boundary)
    groups = joined_axes(kernel.shape, sides)
    shape = [prod(array.shape[first:end]) for first, end in groups]
    image = array.reshape(shape)
    taps = kernel.reshape([prod(kernel.shape[first:end]) for first, end in groups])
    around = [(sum(sides[a][0] for a in range(*g)), sum(sides[a][1] for a in range(*g))) for g in groups]
    borders = [words[first] for first, _ in groups]
    keywords: dict[str, Any] = {"dtype": dtype, "conjugate": conjugate, "precision": precision}
    keywords["fill_value"] = fill_value
    has_batch = taps.shape[0] == 1 and around[0] == (0, 0) and len(groups) > 1
    n_axes = len(groups) - has_batch
    if n_axes > 3:
        response = over_many_axes(image, taps, around, borders, keywords)
    else:
        response = correlate(
            image,
            taps[0] if has_batch else taps,
            layout=LAYOUTS[n_axes],
            padding=tuple(around[has_batch:]),
            boundary=tuple(borders[has_batch:]),
            **keywords,
        )
    lengths = zip(array.shape, kernel.shape, sides, strict=True)
    return response.reshape([length + before + behind - tap + 1 for length, tap, (before, behind) in lengths])


def joined_axes(taps: Sequence[int], sides: Sides) -> list[tuple[int, int]]:
    """Ranges of axes [first, end) that are one axis to the kernel."""
    groups: list[tuple[int, int]] = []
    was_plain = False
    for axis, (tap, side) in enumerate(zip(taps, sides, strict=True)):
        is_plain = tap == 1 and tuple(side) == (0, 0)
        if is_plain and was_plain:
            groups[-1] = groups[-1][0], axis + 1
        else:
            groups.append((axis, axis + 1))
        was_plain = is_plain
    return groups


def over_many_axes(image: Array, taps: Array, around: Sides, borders: Sequence[Any], keywords: dict[str, Any]) -> Array:
    """Correlation over more than three axes: all but the last two are channels, for one place along them at a time."""
    leading = image.ndim - 2
    for axis in range(leading):
        if tuple(around[axis]) != (0, 0):
            fill = {"constant_values": keywords["fill_value"]} if borders[axis] == "constant" else {}
            sides = [around[axis] if other == axis else (0, 0) for other in range(image.ndim)]
            image = np.pad(image, sides, mode=borders[axis], **fill)
    prepared: Any = Correlator(
        taps.reshape(-1, *taps.shape[leading:]),
        layout="NCHW",
        padding=tuple(around[leading:]),
        boundary=tuple(borders[leading:]),
        **keywords,
    )
    places = [image.shape[axis] - taps.shape[axis] + 1 for axis in range(leading)]
    ends = taps.shape[:leading]
    windows = (tuple(map(slice, place, np.add(place, ends))) for place in product(*map(range, places)))
    return np.array([prepared(image[window].reshape(-1, *image.shape[leading:])) for window in windows])
