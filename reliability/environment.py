"""R18: what subnormal numbers cost, and the process as it was."""

from functools import partial
from pathlib import Path

from processes import LONGEST_HANG, largest, told
from rows import Outcome, Row
from scripts import CALLS, run_to_the_end

SUBNORMAL = """
import itertools
text, seconds, seed = sys.argv[1], float(sys.argv[2]), int(sys.argv[3])
rng = np.random.default_rng(seed)
image_shape, kernel_shape, dtype, keywords = eval(text)
which, call = sys.argv[4].split(), getattr(xcorr, keywords.pop("verb", "correlate"))
smallest = float(np.finfo(dtype).smallest_normal)
kernels = (rng.integers(1, 8, kernel_shape) / 8).astype(dtype)
normal = rng.integers(1, 8, image_shape).astype(dtype)
faint = normal.astype(dtype) * dtype(smallest / 64)
assert (faint > 0).all() and (faint < smallest).all()
tails = kernels.copy()
tails[:, 0] *= dtype(smallest / 64)  # beside ordinary taps
one = kernels.copy()
one[-1] = tails[-1]
operands = {"normal": (normal, kernels), "taps": (normal, kernels * dtype(smallest / 64)), "tails": (normal, tails),
            "one": (normal, one), "pixels": (faint, kernels)}
best = dict.fromkeys(operands, 1e9)
deadline = time.monotonic() + seconds
for _ in itertools.takewhile(lambda turn: turn < 5 or time.monotonic() < deadline, itertools.count()):
    for name, pair in operands.items():
        begin = time.perf_counter()
        response = call(*pair, workers=1, **keywords)
        best[name] = min(best[name], time.perf_counter() - begin)
    assert (response["score"] if response.dtype.names else response).any(), "subnormal numbers were taken as zeros"
print(max(best[name] for name in which) / best["normal"])
"""

SUBNORMAL_CALLS = {
    "over-kernels": "(4, 48, 48, 8), (32, 3, 3, 8), np.float32, {'method': 'direct'}",
    "over-kernels-f8": "(4, 48, 48, 8), (32, 3, 3, 8), np.float64, {'method': 'direct'}",
    "over-columns": "(4, 96, 96, 1), (2, 5, 5, 1), np.float32, {'method': 'direct'}",
    "over-channels": "(4, 48, 48, 32), (32, 3, 3, 1), np.float32, {'method': 'direct', 'groups': 32}",
    "winograd": "(4, 48, 48, 32), (32, 3, 3, 32), np.float32, {'method': 'winograd'}",
    "matmul": "(4, 48, 48, 8), (32, 5, 5, 8), np.float32, {'method': 'matmul'}",
    "fft": "(4, 96, 96, 2), (4, 17, 17, 2), np.float32, {'method': 'fft'}",
    "auto": "(64, 28, 28, 1), (16, 5, 5, 1), np.float32, {}",
    "float16": "(4, 48, 48, 8), (32, 3, 3, 8), np.float16, {}",
    "match": "(4, 96, 96, 1), (4, 17, 17, 1), np.float32, {'verb': 'match'}",
    "match-direct": "(4, 96, 96, 2), (4, 5, 5, 2), np.float32, {'verb': 'match', 'method': 'direct'}",
    "masked": "(4, 96, 96, 2), (8, 5, 5, 2), np.float32, {'padding': 'same', 'normalize': True}",
    "reduced": "(4, 48, 48, 8), (32, 3, 3, 8), np.float32, {'reduce': 'max', 'over': 'kernels'}",
    "peaks": "(4, 96, 96, 1), (4, 5, 5, 1), np.float32, {'reduce': xcorr.Peaks(5)}",
}


def subnormals(which: str, seconds: float, seed: int) -> Outcome:
    share = seconds / len(SUBNORMAL_CALLS)
    runs = (
        (name, run_to_the_end(CALLS + SUBNORMAL, call, share / 2, seed, which, timeout=share + LONGEST_HANG), 10.0)
        for name, call in SUBNORMAL_CALLS.items()
    )
    outcome = largest(runs, "times")
    return outcome._replace(figure=f"{outcome.figure} on {vendor()}")


def vendor() -> str:
    """The processor's maker, as the system says it: what subnormal numbers cost differs between them."""
    lines = [line for line in read_text("/proc/cpuinfo").splitlines() if line.startswith("vendor_id")]
    return lines[0].partition(":")[2].strip() if lines else "an unknown processor"


