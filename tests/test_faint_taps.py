"""Subnormal taps: their kernels are summed in float64, and nothing else in the bank or the batch changes."""

import numpy as np
import pytest
from checks import assert_same_bits, random_generator, real_numbers
from guarded import Guarded
from looping import for_each

import xcorr
from xcorr import _cache, _dispatch
from xcorr._methods import direct

CASES = {  # images, kernels, keywords
    "columns": ((2, 20, 21, 1), (3, 5, 5, 1), {}),
    "kernels": ((2, 9, 10, 8), (33, 3, 3, 8), {"padding": 1}),
    "channels": ((1, 12, 12, 20), (20, 3, 3, 1), {"groups": 20, "method": "direct"}),
    "groups": ((1, 9, 9, 12), (8, 3, 3, 3), {"groups": 4}),
    "winograd": ((1, 8, 8, 32), (32, 3, 3, 32), {"method": "winograd"}),
}
cases = pytest.mark.parametrize(("images", "kernels", "keywords"), CASES.values(), ids=CASES)
SMALLEST = np.finfo(np.float32).smallest_normal


def operands(images, kernels, dtype="float32"):
    rng = random_generator(images, kernels, dtype)
    return real_numbers(rng, images, dtype), real_numbers(rng, kernels, dtype)


@pytest.fixture
def in_float64(monkeypatch):
    """What is summed in float64, as direct's runs are noted."""
    noted = []
    for name in ("run", "do_kernels"):
        own = getattr(direct, name)

        def note(*words, own=own, name=name):
            if any(isinstance(word, str) and word == "f8" for word in words):
                noted.append(name)
            return own(*words)

        monkeypatch.setattr(direct, name, note)
    return noted


@pytest.mark.usefixtures("level")
@cases
def test_a_kernel_with_subnormal_taps_changes_no_bit_of_the_others(images, kernels, keywords, in_float64):
    images, kernels = operands(images, kernels)
    expected = xcorr.correlate(images, kernels, **keywords)
    assert not in_float64
    kernels[1].flat[0] = SMALLEST / 8
    response = xcorr.correlate(images, kernels, **keywords)
    assert in_float64 == ["do_kernels"]
    assert_same_bits(np.delete(response, 1, 3), np.delete(expected, 1, 3))
    wide = xcorr.correlate(images.astype("f8"), kernels, **{**keywords, "method": "direct"})
    assert_same_bits(response[..., 1], wide[..., 1].astype("f4"))
    prepared = xcorr.Correlator(kernels, **keywords)
    for workers in (1, 3):
        assert_same_bits(prepared(images, workers=workers), response)
        assert_same_bits(prepared(images[-1:], workers=workers), response[-1:])


@pytest.mark.usefixtures("level")
@cases
def test_a_bank_of_such_kernels_is_summed_in_float64(images, kernels, keywords, in_float64):
    images, kernels = operands(images, kernels)
    kernels[:, -1, -1, -1] = -SMALLEST / 2
    response = xcorr.correlate(images, kernels, **keywords)
    assert in_float64 == ["run"]
    wide = xcorr.correlate(images.astype("f8"), kernels, **{**keywords, "method": "direct"})
    assert_same_bits(response, wide.astype("f4"))
    for order in ((3, 2, 1, 0), (0, 3, 1, 2)):
        turned = np.ascontiguousarray(kernels.transpose(order)).transpose(np.argsort(order))
        assert_same_bits(xcorr.correlate(images, turned, **keywords), response)
    assert_same_bits(xcorr.convolve(images, kernels[:, ::-1, ::-1], **keywords), response)


@for_each("dtype", ["complex64", ">f4", "float16"])
def test_such_taps_are_found_in_arrays_of_any_kind(dtype, in_float64):
    images, kernels = operands((1, 9, 9, 1), (2, 3, 3, 1))
    kernels = kernels.astype(dtype)
    in_float64.clear()
    xcorr.correlate(images, kernels)
    assert not in_float64
    kernels[0, 0, 0, 0] = np.float32(SMALLEST / 4) * (1j if dtype == "complex64" else 1)
    if dtype != "float16":  # whose subnormal numbers are others in float32
        found = xcorr.correlate(images, kernels)
        assert in_float64
        exact = xcorr.correlate(images, kernels.astype("c16" if dtype == "complex64" else "f8"))
        assert np.allclose(found, exact, rtol=1e-5, atol=1e-6)


