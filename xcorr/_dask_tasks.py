"""Tasks of a graph: each makes a part of a response from the pixels that it reaches, with the bits of the whole.

What they share, a prepared object and the sizes of the images, is in a graph once. Nothing of dask is needed here.
"""

import copy
from functools import reduce
from hashlib import sha256
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from xcorr import _dispatch
from xcorr._axes import Span
from xcorr._correlator import KEPT, Correlator
from xcorr._dtypes import check_element
from xcorr._looks import any_faint, largest_tap
from xcorr._masks import canonical_mask, read_mask
from xcorr._match import Matcher
from xcorr._once import cached_property
from xcorr._pieces import Asked, Pieces, Whole, taken
from xcorr._pieces_found import of_scored_volumes, of_seen, pieces_of, stand_in
from xcorr._prepared_for_some import of_any, some_of
from xcorr._reading import axes_in
from xcorr._reduce import results_of
from xcorr._seen import Operand
from xcorr._whole_numbers import WholeNumbers

Array = npt.NDArray[Any]
Blocks = list[list[Array]]
"""Pixels that lie side by side, row by row."""


class Shared:
    """What all tasks of a call share.

    Parameters
    ----------
    prepared : a Correlator or a Matcher.
    shape, dtype : of all images.
    mask : shape and type of one whose parts come with those of the images, or "finite" for a matcher; else None.
    """

    def __init__(self, prepared: Any, shape: tuple[int, ...], dtype: np.dtype[Any], mask: Any = None) -> None:
        self.prepared, self.shape, self.dtype, self.mask = prepared, shape, dtype, mask

    @cached_property
    def pieces(self) -> Pieces:
        """The way of the images; made once in each process."""
        if self.mask is None:
            return pieces_of(self.prepared, self.shape, self.dtype)
        return pieces_with_mask(self.prepared, Operand(self.shape, self.dtype), self.mask)

    @property
    def mask_has_images(self) -> bool:
        """Whether each image has its own mask."""
        pieces, mask = self.pieces, stand_in(self.mask)
        return len(canonical_mask(mask, "mask", self.shape, pieces.layout.images, "images")) > 1

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in self.__dict__.items() if name != "pieces"}

    def __dask_tokenize__(self) -> tuple[Any, ...]:
        state = sorted(self.prepared.__getstate__().items())
        told = [(name, told_of(value)) for name, value in state]
        return type(self.prepared).__name__, told, self.shape, self.dtype.str, repr(self.mask)


def told_of(value: Any) -> Any:
    """What tells a value from others in all processes."""
    if isinstance(value, np.ndarray):
        return value.dtype.str, value.shape, sha256(value.tobytes()).hexdigest()
    return repr(value)


def pieces_with_mask(prepared: Any, images: Operand, mask: Any) -> Pieces:
    """The way of images whose mask comes with them; those of templates, and volumes, are not cut."""
    if isinstance(prepared, Correlator):
        if axes_in(prepared._settings.layout) == 3:
            return pieces_of(with_mask(prepared, stand_in(mask)), images.shape, images.dtype)
        check_element("images", images.dtype)
        return of_seen(with_mask(prepared, None), images, stand_in(mask), False)
    settings, array = prepared._scoring.settings, stand_in(images)
    if axes_in(settings.layout) == 3:
        found = of_scored_volumes(prepared, images, mask)
    else:
        plan = prepared._plan(array, True)
        asked = Asked(plan.response, plan.reduction, plan.peaks)
        found = Whole(images.shape, plan.layout, plan.n_responses, plan.roi.counts, asked)
    if isinstance(mask, Operand):
        canonical_mask(stand_in(mask), "mask", images.shape, found.layout.images, "images")
    found.obstacle = "it has a mask"
    return found


def with_mask(prepared: Any, mask: Array | None) -> Any:
    """The same bank with another mask."""
    found = copy.copy(prepared)
    found.__dict__.update({name: {} for name in KEPT}, _mask=mask)
    return found


# --- tasks ------------------------------------------------------------------------------------------------------------


def cut_out(pixels: Any, place: tuple[slice, ...]) -> Array:
    """A part of what lies in one chunk, which is not kept for a small one."""
    found = np.asarray(pixels[place])
    return found.copy() if 2 * found.size < np.asarray(pixels).size else found


