from typing import Any

import numpy as np
import numpy.typing as npt

class Finder:
    def __init__(
        self,
        sizes: tuple[int, int, int, int],
        dtype: np.dtype[Any],
        k: int,
        gate: float | None,
        distance: int,
        borders: tuple[int, int, int],
        how: str | None,
        largest: bool,
        by_image: bool,
    ) -> None: ...
    def take(self, responses: npt.NDArray[Any], above: int, first: int, end: int, first_kernel: int = 0) -> None: ...
    def write(self, peaks: npt.NDArray[Any]) -> None: ...

def find_peaks(
    responses: npt.NDArray[Any],
    peaks: npt.NDArray[Any],
    tops: npt.NDArray[np.float64] | None,
    gate: float | None,
    distance: int,
    borders: tuple[int, int, int],
    how: str | None,
    largest: bool,
    by_image: bool,
) -> None: ...
