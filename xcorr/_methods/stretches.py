"""Long lines in stretches: each is a line by itself, without padding, stride and dilation, of bounded size.

Windows that are a dilation apart see pixels that are as far apart, and lie in one line of these. Padding is laid around
the pixels of a stretch that sees some; all windows of a stride are done, and those that are asked for are taken.
"""

import copy
from collections.abc import Callable, Iterator
from math import gcd
from typing import Any, NamedTuple

import numpy as np

from xcorr._arrays import in_order, some_images
from xcorr._axes import Axis, Geometry
from xcorr._bank import Bank
from xcorr._dtypes import Types
from xcorr._engine import Reducer, fill_source_indices
from xcorr._memory import empty
from xcorr._methods.asked import Array, Job, Limits
from xcorr._methods.lines import LEAST_WINDOWS, LONG_KERNEL
from xcorr._workers import refuse_too_large

STRETCH_BYTES = 2**25
"""Bytes of a stretch's pixels or of one kernel's responses, if its kernels are not as long; not tuned."""

MAP_BYTES = 2**25
"""Bytes of the responses of a stretch that wait together for what is done with them; not tuned."""

PLACES_AT_ONCE = 2**20
"""Padded pixels that are looked up at once."""

Respond = Callable[[Any, Array, Limits | None], bool]


class Stretch(NamedTuple):
    """Windows of a line without stride, a dilation apart."""

    first: int
    step: int
    n_windows: int


class Taken(NamedTuple):
    """The responses of a stretch that are asked for, in it and among all that are; steps are of either."""

    own: slice
    wanted: slice


# --- sizes ------------------------------------------------------------------------------------------------------------


def lone_axis(geometry: Geometry) -> int | None:
    """The axis that the only row or column of an image runs along."""
    for index in (1, 0):
        beside = geometry.axes[1 - index]
        if beside.padded == 1 == beside.length:
            return index
    return None


def adds(types: Types) -> bool:
    """Whether sums can be added to stored responses."""
    if types.exact:
        return types.response == np.int64
    return types.is_complex or (types.stored == types.sums)


def is_plain(along: Axis, channels: int, types: Types) -> bool:
    """Whether a line is one stretch as it lies, whose responses go where they belong."""
    as_it_lies = along.stride == along.dilation == 1 and along.before == 0 == along.behind
    return as_it_lies and along.outputs >= LEAST_WINDOWS and adds(types) and along.outputs <= longest(
        along, channels, types
    )  # fmt: skip


