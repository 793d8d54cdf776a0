"""`xcorr.compat.skimage` beside scikit-image: signatures, types, values."""

import inspect
import warnings

import numpy as np
import pytest
from checks import random_generator
from looping import drawn, for_each

from xcorr.compat import skimage

TYPES = ("bool", "uint8", "int16", "uint64", "float16", "float32", "float64")
FAMILY = ("sobel", "scharr", "prewitt", "farid")
MODES = ("reflect", "constant", "nearest", "mirror", "wrap")


def pixels(rng, shape, dtype):
    """Random ones, of the whole range of integers."""
    dtype = np.dtype(dtype)
    if dtype.kind == "b":
        return rng.random(shape) < 0.5
    if dtype.kind in "iu":
        return rng.integers(np.iinfo(dtype).min, np.iinfo(dtype).max, shape, dtype=dtype, endpoint=True)
    return rng.standard_normal(shape).astype(dtype)


def peer_of(name):
    """scikit-image's function; the test is skipped where there is none."""
    pytest.importorskip("skimage")
    from skimage import feature, filters, registration

    return next(getattr(module, name) for module in (filters, feature, registration) if hasattr(module, name))


def assert_as_peer(name, *arguments, digits=5, **keywords):
    """Equal types, and numbers to so many digits of the largest one."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs, ours = peer_of(name)(*arguments, **keywords), getattr(skimage, name)(*arguments, **keywords)
    for own, other in zip(ours, theirs) if isinstance(ours, tuple) else [(ours, theirs)]:
        other = np.asarray(other)
        assert np.asarray(own).dtype == other.dtype, name
        assert np.allclose(own, other, rtol=10.0**-digits, atol=10.0**-digits, equal_nan=True), name


def test_signatures_are_those_of_scikit_image():
    for name in skimage.__all__:
        theirs = inspect.signature(peer_of(name)).parameters.values()
        ours = inspect.signature(getattr(skimage, name)).parameters.values()
        assert [(p.name, p.kind, p.default) for p in ours] == [(p.name, p.kind, p.default) for p in theirs], name


@for_each(["name", "dtype"], drawn(1, [*FAMILY, "roberts", "laplace", "gaussian", "gabor"], TYPES))
def test_filters_are_those_of_scikit_image(name, dtype):
    rng = random_generator("peer", name, dtype)
    image, mask = pixels(rng, (7, 9), dtype), rng.random((7, 9)) < 0.9
    if name == "gabor":
        if dtype not in ("bool", "uint64"):  # fractions that are cut off close to a whole number, and what has no place
            assert_as_peer(name, image // 2 if image.dtype.kind in "iu" else image, 0.3, 0.5)
        return
    if name == "gaussian":
        assert_as_peer(name, image, (0.7, 2), mode="mirror", truncate=3)
        return
    assert_as_peer(name, image, mask=mask)
    if name in FAMILY:
        for mode in MODES:
            assert_as_peer(name, image, axis=1, mode=mode, cval=0.25)


@for_each("case", range(12))
def test_peaks_are_those_of_scikit_image(case):
    rng = random_generator("peaks of the peer", case)
    shape = rng.integers(6, 20, int(rng.integers(1, 4)))
    image = rng.integers(0, 30, shape).astype(rng.choice(["u1", "f4", "f8"]))
    keywords = {"min_distance": int(rng.integers(1, 4)), "p_norm": float(rng.choice([1, 2, np.inf]))}
    keywords |= {"exclude_border": bool(rng.integers(2)), "threshold_rel": float(rng.choice([0.1, 0.5]))}
    keywords |= {"num_peaks": 3 if rng.random() < 0.5 else np.inf}
    if rng.random() < 0.5:
        footprint = rng.random(rng.integers(1, 5, len(shape))) < 0.8
        footprint.flat[0] = True  # one of zeros is refused there
        keywords |= {"footprint": footprint}
    if rng.random() < 0.5:
        keywords |= {"labels": rng.integers(0, 3, shape), "num_peaks_per_label": 2 if rng.random() < 0.5 else np.inf}
    if image.dtype.kind == "u":
        image[image == 0] = 1
        image = image.astype("i2")
    theirs = peer_of("peak_local_max")(image, **keywords)
    ours = skimage.peak_local_max(image, **keywords)
    assert np.array_equal(ours, theirs) or (not len(ours) and not len(theirs)), keywords


@for_each(["n_axes", "dtype", "factor", "normalization"], drawn(2, (1, 2, 3), ("f4", "f8"), (1, 7), ("phase", None)))
def test_registration_is_that_of_scikit_image(n_axes, dtype, factor, normalization):
    rng = random_generator("registration of the peer", n_axes, dtype, factor)
    shortest = 40 if n_axes == 1 else 9  # of a dozen samples many shifts correlate as well but for rounding
    shape = tuple(int(length) for length in rng.integers(shortest, shortest + 7, n_axes))
    first = rng.random(shape).astype(dtype)
    second = np.roll(first, tuple(rng.integers(-3, 4, n_axes)), tuple(range(n_axes)))
    second = (second + rng.random(shape) * 0.1).astype(dtype)
    keywords = {"upsample_factor": factor, "normalization": normalization, "disambiguate": bool(rng.integers(2))}
    assert_as_peer("phase_cross_correlation", first, second, digits=3, **keywords)
    masks = {name: rng.random(shape) < 0.9 for name in ("reference_mask", "moving_mask")}
    assert_as_peer("phase_cross_correlation", first, second, **masks)
