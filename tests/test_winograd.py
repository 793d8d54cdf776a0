"""winograd F(2x2, 3x3): its bound, its bits, and the same meaning as direct where numbers are not finite."""

import numpy as np
import pytest
from cases import Case
from checks import assert_equal, assert_same_bits, fast_correlate, random_generator, real_numbers, whole_numbers
from looping import for_each
from quads import allowed_error, check_bits, operands, problem

import xcorr
from xcorr._axes import make_geometry
from xcorr._methods import winograd

pytestmark = pytest.mark.usefixtures("level")

GEOMETRIES = [
    Case("one-window", (2, 3, 3, 1), (1, 3, 3, 1)),
    Case("odd", (3, 9, 11, 5), (3, 3, 3, 5), bias=True),
    Case("even", (3, 8, 10, 16), (16, 3, 3, 16), padding="same"),
    Case("row", (3, 3, 40, 17), (33, 3, 3, 17)),
    Case("column", (3, 40, 3, 15), (31, 3, 3, 15), bias=True),
    Case("tails", (3, 12, 13, 37), (50, 3, 3, 37), padding="full"),
    Case("reflected", (3, 7, 6, 70), (34, 3, 3, 70), padding=((2, 5), (0, 3)), boundary="reflect"),
    Case("wrapped", (2, 5, 4, 8), (7, 3, 3, 8), padding=4, boundary="wrap"),
    Case("grouped", (3, 9, 7, 36), (15, 3, 3, 12), groups=3, padding="same", bias=True),
    Case("depthwise", (2, 6, 9, 7), (7, 3, 3, 1), groups=7),
    Case("many-tiles", (1, 45, 70, 6), (4, 3, 3, 6)),
    Case("many-channels", (1, 6, 7, 600), (20, 3, 3, 600)),
    Case("dilated", (2, 17, 19, 20), (17, 3, 3, 20), dilation=2, bias=True),
    Case("dilated-rows", (2, 23, 9, 6), (5, 3, 3, 6), dilation=(3, 1), padding="same"),
    Case("dilated-columns", (2, 7, 40, 9), (18, 3, 3, 9), dilation=(1, 5), padding="full", boundary="reflect"),
    Case("dilated-far", (1, 12, 13, 4), (4, 3, 3, 4), dilation=7, padding=5, boundary="wrap"),
    Case("dilated-strips", (1, 90, 130, 16), (24, 3, 3, 16), dilation=(4, 2)),  # work enough for four workers
]
DTYPES = ("float32", "float64", "complex64", "complex128")
over_geometries = pytest.mark.parametrize("case", GEOMETRIES, ids=lambda case: case.id)
over_dtypes = for_each("dtype", DTYPES)


def by_winograd(images, kernels, **keywords):
    return xcorr.correlate(images, kernels, method="winograd", **keywords)


@for_each("dtype", ["float32", "complex64"])
@over_geometries
def test_error_is_within_its_bound(case, dtype):
    images, kernels, keywords = problem(case, dtype)
    expected = fast_correlate(images, kernels, **keywords)
    response = by_winograd(images, kernels, **keywords)
    assert response.shape == expected.shape
    assert np.all(np.abs(response - expected) <= allowed_error(images, kernels, keywords))


@pytest.mark.parametrize("depth", [32, 512, 2048])
def test_error_is_within_its_bound_for_equal_numbers(depth):
    """Every rounding of such a sum goes the same way."""
    images, kernels = np.full((1, 6, 6, depth), 0.1, np.float32), np.full((2, 3, 3, depth), 0.1, np.float32)
    expected = fast_correlate(images, kernels)
    assert np.all(np.abs(by_winograd(images, kernels) - expected) <= allowed_error(images, kernels, {}))


@over_geometries
@over_dtypes
def test_whole_numbers_are_exact(case, dtype):
    images, kernels, keywords = problem(case, dtype, whole_numbers)
    expected = fast_correlate(images, kernels, **keywords)
    assert_equal(by_winograd(images, kernels, **keywords), expected, dtype)


@pytest.mark.parametrize("layout", ["NHWC", "NCHW"])
def test_layouts_views_and_out_do_not_change_bits(layout):
    case = GEOMETRIES[5]
    images, kernels, keywords = problem(case, "float32")
    expected = by_winograd(images, kernels, **keywords)
    if layout == "NCHW":
        images, kernels = np.moveaxis(images, 3, 1), np.moveaxis(kernels, 3, 1)
        expected = np.moveaxis(expected, 3, 1)
    for given in (images, np.ascontiguousarray(images), np.asfortranarray(images), images.astype(">f4")):
        for target in (None, np.zeros(expected.shape, "f4"), np.zeros(expected.shape, "f4", order="F")):
            response = by_winograd(given, kernels, layout=layout, out=target, **keywords)
            assert_same_bits(response, expected)
            assert target is None or response is target


