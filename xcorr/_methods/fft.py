"""The frequency domain: what cannot be transformed is handed back to the direct method.

Kernels with taps that are not finite, or so large that sums might not be, are left out of the call. Sections with
pixels of that kind, or of too wide a range, are handed back by the loops for all kernels.
"""

from collections.abc import Iterator
from copy import copy
from math import prod
from typing import Any, NamedTuple

import numpy as np

from xcorr._arrays import copy_in_pieces, in_order, some_images
from xcorr._axes import Geometry, Span
from xcorr._bank import spectra_key
from xcorr._dtypes import Types, largest_magnitude
from xcorr._engine import Reducer
from xcorr._methods import boxes, digits, direct, sections, stretches
from xcorr._methods.asked import Area, Array, Box, Job, Limits, Part, Plan
from xcorr._methods.lines import (
    Fold,
    add_last_taps,
    along_line,
    ends,
    folded_axes,
    folded_job,
    from_first_window,
    has_last_taps,
    line_of,
    with_rows,
)
from xcorr._methods.sections import (
    cheapest,
    chunk,
    fold_of,
    rounds_right,
    section_cost,
    sizes_of,
    spectrum_bytes,
    workspace,
)
from xcorr._reach import largest_at_hand
from xcorr._units import count_word
from xcorr._workers import WORKSPACE_LIMIT, refuse_too_large

BOUND = "normwise"
LARGEST_KEPT_BANK, WORKERS_LIMIT = 0, WORKSPACE_LIMIT  # beside spectra

SMALLEST_TRANSFORMED = 25
"""Taps of one channel below which the frequency domain is not looked at: it never was the faster one."""


OF_LINE = 8_000_000
"""Multiply-adds that folding a line, cutting it into sections and doing its ends take as long as, whatever its length:
0.2 ms prepared, 0.4 ms else. 2026-11-27, AMD EPYC (Zen 3), level v3, 1 worker: one kernel of 64 to 2000 taps along
3,000 to 1,000,000 pixels, both ways forced."""


OF_CALL = 2_000_000
"""Multiply-adds that other calls take as long as beside their sections: 0.03 ms prepared, 0.13 to 0.3 ms raw.

Less than half of both. 2026-11-29, AMD EPYC (Zen 4), level v4, 1 worker: 1 to 16 kernels of 5x5 to 31x31 on 32x32 to
256x256 pixels, both ways forced.
"""

WIDER = 3
"""How many times as long as in float32 transforms in float64 are taken to be, where these are new; not tuned."""

OF_DIGITS = 0.7
"""Share of the direct method's time that products of digits may take, as both are reckoned; not tuned."""


def obstacle(geometry: Geometry, types: Types) -> str:
    """None; where no section fits, the plan says so."""
    return ""


def doubt(geometry: Geometry, types: Types) -> str:
    """Small kernels, or large ones of which no section fits the workspace."""
    if prod(geometry.kernel_shape) < SMALLEST_TRANSFORMED:
        return f"the frequency domain is for kernels of {SMALLEST_TRANSFORMED} taps in a channel and more"
    if cheapest(sizes_of(geometry, types))[0] is None:
        return "no section of the frequency domain fits the workspace"
    return ""


def cost(geometry: Geometry, types: Types) -> int:
    """The cost of the cheapest section, in multiply-adds of the type that the direct method sums in.

    In float64 both take twice as long. One kernel on 512x512 pixels breaks even at 10x10 to 11x11 taps in either type,
    8 prepared kernels on 256x256 below 7x7 in float32, at 8x8 in float64. 2026-11-29, AMD EPYC (Zen 4), level v4, 1
    worker.
    """
    sizes = sizes_of(geometry, types)
    n_lines = max(sizes.n_stretches, int(line_of(geometry) is not None))
    of_calls = n_lines * OF_LINE if n_lines else OF_CALL
    return of_calls + cheapest(sizes)[1] * 4 // (4 if types.exact else sizes.item)


def effort(plan: Plan) -> int:
    """The cost of the sections that have a response which is asked for."""
    cost: int = plan.section[1]
    return cost * prod(plan.geometry.outputs) // prod(plan.geometry.grid.outputs)


def loops(plan: Plan, summed: str) -> dict[str, Any]:
    """Loops over sections: of the whole image, where some of its responses are left out."""
    fold, geometry, axes, clip = fold_of_plan(plan), plan.geometry, None, None
    if fold is not None:
        axes = folded_axes(geometry.axes[fold.line.axis], fold)
    elif geometry.whole:
        whole, clip = geometry.within(geometry.grid.outputs)
        axes = tuple(axis.of_taps(0, axis.kernel) for axis in whole)
    more = {"section": tuple(plan.section[0]), "rounded": plan.types.exact, "axes": axes, "clip": clip}
    return {"form": "fft", "blocks": plan.blocks, **more}


