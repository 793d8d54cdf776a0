"""One call of `register` window by window: a grid of windows, and around each what is searched of the other image.

Some windows of one pair of images are done at once, as pairs of images of their size.
"""

from collections.abc import Iterator
from itertools import pairwise
from math import prod
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from xcorr import _workers
from xcorr._engine import go_on
from xcorr._register_settings import RegisterSettings
from xcorr._registering import (
    Found,
    Operand,
    axes_of,
    bytes_of_pair,
    compare,
    masks_of,
    settled,
    type_of,
    whole_if_near,
)
from xcorr._shift_axes import Along
from xcorr._shift_fits import between
from xcorr._shift_in_place import OfOverlaps, OnCircles, finder_of
from xcorr._shift_lanes import MOST_BYTES, Windowed
from xcorr._shift_sides import Side
from xcorr._shifts import gather_windows
from xcorr._staged_planes import stage, what_counts

Array = npt.NDArray[Any]
Indices = npt.NDArray[np.intp]

AT_ONCE = 2**23
"""Bytes of workspace of the windows that one worker does at once, if one does not need more.

32x32 windows by "zncc" take 1.5 times as long with 2**21. 2026-11-27, AMD EPYC (Zen 3).
"""

IN_PLACE = 2**21
"""Bytes of the parts of images that one worker looks at at once."""

INDICES = 16
"""Bytes of the places of one window's pixel, and whether it is there."""


class Part(NamedTuple):
    """Some windows of one pair of images."""

    pair: int
    windows: Indices  # in the order of the grid
    is_masked: bool


def grid_of(sizes: tuple[int, ...], settings: RegisterSettings) -> tuple[int, ...]:
    """How many windows there are along each axis."""
    assert settings.window is not None
    return tuple(
        (size - window) // step + 1 for size, window, step in zip(sizes, settings.window, settings.step, strict=True)
    )


