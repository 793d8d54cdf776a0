"""The meaning of a call, in numbers small enough to check by hand."""

import numpy as np
import pytest
from checks import assert_equal

import xcorr

pytestmark = pytest.mark.usefixtures("level")

IMAGE = np.arange(1, 13, dtype=np.float32).reshape(3, 4)  # 1 2 3 4 / 5 6 7 8 / 9 10 11 12


def check(expected, images, kernels, **keywords):
    response = xcorr.correlate(np.asarray(images), np.asarray(kernels), **keywords)
    assert_equal(response, np.asarray(expected), response.dtype)


def test_kernel_is_not_flipped(method):
    check(
        [
            [1 * 1 + 2 * 2 + 5 * 3 + 6 * 4, 2 + 6 + 18 + 28, 3 + 8 + 21 + 32],
            [5 + 12 + 27 + 40, 6 + 14 + 30 + 44, 7 + 16 + 33 + 48],
        ],
        IMAGE,
        [[1.0, 2], [3, 4]],
        method=method,
    )


def test_one_by_one_kernel_scales_the_image(method):
    check(3 * IMAGE, IMAGE, np.float32([[3]]), method=method)


def test_kernel_of_the_image_size_gives_one_response(method):
    check([[(IMAGE**2).sum()]], IMAGE, IMAGE, method=method)


def test_edge_kernels_of_the_notebook(method):
    image = np.zeros((28, 28), np.float32)
    image[:, 14:] = 1
    vertical = np.float32([[-1, 0, 1]] * 3)
    response = xcorr.correlate(image, np.stack([vertical, vertical.T]), method=method)
    expected = np.zeros((26, 26, 2))
    expected[:, 12:14, 0] = 3
    assert_equal(response, expected, np.float32)


def test_channels_are_summed(method):
    check([[1 * 10 + 2 * 100]], [[[1.0, 2]]], [[[10.0, 100]]], layout="NHWC", method=method)


def test_each_kernel_has_its_own_response_and_bias(method):
    check(
        [[[2 + 10, 3 + 20], [4 + 10, 6 + 20]]], [[1.0, 2]], [[[2.0]], [[3]]], bias=np.array([10.0, 20]), method=method
    )


def test_scalar_bias_is_added_to_a_single_kernel(method):
    check([[7.0, 8]], [[1.0, 2]], [[1.0]], bias=6.0, method=method)
    check([[7.0, 8]], [[1.0, 2]], [[1.0]], bias=np.float64(6), method=method)


def test_bias_reaches_an_all_zero_window(method):
    check(
        np.full((1, 2, 2, 2), [5.0, -3]),
        np.zeros((1, 4, 4, 3)),
        np.ones((2, 3, 3, 3)),
        bias=np.array([5.0, -3]),
        method=method,
    )


# Padding. A kernel with one 1 among zeros shows which pixel lies where.


def single_tap(shape, row, column):
    kernel = np.zeros(shape, np.float32)
    kernel[row, column] = 1
    return kernel


@pytest.mark.parametrize(("length", "before"), [(1, 0), (2, 0), (3, 1), (4, 1), (5, 2), (6, 2)])
def test_same_padding_puts_the_smaller_half_first(method, length, before):
    row = np.float32([[1, 2, 3, 4, 5, 6, 7]])
    for images, kernel in ((row, single_tap((1, length), 0, before)), (row.T, single_tap((length, 1), before, 0))):
        check(images, images, kernel, padding="same", method=method)


@pytest.mark.parametrize(
    ("size", "stride", "kernel", "before"),
    [
        (6, 2, 3, 0),
        (7, 2, 3, 1),
        (6, 2, 2, 0),
        (7, 2, 2, 0),
        (7, 3, 2, 0),
        (8, 3, 4, 1),
        (6, 4, 5, 1),
        (5, 4, 3, 1),
        (9, 4, 2, 0),
    ],
)
def test_same_padding_with_a_stride_pads_only_what_the_last_window_needs(method, size, stride, kernel, before):
    # before = max((ceil(size/stride) - 1)*stride + kernel - size, 0) // 2: the first window starts there
    pixels = np.arange(1, size + 1, dtype=np.float32)
    expected = [[pixels[start] for start in range(0, size, stride)]]
    check(expected, pixels[None], single_tap((1, kernel), 0, before), padding="same", stride=(1, stride), method=method)
    check(
        np.transpose(expected),
        pixels[:, None],
        single_tap((kernel, 1), before, 0),
        padding="same",
        stride=(stride, 1),
        method=method,
    )


