"""torch.nn.functional's transposed convolutions."""

from typing import Any

from xcorr.compat._tensors import Operand
from xcorr.compat._torch_sums import transposed


def conv_transpose1d(
    input: Operand,
    weight: Operand,
    bias: Operand | None = None,
    stride: Any = 1,
    padding: Any = 0,
    output_padding: Any = 0,
    groups: int = 1,
    dilation: Any = 1,
) -> Operand:
    """Transposed convolution: each number lays a kernel, multiplied by it, over the signals that are made.

    Parameters
    ----------
    input : ndarray or tensor, (N, C, L)
        Numbers for the kernels, or those of one of the signals without N.
    weight : ndarray or tensor, (C, K/groups, k)
        The bank of kernels of the convolution that this is the adjoint of.
    bias : ndarray or tensor, (K,), optional
        Added to the signals.
    stride, dilation : int or (int,)
        The distance between the places of kernels, and between taps.
    padding : int or (int,)
        What is left out on both sides.
    output_padding : int or (int,)
        What is added behind, less than the stride or the dilation.
    groups : int
        Groups of channels, each with its own kernels.

    Returns
    -------
    ndarray or tensor
        (N, K, L), of length (length - 1) * stride - 2 * padding + dilation * (k - 1) + output_padding + 1.

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
    >>> x, kernel = np.array([[[1.0, 10.0]]]), np.array([[[1.0, 2.0, 3.0]]])
    >>> F.conv_transpose1d(x, kernel, stride=2, padding=1, output_padding=1)
    array([[[ 2., 13., 20., 30.]]])
    """
    return transposed(1, input, weight, bias, stride, padding, output_padding, groups, dilation)


def conv_transpose2d(
    input: Operand,
    weight: Operand,
    bias: Operand | None = None,
    stride: Any = 1,
    padding: Any = 0,
    output_padding: Any = 0,
    groups: int = 1,
    dilation: Any = 1,
) -> Operand:
    """Transposed convolution: each number lays a kernel, multiplied by it, over the images that are made.

    Parameters
    ----------
    input : ndarray or tensor, (N, C, H, W)
        Numbers for the kernels, or those of one of the images without N.
    weight : ndarray or tensor, (C, K/groups, kh, kw)
        The bank of kernels of the convolution that this is the adjoint of.
    bias : ndarray or tensor, (K,), optional
        Added to the images.
    stride, dilation : int or (rows, columns)
        The distance between the places of kernels, and between taps.
    padding : int or (rows, columns)
        What is left out on both sides.
    output_padding : int or (rows, columns)
        What is added behind, less than the stride or the dilation.
    groups : int
        Groups of channels, each with its own kernels.

    Returns
    -------
    ndarray or tensor
        (N, K, H, W), of length (length - 1) * stride - 2 * padding + dilation * (k - 1) + output_padding + 1.

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
    >>> F.conv_transpose2d(np.array([[[1.0, 2.0]]]), np.ones((1, 1, 2, 2)), stride=2)
    array([[[1., 1., 2., 2.],
            [1., 1., 2., 2.]]])
    """
    return transposed(2, input, weight, bias, stride, padding, output_padding, groups, dilation)


def conv_transpose3d(
    input: Operand,
    weight: Operand,
    bias: Operand | None = None,
    stride: Any = 1,
    padding: Any = 0,
    output_padding: Any = 0,
    groups: int = 1,
    dilation: Any = 1,
) -> Operand:
    """Transposed convolution: each number lays a kernel, multiplied by it, over the volumes that are made.

    Parameters
    ----------
    input : ndarray or tensor, (N, C, D, H, W)
        Numbers for the kernels, or those of one of the volumes without N.
    weight : ndarray or tensor, (C, K/groups, kd, kh, kw)
        The bank of kernels of the convolution that this is the adjoint of.
    bias : ndarray or tensor, (K,), optional
        Added to the volumes.
    stride, dilation : int or (planes, rows, columns)
        The distance between the places of kernels, and between taps.
    padding : int or (planes, rows, columns)
        What is left out on both sides.
    output_padding : int or (planes, rows, columns)
        What is added behind, less than the stride or the dilation.
    groups : int
        Groups of channels, each with its own kernels.

    Returns
    -------
    ndarray or tensor
        (N, K, D, H, W), of length (length - 1) * stride - 2 * padding + dilation * (k - 1) + output_padding + 1.

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
    >>> F.conv_transpose3d(np.ones((2, 3, 2, 4, 5)), np.ones((3, 1, 2, 2, 2)), stride=2).shape
    (2, 1, 4, 8, 10)
    """
    return transposed(3, input, weight, bias, stride, padding, output_padding, groups, dilation)
