"""What a row of the scoreboard is, and what a run of it gives."""

from collections.abc import Callable
from typing import NamedTuple

SHORT = 2.0
"""Seconds of a row up to which it does a seeded part of what takes long and is done whole else."""


class Outcome(NamedTuple):
    """Of one run of a row."""

    figure: str
    """What was measured, with its unit."""

    cases: int
    held: bool
    """Whether the target was met."""

    remarks: tuple[str, ...] = ()
    """What did not hold, so that it can be done again; or what was not done here, and why."""


class Row(NamedTuple):
    """A promise and how it is measured."""

    id: str
    measure: str
    target: str
    run: Callable[..., Outcome]
    """Takes the seconds that it may spend, roughly, and the seed of what it draws; then, if it counts, the cases."""

    counts: bool = False
    """Whether it does as many cases as it is told to, however long they take."""
