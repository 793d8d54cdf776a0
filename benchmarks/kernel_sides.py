"""Time against the side of a kernel: xcorr, each method of it, and the best call of each peer.

One kernel on an image of 1024x1024 in float32, kernels prepared where a peer can; all contenders of a side in turns.

    python benchmarks/kernel_sides.py [--workers 1] [--seconds 0.1] [--json FILE] [--plot FILE]
"""

from pathlib import Path
from typing import Any

from outputs import headless_pyplot, new_parser, write_outputs, write_plain_numbers
from peers import contenders_for
from timing import Case, best_of_turns, hold_threads, machine, prepared_call, provenance
from workloads import Workload

SIDES = (3, 5, 7, 9, 11, 15, 21, 31, 45, 64, 91, 128, 181, 256, 362, 512)
SIZE = 1024
MOST_DIRECT = 64
"""The side up to which the direct method is timed by itself."""

HOPELESS = 50
"""Times the quickest first call from which a contender is left out."""

FAMILIES = {"cv2": "OpenCV", "scipy": "SciPy", "torch": "torch", "onnxruntime": "onnxruntime", "numpy": "NumPy"}


def measure(side: int, n_workers: int, seconds: float) -> dict[str, float]:
    """Milliseconds by name: xcorr, its direct method, and the quickest call of each peer."""
    work = Workload(f"side_{side}", (1, SIZE, SIZE, 1), 1, (side, side), kind="large" if side > 3 else "filter")
    contenders, first = contenders_for(work)
    near = {name for name, taken in first.items() if taken < HOPELESS * min(first.values())}
    calls: dict[str, Any] = {name: call for name, call in contenders.items() if name in near}
    case = Case(work.images, (1, side, side))
    if side <= MOST_DIRECT:
        calls["direct"] = prepared_call(case, n_workers, "direct")
    taken = best_of_turns(calls, seconds * len(calls), hopeless=10)
    found = {"xcorr": taken["xcorr.Correlator"] * 1e3}
    if "direct" in taken:
        found["xcorr, direct"] = taken["direct"] * 1e3
    for prefix, name in FAMILIES.items():
        own = [best for contender, best in taken.items() if contender.startswith(prefix)]
        if own:
            found[name] = min(own) * 1e3
    return found


def plot(results: dict[str, Any], path: Path) -> None:
    pyplot = headless_pyplot()
    figure, axes = pyplot.subplots(figsize=(7, 4.2), layout="constrained")
    names = dict.fromkeys(name for row in results["rows"] for name in row["ms"])
    for name in names:
        points = [(row["side"], row["ms"][name]) for row in results["rows"] if name in row["ms"]]
        style = {"linewidth": 2.5} if name == "xcorr" else {"linewidth": 1}
        axes.loglog(*zip(*points), marker=".", linestyle="--" if "," in name else "-", label=name, **style)
    axes.set_xscale("log", base=2)
    write_plain_numbers(axes.xaxis, axes.yaxis)
    axes.set_xlabel("side of the kernel")
    axes.set_ylabel(f"ms for one kernel on {SIZE}x{SIZE}")
    axes.set_ylim(top=100)
    axes.legend(fontsize="small")
    axes.set_title(
        f"{results['processor']}, level {results['level']}, workers: {results['workers']}, {results['date']}",
        fontsize="small",
    )
    figure.savefig(path)


def main() -> None:
    parser = new_parser(__doc__)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=0.1, help="for each contender, at least three turns")
    arguments = parser.parse_args()
    hold_threads(arguments.workers)
    print(f"{provenance()}, workers: {arguments.workers}, {SIZE}x{SIZE}, ms")
    results: dict[str, Any] = {**machine(), "workers": arguments.workers, "rows": []}
    for side in SIDES:
        times = measure(side, arguments.workers, arguments.seconds)
        results["rows"].append({"side": side, "ms": times})
        print(f"{side:5}  " + "  ".join(f"{name} {ms:.3f}" for name, ms in times.items()), flush=True)
    write_outputs(arguments, results, plot)


if __name__ == "__main__":
    main()
