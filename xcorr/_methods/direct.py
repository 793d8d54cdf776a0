"""The direct method: every tap of every window, with the lanes over kernels, over columns or over channels."""

from copy import copy
from math import ceil, inf, prod
from typing import Any

import numpy as np

from xcorr._axes import LONG_SUM, Geometry
from xcorr._bank import panel_bytes
from xcorr._dtypes import Types
from xcorr._engine import Engine, Reducer, lanes_of, taps_at_once
from xcorr._layouts import Layout
from xcorr._methods.asked import Area, Array, Box, Done, Job, Limits, Part, Plan
from xcorr._methods.lines import line_of
from xcorr._workers import WORKSPACE_LIMIT, refuse_too_large

BOUND = "componentwise"
LARGEST_KEPT_BANK, WORKERS_LIMIT = 2**20, WORKSPACE_LIMIT
"""Bytes of kernels with which a call is repeated without planning, and packs others by one worker.

With other kernels each time, too, calls then take 0.045 ms less: those of banks of 128 to 512 KiB 0.76 to 0.98 of the
time with two workers, of 1 MiB 0.92. 2026-11-27, AMD EPYC (Zen 5), level v4, 1x1 of 128 to 1024 channels.
"""

NO_PANELS = np.empty((1, 1)), np.empty((1, 1))

MANY_GROUPS = 6
"""Groups of one channel and one kernel from which on lanes go over channels although vectors are not nearly full.

There they are 1.3 to 17 times as fast as over columns, 6 groups of 16 lanes 0.9 times and of 8 lanes 1.4 times; groups
of more kernels gain nothing on the whole (0.5 to 1.25). 2026-11-25, AMD EPYC (Zen 5), levels v3 and v4, 1 worker,
benchmarks/forms.py.
"""

OF_VECTOR = 1.2, 0.7, 0.55
"""Time of a vector's multiply-add in lines of 1, 2, and 3 or more vectors: one alone waits for the one before."""

OF_TILE = 3
"""Taps that take the time of beginning and storing a tile."""

TURNING = 0.6
"""Time of turning a pixel or a response, beside that of a vector's multiply-add.

With these the form that is taken takes 1.0 to 1.25 times the time of the better one (5x1 on six columns at v3 1.5), for
17 shapes of 2 to 28 columns in float32 and float64 at levels v3 and v4. 2026-11-26, AMD EPYC (Zen 5), 1 worker,
benchmarks/forms.py.
"""

LARGEST_TABLE = 2**16
"""Taps of a kernel, and padded rows outside of the image, with which lanes go over rows: their places are looked up."""

MOST_INTERLEAVED, MOST_SPREAD = 8, 2**16
"""Channels up to which they are columns; padded columns outside of the image, and columns between taps, of all of them.

Kernels of 3x3 to 11x11 for 2 to 4 channels take 0.2 to 0.9 of the time, for 8 channels 0.4 to 1.05, for 16 0.7 to 1.2,
for more up to twice as long: there lanes over channels fill vectors. float32, float64 and bytes, 32x32 to 1080p,
2026-11-29, AMD EPYC (Zen 3), level v3, 1 worker, both in turn.
"""

SHORTEST_CUT = 32
"""Windows along the lanes that a strip has at least, if there are as many."""
TAPS_AT_ONCE = 2**23
"""Taps of kernels that are handed back at once: copies of them are there beside the bank."""

MOST_TAPS_OF_PLANES = 96
"""Taps up to which lanes go over columns where channels and kernels lie in planes, however many kernels there are.

Then turning pixels and responses takes longer than the multiply-adds: with 9 to 32 taps columns are 1.8 to 2.4 times as
fast as kernels, with 64 and 75 1.1 to 1.35 times, with 147 and more 0.5 to 1.1 times. 2026-11-26, AMD EPYC (Zen 5),
level v4, 1 worker, benchmarks/forms.py.
"""

