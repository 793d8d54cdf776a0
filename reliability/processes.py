"""R15 to R18: forks, threads, interrupts, and the process as it was."""

import time
from collections.abc import Iterable, Iterator
from functools import partial
from pathlib import Path

import numpy as np
from rows import Outcome, Row
from scripts import CALLS, FORK_INSIDE, INTERRUPT, LONG_CALLS, Ended, run_to_the_end

LONGEST_HANG = 30


def until(deadline: float, least: int = 1, most: float = float("inf")) -> Iterator[int]:
    """Indices from 0 on, until the time has come; but at least and at most so many."""
    index = 0
    while index < least or (index < most and time.monotonic() < deadline):
        yield index
        index += 1


def told(index: int, what: str, ended: Ended) -> str:
    """A remark on a script that did not end as it had to."""
    how = "it hung" if ended.status is None else f"status {ended.status}"
    last = (ended.errors.strip() or ended.printed.strip()).splitlines()[-1:]
    return f"case {index}, {what}: {how}{''.join(': ' + line for line in last)}"


def largest(runs: Iterable[tuple[str, Ended, float]], unit: str) -> Outcome:
    """The largest of what scripts printed: each one's name, how it ended, and the most that its number may be."""
    remarks, most, most_name, n_runs = [], 0.0, "", 0
    for name, ended, bound in runs:
        n_runs += 1
        if ended.status != 0:
            remarks.append(told(n_runs - 1, name, ended))
            continue
        most, most_name = max((most, most_name), (float(ended.printed), name))
        if float(ended.printed) > bound:
            remarks.append(f"case {n_runs - 1}, {name}: {float(ended.printed):.1f} {unit}")
    return Outcome(f"{most:.1f} {unit} at most ({most_name})", n_runs, not remarks, tuple(remarks))


# --- R15 --------------------------------------------------------------------------------------------------------------

FORK = """
beside, seed = sys.argv[1], int(sys.argv[2])
rng = np.random.default_rng(seed)
if beside != "nothing":
    for _ in range(2):
        threading.Thread(target=keep_calling, args=(beside, 2), daemon=True).start()

def alone(workers):
    "Whether a child's calls are right, and helped with by threads of its own."
    same = all(right(name, workers) for name in calls)
    return same and (workers > 1) == (xcorr._workers._pool.n_threads > 0)

for workers in range(1, 9):
    time.sleep(rng.uniform(0, 0.01))
    child = os.fork()
    if child == 0:
        signal.alarm(10)
        if workers % 4 == 0 and os.fork() == 0:  # a grandchild
            os._exit(not alone(workers))
        own = alone(workers)
        os._exit(not own or (workers % 4 == 0 and os.wait()[1] != 0))
    assert os.waitpid(child, 0)[1] == 0, f"the child with {workers} workers"
    assert right("direct", workers), f"the parent with {workers} workers"
"""

MULTIPROCESSING = """
context = multiprocessing.get_context(sys.argv[1])
with concurrent.futures.ProcessPoolExecutor(2, context) as processes:
    responses = list(processes.map(xcorr.Correlator(kernels), [images] * 8))
assert all(np.array_equal(response, expected["direct"]) for response in responses)
assert right("auto", 4)
"""


def forks(seconds: float, seed: int) -> Outcome:
    deadline, remarks, n_processes = time.monotonic() + seconds, [], 0
    kinds = [("fork beside", FORK, beside) for beside in ("nothing", "direct", "matmul", "fft", "winograd", "auto")]
    kinds += [("fork inside, the handler", FORK_INSIDE, then) for then in ("goes on", "raises")]
    kinds += [("multiprocessing", MULTIPROCESSING, start) for start in ("fork", "spawn", "forkserver")]
    for index in until(deadline, len(kinds)):
        what, text, kind = kinds[index % len(kinds)]
        ended = run_to_the_end(CALLS + text, kind, seed + index, timeout=LONGEST_HANG)
        n_processes += {FORK: 10, FORK_INSIDE: 1, MULTIPROCESSING: 2}[text]
        if ended.status != 0:
            remarks.append(told(index, f"{what} {kind}", ended))
    return Outcome(f"{len(remarks)} hangs or wrong responses", n_processes, not remarks, tuple(remarks))


