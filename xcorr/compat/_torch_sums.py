"""Sums of torch's convolutions and of their gradients, by `correlate` and its adjoints."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from math import prod
from typing import Any

import numpy as np

from xcorr._correlate import correlate
from xcorr._dtypes import native
from xcorr._foreign import shown
from xcorr._memory import empty
from xcorr._typing import Array
from xcorr.compat._biases import summed_dtype, with_bias
from xcorr.compat._planes import folded_columns
from xcorr.compat._tensors import Operand, take_operands
from xcorr.compat._torch_sizes import (
    Steps,
    along,
    check_bias,
    check_folded,
    check_least,
    check_operands,
    check_types,
    read_sides,
    read_steps,
)
from xcorr.compat._transposed import laid_kernels
from xcorr.compat._wrapping import wrapped_sums
from xcorr.gradients import gradient_images, gradient_kernels


@contextmanager
def errors_of_torch() -> Iterator[None]:
    """RuntimeError where xcorr raises ValueError."""
    try:
        yield
    except ValueError as error:
        raise RuntimeError(str(error)) from error


def summed(sums: Any, first: Array, second: Array) -> Array:
    """`sums` of two operands of one type, in that type; integers wrap around."""
    with errors_of_torch():
        if first.dtype.kind in "iu":
            return wrapped_sums(native(first.dtype), first, second, sums=sums)
        result: Array = sums(first, second)
        return result


def convolved(
    n_axes: int, input: Operand, weight: Any, bias: Any, stride: Any, padding: Any, dilation: Any, groups: Any
) -> Operand:
    """Convolution as torch has it: a correlation that does not conjugate."""
    others = {"weight": weight} | ({} if bias is None else {"bias": bias})
    (x, w, *rest), give = take_operands(input, others, "input")
    b = rest[0] if rest else None
    steps = read_steps(n_axes, stride, padding, dilation, groups)
    check_operands(steps, x.shape, w.shape)
    check_bias(b, w.shape[0])
    check_types({"input": x, "weight": w} | ({} if b is None else {"bias": b}))
    steps.outputs(x.shape[-n_axes:], w.shape[2:], "input", "weight")
    if x.dtype.kind not in "iu":
        with errors_of_torch():
            return give(correlate(x, w, bias=b, **steps.keywords))
    response = summed(partial(correlate, **steps.keywords), x, w)
    return give(response if b is None else with_bias(response, b, n_axes))


def transposed(
    n_axes: int,
    input: Operand,
    weight: Any,
    bias: Any,
    stride: Any,
    padding: Any,
    output_padding: Any,
    groups: Any,
    dilation: Any,
) -> Operand:
    """Transposed convolution as torch has it: the gradient of the images, nothing conjugated."""
    others = {"weight": weight} | ({} if bias is None else {"bias": bias})
    (x, w, *rest), give = take_operands(input, others, "input")
    b = rest[0] if rest else None
    if isinstance(padding, str):
        raise TypeError(f"padding: got {padding!r}; allowed is an int or a tuple of {n_axes} ints")
    steps = read_steps(n_axes, stride, padding, dilation, groups)
    behind = along(output_padding, n_axes, "output_padding")
    check_least(behind, 0, "output_padding")
    if any(more >= max(each) for more, *each in zip(behind, steps.stride, steps.dilation, strict=True)):
        raise RuntimeError(f"output_padding: got {behind}; allowed is less than the stride or the dilation")
    check_operands(steps, x.shape, w.shape, transposed=True)
    n_channels = w.shape[1] * steps.groups
    check_bias(b, n_channels)
    check_types({"input": x, "weight": w} | ({} if b is None else {"bias": b}))
    sides = steps.left_out(behind)
    outputs = steps.transposed(x.shape[-n_axes:], w.shape[2:], sides)
    if x.ndim == n_axes + 1 or len(x):
        check_least(x.shape[-n_axes:], 1, "input: spatial size")
    words = {"stride": steps.stride, "dilation": steps.dilation, "groups": steps.groups}
    sums = partial(laid_kernels, lengths=outputs, sides=sides, steps=words, dtype=summed_dtype(x.dtype, b))
    response = summed(sums, x, w)
    return give(response if b is None else with_bias(response, b, n_axes))


def unfolded(input: Operand, kernel_size: Any, dilation: Any, padding: Any, stride: Any) -> Operand:
    """Windows as torch has them: (N, channels * taps, positions); each channel is a plane of its own."""
    (x,), give = take_operands(input, {}, "input")
    steps = steps_of_planes(stride, padding, dilation)
    taps = along(kernel_size, 2, "kernel_size", one=False)
    if x.ndim not in (3, 4) or 0 in x.shape[-3:]:
        raise RuntimeError(f"input: got shape {x.shape}; allowed are 3 axes, or 4 of a batch, of which only N may be 0")
    positions = read_sides(steps, x.shape[-2:], taps, "input")
    padded = np.pad(x, [(0, 0)] * (x.ndim - 2) + list(steps.keywords["padding"]))
    spread = tuple((tap - 1) * step + 1 for tap, step in zip(taps, steps.dilation, strict=True))
    seen = np.lib.stride_tricks.sliding_window_view(padded, spread, (-2, -1))
    seen = seen[..., :: steps.stride[0], :: steps.stride[1], :: steps.dilation[0], :: steps.dilation[1]]
    columns = empty((*x.shape[:-2], *taps, *positions), native(x.dtype))
    columns[...] = np.moveaxis(seen, (-2, -1), (-4, -3))
    return give(columns.reshape(*x.shape[:-3], x.shape[-3] * prod(taps), prod(positions)))


def folded(input: Operand, output_size: Any, kernel_size: Any, dilation: Any, padding: Any, stride: Any) -> Operand:
    """Sums of such windows where they overlap: (N, channels, rows, columns)."""
    (x,), give = take_operands(input, {}, "input")
    steps = steps_of_planes(stride, padding, dilation)
    size = along(output_size, 2, "output_size", one=False)
    taps = along(kernel_size, 2, "kernel_size", one=False)
    positions = read_sides(steps, size, taps, "output_size")
    check_folded(x.shape, positions, taps)
    words = {name: steps.keywords[name] for name in ("padding", "stride", "dilation")}
    with errors_of_torch():
        return give(folded_columns(x, size, taps, positions, words))


def steps_of_planes(stride: Any, padding: Any, dilation: Any) -> Steps:
    """The arguments of unfold and fold, whose pairs are pairs."""
    return read_steps(
        2,
        along(stride, 2, "stride", one=False),
        along(padding, 2, "padding", one=False),
        along(dilation, 2, "dilation", one=False),
    )


def images_gradient(
    n_axes: int,
    input_size: Any,
    weight: Any,
    grad_output: Operand,
    stride: Any,
    padding: Any,
    dilation: Any,
    groups: Any,
) -> Operand:
    """The gradient of a convolution's input; of complex operands with the conjugate weight."""
    (g, w), give = take_operands(grad_output, {"weight": weight}, "grad_output")
    size = read_size(input_size, "input_size")
    steps = checked_steps(n_axes, size, w.shape, g, stride, padding, dilation, groups)
    check_types({"grad_output": g, "weight": w})
    if g.shape[0] == 0:
        return give(np.empty(size, native(g.dtype)))
    return give(summed(partial(gradient_images, image_shape=size[1:], **steps.keywords), g, w))


