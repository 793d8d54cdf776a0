"""OpenCV's sums and means over boxes; those of integers are exact."""

from typing import Any

import numpy as np

from xcorr._cache import remembered
from xcorr._typing import Array
from xcorr.compat._cv2_arrays import BOXES, error, read_anchor, read_array, read_boundary, read_depth, read_pair
from xcorr.compat._cv2_filters import BORDER_DEFAULT, MIDDLE, Pair
from xcorr.compat._cv2_sums import Images, Pass, Passes, summed_type


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
    images = Images(source.ndim, source.dtype, boundary, dtype)
    sums, rounding = box_passes(images, (n_rows, n_columns), place, bool(normalize))
    if rounding is None:
        return sums(source, dst)
    return rounding(sums(source) / (n_rows * n_columns), dst)


@remembered(64)
def box_passes(
    images: Images, sizes: tuple[int, int], place: tuple[int, int], normalize: bool
) -> tuple[Passes, Pass | None]:
    """The passes for boxes of so many rows and columns, and what rounds the quotients if these give sums."""
    n_taps = sizes[0] * sizes[1]
    if normalize and rounds_alike(images, n_taps):
        whole = np.ones(sizes[1], np.float32), np.full(sizes[0], np.float32(1 / n_taps))
        return Passes(images._replace(precision="strict"), whole, place), None
    is_whole = images.source.kind != "f"
    summed = np.dtype(np.float64) if is_whole else summed_type(images.source, images.dtype)
    images = images._replace(precision="strict") if is_whole else images
    ones = np.ones(sizes[1], summed), np.ones(sizes[0], summed)
    if is_whole and images.dtype.kind != "f" and normalize and n_taps > 1:  # the whole sum's, so that ties are ties
        rounding = Pass(images._replace(source=summed, precision="standard"), np.ones((1, 1)), (0, 0))
        return Passes(images._replace(dtype=summed), ones, place), rounding
    return Passes(images, (ones[0], ones[1] / summed.type(n_taps if normalize else 1)), place), None


def rounds_alike(images: Images, n_taps: int) -> bool:
    """Whether float32 leads to the integers that exact means are rounded to.

    A mean of an odd number of integers is no tie, and ``1 / (2 * n_taps)`` away from one, at least; sums tap by tap, in
    two passes, err by less. Means of so many as a power of two are exact.
    """
    if images.source.kind == "f" or images.dtype.kind == "f":
        return False
    most = np.iinfo(images.source).max
    if n_taps & (n_taps - 1) == 0:
        return bool(most * n_taps < 2**24)
    error = 2 * most * (4 + 2 * n_taps**0.5) * 2.0**-24
    return bool(n_taps % 2 and error < 1 / (2 * n_taps))


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
