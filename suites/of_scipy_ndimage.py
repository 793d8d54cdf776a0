"""SciPy's tests of its linear filters."""

from suite import Suite

from xcorr.compat import scipy_ndimage

SUITE = Suite(
    peer="scipy",
    tests=("scipy.ndimage.tests.test_filters",),
    swaps={f"scipy.ndimage.{name}": getattr(scipy_ndimage, name) for name in scipy_ndimage.__all__},
    left_out={
        "rank|median|percentile": "ranks of neighbours are no sums of theirs",
        "minimum|maximum|minmax": "nor are the smallest and the largest",
        "test_gh_2(2250|2333|2586|3075)|footprint_all_zeros": "tests of ranks and extremes that are not called so",
        "footprint_both_set": "a warning of rank_filter and the like, which have both a size and a footprint",
        "test_generic_filter_axes|test_ticket_701|test_valid_origins1": "generic_filter calls a function of the user's",
        "TestVectorizedFilter": "so does vectorized_filter",
        "test_gaussian_kernel1d": "a private function that is not replaced",
    },
)
