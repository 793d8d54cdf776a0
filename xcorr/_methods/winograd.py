"""Winograd F(2x2, 3x3): what it can do, and how it cuts its sums over channels."""

from collections.abc import Callable
from copy import copy
from math import prod
from typing import Any

import numpy as np

from xcorr import _workers
from xcorr._axes import Geometry
from xcorr._bank import Bank, panel_bytes, panels_key
from xcorr._dtypes import Types
from xcorr._engine import Engine
from xcorr._methods import direct
from xcorr._methods.asked import Array, Job, Limits, Part, Plan
from xcorr._threads import RLock

BOUND = "normwise"
LARGEST_KEPT_BANK, WORKERS_LIMIT = direct.LARGEST_KEPT_BANK, direct.WORKERS_LIMIT

LONGEST_BLOCK = 11
"""Channels of a block of the sum. Block sums are added up; totals of more than six (`binding.pxi`) carry what is lost.

The magnitudes of the places that make a response come to at most 10 times what the bound of 16 u is of, to 5.5 times if
pixels and taps are of one sign (found by looking at all signs, and at all pixels of 0 and 1), so that few roundings are
allowed where all channels are alike and err alike. Such channels of one sign, searched for the worst, reach 0.96 of
the bound with blocks of 11, 1.3 with 16, 2.5 with 32. Beside one block of 32 channels and two of 64 it takes 0.85 and
1.03 times as long at level v4, 1.05 and 1.03 at v3, with more channels 1.04 to 1.1 times; blocks of 8 cost 5 % more
(2026-11-26, AMD EPYC (Zen 5), 1 worker, 32 to 512 channels of 56x56 to 14x14 through `Correlator`).
"""

CHANNELS, SIDE = 32, 6
"""Channels and kernels, and rows and columns of the response, from which on winograd is taken.

From there on it is 1.2 to 2 times as fast as direct, at the threshold itself 0.95 to 1.4 times; with 24 channels 0.8 to
1.4 times, with 5x5 responses (a third of the quads' places is lost) 0.7 to 1.3 times. 2026-11-25, AMD EPYC (Zen 3),
level v3, 1 worker, benchmarks/crossover.py.
"""

LARGE_BANK, LARGE_BANK_SIDE = 2**18, 10
"""Products of channels and kernels from which on winograd waits for responses with that many rows and columns.

A transformed bank is 16/9 as large, and a small response reads it for few quads: 512 kernels of 512 channels are 0.8 to
1.1 times as fast with 6 to 8 rows, 1.15 with 10 and 1.3 with 12. Measured with the constants above.
"""

USED_PLACES, USED_PLACES_OF_FEW, FEW = 0.6, 0.85, 64
"""The share of the quads' places that have to be responses, and the same with fewer channels or kernels than that.

Odd sides lose a part, and so do sides that two dilations do not divide. From 64 channels on winograd is 1.2 times as
fast as direct with 0.64 of the places, 1.4 times with 0.77; with 32 it is 0.8 to 0.95 times as fast with 0.77 at level
v4, 1.2 to 1.4 times at v3, and 0.95 to 1.15 times at v4 with all. 2026-11-25, AMD EPYC (Zen 5), 1 worker,
benchmarks/crossover.py.
"""

TAPS = slice(0, 3), slice(0, 3)
"""All rows and columns of taps."""

STRIP_PIXELS = 2**23
"""Elements of the smallest strip above which winograd is not taken: dilation makes it taller than direct's."""


def obstacle(geometry: Geometry, types: Types) -> str:
    """What keeps winograd from doing the job, in words; empty if nothing does."""
    if geometry.kernel_shape != (3, 3):
        return f"kernels of {'x'.join(map(str, geometry.kernel_shape))}: they have to be 3x3"
    if any(axis.stride != 1 for axis in geometry.axes):
        return f"stride {tuple(axis.stride for axis in geometry.axes)}: it has to be 1"
    if types.exact:
        return f"responses of {types.response}: its sums are not proven to be exact"
    if np.empty(0, types.stored).real.dtype != types.sums:
        return f"responses of {types.response} from sums in {types.sums}: both have to be of one precision"
    return ""


