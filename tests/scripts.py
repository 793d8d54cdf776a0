"""Scripts in interpreters of their own, for what would harm this one or depends on what it did before."""

import os
import signal
import sys
from pathlib import Path
from subprocess import PIPE, Popen, TimeoutExpired
from typing import NamedTuple

import xcorr

FORKS = "ignore::DeprecationWarning"  # Python 3.12 warns of a fork beside threads


class Ended(NamedTuple):
    """How a script ended: its exit status, None if it had to be killed, and what it printed."""

    status: int | None
    printed: str
    errors: str


def run_to_the_end(text, *arguments, timeout=30, **variables):
    """A script run by a fresh interpreter with the same xcorr; no process that it started is left."""
    folders = [str(Path(xcorr.__file__).parents[1]), *filter(None, sys.path)]
    variables = dict(os.environ, PYTHONPATH=os.pathsep.join(folders), PYTHONWARNINGS=FORKS, **variables)
    command, pipes = [sys.executable, "-c", text, *map(str, arguments)], dict.fromkeys(("stdout", "stderr"), PIPE)
    with Popen(command, **pipes, text=True, start_new_session=True, env=variables) as process:
        try:
            printed, errors = process.communicate(timeout=timeout)
        except TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            return Ended(None, *process.communicate())
        except BaseException:
            os.killpg(process.pid, signal.SIGKILL)
            raise
    return Ended(process.returncode, printed, errors)


def run_script(text, *arguments, timeout=30, **variables):
    """What a script prints; its exit status is 0, its stderr is silent."""
    ended = run_to_the_end(text, *arguments, timeout=timeout, **variables)
    assert (ended.status, ended.errors) == (0, ""), ended
    return ended.printed
