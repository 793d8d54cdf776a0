"""Gaussians, their Laplacians and boxes: their formulas, one tap at a time, and the same of other libraries."""

import math
from fractions import Fraction

import numpy as np
import pytest
from looping import for_each
from taps import UNIT, assert_rounded, gaussian, offsets, plane, unit

import xcorr
from xcorr import banks

SIGMAS = [0.3, 0.5, 1, 1.7, 2.0, 5]


def bell(sigma, size):
    return unit(plane(lambda x, y: gaussian(x, y, 0, sigma, sigma), size))


def laplacian_plane(sigma, size, level):
    """The Gaussian's taps, each times its own second derivative's polynomial with `level` for 2."""
    heights = bell(sigma, size)
    places = offsets(size)
    return [
        [height * ((x * x + y * y) / sigma**2 - level) / sigma**2 for x, height in zip(places, row)]
        for y, row in zip(places, heights)
    ]


def mean_square(sigma, size):
    """The mean of the squared distance under the Gaussian, in units of sigma: 2 without the tails that are cut off."""
    places = offsets(size)
    heights = bell(sigma, size)
    return math.fsum(
        height * (x * x + y * y) / sigma**2 for y, row in zip(places, heights) for x, height in zip(places, row)
    )


# --- Gaussian ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("sigma", SIGMAS)
@pytest.mark.parametrize("size", [3, 9, 31])
def test_gaussian_is_the_formula(sigma, size):
    (kernel,) = banks.gaussian(sigma, size)
    assert_rounded(kernel, bell(sigma, size))


@pytest.mark.parametrize("function", [banks.gaussian, banks.laplacian_of_gaussian])
def test_several_sigmas_are_several_kernels_of_one_size(function):
    sigmas = [2.0, 0.7, 5.0]
    bank = function(sigmas)
    assert bank.shape == (3, 41, 41)
    assert bank.tobytes() == b"".join(function(sigma, 41).tobytes() for sigma in sigmas)
    assert function(np.array(sigmas, np.float32), np.int8(41)).shape == bank.shape
    assert function(Fraction(1, 2)).tobytes() == function((0.5,)).tobytes()


@pytest.mark.parametrize("function", [banks.gaussian, banks.laplacian_of_gaussian])
@pytest.mark.parametrize(("sigma", "size"), [(0.2, 3), (0.374, 3), (0.375, 5), (1, 9), (2, 17), (2.6, 21), (5, 41)])
def test_default_size_is_four_sigma_to_each_side(function, sigma, size):
    assert function(sigma).shape == (1, size, size)


@pytest.mark.parametrize("sigma", SIGMAS)
@pytest.mark.parametrize("size", [3, 9, 31])
def test_gaussian_is_opencvs(sigma, size):
    cv2 = pytest.importorskip("cv2", reason="OpenCV is not installed")
    line = cv2.getGaussianKernel(size, sigma, cv2.CV_64F)
    np.testing.assert_allclose(banks.gaussian(sigma, size)[0], line @ line.T, rtol=2 * UNIT, atol=1e-13)


@pytest.mark.parametrize("sigma", [0.5, 1, 2, 3.3])
def test_gaussian_is_scipys(level, sigma):
    ndimage = pytest.importorskip("scipy.ndimage")
    image = np.random.default_rng(8).normal(size=(40, 50))
    expected = ndimage.gaussian_filter(image, sigma)
    found = xcorr.correlate(image, banks.gaussian(sigma)[0], padding="same", boundary="symmetric")
    largest = float(np.abs(image).max())
    np.testing.assert_allclose(found, expected, rtol=0, atol=2 * UNIT * largest)


# --- Laplacian of the Gaussian ----------------------------------------------------------------------------------------


