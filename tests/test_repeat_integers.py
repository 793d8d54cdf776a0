"""Integers in small calls that are done again: exact, or refused, whatever the pixels have become."""

import numpy as np
import pytest
from checks import assert_same_bits, random_generator, whole_numbers
from repeats import afresh, counting, remembered

import xcorr
from xcorr import _cache

pytestmark = pytest.mark.usefixtures("level")


@pytest.mark.parametrize("dtype", ["bool", "int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64"])
@pytest.mark.parametrize("into", [False, True])
def test_integers_are_repeated_and_stay_exact(dtype, into):
    rng = random_generator("integers", dtype)
    largest = 1 if dtype == "bool" else np.iinfo(dtype).max
    kernels = rng.integers(-30, 30, (5, 5))
    kernels[0, 0] = 30
    correlator = xcorr.Correlator(kernels)
    images = np.zeros((20, 21), dtype)
    out = np.empty((16, 17), np.int64) if into else None
    _cache.recent_calls.clear()
    for largest_pixel in (1, 100, 2**14, 2**20, 100, 2**40, 2**50, 2**62, 3, 2**63):
        images[...] = rng.integers(0, min(largest, largest_pixel), images.shape, endpoint=True, dtype=np.uint64)
        if largest_pixel % 100 == 0 and np.dtype(dtype).kind == "i":
            images[::2] *= -1
        exact = [
            [int((images[y : y + 5, x : x + 5].astype(object) * kernels).sum()) for x in range(17)] for y in range(16)
        ]
        fits = all(abs(number) < 2**63 for row in exact for number in row)
        for _ in range(3):
            for call in (lambda: xcorr.correlate(images, kernels, out=out), lambda: correlator(images, out=out)):
                if fits:
                    assert call().tolist() == exact
                else:
                    with pytest.raises(OverflowError, match="int64"):
                        call()
    assert remembered()


def test_checked_and_saturated_integers_are_repeated_and_refused_as_before():
    images, kernels = np.full((9, 9), 20, np.uint8), np.ones((3, 3), np.uint8)
    for overflow in ("raise", "saturate"):
        _cache.recent_calls.clear()
        keywords = {"dtype": np.uint8, "overflow": overflow}
        for _ in range(4):
            assert (xcorr.correlate(images, kernels, **keywords) == 180).all()
        assert len(remembered()) == 1
        bright = images.copy()
        bright[4, 4] = 255
        if overflow == "saturate":
            assert xcorr.correlate(bright, kernels, **keywords).max() == 255
        else:
            with pytest.raises(OverflowError, match="uint8"):
                xcorr.correlate(bright, kernels, **keywords)
    clouds = np.full((9, 9), 20, np.float32)
    for _ in range(4):
        assert (xcorr.correlate(clouds, kernels, dtype="u1", overflow="saturate") == 180).all()
    clouds[3, 3] = np.nan
    with pytest.raises(ValueError, match="NaN"):
        xcorr.correlate(clouds, kernels, dtype="u1", overflow="saturate")


@pytest.mark.parametrize("dtype", ["int8", "int16", "int32", "int64"])
def test_pixels_of_both_signs_are_repeated(dtype):
    images = whole_numbers(random_generator("signs", dtype), (28, 28), dtype, 100)
    kernels, out = np.array([[1, -2], [3, 0]]), np.empty((27, 27), np.int64)
    correlator = xcorr.Correlator(kernels)
    calls = (lambda: xcorr.correlate(images, kernels), lambda: xcorr.correlate(images, kernels, out=out))
    for call in (*calls, lambda: correlator(images), lambda: correlator(images, out=out, workers=2)):
        expected = afresh(images, kernels)
        for _ in range(3):
            call()
        with counting() as planned:
            for _ in range(5):
                assert_same_bits(call(), expected)
        assert not planned


@pytest.mark.parametrize("dtype", ["uint8", "int8", "uint16", "int32", "uint64"])
@pytest.mark.parametrize("taps", [(-1,), (1,), (106,), (-128,), (6000001, 6000001)])
@pytest.mark.parametrize("into", [False, True])
def test_integers_that_do_not_fit_are_refused_by_repeated_calls_too(dtype, taps, into):
    kernels, limits = np.array([taps]), np.iinfo(dtype)
    out = np.full((4, 5 - len(taps)), 77, dtype) if into else None
    for first in (0, 1, -1):
        _cache.recent_calls.clear()
        correlator = xcorr.Correlator(kernels, dtype=dtype)
        calls = (
            lambda images, kernels=kernels: xcorr.correlate(images, kernels, dtype=dtype, out=out),
            lambda images, prepared=correlator: prepared(images, out=out),
        )
        for pixel in (*[first] * 4, 1, -1, 2, -2, 3, -128, 2**31, -(2**40)):
            images = np.full((4, 4), pixel)
            exact = pixel * sum(taps)
            for call in calls:
                if limits.min <= exact <= limits.max:
                    assert (call(images) == exact).all()
                else:
                    before = None if out is None else out.copy()
                    with pytest.raises(OverflowError, match=dtype):
                        call(images)
                    assert out is None or (out == before).all()


def test_saturated_integers_go_into_out_by_repeated_calls():
    images = whole_numbers(random_generator("saturated"), (20, 21), np.uint8, 255)
    kernels = np.array([[1, 2], [-1, 3]])
    out = np.empty((19, 20), np.uint8)
    keywords = {"dtype": np.uint8, "overflow": "saturate"}
    expected = afresh(images, kernels, **keywords)
    for _ in range(3):
        xcorr.correlate(images, kernels, out=out, **keywords)
    with counting() as planned:
        out[...] = 7
        assert_same_bits(xcorr.correlate(images, kernels, out=out, **keywords), expected)
    assert not planned
