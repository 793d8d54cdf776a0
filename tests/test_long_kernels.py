"""Long kernels on long signals in the frequency domain: kernels are folded like signals, and mean what they did."""

import numpy as np
import pytest
from checks import BOUNDARIES, assert_same_bits, random_generator, real_numbers, whole_numbers

import xcorr
from xcorr._methods import lines, stretches
from xcorr._plan import plan_for
from xcorr._settings import USUAL

pytestmark = pytest.mark.usefixtures("level")

TAPS = (600, 601, 1151)
"""Of which none, some and others are left behind the last whole row."""


@pytest.fixture(autouse=True)
def folds(monkeypatch):
    """Every fold of kernels that was run, as (rows, taps of a row)."""
    found = []
    own = lines.folded_job

    def noted(job, result, fold):
        found.append((fold.kernel_rows, fold.length))
        return own(job, result, fold)

    monkeypatch.setattr("xcorr._methods.fft.folded_job", noted)
    return found


def turned(array):
    return np.swapaxes(array, 1, 2)


def both_ways(images, kernels, **keywords):
    """By the frequency domain and directly."""
    return (xcorr.correlate(images, kernels, method=method, **keywords) for method in ("fft", "direct"))


@pytest.mark.parametrize(
    "padding", ["valid", "same", "full", ((0, 0), (3, 2000)), ((0, 0), (0, 700)), ((0, 0), (700, 0))]
)
@pytest.mark.parametrize("dtype", ["int16", "complex128", "float64", "float16"])
def test_whole_numbers_of_rows_and_columns_are_right(dtype, padding, folds):
    rng = random_generator("long kernels", dtype, padding)
    for taps, groups in zip(TAPS, (1, 2, 1), strict=True):
        images = whole_numbers(rng, (3, 1, 6000, 2), dtype, 3)
        kernels = whole_numbers(rng, (4, 1, taps, 2 // groups), dtype, 3)
        keywords = {"groups": groups, "bias": whole_numbers(rng, 4, dtype, 3), "boundary": BOUNDARIES[rng.integers(5)]}
        response, expected = both_ways(images, kernels, padding=padding, **keywords)
        near = {"rtol": 0, "atol": {"int16": 0, "float16": 0.3}.get(dtype, 1e-8)}
        assert np.allclose(response, expected, **near)
        of_columns = xcorr.correlate(
            turned(images), turned(kernels), method="fft",
            padding=padding if isinstance(padding, str) else padding[::-1], **keywords,
        )  # fmt: skip
        assert np.allclose(of_columns, turned(expected), **near)
    assert any(rows > 1 for rows, _ in folds)


def test_taps_behind_the_last_row_are_added(folds):
    images = np.ones((1, 20_000), np.float32)
    for taps, dtype in ((5003, "float32"), (5003, "complex64"), (5003, "float16"), (5000, "complex64")):
        folds.clear()
        response = xcorr.correlate(images.astype(dtype).real, np.ones((1, taps), dtype))
        assert np.allclose(response, taps, rtol=1e-5 if dtype != "float16" else 1e-3)
        assert folds


@pytest.mark.parametrize("layout", ["NHWC", "NCHW"])
@pytest.mark.parametrize("padding", ["valid", "same"])
@pytest.mark.parametrize("axis", [1, 2])
def test_bits_depend_on_nothing_but_one_signal_and_the_bank(layout, padding, axis, folds):
    rng = random_generator("long kernel bits", layout, axis)
    images, kernels = real_numbers(rng, (4, 1, 9000, 2), "float32"), real_numbers(rng, (3, 1, 601, 2), "float32")
    if axis == 1:
        images, kernels = turned(images), turned(kernels)
    if layout == "NCHW":
        images, kernels = (np.ascontiguousarray(np.moveaxis(array, 3, 1)) for array in (images, kernels))
    keywords = {"layout": layout, "padding": padding, "method": "fft"}
    expected = xcorr.correlate(images, kernels, workers=1, **keywords)
    assert_same_bits(xcorr.correlate(images, kernels, workers=3, **keywords), expected)
    assert_same_bits(xcorr.correlate(images[2:3], kernels, **keywords), expected[2:3])
    assert_same_bits(
        xcorr.correlate(images, kernels[[2, 0, 1]], **keywords),
        np.take(expected, [2, 0, 1], 3 if layout == "NHWC" else 1),
    )
    assert_same_bits(xcorr.Correlator(kernels, **keywords)(images), expected)
    assert_same_bits(xcorr.correlate(np.repeat(images, 2, axis=3)[..., ::2], kernels, **keywords), expected)
    out = np.empty((4, *expected.shape[1:-1], 2 * expected.shape[-1]), np.float32)[..., ::2]
    assert_same_bits(xcorr.correlate(images, kernels, out=out, **keywords), expected)
    assert folds[0][0] > 1


@pytest.mark.parametrize("taps", TAPS)
@pytest.mark.parametrize("place", [0, 7, 5_000, 8_999])
def test_what_is_not_finite_reaches_its_own_windows_only(taps, place):
    rng = random_generator("long kernel meaning", taps, place)
    images, kernels = real_numbers(rng, (2, 1, 9_000, 1), "float64"), real_numbers(rng, (3, 1, taps, 1), "float64")
    images[1, 0, place] = np.nan
    kernels[2, 0, -1] = np.inf
    images[0, 0, 4_000 : 4_000 + 2 * taps] = 0
    for padding in ("valid", "same"):
        response, expected = both_ways(images, kernels, padding=padding)
        assert np.array_equal(np.isnan(response), np.isnan(expected))
        assert np.array_equal(response[..., 2], expected[..., 2], equal_nan=True)
        finite = np.isfinite(expected)
        assert np.allclose(response[finite], expected[finite], rtol=0, atol=1e-8)
        zeros = expected[..., :2] == 0
        assert zeros.any()
        assert (response[..., :2][zeros] == 0).all()


@pytest.mark.parametrize("fill", [np.nan, np.inf, 2.5, (1.0, -3.0)])
def test_padding_has_its_own_value(fill):
    rng = random_generator("long kernel fill")
    images, kernels = real_numbers(rng, (2, 5000, 1, 2), "float64"), real_numbers(rng, (3, 601, 1, 2), "float64")
    response, expected = both_ways(images, kernels, padding="full", fill_value=fill)
    assert np.allclose(response, expected, rtol=0, atol=1e-8, equal_nan=True)


def test_a_large_line_is_padded_and_done_stretch_by_stretch(monkeypatch, folds):
    rng = random_generator("long kernel, large line")
    images, kernels = real_numbers(rng, (2, 1, 9000, 1), "float64"), real_numbers(rng, (1, 1, 700, 1), "float64")
    response, expected = both_ways(images, kernels, padding=(0, 77))
    assert np.allclose(response, expected, rtol=0, atol=1e-9)
    assert len(folds) == 1  # of both images
    monkeypatch.setattr(stretches, "STRETCH_BYTES", 2**15)
    xcorr.clear_caches()
    again, _ = both_ways(images, kernels, padding=(0, 77))
    assert np.allclose(again, expected, rtol=0, atol=1e-9)
    assert len(folds) == 7  # three stretches of each
    xcorr.clear_caches()


def test_error_is_within_that_of_the_section():
    rng = random_generator("long kernel error")
    images, kernels = real_numbers(rng, (1, 1, 100_000, 1), "float32"), real_numbers(rng, (1, 1, 9001, 1), "float32")
    response = xcorr.correlate(images, kernels, method="fft")
    plan = plan_for(USUAL._replace(method="fft"), images.shape, images.dtype, kernels.shape, kernels.dtype)
    section = plan.section[0]
    exact = xcorr.correlate(images.astype("f8"), kernels.astype("f8"), method="fft")
    points = section.height * section.width
    norms = np.linalg.norm(kernels) * np.sqrt(points) * np.abs(images).max()
    assert np.abs(response - exact).max() <= 0.5 * np.log2(points) * 2.0**-24 * norms


def test_auto_takes_it_where_direct_would_take_a_thousand_times_as_long():
    for shape, kernel in (((1, 441_000), (1, 44_100)), ((1_000_000, 1), (100_001, 1))):
        assert xcorr.choose_method(shape, kernel) == "fft"
        assert xcorr.choose_method(shape, kernel, padding="same") == "fft"
