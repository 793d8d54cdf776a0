"""Winograd F(2x2, 3x3), F(4x4, 3x3) and F(2x2, 5x5): what they can do, which is taken, how they cut sums."""

from collections.abc import Callable
from copy import copy
from math import prod
from typing import Any

import numpy as np

from xcorr import _workers
from xcorr._axes import Geometry
from xcorr._bank import Bank, panel_bytes, panels_key
from xcorr._dtypes import Types
from xcorr._engine import Engine, Reducer
from xcorr._methods import direct
from xcorr._methods.asked import Array, Job, Limits, Part, Plan
from xcorr._threads import RLock

BOUND = "normwise"
LARGEST_KEPT_BANK, WORKERS_LIMIT = 4096, direct.WORKERS_LIMIT

LONGEST_BLOCK = {(2, 3): 6, (4, 3): 11, (2, 5): 11}
"""Channels of a block of the sum, by rows and columns of a quad's responses and of kernels.

Block sums are added up; totals of more than six of them (`layout.pxi`) carry what is lost.

The magnitudes of the places that make a response come to at most 10 times what the bounds are of by F(2x2), to 95 times
by F(4x4), if pixels and taps are of one sign to 5.5 and 49 times, so that few roundings are allowed where all channels
are alike and err alike. Searched for the worst (by chance, the best changed again and again), channels that are alike
to the bit reach 284 u by F(4x4), whose bound is 384 u, 158 u if they are of one sign. By F(2x2), whose bound is 16 u,
they reach 16 u if of one sign and 27 u else, with blocks of 8 19 u and 34 u, of 11 24 u and 37 u: its bound holds for
channels that differ, or are less than the worst. With channels drawn at random both stay below 1 u from 64 channels on;
where images are equal, alternate or lie far from zero F(2x2) stays below 4 u, F(4x4) below 10 u.

F(2x2, 5x5) has the points of F(4x4, 3x3), and what taps are transformed by changes places with what sums are: its
magnitudes come to 95 times as well, to 48 of one sign. The same search, on levels with and without fused multiply-adds,
finds 323 u, 132 u of one sign; its bound is 512 u.

Blocks of 11 take 1 to 9 % less time by F(2x2), of 16 up to 3 % less by F(4x4).
2026-11-26, AMD EPYC (Zen 5), 1 worker, 24 to 512 channels of 56x56 to 8x8 through `Correlator`.
"""

CHANNELS, SIDE = 16, 6
"""Channels and kernels, and rows and columns of the response, from which on "auto" looks at winograd's cost.

With fewer channels lanes of its transforms are empty; smaller responses gain a third at most, and lose as much where
kernels are new.
"""

CHANNELS_OF_GROUPS = 32
"""The same where there are groups, whose pixels are staged and transformed one after the other.

32 groups of 16 channels and kernels of 3x3, two images of 28x28, take 3.1 ms by winograd and 2.3 directly, of 14x14 and
twice the channels 2.1 and 1.9; at level v3 5.2 and 5.0, 4.8 and 5.0; 8 groups of 32 channels 1.28 and 1.71. 2026-11-28,
Intel Xeon (Emerald Rapids), level v4, 1 worker.
"""

PRODUCT = {(2, 3): 1.22, (4, 3): 1.45, (2, 5): 1.15}
TRANSFORM = {(2, 3): 70, (4, 3): 220, (2, 5): 300}
CALL = {3: 500_000, 5: 2_000_000}
"""What costs how much, in multiply-adds of the direct method at its best, by rows of a quad's responses and of kernels.

A product of transforms; the transforms of one channel's or one kernel's quad; and what a call takes more than a small
one by the direct method, which is remembered. Of quads that are many enough F(4x4) takes 0.36 to 0.40 of the direct
method's time with 64 channels and kernels or more, 0.46 with 32 and 0.60 with 16, F(2x2, 3x3) 0.54 to 0.60, 0.66 and
0.87, F(2x2, 5x5) 0.41 to 0.48, 0.57 and 0.78. Small calls with 5x5 kernels gain from 5 million multiply-adds on.
2026-11-26, AMD EPYC (Zen 5), level v4, 1 worker, batches of 8 images of 28x28, benchmarks/crossover.py --quads.
"""

