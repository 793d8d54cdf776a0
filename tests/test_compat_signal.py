"""`xcorr.compat.scipy_signal` beside `scipy.signal`: values, types, shapes and errors; what it decides otherwise."""

import warnings

import numpy as np
import pytest
from checks import random_generator
from drop_ins import result
from looping import drawn
from scipy import signal
from scripts import run_script

from xcorr.compat import scipy_signal
from xcorr.compat._axes import correlate_axes

TYPES = ("bool", "int8", "uint8", "int16", "int32", "uint64", "int64", "float32", "float64", "complex64", "complex128")
MODES = ("full", "same", "valid")
N_DIGITS = {"float32": 5, "complex64": 5, "float64": 13, "complex128": 13}


def numbers(rng, shape, dtype):
    """Small ones, or integers of all bits."""
    kind = np.dtype(dtype).kind
    if kind in "iu" and rng.random() < 0.5:
        return rng.integers(0, 2**62, shape).astype(dtype)
    values = rng.integers(-9, 10, shape)
    return (values + 1j * rng.integers(-9, 10, shape) if kind == "c" else values).astype(dtype)


def outcome(library, name, *arguments, **keywords):
    """What comes back or is raised; SciPy's warnings are of its rounding."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return result(library, name, *arguments, **keywords)


def assert_same(name, *arguments, **keywords):
    """Equal shapes and types; equal integers, floats within the rounding of the lesser operand's type."""
    theirs = outcome(signal, name, *arguments, **keywords)
    ours = outcome(scipy_signal, name, *arguments, **keywords)
    said = f"{name}{[(one.shape, one.dtype) if hasattr(one, 'shape') else one for one in arguments]} {keywords}"
    if isinstance(theirs, ValueError) and "Unsupported type" in str(theirs):
        assert not isinstance(ours, Exception), said
        return
    if isinstance(theirs, Exception):
        assert type(ours) is type(theirs), said
        return
    assert not isinstance(ours, Exception), f"{said}: {ours!r}"
    assert (ours.shape, ours.dtype) == (theirs.shape, theirs.dtype), said
    if theirs.dtype.kind in "biu":
        assert np.array_equal(ours, theirs), said
    elif theirs.size:
        digits = min(N_DIGITS.get(operand.dtype.name, 13) for operand in arguments[:2])
        size = max(1, np.abs(theirs).max())
        if name in ("fftconvolve", "oaconvolve"):  # what SciPy's transforms round, wherever "same" looks
            size = max(size, np.prod([np.linalg.norm(operand.ravel().astype(complex)) for operand in arguments[:2]]))
        assert np.abs(ours - theirs).max() <= 10.0**-digits * size, said


def two_types(rng):
    """Two types, mostly the same one."""
    first = rng.choice(TYPES)
    return str(first), str(first if rng.random() < 0.6 else rng.choice(TYPES))


def test_convolve_and_correlate_are_those_of_scipy():
    rng = random_generator("convolve")
    for _ in range(150):
        shapes = rng.integers(1, 6, (2, rng.integers(1, 5)))
        if rng.random() < 0.5:
            shapes[1] = shapes.min(axis=0)
        dtypes = two_types(rng)
        first, second = (numbers(rng, shape, dtype) for shape, dtype in zip(shapes, dtypes))
        common = np.result_type(first, second)
        method = "direct" if common.kind in "biu" else str(rng.choice(["auto", "direct", "fft"]))
        for name in ("convolve", "correlate"):
            assert_same(name, first, second, str(rng.choice(MODES)), method)


def test_broadcast_axes_are_those_of_scipy():
    rng = random_generator("fftconvolve")
    for _ in range(150):
        n_axes = int(rng.integers(1, 6))
        axes = sorted(rng.choice(n_axes, rng.integers(1, n_axes + 1), replace=False).tolist())
        shape = np.where(rng.random(n_axes) < 0.3, 1, rng.integers(1, 6, n_axes))
        other = np.where(rng.random(n_axes) < 0.4, 1, shape)
        other[axes] = rng.integers(1, 6, len(axes))
        first, second = (numbers(rng, size, dtype) for size, dtype in zip((shape, other), two_types(rng)))
        for name in ("fftconvolve", "oaconvolve"):
            assert_same(name, first, second, str(rng.choice(MODES)), axes=axes)


