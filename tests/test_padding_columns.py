"""Kernel columns in padding of zeros are left out of widely dilated kernels, and change no bit by that."""

import numpy as np
import pytest
from checks import assert_same_bits, random_generator, real_numbers
from looping import for_each

import xcorr

pytestmark = pytest.mark.usefixtures("level")

CASES = {  # images, kernels, keywords
    "as wide as a map": ((2, 33, 33, 40), (64, 3, 3, 40), {"padding": 12, "dilation": 12}),
    "windows in padding alone": ((1, 5, 9, 40), (32, 3, 4, 40), {"padding": ((30, 3), (27, 40)), "dilation": (9, 8)}),
    "one row": ((3, 1, 40, 24), (32, 1, 3, 24), {"padding": ((0, 0), (11, 3)), "dilation": (1, 7)}),
    "few channels": ((2, 20, 21, 1), (64, 3, 3, 1), {"padding": 8, "dilation": 8}),
    "blocks across columns": ((1, 20, 21, 65), (32, 2, 3, 65), {"padding": 10, "dilation": 10}),
    "stride down": ((1, 30, 21, 40), (32, 3, 3, 40), {"padding": 10, "dilation": 10, "stride": (2, 1)}),
    "kernels that fill no panel": ((1, 20, 21, 40), (33, 3, 3, 40), {"padding": 10, "dilation": 10}),
    "same size": ((5, 7, 9, 40), (32, 3, 3, 40), {"padding": 7, "dilation": 7}),
}
cases = pytest.mark.parametrize(("images", "kernels", "keywords"), CASES.values(), ids=CASES)


def padded(images, padding):
    down, across = (padding, padding) if isinstance(padding, int) else padding
    return np.pad(
        images, ((0, 0), *((sides, sides) if isinstance(sides, int) else sides for sides in (down, across)), (0, 0))
    )


@cases
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_bits_are_those_of_padded_images(images, kernels, keywords, dtype, monkeypatch):
    monkeypatch.setattr("xcorr._job.MULTIPLY_ADDS_PER_WORKER", 1)  # that more than one worker is asked for
    rng = random_generator(images, kernels, dtype)
    images, kernels = real_numbers(rng, images, dtype), real_numbers(rng, kernels, dtype)
    keywords = {**keywords, "method": "direct", "bias": real_numbers(rng, kernels.shape[:1], dtype)}
    expected = xcorr.correlate(padded(images, keywords["padding"]), kernels, **{**keywords, "padding": "valid"})
    first = {"layout": "NCHW"}
    for workers in (2, 3):
        assert_same_bits(xcorr.correlate(images, kernels, workers=workers, **keywords), expected)
        planes = xcorr.correlate(
            *(np.ascontiguousarray(array.transpose(0, 3, 1, 2)) for array in (images, kernels)),
            workers=workers,
            **keywords,
            **first,
        )
        assert_same_bits(np.ascontiguousarray(planes.transpose(0, 2, 3, 1)), expected)
    assert_same_bits(xcorr.Correlator(kernels, **keywords)(images[:, :, ::-1][:, :, ::-1], workers=2), expected)


@for_each("value", [np.nan, np.inf])
def test_what_is_not_finite_reaches_its_windows_alone(value, monkeypatch):
    monkeypatch.setattr("xcorr._job.MULTIPLY_ADDS_PER_WORKER", 1)
    rng = random_generator("padding")
    images, kernels = real_numbers(rng, (1, 20, 21, 40), "f4"), real_numbers(rng, (32, 3, 3, 40), "f4")
    keywords = {"padding": 10, "dilation": 10, "method": "direct", "workers": 2}
    images[0, 3, 4, 5] = value
    expected = xcorr.correlate(padded(images, 10), kernels, **{**keywords, "padding": "valid"})
    assert_same_bits(xcorr.correlate(images, kernels, **keywords), expected)
    kernels[7, 0, 2, 3] = value  # in padding it makes no number of a zero
    expected = xcorr.correlate(padded(images, 10), kernels, **{**keywords, "padding": "valid"})
    assert np.array_equal(xcorr.correlate(images, kernels, **keywords), expected, equal_nan=True)


def test_a_wide_dilation_in_padding_is_done_directly():
    layer = (1, 33, 33, 256), (256, 3, 3, 256)
    assert xcorr.choose_method(*layer, padding=12, dilation=12) == "direct"
    assert xcorr.choose_method(*layer, padding=2, dilation=2) == "winograd"
    assert xcorr.choose_method((1, 80, 80, 256), layer[1], padding=12, dilation=12) == "winograd"
