"""xcorr beside its peers on the same work: interleaved rounds in one process, best and median, every response checked.

Peers that are not installed are left out. Peers get what a skilled user would give them: torch runs in inference mode
with its weights prepared, contiguous and channels-last; OpenCV filters image by image and kernel by kernel where there
is one channel; SciPy's loop is left out of rows that would take it more than about a second a round.

    python benchmarks/bench.py --workers 1 2 --json bench.json [--only NAME ...]
"""

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
from workloads import WORKLOADS, Workload

Contender = Callable[[], Any]
SLOW_FLOPS = 2e8


def xcorr_contenders(work: Workload, images: np.ndarray, kernels: np.ndarray) -> dict[str, Contender]:
    import xcorr

    corr = xcorr.Correlator(kernels, stride=work.stride)
    return {
        "xcorr.correlate": lambda: xcorr.correlate(images, kernels, stride=work.stride),
        "xcorr.Correlator": lambda: corr(images),
    }


def torch_contenders(work: Workload, images: np.ndarray, kernels: np.ndarray) -> dict[str, Contender]:
    import torch

    torch.set_num_threads(int(os.environ["XCORR_WORKERS"]))
    found: dict[str, Contender] = {}
    for name, memory_format in (("torch NCHW", torch.contiguous_format), ("torch NHWC", torch.channels_last)):
        tensor = torch.from_numpy(images).permute(0, 3, 1, 2).contiguous(memory_format=memory_format)
        weight = torch.from_numpy(kernels).permute(0, 3, 1, 2).contiguous(memory_format=memory_format)

        def run(tensor: Any = tensor, weight: Any = weight) -> Any:
            with torch.inference_mode():
                return torch.nn.functional.conv2d(tensor, weight, stride=work.stride).permute(0, 2, 3, 1)

        found[name] = run
    return found


def cv2_contenders(work: Workload, images: np.ndarray, kernels: np.ndarray) -> dict[str, Contender]:
    import cv2

    cv2.setNumThreads(int(os.environ["XCORR_WORKERS"]))
    if work.images[3] > 1 or work.stride > 1 or work.images[0] * work.n_kernels > 4000:
        return {}
    rows, columns = (size - k + 1 for size, k in zip(work.images[1:3], work.kernel, strict=True))
    top, left = work.kernel[0] // 2, work.kernel[1] // 2
    planes, bank = images[..., 0], kernels[..., 0]

    def filter_2d() -> Any:
        found = [[cv2.filter2D(plane, cv2.CV_32F, kernel) for kernel in bank] for plane in planes]
        return lambda: np.array(found)[:, :, top : top + rows, left : left + columns].transpose(0, 2, 3, 1)

    def match_template() -> Any:
        found = [[cv2.matchTemplate(plane, kernel, cv2.TM_CCORR) for kernel in bank] for plane in planes]
        return lambda: np.array(found).transpose(0, 2, 3, 1)

    return {"cv2.filter2D": filter_2d, "cv2.matchTemplate": match_template}


def scipy_contenders(work: Workload, images: np.ndarray, kernels: np.ndarray) -> dict[str, Contender]:
    from scipy.signal import correlate2d

    if work.flops > SLOW_FLOPS or work.stride > 1:
        return {}
    planes = np.ascontiguousarray(images.transpose(0, 3, 1, 2))
    bank = np.ascontiguousarray(kernels.transpose(0, 3, 1, 2))

    def loop() -> Any:
        found = [
            [sum(correlate2d(p, k, "valid") for p, k in zip(image, kernel, strict=True)) for kernel in bank]
            for image in planes
        ]
        return lambda: np.array(found).transpose(0, 2, 3, 1)

    return {"scipy.correlate2d": loop}


