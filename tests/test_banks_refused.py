"""What the banks refuse, and numbers of any kind that they take."""

import math
from fractions import Fraction

import numpy as np
import pytest

from xcorr import banks

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
