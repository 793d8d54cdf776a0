"""The thread pool: how many workers, how a call is run by them, cancelling, forks and shutdown.

Workers are threads of the system that wait for a call to help with; they hold no lock while they compute. The calling
thread always works too, so a call is done even where no thread can be had. Who is inside of a call's loops is counted
by the engine.
"""

import contextlib
import itertools
import os
import sys
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol

import numpy as np

from xcorr._cache import remembered
from xcorr._engine import Preparation, Stopped, forked, go_on
from xcorr._foreign import refuses, shown
from xcorr._memory import come_to_hand, empty, forget_threads, go_to_sleep
from xcorr._reading import whole_number
from xcorr._threads import RLock, SimpleQueue, start_new_thread

ALLOWED = "None, -1 (all) or an integer >= 1"
BYTES = np.dtype(np.int8)
WORKSPACE_LIMIT = 256 * 2**20
"""Bytes that a call may need beyond its inputs and its response."""


class Runnable(Protocol):
    """What the workers run: a `Call` of the engine, or a `Preparation`."""

    workspace_bytes: int
    workspaces: list[Any]
    n_tasks: int

    @property
    def error(self) -> BaseException | None:
        """What a helper raised."""

    def run(self, worker: int, stays: bool = False) -> None: ...

    def cancel(self) -> None: ...

    def close(self) -> None: ...


# --- how many ---------------------------------------------------------------------------------------------------------


def usable_cpus() -> int:
    """The CPUs that this process may really use: its affinity, and its control group's quota rounded up."""
    try:
        n_cpus = len(os.sched_getaffinity(0))
    except (AttributeError, OSError) as error:
        if not refuses(error):
            raise
        n_cpus = os.cpu_count() or 1
    quota = cgroup_quota()
    return max(1, n_cpus if quota is None else min(n_cpus, quota))


