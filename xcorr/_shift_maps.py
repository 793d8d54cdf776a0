"""Scores of all shifts of images: by phase, circular, and over what both images see, in the frequency domain.

The shift s is one that is applied to moving, so that a score is made of the sum over y of reference(y) moving(y - s):
its transform is the reference's times the conjugate of moving's. Sums over what both see are six such sums
(Padfield, IEEE Trans. Image Process. 21, 2012), of which five are sums of boxes where no mask says otherwise.
"""

from math import log2, prod
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from xcorr._shift_axes import SLACK, Along
from xcorr._staged_planes import Planes
from xcorr._transforms import backward, forward

Array = npt.NDArray[Any]
Doubles = npt.NDArray[np.float64]
Axes = tuple[Along, ...]

CERTAIN = 64
"""How many times what rounding may make of it a variance is that a score is divided by."""


class Maps(NamedTuple):
    """Scores of the shifts of some pairs, -inf where there is none."""

    scores: Array  # (pairs, shifts along each axis)
    spectra: Any  # what the scores of a circle are the transform of, if they are asked for
    norms: Doubles  # (pairs,), by which that is divided


class Side(NamedTuple):
    """One of both operands, and its transforms (images, channels, frequencies)."""

    planes: Planes
    spectra: tuple[Array, ...]  # of the pixels, or of what counts, of the pixels and of their squares

    def some(self, first: int, end: int) -> "Side":
        """The side of some images; one image goes with all."""
        if len(self.planes.known) == 1:
            return self
        return Side(
            self.planes.some(first, end), tuple(one if len(one) == 1 else one[first:end] for one in self.spectra)
        )


def transformed(planes: Planes, axes: Axes, is_masked: bool, n_workers: int) -> Side:
    """An operand with its transforms, those of a mask's too if one of both has a mask."""
    lengths = [axis.length for axis in axes]
    if not is_masked:
        return Side(planes, (forward(planes.values, lengths, n_workers),))
    shares, seen, squares = seen_of(planes)
    return Side(planes, tuple(forward(one, lengths, n_workers) for one in (shares, seen, squares)))


def seen_of(planes: Planes) -> tuple[Array, Array, Array]:
    """What counts, and the pixels and their squares times it."""
    shares = planes.shares
    if shares is None:
        shares = np.ones((1, 1, *planes.values.shape[2:]))
    seen = planes.values * shares
    return shares, seen, seen * planes.values


def error_of(axes: Axes, dtype: np.dtype[Any]) -> float:
    """What a sum by transforms may err by, as a share of the norms of what is multiplied."""
    return 2 * log2(max(2, prod(axis.length for axis in axes))) * float(np.finfo(dtype).eps)


def along(numbers: Array, n_axes: int) -> Array:
    """A number for each pair as it is broadcast over a map."""
    return numbers.reshape(-1, *[1] * n_axes)


def product(reference: Array, moving: Array) -> Array:
    """The spectra (pairs, ...) of the sums of products, over all channels."""
    total: Any = None
    for channel in range(max(reference.shape[1], moving.shape[1])):
        own = np.conjugate(moving[:, min(channel, moving.shape[1] - 1)])
        own = own * reference[:, min(channel, reference.shape[1] - 1)]
        total = own if total is None else np.add(total, own, out=total)
    spectra: Array = total
    return spectra


# --- all pixels, in circles -------------------------------------------------------------------------------------------


def circular_maps(reference: Side, moving: Side, axes: Axes, is_phase: bool, keeps: bool, n_workers: int) -> Maps:
    """Scores by phase, or by the correlation of images that go on at their other edges, where all pixels count."""
    spectra = product(reference.spectra[0], moving.spectra[0])
    spectra.reshape(len(spectra), -1)[:, 0] = 0
    lengths = [axis.length for axis in axes]
    known = np.broadcast_to(reference.planes.known & moving.planes.known, len(spectra))
    if is_phase:
        norms = to_phases(spectra, lengths[-1])
    else:
        norms = prod(lengths) * np.sqrt(energies(reference.planes.values) * energies(moving.planes.values))
        norms = np.broadcast_to(norms, len(spectra))
    known = known & (norms > 0)
    norms = np.where(known, norms, 1)
    kept = spectra.copy() if keeps else None
    scores = backward(spectra, lengths, [axis.wanted() for axis in axes], n_workers)
    scores /= along(norms.astype(scores.dtype), len(axes))
    scores[~known] = -np.inf
    return Maps(scores, kept, norms)


def energies(values: Array) -> Doubles:
    """The sums of squares about the mean of each image's channels together."""
    rows = values.reshape(len(values), values.shape[1], -1).astype(np.float64)
    rows -= rows.mean(axis=2, keepdims=True)
    return np.asarray(np.square(rows).sum(axis=2).sum(axis=1))


def to_phases(spectra: Array, length: int) -> Doubles:
    """Turns spectra into their phases, 0 where they are faint; the number of those that are not."""
    real, imaginary = spectra.real, spectra.imag
    powers = real * real
    powers += imaginary * imaginary
    axes = tuple(range(1, powers.ndim))
    unit = powers.dtype.type(np.finfo(powers.dtype).eps / 2)
    kept = powers >= powers.max(axis=axes, keepdims=True) * (unit * unit)
    kept &= powers > 0
    np.sqrt(powers, out=powers)
    np.divide(1, powers, out=powers, where=kept)
    powers *= kept
    real *= powers
    imaginary *= powers
    counts = 2.0 * np.count_nonzero(kept, axis=axes)
    counts -= np.count_nonzero(kept[..., 0], axis=axes[:-1])
    if length % 2 == 0:
        counts -= np.count_nonzero(kept[..., -1], axis=axes[:-1])
    return np.asarray(counts)


