"""Masks: pixels that do not count change no bit, and what is seen in part is what its own formula says."""

import numpy as np
import pytest
from checks import assert_same_bits, random_generator
from looping import for_each
from matching import SCORES, values

import xcorr


@pytest.mark.parametrize("score", SCORES)
@for_each("dtype", ["float32", "float64", "uint8"])
@for_each("method", ["auto", "direct", "fft"])
def test_pixels_that_do_not_count_change_no_bit(score, dtype, method):
    rng = random_generator(score, dtype, method)
    image = values(rng, (30, 40), dtype, "noise")
    mask = rng.random(image.shape) > 0.4
    template = values(rng, (6, 5), dtype, "noise")
    taps = rng.random(template.shape) > 0.3
    expected = xcorr.match(image, template, score=score, mask=mask, template_mask=taps, method=method)
    others = [0, 200] if dtype == "uint8" else [np.nan, np.inf, -np.inf, 1e30, 0]
    for value in others:
        hidden, under = np.where(mask, image, value).astype(dtype), np.where(taps, template, value).astype(dtype)
        got = xcorr.match(hidden, under, score=score, mask=mask, template_mask=taps, method=method)
        assert_same_bits(got, expected)


def test_finite_leaves_out_what_is_not():
    rng = random_generator("finite")
    image = rng.random((20, 30))
    template = image[4:10, 5:12].copy()
    mask = rng.random(image.shape) > 0.1
    image[~mask] = np.nan
    scores = xcorr.match(image, template, mask="finite")
    assert_same_bits(scores, xcorr.match(image, template, mask=mask))
    assert np.isfinite(scores).all()
    assert scores[4, 5] == pytest.approx(1)


@for_each("dtype", ["float32", "uint8"])
def test_a_mask_of_ones_is_none(dtype):
    rng = random_generator(dtype)
    image, template = values(rng, (3, 20, 30), dtype, "noise"), values(rng, (2, 6, 5), dtype, "noise")
    for score in ("zncc", "ncc", "covariance", "nssd"):
        expected = xcorr.match(image, template, score=score, layout="NHW")
        for mask in (np.ones((3, 20, 30), bool), np.ones((20, 30)), np.full((20, 30), 5)):
            got = xcorr.match(image, template, score=score, layout="NHW", mask=mask, template_mask=np.ones((6, 5)))
            assert_same_bits(got, expected)


@for_each("layout", ["NHWC", "NCHW"])
def test_forms_of_masks(layout):
    rng = random_generator(layout)
    shapes = {"NHWC": ((2, 9, 11, 3), (4, 3, 2, 3)), "NCHW": ((2, 3, 9, 11), (4, 3, 3, 2))}
    images, templates = (rng.random(shape) for shape in shapes[layout])
    seen, taps = rng.random((9, 11)) > 0.2, rng.random((3, 2)) > 0.2
    expected = xcorr.match(images, templates, layout=layout, mask=seen, template_mask=taps)
    channel = -1 if layout == "NHWC" else 1
    planes = np.broadcast_to(seen, (2, 9, 11))
    all_of_them = np.broadcast_to(np.expand_dims(planes, channel), images.shape)
    of_one = np.expand_dims(seen, 2 if layout == "NHWC" else 0)
    of_one = np.broadcast_to(of_one, all_of_them.shape[1:])
    for mask in (planes, all_of_them, planes[:1], all_of_them[:1]):
        assert_same_bits(xcorr.match(images, templates, layout=layout, mask=mask, template_mask=taps), expected)
    alone = xcorr.match(images[0], templates, layout=layout, mask=of_one, template_mask=taps)
    assert_same_bits(alone, expected[0])
    many = np.broadcast_to(taps, (4, 3, 2))
    for taps in (many, many[:1]):
        assert_same_bits(xcorr.match(images, templates, layout=layout, mask=seen, template_mask=taps), expected)


def test_overlaps_that_are_too_small_are_undefined():
    image = np.random.default_rng(1).random((10, 10))
    mask = np.zeros((10, 10), bool)
    mask[:, :5] = True
    template = image[:4, :4]
    for least, columns in ((0.25, 4), (0.26, 3), (0.5, 3), (0.75, 2), (1.0, 1), (0, 4)):
        scores = xcorr.match(image, template, mask=mask, min_overlap=least, undefined=np.nan)
        assert (np.isfinite(scores).all(axis=0) == (np.arange(7) <= columns)).all()


@for_each("score", SCORES)
@for_each("dtype", ["float32", "float64", "uint8"])
def test_templates_of_which_nothing_counts_are_undefined(score, dtype):
    image = values(random_generator(score, dtype), (9, 9), dtype, "noise")
    for taps in (np.zeros((3, 3)), np.zeros((2, 3, 3), bool)):
        templates = np.broadcast_to(image[:3, :3], taps.shape)
        scores = xcorr.match(image, templates, score=score, template_mask=taps, undefined=-3, layout="NHW")
        assert (scores == -3).all()


def test_raw_scores_are_of_the_whole_template():
    image, template = np.full((6, 6), 2.0), np.full((2, 2), 3.0)
    mask = np.ones((6, 6))
    mask[:, ::2] = 0
    assert np.allclose(xcorr.match(image, template, mask=mask, score="correlation"), 24)
    assert np.allclose(xcorr.match(image, template, mask=mask, score="ssd"), 4)
    assert np.allclose(xcorr.match(image, template, mask=mask / 3, score="ssd", min_overlap=0.1), 4)


def test_a_mask_of_all_pairs_is_not_taken_for_one_of_each():
    rng = random_generator("mask of all pairs")
    images, templates = rng.standard_normal((6, 20, 20, 2)), rng.standard_normal((6, 3, 5, 4, 2))
    mask = rng.random((3, 5, 4, 2)) > 0.3
    words = {"layout": "NHWC", "pairwise": True}
    expected = xcorr.match(images, templates, template_mask=np.broadcast_to(mask, templates.shape), **words)
    assert_same_bits(xcorr.match(images, templates, template_mask=mask, **words), expected)
    with pytest.raises(ValueError, match=r"^template_mask: got shape \(4, 3, 5, 4, 2\)"):
        xcorr.match(images, templates, template_mask=np.ones((4, 3, 5, 4, 2)), **words)
