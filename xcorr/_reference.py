"""The definition, slow and obviously right: the oracle of the tests and the specification in code.

    response[n, y, x, k] = bias[k] + sum over i, j, c of
        image[n, y*stride + i*dilation, x*stride + j*dilation, c] * conj(kernel[k, i, j, c])

Integers are summed as Python integers, all else in long double. Nothing is checked here and nothing is fast.
"""

import itertools
import math
from fractions import Fraction

import numpy as np

from xcorr._reference_axes import (
    arranged,
    channels_last,
    each,
    mask_of_channels,
    n_axes_of,
    padded,
    padding_of,
    shape_of,
    shares_of,
    summed_dtypes,
)
from xcorr._reference_scores import match

__all__ = ["abs_sums", "bound", "correlate", "match", "peaks", "reduce", "saturated"]


def correlate(
    images,
    kernels,
    *,
    layout=None,
    padding="valid",
    boundary="constant",
    fill_value=0,
    stride=1,
    dilation=1,
    groups=1,
    bias=None,
    conjugate=True,
    roi=None,
    mask=None,
    normalize=False,
):
    """Responses as float64, complex128 or, for integer operands of which all is seen, an object array of integers.

    With a mask or `normalize` pixels have shares from 0 to 1, constant padding 0, and of what has 0 nothing is added:

        sum of share image conj(kernel), divided with `normalize` by (sum of share |kernel|) / (sum of |kernel|)
    """
    images, kernels = np.asarray(images), np.asarray(kernels)
    if isinstance(mask, str):
        mask = np.isfinite(images)
    layout = layout or ("NHWC" if 4 in (images.ndim, kernels.ndim) else "NHW")
    n_axes = n_axes_of(layout)
    if "C" in layout and kernels.ndim == n_axes:
        keywords = {"padding": padding, "boundary": boundary, "fill_value": fill_value, "stride": stride, "roi": roi}
        keywords |= {"dilation": dilation, "bias": bias, "conjugate": conjugate, "normalize": normalize}
        return _each_channel(images, kernels, layout, mask, keywords)
    has_image_axis, has_kernel_axis = (operand.ndim == len(layout) for operand in (images, kernels))
    is_seen = mask is None and not normalize
    exact, final = summed_dtypes(images, kernels) if is_seen else summed_dtypes(images * 1.0, kernels)
    shares = np.broadcast_to(shares_of(1 if mask is None else mask, layout, has_image_axis), shape_of(images, layout))
    images = channels_last(images.astype(exact), layout, has_image_axis)
    kernels = channels_last(kernels.astype(exact), layout, has_kernel_axis)
    if conjugate:
        kernels = np.conjugate(kernels)
    n_kernels, *lengths, depth = kernels.shape
    bias = np.zeros(n_kernels, exact) if bias is None else np.asarray(bias).astype(exact).reshape(n_kernels)

    strides, dilations = each(stride, n_axes), each(dilation, n_axes)
    spans = [(length - 1) * apart + 1 for length, apart in zip(lengths, dilations, strict=True)]
    pads = padding_of(padding, images.shape[1:-1], spans, strides)
    images = padded(images, pads, boundary, fill_value if is_seen else 0)
    shares = padded(shares, pads, boundary, 0)
    outputs = [(size - span) // by + 1 for size, span, by in zip(images.shape[1:-1], spans, strides, strict=True)]

    response = np.zeros((len(images), *outputs, n_kernels), exact)
    with np.errstate(all="ignore"):
        for *at, k in np.ndindex(*response.shape[1:]):
            along = [
                first * by + apart * np.arange(length)
                for first, by, apart, length in zip(at, strides, dilations, lengths, strict=True)
            ]
            first_channel = k // (n_kernels // groups) * depth
            place = (slice(None), *np.ix_(*along), slice(first_channel, first_channel + depth))
            windows, target = images[place], (slice(None), *at, k)
            if is_seen:
                response[target] = (windows * kernels[k]).sum(axis=tuple(range(1, n_axes + 2))) + bias[k]
            else:
                pairs = zip(windows, shares[place], strict=True)
                response[target] = [_seen_sum(*pair, kernels[k], normalize) + bias[k] for pair in pairs]
        response = response.astype(final)
    return arranged(response if roi is None else response[(slice(None), *roi)], layout, has_image_axis, has_kernel_axis)


def _each_channel(images, kernel, layout, mask, keywords):
    """The responses of every channel by itself."""
    axis, without = -1 if layout[-1] == "C" else -kernel.ndim - 1, layout.replace("C", "")
    channels, masks = np.moveaxis(images, axis, 0), mask_of_channels(mask, images, layout)
    own = [
        correlate(one, kernel, mask=seen, layout=without, **keywords) for one, seen in zip(channels, masks, strict=True)
    ]
    return np.stack(own, axis)


def _seen_sum(window, shares, kernel, normalize):
    """The sum of the products of a window and a kernel (spatial axes, channels) of which shares are seen."""
    pixels, taps, own = window[shares > 0], kernel[shares > 0], shares[shares > 0]
    products = pixels * taps
    parts = [(own * products.real).sum(), (own * products.imag).sum()]
    if normalize:
        share = (own * np.abs(taps)).sum() / np.abs(kernel).sum()
        parts = [part / share if share > 0 else np.longdouble(math.nan) for part in parts]
    if window.dtype.kind != "c" and kernel.dtype.kind != "c":
        return parts[0]
    both = np.zeros(1, np.clongdouble)
    both.real, both.imag = parts
    return both[0]


def saturated(responses, dtype):
    """Responses as an integer type holds them: rounded to nearest, ties to even, kept within its limits."""
    limits = np.iinfo(dtype)
    whole = [round(value) if np.isfinite(value) else value for value in responses.ravel().tolist()]
    inside = [int(min(max(value, int(limits.min)), int(limits.max))) for value in whole]
    return np.array(inside, dtype).reshape(responses.shape)


def abs_sums(images, kernels, *, fill_value=0, bias=None, **keywords):
    """Sum of |image| |kernel| over each window, plus |bias|: the S of the error bounds, float64."""
    images, kernels = (np.abs(np.asarray(operand).astype(np.complex128)) for operand in (images, kernels))
    bias = None if bias is None else np.abs(np.asarray(bias).astype(np.complex128))
    return correlate(images, kernels, fill_value=abs(fill_value), bias=bias, **keywords)


def bound(dtype, n_taps, sums):
    """Largest error of a direct sum accumulated in `dtype` (float16: in float32); a bias is one more tap."""
    dtype = np.dtype(dtype)
    unit_roundoff = np.finfo(np.promote_types(dtype, np.float32)).eps / 2
    n_products = 2 * n_taps if dtype.kind == "c" else n_taps
    return (4 + 2 * math.sqrt(n_products)) * float(unit_roundoff) * sums


def peaks(
    responses, k=1, *, threshold=None, min_distance=1, border=0, largest=True, subpixel=None, per="kernel", layout=None
):
    """Records of the best places of each map or, per image, of all maps of an image."""
    responses = np.asarray(responses)
    layout = layout or ("NHW" if responses.ndim == 2 else "NHWC")
    n_axes = n_axes_of(layout)
    names = ("depth", "row", "column")[-n_axes:]
    has_images = responses.ndim == n_axes + 2 or (responses.ndim == n_axes + 1 and "C" not in layout)
    has_kernels = responses.ndim == n_axes + 2 or (responses.ndim == n_axes + 1 and "C" in layout)
    native = responses.astype(responses.dtype.newbyteorder("="))
    maps = _response_in_order(native, layout, has_images, has_kernels)
    n_images, n_kernels = maps.shape[0], maps.shape[-1]
    kernels = [[kernel] for kernel in range(n_kernels)] if per == "kernel" else [range(n_kernels)]
    score = native.dtype
    fields = [("score", score), *((name, np.intp) for name in (*names, "kernel"))]
    fields += [(f"sub_{name}", np.float64) for name in names]
    records = np.empty((n_images, len(kernels), k), fields)
    records[...] = (np.nan if score.kind == "f" else 0, *[-1] * (n_axes + 1), *[np.nan] * n_axes)
    if threshold is not None and score.kind == "f":
        with np.errstate(over="ignore"):
            threshold = float(score.type(threshold))
    for image, group in np.ndindex(records.shape[:2]):
        found = []
        for kernel in kernels[group]:
            values = maps[image, ..., kernel]
            found += [(values[at].item(), *at, kernel) for at in _candidates(values, threshold, border, largest)]
        found.sort(key=lambda peak: (-peak[0] if largest else peak[0], *peak[1:]))
        accepted = found[:1]
        for peak in found[1:]:
            near = (
                max(abs(one - own) for own, one in zip(peak[1:-1], other[1:-1], strict=True)) < min_distance
                for other in accepted
            )
            if not any(near):
                accepted.append(peak)
        for place, (value, *at, kernel) in enumerate(accepted[:k]):
            values, subs = maps[image, ..., kernel], []
            for axis, own in enumerate(at):
                line = values[tuple(slice(None) if other == axis else at[other] for other in range(n_axes))]
                subs.append(own + _offset(line.tolist(), own, subpixel))
            records[image, group, place] = (value, *at, kernel, *subs)
    if not has_kernels or per == "image":
        records = records[:, 0]
    return records if has_images else records[0]


def _candidates(values, threshold, border, largest):
    """Places of what is not under those that follow and over those that precede; NaN is under everything."""
    sign = 1 if largest else -1
    numbers = {at: value * sign if value == value else -math.inf for at, value in np.ndenumerate(values.astype(object))}
    inner = [range(border, length - border) for length in values.shape]
    for at in itertools.product(*inner):
        number = numbers[at]
        is_number = values[at] == values[at]
        reaches = threshold is None or number >= sign * threshold
        around = (other for other in itertools.product(*((own - 1, own, own + 1) for own in at)) if other in numbers)
        over = (number > numbers[other] if other < at else number >= numbers[other] for other in around)
        if is_number and reaches and all(over):
            yield at


def _offset(values, place, subpixel):
    """The vertex of a parabola through three values or their logarithms, from the middle one."""
    if subpixel is None or place == 0 or place == len(values) - 1:
        return 0.0
    three = values[place - 1 : place + 2]
    if subpixel == "gaussian" and all(value > 0 for value in three):
        three = [math.log(value) for value in three]
    if not all(math.isfinite(value) for value in three):
        return 0.0
    first, second, third = map(Fraction, three)  # exact: they may differ in their last bits only
    bend = first - 2 * second + third
    return float(min(max((first - third) / (2 * bend), Fraction(-1, 2)), Fraction(1, 2))) if bend else 0.0


def reduce(response, name, *, over="positions", layout="NHWC", has_images=True, has_kernels=True):
    """A reduction of a response by its name, over the positions or the kernels of each image.

    The layout is the images'; a response may lack the axes of images and of kernels. Sums are Python integers' or
    long doubles', a mean of integers is rounded once. Places are (row, column) where positions are reduced.
    """
    ordered = _response_in_order(np.asarray(response), layout, has_images, has_kernels)
    n_images, *outputs, n_kernels = ordered.shape
    result = []
    for image in ordered:
        lines = image.reshape(-1, n_kernels).T if over == "positions" else image.reshape(-1, n_kernels)
        found = [_reduced(line, name) for line in lines]
        if name in ("argmax", "argmin") and over == "positions":
            found = [np.unravel_index(place, outputs) for place in found]
        result.append(found)
    shape = (n_images, n_kernels) if over == "positions" else (n_images, *outputs)
    places = (len(outputs),) if name in ("argmax", "argmin") and over == "positions" else ()
    reduced = np.array(result).reshape(*shape, *places)
    if over == "positions" and not has_kernels:
        reduced = reduced[:, 0]
    return reduced if has_images else reduced[0]


def _response_in_order(response, layout, has_images, has_kernels):
    """(N, spatial axes, K), whatever the layout and the axes that there are."""
    response = response if has_images else response[None]
    if not has_kernels:
        return response[..., None]
    return np.moveaxis(response, 1, -1) if layout[1] == "C" else response


def _reduced(line, name):
    """One reduction of some responses. What is no number is larger than others, and smaller."""
    if name in ("max", "argmax", "min", "argmin"):
        best = 0
        for place, value in enumerate(line):
            leads = value > line[best] if name.endswith("max") else value < line[best]
            if leads or (value != value and line[best] == line[best]):
                best = place
        return best if name.startswith("arg") else line[best]
    if name == "ppv":
        return sum(bool(value > 0) for value in line) / len(line)
    if line.dtype.kind in "iu":
        total = sum(int(value) for value in line) if name == "mean" else sum(int(value) ** 2 for value in line)
        return total / len(line) if name == "mean" else total
    with np.errstate(all="ignore"):
        line = line.astype(np.longdouble)
        return line.sum() / len(line) if name == "mean" else (line * line).sum()
