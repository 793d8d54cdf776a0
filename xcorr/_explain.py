"""What a call would do, and why: known from sizes, types and keywords before there are arrays."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Any, NamedTuple, SupportsIndex

import numpy as np
import numpy.typing as npt

from xcorr import _workers
from xcorr._cache import remembered
from xcorr._dispatch import Level
from xcorr._dtypes import EXACT_FLOAT64, check_element, largest_magnitude, named_dtype
from xcorr._job import Job, useful_workers
from xcorr._masks import read_mask
from xcorr._methods import choice
from xcorr._methods.choice import METHODS
from xcorr._plan import Plan, plan_for
from xcorr._reading import checked, read_array_shape
from xcorr._reduce import images_at_once, reducer_of
from xcorr._reduce_peaks import BYTES_AT_ONCE
from xcorr._respond import summed_for
from xcorr._run import bank_for, run
from xcorr._seen import Operand
from xcorr._settings import read_settings, split, takes_keywords
from xcorr._timing import warm_seconds
from xcorr._typing import Reduce
from xcorr._units import size_word, time_word
from xcorr._volume_run import plan_of_call

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from xcorr._typing import BankKeywords
    from xcorr.peaks import Peaks

CALL_SECONDS = 1e-6
"""Seconds that the shortest call takes, whatever it computes."""

TIMED_SECONDS = 0.02
"""Seconds that a rate is measured for."""


class Explanation(NamedTuple):
    """How a call would be done; ``str()`` shows it in some lines.

    Parameters
    ----------
    method : str
        ``"direct"``, ``"matmul"``, ``"fft"`` or ``"winograd"``.
    seconds : float
        About how long the call would take with a prepared bank.
    workspace_bytes : int
        The memory that the call needs at most beside operands and response: the prepared bank and the workspaces of
        all workers. Where integers go into an `out` that they may not fit, a copy of it comes on top.
    reasons : tuple of str
        Why that method, and how it goes.
    """

    method: str
    seconds: float
    workspace_bytes: int
    reasons: tuple[str, ...]

    def __str__(self) -> str:
        lines = [
            f"method {self.method}",
            f"about {time_word(self.seconds)}",
            f"workspace at most {size_word(self.workspace_bytes)}",
            *self.reasons,
        ]
        return "\n".join(lines)


@takes_keywords("dtype", "out", "workers")
def explain(
    images_shape: tuple[int, ...],
    kernels_shape: tuple[int, ...],
    *,
    dtype: npt.DTypeLike = np.float32,
    workers: SupportsIndex | None = None,
    reduce: Reduce | tuple[Reduce, ...] | Peaks | None = None,
    **keywords: Unpack[BankKeywords],
) -> Explanation:
    """Say what `correlate` would do with operands of these shapes, how long it would take and why.

    Parameters
    ----------
    images_shape, kernels_shape : tuple of int
        Shapes of the operands, as `correlate` takes them.
    dtype : dtype_like
        Type of both operands.
    workers : int, optional
        Threads to use at most, as for `correlate`.
    reduce, layout, padding, boundary, fill_value, stride, dilation, groups, roi, pairwise, bias, conjugate
        As for `correlate`.
    method, precision, overflow, over, mask, normalize
        As for `correlate`. `bias` and `fill_value` are taken and change nothing; what is told of calls with a mask or
        that are normalized are the sums over what is seen.

    Returns
    -------
    Explanation
        With ``method``, ``seconds``, ``workspace_bytes`` and ``reasons``; ``str()`` of it is a few lines of text. The
        time is what the method costs by its sizes, over rates of this machine that are measured at the first call.

    Raises
    ------
    TypeError, ValueError, MemoryError
        As `correlate`.

    See Also
    --------
    choose_method : The method alone.
    Correlator.explain : The same of a prepared bank, in words.

    Examples
    --------
    >>> import xcorr
    >>> told = xcorr.explain((1080, 1920), (31, 31))
    >>> told.method
    'fft'
    >>> print(told)
    method fft
    about ...
    workspace at most ...
    of one image, fft costs as much as ...
    """
    operand_dtype = named_dtype(dtype)
    check_element("dtype", operand_dtype)
    images, kernels = read_array_shape(images_shape, "images_shape"), read_array_shape(kernels_shape, "kernels_shape")
    given = {**keywords, "reduce": reduce}
    words, operands = split("explain", given, "dtype", "out", "workers", own=("dtype", "workers"))
    mask, _held = read_mask(operands["mask"], "mask", True)
    of_images, of_kernels = Operand(images, operand_dtype), Operand(kernels, operand_dtype)
    plan, images, gathered = plan_of_call(read_settings(words), of_images, of_kernels, mask)
    plan.check_it_fits()
    checked(prod(images) * operand_dtype.itemsize, "images_shape", "the bytes of the images")
    n_workers = workers_for(plan, images_in(plan, images), workers)
    told = explained(plan, images, n_workers)
    return told._replace(workspace_bytes=told.workspace_bytes + gathered)


def explained(plan: Plan, images: tuple[int, ...], n_workers: int) -> Explanation:
    """Say how a plan's call with images of that shape would be done by so many workers."""
    bank, workspace = n_bytes(plan, images, n_workers)
    level, summed = plan.level.name, summed_in(plan) or "float64, or in 128 bits where that does not hold the numbers"
    reasons = [*choice.reasons(plan), f"sums in {summed}, level {level}, {n_workers} worker{'s' * (n_workers > 1)}"]
    seconds = predicted_seconds(plan, images_in(plan, images), n_workers)
    return Explanation(plan.method, seconds, bank + workspace, tuple(reasons))


