"""Banks of kernels for edges and texture, made from the formulas of their papers.

Every function returns float32 (K, kh, kw), computed in float64 and rounded once: kernels for `xcorr.correlate` with
images (N, H, W). `BANKS` has them by name.

The same holds for all of them. x counts columns to the right and y counts rows downwards, in pixels from the central
tap. An angle turns from x to y, in radians, and says in which direction a kernel varies: 0 along the columns, pi / 2
along the rows. Nothing is flipped: the response of a first derivative is positive where brightness rises in that
direction. Taps below the normal numbers of float32 are 0, since many processors are slow at subnormal ones.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from numbers import Real
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from xcorr._foreign import shown
from xcorr._geometry import is_sequence, items_of, whole_number

__all__ = ["BANKS", "gabor", "laplacian", "leung_malik", "schmid", "sobel"]

Kernels = NDArray[np.float32]
Plane = NDArray[np.float64]
Numbers = Sequence[float] | NDArray[Any]

_SOBEL = [[[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]], [[-1, -2, -1], [0, 0, 0], [1, 2, 1]]]
_LAPLACIANS = {4: [[0, 1, 0], [1, -4, 1], [0, 1, 0]], 8: [[1, 1, 1], [1, -8, 1], [1, 1, 1]]}
_HALF_OCTAVES = tuple(2 ** (step / 2) for step in range(3, 8))
_ELONGATION = 3
_SIGMAS_AND_TAUS = (
    *((2, 1), (4, 1), (4, 2), (6, 1), (6, 2), (6, 3)),
    *((8, 1), (8, 2), (8, 3), (10, 1), (10, 2), (10, 3), (10, 4)),
)

_MAX_SIZE = 4095  # a kernel of 64 MB
_MOST_NUMBERS = 1024  # of wavelengths, orientations or phases
_SMALLEST_NORMAL = 2.0**-126  # of float32
_NOTHING = 1e-9  # of the envelope's sum; what is less is mostly rounding in float64


def sobel(*, normalized: bool = False) -> Kernels:
    """Sobel's two derivatives.

    Parameters
    ----------
    normalized : bool
        Divide by 8, so that a response is the change of brightness from one pixel to the next. Without, the taps are
        whole numbers, as of OpenCV's ``Sobel`` with ksize 3.

    Returns
    -------
    ndarray, float32 (2, 3, 3)
        0: along the columns (x), positive where brightness rises to the right. 1: along the rows (y), positive where
        it rises downwards.

    Raises
    ------
    TypeError
        If `normalized` is no bool.

    Notes
    -----
    ``kernel[0] = outer([1, 2, 1], [-1, 0, 1])``, ``kernel[1]`` is its transpose. Source: I. Sobel, G. Feldman, A 3x3
    isotropic gradient operator for image processing, talk at the Stanford Artificial Intelligence Project, 1968;
    printed in R. Duda, P. Hart, Pattern Classification and Scene Analysis, Wiley 1973, pages 271-272.

    Examples
    --------
    >>> import numpy as np
    >>> import xcorr
    >>> ramp = np.tile(np.arange(5, dtype=np.float32), (4, 1))
    >>> xcorr.correlate(ramp, xcorr.banks.sobel(normalized=True), layout="NHW")[0, 0]
    array([1., 0.], dtype=float32)
    """
    return np.array(_SOBEL, np.float32) / np.float32(8 if _flag("normalized", normalized) else 1)


def laplacian(neighbours: int | None = None, *, normalized: bool = False) -> Kernels:
    """The discrete Laplacian over 4 neighbours, over 8, or both.

    Parameters
    ----------
    neighbours : {None, 4, 8}
        The neighbours of a pixel that count. None gives both kernels.
    normalized : bool
        Divide by what makes either an estimate of the Laplacian, per square pixel: 1 for 4 neighbours, 3 for 8.
        Without, the taps are whole numbers.

    Returns
    -------
    ndarray, float32 (2, 3, 3) or (1, 3, 3)
        With None, 0: the 4 neighbours, 1: the 8; else the one asked for. The central tap is negative, so that the
        response is negative at a bright spot.

    Raises
    ------
    TypeError, ValueError
        If an argument is not as above.

    Notes
    -----
    The sum over the neighbours of ``image[neighbour] - image[centre]``. For ``x**2 + y**2``, whose Laplacian is 4, that
    is 4 and 12. The first is OpenCV's ``Laplacian`` with ksize 1. Source: R. Gonzalez, R. Woods, Digital Image
    Processing, in the section on sharpening with the Laplacian, which prints both.

    Examples
    --------
    >>> import xcorr
    >>> xcorr.banks.laplacian(4)
    array([[[ 0.,  1.,  0.],
            [ 1., -4.,  1.],
            [ 0.,  1.,  0.]]], dtype=float32)
    """
    if neighbours is None:
        chosen = [4, 8]
    else:
        chosen = [whole_number(neighbours, "neighbours", 4, "None, 4 or 8")]
        if chosen[0] not in _LAPLACIANS:
            raise ValueError(f"neighbours: got {shown(neighbours)}; allowed is None, 4 or 8")
    divisors = {4: 1, 8: 3 if _flag("normalized", normalized) else 1}
    return np.stack([np.array(_LAPLACIANS[count]) / divisors[count] for count in chosen]).astype(np.float32)


def gabor(
    size: int = 31,
    *,
    wavelengths: Numbers = _HALF_OCTAVES,
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
    size = _odd_size(size)
    lengths = _numbers("wavelengths", wavelengths, "finite numbers >= 2, in pixels", 2)
    angles = _angles(orientations)
    shifts = _numbers("phases", phases, "finite numbers, in radians")
    shape = _positive("sigma_ratio", sigma_ratio), _positive("aspect", aspect)
    flags = _flag("zero_mean", zero_mean), _flag("normalized", normalized)
    kernels = (
        _gabor_kernel(size, length, angle, shift, *shape, *flags)
        for length in lengths
        for angle in angles
        for shift in shifts
    )
    return _rounded(kernels, len(lengths) * len(angles) * len(shifts), size)


def leung_malik(size: int = 49, *, large: bool = False, zero_mean_gaussians: bool = True) -> Kernels:
    """The Leung-Malik bank: edges, bars and spots at several scales.

    Parameters
    ----------
    size : int
        Rows and columns of a kernel, in pixels; odd, from 3 to 4095. What reaches beyond them is cut off.
    large : bool
        Take the scales sqrt(2), 2, 2 sqrt(2) and 4 (known as LML) instead of 1, sqrt(2), 2 and 2 sqrt(2) (LMS), in
        pixels.
    zero_mean_gaussians : bool
        Take the mean from the four Gaussians too, as the usual implementation does, so that flat images give 0
        everywhere. Without, these four sum to 1 and smooth.

    Returns
    -------
    ndarray, float32 (48, size, size)
        The sum of every kernel's magnitudes is 1, and but for the Gaussians' choice the sum of its taps 0. In order:

        - 0 to 17: first derivatives, kernel ``6 * scale_index + orientation_index``, at the first three scales and the
          angles ``pi * orientation_index / 6``; positive where brightness rises in that direction
        - 18 to 35: second derivatives, kernel ``18 + 6 * scale_index + orientation_index``; positive at dark bars
          that lie across that direction
        - 36 to 39: Laplacians of the Gaussian at the four scales; positive at dark spots
        - 40 to 43: the same at three times the four scales
        - 44 to 47: Gaussians at the four scales

    Raises
    ------
    TypeError, ValueError
        If an argument is not as above.
    MemoryError
        If the bank does not fit.

    Notes
    -----
    Before the mean is taken away and the magnitudes' sum is made 1, with ``u = x cos(angle) + y sin(angle)``,
    ``v = -x sin(angle) + y cos(angle)``, ``r**2 = x**2 + y**2`` and the scale s:

    - first derivatives ``u exp(-u**2 / (2 s**2) - v**2 / (2 (3 s)**2))``
    - second derivatives ``(u**2 / s**2 - 1) exp(-u**2 / (2 s**2) - v**2 / (2 (3 s)**2))``
    - Laplacians ``(r**2 / s**2 - 2) exp(-r**2 / (2 s**2))``
    - Gaussians ``exp(-r**2 / (2 s**2))``

    Sources: T. Leung, J. Malik, Representing and recognizing the visual appearance of materials using three-dimensional
    textons, International Journal of Computer Vision 43(1), 2001, for the bank. Scales, elongation and normalisation as
    of the Visual Geometry Group, Oxford, https://www.robots.ox.ac.uk/~vgg/research/texclass/filters.html, used in
    M. Varma, A. Zisserman, A statistical approach to texture classification from single images, International Journal
    of Computer Vision 62, 2005. Theirs is made for convolution, takes Gaussian, Laplacian and wide Laplacian in turns
    for each scale at the end, and begins with this bank's orientation 3: its orientation k is (k + 3) % 6
    here, first derivatives with the sign changed for k < 3.

    Examples
    --------
    >>> import xcorr
    >>> xcorr.banks.leung_malik().shape
    (48, 49, 49)
    """
    size = _odd_size(size)
    scales = [2 ** ((step + _flag("large", large)) / 2) for step in range(4)]
    return _rounded(_leung_malik_kernels(size, scales, _flag("zero_mean_gaussians", zero_mean_gaussians)), 48, size)


def schmid(size: int = 49) -> Kernels:
    """Schmid's bank: rings that look the same from every direction.

    Parameters
    ----------
    size : int
        Rows and columns of a kernel, in pixels; odd, from 3 to 4095. What reaches beyond them is cut off.

    Returns
    -------
    ndarray, float32 (13, size, size)
        The sum of every kernel's taps is 0, the sum of their magnitudes 1. Kernels 0 to 12 have (sigma in pixels, tau)
        = (2, 1), (4, 1), (4, 2), (6, 1), (6, 2), (6, 3), (8, 1), (8, 2), (8, 3), (10, 1), (10, 2), (10, 3), (10, 4).

    Raises
    ------
    TypeError, ValueError
        If `size` is not as above.
    MemoryError
        If the bank does not fit.

    Notes
    -----
    ``F0 + cos(pi tau r / sigma) exp(-r**2 / (2 sigma**2))`` with ``r**2 = x**2 + y**2`` and the F0 that makes the sum
    0. Source: C. Schmid, Constructing models for content-based image retrieval, IEEE Conference on Computer Vision and
    Pattern Recognition 2001. The sum of magnitudes as of the Visual Geometry Group, Oxford,
    https://www.robots.ox.ac.uk/~vgg/research/texclass/filters.html.

    Examples
    --------
    >>> import xcorr
    >>> xcorr.banks.schmid().shape
    (13, 49, 49)
    """
    size = _odd_size(size)
    radius = np.hypot(*_positions(size))
    rings = (
        np.cos(math.pi * tau / sigma * radius) * np.exp(-((radius / sigma) ** 2) / 2) for sigma, tau in _SIGMAS_AND_TAUS
    )
    return _rounded((_unit(_without_mean(ring)) for ring in rings), len(_SIGMAS_AND_TAUS), size)


BANKS: Mapping[str, Callable[..., Kernels]] = MappingProxyType(
    {"sobel": sobel, "laplacian": laplacian, "gabor": gabor, "leung-malik": leung_malik, "schmid": schmid}
)
"""The banks by name; each can be called without arguments."""


# --- kernels in float64 -----------------------------------------------------------------------------------------------


def _positions(size: int) -> tuple[Plane, Plane]:
    """x (1, size) and y (size, 1), from the central tap."""
    offsets = np.arange(size, dtype=np.float64) - size // 2
    return offsets[np.newaxis], offsets[:, np.newaxis]


def _turned(size: int, angle: float) -> tuple[Plane, Plane]:
    """Positions (size, size) in the direction of the angle, and across it."""
    (x, y), cosine, sine = _positions(size), math.cos(angle), math.sin(angle)
    return x * cosine + y * sine, y * cosine - x * sine


def _without_mean(kernel: Plane) -> Plane:
    return kernel - float(kernel.mean())


def _unit(kernel: Plane) -> Plane:
    return kernel / float(np.abs(kernel).sum())


def _gabor_kernel(
    size: int,
    wavelength: float,
    angle: float,
    phase: float,
    sigma_ratio: float,
    aspect: float,
    zero_mean: bool,
    normalized: bool,
) -> Plane:
    along, across = _turned(size, angle)
    sigma = sigma_ratio * wavelength
    envelope = np.exp(-((along / sigma) ** 2 + (across / sigma * aspect) ** 2) / 2)
    wave = np.cos(2 * math.pi * along / wavelength + phase)
    if zero_mean:
        wave -= np.average(wave, weights=envelope)
    kernel: Plane = envelope * wave
    if np.abs(kernel).sum() <= _NOTHING * envelope.sum():
        raise ValueError(
            f"wavelengths: got {wavelength}; with size {size}, orientation {angle}, phase {phase} and sigma_ratio "
            f"{sigma_ratio} its kernel is zero; allowed is a wave that varies within the kernel"
        )
    return _unit(kernel) if normalized else kernel


def _leung_malik_kernels(size: int, scales: list[float], zero_mean_gaussians: bool) -> Iterator[Plane]:
    """In the order of the bank. Constant factors are left out, `_unit` divides by them."""
    for order in (1, 2):
        for scale in scales[:3]:
            for step in range(6):
                along, across = _turned(size, math.pi * step / 6)
                along, across = along / scale, across / (_ELONGATION * scale)
                derivative = along if order == 1 else along**2 - 1
                yield _unit(_without_mean(derivative * np.exp(-(along**2 + across**2) / 2)))
    square = np.add(*(offsets**2 for offsets in _positions(size)))
    for scale in (*scales, *(3 * scale for scale in scales)):
        yield _unit(_without_mean((square / scale**2 - 2) * np.exp(-square / (2 * scale**2))))
    for scale in scales:
        gaussian = np.exp(-square / (2 * scale**2))
        yield _unit(_without_mean(gaussian) if zero_mean_gaussians else gaussian)


def _rounded(kernels: Iterable[Plane], n_kernels: int, size: int) -> Kernels:
    """The bank, which is allocated before the first kernel is computed."""
    bank = np.empty((n_kernels, size, size), np.float32)
    with np.errstate(under="ignore", over="ignore"):
        for rounded, kernel in zip(bank, kernels, strict=True):
            rounded[:] = np.where(np.abs(kernel) < _SMALLEST_NORMAL, 0, kernel)
    return bank


# --- arguments --------------------------------------------------------------------------------------------------------


def _odd_size(value: Any) -> int:
    """Odd, because the centre of an even kernel lies between the taps."""
    allowed = f"an odd integer from 3 to {_MAX_SIZE}, in pixels"
    size = whole_number(value, "size", 3, allowed)
    if size % 2 == 0 or size > _MAX_SIZE:
        raise ValueError(f"size: got {size}; allowed is {allowed}")
    return size


def _flag(argument: str, value: Any) -> bool:
    if not isinstance(value, (bool, np.bool_)):
        raise TypeError(f"{argument}: got {shown(value)}; allowed is True or False")
    return bool(value)


def _number(argument: str, value: Any, allowed: str, whole: Any) -> float:
    """`value` as a finite float; `whole` is what it is a part of."""
    got = f"{argument}: got {shown(whole)}; allowed is {allowed}"
    if isinstance(value, bool) or not isinstance(value, Real):
        raise TypeError(got)
    try:
        number = float(value)
    except OverflowError:
        raise ValueError(got) from None
    except Exception:  # whatever its __float__ raises
        raise TypeError(got) from None
    if not math.isfinite(number):
        raise ValueError(got)
    return number


def _positive(argument: str, value: Any) -> float:
    allowed = "a finite number > 0"
    number = _number(argument, value, allowed, value)
    if number <= 0:
        raise ValueError(f"{argument}: got {shown(value)}; allowed is {allowed}")
    return number


def _numbers(argument: str, value: Any, allowed: str, least: float = -math.inf) -> list[float]:
    allowed = f"a sequence of 1 to {_MOST_NUMBERS} {allowed}"
    if not is_sequence(value):
        raise TypeError(f"{argument}: got {shown(value)}; allowed is {allowed}")
    items = items_of(value, argument, _MOST_NUMBERS, allowed)
    numbers = [_number(argument, item, allowed, value) for item in items]
    if not 1 <= len(numbers) <= _MOST_NUMBERS or min(numbers) < least:
        raise ValueError(f"{argument}: got {shown(value)}; allowed is {allowed}")
    return numbers


def _angles(orientations: Any) -> list[float]:
    if is_sequence(orientations):
        return _numbers("orientations", orientations, "finite numbers, in radians")
    allowed = f"an integer from 1 to {_MOST_NUMBERS} or a sequence of angles, in radians"
    count = whole_number(orientations, "orientations", 1, allowed)
    if count > _MOST_NUMBERS:
        raise ValueError(f"orientations: got {count}; allowed is {allowed}")
    return [math.pi * index / count for index in range(count)]
