"""xcorr beside its peers on the same work: interleaved turns in one process, best and median, every response checked.

Threads of a library spin for milliseconds after its call, those of onnxruntime for forty, and would take the processor
from the next contender, whose arrays moreover have left the caches. So a turn begins when no other thread runs any
more, and with calls that are not timed. `correlate` and `match` are compared with peers that get their kernels raw, a
`Correlator` or `Matcher` also with those whose kernels were prepared. Peers that are not installed are left out.
XCORR_LEVEL chooses xcorr's level; ATEN_CPU_CAPABILITY=avx2 and ONEDNN_MAX_CPU_ISA=AVX2 hold torch to AVX2, as
`make bench-level LEVEL=v3` does. Beside the rows stand the machine's limits, measured in the same process.

    python benchmarks/bench.py [--workers 1 2] [--class CLASS ...] [--only NAME ...] [--seconds 1] [--json FILE]
"""

import argparse
import json
import math
import os
import statistics
import subprocess
import sys
import time
from datetime import date
from pathlib import Path
from typing import Any

from dropins import DROPINS, DropIn
from limits import copy_bandwidth, fma_peak
from outputs import headless_pyplot, new_parser, write_outputs, write_plain_numbers
from peers import PREPARED, contenders_for
from searches import SEARCHES, Search
from turns import processor, turn
from workloads import WORKLOADS, Workload

WORKS = (*WORKLOADS, *SEARCHES, *DROPINS)
CLASSES = list(dict.fromkeys(work.kind for work in WORKS))
GROUPS = list(dict.fromkeys(kind.partition(".")[0] for kind in CLASSES))

HOPELESS, SLOWEST = 1.0, 20
"""A peer whose first call took more seconds than the first, and so many times the quickest's, is called only once."""


def measure(work: Workload | Search | DropIn, seconds: float) -> dict[str, Any]:
    """Milliseconds of each contender: its first call, best and median of interleaved turns."""
    contenders, first = contenders_for(work)
    enough = max(HOPELESS, SLOWEST * min(first.values()))
    times: dict[str, list[float]] = {
        name: [taken] if taken > enough and not name.startswith("xcorr") else [] for name, taken in first.items()
    }
    contenders = {name: contender for name, contender in contenders.items() if not times[name]}
    started, rounds = time.perf_counter(), 0
    while rounds < 3 or time.perf_counter() - started < seconds:
        for name, contender in contenders.items():
            times[name] += turn(contender)
        rounds += 1
    return {
        "name": work.name,
        "gflop": work.flops / 1e9,
        "gbyte": work.n_bytes / 1e9,
        "class": work.kind,
        "ms": {
            name: {"first": first[name] * 1e3, "best": min(taken) * 1e3, "median": statistics.median(taken) * 1e3}
            for name, taken in times.items()
        },
    }


def run_inside(names: list[str], seconds: float) -> dict[str, Any]:
    """The machine's limits before and after the rows, and the rows."""
    import xcorr

    n_workers, level = int(os.environ["XCORR_WORKERS"]), xcorr.info()["level"]
    before = fma_peak(level, n_workers), copy_bandwidth(n_workers)
    rows = [measure(work, seconds) for work in WORKS if work.name in names]
    after = fma_peak(level, n_workers), copy_bandwidth(n_workers)
    peak = max(before[0] or 0, after[0] or 0) or None
    return {"level": level, "peak_gflops": peak, "copy_gbs": max(before[1], after[1]), "rows": rows}


def ratio_of(row: dict[str, Any], prepared: bool) -> tuple[float, str, float]:
    """The best peer's time over xcorr's, that peer and its milliseconds; (nan, "none", nan) without one."""
    best = {name: taken["best"] for name, taken in row["ms"].items()}
    own = own_best(row, prepared)
    peers = {name: ms for name, ms in best.items() if not name.startswith("xcorr")}
    if not prepared:
        peers = {name: ms for name, ms in peers.items() if not name.endswith(PREPARED)}
    if not peers:
        return math.nan, "none", math.nan
    peer = min(peers, key=peers.__getitem__)
    return peers[peer] / own, peer, peers[peer]


def own_best(row: dict[str, Any], prepared: bool) -> float:
    """Milliseconds of this package's call, or of what was prepared for many."""
    names = ("xcorr.Correlator", "xcorr.Matcher") if prepared else ("xcorr.correlate", "xcorr.match")
    names = (*names, "xcorr.compat")
    best: float = next(row["ms"][name]["best"] for name in names if name in row["ms"])
    return best


def share_of_limit(row: dict[str, Any], run: dict[str, Any]) -> str:
    """How near the Correlator comes to the nearer of the machine's limits, and which that is."""
    own = own_best(row, True) / 1e3
    compute = row["gflop"] / own / run["peak_gflops"] if run["peak_gflops"] else 0.0
    memory = row["gbyte"] / own / run["copy_gbs"]
    return f"{compute:.0%} FMA" if compute > memory else f"{memory:.0%} copy"


