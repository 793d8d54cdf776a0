"""Calls whose allocations are refused, one after the other."""

import platform
import shutil
import subprocess
import sys
from pathlib import Path

REFUSE = """
import ctypes, gc, json, os, re, sys, time
import numpy as np
import xcorr
from xcorr import _cache, _memory

library = ctypes.CDLL(os.environ["LD_PRELOAD"])
refuse_in, refused, alive = (ctypes.c_long.in_dll(library, name) for name in ("refuse_in", "refused", "alive"))
refuse_more = ctypes.c_int.in_dll(library, "refuse_more")
refuse_least = ctypes.c_size_t.in_dll(library, "refuse_least")
cases, n_left, seed = eval(sys.argv[1]), int(sys.argv[2]), int(sys.argv[4])
deadline = time.monotonic() + float(sys.argv[3])
sys.unraisablehook = lambda error: None  # what Python could not do while memory was refused

rng = np.random.default_rng(1)
def whole(shape, dtype, largest=4):
    return rng.integers(0 if dtype[0] == "u" else -largest, largest + 1, shape).astype(dtype)

images, kernels = whole((4, 40, 40, 32), "f4"), whole((32, 3, 3, 32), "f4")
spoilt = images.copy()
spoilt[1, 20, 20, 3] = np.inf
small = whole((12, 13), "f4"), whole((3, 3), "f4")
bytes_ = whole((4, 60, 60, 3), "u1"), whole((9, 5, 5, 3), "u1")
loud = bytes_[0] * 16, bytes_[1] * 16
wide = whole((2, 20, 20, 3), "i8", 2**27), whole((4, 5, 5, 3), "i8", 2**27)
out, narrow = np.zeros((4, 38, 38, 32), "f4"), np.full((4, 56, 56, 9), 77, "i1")
prepared = xcorr.Correlator(kernels)
planes, templates = images[..., 0].copy(), kernels[:5, :, :, 0].copy()
matcher = xcorr.Matcher(templates, layout="NHW")

def finite(response):  # np.nan_to_num of NumPy 2.2 leaks
    return np.where(np.isfinite(response), response, 0)

def together(results):
    "Several results, or the fields of one, as one array."
    parts = [results[name] for name in results.dtype.names] if isinstance(results, np.ndarray) else results
    return np.stack([part.astype(np.float64) for part in parts])

def over_itself(image, kernel):
    return xcorr.correlate(image, kernel, padding="same", out=image)

CALLS = {
    "direct, 1 worker": lambda: xcorr.correlate(images, kernels, method="direct", workers=1),
    "direct, 2 workers": lambda: xcorr.correlate(images, kernels, method="direct", workers=2),
    "winograd, 2 workers": lambda: xcorr.correlate(images, kernels, method="winograd", workers=2),
    "matmul": lambda: xcorr.correlate(images, kernels, method="matmul"),
    "fft, 2 workers": lambda: xcorr.correlate(images, kernels, method="fft", workers=2),
    "fft of a pixel that is not finite": lambda: finite(xcorr.correlate(spoilt, kernels, method="fft")),
    "small": lambda: xcorr.correlate(*small),
    "uint8, 2 workers": lambda: xcorr.correlate(*bytes_, workers=2),
    "beyond 2**53": lambda: xcorr.correlate(*wide),
    "overflow in out": lambda: xcorr.correlate(*loud, dtype="i1", out=narrow, workers=2),
    "overflow in out beyond 2**53": lambda: xcorr.correlate(*wide, dtype="i1", out=narrow[:2, :16, :16, :4]),
    "out, 2 workers": lambda: xcorr.correlate(images, kernels, out=out, workers=2),
    "out over images": lambda: over_itself(small[0].copy(), small[1]),
    "Correlator": lambda: xcorr.Correlator(kernels, bias=np.ones(32, "f4"))(images, workers=2),
    "Correlator's call": lambda: prepared(images, workers=2),
    "match": lambda: xcorr.match(planes, templates, layout="NHW", workers=2),
    "match, uint8": lambda: xcorr.match(bytes_[0][..., 0], bytes_[1][..., 0], layout="NHW"),
    "match, masks": lambda: xcorr.match(planes, templates, layout="NHW", mask=planes > 0, template_mask=templates > -3),
    "Matcher's call": lambda: matcher(planes, workers=2),
    "masked, 2 workers": lambda: xcorr.correlate(images, kernels, mask=images > 0, normalize=True, workers=2),
    "reduced, 2 workers": lambda: together(xcorr.correlate(images, kernels, reduce=("max", "energy"), workers=2)),
    "reduced over kernels": lambda: xcorr.correlate(images, kernels, reduce="argmax", over="kernels"),
    "Peaks": lambda: together(xcorr.correlate(planes, templates, layout="NHW", reduce=xcorr.Peaks(3))),
}

def forget():
    for cache in (_cache.plans, _cache.banks, _cache.recent_calls):
        cache.clear()
    _memory.free_kept_memory()
    prepared._banks.clear()
    prepared._known.clear()
    prepared._repeats.clear()
    matcher._banks.clear()

def outcome():
    "What a call gave: a copy of the response, or the kind of error."
    try:
        return call().copy()
    except OverflowError:
        return "OverflowError"

def same(first, second):
    return type(first) is type(second) and np.array_equal(first, second)

handler = np._core.multiarray.get_handler_name() if np.lib.NumpyVersion(np.__version__) >= "2.0.0" else None
settings = np.geterr()
gc.disable()

def n_allocations():
    "Of a call that is refused nothing."
    if fresh:
        forget()
    refuse_in.value = many = 2**40
    got = outcome()
    n, refuse_in.value = many - refuse_in.value, 0
    assert same(got, expected), "a wrong response"
    return n

def refuse(index):
    "Refuses that allocation of a call: the call's outcome, or None if it made no such allocation."
    os.write(1, f"{', '.join(case)}, allocation {index}\\n".encode())
    if fresh:
        forget()
    got, error, before = None, None, refused.value
    refuse_in.value = index
    try:
        got = call()
        refuse_in.value = 0
        name = "response"
    except BaseException as raised:
        refuse_in.value = 0
        error = raised
        name = type(error).__name__
    done = refused.value == before
    if got is not None:
        assert same(got, expected), "a wrong response"
    elif name == "SystemError" and re.search("with(out)?( setting)?( an)? exception( set)?$", str(error)):
        name = "SystemError of the interpreter"
    elif name == "RuntimeError" and str(error) == "can't allocate lock":
        name = "RuntimeError of the interpreter"
    elif name == "TypeError" and str(error).startswith("StringDType is not"):  # whatever a field's type is
        name = "TypeError of NumPy"
    else:
        assert name == "MemoryError" or same(name, expected), repr(error)
    assert (narrow == 77).all(), "out was written"
    if np.geterr() != settings:  # a context variable of NumPy's was set, and then there was no memory to say so
        np.seterr(**settings)
        name = "errstate left by NumPy"
    assert not handler or np._core.multiarray.get_handler_name() == handler, "NumPy's handler"
    del got, error
    assert same(outcome(), expected), "the next call was wrong"
    return None if done else name

clear_caches = getattr(sys, "_clear_internal_caches", None) or sys._clear_type_cache

def settled():
    forget()
    outcome()
    clear_caches()  # of attributes: they hold some thousands of names
    gc.collect()
    time.sleep(0.01)
    return alive.value

for number, *case in cases:
    begin = time.monotonic()
    call, fresh = CALLS[case[0]], case[2] == "fresh"
    refuse_more.value, refuse_least.value = case[1].startswith("all"), int(case[1].split()[-1])
    expected = outcome()
    indices = [int(index) + 1 for index in np.random.default_rng([seed, number]).permutation(n_allocations())]
    turn_ends = begin + (deadline - begin) / n_left / 5  # four turns, and what is around them
    kinds, left = {}, np.zeros(5, np.int64)
    left[0] = settled()
    for turn in range(4):
        for done, index in enumerate(indices, 1):
            name = refuse(index)
            kinds[name] = kinds.get(name, 0) + 1
            if turn == 0 and done >= 3 and time.monotonic() > turn_ends:
                del indices[done:]
        left[turn + 1] = settled()
    kinds.pop(None, None)
    grown = np.diff(left[1:]).min()  # what the first turns leave is kept for the next ones
    print(sum(kinds.values()), grown, json.dumps(kinds), sep="|", flush=True)
    n_left -= 1
    if time.monotonic() > deadline:
        break
"""
"""Cases, each a number, a kind of call, a mode and a state; how many cases share the seconds, later scripts' too;
these seconds; a seed. Prints of each case: refusals, blocks of memory that a turn left, outcomes. A turn refuses
allocations in a drawn order, all or as many as there is time for; those of the first turn are the others', too."""

