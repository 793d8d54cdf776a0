"""What ``xcorr info`` and ``xcorr explain`` tell."""

from __future__ import annotations

import math
import os
from collections.abc import Callable
from typing import Any

import numpy as np
import scipy
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from xcorr import _fft, _memory, _workers
from xcorr._bank import Bank
from xcorr._cli.timing import best_seconds
from xcorr._cli.units import count_word, readable
from xcorr._dtypes import EXACT_FLOAT32, EXACT_FLOAT64, check_element, largest_magnitude, named_dtype
from xcorr._info import info
from xcorr._job import NO_PANELS, WORK_PER_WORKER, Job
from xcorr._matmul import Blocks
from xcorr._method import SMALLEST_TRANSFORMED
from xcorr._plan import Plan, plan_for
from xcorr._settings import read_settings

__all__ = ["explanation", "facts", "print_facts"]

Array = NDArray[Any]

TIMED_SECONDS = 0.2
"""Seconds that timing goes on for, where a call takes less."""

MEASURED_SECONDS, MEASURED_BYTES = 1.0, 2**28
"""Images are measured at once as far as they take that time, and that memory."""


def print_facts(facts: dict[str, Any], title: str) -> None:
    """Print a table on a terminal, and lines "key: value" elsewhere."""
    console, words = Console(highlight=False), readable(facts)
    if not console.is_terminal:
        for name, value in words.items():
            print(f"{name}: {value}")
        return
    table = Table(title=title, show_header=False)
    for name, value in words.items():
        table.add_row(name, value)
    console.print(table, markup=False)


# --- info -------------------------------------------------------------------------------------------------------------


def facts() -> dict[str, Any]:
    """Return what this installation and this machine are, by name; sizes in bytes, None for no limit."""
    known = info()
    return {
        "version": known["version"],
        "level": known["level"],
        "levels that run here": list(known["levels"]),
        "levels built": list(known["levels_built"]),
        "workers": known["workers"],
        "CPUs": os.cpu_count(),
        "CPUs by affinity": affinity(),
        "CPUs by control group": _workers.cgroup_quota(),
        "workspace of a call at most, bytes": known["workspace_limit"],
        "memory kept for next calls at most, bytes": _memory.KEPT_BYTES,
        "machine": known["machine"],
        "Python": known["python"],
        "NumPy": known["numpy"],
        "SciPy": scipy.__version__,
    }


def affinity() -> int | None:
    try:
        return len(os.sched_getaffinity(0))
    except (AttributeError, OSError):
        return None


# --- explain ----------------------------------------------------------------------------------------------------------


def explanation(
    *,
    images: tuple[int, ...],
    kernels: tuple[int, ...],
    images_dtype: str,
    kernels_dtype: str,
    workers: int | None,
    measure: bool,
    **keywords: Any,
) -> dict[str, Any]:
    """Return how `correlate` would do a call, by name.

    Parameters
    ----------
    images, kernels : tuple of int
        Shapes of the operands.
    images_dtype, kernels_dtype : str
        Their types.
    workers : int or None
        As for `correlate`.
    measure : bool
        Whether the call is timed, on random operands, instead of predicted.
    **keywords
        ``layout``, ``groups``, ``padding``, ``boundary``, ``stride``, ``dilation``, ``dtype``, ``method`` and
        ``precision`` of `correlate`.

    Raises
    ------
    TypeError, ValueError, MemoryError
        As `correlate`.
    """
    types = [operand_dtype("images-dtype", images_dtype), operand_dtype("kernels-dtype", kernels_dtype)]
    settings = read_settings(keywords)
    plan = plan_for(settings, images, types[0], kernels, types[1])
    plan.check_it_fits()
    n_images = images[plan.layout.images[0]] if plan.layout.images[0] >= 0 else 1
    n_workers = workers_of(plan, n_images, workers)
    geometry = plan.geometry
    return {
        "images": f"{shape_word(images)} of {plan.types.images}, layout {plan.layout.word}",
        "kernels": f"{shape_word(kernels)} of {plan.types.kernels}",
        "response": f"{shape_word(plan.response_shape(n_images))} of {plan.types.response}",
        "multiply-adds": geometry.work * n_images * plan.parts,
        "method": plan.method,
        "why": why(plan),
        "level": plan.level.name,
        "workers": n_workers,
        **(measured if measure else predicted)(plan, images, kernels, n_images, n_workers),
        **memory_of(plan, images, n_images, n_workers),
    }


