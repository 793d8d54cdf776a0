"""Attributes of ONNX' operators: read, checked, and as sizes of padding."""

from collections.abc import Sequence
from operator import index
from typing import Any, NamedTuple

import numpy as np

from xcorr._arrays import take_array
from xcorr._foreign import shown
from xcorr._typing import Array

Ints = tuple[int, ...]
Sides = tuple[tuple[int, int], ...]
AUTO_PADS = ("NOTSET", "SAME_UPPER", "SAME_LOWER", "VALID")


class Steps(NamedTuple):
    """How windows lie along each spatial axis."""

    stride: Ints
    dilation: Ints
    padding: Sides
    auto_pad: str
    groups: int

    def effective(self, taps: Sequence[int]) -> Ints:
        """Pixels from the first to the last tap along each axis."""
        return tuple((tap - 1) * apart + 1 for tap, apart in zip(taps, self.dilation, strict=True))

    def padded(self, lengths: Sequence[int], taps: Sequence[int]) -> Sides:
        """The padding of images of these lengths."""
        if not self.auto_pad.startswith("SAME"):
            return self.padding
        each = zip(lengths, self.effective(taps), self.stride, strict=True)
        totals = [max(0, (-(-length // stride) - 1) * stride + span - length) for length, span, stride in each]
        return tuple(self.halves(total) for total in totals)

    def halves(self, total: int) -> tuple[int, int]:
        """Both sides of a padding: the larger half is behind with SAME_UPPER, and before otherwise."""
        less = total // 2
        return (less, total - less) if self.auto_pad == "SAME_UPPER" else (total - less, less)

    def outputs(self, lengths: Sequence[int], taps: Sequence[int], names: tuple[str, str]) -> Ints:
        """The responses along each axis; ValueError if there are none."""
        sides = self.padded(lengths, taps)
        padded = tuple(length + before + behind for length, (before, behind) in zip(lengths, sides, strict=True))
        each = zip(padded, self.effective(taps), self.stride, strict=True)
        outputs = tuple((length - span) // stride + 1 for length, span, stride in each)
        if min(lengths) < 1 or min(taps) < 1 or min(outputs) < 1:
            raise ValueError(
                f"{names[1]}: spatial size {tuple(taps)} with dilations {self.dilation}, {names[0]}: {padded} with the "
                "padding; allowed is at least one pixel and one tap, and no kernel larger than the padded image"
            )
        return outputs


def whole_numbers(value: Any, n_numbers: int | None, argument: str, least: int) -> Ints:
    """A list of ints, as many as asked for and none less than allowed."""
    try:
        numbers = tuple(index(number) for number in value)
    except TypeError:
        raise TypeError(f"{argument}: got {shown(value)}; allowed are ints") from None
    if (n_numbers is not None and len(numbers) != n_numbers) or min(numbers, default=least) < least:
        count = "" if n_numbers is None else f"{n_numbers} "
        raise ValueError(f"{argument}: got {numbers}; allowed are {count}ints of at least {least}")
    return numbers


def read_steps(n_axes: int, strides: Any, dilations: Any, pads: Any, auto_pad: Any = "NOTSET", group: Any = 1) -> Steps:
    """The attributes of an operator on images with that many spatial axes."""
    ones, zeros = (1,) * n_axes, (0,) * 2 * n_axes
    stride = ones if strides is None else whole_numbers(strides, n_axes, "strides", 1)
    dilation = ones if dilations is None else whole_numbers(dilations, n_axes, "dilations", 1)
    sides = zeros if pads is None else whole_numbers(pads, 2 * n_axes, "pads", 0)
    (groups,) = whole_numbers((group,), 1, "group", 1)
    if auto_pad not in AUTO_PADS:
        raise ValueError(f"auto_pad: got {shown(auto_pad)}; allowed are {', '.join(AUTO_PADS)}")
    if auto_pad != "NOTSET" and any(sides):
        raise ValueError(f"pads: got {sides} with auto_pad {auto_pad}; allowed is one of them")
    return Steps(stride, dilation, tuple(zip(sides[:n_axes], sides[n_axes:], strict=True)), auto_pad, groups)


def sizes_of_transposed(
    steps: Steps, lengths: Ints, taps: Ints, output_padding: Any, output_shape: Any
) -> tuple[Ints, Sides]:
    """The images of a transposed convolution, and what is left out of the whole; behind it may be negative."""
    n_axes = len(lengths)
    more = (0,) * n_axes if output_padding is None else whole_numbers(output_padding, n_axes, "output_padding", 0)
    most = tuple(max(each) for each in zip(steps.stride, steps.dilation, strict=True))
    if any(added >= limit for added, limit in zip(more, most, strict=True)):
        raise ValueError(f"output_padding: got {more}; allowed is less than {most}, the strides or the dilations")
    each = zip(lengths, steps.stride, steps.effective(taps), strict=True)
    whole = tuple((length - 1) * stride + span for length, stride, span in each)
    wanted = tuple(length * stride for length, stride in zip(lengths, steps.stride, strict=True))
    if output_shape is not None:
        given = whole_numbers(output_shape, None, "output_shape", 1)
        wanted = whole_numbers(given[2:] if len(given) == n_axes + 2 else given, n_axes, "output_shape", 1)
    if output_shape is not None or steps.auto_pad.startswith("SAME"):
        totals = [max(0, length + added - want) for length, added, want in zip(whole, more, wanted, strict=True)]
        before = [steps.halves(total)[0] for total in totals]
    else:
        before = [first for first, _ in steps.padding]
        left = [length - sum(sides) for length, sides in zip(whole, steps.padding, strict=True)]
        wanted = tuple(length + added for length, added in zip(left, more, strict=True))
    if min(lengths) < 1 or min(taps) < 1 or min(wanted) < 1:
        raise ValueError(
            f"X: spatial size {lengths}, W: {taps}; the images would be {wanted}, allowed is at least one number, one "
            "tap and one pixel"
        )
    sides = tuple((first, length - first - want) for first, length, want in zip(before, whole, wanted, strict=True))
    if output_shape is not None and any(-behind >= limit for (_, behind), limit in zip(sides, most, strict=True)):
        raise ValueError(f"output_shape: got {wanted}; allowed are less than {most} pixels more than the whole {whole}")
    return wanted, sides


def check_columns(shape: Ints, n_taps: int, n_positions: int) -> None:
    """ValueError if an array is none of windows: (N, channels * taps, positions)."""
    if len(shape) != 3 or shape[1] == 0 or shape[1] % n_taps or shape[2] != n_positions:
        raise ValueError(f"input: got shape {shape}; allowed is (N, channels * {n_taps}, {n_positions})")


def check_shapes(
    image: Ints, kernels: Ints, kernel_shape: Any, steps: Steps, names: tuple[str, str], first: int
) -> None:
    """ValueError if images and kernels do not go together; `first` is the kernels' axis of all the images' channels."""
    if len(kernels) != len(image):
        raise ValueError(f"{names[1]}: got shape {kernels}; allowed are {len(image)} axes, as many as {names[0]} has")
    if kernel_shape is not None and whole_numbers(kernel_shape, None, "kernel_shape", 1) != kernels[2:]:
        raise ValueError(f"kernel_shape: got {shown(kernel_shape)}; allowed is that of {names[1]}, {kernels[2:]}")
    channels = kernels[1] * steps.groups if first == 1 else kernels[0]
    if image[1] != channels or image[1] == 0 or kernels[0] % steps.groups or kernels[1] == 0:
        raise ValueError(
            f"{names[1]}: got shape {kernels} with group {steps.groups} for {names[0]} of shape {image}; allowed are "
            "kernels of its channels, at least one, of which each group has as many"
        )


def take_images(value: Any, argument: str, dtypes: str) -> Array:
    """An array of images with at least one spatial axis; its type's character is one of `dtypes`."""
    array = take_typed(value, argument, dtypes)
    if array.ndim < 3:
        raise ValueError(f"{argument}: got shape {array.shape}; allowed are at least 3 axes, (N, C, D1, ...)")
    return array


def take_typed(value: Any, argument: str, dtypes: str) -> Array:
    """An array whose type's character is one of `dtypes`."""
    array = take_array(value, argument)
    if array.dtype.char not in dtypes:
        allowed = ", ".join(str(np.dtype(character)) for character in dtypes)
        raise TypeError(f"{argument}: got dtype {array.dtype}; allowed are {allowed}")
    return array


def check_same_type(array: Array, argument: str, other: Array, name: str) -> None:
    """TypeError unless both are of one type."""
    if array.dtype.newbyteorder("=") != other.dtype.newbyteorder("="):
        raise TypeError(f"{argument}: got dtype {array.dtype}; allowed is that of {name}, {other.dtype}")


def take_bias(value: Any, n_kernels: int, other: Array | None) -> Array:
    """The bias B, of the type of `other`, or int32."""
    bias = take_typed(value, "B", "i" if other is None else other.dtype.char)
    if bias.shape != (n_kernels,):
        raise ValueError(f"B: got shape {bias.shape}; allowed is {(n_kernels,)}")
    return bias


def take_settings(value: Any, argument: str, dtypes: str, n_kernels: int | None) -> Array:
    """A scale or zero point: a number or, of kernels, one for each of them, along the first axis of what it is for."""
    array = take_typed(value, argument, dtypes)
    if array.size == 1 and array.ndim < 2:
        return array.reshape(())
    if n_kernels is None or array.shape != (n_kernels,):
        allowed = "a scalar" if n_kernels is None else f"a scalar or shape {(n_kernels,)}"
        raise ValueError(f"{argument}: got shape {array.shape}; allowed is {allowed}")
    return array
