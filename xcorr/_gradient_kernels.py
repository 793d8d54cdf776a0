"""The gradient of kernels: correlations of images with responses, in which stride and dilation change places.

    gradient[k, i, j, c] = sum over n, y, x of
        image[n, y*stride + i*dilation - top, x*stride + j*dilation - left, c] * conj(response[n, y, x, k])

is the response of C images with N channels to K kernels, the responses, whose taps are `stride` apart and whose windows
are `dilation` apart. Where the channels of a pixel lie together and windows are not apart, columns and channels are one
axis: its windows are the channels of all columns of the kernel, and its taps lie stride times C apart. Of depthwise
kernels it is the grouped response of one image after the other. Long sums are made in pieces, of some images or some
windows of one, which follow from the sizes alone.
"""

from collections.abc import Callable, Iterator
from itertools import product
from math import gcd, prod
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from xcorr._arrays import in_order
from xcorr._axes import LONG_SUM, Axis
from xcorr._dtypes import Types
from xcorr._gradient_call import has_faint, respond_into, settings_of
from xcorr._gradient_sizes import Sizes
from xcorr._gradient_sums import EXACT_INT64, MOST_AT_ONCE, WholeSums, bound_of, store_sums, sums_type
from xcorr._memory import empty
from xcorr._reading import spatial
from xcorr._settings import Settings
from xcorr._staged import Runs, copy_by_all, runs_of, stage_by_all
from xcorr._workers import refuse_too_large

Array = npt.NDArray[Any]
Area = tuple[tuple[int, int], ...]
"""The first and the number of some windows along each axis."""

FEW_KERNELS, MOST_TAPS = 8, 256
FEW_CHANNELS = 12
"""Channels that do not fill the tiles of a row."""

PACKED = 2**25
"""Bytes of responses that are packed at once, and of pixels that are turned, if one row of windows is not more."""


class Along(NamedTuple):
    """How responses lie over one axis of the images, as a kernel does: in the terms of `correlate`."""

    padding: tuple[int, int]
    stride: int
    dilation: int
    windows: slice

    def joined(self, n_taps: int, channels: int) -> "Along":
        """The same where places and channels are one axis, and windows lie next to each other."""
        (before, behind), first = self.padding, self.windows.start
        own = slice(first * channels, (first + n_taps) * channels)
        return Along((before * channels, behind * channels), 1, self.dilation * channels, own)


def along(axis: Axis, first: int, count: int) -> Along:
    """The same of so many responses from one on: tap i of the gradient is window i of those that are wanted."""
    place = first * axis.stride - axis.before  # of the first response's first tap, in pixels
    before = -place if place < 0 else -place % axis.dilation
    window = (place + before) // axis.dilation
    end = (window + axis.kernel - 1) * axis.dilation + (count - 1) * axis.stride + 1
    return Along(
        (before, max(0, end - before - axis.length)), axis.dilation, axis.stride, slice(window, window + axis.kernel)
    )


class Operands(NamedTuple):
    """Images (N, places..., C) and responses (N, windows..., K)."""

    images: Array
    responses: Array


def gradient(
    sizes: Sizes, images: Array, responses: Array, types: Types, conjugate: bool, target: Array, workers: Any
) -> None:
    """The gradient of kernels, in an array of its shape; OverflowError if an integer does not fit."""
    x, g = in_order(images, sizes.layout.images), in_order(responses, sizes.layout.response)
    out = in_order(target, sizes.layout.kernels)
    geometry = sizes.geometry
    call = Call(sizes, types, workers, has_faint(g))
    if sizes.layout.each_channel:
        call.store([Operands(*(by_channel(one, index) for one in (x, g))) for index in by_fewer(x)], out, call.add)
    elif geometry.depth == 1 and geometry.groups > 1:
        call.store([Operands(x[index : index + 1], g[index : index + 1]) for index in range(len(x))], out, call.grouped)
    else:
        own, depth = geometry.n_kernels // geometry.groups, geometry.depth
        for group in range(geometry.groups):
            kernels, channels = slice(group * own, (group + 1) * own), slice(group * depth, (group + 1) * depth)
            call.store([Operands(x[..., channels], g[..., kernels])], out[kernels], call.add)
    if not conjugate and target.dtype.kind == "c":
        np.conjugate(target, out=target)


def by_fewer(images: Array) -> list[Any]:
    """What tells the channels of all images one by one, or the images of all channels, whichever are fewer."""
    n_images, n_channels = len(images), images.shape[-1]
    if n_channels <= n_images:
        return [(..., slice(index, index + 1)) for index in range(n_channels)]
    return list(range(n_images))


