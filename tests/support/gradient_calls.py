"""Random correlations with their gradients: images, kernels, responses of their shape, and the keywords of all."""

from typing import Any, NamedTuple, get_args

import numpy as np
from checks import BOUNDARIES, COMPLEXES, FLOATS, INTEGERS, SEED, real_numbers, whole_numbers
from hypothesis import strategies as st

import xcorr
from xcorr import _reference_gradients as reference
from xcorr._typing import Layout

ALL_LAYOUTS = get_args(Layout)
LENGTHS = st.sampled_from([1, 2, 3, 4, 5, 7, 8, 11])
KERNELS = st.sampled_from([1, 1, 2, 3, 3, 4])
STEPS = st.sampled_from([1, 1, 1, 2, 2, 3, 5])
PADS = st.sampled_from([0, 0, 1, 2, 5, 14])
DTYPES = st.sampled_from([*INTEGERS, *FLOATS, *COMPLEXES])


class Correlation(NamedTuple):
    """Operands and the keywords of a correlation."""

    images: Any
    kernels: Any
    responses: Any
    keywords: dict

    @property
    def image_shape(self):
        """The shape of one image."""
        has_images = self.images.ndim == len(self.keywords["layout"])
        return self.images.shape[1:] if has_images else self.images.shape

    @property
    def kernel_shape(self):
        """The shape of one kernel."""
        has_kernels = self.kernels.ndim == len(self.keywords["layout"])
        return self.kernels.shape[1:] if has_kernels else self.kernels.shape

    def of_images(self, **more):
        """The gradient of the images."""
        return xcorr.gradient_images(self.responses, self.kernels, self.image_shape, **self.keywords, **more)

    def of_kernels(self, **more):
        """The gradient of the kernels."""
        return xcorr.gradient_kernels(self.images, self.responses, self.kernel_shape, **self.keywords, **more)

    def reference_of_images(self, responses=None, kernels=None):
        """The same by the definition, of other operands if they are given."""
        responses, kernels = (
            own if other is None else other for own, other in ((self.responses, responses), (self.kernels, kernels))
        )
        return reference.gradient_images(responses, kernels, self.image_shape, **self.keywords)

    def reference_of_kernels(self, images=None, responses=None):
        """The same by the definition, of other operands if they are given."""
        images, responses = (
            own if other is None else other for own, other in ((self.images, images), (self.responses, responses))
        )
        return reference.gradient_kernels(images, responses, self.kernel_shape, **self.keywords)


def n_axes_of(layout):
    """The number of a layout's spatial axes."""
    return len(layout.replace("N", "").replace("C", ""))


def in_layout(shape, channels, layout):
    """A shape with channels in their place."""
    if "C" not in layout:
        return tuple(shape)
    return (channels, *shape) if layout[1] == "C" else (*shape, channels)


def one_or_each(draw, values, n_axes):
    """One value for all axes, or a tuple of one for each."""
    return draw(values) if draw(st.booleans()) else tuple(draw(values) for _ in range(n_axes))


def paddings(draw, n_axes):
    """A padding of any form that `n_axes` axes have."""
    kind = draw(st.sampled_from(["word", "word", "one", "pairs"]))
    if kind == "word":
        return draw(st.sampled_from(["valid", "same", "full"]))
    if kind == "one":
        return draw(PADS)
    return tuple((draw(PADS), draw(PADS)) for _ in range(n_axes))


