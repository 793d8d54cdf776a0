"""winograd by quads of 6x6 pixels, F(4x4, 3x3) and F(2x2, 5x5): bounds, bits, what a quad's rest does to a window."""

import numpy as np
import pytest
import quads
from cases import Case
from checks import assert_same_bits, fast_correlate, random_generator, real_numbers
from looping import drawn, for_each
from quads import check_bits, problem

import xcorr
from xcorr._axes import make_geometry
from xcorr._methods import winograd

pytestmark = pytest.mark.usefixtures("level")

GEOMETRIES = [
    Case("whole-quads", (2, 26, 26, 32), (16, 3, 3, 32)),
    Case("odd", (3, 23, 24, 47), (33, 3, 3, 47), bias=True),
    Case("one-row-more", (2, 21, 31, 33), (5, 3, 3, 33), padding="same"),
    Case("low", (2, 7, 90, 50), (31, 3, 3, 50), bias=True),
    Case("narrow", (2, 90, 8, 34), (20, 3, 3, 34), padding="full", boundary="reflect"),
    Case("grouped", (2, 26, 23, 96), (45, 3, 3, 32), groups=3, padding="same", bias=True),
    Case("many-channels", (1, 34, 36, 600), (20, 3, 3, 600)),
    Case("dilated", (2, 32, 35, 40), (17, 3, 3, 40), dilation=2, bias=True),
    Case("dilated-apart", (1, 40, 45, 36), (18, 3, 3, 36), dilation=(3, 2), padding="full", boundary="wrap"),
    Case("strips", (1, 130, 50, 64), (40, 3, 3, 64), padding=1),
    Case("five-one-window", (2, 5, 5, 1), (1, 5, 5, 1)),
    Case("five-whole-quads", (2, 10, 12, 32), (16, 5, 5, 32)),
    Case("five-odd", (3, 13, 16, 47), (33, 5, 5, 47), bias=True),
    Case("five-same", (2, 21, 18, 33), (5, 5, 5, 33), padding="same"),
    Case("five-row", (2, 5, 60, 17), (31, 5, 5, 17), bias=True),
    Case("five-column", (2, 60, 6, 15), (20, 5, 5, 15), padding="full", boundary="reflect"),
    Case("five-grouped", (2, 12, 13, 36), (15, 5, 5, 12), groups=3, padding="same", bias=True),
    Case("five-depthwise", (2, 9, 12, 7), (7, 5, 5, 1), groups=7),
    Case("five-many-channels", (1, 10, 9, 600), (20, 5, 5, 600)),
    Case("five-dilated", (2, 22, 25, 20), (17, 5, 5, 20), dilation=2, bias=True),
    Case("five-dilated-apart", (1, 20, 25, 36), (18, 5, 5, 36), dilation=(3, 2), padding="full", boundary="wrap"),
    Case("five-strips", (1, 90, 50, 64), (40, 5, 5, 64), padding=2),
]
SIDES = {3: 4, 5: 2}
"""Rows and columns of a quad's responses, by those of the kernels."""
over_taps = for_each("taps", SIDES)
over_geometries = pytest.mark.parametrize("case", GEOMETRIES, ids=lambda case: case.id)


def by_winograd(images, kernels, **keywords):
    """The responses, by quads of 6x6 pixels."""
    sizes = {name: value for name, value in keywords.items() if name in ("padding", "dilation", "groups")}
    assert winograd.quad_side(make_geometry(images.shape[1:], kernels.shape, **sizes)) == SIDES[kernels.shape[1]]
    return xcorr.correlate(images, kernels, method="winograd", **keywords)


def allowed_error(images, kernels, keywords):
    return quads.allowed_error(images, kernels, keywords, SIDES[kernels.shape[1]])


# --- its bound ----------------------------------------------------------------------------------------------------


