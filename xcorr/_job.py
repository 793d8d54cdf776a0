"""One call of a plan: its arrays, tied to an engine and run by as many workers as they are worth."""

from collections.abc import Callable, Hashable
from typing import Any

import numpy as np

from xcorr import _workers
from xcorr._arrays import some_images
from xcorr._bank import PREPARED_PER_WORKER, Bank, panel_bytes, panels_key
from xcorr._engine import Engine, Reducer
from xcorr._methods import faint_pixels
from xcorr._methods.asked import Array, Done, Limits, Part, Scaling
from xcorr._methods.choice import METHODS
from xcorr._methods.direct import NO_PANELS
from xcorr._methods.matmul import channels_first
from xcorr._once import cached_property
from xcorr._plan import Plan
from xcorr._tops import Tops

MULTIPLY_ADDS_PER_WORKER = 2_800_000
"""Multiply-adds below which another worker costs more than it brings.

Two are faster from 0.8 to 7.2 million multiply-adds on, by the kind of the call, winograd's counted as they are done.
2026-11-27, AMD EPYC (Zen 5), level v4, benchmarks/workers.py.
"""

OF_REPEATED = 1_200_000
"""The same of calls that are repeated without planning, for which another worker costs 0.004 instead of 0.025 ms.

Two are faster from 1.3 million multiply-adds on, which one does in 0.011 to 0.015 ms. Measured with the one above.
"""

MOST_USEFUL = 16
"""Workers up to which those of repeated calls come with so few multiply-adds each."""

LONGEST_REPEATED = 2**28
"""Multiply-adds up to which a call may be repeated without planning.

Planning takes 0.02 ms, and 0.03 to 0.1 ms after a call of some milliseconds, when the caches hold other things: 1.05
times such a call of 0.5 to 2 ms. 2026-11-27, AMD EPYC (Zen 5), level v4, `Correlator` on the rows of workloads.csv.
"""

LARGE_PANELS = 2**20
"""Bytes from which on it is looked whether there is room for the call beside them, before they are packed."""


