"""The adjoints of the definition, slow and obviously right: each product goes back to where it came from.

For the response y of images x and kernels k, and any array g of its shape:

    gradient of the images:   sum of g * k over all windows and taps that see the pixel
    gradient of the kernels:  sum of conj(g) * x over all windows, x the pixel that the tap sees
    folded windows:           sum of what all windows hold of the pixel

Of correlations that do not conjugate they are the sums of g * conj(k) and of g * conj(x). Any number of spatial axes;
integers are summed as Python integers, all else in long double. Nothing is checked here and nothing is fast.
"""

from itertools import product
from math import prod

import numpy as np

from xcorr._reference_axes import inside, summed_dtypes

__all__ = ["fold", "gradient_images", "gradient_kernels", "places", "windows"]


def gradient_images(
    responses,
    kernels,
    image_shape,
    *,
    layout,
    padding="valid",
    boundary="constant",
    stride=1,
    dilation=1,
    groups=1,
    conjugate=True,
):
    """The adjoint of `correlate` in its images, as float64, complex128 or an object array of integers."""
    responses, kernels = np.asarray(responses), np.asarray(kernels)
    exact, final = summed_dtypes(responses, kernels)
    n_axes, has_kernel_axis = _n_axes(layout), kernels.ndim == len(layout)
    each_channel = "C" in layout and kernels.ndim == n_axes
    has_image_axis = responses.ndim == n_axes + 1 + (has_kernel_axis or each_channel)
    bank = _bank(kernels.astype(exact), layout, has_kernel_axis)
    g = _responses(responses.astype(exact), layout, has_image_axis, has_kernel_axis or each_channel)
    lengths, channels = _image_sizes(image_shape, layout)
    if each_channel:
        bank, groups = np.broadcast_to(bank, (channels, *bank.shape[1:])), channels
    bank = bank if conjugate else np.conjugate(bank)
    gradient = np.zeros((len(g), *lengths, channels), exact)
    of_bank, depth = len(bank) // groups, channels // groups
    for position, tap, place in places(lengths, bank.shape[1:-1], padding, boundary, stride, dilation):
        for group in range(groups):
            own, seen = slice(group * of_bank, (group + 1) * of_bank), slice(group * depth, (group + 1) * depth)
            taps = bank[(own, *tap)]
            gradient[(slice(None), *place, seen)] += g[(slice(None), *position, own)] @ taps
    return _images_as(gradient.astype(final), layout, has_image_axis)


def gradient_kernels(
    images,
    responses,
    kernel_shape,
    *,
    layout,
    padding="valid",
    boundary="constant",
    stride=1,
    dilation=1,
    groups=1,
    conjugate=True,
):
    """The adjoint of `correlate` in its kernels, as float64, complex128 or an object array of integers."""
    images, responses = np.asarray(images), np.asarray(responses)
    exact, final = summed_dtypes(images, responses)
    n_axes, has_image_axis = _n_axes(layout), images.ndim == len(layout)
    each_channel = "C" in layout and len(kernel_shape) == n_axes
    has_kernel_axis = responses.ndim == n_axes + has_image_axis + 1 and not each_channel
    x = _channels_last(images.astype(exact), layout, has_image_axis)
    g = _responses(responses.astype(exact), layout, has_image_axis, has_kernel_axis or each_channel)
    taps, _ = (kernel_shape, 1) if each_channel else _image_sizes(kernel_shape, layout)
    lengths, channels, groups = x.shape[1:-1], x.shape[-1], x.shape[-1] if each_channel else groups
    x, g = (x, np.conjugate(g)) if conjugate else (np.conjugate(x), g)
    of_bank, depth = g.shape[-1] // groups, channels // groups
    gradient = np.zeros((g.shape[-1], *taps, depth), exact)
    for position, tap, place in places(lengths, taps, padding, boundary, stride, dilation):
        for group in range(groups):
            own, seen = slice(group * of_bank, (group + 1) * of_bank), slice(group * depth, (group + 1) * depth)
            gradient[(own, *tap)] += g[(slice(None), *position, own)].T @ x[(slice(None), *place, seen)]
    if each_channel:
        return gradient.sum(axis=0)[..., 0].astype(final)
    return _images_as(gradient.astype(final), layout, has_kernel_axis)


def windows(images, kernel_shape, *, layout, padding="valid", boundary="constant", fill_value=0, stride=1, dilation=1):
    """Every window of every image: (N, positions..., taps), with the taps in the order of the sum."""
    images = np.asarray(images)
    x = _channels_last(images, layout, images.ndim == len(layout))
    taps = tuple(kernel_shape) if len(kernel_shape) == _n_axes(layout) else _image_sizes(kernel_shape, layout)[0]
    outputs = _outputs(x.shape[1:-1], taps, padding, stride, dilation)
    gathered = np.empty((len(x), *outputs, *taps, x.shape[-1]), x.dtype)
    gathered[...] = fill_value
    for position, tap, place in places(x.shape[1:-1], taps, padding, boundary, stride, dilation):
        gathered[(slice(None), *position, *tap)] = x[(slice(None), *place)]
    gathered = gathered.reshape(len(x), *outputs, prod(taps) * x.shape[-1])
    return gathered if images.ndim == len(layout) else gathered[0]


