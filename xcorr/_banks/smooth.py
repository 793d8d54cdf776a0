"""Kernels that smooth: the Gaussian, its Laplacian, and the mean of a box."""

from typing import Any

import numpy as np

from xcorr._banks.arguments import MAX_SIZE, read_flag, read_sides, read_sigmas, read_size
from xcorr._banks.recipe import Kernels, Numbers, Plane, Recipe, made, positions, texts

SIGMAS = (1.0, 2.0, 4.0)
REACH = 4  # standard deviations to each side, as of scipy.ndimage


def gaussian(sigma: float | Numbers = SIGMAS, size: int | None = None) -> Kernels:
    """Gaussian kernels, which smooth.

    Parameters
    ----------
    sigma : float or sequence of float
        The standard deviation in pixels, positive, or up to 1024 of them, each for one kernel. By default 1, 2 and 4.
    size : int, optional
        Rows and columns of a kernel, in pixels; odd, from 3 to 4095. What reaches beyond them is cut off. By default
        ``2 * int(4 * sigma + 0.5) + 1`` of the largest sigma, as in ``scipy.ndimage.gaussian_filter``, and 3 at least.

    Returns
    -------
    ndarray, float32 (K, size, size)
        One kernel for each sigma, in their order. The taps of each sum to 1, so that flat images stay as they are.

    Raises
    ------
    TypeError, ValueError
        If an argument is not as above, or without `size` a kernel would be larger.
    MemoryError
        If the bank does not fit.

    Notes
    -----
    ``exp(-(x**2 + y**2) / (2 sigma**2))``, divided by its sum over the kernel: the outer product of OpenCV's
    ``getGaussianKernel(size, sigma)`` with itself, and what ``scipy.ndimage.gaussian_filter`` does. Source: A. Witkin,
    Scale-space filtering, International Joint Conference on Artificial Intelligence 1983.

    Examples
    --------
    >>> import numpy as np
    >>> import xcorr
    >>> xcorr.banks.gaussian(2).shape
    (1, 17, 17)
    >>> noise = np.random.default_rng(0).normal(size=(60, 80))
    >>> smooth = xcorr.correlate(noise, xcorr.banks.gaussian(2)[0], padding="same", boundary="symmetric")
    >>> smooth.shape, bool(smooth.std() < noise.std() / 4)
    ((60, 80), True)
    """
    return made(gaussian_recipe(sigma, size))


def gaussian_recipe(sigma: float | Numbers, size: int | None) -> Recipe:
    """The names and kernels of `gaussian`."""
    sigmas = read_sigmas(sigma)
    side = side_for(sigmas, size)
    names = [f"gaussian sigma {width}" for width in texts(sigmas)]
    return Recipe(names, (side, side), (bell(side, width)[0] for width in sigmas))


def laplacian_of_gaussian(
    sigma: float | Numbers = SIGMAS, size: int | None = None, *, zero_mean: bool = True, normalized: bool = False
) -> Kernels:
    """The Laplacian of a Gaussian: the second derivatives of the smoothed image, for spots and for edges.

    Parameters
    ----------
    sigma : float or sequence of float
        The Gaussian's standard deviation in pixels, positive, or up to 1024 of them, each for one kernel. By default 1,
        2 and 4. Below 0.5 the Gaussian is narrower than the pixels can show.
    size : int, optional
        Rows and columns of a kernel, in pixels; odd, from 3 to 4095. What reaches beyond them is cut off. By default
        ``2 * int(4 * sigma + 0.5) + 1`` of the largest sigma, as in ``scipy.ndimage.gaussian_laplace``, and 3 at least.
    zero_mean : bool
        Take away as much of the Gaussian as makes the taps sum to 0, so that flat images give 0. Without, what is
        taken away is twice the Gaussian, which for want of the tails leaves a thousandth of it.
    normalized : bool
        Multiply by ``sigma**2``, so that responses at several sigma can be compared: a spot that is itself a Gaussian
        gets the largest one, in magnitude, at its own standard deviation. Without, the response is the Laplacian of the
        smoothed image, per square pixel.

    Returns
    -------
    ndarray, float32 (K, size, size)
        One kernel for each sigma, in their order. The central tap is negative, as in `laplacian`: the response is
        negative at a bright spot, and crosses 0 at an edge.

    Raises
    ------
    TypeError, ValueError
        If an argument is not as above, without `size` a kernel would be larger, or float32 cannot hold it.
    MemoryError
        If the bank does not fit.

    Notes
    -----
    ``((x**2 + y**2) / sigma**2 - mean) / sigma**2 * gaussian``, where `gaussian` sums to 1 over the kernel and `mean`
    is that of ``(x**2 + y**2) / sigma**2`` under it with `zero_mean`, else 2. With 2 it is the kernel of
    ``scipy.ndimage.gaussian_laplace``. Sources: D. Marr, E. Hildreth, Theory of edge detection, Proceedings of the
    Royal Society of London B 207, 1980; `normalized`, T. Lindeberg, Feature detection with automatic scale selection,
    International Journal of Computer Vision 30(2), 1998.

    Examples
    --------
    A spot as wide as a Gaussian of 2 pixels is found at 2 pixels:

    >>> import numpy as np
    >>> import xcorr
    >>> spot = xcorr.banks.gaussian(2, 41)[0]
    >>> scales = xcorr.banks.laplacian_of_gaussian([1, 2, 4], 41, normalized=True)
    >>> int(np.argmin(xcorr.correlate(spot, scales, layout="NHW")))
    1
    """
    return made(laplacian_of_gaussian_recipe(sigma, size, zero_mean, normalized))


