"""Room in memory: how many bytes of images and responses a command holds at the same time."""

from __future__ import annotations

import os
import re
from pathlib import Path

from xcorr._workers import read_lines

__all__ = ["ALLOWED", "bytes_in", "most_bytes_here"]

SHARE = 4
"""The part of the machine's memory that is taken unless more or less is asked for: one in so many."""

UNKNOWN = 1 << 30
"""Bytes where the system does not tell how much memory there is."""

ALLOWED = "a number of bytes, at least 1, as 500000, 512M, 2G (of 1000) or 2GiB (of 1024)"

POWERS = {letter: power for power, letter in enumerate("KMGTP", 1)}
SIZE = re.compile(r"(\d{1,18})(?:\.(\d{1,6}))?\s*(?:([KMGTP])(I?)B?|B)?", re.IGNORECASE | re.ASCII)


def bytes_in(text: str) -> int:
    """Return the bytes that a size such as 512M or 2GiB means; ValueError if it is none.

    >>> bytes_in("4096"), bytes_in("512M"), bytes_in("1.5 GiB")
    (4096, 512000000, 1610612736)
    """
    found = SIZE.fullmatch(text.strip())
    if found is None:
        raise ValueError(f"got {text!r}; allowed is {ALLOWED}")
    whole, fraction, letter, binary = found.groups(default="")
    unit = (1024 if binary else 1000) ** POWERS.get(letter.upper(), 0)
    n_bytes = int(whole + fraction) * int(unit) // int(10 ** len(fraction))
    if n_bytes < 1:
        raise ValueError(f"got {text!r}; allowed is {ALLOWED}")
    return n_bytes


def most_bytes_here() -> int:
    """Return a share of the memory that this process may have, the same at each call on a machine."""
    try:
        memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):  # Windows
        memory = UNKNOWN * SHARE
    return max(1, min([memory, *granted()]) // SHARE)


def granted(root: str = "/sys/fs/cgroup", membership: str = "/proc/self/cgroup") -> list[int]:
    """Return the limits of the process's control group and of those above it (versions 2 and 1)."""
    limits = []
    for line in read_lines(Path(membership)):
        _, controllers, group = [*line.split(":", 2), "", ""][:3]
        if controllers and "memory" not in controllers.split(","):
            continue
        folder = Path(root) / ("memory" if controllers else "")
        own = folder / group.lstrip("/")
        for place in (own, *own.parents):
            if folder not in (place, *place.parents):
                break
            found = read_lines(place / ("memory.limit_in_bytes" if controllers else "memory.max"))
            limits += [int(word) for word in found if word.isdigit() and int(word) > 0]
    return limits
