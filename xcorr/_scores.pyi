from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
Doubles = npt.NDArray[np.float64]

def stage(
    images: Array, rows: Array, columns: Array, centres: Doubles, factors: Doubles, fill: Doubles, planes: Array
) -> None: ...
def windows_of(
    planes: Doubles,
    how: str,
    taps: tuple[int, int],
    dilation: tuple[int, int],
    stride: tuple[int, int],
    result: Doubles,
) -> None: ...
def spreads_of(sums: Doubles, squares: Doubles, n_taps: float, spread: Doubles) -> None: ...
def n_beyond(squares: Doubles, spread: Doubles, relative: float, least: float) -> int: ...
def inverse_roots(spread: Doubles, roots: Doubles) -> None: ...
def exact_spreads(sums: Doubles, squares: Doubles, n_taps: int, spread: Doubles) -> None: ...
def scale_scores(scores: Array, roots: Doubles, factors: Doubles, most: float) -> None: ...
def exact_scores(
    products: Array,
    sums: Doubles,
    spread: Doubles,
    template_sums: Array,
    template_spreads: Doubles,
    n_taps: int,
    divides: bool,
    scores: Doubles,
) -> None: ...
def exact_distances(products: Array, squares: Doubles, of_templates: Array, distances: Array) -> None: ...
def masked_sums(
    seen: Array, pixels: Array, squares: Array, taps: Array, tap_squares: Array, products: Array, result: Doubles
) -> None: ...
def scores_one_by_one(
    planes: Doubles,
    seen: Doubles,
    places: Array,
    kernel: Doubles,
    taps: Doubles,
    dilation: tuple[int, int],
    centred: bool,
    results: Doubles,
) -> None: ...
