"""Winograd F(2x2, 3x3): what it can do, and how it cuts its sums over channels."""

from collections.abc import Callable
from math import prod
from typing import Any

import numpy as np

from xcorr import _workers
from xcorr._axes import Geometry
from xcorr._bank import Bank, panels_key, widest_panel
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
    """The rows of a strip: images are never read in place."""
    direct.check_rows(plan, packed)


def n_bytes(job: Job, result: Array, summed: str, n_workers: int) -> tuple[int, int]:
    """The bytes of the panels and of the workspaces, as of the direct method."""
    return direct.n_bytes(job, result, summed, n_workers)


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
    """All responses. They need no check: they are floats."""
    assert limits is None
    direct = job.plan.engine(summed, "kernels")
    call = job.run(job.plan.engine(summed), result, ask=asked(job, job.bank, direct))
    if call.has_no_room:
        call.close()  # and with it the transformed kernels
        run_in_parts(job, result, summed)
    return True


def asked(job: Job, bank: Bank, direct: Engine) -> Callable[[Any], bool]:
    """What gives a call the direct method's panels, packed when they are wanted first; false if there is no room."""
    lock = RLock()

    def ask(call: Any) -> bool:
        level = job.plan.level.name
        with lock:
            if call.has_direct:
                return True
            found = bank.packs.get(panels_key(direct, level))
            if found is None:
                converted = bank.converted_bytes(widest_panel(direct), np.dtype(direct.summed))
                n_bytes = bank.panel_bytes(direct) + converted + call.workspace_bytes * len(call.workspaces)
                if job.beside + n_bytes > _workers.WORKSPACE_LIMIT:
                    return False
                found = bank.packed(direct, level, job.packed_as)
            call.take_direct(direct, *found)
        return True

    return ask


def run_in_parts(job: Job, result: Array, summed: str) -> None:
    """Some kernels after the others, so few that there is room for their panels of both methods."""
    plan, at_once, taps = job.plan, kernels_at_once(job, summed), (slice(0, 3), slice(0, 3))
    job.bank.make_room(_workers.WORKSPACE_LIMIT)
    for group in range(job.bank.n_groups):
        for first in range(0, plan.n_kernels, at_once):
            kernels = tuple(range(first, min(first + at_once, plan.n_kernels)))
            part = Part(job.bank.some(group, kernels, summed, taps), group, kernels)
            direct = plan.engine_of_some(summed, len(kernels), taps, "kernels")
            engine = plan.engine_of_some(summed, len(kernels), taps, "winograd")
            job.run(engine, result, part, ask=asked(job, part.bank, direct))


def kernels_at_once(job: Job, summed: str) -> int:
    """Kernels whose taps, transformed ones and panels of the direct method take half of the workspace."""
    per_kernel = np.dtype(summed).itemsize * job.plan.depth * (2 * 9 + 16 + 9)
    return int(max(1, (_workers.WORKSPACE_LIMIT - job.plan.table_bytes) // 2 // per_kernel))
