"""What is asked of ``xcorr apply``, and what its runs of both kinds share: responses, and how far they are."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

from xcorr._cli.job import Job, Run
from xcorr._cli.respond import Responder
from xcorr._cli.responses import Responses
from xcorr._cli.tiles import Look

__all__ = ["ApplyJob", "ApplyRun"]


@dataclass(frozen=True)
class ApplyJob(Job):
    """What is asked of ``xcorr apply``."""

    responder: Responder
    look: Look


class ApplyRun(Run):
    """What the runs of both kinds share."""

    job: ApplyJob

    def told(self, responses: Responses) -> Iterator[NDArray[Any]]:
        """Give the parts of a file's responses, and tell how far they are."""
        for part in responses.parts:
            self.count(len(part), responses.n_images)
            yield part  # after which a sheet that is cut may ask for no more
