"""NumPy's tests of its correlation and convolution of signals, whose modes have numbers, too."""

import numpy as np
from suite import Suite

from xcorr.compat import scipy_signal

MODES = {0: "valid", 1: "same", 2: "full", "valid": "valid", "same": "same", "full": "full"}


def of_signals(function, first, second, mode):
    """A drop-in's result; mode "same" is as long as the longer signal."""
    if mode is None:
        raise TypeError("mode: got None")
    if mode not in MODES:
        raise ValueError(f"mode: got {mode!r}")
    first, second = np.atleast_1d(first), np.atleast_1d(second)
    for name, signal in (("a", first), ("v", second)):
        if not signal.size:
            raise ValueError(f"{name} cannot be empty")
    if MODES[mode] == "same" and len(first) < len(second):
        first, second = second, first
    return function(first, second, MODES[mode])


def correlate(a, v, mode="valid"):
    """`numpy.correlate`."""
    return of_signals(scipy_signal.correlate, a, v, mode)


def convolve(a, v, mode="full"):
    """`numpy.convolve`."""
    return of_signals(scipy_signal.convolve, a, v, mode)


SUITE = Suite(
    peer="numpy",
    tests=("numpy._core.tests.test_numeric",),
    only="TestCorrelate or TestConvolve",
    swaps={"numpy.correlate": correlate, "numpy.convolve": convolve},
    left_out={"TestCorrelate::test_object": "xcorr has no sums of decimal numbers"},
)
