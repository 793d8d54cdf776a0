"""OpenCV's kernels: of Gaussians, of derivatives, of Gabor's waves."""

import math
from typing import Any

import numpy as np

from xcorr._cache import remembered
from xcorr._typing import Array
from xcorr.compat._cv2_arrays import error, read_integer, read_kernel_depth, read_pair, written

FILTER_SCHARR = -1
CV_32F, CV_64F = 5, 6

SMALL = {
    1: [1],
    3: [0.25, 0.5, 0.25],
    5: [0.0625, 0.25, 0.375, 0.25, 0.0625],
    7: [0.03125, 0.109375, 0.21875, 0.28125, 0.21875, 0.109375, 0.03125],
    9: [0.015625, 0.05078125, 0.1171875, 0.19921875, 0.234375, 0.19921875, 0.1171875, 0.05078125, 0.015625],
}
"""Gaussians whose sizes alone are given: their taps are sums of powers of two."""

LARGEST_DERIVATIVE = 31


@remembered(64)
def gaussian_taps(n_taps: int, sigma: float) -> Array:
    """(taps,) of float64, whose sum is 1; a sigma that is not positive follows from the number of taps."""
    if n_taps <= 0:
        raise error(f"ksize: got {n_taps}; allowed are positive numbers")
    if sigma <= 0 and n_taps in SMALL:
        return np.array(SMALL[n_taps], np.float64)
    sigma = sigma if sigma > 0 else 0.3 * ((n_taps - 1) * 0.5 - 1) + 0.8
    distances = np.arange(n_taps) - (n_taps - 1) / 2
    taps = np.exp(-0.5 * (distances / sigma) ** 2)
    return np.asarray(taps / taps.sum())


@remembered(64)
def derivative_taps(n_taps: int, order: int, normalize: bool) -> Array:
    """(taps,) of float64: binomial smoothing and differences, so many as the derivative's order."""
    n_taps = 3 if n_taps == 1 and order > 0 else n_taps
    if n_taps <= order:
        raise error(f"ksize: got {n_taps} for a derivative of the order {order}; allowed are larger ones")
    taps: Array = np.ones(1)
    for step in range(n_taps - 1):
        taps = np.convolve(taps, [-1, 1] if step < order else [1, 1])
    return taps / 2.0 ** (n_taps - order - 1) if normalize else taps


def derivative_kernels(orders: tuple[int, int], n_taps: int, normalize: bool) -> tuple[Array, Array]:
    """The taps along the columns and those along the rows."""
    if min(orders) < 0 or sum(orders) == 0:
        raise error(f"dx, dy: got {orders[0]}, {orders[1]}; allowed are orders >= 0 that are not both 0")
    if n_taps <= 0:
        if sum(orders) != 1:
            raise error(f"dx, dy: got {orders[0]}, {orders[1]}; Scharr's kernels are of one first derivative")
        smooth = np.array([3.0, 10.0, 3.0]) / (32 if normalize else 1)
        along = [np.array([-1.0, 0.0, 1.0]) if order else smooth for order in orders]
    else:
        if n_taps % 2 == 0 or n_taps > LARGEST_DERIVATIVE:
            raise error(f"ksize: got {n_taps}; allowed are odd numbers up to {LARGEST_DERIVATIVE}")
        along = [derivative_taps(n_taps, order, normalize) for order in orders]
    return along[0], along[1]


def getGaussianKernel(ksize: int, sigma: float, ktype: int = CV_64F) -> Array:
    """Taps of a Gaussian, as `cv2.getGaussianKernel`.

    Parameters
    ----------
    ksize
        How many taps, at least 1.
    sigma
        The standard deviation in pixels. If it is not positive, it is 0.3 * ((ksize - 1) / 2 - 1) + 0.8, and the taps
        for 1, 3, 5, 7 and 9 of them are fixed ones.
    ktype
        CV_32F or CV_64F.

    Returns
    -------
    ndarray, (ksize, 1)
        The taps; their sum is 1.

    Raises
    ------
    error
        If `ksize` is not positive, or `ktype` is another one.

    Examples
    --------
    >>> from xcorr.compat import cv2
    >>> cv2.getGaussianKernel(3, 0).ravel()
    array([0.25, 0.5 , 0.25])
    """
    dtype = read_kernel_depth(ktype)
    return gaussian_taps(read_integer(ksize, "ksize"), sigma).astype(dtype)[:, None]


