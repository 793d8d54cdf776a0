"""Calls of a peer and of the drop-ins for it, and what must be the same of both."""

import numpy as np


def pixels(rng, shape, dtype):
    """Values over an integer type's range, as far as sums of few of them are exact in float64."""
    dtype = np.dtype(dtype)
    if dtype.kind in "biu":
        kept = np.iinfo(dtype) if dtype.kind != "b" else np.iinfo(np.int8)
        lowest, highest = (0, 1) if dtype.kind == "b" else (max(kept.min, -(2**20)), min(kept.max, 2**20))
        return rng.integers(lowest, highest, shape, endpoint=True).astype(dtype)
    values = rng.standard_normal(shape)
    return (values + 1j * rng.standard_normal(shape) if dtype.kind == "c" else values).astype(dtype)


def result(library, name, *arguments, **keywords):
    """What a library's function returns or raises; arrays are copied, so that each library writes its own."""
    keywords = {key: value.copy() if isinstance(value, np.ndarray) else value for key, value in keywords.items()}
    try:
        return getattr(library, name)(*arguments, **keywords)
    except Exception as error:
        return error


def assert_same_calls(drop_in, peer, name, *arguments, digits=None, **keywords):
    """The drop-in and its peer agree: type, shape, integers exactly, floats but for the last digits."""
    given, expected = (result(lib, name, *arguments, **keywords) for lib in (drop_in, peer))
    if isinstance(expected, Exception):
        assert isinstance(given, type(expected)), f"{given!r} instead of {expected!r}"
        return
    if isinstance(given, Exception):
        raise given
    assert given.dtype == expected.dtype
    assert given.shape == expected.shape
    if expected.dtype.kind == "b":
        expected = expected.view(np.uint8) != 0  # bytes other than 0 and 1 are there
    if expected.dtype.kind in "biu":
        np.testing.assert_array_equal(given, expected)
    else:
        largest = max(np.max(np.abs(expected), initial=0), np.max(np.abs(arguments[0]), initial=0))
        real = expected.dtype.type(0).real.dtype
        np.testing.assert_allclose(given, expected, rtol=0, atol=(digits or 16) * np.finfo(real).eps * largest)