CHANNELS_OF_FOUR, QUADS_TIMES_CHANNELS = 32, 1024
"""Channels from which on F(4x4) is taken, and with how many quads: little work keeps to F(2x2), which errs less."""

USUAL_CALL, SAVED = 5e8, 200
"""Multiply-adds of a call, and products of each channel and kernel that F(4x4) has to save in it.

The kernels of F(4x4) are four times as large as they were, those of F(2x2) 16/9 times: an image of few quads reads them
for few places, and a call with new kernels transforms them for nothing. The choice may not see how many images there
are: a call is taken to have as many as make that work, with as many kernels as channels, and one at least.

| responses, channels | one image: F(4x4), F(2x2), raw: F(4x4), F(2x2) | 4 images |
|---|---|---|
| 7x7x256 | 0.15, 0.20, 0.56, 0.41 ms | 0.41, 0.69, 0.83, 0.92 |
| 7x7x512 | 1.20, 0.76, 2.12, 1.60 | 2.4, 2.9, 3.4, 3.8 |
| 8x8x384 | 0.40, 0.41, 1.16, 0.86 | 1.15, 1.49, 1.80, 1.97 |
| 12x12x512 | 1.63, 1.73, 2.68, 2.60 | |
| 14x14x512 | 2.34, 2.18, 3.47, 2.84 | 7.5, 8.0, 8.0, 9.6 |

16 images of 7x7x512 take 7.6 ms by F(4x4), 12.1 by F(2x2), 13.2 directly; raw 8.4, 12.3, 14.9.
2026-11-27, AMD EPYC (Zen 5), level v4, 1 worker; which is taken is compared by benchmarks/crossover.py --quads.
"""

LARGE_BANK, LARGE_BANK_QUADS = 2**18, 25
"""Products of channels and kernels from which on F(2x2) waits for an image with that many quads.

A small response reads a transformed bank for few quads: with 512 kernels of 512 channels 6x6 to 8x8 responses of one
image take 0.7 to 0.95 times as long as directly, and longer with new kernels. Measured with the constants above.
"""

STRIP_PIXELS = 2**23
"""Elements of the smallest strip above which winograd is not taken: dilation makes it taller than direct's."""

OF_QUADS = 2**25
"""Bytes of the workspace that transformed kernels leave to quads and strips."""

WIDEST_PANEL = 32
"""Kernels of a panel at most, which are converted at once where they are of another type than the sums."""


def obstacle(geometry: Geometry, types: Types) -> str:
    """What keeps winograd from doing the job, in words; empty if nothing does."""
    if geometry.kernel_shape not in ((3, 3), (5, 5)):
        return f"kernels of {'x'.join(map(str, geometry.kernel_shape))}: they have to be 3x3 or 5x5"
    if any(axis.stride != 1 for axis in geometry.axes):
        return f"stride {tuple(axis.stride for axis in geometry.axes)}: it has to be 1"
    if types.exact:
        return f"responses of {types.response}: its sums are not proven to be exact"
    if np.empty(0, types.stored).real.dtype != types.sums:
        return f"responses of {types.response} from sums in {types.sums}: both have to be of one precision"
    return ""


def doubt(geometry: Geometry, types: Types) -> str:
    """Few channels, kernels or responses, or a bank whose transform does not fit."""
    n_kernels = geometry.n_kernels // geometry.groups
    least = CHANNELS if geometry.groups == 1 else CHANNELS_OF_GROUPS
    if min(geometry.depth, n_kernels) < least:
        return f"it is for {least} channels and kernels and more" + (" of a group" if geometry.groups > 1 else "")
    if min(geometry.outputs) < SIDE:
        return f"it is for {SIDE} rows and columns of responses and more"
    is_large = geometry.depth * n_kernels >= LARGE_BANK
    if is_large and quad_side(geometry) == 2 and n_quads(geometry, 2) < LARGE_BANK_QUADS:
        return "its transformed kernels would be read for few responses"
    if strip_pixels(geometry) > STRIP_PIXELS:
        return "its strips would be too large"
    if prepared_bytes(geometry, types) > _workers.WORKSPACE_LIMIT - OF_QUADS:
        return "its transformed kernels would leave no room in the workspace"
    return ""


