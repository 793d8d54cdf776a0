"""Run peers' own tests against `xcorr.compat`; tell what passed, failed, was left out and why, and what was reached.

python run.py [SUITE ...] [--without WORD] [--processes 2] [-- pytest's arguments]
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import known

HERE = Path(__file__).parent


def run_suite(name, suite, only, processes, arguments):
    """The counts of one suite."""
    with tempfile.TemporaryDirectory() as folder:
        told = Path(folder) / "told.json"
        tests = [str(HERE / test) if test.endswith(".py") else test for test in suite.tests]
        command = [sys.executable, "-m", "pytest", "-q", "-p", "plugin", "--suite", name, "--told", str(told)]
        command += ["-p", "no:cacheprovider", "-c", os.devnull, "--rootdir", folder, "-W", "default", "--tb=short"]
        command += ["-n", str(processes), "--disable-warnings", *(["-k", only] if only else []), *arguments]
        paths = [str(HERE), *filter(None, [suite.folder, os.environ.get("PYTHONPATH")])]
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}
        subprocess.run([*command, "--pyargs", *tests], cwd=folder, env=environment, check=False)
        return json.loads(told.read_text(encoding="utf-8")) if told.exists() else {}


def problems_of(suite, told, is_whole):
    """Sentences about what must not be."""
    outcomes = told.get("outcomes", {})
    if not outcomes.get("passed"):
        yield "no test passed"
    if outcomes.get("failed"):
        yield f"{outcomes['failed']} failed"
    if is_whole:
        yield from (f"{name} was never reached" for name in suite.swaps if not told.get("calls", {}).get(name))
        left_out = told.get("left_out", {})
        yield from (f"{pattern!r} leaves nothing out" for pattern in suite.left_out if not left_out.get(pattern))


def version_of(peer):
    """What is installed."""
    try:
        return version(peer)
    except PackageNotFoundError:
        return "is not installed"


def show(name, suite, told):
    """Print the counts."""
    outcomes = told.get("outcomes", {})
    n_left_out = sum(told.get("left_out", {}).values())
    counts = ", ".join(f"{outcomes.get(kind, 0)} {kind}" for kind in ("passed", "failed", "skipped", "xfailed"))
    print(f"\n{name} ({suite.peer} {version_of(suite.peer)}): {counts}, {n_left_out} deselected")
    for pattern, reason in suite.left_out.items():
        print(f"  deselected {told.get('left_out', {}).get(pattern, 0)}: {reason} ({pattern})")
    reached = (f"{swapped.rpartition('.')[2]} {told.get('calls', {}).get(swapped, 0)}" for swapped in suite.swaps)
    print("  reached:", ", ".join(reached), flush=True)


def main():
    """Run the suites that are asked for, or all; the status is 1 if one of them has a problem."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("suites", nargs="*", metavar="SUITE", help=", ".join(known.SUITES))
    parser.add_argument("--without", metavar="WORD", help="leave out tests of this name")
    parser.add_argument("--processes", type=int, default=2)
    own = sys.argv[1:]
    cut = own.index("--") if "--" in own else len(own)
    options, arguments = parser.parse_args(own[:cut]), own[cut + 1 :]
    if unknown := set(options.suites) - set(known.SUITES):
        parser.error(f"SUITE: got {', '.join(sorted(unknown))}; allowed are {', '.join(known.SUITES)}")
    problems = []
    for name in options.suites or known.SUITES:
        suite = known.SUITES[name]
        if suite.lacks:
            print(f"\n{name} is left out: {suite.lacks}", flush=True)
            continue
        only = suite.only
        if options.without:
            only = f"({only}) and not {options.without}" if only else f"not {options.without}"
        told = run_suite(name, suite, only, options.processes, arguments)
        show(name, suite, told)
        is_whole = not (arguments or options.without)
        problems += [f"{name}: {problem}" for problem in problems_of(suite, told, is_whole)]
    print(*problems, sep="\n")
    sys.exit(bool(problems))


if __name__ == "__main__":
    main()
