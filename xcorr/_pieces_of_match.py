"""Pieces of scores, whose areas lie where they do in one call."""

import bisect
import sys
from typing import Any

import numpy as np
import numpy.typing as npt

from xcorr import _dispatch
from xcorr._areas import Area, areas_of, reached
from xcorr._arrays import in_order
from xcorr._axes import Span
from xcorr._masks import canonical
from xcorr._match import Matcher
from xcorr._match_reduce import Taker, converted, largest_distance, taker_of
from xcorr._matching import MatchPlan
from xcorr._memory import empty
from xcorr._once import cached_property
from xcorr._pieces import Asked, Pieces
from xcorr._reads import End
from xcorr._reduction import Reduction
from xcorr._score import calls_of, score_call

Array = npt.NDArray[Any]


class OfMatch(Pieces):
    """Scores of templates in images with one or two spatial axes."""

    def __init__(self, prepared: Matcher, shape: tuple[int, ...], plan: MatchPlan, dtype: np.dtype[Any]) -> None:
        self.plan, self.dtype = plan, dtype
        asked = Asked(plan.response, plan.reduction, plan.peaks)
        super().__init__(shape, plan.layout, plan.n_responses, plan.roi.counts, asked)
        self.axes_cut, areas = plan.geometry.axes, areas_of(plan.geometry, plan.unseen_padding)
        self.along = tuple(sorted({(own.first[axis], own.counts[axis]) for own in areas}) for axis in range(2))
        self.banks = prepared._bank_of(plan)
        self.fill = plan.fill_of(dtype)

    @property
    def edges(self) -> tuple[list[int], list[int]]:
        rows, columns = (
            [first + count - origin for first, count in along]
            for along, origin in zip(self.along, self.plan.roi.first, strict=True)
        )
        return rows, columns

    @property
    def grid(self) -> tuple[int, int]:
        rows, columns = (max(count for _, count in along) for along in self.along)
        return rows, columns

    @cached_property
    def boxes(self) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
        """The pixels that areas reach along each axis."""
        (row, n_rows), (column, n_columns) = (along[0] for along in self.along)
        boundary = self.plan.settings.boundary
        down = [reached(self.axes_cut, Area((first, column), (count, n_columns)), boundary)
                for first, count in self.along[0]]  # fmt: skip
        across = [reached(self.axes_cut, Area((row, first), (n_rows, count)), boundary)
                  for first, count in self.along[1]]  # fmt: skip
        return [(own.box[0].start, own.box[0].stop) for own in down], [
            (own.box[1].start, own.box[1].stop) for own in across
        ]

    def ends(self, area: Span) -> tuple[End, ...]:
        found = []
        for (first, count), origin, along, own in zip(area, self.plan.roi.first, self.along, self.boxes, strict=True):
            begin = bisect.bisect_right(along, (origin + first, sys.maxsize)) - 1
            end = bisect.bisect_left(along, (origin + first + count, 0))
            found.append((min(box[0] for box in own[begin:end]), max(box[1] for box in own[begin:end])))
        return tuple(found)

    def boundary(self) -> tuple[str, ...]:
        return "constant", "constant"  # areas have boxes of pixels, which are looked up there

    def wanted(self) -> tuple[tuple[int, int], ...]:
        return tuple(zip(*self.plan.roi, strict=True))

    def respond(
        self, pixels: Array, area: Span, workers: Any, largest: float | None = None, first: int = 0, mask: Any = None
    ) -> Array:
        plan, n_images = self.plan.part(area), self.counted(pixels)
        scores: Array = empty(plan.response_shape(n_images), plan.scored)
        origin = tuple(own.first for own in self.reads(area))
        for some, own, call in calls_of(plan, self.banks, pixels, None, self.fill, workers):
            place = canonical(scores, plan.layout.response)[some, own]
            at_hand: Any = AtHand(call.pixels, origin)
            score_call(call._replace(pixels=at_hand, out=place))
        return in_order(converted(scores, plan.response), plan.layout.response)

    def taker(self, n_images: int, reduction: Reduction) -> Taker:
        largest = largest_distance(self.plan, self.dtype, self.banks.operands[0].dtype)
        return taker_of(self.plan, reduction, _dispatch.current(), n_images, largest)


class AtHand:
    """The pixels (images, channels, rows, columns) at hand, taken by their places in the whole image."""

    def __init__(self, pixels: Array, origin: tuple[int, ...]) -> None:
        self.pixels, self.origin = pixels, origin
        self.shape, self.dtype = pixels.shape, pixels.dtype

    def __len__(self) -> int:
        return len(self.pixels)

    def __getitem__(self, index: Any) -> Any:
        if not isinstance(index, tuple):
            return AtHand(self.pixels[index], self.origin)
        rows, columns = (
            slice(own.start - first, own.stop - first) for own, first in zip(index[2:], self.origin, strict=True)
        )
        return self.pixels[(*index[:2], rows, columns)]
