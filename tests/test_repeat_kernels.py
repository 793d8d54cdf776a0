"""Kernels of a small call that is done again, which may have changed since."""

import gc

import numpy as np
import pytest
from checks import assert_same_bits, random_generator, real_numbers, whole_numbers
from repeats import afresh, operands, over_calls, remembered

import xcorr
from xcorr import _cache, _run
from xcorr._methods import direct

pytestmark = pytest.mark.usefixtures("level")


def test_kernels_that_lie_otherwise_are_not_taken_for_those_before():
    images, kernels, _ = operands("plain")
    for _ in range(3):
        for _ in range(3):
            assert_same_bits(xcorr.correlate(images, kernels), xcorr.correlate(images, kernels, workers=1))
        transposed = kernels.T  # the same bytes in memory
        assert_same_bits(xcorr.correlate(images, transposed), afresh(images, transposed))
        reshaped = kernels.reshape(1, 9)
        assert_same_bits(xcorr.correlate(images, reshaped), afresh(images, reshaped))
        other = kernels.view(np.int32)
        assert_same_bits(xcorr.correlate(images, other), afresh(images, other))


@over_calls
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("verb", ["correlate", "convolve"])
def test_kernels_that_change_in_place_are_packed_anew(name, dtype, verb):
    images, kernels, keywords = operands(name, dtype)
    call = getattr(xcorr, verb)
    bias = real_numbers(random_generator("bias"), 1 if kernels.ndim == 2 else len(kernels), dtype)
    for more in ({}, {"bias": bias}):
        _cache.recent_calls.clear()
        for turn in range(6):
            kernels += kernels.dtype.type(turn)
            kernels[..., 0] *= -1
            own = kernels if verb == "correlate" else turned(kernels, keywords.get("layout"))
            assert_same_bits(call(images, kernels, **keywords, **more), afresh(images, own, **keywords, **more))
        as_summed = name != "planes" and kernels.nbytes <= direct.LARGEST_KEPT_BANK - 100
        assert len(remembered()) == as_summed


def turned(kernels, layout):
    rows = -2 if layout in ("NCHW", "NHW") or kernels.ndim == 2 else -3
    return np.flip(kernels, (rows, rows + 1))


def test_kernels_that_are_not_finite_any_more_are_seen():
    images, kernels, _ = operands("plain")
    for value in (1, np.nan, 2, np.inf, 3):
        kernels[0, 0] = value
        for _ in range(3):
            assert_same_bits(xcorr.correlate(images, kernels), afresh(images, kernels))


@pytest.mark.parametrize("verb", ["correlate", "convolve"])
def test_kernels_resized_while_the_response_is_allocated_are_not_read_beyond_their_end(verb):
    call = getattr(xcorr, verb)
    images = real_numbers(random_generator("resized"), (60, 60), "float32")
    gc.collect()
    thresholds = gc.get_threshold()
    try:
        for threshold in range(1, 30):
            kernels = np.ones((20, 20), np.float32)
            for _ in range(4):
                call(images, kernels, method="direct")
            changed, junk = kernels + 1, []

            class Resizing:
                def __del__(self, changed=changed, junk=junk):
                    changed.resize((1, 1), refcheck=False)
                    junk.extend(np.full(390, np.nan, np.float32) for _ in range(50))

            gc.disable()
            resizing = Resizing()
            resizing.itself = resizing
            del resizing
            gc.set_threshold(threshold)
            gc.enable()
            response = call(images, changed, method="direct")
            gc.disable()
            assert response.shape in ((41, 41), (60, 60))
            assert not np.isnan(response).any()
    finally:
        gc.set_threshold(*thresholds)
        gc.enable()


def test_misaligned_kernels_are_read_as_they_lie():
    images, kernels, _ = operands("plain")
    memory = np.empty(kernels.nbytes + 1, np.uint8)
    misaligned = memory[1:].view(np.float32).reshape(kernels.shape)
    for turn in range(6):
        misaligned[...] = kernels * np.float32(turn)
        assert_same_bits(xcorr.correlate(images, misaligned), afresh(images, misaligned.copy()))


@pytest.mark.parametrize("dtype", ["float32", "int64"])
@pytest.mark.parametrize("changed", ["kernels", "bias"])
def test_operands_that_another_thread_changes_meanwhile_are_remembered_as_they_were_read(monkeypatch, dtype, changed):
    rng = random_generator("meanwhile", dtype)
    images, kernels = (whole_numbers(rng, shape, dtype) for shape in ((28, 28), (2, 3, 3)))
    bias = np.array([1, 2], dtype)
    given = {"kernels": kernels, "bias": bias}[changed]
    before, respond = given.copy(), _run.respond
    expected = afresh(images, kernels.copy(), bias=bias.copy(), layout="NHW")

    def changing(job, shape, target):
        response = respond(job, shape, target)
        given[...] += 1
        return response

    xcorr.correlate(images, kernels, bias=bias, layout="NHW")
    _cache.recent_calls.clear()
    with monkeypatch.context() as patch:
        patch.setattr(_run, "respond", changing)
        assert_same_bits(xcorr.correlate(images, kernels, bias=bias, layout="NHW"), expected)
    assert len(remembered()) == 1
    changed_response = afresh(images, kernels.copy(), bias=bias.copy(), layout="NHW")
    assert_same_bits(xcorr.correlate(images, kernels, bias=bias, layout="NHW"), changed_response)
    given[...] = before
    assert_same_bits(xcorr.correlate(images, kernels, bias=bias, layout="NHW"), expected)
