"""ONNX' operators Conv, ConvInteger, QLinearConv, ConvTranspose and Col2Im as functions of arrays.

Operators' inputs are the arguments, in their order, and attributes are keywords, with the names, defaults and meaning
of opset 22: images are (N, C, D1, ..., Dn) of any number of spatial axes, `pads` those before each axis and then those
behind. An input that is left out is None. What comes back is the output itself, a NumPy array. onnx is not imported.

Values and shapes that are not allowed are a ValueError, other types a TypeError: the standard names no errors.

Differences, and why:

- bfloat16 and types of 8 and 4 bits that NumPy does not have are refused.
- QLinearConv rounds, half to even, and then adds the zero point, as the standard's QuantizeLinear and onnxruntime do;
  onnx' reference adds it first, so that with an odd one halves fall to the other side. Its sums are exact before that.
- ``auto_pad="SAME_*"`` of ConvTranspose gives the standard's size, input times stride, also where the stride is larger
  than the kernel, and with dilations; onnxruntime's is then smaller, and onnx' reference has no sums there.
- `output_padding` is less than the larger one of stride and dilation, what `output_shape` adds too: of the standard's
  "stride/dilation" the reading with which every size that a Conv can have come from is reached.
- Col2Im adds up integers, which wrap around, complex numbers and bools (`or`), as the standard's types say; strings
  have no sums. With three and more axes and dilations sums are those of onnx' reference; onnxruntime 1.32 has others.

>>> import numpy as np
>>> from xcorr.compat import onnx
>>> onnx.Conv(np.array([[[1.0, 2.0, 3.0]]]), np.array([[[1.0, 10.0]]]), auto_pad="SAME_LOWER")
array([[[10., 21., 32.]]])
"""

from collections.abc import Sequence
from math import prod
from typing import Any

import numpy as np
import numpy.typing as npt

from xcorr._typing import Array
from xcorr.compat._biases import in_type, summed_dtype, with_bias
from xcorr.compat._onnx_sizes import (
    check_columns,
    check_same_type,
    check_shapes,
    read_steps,
    sizes_of_transposed,
    take_bias,
    take_images,
    take_settings,
    take_typed,
    whole_numbers,
)
from xcorr.compat._onnx_sums import convolved
from xcorr.compat._planes import folded_columns
from xcorr.compat._transposed import laid_kernels

__all__ = ["Col2Im", "Conv", "ConvInteger", "ConvTranspose", "QLinearConv"]

FLOATS, BYTES, NUMBERS = "efd", "bB", "?bBhHiIlLqQefdFD"
Ints = Sequence[int] | npt.NDArray[np.integer[Any]]


def Conv(
    X: npt.ArrayLike,
    W: npt.ArrayLike,
    B: npt.ArrayLike | None = None,
    *,
    auto_pad: str = "NOTSET",
    dilations: Ints | None = None,
    group: int = 1,
    kernel_shape: Ints | None = None,
    pads: Ints | None = None,
    strides: Ints | None = None,
) -> Array:
    """Convolution of images with a bank of kernels, in networks' sense: kernels are not flipped.

    Parameters
    ----------
    X : array_like, (N, C, D1, ..., Dn)
        The images, of float16, float32 or float64.
    W : array_like, (M, C / group, k1, ..., kn)
        The bank of kernels, of the same type.
    B : array_like, (M,), optional
        Added to the responses.
    auto_pad : {"NOTSET", "SAME_UPPER", "SAME_LOWER", "VALID"}
        Padding by the sizes: to ceil(length / stride) responses, the larger half behind or before; or none.
    dilations, strides : ints, optional
        The distance between taps, and between windows, along each axis.
    group : int
        Groups of channels, each with its own kernels.
    kernel_shape : ints, optional
        The kernels' spatial shape, which that of `W` has to be.
    pads : ints, optional
        Zeros before each axis and then behind each.

    Returns
    -------
    ndarray, (N, M, ...)
        The responses, of the images' type.

    Raises
    ------
    TypeError, ValueError
        If a type, or a shape or value is not allowed.

    Examples
    --------
    >>> import numpy as np
    >>> from xcorr.compat import onnx
    >>> image = np.arange(9.0).reshape(1, 1, 3, 3)
    >>> onnx.Conv(image, np.ones((1, 1, 2, 2)), pads=[0, 0, 1, 0])
    array([[[[ 8., 12.],
             [20., 24.],
             [13., 15.]]]])
    """
    images, kernels = take_images(X, "X", FLOATS), take_typed(W, "W", FLOATS)
    check_same_type(kernels, "W", images, "X")
    steps = read_steps(images.ndim - 2, strides, dilations, pads, auto_pad, group)
    check_shapes(images.shape, kernels.shape, kernel_shape, steps, ("X", "W"), 1)
    bias = None if B is None else take_bias(B, len(kernels), images)
    steps.outputs(images.shape[2:], kernels.shape[2:], ("X", "W"))
    return convolved(images, kernels, steps, bias)