def numpy_contenders(work: Workload, images: np.ndarray, kernels: np.ndarray) -> dict[str, Contender]:
    if work.flops > 4e9 or images.size * work.kernel[0] * work.kernel[1] > 3e8:
        return {}
    weights = kernels.reshape(len(kernels), -1).T.copy()

    def gather() -> Any:
        view = np.lib.stride_tricks.sliding_window_view(images, work.kernel, axis=(1, 2))
        view = view[:, :: work.stride, :: work.stride].transpose(0, 1, 2, 4, 5, 3)
        return view.reshape(*view.shape[:3], -1) @ weights

    return {"numpy windows @": gather}


FAMILIES = (xcorr_contenders, torch_contenders, cv2_contenders, scipy_contenders, numpy_contenders)


def contenders_for(work: Workload) -> tuple[dict[str, Contender], int]:
    """Those installed that can do the work, each response checked against the first; and the bytes of a response."""
    random = np.random.default_rng(7)
    images = random.standard_normal(work.images, dtype=np.float32)
    kernels = random.standard_normal(work.kernels, dtype=np.float32)
    found: dict[str, Contender] = {}
    expected = None
    for family in FAMILIES:
        try:
            members = family(work, images, kernels)
        except ImportError:
            continue
        for name, contender in members.items():
            response = contender()
            response = np.asarray(response() if callable(response) else response)
            expected = response if expected is None else expected
            np.testing.assert_allclose(response, expected, atol=1e-4 * np.abs(expected).max(), err_msg=name)
            found[name] = contender
    assert expected is not None
    return found, expected.nbytes


def measure(work: Workload, seconds: float) -> dict[str, Any]:
    """Milliseconds of each contender, best and median of interleaved rounds."""
    contenders, _ = contenders_for(work)
    times: dict[str, list[float]] = {name: [] for name in contenders}
    started = time.perf_counter()
    while time.perf_counter() - started < seconds or len(times["xcorr.correlate"]) < 5:
        for name, contender in contenders.items():
            begin = time.perf_counter()
            contender()
            times[name].append(time.perf_counter() - begin)
    return {
        "name": work.name,
        "gflop": work.flops / 1e9,
        "ms": {
            name: {"best": min(taken) * 1e3, "median": statistics.median(taken) * 1e3} for name, taken in times.items()
        },
    }


def processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), "unknown")


def table(rows: list[dict[str, Any]]) -> str:
    """Markdown: xcorr's best times, the best peer's, and how many times faster than that the Correlator is."""
    lines = [
        "| work | correlate ms | Correlator ms | GFLOP/s | best peer | ms | ratio |",
        "|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        best = {name: taken["best"] for name, taken in row["ms"].items()}
        own = best["xcorr.Correlator"]
        peers = {name: ms for name, ms in best.items() if not name.startswith("xcorr")}
        peer = min(peers, key=peers.__getitem__) if peers else "none"
        ratio = f"{peers[peer] / own:.2f}" if peers else ""
        lines.append(
            f"| {row['name']} | {best['xcorr.correlate']:.3f} | {own:.3f} | {row['gflop'] / own * 1e3:.0f} "
            f"| {peer} | {peers.get(peer, 0):.3f} | {ratio} |"
        )
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--only", nargs="+", default=[work.name for work in WORKLOADS])
    parser.add_argument("--seconds", type=float, default=2.0, help="for each row")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.inside:
        rows = [measure(work, arguments.seconds) for work in WORKLOADS if work.name in arguments.only]
        json.dump(rows, sys.stdout)
        return
    results: dict[str, Any] = {"date": date.today().isoformat(), "processor": processor(), "rows": {}}
    for n_workers in arguments.workers:
        environment = dict(os.environ)
        for variable in ("XCORR_WORKERS", "OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
            environment[variable] = str(n_workers)
        command = [sys.executable, __file__, "--inside", "--seconds", str(arguments.seconds), "--only", *arguments.only]
        done = subprocess.run(command, env=environment, check=True, capture_output=True, text=True)
        results["rows"][n_workers] = json.loads(done.stdout)
        print(f"\n{results['processor']}, {results['date']}, workers: {n_workers}\n")
        print(table(results["rows"][n_workers]), flush=True)
    if arguments.json:
        arguments.json.write_text(json.dumps(results, indent=1))


if __name__ == "__main__":
    main()
