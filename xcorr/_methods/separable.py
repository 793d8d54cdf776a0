"""Separable kernels: sums of up to three products of a column and a row of taps, over rows first, then over columns.

Which kernels are such is found by looking at their taps, so that "auto", which chooses by sizes, takes another method
for the plan, and this one for the kernels that are.
"""

from collections.abc import Callable
from copy import copy
from math import prod
from typing import Any

import numpy as np

from xcorr._axes import LONG_SUM, Geometry, sum_blocks
from xcorr._bank import Bank
from xcorr._dtypes import EXACT_FLOAT32, EXACT_FLOAT64, Types, largest_magnitude
from xcorr._engine import LONGEST_COLUMNS, LONGEST_OF_WORDS, Engine
from xcorr._factors import MOST_RANK, Factors, factors_of
from xcorr._methods import direct
from xcorr._methods.asked import Array, Done, Job, Limits, Part, Plan
from xcorr._reach import largest_of
from xcorr._words import Words, words_of

Found = Any
"""(groups, kernels) of the `Factors` of each kernel, or its `Words`, None where it has none."""

BOUND = "normwise"
LARGEST_KEPT_BANK, WORKERS_LIMIT = direct.LARGEST_KEPT_BANK, direct.WORKERS_LIMIT

ROW_TAP, COLUMN_TAP, WINDOW = 1.6, 1.0, 5.0
"""What a window costs, in multiply-adds of the direct method at its best: a tap of a row, one of a column, itself.

These are less than they are measured to be (2.5, 1.7 and 20), as what the frequency domain costs is by sections.py on
the same machine: one kernel breaks even with it at 45x45 on 1080p. 2026-11-28, Intel Xeon (Emerald Rapids), level v4,
1 worker, benchmarks/separable.py. A window was 10 until few taps stayed in registers (measured: 1.8, 1.1 and 5 for 3 to
9 taps): over 216 cases "auto" takes 1.15 times the time of the best method on the mean, 1.18 with 10, equal but for
noise. 2026-11-30, AMD EPYC (Zen 3), level v3, 1 worker.
"""

WORDS = 0.5
"""What kernels in words count as, beside a rank: they are less than one product."""

OF_WORDS = 0.6, 0.6, 3.0
"""The same of kernels in words: 3x3 bytes on 640x480 into bytes take 0.34 of the direct time, 5x5 0.26, boxes of 13x13
0.06. Into other types, by strips, both ways take the same for storing: 0.94, 0.65, 0.25 into int64.

2026-11-29, AMD EPYC (Zen 3), level v3, 1 worker, benchmarks/separable.py --only words.
"""

FEW_CHANNELS = 4
"""Channels of a group, in real numbers, up to which "auto" takes it: sums of long rows err more than transforms."""

LOOK = {WORDS: 1_500_000, 1: 4_000_000, 2: 10_000_000, 3: 10_000_000}
"""Multiply-adds in the time of which a kernel that is new is looked at, and factors found, by how many there may be.

Looking takes 0.03 to 0.04 ms, for words 0.02, to find one product 0.03 to 0.06, several 0.2 to 0.4. 7x7 to 25x25,
2026-11-29, AMD EPYC (Zen 3).
"""

SAVED = 1.25
"""How many times as long the plan's method takes as is reckoned, for a kernel to be done by its factors."""


def obstacle(geometry: Geometry, types: Types) -> str:
    """Long rows and columns of taps."""
    height, width = geometry.kernel_shape
    if height > LONGEST_COLUMNS:
        return f"kernels of {height} rows: it is for {LONGEST_COLUMNS} and fewer"
    if width * geometry.depth * types.parts > LONG_SUM:
        return f"kernel rows of {width * geometry.depth} taps: it is for {LONG_SUM // types.parts} and fewer"
    return ""


def doubt(geometry: Geometry, types: Types) -> str:
    """Nothing that sizes tell."""
    return "which kernels are products of columns and rows is seen from their taps, when a call is made"


def cost(geometry: Geometry, types: Types) -> float:
    """The multiply-adds of both passes, of kernels that are one product."""
    return cost_of_kind(geometry, types, 1)


def cost_of_kind(geometry: Geometry, types: Types, kind: float) -> float:
    """The same of kernels that are so many products, or in words."""
    height, width = geometry.kernel_shape
    down = geometry.axes[0]
    pixel_rows = min(down.stride / down.dilation, height) if height > 1 else 1
    row_tap, column_tap, window = OF_WORDS if kind == WORDS else (ROW_TAP, COLUMN_TAP, WINDOW)
    of_window = row_tap * width * geometry.depth * types.parts * pixel_rows + column_tap * height
    return prod(geometry.outputs) * geometry.n_kernels * types.parts * (max(1, kind) * of_window + window)


