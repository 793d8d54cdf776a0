"""What this installation and this machine are."""

from typing import Any

import numpy as np

from xcorr import _dispatch, _workers


def info() -> dict[str, Any]:
    """What this installation and this machine are.

    Returns
    -------
    dict
        ``version`` of the package; ``level`` in use, ``levels`` that can run here, ``levels_built``; ``workers`` by
        default and ``cpus`` that may be used; ``workspace_limit`` in bytes; ``python``, ``numpy``, ``machine``.

    Examples
    --------
    >>> import xcorr
    >>> xcorr.info()["level"] in xcorr.info()["levels"]
    True
    """
    import platform  # these two take longer than the whole package does
    from importlib import metadata

    try:
        installed = metadata.version("xcorr")
    except metadata.PackageNotFoundError:
        installed = "unknown"
    return {
        "version": installed,
        "level": _dispatch.current().name,
        "levels": _dispatch.runnable_levels(),
        "levels_built": _dispatch.built_levels(),
        "workers": _workers.get_workers(),
        "cpus": _workers.usable_cpus(),
        "workspace_limit": _workers.WORKSPACE_LIMIT,
        "python": platform.python_version(),
        "numpy": np.__version__,
        "machine": platform.machine(),
    }
