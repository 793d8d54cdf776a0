"""Peaks of scores that no array has all of are those of the finished scores, to the bit."""

import pickle
from unittest import mock

import numpy as np
import pytest
from checks import random_generator
from looping import drawn, for_each
from matching import SCORES, random_call, values
from reductions import axes_of_scores, of_map

import xcorr
from xcorr import Peaks, _areas, _match_banks, _match_peaks

DTYPES = {
    "float32": ["float32"],
    "uint8": ["uint8"],
    "int32": ["int32"],
    "float64": ["float64"],
    "float16": ["float16"],
}


def ways(score):
    """What is looked for in scores, of which the best are the least where they are distances; less in single rows."""
    largest = score not in ("ssd", "nssd")
    of_rows = _match_peaks.BYTES_AT_ONCE == 1
    return [
        Peaks(largest=largest),
        Peaks(4, min_distance=3, subpixel="parabola", largest=largest),
        Peaks(5, min_distance=2, per="image", subpixel="gaussian", largest=largest),
        Peaks(3, border=1, threshold=0.2, largest=not largest),
    ][1 if of_rows else 0 : 3 if of_rows else 4]


def assert_same_peaks(found, expected):
    assert (found.dtype, found.shape) == (expected.dtype, expected.shape)
    assert found.tobytes() == expected.tobytes()


def assert_peaks(images, templates, first=(0, 0), workers=1, **keywords):
    """However the scores are cut, their peaks are the maps'."""
    scores = xcorr.match(images, templates, **keywords)
    rest = {name: word for name, word in keywords.items() if name != "mask"}
    axes = axes_of_scores(images, templates, keywords["layout"], keywords.get("pairwise", False), first)
    for peaks in ways(keywords["score"]):
        expected = of_map(peaks, scores, axes)
        assert_same_peaks(xcorr.match(images, templates, reduce=peaks, workers=workers, **keywords), expected)
        matcher = pickle.loads(pickle.dumps(xcorr.Matcher(templates, reduce=peaks, **rest)))
        assert_same_peaks(matcher(images, mask=keywords.get("mask")), expected)


@pytest.fixture(params=[2**26, 20_000, 1], ids=str)
def cuts(request, monkeypatch):
    """Bytes of scores at once: of all, of some areas, of parts of one, of single rows."""
    monkeypatch.setattr(_match_peaks, "BYTES_AT_ONCE", request.param)
    return request.param


@pytest.mark.usefixtures("level")
@for_each(("score", "dtypes", "case"), drawn(2, SCORES, DTYPES.values(), range(3)))
def test_peaks_are_those_of_the_scores(score, dtypes, case, cuts):
    rng = random_generator(score, dtypes, case)
    images, templates, keywords = random_call(rng, dtypes, ("noise", "sparse", "constant", "unknown"))
    assert_peaks(images, templates, score=score, workers=1 + case % 2, **keywords)


@for_each(
    ("method", "dtype", "score", "masked"),
    drawn(6, ["auto", "fft"], ["float32", "uint8"], ["zncc", "ssd"], [False, True]),
)
@pytest.mark.parametrize("cuts", [2**26, 20_000], ids=str, indirect=True)  # single rows of so many scores take long
def test_areas_and_some_templates_at_a_time_change_no_bit(method, dtype, score, masked, cuts, monkeypatch):
    xcorr.clear_caches()
    monkeypatch.setattr(_areas, "ROWS", 16)
    monkeypatch.setattr(_areas, "COLUMNS", 24)
    monkeypatch.setattr(_areas, "APART", 1)
    rng = random_generator(method, dtype, score)
    images, templates = values(rng, (2, 40, 60), dtype, "noise"), values(rng, (5, 4, 6), dtype, "noise")
    keywords = {"score": score, "method": method, "layout": "NHW", "padding": (1, 2)}
    if masked:
        keywords["template_mask"] = rng.random((5, 4, 6)) > 0.2
    with mock.patch.object(_match_banks, "TAPS_AT_ONCE", 2 * 4 * 6), mock.patch.object(_match_banks, "TAPS_KEPT", 0):
        assert_peaks(images, templates, workers=2, **keywords)
        assert_peaks(images, templates, first=(7, 3), roi=(slice(7, -2), slice(3, 40)), **keywords)
    xcorr.clear_caches()


@for_each("score", SCORES)
@for_each("dtype", ["float32", "uint8"])
def test_pairs_and_channels_by_themselves(score, dtype, cuts):
    rng = random_generator(score, dtype)
    images, templates = values(rng, (4, 17, 19), dtype, "noise"), values(rng, (4, 3, 5, 4), dtype, "noise")
    photographs = values(rng, (2, 17, 19, 3), dtype, "noise")
    assert_peaks(images, templates, score=score, layout="NHW", pairwise=True)
    assert_peaks(images, templates[:, 0], score=score, layout="NHW", pairwise=True)
    assert_peaks(photographs, templates[0, 0], score=score, layout="NHWC")


@for_each("dtype", ["float16", "float32", "float64", "int32"])
def test_types_and_arrays_of_their_own(dtype, cuts):
    rng = random_generator(dtype)
    image, templates = rng.integers(0, 9, (20, 30)).astype(np.uint8), rng.integers(0, 9, (5, 4, 6)).astype(np.uint8)
    keywords = {"layout": "NHW", "dtype": dtype, "score": "ssd"}
    assert_peaks(image, templates, **keywords)
    expected = xcorr.match(image, templates, reduce=Peaks(3, largest=False), **keywords)
    out = np.zeros((2, *expected.shape), expected.dtype)[1]
    assert xcorr.match(image, templates, reduce=Peaks(3, largest=False), out=out, **keywords) is out
    assert_same_peaks(out, expected)


def test_what_is_refused_and_what_is_empty():
    image, template = np.eye(5), np.eye(3)
    with pytest.raises(ValueError, match="over: got 'kernels'"):
        xcorr.match(image, template, reduce=Peaks(), over="kernels")
    with pytest.raises(ValueError, match=r"reduce: got Peaks\(1\) over no positions"):
        xcorr.match(image, template, reduce=Peaks(), roi=(slice(0, 0), slice(0, 2)))
    with pytest.raises(TypeError, match="out: got dtype float64"):
        xcorr.match(image, template, reduce=Peaks(), out=np.zeros((3, 3)))
    with pytest.raises(OverflowError, match="dtype: a score does not fit int8"):
        xcorr.match(np.full((5, 5), 99), template.astype(int), score="ssd", reduce=Peaks(), dtype="int8")
    assert xcorr.match(image, np.empty((0, 3, 3)), layout="NHW", reduce=Peaks(2)).shape == (0, 2)
    assert xcorr.match(image, np.empty((0, 3, 3)), layout="NHW", reduce=Peaks(2, per="image")).shape == (2,)
    assert xcorr.match(np.empty((0, 5, 5)), template, layout="NHW", reduce=Peaks(2)).shape == (0, 2)