def fold_of_plan(plan: Plan) -> Fold | None:
    """How the one line that the windows are is folded."""
    return fold_of(plan.geometry.grid, plan.sizes, plan.section[0])


def check(plan: Plan, packed: int) -> None:
    """The section, of which there may be none."""
    plan.section  # noqa: B018 # raises


def n_bytes(job: Job, result: Array, summed: str, n_workers: int) -> tuple[int, int]:
    """The bytes of the spectra that are there at once, and of the workspaces."""
    section, sizes = job.plan.section[0], job.plan.sizes
    spectra = int(chunk(section, sizes) * spectrum_bytes(section, sizes)) * sizes.groups
    waiting = stretches.STRETCH_BYTES + stretches.MAP_BYTES if sizes.n_stretches else 0
    waiting += 2 * sections.BOX_BYTES if job.plan.boxes != (1, 1) else 0
    return spectra, min(int(workspace(section, sizes)) * n_workers + waiting, WORKSPACE_LIMIT - spectra)


def reasons(plan: Plan) -> list[str]:
    """Which sections, for how many windows."""
    section = plan.section[0]
    windows = f"{section.valid_rows}x{section.valid_columns}"
    found = [f"sections of {section.height}x{section.width} pixels for {windows} windows"]
    fold = fold_of_plan(plan)
    if fold is not None and fold.kernel_rows > 1:
        found.append(f"kernels are folded to {fold.kernel_rows} rows of {fold.length} taps, images to rows of as many")
    if plan.sizes.n_stretches:
        found.append(f"the line is done in {count_word(plan.sizes.n_stretches)} stretches, with their padding")
    if plan.boxes != (1, 1):
        found.append(f"kernels are cut into {plan.boxes[0]}x{plan.boxes[1]} boxes of taps, whose responses are added")
    return found


# --- the run ----------------------------------------------------------------------------------------------------------


class Sections(NamedTuple):
    """The areas that were handed back, and the others; `done` is None where all were transformed."""

    handed_back: list[Area]
    done: list[Area] | None
    ends: list[Area]  # of lines, which are not transformed
    call: Any = None  # which handed them back


def run(job: Job, result: Array, summed: str, limits: Limits | None) -> bool:
    """All responses; false if one is outside of the limits, or no number."""
    plan, axis, fold = job.plan, job.plan.layout.response[0], fold_of_plan(job.plan)
    waits = isinstance(result, Reducer) and fold is not None and has_last_taps(job, fold)
    if plan.sizes.n_stretches or waits:
        return stretches.run(job, result, limits, lambda part, to, own: run(part, to, summed, own))
    if plan.boxes != (1, 1):
        return boxes.run(job, result, limits, lambda part, to, own: run(part, to, summed, own))
    if plan.layout.images[1] < 0:
        job, result = with_rows(job, result)
        plan = job.plan
    if job.n_images > 1 and fold is not None and plan.geometry.whole:
        own = (run(job.of_images(n, n + 1), some_images(result, axis, n, n + 1), summed, limits)
               for n in range(job.n_images))  # fmt: skip
        return all(list(own))
    if plan.geometry.whole and fold is not None:
        return run_whole_line(job, result, summed, limits)
    left_out = job.bank.handed_back(job.plan.engine(summed).largest_exponent)
    leaves_out = bool(left_out.any())
    fits, sections = transform(job, result, summed, limits, leaves_out)
    if sections.handed_back and summed == "f4" and widens(plan, fold):
        fits_too, sections = transform(job, result, "f8", limits, leaves_out, sections.call)
        fits &= fits_too
    if sections.handed_back:
        fits &= direct.do_handed_back(job, result, summed, limits, sections.handed_back)
    if sections.ends:
        fits &= do_ends(job, result, summed, limits, sections.ends)
    for part, box in parts_of(job, left_out, summed) if leaves_out else ():
        fits &= direct.do_kernels(job, result, part, limits, summed, box, sections.done)
    return fits


