"""Bits of responses with masks: the same whatever N, the workers, memory order, the part asked for, and `out`."""

import pickle

import numpy as np
import pytest
from checks import assert_same_bits, random_generator
from looping import drawn, for_each
from memory_orders import MEMORY

import xcorr
from xcorr import _seen, _seen_shares

METHODS = ("auto", "direct", "matmul", "fft", "winograd")


def operands(*names):
    """A batch, a bank and masks of each image, in float32, channels last."""
    rng = random_generator(*names)
    images, kernels = rng.random((5, 30, 41, 3)).astype("f4"), (rng.random((4, 5, 5, 3)) - 0.3).astype("f4")
    return images, kernels, rng.random((5, 30, 41)) > 0.3, rng.random((5, 30, 41, 3))


@pytest.mark.usefixtures("level")
@for_each("method", METHODS)
@for_each("which", [2, 3])
def test_images_are_what_they_are_by_themselves(method, which):
    images, kernels, *_ = own = operands(method, which)
    mask, words = own[which], {"padding": "same", "normalize": True, "method": method}
    expected = xcorr.correlate(images, kernels, mask=mask, **words)
    for workers in (1, 2, 3):
        assert_same_bits(xcorr.correlate(images, kernels, mask=mask, workers=workers, **words), expected)
        assert_same_bits(xcorr.correlate(images[3], kernels, mask=mask[3], workers=workers, **words), expected[3])
    order = [4, 0, 3]
    assert_same_bits(xcorr.correlate(images[order], kernels, mask=mask[order], **words), expected[order])
    one = xcorr.correlate(images, kernels, mask=mask[1], **words)
    assert_same_bits(one[1], expected[1])
    lie = np.asfortranarray(images), kernels[::-1][::-1].astype(">f4"), np.repeat(mask, 2, axis=1)[:, ::2]
    assert_same_bits(xcorr.correlate(*lie[:2], mask=lie[2], **words), expected)
    out = np.zeros((*expected.shape[:3], 8), "f4")[..., ::2]
    assert xcorr.correlate(images, kernels, mask=mask, out=out, **words) is out
    np.testing.assert_array_equal(out, expected)


@for_each(("method", "dtype"), drawn(2, METHODS, ["f4", "f8", "c16"]))
def test_the_memory_of_kernels_changes_no_bit(method, dtype):
    """Although magnitudes are summed for each kernel, and over the channels of a mask that has none."""
    rng = random_generator(method, dtype)
    images, kernels, shares = rng.random((2, 9, 10, 19)), rng.random((4, 3, 3, 19)) - 0.3, rng.random((2, 9, 10, 19))
    images, kernels, words = images.astype(dtype), kernels.astype(dtype), {"normalize": True, "method": method}
    for seen in (shares, shares[..., 0]):
        expected = xcorr.correlate(images, kernels, mask=seen, **words)
        for arrange in MEMORY.values():
            assert_same_bits(xcorr.correlate(images, arrange(kernels), mask=seen, **words), expected)
            own = arrange(shares) if seen is shares else arrange(shares)[..., 0]
            assert_same_bits(xcorr.correlate(images, kernels, mask=own, **words), expected)


@for_each("method", METHODS)
def test_parts_are_those_of_the_whole(method):
    images, kernels, mask, _ = operands(method)
    for words in ({"mask": mask, "normalize": True}, {"mask": mask}, {"normalize": True}):
        for padding in ("same", "full", "valid"):
            keywords = {"padding": padding, "method": method, **words}
            whole = xcorr.correlate(images, kernels, **keywords)
            for roi in ((slice(3, 11), slice(None)), (slice(-4, None), slice(0, 9)), (slice(12, 14), slice(20, 22))):
                part = xcorr.correlate(images, kernels, roi=roi, **keywords)
                if method == "auto":
                    np.testing.assert_allclose(part, whole[(slice(None), *roi)], rtol=1e-4)
                else:
                    assert_same_bits(part, whole[(slice(None), *roi)])
            assert xcorr.correlate(images, kernels, roi=(slice(0, 0), slice(3)), **keywords).size == 0


@for_each("method", ["direct", "matmul", "winograd"])
def test_windows_that_are_seen_whole_are_those_of_no_mask(method):
    images, kernels, mask, _ = operands(method)
    plain = xcorr.correlate(images, kernels, method=method)
    inner = (slice(None), slice(2, -2), slice(2, -2))
    for words in ({}, {"mask": np.ones((30, 41))}, {"mask": np.ones(images.shape, bool)}, {"mask": "finite"}):
        got = xcorr.correlate(images, kernels, padding="same", normalize=True, method=method, **words)
        assert_same_bits(got[inner], plain)
        assert_same_bits(xcorr.correlate(images, kernels, normalize=True, method=method, **words), plain)
    mask[:, :, 20:] = True
    got = xcorr.correlate(images, kernels, mask=mask, normalize=True, method=method)
    np.testing.assert_array_equal(got[:, :, 20:], plain[:, :, 20:])