def kernels_gradient(
    n_axes: int,
    input: Operand,
    weight_size: Any,
    grad_output: Any,
    stride: Any,
    padding: Any,
    dilation: Any,
    groups: Any,
) -> Operand:
    """The gradient of a convolution's weight; of complex operands with the conjugate input."""
    (x, g), give = take_operands(input, {"grad_output": grad_output}, "input")
    size = read_size(weight_size, "weight_size")
    steps = checked_steps(n_axes, x.shape, size, g, stride, padding, dilation, groups)
    check_types({"input": x, "grad_output": g})
    return give(summed(partial(gradient_kernels, kernel_shape=size[1:], **steps.keywords), x, g))


def read_size(value: Any, argument: str) -> tuple[int, ...]:
    """A shape; torch.Size is a tuple."""
    if not isinstance(value, (list, tuple)):
        raise TypeError(f"{argument}: got {shown(value)}; allowed is a shape")
    return along(value, len(value), argument)


def checked_steps(
    n_axes: int, image: Any, kernels: Any, g: Array, stride: Any, padding: Any, dilation: Any, groups: Any
) -> Steps:
    """The arguments of a convolution of a batch whose responses have the shape of `g`; RuntimeError otherwise."""
    if isinstance(padding, str):
        raise RuntimeError(f"padding: got {padding!r}; allowed is an int or a tuple of {n_axes} ints")
    steps = read_steps(n_axes, stride, padding, dilation, groups, RuntimeError)
    check_operands(steps, image, kernels)
    outputs = steps.outputs(image[-n_axes:], kernels[2:], "input", "weight")
    if len(image) != n_axes + 2 or g.shape != (image[0], kernels[0], *outputs):
        raise RuntimeError(
            f"grad_output: got shape {g.shape}; allowed is that of the responses of a batch, here of "
            f"{(*image[: -n_axes - 1], kernels[0], *outputs)}, by an input {tuple(image)} and a weight {tuple(kernels)}"
        )
    return steps
