"""Bounds hold for any number of channels, also where these are alike and every rounding goes the same way."""

import numpy as np
import pytest
from cases import Case
from checks import assert_same_bits, random_generator, real_numbers
from looping import for_each
from many_channels import NUMBERS, Alike, alike

import xcorr
from xcorr._methods import sections

pytestmark = pytest.mark.usefixtures("level")

DEPTHS = (1, 9, 80, 517, 8192)
SIZES = {  # of image and kernel
    "direct": ((4, 5), (3, 4)),
    "matmul": ((4, 5), (3, 4)),
    "winograd": ((4, 6), (3, 3)),
    "fft": ((12, 14), (11, 9)),
}
by_method = pytest.mark.parametrize("method", SIZES)
over_numbers = for_each("numbers", NUMBERS)
over_dtypes = pytest.mark.parametrize("dtype", ["float32", "float64", "complex64", "complex128"])


@for_each("depth", DEPTHS)
@by_method
@over_dtypes
@over_numbers
def test_error_of_a_method_is_within_its_bound(method, dtype, numbers, depth):
    rng = random_generator(method, dtype, numbers, depth)
    if dtype == "complex128":
        depth = min(depth, 4096)  # spectra of more do not fit the workspace
    for _ in range(2 if depth > 600 else 8):
        call = alike(rng, numbers, *SIZES[method], 2, depth, dtype)
        assert call.worst(method) <= 1


@by_method
@pytest.mark.parametrize("depth", [5, 100, 1000])
def test_error_is_within_the_bound_in_every_group(method, depth):
    rng = random_generator("groups", method, depth)
    for numbers in NUMBERS:
        assert alike(rng, numbers, *SIZES[method], 6, depth, "float32", groups=3).worst(method) <= 1


@pytest.mark.parametrize(("size", "kernel"), [((10, 10), (3, 3)), ((16, 16), (16, 16)), ((64, 64), (25, 25))])
@pytest.mark.parametrize("depth", [32, 64, 512])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_error_of_auto_is_within_the_bound_of_the_method_that_it_takes(size, kernel, depth, dtype):
    rng = random_generator("auto", size, kernel, depth, dtype)
    for numbers in NUMBERS:
        call = alike(rng, numbers, size, kernel, {(3, 3): 32, (16, 16): 2}.get(kernel, 1), depth, dtype)
        assert call.worst("auto") <= 1


def test_auto_takes_each_method_in_the_test_above():
    taken = {
        xcorr.choose_method((1, *size, 512), (n_kernels, *kernel, 512))
        for size, kernel, n_kernels in (((10, 10), (3, 3), 32), ((64, 64), (25, 25), 1), ((16, 16), (16, 16), 2))
    }
    assert taken == {"winograd", "fft", "matmul"}


HARDEST = np.array([[1, 0, 0, 1], [1, 1, 0, 0], [0, 1, 1, 0], [0, 0, 0, 1]])
"""Of all pixels of 0 and 1, among those whose transforms are the largest beside what the bound is of, with one tap."""


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("depth", [33, 64, 66, 500])
def test_winograd_keeps_its_bound_where_quads_cancel_most(dtype, depth):
    rng = random_generator("quads", dtype, depth)
    few_kernels = np.zeros((1, 3, 3, 1), dtype)
    for _ in range(40):
        few_images = (HARDEST * rng.uniform(0.95, 1, (4, 4))).astype(dtype)[None, :, :, None]
        few_kernels[0, 0, 0] = rng.uniform(0.5, 1)
        images, kernels = np.tile(few_images, depth), np.tile(few_kernels, depth)
        assert Alike(images, kernels, few_images, few_kernels, depth, 1).worst("winograd") <= 1


# --- bits -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["float32", "complex128"])
@pytest.mark.parametrize(
    "case",
    [
        Case("winograd", (3, 7, 6, 150), (19, 3, 3, 150)),
        Case("winograd-groups", (2, 5, 6, 270), (10, 3, 3, 135), groups=2),
        Case("fft", (3, 30, 21, 23), (19, 9, 10, 23)),
        Case("fft-groups", (2, 20, 19, 62), (10, 8, 8, 31), groups=2),
    ],
    ids=str,
)
def test_bits_of_carried_sums_do_not_depend_on_workers_batch_or_bank(case, dtype, monkeypatch):
    monkeypatch.setattr("xcorr._job.MULTIPLY_ADDS_PER_WORKER", 1)
    rng, method = random_generator(case.id, dtype), case.id.partition("-")[0]
    images, kernels = real_numbers(rng, case.images, dtype), real_numbers(rng, case.kernels, dtype)
    together = xcorr.correlate(images, kernels, method=method, groups=case.groups, workers=1)
    for workers in (2, 3):
        again = xcorr.correlate(images, kernels, method=method, groups=case.groups, workers=workers)
        assert_same_bits(again, together)
    assert_same_bits(xcorr.correlate(images[-1:], kernels, method=method, groups=case.groups), together[-1:])
    if case.groups == 1:
        for first, end in ((0, 1), (3, 12), (18, 19)):
            alone = xcorr.correlate(images, kernels[first:end], method=method)
            assert_same_bits(alone, together[..., first:end])


# --- integers ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["direct", "matmul", "fft", "auto"])
@pytest.mark.parametrize("dtype", ["uint8", "int16"])
@pytest.mark.parametrize("depth", [3, 64, 1500])
def test_integers_are_exact_at_the_ends_of_their_range(method, dtype, depth):
    ends = np.iinfo(dtype)
    for image, tap in ((ends.max, ends.max), (ends.min, ends.max), (ends.min, ends.min)):
        images, kernels = np.full((1, 11, 12, depth), image, dtype), np.full((2, 10, 11, depth), tap, dtype)
        response = xcorr.correlate(images, kernels, method=method)
        assert response.dtype == np.int64
        assert (response == int(image) * int(tap) * 110 * depth).all()


def test_the_proof_for_integers_counts_channels():
    """The norm of channels that are alike grows with the root of their number, and so do errors."""
    few = sections.Sizes(20, 20, 10, 10, 1, 1, 1, 16, 1, 8)
    section, _ = sections.cheapest(few)

    def largest_proven(depth):
        bounds = 2 ** np.arange(0, 60, 0.01)
        return max(bound for bound in bounds if sections.rounds_right(bound, few._replace(depth=depth), section))

    for depth in (4, 100, 8192):
        assert largest_proven(depth) == pytest.approx(largest_proven(1) / depth**0.5, rel=0.02)


def test_errors_of_whole_numbers_by_transforms_are_within_the_proof_for_integers():
    """A proof that holds is far from what errors are, yet they have to be below it."""
    rng = random_generator("proof")
    for depth in (1, 40, 3000):
        pixel, tap = (int(value) for value in rng.integers(2**12, 2**14, 2))
        images, kernels = np.full((1, 16, 16, depth), float(pixel)), np.full((1, 9, 9, depth), float(tap))
        exact = pixel * tap * 81 * depth
        error = float(np.abs(xcorr.correlate(images, kernels, method="fft") - exact).max())
        assert error <= (24 * np.log2(256) + sections.SUMMED + 3) * 2.0**-53 * (512 * depth) ** 0.5 * exact
