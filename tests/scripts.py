"""Scripts in interpreters of their own, for what would harm this one or depends on what it did before."""

import os
import signal
import sys
from pathlib import Path
from subprocess import PIPE, Popen, TimeoutExpired
from typing import NamedTuple

import xcorr

FORKS = "ignore::DeprecationWarning"  # Python 3.12 warns of a fork beside threads


class Ended(NamedTuple):
    """How a script ended: its exit status, None if it had to be killed, and what it printed."""

    status: int | None
    printed: str
    errors: str


def run_to_the_end(text, *arguments, timeout=30, **variables):
    """A script run by a fresh interpreter with the same xcorr; no process that it started is left."""
    folders = [str(Path(xcorr.__file__).parents[1]), *filter(None, sys.path)]
    variables = dict(os.environ, PYTHONPATH=os.pathsep.join(folders), PYTHONWARNINGS=FORKS, **variables)
    command, pipes = [sys.executable, "-c", text, *map(str, arguments)], dict.fromkeys(("stdout", "stderr"), PIPE)
    with Popen(command, **pipes, text=True, start_new_session=True, env=variables) as process:
        try:
            printed, errors = process.communicate(timeout=timeout)
        except TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            return Ended(None, *process.communicate())
        except BaseException:
            os.killpg(process.pid, signal.SIGKILL)
            raise
    return Ended(process.returncode, printed, errors)


def run_script(text, *arguments, timeout=30, **variables):
    """What a script prints; its exit status is 0, its stderr is silent."""
    ended = run_to_the_end(text, *arguments, timeout=timeout, **variables)
    assert (ended.status, ended.errors) == (0, ""), ended
    return ended.printed


CALLS = """
import atexit, concurrent.futures, multiprocessing, os, signal, sys, threading, time
import numpy as np
import xcorr

images = (np.arange(8 * 40 * 40 * 3).reshape(8, 40, 40, 3) % 13 - 6).astype(np.float32)
kernels = (np.arange(64 * 3 * 3 * 3).reshape(64, 3, 3, 3) % 7 - 3).astype(np.float32)
calls = {"direct": (images, kernels), "matmul": (images, kernels), "winograd": (images, kernels),
         "auto": (images.astype(np.int64) << 36, kernels.astype(np.int64) << 14)}  # beyond 2**53
expected = {name: xcorr.correlate(*calls[name], method=name, workers=2) for name in calls}

def right(name, workers):
    return np.array_equal(xcorr.correlate(*calls[name], method=name, workers=workers), expected[name])

def keep_calling(name, workers):
    while True:
        right(name, workers)
"""
"""What scripts begin with that call: `right(name, workers)` says whether the response is what it was at first."""

LONG_CALLS = {  # images, kernels, their dtype, the images' value, keywords: seconds of work at least
    "direct": ((1000, 256, 256, 3), (8, 17, 17, 3), "f4", 1, {"method": "direct"}),
    "winograd": ((2000, 256, 256, 16), (16, 3, 3, 16), "f4", 1, {"method": "winograd"}),
    "matmul": ((1000, 256, 256, 3), (8, 17, 17, 3), "f4", 1, {"method": "matmul"}),
    "integers": ((1000, 256, 256, 3), (8, 17, 17, 3), "u1", 1, {"dtype": "i4"}),
    "beyond-2**53": ((500, 256, 256, 3), (2, 9, 9, 3), "i8", 2**53, {}),
    "beyond-2**53-many-images": ((20000, 256, 256, 3), (2, 3, 3, 3), "i8", 2**53, {}),
    "beyond-2**53-many-kernels": ((6, 256, 256, 1), (1000, 1, 1, 1), "i8", 2**60, {}),
    "depthwise": ((100, 256, 256, 64), (64, 33, 33, 1), "f4", 1, {"method": "direct", "groups": 64}),
    "large-kernels": ((1, 4096, 4096, 1), (4, 512, 512, 1), "f8", 1, {"method": "direct"}),
    "few-windows": ((1, 128, 128, 1024), (12, 64, 64, 1024), "f4", 1, {"method": "direct"}),
    "few-columns": ((3000, 1000, 1000, 3), (1, 1, 1, 3), "f4", 1, {"method": "direct", "stride": (1, 900)}),
    "one-row": ((1, 1, 2_000_000, 1), (4, 1, 8001, 1), "f4", 1, {"method": "direct"}),
}

INTERRUPT = """
image_shape, kernel_shape, dtype, value, keywords, workers, delay = eval(sys.argv[1])
long = np.broadcast_to(np.full(image_shape[1:], value, dtype), image_shape), np.ones(kernel_shape, dtype)
signal.signal(signal.SIGINT, signal.default_int_handler)
if os.fork() == 0:
    time.sleep(delay)
    print(time.monotonic(), flush=True)
    os.kill(os.getppid(), signal.SIGINT)
    os._exit(0)
try:
    xcorr.correlate(*long, workers=workers, **keywords)
except KeyboardInterrupt:
    print(time.monotonic())
time.sleep(0.1)
before = time.process_time()
time.sleep(0.2)
print(time.process_time() - before)
print(all(right(name, workers) for name in calls))
"""
"""A long call, interrupted after the delay: when it was asked to stop, when it did, CPU seconds after that, `right`."""
