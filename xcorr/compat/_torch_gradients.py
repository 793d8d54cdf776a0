"""torch.nn.grad's gradients of convolutions."""

from typing import Any

from xcorr.compat._tensors import Operand
from xcorr.compat._torch_sums import images_gradient, kernels_gradient


def conv1d_input(
    input_size: Any,
    weight: Operand,
    grad_output: Operand,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
) -> Operand:
    """The gradient of the input of `conv1d`.

    Parameters
    ----------
    input_size : tuple of int
        The shape of the input, (N, C, L).
    weight : ndarray or tensor, (K, C/groups, k)
        The bank of kernels.
    grad_output : ndarray or tensor, (N, K, L)
        The gradient of the responses.
    stride, padding, dilation : int or (int,)
        Those of the convolution.
    groups : int
        Groups of channels, each with its own kernels.

    Returns
    -------
    ndarray or tensor, (N, C, L)
        What `grad_output` is; of complex numbers the sums are those with the conjugate weight.

    Raises
    ------
    RuntimeError
        If shapes, dtypes or values do not go together, or a tensor requires its gradient.
    TypeError
        If an operand is of a wrong type.

    Examples
    --------
    >>> import numpy as np
    >>> from xcorr.compat import torch_functional as F
    >>> F.conv1d_input((1, 1, 4), np.array([[[1.0, 2.0]]]), np.array([[[1.0, 0.0, 10.0]]]))
    array([[[ 1.,  2., 10., 20.]]])
    """
    return images_gradient(1, input_size, weight, grad_output, stride, padding, dilation, groups)


def conv1d_weight(
    input: Operand,
    weight_size: Any,
    grad_output: Operand,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
) -> Operand:
    """The gradient of the weight of `conv1d`, summed over the batch.

    Parameters
    ----------
    input : ndarray or tensor, (N, C, L)
        The signals.
    weight_size : tuple of int
        The shape of the weight, (K, C/groups, k).
    grad_output : ndarray or tensor, (N, K, L)
        The gradient of the responses.
    stride, padding, dilation : int or (int,)
        Those of the convolution.
    groups : int
        Groups of channels, each with its own kernels.

    Returns
    -------
    ndarray or tensor, (K, C/groups, k)
        What `input` is, zeros of no images; of complex numbers the sums are those with the conjugate input.

    Raises
    ------
    RuntimeError
        If shapes, dtypes or values do not go together, or a tensor requires its gradient.
    TypeError
        If an operand is of a wrong type.

    Examples
    --------
    >>> import numpy as np
    >>> from xcorr.compat import torch_functional as F
    >>> F.conv1d_weight(np.array([[[1.0, 2.0, 3.0, 4.0]]]), (1, 1, 2), np.array([[[1.0, 0.0, 10.0]]]))
    array([[[31., 42.]]])
    """
    return kernels_gradient(1, input, weight_size, grad_output, stride, padding, dilation, groups)


def conv2d_input(
    input_size: Any,
    weight: Operand,
    grad_output: Operand,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
) -> Operand:
    """The gradient of the input of `conv2d`.

    Parameters
    ----------
    input_size : tuple of int
        The shape of the input, (N, C, H, W).
    weight : ndarray or tensor, (K, C/groups, kh, kw)
        The bank of kernels.
    grad_output : ndarray or tensor, (N, K, H, W)
        The gradient of the responses.
    stride, padding, dilation : int or (rows, columns)
        Those of the convolution.
    groups : int
        Groups of channels, each with its own kernels.

    Returns
    -------
    ndarray or tensor, (N, C, H, W)
        What `grad_output` is; of complex numbers the sums are those with the conjugate weight.

    Raises
    ------
    RuntimeError
        If shapes, dtypes or values do not go together, or a tensor requires its gradient.
    TypeError
        If an operand is of a wrong type.

    Examples
    --------
    >>> import numpy as np
    >>> from xcorr.compat import torch_functional as F
    >>> F.conv2d_input((2, 4, 9, 8), np.ones((6, 2, 3, 3)), np.ones((2, 6, 4, 3)), stride=2, groups=2).shape
    (2, 4, 9, 8)
    """
    return images_gradient(2, input_size, weight, grad_output, stride, padding, dilation, groups)


