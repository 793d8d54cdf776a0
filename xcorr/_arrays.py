"""Arrays as they come in: what is accepted as an operand, as a bias, as a fill value, as `out`."""

import sys
from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from xcorr._dtypes import check_element
from xcorr._engine import Reducer, hold
from xcorr._foreign import refuses, shown

Fill = int | float | complex

DLPACK_CPU = 1
PIECE = 2**22
"""Elements that are read or written at one go: some milliseconds."""

ACCEPTED = "an array of numbers (anything with __array__, the buffer protocol or a CPU __dlpack__)"


def take_array(value: Any, argument: str) -> npt.NDArray[Any]:
    """`value` as a base-class ndarray over the same memory where that is possible; TypeError if it is no array."""
    if type(value) is np.ndarray:
        check_element(argument, value.dtype)
        return value
    if is_masked(value):
        raise TypeError(f"{argument}: got a masked array, whose mask would be lost; allowed is {ACCEPTED}")
    if value is None or isinstance(value, (str, bytes, dict, set, frozenset)):
        raise TypeError(f"{argument}: got {type(value).__name__} {shown(value)}; allowed is {ACCEPTED}")
    array = from_dlpack(value, argument) if has_dlpack_only(value) else from_numbers(value, argument)
    if is_masked(array):
        raise TypeError(f"{argument}: got masked arrays, whose masks would be lost; allowed is {ACCEPTED}")
    array = np.asarray(array)
    check_element(argument, array.dtype)
    return array


def is_masked(value: Any) -> bool:
    """Whether it is a masked array. Their module is not imported for that: without it there is none.

    To import it would take longer than most calls do, and NumPy before 2.3 does not get over an interrupt meanwhile.
    """
    return isinstance(value, getattr(sys.modules.get("numpy.ma"), "MaskedArray", ()))


def held(array: npt.NDArray[Any]) -> tuple[npt.NDArray[Any], list[Any]]:
    """A view whose shape is its own, and what keeps others from freeing its memory while it lives."""
    references = hold(array)
    return array.view(), references


def has_dlpack_only(value: Any) -> bool:
    if getattr(value, "__dlpack__", None) is None or getattr(value, "__array__", None) is not None:
        return False
    try:
        memoryview(value)
    except TypeError as error:
        if not refuses(error):
            raise
        return True
    return False


def from_dlpack(value: Any, argument: str) -> npt.NDArray[Any]:
    try:
        device = value.__dlpack_device__() if hasattr(value, "__dlpack_device__") else (DLPACK_CPU, 0)
        on_cpu = device[0] == DLPACK_CPU
        if on_cpu:
            return np.from_dlpack(value)
    except Exception as error:
        if not refuses(error):
            raise
        raise TypeError(f"{argument}: its __dlpack__ cannot be read: {shown(error)}; allowed is {ACCEPTED}") from error
    raise TypeError(f"{argument}: got a tensor on DLPack device {shown(device)}; allowed is one of the CPU")


def from_numbers(value: Any, argument: str) -> npt.NDArray[Any]:
    if isinstance(value, (list, tuple)) and any(map(is_masked, value)):
        raise TypeError(f"{argument}: got masked arrays, whose masks would be lost; allowed is {ACCEPTED}")
    try:
        return np.asanyarray(value)
    except Exception as error:
        if not refuses(error):
            raise
        problem = f"got {type(value).__name__}, which is no array ({shown(error)})"
        raise TypeError(f"{argument}: {problem}; allowed is {ACCEPTED}") from error


