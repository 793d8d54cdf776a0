"""Gabor kernels."""

import math
from itertools import product

import numpy as np

from xcorr._banks.arguments import read_angles, read_flag, read_numbers, read_positive, read_size
from xcorr._banks.recipe import Kernels, Numbers, Plane, Recipe, degrees, made, texts, turned, unit

HALF_OCTAVES = tuple(2 ** (step / 2) for step in range(3, 8))
NOTHING = 1e-9  # of the envelope's sum; what is less is mostly rounding in float64


def gabor(
    size: int = 31,
    *,
    wavelengths: Numbers = HALF_OCTAVES,
    orientations: int | Numbers = 8,
    phases: Numbers = (0.0,),
    sigma_ratio: float = 0.56,
    aspect: float = 1.0,
    zero_mean: bool = True,
    normalized: bool = True,
) -> Kernels:
    """Gabor kernels: waves under a Gaussian, at several wavelengths and orientations.

    Parameters
    ----------
    size : int
        Rows and columns of a kernel, in pixels; odd, from 3 to 4095. What reaches beyond them is cut off.
    wavelengths : sequence of float
        In pixels, at least 2, in any order; up to 1024 of them. By default the half octaves from 2 sqrt(2) to
        8 sqrt(2), 2.83 to 11.3.
    orientations : int or sequence of float
        An int n stands for the n angles ``pi * i / n``. Else the angles in radians, up to 1024 of them.
    phases : sequence of float
        In radians, up to 1024 of them. 0 is even, it answers to bright bars; -pi / 2 is odd, it answers to brightness
        that rises in the orientation's direction. Both together give the local energy.
    sigma_ratio : float
        The Gaussian's standard deviation in the direction of the wave, over the wavelength; positive.
    aspect : float
        That standard deviation over the one across; positive. Below 1 the kernels are longer across.
    zero_mean : bool
        Take away as much of the Gaussian as makes the taps sum to 0, so that flat images give 0.
    normalized : bool
        Divide by the sum of the taps' magnitudes, so that responses at all wavelengths can be compared. Without, the
        central tap is cos(phase), unless `zero_mean` changes it.

    Returns
    -------
    ndarray, float32 (K, size, size)
        Wavelengths change slowest, then orientations, then phases: kernel
        ``(wavelength_index * n_orientations + orientation_index) * n_phases + phase_index``. By default 5 wavelengths
        x 8 orientations, (40, 31, 31).

    Raises
    ------
    TypeError, ValueError
        If an argument is not as above, or a kernel would be zero: a wave that is constant within the kernel, or whose
        every tap falls on a node.
    MemoryError
        If the bank does not fit.

    Notes
    -----
    With ``u = x cos(angle) + y sin(angle)`` and ``v = -x sin(angle) + y cos(angle)``,

    ``kernel[y, x] = exp(-(u**2 + aspect**2 v**2) / (2 sigma**2)) (cos(2 pi u / wavelength + phase) - mean)``

    where ``sigma = sigma_ratio * wavelength``, and `mean` is the cosine's mean under the Gaussian with `zero_mean`,
    else 0. OpenCV's ``getGaborKernel`` is the same with neither `zero_mean` nor `normalized`, its psi being -phase.

    A kernel with b octaves between the frequencies of half its largest response has
    ``sigma_ratio = sqrt(log(2) / 2) / pi (2**b + 1) / (2**b - 1)``: 0.56 for 1 octave, 0.39 for 1.5. With 0.56 the
    default's shortest wave has the upper of these frequencies at 0.47 periods per pixel, below the 0.5 that pixels can
    show, and the longest one's Gaussian has fallen to 6 % where an edge of 31 pixels is nearest.

    Sources: the function, J. Daugman, Uncertainty relation for resolution in space, spatial frequency, and orientation
    optimized by two-dimensional visual cortical filters, Journal of the Optical Society of America A 2(7), 1985, of
    which this is the real part. The octaves, N. Petkov, P. Kruizinga, Computational models of visual neurons
    specialised in the detection of periodic and aperiodic oriented visual stimuli: bar and grating cells, Biological
    Cybernetics 76, 1997. Five half octaves x 8 orientations and the mean, L. Wiskott, J.-M. Fellous, N. Krüger, C. von
    der Malsburg, Face recognition by elastic bunch graph matching, IEEE Transactions on Pattern Analysis and Machine
    Intelligence 19(7), 1997; there from 4 to 16 pixels, with a sigma_ratio of 1.

    Examples
    --------
    >>> import math
    >>> import xcorr
    >>> xcorr.banks.gabor().shape
    (40, 31, 31)
    >>> xcorr.banks.gabor(15, wavelengths=[4, 8], orientations=[0, math.pi / 2], phases=[0, -math.pi / 2]).shape
    (8, 15, 15)
    """
    return made(gabor_recipe(size, wavelengths, orientations, phases, sigma_ratio, aspect, zero_mean, normalized))


def gabor_recipe(
    size: int,
    wavelengths: Numbers,
    orientations: int | Numbers,
    phases: Numbers,
    sigma_ratio: float,
    aspect: float,
    zero_mean: bool,
    normalized: bool,
) -> Recipe:
    """The names and kernels of `gabor`."""
    size = read_size(size)
    lengths = read_numbers("wavelengths", wavelengths, "finite numbers >= 2, in pixels", 2)
    angles = read_angles(orientations)
    shifts = read_numbers("phases", phases, "finite numbers, in radians")
    shape = read_positive("sigma_ratio", sigma_ratio), read_positive("aspect", aspect)
    flags = read_flag("zero_mean", zero_mean), read_flag("normalized", normalized)
    names = [
        f"gabor {angle} degrees, {length} px" + (f", phase {shift} degrees" if shifts != [0] else "")
        for length, angle, shift in product(texts(lengths), degrees(angles), degrees(shifts))
    ]
    kernels = (gabor_kernel(size, *wave, *shape, *flags) for wave in product(lengths, angles, shifts))
    return Recipe(names, (size, size), kernels)


def gabor_kernel(
    size: int,
    wavelength: float,
    angle: float,
    phase: float,
    sigma_ratio: float,
    aspect: float,
    zero_mean: bool,
    normalized: bool,
) -> Plane:
    along, across = turned(size, angle)
    sigma = sigma_ratio * wavelength
    envelope = np.exp(-((along / sigma) ** 2 + (across / sigma * aspect) ** 2) / 2)
    wave = np.cos(2 * math.pi * along / wavelength + phase)
    if zero_mean:
        wave -= np.average(wave, weights=envelope)
    kernel: Plane = envelope * wave
    if np.abs(kernel).sum() <= NOTHING * envelope.sum():
        raise ValueError(
            f"wavelengths: got {wavelength}; with size {size}, orientation {angle}, phase {phase} and sigma_ratio "
            f"{sigma_ratio} its kernel is zero; allowed is a wave that varies within the kernel"
        )
    return unit(kernel) if normalized else kernel
