"""Sums of 8-bit products in int32 are the exact ones: by VNNI and by words, for every pairing of signs."""

import os
import subprocess
import sys
from math import inf

import numpy as np
import pytest
from checks import EXAMPLES, assert_equal, fast_correlate, random_generator, to_layout
from looping import for_each
from memory_orders import permuted, reversed_along, spaced

import xcorr
from xcorr import _cache, _dispatch
from xcorr._plan import plan_for
from xcorr._settings import read_settings

BYTES = ("uint8", "int8", "bool")
PAIRS = [(images, kernels) for images in BYTES for kernels in BYTES]
VARIANTS = [(name, False) for name in _dispatch.runnable_levels()]
VARIANTS += [(name, True) for name in _dispatch.runnable_levels() if _dispatch.has_vnni(name)]
N_CASES = max(20, EXAMPLES // 4)
MOST_TAPS = 65_793
"""Taps of -128 that pixels of 255 may have in int32."""


@pytest.fixture(params=VARIANTS, ids=lambda variant: f"{variant[0]}-{'vnni' if variant[1] else 'words'}")
def variant(request):
    """Everything in the test runs on this level, with products of bytes or of words."""
    with _dispatch.using_level(*request.param):
        yield request.param


def drawn(rng, shape, dtype):
    """Numbers of the whole range, of its ends alone, or one of the ends."""
    if dtype == "bool":
        return rng.integers(0, 2, shape).astype(bool)
    least, greatest = np.iinfo(dtype).min, np.iinfo(dtype).max
    how = rng.integers(3)
    if how == 0:
        return rng.integers(least, greatest + 1, shape).astype(dtype)
    if how == 1:
        return np.where(rng.random(shape) < 0.5, least, greatest).astype(dtype)
    return np.full(shape, rng.choice([least, greatest]), dtype)


def laid_out(rng, array):
    """The same numbers in another order in memory, or with gaps."""
    how = rng.integers(4)
    if how == 0:
        return spaced(array, 1, 2, 1, 2)
    if how == 1:
        return reversed_along(array, 1, 2, 3)
    return permuted(array, (3, 0, 2, 1)) if how == 2 else array


def plan_of(images, kernels, **keywords):
    return plan_for(read_settings(keywords), images.shape, images.dtype, kernels.shape, kernels.dtype)


def are_summed_in(images, kernels, summed, **keywords):
    """Whether a call, the first of its plan, took its sums in that type alone."""
    _cache.clear_caches()
    xcorr.correlate(images, kernels, method="direct", **keywords)
    return {key[0] for key in plan_of(images, kernels, method="direct", **keywords).engines} == {summed}


@pytest.mark.parametrize("dtypes", PAIRS, ids="-".join)
def test_every_geometry_gives_the_exact_sums(variant, dtypes):
    rng = random_generator("bytes", variant, dtypes)
    n_in_bytes = 0
    for _ in range(N_CASES):
        groups = int(rng.choice([1, 1, 2, 3]))
        depth, n_kernels = int(rng.integers(1, 7)), int(rng.integers(1, 40)) * groups
        (height, width), dilation, stride = rng.integers(1, 5, 2), rng.integers(1, 4, 2), rng.integers(1, 4, 2)
        sides = (np.array([height, width]) - 1) * dilation + rng.integers(4, 26, 2)
        images = drawn(rng, (2, *map(int, sides), depth * groups), dtypes[0])
        kernels = drawn(rng, (n_kernels, int(height), int(width), depth), dtypes[1])
        margins = tuple((int(before), int(behind)) for before, behind in rng.integers(0, 4, (2, 2)))
        keywords = {
            "padding": (margins, "same", "valid", "full")[rng.integers(4)],
            "boundary": str(rng.choice(["constant", "edge", "reflect", "wrap"])),
            "stride": tuple(map(int, stride)),
            "dilation": tuple(map(int, dilation)),
            "groups": groups,
            "bias": rng.integers(-(2**20), 2**20, n_kernels) if rng.integers(2) else None,
        }
        if keywords["boundary"] == "constant" and keywords["padding"] != "valid":
            keywords["fill_value"] = drawn(rng, (), dtypes[0]).item()
        expected = fast_correlate(images, kernels, **keywords)
        layout = ("NHWC", "NCHW")[rng.integers(2)]
        given = laid_out(rng, to_layout(images, layout))
        keywords.update(layout=layout, method="direct", workers=int(rng.integers(1, 3)))
        for dtype in ("int64", "int32"):
            response = xcorr.correlate(given, to_layout(kernels, layout), dtype=dtype, **keywords)
            assert_equal(response, to_layout(expected, layout), dtype)
        own = {name: word for name, word in keywords.items() if name not in ("bias", "workers", "fill_value")}
        n_in_bytes += plan_of(given, to_layout(kernels, layout), **own).share_of_bytes < inf
    assert n_in_bytes > 1


@for_each("n_kernels", [5, 8, 9, 16, 17, 31, 32, 49])
@pytest.mark.parametrize("dtypes", PAIRS, ids="-".join)
def test_every_tile_width_gives_the_exact_sums(variant, dtypes, n_kernels):
    rng = random_generator(dtypes, n_kernels)
    kernels = drawn(rng, (n_kernels, 2, 3, 3), dtypes[1])
    for columns in (*range(1, 17), 27, 29):
        images = drawn(rng, (1, 3, columns + 2, 3), dtypes[0])
        frame = np.full((1, 2, columns, n_kernels + 1), 7, np.int32)
        xcorr.correlate(images, kernels, dtype=np.int32, method="direct", out=frame[..., :n_kernels])
        assert_equal(frame[..., :n_kernels], fast_correlate(images, kernels), np.int32)
        assert (frame[..., n_kernels] == 7).all()


@pytest.mark.parametrize("dtypes", [("uint8", "int8"), ("uint8", "uint8"), ("int8", "int8"), ("int8", "uint8")])
def test_sums_are_exact_up_to_the_last_tap_that_int32_holds(variant, dtypes):
    largest = {"uint8": 255, "int8": -128}
    product = largest[dtypes[0]] * largest[dtypes[1]]
    n_taps = (2**31 - 1) // abs(product)
    assert n_taps == MOST_TAPS or dtypes != ("uint8", "int8")
    images = np.full((1, 1, 2, n_taps + 1), largest[dtypes[0]], dtypes[0])
    kernels = np.full((9, 1, 1, n_taps + 1), largest[dtypes[1]], dtypes[1])
    expected = np.full((1, 1, 2, 9), n_taps * product)
    exactly = images[..., :n_taps], kernels[..., :n_taps]
    assert_equal(xcorr.correlate(*exactly, method="direct"), expected, np.int64)
    assert are_summed_in(*exactly, "i4")
    assert_equal(xcorr.correlate(images, kernels, method="direct"), expected + product, np.int64)
    assert are_summed_in(images, kernels, "f8")
    assert_equal(xcorr.correlate(*exactly, method="direct", bias=np.full(9, product)), expected + product, np.int64)


def test_a_bias_counts_among_what_int32_holds(variant):
    images, kernels = np.full((1, 2, 2, 4), 1, np.uint8), np.full((16, 1, 1, 4), -1, np.int8)
    for bias in (2**31 - 5, 2**31 - 4, -(2**31) + 5, -(2**31) + 4, 2**40):
        response = xcorr.correlate(images, kernels, bias=np.full(16, bias), method="direct")
        assert_equal(response, np.full((1, 2, 2, 16), bias - 4), np.int64)


@pytest.mark.parametrize("dtype", ["int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64"])
def test_responses_are_checked_and_saturated_as_other_sums(variant, dtype):
    rng = random_generator("limits", dtype)
    images, kernels = drawn(rng, (2, 6, 7, 8), "uint8"), rng.integers(-128, 128, (17, 3, 3, 8)).astype(np.int8)
    exact = fast_correlate(images, kernels)
    limits = np.iinfo(dtype)
    saturated = xcorr.correlate(images, kernels, dtype=dtype, overflow="saturate", method="direct")
    assert_equal(saturated, np.clip(exact, float(limits.min), float(limits.max)), dtype)
    out = np.full(exact.shape, 77, dtype)
    if exact.min() < limits.min or exact.max() > limits.max:
        with pytest.raises(OverflowError, match=dtype):
            xcorr.correlate(images, kernels, dtype=dtype, out=out, method="direct")
        assert (out == 77).all()
    else:
        assert_equal(xcorr.correlate(images, kernels, dtype=dtype, out=out, method="direct"), exact, dtype)


def test_bools_count_once_whatever_their_byte_is(variant):
    rng = random_generator("bools")
    images = rng.integers(0, 256, (1, 9, 9, 4)).astype(np.uint8).view(bool)
    kernels = rng.integers(0, 256, (16, 3, 3, 4)).astype(np.uint8).view(bool)
    expected = fast_correlate(images.view(np.uint8) != 0, kernels.view(np.uint8) != 0)
    assert_equal(xcorr.correlate(images, kernels, method="direct"), expected, np.int64)
    assert_equal(xcorr.correlate(images, kernels.astype(np.uint8), method="direct"), expected, np.int64)


def test_one_bank_serves_images_of_either_sign(variant):
    rng = random_generator("either sign")
    kernels, bias = drawn(rng, (16, 3, 3, 4), "int8"), rng.integers(-9, 9, 16)
    correlator = xcorr.Correlator(kernels, bias=bias, padding="same", method="direct")
    for dtype in (*BYTES, "int8", "uint8", "int16"):
        images = drawn(rng, (2, 8, 9, 4), dtype)
        assert_equal(correlator(images), fast_correlate(images, kernels, bias=bias, padding="same"), np.int64)


def test_small_calls_are_repeated_with_other_numbers(variant):
    rng = random_generator("repeated bytes")
    kernels = drawn(rng, (16, 3, 3), "uint8")
    correlator = xcorr.Correlator(kernels)
    for _ in range(6):
        images = drawn(rng, (28, 28), "uint8")
        expected = fast_correlate(images[None, ..., None], kernels[..., None])[0]
        assert_equal(xcorr.correlate(images, kernels), expected, np.int64)
        assert_equal(correlator(images), expected, np.int64)
    assert len(correlator._repeats[_dispatch.current()]) == 1


def test_a_long_row_of_many_taps_is_exact(variant):
    rng = random_generator("long row")
    images, kernels = drawn(rng, (1, 1, 40_000, 2), "int8"), drawn(rng, (33, 1, 300, 2), "int8")
    response = xcorr.correlate(images, kernels, method="direct")
    chosen = [0, 1, 17_000, 39_699, 39_700]
    windows = np.stack([images[0, 0, first : first + 300] for first in chosen]).astype(float)
    assert_equal(response[0, 0, chosen], np.tensordot(windows, kernels[:, 0].astype(float), ((1, 2), (1, 2))), np.int64)


def test_the_environment_leaves_out_vnni():
    code = "import xcorr; print(xcorr.info()['bytes'])"

    def told(wish):
        environment = {**os.environ, "XCORR_VNNI": wish}
        return subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True)

    assert told("0").stdout == "16-bit words\n"
    best = _dispatch.runnable_levels()[-1] if not os.environ.get("XCORR_LEVEL") else os.environ["XCORR_LEVEL"]
    assert told("1").stdout == told("").stdout == ("VNNI\n" if _dispatch.has_vnni(best) else "16-bit words\n")
    assert "XCORR_VNNI: got 'none'; allowed are 0 and 1" in told("none").stderr


def test_vnni_is_refused_where_there_is_none():
    without = [name for name in _dispatch.runnable_levels() if not _dispatch.has_vnni(name)]
    assert "base" in without
    for name in without:
        with pytest.raises(ValueError, match="no products of bytes"):
            _dispatch.load(name, True)


def test_explain_tells_of_sums_in_int32(variant):
    told = xcorr.explain((2, 16, 16, 8), (16, 3, 3, 8), dtype=np.uint8)
    assert any(f"{4 if variant[1] else 2} taps at once" in reason for reason in told.reasons)
    assert any("int32" in reason for reason in told.reasons)
    assert not any("8 bits" in reason for reason in xcorr.explain((2, 16, 16, 8), (16, 3, 3, 8)).reasons)
