"""The short way of `register`: two plain images of middling size by phase, with no other keyword."""

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from xcorr import _dispatch
from xcorr._plane_transforms import Planes, prepared
from xcorr._shift_at_once import NOTHING, best_of_pairs
from xcorr._shift_maps import error_of

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
    means, norms = np.empty(2), np.empty(1)
    if not (transforms.own.is_plain(references, means[:1]) and transforms.own.is_plain(moving, means[1:])):
        return None
    operands = references[np.newaxis], means[:1], moving[np.newaxis], means[1:]
    shifts, tops = best_of_pairs(transforms, operands, norms, True, NOTHING)
    if not norms[0] > 0:
        return None
    top, second = tops[0].tolist()
    ratio = (top / second if second > 0 else math.inf) if top > 0 else 0.0
    score = 1.0 if top >= 1 - error_of(shape, dtype) else max(top, -1.0)
    return shifts[0].astype(np.float64), np.array(score), np.array(ratio)
