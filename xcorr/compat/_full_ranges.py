"""Ranges of full convolutions: the smaller operand is the kernel, axes that are not convolved are broadcast.

A full convolution of lengths m and n has m + n - 1 elements along an axis; "same" and "valid" are ranges of it.
"""

from collections.abc import Callable
from math import prod
from typing import Any, NamedTuple

import numpy as np

from xcorr._correlate import convolve, correlate
from xcorr._typing import Array
from xcorr.compat._axes import LAYOUTS, Shape, Sides, Way, by_way, way_of
from xcorr.compat._wrapping import wrapped_sums

Ranges = tuple[tuple[int, int], ...]


class Geometry(NamedTuple):
    """What is convolved, and what of it is kept."""

    axes: Shape
    others: Shape
    ranges: Ranges
    """The first element that is kept and their number, along each axis."""
    kernel_is_first: bool
    crop: tuple[slice, ...] | None
    """What windows of the image see, where that is not all."""
    way: Way | None
    """None where both operands have several arrays along the other axes, or too many axes lie apart."""


def geometry_of(first: Shape, second: Shape, axes: Shape, ranges: Ranges) -> Geometry:
    """The geometry of operands of these shapes."""
    others = tuple(axis for axis in range(len(first)) if axis not in axes)
    kernel_is_first = prod(first[axis] for axis in axes) < prod(second[axis] for axis in axes)
    image, kernel = (second, first) if kernel_is_first else (first, second)
    if not axes or any(kernel[axis] != 1 for axis in others):
        return Geometry(axes, others, ranges, kernel_is_first, None, None)
    kept = tuple(
        ranges[axis] if axis in axes or ranges[axis][1] < length else (0, length) for axis, length in enumerate(image)
    )
    crop, inside, sides = cropped(image, kernel, kept)
    way = way_of(inside, kernel, sides, "constant")
    if way.leading and len(axes) <= 3:
        return Geometry(axes, others, ranges, kernel_is_first, None, None)
    return Geometry(axes, others, ranges, kernel_is_first, crop, way)


def cropped(image: Shape, kernel: Shape, ranges: Ranges) -> tuple[tuple[slice, ...] | None, Shape, Sides]:
    """What the windows of ranges see of an image, its shape, and the padding around it."""
    lengths = zip(image, kernel, ranges, strict=True)
    sides = [(taps - 1 - start, count + start - length) for length, taps, (start, count) in lengths]
    padding = tuple((max(before, 0), max(behind, 0)) for before, behind in sides)
    if all(side >= 0 for both in sides for side in both):
        return None, image, padding
    ends = [length + min(behind, 0) for length, (_, behind) in zip(image, sides, strict=True)]
    crop = tuple(slice(max(-before, 0), end) for (before, _), end in zip(sides, ends, strict=True))
    return crop, tuple(part.stop - part.start for part in crop), padding


def convolved(geometry: Geometry, first: Array, second: Array, turns: bool, keywords: dict[str, Any]) -> Array:
    """Ranges of the full convolution of two arrays along some axes, with the others broadcast.

    Parameters
    ----------
    geometry
        That of their shapes.
    first, second
        Arrays of one type and the same number of axes, at least one, no axis empty.
    turns
        Whether the second one is conjugated and turned around before, so that the convolution is a correlation.
    keywords
        What is handed to `xcorr.correlate`. Integers wrap around, of bools there is a logical or.
    """
    image, kernel, flip = first, second, not turns
    if geometry.kernel_is_first:
        image, kernel, flip = (turned(second, geometry.axes) if turns else second), first, True
    if geometry.way is None:
        return over_batches(geometry, image, kernel, flip, keywords)
    if geometry.crop is not None:
        image = image[geometry.crop]
    if image.dtype.kind in "fc":
        return by_way(geometry.way, image, kernel, flip, keywords)
    way = geometry.way
    return in_its_type(lambda one, other: by_way(way, one, other, flip, keywords), image, kernel)


def turned(array: Array, axes: Shape) -> Array:
    """An array turned around and conjugated."""
    around = np.flip(array, axes)
    return around.conj() if array.dtype.kind == "c" else around


