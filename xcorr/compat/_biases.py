"""Biases of transposed convolutions and of integers that wrap around: added to sums that are there."""

from typing import Any

import numpy as np

from xcorr._typing import Array


def summed_dtype(dtype: np.dtype[Any], bias: Array | None) -> Any:
    """The `dtype=` of sums that a bias is added to: float16 is rounded once, with the bias; None for their own."""
    return np.float32 if bias is not None and dtype.kind == "f" and dtype.itemsize == 2 else None


def with_bias(response: Array, bias: Array, n_axes: int) -> Array:
    """The response, of the bias' type, with a number added for each kernel; integers wrap around."""
    response += bias.reshape(-1, *(1,) * n_axes)
    return response.astype(bias.dtype.newbyteorder("="), copy=False)
