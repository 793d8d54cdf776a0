"""Random calls with one, two or three spatial axes, and what each has to give by the definition."""

import numpy as np
from checks import allowed_error, real_numbers, response_dtype, whole_numbers
from matching import pick, shares, without_channels

import xcorr
from xcorr import _reference

LAYOUTS = {1: ("NWC", "NCW", "NW"), 2: ("NHWC", "NCHW", "NHW"), 3: ("NDHWC", "NCDHW", "NDHW")}
PLACES = ("depth", "row", "column")
BOUNDARIES = ("constant", "edge", "reflect", "symmetric", "wrap")
DTYPES = ("float16", "float32", "float64", "int8", "uint16", "int64", "bool", "complex64", "complex128")


def shape_of(layout, first, lengths, channels, has_first):
    """A shape in a layout, with or without its first axis."""
    sizes = dict(zip([letter for letter in layout if letter in "DHW"], lengths, strict=True))
    shape = tuple({"N": first, "C": channels, **sizes}[letter] for letter in layout)
    return shape[0 if has_first else 1 :]


def along(rng, n_axes, *choices):
    """One of the choices for all axes, or one for each."""
    return pick(rng, *choices) if rng.random() < 0.5 else tuple(pick(rng, *choices) for _ in range(n_axes))


def random_call(rng, n_axes, dtypes=DTYPES):
    """Images, kernels and keywords of a small call, whatever they may be."""
    layout = pick(rng, *LAYOUTS[n_axes])
    groups = pick(rng, 1, 1, 2) if "C" in layout else 1
    depth = pick(rng, 1, 2, 3)
    most = {1: 12, 2: 6, 3: 4}[n_axes]
    taps = [int(rng.integers(1, most)) for _ in range(n_axes)]
    stride, dilation = along(rng, n_axes, 1, 1, 2, 3), along(rng, n_axes, 1, 1, 2)
    dilations = np.broadcast_to(dilation, n_axes)
    lengths = [(n - 1) * int(d) + 1 + int(rng.integers(most)) for n, d in zip(taps, dilations, strict=True)]
    has_images, has_kernels = rng.random() < 0.7, rng.random() < 0.7 or groups > 1
    numbers = pick(rng, whole_numbers, real_numbers)
    dtype = np.dtype(pick(rng, *dtypes))
    if dtype.kind in "biu":
        numbers = whole_numbers
    images = numbers(rng, shape_of(layout, pick(rng, 1, 2, 3), lengths, depth * groups, has_images), dtype)
    n_kernels = pick(rng, 1, 2, 5) * groups
    shape = shape_of(layout, n_kernels, taps, depth, has_kernels)
    if "C" in layout and groups == 1 and rng.random() < 0.15:
        shape, has_kernels = tuple(taps), False
    kernels = numbers(rng, shape, dtype)
    pads = tuple(tuple(int(end) for end in rng.integers(0, 4, 2)) for _ in range(n_axes))
    boundary = along(rng, n_axes, "constant", *BOUNDARIES)
    keywords = {
        "layout": layout,
        "stride": stride,
        "dilation": dilation,
        "padding": pick(rng, "valid", "same", "full", 1, (2,) * n_axes, pads),
        "boundary": boundary,
        "groups": groups,
    }
    if "constant" in boundary and rng.random() < 0.4:
        keywords["fill_value"] = 1
    if rng.random() < 0.3 and (has_kernels or "C" not in layout or kernels.ndim > n_axes):
        keywords["bias"] = whole_numbers(rng, (n_kernels,) if has_kernels else (), dtype)
    if rng.random() < 0.3:
        whole = outputs_of(images, kernels, keywords)
        starts = [int(rng.integers(0, length)) for length in whole]
        ends = [int(rng.integers(start + 1, length + 1)) for start, length in zip(starts, whole, strict=True)]
        keywords["roi"] = tuple(slice(start, end) for start, end in zip(starts, ends, strict=True))
    return images, kernels, keywords


def outputs_of(images, kernels, keywords):
    """The lengths of a response along its spatial axes."""
    words = {name: keywords[name] for name in ("layout", "padding", "stride", "dilation")}
    layout = keywords["layout"]
    image = images.shape[-len(layout) + 1 :]
    kernel = kernels.shape[-len(layout) + 1 :]
    return xcorr.response_shape(image, kernel, **words)


def check(images, kernels, keywords, response):
    """A response is the definition's, within the bound; of integers to the digit."""
    expected = _reference.correlate(images, kernels, **keywords)
    dtype = response_dtype(images, kernels)
    assert (response.shape, response.dtype) == (expected.shape, dtype)
    if expected.dtype == object:
        assert (response == expected).all()
        return
    dtypes = np.result_type(dtype, np.float32)
    each_channel = "C" in keywords["layout"] and kernels.ndim == sum(letter in "DHW" for letter in keywords["layout"])
    words = {name: value for name, value in keywords.items() if name not in ("bias", "conjugate")}
    bias = keywords.get("bias")
    if each_channel:
        sums = _reference.abs_sums(images, kernels, bias=bias, **words)
        allowed = _reference.bound(dtypes, kernels.size + 1, sums) * 2 + np.finfo(dtype).eps * np.abs(expected)
    else:
        allowed = allowed_error(dtype, images, kernels, work_dtype=dtypes, bias=bias, expected=expected, **words)
    error = np.abs(response.astype(expected.dtype) - expected)
    assert (error <= allowed).all(), float((error - allowed).max())


def random_mask(rng, images, layout):
    """A mask of images, with or without channels."""
    return shares(rng, pick(rng, images.shape, without_channels(images.shape, layout)))


def with_row(array, layout):
    """An operand of a layout of one axis as one of NHWC, NCHW or NHW with a row."""
    return np.expand_dims(array, layout.index("W") - len(layout))
