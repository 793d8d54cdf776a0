"""The banks of kernels: their papers' formulas, one tap at a time, and what they promise of order, sums and signs."""

import doctest
import itertools
import math
from fractions import Fraction

import numpy as np
import pytest
from taps import UNIT, assert_rounded, gaussian, offsets, plane, turned, unit, wave_image, without_mean

import xcorr
from xcorr import banks

ROOT = math.sqrt(2)
SHAPES = {
    "sobel": (2, 3, 3),
    "laplacian": (2, 3, 3),
    "gabor": (40, 31, 31),
    "leung-malik": (48, 49, 49),
    "schmid": (13, 49, 49),
    "gaussian": (3, 33, 33),
    "laplacian-of-gaussian": (3, 33, 33),
    "box": (1, 3, 3),
}
SMOOTHING = ("gaussian", "box")
SCHMID = [(2, 1), (4, 1), (4, 2), (6, 1), (6, 2), (6, 3), (8, 1), (8, 2), (8, 3), (10, 1), (10, 2), (10, 3), (10, 4)]
GABOR_WAVELENGTHS = [2 * ROOT, 4, 4 * ROOT, 8, 8 * ROOT]


# --- what holds of every bank -----------------------------------------------------------------------------------------


def test_banks_are_listed_by_name():
    assert xcorr.banks is banks
    assert "banks" in xcorr.__all__
    assert list(banks.BANKS) == list(SHAPES)
    assert [function.__name__ for function in banks.BANKS.values()] == [name.replace("-", "_") for name in SHAPES]
    assert all(getattr(banks, function.__name__) is function for function in banks.BANKS.values())
    with pytest.raises(TypeError):
        banks.BANKS["sobel"] = None


@pytest.mark.parametrize("name", SHAPES)
def test_bank_is_an_array_of_its_own(name):
    bank = banks.BANKS[name]()
    taps = bank.tobytes()
    assert bank.shape == SHAPES[name]
    assert bank.dtype == np.float32
    assert bank.dtype.isnative
    assert bank.flags.c_contiguous
    assert bank.flags.writeable
    bank[:] = 7
    assert banks.BANKS[name]().tobytes() == taps


@pytest.mark.parametrize("name", SHAPES)
def test_no_tap_is_subnormal_and_no_kernel_is_there_twice(name):
    bank = banks.BANKS[name]()
    taps = np.abs(bank[bank != 0])
    assert np.isfinite(bank).all()
    assert taps.min() >= 2.0**-126
    assert len({kernel.tobytes() for kernel in bank}) == len(bank)


@pytest.mark.parametrize("name", ["gabor", "leung-malik", "schmid"])
@pytest.mark.parametrize("size", [3, 9, 21, 63])
def test_size_is_the_kernels(name, size):
    assert banks.BANKS[name](size).shape == (SHAPES[name][0], size, size)
    assert banks.BANKS[name](size=np.int16(size)).shape == (SHAPES[name][0], size, size)


@pytest.mark.parametrize("name", SHAPES)
def test_taps_sum_to_zero_or_of_what_smooths_to_one(name):
    bank = banks.BANKS[name]().astype(np.float64)
    for kernel in bank:
        assert abs(math.fsum(kernel.flat) - (name in SMOOTHING)) <= UNIT * math.fsum(np.abs(kernel).flat) + 1e-13


@pytest.mark.parametrize("name", ["gabor", "leung-malik", "schmid"])
@pytest.mark.parametrize("size", [3, 15, 49])
def test_magnitudes_sum_to_one(name, size):
    for kernel in banks.BANKS[name](size).astype(np.float64):
        assert abs(math.fsum(np.abs(kernel).flat) - 1) <= UNIT + 1e-13


@pytest.mark.parametrize("name", SHAPES)
def test_flat_images_give_nothing_or_where_they_are_smoothed_themselves(name):
    bank = banks.BANKS[name]()
    response = xcorr.correlate(np.full((60, 60), 100, np.float32), bank, layout="NHW")
    assert response.shape[-1] == len(bank)
    assert np.abs(response - 100 * (name in SMOOTHING)).max() <= 1e-3


@pytest.mark.parametrize("name", ["gabor", "leung-malik", "schmid"])
def test_errors_of_floating_point_do_not_reach_the_caller(name):
    with np.errstate(all="raise"):
        banks.BANKS[name](61)
        banks.gabor(sigma_ratio=1e-200, phases=[0.5], zero_mean=False)