def ConvInteger(
    x: npt.ArrayLike,
    w: npt.ArrayLike,
    x_zero_point: npt.ArrayLike | None = None,
    w_zero_point: npt.ArrayLike | None = None,
    *,
    auto_pad: str = "NOTSET",
    dilations: Ints | None = None,
    group: int = 1,
    kernel_shape: Ints | None = None,
    pads: Ints | None = None,
    strides: Ints | None = None,
) -> Array:
    """Convolution of bytes less their zero points, in 32 bits.

    Parameters
    ----------
    x : array_like, (N, C, D1, ..., Dn)
        The images, of int8 or uint8. Padding has their zero point.
    w : array_like, (M, C / group, k1, ..., kn)
        The bank of kernels, of int8 or uint8.
    x_zero_point : array_like, optional
        A scalar of the images' type; 0 if it is left out.
    w_zero_point : array_like, optional
        A scalar of the kernels' type, or (M,); 0 if it is left out.
    auto_pad, dilations, group, kernel_shape, pads, strides
        As of `Conv`.

    Returns
    -------
    ndarray of int32, (N, M, ...)
        The sums, which wrap around in 32 bits.

    Raises
    ------
    TypeError, ValueError
        If a type, or a shape or value is not allowed.

    Examples
    --------
    >>> import numpy as np
    >>> from xcorr.compat import onnx
    >>> x, w = np.array([[[2, 3, 4]]], np.uint8), np.array([[[1, 1]]], np.uint8)
    >>> onnx.ConvInteger(x, w, np.uint8(1), pads=[1, 0])
    array([[[1, 3, 5]]], dtype=int32)
    """
    words = {"auto_pad": auto_pad, "dilations": dilations, "group": group, "pads": pads, "strides": strides}
    return exact_sums(x, w, x_zero_point, w_zero_point, kernel_shape, words).astype(np.int32)


