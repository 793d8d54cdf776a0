"""Pieces: parts of a response, each made of the pixels that it reaches, with the bits of one call in memory.

A part's plan is that of the whole image: its method, its quads, sections and areas lie where they do in one call. It is
only told which pixels are at hand. All of this follows from sizes; nothing is read or written here.
"""

from collections.abc import Callable, Sequence
from math import prod
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from xcorr._axes import Axis, Span
from xcorr._layouts import Layout, arranged
from xcorr._match_reduce import Taker
from xcorr._reads import End, Extent, Reads, extent_along, reads_along
from xcorr._reduce import results_of
from xcorr._reduce_peaks import shape_of_peaks
from xcorr._reduction import Reduction
from xcorr.peaks import Peaks, record_type

Array = npt.NDArray[Any]


class Result(NamedTuple):
    """One array that is given back: its shape and type, and which of its axes is which."""

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    images: int  # -1 where there is no such axis
    axes: tuple[int, ...]  # of rows and columns, -1 for one that it lacks; empty where it has neither


def results_of_call(
    layout: Layout, n_images: int, n_kernels: int, outputs: tuple[int, ...], dtype: Any, reduction: Any, peaks: Any
) -> tuple[Result, ...]:
    """The arrays that a call gives."""
    images = 0 if layout.response[0] >= 0 else -1
    if peaks is not None:
        shape = shape_of_peaks(layout, n_kernels, peaks, n_images)
        return (Result(shape, record_type(dtype, layout.n_axes), images, ()),)
    if reduction is None:
        shape = arranged((n_images, *outputs, n_kernels), layout.response)
        return (Result(shape, dtype, layout.response[0], layout.response[1:-1]),)
    axes = tuple(range(images + 1, images + 1 + layout.n_axes)) if reduction.over_kernels else ()
    axes = (-1, *axes) if len(axes) == 1 else axes
    return tuple(
        Result(reduction.shape(name, n_images), reduction.dtype(name), images, axes) for name in reduction.names
    )


class Asked(NamedTuple):
    """The type of responses or scores, and what becomes of them."""

    response: np.dtype[Any]
    reduction: Reduction | None
    peaks: Peaks | None


