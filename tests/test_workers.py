"""How many workers, and what they never do: change a bit, hang after a fork, outlive an interrupt, leave a trace."""

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from checks import SEED, assert_equal, assert_same_bits, random_generator, real_numbers, whole_numbers

import xcorr
from xcorr import _workers

linux = pytest.mark.skipif(sys.platform != "linux", reason="needs Linux")
ONCE = 50_000_000  # multiply-adds that are worth more than 16 workers


@pytest.fixture(autouse=True)
def _default_workers(monkeypatch):
    """Nobody has said anything, before and after."""
    monkeypatch.delenv("XCORR_WORKERS", raising=False)
    yield
    xcorr.set_workers(None)


@pytest.fixture
def asked(monkeypatch):
    """The numbers of workers that calls were run by."""
    numbers = []
    run = _workers.run
    monkeypatch.setattr(_workers, "run", lambda call, n_workers: [numbers.append(n_workers), run(call, n_workers)])
    return numbers


def run_script(text, *arguments, timeout=30, **variables):
    """What a fresh interpreter with the same xcorr prints; exit status 0, silent stderr, no child outlives it."""
    folders = [str(Path(xcorr.__file__).parents[1]), *filter(None, sys.path)]
    process = subprocess.Popen(
        [sys.executable, "-c", text, *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        env=dict(os.environ, PYTHONPATH=os.pathsep.join(folders), **variables),
    )
    with process:
        try:
            printed, errors = process.communicate(timeout=timeout)
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
    assert (process.returncode, errors) == (0, "")
    return printed


# --- how many ---------------------------------------------------------------------------------------------------------


def test_set_workers_holds_as_a_function_until_none_resets_it():
    default = xcorr.get_workers()
    assert default == _workers.usable_cpus()
    for n in (1, 3, np.int64(16), 1000):
        xcorr.set_workers(n)
        assert xcorr.get_workers() == n
    xcorr.set_workers(-1)
    assert xcorr.get_workers() == _workers.usable_cpus()
    xcorr.set_workers(None)
    assert xcorr.get_workers() == default


def test_set_workers_holds_in_a_block_until_it_ends():
    xcorr.set_workers(5)
    with xcorr.set_workers(3):
        assert xcorr.get_workers() == 3
        with xcorr.set_workers(2):
            assert xcorr.get_workers() == 2
            with xcorr.set_workers(None):
                assert xcorr.get_workers() == _workers.usable_cpus()
            assert xcorr.get_workers() == 2
        assert xcorr.get_workers() == 3
        with pytest.raises(KeyError), xcorr.set_workers(7):
            raise KeyError
        assert xcorr.get_workers() == 3
    assert xcorr.get_workers() == 5


def test_set_workers_counts_for_all_threads():
    with xcorr.set_workers(3), ThreadPoolExecutor(1) as threads:
        assert threads.submit(xcorr.get_workers).result() == 3


@pytest.mark.parametrize("wrong", [0, -2, 2**70, True, 1.0, "2", [2], np.array([2])], ids=repr)
def test_a_wrong_number_of_workers_is_refused_and_changes_nothing(wrong):
    error = ValueError if type(wrong) is int else TypeError
    image = np.ones((4, 4))
    with xcorr.set_workers(3):
        with pytest.raises(error, match=r"^n: .*(got|would be) "):
            xcorr.set_workers(wrong)
        with pytest.raises(error, match=r"^workers: .*(got|would be) "):
            xcorr.correlate(image, image, workers=wrong)
        assert xcorr.get_workers() == 3


@pytest.mark.parametrize(("said", "n"), [("1", 1), ("7", 7), (" 3 ", 3), ("-1", None), ("", None), (" ", None)])
def test_the_environment_says_the_number_of_workers_unless_set_workers_does(monkeypatch, said, n):
    monkeypatch.setenv("XCORR_WORKERS", said)
    assert xcorr.get_workers() == (n or _workers.usable_cpus())
    with xcorr.set_workers(2):
        assert xcorr.get_workers() == 2


@pytest.mark.parametrize("said", ["0", "-2", "two", "1.5", "1e2", "0x2", "2,", str(2**70)])
def test_a_wrong_number_in_the_environment_is_named(monkeypatch, said):
    monkeypatch.setenv("XCORR_WORKERS", said)
    images, kernels = np.ones((1, 200, 200, 1), np.float32), np.ones((20, 5, 5, 1), np.float32)
    for call in (xcorr.get_workers, lambda: xcorr.correlate(images, kernels)):
        with pytest.raises(ValueError, match=rf"^XCORR_WORKERS: got '{said}'; allowed is "):
            call()
    assert xcorr.correlate(images, kernels, workers=2).max() == 25


@linux
def test_usable_cpus_follow_the_affinity():
    text = "import os, xcorr; os.sched_setaffinity(0, {min(os.sched_getaffinity(0))}); print(xcorr.get_workers())"
    assert run_script(text) == "1\n"
    assert run_script(text, XCORR_WORKERS="6") == "6\n"


def test_a_call_is_run_by_as_many_workers_as_it_is_told(asked):
    images, kernels = np.ones((64, 128, 128, 1), np.float32), np.ones((4, 5, 5, 1), np.float32)
    assert images.size * kernels.size > ONCE
    xcorr.correlate(images, kernels, workers=3)
    with xcorr.set_workers(5):
        xcorr.correlate(images, kernels)
        xcorr.correlate(images, kernels, workers=2)
    xcorr.correlate(images, kernels)
    xcorr.correlate(images[:1, :9, :9], kernels, workers=16)  # too little work to share
    assert asked == [3, 5, 2, _workers.usable_cpus(), 1]


def version_1(folder, quota, period):
    return {f"{folder}/cpu.cfs_quota_us": f"{quota}\n", f"{folder}/cpu.cfs_period_us": f"{period}\n"}


UNLIMITED = "max 100000\n"
GROUPS = {  # the files of the control groups, /proc/self/cgroup, and the CPUs that they grant
    "v2 without a limit": ({"cpu.max": UNLIMITED}, "0::/\n", None),
    "v2 whole": ({"cpu.max": "200000 100000\n"}, "0::/\n", 2),
    "v2 rounded up": ({"cpu.max": "250000 100000\n"}, "0::/\n", 3),
    "v2 less than one": ({"cpu.max": "1000 100000\n"}, "0::/\n", 1),
    "v2 nested": ({"a/b/cpu.max": "300000 100000\n"}, "0::/a/b\n", 3),
    "v2 nested, above": ({"a/b/cpu.max": UNLIMITED, "cpu.max": "400000 100000\n"}, "0::/a/b\n", 4),
    "v2 nested, between": ({"a/b/cpu.max": UNLIMITED, "a/cpu.max": "200000 100000\n"}, "0::/a/b\n", 2),
    "v2 nested, least": ({"a/b/cpu.max": "500000 100000\n", "cpu.max": "300000 100000\n"}, "0::/a/b\n", 3),
    "v2 of another": ({"b/cpu.max": "100000 100000\n"}, "0::/a\n", None),
    "v1": (version_1("cpu/a", 150000, 100000), "5:memory:/a\n4:cpu,cpuacct:/a\n", 2),
    "v1 seen from inside": (version_1("cpu", 150000, 50000), "4:cpuacct,cpu:/docker/0123\n0::/\n", 3),
    "v1 without a limit": (version_1("cpu/a", -1, 100000), "4:cpu:/a\n", None),
    "v1 of other resources": (version_1("cpu/a", 1, 1), "4:cpuset:/a\n", None),
    "no groups": ({}, "", None),
    "no folder": ({}, "0::/a\n", None),
    "malformed membership": ({"cpu.max": UNLIMITED}, "nonsense\n\n::\n0:\n", None),
    "malformed bytes in membership": ({"cpu.max": "200000 100000\n"}, b"1:name=x:/\xff\n0::/\n", 2),
    "malformed words": ({"cpu.max": "many few\n"}, "0::/\n", None),
    "malformed number": ({"cpu.max": "100000\n"}, "0::/\n", None),
    "malformed period": ({"cpu.max": "100000 0\n"}, "0::/\n", None),
    "malformed bytes": ({"cpu.max": b"\xff\xfe\n"}, "0::/\n", None),
    "empty": ({"cpu.max": ""}, "0::/\n", None),
}


@pytest.mark.parametrize(("files", "membership", "n_cpus"), GROUPS.values(), ids=GROUPS)
def test_the_quota_of_the_control_group_is_read(tmp_path, files, membership, n_cpus):
    root, proc = tmp_path / "cgroup", tmp_path / "membership"
    root.mkdir()
    for path, content in {proc: membership, **{root / name: content for name, content in files.items()}}.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    assert _workers.cgroup_quota(str(root), str(proc)) == n_cpus


def test_the_quota_is_none_where_there_are_no_control_groups(tmp_path):
    assert _workers.cgroup_quota(str(tmp_path / "none"), str(tmp_path / "neither")) is None


# --- the same bits ----------------------------------------------------------------------------------------------------

MANY_WORKERS = {  # calls with work enough for 16 workers
    "few-kernels": ((5, 300, 310, 1), (3, 11, 13, 1), "float32", {"padding": "same"}),
    "many-kernels": ((3, 60, 61, 16), (37, 5, 5, 16), "float32", {"padding": 1}),
    "depthwise": ((9, 150, 130, 19), (19, 5, 5, 1), "float64", {"groups": 19, "boundary": "wrap", "padding": 2}),
    "one-image": ((1, 400, 300, 2), (2, 12, 13, 2), "complex64", {"stride": (1, 2)}),
    "integers": ((5, 300, 310, 1), (3, 11, 13, 1), "uint8", {"padding": "full"}),
    "strip-a-row": ((1, 40, 40000, 1), (2, 5, 7, 1), "float32", {}),
}


@pytest.mark.usefixtures("level")
@pytest.mark.parametrize(("images", "kernels", "dtype", "keywords"), MANY_WORKERS.values(), ids=MANY_WORKERS)
def test_response_does_not_depend_on_the_number_of_workers(asked, images, kernels, dtype, keywords):
    rng = random_generator(images, kernels, dtype)
    numbers = whole_numbers if dtype == "uint8" else real_numbers
    images, kernels = numbers(rng, images, dtype), numbers(rng, kernels, dtype)
    alone = xcorr.correlate(images, kernels, workers=1, **keywords)
    for workers in range(2, 17):
        assert_same_bits(xcorr.correlate(images, kernels, workers=workers, **keywords), alone)
    assert asked == list(range(1, 17))


def test_response_is_the_same_where_no_thread_can_be_started(monkeypatch, asked):
    def refused(thread):
        raise RuntimeError("can't start new thread")

    images, kernels = (real_numbers(random_generator(), shape, "float32") for shape in ((64, 99, 9, 9), (9, 5, 5, 9)))
    expected = xcorr.correlate(images, kernels, workers=1)
    for n_started in (0, 2):
        monkeypatch.setattr(_workers, "_pool", _workers.Pool())
        with monkeypatch.context() as patch:
            xcorr.correlate(images, kernels, workers=n_started + 1)
            patch.setattr(threading.Thread, "start", refused)
            assert_same_bits(xcorr.correlate(images, kernels, workers=8), expected)
            assert _workers._pool.n_threads == n_started
        assert_same_bits(xcorr.correlate(images, kernels, workers=4), expected)
        assert _workers._pool.n_threads == 3
    assert asked == [1, 1, 8, 4, 3, 8, 4]


def mixed_calls():
    """Calls of every kind without their workers, and what each gives."""
    rng = random_generator("mixed")
    calls = []
    for dtype, largest in (("float32", 4), ("float64", 4), ("uint8", 4), ("complex64", 4), ("int64", 2**28)):
        for size, n_kernels in ((5, 1), (8, 9), (13, 3)):
            images = whole_numbers(rng, (2, size, size + 1, 2), dtype, largest)
            kernels = whole_numbers(rng, (n_kernels, 3, 2, 2), dtype, largest)
            for method in ("direct", "matmul"):
                calls.append((xcorr.correlate, (images, kernels), {"method": method, "padding": "same"}))
            calls.append((xcorr.Correlator(kernels, boundary="wrap", padding=1), (images,), {}))
    images, kernels = whole_numbers(rng, (2, 150, 150, 4), "float32"), whole_numbers(rng, (16, 5, 5, 4), "float32")
    calls.append((xcorr.correlate, (images, kernels), {}))
    return [(call, operands, keywords, call(*operands, **keywords)) for call, operands, keywords in calls]


def test_sixteen_threads_get_what_one_gets_with_matmul_beside():
    calls = mixed_calls()
    square = whole_numbers(random_generator("square"), (96, 96), "float32")
    expected = square @ square
    done = threading.Event()

    def multiply():
        products = 0
        while not done.is_set() or not products:
            assert_equal(square @ square, expected, "float32")
            products += 1

    def correlate(thread):
        rng = random_generator("thread", thread)
        for index in rng.integers(0, len(calls), 200):
            call, operands, keywords, response = calls[index]
            assert_same_bits(call(*operands, workers=(1, 2, 3, None)[rng.integers(4)], **keywords), response)

    with ThreadPoolExecutor(17) as threads:
        beside = threads.submit(multiply)
        try:
            list(threads.map(correlate, range(16), timeout=60))
        finally:
            done.set()
        beside.result(timeout=10)


# --- errors, and other threads ----------------------------------------------------------------------------------------


class FakeCall:
    """A call whose helpers, or whose calling thread, raise; the others compute until they are cancelled."""

    workspace_bytes = 64
    n_tasks = 100

    def __init__(self, helper_raises):
        self.helper_raises = helper_raises
        self.inside = threading.Barrier(4, timeout=10)
        self.cancelled = threading.Event()
        self.n_left = 0

    def run(self, workspace, watch_signals):
        self.inside.wait()
        if watch_signals != self.helper_raises:
            raise ZeroDivisionError("inside")
        assert self.cancelled.wait(10)
        self.n_left += 1

    def cancel(self):
        self.cancelled.set()


@pytest.mark.parametrize("helper_raises", [True, False], ids=["helper", "calling-thread"])
def test_an_exception_of_any_worker_reaches_the_caller_and_ends_the_others(helper_raises):
    call = FakeCall(helper_raises)
    with pytest.raises(ZeroDivisionError, match="inside"):
        _workers.run(call, 4)
    assert call.n_left == (1 if helper_raises else 3)


@pytest.mark.parametrize(
    ("n_images", "dtype", "largest", "method"),
    [
        (40, "float32", 4, "direct"),
        (3, "float32", 4, "matmul"),
        (40, "uint8", 4, "direct"),
        (4, "int64", 2**27, "auto"),
    ],
)
def test_other_threads_go_on_while_a_call_computes(n_images, dtype, largest, method):
    rng = random_generator(dtype)
    image, kernels = (whole_numbers(rng, (n, size, size, 3), dtype, largest) for n, size in ((1, 256), (2, 7)))
    images = np.broadcast_to(image, (n_images, *image.shape[1:]))
    done, moments = threading.Event(), []

    def tick():
        while not done.wait(0.001):
            moments.append(time.monotonic())

    with ThreadPoolExecutor(1) as threads:
        threads.submit(tick)
        begin = time.monotonic()
        try:
            response = xcorr.correlate(images, kernels, method=method, workers=1)
        finally:
            done.set()
        end = time.monotonic()
    gaps = np.diff([begin, *(moment for moment in moments if begin < moment < end), end])
    assert gaps.max() < max(0.1, (end - begin) / 4)
    assert_same_bits(response[-1:], xcorr.correlate(image, kernels, method=method, workers=2))


# --- forks, the end of the process, interrupts ------------------------------------------------------------------------

CALLS = """
import atexit, concurrent.futures, ctypes, multiprocessing, os, signal, sys, threading, time
import numpy as np
import xcorr

images = (np.arange(8 * 60 * 60 * 3).reshape(8, 60, 60, 3) % 13 - 6).astype(np.float32)
kernels = (np.arange(9 * 5 * 5 * 3).reshape(9, 5, 5, 3) % 7 - 3).astype(np.float32)
calls = {"direct": (images, kernels), "matmul": (images, kernels),
         "integers": (images.astype(np.int64) << 36, kernels.astype(np.int64) << 14)}
names = {"direct": "direct", "matmul": "matmul", "integers": "auto"}
expected = {name: xcorr.correlate(*calls[name], method=names[name], workers=2) for name in calls}

def right(name, workers):
    return np.array_equal(xcorr.correlate(*calls[name], method=names[name], workers=workers), expected[name])

def keep_calling(name, workers):
    while True:
        right(name, workers)
"""


@linux
@pytest.mark.parametrize("beside", ["nothing", "direct", "matmul", "integers"])
def test_a_forked_child_computes_the_same_after_and_during_use(beside):
    text = """
if sys.argv[1] != "nothing":
    threading.Thread(target=keep_calling, args=(sys.argv[1], 2), daemon=True).start()
for workers in range(1, 9):
    time.sleep(0.002 * workers)
    child = os.fork()
    if child == 0:
        signal.alarm(10)
        os._exit(0 if all(right(name, workers) for name in calls) else 1)
    print(os.waitpid(child, 0)[1], right("direct", 2))
"""
    assert run_script(CALLS + text, beside, PYTHONWARNINGS="ignore::DeprecationWarning") == "0 True\n" * 8


@linux
def test_a_child_forked_while_a_correlator_packs_computes_the_same():
    text = """
from xcorr._bank import Bank
corr, pack, packing = xcorr.Correlator(kernels), Bank.pack, threading.Event()
Bank.pack = lambda *operands: [packing.set(), time.sleep(0.5), pack(*operands)][2]
thread = threading.Thread(target=corr, args=(images,))
thread.start()
packing.wait()
if os.fork() == 0:
    signal.alarm(5)
    os._exit(0 if np.array_equal(corr(images), expected["direct"]) else 1)
print(os.wait()[1], np.array_equal(corr(images), expected["direct"]))
"""
    assert run_script(CALLS + text, PYTHONWARNINGS="ignore::DeprecationWarning") == "0 True\n"


@linux
@pytest.mark.parametrize("start", ["fork", "spawn", "forkserver"])
def test_processes_of_multiprocessing_compute_the_same(start):
    text = """
context = multiprocessing.get_context(sys.argv[1])
with concurrent.futures.ProcessPoolExecutor(2, context) as processes:
    for workers in (1, 4):
        responses = processes.map(xcorr.Correlator(kernels), [images] * 4)
        print(all(np.array_equal(response, expected["direct"]) for response in responses), right("direct", workers))
"""
    assert run_script(CALLS + text, start, PYTHONWARNINGS="ignore::DeprecationWarning") == "True True\n" * 2


@pytest.mark.parametrize(("name", "workers"), [("direct", 1), ("direct", 2), ("matmul", 1), ("integers", 1)])
def test_the_interpreter_ends_silently_with_a_call_in_flight(name, workers):
    text = """
atexit.register(lambda: print(right(sys.argv[1], 16)))
threading.Thread(target=keep_calling, args=(sys.argv[1], int(sys.argv[2])), daemon=True).start()
time.sleep(0.2)
"""
    assert run_script(CALLS + text, name, workers) == "True\n"


LONG_CALLS = {  # images, kernels, their dtype, the images' value, method, workers: seconds of work at least
    "direct-1": ((1000, 256, 256, 3), (8, 17, 17, 3), "f4", 1, "direct", 1),
    "direct-2": ((1000, 256, 256, 3), (8, 17, 17, 3), "f4", 1, "direct", 2),
    "matmul-1": ((1000, 256, 256, 3), (8, 17, 17, 3), "f4", 1, "matmul", 1),
    "matmul-2": ((1000, 256, 256, 3), (8, 17, 17, 3), "f4", 1, "matmul", 2),
    "integers-1": ((500, 256, 256, 3), (2, 9, 9, 3), "i8", 2**53, "auto", 1),
    "integers-2": ((500, 256, 256, 3), (2, 9, 9, 3), "i8", 2**53, "auto", 2),
    "integers-many-kernels": ((6, 256, 256, 1), (1000, 1, 1, 1), "i8", 2**60, "auto", 1),
    "large-kernels-1": ((1, 4096, 4096, 1), (4, 512, 512, 1), "f8", 1, "direct", 1),
    "large-kernels-2": ((1, 4096, 4096, 1), (4, 512, 512, 1), "f8", 1, "direct", 2),
    "one-row": ((1, 1, 1_000_000, 1), (4, 1, 8001, 1), "f4", 1, "direct", 1),
}


@linux
@pytest.mark.parametrize("call", LONG_CALLS)
def test_an_interrupt_is_answered_at_once(call, capsys):
    text = """
image_shape, kernel_shape, dtype, value, method, workers = eval(sys.argv[1])
images = np.broadcast_to(np.full(image_shape[1:], value, dtype), image_shape)
kernels = np.ones(kernel_shape, dtype)
signal.signal(signal.SIGINT, signal.default_int_handler)
if os.fork() == 0:
    time.sleep(0.3)
    print(time.monotonic(), flush=True)
    os.kill(os.getppid(), signal.SIGINT)
    os._exit(0)
try:
    xcorr.correlate(images, kernels, method=method, workers=workers)
except KeyboardInterrupt:
    print(time.monotonic())
time.sleep(0.1)
before = time.process_time()
time.sleep(0.2)
print(time.process_time() - before)
print(all(right(name, workers) for name in calls))
"""
    printed = run_script(CALLS + text, LONG_CALLS[call], PYTHONWARNINGS="ignore::DeprecationWarning").split()
    assert len(printed) == 4, "the call was not interrupted"
    sent, caught, computed = map(float, printed[:3])
    with capsys.disabled():
        print(f" [{call}: interrupt answered within {caught - sent:.3f} s]", end="")
    assert printed[3] == "True"
    assert computed < 0.05
    assert caught - sent <= 0.5  # 0.25 s are promised; the rest is for a busy machine


@linux
def test_interrupts_at_any_moment_leave_everything_in_order():
    text = """
class Stop(Exception):
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
    assert run_script(CALLS + text, SEED) == "True True\n"


@linux
def test_import_and_calls_leave_the_process_as_it_was():
    text = """
import ctypes, os, signal, sys, threading, warnings
import numpy as np

def state():
    return (dict(os.environ), [signal.getsignal(number) for number in signal.valid_signals()], np.geterr(),
            np.geterrcall(), np.get_printoptions(), str(np.random.get_state()), ctypes.CDLL(None).fegetround(),
            ctypes.CDLL(None).fegetexcept(), np.float64(5e-324) * 3 / 2, sys.getswitchinterval(), os.getcwd(),
            sys.getrecursionlimit(), list(warnings.filters), threading.active_count(), sys.excepthook, os.umask(0o22))

os.umask(0o22)
before = state()
import xcorr
print(state() == before)
"""
    text += (
        CALLS
        + """
before = before[:13] + (threading.active_count(),) + before[14:]
calls["wrong"], calls["overflow"] = (images, kernels[0]), (images.astype(np.int64) << 59, kernels.astype(np.int64))
for name in calls:
    try:
        right(name, 2)
    except (ValueError, KeyError, OverflowError):
        pass
print(state() == before)
"""
    )
    assert run_script(text) == "True\nTrue\n"