def run_exactly(job: Job, result: Array, summed: str, limits: Limits | None, bound: int) -> bool:
    """All responses, which are whole numbers of at most that magnitude: rounded where that is proven to be right.

    Elsewhere they are done digit by digit, or directly, in sums of the type, in which they are exact.
    """
    plan, bank = job.plan, job.bank
    waits = isinstance(result, Reducer) and fold_of_plan(plan) is not None
    if plan.sizes.n_stretches or waits:
        return stretches.run(job, result, limits, lambda part, to, own: run_exactly(part, to, summed, own, bound))
    if plan.boxes != (1, 1):
        return boxes.run(job, result, limits, lambda part, to, own: run_exactly(part, to, summed, own, bound))

    def is_proven(bound: int) -> bool:
        return rounds_right(bound, plan.sizes, plan.section[0])

    def largest_sum(pixel: int) -> int:
        return pixel * bank.reach[0] + bank.reach[1]

    if is_proven(largest_sum(largest_magnitude(plan.types.images))):
        return run(job, result, "f8", limits)
    largest = largest_at_hand(job)  # sections hold pixels that no window reaches, whose rounding errors all of it has
    if is_proven(largest_sum(largest)):
        return run(job, result, "f8", limits)
    if limits is None and isinstance(result, np.ndarray) and result.dtype == np.int64:
        most = plan.multiply_adds / plan.section[1] * OF_DIGITS
        counts = digits.counts_for(job, largest, is_proven, most)
        if counts is not None:
            digits.run(job, result, largest, counts, lambda part, to: run(part, to, "f8", None))
            return True
    return direct.run(job, result, summed, limits)


def run_whole_line(job: Job, result: Any, summed: str, limits: Limits | None) -> bool:
    """Some responses of the only image's line, which is folded as a whole: all are done, and these are taken.

    A line with a response that is outside of the limits, or no number, is done directly where it is asked for.
    """
    plan, whole, reduces = job.plan, copy(job), isinstance(result, Reducer)
    whole.plan = plan.without_roi
    shape, dtype = whole.plan.response_shape(1), plan.types.response if reduces else result.dtype
    refuse_too_large("roi", "the whole line's responses", prod(shape) * dtype.itemsize, job.kept_bytes, "what is kept")
    line = np.empty(shape, dtype)
    fits = run(whole, line, summed, limits)
    if not fits:
        return direct.run(job, result, summed, limits)
    _, (rows, columns) = plan.geometry.within(plan.geometry.grid.outputs)
    axes = plan.layout.response
    asked_for = in_order(line, axes)[:, rows[0] : sum(rows), columns[0] : sum(columns)]
    if reduces:
        kernels = np.arange(plan.geometry.n_kernels)
        result.take(summed, np.ascontiguousarray(asked_for[0], summed), 0, 0, 0, kernels, plan.level.table)
    else:
        copy_in_pieces(in_order(result, axes), asked_for)
    return True


def widens(plan: Plan, fold: Fold | None) -> bool:
    """Whether sections of float32 that span too much are worth transforms in float64, and there is room for these.

    It is asked for one kernel of the whole image: a response has the same bits in any bank and part.
    """
    section, sizes = plan.section[0], plan.sizes._replace(item=8)
    fits = workspace(section, sizes) <= sections.WORKERS_LIMIT and chunk(section, sizes) >= 1
    directly = plan.geometry.grid.multiply_adds * plan.types.parts // plan.n_kernels
    return fold is None and bool(fits and WIDER * section_cost(section, plan.sizes._replace(n_kernels=1)) < directly)


