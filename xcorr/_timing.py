"""How long a call takes."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence

__all__ = ["best_in_turns", "best_seconds", "warm_seconds"]

Call = Callable[[], object]

N_TURNS = 5


def best_seconds(call: Call, seconds: float) -> float:
    """Return the shortest of the runs that fit into the seconds, at least one."""
    return best_in_turns([call], seconds)[0]


def warm_seconds(call: Call, seconds: float) -> float:
    """Return the same for a call that has been made before."""
    call()
    return best_seconds(call, seconds)


def best_in_turns(calls: Sequence[Call], seconds: float) -> list[float]:
    """Return the shortest run of each call; they take turns until each has had its seconds, and one run at least.

    What else the machine does so meets all of them. In a turn a call is repeated, so that but for its first run it
    finds the caches as it left them.
    """
    best, spent = [math.inf] * len(calls), [0.0] * len(calls)
    for turn in range(1, N_TURNS + 1):
        for place, call in enumerate(calls):
            while spent[place] < seconds * turn / N_TURNS:
                begin = time.perf_counter()
                call()
                taken = time.perf_counter() - begin
                best[place], spent[place] = min(best[place], taken), spent[place] + taken
    return best
