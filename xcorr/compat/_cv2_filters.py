"""OpenCV's filters of images: linear ones, Gaussians, derivatives."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from xcorr._cache import remembered
from xcorr._typing import Array
from xcorr.compat._cv2_arrays import (
    FILTERED,
    LAPLACIAN,
    SEPARABLE,
    error,
    read_anchor,
    read_array,
    read_boundary,
    read_depth,
    read_integer,
    read_number,
    read_pair,
    read_plane,
)
from xcorr.compat._cv2_kernels import FILTER_SCHARR, derivative_kernels, gaussian_taps
from xcorr.compat._cv2_sums import Images, Pass, Passes, pass_by, passes_by, summed_type

BORDER_DEFAULT = 4
MIDDLE = (-1, -1)
Pair = Sequence[int]


def filter2D(
    src: Array,
    ddepth: int,
    kernel: Array,
    dst: Any = None,
    anchor: Pair = MIDDLE,
    delta: float = 0,
    borderType: int = BORDER_DEFAULT,
) -> Array:
    """Correlation of each channel with one kernel, as `cv2.filter2D`.

    Parameters
    ----------
    src : ndarray, (rows, columns) or (rows, columns, channels)
        The image: uint8, uint16, int16, float32 or float64.
    ddepth
        The response's type by its number, that of the image for -1: of uint8 images uint8, uint16, int16, float32 or
        float64; of uint16 and int16 the same type, float32 or float64; of floats the same type.
    kernel : ndarray, (rows, columns)
        The taps.
    dst : ndarray, optional
        Where the response is written, if its shape and type fit.
    anchor
        The column and row of the tap that lies on the response's place; -1 is the middle.
    delta
        What is added to the response.
    borderType
        BORDER_REFLECT_101, BORDER_REFLECT, BORDER_REPLICATE or BORDER_CONSTANT, which is zeros.

    Returns
    -------
    ndarray
        The response, of the image's shape; integers are rounded, ties to even, and saturated.

    Raises
    ------
    error
        If an argument is not allowed.

    Examples
    --------
    >>> import numpy as np
    >>> from xcorr.compat import cv2
    >>> cv2.filter2D(np.array([[10, 20, 250]], np.uint8), -1, np.ones((1, 3)))
    array([[ 50, 255, 255]], dtype=uint8)
    """
    source, taps = read_array(src, "src"), read_plane(kernel, "kernel")
    dtype = read_depth(ddepth, source, FILTERED)
    place, boundary = read_anchor(anchor, taps.shape), read_boundary(borderType)
    images = Images(source.ndim, source.dtype, boundary, dtype, delta=read_number(delta, "delta"))
    return pass_by(images, taps.astype(summed_type(source.dtype, dtype)), place)(source, dst)


def sepFilter2D(
    src: Array,
    ddepth: int,
    kernelX: Array,
    kernelY: Array,
    dst: Any = None,
    anchor: Pair = MIDDLE,
    delta: float = 0,
    borderType: int = BORDER_DEFAULT,
) -> Array:
    """Correlation of each channel with a kernel along the columns and one along the rows, as `cv2.sepFilter2D`.

    Parameters
    ----------
    src, dst, anchor, delta, borderType
        As of `filter2D`.
    ddepth
        As there; any of uint8, uint16, int16, float32 and float64, but no float32 of float64 images.
    kernelX, kernelY : ndarray, (taps,), (taps, 1) or (1, taps)
        The taps along the columns and along the rows.

    Returns
    -------
    ndarray
        The response, as of `filter2D`. It is rounded once.

    Raises
    ------
    error
        If an argument is not allowed.

    Examples
    --------
    >>> import numpy as np
    >>> from xcorr.compat import cv2
    >>> cv2.sepFilter2D(np.eye(2), -1, np.array([1.0, 1, 1]), np.array([1.0]))
    array([[1., 2.],
           [2., 1.]])
    """
    source = read_array(src, "src")
    dtype = read_depth(ddepth, source, SEPARABLE)
    columns, rows = (read_taps(kernel, name) for kernel, name in ((kernelX, "kernelX"), (kernelY, "kernelY")))
    place, boundary = read_anchor(anchor, (rows.size, columns.size)), read_boundary(borderType)
    summed = summed_type(source.dtype, dtype)
    images = Images(source.ndim, source.dtype, boundary, dtype, delta=read_number(delta, "delta"))
    return passes_by(images, (columns.astype(summed), rows.astype(summed)), place)(source, dst)


def read_taps(kernel: Any, name: str) -> Array:
    """(taps,) from a row or a column."""
    taps = read_plane(kernel, name)
    if 1 not in taps.shape:
        raise error(f"{name}: got the shape {taps.shape}; allowed are one row or one column")
    return taps.ravel()


def GaussianBlur(
    src: Array,
    ksize: Pair,
    sigmaX: float,
    dst: Any = None,
    sigmaY: float = 0,
    borderType: int = BORDER_DEFAULT,
    hint: int = 0,
) -> Array:
    """Smoothing with a Gaussian, as `cv2.GaussianBlur`.

    Parameters
    ----------
    src, dst, borderType
        As of `filter2D`; the response has the image's type.
    ksize
        Columns and rows of the kernel, odd numbers. Where it is not positive it follows from sigma: 3 standard
        deviations on each side for uint8, 4 for the others.
    sigmaX, sigmaY
        The standard deviations along columns and rows, in pixels. A `sigmaY` that is not positive is `sigmaX`; where
        both are not, they follow from `ksize`.
    hint
        Without effect: there is one way.

    Returns
    -------
    ndarray
        The smoothed image; bytes are rounded from sums in float32, other integers from sums in float64.

    Raises
    ------
    error
        If an argument is not allowed.

    Examples
    --------
    >>> import numpy as np
    >>> from xcorr.compat import cv2
    >>> cv2.GaussianBlur(np.array([[0, 0, 16, 0, 0]], np.uint8), (3, 1), 0)
    array([[0, 4, 8, 4, 0]], dtype=uint8)
    """
    source = read_array(src, "src")
    dtype = read_depth(-1, source, SEPARABLE)
    images = Images(source.ndim, source.dtype, read_boundary(borderType), dtype)
    across, down = read_number(sigmaX, "sigmaX"), read_number(sigmaY, "sigmaY")
    sigmas = across, down if down > 0 else across
    return gaussian_passes(images, read_pair(ksize, "ksize"), sigmas)(source, dst)


@remembered(64)
def gaussian_passes(images: Images, ksize: tuple[int, int], sigmas: tuple[float, float]) -> Passes:
    """The passes of `GaussianBlur`, whose sizes may follow from the standard deviations."""
    sizes = list(ksize)
    for axis, sigma in enumerate(sigmas):
        if sizes[axis] <= 0 and sigma > 0:
            sizes[axis] = round(sigma * (3 if images.dtype == np.uint8 else 4) * 2 + 1) | 1
        if sizes[axis] <= 0 or sizes[axis] % 2 == 0:
            raise error(f"ksize: got {ksize} with sigma {sigma}; allowed are odd numbers, or 0 with a positive sigma")
    summed = np.float32 if images.dtype in (np.float32, np.uint8) else np.float64
    columns, rows = (gaussian_taps(size, sigma).astype(summed) for size, sigma in zip(sizes, sigmas, strict=True))
    return Passes(images, (columns, rows), (sizes[1] // 2, sizes[0] // 2))


def Sobel(
    src: Array,
    ddepth: int,
    dx: int,
    dy: int,
    dst: Any = None,
    ksize: int = 3,
    scale: float = 1,
    delta: float = 0,
    borderType: int = BORDER_DEFAULT,
) -> Array:
    """Derivative of an image by differences and binomial smoothing, as `cv2.Sobel`.

    Parameters
    ----------
    src, dst, delta, borderType
        As of `filter2D`.
    ddepth
        As of `sepFilter2D`.
    dx, dy
        The orders of the derivative along columns and along rows, not both 0.
    ksize
        1, 3, 5 and so on up to 31; FILTER_SCHARR and 0 are Scharr's kernels.
    scale
        What the response is multiplied with.

    Returns
    -------
    ndarray
        The derivative.

    Raises
    ------
    error
        If an argument is not allowed.

    Examples
    --------
    >>> import numpy as np
    >>> from xcorr.compat import cv2
    >>> cv2.Sobel(np.array([[1, 2, 4]], np.uint8), cv2.CV_16S, 1, 0, ksize=1)
    array([[0, 3, 0]], dtype=int16)
    """
    source = read_array(src, "src")
    dtype = read_depth(ddepth, source, SEPARABLE)
    images = Images(source.ndim, source.dtype, read_boundary(borderType), dtype, delta=read_number(delta, "delta"))
    orders = read_integer(dx, "dx"), read_integer(dy, "dy")
    return derivative_passes(images, orders, read_integer(ksize, "ksize"), read_number(scale, "scale", 1.0))(
        source, dst
    )


@remembered(64)
def derivative_passes(images: Images, orders: tuple[int, int], n_taps: int, scale: float) -> Passes:
    """The passes of `Sobel`."""
    columns, rows = derivative_kernels(orders, n_taps, normalize=False)
    summed = summed_type(images.source, images.dtype)
    smooth, difference = (columns * scale, rows) if orders[0] == 0 else (columns, rows * scale)
    place = rows.size // 2, columns.size // 2
    return Passes(images, (smooth.astype(summed), difference.astype(summed)), place)


def Scharr(
    src: Array,
    ddepth: int,
    dx: int,
    dy: int,
    dst: Any = None,
    scale: float = 1,
    delta: float = 0,
    borderType: int = BORDER_DEFAULT,
) -> Array:
    """First derivative of an image with Scharr's kernels, as `cv2.Scharr`.

    Parameters
    ----------
    src, ddepth, dst, scale, delta, borderType
        As of `Sobel`.
    dx, dy
        1 and 0, or 0 and 1.

    Returns
    -------
    ndarray
        The derivative.

    Raises
    ------
    error
        If an argument is not allowed.

    Examples
    --------
    >>> import numpy as np
    >>> from xcorr.compat import cv2
    >>> cv2.Scharr(np.array([[1.0, 2, 4]]), -1, 1, 0)
    array([[ 0., 48.,  0.]])
    """
    return Sobel(src, ddepth, dx, dy, dst, FILTER_SCHARR, scale, delta, borderType)


def Laplacian(
    src: Array,
    ddepth: int,
    dst: Any = None,
    ksize: int = 1,
    scale: float = 1,
    delta: float = 0,
    borderType: int = BORDER_DEFAULT,
) -> Array:
    """Sum of both second derivatives, as `cv2.Laplacian`.

    Parameters
    ----------
    src, dst, scale, delta, borderType
        As of `Sobel`.
    ddepth
        As of `filter2D`; from a `ksize` of 5 on any of uint8, int8, uint16, int16, int32, float32 and float64.
    ksize
        1 is the kernel of the four neighbours; 3, 5 and so on up to 31 are sums of two of `Sobel`'s.

    Returns
    -------
    ndarray
        The Laplacian.

    Raises
    ------
    error
        If an argument is not allowed.

    Examples
    --------
    >>> import numpy as np
    >>> from xcorr.compat import cv2
    >>> cv2.Laplacian(np.array([[1.0, 2, 4, 8]]), -1)
    array([[ 2.,  1.,  2., -8.]])
    """
    source, n_taps = read_array(src, "src"), read_integer(ksize, "ksize")
    dtype = read_depth(ddepth, source, FILTERED if n_taps in (1, 3) else LAPLACIAN)
    images = Images(source.ndim, source.dtype, read_boundary(borderType), dtype, delta=read_number(delta, "delta"))
    return laplacian_pass(images, n_taps, read_number(scale, "scale", 1.0))(source, dst)


@remembered(64)
def laplacian_pass(images: Images, n_taps: int, scale: float) -> Pass:
    """The pass of `Laplacian`."""
    if n_taps == 1:
        kernel = np.array([[0.0, 1, 0], [1, -4, 1], [0, 1, 0]])
    elif n_taps <= 0:
        raise error(f"ksize: got {n_taps}; allowed are odd numbers up to 31")
    else:
        columns, rows = derivative_kernels((2, 0), n_taps, normalize=False)
        kernel = np.outer(rows, columns) + np.outer(columns, rows)
    kernel = (kernel * scale).astype(summed_type(images.source, images.dtype))
    return Pass(images, kernel, (kernel.shape[0] // 2, kernel.shape[1] // 2))
