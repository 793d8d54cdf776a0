"""The bank of a call whose images are not seen everywhere: in memory at once, or part by part where these are large."""

from typing import Any

import numpy.typing as npt

from xcorr._seen import RespondAll, SeenBank
from xcorr._settings import Settings

Array = npt.NDArray[Any]


def seen_bank(settings: Settings, kernels: Array, bias: Any, fill_value: Any) -> SeenBank:
    """A bank, of whose images none is refused for its size if it can be cut."""
    return SeenBank(settings, kernels, bias, fill_value, in_parts)


def in_parts(*call: Any) -> RespondAll | None:
    """What `_seen_in_parts` has of that name, which takes long to import and is seldom wanted."""
    from xcorr import _seen_in_parts

    return _seen_in_parts.in_parts(*call)
