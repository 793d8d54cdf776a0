"""Sums of windows given as columns, (N, channels * taps, positions): torch's fold and ONNX' Col2Im."""

from collections.abc import Sequence
from math import prod
from typing import Any

import numpy as np

from xcorr._dtypes import native
from xcorr._memory import empty
from xcorr._typing import Array
from xcorr._windows import fold
from xcorr.compat._biases import in_type
from xcorr.compat._wrapping import wrapped_sums

CHANNELS_FIRST: dict[int, Any] = {1: "NCW", 2: "NCHW", 3: "NCDHW"}
PLANES: dict[int, Any] = {1: "NW", 2: "NHW", 3: "NDHW"}
"""Layouts of what has no channels, by the number of spatial axes."""


def folded_columns(
    columns: Array, lengths: Sequence[int], taps: Sequence[int], outputs: Sequence[int], steps: dict[str, Any]
) -> Array:
    """Images (..., channels, lengths) of columns (..., channels * taps, positions) with `outputs` along each axis.

    `steps` are the padding, the stride and the dilation along each axis. Integers wrap around in their own width; of
    bools one that is true is enough.
    """
    n_channels = columns.shape[-2] // prod(taps)
    n_images = prod(columns.shape[:-2])
    apart = columns.reshape(n_images, n_channels, prod(taps), prod(outputs))
    if len(lengths) > 3:
        windows = apart.transpose(0, 1, 3, 2).reshape(n_images * n_channels, *outputs, prod(taps))
    else:
        turned = empty((n_images, prod(outputs), prod(taps), n_channels), native(columns.dtype))  # used before, mostly
        turned[...] = apart.transpose(0, 3, 2, 1)
        windows = turned.reshape(n_images, *outputs, prod(taps) * n_channels)
    dtype = native(columns.dtype)

    def sums(held: Array, one: Any = None) -> Array:
        values = held if one is None else held * one
        if len(lengths) > 3:
            return folded(values, tuple(lengths), tuple(taps), steps)
        return fold(values, (n_channels, *lengths), tuple(taps), layout=CHANNELS_FIRST[len(lengths)], **steps)

    if dtype.kind in "iu":
        images = wrapped_sums(dtype, windows, np.ones((), dtype), sums=sums)
    elif dtype == np.float16:  # rounded once
        images = in_type(sums(windows.astype(np.float32)), dtype)
    else:
        images = sums(windows).astype(dtype, copy=False)
    return images.reshape(*columns.shape[:-2], n_channels, *lengths)


def folded(windows: Array, lengths: tuple[int, ...], taps: tuple[int, ...], steps: dict[str, Any]) -> Array:
    """`xcorr.fold` of planes over any number of axes: beyond three, over the others first and then over the first."""
    n_axes = len(lengths)
    if n_axes <= 3:
        return fold(windows, lengths, taps, layout=PLANES[n_axes], **steps)
    n_planes, places, *others = windows.shape[:-1]
    apart = np.moveaxis(windows.reshape(n_planes, places, *others, taps[0], prod(taps[1:])), -2, 2)
    inner = apart.reshape(n_planes * places * taps[0], *others, prod(taps[1:]))
    images = folded(inner, lengths[1:], taps[1:], {name: along[1:] for name, along in steps.items()})
    lines = images.reshape(n_planes, places, taps[0], prod(lengths[1:])).transpose(0, 3, 1, 2)
    first = {name: along[:1] for name, along in steps.items()}
    whole = fold(lines.reshape(-1, places, taps[0]), lengths[:1], taps[:1], layout="NW", **first)
    return np.moveaxis(whole.reshape(n_planes, *lengths[1:], lengths[0]), -1, 1)