def read_text(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8")
    except OSError:
        return ""


STATE = """
import ctypes, gc, locale, mmap, os, random, resource, signal, sys, threading, time, warnings
import numpy as np

def control_words():
    # stmxcsr [rdi]; fnstcw [rsi]; ret
    code = mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
    code.write(bytes.fromhex("0fae1f d93e c3"))
    start = ctypes.c_char.from_buffer(code)
    store = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_void_p)(ctypes.addressof(start))
    mxcsr, control = ctypes.c_uint32(), ctypes.c_uint16()
    def read(code=code, start=start):
        store(ctypes.addressof(mxcsr), ctypes.addressof(control))
        return mxcsr.value & ~0x3f, control.value  # without the flags of what has happened
    return read

words = None
if os.uname().machine == "x86_64":
    try:
        words = control_words()
    except OSError:
        pass
libc = ctypes.CDLL(None)

def state():
    return {
        "MXCSR and FPU control word": words and words(),
        "rounding": (libc.fegetround(), float(np.float64(5e-324) * 3 / 2)),
        "signal handlers": [signal.getsignal(number) for number in sorted(signal.valid_signals())],
        "signal mask": signal.pthread_sigmask(signal.SIG_BLOCK, ()),
        "wakeup descriptor": signal.set_wakeup_fd(-1),
        "errstate": (np.geterr(), np.geterrcall(), np.getbufsize()),
        "environment": dict(os.environ),
        "warnings": list(warnings.filters),
        "random state": (str(random.getstate()), str(np.random.get_state())),
        "folder": (os.getcwd(), os.umask(os.umask(0o22)) and None),
        "Python": (sys.getswitchinterval(), sys.getrecursionlimit(), sys.excepthook, sys.unraisablehook,
                   threading.excepthook, sys.gettrace(), sys.getprofile(), gc.isenabled(), gc.get_threshold(),
                   list(sys.path), list(sys.path_hooks), list(sys.meta_path), locale.setlocale(locale.LC_ALL)),
        "printing": str(np.get_printoptions()),
        "limits": [resource.getrlimit(number) for number in range(16)],
        "affinity": os.sched_getaffinity(0),
        "priority": os.getpriority(os.PRIO_PROCESS, 0),
        "NumPy's memory": memory_handler(),
        "files": sorted(os.listdir("/proc/self/fd")),
    }

def memory_handler():
    core = np._core if np.lib.NumpyVersion(np.__version__) >= "2.0.0" else np.core
    return core.multiarray.get_handler_name()

def changed(before):
    now = state()
    return [name for name in before if now[name] != before[name]]

seen = {}
before = state()
import xcorr
assert not changed(before), f"import: {changed(before)}"
assert threading.active_count() == 1, "import: threads"
images, kernels = np.ones((8, 60, 60, 16), np.float32), np.ones((16, 3, 3, 16), np.float32)
large = np.full((5, 5), 2**62), np.full((3, 3), 2)
out, templates = np.empty((8, 58, 58, 16), np.float32), np.eye(3, dtype=np.float32)[None] * np.ones((4, 1, 1))
calls = {
    "plain": lambda **words: xcorr.correlate(images, kernels, **words),
    "out": lambda **words: xcorr.correlate(images, kernels, out=out, **words),
    "subnormal": lambda **words: xcorr.correlate(images * np.float32(1e-42), kernels, **words),
    "infinite": lambda **words: xcorr.correlate(images * np.inf, kernels, **words),
    "overflow": lambda **words: xcorr.correlate(*large),
    "float16": lambda **words: xcorr.correlate(images.astype("f2") * 100, kernels * 100, workers=2),
    "refused": lambda **words: xcorr.correlate(images, 1),
    "match": lambda **words: xcorr.match(images[..., 0], templates, layout="NHW", **words),
    "masked": lambda **words: xcorr.correlate(images, kernels, padding="same", mask="finite", normalize=True, **words),
    "reduced": lambda **words: xcorr.correlate(images, kernels, reduce=("max", "energy"), **words),
    "peaks": lambda **words: xcorr.correlate(images, kernels, reduce=xcorr.Peaks(3), **words),
    "prepared": lambda **words: xcorr.Correlator(kernels, **{"method": words["method"]})(images),
    "small": lambda **words: xcorr.correlate(images[0, :9, :9, 0], kernels[0, :, :, 0]),
    "large": lambda **words: xcorr.correlate(np.ones((1200, 1200), "f4"), kernels[0, :, :, 0]),
}
n_calls, wrong = 0, []
for name, call in calls.items():
    for method in ("direct", "matmul", "fft", "winograd"):
        for workers in (1, 3):
            n_calls += 1
            try:
                call(method=method, workers=workers)
            except (TypeError, ValueError, OverflowError):
                pass
            if changed(before):
                wrong.append(f"{name} by {method} with {workers} workers: {changed(before)}")
print(n_calls, "no control words" if words is None else "", sep="|")
assert not wrong, wrong[0]
"""


def process_state(seconds: float, seed: int) -> Outcome:
    ended = run_to_the_end(STATE, timeout=seconds + LONGEST_HANG)
    if ended.status != 0:
        return Outcome("something changed", 1, False, (told(0, "state", ended),))
    n_calls, missing = ended.printed.strip().split("|")
    remarks = ("MXCSR and the FPU control word cannot be read here",) if missing else ()
    return Outcome("0 changes", 1 + int(n_calls), True, remarks)


ROWS = [
    Row("R18", "subnormal taps, time beside normal ones", "<= 10 times", partial(subnormals, "taps tails one")),
    Row("R18-pixels", "subnormal pixels, time beside normal ones", "<= 10 times", partial(subnormals, "pixels")),
    Row("R18-state", "what belongs to the process, around import and calls", "0 changes", process_state),
]
