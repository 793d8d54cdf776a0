"""Coordinates of responses: those of the pixels at which responses are, moved as padding and stride move these."""

from collections.abc import Hashable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from xcorr._axes import Axis, make_geometry
from xcorr._reading import axes_in, places_of, with_rows
from xcorr._settings import Settings

Array = npt.NDArray[Any]

ANCHORS = ("centre", "first")
"""Which pixel of its window a response is at."""

UNEVEN = 1e-3
"""The share of the spacing by which evenly spaced coordinates may be off, as decimals are that were cut off."""

ROUNDINGS = 4
"""The roundings by which they may be off."""

SMALLEST, LARGEST = -(2**63) + 1, 2**63 - 1
"""The whole numbers of int64 but the one that is no time, which therefore has no neighbours."""


# --- places -----------------------------------------------------------------------------------------------------------


def places_along(
    settings: Settings, lengths: tuple[int, ...], kernel: tuple[int, ...], anchor: str
) -> tuple[range, ...]:
    """The pixels, along each spatial axis, at which the responses of a call are; they may lie outside of the image."""
    n_axes = axes_in(settings.layout)
    geometry = make_geometry(
        (*with_rows(lengths, 1), 1),
        (1, *with_rows(kernel, 1), 1),
        padding=settings.padding,
        stride=settings.stride,
        dilation=settings.dilation,
        n_axes=n_axes,
    )
    bounds = settings.roi or ((None, None),) * len(geometry.axes)
    found = tuple(places_of_axis(axis, own, anchor) for axis, own in zip(geometry.axes, bounds, strict=True))
    return found[-n_axes:]


def places_of_axis(axis: Axis, bounds: tuple[int | None, int | None], anchor: str) -> range:
    """The same along one axis; the centre is where "same" has the pixel that a response takes the place of."""
    first, count = places_of(bounds, axis.outputs)
    in_window = (axis.effective - 1) // 2 if anchor == "centre" else 0
    begin = first * axis.stride - axis.before + in_window
    return range(begin, begin + count * axis.stride, axis.stride)


# --- coordinates ------------------------------------------------------------------------------------------------------


def moved(coordinates: Any, places: Mapping[Hashable, range]) -> Any:
    """A dataset of coordinates at other places along its dimensions.

    They are taken where all places lie in the image, else continued where they are evenly spaced, else dropped.
    """
    lengths = {dim: coordinates.sizes[dim] for dim in places if dim in coordinates.sizes}
    inside = {dim for dim, length in lengths.items() if is_inside(places[dim], length)}
    new: dict[Hashable, Any] = {}
    for dim in [dim for dim in lengths if dim not in inside]:
        for name, own in coordinates.variables.items():
            if own.dims == (dim,) and own.chunks is None:
                values = continued(own.values, places[dim])
                if values is not None:
                    new[name] = (dim, values, own.attrs)
    gone = [name for name, own in coordinates.variables.items() if not lengths.keys() & set(own.dims) <= inside]
    kept = coordinates.drop_vars(gone)
    kept = kept.isel({dim: as_slice(places[dim]) for dim in inside if dim in kept.sizes})
    return kept.assign_coords(new)


def is_inside(places: range, length: int) -> bool:
    """Whether all places are those of pixels."""
    return len(places) == 0 or (places[0] >= 0 and places[-1] < length)


def as_slice(places: range) -> slice:
    """The slice that takes some places that lie inside."""
    return slice(places[0], places[-1] + 1, places.step) if len(places) else slice(0, 0)


def continued(values: Array, places: range) -> Array | None:
    """Evenly spaced values at some places, which may lie before and behind them; None where they are not even."""
    if len(values) < 2:
        return None
    if values.dtype.kind in "iu":
        return whole_numbers(values, places)
    if values.dtype.kind in "mM":
        numbers = whole_numbers(values.view(np.int64), places)
        return None if numbers is None else numbers.view(values.dtype)
    return real_numbers(values, places) if values.dtype.kind == "f" else None


def whole_numbers(values: Array, places: range) -> Array | None:
    """The same of integers, exactly; of int64 where their own type has not all of them, None where that has not."""
    first, last = int(values[0]), int(values[-1])
    spacing = int(values[1]) - first
    differences = np.diff(values)  # which wrap around
    if last - first != spacing * (len(values) - 1) or not (differences == differences[0]).all():
        return None
    ends = first + spacing * places[0], first + spacing * places[-1]
    step = spacing * places.step
    if not all(SMALLEST <= number <= LARGEST for number in (*ends, step)):
        return None
    found = ends[0] + step * np.arange(len(places), dtype=np.int64)
    limits = np.iinfo(values.dtype)
    is_held = limits.min <= min(ends) and max(ends) <= limits.max
    return found.astype(values.dtype) if is_held else found


def real_numbers(values: Array, places: range) -> Array | None:
    """The same of floats; those of pixels keep their bits."""
    numbers, length = values.astype(np.float64), len(values)
    if not np.isfinite(numbers).all():
        return None
    spacing = (numbers[-1] - numbers[0]) / (length - 1)
    rounding = ROUNDINGS * np.finfo(values.dtype).eps * np.abs(numbers).max()
    errors = np.abs(numbers - (numbers[0] + spacing * np.arange(length)))
    if not (errors <= max(UNEVEN * abs(spacing), rounding)).all():
        return None
    at = np.arange(places.start, places.stop, places.step)
    nearest = at.clip(0, length - 1)
    with np.errstate(over="ignore"):
        beyond = (numbers[nearest] + spacing * (at - nearest)).astype(values.dtype)
    found: Array = np.where(at == nearest, values[nearest], beyond)
    return found if np.isfinite(found).all() else None
