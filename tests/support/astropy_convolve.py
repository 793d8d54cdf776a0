"""`astropy.convolution.convolve` for signals and images with kernels that have no negative taps, by `xcorr.convolve`.

There padding with a fill value counts as seen, so it is made before; what sees nothing keeps its pixel.
"""

import numpy as np

import xcorr

BOUNDARIES = {"wrap": "wrap", "extend": "edge", "fill": "constant", None: "constant"}


def convolve(
    array,
    kernel,
    boundary="fill",
    fill_value=0.0,
    nan_treatment="interpolate",
    normalize_kernel=True,
    mask=None,
    preserve_nan=False,
):
    """An array of the same shape: means over what is no NaN and in no mask, weighted by the flipped kernel."""
    array = np.asarray(array)
    array = array.copy() if array.dtype.kind == "f" else array.astype(np.float64)
    kernel = np.asarray(kernel, np.float64)
    if mask is not None:
        array[np.asarray(mask) != 0] = np.nan
    unseen = np.isnan(array)
    if nan_treatment == "fill":
        array[unseen] = fill_value
    image, taps = np.atleast_2d(array), np.atleast_2d(kernel)
    sides = tuple((length // 2, length // 2) for length in taps.shape)
    padding, fitting = sides, slice(None)
    if boundary == "fill":
        image, padding = np.pad(image, sides, constant_values=fill_value), "valid"
    elif boundary is None:
        padding = "valid"
        fitting = tuple(slice(side, length - side) for (side, _), length in zip(sides, image.shape, strict=True))
    seen = xcorr.convolve(
        image.astype(np.float64),
        taps / taps.sum() if normalize_kernel else taps,
        padding=padding,
        boundary=BOUNDARIES[boundary],
        mask="finite" if nan_treatment == "interpolate" else None,
        normalize=nan_treatment == "interpolate",
    )
    result = np.zeros(np.atleast_2d(array).shape)
    result[fitting] = seen
    result = result.reshape(array.shape)
    result = np.where(np.isnan(result), array if normalize_kernel else array * kernel.sum(), result)
    if preserve_nan:
        result[unseen] = np.nan
    return result.astype(array.dtype)
