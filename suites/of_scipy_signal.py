"""SciPy's tests of convolutions and correlations."""

from suite import Suite

from xcorr.compat import scipy_signal

NAMES = ("correlate", "convolve", "correlate2d", "convolve2d", "fftconvolve", "oaconvolve", "correlation_lags")

SUITE = Suite(
    peer="scipy",
    tests=("scipy.signal.tests.test_signaltools",),
    only="TestConvolve or TestConvolve2d or TestFFTConvolve or TestOAConvolve or TestAllFreqConvolves or "
    "TestCorrelateReal or TestCorrelate or TestCorrelateComplex or TestCorrelate2d or TestCorrelationLags",
    swaps={f"scipy.signal.{name}": getattr(scipy_signal, name) for name in NAMES},
)
