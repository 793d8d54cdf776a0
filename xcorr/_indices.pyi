from typing import Any

import numpy as np
import numpy.typing as npt

def window_index(
    image_width: int, depth: int, kernel: tuple[int, int], dilation: tuple[int, int], index: npt.NDArray[np.intp]
) -> None: ...
def correlation_indices(step: int, window: npt.NDArray[np.intp], indices: npt.NDArray[np.intp]) -> None: ...
def gather(
    strip: npt.NDArray[np.int8],
    out: npt.NDArray[np.int8],
    bases: npt.NDArray[np.intp],
    n_columns: int,
    step: int,
    rows: npt.NDArray[np.intp],
    n_pieces: int,
    n_bytes: int,
    apart: int,
) -> None: ...
def scatter(
    kind: str,
    windows: npt.NDArray[np.int8],
    sums: npt.NDArray[np.int8],
    totals: npt.NDArray[np.int8],
    lines: npt.NDArray[np.int8],
    bases: npt.NDArray[np.intp],
    in_window: int,
    step: int,
    rows: npt.NDArray[np.intp],
    apart: int,
    in_row: int,
) -> None: ...
def turn(target: npt.NDArray[Any], source: npt.NDArray[Any]) -> None: ...