FILLED_PLANES = 0.95
"""Share of the lanes that windows fill, from which on lanes go over columns for kernels of one pixel in planes.

However many taps there are: such kernels read planes with lanes over kernels, too, but responses are turned then. Over
columns they take 0.72 to 1.01 of the time with that share or more, 0.97 to 1.25 with less. 24 to 2048 channels of 7x7
to 112x112, float32 and float64, 2026-11-27, AMD EPYC (Zen 5), levels v3 and v4, 1 worker.
"""

FEW_LANES, MOST_TAPS_OF_FEW_LANES = 4, 24
"""Lanes of vectors with which lanes go over columns for few taps alone, and the most taps.

Such vectors take 0.87 to 0.93 of the time with 16 and 24 taps, 1.01 to 1.3 with 32 and more. Measured as above, at
level base.
"""

SHORT_VECTOR, MOST_TAPS_OF_SHORT_VECTORS, TURNED_FROM = 32, 160, 256
"""Bytes of vectors with whose tiles lanes go over columns for so many taps at most, if there are so many kernels.

A tile's pixels stay in the first cache then. Else lanes go over kernels, and planes are turned (`kernels_form.pxi`):
2048 channels of 7x7 and 512 kernels take 0.75 of the time, 1024 of 14x14 and 256 kernels 0.8 to 0.87, 64 of 56x56 and
256 kernels would take 1.2 times as long. 2026-11-27, AMD EPYC (Zen 3), level v3, 1 worker, in turn.
"""

CROWDED_PLANES = 1024
"""Pixels of planes whose multiples fall into the same sets of a cache: read tap by tap, they push each other out.

With a stride of 2 lanes over columns, which copy pixels, take 0.63 of the time then, else 1.0 to 1.6 times. Measured as
above.
"""

FOUR = 4
"""Channels and kernels of groups that share vectors, of 3x3 kernels and channels last."""

FILLED, FEW_KERNELS, FEW_KERNELS_TURNED, FEW_KERNELS_IN_PLANES = 1.0, 0.6, 1.0, 0.45
"""Share of the multiply-adds up to which sums of 8-bit products are taken: for lanes over kernels, and for others.

The latter have to turn channels that come last, but not those in planes. Filled vectors take 0.25 to 0.8 of the time of
float32, others up to these shares 0.35 to 0.95. 2026-11-26, AMD EPYC (Zen 5), levels base, v3 and v4, with VNNI and
without, 1 worker, benchmarks/byte_sums.py.
"""

THIN = 2
"""How many times as long kernels of one row or one column take directly as their multiply-adds say: 1.3 to 3.7.

2026-11-25, AMD EPYC (Zen 4), level v4, 1 worker, benchmarks/fourier.py. One kernel along one long line, in pieces: 1.2.
"""


WIDE_DILATION, FULL_PANEL = 7, 32
"""Dilation from which on kernel columns in padding are left out (`kernels_form.pxi`), and kernels of a panel.

A boundary other than zeros has them done, which is not seen here. 33x33 of 256 channels, with 3x3, dilation and
padding 12, takes 3.05 instead of 4.2 ms, by winograd F(4x4) 3.6; with 2 workers 1.65, 2.3 and 2.1.
2026-11-27, AMD EPYC (Zen 5), level v4.
"""


def obstacle(geometry: Geometry, types: Types) -> str:
    """None."""
    return ""


def doubt(geometry: Geometry, types: Types) -> str:
    """None."""
    return ""


def cost(geometry: Geometry, types: Types) -> float:
    """The multiply-adds of one image's responses, twice those of thin kernels, without those that are left out."""
    down, across = geometry.axes
    share = down.share_inside
    if across.dilation >= WIDE_DILATION and geometry.n_kernels // geometry.groups % FULL_PANEL == 0:
        share *= across.share_inside
    thin = min(geometry.kernel_shape) == 1 and not is_one_line(geometry, types)
    return geometry.multiply_adds * types.parts * (THIN if thin else 1) * share


def is_one_line(geometry: Geometry, types: Types) -> bool:
    """Whether one kernel goes along one long line of pixels, whose pieces tiles have several of (`is_line`)."""
    line = line_of(geometry)
    own = geometry.channels == geometry.n_kernels == types.parts == 1
    return own and line is not None and geometry.axes[line.axis].dilation == 1