def table(run: dict[str, Any]) -> str:
    """Markdown: xcorr's best times, how near they come to the nearer limit, and the best peers'."""
    lines = [
        "| work | raw ms | prepared ms | GFLOP/s | share of limit "
        "| best raw peer | ms | ratio | best prepared peer | ms | ratio |",
        "|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    for row in run["rows"]:
        raw, raw_peer, raw_ms = ratio_of(row, False)
        prepared, peer, ms = ratio_of(row, True)
        own = own_best(row, True)
        lines.append(
            f"| {row['name']} | {own_best(row, False):.3f} | {own:.3f} "
            f"| {row['gflop'] / own * 1e3:.1f} | {share_of_limit(row, run)} "
            f"| {raw_peer} | {raw_ms:.3f} | {raw:.2f} | {peer.removesuffix(PREPARED)} | {ms:.3f} | {prepared:.2f} |"
        )
    return "\n".join(lines)


def classes_table(run: dict[str, Any]) -> str:
    """Markdown: of each class the geometric means of the ratios, and the rows below 1."""
    lines = ["| class | rows | raw | prepared | rows below 1: raw, prepared |", "|---|---|---|---|---|"]
    for kind in dict.fromkeys(row["class"] for row in run["rows"]):
        rows = [row for row in run["rows"] if row["class"] == kind]
        raw, prepared = (mean_ratio(rows, group) for group in (False, True))
        ratios = {row["name"]: [ratio_of(row, group)[0] for group in (False, True)] for row in rows}
        behind = sorted((min(pair), name) for name, pair in ratios.items() if min(pair) < 1)
        words = "; ".join(f"{name} {ratios[name][0]:.2f} {ratios[name][1]:.2f}" for _, name in behind)
        lines.append(f"| {kind} | {len(rows)} | {raw:.2f} | {prepared:.2f} | {words} |")
    return "\n".join(lines)


def mean_ratio(rows: list[dict[str, Any]], prepared: bool) -> float:
    """Geometric mean of the ratios of the rows that have a peer."""
    ratios = [ratio_of(row, prepared)[0] for row in rows]
    ratios = [ratio for ratio in ratios if not math.isnan(ratio)]
    return statistics.geometric_mean(ratios) if ratios else math.nan


def plot(results: dict[str, Any], path: Path) -> None:
    """Each row's ratio to the best prepared peer as a dot and each class's mean as a bar; a line at 1, logarithmic."""
    pyplot = headless_pyplot()
    runs = results["runs"]
    kinds = list(dict.fromkeys(row["class"] for row in next(iter(runs.values()))["rows"]))
    figure, axes = pyplot.subplots(figsize=(8, 0.55 * len(kinds) + 1.2), layout="constrained")
    for index, (n_workers, run) in enumerate(runs.items()):
        heights = [place + 0.4 * index - 0.2 for place in range(len(kinds))]
        rows = [[row for row in run["rows"] if row["class"] == kind] for kind in kinds]
        means = [mean_ratio(own, True) for own in rows]
        bars = axes.barh(heights, [mean - 1 for mean in means], 0.38, left=1, label=f"workers: {n_workers}", alpha=0.6)
        for height, own in zip(heights, rows):
            axes.plot(
                [ratio_of(row, True)[0] for row in own], [height] * len(own), ".", color=bars[0].get_facecolor()[:3]
            )
    axes.set_xscale("log", base=2)
    write_plain_numbers(axes.xaxis)
    axes.set_yticks(range(len(kinds)), kinds)
    axes.invert_yaxis()
    axes.axvline(1, color="black", linewidth=0.8)
    axes.set_xlabel("best peer's time / prepared call's time (right of 1: xcorr is faster)")
    axes.set_title(f"{results['processor']}, level {next(iter(runs.values()))['level']}, {results['date']}")
    axes.legend()
    figure.savefig(path)


def main() -> None:
    parser = new_parser(__doc__)
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2])
    names = [work.name for work in WORKS]
    parser.add_argument("--only", nargs="+", choices=names, metavar="NAME", help="not whole classes")
    parser.add_argument(
        "--class", nargs="+", default=GROUPS, choices=[*GROUPS, *CLASSES], metavar="CLASS", dest="classes"
    )
    parser.add_argument("--seconds", type=float, default=1.0, help="for each row")
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    wanted = arguments.only or [
        work.name for work in WORKS if {work.kind, work.kind.partition(".")[0]} & set(arguments.classes)
    ]
    if arguments.inside:
        json.dump(run_inside(wanted, arguments.seconds), sys.stdout)
        return
    results: dict[str, Any] = {"date": date.today().isoformat(), "processor": processor(), "runs": {}}
    for n_workers in arguments.workers:
        environment = dict(os.environ)
        for variable in ("XCORR_WORKERS", "OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
            environment[variable] = str(n_workers)
        command = [sys.executable, __file__, "--inside", "--seconds", str(arguments.seconds), "--only", *wanted]
        done = subprocess.run(command, env=environment, check=True, stdout=subprocess.PIPE, text=True)
        run = results["runs"][n_workers] = json.loads(done.stdout)
        peak = f"{run['peak_gflops']:.0f}" if run["peak_gflops"] else "?"
        print(
            f"\n{results['processor']}, {results['date']}, level {run['level']}, workers: {n_workers}, "
            f"FMA peak {peak} GFLOP/s, copies {run['copy_gbs']:.1f} GB/s\n"
        )
        print(table(run))
        print(f"\n{classes_table(run)}", flush=True)
    write_outputs(arguments, results, plot)


if __name__ == "__main__":
    main()