# --- R16 --------------------------------------------------------------------------------------------------------------

THREADS = """
seed = int(sys.argv[1])
rng = np.random.default_rng(seed)
calls["auto"], expected["auto"] = [operand[:2] for operand in calls["auto"]], expected["auto"][:2, :, :, :2]
prepared, padded = {}, {}
for name in calls:
    prepared[name] = xcorr.Correlator(calls[name][1], method=name, padding="same", boundary="reflect")
    padded[name] = prepared[name](calls[name][0], workers=1)
small = images[0, :9, :9, 0].copy(), kernels[0, :, :, 0].copy()
small_response = xcorr.correlate(*small, workers=1)
square = rng.integers(-4, 5, (96, 96)).astype("f4")
product, done, wrong = square @ square, threading.Event(), []

def multiply():
    while not done.is_set():
        if not np.array_equal(square @ square, product):
            wrong.append("the product beside")

def correlate(thread):
    rng = np.random.default_rng([seed, thread])
    for index in range(200):
        name, kind, workers = rng.choice(list(calls)), rng.integers(4), (1, 2, 3, 8, None)[rng.integers(5)]
        if kind == 0:
            same = right(name, workers)
        elif kind == 1:
            same = np.array_equal(prepared[name](calls[name][0], workers=workers), padded[name])
        elif kind == 2:
            out = np.empty_like(expected[name])
            xcorr.correlate(*calls[name], method=name, workers=workers, out=out)
            same = np.array_equal(out, expected[name])
        else:
            same = np.array_equal(xcorr.correlate(*small), small_response)
        if not same:
            wrong.append(f"thread {thread}, call {index}: {name}, kind {kind}, workers {workers}")

beside = threading.Thread(target=multiply)
beside.start()
threads = [threading.Thread(target=correlate, args=(thread,)) for thread in range(16)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
done.set()
beside.join()
assert not wrong, wrong[0]
"""


def threads(seconds: float, seed: int) -> Outcome:
    deadline, remarks = time.monotonic() + seconds, []
    for index in until(deadline):
        ended = run_to_the_end(CALLS + THREADS, seed + index, timeout=10 * LONGEST_HANG)
        if ended.status != 0:
            remarks.append(told(index, f"seed {seed + index}", ended))
    return Outcome(f"{len(remarks)} runs with differences", 3200 * (index + 1), not remarks, tuple(remarks))


# --- R17 --------------------------------------------------------------------------------------------------------------


def interrupts(seconds: float, seed: int) -> Outcome:
    """The delays are drawn: the signal meets every part of a call. So is the order: short runs take other calls."""
    rng = np.random.default_rng(seed)
    deadline, remarks, slowest, slowest_name = time.monotonic() + seconds, [], 0.0, ""
    names = [(name, workers) for name in LONG_CALLS for workers in (1, 2)]
    drawn = rng.permutation(len(names))
    for index in until(deadline, len(names) if seconds > 5 else 4):
        name, workers = names[drawn[index % len(names)]]
        delay = round(rng.uniform(0.01, 0.6), 3)
        ended = run_to_the_end(CALLS + INTERRUPT, ({name: LONG_CALLS[name]}, workers, delay), timeout=LONGEST_HANG)
        what = f"{name}, {workers} workers, after {delay} s"
        printed = ended.printed.split()
        if ended.status != 0 or len(printed) != 4:
            remarks.append(told(index, what, ended))
            continue
        answered, computed = float(printed[1]), float(printed[2])
        if answered > slowest:
            slowest, slowest_name = answered, what
        if not 0 <= answered <= 0.25:
            remarks.append(f"case {index}, {what}: answered after {answered:.3f} s")
        if computed > 0.05:
            remarks.append(f"case {index}, {what}: {computed:.2f} s were computed after it")
        if printed[3] != "True":
            remarks.append(f"case {index}, {what}: the next call was wrong")
    figure = f"{slowest:.3f} s at most ({slowest_name})"
    return Outcome(figure, index + 1, not remarks, tuple(remarks))


