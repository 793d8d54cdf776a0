"""Sizes of the processor's caches, as the system tells them."""

import functools
from pathlib import Path

CACHES = Path("/sys/devices/system/cpu/cpu0/cache")
USUAL_BYTES = {1: 32 * 1024, 2: 512 * 1024}
"""Sizes that are taken where the system tells none: those of most processors that are at all fast, or less."""

UNITS = {"K": 2**10, "M": 2**20}


@functools.cache
def cache_bytes(level: int) -> int:
    """The bytes of the data cache of a level, 1 or 2, that a core has."""
    for folder in sorted(CACHES.glob("index*")):
        try:
            own_level, kind, size = (read(folder, name) for name in ("level", "type", "size"))
            if own_level == str(level) and kind in ("Data", "Unified"):
                return int(size[:-1]) * UNITS[size[-1]]
        except (OSError, ValueError, KeyError, IndexError):
            continue  # a system that words it in another way
    return USUAL_BYTES[level]


def read(folder: Path, name: str) -> str:
    """A word that the system tells of a cache."""
    return (folder / name).read_text().strip()
