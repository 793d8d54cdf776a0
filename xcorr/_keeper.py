"""What is kept of images whose responses are reduced over positions, or searched for peaks, part by part."""

from typing import Any

import numpy as np
import numpy.typing as npt

from xcorr import _peaks
from xcorr._axes import Span
from xcorr._pieces import Pieces, Result, taken
from xcorr._pieces_of_volumes import OfPlanes, OfVolumes
from xcorr._reduce import results_of
from xcorr._reduce_peaks import in_whole
from xcorr.peaks import no_peaks, search_words

Array = npt.NDArray[Any]


class Keeper:
    """What is kept of some images' responses over positions, part by part, until all of them are there."""

    def __init__(self, pieces: Pieces, n_images: int) -> None:
        self.pieces, self.n_images = pieces, n_images
        if isinstance(pieces, OfVolumes) and pieces.peaks is None:
            self.of_planes: list[OfPlanes] = []
            return
        if pieces.peaks is None:
            assert pieces.reduction is not None
            self.taker = pieces.taker(n_images, pieces.reduction)
            return
        peaks, counts = pieces.peaks, [count for _, count in pieces.wanted()]
        self.is_possible, words = search_words(peaks, pieces.response, max(counts), pieces.layout.n_axes)
        size = *counts, pieces.n_kernels
        self.planes = () if len(counts) == 3 else (1,)
        self.finders = [_peaks.Finder((*self.planes, *size), pieces.response, peaks.k, *words) for _ in range(n_images)]
        self.looked, self.last_rows = 0, np.empty((n_images, 0, *size[1:]), pieces.response)

    def take(self, responses: Any, area: Span) -> None:
        """Takes what `Pieces.respond` gives at an area; where peaks are wanted whole rows, or planes, in order.

        The last two stay there for the next ones: one is looked at beside that above and that below.
        """
        (top, _), (left, _) = area
        if isinstance(responses, OfPlanes):
            self.of_planes.append(responses)
            return
        if self.pieces.peaks is None:
            self.taker.take(taken(responses), 0, 0, top, left)
            return
        rows, n_rows, end = np.concatenate((self.last_rows, responses), axis=1), self.pieces.outputs[0], sum(area[0])
        last = end if end == n_rows else end - 1
        for finder, own in zip(self.finders, rows, strict=True):
            finder.take(own.reshape(*self.planes, *own.shape), top - self.last_rows.shape[1], self.looked, last)
        self.looked, self.last_rows = last, rows[:, -2:].copy()

    def results(self) -> list[Array]:
        """What the responses are reduced to, of each image."""
        pieces = self.pieces
        shapes = [self.own_shape(result) for result in pieces.results]
        if isinstance(pieces, OfVolumes) and pieces.peaks is None:
            return [own.reshape(shape) for own, shape in zip(pieces.merged(self.of_planes), shapes, strict=True)]
        if pieces.peaks is None:
            assert pieces.reduction is not None
            found = results_of(self.taker.kept, pieces.reduction)
            return [np.asarray(own).reshape(shape) for own, shape in zip(found, shapes, strict=True)]
        found_peaks = no_peaks(shapes[0], pieces.response, pieces.layout.n_axes)
        if self.is_possible:
            records = found_peaks.reshape(self.n_images, -1, pieces.peaks.k)
            for finder, own in zip(self.finders, records, strict=True):
                finder.write(own)
            in_whole(found_peaks, pieces.wanted())
        return [found_peaks]

    def own_shape(self, result: Result) -> tuple[int, ...]:
        """The shape of so many images' result."""
        return result.shape if result.images < 0 else (self.n_images, *result.shape[1:])
