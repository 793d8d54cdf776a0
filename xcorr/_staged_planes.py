"""Images as they are compared: in floats, about their means, scaled by powers of two, and what counts of them."""

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from xcorr._masks import shares_of
from xcorr._shifts import ends_and_sums, sums_of_squares

Array = npt.NDArray[Any]
Bools = npt.NDArray[np.bool_]

LARGEST_EXPONENT = 1000
SAFE = {4: 16, 8: 128}
"""Binary digits of the largest pixel within which products of spectra have room, by the bytes of a float."""

FLAT = {4: 2.0**-21, 8: 2.0**-50}
"""The standard deviation up to which floats are flat, as a share of the largest magnitude."""


class Planes(NamedTuple):
    """Pixels (images, channels, spatial axes) about the means of what counts, 0 where nothing does."""

    values: Array
    shares: Array | None  # what counts, (images, 1 or channels, spatial axes), float64 or bool; None for all
    known: Bools  # (images,): whether they can be compared, being finite and not flat
    pixels: Array  # as they are given, unless these are not what is compared or floats do not hold them
    means: Array | None = None  # (images, channels), float64, if they have not been taken off

    def some(self, first: int, end: int) -> "Planes":
        """The planes of some images, of one image for all that one."""
        if len(self.known) == 1:
            return self
        shares = self.shares if self.shares is None or len(self.shares) == 1 else self.shares[first:end]
        means = None if self.means is None else self.means[first:end]
        return Planes(self.values[first:end], shares, self.known[first:end], self.pixels[first:end], means)


def summed_type(*dtypes: np.dtype[Any]) -> np.dtype[Any]:
    """The type in which circular sums are taken: float32 where it holds all pixels."""
    narrow = all(dtype.char in "ef" or (dtype.kind in "biu" and dtype.itemsize <= 2) for dtype in dtypes)
    return np.dtype(np.float32 if narrow else np.float64)


def stage(
    pixels: Array,
    mask: Any,
    weights: list[Array] | None,
    dtype: np.dtype[Any],
    seen_only: bool,
    element: np.dtype[Any] | None = None,
    may_wait: bool = False,
) -> Planes:
    """Pixels (images, channels, spatial axes) and their mask as planes.

    With an `element` that they have been of, pixels are a copy in floats already. `weights` along each axis multiply
    what counts or, unless what is `seen_only` is weighted, the centred pixels. Without either, means `may_wait` to be
    taken off plain pixels, which are not copied then.
    """
    shares = None
    if may_wait and mask is None and weights is None and pixels.dtype == dtype and pixels.flags.c_contiguous:
        means = means_of_plain(pixels)
        if means is not None:
            return Planes(pixels, None, np.ones(len(pixels), np.bool_), pixels, means)
    if mask is not None:
        shares = np.isfinite(pixels) if isinstance(mask, str) else what_counts(mask)
        pixels = np.where(shares > 0, pixels, np.zeros((), pixels.dtype))
    if weights is not None and seen_only:
        shares = weighted(np.ones((1, 1, *pixels.shape[2:])) if shares is None else shares.astype(np.float64), weights)
    seen = None if shares is None else np.broadcast_to(shares > 0, pixels.shape)
    values = floats_of(pixels, dtype, seen) if element is None else pixels
    known = centre(values, seen, pixels.dtype if element is None else element)
    if weights is not None and not seen_only:
        values = weighted(values, weights)
        if shares is None:
            values -= values.mean(axis=tuple(range(2, values.ndim)), keepdims=True)
    is_plain = (weights is None or seen_only) and (pixels.dtype.itemsize < 8 or pixels.dtype.kind == "f")
    return Planes(values, shares, known, pixels if is_plain else values)


def what_counts(mask: Array) -> Array:
    """The shares of a mask, bools where it says whether a pixel counts."""
    return shares_of(mask) if mask.dtype.kind == "f" else mask != 0


def square_sums(rows: Array, means: Array | None = None) -> npt.NDArray[np.float64]:
    """The sums of squares of rows (images, channels, pixels), less their means if these have not been taken off."""
    total = np.empty(rows.shape[:2])
    own = np.zeros(total.size) if means is None else np.ascontiguousarray(means).reshape(-1)
    sums_of_squares(np.ascontiguousarray(rows).reshape(total.size, rows.shape[2]), own, total.reshape(-1))
    return total


def stats_of(rows: Array) -> npt.NDArray[np.float64]:
    """The least and the greatest number of each row (images, channels, pixels) and the sum: (images, channels, 3)."""
    found = np.empty((*rows.shape[:2], 3))
    ends_and_sums(rows.reshape(-1, rows.shape[2]), found.reshape(-1, 3))
    return found


