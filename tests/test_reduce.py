"""Reductions: NumPy's functions of the response, by every method, in every layout and type."""

import numpy as np
import pytest
from checks import LAYOUTS, random_generator, real_numbers, whole_numbers
from looping import for_each
from reduced_calls import METHODS, operands
from reductions import NAMES, OVERS, assert_reduced, axes_of, of_numpy

import xcorr
from xcorr import _reference


@for_each("name", METHODS)
def test_every_method_gives_what_numpy_makes_of_the_response(level, name):
    assert_reduced(*operands(name)[:2], **operands(name)[2])


@for_each("name", METHODS)
def test_several_workers_give_it_too(name):
    assert_reduced(*operands(name)[:2], **operands(name)[2], workers=3)


@for_each("name", [name for name in METHODS if "channels" not in name])
def test_float64(name):
    assert_reduced(*operands(name, "float64")[:2], **operands(name)[2])


@for_each("name", ["over kernels", "over columns", "over rows", "fft", "matmul, slabs", "over channels"])
def test_float16_is_rounded_before_it_is_compared(name):
    # Many responses are equal in float16 alone, so that places would be others in float32.
    images, kernels, keywords = operands(name, "float16")
    response = assert_reduced(images, kernels, **keywords)
    assert response.dtype == np.float16


def test_a_lesser_type_is_rounded_to_before_it_is_compared():
    rng = random_generator("lesser")
    images, kernels = real_numbers(rng, (40, 41), "float64"), real_numbers(rng, (5, 3, 3), "float64")
    for dtype in ("float16", "float32"):
        assert_reduced(1e-8 * images, 1e-8 * kernels, dtype=dtype)


@for_each("method", ["direct", "matmul", "fft"])
def test_float64_is_rounded_to_float16_once(method):
    # By way of float32 it would be 1 + 2**-11, and then 1.
    image = np.where(np.arange(2000).reshape(40, 50) % 7 == 3, 1 + 2.0**-11 + 2.0**-30, 1)
    response = assert_reduced(image, np.ones((3, 1, 1)), dtype=np.float16, method=method)
    assert response.max() == 1 + 2.0**-10
    assert_reduced(image, np.ones((1, 1)), dtype=np.float16, method=method)


@for_each(("layout", "has_images", "has_kernels"), [(word, *axes) for word in LAYOUTS for axes in np.ndindex(2, 2)])
def test_axes_that_the_response_lacks_are_lacked(layout, has_images, has_kernels):
    rng = random_generator(layout, has_images, has_kernels)
    sizes = {"NHWC": ((3, 9, 8, 2), (4, 3, 2, 2)), "NCHW": ((3, 2, 9, 8), (4, 2, 3, 2)), "NHW": ((3, 9, 8), (4, 3, 2))}
    images, kernels = (real_numbers(rng, shape, "float32") for shape in sizes[layout])
    images, kernels = images if has_images else images[0], kernels if has_kernels else kernels[0]
    if "C" in layout and kernels.ndim == 2:
        return
    assert_reduced(images, kernels, layout=layout)
    found = xcorr.correlate(images, kernels, layout=layout, reduce="argmax")
    assert found.shape == (3,) * has_images + (4,) * has_kernels + (2,)
    found = xcorr.correlate(images, kernels, layout=layout, reduce="max", over="kernels")
    assert found.shape == (3,) * has_images + (7, 7)


def test_every_channel_by_itself_counts_as_a_kernel():
    rng = random_generator("each channel")
    for layout, shape in (("NHWC", (2, 12, 11, 5)), ("NCHW", (2, 5, 12, 11))):
        images = real_numbers(rng, shape, "float32")
        assert_reduced(images, real_numbers(rng, (3, 3), "float32"), layout=layout)


def test_the_reference_agrees():
    rng = random_generator("reference")
    for layout, shape in (("NHWC", (2, 7, 8, 2)), ("NCHW", (2, 2, 7, 8))):
        images = whole_numbers(rng, shape, "float64")
        kernels = whole_numbers(rng, (3, 2, 2, 2), "float64")
        response = _reference.correlate(images, kernels, layout=layout)
        for over in OVERS:
            found = xcorr.correlate(images, kernels, layout=layout, reduce=NAMES, over=over)
            for name, result in zip(NAMES, found, strict=True):
                expected = _reference.reduce(response, name, over=over, layout=layout)
                np.testing.assert_allclose(result, expected.astype(result.dtype), rtol=1e-15, atol=1e-15)


def test_stride_dilation_boundary_bias_and_convolve():
    rng = random_generator("keywords")
    images, kernels = real_numbers(rng, (2, 20, 25, 2), "float32"), real_numbers(rng, (18, 3, 3, 2), "float32")
    for boundary in ("constant", "edge", "reflect", "symmetric", "wrap"):
        keywords = {"padding": ((3, 1), (2, 5)), "boundary": boundary, "stride": (2, 1), "dilation": (1, 2)}
        assert_reduced(images, kernels, **keywords, bias=rng.standard_normal(18).astype("float32"))
    assert_reduced(images, kernels, function=xcorr.convolve, padding="full", fill_value=-2)


def test_memory_order_of_operands_changes_no_bit():
    rng = random_generator("order")
    images, kernels = real_numbers(rng, (3, 20, 25, 2), "float32"), real_numbers(rng, (18, 3, 3, 2), "float32")
    usual = xcorr.correlate(images, kernels, reduce=NAMES)
    turned = xcorr.correlate(np.asfortranarray(images), kernels[:, ::-1, ::-1][:, ::-1, ::-1], reduce=NAMES)
    for one, other in zip(usual, turned, strict=True):
        assert one.tobytes() == other.tobytes()


