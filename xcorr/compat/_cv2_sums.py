"""Correlations of images with the same kernel for each channel, saturating as OpenCV's."""

from typing import Any, NamedTuple

import numpy as np

from xcorr._cache import remembered
from xcorr._correlate import correlate
from xcorr._correlator import Correlator
from xcorr._factors import factors_of
from xcorr._typing import Array
from xcorr._words import words_of
from xcorr.compat._cv2_arrays import destination, error

ONE_PASS = 4
"""Two kernels are one as long as that has at most so many times their taps: the image is read and written once less."""

TAPS_IN_WORDS = range(4, 258)
"""Taps of kernels that are looked at for whole factors, whose sums with bytes are of 16 bits."""

TAPS_IN_PRODUCT = range(3, 32)
"""Taps along the longer axis of kernels that are looked at for factors: of larger ones "auto" knows what pays."""

ROW_TAP, COLUMN_TAP, WINDOW = 2.0, 1.2, 7.0
"""What a window costs by factors, in multiply-adds of the direct method: a tap of a row, one of a column, itself.

5x5 takes 0.8 of the direct time on 640x480 and 0.76 on 1080p, 3x3 1.15 and 1.4. 2026-11-29, AMD EPYC (Zen 3), level v3,
1 worker.
"""

MOST_AS_ONE = 31 * 31
"""Taps of the product of two kernels that are looked at as one."""

FEW_TAPS = 100
"""Taps of kernels that are kept prepared whatever they are: no spectra of theirs are."""


def summed_type(source: np.dtype[Any], dtype: np.dtype[Any]) -> np.dtype[Any]:
    """The type that OpenCV's sums are kept in: float32, but for operands or responses that have more digits."""
    return np.promote_types(np.float32, np.promote_types(source, dtype))


class Images(NamedTuple):
    """What a correlation is prepared for: images of so many axes and this type, a boundary, a response's type."""

    n_axes: int
    source: np.dtype[Any]
    boundary: Any
    dtype: np.dtype[Any]
    precision: Any = "standard"
    delta: float = 0.0


class Pass:
    """Correlation of each channel with a kernel whose tap at a place lies on the response's.

    Parameters
    ----------
    images
        What it is for; `delta` is added to the response.
    kernel
        (rows, columns) of taps, of the type that is summed in.
    place
        The row and column of a tap.
    """

    def __init__(self, images: Images, kernel: Array, place: tuple[int, int]) -> None:
        self.kernel, self.dtype = kernel, images.dtype
        self.by_rows = images.n_axes == 3 and kernel.shape[1] == 1  # to a kernel of one column channels are columns
        self.words: dict[str, Any] = {
            "layout": "NHW" if images.n_axes == 2 or self.by_rows else "NHWC",
            "padding": tuple((before, taps - 1 - before) for before, taps in zip(place, kernel.shape, strict=True)),
            "boundary": images.boundary,
            "bias": kernel.dtype.type(images.delta) if images.delta else None,
            "precision": images.precision,
            "overflow": "saturate" if images.dtype.kind in "iu" else "raise",
            "dtype": images.dtype,
        }
        has_factors = is_by_factors(images, kernel)
        if has_factors:
            self.words |= {"method": "separable", "precision": "standard"}
        self.prepared = Correlator(kernel, **self.words) if has_factors or kernel.size <= FEW_TAPS else None

    def __call__(self, source: Array, dst: Any = None) -> Array:
        """The response, in `dst` if that fits."""
        out = None if dst is None else destination(dst, source.shape, self.dtype)
        target = out if out is None or out.ndim == source.ndim else out[..., 0]
        if self.by_rows:
            response = self.respond(source.reshape(len(source), -1), None).reshape(source.shape)
            if target is not None:
                target[...] = response
        else:
            response = self.respond(source, target)
        return response if out is None else out

    def respond(self, source: Array, target: Array | None) -> Array:
        """The same of images that lie as the correlation asks for."""
        try:
            if self.prepared is not None:
                return self.prepared(source, out=target)
            response: Array = correlate(source, self.kernel, out=target, **self.words)
            return response
        except ValueError as refusal:  # NaN is no integer
            raise error(str(refusal)) from None