@for_each("dtype", ["float32", "complex64"])
@over_geometries
def test_error_is_within_its_bound(case, dtype):
    images, kernels, keywords = problem(case, dtype)
    expected = fast_correlate(images, kernels, **keywords)
    response = by_winograd(images, kernels, **keywords)
    assert response.shape == expected.shape
    assert np.all(np.abs(response - expected) <= allowed_error(images, kernels, keywords) / 16)


@for_each("dtype", ["float64", "complex128"])
@over_geometries
def test_double_precision_is_as_near_as_its_unit(case, dtype):
    images, kernels, keywords = problem(case, dtype)
    expected = xcorr.correlate(images, kernels, method="direct", **keywords)
    response = by_winograd(images, kernels, **keywords)
    assert np.all(np.abs(response - expected) <= allowed_error(images, kernels, keywords) / 16)


EVEN, ODD = np.indices((26, 26)).sum(axis=0) % 2 == 0, np.indices((26, 26)).sum(axis=0) % 3 == 0
IMAGES = {
    "equal": np.ones((26, 26)),
    "alternating": np.where(EVEN, 1, -1),
    "stripes": np.where(np.arange(26) % 2 == 0, 1, -1) * np.ones((26, 1)),
    "ramp": np.arange(26)[:, np.newaxis] / 7 + np.ones(26),
    "points": np.where(ODD, 1, 0),
    "one-bright": np.where(np.arange(676).reshape(26, 26) == 300, 1e6, 1),
    "offset": 1e4 + np.sin(np.arange(676)).reshape(26, 26),
}
KERNELS = {
    "equal": lambda taps: np.ones((taps, taps)),
    "alternating": lambda taps: np.where(EVEN[:taps, :taps], 1, -1),
    "one-tap": lambda taps: np.pad([[1]], ((taps - 1, 0), (taps - 1, 0))),
    "difference": lambda taps: np.outer(np.hanning(taps + 2)[1:-1], np.arange(taps) - taps // 2),
    "falling": lambda taps: 1 / (1 + np.arange(taps**2).reshape(taps, taps)),
}


@pytest.mark.parametrize("depth", [32, 150, 512])
@over_taps
@for_each(("image", "kernel"), drawn(2, IMAGES, KERNELS))
def test_error_is_within_its_bound_where_all_channels_are_alike(image, kernel, depth, taps):
    """Every rounding of such a sum goes the same way."""
    images = np.repeat(0.1 * IMAGES[image][np.newaxis, :, :, np.newaxis], depth, axis=3).astype(np.float32)
    kernels = np.repeat(0.1 * KERNELS[kernel](taps)[np.newaxis, :, :, np.newaxis], depth, axis=3).astype(np.float32)
    expected = fast_correlate(images, kernels)
    allowed = allowed_error(images, kernels, {})
    assert np.all(np.abs(by_winograd(images, kernels) - expected) <= allowed / 4)


# taps in the corner and quads found by a search for the largest error, all channels alike; for 5x5 kernels with fused
# multiply-adds and without
WORST_3X3 = {
    1.9472886: [
        [-3.357818, -0.91585433, 2.2786515, -1.5718188, -1.7055947, -1.9126885],
        [-3.565613, -3.565613, -3.425106, -3.565613, -1.6248455, 3.000528],
        [-1.0856493, 2.951301, -2.066685, -3.3893185, 3.55256, 3.565613],
        [-1.0236804, -2.926671, -1.6860068, 3.565613, -2.627905, -3.565613],
        [-0.4630499, -3.565613, -0.43277276, 3.565613, -2.951301, -0.7013023],
        [-1.8671987, -1.3179318, -2.3299372, -0.95366406, -3.565613, -3.565613],
    ]
}
WORST_5X5 = {
    1.5771459: [
        [0.7757696, 0.09397321, 0.7757696, 0.7755891, -0.7757696, -0.3405399],
        [0.44300753, -0.7056764, 0.6101411, -0.13740817, 0.39619768, -0.7757696],
        [-0.7757696, 0.7757696, -0.7757696, -0.7754932, 0.7757696, 0.7757696],
        [0.7757696, 0.6919858, -0.77560806, 0.7757696, 0.7742849, 0.7757696],
        [-0.7757696, -0.7757696, -0.23229273, 0.7756349, 0.56443715, -0.58332586],
        [-0.6664275, -0.7755821, -0.7757696, 0.75801826, 0.77576715, -0.7757315],
    ],
    0.96676695: [
        [1.612308, 1.612308, 1.0210272, -1.612308, -1.1316639, -1.0028547],
        [-1.6114641, 1.6118585, -1.5061194, 1.612308, 1.6122446, 1.612308],
        [-1.6083142, -1.612308, -1.612308, 1.612308, 1.612308, -1.612308],
        [-1.5823691, -1.612308, 1.5749358, 0.2013968, -0.9787123, 1.5111088],
        [1.577589, 0.47512656, -1.5377688, -1.6105335, -1.612308, 1.612308],
        [-1.6115372, -0.87786865, 1.612308, 1.612308, -0.054387745, 1.6027002],
    ],
}


@over_taps
@pytest.mark.parametrize("depth", [33, 66, 528])
def test_error_is_within_its_bound_for_the_worst_that_was_found(depth, taps):
    worst = {3: WORST_3X3, 5: WORST_5X5}[taps]
    images = np.zeros((len(worst), 30, 30, depth), np.float32)
    images[:, 8:14, 16:22] = np.float32(list(worst.values()))[..., np.newaxis]  # where a quad lies
    kernels = np.zeros((len(worst), taps, taps, depth), np.float32)
    kernels[:, 0, -1] = np.float32(list(worst))[:, np.newaxis]
    error = np.abs(by_winograd(images, kernels) - fast_correlate(images, kernels))
    allowed = allowed_error(images, kernels, {})
    assert np.all(error <= allowed)
    assert depth != 66 or np.any(error > 0.4 * allowed)  # so that it is about as large as it has to be


# --- its bits -----------------------------------------------------------------------------------------------------


@for_each("dtype", ["float32", "complex128"])
@over_geometries
def test_bits_do_not_depend_on_workers_batch_or_bank(case, dtype):
    check_bits(by_winograd, case, dtype)


@for_each("dtype", ["float32", "float64"])
@over_geometries
def test_bits_do_not_depend_on_memory_order(case, dtype):
    images, kernels, keywords = problem(case, dtype)
    expected = by_winograd(images, kernels, **keywords)
    swapped = images.astype(images.dtype.newbyteorder())
    for given in (np.asfortranarray(images), np.repeat(images, 2, axis=3)[..., ::2], swapped):
        out = np.zeros(expected.shape, dtype, order="F")
        assert by_winograd(given, np.asfortranarray(kernels), out=out, **keywords) is out
        assert_same_bits(out, expected)


# --- the same meaning ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("dilation", [1, 2])
@over_taps
@for_each("dtype", ["float32", "float64", "complex64"])
def test_what_is_not_finite_reaches_its_windows_only(value, dilation, taps, dtype):
    rng = random_generator("infinite", dtype)
    images, kernels = real_numbers(rng, (3, 27, 26, 40), dtype), real_numbers(rng, (20, taps, taps, 40), dtype)
    clean = by_winograd(images, kernels, padding=1, dilation=dilation)
    for row, column in ((0, 0), (4, 5), (5, 4), (19, 18), (26, 25)):
        dirty = images.copy()
        dirty[1, row, column, 7] = value
        direct = xcorr.correlate(dirty, kernels, padding=1, dilation=dilation, method="direct")
        response = by_winograd(dirty, kernels, padding=1, dilation=dilation)
        infinite = ~np.isfinite(direct)
        assert infinite.any()
        assert_same_bits(response[infinite], direct[infinite])
        assert np.all((response == clean) | (response == direct) | infinite)  # of the quad all are done directly
        assert np.mean(response == clean) > 0.9
        assert_same_bits(response[[0, 2]], clean[[0, 2]])


@over_taps
def test_kernel_that_is_not_finite_concerns_its_own_responses(taps):
    rng = random_generator("kernel")
    images, kernels = real_numbers(rng, (2, 26, 26, 32), "float32"), real_numbers(rng, (5, taps, taps, 32), "float32")
    clean = by_winograd(images, kernels)
    kernels[2, 1, 1, 3] = np.inf
    response = by_winograd(images, kernels)
    assert_same_bits(response[..., [0, 1, 3, 4]], clean[..., [0, 1, 3, 4]])
    assert_same_bits(response[..., 2], xcorr.correlate(images, kernels, method="direct")[..., 2])


@pytest.mark.parametrize("bias", [None, 3])
@pytest.mark.parametrize("dilation", [1, (2, 1)])
@over_taps
@for_each("dtype", ["float32", "float64", "complex64"])
def test_windows_of_zeros_give_exactly_zero(dtype, taps, dilation, bias):
    """Here the pixels of a quad come into all of its responses, and cancel but for the roundings."""
    rng = random_generator("zeros", dtype)
    kernels = real_numbers(rng, (20, taps, taps, 33), dtype)
    offset = None if bias is None else np.full(20, bias, dtype)
    ones = np.ones((1, taps, taps, 1))
    for row, column in np.ndindex(7, 6):
        images = np.zeros((1, 29, 26, 33), dtype)
        images[0, 9 + row, 8 + column, row * 4 :] = real_numbers(rng, (33 - row * 4,), dtype)
        images[0, 20, 4:9] = -0.0
        response = by_winograd(images, kernels, dilation=dilation, bias=offset)
        seen = np.abs(images).sum(axis=3, keepdims=True).real.astype(np.float64)
        reached = xcorr.correlate(seen, ones, dilation=dilation)[..., 0] > 0
        assert np.all(response[~reached] == (bias or 0))
        zero = reached[..., np.newaxis] & (response == (bias or 0))
        if zero.any():  # as one random sum in some millions is, but for the roundings
            allowed = allowed_error(images, kernels, {"dilation": dilation})
            assert np.all(np.abs(fast_correlate(images, kernels, dilation=dilation))[zero] <= allowed[zero])


@pytest.mark.parametrize("power", [0, 3, 20, 30])
@over_taps
def test_taps_that_are_subnormal_or_nearly_so_keep_their_value(taps, power):
    """Bright pixels make them count."""
    rng = random_generator("subnormal", power)
    images = real_numbers(rng, (1, 26, 26, 33), "float32") * np.float32(2.0**60)
    kernels = (rng.integers(-9, 10, (20, taps, taps, 33)) * 2.0 ** (power - 149)).astype(np.float32)
    error = np.abs(by_winograd(images, kernels) - fast_correlate(images, kernels))
    assert np.all(error <= allowed_error(images, kernels, {}) / 8)


@over_taps
def test_taps_so_large_that_their_transforms_overflow_are_done_directly(taps):
    images, kernels = np.full((1, 26, 26, 32), 1e-3, np.float32), np.full((2, taps, taps, 32), 1e38, np.float32)
    kernels[0] = 1
    response = by_winograd(images, kernels)
    assert np.isfinite(response).all()
    assert_same_bits(response[..., 1], xcorr.correlate(images, kernels, method="direct")[..., 1])


@over_taps
def test_sums_of_pixels_that_overflow_are_done_directly(taps):
    images = np.full((1, 26, 26, 32), 3e38, np.float32)
    kernels = np.full((2, taps, taps, 32), 1e-3, np.float32)
    assert_same_bits(by_winograd(images, kernels), xcorr.correlate(images, kernels, method="direct"))


def test_auto_leaves_banks_alone_whose_transforms_do_not_fit():
    images, kernels = (1, 12, 12, 5241), (32, 5, 5, 5241)
    assert xcorr.choose_method(images, kernels) == "winograd"
    assert xcorr.choose_method(images, kernels, dtype=np.complex128) == "direct"
    call = xcorr.correlate(np.ones(images, np.complex128), np.ones(kernels, np.complex128))
    assert np.allclose(call, 25 * 5241)