def in_its_type(sums: Callable[[Array, Array], Array], first: Array, second: Array) -> Array:
    """Sums of products in the operands' own type, as NumPy's `dot` has them."""
    kind = first.dtype.kind
    if kind == "b":
        return sums(first, second) > 0
    if kind in "iu":
        return wrapped_sums(first.dtype, first, second, sums=sums)
    return sums(first, second)


def some_of(operand: Array, axis: int, start: int, count: int) -> Array:
    """The range along an axis, unless it is one element that is broadcast."""
    if operand.shape[axis] == 1:
        return operand
    return operand[(*[slice(None)] * axis, slice(start, start + count))]


def over_batches(geometry: Geometry, image: Array, kernel: Array, flip: bool, keywords: dict[str, Any]) -> Array:
    """Ranges along some axes, where both operands may have several arrays along the others.

    Axes that both have are pairs of images and banks, those that only one has are images or kernels of a bank.
    """
    axes, others, ranges = geometry.axes, geometry.others, geometry.ranges
    for axis in others:
        image, kernel = (some_of(operand, axis, *ranges[axis]) for operand in (image, kernel))
    if not axes:
        return np.multiply(image, kernel)
    shared = [axis for axis in others if image.shape[axis] > 1 and kernel.shape[axis] > 1]
    of_images = [axis for axis in others if axis not in shared and kernel.shape[axis] == 1]
    of_kernels = [axis for axis in others if axis not in shared and axis not in of_images]
    n_pairs, n_images = (prod(image.shape[axis] for axis in some) for some in (shared, of_images))
    space, taps = (tuple(operand.shape[axis] for axis in axes) for operand in (image, kernel))
    images = image.transpose(*shared, *of_images, *of_kernels, *axes).reshape(n_pairs, n_images, *space)
    bank = kernel.transpose(*shared, *of_kernels, *of_images, *axes).reshape(n_pairs, -1, *taps)
    kept = tuple(ranges[axis] for axis in axes)
    if len(axes) > 3:
        within = geometry_of(space, taps, tuple(range(len(axes))), kept)

        def sums(images: Array, bank: Array) -> Array:
            return one_by_one(within, images, bank, flip, keywords)

    else:

        def sums(images: Array, bank: Array) -> Array:
            return pairs_of_banks(images, bank, kept, flip, keywords)

    responses = in_its_type(sums, images, bank)
    lengths = [image.shape[axis] for axis in (*shared, *of_images)] + [kernel.shape[axis] for axis in of_kernels]
    order = np.argsort([*shared, *of_images, *of_kernels, *axes])
    return responses.reshape(*lengths, *(count for _, count in kept)).transpose(order)


def one_by_one(within: Geometry, images: Array, bank: Array, flip: bool, keywords: dict[str, Any]) -> Array:
    """Ranges for images (pairs, images, ...) and kernels (pairs, kernels, ...), each of them with each."""
    assert within.way is not None
    responses = [
        by_way(within.way, image if within.crop is None else image[within.crop], kernel, flip, keywords)
        for some, kernels in zip(images, bank, strict=True)
        for image in some
        for kernel in kernels
    ]
    return np.array(responses)


def pairs_of_banks(images: Array, bank: Array, kept: Ranges, flip: bool, keywords: dict[str, Any]) -> Array:
    """Ranges (pairs, images, kernels, ...) for images (pairs, images, ...) and kernels (pairs, kernels, ...)."""
    n_pairs, n_images, *space = images.shape
    n_kernels, *taps = bank.shape[1:]
    crop, inside, padding = cropped(tuple(space), tuple(taps), kept)
    if crop is not None:
        images = images[(slice(None), slice(None), *crop)]
    kernels = bank[0]
    if n_pairs > 1:
        each = np.broadcast_to(bank[:, None], (n_pairs, n_images, n_kernels, *taps))
        kernels = each.reshape(n_pairs * n_images, n_kernels, *taps)
    response: Array = (convolve if flip else correlate)(
        images.reshape(n_pairs * n_images, *inside),
        kernels,
        layout=LAYOUTS[len(space)],
        padding=tuple(padding),
        pairwise=n_pairs > 1,
        **keywords,
    )
    return np.moveaxis(response, -1, 1).reshape(n_pairs, n_images, n_kernels, *(count for _, count in kept))
