"""Transforms of real planes of two axes by the loops of the level, in pieces as those by SciPy are."""

from collections.abc import Sequence
from math import prod
from typing import Any

import numpy as np
import numpy.typing as npt

import xcorr._memory as _memory
from xcorr import _dispatch, _workers
from xcorr._cache import remembered
from xcorr._machine import cache_bytes
from xcorr._shifts import PlaneTransforms
from xcorr._transforms import AT_ONCE, Lines
from xcorr._waves import multiplied, waves_of

Array = npt.NDArray[Any]
Doubles = npt.NDArray[np.float64]

LEAST_ROWS = 16
"""Rows from which on vectors hold enough: half of the rows of frequencies are in the lanes."""

TALLEST = 16
"""Rows for each column up to which a worker's columns of points are few beside a plane."""


class Planes:
    """The transforms of real planes of two axes; what the methods do is said by `Lines`.

    Spectra are real arrays (planes, groups of rows of frequencies, columns of them, real and imaginary, lanes).
    """

    def __init__(self, lengths: tuple[int, int], dtype: np.dtype[Any]) -> None:
        self.lengths, self.dtype = lengths, dtype
        self.own = PlaneTransforms(_dispatch.current().table, dtype.str[1:], *lengths, cache_bytes(2) // 2)
        self.is_large = prod(lengths) > AT_ONCE

    @property
    def n_values(self) -> int:
        """Real numbers of one spectrum."""
        return prod(self.own.shape)

    def workspace(self) -> Array:
        """Room for the points of columns beside each other."""
        return np.empty(self.own.n_points, self.dtype)

    def new_spectra(self, n: int) -> Array:
        """Room for spectra, from where a line of the cache begins: of their vectors none lies across two."""
        return _memory.empty((n, *self.own.shape), self.dtype)

    def by_all(self, do: Any, n_parts: int, n_workers: int) -> None:
        """``do(first, end)`` of parts that take some milliseconds."""
        _workers.prepare_parts(do, n_parts, min(n_parts, -(-prod(self.lengths) // AT_ONCE)), n_workers)

    def forward(self, planes: Array, means: Array | None, n_workers: int) -> Array:
        """The spectra of planes, padded with zeros, or of planes of these lengths less their means."""
        planes, own = np.ascontiguousarray(planes), self.own
        less = np.zeros(len(planes)) if means is None else np.ascontiguousarray(means)
        spectra = self.new_spectra(len(planes))
        if not self.is_large:
            own.forward(planes, less, spectra, self.workspace())
            return spectra
        for plane, mean, spectrum in zip(planes, less, spectra, strict=True):
            self.forward_by_all(plane, mean, spectrum, n_workers)
        return spectra

    def forward_by_all(self, plane: Array, mean: float, spectrum: Array, n_workers: int) -> None:
        """The spectrum of one plane."""
        own = self.own

        def columns(first: int, end: int) -> None:
            own.columns(plane, mean, spectrum, self.workspace(), first, end)

        self.by_all(columns, own.n_pairs, n_workers)
        self.by_all(lambda first, end: own.lines(spectrum, first, end, False), own.n_groups, n_workers)

    def multiply(self, a: Array, b: Array, into: Any, n_workers: int) -> Array:
        """The spectra `a` times the conjugates of `b`, in the place of one of them or in a new one."""
        if into is None:
            into = self.new_spectra(max(len(a), len(b)))
        self.multiply_by_all(a, b, into, False, n_workers)
        return np.asarray(into)

    def add_product(self, a: Array, b: Array, total: Array, n_workers: int) -> None:
        """Adds the spectra `a` times the conjugates of `b` to a total."""
        self.multiply_by_all(a, b, total, True, n_workers)

    def multiply_by_all(self, a: Array, b: Array, product: Array, add: bool, n_workers: int) -> None:
        """The products of spectra, or what they add."""
        own = self.own
        if not self.is_large:
            own.multiply(a, b, product, add, 0, own.n_groups)
        else:
            self.by_all(lambda first, end: own.multiply(a, b, product, add, first, end), own.n_groups, n_workers)

    def drop_means(self, spectra: Array) -> None:
        """Sets the frequency 0 of each spectrum to 0."""
        spectra[:, 0, 0, :, 0] = 0

    def phases(self, spectra: Array, share: float | None = None, keeps_mean: bool = False) -> Doubles:
        """Turns spectra into their phases; the number of those that are not 0.

        What is below a share of the largest magnitude is 0, without one below the unit roundoff, and the mean unless it
        is kept.
        """
        counts = np.empty(len(spectra))
        share = float(np.finfo(self.dtype).eps) / 2 if share is None else share
        self.own.phases(spectra, counts, share, keeps_mean)
        return counts

    def backward(self, spectra: Array, places: Sequence[Any], scales: Doubles, n_workers: int) -> Array:
        """The sums of which the spectra are the transforms, by their scales; overwrites the spectra."""
        rows, columns = (range(size) if own is None else own for size, own in zip(self.lengths, places, strict=True))
        sums = _memory.empty((len(spectra), len(rows), len(columns)), self.dtype)
        first = int(rows[0]), int(columns[0])
        if not self.is_large:
            self.own.backward(spectra, sums, self.workspace(), first[0], first[1], np.ascontiguousarray(scales))
            return sums
        for spectrum, plane, scale in zip(spectra, sums, np.broadcast_to(scales, len(sums)), strict=True):
            self.backward_by_all(spectrum, plane, first, scale, n_workers)
        return sums

    def backward_by_all(
        self, spectrum: Array, plane: Array, first: tuple[int, int], scale: float, n_workers: int
    ) -> None:
        """The sums of which one spectrum is the transform, from a first row and column on."""
        own = self.own

        def columns(begin: int, end: int) -> None:
            own.back(spectrum, plane, self.workspace(), first[0], first[1], scale, begin, end)

        self.by_all(lambda first, end: own.lines(spectrum, first, end, True), own.n_groups, n_workers)
        self.by_all(columns, own.n_pairs, n_workers)

    def waves_at(self, spectra: Array, shifts: Array, parts: Doubles) -> Doubles:
        """The sums of waves (pairs, parts along each axis) at parts of a pixel from shifts (pairs, axes)."""
        n_pairs, n_parts, lanes = len(spectra), len(parts), self.own.shape[-1]
        height, width = self.lengths
        waves = np.empty((n_pairs, 1, 2 * n_parts, width), self.dtype)  # real parts, and then imaginary ones
        across = waves_of(width, shifts[:, 1], parts, False)
        waves[:, 0, :n_parts, self.own.places()] = across.real.transpose(2, 0, 1)
        waves[:, 0, n_parts:, self.own.places()] = across.imag.transpose(2, 0, 1)
        values = multiplied(waves, spectra.reshape(n_pairs, -1, width, 2 * lanes))
        values = values.reshape(n_pairs, -1, 2, n_parts, 2, lanes)
        real = values[:, :, 0, :, 0] - values[:, :, 1, :, 1]
        imaginary = values[:, :, 0, :, 1] + values[:, :, 1, :, 0]
        down = waves_of(height, shifts[:, 0], parts, True)
        sums: Any = 0
        for part, wave in ((real, down.real), (imaginary, -down.imag)):
            rows = part.transpose(0, 1, 3, 2).reshape(n_pairs, -1, n_parts)[:, : height // 2 + 1]
            sums = sums + multiplied(wave.astype(self.dtype), rows)
        return np.asarray(sums, np.float64)


def is_smooth(length: int) -> bool:
    """Whether a length is a product of 2, 3 and 5."""
    for factor in (2, 3, 5):
        while length % factor == 0:
            length //= factor
    return length == 1


def transforms_of(lengths: Sequence[int], dtype: np.dtype[Any]) -> Lines | Planes:
    """The transforms of planes of these lengths, by the level's loops where they know them."""
    return prepared(tuple(lengths), dtype, _dispatch.current().name)


@remembered(32)
def prepared(lengths: tuple[int, ...], dtype: np.dtype[Any], level: str) -> Lines | Planes:
    """The same, remembered by the level."""
    if len(lengths) == 2 and all(map(is_smooth, lengths)):
        height, width = lengths
        if LEAST_ROWS <= height <= TALLEST * width:
            return Planes((height, width), dtype)
    return Lines(lengths, dtype)