def useful_workers(plan: Plan, n_images: int) -> int:
    """The workers that a call is worth; 0 for less than one."""
    effort = plan.effort * n_images
    repeated = min(effort // OF_REPEATED, MOST_USEFUL) if plan.method == "direct" or plan.is_by_tiles else 0
    return max(repeated, effort // MULTIPLY_ADDS_PER_WORKER)


class Job:
    """The arrays of one call and what was asked."""

    def __init__(self, plan: Plan, images: Array, bank: Bank, fill: tuple[complex, ...], workers: Any) -> None:
        self.plan = plan
        self.images = images
        self.bank = bank
        self.fill = fill
        self.n_images = images.shape[plan.layout.images[0]] if plan.layout.images[0] >= 0 else 1
        useful = useful_workers(plan, self.n_images)
        self.is_small = useful <= 1
        self.is_short = plan.effort * self.n_images <= LONGEST_REPEATED
        self.call_done: Done | None = None  # the last one by the direct method
        self.may_refuse = False  # a response of that call, when others are stored already
        self.most_magnitude: int | None = None  # of integer pixels, for which that is exact; None for any
        self.beside = plan.table_bytes  # bytes that are there beside the workspaces
        self.spare = 0  # bytes of what may be packed while the call runs; 0 once it is known that they do not fit
        self.looks_at_pixels = False  # for subnormal ones, while calls run
        self.has_faint_pixels = False  # found, so that responses are missing
        self.looks_at_taps, self.has_faint_taps = False, False  # the same of taps, by products
        self.kept_bytes = 0  # of what is kept of responses that are reduced
        self.left_out: Array | None = None  # (groups, kernels): those whose responses others give to a reducer
        self.scaling: Scaling | None = None  # what makes scores of the responses
        self.tops: Tops | None = None  # of rows of `responses`, noted where it is done in passing
        self.responses: Array | None = None
        self.packed_as: Hashable = None  # what the bank must not let go of
        self.asked_workers = workers
        self.useful_workers = useful
        self.n_workers = 1 if self.is_small else min(useful, self.most_workers)

    @cached_property
    def most_workers(self) -> int:
        """Workers that the call may have, whatever it is worth; the bank is prepared by those it is worth."""
        return min(_workers.count_workers(self.asked_workers), _workers.most_threads())

    def run(self, engine: Engine, result: Array, part: Part | None = None, **more: Any) -> Any:
        """The engine's call with the bank's panels, or a part's, done by as many workers as it is worth."""
        call = self.lay_out(engine, result, part, **more)
        self.share_out(call)
        return call

    def lay_out(self, engine: Engine, result: Array, part: Part | None = None, **more: Any) -> Any:
        """The engine's call with the bank's panels, or a part's."""
        bank = self.bank if part is None else part.bank
        return self.laid_out(engine, bank, lambda panels: self.call(engine, result, panels, part, **more))

    def laid_out(self, engine: Engine, bank: Bank, lay: Callable[[tuple[Array, Array]], Any]) -> Any:
        """The call that `lay` makes of the bank's panels.

        MemoryError before they are packed, if they leave no room for its workspace. Products have rows of taps instead.
        """
        if engine.form == "products":
            summed, first = np.dtype(engine.summed), channels_first(self.plan)
            self.packed_as = bank.rows_key(summed, first)
            self.beside = self.plan.table_bytes + bank.row_bytes(summed, first)
            rows, bias = bank.rows(summed, first, self.most_workers)
            return lay((rows[0], bias[0]))
        key = panels_key(engine, self.plan.level.name)
        found = bank.packs.get(key)
        n_bytes = panel_bytes(engine) if found is None else found[0].nbytes
        self.packed_as = key if bank is self.bank else None
        self.beside = self.plan.table_bytes + n_bytes
        if found is None:
            if n_bytes > LARGE_PANELS:
                idle = lay(NO_PANELS)
                self.check_room(idle)
                bank.make_room(self.beside + idle.workspace_bytes)
                idle.close()
            n_workers = self.most_workers if n_bytes > PREPARED_PER_WORKER else 1
            found = bank.packed(engine, self.plan.level.name, n_workers)
        return lay(found)

    def check_room(self, call: Any) -> None:
        """MemoryError if one worker's workspace is too much beside what else the call takes."""
        what = "workspace for one row of responses"
        beside = self.beside + self.kept_bytes
        _workers.refuse_too_large("images", what, call.workspace_bytes, beside, "kernels and tables")

    def share_out(self, call: Any) -> None:
        """Runs a call by as many workers as it is worth and there is workspace for."""
        self.check_room(call)
        if self.looks_at_pixels and not call.look_at_pixels() and faint_pixels.any_faint_pixel(self):
            self.has_faint_pixels = True
        if self.looks_at_taps:
            call.look_at_taps()
        if self.has_faint_pixels:
            call.close()
            return
        limit = min(
            _workers.WORKSPACE_LIMIT - self.beside - self.spare - self.kept_bytes,
            METHODS[self.plan.method].WORKERS_LIMIT,
        )
        n_workers = min(self.n_workers, call.n_tasks)
        while n_workers > 1 and call.workspace_bytes * n_workers > limit:
            n_workers -= 1
        own_bytes = 0 if self.packed_as is not None else self.beside - self.plan.table_bytes
        self.bank.make_room(self.plan.table_bytes + own_bytes + call.workspace_bytes * n_workers, self.packed_as)
        _workers.run(call, n_workers)
        self.has_faint_pixels = self.looks_at_pixels and call.has_faint_pixels
        self.has_faint_taps = self.looks_at_taps and call.has_faint

    def call(
        self,
        engine: Engine,
        result: Array,
        panels: tuple[Array, Array],
        part: Part | None = None,
        *,
        limits: Limits | None = None,
        **more: Any,
    ) -> Any:
        """The engine's call of these arrays; of a part, of its group's channels and of its kernels' responses.

        It leaves `spare` bytes if it can, else `spare` is 0 from here on.
        """
        plan, images, fill, kernels = self.plan, self.images, self.real_fill(), None
        if part is not None:
            images, fill = self.images_of(part.group), fill[part.group * plan.depth : (part.group + 1) * plan.depth]
            kernels = np.array(part.kernels, dtype=np.intp) + part.group * plan.n_kernels
        if self.left_out is not None and isinstance(result, Reducer):
            kernels = np.arange(self.left_out.size) if kernels is None else kernels
            kernels = np.where(self.left_out.reshape(-1)[kernels], -1, kernels)
        stored = plan.types.stored.str[1:]
        if self.scaling is not None:
            stored = result.dtype.str[1:]
            more["scaling"] = self.scaling.words(engine.summed)
        arrays = (
            (images, plan.layout.images, images.dtype.str[1:], not images.dtype.isnative),
            (result, plan.layout.response, stored),
            panels,
            fill,
        )
        own_limits = None if limits is None else tuple(limits)
        if self.tops is not None and part is None and self.left_out is None and result is self.responses:
            more["tops"] = tuple(self.tops)  # of what is the responses at last
        runs = panels is not NO_PANELS  # a call that is only laid out has no use for it, nor always a bank
        finite = runs and not self.is_small and engine.pads_with_zeros and self.bank.is_finite(plan.level.table)
        more = {"limits": own_limits, "kernels": kernels, "n_workers": self.n_workers, "finite": finite, **more}
        room = _workers.WORKSPACE_LIMIT - self.beside - self.kept_bytes
        call = engine.call(*arrays, workspace_limit=max(0, room - self.spare), **more)
        if self.spare and call.workspace_bytes > room - self.spare:
            self.spare = 0
            call.close()
            call = engine.call(*arrays, workspace_limit=max(0, room), **more)
        return call

    def of_images(self, first: int, end: int) -> "Job":
        """The same call of images [first, end)."""
        if end - first == self.n_images:
            return self
        images = some_images(self.images, self.plan.layout.images[0], first, end)
        job = Job(self.plan, images, self.bank, self.fill, self.asked_workers)
        job.kept_bytes, job.left_out = self.kept_bytes, self.left_out
        job.scaling = None if self.scaling is None else self.scaling.some(first, end)
        return job

    def images_of(self, group: int) -> Array:
        """The channels of one group."""
        axis, geometry = self.plan.layout.images[3], self.plan.geometry
        depth = geometry.channels // geometry.groups
        place = [slice(None)] * self.images.ndim
        if axis >= 0:
            place[axis] = slice(group * depth, (group + 1) * depth)
        return self.images[tuple(place)]

    def real_fill(self) -> Array:
        """The fill value of every real channel."""
        fill = self.plan.no_fill
        if any(number != 0 for number in self.fill):
            parts = ("real", "imag") if self.plan.types.images.kind == "c" else ("real",)
            numbers = [getattr(number, part) for number in self.fill for part in parts]
            fill = np.tile(np.array(numbers, dtype=np.float64), len(fill) // len(numbers))
        return fill
