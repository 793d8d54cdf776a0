"""Sums of products as `scipy.ndimage` makes them: in float64, then cast to the response's type as C casts.

Sums of whole numbers are exact in float64 below 2**53, so they are made of integers: the same numbers, sooner, and none
that is 0.9999 where it is cut off. Taps of one sign that float32 holds are summed in float32 if image and response are
of it; where signs differ, what is left when a large common part goes would lose its digits.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from xcorr._dtypes import native
from xcorr._typing import Array
from xcorr.compat._axes import Sides, correlate_axes
from xcorr.compat._ndimage_arguments import part_of

EXACT = 2**53
"""Whole numbers up to here are themselves in float64."""

TAPS = [(dtype, np.iinfo(dtype).max) for dtype in (np.int8, np.int16, np.int32, np.int64)]
"""Types of whole taps, the smallest first."""

SHORT = 2**15 - 1
"""The largest magnitude of sums in 16 bits."""

TAPS_IN_WORDS = range(2, 65)
"""Taps along one axis that are summed in words."""

NEGLIGIBLE = 2.0**-20
"""What may be added to a sum before it is cut off: real sums are not so near to whole numbers by chance."""


def sums_of(
    image: Array,
    kernel: Array,
    sides: Sides,
    boundary: Sequence[str],
    fill_value: Any,
    dtype: np.dtype[Any],
    *,
    conjugate: bool = True,
    has_holes: bool = False,
) -> Array:
    """Sums in a type from which `cast` makes the response's: int16, int64, float64, or `dtype` if it has a fraction.

    Parameters
    ----------
    image, kernel
        Arrays of the same number of axes, the kernel's no axis of which is empty; float64 or complex128 taps.
    sides, boundary, fill_value
        Padding before and behind, and numpy.pad's word, for each axis; a number that need not be of the image's type.
    dtype
        The type of the response.
    conjugate
        Whether complex taps are conjugated.
    has_holes
        Whether pixels under taps of 0 are left out, NaN and infinities too.
    """
    if image.size == 0:
        return np.zeros(image.shape, dtype)
    if image.ndim == 0:
        image, kernel, sides, boundary = image.reshape(1), kernel.reshape(1), [(0, 0)], ["constant"]
        return sums_of(image, kernel, sides, boundary, 0, dtype, conjugate=conjugate, has_holes=has_holes).reshape(())
    is_filled = any(word == "constant" and any(side) for word, side in zip(boundary, sides, strict=True))
    fill_value = fill_value if is_filled else 0
    taps = whole_taps(image, kernel, fill_value)
    if taps is not None:
        words = short_sums(image, taps, fill_value)
        return correlate_axes(image, taps, sides, boundary=boundary, fill_value=int(fill_value), **words)
    if has_holes and image.dtype.kind in "fc" and kernel.dtype.kind == "f" and not kernel.all():
        return sums_beside_holes(image, kernel, sides, boundary, fill_value, dtype)
    return sums_of_floats(image, kernel, sides, boundary, fill_value, dtype, conjugate)


def sums_of_floats(
    image: Array, kernel: Array, sides: Sides, boundary: Sequence[str], fill_value: Any, dtype: Any, conjugate: bool
) -> Array:
    """Sums in float64, or in float32 where that costs no digits; sums to be cut off do not end just below whole."""
    if fill_value != 0 and not holds(image.dtype, fill_value):
        image = image.astype(np.result_type(image, np.float64))
    is_short = image.dtype == dtype == np.float32 and kernel.dtype.kind == "f"
    if is_short and (kernel.min() >= 0 or kernel.max() <= 0) and holds(np.dtype(np.float32), kernel):
        kernel = kernel.astype(np.float32)
    is_whole = dtype.kind in "biu"
    keywords: dict[str, Any] = {"fill_value": fill_value, "conjugate": conjugate}
    sums = correlate_axes(image, kernel, sides, boundary=boundary, dtype=None if is_whole else dtype.type, **keywords)
    if is_whole and (slack := slack_of(image, kernel, fill_value)) > 0:
        is_positive = image.dtype.kind in "bu" and fill_value >= 0 and kernel.min() >= 0
        sums += slack if is_positive else np.copysign(slack, sums)
    return sums


def slack_of(image: Array, kernel: Array, fill_value: Any) -> float:
    """How far off rounding may leave a sum that is whole, to be added before it is cut off; 0 where that is too far.

    The bounds of summation tap by tap and through the frequency domain, there for sections of 512x512, and as much as
    the former for the taps' own rounding.
    """
    by_taps = (4 + 2 * kernel.size**0.5) * np.sum(np.abs(kernel))
    by_frequencies = 0.5 * 18 * 512 * np.linalg.norm(kernel)
    roundoff = np.finfo(np.float64).eps / 2
    slack = float(roundoff * largest_of(image, fill_value) * (2 * by_taps + by_frequencies))
    return slack if slack < NEGLIGIBLE else 0.0


def largest_of(image: Array, fill_value: Any) -> float:
    """No magnitude of the pixels and of what lies around them is larger."""
    if image.dtype.kind == "b":
        largest = 1
    elif image.dtype.kind in "iu" and image.dtype.itemsize <= 2:
        largest = np.iinfo(image.dtype).max + 1
    elif image.dtype.kind in "iu":
        largest = max(int(image.max()), -int(image.min()))
    else:
        return float(max(np.max(np.abs(image)), abs(fill_value)))
    return float(max(largest, abs(fill_value)))


def holds(dtype: np.dtype[Any], numbers: Any) -> bool:
    """Whether a type has the numbers, NaN counting as held by floats."""
    with np.errstate(all="ignore"):
        return np.array_equal(np.asarray(numbers).astype(dtype), numbers, equal_nan=dtype.kind in "fc")


def whole_taps(image: Array, kernel: Array, fill_value: Any) -> Array | None:
    """The taps in the smallest type of integers if no sum of the integers leaves float64's exact ones, else None."""
    if image.dtype.kind not in "biu" or kernel.dtype.kind != "f" or (kernel != np.rint(kernel)).any():
        return None
    magnitudes = np.abs(kernel)
    if fill_value != 0 and not holds(image.dtype, fill_value):
        return None
    if not float(magnitudes.sum()) * largest_of(image, fill_value) < EXACT:
        return None
    most = magnitudes.max()
    return kernel.astype(next(dtype for dtype, largest in TAPS if most <= largest))


