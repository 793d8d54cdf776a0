"""Bits of gradients depend on neither workers, memory, `out` nor batch."""

import numpy as np
import pytest
from checks import assert_same_bits
from gradient_calls import LAYERS, layer

from xcorr import _gradient_images


@pytest.mark.usefixtures("level")
@pytest.mark.parametrize("layout", ["NHWC", "NCHW"])
@pytest.mark.parametrize("name", LAYERS)
@pytest.mark.parametrize("dtype", ["float32", "complex128"])
def test_bits_depend_neither_on_workers_nor_on_memory(name, layout, dtype):
    call = layer(name, dtype, layout)
    images, kernels = call.of_images(workers=1), call.of_kernels(workers=1)
    for workers in (2, 3, 7):
        assert_same_bits(call.of_images(workers=workers), images)
        assert_same_bits(call.of_kernels(workers=workers), kernels)
    for order in (
        np.asfortranarray,
        lambda array: np.flip(np.ascontiguousarray(np.flip(array))),
        lambda array: array.astype(array.dtype.newbyteorder()),
        lambda array: np.repeat(array, 2, axis=-1)[..., ::2],
    ):
        other = call._replace(images=order(call.images), kernels=order(call.kernels), responses=order(call.responses))
        assert_same_bits(other.of_images(workers=2), images)
        assert_same_bits(other.of_kernels(workers=2), kernels)
        out = order(np.full(images.shape, 7, images.dtype))
        if out.dtype.isnative:
            assert call.of_images(out=out) is out
            assert_same_bits(out, images)
            out = order(np.full(kernels.shape, 7, kernels.dtype))
            assert call.of_kernels(out=out) is out
            assert_same_bits(out, kernels)


@pytest.mark.parametrize("layout", ["NHWC", "NCHW"])
@pytest.mark.parametrize("name", LAYERS)
def test_bits_of_an_image_do_not_depend_on_its_batch(name, layout):
    call = layer(name, "float32", layout)
    alone = call._replace(responses=call.responses[0]).of_images()
    many = call._replace(responses=np.concatenate([call.responses] * 3)).of_images()
    assert_same_bits(many[0], alone)
    assert_same_bits(many[2 * len(call.responses)], alone)


def test_bits_do_not_depend_on_what_is_there_at_once(monkeypatch):
    call = layer("edge", "float32")
    images = call.of_images()
    monkeypatch.setattr(_gradient_images, "MOST_AT_ONCE", 3 * 17 * 16 * 4)
    assert np.abs(call.of_images() - images).max() < 1e-4
    many = call._replace(responses=np.concatenate([call.responses] * 3))
    assert_same_bits(many.of_images()[-1], call.of_images()[-1])