@for_each("layout", ["NHW", "NHWC", "NCHW"])
def test_a_pair_is_what_it_is_by_itself(layout):
    rng = random_generator("pairs", layout)
    shape, kernel = {
        "NHW": ((4, 12, 13), (4, 2, 3, 4)),
        "NHWC": ((4, 12, 13, 2), (4, 3, 4, 2)),
        "NCHW": ((4, 2, 12, 13), (4, 3, 2, 3, 4)),
    }[layout]
    images, kernels, mask = rng.random(shape), rng.random(kernel), rng.random(shape) > 0.3
    words = {"layout": layout, "padding": "same", "normalize": True}
    for own in (mask, mask[0] if layout == "NHW" else "finite"):
        each = [own if isinstance(own, str) or own.ndim < len(shape) else own[index] for index in range(4)]
        expected = np.stack(
            [xcorr.correlate(*pair, mask=seen, **words) for *pair, seen in zip(images, kernels, each, strict=True)]
        )
        for workers in (1, 2):
            got = xcorr.correlate(images, kernels, pairwise=True, mask=own, workers=workers, **words)
            assert_same_bits(got, expected)
        prepared = xcorr.Correlator(kernels, pairwise=True, mask=own, **words)
        assert_same_bits(prepared(images), expected)
        assert_same_bits(pickle.loads(pickle.dumps(prepared))(images), expected)


def test_out_may_lie_over_an_operand():
    images, kernels, mask, shares = operands("overlap")
    image, kernel = images[..., 0].copy(), kernels[0, ..., 0]
    words = {"padding": "same", "normalize": True, "layout": "NHW"}
    expected = xcorr.correlate(image, kernel, mask=mask, **words)
    assert_same_bits(xcorr.correlate(image, kernel, mask=mask, out=image, **words), expected)
    weights = shares[..., 0].astype("f4")
    image = images[..., 0]
    expected = xcorr.correlate(image, kernel, mask=weights, **words)
    assert_same_bits(xcorr.correlate(image, kernel, mask=weights, out=weights, **words), expected)


def test_a_prepared_bank_keeps_its_mask():
    images, kernels, mask, _ = operands("kept")
    own = mask[0].copy()
    prepared = xcorr.Correlator(kernels, mask=own, normalize=True)
    expected = prepared(images)
    own[:] = False
    assert_same_bits(prepared(images), expected)
    assert "mask (30, 41) of bool" in repr(prepared)
    assert "normalize True" in repr(prepared)


def test_empty_batches_and_banks():
    seen = np.ones((5, 6), bool)
    for words in ({"mask": seen}, {"normalize": True, "padding": 1}):
        assert xcorr.correlate(np.ones((0, 5, 6)), np.ones((2, 3, 3)), layout="NHW", **words).shape[0] == 0
        assert xcorr.correlate(np.ones((5, 6)), np.ones((0, 3, 3)), **words).shape[-1] == 0
        shape = xcorr.correlate(np.ones((0, 5, 6)), np.ones((0, 3, 3)), layout="NHW", pairwise=True, **words).shape
        assert shape[0] == 0


def test_how_many_are_done_at_once_changes_no_bit(monkeypatch):
    images, kernels, mask, _ = operands("at once")
    for words in ({}, {"reduce": "max"}, {"reduce": ("argmax", "mean"), "over": "kernels"}):
        keywords = {"mask": mask, "normalize": True, "padding": 1, **words}
        expected = xcorr.correlate(images, kernels, **keywords)
        with monkeypatch.context() as patch:
            patch.setattr(_seen, "AT_ONCE", 1)
            patch.setattr(_seen_shares, "AT_ONCE", 1)
            got = xcorr.correlate(images, kernels, **keywords)
        for one, other in zip(got, expected, strict=True):
            assert_same_bits(one, other)


def test_results_may_lie_over_an_operand(monkeypatch):
    monkeypatch.setattr(_seen, "AT_ONCE", 1)
    images, kernels, mask, _ = operands("over")
    planes, kernel = images[..., 0].copy(), kernels[0, ..., 0]
    words = {"mask": mask, "normalize": True, "layout": "NHW", "reduce": "max"}
    out = planes[4, 3, :5]
    planes[4, 3, :5] = 1e6
    mask[4, 3, :5] = True
    expected = xcorr.correlate(planes, kernel, **words)
    assert_same_bits(xcorr.correlate(planes, kernel, out=out, **words), expected)


def test_windows_that_are_seen_whole_are_those_of_no_mask_in_the_frequency_domain():
    rng = random_generator("spectral")
    image, kernel = rng.random((60, 70)), rng.random((9, 11))
    expected = xcorr.correlate(image, kernel, method="fft")
    for mask in (np.ones((60, 70)), "finite"):
        assert_same_bits(xcorr.correlate(image, kernel, mask=mask, normalize=True, method="fft"), expected)


@for_each("normalize", [False, True])
@for_each("dtype", ["float32", "complex128"])
def test_what_is_no_number_twice_has_the_bits_of_one_image(level, normalize, dtype):
    """NaN by a tap and NaN by a pixel: of a sum of both it depends on the loop whose sign is kept."""
    rng = random_generator("no numbers", dtype)
    images = rng.standard_normal((2, 15, 2)) + (1j * rng.standard_normal((2, 15, 2)) if dtype[0] == "c" else 0)
    images[:, 7, 1], kernels = np.inf, np.full((2, 30, 2), 1.5)
    kernels[1, 20, 1], images = np.nan, images.astype(dtype)
    words = {"layout": "NWC", "padding": "same", "boundary": "edge", "dilation": 2, "normalize": normalize}
    mask = np.ones((2, 15), np.uint8)
    both = xcorr.correlate(images, kernels, mask=mask, **words)
    for index in range(2):
        own = slice(index, index + 1)
        assert_same_bits(both[own], xcorr.correlate(images[own], kernels, mask=mask[own], **words))