def effort(plan: Plan) -> int:
    """The cost."""
    return int(cost(plan.geometry, plan.types))


def loops(plan: Plan, summed: str) -> dict[str, Any]:
    """The direct method's, for what is not done by factors."""
    return direct.loops(plan, summed)


def check(plan: Plan, packed: int) -> None:
    """What the direct method needs."""
    direct.check(plan, packed)


def n_bytes(job: Job, result: Array, summed: str, n_workers: int) -> tuple[int, int]:
    """The bytes of the factors and taps, and of the workspaces."""
    engine = engine_for(job.plan, summed, job.plan.geometry.groups, job.plan.n_kernels, 1)
    n_bytes = engine.groups * engine.padded_kernels * engine.n_taps * np.dtype(summed).itemsize
    if not result.size:
        return n_bytes, 0
    job.beside += n_bytes
    call = job.call(engine, result, direct.NO_PANELS, n_workers=n_workers)
    try:
        return n_bytes, int(call.workspace_bytes) * n_workers
    finally:
        call.close()


def reasons(plan: Plan) -> list[str]:
    """The taps of both passes."""
    height, width = plan.geometry.kernel_shape
    return [
        f"kernels are products of columns and rows: {height} and {width * plan.depth} taps of a window, up to "
        f"{MOST_RANK} times, instead of {height * width * plan.depth}"
    ]


# --- the run ----------------------------------------------------------------------------------------------------------


def run(job: Job, result: Array, summed: str, limits: Limits | None) -> bool:
    """All responses; false if one is outside of the limits, or no number. ValueError for a kernel without factors."""
    found = all_factors(job.bank, summed, False, pixels_of_words(job.plan, summed))
    check_all(job, found, summed)
    return run_kernels(job, result, summed, limits, found)


def run_exactly(job: Job, result: Array, summed: str, limits: Limits | None, bound: int) -> bool:
    """The same of whole numbers; where sums of rows are not exact in the type, all kernels are done directly."""
    found = all_factors(job.bank, summed, True, pixels_of_words(job.plan, summed))
    check_all(job, found, summed)
    if not are_exact(job, summed, found):
        return direct.run(job, result, summed, limits)
    return run_kernels(job, result, summed, limits, found)


def are_exact(job: Job, summed: str, found: Found) -> bool:
    """Whether sums of the type hold all sums of whole numbers on the way."""
    most, bias = EXACT_FLOAT32 if summed == "f4" else EXACT_FLOAT64, job.bank.reach[1]
    reach = max((factors.reach for factors in found.flat), default=0)
    return bool(
        reach * largest_magnitude(job.plan.types.images) + bias <= most or reach * largest_of(job) + bias <= most
    )


def pixels_of_words(plan: Any, summed: str) -> str:
    """The images' dtype where sums may be made in words of 16 bits, which follows from sizes and types; else ""."""
    geometry, images = plan.geometry, plan.types.images
    is_small = max(geometry.kernel_shape) <= LONGEST_OF_WORDS and geometry.n_taps > 1 and plan.depth == 1
    fits = is_small and summed == "f4" and images.itemsize == 1 and geometry.axes[1].stride == 1
    return str(images.str) if fits and not plan.types.is_complex else ""


def all_factors(bank: Bank, summed: str, whole: bool, pixels: str, most: float = MOST_RANK) -> Found:
    """(groups, kernels) of `Factors` of at most that kind, or None, of all real kernels; kept with the bank.

    Or of `Words`, if there is a dtype of pixels for which they may be.
    """
    key = summed, whole, pixels, min(most, 2)
    found = bank.factors.get(key)
    if found is None:
        known: dict[bytes, Factors | Words | None] = {}
        factors: Factors | Words | None
        found = np.empty((bank.n_groups, bank.n_kernels), object)
        height = bank.kernels.shape[1]
        of_type = np.int64 if whole and bank.kernels.dtype.kind in "bi" else np.uint64 if whole else summed
        for group, kernel in np.ndindex(*found.shape):
            taps = bank.real_kernels(group, kernel, kernel + 1, of_type).reshape(height, -1)
            content = taps.tobytes()
            if content not in known:
                factors = words_of(taps, pixels) if pixels else None
                if factors is None and most >= 1:
                    factors = factors_of(taps, summed, whole, int(most))
                fits = factors is not None and factors.rank * height <= LONGEST_COLUMNS
                known[content] = factors if fits else None
            found[group, kernel] = known[content]
        bank.factors[key] = found
    return found


