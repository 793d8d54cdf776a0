"""Banks of kernels for edges, texture and smoothing, made from the formulas of their papers.

Every bank's function returns float32 (K, kh, kw), computed in float64 and rounded once: kernels for `xcorr.correlate`
with images (N, H, W). `BANKS` has them by name, `names` says what their kernels are. For images with channels,
`per_channel` and `over_channels` lay a bank out.

The same holds for all of them. x counts columns to the right and y counts rows downwards, in pixels from the central
tap. An angle turns from x to y, in radians, and says in which direction a kernel varies: 0 along the columns, pi / 2
along the rows. Nothing is flipped: the response of a first derivative is positive where brightness rises in that
direction. Taps below the normal numbers of float32 are 0, since many processors are slow at subnormal ones.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from xcorr._banks.channels import over_channels, per_channel
from xcorr._banks.edges import laplacian, laplacian_recipe, sobel, sobel_recipe
from xcorr._banks.recipe import Kernels, Recipe, made
from xcorr._banks.smooth import (
    box,
    box_recipe,
    gaussian,
    gaussian_recipe,
    laplacian_of_gaussian,
    laplacian_of_gaussian_recipe,
)
from xcorr._banks.textures import leung_malik, leung_malik_recipe, schmid, schmid_recipe
from xcorr._banks.waves import gabor, gabor_recipe
from xcorr._foreign import shown

__all__ = [
    "BANKS",
    "box",
    "gabor",
    "gaussian",
    "laplacian",
    "laplacian_of_gaussian",
    "leung_malik",
    "names",
    "over_channels",
    "per_channel",
    "schmid",
    "sobel",
]

BANKS: Mapping[str, Callable[..., Kernels]] = MappingProxyType(
    {
        "sobel": sobel,
        "laplacian": laplacian,
        "gabor": gabor,
        "leung-malik": leung_malik,
        "schmid": schmid,
        "gaussian": gaussian,
        "laplacian-of-gaussian": laplacian_of_gaussian,
        "box": box,
    }
)
"""The banks by name; each can be called without arguments."""

RECIPES: Mapping[str, Callable[..., Recipe]] = {
    "sobel": sobel_recipe,
    "laplacian": laplacian_recipe,
    "gabor": gabor_recipe,
    "leung-malik": leung_malik_recipe,
    "schmid": schmid_recipe,
    "gaussian": gaussian_recipe,
    "laplacian-of-gaussian": laplacian_of_gaussian_recipe,
    "box": box_recipe,
}


def names(name: str, **parameters: Any) -> list[str]:
    """Name the kernels of a bank, for what stands under a picture or beside a number.

    Parameters
    ----------
    name : str
        The bank's name in `BANKS`.
    **parameters
        Keywords of the bank's function, with which it was made; by default its own.

    Returns
    -------
    list of str
        A name for each kernel, in the order of the bank: what the kernel is, then what tells it from the others.
        Angles are in degrees, lengths in pixels.

    Raises
    ------
    TypeError, ValueError
        If there is no such bank, or its function does not take such parameters.

    Examples
    --------
    >>> import xcorr
    >>> xcorr.banks.names("sobel")
    ['sobel x', 'sobel y']
    >>> xcorr.banks.names("gabor", wavelengths=[8], orientations=6)[:2]
    ['gabor 0 degrees, 8 px', 'gabor 30 degrees, 8 px']
    """
    if not isinstance(name, str) or name not in BANKS:
        problem = f"name: got {shown(name)}; allowed are {', '.join(map(repr, BANKS))}"
        raise (ValueError if isinstance(name, str) else TypeError)(problem)
    return recipe_of(name, parameters).names


def recipe_of(name: str, parameters: Mapping[str, Any]) -> Recipe:
    """The recipe of the bank that its function makes of these keywords."""
    from inspect import signature  # takes a while to import

    taken = signature(BANKS[name])
    unknown = [word for word in parameters if word not in taken.parameters]
    if unknown:
        allowed = ", ".join(taken.parameters)
        raise TypeError(f"parameters: got {', '.join(map(shown, unknown))}; {name!r} takes {allowed}")
    chosen = taken.bind(**parameters)
    chosen.apply_defaults()
    return RECIPES[name](**chosen.arguments)


def known_names(kernels: NDArray[Any]) -> list[str] | None:
    """The names of kernels that are one of `BANKS` as it comes, tap by tap; None of others."""
    for word in BANKS:
        recipe = recipe_of(word, {})
        shape = (len(recipe.names), *recipe.size)
        if kernels.shape == shape and kernels.dtype == np.float32 and np.array_equal(kernels, made(recipe)):
            return recipe.names
    return None
