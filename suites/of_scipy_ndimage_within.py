"""SciPy's tests of its linear filters once more: its own sobel, gaussian_filter and so on upon replaced passes."""

from dataclasses import replace

import of_scipy_ndimage

from xcorr.compat import scipy_ndimage

NAMES = ("correlate1d", "gaussian_filter1d", "uniform_filter1d")
"""What functions of `scipy.ndimage._filters` call there, and users by another name: tests compare the two."""

AROUND = (
    r"test_correlate_(convolve_axes|mode|complex_(kernel|input)(_cval|_and_kernel|_and_kernel_cval)?\[)"
    r"|test_correlate(1[0-6]|18|19)?\[|test_extend(0[5-9]|10)|test_generic_filter01"
)
"""The tests of correlate and convolve, which make no passes along axes."""

SUITE = replace(
    of_scipy_ndimage.SUITE,
    swaps={
        f"{module}.{name}": getattr(scipy_ndimage, name)
        for module in ("scipy.ndimage._filters", "scipy.ndimage")
        for name in NAMES
    },
    left_out={**of_scipy_ndimage.SUITE.left_out, AROUND: "correlate and convolve make no passes along axes"},
)
