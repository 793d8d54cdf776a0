"""How a scan in a zarr scales over processes with xcorr.dask, a model of it, and what that predicts for more machines.

An image of 16 bits is matched with a bank of 4 kernels of 13x13, of which the largest response of each pixel is kept.
Measured are one chunk's time by its parts in this process (reading, correlating, writing), the tasks of a chunk, the
scheduler's time for a task that does nothing, and whole runs on local clusters of 1, 2 and 4 processes of one thread.
The model: runs take as long as all chunks by the processes that have a core, or as all tasks by the scheduler,
whichever is longer. A chunk is read with its halo; what a disk or a network adds is not measured, but told as the
bytes that each machine has to move in each second.

    python benchmarks/scale.py [--side 8192] [--chunks 512 1024 2048] [--processes 1 2 4]
"""

import os
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from outputs import new_parser, write_outputs
from turns import processor

import xcorr
import xcorr.dask

SCAN_BYTES, MACHINES, CORES = 20e12, 100, 16
TAPS, N_KERNELS = 13, 4
N_IDLE = 5_000
"""Tasks that do nothing, of which the scheduler's time is taken."""

REPEATS = 2


def prepared_bank() -> xcorr.Correlator:
    """Spots of four sizes."""
    kernels = np.concatenate([xcorr.banks.gaussian(sigma, TAPS) for sigma in (1, 1.5, 2, 3)])
    kernels = (kernels - kernels.mean((1, 2), keepdims=True)).astype(np.float32)
    return xcorr.Correlator(kernels, layout="NHW", padding="same", boundary="reflect", reduce="max", over="kernels")


