"""What a suite is: a peer's own tests, the functions that are replaced in them, and what cannot apply and why."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Suite:
    """A peer's tests with some of its functions replaced."""

    peer: str
    """The distribution whose version is told."""
    tests: tuple[str, ...]
    """Importable modules (``scipy.signal.tests.test_signaltools``), or files beside this one."""
    swaps: dict[str, Callable[..., Any]]
    """Functions by the dotted names that they take the place of. Each has to be reached by some test."""
    only: str = ""
    """pytest's ``-k``: the tests of these functions."""
    left_out: dict[str, str] = field(default_factory=dict)
    """Reasons by regular expressions of the ids of tests that cannot apply; each matches at least one."""
    lacks: str = ""
    """What has to be there before it can run, as a sentence; it is then left out and the sentence told."""
    folder: str = ""
    """The folder that its peer is imported from, where that is not the installed one."""
    prepare: Callable[[], None] = lambda: None
    """Called before the tests are imported, after the functions are replaced."""
