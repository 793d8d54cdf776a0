"""OpenCV's cases of filters, template matching and phase correlation; its own tests are C++ and in no wheel."""

from suite import Suite

from xcorr.compat import cv2

NAMES = (
    "filter2D",
    "sepFilter2D",
    "GaussianBlur",
    "Sobel",
    "Scharr",
    "Laplacian",
    "blur",
    "boxFilter",
    "matchTemplate",
    "phaseCorrelate",
    "getGaussianKernel",
    "getDerivKernels",
    "getGaborKernel",
)

SUITE = Suite(
    peer="opencv-python-headless",
    tests=("test_opencv_cases.py",),
    swaps={f"xcorr.compat.cv2.{name}": getattr(cv2, name) for name in NAMES},
)
