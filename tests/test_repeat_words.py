"""Keywords of a small call that is done again: plain ones are compared, others are read anew."""

import numpy as np
import pytest
from checks import assert_same_bits
from repeats import afresh, n_repeated, operands

import xcorr

pytestmark = pytest.mark.usefixtures("level")


WORDS = {
    "tuples": {"stride": (2, 2), "padding": ((1, 2), (0, 1)), "dilation": (1, 2)},
    "tuple-of-words": {"padding": 2, "boundary": ("edge", "wrap")},
    "dtype": {"dtype": np.dtype("f8")},
    "dtype-class": {"dtype": np.float64},
    "dtype-name": {"dtype": "f8"},
    "workers": {"workers": 1},
    "all-workers": {"workers": -1},
    "bias": {"bias": 1.5},
    "bias-array": {"bias": np.array([-2.5], "f4")},
    "bias-scalar": {"bias": np.float32(0.5)},
    "numbers": {"stride": np.int64(2), "padding": np.uint8(1), "fill_value": np.float32(-3)},
    "complex": {"dtype": "c8", "fill_value": 2.0, "padding": 1},
    "flags": {"conjugate": np.True_, "groups": 1},
    "none": {"layout": None, "bias": None, "out": None, "workers": None, "dtype": None},
}


@pytest.mark.parametrize("words", WORDS)
def test_plain_words_of_every_kind_are_repeated(words):
    images, kernels, _ = operands("plain")
    keywords = WORDS[words]
    responses, n_remembered = n_repeated(lambda: xcorr.correlate(images, kernels, **keywords))
    assert n_remembered == (words != "complex")  # a real response with an imaginary part of zeros is not
    for response in responses:
        assert_same_bits(response, afresh(images, kernels, **keywords))


def test_keywords_are_not_taken_for_others_that_are_equal():
    images, kernels, _ = operands("plain")
    for _ in range(3):
        for _ in range(3):
            assert xcorr.correlate(images, kernels, stride=1).shape == (26, 26)
        with pytest.raises(TypeError, match="stride"):
            xcorr.correlate(images, kernels, stride=True)
        with pytest.raises(TypeError, match="groups"):
            xcorr.correlate(images, kernels, groups=1.0)
        for fill_value in (0, 1, -3.5, float("nan")):
            keywords = {"padding": 1, "fill_value": fill_value}
            for _ in range(3):
                assert_same_bits(xcorr.correlate(images, kernels, **keywords), afresh(images, kernels, **keywords))
        with pytest.raises(ValueError, match="workers"):
            xcorr.correlate(images, kernels, workers=0)
        assert_same_bits(xcorr.convolve(images, kernels), afresh(images, kernels[::-1, ::-1]))


def test_a_list_of_strides_that_changes_is_read_anew():
    images, kernels, _ = operands("plain")
    stride = [1, 1]
    for step in (1, 1, 1, 2, 2, 2, 3):
        stride[:] = step, step
        assert xcorr.correlate(images, kernels, stride=stride).shape == (-(-26 // step),) * 2


def test_a_bias_that_changes_is_read_anew():
    images, kernels, keywords = operands("two-kernels")
    bias = np.array([1, 2], "f4")
    for turn in range(6):
        bias[turn % 2] += turn
        for _ in range(3):
            response = xcorr.correlate(images, kernels, bias=bias, **keywords)
            assert_same_bits(response, afresh(images, kernels, bias=bias.copy(), **keywords))
    for other in (bias.astype("f8"), bias.tolist(), bias[::-1], (1, 2)):
        assert_same_bits(
            xcorr.correlate(images, kernels, bias=other, **keywords),
            afresh(images, kernels, bias=np.array(other), **keywords),
        )


def test_zeros_of_both_signs_are_not_taken_for_each_other():
    images, kernels = -np.ones((5, 6), "f4"), np.zeros((3, 3), "f4")
    kernels[1, 1] = 1
    for kind in (float, np.float32, np.float64):
        for _ in range(3):
            for fill_value in (kind(-0.0), kind(0.0)):
                for _ in range(3):
                    response = xcorr.correlate(images * 0, kernels, padding=1, fill_value=fill_value)
                    assert_same_bits(response, afresh(images * 0, kernels, padding=1, fill_value=fill_value))


def test_a_keyword_that_there_is_not_is_refused():
    images, kernels, _ = operands("plain")
    for verb in (xcorr.correlate, xcorr.convolve):
        for _ in range(3):
            verb(images, kernels)
            with pytest.raises(
                TypeError, match=rf"{verb.__name__}\(\) got an unexpected keyword argument 'strides'; allowed"
            ):
                verb(images, kernels, strides=2)
            with pytest.raises(TypeError, match="'flip'"):
                verb(images, kernels, flip=True)
    with pytest.raises(TypeError, match=r"Correlator\(\) got an unexpected keyword argument 'out'"):
        xcorr.Correlator(kernels, out=None)
    with pytest.raises(TypeError, match=r"choose_method\(\) got an unexpected keyword argument 'bias'"):
        xcorr.choose_method((9, 9), (3, 3), bias=None)


def test_a_number_of_workers_is_refused_by_repeated_calls_too():
    images, kernels, _ = operands("plain")
    correlator = xcorr.Correlator(kernels)
    for _ in range(4):
        xcorr.correlate(images, kernels)
        correlator(images)
        for workers, kind in (
            (0, ValueError),
            (-2, ValueError),
            (2**70, ValueError),
            (True, TypeError),
            (1.0, TypeError),
        ):
            for call in (xcorr.correlate, lambda images, _, workers: correlator(images, workers=workers)):
                with pytest.raises(kind, match="^workers: "):
                    call(images, kernels, workers=workers)
