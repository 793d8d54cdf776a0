"""torch.nn.functional's convolutions, `unfold` and `fold`, and torch.nn.grad's gradients, on arrays and tensors.

Names, signatures, defaults and meaning are those of torch 2.13, for NumPy arrays, of which arrays are made, and for
tensors of the CPU, of which tensors are made that share no memory with them. torch is not imported.

Kernels are neither flipped nor conjugated. All operands of a call are of one dtype, and so is what it gives; integers
wrap around in their own width. What torch refuses is refused with the same class: RuntimeError for values and shapes,
TypeError for types.

Differences, and why:

- No gradient is recorded: a tensor that requires one is a RuntimeError, unless gradients are off (``torch.no_grad()``).
  The gradients are functions here, as they are in torch.nn.grad.
- bfloat16, complex32 and other types that NumPy does not have are a TypeError.
- Integers are taken by every function, and of every width and sign, with any dilation. torch has some of them for
  some functions (its transposed convolutions int64 alone, `unfold`, `fold` and the gradients none), and refuses the
  others as not implemented.
- Complex gradients are there, those of autograd. torch.nn.grad refuses complex numbers as not implemented.
- An input without channels is a RuntimeError. torch gives a response without kernels, whatever the weight has.
- An `unfold` of too few axes is a RuntimeError as of too many. torch looks for the missing axis: IndexError.
- Sizes that torch takes for some types only (an output without pixels), or only in an empty batch (an image without
  pixels, an `output_padding` as large as the stride) are a RuntimeError throughout.
- The output lies in memory in the order of its axes. torch's is channels last if an operand is.

>>> import numpy as np
>>> from xcorr.compat import torch_functional as F
>>> F.conv1d(np.array([[1.0, 2.0, 3.0, 4.0]]), np.array([[[1.0, 0.0, -1.0]]]), padding="same")
array([[-2., -2., -2.,  3.]])
"""

from typing import Any

from xcorr.compat._tensors import Operand
from xcorr.compat._torch_gradients import (
    conv1d_input,
    conv1d_weight,
    conv2d_input,
    conv2d_weight,
    conv3d_input,
    conv3d_weight,
)
from xcorr.compat._torch_sums import convolved, folded, unfolded
from xcorr.compat._torch_transposed import conv_transpose1d, conv_transpose2d, conv_transpose3d

__all__ = [
    "conv1d",
    "conv1d_input",
    "conv1d_weight",
    "conv2d",
    "conv2d_input",
    "conv2d_weight",
    "conv3d",
    "conv3d_input",
    "conv3d_weight",
    "conv_transpose1d",
    "conv_transpose2d",
    "conv_transpose3d",
    "fold",
    "unfold",
]


def conv1d(
    input: Operand,
    weight: Operand,
    bias: Operand | None = None,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
) -> Operand:
    """Convolution of signals with a bank of kernels, in torch's sense: kernels are not flipped.

    Parameters
    ----------
    input : ndarray or tensor, (N, C, L)
        The signals, or one of them without N.
    weight : ndarray or tensor, (K, C/groups, k)
        The bank of kernels.
    bias : ndarray or tensor, (K,), optional
        Added to the responses.
    stride, dilation : int or (int,)
        The distance between windows, and between taps.
    padding : {"valid", "same"} or int or (int,)
        Zeros on both sides; "same" is for stride 1, the smaller half is before.
    groups : int
        Groups of channels, each with its own kernels.

    Returns
    -------
    ndarray or tensor
        (N, K, L), what `input` is, without N if that has none.

    Raises
    ------
    RuntimeError
        If shapes, dtypes or values do not go together, or a tensor requires its gradient.
    TypeError
        If an argument is of a wrong type.

    Examples
    --------
    >>> import numpy as np
    >>> from xcorr.compat import torch_functional as F
    >>> F.conv1d(np.array([[[1.0, 10.0, 100.0]]]), np.array([[[1.0, 2.0]]]), np.array([0.5]))
    array([[[ 21.5, 210.5]]])
    """
    return convolved(1, input, weight, bias, stride, padding, dilation, groups)