N_TURNS = 4
EXPECTED = ("response", "MemoryError", "OverflowError")
OTHERS = (
    *("SystemError of the interpreter", "RuntimeError of the interpreter"),
    *("TypeError of NumPy", "errstate left by NumPy"),
)
"""Outcomes that xcorr cannot help."""

KINDS = (
    "direct, 1 worker",
    "direct, 2 workers",
    "winograd, 2 workers",
    "matmul",
    "fft, 2 workers",
    "fft of a pixel that is not finite",
    "small",
    "uint8, 2 workers",
    "beyond 2**53",
    "overflow in out",
    "overflow in out beyond 2**53",
    "out, 2 workers",
    "out over images",
    "Correlator",
    "Correlator's call",
    "match",
    "match, uint8",
    "match, masks",
    "Matcher's call",
    "masked, 2 workers",
    "reduced, 2 workers",
    "reduced over kernels",
    "Peaks",
)

MODES = ("one of 1", "one of 64", "all of 1024")
"""What is refused: one allocation, or all from one on, of at least so many bytes."""

LEAKS_FROM, LEAKS_FROM_OF_SCORES = 64, 1024
"""Bytes from which on a refusal must leave nothing. CPython 3.11 itself leaks where it is refused a cell or a tuple, as
the named ones are that scores are made with.
"""

SURVIVABLE = MODES if sys.version_info[:2] == (3, 11) else MODES[2:]
"""Modes that CPython itself gets over: 3.10 frees the map of a code object's cache twice where it is refused the cache,
and from 3.12 on it crashes where a generator is refused its memory."""


def tells_leaks(kind: str, mode: str) -> bool:
    """Whether what such refusals leave is a leak of the call's."""
    return int(mode.split()[-1]) >= (LEAKS_FROM_OF_SCORES if kind.startswith(("match", "Matcher")) else LEAKS_FROM)


def most_left(n_refused: int) -> float:
    """Blocks of memory that a turn may leave after so many refusals by all turns: some are CPython's own leaks."""
    return 4 + n_refused / N_TURNS / 12


def compiled(folder: Path) -> Path | None:
    """The library that refuses allocations; None without glibc or a C compiler. One that does not compile raises."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None or platform.libc_ver()[0] != "glibc":
        return None
    library = folder / "refuse.so"
    source = Path(__file__).with_name("refuse.c")
    subprocess.run([compiler, "-O1", "-shared", "-fPIC", str(source), "-o", str(library)], check=True)
    return library


def preloaded(library: Path) -> dict[str, str]:
    """The environment of a script that is refused allocations, those of Python's own objects, too."""
    return {"LD_PRELOAD": str(library), "PYTHONMALLOC": "malloc"}
