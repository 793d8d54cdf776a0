"""Helpers of the tests, which the rows share: `from support import checks`."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1] / "tests" / "support"))
import axes
import cases
import checks
import formats
import killed
import malformed
import malformed_others
import malformed_scores
import matching
import memory_orders
import reductions
import swapped

__all__ = [
    "axes",
    "cases",
    "checks",
    "formats",
    "killed",
    "malformed",
    "malformed_others",
    "malformed_scores",
    "matching",
    "memory_orders",
    "reductions",
    "swapped",
]