def means_of_plain(pixels: Array) -> Array | None:
    """The means of channels, if all pixels are finite, of middling size, and none is nearly flat."""
    rows = pixels.reshape(*pixels.shape[:2], -1)
    if not rows.size:
        return None
    least, most, sums = np.moveaxis(stats_of(rows), 2, 0)
    largest = np.maximum(np.abs(least), np.abs(most))
    exponents = np.abs(np.frexp(largest.max(axis=1))[1])
    few = 2 * FLAT[pixels.itemsize] * np.sqrt(2.0 * rows.shape[2])
    is_plain = np.isfinite(sums).all() and (exponents <= SAFE[pixels.itemsize]).all()
    return sums / rows.shape[2] if is_plain and (most - least > few * largest).all() else None


def weighted(planes: Array, weights: list[Array]) -> Array:
    """The planes times weights along each axis."""
    n_axes = len(weights)
    for axis, along in enumerate(weights):
        planes = planes * along.astype(planes.dtype).reshape(-1, *[1] * (n_axes - 1 - axis))
    return planes


def floats_of(pixels: Array, dtype: np.dtype[Any], seen: Any) -> Array:
    """A copy in floats; integers of 64 bits less their least one, so that no digit is lost that tells pixels apart."""
    if pixels.dtype.kind in "iu" and pixels.dtype.itemsize == 8:
        native = pixels.astype(pixels.dtype.newbyteorder("="), order="C")
        axes, most = tuple(range(1, native.ndim)), np.iinfo(native.dtype).max
        least = native.min(axis=axes, keepdims=True, initial=most, where=True if seen is None else seen)
        pixels = native.view(np.uint64) - least.view(np.uint64)
    return np.array(pixels, dtype, order="C")


def centre(values: Array, counted: Any, element: np.dtype[Any]) -> Bools:
    """Takes the means of what counts off each channel, in place; whether images are finite and not flat.

    What is not finite is 0 afterwards. Images that are very bright or dark are scaled by powers of two.
    """
    rows = values.reshape(*values.shape[:2], -1)
    seen = None if counted is None else counted.reshape(rows.shape)
    if seen is None and rows.shape[2]:
        least, most, sums = np.moveaxis(stats_of(rows), 2, 0)
        doubtful = ~np.isfinite(sums).all(axis=1)
        for index in np.flatnonzero(doubtful) if doubtful.any() else []:
            least[index], most[index] = ends_of(rows[index : index + 1], None)
    else:
        least, most = ends_of(rows, seen)
        doubtful = np.zeros(len(rows), np.bool_)
    largest = np.maximum(np.abs(least), np.abs(most)).max(axis=1)
    known = np.isfinite(largest)
    for index in [] if known.all() else np.flatnonzero(~known):
        values[index], least[index], most[index] = 0, 0, 0
    exponents = np.frexp(np.where(known, largest, 0))[1]
    is_far = np.abs(exponents) > SAFE[values.itemsize]
    for index in np.flatnonzero(is_far) if is_far.any() else []:
        step = max(-LARGEST_EXPONENT, min(LARGEST_EXPONENT, -int(exponents[index])))
        for factor in (step // 2, step - step // 2):
            values[index] *= values.dtype.type(2.0**factor)
        for numbers in (least, most, largest):
            numbers[index] = np.ldexp(numbers[index], step)
        doubtful[index] = True
    if seen is None:
        if rows.shape[2]:
            for index in np.flatnonzero(doubtful) if doubtful.any() else []:
                sums[index] = stats_of(rows[index : index + 1])[0, :, 2]
            rows -= (sums / rows.shape[2]).astype(rows.dtype)[:, :, np.newaxis]
    else:
        counts = np.maximum(seen.sum(axis=2), 1)
        unseen = ~seen
        np.copyto(rows, 0, where=unseen)
        rows -= (rows.sum(axis=2) / counts)[:, :, np.newaxis].astype(rows.dtype)
        np.copyto(rows, 0, where=unseen)
    varies = least < most
    if element.kind == "f":
        below = FLAT[4 if element.itemsize < 8 else 8] * np.where(known, largest, 0)[:, np.newaxis]
        unsure = varies & (
            most - least <= below * np.sqrt(2.0 * rows.shape[2]) * 2
        )  # of others no deviation is so small
        for image, channel in np.argwhere(unsure) if unsure.any() else []:
            own = rows[image, channel]
            count = len(own) if seen is None else max(1, np.count_nonzero(seen[image, channel]))
            deviation = np.sqrt(square_sums(own.reshape(1, 1, -1))[0, 0] / count)
            varies[image, channel] = deviation > below[image, 0]
    for image, channel in [] if varies.all() else np.argwhere(~varies):
        rows[image, channel] = 0
    known &= varies.any(axis=1)
    return np.asarray(known)


def ends_of(rows: Array, seen: Any) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """The least and the greatest of each channel's pixels that count, 0 where none does; NaN where one is."""
    if seen is None:
        return rows.min(axis=2).astype(np.float64), rows.max(axis=2).astype(np.float64)
    nothing = ~seen.any(axis=2)
    ends = np.where(seen, rows, np.inf).min(axis=2), np.where(seen, rows, -np.inf).max(axis=2)
    least, most = (np.where(nothing, 0.0, own).astype(np.float64) for own in ends)
    return least, most
