"""How many workers do a call, that they never change a bit, and what they do with errors and other threads."""

import os
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from checks import assert_equal, assert_same_bits, random_generator, real_numbers, whole_numbers
from looping import drawn
from marks import linux
from scripts import run_script

import xcorr
from xcorr import _job, _workers
from xcorr._engine import Preparation, go_on


@pytest.fixture(autouse=True)
def _default_workers(monkeypatch):
    """Nobody has said anything, before and after."""
    monkeypatch.delenv("XCORR_WORKERS", raising=False)
    yield
    xcorr.set_workers(None)


@pytest.fixture
def asked(monkeypatch):
    """The numbers of workers that calls were run by; kernels are prepared before."""
    numbers, run = [], _workers.run

    def counted(call, n_workers):
        if not isinstance(call, Preparation):
            numbers.append(n_workers)
        run(call, n_workers)

    monkeypatch.setattr(_workers, "run", counted)
    return numbers


# --- how many ---------------------------------------------------------------------------------------------------------


def test_set_workers_holds_as_a_function_until_none_resets_it():
    assert xcorr.get_workers() == _workers.usable_cpus()
    for n in (1, 3, np.int64(16), 1000, -1, 2, None):
        xcorr.set_workers(n)
        assert xcorr.get_workers() == (_workers.usable_cpus() if n in (-1, None) else n)


def test_set_workers_holds_in_a_block_and_for_all_threads():
    xcorr.set_workers(5)
    with xcorr.set_workers(3), ThreadPoolExecutor(1) as threads:
        with xcorr.set_workers(2):
            assert threads.submit(xcorr.get_workers).result() == 2
            with xcorr.set_workers(None):
                assert xcorr.get_workers() == _workers.usable_cpus()
            assert xcorr.get_workers() == 2
        with pytest.raises(KeyError), xcorr.set_workers(7):
            raise KeyError
        assert xcorr.get_workers() == 3
    assert xcorr.get_workers() == 5


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


def test_a_call_is_run_by_as_many_workers_as_it_is_told(monkeypatch, asked):
    monkeypatch.setattr(_workers, "usable_cpus", lambda: 7)
    images, kernels = np.ones((64, 128, 128, 1), np.float32), np.ones((4, 5, 5, 1), np.float32)
    xcorr.correlate(images, kernels, workers=3)
    with xcorr.set_workers(5):
        xcorr.correlate(images, kernels)
        xcorr.correlate(images, kernels, workers=2)
    xcorr.correlate(images, kernels)
    xcorr.correlate(images[:1, :9, :9], kernels, workers=16)  # too little work to share
    assert asked == [3, 5, 2, 7, 1]


def version_1(folder, quota, period):
    return {f"{folder}/cpu.cfs_quota_us": f"{quota}\n", f"{folder}/cpu.cfs_period_us": f"{period}\n"}


UNLIMITED = "max 100000\n"
GROUPS = {  # the files of the control groups, /proc/self/cgroup, and the CPUs that they grant
    "v2 without a limit": ({"cpu.max": UNLIMITED}, "0::/\n", None),
    "v2 rounded up": ({"cpu.max": "250000 100000\n"}, "0::/\n", 3),
    "v2 less than one": ({"cpu.max": "1000 100000\n"}, "0::/\n", 1),
    "v2 nested": ({"a/b/cpu.max": "300000 100000\n"}, "0::/a/b\n", 3),
    "v2 nested, between": ({"a/b/cpu.max": UNLIMITED, "a/cpu.max": "200000 100000\n"}, "0::/a/b\n", 2),
    "v2 nested, least": ({"a/b/cpu.max": "500000 100000\n", "cpu.max": "300000 100000\n"}, "0::/a/b\n", 3),
    "v2 of another": ({"b/cpu.max": "100000 100000\n"}, "0::/a\n", None),
    "v1": (version_1("cpu/a", 150000, 100000), "5:memory:/a\n4:cpu,cpuacct:/a\n", 2),
    "v1 seen from inside": (version_1("cpu", 150000, 50000), "4:cpuacct,cpu:/docker/0123\n0::/\n", 3),
    "v1 without a limit": (version_1("cpu/a", -1, 100000), "4:cpu:/a\n", None),
    "v1 of other resources": (version_1("cpu/a", 1, 1), "4:cpuset:/a\n", None),
    "no groups": ({}, "", None),
    "malformed membership": ({"cpu.max": UNLIMITED}, "nonsense\n\n::\n0:\n", None),
    "malformed bytes in membership": ({"cpu.max": "200000 100000\n"}, b"1:name=x:/\xff\n0::/\n", 2),
    "malformed words": ({"cpu.max": "many few\n"}, "0::/\n", None),
    "malformed period": ({"cpu.max": "100000 0\n"}, "0::/\n", None),
    "malformed bytes": ({"cpu.max": b"\xff\xfe\n"}, "0::/\n", None),
    "empty": ({"cpu.max": ""}, "0::/\n", None),
}


