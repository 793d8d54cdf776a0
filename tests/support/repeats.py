"""Small calls that are done again, done afresh, and counted."""

import contextlib
from unittest import mock

import pytest
from checks import random_generator, real_numbers

import xcorr
from xcorr import _cache, _call, _correlator, _run

CALLS = {
    "plain": ((28, 28), (3, 3), {}),
    "two-kernels": ((28, 28), (2, 3, 3), {"layout": "NHW"}),
    "colours": ((32, 32, 3), (2, 5, 5, 3), {"layout": "NHWC"}),
    "batch": ((5, 9, 11, 4), (17, 3, 3, 4), {"padding": "same"}),
    "planes": ((2, 3, 9, 11), (4, 3, 3, 3), {"layout": "NCHW", "stride": 2}),
    "reflect": ((12, 13), (5, 5), {"padding": "same", "boundary": "reflect"}),
    "filled": ((12, 13), (5, 5), {"padding": "full", "fill_value": 2.5}),
    "depthwise": ((7, 8, 16), (16, 3, 3, 1), {"layout": "NHWC", "groups": 16}),
}


DTYPES = ("float16", "float32", "float64", "complex64")


over_calls = pytest.mark.parametrize("name", CALLS)


def operands(name, dtype="float32"):
    images_shape, kernels_shape, keywords = CALLS[name]
    rng = random_generator(name, dtype)
    return real_numbers(rng, images_shape, dtype), real_numbers(rng, kernels_shape, dtype), keywords


def afresh(images, kernels, **keywords):
    """The response of a call that repeats none."""
    recent = _cache.recent_calls
    values, sizes = dict(recent.values), dict(recent.sizes)
    recent.clear()
    try:
        return xcorr.correlate(images, kernels, **keywords)
    finally:
        recent.clear()
        recent.values.update(values)
        recent.sizes.update(sizes)


def remembered():
    """The calls that can be repeated."""
    return [call for calls in _cache.recent_calls.values.values() for call in calls]


@contextlib.contextmanager
def counting():
    """A list of the plans of the calls that are not repeated ones."""
    planned, run = [], _run.run

    def counted(plan, *arguments, **keywords):
        planned.append(plan)
        return run(plan, *arguments, **keywords)

    with mock.patch.object(_call, "run", counted), mock.patch.object(_correlator, "run", counted):
        yield planned


def n_repeated(call, times=4):
    """The responses of a call done some times, and how many calls are remembered after."""
    _cache.recent_calls.clear()
    return [call() for _ in range(times)], len(remembered())
