"""Masks: what counts of pixels and of taps, read into shares from 0 to 1 that lie as the operand's canonical axes."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from xcorr._arrays import held, in_order, in_pieces, take_array, without_repeats
from xcorr._foreign import shown

Array = npt.NDArray[Any]

FINITE = "finite"
ALLOWED = "bools, integers (all but 0 count) and floats from 0 to 1"


def read_mask(mask: Any, argument: str, allows_word: bool) -> tuple[Any, list[Any]]:
    """A mask as an array, the word "finite", or None, and what keeps others from freeing its memory while it lives.

    TypeError or ValueError if it is none of them.
    """
    if mask is None:
        return None, []
    if isinstance(mask, str):
        if allows_word and mask == FINITE:
            return FINITE, []
        words = f"None, {FINITE!r} and arrays of " if allows_word else "None and arrays of "
        raise ValueError(f"{argument}: got {shown(mask)}; allowed are {words}{ALLOWED}")
    array, references = held(take_array(mask, argument))
    if array.dtype.kind not in "biuf":
        raise TypeError(f"{argument}: got dtype {array.dtype}; allowed are {ALLOWED}")
    if array.dtype.kind == "f":
        for (piece,) in in_pieces(without_repeats(array)):
            if not np.all((piece >= 0) & (piece <= 1)):
                raise ValueError(f"{argument}: a share is below 0, above 1 or NaN; allowed are {ALLOWED}")
    return array, references


def canonical(array: Array, axes: tuple[int, ...]) -> Array:
    """A view (images or kernels, channels, spatial axes) of an operand whose axes lie at `axes`."""
    return np.moveaxis(in_order(array, axes), -1, 1)


def canonical_mask(mask: Array, argument: str, shape: Sequence[int], axes: tuple[int, ...], operand: str) -> Array:
    """A view of a mask with all of the operand's axes, of length 1 where the mask has none."""
    return canonical(mask, axes_of_mask(mask.shape, argument, shape, axes, operand))


def axes_of_mask(
    of_mask: tuple[int, ...], argument: str, shape: Sequence[int], axes: tuple[int, ...], operand: str
) -> tuple[int, ...]:
    """The places of the operand's axes in a mask of a shape, -1 for one that it lacks; ValueError if it is none for it.

    A mask has the operand's shape, with or without channels, with or without the first axis, which may be of length 1;
    of three axes beside an operand of four the first is the operand's.
    """
    first, *spatial, channel = axes
    for left_out in ((), (channel,), (first,), (first, channel)):
        kept = [axis for axis in range(len(shape)) if axis not in left_out]
        if -1 in left_out or len(of_mask) != len(kept):
            continue
        lengths = [1 if axis == first and own == 1 else shape[axis] for axis, own in zip(kept, of_mask, strict=True)]
        if of_mask == tuple(lengths):
            return tuple(kept.index(axis) if axis in kept else -1 for axis in (first, *spatial, channel))
    raise ValueError(
        f"{argument}: got shape {of_mask}; allowed is that of the {operand}, {tuple(shape)}, with or without "
        "channels, and without the first axis, or with 1 there, for all alike"
    )


def shares_of(mask: Array) -> npt.NDArray[np.float64]:
    """The shares of a part of a mask."""
    return (mask if mask.dtype.kind == "f" else mask != 0).astype(np.float64)


def is_binary(shares: Array) -> bool:
    """Whether all shares are 0 or 1."""
    return bool(np.all((shares == 0) | (shares == 1)))
