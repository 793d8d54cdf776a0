"""A word for each axis of the padding."""

import itertools

import numpy as np
import pytest
from checks import BOUNDARIES, assert_same_bits, random_generator, real_numbers, to_layout, whole_numbers
from looping import drawn, for_each

import xcorr
from xcorr import _reference

pytestmark = pytest.mark.usefixtures("level")

FAR = ((9, 2), (7, 11))  # further than the images are large


@pytest.mark.parametrize("method", ["auto", "direct", "matmul", "fft"])
@pytest.mark.parametrize("dtype", ["uint8", "float64"])
def test_rows_and_columns_have_words_of_their_own(dtype, method):
    rng = random_generator(dtype, method)
    images, kernels = whole_numbers(rng, (7, 5, 2), dtype), whole_numbers(rng, (2, 3, 4, 2), dtype)
    for boundary in drawn(2, BOUNDARIES, BOUNDARIES):
        keywords = {"layout": "NHWC", "padding": FAR, "boundary": boundary}
        keywords["fill_value"] = 3 if "constant" in boundary else 0
        response = xcorr.correlate(images, kernels, method=method, **keywords)
        expected = _reference.correlate(images, kernels, **keywords)
        if method == "fft" and dtype == "float64":
            assert np.allclose(response, expected, rtol=0, atol=1e-9)
        else:
            assert np.array_equal(response, expected), boundary


def test_sums_beyond_64_bits_have_the_same_border():
    rng = random_generator()
    images, kernels = rng.integers(-(2**40), 2**40, (7, 5)), rng.integers(-(2**18), 2**18, (2, 3, 4))
    for boundary in itertools.product(BOUNDARIES, BOUNDARIES):
        keywords = {"padding": FAR, "boundary": boundary, "fill_value": -(2**39) if "constant" in boundary else 0}
        expected = _reference.correlate(images, kernels, **keywords)
        assert np.array_equal(xcorr.correlate(images, kernels, **keywords), expected)


def test_a_pair_of_one_word_is_the_word():
    rng = random_generator()
    images, kernel = real_numbers(rng, (12, 15), np.float32), real_numbers(rng, (3, 5), np.float32)
    for word in BOUNDARIES:
        one = xcorr.correlate(images, kernel, padding="same", boundary=word)
        assert_same_bits(xcorr.correlate(images, kernel, padding="same", boundary=(word, word)), one)
        assert_same_bits(xcorr.Correlator(kernel, padding="same", boundary=[word, word])(images), one)


def test_longitudes_go_around_and_latitudes_end():
    globe = np.arange(12.0).reshape(3, 4)
    means = xcorr.correlate(globe, np.full((3, 3), 1.0), padding="same", boundary=("edge", "wrap"))
    around = np.pad(np.pad(globe, ((1, 1), (0, 0)), "edge"), ((0, 0), (1, 1)), "wrap")
    assert np.array_equal(means, xcorr.correlate(around, np.ones((3, 3))))


@pytest.mark.parametrize(
    ("boundary", "error"),
    [(("edge",), ValueError), (("edge", "mirror"), ValueError), (("edge", 3), TypeError), (("wrap",) * 3, ValueError)],
)
def test_what_is_no_pair_of_words_is_refused(boundary, error):
    with pytest.raises(error) as caught:
        xcorr.correlate(np.ones((4, 4)), np.ones((2, 2)), boundary=boundary)
    assert caught.type is error
    assert str(caught.value).startswith(f"boundary: got {boundary!r}; allowed are 'constant', 'edge'")
    assert str(caught.value).endswith("and a pair (rows, columns) of them")


def test_a_fill_value_needs_a_constant_axis():
    images, kernel = np.ones((4, 4)), np.ones((3, 3))
    filled = xcorr.correlate(images, kernel, padding=1, boundary=("constant", "edge"), fill_value=5)
    assert filled[0].tolist() == [21.0] * 4
    assert filled[1].tolist() == [9.0] * 4
    with pytest.raises(
        ValueError, match=r"^fill_value: got 5 with boundary \('wrap', 'edge'\); only 'constant' uses one"
    ):
        xcorr.correlate(images, kernel, padding=1, boundary=("wrap", "edge"), fill_value=5)


