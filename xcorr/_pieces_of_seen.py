"""Pieces of responses of images that are not seen everywhere: of sums, and of the shares that these are divided by."""

from collections.abc import Iterator, Sequence
from math import prod
from typing import Any

import numpy as np
import numpy.typing as npt

from xcorr import _dispatch
from xcorr._arrays import in_order
from xcorr._axes import Span
from xcorr._ends import ends_of, is_folded
from xcorr._looks import any_faint
from xcorr._memory import empty
from xcorr._pieces import Asked
from xcorr._pieces_of_plan import FOLDED, OfPlan
from xcorr._plan import Plan
from xcorr._reads import End, Reads, gathered
from xcorr._seen import AT_ONCE, SeenBank, SeenPlan, weighted_images
from xcorr._seen_shares import plans_of_shares

Array = npt.NDArray[Any]

OWN_KERNELS = "each image has its own kernels"
MOST_TWICE = 1.5
"""What two halves of an area have as workspace, beside that of the whole, up to which it is halved; not tuned."""


class OfSeen(OfPlan):
    """Responses of a bank to images with one or two spatial axes that have a mask, or are normalized.

    Parameters
    ----------
    shape : of all images.
    bank, plan : whose calls are cut, and what they plan for the images.
    seen : what is seen of all images, in canonical axes; "finite", or None for all.
    """

    def __init__(self, shape: tuple[int, ...], bank: SeenBank, plan: SeenPlan, seen: Any) -> None:
        self.seen_plan, self.seen_bank, self.seen = plan, bank, seen
        asked = Asked(plan.types.response, plan.reduction, plan.peaks)
        super().__init__(shape, plan.sums, bank.bank(plan), asked=asked)
        self.plans_beside = self.plans_by_shares() if bank.settings.normalize and 0 not in self.outputs else []
        if any(map(is_folded, self.plans_beside)):
            self.obstacle = FOLDED

    def plans_by_shares(self) -> list[Plan]:
        """The plans of sums over what is seen, of which those along one axis of channels stand for all."""
        geometry, dtype = self.plan.geometry, np.dtype(np.bool_)
        depth, n_own = geometry.depth, geometry.n_kernels // geometry.groups
        if isinstance(self.seen, np.ndarray):
            depth = depth if self.seen.shape[1] > 1 else 1
            dtype = self.seen.dtype if self.seen.dtype.kind == "f" else dtype
        elif self.seen is None:
            depth = 1
        n_own = geometry.n_kernels if depth == 1 else n_own
        taps = np.broadcast_to(np.ones(()), (n_own, depth, *geometry.kernel_shape))
        return plans_of_shares(self.plan, taps, dtype)

    def ends(self, area: Span) -> tuple[End, ...]:
        (top, n_rows), (left, n_columns) = area
        (row, _), (column, _) = self.plan.area
        own = (row + top, n_rows), (column + left, n_columns)  # of all responses, which other plans are of
        found = [super().ends(area), *(ends_of(plan.part(own, None)) for plan in self.plans_beside)]
        return tuple((min(runs)[0], max(end for _, end in runs)) for runs in zip(*found, strict=True))

    def respond(
        self, pixels: Array, area: Span, workers: Any, largest: float | None = None, first: int = 0, mask: Any = None
    ) -> Array:
        n_images, layout, whole = self.counted(pixels), self.layout, self.reads(area)
        responses = empty(self.plan.part(area, None).response_shape(n_images), self.response)
        seen = self.seen_at(whole, slice(first, first + n_images)) if mask is None else mask
        for part in self.areas_at_once(area, n_images):
            at_hand = [(one.first, one.length) for one in self.reads(part)]
            places = within(at_hand, [(one.first, one.length) for one in whole])
            plan = self.plan.part(part, (at_hand[0], at_hand[1]), largest)
            self.seen_bank.respond_some(
                self.seen_plan._replace(sums=plan),
                placed(pixels, self.axes, places),
                placed(seen, (2, 3), places) if isinstance(seen, np.ndarray) else seen,
                placed(responses, layout.response[1:-1], within(part, area)),
                workers,
            )
        return in_order(responses, layout.response)

    def areas_at_once(self, area: Span, n_images: int) -> Iterator[Span]:
        """The parts of an area whose weighted pixels and sums are there at once: halves, if few pixels are of both."""
        n_bytes = self.bytes_at_once(area)
        halves = self.halves_of(area) if n_images * n_bytes > AT_ONCE else []
        if not halves or sum(map(self.bytes_at_once, halves)) > MOST_TWICE * n_bytes:
            yield area
            return
        for half in halves:
            yield from self.areas_at_once(half, n_images)

    def halves_of(self, area: Span) -> list[Span]:
        """Two parts of an area, along its longer axis at a multiple of the grid; none if it has no such place."""
        axis = 0 if area[0][1] >= area[1][1] else 1
        (first, count), unit = area[axis], self.grid[axis]
        middle = max((first + count // 2) // unit, first // unit + 1) * unit
        if middle >= first + count:
            return []
        both = (first, middle - first), (middle, first + count - middle)
        return [(own, area[1]) if axis == 0 else (area[0], own) for own in both]

    def bytes_at_once(self, area: Span) -> int:
        """The bytes of an image's weighted pixels and sums for an area."""
        geometry, types = self.plan.geometry, self.plan.types
        pixels = prod(own.length for own in self.extents(area)) * geometry.channels
        sums = area[0][1] * area[1][1] * geometry.n_kernels * types.response.itemsize
        return int(pixels * (types.images.itemsize + 1) * (self.seen is not None) + sums)

    def seen_at(self, reads: tuple[Reads, ...], images: slice) -> Any:
        """What is seen of the pixels that are read of some images."""
        if not isinstance(self.seen, np.ndarray):
            return self.seen
        own = self.seen[images] if len(self.seen) > 1 else self.seen
        return gathered(lambda place: own[(slice(None), slice(None), *place)], reads, (2, 3))

    def summed(self, pixels: Array, place: Sequence[slice], mask: Any = None) -> Array:
        seen = self.seen if mask is None else mask
        if mask is None and isinstance(seen, np.ndarray):
            rows, columns = (place[axis] if axis >= 0 else slice(None) for axis in self.axes)
            seen = seen[place[self.images_axis] if len(seen) > 1 else slice(None), :, rows, columns]
        return weighted_images(pixels, seen, self.plan, 1)[0]


def obstacle_of(bank: SeenBank, seen: Any, known: bool = True) -> str:
    """What keeps the images of a bank from being cut, in words; `known` says whether shares are those that count."""
    if bank.settings.pairwise:
        return OWN_KERNELS
    if not bank.taps.all_finite:
        return "not all taps are finite, and not all pixels are seen"
    divides = bank.settings.normalize
    return "shares of its mask are subnormal, or may be" if divides and has_faint_shares(seen, known) else ""


def within(runs: Sequence[tuple[int, int]], others: Sequence[tuple[int, int]]) -> list[slice]:
    """The places of runs in others along the axes; of each run the first and the number are told."""
    return [
        slice(first - begin, first - begin + count) for (first, count), (begin, _) in zip(runs, others, strict=True)
    ]


def placed(array: Array, axes: Sequence[int], places: Sequence[slice]) -> Array:
    """A view of places along some axes; -1 for an axis that the array lacks."""
    index = [slice(None)] * array.ndim
    for axis, place in zip(axes, places, strict=True):
        if axis >= 0:
            index[axis] = place
    return array[tuple(index)]


def has_faint_shares(seen: Any, known: bool) -> bool:
    """Whether shares are subnormal, or may be where they are not known: bits of a whole image's may depend on that."""
    of_doubles = isinstance(seen, np.ndarray) and seen.dtype.newbyteorder("=") == np.float64
    if not of_doubles or not _dispatch.subnormals_are_slow():
        return False
    return not known or any_faint(seen, _dispatch.current().table, 1, 8)