@pytest.mark.parametrize("name", SHAPES)
def test_example_in_the_docstring_runs(name):
    function = banks.BANKS[name]
    tests = doctest.DocTestFinder(recurse=False).find(function, function.__name__, globs={})
    assert len(tests) == 1
    assert tests[0].examples
    assert doctest.DocTestRunner(verbose=False).run(tests[0]).failed == 0


# --- Sobel and Laplacian ----------------------------------------------------------------------------------------------


def test_sobel_is_smoothing_times_difference():
    smoothing, difference = [1, 2, 1], [-1, 0, 1]
    along_columns, along_rows = banks.sobel().tolist()
    assert along_columns == [[side * step for step in difference] for side in smoothing]
    assert along_rows == [[side * step for side in smoothing] for step in difference]


@pytest.mark.parametrize(("across", "down"), [(1, 0), (0, 1), (-2, 3)])
def test_sobel_of_a_ramp_is_its_slope(level, across, down):
    ramp = np.array([[across * column + down * row for column in range(9)] for row in range(7)], np.float32)
    slopes = xcorr.correlate(ramp, banks.sobel(normalized=True), layout="NHW")
    assert slopes.shape == (5, 7, 2)
    assert np.all(slopes == [across, down])
    assert np.all(xcorr.correlate(ramp, banks.sobel(), layout="NHW") == [8 * across, 8 * down])


def test_sobel_is_opencvs():
    cv2 = pytest.importorskip("cv2", reason="OpenCV is not installed")
    for kernel, order in zip(banks.sobel(), [(1, 0), (0, 1)]):
        across, down = cv2.getDerivKernels(*order, 3)
        assert np.array_equal(kernel, np.outer(down, across))
    for kernel, order in zip(banks.sobel(normalized=True), [(1, 0), (0, 1)]):
        across, down = cv2.getDerivKernels(*order, 3, normalize=True)
        assert np.array_equal(kernel, np.outer(down, across))


def test_laplacian_is_the_sum_of_differences_to_the_neighbours():
    four, eight = banks.laplacian().tolist()
    assert four == [[0, 1, 0], [1, -4, 1], [0, 1, 0]]
    assert eight == [[1, 1, 1], [1, -8, 1], [1, 1, 1]]
    assert banks.laplacian(4).tolist() == [four]
    assert banks.laplacian(np.uint8(8)).tolist() == [eight]


def test_normalized_laplacian_of_a_paraboloid_is_its_own(level):
    """Of 3 x^2 - x y + y^2 it is 6 + 2, everywhere."""
    image = np.array([[3 * x * x - x * y + y * y for x in range(8)] for y in range(6)], np.float32)
    response = xcorr.correlate(image, banks.laplacian(normalized=True), layout="NHW")
    assert np.allclose(response, 8, rtol=1e-4)
    unnormalized = xcorr.correlate(image, banks.laplacian(), layout="NHW")
    assert np.all(unnormalized == [8, 24])


def test_thirds_are_rounded_once():
    taps = banks.laplacian(8, normalized=True)
    assert set(taps.ravel().tolist()) == {float(np.float32(1 / 3)), float(np.float32(-8 / 3))}


def test_laplacian_is_opencvs():
    cv2 = pytest.importorskip("cv2", reason="OpenCV is not installed")
    spot = np.zeros((5, 5), np.float32)
    spot[2, 2] = 1
    assert np.array_equal(cv2.Laplacian(spot, cv2.CV_32F, ksize=1)[1:4, 1:4], banks.laplacian(4)[0])


# --- Gabor ------------------------------------------------------------------------------------------------------------


def gabor_plane(size, wavelength, angle, phase, sigma_ratio=0.56, aspect=1.0, zero_mean=False):
    sigma = sigma_ratio * wavelength
    envelope = plane(lambda x, y: gaussian(x, y, angle, sigma, sigma / aspect), size)
    wave = plane(lambda x, y: math.cos(2 * math.pi / wavelength * turned(x, y, angle)[0] + phase), size)
    pairs = list(zip(itertools.chain(*envelope), itertools.chain(*wave)))
    level = math.fsum(weight * height for weight, height in pairs) / math.fsum(weight for weight, _ in pairs)
    level = level if zero_mean else 0
    return [[weight * (height - level) for weight, height in zip(*rows)] for rows in zip(envelope, wave)]


