"""The bank: kernels and bias as real numbers in the sum's order, packed for the forms that multiply by them."""

from collections.abc import Hashable, Sequence
from math import ceil, prod
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from xcorr import _workers
from xcorr._arrays import in_pieces, take_bias
from xcorr._dtypes import EXACT_FLOAT64, Types
from xcorr._engine import HANDED_BACK, KINDS, Engine
from xcorr._layouts import sizes_of
from xcorr._looks import any_faint, is_faint, largest_tap, own_finite, sums_of_magnitudes
from xcorr._memory import empty_lines
from xcorr._once import cached_property
from xcorr._workers import refuse_too_large

Array = npt.NDArray[Any]

WHOLE = ("winograd 2x2", "winograd 4x4", "bytes")
"""Forms whose panels are not packed in pieces."""

PREPARED_PER_WORKER = 2**19
"""Bytes of panels or spectra below which another worker costs more than it brings.

Two pack 1.6 MiB of taps no faster than one does, 9 MiB 1.8 times as fast; they transform 1 MiB of winograd's panels in
half the time. 2026-11-26, AMD EPYC (Zen 5), level v4, benchmarks/preparing.py.
"""

PIECES_PER_WORKER = 4
"""Pieces that a bank is cut into, so that nobody waits long for the last one."""

LEAST_PACKED, MOST_PACKED = 2**16, 2**22
"""Bytes of panels that are packed at once: a claim takes far less time, and a signal is answered soon."""


class Reading(NamedTuple):
    """How the operands of a plan become real kernels."""

    axes: tuple[int, ...]  # of the kernels: (kernel, row, column, channel), or -1
    each_channel: bool  # one plane is a kernel for each channel by itself
    n_kernels: int
    types: Types
    conjugate: bool
    flip: bool
    no_bias: Array  # (groups, real kernels of a group)


