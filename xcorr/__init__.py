"""Cross-correlation of batches of images with banks of kernels, on CPUs: NumPy arrays in, NumPy arrays out.

The edges of 500 digits, along the columns and along the rows:

>>> import xcorr
>>> digits = xcorr.datasets.load_digits_sample().images
>>> edges = xcorr.correlate(digits, xcorr.banks.sobel(), layout="NHW", padding="same")
>>> edges.shape
(500, 28, 28, 2)
>>> xcorr.plot.responses(digits[:3], edges[:3], layout="NHW").show()  # doctest: +SKIP

- `correlate` and `convolve` are one call: padding, boundary, stride, dilation, groups, bias, and every dtype.
- `Correlator` is a bank that is prepared once and called often.
- `match` scores how well templates match, with masks; `Matcher` is a bank of templates prepared once.
- `Peaks` finds the best places in responses.
- `stream` correlates and matches images that are larger than memory, block by block; `dask` does so with dask arrays.
- `xarray` takes and gives DataArrays, whose coordinates it moves.
- `register` finds by how much images are shifted beside others, whole or window by window, as `Shifts`.
- `explain` says what a call would do, how long it would take and why, as an `Explanation`.
- `banks` has kernels for edges, texture and smoothing; ``banks.per_channel`` lays them out for colour images.
- `datasets` reads MNIST and CIFAR-10, and has two small samples; `plot` draws images, kernels and responses.
- `gradient_images` and `gradient_kernels` are the adjoints of a correlation: what its operands contributed.
- `response_shape`, `windows`, `fold`, `window_index`, `correlation_indices` and `choose_method` say what a call is
  made of.
- `compat` has drop-ins for functions of SciPy, scikit-image, OpenCV, torch and ONNX.
- `set_workers` and `get_workers` are about the number of threads, `info` tells of this installation and this machine,
  `clear_caches` forgets what calls have left behind.
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
from xcorr._cache import clear_caches
from xcorr._correlate import convolve, correlate
from xcorr._correlator import Correlator
from xcorr._explain import Explanation, explain
from xcorr._info import info
from xcorr._info import installed_version as _installed_version
from xcorr._match import Matcher, match
from xcorr._register import Shifts, register
from xcorr._sizes import choose_method, response_shape
from xcorr._windows import correlation_indices, fold, window_index, windows
from xcorr._workers import get_workers, set_workers
from xcorr.datasets import DataFormatError
from xcorr.gradients import gradient_images, gradient_kernels
from xcorr.peaks import Peaks

if _TYPE_CHECKING:
    from xcorr import compat, dask, plot, xarray
    from xcorr._stream import stream

__version__: str

__all__ = [
    "Correlator",
    "DataFormatError",
    "Explanation",
    "Matcher",
    "Peaks",
    "Shifts",
    "banks",
    "choose_method",
    "clear_caches",
    "compat",
    "convolve",
    "correlate",
    "correlation_indices",
    "dask",
    "datasets",
    "explain",
    "fold",
    "get_workers",
    "gradient_images",
    "gradient_kernels",
    "info",
    "match",
    "plot",
    "register",
    "response_shape",
    "set_workers",
    "stream",
    "window_index",
    "windows",
    "xarray",
]


def __getattr__(name: str) -> _Any:
    """What is imported when it is asked for, and the version, which takes time to find."""
    if name in ("compat", "dask", "plot", "xarray"):
        return _import_module(f"xcorr.{name}")
    if name == "stream":
        from xcorr._stream import stream

        return stream
    if name == "__version__":
        return _installed_version()
    raise AttributeError(f"module 'xcorr' has no attribute {name!r}")
