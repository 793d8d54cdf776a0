"""The bank of a call whose images are not seen everywhere: in memory at once, or part by part where these are large."""

from typing import Any

import numpy.typing as npt

from xcorr._seen import Operand, Respond, SeenBank, SeenPlan
from xcorr._settings import Settings

Array = npt.NDArray[Any]


def seen_bank(settings: Settings, kernels: Array, bias: Any, fill_value: Any) -> SeenBank:
    """A bank, of whose images none is refused for its size if it can be cut."""
    return SeenBank(settings, kernels, bias, fill_value, divide)


def divide(bank: SeenBank, images: Operand, plan: SeenPlan, seen: Any) -> Respond | None:
    """What responds to large images part by part; its module takes long to import, and is seldom wanted."""
    from xcorr._seen_in_parts import respond_in_parts

    return respond_in_parts(bank, images, plan, seen)
