"""Sizes of torch's convolutions: arguments as torch reads them, and what it refuses."""

from collections.abc import Sequence
from math import prod
from operator import index
from typing import Any, NamedTuple

import numpy as np

from xcorr._foreign import shown
from xcorr.compat._transposed import LAYOUTS

Ints = tuple[int, ...]


class Steps(NamedTuple):
    """How windows lie along each of the spatial axes, and the groups of channels."""

    stride: Ints
    padding: Ints | str
    dilation: Ints
    groups: int

    @property
    def n_axes(self) -> int:
        """The spatial axes."""
        return len(self.stride)

    @property
    def keywords(self) -> dict[str, Any]:
        """What xcorr calls them."""
        sides = self.padding if isinstance(self.padding, str) else tuple((pad, pad) for pad in self.padding)
        words = {"padding": sides, "stride": self.stride, "dilation": self.dilation, "groups": self.groups}
        return words | {"layout": LAYOUTS[self.n_axes], "conjugate": False}

    def effective(self, taps: Sequence[int]) -> Ints:
        """Pixels from the first to the last tap along each axis."""
        return tuple((tap - 1) * apart + 1 for tap, apart in zip(taps, self.dilation, strict=True))

    def outputs(self, lengths: Sequence[int], taps: Sequence[int], images: str, kernels: str) -> Ints:
        """The responses along each axis; RuntimeError if there are none."""
        spans = self.effective(taps)
        if self.padding == "same":
            outputs = tuple(lengths)
            padded = tuple(length + span - 1 for length, span in zip(lengths, spans, strict=True))
        else:
            pads = (0,) * self.n_axes if isinstance(self.padding, str) else self.padding
            padded = tuple(length + 2 * pad for length, pad in zip(lengths, pads, strict=True))
            each = zip(padded, spans, self.stride, strict=True)
            outputs = tuple((length - span) // stride + 1 for length, span, stride in each)
        if min(lengths) < 1 or min(taps) < 1 or min(outputs) < 1:
            raise RuntimeError(
                f"{kernels}: spatial size {tuple(taps)} with dilation {self.dilation}, {images}: {padded} with the "
                "padding; allowed is at least one pixel and one tap, and no kernel larger than the padded input"
            )
        return outputs

    def transposed(self, lengths: Sequence[int], taps: Sequence[int], sides: Sequence[tuple[int, int]]) -> Ints:
        """The pixels along each axis of a transposed convolution; RuntimeError if there are none."""
        each = zip(lengths, self.stride, self.effective(taps), sides, strict=True)
        outputs = tuple((length - 1) * stride + span - sum(pair) for length, stride, span, pair in each)
        if min(taps) < 1 or min(outputs) < 1:
            raise RuntimeError(
                f"input: spatial size {tuple(lengths)}, weight: {tuple(taps)}; the output would be {outputs}, allowed "
                "is at least 1"
            )
        return outputs

    def left_out(self, more: Ints) -> list[tuple[int, int]]:
        """What a transposed convolution leaves out before and behind each axis, with so many pixels more behind."""
        pads = (0,) * self.n_axes if isinstance(self.padding, str) else self.padding
        return [(pad, pad - added) for pad, added in zip(pads, more, strict=True)]


def whole(value: Any) -> int | None:
    """An integer, but no bool; None if it is none."""
    if isinstance(value, (bool, np.bool_)):
        return None
    try:
        return index(value)
    except TypeError:
        return None


def along(value: Any, n_axes: int, argument: str, wrong: type[Exception] = TypeError, one: bool = True) -> Ints:
    """An int for each axis, of an int or a sequence of ints, which may have a single one if `one` says so."""
    items = [whole(item) for item in value] if isinstance(value, (list, tuple)) else [whole(value)]
    numbers = tuple(item for item in items if item is not None)
    if len(numbers) != len(items):
        raise wrong(f"{argument}: got {shown(value)}; allowed is an int or a tuple of {n_axes} ints")
    if len(numbers) == 1 and (one or not isinstance(value, (list, tuple))):
        return numbers * n_axes
    if len(numbers) != n_axes:
        raise RuntimeError(f"{argument}: got {shown(value)}; allowed is an int or a tuple of {n_axes} ints")
    return numbers


def check_least(numbers: Sequence[int], least: int, argument: str) -> None:
    """RuntimeError if a number is less."""
    if min(numbers) < least:
        raise RuntimeError(f"{argument}: got {tuple(numbers)}; allowed is at least {least}")


def read_steps(
    n_axes: int, stride: Any, padding: Any, dilation: Any, groups: Any = 1, wrong: type[Exception] = TypeError
) -> Steps:
    """The arguments of a convolution; `wrong` is raised where one is of a wrong type."""
    number = whole(groups)
    if number is None:
        raise wrong(f"groups: got {shown(groups)}; allowed is an int")
    words = {"stride": stride, "padding": padding, "dilation": dilation}
    read = {name: along(value, n_axes, name, wrong) for name, value in words.items() if not isinstance(value, str)}
    for name in ("stride", "dilation"):
        if name not in read:
            raise wrong(f"{name}: got {shown(words[name])}; allowed is an int or a tuple of {n_axes} ints")
        check_least(read[name], 1, name)
    check_least([number], 1, "groups")
    if "padding" in read:
        check_least(read["padding"], 0, "padding")
        return Steps(read["stride"], read["padding"], read["dilation"], number)
    if padding not in ("same", "valid"):
        raise RuntimeError(f"padding: got {shown(padding)}; allowed are 'same', 'valid', an int and a tuple of ints")
    if padding == "same" and max(read["stride"]) > 1:
        raise RuntimeError(f"padding: got 'same' with stride {read['stride']}; allowed is that with stride 1")
    return Steps(read["stride"], padding, read["dilation"], number)


def check_operands(steps: Steps, image: Ints, kernels: Ints, *, transposed: bool = False) -> None:
    """RuntimeError if an input and a weight of these shapes do not go together."""
    n_axes = steps.n_axes
    if len(image) not in (n_axes + 1, n_axes + 2):
        raise RuntimeError(f"input: got shape {image}; allowed are {n_axes + 1} axes, or {n_axes + 2} of a batch")
    if len(kernels) != n_axes + 2:
        raise RuntimeError(f"weight: got shape {kernels}; allowed are {n_axes + 2} axes")
    if kernels[0] < steps.groups or kernels[0] % steps.groups:
        raise RuntimeError(f"weight: got shape {kernels}; its first axis has to be a multiple of groups {steps.groups}")
    channels = kernels[0] if transposed else kernels[1] * steps.groups
    if image[-n_axes - 1] != channels or channels == 0 or kernels[1] == 0:
        raise RuntimeError(
            f"input: got shape {image} with {image[-n_axes - 1]} channels; allowed are {channels}, by weight of shape "
            f"{kernels} and groups {steps.groups}, and at least one"
        )


def check_types(arrays: dict[str, Any]) -> None:
    """RuntimeError if not all are of one type, NotImplementedError if they are bools."""
    (first, array), *others = arrays.items()
    for name, other in others:
        if other.dtype.newbyteorder("=") != array.dtype.newbyteorder("="):
            raise RuntimeError(f"{name}: got dtype {other.dtype}; allowed is that of {first}, {array.dtype}")
    if array.dtype.kind == "b":
        raise NotImplementedError(f"{first}: got bools, which have no sums; allowed are numbers")


def check_bias(bias: Any, n_kernels: int) -> None:
    """RuntimeError if a bias has not one number for each kernel."""
    if bias is not None and bias.shape != (n_kernels,):
        raise RuntimeError(f"bias: got shape {bias.shape}; allowed is {(n_kernels,)}")


def read_sides(steps: Steps, image: Ints, taps: Ints, argument: str) -> Ints:
    """The positions of windows along both axes of an image of unfold or fold."""
    check_least(taps, 1, "kernel_size")
    return steps.outputs(image, taps, argument, "kernel_size")


def check_folded(shape: Ints, positions: Ints, taps: Ints) -> None:
    """RuntimeError if an array is none of windows: (N, channels * taps, positions)."""
    if len(shape) not in (2, 3) or 0 in shape[-2:]:
        raise RuntimeError(f"input: got shape {shape}; allowed are 2 axes, or 3 of a batch, of which only N may be 0")
    if shape[-2] % prod(taps) or shape[-1] != prod(positions):
        raise RuntimeError(
            f"input: got shape {shape}; allowed is (N, channels * {prod(taps)}, {prod(positions)}), by kernel_size "
            f"{taps} at {positions} positions"
        )
