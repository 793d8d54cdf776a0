"""How long kernels take to be prepared, by one worker and by two, beside a copy of as many bytes.

From where on two are faster gives `_bank.PREPARED_PER_WORKER`: a second worker comes with twice that many bytes.
XCORR_LEVEL chooses the level.

    python benchmarks/preparing.py [--seconds 0.2] [--json FILE]
"""

from typing import Any
from unittest import mock

import numpy as np
from outputs import new_parser, write_outputs
from timing import best_of_turns, machine

import xcorr
from xcorr import _bank
from xcorr._bank import panel_bytes

BANKS = [(64, 3, 3, 64), (128, 3, 3, 128), (256, 5, 5, 64), (256, 3, 3, 256), (512, 3, 3, 512), (1000, 1, 1, 2048)]
"""Kernels of (K, rows, columns, channels)."""


def measure(shape: tuple[int, ...], order: str, method: str, seconds: float) -> dict[str, Any]:
    """Milliseconds of a bank's panels by one worker and by two, and of a copy."""
    kernels = np.random.default_rng(0).standard_normal(shape).astype(np.float32)
    if order == "channels first":
        kernels = np.ascontiguousarray(kernels.transpose(0, 3, 1, 2)).transpose(0, 2, 3, 1)
    correlator = xcorr.Correlator(kernels, method=method)
    plan, bank = correlator._prepare(np.ones((1, 8, 8, shape[3]), np.float32))
    engine = plan.engine("f4")
    target = np.empty_like(kernels)
    calls = {n: lambda n=n: bank.pack(engine, n) for n in (1, 2)}
    with mock.patch.object(_bank, "PREPARED_PER_WORKER", 1):
        taken = best_of_turns({**calls, "copy": lambda: np.copyto(target, kernels)}, seconds * 3)
    milliseconds = {str(name): one * 1e3 for name, one in taken.items()}
    return {"shape": shape, "order": order, "method": method, "bytes": panel_bytes(engine), "ms": milliseconds}


def main() -> None:
    """Print a row for each bank."""
    parser = new_parser(__doc__, picture=False)
    parser.add_argument("--seconds", type=float, default=0.2, help="for each of the three")
    arguments = parser.parse_args()
    rows = []
    print("kernels               order           method      MiB   1 worker  2 workers       copy")
    for shape in BANKS:
        for order in ("channels last", "channels first"):
            for method in ("direct", "winograd") if shape[1:3] == (3, 3) else ("direct",):
                row = measure(shape, order, method, arguments.seconds)
                rows.append(row)
                times = "  ".join(f"{row['ms'][name]:6.3f} ms" for name in ("1", "2", "copy"))
                print(f"{shape!s:20}  {order:14}  {method:8}  {row['bytes'] / 2**20:5.1f}  {times}")
    write_outputs(arguments, {**machine(), "rows": rows})


if __name__ == "__main__":
    main()