def check_all(job: Job, found: Found, summed: str) -> None:
    """ValueError if a kernel is no sum of a few products, to the digits of the type of sums."""
    for group, kernel in np.ndindex(*found.shape):
        if found[group, kernel] is None:
            number = (group * job.bank.n_kernels + kernel) // job.plan.types.parts
            raise ValueError(
                f"method: 'separable' cannot do this job, whose kernel {number} of {job.plan.geometry.n_kernels} is no "
                f"sum of {MOST_RANK} products of a column and a row of taps in {np.dtype(summed)}, with "
                f"{LONGEST_COLUMNS} taps in columns; allowed is 'auto'"
            )


def run_kernels(job: Job, result: Any, summed: str, limits: Limits | None, found: Found) -> bool:
    """The responses of kernels that have factors, those of a rank together, and those in words; as `run`.

    Fewer products than the engine has are filled up with zeros: these change no bit, as what is not finite is done
    from all taps.
    """
    n_groups = len(found)
    kinds = sorted({kind_of(factors) for factors in found.flat if factors is not None})
    chosen = [(group, kernel) for group, kernel in np.ndindex(*found.shape) if found[group, kernel] is not None]
    are_alike = len(kinds) == 1 or (n_groups > 1 and WORDS not in kinds)
    if len(chosen) == found.size and are_alike:
        return run_part(job, result, summed, limits, found, None)
    fits = True
    for group in range(n_groups):
        for kind in kinds:
            own = tuple(k for g, k in chosen if g == group and kind_of(found[g, k]) == kind)
            if own:
                fits &= run_part(job, result, summed, limits, found, Part(job.bank, group, own))
    return fits


def kind_of(factors: Factors | Words) -> float:
    """The rank, or that kernels are in words: what "auto" goes by, too."""
    return WORDS if isinstance(factors, Words) else factors.rank


def run_part(job: Job, result: Any, summed: str, limits: Limits | None, found: Found, part: Part | None) -> bool:
    """The responses of all kernels, or a part's; as `run`."""
    plan = job.plan
    n_groups, n_kernels = found.shape if part is None else (1, len(part.kernels))
    places = list(np.ndindex(*found.shape)) if part is None else [(part.group, kernel) for kernel in part.kernels]
    interleaved = part is None and direct.lie_interleaved(job, result)
    if interleaved:  # one kernel for all channels, which are columns
        n_groups, places = 1, places[:1]
    kind = max(kind_of(found[place]) for place in places)
    engine = engine_for(plan, summed, n_groups, n_kernels, kind, interleaved)
    pixels = plan.types.images.str if kind == WORDS else ""  # what the lowest sum depends on
    key = "factors", summed, kind, pixels, interleaved, part and (part.group, *part.kernels)
    packed = job.bank.packs.get(key)
    if packed is None:
        packed = job.bank.keep(key, pack(job.bank, summed, found, places))
    job.beside, job.packed_as = plan.table_bytes + packed[0].nbytes, key
    call = job.call(engine, result, packed, part=part, limits=limits)
    job.share_out(call)
    may_repeat = kind == WORDS or (limits is None and not plan.types.exact)  # words are sums of any pixels
    if part is None and may_repeat and plan.types.stored == plan.types.response:
        job.call_done = Done(call, engine, limits, packed)
    return not call.overflowed


def pack(bank: Bank, summed: str, found: Found, places: list[tuple[int, int]]) -> tuple[Array, Array]:
    """The rows and columns of each kernel, and all of its taps behind them; and the biases.

    In words two numbers are there instead: the lowest sum, and what whole taps are multiplied with.
    """
    rank, height = max(found[place].rank for place in places), bank.kernels.shape[1]
    run = bank.n_taps // height
    packed = np.zeros((len(places), rank * (run + height) + bank.n_taps), summed)
    for own, place in zip(packed, places, strict=True):
        factors = found[place]
        own[: factors.rank * run] = factors.rows.ravel()
        own[rank * run :][: factors.rank * height] = factors.columns.ravel()
        if isinstance(factors, Words):
            own[run + height :][:2] = factors.lowest, factors.scale
        else:
            own[rank * (run + height) :] = bank.real_kernels(place[0], place[1], place[1] + 1, summed)[0]
    return packed, np.array([bank.bias[place] for place in places]).astype(summed) + 0  # a sum begins with no -0


