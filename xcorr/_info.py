"""What this installation and this machine are."""

from typing import Any

import numpy as np

import xcorr._memory as _memory
from xcorr import _dispatch, _workers


def info() -> dict[str, Any]:
    """What this installation and this machine are.

    Returns
    -------
    dict
        ``version`` of the package; ``level`` in use, ``levels`` that can run here, ``levels_built``;
        ``bytes``, how integers of 8 bits are multiplied; ``subnormals``, "looked for" in pixels of float32 where
        products with them are slow, else "as others"; ``workers`` by default and ``cpus`` that may be used;
        ``workspace_limit`` and ``kept_bytes`` of memory, which `clear_caches` gives back; ``python``, ``numpy``,
        ``machine``.

    Examples
    --------
    >>> import xcorr
    >>> xcorr.info()["level"] in xcorr.info()["levels"]
    True
    """
    import platform  # takes longer than the whole package does

    return {
        "version": installed_version(),
        "level": _dispatch.current().name,
        "levels": _dispatch.runnable_levels(),
        "levels_built": _dispatch.built_levels(),
        "bytes": "VNNI" if _dispatch.current().vnni else "16-bit words",
        "subnormals": "looked for" if _dispatch.subnormals_are_slow() else "as others",
        "workers": _workers.get_workers(),
        "cpus": _workers.usable_cpus(),
        "workspace_limit": _workers.WORKSPACE_LIMIT,
        "kept_bytes": _memory.kept_bytes(),
        "python": platform.python_version(),
        "numpy": np.__version__,
        "machine": platform.machine(),
    }


def installed_version() -> str:
    """The version of the package that is installed, "unknown" of sources that are not."""
    from importlib import metadata  # takes longer than the whole package does

    try:
        return metadata.version("xcorr")
    except metadata.PackageNotFoundError:
        return "unknown"
