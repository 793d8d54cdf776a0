"""One call of a plan: its arrays, the arithmetic that they need, and how many workers they are worth."""

import functools
import itertools
from collections.abc import Callable, Hashable
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt

from xcorr import _reach, _workers
from xcorr._arrays import copy_in_pieces
from xcorr._bank import Bank, panels_key, spectra_key
from xcorr._dtypes import EXACT_FLOAT32, EXACT_FLOAT64, integer_range, largest_magnitude
from xcorr._engine import Engine
from xcorr._foreign import refuses
from xcorr._memory import empty
from xcorr._methods import exact, fft, matmul

if TYPE_CHECKING:
    from xcorr._plan import Plan

Array = npt.NDArray[Any]

WORK_PER_WORKER = 3_600_000
"""Multiply-adds below which another worker costs more than it brings.

Two are faster from 1.6 to 9.4 million multiply-adds on, by the kind of the call, winograd's counted as they are done.
2026-11-25, AMD EPYC (Zen 5), level v4, benchmarks/workers.py.
"""

REGION_BYTES = 2**24
"""Bytes of responses that are computed beside the array."""

LARGE_PANELS = 2**20
"""Bytes from which on it is looked whether there is room for the call beside them, before they are packed."""

NO_PANELS = np.empty((1, 1)), np.empty((1, 1))


class Limits(NamedTuple):
    """Least and greatest value of the response's integer type; whether what lies outside is brought inside."""

    least: int
    greatest: int
    saturate: bool


