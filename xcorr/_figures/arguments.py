"""What is to be drawn: its arguments read, in the order that is drawn, or refused by name."""

from collections.abc import Sequence
from typing import Any

import numpy.typing as npt

from xcorr._arrays import take_array
from xcorr._foreign import shown
from xcorr._layouts import sizes_of
from xcorr._reading import is_sequence, items_of, whole_number

Array = npt.NDArray[Any]

NARROWEST = 200
COMPARED = ("HW", "NHW", "HWK", "KHW", "NHWK", "NKHW")


def take_real(value: Any, argument: str) -> Array:
    """An array of real numbers."""
    array = take_array(value, argument)
    if array.dtype.kind == "c":
        raise TypeError(f"{argument}: got dtype {array.dtype}; allowed are real ones: draw .real, .imag or abs() of it")
    return array


def in_order(array: Array, axes: Sequence[int], argument: str) -> Array:
    """A view of four axes in the order of `axes`, absent ones of length 1; ValueError if any is empty."""
    ordered = array.transpose([axis for axis in axes if axis >= 0]).reshape(sizes_of(array.shape, axes))
    if not ordered.size:
        raise ValueError(
            f"{argument}: got shape {array.shape}; there is nothing to draw, allowed is 1 and more everywhere"
        )
    return ordered


def read_sizes(max_facets: Any, width: Any) -> tuple[int, int]:
    """The most facets and the most pixels across."""
    return (
        whole_number(max_facets, "max_facets", 1, "an integer >= 1"),
        whole_number(width, "width", NARROWEST, f"an integer >= {NARROWEST}"),
    )


def read_names(names: Any, count: int, what: str, *, numbered: bool) -> list[str]:
    """`count` names, by default numbered if there is an axis of them."""
    if names is None:
        return [f"{what} {number}" for number in range(count)] if numbered else [what]
    allowed = f"a sequence of {count} str"
    items = items_of(names, "names", count, allowed) if is_sequence(names) else None
    if items is None or not all(isinstance(item, str) for item in items):
        raise TypeError(f"names: got {shown(names)}; allowed is {allowed}")
    if len(items) != count:
        raise ValueError(f"names: got {shown(names)}; allowed is {allowed}")
    return list(items)


def read_title(title: Any, default: str) -> str:
    """The title, or what is said without one."""
    if title is None:
        return default
    if not isinstance(title, str):
        raise TypeError(f"title: got {shown(title)}; allowed is a str")
    return title


def layout_beside(image_shape: Sequence[int], response_shape: Sequence[int], layout: str | None) -> str:
    """The layout's word, or what the numbers of axes leave no doubt about."""
    n_axes, n_response_axes = len(image_shape), len(response_shape)
    if layout is not None:
        return layout
    if n_axes not in (2, 3, 4):
        raise ValueError(f"images: shape {tuple(image_shape)} has {n_axes} axes; allowed are 2, 3 or 4")
    if n_axes != 3:
        return "NHW" if n_axes == 2 else "NHWC"
    if n_response_axes not in (2, 4):
        raise ValueError(
            f"layout: images of shape {tuple(image_shape)} with responses of shape {tuple(response_shape)} can be read "
            "as layout='NHW' (images (N, H, W)) or as layout='NHWC' (one image (H, W, C)); say which"
        )
    return "NHW" if n_response_axes == 4 else "NHWC"


def single_layout(array: Array, argument: str, several: str, one: str) -> str:
    """The layout of an operand without another: 2-D means NHW, 4-D NHWC."""
    if array.ndim not in (2, 4):
        can_be = f"'NHW' for {several}, 'NHWC' or 'NCHW' for {one}" if array.ndim == 3 else "2 to 4 axes"
        raise ValueError(f"layout: {argument} of shape {array.shape} need one; allowed are {can_be}")
    return "NHW" if array.ndim == 2 else "NHWC"


def read_compared_axes(axes: Any, shape: Sequence[int]) -> str:
    """The word for the axes of `compare`."""
    allowed = ", ".join(word for word in COMPARED if len(word) == len(shape))
    if not allowed:
        raise ValueError(f"a: shape {tuple(shape)} has {len(shape)} axes; allowed are 2, 3 or 4")
    if axes is None and len(shape) != 3:
        return "HW" if len(shape) == 2 else "NHWK"
    if axes is not None and not isinstance(axes, str):
        raise TypeError(f"axes: got {shown(axes)}; allowed are {allowed}")
    if axes not in COMPARED or len(axes) != len(shape):
        raise ValueError(f"axes: got {shown(axes)} for arrays of shape {tuple(shape)}; allowed are {allowed}")
    return str(axes)
