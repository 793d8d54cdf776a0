"""What a call would do is said by the method that does it, before there are arrays."""

import numpy as np
import pytest
from checks import random_generator

import xcorr
from xcorr import _cache, _dispatch, _workers
from xcorr._methods.choice import METHODS

CALLS = {
    "small": ((28, 28), (3, 3), {}),
    "filter": ((1080, 1920), (31, 31), {}),
    "bank": ((10, 64, 64, 3), (8, 5, 5, 3), {"stride": 2, "padding": "same"}),
    "layer": ((2, 56, 56, 64), (64, 3, 3, 64), {"padding": 1}),
    "depthwise": ((2, 20, 20, 32), (32, 3, 3, 1), {"groups": 32}),
    "planes": ((5, 30, 40), (4, 7, 7), {"layout": "NHW", "boundary": ("wrap", "edge"), "padding": "full"}),
    "none": ((0, 9, 9), (2, 3, 3), {"layout": "NHW"}),
}


@pytest.mark.parametrize("name", CALLS)
@pytest.mark.parametrize("dtype", ["float32", "float64", "complex64", "uint8", "int64"])
def test_the_method_is_the_one_that_is_chosen_and_everything_is_told(name, dtype):
    images, kernels, keywords = CALLS[name]
    told = xcorr.explain(images, kernels, dtype=dtype, **keywords)
    assert isinstance(told, xcorr.Explanation)
    assert told.method == xcorr.choose_method(images, kernels, dtype=dtype, **keywords)
    assert told.seconds > 0
    assert 0 <= told.workspace_bytes <= _workers.WORKSPACE_LIMIT + 2**20
    assert all(isinstance(reason, str) and reason for reason in told.reasons)
    assert _dispatch.current().name in told.reasons[-1]
    assert str(told).splitlines()[0] == f"method {told.method}"
    assert str(told).splitlines()[3:] == list(told.reasons)


@pytest.mark.parametrize("method", METHODS)
def test_a_forced_method_is_told_as_asked_with_its_own_reasons(method):
    told = xcorr.explain((2, 40, 40, 8), (16, 3, 3, 8), method=method)
    assert told.method == method
    assert told.reasons[0] == "as asked"


def test_what_a_call_refuses_is_refused():
    with pytest.raises(ValueError, match="larger than the padded image"):
        xcorr.explain((3, 3), (5, 5))
    with pytest.raises(ValueError, match="'winograd' cannot do this job, which has kernels of 7x7"):
        xcorr.explain((30, 30), (7, 7), method="winograd")
    with pytest.raises(TypeError, match=r"explain\(\) got an unexpected keyword argument 'out'"):
        xcorr.explain((9, 9), (3, 3), out=None)
    with pytest.raises(TypeError, match="^dtype: got dtype object"):
        xcorr.explain((9, 9), (3, 3), dtype=object)
    with pytest.raises(ValueError, match="^workers: got 0"):
        xcorr.explain((9, 9), (3, 3), workers=0)
    with pytest.raises(MemoryError, match="^kernels: "):
        xcorr.explain((1, 9000, 9000, 8), (64, 5000, 5000, 8), method="direct")


def test_more_work_takes_longer_and_the_workspace_holds():
    few, many = (xcorr.explain((n, 112, 112, 64), (64, 3, 3, 64), workers=1) for n in (1, 100))
    assert many.seconds > 50 * few.seconds
    assert many.workspace_bytes < 2**26
    assert xcorr.explain((1, 112, 112, 64), (640, 3, 3, 64)).workspace_bytes > few.workspace_bytes


def test_rates_are_measured_once(monkeypatch):
    _cache.clear_caches()
    xcorr.explain((64, 64), (3, 3))
    calls = []
    monkeypatch.setattr("xcorr._explain.warm_seconds", lambda call, seconds: calls.append(call) or 1.0)
    xcorr.explain((65, 65), (3, 3))
    assert not calls
    _cache.clear_caches()
    xcorr.explain((65, 65), (3, 3))
    assert len(calls) == 2


def test_auto_takes_the_cheapest_of_those_it_looks_at(monkeypatch):
    sizes = (1, 64, 64, 32), (32, 3, 3, 32)
    assert xcorr.choose_method(*sizes) == "winograd"
    monkeypatch.setattr(METHODS["winograd"], "cost", lambda *_: 1e18)
    _cache.clear_caches()
    assert xcorr.choose_method(*sizes) == "direct"
    monkeypatch.setattr(METHODS["matmul"], "doubt", lambda *_: "")
    monkeypatch.setattr(METHODS["matmul"], "cost", lambda *_: 0)
    _cache.clear_caches()
    told = xcorr.explain(*sizes)
    assert told.method == "matmul"
    assert told.reasons[0].startswith("of one image, matmul costs as much as 0 multiply-adds, direct ")
    images = random_generator("cheapest").standard_normal((1, 9, 9, 32))
    kernels = np.ones((2, 3, 3, 32))
    assert np.allclose(xcorr.correlate(images, kernels), xcorr.correlate(images, kernels, method="direct"))
    monkeypatch.undo()
    _cache.clear_caches()
