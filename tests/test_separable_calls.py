"""What a call by method "separable" may ask for, when "auto" takes it, and what it refuses."""

import numpy as np
import pytest
from checks import assert_same_bits, random_generator, real_numbers, response_dtype
from factor_cases import (
    allowed_error,
    assert_within_bound,
    by_factors,
    exact,
    kernels_like,
    mixed_products,
    over_reals,
    over_some,
    problem,
    products,
)
from looping import for_each
from pairs import SHAPES
from reductions import assert_reduced

import xcorr
from xcorr import _reference

pytestmark = pytest.mark.usefixtures("level")

NAN, INF = np.nan, np.inf

# --- what else a call may ask for -------------------------------------------------------------------------------------


@over_some
@over_reals
def test_reductions_are_those_of_the_responses(dtype, case):
    images, kernels, keywords = problem(case, dtype)
    response = assert_reduced(images, kernels, method="separable", workers=2, **keywords)
    assert_same_bits(response, by_factors(images, kernels, **keywords))
    for over in ("positions", "kernels"):
        one = by_factors(images, kernels, reduce="max", over=over, **keywords)
        assert_same_bits(one, response.max(axis=3 if over == "kernels" else (1, 2)))


@over_some
def test_peaks_are_those_of_the_responses(case):
    images, kernels, keywords = problem(case, "float32")
    response = by_factors(images, kernels, **keywords)
    for peaks in (xcorr.Peaks(3), xcorr.Peaks(2, per="image", min_distance=2, subpixel="parabola")):
        found = by_factors(images, kernels, reduce=peaks, **keywords)
        np.testing.assert_array_equal(found, peaks(response, layout="NHWC"))


@for_each(("dtype", "n_workers"), [("f4", 1), ("f4", 2), ("f8", 2)])
@for_each("method", ["auto", "separable"])
def test_calls_that_are_repeated_are_of_the_kernel_that_they_are_given(method, dtype, n_workers):
    rng = random_generator("repeated", dtype)
    image = real_numbers(rng, (500, 600), dtype)
    one, other = (np.outer(*real_numbers(rng, (2, 9), dtype)) for _ in range(2))
    none = real_numbers(rng, (9, 9), dtype)
    prepared = [xcorr.Correlator(kernel, method=method) for kernel in (one, other)]
    expected = [np.asarray(correlator(image)) for correlator in prepared]
    xcorr.clear_caches()
    for _ in range(3):
        for kernel, correlator, own in zip((one, other), prepared, expected, strict=True):
            for _ in range(3):
                assert_same_bits(xcorr.correlate(image, kernel, method=method, workers=n_workers), own)
                assert_same_bits(correlator(image, workers=n_workers), own)
        if method == "auto":
            assert_same_bits(xcorr.correlate(image, none), xcorr.correlate(image, none, method="direct"))
    image[250, 300] = np.inf
    assert_same_bits(prepared[0](image), xcorr.correlate(image.copy(), one, method=method))
    assert np.isfinite(prepared[0](image)).sum() == 492 * 592 - 81


@for_each("name", SHAPES)
def test_pairs_have_the_bits_of_their_own_calls(name):
    layout, images_shape, kernels_shape, keywords = SHAPES[name]
    rng = random_generator("pairs", name)
    images, bank = real_numbers(rng, images_shape, "f4"), np.zeros(kernels_shape, "f4")
    kernels = np.stack([kernels_like(rng, own, layout) for own in bank])
    response = by_factors(images, kernels, layout=layout, pairwise=True, **keywords)
    for image, kernel, own in zip(images, kernels, response, strict=True):
        assert_same_bits(by_factors(image, kernel, layout=layout, **keywords), own)
        words = {word: value for word, value in keywords.items() if word != "fill_value"}
        if words == keywords:
            expected = _reference.correlate(image, kernel, layout=layout, **keywords)
            assert_within_bound(own, expected, allowed_error(image, kernel, layout=layout, **keywords))


