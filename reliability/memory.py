"""R14, R19 and R20: allocations that fail, the memory that a call takes, and the memory that calls leave."""

import json
import math
import tempfile
import time
from collections import Counter
from pathlib import Path

import numpy as np
from processes import LONGEST_HANG, largest, told, until
from refusing import KINDS, OTHERS, REFUSE, SURVIVABLE, compiled, most_left, preloaded, tells_leaks
from rows import Outcome, Row
from scripts import BOUNDED, KEPT, PEAK, REFUSAL, REFUSED, STATUS, run_to_the_end

# --- R14 --------------------------------------------------------------------------------------------------------------

CASES_OF_A_SCRIPT = 8
BY_OPENBLAS = "end of the process by OpenBLAS"


def refusals(seconds: float, seed: int) -> Outcome:
    """What the interpreter and its libraries do wrong when they are refused memory is told, and not counted."""
    deadline, remarks, outcomes, n_reached = time.monotonic() + seconds, [], Counter(), 0
    cases = [(kind, mode, state) for kind in KINDS for mode in SURVIVABLE for state in ("repeated", "fresh")]
    drawn = [(int(index), *cases[index]) for index in np.random.default_rng(seed).permutation(len(cases))]
    with tempfile.TemporaryDirectory() as folder:
        library = compiled(Path(folder))
        if library is None:
            return Outcome("not measured", 0, True, ("a C compiler and glibc are needed to refuse allocations",))
        while n_reached < len(cases) and (n_reached < 4 or time.monotonic() < deadline):
            some, left = drawn[n_reached : n_reached + CASES_OF_A_SCRIPT], deadline - time.monotonic()
            arguments = some, len(cases) - n_reached, left, seed
            ended = run_to_the_end(REFUSE, *arguments, timeout=max(left, 0) + 4 * LONGEST_HANG, **preloaded(library))
            lines = ended.printed.splitlines()
            for done in filter(lambda line: "|" in line, lines):
                index, *case = drawn[n_reached]
                n_reached += 1
                n_refused, grown, kinds = done.split("|")
                outcomes.update(json.loads(kinds))
                if int(grown) > most_left(int(n_refused)) and tells_leaks(*case[:2]):
                    remarks.append(f"case {index}, {', '.join(case)}: {grown} blocks of memory were left")
            if ended.status != 0:
                index, *case = drawn[n_reached]
                n_reached += 1  # what is left of the case is not done
                if "OpenBLAS" in ended.errors:
                    outcomes[BY_OPENBLAS] += 1
                else:
                    last = lines[-1] if lines and "|" not in lines[-1] else ", ".join(case)
                    remarks.append(told(index, last, ended))
    others = [f"{outcomes.pop(kind)} times {kind}" for kind in (*OTHERS, BY_OPENBLAS) if outcomes[kind]]
    not_counted = f" (not counted: {', '.join(others)})" if others else ""
    figure = f"{len(remarks)} crashes, leaks or wrong calls{not_counted}, {n_reached} of {len(cases)} kinds reached"
    return Outcome(figure, sum(outcomes.values()), not remarks, tuple(remarks))


# --- R19 --------------------------------------------------------------------------------------------------------------


def peaks(seconds: float, seed: int) -> Outcome:
    """The largest arrays first: a copy of them shows."""
    deadline = time.monotonic() + seconds
    first = max(BOUNDED, key=lambda name: math.prod(BOUNDED[name][0]))
    drawn = [first, *map(str, np.random.default_rng(seed).permutation([name for name in BOUNDED if name != first]))]
    calls = ((drawn[index], BOUNDED[drawn[index]]) for index in until(deadline, 4, len(BOUNDED)))
    runs = (
        (name, run_to_the_end(STATUS + PEAK, tuple(call), timeout=4 * LONGEST_HANG), bound)
        for name, (*call, bound) in calls
    )
    return largest(runs, "MiB")


def early_refusals(seconds: float, seed: int) -> Outcome:
    deadline, remarks, slowest = time.monotonic() + seconds, [], 0.0
    cases = [(name, kind) for name in REFUSED for kind in ("direct", "matmul", "fft", "beyond-2**53")]
    drawn = np.random.default_rng(seed).permutation(len(cases))
    for done in until(deadline, 8, len(cases)):
        index = int(drawn[done])
        name, kind = cases[index]
        ended = run_to_the_end(STATUS + REFUSAL, {name: REFUSED[name]}, kind, timeout=LONGEST_HANG)
        if ended.status != 0 or not ended.printed:
            remarks.append(told(index, f"{name}, {kind}", ended))
            continue
        taken, allocated, touched = map(float, ended.printed.split()[1:])
        slowest = max(slowest, taken)
        if taken > 1 or allocated > 160 or touched > 32:  # glibc reserves 128 MiB when NumPy asks for too much
            remarks.append(f"case {index}, {name}, {kind}: {taken:.2f} s, {allocated:.0f} MiB, {touched:.0f} touched")
    return Outcome(f"{1000 * slowest:.1f} ms at most", done + 1, not remarks, tuple(remarks))


# --- R20 --------------------------------------------------------------------------------------------------------------

N_OUTCOMES = 20


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
    Row(
        "R19",
        "peak memory beside the inputs and the response",
        "<= 64 MiB, 256 by fft, of scores and masked responses",
        peaks,
    ),
    Row("R19-refusal", "calls that cannot fit", "refused within 1 s, nothing allocated before", early_refusals),
    Row("R20", "resident memory after up to 100,000 calls of each outcome", "flat (2 MiB)", kept_memory),
]
