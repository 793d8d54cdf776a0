"""Drop-ins of `xcorr.compat` beside the functions whose places they take, of `dropins.csv`.

Shapes are those of the peers' own benchmarks. A row is a call, or one for each pair of arrays where the peers'
benchmark goes through many: SciPy's pairs of small arrays, all that the mode takes. Tensors are given to torch's.
"""

import csv
import importlib
from collections.abc import Callable, Iterator
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

PEERS = {
    "scipy_signal": ("scipy.signal",),
    "scipy_ndimage": ("scipy.ndimage",),
    "torch_functional": ("torch.nn.functional", "torch.nn.grad"),
    "cv2": ("cv2",),
    "skimage": ("skimage.feature", "skimage.registration", "skimage.filters"),
}
"""Modules of each peer in which a function may be."""

TOLERANCE = 2e-2
"""Of a response's largest magnitude: integers are rounded otherwise here and there, and scores lose digits."""

LENGTHS, SIDES, FEW = (1, 2, 8, 13, 30, 36, 50, 75), (1, 2, 8, 13, 30), (8, 13, 30)
"""Lengths of signals, and sides of planes, of SciPy's own benchmarks."""


class DropIn(NamedTuple):
    """One row: a function of a module, and what it is called with."""

    name: str
    kind: str
    function: str
    over: str
    arguments: str

    @property
    def module(self) -> str:
        """The drop-in's module."""
        return self.kind.partition(".")[2]

    @property
    def flops(self) -> int:
        """Not counted."""
        return 0

    @property
    def n_bytes(self) -> int:
        """Not counted."""
        return 0

    def calls(self) -> list[tuple[tuple[Any, ...], dict[str, Any]]]:
        """Positional arguments and keywords of each call."""
        random = np.random.default_rng(5)

        def normal(*shape: int, dtype: str = "f4") -> np.ndarray:
            return random.standard_normal(shape).astype(dtype)

        def whole(*shape: int, dtype: str = "u1") -> np.ndarray:
            return random.integers(0, 256, shape).astype(dtype)

        def told(*arguments: Any, **keywords: Any) -> tuple[tuple[Any, ...], dict[str, Any]]:
            return arguments, keywords

        arguments, keywords = eval(f"told({self.arguments})", {"told": told, "normal": normal, "whole": whole})
        if not self.over:
            return [(arguments, keywords)]
        pairs = {"signals": signals, "planes": planes, "both": both}[self.over](random)
        return [((*pair, *arguments), keywords) for pair in pairs if takes(pair, keywords.get("mode"))]


def signals(random: np.random.Generator) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Pairs of signals, the second one not longer."""
    for first, second in product(LENGTHS, repeat=2):
        if second <= first:
            yield random.standard_normal(first), random.standard_normal(second)


def planes(random: np.random.Generator) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Pairs of planes of all sides."""
    for sides in product(SIDES, repeat=4):
        yield random.standard_normal(sides[:2]), random.standard_normal(sides[2:])


def both(random: np.random.Generator) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Pairs of signals, and of planes of which the second one has not more rows."""
    yield from signals(random)
    for sides in product(FEW, repeat=4):
        if sides[2] <= sides[0]:
            yield random.standard_normal(sides[:2]), random.standard_normal(sides[2:])


def takes(pair: tuple[np.ndarray, np.ndarray], mode: Any) -> bool:
    """Whether SciPy's benchmark has the pair in this mode."""
    first, second = pair
    return mode != "valid" or all(size >= other for size, other in zip(first.shape, second.shape, strict=True))


def read_dropins() -> list[DropIn]:
    with Path(__file__).with_name("dropins.csv").open(newline="") as file:
        return [
            DropIn(row["id"], row["cls"], row["function"], row["over"], row["arguments"])
            for row in csv.DictReader(file)
        ]


DROPINS = read_dropins()


def dropin_contenders(work: DropIn, n_workers: int) -> dict[str, Any]:
    """The drop-in and, where it is installed, its peer."""
    calls = work.calls()
    if work.module == "torch_functional":
        import torch

        torch.set_num_threads(n_workers)
        calls = [(tuple(map(as_tensor, arguments)), keywords) for arguments, keywords in calls]
    if work.module == "cv2":
        import cv2

        cv2.setNumThreads(n_workers)
    own = getattr(importlib.import_module(f"xcorr.compat.{work.module}"), work.function)
    found = {"xcorr.compat": looping(own, calls)}
    for name in PEERS[work.module]:
        module = importlib.import_module(name)
        if hasattr(module, work.function):
            found[f"{name}.{work.function}"] = looping(getattr(module, work.function), calls)
    return found


def as_tensor(argument: Any) -> Any:
    """A tensor of an array, anything else as it is."""
    import torch

    return torch.from_numpy(argument) if isinstance(argument, np.ndarray) else argument


def looping(function: Callable[..., Any], calls: list[tuple[tuple[Any, ...], dict[str, Any]]]) -> Callable[[], Any]:
    """All calls one after the other; the last one's first result is what is compared."""

    def run() -> Callable[[], np.ndarray]:
        for arguments, keywords in calls:
            result = function(*arguments, **keywords)
        return lambda: np.asarray(result[0] if isinstance(result, tuple) else result)

    return run
