"""What the scripts that compare calls with each other share: a case, its prepared call, and turns of several calls."""

import math
import os
import sys
import time
from collections.abc import Callable, Hashable, Mapping
from datetime import date
from functools import partial
from typing import Any, NamedTuple, TypeVar

import numpy as np
from turns import processor, turn

import xcorr
from xcorr._axes import Geometry, make_geometry

Call = Callable[[], Any]
View = Callable[[np.ndarray], np.ndarray]
Name = TypeVar("Name", bound=Hashable)

ROUNDS = 3
"""Turns of each call at least; a turn is some calls that are not timed and some that are."""


class Case(NamedTuple):
    """Images (N, H, W, C), a bank of (K, kh, kw), and keywords of `xcorr.Correlator`."""

    images: tuple[int, int, int, int]
    bank: tuple[int, int, int]
    padding: Any = "valid"
    stride: Any = 1
    dilation: Any = 1
    groups: int = 1
    layout: str = "NHWC"  # of what xcorr is given and gives; the sizes above stay N, H, W, C
    dtype: str = "float32"  # of the images
    kernels_dtype: str = "float32"

    @property
    def kernels(self) -> tuple[int, int, int, int]:
        return (*self.bank, self.images[3] // self.groups)

    @property
    def keywords(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in ("padding", "stride", "dilation", "groups", "layout")}

    @property
    def geometry(self) -> Geometry:
        sizes = {name: getattr(self, name) for name in ("padding", "stride", "dilation", "groups")}
        return make_geometry(self.images[1:], self.kernels, **sizes)

    @property
    def multiply_adds(self) -> int:
        return self.images[0] * self.geometry.multiply_adds

    def arrays(self) -> tuple[np.ndarray, np.ndarray]:
        """Images and kernels in the layout's order of axes, the same ones every time."""
        random = np.random.default_rng(7)
        if self.dtype == "uint8":
            images = random.integers(0, 256, self.images, dtype=np.uint8)
        else:
            images = random.standard_normal(self.images, dtype=np.float32).astype(self.dtype)
        kernels = random.standard_normal(self.kernels, dtype=np.float32).astype(self.kernels_dtype)
        if self.layout == "NCHW":
            images, kernels = (np.ascontiguousarray(array.transpose(0, 3, 1, 2)) for array in (images, kernels))
        return images, kernels

    def __str__(self) -> str:
        said = [f"{'x'.join(map(str, self.images))} {self.dtype}", f"{self.bank[0]} of {self.bank[1]}x{self.bank[2]}"]
        for name, plain in (("padding", "valid"), ("stride", 1), ("dilation", 1), ("groups", 1), ("layout", "NHWC")):
            value = getattr(self, name)
            said += [f"{name} {value}"] if value not in (plain, (plain, plain)) else []
        return ", ".join(said)


def prepared_call(
    case: Case, n_workers: int, method: str = "auto", images_as: View = np.asarray, out_as: View = np.asarray
) -> Call:
    """The case's call with prepared kernels and `out=`; the views say how images and response lie in memory."""
    images, kernels = case.arrays()
    images = images_as(images)
    corr = xcorr.Correlator(kernels, method=method, **case.keywords)
    out = out_as(corr(images, workers=n_workers))
    return partial(corr, images, out=out, workers=n_workers)


def best_of_turns(calls: Mapping[Name, Call], seconds: float, hopeless: float = math.inf) -> dict[Name, float]:
    """The least seconds of one call of each, taking turns until `seconds` have passed.

    What takes more than `hopeless` times as long as the quickest has one turn only.
    """
    begin = time.perf_counter()
    best = {name: min(turn(call)) for name, call in calls.items()}
    enough = hopeless * min(best.values())
    goes_on = {name: call for name, call in calls.items() if best[name] <= enough}
    rounds = 1
    while rounds < ROUNDS or time.perf_counter() - begin < seconds:
        for name, call in goes_on.items():
            best[name] = min(best[name], *turn(call))
        rounds += 1
    return best


def best_time(call: Call, rounds: int = 5) -> float:
    """The least of some rounds of one call by itself, in seconds, the first one not counted."""
    call()
    taken = []
    for _ in range(rounds):
        begin = time.perf_counter()
        call()
        taken.append(time.perf_counter() - begin)
    return min(taken)


def hold_threads(n_workers: int) -> None:
    """Start the script again with that many threads for every library, which NumPy's reads once, when it is loaded."""
    variables = ("XCORR_WORKERS", "OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS")
    if any(os.environ.get(variable) != str(n_workers) for variable in variables):
        environment = dict(os.environ, **dict.fromkeys(variables, str(n_workers)))
        os.execve(sys.executable, [sys.executable, *sys.orig_argv[1:]], environment)


def machine() -> dict[str, str]:
    """What stands beside every figure: its date, the processor and xcorr's level."""
    return {"date": date.today().isoformat(), "processor": processor(), "level": xcorr.info()["level"]}


def provenance() -> str:
    return "{date}, {processor}, level {level}".format(**machine())
