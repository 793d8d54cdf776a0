"""The names of a bank's kernels: in the order of the bank, and what each says is what the kernel is."""

import math
import re

import numpy as np
import pytest

from xcorr import banks

NUMBER = r"(-?[\d.]+(?:e[+-]\d+)?)"


@pytest.mark.parametrize("name", banks.BANKS)
def test_every_kernel_of_a_bank_has_a_name_of_its_own(name):
    found = banks.names(name)
    assert len(found) == len(banks.BANKS[name]())
    assert len(set(found)) == len(found)
    assert all(type(words) is str and len(words) <= 40 for words in found)


def test_names_of_the_kernels_of_three_by_three():
    assert banks.names("sobel") == banks.names("sobel", normalized=True) == ["sobel x", "sobel y"]
    assert banks.names("laplacian") == ["laplacian 4 neighbours", "laplacian 8 neighbours"]
    assert banks.names("laplacian", neighbours=np.uint8(8)) == ["laplacian 8 neighbours"]


@pytest.mark.parametrize("n_orientations", [1, 6, 8])
def test_gabors_name_says_orientation_and_wavelength(n_orientations):
    keywords = {"wavelengths": [3, 8, 4.5], "orientations": n_orientations}
    bank, found = banks.gabor(15, **keywords), banks.names("gabor", size=15, **keywords)
    assert len(found) == 3 * n_orientations
    for kernel, name in zip(bank, found, strict=True):
        angle, length = map(float, re.fullmatch(f"gabor {NUMBER} degrees, {NUMBER} px", name).groups())
        (alone,) = banks.gabor(15, wavelengths=[length], orientations=[math.radians(angle)])
        np.testing.assert_allclose(kernel, alone, rtol=0, atol=2.0**-24)


def test_gabors_name_says_the_phase_where_it_is_not_the_usual_one():
    keywords = {"wavelengths": [8], "orientations": [math.pi / 3]}
    assert banks.names("gabor", phases=[0], **keywords) == ["gabor 60 degrees, 8 px"]
    assert banks.names("gabor", phases=[-math.pi / 2], **keywords) == ["gabor 60 degrees, 8 px, phase -90 degrees"]
    both = banks.names("gabor", phases=[0, -math.pi / 2], **keywords)
    assert both == ["gabor 60 degrees, 8 px, phase 0 degrees", "gabor 60 degrees, 8 px, phase -90 degrees"]


def test_numbers_in_names_are_short_and_yet_tell_kernels_apart():
    keywords = {"wavelengths": [2 * math.sqrt(2), 2.8284, 4000], "orientations": [-1e-18]}
    found = banks.names("gabor", **keywords)
    assert found == ["gabor 0 degrees, 2.82843 px", "gabor 0 degrees, 2.8284 px", "gabor 0 degrees, 4000 px"]
    assert banks.names("gabor")[5] == "gabor 112.5 degrees, 2.83 px"
    angles = [math.radians(22.5), math.radians(22.501)]
    assert banks.names("gabor", wavelengths=[4], orientations=angles) == [
        "gabor 22.5 degrees, 4 px",
        "gabor 22.501 degrees, 4 px",
    ]


@pytest.mark.parametrize("large", [False, True])
def test_leung_maliks_names_are_the_documented_list(large):
    sigmas = ["1.41", "2", "2.83", "4"] if large else ["1", "1.41", "2", "2.83"]
    triple = ["4.24", "6", "8.49", "12"] if large else ["3", "4.24", "6", "8.49"]
    expected = [
        f"{kind} {angle} degrees, sigma {sigma}"
        for kind in ("edge", "bar")
        for sigma in sigmas[:3]
        for angle in (0, 30, 60, 90, 120, 150)
    ]
    expected += [f"laplacian of gaussian sigma {sigma}" for sigma in (*sigmas, *triple)]
    expected += [f"gaussian sigma {sigma}" for sigma in sigmas]
    assert banks.names("leung-malik", large=large) == expected


def test_schmids_names_say_sigma_and_tau():
    found = banks.names("schmid", size=9)
    assert found[:3] == ["schmid sigma 2, tau 1", "schmid sigma 4, tau 1", "schmid sigma 4, tau 2"]
    assert found[12] == "schmid sigma 10, tau 4"


@pytest.mark.parametrize("name", ["sobol", "Sobel", "leung_malik", ""])
def test_unknown_bank_is_refused_with_those_there_are(name):
    with pytest.raises(ValueError, match=r"^name: got .*; allowed are 'sobel', 'laplacian'"):
        banks.names(name)


@pytest.mark.parametrize("name", [None, 3, ["sobel"], banks.sobel])
def test_bank_that_is_no_word_is_refused(name):
    with pytest.raises(TypeError, match=r"^name: got .*; allowed are 'sobel', 'laplacian'"):
        banks.names(name)


def test_parameters_are_those_of_the_banks_function():
    with pytest.raises(TypeError, match=r"^parameters: got 'sigma'; 'gabor' takes size, wavelengths, orientations, "):
        banks.names("gabor", sigma=3)
    with pytest.raises(ValueError, match=r"^size: got 48; allowed is an odd integer"):
        banks.names("schmid", size=48)
    with pytest.raises(TypeError, match="^normalized: got 1; "):
        banks.names("sobel", normalized=1)
    with pytest.raises(ValueError, match=r"^wavelengths: got \[1\]; "):
        banks.names("gabor", wavelengths=[1])


def test_names_take_no_memory_for_taps():
    assert len(banks.names("gabor", size=4095, wavelengths=range(2, 1026), orientations=1024)) == 1024 * 1024
