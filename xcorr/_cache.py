"""What the process remembers between calls, all of it; `clear_caches` forgets it.

Plans, packed small banks, recent small calls and the answers of slow questions are here; the memory of large responses
is kept by `_memory`. What a `Correlator` has prepared is its own, and lives as long as it does.
"""

import functools
import os
from collections.abc import Callable, Hashable
from typing import Any, TypeVar

import xcorr._memory as _memory
from xcorr._threads import RLock

Function = TypeVar("Function", bound=Callable[..., Any])

PLANS = 1024
BANKS, BANK_BYTES = 1024, 2**25
"""Small banks that are kept packed, and the bytes of all of them, of which the largest takes some 2 MiB."""

RECENT_CALLS = 8
"""Small calls with operands of the same shapes that can be repeated. Each that is looked at in vain costs 40 ns
(2026-11-26, AMD EPYC (Zen 5))."""

RECENT_SHAPES, RECENT_BYTES = 1024, 2**25
"""Shapes of operands with such calls, and the bytes of all that these keep."""


class Cache:
    """Holds at most `most` values, of `most_bytes` together, those that were kept last.

    Threads may share it, and handlers of signals.
    """

    def __init__(self, most: int, most_bytes: int = 0) -> None:
        self.most, self.most_bytes = most, most_bytes
        self.values: dict[Hashable, Any] = {}
        self.sizes: dict[Hashable, int] = {}
        self.lock = RLock()
        _caches.append(self)

    def find(self, key: Hashable) -> Any:
        """Return the value of `key`, or None."""
        return self.values.get(key)

    def keep(self, key: Hashable, value: Any, n_bytes: int = 0) -> None:
        """Remember a value, at the cost of those that were kept first."""
        with self.lock:
            self.values[key], self.sizes[key] = value, n_bytes
            if self.has_room():
                return
            for first in list(self.values):  # a copy: a handler of signals may keep others meanwhile
                self.values.pop(first, None)
                self.sizes.pop(first, None)
                if self.has_room():
                    break

    def has_room(self) -> bool:
        """Whether what is kept is within the limits."""
        return len(self.values) <= self.most and sum(self.sizes.values()) <= self.most_bytes

    def clear(self) -> None:
        """Forget every value."""
        with self.lock:
            self.values.clear()
            self.sizes.clear()

    def renew(self) -> None:
        """Forget every value in a forked child: a thread that did not come along may hold the lock."""
        self.lock = RLock()
        self.values.clear()
        self.sizes.clear()


def remembered(most: int | None) -> Callable[[Function], Function]:
    """Remember at most so many answers of a function, as `functools.lru_cache` does."""

    def remembering(function: Function) -> Function:
        answers = functools.lru_cache(maxsize=most)(function)
        _answers.append(answers)
        return answers  # type: ignore[return-value]

    return remembering


_caches: list[Cache] = []
_answers: list[Any] = []

plans = Cache(PLANS)
banks = Cache(BANKS, BANK_BYTES)
recent_calls = Cache(RECENT_SHAPES, RECENT_BYTES)


def remember_call(shapes: int, call: Any, is_replaced: Callable[[Any], bool]) -> None:
    """Put a call before the recent ones with operands of these shapes, in the place of those that it replaces."""
    others = [old for old in recent_calls.find(shapes) or () if not is_replaced(old)]
    calls = [call, *others[: RECENT_CALLS - 1]]
    recent_calls.keep(shapes, calls, sum(one.n_bytes for one in calls))


def clear_caches() -> None:
    """Forget what earlier calls have left behind, and give kept memory back to the system.

    Calls remember their plans, small packed banks, the last few small calls and up to 256 MiB of memory of responses
    that were let go of, so that later calls are faster. Nothing else depends on it: responses are the same after. What
    a `Correlator` has prepared stays with it.

    See Also
    --------
    info : What is kept now, among other things.

    Examples
    --------
    >>> import xcorr
    >>> xcorr.clear_caches()
    """
    for cache in _caches:
        cache.clear()
    for answers in _answers:
        answers.cache_clear()
    _memory.free_kept_memory()


def _forked() -> None:
    for cache in _caches:
        cache.renew()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forked)
