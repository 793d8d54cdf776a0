"""Scores of all shifts of images by phase, and by the correlation of circles, in the frequency domain.

The shift s is one that is applied to moving, so that a score is made of the sum over y of reference(y) moving(y - s):
its transform is the reference's times the conjugate of moving's.
"""

from math import log2, prod
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from xcorr._cache import remembered
from xcorr._shift_axes import Along
from xcorr._shift_lanes import Pairs
from xcorr._shift_sides import Side

Array = npt.NDArray[Any]
Doubles = npt.NDArray[np.float64]
Axes = tuple[Along, ...]

SAME = {4: 3 / 16, 8: 8}
"""Parts of what sums may err by within which scores are the same, by the bytes of a float.

In float32 that is one and a half of the stated bound, of which errors are seldom half, so that what leads by twice the
bound is the best. Of 1,440 pairs of stripes, which have as many best shifts as pixels, one bound told two apart, this
none. In float64 so small a lead is none, and sums of what is in common may be small.
"""


class Maps(NamedTuple):
    """Scores of the shifts of some pairs, -inf where there is none."""

    scores: Array  # (pairs, shifts along each axis)
    spectra: Any  # what the scores of a circle are the transform of, if they are asked for
    norms: Doubles  # (pairs,), by which that is divided


@remembered(64)
def error_of(lengths: tuple[int, ...], dtype: np.dtype[Any]) -> float:
    """What a sum by transforms of these lengths may err by, as a share of the norms of what is multiplied."""
    return 2 * log2(max(2, prod(lengths))) * float(np.finfo(dtype).eps)


def lead_of(lengths: tuple[int, ...], dtype: np.dtype[Any]) -> float:
    """What the best score has to lead by so that it is not the same as others."""
    return error_of(lengths, dtype) * SAME[dtype.itemsize]


def along(numbers: Array, n_axes: int) -> Array:
    """A number for each pair as it is broadcast over a map."""
    return numbers.reshape(-1, *[1] * n_axes)


def add_product(
    total: Any, reference: Side, moving: Side, what: tuple[str, str], channel: int, lets_go: bool = False
) -> Array:
    """Adds the spectra of the sums of products of planes to a total, which may be None before.

    Without one, it takes the place of a side's, if it may. Sides may be told to let go of pixels that are transformed.
    """
    spectra = []
    for side, own in zip((reference, moving), what, strict=True):
        spectra.append(side.spectrum(own, channel))
        if lets_go:
            side.let_go()
    a, b = spectra
    del spectra
    if total is not None:
        reference.transforms.add_product(a, b, total, reference.n_workers)
        return np.asarray(total)
    into = None
    if not moving.is_kept and len(b) >= len(a):
        into = b
    elif not reference.is_kept and len(a) >= len(b):
        into = a
    return reference.transforms.multiply(a, b, into, reference.n_workers)


def norms_of(reference: Side, moving: Side, axes: Axes) -> Doubles:
    """What sums by transforms are divided by to be coefficients of correlation."""
    return np.asarray(prod(axis.length for axis in axes) * np.sqrt(reference.energy()) * np.sqrt(moving.energy()))


def circular_maps(reference: Side, moving: Side, axes: Axes, is_phase: bool, keeps: bool) -> Maps:
    """Scores by phase, or by the correlation of images that go on at their other edges, where all pixels count."""
    transforms = reference.transforms
    if reference.in_lanes is not None and not keeps:
        return window_maps(reference, moving, axes, is_phase)
    norms = None if is_phase else norms_of(reference, moving, axes)
    spectra: Any = None
    for channel in range(reference.n_channels):
        is_last = channel == reference.n_channels - 1
        spectra = add_product(spectra, reference, moving, ("pixels", "pixels"), channel, is_last)
    if norms is None:
        norms = transforms.phases(spectra)
    else:
        transforms.drop_means(spectra)
    known = np.broadcast_to(reference.known & moving.known & (norms > 0), len(spectra))
    norms = np.where(known, norms, 1)
    kept = spectra.copy() if keeps else None
    scores = transforms.backward(spectra, [axis.wanted() for axis in axes], 1 / norms, reference.n_workers)
    if not known.all():
        scores[~known] = -np.inf
    return Maps(scores, kept, norms)


def window_maps(reference: Side, moving: Side, axes: Axes, is_phase: bool) -> Maps:
    """The same of pairs of windows."""
    assert reference.in_lanes is not None
    pairs = Pairs(reference.in_lanes, reference.windowed(), moving.windowed())
    scores = pairs.scores(axes, is_phase)
    scores[~(reference.known & moving.known & (pairs.norms > 0))] = -np.inf
    return Maps(scores, None, pairs.norms)
