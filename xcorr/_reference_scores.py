"""What a score of a template is, slow and obviously right; each window by itself, in long double or exact."""

import math

import numpy as np

from xcorr._reference_axes import (
    arranged,
    channels_last,
    each,
    mask_of_channels,
    n_axes_of,
    one_mask_each,
    padded,
    padding_of,
    shares_of,
)


def match(
    images,
    templates,
    *,
    score="zncc",
    layout=None,
    padding="valid",
    boundary="constant",
    fill_value=None,
    stride=1,
    dilation=1,
    mask=None,
    template_mask=None,
    min_overlap=0.5,
    undefined=None,
    pairwise=False,
    roi=None,
):
    """Scores as float64 or, where integers are exact, an object array of Python integers.

    With w the mask times the template's, T and I template and window, mT and mI their means per channel:

        correlation  sum wTI            ncc   that / sqrt(sum wT^2 sum wI^2)
        covariance   sum w(T-mT)(I-mI)  zncc  that / sqrt(sum w(T-mT)^2 sum w(I-mI)^2)
        ssd          sum w(T-I)^2       nssd  that / sqrt(sum wT^2 sum wI^2)

    correlation, covariance and ssd are multiplied by the sum of the template's mask over that of w.
    """
    images, templates = np.asarray(images), np.asarray(templates)
    keywords = {"score": score, "padding": padding, "boundary": boundary, "fill_value": fill_value, "stride": stride}
    keywords |= {"dilation": dilation, "min_overlap": min_overlap, "undefined": undefined, "roi": roi}
    layout = layout or ("NHWC" if 4 in (images.ndim, templates.ndim - pairwise) else "NHW")
    if isinstance(mask, str):
        mask = np.isfinite(images)
    if pairwise:
        seen = [None] * len(images) if mask is None else one_mask_each(np.asarray(mask), images.shape, layout)
        taps = [None] * len(images) if template_mask is None else one_mask_each(template_mask, templates.shape, layout)
        operands = zip(images, templates, seen, taps, strict=True)
        keywords["layout"] = layout
        return np.stack([match(*pair, mask=one, template_mask=other, **keywords) for *pair, one, other in operands])
    if "C" in layout and templates.ndim == n_axes_of(layout):
        axis = -1 if layout[-1] == "C" else -templates.ndim - 1
        channels, masks = np.moveaxis(images, axis, 0), mask_of_channels(mask, images, layout)
        keywords |= {"layout": layout.replace("C", ""), "template_mask": template_mask}
        return np.stack(
            [match(one, templates, mask=own, **keywords) for one, own in zip(channels, masks, strict=True)], axis
        )
    return _match(images, templates, layout, mask, template_mask, keywords)


