"""Pieces of responses: of the direct method's rows, winograd's quads, the frequency domain's pairs of sections."""

from threading import Lock
from typing import Any

import numpy as np
import numpy.typing as npt

from xcorr import _dispatch
from xcorr._arrays import in_order
from xcorr._axes import Span
from xcorr._bank import Bank
from xcorr._correlator import Correlator
from xcorr._dtypes import EXACT_FLOAT64, largest_magnitude
from xcorr._match_reduce import Taker
from xcorr._methods import boxes, faint_doubles, faint_pixels, winograd
from xcorr._methods.fft import fold_of_plan
from xcorr._pieces import Pieces
from xcorr._plan import Plan
from xcorr._reads import Ends, runs_of
from xcorr._reduce import reducer_at
from xcorr._reduction import Reduction
from xcorr._run import run
from xcorr._whole_numbers import WholeNumbers

Array = npt.NDArray[Any]


class OfPlan(Pieces):
    """Responses of a bank to images with one or two spatial axes, of which all is seen."""

    def __init__(self, prepared: Correlator, shape: tuple[int, ...], plan: Plan, bank: Bank) -> None:
        self.plan, self.bank = plan, bank
        outputs = tuple(count for _, count in plan.area)
        super().__init__(
            prepared,
            shape,
            plan.layout,
            plan.geometry.n_kernels,
            (outputs, plan.types.response, plan.reduction, plan.peaks),
        )
        self.axes_cut = plan.geometry.axes
        if 0 in outputs or plan.method != "fft":
            return
        if fold_of_plan(plan) is not None or plan.sizes.n_stretches:
            self.obstacle = "its lines are folded as a whole by method 'fft'"

    @property
    def grid(self) -> tuple[int, int]:
        if self.plan.method == "winograd":
            side = winograd.quad_side(self.plan.geometry)
            down, across = self.plan.geometry.axes
            return side * down.dilation, side * across.dilation
        if self.plan.method == "fft":
            rows, columns = self.valid()
            return rows, 2 * columns
        return 1, 1

    @property
    def edges(self) -> tuple[list[int], list[int]]:
        if self.plan.method != "fft" or self.plan.geometry.whole or self.n_sections()[1] % 2 == 0:
            return [], []
        _, columns = self.valid()
        return [], [columns, self.n_sections()[1] * columns - columns]  # which have a pair in another row

    def valid(self) -> tuple[int, int]:
        """Rows and columns of the responses of a section, which are a stride apart."""
        section, (down, across) = self.plan.section[0], self.plan.geometry.axes
        return max(1, section.valid_rows // down.stride), max(1, section.valid_columns // across.stride)

    def n_sections(self) -> tuple[int, int]:
        """Sections down and across an image."""
        section, (down, across) = self.plan.section[0], self.plan.geometry.grid.axes
        return -(-down.span // section.valid_rows), -(-across.span // section.valid_columns)

    def ends(self, area: Span) -> tuple[Ends, ...]:
        plan = self.plan.part(area, None)
        if plan.method == "fft":
            return self.ends_of_sections(plan)
        axes = plan.geometry.axes
        if plan.method == "winograd":
            side = winograd.quad_side(plan.geometry)
            axes, _ = plan.geometry.within((side * axes[0].dilation, side * axes[1].dilation))
        return tuple(((-axis.before, -axis.before + axis.reached),) for axis in axes)

    def ends_of_sections(self, plan: Plan) -> tuple[Ends, ...]:
        """The ends of the pairs of sections that have a response of a part: both sections of a pair decide its bits.

        A pair may be the last section of a row and the first one of the next.
        """
        section, (n_down, n_across) = plan.section[0], self.n_sections()
        sides = list(zip(boxes.reached_by_section(plan), (section.valid_rows, section.valid_columns), strict=True))
        (top, bottom), (left, right) = (
            ((whole.before - own.before) // valid, (whole.before - own.before + own.span - 1) // valid)
            for own, whole, (_, valid) in zip(plan.geometry.axes, plan.geometry.whole, sides, strict=True)
        )
        rows, columns = {top, bottom}, set(range(left, right + 1))
        for row in range(top, bottom + 1):
            for index in ((row * n_across + left) // 2 * 2, min((row * n_across + right) | 1, n_down * n_across - 1)):
                rows.add(index // n_across)
                columns.add(index % n_across)

        def of_run(axis: int, first: int, last: int) -> tuple[int, int]:
            length, valid = sides[axis]
            whole = plan.geometry.whole[axis]
            return first * valid - whole.before, min(last * valid + length, whole.reached) - whole.before

        runs = runs_of(np.array(sorted(columns)))
        found = tuple(of_run(1, first, last) for first, last in runs)
        if len(found) > 1 and found[1][0] <= found[0][1]:
            found = ((found[0][0], found[-1][1]),)
        return (of_run(0, min(rows), max(rows)),), found

    def boundary(self) -> tuple[str, ...]:
        return self.plan.settings.boundary

    def respond(self, pixels: Array, area: Span, workers: Any, largest: float | None = None) -> Array:
        down, across = self.reads(area)
        plan = self.plan.part(area, ((down.first, down.length), (across.first, across.length)), largest)
        found = run(plan, self.bank, pixels, self.prepared._fill_value, None, workers)
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
