"""The banks of kernels: what holds of each, and the formulas of Sobel, Laplacian and Gabor, one tap at a time."""

import doctest
import itertools
import math

import numpy as np
import pytest
from taps import UNIT, assert_rounded, gaussian, plane, turned, unit, wave_image

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
