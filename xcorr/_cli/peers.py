"""The libraries beside which xcorr is timed: SciPy's loop, and OpenCV and torch where they are installed.

Each does a step as who knows it would, with arrays that are as it wants them before. Where there are two ways, both are
timed, and the quicker one counts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import reduce
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.signal import correlate2d

from xcorr._cli.outcome import Step

__all__ = ["LOOP", "Peers", "scipy_response"]

Call = Callable[[], Any]

LOOP = "SciPy"

SAME_WORK = 1e-3
"""How far from SciPy's a response may be, beside the largest one, to be of the same work. No bound of an error."""


def scipy_response(image: NDArray[Any], kernels: NDArray[Any]) -> NDArray[Any]:
    """Correlate one image (C, H, W) with kernels (K, C, kh, kw) by SciPy, one plane after the other."""
    return np.stack(
        [
            reduce(np.add, [correlate2d(*pair, mode="valid") for pair in zip(image, kernel, strict=True)])
            for kernel in kernels
        ]
    )


def scipy_calls(step: Step, workers: int) -> list[Call]:
    """List the loop over images, kernels and channels, which has one thread."""
    images, kernels = step.planes(np.int64 if step.exact else np.float32)
    return [lambda: [scipy_response(image, kernels) for image in images]]


def opencv_calls(step: Step, workers: int) -> list[Call]:
    """List ``filter2D``, whose responses at the borders are dropped, and ``matchTemplate``, for floats."""
    cv2 = import_module("cv2")
    cv2.setNumThreads(workers)
    images, kernels = step.planes(step.images.dtype.type)[0], step.planes(np.float32)[1]
    rows, columns = kernels.shape[2:]
    inner = np.s_[rows // 2 : images.shape[2] - (rows - 1) // 2, columns // 2 : images.shape[3] - (columns - 1) // 2]

    def filtered(image: NDArray[Any], kernel: NDArray[Any]) -> Any:
        planes = (
            cv2.filter2D(plane, cv2.CV_32F, taps, borderType=cv2.BORDER_CONSTANT)
            for plane, taps in zip(image, kernel, strict=True)
        )
        return reduce(cv2.add, planes)[inner]

    def matched(image: NDArray[Any], kernel: NDArray[Any]) -> Any:
        return cv2.matchTemplate(image, kernel, cv2.TM_CCORR)

    calls: list[Call] = [lambda: [[filtered(image, kernel) for kernel in kernels] for image in images]]
    if not step.exact:
        pictures, templates = (np.ascontiguousarray(np.moveaxis(planes, 1, 3)) for planes in (images, kernels))
        calls.append(lambda: [[matched(image, kernel) for kernel in templates] for image in pictures])
    return calls


def torch_calls(step: Step, workers: int) -> list[Call]:
    """List ``conv2d`` with both orders of axes in memory; integers are made floats in the call.

    Each with one thread as well, which for small images is the quicker one: all wait for each other in every call.
    """
    torch = import_module("torch")
    images, kernels = step.planes(step.images.dtype.type)[0], step.planes(np.float32)[1]

    def call(order: Any, threads: int) -> Call:
        batch, bank = (torch.from_numpy(planes).contiguous(memory_format=order) for planes in (images, kernels))

        def convolve() -> Any:
            torch.set_num_threads(threads)  # takes less than a tenth of a microsecond
            with torch.inference_mode():
                return torch.nn.functional.conv2d(batch.to(bank.dtype), bank)

        return convolve

    orders = (torch.contiguous_format, torch.channels_last)
    return [call(order, threads) for threads in sorted({1, workers}) for order in orders]


Ways = Callable[[Step, int], list[Call]]

OTHERS: dict[str, tuple[str, Ways]] = {"OpenCV": ("cv2", opencv_calls), "torch": ("torch", torch_calls)}
"""Libraries by name: the module, and the function that lists the ways to do a step with so many threads at most."""


class Peers:
    """The libraries that are here. One that fails is left out, and `left_out` says why.

    Parameters
    ----------
    workers : int
        The most threads of each library.
    """

    def __init__(self, workers: int) -> None:
        self.workers = workers
        self.ways: dict[str, Ways] = {LOOP: scipy_calls}
        self.left_out: list[str] = []
        for name, (module, ways) in OTHERS.items():
            if find_spec(module) is None:
                continue
            try:
                import_module(module)
            except Exception as error:  # whatever a broken installation raises
                self.leave_out(name, error)
            else:
                self.ways[name] = ways

    def leave_out(self, name: str, error: Exception) -> None:
        """Do without a library from now on."""
        self.ways.pop(name, None)
        reason = str(error).strip().splitlines() or [type(error).__name__]
        self.left_out.append(f"{name} is left out: {reason[0]}")

    def calls(self, step: Step, expected: NDArray[Any]) -> Iterator[tuple[str, Call]]:
        """Give each library's ways to do a step, warm from a call whose response is held against SciPy's.

        `expected` (K, rows, columns) is that of the first image.
        """
        for name, ways in list(self.ways.items()):
            try:
                calls = ways(step, self.workers)
                for call in calls if name != LOOP else ():
                    check_same_responses(np.asarray(call()), (step.n_images, *expected.shape), expected)
            except Exception as error:
                self.leave_out(name, error)
            else:
                yield from ((name, call) for call in calls)


def check_same_responses(responses: NDArray[Any], shape: tuple[int, ...], expected: NDArray[Any]) -> None:
    """ValueError if a library's responses are others."""
    if responses.shape != shape:
        raise ValueError(f"responses of shape {responses.shape} instead of {shape}")
    if not np.abs(responses[0] - expected).max() <= SAME_WORK * np.abs(expected).max():
        raise ValueError("its responses are others than SciPy's")
