"""OpenCV's sums and means over boxes; those of integers are exact."""

from typing import Any

import numpy as np

from xcorr._typing import Array
from xcorr.compat._cv2_arrays import BOXES, error, read_anchor, read_array, read_boundary, read_depth, read_pair
from xcorr.compat._cv2_filters import BORDER_DEFAULT, MIDDLE, Pair
from xcorr.compat._cv2_sums import filtered, filtered_twice, summed_type


def boxFilter(
    src: Array,
    ddepth: int,
    ksize: Pair,
    dst: Any = None,
    anchor: Pair = MIDDLE,
    normalize: bool = True,
    borderType: int = BORDER_DEFAULT,
) -> Array:
    """Sum or mean over a box around each pixel, as `cv2.boxFilter`.

    Parameters
    ----------
    src, dst, anchor
        As of `filter2D`; int32 too.
    ddepth
        As of `sepFilter2D`; int32 of integers and float32 of float64 too.
    ksize
        Columns and rows of the box.
    normalize
        Whether it is the mean.
    borderType
        As of `filter2D`; BORDER_WRAP too.

    Returns
    -------
    ndarray
        The sums or means; integers are summed exactly and rounded once.

    Raises
    ------
    error
        If an argument is not allowed.

    Examples
    --------
    >>> import numpy as np
    >>> from xcorr.compat import cv2
    >>> cv2.boxFilter(np.array([[1, 2, 4]], np.uint8), cv2.CV_32F, (3, 1), normalize=False)
    array([[5., 7., 8.]], dtype=float32)
    """
    source = read_array(src, "src")
    dtype = read_depth(ddepth, source, BOXES)
    n_columns, n_rows = read_pair(ksize, "ksize")
    if min(n_columns, n_rows) <= 0:
        raise error(f"ksize: got {ksize}; allowed are positive numbers")
    place, boundary = read_anchor(anchor, (n_rows, n_columns)), read_boundary(borderType, wraps=True)
    if normalize and rounds_alike(source, dtype, n_rows * n_columns):
        whole = np.ones(n_columns, np.float32), np.full(n_rows, np.float32(1 / (n_rows * n_columns)))
        return filtered_twice(source, whole, place, boundary, dtype, dst=dst, precision="strict")
    is_whole = source.dtype.kind != "f"
    summed = np.dtype(np.float64) if is_whole else summed_type(source, dtype)
    n_taps = n_rows * n_columns if normalize else 1
    precision = "strict" if is_whole else "standard"
    ones = np.ones(n_columns, summed), np.ones(n_rows, summed)
    if is_whole and dtype.kind != "f" and n_taps > 1:  # the quotient of the whole sum, so that ties are ties
        sums = filtered_twice(source, ones, place, boundary, np.dtype(np.float64), precision=precision) / n_taps
        return filtered(sums, np.ones((1, 1)), (0, 0), boundary, dtype, dst=dst)
    taps = ones[0], ones[1] / summed.type(n_taps)
    return filtered_twice(source, taps, place, boundary, dtype, dst=dst, precision=precision)


def rounds_alike(source: Array, dtype: np.dtype[Any], n_taps: int) -> bool:
    """Whether means in float32 are rounded to the integers that exact ones are.

    A mean of an odd number of integers is no tie, and ``1 / (2 * n_taps)`` away from one, at least; sums tap by tap, in
    two passes, err by less.
    """
    if source.dtype.kind == "f" or dtype.kind == "f" or n_taps % 2 == 0:
        return False
    error = 2 * np.iinfo(source.dtype).max * (4 + 2 * n_taps**0.5) * 2.0**-24
    return bool(error < 1 / (2 * n_taps))


def blur(src: Array, ksize: Pair, dst: Any = None, anchor: Pair = MIDDLE, borderType: int = BORDER_DEFAULT) -> Array:
    """Mean over a box around each pixel, as `cv2.blur`.

    Parameters
    ----------
    src, ksize, dst, anchor, borderType
        As of `boxFilter`; the response has the image's type.

    Returns
    -------
    ndarray
        The means.

    Raises
    ------
    error
        If an argument is not allowed.

    Examples
    --------
    >>> import numpy as np
    >>> from xcorr.compat import cv2
    >>> cv2.blur(np.array([[1.0, 2, 6]]), (3, 1))
    array([[1.66666667, 3.        , 3.33333333]])
    """
    return boxFilter(src, -1, ksize, dst, anchor, True, borderType)
