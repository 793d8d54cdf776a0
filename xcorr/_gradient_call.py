"""One correlation that a gradient consists of: planned and run without reading keywords again."""

from typing import Any

import numpy as np
import numpy.typing as npt

from xcorr._bank import Bank
from xcorr._correlate import correlate
from xcorr._plan import Plan, plan_for
from xcorr._run import bank_of, run
from xcorr._settings import USUAL, Settings, words_of

Array = npt.NDArray[Any]


def settings_of(**words: Any) -> Settings:
    """The settings of keywords that are in their one form already, but for the dtype."""
    return USUAL._replace(**{**words, "dtype": np.dtype(words["dtype"]).str})


def plan_of(settings: Settings, images: Array, kernels: Array) -> Plan:
    """The plan of a correlation of images."""
    return plan_for(settings, images.shape, images.dtype, kernels.shape, kernels.dtype)


def respond_into(
    out: Array, settings: Settings, images: Array, kernels: Array, workers: Any, bank: Bank | None = None
) -> Bank | None:
    """The response in `out`, with a bank of these kernels that was made before, or a new one, which comes back."""
    if "D" in str(settings.layout):
        correlate(images, kernels, **words_of(settings), out=out, workers=workers)
        return None
    plan = plan_of(settings, images, kernels)
    bank = bank_of(plan, kernels, None) if bank is None else bank
    run(plan, bank, images, 0, out, workers)
    return bank
