"""The gradient of images: for each residue of the stride, a correlation of the responses with kernels turned around.

A padded pixel p is seen by tap i of window o where o stride + i dilation = p. The pixels of one residue of p modulo the
stride are seen by the taps of one residue, stride / gcd(stride, dilation) apart, so that each residue is a correlation
without stride; it is written where its pixels lie, and reads taps and responses where they lie.
"""

from collections.abc import Iterator
from itertools import product
from math import gcd, prod
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from xcorr._arrays import copy_in_pieces, in_order
from xcorr._axes import Axis
from xcorr._cache import remembered
from xcorr._dtypes import Types
from xcorr._folded import fold_back, folds, most_places
from xcorr._gradient_call import has_faint, is_finite, plan_of, respond_into, settings_of
from xcorr._gradient_sizes import Sizes
from xcorr._gradient_sums import EXACT_INT64, MOST_AT_ONCE, WholeSums, bound_of, store_sums, sums_type
from xcorr._memory import empty
from xcorr._reading import spatial
from xcorr._settings import Settings
from xcorr._staged import copy_by_all
from xcorr._workers import refuse_too_large

Array = npt.NDArray[Any]


FEW_CHANNELS = 12
"""Channels or kernels from which on channels in planes are turned around, where images have a stride.

Of 64 to 256 channels that takes 0.8 of the time, of 3 as long. 2026-11-27, AMD EPYC (Zen 3), level v3.
"""


class Residue(NamedTuple):
    """Some places of a padded axis, a stride apart, and what they are made of; no taps where no window sees them."""

    places: slice  # of those that are wanted
    taps: slice | None  # turned around
    responses: slice
    padding: tuple[int, int]
    dilation: int


@remembered(64)
def residues(axis: Axis, first: int, count: int) -> tuple[Residue, ...]:
    """The residues that taps reach, of so many places of a padded axis."""
    return tuple(find_residues(axis, first, count))


