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


def run_to_the_end(text, *arguments, timeout=90, **variables):
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


def run_script(text, *arguments, timeout=90, **variables):
    """What a script prints; its exit status is 0, its stderr is silent."""
    ended = run_to_the_end(text, *arguments, timeout=timeout, **variables)
    assert (ended.status, ended.errors) == (0, ""), ended
    return ended.printed


CALLS = """
import atexit, concurrent.futures, multiprocessing, os, signal, sys, threading, time
import numpy as np
import xcorr
from xcorr import Peaks

images = (np.arange(8 * 40 * 40 * 3).reshape(8, 40, 40, 3) % 13 - 6).astype(np.float32)
kernels = (np.arange(64 * 3 * 3 * 3).reshape(64, 3, 3, 3) % 7 - 3).astype(np.float32)
calls = {"direct": (images, kernels), "matmul": (images, kernels), "winograd": (images, kernels),
         "fft": (images, kernels),
         "auto": (images.astype(np.int64) << 36, kernels.astype(np.int64) << 14)}  # beyond 2**53
planes, templates = images[:3, :, :, 0].copy(), kernels[:5, :, :, 0].copy()
others = {
    "match": lambda **words: xcorr.match(planes, templates, layout="NHW", **words),
    "masked scores": lambda **words: xcorr.match(planes[:, ::-1], templates, layout="NHW", mask=planes != 3, **words),
    "masked": lambda **words: xcorr.correlate(planes, templates, layout="NHW", mask=planes != 3, **words),
    "reduced": lambda **words: xcorr.correlate(images, kernels, reduce="max", over="kernels", **words),
    "peaks": lambda **words: xcorr.correlate(planes, templates, layout="NHW", reduce=Peaks(3), **words),
}

def answer(name, workers, **words):
    if name in others:
        return others[name](workers=workers, **words)
    return xcorr.correlate(*calls[name], method=name, workers=workers, **words)

expected = {name: answer(name, 2) for name in (*calls, *others)}

def right(name, workers):
    return answer(name, workers).tobytes() == expected[name].tobytes()

def keep_calling(name, workers):
    while True:
        right(name, workers)
"""
"""What scripts begin with that call: `right(name, workers)` says whether what is given is what it was at first.

`calls` are correlations by each method, `others` scores, masked responses and what is left of responses.
"""

FORK_INSIDE = """
class Stop(BaseException):
    pass

def handle(number, frame):
    global child
    child = os.fork()
    if child == 0:
        signal.alarm(10)
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        if sys.argv[1] == "raises":
            raise Stop
    else:
        os.kill(os.getpid(), signal.SIGINT)

long, child, kind = (np.ones((1, 1500, 1500, 1)), np.ones((4, 32, 32, 1))), None, None
signal.signal(signal.SIGALRM, handle)
signal.signal(signal.SIGINT, signal.default_int_handler)  # a job in the background is told to ignore it
signal.setitimer(signal.ITIMER_REAL, np.random.default_rng(int(sys.argv[2])).uniform(0.03, 0.07))
try:
    xcorr.correlate(*long, method="direct", workers=2)
except (RuntimeError, Stop, KeyboardInterrupt) as error:
    kind = type(error).__name__
if child == 0:
    os._exit(kind != {"goes on": "RuntimeError", "raises": "Stop"}[sys.argv[1]] or not right("direct", 2))
assert kind == "KeyboardInterrupt" and os.waitpid(child, 0)[1] == 0, kind
"""
"""A signal's handler forks inside of a call that another thread helps with; in the child it goes on or raises."""

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
"""What scripts begin with that look at the memory of the process."""