def images_in(plan: Plan, images: tuple[int, ...]) -> int:
    """The number of images in a batch of that shape."""
    return images[plan.layout.images[0]] if plan.layout.images[0] >= 0 else 1


def workers_for(plan: Plan, n_images: int, workers: Any) -> int:
    """How many workers a call would have."""
    useful = max(1, useful_workers(plan, n_images))
    return int(min(useful, _workers.count_workers(workers), _workers.most_threads()))


# --- time -------------------------------------------------------------------------------------------------------------


def predicted_seconds(plan: Plan, n_images: int, n_workers: int) -> float:
    """The longer of what the arithmetic takes and what the memory takes, and the call itself."""
    pixels = prod(axis.length for axis in plan.geometry.axes) * plan.geometry.channels
    written = 0 if plan.reduction or plan.peaks else plan.response_bytes
    moved = n_images * (pixels * plan.types.images.itemsize + written)
    summed = np.dtype(summed_in(plan) or np.float64).str[1:]
    arithmetic = plan.effort * n_images / rate(plan.level, summed, n_workers)
    return CALL_SECONDS + max(arithmetic, moved / bandwidth())


@remembered(64)
def rate(level: Level, summed: str, n_workers: int) -> float:
    """Multiply-adds of floats a second on a 3x3 layer of 64 channels at its best, or what bytes make of them."""
    operands = "i1" if summed == "i4" else summed
    images, kernels = np.ones((4, 58, 58, 64), operands), np.ones((64, 3, 3, 64), operands)
    plan = plan_for(read_settings({"method": "direct"}), images.shape, images.dtype, kernels.shape, kernels.dtype)
    bank, *_ = bank_for(plan, kernels, None)
    seconds = warm_seconds(lambda: run(plan, bank, images, 0, None, n_workers), TIMED_SECONDS)
    return plan.effort * len(images) / seconds


@remembered(None)
def bandwidth() -> float:
    """Bytes a second that are read or written where a batch does not fit the caches, measured now."""
    source, target = np.ones(2**22, np.float32), np.empty(2**22, np.float32)
    return 2 * source.nbytes / warm_seconds(lambda: np.copyto(target, source), TIMED_SECONDS)


# --- memory -----------------------------------------------------------------------------------------------------------


def summed_in(plan: Plan) -> str:
    """The type of the sums; of integers for operands as large as their types allow, "" beyond float64."""
    if not plan.types.exact:
        return plan.types.sums.name
    bound = plan.geometry.n_taps * largest_magnitude(plan.types.images) * largest_magnitude(plan.types.kernels)
    if plan.method == "fft":
        return "float64"
    return np.dtype(summed_for(plan, bound)[0]).name if bound <= EXACT_FLOAT64 else ""


def n_bytes(plan: Plan, images: tuple[int, ...], n_workers: int) -> tuple[int, int]:
    """The bytes of the prepared bank, and of the workspaces of all workers at most."""
    summed = summed_in(plan)
    if not summed:
        return 0, _workers.WORKSPACE_LIMIT
    nobody: Any = None  # a bank is not looked at
    job = Job(plan, np.broadcast_to(np.zeros((), plan.types.images), images), nobody, (0,), n_workers)
    kept = 0
    result: Any = unwritten(plan.response_shape(images_in(plan, images)), plan.types.stored)
    if plan.reduction is not None and result.size:
        job = job.of_images(0, min(job.n_images, images_at_once(plan.reduction)))
        result = reducer_of(plan, plan.reduction, job.n_images)
        kept = result.nbytes
    elif plan.peaks is not None:
        kept = min(plan.response_bytes * job.n_images, BYTES_AT_ONCE)
    bank, workspaces = METHODS[plan.method].n_bytes(job, result, np.dtype(summed).str[1:], n_workers)
    return bank, workspaces + kept


def unwritten(shape: tuple[int, ...], dtype: np.dtype[Any]) -> npt.NDArray[Any]:
    """Stand for an array that nobody reads or writes."""
    strides = [dtype.itemsize * prod(shape[axis + 1 :]) for axis in range(len(shape))]
    return np.lib.stride_tricks.as_strided(np.empty(1, dtype), shape, strides)
