"""Time per multiply-add while one size grows and everything else is held.

Images, sides, kernels, channels or kernel sides grow octave by octave (kernel sides by 2, then by a quarter); calls are
of a `Correlator` into `out=`, all sizes of a series in turns. A row's ratio is to the cheaper of its neighbours; a step
up of more than 1.5 times is marked where the call is no short one, because there nothing should become dearer by being
larger. Beside it stands by how much the call's time rises, and its method. XCORR_LEVEL chooses the level.

    python benchmarks/growth.py [--workers 1 2] [--only NAME ...] [--seconds 0.2] [--json FILE] [--plot FILE]
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from outputs import headless_pyplot, new_parser, write_outputs, write_plain_numbers
from timing import Case, best_of_turns, machine, prepared_call, provenance

import xcorr

RISE = 1.5
"""Times the time per multiply-add of the size before from which a step is marked."""

SHORT = 100e-6
"""Seconds of a call up to which what every call costs explains any step."""


class Series(NamedTuple):
    """Cases that differ in one size."""

    name: str
    grows: str
    sizes: Sequence[int]
    case: Callable[[int], Case]


def octaves(first: int, last: int) -> list[int]:
    return [2**power for power in range(first.bit_length() - 1, last.bit_length())]


SERIES = [
    Series("images_28", "images of 28x28x1, 8 of 3x3", octaves(1, 4096), lambda n: Case((n, 28, 28, 1), (8, 3, 3))),
    Series("images_16", "images of 16x16x16, 32 of 3x3", octaves(1, 4096), lambda n: Case((n, 16, 16, 16), (32, 3, 3))),
    Series("side_1", "side, 1 channel, 1 of 3x3", octaves(64, 4096), lambda n: Case((1, n, n, 1), (1, 3, 3))),
    Series("side_3", "side, 3 channels, 8 of 3x3", octaves(64, 1024), lambda n: Case((1, n, n, 3), (8, 3, 3))),
    Series("kernels", "kernels of 3x3, 56x56x16", octaves(1, 1024), lambda n: Case((1, 56, 56, 16), (n, 3, 3))),
    Series("channels", "channels of 28x28, 32 of 3x3", octaves(1, 1024), lambda n: Case((1, 28, 28, n), (32, 3, 3))),
    Series("kernel_side", "kernel side, 4 on 256x256x1", range(1, 32, 2), lambda n: Case((1, 256, 256, 1), (4, n, n))),
]


LARGE_SIDES = [*range(3, 33, 2), *range(35, 65, 4), 71, 81, 91, 101, 115, 129, 145, 161, 181, 205, 231, 255]
LARGEST_SIDES = [*LARGE_SIDES, 289, 325, 361, 401, 451, 511]
SERIES += [
    Series("side_1024", "kernel side, 1 on 1024x1024", LARGEST_SIDES, lambda n: Case((1, 1024, 1024, 1), (1, n, n))),
    Series("side_bank", "kernel side, 16 on 512x512", LARGE_SIDES, lambda n: Case((1, 512, 512, 1), (16, n, n))),
    Series("side_rgb", "kernel side, 8 on 256x256x3", LARGE_SIDES, lambda n: Case((1, 256, 256, 3), (8, n, n))),
    Series(
        "side_deep", "kernel side, 32 on 128x128x32", range(3, 64, 4), lambda n: Case((1, 128, 128, 32), (32, n, n))
    ),
    Series("side_batch", "kernel side, 4 on 32x96x96", range(3, 64, 4), lambda n: Case((32, 96, 96, 1), (4, n, n))),
    Series("row", "columns of a row of taps, 1024x1024", LARGEST_SIDES, lambda n: Case((1, 1024, 1024, 1), (1, 1, n))),
    Series("column", "rows of a column of taps", LARGEST_SIDES, lambda n: Case((1, 1024, 1024, 1), (1, n, 1))),
]


def measure(series: Series, n_workers: int, seconds: float) -> list[dict[str, Any]]:
    """One row for each size."""
    cases = {size: series.case(size) for size in series.sizes}
    calls = {size: prepared_call(case, n_workers) for size, case in cases.items()}
    taken = best_of_turns(calls, seconds * len(calls))
    costs = [taken[size] * 1e12 / cases[size].multiply_adds for size in series.sizes]
    rows: list[dict[str, Any]] = []
    for index, (size, case) in enumerate(cases.items()):
        rise = costs[index] / costs[index - 1] if index else 1.0
        slower = taken[size] / taken[series.sizes[index - 1]] if index else 1.0
        rows.append(
            {
                "size": size,
                "multiply_adds": cases[size].multiply_adds,
                "us": taken[size] * 1e6,
                "ns_per_1000": costs[index],
                "to_neighbour": costs[index] / min(costs[max(index - 1, 0) : index] + costs[index + 1 : index + 2]),
                "rise": rise,
                "slower": slower,
                "method": xcorr.choose_method(case.images, case.kernels, dtype=case.dtype),
                "dearer": rise > RISE and taken[size] > SHORT,
            }
        )
    return rows


def table(run: dict[str, Any]) -> str:
    lines = [
        f"\n{run['grows']}, workers: {run['workers']}",
        f"{'size':>8} {'us':>12} {'ns/1000 multiply-adds':>22} {'to least neighbour':>19} {'time rises':>10}",
    ]
    for row in run["rows"]:
        mark = f"  <- rises {row['rise']:.2f} times" if row["dearer"] else ""
        lines.append(
            f"{row['size']:8} {row['us']:12.1f} {row['ns_per_1000']:22.2f} {row['to_neighbour']:19.2f} "
            f"{row['slower']:10.2f} {row['method']}{mark}"
        )
    return "\n".join(lines)


def plot(results: dict[str, Any], path: Path) -> None:
    """A panel for each series, a line for each number of workers, rings around what is marked."""
    pyplot = headless_pyplot()
    names = list(dict.fromkeys(run["name"] for run in results["runs"]))
    n_columns = min(4, len(names))
    n_rows = -(-len(names) // n_columns)
    shape = (2.8 * n_columns + 1.2, 2.4 * n_rows + 0.6)
    figure, panels = pyplot.subplots(n_rows, n_columns, figsize=shape, layout="constrained", squeeze=False)
    for run in results["runs"]:
        axes = panels.flat[names.index(run["name"])]
        sizes, costs = ([row[what] for row in run["rows"]] for what in ("size", "ns_per_1000"))
        (line,) = axes.loglog(sizes, costs, marker=".", label=f"workers: {run['workers']}")
        marked = [(row["size"], row["ns_per_1000"]) for row in run["rows"] if row["dearer"]]
        axes.plot(*zip(*marked), "o", markersize=9, fillstyle="none", color=line.get_color()) if marked else None
        axes.set_xscale("log", base=2)
        write_plain_numbers(axes.xaxis, axes.yaxis)
        axes.set_title(run["grows"], fontsize="small")
    for axes in panels.flat[len(names) :]:
        axes.set_axis_off()
    panels[0, 0].legend(fontsize="small")
    figure.supylabel("ns per 1000 multiply-adds")
    figure.suptitle(f"{results['processor']}, level {results['level']}, {results['date']}", fontsize="medium")
    figure.savefig(path)


def main() -> None:
    parser = new_parser(__doc__)
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2])
    names = [series.name for series in SERIES]
    parser.add_argument("--only", nargs="+", default=names, choices=names, metavar="NAME")
    parser.add_argument("--seconds", type=float, default=0.2, help="for each size, at least three turns")
    arguments = parser.parse_args()
    results: dict[str, Any] = {**machine(), "runs": []}
    print(provenance())
    for series in SERIES:
        for n_workers in arguments.workers if series.name in arguments.only else ():
            rows = measure(series, n_workers, arguments.seconds)
            results["runs"].append({"name": series.name, "grows": series.grows, "workers": n_workers, "rows": rows})
            print(table(results["runs"][-1]), flush=True)
    n_marked = sum(row["dearer"] for run in results["runs"] for row in run["rows"])
    print(f"\nsteps of more than {RISE} times in calls above {SHORT * 1e6:.0f} us: {n_marked}")
    write_outputs(arguments, results, plot)


if __name__ == "__main__":
    main()
