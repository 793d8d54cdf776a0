"""The geometry of a call: its axes, channels, groups and kernels, and how the sum is cut into blocks. No arrays."""

from collections.abc import Sequence
from math import isqrt, prod
from typing import Any, NamedTuple

from xcorr._reading import Padding, checked, read_along, read_padding, whole_number

# Taps in one chain of multiply-adds of a long sum, and the number of taps from which a sum is long: from there on the
# totals of the blocks carry their rounding errors along.
LONG_BLOCK = 128
LONG_SUM = 16384
# Taps of a kernel row from which on it is a block by itself: with two rows in a block tiles over columns take twice the
# time, for want of registers.
LONG_ROW = 6


Span = tuple[tuple[int, int], tuple[int, int]]
"""The first and the number of some rows, and of some columns."""


class Axis(NamedTuple):
    """One spatial axis of an image, and of the kernels that go along it; all in pixels."""

    length: int
    kernel: int
    before: int = 0
    behind: int = 0
    stride: int = 1
    dilation: int = 1

    @property
    def effective(self) -> int:
        """The extent of a kernel with its dilation."""
        return (self.kernel - 1) * self.dilation + 1

    @property
    def padded(self) -> int:
        """The length with the padding."""
        return self.before + self.length + self.behind

    @property
    def outputs(self) -> int:
        """Windows along the axis."""
        return (self.padded - self.effective) // self.stride + 1

    @property
    def share_inside(self) -> float:
        """The share of all windows' taps that lie inside of the image, from 64 of a long kernel's taps."""
        if not self.outside:
            return 1.0
        taps = range(0, self.kernel, -(-self.kernel // 64))
        count = 0
        for tap in taps:
            place = tap * self.dilation - self.before  # of the first window
            first = max(0, -(place // self.stride))
            end = min(self.outputs, (self.length - 1 - place) // self.stride + 1)
            count += max(0, end - first)
        return count / (len(taps) * self.outputs)

    @property
    def span(self) -> int:
        """Windows that there would be without stride, from the first to the last that is taken."""
        return (self.outputs - 1) * self.stride + 1

    @property
    def reached(self) -> int:
        """Padded pixels from the first to the last that a window holds."""
        return self.reach(self.outputs)

    @property
    def outside(self) -> int:
        """Padded pixels among these that are not the image's."""
        return self.reached - max(0, min(self.before + self.length, self.reached) - max(0, self.before))

    def reach(self, outputs: int) -> int:
        """Pixels from the first to the last that so many windows next to each other hold."""
        return (outputs - 1) * self.stride + self.effective

    def of_taps(self, first: int, end: int) -> tuple[int, ...]:
        """What an engine is told of the axis, for the taps [first, end) of a kernel: its windows are those of all."""
        before = self.before - first * self.dilation
        return self.length, end - first, before, self.stride, self.dilation, self.outputs

    def part(self, first: int, count: int) -> "Axis":
        """The axis of so many of its windows, from `first` on: pixels that none of them reaches are padding below 0."""
        before = self.before - first * self.stride
        return self._replace(before=before, behind=self.reach(count) - before - self.length)

    def box(self, first: int, end: int) -> "Axis":
        """The axis of the taps [first, end) of a kernel alone: its windows are those of all, and lie where they do."""
        before = self.before - first * self.dilation
        own = self._replace(kernel=end - first, before=before)
        return own._replace(behind=own.reach(self.outputs) - before - self.length)


class Geometry(NamedTuple):
    """The sizes of one image, the bank and one response."""

    axes: tuple[Axis, ...]
    channels: int
    groups: int
    n_kernels: int
    whole: tuple[Axis, ...] = ()  # of which the axes are a part whose sums are cut as the whole's; else empty

    @property
    def kernel_shape(self) -> tuple[int, ...]:
        """The taps of a kernel along each axis."""
        return tuple(axis.kernel for axis in self.axes)

    @property
    def outputs(self) -> tuple[int, int]:
        """The windows along each axis."""
        down, across = self.axes
        return down.outputs, across.outputs

    @property
    def grid(self) -> "Geometry":
        """The geometry by which a method cuts an image into quads or sections."""
        return self._replace(axes=self.whole, whole=()) if self.whole else self

    def part(self, area: Span, keeps_grid: bool) -> "Geometry":
        """The geometry of some rows and columns of windows; whether quads and sections are those of the whole."""
        axes = tuple(axis.part(*along) for axis, along in zip(self.axes, area, strict=True))
        return self._replace(axes=axes, whole=self.axes if keeps_grid else ())

    def box(self, taps: tuple[slice, slice]) -> "Geometry":
        """The geometry of some rows and columns of taps, which has the same windows."""
        axes, whole = (
            tuple(axis.box(part.start, part.stop) for axis, part in zip(along, taps, strict=False))
            for along in (self.axes, self.whole)
        )
        return self._replace(axes=axes, whole=whole)

    def within(self, sides: tuple[int, int]) -> tuple[tuple[Axis, ...], Span]:
        """The axes of the fewest whole `sides` of the grid that hold all windows, and where the windows lie there."""
        axes, places = [], []
        for axis, whole, side in zip(self.axes, self.whole, sides, strict=True):
            first = (whole.before - axis.before) // axis.stride
            begin, end = first // side * side, min(whole.outputs, -(-(first + axis.outputs) // side) * side)
            axes.append(whole.part(begin, end - begin))
            places.append((first - begin, axis.outputs))
        return tuple(axes), (places[0], places[1])

    @property
    def depth(self) -> int:
        """Channels of a group."""
        return self.channels // self.groups

    @property
    def n_taps(self) -> int:
        """Taps of one kernel."""
        return prod(self.kernel_shape) * self.depth

    @property
    def multiply_adds(self) -> int:
        """Multiply-adds of one image's responses."""
        return prod(self.outputs) * self.n_kernels * self.n_taps


def axis_padding(length: int, effective: int, stride: int, padding: Padding, axis: int) -> tuple[int, int]:
    """What is added before and behind one axis."""
    if padding == "valid":
        return 0, 0
    if padding == "same":
        total = max((-(-length // stride) - 1) * stride + effective - length, 0)
        return total // 2, total - total // 2
    if padding == "full":
        return effective - 1, effective - 1
    assert not isinstance(padding, str)
    return padding[axis]


def make_geometry(
    image: tuple[int, ...],
    bank: tuple[int, ...],
    *,
    padding: Any = "valid",
    stride: Any = 1,
    dilation: Any = 1,
    groups: Any = 1,
    operands: tuple[str, str] = ("images", "kernels"),
    reading: str = "",
    n_axes: int = 2,
) -> Geometry:
    """The geometry from (height, width, channels) of the images and (kernels, height, width, channels) of the bank.

    There may be any number of lengths before the channels, and as many entries of the keywords along axes. `operands`
    are the arguments' names for the errors, `reading` what they say of the operands' axes, of which there are
    `n_axes`: where that is one, there is a row beside it that errors do not speak of.
    """
    *lengths, channels = image
    pads, strides = read_padding(padding, len(lengths)), read_along(stride, "stride", len(lengths))
    dilations = read_along(dilation, "dilation", len(lengths))
    n_groups = whole_number(groups, "groups", 1, "an integer >= 1")
    n_kernels, *kernel, _ = bank
    check_groups(channels, bank, n_groups, operands, reading)
    axes = []
    for index, (length, taps) in enumerate(zip(lengths, kernel, strict=True)):
        axis = Axis(length, taps, 0, 0, strides[index], dilations[index])
        checked(axis.effective, "dilation", "the kernel's effective size")
        before, behind = axis_padding(length, axis.effective, axis.stride, pads, index)
        axis = axis._replace(before=before, behind=behind)
        checked(8 * axis.padded, "padding", f"the bytes of {axis.padded} padded pixels")
        axes.append(axis)
    check_kernels_fit(axes[-1:] if n_axes == 1 else axes, operands, reading)
    geometry = Geometry(tuple(axes), channels, n_groups, n_kernels)
    checked(prod(axis.outputs for axis in axes) * max(n_kernels, 1), "padding", "the number of responses of one image")
    return geometry


def check_kernels_fit(axes: Sequence[Axis], operands: tuple[str, str], reading: str) -> None:
    """ValueError if a kernel is longer than a padded axis."""
    if all(axis.effective <= axis.padded for axis in axes):
        return
    effective, padded = tuple(axis.effective for axis in axes), tuple(axis.padded for axis in axes)
    dilated = f" (dilated {effective})" if any(axis.dilation > 1 for axis in axes) else ""
    raise ValueError(
        f"{operands[1]}: spatial size {tuple(axis.kernel for axis in axes)}{dilated} is larger than the padded "
        f"{operands[0].removesuffix('s')} {padded}{reading}"
    )


def check_groups(channels: int, bank: tuple[int, ...], groups: int, operands: tuple[str, str], reading: str) -> None:
    if channels % groups:
        raise ValueError(f"groups: {groups} does not divide the {channels} channels of the {operands[0]}{reading}")
    if bank[0] % groups:
        raise ValueError(f"groups: {groups} does not divide the {bank[0]} kernels{reading}")
    depth = bank[-1]
    if depth * groups != channels:
        of_group = "" if groups == 1 else f" in {groups} groups, which makes {channels // groups} for each kernel"
        raise ValueError(
            f"{operands[1]}: each has {depth} {'channel' if depth == 1 else 'channels'}; "
            f"the {operands[0]} {'have' if operands[0].endswith('s') else 'has'} {channels}{of_group}{reading}"
        )


# --- the order of the sum ---------------------------------------------------------------------------------------------


def sum_blocks(kernel_height: int, run: int) -> tuple[int, int, bool]:
    """How a kernel's sum is cut: (kernel rows in a block, pieces of a kernel row's run, compensated totals).

    A chain of B multiply-adds and the additions of n/B blocks round at most B + n/B - 1 times on the way of any tap,
    so with 3 + 2 sqrt(n) as the most allowed the bound (4 + 2 sqrt(n)) u S holds always, not only on average, the
    bias' addition included. Blocks are one kernel row where that is long enough, else as long as that allows. Sums that
    cannot be cut so, and long ones, compensate the additions of their blocks.
    """
    n_taps = kernel_height * run
    if n_taps > LONG_SUM:
        return max(1, LONG_BLOCK // run), -(-run // LONG_BLOCK), True
    most = 3 + isqrt(4 * n_taps)
    if run >= LONG_ROW and run + kernel_height - 1 <= most:
        return 1, 1, False
    for rows in range(kernel_height, 0, -1):
        if rows * run + -(-kernel_height // rows) - 1 <= most:
            return rows, 1, False
    for pieces in range(1, run + 1):
        if -(-run // pieces) + kernel_height * pieces - 1 <= most:
            return 1, pieces, False
    return max(1, most // (2 * run)), -(-2 * run // most), True