def operand_dtype(option: str, word: str) -> np.dtype[Any]:
    """Return the type of that name; TypeError with the option's name if operands cannot be of it."""
    try:
        dtype = named_dtype(word)
    except TypeError as error:
        raise TypeError(f"{option}: {str(error).removeprefix('dtype: ')}") from None
    check_element(option, dtype)
    return dtype


def shape_word(shape: tuple[int, ...]) -> str:
    return "x".join(map(str, shape))


def workers_of(plan: Plan, n_images: int, workers: int | None) -> int:
    """Return how many a call would use, as `Job` decides it."""
    useful = max(1, plan.work * n_images // WORK_PER_WORKER)
    return int(min(useful, _workers.count_workers(workers), _workers.most_threads()))


def why(plan: Plan) -> str:
    """Say why the method is taken."""
    geometry = plan.geometry
    if plan.settings.method != "auto":
        return "as asked"
    if plan.method == "winograd":
        return "3x3 kernels of many channels: 16 multiplications for 4 responses instead of 36"
    taps = geometry.kernel_height * geometry.kernel_width
    if plan.settings.precision == "strict":
        return "precision strict: it has the error bound of every response by itself"
    if taps < SMALLEST_TRANSFORMED:
        return f"the frequency domain is for kernels of {SMALLEST_TRANSFORMED} taps in a channel and more"
    cost = _fft.cheapest(plan.sizes)[1]
    direct = count_word(geometry.work * plan.parts)
    if not cost:
        return f"no tile of the frequency domain fits the workspace; direct sums have {direct} multiply-adds"
    costs = f"the frequency domain costs as much as {count_word(cost)} multiply-adds"
    return f"of one image, {costs}, direct sums have {direct}"


# --- time -------------------------------------------------------------------------------------------------------------


def warm_seconds(call: Callable[[], object]) -> float:
    """Return the shortest time of a call that has been made before."""
    call()
    return best_seconds(call, TIMED_SECONDS)


def numbers(shape: tuple[int, ...], dtype: np.dtype[Any]) -> Array:
    """Return small random numbers, with memory for one image's worth of draws at a time."""
    return np.random.default_rng(0).integers(0, 2, shape, dtype=np.int8).astype(dtype)


def predicted(
    plan: Plan, images: tuple[int, ...], kernels: tuple[int, ...], n_images: int, n_workers: int
) -> dict[str, Any]:
    """Return the time by the plan's count of work, at the rate of a call at its best that is timed now."""
    from xcorr._correlate import correlate

    operands = numbers((4, 58, 58, 64), plan.types.images), numbers((64, 3, 3, 64), plan.types.kernels)
    work = 4 * 56 * 56 * 64 * 576 * plan.parts
    rate = work / warm_seconds(lambda: correlate(*operands, method="direct", workers=n_workers))
    seconds = plan.work * n_images / rate
    return {
        "predicted time, s": round(seconds, 9),
        "predicted from": f"work like {count_word(plan.work * n_images)} multiply-adds, and {count_word(rate)} a "
        "second measured now on a 3x3 layer of 64 channels at its best; --measure times the call itself",
    }


def measured(
    plan: Plan, images: tuple[int, ...], kernels: tuple[int, ...], n_images: int, n_workers: int
) -> dict[str, Any]:
    """Return the time of a call, measured on as many images as take a second, or one."""
    words = plan.settings._asdict()
    words.pop("flip")
    bank = numbers(kernels, plan.types.kernels)

    def timed(n_timed: int) -> float:
        from xcorr._correlate import correlate

        batch = numbers(with_images(plan, images, n_timed), plan.types.images)
        return warm_seconds(lambda: correlate(batch, bank, workers=n_workers, **words))

    n_timed = min(1, n_images)
    seconds = timed(n_timed)
    pixels = math.prod(images) // max(1, n_images) * plan.types.images.itemsize
    most = min(int(MEASURED_SECONDS / seconds), MEASURED_BYTES // max(1, pixels + plan.response_bytes), n_images)
    if most > n_timed:
        n_timed, seconds = most, timed(most)
    return {
        "measured time, s": round(seconds * n_images / max(1, n_timed), 9),
        "measured on": f"{n_timed} of {n_images} images, the shortest of the calls in {TIMED_SECONDS} s",
    }


def with_images(plan: Plan, images: tuple[int, ...], n_images: int) -> tuple[int, ...]:
    """Return the shape of that many images."""
    axis = plan.layout.images[0]
    return images if axis < 0 else (*images[:axis], n_images, *images[axis + 1 :])


# --- memory -----------------------------------------------------------------------------------------------------------


def memory_of(plan: Plan, images: tuple[int, ...], n_images: int, n_workers: int) -> dict[str, Any]:
    """Return the bytes of the response, of the prepared bank and of the workers' workspaces."""
    arithmetic = summed_in(plan)
    told: dict[str, Any] = {"sums in": arithmetic or "128-bit integers"}
    told["response, bytes"] = plan.response_bytes * n_images
    if not arithmetic:
        return {**told, "workspace at most, bytes": _workers.WORKSPACE_LIMIT}
    summed = np.dtype(arithmetic).str[1:]
    if plan.method == "fft":
        tile, sizes = plan.tile[0], plan.sizes
        bank = int(_fft.chunk(tile, sizes) * _fft.spectrum_bytes(tile, sizes)) * sizes.groups
        workspace = int(_fft.workspace(tile, sizes))
    elif plan.method == "matmul":
        blocks = Blocks(plan.geometry, plan.depth, np.dtype(summed).itemsize)
        bank, workspace = (
            blocks.item_bytes * blocks.n_taps * plan.n_kernels * plan.geometry.groups,
            blocks.workspace_bytes,
        )
        n_workers = 1
    else:
        bank, workspace = engine_bytes(plan, images, n_images, summed, n_workers)
    return {**told, "prepared bank, bytes": bank, "workspace at most, bytes": workspace * n_workers}


def summed_in(plan: Plan) -> str:
    """Return the type of the sums; of integers for operands as large as their types allow, "" beyond float64."""
    if not plan.types.exact:
        return plan.types.work.name
    bound = plan.geometry.n_taps * largest_magnitude(plan.types.images) * largest_magnitude(plan.types.kernels)
    if plan.method == "fft":
        return "float64"
    return "float32" if bound <= EXACT_FLOAT32 else "float64" if bound <= EXACT_FLOAT64 else ""


def engine_bytes(plan: Plan, images: tuple[int, ...], n_images: int, summed: str, n_workers: int) -> tuple[int, int]:
    """Return the bytes of the panels and of one workspace, from a call that is laid out but not run."""
    engine = plan.engine(summed)
    work = np.dtype(summed)
    n_elements = engine.groups * engine.padded_kernels * engine.n_taps
    if n_images == 0 or 0 in plan.one_response:
        return n_elements * work.itemsize, 0
    batch = np.broadcast_to(np.zeros((), plan.types.images), images)
    response = unwritten(plan.response_shape(n_images), plan.types.stored)
    kernels = np.broadcast_to(np.zeros((), plan.types.kernels), (0,) * 4)
    job = Job(plan, batch, as_bank(kernels), (0,), n_workers)
    job.beside += n_elements * work.itemsize
    call = job.call(engine, response, NO_PANELS, None, n_workers)
    try:
        return n_elements * work.itemsize, int(call.workspace_bytes)
    finally:
        call.close()


def unwritten(shape: tuple[int, ...], dtype: np.dtype[Any]) -> Array:
    """Stand for an array that nobody reads or writes."""
    strides = [dtype.itemsize * math.prod(shape[axis + 1 :]) for axis in range(len(shape))]
    return np.lib.stride_tricks.as_strided(np.empty(1, dtype), shape, strides)


def as_bank(kernels: Array) -> Bank:
    """Stand for a bank where its kernels are not looked at."""
    bank = Bank.__new__(Bank)
    bank.original = kernels
    return bank