def laplacian_of_gaussian_recipe(sigma: float | Numbers, size: int | None, zero_mean: bool, normalized: bool) -> Recipe:
    """The names and kernels of `laplacian_of_gaussian`."""
    sigmas = read_sigmas(sigma)
    side = side_for(sigmas, size)
    flags = read_flag("zero_mean", zero_mean), read_flag("normalized", normalized)
    names = [f"laplacian of gaussian sigma {width}" for width in texts(sigmas)]
    return Recipe(names, (side, side), (curvature(side, width, *flags) for width in sigmas))


def box(size: int | tuple[int, int] = 3, *, normalized: bool = True) -> Kernels:
    """A box: the mean of every window.

    Parameters
    ----------
    size : int or (int, int)
        Rows and columns of the kernel, in pixels, together or each; odd, from 1 to 4095.
    normalized : bool
        Divide by the number of taps, so that a response is its window's mean. Without, the taps are 1 and it is the
        sum.

    Returns
    -------
    ndarray, float32 (1, rows, columns)
        The one kernel.

    Raises
    ------
    TypeError, ValueError
        If an argument is not as above.
    MemoryError
        If the bank does not fit.

    Notes
    -----
    ``1 / (rows * columns)`` in every place: OpenCV's ``blur`` and ``boxFilter``, and ``scipy.ndimage.uniform_filter``.
    Source: M. McDonnell, Box-filtering techniques, Computer Graphics and Image Processing 17(1), 1981.

    Examples
    --------
    >>> import numpy as np
    >>> import xcorr
    >>> xcorr.banks.box((1, 5)).shape
    (1, 1, 5)
    >>> xcorr.correlate(np.arange(8, dtype=np.float32).reshape(2, 4), xcorr.banks.box((1, 3))[0])
    array([[1., 2.],
           [5., 6.]], dtype=float32)
    """
    return made(box_recipe(size, normalized))


def box_recipe(size: int | tuple[int, int], normalized: bool) -> Recipe:
    """The names and kernels of `box`."""
    rows, columns = sides = read_sides(size)
    height = 1 / (rows * columns) if read_flag("normalized", normalized) else 1.0
    return Recipe([f"box {rows}x{columns}"], sides, [np.array([[height]])])


# --- kernels in float64 -----------------------------------------------------------------------------------------------


def side_for(sigmas: list[float], size: Any) -> int:
    """`size`, or where it is None the default of the largest sigma."""
    if size is not None:
        return read_size(size)
    reach = REACH * max(sigmas) + 0.5
    if reach >= MAX_SIZE // 2 + 1:
        raise ValueError(
            f"size: got None, which for sigma {max(sigmas)} is more than {MAX_SIZE} pixels; allowed is an odd integer "
            f"from 3 to {MAX_SIZE}"
        )
    return 2 * max(int(reach), 1) + 1


def bell(side: int, sigma: float) -> tuple[Plane, Plane]:
    """A Gaussian whose sum is 1, and the squared distance from its centre in units of sigma."""
    x, y = positions(side)
    square = np.minimum((x / sigma) ** 2 + (y / sigma) ** 2, np.finfo(np.float64).max)
    height = np.exp(-square / 2)
    return height / float(height.sum()), square


def curvature(side: int, sigma: float, zero_mean: bool, normalized: bool) -> Plane:
    gaussian, square = bell(side, sigma)
    weighted = gaussian * square
    mean = float(weighted.sum()) if zero_mean else 2.0
    kernel: Plane = weighted - mean * gaussian
    if not normalized:
        kernel = kernel / sigma / sigma
    largest = float(np.abs(kernel).max())
    if not np.finfo(np.float32).tiny <= largest <= np.finfo(np.float32).max:
        raise ValueError(
            f"sigma: got {sigma}; with size {side} the largest tap of its kernel is {largest}; allowed is what float32 "
            "can hold"
        )
    return kernel
