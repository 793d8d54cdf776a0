"""`register` beside OpenCV, scikit-image, and SciPy's and torch's transforms by hand, in float32.

Calls are in turns; a cell has a call's milliseconds, and how many times as long it takes as xcorr. OpenCV's phase
correlation finds a centroid as well; xcorr's "zncc" sums what both images see, which transforms by hand do not.

    python benchmarks/registration.py [--workers 1 2] [--only NAME ...] [--seconds 0.5] [--json FILE]
"""

from functools import partial
from typing import Any

import cv2
import numpy as np
import scipy.fft
import torch
from outputs import new_parser, write_outputs
from skimage.registration import phase_cross_correlation
from timing import Call, best_of_turns, machine, provenance

import xcorr

SIDES = (64, 256, 512, 1024)
MOVED = (3, -5)


def pair(side: int) -> tuple[np.ndarray, np.ndarray]:
    """An image and another one that has moved and has noise."""
    rng = np.random.default_rng(7)
    image = rng.random((side, side), np.float32)
    return image, np.roll(image, MOVED, (0, 1)) + rng.random((side, side), np.float32) / 8


def by_hand(spectrum: np.ndarray, moving: np.ndarray, n_workers: int) -> tuple[int, ...]:
    """Phase correlation as it is written with SciPy's transforms."""
    product = spectrum * np.conj(scipy.fft.rfft2(moving, workers=n_workers))
    product /= np.maximum(np.abs(product), 1e-6)
    scores = scipy.fft.irfft2(product, moving.shape, workers=n_workers)
    return tuple(map(int, np.unravel_index(scores.argmax(), scores.shape)))


def stack_by_hand(reference: np.ndarray, stack: np.ndarray, n_workers: int) -> list[tuple[int, ...]]:
    """The same of a stack, the reference transformed once."""
    spectrum = scipy.fft.rfft2(reference, workers=n_workers)
    return [by_hand(spectrum, moving, n_workers) for moving in stack]


def windows_by_torch(references: torch.Tensor, moving: torch.Tensor) -> torch.Tensor:
    """Circular correlations of all windows of 32x32, half of one apart, and the place of the largest of each."""
    a, b = (one.unfold(0, 32, 16).unfold(1, 32, 16).reshape(-1, 32, 32) for one in (references, moving))
    a, b = (one - one.mean(dim=(1, 2), keepdim=True) for one in (a, b))
    scores = torch.fft.irfft2(torch.fft.rfft2(a) * torch.fft.rfft2(b).conj(), (32, 32))
    return scores.flatten(1).argmax(dim=1)


def rows(n_workers: int) -> dict[str, dict[str, Call]]:
    """The calls of each row, xcorr's first."""
    found: dict[str, dict[str, Call]] = {}
    run = partial(xcorr.register, workers=n_workers)
    for side in SIDES:
        a, b = pair(side)
        found[f"phase {side}"] = {
            "xcorr": partial(run, a, b),
            "cv2": partial(cv2.phaseCorrelate, a, b),
            "scipy.fft": partial(stack_by_hand, a, b[np.newaxis], n_workers),
            "skimage": partial(phase_cross_correlation, a, b),
        }
    a, b = pair(512)
    words: dict[str, Any] = {"upsample_factor": 100}
    found["upsampled 100, 512"] = {
        "xcorr": partial(run, a, b, subpixel=100),
        "skimage": partial(phase_cross_correlation, a, b, **words),
    }
    mask = np.random.default_rng(8).random((512, 512)) > 0.1
    words = {"reference_mask": mask, "moving_mask": mask}
    found["masked 512"] = {
        "xcorr": partial(run, a, b, score="zncc", mask=mask, moving_mask=mask),
        "skimage": partial(phase_cross_correlation, a, b, **words),
    }
    found["zncc 512"] = {"xcorr": partial(run, a, b, score="zncc")}
    stack = np.stack([np.roll(b, n, 0) for n in range(20)])
    found["stack of 20, 512"] = {
        "xcorr": partial(run, a, stack, layout="NHW"),
        "scipy.fft": partial(stack_by_hand, a, stack, n_workers),
    }
    a, b = pair(1024)
    tensors = torch.from_numpy(a), torch.from_numpy(b)
    for score in ("correlation", "zncc"):
        found[f"windows of 32, 1024, {score}"] = {
            "xcorr": partial(run, a, b, window=32, score=score, subpixel="gaussian"),
            "torch.fft": partial(windows_by_torch, *tensors),
        }
    return found


def main() -> None:
    parser = new_parser(__doc__, picture=False)
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--only", nargs="*", default=[], help="parts of names")
    parser.add_argument("--seconds", type=float, default=0.5)
    arguments = parser.parse_args()
    print(provenance())
    figures = []
    for n_workers in arguments.workers:
        cv2.setNumThreads(n_workers)
        torch.set_num_threads(n_workers)
        for name, calls in rows(n_workers).items():
            if arguments.only and not any(part in name for part in arguments.only):
                continue
            times = best_of_turns(calls, arguments.seconds)
            figures.append({"name": name, "workers": n_workers, **times})
            own = times.pop("xcorr")
            others = "   ".join(f"{peer} {1e3 * time:9.3f} ms {time / own:6.2f}" for peer, time in times.items())
            print(f"{n_workers} workers   {name:28} xcorr {1e3 * own:9.3f} ms   {others}", flush=True)
    write_outputs(arguments, {"machine": machine(), "rows": figures})


if __name__ == "__main__":
    main()
