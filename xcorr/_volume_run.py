"""A bank of kernels of three axes: plans of calls, and the run of each by the methods of images."""

import functools
from collections.abc import Callable, Hashable, Iterator
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from xcorr import _cache, _dispatch, _workers
from xcorr._arrays import check_out, copy_in_pieces, in_order, take_bias, take_fill
from xcorr._bank import Bank
from xcorr._dtypes import integer_range, largest_magnitude
from xcorr._gradient_sums import magnitude
from xcorr._layouts import of_one_image
from xcorr._masks import canonical_mask
from xcorr._memory import empty
from xcorr._once import cached_property
from xcorr._plan import Plan, plan_for
from xcorr._reading import axes_in
from xcorr._reduction import peaks_of, reduction_of
from xcorr._respond import may_overlap
from xcorr._run import bank_for, run
from xcorr._seen import Operand, SeenBank, has_shares, seen_plan, sums_plan
from xcorr._settings import Settings
from xcorr._unseen_taps import finite_taps
from xcorr._volume_call import VolumeCall, planes_inside
from xcorr._volume_reduce import inner_names
from xcorr._volumes import (
    GATHERED_BYTES,
    Piece,
    can_be_view,
    cut_planes,
    fill_as_channels,
    gathered_at_once,
    images_of,
    inside,
    joined,
    kernels_as_bank,
    pieces_of,
    sizes_of_call,
)
from xcorr.peaks import Peaks, no_peaks

Array = npt.NDArray[Any]
PLANS = 8
"""Plans that a bank keeps."""

Respond = Callable[..., Any]  # to images, with what is seen of them, where responses go, the workers, and a reduction


class VolumePlan:
    """What follows from the shapes, types and keywords of a call; holds no volumes."""

    def __init__(
        self, settings: Settings, images: Operand, kernels: Operand, has_mask: bool, shares: bool, finite: bool
    ) -> None:
        if settings.pairwise:
            kernels = Operand(of_one_image(settings.layout, images.shape, kernels.shape), kernels.dtype)
        self.settings, sizes = settings, sizes_of_call(settings, images.shape, kernels.shape)
        self.sizes, self.masked = sizes, has_mask or settings.normalize
        names = None if isinstance(settings.reduce, Peaks) else settings.reduce
        self.names = () if names is None else inner_names(names, settings.over == "kernels")
        operands = Operand(sizes.image_shape(1), images.dtype), Operand(sizes.kernels_shape(), kernels.dtype)
        own = sizes.settings._replace(reduce=None)
        if self.masked:
            seen = seen_plan(own, *operands, weights=shares, finite=finite)
            self.plan, self.types = seen.sums, seen.types
        else:
            self.plan = plan_for(own, *operands[0], *operands[1])
            self.types = self.plan.types
        self.peaks = peaks_of(settings.reduce, settings.over, sizes.area, self.types.response)
        n_kernels = sizes.geometry.n_kernels
        self.reduction = reduction_of(names, settings.over, sizes.layout, n_kernels, sizes.area, self.types.response)


def check_mask(mask: Any, images: Operand, plan: VolumePlan) -> None:
    """ValueError if a mask does not go with the images."""
    if isinstance(mask, np.ndarray):
        canonical_mask(mask, "mask", images.shape, plan.sizes.layout.images, "images")


def plan_of_call(settings: Settings, images: Operand, kernels: Operand, mask: Any) -> tuple[Plan, tuple[int, ...], int]:
    """The plan of a call's sums, the shape of its images, and the bytes of gathered planes beside its workspace.

    Of volumes the images are those that planes of windows are.
    """
    if axes_in(settings.layout) < 3:
        return sums_plan(settings, images, kernels, mask), images.shape, 0
    volumes = VolumePlan(settings, images, kernels, mask is not None, has_shares(mask), True)
    check_mask(mask, images, volumes)
    sizes = volumes.sizes
    n_images = images.shape[0] if sizes.layout.images[0] >= 0 else 1
    n_planes = n_images * (1 if sizes.is_flat else sizes.outputs[0])
    is_view = can_be_view(sizes) and (sizes.is_flat or inside(sizes) == (0, sizes.outputs[0]))
    gathered = 0 if is_view else gathered_at_once(sizes, images.dtype.itemsize, n_planes)
    return volumes.plan, sizes.image_shape(n_planes), gathered