def test_same_padding_counts_the_dilated_kernel(method):
    check([[2.0, 3, 4, 0, 0]], [[0.0, 1, 2, 3, 4]], [[0.0, 0, 1]], padding="same", dilation=2, method=method)


def test_full_padding_holds_every_overlap(method):
    check(
        [[3.0, 6 + 2, 9 + 4 + 1, 12 + 6 + 2, 8 + 3, 4]], [[1.0, 2, 3, 4]], [[1.0, 2, 3]], padding="full", method=method
    )
    check([[2.0, 4, 6 + 1, 2, 3]], [[1.0, 2, 3]], [[1.0, 2]], padding="full", dilation=2, method=method)


@pytest.mark.parametrize(
    ("padding", "pads"),
    [
        (1, ((1, 1), (1, 1))),
        ((1, 2), ((1, 1), (2, 2))),
        (((1, 0), (0, 0)), ((1, 0), (0, 0))),
        (((0, 2), (0, 0)), ((0, 2), (0, 0))),
        (((0, 0), (3, 0)), ((0, 0), (3, 0))),
        (((0, 0), (0, 4)), ((0, 0), (0, 4))),
        (((1, 2), (3, 4)), ((1, 2), (3, 4))),
        (np.int8(2), ((2, 2), (2, 2))),
    ],
)
def test_explicit_padding_is_top_bottom_left_right(method, padding, pads):
    check(np.pad(IMAGE, pads), IMAGE, np.float32([[1]]), padding=padding, method=method)


# Boundaries, seen through a one-tap kernel on the pixels 1 2 3.

BORDERS = {
    "constant": [0, 0, 0, 0, 0, 1, 2, 3, 0, 0, 0, 0, 0],
    "edge": [1, 1, 1, 1, 1, 1, 2, 3, 3, 3, 3, 3, 3],
    "reflect": [2, 1, 2, 3, 2, 1, 2, 3, 2, 1, 2, 3, 2],
    "symmetric": [2, 3, 3, 2, 1, 1, 2, 3, 3, 2, 1, 1, 2],
    "wrap": [2, 3, 1, 2, 3, 1, 2, 3, 1, 2, 3, 1, 2],
}


@pytest.mark.parametrize("boundary", BORDERS)
def test_boundary_continues_the_image(method, boundary):
    pixels, tap = np.float32([[1, 2, 3]]), np.float32([[1]])
    expected = [BORDERS[boundary]]
    check(expected, pixels, tap, padding=((0, 0), (5, 5)), boundary=boundary, method=method)
    check(np.transpose(expected), pixels.T, tap, padding=((5, 5), (0, 0)), boundary=boundary, method=method)


@pytest.mark.parametrize("boundary", ["edge", "reflect", "symmetric", "wrap"])
def test_a_single_pixel_continues_as_itself(method, boundary):
    check(np.full((9, 11), 7.0), [[7.0]], [[1.0]], padding=(4, 5), boundary=boundary, method=method)


def test_fill_value_lies_outside_the_image(method):
    check([[9.0, 9, 9], [9, 5, 9], [9, 9, 9]], [[5.0]], [[1.0]], padding=1, fill_value=9, method=method)
    check([[9 + 1, 1 + 2, 2 + 9]], [[1, 2]], [[1, 1]], padding=((0, 0), (1, 1)), fill_value=9, method=method)
    check([[2 - 1j, 3]], [[3.0 + 0j]], [[1.0]], padding=((0, 0), (1, 0)), fill_value=2 - 1j, method=method)


def test_fill_value_counts_in_every_padding_form(method):
    ones = np.ones((1, 4, 5, 2), np.float32)
    for padding in ("same", "full", 1, (1, 1), ((1, 1), (1, 1))):
        response = xcorr.correlate(
            ones, np.ones((1, 3, 3, 2), np.float32), padding=padding, fill_value=1, method=method
        )
        assert_equal(response, np.full(response.shape, 18.0), np.float32)


# Stride and dilation are (rows, columns).


