"""Transforms of planes beside NumPy's, whole and in parts; the short way of `register` beside the long."""

import numpy as np
import pytest
from checks import random_generator
from looping import for_each

import xcorr
from xcorr import _dispatch
from xcorr._plane_transforms import Planes, transforms_of
from xcorr._shifts import PlaneTransforms
from xcorr._transforms import Lines

SIDES = ((32, 32), (5, 6), (1, 8), (8, 1), (60, 50), (27, 45), (16, 9), (3, 1), (1, 48), (625, 20), (1024, 36))
ROUNDING = {"f4": 2e-6, "f8": 4e-15}
"""Of transforms as a share of the largest value: some units for each pass."""


def spectrum_of(transforms, spectra):
    """The frequencies of half of the rows in their order, as complex numbers."""
    parts = spectra[:, :, :, 0] + 1j * spectra[:, :, :, 1]
    rows = parts.transpose(0, 1, 3, 2).reshape(len(spectra), -1, transforms.sides[1])
    return rows[:, : transforms.sides[0] // 2 + 1][:, :, transforms.places()]


@for_each(("sides", "dtype", "part"), ((sides, dtype, part) for sides in SIDES for dtype in ("f4", "f8")
                                       for part in (1, 2)))  # fmt: skip
def test_planes_are_transformed_as_numpy_does(level, sides, dtype, part):
    transforms = PlaneTransforms(_dispatch.current().table, dtype, *sides, 2**18)
    shape = (2, *(max(1, side // part) for side in sides))
    planes = random_generator("planes", sides, part).standard_normal(shape).astype(dtype)
    means = np.array([0.25, -0.5]) if part == 1 else np.zeros(2)
    workspace = np.full(transforms.n_points, np.nan, dtype)
    spectra = np.full((2, *transforms.shape), np.nan, dtype)
    transforms.forward(planes, means, spectra, workspace)
    wanted = np.fft.fft2(planes - means.reshape(2, 1, 1), sides)
    bound = ROUNDING[dtype] * np.abs(wanted).max()
    assert np.abs(spectrum_of(transforms, spectra) - wanted[:, : sides[0] // 2 + 1]).max() <= bound

    size = sides[0] // 2 + 1, sides[1] // 3 + 1
    first = (sides[0] - 1) // 2, 2 * sides[1] // 3
    kept = np.full((2, *size), np.nan, dtype)
    transforms.backward(spectra, kept, workspace, *first, np.array([2 / np.prod(sides)]))
    own = np.zeros((2, *sides))
    own[:, : shape[1], : shape[2]] = planes - means.reshape(2, 1, 1)
    own = 2 * np.roll(own, [-place for place in first], (1, 2))[:, : size[0], : size[1]]
    assert np.abs(kept - own).max() <= ROUNDING[dtype] * max(1, np.abs(own).max())


@for_each(("dtype",), (("f4",), ("f8",)))
def test_parts_by_workers_have_the_bits_of_all_at_once(level, dtype):
    lengths = 600, 500
    transforms = transforms_of(lengths, np.dtype(dtype))
    assert isinstance(transforms, Planes)
    assert transforms.is_large
    planes = random_generator("parts").random((1, *lengths)).astype(dtype)
    spectra = [transforms.forward(planes, np.ones(1), n_workers) for n_workers in (1, 3)]
    whole = np.empty_like(spectra[0])
    transforms.own.forward(planes, np.ones(1), whole, transforms.workspace())
    sums = [transforms.backward(own, [None, None], np.ones(1), n) for own, n in zip(spectra, (1, 3), strict=True)]
    back = np.empty_like(sums[0])
    transforms.own.backward(whole, back, transforms.workspace(), 0, 0, np.ones(1))
    assert np.array_equal(sums[0], sums[1])
    assert np.array_equal(sums[0], back)


@for_each(("dtype",), (("f4",), ("f8",)))
def test_products_and_phases_are_those_of_lines(level, dtype):
    lengths = 30, 24
    rng = random_generator("phases")
    a, b = (rng.standard_normal((n, *lengths)).astype(dtype) for n in (1, 3))
    a -= a.mean()
    wanted, shifts, parts = None, rng.integers(-9, 9, (3, 2)), rng.uniform(-1, 1, 4)
    for transforms in (Lines(lengths, np.dtype(dtype)), transforms_of(lengths, np.dtype(dtype))):
        spectra = [transforms.forward(own, None, 1) for own in (a, b)]
        product = transforms.multiply(*spectra, None, 1)
        transforms.add_product(*spectra, product, 1)
        counts = transforms.phases(product)
        found = [counts, transforms.waves_at(product.copy(), shifts, parts),
                 transforms.backward(product, [None, np.arange(20, 27) % 24], 1 / counts, 1)]  # fmt: skip
        wanted = found if wanted is None else wanted
        for own, other in zip(found, wanted, strict=True):
            assert np.abs(own - other).max() <= 500 * ROUNDING[dtype]
    assert (wanted[0] == 30 * 24 - 1).all()


@for_each(("sides", "dtype"), ((sides, dtype) for sides in SIDES for dtype in ("f4", "f8")))
def test_columns_beside_each_other_change_no_bit(level, sides, dtype):
    planes = random_generator("beside", sides).standard_normal((1, *sides)).astype(dtype)
    found = []
    for cache in (0, 3 * 2**12, 2**30):
        transforms = PlaneTransforms(_dispatch.current().table, dtype, *sides, cache)
        workspace = np.full(transforms.n_points, np.nan, dtype)
        spectra, back = np.full((1, *transforms.shape), np.nan, dtype), np.full((1, *sides), np.nan, dtype)
        transforms.forward(planes, np.ones(1), spectra, workspace)
        whole = spectra.copy()
        transforms.backward(spectra, back, workspace, 0, 0, np.ones(1))
        found.append((whole, back))
    for whole, back in found[1:]:
        assert np.array_equal(whole, found[0][0])
        assert np.array_equal(back, found[0][1])


def test_others_are_done_line_by_line():
    for lengths in ((14, 64), (8, 64), (4096, 64), (64,), (16, 16, 16)):
        assert isinstance(transforms_of(lengths, np.dtype("f4")), Lines)
    for lengths in ((16, 1), (16, 100_000), (2048, 128)):
        assert isinstance(transforms_of(lengths, np.dtype("f4")), Planes)


def test_a_workspace_that_is_too_small_is_refused():
    transforms = PlaneTransforms(_dispatch.current().table, "f4", 32, 32, 2**18)
    planes, spectra = np.zeros((1, 32, 32), "f4"), np.zeros((1, *transforms.shape), "f4")
    with pytest.raises(ValueError, match="workspace"):
        transforms.forward(planes, np.zeros(1), spectra, np.empty(32, "f4"))


SHORT = ((48, 48), (100, 36), (64, 64), (16, 500), (47, 64), (120, 90))


@for_each(("shape", "dtype", "offset"), ((shape, dtype, offset) for shape in SHORT for dtype in ("f4", "f8")
                                         for offset in (0, 300)))  # fmt: skip
def test_all_ways_give_the_same_bits(level, shape, dtype, offset):
    """By itself, in a stack, beside another reference, and beside an image with which no stack is plain."""
    rng = random_generator("short", shape)
    a = (rng.standard_normal(shape) + offset).astype(dtype)
    b = (np.roll(a, (3, -7), (0, 1)) + rng.standard_normal(shape) / 4).astype(dtype)
    others = np.stack([b, np.roll(b, 1, 0)])
    for score in ("phase", "correlation"):
        alone = xcorr.register(a, b, score=score)
        for references, moving, n_workers in (
            (a, b[np.newaxis], 1), (a, others, 2), (others, a, 1), (np.stack([a, b]), others, 1),
            (np.stack([a, b]), np.stack([b, np.zeros_like(b)]), 1), (np.stack([a, b]), np.stack([b, b * np.nan]), 1),
        ):  # fmt: skip
            found = xcorr.register(references, moving, layout="NHW", score=score, workers=n_workers)
            wanted = xcorr.register(b, a, score=score) if references is others else alone
            for own, other in zip(wanted, found, strict=True):
                assert own.dtype == other.dtype
                assert own.shape == other.shape[1:]
                assert np.array_equal(own, other[0])


def test_pairs_that_are_not_plain_take_the_long_way():
    image = random_generator("not plain").random((32, 32))
    for a, b in ((image, np.full_like(image, 3)), (np.where(image > 0.9, np.nan, image), image),
                 (image * 2.0**400, np.roll(image, 2, 0) * 2.0**-400), (image, image.T[:, ::-1])):  # fmt: skip
        short, long = xcorr.register(a, b), xcorr.register(a[np.newaxis], b, layout="NHW")
        for own, other in zip(short, long, strict=True):
            assert np.array_equal(own, other[0], equal_nan=True)
    found = xcorr.register(image * 2.0**400, np.roll(image, 2, 0) * 2.0**-400)
    assert found.shift.tolist() == [-2, 0]
    for least in (-0.1, 2.0):
        with pytest.raises(ValueError, match="min_overlap"):
            xcorr.register(image, image, min_overlap=least)
