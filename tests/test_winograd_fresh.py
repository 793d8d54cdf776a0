"""Layers with new kernels and few quads: panels are transformed just before their sums, and change no bit by that."""

import threading

import numpy as np
import pytest
from checks import assert_same_bits
from looping import for_each
from quads import operands

import xcorr
from xcorr import _workers
from xcorr._methods import fresh_kernels

pytestmark = pytest.mark.usefixtures("level")

CASES = {  # images, kernels, keywords
    "one image": ((1, 14, 14, 40), (90, 3, 3, 40), {"padding": 1}),
    "some images, and more quads than are summed at once": ((5, 13, 9, 17), (70, 3, 3, 17), {"padding": "full"}),
    "5x5": ((3, 9, 11, 20), (33, 5, 5, 20), {"padding": 2, "boundary": "edge"}),
    "dilated": ((2, 20, 21, 24), (40, 3, 3, 24), {"padding": 6, "dilation": 6}),
    "quads of 4x4": ((2, 28, 30, 64), (70, 3, 3, 64), {}),
    "channels first": ((2, 33, 10, 10), (50, 33, 3, 3), {"layout": "NCHW"}),
    "one row of responses": ((3, 3, 40, 20), (17, 3, 3, 20), {"bias": np.arange(17.0, dtype="f4")}),
}
cases = pytest.mark.parametrize(("images", "kernels", "keywords"), CASES.values(), ids=CASES)


@pytest.fixture(autouse=True)
def went_fresh(monkeypatch):
    """Whether each call went so; any bank may, with as many workers as were asked for."""
    monkeypatch.setattr("xcorr._job.MULTIPLY_ADDS_PER_WORKER", 1)
    monkeypatch.setattr(fresh_kernels, "LEAST_PANELS", 0)
    monkeypatch.setattr(fresh_kernels, "QUADS_PER_KERNEL", 1000)
    found, own = [], fresh_kernels.run

    def noted(*arguments):
        found.append(own(*arguments))
        return found[-1]

    monkeypatch.setattr(fresh_kernels, "run", noted)
    return found


@cases
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_bits_are_those_of_prepared_kernels(images, kernels, keywords, dtype, went_fresh):
    images, kernels = operands(images, kernels, dtype)
    keywords = {**keywords, "method": "winograd"}
    expected = xcorr.Correlator(kernels, **keywords)(images)
    assert went_fresh == [False]
    for workers in (1, 2, 3, 8):
        assert_same_bits(xcorr.correlate(images, kernels, workers=workers, **keywords), expected)
    assert went_fresh[1:] == [True] * 4


@for_each("rows", [slice(0, 1), slice(3, 6), slice(8, 9), slice(1, 9)])
def test_a_part_of_several_images_is_that_of_the_whole(rows, went_fresh):
    """Of nine rows the last is a line of quads by itself."""
    went_fresh.clear()
    images, kernels = operands((3, 9, 9, 24), (40, 3, 3, 24))
    roi = rows, slice(2, 7)
    keywords = {"method": "winograd", "padding": 1}
    expected = xcorr.Correlator(kernels, **keywords)(images)[:, rows, 2:7]
    for workers in (1, 2):
        assert_same_bits(xcorr.correlate(images, kernels, roi=roi, workers=workers, **keywords), expected.copy())
    assert went_fresh[1:] == [True] * 2


@for_each("axes", [(), (1,), (2,), (1, 2), (0,)])
def test_kernels_may_lie_backwards(axes, went_fresh):
    went_fresh.clear()
    images, kernels = operands((2, 9, 10, 24), (40, 3, 3, 24))
    turned = np.flip(np.flip(kernels, axes).copy(), axes)
    expected = xcorr.Correlator(kernels, method="winograd")(images)
    assert_same_bits(xcorr.correlate(images, turned, method="winograd"), expected)
    expected = xcorr.correlate(images, kernels[:, ::-1, ::-1].copy(), method="winograd")
    assert_same_bits(xcorr.convolve(images, kernels, method="winograd"), expected)
    assert went_fresh[1:] == [True] * 3


