"""Layers of few quads: workers share the panels of the bank, and change no bit by that."""

import numpy as np
import pytest
from checks import assert_same_bits
from looping import for_each
from quads import operands

import xcorr
from xcorr import _workers

pytestmark = pytest.mark.usefixtures("level")

CASES = {  # images, kernels, keywords
    "one image": ((1, 14, 14, 32), (250, 3, 3, 32), {"padding": 1}),
    "some images": ((3, 7, 9, 40), (161, 3, 3, 40), {"padding": "full", "boundary": "edge"}),
    "one line of quads too many": ((1, 28, 28, 32), (256, 3, 3, 32), {"padding": 1}),
    "five strips": ((1, 37, 50, 64), (256, 3, 3, 64), {}),
    "dilated": ((1, 20, 21, 32), (200, 3, 3, 32), {"padding": 6, "dilation": 6}),
    "channels first": ((2, 32, 10, 10), (200, 32, 3, 3), {"layout": "NCHW"}),
}
cases = pytest.mark.parametrize(("images", "kernels", "keywords"), CASES.values(), ids=CASES)


@pytest.fixture(autouse=True)
def n_tasks(monkeypatch):
    """The tasks of each call, which has as many workers as were asked for."""
    monkeypatch.setattr("xcorr._job.MULTIPLY_ADDS_PER_WORKER", 1)
    found = []
    own = _workers.run

    def noted(call, n_workers):
        if hasattr(call, "take_direct"):
            found.append(call.n_tasks)
        own(call, n_workers)

    monkeypatch.setattr(_workers, "run", noted)
    return found


@cases
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_bits_do_not_depend_on_how_panels_are_shared(images, kernels, keywords, dtype, n_tasks):
    images, kernels = operands(images, kernels, dtype)
    keywords = {**keywords, "method": "winograd"}
    prepared = xcorr.Correlator(kernels, **keywords)
    alone = prepared(images, workers=1)
    tasks = n_tasks[-1]
    for workers in (2, 3, 5, 8):
        assert_same_bits(prepared(images, workers=workers), alone)
        assert_same_bits(xcorr.correlate(images, kernels, workers=workers, **keywords), alone)
    assert n_tasks[-1] > tasks


@for_each("value", [np.inf, -np.inf, np.nan, 1e38])
def test_what_is_not_finite_is_handed_back_by_each_part(value):
    images, kernels = operands(*CASES["one image"][:2], "float32")
    images[0, 3, 4, 5] = value
    kernels[-1, 1, 1, 3] = value
    kernels[17, 0, 2, 3] = value
    keywords = {**CASES["one image"][2], "method": "winograd"}
    alone = xcorr.correlate(images, kernels, workers=1, **keywords)
    for workers in (2, 3, 5):
        assert_same_bits(xcorr.correlate(images, kernels, workers=workers, **keywords), alone)
    direct = xcorr.correlate(images, kernels, **{**keywords, "method": "direct"})
    assert np.array_equal(np.isnan(alone), np.isnan(direct))
    assert np.array_equal(np.isinf(alone), np.isinf(direct))