MNIST, DIGITS = (10_000, 28, 28, 1), (16, 5, 5, 1)
BOUNDED = {  # images, kernels, their dtype, keywords, and the mebibytes that a call may need beside them and `out`
    "float32": (MNIST, DIGITS, "f4", {}, 64),
    "uint8": (MNIST, DIGITS, "u1", {}, 64),
    "same": (MNIST, DIGITS, "f4", {"padding": "same"}, 64),
    "nchw": ((10_000, 1, 28, 28), (16, 1, 5, 5), "f4", {"layout": "NCHW"}, 64),
    "matmul": (MNIST, DIGITS, "f4", {"method": "matmul"}, 64),
    "long-sums": ((2, 224, 224, 64), (3, 9, 9, 64), "f4", {}, 64),
    "long-sums-many-images": ((16, 224, 224, 64), (3, 9, 9, 64), "f4", {}, 64),
    "winograd": ((8, 112, 112, 64), (64, 3, 3, 64), "f4", {"method": "winograd"}, 64),
    "fft": ((64, 256, 256, 3), (8, 33, 33, 3), "f4", {"method": "fft"}, 64),
    "fft-large-kernels": ((1, 2000, 2000, 1), (4, 256, 256, 1), "f4", {"method": "fft"}, 256),
    "fft-large-bank": ((1, 300, 300, 4), (300, 64, 64, 4), "f4", {"method": "fft"}, 256),
    "complex": ((200, 128, 128, 3), (4, 5, 5, 3), "c8", {"padding": "same", "boundary": "wrap"}, 64),
    "long-sums-matmul": ((1, 224, 224, 64), (3, 9, 9, 64), "f4", {"method": "matmul", "stride": 2}, 64),
    "beyond-2**53": ((1, 256, 256, 1), (400, 1, 1, 1), "i8", {}, 64),
    "match": ((40, 540, 960, 1), (20, 32, 32, 1), "f4", {"verb": "match"}, 256),
    "match-large": ((1, 4000, 5000, 1), (3, 64, 64, 1), "f4", {"verb": "match"}, 256),
    "match-integers": ((2, 1080, 1920, 1), (10, 17, 17, 1), "u1", {"verb": "match"}, 256),
    "match-bank": ((1, 300, 400, 1), (1000, 16, 16, 1), "f4", {"verb": "match"}, 256),
    "match-padding": ((10, 256, 256, 3), (8, 9, 9, 3), "f4", {"verb": "match", "padding": "same"}, 256),
    "masked": ((200, 128, 128, 3), (16, 5, 5, 3), "f4", {"padding": "same", "normalize": True}, 256),
    "reduced": ((200, 128, 128, 3), (64, 5, 5, 3), "f4", {"reduce": ("max", "mean")}, 64),
    "reduced-over-kernels": (
        *((1, 540, 960, 1), (1000, 16, 16, 1), "f4"),
        {"reduce": ("max", "argmax"), "over": "kernels"},
        256,
    ),
    "reduced-scores": ((1, 540, 960, 1), (100, 32, 32, 1), "f4", {"verb": "match", "reduce": "argmax"}, 256),
    "peaks": ((40, 256, 256, 3), (64, 5, 5, 3), "f4", {"reduce": xcorr.Peaks(5, min_distance=9)}, 128),
    "signals": ((16, 100_000, 2), (8, 33, 2), "f4", {"layout": "NWC"}, 64),
    "volumes": ((4, 32, 64, 64, 2), (4, 3, 3, 3, 2), "f4", {"layout": "NDHWC"}, 64),
    "volumes-exact": ((2, 32, 64, 64), (4, 3, 3, 3), "u1", {"layout": "NDHW"}, 64),
    "volumes-peaks": ((1, 80, 200, 200), (8, 3, 3, 3), "f4", {"layout": "NDHW", "reduce": xcorr.Peaks(5)}, 96),
}

PEAK = """
from xcorr import Peaks

image_shape, kernel_shape, dtype, keywords = eval(sys.argv[1])
images, kernels = numbers(image_shape, dtype), numbers(kernel_shape, dtype)
correlate = getattr(xcorr, keywords.pop("verb", "correlate"))
if dtype == "i8":
    images, kernels = images << 20, kernels << 23
method = keywords.get("method", "auto")
tiny = xcorr.correlate(np.ones((9, 9), dtype), np.ones((3, 3), dtype), method=method, workers=2)
out = None  # of reductions, which are small
if "reduce" not in keywords:
    one = correlate(images[:1], kernels[:1], **keywords)
    shape = list(one.shape)
    shape[0], shape[1 if keywords.get("layout") == "NCHW" else -1] = len(images), len(kernels)
    out = np.ones(shape, one.dtype)
    del one
with open("/proc/self/clear_refs", "w") as file:
    file.write("5")  # the peak so far, of making the arrays, is forgotten
before = mebibytes("VmRSS")
correlate(images, kernels, out=out, **keywords)
print(mebibytes("VmHWM") - before)
"""
"""Mebibytes that a call took beside its arrays."""

