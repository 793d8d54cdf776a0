"""Calls whose images are not seen everywhere, and are too large for a call's workspace: part by part, as a stream."""

from typing import Any

import numpy.typing as npt

from xcorr._blocks import can_be_cut, cut
from xcorr._pieces_of_seen import OfSeen, obstacle_of
from xcorr._seen import Operand, Respond, SeenBank, SeenPlan
from xcorr._streaming import Stream

Array = npt.NDArray[Any]

MOST_BYTES = 2**27
"""Bytes of the pixels and of the results of parts that are there at the same time; not tuned."""


def respond_in_parts(bank: SeenBank, images: Operand, plan: SeenPlan, seen: Any) -> Respond | None:
    """What responds to such images part by part, if these can be cut."""
    if obstacle_of(bank, seen):
        return None
    pieces = OfSeen(images.shape, bank, plan, seen)
    if not can_be_cut(pieces):
        return None
    try:
        way = cut(pieces, images.dtype.itemsize, MOST_BYTES, None, None, whole=False)
    except MemoryError:  # of one part
        return None

    def respond(plan: SeenPlan, images: Array, seen: Any, results: list[Array], workers: Any) -> None:
        Stream(pieces, images, results, way, workers).run()

    return respond
