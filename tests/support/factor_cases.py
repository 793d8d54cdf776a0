"""What the tests of method "separable" draw and how far its responses may be off."""

from math import sqrt
from unittest import mock

import guarded
import numpy as np
from cases import FEW, Case
from checks import fast_correlate, random_generator, real_numbers, whole_numbers
from looping import for_each

import xcorr

MOST_ROWS, MOST_PRODUCTS = 256, 3
GEOMETRIES = [
    Case("one-tap", (3, 5, 6, 1), (3, 1, 1, 1), bias=True),
    Case("one-window", (3, 9, 12, 3), (3, 9, 12, 3), bias=True),
    Case("plain", (3, 40, 51, 1), (1, 11, 9, 1), bias=True),
    Case("bank", (3, 13, 37, 1), (5, 4, 5, 1), padding="same"),
    Case("many-kernels", (3, 9, 15, 5), (37, 3, 3, 5), padding=1, bias=True),
    Case("many-channels", (3, 7, 9, 70), (6, 3, 2, 70)),
    Case("narrow", (3, 30, 3, 1), (4, 5, 2, 1), padding=((0, 2), (1, 0))),
    Case("low", (3, 3, 150, 2), (3, 3, 7, 2), padding="full"),
    Case("filled", (3, 21, 30, 2), (3, 8, 9, 2), padding="same", fill_value=3),
    Case("edge", (3, 19, 30, 2), (3, 9, 7, 2), padding=5, boundary="edge"),
    Case("reflected", (3, 13, 16, 2), (3, 12, 9, 2), padding=((2, 15), (0, 31)), boundary="reflect", bias=True),
    Case("symmetric", (3, 13, 16, 1), (2, 8, 8, 1), padding="full", boundary="symmetric"),
    Case("wrapped", (3, 9, 7, 3), (2, 10, 12, 3), padding=16, boundary="wrap"),
    Case("strided", (3, 45, 50, 2), (3, 12, 10, 2), stride=(3, 2), padding=4, bias=True),
    Case("strided-past-the-kernel", (3, 60, 61, 1), (2, 5, 6, 1), stride=(9, 20)),
    Case("dilated", (3, 45, 48, 2), (3, 6, 5, 2), dilation=(3, 7), padding="same", bias=True),
    Case("strided-dilated", (3, 44, 61, 3), (4, 7, 6, 3), stride=(2, 5), dilation=(4, 2), padding=((7, 2), (0, 9))),
    Case("grouped", (3, 33, 28, 6), (9, 9, 10, 2), groups=3, padding="same", bias=True),
    Case("depthwise", (3, 20, 23, 7), (14, 11, 8, 1), groups=7, bias=True),
    Case("row", (3, 5, 400, 1), (2, 1, 300, 1), padding="same"),
    Case("column", (3, 200, 5, 2), (2, 120, 1, 2), bias=True),
    Case("many-strips", (3, 150, 171, 1), (2, 13, 13, 1), padding="same"),
]
DTYPES = ("float32", "float64", "complex64", "complex128", "float16")
over_geometries = for_each("case", GEOMETRIES)
over_some = for_each(
    "case",
    [case for case in GEOMETRIES if case.id in ("bank", "reflected", "strided-dilated", "grouped", "many-kernels")],
)
over_dtypes = for_each("dtype", DTYPES)
over_reals = for_each("dtype", ["float32", "float64"])

WHOLE = {
    "box": (np.ones(5), np.ones(9)),
    "binomial": ([1, 4, 6, 4, 1], [1, 6, 15, 20, 15, 6, 1]),
    "Sobel": ([1, 2, 1], [-1, 0, 1]),
    "row": ([1], [1, -2, 1]),
    "column": ([3, 0, -7], [1]),
    "thirds": ([3, 6, 9], [7, 49, 21]),
}


def by_factors(images, kernels, **keywords):
    return xcorr.correlate(images, kernels, method="separable", **keywords)


def products(rng, shape, dtype, rank=1, draw=real_numbers):
    """Kernels (K, axes ..., taps of a row) that are sums of so many products of a column and a row of taps."""
    dtype = np.dtype(dtype)
    draw = whole_numbers if dtype == np.float16 or dtype.kind in "biu" else draw  # others would be rounded
    n_kernels, n_columns = shape[0], int(np.prod(shape[-2:]))
    n_rows = int(np.prod(shape[1:-2]))
    exact = np.result_type(dtype, "i8")
    rank = 1 if dtype.kind == "b" else rank
    total = np.zeros((n_kernels, n_rows, n_columns), exact)
    for _ in range(rank):
        total += draw(rng, (n_kernels, n_rows, 1), dtype).astype(exact) * draw(rng, (n_kernels, 1, n_columns), dtype)
    return total.reshape(shape).astype(dtype)


