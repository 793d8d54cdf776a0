"""R14, R19 and R20: allocations that fail, the memory that a call takes, and the memory that calls leave."""

import json
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import numpy as np
from processes import LONGEST_HANG, told, until
from rows import Outcome, Row
from scripts import BOUNDED, KEPT, PEAK, REFUSAL, REFUSED, STATUS, run_to_the_end

# --- R14 --------------------------------------------------------------------------------------------------------------

REFUSE = """
import ctypes, gc, json, os, re, sys, time
import numpy as np
import xcorr
from xcorr import _correlate, _matmul, _memory, _plan

library = ctypes.CDLL(os.environ["LD_PRELOAD"])
refuse_in, refused, alive = (ctypes.c_long.in_dll(library, name) for name in ("refuse_in", "refused", "alive"))
kind, mode, state = sys.argv[1:4]
fresh, first = state == "fresh", int(sys.argv[4])
ctypes.c_int.in_dll(library, "refuse_more").value = mode.startswith("all")
ctypes.c_size_t.in_dll(library, "refuse_least").value = int(mode.split()[-1])
sys.unraisablehook = lambda error: None  # what Python could not do while memory was refused

rng = np.random.default_rng(1)
def whole(shape, dtype, largest=4):
    return rng.integers(0 if dtype[0] == "u" else -largest, largest + 1, shape).astype(dtype)

images, kernels = whole((4, 40, 40, 32), "f4"), whole((32, 3, 3, 32), "f4")
small = whole((12, 13), "f4"), whole((3, 3), "f4")
bytes_ = whole((4, 60, 60, 3), "u1"), whole((9, 5, 5, 3), "u1")
loud = bytes_[0] * 16, bytes_[1] * 16
wide = whole((2, 20, 20, 3), "i8", 2**27), whole((4, 5, 5, 3), "i8", 2**27)
out, narrow = np.zeros((4, 38, 38, 32), "f4"), np.full((4, 56, 56, 9), 77, "i1")
prepared = xcorr.Correlator(kernels)
CALLS = {
    "direct, 1 worker": lambda: xcorr.correlate(images, kernels, method="direct", workers=1),
    "direct, 2 workers": lambda: xcorr.correlate(images, kernels, method="direct", workers=2),
    "winograd, 2 workers": lambda: xcorr.correlate(images, kernels, method="winograd", workers=2),
    "matmul": lambda: xcorr.correlate(images, kernels, method="matmul"),
    "small": lambda: xcorr.correlate(*small),
    "uint8, 2 workers": lambda: xcorr.correlate(*bytes_, workers=2),
    "beyond 2**53": lambda: xcorr.correlate(*wide),
    "overflow in out": lambda: xcorr.correlate(*loud, dtype="i1", out=narrow, workers=2),
    "overflow in out beyond 2**53": lambda: xcorr.correlate(*wide, dtype="i1", out=narrow[:2, :16, :16, :4]),
    "out, 2 workers": lambda: xcorr.correlate(images, kernels, out=out, workers=2),
    "out over images": lambda: xcorr.correlate(small[0] * 1, small[1], padding="same", out=np.zeros((12, 13), "f4")),
    "Correlator": lambda: xcorr.Correlator(kernels, bias=np.ones(32, "f4"))(images, workers=2),
    "Correlator's call": lambda: prepared(images, workers=2),
}
call = CALLS[kind]

def forget():
    _plan._plans.clear()
    _plan.settings_of.cache_clear()
    _matmul.width_for.cache_clear()
    _correlate._recent.clear()
    prepared._banks.clear()
    prepared._known.clear()
    prepared._repeats.clear()
    try:
        _memory.empty((2**60,), np.dtype("u1"))  # gives back what is kept
    except MemoryError:
        pass

def outcome():
    "What a call gave: a copy of the response, or the kind of error."
    try:
        return call().copy()
    except OverflowError:
        return "OverflowError"

def same(first, second):
    return type(first) is type(second) and np.array_equal(first, second)

expected = outcome()
handler = np._core.multiarray.get_handler_name() if hasattr(np, "_core") else None
settings = np.geterr()
gc.disable()

def sweep(first):
    "Refuses one allocation after the other; how many there were, and the outcomes."
    kinds = {}
    index = first
    while True:
        os.write(1, b"%d\\n" % index)
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
            assert same(got, expected), f"allocation {index}: a wrong response"
        elif name == "SystemError" and re.search("with(out)?( setting)?( an)? exception( set)?$", str(error)):
            name = "SystemError of the interpreter"
        else:
            assert name == "MemoryError" or same(name, expected), f"allocation {index}: {error!r}"
        assert (narrow == 77).all(), f"allocation {index}: out was written"
        if np.geterr() != settings:  # a context variable of NumPy's was set, and then there was no memory to say so
            np.seterr(**settings)
            name += ", errstate left by NumPy"
        assert not handler or np._core.multiarray.get_handler_name() == handler, f"allocation {index}: NumPy's handler"
        del got, error
        assert same(outcome(), expected), f"allocation {index}: the next call was wrong"
        kinds[name] = kinds.get(name, 0) + (not done)
        if done:
            break
        index += 1
    return index - first, kinds

clear_caches = getattr(sys, "_clear_internal_caches", None) or sys._clear_type_cache

def settled():
    forget()
    outcome()
    clear_caches()  # of attributes: they hold some thousands of names
    gc.collect()
    time.sleep(0.02)
    return alive.value

n_refused, growths = 0, []
for turn in range(4):
    before = settled()
    n, kinds = sweep(first)
    n_refused += n
    growths.append(settled() - before)
grown = min(growths[-2:])  # what the first times leave is kept for the next ones
print(n_refused, grown, json.dumps(kinds), sep="|")
"""

