"""R30: bounds with many channels that are alike, so that every rounding of their sums goes the same way."""

from math import isqrt, prod

import numpy as np
from calls import FULL_DTYPES, LEVELS
from draws import Draw, drawn_row
from exactness import largest_transform
from many_channels import NUMBERS, alike

import xcorr
from xcorr import _dispatch
from xcorr._methods.sections import SIZES

DEPTHS = (1, 2, 3, 4, 5, 8, 9, 10, 11, 31, 32, 33, 64, 80, 81, 512, 4096, 8192)
KERNELS = {  # sides; auto takes winograd for some of these, fft for others, direct for the rest
    "direct": (1, 2, 3, 4),
    "matmul": (1, 2, 3, 4),
    "winograd": (3, 5),
    "fft": (1, 2, 5, 9, 12, 16, 25),
    "auto": (3, 3, 5, 25),
}
MOST_ELEMENTS, MOST_BYTES = 2**22, 2**24
"""Of images and of kernels; of a tile's pixels, whose spectra would not fit the workspace of fft else."""


def check_many_channels(draw: Draw) -> float:
    """The largest error as a share of its method's bound; integers are exact."""
    method = draw.of(tuple(KERNELS))
    kernel = draw.of(KERNELS[method]), draw.of(KERNELS[method])
    kernel = (kernel[0], kernel[0]) if method == "winograd" else kernel
    least, n_kernels = 0, draw.of((1, 2, 5))
    if method == "auto":
        kernel, least, n_kernels = (kernel[0], kernel[0]), 7, 32
    size = kernel[0] + least + draw.up_to(7), kernel[1] + least + draw.up_to(7)
    groups = draw.of((1, 1, 1, 2, 3))
    depth = draw.of(DEPTHS) if draw.one_in(2) else int(2 ** (13 * draw.rng.random()))
    depth = max(1, min(depth, MOST_ELEMENTS // (groups * max(size[0] * size[1], kernel[0] * kernel[1] * n_kernels))))
    dtype, numbers = np.dtype(draw.of(FULL_DTYPES)), draw.of(NUMBERS)
    if method == "fft":
        points = prod(max(SIZES[0], largest_transform(*axis)) for axis in zip(size, kernel))
        depth = min(depth, MOST_BYTES // (points * max(dtype.itemsize, 8)))
    with _dispatch.using_level(draw.of(LEVELS).name):
        if method != "winograd" and draw.one_in(6):
            check_integers(draw, method, size, (n_kernels * groups, *kernel, depth), groups)
            return 0
        share = alike(draw.rng, numbers, size, kernel, n_kernels * groups, depth, dtype, groups).worst(method)
        told = f"{method}, {numbers} {dtype}, {size} with {kernel}, {depth} channels in each of {groups} groups"
        assert share <= 1, f"an error of {share:.3g} times its bound, {told}"
        return share


def check_integers(draw: Draw, method: str, size: tuple, shape: tuple, groups: int) -> None:
    """Of one value each, large or small, for which transforms may be proven to be exact or not."""
    dtype = np.dtype(draw.of(("uint8", "int16", "int32")))
    n_taps, depth = prod(shape[1:]), shape[3]
    fits = isqrt(2**63 // n_taps)
    most = max(1, min(fits, int(np.iinfo(dtype).max)) // draw.of((1, 1, 3, 1000)))
    pixel, tap = most - draw.up_to(most // 2), most - draw.up_to(most // 2)
    images = np.full((1, *size, groups * depth), pixel, dtype)
    kernels = np.full(shape, tap, dtype)
    response = xcorr.correlate(images, kernels, layout="NHWC", groups=groups, method=method)
    exact = pixel * tap * n_taps
    assert (response == exact).all(), f"{response.flat[0]} instead of {exact} by {method}, {depth} channels"


ROWS = [
    drawn_row(
        "R30",
        "error with 1 to 8192 channels that are alike, of equal numbers and of others of one sign, every method",
        "each method's bound, integers exact, 0 violations",
        check_many_channels,
        "violations",
        bounded=True,
    )
]
