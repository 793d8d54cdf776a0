"""Nothing outside of operands, output, panels and workspaces is touched: unreadable pages lie before and after them."""

import multiprocessing
import sys

import pytest
from guarded import run

from xcorr import _dispatch

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="needs mprotect")


@pytest.mark.parametrize("level", _dispatch.runnable_levels())
@pytest.mark.parametrize("dtype", ["float32", "float64", "float16", "complex64", "uint8", "int64"])
def test_nothing_outside_the_arrays_is_touched(level, method, dtype):
    assert outcome(level, method, dtype) == (0, "done")


@pytest.mark.parametrize("level", _dispatch.runnable_levels())
@pytest.mark.parametrize("dtype", ["float32", "float64", "complex64"])
def test_winograd_touches_nothing_outside_the_arrays(level, dtype):
    assert outcome(level, "winograd", dtype) == (0, "done")


@pytest.mark.parametrize("level", _dispatch.runnable_levels())
@pytest.mark.parametrize("dtype", ["float32", "float64", "complex64"])
def test_fft_touches_nothing_outside_the_arrays(level, dtype):
    assert outcome(level, "fft", dtype) == (0, "done")


def outcome(level, method, dtype):
    """The child's exit code and the last that it said."""
    receiver, sender = multiprocessing.Pipe(duplex=False)
    process = multiprocessing.get_context("spawn").Process(target=run, args=(level, method, dtype, sender))
    process.start()
    sender.close()
    last = "nothing"
    try:
        while True:
            last = receiver.recv()
    except EOFError:
        process.join()
    return process.exitcode, last
