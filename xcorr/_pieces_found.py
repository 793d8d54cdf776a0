"""The pieces of a prepared object with images of a shape and type, and what keeps these from being cut."""

from typing import Any

import numpy as np

from xcorr import _dispatch
from xcorr._correlator import Correlator
from xcorr._dtypes import check_element
from xcorr._match import Matcher
from xcorr._pieces import Pieces, Whole
from xcorr._pieces_of_match import OfMatch
from xcorr._pieces_of_plan import OfPlan
from xcorr._reading import axes_in
from xcorr._seen import Operand


def pieces_of(prepared: Any, shape: tuple[int, ...], dtype: np.dtype[Any]) -> Pieces:
    """The way of a prepared object with images of this shape and type; all errors that a call would raise for them."""
    check_element("images", dtype)
    images: Any = Operand(shape, dtype)
    if isinstance(prepared, Matcher):
        return pieces_of_matcher(prepared, images)
    if not isinstance(prepared, Correlator):
        raise TypeError(f"prepared: got {type(prepared).__name__}; allowed are a Correlator and a Matcher")
    settings, level = prepared._settings, _dispatch.current()
    if axes_in(settings.layout) == 3:
        volumes = prepared._volume_bank(level).plan(images, prepared._mask)
        return of_volumes(prepared, shape, volumes, volumes.types.response)
    if prepared._mask is not None or settings.normalize:
        seen, _ = prepared._seen_bank(level).plan(images, prepared._mask)
        found: Pieces = Whole(prepared, shape, seen.sums.layout, seen.sums.geometry.n_kernels, (
            tuple(count for _, count in seen.sums.area),
            seen.types.response, seen.reduction, seen.peaks,
        ))  # fmt: skip
        found.obstacle = "it has a mask, or is normalized"
        return found
    if settings.pairwise:
        plan = prepared._pairs_of((level, shape, dtype), images).plan
        found = Whole(prepared, shape, plan.layout, plan.geometry.n_kernels, (
            tuple(count for _, count in plan.area),
            plan.types.response, plan.reduction, plan.peaks,
        ))  # fmt: skip
        found.obstacle = "each image has its own kernels"
        return found
    return OfPlan(prepared, shape, *prepared._prepare(images))


def pieces_of_matcher(prepared: Matcher, images: Any) -> Pieces:
    """The same of templates."""
    if axes_in(prepared._scoring.settings.layout) == 3:
        volumes = prepared._volume_match().plan(np.broadcast_to(np.empty((), images.dtype), images.shape), None)
        return of_volumes(prepared, images.shape, volumes, volumes.plan.response)
    plan = prepared._plan(images)
    plain = prepared._plain(plan)
    if plain is not None:
        return pieces_of(plain, images.shape, images.dtype)
    found = OfMatch(prepared, images.shape, plan, images.dtype)
    if prepared._scoring.settings.pairwise:
        found.obstacle = "each image has its own templates"
    return found


def of_volumes(prepared: Any, shape: tuple[int, ...], volumes: Any, response: np.dtype[Any]) -> Pieces:
    """Volumes, which are not cut."""
    sizes = volumes.sizes
    found = Whole(prepared, shape, sizes.layout, sizes.geometry.n_kernels, (
        sizes.outputs, response, volumes.reduction, volumes.peaks,
    ))  # fmt: skip
    found.obstacle = "it is a volume"
    return found
