from typing import Any

import numpy.typing as npt

Array = npt.NDArray[Any]

def score_boxes(
    scores: Array, a: Array, b: Array, rows: Array, columns: Array, least: Array, least_count: float, workspace: Array
) -> None: ...

class PlaneTransforms:
    n_pairs: int
    n_groups: int
    shape: tuple[int, int, int, int]
    sides: tuple[int, int]
    def __init__(self, table: Any, summed: str, height: int, width: int) -> None: ...
    def places(self) -> Array: ...
    def columns(self, plane: Array, spectrum: Array, workspace: Array, first: int, end: int) -> None: ...
    def lines(self, spectrum: Array, first: int, end: int, backward: bool) -> None: ...
    def back(
        self,
        spectrum: Array,
        plane: Array,
        workspace: Array,
        first_row: int,
        first_column: int,
        scale: float,
        first: int,
        end: int,
    ) -> None: ...
    def forward(self, planes: Array, spectra: Array, workspace: Array) -> None: ...
    def backward(
        self, spectra: Array, planes: Array, workspace: Array, first_row: int, first_column: int, scales: Array
    ) -> None: ...
    def multiply(self, a: Array, b: Array, product: Array, add: bool) -> None: ...
    def phases(self, spectra: Array, counts: Array) -> None: ...