@pytest.mark.parametrize(("files", "membership", "n_cpus"), GROUPS.values(), ids=GROUPS)
def test_the_quota_of_the_control_group_is_read(tmp_path, files, membership, n_cpus):
    root, proc = tmp_path / "cgroup", tmp_path / "membership"
    for path, content in [(proc, membership), *((root / name, content) for name, content in files.items())]:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    assert _workers.cgroup_quota(str(root), str(proc)) == n_cpus
    assert _workers.cgroup_quota(str(root), str(tmp_path / "none")) is None


def test_what_winograd_multiplies_less_is_not_counted_for_the_workers(asked):
    images, kernels = np.ones((3, 10, 10, 64), np.float32), np.ones((64, 3, 3, 64), np.float32)
    multiply_adds = 3 * 8 * 8 * 64 * 9 * 64
    assert 2 * _job.MULTIPLY_ADDS_PER_WORKER < multiply_adds < 2 * _job.MULTIPLY_ADDS_PER_WORKER * 36 // 16
    for method in ("winograd", "direct"):
        xcorr.correlate(images, kernels, method=method, workers=2)
    assert asked == [1, 2]


def test_depthwise_layers_count_twice_for_the_workers(asked):
    images, kernels = np.ones((2, 40, 40, 64), np.float32), np.ones((64, 3, 3, 1), np.float32)
    multiply_adds = 2 * 38 * 38 * 64 * 9
    assert _job.OF_REPEATED < multiply_adds < 2 * _job.OF_REPEATED
    xcorr.correlate(images, kernels, groups=64, method="direct", workers=2)
    xcorr.correlate(images[..., :1], np.ones((64, 3, 3, 1), np.float32), method="direct", workers=2)
    assert asked == [2, 1]


