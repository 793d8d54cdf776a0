"""SciPy's tests of convolutions and correlations."""

from suite import Suite

from xcorr.compat import scipy_signal

NAMES = ("correlate", "convolve", "correlate2d", "convolve2d", "fftconvolve", "oaconvolve", "correlation_lags")

SUITE = Suite(
    peer="scipy",
    tests=("scipy.signal.tests.test_signaltools",),
    only="TestConvolve or TestFFTConvolve or TestOAConvolve or TestAllFreqConvolves or TestCorrelate or "
    "test_correlation_lags or test_convolve_longdtype_input",
    swaps={f"scipy.signal.{name}": getattr(scipy_signal, name) for name in NAMES},
    left_out={
        "test_convolve_longdtype_input": "xcorr has no sums of longdouble",
        "TestFFTConvolve::test_fft_nan": "NaN reaches its own windows alone, so there is nothing to warn of",
    },
)