def test_gabors_default_is_five_half_octaves_by_eight_orientations():
    kernels = iter(banks.gabor())
    for wavelength, step in itertools.product(GABOR_WAVELENGTHS, range(8)):
        expected = unit(gabor_plane(31, wavelength, math.pi * step / 8, 0.0, zero_mean=True))
        assert_rounded(next(kernels), expected)


def test_gabors_order_is_wavelength_orientation_phase():
    wavelengths, angles, phases = [7.5, 3, 20], [1.1, -0.3], [0.2, -math.pi / 2, 5]
    bank = banks.gabor(
        17,
        wavelengths=wavelengths,
        orientations=angles,
        phases=phases,
        sigma_ratio=0.4,
        aspect=0.6,
        zero_mean=False,
        normalized=False,
    )
    assert len(bank) == 18
    for index, (wavelength, angle, phase) in enumerate(itertools.product(wavelengths, angles, phases)):
        assert_rounded(bank[index], gabor_plane(17, wavelength, angle, phase, 0.4, 0.6))


@pytest.mark.parametrize("zero_mean", [False, True])
@pytest.mark.parametrize("normalized", [False, True])
def test_gabors_mean_and_norm_are_choices(zero_mean, normalized):
    (kernel,) = banks.gabor(
        11, wavelengths=[6], orientations=[0.4], phases=[0.3], zero_mean=zero_mean, normalized=normalized
    )
    expected = gabor_plane(11, 6, 0.4, 0.3, zero_mean=zero_mean)
    assert_rounded(kernel, unit(expected) if normalized else expected)
    if not zero_mean:
        assert abs(math.fsum(kernel.flat)) > 1e-3


@pytest.mark.parametrize("n_orientations", [1, 2, 6, 8, 12])
def test_gabors_number_of_orientations_stands_for_parts_of_a_half_turn(n_orientations):
    angles = [math.pi * index / n_orientations for index in range(n_orientations)]
    counted = banks.gabor(9, wavelengths=[5.0], orientations=n_orientations)
    assert counted.tobytes() == banks.gabor(9, wavelengths=[5.0], orientations=np.array(angles)).tobytes()


@pytest.mark.parametrize("phase", [0, -math.pi / 2])
def test_gabors_quarter_turn_is_half_the_orientations(phase):
    bank = banks.gabor(21, aspect=0.5, phases=[phase]).reshape(5, 8, 21, 21)
    for index in range(4):
        clockwise = np.rot90(bank[:, index], -1, axes=(1, 2))  # from x to y, which runs downwards
        np.testing.assert_allclose(clockwise, bank[:, index + 4], rtol=0, atol=2 * UNIT * np.abs(bank).max())


def test_gabors_even_and_odd_phases():
    even, odd = banks.gabor(15, wavelengths=[6], orientations=[0.7], phases=[0, -math.pi / 2])
    np.testing.assert_allclose(even, even[::-1, ::-1], rtol=0, atol=UNIT)
    np.testing.assert_allclose(odd, -odd[::-1, ::-1], rtol=0, atol=UNIT)


@pytest.mark.parametrize("angle", [0, 0.4, math.pi / 2, 2.5])
def test_gabors_odd_phase_is_positive_where_brightness_rises(angle):
    rise = np.array(plane(lambda x, y: turned(x, y, angle)[0], 31), np.float32)
    bank = banks.gabor(orientations=[angle], phases=[-math.pi / 2])
    assert np.all(xcorr.correlate(rise, bank, layout="NHW") > 0)


def test_gabor_responds_most_to_its_own_wave(level):
    """To each kernel's wave, no kernel of the bank answers as strongly as that one."""
    waves = [
        wave_image(31, wavelength, math.pi * step / 8)
        for wavelength, step in itertools.product(GABOR_WAVELENGTHS, range(8))
    ]
    responses = xcorr.correlate(np.stack(waves), banks.gabor(), layout="NHW").reshape(40, 40)
    assert np.argmax(responses, axis=1).tolist() == list(range(40))
    assert np.argmax(np.abs(responses), axis=1).tolist() == list(range(40))


