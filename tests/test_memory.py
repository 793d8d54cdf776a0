"""What a call takes and what it leaves: a bounded workspace, no memory kept, the process as it was."""

import sys
import tracemalloc

import numpy as np
import pytest
from checks import SEED, assert_same_bits
from scripts import run_script

import xcorr

linux = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
WORKSPACE = 256 * 2**20

STATUS = """
import ctypes, os, pickle, re, resource, signal, sys, threading, time
import numpy as np
import xcorr

def mebibytes(name):
    with open("/proc/self/status") as status:
        return int(re.search(name + r":\\s+(\\d+) kB", status.read())[1]) / 1024

def numbers(shape, dtype):
    return np.random.default_rng(1).integers(0, 100, shape, dtype="u1" if dtype == "u1" else "u4").astype(dtype)
"""


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
    # A broadcast batch that is never materialised; it would take hundreds of times its images, its windows far more.
    kernels = np.ones(kernels, dtype)
    images = np.broadcast_to(np.ones(image, dtype), (400, *image))
    shape = xcorr.correlate(images[:1], kernels, method=method, **keywords).shape
    out = np.empty((400, *shape[1:]), xcorr.correlate(images[:1], kernels, method=method, **keywords).dtype)
    peak = peak_of(lambda: xcorr.correlate(images, kernels, out=out, method=method, workers=2, **keywords))
    assert peak < WORKSPACE
    few = peak_of(lambda: xcorr.correlate(images[:40], kernels, out=out[:40], method=method, workers=2, **keywords))
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
    images, kernels = images << 20, kernels << 23
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
REFUSED = {  # what follows the images and kernels that `ones` makes without memory
    "padded-row-and-kernel": f"(1, 8), (1, {2 * FAR}), padding=((0, 0), ({FAR}, {FAR})), stride=(1, 4)",
    "padded-row": f"(1, 8), (1, 1), padding=((0, 0), ({FAR}, {FAR})), stride=(1, {FAR})",
    "dilated-row": f"(1, 8), (1, 2), padding=((0, 0), ({FAR}, {FAR})), dilation=(1, {FAR}), stride=(1, {FAR})",
    "channels": "(1, 2, 2, 2**25), (1, 2, 2, 2**25)",
    "strip": "(1, 9, 9, 2**22), (1, 1, 1, 2**22), padding=4, stride=4",
    "bank": "(4, 4), (2**24, 4, 4)",
    "response": "(2**40, 28, 28), (3, 3)",
    "response-beyond-numbers": "(2**50, 28, 28), (16, 3, 3), layout='NHW'",
    "padding-beyond-numbers": "(3, 3), (3, 3), padding=2**62",
}


@linux
@pytest.mark.parametrize("kind", ["direct", "matmul", "beyond-2**53"])
@pytest.mark.parametrize("call", REFUSED.values(), ids=REFUSED)
def test_a_call_that_cannot_fit_says_so_before_it_allocates(call, kind):
    text = """
def correlate(image_shape, kernel_shape, **keywords):
    one = np.full((), 2**30) if sys.argv[2].startswith("beyond") else np.float32(1)
    method = "matmul" if sys.argv[2] == "matmul" else "auto"
    images, kernels = (np.broadcast_to(one, shape) for shape in (image_shape, kernel_shape))
    return xcorr.correlate(images, kernels, method=method, **keywords)

correlate((9, 9), (2, 2))
size, resident, begin = mebibytes("VmSize"), mebibytes("VmRSS"), time.monotonic()
try:
    eval(f"correlate({sys.argv[1]})")
except (MemoryError, ValueError) as error:
    assert re.search(r"[0-9]{8}.* bytes|bytes.* [0-9]{8}|[KMGTPE]iB", str(error)), error
    print(time.monotonic() - begin, mebibytes("VmPeak") - size, mebibytes("VmHWM") - resident)
"""
    seconds, allocated, touched = map(float, run_script(STATUS + text, call, kind, timeout=10).split())
    assert seconds < 1
    assert allocated < 160  # glibc reserves 128 MiB of addresses when NumPy asks for too much
    assert touched < 32


def test_the_functions_that_gather_refuse_what_cannot_fit():
    images = np.broadcast_to(np.float32(1), (2**30, 64, 64))
    for call in (
        lambda: xcorr.windows(images, (32, 32), layout="NHW"),
        lambda: xcorr.windows(images, (64, 1), layout="NHW", dilation=2**61),
        lambda: xcorr.correlation_indices((2**20, 2**20), (2**10, 2**10)),
        lambda: xcorr.window_index((2**31, 2**31), (2**30, 2**30)),
    ):
        with pytest.raises((MemoryError, ValueError)):
            call()


