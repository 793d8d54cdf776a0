"""One call with volumes: pieces of them one after the other, and what becomes of their responses or scores."""

from collections.abc import Iterator
from math import prod
from typing import Any

import numpy as np
import numpy.typing as npt

from xcorr import _peaks, _workers
from xcorr._arrays import in_order
from xcorr._layouts import arranged
from xcorr._masks import canonical_mask
from xcorr._memory import empty
from xcorr._reading import checked
from xcorr._reduce import new_results
from xcorr._reduce_peaks import in_whole, shape_of_peaks
from xcorr._reduction import Reduction
from xcorr._run import found_peaks, reduced
from xcorr._volume_reduce import merged
from xcorr._volumes import Piece, Sizes, sources
from xcorr._workers import refuse_too_large
from xcorr.peaks import Peaks, find_in_arrays, no_peaks, search_words

Array = npt.NDArray[Any]

SLAB_BYTES = 2**25
"""Bytes of the responses that peaks are looked for in at once, if one plane has not more, or that exact sums are of;
not tuned."""


class VolumeCall:
    """The volumes of a call, what is seen of them, and what is asked; a way of responding is a class of its own."""

    response: np.dtype[Any]
    peaks: Peaks | None
    reduction: Reduction | None
    names: tuple[str, ...]  # what pieces are reduced to
    is_flat = False  # whether planes are rows of one image

    def __init__(
        self, sizes: Sizes, pairwise: bool, images: Array, mask: Any, fill: tuple[Any, ...], workers: Any
    ) -> None:
        self.sizes, self.pairwise, self.workers = sizes, pairwise, workers
        self.volumes = in_order(images, sizes.layout.images)  # (volumes, planes, rows, columns, channels)
        self.fill = np.broadcast_to(np.array(fill).astype(images.dtype), self.volumes.shape[4])
        self.mask = mask
        if isinstance(mask, np.ndarray):
            own = canonical_mask(mask, "mask", images.shape, sizes.layout.images, "images")
            self.mask = np.broadcast_to(np.moveaxis(own, 1, -1), self.volumes.shape)
        self.n_workers = _workers.count_workers(workers)
        self.at_hand: npt.NDArray[np.intp] | None = None  # the planes that are there, in order; None for all

    def take_planes(self, planes: npt.NDArray[np.intp]) -> None:
        """The volumes that are there have these planes alone, in order."""
        self.at_hand = planes

    def sources(self, piece: Piece) -> npt.NDArray[np.intp]:
        """The place among the planes that are there of what `sources` gives for a piece."""
        found = sources(self.sizes, piece)
        return found if self.at_hand is None else np.where(found < 0, -1, np.searchsorted(self.at_hand, found))

    @property
    def n_kernels(self) -> int:
        """The kernels of each volume's response."""
        return self.sizes.geometry.n_kernels

    # What a way of responding says for itself.

    def pieces(self, first: int, end: int) -> Iterator[Piece]:
        """The pieces of volumes [first, end), one after the other."""
        raise NotImplementedError

    def split(self, piece: Piece) -> list[Piece]:
        """Smaller pieces of the same planes of one volume."""
        raise NotImplementedError

    def respond_piece(self, piece: Piece, target: Array) -> None:
        """Writes the responses of a piece into (volumes, planes, rows, columns, kernels)."""
        raise NotImplementedError

    def reduce_piece(self, piece: Piece) -> list[Array]:
        """What a piece's planes of responses are reduced to, (planes of all volumes, ...) of each of `names`."""
        raise NotImplementedError

    # What is common.

    def shape(self) -> tuple[int, ...]:
        """The response's shape."""
        sizes = (len(self.volumes), *self.sizes.outputs, self.n_kernels)
        shape = arranged(sizes, self.sizes.layout.response)
        checked(prod(shape) * self.response.itemsize, "images", f"the bytes of a response of shape {shape}")
        return shape

    def result(self, out: Any) -> Any:
        """What is asked for other than the response."""
        if self.peaks is not None:
            shape = shape_of_peaks(self.sizes.layout, self.n_kernels, self.peaks, len(self.volumes))
            return found_peaks(shape, self.response, out, lambda: self.find(shape), 3)
        return reduced(self.reduction, len(self.volumes), out, lambda _: self.reduce())  # type: ignore[arg-type]

    def respond(self, result: Array, first: int = 0) -> None:
        """The responses (volumes, planes, rows, columns, kernels) of volumes from one on."""
        for piece in self.pieces(first, first + len(result)):
            own = slice(piece.first - first, piece.end - first)
            self.respond_piece(piece, result[own, piece.first_plane : piece.end_plane])

    def respond_planes(self, first_plane: int, end_plane: int) -> Array:
        """The responses (volumes, planes, rows, columns, kernels) of some planes of all volumes."""
        responses = self.new_responses(len(self.volumes), end_plane - first_plane)
        for index in range(len(self.volumes)):
            for piece in self.split(Piece(index, index + 1, first_plane, end_plane)):
                planes = slice(piece.first_plane - first_plane, piece.end_plane - first_plane)
                self.respond_piece(piece, responses[index : index + 1, planes])
        return responses

    def reduce_planes(self, first_plane: int, end_plane: int) -> list[Array]:
        """What some planes of all volumes are reduced to, (volumes, planes, ...) of each of `names`."""
        of_volumes = []
        for index in range(len(self.volumes)):
            pieces = self.split(Piece(index, index + 1, first_plane, end_plane))
            found = zip(*(self.reduce_piece(piece) for piece in pieces), strict=True)
            of_volumes.append([own[0] if len(own) == 1 else np.concatenate(own) for own in found])
        several = zip(*of_volumes, strict=True)
        return [own[0][np.newaxis] if len(own) == 1 else np.stack(own) for own in several]

    def reduce(self) -> list[Array]:
        """What responses are reduced to."""
        reduction: Any = self.reduction
        n_images, results = len(self.volumes), new_results(reduction, len(self.volumes))
        parts: list[list[Array]] = []
        for piece in self.pieces(0, n_images):
            found = self.reduce_piece(piece)
            if reduction.over_kernels:
                for result, own in zip(results, found, strict=True):
                    part = result.reshape(n_images, *reduction.outputs)[piece.first : piece.end]
                    part = part[:, piece.first_plane : piece.end_plane]
                    part[...] = own.reshape(part.shape)
                continue
            counts = piece.counts[0], -1
            parts.append([own.reshape(*counts, *own.shape[1:]) for own in found])
            if piece.end_plane < self.sizes.outputs[0]:
                continue
            joined = {name: np.concatenate(own, axis=1) for name, *own in zip(self.names, *parts, strict=True)}
            parts = []
            for result, own in zip(results, self.merged(joined, piece), strict=True):
                part = result[piece.first : piece.end] if reduction.has_images else result
                part[...] = own.reshape(part.shape)
        return results

    def merged(self, found: dict[str, Array], piece: Piece) -> list[Array]:
        """The results of a piece's volumes from those of their planes."""
        reduction: Any = self.reduction
        first, is_flat = self.sizes.area[0][0], self.is_flat
        known = merged(found, reduction, first, is_flat)
        if known is None:
            totals: list[Any] = [None] * (piece.end - piece.first)
            for index in range(piece.first, piece.end):
                totals[index - piece.first] = self.totals(index, 0, self.sizes.outputs[0])
            known = merged(found, reduction, first, is_flat, np.array(totals, object))
        return known or []

    def totals(self, index: int, first_plane: int, end_plane: int) -> list[int]:
        """The exact sums of some planes' integers, of each kernel."""
        found = [0] * self.n_kernels
        for _, slab in self.slabs(index, (first_plane, end_plane)):
            own = slab.astype(object).sum(axis=(0, 1, 2))
            found = [one + int(other) for one, other in zip(found, own, strict=True)]
        return found

    def find(self, shape: tuple[int, ...]) -> Array:
        """The peaks of all responses: in those of some volumes together, or in some planes of one."""
        peaks: Any = self.peaks
        found = no_peaks(shape, self.response, 3)
        if not found.size or not self.n_kernels:
            return found
        is_possible, words = search_words(peaks, self.response, max(self.sizes.outputs), 3)
        records = found.reshape(len(self.volumes), -1, peaks.k)
        at_once = SLAB_BYTES // (self.sizes.outputs[0] * self.plane_bytes)
        if not at_once:
            what = "their responses of three planes, among which peaks are looked for"
            refuse_too_large("kernels", what, 3 * self.plane_bytes)
        for first in range(0, len(records), max(1, at_once)):
            if at_once:
                own = records[first : first + at_once]
                responses = self.new_responses(len(own), self.sizes.outputs[0])
                self.respond(responses, first)
                find_in_arrays(responses, own, words, self.workers)
                del responses  # before the next ones are there
                continue
            n_planes, n_rows, n_columns = self.sizes.outputs
            size, looked = (n_planes, n_rows, n_columns, self.n_kernels), 0
            finder = _peaks.Finder(size, self.response, peaks.k, *words)
            for above, slab in self.slabs(first, (0, n_planes), beside=2):
                there = above + len(slab)
                end = there if there == n_planes else there - 1
                finder.take(slab, above, looked, end)
                looked = end
            finder.write(records[first])
        return in_whole(found, self.sizes.area) if is_possible else no_peaks(shape, self.response, 3)

    @property
    def plane_bytes(self) -> int:
        """Bytes of the responses of a plane."""
        return prod(self.sizes.outputs[1:]) * self.n_kernels * self.response.itemsize

    def new_responses(self, n_volumes: int, n_planes: int) -> Array:
        """Room for responses (volumes, planes, rows, columns, kernels), in the order in which planes have theirs."""
        of_plane = (*self.sizes.outputs[1:], self.n_kernels)
        if self.sizes.settings.layout != "NCHW":
            return empty((n_volumes, n_planes, *of_plane), self.response)
        rows, columns, kernels = of_plane
        return np.moveaxis(empty((n_volumes, n_planes, kernels, rows, columns), self.response), 2, 4)

    def slabs(self, index: int, planes: tuple[int, int], beside: int = 0) -> Iterator[tuple[int, Array]]:
        """The first plane and the responses (planes, rows, columns, kernels) of some planes of a volume, a few at once.

        In the same memory, in which as many planes stay before the next ones as are asked for.
        """
        (begin, last), there = planes, 0
        n_planes = last - begin
        at_once = n_planes if self.is_flat else min(n_planes, max(1, SLAB_BYTES // self.plane_bytes))
        room = self.new_responses(1, min(at_once + beside, n_planes))
        for first in range(begin, last, at_once):
            kept, end = min(beside, there), min(first + at_once, last)
            room[:, :kept] = room[:, there - kept : there]
            there = kept + end - first
            for piece in self.split(Piece(index, index + 1, first, end)):
                own = slice(kept + piece.first_plane - first, kept + piece.end_plane - first)
                self.respond_piece(piece, room[:, own])
            yield first - kept, room[0, :there]


def planes_inside(sizes: Sizes, piece: Piece) -> bool:
    """Whether a piece sees no padding beside its planes."""
    return sizes.is_flat or bool(sources(sizes, piece).min() >= 0)