def getDerivKernels(
    dx: int, dy: int, ksize: int, kx: Any = None, ky: Any = None, normalize: bool = False, ktype: int = CV_32F
) -> tuple[Array, Array]:
    """Taps along columns and along rows of a derivative, as `cv2.getDerivKernels`.

    Parameters
    ----------
    dx, dy
        The orders of the derivative along columns and along rows.
    ksize
        How many taps: 1, 3, 5 and so on up to 31, or FILTER_SCHARR.
    kx, ky : ndarray, optional
        Where the taps are written, if they fit.
    normalize
        Whether smoothing taps have the sum 1, and those of derivatives are divided alike.
    ktype
        CV_32F or CV_64F.

    Returns
    -------
    tuple of ndarray, (taps, 1)
        Those along columns, those along rows.

    Raises
    ------
    error
        If the orders and `ksize` do not go together, or a value is not allowed.

    Examples
    --------
    >>> from xcorr.compat import cv2
    >>> [taps.ravel().tolist() for taps in cv2.getDerivKernels(1, 0, 3)]
    [[-1.0, 0.0, 1.0], [1.0, 2.0, 1.0]]
    """
    dtype = read_kernel_depth(ktype)
    orders = read_integer(dx, "dx"), read_integer(dy, "dy")
    along = derivative_kernels(orders, read_integer(ksize, "ksize"), bool(normalize))
    columns, rows = (taps.astype(dtype)[:, None] for taps in along)
    return written(columns, kx, "kx"), written(rows, ky, "ky")


def getGaborKernel(
    ksize: tuple[int, int],
    sigma: float,
    theta: float,
    lambd: float,
    gamma: float,
    psi: float = math.pi * 0.5,
    ktype: int = CV_64F,
) -> Array:
    """A wave under a Gaussian, as `cv2.getGaborKernel`.

    Parameters
    ----------
    ksize
        Columns and rows. An even number gives one more; what is not positive reaches three standard deviations.
    sigma
        The standard deviation of the Gaussian across the wave's stripes, in pixels.
    theta
        The wave's direction in radians.
    lambd
        The wavelength in pixels.
    gamma
        The standard deviation across the stripes over that along them.
    psi
        The wave's phase at the middle, in radians.
    ktype
        CV_32F or CV_64F.

    Returns
    -------
    ndarray, (rows, columns)
        The kernel.

    Raises
    ------
    error
        If `ktype` is another one, or `ksize` no pair of integers.

    Examples
    --------
    >>> from xcorr.compat import cv2
    >>> cv2.getGaborKernel((3, 1), 1, 0, 4, 1, psi=0).round(3)
    array([[0., 1., 0.]])
    """
    dtype = read_kernel_depth(ktype)
    columns, rows = read_pair(ksize, "ksize")
    across, along = float(sigma), float(sigma) / gamma
    cosine, sine = math.cos(theta), math.sin(theta)
    reach = 3
    right = columns // 2 if columns > 0 else round(max(abs(reach * across * cosine), abs(reach * along * sine)))
    below = rows // 2 if rows > 0 else round(max(abs(reach * across * sine), abs(reach * along * cosine)))
    y, x = -np.mgrid[-below : below + 1, -right : right + 1]
    u, v = x * cosine + y * sine, y * cosine - x * sine
    bell = np.exp(-0.5 * (u**2 / across**2 + v**2 / along**2))
    return np.asarray(bell * np.cos(2 * math.pi / lambd * u + psi)).astype(dtype)