@for_each("normalize", [False, True])
@for_each("mask", ["shares", "bools", "finite"])
def test_what_is_not_seen_does_not_count(mask, normalize):
    rng = random_generator("mask", mask)
    images, kernels = real_numbers(rng, (2, 19, 23, 2), "f4"), np.abs(products(rng, (2, 5, 4, 2), "f4"))
    unseen = rng.random(images.shape) < 0.2
    given = {"shares": np.where(unseen, 0, rng.random(images.shape)), "bools": ~unseen, "finite": "finite"}[mask]
    marked = images.copy()
    marked[unseen] = NAN
    words = {"padding": "same", "normalize": normalize}
    response = by_factors(marked, kernels, mask=given, **words)
    expected = _reference.correlate(marked, kernels, layout="NHWC", mask=given, **words)
    limits = allowed_error(images, kernels, padding="same") * (30 if normalize else 1)  # of shares no less than 1 / 30
    assert_within_bound(np.where(np.isfinite(expected), response, 0), np.nan_to_num(expected), limits)
    images[unseen] = 1e30
    if mask != "finite":
        assert_same_bits(by_factors(images, kernels, mask=given, **words), response)


@for_each("dtype", ["uint8", "int16", "int32"])
def test_saturated_responses_are_the_rounded_ones(dtype):
    rng = random_generator("saturate", dtype)
    limits = np.iinfo(dtype)
    kernels = np.float32(np.outer([1, 2, 3, 2, 1], [-1, 4, 1]) / 8)
    for images in (rng.integers(0, 256, (2, 30, 31), np.uint8), 100 * real_numbers(rng, (2, 30, 31), "f4")):
        words = {"layout": "NHW", "padding": "same"}
        response = by_factors(images, kernels, dtype=dtype, overflow="saturate", **words)
        assert response.dtype == dtype
        expected = _reference.correlate(images, kernels, **words).clip(limits.min, limits.max)
        allowed = 0.5 + allowed_error(images, kernels, **words)
        assert np.all(np.abs(response - expected) <= allowed)
        assert_same_bits(by_factors(images[1:], kernels, dtype=dtype, overflow="saturate", **words), response[1:])


@for_each("dtype", ["float32", "uint8", "complex64"])
def test_no_images_and_no_kernels_give_empty_responses(dtype):
    for n_images, n_kernels in ((0, 2), (2, 0), (0, 0)):
        images, kernels = np.ones((n_images, 9, 12, 2), dtype), np.ones((n_kernels, 5, 4, 2), dtype)
        response = by_factors(images, kernels)
        assert (response.shape, response.dtype) == ((n_images, 5, 9, n_kernels), response_dtype(images, kernels))


# --- when it is taken -------------------------------------------------------------------------------------------------


def gaussian(size, width=2.5):
    taps = np.exp(-(np.linspace(-width, width, size) ** 2))
    return (np.outer(taps, taps) / taps.sum() ** 2).astype(np.float32)


@for_each("size", [13, 25])
def test_auto_takes_it_for_single_large_images(size):
    image, kernel = real_numbers(random_generator("auto", size), (1080, 1920), "f4"), gaussian(size)
    response = by_factors(image, kernel)
    assert_same_bits(xcorr.correlate(image, kernel), response)
    assert_same_bits(xcorr.Correlator(kernel)(image), response)
    strict = xcorr.correlate(image, kernel, precision="strict")
    assert_same_bits(strict, xcorr.correlate(image, kernel, method="direct"))


def test_the_sizes_do_not_say_it():
    for images, kernels in (((1080, 1920), (25, 25)), ((1, 500, 500, 3), (4, 13, 13, 3))):
        assert xcorr.choose_method(images, kernels) != "separable"


def mixed_bank(size, n_kernels):
    """An image, and a bank whose first kernel has no factors."""
    rng = random_generator("mixed bank", size)
    kernels = [gaussian(size, width) for width in np.linspace(2, 4, n_kernels)]
    kernels[0] = real_numbers(rng, (size, size), "f4")
    return real_numbers(rng, (1, 500, 700, 1), "f4"), np.stack(kernels)[..., np.newaxis]


@for_each(("size", "n_kernels"), [(13, 2)])  # larger ones go through the frequency domain in banks
def test_auto_does_for_each_kernel_of_a_bank_what_it_does_for_the_kernel_alone(size, n_kernels):
    image, kernels = mixed_bank(size, n_kernels)
    response = xcorr.correlate(image, kernels)
    part, factored = image[:, :60], kernels[1:]
    assert_within_bound(response[:, : 61 - size, :, 1:], exact(part, factored), allowed_error(part, factored))
    for which in range(n_kernels):
        own = slice(which, which + 1)
        assert_same_bits(xcorr.correlate(image, kernels[own]), response[..., own])


