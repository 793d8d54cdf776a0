"""`xcorr.compat.skimage`: values by hand and by NumPy, types, masks, errors; what it decides otherwise."""

import numpy as np
import pytest
from checks import random_generator
from looping import drawn, for_each
from scripts import run_script

from xcorr.compat import skimage

PADDING = {"reflect": "symmetric", "constant": "constant", "nearest": "edge", "mirror": "reflect", "wrap": "wrap"}
TYPES = ("bool", "uint8", "int16", "uint64", "float16", "float32", "float64")
MAGNITUDES = {"sobel": [1, 2, 1], "scharr": [3, 10, 3], "prewitt": [1, 1, 1]}
FAMILY = ("sobel", "scharr", "prewitt", "farid")


def pixels(rng, shape, dtype):
    """Random ones, of the whole range of integers."""
    dtype = np.dtype(dtype)
    if dtype.kind == "b":
        return rng.random(shape) < 0.5
    if dtype.kind in "iu":
        return rng.integers(np.iinfo(dtype).min, np.iinfo(dtype).max, shape, dtype=dtype, endpoint=True)
    return rng.standard_normal(shape).astype(dtype)


def floats_of(image):
    """What integers are scaled to."""
    if image.dtype.kind in "iu":
        return np.maximum(image / np.iinfo(image.dtype).max, -1.0)
    return image.astype(np.float64)


def derivative(image, smooth, axis, mode="reflect", cval=0.0):
    """What follows less what precedes, times a half of it smoothed, by slices of the padded image."""
    fill = {"constant_values": cval} if mode == "constant" else {}
    padded = np.pad(floats_of(image), 1, mode=PADDING[mode], **fill)
    smooth = np.array(smooth) / sum(smooth)
    for each in range(image.ndim):
        slices = [np.moveaxis(padded, each, 0)[place : place + image.shape[each]] for place in range(3)]
        summed = slices[2] - slices[0] if each == axis else sum(tap * part for tap, part in zip(smooth, slices))
        padded = np.moveaxis(summed, 0, each)
    return padded


@for_each(["name", "dtype", "mode", "n_axes"], drawn(4, MAGNITUDES, TYPES, PADDING, (1, 2, 3, 4)))
def test_edges_are_differences_of_smoothed_pixels(name, dtype, mode, n_axes):
    rng = random_generator(name, dtype, mode, n_axes)
    image = pixels(rng, rng.integers(1, 6, n_axes), dtype)
    expected = [derivative(image, MAGNITUDES[name], axis, mode, 0.5) for axis in range(n_axes)]
    result = getattr(skimage, name)(image, axis=-1, mode=mode, cval=0.5)
    assert result.dtype == (np.float32 if dtype in ("float16", "float32") else np.float64)
    assert np.allclose(result, expected[-1], rtol=1e-5, atol=1e-6)
    magnitude = getattr(skimage, name)(image, mode=mode, cval=0.5)
    whole = expected[0] if n_axes == 1 else np.sqrt(sum(each**2 for each in expected) / n_axes)
    assert np.allclose(magnitude, whole, rtol=1e-5, atol=1e-6)


def test_edges_of_one_direction_and_diagonals():
    rng = random_generator("directions")
    image = rng.random((5, 6)).astype("f4")
    for name in FAMILY:
        for direction, axis in (("h", 0), ("v", 1)):
            result = getattr(skimage, f"{name}_{direction}")(image)
            assert np.array_equal(result, getattr(skimage, name)(image, axis=axis)), name
    padded = np.pad(image.astype(float), ((0, 1), (0, 1)), mode="symmetric")
    falling, rising = padded[1:, 1:] - padded[:-1, :-1], padded[1:, :-1] - padded[:-1, 1:]
    assert np.allclose(skimage.roberts_pos_diag(image), falling, atol=1e-6)
    assert np.allclose(skimage.roberts_neg_diag(image), rising, atol=1e-6)
    assert np.allclose(skimage.roberts(image), np.hypot(falling, rising) / np.sqrt(2), atol=1e-6)
    ramp = np.arange(5.0)[:, None] * np.ones(5)
    assert skimage.farid_h(ramp)[2, 2] == pytest.approx(0.992, abs=1e-3)
    assert skimage.laplace(np.eye(3), ksize=7)[1].tolist() == [-2, 4, -2]
    assert skimage.laplace(np.float32([0, 1, 4, 9])).dtype == np.float32


