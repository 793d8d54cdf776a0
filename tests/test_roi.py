"""`roi`: some rows and columns of a response are those of the whole one, and nothing else is computed or looked at."""

import pickle

import numpy as np
import pytest
from checks import assert_same_bits, random_generator, real_numbers
from looping import for_each
from parts import CASES, PARTS, part_of

import xcorr
from xcorr import _reach, _reference
from xcorr._axes import make_geometry
from xcorr._plan import plan_for
from xcorr._settings import read_settings

LAYOUTS = ("NHWC", "NCHW")


def of_part(response, layout, roi):
    """The same part by slicing."""
    return response[(slice(None), *roi)] if layout != "NCHW" else response[(slice(None), slice(None), *roi)]


def operands(image, kernels, layout, dtype, n_images=2):
    """A batch and a bank of random numbers."""
    rng = random_generator(image, kernels, layout, dtype)
    images, bank = (8 * real_numbers(rng, shape, "float64") for shape in ((n_images, *image), kernels))
    if dtype == "uint8":
        images, bank = np.abs(images), np.abs(bank)
    if layout == "NCHW":
        images, bank = np.moveaxis(images, -1, 1), np.moveaxis(bank, -1, 1)
    return np.ascontiguousarray(images).astype(dtype), np.ascontiguousarray(bank).astype(dtype)


def rows_and_columns(response, layout):
    return response.shape[1:3] if layout != "NCHW" else response.shape[2:]


@pytest.mark.usefixtures("level")
@pytest.mark.parametrize(("method", "image", "kernels", "keywords"), CASES.values(), ids=CASES)
@for_each("layout", LAYOUTS)
@for_each("dtype", ["float32", "float64", "complex64", "int16"])
def test_a_method_that_is_asked_for_gives_the_bits_of_the_whole(method, image, kernels, keywords, layout, dtype):
    if method == "winograd" and dtype == "int16":
        return
    images, bank = operands(image, kernels, layout, dtype)
    words = {"layout": layout, "method": method, **keywords}
    whole = xcorr.correlate(images, bank, **words)
    for shares in PARTS:
        roi = part_of(rows_and_columns(whole, layout), shares)
        expected = of_part(whole, layout, roi)
        for workers in (1, 2):
            assert_same_bits(xcorr.correlate(images, bank, roi=roi, workers=workers, **words), expected)
        out = np.zeros((3, *expected.shape), expected.dtype)[1][..., ::-1]
        assert xcorr.correlate(images, bank, roi=roi, out=out, **words) is out
        assert_same_bits(np.ascontiguousarray(out), np.ascontiguousarray(expected))