FAR = 2**28
REFUSED = {  # what follows the images and kernels that `ones` makes without memory
    "padded-row-and-kernel": f"(1, 8), (1, {2 * FAR}), padding=((0, 0), ({FAR}, {FAR})), stride=(1, 4)",
    "padded-row": f"(1, 8), (1, 1), padding=((0, 0), ({FAR}, {FAR})), stride=(1, {FAR})",
    "dilated-row": f"(1, 8), (1, 2), padding=((0, 0), ({FAR}, {FAR})), dilation=(1, {FAR}), stride=(1, {FAR})",
    "channels": "(1, 2, 2, 2**25), (1, 2, 2, 2**25)",
    "strip": "(1, 9, 9, 2**22), (1, 1, 1, 2**22), padding=4, stride=4",
    "bank": "(4, 4), (2**24, 4, 4)",
    "response": "(2**40, 28, 28), (3, 3), layout='NHW'",
    "response-beyond-numbers": "(2**50, 28, 28), (16, 3, 3), layout='NHW'",
    "padding-beyond-numbers": "(3, 3), (3, 3), padding=2**62",
    "scores": "(2**40, 28, 28), (3, 3), layout='NHW', verb='match'",
    "scores-beyond-numbers": "(2**50, 28, 28), (16, 3, 3), layout='NHW', verb='match'",
    "masked": "(2**40, 28, 28), (3, 3), layout='NHW', mask=np.ones((28, 28)), normalize=True",
    "reduced": "(2**40, 28, 28), (3, 3), layout='NHW', reduce='mean'",
    "reduced-over-kernels": "(2**32, 28, 28), (3, 3, 3), layout='NHW', reduce='mean', over='kernels'",
    "peaks": "(9, 9), (3, 3), reduce=xcorr.Peaks(2**40)",
    "signal": "(2**44, 28), (16, 3), layout='NW'",
    "signals-row": "(1, 2**33), (1, 2**32), layout='NW', stride=2**20",
    "volume": "(2**40, 28, 28, 28), (3, 3, 3), layout='NDHW'",
    "volumes-planes": "(1, 4, 2**14, 2**14, 4), (1, 4, 1, 1, 4), layout='NDHWC', reduce='max'",
    "volumes-reduced": "(2**40, 28, 28, 28), (3, 3, 3), layout='NDHW', reduce='mean'",
    "volumes-peaks": "(4, 2**13, 2**13), (2, 1, 1, 1), layout='NDHW', reduce=xcorr.Peaks(1)",
}

REFUSAL = """
def correlate(image_shape, kernel_shape, **keywords):
    one = np.full((), 2**30) if sys.argv[2].startswith("beyond") else np.float32(1)
    method = sys.argv[2] if sys.argv[2] in ("matmul", "fft") else "auto"
    images, kernels = (np.broadcast_to(one, shape) for shape in (image_shape, kernel_shape))
    verb = getattr(xcorr, keywords.pop("verb", "correlate"))
    return verb(images, kernels, method=method, **keywords)

correlate((9, 9), (2, 2))
for name, call in eval(sys.argv[1]).items():
    if os.fork() != 0:  # so that none is told of another's peak
        os.wait()
        continue
    size, resident, begin = mebibytes("VmSize"), mebibytes("VmRSS"), time.monotonic()
    try:
        eval(f"correlate({call})")
    except (MemoryError, ValueError) as error:
        seconds = time.monotonic() - begin
        assert re.search(r"[0-9]{8}.* bytes|bytes.* [0-9]{8}|[KMGTPE]iB", str(error)), error
        print(name, seconds, mebibytes("VmPeak") - size, mebibytes("VmHWM") - resident)
    break
"""
"""Calls of arrays without memory: of each seconds until it refused, mebibytes allocated and touched until then."""

