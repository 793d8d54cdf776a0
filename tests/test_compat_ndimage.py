"""Drop-ins for scipy.ndimage give what it gives, and raise what it raises; where they differ, they are right."""

import warnings
from inspect import signature

import numpy as np
import pytest
from checks import random_generator
from looping import drawn, for_each
from scipy import ndimage
from scripts import run_script

from xcorr.compat import scipy_ndimage

MODES = ["reflect", "constant", "nearest", "mirror", "wrap", "grid-mirror", "grid-constant", "grid-wrap"]
TYPES = ["bool", "int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64", "float32", "float64"]
BELOW = [dtype for dtype in TYPES if dtype != "uint64"]
"""Types whose negative numbers, wrapped around, are exact in float64 in the next pass."""

COMPLEX = ["complex64", "complex128"]
AROUND = ["correlate", "convolve"]
ALONG = ["correlate1d", "convolve1d"]
SMOOTHING = {"gaussian_filter": 0.8, "uniform_filter": 3, "gaussian_laplace": 0.7, "gaussian_gradient_magnitude": 0.7}
DERIVATIVES = ["sobel", "prewitt", "laplace"]
SHAPE = (5, 4, 6)


def pixels(rng, shape, dtype):
    """Values over an integer type's range, as far as sums of few of them are exact in float64."""
    dtype = np.dtype(dtype)
    if dtype.kind in "biu":
        kept = np.iinfo(dtype) if dtype.kind != "b" else np.iinfo(np.int8)
        lowest, highest = (0, 1) if dtype.kind == "b" else (max(kept.min, -(2**20)), min(kept.max, 2**20))
        return rng.integers(lowest, highest, shape, endpoint=True).astype(dtype)
    values = rng.standard_normal(shape)
    return (values + 1j * rng.standard_normal(shape) if dtype.kind == "c" else values).astype(dtype)


def result(library, name, *arguments, **keywords):
    """What a library's function returns or raises; arrays are copied, so that each library writes its own."""
    keywords = {key: value.copy() if isinstance(value, np.ndarray) else value for key, value in keywords.items()}
    try:
        return getattr(library, name)(*arguments, **keywords)
    except Exception as error:
        return error


def assert_same(name, *arguments, digits=None, **keywords):
    """The drop-in and its peer agree: type, shape, integers exactly, floats but for the last digits."""
    given, expected = (result(lib, name, *arguments, **keywords) for lib in (scipy_ndimage, ndimage))
    if isinstance(expected, Exception):
        assert isinstance(given, type(expected)), f"{given!r} instead of {expected!r}"
        return
    if isinstance(given, Exception):
        raise given
    assert given.dtype == expected.dtype
    assert given.shape == expected.shape
    if expected.dtype.kind == "b":
        expected = expected.view(np.uint8) != 0  # bytes other than 0 and 1 are there
    if expected.dtype.kind in "biu":
        np.testing.assert_array_equal(given, expected)
    else:
        largest = max(np.max(np.abs(expected), initial=0), np.max(np.abs(arguments[0]), initial=0))
        real = expected.dtype.type(0).real.dtype
        np.testing.assert_allclose(given, expected, rtol=0, atol=(digits or 16) * np.finfo(real).eps * largest)


