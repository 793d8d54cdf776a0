"""Axes, paddings, boundaries and masks as the definition has them: what sums and scores share."""

import math

import numpy as np


def n_axes_of(layout):
    """The number of spatial axes."""
    return sum(letter in "DHW" for letter in layout)


def channels_last(operand, layout, has_first_axis):
    """(N, spatial axes, C), whatever the layout and with or without the first axis."""
    if not has_first_axis:
        operand = operand[None]
    if "C" not in layout:
        return operand[..., None]
    return np.moveaxis(operand, 1, -1) if layout[1] == "C" else operand


def arranged(response, layout, has_image_axis, has_kernel_axis):
    """(N, spatial axes, K) as the layout has it, without the axes that the operands lack."""
    if not has_kernel_axis:
        response = response[..., 0]
    elif layout[1] == "C":
        response = np.moveaxis(response, -1, 1)
    return response if has_image_axis else response[0]


def each(sizes, n_axes):
    """What is given for every axis, or for each."""
    return (sizes,) * n_axes if isinstance(sizes, str) or not np.ndim(sizes) else tuple(sizes)


def padding_of(padding, image_size, spans, strides):
    """(before, behind) along each axis, for kernels that span that many pixels."""
    if padding == "valid":
        return tuple((0, 0) for _ in spans)
    if padding == "full":
        return tuple((span - 1, span - 1) for span in spans)
    if padding == "same":
        pads = []
        for length, span, stride in zip(image_size, spans, strides, strict=True):
            total = max((math.ceil(length / stride) - 1) * stride + span - length, 0)
            pads.append((total // 2, total - total // 2))
        return tuple(pads)
    return tuple(each(pad, 2) for pad in each(padding, len(spans)))


def padded(images, pads, boundary, fill_value):
    """The images with a border; the names of the boundaries are those of numpy.pad."""
    for axis, ((before, behind), word) in enumerate(zip(pads, each(boundary, len(pads)), strict=True), 1):
        length = images.shape[axis]
        places = [inside(index, length, word) for index in range(-before, length + behind)]
        behind_it = list(images.shape)
        behind_it[axis] = 1
        filled = np.concatenate([images, np.full(behind_it, fill_value, images.dtype)], axis)
        images = np.take(filled, places, axis)
    return images


def inside(index, length, boundary):
    """The pixel that an index outside 0 .. length - 1 means, as in numpy.pad; `length` is where the fill value lies.

    constant __|abc|__, edge aa|abc|cc, wrap bc|abc|ab, symmetric ba|abc|cb, reflect cb|abc|ba.
    """
    if boundary == "constant":
        return index if 0 <= index < length else length
    if boundary == "edge":
        return min(max(index, 0), length - 1)
    if boundary == "wrap":
        return index % length
    if boundary == "symmetric":
        index %= 2 * length
        return min(index, 2 * length - 1 - index)
    index %= max(2 * length - 2, 1)
    return min(index, 2 * length - 2 - index) if length > 1 else 0


def shares_of(mask, layout, has_first_axis):
    """What counts of each pixel or tap, (images or kernels or 1, spatial axes, channels or 1), in long double.

    A mask has the operand's axes, those without channels, and either of these without images or kernels.
    """
    mask, n_axes = np.asarray(mask), n_axes_of(layout)
    if mask.ndim == 0:
        mask = mask.reshape((1,) * n_axes)
    shares = (mask != 0 if mask.dtype.kind in "biu" else mask).astype(np.longdouble)
    if "C" not in layout:
        return shares[..., None] if shares.ndim > n_axes else shares[None, ..., None]
    axis = -1 if layout[-1] == "C" else -n_axes - 1
    if shares.ndim == n_axes or (shares.ndim == n_axes + 1 and has_first_axis):
        shares = np.expand_dims(shares, axis)
    return np.moveaxis(shares if shares.ndim == n_axes + 2 else shares[None], axis, -1)


def mask_of_channels(mask, images, layout):
    """The mask of each channel of images, with or without N, or None."""
    shape, has_image_axis = shape_of(images, layout), images.ndim == len(layout)
    if mask is None:
        return [None] * shape[-1]
    shares = np.broadcast_to(shares_of(mask, layout, has_image_axis), shape)
    shares = shares if has_image_axis else shares[0]
    return [shares[..., channel] for channel in range(shape[-1])]


def shape_of(images, layout):
    """The shape of images as `_channels_last` gives them."""
    return channels_last(images, layout, images.ndim == len(layout)).shape


def one_mask_each(mask, shape, layout):
    """The part of a mask that each of a batch has: its own where the mask has that many axes, or all the same."""
    mask = np.asarray(mask)
    own = mask.ndim in (len(shape), len(shape) - ("C" in layout)) and mask.ndim > n_axes_of(layout)
    return list(np.broadcast_to(mask, (shape[0], *mask.shape[1:]))) if own else [mask] * shape[0]


def summed_dtypes(first, second):
    """The dtype to sum products of two arrays in, and the dtype to return."""
    kind = np.result_type(first, second).kind
    if kind == "c":
        return np.clongdouble, np.complex128
    both_integers = first.dtype.kind in "biu" and second.dtype.kind in "biu"
    return (object, object) if both_integers else (np.longdouble, np.float64)
