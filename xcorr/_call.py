"""The way of a call of `correlate` or `convolve`: repeated as it was, or planned and given to the bank of its kind."""

from typing import Any

import numpy as np
import numpy.typing as npt

from xcorr import _cache, _dispatch
from xcorr._arrays import held, take_array
from xcorr._engine import Recent, Repeat, can_be_told, repeated, shapes_of
from xcorr._masks import read_mask
from xcorr._pairs import Pairs
from xcorr._plan import plan_for
from xcorr._reading import axes_in
from xcorr._run import bank_for, run, takes_taps_as_they_are
from xcorr._seen_call import seen_bank
from xcorr._settings import read_settings, split
from xcorr._volume_run import VolumeBank

Array = npt.NDArray[Any]


def called(function: str, images: Any, kernels: Any, keywords: dict[str, Any]) -> Any:
    """Repeat one of the last small calls if this is one again; else plan the call, and remember a small one."""
    level = _dispatch.current()
    response: Array | None = repeated(_cache.recent_calls.values, function, level, images, kernels, keywords)
    if response is not None:
        return response
    words, operands = split(function, keywords)
    settings = read_settings(words, flip=function == "convolve")
    seen, _mask_held = read_mask(operands.pop("mask"), "mask", True)
    image_array, _images_held = held(take_array(images, "images"))
    kernel_array, _kernels_held = held(take_array(kernels, "kernels"))
    if axes_in(settings.layout) == 3:
        volumes = VolumeBank(settings, kernel_array, operands["bias"], operands["fill_value"])
        return volumes.run(image_array, seen, operands["out"], operands["workers"])
    if seen is not None or settings.normalize:
        masked = seen_bank(settings, kernel_array, operands["bias"], operands["fill_value"])
        return masked.run(image_array, seen, operands["out"], operands["workers"])
    plan = plan_for(settings, image_array.shape, image_array.dtype, kernel_array.shape, kernel_array.dtype)
    if settings.pairwise:
        bias, fill_value = operands.pop("bias"), operands.pop("fill_value")

        def call(kernels: Array, words: dict[str, Any]) -> Any:
            return lambda images, **more: called(function, images, kernels, {**words, **more})

        return Pairs(plan, kernel_array, bias, fill_value, call).run(image_array, **operands)
    reads, bias = plan.method == "matmul" and not plan.is_by_tiles, operands.pop("bias")
    if reads and type(bias) is np.ndarray:
        bias = bias.copy()  # as it was told, whatever other threads do with it
    bank, small, before = bank_for(plan, kernel_array, bias)

    def remember(repeat: Repeat) -> None:
        by_factors = plan.most_rank > 0 or plan.method == "separable"  # perhaps, as other kernels may be
        packs = takes_taps_as_they_are(plan, kernel_array) and bank.kept_faint is None and not by_factors
        if not can_be_told(images, kernels, keywords) or (repeat.reads_kernels and by_factors):
            return
        changes = isinstance(keywords.get("bias"), np.ndarray)
        if repeat.reads_kernels:
            told = {**keywords, "bias": bias} if changes else keywords
            call = Recent(function, level, told, kernel_array, repeat, True)
        elif small and (packs or small is before):
            told = {**keywords, "bias": small.bias} if changes else keywords
            call = Recent(function, level, told, small.kernels, repeat, packs)
        else:
            return
        _cache.remember_call(
            shapes_of(images, kernels), call, lambda old: old.is_replaced(function, level, images, kernels, keywords)
        )

    return run(plan, bank, image_array, **operands, remember=remember if before or reads else None)