def prepared_bytes(geometry: Geometry, types: Types) -> int:
    """Bytes of the transformed kernels, and at most of those of a panel that are converted before."""
    of_place = geometry.depth * (2 if types.images.kind == "c" else 1) * types.item
    converted = (3 if types.is_complex else 1) * WIDEST_PANEL * prod(geometry.kernel_shape) * of_place
    return n_places(geometry) * geometry.n_kernels * types.parts * of_place + converted


def cost(geometry: Geometry, types: Types) -> float:
    """Products of transforms, and the transforms."""
    side = quad_side(geometry)
    form = side, geometry.kernel_shape[0]
    products = n_multiplied(geometry, side) * geometry.depth * geometry.n_kernels * types.parts
    transforms = n_quads(geometry, side) * (geometry.channels + geometry.n_kernels) * types.parts
    return PRODUCT[form] * products + TRANSFORM[form] * transforms + CALL[form[1]]


def effort(plan: Plan) -> int:
    """The cost, without what a call takes once for all of its images."""
    return int(cost(plan.geometry, plan.types)) - CALL[plan.geometry.kernel_shape[0]]


def loops(plan: Plan, summed: str) -> dict[str, Any]:
    """Loops of its own, over whole quads where some of their responses are left out."""
    side, geometry = quad_side(plan.geometry), plan.geometry
    found = {"form": f"winograd {side}x{side}", "blocks": sum_blocks(plan.depth, side, geometry.kernel_shape[0])}
    if not geometry.whole:
        return found
    down, across = geometry.axes
    axes, clip = geometry.within((side * down.dilation, side * across.dilation))
    return {**found, "axes": tuple(axis.of_taps(0, axis.kernel) for axis in axes), "clip": clip}


def check(plan: Plan, packed: int) -> None:
    """The transformed kernels, 16/9, 4 or 36/25 times as large, and the rows of a strip as for the direct method."""
    transformed = (packed - plan.table_bytes) // prod(plan.geometry.kernel_shape) * n_places(plan.geometry)
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
    side, taps = quad_side(plan.geometry), plan.geometry.kernel_shape[0]
    fewer = f"{n_places(plan.geometry)} multiplications for {side**2} responses instead of {(taps * side) ** 2}"
    return [f"{taps}x{taps} kernels of many channels: {fewer}, F({side}x{side}, {taps}x{taps})"]


def quad_side(geometry: Geometry) -> int:
    """Rows and columns of a quad's responses: 2 or, of 3x3 kernels, 4.

    It does not see how many kernels there are, so that a kernel's responses are the same in another bank.
    """
    if geometry.kernel_shape == (5, 5):
        return 2
    geometry = geometry.grid
    depth = geometry.depth
    if depth < CHANNELS_OF_FOUR or n_quads(geometry, 4) * depth < QUADS_TIMES_CHANNELS:
        return 2
    saved = PRODUCT[2, 3] * n_multiplied(geometry, 2) - PRODUCT[4, 3] * n_multiplied(geometry, 4)
    n_images = max(1.0, USUAL_CALL / (prod(geometry.outputs) * prod(geometry.kernel_shape) * depth**2))
    return 4 if saved * n_images >= SAVED else 2


def n_multiplied(geometry: Geometry, side: int) -> int:
    """Products of an image's and a kernel's transforms, for each channel, by quads of so many responses a side."""
    return (side + geometry.kernel_shape[0] - 1) ** 2 * n_quads(geometry, side)


def n_places(geometry: Geometry) -> int:
    """Products that a quad's responses of one channel are made of: as many as it has pixels."""
    return (quad_side(geometry) + geometry.kernel_shape[0] - 1) ** 2


def n_quads(geometry: Geometry, side: int) -> int:
    """Quads of so many responses a side in an image."""
    return prod(quads_across(axis.outputs, side, axis.dilation) for axis in geometry.axes)


