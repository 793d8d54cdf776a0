"""Drop-ins for functions of other libraries: one import line changes, the program stays.

Each module has its peer's names, signatures, defaults and meaning: alignment, borders, exchange of operands, wrapping,
saturating and truncating integers, types of results, and kinds of errors. None imports its peer. What a module decides
otherwise is listed where it begins.

>>> from xcorr.compat import scipy_signal as signal
>>> signal.correlate([1, 2, 3], [0, 1, 0.5])
array([0.5, 2. , 3.5, 3. , 0. ])
"""

from importlib import import_module as _import_module
from typing import Any as _Any

__all__ = ["cv2", "scipy_signal", "skimage"]


def __getattr__(name: str) -> _Any:
    """Each module is imported when it is asked for."""
    if name in __all__:
        return _import_module(f"xcorr.compat.{name}")
    raise AttributeError(f"module 'xcorr.compat' has no attribute {name!r}")
