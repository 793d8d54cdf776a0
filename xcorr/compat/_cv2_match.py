"""OpenCV's template matching: six scores of the windows of an image, masks that count by their squares."""

from typing import Any

import numpy as np

from xcorr._correlate import correlate
from xcorr._match import match
from xcorr._typing import Array
from xcorr.compat._cv2_arrays import error, read_array, read_integer, written

TM_SQDIFF, TM_SQDIFF_NORMED, TM_CCORR, TM_CCORR_NORMED, TM_CCOEFF, TM_CCOEFF_NORMED = range(6)

SCORES: tuple[Any, ...] = ("ssd", "nssd", "correlation", "ncc", "covariance", "zncc")
UNDEFINED = (0.0, 1.0, 0.0, 0.0, 0.0, 0.0)
"""What a score is that is none: of windows of zeros, of flat ones, under a mask of zeros."""
FLAT_VARIANCE = 2.0**-48
"""The share of a weighted sum of squares below which its part about the mean is rounding."""


def matchTemplate(image: Array, templ: Array, method: int, result: Any = None, mask: Any = None) -> Array:
    """Scores of a template in every window of an image, as `cv2.matchTemplate`.

    Parameters
    ----------
    image : ndarray, (rows, columns) or (rows, columns, channels)
        uint8 or float32.
    templ : ndarray
        The template, of the same type and channels. If it is the larger one, and no mask is given, it is the image.
    method
        TM_SQDIFF, TM_SQDIFF_NORMED, TM_CCORR, TM_CCORR_NORMED, TM_CCOEFF or TM_CCOEFF_NORMED.
    result : ndarray, optional
        Where the scores are written, if they fit.
    mask : ndarray, optional
        What counts of the template: of its rows and columns, with its channels or one; uint8, where all but 0 counts,
        or float32, whose squares products are multiplied with.

    Returns
    -------
    ndarray, (rows, columns), float32
        A score for each place of the template's first row and column.

    Raises
    ------
    error
        If an argument is not allowed.

    Examples
    --------
    >>> import numpy as np
    >>> from xcorr.compat import cv2
    >>> image = np.array([[1, 5, 2, 8]], np.float32)
    >>> cv2.matchTemplate(image, image[:, 1:3], cv2.TM_SQDIFF)
    array([[25.,  0., 45.]], dtype=float32)
    """
    number = read_integer(method, "method")
    if not 0 <= number < len(SCORES):
        raise error(f"method: got {method}; allowed are the numbers from TM_SQDIFF to TM_CCOEFF_NORMED")
    whole, template = read_array(image, "image"), read_array(templ, "templ")
    if whole.dtype not in (np.uint8, np.float32) or whole.dtype != template.dtype:
        raise error(f"image, templ: got {whole.dtype}, {template.dtype}; allowed are uint8 or float32 for both")
    if whole.shape[2:] != template.shape[2:]:
        raise error(f"image, templ: got the shapes {whole.shape}, {template.shape}; channels have to be the same")
    has_mask = mask is not None and np.size(mask) > 0
    if not has_mask and np.all(np.less_equal(whole.shape, template.shape)):
        whole, template = template, whole
    if np.any(np.less(whole.shape, template.shape)):
        raise error(f"templ: got the shape {template.shape} for an image of {whole.shape}; allowed are smaller ones")
    if has_mask:
        scores = masked_scores(whole, template, number, read_mask(mask, template))
    else:
        scores = plain_scores(whole, template, number)
    return written(scores, result, "result")


def scores_shape(image: Array, template: Array) -> tuple[int, int]:
    """Rows and columns of the scores."""
    rows, columns = (image.shape[axis] - template.shape[axis] + 1 for axis in (0, 1))
    return rows, columns


def read_mask(mask: Any, template: Array) -> Array:
    """The mask in float64, of the template's rows and columns, with its channels or without."""
    shares = read_array(mask, "mask")
    if shares.dtype not in (np.uint8, np.float32):
        raise error(f"mask: got the dtype {shares.dtype}; allowed are uint8 and float32")
    if shares.shape not in (template.shape, template.shape[:2]):
        raise error(f"mask: got the shape {shares.shape} for a template of {template.shape}; allowed is its shape")
    return (shares != 0 if shares.dtype == np.uint8 else shares).astype(np.float64)