class Job:
    """The arrays of one call and what was asked."""

    def __init__(self, plan: "Plan", images: Array, bank: Bank, fill: tuple[complex, ...], workers: Any) -> None:
        self.plan = plan
        self.images = images
        self.bank = bank
        self.fill = fill
        self.n_images = images.shape[plan.layout.images[0]] if plan.layout.images[0] >= 0 else 1
        useful = plan.effort * self.n_images // WORK_PER_WORKER
        self.is_small = useful <= 1
        self.call_done: Any = None  # the last one by the direct method
        self.most_magnitude: int | None = None  # of integer pixels, for which that is exact; None for any
        self.beside = plan.table_bytes  # bytes that are there beside the workspaces
        self.own_bytes = 0  # of responses beside the array
        self.packed_as: Hashable = None  # what the bank must not let go of
        self.n_workers = 1
        if not self.is_small:
            self.n_workers = min(useful, _workers.count_workers(workers), _workers.most_threads())

    def respond(self, shape: tuple[int, ...], target: Array | None) -> Array:
        """The response in `target`, or in memory of its own.

        A response that may be refused, and one in the place of an operand, is copied from there when it is known.
        """
        plan, types = self.plan, self.plan.types
        result: Array = empty(shape, types.response) if target is None or not self.may_store(target) else target
        if types.exact:
            self.correlate_integers(result)
        elif types.rounds_floats:
            self.correlate_saturated(result)
        elif types.stored == types.response:
            self.correlate(result, types.summed)
        else:
            self.correlate(result.real, types.summed)
            copy_in_pieces(in_order(result.imag, plan.layout.response), self.bank.imaginary_bias)
        if target is not None and result is not target:
            copy_in_pieces(target, result)
        return result

    def may_store(self, target: Array) -> bool:
        """Whether responses may be written to `target` one by one: none will be refused, and no operand lies there."""
        types = self.plan.types
        if types.exact and not (self.surely_fits or self.limits.saturate):
            return False
        if types.rounds_floats and not self.surely_numbers():
            return False
        return not any(may_overlap(target, other) for other in (self.images, self.bank.original))

    def correlate(self, result: Array, summed: str, limits: Limits | None = None) -> bool:
        """Correlate by the plan's method, in sums of that type; false if a response is outside of the limits or NaN."""
        plan = self.plan
        engine = plan.engine(summed)
        if plan.method == "matmul":
            work = np.dtype(summed)
            blocks = matmul.Blocks(plan.geometry, plan.depth, work.itemsize)
            width = matmul.panel_width(blocks, work)
            n_bytes = self.bank.matrix_bytes(work, width)
            _workers.refuse_too_large("images", "workspace", blocks.workspace_bytes, n_bytes, "matrices")
            weights, bias = self.bank.weights(work, width)
            self.bank.make_room(blocks.workspace_bytes, (work.str, width))
            call = self.call(engine, result, (weights, bias), limits, 1)
            matmul.run(call, blocks, weights, bias, self.n_images)
        elif plan.method == "fft" and not plan.types.exact:
            return self.correlate_tiles(result, engine, limits)
        else:
            if plan.method == "fft":
                engine = plan.engine(summed, "direct")
            call = self.run(engine, result, limits)
            if plan.method == "winograd" and (infinite := call.infinite):
                call.close()  # and with it the transformed kernels
                self.run(plan.engine(summed, "direct"), result, limits, infinite)
            if plan.method == "direct" and plan.types.stored == plan.types.response:
                self.call_done = call
        return not call.overflowed

    def correlate_tiles(self, result: Array, engine: Engine, limits: Limits | None) -> bool:
        """Correlates in the frequency domain, as many kernels at once as may be; then does directly what has to be."""
        plan, bank = self.plan, self.bank
        bias = np.ascontiguousarray(bank.bias, engine.summed)
        n_chunks = -(-bank.n_kernels // int(fft.chunk(plan.tile[0], plan.sizes)))
        overflowed, refused = False, b""
        at_once = -(-bank.n_kernels // n_chunks)
        for first in range(0, bank.n_kernels, at_once):
            end = min(first + at_once, bank.n_kernels)
            spectra, exponents = bank.spectra(engine, plan.level.name, first, end, at_once)
            self.beside, self.packed_as = plan.table_bytes + spectra.nbytes, spectra_key(engine, plan.level.name)
            call = self.call(engine, result, (spectra, bias), limits, self.n_workers, b"", first, exponents)
            self.work_on(call)
            overflowed, refused = overflowed or call.overflowed, call.refused
            del spectra, call  # before the next ones are made
        if refused:
            overflowed |= not self.correlate_refused(result, engine, refused, limits)
        alone = bank.untransformed(engine).reshape(-1)[:: plan.parts]
        if alone.any():
            overflowed |= not self.correlate_untransformed(result, engine, np.flatnonzero(alone), limits)
        return not overflowed

    def correlate_refused(self, result: Array, engine: Engine, refused: bytes, limits: Limits | None) -> bool:
        """Tiles of floats by the direct method, those next to each other at once."""
        geometry, tile = self.plan.geometry, self.plan.tile[0]
        tiles_down, tiles_across = engine.n_tiles
        fits = True
        flags = np.frombuffer(refused, np.int8).reshape(self.n_images * tiles_down, tiles_across)
        for line in np.flatnonzero(flags.any(axis=1)):
            image, down = divmod(int(line), tiles_down)
            rows = part(down, down + 1, tile.valid_rows // geometry.row_stride, geometry.rows)
            edges = np.flatnonzero(np.diff(np.concatenate(([0], flags[line], [0]))))
            for first, end in zip(edges[::2], edges[1::2], strict=True):
                columns = part(int(first), int(end), tile.valid_columns // geometry.column_stride, geometry.columns)
                target = placed(result, self.plan.layout.response, image, rows, columns)
                fits &= self.correlate_region(target, engine.summed, image, rows, columns, limits)
        return fits

    def correlate_untransformed(self, result: Array, engine: Engine, kernels: Array, limits: Limits | None) -> bool:
        """Some kernels by the direct method: rows at once of all of them, in memory of their own."""
        plan = self.plan
        columns = slice(0, plan.geometry.columns)
        row_bytes = plan.geometry.columns * plan.geometry.n_kernels * result.itemsize
        n_rows = max(1, REGION_BYTES // row_bytes)
        fits = True
        for image, first in itertools.product(range(self.n_images), range(0, plan.geometry.rows, n_rows)):
            rows = slice(first, min(first + n_rows, plan.geometry.rows))
            target = placed(result, plan.layout.response, image, rows, columns)
            own = empty(target.shape, result.dtype)
            self.own_bytes = own.nbytes
            fits &= self.correlate_region(own, engine.summed, image, rows, columns, limits)
            target, own = (in_order(array, plan.layout.response) for array in (target, own))
            for kernel in kernels:
                copy_in_pieces(target[..., kernel], own[..., kernel])
        return fits

    def correlate_region(
        self, target: Array, summed: str, image: int, rows: slice, columns: slice, limits: Limits | None
    ) -> bool:
        """Some rows and columns of an image's response, directly, with the same panels as all of it."""
        plan = self.plan
        region = plan.region(summed, rows, columns)
        images = placed(self.images, plan.layout.images, image, slice(None), slice(None))
        call = self.laid_out(
            plan.engine(summed, "direct"),
            lambda packed: self.call(region, target, packed, limits, self.n_workers, images=images),
        )
        self.work_on(call)
        return not call.overflowed

    def run(self, engine: Engine, result: Array, limits: Limits | None, repaired: bytes = b"") -> Any:
        """The engine's call, done by as many workers as it is worth; with `repaired`, only those responses."""
        call = self.laid_out(engine, lambda packed: self.call(engine, result, packed, limits, self.n_workers, repaired))
        self.work_on(call)
        return call

    def laid_out(self, packing: Engine, lay: Callable[[tuple[Array, Array]], Any]) -> Any:
        """The call that `lay` makes of the panels for `packing`.

        MemoryError before they are packed, if they leave no room for its workspace.
        """
        bank = self.bank
        self.packed_as = panels_key(packing, self.plan.level.name)
        found = bank.packs.get(self.packed_as)
        n_bytes = bank.panel_bytes(packing) if found is None else found[0].nbytes
        self.beside = self.plan.table_bytes + self.own_bytes + n_bytes
        if found is None:
            if n_bytes > LARGE_PANELS:
                idle = lay(NO_PANELS)
                self.check_room(idle)
                bank.make_room(self.beside + idle.workspace_bytes)
                idle.close()
            found = bank.packed(packing, self.plan.level.name)
        return lay(found)

    def check_room(self, call: Any) -> None:
        """MemoryError if one worker's workspace is too much beside what else the call takes."""
        what = "workspace for one row of responses"
        _workers.refuse_too_large("images", what, call.workspace_bytes, self.beside, "kernels and tables")

    def work_on(self, call: Any) -> None:
        """Runs a call by as many workers as it is worth and there is workspace for."""
        self.check_room(call)
        limit = _workers.WORKSPACE_LIMIT - self.beside
        if self.plan.method == "fft":
            limit = min(limit, fft.WORKERS_LIMIT)
        n_workers = min(self.n_workers, call.n_tasks)
        while n_workers > 1 and call.workspace_bytes * n_workers > limit:
            n_workers -= 1
        others = self.plan.table_bytes + self.own_bytes
        self.bank.make_room(others + call.workspace_bytes * n_workers, self.packed_as)
        _workers.run(call, n_workers)

    def call(
        self,
        engine: Engine,
        result: Array,
        packed: tuple[Array, Array],
        limits: Limits | None,
        n_workers: int,
        repaired: bytes = b"",
        first_kernel: int = 0,
        exponents: Array | None = None,
        images: Array | None = None,
    ) -> Any:
        """The engine's call of these arrays."""
        plan = self.plan
        fill = plan.no_fill
        if any(number != 0 for number in self.fill):
            parts = ("real", "imag") if plan.types.images.kind == "c" else ("real",)
            numbers = [getattr(number, part) for number in self.fill for part in parts]
            fill = np.tile(np.array(numbers, dtype=np.float64), len(fill) // len(numbers))
        return engine.call(
            self.images if images is None else images,
            plan.layout.images,
            self.images.dtype.str[1:],
            not self.images.dtype.isnative,
            result,
            plan.layout.response,
            plan.types.stored.str[1:],
            *packed,
            fill,
            None if limits is None else tuple(limits),
            repaired,
            n_workers,
            max(0, _workers.WORKSPACE_LIMIT - self.beside),
            first_kernel,
            exponents,
        )

    # Integers: in float32 or float64 where these hold every sum exactly, else in 128 bits.

    def correlate_integers(self, result: Array) -> None:
        """Exact, or OverflowError."""
        limits = None if self.surely_fits else self.limits
        if self.plan.method == "fft" and fft.rounds_right(self.bound, self.plan.sizes, self.plan.tile[0]):
            fits = self.correlate_tiles(result, self.plan.engine("f8"), limits)
        elif self.bound <= EXACT_FLOAT64:
            summed, most = ("f4", EXACT_FLOAT32) if self.bound <= EXACT_FLOAT32 else ("f8", EXACT_FLOAT64)
            fits = self.correlate(result, summed, limits)
            self.limit_magnitudes(most if limits is not None else min(most, self.limits.greatest))
        else:
            fits = self.correlate_exactly(result)
        if not fits:
            low, high = integer_range(self.plan.types.response)
            raise OverflowError(
                f"dtype: a response does not fit {self.plan.types.response} ({low} to {high}); "
                "allowed is a type that holds every response"
            )

    @functools.cached_property
    def limits(self) -> Limits:
        """The limits of the response's type, and what is done with sums outside of them."""
        return Limits(*integer_range(self.plan.types.response), self.plan.settings.overflow == "saturate")

    @functools.cached_property
    def surely_fits(self) -> bool:
        """Whether the bound on integer responses is within their type's limits."""
        return self.bound <= self.limits.greatest and (self.limits.least < 0 or self.bound == 0)

    @functools.cached_property
    def bound(self) -> int:
        """The largest magnitude that any integer response may have."""
        return self.largest_response()

    def limit_magnitudes(self, most: int) -> None:
        """What a repeated call has to look at, so that no response exceeds `most`."""
        kernel_reach, bias_reach = self.bank.reach
        if largest_magnitude(self.plan.types.images) * kernel_reach + bias_reach > most:
            self.most_magnitude = (most - bias_reach) // kernel_reach

    def largest_response(self) -> int:
        """A bound on the magnitude of every response, from the images' type alone if that is enough."""
        kernel_reach, bias_reach = self.bank.reach
        magnitude = largest_magnitude(self.plan.types.images)
        if magnitude * kernel_reach + bias_reach > EXACT_FLOAT64:
            pixels = in_order(self.images, self.plan.layout.images)
            magnitude = _reach.largest_magnitude(pixels, self.plan.geometry, self.plan.settings.boundary)
            magnitude = max(magnitude, *(abs(int(number.real)) for number in self.fill))
        return magnitude * kernel_reach + bias_reach

    def correlate_exactly(self, result: Array) -> bool:
        """Sums in 128 bits."""
        plan = self.plan
        return exact.run(
            in_order(self.images, plan.layout.images),
            self.bank,
            in_order(result, plan.layout.response),
            plan.geometry,
            plan.settings.boundary,
            tuple(int(number.real) for number in self.fill),
            self.limits,
        )

    # Floats as integers: rounded and brought inside the type's limits.

    def correlate_saturated(self, result: Array) -> None:
        """Rounded sums, or ValueError if one is no number."""
        if not self.correlate(result, self.plan.types.summed, self.limits):
            raise ValueError(
                f"overflow: a response is NaN, which 'saturate' cannot turn into {self.plan.types.response}; "
                "allowed are images and kernels whose responses are numbers"
            )

    def surely_numbers(self) -> bool:
        """Whether no response can be NaN: pixels are integers, and no sum of theirs comes near infinity."""
        if self.plan.types.images.kind not in "biu":
            return False
        bound = largest_magnitude(self.plan.types.images) * self.bank.float_reach
        return bool(bound < float(np.finfo(self.plan.types.work).max) / 2)


def may_overlap(first: Array, second: Array) -> bool:
    """Whether two arrays share memory, or it would take long or more memory than there is to know."""
    if not np.may_share_memory(first, second):
        return False
    try:
        return np.shares_memory(first, second, max_work=100_000)  # type: ignore[arg-type] # any number is allowed
    except RuntimeError as error:  # a TooHardError is one, too
        if not refuses(error):
            raise
        return True


def in_order(array: Array, axes: tuple[int, int, int, int]) -> Array:
    """A view with all four axes in the order of `axes`, absent ones of length 1."""
    present = array.transpose([axis for axis in axes if axis >= 0])
    return present[tuple(slice(None) if axis >= 0 else np.newaxis for axis in axes)]


def part(first: int, end: int, length: int, whole: int) -> slice:
    """The elements of pieces [first, end) of an axis that is cut into such of `length`."""
    return slice(first * length, min(end * length, whole))


def placed(array: Array, axes: tuple[int, int, int, int], image: int, rows: slice, columns: slice) -> Array:
    """Some rows and columns of one image, with all the axes that the array has."""
    place = [slice(None)] * array.ndim
    place[axes[1]], place[axes[2]] = rows, columns
    if axes[0] >= 0:
        place[axes[0]] = slice(image, image + 1)
    return array[tuple(place)]