def effort(plan: Plan) -> int:
    """The multiply-adds, fewer of bytes, twice those with lanes over channels: each waits for a load of its own."""
    if plan.share_of_bytes < inf:
        return ceil(plan.multiply_adds * plan.share_of_bytes)
    return plan.multiply_adds * (2 if plan.form(plan.types.summed) == "channels" else 1)


def loops(plan: Plan, summed: str) -> dict[str, Any]:
    """Tiles of the form that fits, and blocks of the sum as they are for every method that adds taps."""
    return {"form": plan.form(summed), "blocks": plan.blocks}


def check(plan: Plan, packed: int) -> None:
    """The least that a strip holds, where images are not read in place."""
    if any(axis.before or axis.behind for axis in plan.geometry.axes):
        beside, along = plan.geometry.axes
        if plan.form(plan.types.summed) == "rows":
            beside, along = along, beside
        reached = along.reach(min(along.outputs, SHORTEST_CUT))
        n_bytes = plan.types.item * beside.effective * reached * plan.depth
        refuse_too_large("images", "workspace for one row of responses", n_bytes, packed, "kernels and tables")


def check_rows(plan: Plan, packed: int) -> None:
    """MemoryError if the pixels of one row of responses do not fit beside so many bytes of kernels and tables."""
    down, across = plan.geometry.axes
    n_bytes = plan.types.item * down.effective * across.reached * plan.depth
    refuse_too_large("images", "workspace for one row of responses", n_bytes, packed, "kernels and tables")


def n_bytes(job: Job, result: Array, summed: str, n_workers: int) -> tuple[int, int]:
    """The bytes of the panels and of the workspaces, from a call that is laid out but not run."""
    engine = job.plan.engine(summed)
    bank = panel_bytes(engine)
    if not result.size:
        return bank, 0
    job.beside += bank
    call = job.call(engine, result, NO_PANELS, n_workers=n_workers)
    try:
        return bank, int(call.workspace_bytes) * n_workers
    finally:
        call.close()


def reasons(plan: Plan) -> list[str]:
    """The form: where the lanes run."""
    if plan.share_of_bytes < inf:
        return [f"products of 8 bits, {taps_at_once(plan.level.table)} taps at once, where int32 holds their sums"]
    if plan.interleaves and not plan.types.exact:
        return ["lanes over columns, which channels that lie next to each other are, too"]
    return [f"lanes over {plan.form(plan.types.summed)}"] if plan.geometry.n_kernels and not plan.types.exact else []


def form(
    geometry: Geometry, n_kernels: int, lanes: int, in_planes: bool = False, together: int = 0, vector_bytes: int = 0
) -> str:
    """What the direct method's lanes run over: "kernels", "columns", "rows" or "channels"; the bits are the same.

    Parameters
    ----------
    geometry : sizes of one image and the bank.
    n_kernels : kernels of one group, in real elements.
    lanes : elements of a vector.
    in_planes : whether channels and kernels are axes before rows and columns, so that they would have to be turned for
        lanes over kernels.
    together : channels of a group, in real elements, where the channels of a position lie together; else 0.
    vector_bytes : bytes of a vector, where that is known.
    """
    as_they_lie = in_planes and reads_planes(geometry, n_kernels, lanes, vector_bytes)
    if fills_vectors(n_kernels, lanes) and not as_they_lie:
        return "kernels"
    if together == n_kernels == FOUR and shares_vectors(geometry, lanes):
        return "channels"
    if depthwise(geometry, n_kernels, lanes):
        return "channels"
    return "rows" if turns(geometry, n_kernels, lanes) else "columns"


