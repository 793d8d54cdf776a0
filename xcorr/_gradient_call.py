"""One correlation that a gradient consists of: planned and run without reading keywords again."""

from typing import Any

import numpy as np
import numpy.typing as npt

from xcorr import _dispatch
from xcorr._arrays import PIECE
from xcorr._bank import Bank, workers_for
from xcorr._correlate import correlate
from xcorr._looks import any_faint, as_it_lies, own_finite
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
    """Whether taps are subnormal in float32; all parts of kernels without any are told so, and not looked through.

    Those that have gaps in memory may be: it takes less to look through the parts, if these are copied.
    """
    own = as_it_lies(kernels)
    if not own.flags.forc:
        return True
    table, numbers = _dispatch.current().table, own.ravel("K")
    for first in range(0, len(numbers), PIECE):  # so that a signal is not kept waiting
        piece = numbers[first : first + PIECE]
        if any_faint(piece, table, workers_for(piece.nbytes, 0, 0, get_workers())):
            return True
    return False


def is_finite(kernels: Array) -> bool:
    """Whether all taps are finite numbers, which all parts of them are told, as well."""
    return own_finite(kernels, _dispatch.current().table)


def respond_into(
    out: Array,
    settings: Settings,
    images: Array,
    kernels: Array,
    workers: Any,
    bank: Bank | None = None,
    may_be_faint: bool = True,
    are_finite: bool | None = None,
) -> Bank | None:
    """The response in `out`, with a bank of these kernels that was made before, or a new one, which comes back."""
    if "D" in str(settings.layout):
        correlate(images, kernels, **words_of(settings), out=out, workers=workers)
        return None
    plan = plan_of(settings, images, kernels)
    bank = bank_of(plan, kernels, None) if bank is None else bank
    bank.looked_for_faint = bank.looked_for_faint or not may_be_faint
    bank.finite = are_finite if bank.finite is None and are_finite else bank.finite
    run(plan, bank, images, 0, out, workers)
    return bank
