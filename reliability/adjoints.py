"""R28: gradients and folded windows of random correlations, held against the correlation and the windows themselves."""

from typing import Any, get_args
from unittest import mock

import numpy as np
from calls import LEVELS
from draws import Draw, drawn_row
from support import checks

import xcorr
from xcorr import _dispatch
from xcorr._typing import Layout

LAYOUTS = get_args(Layout)
LENGTHS, TAPS, STEPS, PADS = (1, 2, 3, 5, 8, 13, 20), (1, 1, 2, 3, 3, 5), (1, 1, 1, 2, 2, 3, 7), (0, 0, 1, 2, 6, 25)


def check_adjoints(draw: Draw) -> None:
    """The sums of products of whole numbers are the same on all sides of a correlation, and of windows."""
    layout = draw.of(LAYOUTS)
    n_axes = len(layout.replace("N", "").replace("C", ""))
    words = {
        "layout": layout,
        "padding": draw_padding(draw, n_axes),
        "boundary": each(draw, checks.BOUNDARIES, n_axes),
        "stride": each(draw, STEPS, n_axes),
        "dilation": each(draw, STEPS, n_axes),
    }
    taps = [draw.of(TAPS) for _ in range(n_axes)]
    spans = [(k - 1) * step + 1 for k, step in zip(taps, np.broadcast_to(words["dilation"], n_axes), strict=True)]
    groups = draw.of((1, 1, 2, 4, 9)) if "C" in layout else 1
    depth = draw.of((1, 2, 5)) if "C" in layout else 1
    size = [max(draw.of(LENGTHS), int(span)) for span in spans]
    image = (draw.of((1, 2, 5)), *in_layout(size, groups * depth, layout))
    bank = (groups * draw.of((1, 2, 7, 17)), *in_layout(taps, depth, layout))
    draw.call = f"images {image}, kernels {bank}, groups {groups}, {words}"
    images, kernels = (checks.whole_numbers(draw.rng, shape, draw.of(checks.INTEGERS)) for shape in (image, bank))
    with mock.patch.object(_dispatch, "_current", draw.of(LEVELS)), xcorr.set_workers(draw.of((1, 2, 3))):
        response = xcorr.correlate(images, kernels, groups=groups, **words)
        g = checks.whole_numbers(draw.rng, response.shape, draw.of(checks.INTEGERS))
        of_images = xcorr.gradient_images(g, kernels, image[1:], groups=groups, **words)
        of_kernels = xcorr.gradient_kernels(images, g, bank[1:], groups=groups, **words)
        windows = xcorr.windows(images, tuple(taps), **words)
        other = checks.whole_numbers(draw.rng, windows.shape, images.dtype)
        folded = xcorr.fold(other, image[1:], tuple(taps), **words)
    whole = product(g, response)
    assert product(of_images, images) == whole, "the images' gradient is not the adjoint"
    assert product(of_kernels, kernels) == whole, "the kernels' gradient is not the adjoint"
    assert product(other, windows) == product(folded, images), "fold is not the adjoint of windows"


def product(first: np.ndarray, second: np.ndarray) -> int:
    """The sum of the products of small whole numbers."""
    return int((first.astype(np.int64) * second.astype(np.int64)).sum())


def each(draw: Draw, options: Any, n_axes: int) -> Any:
    return draw.of(options) if draw.one_in(2) else tuple(draw.of(options) for _ in range(n_axes))


def draw_padding(draw: Draw, n_axes: int) -> Any:
    if draw.one_in(2):
        return draw.of(("valid", "same", "full"))
    return draw.of(PADS) if draw.one_in(2) else tuple((draw.of(PADS), draw.of(PADS)) for _ in range(n_axes))


def in_layout(shape: Any, channels: int, layout: str) -> tuple[int, ...]:
    if "C" not in layout:
        return tuple(shape)
    return (channels, *shape) if layout[1] == "C" else (*shape, channels)


ROWS = [
    drawn_row(
        "R28",
        "gradients of images and kernels, folded windows: every layout, padding, boundary, stride, dilation and group",
        "the adjoint identities hold exactly in whole numbers",
        check_adjoints,
        "mismatches",
    )
]
