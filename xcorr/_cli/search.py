"""How the images of a file meet templates: channels, sizes, scores and their peaks, in parts that fit the memory."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from xcorr._cli.images import ImageError, Images
from xcorr._cli.respond import brightness, scaled
from xcorr._cli.responses import PART_BYTES
from xcorr._cli.template_files import Template, alpha_shares
from xcorr._match import Matcher
from xcorr._matching import DISTANCES, MatchPlan, read_scoring
from xcorr.peaks import Peaks

__all__ = ["COLOURS", "Group", "Match", "Part", "Search", "groups_of"]

Array = NDArray[Any]

COLOURS = ("all", "grey")
"""What counts of colours: every channel where images and templates have the same ones, or their brightness."""


class Group(NamedTuple):
    """Templates of one shape: their numbers among all, their pixels (K, ...) and masks (K, kh, kw)."""

    numbers: list[int]
    pixels: Array
    masks: Array | None

    @property
    def name(self) -> str:
        """The shape."""
        return "x".join(map(str, self.pixels.shape[1:]))


class Match(NamedTuple):
    """A place where a template was found, in pixels of the image: of the template's top left corner, and its size."""

    template: int
    score: float
    row: int
    column: int
    height: int
    width: int
    sub_row: float
    sub_column: float


class Part(NamedTuple):
    """Some images of a file: the images, the score maps (n, rows, columns, K) of each group, and each one's matches."""

    images: Array
    scores: list[Array]
    matches: list[list[Match]]


