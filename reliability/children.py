"""Functions run in child processes that may be stopped, and whose memory may be limited."""

import itertools
import multiprocessing
import resource
import signal
import time
from collections.abc import Callable
from typing import Any

from rows import SHORT, Outcome

Tell = Callable[..., None]


def run(
    function: Callable[..., None], *arguments: Any, silence: float = 60, address_space: int | None = None
) -> tuple[dict[str, list[Any]], str]:
    """What `function(tell, *arguments)` told by `tell(kind, what)`, and how it ended: "" or what went wrong.

    Of the kind "at" only the last is kept. A child that tells nothing for `silence` seconds is killed. `address_space`
    is the most that it may map, in bytes, beyond what it has when the function begins.
    """
    context = multiprocessing.get_context("spawn")
    receiver, sender = context.Pipe(duplex=False)
    child = context.Process(target=begin, args=(sender, address_space, function, arguments), daemon=True)
    child.start()
    sender.close()
    told: dict[str, list[Any]] = {"at": []}
    try:
        while receiver.poll(silence):
            kind, what = receiver.recv()
            if kind == "at":
                told["at"].clear()
            told.setdefault(kind, []).append(what)
    except EOFError:
        child.join(silence)
    if child.exitcode is None:
        child.kill()
        child.join()
        return told, f"nothing told for {silence} s"
    if child.exitcode < 0:
        return told, f"killed by {signal.Signals(-child.exitcode).name}"
    return told, f"status {child.exitcode}" if child.exitcode else ""


def begin(sender: Any, address_space: int | None, function: Callable[..., None], arguments: tuple[Any, ...]) -> None:
    if address_space is not None:
        limit_address_space(address_space)
    function(lambda *told: sender.send(told), *arguments)


def limit_address_space(more: int) -> None:
    """Lets this process map that many bytes more than it does now."""
    with open("/proc/self/statm") as sizes:
        mapped = int(sizes.read().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (mapped + more, resource.RLIM_INFINITY))


class Clock:
    """Whether the seconds that a row may take are over."""

    def __init__(self, seconds: float) -> None:
        self.is_short = seconds <= SHORT
        self.end = time.monotonic() + seconds

    def __bool__(self) -> bool:
        return time.monotonic() < self.end


class Count:
    """Counts cases, and tells which one begins and what is wrong with it."""

    def __init__(self, tell: Tell) -> None:
        self.tell = tell
        self.n_cases = 0

    def begin(self, case: str) -> None:
        self.n_cases += 1
        self.tell("at", (self.n_cases, case))

    def wrong(self, case: str, problem: object) -> None:
        self.tell("wrong", f"{case}: {problem}")


def counted(part: Callable[..., None], *arguments: Any, silence: float = 60, address_space: int | None = None) -> Any:
    """Cases of a part that is run in a child process, and what was wrong."""
    told, ending = run(run_counted, part, *arguments, silence=silence, address_space=address_space)
    n_cases, case = told["at"][-1] if told["at"] else (0, "the beginning")
    return n_cases, [*told.get("wrong", []), *([f"{ending} at {case}"] if ending else [])]


def run_counted(tell: Tell, part: Callable[..., None], *arguments: Any) -> None:
    part(Count(tell), *arguments)


def outcome(results: list[tuple[int, list[str]]], what: str) -> Outcome:
    wrong = tuple(itertools.chain.from_iterable(remarks for _, remarks in results))
    return Outcome(f"{len(wrong)} {what}", sum(n_cases for n_cases, _ in results), not wrong, wrong)
