"""What is reduced over what: shapes and types of the results, from sizes alone."""

from math import prod
from typing import Any, NamedTuple

import numpy as np

from xcorr._engine import bytes_of_kept
from xcorr._layouts import Layout
from xcorr._reading import read_reduce
from xcorr.peaks import Peaks

Area = tuple[tuple[int, int], ...]
"""The first window and the number of windows along each axis."""

MOST_SUMMED = 2**31
"""Responses of an image and a kernel that a sum would lose bits of."""

EXTREMES = ("max", "min", "argmax", "argmin")


class Reduction(NamedTuple):
    """The reductions of a call, in order; `alone` if one was asked for by its name and not in a tuple."""

    names: tuple[str, ...]
    alone: bool
    over_kernels: bool
    response: np.dtype[Any]
    outputs: tuple[int, ...]
    first: tuple[int, ...]  # row and column among those of the whole response
    n_kernels: int
    has_images: bool  # whether the response has an axis of images, and one of kernels
    has_kernels: bool
    n_axes: int = 2  # spatial axes of the response: a single one is a row

    @property
    def lacks_all(self) -> bool:
        """Whether nothing is there to be reduced."""
        return self.n_kernels == 0 if self.over_kernels else 0 in self.outputs

    @property
    def is_empty(self) -> bool:
        """Whether an image has no response at all."""
        return self.n_kernels == 0 or 0 in self.outputs

    def dtype(self, name: str) -> np.dtype[Any]:
        """The type of a result: NumPy's, of a response of integers the energy's int64."""
        if name in ("argmax", "argmin"):
            return np.dtype(np.intp)
        if name == "ppv" or (name == "mean" and self.response.kind in "iu"):
            return np.dtype(np.float64)
        return np.dtype(np.int64) if name == "energy" and self.response.kind in "iu" else self.response

    def sizes(self, name: str, n_images: int) -> tuple[int, ...]:
        """The shape of a result with all of its axes."""
        if self.over_kernels:
            return (n_images, *self.outputs[-self.n_axes :])
        return (n_images, self.n_kernels, *((self.n_axes,) if name in ("argmax", "argmin") else ()))

    def shape(self, name: str, n_images: int) -> tuple[int, ...]:
        """The shape of a result, without the axes that the response has not."""
        sizes = self.sizes(name, n_images)
        images, rest = sizes[:1] if self.has_images else (), sizes[1:]
        return (*images, *(rest if self.over_kernels or self.has_kernels else rest[1:]))

    @property
    def kept_bytes(self) -> int:
        """Bytes of what is kept of an image's responses until all of them are there."""
        count = prod(self.outputs) if self.over_kernels else self.n_kernels
        return int(count * bytes_of_kept(self.names, self.over_kernels, self.response.str[1:]))


def read_reduction(reduce: Any) -> str | tuple[str, ...] | Peaks | None:
    """None, one of the words, a tuple of them, or what finds peaks."""
    return reduce if isinstance(reduce, Peaks) else read_reduce(reduce)


def peaks_of(reduce: Any, over: str, area: Area, response: np.dtype[Any]) -> Peaks | None:
    """What finds peaks, if that is asked for and the response has them."""
    if not isinstance(reduce, Peaks):
        return None
    if response.kind == "c":
        raise TypeError(f"reduce: got {reduce!r} for responses of {response}; allowed for complex ones is None")
    if over != "positions":
        raise ValueError(f"over: got {over!r} with {reduce!r}; allowed is 'positions'")
    if 0 in (count for _, count in area):
        raise ValueError(f"reduce: got {reduce!r} over no positions; at least 1 is needed")
    return reduce


def reduction_of(
    reduce: Any, over: str, layout: Layout, n_kernels: int, area: Area, response: np.dtype[Any]
) -> Reduction | None:
    """The reductions that were asked for of the rows and columns at `area`, if the response has them."""
    if reduce is None:
        return None
    names = (reduce,) if isinstance(reduce, str) else reduce
    if response.kind == "c":
        raise TypeError(f"reduce: got {reduce!r} for responses of {response}; allowed for complex ones is None")
    outputs = tuple(count for _, count in area)
    n_positions = prod(outputs)
    reduction = Reduction(
        names,
        isinstance(reduce, str),
        over == "kernels",
        response,
        outputs,
        tuple(first for first, _ in area),
        n_kernels,
        layout.response[0] >= 0,
        layout.response[-1] >= 0,
        layout.n_axes,
    )
    if not reduction.over_kernels and n_positions >= MOST_SUMMED and {"mean", "energy"} & set(names):
        raise ValueError(f"reduce: got {reduce!r} for {n_positions} positions; sums are of fewer than {MOST_SUMMED}")
    extremes = [name for name in names if name in EXTREMES]
    if reduction.lacks_all and extremes:
        raise ValueError(f"reduce: got {extremes[0]!r} over no {over}; at least 1 is needed")
    return reduction
