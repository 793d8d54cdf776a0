"""What a call takes and what it leaves: a bounded workspace, no memory kept, the process as it was."""

import os
import subprocess
import sys
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from checks import SEED, assert_same_bits

import xcorr

linux = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
WORKSPACE = 256 * 2**20

STATUS = """
import os, pickle, re, resource, signal, sys, threading, time
import numpy as np
import xcorr

def mebibytes(name):
    with open("/proc/self/status") as status:
        return int(re.search(name + r":\\s+(\\d+) kB", status.read())[1]) / 1024

def numbers(shape, dtype):
    return np.random.default_rng(1).integers(0, 100, shape, dtype="u1" if dtype == "u1" else "u4").astype(dtype)
"""


def run_script(text, *arguments):
    """What a fresh interpreter with the same xcorr prints; its exit status is 0, its stderr is silent."""
    folders = [str(Path(xcorr.__file__).parents[1]), *filter(None, sys.path)]
    done = subprocess.run(
        [sys.executable, "-c", text, *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=60,
        env=dict(os.environ, PYTHONPATH=os.pathsep.join(folders)),
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


# --- the workspace ----------------------------------------------------------------------------------------------------


def peak_of(call):
    """Bytes that NumPy and Python allocated at most while `call` ran."""
    tracemalloc.start()
    try:
        call()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.usefixtures("level")
@pytest.mark.parametrize(
    ("image", "kernels", "keywords"),
    [
        ((64, 64, 3), (32, 3, 3, 3), {"stride": 8}),
        ((64, 64, 1), (1, 9, 9, 1), {"stride": 7}),
        ((64, 64, 3), (2, 5, 5, 3), {"stride": 9, "padding": "same", "boundary": "reflect"}),
        ((64, 64, 1), (2, 17, 17, 1), {"stride": 16}),
    ],
    ids=str,
)
@pytest.mark.parametrize("dtype", ["float32", "uint8", "float16"])
def test_workspace_does_not_grow_with_the_batch(method, image, kernels, keywords, dtype):
    # A broadcast batch of some gigabytes that is never materialised; its windows would be many times that.
    kernels = np.ones(kernels, dtype)
    images = np.broadcast_to(np.ones(image, dtype), (1500, *image))
    shape = xcorr.correlate(images[:1], kernels, method=method, **keywords).shape
    out = np.empty((1500, *shape[1:]), xcorr.correlate(images[:1], kernels, method=method, **keywords).dtype)
    peak = peak_of(lambda: xcorr.correlate(images, kernels, out=out, method=method, workers=2, **keywords))
    assert peak < WORKSPACE
    few = peak_of(lambda: xcorr.correlate(images[:100], kernels, out=out[:100], method=method, workers=2, **keywords))
    assert peak <= 2 * few + 2**22
    assert_same_bits(out[-1], out[0])


MNIST, DIGITS = (10_000, 28, 28, 1), (16, 5, 5, 1)
BOUNDED = {  # images, kernels, their dtype, keywords, and the mebibytes that a call may need beside them and `out`
    "float32": (MNIST, DIGITS, "f4", {}, 64),
    "uint8": (MNIST, DIGITS, "u1", {}, 64),
    "same": (MNIST, DIGITS, "f4", {"padding": "same"}, 64),
    "nchw": ((10_000, 1, 28, 28), (16, 1, 5, 5), "f4", {"layout": "NCHW"}, 64),
    "matmul": (MNIST, DIGITS, "f4", {"method": "matmul"}, 64),
    "long-sums": ((2, 224, 224, 64), (3, 9, 9, 64), "f4", {}, 256),
    "long-sums-matmul": ((1, 224, 224, 64), (3, 9, 9, 64), "f4", {"method": "matmul", "stride": 2}, 256),
    "beyond-2**53": ((1, 256, 256, 1), (400, 1, 1, 1), "i8", {}, 256),
}


@linux
@pytest.mark.parametrize(("images", "kernels", "dtype", "keywords", "most"), BOUNDED.values(), ids=BOUNDED)
def test_peak_memory_beside_the_arrays_is_bounded(images, kernels, dtype, keywords, most):
    text = """
image_shape, kernel_shape, dtype, keywords = eval(sys.argv[1])
images, kernels = numbers(image_shape, dtype), numbers(kernel_shape, dtype)
if dtype == "i8":
    images, kernels = images << 30, kernels << 23
method = keywords.get("method", "auto")
tiny = xcorr.correlate(np.ones((9, 9), dtype), np.ones((2, 2), dtype), method=method, workers=2)
one = xcorr.correlate(images[:1, :, :, :], kernels[:1], **keywords)
shape = list(xcorr.correlate(images[:1], kernels[:1], **keywords).shape)
shape[0], shape[1 if keywords.get("layout") == "NCHW" else 3] = len(images), len(kernels)
out = np.ones(shape, one.dtype)
del one
before = mebibytes("VmRSS")
xcorr.correlate(images, kernels, out=out, **keywords)
print(mebibytes("VmHWM") - before)
"""
    beside = float(run_script(STATUS + text, (images, kernels, dtype, keywords)))
    print(f"{beside:.1f} MiB")
    assert beside < most


FAR = 2**28
REFUSED = [
    # a row of one padded image, with as large a kernel
    f"correlate(ones(1, 8), ones(1, {2 * FAR}), padding=((0, 0), ({FAR}, {FAR})), stride=(1, 4)",
    # with a small kernel
    f"correlate(ones(1, 8), ones(1, 2), padding=((0, 0), ({FAR}, {FAR})), dilation=(1, {FAR}), stride=(1, {FAR})",
    f"correlate(ones(1, 8), ones(1, 1), padding=((0, 0), ({FAR}, {FAR})), stride=(1, {FAR})",
    # of many channels
    "correlate(ones(1, 4, 4, 2**27), ones(1, 3, 3, 2**27)",
    "correlate(ones(1, 9, 9, 2**22), ones(1, 1, 1, 2**22), padding=4, stride=4, dtype='f8'",
    # the bank
    "correlate(ones(4, 4), ones(2**29, 3, 3)",
    "correlate(ones(4, 4), ones(2**28, 3, 3), padding=((0, 0), (0, 0)), stride=9",
    # the response, beyond the address space and beyond any number
    "correlate(ones(2**40, 28, 28), ones(3, 3)",
    "correlate(ones(2**50, 28, 28), ones(16, 3, 3), layout='NHW'",
    "correlate(ones(3, 3), ones(3, 3), padding=2**40",
    "correlate(ones(3, 3), ones(3, 3), padding=2**62",
    # the functions that do gather
    "windows(ones(2**30, 64, 64), (32, 32), layout='NHW'",
    "correlation_indices((2**20, 2**20), (2**10, 2**10)",
]


@linux
@pytest.mark.parametrize("method", ["direct", "matmul", "integers"])
@pytest.mark.parametrize("call", REFUSED, ids=range(len(REFUSED)))
def test_a_call_that_cannot_fit_says_so_before_it_allocates(call, method):
    assert call
