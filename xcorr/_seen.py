"""Responses of images that are not seen everywhere: what is unseen enters no sum, and sums are divided by shares.

Unseen pixels and padding are zeros in an ordinary call. What it lacks is put right afterwards: taps that are not finite
and lie over unseen pixels (`_unseen_taps.py`), and the share of each kernel that was seen (`_seen_shares.py`).
"""

from collections.abc import Callable, Hashable
from math import prod
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from xcorr import _workers
from xcorr._arrays import check_out, copy_in_pieces, in_order, in_pieces, some_images, take_bias, take_fill
from xcorr._bank import Bank, make_bank
from xcorr._dtypes import Types, choose_types, integer_range
from xcorr._job import Job
from xcorr._layouts import Layout, of_one_image
from xcorr._masks import canonical, canonical_mask
from xcorr._memory import empty
from xcorr._once import cached_property
from xcorr._plan import Plan, plan_for
from xcorr._reduce import new_results, reduce_responses
from xcorr._reduce_peaks import find_in_map, peaks_shape
from xcorr._reduction import Reduction, peaks_of, reduction_of
from xcorr._respond import may_overlap, respond
from xcorr._run import found_peaks, reduced
from xcorr._seen_shares import divide_by_shares
from xcorr._settings import USUAL, Settings
from xcorr._unseen_taps import Taps, add_seen_taps, finite_taps
from xcorr._workers import WORKSPACE_LIMIT, refuse_too_large
from xcorr.peaks import Peaks, no_peaks

Array = npt.NDArray[Any]

AT_ONCE = 2**25
"""Bytes of weighted images, and of their sums, that are there at once, where one image has not more."""


PIECE = 2**13
"""Pixels that a worker weighs at once."""


class SeenPlan(NamedTuple):
    """What follows from the sizes, types and keywords of a call."""

    sums: Plan  # of the weighted images
    types: Types  # of the response
    finishes: bool  # sums are not the responses yet
    reduction: Reduction | None
    reduces_sums: bool  # as they come; else responses when they are known
    peaks: Peaks | None = None  # finds places in these

    @property
    def in_place(self) -> bool:
        """Whether sums are made where the responses are wanted."""
        return self.types.response == self.sums.types.response


class Operand(NamedTuple):
    """The shape and the type of images or kernels."""

    shape: tuple[int, ...]
    dtype: np.dtype[Any]


def seen_plan(
    settings: Settings, images: Operand, kernels: Operand, *, weights: bool = False, finite: bool = True
) -> SeenPlan:
    """The plan of operands; `weights` says that the mask is of floats, `finite` that all taps are numbers.

    Integers give float64. Shares that are divided by need sums as they are, without bias.
    """
    shape = kernels.shape
    if settings.pairwise:
        shape = of_one_image(settings.layout, images.shape, shape)
    pixels, taps = images.dtype.newbyteorder("="), kernels.dtype.newbyteorder("=")
    if pixels.kind in "biu" and taps.kind in "biu":
        taps = np.dtype(np.float64)
    types = choose_types(pixels, taps, settings.dtype, settings.overflow)
    if weights:
        pixels = np.result_type(types.sums, np.complex64) if pixels.kind == "c" else types.sums
    finishes = settings.normalize or not (finite or not types.rounds_floats)
    finds_peaks = isinstance(settings.reduce, Peaks)
    reduces_sums = settings.reduce is not None and finite and not finishes and not finds_peaks
    inner = settings._replace(dtype=types.response.str, pairwise=False, normalize=False)
    if not reduces_sums:
        inner = inner._replace(reduce=None)
    if finishes:
        summed = np.result_type(types.sums, np.complex64) if types.is_complex else types.sums
        inner = inner._replace(dtype=summed.str, overflow="raise")
    plan = plan_for(inner, images.shape, pixels, shape, taps)
    n_kernels, area = plan.geometry.n_kernels, plan.area
    peaks, names = peaks_of(settings.reduce, settings.over, area, types.response), settings.reduce
    reduction = reduction_of(
        None if finds_peaks else names, settings.over, plan.layout, n_kernels, area, types.response
    )
    return SeenPlan(plan, types, finishes, reduction, reduces_sums, peaks)


