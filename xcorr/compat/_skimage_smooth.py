"""scikit-image's Gaussians and Gabor's waves."""

import math
from typing import Any

import numpy as np

from xcorr._typing import Array
from xcorr.compat._axes import correlate_axes
from xcorr.compat._ndimage_smoothing import gaussian_taps
from xcorr.compat._skimage_arrays import boundary_of, check_axes, convolved, fill_of, float_type, unit_floats

NO_SMOOTHING = 1e-15
"""Standard deviations up to here leave an axis as it is."""


def gaussian(
    image: Array,
    sigma: Any = 1.0,
    *,
    mode: Any = "nearest",
    cval: float = 0,
    preserve_range: bool = False,
    truncate: float = 4.0,
    channel_axis: int | None = None,
    out: Array | None = None,
) -> Array:
    """Smoothing with a Gaussian along each axis, as `skimage.filters.gaussian`.

    Parameters
    ----------
    image : ndarray
        An image of any number of axes.
    sigma : float or sequence of float
        The standard deviation in pixels, or one for each axis.
    mode : str or sequence of str
        The border, by `scipy.ndimage`'s names, or one for each axis.
    cval
        The value of a constant border.
    preserve_range
        Whether integers keep their values; else they are scaled to [0, 1] or [-1, 1].
    truncate
        The kernel reaches so many standard deviations.
    channel_axis
        The axis that is not smoothed along.
    out : ndarray, optional
        Where the result is written: of floats, of the image's shape. Sums are rounded to its type after each axis.

    Returns
    -------
    ndarray
        The smoothed image: float32 for float16 and float32, else float64.

    Raises
    ------
    ValueError
        If a standard deviation is negative, or `out` not of floats.
    RuntimeError
        If a sequence has another length than the axes, the border another name, `out` another shape.

    Examples
    --------
    >>> import numpy as np
    >>> from xcorr.compat import skimage
    >>> skimage.gaussian(np.array([0.0, 0, 1, 0, 0]), 0.5).round(3)
    array([0.   , 0.106, 0.787, 0.106, 0.   ])
    """
    image = np.asarray(image)
    if np.any(np.asarray(sigma) < 0):
        raise ValueError("Sigma values less than zero are not valid")
    sigmas = list(sigma) if np.ndim(sigma) else [sigma] * (image.ndim - (channel_axis is not None))
    if channel_axis is not None and len(sigmas) == image.ndim - 1:
        sigmas.insert(channel_axis % image.ndim, 0)
    modes = [mode] * image.ndim if isinstance(mode, str) else list(mode)
    if len(sigmas) != image.ndim or len(modes) != image.ndim:
        raise RuntimeError("sequence argument must have length equal to input rank")
    boundaries = [boundary_of(each) for each in modes]
    if out is not None and out.dtype.kind != "f":
        raise ValueError(f"dtype of `out` must be float; got {out.dtype!r}.")
    if out is not None and out.shape != image.shape:
        raise RuntimeError("output shape not correct")
    smoothed = image.astype(float_type(image.dtype)) if preserve_range else unit_floats(image)
    dtype = smoothed.dtype if out is None else out.dtype
    for axis, (deviation, boundary) in enumerate(zip(sigmas, boundaries, strict=True)):
        if deviation > NO_SMOOTHING and smoothed.size:
            smoothed = smoothed_along(smoothed, axis, deviation, truncate, boundary, cval).astype(dtype, copy=False)
    if out is None:
        return smoothed.copy() if smoothed is image else smoothed
    out[...] = smoothed
    return out


def smoothed_along(image: Array, axis: int, sigma: float, truncate: float, boundary: Any, cval: float) -> Array:
    """Correlation with a Gaussian along one axis."""
    reach = int(truncate * float(sigma) + 0.5)
    kernel = of_sum_one(gaussian_taps(float(sigma), 0, reach), np.promote_types(image.dtype, np.float32))
    kernel = kernel.reshape([-1 if each == axis else 1 for each in range(image.ndim)])
    sides = [(reach, reach) if each == axis else (0, 0) for each in range(image.ndim)]
    return correlate_axes(image, kernel, sides, boundary=boundary, fill_value=fill_of(boundary, image, cval))


