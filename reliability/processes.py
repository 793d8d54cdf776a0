"""R15 to R17: forks, threads and interrupts."""

import time
from collections.abc import Iterable, Iterator

import numpy as np
from interrupts import INTERRUPT, LONG_CALLS
from rows import SHORT, Outcome, Row
from scripts import CALLS, FORK_INSIDE, Ended, run_to_the_end

LONGEST_HANG = 30

FORKED_BESIDE = ("nothing", "direct", "matmul", "fft", "winograd", "auto", "match", "masked", "reduced", "peaks")
"""What goes on in other threads while a process forks."""


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
    same = all(right(name, workers) for name in expected)
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
    scores = list(processes.map(xcorr.Matcher(templates, layout="NHW"), [planes] * 8))
assert all(np.array_equal(response, expected["direct"]) for response in responses)
assert all(np.array_equal(score, expected["match"]) for score in scores)
assert right("auto", 4)
"""


def forks(seconds: float, seed: int) -> Outcome:
    deadline, remarks, n_processes = time.monotonic() + seconds, [], 0
    kinds = [("fork beside", FORK, beside) for beside in FORKED_BESIDE]
    kinds += [("fork inside, the handler", FORK_INSIDE, then) for then in ("goes on", "raises")]
    kinds += [("multiprocessing", MULTIPROCESSING, start) for start in ("fork", "spawn", "forkserver")]
    for index in until(deadline, 4 if seconds <= SHORT else len(kinds)):
        what, text, kind = kinds[(seed + index) % len(kinds)]
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
matcher = xcorr.Matcher(templates, layout="NHW")
product, done, wrong = square @ square, threading.Event(), []

def multiply():
    while not done.is_set():
        if not np.array_equal(square @ square, product):
            wrong.append("the product beside")

def correlate(thread):
    rng = np.random.default_rng([seed, thread])
    for index in range(200):
        name, kind, workers = rng.choice(list(calls)), rng.integers(6), (1, 2, 3, 8, None)[rng.integers(5)]
        if kind == 0:
            same = right(name, workers)
        elif kind == 1:
            same = np.array_equal(prepared[name](calls[name][0], workers=workers), padded[name])
        elif kind == 2:
            out = np.empty_like(expected[name])
            xcorr.correlate(*calls[name], method=name, workers=workers, out=out)
            same = np.array_equal(out, expected[name])
        elif kind == 3:
            name = rng.choice(list(others))
            same = right(name, workers)
        elif kind == 4:
            same = np.array_equal(matcher(planes, workers=workers), expected["match"])
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
outs = {name: np.empty_like(expected[name]) for name in expected}

class Stop(BaseException):
    pass

def stop(number, frame):
    if armed:
        raise Stop

signal.signal(signal.SIGALRM, stop)
deadline, index = time.monotonic() + float(sys.argv[3]), 0
while time.monotonic() < deadline:
    index += 1
    name, workers = rng.choice(list(expected)), int(rng.integers(1, 17))
    try:
        try:
            armed = True
            signal.setitimer(signal.ITIMER_REAL, 0.00005 + rng.exponential(0.005), rng.uniform(0.0002, 0.001))
            answer(name, workers, out=outs[name])
        finally:
            armed = False
    except Stop:
        stopped += 1
        outs[name][...] = np.zeros((), outs[name].dtype)
        for _ in range(1000):
            pass
        assert not any(outs[name].tobytes()), f"call {index}, {name}, {workers} workers: somebody wrote after it"
    else:
        assert outs[name].tobytes() == expected[name].tobytes(), f"call {index}, {name}, {workers} workers: wrong"
signal.setitimer(signal.ITIMER_REAL, 0)
assert all(right(name, workers) for name in expected for workers in (1, 2, 16))
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
]
