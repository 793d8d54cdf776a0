"""Masks and `normalize` of correlations: what is unseen enters no sum, and what is missing does not darken."""

import numpy as np
import pytest
from checks import EXAMPLES, assert_same_bits, random_generator
from looping import for_each
from seen import assert_near, bounds, numbers, random_call

import xcorr
from xcorr import _reference


@pytest.mark.usefixtures("level")
@for_each("part", range(4))
def test_responses_are_those_of_the_definition(part):
    rng = random_generator("definition", part)
    for _ in range(max(5, EXAMPLES // 4)):
        images, kernels, keywords = random_call(rng)
        with np.errstate(all="ignore"):
            expected = _reference.correlate(images, kernels, **keywords)
            got = xcorr.correlate(images, kernels, **keywords)
            assert_near(got, expected, bounds(images, kernels, keywords, got.dtype))
        assert_same_bits(xcorr.Correlator(kernels, **keywords)(images), got)
        turned = kernels[..., ::-1, ::-1]
        if keywords["layout"] == "NHWC" and kernels.ndim > 2:
            turned = kernels[..., ::-1, ::-1, :]
        if keywords["conjugate"]:
            turned = np.conj(turned)
        flipped = xcorr.convolve(images, turned, **keywords)
        np.testing.assert_array_equal(flipped, got)


@for_each("method", ["direct", "matmul", "fft", "winograd"])
@for_each("dtype", ["float32", "float64", "complex64", "uint8"])
def test_every_method_is_near_the_definition(method, dtype):
    rng = random_generator(method, dtype)
    images = (10 * rng.random((2, 12, 13, 3))).astype(dtype)
    kernels = (8 * rng.random((4, 3, 3, 3)) - 4).astype("int8" if dtype == "uint8" else dtype)
    mask = rng.random((2, 12, 13))
    mask[mask < 0.2] = 0
    for seen in (mask, mask > 0.5, "finite", None):
        words = {"padding": "same", "mask": seen, "normalize": True, "layout": "NHWC"}
        expected = _reference.correlate(images, kernels, **words)
        got = xcorr.correlate(images, kernels, method=method, **words)
        tolerance = 2e-4 if got.dtype.name in ("float32", "complex64") else 1e-11
        np.testing.assert_allclose(got, expected, rtol=tolerance, atol=tolerance * np.nanmax(np.abs(expected)))


@for_each("layout", ["NHW", "NHWC", "NCHW"])
@for_each("boundary", ["constant", "edge", "reflect", "symmetric", "wrap"])
@for_each("padding", ["valid", "same", "full", 2])
def test_a_constant_image_stays_constant(layout, boundary, padding):
    rng = random_generator(layout, boundary, padding)
    shape, kernel = {"NHW": ((2, 9, 10), (3, 3, 4)), "NHWC": ((2, 9, 10, 2), (3, 3, 4, 2))}.get(
        layout, ((2, 2, 9, 10), (3, 2, 3, 4))
    )
    images, kernels = np.full(shape, 3.0), rng.random(kernel)
    mask = rng.random((9, 10)) > 0.2
    whole = kernels.reshape(3, -1).sum(axis=1) + np.arange(1, 4)
    for seen in (None, mask, np.where(mask, 0.25, 0), "finite"):
        keywords = {"layout": layout, "padding": padding, "boundary": boundary, "mask": seen}
        got = xcorr.correlate(images, kernels, normalize=True, bias=[1, 2, 3], **keywords)
        got = np.moveaxis(got, 1, -1) if layout == "NCHW" else got
        unseen = np.isnan(got)
        assert unseen.mean() < 0.2
        np.testing.assert_allclose(got[~unseen], np.broadcast_to(3 * whole - 2 * np.arange(1, 4), got.shape)[~unseen])


def test_nothing_seen_is_nan():
    image, kernels = np.ones((5, 8)), np.ones((2, 3, 3))
    kernels[1, 1, 1] = 0
    mask = np.zeros((5, 8), bool)
    mask[2, 2] = mask[:, 7] = True
    for method in ("direct", "fft"):
        got = xcorr.correlate(image, kernels, mask=mask, normalize=True, method=method)
        assert np.isnan(got[:, 3]).all()
        assert np.isnan(got[1, 1, 1])  # only the tap of 0 sees something
        assert got[1, 1, 0] == pytest.approx(9)
        assert (xcorr.correlate(image, kernels, mask=mask, method=method)[:, 3] == 0).all()
    kernels[0] = 0
    assert np.isnan(xcorr.correlate(image, kernels, normalize=True)[..., 0]).all()
    assert xcorr.correlate(image, kernels, normalize=True)[0, 0, 1] == 8


def test_types_of_responses():
    image, kernel, seen = np.ones((5, 6)), np.ones((3, 3)), np.ones((5, 6), bool)
    for dtype in ("float16", "float32", "float64", "complex64", "complex128"):
        for words in ({"mask": seen}, {"mask": seen * 0.5}, {"normalize": True}, {"mask": "finite", "normalize": True}):
            assert xcorr.correlate(image.astype(dtype), kernel.astype(dtype), **words).dtype == dtype
    for words in ({"mask": seen}, {"normalize": True}, {"mask": "finite"}):
        for dtype in ("bool", "uint8", "int64", "uint64"):
            assert xcorr.correlate(image.astype(dtype), kernel.astype("int8"), **words).dtype == np.float64
        assert xcorr.correlate(image.astype("uint8"), kernel.astype("f4"), **words).dtype == np.float32
        with pytest.raises(TypeError, match=r"^dtype: got int32"):
            xcorr.correlate(image.astype("uint8"), kernel.astype("int8"), dtype=np.int32, **words)
    words = {"dtype": np.uint8, "overflow": "saturate"}
    got = xcorr.correlate(200 * image.astype("u1"), kernel / 8, padding="same", normalize=True, **words)
    assert got.dtype == np.uint8
    assert (got == 225).all()
    out = np.full((3, 4), 7, np.uint8)
    with pytest.raises(ValueError, match=r"^overflow: a response is NaN"):
        xcorr.correlate(image, kernel, mask=~seen, normalize=True, out=out, **words)
    assert (out == 7).all()


def test_padding_holds_what_it_may():
    rng = random_generator("fill")
    image, kernel = rng.random((6, 7)), rng.random((3, 3))
    for words in ({"normalize": True}, {"mask": np.ones((6, 7), bool)}):
        expected = xcorr.correlate(image, kernel, padding="same", **words)
        for fill in (5.0, np.nan, np.inf):
            assert_same_bits(xcorr.correlate(image, kernel, padding="same", fill_value=fill, **words), expected)
        kernel[0, 0] = np.inf
        assert np.isfinite(xcorr.correlate(image, kernel, padding="same", mask=np.ones((6, 7)))[0]).all()
        kernel[0, 0] = 0.5


@pytest.mark.parametrize(
    "verb",
    [xcorr.correlate, xcorr.convolve, lambda images, kernels, **words: xcorr.Correlator(kernels, **words)(images)],
)
@for_each(
    ("words", "error", "message"),
    [
        ({"mask": np.ones((4, 6))}, ValueError, r"^mask: got shape \(4, 6\); allowed is that of the images, \(5, 6\)"),
        ({"mask": np.full((5, 6), 1.5)}, ValueError, r"^mask: a share is below 0, above 1 or NaN"),
        ({"mask": np.full((5, 6), np.nan)}, ValueError, r"^mask: a share is below 0, above 1 or NaN"),
        ({"mask": "seen"}, ValueError, r"^mask: got 'seen'; allowed are None, 'finite'"),
        ({"mask": np.ones((5, 6), complex)}, TypeError, r"^mask: got dtype complex128"),
        ({"mask": object()}, TypeError, r"^mask: "),
        ({"normalize": 1}, TypeError, r"^normalize: got 1; allowed are True and False"),
        ({"normalize": "yes"}, TypeError, r"^normalize: got 'yes'"),
        ({"mask": "finite", "padding": -1}, ValueError, r"^padding: "),
        ({"mask": "finite", "bias": [1, 2]}, ValueError, r"^bias: "),
        ({"normalize": True, "bias": 1j}, TypeError, r"^bias: "),
        ({"mask": "finite", "fill_value": "x"}, TypeError, r"^fill_value: "),
    ],
)
def test_what_is_refused(verb, words, error, message):
    with pytest.raises(error, match=message):
        verb(np.ones((5, 6)), np.ones((3, 3)), **words)


def test_pixels_that_are_unseen_change_no_bit():
    rng = random_generator("hidden")
    for dtype in ("float16", "float32", "float64", "complex64", "uint8"):
        images, kernels = numbers(rng, (2, 15, 16), dtype), numbers(rng, (3, 4, 3), dtype)
        mask = rng.random(images.shape) > 0.3
        for method in ("direct", "fft", "matmul"):
            for shares in (mask, np.where(mask, rng.random(mask.shape) / 2 + 0.25, 0)):
                words = {"layout": "NHW", "mask": shares, "normalize": True, "padding": 2, "method": method}
                expected = xcorr.correlate(images, kernels, **words)
                for value in [0, 200] if dtype == "uint8" else [np.nan, np.inf, -np.inf, 1e4, 0]:
                    hidden = np.where(mask, images, value).astype(dtype)
                    assert_same_bits(xcorr.correlate(hidden, kernels, **words), expected)


def test_taps_that_are_not_finite_reach_what_they_see_alone():
    image, kernel = np.arange(1.0, 31).reshape(5, 6), np.ones((3, 3))
    kernel[0, 0] = np.nan
    mask = np.ones((5, 6), bool)
    mask[0] = False
    got = xcorr.correlate(image, kernel, mask=mask)
    assert np.isfinite(got[0]).all()
    assert np.isnan(got[1:]).all()
    kernel[0, 0] = -np.inf
    assert (xcorr.correlate(image, kernel, mask=mask, dtype=np.int16, overflow="saturate")[1:] == -(2**15)).all()
    assert (xcorr.correlate(image, kernel, mask=mask)[1:] == -np.inf).all()


def test_a_kernel_is_what_it_is_beside_any_other():
    rng = random_generator("beside")
    image, kernels = rng.random((9, 9)).astype("f4"), rng.random((5, 3, 3)).astype("f4")
    words = {"mask": rng.random((9, 9)) > 0.3, "bias": rng.random(5).astype("f4"), "layout": "NHW"}
    for more in ({}, {"normalize": True, "padding": 1}):
        expected = xcorr.correlate(image, kernels, **words, **more)[..., :4]
        kernels[4] = [np.nan, np.inf, 1]
        assert_same_bits(xcorr.correlate(image, kernels, **words, **more)[..., :4], expected)


@for_each("over", ["positions", "kernels"])
@for_each("words", [{"mask": "finite"}, {"mask": "finite", "normalize": True}, {"normalize": True, "padding": 1}])
@for_each("dtype", ["float32", "float64", "uint8"])
def test_reductions_are_those_of_the_responses(over, words, dtype):
    rng = random_generator("reduced", over, words, dtype)
    images = rng.integers(0, 9, (3, 12, 13, 2)).astype(dtype)
    kernels = rng.integers(-3, 4, (4, 3, 3, 2)).astype("f4" if dtype == "uint8" else dtype)
    if dtype != "uint8" and "mask" in words:
        images[rng.random(images.shape) < 0.1] = np.nan
    for roi in (None, (slice(2, 7), slice(3, 9))):
        whole = xcorr.correlate(images, kernels, roi=roi, **words)
        names = ("max", "min", "ppv", "argmax", "mean", "energy")
        most, least, share, where, mean, energy = xcorr.correlate(
            images, kernels, roi=roi, reduce=names, over=over, **words
        )
        axes = (1, 2) if over == "positions" else 3
        np.testing.assert_array_equal(most, whole.max(axis=axes))
        np.testing.assert_array_equal(least, whole.min(axis=axes))
        np.testing.assert_array_equal(share, (whole > 0).mean(axis=axes))
        np.testing.assert_allclose(mean, whole.mean(axis=axes), rtol=1e-4, atol=1e-4)
        np.testing.assert_allclose(energy, (whole.astype(float) ** 2).sum(axis=axes), rtol=1e-4)
        if over == "kernels":
            np.testing.assert_array_equal(where, whole.argmax(axis=3))
        else:
            places = whole.reshape(3, -1, 4).argmax(axis=1)
            first = (0, 0) if roi is None else (2, 3)
            np.testing.assert_array_equal(where, np.stack(np.unravel_index(places, whole.shape[1:3]), -1) + first)
        prepared = xcorr.Correlator(kernels, roi=roi, reduce="max", over=over, **words)
        assert_same_bits(prepared(images, out=np.zeros_like(most)), most)


def test_kernels_that_repeat_their_taps_are_refused_at_once():
    kernels = np.broadcast_to(np.complex64(1), (2**20, 2**20))
    with pytest.raises(ValueError, match="kernels: spatial size"):
        xcorr.correlate(np.ones((5, 6)), kernels, mask=np.ones((5, 6), bool))
