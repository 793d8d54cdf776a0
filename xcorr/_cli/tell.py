"""What ``xcorr info`` and ``xcorr explain`` tell."""

from __future__ import annotations

import math
import os
from typing import Any

import numpy as np
import scipy
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from xcorr import _memory, _workers
from xcorr._dtypes import check_element, named_dtype
from xcorr._explain import n_bytes, predicted_seconds, summed_in, workers_for
from xcorr._info import info
from xcorr._methods import choice
from xcorr._plan import Plan, plan_for
from xcorr._settings import read_settings
from xcorr._timing import warm_seconds
from xcorr._units import count_word, readable

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
    n_workers = workers_for(plan, n_images, workers)
    return {
        "images": f"{shape_word(images)} of {plan.types.images}, layout {plan.layout.word}",
        "kernels": f"{shape_word(kernels)} of {plan.types.kernels}",
        "response": f"{shape_word(plan.response_shape(n_images))} of {plan.types.response}",
        "multiply-adds": plan.multiply_adds * n_images,
        "method": plan.method,
        "why": "; ".join(choice.reasons(plan)),
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


# --- time -------------------------------------------------------------------------------------------------------------


def numbers(shape: tuple[int, ...], dtype: np.dtype[Any]) -> Array:
    """Return small random numbers, with memory for one image's worth of draws at a time."""
    return np.random.default_rng(0).integers(0, 2, shape, dtype=np.int8).astype(dtype)


def predicted(
    plan: Plan, images: tuple[int, ...], kernels: tuple[int, ...], n_images: int, n_workers: int
) -> dict[str, Any]:
    """Return the time by the plan's count of multiply-adds and bytes, at rates of this machine."""
    seconds = predicted_seconds(plan, n_images, n_workers)
    return {
        "predicted time, s": round(seconds, 9),
        "predicted from": f"what takes as long as {count_word(plan.effort * n_images)} multiply-adds, or the memory if "
        "it takes longer, at rates measured now; --measure times the call itself",
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
        return warm_seconds(lambda: correlate(batch, bank, workers=n_workers, **words), TIMED_SECONDS)

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
    bank, workspace = n_bytes(plan, images, n_workers)
    told: dict[str, Any] = {"sums in": summed_in(plan) or "128-bit integers"}
    told["response, bytes"] = plan.response_bytes * n_images
    if summed_in(plan):
        told["prepared bank, bytes"] = bank
    return {**told, "workspace at most, bytes": workspace}
