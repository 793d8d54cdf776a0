"""Scores of templates of three axes: the rows of planes, interleaved, are the rows of an image.

Row y of plane i is row ``y * planes + i`` of an image and of a template, and windows are as many times as far apart. So
means over all of a template, as scores have them, are those over an image's channel. With dilated rows each row of
windows has an image of its own, of the rows that it sees.
"""

from collections.abc import Hashable, Iterator
from math import prod
from typing import Any

import numpy as np
import numpy.typing as npt

from xcorr import _workers
from xcorr._arrays import check_out, copy_in_pieces, in_order, take_fill
from xcorr._engine import fill_source_indices
from xcorr._layouts import of_one_image
from xcorr._masks import canonical_mask
from xcorr._match_banks import Banks
from xcorr._matching import MatchPlan, Scoring, of_templates
from xcorr._memory import empty
from xcorr._plan import plan_for
from xcorr._reduction import peaks_of, reduction_of
from xcorr._respond import may_overlap
from xcorr._run import bank_for, run
from xcorr._score import check_it_runs, check_mask, match_images
from xcorr._settings import USUAL
from xcorr._volume_call import VolumeCall
from xcorr._volume_reduce import inner_names
from xcorr._volumes import GATHERED_BYTES, Piece, joined, sizes_of_call
from xcorr._workers import refuse_too_large
from xcorr.peaks import Peaks

Array = npt.NDArray[Any]

WORDS = {"NDHWC": "NHWC", "NCDHW": "NCHW", "NDHW": "NHW"}
"""The layout of the images that planes of windows are."""


class VolumeMatchPlan:
    """What follows from the shapes, types and keywords of a call; holds no volumes."""

    def __init__(self, scoring: Scoring, images: Array, templates: tuple[int, ...], dtype: Any, masked: bool) -> None:
        settings = scoring.settings
        with of_templates():
            if settings.pairwise:
                templates = of_one_image(settings.layout, images.shape, templates)
            self.sizes = sizes_of_call(settings, images.shape, templates)
        self.scoring, axes = scoring, self.sizes.geometry.axes
        self.word = WORDS[self.sizes.layout.word]
        self.by_row = axes[1].dilation > 1
        pads = any(axis.before or axis.behind for axis in axes)
        self.masked = masked or (scoring.fill is None and pads and "constant" in settings.boundary)
        image = in_order(images, self.sizes.layout.images).shape
        with of_templates():
            self.plan = self.plan_of_images(image[4], images.dtype, dtype)
        response, area = self.plan.response, self.sizes.area
        names = None if isinstance(settings.reduce, Peaks) else settings.reduce
        self.names = () if names is None else inner_names(names, settings.over == "kernels")
        self.peaks = peaks_of(settings.reduce, settings.over, area, response)
        n_kernels, layout = self.sizes.geometry.n_kernels, self.sizes.layout
        self.reduction = reduction_of(names, settings.over, layout, n_kernels, area, response)

    @property
    def are_sums(self) -> bool:
        """Whether the scores are the sums alone, which a bank makes."""
        return self.scoring.score == "correlation" and not self.masked

    @property
    def n_rows(self) -> int:
        """The rows of an image."""
        planes, down, _ = self.sizes.geometry.axes
        return planes.kernel * (down.kernel if self.by_row else down.reached)

    def plan_of_images(self, channels: int, images: Any, templates: Any) -> MatchPlan:
        """The plan of the images that planes of windows, or rows of them, are."""
        settings, (planes, down, across) = self.scoring.settings, self.sizes.geometry.axes
        bounds = settings.roi or ((None, None),) * 3
        own = settings._replace(
            layout=self.word,
            padding=((0, 0), (across.before, across.behind)),
            boundary=(settings.boundary[2],) * 2,
            stride=(1 if self.by_row else down.stride * planes.kernel, across.stride),
            dilation=(1, across.dilation),
            roi=((None, None) if self.by_row else bounds[1], bounds[2]) if settings.roi else None,
            pairwise=False,
            reduce=None,
        )
        fill = 0 if self.scoring.fill is not None and settings.boundary[2] != "constant" else self.scoring.fill
        image = shape_of(self.word, 1, self.n_rows, across.length, channels)
        rows, n_kernels = planes.kernel * down.kernel, self.sizes.geometry.n_kernels
        bank = shape_of(self.word, n_kernels, rows, across.kernel, channels)
        if self.sizes.layout.each_channel:
            bank = (rows, across.kernel)
        scoring = self.scoring._replace(settings=own, fill=fill)
        return MatchPlan(scoring, image, images, bank, templates, self.masked)

    def stacked(self, templates: Array) -> Array:
        """Templates, or shares of them, (kernels, planes, rows, columns, channels) with the rows of the images."""
        n_kernels, planes, height, width, depth = templates.shape
        order = (0, 1, 2, 3, 4) if self.by_row else (0, 2, 1, 3, 4)
        rows = templates.transpose(order).reshape(n_kernels, planes * height, width, depth)
        return rows[0, :, :, 0] if self.sizes.layout.each_channel else in_layout(self.word, rows)


