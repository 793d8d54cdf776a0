"""Window indices, correlation indices and gathered windows: the correlation as one matrix product."""

import numpy as np
import pytest
from checks import INTEGERS, random_generator, whole_numbers

import xcorr
from xcorr import _reference

SHAPES = [
    ((28, 28), (3, 3)),
    ((5, 7), (2, 3)),
    ((7, 5), (3, 1)),
    ((4, 4), (4, 4)),
    ((3, 9), (1, 1)),
    ((1, 6), (1, 4)),
    ((32, 32, 3), (5, 5, 3)),
    ((6, 7, 2), (3, 2, 2)),
    ((4, 5, 1), (2, 2, 1)),
    ((1, 1, 4), (1, 1, 4)),
]


def numbers(*shapes, dtype="float64"):
    return [whole_numbers(random_generator(shape), shape, dtype) for shape in shapes]


def test_window_index_of_the_notebook():
    index = xcorr.window_index((28, 28), (3, 3))
    assert index.dtype == np.intp
    assert index.tolist() == [0, 1, 2, 28, 29, 30, 56, 57, 58]


def test_correlation_indices_of_the_notebook():
    indices = xcorr.correlation_indices((32, 32, 3), (5, 5, 3))
    assert indices.dtype == np.intp
    assert indices.shape == (784, 75)
    assert (indices[0].min(), indices[0].max()) == (0, 398)
    assert (indices[-1].min(), indices[-1].max()) == (2673, 3071)
    images, weights = numbers((32, 32, 3), (5, 5, 3))
    response = images.ravel()[indices] @ weights.ravel()
    expected = xcorr.correlate(images, weights, layout="NHWC")
    np.testing.assert_array_equal(response.reshape(28, 28), expected)


@pytest.mark.parametrize(("image_shape", "kernel_shape"), SHAPES)
def test_window_index_reads_the_first_window(image_shape, kernel_shape):
    pixels = np.arange(np.prod(image_shape)).reshape(image_shape)
    window = pixels[tuple(slice(length) for length in kernel_shape)]
    np.testing.assert_array_equal(xcorr.window_index(image_shape, kernel_shape), window.ravel())


@pytest.mark.parametrize("dilation", [1, 2, (1, 3), (3, 1), (2, 4)])
def test_window_index_is_dilated_along_each_axis(dilation):
    rows, columns = np.broadcast_to(dilation, 2)
    pixels = np.arange(12 * 15).reshape(12, 15)
    index = xcorr.window_index((12, 15), (3, 4), dilation=dilation)
    np.testing.assert_array_equal(index, pixels[: 3 * rows : rows, : 4 * columns : columns].ravel())
    pixels = np.arange(12 * 15 * 2).reshape(12, 15, 2)
    index = xcorr.window_index((12, 15, 2), (3, 4, 2), dilation=dilation)
    np.testing.assert_array_equal(index, pixels[: 3 * rows : rows, : 4 * columns : columns].ravel())


@pytest.mark.parametrize(("image_shape", "kernel_shape"), SHAPES)
@pytest.mark.parametrize("stride", [1, 2, (1, 3), (3, 1)])
def test_correlation_indices_times_taps_is_the_correlation(image_shape, kernel_shape, stride):
    images, kernels = numbers(image_shape, kernel_shape)
    layout = "NHW" if len(image_shape) == 2 else "NHWC"
    expected = _reference.correlate(images, kernels, layout=layout, stride=stride)
    indices = xcorr.correlation_indices(image_shape, kernel_shape, stride=stride)
    assert indices.shape == (expected.size, kernels.size)
    np.testing.assert_array_equal(images.ravel()[indices] @ kernels.ravel(), expected.ravel())


