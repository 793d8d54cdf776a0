"""Gradients and folded windows take a bounded workspace."""

import numpy as np
import pytest
from checks import peak_of
from looping import drawn

import xcorr

WORKSPACE = 256 * 2**20

CASES = {
    "3x3": ((64, 64, 8), (16, 3, 3, 8), {"padding": 1}),
    "stride": ((64, 64, 8), (16, 3, 3, 8), {"padding": 1, "stride": 2}),
    "edge": ((64, 64, 8), (16, 3, 3, 8), {"padding": 2, "boundary": "edge"}),
    "wide": ((64, 64, 3), (8, 5, 5, 3), {"padding": 40, "boundary": "wrap"}),
    "depthwise": ((64, 64, 8), (8, 3, 3, 1), {"padding": 1, "groups": 8}),
    "plane": ((64, 64, 8), (3, 3), {"padding": 1}),
}


@pytest.mark.parametrize(("name", "dtype"), drawn(2, CASES, ["float32", "uint8", "float16"]))
def test_workspace_does_not_grow_with_the_batch(name, dtype):
    image, kernels, words = CASES[name]
    kernels = np.ones(kernels, dtype)
    responses = xcorr.correlate(np.ones((1, *image), dtype), kernels, **words)
    n_images = 300
    many = np.broadcast_to(responses.astype(dtype), (n_images, *responses.shape[1:]))
    images = np.broadcast_to(np.ones(image, dtype), (n_images, *image))
    out = np.empty((n_images, *image), xcorr.gradient_images(many[:1], kernels, image, **words).dtype)
    assert peak_of(lambda: xcorr.gradient_images(many, kernels, image, out=out, **words)) < WORKSPACE // 2
    kernel = kernels.shape[1:] if kernels.ndim == 4 else kernels.shape
    assert peak_of(lambda: xcorr.gradient_kernels(images, many, kernel, **words)) < WORKSPACE // 2


def test_sums_of_many_kernels_and_channels_are_bounded():
    images, responses = np.ones((2, 40, 40, 1024), np.float32), np.ones((2, 40, 40, 1024), np.float32)
    out = np.empty((1024, 1, 1, 1024), np.float32)
    assert peak_of(lambda: xcorr.gradient_kernels(images, responses, (1, 1, 1024), out=out)) < WORKSPACE
    assert (out == 3200).all()


def test_what_cannot_fit_says_so_before_it_allocates():
    many, side = np.broadcast_to(np.float32(1), (1, 2**14, 2**14, 1)), 2**14 - 2
    words = {"padding": 1, "boundary": "wrap"}

    def refused():
        with pytest.raises(MemoryError, match="padding: "):
            xcorr.gradient_images(many, np.ones((1, 1, 1, 1), np.float32), (side, side, 1), out=out, **words)
        with pytest.raises(MemoryError, match="image_shape: "):
            xcorr.fold(many, (side, side, 1), (1, 1), out=out, **words)

    out = np.empty((1, side, side, 1), np.float32)
    assert peak_of(refused) < 2**22


def test_folded_windows_take_a_bounded_workspace():
    windows = np.broadcast_to(np.float32(1), (40, 64, 64, 9 * 8))
    out = np.empty((40, 66, 66, 8), np.float32)
    assert peak_of(lambda: xcorr.fold(windows, (66, 66, 8), (3, 3), out=out)) < WORKSPACE // 4
