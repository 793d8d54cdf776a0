"""fft on numbers that are not tame: NaN, infinity, huge beside faint, zeros; it means what direct means."""

import numpy as np
import pytest
from cases import Case
from checks import assert_same_bits, fast_correlate, random_generator, real_numbers, whole_numbers
from looping import for_each
from spectral_cases import (
    GEOMETRIES,
    INF,
    NAN,
    allowed_error,
    assert_within_bound,
    by_fft,
    over_dtypes,
    over_geometries,
    over_reals,
    problem,
)

import xcorr

pytestmark = pytest.mark.usefixtures("level")

NASTY = [
    Case("plain", (2, 61, 70, 1), (2, 13, 11, 1)),
    Case("many-tiles", (1, 101, 122, 2), (2, 14, 11, 2), padding="same", bias=True),
    Case("strided-dilated", (2, 70, 81, 2), (3, 7, 6, 2), stride=(2, 3), dilation=(3, 4), padding=9),
    Case("grouped", (2, 50, 55, 4), (4, 9, 10, 2), groups=2, bias=True),
    Case("wrapped", (2, 30, 33, 1), (2, 12, 11, 1), padding=20, boundary="wrap"),
    Case("row", (2, 4, 500, 1), (2, 1, 65, 1)),
    Case("column", (2, 500, 4, 1), (2, 65, 1, 1)),
]
over_nasty = pytest.mark.parametrize("case", NASTY, ids=lambda case: case.id)


def nasty_problem(case, dtype):
    """Whole numbers, no tap of them zero: zero times infinity is NaN by every method."""
    images, kernels, keywords = problem(case, dtype, whole_numbers)
    kernels[kernels == 0] = 1
    return images, kernels, keywords


def assert_same_specials(response, images, kernels, **keywords):
    """NaN and infinities where the direct sum has them, with its signs; what is finite within the clean bound."""
    direct = xcorr.correlate(images, kernels, method="direct", **keywords)
    parts = (lambda array: array.real, lambda array: array.imag) if direct.dtype.kind == "c" else (lambda array: array,)
    for part in parts:
        finite = np.isfinite(part(direct))
        np.testing.assert_array_equal(part(response)[~finite], part(direct)[~finite])
        np.testing.assert_array_equal(np.isfinite(part(response)), finite)
        errors = np.abs(part(response)[finite].astype("f8") - part(direct)[finite])
        assert errors.max(initial=0) < 0.5 + 1e-3 * np.abs(part(direct)[finite]).max(initial=0)  # of whole numbers
        if response.dtype != np.float16:
            np.testing.assert_array_equal(np.rint(part(response)[finite]), part(direct)[finite])


