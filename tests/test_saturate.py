"""overflow="saturate": sums as an integer type holds them, rounded and kept within it."""

import itertools

import numpy as np
import pytest
from checks import INTEGERS, LAYOUTS, assert_same_bits, fast_correlate, random_generator, to_layout, whole_numbers
from looping import for_each

import xcorr
from xcorr import _reference

pytestmark = pytest.mark.usefixtures("level")

RESPONSES = tuple(name for name in INTEGERS if name != "bool")
METHODS = ("auto", "direct", "matmul", "fft")
HALVES = np.array([0.5, 1.5, 2.5, -0.5, -1.5, -2.5, 3.25, -3.75, 1e9, -1e9, 1e30, -1e30, np.inf, -np.inf])


@for_each("images_dtype", ["float16", "float32", "float64"])
@pytest.mark.parametrize("dtype", RESPONSES)
def test_floats_are_rounded_to_even_and_kept_inside(dtype, images_dtype):
    with np.errstate(over="ignore"):
        values = HALVES.astype(images_dtype)
    limits = np.iinfo(dtype)
    edges = [
        float(limits.min),
        float(limits.max),
        limits.max - 0.5,
        limits.max + 0.5,
        limits.min - 0.5,
        2.0 * limits.max,
    ]
    with np.errstate(over="ignore"):
        values = np.concatenate([values, np.array(edges).astype(images_dtype)])
    for n_columns in (1, 3, len(values)):
        images = np.resize(values, (2, 4, n_columns))
        one = np.ones((1, 1), images_dtype)
        response = xcorr.correlate(images, one, layout="NHW", dtype=dtype, overflow="saturate")
        assert response.dtype == dtype
        assert np.array_equal(response, _reference.saturated(images.astype(np.float64), dtype))


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("dtype", RESPONSES)
def test_sums_of_quarters_are_saturated_by_every_method_layout_and_form(dtype, method):
    rng = random_generator(dtype, method)
    for layout, n_kernels, images_dtype in itertools.product(LAYOUTS, (1, 2, 5, 17), ("uint8", "float32")):
        depth = 1 if layout == "NHW" else 4
        images = whole_numbers(rng, (2, 6, 7, depth), images_dtype, largest=64)
        kernels = whole_numbers(rng, (n_kernels, 3, 2, depth), "float32", largest=9) / np.float32(4)
        expected = _reference.saturated(fast_correlate(images, kernels), dtype)  # sums of quarters are exact
        expected = to_layout(expected, "NCHW") if layout == "NCHW" else expected
        images, kernels = to_layout(images, layout), to_layout(kernels, layout)
        keywords = {"layout": layout, "dtype": dtype, "overflow": "saturate", "method": method}
        response = xcorr.correlate(images, kernels, **keywords)
        assert response.dtype == dtype
        if method == "fft":  # a sum that ends in a half may be rounded to either side
            assert (np.abs(response.astype(np.float64) - expected.astype(np.float64)) <= 1).all()
            continue
        assert np.array_equal(response, expected)
        turned = np.zeros(response.shape[::-1], dtype).T
        assert xcorr.correlate(images, kernels, out=turned, **keywords) is turned
        assert np.array_equal(turned, expected)


@for_each("images_dtype", ["bool", "uint8", "int16", "int64", "uint64"])
@pytest.mark.parametrize("dtype", RESPONSES)
def test_integers_are_summed_exactly_and_then_kept_inside(images_dtype, dtype):
    rng = random_generator(images_dtype, dtype)
    largest = np.iinfo(images_dtype).max if images_dtype != "bool" else 1
    for kernel_largest in (1, 100, 2**40):
        images = (rng.random((5, 6)) * float(largest) / 2).astype(images_dtype)
        images[0, :2] = largest
        kernels = rng.integers(-kernel_largest, kernel_largest + 1, (2, 2, 2))
        response = xcorr.correlate(images, kernels, dtype=dtype, overflow="saturate")
        limits = np.iinfo(dtype)
        expected = np.clip(_reference.correlate(images, kernels), int(limits.min), int(limits.max)).astype(dtype)
        assert response.dtype == dtype
        assert np.array_equal(response, expected)
        out = np.full(response.shape, 3, dtype)
        assert np.array_equal(xcorr.correlate(images, kernels, dtype=dtype, overflow="saturate", out=out), expected)


def test_products_of_large_integers_by_transforms_are_kept_inside():
    rng = random_generator()
    images = rng.integers(0, 256, (300, 300)).astype(np.uint8)
    kernel = rng.integers(-3, 4, (31, 31))
    exact = xcorr.correlate(images, kernel, method="direct")
    assert exact.min() < 0 or exact.max() > 255
    for dtype in ("uint8", "int16", "uint16"):
        response = xcorr.correlate(images, kernel, dtype=dtype, overflow="saturate", method="fft")
        limits = np.iinfo(dtype)
        assert np.array_equal(response, np.clip(exact, limits.min, limits.max))


