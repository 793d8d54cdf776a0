"""Leung-Malik's and Schmid's banks: the papers' formulas, one tap at a time, and the order of the kernels."""

import itertools
import math

import numpy as np
import pytest
from taps import UNIT, assert_rounded, gaussian, offsets, plane, turned, unit, wave_image, without_mean

import xcorr
from xcorr import banks

ROOT = math.sqrt(2)
SCHMID = [(2, 1), (4, 1), (4, 2), (6, 1), (6, 2), (6, 3), (8, 1), (8, 2), (8, 3), (10, 1), (10, 2), (10, 3), (10, 4)]


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