def shape_of(word: str, first: int, height: int, width: int, channels: int) -> tuple[int, ...]:
    """A shape in a layout."""
    shapes = {"NHW": (first, height, width), "NCHW": (first, channels, height, width)}
    return shapes.get(word, (first, height, width, channels))


def in_layout(word: str, array: Array) -> Array:
    """A view in a layout of (images or kernels, rows, columns, channels)."""
    return array[..., 0] if word == "NHW" else np.moveaxis(array, 3, 1) if word == "NCHW" else array


class VolumeMatch:
    """Templates that are looked for in volumes.

    Parameters
    ----------
    scoring : the keywords as they were read.
    templates, template_mask : as they were given; the same as long as this is used.
    """

    def __init__(self, scoring: Scoring, templates: Array, template_mask: Any) -> None:
        self.scoring, self.templates, self.template_mask = scoring, templates, template_mask
        self.banks: dict[Hashable, Banks] = {}

    def plan(self, images: Array, mask: Any) -> VolumeMatchPlan:
        """The plan of a call."""
        masked = mask is not None or self.template_mask is not None
        return VolumeMatchPlan(self.scoring, images, self.templates.shape, self.templates.dtype, masked)

    def run(self, plan: VolumeMatchPlan, images: Array, mask: Any, out: Any, workers: Any) -> Any:
        """The scores of volumes, or what they are reduced to, in `out` or in memory of its own."""
        if workers is not None:
            workers = _workers.count_workers(workers)
        call = ScoreCall(self, plan, images, mask, workers)
        shape = call.shape()
        if plan.peaks is not None or plan.reduction is not None:
            return call.result(out)
        target, _held = (None, []) if out is None else check_out(out, shape, plan.plan.response)
        operands = [images, self.templates, *(one for one in (mask, self.template_mask) if isinstance(one, np.ndarray))]
        keeps = plan.plan.response.kind == "f"  # no score is refused
        stores = target is not None and keeps and not any(may_overlap(target, one) for one in operands)
        result: Array = target if target is not None and stores else empty(shape, plan.plan.response)
        if 0 not in shape:
            call.respond(in_order(result, plan.sizes.layout.response))
        if target is None:
            return result
        if result is not target:
            copy_in_pieces(target, result)
        return out

    def bank(self, plan: VolumeMatchPlan, index: int) -> Banks:
        """The templates of a volume as those of images."""
        layout, pairwise = plan.sizes.layout, self.scoring.settings.pairwise
        key = layout, plan.plan.flat, plan.by_row, index if pairwise else 0
        found = self.banks.get(key)
        if found is None:
            templates, mask = self.templates, self.template_mask
            if pairwise:
                own = mask is not None and mask.ndim > 3 and mask.ndim >= templates.ndim - ("C" in layout.word)
                templates, mask = templates[index], mask[index % len(mask)] if own else mask
            ordered = in_order(templates, layout.kernels)
            if mask is not None:
                shares = canonical_mask(mask, "template_mask", templates.shape, layout.kernels, "templates")
                mask = plan.stacked(np.broadcast_to(np.moveaxis(shares, 1, -1), ordered.shape))
            found = self.banks[key] = Banks(plan.plan, plan.stacked(ordered), mask)
        return found


