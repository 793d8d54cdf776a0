from typing import Any

import numpy.typing as npt

Array = npt.NDArray[Any]

def score_boxes(
    scores: Array, a: Array, b: Array, rows: Array, columns: Array, least: Array, least_count: float, workspace: Array
) -> None: ...
