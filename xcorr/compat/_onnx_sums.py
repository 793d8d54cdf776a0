"""Sums of ONNX' convolutions, over any number of spatial axes, by `correlate` and its adjoints."""

from collections.abc import Sequence
from math import prod
from typing import Any

import numpy as np

from xcorr._correlate import correlate
from xcorr._typing import Array
from xcorr._windows import fold, windows
from xcorr.compat._biases import summed_dtype, with_bias
from xcorr.compat._onnx_sizes import Ints, Sides, Steps
from xcorr.gradients import gradient_images

LAYOUTS: dict[int, Any] = {1: "NCW", 2: "NCHW", 3: "NCDHW"}
"""Layouts by the number of spatial axes."""


def convolved(images: Array, kernels: Array, steps: Steps, bias: Array | None = None) -> Array:
    """The correlation of images (N, C, ...) with a bank (M, C / groups, ...).

    With more than three spatial axes the windows along the first one become channels of images without it.
    """
    n_axes = images.ndim - 2
    sides = steps.padded(images.shape[2:], kernels.shape[2:])
    along: dict[str, Any] = {"stride": steps.stride, "dilation": steps.dilation, "padding": sides}
    if n_axes <= 3:
        response: Array = correlate(images, kernels, layout=LAYOUTS[n_axes], groups=steps.groups, bias=bias, **along)
        return response
    n_images, channels, length, *others = images.shape
    taps = kernels.shape[2]
    lines = np.moveaxis(images, 2, -1).reshape(-1, length)
    seen = windows(lines, (taps,), layout="NW", **{name: each[:1] for name, each in along.items()})
    places = seen.shape[1]
    seen = seen.reshape(n_images, channels, prod(others), places, taps).transpose(0, 3, 1, 4, 2)
    inner = steps._replace(stride=steps.stride[1:], dilation=steps.dilation[1:], padding=sides[1:], auto_pad="NOTSET")
    made = convolved(
        seen.reshape(n_images * places, channels * taps, *others),
        kernels.reshape(kernels.shape[0], kernels.shape[1] * taps, *kernels.shape[3:]),
        inner,
        bias,
    )
    return np.moveaxis(made.reshape(n_images, places, *made.shape[1:]), 1, 2)


def transposed(images: Array, kernels: Array, steps: Steps, lengths: Ints, sides: Sides, bias: Array | None) -> Array:
    """The transposed convolution of numbers (N, C, ...) by a bank (C, M / groups, ...), of `lengths` as they are.

    From the whole the sides are left out; behind a negative one are zeros, which no kernel reaches.
    """
    within = tuple((before, max(0, behind)) for before, behind in sides)
    beyond = [(0, max(0, -behind)) for _, behind in sides]
    dtype = summed_dtype(images.dtype, images if images.ndim > 5 else bias)
    inner = [length - zeros for length, (_, zeros) in zip(lengths, beyond, strict=True)]
    if min(inner) < 1 or images.shape[0] == 0:
        response = np.zeros((images.shape[0], kernels.shape[1] * steps.groups, *lengths), dtype or images.dtype)
    else:
        response = laid(images, kernels, steps, inner, within, dtype)
        if any(zeros for _, zeros in beyond):
            response = np.pad(response, [(0, 0), (0, 0), *beyond])
    response = response if bias is None else with_bias(response, bias, images.ndim - 2)
    return response.astype(images.dtype.newbyteorder("="), copy=False)


def laid(images: Array, kernels: Array, steps: Steps, lengths: Sequence[int], sides: Sides, dtype: Any) -> Array:
    """The same without zeros behind.

    With more than three spatial axes the taps along the first one become channels that are made of images without it,
    and are then folded.
    """
    n_axes = images.ndim - 2
    along: dict[str, Any] = {"stride": steps.stride, "dilation": steps.dilation, "padding": sides}
    if n_axes <= 3:
        return gradient_images(images, kernels, layout=LAYOUTS[n_axes], groups=steps.groups, dtype=dtype, **along)
    n_images, channels, places, *others = images.shape
    taps, n_channels = kernels.shape[2], kernels.shape[1] * steps.groups
    made = laid(
        np.moveaxis(images, 2, 1).reshape(n_images * places, channels, *others),
        kernels.reshape(channels, -1, *kernels.shape[3:]),
        steps._replace(stride=steps.stride[1:], dilation=steps.dilation[1:]),
        lengths[1:],
        sides[1:],
        dtype,
    )
    held = made.reshape(n_images, places, n_channels, taps, prod(lengths[1:])).transpose(0, 2, 4, 1, 3)
    first = {name: each[:1] for name, each in along.items()}
    whole = fold(held.reshape(-1, places, taps), tuple(lengths[:1]), (taps,), layout="NW", **first)
    return np.moveaxis(whole.reshape(n_images, n_channels, *lengths[1:], lengths[0]), -1, 2)