class Windows:
    """The windows of a call: pairs of images, of which one of either may go with all of the others."""

    def __init__(self, references: Operand, moving: Operand, settings: RegisterSettings, n_workers: int) -> None:
        assert settings.window is not None
        self.operands, self.settings, self.n_workers = (references, moving), settings, n_workers
        self.n_pairs = max(len(references), len(moving)) if len(references) and len(moving) else 0
        self.grid = grid_of(references.sizes, settings)
        self.sizes = settings.window, settings.search
        self.before = tuple((search - window) // 2 for window, search in zip(*self.sizes, strict=True))
        self.is_masked, self.has_shares = masks_of(self.operands, settings)
        self.dtype = type_of(self.operands, settings, self.is_masked)
        pixels = references.pixels, moving.pixels
        self.in_place = finder_of(settings, self.axes(False), pixels, self.dtype)

    def axes(self, is_masked: bool) -> tuple[Along, ...]:
        """The shifts along each axis."""
        return axes_of(self.settings, *self.sizes, self.before, is_masked)

    def firsts(self, windows: Indices, is_moving: bool) -> list[Indices]:
        """The first place of each window along each axis; of what is searched it may be before the image."""
        places = np.unravel_index(windows, self.grid)
        before = self.before if is_moving else (0,) * len(self.grid)
        return [own * step - less for own, step, less in zip(places, self.settings.step, before, strict=True)]

    def lies_inside(self, windows: Indices) -> npt.NDArray[np.bool_]:
        """Whether all that is searched is in moving."""
        inside = np.ones(len(windows), np.bool_)
        for first, search, size in zip(
            self.firsts(windows, True), self.settings.search, self.operands[1].sizes, strict=True
        ):
            inside &= (first >= 0) & (first + search <= size)
        return inside

    def parts(self) -> Iterator[Part]:
        """All windows of all pairs, as many at once as fit: whole rows of the grid, or parts of one row."""
        windows = np.arange(prod(self.grid))
        kinds = [(windows, True)] if self.is_masked else []
        if not self.is_masked:
            inside = self.lies_inside(windows)
            kinds = [(windows[inside], False), (windows[~inside], True)]
        for own, is_masked in kinds:
            at_once, lines = max(1, AT_ONCE // self.bytes_of_window(is_masked)), [own]
            if self.in_place is not None and not is_masked:
                at_once = max(1, IN_PLACE // self.bytes_in_place())
            if at_once < self.grid[-1]:
                lines = np.split(own, np.flatnonzero(np.diff(own // self.grid[-1])) + 1)
            elif len(own) == len(windows):
                at_once -= at_once % self.grid[-1]
            for pair in range(self.n_pairs):
                for line in lines:
                    yield from (
                        Part(pair, line[first : first + at_once], is_masked) for first in range(0, len(line), at_once)
                    )

    def bytes_of_window(self, is_masked: bool) -> int:
        """Bytes that one window needs at most."""
        n_channels = self.operands[0].pixels.shape[1]
        words = self.dtype, self.settings, is_masked, self.has_shares
        n_bytes = bytes_of_pair(self.axes(is_masked), self.sizes, n_channels, *words)
        return n_bytes + INDICES * sum(map(prod, self.sizes))

    def bytes_in_place(self) -> int:
        """Bytes of the part of an image that one window more takes, which lies a step from the one before.

        Where scores are of more shifts than a window has pixels, those of scores, for which there is one place.
        """
        pixels = self.operands[0].pixels.shape[1] * prod(map(max, self.sizes[0], self.settings.step))
        return int(self.dtype.itemsize * max(pixels, prod(axis.length for axis in self.axes(False))))

    def side(self, part: Part, is_moving: bool, axes: tuple[Along, ...]) -> Side:
        """Some windows of an operand, transformed."""
        operand, settings = self.operands[is_moving], self.settings
        element, weights = operand.pixels.dtype, settings.taper_of(self.sizes[is_moving])
        windows = self.gathered_floats(part, is_moving)
        if windows is not None:
            planes = stage(windows, None, weights, self.dtype, settings.score == "zncc", element, settings.is_circular)
            return Side(planes, axes, False, 1, are_windows=True)
        places, inside = self.places(part.windows, is_moving)
        pixels = gathered(operand.pixels[min(part.pair, len(operand) - 1)], places)
        mask: Any = None
        if part.is_masked:
            mask = inside
            if isinstance(operand.mask, str):
                mask = mask * np.isfinite(pixels)
            elif operand.mask is not None:
                own = operand.mask[min(part.pair, len(operand.mask) - 1)]
                mask = mask * what_counts(gathered(own, places))
        planes = stage(pixels, mask, weights, self.dtype, settings.score == "zncc")
        return Side(planes, axes, part.is_masked, 1, part.is_masked, are_windows=True)

    def gathered_floats(self, part: Part, is_moving: bool) -> Any:
        """Windows that lie inside of an image, in floats, those of a row from the rows that they are in; else None."""
        operand, element = self.operands[is_moving], self.operands[is_moving].pixels.dtype
        if part.is_masked or len(self.grid) != 2 or (element.kind != "f" and element.itemsize == 8):
            return None
        height, width = self.sizes[is_moving]
        rows, columns = self.firsts(part.windows, is_moving)
        pixels = operand.pixels[min(part.pair, len(operand) - 1)]
        found = np.empty((len(rows), len(pixels), height, width), self.dtype)
        edges = [0, *(np.flatnonzero(np.diff(rows)) + 1).tolist(), len(rows)]
        for first, end in pairwise(edges):
            row, left, right = int(rows[first]), int(columns[first]), int(columns[end - 1])
            if right + width - left > 2 * (end - first) * width:  # far apart
                return None
            image = np.ascontiguousarray(pixels[:, row : row + height, left : right + width], self.dtype)
            gather_windows(image, columns[first:end] - left, found[first:end])
        return found

    def places(self, windows: Indices, is_moving: bool) -> tuple[list[Indices], Array]:
        """Places of windows' pixels in the image along each axis, as they are broadcast, and which are there."""
        n_axes, places, inside = len(self.grid), [], np.ones((1,) * (len(self.grid) + 2), np.bool_)
        for axis, first in enumerate(self.firsts(windows, is_moving)):
            size = self.operands[is_moving].sizes[axis]
            own = (first[:, np.newaxis] + np.arange(self.sizes[is_moving][axis])).reshape(
                len(first), *[-1 if other == axis else 1 for other in range(n_axes)]
            )
            inside = inside & ((own >= 0) & (own < size))[:, np.newaxis]
            places.append(np.clip(own, 0, size - 1))
        return places, inside

    def find_where_they_lie(
        self, part: Part, axes: tuple[Along, ...], finder: OnCircles | OfOverlaps, found: Found
    ) -> Indices:
        """Finds the shifts of plain windows in the part of their images that they lie in; which ones are left."""
        settings = self.settings
        reference, moving = (self.windowed(part, is_moving) for is_moving in (False, True))
        best, are_plain = finder.best(reference, moving, int(settings.subpixel is not None))
        parts = 0.0 if settings.subpixel is None else between(best.around, str(settings.subpixel))
        put(found, part, settled(best, axes, whole_if_near(best.scores, axes, self.dtype), parts))
        return part.windows[~are_plain]

    def windowed(self, part: Part, is_moving: bool) -> Windowed:
        """Windows of one side in the part of the image that they lie in, as floats."""
        operand, (height, width) = self.operands[is_moving], self.sizes[is_moving]
        rows, columns = self.firsts(part.windows, is_moving)
        pixels = operand.pixels[min(part.pair, len(operand) - 1)]
        top, left = int(rows[0]), int(columns.min())
        band = pixels[np.newaxis, :, top : int(rows[-1]) + height, left : int(columns.max()) + width]
        band = np.ascontiguousarray(band, self.dtype)
        return Windowed(band, (rows - top) * band.shape[3] + (columns - left))

    def run(self) -> Found:
        """All windows, a worker some of them."""
        n_axes, n_windows = len(self.grid), prod(self.grid)
        _workers.refuse_too_large("window", "spectra and scores of one window", self.bytes_of_window(True))
        shape = self.n_pairs, n_windows
        found = Found(np.zeros((*shape, n_axes)), np.zeros(shape), np.zeros(shape))
        parts = list(self.parts())
        axes = [self.axes(is_masked) for is_masked in (False, True)]

        def some(task: int) -> None:
            go_on()
            part = parts[task]
            own_axes = axes[part.is_masked]
            left = part.windows
            if self.in_place is not None and not part.is_masked:
                left = self.find_where_they_lie(part, own_axes, self.in_place, found)
            if len(left):
                part = part._replace(windows=left)
                sides = [self.side(part, is_moving, own_axes) for is_moving in (False, True)]
                put(found, part, compare(sides[0], sides[1], own_axes, self.settings, False))

        most = max(self.bytes_of_window(True), AT_ONCE) + MOST_BYTES
        n_outer = min(self.n_workers, max(1, _workers.WORKSPACE_LIMIT // most))
        _workers.prepare(some, len(parts), n_outer)
        return found


def put(found: Found, part: Part, own: Found) -> None:
    """Puts what has been found of some windows into its place."""
    for target, numbers in zip(found, own, strict=True):
        target[part.pair, part.windows] = numbers


def gathered(image: Array, places: list[Indices]) -> Array:
    """The pixels (windows, channels, spatial axes) of an image (channels, spatial axes) at places along each axis."""
    index: Any = (slice(None), *places)
    return np.moveaxis(image[index], 1, 0)