def sums_plan(settings: Settings, images: Operand, kernels: Operand, mask: Any) -> Plan:
    """The plan of a call's sums, whether or not all is seen, if the mask goes with the images."""
    if mask is None and not settings.normalize:
        return plan_for(settings, *images, *kernels)
    sums = seen_plan(settings, images, kernels, weights=has_shares(mask)).sums
    in_canonical_axes(mask, images, sums)
    return sums


def has_shares(mask: Any) -> bool:
    """Whether a mask has shares between 0 and 1."""
    return isinstance(mask, np.ndarray) and mask.dtype.kind == "f"


def in_canonical_axes(mask: Any, images: Operand, sums: Plan) -> Any:
    """A view of a mask, if it goes with the images; the word, or None."""
    if not isinstance(mask, np.ndarray):
        return mask
    return canonical_mask(mask, "mask", images.shape, sums.layout.images, "images")


Respond = Callable[[SeenPlan, Array, Any, list[Array], Any], None]
"""What responds to images: of their plan, them, what is seen of them, the results and the workers."""

Divide = Callable[["SeenBank", Operand, SeenPlan, Any], Respond | None]
"""What finds that for images that are too large at once: of a bank, their shape and type, their plan, what is seen."""


class SeenBank:
    """A bank for images that are not seen everywhere.

    Parameters
    ----------
    settings : the keywords as they were read.
    kernels, bias, fill_value : as they were given; the same as long as the bank is used.
    divide : finds what responds part by part to images that are too large for a call's workspace.
    """

    def __init__(
        self, settings: Settings, kernels: Array, bias: Any, fill_value: Any, divide: Divide | None = None
    ) -> None:
        self.divide = divide
        self.settings, self.kernels, self.bias, self.fill_value = settings, kernels, bias, fill_value
        self.banks: dict[Hashable, Bank] = {}
        self.own: dict[str, list[SeenBank]] = {}

    @cached_property
    def taps(self) -> Taps:
        """The kernels, with 0 for taps that are not finite."""
        return finite_taps(self.kernels)

    def run(self, images: Array, mask: Any, out: Any, workers: Any) -> Any:
        """The response of images, or what it is reduced to, in `out` or in memory of its own.

        `out` is as it was if a response is refused.
        """
        if workers is not None:
            workers = _workers.count_workers(workers)
        own = Operand(images.shape, images.dtype)
        plan, seen = self.plan(own, mask)
        respond_all = self.respond_for(own, plan, seen)
        n_images = images.shape[0] if plan.sums.layout.images[0] >= 0 else 1
        shape = plan.sums.response_shape(n_images)
        operands = [images, self.kernels, *([mask] if isinstance(mask, np.ndarray) else [])]
        if plan.peaks is not None:
            of_peaks = peaks_shape(plan.sums, plan.peaks, n_images)

            def find() -> Array:
                found = no_peaks(of_peaks, plan.types.response, plan.sums.layout.n_axes)
                if 0 not in shape:
                    respond_all(plan, images, seen, [found], workers)
                return found

            return found_peaks(of_peaks, plan.types.response, out, find, plan.sums.layout.n_axes)
        if plan.reduction is not None:
            reduction = plan.reduction

            def reduce(targets: list[Array] | None) -> list[Array]:
                stores = targets and not any(may_refuse(plan, target, operands) for target in targets)
                results = targets if targets and stores else new_results(reduction, n_images)
                respond_all(plan, images, seen, results, workers)
                return results

            return reduced(reduction, n_images, out, reduce)
        target, _held = (None, []) if out is None else check_out(out, shape, plan.types.response)
        refuses = target is None or may_refuse(plan, target, operands)
        result: Array = empty(shape, plan.types.response) if target is None or refuses else target
        if 0 not in shape:
            respond_all(plan, images, seen, [result], workers)
        if target is None:
            return result
        if result is not target:
            copy_in_pieces(target, result)
        return out

    def respond_all(self, plan: SeenPlan, images: Array, seen: Any, results: list[Array], workers: Any) -> None:
        """The responses of all images, of which there are some."""
        n_images = images.shape[0] if plan.sums.layout.images[0] >= 0 else 1
        for index, bank in enumerate(self.banks_of(plan.sums.layout.word)):
            some = (index, index + 1) if self.settings.pairwise else (0, n_images)
            bank.respond(plan, images, seen, results, some, workers)

    def plan(self, images: Operand, mask: Any) -> tuple[SeenPlan, Any]:
        """The plan of these images, and what is seen of them in canonical axes.

        All errors of a call but those of `out` and of too little workspace.
        """
        kernels = Operand(self.kernels.shape, self.kernels.dtype)
        plan = seen_plan(self.settings, images, kernels, weights=has_shares(mask), finite=self.taps.all_finite)
        sums = plan.sums
        sums.check_it_fits()
        take_fill(self.fill_value, images.dtype.newbyteorder("="), self.settings.boundary, sums.geometry.channels)
        self.take_bias(plan)
        return plan, in_canonical_axes(mask, images, sums)

    def respond_for(self, images: Operand, plan: SeenPlan, seen: Any) -> Respond:
        """What responds to all images; MemoryError if that needs more workspace for one than a call may have."""
        n_images = images.shape[0] if plan.sums.layout.images[0] >= 0 else 1
        weighted, beside = bytes_of_call(plan, seen is not None)
        if weighted + beside <= WORKSPACE_LIMIT or 0 in plan.sums.response_shape(n_images):
            return self.respond_all
        in_parts = self.divide(self, images, plan, seen) if self.divide is not None else None
        if in_parts is None:
            refuse_too_large("images", "weighted pixels of one image", weighted, beside, "sums and of what is seen")
        return in_parts or self.respond_all

    def take_bias(self, plan: SeenPlan) -> Array | None:
        """The bias (kernels,), if it goes with the bank."""
        layout = plan.sums.layout
        n_own = 1 if layout.each_channel else plan.sums.geometry.n_kernels
        return take_bias(self.bias, n_own, layout.kernels[0] >= 0, plan.types.of_bias)

    def banks_of(self, word: str) -> "list[SeenBank]":
        """The bank itself, or with pairwise those of all images."""
        if not self.settings.pairwise:
            return [self]
        found = self.own.get(word)
        if found is None:
            settings = self.settings._replace(pairwise=False, layout=word)
            found = [SeenBank(settings, kernels, self.bias, self.fill_value) for kernels in self.kernels]
            self.own[word] = found
        return found

    def bank(self, plan: SeenPlan) -> Bank:
        """The kernels as they are summed."""
        sums = plan.sums
        channels = sums.geometry.channels if sums.layout.each_channel else 0
        key = sums.types, sums.layout.kernels, channels, plan.finishes
        found = self.banks.get(key)
        if found is None:
            kernels = self.taps.kernels.astype(sums.types.kernels, copy=False)
            found = make_bank(kernels, None if plan.finishes else self.bias, sums.reading)
            found.is_kept = True
            self.banks[key] = found
        return found

    def respond(
        self, plan: SeenPlan, images: Array, seen: Any, results: list[Array], some: tuple[int, int], workers: Any
    ) -> None:
        """The responses of some images, or what they are reduced to, as many at once as their bytes allow."""
        sums = plan.sums
        at_once = max(1, AT_ONCE // max(one_image(sums), sums.response_bytes))
        for first in range(some[0], some[1], at_once):
            end = min(first + at_once, some[1])
            own = some_images(images, sums.layout.images[0], first, end)
            part = seen[first:end] if isinstance(seen, np.ndarray) and len(seen) > 1 else seen
            if plan.peaks is None and plan.reduction is None:
                responses = some_images(results[0], sums.layout.response[0], first, end)
                self.respond_some(plan, own, part, responses, workers)
                continue
            found = self.reduce_some(plan, own, part, end - first, workers)
            for result, one in zip(results, found, strict=True):
                some_images(result, 0 if sums.layout.response[0] >= 0 else -1, first, end)[...] = one

    def reduce_some(self, plan: SeenPlan, images: Array, seen: Any, n_images: int, workers: Any) -> list[Array]:
        """What the responses of some images at once are reduced to, or the places that are found in them."""
        sums, reduction = plan.sums, plan.reduction
        if plan.reduces_sums and reduction is not None:
            return reduce_responses(self.job_of(plan, images, seen, workers)[0], reduction, None)
        responses = empty(sums.response_shape(n_images), plan.types.response)
        self.respond_some(plan, images, seen, responses, workers, responses.nbytes)
        if reduction is not None:
            return reduced_map(responses, sums.layout, reduction, workers)
        peaks: Any = plan.peaks
        return [find_in_map(in_order(responses, sums.layout.response), peaks, sums)]

    def job_of(self, plan: SeenPlan, images: Array, seen: Any, workers: Any, beside: int = 0) -> tuple[Job, Any]:
        """The job of the sums of some images, with `beside` bytes at the same time; and what is seen of these."""
        weighted, seen = weighted_images(images, seen, plan.sums, workers)
        job = Job(plan.sums, weighted, self.bank(plan), (0,), workers)
        of_sums = 0 if plan.in_place else job.n_images * plan.sums.response_bytes
        job.kept_bytes = beside + of_sums + (0 if seen is None else weighted.nbytes + seen.nbytes)
        return job, seen

    def respond_some(
        self, plan: SeenPlan, images: Array, seen: Any, target: Array, workers: Any, beside: int = 0
    ) -> None:
        """The responses of some images at once; `beside` are the target's bytes where they are workspace."""
        sums = plan.sums
        job, seen = self.job_of(plan, images, seen, workers, beside)
        found = respond(job, sums.response_shape(job.n_images), target if plan.in_place else None)
        beside += (0 if plan.in_place else found.nbytes) + (0 if seen is None else 3 * seen.size)
        del job  # and the weighted pixels
        responses = canonical(found, sums.layout.response)
        if not self.taps.all_finite:
            pixels = canonical(images, sums.layout.images)
            add_seen_taps(sums, pixels, seen, self.kernels, responses, workers, beside)
        if self.settings.normalize:
            divide_by_shares(sums, seen, self.kernels, responses, workers, beside)
        if plan.finishes:
            stored = responses if plan.in_place else canonical(target, sums.layout.response)
            store(responses, self.take_bias(plan), plan.types, stored)


def reduced_map(responses: Array, layout: Layout, reduction: Reduction, workers: Any) -> list[Array]:
    """What responses that are there are reduced to: they are the images of a kernel of one tap, 1."""
    word = layout.word.replace("C", "") if layout.response[3] < 0 else layout.word
    if "C" not in word and layout.response[3] >= 0:
        word += "C"
    names = reduction.names[0] if reduction.alone else reduction.names
    over = "kernels" if reduction.over_kernels else "positions"
    settings = USUAL._replace(layout=word, dtype=responses.dtype.str, method="direct", reduce=names, over=over)
    one = np.ones((1,) * layout.n_axes, responses.dtype)
    plan = plan_for(settings, responses.shape, responses.dtype, one.shape, one.dtype)
    job = Job(plan, responses, make_bank(one, None, plan.reading), (0,), workers)
    job.kept_bytes = responses.nbytes
    own: Any = plan.reduction
    results = reduce_responses(job, own, None)
    for name, result in zip(reduction.names, results, strict=True):
        if name in ("argmax", "argmin") and not reduction.over_kernels:
            result += np.array(reduction.first, np.intp)
    return results


def bytes_of_call(plan: SeenPlan, is_masked: bool) -> tuple[int, int]:
    """The bytes of a whole image's weighted pixels, and of what is there at the same time."""
    sums = plan.sums
    weighted = one_image(sums) if is_masked else 0
    seen = weighted // sums.types.images.itemsize
    of_map = plan.peaks is not None or (plan.reduction is not None and not plan.reduces_sums)
    return weighted, seen + sums.response_bytes * (of_map + (not plan.in_place))


def one_image(plan: Plan) -> int:
    """The bytes of one image as it is summed."""
    pixels = prod(axis.length for axis in plan.geometry.axes) * plan.geometry.channels
    return int(pixels * plan.types.images.itemsize)


def may_refuse(plan: SeenPlan, target: Array, operands: list[Array]) -> bool:
    """Whether a response may be refused when others are stored already, or written over an operand."""
    return plan.types.rounds_floats or any(may_overlap(target, one) for one in operands)


def weighted_images(images: Array, seen: Any, plan: Plan, workers: Any) -> tuple[Array, Any]:
    """Images with 0 for what is unseen, times shares; and what is seen, (images or 1, channels or 1, rows, columns)."""
    if seen is None:
        return images, None
    if isinstance(seen, str):
        seen = np.isfinite(canonical(images, plan.layout.images))
    elif seen.dtype.kind != "f":
        seen = seen != 0
    weighted: Array = empty(images.shape, plan.types.images)
    pixels, into = canonical(images, plan.layout.images), canonical(weighted, plan.layout.images)
    shares = np.broadcast_to(seen, pixels.shape)
    parts = [(pixels, into)] if into.dtype.kind != "c" else [(pixels.real, into.real), (pixels.imag, into.imag)]
    n_rows = max(1, PIECE // (pixels.shape[1] * pixels.shape[3]))
    tasks = [(image, first) for image in range(len(pixels)) for first in range(0, pixels.shape[2], n_rows)]

    def weigh(task: int) -> None:
        image, first = tasks[task]
        place = image, slice(None), slice(first, first + n_rows)
        for source, target in parts:
            weigh_piece(source[place], shares[place], target[place])

    _workers.prepare(weigh, len(tasks), _workers.count_workers(workers))
    return weighted, seen


def weigh_piece(pixels: Array, shares: Array, target: Array) -> None:
    """Pixels times shares or, where these are bools, pixels that are seen, and 0 for others, whatever they hold."""
    target[...] = 0
    if shares.dtype.kind == "b":
        np.copyto(target, pixels, where=shares, casting="same_kind")
    else:
        with np.errstate(all="ignore"):
            np.multiply(pixels, shares.astype(np.float64), out=target, where=shares > 0, casting="same_kind")


def store(sums: Array, bias: Array | None, types: Types, target: Array) -> None:
    """Sums and the bias, (images, kernels, rows, columns), in the type of the response."""
    added = np.zeros(1) if bias is None else bias[:, np.newaxis, np.newaxis]
    with np.errstate(all="ignore"):
        for piece, into, own in in_pieces(sums, target, np.broadcast_to(added, sums.shape)):
            if bias is not None:
                if bias.dtype.kind == "c" and piece.dtype.kind != "c":
                    piece = piece.astype(np.result_type(piece, np.complex64))
                for part in ("real", "imag")[: 2 if piece.dtype.kind == "c" else 1]:
                    place = getattr(piece, part)
                    place += getattr(own, part).astype(np.float64)
            if types.rounds_floats:
                piece = saturated(piece, types)
            if sums is not target:
                into[...] = piece


def saturated(sums: Array, types: Types) -> Array:
    """Whole numbers within an integer type; ValueError if one is no number."""
    if np.isnan(sums).any():
        raise ValueError(
            f"overflow: a response is NaN, which 'saturate' cannot turn into {types.response}; "
            "allowed are images and kernels whose responses are numbers"
        )
    least, greatest = integer_range(types.response)
    rounded = np.rint(sums)
    below, above = rounded <= float(least), rounded >= float(greatest)
    inside = np.where(below | above, 0, rounded).astype(types.response)
    inside[below] = least
    inside[above] = greatest
    return np.asarray(inside)
