"""Images on a dark ground: sections that float32 cannot span, which "fft" does in float64 instead of directly."""

import numpy as np
import pytest
from checks import assert_same_bits, fast_correlate, random_generator
from looping import for_each
from spectral_cases import by_fft

import xcorr

pytestmark = pytest.mark.usefixtures("level")

STAR, NOISE, SIDE = 1e4, 1e-2, 33


def sky(rng, shape=(2, 300, 310), channels=None):
    """Bright pixels far apart, and what lies below a millionth of them in between; the first half is plain."""
    images = rng.standard_normal(shape if channels is None else (*shape, channels)).astype(np.float32)
    images[:, shape[1] // 2 :] *= NOISE
    rows, columns = rng.integers(shape[1] // 2, shape[1], 40), rng.integers(0, shape[2], 40)
    images[:, rows, columns] = STAR
    return images


def templates(rng, n_kernels=2, channels=None):
    shape = (n_kernels, SIDE, SIDE)
    return rng.standard_normal(shape if channels is None else (*shape, channels)).astype(np.float32)


def done_directly(images, kernels, monkeypatch, **keywords):
    """How many areas of the response were handed back to the direct method."""
    from xcorr._methods import direct

    areas, whole = [], direct.do_handed_back

    def counting(job, result, summed, limits, own):
        areas.extend(own)
        return whole(job, result, summed, limits, own)

    monkeypatch.setattr(direct, "do_handed_back", counting)
    by_fft(images, kernels, layout="NHW", **keywords)
    return len(areas)


def test_dark_sections_are_not_done_directly(monkeypatch):
    rng = random_generator()
    images, kernels = sky(rng), templates(rng)
    assert done_directly(images, kernels, monkeypatch) == 0
    images[0, 200, 100] = np.nan
    assert done_directly(images, kernels, monkeypatch) >= 1


@for_each("padding", ["valid", "same"])
def test_each_window_errs_in_proportion_to_itself(padding):
    """Not to the brightest pixel of the section, which may lie outside of the window."""
    rng = random_generator(padding)
    images, kernels = sky(rng)[..., np.newaxis], templates(rng)[..., np.newaxis]
    expected = fast_correlate(images.astype("f8"), kernels.astype("f8"), padding=padding)
    sizes = fast_correlate(np.abs(images).astype("f8"), np.abs(kernels).astype("f8"), padding=padding)
    found = by_fft(images, kernels, padding=padding)
    dark = slice(images.shape[1] // 2 + SIDE, -SIDE)
    assert np.all(np.abs(found - expected)[:, dark] <= 1e-6 * sizes[:, dark])


def test_bits_are_free_of_workers_batch_bank_and_part():
    rng = random_generator()
    images, kernels = sky(rng, (3, 700, 330)), templates(rng, 3)
    expected = by_fft(images, kernels, layout="NHW")
    assert_same_bits(by_fft(images, kernels, layout="NHW", workers=2), expected)
    assert_same_bits(by_fft(images[1:2], kernels, layout="NHW"), expected[1:2])
    assert_same_bits(by_fft(images, kernels[1:2], layout="NHW"), expected[..., 1:2])
    columns = slice(3, 250)
    for rows in (slice(330, 371), slice(5, 60)):  # the latter in sections of float32 alone
        part = by_fft(images, kernels, layout="NHW", roi=(rows, columns))
        assert_same_bits(part, expected[:, rows, columns])


@for_each("value", [np.nan, np.inf, -np.inf])
def test_what_is_not_finite_stays_in_its_windows(value):
    rng = random_generator(value)
    images, kernels = sky(rng), templates(rng)
    images[1, 190, 90] = value
    found, plain = (
        by_fft(images, kernels, layout="NHW"),
        xcorr.correlate(images, kernels, layout="NHW", method="direct"),
    )
    assert np.array_equal(np.isfinite(found), np.isfinite(plain))
    assert np.array_equal(found[~np.isfinite(plain)], plain[~np.isfinite(plain)], equal_nan=True)


@for_each("reduce", ["max", "argmax", "mean", ("min", "ppv")])
@for_each("over", ["positions", "kernels"])
def test_reductions_are_those_of_the_response(reduce, over):
    rng = random_generator(over)
    images, kernels = sky(rng), templates(rng, 3)
    response = by_fft(images, kernels, layout="NHW")
    found = by_fft(images, kernels, layout="NHW", reduce=reduce, over=over)
    axis = (1, 2) if over == "positions" else 3
    if reduce == "max":
        assert_same_bits(found, response.max(axis=axis))
    elif reduce == "mean":
        assert np.allclose(found, response.mean(axis=axis, dtype="f8"), rtol=1e-4, atol=1e-2)
    elif reduce == "argmax" and over == "kernels":
        assert np.array_equal(found, response.argmax(axis=3))
    elif reduce == ("min", "ppv"):
        assert_same_bits(found[0], response.min(axis=axis))
        assert np.array_equal(found[1], (response > 0).mean(axis=axis))


@for_each("layout", ["NHWC", "NCHW"])
def test_channels_groups_and_strides(layout):
    rng = random_generator(layout)
    images, kernels = sky(rng, (2, 250, 240), 4), templates(rng, 4, 2)
    expected = fast_correlate(images.astype("f8"), kernels.astype("f8"), groups=2, stride=(2, 3))
    sizes = fast_correlate(np.abs(images).astype("f8"), np.abs(kernels).astype("f8"), groups=2, stride=(2, 3))
    if layout == "NCHW":
        images, kernels = np.moveaxis(images, 3, 1), np.moveaxis(kernels, 3, 1)
    found = by_fft(images, kernels, layout=layout, groups=2, stride=(2, 3))
    found = np.moveaxis(found, 1, 3) if layout == "NCHW" else found
    dark = slice(images.shape[1 if layout == "NHWC" else 2] // 4 + SIDE, -SIDE)
    assert np.all(np.abs(found - expected)[:, dark] <= 1e-6 * sizes[:, dark])


def test_a_kernel_that_is_not_finite_changes_nothing_for_the_others():
    rng = random_generator()
    images, kernels = sky(rng), templates(rng, 3)
    expected = by_fft(images, kernels, layout="NHW")
    kernels[1, 3, 4] = np.inf
    found = by_fft(images, kernels, layout="NHW")
    assert_same_bits(found[..., ::2].copy(), expected[..., ::2].copy())
    assert not np.isfinite(found[..., 1]).any()


@for_each(("dtype", "faint"), [("float32", 2.0**-20), ("float64", 2.0**-45)])
@for_each("padding", [26, "full", ((26, 0), (3, 26))])
def test_windows_that_see_a_faint_frame_and_padding_alone_keep_their_bits(dtype, faint, padding):
    """Blocks that are larger than what such a window sees of the image would hold bright pixels, too."""
    rng = random_generator("faint frame", dtype, padding)
    images, kernels = np.full((1, 60, 60), faint, dtype), rng.random((1, 30, 30)).astype(dtype)
    images[:, 5:-5, 5:-5] = 1 + rng.random((50, 50))
    words = {"layout": "NHW", "padding": padding}
    response = xcorr.correlate(images, kernels, method="fft", **words)
    exact = xcorr.correlate(images.astype("f8"), kernels.astype("f8"), method="direct", **words)
    assert (exact < 900 * faint).any()
    assert (np.abs(response - exact) <= 200 * np.finfo(dtype).eps * exact).all()
