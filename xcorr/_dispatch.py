"""The level in use: chosen once at import, or by the environment variable ``XCORR_LEVEL``.

Beside it stand products of bytes (VNNI), which some processors of a level have: ``XCORR_VNNI=0`` leaves them out.
"""

import contextlib
import importlib
import importlib.util
import os
from collections.abc import Iterator
from typing import Any, NamedTuple

import xcorr._cpu as _cpu
from xcorr._foreign import shown


class Level(NamedTuple):
    """One ISA build: its name, the capsule with its table of micro-kernels, and whether these multiply bytes."""

    name: str
    table: Any
    vnni: bool

    @property
    def scores(self) -> Any:
        """The capsule with the level's passes over scores."""
        return importlib.import_module(f"xcorr._level_{self.name}").scores


def built_levels() -> tuple[str, ...]:
    """The levels that this installation holds, the plainest first."""
    return tuple(name for name in _cpu.LEVELS if importlib.util.find_spec(f"xcorr._level_{name}") is not None)


def runnable_levels() -> tuple[str, ...]:
    """The levels that are built and that this machine can run, the plainest first."""
    supported = _cpu.supported_levels()
    return tuple(name for name in built_levels() if name in supported)


def load(name: str, vnni: bool | None = None) -> Level:
    """The level of that name; ValueError if it is unknown, not built or not runnable here.

    `vnni` is whether with products of bytes, ValueError without any; None stands for what there is and is not left out.
    """
    runnable = runnable_levels()
    if name not in runnable:
        raise ValueError(f"XCORR_LEVEL: got {shown(name)}; this machine and build can run {', '.join(runnable)}")
    module = importlib.import_module(f"xcorr._level_{name}")
    if vnni and not has_vnni(name):
        raise ValueError(f"vnni: this machine and build have no products of bytes at level {name}")
    if vnni or (vnni is None and vnni_is_wanted() and has_vnni(name)):
        return Level(name, module.table_vnni, True)
    return Level(name, module.table, False)


def has_vnni(name: str) -> bool:
    """Whether this machine and build have products of bytes at a level that is runnable here."""
    return importlib.import_module(f"xcorr._level_{name}").table_vnni is not None and _cpu.has_vnni(name)


def vnni_is_wanted() -> bool:
    """Whether the environment does not leave out products of bytes; ValueError for what it may not say."""
    wish = os.environ.get("XCORR_VNNI") or "1"
    if wish not in ("0", "1"):
        raise ValueError(f"XCORR_VNNI: got {shown(wish)}; allowed are 0 and 1")
    return wish == "1"


def current() -> Level:
    """The level in use."""
    return _current


@contextlib.contextmanager
def using_level(name: str, vnni: bool | None = None) -> Iterator[None]:
    """Another level inside the block, for tests and measurements; not for several threads at once."""
    global _current
    before, _current = _current, load(name, vnni)
    try:
        yield
    finally:
        _current = before


def subnormals_are_slow() -> bool:
    """Whether products with subnormal numbers may take this machine a hundred times as long as others."""
    return _slow_subnormals


@contextlib.contextmanager
def with_subnormals(slow: bool) -> Iterator[None]:
    """Subnormal numbers slow or not inside the block, for tests and measurements; not for several threads at once."""
    global _slow_subnormals
    before, _slow_subnormals = _slow_subnormals, slow
    try:
        yield
    finally:
        _slow_subnormals = before


_slow_subnormals = _cpu.has_slow_subnormals()
_current = load(os.environ.get("XCORR_LEVEL") or runnable_levels()[-1])
