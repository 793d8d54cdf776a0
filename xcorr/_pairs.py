"""Image i with kernel or bank i: a call for each, or for those that lie so and are small, one whose groups they are."""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from xcorr import _dispatch, _workers
from xcorr._arrays import check_out, copy_in_pieces, take_bias, take_fill
from xcorr._machine import cache_bytes
from xcorr._memory import empty
from xcorr._plan import Plan
from xcorr._reduce import new_results
from xcorr._reduce_peaks import peaks_shape
from xcorr._respond import may_overlap
from xcorr._run import found_peaks, reduced
from xcorr._settings import words_of
from xcorr.peaks import no_peaks

Array = npt.NDArray[Any]
Call = Callable[..., Any]  # of images, with `out` and `workers`

TAPS_AT_ONCE = 2**18
"""Taps of the banks of those images that are groups of one call: their panels stay in the second cache."""


class Pairs:
    """The banks of a batch, one for each image.

    Parameters
    ----------
    plan : of one image and its bank.
    kernels : those of all images, (N, ...).
    bias, fill_value : as they were given; every bank has the same bias.
    call : makes of a bank and keywords what is called with its image.
    keeps : whether what is made is kept for later batches.
    """

    def __init__(
        self, plan: Plan, kernels: Array, bias: Any, fill_value: Any, call: Callable[..., Call], keeps: bool = False
    ) -> None:
        plan.check_it_fits()
        n_own = 1 if plan.layout.each_channel else plan.geometry.n_kernels
        self.plan, self.kernels, self.call, self.keeps = plan, kernels, call, keeps
        self.bias = take_bias(bias, n_own, plan.layout.kernels[0] >= 0, plan.types.of_bias)
        self.fill = take_fill(fill_value, plan.types.images, plan.settings.boundary, plan.geometry.channels)
        self.words = words_of(plan.settings._replace(pairwise=False, layout=plan.layout.word))
        self.kept: dict[tuple[int, int, bool], Call] = {}

    def run(self, images: Array, out: Any, workers: Any) -> Any:
        """The response of a batch, or what it is reduced to, in `out` or in memory of its own.

        `out` is as it was if one is refused.
        """
        types, reduction = self.plan.types, self.plan.reduction
        shape = self.plan.response_shape(len(images))
        if workers is not None:
            workers = _workers.count_workers(workers)
        if self.plan.peaks is not None:
            of_peaks = peaks_shape(self.plan, self.plan.peaks, len(images))
            find = partial(self.find_peaks, images, workers)
            return found_peaks(of_peaks, types.response, out, find, self.plan.layout.n_axes)
        if reduction is not None:
            return reduced(reduction, len(images), out, lambda targets: self.reduce_all(images, targets, workers))
        target, _held = (None, []) if out is None else check_out(out, shape, types.response)
        result: Array = empty(shape, types.response) if target is None or self.may_refuse(target, images) else target
        if 0 not in shape:
            self.run_all(images, result, workers)
        if target is None:
            return result
        if result is not target:
            copy_in_pieces(target, result)
        returned: Array = out
        return returned

    def may_refuse(self, target: Array, images: Array) -> bool:
        """Whether a response may be refused when others are stored already, or written over an operand."""
        types = self.plan.types
        return types.exact or types.rounds_floats or any(may_overlap(target, one) for one in (images, self.kernels))

    def run_all(self, images: Array, result: Array, workers: Any) -> None:
        """The responses of all images, of which there are some."""
        can_be_groups = follow(result, 0, self.plan.layout.response[3])
        at_once = self.images_at_once(images) if can_be_groups else 0
        for first in range(0, len(images), at_once or 1):
            if at_once:
                end = min(first + at_once, len(images))
                own, responses = images[first:end], result[first:end]
                own, responses = self.planes_of(own), self.planes_of(responses)
                self.of_some(first, end, True)(own, out=responses, workers=workers)
            else:
                self.of_some(first, first + 1, False)(images[first], out=result[first], workers=workers)

    def reduce_all(self, images: Array, targets: list[Array] | None, workers: Any) -> list[Array]:
        """What the responses of all images, of which there are some, are reduced to."""
        reduction: Any = self.plan.reduction
        stores = targets and not any(self.may_refuse(target, images) for target in targets)
        results = targets if stores and targets else new_results(reduction, len(images))
        at_once = 0 if reduction.over_kernels else self.images_at_once(images)
        for first in range(0, len(images), at_once or 1):
            if at_once:
                end = min(first + at_once, len(images))
                found = self.of_some(first, end, True)(self.planes_of(images[first:end]), workers=workers)
                for result, own in zip(results, (found,) if reduction.alone else found, strict=True):
                    result[first:end] = own.reshape(result[first:end].shape)
            else:
                places = tuple(result[first, ...] for result in results)
                out = places[0] if reduction.alone else places
                self.of_some(first, first + 1, False)(images[first], out=out, workers=workers)
        return results

    def find_peaks(self, images: Array, workers: Any) -> Array:
        """The peaks of all images' responses."""
        peaks: Any = self.plan.peaks
        shape = peaks_shape(self.plan, peaks, len(images))
        found = no_peaks(shape, self.plan.types.response, self.plan.layout.n_axes)
        for index in range(len(images)):
            found[index] = self.of_some(index, index + 1, False)(images[index], workers=workers)
        return found

    def planes_of(self, images: Array) -> Array:
        """The channels of all images, one after the other."""
        return images.reshape(-1, *images.shape[-self.plan.layout.n_axes :])

    def images_at_once(self, images: Array) -> int:
        """Images that are groups of one call, 0 where they cannot be: by the direct method, whose bits are the same.

        They and their responses stay in the second cache, as rows of all are done before the next rows. Where subnormal
        pixels are looked for, each image is looked at by itself.
        """
        plan, (image, *_, channel), kernel = self.plan, self.plan.layout.images, self.plan.layout.response[3]
        in_planes = plan.layout.word in ("NCHW", "NCW") or ("C" not in plan.layout.word and kernel < 0)
        if plan.method != "direct" or plan.layout.each_channel or not in_planes or _dispatch.subnormals_are_slow():
            return 0
        if not follow(images, image, channel):
            return 0
        of_taps = TAPS_AT_ONCE // (plan.geometry.n_taps * plan.geometry.n_kernels)
        at_once = min(of_taps, cache_bytes(2) // (images[:1].nbytes + plan.response_bytes))
        return min(len(images), at_once) if at_once > 1 else 0

    def of_some(self, first: int, end: int, as_groups: bool) -> Call:
        """What is called with images [first, end): with one, or with the planes of some, which are groups."""
        key = first, end, as_groups
        found = self.kept.get(key)
        if found is not None:
            return found
        kernels, words, bias, fill = self.kernels[first:end], self.words, self.bias, self.fill
        if as_groups:
            n_images, geometry = len(kernels), self.plan.geometry
            n_axes = self.plan.layout.n_axes
            layout = "NCW" if n_axes == 1 else "NCHW"
            words = {**words, "layout": layout, "groups": n_images * geometry.groups, "method": "direct"}
            kernels = kernels.reshape(-1, geometry.depth, *geometry.kernel_shape[-n_axes:])
            bias = None if bias is None else np.tile(bias, n_images)
            fill = fill * n_images if len(fill) > 1 else fill
        else:
            kernels = kernels[0]
            bias = bias if bias is None or self.plan.layout.kernels[0] >= 0 else bias[0]
        if bias is not None:
            words = {**words, "bias": bias}
        if any(number != 0 for number in fill):
            words = {**words, "fill_value": fill if len(fill) > 1 else fill[0]}
        found = self.call(kernels, words)
        if self.keeps:
            self.kept[key] = found
        return found


def follow(array: Array, first: int, second: int) -> bool:
    """Whether the places of one axis, each with all of another one, lie in memory at one distance."""
    if second < 0 or array.shape[second] == 1 or array.shape[first] == 1:
        return True
    return bool(array.strides[first] == array.shape[second] * array.strides[second])