def doubt(geometry: Geometry, types: Types) -> str:
    """Few channels, kernels or responses, or squares of which too few places are responses."""
    n_kernels = geometry.n_kernels // geometry.groups
    side = SIDE if geometry.depth * n_kernels < LARGE_BANK else LARGE_BANK_SIDE
    used = USED_PLACES if min(geometry.depth, n_kernels) >= FEW else USED_PLACES_OF_FEW
    if min(geometry.depth, n_kernels) < CHANNELS:
        return f"it is for {CHANNELS} channels and kernels and more"
    if min(geometry.outputs) < side:
        return f"it is for {side} rows and columns of responses and more here"
    if used_places(geometry) < used:
        return f"fewer than {used:.0%} of its places would be responses"
    if strip_pixels(geometry) > STRIP_PIXELS:
        return "its strips would be too large"
    return ""


def cost(geometry: Geometry, types: Types) -> int:
    """16 multiply-adds for each 2x2 responses' 36."""
    return geometry.multiply_adds * types.parts * 16 // 36


def effort(plan: Plan) -> int:
    """The cost."""
    return cost(plan.geometry, plan.types)


def loops(plan: Plan, summed: str) -> dict[str, Any]:
    """Loops of its own."""
    return {"form": "winograd", "blocks": sum_blocks(plan.depth)}


def check(plan: Plan, packed: int) -> None:
    """The transformed kernels, which are 16/9 as large, and the rows of a strip as for the direct method."""
    transformed = (packed - plan.table_bytes) // 9 * 16
    _workers.refuse_too_large("kernels", "transformed kernels", transformed, plan.table_bytes, "tables")
    if any(axis.before or axis.behind for axis in plan.geometry.axes):
        direct.check_rows(plan, transformed + plan.table_bytes)


def n_bytes(job: Job, result: Array, summed: str, n_workers: int) -> tuple[int, int]:
    """The bytes of the panels, and of the workspaces with the direct method's panels for what is handed back."""
    spare = job.spare = panel_bytes(job.plan.engine(summed, "kernels"))
    bank, workspaces = direct.n_bytes(job, result, summed, n_workers)
    if workspaces:
        workspaces = max(0, min(workspaces + spare, _workers.WORKSPACE_LIMIT - bank))
    return bank, workspaces


def reasons(plan: Plan) -> list[str]:
    """How many multiplications there are."""
    return ["3x3 kernels of many channels: 16 multiplications for 4 responses instead of 36"]


def quads_across(length: int, dilation: int) -> int:
    """Quads across so many rows or columns of responses: each has two that are a dilation apart, if there are two."""
    return length // (2 * dilation) * dilation + min(length % (2 * dilation), dilation)


def used_places(geometry: Geometry) -> float:
    """The share of the quads' places that are responses."""
    quads = prod(quads_across(axis.outputs, axis.dilation) for axis in geometry.axes)
    return prod(geometry.outputs) / (4 * quads)


def strip_pixels(geometry: Geometry) -> int:
    """Elements of the smallest strip of whole quads, in and around it."""
    down, across = geometry.axes
    rows = 2 * down.dilation + min(down.outputs, 2 * down.dilation)
    return rows * (across.outputs + 2 * across.dilation) * geometry.depth