def fold(windows, image_shape, kernel_shape, *, layout, padding="valid", boundary="constant", stride=1, dilation=1):
    """The adjoint of `windows`, as float64, complex128 or an object array of integers."""
    windows = np.asarray(windows)
    exact, final = summed_dtypes(windows, windows)
    n_axes, (lengths, channels) = _n_axes(layout), _image_sizes(image_shape, layout)
    taps = tuple(kernel_shape) if len(kernel_shape) == n_axes else _image_sizes(kernel_shape, layout)[0]
    has_image_axis = windows.ndim == n_axes + 2
    own = windows.astype(exact) if has_image_axis else windows.astype(exact)[None]
    own = own.reshape(*own.shape[:-1], *taps, channels)
    folded = np.zeros((len(own), *lengths, channels), exact)
    for position, tap, place in places(lengths, taps, padding, boundary, stride, dilation):
        folded[(slice(None), *place)] += own[(slice(None), *position, *tap)]
    return _images_as(folded.astype(final), layout, has_image_axis)


def places(lengths, taps, padding, boundary, stride, dilation):
    """Each position of a window, each tap there, and the pixel that it sees, where it is one of the image's."""
    n_axes = len(lengths)
    boundaries = (boundary,) * n_axes if isinstance(boundary, str) else boundary
    strides, dilations = _each(stride, n_axes), _each(dilation, n_axes)
    pads = _pads(lengths, taps, padding, strides, dilations)
    outputs = _outputs(lengths, taps, padding, stride, dilation)
    along = []
    for n_outputs, k, stride, dilation, (before, _), length, word in zip(
        outputs, taps, strides, dilations, pads, lengths, boundaries, strict=True
    ):
        pairs = product(range(n_outputs), range(k))
        seen = [(y, i, inside(y * stride + i * dilation - before, length, word)) for y, i in pairs]
        along.append([(y, i, place) for y, i, place in seen if place < length])
    for each in product(*along):
        position, tap, place = zip(*each, strict=True)
        yield position, tap, place


def _outputs(lengths, taps, padding, stride, dilation):
    strides, dilations = _each(stride, len(lengths)), _each(dilation, len(lengths))
    pads = _pads(lengths, taps, padding, strides, dilations)
    sizes = zip(lengths, taps, pads, strides, dilations, strict=True)
    return tuple((n + sum(pad) - (k - 1) * dilation - 1) // stride + 1 for n, k, pad, stride, dilation in sizes)


def _pads(lengths, taps, padding, strides, dilations):
    spans = [(k - 1) * dilation + 1 for k, dilation in zip(taps, dilations, strict=True)]
    if padding == "valid":
        return [(0, 0)] * len(lengths)
    if padding == "full":
        return [(span - 1, span - 1) for span in spans]
    if padding == "same":
        totals = [
            max((-(-length // stride) - 1) * stride + span - length, 0)
            for length, span, stride in zip(lengths, spans, strides, strict=True)
        ]
        return [(total // 2, total - total // 2) for total in totals]
    return [_each(pad, 2) for pad in _each(padding, len(lengths))]


def _each(sizes, count):
    return tuple(sizes) if np.ndim(sizes) or isinstance(sizes, tuple) else (sizes,) * count


def _n_axes(layout):
    return len(layout.replace("N", "").replace("C", ""))


def _image_sizes(shape, layout):
    """The spatial lengths and the channels of one image, or of one kernel."""
    if "C" not in layout:
        return tuple(shape), 1
    return (tuple(shape[1:]), shape[0]) if layout[1] == "C" else (tuple(shape[:-1]), shape[-1])


def _channels_last(array, layout, has_first_axis):
    array = array if has_first_axis else array[None]
    if "C" not in layout:
        return array[..., None]
    return np.moveaxis(array, 1, -1) if layout[1] == "C" else array


def _bank(kernels, layout, has_kernel_axis):
    """(K, kernel axes..., C); a plane for each channel is one kernel of one channel."""
    if "C" in layout and kernels.ndim == _n_axes(layout):
        return kernels[None, ..., None]
    return _channels_last(kernels, layout, has_kernel_axis)


def _responses(responses, layout, has_image_axis, has_kernel_axis):
    """(N, positions..., K)."""
    responses = responses if has_image_axis else responses[None]
    if not has_kernel_axis:
        return responses[..., None]
    return np.moveaxis(responses, 1, -1) if layout[1] == "C" else responses


def _images_as(images, layout, has_first_axis):
    """Images, or kernels, (N, axes..., C) as the layout has them."""
    images = images if has_first_axis else images[0]
    if "C" not in layout:
        return images[..., 0]
    return np.moveaxis(images, -1, int(has_first_axis)) if layout[1] == "C" else images
