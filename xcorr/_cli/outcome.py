"""A step of the demonstration and what became of it: its response, how far that is from SciPy's, and times."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["Comparison", "Outcome", "Step", "shape_text", "speed_text", "times_text"]


@dataclass(frozen=True)
class Step:
    """One correlation of the demonstration: what goes in, and how its axes are read."""

    name: str
    title: str
    subject: str  # "photograph", "digits" or "colour tiles"
    images: NDArray[Any]
    kernels: NDArray[Any]
    layout: str
    kernel_names: tuple[str, ...]

    @property
    def exact(self) -> bool:
        """Whether the response is an integer one, which has to equal SciPy's."""
        return self.images.dtype.kind in "bui"

    @property
    def n_images(self) -> int:
        """The size of the batch."""
        return len(self.images) if self.images.ndim == len(self.layout) else 1

    @property
    def is_batch(self) -> bool:
        """Whether there are several images and a bank."""
        return self.images.ndim == self.kernels.ndim == len(self.layout)

    @property
    def n_taps(self) -> int:
        """The taps of one kernel."""
        return self.kernels.size // (len(self.kernels) if self.kernels.ndim == len(self.layout) else 1)

    def planes(self, dtype: type) -> tuple[NDArray[Any], NDArray[Any]]:
        """Return images (N, C, H, W) and kernels (K, C, kh, kw), contiguous, so that no library copies anything."""
        return self.channels_first(self.images, dtype), self.channels_first(self.kernels, dtype)

    def channels_first(self, array: NDArray[Any], dtype: type) -> NDArray[Any]:
        """Return images or kernels with all four axes, contiguous."""
        whole = array if array.ndim == len(self.layout) else array[np.newaxis]
        channels_last = whole if "C" in self.layout else whole[..., np.newaxis]
        return np.ascontiguousarray(np.moveaxis(channels_last, -1, 1), dtype=dtype)

    def response_planes(self, response: NDArray[Any]) -> NDArray[Any]:
        """Return a view (N, K, rows, columns) of this step's response."""
        with_bank = response if self.kernels.ndim == len(self.layout) else response[..., np.newaxis]
        with_batch = with_bank if self.images.ndim == len(self.layout) else with_bank[np.newaxis]
        return np.moveaxis(with_batch, -1, 1)


@dataclass(frozen=True)
class Comparison:
    """How far a response is from SciPy's: the largest difference, the bound there, and how many are over theirs."""

    difference: float
    bound: float
    n_over: int
    expected: NDArray[Any]  # (K, rows, columns), SciPy's response of the first image


@dataclass(frozen=True)
class Outcome:
    """What became of one step."""

    step: Step
    response: NDArray[Any]
    method: str
    seconds: float
    peer_seconds: dict[str, float]  # of the other libraries by name, SciPy first
    comparison: Comparison

    @property
    def has_right_shape(self) -> bool:
        """Whether the response has the shape of SciPy's."""
        expected = (self.step.n_images, *self.comparison.expected.shape)
        return self.step.response_planes(self.response).shape == expected

    @property
    def operands_text(self) -> str:
        """The shapes of images and kernels."""
        return f"{shape_text(self.step.images)} * {shape_text(self.step.kernels)}"

    @property
    def response_text(self) -> str:
        """The shape and the dtype of the response."""
        return f"{shape_text(self.response)} {self.response.dtype}"

    def times_faster(self, peer: str) -> float:
        """How many times as long as xcorr another library takes."""
        return self.peer_seconds[peer] / self.seconds


def shape_text(array: NDArray[Any]) -> str:
    """Write a shape as 500x28x28."""
    return "x".join(map(str, array.shape))


def times_text(times: float) -> str:
    """Write a ratio with two digits or more: 0.5, 3.4, 12, 345."""
    return f"{times:.{0 if times >= 9.95 else 1}f}"


def speed_text(outcomes: Sequence[Outcome], peer: str) -> str:
    """Write how many times as fast as another library xcorr is, from the least step to the greatest."""
    times = [outcome.times_faster(peer) for outcome in outcomes]
    ends = dict.fromkeys((times_text(min(times)), times_text(max(times))))
    return " to ".join(ends) + " times as fast"
