"""What a call takes and what it leaves: a bounded workspace, no memory kept, the process as it was."""

import json

import numpy as np
import pytest
from checks import SEED, assert_same_bits, of_numpy, peak_of
from marks import linux
from refusing import EXPECTED, OTHERS, REFUSE, SURVIVABLE, compiled, most_left, preloaded
from scripts import BOUNDED, KEPT, PEAK, REFUSAL, REFUSED, STATUS, run_script

import xcorr

WORKSPACE = 256 * 2**20

# --- the workspace ----------------------------------------------------------------------------------------------------


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


@linux
@pytest.mark.parametrize(("images", "kernels", "dtype", "keywords", "most"), BOUNDED.values(), ids=BOUNDED)
def test_peak_memory_beside_the_arrays_is_bounded(images, kernels, dtype, keywords, most):
    beside = float(run_script(STATUS + PEAK, (images, kernels, dtype, keywords)))
    print(f"{beside:.1f} MiB")
    assert beside < most


MASKED = {"mask": "finite", "normalize": True, "pixel": np.inf}
LARGE = {  # images, kernels, dtype, keywords: large kernels, whose parts all fit the workspace, and with them what else
    "uint8": ((4001, 4001), (4000, 4000), "u1", {}),  # fits
    "uint8, too large": ((8001, 8001), (8000, 8000), "u1", {}),
    "float64": ((5001, 5001), (5000, 5000), "f8", {}),
    "complex": ((3001, 3001), (3000, 3000), "c8", {}),
    "beyond 2**53": ((4001, 4001), (4000, 4000), "i8", {}),
    "Correlator": ((4001, 4001), (4000, 4000), "f2", {"prepared": True}),
    "matmul": ((1, 12, 12, 2048), (1024, 3, 3, 2048), "f4", {"method": "matmul"}),
    "direct, 8 workers": ((1, 12, 12, 2048), (2500, 3, 3, 2048), "f4", {"method": "direct", "workers": 8}),
    "winograd, handed back": (
        *((1, 12, 12, 2048), (1500, 3, 3, 2048), "f4"),
        {"method": "winograd", "pixel": np.inf, "workers": 1},
    ),
    "fft, sections handed back": (
        (1, 300, 300, 4),
        (300, 64, 64, 4),
        "f4",
        {"method": "fft", "pixel": np.inf, "prepared": True},
    ),
    "fft, kernels handed back": ((1, 150, 150, 4), (300, 64, 64, 4), "f4", {"method": "fft", "tap": np.inf}),
    "index table": ((2, 2**25), (2, 2), "f4", {}),
    "masked": ((5001, 5001), (3, 3), "f4", {"mask": "finite", "pixel": np.inf, "workers": 2}),
    "masked, shares": ((5001, 5001), (3, 3), "f4", {"mask": "finite", "normalize": True, "pixel": np.inf}),
    "masked, shares of many kernels": ((601, 601), (40, 9, 9), "f4", {"layout": "NHW", **MASKED}),
    "masked, unseen taps": ((2501, 2501), (3, 3), "f4", {"mask": "finite", "pixel": np.inf, "tap": np.inf}),
    "masked, float16": ((5001, 5001), (3, 3), "f2", {"mask": "finite", "normalize": True, "pixel": np.inf}),
    "masked, map that is reduced": ((3001, 3001), (3, 3), "f4", {**MASKED, "reduce": "max"}),
    "masked, saturated": ((3001, 3001), (3, 3), "f4", {**MASKED, "dtype": "u1", "overflow": "saturate", "bias": 1}),
    "masked, fft": ((2501, 2501), (200, 200), "f4", {**MASKED, "method": "fft"}),
    "masked, too large": ((8200, 8200), (3, 3), "f4", {"mask": "finite"}),
}

LARGE_CALL = """
import tracemalloc
inf = np.inf
image_shape, kernel_shape, dtype, keywords = eval(sys.argv[1])
images, kernels = np.ones(image_shape, dtype), np.ones(kernel_shape, dtype)
if dtype == "i8":
    images *= 2**32
images.flat[-1], kernels.flat[0] = keywords.pop("pixel", 1), keywords.pop("tap", 1)
correlator = xcorr.Correlator(kernels, **keywords) if keywords.pop("prepared", False) else None
tiny = xcorr.correlate(np.ones((9, 9), dtype), np.ones((3, 3), dtype), workers=2)
resident, response, refusal = mebibytes("VmRSS"), np.empty(0), ""
tracemalloc.start()
try:
    response = xcorr.correlate(images, kernels, **keywords) if correlator is None else correlator(images)
    response = response if correlator is None else correlator(images)
except MemoryError as error:
    refusal = str(error)
taken, touched = tracemalloc.get_traced_memory()[1] / 2**20, mebibytes("VmHWM") - resident
print(taken - response.nbytes / 2**20, touched - response.nbytes / 2**20, refusal)
"""


@linux
@pytest.mark.parametrize("call", LARGE.values(), ids=LARGE)
def test_all_that_a_call_takes_is_within_the_workspace(call):
    taken, touched, refusal = (run_script(STATUS + LARGE_CALL, call).strip() + " ").split(" ", 2)
    print(taken, touched, refusal)
    assert float(taken) < 256 + 1  # beside the workspace, Python's own objects
    keeps = "winograd" in call[3].values() or "mask" in call[3]  # memory of panels, of several calls' workspaces
    assert float(touched) < 256 + 16 or keeps
    if refusal:
        assert float(touched) < 64 + 16  # that kernels are looked through with
        assert refusal.strip().endswith("at most 268435456 are allowed")


