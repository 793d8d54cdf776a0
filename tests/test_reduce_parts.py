"""Reductions of parts of responses, of pairs, and of kernels that are transformed just before their sums."""

import numpy as np
import pytest
from checks import random_generator, real_numbers
from looping import for_each
from pairs import SHAPES
from parts import CASES, PARTS, part_of
from quads import operands
from reductions import EXTREMES, NAMES, OVERS, assert_are_of, assert_reduced, assert_same_reductions, axes_of

import xcorr
from xcorr import _pairs
from xcorr._methods import fresh_kernels

cases = pytest.mark.parametrize(("method", "image", "kernels", "keywords"), CASES.values(), ids=CASES)


@pytest.mark.usefixtures("level")
@cases
@for_each("dtype", ["float32", "float64", "float16", "int16"])
def test_a_part_is_reduced_alone_and_places_are_those_of_the_whole(method, image, kernels, keywords, dtype):
    if method == "winograd" and dtype in ("int16", "float16"):
        return
    rng = random_generator("part", image, kernels, dtype)
    images, bank = ((8 * real_numbers(rng, shape, "float64")).astype(dtype) for shape in ((2, *image), kernels))
    words = {"layout": "NHWC", "method": method, **keywords}
    shape = xcorr.correlate(images, bank, **words).shape
    for index, shares in enumerate(PARTS):
        assert_reduced(images, bank, roi=part_of(shape[1:3], shares), workers=1 + index % 2, **words)