@for_each("dtype", ["float32", "complex128"])
@over_geometries
def test_bits_do_not_depend_on_workers_batch_or_bank(case, dtype):
    check_bits(by_winograd, case, dtype)


@pytest.mark.parametrize("n_images", [1, 40])
@pytest.mark.parametrize("depth", [24, 130])  # by quads of 4x4 and of 6x6 pixels
def test_bits_do_not_depend_on_strips(n_images, depth):
    """More images give a worker larger strips; those of one image are cut for the workers."""
    images, kernels = operands((1, 61, 33, depth), (33, 3, 3, depth))
    assert winograd.quad_side(make_geometry(images.shape[1:], kernels.shape)) == (2 if depth == 24 else 4)
    expected = by_winograd(images, kernels, workers=1)
    batch = np.broadcast_to(images, (n_images, *images.shape[1:]))
    for workers in (1, 2, 5, 16):
        response = by_winograd(batch, kernels, workers=workers)
        assert_same_bits(response, np.broadcast_to(expected, response.shape))


# --- the same meaning ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("layout", ["NHWC", "NCHW"])
@over_dtypes
def test_what_is_not_finite_reaches_its_windows_only(value, layout, dtype):
    rng = random_generator("infinite", dtype)
    images, kernels = real_numbers(rng, (3, 11, 12, 18), dtype), real_numbers(rng, (20, 3, 3, 18), dtype)
    clean = by_winograd(images, kernels, padding=1)
    for row, column in ((0, 0), (4, 5), (5, 4), (10, 11)):
        dirty = images.copy()
        dirty[1, row, column, 7] = value
        direct = xcorr.correlate(dirty, kernels, padding=1, method="direct")
        if layout == "NCHW":
            response = by_winograd(np.moveaxis(dirty, 3, 1), np.moveaxis(kernels, 3, 1), layout=layout, padding=1)
            response = np.moveaxis(response, 1, 3)
        else:
            response = by_winograd(dirty, kernels, padding=1)
        reached = np.zeros((11, 12), bool)
        reached[max(row - 1, 0) : row + 2, max(column - 1, 0) : column + 2] = True
        assert_same_bits(response[1][reached], direct[1][reached])
        assert_same_bits(response[1][~reached], clean[1][~reached])
        assert_same_bits(response[[0, 2]], clean[[0, 2]])


def test_kernel_that_is_not_finite_concerns_its_own_responses():
    rng = random_generator("kernel")
    images, kernels = real_numbers(rng, (2, 8, 8, 16), "float32"), real_numbers(rng, (5, 3, 3, 16), "float32")
    clean = by_winograd(images, kernels)
    kernels[2, 1, 1, 3] = np.inf
    response = by_winograd(images, kernels)
    assert_same_bits(response[..., [0, 1, 3, 4]], clean[..., [0, 1, 3, 4]])
    assert_same_bits(response[..., 2], xcorr.correlate(images, kernels, method="direct")[..., 2])


@over_dtypes
@pytest.mark.parametrize("power", [0, 1, 2, 3, 20])
def test_taps_that_are_subnormal_or_nearly_so_keep_their_value(dtype, power):
    """Bright pixels make them count; whole numbers of the least magnitudes there are, and of the least normal ones."""
    limits, rng = np.finfo(dtype), random_generator("subnormal", dtype, power)
    bright = 2.0 ** (limits.maxexp - 12)
    images, kernels = whole_numbers(rng, (1, 7, 6, 33), dtype), whole_numbers(rng, (20, 3, 3, 33), dtype)
    expected = fast_correlate(images, kernels)
    for unit in (float(limits.smallest_subnormal) * 2.0**power, float(limits.smallest_normal) * 2.0**power):
        response = by_winograd(images * bright, (kernels * unit).astype(dtype))
        assert_equal(response, expected * (bright * unit), dtype)


def test_bits_do_not_depend_on_a_subnormal_kernel_in_the_bank():
    rng = random_generator("beside subnormal")
    images, kernels = real_numbers(rng, (2, 8, 8, 40), "float32"), real_numbers(rng, (21, 3, 3, 40), "float32")
    clean = by_winograd(images, kernels)
    kernels[4] *= np.float32(1e-42)
    others = np.arange(21) != 4
    assert_same_bits(by_winograd(images, kernels)[..., others], clean[..., others])


def test_taps_so_large_that_their_transforms_overflow_are_done_directly():
    images, kernels = np.full((1, 6, 6, 16), 1e-3, np.float32), np.full((2, 3, 3, 16), 1e38, np.float32)
    kernels[0] = 1
    response = by_winograd(images, kernels)
    assert np.isfinite(response).all()
    assert_same_bits(response[..., 1], xcorr.correlate(images, kernels, method="direct")[..., 1])