class ScoreCall(VolumeCall):
    """Scores of templates."""

    def __init__(self, owner: VolumeMatch, plan: VolumeMatchPlan, images: Array, mask: Any, workers: Any) -> None:
        settings, fill = owner.scoring.settings, owner.scoring.fill
        channels = in_order(images, plan.sizes.layout.images).shape[4]
        numbers = take_fill(0 if fill is None else fill, images.dtype.newbyteorder("="), settings.boundary, channels)
        super().__init__(plan.sizes, settings.pairwise, images, mask, numbers, workers)
        self.owner, self.plan = owner, plan
        self.response, self.peaks, self.reduction = plan.plan.response, plan.peaks, plan.reduction
        self.names = plan.names
        self.unseen = fill is None
        check_it_runs(plan.plan, owner.bank(plan, 0))
        self.split(Piece(0, 1, 0, self.sizes.outputs[0]))

    def pieces(self, first: int, end: int) -> Iterator[Piece]:
        """All planes of volumes [first, end), some at a time."""
        for index in range(first, end):
            yield from self.split(Piece(index, index + 1, 0, self.sizes.outputs[0]))

    def split(self, piece: Piece) -> list[Piece]:
        """Smaller pieces of the same planes of one volume."""
        of_plane = self.plan.n_rows * prod(self.volumes.shape[3:]) * self.volumes.itemsize
        of_plane *= self.sizes.outputs[1] if self.plan.by_row else 1
        refuse_too_large("images", "the rows that one plane of windows sees", of_plane)
        of_scores = prod(self.sizes.outputs[1:]) * self.n_kernels * self.response.itemsize
        if self.reduction is not None:
            refuse_too_large("templates", "their scores of one plane of windows", of_scores)
        planes = max(1, GATHERED_BYTES // max(1, of_plane, of_scores))
        firsts = range(piece.first_plane, piece.end_plane, planes)
        return [piece._replace(first_plane=first, end_plane=min(first + planes, piece.end_plane)) for first in firsts]

    def respond_piece(self, piece: Piece, target: Array) -> None:
        """Writes the scores of a piece."""
        index, own, word = piece.first, self.plan, self.plan.word
        images = self.gathered(self.volumes[index], piece, self.fill)
        mask = self.seen_of(piece, images)
        images = in_layout(word, images)
        mask = mask if mask is None or isinstance(mask, str) else in_layout(word, mask)
        fill = own.plan.fill_of(images.dtype)
        seen = check_mask(own.plan, mask, images)
        place = None if own.by_row else joined(target)
        if place is not None and word == "NCHW":
            place = np.moveaxis(place, 3, 1)
        found = match_images(own.plan, self.owner.bank(own, index), images, seen, fill, place, self.workers)
        if place is None:
            last = np.moveaxis(found, 1, 3) if word == "NCHW" else found
            copy_in_pieces(target, last.reshape(target.shape))

    def seen_of(self, piece: Piece, images: Array) -> Any:
        """What is seen of a piece's images (images, rows, columns, channels); None if scores are of all pixels."""
        if not self.plan.masked:
            return None
        shape, inside = self.volumes.shape[1:], np.full(len(self.fill), not self.unseen)
        if isinstance(self.mask, np.ndarray):
            return self.gathered(self.mask[piece.first], piece, inside.astype(self.mask.dtype))
        seen = self.gathered(np.broadcast_to(np.ones((), np.bool_), shape), piece, inside)
        return seen & np.isfinite(images) if isinstance(self.mask, str) else seen

    def gathered(self, volume: Array, piece: Piece, fill: Array) -> Array:
        """The images (images, rows, columns, channels) of a piece of a volume (planes, rows, columns, channels)."""
        planes, rows = self.sources(piece), self.source_rows()
        n_planes, of_kernel = planes.shape
        if not self.plan.by_row:
            found: Array = empty((n_planes, len(rows), of_kernel, *volume.shape[2:]), volume.dtype)
            for plane, kernel in np.ndindex(n_planes, of_kernel):
                take_rows(volume, int(planes[plane, kernel]), rows, fill, found[plane, :, kernel])
            return found.reshape(n_planes, -1, *volume.shape[2:])
        found = empty((n_planes, len(rows), of_kernel, rows.shape[1], *volume.shape[2:]), volume.dtype)
        for plane, row, kernel in np.ndindex(n_planes, len(rows), of_kernel):
            take_rows(volume, int(planes[plane, kernel]), rows[row], fill, found[plane, row, kernel])
        return found.reshape(n_planes * len(rows), -1, *volume.shape[2:])

    def source_rows(self) -> npt.NDArray[np.intp]:
        """The row of the volume that each row of an image has, -1 for the fill value; by rows, each row of windows."""
        down, (first, count) = self.sizes.geometry.axes[1], self.sizes.area[1]
        boundary = self.owner.scoring.settings.boundary[1]
        if not self.plan.by_row:
            places = np.empty(down.reached, np.intp)
            fill_source_indices(places, -down.before, down.length, boundary)
            return places
        found = np.empty((count, down.kernel), np.intp)
        for window, own in enumerate(found, first):
            fill_source_indices(own, window * down.stride - down.before, down.length, boundary, down.dilation)
        return found

    def reduce_piece(self, piece: Piece) -> list[Array]:
        """What the scores of a piece are reduced to: they are the images of a kernel of one tap."""
        n_planes = piece.counts[1]
        shape = (n_planes, *self.sizes.outputs[1:], self.n_kernels)
        scores: Array = empty(shape, self.response)
        self.respond_piece(piece, scores[np.newaxis])
        over = self.owner.scoring.settings.over
        settings = USUAL._replace(layout="NHWC", dtype=scores.dtype.str, method="direct", reduce=self.names, over=over)
        one = np.ones((1, 1), scores.dtype)
        plan = plan_for(settings, scores.shape, scores.dtype, one.shape, one.dtype)
        found = list(run(plan, bank_for(plan, one, None)[0], scores, 0, None, self.workers))
        for name, own in zip(self.names, found, strict=True):
            if name.startswith("arg") and over == "positions":
                own += np.array([first for first, _ in self.sizes.area[1:]])
        return found


def take_rows(volume: Array, plane: int, rows: npt.NDArray[np.intp], fill: Array, target: Array) -> None:
    """Copies rows of a plane, with the fill value where either lies outside."""
    if plane < 0:
        target[...] = fill
        return
    inside = rows >= 0
    if inside.all() and np.array_equal(rows, np.arange(rows[0], rows[0] + len(rows))):
        target[...] = volume[plane, rows[0] : rows[0] + len(rows)]
        return
    target[...] = volume[plane, np.maximum(rows, 0)]
    target[~inside] = fill
