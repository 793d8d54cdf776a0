"""One correlation that a gradient consists of: planned and run without reading keywords again."""

from typing import Any

import numpy as np
import numpy.typing as npt

from xcorr import _dispatch
from xcorr._bank import Bank, workers_for
from xcorr._correlate import correlate
from xcorr._looks import any_faint
from xcorr._plan import Plan, plan_for
from xcorr._run import bank_of, run
from xcorr._settings import Settings, usual_of, words_of
from xcorr._workers import get_workers

Array = npt.NDArray[Any]


def settings_of(**words: Any) -> Settings:
    """The settings of keywords that are in their one form already, but for the dtype."""
    return usual_of(words["layout"])._replace(**{**words, "dtype": np.dtype(words["dtype"]).str})


def plan_of(settings: Settings, images: Array, kernels: Array) -> Plan:
    """The plan of a correlation of images."""
    return plan_for(settings, images.shape, images.dtype, kernels.shape, kernels.dtype)


def has_faint(kernels: Array) -> bool:
    """Whether taps are subnormal in float32; all parts of kernels without any are told so, and not looked through."""
    return any_faint(kernels, _dispatch.current().table, workers_for(kernels.nbytes, 0, 0, get_workers()))


def respond_into(
    out: Array,
    settings: Settings,
    images: Array,
    kernels: Array,
    workers: Any,
    bank: Bank | None = None,
    may_be_faint: bool = True,
) -> Bank | None:
    """The response in `out`, with a bank of these kernels that was made before, or a new one, which comes back."""
    if "D" in str(settings.layout):
        correlate(images, kernels, **words_of(settings), out=out, workers=workers)
        return None
    plan = plan_of(settings, images, kernels)
    bank = bank_of(plan, kernels, None) if bank is None else bank
    bank.looked_for_faint = bank.looked_for_faint or not may_be_faint
    run(plan, bank, images, 0, out, workers)
    return bank
