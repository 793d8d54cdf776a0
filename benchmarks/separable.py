"""Kernels that are products of columns and rows: by their factors, by other methods, as "auto" takes them, by peers.

Prepared kernels, except "raw"; "taken" is the time of what "auto" takes over that of the best method. Bytes by whole
kernels that are summed in words, as saturated bytes and as integers of 64 bits. Then OpenCV's and SciPy's filters on a
photograph's size. What "auto" goes by are the costs in `xcorr/_methods/separable.py`.

    python benchmarks/separable.py [--workers 1] [--seconds 0.1] [--only auto|words|peers] [--json FILE]
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from outputs import new_parser, write_outputs
from timing import best_of_turns, hold_threads, machine, provenance

import xcorr

SIZES = ((128, 128), (256, 256), (512, 512), (1080, 1920))
SIDES = (5, 7, 9, 11, 13, 17, 25, 35, 49, 75)
RANKS = (1, 2, 3)
BANKS = (1, 8)
LONGEST = 4e9
"""Multiply-adds of the direct method above which a case is left out, or that method."""

PHOTOGRAPH = (1080, 1920)


def bank_of(random: np.random.Generator, n_kernels: int, side: int, rank: int) -> np.ndarray:
    columns, rows = random.standard_normal((2, n_kernels, rank, side))
    return np.einsum("kri,krj->kij", columns, rows).astype(np.float32)


def compare(size: tuple[int, int], side: int, rank: int, n_kernels: int, n_workers: int, seconds: float) -> Any:
    """Milliseconds by name, and what `auto` takes over the best; None where it takes too long."""
    random = np.random.default_rng(7)
    multiply_adds = size[0] * size[1] * side**2 * n_kernels
    if side * 2 > size[0] or size[0] * size[1] * side * n_kernels > LONGEST / 20:
        return None
    image = random.standard_normal(size, dtype=np.float32)
    bank = bank_of(random, n_kernels, side, rank)
    calls: dict[str, Callable[[], Any]] = {}
    for method in ("separable", "direct", "fft", "auto"):
        if method == "direct" and multiply_adds > LONGEST:
            continue
        prepared = xcorr.Correlator(bank, layout="NHW", padding="same", boundary="symmetric", method=method)
        calls[method] = partial(prepared, image, out=prepared(image), workers=n_workers)
    keywords: Any = {"layout": "NHW", "padding": "same", "boundary": "symmetric", "workers": n_workers}
    calls["raw"] = partial(xcorr.correlate, image, bank, out=xcorr.correlate(image, bank, **keywords), **keywords)
    times = {name: least * 1e3 for name, least in best_of_turns(calls, seconds * len(calls), hopeless=10).items()}
    best = min(times[name] for name in ("separable", "direct", "fft") if name in times)
    return {"size": size, "side": side, "rank": rank, "kernels": n_kernels, "ms": times, "taken": times["auto"] / best}


def methods(n_workers: int, seconds: float) -> list[Any]:
    rows = []
    for size in SIZES:
        for n_kernels in BANKS:
            for rank in RANKS:
                for side in SIDES:
                    row = compare(size, side, rank, n_kernels, n_workers, seconds)
                    if row is not None:
                        rows.append(row)
                        times = "  ".join(f"{name} {ms:.3f}" for name, ms in row["ms"].items())
                        print(f"{size[0]:5}x{size[1]:<5} {n_kernels} of {side:2}, rank {rank}: {times}  taken "
                              f"{row['taken']:.2f}", flush=True)  # fmt: skip
    return rows


def words(n_workers: int, seconds: float) -> list[Any]:
    rows = []
    for size in ((128, 128), (480, 640), PHOTOGRAPH):
        image = np.random.default_rng(7).integers(0, 256, size, np.uint8)
        for side in (2, 3, 5, 7, 9, 13):
            factor = np.minimum(np.arange(1, side + 1), np.arange(side, 0, -1)) if side < 7 else np.ones(side, int)
            whole = np.outer(factor, factor)
            for response in ("uint8", "int64"):
                kernel = whole.astype(np.float32) / np.float32(256) if response == "uint8" else whole
                settings: Any = {"layout": "NHW", "padding": "same", "boundary": "reflect", "dtype": response}
                settings |= {"overflow": "saturate"} if response == "uint8" else {}
                calls: dict[str, Callable[[], Any]] = {}
                for method in ("separable", "direct", "auto"):
                    prepared = xcorr.Correlator(kernel, method=method, **settings)
                    calls[method] = partial(prepared, image, out=prepared(image), workers=n_workers)
                times = {name: least * 1e3 for name, least in best_of_turns(calls, seconds * len(calls)).items()}
                taken = times["auto"] / min(times["separable"], times["direct"])
                rows.append({"size": size, "side": side, "response": response, "ms": times, "taken": taken})
                shown = "  ".join(f"{name} {ms:.3f}" for name, ms in times.items())
                print(f"{size[0]:5}x{size[1]:<5} {side:2} into {response:5}: {shown}  taken {taken:.2f}", flush=True)
    return rows


def peers(n_workers: int, seconds: float) -> list[Any]:
    """Gaussian, box and Sobel filters of a photograph's size in float32, beside OpenCV and SciPy."""
    import cv2
    from scipy import ndimage

    cv2.setNumThreads(n_workers)
    image = np.random.default_rng(7).random(PHOTOGRAPH, dtype=np.float32)
    own, others = np.empty_like(image), np.empty_like(image)
    rows = []
    cases: dict[str, tuple[np.ndarray, dict[str, Callable[[], Any]]]] = {}
    for sigma in (1.0, 2.0, 3.0, 6.0):
        side = 2 * int(4 * sigma + 0.5) + 1
        taps = cv2.getGaussianKernel(side, sigma, cv2.CV_32F).ravel()
        cases[f"Gaussian {side}x{side}"] = (
            np.outer(taps, taps),
            {
                "cv2.GaussianBlur": partial(cv2.GaussianBlur, image, (side, side), sigma, dst=others),
                "cv2.sepFilter2D": partial(cv2.sepFilter2D, image, -1, taps, taps, dst=others),
                "ndimage.gaussian_filter": partial(ndimage.gaussian_filter, image, sigma, output=others),
            },
        )
    for side in (3, 5, 9, 15):
        cases[f"box {side}x{side}"] = (
            np.full((side, side), 1 / side**2, np.float32),
            {
                "cv2.blur": partial(cv2.blur, image, (side, side), dst=others),
                "ndimage.uniform_filter": partial(ndimage.uniform_filter, image, side, output=others),
            },
        )
    for side in (3, 5, 7):
        across, down = cv2.getDerivKernels(1, 0, side, ktype=cv2.CV_32F)
        cases[f"Sobel {side}x{side}"] = (
            np.outer(down, across),
            {"cv2.Sobel": partial(cv2.Sobel, image, cv2.CV_32F, 1, 0, dst=others, ksize=side)},
        )
    for name, (kernel, calls) in cases.items():
        for method in ("auto", "separable"):
            prepared = xcorr.Correlator(kernel, padding="same", boundary="reflect", method=method)
            calls[method] = partial(prepared, image, out=own, workers=n_workers)
        times = {which: least * 1e3 for which, least in best_of_turns(calls, seconds * len(calls)).items()}
        best = min(ms for which, ms in times.items() if which not in ("auto", "separable"))
        rows.append({"filter": name, "ms": times, "ratio": best / times["auto"]})
        print(f"{name:15} " + "  ".join(f"{which} {ms:.3f}" for which, ms in times.items())
              + f"  best peer over auto {best / times['auto']:.2f}", flush=True)  # fmt: skip
    return rows


def main() -> None:
    parser = new_parser(__doc__)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=0.1, help="for each call, at least three turns")
    parser.add_argument("--only", choices=("auto", "words", "peers"))
    arguments = parser.parse_args()
    hold_threads(arguments.workers)
    print(f"{provenance()}, workers: {arguments.workers}, ms")
    results: dict[str, Any] = {**machine(), "workers": arguments.workers}
    for name, measure in (("peers", peers), ("words", words), ("auto", methods)):
        if arguments.only in (None, name):
            results["methods" if name == "auto" else name] = measure(arguments.workers, arguments.seconds)
    write_outputs(arguments, results, None)


if __name__ == "__main__":
    main()