@over_nasty
@over_dtypes
def test_special_pixels_reach_the_windows_that_contain_them(case, dtype):
    images, kernels, keywords = nasty_problem(case, dtype)
    _, height, width, depth = case.images
    values = (NAN, INF, -INF)
    places = [(0, 0), (0, width - 1), (height - 1, width // 3), (height // 2, width // 2), (height - 1, width - 1)]
    for index, (row, column) in enumerate(places):
        marked = images.copy()
        marked[-1, row, column, index % depth] = values[index % 3]
        response = by_fft(marked, kernels, **keywords)
        assert_same_specials(response, marked, kernels, **keywords)
        if len(images) > 1:
            assert_same_bits(response[:1], by_fft(images[:1], kernels, **keywords))


@for_each("share", [0.001, 0.01, 0.2])
@over_nasty
def test_many_special_pixels_reach_the_windows_that_contain_them(case, share):
    images, kernels, keywords = nasty_problem(case, "float32")
    rng = random_generator("many", case.id)
    where = rng.random(images.shape) < share
    images[where] = rng.choice([NAN, INF, -INF, INF, -INF], np.count_nonzero(where))
    assert_same_specials(by_fft(images, kernels, **keywords), images, kernels, **keywords)


@pytest.mark.parametrize("value", [NAN, INF, -INF])
def test_fill_value_and_bias_may_be_special(value):
    images, kernels, keywords = nasty_problem(NASTY[1], "float32")
    for changed in ({"fill_value": value}, {"bias": np.float32([1, value])}):
        keywords.update(changed)
        assert_same_specials(by_fft(images, kernels, **keywords), images, kernels, **keywords)


def special_taps(case, value):
    """Banks with one such tap, and the kernel that has it."""
    _, kernels, _ = nasty_problem(case, "float32")
    for tap in ((0, 0, 0, 0), (-1, -1, -1, -1), (-1, 0, case.kernels[2] // 2, 0)):
        marked = kernels.copy()
        marked[tap] = value
        yield marked, tap[0] % len(kernels)


@for_each("value", [NAN, INF, -INF])
@over_nasty
def test_a_special_tap_reaches_the_responses_of_its_kernel_only(case, value):
    images, _, keywords = nasty_problem(case, "float32")
    for kernels, _ in special_taps(case, value):
        assert_same_specials(by_fft(images, kernels, **keywords), images, kernels, **keywords)


@over_nasty
@pytest.mark.parametrize("value", [NAN, INF])
def test_a_special_tap_leaves_the_bits_of_other_kernels(case, value):
    images, kernels, keywords = problem(case, "float32")
    clean = by_fft(images, kernels, **keywords)
    for marked, which in special_taps(case, value):
        bank = kernels.copy()
        bank[which] = marked[which]
        others = np.arange(len(kernels)) != which
        assert_same_bits(by_fft(images, bank, **keywords)[..., others], clean[..., others])


@pytest.mark.parametrize(
    "value", [complex(NAN, 1), complex(1, NAN), complex(INF, 1), complex(1, -INF), complex(NAN, INF)]
)
@pytest.mark.parametrize("groups", [1, 2])
def test_a_special_part_of_a_complex_tap_is_not_forgotten(value, groups):
    """The other part, the taps that follow and the other kernels are finite; windows of zeros are not left out."""
    rng = random_generator("parts", value, groups)
    images = whole_numbers(rng, (1, 25, 26, 2), "complex64")
    images[:, :15] = 0
    for place in ((0, 0, 0, 0), (1, 3, 8, 0), (3, -1, -1, -1)):
        kernels = whole_numbers(rng, (4, 9, 11, 2 // groups), "complex64") + np.complex64(10 + 10j)
        kernels[place] = value
        response = by_fft(images, kernels, groups=groups)
        assert_same_specials(response, images, kernels, groups=groups)
        assert np.isfinite(response).all(axis=(0, 1, 2)).tolist() == [kernel != place[0] for kernel in range(4)]


@pytest.mark.parametrize("dtype", ["float32", "complex64"])
@pytest.mark.parametrize("value", [NAN, INF])
def test_a_special_tap_is_not_forgotten_in_any_piece_of_a_kernel(value, dtype, monkeypatch):
    monkeypatch.setattr("xcorr._arrays.PIECE", 50)
    images = np.zeros((20, 21), dtype)
    for place in ((0, 0), (7, 3), (15, 15)):
        kernel = np.ones((16, 16), dtype)
        kernel[place] = value
        assert np.isnan(by_fft(images, kernel, layout="NHW")).all()


def test_a_nan_image_or_channel_does_not_reach_its_neighbours():
    images, kernels, keywords = nasty_problem(NASTY[3], "float32")
    clean = by_fft(images, kernels, **keywords)
    marked = images.copy()
    marked[1] = NAN
    response = by_fft(marked, kernels, **keywords)
    assert np.isnan(response[1]).all()
    assert_same_bits(response[0], clean[0])
    marked = images.copy()
    marked[..., 2] = INF
    response = by_fft(marked, kernels, **keywords)
    assert not np.isfinite(response[..., 2:]).any()
    np.testing.assert_array_equal(np.rint(response[..., :2]), np.rint(clean[..., :2]))


def reached(pixels, kernels, keywords):
    """The windows that contain one of these pixels."""
    taps = np.ones((1, *kernels.shape[1:3], 1))
    words = {name: word for name, word in keywords.items() if name not in ("bias", "groups", "fill_value")}
    return xcorr.correlate(pixels.any(axis=-1, keepdims=True).astype(float), taps, method="direct", **words) > 0


@over_nasty
@pytest.mark.parametrize(("dtype", "value"), [("float32", 1e30), ("float64", -1e250)])
def test_a_huge_pixel_leaves_other_windows_as_accurate_as_without_it(case, dtype, value):
    images, kernels, keywords = problem(case, dtype)
    _, height, width, _ = case.images
    for row, column in ((0, 0), (height // 2, width // 3)):
        marked, removed = images.copy(), images.copy()
        marked[0, row, column, 0], removed[0, row, column, 0] = value, 0
        response = by_fft(marked, kernels, **keywords)
        expected = fast_correlate(removed, kernels, **keywords)
        allowed = allowed_error(removed, kernels, expected, **keywords)
        other = np.broadcast_to(~reached(marked == value, kernels, keywords), response.shape)
        assert other.any()
        assert np.all(np.abs(response - expected)[other] <= allowed[other])
        assert_within_bound(response, marked, kernels, **keywords)


@for_each(("dtype", "factor"), [("float32", 1e6), ("float32", 1e20), ("float64", 1e15)])
@pytest.mark.parametrize("axis", [1, 2])
@pytest.mark.parametrize("case", NASTY[:4], ids=lambda case: case.id)
def test_a_loud_half_leaves_windows_of_the_quiet_half_accurate(case, dtype, factor, axis):
    images, kernels, keywords = problem(case, dtype)
    quiet = np.arange(case.images[axis]) < case.images[axis] // 2
    quiet = np.broadcast_to(quiet[:, None, None] if axis == 1 else quiet[:, None], images.shape)
    marked, removed = np.where(quiet, images, images * factor), np.where(quiet, images, 0)
    response = by_fft(marked.astype(dtype), kernels, **keywords)
    expected = fast_correlate(removed, kernels, **keywords)
    allowed = allowed_error(removed.astype(dtype), kernels, expected, **keywords)
    other = np.broadcast_to(~reached(~quiet, kernels, keywords), response.shape)
    assert other.any()
    worst = np.max((np.abs(response - expected) / allowed)[other])
    assert worst <= 1, f"{worst:.3g} times the bound of the quiet half"
    assert_within_bound(response, marked.astype(dtype), kernels, **keywords)


@pytest.mark.parametrize(
    ("kernel", "spacing", "dilation"),
    [
        ((5, 6), 8, 1),
        ((5, 6), 16, 1),
        ((9, 9), 16, 1),
        ((3, 30), 8, 1),
        ((5, 5), 16, 8),
        ((5, 4), 2, 2),
        ((4, 4), 12, 3),
    ],
    ids=str,
)
@pytest.mark.parametrize(("dtype", "value"), [("float32", 1e30), ("float64", 1e40)])
def test_huge_pixels_everywhere_leave_the_windows_between_them_accurate(kernel, spacing, dilation, dtype, value):
    """Between them in rows, in columns, or between the taps of a dilated kernel."""
    rng = random_generator("grid", kernel, spacing)
    images, kernels = real_numbers(rng, (1, 70, 85, 1), dtype), real_numbers(rng, (2, *kernel, 1), dtype)
    loud = np.zeros(images.shape, bool)
    loud[:, spacing - 1 :: spacing, spacing - 1 :: spacing] = True
    marked, removed = np.where(loud, value, images).astype(dtype), np.where(loud, 0, images)
    keywords = {"dilation": dilation}
    response = by_fft(marked, kernels, **keywords)
    expected = fast_correlate(removed, kernels, **keywords)
    allowed = allowed_error(removed, kernels, expected, **keywords)
    other = np.broadcast_to(~reached(loud, kernels, keywords), response.shape)
    assert other.any()
    worst = np.max((np.abs(response - expected) / allowed)[other])
    assert worst <= 1, f"{worst:.3g} times the bound without them"


@pytest.mark.parametrize("kernel", [(5, 6), (17, 19), (33, 33), (1, 65), (40, 3)], ids=str)
@pytest.mark.parametrize(("dtype", "value"), [("float32", 1e30), ("float64", 1e40)])
def test_a_quiet_pixel_beside_a_huge_one_amid_zeros(kernel, dtype, value):
    rng = random_generator("amid zeros", kernel)
    kernels = real_numbers(rng, (2, *kernel, 1), dtype)
    removed = np.zeros((2, 90, 95, 1), dtype)
    removed[:, 50, 53] = removed[1, 47, 55] = removed[1, 20, 21] = 1
    marked = removed.copy()
    marked[:, 50, 50] = marked[1, 20, 20] = value
    response = by_fft(marked, kernels)
    expected = fast_correlate(removed, kernels)
    allowed = allowed_error(removed, kernels, expected)
    other = np.broadcast_to(~reached(marked == value, kernels, {}), response.shape)
    worst = np.max((np.abs(response - expected) / allowed)[other])
    assert worst <= 1, f"{worst:.3g} times the bound without them"


SPARSE = [
    *NASTY,
    Case("dilated", (1, 60, 66, 1), (2, 5, 4, 1), dilation=(8, 9), padding=3, bias=True),
    Case("padded-far", (1, 20, 21, 2), (2, 9, 9, 2), padding=40, bias=True),
    Case("strided", (1, 60, 66, 1), (2, 9, 8, 1), stride=(5, 3), padding="full"),
]


@for_each(
    ("dtype", "zero"), [("float32", 0.0), ("float32", -0.0), ("float64", 0.0), ("complex64", -0.0), ("float16", 0.0)]
)
@pytest.mark.parametrize("case", SPARSE, ids=lambda case: case.id)
def test_windows_of_zeros_give_exactly_zero_or_the_bias(case, dtype, zero):
    """A window has a pixel where its taps are: between those of a dilated kernel there may be others."""
    _, kernels, keywords = problem(case, dtype)
    rng = random_generator("zeros", case.id)
    _, height, width, _ = case.images
    blobs = ((height // 3, width // 4, 3, 5), (height - 1, width - 2, 1, 1), (0, width // 2, height, 1))
    for n_blobs in (1, 3):
        images = np.full(case.images, zero, dtype)
        for row, column, rows, columns in blobs[:n_blobs]:
            blob = images[0, row : row + rows, column : column + columns, -1]
            blob[...] = 1 + rng.random(blob.shape)
        response = by_fft(images, kernels, **keywords)
        zeros = np.broadcast_to(~reached(images != 0, kernels, keywords), response.shape)
        bias = 0 if keywords["bias"] is None else keywords["bias"]
        np.testing.assert_array_equal(response[zeros], np.broadcast_to(bias, response.shape)[zeros])
        if dtype == "float32":
            assert_within_bound(response, images, kernels, **keywords)


@for_each("dtype", ["float32", "complex128", "float16"])
@over_geometries
def test_images_and_kernels_of_zeros_give_exactly_the_bias(case, dtype):
    images, kernels, keywords = problem(case, dtype)
    keywords["fill_value"] = 0
    bias = 0 if keywords["bias"] is None else keywords["bias"]
    for operands in ((0 * images, kernels), (images, 0 * kernels), (-0.0 * images, kernels)):
        response = by_fft(*operands, **keywords)
        np.testing.assert_array_equal(response, np.broadcast_to(bias, response.shape).astype(dtype))


def test_a_kernel_of_zeros_and_one_of_one_tap_beside_others():
    images, kernels, _ = problem(GEOMETRIES[5], "float32")
    kernels[3], kernels[7] = 0, 0
    kernels[7, 2, 3, 1] = 1
    response = by_fft(images, kernels)
    assert not response[..., 3].any()
    assert_within_bound(response, images, kernels)


SCALES = {  # of images and kernels; the products are within the range
    "float32": [
        (1e37, 1e-3),
        (1e-3, 1e37),
        (1e37, 1e-37),
        (1e-37, 1e37),
        (1e19, 1e17),
        (1e-30, 1e-3),
        (1e-3, 1e-38),
        (3.4e38, 1e-4),
    ],
    "float64": [
        (1e306, 1e-3),
        (1e-3, 1e306),
        (1e306, 1e-306),
        (1e-306, 1e306),
        (1e150, 1e153),
        (1e-290, 1e-10),
        (1.7e308, 1e-5),
    ],
}


@for_each(("dtype", "scales"), [(dtype, scales) for dtype, pairs in SCALES.items() for scales in pairs])
@pytest.mark.parametrize("case", NASTY[:3:2], ids=lambda case: case.id)
def test_what_is_near_the_ends_of_the_range_neither_overflows_nor_vanishes(case, dtype, scales):
    images, kernels, keywords = problem(case, dtype)
    keywords["bias"] = None
    images, kernels = images / np.abs(images).max(), kernels / np.abs(kernels).max()
    scaled = [(operand * scale).astype(dtype) for operand, scale in zip((images, kernels), scales)]
    powers = [2.0 ** -round(np.log2(scale)) for scale in scales]
    plain = [operand.astype(np.longdouble) * power for operand, power in zip(scaled, powers)]
    plain = [operand.astype(np.float64) for operand in plain]  # the same numbers but for their scale
    expected = fast_correlate(*plain, **keywords)
    allowed = allowed_error(*plain, expected, dtype=dtype, **keywords)
    response = by_fft(*scaled, **keywords)
    assert np.isfinite(response).all()
    found = response.astype(np.longdouble) * powers[0] * powers[1]
    smallest = np.longdouble(np.finfo(dtype).smallest_subnormal) * powers[0] * powers[1]
    assert np.all(np.abs(found - expected) <= allowed + smallest)


@pytest.mark.parametrize("case", NASTY, ids=lambda case: case.id)
@over_reals
def test_subnormal_numbers_are_kept(case, dtype):
    images, kernels, keywords = nasty_problem(case, dtype)
    keywords["bias"] = None
    expected = xcorr.correlate(images, kernels, method="direct", **keywords)
    tiny = np.finfo(dtype).smallest_subnormal
    np.testing.assert_array_equal(by_fft(images * tiny, kernels, **keywords), expected * tiny)
    np.testing.assert_array_equal(by_fft(images, kernels * tiny, **keywords), expected * tiny)


@over_reals
@pytest.mark.parametrize("dilation", [1, 2])
def test_faint_windows_among_subnormal_pixels_are_as_accurate_as_among_others(dtype, dilation):
    """Their exponents differ as much as the bits of their significands; a large kernel makes them count."""
    tiny, large = np.finfo(dtype).smallest_subnormal, 2.0 ** (50 if dtype == "float32" else 200)
    images = np.full((1, 60, 61, 1), 3, dtype)
    images[:, :20] = 0
    images[0, 40:, 40:] = 2.0 ** (np.finfo(dtype).nmant - 1)
    kernels = np.full((1, 9, 8, 1), large, dtype)
    expected = fast_correlate(images, np.ones(kernels.shape), dilation=dilation)
    response = by_fft(images * tiny, kernels, dilation=dilation)
    np.testing.assert_allclose(response, expected * (tiny * np.float64(large)), rtol=2.0**-12, atol=0)


def test_float_sums_beyond_the_range_are_infinite_without_a_warning():
    for value, dtype in ((3e38, "f4"), (1e308, "f8"), (6e4, "f2")):
        images, kernels = np.full((1, 40, 41, 1), value, dtype), np.ones((1, 9, 10, 1), dtype)
        assert (by_fft(images, kernels) == INF).all()
        assert (by_fft(images, -kernels) == -INF).all()
    images, kernels = np.full((1, 40, 41, 1), 1e30, "f4"), np.full((1, 9, 10, 1), -1e30, "f4")
    assert (by_fft(images, kernels) == -INF).all()


@for_each("workers", [1, 2, 3, 7])
@over_nasty
def test_bits_of_nasty_images_do_not_depend_on_workers_or_batch(case, workers, monkeypatch):
    monkeypatch.setattr("xcorr._job.MULTIPLY_ADDS_PER_WORKER", 1)
    images, kernels, keywords = problem(case, "float32")
    images = np.concatenate([images, 0 * images, images, images])
    _, height, width, _ = case.images
    images[0, height // 2, width // 2, 0] = 1e30
    images[-1, 0, width - 3, 0] = NAN
    images[-2, height // 2 :] *= 1e9
    images[-3, : height // 2, : width // 2] = 0
    together = by_fft(images, kernels, workers=workers, **keywords)
    for index in range(len(images)):
        alone = by_fft(images[index : index + 1], kernels, workers=1, **keywords)
        assert_same_bits(together[index : index + 1], alone)


def test_rows_that_are_far_apart_in_the_array_are_written_some_at_a_time():
    rng = random_generator("far apart")
    images, kernels = real_numbers(rng, (1, 151, 91, 1), "float32"), real_numbers(rng, (20, 31, 31, 1), "float32")
    expected = xcorr.correlate(images, kernels, method="fft")
    far = np.empty((1, 121, 2**20), np.float32)  # 4 MiB from row to row, of which little is touched
    for order in (1, -1):
        out = far[:, ::order, : 61 * 20].reshape(1, 121, 61, 20)
        assert np.shares_memory(out, far)
        xcorr.correlate(images, kernels, method="fft", out=out, workers=2)
        assert_same_bits(np.ascontiguousarray(out), expected)


def far_larger_outside(rng, side, stride, kernel):
    """Ones where windows `stride` apart have pixels, and numbers far larger between them."""
    images = rng.integers(-(2**30), 2**30, (1, side, side)).astype(np.int32)
    for row in range(kernel):
        for column in range(kernel):
            images[0, row::stride, column::stride] = 1
    return images


def test_integers_are_exact_whatever_lies_between_windows():
    """A section is transformed with all of its pixels, and each of them may round all of its responses wrongly."""
    rng = random_generator("between windows")
    images, kernels = far_larger_outside(rng, 60, 8, 3), rng.integers(-(2**26), 2**26, (1, 3, 3)).astype(np.int32)
    for method in ("fft", "auto"):
        response = xcorr.correlate(images, kernels, layout="NHW", stride=8, method=method)
        assert (response == kernels.sum(dtype=np.int64)).all()


def test_integers_are_exact_whatever_lies_beside_a_part():
    rng = random_generator("beside a part")
    images, kernels = np.ones((1, 300, 300), np.int32), rng.integers(-(2**18), 2**18, (1, 60, 60)).astype(np.int32)
    images[:, 110:] = rng.integers(-(2**30), 2**30, (1, 190, 300))
    response = xcorr.correlate(images, kernels, layout="NHW", method="fft", roi=(slice(0, 50), slice(None)))
    assert (response == kernels.sum(dtype=np.int64)).all()
    in_padding = {"padding": ((60, 0), (0, 0)), "roi": (slice(0, 1), slice(None))}
    assert not xcorr.correlate(images[:, 110:], kernels, layout="NHW", method="fft", **in_padding).any()
