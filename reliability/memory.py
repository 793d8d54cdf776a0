"""R14, R19 and R20: allocations that fail, the memory that a call takes, and the memory that calls leave."""

import json
import math
import tempfile
import time
from collections import Counter
from pathlib import Path

import numpy as np
from processes import LONGEST_HANG, told, until
from refusing import EXPECTED, KINDS, LEAKS_FROM, MODES, REFUSE, compiled, preloaded
from rows import Outcome, Row
from scripts import BOUNDED, KEPT, PEAK, REFUSAL, REFUSED, STATUS, run_to_the_end

# --- R14 --------------------------------------------------------------------------------------------------------------


def refusals(seconds: float, seed: int) -> Outcome:
    """What the interpreter and its libraries do wrong when they are refused memory is told, and not counted."""
    deadline, remarks, others, n_refused = time.monotonic() + seconds, [], Counter(), 0
    cases = [(kind, mode, state) for kind in KINDS for mode in MODES for state in ("repeated", "fresh")]
    drawn = np.random.default_rng(seed).permutation(len(cases))
    with tempfile.TemporaryDirectory() as folder:
        library = compiled(Path(folder))
        if library is None:
            return Outcome("not measured", 0, True, ("a C compiler and glibc are needed to refuse allocations",))
        for done in until(deadline, 4, len(cases)):
            index = int(drawn[done])
            first = 1
            while True:
                ended = run_to_the_end(REFUSE, *cases[index], first, timeout=4 * LONGEST_HANG, **preloaded(library))
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
    """The largest arrays first: a copy of them shows."""
    deadline, remarks, most, most_name = time.monotonic() + seconds, [], 0.0, ""
    largest = max(BOUNDED, key=lambda name: math.prod(BOUNDED[name][0]))
    drawn = [largest, *np.random.default_rng(seed).permutation([name for name in BOUNDED if name != largest])]
    for index in until(deadline, 4, len(BOUNDED)):
        name = str(drawn[index])
        *call, bound = BOUNDED[name]
        ended = run_to_the_end(STATUS + PEAK, tuple(call), timeout=4 * LONGEST_HANG)
        if ended.status != 0:
            remarks.append(told(index, name, ended))
            continue
        beside = float(ended.printed)
        if beside > most:
            most, most_name = beside, name
        if beside > bound:
            remarks.append(f"case {index}, {name}: {beside:.1f} MiB")
    return Outcome(f"{most:.1f} MiB at most ({most_name})", index + 1, not remarks, tuple(remarks))


def early_refusals(seconds: float, seed: int) -> Outcome:
    deadline, remarks, slowest = time.monotonic() + seconds, [], 0.0
    cases = [(name, kind) for name in REFUSED for kind in ("direct", "matmul", "fft", "beyond-2**53")]
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
    Row("R19", "peak memory beside the inputs and the response", "<= 64 MiB, 256 by fft", peaks),
    Row("R19-refusal", "calls that cannot fit", "refused within 1 s, nothing allocated before", early_refusals),
    Row("R20", "resident memory after up to 100,000 calls of each outcome", "flat (2 MiB)", kept_memory),
]