def test_masks_are_eroded_with_their_neighbours():
    image, mask = np.tile(np.arange(6.0), (6, 1)), np.ones((6, 6), bool)
    mask[0, 5] = False
    for result in (skimage.sobel_v(image, mask), skimage.farid_v(image, mask=mask), skimage.laplace(image**2, 3, mask)):
        expected = np.zeros((6, 6), bool)
        expected[1:5, 1:5] = True
        expected[1, 4] = False
        assert np.array_equal(result != 0, expected)
    assert np.array_equal(skimage.roberts(image, mask.astype(int) * 3) != 0, expected)


@for_each(["dtype", "mode", "n_axes"], drawn(2, ("uint8", "float16", "float32", "float64"), PADDING, (1, 2, 4)))
def test_gaussian_is_a_product_along_axes(dtype, mode, n_axes):
    rng = random_generator("gaussian", dtype, mode, n_axes)
    image = pixels(rng, rng.integers(1, 7, n_axes), dtype)
    sigmas = rng.choice([0, 0.4, 1.0, 1.7], n_axes)
    expected = floats_of(image)
    for axis, sigma in enumerate(sigmas):
        if sigma:
            reach = int(3 * sigma + 0.5)
            taps = np.exp(-0.5 * (np.arange(-reach, reach + 1) / sigma) ** 2)
            fill = {"constant_values": 0.5} if mode == "constant" else {}
            sides = [(reach, reach) if each == axis else (0, 0) for each in range(n_axes)]
            padded = np.moveaxis(np.pad(expected, sides, mode=PADDING[mode], **fill), axis, 0)
            moved = [tap * padded[place : place + image.shape[axis]] for place, tap in enumerate(taps / taps.sum())]
            expected = np.moveaxis(sum(moved), 0, axis)
    result = skimage.gaussian(image, sigmas, mode=mode, cval=0.5, truncate=3)
    assert result.dtype == (np.float32 if dtype in ("float16", "float32") else np.float64)
    assert np.allclose(result, expected, rtol=1e-4, atol=1e-6)


def test_gaussian_of_channels_into_a_place_and_with_its_range_preserved():
    rng = random_generator("channels")
    image = rng.random((6, 3, 7))
    each = np.stack([skimage.gaussian(image[:, channel], (1, 2)) for channel in range(3)], axis=1)
    assert np.allclose(skimage.gaussian(image, (1, 2), channel_axis=-2), each, rtol=1e-13)
    place = np.empty((6, 3, 7), "f4")
    assert skimage.gaussian(image, (1, 0, 2), out=place) is place
    assert np.allclose(place, each, rtol=1e-5)
    image = rng.integers(0, 256, (5, 5)).astype("u1")
    assert np.allclose(skimage.gaussian(image, preserve_range=True), skimage.gaussian(image) * 255)
    same = skimage.gaussian(each, 0)
    assert np.array_equal(same, each)
    assert not np.shares_memory(same, each)


@for_each(["sigma", "dtype"], drawn(1, (0.3, 1, 1.6, 3.3, 8), ("float32", "float64")))
def test_white_stays_white(sigma, dtype):
    assert (skimage.gaussian(np.ones((5, 40), dtype), sigma) == 1).all()


def test_difference_of_gaussians():
    image = random_generator("difference").random((7, 9))
    expected = skimage.gaussian(image, (1, 2)) - skimage.gaussian(image, (1.6, 3.2))
    assert np.array_equal(skimage.difference_of_gaussians(image, (1, 2)), expected)


