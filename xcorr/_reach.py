"""The pixels that windows reach. What else an image holds is not looked at, and broadcast axes are looked at once."""

from collections.abc import Iterable, Iterator
from itertools import product
from typing import Any

import numpy.typing as npt

from xcorr._arrays import in_order, in_pieces
from xcorr._axes import Axis, Geometry


def largest_of(job: Any) -> int:
    """The largest absolute value of a call's integer pixels, or of what its padding holds."""
    plan = job.plan
    pixels = in_order(job.images, plan.layout.images)
    largest = largest_pixel(pixels, plan.geometry._replace(axes=plan.axes_at_hand), plan.settings.boundary)
    return max(largest, largest_of_fill(job))


def largest_at_hand(job: Any) -> int:
    """The same of all pixels of the call's images, those included that no window reaches."""
    return max(largest_in([at_one_place(job.images)]), largest_of_fill(job))


def largest_of_fill(job: Any) -> int:
    """The largest absolute value of what padding holds."""
    return max(abs(int(number.real)) for number in job.fill)


def largest_pixel(images: npt.NDArray[Any], geometry: Geometry, boundary: tuple[str, ...]) -> int:
    """The largest absolute value of the integers of `images` (N, H, W, C) that a window reaches, 0 if none does."""
    return largest_in(reached(images, geometry, boundary))


def largest_in(views: Iterable[npt.NDArray[Any]]) -> int:
    """The largest absolute value of integers, 0 if there are none."""
    ends = [0]
    for view in views:
        for (piece,) in in_pieces(view) if view.size else ():
            ends += [int(piece.min()), int(piece.max())]
    return max(map(abs, ends))


def reached(images: npt.NDArray[Any], geometry: Geometry, boundary: tuple[str, ...]) -> Iterator[npt.NDArray[Any]]:
    """Views that together hold every pixel which a window reaches, and few others; of broadcast axes one place."""
    once = at_one_place(images)
    along = [
        places(axis, word) if length > 1 else [slice(None)]
        for axis, word, length in zip(geometry.axes, boundary, once.shape[1:-1], strict=True)
    ]
    for slices in product(*along):
        view = once[(slice(None), *slices)]
        if view.size:
            yield view


def at_one_place(images: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """A view that has one place of broadcast axes."""
    return images[tuple(slice(0, 1) if pitch == 0 else slice(None) for pitch in images.strides)]


def places(axis: Axis, boundary: str) -> list[slice]:
    """Places of an image that windows reach along an axis.

    One slice where they leave little out, else one for each window or for each tap, whichever are fewer. What reaches
    into a padding that repeats the image is looked at as far in as the padding is wide.
    """
    first, end = max(0, -axis.before), axis.reached - axis.before
    if axis.outputs * axis.kernel >= min(axis.length, end) - first:
        found = [clipped(first, 1, end - first, axis.length)]
    else:
        few, many = sorted(((axis.outputs, axis.stride), (axis.kernel, axis.dilation)))  # (how many, how far apart)
        found = [clipped(index * few[1] - axis.before, many[1], many[0], axis.length) for index in range(few[0])]
    width = max(axis.before, end - axis.length)
    if boundary != "constant" and width > 0:
        found += [slice(0, width + 1), slice(max(0, axis.length - width - 1), axis.length)]
    return found


def clipped(first: int, step: int, count: int, length: int) -> slice:
    """The places that an axis has, of `count` from `first` on."""
    first, stop = first + max(0, -(first // step)) * step, first + (count - 1) * step + 1
    return slice(first, max(0, min(stop, length)), step)