def reads_planes(geometry: Geometry, n_kernels: int, lanes: int, vector_bytes: int) -> bool:
    """Whether lanes go over columns where channels and kernels lie in planes, however many kernels there are."""
    follow_on = all(axis.stride == 1 for axis in geometry.axes)
    if geometry.n_taps > geometry.depth:
        return (follow_on or geometry.outputs[1] >= lanes) and geometry.n_taps <= MOST_TAPS_OF_PLANES
    if not follow_on:
        crowded = prod(axis.length for axis in geometry.axes) % CROWDED_PLANES == 0
        return crowded and geometry.outputs[1] >= lanes and geometry.n_taps <= MOST_TAPS_OF_PLANES
    n_windows, most = prod(geometry.outputs), MOST_TAPS_OF_FEW_LANES if lanes <= FEW_LANES else LONG_SUM
    if vector_bytes == SHORT_VECTOR and n_kernels >= TURNED_FROM:
        most = min(most, MOST_TAPS_OF_SHORT_VECTORS)
    return geometry.n_taps <= most and n_windows >= -(-n_windows // lanes) * lanes * FILLED_PLANES


def interleaves(geometry: Geometry, layout: Layout, types: Types) -> bool:
    """Whether channels that have one kernel can be columns: a pixel's are next to each other, and pixels are."""
    across, channels = geometry.axes[1], geometry.groups
    if not layout.each_channel or not 1 < channels <= MOST_INTERLEAVED or types.is_complex:
        return False
    next_to = all(axes[3] == axes[2] + 1 for axes in (layout.images, layout.response))
    return next_to and across.stride == 1 and max(across.outside, across.dilation) * channels <= MOST_SPREAD


def depthwise(geometry: Geometry, n_kernels: int, lanes: int) -> bool:
    """Whether each channel has a kernel of its own, and channels fill vectors."""
    groups = geometry.groups
    own = n_kernels == 1 and geometry.channels == groups > 1
    return own and (groups >= MANY_GROUPS or groups * 4 > -(-groups // lanes) * lanes * 3)


def shares_vectors(geometry: Geometry, lanes: int) -> bool:
    """Whether groups of four channels and four kernels have tiles in which several share a vector."""
    down, across = geometry.axes
    sizes = (down.kernel, across.kernel) == (3, 3) and across.dilation == 1 and across.stride <= 2
    return sizes and lanes % FOUR == 0 and geometry.groups * FOUR >= lanes


def turns(geometry: Geometry, n_kernels: int, lanes: int) -> bool:
    """Whether lanes over rows take so much less time that it pays to turn pixels and responses."""
    down, across = geometry.axes
    n_taps = down.kernel * across.kernel * geometry.depth
    if max(down.outside, n_taps) > LARGEST_TABLE:
        return False
    turned = 0
    if across.length > 1:  # one column is one row as it lies
        turned = down.reached * across.reached * geometry.depth + down.outputs * across.outputs * n_kernels
    of_vector = (n_taps + OF_TILE) * n_kernels
    over_columns = down.outputs * of_line(across.outputs, lanes) * of_vector
    return across.outputs * of_line(down.outputs, lanes) * of_vector + TURNING * turned < over_columns


def of_line(outputs: int, lanes: int) -> float:
    """What a tap of a line of responses costs: its vectors, dearer where they are fewer than a tile has."""
    n_vectors = -(-outputs // lanes)
    return n_vectors * OF_VECTOR[min(n_vectors, len(OF_VECTOR)) - 1]


def fills_vectors(n_kernels: int, lanes: int) -> bool:
    """Whether kernels are more than five eighths of the group's one vector, or half of its several.

    Of one vector at v3 and v4, lanes over columns take 0.4 to 0.8 of the time with half of it, 0.6 to 1.03 with five
    eighths, 0.7 to 1.35 with three quarters, 0.8 to 1.8 with all. Measured with the constants above.
    """
    padded = -(-n_kernels // lanes) * lanes
    return n_kernels * 8 > padded * (5 if padded == lanes else 4)


def share_of_bytes(plan: Plan) -> float:
    """What sums of 8-bit products take, as a share of the multiply-adds; infinite where floats are the faster ones."""
    if plan.method != "direct" or not plan.types.of_bytes or not plan.n_kernels:
        return inf
    form = plan.form("f4")
    if form not in ("kernels", "columns", "rows"):
        return inf
    if form == "kernels":
        most = FILLED
    elif plan.layout.in_planes(plan.geometry.channels):
        most = FEW_KERNELS_IN_PLANES if plan.depth > 1 else 0
    else:
        most = FEW_KERNELS_TURNED if plan.depth > 1 else FEW_KERNELS
    share = share_by_sizes(plan)
    return share if share <= most else inf


def share_by_sizes(plan: Plan) -> float:
    """Steps over taps and vectors over kernels, which are only as full as these fill them."""
    (height, width), dilated = plan.geometry.kernel_shape, plan.geometry.axes[-1].dilation > 1
    n_runs, run = (height * width, plan.depth) if dilated and width > 1 else (height, width * plan.depth)
    lanes, at_once = lanes_of(plan.level.table, "i4"), taps_at_once(plan.level.table)
    return n_runs * -(-run // at_once) * -(-plan.n_kernels // lanes) * lanes / (n_runs * run * plan.n_kernels)


# --- the run ----------------------------------------------------------------------------------------------------------


def run(job: Job, result: Array, summed: str, limits: Limits | None) -> bool:
    """All responses; false if one is outside of the limits, or no number."""
    if summed != "i4" and lie_interleaved(job, result):
        return run_interleaved(job, result, summed, limits)
    return run_engine(job, job.plan.engine(summed, job.plan.form(summed)), result, limits)


def lie_interleaved(job: Job, result: Any) -> bool:
    """Whether channels are columns in this call: they lie so in both arrays, and are padded alike."""
    plan = job.plan
    if not plan.interleaves or isinstance(result, Reducer) or len(set(job.fill)) > 1:
        return False
    if job.tops is not None or job.scaling is not None or job.left_out is not None:
        return False
    for array, axes in ((job.images, plan.layout.images), (result, plan.layout.response)):
        of_pixels, of_channels = array.strides[axes[2]], array.strides[axes[3]]
        if array.shape[axes[2]] > 1 and of_pixels != plan.geometry.groups * of_channels:
            return False
    return True


def run_interleaved(job: Job, result: Array, summed: str, limits: Limits | None) -> bool:
    """The responses of one kernel for all channels, which are columns; as `run`."""
    engine, own = job.plan.interleaved_engine(summed), copy(job)
    own.bank = job.bank.of_one_channel
    fits = run_engine(own, engine, result, limits)
    job.has_faint_pixels, job.has_faint_taps = own.has_faint_pixels, own.has_faint_taps
    if own.call_done is not None:
        job.call_done = own.call_done._replace(packed=own.bank.packed(engine, job.plan.level.name))
    return fits


def run_engine(job: Job, engine: Engine, result: Array, limits: Limits | None) -> bool:
    """The same by an engine of its own blocks."""
    plan = job.plan
    call = job.run(engine, result, limits=limits)
    if plan.types.stored == plan.types.response:
        job.call_done = Done(call, engine, limits)
    return not call.overflowed


def run_exactly(job: Job, result: Array, summed: str, limits: Limits | None, bound: int) -> bool:
    """All responses, which are whole numbers of at most that magnitude and exact in sums of the type."""
    return run(job, result, summed, limits)


def do_handed_back(job: Job, result: Array, summed: str, limits: Limits | None, areas: list[Area]) -> bool:
    """The responses of all kernels in some areas that another method did not do; as `run`."""
    form = job.plan.form(summed)  # over channels all groups are one
    engine = job.plan.engine(summed, "columns" if form == "channels" else form)
    at_once = [areas]
    if isinstance(result, Reducer) and result.in_order:  # the groups' kernels of a position come one after the other
        at_once = [[area for area in areas if area[1] == group] for group in range(job.plan.geometry.groups)]
    fits = True
    for own in at_once:
        fits &= not own or not job.run(engine, result, limits=limits, areas=own).overflowed
    return fits


def do_kernels(
    job: Job, result: Array, part: Part, limits: Limits | None, summed: str, box: Box, areas: list[Area] | None
) -> bool:
    """The responses of some kernels, whole or by some of their rows and columns of taps; as `run`."""
    engine = job.plan.engine_of_some(summed, len(part.kernels), box)
    own = None if areas is None else [(area[0], 0, *area[2:]) for area in areas if area[1] == part.group]
    return own == [] or not job.run(engine, result, part, limits=limits, areas=own).overflowed