@pytest.mark.parametrize("name", ["convolve2d", "correlate2d"])
def test_boundaries_of_two_axes_are_those_of_scipy(name):
    rng = random_generator(name)
    for mode, boundary, dtypes in drawn(8, MODES, ["fill", "pad", "wrap", "circular", "symm", "symmetric"], TYPES[1:]):
        first, second = (numbers(rng, rng.integers(1, 7, 2), dtypes) for _ in range(2))
        assert_same(name, first, second, mode, boundary, int(rng.integers(0, 5)))


def test_lags_say_which_samples_met():
    """Also where SciPy's are one off: mode "same" with an odd number of samples beside an even one."""
    for first, second, mode in drawn(1, range(1, 7), range(1, 7), MODES):
        lags = scipy_signal.correlation_lags(first, second, mode)
        samples, others = 2.0 ** np.arange(first), 2.0 ** (-10 * np.arange(second))
        met = [sum(samples[lag + k] * others[k] for k in range(second) if 0 <= lag + k < first) for lag in lags]
        assert np.array_equal(scipy_signal.correlate(samples, others, mode, "direct"), met), (first, second, mode)
        if mode != "same" or first % 2 == 0 or second % 2 == 1:
            assert np.array_equal(lags, signal.correlation_lags(first, second, mode))


ONES, FEW = np.ones((3, 3)), np.ones((2, 2))
WRONG = [
    ("convolve", (ONES, FEW, "eggs")),
    ("convolve", (ONES, FEW, "full", "spam")),
    ("correlate", (ONES, np.ones(2))),
    ("correlate", ([], [1.0])),
    ("convolve", ([1.0], [])),
    ("convolve", (np.ones((2, 3)), np.ones((3, 2)), "valid")),
    ("fftconvolve", (ONES, FEW, "full", [])),
    ("fftconvolve", (ONES, FEW, "full", [0, 0])),
    ("fftconvolve", (ONES, FEW, "full", [2])),
    ("fftconvolve", (ONES, FEW, "full", [0.5])),
    ("fftconvolve", (ONES, FEW, "full", [0])),
    ("oaconvolve", (ONES, FEW, "eggs")),
    ("convolve2d", (ONES, np.ones(2))),
    ("convolve2d", (ONES, FEW, "full", "reflect")),
    ("convolve2d", (ONES, FEW, "full", "fill", [1, 2])),
    ("convolve2d", ([[1]], [[1, 2]], "full", "fill", 1j)),
    ("correlate2d", (np.ones((2, 3)), np.ones((3, 2)), "valid")),
    ("correlation_lags", (3, 2, "eggs")),
]


@pytest.mark.parametrize(("name", "arguments"), WRONG, ids=lambda value: value if isinstance(value, str) else "")
def test_what_scipy_refuses_is_refused_by_the_same_kind_of_error(name, arguments):
    theirs = outcome(signal, name, *arguments)
    assert isinstance(theirs, Exception)
    assert type(outcome(scipy_signal, name, *arguments)) is type(theirs)


def test_sums_of_nothing_and_scalars():
    assert scipy_signal.fftconvolve([], [1.0]).shape == (0,)
    assert np.array_equal(scipy_signal.convolve2d(np.zeros((2, 3)), np.zeros((0, 2))), np.zeros((1, 4)))
    assert scipy_signal.convolve(3, 4) == 12
    assert scipy_signal.correlate(3, 4j) == -12j


def test_nan_reaches_its_own_windows_alone_and_nothing_warns():
    samples = np.arange(9.0)
    samples[4] = np.nan
    for method in ("auto", "direct", "fft"):
        response = scipy_signal.convolve(samples, [1.0, 2.0, 1.0], method=method)
        assert np.flatnonzero(np.isnan(response)).tolist() == [4, 5, 6]


@pytest.mark.parametrize("dtype", ["longdouble", "object", "U1"])
def test_elements_that_xcorr_has_no_sums_of_are_refused(dtype):
    with pytest.raises(TypeError, match=r"^in1: got dtype"):
        scipy_signal.convolve(np.ones(3).astype(dtype), [1.0])


def test_nothing_of_the_peer_is_imported():
    code = "import sys; from xcorr.compat import scipy_signal; print([m for m in sys.modules if m.startswith('scipy')])"
    assert run_script(code) == "[]\n"


def test_axes_of_one_tap_that_are_padded_are_not_joined():
    image = np.arange(6.0).reshape(2, 3)
    padded = correlate_axes(image, np.ones((1, 1)), [(1, 0), (0, 2)])
    assert np.array_equal(padded, np.pad(image, [(1, 0), (0, 2)]))
