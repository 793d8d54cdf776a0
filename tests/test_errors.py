"""Malformed calls are refused, by name, and harm nothing."""

import numpy as np
import pytest
from malformed import ENVIRONMENT, IMAGES, KERNELS, LEVELS, MALFORMED, SIZE, fault_of
from malformed_others import OTHERS
from malformed_scores import SCORES

import xcorr
from xcorr import _dispatch, _workers


def label(malformed):
    return malformed.id


def verify(error, malformed):
    fault = fault_of(error.value, malformed)
    assert not fault, fault


@pytest.mark.parametrize("malformed", MALFORMED, ids=label)
@pytest.mark.parametrize("verb", [xcorr.correlate, xcorr.convolve])
def test_malformed_call_is_refused_by_name(verb, malformed):
    with pytest.raises(malformed.error) as error:
        verb(malformed.images, malformed.kernels, **malformed.keywords)
    verify(error, malformed)


@pytest.mark.parametrize("malformed", MALFORMED, ids=label)
def test_malformed_call_of_a_correlator_is_refused_by_name(malformed):
    at_call = {name: value for name, value in malformed.keywords.items() if name in ("out", "workers")}
    prepared = {name: value for name, value in malformed.keywords.items() if name not in at_call}
    with pytest.raises(malformed.error) as error:
        xcorr.Correlator(malformed.kernels, **prepared)(malformed.images, **at_call)
    verify(error, malformed)


@pytest.mark.parametrize("method", ["direct", "matmul"])
@pytest.mark.parametrize("malformed", [row for row in MALFORMED if row.keywords.get("method") is None][::3], ids=label)
def test_malformed_call_is_refused_on_every_method(method, malformed):
    with pytest.raises(malformed.error) as error:
        xcorr.correlate(malformed.images, malformed.kernels, **{"method": method, **malformed.keywords})
    verify(error, malformed)


@pytest.mark.parametrize("malformed", [*OTHERS, *SCORES], ids=label)
def test_malformed_call_of_another_function_is_refused_by_name(malformed):
    with pytest.raises(malformed.error) as error:
        malformed.function(**malformed.arguments)
    verify(error, malformed)


@pytest.mark.parametrize(("name", "value"), ENVIRONMENT)
def test_a_malformed_variable_of_the_environment_is_refused_by_name(monkeypatch, name, value):
    monkeypatch.setattr(_workers, "_default", None)
    monkeypatch.setenv(name, value)
    with pytest.raises(ValueError, match=f"^{name}: got .*; allowed is -1 .all. or an integer >= 1$") as error:
        xcorr.get_workers()
    assert len(str(error.value)) < 300


@pytest.mark.parametrize("name", LEVELS)
def test_an_unknown_level_is_refused_by_name(name):
    with pytest.raises(ValueError, match="^XCORR_LEVEL: got .*; this machine and build can run base"):
        _dispatch.load(name)


def test_a_refused_call_leaves_out_untouched():
    out = np.full((2, 6, 8, 3), 99, np.float32)
    for keywords in ({"stride": 0}, {"padding": "nonsense"}, {"bias": np.ones(4)}, {"groups": 3}, {"workers": 0}):
        with pytest.raises(ValueError):
            xcorr.correlate(IMAGES, KERNELS, out=out, **keywords)
    assert (out == 99).all()


def test_a_call_after_a_refused_one_is_right():
    for malformed in MALFORMED:
        with pytest.raises(malformed.error):
            xcorr.correlate(malformed.images, malformed.kernels, **malformed.keywords)
    assert (xcorr.correlate(IMAGES, KERNELS) == 24).all()


def test_an_unknown_keyword_is_refused():
    for call in (xcorr.correlate, xcorr.convolve):
        with pytest.raises(TypeError, match="strides"):
            call(IMAGES, KERNELS, strides=2)
    with pytest.raises(TypeError, match="out"):
        xcorr.Correlator(KERNELS, out=None)
    with pytest.raises(TypeError):
        xcorr.correlate(IMAGES, KERNELS, "NHWC")


def test_a_kernel_larger_than_the_image_is_never_swapped_with_it():
    with pytest.raises(ValueError, match=r"^kernels: spatial size \(3, 3\) is larger than the padded image \(2, 5\)"):
        xcorr.correlate(np.ones((2, 5)), np.ones((3, 3)))
    assert xcorr.correlate(np.ones((2, 5)), np.ones((3, 3)), padding="same").shape == (2, 5)


def test_a_huge_stride_is_right_or_refused():
    for stride in (2**31, 2**32 + 1, 2**62, 2**63 - 1, 2**63, 2**64 + 1):
        for keywords in ({}, {"padding": "same"}, {"padding": 2}):
            try:
                response = xcorr.correlate(np.ones((5, 6)), np.ones((2, 3)), stride=stride, **keywords)
            except SIZE as error:
                assert stride > 2**61, error
            else:
                expected = xcorr.correlate(np.ones((5, 6)), np.ones((2, 3)), stride=1000, **keywords)
                if keywords.get("padding") == "same":  # one window, whose padding is that of one output
                    assert response.shape == (1, 1)
                else:
                    np.testing.assert_array_equal(response, expected)


def test_a_response_too_large_for_any_machine_is_refused():
    huge = np.broadcast_to(np.float32(1), (2**20, 2**20, 2**20, 1))
    with pytest.raises((ValueError, OverflowError, MemoryError)):
        xcorr.correlate(huge, np.ones((8, 1, 1, 1), np.float32))


def test_dilation_of_a_single_tap_means_nothing():
    image = np.arange(12.0).reshape(3, 4)
    np.testing.assert_array_equal(xcorr.correlate(image, np.array([[2.0]]), dilation=7), 2 * image)
    np.testing.assert_array_equal(
        xcorr.correlate(image, np.array([[2.0, 1]]), dilation=(99, 1)), 2 * image[:, :-1] + image[:, 1:]
    )


@pytest.mark.parametrize("conjugate", [1, None, "yes"])
def test_conjugate_is_true_or_false(conjugate):
    with pytest.raises(TypeError, match=f"^conjugate: got {conjugate!r}; allowed are True and False$"):
        xcorr.correlate(np.ones((3, 3)), np.ones((2, 2)), conjugate=conjugate)


@pytest.mark.parametrize(
    ("image", "kernel"), [((5, 5), (2, 2, 1)), ((5, 5, 2), (2, 2))], ids=["more-axes", "of-several-channels"]
)
def test_an_index_is_of_shapes_with_as_many_axes(image, kernel):
    with pytest.raises(ValueError, match="^kernel_shape: got .* for an image of shape .*; allowed are as many axes$"):
        xcorr.window_index(image, kernel)


def test_a_level_that_is_none_is_refused():
    with pytest.raises(ValueError, match="^XCORR_LEVEL: got 'v9'; this machine and build can run base"):
        _dispatch.load("v9")