def sum_blocks(depth: int) -> tuple[int, int, bool]:
    """How the sum over channels is cut, as `_axes.sum_blocks` says it for a kernel of one row."""
    return 1, -(-depth // LONGEST_BLOCK), False


# --- the run ----------------------------------------------------------------------------------------------------------


def run(job: Job, result: Array, summed: str, limits: Limits | None) -> bool:
    """All responses. They need no check: they are floats.

    What is handed back needs the direct method's panels, so that room for them is left from the beginning, or it is
    known how many kernels at once leave it.
    """
    assert limits is None
    engine, over_kernels = job.plan.engine(summed), job.plan.engine(summed, "kernels")
    job.spare = bytes_while_packed(job.bank, over_kernels)
    ask = asked(job, job.bank, over_kernels)
    call = job.laid_out(engine, job.bank, lambda panels: job.call(engine, result, panels, ask=ask))
    at_once = job.plan.n_kernels if job.spare else kernels_at_once(job, result, summed)
    job.share_out(call)
    if call.has_no_room:
        call.close()  # and with it the transformed kernels
        run_in_parts(job, result, summed, at_once)
    return True


def bytes_while_packed(bank: Bank, engine: Engine) -> int:
    """The bytes of a bank's panels and of what is there while they are packed."""
    return panel_bytes(engine) + bank.converted_bytes(engine)


def asked(job: Job, bank: Bank, engine: Engine) -> Callable[[Any], bool]:
    """What gives a call the direct method's panels, packed when they are wanted first; false if no room was left."""
    lock = RLock()

    def ask(call: Any) -> bool:
        level = job.plan.level.name
        with lock:
            if call.has_direct:
                return True
            found = bank.packs.get(panels_key(engine, level))
            if found is None:
                if not job.spare:
                    return False
                workspaces = call.workspace_bytes * len(call.workspaces)
                bank.make_room(job.plan.table_bytes + workspaces + job.spare, job.packed_as)
                found = bank.packed(engine, level, but=job.packed_as)
            call.take_direct(engine, *found)
        return True

    return ask


def run_in_parts(job: Job, result: Array, summed: str, at_once: int) -> None:
    """Some kernels after the others, so few that there is room for their panels of both methods."""
    job.bank.make_room(_workers.WORKSPACE_LIMIT)
    for group in range(job.bank.n_groups):
        for first in range(0, job.plan.n_kernels, at_once):
            run_part(job, result, summed, group, range(first, min(first + at_once, job.plan.n_kernels)))


def run_part(job: Job, result: Array, summed: str, group: int, kernels: range) -> None:
    """The responses of some kernels of a group; their taps and panels are gone when the next ones come."""
    part = Part(job.bank.some(group, kernels, summed, TAPS), group, tuple(kernels))
    engine, over_kernels = part_engines(job.plan, summed, len(kernels))
    job.spare = spare_of_part(job.plan, over_kernels)
    call = job.run(engine, result, part, ask=asked(job, part.bank, over_kernels))
    if call.has_no_room:
        raise MemoryError("kernels: there is no room for panels of the direct method beside winograd's")


def kernels_at_once(job: Job, result: Array, summed: str) -> int:
    """Kernels of a part: their taps and panels of both methods take half of the workspace, or leave one worker's.

    MemoryError if not even one does.
    """
    per_kernel = np.dtype(summed).itemsize * job.plan.depth * (9 + 16 + 9)
    most = (_workers.WORKSPACE_LIMIT - job.plan.table_bytes) // 2 // per_kernel
    at_once = int(max(1, min(most, job.plan.n_kernels)))
    while at_once > 1 and part_bytes(job, result, summed, at_once) > _workers.WORKSPACE_LIMIT:
        at_once = (at_once + 1) // 2
    needed = part_bytes(job, result, summed, at_once)
    _workers.refuse_too_large("kernels", "panels by two methods, with workspace for one row of responses,", needed)
    return at_once


def part_bytes(job: Job, result: Array, summed: str, at_once: int) -> int:
    """The bytes that the larger part of so many kernels, or of those that are left over, takes with one worker."""
    most, n_kernels, group = 0, job.plan.n_kernels, job.bank.n_groups - 1
    for count in {at_once, n_kernels % at_once or at_once}:
        trial = copy(job)
        engine, over_kernels = part_engines(job.plan, summed, count)
        trial.beside = job.plan.table_bytes + panel_bytes(engine)
        spare = trial.spare = spare_of_part(job.plan, over_kernels)
        last = tuple(range(n_kernels - count, n_kernels))  # not the first ones, which may need no strip of responses
        call = trial.call(engine, result, direct.NO_PANELS, part=Part(job.bank, group, last))
        most = max(most, trial.beside + spare + call.workspace_bytes)
        call.close()
    return most


def part_engines(plan: Plan, summed: str, n_kernels: int) -> tuple[Engine, Engine]:
    """The engines of so many kernels of a group, by winograd and by the direct method."""
    return (
        plan.engine_of_some(summed, n_kernels, TAPS, "winograd"),
        plan.engine_of_some(summed, n_kernels, TAPS, "kernels"),
    )


def spare_of_part(plan: Plan, engine: Engine) -> int:
    """The bytes of a part's panels by the direct method, and of its taps, which need no conversion."""
    return panel_bytes(engine) + np.dtype(engine.summed).itemsize * engine.padded_kernels * plan.depth * 9