def QLinearConv(
    x: npt.ArrayLike,
    x_scale: npt.ArrayLike,
    x_zero_point: npt.ArrayLike,
    w: npt.ArrayLike,
    w_scale: npt.ArrayLike,
    w_zero_point: npt.ArrayLike,
    y_scale: npt.ArrayLike,
    y_zero_point: npt.ArrayLike,
    B: npt.ArrayLike | None = None,
    *,
    auto_pad: str = "NOTSET",
    dilations: Ints | None = None,
    group: int = 1,
    kernel_shape: Ints | None = None,
    pads: Ints | None = None,
    strides: Ints | None = None,
) -> Array:
    """Convolution of quantized images with quantized kernels, quantized again: (byte - zero point) * scale is meant.

    Parameters
    ----------
    x : array_like, (N, C, D1, ..., Dn)
        The images, of int8 or uint8. Padding has their zero point.
    x_scale, x_zero_point : array_like
        Scalars of float32 and of the images' type.
    w : array_like, (M, C / group, k1, ..., kn)
        The bank of kernels, of int8 or uint8.
    w_scale, w_zero_point : array_like
        Scalars of float32 and of the kernels' type, or (M,).
    y_scale, y_zero_point : array_like
        Scalars of float32, and of the type of what comes back.
    B : array_like of int32, (M,), optional
        Added to the sums, in units of ``x_scale * w_scale``.
    auto_pad, dilations, group, kernel_shape, pads, strides
        As of `Conv`.

    Returns
    -------
    ndarray of int8 or uint8, (N, M, ...)
        The sums times ``x_scale * w_scale / y_scale``, rounded to nearest, ties to even, plus the zero point, kept
        within the type.

    Raises
    ------
    TypeError, ValueError
        If a type, or a shape or value is not allowed.

    Examples
    --------
    >>> import numpy as np
    >>> from xcorr.compat import onnx
    >>> x, one, zero = np.array([[[1, 3, 5, 255]]], np.uint8), np.float32(1), np.uint8(0)
    >>> onnx.QLinearConv(x, np.float32(0.5), zero, np.array([[[1]]], np.uint8), one, zero, one, np.uint8(130))
    array([[[130, 132, 132, 255]]], dtype=uint8)
    """
    words = {"auto_pad": auto_pad, "dilations": dilations, "group": group, "pads": pads, "strides": strides}
    sums = exact_sums(x, w, x_zero_point, w_zero_point, kernel_shape, words)
    n_kernels, along = sums.shape[1], (-1, *(1,) * (sums.ndim - 2))
    if B is not None:
        sums = sums + take_bias(B, n_kernels, None).reshape(along)
    of_images, of_response = take_settings(x_scale, "x_scale", "f", None), take_settings(y_scale, "y_scale", "f", None)
    scale = of_images * take_settings(w_scale, "w_scale", "f", n_kernels) / of_response
    zero = take_settings(y_zero_point, "y_zero_point", BYTES, None)
    rounded = np.rint(sums * scale.astype(np.float64).reshape(along)) + int(zero)
    limits = np.iinfo(zero.dtype)
    response: Array = np.clip(rounded, limits.min, limits.max).astype(zero.dtype)
    return response


def ConvTranspose(
    X: npt.ArrayLike,
    W: npt.ArrayLike,
    B: npt.ArrayLike | None = None,
    *,
    auto_pad: str = "NOTSET",
    dilations: Ints | None = None,
    group: int = 1,
    kernel_shape: Ints | None = None,
    output_padding: Ints | None = None,
    output_shape: Ints | None = None,
    pads: Ints | None = None,
    strides: Ints | None = None,
) -> Array:
    """Transposed convolution: each number lays a kernel, multiplied by it, over the images that are made.

    Parameters
    ----------
    X : array_like, (N, C, D1, ..., Dn)
        Numbers for the kernels, of float16, float32 or float64.
    W : array_like, (C, M / group, k1, ..., kn)
        The bank of kernels of the convolution that this is the adjoint of, of the same type.
    B : array_like, (M,), optional
        Added to the images.
    auto_pad : {"NOTSET", "SAME_UPPER", "SAME_LOWER", "VALID"}
        What is left out, by the sizes: so much that length times stride remain, the larger half behind or before.
    dilations, strides : ints, optional
        The distance between taps, and between the places of kernels, along each axis.
    group : int
        Groups of channels, each with its own kernels.
    kernel_shape : ints, optional
        The kernels' spatial shape, which that of `W` has to be.
    output_padding : ints, optional
        What is added behind, less than the stride or the dilation.
    output_shape : ints, optional
        The images' spatial shape. What is left out then follows, whatever `pads` are: the larger half before, but for
        "SAME_UPPER".
    pads : ints, optional
        What is left out before each axis and then behind each.

    Returns
    -------
    ndarray, (N, M, ...)
        The images, of the type of `X`.

    Raises
    ------
    TypeError, ValueError
        If a type, or a shape or value is not allowed.

    Examples
    --------
    >>> import numpy as np
    >>> from xcorr.compat import onnx
    >>> x, w = np.array([[[1.0, 10.0]]]), np.array([[[1.0, 2.0, 3.0]]])
    >>> onnx.ConvTranspose(x, w, strides=[2], pads=[1, 1], output_padding=[1])
    array([[[ 2., 13., 20., 30.]]])
    >>> onnx.ConvTranspose(x, w, strides=[2], auto_pad="SAME_UPPER")
    array([[[ 1.,  2., 13., 20.]]])
    """
    images, kernels = take_images(X, "X", FLOATS), take_typed(W, "W", FLOATS)
    check_same_type(kernels, "W", images, "X")
    steps = read_steps(images.ndim - 2, strides, dilations, None if output_shape is not None else pads, auto_pad, group)
    check_shapes(images.shape, kernels.shape, kernel_shape, steps, ("X", "W"), 0)
    bias = None if B is None else take_bias(B, kernels.shape[1] * steps.groups, images)
    lengths, sides = sizes_of_transposed(steps, images.shape[2:], kernels.shape[2:], output_padding, output_shape)
    words = {"stride": steps.stride, "dilation": steps.dilation, "groups": steps.groups}
    dtype = summed_dtype(images.dtype, images if images.ndim > 5 else bias)
    made = laid_kernels(images, kernels, lengths, sides, words, dtype)
    made = made if bias is None else with_bias(made, bias, images.ndim - 2)
    return in_type(made, images.dtype)