# --- integers ---------------------------------------------------------------------------------------------------------


@for_each(
    ("images", "kernels", "keywords"),
    [
        ("uint8", "int8", {}),
        ("uint8", "int8", {"dtype": np.int16}),
        ("uint8", "uint8", {"dtype": np.uint8, "overflow": "saturate"}),
        ("int32", "int16", {}),
        ("bool", "int8", {}),
        ("int64", "int64", {"dtype": np.float64}),
        ("float32", "float32", {"dtype": np.uint8, "overflow": "saturate"}),
        ("float64", "float64", {"dtype": np.int32, "overflow": "saturate"}),
    ],
)
def test_integers_are_exact(images, kernels, keywords):
    rng = random_generator(images, kernels, repr(keywords))
    for shape, bank in (((2, 20, 21), (5, 3, 3)), ((1, 90, 301), (40, 3, 3)), ((1, 60, 61), (2, 12, 12))):
        scale = 0.01 if np.dtype(images).kind == "f" else 1
        operands = (
            whole_numbers(rng, shape, images, 60),
            (whole_numbers(rng, bank, kernels, 20) * scale).astype(kernels),
        )
        assert_reduced(*operands, layout="NHW", **keywords)


@for_each("method", ["direct", "fft", "matmul"])
def test_integers_by_every_method(method):
    rng = random_generator(method)
    images, kernels = whole_numbers(rng, (2, 60, 61), "int16", 900), whole_numbers(rng, (9, 8, 8), "int16", 900)
    assert_reduced(images, kernels, layout="NHW", method=method)


def test_sums_that_float64_does_not_hold():
    rng = random_generator("128 bits")
    images, kernels = rng.integers(-(2**40), 2**40, (2, 17, 13)), rng.integers(-(2**18), 2**18, (35, 3, 3))
    names = ("max", "min", "argmax", "argmin", "mean", "ppv")
    assert_reduced(images, kernels, names=names, layout="NHW")
    large = np.full((1, 9, 8), 2**63, np.uint64)
    assert_reduced(large, np.ones((2, 1, 1), np.uint8), names=names, layout="NHW", dtype=np.uint64)
    assert_reduced(images, kernels << 20, names=names, layout="NHW", overflow="saturate")


@for_each("dtype", ["int8", "uint8", "int16", "uint16", "int32", "uint32"])
@for_each("overflow", ["raise", "saturate"])
def test_narrow_responses_of_sums_that_float64_may_not_hold(dtype, overflow):
    large = min(np.iinfo(dtype).max // (1 if overflow == "saturate" else 9), 2**27)  # whose energies int64 holds
    images = random_generator(dtype).integers(0, large, (2, 7, 8), endpoint=True)
    kernels = np.zeros((2, 3, 3), int)
    kernels[0, 0, 0], kernels[1] = 2**60, 1
    images[:, :-2, :-2] = 0  # of the large tap
    assert_reduced(images, kernels, layout="NHW", dtype=dtype, overflow=overflow)


def test_energies_of_integers_are_exact_up_to_the_last_one():
    for over in OVERS:
        found = xcorr.correlate(np.array([[2**31 + 1, 1]]), np.ones((1, 1), int), reduce="energy", over=over)
        assert found.tolist() == ((2**31 + 1) ** 2 + 1 if over == "positions" else [[(2**31 + 1) ** 2, 1]])
    image = np.array([[3037000499, 92681, 304, 18, 3, 2]])
    image[0, 1] = 2**63 - 1 - 3037000499**2  # of whose root a number is taken
    image[0, 1] = int(np.sqrt(float(image[0, 1])))
    total = sum(int(number) ** 2 for number in image[0])
    assert total < 2**63
    assert xcorr.correlate(image, np.ones((1, 1), int), reduce="energy") == total


@for_each(("over", "size"), [(over, size) for over in OVERS for size in (2**32, 2**31 + 2**30, 2**50)])
def test_energies_beyond_int64_are_refused(over, size):
    image = np.full((3, 4), size)
    with pytest.raises(OverflowError, match="reduce: the energy of responses of int64 does not fit"):
        xcorr.correlate(image, np.ones((2, 1, 1), int), reduce=("max", "energy"), over=over, layout="NHW")


def test_saturated_responses_of_64_bits_are_those_of_the_response():
    images = np.array([[1e30, 5.5, -1e30, 2.0**62]])
    for dtype in (np.int64, np.uint64):
        found = xcorr.correlate(
            images, np.ones((1, 1)), reduce=("max", "min", "argmax"), dtype=dtype, overflow="saturate"
        )
        response = xcorr.correlate(images, np.ones((1, 1)), dtype=dtype, overflow="saturate")
        assert [result.tolist() for result in found] == [response.max(), response.min(), [0, 0]]


def test_a_single_reduction_is_an_array_and_a_tuple_is_a_tuple():
    images, kernels = np.arange(20.0).reshape(4, 5), np.ones((2, 2))
    assert isinstance(xcorr.correlate(images, kernels, reduce="max"), np.ndarray)
    (one,) = xcorr.correlate(images, kernels, reduce=("max",))
    assert one == of_numpy(xcorr.correlate(images, kernels), "max", "positions", axes_of(images, kernels))
    twice = xcorr.correlate(images, kernels, reduce=("max", "argmax", "max"))
    assert twice[0] == twice[2] == 13 + 14 + 18 + 19