def test_gabors_energy_does_not_depend_on_the_waves_phase(level):
    waves = [wave_image(31, 4 * ROOT, math.pi / 8, phase) for phase in np.linspace(0, 2 * math.pi, 9)]
    bank = banks.gabor(wavelengths=[4 * ROOT], orientations=[math.pi / 8], phases=[0, -math.pi / 2], zero_mean=False)
    energy = (xcorr.correlate(np.stack(waves), bank, layout="NHW") ** 2).sum(axis=-1)
    assert energy.max() <= 1.01 * energy.min()


@pytest.mark.parametrize(("octaves", "ratio"), [(1, 0.56), (1.5, 0.39)])
def test_gabors_bandwidth_is_as_documented(octaves, ratio):
    """Along the wave, the response to frequencies is a Gaussian: half of it at two, whose distance is in octaves."""
    exact = math.sqrt(math.log(2) / 2) / math.pi * (2**octaves + 1) / (2**octaves - 1)
    assert abs(exact - ratio) < 0.005
    spread = 1 / (2 * math.pi * exact)  # standard deviation, the wave's frequency being 1
    half = spread * math.sqrt(2 * math.log(2))
    assert math.log2((1 + half) / (1 - half)) == pytest.approx(octaves)


@pytest.mark.parametrize("size", [3, 15, 31])
@pytest.mark.parametrize("phase", [0, 1, -math.pi / 2])
def test_gabor_is_opencvs(size, phase):
    cv2 = pytest.importorskip("cv2", reason="OpenCV is not installed")
    wavelengths, angles, aspect = [4.0, 9.0], [0, 0.3, math.pi / 2, 2.8], 0.7
    bank = banks.gabor(
        size,
        wavelengths=wavelengths,
        orientations=angles,
        phases=[phase],
        aspect=aspect,
        zero_mean=False,
        normalized=False,
    )
    for kernel, (wavelength, angle) in zip(bank, itertools.product(wavelengths, angles)):
        theirs = cv2.getGaborKernel((size, size), 0.56 * wavelength, angle, wavelength, aspect, -phase)
        assert theirs.dtype == np.float64
        np.testing.assert_allclose(kernel, theirs, rtol=0, atol=UNIT)


# --- Leung-Malik ------------------------------------------------------------------------------------------------------


def derivative_plane(order, scale, angle, size):
    """Derivatives of a Gaussian, three times as long across, with their constant factors."""

    def first(x, y):
        along, _ = turned(x, y, angle)
        return along / scale**2 * gaussian(x, y, angle, scale, 3 * scale) / (2 * math.pi * 3 * scale**2)

    def second(x, y):
        along, _ = turned(x, y, angle)
        factor = (along**2 - scale**2) / scale**4
        return factor * gaussian(x, y, angle, scale, 3 * scale) / (2 * math.pi * 3 * scale**2)

    return plane(first if order == 1 else second, size)


def laplacian_plane(scale, size):
    def formula(x, y):
        square = x * x + y * y
        return (square - 2 * scale**2) / scale**4 * math.exp(-square / (2 * scale**2)) / (2 * math.pi * scale**2)

    return plane(formula, size)


@pytest.mark.parametrize(("large", "scales"), [(False, [1, ROOT, 2, 2 * ROOT]), (True, [ROOT, 2, 2 * ROOT, 4])])
def test_leung_malik_is_the_documented_list(large, scales):
    size = 49
    kernels = iter(banks.leung_malik(large=large))
    for order, scale, step in itertools.product((1, 2), scales[:3], range(6)):
        expected = derivative_plane(order, scale, math.pi * step / 6, size)
        assert_rounded(next(kernels), unit(without_mean(expected)))
    for scale in [*scales, *(3 * scale for scale in scales)]:
        assert_rounded(next(kernels), unit(without_mean(laplacian_plane(scale, size))))
    for scale in scales:
        blob = plane(lambda x, y, scale=scale: gaussian(x, y, 0, scale, scale), size)
        assert_rounded(next(kernels), unit(without_mean(blob)))
    assert next(kernels, None) is None


