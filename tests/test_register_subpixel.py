"""Fractions of a pixel: within 0.5/u + 0.01 on band-limited pairs, by every score, and the vertices of fits."""

import numpy as np
from checks import random_generator
from looping import drawn, for_each

import xcorr


def band_limited(shape, band, *displacements):
    """One random field of waves of up to so many cycles a pixel, displaced."""
    rng = random_generator("register band", shape, band)
    waves = np.fft.fftn(rng.standard_normal(shape))
    frequencies = np.meshgrid(*(np.fft.fftfreq(length) for length in shape), indexing="ij")
    waves[np.sqrt(sum(frequency**2 for frequency in frequencies)) > band] = 0
    return [
        np.fft.ifftn(waves * np.exp(-2j * np.pi * sum(map(np.multiply, frequencies, one)))).real
        for one in displacements
    ]  # fmt: skip


@for_each(("score", "upsampling", "band", "dtype"), drawn(3, ("phase", "correlation", "zncc"), (1, 2, 7, 20, 100, 1000),
                                                          (0.12, 0.2, 0.3, 0.45), ("f4", "f8")))  # fmt: skip
def test_band_limited_pairs_are_found_to_the_fraction(score, upsampling, band, dtype):
    for layout, shape in (("NHW", (64, 75)), ("NW", (400,))):
        displacement = np.array([3.29, -4.63])[: len(shape)]
        a, b = (one.astype(dtype) for one in band_limited(shape, band, [0] * len(shape), displacement))
        found = xcorr.register(a, b, layout=layout, score=score, subpixel=upsampling)
        assert np.abs(found.displacement - displacement).max() <= 0.5 / upsampling + 0.01
        assert 0.3 < found.score <= 1
        if upsampling >= 100 and score != "zncc":
            assert found.score > 0.999  # of the fraction, not of the whole shift beside it


def test_volumes_are_found_to_the_fraction():
    a, b = band_limited((16, 20, 24), 0.3, (0, 0, 0), (1.3, -2.6, 0.45))
    for score, bound in (("phase", 0.015), ("correlation", 0.015), ("zncc", 0.06)):
        found = xcorr.register(a, b, layout="NDHW", score=score, subpixel=100)
        assert np.abs(found.displacement - (1.3, -2.6, 0.45)).max() <= bound


def test_masks_do_not_hinder_fractions():
    a, b = band_limited((80, 80), 0.3, (0, 0), (2.4, -1.7))
    mask = np.ones((80, 80), bool)
    mask[20:40, 30:60] = False
    found = xcorr.register(np.where(mask, a, 1e6), b, score="zncc", mask=mask, subpixel=100)
    assert np.abs(found.displacement - (2.4, -1.7)).max() <= 0.015
    around = xcorr.register(np.where(mask, a, np.nan), b, score="correlation", mask="finite", subpixel=100)
    assert np.abs(around.displacement - (2.4, -1.7)).max() <= 0.015


def test_whole_shifts_have_no_fraction():
    image = random_generator("register whole").random((40, 41))
    stripes = np.tile(np.sin(np.arange(32.0) ** 2), (32, 1))
    for score in ("phase", "correlation", "zncc"):
        for subpixel in ("parabola", "gaussian", 100):
            found = xcorr.register(image, image, score=score, subpixel=subpixel)
            assert found.score == 1
            assert np.abs(found.shift).max() < 0.05
            along = xcorr.register(stripes, np.roll(stripes, 4, 1), score=score, subpixel=subpixel)
            assert abs(along.shift[0]) < 1e-6
            assert abs(along.shift[1] + 4) < 0.3


def test_fits_are_those_of_three_scores():
    rows, columns = np.mgrid[:64, :64]
    a, b = (np.exp(-((rows - y) ** 2 + (columns - x) ** 2) / 18) for y, x in ((30, 31), (32.3, 29.6)))
    for score in ("correlation", "zncc"):
        gaussian = xcorr.register(a, b, score=score, subpixel="gaussian").displacement
        parabola = xcorr.register(a, b, score=score, subpixel="parabola").displacement
        assert np.abs(gaussian - (2.3, -1.4)).max() < 0.01
        assert 0.001 < np.abs(parabola - (2.3, -1.4)).max() < 0.05
    line = np.exp(-((np.arange(64) - 30) ** 2) / 8.0)
    other = np.exp(-((np.arange(64) - 33.25) ** 2) / 8.0)
    scores = [np.corrcoef(line, np.roll(other, -shift))[0, 1] for shift in (2, 3, 4)]
    before, middle, behind = scores
    found = xcorr.register(line, other, layout="NW", score="correlation", subpixel="parabola").displacement[0]
    assert abs(found - (3 + (before - behind) / (2 * (before - 2 * middle + behind)))) < 1e-9
    before, middle, behind = np.log(scores)
    found = xcorr.register(line, other, layout="NW", score="correlation", subpixel="gaussian").displacement[0]
    assert abs(found - (3 + (before - behind) / (2 * (before - 2 * middle + behind)))) < 1e-9
