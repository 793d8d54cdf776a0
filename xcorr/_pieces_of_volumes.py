"""Pieces of volumes: some planes of responses or of scores, of the planes that they reach."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from xcorr._axes import Span
from xcorr._pieces import Asked, Pieces, arranged_map
from xcorr._reads import Extent, Reads, runs_of
from xcorr._volume_call import VolumeCall
from xcorr._volume_reduce import EXACT_MEAN, merged
from xcorr._volumes import Piece, Sizes, sources

Array = npt.NDArray[Any]
Call = Callable[[Array, Any], VolumeCall]  # of the pixels that are there, and the workers


class OfPlanes(NamedTuple):
    """What planes of responses are reduced to over positions.

    Arrays (volumes, planes, kernels, ...) by their names, and the exact sums (volumes, kernels) of whole numbers of
    which a mean is asked, as Python's integers.
    """

    found: dict[str, Array]
    totals: Array | None

    def joined(self, others: "list[OfPlanes]") -> "OfPlanes":
        """What these planes and the next ones are reduced to."""
        found = {name: np.concatenate([own, *(other.found[name] for other in others)], axis=1)
                 for name, own in self.found.items()}  # fmt: skip
        totals = [other.totals for other in others if other.totals is not None]
        return OfPlanes(found, None if self.totals is None else sum(totals, self.totals))


class OfVolumes(Pieces):
    """Responses or scores of volumes, which are cut along planes alone: an area is of planes and of all rows.

    What a call plans for the volumes is what it plans for pieces of them, so that their bits are those of one call.
    """

    whole_rows = True
    words = "planes", "rows"

    def __init__(self, shape: tuple[int, ...], sizes: Sizes, asked: Asked, call: Call) -> None:
        super().__init__(shape, sizes.layout, sizes.geometry.n_kernels, sizes.outputs, asked)
        self.sizes, self.call = sizes, call
        self.axes, self.axes_cut = sizes.layout.images[1:3], sizes.geometry.axes[:2]
        self.outputs, self.n_beside = sizes.outputs[:2], sizes.outputs[2]
        if sizes.is_flat:
            self.obstacle = "its planes are the rows of one image"
        elif self.outputs[0] == 1:
            self.obstacle = "it has one plane of responses"

    def planes(self, area: Span) -> npt.NDArray[np.intp]:
        """The planes that a part reaches, in order; one where all that it sees is padding."""
        (first, count), _ = area
        reached = sources(self.sizes, Piece(0, 1, first, first + count))
        return np.unique(reached[reached >= 0]) if (reached >= 0).any() else np.zeros(1, np.intp)

    def reads(self, area: Span) -> tuple[Reads, ...]:
        planes, n_rows = self.planes(area), self.axes_cut[1].length
        slices = tuple(slice(first, last + 1) for first, last in runs_of(planes, 1))
        rows = Reads((slice(0, n_rows),), None, 0, n_rows)
        return Reads(slices, None, int(planes[0]), len(planes)), rows

    def extents(self, area: Span) -> tuple[Extent, ...]:
        planes, rows = self.reads(area)
        return Extent(planes.n_read, planes.length, len(planes.slices) > 1), Extent(rows.length, rows.length, False)

    def wanted(self) -> tuple[tuple[int, int], ...]:
        return self.sizes.area

    def respond(
        self, pixels: Array, area: Span, workers: Any, largest: float | None = None, first: int = 0, mask: Any = None
    ) -> Any:
        """The responses (volumes, planes, rows, columns, kernels) at an area, or what planes are reduced to.

        Over kernels these are arrays (volumes, planes, rows, columns).
        """
        call = self.call(pixels, workers)
        call.take_planes(self.planes(area))
        first, end = area[0][0], sum(area[0])
        if self.reduction is None:
            return call.respond_planes(first, end)
        found = call.reduce_planes(first, end)
        if not self.reduction.over_kernels:
            return OfPlanes(dict(zip(call.names, found, strict=True)), self.totals(call, found, first, end))
        outputs = len(call.volumes), end - first, *self.sizes.outputs[1:]
        return [own.reshape(outputs) for own in found]

    def totals(self, call: VolumeCall, found: list[Array], first: int, end: int) -> Array | None:
        """The exact sums of planes of whole numbers, where a mean is asked."""
        if "mean" not in call.names or self.response.kind not in "iu":
            return None
        sums = found[call.names.index("mean")] * (self.outputs[1] * self.n_beside)
        if np.abs(sums).max(initial=0) < EXACT_MEAN:
            return np.asarray(np.rint(sums).astype(np.int64).astype(object).sum(axis=1))
        return np.array([call.totals(index, first, end) for index in range(len(sums))], object)

    def merged(self, parts: list[OfPlanes]) -> list[Array]:
        """The results over positions of volumes whose planes are all there."""
        reduction, (found, totals) = self.reduction, parts[0].joined(parts[1:])
        assert reduction is not None
        first = self.sizes.area[0][0]
        known = merged(found, reduction, first, is_flat=False)
        return (merged(found, reduction, first, False, totals) or []) if known is None else known

    def as_results(self, responses: Any, area: Span) -> list[Array]:
        if self.reduction is None:
            return super().as_results(responses, area)
        return [arranged_map(own, result) for own, result in zip(responses, self.results, strict=True)]
