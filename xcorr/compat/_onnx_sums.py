"""Sums of ONNX' convolutions, over any number of spatial axes, by `correlate`."""

from math import prod
from typing import Any

import numpy as np

from xcorr._correlate import correlate
from xcorr._typing import Array
from xcorr._windows import windows
from xcorr.compat._onnx_sizes import Steps
from xcorr.compat._transposed import LAYOUTS


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
