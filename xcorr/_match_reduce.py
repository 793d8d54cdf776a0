"""Scores that are reduced as they come: those of some templates in one area at a time."""

from threading import Lock
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from xcorr._dispatch import Level
from xcorr._dtypes import EXACT_FLOAT64
from xcorr._engine import Reducer
from xcorr._matching import MatchPlan
from xcorr._reduce import reducer_at
from xcorr._reduction import Reduction
from xcorr._whole_numbers import WholeNumbers

Array = npt.NDArray[Any]


class Taker(NamedTuple):
    """What takes scores in the place of an array: those of images and kernels from the first ones on."""

    reduction: Reduction
    kept: Reducer | WholeNumbers
    lock: Lock  # of whole numbers, which one thread takes at a time
    level: Level
    first_image: int = 0
    first_kernel: int = 0

    def of(self, image: int, kernel: int) -> "Taker":
        """The one of images and kernels from there on."""
        return self._replace(first_image=image, first_kernel=kernel)

    def take(self, scores: Array, image: int, kernel: int, row: int, column: int) -> None:
        """Takes scores (images, kernels, rows, columns) from there on."""
        image, kernel = self.first_image + image, self.first_kernel + kernel
        response, whole = self.reduction.response, scores.dtype.kind in "iu"
        if whole:
            scores = converted(scores, response)
        if isinstance(self.kept, WholeNumbers):
            for index, own in enumerate(scores, image):
                with self.lock:
                    self.kept.take(np.moveaxis(own, 0, 2), index, row, column, kernel)
            return
        if whole:
            scores = scores.astype(np.float32 if response.char in "ef" else np.float64, copy=False)
        kernels, summed = np.arange(kernel, kernel + scores.shape[1]), scores.dtype.str[1:]
        for index, own in enumerate(scores, image):
            self.kept.take(summed, np.moveaxis(own, 0, 2), index, row, column, kernels, self.level.table)


def taker_of(plan: MatchPlan, reduction: Reduction, level: Level, n_images: int, largest: float) -> Taker:
    """What takes the scores of so many images, of which whole numbers are no larger than that."""
    kept: Reducer | WholeNumbers
    if plan.exact and reduction.response.kind in "iu" and largest > EXACT_FLOAT64:
        kept = WholeNumbers(reduction, n_images)
    else:
        kept = reducer_at(level, reduction, n_images)
    return Taker(reduction, kept, Lock(), level)


def largest_distance(plan: MatchPlan, images: np.dtype[Any], templates: np.dtype[Any]) -> float:
    """A bound on distances of whole numbers, from their types alone."""
    largest = max(2.0 ** (8 * dtype.itemsize) for dtype in (images, templates))
    return 4 * largest**2 * plan.n_taps * plan.geometry.channels


def converted(scores: Array, dtype: np.dtype[Any]) -> Array:
    """Scores of another type; OverflowError for whole numbers that it does not hold."""
    if dtype.kind in "iu":
        limits = np.iinfo(dtype)
        if scores.size and (int(scores.min()) < int(limits.min) or int(scores.max()) > int(limits.max)):
            raise OverflowError(
                f"dtype: a score does not fit {dtype} ({limits.min} to {limits.max}); "
                "allowed is a type that holds every score"
            )
    with np.errstate(over="ignore", under="ignore"):
        return scores.astype(dtype, copy=False)