STORM = """
sys.unraisablehook = lambda error: None  # a handler may come where Python can only print
rng, armed, stopped = np.random.default_rng(int(sys.argv[1])), False, 0
if sys.argv[2] == "one":
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
outs = {name: np.empty_like(expected[name]) for name in calls}

class Stop(BaseException):
    pass

def stop(number, frame):
    if armed:
        raise Stop

signal.signal(signal.SIGALRM, stop)
deadline, index = time.monotonic() + float(sys.argv[3]), 0
while time.monotonic() < deadline:
    index += 1
    name, workers = rng.choice(list(calls)), int(rng.integers(1, 17))
    try:
        try:
            armed = True
            signal.setitimer(signal.ITIMER_REAL, 0.00005 + rng.exponential(0.005), rng.uniform(0.0002, 0.001))
            xcorr.correlate(*calls[name], method=name, workers=workers, out=outs[name])
        finally:
            armed = False
    except Stop:
        stopped += 1
        outs[name][...] = 0
        for _ in range(1000):
            pass
        assert not outs[name].any(), f"call {index}, {name}, {workers} workers: somebody wrote after it"
    else:
        assert np.array_equal(outs[name], expected[name]), f"call {index}, {name}, {workers} workers: wrong"
signal.setitimer(signal.ITIMER_REAL, 0)
assert all(right(name, workers) for name in calls for workers in (1, 2, 16))
print(index, stopped)
"""


def storms(seconds: float, seed: int) -> Outcome:
    remarks, n_calls, n_stopped = [], 0, 0
    for index, cpus in enumerate(("all", "one")):
        ended = run_to_the_end(CALLS + STORM, seed, cpus, seconds / 2, timeout=seconds / 2 + LONGEST_HANG)
        if ended.status != 0:
            remarks.append(told(index, f"{cpus} CPUs", ended))
            continue
        calls, stopped = map(int, ended.printed.split())
        n_calls, n_stopped = n_calls + calls, n_stopped + stopped
    return Outcome(f"{len(remarks)} hangs or late writes, {n_stopped} stops", n_calls, not remarks, tuple(remarks))


# --- R18 --------------------------------------------------------------------------------------------------------------

SUBNORMAL = """
import itertools
text, seconds, seed = sys.argv[1], float(sys.argv[2]), int(sys.argv[3])
rng = np.random.default_rng(seed)
image_shape, kernel_shape, dtype, keywords = eval(text)
which = sys.argv[4].split()
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
        response = xcorr.correlate(*pair, workers=1, **keywords)
        best[name] = min(best[name], time.perf_counter() - begin)
    assert response.any(), "the subnormal numbers were taken as zeros"
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
out = np.empty((8, 58, 58, 16), np.float32)
calls = {
    "plain": lambda **words: xcorr.correlate(images, kernels, **words),
    "out": lambda **words: xcorr.correlate(images, kernels, out=out, **words),
    "subnormal": lambda **words: xcorr.correlate(images * np.float32(1e-42), kernels, **words),
    "infinite": lambda **words: xcorr.correlate(images * np.inf, kernels, **words),
    "overflow": lambda **words: xcorr.correlate(*large),
    "float16": lambda **words: xcorr.correlate(images.astype("f2") * 100, kernels * 100, workers=2),
    "refused": lambda **words: xcorr.correlate(images, 1),
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
    Row(
        "R15",
        "forks after, during and inside of use, 1 to 8 workers; multiprocessing by fork, spawn, forkserver",
        "0 hangs",
        forks,
    ),
    Row("R16", "16 threads of 200 mixed calls, with matmul beside", "equal to serial", threads),
    Row("R17", "Ctrl-C at any moment of long calls, every method", "<= 0.25 s, nobody goes on, next right", interrupts),
    Row("R17-storm", "storms of signals, 1 to 16 workers, all CPUs and one", "0 hangs, 0 late writes", storms),
    Row("R18", "subnormal taps, time beside normal ones", "<= 10 times", partial(subnormals, "taps tails one")),
    Row("R18-pixels", "subnormal pixels, time beside normal ones", "<= 10 times", partial(subnormals, "pixels")),
    Row("R18-state", "what belongs to the process, around import and calls", "0 changes", process_state),
]
