"""What the package says of itself, and how many workers it is told to take."""

import numpy as np
import pytest
from checks import assert_equal

import xcorr
from xcorr import _dispatch


def test_set_workers_holds_inside_the_with_block():
    before = xcorr.get_workers()
    assert before >= 1
    with xcorr.set_workers(3):
        assert xcorr.get_workers() == 3
        with xcorr.set_workers(1):
            assert xcorr.get_workers() == 1
        assert xcorr.get_workers() == 3
    assert xcorr.get_workers() == before


def test_set_workers_is_undone_after_an_error():
    before = xcorr.get_workers()
    with pytest.raises(KeyError), xcorr.set_workers(before + 2):
        raise KeyError
    assert xcorr.get_workers() == before


def test_set_workers_is_a_function_as_well():
    with xcorr.set_workers(xcorr.get_workers()):  # restores what the test changes
        xcorr.set_workers(5)
        assert xcorr.get_workers() == 5
        xcorr.set_workers(-1)
        assert xcorr.get_workers() >= 1
        xcorr.set_workers(2)
        assert_equal(
            xcorr.correlate(np.ones((3, 5, 5, 1)), np.ones((1, 2, 2, 1))), np.full((3, 4, 4, 1), 4.0), np.float64
        )


@pytest.mark.parametrize(
    ("value", "error"), [(0, ValueError), (-2, ValueError), (1.0, TypeError), (True, TypeError), ("2", TypeError)]
)
def test_set_workers_refuses_what_is_not_a_count(value, error):
    before = xcorr.get_workers()
    with pytest.raises(error):
        xcorr.set_workers(value)
    assert xcorr.get_workers() == before


def test_info_is_a_dictionary_that_tells_the_level():
    info = xcorr.info()
    assert xcorr.__version__ == info["version"]
    assert isinstance(info, dict)
    assert set(_dispatch.runnable_levels()) & {value for value in info.values() if isinstance(value, str)}


def test_every_public_name_exists_and_is_documented():
    for name in (
        "correlate",
        "convolve",
        "Correlator",
        "response_shape",
        "choose_method",
        "window_index",
        "correlation_indices",
        "windows",
        "set_workers",
        "get_workers",
        "info",
    ):
        assert name in xcorr.__all__
        assert getattr(xcorr, name).__doc__
