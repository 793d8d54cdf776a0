"""How much work makes a second worker worth while, and what it then gains.

Calls of several kinds grow; each size is timed with one worker and with two, whatever the work, in turns that follow
each other without a pause. From where on two are faster gives `_job.MULTIPLY_ADDS_PER_WORKER`: a second worker comes
with twice that many. Then the gain of two workers in the rows of workloads.py that take one more than 2 ms.
XCORR_LEVEL chooses the level.

    python benchmarks/workers.py [--seconds 0.2] [--only NAME ...] [--no-rows] [--json FILE]
"""

from functools import partial
from typing import Any
from unittest import mock

from growth import Series, octaves
from outputs import new_parser, write_outputs
from peers import xcorr_contenders
from timing import Call, Case, best_of_turns, best_time, machine, prepared_call, provenance
from workloads import WORKLOADS, Workload

import xcorr
from xcorr import _job

GAIN = 1.05
"""Times as fast as one worker from which two are said to be faster."""

LONG = 2e-3
"""Seconds with one worker from which a row of workloads.py is measured."""

LARGE_SIDES = [32, 48, 64, 80, 96, 112, 128, 192]
SIDES = [4, 5, 6, 8, 10, 12, 16, 20, 24, 32, 40]
KINDS = [
    Series("plane_3", "side, 1 channel, 1 of 3x3", octaves(32, 2048), lambda n: Case((1, n, n, 1), (1, 3, 3))),
    Series("digits", "images of 28x28x1, 2 of 3x3", octaves(1, 2048), lambda n: Case((n, 28, 28, 1), (2, 3, 3))),
    Series("colour", "images of 32x32x3, 32 of 3x3", octaves(1, 64), lambda n: Case((n, 32, 32, 3), (32, 3, 3))),
    Series("layer_64", "side, 64 channels, 64 of 3x3", SIDES, lambda n: Case((1, n, n, 64), (64, 3, 3))),
    Series("batch_64", "images of 8x8x64, 64 of 3x3", octaves(1, 64), lambda n: Case((n, 8, 8, 64), (64, 3, 3))),
    Series("pointwise", "side, 64 channels, 64 of 1x1", SIDES, lambda n: Case((1, n, n, 64), (64, 1, 1))),
    Series("depthwise", "side, 64 groups of 3x3", LARGE_SIDES, lambda n: Case((1, n, n, 64), (64, 3, 3), groups=64)),
]


def measure(kind: Series, seconds: float) -> list[dict[str, Any]]:
    """Microseconds of one worker and of two at each size."""
    cases = {size: kind.case(size) for size in kind.sizes}
    with mock.patch.object(_job, "MULTIPLY_ADDS_PER_WORKER", 1):
        calls = {(size, n): prepared_call(case, n) for size, case in cases.items() for n in (1, 2)}
        taken = best_of_turns(calls, seconds * len(calls))
    return [
        {
            "size": size,
            "multiply_adds": case.multiply_adds,
            "us": [taken[size, n] * 1e6 for n in (1, 2)],
            "gain": taken[size, 1] / taken[size, 2],
        }
        for size, case in cases.items()
    ]


def crossing(rows: list[dict[str, Any]]) -> int | None:
    """The multiply-adds from which on two workers are faster at every size; None if they are not at the largest."""
    found = None
    for row in reversed(rows):
        if row["gain"] < GAIN:
            break
        found = row["multiply_adds"]
    return found


def measure_kinds(seconds: float) -> list[dict[str, Any]]:
    kinds = []
    for kind in KINDS:
        rows = measure(kind, seconds)
        found = crossing(rows)
        kinds.append({"name": kind.name, "grows": kind.grows, "crossing": found, "rows": rows})
        print(f"\n{kind.grows}\n{'size':>8} {'multiply-adds':>14} {'one us':>10} {'two us':>10} {'gain':>6}")
        for row in rows:
            one, two = row["us"]
            print(f"{row['size']:8} {row['multiply_adds']:14_} {one:10.1f} {two:10.1f} {row['gain']:6.2f}")
        where = "at none of these sizes" if found is None else f"from {found:_} multiply-adds on"
        print(f"two workers are faster {where}", flush=True)
    return kinds


def suggest(kinds: list[dict[str, Any]]) -> str:
    """The constant with which no kind is slower for its second worker, as Python."""
    crossings = [kind["crossing"] for kind in kinds if kind["crossing"] is not None]
    if not crossings:
        return "two workers are faster nowhere"
    least, most = min(crossings), max(crossings)
    never = [kind["name"] for kind in kinds if kind["crossing"] is None]
    never_faster = f" (never: {', '.join(never)})" if never else ""
    return (
        f"MULTIPLY_ADDS_PER_WORKER = {int(float(f'{most / 2:.2g}')):_}\n"
        '"""Multiply-adds below which another worker costs more than it brings.\n\n'
        f"Two are faster from {least:_} to {most:_} multiply-adds on, by the kind of the call"
        f"{never_faster}. {provenance()}, benchmarks/workers.py.\n"
        '"""'
    )


def measure_row(work: Workload, seconds: float) -> dict[str, Any] | None:
    """A prepared call without `out=`, as in bench.py; None if it is short."""
    correlate = xcorr_contenders(work, *work.arrays())["xcorr.Correlator"]
    calls = {n: partial(with_workers, n, correlate) for n in (1, 2)}
    if best_time(calls[1], rounds=1) < LONG:
        return None
    taken = best_of_turns(calls, seconds)
    return {"name": work.name, "ms": [taken[1] * 1e3, taken[2] * 1e3], "gain": taken[1] / taken[2]}


def with_workers(n_workers: int, call: Call) -> Any:
    with xcorr.set_workers(n_workers):
        return call()


def measure_rows(only: list[str], seconds: float) -> list[dict[str, Any]]:
    rows = []
    print("\n| work | one worker ms | two ms | gain |\n|---|---|---|---|")
    for work in WORKLOADS:
        row = measure_row(work, seconds) if work.name in only else None
        if row is not None:
            print(f"| {row['name']} | {row['ms'][0]:.3f} | {row['ms'][1]:.3f} | {row['gain']:.2f} |", flush=True)
            rows.append(row)
    return rows


def main() -> None:
    parser = new_parser(__doc__, picture=False)
    parser.add_argument("--seconds", type=float, default=0.2, help="for each call, at least three turns")
    names = [work.name for work in WORKLOADS]
    parser.add_argument("--only", nargs="+", default=names, choices=names, metavar="NAME", help="of the second table")
    parser.add_argument("--no-rows", action="store_true", help="without the second table")
    arguments = parser.parse_args()
    print(provenance())
    kinds = measure_kinds(arguments.seconds)
    print(f"\n{suggest(kinds)}")
    rows = [] if arguments.no_rows else measure_rows(arguments.only, 2 * arguments.seconds)
    write_outputs(arguments, {**machine(), "kinds": kinds, "rows": rows})


if __name__ == "__main__":
    main()