@pytest.mark.parametrize("size", [3, 31])
@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("where", ["images", "kernels", "bias"])
def test_a_response_that_is_nan_raises_and_writes_nothing(where, method, size):
    images = np.ones((70, 80), np.float32 if where == "images" else np.uint8)
    kernels, bias = np.ones((2, size, size), np.float32), np.zeros(2, np.float32)
    target = {"images": images[60, 70:71], "kernels": kernels[1, 1, :1], "bias": bias[1:]}[where]
    keywords = {"bias": bias, "dtype": "uint8", "overflow": "saturate", "method": method}
    outs = (None, np.full((71 - size, 81 - size, 2), 7, np.uint8))
    right = np.full(outs[1].shape, min(size * size, 255), np.uint8)
    for value in (np.nan, 0):
        target[...] = value
        expected = right.copy()
        if value == 0:
            exact = xcorr.correlate(images, kernels, bias=bias, method="direct")
            expected = np.clip(np.rint(exact), 0, 255)
        for out in outs:
            if np.isnan(value):
                with pytest.raises(
                    ValueError, match=r"^overflow: a response is NaN, which 'saturate' cannot turn into uint8"
                ):
                    xcorr.correlate(images, kernels, out=out, **keywords)
                assert out is None or (out == 7).all()
            else:
                assert (
                    np.abs(xcorr.correlate(images, kernels, out=out, **keywords) - expected) <= (method == "fft")
                ).all()


@pytest.mark.parametrize("dtype", ["uint8", "int16", "int8", "uint16", "int32", "int64"])
def test_one_kernel_s_response_that_is_nan_raises_and_writes_nothing(dtype):
    rng, limits = random_generator(dtype), np.iinfo(dtype)
    images = 100 * rng.normal(size=(2, 30, 41)).astype(np.float32)
    kernel = rng.normal(size=(4, 3)).astype(np.float32)
    words = {"layout": "NHW", "padding": "same", "dtype": dtype, "overflow": "saturate", "method": "direct"}
    # Integers that float32 can't tell apart are rounded from sums in float64, of which some lie across a tie.
    of_sums = np.float32 if np.dtype(dtype).itemsize < 4 else np.float64
    exact = xcorr.correlate(
        images.astype(of_sums), kernel.astype(of_sums), layout="NHW", padding="same", method="direct"
    )
    expected = np.rint(exact).clip(limits.min, limits.max)
    out = np.full(expected.shape, 7, dtype)
    for place in ((0, 0, 0), (1, 17, 40), (1, 29, 3)):
        marked = images.copy()
        marked[place] = np.nan
        with pytest.raises(ValueError, match=r"^overflow: a response is NaN"):
            xcorr.correlate(marked, kernel, out=out, **words)
        assert (out == 7).all()
    for _ in range(3):
        assert np.array_equal(xcorr.correlate(images, kernel, **words), expected)


def test_infinite_pixels_are_the_limits_in_their_windows_alone():
    images = np.ones((9, 9), np.float32)
    images[4, 4], images[0, 0] = np.inf, -np.inf
    response = xcorr.correlate(images, np.ones((3, 3), np.float32), dtype="int16", overflow="saturate")
    expected = np.full((7, 7), 9)
    expected[2:5, 2:5], expected[0, 0] = 32767, -32768
    assert np.array_equal(response, expected)


def test_saturated_responses_do_not_depend_on_workers_batch_or_preparation():
    rng = random_generator()
    images, kernels = rng.random((4, 300, 310), np.float32) * 300, rng.random((3, 5, 5), np.float32) / 8
    keywords = {"layout": "NHW", "dtype": "uint8", "overflow": "saturate", "padding": "same"}
    whole = xcorr.correlate(images, kernels, **keywords, workers=1)
    assert 0 < (whole == 255).mean() < 1
    corr = xcorr.Correlator(kernels, **keywords)
    for _ in range(3):
        assert_same_bits(corr(images, workers=2), whole)
        assert_same_bits(corr(images[2]), whole[2])


def test_a_photograph_stays_one():
    photograph, _ = xcorr.datasets.load_colour_sample()
    blur = np.full((3, 3), 1 / 9)
    keywords = {"layout": "NHWC", "padding": "same", "boundary": "edge"}
    blurred = xcorr.correlate(photograph, blur, dtype=np.uint8, overflow="saturate", **keywords)
    assert blurred.dtype == np.uint8
    assert blurred.shape == photograph.shape
    exact = xcorr.correlate(photograph, np.ones((3, 3), int), **keywords)
    assert np.array_equal(blurred, (exact + 4) // 9)  # ninths are never halves


def test_without_an_integer_dtype_saturate_changes_nothing():
    images, kernel = np.full((4, 4), 1e30, np.float32), np.ones((2, 2), np.float32)
    assert_same_bits(xcorr.correlate(images, kernel, overflow="saturate"), xcorr.correlate(images, kernel))


@pytest.mark.parametrize(
    ("keywords", "error", "message"),
    [
        (
            {"dtype": "uint8"},
            TypeError,
            "dtype: got uint8 for operands of float32; allowed is a float or complex type, or",
        ),
        (
            {"dtype": "uint8", "overflow": "clip"},
            ValueError,
            "overflow: got 'clip'; allowed are 'raise' and 'saturate'",
        ),
        ({"overflow": None}, TypeError, "overflow: got None; allowed are 'raise' and 'saturate'"),
        ({"dtype": "bool", "overflow": "saturate"}, TypeError, "dtype: got bool; allowed are"),
        ({"dtype": "uint8", "overflow": "saturate", "bias": 1j}, TypeError, "bias: got dtype complex128"),
    ],
)
def test_what_cannot_be_saturated_is_refused(keywords, error, message):
    with pytest.raises(error) as caught:
        xcorr.correlate(np.ones((4, 4), np.float32), np.ones((2, 2), np.float32), **keywords)
    assert caught.type is error
    assert str(caught.value).startswith(message)


def test_complex_sums_have_no_integers():
    with pytest.raises(TypeError, match="^dtype: got uint8 for operands of complex64; allowed is a complex type$"):
        xcorr.correlate(np.ones((4, 4), "c8"), np.ones((2, 2), "c8"), dtype="uint8", overflow="saturate")
