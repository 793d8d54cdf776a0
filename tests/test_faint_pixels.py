"""Subnormal pixels: their images are summed in float64 where processors are slow with them, and no others change."""

import numpy as np
import pytest
from checks import assert_same_bits, random_generator, real_numbers
from looping import for_each

import xcorr
from xcorr import _cache, _dispatch

CASES = {  # images, kernels, keywords
    "columns": ((4, 20, 21, 1), (3, 5, 5, 1), {}),
    "kernels": ((4, 9, 10, 8), (33, 3, 3, 8), {"padding": 1}),
    "channels": ((4, 12, 12, 20), (20, 3, 3, 1), {"groups": 20, "method": "direct"}),
    "channels-first": ((4, 8, 12, 12), (16, 8, 3, 3), {"layout": "NCHW", "padding": "same", "boundary": "reflect"}),
    "winograd": ((4, 8, 8, 32), (32, 3, 3, 32), {"method": "winograd"}),
    "matmul": ((4, 7, 7, 64), (64, 7, 7, 64), {"method": "matmul"}),
    "one-image": ((30, 31), (5, 5), {}),
}
cases = pytest.mark.parametrize(("images", "kernels", "keywords"), CASES.values(), ids=CASES)
SMALLEST = np.finfo(np.float32).smallest_normal


@pytest.fixture(params=[True, False], ids=["slow", "as others"])
def slow(request):
    """Whether the machine is one that is slow with subnormal numbers."""
    _cache.clear_caches()
    with _dispatch.with_subnormals(request.param):
        yield request.param
    _cache.clear_caches()


@pytest.fixture
def always_slow():
    _cache.clear_caches()
    with _dispatch.with_subnormals(True):
        yield
    _cache.clear_caches()


def operands(images, kernels, dtype="float32"):
    rng = random_generator(images, kernels, dtype)
    return real_numbers(rng, images, dtype), real_numbers(rng, kernels, dtype)


def in_float64(images, kernels, **keywords):
    """By the direct method in sums of float64, rounded."""
    return xcorr.correlate(images.astype("f8"), kernels, **{**keywords, "method": "direct"}).astype("f4")