@for_each("size", [3, 9, 31])
@pytest.mark.parametrize("sigma", SIGMAS)
@pytest.mark.parametrize("normalized", [False, True])
@pytest.mark.parametrize("zero_mean", [False, True])
def test_laplacian_of_gaussian_is_the_formula(sigma, size, normalized, zero_mean):
    (kernel,) = banks.laplacian_of_gaussian(sigma, size, zero_mean=zero_mean, normalized=normalized)
    expected = np.array(laplacian_plane(sigma, size, mean_square(sigma, size) if zero_mean else 2))
    assert_rounded(kernel, expected * (sigma**2 if normalized else 1))
    assert kernel[size // 2, size // 2] == kernel.min() < 0


@pytest.mark.parametrize("sigma", [1, 2, 3.3])
def test_laplacian_of_gaussian_is_scipys(level, sigma):
    ndimage = pytest.importorskip("scipy.ndimage")
    image = np.random.default_rng(9).normal(size=(40, 50))
    expected = ndimage.gaussian_laplace(image, sigma)
    kernel = banks.laplacian_of_gaussian(sigma, zero_mean=False)[0]
    found = xcorr.correlate(image, kernel, padding="same", boundary="symmetric")
    magnitudes = float(np.abs(kernel).sum() * np.abs(image).max())
    np.testing.assert_allclose(found, expected, rtol=0, atol=UNIT * magnitudes)


@pytest.mark.parametrize("sigma", [1.5, 3])
def test_laplacian_of_gaussian_of_a_paraboloid_is_its_laplacian(level, sigma):
    """Of 3 x^2 - x y + y^2 it is 8, everywhere: the kernel's own scale is right."""
    image = np.array(plane(lambda x, y: 3 * x * x - x * y + y * y, 61))
    response = xcorr.correlate(image, banks.laplacian_of_gaussian(sigma, 31)[0])
    np.testing.assert_allclose(response, 8, rtol=1e-3)


@pytest.mark.parametrize("index", range(4))
def test_normalized_laplacian_of_gaussian_finds_the_scale_of_a_spot(level, index):
    scales = [1.5, 2, 3, 4.5]
    spot = np.array(plane(lambda x, y: gaussian(x, y, 0, scales[index], scales[index]), 61), np.float32)
    responses = xcorr.correlate(spot, banks.laplacian_of_gaussian(scales, 61, normalized=True), layout="NHW").ravel()
    assert responses.max() < 0
    assert np.argmin(responses) == index


# --- box --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("size", "shape"), [(1, (1, 1)), (3, (3, 3)), ((1, 9), (1, 9)), (np.array([7, 3]), (7, 3))])
def test_box_is_one_number_everywhere(size, shape):
    kernel = banks.box(size)
    assert kernel.shape == (1, *shape)
    assert set(kernel.ravel().tolist()) == {float(np.float32(1 / math.prod(shape)))}
    assert set(banks.box(size, normalized=False).ravel().tolist()) == {1.0}


def test_box_is_opencvs_and_scipys(level):
    image = np.random.default_rng(10).integers(0, 256, (30, 40)).astype(np.float64)
    found = xcorr.correlate(image, banks.box((3, 5))[0], padding="same", boundary="symmetric")
    ndimage = pytest.importorskip("scipy.ndimage")
    np.testing.assert_allclose(found, ndimage.uniform_filter(image, (3, 5)), rtol=2 * UNIT)
    cv2 = pytest.importorskip("cv2", reason="OpenCV is not installed")
    np.testing.assert_allclose(found, cv2.blur(image, (5, 3), borderType=cv2.BORDER_REFLECT), rtol=2 * UNIT)


# --- names and what is refused ----------------------------------------------------------------------------------------


def test_names_say_sigma_or_size():
    assert banks.names("gaussian") == ["gaussian sigma 1", "gaussian sigma 2", "gaussian sigma 4"]
    assert banks.names("gaussian", sigma=2.5, size=9) == ["gaussian sigma 2.5"]
    assert banks.names("laplacian-of-gaussian", sigma=[3, 1]) == [
        "laplacian of gaussian sigma 3",
        "laplacian of gaussian sigma 1",
    ]
    assert banks.names("box") == ["box 3x3"]
    assert banks.names("box", size=(1, 9)) == ["box 1x9"]


SIGMA = "a finite number > 0, in pixels, or a sequence of 1 to 1024 of them"
SIDES = "an odd integer from 1 to 4095, in pixels, or a pair (rows, columns) of them"
SIZE = "an odd integer from 3 to 4095"
REFUSED = [
    *((0, ValueError), (-1.0, ValueError), (math.nan, ValueError), (math.inf, ValueError), (10**400, ValueError)),
    *(([], ValueError), ([1, 0], ValueError), ([1, math.nan], ValueError), ([1.0] * 1025, ValueError)),
    *((None, TypeError), ("2", TypeError), (2j, TypeError), (True, TypeError), ([None], TypeError), ([[1]], TypeError)),
    *((np.ones((1, 1)), TypeError), ({1.0}, TypeError), (iter([1.0]), TypeError)),
]


@pytest.mark.parametrize("function", [banks.gaussian, banks.laplacian_of_gaussian])
@pytest.mark.parametrize(("sigma", "error"), REFUSED)
def test_bad_sigma_is_refused_by_name(function, sigma, error):
    with pytest.raises(error) as caught:
        function(sigma)
    assert type(caught.value) is error
    assert str(caught.value).startswith("sigma: got ")
    assert SIGMA in str(caught.value)


@pytest.mark.parametrize("function", [banks.gaussian, banks.laplacian_of_gaussian])
@pytest.mark.parametrize("size", [0, 1, 2, 48, 4097, 3.0, "3", (3, 3), True])
def test_bad_size_is_refused_by_name(function, size):
    with pytest.raises((TypeError, ValueError)) as caught:
        function(1.0, size)
    assert str(caught.value).startswith("size: got ")
    assert SIZE in str(caught.value)


@pytest.mark.parametrize("function", [banks.gaussian, banks.laplacian_of_gaussian])
@pytest.mark.parametrize("sigma", [511.875, 1e300, 1.7e308, [1, 2, 600]])
def test_sigma_too_wide_for_any_size_is_refused(function, sigma):
    with pytest.raises(
        ValueError, match=r"^size: got None, which for sigma .* is more than 4095 pixels; allowed is an"
    ):
        function(sigma)


def test_a_given_size_cuts_off_what_reaches_beyond():
    np.testing.assert_array_equal(banks.gaussian(1e300, 3), banks.box(3))


@pytest.mark.parametrize("size", [0, 2, (3, 4), (3,), (3, 3, 3), (), 3.0, "3", None, (3, "3"), 4097, -1])
def test_bad_box_is_refused_by_name(size):
    with pytest.raises((TypeError, ValueError)) as caught:
        banks.box(size)
    assert str(caught.value).startswith("size: got ")
    assert SIDES in str(caught.value)


@pytest.mark.parametrize("keyword", ["zero_mean", "normalized"])
def test_flags_are_true_or_false(keyword):
    with pytest.raises(TypeError, match=f"^{keyword}: got 1; allowed is True or False"):
        banks.laplacian_of_gaussian(1.0, **{keyword: 1})
    with pytest.raises(TypeError, match="^normalized: got 1; allowed is True or False"):
        banks.box(3, normalized=1)


@pytest.mark.parametrize("sigma", [5e-324, 1e-300, 1e-30, 1e200])
def test_narrow_and_wide_gaussians_are_what_is_left_of_them(sigma):
    """A Gaussian that reaches no other pixel is one tap, one that falls nowhere is a box; their Laplacians are none."""
    (kernel,) = banks.gaussian(sigma, 5)
    spot = np.zeros((5, 5), np.float32)
    spot[2, 2] = 1
    np.testing.assert_array_equal(kernel, spot if sigma < 1 else np.full((5, 5), np.float32(1 / 25)))
    with np.errstate(all="raise"), pytest.raises(ValueError, match=r"^sigma: got .* allowed is what float32 can hold"):
        banks.laplacian_of_gaussian(sigma, 5)
    if sigma < 1:
        with pytest.raises(ValueError, match=r"^sigma: got .* allowed is what float32 can hold"):
            banks.laplacian_of_gaussian(sigma, 5, zero_mean=False)
