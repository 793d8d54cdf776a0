"""`xcorr.compat.cv2`: values by the formulas, types, borders, destinations, errors; what it decides otherwise."""

import warnings
from fractions import Fraction

import numpy as np
import pytest
from checks import random_generator
from looping import drawn, for_each
from scripts import run_script

from xcorr.compat import _cv2_sums, cv2

BORDERS = {
    cv2.BORDER_CONSTANT: "constant",
    cv2.BORDER_REPLICATE: "edge",
    cv2.BORDER_REFLECT: "symmetric",
    cv2.BORDER_REFLECT_101: "reflect",
}
METHODS = range(6)
TYPES = ("uint8", "uint16", "int16", "float32", "float64")
DEPTHS = {"uint8": 0, "int8": 1, "uint16": 2, "int16": 3, "int32": 4, "float32": 5, "float64": 6}


def whole(rng, shape, dtype):
    """Small whole numbers, whose sums are exact in every type."""
    return rng.integers(0 if np.dtype(dtype).kind == "u" else -9, 10, shape).astype(dtype)


def expected_of(image, kernel, anchor, border, delta=0.0):
    """The sum of products under a kernel whose tap at (column, row) lies on the pixel."""
    rows, columns = kernel.shape
    column, row = (size // 2 if place == -1 else place for place, size in zip(anchor, (columns, rows)))
    sides = [(row, rows - 1 - row), (column, columns - 1 - column)] + [(0, 0)] * (image.ndim - 2)
    padded = np.pad(image.astype(float), sides, mode=BORDERS[border])
    windows = np.lib.stride_tricks.sliding_window_view(padded, kernel.shape, (0, 1))
    return np.einsum("...ij,ij->...", windows, kernel.astype(float)) + delta


def saturated(exact, dtype):
    """To the nearest number of the type, ties to even."""
    info = np.iinfo(dtype) if np.dtype(dtype).kind in "iu" else None
    return np.asarray(exact if info is None else np.clip(np.rint(exact), info.min, info.max)).astype(dtype)


@for_each(["border", "channels", "dtype"], drawn(2, BORDERS, (0, 1, 3), TYPES))
def test_filter2d_is_the_saturated_sum_of_each_channel(border, channels, dtype):
    rng = random_generator("filter2D", border, channels, dtype)
    shape = (int(rng.integers(1, 9)), int(rng.integers(1, 9)), *([channels] if channels else []))
    image, kernel = whole(rng, shape, dtype), whole(rng, rng.integers(1, 6, 2), "float32") / 2
    anchor = int(rng.integers(-1, kernel.shape[1])), int(rng.integers(-1, kernel.shape[0]))
    response = cv2.filter2D(image, -1, kernel, anchor=anchor, delta=0.5, borderType=border | cv2.BORDER_ISOLATED)
    exact = saturated(expected_of(image, kernel, anchor, border, 0.5), dtype)
    assert response.dtype == dtype
    assert np.array_equal(response, exact[..., 0] if channels == 1 else exact)


@for_each(["size", "out"], drawn(1, (1, 3, 13), ("uint8", "int16", "float64")))
def test_two_kernels_are_rounded_once(size, out):
    rng = random_generator("sepFilter2D", size, out)
    image, columns, rows = whole(rng, (9, 11, 2), "uint8"), whole(rng, size, "f4") / 4, whole(rng, (5, 1), "f4") / 4
    response = cv2.sepFilter2D(image, DEPTHS[out], columns, rows, anchor=(-1, 0))
    exact = expected_of(image, rows * columns, (-1, 0), cv2.BORDER_DEFAULT)
    assert np.array_equal(response, saturated(exact, out))


@pytest.mark.parametrize("size", [3, 9, 13])
@pytest.mark.parametrize(("taps", "pixel"), [(1e-25, 1e30), (1e-21, 1e30), (1e25, 1e-20), (3e-19, 1)])
def test_two_kernels_whose_product_leaves_the_range_are_two_passes(size, taps, pixel):
    image, factor = np.full((40, 40), pixel, np.float32), np.full(size, taps, np.float32)
    expected = float(factor[0]) ** 2 * size**2 * float(image[0, 0])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        np.testing.assert_allclose(cv2.sepFilter2D(image, -1, factor, factor)[20, 20], expected, rtol=1e-6)


def test_numbers_are_read_as_opencv_s_are():
    image = np.ones((4, 5), np.float32)
    one = np.ones((1, 1))
    assert (cv2.filter2D(image, -1, one, delta=None) == 1).all()
    assert (cv2.filter2D(image, -1, one, delta=np.float32(2)) == 3).all()
    for call in (
        lambda value: cv2.filter2D(image, -1, one, delta=value),
        lambda value: cv2.Sobel(image, -1, 1, 0, scale=value),
        lambda value: cv2.Laplacian(image, -1, scale=value),
        lambda value: cv2.GaussianBlur(image, (3, 3), value),
    ):
        for value in ("3", [1.0], np.array([2.0]), 1j, 10**400):
            with pytest.raises(cv2.error, match=r"(delta|scale|sigmaX): got .*; allowed are numbers$"):
                call(value)
    assert np.isnan(cv2.Laplacian(image, -1, scale=np.nan)).all()
    largest = int(np.finfo(np.float64).max)
    assert (cv2.filter2D(image.astype(np.float64), -1, one, delta=-largest) == -largest).all()


def test_large_kernels_are_not_kept_prepared():
    image, rng = np.ones((80, 90), np.float32), random_generator("kept")
    cv2.filter2D(image, -1, rng.normal(size=(61, 61)).astype(np.float32))
    cv2.filter2D(image, -1, rng.normal(size=(11, 13)).astype(np.float32))
    images = _cv2_sums.Images(2, image.dtype, "reflect", image.dtype)
    assert _cv2_sums.Pass(images, rng.normal(size=(11, 13)).astype(np.float32), (5, 6)).prepared is None
    assert _cv2_sums.Pass(images, np.ones((31, 31), np.float32), (5, 6)).prepared is not None


def test_derivatives_by_hand():
    ramp = np.arange(0, 50, 10, dtype="u1")[None]
    assert cv2.Sobel(ramp, cv2.CV_16S, 1, 0).tolist() == [[0, 80, 80, 80, 0]]
    assert cv2.Sobel(ramp, -1, 1, 0, ksize=1, scale=0.5, delta=3).tolist() == [[3, 13, 13, 13, 3]]
    assert cv2.Sobel(ramp[:, ::-1], cv2.CV_8U, 1, 0).max() == 0  # saturated
    assert cv2.Scharr(ramp.T, cv2.CV_32F, 0, 1)[2, 0] == 320
    assert cv2.Sobel(ramp, 5, 1, 0, ksize=cv2.FILTER_SCHARR)[0, 1] == 320
    assert cv2.Laplacian(np.float32([[1, 4, 9, 16]]), -1)[0, 1:3].tolist() == [2, 2]
    assert cv2.Laplacian(np.float64([[1, 4, 9, 16]]), -1, ksize=3)[0, 1:3].tolist() == [8, 8]
    spike = np.zeros((9, 9))
    spike[4, 4] = 1
    second, smooth = (taps.ravel() for taps in cv2.getDerivKernels(2, 0, 5))
    expected = np.outer(smooth, second) + np.outer(second, smooth)
    assert np.array_equal(cv2.Laplacian(spike, -1, ksize=5)[2:7, 2:7], expected)


def test_means_of_integers_are_rounded_to_even_from_exact_sums():
    image = np.array([[0, 1, 2, 3, 4, 5]], "u1")
    assert cv2.blur(image, (2, 1)).tolist() == [[0, 0, 2, 2, 4, 4]]  # 0.5, 0.5, 1.5, 2.5, 3.5, 4.5
    thirds = np.tile(np.array([[1, 2, 0]], "u1"), (2, 1))
    assert cv2.blur(thirds, (3, 2), anchor=(1, 1)).tolist() == [[2, 1, 1]] * 2  # 5/3, 1, 4/3
    sixths = np.zeros((3, 6), "i2")
    sixths[1, 2] = 9
    assert cv2.blur(sixths, (3, 2), anchor=(1, 0))[1].tolist() == [0, 2, 2, 2, 0, 0]  # 1.5
    large = np.full((3, 3), 2**30, "i4")
    assert cv2.boxFilter(large, -1, (3, 3), normalize=False).max() == 2**31 - 1
    assert cv2.boxFilter(large, cv2.CV_64F, (3, 3), normalize=False)[1, 1] == 9 * 2**30
    assert cv2.boxFilter(image, cv2.CV_16S, (3, 1), normalize=False, borderType=cv2.BORDER_WRAP)[0, 0] == 6


@for_each("dtype", TYPES)
def test_gaussian_sizes_follow_from_sigma(dtype):
    spike = np.zeros((1, 101), dtype)
    spike[0, 50] = 200
    for sigma in (0.4, 1.0, 2.3):
        size = round(sigma * (3 if dtype == "uint8" else 4) * 2 + 1) | 1
        taps = cv2.getGaussianKernel(size, sigma)
        blurred = cv2.GaussianBlur(spike, (0, 1), sigma)
        exact = expected_of(spike, taps.T, (-1, -1), cv2.BORDER_DEFAULT)
        assert np.allclose(blurred, saturated(exact, dtype), rtol=1e-6)
    assert np.allclose(cv2.GaussianBlur(spike, (5, 1), 0)[0, 48:53], saturated([12.5, 50, 75, 50, 12.5], dtype))


def test_kernels_by_hand():
    assert cv2.getGaussianKernel(5, 0).ravel().tolist() == [0.0625, 0.25, 0.375, 0.25, 0.0625]
    assert np.allclose(np.diff(np.log(cv2.getGaussianKernel(4, 1).ravel())), [1, 0, -1])
    assert cv2.getGaussianKernel(11, -1).argmax() == 5
    columns, rows = cv2.getDerivKernels(1, 2, 5, normalize=True, ktype=cv2.CV_64F)
    assert (columns * 8).ravel().tolist() == [-1, -2, 0, 2, 1]
    assert (rows * 4).ravel().tolist() == [1, 0, -2, 0, 1]
    assert cv2.getGaborKernel((4, 3), 1, 0, 4, 1).shape == (3, 5)
    wave = cv2.getGaborKernel((9, 1), 1e6, 0, 4, 1, psi=0, ktype=cv2.CV_32F)
    assert wave.dtype == np.float32
    assert np.allclose(wave, [[1, 0, -1, 0, 1, 0, -1, 0, 1]], atol=1e-6)


def scores_of(image, template, method, weights):
    """The documented formulas, window by window."""
    shares = np.broadcast_to(weights, template.shape).astype(float)
    found = []
    for row, column in np.ndindex(*np.subtract(image.shape[:2], template.shape[:2]) + 1):
        window = image[row : row + template.shape[0], column : column + template.shape[1]].astype(float)
        taps = template.astype(float)
        if method >= cv2.TM_CCOEFF:
            window, taps = (each - (each * shares).sum((0, 1)) / shares.sum((0, 1)) for each in (window, taps))
        window, taps = window * shares, taps * shares
        score = ((window - taps) ** 2 if method < 2 else window * taps).sum()
        found.append(score / np.sqrt((window**2).sum() * (taps**2).sum()) if method % 2 else score)
    return np.reshape(found, np.subtract(image.shape[:2], template.shape[:2]) + 1)


@for_each(["method", "dtype", "kind"], drawn(1, METHODS, ("uint8", "float32"), ("none", "binary", "scaled", "shares")))
def test_scores_are_those_of_the_formulas(method, dtype, kind):
    rng = random_generator("matchTemplate", method, dtype, kind)
    image, template = (whole(rng, (size, size + 1, 2), "u1") + np.uint8(1) for size in (7, 4))
    image, template = image.astype(dtype), template.astype(dtype)
    mask = {
        "none": None,
        "binary": (rng.random((4, 5)) < 0.7).astype("u1") * 255,
        "scaled": np.full((4, 5, 2), 3, "f4"),
        "shares": rng.uniform(-2, 2, (4, 5, 2)).astype("f4"),
    }[kind]
    weights = 1 if mask is None else np.atleast_3d(mask != 0 if mask.dtype == "u1" else mask)
    scores = cv2.matchTemplate(image, template, method, mask=mask)
    exact = scores_of(image, template, method, weights)
    exact = np.minimum(exact, 1) if method == cv2.TM_SQDIFF_NORMED and mask is None else exact
    assert scores.dtype == np.float32
    assert np.abs(scores - exact).max() <= 1e-5 * max(1, np.abs(exact).max())


@for_each("mask", [None, np.ones((2, 2), "f4"), np.array([[1, 1], [1, 0.5]], "f4")], ids=["none", "ones", "shares"])
def test_scores_where_there_is_no_contrast(mask):
    image = np.float32([[5, 5, 5, 1], [5, 5, 5, 2], [0, 0, 5, 3], [0, 0, 5, 4]])
    constant, zero, other = np.full((2, 2), 3, "f4"), np.zeros((2, 2), "f4"), image[:2, 2:]

    def scores(template, method):
        return cv2.matchTemplate(image, template, method, mask=mask)

    assert (scores(constant, cv2.TM_CCOEFF_NORMED) == 1).all()
    assert (scores(constant * np.float32(1e-9), cv2.TM_CCOEFF_NORMED) == 1).all()
    assert np.abs(scores(constant, cv2.TM_CCOEFF)).max() < 1e-5
    assert scores(other, cv2.TM_CCOEFF_NORMED)[0, 0] == 0
    assert scores(other * np.float32(1e-9), cv2.TM_CCOEFF_NORMED)[0, 2] > 0.999999
    assert (scores(zero, cv2.TM_CCORR_NORMED) == 0).all()
    assert (scores(zero, cv2.TM_SQDIFF_NORMED) == 1).all()
    assert scores(other, cv2.TM_CCORR_NORMED)[2, 0] == 0
    assert scores(other, cv2.TM_SQDIFF_NORMED)[2, 0] == 1
    assert np.isfinite([scores(template, method) for template in (constant, zero, other) for method in METHODS]).all()


def test_a_mask_of_zeros_and_exchanged_operands():
    image = np.arange(12, dtype="f4").reshape(3, 4)
    for method, score in enumerate((0, 1, 0, 0, 0, 0)):
        assert (cv2.matchTemplate(image, image[:2, :2], method, mask=np.zeros((2, 2), "u1")) == score).all()
        exchanged = cv2.matchTemplate(image[:2, :2], image, method)
        assert np.array_equal(exchanged, cv2.matchTemplate(image, image[:2, :2], method))


def test_nan_reaches_only_the_windows_that_contain_it():
    image = np.ones((6, 6), "f4")
    image[2, 3] = np.nan
    assert np.isnan(cv2.filter2D(image, -1, np.ones((15, 15)), borderType=cv2.BORDER_CONSTANT)).all()
    assert np.isnan(cv2.blur(image, (3, 3))).sum() == 9
    assert np.isnan(cv2.matchTemplate(image, np.ones((2, 2), "f4"), cv2.TM_CCORR)).sum() == 4


@for_each(["shape", "dtype"], drawn(1, [(96, 90), (81, 75), (62, 128)], ("float32", "float64")))
def test_phase_correlation_gives_the_motion_of_the_content(shape, dtype):
    rng = random_generator("phaseCorrelate", shape, dtype)
    scene = rng.random((120, 150)).astype(dtype)
    first, second = (scene[y : y + shape[0], x : x + shape[1]] for y, x in ((10, 10), (7, 14)))
    (x, y), response = cv2.phaseCorrelate(first, second)
    assert np.abs(np.subtract((x, y), (-4, 3))).max() < 0.8  # a centroid, whose bins have what does not overlap
    assert 0 < response < 1
    (x, y), response = cv2.phaseCorrelate(first * dtype_of(dtype, 1e-12), first * dtype_of(dtype, 1e-12))
    assert np.abs([x, y]).max() < 1e-3
    assert shape[0] == 62 or abs(response - 1) < 1e-3


@for_each(["shape", "dtype"], drawn(1, [(30, 45), (18, 32), (48, 80), (480, 640), (9, 10)], ("float32", "float64")))
def test_a_constant_image_has_no_phase_but_that_of_its_mean(shape, dtype):
    """So the correlation is the same everywhere, and its peak the first place, of which nine bins are inside."""
    image = random_generator("constant", shape).random(shape).astype(dtype)
    for value in (2.0, 0.3, 1e5):
        flat = np.full(shape, value, dtype)
        for first, second in ((image, flat), (flat, image), (flat, flat)):
            (x, y), response = cv2.phaseCorrelate(first, second)
            assert np.abs(np.subtract((x, y), (shape[1] // 2 - 1, shape[0] // 2 - 1))).max() < 1e-3
            assert abs(response - 9 / (shape[0] * shape[1])) < 1e-6


def dtype_of(dtype, value):
    """A scalar of the type."""
    return np.dtype(dtype).type(value)


def test_phase_correlation_with_a_window_leaves_the_operands_as_they_are():
    rng = random_generator("window")
    image, window = rng.random((32, 30)), np.outer(np.hanning(32), np.hanning(30))
    moved, before = np.roll(image, (2, -1), (0, 1)), image.copy()
    found = cv2.phaseCorrelate(image, moved, window)
    assert np.array_equal(image, before)
    assert found == cv2.phaseCorrelate(image * window, moved * window)
    (x, y), response = cv2.phaseCorrelate(np.zeros((8, 8)), image[:8, :8])
    assert np.isnan([x, y]).all()
    assert response == 0


def test_destinations_are_written_where_they_fit():
    image = np.arange(30, dtype="f4").reshape(5, 6)
    expected = cv2.blur(image, (3, 3))
    for place in (np.empty((5, 6), "f4"), np.empty((5, 6, 1), "f4"), np.empty((6, 5), "f4").T, image.copy()):
        assert cv2.blur(image, (3, 3), place) is place
        assert np.array_equal(place.reshape(5, 6), expected)
    for other in (np.zeros((5, 7), "f4"), np.zeros((5, 6))):
        response = cv2.blur(image, (3, 3), other)
        assert response is not other
        assert not other.any()
        assert np.array_equal(response, expected)
    place = image.copy()
    assert cv2.GaussianBlur(place, (3, 3), 1, place) is place
    assert np.array_equal(place, cv2.GaussianBlur(image, (3, 3), 1))
    place = np.empty((4, 4), "f4")
    assert cv2.matchTemplate(image, image[:2, :3], cv2.TM_CCORR, place) is place
    taps = np.empty((3, 1), "f4")
    assert cv2.getDerivKernels(1, 0, 3, taps)[0] is taps


def test_shapes_and_byte_orders_that_are_read():
    assert cv2.blur(np.ones(4), (3, 3)).shape == (1, 4)
    assert cv2.blur(np.ones((4, 5, 1)), (3, 3)).shape == (4, 5)
    assert cv2.blur(np.ones((4, 5, 200), ">f4")[::-1], (3, 3)).dtype == np.dtype("f4")
    assert cv2.filter2D(np.ones((1, 3), "u1"), cv2.CV_32F + 64, np.ones(3)).tolist() == [[3, 3, 3]]  # CV_32FC3
    assert cv2.boxFilter(np.ones((2, 2), "i8"), -1, (1, 1)).dtype == np.int32


IMAGE, KERNEL = np.ones((4, 5), "f4"), np.ones((3, 3))
WRONG = {
    "src: got list": lambda: cv2.filter2D([[1.0]], -1, KERNEL),
    "src: got the shape": lambda: cv2.blur(np.ones((0, 3)), (3, 3)),
    "src: got the dtype complex": lambda: cv2.filter2D(IMAGE.astype("c8"), -1, KERNEL),
    "src: got the dtype int32": lambda: cv2.filter2D(IMAGE.astype("i4"), -1, KERNEL),
    "src: got the dtype int8": lambda: cv2.boxFilter(IMAGE.astype("i1"), -1, (3, 3)),
    "kernel: got list": lambda: cv2.filter2D(IMAGE, -1, [[1.0]]),
    "kernel: got the shape": lambda: cv2.filter2D(IMAGE, -1, np.ones((3, 3, 3))),
    "kernelX: got the shape": lambda: cv2.sepFilter2D(IMAGE, -1, KERNEL, KERNEL[0]),
    "ddepth: got 6": lambda: cv2.filter2D(IMAGE, cv2.CV_64F, KERNEL),
    "ddepth: got 5": lambda: cv2.Sobel(IMAGE.astype("f8"), cv2.CV_32F, 1, 0),
    "ddepth: got 4": lambda: cv2.Sobel(IMAGE, cv2.CV_32S, 1, 0),
    "ddepth: got 1.5": lambda: cv2.filter2D(IMAGE, 1.5, KERNEL),
    "anchor: got \\(3, 0\\)": lambda: cv2.filter2D(IMAGE, -1, KERNEL, anchor=(3, 0)),
    "anchor: got 1": lambda: cv2.filter2D(IMAGE, -1, KERNEL, anchor=1),
    "borderType: got 3": lambda: cv2.filter2D(IMAGE, -1, KERNEL, borderType=cv2.BORDER_WRAP),
    "borderType: got 5": lambda: cv2.blur(IMAGE, (3, 3), borderType=5),
    "dst: got list": lambda: cv2.filter2D(IMAGE, -1, KERNEL, []),
    "dst: got ndarray": lambda: cv2.filter2D(IMAGE, -1, KERNEL, np.broadcast_to(np.float32(0), (4, 5))),
    "ksize: got 2": lambda: cv2.Sobel(IMAGE, -1, 1, 0, ksize=2),
    "ksize: got 33": lambda: cv2.Sobel(IMAGE, -1, 1, 0, ksize=33),
    "ksize: got 3 for": lambda: cv2.Sobel(IMAGE, -1, 3, 0),
    "ksize: got 0": lambda: cv2.Laplacian(IMAGE, -1, ksize=0),
    "ksize: got \\(4, 3\\)": lambda: cv2.GaussianBlur(IMAGE, (4, 3), 1),
    "ksize: got \\(0, 0\\)": lambda: cv2.GaussianBlur(IMAGE, (0, 0), 0),
    "ksize: got \\(3, 0\\)": lambda: cv2.blur(IMAGE, (3, 0)),
    "ksize: got -1": lambda: cv2.getGaussianKernel(-1, 1),
    "dx, dy: got 0, 0": lambda: cv2.Sobel(IMAGE, -1, 0, 0),
    "dx, dy: got 1, 1": lambda: cv2.Scharr(IMAGE, -1, 1, 1),
    "ktype: got 0": lambda: cv2.getGaborKernel((3, 3), 1, 0, 4, 1, ktype=0),
    "overflow: a response is NaN": lambda: cv2.filter2D(np.ones((3, 3), "u1"), -1, KERNEL * np.nan),
    "method: got 6": lambda: cv2.matchTemplate(IMAGE, IMAGE, 6),
    "image, templ: got float32, uint8": lambda: cv2.matchTemplate(IMAGE, IMAGE.astype("u1"), 0),
    "image, templ: got the shapes": lambda: cv2.matchTemplate(np.ones((4, 5, 3), "f4"), IMAGE, 0),
    "templ: got the shape": lambda: cv2.matchTemplate(IMAGE, np.ones((5, 2), "f4"), 0),
    "mask: got the dtype": lambda: cv2.matchTemplate(IMAGE, IMAGE, 0, mask=np.ones((4, 5))),
    "mask: got the shape": lambda: cv2.matchTemplate(IMAGE, IMAGE, 0, mask=np.ones((4, 4), "u1")),
    "src1, src2, window: got float64": lambda: cv2.phaseCorrelate(IMAGE, IMAGE.astype("f8")),
    "src1, src2, window: got uint8": lambda: cv2.phaseCorrelate(IMAGE.astype("u1"), IMAGE.astype("u1")),
    "src1, src2, window: got the shapes": lambda: cv2.phaseCorrelate(IMAGE, IMAGE[1:]),
    "src2: got the shape": lambda: cv2.phaseCorrelate(IMAGE, np.ones((4, 5, 3), "f4")),
}


@for_each(["message", "call"], WRONG.items(), ids=list(WRONG))
def test_what_is_not_allowed_is_an_error_that_says_so(message, call):
    with pytest.raises(cv2.error, match=f"^{message}"):
        call()


def test_constants_functions_and_refusals_are_those_of_opencv():
    peer = pytest.importorskip("cv2")
    for name in cv2.__all__:
        if isinstance(value := getattr(cv2, name), int):
            assert getattr(peer, name) == value, name
        elif name != "error":
            described = getattr(peer, name).__doc__.partition("(")[2].partition(") ->")[0]
            names = [each.strip(" []") for each in described.split(",")]
            assert list(cv2_parameters(name)) == [each for each in names if each], name
    for call in WRONG.values():
        if call not in (WRONG["src: got the dtype int8"], WRONG["overflow: a response is NaN"], WRONG["src: got list"]):
            with pytest.raises(peer.error):
                eval_with(call, peer)


def cv2_parameters(name):
    """The names of the parameters of a function."""
    function = getattr(cv2, name)
    return function.__code__.co_varnames[: function.__code__.co_argcount]


def eval_with(call, module):
    """The call with another module in the place of the drop-in."""
    return type(call)(call.__code__, {**call.__globals__, "cv2": module})()


@for_each(["dtype", "out"], drawn(1, TYPES, DEPTHS))
def test_types_that_go_together_are_those_of_opencv(dtype, out):
    peer = pytest.importorskip("cv2")
    image = np.ones((5, 6), dtype)
    calls = [
        lambda cv2: cv2.filter2D(image, DEPTHS[out], KERNEL),
        lambda cv2: cv2.sepFilter2D(image, DEPTHS[out], KERNEL[0], KERNEL[0]),
        lambda cv2: cv2.Laplacian(image, DEPTHS[out]),
        lambda cv2: cv2.Laplacian(image, DEPTHS[out], ksize=5),
        lambda cv2: cv2.boxFilter(image, DEPTHS[out], (3, 3)),
    ]
    for call in calls:
        try:
            theirs = call(peer)
        except peer.error:
            with pytest.raises(cv2.error):
                call(cv2)
        else:
            ours = call(cv2)
            assert ours.dtype == theirs.dtype
            assert np.allclose(ours, theirs)


def test_nothing_of_the_peer_is_imported():
    code = "import sys; from xcorr.compat import cv2; print([m for m in sys.modules if m.startswith('cv2')])"
    assert run_script(code) == "[]\n"


def test_means_of_bytes_are_rounded_as_exact_ones_also_at_ties():
    image = random_generator("ties").integers(0, 7, (12, 20), dtype=np.uint8)
    for columns, rows in ((6, 1), (2, 3), (3, 5), (12, 1)):
        windows = np.lib.stride_tricks.sliding_window_view(image.astype(int), (rows, columns)).sum((-1, -2))
        exact = [[round(Fraction(int(total), rows * columns)) for total in line] for line in windows]
        inside = cv2.blur(image, (columns, rows), anchor=(0, 0))[: len(exact), : len(exact[0])]
        assert inside.tolist() == exact, (columns, rows)