@pytest.mark.parametrize("stride", [1, (2, 1), (1, 2)])
@pytest.mark.parametrize("dilation", [1, 2, (1, 3), (2, 1)])
def test_correlation_indices_are_strided_and_dilated_along_each_axis(stride, dilation):
    images, kernels = numbers((9, 11, 2), (3, 2, 2))
    keywords = {"stride": stride, "dilation": dilation}
    expected = _reference.correlate(images, kernels, layout="NHWC", **keywords)
    indices = xcorr.correlation_indices((9, 11, 2), (3, 2, 2), **keywords)
    np.testing.assert_array_equal(images.ravel()[indices] @ kernels.ravel(), expected.ravel())


def test_first_row_of_correlation_indices_is_the_window_index():
    for image_shape, kernel_shape in SHAPES:
        np.testing.assert_array_equal(
            xcorr.correlation_indices(image_shape, kernel_shape)[0], xcorr.window_index(image_shape, kernel_shape)
        )


# The gather.


@pytest.mark.parametrize("layout", ["NHWC", "NCHW", "NHW"])
@pytest.mark.parametrize("batched", [True, False])
@pytest.mark.parametrize(
    "keywords", [{}, {"stride": 2}, {"stride": (1, 3), "dilation": (2, 1)}, {"dilation": (1, 2)}], ids=str
)
def test_windows_times_taps_is_the_correlation(layout, batched, keywords):
    images, kernels = numbers((2, 8, 9, 3), (3, 2, 3))
    windows_first = {"NHWC": images, "NCHW": np.moveaxis(images, -1, 1), "NHW": images[..., 0]}[layout]
    kernels = kernels[..., :1] if layout == "NHW" else kernels
    expected = _reference.correlate(images[..., :1] if layout == "NHW" else images, kernels, layout="NHWC", **keywords)
    if not batched:
        windows_first, expected = windows_first[1], expected[1]
    windows = xcorr.windows(windows_first, (3, 2), layout=layout, **keywords)
    assert windows.shape == (*expected.shape, kernels.size)
    assert windows.dtype == images.dtype
    np.testing.assert_array_equal(windows @ kernels.ravel(), expected)


def test_windows_follow_the_number_of_axes_without_a_layout():
    image, batch = numbers((6, 7), (2, 6, 7, 3))
    np.testing.assert_array_equal(xcorr.windows(image, (2, 3))[1, 2], image[1:3, 2:5].ravel())
    np.testing.assert_array_equal(xcorr.windows(batch, (2, 3))[1, 1, 2], batch[1, 1:3, 2:5].ravel())
    with pytest.raises(ValueError, match="NHW"):
        xcorr.windows(batch[0], (2, 3))


@pytest.mark.parametrize("dtype", [*INTEGERS, "float16", "float32", "float64", "complex64", "complex128"])
def test_windows_keep_the_dtype_and_every_bit(dtype):
    (images,) = numbers((2, 5, 6, 2), dtype=dtype)
    if np.dtype(dtype).kind in "fc":
        images[0, 2, 2] = np.nan, -0.0
    windows = xcorr.windows(images, (2, 3))
    expected = np.lib.stride_tricks.sliding_window_view(images, (2, 3), axis=(1, 2))
    expected = np.moveaxis(expected, 3, -1).reshape(2, 4, 4, 12)
    assert windows.dtype == dtype
    assert windows.tobytes() == expected.tobytes()


def test_windows_read_any_memory_order():
    (images,) = numbers((2, 6, 7, 3))
    expected = xcorr.windows(images, (2, 3))
    for view in (
        np.asfortranarray(images),
        images[::-1, ::-1].copy()[::-1, ::-1],
        images.astype(">f8"),
        np.repeat(images, 2, axis=2)[:, :, ::2],
    ):
        np.testing.assert_array_equal(xcorr.windows(view, (2, 3)), expected)
    view = np.broadcast_to(images[:, :1], images.shape)
    np.testing.assert_array_equal(xcorr.windows(view, (2, 3)), xcorr.windows(view.copy(), (2, 3)))


def test_windows_of_no_images_are_empty():
    assert xcorr.windows(np.ones((0, 5, 6, 2)), (2, 3)).shape == (0, 4, 4, 12)


