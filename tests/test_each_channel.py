"""A plane with images that have channels: every channel by itself, and what is ambiguous or was meant otherwise."""

import pickle

import numpy as np
import pytest
from checks import assert_same_bits, assert_within_bound, random_generator, real_numbers, whole_numbers

import xcorr
from xcorr import _reference

pytestmark = pytest.mark.usefixtures("level")

METHODS = ("auto", "direct", "matmul", "fft")


def channel_axis(layout):
    return -1 if layout == "NHWC" else -3


def images_of(rng, layout, n_images, n_channels, dtype=np.float32, size=(7, 9)):
    shape = (*size, n_channels) if layout == "NHWC" else (n_channels, *size)
    return real_numbers(rng, shape if n_images is None else (n_images, *shape), dtype)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("layout", ["NHWC", "NCHW"])
@pytest.mark.parametrize("n_images", [None, 2])
def test_every_channel_is_correlated_by_itself(layout, n_images, method):
    rng = random_generator(layout, n_images, method)
    for n_channels in (1, 3, 17):
        images, kernel = images_of(rng, layout, n_images, n_channels), real_numbers(rng, (3, 4), np.float32)
        for keywords in (
            {},
            {"padding": "same", "boundary": "reflect"},
            {"stride": 2, "dilation": (1, 3), "padding": 2},
        ):
            response = xcorr.correlate(images, kernel, layout=layout, method=method, **keywords)
            axis = channel_axis(layout)
            for channel in range(n_channels):
                plane, own = np.take(images, channel, axis), np.take(response, channel, axis)
                assert own.dtype == np.float32
                if method == "fft":
                    alone = xcorr.correlate(plane, kernel, layout="NHW", method=method, **keywords)
                    assert np.allclose(own, alone, rtol=1e-4, atol=1e-4 * np.abs(alone).max())
                else:
                    assert_within_bound(own, plane, kernel, layout="NHW", **keywords)


@pytest.mark.parametrize("dtype", ["bool", "uint8", "int64", "float16", "float64", "complex64", "complex128"])
def test_every_channel_has_its_exact_sum_in_every_dtype(dtype):
    rng = random_generator(dtype)
    images, kernel = whole_numbers(rng, (2, 9, 8, 5), dtype), whole_numbers(rng, (3, 3), dtype)
    bias = 2 if np.dtype(dtype).kind in "biu" else 1.5
    for verb, flipped in ((xcorr.correlate, kernel), (xcorr.convolve, kernel[::-1, ::-1])):
        response = verb(images, kernel, layout="NHWC", bias=bias)
        conjugate = verb is xcorr.correlate
        expected = _reference.correlate(images, flipped, layout="NHWC", bias=bias, conjugate=conjugate)
        assert response.shape == expected.shape == (2, 7, 6, 5)
        assert np.array_equal(response, expected.astype(response.dtype))


def test_four_axes_with_a_plane_need_no_layout():
    rng = random_generator()
    images, kernel = real_numbers(rng, (2, 9, 8, 3), np.float32), real_numbers(rng, (3, 3), np.float32)
    assert_same_bits(xcorr.correlate(images, kernel), xcorr.correlate(images, kernel, layout="NHWC"))


def test_a_prepared_plane_serves_any_number_of_channels():
    rng = random_generator()
    kernel = real_numbers(rng, (3, 3), np.float64)
    corr = xcorr.Correlator(kernel, layout="NHWC", padding="same", bias=2.0)
    for one in (corr, pickle.loads(pickle.dumps(corr))):
        for n_channels in (3, 1, 4, 3):
            images = real_numbers(rng, (6, 7, n_channels), np.float64)
            for _ in range(3):  # planned, known and repeated
                response = one(images)
                assert_same_bits(
                    response, xcorr.correlate(images, kernel, layout="NHWC", padding="same", bias=2.0, workers=1)
                )
            assert response.shape == images.shape


def test_a_channel_has_the_bits_that_it_has_beside_others():
    rng = random_generator()
    images, kernel = real_numbers(rng, (20, 30, 19), np.float32), real_numbers(rng, (5, 5), np.float32)
    whole = xcorr.correlate(images, kernel, layout="NHWC")
    assert_same_bits(whole[..., 4:7], xcorr.correlate(images[..., 4:7], kernel, layout="NHWC"))
    first = np.ascontiguousarray(np.moveaxis(images, -1, 0))
    assert_same_bits(np.moveaxis(whole, -1, 0), xcorr.correlate(first, kernel, layout="NCHW", workers=2))