@for_each(
    ("layout", "dtype", "method"),
    drawn(
        3,
        ["NHWC", "NCHW"],
        ["bool", "uint8", "int64", "uint64", "float32", "complex64"],
        ["auto", "direct", "matmul", "fft"],
    ),
)
def test_every_channel_has_a_fill_value_of_its_own(layout, dtype, method):
    rng = random_generator(layout, dtype, method)
    images, kernels = whole_numbers(rng, (2, 4, 5, 4), dtype), whole_numbers(rng, (4, 3, 2, 2), dtype)
    fill = [1, 0, 1, 0] if dtype == "bool" else [3, 0, 250, 7]
    if dtype == "complex64":
        fill[0] = 2 - 3j
    for boundary, groups in itertools.product(("constant", ("wrap", "constant")), (1, 2)):
        own = kernels if groups == 2 else np.concatenate([kernels, kernels[::-1]], axis=-1)
        keywords = {"padding": FAR, "boundary": boundary, "groups": groups}
        expected = to_layout(_reference.correlate(images, own, fill_value=fill, **keywords), layout)
        response = xcorr.correlate(
            to_layout(images, layout), to_layout(own, layout), layout=layout, fill_value=fill, method=method, **keywords
        )
        if method == "fft" and dtype in ("float32", "complex64"):
            assert np.allclose(response, expected, rtol=0, atol=1e-2)
        else:
            assert np.array_equal(response, expected)


def test_fill_values_of_channels_are_exact_beyond_53_bits():
    images, kernel = np.zeros((2, 2, 2), np.uint64), np.ones((1, 2, 2), np.uint64)
    fill = np.array([2**63 + 1, 5], np.uint64)
    kernel[0, 1, 0] = 0  # one pixel of the first channel and two of the second
    response = xcorr.correlate(images, kernel, layout="NHWC", padding=((1, 0), (0, 0)), fill_value=fill, dtype="uint64")
    assert response.tolist() == [[2**63 + 1 + 2 * 5], [0], [0]]


def test_a_plane_with_every_channel_has_their_fill_values():
    response = xcorr.correlate(
        np.zeros((2, 2, 3)), np.ones((1, 2)), layout="NHWC", padding=((1, 0), (0, 0)), fill_value=(1, 2, 3)
    )
    assert response.tolist() == [[[2, 4, 6]], [[0, 0, 0]], [[0, 0, 0]]]
    corr = xcorr.Correlator(np.ones((1, 2)), layout="NHWC", padding=((1, 0), (0, 0)), fill_value=np.array([1, 2, 3]))
    for _ in range(3):
        assert np.array_equal(corr(np.zeros((2, 2, 3))), response)


@pytest.mark.parametrize("fill_value", [(1, 2), [1, 2, 3, 4], (), [5]])
def test_fill_values_are_one_or_as_many_as_channels(fill_value):
    images, kernel = np.zeros((4, 4, 3)), np.ones((2, 2, 3))
    message = f"fill_value: got {len(fill_value)} numbers for images with 3 channels; allowed is one number, or one"
    with pytest.raises(ValueError) as caught:
        xcorr.correlate(images, kernel, layout="NHWC", padding=1, fill_value=fill_value)
    assert str(caught.value).startswith(message)


@pytest.mark.parametrize("fill_value", [[[1, 2, 3]], ["a", "b", "c"], [None, 1, 2], {1, 2, 3}])
def test_what_is_no_number_for_a_channel_is_refused(fill_value):
    with pytest.raises(TypeError, match="^fill_value: got "):
        xcorr.correlate(np.zeros((4, 4, 3)), np.ones((2, 2, 3)), layout="NHWC", padding=1, fill_value=fill_value)
