"""What the formulas give where a pixel or a tap that both see is not finite: found by counting, window by window."""

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from xcorr._bank import make_bank
from xcorr._match_call import Call, Part
from xcorr._run import run
from xcorr._templates import MINUS, NAN, PLUS

Array = npt.NDArray[Any]


class Operand(NamedTuple):
    """Pixels of one image, or taps of one template, (channels, rows, columns), and which of them count."""

    values: Array  # 0 where they are not finite
    codes: Array  # 0 or PLUS, MINUS or NAN
    counts: npt.NDArray[np.bool_]

    def signs(self, sign: int) -> Array:
        """Places of those that count and are positive, negative or 0."""
        code = {1: PLUS, -1: MINUS}.get(sign, -1)
        found = (np.sign(self.values) == sign) & (self.codes == 0) | (self.codes == code)
        return np.asarray(found & self.counts)

    def infinite(self, sign: int) -> Array:
        """Places of the infinite ones of that sign that count."""
        return np.asarray((self.codes == (PLUS if sign > 0 else MINUS)) & self.counts)


def mark_unknown(call: Call, part: Part, pixels: Operand, taps: Operand, target: Array) -> None:
    """Sets the scores of one template where something that both see is not finite."""
    counted = Counting(call, part)
    unknown = counted.any([(pixels.codes == NAN) & pixels.counts], [taps.counts])
    unknown |= counted.any([pixels.counts], [(taps.codes == NAN) & taps.counts])
    infinite = counted.any([pixels.infinite(1), pixels.infinite(-1)], [taps.counts] * 2)
    infinite |= counted.any([pixels.counts] * 2, [taps.infinite(1), taps.infinite(-1)])
    score = call.plan.scoring.score
    if score == "ssd":
        target[infinite] = np.inf
        alike = counted.any([pixels.infinite(1), pixels.infinite(-1)], [taps.infinite(1), taps.infinite(-1)])
        target[unknown | alike] = np.nan
    elif score == "correlation":
        signs = {1: [(1, 1), (-1, -1)], -1: [(1, -1), (-1, 1)], 0: [(1, 0), (-1, 0)]}
        found = {}
        for sign, pairs in signs.items():
            found[sign] = counted.any(
                [*(pixels.infinite(a) for a, _ in pairs), *(pixels.signs(b) for _, b in pairs)],
                [*(taps.signs(b) for _, b in pairs), *(taps.infinite(a) for a, _ in pairs)],
            )
        target[found[1]] = np.inf
        target[found[-1]] = -np.inf
        target[unknown | found[0] | (found[1] & found[-1])] = np.nan
    else:
        target[unknown | infinite] = np.nan


class Counting(NamedTuple):
    """Counts of pixels under taps, in one part of an area."""

    call: Call
    part: Part

    def any(self, pixels: list[Array], taps: list[Array]) -> npt.NDArray[np.bool_]:
        """Windows where some pixel of one set lies under a tap of the set beside it."""
        found = np.zeros(self.part.shape, np.bool_)
        for some, others in zip(pixels, taps, strict=True):
            if some.any() and others.any():
                found |= self.count_under(some, others) > 0
        return found

    def count_under(self, pixels: Array, taps: Array) -> Array:
        """How many pixels lie under taps."""
        into = np.empty((1, 1, *self.part.shape), np.int64)
        planes, kernels = pixels[np.newaxis].astype(np.uint8), taps[np.newaxis].astype(np.uint8)
        plan = self.call.plan_of(planes, kernels, into, self.part, of_templates=False)
        run(plan, make_bank(kernels, None, plan.reading), planes, 0, into, self.call.workers)
        return np.asarray(into[0, 0])
