"""Axes, paddings, boundaries and masks as the definition has them: what sums and scores share."""

import math

import numpy as np


def channels_last(operand, layout, has_first_axis):
    """(N, H, W, C), whatever the layout and with or without the first axis."""
    if not has_first_axis:
        operand = operand[None]
    if layout == "NHW":
        return operand[..., None]
    return np.moveaxis(operand, 1, -1) if layout == "NCHW" else operand


def arranged(response, layout, has_image_axis, has_kernel_axis):
    """(N, rows, columns, K) as the layout has it, without the axes that the operands lack."""
    if not has_kernel_axis:
        response = response[..., 0]
    elif layout == "NCHW":
        response = np.moveaxis(response, -1, 1)
    return response if has_image_axis else response[0]


def pair(sizes):
    return tuple(sizes) if np.ndim(sizes) else (sizes, sizes)


def padding_of(padding, image_size, spans, strides):
    """((top, bottom), (left, right)) for kernels that span that many rows and columns."""
    if padding == "valid":
        return (0, 0), (0, 0)
    if padding == "full":
        return tuple((span - 1, span - 1) for span in spans)
    if padding == "same":
        pads = []
        for length, span, stride in zip(image_size, spans, strides, strict=True):
            total = max((math.ceil(length / stride) - 1) * stride + span - length, 0)
            pads.append((total // 2, total - total // 2))
        return tuple(pads)
    return tuple(pair(pad) for pad in pair(padding))


def padded(images, pads, boundary, fill_value):
    """The images with a border; the names of the boundaries are those of numpy.pad."""
    (top, bottom), (left, right) = pads
    n_images, height, width, depth = images.shape
    of_rows, of_columns = (boundary, boundary) if isinstance(boundary, str) else boundary
    filled = np.full((n_images, height + 1, width + 1, depth), fill_value, images.dtype)
    filled[:, :height, :width] = images
    rows = [inside(index, height, of_rows) for index in range(-top, height + bottom)]
    columns = [inside(index, width, of_columns) for index in range(-left, width + right)]
    return filled[:, rows][:, :, columns]


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
    """What counts of each pixel or tap, (images or kernels or 1, rows, columns, channels or 1), in long double.

    A mask has the operand's axes, those without channels, and either of these without images or kernels.
    """
    mask = np.asarray(mask)
    if mask.ndim == 0:
        mask = mask[None, None]
    shares = (mask != 0 if mask.dtype.kind in "biu" else mask).astype(np.longdouble)
    if layout == "NHW":
        return shares[..., None] if shares.ndim == 3 else shares[None, ..., None]
    axis = -1 if layout == "NHWC" else -3
    if shares.ndim == 2 or (shares.ndim == 3 and has_first_axis):
        shares = np.expand_dims(shares, axis)
    return np.moveaxis(shares if shares.ndim == 4 else shares[None], axis, -1)


def mask_of_channels(mask, images, layout):
    """The mask of each channel of images, (N, H, W) or (H, W), or None."""
    shape = shape_of(images, layout)
    if mask is None:
        return [None] * shape[-1]
    shares = np.broadcast_to(shares_of(mask, layout, images.ndim == 4), shape)
    shares = shares if images.ndim == 4 else shares[0]
    return [shares[..., channel] for channel in range(shape[-1])]


def shape_of(images, layout):
    """The shape of images as `_channels_last` gives them."""
    return channels_last(images, layout, images.ndim == len(layout)).shape


def one_mask_each(mask, shape, layout):
    """The part of a mask that each of a batch has: its own where the mask has that many axes, or all the same."""
    mask = np.asarray(mask)
    own = mask.ndim in (len(shape), len(shape) - ("C" in layout)) and mask.ndim > 2
    return list(np.broadcast_to(mask, (shape[0], *mask.shape[1:]))) if own else [mask] * shape[0]
