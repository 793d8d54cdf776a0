"""Objects of a caller, looked at without relying on their methods: these may fail, never end, or say very much.

What they raise is the caller's and comes through as it is, and so does what a signal's handler raises meanwhile.
"""

from itertools import islice
from types import WrapperDescriptorType
from typing import Any

import numpy as np

BRACKETS: dict[type[Any], tuple[str, str]] = {
    list: ("[", "]"),
    tuple: ("(", ")"),
    set: ("{", "}"),
    frozenset: ("{", "}"),
    dict: ("{", "}"),
}
MOST_ITEMS, MOST_LEVELS = 6, 3
LONGEST = 80
MOST_BITS = 2000
"""Bits of an int that is shown: Python's limit on digits is at least 640, https://docs.python.org/3/library/sys.html."""


def refuses(error: Exception, *libraries: str) -> bool:
    """Whether a value was refused by the code that was called: Python's own, NumPy's, this package's or `libraries`'.

    What the code of others raises that these run (an object's method, a signal's handler) passes through one of its
    frames. Memory that is wanting is no refusal.
    """
    known = {"xcorr", "numpy", *libraries}
    if isinstance(error, MemoryError) or root_of(type(error).__module__) not in {"builtins", *known}:
        return False
    trace = error.__traceback__
    while trace is not None and root_of(trace.tb_frame.f_globals.get("__name__")) in known:
        trace = trace.tb_next
    return trace is None


def root_of(module: Any) -> str:
    """The package of a module, by its name."""
    return module.partition(".")[0] if isinstance(module, str) else ""


def shown(value: Any, level: int = 0) -> str:
    """`repr(value)` for a message, shortened where it is long; the type alone if its repr is written in Python."""
    kind = type(value)
    if kind in BRACKETS:
        return shown_items(value, level)
    if kind is slice:
        return f"slice{shown_items((value.start, value.stop, value.step), level)}"
    if kind is int and value.bit_length() > MOST_BITS:
        return f"<int of {value.bit_length()} bits>"
    says_itself = isinstance(kind.__repr__, WrapperDescriptorType)
    if isinstance(value, np.ndarray) and (kind is not np.ndarray or value.dtype.hasobject):
        says_itself = False
    if not says_itself:
        return f"<{kind.__name__}>"
    text = repr(value[:LONGEST] if kind in (str, bytes, bytearray) else value)
    return text if len(text) <= LONGEST else f"{text[: LONGEST // 2 - 2]}...{text[1 - LONGEST // 2 :]}"


def shown_items(value: Any, level: int) -> str:
    """The first items of a container of Python's own."""
    opening, closing = BRACKETS[type(value)]
    if level == MOST_LEVELS and len(value):
        return f"{opening}...{closing}"
    if type(value) is dict:
        pairs = islice(value.items(), MOST_ITEMS)
        items = [f"{shown(key, level + 1)}: {shown(item, level + 1)}" for key, item in pairs]
    else:
        items = [shown(item, level + 1) for item in islice(value, MOST_ITEMS)]
    if len(value) > MOST_ITEMS:
        items.append("...")
    comma = "," if type(value) is tuple and len(value) == 1 else ""
    return opening + ", ".join(items) + comma + closing