@pytest.mark.parametrize("size", [5, 21, 49])
def test_leung_maliks_gaussians_may_smooth(size):
    smooth, usual = banks.leung_malik(size, zero_mean_gaussians=False), banks.leung_malik(size)
    assert smooth[:44].tobytes() == usual[:44].tobytes()
    for kernel, scale in zip(smooth[44:], [1, ROOT, 2, 2 * ROOT]):
        blob = plane(lambda x, y, scale=scale: gaussian(x, y, 0, scale, scale), size)
        assert_rounded(kernel, unit(blob))
        assert abs(math.fsum(kernel.flat) - 1) <= UNIT + 1e-13


@pytest.mark.parametrize("large", [False, True])
def test_leung_maliks_quarter_turn_is_half_the_orientations(large):
    bank = banks.leung_malik(41, large=large)[:36].reshape(6, 6, 41, 41)
    for index in range(3):
        clockwise = np.rot90(bank[:, index], -1, axes=(1, 2))
        np.testing.assert_allclose(clockwise, bank[:, index + 3], rtol=0, atol=2 * UNIT * np.abs(bank).max())


def test_leung_maliks_first_derivatives_are_odd_and_the_others_even():
    bank = banks.leung_malik()
    around = bank[:, ::-1, ::-1]
    np.testing.assert_allclose(bank[:18], -around[:18], rtol=0, atol=UNIT)
    np.testing.assert_allclose(bank[18:], around[18:], rtol=0, atol=UNIT)


def test_leung_malik_agrees_with_sobel_in_sign(level):
    for rise, sobel_index, step in ((np.arange(49), 0, 0), (np.arange(49)[:, np.newaxis], 1, 3)):
        ramp = np.broadcast_to(rise, (49, 49)).astype(np.float32)
        edges = xcorr.correlate(ramp, banks.leung_malik(), layout="NHW")[0, 0, :18].reshape(3, 6)
        assert np.all(xcorr.correlate(ramp, banks.sobel(), layout="NHW")[..., sobel_index] > 0)
        assert np.all(edges[:, step] > 0)
        assert np.argmax(edges, axis=1).tolist() == [step] * 3


def test_leung_maliks_bars_answer_to_dark_bars_across_their_direction(level):
    for step in range(6):
        bar = np.array(plane(lambda x, y, step=step: -gaussian(x, y, math.pi * step / 6, 1.4, 10), 49), np.float32)
        bars = xcorr.correlate(bar, banks.leung_malik(), layout="NHW")[0, 0, 18:36].reshape(3, 6)
        assert np.all(bars[:, step] > 0)
        assert np.argmax(bars, axis=1).tolist() == [step] * 3


@pytest.mark.parametrize("index", range(8))
def test_leung_maliks_laplacian_answers_most_to_a_blob_of_its_scale(level, index):
    """With equal sums of magnitudes, of all Laplacians that of the blob's own scale gives the largest response."""
    scales = [1, ROOT, 2, 2 * ROOT, 3, 3 * ROOT, 6, 6 * ROOT]
    size = 81
    blob = np.array(plane(lambda x, y: gaussian(x, y, 0, scales[index], scales[index]), size), np.float32)
    responses = xcorr.correlate(blob, banks.leung_malik(size), layout="NHW")[0, 0, 36:44]
    assert np.all(responses < 0)
    assert np.argmin(responses) == index
    assert np.all(xcorr.correlate(-blob, banks.leung_malik(size), layout="NHW")[0, 0, 36:44] > 0)


def test_the_oxford_order_is_as_documented():
    """Their formula, y upwards and turned the other way, for convolution: kernel k is orientation (k + 3) % 6."""
    size, scale = 31, 2.0

    def theirs(step, order):
        cosine, sine = math.cos(math.pi * step / 6), math.sin(math.pi * step / 6)

        def formula(x, y):
            across, along = cosine * x - sine * -y, sine * x + cosine * -y
            bell = math.exp(-(across**2) / (2 * (3 * scale) ** 2) - along**2 / (2 * scale**2))
            return bell * (-along / scale**2 if order == 1 else (along**2 - scale**2) / scale**4)

        return np.array(unit(without_mean(plane(formula, size))))

    ours = banks.leung_malik(size)[:36].reshape(2, 3, 6, size, size)[:, 2]
    for step in range(6):
        turned_around = theirs(step, 1)[::-1, ::-1]  # a convolution flips
        edge = ours[0, (step + 3) % 6]
        sign = -1 if step < 3 else 1
        np.testing.assert_allclose(edge, sign * turned_around, rtol=0, atol=2 * UNIT)
        np.testing.assert_allclose(ours[1, (step + 3) % 6], theirs(step, 2), rtol=0, atol=2 * UNIT)


