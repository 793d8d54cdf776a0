"""Correlations of images with the same kernel for each channel, saturating as OpenCV's."""

from typing import Any

import numpy as np

from xcorr._correlate import correlate
from xcorr._typing import Array
from xcorr.compat._cv2_arrays import destination, error, written

ONE_PASS = 4
"""Two kernels are one as long as that has at most so many times their taps: the image is read and written once less."""


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
            out=out[..., 0] if out is not None and out.ndim > source.ndim else out,
        )
    except ValueError as refusal:  # NaN is no integer
        raise error(str(refusal)) from None
    return response if out is None else out


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
