"""Drop-ins for scipy.ndimage give what it gives, and raise what it raises; where they differ, they are right."""

import warnings
from inspect import signature

import numpy as np
import pytest
from checks import random_generator
from drop_ins import assert_same_calls, pixels, result
from looping import drawn, for_each
from scipy import ndimage
from scripts import run_script

from xcorr.compat import scipy_ndimage

pytest.importorskip("scipy", minversion="1.17", reason="what older ones do is not what is followed")

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


def assert_same(name, *arguments, **keywords):
    assert_same_calls(scipy_ndimage, ndimage, name, *arguments, **keywords)


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
    assert_same(name, pixels(random_generator(name), SHAPE, "int16"), derivative, output=np.int64, **keywords)
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
    for name in ("sobel", "prewitt", "laplace"):
        if to != "uint64":
            image = np.random.default_rng(0).integers(bounds.min, bounds.max, (6, 7), to, endpoint=True)
            assert_same(name, image if bounds.bits < 64 else image >> 13)
    assert_same("correlate", np.array([bounds.max], to), [3])


def test_the_peer_is_not_imported():
    text = "import sys, xcorr.compat.scipy_ndimage; print([name for name in sys.modules if name.startswith('scipy')])"
    assert run_script(text) == "[]\n"


def test_signatures_are_as_there():
    for name in scipy_ndimage.__all__:
        given, expected = (signature(getattr(lib, name)).parameters.values() for lib in (scipy_ndimage, ndimage))
        assert [(p.name, p.default, p.kind) for p in given] == [(p.name, p.default, p.kind) for p in expected], name