# A few channels that lie next to each other are columns.


def first_of(images):
    return np.ascontiguousarray(np.moveaxis(images, -1, -3))


def any_call(rng):
    """Keywords whose meaning is the same with channels first and last, for kernels of up to 7x7 on 40x70."""
    padding = ["valid", "same", "full", ((3, 0), (5, 9)), ((0, 12), (0, 1))][rng.integers(5)]
    boundary = ["constant", "edge", "reflect", "symmetric", "wrap"][rng.integers(5)]
    keywords = {"padding": padding, "boundary": boundary, "workers": int(rng.integers(1, 3))}
    if boundary == "constant":
        keywords["fill_value"] = int(rng.integers(3))
    return {**keywords, "stride": (int(rng.integers(1, 3)), 1), "dilation": tuple(rng.integers(1, 4, 2).tolist())}


@pytest.mark.parametrize("method", ["direct", "separable", "auto"])
@pytest.mark.parametrize("dtype", ["uint8", "int16", "float16", "float32", "float64"])
def test_channels_that_are_columns_have_the_bits_of_planes(dtype, method):
    rng = random_generator(dtype, method)
    for _ in range(8):
        n_channels, keywords = int(rng.integers(2, 9)), any_call(rng)
        images = whole_numbers(rng, (2, 40, int(rng.integers(7, 70)), n_channels), dtype)
        column, row = (whole_numbers(rng, int(rng.integers(1, 8)), np.int8) for _ in range(2))
        column[0] = row[0] = 1  # one factor of other kernels would be all zeros
        kernel = np.outer(column, row).astype(np.int8 if images.dtype.kind in "iu" else images.dtype)
        if images.dtype.kind == "f":
            images += real_numbers(rng, images.shape, images.dtype)
        if images.shape[2] <= 3 * len(row):
            keywords["padding"] = "same"
        response = xcorr.correlate(images, kernel, layout="NHWC", method=method, **keywords)
        planes = xcorr.correlate(first_of(images), kernel, layout="NCHW", method=method, **keywords)
        assert_same_bits(first_of(response), planes)


def test_channels_that_are_columns_are_told():
    told = str(xcorr.explain((40, 70, 3), (5, 5), layout="NHWC", method="direct"))
    assert "lanes over columns, which channels that lie next to each other are, too" in told
    for shape, keywords in (((40, 70, 9), {}), ((40, 70, 3), {"stride": 2}), ((40, 70, 1), {})):
        told = str(xcorr.explain(shape, (5, 5), layout="NHWC", method="direct", **keywords))
        assert "which channels" not in told


def test_channels_that_do_not_lie_so_have_the_same_bits():
    rng = random_generator()
    images, kernel = real_numbers(rng, (30, 50, 3), np.float32), real_numbers(rng, (5, 5), np.float32)
    corr = xcorr.Correlator(kernel, layout="NHWC", padding="same", boundary="edge", bias=np.float32(0.3))
    expected = corr(images)
    four = np.zeros((30, 50, 4), np.float32)
    four[..., :3] = images
    apart = np.ascontiguousarray(np.moveaxis(images, -1, 0))
    for own in (
        four[..., :3],
        np.moveaxis(apart, 0, -1),
        images[..., ::-1].copy()[..., ::-1],
        images[:, ::-1][:, ::-1],
    ):
        assert_same_bits(corr(own), expected)
        out = np.zeros((30, 50, 4), np.float32)
        for _ in range(3):
            assert_same_bits(corr(own, out=out[..., :3]), expected)
        assert (out[..., 3] == 0).all()


def test_images_one_column_wide_lie_so_whatever_their_strides_say():
    kernel = np.ones((2, 1), np.float32)
    images = np.arange(12, dtype=np.float32).reshape((1, 3, 1, 4), order="F")[0]
    for method in ("direct", "separable", "auto"):
        response = xcorr.correlate(images, kernel, layout="NHWC", method=method)
        assert_same_bits(response, xcorr.correlate(images.copy(), kernel, layout="NHWC", method=method))


