"""How long a call takes."""

from __future__ import annotations

import math
import time
from collections.abc import Callable

__all__ = ["best_seconds"]


def best_seconds(call: Callable[[], object], seconds: float) -> float:
    """Return the shortest of the runs that fit into the seconds, at least one."""
    best, spent = math.inf, 0.0
    while spent < seconds:
        begin = time.perf_counter()
        call()
        taken = time.perf_counter() - begin
        best, spent = min(best, taken), spent + taken
    return best
