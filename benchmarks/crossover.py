"""Where the direct and the matmul method cross: times both, forced, over a grid of geometries.

`xcorr._method.fastest` may name matmul only where this measures it faster. Prints one line for each geometry with
matmul's time over direct's (above 1: direct is faster), and the least of these ratios.

    python benchmarks/crossover.py
"""

import itertools
import time
from functools import partial
from typing import Any

import numpy as np

import xcorr


def best_time(call: Any, rounds: int = 5) -> float:
    """The least of some rounds, in seconds, the first one not counted."""
    call()
    taken = []
    for _ in range(rounds):
        begin = time.perf_counter()
        call()
        taken.append(time.perf_counter() - begin)
    return min(taken)


def main() -> None:
    info = xcorr.info()
    print(f"level {info['level']}, {info['workers']} workers")
    random = np.random.default_rng(3)
    ratios = []
    for size, channels, n_kernels, side in itertools.product((14, 56), (1, 16, 64, 256), (1, 16, 64, 256), (1, 3, 7)):
        if size**2 * channels * n_kernels * side**2 > 4e9:
            continue
        images = random.standard_normal((1, size, size, channels), dtype=np.float32)
        kernels = random.standard_normal((n_kernels, side, side, channels), dtype=np.float32)
        prepared = {method: xcorr.Correlator(kernels, method=method) for method in ("direct", "matmul")}
        seconds = {method: best_time(partial(corr, images)) for method, corr in prepared.items()}
        ratios.append(seconds["matmul"] / seconds["direct"])
        print(
            f"{size:3d}x{size:<3d} C {channels:3d} K {n_kernels:3d} {side}x{side}  "
            f"direct {seconds['direct'] * 1e3:8.3f} ms  matmul {seconds['matmul'] * 1e3:8.3f} ms  {ratios[-1]:6.2f}",
            flush=True,
        )
    print(f"least ratio {min(ratios):.2f} of {len(ratios)}")


if __name__ == "__main__":
    main()