def _match(images, templates, layout, mask, template_mask, keywords):
    """The same of images and templates whose layout is known, each with all of the bank."""
    has_image_axis, has_kernel_axis = images.ndim == len(layout), templates.ndim == len(layout)
    integers = [operand.dtype.kind in "biu" for operand in (images, templates)]
    seen = shares_of(1 if mask is None else mask, layout, has_image_axis)
    taps = shares_of(1 if template_mask is None else template_mask, layout, has_kernel_axis)
    limits = _flat_limits(images, templates)
    images, templates = (
        channels_last(operand.astype(np.longdouble), layout, has_axis)
        for operand, has_axis in ((images, has_image_axis), (templates, has_kernel_axis))
    )
    n_axes, (n_kernels, *lengths, _) = n_axes_of(layout), templates.shape
    strides, dilations = each(keywords["stride"], n_axes), each(keywords["dilation"], n_axes)
    spans = tuple((length - 1) * along + 1 for length, along in zip(lengths, dilations, strict=True))
    pads = padding_of(keywords["padding"], images.shape[1:-1], spans, strides)
    fill = keywords["fill_value"]
    seen = np.broadcast_to(seen, images.shape)
    images = padded(images, pads, keywords["boundary"], 0 if fill is None else fill)
    seen = padded(seen, pads, keywords["boundary"], 0 if fill is None else 1)
    outputs = [(size - span) // step + 1 for size, span, step in zip(images.shape[1:-1], spans, strides, strict=True)]
    score = keywords["score"]
    unseen_padding = fill is None and "constant" in keywords["boundary"] and any(sum(pads, ()))
    unmasked = mask is None and template_mask is None and not unseen_padding
    exact = all(integers) and score in ("correlation", "ssd") and unmasked
    result = np.zeros((len(images), *outputs, n_kernels), object if exact else np.longdouble)
    least, undefined = keywords["min_overlap"], keywords["undefined"]
    undefined = undefined if undefined is not None else math.inf if score in ("ssd", "nssd") else 0.0
    taps = np.broadcast_to(taps, templates.shape)
    with np.errstate(all="ignore"):
        for n, *at, k in np.ndindex(result.shape):
            along = [
                first * by + apart * np.arange(length)
                for first, by, apart, length in zip(at, strides, dilations, lengths, strict=True)
            ]
            pixels, shares, place = images[n][np.ix_(*along)], seen[n][np.ix_(*along)], (n, *at, k)
            if exact:
                result[place] = _exact_score(score, pixels, templates[k])
                continue
            whole = taps[k].sum()
            result[place] = _score(score, pixels, templates[k], shares * taps[k], whole, least, undefined, limits)
    if keywords["roi"] is not None:
        result = result[(slice(None), *keywords["roi"])]
    with np.errstate(over="ignore"):
        result = result if exact else result.astype(np.float64)
    return arranged(result, layout, has_image_axis, has_kernel_axis)


def _flat_limits(*operands):
    """The share of the largest magnitude up to which a deviation counts as none, of each operand; 0 for integers."""
    limit = 2.0**-50 if np.result_type(*operands) == np.float64 else 2.0**-21
    return [0.0 if operand.dtype.kind in "biu" else limit for operand in operands]


def _exact_score(score, window, kernel):
    """The correlation or the distance of whole numbers, as one of Python's."""
    pixels, taps = ([int(number) for number in one.ravel()] for one in (window, kernel))
    pairs = zip(taps, pixels, strict=True)
    return sum(tap * pixel if score == "correlation" else (tap - pixel) ** 2 for tap, pixel in pairs)


def _score(score, window, kernel, shares, of_template, min_overlap, undefined, limits):
    """One score of a window and a template (spatial axes, channels), of which `shares` count."""
    total = shares.sum()
    if total == 0 or total < min_overlap * of_template:
        return undefined
    window, kernel = np.where(shares > 0, window, 0), np.where(shares > 0, kernel, 0)
    finite = np.isfinite(window).all() and np.isfinite(kernel).all()
    raw = of_template / total
    if score in ("covariance", "zncc"):
        along = tuple(range(shares.ndim - 1))
        of_channels = np.where(shares.sum(axis=along) == 0, 1, shares.sum(axis=along))
        shifted = [one - one.flat[np.argmax(shares > 0)] for one in (window, kernel)]  # exact for integers, too
        centred = [one - (shares * one).sum(axis=along) / of_channels for one in shifted]
        for one, about, limit in zip((window, kernel), centred, limits, strict=True):
            parts = [
                channel[share > 0]
                for channel, share in zip(*(np.moveaxis(a, -1, 0) for a in (one, shares)), strict=True)
            ]
            constant = all(len(part) == 0 or part.min() == part.max() for part in parts)
            deviation = np.sqrt((shares * about**2).sum() / total)
            if finite and (constant or deviation <= limit * np.abs(one).max()):
                return undefined
        covariance = (shares * centred[0] * centred[1]).sum()
        spreads = [np.sqrt((shares * one**2).sum()) for one in centred]
        return covariance * raw if score == "covariance" else covariance / spreads[0] / spreads[1]
    norms = [np.sqrt((shares * one**2).sum()) for one in (window, kernel)]
    if score in ("ncc", "nssd") and finite and 0 in norms:
        return undefined
    if score in ("ssd", "nssd"):
        distance = (shares * (kernel - window) ** 2).sum()
        return distance * raw if score == "ssd" else distance / norms[0] / norms[1]
    product = (shares * kernel * window).sum()
    return product * raw if score == "correlation" else product / norms[0] / norms[1]
