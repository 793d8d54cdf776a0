"""Nothing outside of operands, output, panels and workspaces is touched: unreadable pages lie before and after them."""

import multiprocessing
import sys

import pytest
from guarded import run, run_in_words, run_windows
from looping import drawn

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="needs mprotect")


@pytest.mark.parametrize(
    "dtype", ["float32", "uint8", *sum(drawn(2, ["float64", "float16", "complex64", "int64"]), ())]
)
def test_nothing_outside_the_arrays_is_touched(method, dtype):
    assert_runs_through(method, dtype)


@pytest.mark.parametrize("method", ["winograd", "fft"])
@pytest.mark.parametrize("dtype", ["float32", "float64", "complex64"])
def test_a_transform_touches_nothing_outside_the_arrays(method, dtype):
    assert_runs_through(method, dtype)


@pytest.mark.parametrize("dtype", ["uint8,int8", "int8,uint8", "int8"])
def test_bytes_touch_nothing_outside_the_arrays(dtype):
    assert_runs_through("direct", dtype)


@pytest.mark.parametrize("dtype", ["uint8", "int8"])
def test_sums_in_words_touch_nothing_outside_the_arrays(dtype):
    assert_runs_through("separable", dtype, run_in_words)


@pytest.mark.parametrize("score", ["zncc", "phase"])
def test_windows_touch_nothing_outside_the_images(score):
    assert_runs_through(score, "float32", run_windows)


def assert_runs_through(method, dtype, run=run):
    """A child does all calls; where it ends is the last that it said."""
    receiver, sender = multiprocessing.Pipe(duplex=False)
    process = multiprocessing.get_context("spawn").Process(target=run, args=(method, dtype, sender))
    process.start()
    sender.close()
    last = "nothing"
    try:
        while True:
            last = receiver.recv()
    except EOFError:
        process.join()
    assert process.exitcode == 0, last
    assert last == "done"
