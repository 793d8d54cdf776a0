"""The steps of the demonstration: a photograph, digits and colour tiles, from one kernel on one image to batches."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from xcorr import banks, datasets
from xcorr._cli.outcome import Step

__all__ = ["demo_steps", "photograph"]

BRIGHTNESS = np.array([0.299, 0.587, 0.114], np.float32)
"""Shares of red, green and blue: luma of ITU-R BT.601."""

TEXTURES: dict[str, Any] = {"size": 15, "wavelengths": [6], "orientations": 4}
"""Parameters of the Gabor kernels: a quarter turn in steps, waves of six pixels."""

BLUR: dict[str, Any] = {"sigma": 3, "size": 19}
"""The size of the Gaussian, which reaches three standard deviations."""

DIGIT_KERNEL_NAMES = (*banks.names("sobel"), *banks.names("laplacian", neighbours=4), "sharpening")
SHARPENING = [[[0, -1, 0], [-1, 5, -1], [0, -1, 0]]]
TILE_KERNEL_NAMES = ("brightness", "edges of red")


def digit_kernels() -> NDArray[np.int64]:
    """Four 3x3 kernels of whole numbers: Sobel's two, a Laplacian, and one that sharpens."""
    return np.concatenate([banks.sobel(), banks.laplacian(4), SHARPENING]).astype(np.int64)


def tile_kernels() -> NDArray[np.float32]:
    """Two 5x5x3 kernels: smoothed brightness, and horizontal edges between red and the other two colours."""
    smooth = np.array([1, 4, 6, 4, 1]) / 16
    slope = np.array([-1, -2, 0, 2, 1]) / 8
    brightness = np.multiply.outer(np.outer(smooth, smooth), BRIGHTNESS)
    red_edge = np.multiply.outer(np.outer(smooth, slope), [1.0, -0.5, -0.5])
    return np.stack([brightness, red_edge]).astype(np.float32)


def photograph() -> NDArray[np.uint8]:
    """Put the shipped photograph (256, 256, 3) together, which the sample has as 8 rows of 8 tiles."""
    tiles = datasets.load_colour_sample().images
    return tiles.reshape(8, 8, 32, 32, 3).swapaxes(1, 2).reshape(256, 256, 3)


def demo_steps(picture: NDArray[np.uint8], digits: NDArray[np.uint8], tiles: NDArray[np.uint8]) -> list[Step]:
    """List the steps.

    Parameters
    ----------
    picture : ndarray of uint8, (H, W, 3)
        A photograph, of which the brightness is taken.
    digits : ndarray of uint8, (N, H, W)
        Single-channel images.
    tiles : ndarray of uint8, (N, H, W, 3)
        Colour images.

    Returns
    -------
    list of Step
        Pixels are scaled to 0..1 in float32, but for the last step, which keeps them as integers.
    """
    grey, digits_float, tiles_float = (array.astype(np.float32) / np.float32(255) for array in (picture, digits, tiles))
    grey = np.ascontiguousarray(grey @ BRIGHTNESS)
    whole, colour = digit_kernels(), tile_kernels()
    bank, sobel, gabor = whole.astype(np.float32), banks.sobel(), banks.gabor(**TEXTURES)
    on_digits, on_tiles = ("NHW", DIGIT_KERNEL_NAMES), ("NHWC", TILE_KERNEL_NAMES)
    blur, blur_names = banks.gaussian(**BLUR), tuple(banks.names("gaussian", **BLUR))
    edges, textures = tuple(banks.names("sobel")), tuple(banks.names("gabor", **TEXTURES))
    return [
        Step("photograph_edges", "photograph, edges", "photograph", grey, sobel, "NHW", edges),
        Step("photograph_blur", "photograph, blur", "photograph", grey, blur[0], "NHW", blur_names),
        Step("photograph_textures", "photograph, textures", "photograph", grey, gabor, "NHW", textures),
        Step("image_kernel", "digit, one kernel", "digits", digits_float[0], bank[0], *on_digits),
        Step("image_bank", "digit, a bank", "digits", digits_float[0], bank, *on_digits),
        Step("batch_bank", "digits, a bank", "digits", digits_float, bank, *on_digits),
        Step("colour_image_kernel", "tile, one kernel", "colour tiles", tiles_float[0], colour[0], *on_tiles),
        Step("colour_image_bank", "tile, two kernels", "colour tiles", tiles_float[0], colour, *on_tiles),
        Step("colour_batch_bank", "tiles, two kernels", "colour tiles", tiles_float, colour, *on_tiles),
        Step("integer_batch_bank", "digits, integers", "digits", digits, whole, *on_digits),
    ]
