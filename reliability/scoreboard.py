"""The reliability scoreboard: runs its rows and prints each one's target, figure, cases and seed.

A row is run for some seconds with a seed; in at most two it does a part of what it does whole else. Failed cases are
printed so that they can be done again. The status is 1 if a target was not met. XCORR_LEVEL chooses the level.

    python reliability/scoreboard.py [--seconds 10] [--cases N] [--seed N] [--only R1 R14 ...] [--json FILE]
"""

import argparse
import importlib
import json
import secrets
import sys
import time
from datetime import date
from pathlib import Path
from typing import Any

from rows import Row

import xcorr

MODULES = (
    *("exactness", "channels", "scores", "maxima", "reduced", "adjoints", "bits", "dimensions", "shifts"),
    *("memory", "processes", "environment", "arguments", "files", "jobs"),
)
MOST_REMARKS = 20


def all_rows() -> list[Row]:
    rows = [row for name in MODULES for row in importlib.import_module(name).ROWS]
    return sorted(rows, key=lambda row: int(row.id.split("-")[0].lstrip("R")))


def run_row(row: Row, seconds: float, seed: int, cases: int) -> dict[str, Any]:
    begin = time.perf_counter()
    outcome = row.run(seconds, seed, *([cases] if row.counts else []))
    taken = time.perf_counter() - begin
    result = {"id": row.id, "measure": row.measure, "target": row.target, **outcome._asdict()}
    result.update(seconds=round(taken, 1), seed=seed)
    state = "" if outcome.held else "  TARGET MISSED"
    print(f"{row.id:6} {outcome.figure} in {outcome.cases:,} cases, {taken:.1f} s{state}", flush=True)
    print(f"       {row.measure}; target: {row.target}", flush=True)
    for remark in outcome.remarks[:MOST_REMARKS]:
        print(f"       - {remark}", flush=True)
    return result


def as_markdown(results: list[dict[str, Any]]) -> str:
    lines = ["| id | measure | target | figure | cases | seed |", "|---|---|---|---|---|---|"]
    for row in results:
        figure = row["figure"] if row["held"] else f"**{row['figure']}**"
        lines.append(
            f"| {row['id']} | {row['measure']} | {row['target']} | {figure} | {row['cases']:,} | {row['seed']} |"
        )
    return "\n".join(lines) + "\n"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=10, help="that a row may take, roughly")
    parser.add_argument("--cases", type=int, default=0, help="at least, of rows that draw one after the other")
    parser.add_argument("--seed", type=int, default=None, help="of what is drawn; another one each time by default")
    parser.add_argument("--only", nargs="+", metavar="ID", help="rows to run")
    parser.add_argument("--json", type=Path, metavar="FILE", help="where to write what was found")
    parser.add_argument("--markdown", type=Path, metavar="FILE", help="where to write the table")
    options = parser.parse_args()
    rows = all_rows()
    known = {row.id for row in rows}
    if options.only and (unknown := set(options.only) - known):
        parser.error(f"--only: no row {', '.join(sorted(unknown))}; there are {', '.join(row.id for row in rows)}")
    seed = secrets.randbelow(2**32) if options.seed is None else options.seed
    about = {"date": str(date.today()), **{name: xcorr.info()[name] for name in ("version", "level", "numpy")}}
    print(", ".join(f"{name} {value}" for name, value in about.items()) + f", seed {seed}\n", flush=True)
    chosen = [row for row in rows if not options.only or row.id in options.only]
    results = [run_row(row, options.seconds, seed, options.cases) for row in chosen]
    if options.json:
        options.json.write_text(json.dumps({**about, "rows": results}, indent=1) + "\n")
    if options.markdown:
        options.markdown.write_text(as_markdown(results))
    missed = [row["id"] for row in results if not row["held"]]
    names = f"; not {', '.join(missed)}" if missed else ""
    print(f"\n{len(results) - len(missed)} of {len(results)} targets met{names}")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