def test_sums_of_pixels_that_overflow_are_done_directly():
    images = np.full((1, 6, 6, 16), 3e38, np.float32)
    kernels = np.full((2, 3, 3, 16), 1e-3, np.float32)
    assert_same_bits(by_winograd(images, kernels), xcorr.correlate(images, kernels, method="direct"))


@over_dtypes
def test_windows_of_zeros_give_exactly_zero(dtype):
    rng = random_generator("zeros", dtype)
    kernels = real_numbers(rng, (20, 3, 3, 18), dtype)
    for row, column in np.ndindex(5, 5):
        images = np.zeros((1, 9, 9, 18), dtype)
        images[0, 2 + row, 2 + column] = 1e6
        response = by_winograd(images, kernels)[0]
        reached = np.zeros((7, 7), bool)
        reached[max(row, 0) : row + 3, max(column, 0) : column + 3] = True
        assert not response[~reached].any()


# --- when it is taken ---------------------------------------------------------------------------------------------

LAYER = ((1, 28, 28, 64), (64, 3, 3, 64))


def test_auto_takes_it_for_layers_of_many_channels_only():
    assert xcorr.choose_method(*LAYER) == "winograd"
    assert xcorr.choose_method(*LAYER, padding="same", dtype=np.float64) == "winograd"
    assert xcorr.choose_method(*LAYER, dilation=2) == "winograd"
    for keywords in (
        {"precision": "strict"},
        {"stride": 2},
        {"dilation": 8},  # 12x12 responses, in tiles for 16x16
        {"dtype": np.int32},
        {"method": "direct"},
    ):
        assert xcorr.choose_method(*LAYER, **keywords) == "direct"
    assert xcorr.choose_method((1, 28, 28, 64), (64, 5, 5, 64)) == "winograd"
    assert xcorr.choose_method((1, 28, 28, 64), (64, 4, 4, 64)) == "direct"
    assert xcorr.choose_method((1, 28, 28, 1), (64, 3, 3, 1)) == "direct"
    assert xcorr.choose_method((1, 28, 28, 32), (64, 3, 3, 32)) == "winograd"
    assert xcorr.choose_method((1, 11, 11, 32), (64, 3, 3, 32)) == "direct"  # 9x9 in tiles for 10x10
    assert xcorr.choose_method((1, 11, 11, 64), (64, 3, 3, 64)) == "winograd"
    assert xcorr.choose_method((1, 6, 70000, 64), (64, 3, 3, 64), padding=1) == "direct"  # strips too large
    assert xcorr.choose_method((1, 28, 28, 64), (1, 3, 3, 64)) == "direct"
    assert xcorr.choose_method((28, 28), (3, 3)) == "direct"
    assert xcorr.choose_method((1, 8, 8, 512), (512, 3, 3, 512)) == "direct"  # few tiles for so large a bank
    assert xcorr.choose_method((1, 14, 14, 512), (512, 3, 3, 512)) == "winograd"


def test_auto_and_strict_have_the_bits_of_the_methods_they_take():
    rng = random_generator("auto")
    images, kernels = (real_numbers(rng, shape, "float32") for shape in LAYER)
    assert_same_bits(xcorr.correlate(images, kernels), by_winograd(images, kernels))
    assert_same_bits(
        xcorr.correlate(images, kernels, precision="strict"), xcorr.correlate(images, kernels, method="direct")
    )


@pytest.mark.parametrize(
    ("keywords", "named"),
    [
        ({"kernels": np.ones((2, 3, 4, 4), "f4")}, "3x4"),
        ({"stride": (1, 2)}, "stride"),
        ({"images": np.ones((1, 9, 9, 4), "i4"), "kernels": np.ones((2, 3, 3, 4), "i4")}, "int64"),
        ({"images": np.ones((1, 9, 9, 4), "f2"), "kernels": np.ones((2, 3, 3, 4), "f2")}, "float16"),
        ({"images": np.ones((1, 9, 9, 4), "f8"), "dtype": "f4"}, "float32"),
        ({"precision": "strict"}, "strict"),
    ],
)
def test_refusals_say_why(keywords, named):
    keywords = {"images": np.ones((1, 9, 9, 4), "f4"), "kernels": np.ones((2, 3, 3, 4), "f4"), **keywords}
    with pytest.raises(ValueError, match=rf"^method: 'winograd' cannot.*{named}"):
        by_winograd(**keywords)


def test_correlator_says_that_it_takes_it():
    correlator = xcorr.Correlator(np.ones((64, 3, 3, 64), np.float32))
    assert "method winograd" in correlator.explain((1, 28, 28, 64))
    np.testing.assert_array_equal(correlator(np.ones((1, 5, 6, 64), np.float32), workers=2), 576)
