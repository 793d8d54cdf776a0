"""R23: jobs of the command line that are killed."""

import os
import sys
import tempfile
from pathlib import Path

from rows import Outcome, Row

sys.path.append(str(Path(__file__).parents[1] / "tests"))
import killed

MEMORY = "/dev/shm"
"""Where waiting for a disk does not take the time of the kills."""

KILLS = 100
"""After which a row ends, however much time it has."""


def killed_jobs(seconds: float, seed: int) -> Outcome:
    if killed.NEEDED:
        return Outcome("not measured", 0, True, (f"without {', '.join(killed.NEEDED)} there is no job to kill",))
    with tempfile.TemporaryDirectory(dir=MEMORY if os.access(MEMORY, os.W_OK) else None) as folder:
        found = killed.kill_jobs(folder, seed, KILLS, seconds)
    figure = f"{len(found.problems)} differences or partial files, {found.n_jobs} jobs"
    return Outcome(figure, found.n_kills, not found.problems, tuple(found.problems))


ROWS = [
    Row(
        "R23",
        "jobs of xcorr apply, every format, killed by SIGKILL at random moments and begun again: no partial file "
        "under a result's name after any kill, at the end the tree of a run that nobody killed",
        "0 differences",
        killed_jobs,
    )
]