@remembered(None)
def cgroup_quota(root: str = "/sys/fs/cgroup", membership: str = "/proc/self/cgroup") -> int | None:
    """The CPUs that the control group grants, rounded up; None without a limit (versions 2 and 1)."""
    quotas = []
    for line in read_lines(Path(membership)):
        _, controllers, group = [*line.split(":", 2), "", ""][:3]
        folder = Path(root) / ("" if not controllers else "cpu")
        own = folder / group.lstrip("/")
        for place in (own, *own.parents):
            if folder not in (place, *place.parents):
                break
            if not controllers:
                numbers = " ".join(read_lines(place / "cpu.max")).split()
            elif "cpu" in controllers.split(","):
                numbers = read_lines(place / "cpu.cfs_quota_us") + read_lines(place / "cpu.cfs_period_us")
            else:
                continue
            if len(numbers) == 2 and numbers[0].isdigit() and numbers[1].isdigit() and int(numbers[1]) > 0:
                quotas.append(-(-int(numbers[0]) // int(numbers[1])))
    return max(1, min(quotas)) if quotas else None


def read_lines(path: Path) -> list[str]:
    try:
        with open(path, "rb") as stream:
            return stream.read().decode(errors="replace").splitlines()
    except (OSError, ValueError) as error:
        if not refuses(error, "pathlib"):
            raise
        return []


def count_workers(workers: Any, argument: str = "workers") -> int:
    """The number of workers that a `workers` argument means."""
    if workers is None:
        return get_workers()
    number = whole_number(workers, argument, -1, ALLOWED)
    if number == 0:
        raise ValueError(f"{argument}: got 0; allowed is {ALLOWED}")
    return usable_cpus() if number == -1 else number


def get_workers() -> int:
    """The number of workers that a call uses at most when it is not told.

    Returns
    -------
    int
        What `set_workers` said, else the environment variable ``XCORR_WORKERS``, else the CPUs that this process may
        really use (affinity and control group quota).

    Raises
    ------
    ValueError
        If ``XCORR_WORKERS`` is not -1 or an integer >= 1.

    See Also
    --------
    set_workers : Say another number.

    Examples
    --------
    >>> import xcorr
    >>> xcorr.get_workers() >= 1
    True
    """
    if _default is not None:
        return _default
    said = os.environ.get("XCORR_WORKERS", "").strip()
    if not said:
        return usable_cpus()
    number = 0
    try:
        number = int(said)
    except ValueError as error:
        if not refuses(error):
            raise
    if number != -1 and not 1 <= number <= sys.maxsize:
        raise ValueError(f"XCORR_WORKERS: got {shown(said)}; allowed is -1 (all) or an integer >= 1")
    return usable_cpus() if number == -1 else number


class set_workers:
    """Set the number of workers that calls use at most when they are not told.

    As a function it holds until it is called again; in a ``with`` statement until the block ends. It counts for all
    threads of the process.

    Parameters
    ----------
    n : int or None
        Threads, the calling one included; -1 for all CPUs that this process may use, None for the default again.

    Raises
    ------
    TypeError, ValueError
        If `n` is not None, -1 or an integer >= 1.

    See Also
    --------
    get_workers : What is set.

    Examples
    --------
    >>> import xcorr
    >>> with xcorr.set_workers(1):
    ...     xcorr.get_workers()
    1
    """

    def __init__(self, n: int | None) -> None:
        global _default
        number = None if n is None else count_workers(n, "n")
        self._before, _default = _default, number

    def __enter__(self) -> "set_workers":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        global _default
        _default = self._before


_default: int | None = None


def most_threads() -> int:
    """Threads that a call is ever done by, whatever it asks for: more than a few for each CPU only cost."""
    return max(16, 4 * usable_cpus())


def refuse_too_large(argument: str, what: str, n_bytes: int, beside: int = 0, other: str = "") -> None:
    """MemoryError before anything is allocated, if the workspace's limit does not allow that many bytes.

    They are there at the same time as those `beside` of something `other`.
    """
    if n_bytes + beside > WORKSPACE_LIMIT:
        both = f", beside {beside} bytes of {other}" if beside else ""
        raise MemoryError(
            f"{argument}: {n_bytes} bytes of {what} would be needed{both}; at most {WORKSPACE_LIMIT} are allowed"
        )


# --- the pool ---------------------------------------------------------------------------------------------------------


MOST_WAITING = 256
"""Calls for help that may wait: where the threads are busy elsewhere, later ones are done without."""


class Pool:
    """Threads that wait for calls to help with; as many as were ever wanted at once."""

    def __init__(self) -> None:
        self.helps: SimpleQueue[Callable[[], None]] = SimpleQueue()
        self.lock = RLock()  # a signal's handler may call inside of a call
        self.n_threads = 0

    def ask(self, help_once: Callable[[], None], n_helpers: int) -> None:
        """Has `help_once` called by up to `n_helpers` threads."""
        with self.lock:
            while self.n_threads < n_helpers:
                try:
                    start_new_thread(self.serve, ())
                except RuntimeError as error:  # no more threads can be had, or the interpreter is shutting down
                    if not refuses(error):
                        raise
                    break
                self.n_threads += 1
            n_helpers = min(n_helpers, self.n_threads, MOST_WAITING - self.helps.qsize())
        for _ in range(n_helpers):
            self.helps.put(help_once)

    def serve(self) -> None:
        while True:
            try:
                help_once = self.helps.get()
                come_to_hand()
                try:
                    help_once()
                finally:
                    del help_once
                    go_to_sleep(self.helps.empty())
            except MemoryError:  # before it was inside: the others do its part
                continue


_pool = Pool()


def _forget_pool() -> None:
    """Makes a pool for a forked child: the threads did not come along, and one of them may hold the old lock."""
    global _pool
    _pool = Pool()
    forget_threads()
    forked()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_pool)


class Team:
    """The helpers of one call: each runs it as a worker of its own."""

    def __init__(self, call: Runnable) -> None:
        self.call: Runnable | None = call
        self.n_cpus = usable_cpus()
        self.workers = itertools.count(1)

    def help_once(self) -> None:
        call = self.call
        if call is None:  # it is done: one that comes too late holds the team for a while, but not the call's arrays
            return
        worker = next(self.workers)
        with contextlib.suppress(BaseException):  # the call has noted it
            call.run(worker, worker < self.n_cpus)


def run(call: Runnable, n_workers: int) -> None:
    """Has the call done by the calling thread and up to ``n_workers - 1`` helpers."""
    call.workspaces = [empty((call.workspace_bytes,), BYTES) for _ in range(n_workers)]
    if n_workers == 1:
        call.run(0)
        return
    team = Team(call)
    try:
        _pool.ask(team.help_once, n_workers - 1)
        call.run(0)
    except BaseException as error:
        call.cancel()
        if isinstance(error, Stopped) and call.error is not None:  # of a helper, for which this thread has stopped
            raise call.error from None
        raise
    finally:
        call.close()  # compiled, so that no signal's exception can come before everybody has left
        team.call = None
    if call.error is not None:
        raise call.error


def prepare(do: Callable[[int], None], n_tasks: int, n_workers: int) -> None:
    """Has tasks done, each once, by the calling thread and up to ``n_workers - 1`` helpers."""
    if n_workers > 1 and n_tasks > 1:
        run(Preparation(do, n_tasks), min(n_workers, n_tasks))
    else:
        for task in range(n_tasks):
            do(task)


def prepare_parts(do: Callable[[int, int], None], n_parts: int, n_pieces: int, n_workers: int) -> None:
    """Has ``do(first, end)`` done of all parts, in so many pieces, between which a signal is answered."""

    def piece(index: int) -> None:
        go_on()
        do(n_parts * index // n_pieces, n_parts * (index + 1) // n_pieces)

    prepare(piece, n_pieces, n_workers)
