"""scikit-image's edges along axes: differences in one direction, smoothing in the others."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from xcorr._typing import Array
from xcorr.compat._skimage_arrays import check_axes, convolved, unit_floats, within

Axes = int | Sequence[int] | None
SLOPE = np.array([1.0, 0.0, -1.0])
SOBEL, SCHARR, PREWITT = np.array([1.0, 2.0, 1.0]) / 4, np.array([3.0, 10.0, 3.0]) / 16, np.full(3, 1 / 3)


def edges(image: Any, smooth: Array, mask: Any, axis: Axes, mode: Any, cval: float, slope: Array = SLOPE) -> Array:
    """The derivative along an axis; the root of the mean square over the axes where there are several."""
    image = unit_floats(np.asarray(image))
    axes = range(image.ndim) if axis is None else np.atleast_1d(axis).tolist()
    squares = np.zeros(image.shape, image.dtype)
    for along in axes:
        if not -image.ndim <= along < image.ndim:
            raise IndexError(f"axis: got {along}; allowed are the axes of an image of {image.ndim}")
        kernel = np.ones((1,) * image.ndim)
        for each in range(image.ndim):
            taps = slope if each == along % image.ndim else smooth
            kernel = kernel * taps.reshape([-1 if other == each else 1 for other in range(image.ndim)])
        derivative = convolved(image, kernel, mode, cval)
        squares = squares + (derivative**2 if len(axes) > 1 else derivative)
    if len(axes) > 1:
        squares = np.sqrt(squares) / np.sqrt(image.ndim, dtype=squares.dtype)
    return within(squares, mask)


def edges_of_plane(image: Any, smooth: Array, mask: Any, axis: int, slope: Array = SLOPE) -> Array:
    """The derivative of an image of two axes."""
    check_axes(np.asarray(image), [2])
    return edges(image, smooth, mask, axis, "reflect", 0.0, slope)


def sobel(image: Array, mask: Any = None, *, axis: Axes = None, mode: str = "reflect", cval: float = 0.0) -> Array:
    """Edges by Sobel's kernels, as `skimage.filters.sobel`.

    Parameters
    ----------
    image : ndarray
        An image of any number of axes. Integers are scaled to [0, 1] or [-1, 1].
    mask : ndarray, optional
        The result is 0 where the mask, or a neighbour's, is.
    axis : int or sequence of int, optional
        The axis of the derivative; negative ones count from the end. Of several, and of all by default, it is the root
        of the sum of squares over the number of the image's axes.
    mode : {"reflect", "constant", "nearest", "mirror", "wrap"}
        The border, by `scipy.ndimage`'s names.
    cval
        The value of a constant border.

    Returns
    -------
    ndarray
        The edges, of the image's shape: float32 for float16 and float32, else float64.

    Raises
    ------
    ValueError
        If the image is of complex numbers, or the mask's shape does not fit.
    RuntimeError
        If the border has another name.

    Examples
    --------
    >>> import numpy as np
    >>> from xcorr.compat import skimage
    >>> skimage.sobel(np.array([[0.0, 1, 4, 9]]), axis=1)
    array([[1., 4., 8., 5.]])
    """
    return edges(image, SOBEL, mask, axis, mode, cval)


def sobel_h(image: Array, mask: Any = None) -> Array:
    """Horizontal edges by Sobel's kernel, as `skimage.filters.sobel_h`.

    Parameters
    ----------
    image : ndarray, (rows, columns)
        An image.
    mask : ndarray, optional
        As of `sobel`.

    Returns
    -------
    ndarray, (rows, columns)
        The derivative along the rows.

    Raises
    ------
    ValueError
        If the image has not two axes, or is empty.

    Examples
    --------
    >>> import numpy as np
    >>> from xcorr.compat import skimage
    >>> skimage.sobel_h(np.array([[0.0], [1], [4]])).ravel()
    array([1., 4., 3.])
    """
    return edges_of_plane(image, SOBEL, mask, 0)


def sobel_v(image: Array, mask: Any = None) -> Array:
    """Vertical edges by Sobel's kernel, as `skimage.filters.sobel_v`.

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
    >>> skimage.sobel_v(np.array([[0.0, 1, 4]]))
    array([[1., 4., 3.]])
    """
    return edges_of_plane(image, SOBEL, mask, 1)


def scharr(image: Array, mask: Any = None, *, axis: Axes = None, mode: str = "reflect", cval: float = 0.0) -> Array:
    """Edges by Scharr's kernels, as `skimage.filters.scharr`.

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
    >>> skimage.scharr(np.pad([[16.0]], 1), axis=0)[0]
    array([ 3., 10.,  3.])
    """
    return edges(image, SCHARR, mask, axis, mode, cval)


def scharr_h(image: Array, mask: Any = None) -> Array:
    """Horizontal edges by Scharr's kernel, as `skimage.filters.scharr_h`.

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
    >>> skimage.scharr_h(np.pad([[16.0]], 1))[2]
    array([ -3., -10.,  -3.])
    """
    return edges_of_plane(image, SCHARR, mask, 0)


def scharr_v(image: Array, mask: Any = None) -> Array:
    """Vertical edges by Scharr's kernel, as `skimage.filters.scharr_v`.

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
    >>> skimage.scharr_v(np.pad([[16.0]], 1))[:, 2]
    array([ -3., -10.,  -3.])
    """
    return edges_of_plane(image, SCHARR, mask, 1)


def prewitt(image: Array, mask: Any = None, *, axis: Axes = None, mode: str = "reflect", cval: float = 0.0) -> Array:
    """Edges by Prewitt's kernels, as `skimage.filters.prewitt`.

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
    >>> skimage.prewitt(np.pad([[3.0]], 1), axis=1)[0]
    array([ 1.,  0., -1.])
    """
    return edges(image, PREWITT, mask, axis, mode, cval)


def prewitt_h(image: Array, mask: Any = None) -> Array:
    """Horizontal edges by Prewitt's kernel, as `skimage.filters.prewitt_h`.

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
    >>> skimage.prewitt_h(np.pad([[3.0]], 1))[:, 0]
    array([ 1.,  0., -1.])
    """
    return edges_of_plane(image, PREWITT, mask, 0)


def prewitt_v(image: Array, mask: Any = None) -> Array:
    """Vertical edges by Prewitt's kernel, as `skimage.filters.prewitt_v`.

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
    >>> skimage.prewitt_v(np.pad([[3.0]], 1))[0]
    array([ 1.,  0., -1.])
    """
    return edges_of_plane(image, PREWITT, mask, 1)
