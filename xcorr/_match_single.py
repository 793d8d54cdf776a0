"""Scores in float32 of areas whose windows are measured in one pass over the pixels.

Errors of that pass are shares of an area's brightest window. Where they may be too large, or those of the products even
in float64, all is done as `_match_floats` does.
"""

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from xcorr._areas import Area
from xcorr._engine import go_on
from xcorr._match_call import DOUBLE, Call, Like, Part, Staged
from xcorr._match_errors import (
    OF_PRODUCTS,
    OF_SPREADS,
    SINGLE,
    UNITS,
    KnownBrightness,
    One,
    needed,
    needed_of_sliding_sums,
    relative_error,
    windows_hold_all,
)
from xcorr._match_unknown import Operand, mark_unknown
from xcorr._matching import CENTRED
from xcorr._memory import empty
from xcorr._methods.asked import Scaling
from xcorr._scores import inverse_roots_of

Array = npt.NDArray[Any]
Doubles = npt.NDArray[np.float64]

NOTHING = np.empty((1, 0, 0))

LARGEST = 2.0**90
"""The sum of squares of an area from which on its pixels may be no numbers of float32, or not be finite."""


MOST_EXPONENT = 60
"""Powers of two that float32 multiplies a covariance by at once, of each of image and template, have at most this."""


class Single(NamedTuple):
    """An area of some images: their pixels in the type of the products, and the inverse roots of windows' spreads."""

    planes: Array
    roots: Array  # (images, rows, columns); of a covariance what pixels were divided by, within MOST_EXPONENT
    exponents: list[int]  # of the powers of two that pixels were divided by


def may_be_single(call: Call, dtype: np.dtype[Any]) -> bool:
    """Whether windows may be measured so for products of this type, from what is known of a call alone."""
    return dtype == SINGLE and call.plan.scoring.score in ("zncc", "ncc", "covariance") and windows_hold_all(call)


def measured_at_once(
    call: Call, area: Area, part: Part, pixels: Staged, target: Array
) -> tuple[Array, Array, list[str]]:
    """All images of an area in float32, their inverse roots, and the type that holds the products; "" for neither."""
    planes = pixels.planes(SINGLE)
    roots = empty((len(planes), *area.counts), SINGLE)
    kinds: list[str] = []
    for image, of_image in enumerate(planes):
        go_on()
        known = KnownBrightness(0, 0)
        one = One(call, area, part, pixels, image, of_image, NOTHING, NOTHING[0], known)
        types = (SINGLE, DOUBLE) if pixels.bad is None or not pixels.bad[image].any() else ()
        holding = (dtype.char for dtype in types if does_hold(one, roots[image], target[:1], dtype))
        kinds.append(next(holding, ""))
        if call.plan.scoring.score == "covariance":
            roots[image] = np.ldexp(1.0, np.clip(pixels.exponent(image), -MOST_EXPONENT, MOST_EXPONENT))
    return planes, roots, kinds


def does_hold(one: One, roots: Array, target: Array, dtype: np.dtype[Any]) -> bool:
    """Whether all windows of an image have the spread that products of this type need; writes their inverse roots."""
    call, kernels = one.call, one.kernels
    plan = call.plan_of(Like((1, *one.planes.shape), dtype), kernels, target)
    tolerance = call.plan.tolerance
    relative = relative_error(plan, kernels[0].size, UNITS[dtype.char], OF_PRODUCTS * tolerance)
    relative = max(relative, (2 * UNITS["f"] / (OF_SPREADS * tolerance)) ** 2)
    height, width = call.templates.taps
    share = 1 / (height * width) if one.centred else 0.0
    stride = call.plan.settings.stride
    total, largest, least = inverse_roots_of(call.level, one.planes, (height, width), stride, share, relative, roots)
    if not total < LARGEST:
        return False
    one = one._replace(brightness=KnownBrightness(total, largest / (height * width)))
    _, of_products = needed(one, target, dtype)
    return bool(least > max(of_products, needed_of_sliding_sums(one, largest)))


def score_single(call: Call, part: Part, single: Single, target: Array) -> None:
    """The scores of an area of some images, in `target` (images, kernels, rows, columns) of float32."""
    templates, scoring = call.templates, call.plan.scoring
    centred = scoring.score in CENTRED
    own = templates.spread if centred else templates.norm
    roots = single.roots[:, part.places[0], part.places[1]]
    divides = scoring.score != "covariance"
    if divides:
        factors = np.divide(1, np.sqrt(own), out=np.zeros(len(own)), where=own > 0)
        scaling = Scaling(call.level, roots, factors, 1.0)
    else:
        factors = np.ldexp(1.0, np.clip(templates.own_exponents, -MOST_EXPONENT, MOST_EXPONENT))
        scaling = Scaling(call.level, roots, factors)
    name = "centred taps" if centred else "taps"
    call.products(single.planes, name, multiplied(call), target, part, scaling=scaling)
    if not divides:
        beyond_float32(single.exponents, templates.own_exponents, target)
    flat = templates.flat if centred else templates.norm == 0
    if flat.any():
        target[:, flat] = scoring.undefined
    for image, scores in enumerate(target):
        for index in np.flatnonzero(templates.unknown):
            planes = single.planes[image]
            pixels = Operand(planes, np.zeros(planes.shape, np.uint8), np.ones(planes.shape, np.bool_))
            taps = Operand(templates.values[index], templates.bad_taps[index], templates.counts[index] > 0)
            mark_unknown(call, part, pixels, taps, scores[index])


def beyond_float32(of_images: list[int], of_templates: Array, target: Array) -> None:
    """Covariances times the powers of two that are left where an exponent is not within MOST_EXPONENT."""
    exponents = np.add.outer(of_images, of_templates)
    at_once = np.add.outer(*(np.clip(one, -MOST_EXPONENT, MOST_EXPONENT) for one in (of_images, of_templates)))
    for image, kernel in np.argwhere(exponents != at_once):
        scores = target[image, kernel]
        np.ldexp(scores, exponents[image, kernel] - at_once[image, kernel], out=scores)


def multiplied(call: Call) -> Doubles:
    """The templates as they are multiplied."""
    return call.templates.centred if call.plan.scoring.score in CENTRED else call.templates.values
