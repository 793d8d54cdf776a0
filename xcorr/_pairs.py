"""Image i with kernel or bank i: planes that lie one after the other are groups of one call, else each has its own."""

from typing import Any

import numpy as np
import numpy.typing as npt

from xcorr import _dispatch, _workers
from xcorr._arrays import check_out, copy_in_pieces, take_bias, take_fill
from xcorr._bank import Bank, make_bank
from xcorr._memory import empty
from xcorr._plan import Plan, plan_for
from xcorr._respond import may_overlap
from xcorr._run import run

Array = npt.NDArray[Any]

TAPS_AT_ONCE = 2**18
"""Taps of the banks of those images that are groups of one call: their panels stay in the second cache."""


class Pairs:
    """The banks of a batch, one for each image.

    Parameters
    ----------
    plan : of one image and its bank.
    kernels : those of all images, (N, ...).
    bias : the one that every bank has.
    keeps : whether the banks are kept for later calls.
    """

    def __init__(self, plan: Plan, kernels: Array, bias: Any, keeps: bool) -> None:
        plan.check_it_fits()
        n_own = 1 if plan.layout.each_channel else plan.geometry.n_kernels
        self.plan, self.kernels, self.keeps = plan, kernels, keeps
        self.bias = take_bias(bias, n_own, plan.layout.kernels[0] >= 0, plan.types.of_bias)
        self.kept: dict[tuple[int, int, bool], tuple[Plan, Bank]] = {}

    def run(self, images: Array, fill_value: Any, out: Any, workers: Any) -> Array:
        """The response of a batch, in `out` or in memory of its own; `out` is as it was if one is refused."""
        plan, types = self.plan, self.plan.types
        shape = plan.response_shape(len(images))
        fill = take_fill(fill_value, types.images, plan.settings.boundary, plan.geometry.channels)
        if workers is not None:
            workers = _workers.count_workers(workers)
        target, _held = (None, []) if out is None else check_out(out, shape, types.response)
        result: Array = empty(shape, types.response) if target is None or self.may_refuse(target, images) else target
        if 0 not in shape:
            self.run_all(images, fill, result, workers)
        if target is None:
            return result
        if result is not target:
            copy_in_pieces(target, result)
        returned: Array = out
        return returned

    def run_all(self, images: Array, fill: tuple[Any, ...], result: Array, workers: Any) -> None:
        """The responses of all images, of which there are some."""
        at_once = self.images_at_once(images, result)
        for first in range(0, len(images), at_once or 1):
            some = slice(first, min(first + (at_once or 1), len(images)))
            own, bank = self.bank(some, at_once > 0)
            if at_once:
                self.run_groups(own, bank, images[some], fill, result[some], workers)
            else:
                run(own, bank, images[some], fill if len(fill) > 1 else fill[0], result[some], workers)

    def run_groups(
        self, plan: Plan, bank: Bank, images: Array, fill: tuple[Any, ...], result: Array, workers: Any
    ) -> None:
        """The responses of some images, which are the channels of one."""
        channels = images.reshape(-1, *images.shape[-2:])
        responses = result.reshape(-1, *result.shape[-2:])
        run(plan, bank, channels, fill * len(images) if len(fill) > 1 else fill[0], responses, workers)

    def may_refuse(self, target: Array, images: Array) -> bool:
        """Whether a response may be refused when others are stored already, or written over an operand."""
        types = self.plan.types
        return types.exact or types.rounds_floats or any(may_overlap(target, one) for one in (images, self.kernels))

    def images_at_once(self, images: Array, result: Array) -> int:
        """Images that are groups of one call, 0 where they cannot be: by the direct method, whose bits are the same.

        Where subnormal pixels are looked for, each image is looked at by itself.
        """
        plan, (image, *_, channel), (_, *_, kernel) = self.plan, self.plan.layout.images, self.plan.layout.response
        in_planes = plan.layout.word == "NCHW" or kernel < 0
        if plan.method != "direct" or plan.layout.each_channel or not in_planes or plan.layout.word == "NHWC":
            return 0
        if _dispatch.subnormals_are_slow() or not (follow(images, image, channel) and follow(result, 0, kernel)):
            return 0
        return min(len(images), TAPS_AT_ONCE // (plan.geometry.n_taps * plan.geometry.n_kernels))

    def bank(self, some: slice, as_groups: bool) -> tuple[Plan, Bank]:
        """The plan and the bank of some images."""
        key = some.start, some.stop, as_groups
        found = self.kept.get(key)
        if found is not None:
            return found
        plan, kernels, bias = self.plan, self.kernels[some], self.bias
        if as_groups:
            n_images, geometry = len(kernels), plan.geometry
            groups = n_images * geometry.groups
            settings = plan.settings._replace(pairwise=False, layout="NCHW", groups=groups, method="direct")
            kernels = kernels.reshape(-1, geometry.depth, *geometry.kernel_shape)
            bias = None if bias is None else np.tile(bias, n_images)
            image = n_images * geometry.channels, *(axis.length for axis in geometry.axes)
            plan = plan_for(settings, image, plan.shapes[1], kernels.shape, kernels.dtype)
        else:
            kernels = kernels[0]
            bias = bias if bias is None or plan.layout.kernels[0] >= 0 else bias[0]
        found = plan, make_bank(kernels, bias, plan.reading)
        if self.keeps:
            self.kept[key] = found
        return found


def follow(array: Array, first: int, second: int) -> bool:
    """Whether the places of one axis, each with all of another one, lie in memory at one distance."""
    if second < 0 or array.shape[second] == 1 or array.shape[first] == 1:
        return True
    return bool(array.strides[first] == array.shape[second] * array.strides[second])
