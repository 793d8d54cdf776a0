"""scikit-image's other edges: Farid's and Simoncelli's, along diagonals, of second derivatives."""

from typing import Any

import numpy as np

from xcorr._typing import Array
from xcorr.compat._skimage_arrays import check_axes, convolved, unit_floats, within
from xcorr.compat._skimage_edges import Axes, edges, edges_of_plane

FARID_SMOOTH = np.array(
    [0.0376593171958126, 0.249153396177344, 0.426374573253687, 0.249153396177344, 0.0376593171958126]
)
FARID_SLOPE = np.array([0.109603762960254, 0.276690988455557, 0, -0.276690988455557, -0.109603762960254])
"""Five taps of Farid and Simoncelli, Differentiation of discrete multidimensional signals, IEEE TIP 13, 2004."""

FALLING, RISING = np.array([[1.0, 0.0], [0.0, -1.0]]), np.array([[0.0, 1.0], [-1.0, 0.0]])


def farid(image: Array, mask: Any = None, *, axis: Axes = None, mode: str = "reflect", cval: float = 0.0) -> Array:
    """Edges by Farid's and Simoncelli's kernels, as `skimage.filters.farid`.

    Parameters
    ----------
    image, mask, axis, mode, cval
        As of `sobel`.

    Returns
    -------
    ndarray
        As of `sobel`.

    Raises
    ------
    ValueError, RuntimeError
        As `sobel`.

    Examples
    --------
    >>> import numpy as np
    >>> from xcorr.compat import skimage
    >>> skimage.farid(np.tile(np.arange(5.0), (5, 1)), axis=1)[2].round(3)
    array([0.386, 0.882, 0.992, 0.882, 0.386])
    """
    return edges(image, FARID_SMOOTH, mask, axis, mode, cval, FARID_SLOPE)


def farid_h(image: Array, *, mask: Any = None) -> Array:
    """Horizontal edges by Farid's and Simoncelli's kernel, as `skimage.filters.farid_h`.

    Parameters
    ----------
    image, mask
        As of `sobel_h`.

    Returns
    -------
    ndarray, (rows, columns)
        The derivative along the rows.

    Raises
    ------
    ValueError
        As `sobel_h`.

    Examples
    --------
    >>> import numpy as np
    >>> from xcorr.compat import skimage
    >>> skimage.farid_h(np.tile(np.arange(5.0), (5, 1)).T)[:, 2].round(3)
    array([0.386, 0.882, 0.992, 0.882, 0.386])
    """
    return edges_of_plane(image, FARID_SMOOTH, mask, 0, FARID_SLOPE)


def farid_v(image: Array, *, mask: Any = None) -> Array:
    """Vertical edges by Farid's and Simoncelli's kernel, as `skimage.filters.farid_v`.

    Parameters
    ----------
    image, mask
        As of `sobel_h`.

    Returns
    -------
    ndarray, (rows, columns)
        The derivative along the columns.

    Raises
    ------
    ValueError
        As `sobel_h`.

    Examples
    --------
    >>> import numpy as np
    >>> from xcorr.compat import skimage
    >>> skimage.farid_v(np.tile(np.arange(5.0), (5, 1)))[2].round(3)
    array([0.386, 0.882, 0.992, 0.882, 0.386])
    """
    return edges_of_plane(image, FARID_SMOOTH, mask, 1, FARID_SLOPE)


def roberts(image: Array, mask: Any = None) -> Array:
    """Edges by Roberts' cross, as `skimage.filters.roberts`.

    Parameters
    ----------
    image, mask
        As of `sobel_h`.

    Returns
    -------
    ndarray, (rows, columns)
        The root of the mean square of both diagonals' differences.

    Raises
    ------
    ValueError
        As `sobel_h`.

    Examples
    --------
    >>> import numpy as np
    >>> from xcorr.compat import skimage
    >>> skimage.roberts(np.array([[0.0, 1], [1, 2]])).round(3)
    array([[1.414, 1.   ],
           [1.   , 0.   ]])
    """
    falling, rising = roberts_pos_diag(image, mask), roberts_neg_diag(image, mask)
    magnitude = np.sqrt(falling**2 + rising**2)
    return np.asarray(magnitude / magnitude.dtype.type(np.sqrt(2)))


def roberts_pos_diag(image: Array, mask: Any = None) -> Array:
    """Differences along one diagonal, as `skimage.filters.roberts_pos_diag`.

    Parameters
    ----------
    image, mask
        As of `sobel_h`.

    Returns
    -------
    ndarray, (rows, columns)
        What lies below on the right less the pixel.

    Raises
    ------
    ValueError
        As `sobel_h`.

    Examples
    --------
    >>> import numpy as np
    >>> from xcorr.compat import skimage
    >>> skimage.roberts_pos_diag(np.array([[1.0, 2], [4, 8]]))
    array([[7., 6.],
           [4., 0.]])
    """
    return diagonal(image, FALLING, mask)


def roberts_neg_diag(image: Array, mask: Any = None) -> Array:
    """Differences along the other diagonal, as `skimage.filters.roberts_neg_diag`.

    Parameters
    ----------
    image, mask
        As of `sobel_h`.

    Returns
    -------
    ndarray, (rows, columns)
        What lies below less what lies on the right.

    Raises
    ------
    ValueError
        As `sobel_h`.

    Examples
    --------
    >>> import numpy as np
    >>> from xcorr.compat import skimage
    >>> skimage.roberts_neg_diag(np.array([[1.0, 2], [4, 8]]))
    array([[ 2.,  6.],
           [-4.,  0.]])
    """
    return diagonal(image, RISING, mask)


def diagonal(image: Any, kernel: Array, mask: Any) -> Array:
    """The differences that a kernel of two by two tells."""
    image = np.asarray(image)
    check_axes(image, [2])
    return within(convolved(unit_floats(image), kernel), mask)


def laplace(image: Array, ksize: int = 3, mask: Any = None) -> Array:
    """Sum of second differences along all axes, positive at peaks, as `skimage.filters.laplace`.

    Parameters
    ----------
    image : ndarray
        An image of any number of axes.
    ksize
        At least 3; without effect, as in scikit-image, whose kernel has three taps along each axis.
    mask : ndarray, optional
        As of `sobel`.

    Returns
    -------
    ndarray
        Twice each pixel less its neighbours, summed over the axes.

    Raises
    ------
    ValueError
        If `ksize` is less, or the image of complex numbers.

    Examples
    --------
    >>> import numpy as np
    >>> from xcorr.compat import skimage
    >>> skimage.laplace(np.array([0.0, 1, 4, 9]))
    array([-1., -2., -2.,  5.])
    """
    image = unit_floats(np.asarray(image))
    if ksize < 3:
        raise ValueError(f"ksize: got {ksize}; allowed are numbers from 3 on")
    kernel = np.zeros((3,) * image.ndim)
    for axis in range(image.ndim):
        kernel[(1,) * axis + (slice(0, 3, 2),) + (1,) * (image.ndim - axis - 1)] = -1
    kernel[(1,) * image.ndim] = 2 * image.ndim
    return within(convolved(image, kernel), mask)
