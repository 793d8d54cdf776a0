"""Ranges of full convolutions: the smaller operand is the kernel, axes that are not convolved are broadcast.

A full convolution of lengths m and n has m + n - 1 elements along an axis; "same" and "valid" are ranges of it.
"""

from collections.abc import Callable, Sequence
from math import prod
from typing import Any

import numpy as np

from xcorr._correlate import correlate
from xcorr._typing import Array
from xcorr.compat._axes import LAYOUTS, correlate_axes, joined_axes
from xcorr.compat._wrapping import wrapped_sums

Ranges = Sequence[tuple[int, int]]


def convolved(first: Array, second: Array, axes: Sequence[int], ranges: Ranges, keywords: dict[str, Any]) -> Array:
    """Ranges of the full convolution of two arrays along `axes`, with the other axes broadcast.

    Parameters
    ----------
    first, second
        Arrays of one type and the same number of axes, at least one, no axis empty.
    axes
        The axes that are convolved, in rising order.
    ranges
        The first element that is kept and their number, along each axis of the arrays.
    keywords
        What is handed to `xcorr.correlate`. Integers wrap around, of bools there is a logical or.
    """
    others = [axis for axis in range(first.ndim) if axis not in axes]
    for axis in others:
        first, second = (some_of(operand, axis, *ranges[axis]) for operand in (first, second))
    if not axes:
        return np.multiply(first, second)
    sizes = [prod(operand.shape[axis] for axis in axes) for operand in (first, second)]
    if sizes[0] < sizes[1]:
        first, second = second, first
    kept = [ranges[axis] for axis in axes]
    if all(second.shape[axis] == 1 for axis in others):
        whole = [ranges[axis] if axis in axes else (0, first.shape[axis]) for axis in range(first.ndim)]
        groups = joined_axes(second.shape, sides_of(first.shape, second.shape, whole))
        if len(groups) <= 4 or len(axes) > 3:
            return in_its_type(lambda image, kernel: full_range(image, kernel, whole, keywords), first, second)
    return in_its_type(lambda image, kernel: over_batches(image, kernel, axes, others, kept, keywords), first, second)


def some_of(operand: Array, axis: int, start: int, count: int) -> Array:
    """The range along an axis, unless it is one element that is broadcast."""
    if operand.shape[axis] == 1:
        return operand
    return operand[(*[slice(None)] * axis, slice(start, start + count))]


def in_its_type(sums: Callable[[Array, Array], Array], first: Array, second: Array) -> Array:
    """Sums of products in the operands' own type, as NumPy's `dot` has them."""
    kind = first.dtype.kind
    if kind == "b":
        return sums(first, second) > 0
    if kind in "iu":
        return wrapped_sums(first.dtype, first, second, sums=sums)
    return sums(first, second)


def sides_of(image: Sequence[int], kernel: Sequence[int], ranges: Ranges) -> list[tuple[int, int]]:
    """Padding before and behind whose windows are the ranges; negative where pixels are left out."""
    lengths = zip(image, kernel, ranges, strict=True)
    return [(taps - 1 - start, count + start - length) for length, taps, (start, count) in lengths]


def full_range(image: Array, kernel: Array, ranges: Ranges, keywords: dict[str, Any]) -> Array:
    """Ranges of the full convolution along all axes."""
    sides = sides_of(image.shape, kernel.shape, ranges)
    image = image[tuple(slice(max(-before, 0), min(behind, 0) or None) for before, behind in sides)]
    padding = [(max(before, 0), max(behind, 0)) for before, behind in sides]
    return correlate_axes(image, np.flip(kernel), padding, conjugate=False, **keywords)


def over_batches(
    image: Array, kernel: Array, axes: Sequence[int], others: Sequence[int], kept: Ranges, keywords: dict[str, Any]
) -> Array:
    """Ranges along `axes`, where both operands may have several arrays along the others.

    Axes that both have are pairs of images and banks, those that only one has are images or kernels of a bank.
    """
    shared = [axis for axis in others if image.shape[axis] > 1 and kernel.shape[axis] > 1]
    of_images = [axis for axis in others if axis not in shared and kernel.shape[axis] == 1]
    of_kernels = [axis for axis in others if axis not in shared and axis not in of_images]
    n_pairs, n_images, n_kernels = (
        prod(n)
        for n in (
            [image.shape[axis] for axis in shared],
            [image.shape[axis] for axis in of_images],
            [kernel.shape[axis] for axis in of_kernels],
        )
    )
    space, taps = ([operand.shape[axis] for axis in axes] for operand in (image, kernel))
    images = image.transpose(*shared, *of_images, *of_kernels, *axes).reshape(n_pairs, n_images, *space)
    bank = kernel.transpose(*shared, *of_kernels, *of_images, *axes).reshape(n_pairs, n_kernels, *taps)
    counts = [count for _, count in kept]
    if len(axes) > 3:
        responses = np.array(
            [
                [[full_range(one, other, kept, keywords) for other in kernels] for one in some]
                for some, kernels in zip(images, bank, strict=True)
            ]
        )
    else:
        responses = pairs_of_banks(images, bank, kept, keywords)
    lengths = [image.shape[axis] for axis in (*shared, *of_images)] + [kernel.shape[axis] for axis in of_kernels]
    order = np.argsort([*shared, *of_images, *of_kernels, *axes])
    return responses.reshape(*lengths, *counts).transpose(order)


def pairs_of_banks(images: Array, bank: Array, kept: Ranges, keywords: dict[str, Any]) -> Array:
    """Ranges (pairs, images, kernels, ...) for images (pairs, images, ...) and kernels (pairs, kernels, ...)."""
    n_pairs, n_images, *space = images.shape
    n_kernels, taps = bank.shape[1], bank.shape[2:]
    sides = sides_of(space, taps, kept)
    inside = tuple(slice(max(-before, 0), min(behind, 0) or None) for before, behind in sides)
    kernels = np.flip(bank, tuple(range(2, bank.ndim)))
    if n_pairs > 1:
        kernels = np.broadcast_to(kernels[:, None], (n_pairs, n_images, *kernels.shape[1:]))
        kernels = kernels.reshape(n_pairs * n_images, n_kernels, *taps)
    response: Array = correlate(
        images[(slice(None), slice(None), *inside)].reshape(n_pairs * n_images, *(np.empty(space)[inside].shape)),
        kernels if n_pairs > 1 else kernels[0],
        layout=LAYOUTS[len(space)],
        padding=tuple((max(before, 0), max(behind, 0)) for before, behind in sides),
        pairwise=n_pairs > 1,
        conjugate=False,
        **keywords,
    )
    return np.moveaxis(response, -1, 1).reshape(n_pairs, n_images, n_kernels, *(count for _, count in kept))