@pytest.mark.parametrize(
    "call",
    [
        lambda: xcorr.window_index((5, 5), (6, 2)),
        lambda: xcorr.window_index((5, 5), (2, 3), dilation=(1, 3)),
        lambda: xcorr.correlation_indices((5, 5), (2, 6)),
        lambda: xcorr.correlation_indices((5, 5, 3), (2, 2, 4)),
        lambda: xcorr.windows(np.ones((5, 5)), (6, 6)),
        lambda: xcorr.correlation_indices((5, 5), (3, 3), dilation=3),
    ],
)
def test_a_kernel_larger_than_the_image_is_refused(call):
    with pytest.raises(ValueError, match="^kernel_shape: "):
        call()


@pytest.mark.parametrize(
    "call",
    [
        lambda value: xcorr.window_index((5, 5), (2, 2), dilation=value),
        lambda value: xcorr.correlation_indices((5, 5), (2, 2), dilation=value),
        lambda value: xcorr.windows(np.ones((5, 5)), (2, 2), dilation=value),
    ],
)
def test_a_malformed_dilation_is_refused(call):
    for value, error in (
        (0, ValueError),
        (-1, ValueError),
        (1.0, TypeError),
        (True, TypeError),
        ("1", TypeError),
        ((1, 2, 3), ValueError),
        (2**62, (ValueError, OverflowError)),
        (2**70, (ValueError, OverflowError)),
    ):
        with pytest.raises(error):
            call(value)


@pytest.mark.parametrize(
    "call",
    [
        lambda value: xcorr.correlation_indices((5, 5), (2, 2), stride=value),
        lambda value: xcorr.windows(np.ones((5, 5)), (2, 2), stride=value),
    ],
)
def test_a_malformed_stride_is_refused(call):
    for value, error in ((0, ValueError), (-1, ValueError), (1.0, TypeError), (True, TypeError), ((1,), ValueError)):
        with pytest.raises(error, match="^stride: "):
            call(value)


@pytest.mark.parametrize(
    ("image_shape", "kernel_shape"),
    [
        ((5,), (2,)),
        ((5, 5), (2,)),
        ((5, 5), ()),
        ((0, 5), (2, 2)),
        ((5, 5), (0, 2)),
        ((5, -5), (2, 2)),
        ((5, 5), (2, -2)),
        ((2, 5, 5, 3), (2, 2, 3)),
    ],
)
def test_malformed_shapes_are_refused(image_shape, kernel_shape):
    for call in (xcorr.window_index, xcorr.correlation_indices):
        with pytest.raises(ValueError, match="^(image_shape|kernel_shape): "):
            call(image_shape, kernel_shape)


def test_indices_beyond_the_address_space_are_refused():
    for image_shape in ((2**32, 2**32), (2**62, 4), (2**70, 3)):
        with pytest.raises((ValueError, OverflowError, MemoryError)):
            xcorr.correlation_indices(image_shape, (2, 2))
        with pytest.raises((ValueError, OverflowError, MemoryError)):
            xcorr.window_index(image_shape, (2, 2))


def test_windows_of_other_numbers_of_axes_are_refused_with_the_way():
    with pytest.raises(ValueError, match=r"^layout: images of shape \(5,\) can be read as layout='NW' \(one"):
        xcorr.windows(np.ones(5), (1, 3))
    with pytest.raises(
        ValueError, match=r"^layout: .* layout='NCHW' \(one image of 5x5 with 5 channels\), .*say which$"
    ):
        xcorr.windows(np.ones((5, 5, 5)), (1, 3))
    with pytest.raises(
        ValueError, match=r"^layout: .* layout='NDHWC' \(1 volume of 1x1x5 with 5 channels\) or layout='NCDHW'"
    ):
        xcorr.windows(np.ones((1, 1, 1, 5, 5)), (1, 3))
    np.testing.assert_array_equal(xcorr.windows(np.arange(5)[None], (1, 3))[0], [[0, 1, 2], [1, 2, 3], [2, 3, 4]])