@for_each("kind", ["gaps", "gaps in planes", "swapped", "channels backwards"])
def test_other_kernels_are_transformed_before(kind, went_fresh):
    went_fresh.clear()
    images, kernels = operands((2, 9, 10, 24), (40, 3, 3, 24))
    other = {
        "gaps": lambda: np.repeat(kernels, 2, axis=3)[..., ::2],
        "gaps in planes": lambda: np.repeat(kernels.transpose(0, 3, 1, 2), 2, axis=3)[..., ::2].transpose(0, 2, 3, 1),
        "swapped": lambda: kernels.astype(">f4"),
        "channels backwards": lambda: kernels[..., ::-1].copy()[..., ::-1],
    }[kind]()
    expected = xcorr.Correlator(kernels, method="winograd")(images)
    assert_same_bits(xcorr.correlate(images, other, method="winograd"), expected)
    assert went_fresh == [False, False]


@for_each("place", [(0, 0, 0, 0), (39, 2, 2, 23), (33, 1, 0, 7)])
def test_subnormal_taps_are_seen(place, went_fresh):
    went_fresh.clear()
    images, kernels = operands((2, 9, 10, 24), (40, 3, 3, 24))
    kernels[place] = 1e-40
    for own in (kernels, kernels.transpose(0, 3, 1, 2).copy().transpose(0, 2, 3, 1), kernels[:, ::-1].copy()[:, ::-1]):
        expected = xcorr.Correlator(own, method="winograd")(images)
        for workers in (1, 2):
            assert_same_bits(xcorr.correlate(images, own, method="winograd", workers=workers), expected)
    assert went_fresh == [False] * 9
    others = np.delete(np.arange(40), place[0])
    usual = xcorr.correlate(images, kernels[others], method="winograd")
    assert_same_bits(np.ascontiguousarray(expected[..., others]), usual)


@for_each("value", [np.inf, -np.inf, np.nan, 1e38])
def test_what_is_not_finite_is_handed_back(value, went_fresh):
    went_fresh.clear()
    images, kernels = operands((3, 14, 14, 33), (70, 3, 3, 33))
    images[1, 3, 4, 5] = value
    kernels[-1, 1, 1, 3] = value
    kernels[17, 0, 2, 3] = value
    keywords = {"method": "winograd", "padding": 1}
    expected = xcorr.Correlator(kernels, **keywords)(images)
    for workers in (1, 2, 5):
        assert_same_bits(xcorr.correlate(images, kernels, workers=workers, **keywords), expected)
    assert went_fresh[1:] == [True] * 3


def test_where_there_is_no_room_kernels_are_transformed_before(went_fresh, monkeypatch):
    images, kernels = operands((8, 20, 20, 64), (64, 3, 3, 64))
    expected = xcorr.Correlator(kernels, method="winograd")(images)
    for limit, fresh in ((2**24, True), (2**21, False)):
        monkeypatch.setattr(_workers, "WORKSPACE_LIMIT", limit)
        assert_same_bits(xcorr.correlate(images, kernels, method="winograd", workers=1), expected)
        assert went_fresh[-1] is fresh


def test_a_correlator_keeps_its_kernels_transformed(went_fresh):
    images, kernels = operands((1, 14, 14, 40), (90, 3, 3, 40))
    prepared = xcorr.Correlator(kernels, method="winograd")
    assert_same_bits(prepared(images), prepared(images))
    assert went_fresh == [False, False]


def test_who_asks_for_the_workspace_disturbs_no_worker(went_fresh, monkeypatch):
    """As workers do who come while others compute."""
    images, kernels = operands((4, 14, 14, 64), (256, 3, 3, 64))
    expected = xcorr.Correlator(kernels, method="winograd")(images)
    own = _workers.run

    def asked_meanwhile(call, n_workers):
        done = threading.Event()

        def ask():
            while not done.is_set():
                assert call.workspace_bytes

        thread = threading.Thread(target=ask)
        thread.start()
        try:
            own(call, n_workers)
        finally:
            done.set()
            thread.join()

    monkeypatch.setattr(_workers, "run", asked_meanwhile)
    for _ in range(20):
        assert_same_bits(xcorr.correlate(images, kernels, method="winograd", workers=8), expected)
    assert went_fresh[1:] == [True] * 20