KEPT = """
image, kernel, bank = numbers((12, 13), "f4"), numbers((3, 3), "f4"), numbers((9, 3, 2), "f4")
whole, wide, masked = numbers((12, 13), "u1"), numbers((12, 13), "i8") << 40, np.ma.masked_array(np.ones((9, 9)))
out, small, frozen = np.ones((10, 11), "f4"), np.zeros((12, 13), "i1"), np.broadcast_to(np.float32(1), (10, 11))
scores, places = np.ones((10, 12, 9), "f4"), np.ones((10, 12), np.intp)
matcher, corr, far = xcorr.Matcher(bank, padding=0), xcorr.Correlator(bank, padding="same"), ((0, 0), (2**28, 2**28))
images, layer = numbers((2, 60, 60, 16), "f4"), numbers((16, 3, 3, 16), "f4")
larger, CALLS = np.ones((2, 58, 58, 16), "f4"), {
    "larger responses": [
        lambda: xcorr.correlate(images, layer, method="direct", workers=2),
        lambda: xcorr.correlate(images, layer, method="winograd", workers=2),
        lambda: xcorr.correlate(images[:, :20], layer, method="matmul"),
        lambda: xcorr.correlate(images, layer[:3], method="fft", workers=2),
        lambda: xcorr.correlate(images, layer, out=larger, workers=3),
        lambda: xcorr.correlate(images[:, :20].astype("u1"), layer.astype("u1"), workers=2),
        lambda: xcorr.correlate(images, np.ones((16, 3, 3, 1)), groups=16),
    ],
    "responses": [
        lambda: xcorr.correlate(image, kernel), lambda: xcorr.correlate(image, bank, method="matmul"),
        lambda: xcorr.correlate(whole, whole[:3, :3]), lambda: xcorr.correlate(wide, whole[:2, :2]),
        lambda: xcorr.correlate(image, kernel, out=out), lambda: xcorr.correlate(out, kernel, padding=1, out=out),
        lambda: xcorr.convolve(image, bank, padding=(9, 8), boundary="wrap"), lambda: corr(image, workers=2),
        lambda: xcorr.Correlator(bank, bias=np.ones(9))(image), lambda: pickle.loads(pickle.dumps(corr))(image),
        lambda: xcorr.windows(image, (2, 2)), lambda: xcorr.correlation_indices((8, 8), (3, 3)),
        lambda: xcorr.correlate(image + 1j, bank), lambda: xcorr.correlate(image[::-1], kernel[:, ::-1], stride=2),
    ],
    "scores and reductions": [
        lambda: xcorr.match(image, kernel), lambda: xcorr.match(whole, whole[:3, :3], padding=1, workers=2),
        lambda: xcorr.match(image, bank, score="ncc", mask=image > 9, template_mask=bank > 9),
        lambda: matcher(image), lambda: matcher(image, mask="finite"), lambda: matcher(image, out=scores),
        lambda: pickle.loads(pickle.dumps(matcher))(image), lambda: xcorr.match(image, bank, reduce=("max", "argmax")),
        lambda: xcorr.correlate(image, bank, mask=image > 9, normalize=True, padding="same"),
        lambda: xcorr.correlate(image, bank, reduce=("max", "mean", "energy"), workers=2),
        lambda: xcorr.correlate(image, bank, reduce="argmax", over="kernels", out=places),
        lambda: xcorr.correlate(image, bank, reduce=xcorr.Peaks(3)), lambda: xcorr.Peaks(3, min_distance=2)(image),
        lambda: xcorr.correlate(images, layer, reduce="max", workers=2, method="winograd"),
    ],
    "score: ValueError": lambda: xcorr.match(image, kernel, score="none"),
    "mask: ValueError": lambda: xcorr.match(image, kernel, mask=image),
    "images: TypeError": lambda: xcorr.correlate("image", kernel),
    "masked: TypeError": lambda: xcorr.correlate(masked, kernel),
    "kernels: ValueError": lambda: xcorr.correlate(image[:2, :2], kernel),
    "layout: ValueError": lambda: xcorr.correlate(bank, bank),
    "method: ValueError": lambda: xcorr.correlate(image, kernel, method="fft", precision="strict"),
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

most, seconds = int(sys.argv[1]), float(sys.argv[2])

def repeat(calls, n_times, deadline):
    index = 0
    while index < n_times and (time.monotonic() < deadline or index < 1000):
        try:
            calls[index % len(calls)]()
        except Exception as error:
            kind = type(error).__name__
        else:
            kind = "reductions" if "reductions" in name else "response"
        assert kind in name, (name, kind)
        index += 1
    return index

for name, calls in CALLS.items():
    calls = calls if type(calls) is list else [calls]
    repeat(calls, 1000, 0)
    before = mebibytes("VmRSS")
    n_calls = repeat(calls, most, time.monotonic() + seconds)
    print(name, n_calls, mebibytes("VmRSS") - before, sep="|")
"""
"""Of each outcome: as many calls as asked or as the seconds allow, and the mebibytes that they left."""
