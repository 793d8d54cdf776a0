"""What is asked of ``xcorr apply``, and what its runs of both kinds share: responses, and how far they are."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

from xcorr._cli.images import ImageError, Images
from xcorr._cli.job import Job, Run
from xcorr._cli.large import IN_PARTS, Large, is_large
from xcorr._cli.respond import Responder
from xcorr._cli.responses import Responses
from xcorr._cli.tiles import Look

__all__ = ["ApplyJob", "ApplyRun"]


@dataclass(frozen=True)
class ApplyJob(Job):
    """What is asked of ``xcorr apply``."""

    responder: Responder
    look: Look
    most_bytes: int
    is_asked: bool
    """Whether the bytes are those of an option, which nothing may take more than."""
    scheduler: str | None = None
    """The address of a cluster's scheduler."""
    over_image: bool = False
    """Whether an image would be read where the result goes, if it did not go there."""


class ApplyRun(Run):
    """What the runs of both kinds share."""

    job: ApplyJob

    def told(self, responses: Responses) -> Iterator[NDArray[Any]]:
        """Give the parts of a file's responses, and tell how far they are."""
        for part in responses.parts:
            self.count(len(part), responses.n_images)
            yield part  # after which a sheet that is cut may ask for no more

    def large_of(self, images: Images, responses: Responses) -> Large | None:
        """Return what makes the responses of a file part by part, None if all of an image's have room.

        `ImageError` if they have none, were bytes asked for, and the results are made of whole ones.
        """
        job = self.job
        if is_large(job.responder, images, responses, job.most_bytes, job.form):
            return Large(job.responder, images, job.most_bytes, lambda share: self.watch.advance(share, 0))
        if job.is_asked and responses.n_bytes > job.most_bytes:
            raise ImageError(
                f"--most-bytes: got {job.most_bytes:,}; an image and its responses take {responses.n_bytes:,}, and "
                f"{whole_word(job)} is made of whole ones; allowed in parts are {', '.join(IN_PARTS)}"
            )
        return None


def whole_word(job: ApplyJob) -> str:
    """Return what the results are that are made of whole responses."""
    return f"--format {job.form}" if job.form not in IN_PARTS else f"--scale {job.responder.scale}"
