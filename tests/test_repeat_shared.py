"""Calls of several workers that are repeated without planning."""

import contextlib
import signal
import threading
import weakref

import numpy as np
import pytest
from checks import assert_same_bits, random_generator, real_numbers
from looping import for_each

import xcorr
from xcorr import _cache, _job, _workers
from xcorr._engine import SharedRepeat

pytestmark = pytest.mark.usefixtures("level")

CASES = {  # images, kernels, keywords
    "depthwise": ((4, 24, 24, 96), (96, 3, 3, 1), {"groups": 96, "padding": 1}),
    "pointwise": ((2, 40, 40, 32), (48, 1, 1, 32), {}),
    "columns": ((1, 300, 400, 1), (2, 5, 5, 1), {"padding": "same", "boundary": "reflect"}),
    "layer": ((2, 20, 20, 16), (32, 3, 3, 16), {"padding": 2}),
    "channels-first": ((3, 8, 60, 60), (6, 8, 3, 3), {"layout": "NCHW"}),
    "milliseconds": ((6, 120, 120, 8), (16, 3, 3, 8), {"padding": "same"}),
    "bytes": ((4, 60, 60, 16), (32, 3, 3, 16), {"dtype": "int32"}),
}
cases = pytest.mark.parametrize(("images", "kernels", "keywords"), CASES.values(), ids=CASES)


@pytest.fixture(autouse=True)
def planned(monkeypatch):
    """The calls that were planned."""
    _cache.clear_caches()
    found = []
    own = _job.Job.__init__

    def noted(self, *words):
        found.append(True)
        own(self, *words)

    monkeypatch.setattr(_job.Job, "__init__", noted)
    yield found
    _cache.clear_caches()


@pytest.fixture
def shared(monkeypatch):
    """The numbers of workers of calls that were repeated by several."""
    found = []
    own = _workers.run

    def noted(call, n_workers):
        if isinstance(call, SharedRepeat):
            found.append(n_workers)
        own(call, n_workers)

    monkeypatch.setattr(_workers, "run", noted)
    return found


def operands(images, kernels, keywords):
    rng = random_generator(images, kernels)
    if "dtype" in keywords:
        return rng.integers(0, 256, images, np.uint8), rng.integers(-128, 128, kernels, np.int8)
    return real_numbers(rng, images, "float32"), real_numbers(rng, kernels, "float32")


@cases
def test_bits_are_those_of_a_planned_call(images, kernels, keywords, planned, shared):
    images, kernels = operands(images, kernels, keywords)
    expected = xcorr.correlate(images, kernels, workers=1, method="direct", **keywords)
    prepared = xcorr.Correlator(kernels, method="direct", **keywords)
    calls = (
        lambda array, workers: xcorr.correlate(array, kernels, workers=workers, method="direct", **keywords),
        lambda array, workers: prepared(array, workers=workers),
    )
    for call in calls:
        for workers in (2, 3, 2, None):
            for _ in range(4):
                assert_same_bits(call(images, workers), expected)
            planned.clear()
            shared.clear()
            assert_same_bits(call(images.copy(), workers), expected)
            assert not planned
            assert len(shared) == 1


@cases
def test_other_kernels_take_the_place_of_the_first(images, kernels, keywords, planned):
    images, kernels = operands(images, kernels, keywords)
    others = [np.roll(kernels, shift, axis=0) for shift in range(5)]
    keywords = {**keywords, "method": "direct"}
    expected = [xcorr.correlate(images, other, workers=1, **keywords) for other in others]
    for _ in range(3):
        for other, response in zip(others, expected, strict=True):
            assert_same_bits(xcorr.correlate(images, other, workers=2, **keywords), response)


@for_each("name", ["depthwise", "layer"])
def test_kernels_that_are_not_finite_meet_the_padding(name):
    images, kernels = operands(*CASES[name])
    keywords = {**CASES[name][2], "workers": 2, "method": "direct"}
    for _ in range(3):
        xcorr.correlate(images, kernels, **keywords)
    kernels[5, 0, 0, 0] = np.inf
    response = xcorr.correlate(images, kernels, **keywords)
    assert np.isnan(response[:, 0, :, 5]).all()
    assert np.isfinite(np.delete(response, 5, 3)).all()


def test_another_number_of_workers_is_laid_out_anew(planned, shared):
    images, kernels = operands(*CASES["pointwise"])
    prepared = xcorr.Correlator(kernels)
    for n_workers in (2, 4, 1, 3):
        with xcorr.set_workers(n_workers):
            for _ in range(3):
                prepared(images)
            assert shared[-1] == n_workers
            planned.clear()
            prepared(images)
            assert not planned


