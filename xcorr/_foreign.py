"""Objects of a caller, looked at without relying on their methods: these may fail, never end, or say very much."""

import reprlib
from itertools import islice
from typing import Any

_repr = reprlib.Repr()
_repr.maxstring = _repr.maxother = 80


def shown(value: Any) -> str:
    """`repr(value)` for a message, shortened where it is long."""
    try:
        return _repr.repr(value)
    except Exception:  # a number of too many digits, an object whose repr fails
        return f"<{type(value).__name__}>"


def attribute(value: Any, name: str) -> Any:
    """The attribute, None where there is none to have."""
    try:
        return getattr(value, name, None)
    except Exception:
        return None


def first_items(value: Any, most: int) -> tuple[Any, ...]:
    """The first items of a sequence; TypeError where they cannot be had."""
    try:
        return tuple(islice(value, most))
    except MemoryError:
        raise
    except Exception as error:
        raise TypeError(f"{type(value).__name__} gives no items: {error}") from error
