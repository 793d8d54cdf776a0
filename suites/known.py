"""The suites by their names; those whose peer is not installed are left out."""

from importlib import import_module
from importlib.util import find_spec

MODULES = {
    "aeon": "of_aeon",
    "astropy": "of_astropy",
    "dask-image": "of_dask_image",
    "numpy": "of_numpy",
    "onnx": "of_onnx",
    "opencv": "of_opencv",
    "scipy.ndimage": "of_scipy_ndimage",
    "scipy.ndimage._filters": "of_scipy_ndimage_within",
    "scipy.signal": "of_scipy_signal",
    "skimage": "of_skimage",
    "torch": "of_torch",
}
WITHOUT_PEER = {"opencv"}
"""Suites that hold by themselves, and ask their peer where it is installed."""
FROM_CHECKOUT = {"dask-image": "dask"}
"""What has to be installed for suites whose peer is imported from a checkout."""


def found_suites():
    """Each suite whose module is there and whose peer can be imported."""
    for name, module in MODULES.items():
        peer = FROM_CHECKOUT.get(name, name.partition(".")[0])
        is_there = name in WITHOUT_PEER or find_spec(peer) is not None
        if find_spec(module) is not None and is_there:
            yield name, import_module(module).SUITE


SUITES = dict(found_suites())
