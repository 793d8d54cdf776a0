"""What the tests of images that are not seen everywhere share: random calls, and how near responses have to be."""

import numpy as np
from matching import arranged, pick, shares, values, without_channels

from xcorr import _reference

DTYPES = ("float16", "float32", "float64", "uint8", "int16", "int64", "bool", "complex64", "complex128")


def numbers(rng, shape, dtype, unknown=False):
    """Pixels or taps, some of which are not finite if they may be `unknown`."""
    dtype = np.dtype(dtype)
    if dtype.kind != "c":
        return values(rng, shape, dtype, "unknown" if unknown else "noise")
    real = np.dtype(f"f{dtype.itemsize // 2}")
    found = np.empty(shape, dtype)
    found.real, found.imag = numbers(rng, shape, real, unknown), numbers(rng, shape, real)
    return found


def a_mask(rng, images, layout):
    """A mask of one of its forms, or none."""
    forms = [images.shape, without_channels(images.shape, layout)]
    if images.ndim == len(layout):
        forms.append(without_channels(images.shape[1:], layout[1:]))
    return pick(rng, None, "finite", *(shares(rng, form) for form in forms))


def random_call(rng, dtypes=DTYPES):
    """Images, kernels and keywords of a small call with a mask, or normalized, or both."""
    layout, n_channels = pick(rng, "NHW", "NHWC", "NCHW"), pick(rng, 1, 2, 4)
    height, width = (int(side) for side in rng.integers(1, 6, 2))
    dilation, stride = (pick(rng, 1, 1, 2), pick(rng, 1, 1, 3)), (pick(rng, 1, 1, 2), pick(rng, 1, 1, 3))
    sizes = [(n - 1) * d + 1 + int(rng.integers(9)) for n, d in zip((height, width), dilation, strict=True)]
    has_images, has_kernels = rng.random(2) < 0.7
    unknown = rng.random(2) < 0.25
    images = numbers(
        rng, arranged(layout, pick(rng, 1, 2, 3), *sizes, n_channels, has_images), pick(rng, *dtypes), unknown[0]
    )
    groups = pick(rng, 1, 1, 2) if n_channels > 1 and "C" in layout and has_kernels else 1
    shape = arranged(layout, 2 * pick(rng, 1, 2), height, width, n_channels // groups, has_kernels)
    if "C" in layout and rng.random() < 0.15:
        shape, groups = (height, width), 1
    dtype = np.dtype(pick(rng, images.dtype, *dtypes))
    kernels = numbers(rng, shape, dtype, unknown[1] and (dtype.kind == "c") == (images.dtype.kind == "c"))
    boundary = pick(rng, "constant", "constant", "edge", "reflect", "symmetric", "wrap", ("wrap", "constant"))
    keywords = {
        "layout": layout,
        "stride": stride,
        "dilation": dilation,
        "groups": groups,
        "padding": pick(rng, "valid", "same", "full", 2, ((0, 1), (2, 0))),
        "boundary": boundary,
        "mask": a_mask(rng, images, layout),
        "conjugate": pick(rng, True, False),
    }
    keywords["normalize"] = keywords["mask"] is None or pick(rng, True, False)
    if "constant" in boundary and rng.random() < 0.3:
        keywords["fill_value"] = 1
    if rng.random() < 0.3 and kernels.ndim == len(layout):
        keywords["bias"] = rng.integers(-3, 4, len(kernels))
    return images, kernels, keywords


def finite_parts(array):
    """The array with 0 for what is not finite, part by part."""
    found = np.array(array)
    if found.dtype.kind == "c":
        found.real, found.imag = finite_parts(found.real), finite_parts(found.imag)
    elif found.dtype.kind == "f":
        found[~np.isfinite(found)] = 0
    return found


def bounds(images, kernels, keywords, dtype):
    """The largest errors: of direct sums, over the shares that were seen."""
    words = {name: value for name, value in keywords.items() if name not in ("fill_value", "conjugate")}
    if isinstance(words["mask"], str):
        words["mask"] = np.isfinite(images)
    sums = _reference.abs_sums(finite_parts(images), finite_parts(kernels), **words)
    n_taps = kernels.size // (len(kernels) if kernels.ndim == len(words["layout"]) else 1)
    unit = {"float16": 2.0**-10, "float32": 2.0**-23}.get(dtype.name, 0)
    return 2 * _reference.bound(dtype, n_taps + 1, sums) + unit * np.abs(sums) + (6e-8 if dtype == np.float16 else 0)


def assert_near(got, expected, limits):
    """Responses are those of the definition; what is not finite in the same parts, but for float16's own limits."""
    assert got.shape == expected.shape
    limits = np.where(np.isnan(limits), 0, limits)
    for part in ("real", "imag") if expected.dtype.kind == "c" else ("real",):
        own, right = (getattr(one, part).astype(np.float64) for one in (got, expected))
        if got.dtype == np.float16:
            right = np.where((np.abs(right) > 65000) & np.isinf(own), own, right)
        finite = np.isfinite(right)
        np.testing.assert_array_equal(own[~finite], right[~finite])
        np.testing.assert_array_less(np.abs(own[finite] - right[finite]), limits[finite] + 1e-300)
