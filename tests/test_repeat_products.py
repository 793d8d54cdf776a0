"""Products of windows with a large bank that are done again: kernels are read where they lie, whatever they are now."""

import weakref

import numpy as np
import pytest
from checks import assert_same_bits, random_generator, real_numbers
from looping import for_each

import xcorr
from xcorr import _cache, _job, _run

CASES = {
    "pixels": ((1, 1, 1, 900), (300, 1, 1, 900), {}),
    "several": ((7, 1, 1, 700), (400, 1, 1, 700), {"bias": np.arange(400, dtype="f4")}),
    "whole-images": ((5, 7, 7, 32), (170, 7, 7, 32), {}),
    "planes": ((9, 24, 26), (430, 24, 26), {"layout": "NHW"}),
    "channels-first": ((4, 500, 1, 1), (600, 500, 1, 1), {"layout": "NCHW"}),
    "some-windows": ((6, 2, 2, 512), (513, 1, 1, 512), {}),
    "one-image": ((24, 26), (430, 24, 26), {"layout": "NHW"}),
}
cases = pytest.mark.parametrize(("images", "kernels", "keywords"), CASES.values(), ids=CASES)


@pytest.fixture(autouse=True)
def planned(monkeypatch):
    """The calls that were planned."""
    _cache.clear_caches()
    monkeypatch.setattr(_job, "MULTIPLY_ADDS_PER_WORKER", 1000)
    found, own = [], _run.Job

    def noted(*words):
        found.append(True)
        return own(*words)

    monkeypatch.setattr(_run, "Job", noted)
    yield found
    _cache.clear_caches()


def operands(images, kernels, dtype="float32"):
    rng = random_generator(images, kernels, dtype)
    return real_numbers(rng, images, dtype), real_numbers(rng, kernels, dtype)


def afresh(*arrays, **keywords):
    _cache.recent_calls.clear()
    return xcorr.correlate(*arrays, workers=1, **keywords)


@pytest.mark.usefixtures("level")
@cases
@for_each("dtype", ["float32", "float64"])
def test_bits_are_those_of_a_planned_call(images, kernels, keywords, dtype, planned):
    images, kernels = operands(images, kernels, dtype)
    assert xcorr.choose_method(images.shape, kernels.shape, layout=keywords.get("layout")) == "matmul"
    expected = afresh(images, kernels, **keywords)
    prepared = xcorr.Correlator(kernels, **keywords)
    for call in (lambda *words, **more: xcorr.correlate(*words, kernels, **keywords, **more), prepared):
        for workers in (1, 2, 3):
            for _ in range(3):
                assert_same_bits(call(images, workers=workers), expected)
            planned.clear()
            assert_same_bits(call(images.copy(), workers=workers), expected)
            assert not planned
        out = np.full((*expected.shape, 2), np.nan, dtype)[..., 0]
        for _ in range(3):
            assert_same_bits(np.ascontiguousarray(call(images, workers=2, out=out)), expected)


@cases
def test_other_kernels_take_the_place_of_the_first(images, kernels, keywords, planned):
    images, kernels = operands(images, kernels)
    others = [np.roll(kernels, shift, axis=0) for shift in range(4)]
    expected = [afresh(images, other, **keywords) for other in others]
    for _ in range(2):
        for other, response in zip(others, expected, strict=True):
            assert_same_bits(xcorr.correlate(images, other, workers=2, **keywords), response)
    planned.clear()
    kernels = others[1].copy()
    kernels[3] = np.inf
    response = xcorr.correlate(images, kernels, workers=2, **keywords)
    assert not planned
    axis = 1 if keywords.get("layout") == "NCHW" else -1
    assert not np.isfinite(np.take(response, 3, axis)).any()
    assert_same_bits(np.delete(response, 3, axis), np.delete(expected[1], 3, axis))


def test_kernels_where_the_response_goes_are_not_overwritten():
    images, kernels = operands(*CASES["pixels"][:2])
    expected = afresh(images, kernels)
    for _ in range(4):
        bank = kernels.copy()
        out = bank.reshape(-1)[:300].reshape(1, 1, 1, 300)
        assert_same_bits(xcorr.correlate(images, bank, out=out), expected)


def test_kernels_are_not_kept(planned):
    images, kernels = operands(*CASES["pixels"][:2])
    for _ in range(4):
        bank = kernels.copy()
        xcorr.correlate(images, bank)
        kept = weakref.ref(bank)
        del bank
        assert kept() is None
    assert len(planned) == 1


def test_a_bias_that_is_an_array_is_read_at_each_call():
    images, kernels = operands(*CASES["pixels"][:2])
    bias = np.zeros(300, np.float32)
    plain = xcorr.correlate(images, kernels, bias=bias)
    for number in (1, 2, 3, 4):
        bias[:] = number
        assert np.allclose(xcorr.correlate(images, kernels, bias=bias), plain + number)


def test_converted_kernels_are_planned_each_time(planned):
    images, kernels = operands(*CASES["pixels"][:2])
    prepared = xcorr.Correlator(kernels.astype(">f4"))
    for n_calls in (1, 2, 3):
        assert_same_bits(prepared(images), afresh(images, kernels))
        assert len(planned) == 2 * n_calls