def of_sum_one(taps: Array, dtype: np.dtype[Any]) -> Array:
    """The taps as multiples of the unit roundoff, whose sum is exactly 1 in any order: white stays white."""
    n_bits = np.finfo(dtype).nmant + 1
    whole = np.rint(np.ldexp(taps, n_bits))
    whole[len(taps) // 2] += 2.0**n_bits - whole.sum()
    return np.ldexp(whole, -n_bits).astype(dtype)


def difference_of_gaussians(
    image: Array,
    low_sigma: Any,
    high_sigma: Any = None,
    *,
    mode: Any = "nearest",
    cval: float = 0,
    channel_axis: int | None = None,
    truncate: float = 4.0,
) -> Array:
    """The image smoothed less minus the image smoothed more, as `skimage.filters.difference_of_gaussians`.

    Parameters
    ----------
    image, mode, cval, channel_axis, truncate
        As of `gaussian`.
    low_sigma, high_sigma : float or sequence of float
        The standard deviations of the two; by default the larger ones are 1.6 times the smaller ones.

    Returns
    -------
    ndarray
        The difference.

    Raises
    ------
    ValueError
        If a sequence has another length than the axes, or a larger one is the smaller one.
    RuntimeError
        As `gaussian`.

    Examples
    --------
    >>> import numpy as np
    >>> from xcorr.compat import skimage
    >>> skimage.difference_of_gaussians(np.array([0.0, 0, 1, 0, 0]), 0.5, 1).round(3)
    array([-0.054, -0.136,  0.388, -0.136, -0.054])
    """
    image = unit_floats(np.asarray(image))
    n_axes = image.ndim - (channel_axis is not None)
    low = np.array(low_sigma, float, ndmin=1)
    high = low * 1.6 if high_sigma is None else np.array(high_sigma, float, ndmin=1)
    for name, sigma in (("low_sigma", low), ("high_sigma", high)):
        if len(sigma) not in (1, n_axes):
            raise ValueError(f"{name} must have length equal to number of spatial dimensions of input")
    low, high = (np.broadcast_to(sigma, n_axes) for sigma in (low, high))
    if np.any(high < low):
        raise ValueError("high_sigma must be equal to or larger than low_sigma for all axes")
    keywords: dict[str, Any] = {"mode": mode, "cval": cval, "channel_axis": channel_axis, "truncate": truncate}
    return np.asarray(gaussian(image, low, **keywords) - gaussian(image, high, **keywords))


def gabor_kernel(
    frequency: float,
    theta: float = 0,
    bandwidth: float = 1,
    sigma_x: float | None = None,
    sigma_y: float | None = None,
    n_stds: float = 3,
    offset: float = 0,
    dtype: Any = np.complex128,
) -> Array:
    """A complex wave under a Gaussian whose sum is about 1, as `skimage.filters.gabor_kernel`.

    Parameters
    ----------
    frequency
        The wave's, in periods a pixel.
    theta
        The wave's direction in radians, 0 along the columns.
    bandwidth
        In octaves; the standard deviations follow from it where they are not given.
    sigma_x, sigma_y
        Standard deviations along the wave and across, in pixels.
    n_stds
        The kernel reaches so many standard deviations.
    offset
        The wave's phase in radians.
    dtype
        complex64 or complex128.

    Returns
    -------
    ndarray, (rows, columns)
        The kernel, of odd sizes.

    Raises
    ------
    ValueError
        If `dtype` is not complex.

    Examples
    --------
    >>> from xcorr.compat import skimage
    >>> skimage.gabor_kernel(0.25, sigma_x=0.5, sigma_y=0.1)[0].real.round(3) + 0
    array([0., 0., 0., 0., 0.])
    """
    if np.dtype(dtype).kind != "c":
        raise ValueError("dtype must be complex")
    ratio = math.sqrt(math.log(2) / 2) / math.pi * (2.0**bandwidth + 1) / (2.0**bandwidth - 1)
    along = ratio / frequency if sigma_x is None else sigma_x
    across = ratio / frequency if sigma_y is None else sigma_y
    cosine, sine = math.cos(theta), math.sin(theta)
    right = math.ceil(max(abs(n_stds * along * cosine), abs(n_stds * across * sine), 1))
    below = math.ceil(max(abs(n_stds * across * cosine), abs(n_stds * along * sine), 1))
    y, x = np.mgrid[-below : below + 1, -right : right + 1]
    u, v = x * cosine + y * sine, y * cosine - x * sine
    bell = np.exp(-0.5 * ((u / along) ** 2 + (v / across) ** 2)) / (2 * math.pi * along * across)
    return np.asarray(bell * np.exp(1j * (2 * math.pi * frequency * u + offset))).astype(dtype)


def gabor(
    image: Array,
    frequency: float,
    theta: float = 0,
    bandwidth: float = 1,
    sigma_x: float | None = None,
    sigma_y: float | None = None,
    n_stds: float = 3,
    offset: float = 0,
    mode: str = "reflect",
    cval: float = 0,
) -> tuple[Array, Array]:
    """Convolutions with the real and the imaginary part of Gabor's wave, as `skimage.filters.gabor`.

    Parameters
    ----------
    image : ndarray, (rows, columns)
        An image.
    frequency, theta, bandwidth, sigma_x, sigma_y, n_stds, offset
        As of `gabor_kernel`.
    mode, cval
        As of `sobel`.

    Returns
    -------
    tuple of ndarray
        Both, of the image's shape: floats as of `sobel`; integers of the image's type, without fractions.

    Raises
    ------
    ValueError
        If the image has not two axes, is empty, or of complex numbers.
    RuntimeError
        If the border has another name.

    Examples
    --------
    >>> import numpy as np
    >>> from xcorr.compat import skimage
    >>> real, _ = skimage.gabor(np.array([[0, 900, 0]]), 0.25, mode="constant")
    >>> real
    array([[ 0, 28,  0]])
    """
    image = np.asarray(image)
    check_axes(image, [2])
    dtype = float_type(image.dtype)
    kernel = gabor_kernel(
        frequency, theta, bandwidth, sigma_x, sigma_y, n_stds, offset, np.promote_types(dtype, np.complex64)
    )
    pixels = image.astype(dtype, copy=False)
    real, imaginary = (convolved(pixels, part, mode, cval) for part in (kernel.real, kernel.imag))
    if image.dtype.kind == "f":
        return real, imaginary
    return real.astype(np.int64).astype(image.dtype), imaginary.astype(np.int64).astype(image.dtype)
