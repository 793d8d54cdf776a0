"""A bool is true or not, whatever byte stands for it: a mask of 255 viewed as bool counts once."""

import numpy as np
import pytest
from cases import FEW
from checks import assert_same_bits, random_generator, whole_numbers
from looping import drawn, for_each

import xcorr

pytestmark = pytest.mark.usefixtures("level")

BYTES = np.array([0, 1, 2, 128, 255], np.uint8)


def bools(rng, shape):
    """The same truths twice: in bytes of every kind, and in those of NumPy's own."""
    array = rng.choice(BYTES, shape, p=(0.4, 0.15, 0.15, 0.15, 0.15)).view(bool)
    return array, array.view(np.uint8) != 0


FORMS = {  # images, kernels, keywords: each form of the loops, in a strip and not, with rows joined and not
    "columns": ((2, 9, 11), (3, 3), {"layout": "NHW"}),
    "strided": ((2, 19, 31), (3, 4), {"layout": "NHW", "stride": (2, 3), "padding": 2}),
    "far": ((30, 40), (3, 3), {"stride": 7, "padding": "same", "boundary": "reflect"}),
    "kernels": ((2, 9, 8, 3), (32, 3, 3, 3), {"padding": "same", "boundary": "wrap"}),
    "channels": ((2, 9, 8, 33), (33, 3, 3, 1), {"groups": 33, "padding": 1, "fill_value": True}),
    "planes": ((2, 5, 9, 8), (2, 5, 3, 3), {"layout": "NCHW", "padding": 1}),
    "dilated": ((1, 12, 13, 2), (16, 3, 2, 2), {"dilation": (3, 2)}),
    "large": ((1, 70, 75, 2), (2, 31, 33, 2), {"padding": "same"}),
    "one-row": ((1, 200), (1, 40), {}),
}
OTHERS = ("bool", "int8", "uint8", "int64", "float16", "float32", "float64", "complex64")


@for_each("other", OTHERS)
@pytest.mark.parametrize(("form", "method"), drawn(2, FORMS, ["direct", "matmul", "fft"]))
def test_bools_count_once_whatever_their_bytes(form, other, method):
    images_shape, kernels_shape, keywords = FORMS[form]
    rng = random_generator(form, other)
    images, true_images = bools(rng, images_shape)
    kernels, true_kernels = bools(rng, kernels_shape)
    other_images, other_kernels = (whole_numbers(rng, shape, other) for shape in (images_shape, kernels_shape))
    for pair, true_pair in (
        ((images, kernels), (true_images, true_kernels)),
        ((images, other_kernels), (true_images, other_kernels)),
        ((other_images, kernels), (other_images, true_kernels)),
    ):
        response = xcorr.correlate(*pair, method=method, **keywords)
        assert_same_bits(response, xcorr.correlate(*true_pair, method=method, **keywords))
        assert_same_bits(response, xcorr.Correlator(pair[1], method=method, **keywords)(pair[0]))
        for _ in range(3):
            assert_same_bits(response, xcorr.correlate(*pair, method=method, **keywords))


@pytest.mark.parametrize("case", FEW, ids=lambda case: case.id)
def test_bools_count_once_with_any_keyword(method, case):
    rng = random_generator(case.id)
    (images, true_images), (kernels, true_kernels), (bias, true_bias) = (
        bools(rng, shape) for shape in (case.images, case.kernels, case.kernels[:1])
    )
    keywords = dict(case.keywords, method=method)
    if "fill_value" in keywords:
        keywords["fill_value"] = bool(keywords["fill_value"])
    expected = xcorr.correlate(true_images, true_kernels, bias=true_bias, **keywords)
    assert_same_bits(xcorr.correlate(images, kernels, bias=bias, **keywords), expected)


@pytest.mark.parametrize("order", [lambda array: array[::-1, ::-1], lambda array: array.T, lambda array: array[1:, 2:]])
@pytest.mark.parametrize("dtype", ["int8", "uint8", "float16", "complex64"])
def test_bools_neither_wrap_nor_grow_in_any_dtype_or_order(method, dtype, order):
    white = np.full((9, 10), 255, np.uint8).view(bool)
    response = xcorr.correlate(order(white), white[:3, :4], dtype=dtype, method=method)
    assert response.dtype == dtype
    assert (response == 12).all()


def test_winograd_counts_bools_once(level):
    rng = random_generator("winograd")
    images, true_images = bools(rng, (2, 9, 10, 32))
    kernels = whole_numbers(rng, (32, 3, 3, 32), "float32")
    response = xcorr.correlate(images, kernels, method="winograd")
    assert_same_bits(response, xcorr.correlate(true_images, kernels, method="winograd"))


def test_bools_count_once_beyond_float64(method):
    white, far = np.full((4, 5), 255, np.uint8).view(bool), np.full((2, 2), 2**60)
    assert (xcorr.correlate(white, far, method=method) == 2**62).all()
    assert (xcorr.correlate(far, white[:2, :2], method=method) == 2**62).all()
    assert (xcorr.correlate(far, far[:1, :1] >> 60, bias=white[0, :1], method=method) == 2**60 + 1).all()


@pytest.mark.parametrize("fill", [np.array(255, np.uint8).view(bool), np.array([255], np.uint8).view(bool)[0]])
def test_a_bool_as_fill_value_or_bias_counts_once(method, fill):
    images, kernels = np.zeros((3, 3), bool), np.ones((3, 3), np.int8)
    response = xcorr.correlate(images, kernels, padding=1, fill_value=fill, bias=fill, method=method)
    assert response.tolist() == [[6, 4, 6], [4, 1, 4], [6, 4, 6]]
    response = xcorr.correlate(images * 1.0, kernels, padding=1, fill_value=fill, bias=fill, method=method)
    assert response.tolist() == [[6, 4, 6], [4, 1, 4], [6, 4, 6]]


def test_windows_of_bools_are_true_or_not():
    image, truths = bools(random_generator("windows"), (6, 7))
    gathered = xcorr.windows(image, (2, 3))
    np.testing.assert_array_equal(gathered.view(np.uint8), xcorr.windows(truths, (2, 3)).view(np.uint8))
