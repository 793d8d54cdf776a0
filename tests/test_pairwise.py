"""`pairwise`: image i with kernel or bank i gives what each pair gives by itself, to the bit."""

import numpy as np
import pytest
from checks import assert_same_bits, random_generator, real_numbers
from looping import drawn, for_each
from pairs import SHAPES

import xcorr
from xcorr import _dispatch, _pairs

MEMORY = {
    "as they are": np.ascontiguousarray,
    "backwards": lambda array: np.ascontiguousarray(array[::-1])[::-1],
    "every other": lambda array: np.repeat(array, 2, axis=0)[::2],
    "turned": np.asfortranarray,
}


def operands(images, kernels, dtype):
    rng = random_generator(images, kernels, dtype)
    numbers = (8 * real_numbers(rng, shape, "float64") for shape in (images, kernels))
    return tuple((np.abs(array) if dtype == "uint8" else array).astype(dtype) for array in numbers)


@pytest.mark.usefixtures("level")
@pytest.mark.parametrize(("layout", "images", "kernels", "keywords"), SHAPES.values(), ids=SHAPES)
@for_each(
    ("dtype", "method"), drawn(3, ["float32", "float64", "complex64", "uint8"], ["auto", "direct", "matmul", "fft"])
)
def test_a_pair_is_what_it_is_by_itself(layout, images, kernels, keywords, dtype, method):
    batch, banks = operands(images, kernels, dtype)
    words = {"layout": layout, "method": method, **keywords}
    expected = np.stack([xcorr.correlate(image, bank, **words) for image, bank in zip(batch, banks, strict=True)])
    prepared = xcorr.Correlator(banks, pairwise=True, **words)
    for lie in MEMORY.values():
        for workers in (1, 2):
            assert_same_bits(xcorr.correlate(lie(batch), lie(banks), pairwise=True, workers=workers, **words), expected)
            assert_same_bits(prepared(lie(batch), workers=workers), expected)
        out = lie(np.zeros_like(expected))
        assert xcorr.correlate(batch, banks, pairwise=True, out=out, **words) is out
        np.testing.assert_array_equal(out, expected)
    flipped = xcorr.convolve(batch, banks, pairwise=True, **words)
    assert_same_bits(flipped[-1], xcorr.convolve(batch[-1], banks[-1], **words))


def test_more_pairs_than_are_done_at_once(monkeypatch):
    monkeypatch.setattr(_pairs, "TAPS_AT_ONCE", 40)
    batch, banks = operands((11, 9, 10), (11, 3, 3), "float32")
    expected = np.stack([xcorr.correlate(image, bank) for image, bank in zip(batch, banks, strict=True)])
    assert_same_bits(xcorr.correlate(batch, banks, layout="NHW", pairwise=True, bias=0), expected)
    assert_same_bits(xcorr.Correlator(banks, layout="NHW", pairwise=True)(batch), expected)


def test_a_faint_image_changes_no_other_one():
    batch, banks = operands((5, 30, 31), (5, 3, 3), "float32")
    batch[2, 4, 5] = 1e-40
    with _dispatch.with_subnormals(True):
        expected = np.stack([xcorr.correlate(image, bank) for image, bank in zip(batch, banks, strict=True)])
        assert_same_bits(xcorr.correlate(batch, banks, layout="NHW", pairwise=True), expected)


def test_the_bias_is_that_of_every_bank():
    batch, banks = operands((4, 9, 10), (4, 3, 3), "float64")
    plain = xcorr.correlate(batch, banks, layout="NHW", pairwise=True)
    np.testing.assert_allclose(xcorr.correlate(batch, banks, layout="NHW", pairwise=True, bias=2.5), plain + 2.5)
    batch, banks = operands((4, 2, 9, 10), (4, 3, 2, 3, 3), "float64")
    plain = xcorr.correlate(batch, banks, layout="NCHW", pairwise=True)
    bias = np.array([1.0, 2.0, 3.0])
    shifted = xcorr.correlate(batch, banks, layout="NCHW", pairwise=True, bias=bias)
    np.testing.assert_allclose(shifted, plain + bias[:, None, None])


@pytest.mark.parametrize("layout", ["NHW", "NHWC"])  # in one call, and one after the other
def test_a_refused_response_leaves_out_as_it_was(layout):
    batch, banks = np.ones((3, 5, 5), np.int16), np.ones((3, 3, 3), np.int16)
    batch[2] = 30000
    out = np.full((3, 3, 3), 77, np.int16)
    if layout == "NHWC":
        batch, banks = batch[..., np.newaxis], banks[..., np.newaxis]
    with pytest.raises(OverflowError, match="dtype"):
        xcorr.correlate(batch, banks, layout=layout, pairwise=True, dtype="int16", out=out)
    assert (out == 77).all()


@pytest.mark.parametrize("layout", ["NHW", "NHWC"])
def test_out_may_be_an_operand(layout):
    batch, banks = operands((4, 9, 10), (4, 3, 3), "float32")
    room = np.concatenate([batch, batch[:1]])
    words = {"layout": layout, "pairwise": True, "padding": "same"}
    images = room[:4] if layout == "NHW" else room[:4, ..., np.newaxis]
    banks = banks if layout == "NHW" else banks[..., np.newaxis]
    expected = xcorr.correlate(images, banks, **words)
    assert_same_bits(xcorr.correlate(images, banks, out=room[1:], **words), expected)


def test_no_pair_gives_none():
    words = {"layout": "NHW", "pairwise": True}
    assert xcorr.correlate(np.ones((0, 5, 6)), np.ones((0, 3, 3)), **words).shape == (0, 3, 4)
    assert xcorr.correlate(np.ones((2, 5, 6)), np.ones((2, 0, 3, 3)), **words).shape == (2, 3, 4, 0)


@pytest.mark.parametrize(
    ("images", "kernels", "layout", "message"),
    [
        ((4, 9, 9), (3, 2, 2), "NHW", r"kernels: shape \(3, 2, 2\) is for 3 images.*each of the 4"),
        ((9, 9), (9, 2, 2), "NHW", r"images: shape \(9, 9\) is one image"),
        ((4, 9, 9), (2, 2), "NHW", r"kernels: shape \(2, 2\) has 2 axes.*N"),
        ((4, 9, 9), (4, 1, 1, 2, 2), "NHW", "kernels: shape .* axes"),
        ((4, 9, 9), (4, 2, 2), None, "layout: "),
        ((4, 9, 9, 3), (4, 2, 2, 2), "NHWC", "kernels: each has 2 channels"),
    ],
)
def test_operands_that_are_no_pairs_are_refused(images, kernels, layout, message):
    with pytest.raises(ValueError, match=message):
        xcorr.correlate(np.ones(images), np.ones(kernels), layout=layout, pairwise=True)
    with pytest.raises(ValueError, match="kernels|images|layout"):
        xcorr.Correlator(np.ones(kernels), layout=layout, pairwise=True)(np.ones(images))


def test_the_method_is_that_of_one_pair():
    assert xcorr.choose_method((90, 256, 256), (90, 51, 51), layout="NHW", pairwise=True) == "fft"
    assert xcorr.choose_method((90, 256, 256), (90, 5, 5), layout="NHW", pairwise=True) == "direct"
