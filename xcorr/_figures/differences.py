"""Two arrays side by side: their difference, and what is to be said of it."""

from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]


def difference(plane: Array, other: Array) -> Array:
    """``plane - other`` in float64; 0 where both are the same, be it infinite or NaN."""
    with np.errstate(all="ignore"):
        result = np.subtract(plane, other, dtype=np.longdouble).astype(np.float64)
    same = (plane == other) | ((plane != plane) & (other != other))
    result[same] = 0.0
    return result


def difference_text(planes: Array, others: Array) -> str:
    """The largest difference in words."""
    largest, n_not_finite = 0.0, 0
    for plane, other in zip(planes, others, strict=True):
        sizes = np.abs(difference(plane, other))
        finite = np.isfinite(sizes)
        n_not_finite += sizes.size - int(np.count_nonzero(finite))
        largest = max(largest, float(sizes.max(where=finite, initial=0.0)))
    words = f"largest difference {largest:.3g}" if largest or n_not_finite else "equal"
    return words + (f", {n_not_finite} not finite" if n_not_finite else "")