def is_in_words(images: Images, kernel: Array) -> bool:
    """Whether it is a multiple of a small whole product whose sums with the pixels are of 16 bits."""
    looks = images.source == np.uint8 and kernel.dtype == np.float32 and kernel.size in TAPS_IN_WORDS
    return looks and min(kernel.shape) > 1 and words_of(kernel, np.uint8) is not None


def is_by_factors(images: Images, kernel: Array) -> bool:
    """Whether a kernel is one product that is summed sooner by its factors, or whose sums with bytes are exact so."""
    if is_in_words(images, kernel):
        return True
    height, width = kernel.shape
    pays = height * width > ROW_TAP * width + COLUMN_TAP * height + WINDOW
    if images.precision != "standard" or max(height, width) not in TAPS_IN_PRODUCT or not pays:
        return False
    return factors_of(kernel, kernel.dtype.str[1:], False, 1) is not None


def pass_by(images: Images, kernel: Array, place: tuple[int, int]) -> Pass:
    """The pass, which is remembered if it is prepared."""
    if kernel.size > MOST_AS_ONE:
        return Pass(images, kernel, place)
    return remembered_pass(images, kernel.tobytes(), kernel.dtype.str, kernel.shape, place)


@remembered(256)
def remembered_pass(images: Images, taps: bytes, dtype: str, shape: tuple[int, int], place: tuple[int, int]) -> Pass:
    """The same by a kernel's elements."""
    return Pass(images, np.frombuffer(taps, dtype).reshape(shape), place)


def product_of(columns: Array, rows: Array) -> Array | None:
    """(rows, columns) of the taps' products; None where one is not finite or loses digits to small exponents."""
    with np.errstate(all="ignore"):
        both = np.outer(rows, columns)
    is_normal = (np.abs(both) >= np.finfo(both.dtype).tiny) | (rows == 0)[:, np.newaxis] | (columns == 0)
    return both if np.isfinite(both).all() and is_normal.all() else None


def passes_by(images: Images, taps: tuple[Array, Array], place: tuple[int, int]) -> "Passes":
    """The passes, which are remembered if they are prepared."""
    if sum(own.size for own in taps) > MOST_AS_ONE:
        return Passes(images, taps, place)
    columns, rows = taps
    return remembered_passes(images, columns.tobytes(), rows.tobytes(), columns.dtype.str, place)


@remembered(64)
def remembered_passes(images: Images, columns: bytes, rows: bytes, dtype: str, place: tuple[int, int]) -> "Passes":
    """The same by the elements of taps."""
    return Passes(images, (np.frombuffer(columns, dtype), np.frombuffer(rows, dtype)), place)


class Passes:
    """Correlations one after the other.

    Parameters
    ----------
    images
        What they are for; `delta` is added to the last response.
    taps
        Of a kernel along the columns and of one along the rows, whose product the correlation is with.
    place
        The row and column of a tap.
    """

    def __init__(self, images: Images, taps: tuple[Array, Array], place: tuple[int, int]) -> None:
        columns, rows = taps
        self.first: Pass | None = None
        both = product_of(columns, rows) if columns.size * rows.size <= MOST_AS_ONE else None
        if both is not None and (both.size <= ONE_PASS * (columns.size + rows.size) or is_by_factors(images, both)):
            self.last = Pass(images, both, place)
            return
        between = np.promote_types(images.source, columns.dtype)
        self.first = Pass(images._replace(dtype=between, delta=0.0), columns[None], (0, place[1]))
        self.last = Pass(images._replace(source=between), rows[:, None], (place[0], 0))

    def __call__(self, source: Array, dst: Any = None) -> Array:
        """The response, in `dst` if that fits."""
        return self.last(source if self.first is None else self.first(source), dst)
