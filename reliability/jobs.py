"""R23 and R24: jobs of the command line that are killed, and that find links, pipes and devices."""

import os
import tempfile

from rows import Outcome, Row
from support import killed, swapped

MEMORY = "/dev/shm"
"""Where waiting for a disk does not take the time of the kills."""

KILLS, SWAPS = 100, 10_000
"""After which a row ends, however much time it has."""


def unmeasured() -> Outcome:
    return Outcome("not measured", 0, True, (f"without {', '.join(killed.NEEDED)} there is no job to disturb",))


def killed_jobs(seconds: float, seed: int) -> Outcome:
    if killed.NEEDED:
        return unmeasured()
    with tempfile.TemporaryDirectory(dir=MEMORY if os.access(MEMORY, os.W_OK) else None) as folder:
        found = killed.kill_jobs(folder, seed, KILLS, seconds)
    figure = f"{len(found.problems)} differences or partial files, {found.n_jobs} jobs"
    return Outcome(figure, found.n_kills, not found.problems, tuple(found.problems))


def swapped_files(seconds: float, seed: int) -> Outcome:
    if swapped.NEEDED:
        return unmeasured()
    with tempfile.TemporaryDirectory(dir=MEMORY if os.access(MEMORY, os.W_OK) else None) as folder:
        found = swapped.swap_files(folder, seed, SWAPS, seconds)
    figure = f"{len(found.problems)} files touched, hangs or wrong results"
    return Outcome(figure, found.n_cases, not found.problems, tuple(found.problems))


ROWS = [
    Row(
        "R23",
        "jobs of xcorr apply, every format, and of xcorr match, killed by SIGKILL at random moments and begun again: "
        "no partial file under a result's name after any kill, at the end the tree of a run that nobody killed",
        "0 differences",
        killed_jobs,
    ),
    Row(
        "R24",
        "jobs of xcorr apply, every format, and the files of xcorr demo, with a link, pipe, device, socket, hard link "
        "or folder where the command looks, before it begins or just before a call that opens, lists, renames or "
        "removes: nothing of somebody's own is read, written or removed, nothing waits, the next run is right",
        "0",
        swapped_files,
    ),
]
