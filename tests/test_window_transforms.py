"""Pairs of small windows with the lanes over pairs: beside NumPy's transforms, and free of what is beside a pair."""

from itertools import product

import numpy as np
import pytest
from checks import assert_same_bits, random_generator
from looping import for_each

import xcorr
from xcorr import _dispatch
from xcorr._shift_axes import circle, line
from xcorr._shift_lanes import Pairs, Windowed, windows_in_lanes
from xcorr._shifts import WindowTransforms

ROUNDING = {"f4": 2e-6, "f8": 4e-15}
"""Of sums as a share of the product of norms."""

SIZES = (32, 32), (15, 10), (1, 2), (2, 1), (8, 27), (27, 20), (64, 5)


def windows_of(sizes, n_pairs, n_channels, dtype, *names):
    """Noise, and none of it flat: of two pixels, one pair in thousands is alike to the last digits."""
    noise = random_generator("windows", sizes, n_channels, dtype, *names)
    windows = noise.random((n_pairs, n_channels, *sizes)) + 3
    windows[np.ptp(windows, axis=(2, 3)) < 0.01, 0, 0] += 0.5
    return windows.astype(dtype)


def windowed(windows):
    return Windowed(windows, np.arange(len(windows)) * windows[0].size)


@for_each(("sizes", "by_phase", "dtype", "n_channels"), product(SIZES, (False, True), ROUNDING, (1, 3)))
def test_scores_are_those_of_numpy(level, sizes, by_phase, dtype, n_channels):
    axes = tuple(circle(size, np.inf) for size in sizes)
    a, b = (windows_of(sizes, 19, n_channels, dtype, name) for name in "ab")
    pairs = Pairs(windows_in_lanes(axes, a.dtype), windowed(a), windowed(b))
    scores = pairs.scores(axes, by_phase)
    assert pairs.are_plain.all()
    a, b = (one - one.mean(axis=(2, 3), keepdims=True, dtype="f8") for one in (a, b))
    products = (np.fft.fft2(a) * np.fft.fft2(b).conj()).sum(axis=1)
    products[:, 0, 0] = 0
    norms = np.sqrt((a**2).sum(axis=(1, 2, 3)) * (b**2).sum(axis=(1, 2, 3)))
    if by_phase:
        faint = np.abs(products).min(axis=(1, 2), where=products != 0, initial=np.inf) / norms
        assert (faint > 1e-9).all()
        products /= np.where(products == 0, 1, np.abs(products))
        norms = np.full(19, 1 - 1 / np.prod(sizes))
        assert (pairs.norms == np.prod(sizes) - 1).all()
    allowed = ROUNDING[dtype] * (4 * np.prod(sizes) / faint.clip(max=1) if by_phase else np.full(19, 4))
    errors = np.abs(scores - np.fft.ifft2(products).real / norms.reshape(-1, 1, 1)).max(axis=(1, 2))
    assert (errors <= allowed).all()


@for_each(("by_phase", "dtype"), product((False, True), ROUNDING))
def test_bits_are_free_of_other_pairs(level, by_phase, dtype):
    axes = circle(32, np.inf), circle(24, np.inf)
    a, b = (windows_of((32, 24), 37, 1, dtype, name) for name in "ab")
    a[3], b[5, 0, 4, 4], a[8] = 0, np.inf, 1e-20
    transforms = windows_in_lanes(axes, a.dtype)
    whole = Pairs(transforms, windowed(a), windowed(b)).scores(axes, by_phase)
    order = random_generator("order").permutation(37)[:21]
    some = Pairs(transforms, windowed(a[order]), windowed(b[order])).scores(axes, by_phase)
    known = ~np.isin(order, [3, 5, 8])
    assert_same_bits(some[known], whole[order][known])
    assert np.isfinite(some[known]).all()


@for_each("dtype", ROUNDING)
def test_the_brighter_one_does_not_drown_the_other(level, dtype):
    axes = circle(32, np.inf), circle(32, np.inf)
    a, b = (windows_of((32, 32), 9, 1, dtype, name) for name in "ab")
    transforms = windows_in_lanes(axes, a.dtype)
    for by_phase in (False, True):
        alike = Pairs(transforms, windowed(a), windowed(b)).scores(axes, by_phase)
        scores = Pairs(transforms, windowed(a), windowed(b * a.dtype.type(2.0**-13))).scores(axes, by_phase)
        assert_same_bits(scores, alike)


def test_lengths_that_are_not_known_or_too_large_are_left():
    for sizes in ((17, 16), (16, 14), (1024, 1024)):
        assert windows_in_lanes(tuple(circle(size, np.inf) for size in sizes), np.dtype("f4")) is None
    assert windows_in_lanes((circle(20, np.inf),), np.dtype("f8")) is None
    assert windows_in_lanes((line(20, 30, np.inf, 0, 1, 0),) * 2, np.dtype("f8")) is None


def test_what_does_not_fit_is_refused():
    transforms = WindowTransforms(_dispatch.current().table, "f4", 8, 8)
    windows = windowed(np.ones((1, 1, 8, 8), "f4"))
    outputs = np.empty((1, 8, 8), "f4"), np.empty(1), np.empty(1, np.bool_), np.empty(transforms.room() - 1, "f4")
    with pytest.raises(ValueError, match="workspace: "):
        transforms.scores(False, *windows, *windows, *outputs)


@for_each(("score", "dtype", "workers"), product(("correlation", "phase"), ("u1", "f4", "f8"), (1, 3)))
def test_windows_of_an_image_are_those_by_themselves(score, dtype, workers):
    scene = random_generator("scene", dtype).random((70, 3000)) * 200
    a, b = scene.astype(dtype), np.roll(scene, (2, -3), (0, 1)).astype(dtype)
    words = {"window": (20, 16), "step": (11, 7), "score": score, "subpixel": "gaussian"}
    found = xcorr.register(a, b, workers=workers, **words)
    spoiled = a.copy()
    spoiled[5:30, 40:60] = 7  # flat
    if dtype != "u1":
        spoiled[40, 2000] = np.nan
    other = xcorr.register(spoiled, b, workers=workers, **words)
    changed = 0
    for row in range(found.score.shape[-2]):
        for column in range(found.score.shape[-1]):
            window = slice(11 * row, 11 * row + 20), slice(7 * column, 7 * column + 16)
            if not np.array_equal(a[window], spoiled[window], equal_nan=True):
                changed += 1
                continue
            for one, own in zip(found, other, strict=True):
                assert_same_bits(own[row, column], one[row, column])
    assert changed > 10
    window = slice(22, 42), slice(210, 226)
    alone = xcorr.register(a[window], b[window], **words)
    for one, own in zip(alone, found, strict=True):
        assert_same_bits(own[2, 30], one[0, 0])
