"""Sizes and method of a call, known from shapes alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from xcorr._axes import make_geometry
from xcorr._dtypes import check_element, named_dtype
from xcorr._masks import read_mask
from xcorr._reading import read_array_shape, read_shape
from xcorr._seen import Operand, sums_plan
from xcorr._settings import read_settings, split, takes_keywords
from xcorr._typing import BankKeywords, Padding, Pair

if TYPE_CHECKING:
    from typing_extensions import Unpack

LEFT_OUT = ("fill_value", "bias", "overflow", "reduce", "over", "dtype", "out", "workers")
"""Keywords of a call that its method does not depend on, or that `choose_method` has for both operands."""


def response_shape(
    image_shape: tuple[int, ...],
    kernel_shape: tuple[int, ...],
    *,
    padding: Padding = "valid",
    stride: Pair = 1,
    dilation: Pair = 1,
) -> tuple[int, int]:
    """Rows and columns of a response.

    Parameters
    ----------
    image_shape, kernel_shape : tuple of int
        (H, W) and (kh, kw), in pixels; a third number, the channels, is allowed.
    padding, stride, dilation
        As for `correlate`.

    Returns
    -------
    tuple of int
        (rows, columns): ``floor((H + top + bottom - e) / stride) + 1`` with the effective size
        ``e = (kh - 1) * dilation + 1``.

    Raises
    ------
    TypeError, ValueError
        If a shape or keyword is not allowed, or the kernel is larger than the padded image.

    See Also
    --------
    correlate : What has responses of this shape.

    Examples
    --------
    >>> import xcorr
    >>> xcorr.response_shape((28, 28), (3, 3))
    (26, 26)
    >>> xcorr.response_shape((28, 28), (3, 3), padding="same", stride=3)
    (10, 10)
    """
    image = read_shape(image_shape, "image_shape", (2, 3))
    kernel = read_shape(kernel_shape, "kernel_shape", (2, 3))
    geometry = make_geometry(
        (image[0], image[1], 1),
        (1, kernel[0], kernel[1], 1),
        padding=padding,
        stride=stride,
        dilation=dilation,
        operands=("image_shape", "kernel_shape"),
    )
    rows, columns = geometry.outputs
    return rows, columns


@takes_keywords(*LEFT_OUT)
def choose_method(
    image_shape: tuple[int, ...],
    kernels_shape: tuple[int, ...],
    *,
    dtype: npt.DTypeLike = np.float32,
    **keywords: Unpack[BankKeywords],
) -> str:
    """The method that `correlate` would take for operands of these shapes.

    Parameters
    ----------
    image_shape, kernels_shape : tuple of int
        Shapes of the operands, as `correlate` takes them.
    dtype : dtype_like
        Of both operands.
    layout, padding, boundary, stride, dilation, groups, roi, pairwise, conjugate, method, precision
        As for `correlate`.
    mask, normalize
        As for `correlate`.

    Returns
    -------
    str
        ``"direct"``, ``"matmul"``, ``"fft"`` or ``"winograd"``.

    Raises
    ------
    TypeError, ValueError
        As `correlate`.

    See Also
    --------
    Correlator.explain : More of what a call would do.

    Examples
    --------
    >>> import xcorr
    >>> xcorr.choose_method((1000, 28, 28), (2, 3, 3), layout="NHW")
    'direct'
    >>> xcorr.choose_method((1000, 512, 512), (2, 63, 63), layout="NHW")
    'fft'
    >>> xcorr.choose_method((1000, 512, 512), (2, 63, 63), layout="NHW", precision="strict")
    'direct'
    """
    operand_dtype = named_dtype(dtype)
    check_element("dtype", operand_dtype)
    images, kernels = read_array_shape(image_shape, "image_shape"), read_array_shape(kernels_shape, "kernels_shape")
    words, operands = split("choose_method", dict(keywords), *LEFT_OUT, own=("dtype",))
    mask, _held = read_mask(operands["mask"], "mask", True)
    return sums_plan(read_settings(words), Operand(images, operand_dtype), Operand(kernels, operand_dtype), mask).method
