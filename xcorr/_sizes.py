"""Sizes and method of a call, known from shapes alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, overload

import numpy as np
import numpy.typing as npt

from xcorr._axes import make_geometry
from xcorr._dtypes import check_element, named_dtype
from xcorr._foreign import shown
from xcorr._masks import read_mask
from xcorr._reading import (
    axes_in,
    read_along,
    read_array_shape,
    read_layout_word,
    read_padding,
    read_shape,
    spatial,
    with_rows,
)
from xcorr._seen import Operand
from xcorr._settings import read_settings, split, takes_keywords
from xcorr._typing import Along, BankKeywords, Layout, Layout1D, Layout2D, Layout3D, Padding
from xcorr._volume_run import plan_of_call

if TYPE_CHECKING:
    from typing_extensions import Unpack

LEFT_OUT = ("fill_value", "bias", "overflow", "reduce", "over", "dtype", "out", "workers")
"""Keywords of a call that its method does not depend on, or that `choose_method` has for both operands."""


@overload
def response_shape(
    image_shape: tuple[int, ...],
    kernel_shape: tuple[int, ...],
    *,
    layout: Layout2D | None = None,
    padding: Padding = "valid",
    stride: Along = 1,
    dilation: Along = 1,
) -> tuple[int, int]: ...
@overload
def response_shape(
    image_shape: tuple[int, ...],
    kernel_shape: tuple[int, ...],
    *,
    layout: Layout1D,
    padding: Padding = "valid",
    stride: Along = 1,
    dilation: Along = 1,
) -> tuple[int]: ...
@overload
def response_shape(
    image_shape: tuple[int, ...],
    kernel_shape: tuple[int, ...],
    *,
    layout: Layout3D,
    padding: Padding = "valid",
    stride: Along = 1,
    dilation: Along = 1,
) -> tuple[int, int, int]: ...
def response_shape(
    image_shape: tuple[int, ...],
    kernel_shape: tuple[int, ...],
    *,
    layout: Layout | None = None,
    padding: Padding = "valid",
    stride: Along = 1,
    dilation: Along = 1,
) -> tuple[int, ...]:
    """Rows and columns of a response.

    Parameters
    ----------
    image_shape, kernel_shape : tuple of int
        (H, W) and (kh, kw), in pixels; a third number, the channels, is allowed.
    layout : {"NHWC", "NCHW", "NHW", ...}, optional
        What the shapes have where that is something else: the layout's axes, those without the first, or the spatial
        ones alone. One spatial axis and three need it.
    padding, stride, dilation
        As for `correlate`.

    Returns
    -------
    tuple of int
        (rows, columns): ``floor((H + top + bottom - e) / stride) + 1`` with the effective size
        ``e = (kh - 1) * dilation + 1``; one number for each spatial axis.

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
    >>> xcorr.response_shape((16000,), (400,), layout="NW", stride=160)
    (98,)
    """
    word = read_layout_word(layout)
    image = spatial_sizes(image_shape, "image_shape", word)
    kernel = spatial_sizes(kernel_shape, "kernel_shape", word)
    if len(kernel) != len(image):
        shorter, other = ("image_shape", kernel_shape) if len(image) < len(kernel) else ("kernel_shape", image_shape)
        got = image_shape if shorter == "image_shape" else kernel_shape
        raise ValueError(f"{shorter}: got {shown(got)} beside {shown(other)}; allowed are as many spatial axes")
    n_axes = len(image)
    pads = read_padding(padding, n_axes)
    geometry = make_geometry(
        (*with_rows(image, 1), 1),
        (1, *with_rows(kernel, 1), 1),
        padding=pads if isinstance(pads, str) else with_rows(pads, (0, 0)),
        stride=with_rows(read_along(stride, "stride", n_axes), 1),
        dilation=with_rows(read_along(dilation, "dilation", n_axes), 1),
        operands=("image_shape", "kernel_shape"),
        n_axes=n_axes,
    )
    return tuple(axis.outputs for axis in geometry.axes[-n_axes:])


def spatial_sizes(shape: Any, argument: str, layout: str | None) -> tuple[int, ...]:
    """The lengths along the spatial axes of a shape; without layout channels are the third number."""
    if layout is None:
        return read_shape(shape, argument, (2, 3))[:2]
    word = layout.replace("N", "")
    sizes = read_shape(shape, argument, tuple(sorted({axes_in(layout), len(word), len(layout)})))
    letters = {len(layout): layout, len(word): word}.get(len(sizes), spatial(layout))
    return tuple(size for size, letter in zip(sizes, letters, strict=True) if letter in "DHW")


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
        ``"direct"``, ``"matmul"``, ``"fft"`` or ``"winograd"``. Which kernels are separable is seen from their taps.

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
    of_images, of_kernels = Operand(images, operand_dtype), Operand(kernels, operand_dtype)
    return plan_of_call(read_settings(words), of_images, of_kernels, mask)[0].method
