"""What is random in a case, and the loop that checks one case after the other.

Case `index` of a seed is made of these two numbers alone. `check(Draw(seed, index))` does one that failed again.
"""

import time
import warnings
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from rows import Outcome, Row

MOST_FAILED = 20


class Draw:
    """What is random in one case."""

    def __init__(self, seed: int, index: int) -> None:
        self.rng = np.random.default_rng([seed, index])
        self.call: Any = None

    def of(self, options: Any) -> Any:
        return options[int(self.rng.random() * len(options))]

    def up_to(self, most: int) -> int:
        """0 to `most`."""
        return int(self.rng.random() * (most + 1))

    def one_in(self, number: int) -> bool:
        return bool(self.rng.random() * number < 1)


class Checked(NamedTuple):
    cases: int
    failures: tuple[str, ...]
    worst: float


def drawn_row(
    id: str, measure: str, target: str, check: Callable[[Draw], float | None], found: str, *, bounded: bool = False
) -> Row:
    """A row whose cases are drawn one after the other; its figure says how many failed and, if they have bounds, how
    near to them the others come.
    """

    def run(seconds: float, seed: int, least: int = 0) -> Outcome:
        checked = check_cases(check, seconds, seed, least)
        near = f", other errors up to {checked.worst:.2f} of their bound" if bounded else ""
        figure = f"{len(checked.failures)} {found}{near}"
        return Outcome(figure, checked.cases, not checked.failures, checked.failures)

    return Row(id, measure, target, run, counts=True)


def check_cases(check: Callable[[Draw], float | None], seconds: float, seed: int, least: int = 0) -> Checked:
    """Case after case until the time is over and so many are done, but not more than some that fail.

    A check fails by raising, and may give a figure for the worst.
    """
    failures: list[str] = []
    worst = 0.0
    end, index = time.perf_counter() + seconds, 0
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        while index < max(least, 1) or time.perf_counter() < end:
            if len(failures) == MOST_FAILED:
                break
            draw = Draw(seed, index)
            try:
                worst = max(worst, check(draw) or 0)
            except Exception as error:
                name = f"{check.__module__}.{check.__name__}(Draw({seed}, {index}))"
                failures.append(f"{name}: {type(error).__name__} {error}; {draw.call}")
            index += 1
    return Checked(index, tuple(failures), worst)
