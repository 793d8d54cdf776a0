"""scikit-image's registration: the shift of one image to another by phase, by correlation, or under masks."""

import warnings
from itertools import product
from typing import Any

import numpy as np
from scipy.fft import fft, fftfreq, fftn, ifft, ifftn

from xcorr._typing import Array
from xcorr._workers import get_workers
from xcorr.compat._skimage_masked import masked_shift

ROUNDINGS = 8
"""What a transform leaves of a constant image in bins that are 0, in roundings of the largest bin."""
NAN_FOUND = (
    "NaN values found, please remove NaNs from your input data or use the `reference_mask`/`moving_mask` keywords, eg: "
    "phase_cross_correlation(reference_image, moving_image, reference_mask=~np.isnan(reference_image), "
    "moving_mask=~np.isnan(moving_image))"
)


def phase_cross_correlation(
    reference_image: Array,
    moving_image: Array,
    *,
    upsample_factor: float = 1,
    space: str = "real",
    disambiguate: bool = False,
    reference_mask: Any = None,
    moving_mask: Any = None,
    overlap_ratio: float = 0.3,
    normalization: Any = "phase",
) -> tuple[Array, Any, Any]:
    """Shift that brings an image onto a reference, as `skimage.registration.phase_cross_correlation`.

    Parameters
    ----------
    reference_image, moving_image : ndarray
        Two images of one shape; with masks of the same number of axes, up to three.
    upsample_factor
        The shift is told in so many parts of a pixel. Without effect with masks.
    space : {"real", "fourier"}
        Whether images are given, or their transforms.
    disambiguate
        Whether of the shifts that are the same on a torus the one is told at which what overlaps correlates best.
    reference_mask, moving_mask : ndarray of bool, optional
        What counts of each image. Without one for the moving image it has the reference's; without one for the
        reference that is seen as a whole.
    overlap_ratio
        Of shifts under masks at which less is seen than so much of the most, none is told.
    normalization : {"phase", None}
        Whether all frequencies count alike.

    Returns
    -------
    tuple
        The shift, (axes,), in pixels; the root of 1 less the square of the peak over both images' power; the phase of
        the peak, 0 for images of positive numbers. The last two are NaN with masks.

    Raises
    ------
    ValueError
        If shapes do not fit, a word is another one, or NaN is found.

    Warns
    -----
    UserWarning
        If an image is zero everywhere, so that there is no error, or no shift is told from the others of the torus.

    Examples
    --------
    >>> import numpy as np
    >>> from xcorr.compat import skimage
    >>> image = np.random.default_rng(0).random((32, 32))
    >>> skimage.phase_cross_correlation(image, np.roll(image, (3, -5), (0, 1)))[0]
    array([-3.,  5.])
    """
    reference_image, moving_image = np.asarray(reference_image), np.asarray(moving_image)
    if reference_mask is not None or moving_mask is not None:
        shift = masked_shift(reference_image, moving_image, reference_mask, moving_mask, overlap_ratio)
        return shift, np.nan, np.nan
    if reference_image.shape != moving_image.shape:
        raise ValueError("images must be same shape")
    if space.lower() not in ("real", "fourier"):
        raise ValueError('space argument must be "real" of "fourier"')
    if normalization not in ("phase", None):
        raise ValueError("normalization must be either phase or None")
    is_real = space.lower() == "real"
    images = reference_image, moving_image
    spectra = [fftn(image, workers=get_workers()) if is_real else image for image in images]
    shift, peak, n_bins = peak_of_spectra(spectra[0], spectra[1], upsample_factor, normalization)
    powers = [np.sum(np.real(spectrum * spectrum.conj())) / n_bins for spectrum in spectra]
    shift[np.array(reference_image.shape) == 1] = 0
    if disambiguate:
        planes = images if is_real else tuple(ifftn(image) for image in images)
        shift, is_told = unambiguous(planes[0], planes[1], shift)
        if not is_told:
            text = (
                f"Could not determine real-space shift for periodic shift {shift!r} as requested by `disambiguate=True`"
            )
            warnings.warn(f"{text} (disambiguation is degenerate).", UserWarning, stacklevel=2)
    if np.isnan([peak, *powers]).any():
        raise ValueError(NAN_FOUND)
    power = powers[0] * powers[1]
    if power == 0:
        text = (
            f"Could not determine RMS error between images with the normalized average intensities {powers[0]!r} and "
        )
        warnings.warn(
            f"{text}{powers[1]!r}. Either the reference or moving image may be empty.", UserWarning, stacklevel=2
        )
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        error = np.sqrt(np.abs(1.0 - peak * peak.conj() / power))
    return shift, error, np.arctan2(peak.imag, peak.real)


