"""Helpers of the tests, which the rows share: `from support import checks`."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1] / "tests" / "support"))
import cases
import checks
import formats
import killed
import malformed
import malformed_others
import malformed_scores
import memory_orders
import reductions
import swapped

__all__ = [
    "cases",
    "checks",
    "formats",
    "killed",
    "malformed",
    "malformed_others",
    "malformed_scores",
    "memory_orders",
    "reductions",
    "swapped",
]