@pytest.mark.usefixtures("level")
@pytest.mark.parametrize(("method", "image", "kernels", "keywords"), CASES.values(), ids=CASES)
def test_what_a_method_hands_back_is_handed_back_in_a_part_too(method, image, kernels, keywords):
    images, bank = operands(image, kernels, "NHWC", "float32")
    images[0, image[0] // 3, image[1] // 2], images[1, image[0] // 2, image[1] // 3] = np.nan, 1e30
    bank[0].flat[-1] = np.inf
    words = {"layout": "NHWC", "method": method, **keywords}
    whole = xcorr.correlate(images, bank, **words)
    for shares in PARTS:
        roi = part_of(whole.shape[1:3], shares)
        np.testing.assert_array_equal(xcorr.correlate(images, bank, roi=roi, **words), whole[(slice(None), *roi)])


@pytest.mark.parametrize(("_method", "image", "kernels", "keywords"), CASES.values(), ids=CASES)
@for_each("dtype", ["float64", "int16", "uint8"])
def test_auto_gives_the_responses_of_the_whole(_method, image, kernels, keywords, dtype):
    images, bank = operands(image, kernels, "NHWC", dtype)
    whole = xcorr.correlate(images, bank, layout="NHWC", **keywords)
    for shares in PARTS:
        roi = part_of(whole.shape[1:3], shares)
        response = xcorr.correlate(images, bank, layout="NHWC", roi=roi, **keywords)
        assert response.dtype == whole.dtype
        np.testing.assert_allclose(response, whole[(slice(None), *roi)], rtol=1e-9, atol=1e-9 * np.abs(whole).max())


def test_auto_chooses_by_the_size_of_the_part():
    corner = (slice(3), slice(3))
    assert xcorr.choose_method((512, 512), (41, 41)) == "fft"
    assert xcorr.choose_method((512, 512), (41, 41), roi=corner) == "direct"
    settings = [read_settings({"method": "fft", "roi": roi}) for roi in (None, corner)]
    image, kernel = np.zeros((512, 512)), np.zeros((41, 41))
    whole, part = (plan_for(one, image.shape, image.dtype, kernel.shape, kernel.dtype).effort for one in settings)
    assert part < whole / 1000


@pytest.mark.parametrize(
    ("roi", "same"),
    [
        ((slice(None), slice(None)), (slice(None), slice(None))),
        ((slice(-3, None), slice(None, -2)), (slice(5, 8), slice(0, 7))),
        ((slice(2, 100), slice(-100, 4, 1)), (slice(2, 8), slice(0, 4))),
        ([slice(np.int64(1), np.uint8(3)), slice(0, 1)], (slice(1, 3), slice(0, 1))),
        ((slice(None, 10**5000), slice(-(10**40), 2)), (slice(0, 8), slice(0, 2))),
    ],
)
def test_slices_are_read_as_numpy_reads_them(roi, same):
    images, kernel = operands((10, 11, 1), (1, 3, 3, 1), "NHWC", "float64")
    images, kernel = images[0, ..., 0], kernel[0, ..., 0]
    expected = _reference.correlate(images, kernel, roi=same)
    np.testing.assert_allclose(xcorr.correlate(images, kernel, roi=roi), expected, rtol=1e-12)
    np.testing.assert_allclose(xcorr.convolve(images, kernel[::-1, ::-1], roi=roi), expected, rtol=1e-12)


@pytest.mark.parametrize("roi", [(slice(3, 3), slice(None)), (slice(None), slice(9, 2)), (slice(50, 60), slice(0, 1))])
@pytest.mark.parametrize("method", ["auto", "direct", "fft", "matmul"])
def test_an_empty_part_is_empty(roi, method):
    images, bank = operands((10, 11, 2), (4, 3, 3, 2), "NHWC", "float32")
    whole = xcorr.correlate(images, bank)
    response = xcorr.correlate(images, bank, roi=roi, method=method)
    assert response.shape == whole[(slice(None), *roi)].shape
    assert response.dtype == whole.dtype
    with pytest.raises(ValueError, match="kernels"):
        xcorr.correlate(images, np.ones((4, 30, 3, 2), np.float32), roi=roi, method=method)


def test_pixels_that_no_window_of_the_part_reaches_are_not_looked_at():
    images = np.full((1, 40, 50), 2**62, np.int64)
    images[0, 10:14, 20:25] = 3
    kernel = np.full((2, 3), 5)
    with pytest.raises(OverflowError):
        xcorr.correlate(images, kernel, layout="NHW")
    part = xcorr.correlate(images, kernel, layout="NHW", roi=(slice(10, 13), slice(20, 23)))
    np.testing.assert_array_equal(part, np.full((1, 3, 3), 90))
    images[0, 10:14, 20:25] = 40
    part = xcorr.correlate(images, kernel, layout="NHW", roi=(slice(10, 13), slice(20, 23)), dtype="int16")
    np.testing.assert_array_equal(part, np.full((1, 3, 3), 1200))


@pytest.mark.parametrize("kernel", [(2, 3), (5, 1)])
@pytest.mark.parametrize(("before", "stride"), [(0, 1), (3, 2)])
def test_the_largest_pixel_is_one_that_a_part_reaches(kernel, before, stride):
    geometry = make_geometry((40, 50, 1), (1, *kernel, 1), padding=before, stride=stride)
    (down, across), images = geometry.axes, np.arange(2000).reshape(1, 40, 50, 1)
    part = geometry.part(((4, 3), (5, 6)), False)
    last = (4 + 2) * stride + down.kernel - 1 - before, (5 + 5) * stride + across.kernel - 1 - before
    assert _reach.largest_pixel(images, part, ("edge", "edge")) == last[0] * 50 + last[1]
    first = max(0, 4 * stride - before), max(0, 5 * stride - before)
    assert _reach.largest_pixel(images - 2000, part, ("edge", "edge")) == 2000 - first[0] * 50 - first[1]


def test_a_part_that_lies_in_the_padding_has_the_fill_value():
    image, kernel = np.ones((4, 5)), np.ones((2, 2))
    words = {"padding": 9, "fill_value": 7}
    for roi in ((slice(0, 3), slice(0, 3)), (slice(-3, None), slice(-3, None))):
        np.testing.assert_array_equal(xcorr.correlate(image, kernel, roi=roi, **words), np.full((3, 3), 28.0))


def test_a_bank_is_prepared_for_a_part():
    images, bank = operands((40, 50, 3), (4, 5, 5, 3), "NHWC", "float32")
    roi = (slice(7, 20), slice(-9, None))
    prepared = xcorr.Correlator(bank, padding="same", roi=roi)
    expected = xcorr.correlate(images, bank, padding="same")[(slice(None), *roi)]
    for again in (prepared, pickle.loads(pickle.dumps(prepared))):
        for _ in range(3):
            np.testing.assert_allclose(again(images), expected, rtol=1e-4, atol=1e-3)
            np.testing.assert_allclose(again(images[0]), expected[0], rtol=1e-4, atol=1e-3)
    assert "roi 7:20, -9:" in repr(prepared)
    assert f"response {expected.shape}" in prepared.explain(images.shape)


def test_a_repeated_call_is_of_the_same_part():
    image, kernel = np.arange(42.0).reshape(6, 7), np.ones((2, 2))
    whole = xcorr.correlate(image, kernel)
    for _ in range(3):
        for roi in ((slice(0, 2), slice(1, 3)), (slice(2, 4), slice(1, 3)), (slice(2, None), slice(1, 3)), None):
            expected = whole if roi is None else whole[roi]
            np.testing.assert_array_equal(xcorr.correlate(image, kernel, roi=roi), expected)


def test_no_image_gives_no_part():
    assert xcorr.correlate(np.ones((0, 5, 6)), np.ones((3, 3)), layout="NHW", roi=(slice(1), slice(2))).shape == (
        0,
        1,
        2,
    )


@pytest.mark.parametrize("method", ["direct", "fft"])
@pytest.mark.parametrize("padding", ["same", "full"])
def test_planes_of_a_volume_that_is_normalized_have_the_bits_of_the_whole(method, padding):
    rng = random_generator("normalized planes", method, padding)
    for _ in range(8):
        shape, size = rng.integers(3, 12, 3), rng.integers(1, 5, 3)
        volumes, kernels = rng.standard_normal((2, *shape)), rng.standard_normal((2, *size))
        words = {"layout": "NDHW", "padding": padding, "normalize": True, "method": method}
        whole = xcorr.correlate(volumes, kernels, **words)
        for first in range(whole.shape[1]):
            for count in (1, 3):
                roi = (slice(first, first + count), slice(None), slice(None))
                part = xcorr.correlate(volumes, kernels, roi=roi, **words)
                np.testing.assert_array_equal(part, whole[:, first : first + count])