class VolumeBank:
    """A bank for volumes.

    Parameters
    ----------
    settings : the keywords as they were read.
    kernels, bias, fill_value : as they were given; the same as long as the bank is used.
    """

    def __init__(self, settings: Settings, kernels: Array, bias: Any, fill_value: Any) -> None:
        self.settings, self.kernels, self.bias, self.fill_value = settings, kernels, bias, fill_value
        self.banks: dict[Hashable, Bank] = {}
        self.plans: dict[Hashable, VolumePlan] = {}
        self.responding: dict[Hashable, Respond] = {}

    @cached_property
    def all_finite(self) -> bool:
        """Whether all taps are numbers."""
        return finite_taps(self.kernels).all_finite

    def plan(self, images: Operand, mask: Any) -> VolumePlan:
        """The plan of a call."""
        masked, shares = mask is not None or self.settings.normalize, has_shares(mask)
        kernels, finite = Operand(self.kernels.shape, self.kernels.dtype), not masked or self.all_finite
        of_images, of_kernels = (images.shape, images.dtype.str), (kernels.shape, kernels.dtype.str)
        key = "volumes", self.settings, _dispatch.current(), of_images, of_kernels, mask is not None, shares, finite
        found = self.plans.get(key)
        if found is None:
            found = _cache.plans.find(key)
            if found is None:
                found = VolumePlan(self.settings, images, kernels, mask is not None, shares, finite)
                if found.plan.is_small:
                    _cache.plans.keep(key, found)
            if len(self.plans) >= PLANS:
                self.plans = {}
            self.plans[key] = found
        check_mask(mask, images, found)
        return found

    def fill(self, plan: VolumePlan, images: np.dtype[Any]) -> tuple[Any, ...]:
        """The fill value of each channel, or of all."""
        channels = plan.sizes.geometry.channels
        return take_fill(self.fill_value, images.newbyteorder("="), self.settings.boundary, channels)

    def own_bias(self, plan: VolumePlan) -> Array | None:
        """The bias of each kernel of the bank, or None."""
        n_kernels, layout = plan.sizes.geometry.n_kernels, plan.sizes.layout
        bias = take_bias(self.bias, 1 if layout.each_channel else n_kernels, layout.kernels[0] >= 0, plan.types.of_bias)
        return None if bias is None else np.ascontiguousarray(np.broadcast_to(bias, n_kernels))

    def responds(self, plan: VolumePlan, fill: tuple[Any, ...], index: int, names: tuple[str, ...] | Peaks) -> Respond:
        """What responds to a piece's images, or reduces the responses; with pairs of volume `index`."""
        index = index if self.settings.pairwise else 0
        key = plan, names, index
        found = self.responding.get(key)
        if found is None:
            if len(self.responding) >= max(PLANS, len(self.kernels) * self.settings.pairwise):
                self.responding = {}
            settings = plan.sizes.settings._replace(reduce=names or None)
            filled = fill_as_channels(fill, plan.sizes)
            if plan.masked:
                kernels = kernels_as_bank(self.kernels[index] if self.settings.pairwise else self.kernels, plan.sizes)
                found = SeenBank(settings, kernels, self.own_bias(plan), filled).run
            else:
                own = plan_for(settings, *plan.plan.shapes) if names else plan.plan
                found = functools.partial(respond, own, self.bank(plan, own, index), filled)
            self.responding[key] = found
        return found

    def bank(self, plan: VolumePlan, own: Plan, index: int) -> Bank:
        """The packed kernels, for volumes of any size."""
        sizes = plan.sizes
        key = own.types, own.layout.kernels, sizes.is_flat, sizes.geometry.n_kernels, sizes.geometry.groups, index
        found = self.banks.get(key)
        if found is None:
            kernels = kernels_as_bank(self.kernels[index] if self.settings.pairwise else self.kernels, sizes)
            found, *_ = bank_for(own, kernels, self.own_bias(plan))
            found.is_kept = True  # for the pieces to come
            self.banks[key] = found
        return found

    def may_refuse(self, plan: VolumePlan, images: Array) -> bool:
        """Whether a response may not fit its type, or be no number where it has to be one."""
        types, n_banks = plan.types, len(images) if self.settings.pairwise else 1
        if not types.exact or plan.masked:
            return types.exact or types.rounds_floats
        if self.settings.overflow == "saturate":
            return False
        reach, bias = map(max, zip(*(self.bank(plan, plan.plan, index).reach for index in range(n_banks)), strict=True))
        _, most = integer_range(types.response)
        filled = max(abs(int(number.real)) for number in self.fill(plan, images.dtype))
        if types.response.kind == "u" or max(largest_magnitude(types.images), filled) * reach + bias <= most:
            return types.response.kind == "u"
        return bool(max(magnitude(images), filled) * reach + bias > most)

    def run(self, images: Array, mask: Any, out: Any, workers: Any) -> Any:
        """The response of volumes, or what it is reduced to, in `out` or in memory of its own.

        `out` is as it was if a response is refused.
        """
        if workers is not None:
            workers = _workers.count_workers(workers)
        plan = self.plan(Operand(images.shape, images.dtype), mask)
        self.own_bias(plan)
        call = BankCall(self, plan, images, mask, workers)
        shape = call.shape()
        if plan.peaks is not None or plan.reduction is not None:
            return call.result(out)
        target, _held = (None, []) if out is None else check_out(out, shape, plan.types.response)
        operands = [images, self.kernels, *([mask] if isinstance(mask, np.ndarray) else [])]
        stores = target is not None and not any(may_overlap(target, one) for one in operands)
        stores = stores and not self.may_refuse(plan, images)
        result: Array = target if target is not None and stores else empty(shape, plan.types.response)
        if 0 not in shape:
            call.respond(in_order(result, plan.sizes.layout.response))
        if target is None:
            return result
        if result is not target:
            copy_in_pieces(target, result)
        return out