def origins(rng, lengths):
    return [int(rng.integers(-(length // 2), (length - 1) // 2 + 1)) for length in lengths]


@for_each(
    ("name", "dtype", "mode", "to"), drawn(12, AROUND, TYPES + COMPLEX, MODES, [None, "int16", "uint8", "float32"])
)
def test_correlation_along_all_axes_is_as_there(name, dtype, mode, to):
    rng = random_generator(name, dtype, mode, to)
    shape, lengths = SHAPE[: rng.integers(1, 4)], rng.integers(1, 5, 3)
    kernel = rng.integers(-2, 3, lengths[: len(shape)])
    keywords = {"mode": mode, "origin": origins(rng, kernel.shape), "cval": int(rng.integers(0, 2))}
    to = None if to is None or np.dtype(dtype).kind == "c" else np.dtype(to)
    assert_same(name, pixels(rng, shape, dtype), kernel, to, **keywords)


@for_each(
    ("name", "dtype", "mode", "to"), drawn(12, ALONG, TYPES + COMPLEX, MODES, [None, "int8", "uint32", "float64"])
)
def test_correlation_along_one_axis_is_as_there(name, dtype, mode, to):
    rng = random_generator(name, dtype, mode, to)
    length, axis = int(rng.integers(1, 9)), int(rng.integers(-3, 3))
    keywords = {"mode": mode, "origin": origins(rng, [length])[0], "cval": 0.5}
    to = None if to is None or np.dtype(dtype).kind == "c" else np.dtype(to)
    image = pixels(rng, SHAPE, dtype)
    assert_same(name, image, rng.integers(-2, 3, length), axis, to, **keywords)
    if image.dtype.kind in "fc":
        assert_same(name, image, rng.standard_normal(length), axis, to, **keywords)


@for_each(("name", "axes", "mode"), drawn(4, AROUND, [(0,), (1,), 2, (0, 2), (1, 2), (-2, -1), ()], MODES))
def test_weights_lie_along_the_axes_that_are_told(name, axes, mode):
    rng = random_generator(name, axes, mode)
    lengths = rng.integers(1, 5, np.size(axes))
    keywords = {"mode": mode, "axes": axes, "origin": origins(rng, lengths)}
    assert_same(name, pixels(rng, SHAPE, "float64"), rng.standard_normal(lengths), **keywords)


@for_each(("name", "image", "kernel"), drawn(2, AROUND + ALONG, ["uint8", "float32", *COMPLEX], ["float32", *COMPLEX]))
def test_complex_weights_are_as_there(name, image, kernel):
    rng = random_generator(name, image, kernel)
    for cval in (0.5, 0.5 - 1j):
        arguments = pixels(rng, (7,), image), pixels(rng, (4,), kernel)
        assert_same(name, *arguments, mode="constant", cval=cval, digits=64)


@for_each(("name", "dtype"), drawn(1, SMOOTHING, ["float32", "float64", *COMPLEX]))
def test_smoothing_is_as_there(name, dtype):
    rng = random_generator(name, dtype)
    image, setting = pixels(rng, SHAPE, dtype), SMOOTHING[name]
    modes = [str(mode) for mode in rng.choice(MODES, 3)]
    assert_same(name, image, setting, mode=modes, cval=0.5, digits=64)
    assert_same(name, image, setting, axes=(0, 2), mode=modes[:2], digits=64)
    assert_same(name, image, [setting, 2 * setting, 1][: image.ndim], digits=64)


@for_each(("dtype", "to", "mode"), drawn(10, TYPES, [None, "float32", "int16", "uint8"], MODES))
def test_means_of_integers_are_cut_off_as_there(dtype, to, mode):
    rng = random_generator(dtype, to, mode)
    sizes = rng.integers(1, 6, 3)
    keywords = {"mode": mode, "cval": 3, "origin": origins(rng, sizes)}
    if np.dtype(dtype).kind != "f":
        assert_same("uniform_filter", pixels(rng, SHAPE, dtype), list(sizes), None if to is None else to, **keywords)


@for_each(("order", "sigma", "radius"), drawn(1, [0, 1, 2, 3], [0.6, 2.5], [None, 0, 3]))
def test_derivatives_of_gaussians_are_as_there(order, sigma, radius):
    image = pixels(random_generator(order, sigma), SHAPE, "float64")
    for axis in (0, -1):
        assert_same("gaussian_filter1d", image, sigma, axis, order, radius=radius, mode="mirror", digits=64)
    assert_same("gaussian_filter", image, sigma, order, truncate=2.0, radius=radius, digits=64)


@for_each(("name", "dtype", "to"), drawn(6, DERIVATIVES, BELOW + COMPLEX, [None, "uint8", "int16", "float32"]))
def test_derivatives_are_as_there(name, dtype, to):
    rng = random_generator(name, dtype, to)
    to = None if to is None or np.dtype(dtype).kind == "c" else np.dtype(to)
    for n_axes in (1, 2, 3):
        image = pixels(rng, SHAPE[:n_axes], dtype)
        modes = [str(mode) for mode in rng.choice(MODES, n_axes)]
        axis = () if name == "laplace" else (int(rng.integers(n_axes)),)
        for cval in (0, 2):
            assert_same(name, image, *axis, output=to, mode=modes, cval=cval)
    assert_same(name, pixels(rng, (2, 3, 2, 3), dtype), mode="nearest", output=to)


def test_laplacian_along_some_axes_is_as_there():
    image = pixels(random_generator("laplace"), SHAPE, "float64")
    for axes in [(0, 2), (1,), (), (2, 1)]:
        assert_same("laplace", image, axes=axes, mode=["wrap", "mirror"][: len(axes)])


@pytest.mark.parametrize("name", ["generic_laplace", "generic_gradient_magnitude"])
def test_functions_of_the_caller_are_called_as_there(name):
    image = pixels(random_generator(name), SHAPE, "float64")

    def derivative(input, axis, output, mode, cval, factor, *, sign):
        return ndimage.correlate1d(input, [-factor, sign * factor], axis, output, mode, cval)

    keywords = {"extra_arguments": (2,), "extra_keywords": {"sign": -1}, "mode": "wrap"}
    assert_same(name, image, derivative, **keywords)
    assert_same(name, image, derivative, axes=(2, 0), output=np.float32, **keywords)


REFUSED = [
    ("correlate", ([1.0, 2], [1, 1]), {"origin": 1}),
    ("correlate", ([1.0, 2], [1, 1]), {"origin": 0.0}),
    ("correlate", ([1.0, 2], [1, 1]), {"origin": [0, 0]}),
    ("convolve", ([1.0, 2], [1, 1]), {"origin": -2}),
    ("correlate", ([1.0, 2], [[1, 1]]), {}),
    ("correlate", ([1.0, 2], []), {}),
    ("correlate", ([1.0, 2], [1]), {"mode": ["wrap"]}),
    ("correlate", ([1.0, 2], [1]), {"mode": "edge"}),
    ("correlate", ([1.0, 2], [1]), {"axes": (0, 0)}),
    ("correlate", ([1.0, 2], [1]), {"axes": (1,)}),
    ("correlate", ([1.0, 2], [1]), {"axes": (0.5,)}),
    ("correlate", ([1.0, 2], [1]), {"axes": object()}),
    ("correlate", ([1.0, 2], [1]), {"output": np.zeros(3)}),
    ("correlate", ([1.0, 2], [1]), {"output": "bool"}),
    ("correlate", ([1.0, 2], [1]), {"output": np.complex64}),
    ("correlate", ([1.0, 2], [1]), {"cval": 1j}),
    ("correlate", ([1.0, 2], [1j]), {"cval": 1j}),
    ("correlate", ([1j, 2], [1]), {"output": np.zeros(2)}),
    ("correlate", ([1j, 2], [1]), {"output": "float64"}),
    ("correlate", (np.zeros(2, np.float16), [1]), {}),
    ("correlate", (np.zeros(2, np.longdouble), [1]), {}),
    ("correlate", (np.zeros(2, object), [1]), {}),
    ("correlate", (np.zeros(2), [1]), {"output": np.float16}),
    ("correlate1d", ([1.0, 2], [1]), {"axis": 1}),
    ("correlate1d", ([1.0, 2], [[1]]), {}),
    ("correlate1d", ([1.0, 2], []), {}),
    ("correlate1d", (np.array(1.0), [1]), {}),
    ("convolve1d", ([1.0, 2], [1, 1, 1]), {"origin": 2}),
    ("gaussian_filter1d", ([1.0, 2], 1), {"radius": 1.5}),
    ("gaussian_filter1d", ([1.0, 2], 1), {"radius": -1}),
    ("gaussian_filter1d", ([1.0, 2], 1), {"order": -1}),
    ("gaussian_filter1d", ([1.0, 2], 1), {"order": 1.5}),
    ("gaussian_filter1d", ([1.0, 2], 0), {}),
    ("gaussian_filter", ([1.0, 2], [1, 1]), {}),
    ("gaussian_filter", ([1j, 2], 1), {"output": np.float64}),
    ("gaussian_filter", (np.zeros(2, np.float16), 1), {}),
    ("uniform_filter1d", ([1.0, 2], 0), {}),
    ("uniform_filter1d", ([1.0, 2], 2.0), {}),
    ("uniform_filter1d", ([1.0, 2], 2), {"origin": 1}),
    ("uniform_filter", ([1.0, 2], 2), {"mode": ["wrap", "wrap"]}),
    ("sobel", ([1.0, 2],), {"axis": 2}),
    ("sobel", (np.zeros(2, np.float16),), {}),
    ("sobel", ([1j, 2],), {"output": np.float64}),
    ("laplace", ([1.0, 2],), {"mode": "edge"}),
]


@for_each(("name", "arguments", "keywords"), REFUSED)
def test_errors_are_of_the_classes_that_they_are_of_there(name, arguments, keywords):
    given, expected = (result(lib, name, *arguments, **keywords) for lib in (scipy_ndimage, ndimage))
    assert isinstance(expected, Exception)
    assert type(given) is type(expected), f"{given!r} instead of {expected!r}"


def test_a_complex_response_in_a_real_type_is_promoted_with_a_warning_at_the_call():
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        assert scipy_ndimage.correlate([1j, 2], [1, 1], output=np.float32).dtype == np.complex64
        assert scipy_ndimage.convolve1d([1j, 2], [1, 1], output=np.float64).dtype == np.complex128
        assert scipy_ndimage.uniform_filter1d([1j, 2], 2, output=np.float64).dtype == np.complex128
    assert [(warning.category, warning.filename) for warning in caught] == [(UserWarning, __file__)] * 3
    assert str(caught[0].message) == "promoting specified output dtype to complex"


EVERY = {
    "correlate": (np.ones((3, 3)),),
    "convolve": (np.ones((3, 2)),),
    "correlate1d": ([1, 2, 3],),
    "convolve1d": ([1, 2],),
    "gaussian_filter": (1,),
    "gaussian_filter1d": (1,),
    "uniform_filter": (3,),
    "uniform_filter1d": (3,),
    "sobel": (),
    "prewitt": (),
    "laplace": (),
    "gaussian_laplace": (1,),
    "gaussian_gradient_magnitude": (1,),
}


@for_each(("name", "arguments"), EVERY.items())
def test_the_response_may_go_into_the_image(name, arguments):
    """scipy.ndimage's Laplacians and gradient magnitudes read what they have overwritten."""
    image = pixels(random_generator(name), (9, 8), "float64")
    expected = getattr(scipy_ndimage, name)(image, *arguments)
    whole = np.zeros((12, 8))
    for response in (whole[2:11], np.asfortranarray(whole)[1:10], whole[10:1:-1]):
        response[...] = image
        assert getattr(scipy_ndimage, name)(response, *arguments, output=response) is response
        np.testing.assert_array_equal(response, expected)


@for_each(("name", "arguments"), EVERY.items())
def test_the_response_has_the_type_or_the_array_that_is_asked_for(name, arguments):
    image = pixels(random_generator(name), (9, 8), "int16")
    for output in (
        np.float32,
        "float32",
        np.dtype(">f4"),
        np.zeros((9, 8), ">f4")[::-1],
        np.zeros((16, 9), "f4").T[:, ::2],
    ):
        is_array = isinstance(output, np.ndarray)
        response = getattr(scipy_ndimage, name)(image, *arguments, output=output)
        assert response is output if is_array else response.dtype == np.dtype(output)
        expected = getattr(ndimage, name)(image, *arguments, output=np.float32)
        np.testing.assert_allclose(response, expected, atol=1e-5 * np.abs(expected).max())


@for_each(("name", "arguments"), EVERY.items())
def test_empty_images_and_those_of_one_pixel_are_as_there(name, arguments):
    for shape in [(0, 3), (3, 0), (1, 1)]:
        assert_same(name, np.ones(shape), *arguments)
    for name, arguments in [("correlate", (np.array(2.0),)), ("gaussian_filter", (1,)), ("laplace", ())]:
        assert_same(name, np.array(3.0), *arguments)
        assert_same(name, np.arange(3.0), *arguments, axes=())


@for_each("to", TYPES[1:-2])
def test_sums_outside_of_an_integer_type_are_cast_as_there(to):
    bounds = np.iinfo(to)
    sums = [-1.5, -0.5, -3, 300.7, 70000, bounds.max, bounds.min, 2.0**33 + 7, -(2.0**33) - 9, -(2.0**62)]
    for value in sums:
        assert_same("correlate1d", [1.0], [value], output=np.dtype(to))
        assert_same("correlate", np.array([value]), [1], output=np.dtype(to))


def test_integers_beyond_2_to_the_53_lose_bits_as_there():
    image = np.array([2**60 + 1, 2**53 + 1, -(2**61) - 5])
    assert_same("correlate1d", image, [1])
    assert_same("correlate", image, [2, 1])
    assert_same("correlate", image.astype(np.uint64), [2, 1])


def test_whole_sums_are_not_cut_off_below():
    """Taps that sum to 1 but for rounding leave a flat image as it is; scipy.ndimage takes 1 off in some."""
    for value in range(0, 256, 5):
        image = np.full((12, 12), value, np.uint8)
        for sigma in (0.5, 1, 1.5, 2, 3):
            np.testing.assert_array_equal(scipy_ndimage.gaussian_filter(image, sigma), image)
        np.testing.assert_array_equal(scipy_ndimage.correlate1d(image, [0.1] * 10), image)


def test_sums_of_integers_are_exact_under_large_kernels():
    rng = random_generator("large")
    for dtype in ("uint8", "int32"):
        assert_same("correlate", pixels(rng, (80, 90), dtype), rng.integers(-9, 10, (41, 37)), output=np.int64)


def test_kernels_many_times_as_long_as_the_image_are_summed_whole():
    """scipy.ndimage.correlate takes some of the reflected pixels for 0 from 8 times the length on."""
    for length, n_taps in [(2, 16), (4, 256), (5, 43)]:
        image = np.arange(1.0, length + 1)
        expected = ndimage.correlate1d(image, np.ones(n_taps))
        np.testing.assert_array_equal(scipy_ndimage.correlate(image, np.ones(n_taps)), expected)


HOLES = [[0, 1, 0], [1, -2, 0], [0, 0.5, 0]]


@for_each(("mode", "dtype", "at"), drawn(2, MODES, ["float32", "float64", *COMPLEX], [(0, 0), (2, 3), (5, 1)]))
def test_pixels_under_taps_of_zero_do_not_count_whatever_they_hold(mode, dtype, at):
    image = pixels(random_generator(mode, dtype), (6, 7), dtype)
    for value in (np.nan, np.inf, -np.inf):
        image[at] = value
        image[3, 3] = np.inf
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # complex infinities times 0, there
            expected = ndimage.correlate(image, HOLES, mode=mode, cval=value)
        response = scipy_ndimage.correlate(image, HOLES, mode=mode, cval=value)
        np.testing.assert_allclose(response, expected, rtol=1e-5, atol=1e-5)
    assert np.count_nonzero(np.isnan(scipy_ndimage.laplace(np.where(np.eye(7, 7, 4) > 0, np.nan, 1.0)))) < 21


def test_small_taps_count():
    """scipy.ndimage.correlate takes those up to 2.2e-16 for 0."""
    np.testing.assert_allclose(scipy_ndimage.correlate([1.0, 2.0, 4.0], [1e-17, 1e-17]), [2e-17, 3e-17, 6e-17])
    assert np.all(np.isnan(scipy_ndimage.correlate([1.0, 2.0], [np.nan, 1])))


def test_a_pixel_that_is_not_finite_stays_in_the_windows_that_have_it():
    """scipy.ndimage.uniform_filter1d carries it on to the end of the line."""
    image = np.array([np.inf, 2.0, 3.0, 4.0, np.nan, 6.0, 6.0, 6.0])
    expected = [np.inf, np.inf, 3.0, np.nan, np.nan, np.nan, 6.0, 6.0]
    np.testing.assert_array_equal(scipy_ndimage.uniform_filter1d(image, 3), expected)


def test_origins_belong_to_the_axes_in_the_order_that_they_are_told_in():
    """Where all axes are told in another order, scipy.ndimage takes them in rising order."""
    image, kernel = pixels(random_generator("order"), (5, 6), "float64"), np.arange(6.0).reshape(2, 3)
    response = scipy_ndimage.correlate(image, kernel, axes=(1, 0), origin=(1, -1))
    np.testing.assert_allclose(response, ndimage.correlate(image, kernel, origin=(-1, 1)))
    response = scipy_ndimage.correlate(image, [1, 2], axes=-1)
    np.testing.assert_array_equal(response, ndimage.correlate(image, [1, 2], axes=1))


def test_float32_differences_of_a_bright_image_keep_their_digits():
    rng = random_generator("bright")
    image = (20000 + rng.standard_normal((20, 21))).astype(np.float32)
    for name in DERIVATIVES:
        response, expected = (getattr(lib, name)(image) for lib in (scipy_ndimage, ndimage))
        np.testing.assert_allclose(response, expected, rtol=1e-6, atol=1e-7)


def test_a_flat_float32_image_keeps_its_value_under_a_mean():
    image = np.full((9, 8), 0.1, np.float32)
    np.testing.assert_array_equal(scipy_ndimage.uniform_filter(image, 3), image)


def test_the_peer_is_not_imported():
    text = "import sys, xcorr.compat.scipy_ndimage; print([name for name in sys.modules if name.startswith('scipy')])"
    assert run_script(text) == "[]\n"


def test_signatures_are_as_there():
    for name in scipy_ndimage.__all__:
        given, expected = (signature(getattr(lib, name)).parameters.values() for lib in (scipy_ndimage, ndimage))
        assert [(p.name, p.default, p.kind) for p in given] == [(p.name, p.default, p.kind) for p in expected], name
