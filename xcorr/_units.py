"""Numbers as people read them: times, memory, counts."""

from __future__ import annotations

from typing import Any

__all__ = ["count_word", "readable", "size_word", "time_word"]

TIMES = ((3600, "h"), (60, "min"), (1, "s"), (1e-3, "ms"), (1e-6, "µs"), (1e-9, "ns"))
SIZES = ((1e15, "PB"), (1e12, "TB"), (1e9, "GB"), (1e6, "MB"), (1e3, "kB"), (1, "bytes"))
COUNTS = ((1e12, "trillion"), (1e9, "billion"), (1e6, "million"))


def time_word(seconds: float) -> str:
    """Return a time in two digits or more: 5.8 ms, 12 s, 410 s is 6.8 min.

    >>> time_word(0.0058), time_word(12.3), time_word(0)
    ('5.8 ms', '12 s', '0 s')
    """
    return in_units(seconds, TIMES, 2) if seconds else "0 s"


def size_word(n_bytes: int) -> str:
    """Return a size in three digits or more, in units of a thousand bytes.

    >>> size_word(36_000_000), size_word(1234), size_word(5)
    ('36 MB', '1.23 kB', '5 bytes')
    """
    return in_units(n_bytes, SIZES, 3)


def count_word(count: float) -> str:
    """Return a count in three digits or more.

    >>> count_word(924_844_032), count_word(65_536)
    ('925 million', '65,536')
    """
    return in_units(count, COUNTS, 3) if count >= 1e6 else f"{round(count):,}"


def in_units(number: float, units: tuple[tuple[float, str], ...], n_digits: int) -> str:
    """Return a number in the largest unit of which it is one or more, else in the smallest."""
    rounded = [(float(f"{number / unit:.{n_digits}g}"), word) for unit, word in units]
    value, word = next((pair for pair in rounded if pair[0] >= 1), rounded[-1])
    return f"{value:,.10g} {word}"


def readable(facts: dict[str, Any]) -> dict[str, str]:
    """Return facts as words: "x, bytes" and "x, s" become x in units, behind another fact of that name if there is."""
    words: dict[str, str] = {}
    for name, value in facts.items():
        base, _, unit = name.rpartition(", ")
        if unit == "bytes":
            words[base] = f"{words[base]}, {size_word(value)}" if base in words else size_word(value)
        elif unit == "s":
            words[base] = time_word(value)
        elif value is None:
            words[name] = "no limit"
        elif isinstance(value, list):
            words[name] = ", ".join(map(str, value))
        elif isinstance(value, int) and not isinstance(value, bool):
            words[name] = count_word(value)
        else:
            words[name] = str(value)
    return words