def respond_whole(shared: Shared, pixels: Any, first: int, mask: Any = None) -> Any:
    """What whole images from `first` on give: an array, or several."""
    pieces, pixels = shared.pieces, checked(pixels, shared)
    if shared.mask is None:
        found = pieces.respond_images(pixels, first, 1)
        return found[0] if pieces.alone else found
    if mask is not None:
        mask = shares_in(mask)
        mask = mask if shared.mask_has_images else of_any(mask, shared.shape, pieces.layout)
    of_matcher = isinstance(shared.prepared, Matcher)
    own = shared.prepared if of_matcher else with_mask(shared.prepared, None)
    own = some_of(own, shared.shape, pieces.layout, first, first + pieces.counted(pixels))
    if of_matcher:
        return own(pixels, mask=shared.mask if mask is None else mask, workers=1)
    return with_mask(own, mask)(pixels, workers=1)


def respond_part(shared: Shared, blocks: Blocks, area: Span, looked: Any, first: int, masks: Any = None) -> Any:
    """The response at an area, or what it is reduced to over kernels: an array, or several."""
    pieces, responses = shared.pieces, responses_at(shared, blocks, area, looked, first, masks)
    found = [
        own.astype(result.dtype, copy=False)
        for own, result in zip(pieces.as_results(responses, area), pieces.results, strict=True)
    ]
    return found[0] if pieces.alone else found


def responses_at(shared: Shared, blocks: Blocks, area: Span, looked: Any, first: int, masks: Any) -> Array:
    """The responses (images, rows, columns, kernels) at an area, of images from `first` on.

    `looked` has for each image None, or what `look` says of one with subnormal pixels. The blocks of a mask, in
    canonical axes, lie as those of the pixels do.
    """
    pieces = shared.pieces
    pixels = checked(assembled(pieces, blocks, area, pieces.axes), shared)
    mask = None if masks is None else shares_in(assembled(pieces, masks, area, (2, 3)))
    if looked is None or looked == [None] * len(looked):
        looked = [None]
    if len(looked) == 1:
        found: Array = pieces.respond(pixels, area, 1, looked[0], first, mask)
        return found
    several = []
    for index, largest in enumerate(looked):
        own = np.take(pixels, [index], axis=pieces.images_axis)
        own_mask = mask[index : index + 1] if mask is not None and len(mask) > 1 else mask
        several.append(pieces.respond(own, area, 1, largest, first + index, own_mask))
    return np.concatenate(several)


def assembled(pieces: Pieces, blocks: Blocks, area: Span, axes: tuple[int, ...]) -> Array:
    """The piece for an area, of blocks whose rows and columns lie at `axes`."""
    down, across = axes
    rows = [np.concatenate(row, axis=across) if len(row) > 1 else row[0] for row in blocks]
    found = np.asarray(np.concatenate(rows, axis=down) if len(rows) > 1 else rows[0])
    for own, axis in zip(pieces.reads(area), axes, strict=True):
        if own.places is not None:
            found = np.take(found, own.places, axis=axis)
    return found


def shares_in(mask: Any) -> Array:
    """A part of a mask, whose shares are checked."""
    found, _ = read_mask(np.asarray(mask), "mask", True)
    return np.asarray(found)


def checked(pixels: Any, shared: Shared) -> Array:
    """Pixels as an array; TypeError if they are of another type than their array says.

    NumPy joins arrays in the machine's own order of bytes, whatever theirs is.
    """
    found = np.asarray(pixels)
    if found.dtype.newbyteorder("=") != shared.dtype.newbyteorder("="):
        raise TypeError(f"images: a chunk came as {found.dtype}; allowed is {shared.dtype}, which their array says")
    return found.astype(shared.dtype, copy=False)


# --- subnormal pixels, of which the bits of a whole image depend ------------------------------------------------------


def look(shared: Shared, pixels: Any, firsts: tuple[int, int, int], mask: Any = None) -> list[tuple[bool, float]]:
    """Whether each image has a subnormal pixel, and its largest magnitude where bits depend on that.

    Pixels are those from an image, a row and a column on.
    """
    pieces, table = shared.pieces, _dispatch.current().table
    pixels = checked(pixels, shared)
    place = [slice(0, length) for length in pixels.shape]
    for axis, first in zip((pieces.images_axis, *pieces.axes), firsts, strict=True):
        if axis >= 0:
            place[axis] = slice(first, first + pixels.shape[axis])
    pixels = pieces.summed(pixels, place, None if mask is None else shares_in(mask))
    images = pixels if pieces.images_axis >= 0 else pixels[np.newaxis]
    of_doubles = pieces.looks()[1]
    return [
        (any_faint(own, table, 1, 8 if of_doubles else 4), largest_tap(own) if of_doubles else 0.0) for own in images
    ]