def engine_for(plan: Any, summed: str, n_groups: int, n_kernels: int, kind: float, interleaved: bool = False) -> Engine:
    """The engine of so many kernels, each of so many products or in words, or of one for channels that are columns."""
    height, width = plan.geometry.kernel_shape
    key = summed, "factors", n_groups, n_kernels, kind, interleaved
    engine: Engine | None = plan.engines.get(key)
    if engine is None:
        run, form = width * plan.depth, "words" if kind == WORDS else "factors"
        sizes = max(1, int(kind)), -(-run // sum_blocks(1, run)[1]), sum_blocks(height, 1)[0]
        engine = plan.engines[key] = plan.make_engine(
            summed, n_groups, n_kernels, plan.all_taps, form, plan.blocks, sizes, interleaved=interleaved
        )
    return engine


# --- kernels that "auto" takes it for ---------------------------------------------------------------------------------


def most_rank(plan: Any, other_cost: Callable[[str, Geometry, Types], float]) -> float:
    """The largest kind of kernels that are done by their factors although the plan's method is another; 0 for none.

    It follows from the sizes of the whole image, and of the bank.
    """
    settings, geometry, types = plan.settings, plan.geometry.grid, plan.types
    asked = settings.method != "auto" or (settings.precision == "strict" and not types.exact)
    asked |= plan.depth > FEW_CHANNELS or min(geometry.kernel_shape) < 2
    if asked or not geometry.n_kernels or obstacle(geometry, types):
        return 0
    own = other_cost(plan.method, geometry, types) * min(1, plan.share_of_bytes)
    n_kernels = geometry.n_kernels * types.parts
    kinds = [WORDS] if pixels_of_words(plan, "f4") else []
    kinds = [
        kind for kind in (*kinds, *range(1, MOST_RANK + 1))
        if own > SAVED * cost_of_kind(geometry, types, kind) + LOOK[kind] * n_kernels
    ]  # fmt: skip
    return max(kinds, default=0)


def chosen_factors(job: Job) -> Found | None:
    """(groups, kernels) of the `Factors` of kernels that are done by them; None where there is none."""
    if not job.plan.most_rank or job.scaling is not None:
        return None
    summed = job.plan.types.summed
    chosen = chosen_of(job.plan, job.bank, summed, pixels_of_words(job.plan, summed))
    return chosen if any(factors is not None for factors in chosen.flat) else None


def chosen_of(plan: Any, bank: Bank, summed: str, pixels: str) -> Found:
    """(groups, kernels) of the `Factors` that the plan is worth it for; of integers all kernels are, or none."""
    found = all_factors(bank, summed, plan.types.exact, pixels, plan.most_rank).copy()
    kinds = [MOST_RANK + 1 if factors is None else kind_of(factors) for factors in found.flat]
    fits = (np.reshape(kinds, (-1, bank.parts)) <= plan.most_rank).all(axis=1)  # a complex kernel's parts go one way
    fits &= fits.all() or not plan.types.exact
    found[~fits.repeat(bank.parts).reshape(found.shape)] = None
    return found


def count_chosen(plan: Any, bank: Bank) -> int:
    """How many kernels these are; of integers, where sums of rows are exact in float64."""
    summed = "f8" if plan.types.exact else plan.types.summed
    chosen = chosen_of(plan, bank, summed, pixels_of_words(plan, "f4"))
    return sum(factors is not None for factors in chosen.flat) // bank.parts


def run_integers(job: Any, result: Any, bound: int, limits: Limits | None) -> bool | None:
    """The responses of `run_exactly`, under "auto"; None where not all kernels have factors that are worth it.

    Or where sums of rows of the type are not exact.
    """
    if not job.plan.most_rank or job.scaling is not None:
        return None
    summed = "f4" if bound <= EXACT_FLOAT32 else "f8"
    found = chosen_of(job.plan, job.bank, summed, pixels_of_words(job.plan, summed))
    if any(factors is None for factors in found.flat) or not are_exact(job, summed, found):
        return None
    return run_kernels(job, result, summed, limits, found)


def run_chosen(job: Any, result: Array, limits: Limits | None, chosen: Found, run_others: Callable[..., bool]) -> bool:
    """All responses: of kernels with factors by these, of the others as `run_others` does them; as `run`."""
    summed, done = job.plan.types.summed, np.vectorize(lambda factors: factors is not None, otypes=[bool])(chosen)
    fits, all_done = True, bool(done.all())
    if not all_done:
        others = copy(job)
        others.bank, others.left_out = job.bank.without(done), done
        fits = run_others(others, result, limits)
        job.has_faint_pixels = others.has_faint_pixels
    if not job.has_faint_pixels:
        fits &= run_kernels(job, result, summed, limits, chosen)
    if not all_done:
        job.call_done = None
    return fits
