"""Winograd with new kernels that are many, and few quads: panels are transformed just before their sums.

So transformed kernels, which are up to four times as large, stay in the caches, and subnormal taps are looked for in
the same pass. The bits are those of panels that were made before.
"""

from typing import Any

import numpy as np

from xcorr import _workers
from xcorr._bank import PREPARED_PER_WORKER, is_plain_number, panel_bytes, panels_key
from xcorr._engine import Reducer
from xcorr._methods import faint_taps, winograd
from xcorr._methods.asked import Array, Job

QUADS_PER_KERNEL = 0.8
"""Quads, for each of the workers, up to which a kernel pays for them: all workers transform the pixels of all quads.

| images, responses, kernels of so many channels | before, so with 1 worker | with 2 workers |
|---|---|---|
| 1, 14x14, 512 of 3x3x512 | 4.1, 2.8 ms | 2.5, 1.5 ms |
| 1, 28x28, 512 of 3x3x512 | 9.4, 6.1 | 5.4, 3.5 |
| 4, 14x14, 512 of 3x3x512 | 10.0, 8.9 | 5.8, 5.3 |
| 8, 14x14, 256 of 3x3x256 | 3.6, 3.6 | 2.3, 2.5 |
| 4, 7x7, 128 of 5x5x384 | 2.0, 1.9 | 1.3, 1.4 |
| 1, 7x7, 128 of 5x5x384 | 0.96, 0.90 | 1.05, 0.94 |

2026-11-27, AMD EPYC (Zen 5), level v4, `correlate` against itself with panels that are made before.
"""

LEAST_PANELS, MOST_PIXELS = 2**20, 2**24
"""Bytes of transformed kernels from which on they are not made before, and at most of each worker's transformed pixels.

Fewer kernels stay in the second cache in any case.
"""


def run(job: Job, result: Array, summed: str) -> bool:
    """All responses by winograd, if it may go so and no tap is subnormal."""
    engine = job.plan.engine(summed)
    if not may_run(job, engine, summed):
        return False
    over_kernels, before = job.plan.engine(summed, "kernels"), job.n_workers
    job.n_workers = max(before, min(job.most_workers, panel_bytes(engine) // PREPARED_PER_WORKER))
    job.packed_as, job.beside = None, job.plan.table_bytes
    job.spare = winograd.bytes_while_packed(job.bank, over_kernels)
    looks = faint_taps.looks(job, "winograd", summed) and not job.bank.looked_for_faint
    panels = job.bank.kernels, job.bank.panel_bias(engine)
    call = job.call(engine, result, panels, ask=winograd.asked(job, job.bank, over_kernels), fresh=looks)
    n_bytes = call.workspace_bytes + job.spare + job.kept_bytes
    done = job.spare > 0 and call.does_all_at_once and n_bytes <= _workers.WORKSPACE_LIMIT
    if done:
        job.share_out(call)
        done = not (call.has_no_room or call.has_faint)
    if not done:
        call.close()
        if isinstance(result, Reducer):
            result.begin()  # the responses of other panels once more
        job.spare, job.n_workers = 0, before
    return bool(done)


def may_run(job: Job, engine: Any, summed: str) -> bool:
    """Whether panels are wanted for once, are many, and are read for few quads; and kernels are plain numbers."""
    bank, geometry, item = job.bank, job.plan.geometry, np.dtype(summed).itemsize
    if bank.is_kept or geometry.groups > 1 or panel_bytes(engine) < LEAST_PANELS:
        return False
    if panels_key(engine, job.plan.level.name) in bank.packs or bank.kept_faint is not None:
        return False
    if bank.parts > 1 or not is_plain_number(bank.kernels, np.dtype(summed)) or not lies_in_runs(bank.kernels):
        return False
    n_quads = winograd.n_quads(geometry, winograd.quad_side(geometry)) * job.n_images
    if n_quads * winograd.n_places(geometry) * geometry.depth * item > MOST_PIXELS:
        return False
    return bool(n_quads * job.n_workers <= QUADS_PER_KERNEL * geometry.n_kernels)


def lies_in_runs(kernels: Array) -> bool:
    """Whether a tap's channels lie next to each other, or the taps of a channel and so channel after channel."""
    item, (rows, columns, channels) = kernels.itemsize, kernels.strides[1:]
    height, width = kernels.shape[1:3]
    reached = item + (height - 1) * abs(rows) + (width - 1) * abs(columns)
    return channels == item or channels == reached == height * width * item