def merge_looks(parts: list[list[tuple[bool, float]]]) -> list[tuple[bool, float]]:
    """The same of images of which there are several parts."""
    return [
        (any(faint for faint, _ in own), float(np.max([largest for _, largest in own])))
        for own in zip(*parts, strict=True)
    ]


def end_looks(parts: list[list[tuple[bool, float]]]) -> list[float | None]:
    """What `responses_at` is told."""
    return [largest if faint else None for faint, largest in merge_looks(parts)]


# --- reductions over positions ----------------------------------------------------------------------------------------


class Kept(NamedTuple):
    """What is kept of a part: values and their places in the whole response, counts, and sums of whole numbers."""

    best: dict[bool, tuple[Array, Array]]  # of the largest and the smallest
    n_positive: Array | None
    totals: dict[bool, Array]  # of responses and of their squares

    def extremes(self, larger: bool) -> tuple[Array, Array]:
        """The values and their places."""
        return self.best[larger]

    def counts(self) -> Array | None:
        """How many responses were positive."""
        return self.n_positive

    def sums(self, squared: bool) -> Array:
        """The sums of responses or of their squares, as Python's integers."""
        return self.totals[squared]

    def whole_sums(self, squared: bool, indices: Any) -> Array:
        """Some of them."""
        found: Array = self.totals[squared][indices]
        return found


def reduce_part(shared: Shared, blocks: Blocks, area: Span, looked: Any, first: int, masks: Any = None) -> Kept:
    """What the responses at an area are reduced to."""
    pieces, responses = shared.pieces, responses_at(shared, blocks, area, looked, first, masks)
    assert pieces.reduction is not None
    n_images, ((top, n_rows), (left, n_columns)) = len(responses), area
    names = pieces.reduction.names
    asked = tuple(dict.fromkeys("arg" + name if name in ("max", "min") else name for name in names))
    taker = pieces.taker(n_images, pieces.reduction._replace(names=asked, outputs=(n_rows, n_columns)))
    taker.take(taken(responses), 0, 0, 0, 0)
    kept, count = taker.kept, n_images * pieces.n_kernels
    best, totals = {}, {}
    for name in asked:
        if name.startswith("arg"):
            larger = name == "argmax"
            values, places = (
                (kept.result(name[3:]), kept.result(name)) if isinstance(kept, WholeNumbers) else kept.extremes(larger)
            )
            places = places.ravel()
            in_whole = (top + places // n_columns) * pieces.outputs[1] + left + places % n_columns
            best[larger] = values.ravel(), in_whole
        elif name in ("mean", "energy"):
            squared = name == "energy"
            totals[squared] = np.empty(count, object)
            own = (
                kept.result(name).ravel() if isinstance(kept, WholeNumbers) else kept.whole_sums(squared, range(count))
            )
            totals[squared][...] = own
    n_positive = None
    if "ppv" in asked:
        n_positive = kept.result("ppv").ravel() if isinstance(kept, WholeNumbers) else kept.counts()
    return Kept(best, n_positive, totals)


def merge(parts: list[Kept]) -> Kept:
    """What is kept of several parts together."""
    return reduce(merge_two, parts)


def merge_two(one: Kept, other: Kept) -> Kept:
    """What is kept of two: of equal values that at the lower place, of numbers and NaN the latter, as NumPy has it."""
    best = {}
    for larger, (values, places) in one.best.items():
        others, there = other.best[larger]
        better = others > values if larger else others < values
        no_number, none_there = values != values, others != others
        equal = (others == values) | (no_number & none_there)
        leads = better | (none_there & ~no_number) | (equal & (there < places))
        best[larger] = np.where(leads, others, values), np.where(leads, there, places)
    n_positive = None
    if one.n_positive is not None and other.n_positive is not None:
        n_positive = one.n_positive + other.n_positive
    return Kept(best, n_positive, {squared: own + other.totals[squared] for squared, own in one.totals.items()})


def finish(shared: Shared, parts: list[Kept], n_images: int) -> Any:
    """The results of some images."""
    reduction, kept = shared.pieces.reduction, merge(parts)
    assert reduction is not None
    with_results: Any = kept
    found = [
        np.asarray(own).astype(reduction.dtype(name)).reshape(reduction.shape(name, n_images))
        for name, own in zip(reduction.names, results_of(with_results, reduction), strict=True)
    ]
    return found[0] if reduction.alone else found