def take_bias(bias: Any, n_kernels: int, has_kernel_axis: bool, response: np.dtype[Any]) -> npt.NDArray[Any] | None:
    """A copy of `bias` as (kernels,), or None. A float bias for integers and a complex one for reals are refused."""
    if bias is None:
        return None
    array, _held = held(take_array(bias, "bias"))
    allowed_shape = f"shape ({n_kernels},)" if has_kernel_axis else "a scalar or shape (1,)"
    if array.shape != (n_kernels,) and not (array.ndim == 0 and n_kernels == 1):
        raise ValueError(f"bias: got shape {array.shape}; allowed is {allowed_shape}")
    kinds = {"i": "biu", "u": "biu", "f": "biuf", "c": "biufc"}[response.kind]
    if array.dtype.kind not in kinds:
        raise TypeError(f"bias: got dtype {array.dtype} for a response of {response}; allowed is no higher a kind")
    return array.reshape(n_kernels).copy()


def copied(value: Any, argument: str) -> npt.NDArray[Any]:
    """A copy of `value` as `take_array` takes it."""
    array, _held = held(take_array(value, argument))
    return array.copy()


def read_fill(fill_value: Any) -> Fill | tuple[Fill, ...]:
    """`fill_value` as a Python number, or several, one for each channel; TypeError if it is none."""
    if type(fill_value) in (int, float, complex):
        return fill_value  # type: ignore[no-any-return]
    array = None
    if not isinstance(fill_value, (str, bytes)) and not is_masked(fill_value):
        try:
            array = np.asarray(fill_value)
        except Exception as error:
            if not refuses(error):
                raise
    if array is not None and array.ndim <= 1 and array.dtype.kind in "biufcO":
        numbers = array.reshape(-1).tolist()
        if all(isinstance(number, (int, float, complex)) for number in numbers):
            return tuple(numbers) if array.ndim else numbers[0]
    raise TypeError(
        f"fill_value: got {shown(fill_value)}; allowed is a number that the images' dtype has, or one for each channel"
    )


def take_fill(
    fill_value: Any, images: np.dtype[Any], boundary: tuple[str, ...], n_channels: int | None = None
) -> tuple[Fill, ...]:
    """`fill_value` as Python numbers, one or `n_channels`; ValueError unless the images' dtype has them.

    A float may be rounded to one that it has.
    """
    if type(fill_value) is int and fill_value == 0:
        return (0,)
    found = read_fill(fill_value)
    if not isinstance(found, tuple):
        found = (found,)
    elif n_channels is not None and len(found) != n_channels:
        raise ValueError(
            f"fill_value: got {len(found)} numbers for images with {n_channels} channels; "
            "allowed is one number, or one for each channel"
        )
    if "constant" not in boundary and any(number != 0 for number in found):
        word = boundary[0] if boundary[0] == boundary[1] else boundary
        raise ValueError(f"fill_value: got {shown(fill_value)} with boundary {word!r}; only 'constant' uses one")
    return tuple(fitting(number, images) for number in found)


def fitting(number: Fill, images: np.dtype[Any]) -> Fill:
    """A fill value as the images' dtype has it; ValueError if it does not."""
    if images.kind == "c":
        fits = fits_float(number.real, images) and fits_float(number.imag, images)
    elif isinstance(number, complex):
        fits = False
    elif images.kind == "b":
        fits = number in (0, 1)
    elif images.kind in "iu":
        fits = fits_integer(number, images)
    else:
        fits = fits_float(number, images)
    if not fits:
        raise ValueError(f"fill_value: got {shown(number)}; allowed is a value of the images' dtype {images}")
    return int(number) if images.kind in "biu" and not isinstance(number, complex) else rounded(number, images)


def fits_integer(number: float, dtype: np.dtype[Any]) -> bool:
    limits = np.iinfo(dtype)
    return (
        number == number
        and number not in (float("inf"), -float("inf"))
        and (int(number) == number and int(limits.min) <= number <= int(limits.max))
    )


def fits_float(number: float, dtype: np.dtype[Any]) -> bool:
    """Whether a finite number stays finite in this type."""
    infinite = number in (float("inf"), -float("inf"))
    return infinite or number != number or abs(number) <= float(np.finfo(dtype).max)


