"""The pieces of a prepared object with images of a shape and type, and what keeps these from being cut."""

from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from xcorr import _dispatch
from xcorr._correlator import Correlator
from xcorr._dtypes import check_element
from xcorr._match import Matcher, words_of_sums
from xcorr._pieces import Asked, Pieces, Whole
from xcorr._pieces_of_match import OfMatch
from xcorr._pieces_of_plan import OfPlan
from xcorr._pieces_of_seen import OWN_KERNELS, OfSeen, obstacle_of
from xcorr._pieces_of_volumes import OfVolumes
from xcorr._plan import Plan
from xcorr._prepared_for_some import some_of
from xcorr._reading import axes_in
from xcorr._seen import Operand
from xcorr._volume_call import VolumeCall
from xcorr._volume_match import ScoreCall
from xcorr._volume_run import BankCall

Array = npt.NDArray[Any]


def pieces_of(prepared: Any, shape: tuple[int, ...], dtype: np.dtype[Any]) -> Pieces:
    """The way of a prepared object with images of this shape and type; all errors that a call would raise for them."""
    found = own_pieces(prepared, shape, dtype)
    found.prepared_for = partial(some_of, prepared, shape, found.layout)
    return found


def own_pieces(prepared: Any, shape: tuple[int, ...], dtype: np.dtype[Any]) -> Pieces:
    """The same for parts of images, without what is called with whole ones."""
    check_element("images", dtype)
    images: Any = Operand(shape, dtype)
    if isinstance(prepared, Matcher):
        return pieces_of_matcher(prepared, images)
    if not isinstance(prepared, Correlator):
        raise TypeError(f"prepared: got {type(prepared).__name__}; allowed are a Correlator and a Matcher")
    settings, level = prepared._settings, _dispatch.current()
    if axes_in(settings.layout) == 3:
        return of_volumes(prepared, images)
    if prepared._mask is not None or settings.normalize:
        return of_seen(prepared, images, prepared._mask)
    if settings.pairwise:
        plan = prepared._pairs_of((level, shape, dtype), images).plan
        return whole(shape, plan, Asked(plan.types.response, plan.reduction, plan.peaks), OWN_KERNELS)
    return OfPlan(shape, *prepared._prepare(images), prepared._fill_value)


def whole(shape: tuple[int, ...], plan: Plan, asked: Asked, obstacle: str) -> Pieces:
    """Images that are not cut, and why."""
    outputs = tuple(count for _, count in plan.area)
    found = Whole(shape, plan.layout, plan.geometry.n_kernels, outputs, asked)
    found.obstacle = obstacle
    return found


def of_seen(prepared: Correlator, images: Operand, mask: Any, known: bool = True) -> Pieces:
    """The same of images that are not seen everywhere, or whose sums are divided by shares.

    A mask that is not `known` has its shape and type, and comes with the pixels.
    """
    bank = prepared._seen_bank(_dispatch.current())
    plan, seen = bank.plan(images, mask)
    obstacle = obstacle_of(bank, seen, known)
    if obstacle:
        bank.respond_for(images, plan, seen)  # or it is refused
        return whole(images.shape, plan.sums, Asked(plan.types.response, plan.reduction, plan.peaks), obstacle)
    return OfSeen(images.shape, bank, plan, seen)


def pieces_of_matcher(prepared: Matcher, images: Any) -> Pieces:
    """The same of templates."""
    if axes_in(prepared._scoring.settings.layout) == 3:
        return of_scored_volumes(prepared, images)
    plan = prepared._plan(images)
    plain = prepared._plain(plan)
    if plain is not None:
        return pieces_of(plain, images.shape, images.dtype)
    found = OfMatch(prepared, images.shape, plan, images.dtype)
    if prepared._scoring.settings.pairwise:
        found.obstacle = "each image has its own templates"
    return found


def of_volumes(prepared: Correlator, images: Operand) -> Pieces:
    """The same of a bank for volumes."""
    bank = prepared._volume_bank(_dispatch.current())
    plan = bank.plan(images, prepared._mask)
    bank.own_bias(plan)

    def call(pixels: Array, workers: Any) -> VolumeCall:
        return BankCall(bank, plan, pixels, prepared._mask, workers)

    asked = Asked(plan.types.response, plan.reduction, plan.peaks)
    found = OfVolumes(images.shape, plan.sizes, asked, call)
    if found.n_images:
        call(stand_in(images), 1)  # or what a call refuses is refused
    if isinstance(prepared._mask, np.ndarray):
        found.obstacle = "it has a mask"
    elif bank.settings.pairwise:
        found.obstacle = "each volume has its own kernels"
    return found


def of_scored_volumes(prepared: Matcher, images: Operand, mask: Any = None) -> Pieces:
    """The same of templates for volumes; with a mask these are not cut."""
    match = prepared._volume_match()
    plan = match.plan(stand_in(images), mask)
    if plan.are_sums:
        sums = Correlator(match.templates, **words_of_sums(plan.scoring, plan.plan))
        return of_volumes(sums, images)

    def call(pixels: Array, workers: Any) -> VolumeCall:
        return ScoreCall(match, plan, pixels, None, workers)

    asked = Asked(plan.plan.response, plan.reduction, plan.peaks)
    found = OfVolumes(images.shape, plan.sizes, asked, call)
    if found.n_images:
        call(stand_in(images), 1)
    if mask is not None:
        found.obstacle = "it has a mask"
    elif match.scoring.settings.pairwise:
        found.obstacle = "each volume has its own templates"
    return found


def stand_in(operand: Operand) -> Array:
    """An array of a shape and a type without memory of its own."""
    return np.broadcast_to(np.zeros((), operand.dtype), operand.shape)