def test_fewer_workers_do_a_call_whose_workspaces_would_be_too_many(monkeypatch):
    rng = random_generator("workspaces")
    images, kernels = real_numbers(rng, (1, 64, 4096, 8), "f4"), real_numbers(rng, (8, 3, 3, 8), "f4")
    expected = xcorr.correlate(images, kernels, padding="same", workers=1)
    started, run = [], _workers.run
    monkeypatch.setattr(_workers, "run", lambda call, n_workers: (started.append(n_workers), run(call, n_workers)))

    def respond(limit):
        monkeypatch.setattr(_workers, "WORKSPACE_LIMIT", limit)
        return xcorr.correlate(images, kernels, padding="same", workers=2)

    least = 2**18  # what a row of responses takes, by the level
    while True:
        try:
            respond(least)
        except MemoryError:
            least += least // 8
        else:
            break
    for limit, n_workers in ((least * 5 // 2, 2), (least * 3 // 2, 1)):
        assert_same_bits(respond(limit), expected)
        assert started.pop() == n_workers
    with pytest.raises(MemoryError, match="^images: "):
        respond(least * 3 // 4)


def test_cpus_are_counted_where_there_is_no_affinity(monkeypatch):
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    monkeypatch.setattr(_workers, "cgroup_quota", lambda: None)
    monkeypatch.setattr(os, "cpu_count", lambda: 5)
    assert _workers.usable_cpus() == 5
    monkeypatch.setattr(os, "cpu_count", lambda: None)
    assert _workers.usable_cpus() == 1


# --- the same bits ----------------------------------------------------------------------------------------------------

MANY_WORKERS = {  # calls with work enough for 16 workers
    "few-kernels": ((5, 300, 310, 1), (3, 11, 13, 1), "float32", {"padding": "same"}),
    "many-kernels": ((3, 60, 61, 16), (37, 5, 5, 16), "float32", {"padding": 1}),
    "depthwise": ((9, 150, 130, 19), (19, 5, 5, 1), "float64", {"groups": 19, "boundary": "wrap", "padding": 2}),
    "one-image": ((1, 400, 300, 2), (2, 12, 13, 2), "complex64", {"stride": (1, 2), "method": "direct"}),
    "fft": ((2, 500, 460, 1), (48, 31, 35, 1), "float32", {"method": "fft"}),
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
    some = [2, 3, *(n for (n,) in drawn(4, range(4, 16))), 16]
    for workers in some:
        assert_same_bits(xcorr.correlate(images, kernels, workers=workers, **keywords), alone)
    assert asked == [1, *some]


@pytest.mark.parametrize("n_started", [0, 2])
def test_response_is_the_same_where_no_thread_can_be_started(monkeypatch, asked, n_started):
    images, kernels = (real_numbers(random_generator(), shape, "float32") for shape in ((64, 99, 9, 9), (9, 5, 5, 9)))
    monkeypatch.setattr(_workers, "_pool", _workers.Pool())
    expected = xcorr.correlate(images, kernels, workers=n_started + 1)
    before = threading.stack_size(2**47)  # more than there are addresses
    try:
        assert_same_bits(xcorr.correlate(images, kernels, workers=8), expected)
    finally:
        threading.stack_size(before)
    assert _workers._pool.n_threads == n_started
    assert_same_bits(xcorr.correlate(images, kernels, workers=4), expected)
    assert (_workers._pool.n_threads, asked) == (3, [n_started + 1, 8, 4])


def mixed_calls():
    """Calls of every kind without their workers, and what each gives."""
    rng = random_generator("mixed")
    calls = [(xcorr.correlate, (np.ones((2, 150, 150, 4), "f4"), np.ones((16, 5, 5, 4), "f4")), {})]
    for dtype, largest in (("float32", 4), ("float64", 4), ("uint8", 4), ("complex64", 4), ("int64", 2**28)):
        for size, n_kernels in ((5, 1), (8, 9), (13, 3)):
            images = whole_numbers(rng, (2, size, size + 1, 2), dtype, largest)
            kernels = whole_numbers(rng, (n_kernels, 3, 2, 2), dtype, largest)
            calls.append((xcorr.correlate, (images, kernels), {"padding": "same"}))
            calls.append((xcorr.correlate, (images, kernels), {"method": "matmul", "conjugate": False}))
            calls.append((xcorr.Correlator(kernels, boundary="wrap", padding=1), (images,), {}))
    return [(call, operands, keywords, call(*operands, **keywords)) for call, operands, keywords in calls]


def test_sixteen_threads_get_what_one_gets_with_matmul_beside():
    calls, done = mixed_calls(), threading.Event()
    square = whole_numbers(random_generator("square"), (96, 96), "float32")
    product = square @ square

    def multiply():
        while not done.wait(0):
            assert_equal(square @ square, product, "float32")

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
    beside.result()


# --- errors, and other threads ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("who", ["caller", "helpers"])
def test_an_exception_of_any_worker_reaches_the_caller_and_ends_the_others(who):
    caller, all_inside, ended = threading.get_ident(), threading.Barrier(4, timeout=10), []

    def do(task):
        if task < 4:
            all_inside.wait()
        if (threading.get_ident() == caller) == (who == "caller"):
            raise ZeroDivisionError("inside")
        ended.append(task)
        time.sleep(0.001)

    with pytest.raises(ZeroDivisionError, match="inside"):
        _workers.prepare(do, 10_000, 4)
    assert len(ended) < 9_000


class FakeCall:
    """Notes who is inside, four workers at once."""

    workspace_bytes, error = 64, None

    def __init__(self):
        self.inside, self.all_inside, self.left = [], threading.Barrier(4, timeout=10), threading.Semaphore(0)

    def run(self, worker, stays=False):
        self.all_inside.wait()
        self.inside.append((worker, stays))
        self.left.release()

    def close(self):
        assert all(self.left.acquire(timeout=10) for _ in range(4))


def test_only_as_many_threads_stay_awake_as_there_are_processors(monkeypatch):
    monkeypatch.setattr(_workers, "usable_cpus", lambda: 2)
    call = FakeCall()
    _workers.run(call, 4)
    assert sorted(call.inside) == [(0, False), (1, True), (2, False), (3, False)]


def unfinished_call(monkeypatch, images, kernels, n_workers):
    """The engine's call, which nobody has run yet."""
    calls = []
    with monkeypatch.context() as patch:
        patch.setattr(_workers, "run", lambda call, n_workers: calls.append(call))
        xcorr.correlate(images, kernels, method="direct")
    calls[0].workspaces = [np.empty(calls[0].workspace_bytes, np.uint8) for _ in range(n_workers)]
    return calls[0]


def test_a_closed_call_lets_nobody_in_and_lets_go_of_its_arrays(monkeypatch):
    images, kernels = np.ones((4, 40, 40, 3), np.float32), np.ones((4, 3, 3, 3), np.float32)
    before = sys.getrefcount(images)
    call = unfinished_call(monkeypatch, images, kernels, 2)
    assert sys.getrefcount(images) > before
    call.close()
    assert sys.getrefcount(images) == before
    assert call.workspaces == []
    for worker in (0, 1, 7):
        call.run(worker)


def test_who_is_inside_is_waited_for(monkeypatch):
    images, kernels = np.ones((64, 256, 256, 3), np.float32), np.ones((8, 65, 65, 3), np.float32)
    before = sys.getrefcount(images)
    call = unfinished_call(monkeypatch, images, kernels, 2)
    inside, closing = (threading.Thread(target=work, args=args) for work, args in ((call.run, (1,)), (call.close, ())))
    inside.start()
    time.sleep(0.1)
    closing.start()
    closing.join(0.2)
    assert closing.is_alive()
    assert sys.getrefcount(images) > before
    call.cancel()
    closing.join(10)
    assert sys.getrefcount(images) == before
    inside.join(10)


@pytest.mark.parametrize(("dtype", "method"), [("f4", "direct"), ("f4", "matmul"), ("u1", "direct"), ("i8", "auto")])
def test_other_threads_go_on_while_a_call_computes(dtype, method):
    rng, largest, duration, n_images = random_generator(dtype), 2**27 if dtype == "i8" else 4, 0, 1
    image, kernels = (whole_numbers(rng, (n, size, size, 3), dtype, largest) for n, size in ((1, 250), (2, 9)))
    done, moments = threading.Event(), []

    def tick():
        while not done.wait(0.001):
            moments.append(time.monotonic())

    with ThreadPoolExecutor(1) as threads:
        threads.submit(tick)
        try:
            while duration < 0.4:
                n_images *= 2
                images = np.broadcast_to(image, (n_images, *image.shape[1:]))
                begin = time.monotonic()
                xcorr.correlate(images, kernels, method=method, workers=1)
                duration = time.monotonic() - begin
        finally:
            done.set()
    waits = np.diff([begin, *(moment for moment in moments if 0 < moment - begin < duration), begin + duration])
    assert waits.max() < duration / 2


def test_an_error_of_a_helper_is_told_and_not_that_others_have_stopped_for_it():
    begun = threading.Barrier(2)

    def do(task):
        begun.wait(10)
        if threading.current_thread() is not threading.main_thread():
            raise ArithmeticError("of a helper")
        while True:
            go_on()
            time.sleep(0.001)

    with pytest.raises(ArithmeticError, match="of a helper"):
        _workers.prepare(do, 2, 2)


def test_a_call_inside_of_a_helpers_task_ends_with_what_it_is_a_part_of():
    begun, ended = threading.Barrier(2), []
    images, kernels = np.broadcast_to(np.float32(1), (10_000, 256, 256, 3)), np.ones((8, 17, 17, 3), np.float32)

    def do(task):
        begun.wait(10)
        if threading.current_thread() is threading.main_thread():
            time.sleep(0.1)
            raise ArithmeticError("of the caller")
        try:
            xcorr.correlate(images, kernels, reduce="max", workers=1)
        finally:
            ended.append(time.monotonic())

    begin = time.monotonic()
    with pytest.raises(ArithmeticError, match="of the caller"):
        _workers.prepare(do, 2, 2)
    assert ended[0] - begin < 5  # of a minute and more
