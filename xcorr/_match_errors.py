"""What rounding may do to the sums of an image's windows: the spread that a window needs for them to hold.

Errors of direct sums are relative to the window's own; those of transforms are spread over a section or a quad, whose
other pixels may be brighter, those that no window holds among them.
"""

from math import log2, sqrt
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from xcorr._areas import Area
from xcorr._engine import go_on
from xcorr._match_call import DOUBLE, Call, Like, Part, Staged
from xcorr._matching import CENTRED
from xcorr._memory import empty
from xcorr._once import cached_property
from xcorr._plan import Plan
from xcorr._scores import inverse_roots_of

Array = npt.NDArray[Any]
Doubles = npt.NDArray[np.float64]

SINGLE = np.dtype(np.float32)
UNITS = {dtype.char: float(np.finfo(dtype).eps) / 2 for dtype in (SINGLE, DOUBLE)}
OF_PRODUCTS, OF_SPREADS = 0.45, 0.45
"""The shares of the bound that products, and spreads of windows, may err by."""

SAFETY = 3
"""Units that the error of a correlation by transforms is taken to be at most.

A unit is 0.5 log2(points) of rounding, times the root of the section's mean square, of the number of taps and of the
sum of the taps' squares: what is left of the normwise bound where an error spreads over a section. In 10,000 images of
noise, steps, ramps, dots and waves with templates of noise, steps, ramps and the same waves the largest error was 2.1
units, beside a dot, and else 1.3. 2026-11-27, AMD EPYC (Zen 5), level v4.
"""

OF_QUADS = 32.0
"""Units of rounding, times the largest pixel and the sum of a kernel's magnitudes, that winograd is taken to err by."""

UNEVEN = 1.1
"""What pixels of a section that whole windows leave over may add to its mean square."""

LEAST_SPREAD = {"f": 2.0**-90, "d": 2.0**-800}
"""The mean square, as a share of the largest, from which on products are not lost below a type's normal numbers."""


class KnownBrightness(NamedTuple):
    """The mean squares of an image's pixels, of which windows left out none."""

    total: float  # sum of squares
    of_boxes: float  # the largest mean square of a window

    def mean_square(self, points: int) -> float:
        """The largest of a section of so many points: of all pixels in one, or what the windows that cover it have."""
        return min(self.total / points, UNEVEN * self.of_boxes)