# --- Schmid -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [9, 49])
def test_schmid_is_the_papers_formula(size):
    bank = banks.schmid(size)
    assert len(bank) == len(SCHMID)
    for kernel, (sigma, tau) in zip(bank, SCHMID):

        def formula(x, y, sigma=sigma, tau=tau):
            radius = math.sqrt(x * x + y * y)
            return math.cos(math.pi * tau * radius / sigma) * math.exp(-(radius**2) / (2 * sigma**2))

        assert_rounded(kernel, unit(without_mean(plane(formula, size))))


def test_schmids_taps_depend_on_the_radius_alone():
    bank = banks.schmid()
    for turns in range(1, 4):
        np.testing.assert_allclose(np.rot90(bank, turns, axes=(1, 2)), bank, rtol=2 * UNIT, atol=1e-13)
    np.testing.assert_allclose(bank[:, ::-1], bank, rtol=2 * UNIT, atol=1e-13)
    rings = {}
    for y, x in itertools.product(offsets(49), repeat=2):
        rings.setdefault(x * x + y * y, []).append(bank[:, y + 24, x + 24])
    for taps in rings.values():
        np.testing.assert_allclose(taps, np.broadcast_to(taps[0], np.shape(taps)), rtol=2 * UNIT, atol=1e-13)
    assert len(rings[25]) == 12  # 3, 4 and 0, 5: no turn by 90 degrees


def test_schmids_responses_do_not_depend_on_an_images_orientation(level):
    """Of a wave that has faded where the square ends, which is not the same from every direction."""
    faded = np.array(plane(lambda x, y: gaussian(x, y, 0, 8, 8), 97), np.float32)
    waves = np.stack([wave_image(97, 7.3, angle) * faded for angle in np.linspace(0, math.pi, 13)])
    responses = xcorr.correlate(waves, banks.schmid(97), layout="NHW")[:, 0, 0]
    assert np.all(np.ptp(responses, axis=0) <= 1e-5)
    assert np.all(np.abs(responses).max(axis=0) > 1e-4)


# --- what is refused --------------------------------------------------------------------------------------------------

NAN, INFINITY = math.nan, math.inf
ALLOWED_SIZE = "an odd integer from 3 to 4095, in pixels"


class Unruly(Fraction):
    def __float__(self):
        raise RuntimeError("no number today")