# --- what both images see ---------------------------------------------------------------------------------------------


class Sums(NamedTuple):
    """Sums of one channel over what both images see, (pairs, shifts along each axis)."""

    counts: Array
    of_reference: Array
    of_moving: Array
    reference_squares: Array
    moving_squares: Array


def overlap_maps(reference: Side, moving: Side, axes: Axes, min_overlap: float, n_workers: int) -> Maps:
    """Scores over what both images see, about the means of that."""
    n_axes, lengths = len(axes), [axis.length for axis in axes]
    is_masked = len(reference.spectra) > 1
    spectra = product(reference.spectra[-2 if is_masked else 0], moving.spectra[-2 if is_masked else 0])
    numerator = backward(spectra, lengths, [axis.wanted() for axis in axes], n_workers) / prod(lengths)
    a, b = np.zeros((2, 1, *[1] * n_axes))
    total: Any = 0.0
    n_channels = reference.planes.values.shape[1]
    of_channels = masked_sums if is_masked else boxed_sums
    for sums in of_channels(reference, moving, axes, n_workers):
        counts = np.maximum(sums.counts, SLACK)
        numerator -= sums.of_reference * sums.of_moving / counts
        a = a + (sums.reference_squares - sums.of_reference**2 / counts)
        b = b + (sums.moving_squares - sums.of_moving**2 / counts)
        total = total + sums.counts
    least = [along(CERTAIN * error_of(axes, numerator.dtype) * bound, n_axes) for bound in bounds_of(reference, moving)]
    most = total.max(axis=tuple(range(1, n_axes + 1)), keepdims=True) if is_masked else most_overlap(axes) * n_channels
    seen = (total >= min_overlap * most * (1 - SLACK)) & (total > SLACK * np.maximum(most, 1))
    known = np.broadcast_to(reference.planes.known & moving.planes.known, len(numerator))
    seen = seen & along(known, n_axes) & (a > least[0]) & (b > least[1])
    scores = np.full(numerator.shape, -np.inf)
    np.divide(numerator, np.sqrt(a * b, where=seen, out=np.ones(numerator.shape)), out=scores, where=seen)
    np.clip(scores, -1, 1, out=scores, where=seen)
    return Maps(scores, None, np.ones(len(scores)))


def most_overlap(axes: Axes) -> float:
    """The largest overlap that any shift has, where all pixels count."""
    return float(prod(min(axis.sizes) for axis in axes))


def bounds_of(reference: Side, moving: Side) -> tuple[Doubles, Doubles]:
    """Norms that the rounding of sums of squares is a share of, of the reference's and of moving's."""
    if len(reference.spectra) == 1:
        return energies(reference.planes.values), energies(moving.planes.values)
    norms = []
    for side in (reference, moving):
        norms.append([np.sqrt(np.square(one.reshape(len(one), -1)).sum(axis=1)) for one in seen_of(side.planes)])
    return norms[0][2] * norms[1][0], norms[1][2] * norms[0][0]


def boxed_sums(reference: Side, moving: Side, axes: Axes, n_workers: int) -> Any:
    """The sums of each channel where all pixels count."""
    counts: Any = np.ones(())
    for axis in axes:
        counts = counts[..., np.newaxis] * axis.counts()
    for channel in range(reference.planes.values.shape[1]):
        found = []
        for of_moving, side in enumerate((reference, moving)):
            plane = side.planes.values[:, channel]
            bounds = [axis.bounds(bool(of_moving)) for axis in axes]
            found.append([box_sums(one, bounds) for one in (plane, plane * plane)])
        yield Sums(counts[np.newaxis], found[0][0], found[1][0], found[0][1], found[1][1])


def box_sums(planes: Array, bounds: Any) -> Array:
    """The sums over boxes, from a first place to an end along each axis."""
    for axis, (first, end) in enumerate(bounds, 1):
        shape = list(planes.shape)
        shape[axis] += 1
        sums = np.zeros(shape)
        np.cumsum(planes, axis=axis, out=sums[(slice(None),) * axis + (slice(1, None),)])
        planes = sums.take(end, axis=axis)
        planes -= sums.take(first, axis=axis)
    return planes


def masked_sums(reference: Side, moving: Side, axes: Axes, n_workers: int) -> Any:
    """The sums of each channel where masks say what counts."""
    lengths, places = [axis.length for axis in axes], [axis.wanted() for axis in axes]

    def correlation(one: int, other: int, channel: int) -> Array:
        a, b = reference.spectra[one], moving.spectra[other]
        a, b = (side[:, min(channel, side.shape[1] - 1)][:, np.newaxis] for side in (a, b))
        return backward(product(a, b), lengths, places, n_workers) / prod(lengths)

    are_whole = along(are_binary(reference.planes) & are_binary(moving.planes), len(axes))
    counts: Any = None
    for channel in range(reference.planes.values.shape[1]):
        if counts is None or max(reference.spectra[0].shape[1], moving.spectra[0].shape[1]) > 1:
            counts = correlation(0, 0, channel)
            counts = np.maximum(np.where(are_whole, np.rint(counts), counts), 0)
        others = (correlation(*pair, channel) for pair in ((1, 0), (0, 1), (2, 0), (0, 2)))
        yield Sums(counts, *others)


def are_binary(planes: Planes) -> npt.NDArray[np.bool_]:
    """Whether each pixel of an image counts or does not, by the image."""
    if planes.shares is None:
        return np.ones(1, np.bool_)
    rows = planes.shares.reshape(len(planes.shares), -1)
    return np.asarray(((rows == 0) | (rows == 1)).all(axis=1))
