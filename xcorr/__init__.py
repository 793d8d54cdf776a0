"""Cross-correlation of batches of images with banks of kernels on CPUs.

A call goes ``_correlate`` (the verbs) -> ``_geometry`` (shapes) -> ``_method`` (which way) -> ``_plan`` (what is
prepared) -> ``_workers`` (threads) -> ``_engine`` (loops) -> ``_level_*`` (micro-kernels).
"""

from importlib import import_module as _import_module
from importlib.util import find_spec as _find_spec
from typing import TYPE_CHECKING as _TYPE_CHECKING
from typing import Any as _Any

if _find_spec("xcorr._engine") is None:
    raise ImportError(
        f"xcorr: in {__path__[0]} are sources that are not compiled: pip install ., then import xcorr in another folder"
    )

from xcorr import banks, datasets
from xcorr._correlate import (
    choose_method,
    convolve,
    correlate,
    correlation_indices,
    response_shape,
    window_index,
    windows,
)
from xcorr._correlator import Correlator
from xcorr._info import info
from xcorr._workers import get_workers, set_workers
from xcorr.datasets import DataFormatError

if _TYPE_CHECKING:
    from xcorr import plot

__all__ = [
    "Correlator",
    "DataFormatError",
    "banks",
    "choose_method",
    "convolve",
    "correlate",
    "correlation_indices",
    "datasets",
    "get_workers",
    "info",
    "plot",
    "response_shape",
    "set_workers",
    "window_index",
    "windows",
]


def __getattr__(name: str) -> _Any:
    """`xcorr.plot` is imported when it is asked for."""
    if name == "plot":
        return _import_module("xcorr.plot")
    raise AttributeError(f"module 'xcorr' has no attribute {name!r}")
