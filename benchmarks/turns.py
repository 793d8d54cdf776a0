"""Turns of calls that are compared: each begins when nothing else runs, with calls that are not timed."""

import contextlib
import platform
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

UNTIMED = 0.02
TIMED = 0.002
"""Seconds of the two parts of a turn, each at least one call."""

SHORT, BATCH = 50e-6, 100e-6
"""Calls of fewer seconds than the first are timed in batches of about the second."""

PATIENCE = 0.2
"""Seconds after which a turn begins although another thread runs."""


def other_threads_run() -> bool:
    """Whether a thread of this process other than the caller is running; False where the system does not tell."""
    for folder in Path("/proc/self/task").glob("*"):
        with contextlib.suppress(OSError):  # the thread may have ended
            state = (folder / "stat").read_text().rpartition(")")[2].split()[0]
            if state == "R" and folder.name != str(threading.get_native_id()):
                return True
    return False


def wait_until_quiet() -> None:
    """Sleep until the threads of the contender before, which spin for more work, have gone to sleep as well."""
    give_up = time.perf_counter() + PATIENCE
    while other_threads_run() and time.perf_counter() < give_up:
        time.sleep(1e-3)


def turn(contender: Callable[[], Any]) -> list[float]:
    """Seconds of the timed calls of one turn."""
    wait_until_quiet()
    n_calls, begin = 0, time.perf_counter()
    while n_calls == 0 or time.perf_counter() - begin < UNTIMED:
        contender()
        n_calls += 1
    each = (time.perf_counter() - begin) / n_calls
    batch = range(max(1, round(BATCH / each)) if each < SHORT else 1)
    taken: list[float] = []
    begin = ended = time.perf_counter()
    while not taken or ended - begin < TIMED:
        started = time.perf_counter()
        for _ in batch:
            contender()
        ended = time.perf_counter()
        taken.append((ended - started) / len(batch))
    return taken


def processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), "unknown")