@st.composite
def correlations(draw, numbers=whole_numbers, dtypes=DTYPES, layouts=ALL_LAYOUTS):
    """A correlation that must succeed, its operands of up to three dtypes."""
    layout = draw(st.sampled_from(layouts))
    n_axes, has_channels = n_axes_of(layout), "C" in layout
    each_channel = has_channels and draw(st.integers(0, 5)) == 0
    groups = draw(st.sampled_from([1, 1, 1, 2, 3, 5])) if has_channels and not each_channel else 1
    depth = draw(st.sampled_from([1, 1, 2, 3])) if has_channels else 1
    n_kernels = groups * draw(st.sampled_from([1, 1, 2, 3, 9]))
    taps = tuple(draw(KERNELS) for _ in range(n_axes))
    padding, stride, dilation = paddings(draw, n_axes), *(one_or_each(draw, STEPS, n_axes) for _ in range(2))
    boundary = one_or_each(draw, st.sampled_from(BOUNDARIES), n_axes)
    size = [draw(LENGTHS) for _ in range(n_axes)]
    if padding not in ("same", "full"):
        pads = (
            [0] * n_axes
            if padding == "valid"
            else [
                sum(np.broadcast_to(pad, 2))
                for pad in np.broadcast_to(padding, (n_axes, 2) if np.ndim(padding) else n_axes)
            ]
        )
        spans = [(k - 1) * step + 1 for k, step in zip(taps, np.broadcast_to(dilation, n_axes), strict=True)]
        size = [int(max(length, span - pad)) for length, span, pad in zip(size, spans, pads, strict=True)]
    image = in_layout(size, groups * depth, layout)
    kernel = taps if each_channel else in_layout(taps, depth, layout)
    has_kernels = groups > 1 or (not each_channel and draw(st.booleans()))
    images_shape = (draw(st.sampled_from([1, 2, 3])), *image) if draw(st.booleans()) else image
    kernels_shape = (n_kernels, *kernel) if has_kernels else kernel
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    first = draw(dtypes)
    second = draw(dtypes) if draw(st.booleans()) else first
    images, kernels = numbers(rng, images_shape, first), numbers(rng, kernels_shape, second)
    keywords = {"layout": layout, "padding": padding, "boundary": boundary, "stride": stride, "dilation": dilation}
    keywords |= {"groups": groups, "conjugate": draw(st.booleans())}
    shape = xcorr.correlate(np.zeros(images_shape, "i1"), np.zeros(kernels_shape, "i1"), **keywords).shape
    return Correlation(images, kernels, numbers(rng, shape, draw(dtypes)), keywords)


LAYERS = {
    "3x3": ((2, 20, 21, 24), (32, 3, 3, 24), {"padding": 1}),
    "stride": ((2, 20, 21, 24), (32, 3, 3, 24), {"padding": 1, "stride": 2}),
    "dilated": ((2, 20, 21, 12), (16, 3, 3, 12), {"padding": 2, "dilation": 2}),
    "pointwise": ((2, 14, 14, 64), (64, 1, 1, 64), {}),
    "5x5": ((1, 14, 14, 16), (24, 5, 5, 16), {"padding": "same"}),
    "first": ((1, 40, 40, 3), (16, 7, 7, 3), {"padding": 3, "stride": 2}),
    "depthwise": ((2, 15, 15, 16), (16, 3, 3, 1), {"padding": 1, "groups": 16}),
    "groups": ((2, 15, 15, 16), (24, 3, 3, 4), {"padding": 1, "groups": 4}),
    "template": ((1, 90, 90, 1), (2, 40, 40, 1), {}),
    "edge": ((2, 12, 13, 8), (8, 3, 3, 8), {"padding": 2, "boundary": "edge"}),
}


def layer(name, dtype, layout="NHWC", numbers=real_numbers):
    """The correlation of a layer."""
    images, kernels, keywords = LAYERS[name]
    rng = np.random.default_rng(SEED)
    shapes = [(shape[0], *in_layout(shape[1:3], shape[3], layout)) for shape in (images, kernels)]
    keywords = {"groups": 1, **keywords, "layout": layout}
    operands = [numbers(rng, shape, dtype) for shape in shapes]
    shape = xcorr.correlate(*(np.zeros(shape, "i1") for shape in shapes), **keywords).shape
    return Correlation(*operands, numbers(rng, shape, dtype), keywords)
