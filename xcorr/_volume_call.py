"""One call with volumes: pieces of them one after the other, and what becomes of their responses or scores."""

from collections.abc import Iterator
from math import prod
from typing import Any

import numpy as np
import numpy.typing as npt

from xcorr import _workers
from xcorr._arrays import in_order
from xcorr._layouts import arranged
from xcorr._masks import canonical_mask
from xcorr._memory import empty
from xcorr._reading import checked
from xcorr._reduce import new_results
from xcorr._reduce_peaks import shape_of_peaks
from xcorr._reduction import Reduction
from xcorr._run import found_peaks, reduced
from xcorr._volume_peaks import find_in_slabs
from xcorr._volume_reduce import merged
from xcorr._volumes import Piece, Sizes, sources
from xcorr._workers import refuse_too_large
from xcorr.peaks import Peaks, no_peaks

Array = npt.NDArray[Any]

SLAB_BYTES = 2**25
"""Bytes of the responses that peaks are looked for in at once, if one plane has not more; not tuned."""


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

    @property
    def n_kernels(self) -> int:
        """The kernels of each volume's response."""
        return self.sizes.geometry.n_kernels

    # What a way of responding says for itself.

    def pieces(self) -> Iterator[Piece]:
        """The pieces of all volumes, one after the other."""
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

    def respond(self, result: Array) -> None:
        """All responses, (volumes, planes, rows, columns, kernels)."""
        for piece in self.pieces():
            self.respond_piece(piece, result[piece.first : piece.end, piece.first_plane : piece.end_plane])

    def reduce(self) -> list[Array]:
        """What responses are reduced to."""
        reduction: Any = self.reduction
        n_images, results = len(self.volumes), new_results(reduction, len(self.volumes))
        parts: list[list[Array]] = []
        for piece in self.pieces():
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
            totals = [[0] * self.n_kernels for _ in range(piece.first, piece.end)]
            for index in range(piece.first, piece.end):
                for _, slab in self.slabs(index):
                    own = slab.astype(object).sum(axis=(0, 1, 2))
                    totals[index - piece.first] = [one + int(other) for one, other in zip(
                        totals[index - piece.first], own, strict=True)]  # fmt: skip
            known = merged(found, reduction, first, is_flat, np.array(totals, object))
        return known or []

    def find(self, shape: tuple[int, ...]) -> Array:
        """The peaks of all responses."""
        peaks: Any = self.peaks
        found = no_peaks(shape, self.response, 3)
        if not found.size or not self.n_kernels:
            return found
        of_plane = prod(self.sizes.outputs[1:]) * self.n_kernels * self.response.itemsize
        refuse_too_large("kernels", "their responses of three planes, among which peaks are looked for", 3 * of_plane)
        records = found.reshape(len(self.volumes), -1, peaks.k)
        for index in range(len(self.volumes)):
            find_in_slabs(self.slabs(index), peaks, records[index], self.sizes.outputs)
            there = records[index]["kernel"] >= 0
            for name, (first, _) in zip(("depth", "row", "column"), self.sizes.area, strict=True):
                records[index][name][there] += first
                records[index]["sub_" + name][there] += first
        return found

    def slabs(self, index: int) -> Iterator[tuple[int, Array]]:
        """The first plane and the responses (planes, rows, columns, kernels) of one volume, some planes at a time."""
        n_planes, *others = self.sizes.outputs
        sizes = (*others, self.n_kernels)
        at_once = max(1, SLAB_BYTES // (prod(sizes) * self.response.itemsize))
        at_once = n_planes if self.is_flat else at_once
        for first in range(0, n_planes, at_once):
            end = min(first + at_once, n_planes)
            slab: Array = empty((end - first, *sizes), self.response)
            for piece in self.split(Piece(index, index + 1, first, end)):
                self.respond_piece(piece, slab[np.newaxis, piece.first_plane - first : piece.end_plane - first])
            yield first, slab
            del slab  # before the next one is there


def planes_inside(sizes: Sizes, piece: Piece) -> bool:
    """Whether a piece sees no padding beside its planes."""
    return sizes.is_flat or bool(sources(sizes, piece).min() >= 0)
