"""The machine's limits, measured in the run whose rows they are compared with."""

import ctypes
import subprocess
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

ARCHITECTURES = {"base": "x86-64", "v3": "x86-64-v3", "v4": "x86-64-v4"}


def best_rate(work: Callable[[int], float], n_workers: int, rounds: int = 8) -> float:
    """The most of what `work(worker)` returns that all workers together do in a second."""
    rates = []
    with ThreadPoolExecutor(n_workers) as pool:
        for _ in range(rounds):
            begin = time.perf_counter()
            done = sum(pool.map(work, range(n_workers)))
            rates.append(done / (time.perf_counter() - begin))
    return max(rates)


def fma_peak(level: str, n_workers: int) -> float | None:
    """GFLOP/s of float32 multiply-adds held in registers, in the level's vectors; None without a C compiler."""
    with tempfile.TemporaryDirectory() as folder:
        library = Path(folder) / "peak.so"
        command = ["cc", "-O3", "-ffp-contract=fast", "-shared", "-fPIC", "-o", str(library)]
        command += [f"-march={ARCHITECTURES[level]}", "-mprefer-vector-width=512"] if level in ARCHITECTURES else []
        try:
            subprocess.run([*command, str(Path(__file__).with_name("peak.c"))], check=True, capture_output=True)
        except (OSError, subprocess.CalledProcessError):
            return None
        multiply_add = ctypes.CDLL(str(library)).multiply_add
    multiply_add.restype, multiply_add.argtypes = ctypes.c_double, [ctypes.c_long]
    return best_rate(lambda worker: float(multiply_add(5_000_000)), n_workers) / 1e9


def copy_bandwidth(n_workers: int) -> float:
    """GB/s read and written by copies of arrays that no cache holds."""
    arrays = [(np.ones(2**23), np.ones(2**23)) for _ in range(n_workers)]

    def copy(worker: int) -> float:
        source, target = arrays[worker]
        np.copyto(target, source)
        return 2.0 * source.nbytes

    return best_rate(copy, n_workers) / 1e9
