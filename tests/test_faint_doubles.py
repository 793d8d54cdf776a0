"""Subnormal numbers of float64: their images and kernels are multiplied by powers of two, and no others change."""

import numpy as np
import pytest
from checks import assert_same_bits, random_generator, real_numbers
from looping import for_each

import xcorr
from xcorr import _cache, _dispatch

SMALLEST = np.finfo(np.float64).smallest_normal
CASES = {  # images, kernels, keywords
    "kernels": ((3, 9, 10, 8), (5, 3, 3, 8), {"method": "direct"}),
    "columns": ((3, 12, 21, 1), (2, 5, 5, 1), {"padding": "same", "fill_value": 1.5}),
    "channels": ((3, 12, 12, 20), (20, 3, 3, 1), {"groups": 20, "method": "direct"}),
    "groups": ((3, 12, 12, 6), (4, 3, 3, 3), {"groups": 2}),
    "channels-first": ((3, 8, 12, 12), (16, 8, 3, 3), {"layout": "NCHW", "padding": "same", "boundary": "reflect"}),
    "winograd": ((3, 8, 8, 32), (32, 3, 3, 32), {"method": "winograd"}),
    "matmul": ((3, 7, 7, 64), (64, 7, 7, 64), {"method": "matmul"}),
    "one": ((30, 31), (5, 5), {}),
}
cases = pytest.mark.parametrize(("images", "kernels", "keywords"), CASES.values(), ids=CASES)


@pytest.fixture(autouse=True)
def always_slow():
    _cache.clear_caches()
    with _dispatch.with_subnormals(True):
        yield
    _cache.clear_caches()


def operands(images, kernels):
    rng = random_generator(images, kernels, "float64")
    return real_numbers(rng, images, "float64"), real_numbers(rng, kernels, "float64")


def as_they_are(images, kernels, **keywords):
    """As a machine does it that is as fast with subnormal numbers as with others."""
    with _dispatch.with_subnormals(False):
        _cache.clear_caches()
        response = xcorr.correlate(images, kernels, **keywords)
    _cache.clear_caches()
    return response


def assert_near(response, images, kernels, **keywords):
    magnitudes = {name: np.abs(word) if name in ("fill_value", "bias") else word for name, word in keywords.items()}
    size = as_they_are(np.abs(images), np.abs(kernels), **{**magnitudes, "method": "direct"})
    with np.errstate(over="ignore"):
        allowed = 2 * kernels.size * np.finfo(np.float64).eps * size + 2 * np.finfo(np.float64).smallest_subnormal
    expected = as_they_are(images, kernels, **{**keywords, "method": "direct"})
    assert (np.abs(response - expected) <= allowed).all()


@pytest.mark.usefixtures("level")
@cases
@for_each("which", ["pixel", "image", "tap", "kernel", "both", "tails"])
def test_they_change_their_own_responses_alone(images, kernels, keywords, which):
    images, kernels = operands(images, kernels)
    before = xcorr.correlate(images, kernels, **keywords)
    batch, bank = images.ndim > 2, kernels.ndim > 2
    image, kernel = images[1] if batch else images, kernels[1] if bank else kernels
    if which in ("pixel", "both"):
        image.flat[image.size // 2] = SMALLEST / 8
    if which == "image":
        image *= SMALLEST / 64
    if which in ("tap", "both"):
        kernel.flat[kernel.size // 2] = SMALLEST / 16
    if which == "kernel":
        kernel *= SMALLEST / 64
    if which == "tails":
        kernels *= np.geomspace(1, SMALLEST / 1024, kernels.size).reshape(kernels.shape)
    for _ in range(2):
        response = xcorr.correlate(images, kernels, **keywords)
        assert_near(response, images, kernels, **keywords)
        if batch and which in ("pixel", "image"):
            assert_same_bits(response[[0, 2]], before[[0, 2]])
        if bank and which in ("tap", "kernel"):
            axis = -3 if keywords.get("layout") == "NCHW" else -1
            assert_same_bits(np.delete(response, 1, axis), np.delete(before, 1, axis))
        prepared = xcorr.Correlator(kernels, **keywords)
        for workers in (1, 3):
            assert_same_bits(prepared(images, workers=workers), response)
            if batch:
                assert_same_bits(prepared(images[1:2], workers=workers), response[1:2])


@for_each("bias", [None, 2.5])
def test_sums_that_overflow_with_factors_are_made_without(bias):
    images, kernels = operands((2, 9, 9), (2, 3, 3))
    images[0] *= 1e290
    images[0, 4, 4] = SMALLEST / 4
    kernels[1] *= 1e-10
    kernels[1, 1, 1] = SMALLEST / 4
    kernels[0] *= 1e10
    keywords = {"layout": "NHW"} if bias is None else {"layout": "NHW", "bias": np.full(2, bias)}
    response = xcorr.correlate(images, kernels, **keywords)
    assert np.isfinite(response).all()
    assert_near(response, images, kernels, **keywords)


@for_each("number", [np.nan, np.inf])
def test_numbers_that_are_not_finite_mean_what_they_do(number):
    images, kernels = operands((2, 9, 9), (2, 3, 3))
    images[:, 1, 1] = number
    images[1, 7, 7] = SMALLEST / 4
    kernels[1, 1, 1] = SMALLEST / 4
    response = xcorr.correlate(images, kernels, layout="NHW")
    expected = as_they_are(images, kernels, layout="NHW")
    np.testing.assert_array_equal(np.isnan(response), np.isnan(expected))
    np.testing.assert_array_equal(np.isinf(response), np.isinf(expected))


def test_operands_are_not_changed():
    images, kernels = operands((2, 9, 9), (2, 3, 3))
    images[0] *= SMALLEST
    kernels[1] *= SMALLEST
    before = images.copy(), kernels.copy()
    out = np.empty((2, 9, 9, 2))
    xcorr.correlate(images, kernels, layout="NHW", padding="same", out=out)
    assert_same_bits(images, before[0])
    assert_same_bits(kernels, before[1])
    assert_same_bits(out, xcorr.correlate(images, kernels, layout="NHW", padding="same"))


@for_each("method", ["direct", "winograd", "matmul"])
def test_a_response_that_is_no_number_changes_no_other(method, monkeypatch):
    monkeypatch.setattr(_dispatch, "subnormals_are_slow", lambda: True)
    rng = random_generator("no number", method)
    images, kernels = rng.standard_normal((2, 24, 30)), rng.standard_normal((2, 3, 3))
    kernels[0, 1, 1], images[0, 5, 7] = 7 * np.finfo(np.float64).smallest_subnormal, np.nan
    words = {"layout": "NHW", "method": method}
    whole = xcorr.correlate(images, kernels, **words)
    for index in range(2):
        assert_same_bits(xcorr.correlate(images[index : index + 1], kernels, **words), whole[index : index + 1])
    part = xcorr.correlate(images, kernels, roi=(slice(12, 20), slice(None)), **words)
    assert_same_bits(part, np.ascontiguousarray(whole[:, 12:20]))
