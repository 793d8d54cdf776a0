"""The suites by their names; those whose peer is not installed are left out."""

from importlib import import_module
from importlib.util import find_spec

MODULES = {
    "scipy.signal": "of_scipy_signal",
    "scipy.ndimage": "of_scipy_ndimage",
    "scipy.ndimage._filters": "of_scipy_ndimage_within",
}


def found_suites():
    """Each suite whose module is there and whose peer can be imported."""
    for name, module in MODULES.items():
        if find_spec(module) is not None and find_spec(name.partition(".")[0]) is not None:
            yield name, import_module(module).SUITE


SUITES = dict(found_suites())
