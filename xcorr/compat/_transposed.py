"""Transposed convolutions over any number of spatial axes, by the gradient of a correlation's images."""

from collections.abc import Sequence
from math import prod
from typing import Any

import numpy as np

from xcorr._dtypes import native
from xcorr._typing import Array
from xcorr._windows import fold
from xcorr.gradients import gradient_images

LAYOUTS: dict[int, Any] = {1: "NCW", 2: "NCHW", 3: "NCDHW"}
"""Layouts by the number of spatial axes."""

Sides = Sequence[tuple[int, int]]


def laid_kernels(
    numbers: Array, kernels: Array, lengths: Sequence[int], sides: Sides, steps: dict[str, Any], dtype: Any = None
) -> Array:
    """Images in which each of the numbers (N, C, ...) has laid its kernel (C, M / groups, ...), times it.

    Parameters
    ----------
    numbers, kernels
        Arrays of one type; N may be missing. Nothing is conjugated.
    lengths
        The images' spatial shape.
    sides
        What is left out of the whole before and behind each axis; behind a negative one are zeros, which no kernel
        reaches.
    steps
        The `stride` and `dilation` along each axis, and `groups`.
    dtype
        As in `xcorr.gradient_images`.
    """
    within = [(before, max(0, behind)) for before, behind in sides]
    beyond = [(0, max(0, -behind)) for _, behind in sides]
    inner = [length - zeros for length, (_, zeros) in zip(lengths, beyond, strict=True)]
    if min(inner) < 1 or numbers.size == 0:
        own = np.int64 if numbers.dtype.kind in "iu" else native(numbers.dtype)
        n_channels = kernels.shape[1] * steps["groups"]
        return np.zeros((*numbers.shape[: -len(inner) - 1], n_channels, *lengths), dtype or own)
    images = laid(numbers, kernels, inner, within, steps, dtype)
    if any(zeros for _, zeros in beyond):
        images = np.pad(images, [(0, 0)] * (images.ndim - len(inner)) + beyond)
    return images


def laid(
    numbers: Array, kernels: Array, lengths: Sequence[int], sides: Sides, steps: dict[str, Any], dtype: Any
) -> Array:
    """The same without zeros behind.

    With more than three spatial axes the taps along the first one become channels that are made of images without it,
    and are then folded.
    """
    n_axes = len(lengths)
    if n_axes <= 3:
        words = {"padding": tuple(sides), "layout": LAYOUTS[n_axes], "dtype": dtype, **steps}
        return gradient_images(numbers, kernels, **words)
    n_images, channels, places, *others = numbers.shape
    taps, n_channels = kernels.shape[2], kernels.shape[1] * steps["groups"]
    along = ("stride", "dilation")
    made = laid(
        np.moveaxis(numbers, 2, 1).reshape(n_images * places, channels, *others),
        kernels.reshape(channels, -1, *kernels.shape[3:]),
        lengths[1:],
        sides[1:],
        steps | {name: steps[name][1:] for name in along},
        dtype,
    )
    held = made.reshape(n_images, places, n_channels, taps, prod(lengths[1:])).transpose(0, 2, 4, 1, 3)
    first = {name: steps[name][:1] for name in along} | {"padding": tuple(sides[:1])}
    whole = fold(held.reshape(-1, places, taps), tuple(lengths[:1]), (taps,), layout="NW", **first)
    return np.moveaxis(whole.reshape(n_images, n_channels, *lengths[1:], lengths[0]), -1, 2)
