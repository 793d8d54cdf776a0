"""Edges, Gaussians, template matching, peaks and registration with scikit-image's names, defaults and meaning.

Those of scikit-image 0.26, all in one module: ``from xcorr.compat.skimage import match_template`` in the place of
``from skimage.feature import match_template``, and so those of `skimage.filters` and `skimage.registration`. Lists are
taken as arrays are.

What is otherwise than in scikit-image, and why:

- Images of float32 are summed in float32, within xcorr's bounds; scikit-image sums in float64 and rounds.
- NaN and infinity reach the pixels whose windows contain them, in `match_template` too, where scikit-image gives 0
  everywhere. In `peak_local_max` NaN is no peak and hinders none; in scikit-image there are no peaks at all then.
- `match_template` holds at any offset and scale: dim images are scored as others are, where scikit-image's threshold
  makes their scores 0, and scores are never beyond 1.
- `phase_cross_correlation` whitens images whatever their scale: what counts as no signal is measured by the largest
  frequency, not by an absolute number. Its error is scikit-image's, near 1 with ``normalization="phase"``.
- Under masks shifts are those of scores that hold at any offset, where scikit-image's lose digits; up to three axes are
  shifted along. A mask for the moving image alone sees the whole reference, which is an AttributeError there.
- Negative axes of `sobel`, `scharr`, `prewitt` and `farid` count from the end; scikit-image smooths along the axis of
  the derivative then.
- `peak_local_max` sorts unsigned integers by their values, where scikit-image's 0 is before all others, and takes bools
  and float16. Without any label there are no places of as many axes as the image has, not of two.
"""

from xcorr.compat._skimage_edges import (
    prewitt,
    prewitt_h,
    prewitt_v,
    scharr,
    scharr_h,
    scharr_v,
    sobel,
    sobel_h,
    sobel_v,
)
from xcorr.compat._skimage_match import match_template
from xcorr.compat._skimage_operators import (
    farid,
    farid_h,
    farid_v,
    laplace,
    roberts,
    roberts_neg_diag,
    roberts_pos_diag,
)
from xcorr.compat._skimage_peaks import peak_local_max
from xcorr.compat._skimage_shift import phase_cross_correlation
from xcorr.compat._skimage_smooth import difference_of_gaussians, gabor, gabor_kernel, gaussian

__all__ = [
    "difference_of_gaussians",
    "farid",
    "farid_h",
    "farid_v",
    "gabor",
    "gabor_kernel",
    "gaussian",
    "laplace",
    "match_template",
    "peak_local_max",
    "phase_cross_correlation",
    "prewitt",
    "prewitt_h",
    "prewitt_v",
    "roberts",
    "roberts_neg_diag",
    "roberts_pos_diag",
    "scharr",
    "scharr_h",
    "scharr_v",
    "sobel",
    "sobel_h",
    "sobel_v",
]
