"""What the tests of method "fft" draw and how far its responses may be off."""

from math import log2

import numpy as np
import pytest
from cases import Case
from checks import fast_correlate, padded_images, random_generator, real_numbers
from looping import for_each

import xcorr
from xcorr import _plan, _settings

NAN, INF = np.nan, np.inf
GEOMETRIES = [
    Case("one-tap", (2, 5, 6, 1), (2, 1, 1, 1)),
    Case("one-window", (2, 9, 12, 3), (2, 9, 12, 3), bias=True),
    Case("small", (2, 7, 9, 2), (3, 3, 2, 2), padding="same"),
    Case("plain", (3, 40, 51, 1), (1, 11, 9, 1), bias=True),
    Case("many-tiles", (1, 150, 171, 1), (2, 19, 17, 1)),
    Case("many-kernels", (2, 30, 37, 3), (19, 9, 8, 3), padding=((3, 0), (1, 6)), bias=True),
    Case("many-channels", (1, 25, 24, 37), (3, 10, 11, 37), padding="same"),
    Case("full", (2, 21, 18, 2), (3, 17, 14, 2), padding="full", bias=True),
    Case("filled", (2, 21, 30, 2), (3, 8, 9, 2), padding="same", fill_value=3),
    Case("edge", (2, 19, 30, 2), (3, 9, 7, 2), padding=5, boundary="edge"),
    Case("reflected", (2, 13, 16, 2), (3, 12, 9, 2), padding=((2, 15), (0, 31)), boundary="reflect", bias=True),
    Case("symmetric", (2, 13, 16, 1), (2, 8, 8, 1), padding="full", boundary="symmetric"),
    Case("wrapped", (2, 9, 7, 3), (2, 10, 12, 3), padding=16, boundary="wrap"),
    Case("strided", (2, 45, 50, 2), (3, 12, 10, 2), stride=(3, 2), padding=4, bias=True),
    Case("strided-past-the-kernel", (2, 60, 61, 1), (2, 5, 6, 1), stride=(9, 20)),
    Case("dilated", (2, 45, 48, 2), (3, 6, 5, 2), dilation=(3, 7), padding="same", bias=True),
    Case("strided-dilated", (2, 44, 61, 3), (4, 7, 6, 3), stride=(2, 5), dilation=(4, 2), padding=((7, 2), (0, 9))),
    Case("grouped", (2, 33, 28, 6), (9, 9, 10, 2), groups=3, padding="same", bias=True),
    Case("depthwise", (2, 30, 33, 7), (14, 11, 8, 1), groups=7, bias=True),
    Case("row", (2, 5, 400, 1), (2, 1, 300, 1), padding="same"),
    Case("column", (2, 400, 5, 2), (2, 300, 1, 2), bias=True),
    Case("one-row", (1, 1, 900, 1), (3, 1, 65, 1)),
    Case("one-column", (1, 900, 1, 1), (3, 65, 1, 1)),
]
DTYPES = ("float32", "float64", "complex64", "complex128", "float16")
over_geometries = pytest.mark.parametrize("case", GEOMETRIES, ids=lambda case: case.id)
over_some_geometries = pytest.mark.parametrize("case", GEOMETRIES[3::3], ids=lambda case: case.id)
over_dtypes = for_each("dtype", DTYPES)
over_reals = pytest.mark.parametrize("dtype", ["float32", "float64"])


def problem(case, dtype, draw=real_numbers):
    rng = random_generator(case.id, dtype)
    images, kernels = draw(rng, case.images, dtype), draw(rng, case.kernels, dtype)
    return images, kernels, dict(case.keywords, bias=draw(rng, case.kernels[0], dtype) if case.bias else None)


def by_fft(images, kernels, **keywords):
    return xcorr.correlate(images, kernels, method="fft", **keywords)


def section_of(
    images, kernels, *, padding="valid", boundary="constant", stride=1, dilation=1, groups=1, fill_value=0, bias=None
):
    """The section of a call of NHWC operands by fft."""
    keywords = {"padding": padding, "boundary": boundary, "stride": stride, "dilation": dilation, "groups": groups}
    settings = _settings.read_settings({**keywords, "layout": "NHWC", "method": "fft"})
    return _plan.plan_for(settings, images.shape, images.dtype, kernels.shape, kernels.dtype).section[0]


def wide(array):
    return array.astype(np.result_type(array, np.float64))


def allowed_error(images, kernels, expected, *, groups=1, bias=None, conjugate=True, dtype=None, **geometry):
    """0.5 log2(points) u |image| |kernel| of each part of a response, and the roundings of sum, bias and response.

    The norm of the padded image's channels of a group bounds that of each of its tiles.
    """
    section = section_of(images, kernels, groups=groups, **geometry)
    work = np.promote_types(dtype or np.result_type(images, kernels), np.float32)
    unit = np.finfo(work).eps / 2
    padded = wide(padded_images(images, kernels.shape[1:3], **geometry))
    padded = padded.reshape(*padded.shape[:3], groups, padded.shape[3] // groups)
    largest = np.abs(padded).max(axis=(1, 2, 4), keepdims=True)  # its square may be beyond the range
    largest[largest == 0] = 1
    image_norms = largest[:, 0, 0, :, 0] * np.sqrt((np.abs(padded / largest) ** 2).sum(axis=(1, 2, 4)))
    kernel_norms = np.sqrt((np.abs(wide(kernels)) ** 2).sum(axis=(1, 2, 3))).reshape(groups, -1)
    norms = (image_norms[:, :, None] * kernel_norms).reshape(len(images), 1, 1, len(kernels))
    n_roundings = 1 if bias is None else 2
    transformed = (section.height if section.down > 1 else 1) * section.across  # along one axis, both, or none
    allowed = 0.5 * log2(max(transformed, 4)) * unit * norms
    allowed = allowed + unit * (n_roundings * np.abs(expected) + (0 if bias is None else np.abs(bias)))
    allowed = allowed + np.finfo(np.float64).eps * norms  # the oracle itself is rounded to float64
    stored = np.dtype(dtype or np.result_type(images, kernels))
    if stored == np.float16:
        allowed = allowed + np.spacing((np.abs(expected) + allowed).astype(np.float16)).astype(np.float64)
    return allowed


def assert_within_bound(response, images, kernels, expected=None, **keywords):
    if expected is None:
        expected = fast_correlate(images, kernels, **{name: keywords[name] for name in keywords if name != "dtype"})
    assert response.shape == expected.shape
    allowed = allowed_error(images, kernels, expected, **keywords)
    errors = wide(response) - expected
    shares = np.maximum(np.abs(errors.real), np.abs(errors.imag)) / np.maximum(allowed, np.finfo("f8").tiny)
    assert np.all(shares <= 1), f"an error of {np.max(shares):.3g} times its bound at {np.argwhere(~(shares <= 1))[0]}"
