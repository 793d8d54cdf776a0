"""Transforms of real planes of any size by SciPy, in pieces so that all workers help and a signal is not kept waiting.

Each line is transformed by itself, so that bits depend neither on the pieces nor on the planes beside.
"""

from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from math import prod
from typing import Any

import numpy as np
import numpy.typing as npt

from xcorr import _workers
from xcorr._engine import go_on
from xcorr._waves import multiplied, waves_of

Array = npt.NDArray[Any]
Doubles = npt.NDArray[np.float64]

AT_ONCE = 2**18
"""Points that are transformed at one go: some milliseconds."""


def fast_length(least: int, is_last: bool) -> int:
    """The length that is transformed fastest of those that are not less; the last axis is of real numbers."""
    from scipy.fft import next_fast_len

    found: int = next_fast_len(least, is_last)
    return found


def pieces_of(shape: Sequence[int], axis: int) -> Iterator[tuple[slice, ...]]:
    """Parts of an array that have its whole length along an axis."""
    others = [place for place in range(len(shape)) if place != axis % len(shape)]
    cut = max(others, key=lambda place: shape[place], default=0)
    n_parts = min(shape[cut], -(-prod(shape) // AT_ONCE)) if others else 1
    edges = [shape[cut] * part // max(1, n_parts) for part in range(max(1, n_parts) + 1)]
    for first, end in pairwise(edges):
        yield (slice(None),) * cut + (slice(first, end),)


def by_all(source: Array, target_shape: Any, axis: int, do: Callable[[Array], Array], n_workers: int) -> Array:
    """``do(source)``, which works along one axis, a piece of it by each worker."""
    pieces = list(pieces_of(source.shape, axis)) if source.size > AT_ONCE else []
    if len(pieces) < 2:
        return do(source)
    shape, dtype = target_shape
    target = source if source.shape == shape and source.dtype == dtype else np.empty(shape, dtype)

    def piece(index: int) -> None:
        go_on()
        target[pieces[index]] = do(source[pieces[index]])

    _workers.prepare(piece, len(pieces), n_workers)
    return target


def forward(planes: Array, lengths: Sequence[int], n_workers: int) -> Array:
    """The transforms of the last axes of real planes, padded with zeros to these lengths: half of the last axis."""
    from scipy.fft import fft, rfft

    n_axes, length = len(lengths), lengths[-1]
    dtype = np.dtype(np.complex64 if planes.dtype == np.float32 else np.complex128)
    shape = (*planes.shape[:-1], length // 2 + 1)
    spectra = by_all(planes, (shape, dtype), -1, lambda part: rfft(part, length, -1, workers=1), n_workers)
    for axis in range(-2, -n_axes - 1, -1):
        length, place = lengths[axis], len(shape) + axis
        shape = (*shape[:place], length, *shape[place + 1 :])
        spectra = transformed(fft, spectra, shape, axis, n_workers)
    return spectra


def transformed(function: Any, spectra: Array, shape: tuple[int, ...], axis: int, n_workers: int) -> Array:
    """The transform along one axis, whose length is that of the shape."""

    def do(part: Array) -> Array:
        found: Array = function(part, shape[axis], axis, norm="backward" if function.__name__ == "fft" else "forward",
                                overwrite_x=True, workers=1)  # fmt: skip
        return found

    return by_all(spectra, (shape, spectra.dtype), axis, do, n_workers)


def backward(spectra: Array, lengths: Sequence[int], places: Sequence[Any], n_workers: int) -> Array:
    """The sums of which the spectra are the transforms, times the number of points; overwrites the spectra.

    `places` are those that are wanted along each axis, None for all.
    """
    from scipy.fft import ifft, irfft

    n_axes, length = len(lengths), lengths[-1]
    for axis, wanted in zip(range(-n_axes, -1), places, strict=False):
        spectra = transformed(ifft, spectra, spectra.shape, axis, n_workers)
        if wanted is not None:
            spectra = picked(spectra, wanted, axis)
    dtype = np.dtype(np.float32 if spectra.dtype == np.complex64 else np.float64)
    shape = (*spectra.shape[:-1], length if places[-1] is None else len(places[-1]))

    def do(part: Array) -> Array:
        found: Array = irfft(part, length, -1, norm="forward", overwrite_x=True, workers=1)
        return found if places[-1] is None else picked(found, places[-1], -1)

    return by_all(spectra, (shape, dtype), -1, do, n_workers)


def picked(array: Array, places: Any, axis: int) -> Array:
    """``array.take(places, axis)`` of places that follow on each other, but for the way around the end once."""
    n_first = int(np.argmin(places)) if len(places) else 0
    whole: tuple[Any, ...] = (slice(None),) * (axis % array.ndim)
    shape = list(array.shape)
    shape[axis] = len(places)
    found = np.empty(shape, array.dtype)
    for first, end in ((0, n_first), (n_first, len(places))):
        if end > first:
            found[(*whole, slice(first, end))] = array[(*whole, slice(places[first], places[end - 1] + 1))]
    return found


class Lines:
    """The transforms of real planes of these lengths; spectra have half of the last axis.

    `PlaneTransforms` says the same of planes of two axes.
    """

    def __init__(self, lengths: Sequence[int], dtype: np.dtype[Any]) -> None:
        import scipy.fft  # noqa: F401, now, as workers that import it would keep a signal waiting

        self.lengths, self.dtype = tuple(lengths), dtype

    @property
    def n_values(self) -> int:
        """Real numbers of one spectrum."""
        return 2 * prod(self.lengths[:-1]) * (self.lengths[-1] // 2 + 1)

    def forward(self, planes: Array, means: Array | None, n_workers: int) -> Array:
        """The spectra of planes, padded with zeros, or of planes of these lengths less their means."""
        if means is not None:
            planes = planes - means.astype(planes.dtype).reshape(-1, *[1] * len(self.lengths))
        return forward(planes, self.lengths, n_workers)

    def multiply(self, a: Array, b: Array, into: Any, n_workers: int) -> Array:
        """The spectra `a` times the conjugates of `b`, in the place of one of them or in a new one."""
        if into is b:
            np.conjugate(b, out=b)
            return np.asarray(np.multiply(b, a, out=b))
        return np.asarray(np.multiply(np.conjugate(b), a, out=into))

    def add_product(self, a: Array, b: Array, total: Array, n_workers: int) -> None:
        """Adds the spectra `a` times the conjugates of `b` to a total."""
        total += np.conjugate(b) * a

    def drop_means(self, spectra: Array) -> None:
        """Sets the frequency 0 of each spectrum to 0."""
        spectra.reshape(len(spectra), -1)[:, 0] = 0

    def phases(self, spectra: Array, share: float | None = None, keeps_mean: bool = False) -> Doubles:
        """Turns spectra into their phases, as `Planes.phases` does; the number of those that are not 0."""
        if not keeps_mean:
            self.drop_means(spectra)
        real, imaginary = spectra.real, spectra.imag
        powers = real * real
        powers += imaginary * imaginary
        axes = tuple(range(1, powers.ndim))
        least = powers.dtype.type(np.finfo(powers.dtype).eps / 2 if share is None else share)
        kept = powers >= powers.max(axis=axes, keepdims=True) * (least * least)
        kept &= powers > 0
        np.sqrt(powers, out=powers)
        np.divide(1, powers, out=powers, where=kept)
        powers *= kept
        real *= powers
        imaginary *= powers
        counts = 2.0 * np.count_nonzero(kept, axis=axes)
        counts -= np.count_nonzero(kept[..., 0], axis=axes[:-1])
        if self.lengths[-1] % 2 == 0:
            counts -= np.count_nonzero(kept[..., -1], axis=axes[:-1])
        return np.asarray(counts)

    def backward(self, spectra: Array, places: Sequence[Any], scales: Doubles, n_workers: int) -> Array:
        """The sums of which the spectra are the transforms, by their scales; overwrites the spectra."""
        sums = backward(spectra, self.lengths, places, n_workers)
        sums *= scales.astype(sums.dtype).reshape(-1, *[1] * len(self.lengths))
        return sums

    def waves_at(self, spectra: Array, shifts: Array, parts: Doubles) -> Doubles:
        """The sums of waves (pairs, parts along each axis) at parts of a pixel from shifts (pairs, axes)."""
        n_pairs, n_parts, n_axes = len(spectra), len(parts), len(self.lengths)
        values, done = spectra, 1
        for number, length in enumerate(self.lengths[:-1]):
            waves = waves_of(length, shifts[:, number], parts, False).astype(spectra.dtype)
            values = multiplied(waves[:, np.newaxis], values.reshape(n_pairs, done, length, -1))
            done *= n_parts
        waves = waves_of(self.lengths[-1], shifts[:, -1], parts, True).astype(spectra.dtype)
        sums = multiplied(values.reshape(n_pairs, done, -1), waves.transpose(0, 2, 1))
        return np.asarray(sums.real.astype(np.float64).reshape(n_pairs, *[n_parts] * n_axes))