def conv2d(
    input: Operand,
    weight: Operand,
    bias: Operand | None = None,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
) -> Operand:
    """Convolution of images with a bank of kernels, in torch's sense: kernels are not flipped.

    Parameters
    ----------
    input : ndarray or tensor, (N, C, H, W)
        The images, or one of them without N.
    weight : ndarray or tensor, (K, C/groups, kh, kw)
        The bank of kernels.
    bias : ndarray or tensor, (K,), optional
        Added to the responses.
    stride, dilation : int or (rows, columns)
        The distance between windows, and between taps.
    padding : {"valid", "same"} or int or (rows, columns)
        Zeros on both sides; "same" is for stride 1, the smaller half is before.
    groups : int
        Groups of channels, each with its own kernels.

    Returns
    -------
    ndarray or tensor
        (N, K, H, W), what `input` is, without N if that has none.

    Raises
    ------
    RuntimeError
        If shapes, dtypes or values do not go together, or a tensor requires its gradient.
    TypeError
        If an argument is of a wrong type.

    Examples
    --------
    >>> import numpy as np
    >>> from xcorr.compat import torch_functional as F
    >>> image = np.arange(9.0).reshape(1, 1, 3, 3)
    >>> F.conv2d(image, np.ones((1, 1, 2, 2)))
    array([[[[ 8., 12.],
             [20., 24.]]]])

    Integers wrap around:

    >>> F.conv2d(np.full((1, 1, 2), 200, np.uint8), np.ones((1, 1, 1, 2), np.uint8))
    array([[[144]]], dtype=uint8)
    """
    return convolved(2, input, weight, bias, stride, padding, dilation, groups)


def conv3d(
    input: Operand,
    weight: Operand,
    bias: Operand | None = None,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
) -> Operand:
    """Convolution of volumes with a bank of kernels, in torch's sense: kernels are not flipped.

    Parameters
    ----------
    input : ndarray or tensor, (N, C, D, H, W)
        The volumes, or one of them without N.
    weight : ndarray or tensor, (K, C/groups, kd, kh, kw)
        The bank of kernels.
    bias : ndarray or tensor, (K,), optional
        Added to the responses.
    stride, dilation : int or (planes, rows, columns)
        The distance between windows, and between taps.
    padding : {"valid", "same"} or int or (planes, rows, columns)
        Zeros on both sides; "same" is for stride 1, the smaller half is before.
    groups : int
        Groups of channels, each with its own kernels.

    Returns
    -------
    ndarray or tensor
        (N, K, D, H, W), what `input` is, without N if that has none.

    Raises
    ------
    RuntimeError
        If shapes, dtypes or values do not go together, or a tensor requires its gradient.
    TypeError
        If an argument is of a wrong type.

    Examples
    --------
    >>> import numpy as np
    >>> from xcorr.compat import torch_functional as F
    >>> F.conv3d(np.ones((1, 2, 4, 5)), np.ones((3, 1, 2, 2, 2)), padding=1, stride=2).shape
    (3, 2, 3, 3)
    """
    return convolved(3, input, weight, bias, stride, padding, dilation, groups)


def unfold(input: Operand, kernel_size: Any, dilation: Any = 1, padding: Any = 0, stride: Any = 1) -> Operand:
    """Windows of images as columns, channel by channel.

    Parameters
    ----------
    input : ndarray or tensor, (N, C, H, W)
        The images, or one of them without N.
    kernel_size : int or (rows, columns)
        The taps of a window.
    dilation, stride : int or (rows, columns)
        The distance between taps, and between windows.
    padding : int or (rows, columns)
        Zeros on both sides.

    Returns
    -------
    ndarray or tensor, (N, C * taps, positions)
        What `input` is, without N if that has none.

    Raises
    ------
    RuntimeError
        If the shape or a value is not allowed, or a tensor requires its gradient.
    TypeError
        If an argument is of a wrong type.

    Examples
    --------
    >>> import numpy as np
    >>> from xcorr.compat import torch_functional as F
    >>> F.unfold(np.arange(6.0).reshape(1, 2, 3), (2, 2))
    array([[0., 1.],
           [1., 2.],
           [3., 4.],
           [4., 5.]])
    """
    return unfolded(input, kernel_size, dilation, padding, stride)


def fold(
    input: Operand, output_size: Any, kernel_size: Any, dilation: Any = 1, padding: Any = 0, stride: Any = 1
) -> Operand:
    """Sums of columns as `unfold` makes them, where their windows overlap; its adjoint.

    Parameters
    ----------
    input : ndarray or tensor, (N, C * taps, positions)
        Windows as columns, or those of one image without N.
    output_size : int or (H, W)
        The size of an image.
    kernel_size, dilation, padding, stride
        Those of `unfold`. Pixels in no window are 0.

    Returns
    -------
    ndarray or tensor, (N, C, H, W)
        What `input` is, without N if that has none. Sums of bools say whether one is true.

    Raises
    ------
    RuntimeError
        If the shape or a value is not allowed, or a tensor requires its gradient.
    TypeError
        If an argument is of a wrong type.

    Examples
    --------
    >>> import numpy as np
    >>> from xcorr.compat import torch_functional as F
    >>> columns = F.unfold(np.array([[[1.0, 2.0, 4.0]]]), (1, 2))
    >>> F.fold(columns, (1, 3), (1, 2))
    array([[[1., 4., 4.]]])
    """
    return folded(input, output_size, kernel_size, dilation, padding, stride)