def test_gabor_kernels_and_their_responses():
    kernel = skimage.gabor_kernel(0.25, 0.4, sigma_x=1.5, sigma_y=2, n_stds=4, offset=0.3)
    rows, columns = kernel.shape
    y, x = np.mgrid[-(rows // 2) : rows // 2 + 1, -(columns // 2) : columns // 2 + 1]
    u, v = x * np.cos(0.4) + y * np.sin(0.4), y * np.cos(0.4) - x * np.sin(0.4)
    bell = np.exp(-(u**2) / 4.5 - v**2 / 8) / (2 * np.pi * 3)
    assert np.allclose(kernel, bell * np.exp(1j * (np.pi / 2 * u + 0.3)))
    spike = np.zeros((21, 21))
    spike[10, 10] = 1
    real, imaginary = skimage.gabor(spike, 0.3)
    wave = skimage.gabor_kernel(0.3)
    reach = len(wave) // 2
    assert np.allclose((real + 1j * imaginary)[10 - reach : 11 + reach, 10 - reach : 11 + reach], wave)
    negative, _ = skimage.gabor((spike * -100).astype("i1"), 0.3)
    assert negative.dtype == np.int8
    assert np.array_equal(negative, np.trunc(skimage.gabor(spike * -100, 0.3)[0]))
    assert np.array_equal(skimage.gabor((spike * 100).astype("u1"), 0.3)[0], np.trunc(real * 100).astype(int) % 256)


@for_each(["dtype", "n_axes", "mode"], drawn(1, ("uint8", "float32", "float64"), (2, 3), ("constant", "edge", "mean")))
def test_scores_are_correlation_coefficients(dtype, n_axes, mode):
    rng = random_generator("match_template", dtype, n_axes, mode)
    image, shape = rng.integers(0, 9, rng.integers(4, 7, n_axes)).astype(dtype), rng.integers(2, 5, n_axes)
    template = rng.integers(0, 9, shape).astype(dtype)

    def coefficients(array):
        windows = np.lib.stride_tricks.sliding_window_view(array, template.shape)
        flat = windows.reshape(*windows.shape[:n_axes], -1).astype(float)
        about = flat - flat.mean(axis=-1, keepdims=True)
        taps = template.ravel() - template.mean()
        norms = np.sqrt((about**2).sum(axis=-1) * (taps**2).sum())
        return np.divide(about @ taps, norms, out=np.zeros_like(norms), where=norms > 1e-9)

    scores = skimage.match_template(image, template)
    assert scores.dtype == (np.float32 if dtype == "float32" else np.float64)
    assert np.allclose(scores, coefficients(image), atol=1e-5)
    if mode != "mean":
        sides = [(length // 2, (length - 1) // 2) for length in shape]
        fill = {"constant_values": 2.5} if mode == "constant" else {}
        expected = coefficients(np.pad(image.astype(float), sides, mode=mode, **fill))
        scores = skimage.match_template(image, template, True, mode, 2.5)
        assert scores.shape == image.shape
        assert np.allclose(scores, expected, atol=1e-5)
    else:
        assert skimage.match_template(image, template, True, mode).shape == image.shape


def test_dim_images_and_nan_are_scored_where_they_can_be():
    image = random_generator("dim").random((9, 9)).astype("f4")
    dim = skimage.match_template(image * np.float32(1e-6), image[2:5, 3:7] * np.float32(1e-6))
    assert dim[2, 3] > 0.99999
    image[0, 0] = np.nan
    assert np.isnan(skimage.match_template(image, image[2:5, 3:7])).sum() == 1


def naive_peaks(image, distance, threshold):
    """Pixels that equal the largest one of the box around, the highest first, each so far from those before."""
    found = []
    for place in np.ndindex(*image.shape):
        box = image[tuple(slice(max(at - distance, 0), at + distance + 1) for at in place)]
        if image[place] == box.max() and image[place] > threshold:
            found.append(place)
    kept = []
    for place in sorted(found, key=lambda place: -int(image[place])):
        if distance == 1 or all(np.abs(np.subtract(place, other)).max() >= distance for other in kept):
            kept.append(place)
    return kept


@for_each(["distance", "dtype", "n_axes"], drawn(1, (1, 2, 3), ("uint8", "int16", "float32"), (1, 2, 3)))
def test_peaks_are_the_largest_of_their_boxes(distance, dtype, n_axes):
    rng = random_generator("peaks", distance, dtype, n_axes)
    image = rng.integers(0, 9, rng.integers(5, 13, n_axes)).astype(dtype)
    found = skimage.peak_local_max(image, distance, threshold_abs=2, exclude_border=False)
    assert found.dtype == np.intp
    assert found.tolist() == [list(place) for place in naive_peaks(image, distance, 2)]
    few = skimage.peak_local_max(image, distance, threshold_abs=2, exclude_border=False, num_peaks=2)
    assert few.tolist() == found[:2].tolist()


def test_peaks_by_hand():
    image = np.array([[0, 0, 0, 0, 0], [0, 9, 0, 0, 7], [0, 0, 0, 0, 0]])
    assert skimage.peak_local_max(image).tolist() == [[1, 1]]
    assert skimage.peak_local_max(image, exclude_border=0).tolist() == [[1, 1], [1, 4]]
    assert skimage.peak_local_max(image, exclude_border=(1, 0)).tolist() == [[1, 1], [1, 4]]
    assert skimage.peak_local_max(image, exclude_border=0, threshold_rel=0.8).tolist() == [[1, 1]]
    assert skimage.peak_local_max(image, 2, exclude_border=0, p_norm=1).tolist() == [[1, 1], [1, 4]]
    assert skimage.peak_local_max(image, exclude_border=0, footprint=np.ones((1, 9))).tolist() == [[1, 1]]
    assert skimage.peak_local_max(np.ones((4, 4))).shape == (0, 2)
    labels = np.array([[1] * 3 + [2] * 2] * 3)
    assert skimage.peak_local_max(image, exclude_border=0, labels=labels).tolist() == [[1, 1], [1, 4]]
    assert skimage.peak_local_max(image, exclude_border=0, labels=labels, num_peaks=1).tolist() == [[1, 1]]
    assert skimage.peak_local_max(image, exclude_border=0, labels=labels * (labels == 2)).tolist() == [[1, 4]]
    assert skimage.peak_local_max(image, labels=np.zeros((3, 5), int)).shape == (0, 2)
    with_nan = np.array([0, 5, 0, np.nan, 0, 7, 0])
    assert skimage.peak_local_max(with_nan).tolist() == [[5], [1]]
    assert skimage.peak_local_max(np.full(5, np.nan)).shape == (0, 1)
    assert skimage.peak_local_max(np.array([0, 5, 0]) > 1).tolist() == [[1]]
    unsigned = skimage.peak_local_max(np.array([0, 0, 9, 0, 0, 0], "u1"), threshold_abs=-1, exclude_border=0)
    assert unsigned.tolist()[0] == [2]
    with pytest.warns(RuntimeWarning, match="min_distance < 1") as told:
        assert len(skimage.peak_local_max(image, 0)) == 2
    assert told[0].filename == __file__


@for_each(["shape", "normalization", "dtype"], drawn(1, [(32, 27), (9, 10, 11), (40,)], ("phase", None), ("f4", "f8")))
def test_shifts_are_those_that_were_made(shape, normalization, dtype):
    rng = random_generator("shift", shape, normalization, dtype)
    image = rng.random(shape).astype(dtype)
    made = rng.integers(-4, 5, len(shape))
    moved = np.roll(image, -made, tuple(range(len(shape))))
    for factor in (1, 4):
        shift, error, phase = skimage.phase_cross_correlation(
            image, moved, normalization=normalization, upsample_factor=factor
        )
        assert shift.tolist() == made.tolist()
        assert shift.dtype == dtype
        assert abs(phase) < 1e-3
        assert error < 1e-2 or normalization == "phase"
    spectra = np.fft.fftn(image), np.fft.fftn(moved)
    assert skimage.phase_cross_correlation(*spectra, space="Fourier")[0].tolist() == made.tolist()
    mask = rng.random(shape) < 0.9
    masked, *rest = skimage.phase_cross_correlation(image, image, reference_mask=mask)
    assert np.abs(masked).max() == 0
    assert np.isnan(rest).all()


def test_subpixel_shifts_and_dim_images():
    rng = random_generator("subpixel")
    shape = (32, 40)
    spectrum = np.fft.fft2(rng.random(shape)) * (
        np.hypot(*np.meshgrid(*map(np.fft.fftfreq, shape), indexing="ij")) < 0.4
    )
    turns = 0.75 * np.fft.fftfreq(32)[:, None] - 1.5 * np.fft.fftfreq(40)
    first, second = spectrum, spectrum * np.exp(2j * np.pi * turns)  # shifted by -0.75 and 1.5
    shift, *_ = skimage.phase_cross_correlation(first, second, space="fourier", upsample_factor=20, normalization=None)
    assert np.allclose(shift, (0.75, -1.5), atol=0.051)
    image = rng.random(shape).astype("f4")
    dim = [each * np.float32(1e-12) for each in (image, np.roll(image, (3, -2), (0, 1)))]
    assert skimage.phase_cross_correlation(*dim)[0].tolist() == [-3, 2]


def test_shifts_on_a_torus_are_told_from_each_other():
    scene = random_generator("torus").random((60, 70))
    first, second = scene[5:35, 5:55], scene[23:53, 20:70]
    plain, *_ = skimage.phase_cross_correlation(first, second)
    told, *_ = skimage.phase_cross_correlation(first, second, disambiguate=True)
    assert ((told - plain) % first.shape == 0).all()
    assert told.tolist() == [18, 15]
    assert plain.tolist() == [-12, 15]


def test_masked_shifts_hold_at_any_offset():
    scene = random_generator("offset").random((50, 50)) * 0.3 + 1e6
    first, second = scene[5:37, 8:40], scene[9:41, 5:37]
    masks = [random_generator("masks", which).random((32, 32)) < 0.8 for which in (0, 1)]
    shift, *_ = skimage.phase_cross_correlation(first, second, reference_mask=masks[0], moving_mask=masks[1])
    assert shift.tolist() == [4, -3]
    holes = np.where(masks[1], second, np.nan)
    shift, *_ = skimage.phase_cross_correlation(first, holes, moving_mask=masks[1])
    assert shift.tolist() == [4, -3]


IMAGE, MASK = np.ones((4, 5)), np.ones((3, 3), bool)
REGISTERED = skimage.phase_cross_correlation
WRONG = [
    (ValueError, "Cannot convert", lambda: skimage.sobel(IMAGE * 1j)),
    (ValueError, "complex", lambda: skimage.gaussian(IMAGE * 1j, preserve_range=True)),
    (ValueError, "2-dimensional", lambda: skimage.sobel_h(np.ones((3, 3, 3)))),
    (ValueError, "empty", lambda: skimage.roberts(np.ones((0, 3)))),
    (ValueError, "broadcast", lambda: skimage.sobel(IMAGE, MASK)),
    (IndexError, "axis: got 2", lambda: skimage.prewitt(IMAGE, axis=2)),
    (RuntimeError, "A sequence", lambda: skimage.scharr(IMAGE, mode=["wrap", "wrap"])),
    (RuntimeError, "boundary mode", lambda: skimage.farid(IMAGE, mode="edge")),
    (ValueError, "ksize: got 2", lambda: skimage.laplace(IMAGE, 2)),
    (ValueError, "Sigma", lambda: skimage.gaussian(IMAGE, (1, -1))),
    (RuntimeError, "length", lambda: skimage.gaussian(IMAGE, (1, 1, 1))),
    (RuntimeError, "length", lambda: skimage.gaussian(IMAGE, mode=["wrap"])),
    (ValueError, "must be float", lambda: skimage.gaussian(IMAGE, out=np.ones((4, 5), int))),
    (RuntimeError, "output shape", lambda: skimage.gaussian(IMAGE, out=np.ones((5, 4)))),
    (ValueError, "low_sigma", lambda: skimage.difference_of_gaussians(IMAGE, (1, 1, 1))),
    (ValueError, "high_sigma", lambda: skimage.difference_of_gaussians(IMAGE, 2, 1)),
    (ValueError, "dtype must be complex", lambda: skimage.gabor_kernel(0.3, dtype=float)),
    (ValueError, "2-or-3", lambda: skimage.match_template(np.ones(4), np.ones(2))),
    (ValueError, "Dimensionality", lambda: skimage.match_template(IMAGE, np.ones((2, 2, 2)))),
    (ValueError, "template: got", lambda: skimage.match_template(np.ones((3, 3, 3)), np.ones((2, 2)))),
    (ValueError, "larger", lambda: skimage.match_template(IMAGE, np.ones((5, 2)))),
    (ValueError, "mode", lambda: skimage.match_template(IMAGE, np.ones((2, 2)), mode="eggs")),
    (ValueError, "negative", lambda: skimage.peak_local_max(IMAGE, exclude_border=-1)),
    (ValueError, "exclude_border", lambda: skimage.peak_local_max(IMAGE, exclude_border=(1,))),
    (ValueError, "exclude_border", lambda: skimage.peak_local_max(IMAGE, exclude_border=(1, 1.5))),
    (TypeError, "exclude_border", lambda: skimage.peak_local_max(IMAGE, exclude_border=1.5)),
    (TypeError, "image: got", lambda: skimage.peak_local_max(IMAGE * 1j)),
    (TypeError, "safe", lambda: skimage.peak_local_max(IMAGE, labels=IMAGE)),
    (ValueError, "same shape", lambda: REGISTERED(IMAGE, IMAGE[1:])),
    (ValueError, "space", lambda: REGISTERED(IMAGE, IMAGE, space="eggs")),
    (ValueError, "normalization", lambda: REGISTERED(IMAGE, IMAGE, normalization="eggs")),
    (ValueError, "NaN", lambda: REGISTERED(IMAGE * np.nan, IMAGE)),
    (ValueError, "moving_mask", lambda: REGISTERED(IMAGE, IMAGE[1:], reference_mask=IMAGE > 0)),
    (ValueError, "mask sizes", lambda: REGISTERED(IMAGE, IMAGE, reference_mask=IMAGE > 0, moving_mask=MASK)),
    (ValueError, "complex", lambda: REGISTERED(IMAGE, IMAGE * 1j, reference_mask=IMAGE > 0)),
]


@for_each(["kind", "text", "call"], WRONG, ids=[text for _, text, _ in WRONG])
def test_what_is_not_allowed_is_said(kind, text, call):
    with pytest.raises(kind, match=text):
        call()


def test_empty_images_have_warnings_that_name_the_caller():
    with pytest.warns(UserWarning, match="Could not determine") as told:
        shift, error, _ = skimage.phase_cross_correlation(np.zeros((4, 4)), IMAGE[:, :4], disambiguate=True)
    assert np.isnan(error)
    assert shift.tolist() == [0, 0]
    assert {warning.filename for warning in told} == {__file__}
    assert len(told) == 2


def test_nothing_of_the_peer_is_imported():
    code = (
        "import sys; from xcorr.compat import skimage; "
        "print([m for m in sys.modules if m.startswith(('skimage', 'scipy.ndimage', 'scipy.signal'))])"
    )
    assert run_script(code) == "[]\n"