EXPECTED = ("response", "MemoryError", "OverflowError")

KINDS = (
    "direct, 1 worker",
    "direct, 2 workers",
    "winograd, 2 workers",
    "matmul",
    "small",
    "uint8, 2 workers",
    "beyond 2**53",
    "overflow in out",
    "overflow in out beyond 2**53",
    "out, 2 workers",
    "out over images",
    "Correlator",
    "Correlator's call",
)


def compiled(folder: Path) -> Path | None:
    """The library that refuses allocations; None where it cannot be had."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None or not sys.platform.startswith("linux"):
        return None
    library = folder / "refuse.so"
    source = Path(__file__).with_name("refuse.c")
    done = subprocess.run([compiler, "-O1", "-shared", "-fPIC", str(source), "-o", str(library)], capture_output=True)
    return library if done.returncode == 0 else None


MODES = ("one of 1", "one of 64", "all of 1024")
"""What is refused: one allocation, or all from one on, of at least so many bytes."""

LEAKS_FROM = 64
"""Bytes from which on a refusal must leave nothing. CPython 3.11 itself leaks where it is refused a cell or a tuple."""


def refusals(seconds: float, seed: int) -> Outcome:
    """What the interpreter and its libraries do wrong when they are refused memory is told, and not counted."""
    deadline, remarks, others, n_refused = time.monotonic() + seconds, [], Counter(), 0
    cases = [(kind, mode, state) for kind in KINDS for mode in MODES for state in ("repeated", "fresh")]
    drawn = np.random.default_rng(seed).permutation(len(cases))
    with tempfile.TemporaryDirectory() as folder:
        library = compiled(Path(folder))
        if library is None:
            return Outcome("not measured", 0, True, ("a C compiler and glibc are needed to refuse allocations",))
        variables = {"LD_PRELOAD": str(library), "PYTHONMALLOC": "malloc"}
        for done in until(deadline, 4, len(cases)):
            index = int(drawn[done])
            first = 1
            while True:
                ended = run_to_the_end(REFUSE, *cases[index], first, timeout=4 * LONGEST_HANG, **variables)
                *_, last = ended.printed.split("\n")[:-1] or [""]
                if ended.status == 0 or "OpenBLAS" not in ended.errors:
                    break
                others["the process ended by OpenBLAS"] += 1
                first = int(last) + 1
            case = ", ".join(cases[index])
            if ended.status != 0:
                remarks.append(told(index, f"{case}, allocation {last}", ended))
                continue
            n_cases, grown, kinds = last.split("|")
            n_refused += int(n_cases)
            others.update({kind: n for kind, n in json.loads(kinds).items() if kind not in EXPECTED})
            if int(grown) > 16 and int(cases[index][1].split()[-1]) >= LEAKS_FROM:
                remarks.append(f"case {index}, {case}: {grown} blocks of memory were left")
    told_of_others = [f"not counted: {n} times {kind}" for kind, n in others.items() if n]
    if done + 1 < len(cases):
        told_of_others.append(f"{done + 1} of {len(cases)} kinds of calls and refusals were drawn")
    figure = f"{len(remarks)} crashes, leaks or wrong calls"
    return Outcome(figure, n_refused, not remarks, (*remarks, *told_of_others))


# --- R19 --------------------------------------------------------------------------------------------------------------


def peaks(seconds: float, seed: int) -> Outcome:
    deadline, remarks, most, most_name = time.monotonic() + seconds, [], 0.0, ""
    drawn = np.random.default_rng(seed).permutation(len(BOUNDED))
    for done in until(deadline, 4, len(BOUNDED)):
        index = int(drawn[done])
        name = list(BOUNDED)[index]
        *call, _ = BOUNDED[name]
        ended = run_to_the_end(STATUS + PEAK, tuple(call), timeout=4 * LONGEST_HANG)
        if ended.status != 0:
            remarks.append(told(index, name, ended))
            continue
        beside = float(ended.printed)
        if beside > most:
            most, most_name = beside, name
        if beside > 256:
            remarks.append(f"case {index}, {name}: {beside:.1f} MiB")
    return Outcome(f"{most:.1f} MiB at most ({most_name})", done + 1, not remarks, tuple(remarks))


def early_refusals(seconds: float, seed: int) -> Outcome:
    deadline, remarks, slowest = time.monotonic() + seconds, [], 0.0
    cases = [(name, kind) for name in REFUSED for kind in ("direct", "matmul", "beyond-2**53")]
    drawn = np.random.default_rng(seed).permutation(len(cases))
    for done in until(deadline, 8, len(cases)):
        index = int(drawn[done])
        name, kind = cases[index]
        ended = run_to_the_end(STATUS + REFUSAL, REFUSED[name], kind, timeout=LONGEST_HANG)
        if ended.status != 0 or not ended.printed:
            remarks.append(told(index, f"{name}, {kind}", ended))
            continue
        taken, allocated, touched = map(float, ended.printed.split())
        slowest = max(slowest, taken)
        if taken > 1 or allocated > 160 or touched > 32:  # glibc reserves 128 MiB when NumPy asks for too much
            remarks.append(f"case {index}, {name}, {kind}: {taken:.2f} s, {allocated:.0f} MiB, {touched:.0f} touched")
    return Outcome(f"{1000 * slowest:.1f} ms at most", done + 1, not remarks, tuple(remarks))


# --- R20 --------------------------------------------------------------------------------------------------------------

N_OUTCOMES = 17


def kept_memory(seconds: float, seed: int) -> Outcome:
    share = seconds / N_OUTCOMES
    ended = run_to_the_end(STATUS + KEPT, 100_000, share, timeout=2 * seconds + 4 * LONGEST_HANG)
    if ended.status != 0:
        return Outcome("not measured", 0, False, (told(0, "calls", ended),))
    lines = [line.split("|") for line in ended.printed.splitlines()]
    most_name, _, most = max(lines, key=lambda line: float(line[2]))
    remarks = [f"{name}: {grown} MiB after {n_calls} calls" for name, n_calls, grown in lines if float(grown) > 2]
    n_calls = sum(int(line[1]) for line in lines)
    return Outcome(f"{float(most):.2f} MiB at most ({most_name})", n_calls, not remarks, tuple(remarks))


ROWS = [
    Row("R14", "each allocation of a call refused in turn", "MemoryError, no leak, the next call is right", refusals),
    Row("R19", "peak memory beside the inputs and the response", "<= 256 MiB", peaks),
    Row("R19-refusal", "calls that cannot fit", "refused within 1 s, nothing allocated before", early_refusals),
    Row("R20", "resident memory after up to 100,000 calls of each outcome", "flat (2 MiB)", kept_memory),
]
