"""`xcorr.compat.onnx`: operators as the standard defines them, beside sums that are written out here."""

from itertools import product
from math import prod

import numpy as np
import pytest
from scripts import run_script

from xcorr.compat import onnx as own

SIZES = {1: (9,), 2: (6, 7), 3: (3, 5, 5), 4: (3, 3, 5, 3)}
TAPS = {1: (3,), 2: (2, 3), 3: (2, 1, 3), 4: (2, 1, 3, 2)}
CASES = ["plain", "strides", "dilations", "pads", "all", "groups"]


def small(shape, dtype, seed=0):
    """Small whole numbers, exact in every type."""
    return np.random.default_rng(seed).integers(0 if np.dtype(dtype).kind == "u" else -3, 4, shape).astype(dtype)


def attributes(case, n_axes):
    """The attributes of a case, with as many entries as there are axes, none of them alike."""
    strides, dilations = [1 + axis % 2 for axis in range(n_axes)], [2 - axis % 2 for axis in range(n_axes)]
    pads = [(axis + 1) % 3 for axis in range(2 * n_axes)]
    return {
        "plain": {},
        "strides": {"strides": strides},
        "dilations": {"dilations": dilations},
        "pads": {"pads": pads},
        "all": {"strides": strides, "dilations": dilations, "pads": pads, "group": 2, "kernel_shape": TAPS[n_axes]},
        "groups": {"group": 4},
    }[case]