@linux
def test_a_call_without_memory_raises_and_the_next_one_is_right():
    text = """
ctypes.CDLL(None).mallopt(-3, 4096)  # M_MMAP_THRESHOLD: what is freed goes back at once
images, kernels = numbers((16, 80, 80, 3), "f4"), numbers((16, 5, 5, 3), "f4")
calls = [(images, kernels), (images[:3].astype("i8") << 20, kernels.astype("i8") << 16), (images.astype("f8"), kernels)]
expected = [xcorr.correlate(*call, padding="same", workers=2) for call in calls]
outcomes = []
for index in range(3 * 60):
    call, response, step = calls[index % 3], expected[index % 3], index // 3
    limit = int((mebibytes("VmSize") + 0.05 * 1.2**step) * 2**20)
    resource.setrlimit(resource.RLIMIT_AS, (limit, resource.RLIM_INFINITY))
    try:
        outcomes.append(np.array_equal(xcorr.correlate(*call, padding="same", workers=1 + step % 3), response))
    except MemoryError:
        outcomes.append(None)
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    assert np.array_equal(xcorr.correlate(*call, padding="same", workers=2), response)
print(outcomes.count(None) > 9, outcomes.count(True) > 9, outcomes.count(False))
"""
    assert run_script(STATUS + text) == "True True 0\n"


# --- what is kept -----------------------------------------------------------------------------------------------------

KEPT = """
image, kernel, bank = numbers((12, 13), "f4"), numbers((3, 3), "f4"), numbers((9, 3, 2), "f4")
whole, wide, masked = numbers((12, 13), "u1"), numbers((12, 13), "i8") << 40, np.ma.masked_array(np.ones((9, 9)))
out, small, frozen = np.ones((10, 11), "f4"), np.zeros((12, 13), "i1"), np.broadcast_to(np.float32(1), (10, 11))
corr, far = xcorr.Correlator(bank, padding="same"), ((0, 0), (2**28, 2**28))
CALLS = {
    "responses": [
        lambda: xcorr.correlate(image, kernel), lambda: xcorr.correlate(image, bank, method="matmul"),
        lambda: xcorr.correlate(whole, whole[:3, :3]), lambda: xcorr.correlate(wide, whole[:2, :2]),
        lambda: xcorr.correlate(image, kernel, out=out), lambda: xcorr.correlate(out, kernel, padding=1, out=out),
        lambda: xcorr.convolve(image, bank, padding=(9, 8), boundary="wrap"), lambda: corr(image, workers=2),
        lambda: xcorr.Correlator(bank, bias=np.ones(9))(image), lambda: pickle.loads(pickle.dumps(corr))(image),
        lambda: xcorr.windows(image, (2, 2)), lambda: xcorr.correlation_indices((8, 8), (3, 3)),
        lambda: xcorr.correlate(image + 1j, bank), lambda: xcorr.correlate(image[::-1], kernel[:, ::-1], stride=2),
    ],
    "images: TypeError": lambda: xcorr.correlate("image", kernel),
    "masked: TypeError": lambda: xcorr.correlate(masked, kernel),
    "kernels: ValueError": lambda: xcorr.correlate(image[:2, :2], kernel),
    "layout: ValueError": lambda: xcorr.correlate(bank, bank),
    "method: ValueError": lambda: xcorr.correlate(image, kernel, method="fft"),
    "padding: ValueError": lambda: xcorr.correlate(image, kernel, padding=-1),
    "bias: ValueError": lambda: xcorr.correlate(image, bank, bias=[1, 2]),
    "fill_value: ValueError": lambda: xcorr.correlate(whole, kernel, padding=1, fill_value=256),
    "dtype: TypeError": lambda: xcorr.correlate(image, kernel, dtype="i8"),
    "dtype: OverflowError": lambda: xcorr.correlate(whole, whole[:3, :3], padding="same", dtype="i1", out=small),
    "sums: OverflowError": lambda: xcorr.correlate(wide, wide[:3, :3]),
    "out: ValueError": lambda: xcorr.correlate(image, kernel, out=frozen),
    "workers: ValueError": lambda: xcorr.correlate(image, kernel, workers=0),
    "strip: MemoryError": lambda: xcorr.correlate(image, kernel, padding=far, stride=2**20),
    "numbers: ValueError": lambda: xcorr.correlate(image, kernel, padding=2**62),
}

def repeat(calls, n_times):
    for index in range(n_times):
        try:
            calls[index % len(calls)]()
        except Exception as error:
            kind = type(error).__name__
        else:
            kind = "response"
        assert kind in name

for name, calls in CALLS.items():
    calls = calls if type(calls) is list else [calls]
    repeat(calls, 1000)
    before = mebibytes("VmRSS")
    repeat(calls, 20000)
    print(name, mebibytes("VmRSS") - before, sep="|")
"""


