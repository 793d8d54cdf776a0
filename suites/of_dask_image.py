"""dask-image's tests of its linear filters, which call the drop-ins chunk by chunk, from a checkout of its sources.

``COMPAT_DASK_IMAGE`` is the folder of the checkout: dask-image is imported from there, and no wheel has the tests. They
compare with SciPy's own filters of the whole image.
"""

import os
from importlib import import_module
from pathlib import Path

import numpy as np
from suite import Suite

from xcorr.compat import scipy_ndimage

CHECKOUT = os.environ.get("COMPAT_DASK_IMAGE")
FOLDER = Path(CHECKOUT or "").absolute()
FILES = ("conv", "diff", "edge", "gaussian", "smooth", "threshold")
NAMES = (
    "convolve",
    "correlate",
    "gaussian_filter",
    "gaussian_gradient_magnitude",
    "gaussian_laplace",
    "laplace",
    "prewitt",
    "sobel",
    "uniform_filter",
)


def register():
    """Enter the drop-ins into dask-image's tables of what filters a chunk, by the chunk's type."""
    tables = import_module("dask_image.dispatch._dispatch_ndfilters")
    for name in NAMES:
        function = getattr(scipy_ndimage, name)
        getattr(tables, f"dispatch_{name}").register(np.ndarray, lambda image, function=function: function)


SUITE = Suite(
    peer="dask",
    tests=tuple(str(FOLDER / "tests" / "test_dask_image" / "test_ndfilters" / f"test__{file}.py") for file in FILES),
    swaps={f"xcorr.compat.scipy_ndimage.{name}": getattr(scipy_ndimage, name) for name in NAMES},
    left_out={
        "::test_threshold_local_(mean|generic)": "thresholds by generic_filter, which calls a function for each pixel",
        "::test_threshold_local_median|::test_nan_blocksize": "thresholds by ranks of neighbours, no sums of theirs",
    },
    lacks="" if CHECKOUT else "its tests are in no wheel: COMPAT_DASK_IMAGE has to name a folder with its sources",
    folder=str(FOLDER),
    prepare=register,
)