def make_scan(folder: Path, side: int, chunk: int) -> Any:
    """A zarr of spots on a ground with noise, and an empty one for the result."""
    import zarr

    rng = np.random.default_rng(0)
    tile = rng.normal(400, 20, (chunk, chunk))
    tile[rng.integers(0, chunk, chunk // 2), rng.integers(0, chunk, chunk // 2)] += 3000
    spot = xcorr.banks.gaussian(1.5, 9).astype(np.float32)
    tile = xcorr.correlate(tile.astype(np.float32)[np.newaxis], spot, layout="NHW", padding="same", boundary="wrap")
    tile = tile[0, :, :, 0].astype(np.uint16)
    scan, found = (
        zarr.create_array(folder / f"{name}{chunk}.zarr", shape=(side, side), chunks=(chunk, chunk), dtype=dtype)
        for name, dtype in (("scan", "uint16"), ("found", "float32"))
    )
    for row in range(0, side, chunk):
        scan[row : row + chunk] = np.tile(tile, (1, side // chunk))
    return scan, found


def best(call: Any, repeats: int = REPEATS) -> float:
    """The least seconds of some calls."""
    seconds = []
    for _ in range(repeats):
        began = time.perf_counter()
        call()
        seconds.append(time.perf_counter() - began)
    return min(seconds)


def parts_of_chunk(scan: Any, found: Any, chunk: int) -> dict[str, float]:
    """The seconds of one chunk in the middle, with its halo, by what is done."""
    halo, bank = TAPS // 2, prepared_bank()
    place = slice(chunk, 2 * chunk)
    wide = slice(chunk - halo, 2 * chunk + halo)
    pixels = scan[wide, wide]
    inner = bank(pixels, workers=1)[halo:-halo, halo:-halo]
    return {
        "read": best(lambda: scan[wide, wide]),
        "correlate": best(lambda: bank(pixels, workers=1)),
        "write": best(lambda: found.__setitem__((place, place), inner)),
    }


def run(client: Any, scan: Any, found: Any, chunk: int) -> tuple[float, int]:
    """The seconds of all chunks on a cluster, the best of some runs, and how many tasks there were."""
    import dask
    import dask.array

    lazy = xcorr.dask.apply(prepared_bank(), dask.array.from_array(scan, chunks=chunk))
    stored = dask.array.store(lazy, found, lock=False, compute=False)
    (graph,) = dask.optimize(stored)
    n_tasks = len(dict(graph.__dask_graph__()))
    return best(lambda: client.compute(stored, sync=True)), n_tasks


def idle_task(client: Any) -> float:
    """The seconds that the scheduler takes for a task that does nothing."""

    def nothing(number: int) -> int:
        return number

    def call() -> None:
        client.gather(client.map(nothing, range(N_IDLE), pure=False))

    return best(call, 2) / N_IDLE


def predicted(chunks: int, seconds: float, tasks: int, of_task: float, processes: int) -> float:
    """The seconds of a run by the model, on as many cores as there are processes with one."""
    return max(chunks * seconds / processes, chunks * tasks * of_task)


def measure(arguments: Any) -> dict[str, Any]:
    """All figures."""
    from distributed import Client, LocalCluster

    cores = len(os.sched_getaffinity(0))
    results: dict[str, Any] = {"processor": processor(), "level": xcorr.info()["level"], "cores": cores, "rows": []}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        scans = {chunk: make_scan(folder, arguments.side, chunk) for chunk in arguments.chunks}
        parts = {chunk: parts_of_chunk(*own, chunk) for chunk, own in scans.items()}
        for n_processes in arguments.processes:
            words = {"processes": True, "threads_per_worker": 1, "dashboard_address": None}
            with (
                LocalCluster(n_workers=n_processes, local_directory=name, **words) as cluster,
                Client(cluster) as client,
            ):
                of_task = idle_task(client)
                for chunk, (scan, found) in scans.items():
                    seconds, n_tasks = run(client, scan, found, chunk)
                    n_chunks = (arguments.side // chunk) ** 2
                    tasks = n_tasks / n_chunks
                    told = predicted(n_chunks, sum(parts[chunk].values()), tasks, of_task, min(n_processes, cores))
                    row = {"chunk": chunk, "processes": n_processes, "chunks": n_chunks, "tasks": tasks}
                    results["rows"].append({**row, "of_task": of_task, "seconds": seconds, "predicted": told})
    results["parts"] = parts
    return results


def tell(results: dict[str, Any]) -> None:
    """Print the tables."""
    print(f"\n{results['processor']}, level {results['level']}, {results['cores']} cores, processes of one thread\n")
    print("| chunk | read ms | correlate ms | write ms | bytes read, with the halo |\n|---|---|---|---|---|")
    for chunk, own in results["parts"].items():
        halo = (1 + (TAPS - 1) / chunk) ** 2
        numbers = " | ".join(f"{1e3 * own[name]:.2f}" for name in ("read", "correlate", "write"))
        print(f"| {chunk}x{chunk} | {numbers} | {halo:.3f} times |")
    print("\n| processes | chunk | tasks a chunk | idle task ms | measured s | model s | measured / model |")
    print("|---|---|---|---|---|---|---|")
    for row in results["rows"]:
        ratio = row["seconds"] / row["predicted"]
        print(
            f"| {row['processes']} | {row['chunk']} | {row['tasks']:.2f} | {1e3 * row['of_task']:.3f} "
            f"| {row['seconds']:.2f} | {row['predicted']:.2f} | {ratio:.2f} |"
        )
    print(f"\n{SCAN_BYTES / 1e12:.0f} TB of 16 bits, {MACHINES} machines of {CORES} cores:\n")
    print("| chunk | chunks | by the cores | by one scheduler | stops at processes | MB/s of a machine |")
    print("|---|---|---|---|---|---|")
    for chunk, own in results["parts"].items():
        rows = [row for row in results["rows"] if row["chunk"] == chunk]
        of_task = min(row["of_task"] for row in rows)
        slower = max(
            1.0, max(row["seconds"] / row["predicted"] for row in rows if row["processes"] <= results["cores"])
        )
        of_chunk, tasks = sum(own.values()) * slower, rows[0]["tasks"]
        n_chunks = SCAN_BYTES / 2 / chunk**2
        by_cores, by_scheduler = n_chunks * of_chunk / (MACHINES * CORES), n_chunks * tasks * of_task
        moved = 3 * SCAN_BYTES / MACHINES / max(by_cores, by_scheduler) / 1e6
        print(
            f"| {chunk}x{chunk} | {n_chunks / 1e6:.2f} million | {by_cores / 60:.1f} min | {by_scheduler / 60:.1f} min "
            f"| {of_chunk / (tasks * of_task):.0f} | {moved:.0f} |"
        )


def main() -> None:
    parser = new_parser(__doc__, picture=False)
    parser.add_argument("--side", type=int, default=8192)
    parser.add_argument("--chunks", type=int, nargs="+", default=[512, 1024, 2048])
    parser.add_argument("--processes", type=int, nargs="+", default=[1, 2, 4])
    arguments = parser.parse_args()
    results = measure(arguments)
    tell(results)
    write_outputs(arguments, results)


if __name__ == "__main__":
    sys.exit(main())
