"""The score of every shift, not of the best one alone, is the correlation of what both images see there."""

import numpy as np
from checks import random_generator
from looping import for_each

import xcorr
from xcorr import _dispatch, _shift_overlaps
from xcorr._shift_axes import line
from xcorr._shift_overlaps import boxed_scores, masked_scores
from xcorr._shift_sides import Side
from xcorr._shifts import MaskedScores
from xcorr._staged_planes import stage

SIZES = [((17, 20), (17, 20)), ((18, 19), (26, 33)), ((40, 21), (16, 44)), ((1, 37), (1, 24)), ((16,), (23,))]


def sides_of(sizes, axes, masks, n_channels=1):
    rng = random_generator("overlaps", sizes, n_channels, masks)
    found = []
    for size in sizes:
        pixels = rng.standard_normal((2, n_channels, *size))
        mask = None
        if masks == "bool":
            mask = rng.random((2, 1, *size)) < 0.8
        elif masks == "shares":
            mask = rng.random((2, n_channels, *size))
        found.append(Side(stage(pixels, mask, None, np.dtype("f8"), True), axes, mask is not None, 1, mask is not None))
    return found


def counting(planes):
    """What counts of planes."""
    return np.ones_like(planes.values[:, :1]) if planes.shares is None else planes.shares


def score_at(reference, moving, pair, shift):
    """The score of one shift of planes by its definition, and how much both see, -inf and 0 for nothing."""
    cut = [], []
    for own, one, other in zip(shift, reference.values.shape[2:], moving.values.shape[2:]):
        first, end = max(0, own), min(one, own + other)
        cut[0].append(slice(first, end))
        cut[1].append(slice(first - own, end - own))
    (a, m), (b, n) = (
        [plane[pair][(slice(None), *where)] for plane in (planes.values, counting(planes))]
        for planes, where in zip((reference, moving), cut)
    )
    both = np.broadcast_to(m * n, a.shape)
    axes = tuple(range(1, a.ndim))
    counts = both.sum(axis=axes, keepdims=True)
    count = counts.sum() if m.shape == a.shape else counts[:1].sum()
    if not (counts > 0).all():
        return -np.inf, count
    a, b = (own - (both * own).sum(axis=axes, keepdims=True) / counts for own in (a, b))
    squares = (both * a * a).sum(), (both * b * b).sum()
    varies = min(squares) > 1e-20  # one pixel does not
    return (both * a * b).sum() / np.sqrt(squares[0] * squares[1]) if varies else -np.inf, count


@for_each(("sizes", "most", "masks", "n_channels"), [
    *((sizes, most, None, 1) for sizes in SIZES for most in (np.inf, 3)),
    *((sizes, np.inf, masks, n_channels)
      for sizes in SIZES for masks, n_channels in (("bool", 1), ("shares", 1), ("bool", 2), ("shares", 2))),
    (SIZES[1], np.inf, None, 2),
])  # fmt: skip
def test_every_shift_is_scored_by_what_both_see(sizes, most, masks, n_channels):
    least_overlap = 0.25
    axes = tuple(line(one, other, most, 0 if masks else least_overlap, 1, 0) for one, other in zip(*sizes, strict=True))
    reference, moving = sides_of(sizes, axes, masks, n_channels)
    planes = reference.planes, moving.planes
    scores = (masked_scores if masks else boxed_scores)(reference, moving, axes, least_overlap)
    assert scores.shape == (2, *(len(axis.shifts) for axis in axes))
    wanted, counts = np.empty(scores.shape), np.empty(scores.shape)
    for pair, *places in np.ndindex(*scores.shape):
        shift = [int(axis.shifts[place]) for axis, place in zip(axes, places)]
        wanted[(pair, *places)], counts[(pair, *places)] = score_at(*planes, pair, shift)
    for own, expected, count in zip(scores, wanted, counts):
        largest = count.max() if masks else float(np.prod([min(pair) for pair in zip(*sizes)]))
        is_none = (count < least_overlap * largest * (1 - 1e-9)) | np.isinf(expected)
        np.testing.assert_array_equal(np.isinf(own), is_none)
        np.testing.assert_allclose(own[np.isfinite(own)], expected[np.isfinite(own)], atol=1e-11)


def test_whole_counts_are_rounded_and_the_least_is_kept(level):
    counts = np.array([[2.999999, 7.0000004, 3e-12, -1e-9, 2.0**40 + 0.25]] * 2)
    products, a, b = np.arange(30.0).reshape(3, 2, 5)
    expected = [products - a * b / 7, -a * a / 7, -b * b / 7]
    scores = MaskedScores(_dispatch.current().table, counts, products, a, b)
    scores.centre(np.array([True, False]), 0.5, 0, 5)
    np.testing.assert_array_equal(counts[0], [3, 7, 0.5, 0.5, 2.0**40])
    np.testing.assert_array_equal(counts[1], [2.999999, 7.0000004, 0.5, 0.5, 2.0**40 + 0.25])
    for own, wanted in zip((products, a, b), expected):
        np.testing.assert_allclose(own[0, 1], wanted[0, 1], rtol=1e-15)


def test_scores_do_not_depend_on_how_many_shifts_are_done_at_once(monkeypatch):
    rng = random_generator("shifts at once")
    a, b = rng.random((2, 90, 110))
    mask = rng.random((90, 110)) < 0.7
    words = {"score": "zncc", "mask": mask, "moving_mask": "finite", "subpixel": 20}
    found = xcorr.register(a, b, workers=1, **words)
    for at_once in (300, 10_000, 2**30):
        monkeypatch.setattr(_shift_overlaps, "AT_ONCE", at_once)
        for one, other in zip(found, xcorr.register(a, b, workers=3, **words)):
            np.testing.assert_array_equal(one, other)
