"""What is kept of images whose responses are reduced over positions, or searched for peaks, part by part."""

from typing import Any

import numpy as np
import numpy.typing as npt

from xcorr import _peaks
from xcorr._axes import Span
from xcorr._pieces import Pieces, Result, taken
from xcorr._plan import Plan
from xcorr._reduce import results_of
from xcorr._reduce_peaks import in_whole
from xcorr.peaks import no_peaks, search_words

Array = npt.NDArray[Any]


class Keeper:
    """What is kept of some images' responses over positions, part by part, until all of them are there."""

    def __init__(self, pieces: Pieces, n_images: int) -> None:
        self.pieces, self.n_images = pieces, n_images
        counts = pieces.outputs
        if pieces.peaks is None:
            assert pieces.reduction is not None
            self.taker = pieces.taker(n_images, pieces.reduction)
            return
        peaks, n_kernels = pieces.peaks, pieces.n_kernels
        n_axes = pieces.layout.n_axes
        self.is_possible, words = search_words(peaks, pieces.response, max(counts), n_axes)
        size = 1, *counts, n_kernels
        self.finders = [_peaks.Finder(size, pieces.response, peaks.k, *words) for _ in range(n_images)]
        self.looked, self.last_rows = 0, np.empty((n_images, 0, counts[1], n_kernels), pieces.response)

    def take(self, responses: Array, area: Span) -> None:
        """Takes responses (images, rows, columns, kernels) at an area; where peaks are wanted whole rows in order.

        The last two rows stay there for the next ones: a row is looked at beside the one above and the one below.
        """
        (top, _), (left, _) = area
        if self.pieces.peaks is None:
            self.taker.take(taken(responses), 0, 0, top, left)
            return
        rows, n_rows, end = np.concatenate((self.last_rows, responses), axis=1), self.pieces.outputs[0], sum(area[0])
        last = end if end == n_rows else end - 1
        for finder, own in zip(self.finders, rows, strict=True):
            finder.take(own[np.newaxis], top - self.last_rows.shape[1], self.looked, last)
        self.looked, self.last_rows = last, rows[:, -2:].copy()

    def results(self) -> list[Array]:
        """What the responses are reduced to, of each image."""
        pieces = self.pieces
        shapes = [self.own_shape(result) for result in pieces.results]
        if pieces.peaks is None:
            assert pieces.reduction is not None
            found = results_of(self.taker.kept, pieces.reduction)
            return [np.asarray(own).reshape(shape) for own, shape in zip(found, shapes, strict=True)]
        found_peaks = no_peaks(shapes[0], pieces.response, pieces.layout.n_axes)
        if self.is_possible:
            records = found_peaks.reshape(self.n_images, -1, pieces.peaks.k)
            for finder, own in zip(self.finders, records, strict=True):
                finder.write(own)
            in_whole(found_peaks, self.wanted())
        return [found_peaks]

    def own_shape(self, result: Result) -> tuple[int, ...]:
        """The shape of so many images' result."""
        return result.shape if result.images < 0 else (self.n_images, *result.shape[1:])

    def wanted(self) -> list[tuple[int, int]]:
        """The rows and columns of the whole response that are wanted."""
        plan: Any = self.pieces.plan  # type: ignore[attr-defined] # images are cut, so that there is one
        return list(plan.area) if isinstance(plan, Plan) else list(zip(*plan.roi, strict=True))