def test_channels_with_fill_values_of_their_own_have_them():
    rng = random_generator()
    images, kernel = real_numbers(rng, (30, 50, 3), np.float32), real_numbers(rng, (5, 5), np.float32)
    for fill_value in ((0, 0, 7), (2, 2, 2), 2):
        response = xcorr.correlate(images, kernel, layout="NHWC", padding=9, fill_value=fill_value)
        fills = np.broadcast_to(fill_value, 3)
        for channel in range(3):
            own = xcorr.correlate(
                images[..., channel], kernel, layout="NHW", padding=9, fill_value=fills[channel].item()
            )
            assert_same_bits(np.ascontiguousarray(response[..., channel]), own)


def test_subnormal_pixels_and_taps_count_where_channels_are_columns():
    rng = random_generator()
    images, kernel = real_numbers(rng, (30, 50, 3), np.float32), real_numbers(rng, (5, 5), np.float32)
    faint, faint_kernel = images * np.float32(1e-42), kernel * np.float32(1e-42)
    for own, taps in ((faint, kernel), (images, faint_kernel)):
        response = xcorr.correlate(own, taps, layout="NHWC")
        planes = xcorr.correlate(first_of(own), taps, layout="NCHW")
        assert_same_bits(first_of(response), planes)
        assert np.count_nonzero(response) > 0


# What is refused, and what the message says.


def message_of(images_shape, kernels_shape, **keywords):
    with pytest.raises(ValueError) as caught:
        xcorr.correlate(np.zeros(images_shape, np.float32), np.zeros(kernels_shape, np.float32), **keywords)
    return str(caught.value)


def test_a_photograph_with_a_plane_is_ambiguous_and_told_how_to_be_read():
    message = message_of((400, 600, 3), (9, 9), padding="same")
    assert message.startswith("layout: images of shape (400, 600, 3) with kernels of shape (9, 9)")
    assert "layout='NHW' (400 images of 600x3, one kernel)" in message
    assert "layout='NHWC' (one image of 400x600 with 3 channels, each by itself)" in message
    assert "layout='NCHW' (one image of 600x3 with 400 channels, each by itself)" in message


@pytest.mark.parametrize("layout", ["NHW", "NHWC", "NCHW"])
def test_each_reading_that_the_message_shows_can_be_asked_for(layout):
    images, kernel = np.ones((12, 14, 13), np.float32), np.ones((3, 3), np.float32)
    shapes = {"NHW": (12, 12, 11), "NHWC": (10, 12, 13), "NCHW": (12, 12, 11)}
    response = xcorr.correlate(images, kernel, layout=layout)
    assert response.shape == shapes[layout]
    assert (response == 9).all()


@pytest.mark.parametrize("keywords", [{}, {"layout": "NHWC"}])
def test_a_grey_bank_on_colours_is_told_the_ways_to_do_it(keywords):
    message = message_of((8, 9, 3), (2, 3, 4), **keywords)
    assert "banks.per_channel(kernels, 3) with groups=3" in message
    assert "banks.over_channels(kernels, 3)" in message


def test_errors_about_sizes_say_which_axes_were_read_as_what():
    message = message_of((2, 3, 8, 9), (5, 4, 3, 2))
    assert message.startswith("kernels: each has 2 channels; the images have 9 (layout 'NHWC': ")
    assert "images (N, H, W, C) are (2, 3, 8, 9), kernels (K, kh, kw, C) are (5, 4, 3, 2)" in message
    message = message_of((2, 5), (3, 3))
    assert message.startswith("kernels: spatial size (3, 3) is larger than the padded image (2, 5) (layout 'NHW': ")
    assert "images (H, W) are (2, 5), kernels (kh, kw) are (3, 3)" in message
    message = message_of((3, 2, 5), (3, 3), layout="NCHW")
    assert "images (C, H, W) are (3, 2, 5), kernels (kh, kw) are (3, 3)" in message


def test_channels_first_without_layout_are_told_of_it():
    assert "torch has them, say layout='NCHW'" in message_of((2, 3, 32, 32), (8, 3, 5, 5))
    assert "torch has them, say layout='NCHW'" in message_of((2, 6, 32, 32), (8, 3, 5, 5), groups=2)
    assert "NCHW" not in message_of((2, 32, 32, 3), (8, 5, 5, 4))
    assert "NCHW" not in message_of((5, 5, 3), (5, 5, 1), layout="NHWC")  # no kernel axis: rows are alike by chance


def test_a_plane_for_each_channel_has_no_groups():
    message = message_of((8, 9, 3), (3, 3), layout="NHWC", groups=3)
    assert message.startswith("groups: got 3 with one plane")
    assert message.endswith("allowed is 1")