def find_residues(axis: Axis, first: int, count: int) -> Iterator[Residue]:
    """The same, one after the other."""
    common = gcd(axis.stride, axis.dilation)
    apart, dilation = axis.stride // common, axis.dilation // common
    for tap in range(min(axis.kernel, apart)):
        place = (tap * axis.dilation - first) % axis.stride
        if place >= count:
            continue
        n_places, n_taps = -(-(count - place) // axis.stride), -(-(axis.kernel - tap) // apart)
        reach = (n_taps - 1) * dilation
        before = (tap * axis.dilation - first - place) // axis.stride + reach
        behind = n_places + reach - before - axis.outputs
        responses = slice(max(0, -before), max(0, axis.outputs - max(0, -behind)))
        last = tap + (n_taps - 1) * apart
        taps = slice(last, tap - apart if tap >= apart else None, -apart)
        is_seen = responses.start < responses.stop
        yield Residue(
            slice(place, count, axis.stride),
            taps if is_seen else None,
            responses,
            (max(0, before), max(0, behind)),
            dilation,
        )


def reaches_all(axis: Axis, first: int, count: int) -> bool:
    """Whether each place is one that residues have."""
    return len(residues(axis, first, count)) == min(axis.stride, count)


class Operands(NamedTuple):
    """Responses (N, positions..., K) and kernels with K and C exchanged, (C, taps..., K / groups), or one plane."""

    responses: Array
    kernels: Array
    sizes: Sizes
    word: str  # the layout in which responses and sums lie
    conjugate: bool
    may_be_faint: bool
    are_finite: bool | None  # the kernels; None where each part looks for itself
    workers: Any

    def sums(self, area: list[tuple[int, int]], dtype: Any, out: Array) -> None:
        """The sums at (first, count) places of each padded axis, (N, places..., C)."""
        axes = self.sizes.axes
        if not all(reaches_all(axis, *along) for axis, along in zip(axes, area, strict=True)):
            copy_in_pieces(out, 0)
        for parts in product(*(residues(axis, *along) for axis, along in zip(axes, area, strict=True))):
            target = out[(slice(None), *(part.places for part in parts))]
            if any(part.taps is None for part in parts):
                copy_in_pieces(target, 0)
                continue
            responses = self.responses[(slice(None), *(part.responses for part in parts))]
            taps: Any = tuple(part.taps for part in parts)
            is_plane = self.kernels.ndim == len(axes)
            kernels = self.kernels[taps if is_plane else (slice(None), *taps)]
            settings = settings_of(
                layout=self.word,
                padding=tuple(part.padding for part in parts),
                dilation=tuple(part.dilation for part in parts),
                groups=1 if is_plane else self.sizes.geometry.groups,
                conjugate=not self.conjugate,
                dtype=dtype,
            )
            kernels = kernels if is_plane else as_laid(kernels, self.word)
            self.respond(settings, as_laid(responses, self.word), kernels, as_laid(target, self.word))

    def sums_turned(self, dtype: Any, out: Array) -> None:
        """The sums of whole images with channels in planes, by way of channels that lie together: some images at once.

        Where they would be written pixel by pixel, a stride apart.
        """
        own, n_places = self._replace(word=f"N{spatial(self.word)}C"), self.responses[:1].size
        at_once = max(1, MOST_AT_ONCE // (8 * max(out[:1].size, n_places)))
        area = [(axis.before, axis.length) for axis in self.sizes.axes]
        for first in range(0, len(out), at_once):
            place, responses = out[first : first + at_once], self.responses[first : first + at_once]
            turned, sums = (empty(array.shape, array.dtype) for array in (responses, place))
            copy_by_all(turned, responses, self.workers)
            own._replace(responses=turned).sums(area, dtype, sums)
            copy_by_all(place, sums, self.workers)

    def is_turned(self, out: Array) -> bool:
        """Whether it takes less time to turn channels in planes around, both ways."""
        geometry, types = self.sizes.geometry, {self.responses.dtype, out.dtype}
        return (
            self.word.startswith("NC")
            and len(geometry.axes) == 2
            and prod(axis.stride for axis in geometry.axes) > 1
            and geometry.groups == 1
            and min(geometry.channels, geometry.n_kernels) >= FEW_CHANNELS
            and all(dtype.kind == "f" and dtype.itemsize >= 4 for dtype in types)
            and 8 * max(out[:1].size, self.responses[:1].size) <= MOST_AT_ONCE
        )

    def respond(self, settings: Settings, responses: Array, kernels: Array, out: Array) -> None:
        """One correlation; in float64 if it is by the frequency domain, whose errors are shares of a whole section."""
        of_image = out[:1].size * 16
        if of_image > MOST_AT_ONCE or not self.is_rounded(settings, responses, kernels):
            respond_into(out, settings, responses, kernels, self.workers, None, self.may_be_faint, self.are_finite)
            return
        settings = settings._replace(dtype=np.dtype(np.complex128 if out.dtype.kind == "c" else np.float64).str)
        at_once, bank = MOST_AT_ONCE // of_image, None
        for first in range(0, len(out), at_once):
            some = slice(first, first + at_once)
            exact = empty(out[some].shape, np.dtype(settings.dtype))
            bank = respond_into(exact, settings, responses[some], kernels, self.workers, bank)
            store_sums(exact, out[some])

    def is_rounded(self, settings: Settings, responses: Array, kernels: Array) -> bool:
        """Whether sums of float32 are made in the frequency domain."""
        if len(self.sizes.axes) != 2:
            return False
        plan = plan_of(settings, responses, kernels)
        return plan.method == "fft" and not plan.types.exact and plan.types.sums == np.float32


def as_laid(array: Array, word: str) -> Array:
    """A view of (N or K, places..., C) in the order of a layout's word with channels."""
    return np.moveaxis(array, -1, 1) if word.startswith("NC") else array


def exchanged(kernels: Array, sizes: Sizes) -> Array:
    """The kernels (K, taps..., C / groups) as (C, taps..., K / groups): a view, but of groups."""
    groups, depth = sizes.geometry.groups, sizes.geometry.depth
    if groups == 1:
        return np.swapaxes(kernels, 0, -1)
    refuse_too_large("kernels", "exchanged kernels", kernels.nbytes)
    own = kernels.reshape(groups, -1, *kernels.shape[1:])
    return np.swapaxes(own, 1, -1).reshape(groups * depth, *kernels.shape[1:-1], -1)


def gradient(
    sizes: Sizes, responses: Array, kernels: Array, types: Types, conjugate: bool, target: Array, workers: Any
) -> None:
    """The gradient of images, in an array of its shape; OverflowError if an integer does not fit."""
    g, out = in_order(responses, sizes.layout.response), in_order(target, sizes.layout.images)
    own = in_order(kernels, sizes.layout.kernels)
    plane = own[(0, ..., 0)] if sizes.layout.each_channel else None
    turned = exchanged(own, sizes) if plane is None else plane
    padded = [folds(axis, word) for axis, word in zip(sizes.axes, sizes.boundary, strict=True)]
    n_residues = prod(axis.stride for axis in sizes.axes)
    finite = is_finite(kernels) if n_residues > 1 else None
    call = Operands(g, turned, sizes, sizes.word, conjugate, has_faint(kernels), finite, workers)
    if not any(padded) and call.is_turned(out):
        call.sums_turned(types.response, out)
    elif not any(padded):
        call.sums([(axis.before, axis.length) for axis in sizes.axes], types.response, out)
    else:
        gradient_with_borders(call, types, padded, out)


def gradient_with_borders(call: Operands, types: Types, padded: list[bool], out: Array) -> None:
    """The gradient of images of which pixels are in the padding: some images or channels at a time, padding and all."""
    sizes, summed = call.sizes, sums_type(types)
    area = [
        (0, axis.before + axis.length + max(axis.behind, 0)) if pads else (axis.before, axis.length)
        for axis, pads in zip(sizes.axes, padded, strict=True)
    ]
    of_plane = prod(count for _, count in area) * summed.itemsize
    refuse_too_large("padding", "padded gradient of one channel", of_plane)
    n_channels = max(1, min(sizes.geometry.channels, MOST_AT_ONCE // of_plane))
    n_images = max(1, MOST_AT_ONCE // (of_plane * sizes.geometry.channels))
    n_terms = prod(axis.kernel for axis in sizes.axes) * sizes.geometry.n_kernels // sizes.geometry.groups
    n_terms *= prod(most_places(axis, word) for axis, word in zip(sizes.axes, sizes.boundary, strict=True))

    def fold(own: Operands) -> Array:
        gathered = empty((len(own.responses), *(count for _, count in area), own.sizes.geometry.channels), summed)
        own.sums(area, summed, gathered)
        for index, (axis, word) in enumerate(zip(sizes.axes, sizes.boundary, strict=True)):
            if padded[index]:
                gathered = fold_back(gathered, index + 1, axis, word)
        return gathered

    for first in range(0, len(out), n_images):
        for some, channels in some_channels(call, n_channels):
            own = some._replace(responses=some.responses[first : first + n_images])
            place = out[first : first + n_images, ..., channels]
            if not types.exact or bound_of(n_terms, own.responses, own.kernels) <= EXACT_INT64:
                store_sums(fold(own), place)
                continue
            whole = WholeSums()
            whole.add(own.responses, own.kernels, lambda g, k, own=own: fold(own._replace(responses=g, kernels=k)))  # type: ignore[misc]
            whole.store(place)


def some_channels(call: Operands, most: int) -> Iterator[tuple[Operands, slice]]:
    """The operands of at most so many channels of the images."""
    sizes = call.sizes
    geometry = sizes.geometry
    if most >= geometry.channels:
        yield call, slice(0, geometry.channels)
        return
    of_group = geometry.n_kernels // geometry.groups
    for group in range(geometry.groups):
        g = call.responses[..., group * of_group : (group + 1) * of_group]
        for first in range(group * geometry.depth, (group + 1) * geometry.depth, most):
            channels = slice(first, min(first + most, (group + 1) * geometry.depth))
            count = channels.stop - channels.start
            own = sizes._replace(geometry=geometry._replace(channels=count, groups=1, n_kernels=of_group))
            if call.kernels.ndim == len(sizes.axes):
                yield call._replace(responses=g, sizes=own), channels
            else:
                yield call._replace(responses=g, kernels=call.kernels[channels], sizes=own), channels
