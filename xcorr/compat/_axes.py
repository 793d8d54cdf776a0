"""Correlation over any number of axes, as one of 1, 2 or 3 spatial axes of a batch.

Neighbouring axes along which a kernel has one tap and nothing is padded are one axis to it: the first of them counts
images, the others are rows, columns or planes. So a filter along one axis of many needs no transposition. A short last
one, as the colours of a photograph, are channels, each by itself.
"""

from collections.abc import Sequence
from itertools import product
from math import prod
from typing import Any, NamedTuple

import numpy as np

from xcorr._cache import remembered
from xcorr._correlate import convolve, correlate
from xcorr._correlator import Correlator
from xcorr._typing import Array

Shape = tuple[int, ...]
Sides = Sequence[tuple[int, int]]
LAYOUTS: dict[int, Any] = {1: "NW", 2: "NHW", 3: "NDHW"}

FEW_CHANNELS = 8
"""Elements of a last axis up to which they are channels: as columns they would leave lanes empty."""


class Way(NamedTuple):
    """How a correlation over many axes is one over few."""

    image: Shape
    taps: Shape
    response: Shape
    keywords: dict[str, Any]
    leading: int
    """Axes of the joined image that come before what the core takes: more than three are correlated."""


def correlate_axes(
    array: Array,
    kernel: Array,
    sides: Sides,
    *,
    boundary: Sequence[str] | str = "constant",
    flip: bool = False,
    **keywords: Any,
) -> Array:
    """Correlation of an array with a kernel of as many axes, whose sides are padded by (before, behind) along each.

    Parameters
    ----------
    array, kernel
        Arrays of the same number of axes, at least one, no axis empty.
    sides
        Elements of padding before and behind, >= 0, for each axis.
    boundary
        A word of `xcorr.correlate`, or one for each axis.
    flip
        Whether the kernel is turned around along all axes, and never conjugated, as in a convolution.
    **keywords
        As those of `xcorr.correlate`.
    """
    words = boundary if isinstance(boundary, str) else tuple(boundary)
    way = way_of(array.shape, kernel.shape, tuple(sides), words)
    return by_way(way, array, kernel, flip, keywords)


def by_way(way: Way, array: Array, kernel: Array, flip: bool, keywords: dict[str, Any]) -> Array:
    """The correlation, or the convolution where kernels are to `flip`, by what is known of its geometry."""
    image = array if array.shape == way.image else array.reshape(way.image)
    taps = np.ascontiguousarray(kernel)  # small, and such are remembered
    if taps.shape != way.taps:
        taps = taps.reshape(way.taps)
    if way.leading:
        response = over_many_axes(way, image, taps, flip, keywords)
    else:
        response = (convolve if flip else correlate)(image, taps, **way.keywords, **keywords)
    return response if response.shape == way.response else response.reshape(way.response)


@remembered(1024)
def way_of(shape: Shape, kernel: Shape, sides: Sides, boundary: str | tuple[str, ...]) -> Way:
    """The way of these shapes and this padding."""
    words = (boundary,) * len(shape) if isinstance(boundary, str) else boundary
    groups = joined_axes(kernel, sides)
    image, taps = (tuple(prod(sizes[first:end]) for first, end in groups) for sizes in (shape, kernel))
    around = tuple(sides[first] if end - first == 1 else (0, 0) for first, end in groups)
    borders = tuple(words[first] for first, _ in groups)
    lengths = zip(shape, kernel, sides, strict=True)
    response = tuple(length + before + behind - tap + 1 for length, tap, (before, behind) in lengths)
    plain, n_joined = [tap == 1 and side == (0, 0) for tap, side in zip(taps, around, strict=True)], len(groups)
    has_channels = plain[-1] and image[-1] <= FEW_CHANNELS and (n_joined == 3 or (n_joined == 4 and plain[0]))
    has_batch = plain[0] and n_joined > (3 if has_channels else 1)
    n_axes = n_joined - has_batch - has_channels
    leading = n_joined - 2 if n_axes > 3 else 0
    axes = slice(leading or int(has_batch), n_joined - has_channels)
    layout = "NHWC" if has_channels else "NCHW" if leading else LAYOUTS[n_axes]
    keywords: dict[str, Any] = {"layout": layout, "padding": around[axes]}
    if set(borders[axes]) != {"constant"}:
        keywords["boundary"] = borders[axes]
    if leading:
        keywords["leading"] = around[:leading], borders[:leading]
    return Way(image, taps if leading else taps[axes], response, keywords, leading)


def joined_axes(taps: Shape, sides: Sides) -> list[tuple[int, int]]:
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


def over_many_axes(way: Way, image: Array, taps: Array, flip: bool, keywords: dict[str, Any]) -> Array:
    """Correlation over more than three axes: all but the last two are channels, for one place along them at a time."""
    words = {**way.keywords, **keywords}
    for axis, (side, border) in enumerate(zip(*words.pop("leading"), strict=True)):
        if side != (0, 0):
            fill = {"constant_values": words.get("fill_value", 0)} if border == "constant" else {}
            sides = [side if other == axis else (0, 0) for other in range(image.ndim)]
            image = np.pad(image, sides, mode=border, **fill)
    if flip:
        taps, words["conjugate"] = np.flip(taps), False
    prepared: Any = Correlator(taps.reshape(-1, *taps.shape[way.leading :]), **words)
    counts = [image.shape[axis] - taps.shape[axis] + 1 for axis in range(way.leading)]
    responses = []
    for place in product(*map(range, counts)):
        window = image[tuple(slice(start, start + tap) for start, tap in zip(place, taps.shape, strict=False))]
        responses.append(prepared(window.reshape(-1, *image.shape[way.leading :])))
    return np.array(responses)
