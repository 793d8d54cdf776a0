"""Tests under valgrind's memcheck; the status is 1 if an error has one of xcorr's compiled modules in its stack.

Errors of Python and of other libraries are counted only. The processor that valgrind shows
has no AVX-512, so the levels are `base` and `v3`.

    python reliability/memcheck.py [pytest's arguments]
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from xml.etree import ElementTree

TESTS = Path(__file__).parents[1] / "tests"
OWN = re.compile(r"/xcorr/_\w+\.[^/]*so$")
VALGRIND = ["valgrind", "--tool=memcheck", "--num-callers=40", "--error-limit=no", "--xml=yes"]


def errors_in(report: Path) -> list[ElementTree.Element]:
    """Those of a report but for leaks, which Python's own objects are at its end."""
    errors = ElementTree.parse(report).iter("error")
    return [error for error in errors if not error.findtext("kind", "").startswith("Leak_")]


def is_own(error: ElementTree.Element) -> bool:
    return any(OWN.search(frame.findtext("obj", "")) for frame in error.iter("frame"))


def told(error: ElementTree.Element) -> str:
    """What happened, and the stack down to the last compiled module of xcorr."""
    frames = list(error.find("stack") or [])
    last = max(index for index, frame in enumerate(frames) if OWN.search(frame.findtext("obj", "")))
    lines = [error.findtext("what") or error.findtext("xwhat/text", "")]
    lines += [f"    {frame.findtext('fn', '?')} in {frame.findtext('obj', '?')}" for frame in frames[: last + 1]]
    return "\n".join(lines)


def main() -> int:
    if shutil.which("valgrind") is None:
        print("valgrind is not installed", file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.xml"
        command = [*VALGRIND, f"--xml-file={report}", sys.executable, "-m", "pytest", "-p", "no:cacheprovider"]
        environment = {**os.environ, "PYTHONMALLOC": "malloc"}
        tests = subprocess.run([*command, *sys.argv[1:]], cwd=TESTS, env=environment, check=False)
        errors = errors_in(report)
    own = [error for error in errors if is_own(error)]
    print(f"\nmemcheck: {len(own)} errors in xcorr, {len(errors) - len(own)} elsewhere")
    for error in own:
        print(told(error))
    return tests.returncode or (1 if own else 0)


if __name__ == "__main__":
    sys.exit(main())
