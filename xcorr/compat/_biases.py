"""Biases of transposed convolutions and of integers that wrap around: added to sums that are there."""

from typing import Any

import numpy as np

from xcorr._dtypes import native
from xcorr._typing import Array


def summed_dtype(dtype: np.dtype[Any], bias: Array | None) -> Any:
    """The `dtype=` of sums that a bias is added to: float16 is rounded once, with the bias; None for their own."""
    return np.float32 if bias is not None and dtype.kind == "f" and dtype.itemsize == 2 else None


def with_bias(response: Array, bias: Array, n_axes: int) -> Array:
    """The response, of the bias' type, with a number added for each kernel; integers wrap around."""
    with np.errstate(over="ignore", invalid="ignore"):  # as in the sums before
        response += bias.reshape(-1, *(1,) * n_axes)
    return in_type(response, bias.dtype)


def in_type(response: Array, dtype: np.dtype[Any]) -> Array:
    """The response in a type in native byte order; what is too large for it is infinite."""
    with np.errstate(over="ignore"):
        return response.astype(native(dtype), copy=False)