@pytest.mark.parametrize("size", [9, 13])
def test_auto_does_the_same_whatever_was_called_before(size):
    image, kernels = mixed_bank(size, 2)
    xcorr.clear_caches()
    first = xcorr.correlate(image, kernels[1:])
    for _ in range(2):
        xcorr.correlate(image, kernels[:1])
        assert_same_bits(xcorr.correlate(image, kernels[1:]), first)


def test_auto_does_the_same_for_any_batch_and_workers():
    image, kernels = mixed_bank(13, 2)
    alone = xcorr.correlate(image, kernels, workers=1)
    batch = np.concatenate([image[:, ::-1], image, image])
    for workers in (1, 2, 4):
        response = xcorr.correlate(batch, kernels, workers=workers)
        assert_same_bits(response[1:], np.concatenate([alone, alone]))
    planes = np.asfortranarray(batch)
    out = np.zeros((3, 2, *alone.shape[1:3]), "f4").transpose(0, 2, 3, 1)
    assert_same_bits(xcorr.correlate(planes, kernels, out=out), response)


def test_auto_reduces_the_responses_that_it_gives():
    image, kernels = mixed_bank(13, 2)
    response = assert_reduced(image, kernels, workers=2)
    peaks = xcorr.Peaks(4, min_distance=3)
    np.testing.assert_array_equal(xcorr.correlate(image, kernels, reduce=peaks), peaks(response, layout="NHWC"))


@for_each(
    "kind", ["shares", "normalize", "saturate", "pairwise", "roi", "stride", "bias", "padding", "groups", "complex"]
)
def test_auto_combines_it_with_all_else(kind):
    rng = random_generator("combines", kind)
    image, kernels = mixed_bank(13, 2)
    words = {
        "shares": {"mask": rng.random(image.shape)},
        "normalize": {"normalize": True, "padding": "same"},
        "saturate": {"dtype": np.int16, "overflow": "saturate"},
        "pairwise": {"pairwise": True},
        "roi": {"roi": (slice(40, 480), slice(7, 650))},
        "stride": {"stride": (1, 2), "dilation": (2, 1)},
        "bias": {"bias": np.float32([3, -4])},
        "padding": {"padding": "full", "boundary": "reflect"},
        "groups": {"groups": 2},
    }.get(kind, {})
    if kind == "pairwise":
        image = np.concatenate([image, image[:, ::-1]])
    elif kind == "groups":
        image = np.concatenate([image, image[:, ::-1]], axis=3)
    elif kind == "complex":
        image, kernels = image + 1j * image[:, ::-1], kernels * np.complex64(1 + 2j)
    direct, response = (xcorr.correlate(image, kernels, method=method, **words) for method in ("direct", "auto"))
    assert response.dtype == direct.dtype
    limits = np.linalg.norm(kernels) * np.linalg.norm(image) / 1e7
    np.testing.assert_allclose(response, direct, rtol=0, atol=1 if kind == "saturate" else limits)


@for_each("value", [NAN, INF, -INF, 1e-42])
def test_auto_does_special_pixels_as_direct_for_every_kernel_of_a_bank(value):
    image, kernels = mixed_bank(13, 2)
    image[0, [0, 250, 499], [0, 300, 699]] = value
    direct, response = (xcorr.correlate(image, kernels, method=method) for method in ("direct", "auto"))
    finite = np.isfinite(direct)
    np.testing.assert_array_equal(response[~finite], direct[~finite])
    np.testing.assert_allclose(response[finite], direct[finite], rtol=0, atol=1e-2)


def test_auto_has_the_same_meaning_where_it_takes_it():
    image, kernel = real_numbers(random_generator("meaning"), (1, 700, 900, 1), "f4"), gaussian(25)[None, ..., None]
    image[0, [100, 400, 650], [3, 500, 899]] = [[NAN], [INF], [1e38]]
    direct, response = (xcorr.correlate(image, kernel, method=method) for method in ("direct", "auto"))
    finite = np.isfinite(direct)
    np.testing.assert_array_equal(response[~finite], direct[~finite])
    image[~np.isfinite(image)] = 0
    allowed = np.where(finite, 2 * allowed_error(image, kernel), 1)
    assert_within_bound(np.where(finite, response, 0), np.where(finite, direct, 0), allowed)


