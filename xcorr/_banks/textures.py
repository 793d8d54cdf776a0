"""The banks of Leung and Malik and of Schmid."""

import math
from collections.abc import Iterator

import numpy as np

from xcorr._banks.arguments import read_flag, read_size
from xcorr._banks.recipe import Kernels, Plane, Recipe, degrees, made, positions, texts, turned, unit, without_mean

ELONGATION = 3
SIGMAS_AND_TAUS = (
    *((2, 1), (4, 1), (4, 2), (6, 1), (6, 2), (6, 3)),
    *((8, 1), (8, 2), (8, 3), (10, 1), (10, 2), (10, 3), (10, 4)),
)


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
    return made(leung_malik_recipe(size, large, zero_mean_gaussians))


def leung_malik_recipe(size: int, large: bool, zero_mean_gaussians: bool) -> Recipe:
    """The names and kernels of `leung_malik`."""
    size = read_size(size)
    scales = [2 ** ((step + read_flag("large", large)) / 2) for step in range(4)]
    kernels = leung_malik_kernels(size, scales, read_flag("zero_mean_gaussians", zero_mean_gaussians))
    angles = degrees([math.pi * step / 6 for step in range(6)])
    names = [
        f"{what} {angle} degrees, sigma {sigma}"
        for what in ("edge", "bar")
        for sigma in texts(scales[:3])
        for angle in angles
    ]
    names += [f"laplacian of gaussian sigma {sigma}" for sigma in texts([*scales, *(3 * scale for scale in scales)])]
    names += [f"gaussian sigma {sigma}" for sigma in texts(scales)]
    return Recipe(names, (size, size), kernels)


def leung_malik_kernels(size: int, scales: list[float], zero_mean_gaussians: bool) -> Iterator[Plane]:
    """Kernels in the order of the bank. Constant factors are left out, `unit` divides by them."""
    for order in (1, 2):
        for scale in scales[:3]:
            for step in range(6):
                along, across = turned(size, math.pi * step / 6)
                along, across = along / scale, across / (ELONGATION * scale)
                derivative = along if order == 1 else along**2 - 1
                yield unit(without_mean(derivative * np.exp(-(along**2 + across**2) / 2)))
    square = np.add(*(offsets**2 for offsets in positions(size)))
    for scale in (*scales, *(3 * scale for scale in scales)):
        yield unit(without_mean((square / scale**2 - 2) * np.exp(-square / (2 * scale**2))))
    for scale in scales:
        gaussian = np.exp(-square / (2 * scale**2))
        yield unit(without_mean(gaussian) if zero_mean_gaussians else gaussian)


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
    return made(schmid_recipe(size))


def schmid_recipe(size: int) -> Recipe:
    """The names and kernels of `schmid`."""
    size = read_size(size)
    radius = np.hypot(*positions(size))
    rings = (
        np.cos(math.pi * tau / sigma * radius) * np.exp(-((radius / sigma) ** 2) / 2) for sigma, tau in SIGMAS_AND_TAUS
    )
    names = [f"schmid sigma {sigma}, tau {tau}" for sigma, tau in SIGMAS_AND_TAUS]
    return Recipe(names, (size, size), (unit(without_mean(ring)) for ring in rings))