def outputs_of(lengths, taps, words):
    """The windows along each axis."""
    n_axes = len(lengths)
    strides, dilations = (words.get(name, [1] * n_axes) for name in ("strides", "dilations"))
    pads = np.reshape(words.get("pads", [0] * 2 * n_axes), (2, n_axes)).sum(0)
    return tuple((lengths + pads - np.multiply(np.subtract(taps, 1), dilations) - 1) // strides + 1)


def places(lengths, taps, words):
    """Of each window its place and each of its taps, where in the image the tap lies, if it lies in it."""
    n_axes = len(lengths)
    strides, dilations = (words.get(name, [1] * n_axes) for name in ("strides", "dilations"))
    first = words.get("pads", [0] * 2 * n_axes)[:n_axes]
    for at, tap in product(np.ndindex(*outputs_of(lengths, taps, words)), np.ndindex(*taps)):
        where = tuple(a * s + t * d - p for a, s, t, d, p in zip(at, strides, tap, dilations, first))
        if all(0 <= own < length for own, length in zip(where, lengths)):
            yield at, tap, where


def convolution(images, kernels, words):
    """The sum that defines Conv."""
    groups = words.get("group", 1)
    kernels_of, channels = len(kernels) // groups, kernels.shape[1]
    taps, lengths = kernels.shape[2:], images.shape[2:]
    wide = np.float64 if images.dtype.kind == "f" else np.int64
    response = np.zeros((len(images), len(kernels), *outputs_of(lengths, taps, words)), wide)
    apart = images.astype(wide).reshape(len(images), groups, channels, *lengths)
    banks = kernels.astype(wide).reshape(groups, kernels_of, channels, *taps)
    by_group = response.reshape(len(images), groups, kernels_of, *response.shape[2:])
    for at, tap, where in places(lengths, taps, words):
        products = np.einsum("ngc,gkc->ngk", apart[(..., *where)], banks[(..., *tap)])
        by_group[(..., *at)] += products
    return response


def laid(numbers, kernels, lengths, words):
    """The sum that defines ConvTranspose: each number lays a kernel over images of these lengths."""
    groups, n_axes, taps = words.get("group", 1), len(lengths), kernels.shape[2:]
    made = np.zeros((len(numbers), groups, kernels.shape[1], *lengths))
    apart = numbers.astype(float).reshape(len(numbers), groups, -1, *numbers.shape[2:])
    banks = kernels.astype(float).reshape(groups, -1, *kernels.shape[1:])
    strides, dilations = (words.get(name, [1] * n_axes) for name in ("strides", "dilations"))
    first = words.get("pads", [0] * 2 * n_axes)[:n_axes]
    for at, tap in product(np.ndindex(*numbers.shape[2:]), np.ndindex(*taps)):
        where = tuple(a * s + t * d - p for a, s, t, d, p in zip(at, strides, tap, dilations, first))
        if all(0 <= own < length for own, length in zip(where, lengths)):
            made[(..., *where)] += np.einsum("ngc,gcm->ngm", apart[(..., *at)], banks[(..., *tap)])
    return made.reshape(len(numbers), -1, *lengths)


@pytest.mark.parametrize("n_axes", [1, 2, 3, 4])
@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("dtype", ["f2", "f4", "f8"])
def test_conv_is_its_sum_on_any_number_of_axes(n_axes, case, dtype):
    words = attributes(case, n_axes)
    images = small((2, 4, *SIZES[n_axes]), dtype)
    kernels, bias = small((4, 4 // words.get("group", 1), *TAPS[n_axes]), dtype, 1), small((4,), dtype, 2)
    expected = convolution(images, kernels, words) + bias.reshape(-1, *(1,) * n_axes)
    np.testing.assert_array_equal(own.Conv(images, kernels, bias, **words), expected.astype(dtype), strict=True)


@pytest.mark.parametrize("n_axes", [1, 2, 3, 4])
@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("dtype", ["f2", "f4", "f8"])
def test_conv_transpose_is_its_sum_on_any_number_of_axes(n_axes, case, dtype):
    words = attributes(case, n_axes)
    numbers = small((2, 4, *SIZES[n_axes]), dtype)
    kernels, bias = small((4, 3, *TAPS[n_axes]), dtype, 1), small((3 * words.get("group", 1),), dtype, 2)
    n = range(n_axes)
    strides, dilations = (words.get(name, [1] * n_axes) for name in ("strides", "dilations"))
    pads = words.get("pads", [0] * 2 * n_axes)
    more = [max(strides[axis], dilations[axis]) - 1 for axis in n]
    whole = [(SIZES[n_axes][axis] - 1) * strides[axis] + (TAPS[n_axes][axis] - 1) * dilations[axis] + 1 for axis in n]
    for behind in ([0] * n_axes, more):
        lengths = [whole[axis] + behind[axis] - pads[axis] - pads[n_axes + axis] for axis in n]
        expected = laid(numbers, kernels, lengths, words) + bias.reshape(-1, *(1,) * n_axes)
        found = own.ConvTranspose(numbers, kernels, bias, output_padding=behind, **words)
        np.testing.assert_array_equal(found, expected.astype(dtype), strict=True)


@pytest.mark.parametrize("n_axes", [1, 2, 3, 4])
@pytest.mark.parametrize("case", CASES[:4])
@pytest.mark.parametrize("dtype", ["f2", "f4", "f8", "c8", "c16", "i1", "u2", "i8", "u8", "?"])
def test_col2im_adds_up_windows_on_any_number_of_axes(n_axes, case, dtype):
    words, lengths, taps = attributes(case, n_axes), SIZES[n_axes], TAPS[n_axes]
    outputs = outputs_of(lengths, taps, words)
    columns = small((2, 3 * prod(taps), prod(outputs)), dtype)
    apart = columns.astype(np.complex128).reshape(2, 3, *taps, *outputs)
    expected = np.zeros((2, 3, *lengths), np.complex128)
    for at, tap, where in places(lengths, taps, words):
        expected[(slice(None), slice(None), *where)] += apart[(slice(None), slice(None), *tap, *at)]
    expected = expected if dtype in ("c8", "c16") else expected.real
    found = own.Col2Im(columns, np.array(lengths), np.array(taps), **words)
    np.testing.assert_array_equal(found, expected.astype(dtype), strict=True)


def test_col2im_of_integers_wraps_around():
    found = own.Col2Im(np.full((1, 2, 2), 100, np.int8), [1, 3], [1, 2])
    np.testing.assert_array_equal(found, np.array([[[[100, -56, 100]]]], np.int8), strict=True)


def test_sums_of_float16_are_rounded_once_on_many_axes():
    columns = np.zeros((1, 4, 4), np.float16)  # the pixel in the middle is in four windows
    columns[0, [3, 2, 1], [0, 1, 2]] = 1024, 1025, 1
    assert own.Col2Im(columns, [3, 1, 1, 3], [2, 1, 1, 2])[0, 0, 1, 0, 0, 1] == 2050
    x, w = np.array([[1024, 1025], [1, 0]], np.float16), np.ones((2, 2), np.float16)
    made = own.ConvTranspose(x.reshape(1, 1, 2, 1, 1, 2), w.reshape(1, 1, 2, 1, 1, 2))
    assert made[0, 0, 1, 0, 0, 1] == 2050


def test_padding_by_the_sizes_has_its_larger_half_behind_or_before():
    x, w = np.array([[[1.0, 2.0, 3.0]]]), np.array([[[1.0, 10.0]]])
    np.testing.assert_array_equal(own.Conv(x, w, auto_pad="SAME_UPPER"), [[[21, 32, 3]]])
    np.testing.assert_array_equal(own.Conv(x, w, auto_pad="SAME_LOWER"), [[[10, 21, 32]]])
    np.testing.assert_array_equal(own.Conv(x, w, auto_pad="VALID"), [[[21, 32]]])
    np.testing.assert_array_equal(own.Conv(x, w, auto_pad="SAME_UPPER", strides=[2], dilations=[2]), [[[20, 2]]])


X, W = np.array([[[1.0, 2.0, 3.0]]]), np.array([[[1.0, 10.0, 100.0]]])
TRANSPOSED = {  # of the whole [1, 10, 102, 20, 203, 30, 300]
    "same upper": ({"auto_pad": "SAME_UPPER"}, [1, 10, 102, 20, 203, 30]),
    "same lower": ({"auto_pad": "SAME_LOWER"}, [10, 102, 20, 203, 30, 300]),
    "same, padding behind": ({"auto_pad": "SAME_UPPER", "output_padding": [1]}, [10, 102, 20, 203, 30, 300]),
    "a shape": ({"output_shape": [4]}, [102, 20, 203, 30]),
    "a shape, upper": ({"auto_pad": "SAME_UPPER", "output_shape": [4]}, [10, 102, 20, 203]),
    "a shape with N and C": ({"output_shape": [1, 1, 4]}, [102, 20, 203, 30]),
    "a shape beats pads": ({"pads": [1, 1], "output_shape": [6]}, [10, 102, 20, 203, 30, 300]),
    "a shape, padding behind": ({"output_padding": [1], "output_shape": [4]}, [102, 20, 203, 30]),
    "a shape beyond": ({"output_shape": [8]}, [1, 10, 102, 20, 203, 30, 300, 0]),
    "pads": ({"pads": [1, 0]}, [10, 102, 20, 203, 30, 300]),
    "pads and padding behind": ({"pads": [1, 1], "output_padding": [1]}, [10, 102, 20, 203, 30, 300]),
    "padding behind": ({"output_padding": [1]}, [1, 10, 102, 20, 203, 30, 300, 0]),
}


@pytest.mark.parametrize("case", TRANSPOSED)
def test_what_a_transposed_convolution_leaves_out(case):
    words, expected = TRANSPOSED[case]
    np.testing.assert_array_equal(own.ConvTranspose(X, W, strides=[2], **words), [[expected]])


def test_same_is_length_times_stride_where_the_stride_is_larger_than_the_kernel():
    found = own.ConvTranspose(X, W[..., :1], strides=[3], auto_pad="SAME_UPPER")
    np.testing.assert_array_equal(found, [[[1, 0, 0, 2, 0, 0, 3, 0, 0]]])


def test_output_padding_receives_products():
    x, w = np.array([[[1.0, 10.0]]]), np.array([[[1.0, 2.0, 3.0]]])
    found = own.ConvTranspose(x, w, strides=[2], pads=[1, 1], output_padding=[1])
    np.testing.assert_array_equal(found, [[[2, 13, 20, 30]]])


@pytest.mark.parametrize("n_axes", [1, 2, 3, 4])
@pytest.mark.parametrize(("of_x", "of_w"), list(product(["i1", "u1"], repeat=2)))
def test_conv_integer_pads_with_the_zero_point(n_axes, of_x, of_w):
    words = attributes("all", n_axes)
    x, w = small((2, 4, *SIZES[n_axes]), of_x), small((6, 2, *TAPS[n_axes]), of_w, 1)
    zeros = np.arange(6).astype(of_w)
    shifted = w.astype(int) - zeros.reshape(-1, *(1,) * (n_axes + 1)).astype(int)
    expected = convolution(x.astype(int) - 3, shifted, words).astype(np.int32)
    found = own.ConvInteger(x, w, np.array(3, of_x), zeros, **words)
    np.testing.assert_array_equal(found, expected, strict=True)
    expected = convolution(x.astype(int), w.astype(int), words).astype(np.int32)
    np.testing.assert_array_equal(own.ConvInteger(x, w, **words), expected, strict=True)
    found = own.ConvInteger(x, w, None, np.array([5], of_w), **words)
    expected = convolution(x.astype(int), w.astype(int) - 5, words).astype(np.int32)
    np.testing.assert_array_equal(found, expected, strict=True)


def test_conv_integer_wraps_around_in_32_bits():
    x = np.full((1, 1, 40_000), 255, np.uint8)
    found = own.ConvInteger(x, x, np.uint8(0), np.uint8(0))
    assert found.dtype == np.int32
    assert found.item() == 40_000 * 255**2 - 2**32


@pytest.mark.parametrize(
    ("zero_point", "expected"), [(0, [0, 2, 2, 128]), (1, [1, 3, 3, 129]), (130, [130, 132, 132, 255])]
)
def test_qlinear_conv_rounds_halves_to_even_then_adds_the_zero_point_and_saturates(zero_point, expected):
    x, one, zero = np.array([[[1, 3, 5, 255]]], np.uint8), np.float32(1), np.uint8(0)
    w = np.array([[[1]]], np.uint8)
    found = own.QLinearConv(x, np.float32(0.5), zero, w, one, zero, one, np.uint8(zero_point))
    np.testing.assert_array_equal(found, np.array([[expected]], np.uint8), strict=True)


def test_qlinear_conv_scales_each_kernel_and_adds_the_bias_before():
    x, w = np.array([[[-10, 5]]], np.int8), np.array([[[2]], [[-3]]], np.int8)
    scales, zeros = np.array([0.5, 2.0], np.float32), np.array([1, -1], np.int8)
    words = {"B": np.array([4, -2], np.int32), "pads": [1, 0]}
    found = own.QLinearConv(x, np.float32(1), np.int8(5), w, scales, zeros, np.float32(0.5), np.int8(7), **words)
    # sums: padding 0, (-15, 0) * 1 and * -2; plus 4 and -2; times 1 and 4; plus 7
    np.testing.assert_array_equal(found, np.array([[[11, -4, 11], [-1, 119, -1]]], np.int8), strict=True)


def test_an_empty_batch_gives_one():
    x = np.ones((0, 4, 5, 6), "f4")
    assert own.Conv(x, np.ones((6, 4, 3, 3), "f4")).shape == (0, 6, 3, 4)
    assert own.ConvTranspose(x, np.ones((4, 6, 3, 3), "f4")).shape == (0, 6, 7, 8)
    assert own.ConvInteger(x.astype("u1"), np.ones((6, 4, 3, 3), "u1")).shape == (0, 6, 3, 4)
    assert own.Col2Im(np.ones((0, 16, 20)), [5, 6], [2, 2]).shape == (0, 4, 5, 6)


BYTES = np.ones((1, 1, 3), np.uint8)
ONE, ZERO = np.float32(1), np.uint8(0)
REFUSED = {
    "images without spatial axes": lambda: own.Conv(X[0], W[0]),
    "kernels of other axes": lambda: own.Conv(X, W[0]),
    "other channels": lambda: own.Conv(X, np.ones((1, 2, 3))),
    "no channels": lambda: own.Conv(X[:, :0], W[:, :0]),
    "groups that do not divide": lambda: own.Conv(np.ones((1, 2, 3)), np.ones((3, 1, 2)), group=2),
    "no groups": lambda: own.Conv(X, W, group=0),
    "another kernel_shape": lambda: own.Conv(X, W, kernel_shape=[2]),
    "a kernel larger than the image": lambda: own.Conv(X, np.ones((1, 1, 4))),
    "an empty image": lambda: own.Conv(X[..., :0], W, pads=[2, 2]),
    "a bias of another length": lambda: own.Conv(X, W, np.ones(2)),
    "strides of two axes": lambda: own.Conv(X, W, strides=[1, 1]),
    "stride 0": lambda: own.Conv(X, W, strides=[0]),
    "dilation 0": lambda: own.Conv(X, W, dilations=[0]),
    "pads of one side": lambda: own.Conv(X, W, pads=[1]),
    "negative pads": lambda: own.Conv(X, W, pads=[-1, 0]),
    "another word": lambda: own.Conv(X, W, auto_pad="SAME"),
    "pads and a word": lambda: own.Conv(X, W, auto_pad="SAME_UPPER", pads=[1, 1]),
    "transposed, other channels": lambda: own.ConvTranspose(X, np.ones((2, 1, 3))),
    "transposed, nothing left": lambda: own.ConvTranspose(X, W, pads=[3, 3]),
    "transposed, an empty image": lambda: own.ConvTranspose(X[..., :0], W),
    "output_padding as large as the stride": lambda: own.ConvTranspose(X, W, strides=[2], output_padding=[2]),
    "output_shape beyond every stride": lambda: own.ConvTranspose(X, W, strides=[2], output_shape=[9]),
    "output_shape of other axes": lambda: own.ConvTranspose(X, W, output_shape=[5, 5]),
    "a zero point for each image": lambda: own.ConvInteger(BYTES, BYTES, np.zeros(2, np.uint8)),
    "zero points of other kernels": lambda: own.ConvInteger(BYTES, BYTES, None, np.zeros(2, np.uint8)),
    "scales of other kernels": lambda: own.QLinearConv(BYTES, ONE, ZERO, BYTES, np.ones(2, "f4"), ZERO, ONE, ZERO),
    "columns of two axes": lambda: own.Col2Im(np.ones((4, 2)), [1, 3], [1, 2]),
    "a part of the taps": lambda: own.Col2Im(np.ones((1, 3, 2)), [1, 3], [1, 2]),
    "other positions": lambda: own.Col2Im(np.ones((1, 2, 3)), [1, 3], [1, 2]),
    "blocks of other axes": lambda: own.Col2Im(np.ones((1, 2, 2)), [1, 3], [2]),
    "blocks larger than the image": lambda: own.Col2Im(np.ones((1, 4, 1)), [1, 3], [1, 4]),
}
WRONG = {
    "integers": lambda: own.Conv(X.astype(int), W.astype(int)),
    "complex numbers": lambda: own.Conv(X + 0j, W + 0j),
    "two types": lambda: own.Conv(X, W.astype("f4")),
    "a bias of another type": lambda: own.Conv(X, W, np.ones(1, "f4")),
    "None": lambda: own.Conv(X, None),
    "strides of fractions": lambda: own.Conv(X, W, strides=[1.5]),
    "strides of a number": lambda: own.Conv(X, W, strides=1),
    "words": lambda: own.Col2Im(np.array([[["a", "b"]]]), [1, 2], [1, 1]),
    "wide integers": lambda: own.ConvInteger(BYTES.astype(int), BYTES),
    "a zero point of another type": lambda: own.ConvInteger(BYTES, BYTES, np.int8(1)),
    "a scale of another type": lambda: own.QLinearConv(BYTES, 1.0, ZERO, BYTES, ONE, ZERO, ONE, ZERO),
    "a bias of floats": lambda: own.QLinearConv(BYTES, ONE, ZERO, BYTES, ONE, ZERO, ONE, ZERO, np.ones(1)),
}


@pytest.mark.parametrize("case", REFUSED)
def test_values_and_shapes_that_the_standard_has_not_are_a_value_error(case):
    with pytest.raises(ValueError):
        REFUSED[case]()


@pytest.mark.parametrize("case", WRONG)
def test_types_that_the_standard_has_not_are_a_type_error(case):
    with pytest.raises(TypeError):
        WRONG[case]()


def test_onnx_is_not_imported():
    code = "import sys; import xcorr.compat.onnx; print('onnx' in sys.modules)"
    assert run_script(code) == "False\n"