def by_channel(array: Array, index: Any) -> Array:
    """One channel of all images, or the channels of one image as images of one channel."""
    return array[index] if isinstance(index, tuple) else np.moveaxis(array[index], -1, 0)[..., np.newaxis]


class Call(NamedTuple):
    """The sizes of a gradient, and how it is computed."""

    sizes: Sizes
    types: Types
    workers: Any
    may_be_faint: bool

    def store(self, operands: list[Operands], out: Array, add: Callable[..., None]) -> None:
        """The sums of all operands (kernels, taps..., channels), piece by piece where they are long."""
        of_group = self.sizes.geometry.n_kernels // self.sizes.geometry.groups if add == self.grouped else 1
        n_kernels = min(len(out), max(1, MOST_AT_ONCE // (out[:1].size * 16) // of_group) * of_group)
        summed = sums_type(self.types)
        pieces = [(own, area) for own in operands for area in self.areas(own, n_kernels)]
        for first in range(0, len(out), n_kernels):
            kernels = slice(first, min(first + n_kernels, len(out)))
            if len(pieces) == 1:
                own, area = pieces[0]
                add(own, kernels, area, self.types.response, out[kernels])
                continue
            if self.types.exact and self.bound(operands) > EXACT_INT64:
                self.store_whole(pieces, kernels, out[kernels], add)
                continue
            shape = *out.shape[1:], kernels.stop - kernels.start
            total = np.zeros(shape, np.result_type(summed, np.float64) if summed.kind != "i" else summed)
            total = np.moveaxis(total, -1, 0)
            part = empty((*total.shape[1:], total.shape[0]), summed)
            part = np.moveaxis(part, -1, 0)
            for own, area in pieces:
                add(own, kernels, area, summed, part)
                total += part
            store_sums(total, out[kernels])

    def bound(self, operands: list[Operands]) -> int:
        """A bound on the magnitude of the sums of integers."""
        return sum(bound_of(len(own.responses) * prod(self.outputs), *own) for own in operands)

    def store_whole(
        self, pieces: list[tuple[Operands, Any]], kernels: slice, out: Array, add: Callable[..., None]
    ) -> None:
        """The same of whole numbers that int64 may not hold on the way."""
        whole = WholeSums()
        for own, (images, area) in pieces:

            def sums(x: Array, g: Array, area: Area = area) -> Array:
                part = empty(out.shape, np.dtype(np.int64))
                add(Operands(x, g), kernels, (slice(None), area), part.dtype, part)
                return part

            whole.add(own.images[images], own.responses[images], sums)
        whole.store(out)

    @property
    def outputs(self) -> tuple[int, ...]:
        """Windows along each axis."""
        return tuple(axis.outputs for axis in self.sizes.axes)

    def areas(self, own: Operands, n_kernels: int) -> Iterator[tuple[slice, Area]]:
        """Some images, and some windows of each, whose sums are not long and whose responses are packed at once."""
        item, strides = sums_type(self.types).itemsize, prod(axis.stride for axis in self.sizes.axes[:-1])
        of_tap = max(1, min(n_kernels, own.responses.shape[-1]), own.images.shape[-1] * strides)
        room = max(1, min(LONG_SUM, PACKED // (item * of_tap)))
        counts = []
        for outputs in reversed(self.outputs):
            n_parts = -(-outputs // min(outputs, room))
            counts.append(-(-outputs // n_parts))
            room = max(1, room // counts[-1])
        along_axes = [
            [(first, min(count, outputs - first)) for first in range(0, outputs, count)]
            for outputs, count in zip(self.outputs, reversed(counts), strict=True)
        ]
        n_parts = -(-len(own.images) // room)
        at_once = -(-len(own.images) // n_parts)
        for first in range(0, len(own.images), at_once):
            for area in product(*along_axes):
                yield slice(first, min(first + at_once, len(own.images))), area

    def correlate(self, images: Array, kernels: Array, sides: list[Along], dtype: Any, out: Array, **more: Any) -> None:
        """One correlation of images with responses, in the layout NC... if no other one is said."""
        settings = settings_of(
            **{"layout": f"NC{spatial(self.sizes.word)}", **more},
            padding=tuple(side.padding for side in sides),
            boundary=self.sizes.boundary,
            stride=tuple(side.stride for side in sides),
            dilation=tuple(side.dilation for side in sides),
            roi=tuple((side.windows.start, side.windows.stop) for side in sides),
            dtype=dtype,
        )
        respond_into(out, settings, images, kernels, self.workers, None, self.may_be_faint)

    def add(self, own: Operands, kernels: slice, part: tuple[slice, Area], dtype: Any, out: Array) -> None:
        """The sums of some images and windows, in `out` (kernels, taps..., channels)."""
        images, area = part
        x, g = own.images[images], in_area(own.responses[images], area)[..., kernels]
        sides = [along(axis, *windows) for axis, windows in zip(self.sizes.axes, area, strict=True)]
        if self.is_turned(g):
            self.add_turned(x, g, area, dtype, out)
        elif joins(self.sizes, x, out):
            sides[-1] = sides[-1].joined(self.sizes.axes[-1].kernel, x.shape[-1])
            joined, result = (array.reshape(*array.shape[:-2], -1)[np.newaxis] for array in (x, out))
            self.correlate(joined, np.moveaxis(g, -1, 0), sides, dtype, result)
        else:
            self.correlate(np.moveaxis(x, -1, 0), np.moveaxis(g, -1, 0), sides, dtype, np.moveaxis(out, -1, 0))

    def is_turned(self, g: Array) -> bool:
        """Whether images are turned around: kernels fill vectors, and taps are too few for the frequency domain."""
        return g.shape[-1] >= FEW_KERNELS and prod(axis.kernel for axis in self.sizes.axes) <= MOST_TAPS

    def add_turned(self, x: Array, g: Array, area: Area, dtype: Any, out: Array) -> None:
        """The same with pixels in the order (channels, rows, columns, images), so that taps of a row lie together.

        The windows of a call are the channels, along the last axis; all rows of the kernel; and, as images, the columns
        of the kernel that see pixels of one residue modulo the stride. Of few channels they are the channels of all
        rows, and pixels in the order (rows, channels, columns, images).
        """
        *_, last = axes = self.sizes.axes
        sides = zip(axes[:-1], self.sizes.boundary[:-1], area[:-1], strict=True)
        lines = [self.pixels(axis, word, *along) for axis, word, along in sides]
        first, count = area[-1]
        counts, channels, joins_rows = [line.n_places for line in lines], x.shape[-1], self.joins_rows(x)
        kernels, bank, sums = self.turned_responses(g), None, self.room_for(out, joins_rows)
        kernels = np.swapaxes(kernels, 1, 2) if joins_rows else kernels
        common = gcd(last.stride, last.dilation)
        for tap in range(min(last.kernel, last.stride // common)):
            taps = slice(tap, None, last.stride // common)
            n_taps, step = len(range(last.kernel)[taps]), last.dilation // common
            place = first * last.stride - last.before + tap * last.dilation
            n_columns, boundary = (n_taps - 1) * step + count, self.sizes.boundary[-1]
            columns = runs_of(place, n_columns, last.stride, last.length, boundary)
            refuse_too_large("images", "turned pixels", x.itemsize * channels * prod(counts) * n_columns * len(x))
            of_lines = (*counts, channels) if joins_rows else (channels, *counts)
            pixels = empty((*of_lines, n_columns, len(x)), x.dtype.newbyteorder("="))
            own = np.moveaxis(pixels, 1, 0) if joins_rows else pixels
            stage_by_all(np.moveaxis(own, (0, -1), (-1, 0)), x, [*lines, columns], self.workers)
            channel, *pitches, column, image = own.strides
            if joins_rows:
                counts_of, pitches = [1, counts[0] * channels], [channel, channel]
            else:
                counts_of, pitches = [*counts, channels], [*pitches, channel]
            shape = n_taps, *counts_of, count * len(x)
            windows: Array = np.ndarray(shape, pixels.dtype, pixels, 0, (step * column, *pitches, image))
            own_sums = sums[..., taps, :]
            result = own_sums.transpose(out.ndim - 2, *range(1, out.ndim - 2), out.ndim - 1, 0)
            result = result.reshape(n_taps, 1, -1, len(out)) if joins_rows else result
            settings = self.of_turned(dtype, channels if joins_rows else 0)
            bank = respond_into(result, settings, windows, kernels, self.workers, bank, self.may_be_faint)
        if sums is not out:
            copy_by_all(out, sums, self.workers)

    def joins_rows(self, x: Array) -> bool:
        """Whether the channels of all kernel rows are windows of one row: too few by themselves to fill tiles."""
        down, *others = self.sizes.axes
        return len(others) == 1 and down.kernel > 1 and down.dilation == 1 and x.shape[-1] < FEW_CHANNELS

    def room_for(self, out: Array, joins_rows: bool) -> Array:
        """Room for sums (kernels, taps..., channels) whose kernels lie together, as tiles store them."""
        n_kernels, *taps, channels = out.shape
        if joins_rows:
            return empty((taps[0], channels, taps[1], n_kernels), out.dtype).transpose(3, 0, 2, 1)
        if out.strides[0] == out.itemsize:
            return out
        if self.sizes.word.startswith("NC"):
            return np.swapaxes(empty((channels, *taps, n_kernels), out.dtype), 0, -1)
        return np.moveaxis(empty((*taps, channels, n_kernels), out.dtype), -1, 0)

    def pixels(self, axis: Axis, boundary: str, first: int, count: int) -> Runs:
        """The pixels that so many windows of an axis see, from one on."""
        return runs_of(first * axis.stride - axis.before, axis.reach(count), 1, axis.length, boundary)

    def of_turned(self, dtype: Any, joined: int) -> Settings:
        """The settings of a correlation with responses as kernels, whose rows are one tap of many channels.

        Rows of `joined` channels each are one axis, with those.
        """
        down, *_ = axes = self.sizes.axes[:-1]
        stride, dilation = (*(axis.dilation for axis in axes), 1), (*(axis.stride for axis in axes), 1)
        if joined:
            stride, dilation = (1, 1), (1, down.stride * joined if down.outputs > 1 else 1)
        return settings_of(
            layout=f"N{spatial(self.sizes.word)}C", stride=stride, dilation=dilation, method="direct", dtype=dtype
        )

    def turned_responses(self, g: Array) -> Array:
        """Responses (N, windows..., K) as kernels (K, windows but the last..., 1, last windows times N)."""
        n_images, *outputs, n_kernels = g.shape
        if n_images == 1:
            as_they_lie: Array = np.moveaxis(g[0], -1, 0)[..., np.newaxis, :]
            return as_they_lie
        is_last = abs(g.strides[-1]) <= min(map(abs, g.strides))
        if is_last:
            turned = empty((*outputs, n_images, n_kernels), g.dtype.newbyteorder("="))
            own = np.moveaxis(turned, -2, 0)
            kernels = np.moveaxis(turned.reshape(*outputs[:-1], -1, n_kernels), -1, 0)
        else:
            turned = empty((n_kernels, *outputs, n_images), g.dtype.newbyteorder("="))
            own = np.moveaxis(turned, (0, -1), (-1, 0))
            kernels = turned.reshape(n_kernels, *outputs[:-1], -1)
        stage_by_all(own, g, [runs_of(0, count, 1, count, "constant") for count in outputs], self.workers)
        return kernels[..., np.newaxis, :]

    def grouped(self, own: Operands, kernels: slice, part: tuple[slice, Area], dtype: Any, out: Array) -> None:
        """The sums of one image, each channel of which has kernels of its own."""
        _, area = part
        of_group = self.sizes.geometry.n_kernels // self.sizes.geometry.groups
        channels = slice(kernels.start // of_group, -(-kernels.stop // of_group))
        sides = [along(axis, *windows) for axis, windows in zip(self.sizes.axes, area, strict=True)]
        x, g = own.images[..., channels], in_area(own.responses, area)[..., kernels]
        self.correlate(
            x,
            np.moveaxis(g, -1, 1)[0, ..., np.newaxis],
            sides,
            dtype,
            np.moveaxis(out, 0, -2)[np.newaxis, ..., 0],
            layout=f"N{spatial(self.sizes.word)}C",
            groups=x.shape[-1],
        )


def in_area(responses: Array, area: Area) -> Array:
    """Some windows of each axis."""
    return responses[(slice(None), *(slice(first, first + count) for first, count in area))]


def joins(sizes: Sizes, images: Array, out: Array) -> bool:
    """Whether columns and channels are one axis, of images and of the gradient, and windows along it one run."""
    axis, channels = sizes.axes[-1], images.shape[-1]
    for array in (images, out):
        follow = array.strides[-2] == channels * array.strides[-1] or array.shape[-2] == 1
        if not follow or (channels > 1 and array.strides[-1] != array.itemsize):
            return False
    apart = axis.dilation > 1 and axis.kernel > 1
    pads = axis.before > 0 or axis.behind > 0
    return not apart and not (pads and sizes.boundary[-1] != "constant")