def test_tails_of_a_gaussian_keep_their_value_alone():
    distance = np.arange(-40, 41) / 3
    taps = np.exp(-(distance**2) / 2).astype(np.float32)
    assert ((taps > 0) & (taps < SMALLEST)).any()
    images = np.zeros((1, 200), np.float32)
    images[0, 100] = 2.0**20
    response = xcorr.correlate(images, taps[np.newaxis], layout="NHW" if images.ndim == 3 else None)
    expected = np.correlate(images[0].astype("f8"), taps.astype("f8"), "valid").astype("f4")
    assert_same_bits(response[0], expected)


def test_small_calls_that_are_repeated_look_at_other_kernels():
    _cache.clear_caches()
    image, kernel = operands((28, 28), (3, 3))
    usual = xcorr.correlate(image, kernel)
    faint = kernel.copy()
    faint[1, 1] = SMALLEST / 2
    fresh = xcorr.correlate(image, faint)
    for _ in range(3):
        assert_same_bits(xcorr.correlate(image, kernel), usual)
        assert_same_bits(xcorr.correlate(image, faint), fresh)
    wide = xcorr.correlate(image.astype("f8"), faint.astype("f8"))
    assert_same_bits(fresh, wide.astype("f4"))


@for_each("method", ["direct", "winograd"])
def test_whole_numbers_of_a_response_are_saturated_as_others(method):
    images, kernels = operands((1, 8, 8, 32), (32, 3, 3, 32))
    kernels *= 100
    kernels[3, 0, 0, 0] = SMALLEST / 2
    keywords = {"dtype": "int8", "overflow": "saturate"}
    response = xcorr.correlate(images, kernels, **keywords)
    expected = np.clip(np.rint(xcorr.correlate(images, kernels.astype("f8"))), -128, 127)
    assert np.abs(response - expected).max() <= 1
    assert (response[..., 3] == expected[..., 3]).mean() > 0.99


@pytest.mark.usefixtures("level")
def test_repeated_calls_read_no_pixel_that_is_not_theirs():
    """Kernels that are summed in float64, of images of float32 where those are looked at."""
    _cache.clear_caches()
    with _dispatch.with_subnormals(True):
        images, kernels = operands((2, 30, 31, 1), (2, 5, 5, 1))
        kernels *= SMALLEST / 8
        expected = xcorr.correlate(images.astype("f8"), kernels, method="direct").astype("f4")
        prepared, guarded = xcorr.Correlator(kernels), Guarded(at_end=True)
        for _ in range(3):
            assert_same_bits(xcorr.correlate(guarded(images), kernels), expected)
            assert_same_bits(prepared(guarded(images)), expected)
    _cache.clear_caches()


@for_each("shape", [(5, 1, 1, 2048), (3, 7, 7, 32), (200, 1, 1, 512)])
@for_each("place", [0, 3, 99])
def test_taps_that_are_read_where_they_lie_are_found(shape, place):
    """By products, which look at each kernel when they have read it."""
    _cache.clear_caches()
    with _dispatch.with_subnormals(True):
        images, kernels = operands(shape, (100, *shape[1:]))
        usual = xcorr.correlate(images, kernels, method="matmul")
        faint = kernels.copy()
        faint[place].flat[7] = SMALLEST / 8
        for _ in range(2):
            for workers in (1, 2):
                response = xcorr.correlate(images, faint, method="matmul", workers=workers)
                assert_same_bits(np.delete(response, place, 3), np.delete(usual, place, 3))
                wide = xcorr.correlate(images.astype("f8"), faint, method="direct")
                assert_same_bits(response[..., place], wide[..., place].astype("f4"))
            assert_same_bits(xcorr.correlate(images, kernels, method="matmul"), usual)
        assert_same_bits(xcorr.Correlator(faint, method="matmul")(images), response)
    _cache.clear_caches()
