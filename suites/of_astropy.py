"""astropy's tests of its normalized convolution, whose sums are the drop-in's."""

import numpy as np
from suite import Suite

from xcorr.compat.scipy_signal import convolve


def convolve_axes(result, array, kernel, skips_nan, lies_within, n_threads):
    """Sums over windows of an array into `result`; means over what is no NaN if it `skips_nan`."""
    inside = tuple(
        slice(length // 2, size - length // 2) for length, size in zip(kernel.shape, array.shape, strict=True)
    )
    if skips_nan:
        seen = ~np.isnan(array)
        weights = convolve(seen.astype(float), kernel, "valid", "direct")
        sums = convolve(np.where(seen, array, 0), kernel, "valid", "direct")
        windows = np.where(weights == 0, array[inside], sums / np.where(weights == 0, 1, weights))
    else:
        windows = convolve(array, kernel, "valid", "direct")
    result[inside if lies_within else ...] = windows


SUITE = Suite(
    peer="astropy",
    tests=("astropy.convolution.tests.test_convolve",),
    swaps={"astropy.convolution.convolve._convolveNd_c": convolve_axes},
)
