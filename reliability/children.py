"""Functions run in child processes that may be stopped, and whose memory may be limited."""

import multiprocessing
import resource
import signal
import time
from collections.abc import Callable
from typing import Any


def run(
    function: Callable[..., None], *arguments: Any, silence: float = 60, address_space: int | None = None
) -> tuple[dict[str, list[Any]], str]:
    """What `function(tell, *arguments)` told by `tell(kind, what)`, and how it ended: "" or what went wrong.

    Of the kind "at" only the last is kept. A child that tells nothing for `silence` seconds is killed. `address_space` is the most that it may map, in bytes,
    beyond what it has when the function begins.
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
        self.end = time.monotonic() + seconds

    def __bool__(self) -> bool:
        return time.monotonic() < self.end
