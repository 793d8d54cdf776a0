from typing import Any

import numpy.typing as npt

FIELDS: tuple[str, ...]

def find_peaks(
    responses: npt.NDArray[Any],
    peaks: npt.NDArray[Any],
    gate: float | None,
    distance: int,
    border: int,
    how: str | None,
    largest: bool,
    by_image: bool,
) -> None: ...