def Col2Im(
    input: npt.ArrayLike,
    image_shape: Ints,
    block_shape: Ints,
    *,
    dilations: Ints | None = None,
    pads: Ints | None = None,
    strides: Ints | None = None,
) -> Array:
    """Sums of windows given as columns, where they overlap in the images.

    Parameters
    ----------
    input : array_like, (N, C * taps, positions)
        The windows, channel by channel, of numbers or bools.
    image_shape : ints, (D1, ..., Dn)
        The images' spatial shape.
    block_shape : ints, (k1, ..., kn)
        The windows' taps along each axis.
    dilations, strides : ints, optional
        The distance between taps, and between windows, along each axis.
    pads : ints, optional
        What windows reach beyond the images before each axis and then behind each; it is left out.

    Returns
    -------
    ndarray, (N, C, D1, ..., Dn)
        The images, of the type of the input. Pixels in no window are 0; integers wrap around.

    Raises
    ------
    TypeError, ValueError
        If a type, or a shape or value is not allowed.

    Examples
    --------
    >>> import numpy as np
    >>> from xcorr.compat import onnx
    >>> onnx.Col2Im(np.array([[[1.0, 2.0], [2.0, 4.0]]]), [1, 3], [1, 2])
    array([[[[1., 4., 4.]]]])
    """
    columns = take_typed(input, "input", NUMBERS)
    lengths = whole_numbers(image_shape, None, "image_shape", 1)
    taps = whole_numbers(block_shape, len(lengths), "block_shape", 1)
    steps = read_steps(len(lengths), strides, dilations, pads)
    outputs = steps.outputs(lengths, taps, ("image_shape", "block_shape"))
    check_columns(columns.shape, prod(taps), prod(outputs))
    words = {"padding": steps.padding, "stride": steps.stride, "dilation": steps.dilation}
    return folded_columns(columns, lengths, taps, outputs, words)


def exact_sums(x: Any, w: Any, x_zero_point: Any, w_zero_point: Any, kernel_shape: Any, words: dict[str, Any]) -> Array:
    """The sums of bytes less their zero points, as int64."""
    images, kernels = take_images(x, "x", BYTES), take_typed(w, "w", BYTES)
    steps = read_steps(images.ndim - 2, **words)
    check_shapes(images.shape, kernels.shape, kernel_shape, steps, ("x", "w"), 1)
    steps.outputs(images.shape[2:], kernels.shape[2:], ("x", "w"))
    images = less_zero_point(images, x_zero_point, "x_zero_point", None)
    return convolved(images, less_zero_point(kernels, w_zero_point, "w_zero_point", len(kernels)), steps)


def less_zero_point(array: Array, zero_point: Any, argument: str, n_kernels: int | None) -> Array:
    """Bytes less their zero point, in 16 bits, or as they are if that is 0."""
    if zero_point is None:
        return array
    zeros = take_settings(zero_point, argument, array.dtype.char, n_kernels)
    if not zeros.any():
        return array
    return array.astype(np.int16) - zeros.astype(np.int16).reshape(-1, *(1,) * (array.ndim - 1))
