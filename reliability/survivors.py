"""What mutmut's last run in this folder left alive; the status is 1 where fewer than nine in ten mutants were killed.

python ../../reliability/survivors.py
"""

import json
import subprocess
import sys
from pathlib import Path

LEAST_KILLED = 0.9


def mutmut(*arguments: str) -> str:
    command = [str(Path(sys.executable).with_name("mutmut")), *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def changed_lines(mutant: str) -> list[str]:
    lines = mutmut("show", mutant).splitlines()
    return [line for line in lines if line[:1] in ("+", "-") and line[:3] not in ("+++", "---")]


def main() -> int:
    mutmut("export-cicd-stats")
    counts = json.loads(Path("mutants/mutmut-cicd-stats.json").read_text())
    for line in mutmut("results").splitlines():
        name, _, state = line.strip().partition(": ")
        print(f"{name}: {state}", *changed_lines(name), sep="\n    ")
    killed = counts["killed"] + counts["timeout"]
    print(f"{killed} of {counts['total']} mutants killed")
    return 0 if killed >= LEAST_KILLED * counts["total"] else 1


if __name__ == "__main__":
    sys.exit(main())
