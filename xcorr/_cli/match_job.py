"""What is asked of ``xcorr match``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from xcorr._cli.job import Job
from xcorr._cli.search import Search

__all__ = ["MatchJob"]


@dataclass(frozen=True)
class MatchJob(Job):
    """What is asked of ``xcorr match``.

    Parameters
    ----------
    search : Search
        How templates are looked for.
    names : sequence of str
        Of the templates.
    maps, drawings : Path or None
        Folders of the score maps, and of the pictures with boxes.
    """

    search: Search
    names: Sequence[str]
    maps: Path | None
    drawings: Path | None

    @property
    def between_pixels(self) -> bool:
        """Whether places between pixels are told."""
        return self.search.peaks["subpixel"] is not None