class Pieces:
    """The way of one prepared object with images of one shape and type, piece by piece.

    Parameters
    ----------
    shape : of all images.
    layout, n_kernels, outputs : of these, and of a response.
    asked : what becomes of responses.
    """

    obstacle = ""
    """What keeps an image from being cut, in words."""

    whole_rows = False
    """Whether parts are whole rows."""

    words = "rows", "columns"
    """What an area is of."""

    n_beside = 1
    """Responses of a kernel at one place of an area."""

    prepared_for: Callable[[int, int], Any]
    """What is called with the images from one to another, the latter excluded."""

    axes_cut: tuple[Axis, ...]
    reduction: Reduction | None
    peaks: Peaks | None

    def __init__(
        self, shape: tuple[int, ...], layout: Layout, n_kernels: int, outputs: tuple[int, ...], asked: Asked
    ) -> None:
        self.shape, self.layout, self.n_kernels = shape, layout, n_kernels
        self.outputs, (self.response, self.reduction, self.peaks) = outputs, asked
        self.images_axis, self.axes = layout.images[0], layout.images[1:-1]
        self.whole_rows = self.whole_rows or self.peaks is not None
        self.n_images = shape[self.images_axis] if self.images_axis >= 0 else 1
        self.results = results_of_call(
            layout, self.n_images, n_kernels, self.outputs, self.response, self.reduction, self.peaks
        )
        self.alone = self.reduction is None or self.reduction.alone

    # --- whole images -------------------------------------------------------------------------------------------------

    def respond_images(
        self, images: Array, first: int, workers: Any, targets: list[Array] | None = None
    ) -> list[Array]:
        """What images from `first` on give, in the targets if there are any."""
        own = self.prepared_for(first, first + self.counted(images))
        out = None if targets is None else targets[0] if self.alone else tuple(targets)
        found = own(images, out=out, workers=workers)
        return [found] if self.alone else list(found)

    def counted(self, images: Array) -> int:
        """How many images an array has."""
        return int(images.shape[self.images_axis]) if self.images_axis >= 0 else 1

    # --- parts of images ----------------------------------------------------------------------------------------------

    @property
    def grid(self) -> tuple[int, int]:
        """Rows and columns of responses that cost least to be cut at multiples of."""
        return 1, 1

    @property
    def edges(self) -> tuple[list[int], list[int]]:
        """Rows and columns of responses where it costs least to cut, if these are no multiples."""
        return [], []

    def ends(self, area: Span) -> tuple[End, ...]:
        """The padded pixels that a part reaches along each axis."""
        raise NotImplementedError

    def boundary(self) -> tuple[str, ...]:
        """The word of each axis."""
        raise NotImplementedError

    def reads(self, area: Span) -> tuple[Reads, ...]:
        """What is read for the part of the response at an area, counted from the first response that is wanted."""
        return tuple(
            reads_along(axis.length, run, word)
            for axis, run, word in zip(self.axes_cut, self.ends(area), self.boundary(), strict=True)
        )

    def extents(self, area: Span) -> tuple[Extent, ...]:
        """How much `reads` is along each axis."""
        return tuple(
            extent_along(axis.length, run, word)
            for axis, run, word in zip(self.axes_cut, self.ends(area), self.boundary(), strict=True)
        )

    def wanted(self) -> tuple[tuple[int, int], ...]:
        """The first response of the whole that is wanted along each axis, and how many."""
        raise NotImplementedError

    def respond(
        self, pixels: Array, area: Span, workers: Any, largest: float | None = None, first: int = 0, mask: Any = None
    ) -> Any:
        """The responses (images, rows, columns, kernels) at an area, of a piece of some images from `first` on.

        `mask` is that of these pixels, in canonical axes, where the prepared object has none for all images.
        """
        raise NotImplementedError

    def taker(self, n_images: int, reduction: Reduction) -> Taker:
        """What takes responses and reduces them."""
        raise NotImplementedError

    def reduce_kernels(self, responses: Array, area: Span) -> list[Array]:
        """What responses (images, rows, columns, kernels) at an area are reduced to, over kernels."""
        assert self.reduction is not None
        outputs = area[0][1], area[1][1]
        taker = self.taker(len(responses), self.reduction._replace(outputs=outputs))
        taker.take(taken(responses), 0, 0, 0, 0)
        return [
            np.asarray(found).reshape(len(responses), *outputs) for found in results_of(taker.kept, taker.reduction)
        ]

    def as_results(self, responses: Any, area: Span) -> list[Array]:
        """Responses (images, rows, columns, kernels) at an area with a result's axes, or reduced over kernels."""
        if self.reduction is not None:
            return [arranged_map(found, result) for found, result in
                    zip(self.reduce_kernels(responses, area), self.results, strict=True)]  # fmt: skip
        axes = self.layout.response
        present = responses[tuple(slice(None) if axis >= 0 else 0 for axis in axes)]
        order = [axis for axis in axes if axis >= 0]
        return [present.transpose([order.index(axis) for axis in range(len(order))])]

    def looks(self) -> tuple[bool, bool]:
        """Whether bits depend on any subnormal pixel of an image, and on its largest magnitude then."""
        return False, False

    def summed(self, pixels: Array, place: Sequence[slice], mask: Any = None) -> Array:
        """The pixels at a place as they are summed; `mask` as in `respond`."""
        return pixels


def arranged_map(found: Array, result: Result) -> Array:
    """A map (images, rows, columns) with the axes that a result has."""
    lacks = tuple(axis for axis, own in enumerate((result.images, *result.axes)) if own < 0)
    return found.reshape([length for axis, length in enumerate(found.shape) if axis not in lacks])


def taken(responses: Array) -> Array:
    """Responses (images, rows, columns, kernels) as a taker has them, of a type that sums are in."""
    found = responses.astype(np.float32) if responses.dtype.char == "e" else responses
    found = np.moveaxis(found, 3, 1)
    return np.array(found, order="C") if found.shape[3] == 1 else found  # a lone column's pitch is that of a run


class Whole(Pieces):
    """Images that are not cut."""


def bytes_of(pieces: Pieces, area: Span, itemsize: int) -> tuple[int, int]:
    """The bytes of one image's pixels that are there for a part, read and gathered, and of its responses.

    With these are what they are reduced to over kernels.
    """
    down, across = pieces.extents(area)
    channels = prod(pieces.shape[axis] for axis in range(len(pieces.shape))
                    if axis not in (pieces.images_axis, *pieces.axes))  # fmt: skip
    pixels = down.n_read * across.n_read
    if down.is_looked_up or across.is_looked_up:
        pixels += down.length * across.length
    of_place = pieces.n_kernels * pieces.response.itemsize
    if pieces.reduction is not None and pieces.reduction.over_kernels:
        of_place += sum(result.dtype.itemsize for result in pieces.results)
    return pixels * channels * itemsize, area[0][1] * area[1][1] * pieces.n_beside * of_place
