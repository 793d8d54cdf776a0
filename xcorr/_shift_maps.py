"""Scores of all shifts of images by phase, and by the correlation of circles, in the frequency domain.

The shift s is one that is applied to moving, so that a score is made of the sum over y of reference(y) moving(y - s):
its transform is the reference's times the conjugate of moving's.
"""

from math import log2, prod
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from xcorr._shift_axes import Along
from xcorr._shift_sides import Side
from xcorr._transforms import backward

Array = npt.NDArray[Any]
Doubles = npt.NDArray[np.float64]
Axes = tuple[Along, ...]


class Maps(NamedTuple):
    """Scores of the shifts of some pairs, -inf where there is none."""

    scores: Array  # (pairs, shifts along each axis)
    spectra: Any  # what the scores of a circle are the transform of, if they are asked for
    norms: Doubles  # (pairs,), by which that is divided


def error_of(axes: Axes, dtype: np.dtype[Any]) -> float:
    """What a sum by transforms may err by, as a share of the norms of what is multiplied."""
    return 2 * log2(max(2, prod(axis.length for axis in axes))) * float(np.finfo(dtype).eps)


def along(numbers: Array, n_axes: int) -> Array:
    """A number for each pair as it is broadcast over a map."""
    return numbers.reshape(-1, *[1] * n_axes)


def product(reference: Side, moving: Side, what: tuple[str, str], channel: int, lets_go: bool = False) -> Array:
    """The spectra (pairs, ...) of the sums of products of planes; in the place of a side's, if it may be.

    Sides may be told to let go of pixels that are transformed.
    """
    spectra = []
    for side, own in zip((reference, moving), what, strict=True):
        spectra.append(side.spectrum(own, channel))
        if lets_go:
            side.let_go()
    a, b = spectra
    del spectra
    if moving.is_kept or len(b) < len(a):
        b = np.conjugate(b)
    else:
        np.conjugate(b, out=b)
    if len(b) < len(a):
        return b * a if reference.is_kept else np.multiply(b, a, out=a)
    return np.multiply(b, a, out=b)


def circular_maps(reference: Side, moving: Side, axes: Axes, is_phase: bool, keeps: bool) -> Maps:
    """Scores by phase, or by the correlation of images that go on at their other edges, where all pixels count."""
    lengths, n_axes = [axis.length for axis in axes], len(axes)
    norms: Any = None if is_phase else prod(lengths) * np.sqrt(reference.energy()) * np.sqrt(moving.energy())
    spectra: Any = None
    for channel in range(reference.n_channels):
        is_last = channel == reference.n_channels - 1
        own = product(reference, moving, ("pixels", "pixels"), channel, is_last)
        spectra = own if spectra is None else np.add(spectra, own, out=spectra)
        del own
    spectra.reshape(len(spectra), -1)[:, 0] = 0
    if norms is None:
        norms = to_phases(spectra, lengths[-1])
    known = np.broadcast_to(reference.known & moving.known & (norms > 0), len(spectra))
    norms = np.where(known, norms, 1)
    kept = spectra.copy() if keeps else None
    scores = backward(spectra, lengths, [axis.wanted() for axis in axes], reference.n_workers)
    scores /= along(norms.astype(scores.dtype), n_axes)
    scores[~known] = -np.inf
    return Maps(scores, kept, norms)


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
