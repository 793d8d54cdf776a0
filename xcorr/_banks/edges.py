"""Kernels of three by three: Sobel's derivatives and the Laplacian."""

import numpy as np

from xcorr._banks.arguments import read_flag
from xcorr._banks.recipe import Kernels, Recipe, made
from xcorr._foreign import shown
from xcorr._reading import whole_number

SOBEL = [[[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]], [[-1, -2, -1], [0, 0, 0], [1, 2, 1]]]
LAPLACIANS = {4: [[0, 1, 0], [1, -4, 1], [0, 1, 0]], 8: [[1, 1, 1], [1, -8, 1], [1, 1, 1]]}


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
    return made(sobel_recipe(normalized))


def sobel_recipe(normalized: bool) -> Recipe:
    """The names and kernels of `sobel`."""
    divisor = 8 if read_flag("normalized", normalized) else 1
    return Recipe(["sobel x", "sobel y"], (3, 3), np.array(SOBEL) / divisor)


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
    return made(laplacian_recipe(neighbours, normalized))


def laplacian_recipe(neighbours: int | None, normalized: bool) -> Recipe:
    """The names and kernels of `laplacian`."""
    if neighbours is None:
        chosen = [4, 8]
    else:
        chosen = [whole_number(neighbours, "neighbours", 4, "None, 4 or 8")]
        if chosen[0] not in LAPLACIANS:
            raise ValueError(f"neighbours: got {shown(neighbours)}; allowed is None, 4 or 8")
    divisors = {4: 1, 8: 3 if read_flag("normalized", normalized) else 1}
    kernels = [np.array(LAPLACIANS[count]) / divisors[count] for count in chosen]
    return Recipe([f"laplacian {count} neighbours" for count in chosen], (3, 3), kernels)
