"""Scores are those of the definition: every score, layout, dtype, geometry, mask and method."""

import pickle

import numpy as np
import pytest
from checks import FLOATS, INTEGERS, assert_same_bits, random_generator
from looping import for_each
from matching import SCORES, assert_scores, random_call, values

import xcorr
from xcorr import _areas, _reference

METHODS = ("auto", "direct", "matmul", "fft")
CASES = 16
APART = _areas.APART


@pytest.mark.usefixtures("level")
@pytest.mark.parametrize("score", SCORES)
@pytest.mark.parametrize("dtypes", [FLOATS, INTEGERS, FLOATS + INTEGERS], ids=["floats", "integers", "both"])
@for_each("case", range(CASES))
def test_scores_are_those_of_the_definition(score, dtypes, case, monkeypatch):
    rng = random_generator(score, dtypes, case)
    images, templates, keywords = random_call(rng, dtypes)
    monkeypatch.setattr(_areas, "APART", 1 if case % 3 == 0 else APART)
    expected = _reference.match(images, templates, score=score, **keywords)
    method = METHODS[case % len(METHODS)]
    got = xcorr.match(images, templates, score=score, method=method, workers=1 + case % 2, **keywords)
    assert_scores(got, expected, score, images, templates)
    mask = keywords.pop("mask", None)
    matcher = pickle.loads(pickle.dumps(xcorr.Matcher(templates, score=score, method=method, **keywords)))
    assert_same_bits(matcher(images, mask=mask), got)


@for_each("score", SCORES)
@for_each("dtype", ["float32", "float64", "uint8"])
def test_a_pair_is_what_it_is_by_itself(score, dtype):
    rng = random_generator(score, dtype)
    images, templates = values(rng, (4, 17, 19), dtype, "noise"), values(rng, (4, 3, 5, 4), dtype, "noise")
    seen, taps = rng.random((4, 17, 19)) > 0.2, rng.random((4, 3, 5, 4)) > 0.2
    for masks in ({}, {"mask": seen, "template_mask": taps}, {"mask": seen[0], "template_mask": taps[0, 0]}):
        got = xcorr.match(images, templates, score=score, layout="NHW", pairwise=True, **masks)
        own = [
            {name: mask if mask.ndim == 2 else mask[index] for name, mask in masks.items()}
            for index in range(len(images))
        ]
        expected = [
            xcorr.match(*pair, score=score, layout="NHW", **one)
            for *pair, one in zip(images, templates, own, strict=True)
        ]
        assert_same_bits(got, np.stack(expected))


@for_each("score", SCORES)
def test_types_of_scores(score):
    for operands, expected in [
        (("float16", "float16"), "float32"),
        (("float32", "uint8"), "float32"),
        (("float32", "float64"), "float64"),
        (("uint16", "int8"), "int64" if score in ("correlation", "ssd") else "float64"),
    ]:
        image, template = (np.arange(n * n).reshape(n, n).astype(t) for n, t in zip((6, 3), operands, strict=True))
        assert xcorr.match(image, template, score=score).dtype == expected
        wider = xcorr.match(image, template, score=score, dtype=np.float64)
        assert wider.dtype == np.float64
        np.testing.assert_allclose(wider, xcorr.match(image, template, score=score), rtol=2e-5)


def test_whole_numbers_are_exact_or_refused():
    image = np.array([[2**40, 2**40 + 3, -(2**31)]])
    np.testing.assert_array_equal(xcorr.match(image[:, :2], image[:, :1] + 1, score="ssd"), [[1, 4]])
    with pytest.raises(OverflowError, match="dtype: a score does not fit int64"):
        xcorr.match(image, image[:, :1], score="ssd")
    far = np.array([[2**64 - 1, 2**64 - 3]], np.uint64)
    np.testing.assert_array_equal(xcorr.match(far, far[:, :1], score="ssd"), [[0, 4]])
    out = np.full((1, 2), 7, np.int8)
    with pytest.raises(OverflowError, match="dtype: a score does not fit int8"):
        xcorr.match(np.array([[0, 100]]), np.array([[0]]), score="ssd", dtype=np.int8, out=out)
    assert (out == 7).all()


def test_an_object_that_is_cut_off_is_found_at_the_border():
    rng = random_generator("cut off")
    template = rng.random((20, 30)).astype(np.float32)
    image = rng.random((60, 70)).astype(np.float32)
    image[:12, 50:] = template[8:, :20]
    scores = xcorr.match(image, template, padding=10, min_overlap=0.3)
    assert np.unravel_index(scores.argmax(), scores.shape) == (2, 60)
    assert scores.max() == pytest.approx(1, abs=1e-5)
    zeros = xcorr.match(image, template, padding=10, fill_value=0)
    assert zeros[2, 60] < 0.9


def test_no_images_and_no_templates_give_no_scores():
    assert xcorr.match(np.zeros((0, 9, 9)), np.zeros((2, 3, 3)), layout="NHW").shape == (0, 7, 7, 2)
    assert xcorr.match(np.zeros((2, 9, 9)), np.zeros((0, 3, 3)), layout="NHW").shape == (2, 7, 7, 0)
    pairs = xcorr.match(np.zeros((0, 9, 9)), np.zeros((0, 3, 3)), layout="NHW", pairwise=True)
    assert pairs.shape == (0, 7, 7)


def test_scores_are_written_where_operands_lie():
    rng = random_generator("overlapping")
    image = rng.random((40, 40))
    expected = xcorr.match(image, image[3:8, 4:10].copy())
    out = image[:36, :35]
    assert xcorr.match(image, image[3:8, 4:10], out=out) is out
    assert_same_bits(out, expected)
