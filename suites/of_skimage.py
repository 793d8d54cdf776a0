"""scikit-image's tests of edges, Gaussians, template matching, peaks and registration, from a checkout of its sources.

``COMPAT_SKIMAGE`` is the folder of the checkout, of the tag of the version that is installed: no wheel has the tests.
"""

import os
from pathlib import Path

from suite import Suite

from xcorr.compat import skimage
from xcorr.compat._skimage_masked import cross_correlate_masked

CHECKOUT = os.environ.get("COMPAT_SKIMAGE")
FILES = (
    "feature/test_template.py",
    "feature/test_peak.py",
    "registration/test_phase_cross_correlation.py",
    "registration/test_masked_phase_cross_correlation.py",
    "filters/test_edges.py",
    "filters/test_gaussian.py",
    "filters/test_gabor.py",
)
ELSEWHERE = {
    "gabor": "skimage.filters._gabor",
    "gabor_kernel": "skimage.filters._gabor",
    "match_template": "skimage.feature",
    "peak_local_max": "skimage.feature.peak",
    "phase_cross_correlation": "skimage.registration._phase_cross_correlation",
}
"""Where tests look for functions that are not in `skimage.filters`."""
THROUGH_ROBERTS = {"roberts_neg_diag", "roberts_pos_diag"}
"""Functions that no test calls by themselves."""

SUITE = Suite(
    peer="scikit-image",
    tests=tuple(str(Path(CHECKOUT or "", "tests", "skimage", file).absolute()) for file in FILES),
    swaps={
        **{
            f"{ELSEWHERE.get(name, 'skimage.filters')}.{name}": getattr(skimage, name)
            for name in skimage.__all__
            if name not in THROUGH_ROBERTS
        },
        "skimage.feature.peak_local_max": skimage.peak_local_max,
        "skimage.registration.phase_cross_correlation": skimage.phase_cross_correlation,
        "skimage.registration._masked_phase_cross_correlation.cross_correlate_masked": cross_correlate_masked,
    },
    left_out={
        "test_disambiguate_2d|test_masked_registration_3d_contiguous_mask": "needs pictures that are downloaded",
        "test_disambiguate_empty_image": "looks at whom a warning blames: with calls counted, the counter",
        "test_mismatch_(upsampled|offsets)": "is about a private function of no drop-in, _upsampled_dft",
        "TestProminentPeaks": "is about a private function of no drop-in, _prominent_peaks",
    },
    lacks="" if CHECKOUT else "its tests are in no wheel: COMPAT_SKIMAGE has to name a folder with its sources",
)