@linux
def test_to_explain_a_call_takes_no_memory():
    text = """
correlator, bank = xcorr.Correlator(np.ones((3, 3), "f4")), xcorr.Correlator(np.ones((99, 64, 64), "f4"), layout="NHW")
correlator.explain((9, 9)), bank.explain((1, 70, 70))
before = mebibytes("VmRSS")
for shape in ((10, 2**25), (2**25, 10), (2**29, 2**29), (2**50, 3)):
    for dtype in ("f4", "u1", "c16"):
        assert "method" in correlator.explain(shape, dtype=dtype)
        assert xcorr.choose_method(shape, (3, 3), dtype=dtype) == "direct"
for shape in ((100, 2**14, 2**25), (2**10, 2**20, 2**20)):
    assert "method fft" in bank.explain(shape)
print(mebibytes("VmHWM") - before)
"""
    assert float(run_script(STATUS + text)) < 4


@linux
@pytest.mark.parametrize("kind", ["direct", "matmul", "fft", "beyond-2**53"])
def test_a_call_that_cannot_fit_says_so_before_it_allocates(kind):
    told = {}
    for line in run_script(STATUS + REFUSAL, REFUSED, kind, timeout=120).splitlines():
        name, *numbers = line.split()
        told[name] = seconds, allocated, touched = tuple(map(float, numbers))
        assert seconds < 1, name
        assert allocated < 160, name  # glibc reserves 128 MiB of addresses when NumPy asks for too much
        assert touched < 32, name
    assert set(told) == set(REFUSED)


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
for index in range(3 * 30):
    call, response, step = calls[index % 3], expected[index % 3], index // 3
    limit = int((mebibytes("VmSize") + 0.05 * 1.44**step) * 2**20)
    resource.setrlimit(resource.RLIMIT_AS, (limit, resource.RLIM_INFINITY))
    try:
        outcomes.append(np.array_equal(xcorr.correlate(*call, padding="same", workers=1 + step % 3), response))
    except MemoryError:
        outcomes.append(None)
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    assert np.array_equal(xcorr.correlate(*call, padding="same", workers=2), response)
print(outcomes.count(None) > 5, outcomes.count(True) > 5, outcomes.count(False))
"""
    assert run_script(STATUS + text) == "True True 0\n"


@pytest.fixture(scope="module")
def refusing(tmp_path_factory):
    """The environment of a script that is refused allocations."""
    library = compiled(tmp_path_factory.mktemp("refuse"))
    if library is None:
        pytest.skip("a C compiler and glibc are needed to refuse allocations")
    return preloaded(library)


@linux
@pytest.mark.parametrize(
    ("kind", "mode", "state"),
    [
        ("direct, 2 workers", "one of 64", "fresh"),
        ("winograd, 2 workers", "all of 1024", "fresh"),
        ("fft, 2 workers", "one of 64", "repeated"),
        ("fft of a pixel that is not finite", "all of 1024", "fresh"),
        ("small", "one of 64", "repeated"),
        ("small", "one of 64", "fresh"),
        ("uint8, 2 workers", "all of 1024", "repeated"),
        ("overflow in out beyond 2**53", "all of 1024", "fresh"),
        ("Correlator's call", "one of 64", "repeated"),
    ],
)
def test_each_allocation_may_be_refused(refusing, kind, mode, state):
    if mode not in SURVIVABLE:
        pytest.skip("CPython itself crashes where it is refused small objects")
    arguments = [(0, kind, mode, state)], 1, 6, SEED  # seconds, of which all refusals of most kinds take less
    n_refused, grown, kinds = run_script(REFUSE, *arguments, timeout=90, **refusing).splitlines()[-1].split("|")
    assert int(n_refused) >= 3
    assert int(grown) <= most_left(int(n_refused))
    outcomes = json.loads(kinds)
    assert outcomes["MemoryError"] > 0
    assert sum(outcomes.pop(kind, 0) for kind in OTHERS) < 0.3 * int(n_refused)
    assert set(outcomes) <= set(EXPECTED)


def test_other_libraries_errors_for_want_of_memory_are_none_of_a_call(monkeypatch):
    @of_numpy
    def without_memory(*arguments, **keywords):
        raise RuntimeError("Error in computing overlap")

    image, kernel = np.arange(99.0).reshape(9, 11), np.ones((3, 3))
    expected = xcorr.correlate(image, kernel, padding="same")
    monkeypatch.setattr(np, "shares_memory", without_memory)  # NumPy could not find out whether these overlap
    xcorr.correlate(image, kernel, padding="same", out=image)
    assert_same_bits(image, expected)


# --- what is kept -----------------------------------------------------------------------------------------------------


@linux
def test_no_memory_is_kept_by_many_calls_and_errors():
    lines = [line.split("|") for line in run_script(STATUS + KEPT, 6_000, 1.2, timeout=240).splitlines()]
    assert len(lines) == 20
    assert {name: growth for name, n_calls, growth in lines if float(growth) >= 1} == {}


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
