"""Gradients: the adjoints of a correlation, in images and in kernels, whatever its keywords."""

from unittest import mock

import numpy as np
import pytest
from checks import (
    COMPLEXES,
    EXAMPLES,
    FLOATS,
    INTEGERS,
    SEED,
    assert_equal,
    assert_same_bits,
    real_numbers,
    response_dtype,
)
from gradient_calls import LAYERS, Correlation, correlations, in_layout, layer
from hypothesis import event, given, seed, settings
from hypothesis import strategies as st

import xcorr
from xcorr import _dispatch, _gradient_images, _gradient_kernels, _reference
from xcorr import _reference_gradients as reference

LEVELS = st.sampled_from(_dispatch.runnable_levels())
WORKERS = st.sampled_from([None, 1, 2, 3])
REAL = st.sampled_from(["float32", "float64", "complex64", "complex128"])


def products(first, second):
    """The sum of first times conj(second), in Python's numbers."""
    if "c" in (first.dtype.kind, second.dtype.kind):
        return (first.astype(complex) * np.conj(second.astype(complex))).sum()
    return sum(int(a) * int(b) for a, b in zip(first.ravel(), second.ravel(), strict=True))


# --- the adjoint ------------------------------------------------------------------------------------------------------


@seed(SEED)
@given(call=correlations(dtypes=st.sampled_from(INTEGERS)), level=LEVELS, workers=WORKERS)
def test_gradients_are_the_adjoints_exactly_whatever_is_combined(call, level, workers):
    with _dispatch.using_level(level):
        of_images, of_kernels = call.of_images(workers=workers), call.of_kernels(workers=workers)
        responses = xcorr.correlate(call.images, call.kernels, **call.keywords)
    assert of_images.shape == call.images.shape
    assert of_kernels.shape == call.kernels.shape
    whole = products(call.responses, responses)
    assert products(of_images, call.images) == whole == products(of_kernels, call.kernels)


@seed(SEED)
@given(call=correlations(dtypes=st.sampled_from(COMPLEXES)))
def test_gradients_of_complex_numbers_are_the_adjoints(call):
    responses = xcorr.correlate(call.images, call.kernels, **call.keywords)
    whole = products(call.responses, responses)
    assert products(call.of_images(), call.images) == whole
    other = products(call.of_kernels(), call.kernels)
    assert (other if not call.keywords["conjugate"] else np.conj(other)) == whole


@seed(SEED)
@given(call=correlations(), level=LEVELS, workers=WORKERS)
def test_whole_numbers_are_those_of_the_definition(call, level, workers):
    event(f"{call.images.dtype} {call.keywords['boundary']}")
    with _dispatch.using_level(level):
        of_images, of_kernels = call.of_images(workers=workers), call.of_kernels(workers=workers)
    if np.result_type(call.responses, call.kernels) != np.float16:
        assert_equal(of_images, call.reference_of_images(), response_dtype(call.responses, call.kernels))
    if np.result_type(call.responses, call.images) != np.float16:
        assert_equal(of_kernels, call.reference_of_kernels(), response_dtype(call.images, call.responses))