@linux
def test_no_memory_is_kept_by_many_calls_and_errors():
    grown = dict(line.split("|") for line in run_script(STATUS + KEPT, timeout=60).splitlines())
    assert len(grown) == 16
    assert {name: growth for name, growth in grown.items() if float(growth) >= 4} == {}


@linux
def test_memory_kept_for_many_shapes_is_bounded():
    text = """
kernels, wide = np.ones((2, 3, 3), "f4"), np.ones((1, 70000), "f4")
small = [np.ones((rows, columns), "f4") for rows in range(3, 40) for columns in range(3, 40)]
for images, bank in ((small, kernels), ([wide[:, :70000 - n] for n in range(1200)], kernels[:, :1])):
    for image in images[:100]:
        xcorr.correlate(image, bank)
    before = mebibytes("VmRSS")
    for begin in (100, 600):
        for image in images[begin:begin + 500]:
            xcorr.correlate(image, bank)
        print(mebibytes("VmRSS") - before)
"""
    many, more, wide, wider = map(float, run_script(STATUS + text).split())
    assert max(many, more) < 16
    assert max(wide, wider) < 256
    assert wider - wide < 32


# --- the process ------------------------------------------------------------------------------------------------------


@linux
def test_interrupts_at_any_moment_leave_everything_in_order():
    text = """
images, kernels = numbers((8, 60, 60, 3), "f4"), numbers((9, 5, 5, 3), "f4")
calls = {"direct": (images, kernels), "matmul": (images, kernels)}
calls["auto"] = images.astype("i8") << 20, kernels.astype("i8") << 16  # beyond 2**53
expected = {name: xcorr.correlate(*calls[name], method=name) for name in calls}

def right(name, workers):
    return np.array_equal(xcorr.correlate(*calls[name], method=name, workers=workers), expected[name])

class Stop(BaseException):
    pass

def stop(number, frame):
    if armed:
        raise Stop

armed, stopped, rng = False, 0, np.random.default_rng(int(sys.argv[1]))
signal.signal(signal.SIGALRM, stop)
for index in range(300):
    name, workers = list(calls)[index % 3], 1 + index % 4
    try:
        try:
            armed = True
            signal.setitimer(signal.ITIMER_REAL, rng.uniform(0.0001, 0.01))
            assert right(name, workers)
            time.sleep(0.01)
        finally:
            armed = False
    except Stop:
        stopped += 1
print(stopped > 200, all(right(name, 4) for name in calls))
"""
    assert run_script(STATUS + text, SEED) == "True True\n"


@linux
def test_import_and_calls_leave_the_process_as_it_was():
    text = """
import ctypes, os, signal, sys, threading, warnings
import numpy as np

def state():
    libc = ctypes.CDLL(None)
    numbers = libc.fegetround(), libc.fegetexcept(), np.float64(5e-324) * 3 / 2, np.geterr(), np.geterrcall()
    python = sys.getswitchinterval(), sys.getrecursionlimit(), sys.excepthook, list(warnings.filters)
    return (dict(os.environ), os.getcwd(), [signal.getsignal(number) for number in signal.valid_signals()], numbers,
            python, np.get_printoptions(), str(np.random.get_state()))

before = state()
import xcorr
assert threading.active_count() == 1
print(state() == before)
images, kernels = np.ones((8, 60, 60, 3), np.float32), np.ones((9, 5, 5, 3), np.float32)
integers = np.full((5, 5), 2**31), np.full((3, 3), 2**31)
for operands in ((images, kernels), (images * 1e-42, kernels), (images * np.inf, kernels), (images, 1), integers):
    for method in ("direct", "matmul"):
        try:
            xcorr.correlate(*operands, method=method, workers=2)
        except (ValueError, OverflowError):
            pass
print(state() == before)
"""
    assert run_script(text) == "True\nTrue\n"
