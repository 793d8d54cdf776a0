"""What OpenCV's own tests vary, restated: types, channels, sizes, anchors, borders, masks, at random.

The formulas of its documentation, written down in NumPy, say what is right; OpenCV itself is asked where it is
installed, except where `xcorr.compat.cv2` lists that it decides otherwise.
"""

from itertools import product

import numpy as np
import pytest

from xcorr.compat import cv2 as own

try:
    import cv2 as peer
except ImportError:
    peer = None

TYPES = ("uint8", "uint16", "int16", "float32", "float64")
METHODS = ("TM_SQDIFF", "TM_SQDIFF_NORMED", "TM_CCORR", "TM_CCORR_NORMED", "TM_CCOEFF", "TM_CCOEFF_NORMED")
PADDING = {"CONSTANT": "constant", "REPLICATE": "edge", "REFLECT": "symmetric", "REFLECT_101": "reflect"}
NUMBERS = {"uint8": 0, "uint16": 2, "int16": 3, "int32": 4, "float32": 5, "float64": 6}
LARGEST = {"uint8": 255, "uint16": 4000, "int16": 4000}
PAIRS = [
    *(("uint8", out) for out in ("uint8", "uint16", "int16", "float32", "float64")),
    *(("uint16", out) for out in ("uint16", "float32", "float64")),
    *(("int16", out) for out in ("int16", "float32", "float64")),
    ("float32", "float32"),
    ("float64", "float64"),
]
"""What `filter2D` takes and gives."""
N_DRAWN = 6


def generator(*names):
    """Numbers that follow from a test's parameters only."""
    return np.random.default_rng([ord(letter) for letter in repr(names)])


def drawn_image(rng, dtype, channels, shape=None):
    """Random pixels of all magnitudes that the type's products are exact in, nearly."""
    rows, columns = rng.integers(1, 25, 2) if shape is None else shape
    shape = (rows, columns) if channels == 1 else (rows, columns, channels)
    if dtype in LARGEST:
        least = -LARGEST[dtype] if dtype == "int16" else 0
        return rng.integers(least, LARGEST[dtype] + 1, shape).astype(dtype)
    return (rng.standard_normal(shape) * 10).astype(dtype)


