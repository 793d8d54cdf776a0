"""Words and numbers of figures: what is counted, what is drawn of an image, and by which unit."""

from math import isqrt
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]


def counted(number: int, what: str) -> str:
    """The number and the word, in the plural but for one."""
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def parts_of(n_channels: int) -> list[tuple[str, Any]]:
    """What is drawn of an image: words, and the index into its channels."""
    if n_channels == 3:
        return [("", slice(None))]
    return [(f", channel {channel}" if n_channels > 1 else "", channel) for channel in range(n_channels)]


def first_rows_and_columns(rows: int, columns: int, most: int) -> tuple[int, int]:
    """A rectangle of at most `most` of them, as near to a square as may be."""
    if rows * columns <= most:
        return rows, columns
    side = isqrt(most)
    few_rows = min(rows, max(side, most // columns))
    return few_rows, min(columns, most // few_rows)


def normalized(kernel: Array) -> tuple[Array, float | None]:
    """The taps by the largest one's magnitude, and that; a kernel of zeros, or without a finite tap, as it is."""
    taps = kernel.astype(np.float64)
    largest = float(np.abs(taps).max(where=np.isfinite(taps), initial=0.0))
    return (taps / largest, largest) if largest else (kernel, None)
