"""The method that is chosen: a function of sizes and types, and what it may not be."""

import numpy as np
import pytest
from cases import CASES
from checks import assert_same_bits, random_generator, whole_numbers

import xcorr

METHODS = ("direct", "matmul", "fft", "winograd")


@pytest.mark.parametrize("dtype", ["float32", np.float64, np.dtype("complex64"), "float16", "int64"])
def test_choose_method_names_a_method(dtype):
    for image, kernels in (
        ((28, 28), (3, 3)),
        ((28, 28), (8, 3, 3)),
        ((32, 32, 3), (2, 5, 5, 3)),
        ((1, 1), (1, 1)),
        ((56, 56, 64), (64, 3, 3, 64)),
        ((256, 256), (64, 64)),
        ((512, 512, 3), (16, 31, 31, 3)),
    ):
        assert xcorr.choose_method(image, kernels, dtype=dtype) in METHODS


def test_integers_are_never_given_to_an_inexact_method():
    for image, kernels in (((28, 28), (3, 3)), ((56, 56, 64), (64, 3, 3, 64))):
        assert xcorr.choose_method(image, kernels, dtype=np.int64) == "direct"
    rng = random_generator("exact")
    for largest in (100, 2**20, 2**40):  # rounded, too large to be rounded, beyond 2**53
        images, kernels = whole_numbers(rng, (90, 91), "i8", largest), whole_numbers(rng, (2, 40, 41), "i8", 9)
        assert_same_bits(xcorr.correlate(images, kernels), xcorr.correlate(images, kernels, method="direct"))


def test_the_chosen_method_can_be_forced():
    for case in CASES[::11]:
        if 0 in (case.images[0], case.kernels[0]):
            continue
        images, kernels = np.ones(case.images, np.float32), np.ones(case.kernels, np.float32)
        keywords = {name: value for name, value in case.keywords.items() if name not in ("fill_value", "boundary")}
        chosen = xcorr.choose_method(case.images[1:], case.kernels, dtype=np.float32, **keywords)
        response = xcorr.correlate(images, kernels, method=chosen, **keywords)
        assert_same_bits(response, xcorr.correlate(images, kernels, **keywords))


@pytest.mark.parametrize("dtype", ["float16", "float32", "uint8"])
@pytest.mark.parametrize("normalize", [False, True])
@pytest.mark.parametrize(
    "mask", [None, "finite", np.ones((40, 41, 16)), np.ones((40, 41), bool)], ids=["none", "finite", "shares", "bools"]
)
def test_the_method_of_what_is_seen_is_told(dtype, normalize, mask):
    rng = random_generator(dtype, normalize, mask)
    images, kernels = ((9 * rng.random(shape)).astype(dtype) for shape in ((2, 40, 41, 16), (16, 3, 3, 16)))
    words = {"mask": mask, "normalize": normalize}
    chosen = xcorr.choose_method(images.shape, kernels.shape, dtype=dtype, **words)
    assert_same_bits(
        xcorr.correlate(images, kernels, method=chosen, **words), xcorr.correlate(images, kernels, **words)
    )
    assert xcorr.explain(images.shape, kernels.shape, dtype=dtype, **words).method == chosen
    prepared = xcorr.Correlator(kernels, reduce="energy", **words)
    told, found = prepared.explain(images.shape, dtype=dtype).splitlines(), prepared(images)
    assert f"method {chosen} " in told[4]
    assert told[0].startswith(f"images {images.shape} of {dtype},")
    assert told[2] == f"reduced over positions to energy, {found.shape} of {found.dtype}"
    for call in (xcorr.choose_method, xcorr.explain):
        for wrong, error in ((np.ones((40, 40)), ValueError), (np.ones((40, 41), object), TypeError)):
            with pytest.raises(error, match=r"^mask: got "):
                call(images.shape, kernels.shape, dtype=dtype, mask=wrong, normalize=normalize)


def test_what_is_seen_of_images_too_large_to_be_is_told():
    with pytest.raises(ValueError, match=r"^padding: the number of responses"):
        xcorr.Correlator(np.ones((3, 3)), mask="finite").explain((2**50, 2**50))
