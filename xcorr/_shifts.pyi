from typing import Any

import numpy.typing as npt

Array = npt.NDArray[Any]

def best_of_maps(
    scores: Array,
    row_shifts: Array,
    column_shifts: Array,
    allowed: tuple[int, int, int, int],
    circles: tuple[int, int],
    offsets: tuple[int, int],
    error: float,
    near: int,
    best: Array,
    tops: Array,
    around: Array,
) -> None: ...
def vertices_of(around: Array, gaussian: bool, found: Array) -> None: ...
def gather_windows(image: Array, firsts: Array, windows: Array) -> None: ...
def ends_and_sums(rows: Array, found: Array) -> None: ...
def sums_of_squares(rows: Array, means: Array, sums: Array) -> None: ...
def sum_pixels(table: Any, shares: Array | None, a: Array, b: Array, found: Array) -> None: ...
def multiply_pixels(
    table: Any, shares: Array | None, a: Array, b: Array, means: Array, scales: Array, found: Array
) -> None: ...

class PlaneTransforms:
    n_pairs: int
    n_groups: int
    n_points: int
    shape: tuple[int, int, int, int]
    sides: tuple[int, int]
    def __init__(self, table: Any, summed: str, height: int, width: int, cache: int) -> None: ...
    def places(self) -> Array: ...
    def columns(self, plane: Array, mean: float, spectrum: Array, workspace: Array, first: int, end: int) -> None: ...
    def best_pairs(
        self,
        references: Array,
        means: Array,
        moving: Array,
        other_means: Array,
        norms: Array,
        by_phase: bool,
        error: float,
        near: int,
        best: Array,
        tops: Array,
        around: Array,
        workspace: Array,
    ) -> None: ...
    def room(self, is_shared: bool) -> int: ...
    def is_plain(self, plane: Array, mean: Array) -> bool: ...
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
    def forward(self, planes: Array, means: Array, spectra: Array, workspace: Array) -> None: ...
    def backward(
        self, spectra: Array, planes: Array, workspace: Array, first_row: int, first_column: int, scales: Array
    ) -> None: ...
    def multiply(self, a: Array, b: Array, product: Array, add: bool, first: int, end: int) -> None: ...
    def phases(self, spectra: Array, counts: Array, share: float, keeps_mean: bool) -> None: ...

class WindowTransforms:
    def __init__(self, table: Any, summed: str, height: int, width: int) -> None: ...
    def room(self) -> int: ...
    def scores(
        self,
        by_phase: bool,
        a: Array,
        a_firsts: Array,
        b: Array,
        b_firsts: Array,
        scores: Array,
        norms: Array,
        plain: Array,
        workspace: Array,
    ) -> None: ...
    def best_pairs(
        self,
        by_phase: bool,
        a: Array,
        a_firsts: Array,
        b: Array,
        b_firsts: Array,
        error: float,
        near: int,
        best: Array,
        tops: Array,
        around: Array,
        norms: Array,
        plain: Array,
        workspace: Array,
    ) -> None: ...

class OverlapScores:
    def __init__(self, table: Any, sizes: Array, shifts: Array, least_count: float) -> None: ...
    def room(self, transforms: PlaneTransforms) -> int: ...
    def score(self, scores: Array, a: Array, b: Array, least: Array) -> None: ...
    def best_pairs(
        self,
        transforms: PlaneTransforms,
        a: Array,
        a_firsts: Array,
        b: Array,
        b_firsts: Array,
        narrow: bool,
        allowed: tuple[int, int, int, int],
        offsets: tuple[int, int],
        share: float,
        error: float,
        near: int,
        best: Array,
        tops: Array,
        around: Array,
        plain: Array,
        workspace: Array,
    ) -> None: ...

class MaskedScores:
    def __init__(self, table: Any, counts: Array, products: Array, a: Array, b: Array) -> None: ...
    def centre(self, are_whole: Array, least: float, first: int, end: int) -> None: ...
    def score(self, least: Array, first: int, end: int) -> None: ...
