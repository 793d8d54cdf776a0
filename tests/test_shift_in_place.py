"""Windows that are registered where they lie are registered as those that are gathered first."""

import warnings

import numpy as np
import pytest
from checks import random_generator
from hypothesis import given
from hypothesis import strategies as st
from looping import for_each

import xcorr
from xcorr import _shift_in_place, _shift_windows

DTYPES = ("f8", "f4", "f2", "u1", "i2", "u2", "i4", ">f4", "i8")


class Counted:
    """A finder that counts the pairs that it is given, and those of them that it knows something of."""

    def __init__(self, finder):
        self.finder, self.n_pairs, self.n_plain = finder, 0, 0

    def best(self, a, b, reach):
        found, are_plain = self.finder.best(a, b, reach)
        self.n_pairs, self.n_plain = self.n_pairs + len(are_plain), self.n_plain + int(are_plain.sum())
        return found, are_plain


def both_ways(*operands, **words):
    """What is found where windows lie, of gathered windows, and the finder."""
    finders = []

    def counted(*own):
        finder = _shift_in_place.finder_of(*own)
        finders.append(None if finder is None else Counted(finder))
        return finders[-1]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_shift_windows, "finder_of", counted)
        in_place = xcorr.register(*operands, **words)
        patch.setattr(_shift_windows, "finder_of", lambda *_: None)
        return in_place, xcorr.register(*operands, **words), finders[0]


def pictures(dtype, shape, seed):
    """A picture and a moved one, with noise."""
    rng = random_generator("windows in place", dtype, shape, seed)
    a = rng.random(shape)
    b = np.roll(a, (2, -1), (-2, -1)) + rng.random(shape) / 16
    scale = 1 if np.dtype(dtype).kind == "f" else 100
    return (scale * a).astype(dtype), (scale * b).astype(dtype)


def assert_same(one, other, score):
    atol = 1e-9 if score == "zncc" else 1e-4
    for name, own, wanted in zip(one._fields, one, other):
        np.testing.assert_allclose(own, wanted, rtol=1e-5 if name == "ratio" else 1e-7, atol=atol, err_msg=name)


@given(st.data())
def test_overlaps_are_scored_where_they_lie(data):
    window = tuple(data.draw(st.integers(8, 24), label="window") for _ in range(2))
    search = tuple(size + data.draw(st.integers(0, 9), label="beyond") for size in window)
    step = tuple(data.draw(st.integers(1, 40), label="step") for _ in range(2))
    shape = tuple(size + data.draw(st.integers(0, 30), label="more") for size in search)
    dtypes = [data.draw(st.sampled_from(DTYPES), label="dtype") for _ in range(2)]
    (a, _), (_, b) = (pictures(dtype, shape, 0) for dtype in dtypes)
    words = {
        "min_overlap": data.draw(st.sampled_from([0.2, 0.3, 0.8, 1.0]), label="min_overlap"),
        "max_shift": data.draw(st.sampled_from([None, 3, (2, 5)]), label="max_shift"),
        "subpixel": data.draw(st.sampled_from([None, "parabola", "gaussian"]), label="subpixel"),
    }
    own, wanted, finder = both_ways(a, b, score="zncc", window=window, search=search, step=step, **words)
    assert_same(own, wanted, "zncc")
    if "i8" in dtypes:
        assert finder is None
    elif window[0] >= 16 or finder is not None:  # lower ones may be transformed by SciPy
        assert finder.n_plain == finder.n_pairs


@for_each(("score", "words", "is_known"), [
    ("zncc", {}, True), ("zncc", {"subpixel": "gaussian"}, True), ("phase", {}, True), ("correlation", {}, True),
    ("zncc", {"subpixel": 20}, False), ("zncc", {"taper": "hann"}, False), ("phase", {"max_shift": 4}, False),
])  # fmt: skip
def test_what_is_not_plain_is_left_to_gathered_windows(score, words, is_known):
    a, b = pictures("f8", (70, 90), score)
    a[3, 5], b[60, 70], a[:, 64:] = np.nan, np.inf, 7
    a[40:60, :20] *= 2.0**-600
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        own, wanted, finder = both_ways(a, b, score=score, window=16, **words)
    assert_same(own, wanted, score)
    assert np.isnan(own.shift).any()
    assert np.isfinite(own.shift).any()
    assert (finder is not None) == is_known
    if is_known:
        assert 0 < finder.n_plain < finder.n_pairs == own.score.size


@for_each(("dtype", "is_flat", "is_plain"), [
    ("f4", True, False), ("f8", True, False), ("u4", False, False), ("f2", False, True),
])  # fmt: skip
def test_what_is_flat_is_flat_where_it_lies(dtype, is_flat, is_plain):
    """Windows whose steps are the last digit of their type: 2**-21 of the largest pixel is flat, in float64 2**-50."""
    a, b = (own.copy() for own in pictures(dtype, (40, 60), ""))
    a[:, :20] = 2**30 if dtype == "u4" else 1
    a[:40:7, :20] += 1 if dtype == "u4" else np.finfo(dtype).eps
    own, wanted, finder = both_ways(a, b, score="zncc", window=16)
    assert_same(own, wanted, "zncc")
    assert (finder.n_plain == finder.n_pairs) == is_plain
    assert np.isnan(own.shift[0, 0]).all() == is_flat


@for_each("score", ("phase", "correlation", "zncc"))
def test_integers_of_64_bits_keep_the_digits_that_floats_have_no_room_for(score):
    a = random_generator("64 bits").integers(0, 2**17, (48, 48))
    b = np.roll(a, (1, 2), (0, 1))
    words = {"window": 16, "score": score, "subpixel": "gaussian"}
    for one, other in zip(xcorr.register(a + 2**60, b + 2**60, **words), xcorr.register(a, b, **words)):
        np.testing.assert_array_equal(one, other)


def test_colours_and_one_axis_are_gathered():
    a, b = pictures("f4", (1, 3, 40, 50), "")
    for layout, *operands, window in (("NCHW", a, b, 16), ("NW", a[0, 0, :1], b[0, 0, :1], 12)):
        own, wanted, finder = both_ways(*operands, layout=layout, score="zncc", window=window)
        assert_same(own, wanted, "zncc")
        assert finder is None


def test_a_stack_beside_one_reference():
    a, b = pictures("f4", (50, 60), "")
    stack = np.stack([b, a, np.roll(b, 3, 0)])
    own, wanted, finder = both_ways(a, stack, layout="NHW", score="zncc", window=16, search=24)
    assert_same(own, wanted, "zncc")
    assert 0 < finder.n_pairs < own.score.size  # what is searched beyond the edges is unseen
    np.testing.assert_array_equal(own.score[1], 1)
    np.testing.assert_array_equal(own.shift[1], 0)
