"""Pieces of responses: of the direct method's rows, winograd's quads, the frequency domain's sections."""

from threading import Lock
from typing import Any

import numpy as np
import numpy.typing as npt

from xcorr import _dispatch
from xcorr._arrays import in_order, take_fill
from xcorr._axes import Span
from xcorr._bank import Bank
from xcorr._dtypes import EXACT_FLOAT64, largest_magnitude
from xcorr._ends import ends_of, is_folded
from xcorr._match_reduce import Taker
from xcorr._methods import faint_doubles, faint_pixels, winograd
from xcorr._pieces import Asked, Pieces
from xcorr._plan import Plan
from xcorr._reads import End
from xcorr._reduce import reducer_at
from xcorr._reduction import Reduction
from xcorr._run import run
from xcorr._whole_numbers import WholeNumbers

Array = npt.NDArray[Any]

FOLDED = "its lines are folded as a whole by method 'fft'"


class OfPlan(Pieces):
    """Responses of a bank to images with one or two spatial axes, of which all is seen."""

    def __init__(
        self, shape: tuple[int, ...], plan: Plan, bank: Bank, fill_value: Any = 0, asked: Asked | None = None
    ) -> None:
        self.plan, self.bank, self.fill_value = plan, bank, fill_value
        take_fill(fill_value, plan.types.images, plan.settings.boundary, plan.geometry.channels)
        outputs = tuple(count for _, count in plan.area)
        asked = asked or Asked(plan.types.response, plan.reduction, plan.peaks)
        super().__init__(shape, plan.layout, plan.geometry.n_kernels, outputs, asked)
        self.axes_cut = plan.geometry.axes
        if 0 not in outputs and is_folded(plan):
            self.obstacle = FOLDED

    @property
    def grid(self) -> tuple[int, int]:
        if self.plan.method == "winograd":
            side = winograd.quad_side(self.plan.geometry)
            down, across = self.plan.geometry.axes
            return side * down.dilation, side * across.dilation
        if self.plan.method == "fft":
            return self.valid()
        return 1, 1

    def valid(self) -> tuple[int, int]:
        """Rows and columns of the responses of a section, which are a stride apart."""
        section, (down, across) = self.plan.section[0], self.plan.geometry.axes
        return max(1, section.valid_rows // down.stride), max(1, section.valid_columns // across.stride)

    def ends(self, area: Span) -> tuple[End, ...]:
        return ends_of(self.plan.part(area, None))

    def boundary(self) -> tuple[str, ...]:
        return self.plan.settings.boundary

    def wanted(self) -> tuple[tuple[int, int], ...]:
        return self.plan.area

    def respond(
        self, pixels: Array, area: Span, workers: Any, largest: float | None = None, first: int = 0, mask: Any = None
    ) -> Array:
        down, across = self.reads(area)
        plan = self.plan.part(area, ((down.first, down.length), (across.first, across.length)), largest)
        found = run(plan, self.bank, pixels, self.fill_value, None, workers)
        return in_order(found, plan.layout.response)

    def taker(self, n_images: int, reduction: Reduction) -> Taker:
        level, types = _dispatch.current(), self.plan.types
        kept: Any = None
        if types.exact:
            reach, bias = self.bank.reach
            if largest_magnitude(types.images) * reach + bias > EXACT_FLOAT64:
                kept = WholeNumbers(reduction, n_images)
        return Taker(reduction, kept or reducer_at(level, reduction, n_images), Lock(), level)

    def looks(self) -> tuple[bool, bool]:
        plan, part = self.plan, np.empty(0, self.plan.types.images.newbyteorder("=")).real.dtype
        as_summed = part == np.dtype(plan.types.summed)
        if plan.method not in faint_pixels.METHODS or not as_summed or not _dispatch.subnormals_are_slow():
            return False, False
        of_doubles = plan.types.summed == "f8"
        return not of_doubles or faint_doubles.is_copied(plan), of_doubles
