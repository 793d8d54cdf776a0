"""A call needs a bounded workspace beyond its output, and says so before it allocates."""

import tracemalloc

import numpy as np
import pytest
from checks import assert_same_bits

import xcorr

pytestmark = pytest.mark.usefixtures("level")

WORKSPACE = 256 * 2**20


def peak_of(call):
    """Bytes that NumPy and Python allocated at most while `call` ran."""
    tracemalloc.start()
    try:
        call()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    ("image", "kernels", "keywords"),
    [
        ((64, 64, 3), (32, 3, 3, 3), {"stride": 8}),
        ((64, 64, 1), (1, 9, 9, 1), {"stride": 7}),
        ((64, 64, 3), (2, 5, 5, 3), {"stride": 9, "padding": "same", "boundary": "reflect"}),
        ((64, 64, 1), (2, 17, 17, 1), {"stride": 16}),
    ],
    ids=str,
)
@pytest.mark.parametrize("dtype", ["float32", "uint8", "float16"])
def test_workspace_does_not_grow_with_the_batch(method, image, kernels, keywords, dtype):
    # A broadcast batch of some gigabytes that is never materialised; its windows would be many times that.
    kernels = np.ones(kernels, dtype)
    images = np.broadcast_to(np.ones(image, dtype), (1500, *image))
    shape = xcorr.correlate(images[:1], kernels, method=method, **keywords).shape
    out = np.empty((1500, *shape[1:]), xcorr.correlate(images[:1], kernels, method=method, **keywords).dtype)
    peak = peak_of(lambda: xcorr.correlate(images, kernels, out=out, method=method, workers=2, **keywords))
    assert peak < WORKSPACE
    few = peak_of(lambda: xcorr.correlate(images[:100], kernels, out=out[:100], method=method, workers=2, **keywords))
    assert peak <= 2 * few + 2**22
    assert_same_bits(out[-1], out[0])