@pytest.mark.usefixtures("level")
@cases
def test_an_image_with_a_subnormal_pixel_changes_no_bit_of_the_others(images, kernels, keywords, slow):
    images, kernels = operands(images, kernels)
    before = xcorr.correlate(images, kernels, **keywords)
    batch = images.ndim > 2
    faint = images[1] if batch else images
    faint.flat[faint.size // 2] = SMALLEST / 8
    response = xcorr.correlate(images, kernels, **keywords)
    if batch:
        assert_same_bits(np.delete(response, 1, 0), np.delete(before, 1, 0))
    if slow:
        own = slice(1, 2) if batch else slice(None)
        assert_same_bits(response[own], in_float64(images[own], kernels, **keywords))
    prepared = xcorr.Correlator(kernels, **keywords)
    for workers in (1, 3):
        assert_same_bits(prepared(images, workers=workers), response)
        if batch:
            assert_same_bits(prepared(images[1:2], workers=workers), response[1:2])
            assert_same_bits(prepared(images[::-1], workers=workers), response[::-1])


@pytest.mark.usefixtures("always_slow")
@for_each("dtype", ["complex64", ">f4", "float16", "float64"])
@for_each("view", ["whole", "rows", "columns", "reversed"])
def test_such_pixels_are_found_in_arrays_of_any_kind(dtype, view):
    places = {"whole": np.s_[:], "rows": np.s_[:, ::2], "columns": np.s_[:, :, 1:-1], "reversed": np.s_[:, ::-1, ::3]}
    images, kernels = operands((2, 20, 24, 1), (2, 3, 3, 1))
    images = images.astype(dtype)
    images[1, 10, 12] = np.float32(SMALLEST / 4) * (1j if dtype == "complex64" else 1)
    view = images[places[view]]
    _cache.clear_caches()
    response = xcorr.correlate(view, kernels)
    if np.dtype(dtype).itemsize // (2 if dtype == "complex64" else 1) == 4 and (np.abs(view) < SMALLEST).any():
        exact = xcorr.correlate(view.astype("c16" if dtype == "complex64" else "f8"), kernels)
        assert_same_bits(response[1], exact.astype(response.dtype)[1])
    with _dispatch.with_subnormals(False):
        _cache.clear_caches()
        assert_same_bits(xcorr.correlate(view, kernels)[0], response[0])


@pytest.mark.usefixtures("always_slow")
def test_small_calls_that_are_repeated_look_at_other_images():
    image, kernel = operands((28, 28), (3, 3))
    faint = image.copy()
    faint[9, 9] = SMALLEST / 2
    usual, other = xcorr.correlate(image, kernel), in_float64(faint, kernel)
    prepared = xcorr.Correlator(kernel)
    for _ in range(3):
        for call in (lambda pixels: xcorr.correlate(pixels, kernel), prepared):
            assert_same_bits(call(image), usual)
            assert_same_bits(call(faint), other)


@pytest.mark.usefixtures("always_slow")
def test_what_lies_between_the_rows_of_an_image_is_not_looked_at():
    rows, kernel = operands((28, 40), (3, 3))
    image, faint = rows[:, :28], rows.copy()[:, :28]
    faint[20, 20] = SMALLEST / 2
    rows[:, 28:] = SMALLEST / 2
    usual, other = xcorr.correlate(image.copy(), kernel), in_float64(faint, kernel)
    for _ in range(3):
        assert_same_bits(xcorr.correlate(image, kernel), usual)
        assert_same_bits(xcorr.correlate(faint, kernel), other)


@pytest.mark.usefixtures("always_slow")
def test_padding_of_subnormal_numbers_counts():
    image, kernel = operands((1, 12, 12), (3, 3, 3))
    keywords = {"layout": "NHW", "padding": "same", "fill_value": float(SMALLEST / 2)}
    wide = xcorr.correlate(image.astype("f8"), kernel, **keywords).astype("f4")
    assert_same_bits(xcorr.correlate(image, kernel, **keywords), wide)


@pytest.mark.usefixtures("always_slow")
def test_images_of_subnormal_pixels_are_neither_zeros_nor_refused():
    images, kernels = operands((3, 16, 16), (2, 3, 3))
    images = images * SMALLEST / 64
    response = xcorr.correlate(images, kernels, layout="NHW")
    assert response.all()
    out = np.empty((2, *response.shape), "f4")[1]
    xcorr.correlate(images, kernels, layout="NHW", out=out)
    assert_same_bits(out, response)
    whole = xcorr.correlate(images, kernels, layout="NHW", dtype="int8", overflow="saturate")
    assert not whole.any()


@pytest.mark.usefixtures("always_slow")
@for_each("case", [*CASES])
def test_images_are_the_same_with_pixels_that_no_window_reaches(case):
    """What is found follows from all of an image, however its tasks look at it."""
    shape, kernel_shape, keywords = CASES[case]
    images, kernels = operands((2, *shape[1:]) if len(shape) > 2 else (2, *shape), kernel_shape)
    keywords = {**keywords, "stride": 5, "padding": "valid", "layout": keywords.get("layout", "NHWC"[: images.ndim])}
    keywords.pop("method", None)
    faint = images.copy()
    faint[1, ..., -1] = faint[1].flat[-1] = SMALLEST / 8
    faint[0, ..., -1] = SMALLEST / 8
    response = xcorr.correlate(faint, kernels, **keywords)
    for index in range(2):
        assert_same_bits(xcorr.correlate(faint[index : index + 1], kernels, **keywords), response[index : index + 1])


@pytest.mark.usefixtures("always_slow")
@for_each("layout", ["NHWC", "NCHW"])
def test_a_pixel_behind_the_last_window_counts_in_any_batch(layout):
    images, kernels = operands((2, 8, 8, 4), (3, 5, 5, 4))
    if layout == "NCHW":
        images, kernels = images.transpose(0, 3, 1, 2).copy(), kernels.transpose(0, 3, 1, 2).copy()
    images[0].flat[-1] = images[1].flat[0] = SMALLEST / 8  # the first image's is in no window
    alone = xcorr.correlate(images[:1], kernels, layout=layout, stride=2)
    assert_same_bits(alone, xcorr.correlate(images, kernels, layout=layout, stride=2)[:1])
    assert_same_bits(alone, in_float64(images[:1], kernels, layout=layout, stride=2))


@pytest.mark.usefixtures("always_slow")
@for_each("boundary", ["wrap", "edge", "reflect"])
@for_each("layout", ["NHWC", "NCHW"])
@for_each("place", [0, 1, 20, 98, 99])
def test_a_pixel_is_found_wherever_it_lies_in_images_of_many_tasks(boundary, layout, place):
    images, kernels = operands((2, 300, 256, 4), (3, 3, 3, 4))
    if layout == "NCHW":
        images, kernels = np.ascontiguousarray(images.transpose(0, 3, 1, 2)), kernels.transpose(0, 3, 1, 2)
    images[1].flat[(images[1].size - 1) * place // 99] = SMALLEST / 8
    keywords = {"layout": layout, "padding": 2, "boundary": boundary}
    expected = in_float64(images[1:], kernels, **keywords)
    for workers in (1, 2):
        assert_same_bits(xcorr.correlate(images, kernels, workers=workers, **keywords)[1:], expected)


def test_info_says_whether_they_are_looked_for():
    for slow, said in ((True, "looked for"), (False, "as others")):
        with _dispatch.with_subnormals(slow):
            assert xcorr.info()["subnormals"] == said
