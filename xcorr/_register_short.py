"""The short way of `register`: two plain images of middling size by phase, with no other keyword."""

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from xcorr import _dispatch
from xcorr._plane_transforms import Planes, prepared
from xcorr._shift_maps import lead_of
from xcorr._shift_peaks import NEAR

Doubles = npt.NDArray[np.float64]

SUMMED = frozenset(map(np.dtype, (np.float32, np.float64)))


def register_short(references: Any, moving: Any) -> tuple[Doubles, Doubles, Doubles] | None:
    """The shift, the score and the ratio by phase, with the bits of the long way; None where that has to be taken."""
    if type(references) is not np.ndarray or type(moving) is not np.ndarray or references.ndim != 2:
        return None
    shape, dtype = references.shape, references.dtype
    if moving.shape != shape or moving.dtype != dtype or dtype not in SUMMED or 0 in shape:
        return None
    if not all(array.flags.c_contiguous and array.flags.aligned for array in (references, moving)):
        return None
    transforms = prepared(shape, dtype, _dispatch.current().name)
    if not isinstance(transforms, Planes) or transforms.is_large:
        return None
    found = transforms.own.phase_pair(references, moving, lead_of(shape, dtype), NEAR)
    if found is None:
        return None
    row, column, top, second = found
    ratio = (top / second if second > 0 else math.inf) if top > 0 else 0.0
    return np.array((row, column), np.float64), np.array(min(max(top, -1.0), 1.0)), np.array(ratio)