def quads_across(length: int, side: int, dilation: int) -> int:
    """Quads across so many rows or columns of responses: each has `side` that are a dilation apart, if there are."""
    return length // (side * dilation) * dilation + min(length % (side * dilation), dilation)


def strip_pixels(geometry: Geometry) -> int:
    """Elements of the smallest strip of whole quads, in and around it."""
    down, across = geometry.axes
    rows = down.effective - 1 + min(down.outputs, quad_side(geometry) * down.dilation)
    return rows * (across.outputs + across.effective - 1) * geometry.depth


def sum_blocks(depth: int, side: int, taps: int) -> tuple[int, int, bool]:
    """How the sum over channels is cut, as `_axes.sum_blocks` says it for a kernel of one row."""
    return 1, -(-depth // LONGEST_BLOCK[side, taps]), False


# --- the run ----------------------------------------------------------------------------------------------------------


def run(job: Job, result: Array, summed: str, limits: Limits | None) -> bool:
    """All responses. They need no check: they are floats.

    What is handed back needs the direct method's panels, so that room for them is left from the beginning, or it is
    known how many kernels at once leave it.
    """
    assert limits is None
    engine, over_kernels = job.plan.engine(summed), job.plan.engine(summed, "kernels")
    if isinstance(result, Reducer) and not has_room(job, result, engine):
        run_in_parts(job, result, summed, kernels_at_once(job, result, summed))
        return True
    job.spare = bytes_while_packed(job.bank, over_kernels)
    ask = asked(job, job.bank, over_kernels)
    call = job.laid_out(engine, job.bank, lambda panels: job.call(engine, result, panels, ask=ask))
    at_once = job.plan.n_kernels if job.spare else kernels_at_once(job, result, summed)
    job.share_out(call)
    if call.has_no_room:
        call.close()  # and with it the transformed kernels
        if isinstance(result, Reducer):
            result.begin()  # all responses once more
        run_in_parts(job, result, summed, at_once)
    return True


def has_room(job: Job, result: Any, engine: Engine) -> bool:
    """Whether the strips of one worker fit, which hold the responses of all kernels until they are reduced."""
    trial = copy(job)
    trial.beside = job.plan.table_bytes + panel_bytes(engine)
    call = trial.call(engine, result, direct.NO_PANELS)
    n_bytes = trial.beside + job.kept_bytes + call.workspace_bytes
    call.close()
    return bool(n_bytes <= _workers.WORKSPACE_LIMIT)


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
    part = Part(job.bank.some(group, kernels, summed, all_taps(job.plan)), group, tuple(kernels))
    engine, over_kernels = part_engines(job.plan, summed, len(kernels))
    job.spare = spare_of_part(job.plan, over_kernels)
    call = job.run(engine, result, part, ask=asked(job, part.bank, over_kernels))
    if call.has_no_room:
        raise MemoryError("kernels: there is no room for panels of the direct method beside winograd's")


def kernels_at_once(job: Job, result: Array, summed: str) -> int:
    """Kernels of a part: their taps and panels of both methods take half of the workspace, or leave one worker's.

    MemoryError if not even one does.
    """
    taps = prod(job.plan.geometry.kernel_shape)
    per_kernel = np.dtype(summed).itemsize * job.plan.depth * (taps + n_places(job.plan.geometry) + taps)
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
        plan.engine_of_some(summed, n_kernels, all_taps(plan), "winograd"),
        plan.engine_of_some(summed, n_kernels, all_taps(plan), "kernels"),
    )


def all_taps(plan: Plan) -> tuple[slice, slice]:
    """All rows and columns of taps."""
    height, width = plan.geometry.kernel_shape
    return slice(0, height), slice(0, width)


def spare_of_part(plan: Plan, engine: Engine) -> int:
    """The bytes of a part's panels by the direct method, and of its taps, which need no conversion."""
    taps = engine.padded_kernels * plan.depth * prod(plan.geometry.kernel_shape)
    return panel_bytes(engine) + np.dtype(engine.summed).itemsize * taps