def mixed_products(rng, shape, dtype, draw=real_numbers):
    """A bank in which one kernel is one product, the next the sum of two, and so on; complex ones are one each."""
    n_most = 1 if np.dtype(dtype).kind == "c" else min(MOST_PRODUCTS, MOST_ROWS // shape[1])
    first = int(rng.integers(n_most))
    kernels = [products(rng, (1, *shape[1:]), dtype, 1 + (first + k) % n_most, draw) for k in range(shape[0])]
    return np.concatenate(kernels)


def problem(case, dtype, draw=real_numbers):
    """A case's operands and keywords."""
    rng = random_generator(case.id, dtype)
    images, kernels = draw(rng, case.images, dtype), mixed_products(rng, case.kernels, dtype, draw)
    return images, kernels, dict(case.keywords, bias=draw(rng, case.kernels[0], dtype) if case.bias else None)


def kernels_like(rng, kernels, layout):
    """Products in place of the kernels of a call, whatever their axes are."""
    has_kernels, first = kernels.ndim == len(layout), layout[1] == "C" and kernels.ndim >= len(layout) - 1
    shape = kernels.shape if has_kernels else (1, *kernels.shape)
    if len(shape) < len(layout) or "C" not in layout:
        shape = (*shape, 1)
    elif first:
        shape = (shape[0], *shape[2:], shape[1])
    found = mixed_products(rng, shape, kernels.dtype)
    found = np.moveaxis(found, -1, 1) if first and "C" in layout else found
    return np.ascontiguousarray(found.reshape(kernels.shape))


def sums_of_singular_values(kernels, layout):
    """The sum for each kernel, and how many rows and columns a kernel's matrix has."""
    n_axes = sum(letter in "DHW" for letter in layout)
    has_kernels = kernels.ndim == len(layout)
    bank = kernels if has_kernels else kernels[np.newaxis]
    if "C" not in layout or kernels.ndim == n_axes:
        bank = bank[..., np.newaxis]
    elif layout[1] == "C":
        bank = np.moveaxis(bank, 1, -1)
    matrices = bank.reshape(len(bank), -1, bank.shape[-1] * bank.shape[-2])
    n_rows, n_columns = matrices.shape[1:]
    if matrices.dtype.kind == "c":
        matrices = np.concatenate([matrices.real, matrices.imag], axis=2)
    sums = np.linalg.svd(matrices.astype(np.float64), compute_uv=False).sum(axis=1)
    return (sums if has_kernels else sums[0]), n_rows, n_columns


def allowed_error(images, kernels, *, layout="NHWC", bias=None, dtype=None, conjugate=True, fill_value=0, **geometry):
    """(8 + 2 sqrt(rows) + 2 sqrt(columns)) u |window| (sum of singular values) of each part, a bias as one more tap."""
    dtype = np.dtype(dtype or np.result_type(images, kernels))
    summed = np.promote_types(dtype, np.float32)
    magnitudes, largest = np.abs(images.astype(np.complex128)), np.abs(kernels).max(initial=0).astype("f8") or 1
    known = np.append(magnitudes, abs(fill_value))
    brightest = known[np.isfinite(known)].max(initial=0) or 1  # whose square may be out of range
    words = {"layout": layout, "fill_value": (abs(fill_value) / brightest) ** 2, "method": "direct", **geometry}
    norms = np.sqrt(xcorr.correlate((magnitudes / brightest) ** 2, np.ones(kernels.shape), **words)) * brightest
    sums, n_rows, n_columns = sums_of_singular_values(kernels / largest, layout)
    with np.errstate(over="ignore"):
        sums = sums * largest
    bias = np.abs(0 if bias is None else np.asarray(bias, np.complex128))
    if np.ndim(sums) and layout[1] == "C":
        sums, bias = (np.reshape(one, (*np.shape(one), *[1] * (len(layout) - 2))) for one in (sums, bias))
    n_columns = n_columns * (2 if summed.kind == "c" else 1) + np.any(bias)
    return (8 + 2 * sqrt(n_rows) + 2 * sqrt(n_columns)) * np.finfo(summed).eps / 2 * (norms * sums + bias)


def exact(images, kernels, **keywords):
    """The responses in float64, those of float64 in long double."""
    wide = np.longdouble if np.result_type(images, kernels) in (np.float64, np.complex128) else np.float32
    return fast_correlate(images.astype(np.result_type(images, wide)), kernels, **keywords)


def assert_within_bound(response, expected, allowed):
    """Each part of each response is; those of float16 are rounded once more."""
    assert response.shape == expected.shape
    if response.dtype == np.float16:
        allowed = allowed + np.spacing((np.abs(expected) + allowed).astype(np.float16)).astype(np.float64)
    errors = response.astype(np.result_type(response, expected)) - expected
    shares = np.maximum(np.abs(errors.real), np.abs(errors.imag)) / np.maximum(allowed, np.finfo("f8").tiny)
    assert np.all(shares <= 1), f"an error of {np.max(shares):.3g} times its bound at {np.argwhere(~(shares <= 1))[0]}"


# --- between guard pages ----------------------------------------------------------------------------------------------

GUARDED = [
    *(case for case in FEW if case.images[0] and case.kernels[0] and case.kernels[1] * MOST_PRODUCTS <= MOST_ROWS),
    *(Case(f"one-tap-{columns}", (1, 3, columns, 1), (1, 1, 1, 1)) for columns in (1, 2, 5, 6, 9, 15, 20)),
    *(Case(f"one-kernel-{columns}", (1, 4, columns, 1), (1, 3, 3, 1)) for columns in (3, 7, 10, 18, 34, 67)),
    *(Case(f"rows-{rows}", (2, rows, 19, 1), (3, 4, 5, 1), padding="same") for rows in (1, 5, 9, 32)),
    *(Case(f"channels-{depth}", (1, 5, 9, depth), (17, 3, 3, depth)) for depth in (2, 3, 8)),
]


def whole_products(rng, shape, dtype):
    """Whole numbers that are one product each; real ones, whose factors are whole, too."""
    real = np.dtype(dtype).type(0).real.dtype
    return products(rng, shape, real, draw=whole_numbers).astype(dtype)


def with_an_infinity(method, images, kernels):
    images = images.copy()
    if images.dtype.kind in "fc":
        images[-1, images.shape[1] // 2, images.shape[2] // 2, -1] = np.inf
    return images, kernels


def run(dtype, results):
    """The calls of `guarded.run` with kernels that have factors."""
    with mock.patch.multiple(
        guarded, whole_numbers=whole_products, OF_METHOD={"separable": GUARDED}, with_infinities=with_an_infinity
    ):
        guarded.run("separable", dtype, results)