def test_a_call_of_many_milliseconds_is_planned_each_time(planned, monkeypatch):
    images, kernels = operands(*CASES["milliseconds"])
    monkeypatch.setattr(_job, "LONGEST_REPEATED", 6 * 120 * 120 * 16 * 72 - 1)
    prepared = xcorr.Correlator(kernels, padding="same")
    for _ in range(4):
        prepared(images, workers=2)
    assert len(planned) == 4


def test_a_call_with_less_room_than_before_has_fewer_workers(monkeypatch):
    images, kernels = operands(*CASES["milliseconds"])
    prepared = xcorr.Correlator(kernels, padding="same")
    expected = [prepared(images, workers=4) for _ in range(3)]
    started, run = [], _workers.run
    monkeypatch.setattr(_workers, "run", lambda call, n_workers: (started.append(call), run(call, n_workers)))
    assert_same_bits(prepared(images, workers=4), expected[0])
    of_worker = started[-1].workspace_bytes
    kept = next(iter(prepared._banks.values())).kept_bytes
    monkeypatch.setattr(_workers, "WORKSPACE_LIMIT", kept + 3 * of_worker + of_worker // 2)
    assert_same_bits(prepared(images, workers=4), expected[0])
    assert not isinstance(started[-1], SharedRepeat)


def test_threads_repeat_one_call_at_once():
    images, kernels = operands(*CASES["layer"])
    prepared = xcorr.Correlator(kernels, padding=2)
    batch = [images * np.float32(factor) for factor in range(1, 7)]
    expected = [prepared(array, workers=2) for array in batch]
    wrong = []

    def work(index):
        for _ in range(40):
            if not np.array_equal(prepared(batch[index], workers=2), expected[index]):
                wrong.append(index)

    threads = [threading.Thread(target=work, args=(index,)) for index in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_arrays_are_let_go_of():
    images, kernels = operands(*CASES["pointwise"])
    prepared = xcorr.Correlator(kernels)
    for call in (prepared, lambda array, workers: xcorr.correlate(array, kernels, workers=workers)):
        for _ in range(4):
            array = images.copy()
            response = call(array, workers=2)
            gone = [weakref.ref(array), weakref.ref(response)]
            del array, response
            assert [reference() for reference in gone] == [None, None]


@for_each("out", [False, True])
def test_out_is_filled_and_returned(out):
    images, kernels = operands(*CASES["columns"])
    expected = xcorr.correlate(images, kernels, workers=1)
    target = np.empty_like(expected) if out else None
    for _ in range(4):
        response = xcorr.correlate(images, kernels, workers=2, out=target)
        assert_same_bits(response, expected)
        assert (response is target) == out


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="needs interval timers")
def test_a_handler_that_raises_leaves_the_next_call_right():
    images, kernels = operands(*CASES["layer"])
    prepared = xcorr.Correlator(kernels, padding=2)
    expected = prepared(images, workers=2)

    class Stop(Exception):
        pass

    def stop(*_):
        raise Stop

    before = signal.signal(signal.SIGALRM, stop)
    stopped = 0
    try:
        for pause in np.linspace(1e-5, 1e-3, 200):
            try:
                signal.setitimer(signal.ITIMER_REAL, pause)
                for _ in range(20):
                    assert_same_bits(prepared(images, workers=2), expected)
            except Stop:
                stopped += 1
            finally:
                signal.setitimer(signal.ITIMER_REAL, 0)
    finally:
        signal.signal(signal.SIGALRM, before)
    assert stopped
    assert_same_bits(prepared(images, workers=2), expected)


@pytest.mark.parametrize("fails", [0, 1])
def test_a_worker_without_workspace_ends_the_call(fails, monkeypatch):
    images, kernels = operands(*CASES["pointwise"])
    prepared = xcorr.Correlator(kernels)
    expected = [prepared(images, workers=2) for _ in range(3)][-1]
    own = _workers.empty

    def without_one(shape, dtype):
        memory = own(shape, dtype)
        without_one.calls += 1
        return 0 if without_one.calls == fails + 1 else memory

    without_one.calls = 0
    with monkeypatch.context() as patch:
        patch.setattr(_workers, "empty", without_one)
        if fails == 0:
            with pytest.raises(TypeError):
                prepared(images, workers=2)
        else:
            with contextlib.suppress(TypeError):  # the other one may have done it all
                prepared(images, workers=2)
    assert_same_bits(prepared(images, workers=2), expected)