@for_each("dtype", ["uint8", "int32"])
def test_auto_keeps_integers_exact(dtype):
    image = random_generator("auto", dtype).integers(0, 200, (700, 800)).astype(dtype)
    kernel = np.ones((15, 15), dtype)
    assert_same_bits(xcorr.correlate(image, kernel), xcorr.correlate(image, kernel, method="direct"))


def by_correlator(images, kernels, *, out, **keywords):
    return xcorr.Correlator(kernels, **keywords)(images, out=out)


@for_each("call", [xcorr.correlate, xcorr.convolve, by_correlator], ids=["correlate", "convolve", "Correlator"])
def test_kernels_without_factors_are_refused(call):
    rng = random_generator("refused")
    images, kernels = np.ones((1, 30, 31, 1), "f4"), mixed_products(rng, (4, 7, 9, 1), "f4")
    kernels[2] = products(rng, (1, 7, 9, 1), "f4", 4)[0]
    out = np.full((1, 24, 23, 4), 5, "f4")
    with pytest.raises(ValueError, match=r"^method: 'separable' cannot.*kernel 2 of 4"):
        call(images, kernels, method="separable", out=out)
    assert (out == 5).all()


@for_each(
    ("kernels", "keywords", "named"),
    [
        (np.ones((257, 2), "f4"), {}, "257 rows"),
        (products(random_generator("rows"), (1, 129, 3, 1), "f4", 2)[0, ..., 0], {}, "kernel"),
        (np.ones((5, 5), "f4"), {"precision": "strict"}, "strict"),
        (np.float32([[1, NAN], [1, 1]]), {}, "kernel"),
        (np.float32([[1, INF], [1, 1]]), {}, "kernel"),
        (np.eye(4, dtype="i4"), {}, "kernel"),
        (np.exp(1j * np.outer(range(5), range(5))).astype("c8"), {}, "kernel"),
    ],
    ids=["rows", "rows of two products", "strict", "nan", "infinity", "integers", "complex"],
)
def test_refusals_say_why(kernels, keywords, named):
    images = np.ones((300, 40), kernels.dtype)
    shape = np.subtract(images.shape, kernels.shape) + 1
    out = np.full(shape, 5, response_dtype(images, kernels))
    with pytest.raises(ValueError, match=rf"^method: 'separable' cannot.*{named}"):
        by_factors(images, kernels, out=out, **keywords)
    assert (out == 5).all()


@for_each(("dtype", "share"), [("float32", 1), ("float32", 1e-4), ("float64", 1e-9)])
def test_a_small_fourth_product_is_refused(dtype, share):
    rng = random_generator("fourth", dtype, share)
    kernel = products(rng, (1, 9, 8, 1), dtype, 3) + np.array(share, dtype) * products(rng, (1, 9, 8, 1), dtype)
    with pytest.raises(ValueError, match="kernel 0 of 1"):
        by_factors(np.ones((1, 20, 21, 1), dtype), kernel)


def test_the_complex_kernel_that_is_refused_is_told():
    kernels = mixed_products(random_generator("complex"), (5, 6, 7, 1), "complex64")
    kernels[3] = np.exp(1j * np.outer(range(6), range(7)))[..., np.newaxis]
    with pytest.raises(ValueError, match="kernel 3 of 5"):
        by_factors(np.ones((1, 20, 21, 1), "c8"), kernels)


def test_most_rows_are_taken():
    images = real_numbers(random_generator("most"), (1, 260, 30, 1), "f4")
    for rows, rank in ((256, 1), (128, 2), (85, 3)):
        kernels = products(random_generator("most", rows), (1, rows, 5, 1), "f4", rank)
        assert_within_bound(by_factors(images, kernels), exact(images, kernels), allowed_error(images, kernels))


@for_each("tap", [1e-320, 1e-310, 1e-160, 1e160, 1e306, NAN, INF])
def test_auto_warns_of_no_kernel(tap):
    image = real_numbers(random_generator("warns"), (500, 700), "f8")
    for kernel in (np.full((13, 13), tap), np.where(np.eye(13), tap, 1)):
        assert xcorr.correlate(image, kernel).shape == (488, 688)
