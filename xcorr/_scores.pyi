from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
Doubles = npt.NDArray[np.float64]

def stage(
    level: Any,
    images: Array,
    rows: Array,
    columns: Array,
    centres: Doubles,
    factors: Doubles,
    fill: Doubles,
    planes: Array,
) -> None: ...
def finite_ends(level: Any, images: Array) -> tuple[Doubles, Doubles] | None: ...
def windows_of(
    level: Any,
    planes: Doubles,
    how: str,
    taps: tuple[int, int],
    dilation: tuple[int, ...],
    stride: tuple[int, ...],
    result: Doubles,
) -> None: ...
def inverse_roots_of(
    level: Any,
    planes: Array,
    taps: tuple[int, int],
    stride: tuple[int, ...],
    share: float,
    relative: float,
    roots: Array,
) -> tuple[float, float, float]: ...
def whole_moments(
    level: Any,
    planes: Array,
    taps: tuple[int, int],
    stride: tuple[int, ...],
    n_taps: float,
    sums: Doubles,
    spread: Doubles,
) -> None: ...
def spreads_of(
    level: Any,
    sums: Doubles | None,
    squares: Doubles,
    n_taps: float,
    needed: Sequence[tuple[float, float]],
    spread: Doubles,
) -> list[int]: ...
def n_beyond(squares: Doubles, spread: Doubles, relative: float, least: float) -> int: ...
def inverse_roots(level: Any, spread: Doubles, roots: Array) -> None: ...
def exact_spreads(sums: Doubles, squares: Doubles, n_taps: int, spread: Doubles) -> None: ...
def exact_scores(
    products: Array,
    sums: Doubles,
    spread: Doubles,
    template_sums: Doubles,
    template_spreads: Doubles,
    n_taps: float,
    divides: bool,
    scores: Doubles,
) -> None: ...
def distances_of(
    level: Any,
    products: Doubles,
    of_windows: Doubles,
    of_template: float,
    of_pixels: int,
    of_taps: int,
    divides: bool,
    distances: Array,
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
    dilation: tuple[int, ...],
    centred: bool,
    results: Doubles,
) -> None: ...