class Bank:
    """Kernels and bias, packed once for each form asked.

    A view of the kernels is kept; what is packed is converted a panel at a time. Packing twice gives the same, so
    threads need no lock.

    Parameters
    ----------
    kernels : (kernels, rows, columns, channels) in the order of the sum.
    bias : (groups, real kernels of a group).
    parts, components : real kernels of a complex one, and real channels of a complex one.
    conjugate : whether complex kernels are conjugated.
    """

    def __init__(
        self, kernels: Array, bias: Array, parts: int = 1, components: int = 1, conjugate: bool = True
    ) -> None:
        self.original = self.different = self.kernels = kernels
        self.bias = bias
        self.imaginary_bias: Any = 0
        self.parts, self.components, self.conjugate = parts, components, conjugate
        self.n_groups, self.n_kernels = bias.shape
        self.n_taps = prod(kernels.shape[1:]) * components
        self.kept_spectra: tuple[Hashable, tuple[Array, Array] | None] = (None, None)
        self.untransformable: Array | None = None
        self.finite: bool | None = None
        self.looked_for_faint = False
        self.kept_faint: Array | None = None
        self.kept_without: dict[bytes, Bank] = {}
        self.factors: dict[Hashable, Array] = {}  # of kernels that are products of columns and rows
        self.kept_faint_parts: tuple[Any, ...] | None = None
        self.kept_exponents: Array | None = None  # of the factors of those with subnormal taps of float64
        self.packs: dict[Hashable, tuple[Array, Array]] = {}
        self.boxes: dict[Hashable, Bank] = {}  # of some of the taps
        self.kept_bytes = 0
        self.is_kept = False  # for calls to come

    @cached_property
    def of_one_channel(self) -> "Bank":
        """The bank of one channel, of which all others have the same kernel and bias."""
        return Bank(self.kernels[:1], self.bias[:1])

    @cached_property
    def reach(self) -> tuple[int, int]:
        """The largest sum of an integer kernel's magnitudes, rounded up, and the largest magnitude of a bias."""
        largest = max(sums_of_magnitudes(self.different), default=0.0)
        slack = 1 if largest < EXACT_FLOAT64 / 2 else 1 + 1e-6
        return ceil(largest * slack), max((abs(int(value)) for value in self.bias.flat), default=0)

    def real_kernels(self, group: int, first: int, end: int, summed: npt.DTypeLike) -> Array:
        """Kernels [first, end) of a group, as (kernels, taps) of real numbers in C order."""
        before = group * self.n_kernels
        taps = self.real_taps(before + first, before + end, np.dtype(summed))
        return np.ascontiguousarray(taps).reshape(end - first, self.n_taps)

    def real_taps(self, first: int, end: int, summed: np.dtype[Any], in_order: bool = True) -> Array:
        """Kernels [first, end) of all groups' as (kernels, rows, columns, channels) of real numbers.

        They are in C order, or where they lie if they are real numbers of that type.
        """
        parts = self.parts
        chosen = self.kernels[first // parts : -(-end // parts)]
        if not in_order and parts == 1 and is_plain_number(chosen, summed):
            return chosen
        taps = real_taps(chosen, parts, self.components, self.conjugate, summed)
        taps = taps.reshape(len(chosen) * parts, *self.kernels.shape[1:3], -1)
        return taps[first % parts : first % parts + end - first]

    def some(self, group: int, kernels: Sequence[int], summed: npt.DTypeLike, box: tuple[slice, slice]) -> "Bank":
        """The bank of some real kernels of a group, with the taps of some of their rows and columns."""
        shape = (1, *self.kernels.shape[1:3], -1)
        taps = [self.real_kernels(group, kernel, kernel + 1, summed).reshape(shape) for kernel in kernels]
        return Bank(
            np.concatenate([own[:, box[0], box[1]] for own in taps]), self.bias[group : group + 1, list(kernels)]
        )

    def of_groups(self, some: slice) -> "Bank":
        """The bank of some kernels of each group."""
        kernels = self.kernels.reshape(self.n_groups, -1, *self.kernels.shape[1:])[:, some]
        kernels = kernels.reshape(-1, *self.kernels.shape[1:])
        bias = self.bias[:, some.start * self.parts : some.stop * self.parts]
        return Bank(kernels, bias, self.parts, self.components, self.conjugate)

    def of_box(self, box: tuple[slice, slice], has_bias: bool, keeps: bool = False) -> "Bank":
        """The bank of some rows and columns of taps, with the bias or without one; kept for later calls if asked."""
        key = has_bias, *((part.start, part.stop) for part in box)
        bank = self.boxes.get(key)
        if bank is None:
            bias = self.bias if has_bias else np.zeros_like(self.bias)
            bank = Bank(self.kernels[:, box[0], box[1]], bias, self.parts, self.components, self.conjugate)
            if keeps:
                bank = self.boxes.setdefault(key, bank)
        return bank

    def packed(self, engine: Engine, level: str, n_workers: int = 1, but: Hashable = None) -> tuple[Array, Array]:
        """The panels and their bias as this engine's micro-kernels read them, beside what is kept for another key."""
        key = panels_key(engine, level)
        found = self.packs.get(key)
        if found is None:
            found = self.keep(key, self.pack(engine, n_workers, but))
        return found

    def keep(self, key: Hashable, pack: tuple[Array, Array]) -> tuple[Array, Array]:
        """What is packed, for later calls."""
        found = self.packs.setdefault(key, pack)
        self.count_kept()
        return found

    def count_kept(self) -> None:
        """The bytes of what is kept."""
        kept = [*self.packs.values(), *([self.kept_spectra[1]] if self.kept_spectra[1] else [])]
        self.kept_bytes = sum(array.nbytes for pack in kept for array in pack)
        self.kept_bytes += sum(bank.kept_bytes for bank in list(self.boxes.values()))

    def make_room(self, n_bytes: int, but: Hashable = None) -> None:
        """Lets go of what is kept `but` for one key, where so many bytes would be too much workspace beside it."""
        if self.kept_bytes + n_bytes > _workers.WORKSPACE_LIMIT:
            self.packs = {key: pack for key, pack in self.packs.items() if key == but}
            if self.kept_spectra[0] != but:
                self.kept_spectra = None, None
            self.boxes = {}
            self.count_kept()

    def converted_bytes(self, engine: Engine) -> int:
        """The bytes of the kernels that a worker converts at once, beside those given."""
        summed, n_kernels = np.dtype(engine.summed), widest_panel(engine)
        if self.parts > 1:
            return 3 * n_kernels * self.n_taps * summed.itemsize  # both parts, and all taps
        as_they_are = is_plain_number(self.kernels, summed)
        return 0 if as_they_are else n_kernels * self.n_taps * summed.itemsize

    def pack(self, engine: Engine, n_workers: int = 1, but: Hashable = None) -> tuple[Array, Array]:
        """Panels, made by up to so many workers."""
        summed = np.dtype(engine.summed)
        n_bytes, converted = panel_bytes(engine), self.converted_bytes(engine)
        refuse_too_large("kernels", "panels", n_bytes, converted, "converted kernels")
        n_workers = workers_for(n_bytes, n_bytes, converted, n_workers)
        self.make_room(n_bytes + converted * n_workers, but)
        panels = empty_lines(n_bytes).view(summed).reshape(engine.groups, -1)
        panel_bias = self.panel_bias(engine)
        pieces = pieces_of(engine, n_bytes, n_workers, converted > 0)
        alone, found = converted > 0, (panels, panel_bias)
        _workers.prepare(lambda task: self.pack_piece(engine, pieces[task], found, alone), len(pieces), n_workers)
        return found

    def panel_bias(self, engine: Engine) -> Array:
        """The bias as the panels' kernels stand."""
        summed = np.dtype(engine.summed)
        panel_bias = np.zeros((engine.groups, engine.padded_kernels), dtype=summed)
        bias = np.ascontiguousarray(self.bias, summed).reshape(engine.groups, -1) + 0  # a sum begins with no -0
        panel_bias[:, : bias.shape[1]] = bias
        first, end = engine.panel_ranges()[-1]  # the last panel's kernels may be some of the one before, too
        panel_bias[:, engine.last_place : engine.last_place + end - first] = bias[:, first:end]
        return panel_bias

    def pack_piece(self, engine: Engine, piece: "Piece", pack: tuple[Array, Array], in_order: bool) -> None:
        """Some panels, or some rows and channels of them."""
        first, end = kernels_of(engine, piece.first)[0], kernels_of(engine, piece.end - 1)[1]
        rows, channels = piece.rows, piece.channels
        taps = self.real_taps(first, end, np.dtype(engine.summed), in_order)[:, rows, :, channels]
        if engine.form == "bytes":
            engine.pack_bytes(taps, piece.first, piece.end, *pack)
        else:
            engine.pack(taps, piece.first, piece.end, pack[0], rows.start, channels.start)

    def spectra(
        self, engine: Engine, level: str, first: int, end: int, room: int, n_workers: int = 1
    ) -> tuple[Array, Array]:
        """Spectra of kernels [first, end) of each group, divided by 2**exponent, and the exponents.

        The last ones are kept if they are of all kernels. Those handed back have an exponent that says so. Memory is
        taken for `room` kernels, so that one chunk's does for the next.
        """
        key = spectra_key(engine, level)
        kept, found = self.kept_spectra
        if found is None or kept != key or end - first < self.n_kernels:
            self.kept_spectra, found = (None, None), None  # not two of them at once
            self.count_kept()
            summed = np.dtype(engine.summed)
            n_kernels = end - first
            n_bytes = summed.itemsize * self.n_groups * engine.spectrum_elements
            n_workers = workers_for(n_bytes * n_kernels, n_bytes * room, engine.transform_bytes, n_workers)
            self.make_room(n_bytes * room)
            spectra = empty_lines(n_bytes * room)[: n_bytes * n_kernels].view(summed)
            spectra = spectra.reshape(self.n_groups, n_kernels, -1)
            exponents = np.empty((self.n_groups, n_kernels), dtype=np.intc)
            left_out = self.handed_back(engine.largest_exponent)
            fair = -(-n_kernels * self.n_groups // (PIECES_PER_WORKER * n_workers))
            at_once = max(1, min(16, fair, MOST_PACKED // engine.spectrum_elements))
            pieces = [
                (group, slice(kernel, min(kernel + at_once, n_kernels)))
                for group in range(self.n_groups)
                for kernel in range(0, n_kernels, at_once)
            ]

            def transform(task: int) -> None:
                group, some = pieces[task]
                own = left_out[group, first + some.start : first + some.stop]
                taps = self.real_kernels(group, first + some.start, first + some.stop, summed)
                taps = np.ascontiguousarray(taps[:, : engine.n_taps])  # of a folded line those of whole rows
                taps = np.where(own[:, np.newaxis], 0, taps) if own.any() else taps
                engine.transform(taps, spectra[group, some], exponents[group, some])
                exponents[group, some][own] = HANDED_BACK

            _workers.prepare(transform, len(pieces), n_workers)
            found = spectra.reshape(-1), exponents.reshape(-1)
            if n_kernels == self.n_kernels:
                self.kept_spectra = key, found
                self.count_kept()
        return found

    def handed_back(self, largest_exponent: int) -> Array:
        """(groups, kernels) of bool: those with taps that are not finite, or so large that sums might not be."""
        if self.untransformable is None:
            largest = np.array([largest_tap(kernel) for kernel in self.different], dtype=np.float64)
            largest = np.broadcast_to(largest, len(self.kernels))
            with np.errstate(invalid="ignore"):
                too_large = ~(largest < 2.0**largest_exponent)
            self.untransformable = too_large.repeat(self.parts).reshape(self.n_groups, self.n_kernels)
        return self.untransformable

    @cached_property
    def kinds(self) -> Array | None:
        """(groups, kernels) of kinds that all taps of a kernel are of, real ones; None where no kernel is of any."""
        if self.kernels.dtype.kind == "c":
            return None
        found = [kinds_of(kernel) for kernel in self.different]
        kinds = np.broadcast_to(np.array(found, np.intc), len(self.kernels)).repeat(self.parts)
        return kinds.reshape(self.n_groups, self.n_kernels) if kinds.any() else None

    def is_finite(self, table: Any) -> bool:
        """Whether all taps are finite numbers."""
        if self.finite is None:
            self.finite = own_finite(self.original, table)
        return self.finite

    def faint(self, table: Any, n_workers: int = 1) -> Array | None:
        """(groups, kernels) of bool: those with taps that are subnormal in float32, or None where none has one."""
        if self.looked_for_faint:
            return self.kept_faint
        if any_faint(self.original, table, workers_for(self.original.nbytes, 0, 0, n_workers)):
            own = np.array([any(map(is_faint, in_pieces(kernel))) for kernel in self.different])
            own = np.broadcast_to(own, len(self.kernels)).repeat(self.parts)
            self.kept_faint = own.reshape(self.n_groups, self.n_kernels)
        self.looked_for_faint = True
        return self.kept_faint

    def without(self, left_out: Array) -> "Bank":
        """The bank with zeros in the place of some kernels."""
        bank = self.kept_without.get(left_out.tobytes())
        if bank is None:
            bank = Bank(self.kernels.copy(), self.bias, self.parts, self.components, self.conjugate)
            bank.kernels[left_out.reshape(len(self.kernels), -1).any(axis=1)] = 0
            self.kept_without[left_out.tobytes()] = bank
        return bank

    def rows(self, summed: np.dtype[Any], channels_first: bool, n_workers: int = 1) -> tuple[Array, Array]:
        """Kernels as rows of taps (groups, kernels, taps), where they lie if they are that; and the bias."""
        key = self.rows_key(summed, channels_first)
        found = self.packs.get(key)
        bias = np.ascontiguousarray(self.bias, summed)
        if found is None and not self.row_bytes(summed, channels_first):
            return turned(self.kernels, channels_first).reshape(self.n_groups, self.n_kernels, -1), bias
        if found is None:
            n_bytes, n_kernels = self.row_bytes(summed, channels_first), self.n_groups * self.n_kernels
            refuse_too_large("kernels", "converted kernels", n_bytes)
            self.make_room(n_bytes)
            rows = empty_lines(n_bytes).view(summed).reshape(n_kernels, self.n_taps)
            n_workers = workers_for(n_bytes, n_bytes, 0, n_workers)
            at_once = max(1, min(n_kernels // (PIECES_PER_WORKER * n_workers), MOST_PACKED * n_kernels // n_bytes))

            def convert(task: int) -> None:
                some = slice(task * at_once, min((task + 1) * at_once, n_kernels))
                taps = turned(self.real_taps(some.start, some.stop, summed, False), channels_first)
                rows[some].reshape(taps.shape)[...] = taps

            _workers.prepare(convert, -(-n_kernels // at_once), n_workers)
            found = self.keep(key, (rows.reshape(self.n_groups, self.n_kernels, -1), bias))
        return found

    def rows_key(self, summed: np.dtype[Any], channels_first: bool) -> Hashable:
        """What rows of taps depend on, beside the bank."""
        return "rows", summed.str, channels_first

    def row_bytes(self, summed: np.dtype[Any], channels_first: bool) -> int:
        """The bytes of rows of taps, where those given are not that."""
        as_they_are = self.parts == 1 and is_plain_number(self.kernels, summed)
        if as_they_are and turned(self.kernels, channels_first).flags.c_contiguous:
            return 0
        return int(summed.itemsize * self.n_groups * self.n_kernels * self.n_taps)

    @cached_property
    def float_reach(self) -> float:
        """A bound on the sum of a kernel's magnitudes and its bias'; infinite or not a number if a tap or bias is."""
        with np.errstate(all="ignore"):
            sums = sums_of_magnitudes(self.different)
            biases = np.abs(self.bias.astype(np.float64))
        largest = float(np.max(sums, initial=0.0)) + float(np.max(biases, initial=0.0))  # of NaN: NaN
        return largest * (1 + 1e-6)


def kinds_of(kernel: Array) -> int:
    """What all taps of a kernel are."""
    whole, not_negative = KINDS
    for (piece,) in in_pieces(kernel):
        whole = whole if whole and bool((piece == np.rint(piece)).all()) else 0
        not_negative = not_negative if not_negative and bool((piece >= 0).all()) else 0
    return whole | not_negative


class Piece(NamedTuple):
    """Panels [first, end) of all groups', or some rows and channels of their kernels: what a worker packs at once."""

    first: int
    end: int
    rows: slice
    channels: slice


def pieces_of(engine: Engine, n_bytes: int, n_workers: int, alone: bool) -> list[Piece]:
    """Pieces enough for the workers, of at most `MOST_PACKED` bytes, if panels are not converted, each `alone`."""
    n_panels, (rows, channels) = engine.groups * engine.n_panels, engine.kernel_sizes
    at_once = max(min(MOST_PACKED, n_bytes // (PIECES_PER_WORKER * n_workers)), LEAST_PACKED)
    of_panel = n_bytes // max(n_panels, 1)
    n_parts = 1 if alone or engine.form in WHOLE else min(max(rows, channels), -(-of_panel // at_once))
    step = 1 if alone else max(1, at_once // max(of_panel, 1))
    whole = slice(0, rows), slice(0, channels)
    if rows >= n_parts:  # each has its own memory, of whose pages some may be new
        parts = [(part, whole[1]) for part in equal_parts(rows, n_parts)]
    else:
        parts = [(whole[0], part) for part in equal_parts(channels, n_parts)]
    return [Piece(first, min(first + step, n_panels), *part) for first in range(0, n_panels, step) for part in parts]


def equal_parts(length: int, n_parts: int) -> list[slice]:
    """An axis in so many parts."""
    return [slice(length * part // n_parts, length * (part + 1) // n_parts) for part in range(n_parts)]


def kernels_of(engine: Engine, panel: int) -> tuple[int, int]:
    """First and last kernel (exclusive) of a panel of all groups'."""
    ranges = engine.panel_ranges()
    group, index = divmod(panel, len(ranges))
    return group * ranges[-1][1] + ranges[index][0], group * ranges[-1][1] + ranges[index][1]


def workers_for(n_bytes: int, kept: int, of_worker: int, most: int) -> int:
    """The workers that so many bytes are worth, and that there is room for beside what is `kept`."""
    useful = min(most, n_bytes // PREPARED_PER_WORKER)
    if of_worker:
        useful = min(useful, (_workers.WORKSPACE_LIMIT - kept) // of_worker)
    return max(1, useful)


def is_plain_number(kernels: Array, summed: np.dtype[Any]) -> bool:
    """Whether they are numbers of that type, which need no conversion wherever they lie."""
    return kernels.dtype == summed and kernels.dtype.isnative and bool(kernels.flags.aligned)


def turned(kernels: Array, channels_first: bool) -> Array:
    """Kernels (kernels, rows, columns, channels), or with the channels before rows and columns."""
    return kernels.transpose(0, 3, 1, 2) if channels_first else kernels


def widest_panel(engine: Engine) -> int:
    """The most kernels that are packed at once."""
    return max((end - first for first, end in engine.panel_ranges()), default=0)


def panel_bytes(engine: Engine) -> int:
    """The bytes of the panels for an engine."""
    return int(engine.groups * engine.padded_kernels * engine.n_taps * np.dtype(engine.summed).itemsize)


def panels_key(engine: Engine, level: str) -> Hashable:
    """What panels depend on, beside the bank."""
    return level, engine.summed, engine.form, engine.panel_widths, engine.taps_at_once, engine.shift


def spectra_key(engine: Engine, level: str) -> Hashable:
    """What spectra depend on, beside the bank."""
    return level, engine.summed, engine.section


def real_taps(kernels: Array, parts: int, components: int, conjugate: bool, summed: np.dtype[Any]) -> Array:
    """(K, kh, kw, C) in C order, every complex kernel as two real ones: for the response's real and imaginary part.

    With a = x + iy and b = u + iv, the parts of a * conj(b) are x u + y v and y u - x v; those of a * b are x u - y v
    and x v + y u. The channels of a complex image are x and y in turn, a real image has x alone.
    """
    if parts == 1:
        return np.require(kernels, summed, ["C", "ALIGNED"])
    u, v = kernels.real.astype(summed), kernels.imag.astype(summed)
    v = v if conjugate else -v
    n_kernels, height, width, channels = kernels.shape
    taps = np.empty((n_kernels, 2, height, width, channels, components), dtype=summed)
    taps[:, 0, ..., 0], taps[:, 1, ..., 0] = u, -v
    if components == 2:
        taps[:, 0, ..., 1], taps[:, 1, ..., 1] = v, u
    return taps


def real_bias(bias: Array, types: Types) -> Array:
    with np.errstate(over="ignore"):
        if types.exact:
            return bias.astype(object)
        if types.is_complex:
            return bias.astype(np.result_type(types.sums, np.complex64)).view(types.sums)
        return bias.real.astype(types.sums)


def make_bank(kernels: Array, bias: Any, reading: Reading) -> Bank:
    """The bank of the operands as they were given."""
    types, n_own = reading.types, 1 if reading.each_channel else reading.n_kernels
    parts, components = 2 if types.is_complex else 1, 2 if types.images.kind == "c" else 1
    own_bias = take_bias(bias, n_own, reading.axes[0] >= 0, types.of_bias)
    ordered = kernels.transpose([axis for axis in reading.axes if axis >= 0])
    ordered = different = ordered.reshape(sizes_of(kernels.shape, reading.axes))
    if reading.each_channel:
        ordered = np.broadcast_to(ordered, (reading.n_kernels, *ordered.shape[1:]))
        own_bias = None if own_bias is None else np.broadcast_to(own_bias, reading.n_kernels)
    if reading.flip:
        ordered = ordered[:, ::-1, ::-1]
    real = reading.no_bias if own_bias is None else real_bias(own_bias, types).reshape(reading.no_bias.shape)
    bank = Bank(ordered, real, parts, components, reading.conjugate)
    bank.original, bank.different = kernels, different
    bank.imaginary_bias = 0 if own_bias is None else own_bias.imag
    return bank