def window_sums(image, kernel, anchor, border, delta=0.0):
    """The sum of products under a kernel whose tap at (column, row) lies on the pixel, and that of magnitudes."""
    rows, columns = kernel.shape
    column, row = (length // 2 if place == -1 else place for place, length in zip(anchor, (columns, rows), strict=True))
    sides = [(row, rows - 1 - row), (column, columns - 1 - column)] + [(0, 0)] * (image.ndim - 2)
    padded = np.pad(image.astype(np.float64), sides, mode=PADDING[border])
    windows = np.lib.stride_tricks.sliding_window_view(padded, kernel.shape, (0, 1))
    kernel = kernel.astype(np.float64)
    sums = np.einsum("...ij,ij->...", windows, kernel) + delta
    return sums, np.einsum("...ij,ij->...", np.abs(windows), np.abs(kernel)) + abs(delta)


def assert_is(response, exact, magnitudes, dtype, digits=6):
    """Floats to some digits of the magnitudes; integers the nearest ones, but where float32 does not tell."""
    dtype = np.dtype(dtype)
    assert (response.dtype, response.shape) == (dtype, exact.shape)
    if dtype.kind in "iu":
        info = np.iinfo(dtype)
        wrong = np.abs(response - np.clip(exact, info.min, info.max)) > 0.5 + 2e-6 * magnitudes
    else:
        wrong = np.abs(response - exact) > 10.0**-digits * magnitudes + 1e-30
    assert not wrong.any(), f"{wrong.sum()} of {wrong.size}"


def assert_as_peer(response, name, *arguments, apart=0, **keywords):
    """OpenCV's numbers: integers so far apart at most, and mostly equal, floats to five digits of the largest one."""
    if peer is None:
        return
    theirs = getattr(peer, name)(*arguments, **keywords)
    assert (response.dtype, response.shape) == (theirs.dtype, theirs.shape)
    differences = np.abs(response.astype(np.float64) - theirs)
    if response.dtype.kind in "iu":
        assert differences.max() <= max(apart, 1)
        assert apart or np.count_nonzero(differences) <= 1 + 0.02 * differences.size  # where float32 does not tell
    else:
        assert differences.max() <= 1e-5 * max(1, np.abs(theirs).max())


def border_numbers(border, rng):
    """The number of a border, by itself or with BORDER_ISOLATED."""
    return getattr(own, f"BORDER_{border}") + int(rng.choice([0, own.BORDER_ISOLATED]))


@pytest.mark.parametrize("border", PADDING)
@pytest.mark.parametrize(("dtype", "out"), PAIRS)
def test_filter2d_is_the_sum_of_products(dtype, out, border):
    rng = generator("filter2D", dtype, out, border)
    for _ in range(N_DRAWN):
        image = drawn_image(rng, dtype, int(rng.integers(1, 6)))
        kernel = rng.standard_normal(rng.integers(1, 8, 2)) * rng.choice([0.3, 2])
        kernel = kernel.astype(rng.choice(["float32", "float64"]))
        anchor = int(rng.integers(-1, kernel.shape[1])), int(rng.integers(-1, kernel.shape[0]))
        delta = float(rng.choice([0, 1.25, -3]))
        number = -1 if dtype == out and rng.random() < 0.5 else NUMBERS[out]
        arguments = image, number, kernel, None, anchor, delta, border_numbers(border, rng)
        response = own.filter2D(*arguments)
        assert_is(response, *window_sums(image, kernel, anchor, border, delta), out)
        assert_as_peer(response, "filter2D", *arguments)


@pytest.mark.parametrize("border", PADDING)
@pytest.mark.parametrize(("dtype", "out"), [pair for pair in product(TYPES, TYPES) if pair != ("float64", "float32")])
def test_two_kernels_are_their_product(dtype, out, border):
    rng = generator("sepFilter2D", dtype, out, border)
    for _ in range(N_DRAWN // 2):
        image = drawn_image(rng, dtype, int(rng.integers(1, 6)))
        columns, rows = (rng.standard_normal(rng.integers(1, 14)).astype("float32") for _ in range(2))
        anchor = int(rng.integers(-1, columns.size)), int(rng.integers(-1, rows.size))
        arguments = image, NUMBERS[out], columns, rows, None, anchor, 0.5, border_numbers(border, rng)
        response = own.sepFilter2D(*arguments)
        kernel = np.outer(rows.astype("float64"), columns)
        assert_is(response, *window_sums(image, kernel, anchor, border, 0.5), out)
        assert_as_peer(response, "sepFilter2D", *arguments)


@pytest.mark.parametrize("border", PADDING)
@pytest.mark.parametrize(
    ("orders", "ksize"),
    [((1, 0), -1), ((0, 1), -1), *product([(1, 0), (0, 1), (1, 1), (2, 0), (0, 2), (2, 1)], [1, 3, 5, 7])],
)
def test_derivatives_have_the_kernels_that_are_told(orders, ksize, border):
    rng = generator("Sobel", orders, ksize, border)
    columns, rows = own.getDerivKernels(*orders, ksize, ktype=own.CV_64F)
    if peer is not None:
        for taps, theirs in zip((columns, rows), peer.getDerivKernels(*orders, ksize, ktype=own.CV_64F), strict=True):
            assert np.array_equal(taps, theirs)
    for dtype, out in (("uint8", "int16"), ("uint8", "uint8"), ("int16", "float32"), ("float64", "float64")):
        image = drawn_image(rng, dtype, int(rng.integers(1, 4)))
        scale, delta = float(rng.choice([1, 0.25])), float(rng.choice([0, -3]))
        number = border_numbers(border, rng)
        response = own.Sobel(image, NUMBERS[out], *orders, None, ksize, scale, delta, number)
        exact = window_sums(image, rows * columns.T * scale, (-1, -1), border, delta)
        assert_is(response, *exact, out)
        assert_as_peer(response, "Sobel", image, NUMBERS[out], *orders, None, ksize, scale, delta, number)
        if ksize == -1:
            response = own.Scharr(image, NUMBERS[out], *orders, None, scale, delta, number)
            assert_is(response, *exact, out)


@pytest.mark.parametrize("border", PADDING)
@pytest.mark.parametrize("ksize", [1, 3, 5, 7, 9])
def test_laplacian_is_the_sum_of_both_second_derivatives(ksize, border):
    rng = generator("Laplacian", ksize, border)
    if ksize == 1:
        kernel = np.array([[0.0, 1, 0], [1, -4, 1], [0, 1, 0]])
    else:
        second, smooth = (own.getDerivKernels(2, 0, ksize, ktype=own.CV_64F)[index] for index in (0, 1))
        kernel = second * smooth.T + smooth * second.T
    for dtype, out in (("uint8", "int16"), ("uint8", "uint8"), ("int16", "float32"), ("float64", "float64")):
        image = drawn_image(rng, dtype, int(rng.integers(1, 4)))
        arguments = image, NUMBERS[out], None, ksize, 0.5, 1.0, border_numbers(border, rng)
        response = own.Laplacian(*arguments)
        assert_is(response, *window_sums(image, kernel * 0.5, (-1, -1), border, 1.0), out)
        assert_as_peer(response, "Laplacian", *arguments)


@pytest.mark.parametrize("border", PADDING)
@pytest.mark.parametrize("dtype", ["uint8", "uint16", "int16", "float32", "float64"])
def test_gaussian_blur_has_the_gaussian_of_its_sizes(dtype, border):
    rng = generator("GaussianBlur", dtype, border)
    for _ in range(N_DRAWN):
        image = drawn_image(rng, dtype, int(rng.integers(1, 5)))
        sizes = [int(size) for size in rng.choice([0, 1, 3, 5, 7, 9, 13], 2)]
        sigmas = float(rng.choice([0.5, 1, 2.3])), float(rng.choice([0, 0.7, 1.5]))
        arguments = image, sizes, sigmas[0], None, sigmas[1], border_numbers(border, rng)
        response = own.GaussianBlur(*arguments)
        both = sigmas[0], sigmas[1] or sigmas[0]
        reach = 3 if dtype == "uint8" else 4
        full = [size or round(sigma * reach * 2 + 1) | 1 for size, sigma in zip(sizes, both, strict=True)]
        columns, rows = (own.getGaussianKernel(size, sigma) for size, sigma in zip(full, both, strict=True))
        assert_is(response, *window_sums(image, rows * columns.T, (-1, -1), border), dtype)
        assert_as_peer(response, "GaussianBlur", *arguments, apart=2)  # OpenCV's taps for uint8 have eight bits


@pytest.mark.parametrize("border", PADDING)
@pytest.mark.parametrize(("dtype", "out"), [*product(TYPES, TYPES), *product(TYPES[:3], ["int32"])])
def test_boxes_are_sums_and_means(dtype, out, border):
    rng = generator("boxFilter", dtype, out, border)
    for normalize in (True, False):
        image = drawn_image(rng, dtype, int(rng.integers(1, 5)), shape=rng.integers(2, 25, 2))
        columns, rows = (int(length) for length in rng.integers(1, 7, 2))
        anchor = int(rng.integers(-1, columns)), int(rng.integers(-1, rows))
        kernel = np.full((rows, columns), 1 / (rows * columns) if normalize else 1.0)
        number = border_numbers(border, rng)
        response = own.boxFilter(image, NUMBERS[out], (columns, rows), None, anchor, normalize, number)
        exact = window_sums(image, kernel, anchor, border)
        assert_is(response, *exact, out)
        arguments = image, NUMBERS[out], (columns, rows), None, anchor, normalize, number
        if not (dtype == "int16" and out[0] == "u"):  # negative sums in OpenCV's vectors
            assert_as_peer(response, "boxFilter", *arguments, apart=1)
        response = own.blur(image, (columns, rows), None, anchor, number)
        mean = window_sums(image, np.full((rows, columns), 1 / (rows * columns)), anchor, border)
        assert_is(response, *mean, dtype)
        assert_as_peer(response, "blur", image, (columns, rows), None, anchor, number, apart=1)


@pytest.mark.parametrize("ksize", [(31, 31), (0, 5), (-1, -1), (4, 3), (1, 1)])
def test_gabor_kernels_are_waves_under_gaussians(ksize):
    rng = generator("gabor", ksize)
    for _ in range(N_DRAWN):
        sigma, theta, lambd, gamma, psi = rng.uniform([0.8, -4, 2, 0.4, -3], [5, 4, 9, 1.5, 3])
        kernel = own.getGaborKernel(ksize, sigma, theta, lambd, gamma, psi)
        rows, columns = kernel.shape
        y, x = np.mgrid[rows // 2 : -(rows // 2) - 1 : -1, columns // 2 : -(columns // 2) - 1 : -1]
        u, v = x * np.cos(theta) + y * np.sin(theta), y * np.cos(theta) - x * np.sin(theta)
        expected = np.exp(-(u**2 + (gamma * v) ** 2) / (2 * sigma**2)) * np.cos(2 * np.pi * u / lambd + psi)
        assert np.abs(kernel - expected).max() < 1e-12
        assert_as_peer(kernel, "getGaborKernel", ksize, sigma, theta, lambd, gamma, psi)


@pytest.mark.parametrize("ksize", range(1, 34, 2))
def test_gaussian_kernels_are_those_of_opencv(ksize):
    for sigma in (0, 0.4, 1, 3.7):
        for ktype, digits in ((own.CV_32F, 7), (own.CV_64F, 15)):
            taps = own.getGaussianKernel(ksize, sigma, ktype)
            assert taps.shape == (ksize, 1)
            assert abs(taps.sum() - 1) < 1e-6
            if peer is not None:
                assert np.abs(taps - peer.getGaussianKernel(ksize, sigma, ktype)).max() < 10.0**-digits


def naive_scores(image, template, method, mask=None):
    """OpenCV's formulas, in float64, window by window."""
    planes = [np.atleast_3d(array.astype(np.float64)) for array in (image, template)]
    pixels, taps = planes
    shares = (
        np.ones(taps.shape) if mask is None else np.broadcast_to(np.atleast_3d(mask).astype(np.float64), taps.shape)
    )
    if mask is not None and mask.dtype == np.uint8:
        shares = (shares != 0).astype(np.float64)
    windows = np.lib.stride_tricks.sliding_window_view(pixels, taps.shape[:2], (0, 1)).transpose(0, 1, 3, 4, 2)
    if "CCOEFF" in method:
        total = shares.sum((0, 1))
        taps = taps - (taps * shares).sum((0, 1)) / total
        windows = windows - ((windows * shares).sum((2, 3)) / total)[:, :, None, None]
    taps, windows = taps * shares, windows * shares
    axes = (2, 3, 4)
    sums = ((windows - taps) ** 2).sum(axes) if "SQDIFF" in method else (windows * taps).sum(axes)
    norms = np.sqrt((taps**2).sum() * (windows**2).sum(axes))
    if not method.endswith("NORMED"):
        return sums, norms
    scores = sums / norms
    return (np.minimum(scores, 1) if mask is None and "SQDIFF" in method else scores), np.ones_like(scores)


def drawn_pair(rng, dtype, channels):
    """An image and a template that is no constant."""
    rows, columns = rng.integers(3, 30, 2)
    height, width = int(rng.integers(2, rows + 1)), int(rng.integers(2, columns + 1))
    image = drawn_image(rng, dtype, channels, (rows, columns))
    template = drawn_image(rng, dtype, channels, (height, width))
    return (image, template) if dtype == "uint8" else (image + np.float32(5), template + np.float32(5))


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("dtype", ["uint8", "float32"])
@pytest.mark.parametrize("method", METHODS)
def test_scores_are_those_of_the_formulas(method, dtype, channels):
    rng = generator("matchTemplate", method, dtype, channels)
    for _ in range(20):
        image, template = drawn_pair(rng, dtype, channels)
        scores = own.matchTemplate(image, template, getattr(own, method))
        exact, magnitudes = naive_scores(image, template, method)
        assert scores.dtype == np.float32
        assert (np.abs(scores - exact) <= 1e-5 * np.maximum(magnitudes, 1)).all()
        if peer is not None:
            theirs = peer.matchTemplate(image, template, getattr(own, method))
            assert np.abs(scores - theirs).max() <= 1e-3 * max(1, np.abs(theirs).max())


@pytest.mark.parametrize("own_channels", [True, False], ids=["mask of channels", "mask of one channel"])
@pytest.mark.parametrize("kind", ["uint8", "float32"])
@pytest.mark.parametrize("dtype", ["uint8", "float32"])
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("method", METHODS)
def test_masks_count_by_their_squares(method, channels, dtype, kind, own_channels):
    rng = generator("mask", method, dtype, channels, kind, own_channels)
    for _ in range(6):
        image, template = drawn_pair(rng, dtype, channels)
        shape = template.shape if own_channels else template.shape[:2]
        mask = (rng.random(shape) < 0.8) * 7 if kind == "uint8" else rng.uniform(0.1, 2, shape)
        mask = mask.astype(kind)
        mask[:2, :2] = 1
        scores = own.matchTemplate(image, template, getattr(own, method), mask=mask)
        exact, magnitudes = naive_scores(image, template, method, mask)
        assert (np.abs(scores - exact) <= 1e-5 * np.maximum(magnitudes, 1)).all()
        if peer is not None:
            theirs = peer.matchTemplate(image, template, getattr(own, method), mask=mask)
            assert np.abs(scores - theirs).max() <= 1e-3 * max(1, np.abs(theirs).max())


@pytest.mark.parametrize("kind", ["uint8", "float32"])
@pytest.mark.parametrize("dtype", ["uint8", "float32"])
@pytest.mark.parametrize("method", METHODS)
def test_what_lies_under_a_mask_of_zero_does_not_count(method, dtype, kind):
    rng = generator("unseen", method, dtype, kind)
    image, template = drawn_pair(rng, dtype, 3)
    mask = np.ones(template.shape[:2], kind)
    mask[1, -1] = 0
    other = template.copy()
    other[1, -1] = 200
    number = getattr(own, method)
    scores = own.matchTemplate(image, template, number, mask=mask)
    assert np.allclose(scores, own.matchTemplate(image, other, number, mask=mask), rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("offset", [0, 1000, 100000])
def test_squared_differences_are_never_negative_and_least_for_a_copy(offset):
    rng = generator("copy", offset)
    image = (rng.random((40, 50)) + offset).astype(np.float32)
    scores = own.matchTemplate(image, image[7:23, 11:31], own.TM_SQDIFF)
    assert scores.min() >= 0
    assert scores[7, 11] < 1e-3 * np.median(scores)
    assert np.argmax(own.matchTemplate(image, image[7:23, 11:31], own.TM_CCOEFF_NORMED)) == 7 * scores.shape[1] + 11


@pytest.mark.parametrize(("shape", "motion"), [((129, 128), (10, -6)), ((64, 100), (-31, 20)), ((45, 75), (4, 4))])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_phase_correlation_finds_the_motion(shape, motion, dtype):
    rng = generator("motion", shape, motion, dtype)
    scene = rng.random([length + 80 for length in shape])
    x, y = motion
    first = scene[40 : 40 + shape[0], 40 : 40 + shape[1]].astype(dtype)
    second = scene[40 - y : 40 - y + shape[0], 40 - x : 40 - x + shape[1]].astype(dtype)
    found, response = own.phaseCorrelate(first, second)
    assert np.round(found).tolist() == list(motion)
    assert 0 < response <= 1
    if peer is not None:
        theirs, their_response = peer.phaseCorrelate(first.copy(), second.copy())
        sizes = [peer.getOptimalDFTSize(length) for length in shape[::-1]]
        assert np.allclose(np.add(found, np.remainder(sizes, 2) / 2), theirs, atol=1e-3)  # odd lengths: half a pixel
        assert abs(response - their_response) < 1e-3


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_phase_correlation_with_a_window(dtype):
    rng = generator("window", dtype)
    image = rng.random((64, 60)).astype(dtype)
    moved = np.roll(image, (3, -5), (0, 1))
    window = np.outer(np.hanning(64), np.hanning(60)).astype(dtype)
    found, response = own.phaseCorrelate(image, moved, window)
    assert np.abs(np.subtract(found, (-5, 3))).max() < 0.2
    assert own.phaseCorrelate(image * window, moved * window)[0] == found
    if peer is not None:
        theirs, their_response = peer.phaseCorrelate(image.copy(), moved.copy(), window)
        assert np.allclose(found, theirs, atol=1e-3)
        assert abs(response - their_response) < 1e-3
