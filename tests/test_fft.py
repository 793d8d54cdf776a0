"""fft on numbers of any size that are tame: its transforms, its bound, its sections and the other verbs."""

import pickle
from math import log2

import numpy as np
import pytest
from checks import assert_same_bits, fast_correlate, random_generator, real_numbers, to_layout, whole_numbers
from looping import for_each
from memory_orders import MEMORY
from scipy import fft as scipy_fft
from spectral_cases import (
    GEOMETRIES,
    assert_within_bound,
    by_fft,
    over_dtypes,
    over_geometries,
    over_reals,
    over_some_geometries,
    problem,
    section_of,
    wide,
)

import xcorr
from xcorr import _dispatch, _workers
from xcorr._engine import Engine, lanes_of
from xcorr._methods import sections

pytestmark = pytest.mark.usefixtures("level")

# --- the transforms -----------------------------------------------------------------------------------------------


def frequencies(radices, length):
    """The frequency at each position after passes of these radices that do not reorder."""
    found = np.zeros(length, int)
    for position in range(length):
        rest, step, frequency, weight = position, length, 0, 1
        for radix in radices:
            step //= radix
            digit, rest = divmod(rest, step)
            frequency, weight = frequency + digit * weight, weight * radix
        found[position] = frequency
    return found


@for_each(
    "size", [(2 * length, 16) for length in sections.SIZES] + [(32, length) for length in sections.SIZES if length > 16]
)
@over_reals
def test_transforms_are_those_of_scipy(size, dtype):
    height, width = size
    level, summed = _dispatch.current(), np.dtype(dtype).str[1:]
    rng = random_generator("transforms", size, dtype)
    for kernel_height, kernel_width in ((height, width), (height // 2 + 1, 3), (1, width - 3)):
        axes = tuple((side, side, 0, 1, 1, 1) for side in (kernel_height, kernel_width))
        section = height, width, height, width, 1, 1
        engine = Engine(level.table, axes, (1, 1, 1), (1, 1, False), summed, "fft", ("constant",) * 2, section)
        kernels = real_numbers(rng, (1, kernel_height * kernel_width), dtype)
        spectra, exponents = np.empty((1, height * width), dtype), np.empty(1, np.intc)
        engine.transform(kernels, spectra, exponents)

        lanes, half = lanes_of(level.table, summed), height // 2
        parts = spectra.astype(np.longdouble).reshape(half // lanes, width, 2, lanes)
        values = (parts[:, :, 0] + 1j * parts[:, :, 1]).transpose(0, 2, 1).reshape(half, width)
        found = np.empty_like(values)
        down, across = engine.radices
        found[np.ix_(frequencies(down, half), frequencies(across, width))] = values * 2.0 ** exponents[0]
        section = np.zeros((height, width), np.longdouble)
        section[:kernel_height, :kernel_width] = kernels.reshape(kernel_height, kernel_width)
        angles = np.longdouble("1.57079632679489661923") * np.arange(half)[:, None] / half
        turns = np.cos(angles) + 1j * np.sin(angles)
        expected = scipy_fft.fft2((section[:half] + 1j * section[half:]) * turns)
        allowed = 0.5 * log2(height * width) * np.finfo(dtype).eps / 2 * np.linalg.norm(expected)
        assert np.linalg.norm(found - expected) <= allowed


# --- the whole contract -------------------------------------------------------------------------------------------


@over_geometries
@over_dtypes
def test_error_is_within_its_bound(case, dtype):
    images, kernels, keywords = problem(case, dtype)
    response = by_fft(images, kernels, **keywords)
    assert response.dtype == np.dtype(dtype)
    assert_within_bound(response, images, kernels, **keywords)


@for_each("dtype", ["float32", "float64"])
@over_some_geometries
def test_error_is_within_its_bound_for_equal_numbers(case, dtype):
    """Every rounding of such a sum goes the same way."""
    images, kernels = np.full(case.images, 0.1, dtype), np.full(case.kernels, 0.1, dtype)
    n_taps = fast_correlate(np.ones(case.images), np.ones(case.kernels), **case.keywords)
    expected = n_taps * np.longdouble(images.flat[0]) ** 2
    assert_within_bound(by_fft(images, kernels, **case.keywords), images, kernels, expected, **case.keywords)


@for_each(
    ("images_dtype", "kernels_dtype"),
    [("float32", "complex64"), ("complex64", "float32"), ("float16", "float32"), ("complex64", "float64")],
)
@over_some_geometries
def test_dtypes_may_be_mixed(case, images_dtype, kernels_dtype):
    images, _, keywords = problem(case, images_dtype)
    kernels = problem(case, kernels_dtype)[1]
    keywords["bias"] = None
    for conjugate in (True, False):
        response = by_fft(images, kernels, conjugate=conjugate, **keywords)
        assert response.dtype == np.result_type(images, kernels)
        assert_within_bound(response, images, kernels, conjugate=conjugate, **keywords)


@for_each("dtype", ["complex64", "complex128"])
@over_some_geometries
def test_complex_kernels_are_conjugated_or_not(case, dtype):
    images, kernels, keywords = problem(case, dtype)
    response = by_fft(images, kernels, conjugate=False, **keywords)
    assert_within_bound(response, images, kernels, conjugate=False, **keywords)


@for_each("dtype", ["float64", "complex64", "float16"])
@over_some_geometries
def test_another_dtype_of_the_response(case, dtype):
    images, kernels, keywords = problem(case, "float32")
    response = by_fft(images, kernels, dtype=dtype, **keywords)
    assert response.dtype == np.dtype(dtype)
    if dtype == "float64":
        assert_within_bound(response, images, kernels, dtype=dtype, **keywords)
    else:
        with np.errstate(over="ignore"):
            assert_same_bits(response, by_fft(images, kernels, **keywords).astype(dtype))


@over_geometries
def test_layouts_do_not_change_bits(case):
    images, kernels, keywords = problem(case, "float32")
    expected = by_fft(images, kernels, **keywords)
    response = by_fft(to_layout(images, "NCHW"), to_layout(kernels, "NCHW"), layout="NCHW", **keywords)
    assert_same_bits(np.moveaxis(response, 1, -1), expected)
    assert_same_bits(by_fft(images[-1], kernels, layout="NHWC", **keywords), expected[-1])
    if case.images[3] == 1:
        response = by_fft(to_layout(images, "NHW"), to_layout(kernels, "NHW"), layout="NHW", **keywords)
        assert_same_bits(response, expected)
    if case.groups == 1:
        bias = None if keywords.pop("bias") is None else problem(case, "float32")[2]["bias"][-1]
        assert_same_bits(by_fft(images, kernels[-1], layout="NHWC", bias=bias, **keywords), expected[..., -1])


@for_each("order", MEMORY.values(), ids=MEMORY)
@pytest.mark.parametrize("dtype", ["float32", "complex64", "float16"])
def test_memory_order_does_not_change_bits(order, dtype):
    images, kernels, keywords = problem(GEOMETRIES[5], dtype)
    expected = by_fft(images, kernels, **keywords)
    assert_same_bits(by_fft(order(images), order(kernels), **keywords), expected)


OUTS = {name: MEMORY[name] for name in MEMORY if "byte-order" not in name and name not in ("read-only", "subclass")}


@for_each("order", OUTS.values(), ids=OUTS)
@pytest.mark.parametrize("dtype", ["float32", "complex64"])
def test_out_of_any_strides_does_not_change_bits(order, dtype):
    images, kernels, keywords = problem(GEOMETRIES[5], dtype)
    expected = by_fft(images, kernels, **keywords)
    out = order(np.full(expected.shape, 77, dtype))
    assert by_fft(images, kernels, out=out, **keywords) is out
    assert_same_bits(out, expected)


@pytest.mark.parametrize("offset", [0, 1, 37, 1000])
def test_out_may_overlap_the_images(offset):
    rng = random_generator("overlap")
    memory = real_numbers(rng, (2 * 60 * 70 + 1000,), "float32")
    images, kernels = memory[: 2 * 60 * 70].reshape(2, 60, 70, 1), real_numbers(rng, (1, 15, 13, 1), "float32")
    expected = by_fft(images.copy(), kernels, padding="same")
    out = memory[offset : offset + 2 * 60 * 70].reshape(2, 60, 70, 1)
    assert_same_bits(by_fft(images, kernels, padding="same", out=out), expected)


def test_buffer_offsets_do_not_change_bits():
    images, kernels, keywords = problem(GEOMETRIES[4], "float32")
    expected = by_fft(images, kernels, **keywords)
    for offset in (1, 2, 3, 4, 5, 12, 33):
        out = np.empty(expected.nbytes + offset, np.uint8)[offset:].view("f4").reshape(expected.shape)
        memory = np.empty(images.nbytes + offset, np.uint8)[offset:].view("f4").reshape(images.shape)
        memory[...] = images
        by_fft(memory, kernels, out=out, **keywords)
        assert_same_bits(out, expected)


# --- sections -----------------------------------------------------------------------------------------------------


def scaled_sides(first, last, step):
    return sorted({*range(first, first + 6), *range(first, last, step)})


@pytest.mark.parametrize("kernel", [(7, 6), (1, 9), (9, 1), (33, 20)], ids=str)
def test_images_of_every_remainder(kernel):
    """Both sides by turns; whole numbers, so that direct sums in float64 are exact."""
    rng = random_generator("remainders", kernel)
    kernels = whole_numbers(rng, (2, *kernel, 1), "float32")
    heights, widths = (scaled_sides(length, 150, 3) for length in kernel)
    larger = whole_numbers(rng, (1, 150, 150, 1), "float32")
    for height, width in [(height, kernel[1] + 41) for height in heights] + [
        (kernel[0] + 41, width) for width in widths
    ]:
        images = larger[:, :height, :width]
        expected = xcorr.correlate(wide(images), wide(kernels), method="direct")
        assert_within_bound(by_fft(images, kernels), images, kernels, expected)


@pytest.mark.parametrize(
    ("images", "kernels", "keywords"),
    [
        ((1, 700, 650, 1), (1, 130, 101, 1), {}),
        ((1, 300, 280, 2), (2, 300, 280, 2), {}),
        ((1, 300, 280, 1), (1, 290, 279, 1), {"padding": "same"}),
        ((1, 3000, 20, 1), (1, 40, 16, 1), {}),
        ((1, 20, 3000, 1), (1, 16, 40, 1), {"padding": "same"}),
        ((1, 4, 5000, 1), (2, 1, 1300, 1), {}),
        ((1, 5000, 3, 1), (2, 1300, 1, 1), {"padding": "full"}),
        ((1, 2, 9000, 1), (1, 1, 300, 1), {"stride": (1, 3)}),
        ((1, 150, 140, 3), (3, 12, 11, 3), {"dilation": (8, 9), "padding": "same"}),
        ((1, 190, 230, 1), (2, 31, 40, 1), {"stride": (7, 3), "padding": ((15, 15), (4, 20)), "boundary": "reflect"}),
        ((2, 40, 41, 300), (2, 12, 13, 300), {}),
        ((1, 90, 80, 33), (33, 20, 21, 1), {"groups": 33, "padding": "same"}),
    ],
    ids=str,
)
def test_large_images_and_kernels(images, kernels, keywords):
    rng = random_generator("large", images, kernels)
    dtype = rng.choice(["float32", "float64"])
    images, kernels = whole_numbers(rng, images, dtype), whole_numbers(rng, kernels, dtype)
    expected = xcorr.correlate(wide(images), wide(kernels), method="direct", **keywords)
    assert_within_bound(by_fft(images, kernels, **keywords), images, kernels, expected, **keywords)


# --- the other verbs ----------------------------------------------------------------------------------------------


@for_each("dtype", ["float32", "complex64"])
@over_some_geometries
def test_convolve_flips_the_kernels(case, dtype):
    images, kernels, keywords = problem(case, dtype)
    response = xcorr.convolve(images, kernels, method="fft", **keywords)
    assert_same_bits(response, by_fft(images, kernels[:, ::-1, ::-1], conjugate=False, **keywords))


@for_each("dtype", ["float32", "complex64"])
@over_geometries
def test_correlators_have_the_bits_of_correlate(case, dtype):
    images, kernels, keywords = problem(case, dtype)
    expected = by_fft(images, kernels, **keywords)
    correlator = xcorr.Correlator(kernels, method="fft", **keywords)
    restored = pickle.loads(pickle.dumps(correlator))
    out = np.zeros_like(expected)
    for _ in range(2):
        assert_same_bits(correlator(images), expected)
        assert_same_bits(correlator(images[:1], workers=2), expected[:1])
        assert correlator(images, out=out) is out
        assert_same_bits(out, expected)
    assert_same_bits(pickle.loads(pickle.dumps(correlator))(images), expected)
    assert_same_bits(restored(images), expected)
    assert "method fft" in correlator.explain(images.shape, dtype=dtype)


@pytest.mark.parametrize("dtype", ["float32", "complex128"])
def test_a_correlator_serves_images_of_many_shapes(dtype):
    """Each shape has its own section, and kernels have other spectra for each."""
    rng = random_generator("shapes")
    kernels = real_numbers(rng, (3, 25, 20, 2), dtype)
    correlator = xcorr.Correlator(kernels, method="fft", padding="same")
    shapes = [(1, 12, 13, 2), (1, 60, 20, 2), (1, 20, 60, 2), (2, 90, 110, 2), (1, 300, 20, 2)]
    assert len({section_of(np.zeros(shape, dtype), kernels, padding="same") for shape in shapes}) > 3
    for shape in (*shapes, *shapes[::-1]):
        images = real_numbers(rng, shape, dtype)
        assert_same_bits(correlator(images), by_fft(images, kernels, padding="same"))
        assert_within_bound(correlator(images), images, kernels, padding="same")


def test_kernels_longer_than_any_section_are_transformed():
    rng = random_generator("kernels of thousands of taps")
    for side in ((2100, 40), (40, 2100), (2060, 2060)):
        images = rng.integers(-9, 10, [length + 25 for length in side])
        kernels = rng.integers(-9, 10, side)
        assert xcorr.choose_method(images.shape, kernels.shape, dtype=np.float64) == "fft"
        found = xcorr.correlate(images.astype(np.float64), kernels.astype(np.float64))
        places = [(0, 0), (25, 25), (11, 7)]
        for row, column in places:
            window = images[row : row + side[0], column : column + side[1]]
            assert found[row, column] == (window * kernels).sum()
        assert xcorr.correlate(images[:, : side[1]], kernels).shape == (26, 1)


def test_a_second_worker_has_what_spectra_leave_of_the_workspace(monkeypatch):
    found, run = [], _workers.run

    def noted(call, n_workers):
        found.append((type(call).__name__, n_workers, call.workspace_bytes))
        run(call, n_workers)

    monkeypatch.setattr(_workers, "run", noted)
    rng = random_generator("second worker")
    image, kernel = (real_numbers(rng, (1, side, side, 12), "float32") for side in (1200, 400))
    responses = [xcorr.correlate(image, kernel, method="fft", workers=workers) for workers in (1, 2)]
    assert_same_bits(*responses)
    (_, alone, n_bytes), (_, both, _) = (call for call in found if call[0] == "FourierSections")
    assert (alone, both) == (1, 2)
    assert _workers.WORKSPACE_LIMIT // 2 < 2 * n_bytes < _workers.WORKSPACE_LIMIT