def test_stride_takes_every_nth_window_of_each_axis(method):
    tap = np.float32([[1]])
    check(IMAGE[::2, ::3], IMAGE, tap, stride=(2, 3), method=method)
    check(IMAGE[::3, ::2], IMAGE, tap, stride=(3, 2), method=method)
    check(IMAGE[::2, ::2], IMAGE, tap, stride=2, method=method)
    check(IMAGE[:, ::2], IMAGE, tap, stride=(1, 2), method=method)
    check(IMAGE[::2], IMAGE, tap, stride=(np.int64(2), np.uint8(1)), method=method)


def test_dilation_spreads_the_taps_of_each_axis(method):
    image = np.arange(35.0).reshape(5, 7)
    corners = np.array([[1.0, 10], [100, 1000]])
    for rows, columns in ((2, 3), (3, 2), (1, 4), (4, 1), (2, 2)):
        expected = (
            image[:-rows, :-columns]
            + 10 * image[:-rows, columns:]
            + 100 * image[rows:, :-columns]
            + 1000 * image[rows:, columns:]
        )
        check(expected, image, corners, dilation=(rows, columns), method=method)
    check(
        image[:-2, :-2] + 10 * image[:-2, 2:] + 100 * image[2:, :-2] + 1000 * image[2:, 2:],
        image,
        corners,
        dilation=2,
        method=method,
    )


# Groups.


def test_groups_pair_blocks_of_channels_with_blocks_of_kernels(method):
    image = np.array([1.0, 10, 100, 1000]).reshape(1, 1, 1, 4)
    kernels = np.array([[1.0, 2], [3, 4], [5, 6], [7, 8], [9, 1], [2, 3]]).reshape(6, 1, 1, 2)
    check(np.reshape([21.0, 43, 65, 8700, 1900, 3200], (1, 1, 1, 6)), image, kernels, groups=2, method=method)


def test_depthwise_kernels_of_one_channel_stay_together(method):
    image = np.array([1.0, 10, 100]).reshape(1, 1, 1, 3)
    kernels = np.array([1.0, 2, 3, 4, 5, 6]).reshape(6, 1, 1, 1)
    check(np.reshape([1.0, 2, 30, 40, 500, 600], (1, 1, 1, 6)), image, kernels, groups=3, method=method)


# Layouts, with every length different so that no axis can stand for another.

LENGTHS = {"N": 2, "H": 8, "W": 10, "C": 3, "K": 5}


@pytest.mark.parametrize("layout", ["NHWC", "NCHW", "NHW"])
@pytest.mark.parametrize("has_image_axis", [True, False])
@pytest.mark.parametrize("has_kernel_axis", [True, False])
def test_layout_names_the_axes(method, layout, has_image_axis, has_kernel_axis):
    images = np.arange(2 * 8 * 10 * 3.0).reshape(2, 8, 10, 3) % 7
    kernels = np.arange(5 * 4 * 2 * 3.0).reshape(5, 4, 2, 3) % 5
    if layout == "NHW":
        images, kernels = images[..., :1], kernels[..., :1]
    expected = np.zeros((2, 5, 9, 5))
    for row in range(4):
        for column in range(2):
            for channel in range(images.shape[3]):
                expected += (
                    images[:, row : row + 5, column : column + 9, channel, None] * kernels[:, row, column, channel]
                )
    if layout == "NCHW":
        images, kernels, expected = (np.moveaxis(array, -1, 1) for array in (images, kernels, expected))
    if layout == "NHW":
        images, kernels = images[..., 0], kernels[..., 0]
    if not has_kernel_axis:
        kernels, expected = kernels[3], (expected[:, 3] if layout == "NCHW" else expected[..., 3])
    if not has_image_axis:
        images, expected = images[1], expected[1]
    check(expected, images, kernels, layout=layout, method=method)


@pytest.mark.parametrize(
    ("images", "kernels", "response"),
    [
        ((28, 28), (3, 3), (26, 26)),
        ((28, 28), (2, 3, 3), (26, 26, 2)),
        ((32, 32, 3), (2, 5, 5, 3), (28, 28, 2)),
        ((4, 28, 28, 3), (3, 3), (4, 26, 26, 3)),
        ((4, 9, 8, 3), (5, 5, 3), (4, 5, 4)),
        ((4, 9, 8, 3), (2, 5, 5, 3), (4, 5, 4, 2)),
        ((9, 8, 3), (1, 5, 5, 3), (5, 4, 1)),
    ],
)
def test_layout_follows_from_the_number_of_axes(images, kernels, response):
    result = xcorr.correlate(np.ones(images, np.float32), np.ones(kernels, np.float32))
    assert_equal(
        result,
        np.full(response, np.prod(kernels[-3:] if 4 in (len(images), len(kernels)) else kernels[-2:])),
        np.float32,
    )