def rounded(number: complex, dtype: np.dtype[Any]) -> complex:
    """`number` as the images' dtype holds it."""
    with np.errstate(all="ignore"):
        value: complex = dtype.type(number).item()
    return value


def check_out(out: Any, shape: tuple[int, ...], dtype: np.dtype[Any]) -> tuple[npt.NDArray[Any], list[Any]]:
    """`out` as `held` gives it, if a response of this shape and dtype can be written there."""
    if not isinstance(out, np.ndarray) or is_masked(out):
        raise TypeError(f"out: got {type(out).__name__}; allowed is a numpy.ndarray")
    target, references = held(np.asarray(out))
    if target.dtype != dtype:
        raise TypeError(f"out: got dtype {target.dtype}; allowed is {dtype} in native byte order")
    if target.shape != shape:
        raise ValueError(f"out: got shape {target.shape}; allowed is {shape}")
    if not target.flags.writeable:
        raise ValueError("out: the array is read-only; allowed is a writable one")
    if target.size and overlaps_itself(target):
        raise ValueError(f"out: strides {target.strides} put several elements at one place; allowed is none such")
    return target, references


def overlaps_itself(array: npt.NDArray[Any]) -> bool:
    """Whether two elements share a byte. Axes whose strides each step over all smaller ones are surely apart."""
    extent = array.itemsize
    for stride, length in sorted(zip(map(abs, array.strides), array.shape, strict=True)):
        if length == 1:
            continue
        if stride < extent:
            return stride == 0 or places_collide(array)
        extent += stride * (length - 1)
    return False


def places_collide(array: npt.NDArray[Any]) -> bool:
    """Whether two elements share a byte, by listing their places; refuses to list more than a million."""
    if array.size > 1_000_000:
        raise ValueError(f"out: strides {array.strides} interleave in shape {array.shape}; allowed is a plainer view")
    places = np.zeros(1, dtype=np.int64)
    for stride, length in zip(array.strides, array.shape, strict=True):
        places = (places[:, None] + np.arange(length, dtype=np.int64) * stride).ravel()
    return bool(np.any(np.diff(np.sort(places)) < array.itemsize))


def without_repeats(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """A view of each element of an array that repeats some, as `numpy.broadcast_to` makes it."""
    return array[tuple(slice(None if stride else 1) for stride in array.strides)]


def in_pieces(*arrays: npt.NDArray[Any]) -> Iterator[tuple[npt.NDArray[Any], ...]]:
    """The same parts of arrays of one shape, one after the other, so that a signal is not kept waiting."""
    if arrays[0].size <= PIECE:
        yield arrays
        return
    longest = int(np.argmax(arrays[0].shape))
    for halves in zip(*(np.array_split(array, 2, longest) for array in arrays), strict=True):
        yield from in_pieces(*halves)


def copy_in_pieces(target: npt.NDArray[Any], source: Any) -> None:
    """``target[...] = source``."""
    for target_piece, source_piece in in_pieces(target, np.broadcast_to(source, target.shape)):
        target_piece[...] = source_piece


def in_order(array: npt.NDArray[Any], axes: tuple[int, ...]) -> npt.NDArray[Any]:
    """A view with all axes of `axes` in their order, absent ones of length 1."""
    present = array.transpose([axis for axis in axes if axis >= 0])
    return present[tuple(slice(None) if axis >= 0 else np.newaxis for axis in axes)]


def some_images(array: Any, axis: int, first: int, end: int) -> Any:
    """A view of images [first, end) along their axis; of the only one where there is no such axis.

    Or what reduces the responses of these images.
    """
    if isinstance(array, Reducer):
        return array.of_images(first, end)
    return array if axis < 0 else array[(slice(None),) * axis + (slice(first, end),)]


def make_canonical(bools: npt.NDArray[Any]) -> None:
    """Bytes 1 in the place of others that are not 0."""
    for (piece,) in in_pieces(bools.view(np.uint8)):
        piece[...] = piece != 0