def respond(plan: Plan, bank: Bank, fill: Any, images: Array, _: Any, out: Any, workers: Any) -> Any:
    """The response to images of which all is seen."""
    return run(plan, bank, images, fill, out, workers)


class BankCall(VolumeCall):
    """Responses of a bank."""

    def __init__(self, bank: VolumeBank, plan: VolumePlan, images: Array, mask: Any, workers: Any) -> None:
        self.numbers = bank.fill(plan, images.dtype)
        super().__init__(plan.sizes, bank.settings.pairwise, images, mask, self.numbers, workers)
        self.bank, self.plan = bank, plan
        self.response, self.peaks, self.reduction = plan.types.response, plan.peaks, plan.reduction
        self.names = plan.names
        self.unseen = np.zeros(len(self.fill), self.mask.dtype if isinstance(self.mask, np.ndarray) else np.bool_)
        self.is_view, self.is_flat = can_be_view(plan.sizes), plan.sizes.is_flat
        next(pieces_of(self.sizes, 0, 1, self.volumes.itemsize, self.is_view))  # or what is too large is refused

    def take_planes(self, planes: npt.NDArray[np.intp]) -> None:
        super().take_planes(planes)
        self.is_view = self.is_view and len(planes) == planes[-1] - planes[0] + 1

    def pieces(self, first: int, end: int) -> Iterator[Piece]:
        """The pieces of volumes [first, end); of one alone where each has a bank of its own."""
        step = 1 if self.pairwise else max(1, end - first)
        for index in range(first, end, step):
            for piece in pieces_of(self.sizes, index, index + step, self.volumes.itemsize, self.is_view):
                yield from self.alike(piece)

    def split(self, piece: Piece) -> list[Piece]:
        """Smaller pieces of the same planes of one volume."""
        if self.sizes.is_flat:
            return [piece]
        cuts = cut_planes(self.sizes, piece.first_plane, piece.end_plane, self.volumes.itemsize, self.is_view)
        found = (piece._replace(first_plane=first, end_plane=end) for first, end in cuts)
        return [own for several in found for own in self.alike(several)]

    def alike(self, piece: Piece) -> list[Piece]:
        """A piece, or where sums are divided by shares its planes that see no padding apart from others.

        Of these shares are counted in another order, so that a plane's bits would depend on those beside it.
        """
        if not self.plan.masked or self.mask is not None or self.sizes.is_flat:
            return [piece]
        begin, last = (min(max(bound, piece.first_plane), piece.end_plane) for bound in inside(self.sizes))
        cuts = sorted({piece.first_plane, begin, last, piece.end_plane})
        return [piece._replace(first_plane=first, end_plane=end) for first, end in pairwise(cuts)]

    def ask(self, piece: Piece, out: Array | None, names: tuple[str, ...] | Peaks = ()) -> Any:
        """What the bank makes of a piece's images."""
        images = self.images_of(self.volumes, piece, self.fill)
        respond = self.bank.responds(self.plan, self.numbers, piece.first, names)
        return respond(images, self.seen_of(piece, images), out, self.workers)

    def images_of(self, volumes: Array, piece: Piece, fill: Array) -> Array:
        """The images of a piece of volumes, or of what is seen of them."""
        return images_of(volumes, self.sizes, piece, self.sources(piece), fill, self.n_workers)

    def seen_of(self, piece: Piece, images: Array) -> Any:
        """What is seen of a piece's images: None if that is all."""
        if not self.plan.masked:
            return None
        if isinstance(self.mask, np.ndarray):
            return self.images_of(self.mask, piece, self.unseen)
        if planes_inside(self.sizes, piece):
            return self.mask  # None, or the word
        inside = np.broadcast_to(np.ones((), np.bool_), self.volumes.shape)
        seen = self.images_of(inside, piece, self.unseen)
        return seen if self.mask is None else seen & np.isfinite(images)

    def respond_piece(self, piece: Piece, target: Array) -> None:
        """Writes the responses of a piece."""
        if self.sizes.is_flat:
            self.ask(piece, self.sizes.ordered_response(target[:, :, 0]))
            return
        place = joined(target)
        if place is not None:
            self.ask(piece, self.sizes.ordered_response(place))
            return
        if target.nbytes > GATHERED_BYTES:
            for index in range(piece.first, piece.end):
                own = slice(index - piece.first, index - piece.first + 1)
                self.respond_piece(piece._replace(first=index, end=index + 1), target[own])
            return
        found = self.ask(piece, None)
        last = np.moveaxis(found, 1, 3) if self.sizes.settings.layout == "NCHW" else found
        target[...] = last.reshape(target.shape)

    def reduce_piece(self, piece: Piece) -> list[Array]:
        """What a piece's responses are reduced to."""
        return list(self.ask(piece, None, self.names))

    def find(self, shape: tuple[int, ...]) -> Array:
        """The peaks of all responses; of flat volumes those of images, if the only row is not in the border."""
        peaks: Any = self.peaks
        found = no_peaks(shape, self.response, 3)
        if not self.is_flat or not found.size or not self.n_kernels:
            return super().find(shape)
        records = found.reshape(len(self.volumes), -1, peaks.k)
        for piece in self.pieces(0, len(self.volumes)):
            own = records[piece.first : piece.end]
            of_images = self.ask(piece, None, peaks).reshape(own.shape)
            for name in of_images.dtype.names if peaks.border == 0 else ():
                own[name.replace("row", "depth")] = of_images[name]
            for name in ("row", "sub_row"):
                own[name][own["kernel"] >= 0] = self.sizes.area[1][0]
        return found