@seed(SEED)
@settings(max_examples=EXAMPLES // 10)
@given(
    call=correlations(dtypes=st.sampled_from(INTEGERS)),
    most=st.sampled_from([20, 90]),
    few=st.sampled_from([1, 1000]),
    bound=st.sampled_from([0, 2**63 - 1]),
)
def test_sums_in_pieces_are_exact_too(call, most, few, bound):
    with (
        mock.patch.multiple(_gradient_kernels, LONG_SUM=most, FEW_KERNELS=few, EXACT_INT64=bound),
        mock.patch.object(_gradient_images, "EXACT_INT64", bound),
        mock.patch.object(_gradient_images, "MOST_AT_ONCE", 500),
    ):
        assert_equal(call.of_kernels(), call.reference_of_kernels(), np.int64)
        assert_equal(call.of_images(), call.reference_of_images(), np.int64)


# --- errors -----------------------------------------------------------------------------------------------------------


def assert_near(gradient, expected, terms, sums):
    """Within the bound of a direct sum of so many products, whose magnitudes add up to `sums`."""
    factors = 2 if gradient.dtype.kind == "c" else 1
    unit = np.finfo(np.promote_types(gradient.dtype, np.float32)).eps / 2
    allowed = (4 + 2 * np.sqrt(factors * terms)) * unit * sums + np.finfo(np.float64).eps * np.abs(expected)
    if gradient.dtype == np.float16:
        allowed = allowed + np.spacing((np.abs(expected) + allowed).astype(np.float16)).astype(np.float64)
    assert gradient.shape == expected.shape
    assert np.max(np.abs(gradient - expected) - allowed, initial=-1) <= 0


def magnitudes(*arrays):
    return [np.abs(array.astype(np.complex128)) for array in arrays]


def ones_like(*arrays):
    return [np.ones(array.shape, np.int64) for array in arrays]


@seed(SEED)
@settings(max_examples=EXAMPLES // 2)
@given(call=correlations(real_numbers, st.sampled_from([*FLOATS, *COMPLEXES])), level=LEVELS)
def test_errors_are_within_the_bound_of_direct_sums(call, level):
    with _dispatch.using_level(level):
        of_images, of_kernels = call.of_images(), call.of_kernels()
    own = call.responses, call.kernels
    terms = call.reference_of_images(*ones_like(*own)).astype(float)
    assert_near(of_images, call.reference_of_images(), terms, call.reference_of_images(*magnitudes(*own)))
    own = call.images, call.responses
    terms = call.reference_of_kernels(*ones_like(*own)).astype(float)
    assert_near(of_kernels, call.reference_of_kernels(), terms, call.reference_of_kernels(*magnitudes(*own)))


def torch_gradients(call):
    """Both gradients by torch, in float64."""
    torch = pytest.importorskip("torch")
    words = call.keywords
    x, k, g = (torch.tensor(array.astype(np.float64)) for array in (call.images, call.kernels, call.responses))
    if words["layout"] == "NHWC":
        x, k, g = (array.permute(0, 3, 1, 2).contiguous() for array in (x, k, g))
    keywords = {name: words[name] for name in ("stride", "dilation", "groups") if name in words}
    padding = words.get("padding", 0)
    keywords["padding"] = k.shape[-1] // 2 if padding == "same" else padding
    found = (
        torch.nn.grad.conv2d_input(x.shape, k, g, **keywords),
        torch.nn.grad.conv2d_weight(x, k.shape, g, **keywords),
    )
    return [array.permute(0, 2, 3, 1).numpy() if words["layout"] == "NHWC" else array.numpy() for array in found]


@pytest.mark.usefixtures("level")
@pytest.mark.parametrize("layout", ["NHWC", "NCHW"])
@pytest.mark.parametrize("name", [name for name in LAYERS if name != "edge"])
def test_gradients_of_layers_are_those_of_torch(name, layout):
    call = layer(name, "float32", layout)
    images, kernels = torch_gradients(call)
    sums = torch_gradients(call._replace(**dict(zip(call._fields[:3], magnitudes(*call[:3]), strict=True))))
    counts = torch_gradients(call._replace(**dict(zip(call._fields[:3], ones_like(*call[:3]), strict=True))))
    assert_near(call.of_images(), images, counts[0], sums[0])
    assert_near(call.of_kernels(), kernels, counts[1], sums[1])


# --- the transposed correlation ---------------------------------------------------------------------------------------


@seed(SEED)
@given(call=correlations(dtypes=st.just("int64")), more=st.integers(0, 4))
def test_without_an_image_shape_images_are_the_smallest_with_these_responses(call, more):
    words = call.keywords
    shape = np.shape(call.responses)
    gradient = xcorr.gradient_images(call.responses, call.kernels, **words)
    image = gradient.shape[gradient.ndim - len(call.image_shape) :]
    assert xcorr.correlate(np.zeros(gradient.shape, "i1"), call.kernels, **words).shape == shape
    assert_equal(gradient, reference.gradient_images(call.responses, call.kernels, image, **words), np.dtype(np.int64))
    if words["padding"] == "same":
        return
    channel = words["layout"].replace("N", "").find("C")
    for axis in range(len(image)):
        if axis == channel or image[axis] == 1:
            continue
        smaller = list(gradient.shape)
        smaller[gradient.ndim - len(image) + axis] -= 1
        try:
            response = xcorr.correlate(np.zeros(smaller, "i1"), call.kernels, **words)
        except ValueError:
            continue
        assert response.shape != shape


def test_same_gives_images_of_stride_times_as_many_pixels():
    responses, kernels = np.ones((5, 7)), np.ones((3, 4))
    for stride in (1, 2, 3, (2, 5)):
        words = {"padding": "same", "stride": stride}
        gradient = xcorr.gradient_images(responses, kernels, **words)
        assert gradient.shape == (5 * np.broadcast_to(stride, 2)[0], 7 * np.broadcast_to(stride, 2)[1])
        np.testing.assert_array_equal(gradient, xcorr.gradient_images(responses, kernels, gradient.shape, **words))


@pytest.mark.parametrize("stride", [1, 2, 3, (2, 3)])
@pytest.mark.parametrize("dilation", [1, 2, 4])
@pytest.mark.parametrize("padding", [0, 1, (2, 1)])
@pytest.mark.parametrize("groups", [1, 2])
def test_transposed_correlations_are_those_of_torch(stride, dilation, padding, groups):
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(SEED)
    responses = rng.integers(-9, 10, (2, 6, 5, 7)).astype(np.float32)
    kernels = rng.integers(-9, 10, (6, 4, 3, 4)).astype(np.float32)
    words = {"stride": stride, "dilation": dilation, "padding": padding, "groups": groups}
    most = max(*np.broadcast_to(stride, 2), dilation)
    for more in range(min(most, max(min(np.broadcast_to(stride, 2)), dilation))):
        expected = torch.nn.functional.conv_transpose2d(
            torch.tensor(responses), torch.tensor(kernels), output_padding=more, **words
        )
        gradient = xcorr.gradient_images(responses, kernels, output_padding=more, layout="NCHW", **words)
        np.testing.assert_array_equal(gradient, expected.numpy())


# --- integers ---------------------------------------------------------------------------------------------------------


def test_integers_that_do_not_fit_raise_and_out_is_as_it_was():
    responses, kernels = np.full((1, 3), 100, np.int64), np.full((1, 2), 50, np.int64)
    out = np.full((1, 4), 7, np.int16)
    assert xcorr.gradient_images(responses, kernels, (1, 4), dtype=np.int16).tolist() == [[5000, 10000, 10000, 5000]]
    for words in ({}, {"padding": ((0, 0), (1, 1)), "boundary": "wrap"}):
        responses = np.full(xcorr.correlate(np.ones((1, 4)), kernels, **words).shape, 100, np.int64)
        out = np.full((1, 4), 7, np.int8)
        with pytest.raises(OverflowError, match="^dtype: "):
            xcorr.gradient_images(responses, kernels, (1, 4), dtype=np.int8, out=out, **words)
        assert (out == 7).all()
    out = np.full((1, 2), 7, np.int8)
    with pytest.raises(OverflowError, match="^dtype: "):
        xcorr.gradient_kernels(np.full((1, 4), 50), np.full((1, 3), 100), (1, 2), dtype=np.int8, out=out)
    assert (out == 7).all()


@pytest.mark.parametrize("boundary", ["constant", "edge", "reflect", "symmetric", "wrap"])
def test_integers_are_exact_up_to_the_last_one(boundary):
    rng = np.random.default_rng(SEED)
    words = {"layout": "NHW", "padding": ((2, 1), (3, 0)), "boundary": boundary}
    for scale in (2**3, 2**20, 2**29, 2**30):
        kernels, images = rng.integers(-scale, scale, (2, 3, 2)), rng.integers(-scale, scale, (3, 4, 5))
        responses = rng.integers(-scale, scale, xcorr.correlate(np.ones((3, 4, 5)), kernels, **words).shape)
        call = Correlation(images, kernels, responses, {**words, "groups": 1})
        for gradient, expected in (
            (call.of_images, reference.gradient_images(responses, kernels, (4, 5), **words)),
            (call.of_kernels, reference.gradient_kernels(images, responses, (3, 2), **words)),
        ):
            if max(map(abs, expected.ravel())) < 2**63:
                assert_equal(gradient(), expected, np.int64)
            else:
                with pytest.raises(OverflowError):
                    gradient()


def test_sums_that_fit_are_found_where_those_on_the_way_do_not():
    huge = 2**62
    for dtype in (np.int64, np.uint64):
        responses = np.array([[huge, huge, 2**63 - 2**61 if dtype is np.uint64 else -huge]], dtype)
        kernel = np.array([[1]], dtype)
        words = {"padding": ((0, 0), (1, 1)), "boundary": "wrap"}
        expected = reference.gradient_images(responses, kernel, (1, 1), layout="NHW", **words)
        total = int(expected[0, 0])
        if total < 2**63:
            assert int(xcorr.gradient_images(responses, kernel, (1, 1), **words)[0, 0]) == total
        else:
            with pytest.raises(OverflowError):
                xcorr.gradient_images(responses, kernel, (1, 1), **words)
    responses, images = np.full((3, 1, 1), huge), np.array([1, 2, -2]).reshape(3, 1, 1)
    assert xcorr.gradient_kernels(images, responses, (1, 1), layout="NHW").tolist() == [[huge]]


# --- the rest of the contract -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("layout", ["NHWC", "NCHW"])
def test_nothing_to_sum_gives_zeros_and_no_images_nothing(layout):
    none, kernels = (0, *in_layout((5, 6), 4, layout)), np.ones((4, *in_layout((3, 3), 2, layout)))
    image = in_layout((7, 8), 2, layout)
    assert xcorr.gradient_images(np.ones(none), kernels, image, layout=layout).shape == (0, *image)
    of_kernels = xcorr.gradient_kernels(np.ones((0, *image)), np.ones(none), kernels.shape[1:], layout=layout)
    assert of_kernels.shape == kernels.shape
    assert not of_kernels.any()
    no_kernels = (2, *in_layout((5, 6), 0, layout))
    gradient = xcorr.gradient_images(np.ones(no_kernels), kernels[:0], image, layout=layout)
    assert gradient.shape == (2, *image)
    assert not gradient.any()
    of_none = xcorr.gradient_kernels(np.ones((2, *image)), np.ones(no_kernels), kernels.shape[1:], layout=layout)
    assert of_none.shape == (0, *kernels.shape[1:])


@pytest.mark.parametrize(
    ("operands", "dtype", "expected"),
    [
        (("float16", "float16"), None, "float16"),
        (("float32", "float16"), None, "float32"),
        (("uint8", "int8"), None, "int64"),
        (("bool", "bool"), None, "int64"),
        (("uint8", "int8"), "int32", "int32"),
        (("uint8", "int8"), "float32", "float32"),
        (("uint64", "float32"), None, "float64"),
        (("float32", "float32"), "float64", "float64"),
        (("float32", "float32"), "float16", "float16"),
        (("float32", "float32"), "complex64", "complex64"),
        (("complex64", "float64"), None, "complex128"),
    ],
)
@pytest.mark.parametrize("boundary", ["constant", "reflect"])
def test_dtypes_follow_from_both_operands(operands, dtype, expected, boundary):
    first, second = operands
    words = {"padding": 1, "boundary": boundary, "dtype": dtype}
    for gradient in (
        xcorr.gradient_images(np.ones((5, 5), first), np.ones((3, 3), second), (5, 5), **words),
        xcorr.gradient_kernels(np.ones((5, 5), first), np.ones((5, 5), second), (3, 3), **words),
    ):
        assert gradient.dtype == expected
        assert gradient.flat[0] in (4, 9, 16, 25)


@pytest.mark.parametrize("name", ["3x3", "stride", "edge", "depthwise"])
def test_out_may_overlap_an_operand(name):
    call = layer(name, "float32")
    of_images, of_kernels = call.of_images(), call.of_kernels()
    memory = np.zeros(call.responses.size + call.images.size, np.float32)
    responses = memory[: call.responses.size].reshape(call.responses.shape)
    responses[...] = call.responses
    out = memory[5 : 5 + call.images.size].reshape(call.images.shape)
    assert call._replace(responses=responses).of_images(out=out) is out
    assert_same_bits(out, of_images)
    images = call.images.copy()
    out = images.reshape(-1)[3 : 3 + call.kernels.size].reshape(call.kernels.shape)
    assert call._replace(images=images).of_kernels(out=out) is out
    assert_same_bits(out, of_kernels)


def test_nothing_is_said_of_what_is_not_finite_but_where_it_is():
    call = layer("stride", "float32")
    responses = call.responses.copy()
    responses[0, 3, 4, 5] = np.nan
    finite = call.of_images()
    gradient = call._replace(responses=responses).of_images()
    touched = np.isnan(gradient)
    assert touched[0, 5:8, 7:10].all()
    assert touched.sum() == 9 * call.images.shape[-1]
    assert_same_bits(gradient[~touched], finite[~touched])


def test_a_layout_follows_from_the_axes_only_where_correlate_has_one():
    rng = np.random.default_rng(SEED)
    for images, kernels, word in (
        ((2, 6, 7, 3), (4, 3, 3, 3), "NHWC"),
        ((6, 7, 3), (4, 3, 3, 3), "NHWC"),
        ((2, 6, 7, 3), (3, 3), "NHWC"),
        ((6, 7), (3, 3), "NHW"),
    ):
        x, k = rng.integers(-9, 9, images), rng.integers(-9, 9, kernels)
        g = xcorr.correlate(x, k)
        image, kernel = images[-(len(word) - 1) :], kernels[1:] if len(kernels) == 4 else kernels
        assert_same_bits(xcorr.gradient_images(g, k, image), xcorr.gradient_images(g, k, image, layout=word))
        assert_same_bits(xcorr.gradient_kernels(x, g, kernel), xcorr.gradient_kernels(x, g, kernel, layout=word))
    x, k = rng.integers(-9, 9, (6, 7)), rng.integers(-9, 9, (4, 3, 3))
    g = xcorr.correlate(x, k)
    assert xcorr.gradient_images(g, k, (6, 7)).shape == (6, 7)
    assert xcorr.gradient_kernels(x, g, (3, 3)).shape == (4, 3, 3)
    with pytest.raises(ValueError, match="^layout: responses of shape"):
        xcorr.gradient_images(g, k)
    with pytest.raises(ValueError, match="^layout: images of shape"):
        xcorr.gradient_kernels(np.ones((6, 7, 3)), np.ones((4, 5, 3)), (3, 3))


def test_the_bound_of_many_terms_is_kept_by_pieces(monkeypatch):
    monkeypatch.setattr(_gradient_kernels, "LONG_SUM", 50)
    for name in LAYERS:
        call = layer(name, "float32")
        exact = call._replace(images=call.images.astype(float), responses=call.responses.astype(float)).of_kernels()
        n_terms = len(call.images) * np.prod(call.responses.shape[1:3])
        magnitude = call._replace(images=np.abs(call.images), responses=np.abs(call.responses)).of_kernels()
        assert_near(call.of_kernels(), exact, n_terms, magnitude)
        assert _reference.bound("float32", 1, 1.0) > 0