@dataclass(frozen=True)
class Search:
    """Templates, and how they are looked for.

    Parameters
    ----------
    groups : list of Group
        The templates.
    channels : {"all", "grey"}
        What counts of colours, one of `COLOURS`.
    scale : {None, "unit"}
        Whether integers stand for 0 to 1.
    keywords : dict
        Keywords of `Matcher` but `layout` and `template_mask`.
    peaks : dict
        Keywords of `Peaks`; a `min_distance` of None is half of a template's shorter side.
    mask : {None, "finite", "alpha"} or ndarray
        What counts of images.
    with_maps : bool
        Whether score maps are kept.
    workers : int or None
        Threads.
    """

    groups: list[Group]
    channels: str
    scale: str | None
    keywords: dict[str, Any]
    peaks: dict[str, Any]
    mask: str | Array | None
    with_maps: bool
    workers: int | None = None
    matchers: dict[tuple[Any, ...], Matcher] = field(default_factory=dict, compare=False, repr=False)

    def parts(self, images: Images, whole: Images) -> Iterator[Part]:
        """Look through some images of a file after the other; `whole` are the same with their alpha channel.

        Raises
        ------
        ImageError
            Images and templates do not go together.
        """
        try:
            plans = [self.plan(group, images) for group in self.groups]
            n_bytes = [max(1, math.prod(plan.sizes) * plan.response.itemsize) for plan in plans]
            at_once = max(1, PART_BYTES // max(n_bytes))
            for first in range(0, max(1, images.n_images), at_once):
                end = min(first + at_once, images.n_images)
                yield self.part(images.read(first, end), self.mask_of(images, whole, first, end), plans)
        except (TypeError, ValueError, OverflowError, MemoryError) as error:
            raise ImageError(str(error)) from error

    def plan(self, group: Group, images: Images) -> MatchPlan:
        """Return the plan of a group with one image of a file."""
        one = np.broadcast_to(np.zeros((), images.dtype), (0, *images.shape))
        prepared, pixels, layout = self.pair(one, group)
        is_masked = self.mask is not None or group.masks is not None
        scoring = read_scoring({**self.keywords, "layout": layout})
        return MatchPlan(scoring, (1, *prepared.shape[1:]), prepared.dtype, pixels.shape, pixels.dtype, is_masked)

    def part(self, batch: Array, mask: Any, plans: Sequence[MatchPlan]) -> Part:
        """Look for all templates in some images."""
        maps: list[Array] = []
        matches: list[list[Match]] = [[] for _ in batch]
        for index, plan in enumerate(plans):
            group = self.groups[index]
            for first, end in self.kernels_at_once(plan):
                scores = self.scores(batch, mask, index, first, end)
                if self.with_maps:
                    maps.append(scores)
                for of_image, records in zip(matches, self.records(scores, plan), strict=True):
                    of_image += matches_of(records, group.numbers[first:end], plan)
        if self.peaks["per"] == "kernel":
            matches = [sorted(of_image, key=lambda match: match.template) for of_image in matches]
        return Part(batch, maps, matches)

    def kernels_at_once(self, plan: MatchPlan) -> Iterator[tuple[int, int]]:
        """Give the templates whose maps are made at once: all of which maps or common peaks are asked for."""
        n_kernels, itemsize = plan.n_responses, plan.response.itemsize
        at_once = max(1, n_kernels)
        if not self.with_maps and self.peaks["per"] == "kernel":
            at_once = max(1, PART_BYTES // max(1, math.prod(plan.sizes[:3]) * itemsize))
        for first in range(0, n_kernels, at_once):
            yield first, min(first + at_once, n_kernels)

    def scores(self, batch: Array, mask: Any, index: int, first: int, end: int) -> Array:
        """Return the score maps (n, rows, columns, K) of templates [first, end) of a group."""
        group = self.groups[index]
        images, pixels, layout = self.pair(batch, group)
        key = index, first, end, layout
        matcher = self.matchers.get(key)
        if matcher is None:
            own = None if group.masks is None else group.masks[first:end]
            matcher = Matcher(pixels[first:end], layout=layout, template_mask=own, **self.keywords)
            self.matchers[key] = matcher
        scores: Array = matcher(images, mask=mask, workers=self.workers)
        return scores

    def pair(self, batch: Array, group: Group) -> tuple[Array, Array, Literal["NHW", "NHWC"]]:
        """Return images and templates as they are compared, and their layout."""
        images, pixels = scaled(batch) if self.scale else batch, group.pixels
        if images.ndim == pixels.ndim == 4 and images.shape[3] == pixels.shape[3] and self.channels == "all":
            return images, pixels, "NHWC"
        return grey(images), grey(pixels), "NHW"

    def mask_of(self, images: Images, whole: Images, first: int, end: int) -> Any:
        """Return what counts of images [first, end)."""
        return (
            alpha_shares(images, whole, first, end)
            if isinstance(self.mask, str) and self.mask == "alpha"
            else self.mask
        )

    def records(self, scores: Array, plan: MatchPlan) -> Array:
        """Return the peaks of each image, (n, any number), the best ones of each map or of all."""
        distance = self.peaks["min_distance"]
        if distance is None:
            shorter = min(axis.effective for axis in plan.geometry.axes)
            distance = max(1, shorter // 2 // max(axis.stride for axis in plan.geometry.axes))
        largest = plan.scoring.score not in DISTANCES
        peaks = Peaks(**{**self.peaks, "min_distance": distance, "largest": largest})
        found = peaks(scores, "NHWC")
        return found.reshape(len(scores), math.prod(found.shape[1:]))


def grey(array: Array) -> Array:
    """Return images or templates (n, H, W) without channels: their only one, or their brightness."""
    return array if array.ndim == 3 else array[..., 0] if array.shape[3] == 1 else brightness(array)


def groups_of(templates: Sequence[Template], scale: str | None) -> list[Group]:
    """Put templates of one shape together, groups in the order of their first ones; integers as `scale` says."""
    numbers: dict[tuple[int, ...], list[int]] = {}
    for number, template in enumerate(templates):
        numbers.setdefault(template.pixels.shape, []).append(number)
    return [
        Group(
            own,
            np.stack([scaled(templates[number].pixels) if scale else templates[number].pixels for number in own]),
            masks_together([templates[number].mask for number in own], shape),
        )
        for shape, own in numbers.items()
    ]


def masks_together(masks: Sequence[Array | None], shape: tuple[int, ...]) -> Array | None:
    """Return the masks of templates of one shape, None if everything counts."""
    if all(mask is None for mask in masks):
        return None
    return np.stack([np.ones(shape[:2]) if mask is None else mask.astype(np.float64) for mask in masks])


def matches_of(records: Array, numbers: Sequence[int], plan: MatchPlan) -> list[Match]:
    """Return the places of one image's peaks in its pixels; a score that is infinite is undefined, and none."""
    rows, columns = plan.geometry.axes
    return [
        Match(
            numbers[int(record["kernel"])],
            number_of(record["score"]),
            int(record["row"]) * rows.stride - rows.before,
            int(record["column"]) * columns.stride - columns.before,
            rows.effective,
            columns.effective,
            float(record["sub_row"]) * rows.stride - rows.before,
            float(record["sub_column"]) * columns.stride - columns.before,
        )
        for record in records
        if record["kernel"] >= 0 and np.isfinite(record["score"])
    ]


def number_of(score: Any) -> float:
    """Return a score as the shortest number that is it."""
    return int(score) if score.dtype.kind in "iu" else float(str(score))
