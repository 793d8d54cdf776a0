"""The level in use: chosen once at import, or by the environment variable ``XCORR_LEVEL``."""

import contextlib
import importlib
import importlib.util
import os
from collections.abc import Iterator
from typing import Any, NamedTuple

import xcorr._cpu as _cpu
from xcorr._foreign import shown


class Level(NamedTuple):
    """One ISA build: its name and the capsule with its table of micro-kernels."""

    name: str
    table: Any


def built_levels() -> tuple[str, ...]:
    """The levels that this installation holds, the plainest first."""
    return tuple(name for name in _cpu.LEVELS if importlib.util.find_spec(f"xcorr._level_{name}") is not None)


def runnable_levels() -> tuple[str, ...]:
    """The levels that are built and that this machine can run, the plainest first."""
    supported = _cpu.supported_levels()
    return tuple(name for name in built_levels() if name in supported)


def load(name: str) -> Level:
    """The level of that name; ValueError if it is unknown, not built or not runnable here."""
    runnable = runnable_levels()
    if name not in runnable:
        raise ValueError(f"XCORR_LEVEL: got {shown(name)}; this machine and build can run {', '.join(runnable)}")
    return Level(name, importlib.import_module(f"xcorr._level_{name}").table)


def current() -> Level:
    """The level in use."""
    return _current


@contextlib.contextmanager
def using_level(name: str) -> Iterator[None]:
    """Another level inside the block, for tests and measurements; not for several threads at once."""
    global _current
    before, _current = _current, load(name)
    try:
        yield
    finally:
        _current = before


_current = load(os.environ.get("XCORR_LEVEL") or runnable_levels()[-1])
