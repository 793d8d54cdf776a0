"""Filters, template matching and phase correlation with OpenCV's names, argument order, defaults and meaning.

Those of OpenCV 5.0: ``from xcorr.compat import cv2`` in the place of ``import cv2``. Images are (rows, columns) or
(rows, columns, channels), each channel is filtered by itself, and integers are rounded, ties to even, and saturated. A
destination is written and returned where its shape and type fit; else a new array is. ``error`` takes the place of
`cv2.error`.

What is otherwise than in OpenCV, and why:

- Integers are rounded from sums in float32 (`filter2D`, derivatives, Gaussians of uint8) or float64 (other Gaussians),
  those of boxes as exact ones are. OpenCV's fixed-point sums round in other places: boxes of uint8 may differ by 1,
  Gaussians of uint8, whose taps have eight bits there, by 2.
- What is beyond int32 saturates, where OpenCV's conversion gives the other end of the range, and sums of int32 in a box
  do so too, where OpenCV's wrap around. NaN in an integer response is an ``error``: OpenCV makes some integer of it.
- NaN and infinity reach the responses whose windows contain them, in each function; in OpenCV whole maps are NaN or 0.
- Which types go together is the same for kernels of all sizes. OpenCV takes others for large kernels of `filter2D`,
  whose sums are made in the frequency domain, and from which size on depends on the machine.
- An anchor outside of a box is an ``error``; OpenCV then reads beside its sums. Negative sums of int16 saturate to 0 in
  unsigned types, where OpenCV's vectors give the largest number, and an isolated constant border has its zeros beside a
  single row or column, too.
- `getGaussianKernel` of an even size has the two taps that its formula has in the middle; OpenCV 5.0.0 has those of
  distance 0.
- A destination may have any strides. Arrays of the other byte order are read as what they are.
- `matchTemplate` gives the correlation coefficient of a constant template as 1 everywhere and that of a flat window
  as 0, as OpenCV does without a mask, and so with a mask: OpenCV 5.0.0 has NaN and infinity there. Windows of zeros
  have 0 in TM_CCORR_NORMED and 1 in TM_SQDIFF_NORMED, with a mask too, and where a mask is zero everywhere scores are
  these too, and 0 of the sums. Constant is what has no contrast beyond rounding: a template of any scale is matched,
  OpenCV takes faint ones for constant.
- Scores hold at any brightness, where OpenCV's lose digits and may be beyond 1; TM_SQDIFF is never negative.
- Templates of more than four channels have all six scores.
- `phaseCorrelate` keeps the padding with zeros, the centroid of five by five bins and the response. The motion is right
  where OpenCV's is off by half a pixel, along sides of an odd padded length, and images are whitened whatever their
  scale. The operands stay as they are, where OpenCV multiplies them with the window. Images of zeros give NaN.
"""

from xcorr.compat._cv2_arrays import error
from xcorr.compat._cv2_boxes import blur, boxFilter
from xcorr.compat._cv2_filters import BORDER_DEFAULT, GaussianBlur, Laplacian, Scharr, Sobel, filter2D, sepFilter2D
from xcorr.compat._cv2_kernels import CV_32F, CV_64F, FILTER_SCHARR, getDerivKernels, getGaborKernel, getGaussianKernel
from xcorr.compat._cv2_match import (
    TM_CCOEFF,
    TM_CCOEFF_NORMED,
    TM_CCORR,
    TM_CCORR_NORMED,
    TM_SQDIFF,
    TM_SQDIFF_NORMED,
    matchTemplate,
)
from xcorr.compat._cv2_shift import phaseCorrelate

__all__ = [
    "ALGO_HINT_ACCURATE",
    "ALGO_HINT_APPROX",
    "ALGO_HINT_DEFAULT",
    "BORDER_CONSTANT",
    "BORDER_DEFAULT",
    "BORDER_ISOLATED",
    "BORDER_REFLECT",
    "BORDER_REFLECT101",
    "BORDER_REFLECT_101",
    "BORDER_REPLICATE",
    "BORDER_WRAP",
    "CV_8S",
    "CV_8U",
    "CV_16S",
    "CV_16U",
    "CV_32F",
    "CV_32S",
    "CV_64F",
    "FILTER_SCHARR",
    "TM_CCOEFF",
    "TM_CCOEFF_NORMED",
    "TM_CCORR",
    "TM_CCORR_NORMED",
    "TM_SQDIFF",
    "TM_SQDIFF_NORMED",
    "GaussianBlur",
    "Laplacian",
    "Scharr",
    "Sobel",
    "blur",
    "boxFilter",
    "error",
    "filter2D",
    "getDerivKernels",
    "getGaborKernel",
    "getGaussianKernel",
    "matchTemplate",
    "phaseCorrelate",
    "sepFilter2D",
]

CV_8U, CV_8S, CV_16U, CV_16S, CV_32S = range(5)
BORDER_CONSTANT, BORDER_REPLICATE, BORDER_REFLECT, BORDER_WRAP, BORDER_REFLECT_101 = range(5)
BORDER_REFLECT101 = BORDER_REFLECT_101
BORDER_ISOLATED = 16
ALGO_HINT_DEFAULT, ALGO_HINT_ACCURATE, ALGO_HINT_APPROX = range(3)