# Complex numbers and convolution.


def test_complex_kernels_are_conjugated(method):
    check([[(1 + 2j) * (3 - 4j)]], [[1 + 2j]], [[3 + 4j]], method=method)
    check([[(1 + 2j) * (3 + 4j)]], [[1 + 2j]], [[3 + 4j]], conjugate=False, method=method)
    check([[2 * (3 - 4j)]], [[2.0]], [[3 + 4j]], method=method)
    check([[(1 + 2j) * 3]], [[1 + 2j]], [[3.0]], method=method)


def test_complex_bias_is_not_conjugated(method):
    check([[1 + 5j]], [[1 + 0j]], [[1 + 0j]], bias=5j, method=method)


def test_conjugate_does_not_concern_real_kernels(method):
    check([[6 + 3j]], [[2 + 1j]], [[3.0]], conjugate=True, method=method)
    check([[6.0]], [[2.0]], [[3.0]], conjugate=False, method=method)


def test_convolve_flips_rows_and_columns(method):
    kernel = np.array([[1.0, 2, 3], [4, 5, 6]])
    impulse = np.zeros((3, 5))
    impulse[1, 2] = 1
    expected = np.zeros((4, 7))
    expected[1:3, 2:5] = kernel  # a convolution writes the kernel where the impulse is
    assert_equal(xcorr.convolve(impulse, kernel, padding="full", method=method), expected, np.float64)
    expected[1:3, 2:5] = kernel[::-1, ::-1]
    assert_equal(xcorr.correlate(impulse, kernel, padding="full", method=method), expected, np.float64)


def test_convolve_does_not_flip_channels_or_kernels(method):
    image = np.array([1.0, 10]).reshape(1, 1, 1, 2)
    kernels = np.array([[1.0, 2], [3, 4]]).reshape(2, 1, 1, 2)
    assert_equal(xcorr.convolve(image, kernels, method=method), np.reshape([21.0, 43], (1, 1, 1, 2)), np.float64)


def test_convolve_never_conjugates(method):
    response = xcorr.convolve(np.array([[1 + 2j]]), np.array([[3 + 4j]]), method=method)
    assert_equal(response, np.array([[(1 + 2j) * (3 + 4j)]]), np.complex128)


def test_convolve_is_correlate_with_flipped_kernels_in_every_layout(method):
    for layout, axes, shapes in (
        ("NHWC", (1, 2), ((2, 7, 6, 3), (4, 3, 2, 3))),
        ("NCHW", (2, 3), ((2, 3, 7, 6), (4, 3, 3, 2))),
        ("NHW", (1, 2), ((2, 7, 6), (4, 3, 2))),
    ):
        images, kernels = (np.arange(np.prod(shape)).reshape(shape) % 11 for shape in shapes)
        for keywords in (
            {"padding": "same"},
            {"padding": ((2, 0), (1, 3)), "boundary": "wrap"},
            {"stride": (2, 1)},
            {"padding": "full", "fill_value": 3, "bias": np.arange(4)},
        ):
            response = xcorr.convolve(images, kernels, layout=layout, method=method, **keywords)
            expected = xcorr.correlate(images, np.flip(kernels, axes), layout=layout, method=method, **keywords)
            assert_equal(response, expected, np.int64)


def test_kernels_changed_in_place_are_read_again(method):
    image, kernel = np.ones((1, 5, 5, 2)), np.ones((1, 3, 3, 2))
    assert_equal(xcorr.correlate(image, kernel, method=method), np.full((1, 3, 3, 1), 18.0), np.float64)
    kernel *= 2
    assert_equal(xcorr.correlate(image, kernel, method=method), np.full((1, 3, 3, 1), 36.0), np.float64)


def test_operands_are_left_unchanged(method):
    images, kernels, bias = np.arange(60.0).reshape(1, 5, 6, 2), np.arange(36.0).reshape(3, 3, 2, 2), np.arange(3.0)
    before = images.copy(), kernels.copy(), bias.copy()
    xcorr.correlate(images, kernels, bias=bias, padding="full", method=method)
    xcorr.convolve(images, kernels, bias=bias, method=method)
    assert all(np.array_equal(array, copy) for array, copy in zip((images, kernels, bias), before))
