"""The pixels that are looked at for their range are those that windows reach, and few others."""

import itertools

import numpy as np
import pytest
from checks import BOUNDARIES, random_generator

import xcorr
from xcorr import _reach
from xcorr._axes import Axis
from xcorr._engine import fill_source_indices
from xcorr._methods import exact


def reached_by(axis, boundary):
    """The places of every tap of every window, by the table that staging reads."""
    positions = {y * axis.stride + i * axis.dilation for y in range(axis.outputs) for i in range(axis.kernel)}
    sources = np.empty(axis.reached, dtype=np.intp)
    fill_source_indices(sources, -axis.before, axis.length, boundary)
    return {int(sources[position]) for position in positions} - {-1}


def some_axes(rng, count):
    """Axes whose lengths, windows, taps and paddings go together."""
    for _ in range(count):
        length, n_taps, dilation, stride, before, behind = (
            int(rng.integers(1, most)) for most in (40, 6, 9, 15, 20, 20)
        )
        axis = Axis(length, n_taps, before * (before % 2), behind * (behind % 2), stride, dilation)
        if axis.outputs > 0:
            yield axis


@pytest.mark.parametrize("boundary", BOUNDARIES)
def test_every_place_that_a_window_reaches_is_looked_at(boundary):
    n_sparse = 0
    for axis in some_axes(random_generator(boundary), 3000):
        looked_at = [set(range(axis.length)[place]) for place in _reach.places(axis, boundary)]
        reached = reached_by(axis, boundary)
        assert reached <= set().union(*looked_at)
        taps = axis.outputs * axis.kernel
        if boundary == "constant" and taps < axis.length:
            assert sum(map(len, looked_at)) <= max(taps, max(reached, default=-1) + 1)
            n_sparse += set().union(*looked_at) == reached != set(range(axis.length))
    assert n_sparse > 300 or boundary != "constant"


@pytest.mark.parametrize("layout", ["NHWC", "NCHW"])
def test_the_largest_magnitude_is_that_of_the_pixels_in_windows(layout):
    rng = random_generator(layout)
    for stride, dilation, padding in itertools.product((1, 4, (3, 7)), (1, 3), ("valid", "same")):
        image = rng.integers(-100, 101, (2, 23, 29, 3))
        pads = [(0, 0), (9, 9), (9, 9), (0, 0)] if padding == "same" else [(0, 0)] * 4
        words = {"stride": stride, "dilation": dilation}
        reached = xcorr.windows(np.pad(np.arange(1, image.size + 1).reshape(image.shape), pads), (2, 3), **words)
        image[~np.isin(np.arange(1, image.size + 1), reached).reshape(image.shape)] = 0  # of these few are looked at
        image.reshape(-1)[rng.choice(reached[reached > 0]) - 1] = 1000  # there alone
        seen = xcorr.windows(np.pad(image, pads), (2, 3), **words)
        plan = plan_of(image, (1, 2, 3, 3), stride=stride, dilation=dilation, padding=9 if padding == "same" else 0)
        assert _reach.largest_pixel(image, plan.geometry, ("constant", "constant")) == np.abs(seen).max()


def plan_of(images, kernels_shape, **keywords):
    settings = xcorr.Correlator(np.ones(kernels_shape), **keywords)._settings
    return xcorr._plan.plan_for(settings, images.shape, images.dtype, kernels_shape, np.dtype("i8"))


def test_broadcast_axes_are_looked_at_once(monkeypatch):
    looked_at = []
    pieces = _reach.in_pieces
    monkeypatch.setattr(_reach, "in_pieces", lambda view: [looked_at.append(view.size), pieces(view)][1])
    one = np.int64(2**40)
    for images in (
        np.broadcast_to(one, (2**20, 2**20)),
        np.broadcast_to(one, (99, 2**10, 2**10, 2)),
        np.broadcast_to(np.full((2**12, 1), one), (2**12, 2**15)),
        np.broadcast_to(np.full(2**12, one), (2**15, 2**12)),
    ):
        kernels = np.ones((1, 2, 2, 2) if images.ndim == 4 else (2, 2), np.int64)
        response = xcorr.correlate(images, kernels, stride=images.shape[1] // 2 - 1)
        assert (response == kernels.size * 2**40).all()
    assert len(looked_at) >= 4
    assert sum(looked_at) <= 16


def test_what_no_window_reaches_does_not_decide_how_sums_are_taken(monkeypatch):
    def exactly(*arguments):
        raise AssertionError("summed in 128 bits")

    images = np.full((100, 120), 2**62)
    for row, column in itertools.product((0, 1, 40, 41, 80, 81), (0, 50, 100)):
        images[row, column : column + 2] = 3
    monkeypatch.setattr(exact, "run", exactly)
    assert (xcorr.correlate(images, np.full((2, 2), 5), stride=(40, 50)) == 60).all()
    images[41, 51] = 2**62
    with pytest.raises(AssertionError, match="in 128 bits"):
        xcorr.correlate(images, np.full((2, 2), 5), stride=(40, 50))