@cases
def test_what_a_method_hands_back_counts_in_a_part_too(method, image, kernels, keywords):
    rng = random_generator("part", image, kernels)
    images, bank = (real_numbers(rng, shape, "float32") for shape in ((2, *image), kernels))
    images[0, image[0] // 3, image[1] // 2], images[1, image[0] // 2, image[1] // 3] = np.nan, 1e30
    words = {"layout": "NHWC", "method": method, **keywords}
    shape = xcorr.correlate(images, bank, **words).shape
    for shares in PARTS:
        assert_reduced(images, bank, roi=part_of(shape[1:3], shares), names=(*EXTREMES, "ppv"), **words)


def test_of_whole_numbers_that_a_line_refuses_a_part_is_reduced():
    images, kernels = np.ones((1, 30000), np.int16), np.ones((1, 5000), np.int16)
    images[0, :100] = 30000
    roi = slice(None), slice(20000, 24000)
    words = {"method": "fft", "dtype": "int16", "roi": roi}
    assert_reduced(images, kernels, **words)
    with pytest.raises(OverflowError, match="does not fit int16"):
        xcorr.correlate(images, kernels, reduce="max", **{**words, "roi": (slice(None), slice(50, 90))})


def test_an_empty_part_has_no_best_place():
    images, kernels = np.ones((2, 5, 6)), np.ones((3, 2, 2))
    words = {"layout": "NHW", "roi": (slice(2, 2), slice(None))}
    for name in EXTREMES:
        with pytest.raises(ValueError, match=f"reduce: got '{name}' over no positions; at least 1 is needed"):
            xcorr.correlate(images, kernels, reduce=name, **words)
        assert xcorr.correlate(images, kernels, reduce=name, over="kernels", **words).shape == (2, 0, 5)
    mean, ppv, energy = xcorr.correlate(images, kernels, reduce=("mean", "ppv", "energy"), **words)
    assert mean.shape == ppv.shape == energy.shape == (2, 3)
    assert np.isnan(mean).all()
    assert np.isnan(ppv).all()
    assert (energy == 0).all()


# --- pairs ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("layout", "images", "kernels", "keywords"), SHAPES.values(), ids=SHAPES)
@for_each("dtype", ["float32", "float64", "uint8"])
@for_each("method", ["auto", "direct", "fft"])
def test_pairs_are_reduced_each_by_itself(layout, images, kernels, keywords, dtype, method):
    rng = random_generator("pairs", images, kernels, dtype)
    numbers = (8 * real_numbers(rng, shape, "float64") for shape in (images, kernels))
    batch, banks = ((np.abs(array) if dtype == "uint8" else array).astype(dtype) for array in numbers)
    words = {"layout": layout, "method": method, "pairwise": True, **keywords}
    for workers in (1, 2):
        assert_reduced(batch, banks, workers=workers, **words)
    response = xcorr.correlate(batch, banks, **words)
    for over in OVERS:
        found = xcorr.correlate(batch, banks, reduce=NAMES, over=over, **words)
        prepared = xcorr.Correlator(banks, reduce=NAMES, over=over, **words)
        assert_same_reductions(prepared(batch), found)
        assert_same_reductions(prepared(batch), found)
        outs = tuple(np.full((2, *result.shape), 77, result.dtype)[::-1][0] for result in found)
        assert xcorr.correlate(batch, banks, reduce=NAMES, over=over, out=outs, **words) == outs
        assert_are_of(outs, response, NAMES, over, axes_of(batch, banks, **words))


def test_more_pairs_than_are_done_at_once_are_reduced(monkeypatch):
    monkeypatch.setattr(_pairs, "TAPS_AT_ONCE", 40)
    rng = random_generator("many pairs")
    batch, banks = real_numbers(rng, (11, 9, 10), "float32"), real_numbers(rng, (11, 3, 3), "float32")
    assert_reduced(batch, banks, layout="NHW", pairwise=True)


@for_each("layout", ["NHW", "NHWC"])
def test_pairs_of_which_one_is_refused_leave_out_as_it_was(layout):
    batch, banks = np.ones((3, 5, 5), np.int16), np.ones((3, 3, 3), np.int16)
    batch[2] = 30000
    out = np.full(3, 77, np.int16)
    if layout == "NHWC":
        batch, banks = batch[..., np.newaxis], banks[..., np.newaxis]
    with pytest.raises(OverflowError, match="dtype"):
        xcorr.correlate(batch, banks, layout=layout, pairwise=True, dtype="int16", reduce="max", out=out)
    assert (out == 77).all()


def test_no_pair_is_reduced_to_nothing():
    words = {"layout": "NHW", "pairwise": True, "reduce": "max"}
    assert xcorr.correlate(np.ones((0, 5, 6)), np.ones((0, 3, 3)), **words).shape == (0,)
    assert xcorr.correlate(np.ones((0, 5, 6)), np.ones((0, 3, 3)), over="kernels", **words).shape == (0, 3, 4)
    assert xcorr.correlate(np.ones((2, 5, 6)), np.ones((2, 0, 3, 3)), **words).shape == (2, 0)


# --- winograd with new kernels ----------------------------------------------------------------------------------------


@for_each("tap", [None, (39, 2, 2, 23), (33, 1, 0, 7)])
def test_kernels_that_are_transformed_just_before_their_sums(tap, monkeypatch):
    """With a subnormal tap the call is given up when some panels are reduced already."""
    monkeypatch.setattr("xcorr._job.MULTIPLY_ADDS_PER_WORKER", 1)
    monkeypatch.setattr(fresh_kernels, "LEAST_PANELS", 0)
    monkeypatch.setattr(fresh_kernels, "QUADS_PER_KERNEL", 1000)
    images, kernels = operands((3, 9, 10, 24), (300, 3, 3, 24))
    if tap is not None:
        kernels[(*(tap[0] + 250,), *tap[1:])] = 1e-40
    for over in OVERS:
        prepared = xcorr.Correlator(kernels, method="winograd", reduce=NAMES, over=over)
        expected = prepared(images, workers=1)
        for workers in (1, 2, 3, 8):
            found = xcorr.correlate(images, kernels, method="winograd", reduce=NAMES, over=over, workers=workers)
            assert_same_reductions(found, expected)
    assert_reduced(images, kernels, method="winograd", workers=2)
    assert_reduced(images, kernels, method="winograd", workers=2, roi=(slice(3, 4), slice(2, 7)))