def conv2d_weight(
    input: Operand,
    weight_size: Any,
    grad_output: Operand,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
) -> Operand:
    """The gradient of the weight of `conv2d`, summed over the batch.

    Parameters
    ----------
    input : ndarray or tensor, (N, C, H, W)
        The images.
    weight_size : tuple of int
        The shape of the weight, (K, C/groups, kh, kw).
    grad_output : ndarray or tensor, (N, K, H, W)
        The gradient of the responses.
    stride, padding, dilation : int or (rows, columns)
        Those of the convolution.
    groups : int
        Groups of channels, each with its own kernels.

    Returns
    -------
    ndarray or tensor, (K, C/groups, kh, kw)
        What `input` is, zeros of no images; of complex numbers the sums are those with the conjugate input.

    Raises
    ------
    RuntimeError
        If shapes, dtypes or values do not go together, or a tensor requires its gradient.
    TypeError
        If an operand is of a wrong type.

    Examples
    --------
    >>> import numpy as np
    >>> from xcorr.compat import torch_functional as F
    >>> F.conv2d_weight(np.ones((2, 4, 9, 8)), (6, 2, 3, 3), np.ones((2, 6, 4, 3)), stride=2, groups=2).shape
    (6, 2, 3, 3)
    """
    return kernels_gradient(2, input, weight_size, grad_output, stride, padding, dilation, groups)


def conv3d_input(
    input_size: Any,
    weight: Operand,
    grad_output: Operand,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
) -> Operand:
    """The gradient of the input of `conv3d`.

    Parameters
    ----------
    input_size : tuple of int
        The shape of the input, (N, C, D, H, W).
    weight : ndarray or tensor, (K, C/groups, kd, kh, kw)
        The bank of kernels.
    grad_output : ndarray or tensor, (N, K, D, H, W)
        The gradient of the responses.
    stride, padding, dilation : int or (planes, rows, columns)
        Those of the convolution.
    groups : int
        Groups of channels, each with its own kernels.

    Returns
    -------
    ndarray or tensor, (N, C, D, H, W)
        What `grad_output` is; of complex numbers the sums are those with the conjugate weight.

    Raises
    ------
    RuntimeError
        If shapes, dtypes or values do not go together, or a tensor requires its gradient.
    TypeError
        If an operand is of a wrong type.

    Examples
    --------
    >>> import numpy as np
    >>> from xcorr.compat import torch_functional as F
    >>> F.conv3d_input((2, 4, 5, 9, 8), np.ones((6, 2, 2, 3, 3)), np.ones((2, 6, 2, 4, 3)), stride=2, groups=2).shape
    (2, 4, 5, 9, 8)
    """
    return images_gradient(3, input_size, weight, grad_output, stride, padding, dilation, groups)


def conv3d_weight(
    input: Operand,
    weight_size: Any,
    grad_output: Operand,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
) -> Operand:
    """The gradient of the weight of `conv3d`, summed over the batch.

    Parameters
    ----------
    input : ndarray or tensor, (N, C, D, H, W)
        The volumes.
    weight_size : tuple of int
        The shape of the weight, (K, C/groups, kd, kh, kw).
    grad_output : ndarray or tensor, (N, K, D, H, W)
        The gradient of the responses.
    stride, padding, dilation : int or (planes, rows, columns)
        Those of the convolution.
    groups : int
        Groups of channels, each with its own kernels.

    Returns
    -------
    ndarray or tensor, (K, C/groups, kd, kh, kw)
        What `input` is, zeros of no images; of complex numbers the sums are those with the conjugate input.

    Raises
    ------
    RuntimeError
        If shapes, dtypes or values do not go together, or a tensor requires its gradient.
    TypeError
        If an operand is of a wrong type.

    Examples
    --------
    >>> import numpy as np
    >>> from xcorr.compat import torch_functional as F
    >>> F.conv3d_weight(np.ones((2, 4, 5, 9, 8)), (6, 2, 2, 3, 3), np.ones((2, 6, 2, 4, 3)), stride=2, groups=2).shape
    (6, 2, 2, 3, 3)
    """
    return kernels_gradient(3, input, weight_size, grad_output, stride, padding, dilation, groups)