def transform(
    job: Job, result: Any, summed: str, limits: Limits | None, all_areas: bool, before: Any = None
) -> tuple[bool, Sections]:
    """Correlates in the frequency domain, as many kernels at once as may be; and what it handed back.

    Of a call before, in another type, only what that handed back.
    """
    plan, bank = job.plan, job.bank
    engine = plan.engine(summed)
    bias = np.ascontiguousarray(bank.bias, summed)
    n_chunks = -(-bank.n_kernels // int(chunk(plan.section[0], plan.sizes._replace(item=int(engine.summed[1:])))))
    at_once = -(-bank.n_kernels // n_chunks)
    fold = fold_of_plan(plan)
    fits, sections = True, Sections([], None, [])
    kinds = None if plan.types.exact else bank.kinds
    whole = line = job
    if fold is not None:
        line = from_first_window(job, fold.line)
        job, responses = folded_job(line, result, fold)
    else:
        responses = result
    for first in range(0, bank.n_kernels, at_once):
        end = min(first + at_once, bank.n_kernels)
        spectra, exponents = bank.spectra(engine, plan.level.name, first, end, at_once, job.most_workers)
        job.beside = plan.table_bytes + spectra.nbytes
        job.packed_as = spectra_key(engine, plan.level.name)
        own_kinds = None if kinds is None else np.ascontiguousarray(kinds[:, first:end]).reshape(-1)
        spectra_of = first, exponents, own_kinds
        call = job.call(engine, responses, (spectra, bias), limits=limits, spectra_of=spectra_of, again=before)
        job.share_out(call)
        fits &= not call.overflowed
        if end == bank.n_kernels and fold is not None:
            done = along_line(call.areas(False), fold) if all_areas else None
            sections = Sections(along_line(call.areas(True), fold), done, ends(whole, fold, job.n_images))
        elif end == bank.n_kernels and (handed_back := inside(call.areas(True), engine.clip)):
            done = inside(call.areas(False), engine.clip) if all_areas else None
            sections = Sections(handed_back, done, [], call)
        del spectra, call  # before the next ones are made
    if fold is not None and has_last_taps(line, fold):
        add_last_taps(line, result, fold, summed)
    return fits, sections


def inside(areas: list[Area], clip: Span | None) -> list[Area]:
    """The parts of areas at `clip`, counted from where it begins; all of them without one."""
    if clip is None:
        return areas
    found = []
    for image, group, first_row, n_rows, first_column, n_columns in areas:
        top, height = common(first_row, n_rows, *clip[0])
        left, width = common(first_column, n_columns, *clip[1])
        if height > 0 and width > 0:
            found.append((image, group, top, height, left, width))
    return found


def common(first: int, count: int, begin: int, length: int) -> tuple[int, int]:
    """What so many places from `first` on have in common with those from `begin` on, counted from there."""
    start = max(first - begin, 0)
    return start, min(first + count - begin, length) - start


def do_ends(job: Job, result: Array, summed: str, limits: Limits | None, areas: list[Area]) -> bool:
    """The ends of lines, by some kernels at once if those are too many to be packed together; as `run`."""
    bank = job.bank
    if bank.n_groups * bank.n_kernels * bank.n_taps <= direct.TAPS_AT_ONCE:
        return direct.do_handed_back(job, result, summed, limits, areas)
    box = slice(0, bank.kernels.shape[1]), slice(0, bank.kernels.shape[2])
    at_once = max(1, direct.TAPS_AT_ONCE // bank.n_taps)
    fits = True
    for group in range(bank.n_groups):
        for first in range(0, bank.n_kernels, at_once):
            some = tuple(range(first, min(first + at_once, bank.n_kernels)))
            part = Part(bank.some(group, some, summed, box), group, some)
            fits &= direct.do_kernels(job, result, part, limits, summed, box, areas)
    return fits


def parts_of(job: Job, left_out: Array, summed: str) -> Iterator[tuple[Part, Box]]:
    """Kernels that are left out, some at once, with the rows and columns of the taps that decide their responses."""
    found: dict[tuple[int, tuple[int, ...]], list[int]] = {}
    for group, kernel in np.argwhere(left_out).tolist():
        found.setdefault((group, decisive_taps(job, group, kernel, summed)), []).append(kernel)
    for (group, (top, bottom, left, right)), kernels in found.items():
        box = slice(top, bottom), slice(left, right)
        at_once = max(1, direct.TAPS_AT_ONCE // job.bank.n_taps)
        for first in range(0, len(kernels), at_once):
            some = tuple(kernels[first : first + at_once])
            yield Part(job.bank.some(group, some, summed, box), group, some), box


def decisive_taps(job: Job, group: int, kernel: int, summed: str) -> tuple[int, ...]:
    """The rows and columns of a kernel's taps that decide all of its responses, where pixels may be transformed.

    A response with an infinite tap is no finite number, whatever finite pixels and taps it has beside, as long as sums
    of these are finite, as the frequency domain's are. One with NaN is NaN.
    """
    bank, (height, width) = job.bank, job.bank.kernels.shape[1:3]
    taps = bank.real_kernels(group, kernel, kernel + 1, summed).reshape(height, width, -1)
    unknown: Any = np.isnan(taps).any(axis=2)
    finite = np.isfinite(taps)
    tame = np.all(np.abs(taps[finite]) < 2.0 ** job.plan.engine(summed).largest_exponent)
    decisive: Any = unknown if unknown.any() else ~finite.all(axis=2)
    if not tame or not decisive.any():
        return 0, height, 0, width
    if unknown.any():
        row, column = np.argwhere(unknown)[0].tolist()
        return row, row + 1, column, column + 1
    rows, columns = np.flatnonzero(decisive.any(1)).tolist(), np.flatnonzero(decisive.any(0)).tolist()
    return rows[0], rows[-1] + 1, columns[0], columns[-1] + 1