def longest(along: Axis, channels: int, types: Types) -> int:
    """The windows of a stretch at most."""
    of_window = max(types.images.itemsize * channels, 8 if types.exact else types.response.itemsize)
    return max(STRETCH_BYTES // of_window - along.kernel, along.kernel, LEAST_WINDOWS)


def count_stretches(geometry: Geometry, types: Types, most_taps: int) -> int:
    """The stretches that a line of windows may be done in; 0 where it is plain, or none, or its kernels are short."""
    index = lone_axis(geometry)
    if index is None:
        return 0
    along = geometry.axes[index]
    if is_plain(along, geometry.channels, types) or (along.kernel < LONG_KERNEL and along.effective <= most_taps):
        return 0
    n_lines = -(-min(along.dilation, along.span) // gcd(along.stride, along.dilation))
    return n_lines * -(-windows_of_lines(along) // longest(along, geometry.channels, types))


def windows_of_lines(along: Axis) -> int:
    """The windows of the line of those that are a dilation apart from the first one."""
    return -(-along.span // along.dilation)


def stretches_of(along: Axis, channels: int, types: Types) -> Iterator[Stretch]:
    """The stretches that have windows of every stride."""
    for line in range(0, min(along.dilation, along.span), gcd(along.stride, along.dilation)):
        windows = -(-(along.span - line) // along.dilation)
        n_parts = -(-windows // longest(along, channels, types))
        for part in range(n_parts):
            first, end = windows * part // n_parts, windows * (part + 1) // n_parts
            yield Stretch(line + first * along.dilation, along.dilation, end - first)


def of_stretch(geometry: Geometry, types: Types) -> tuple[Geometry, Types]:
    """The sizes and types of a stretch, of the longest if some are shorter."""
    index = lone_axis(geometry)
    assert index is not None
    along = geometry.axes[index]
    windows = min(windows_of_lines(along), longest(along, geometry.channels, types))
    own = Axis(max(windows, LEAST_WINDOWS) + along.kernel - 1, along.kernel)
    axes = (Axis(1, 1), own) if index == 1 else (own, Axis(1, 1))
    return geometry._replace(axes=axes, whole=()), types._replace(response=waiting_type(types))


def waiting_type(types: Types) -> np.dtype[Any]:
    """The type of responses that sums are added to."""
    if adds(types):
        return types.stored
    return np.dtype(np.int64) if types.exact else types.sums


# --- the run ----------------------------------------------------------------------------------------------------------


def run(job: Job, result: Any, limits: Limits | None, respond: Respond) -> bool:
    """All responses, by `respond` stretch by stretch; false if one is outside of the limits, or no number."""
    plan, fits = job.plan, True
    axis = lone_axis(plan.geometry.grid)
    assert axis is not None
    along, own = plan.geometry.grid.axes[axis], plan.geometry.axes[axis]
    first = (along.before - own.before) // along.stride  # of the windows that are asked for
    for kernels, bank in banks_of(job, along, result):
        for stretch in stretches_of(along, plan.geometry.channels, plan.types):
            taken = responses_taken(stretch, along.stride, first, own.outputs)
            if taken is None:
                continue
            windows = max(stretch.n_windows, LEAST_WINDOWS)
            n_pixels = windows + along.kernel - 1
            at_once = images_at_once(plan, stretch, windows, along)
            for image in range(0, job.n_images, at_once):
                end = min(image + at_once, job.n_images)
                part = copy.copy(job)
                part.plan = plan.of_line(axis, n_pixels, len(bank.kernels), waiting_type(plan.types).str)
                part.bank, part.n_images, part.spare = bank, end - image, 0
                images = some_images(job.images, plan.layout.images[0], image, end)
                part.images = pixels_of(images, plan, along, axis, stretch, n_pixels, job.fill)
                part.kept_bytes = job.kept_bytes + (part.images.nbytes if part.images.base is None else 0)
                target = some_images(result, plan.layout.response[0], image, end)
                if is_stored(plan, result, taken, windows, kernels):
                    place = (slice(None),) * plan.layout.response[1 + axis]
                    fits &= respond(part, target[(*place, taken.wanted)], limits)
                    continue
                shape = part.plan.response_shape(part.n_images)
                refuse_too_large("images", "responses that wait", int(np.prod(shape)) * part.plan.types.item,
                                 part.kept_bytes, "pixels of a stretch")  # fmt: skip
                waiting: Array = empty(shape, part.plan.types.response)
                part.kept_bytes += waiting.nbytes
                fits &= respond(part, waiting, None)
                fits &= hand_on(job, waiting, target, taken, limits, kernels, axis)
    return fits


def is_stored(plan: Any, result: Any, taken: Taken, windows: int, kernels: slice | None) -> bool:
    """Whether a stretch's responses go to the array as they come."""
    as_they_come = taken.own == slice(0, windows, 1) and kernels is None
    return as_they_come and not isinstance(result, Reducer) and adds(plan.types)


def images_at_once(plan: Any, stretch: Stretch, windows: int, along: Axis) -> int:
    """Images whose stretches are done together."""
    of_pixels = windows * plan.geometry.channels * plan.types.images.itemsize
    of_responses = windows * plan.geometry.n_kernels * plan.types.parts * max(8, plan.types.response.itemsize)
    return int(max(1, min(STRETCH_BYTES // of_pixels, MAP_BYTES // of_responses)))


def banks_of(job: Job, along: Axis, result: Any) -> Iterator[tuple[slice | None, Bank]]:
    """Some kernels of each group at once whose responses may wait together, which they are; all of them as None."""
    bank, plan = job.bank, job.plan
    n_own = bank.n_kernels // bank.parts
    if adds(plan.types) and along.stride == 1 and not plan.geometry.whole and not isinstance(result, Reducer):
        yield None, bank  # few responses wait, if any
        return
    windows = min(windows_of_lines(along), longest(along, plan.geometry.channels, plan.types))
    of_kernel = windows * bank.n_groups * bank.parts * plan.types.sums.itemsize
    at_once = max(1, MAP_BYTES // of_kernel)
    if at_once >= n_own:
        yield None, bank
        return
    for first in range(0, n_own, at_once):
        some = slice(first, min(first + at_once, n_own))
        yield some, bank.of_groups(some)


def responses_taken(stretch: Stretch, stride: int, first: int, count: int) -> Taken | None:
    """The responses of a stretch among `count` from `first` on, which are a stride of windows apart."""
    common = gcd(stride, stretch.step)
    if stretch.first % common:
        return None
    step = stretch.step // common
    origin = stretch.first // common * pow(stride // common, -1, step) % step  # windows of response `origin` + n step
    begin = max(first, -(-stretch.first // stride))
    begin += (origin - begin) % step
    end = min(first + count, (stretch.first + stretch.step * (stretch.n_windows - 1)) // stride + 1)
    n_taken = -(-(end - begin) // step)
    if n_taken <= 0:
        return None
    own, own_step = (begin * stride - stretch.first) // stretch.step, stride // common
    return Taken(slice(own, own + (n_taken - 1) * own_step + 1, own_step),
                 slice(begin - first, begin - first + (n_taken - 1) * step + 1, step))  # fmt: skip


def pixels_of(
    images: Array, plan: Any, along: Axis, axis: int, stretch: Stretch, n_pixels: int, fill: tuple[complex, ...]
) -> Array:
    """Pixels of images from a stretch's first window on, in a view or in a copy with what they have of the padding.

    What lies behind the padding is 0.
    """
    axes, step = plan.layout.images, stretch.step
    place, begin = axes[1 + axis], stretch.first - along.before
    if begin >= 0 and begin + step * (n_pixels - 1) < along.length:
        inside: Array = images[(slice(None),) * place + (slice(begin, begin + step * (n_pixels - 1) + 1, step),)]
        return inside
    padded = np.zeros((*images.shape[:place], n_pixels, *images.shape[place + 1 :]), images.dtype)
    target, source = (in_order(array, axes).swapaxes(1, 1 + axis) for array in (padded, images))
    ahead = min(n_pixels, max(0, -(begin // step)))
    end = min(n_pixels, max(ahead, -(-(along.length - begin) // step)))
    target[:, ahead:end] = source[:, begin + ahead * step : begin + (end - 1) * step + 1 : step] if end > ahead else 0
    last = min(n_pixels, (along.padded - stretch.first - 1) // step + 1)
    values = np.array([number if images.dtype.kind == "c" else complex(number).real for number in fill])
    for first, stop in ((0, min(ahead, last)), (end, last)):
        for some in range(first, stop, max(1, PLACES_AT_ONCE // step)):
            n_some = min(stop - some, max(1, PLACES_AT_ONCE // step))
            places = np.empty((n_some - 1) * step + 1, np.intp)
            fill_source_indices(places, begin + some * step, along.length, plan.settings.boundary[axis])
            own = target[:, some : some + n_some]
            own[...] = source[:, places[::step]]
            own[:, places[::step] < 0] = values.astype(images.dtype)
    return padded


def hand_on(
    job: Job, waiting: Array, result: Any, taken: Taken, limits: Limits | None, kernels: slice | None, axis: int
) -> bool:
    """Responses that waited, to the array or to what reduces them; false if one is outside of the limits, or no number.

    `kernels` are those of each group that they are of.
    """
    plan, geometry = job.plan, job.plan.geometry
    own = in_order(waiting, plan.layout.response).swapaxes(1, 1 + axis)[:, taken.own, 0]
    n_own = geometry.n_kernels // geometry.groups
    every = np.arange(geometry.n_kernels).reshape(geometry.groups, n_own)
    numbers = np.ascontiguousarray(every[:, kernels or slice(None)].reshape(-1))
    own, fits = within(own, limits)
    if not isinstance(result, Reducer):
        target = in_order(result, plan.layout.response).swapaxes(1, 1 + axis)[:, taken.wanted, 0]
        with np.errstate(over="ignore", under="ignore"):
            if kernels is None:
                target[...] = own
            else:
                target[..., numbers] = own
        return fits
    step, count = taken.wanted.step, own.shape[1]
    reducer = result.along(taken.wanted.start, count if step == 1 else step)
    summed = "f8" if plan.types.exact else plan.types.summed
    if job.left_out is not None:
        numbers = np.where(job.left_out.reshape(-1)[numbers], -1, numbers)
    for image, responses in enumerate(own):
        rows = responses[np.newaxis] if step == 1 else responses[:, np.newaxis]
        reducer.take(summed, np.ascontiguousarray(rows, summed), image, 0, 0, numbers, plan.level.table)
    return fits


def within(responses: Array, limits: Limits | None) -> tuple[Array, bool]:
    """The responses as the limits' type may have them, and whether it has, or is given, all of them."""
    if limits is None:
        return responses, True
    least, most = limits.least, int(np.iinfo(np.int64).max)
    if responses.dtype.kind == "f":
        known, rounded = responses == responses, np.rint(responses)
        low, high = rounded <= least, rounded >= limits.greatest
        found = np.where(known & ~low & ~high, rounded, 0).astype(np.uint64 if limits.greatest > most else np.int64)
        found[low], found[high] = least, limits.greatest
        return found, bool(known.all())
    greatest = min(limits.greatest, most)
    if limits.saturate:
        return np.clip(responses, least, greatest), True
    return responses, bool(((responses >= least) & (responses <= greatest)).all())