def short_sums(image: Array, taps: Array, fill_value: Any) -> dict[str, Any]:
    """Keywords for sums of bytes that 16 bits hold: a fourth of the memory, and along one axis in lanes of as many."""
    if image.dtype.itemsize > 1 or float(np.abs(taps.astype(float)).sum()) * largest_of(image, fill_value) > SHORT:
        return {}
    words: dict[str, Any] = {"dtype": np.int16, "overflow": "saturate"}
    along_one_axis = taps.size == max(taps.shape) and taps.size in TAPS_IN_WORDS and image.dtype.kind != "b"
    return {**words, "method": "separable"} if along_one_axis else words


def sums_beside_holes(
    image: Array, kernel: Array, sides: Sides, boundary: Sequence[str], fill_value: Any, dtype: np.dtype[Any]
) -> Array:
    """Sums in which pixels under taps of 0 do not count, whatever they hold: NaN and infinities are counted apart."""
    fill_value = np.asarray(fill_value)[()]
    if np.all(np.isfinite(image)) and np.isfinite(fill_value):
        return sums_of_floats(image, kernel, sides, boundary, fill_value, dtype, conjugate=False)
    if image.dtype.kind == "c":
        kind = part_of(dtype)
        parts = ((image.real, fill_value.real), (image.imag, fill_value.imag))
        real, imag = (sums_beside_holes(part, kernel, sides, boundary, fill, kind) for part, fill in parts)
        return np.stack((real, imag), axis=-1).view(dtype)[..., 0]

    def count(pixels: Array, filled: Any, taps: Array) -> Array:
        pixels = pixels.astype(np.int8)
        return correlate_axes(pixels, taps.astype(np.int8), sides, boundary=boundary, fill_value=int(filled))

    signs, fill_sign = (np.where(np.isinf(numbers), np.sign(numbers), 0) for numbers in (image, fill_value))
    n_nans = count(np.isnan(image), np.isnan(fill_value), kernel != 0)
    n_infinite = count(signs != 0, fill_sign != 0, kernel != 0)
    difference = count(np.nan_to_num(signs), np.nan_to_num(fill_sign), np.sign(kernel))
    finite = np.where(np.isfinite(image), image, 0)
    fill_value = fill_value if np.isfinite(fill_value) else 0
    sums = sums_of_floats(finite, kernel, sides, boundary, fill_value, dtype, conjugate=False)
    sums[n_infinite > 0] = np.copysign(np.inf, difference[n_infinite > 0])
    sums[(n_nans > 0) | (n_infinite != np.abs(difference))] = np.nan
    return sums


def cast(sums: Array, dtype: np.dtype[Any]) -> Array:
    """Sums cut off towards zero; what a type of integers does not hold is as C has it where C says what it is.

    An 8-, 16- or unsigned 32-bit integer wraps around. A bool is a byte: True where that is not 0.
    """
    if sums.dtype == dtype:
        return sums
    dtype = native(dtype)
    with np.errstate(invalid="ignore", over="ignore"):
        if dtype.kind in "fc":
            return sums.astype(dtype, copy=False)
        if dtype.kind == "b":
            return np.asarray(cast(sums, np.dtype(np.uint8)) != 0)
        if dtype == np.int32 or sums.dtype.kind == "f":
            sums = sums.astype(np.float64, copy=False)
            return cast_floats(sums, dtype)
        return sums.astype(dtype)


def cast_floats(sums: Array, dtype: np.dtype[Any]) -> Array:
    """Cut float64 off to integers: by way of wider ones, as compilers for x86 do where C leaves it open."""
    if dtype.itemsize <= 2:
        return sums.astype(np.int32).astype(dtype)
    if dtype == np.uint32:
        return sums.astype(np.int64).astype(dtype)
    if dtype == np.uint64:
        return np.where(sums < 0, sums.astype(np.int64).astype(dtype), sums.astype(dtype))
    return sums.astype(dtype)