class Brightness:
    """The mean squares of an image's pixels, among them those that no window holds: a transform sums over all.

    Parameters
    ----------
    call : of which the pixels are.
    planes : (channels, rows, columns).
    squares : the sums of squares of windows that hold every pixel, or None.
    """

    def __init__(self, call: Call, planes: Array, squares: Doubles | None) -> None:
        self.call, self.planes, self.squares = call, planes, squares

    @cached_property
    def total(self) -> float:
        """The sum of the squares of all pixels, or a little more: of windows that cover them."""
        if self.squares is None:
            return self.boxes[0]
        places = []
        sizes = self.squares.shape[1:], self.call.templates.taps, self.call.plan.settings.stride
        for length, tap, step in zip(*sizes, strict=True):
            places.append([*range(0, length - 1, max(1, tap // step)), length - 1])
        return float(self.squares[:, places[0]][:, :, places[1]].sum())

    @cached_property
    def of_boxes(self) -> float:
        """The largest mean square of a box that a template reaches over."""
        if self.squares is None:
            down, across = self.call.plan.geometry.axes
            return self.boxes[1] / (down.effective * across.effective)
        height, width = self.call.templates.taps
        total = float(self.squares.max(axis=(1, 2)).sum())
        return total / float(height * width)

    @cached_property
    def boxes(self) -> tuple[float, float]:
        """The sum of the squares of all pixels, or a little more, and the largest of such a box."""
        go_on()
        down, across = self.call.plan.geometry.axes
        box = down.effective, across.effective
        n_rows, n_columns = (size - side + 1 for size, side in zip(self.planes.shape[1:], box, strict=True))
        planes, roots = self.planes.astype(np.float32), empty((n_rows, n_columns), SINGLE)
        total, largest, _ = inverse_roots_of(self.call.level, planes, box, (1, 1), 0.0, 0.0, roots)
        return total, largest

    def mean_square(self, points: int) -> float:
        """The largest of a section of so many points: of all pixels in one, or what the boxes that cover it have.

        These are not asked where they are hardly less than that: the brightest is no less than the mean.
        """
        of_all = self.total / points
        return of_all if self.planes[0].size <= 2 * points else min(of_all, UNEVEN * self.of_boxes)


def windows_hold_all(call: Call) -> bool:
    """Whether windows leave out none of an area's pixels."""
    settings = call.plan.settings
    steps = zip(settings.stride, call.templates.taps, strict=True)
    return call.templates.shares is None and settings.dilation == (1, 1) and all(step <= tap for step, tap in steps)


class One(NamedTuple):
    """One image of an area, its windows' sums of squares, and their spreads, or norms where means do not matter."""

    call: Call
    area: Area
    part: Part
    pixels: Staged
    image: int
    planes: Array
    squares: Doubles
    spread: Doubles
    brightness: Brightness | KnownBrightness

    @property
    def centred(self) -> bool:
        """Whether the score is about means."""
        return self.call.plan.scoring.score in CENTRED

    @property
    def name(self) -> str:
        """What the templates' bank is called."""
        return "centred taps" if self.centred else "taps"

    @property
    def kernels(self) -> Doubles:
        """The templates as they are multiplied."""
        templates = self.call.templates
        kernels = templates.centred if self.centred else templates.values
        return kernels if templates.shares is None else templates.counts * kernels

    @property
    def exponent(self) -> int:
        """The exponent of the power of two that pixels were divided by."""
        return self.pixels.exponent(self.image)


# --- sums of windows --------------------------------------------------------------------------------------------------


def needed_under_mask(one: One, plan: Plan) -> tuple[float, float]:
    """What a spread has to be above for sums that are correlations in float64 to hold."""
    n_taps, unit = one.kernels[0].size, UNITS["d"]
    bound = 2 * OF_SPREADS * one.call.plan.tolerance
    least = n_taps * max(one.call.plan.flat[0] ** 2 if one.centred else 0, LEAST_SPREAD["d"])
    if plan.method not in ("fft", "winograd"):
        return 3 * (4 + 4 * sqrt(sqrt(n_taps))) * unit / bound, least
    largest = max(abs(float(one.planes.max())), abs(float(one.planes.min()))) ** 2
    if plan.method == "winograd":
        share, mean_square = OF_QUADS, largest
    else:
        section, _ = plan.section
        points = section.height * section.width
        share, mean_square = 0.5 * SAFETY * log2(points), one.brightness.mean_square(points)
    root = sqrt(max(float(one.squares.max()), 0) / n_taps)
    error = share * unit * n_taps * (sqrt(mean_square * largest) + 2 * root * sqrt(mean_square))
    return 4 * unit / bound, least + error / bound


def needed_of_sliding_sums(one: One, largest: float) -> float:
    """What a spread has to be above for sums of sliding columns to hold; `largest` is a window's sum of squares.

    Each row that comes or goes adds two roundings of a column's sums, which are at most a window's.
    """
    width = one.call.templates.taps[1]
    unit = UNITS["d"]
    error = unit * (one.planes.shape[1] * (2 * width + 4 * sqrt(width)) + 4 * (2 + log2(width)))
    n_taps = one.kernels[0].size
    flat = one.call.plan.flat[0] ** 2 if one.centred else 0
    return float(error * largest / (OF_SPREADS * one.call.plan.tolerance) + n_taps * max(flat, LEAST_SPREAD["f"]))


def needed_of_sums(one: One) -> tuple[float, float]:
    """What a spread has to be above for its sums to hold, as a share of the sum of squares and beside it."""
    if not one.centred:
        return 0.0, 0.0
    height, width = one.call.templates.taps
    n_taps = one.kernels[0].size
    unit = np.finfo(np.float64).eps / 2
    bound = 2 * OF_SPREADS * one.call.plan.tolerance
    return (4 + log2(width) + 2 * sqrt(height)) * unit / bound, n_taps * max(
        one.call.plan.flat[0] ** 2, LEAST_SPREAD["d"]
    )


# --- products ---------------------------------------------------------------------------------------------------------


def errors_of(plan: Plan, one: One, unit: float) -> tuple[float, float]:
    """The spread that a window needs, as a share of its sum of squares and beside it, for products that hold.

    An error is at most a share of the norms of the template and of what is summed: of the window, where sums are
    direct, and of a section where it is transformed.
    """
    bound = OF_PRODUCTS * one.call.plan.tolerance
    relative = relative_error(plan, one.kernels[0].size, unit, bound)
    if plan.method == "fft":
        section, _ = plan.section
        points = section.height * section.width
        share = (0.5 * SAFETY * log2(points) * unit / bound) ** 2
        return relative, share * one.brightness.mean_square(points) * one.kernels[0].size
    if plan.method == "winograd":
        height, width = plan.geometry.kernel_shape
        largest = float(np.square(one.planes).max())
        return relative, (OF_QUADS * unit / bound) ** 2 * largest * height * width * len(one.planes)
    return relative, 0.0


def relative_error(plan: Plan, n_taps: int, unit: float, bound: float) -> float:
    """The spread that a window needs as a share of its sum of squares."""
    units = 4.0 if plan.method in ("fft", "winograd") else 4 + 4 * sqrt(sqrt(n_taps))
    return (units * unit / bound) ** 2


def needed_of_products(one: One, target: Array) -> list[tuple[float, float]]:
    """The spreads that windows need for sums in float32 and in float64."""
    return [needed(one, target, dtype) for dtype in (SINGLE, DOUBLE)]


def needed(one: One, target: Array, dtype: np.dtype[Any]) -> tuple[float, float]:
    """The spread that a window needs for sums in a type, as `errors_of` gives it."""
    plan = one.call.plan_of(Like((1, *one.planes.shape), dtype), one.kernels, target)
    n_taps = one.kernels[0].size
    relative, least = errors_of(plan, one, UNITS[dtype.char])
    return relative, max(least, n_taps * LEAST_SPREAD[target.dtype.char])
