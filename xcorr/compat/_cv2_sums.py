"""Correlations of images with the same kernel for each channel, saturating as OpenCV's."""

from typing import Any

import numpy as np

from xcorr._cache import remembered
from xcorr._correlate import correlate
from xcorr._correlator import Correlator
from xcorr._typing import Array
from xcorr._words import words_of
from xcorr.compat._cv2_arrays import destination, error, written

ONE_PASS = 4
"""Two kernels are one as long as that has at most so many times their taps: the image is read and written once less."""


TAPS_IN_WORDS = range(12, 258)
"""Taps of kernels that are looked at for whole factors, whose sums with bytes are of 16 bits: 3x3 are as fast without.

640x480 with 5x5 takes 0.23 instead of 0.34 ms. 2026-11-29, AMD EPYC (Zen 3), level v3, 1 worker, benchmarks/bench.py.
"""


def summed_type(source: Array, dtype: np.dtype[Any]) -> np.dtype[Any]:
    """The type that OpenCV's sums are kept in: float32, but for operands or responses that have more digits."""
    return np.promote_types(np.float32, np.promote_types(source.dtype, dtype))


def filtered(
    source: Array,
    kernel: Array,
    place: tuple[int, int],
    boundary: Any,
    dtype: np.dtype[Any],
    *,
    delta: float = 0.0,
    dst: Any = None,
    precision: Any = "standard",
) -> Array:
    """Correlation of each channel with a kernel whose tap at a place lies on the response's.

    Parameters
    ----------
    source
        (rows, columns) or (rows, columns, channels).
    kernel
        (rows, columns) of taps, of the type that is summed in.
    place
        The row and column of a tap.
    boundary, precision
        As in `xcorr.correlate`.
    dtype, delta, dst
        The response's type, what is added to it, where it is written if it fits.
    """
    if source.ndim == 3 and kernel.shape[1] == 1:  # to a kernel of one column channels are columns
        plane = source.reshape(len(source), -1)
        response = filtered(plane, kernel, place, boundary, dtype, delta=delta, precision=precision)
        return written(response.reshape(source.shape), dst)
    sides = tuple((before, taps - 1 - before) for before, taps in zip(place, kernel.shape, strict=True))
    layout: Any = "NHW" if source.ndim == 2 else "NHWC"
    overflow: Any = "saturate" if dtype.kind in "iu" else "raise"
    out = destination(dst, source.shape, dtype)
    target = out[..., 0] if out is not None and out.ndim > source.ndim else out
    if source.dtype == np.uint8 and not delta and min(kernel.shape) > 1 and kernel.size in TAPS_IN_WORDS:
        what = layout, sides, boundary, dtype.str
        prepared = prepared_in_words(kernel.tobytes(), kernel.dtype.str, kernel.shape, what)
        if prepared is not None:
            response = prepared(source, out=target)
            return response if out is None else out
    try:
        response = correlate(
            source,
            kernel,
            layout=layout,
            padding=sides,
            boundary=boundary,
            bias=kernel.dtype.type(delta) if delta else None,
            precision=precision,
            overflow=overflow,
            dtype=dtype,
            out=target,
        )
    except ValueError as refusal:  # NaN is no integer
        raise error(str(refusal)) from None
    return response if out is None else out


@remembered(256)
def prepared_in_words(taps: bytes, dtype: str, shape: tuple[int, ...], what: tuple[Any, ...]) -> Correlator | None:
    """The kernel's correlation with bytes, if it is a multiple of a small whole product whose sums are of 16 bits."""
    kernel = np.frombuffer(taps, dtype).reshape(shape)
    if dtype != np.dtype(np.float32).str or words_of(kernel, np.uint8) is None:
        return None
    layout, sides, boundary, response = what
    overflow: Any = "saturate" if np.dtype(response).kind in "iu" else "raise"
    return Correlator(
        kernel, layout=layout, padding=sides, boundary=boundary, dtype=response, overflow=overflow, method="separable"
    )


def filtered_twice(
    source: Array,
    taps: tuple[Array, Array],
    place: tuple[int, int],
    boundary: Any,
    dtype: np.dtype[Any],
    *,
    delta: float = 0.0,
    dst: Any = None,
    precision: Any = "standard",
) -> Array:
    """The same with the product of a kernel along the columns and one along the rows."""
    columns, rows = taps
    keywords: dict[str, Any] = {"delta": delta, "dst": dst, "precision": precision}
    if columns.size * rows.size <= ONE_PASS * (columns.size + rows.size):
        return filtered(source, np.outer(rows, columns), place, boundary, dtype, **keywords)
    between = np.promote_types(source.dtype, columns.dtype)
    passed = filtered(source, columns[None], (0, place[1]), boundary, between, precision=precision)
    return filtered(passed, rows[:, None], (place[0], 0), boundary, dtype, **keywords)
