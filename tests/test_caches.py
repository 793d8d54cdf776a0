"""What is remembered between calls: bounded, forgotten when asked, and usable by handlers of signals."""

import sys
import weakref

import numpy as np
import pytest
from checks import assert_same_bits
from repeats import afresh, counting, operands, remembered

import xcorr
from xcorr import _cache, _workers

pytestmark = pytest.mark.usefixtures("level")


def test_forgetting_changes_no_response_and_gives_memory_back():
    images, kernels, keywords = operands("colours")
    large = np.ones((40, 300, 300), np.float32)
    expected = afresh(images, kernels, **keywords)
    for _ in range(3):
        xcorr.correlate(large, kernels[0, :, :, 0], layout="NHW")
        assert_same_bits(xcorr.correlate(images, kernels, **keywords), expected)
    assert xcorr.info()["kept_bytes"] > 0
    assert remembered()
    assert _cache.plans.values
    xcorr.clear_caches()
    assert xcorr.info()["kept_bytes"] == 0
    assert not remembered()
    assert not _cache.plans.values
    assert not _cache.banks.values
    assert_same_bits(xcorr.correlate(images, kernels, **keywords), expected)


def test_caches_are_bounded(monkeypatch):
    for cache in (_cache.plans, _cache.banks, _cache.recent_calls):
        monkeypatch.setattr(cache, "most", 100)
    for size in range(1, 150):
        xcorr.correlate(np.ones((size, 3)), np.ones((1, 1)))
        xcorr.correlate(np.ones((size, 3)), np.ones((1, 1)))
    for cache in (_cache.plans, _cache.banks, _cache.recent_calls):
        assert len(cache.values) == 100
        assert cache.sizes.keys() == cache.values.keys()


def test_calls_of_many_shapes_are_repeated_and_of_one_shape_the_last_few():
    kernels, shapes = np.ones((2, 2)), [(rows, columns) for rows in range(3, 25) for columns in range(3, 25)]
    images = [np.ones(shape) for shape in shapes]
    for _ in range(2):
        for image in images:
            xcorr.correlate(image, kernels)
    with counting() as planned:
        for image in images:
            assert (xcorr.correlate(image, kernels) == 4).all()
    assert not planned
    _cache.recent_calls.clear()
    for padding in range(20):
        for _ in range(2):
            xcorr.correlate(images[0], kernels, padding=padding)
    assert len(remembered()) == _cache.RECENT_CALLS


def test_bytes_of_remembered_calls_are_bounded():
    image = np.ones((4, 4, 256), np.float32)
    for n_kernels in range(650, 720):  # nearly 1.5 MiB each, packed and not
        for _ in range(2):
            xcorr.correlate(image[None], np.ones((n_kernels, 1, 1, 256), np.float32), method="direct")
    n_bytes = [call.n_bytes for call in remembered()]
    assert len(n_bytes) > 3
    assert max(n_bytes) > 2**20
    assert sum(n_bytes) <= _cache.RECENT_BYTES


def test_bytes_of_kept_banks_are_bounded():
    image = np.ones((1, 4, 4, 256), np.float32)
    for n_kernels in range(950, 1020):  # nearly 2 MiB each, packed and not
        xcorr.correlate(image, np.ones((n_kernels, 1, 1, 256), np.float32), method="direct")
    n_bytes = [small.kernels.nbytes + small.bank.kept_bytes for small in _cache.banks.values.values()]
    assert 1 < len(n_bytes) <= _cache.BANKS
    assert sum(n_bytes) <= _cache.BANK_BYTES * 1.1
    assert _cache.banks.sizes.keys() == _cache.banks.values.keys()


def test_calls_that_are_never_repeated_do_not_take_the_places_of_those_that_are():
    images, kernels, _ = operands("plain")
    for _ in range(3):
        xcorr.correlate(images, kernels)
    correlator = xcorr.Correlator(kernels)
    for _ in range(3):
        correlator(images)
    huge = np.full((5, 5), 2**40)
    for _ in range(12):
        xcorr.correlate(images.tolist(), kernels)
        xcorr.correlate(images, kernels.tolist())
        correlator(images.tolist())
        xcorr.correlate(huge, np.ones((3, 3), int))
        xcorr.correlate(huge * 0, np.ones((3, 3), int), dtype=np.uint8)
    with counting() as planned:
        xcorr.correlate(images, kernels)
        correlator(images)
    assert not planned


def test_a_remembered_call_keeps_no_workspace(monkeypatch):
    workspaces, empty = [], _workers.empty

    def noted(*arguments):
        workspace = empty(*arguments)
        workspaces.append(weakref.ref(workspace))
        return workspace

    monkeypatch.setattr(_workers, "empty", noted)
    images, kernels, _ = operands("plain")
    for _ in range(2):
        xcorr.correlate(images, kernels, padding=1)
    assert len(remembered()) >= 1
    assert len(workspaces) == 2
    assert [workspace() for workspace in workspaces] == [None, None]


def test_a_call_takes_the_place_of_one_like_it_that_did_not_serve():
    kernels, correlator = np.ones((3, 3), int), xcorr.Correlator(np.ones((3, 3), int))
    _cache.recent_calls.clear()
    for pixel in (1, 2**22, 2**40, 2**22):
        images = np.full((9, 9), pixel)
        for _ in range(3):
            assert (xcorr.correlate(images, kernels) == 9 * pixel).all()
            assert (correlator(images) == 9 * pixel).all()
    assert len(remembered()) == 1
    assert [len(repeats) for repeats in correlator._repeats.values()] == [1]


@pytest.mark.parametrize("act", ["keep", "clear"])
def test_a_handler_may_use_a_cache_at_any_point_of_its_use(act):
    """A handler of signals comes between two instructions: at each of them in turn another call keeps or forgets."""
    code, n_acted = _cache.Cache.keep.__code__, 0
    for point in range(200):
        cache, seen = _cache.Cache(2), [0]

        def trace(frame, event, argument, cache=cache, seen=seen, point=point):
            if frame.f_code is not code:
                return None
            frame.f_trace_opcodes = True
            if event == "opcode":
                seen[0] += 1
                if seen[0] == point:
                    sys.settrace(None)
                    cache.keep("handler", point) if act == "keep" else cache.clear()
            return trace

        for number in range(4):
            cache.keep(number, number)
        before = sys.gettrace()
        sys.settrace(trace)
        try:
            cache.keep("last", 1)
        finally:
            sys.settrace(before)
        assert len(cache.values) <= 3
        n_acted += seen[0] == point
    assert n_acted > 20


def test_what_is_made_has_numpys_own_type_by_which_short_calls_are_known_again():
    image = np.ones((6, 7), np.float32)
    windows = xcorr.windows(image, (2, 2))
    assert windows.dtype.isbuiltin == 1
    assert xcorr.fold(windows, image.shape, (2, 2)).dtype.isbuiltin == 1
    assert xcorr.windows(image.astype(image.dtype.newbyteorder()), (2, 2)).dtype.isbuiltin == 1