def peak_of_spectra(first: Array, second: Array, factor: float, normalization: Any) -> tuple[Array, Any, int]:
    """The shift at the largest magnitude of the correlation, its value, and what powers are divided by beside it."""
    spectrum = first * second.conj()
    if normalization == "phase":
        magnitudes = np.abs(spectrum)
        rounding = (ROUNDINGS * np.finfo(magnitudes.dtype).eps) ** 2 * magnitudes.max()
        with np.errstate(invalid="ignore"):
            spectrum = spectrum / np.maximum(magnitudes, rounding if rounding > 0 else 1)
    correlation = ifftn(spectrum, workers=get_workers())
    place = np.unravel_index(np.argmax(np.abs(correlation)), correlation.shape)
    lengths = np.array(spectrum.shape)
    shift = np.stack(place).astype(spectrum.real.dtype)
    wraps = shift > lengths // 2
    shift[wraps] -= lengths[wraps]
    if factor == 1:
        return shift, correlation[place], spectrum.size
    factor = shift.dtype.type(factor)
    shift = np.round(shift * factor) / factor
    size = int(np.ceil(factor * 1.5))
    offsets = (np.arange(size) - size // 2) / factor
    for axis in range(spectrum.ndim)[::-1]:  # one axis after the other, each before those that are done
        waves = np.exp(2j * np.pi * (shift[axis] + offsets)[:, None] * fftfreq(lengths[axis]))
        spectrum = np.tensordot(waves.astype(spectrum.dtype), spectrum, axes=(1, -1))
    place = np.unravel_index(np.argmax(np.abs(spectrum)), spectrum.shape)
    return shift + offsets[np.stack(place)].astype(shift.dtype), spectrum[place], 1


def unambiguous(reference: Array, moving: Array, shift: Array) -> tuple[Array, bool]:
    """The shift, or it less the image's length, along each axis: at which what overlaps correlates best.

    The edges of the shifted image cut the plane into parts, each of which one of the shifts brings together.
    """
    lengths = np.array(reference.shape)
    ahead = shift % lengths
    shifted = rolled(moving, shift)
    cuts = np.round(ahead).astype(int)
    best, found = -1.0, shift
    for is_behind in product((True, False), repeat=len(lengths)):
        part = tuple(slice(0, cut) if behind else slice(cut, None) for behind, cut in zip(is_behind, cuts, strict=True))
        pair = [np.real(image[part]).ravel().astype(float) for image in (reference, shifted)]
        if pair[0].size > 2 and min(np.ptp(each) for each in pair) > 0:
            coefficient = float(np.corrcoef(pair[0], pair[1])[0, 1])
            if coefficient > best:
                best, found = coefficient, np.where(is_behind, ahead - lengths, ahead).astype(shift.dtype)
    return found, best > -1.0


def rolled(image: Array, shift: Array) -> Array:
    """The image on a torus, shifted; by fractions of pixels with the cubic spline through its pixels."""
    if not np.any(shift % 1):
        return np.roll(image, shift.astype(int), tuple(range(image.ndim)))
    spectrum = image
    for axis, distance in enumerate(shift):
        whole = int(np.floor(distance))
        part = float(distance) - whole
        turns = 2 * np.pi * fftfreq(image.shape[axis])
        taps = ((1 - part) ** 3, 4 - 3 * part**2 * (2 - part), 1 + 3 * part * (1 + part * (1 - part)), part**3)
        through = sum(tap * np.exp(-1j * turns * place) for place, tap in zip((-1, 0, 1, 2), taps, strict=True))
        response = through / (4 + 2 * np.cos(turns)) * np.exp(-1j * turns * whole)
        response = response.reshape([-1 if each == axis else 1 for each in range(image.ndim)])
        spectrum = ifft(fft(spectrum, axis=axis) * response, axis=axis)
    return np.asarray(spectrum)