def plain_scores(image: Array, template: Array, number: int) -> Array:
    """Scores without a mask; those of a flat template are 1, and a share of squared differences is at most 1."""
    layout: Any = "NHW" if image.ndim == 2 else "NHWC"
    if number == TM_CCOEFF_NORMED and is_flat(template, None, layout):
        return np.ones(scores_shape(image, template), np.float32)
    scores = match(image, template, score=SCORES[number], layout=layout, undefined=UNDEFINED[number], dtype=np.float32)
    return np.minimum(scores, np.float32(1)) if number == TM_SQDIFF_NORMED else scores


def is_flat(template: Array, seen: Array | None, layout: Any) -> bool:
    """Whether a template has no correlation coefficient, not even with itself."""
    own = match(template, template, layout=layout, template_mask=seen, undefined=np.nan)
    return bool(np.isnan(own).all())


def masked_scores(image: Array, template: Array, number: int, shares: Array) -> Array:
    """Scores with a mask, whose squares are what products and squares are weighted by."""
    layout: Any = "NHW" if image.ndim == 2 else "NHWC"
    squares = shares**2
    largest = squares.max()
    if not (np.isfinite(largest) and largest > 0):
        return np.full(scores_shape(image, template), UNDEFINED[number], np.float32)
    if number == TM_CCOEFF_NORMED and is_flat(template, shares != 0, layout):
        return np.ones(scores_shape(image, template), np.float32)
    if number in (TM_CCOEFF, TM_CCOEFF_NORMED) and np.any((shares != 0) & (squares != largest)):
        return weighted_scores(image, template, number, shares)
    scores = match(
        image,
        template,
        score=SCORES[number],
        layout=layout,
        template_mask=squares / largest,
        min_overlap=0,
        undefined=UNDEFINED[number],
        dtype=np.float32,
    )
    is_sum = number in (TM_SQDIFF, TM_CCORR, TM_CCOEFF)
    return scores * np.float32(largest) if is_sum and largest != 1 else scores


def weighted_scores(image: Array, template: Array, number: int, shares: Array) -> Array:
    """Sums of products about means that are weighted by the mask, which are themselves weighted by its square.

    With w for the mask, T' = w (T - sum w T / sum w) and I' likewise in each channel, the sum of T' I' is linear in the
    image, and that of I'^2 consists of sums of I and of I^2; both in float64, with a pixel's value taken off before.
    """
    channels = zip(*(channels_of(array, template.shape) for array in (image, template, shares)), strict=True)
    products: Any = 0.0
    powers: Any = 0.0
    levels: Any = 0.0
    power = 0.0
    for pixels, taps, share in channels:
        if not (total := share.sum()):
            continue
        pixels = pixels - pixels[0, 0]
        centred = share * (taps - (share * taps).sum() / total)
        power += float((centred**2).sum())
        products = products + correlate(pixels, share * centred - share * (share * centred).sum() / total)
        if number == TM_CCOEFF_NORMED:
            squares = correlate(pixels**2, share**2)
            mean = correlate(pixels, share) / total
            about = squares - 2 * mean * correlate(pixels, share**2) + mean**2 * (share**2).sum()
            powers, levels = powers + about, levels + squares
    if number == TM_CCOEFF:
        return np.asarray(products, np.float32)
    is_defined = powers > FLAT_VARIANCE * levels
    norms = np.sqrt(np.where(is_defined, powers, 1)) * np.sqrt(power)
    return np.where(is_defined, np.clip(products / norms, -1, 1), 0).astype(np.float32)


def channels_of(array: Array, shape: tuple[int, ...]) -> list[Array]:
    """Planes of float64, one for each channel of the template, whether or not the array has channels itself."""
    wide = array.astype(np.float64)
    n_channels = shape[2] if len(shape) == 3 else 1
    return [wide[..., channel] if wide.ndim == 3 else wide for channel in range(n_channels)]