REFUSED = [
    *(
        (name, {"size": size}, error, ALLOWED_SIZE)
        for name in ("gabor", "leung-malik", "schmid")
        for size, error in (
            (0, ValueError),
            (1, ValueError),
            (-3, ValueError),
            (48, ValueError),
            (4097, ValueError),
            (9.0, TypeError),
            (True, TypeError),
            (None, TypeError),
            ("9", TypeError),
            ((9, 9), TypeError),
            (np.ones(2), TypeError),
        )
    ),
    ("schmid", {"size": 10**30}, ValueError, "at most"),
    ("laplacian", {"neighbours": 10**30}, ValueError, "at most"),
    ("gabor", {"orientations": 10**30}, ValueError, "at most"),
    ("sobel", {"normalized": 1}, TypeError, "True or False"),
    ("sobel", {"normalized": None}, TypeError, "True or False"),
    ("laplacian", {"normalized": "yes"}, TypeError, "True or False"),
    ("laplacian", {"neighbours": 6}, ValueError, "None, 4 or 8"),
    ("laplacian", {"neighbours": 3}, ValueError, "None, 4 or 8"),
    ("laplacian", {"neighbours": 4.0}, TypeError, "None, 4 or 8"),
    ("laplacian", {"neighbours": [4, 8]}, TypeError, "None, 4 or 8"),
    ("leung-malik", {"large": 2}, TypeError, "True or False"),
    ("leung-malik", {"zero_mean_gaussians": 0}, TypeError, "True or False"),
    ("gabor", {"zero_mean": 0}, TypeError, "True or False"),
    ("gabor", {"normalized": "no"}, TypeError, "True or False"),
    *(
        ("gabor", {argument: value}, error, "a sequence of 1 to 1024 finite numbers")
        for argument in ("wavelengths", "phases", "orientations")
        for value, error in (
            ([], ValueError),
            (np.ones(0), ValueError),
            ([4.0, NAN], ValueError),
            ([INFINITY], ValueError),
            ([10**400], ValueError),
            ([Fraction(10**400)], ValueError),
            ([4.0] * 1025, ValueError),
            (["4"], TypeError),
            ([4 + 0j], TypeError),
            ([True], TypeError),
            ([None], TypeError),
            (np.ones((2, 2)), TypeError),
        )
    ),
    *(
        ("gabor", {argument: value}, TypeError, "a sequence of 1 to 1024 finite numbers")
        for argument in ("wavelengths", "phases")
        for value in (4.0, None, "4", {4.0}, iter([4.0]), np.array(4.0))
    ),
    ("gabor", {"wavelengths": [8, 1.99]}, ValueError, "finite numbers >= 2, in pixels"),
    ("gabor", {"wavelengths": [0]}, ValueError, "finite numbers >= 2, in pixels"),
    ("gabor", {"wavelengths": [-4]}, ValueError, "finite numbers >= 2, in pixels"),
    ("gabor", {"wavelengths": [1e12]}, ValueError, "a wave that varies within the kernel"),
    ("gabor", {"wavelengths": [1e308]}, ValueError, "a wave that varies within the kernel"),
    *(("gabor", {"orientations": value}, ValueError, "an integer from 1 to 1024") for value in (0, -8, 1025)),
    *(("gabor", {"orientations": value}, TypeError, "an integer from 1 to 1024") for value in (8.0, None, True, "8")),
    *(
        ("gabor", {argument: value}, ValueError, "a finite number > 0")
        for argument in ("sigma_ratio", "aspect")
        for value in (0, -0.5, NAN, INFINITY, -INFINITY, 10**400)
    ),
    *(
        ("gabor", {argument: value}, TypeError, "a finite number > 0")
        for argument in ("sigma_ratio", "aspect")
        for value in (None, "1", 1j, True, [1.0], np.ones(1))
    ),
]


@pytest.mark.parametrize(("name", "keywords", "error", "allowed"), REFUSED)
def test_bad_argument_is_refused_by_name(name, keywords, error, allowed):
    (argument,) = keywords
    with pytest.raises(error) as caught:
        banks.BANKS[name](**keywords)
    assert type(caught.value) is error
    message = str(caught.value)
    assert message.startswith(f"{argument}: ")
    assert allowed in message
    assert len(message) < 400


@pytest.mark.parametrize(
    "keywords", [{"wavelengths": [Unruly(4)]}, {"sigma_ratio": Unruly(1)}, {"phases": (0, Unruly(1))}], ids=str
)
def test_what_a_number_itself_raises_comes_through_as_it_is(keywords):
    with pytest.raises(RuntimeError, match="^no number today$"):
        banks.gabor(**keywords)


@pytest.mark.parametrize(
    "keywords",
    [
        {"wavelengths": [2], "orientations": [0], "phases": [-math.pi / 2]},  # on its nodes
        {"wavelengths": [4], "sigma_ratio": 1e-3},  # one tap, whose mean is itself
        {"wavelengths": [4], "sigma_ratio": 1e-300},
        {"size": 3, "wavelengths": [1e6]},
    ],
)
def test_gabor_refuses_kernels_of_nothing(keywords):
    with pytest.raises(ValueError, match=r"^wavelengths: got .* its kernel is zero; allowed is a wave that varies"):
        banks.gabor(**keywords)


def test_only_keywords_follow_the_size():
    with pytest.raises(TypeError):
        banks.gabor(31, [4.0])
    with pytest.raises(TypeError):
        banks.leung_malik(49, True)


def test_numbers_of_any_real_type_count():
    expected = banks.gabor(9, wavelengths=[4.5, 8], orientations=[0.5], sigma_ratio=0.5, aspect=1.0)
    kinds = banks.gabor(
        np.int64(9),
        wavelengths=(Fraction(9, 2), np.uint8(8)),
        orientations=np.array([0.5], np.float32),
        sigma_ratio=Fraction(1, 2),
        aspect=np.float16(1),
        zero_mean=np.True_,
        normalized=np.True_,
    )
    assert kinds.tobytes() == expected.tobytes()
