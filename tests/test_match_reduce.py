"""Scores that are reduced as they come, beside the reductions of those that the same call gives without."""

from unittest import mock

import numpy as np
import pytest
from checks import random_generator
from looping import drawn, for_each
from matching import SCORES, random_call, values
from reductions import NAMES, OVERS, assert_are_of, assert_same_reductions, axes_of_scores

import xcorr
from xcorr import _match_banks, _reduce, _score

LARGE = {"float32": ["float32"], "uint8": ["uint8"], "int32": ["int32"], "float64": ["float64"]}


@pytest.mark.usefixtures("level")
@for_each(("score", "dtypes", "case"), drawn(4, SCORES, LARGE.values(), range(8)))
def test_reductions_are_numpys_of_the_scores(score, dtypes, case):
    rng = random_generator(score, dtypes, case)
    images, templates, keywords = random_call(rng, dtypes, ("noise", "sparse", "constant", "unknown"))
    scores = xcorr.match(images, templates, score=score, **keywords)
    axes = axes_of_scores(images, templates, keywords["layout"])
    for over in OVERS:
        names = tuple(name for name in NAMES if name != "energy" or fits(scores))
        found = xcorr.match(images, templates, score=score, reduce=names, over=over, workers=1 + case % 2, **keywords)
        assert_are_of(found, scores, names, over, axes)
        mask = keywords.get("mask")
        rest = {name: word for name, word in keywords.items() if name != "mask"}
        matcher = xcorr.Matcher(templates, score=score, reduce=names, over=over, **rest)
        assert_same_reductions(matcher(images, mask=mask), found)


def fits(scores):
    """Whether int64 holds the sum of squares of whole numbers."""
    return scores.dtype.kind == "f" or float(np.abs(scores.astype(float)).max(initial=0)) ** 2 * scores.size < 2.0**62


@for_each(
    ("method", "dtype", "score", "masked"),
    drawn(5, ["auto", "fft"], ["float32", "uint8"], ["zncc", "ssd"], [False, True]),
)
def test_areas_and_some_templates_at_a_time_change_no_bit(method, dtype, score, masked):
    rng = random_generator(method, dtype, score)
    images, templates = values(rng, (2, 270, 540), dtype, "noise"), values(rng, (7, 9, 12), dtype, "noise")
    keywords = {"score": score, "method": method, "layout": "NHW"}
    if masked:
        keywords["template_mask"] = rng.random((7, 9, 12)) > 0.2
    scores = xcorr.match(images, templates, **keywords)
    roi = slice(20, 250), slice(3, -5)
    for over in OVERS:
        whole = xcorr.match(images, templates, reduce=NAMES, over=over, **keywords)
        assert_are_of(whole, scores, NAMES, over, axes_of_scores(images, templates, "NHW"))
        with (
            mock.patch.object(_match_banks, "TAPS_AT_ONCE", 2 * 9 * 12),
            mock.patch.object(_match_banks, "TAPS_KEPT", 0),
            mock.patch.object(_score, "MOST_BESIDE", 1),
            mock.patch.object(_reduce, "KEPT_BYTES", 1),
        ):
            assert_same_reductions(
                xcorr.match(images, templates, reduce=NAMES, over=over, workers=3, **keywords), whole
            )
        if method != "auto":
            part = xcorr.match(images, templates, reduce=NAMES, over=over, roi=roi, **keywords)
            own = scores[:, roi[0], roi[1]]
            assert_are_of(part, own, NAMES, over, axes_of_scores(images, templates, "NHW", first=(20, 3)))


@for_each("score", SCORES)
@for_each("dtype", ["float32", "uint8"])
def test_pairs_and_channels_by_themselves(score, dtype):
    rng = random_generator(score, dtype)
    images, templates = values(rng, (4, 17, 19), dtype, "noise"), values(rng, (4, 3, 5, 4), dtype, "noise")
    photographs = values(rng, (2, 17, 19, 3), dtype, "noise")
    for operands, keywords in (
        ((images, templates), {"layout": "NHW", "pairwise": True}),
        ((images, templates[:, 0]), {"layout": "NHW", "pairwise": True}),
        ((photographs, templates[0, 0]), {"layout": "NHWC"}),
    ):
        scores = xcorr.match(*operands, score=score, **keywords)
        for over in OVERS:
            found = xcorr.match(*operands, score=score, reduce=NAMES, over=over, **keywords)
            assert_are_of(found, scores, NAMES, over, axes_of_scores(*operands, **keywords))


def test_whole_numbers_that_float64_does_not_hold():
    rng = random_generator("whole")
    images, templates = (rng.integers(-(2**29), 2**29, shape) for shape in ((2, 9, 11), (3, 2, 3)))
    scores = xcorr.match(images, templates, score="ssd", layout="NHW")
    assert int(scores.max()) > 2**53
    names = tuple(name for name in NAMES if name != "energy")
    for over in OVERS:
        found = xcorr.match(images, templates, score="ssd", layout="NHW", reduce=names, over=over)
        assert_are_of(found, scores, names, over, axes_of_scores(images, templates, "NHW"))
    with pytest.raises(OverflowError, match="energy"):
        xcorr.match(images, templates, score="ssd", layout="NHW", reduce="energy")
    with pytest.raises(OverflowError, match="dtype: a score does not fit int32"):
        xcorr.match(images, templates, score="ssd", layout="NHW", reduce="max", dtype=np.int32)


@for_each("dtype", ["float16", "float32", "float64"])
def test_types_and_arrays_of_their_own(dtype):
    rng = random_generator(dtype)
    image, templates = rng.integers(0, 256, (20, 30)).astype(np.uint8), rng.integers(0, 256, (5, 4, 6)).astype(np.uint8)
    scores = xcorr.match(image, templates, layout="NHW", dtype=dtype)
    for over in OVERS:
        expected = xcorr.match(image, templates, layout="NHW", dtype=dtype, reduce=NAMES, over=over)
        assert_are_of(expected, scores, NAMES, over, axes_of_scores(image, templates, "NHW"))
        outs = tuple(np.full((2, *one.shape), 7, one.dtype)[0] for one in expected)
        found = xcorr.match(image, templates, layout="NHW", dtype=dtype, reduce=NAMES, over=over, out=outs)
        assert all(one is other for one, other in zip(found, outs, strict=True))
        assert_same_reductions(found, expected)


def test_what_is_refused():
    image, template = np.eye(5), np.eye(3)
    with pytest.raises(ValueError, match="reduce: got 'best'"):
        xcorr.match(image, template, reduce="best")
    with pytest.raises(ValueError, match="over: got 'images'"):
        xcorr.Matcher(template, reduce="max", over="images")
    with pytest.raises(ValueError, match="reduce: got 'max' over no kernels"):
        xcorr.match(image, np.empty((0, 3, 3)), layout="NHW", reduce="max", over="kernels")
    assert xcorr.match(image, np.empty((0, 3, 3)), layout="NHW", reduce="mean").shape == (0,)
    with pytest.raises(ValueError, match=r"out: got shape \(3,\)"):
        xcorr.match(image, template, reduce="argmax", out=np.zeros(3, np.intp))
