"""R7 to R9: the bits of a response, a score or a reduction depend on its image, its kernel and the method only."""

from typing import Any

import numpy as np
from calls import (
    MEMORY,
    Call,
    as_given,
    draw_bias_dtype,
    draw_dtypes,
    draw_method,
    draw_out,
    draw_shapes,
    shifted,
    whole_numbers,
)
from draws import Draw, drawn_row
from support import checks

import xcorr

WORKERS = (2, 3, 4, 7, 8, 16)
LARGE = 12_000_000
"""Multiply-adds that two or three workers share by themselves; a smaller call is made to be shared."""


FOUND = "differences"

WORDS = ("max", "min", "argmax", "argmin", "mean", "ppv", "energy")
PEAKS = (xcorr.Peaks(3), xcorr.Peaks(2, min_distance=3, subpixel="parabola"), xcorr.Peaks(4, per="image", border=1))


def draw_bits_call(draw: Draw, budget: int, n_images: int, verb: str | None = None) -> Call:
    """A call on numbers with full significands."""
    method = draw_method(draw)
    shapes = draw_shapes(draw, method, max(budget, 300_000) if method == "fft" else budget)
    images_dtype, kernels_dtype, asked = draw_dtypes(draw, method)
    images = full_numbers(draw, (n_images, *shapes.images[1:]), images_dtype)
    kernels = full_numbers(draw, shapes.kernels, kernels_dtype)
    keywords = dict(shapes.keywords)
    if asked and np.dtype(asked).kind in "fc":
        keywords["dtype"] = asked
    call = as_given(draw, images, kernels, keywords, method, verb)
    if draw.one_in(2) and call.kernels.ndim == len(call.layout):
        dtype = np.dtype(draw_bias_dtype(draw, call.dtype()))
        call.keywords["bias"] = full_numbers(draw, shapes.kernels[:1], dtype)
    call.keywords["layout"] = call.layout
    if budget < LARGE:
        call = call._replace(work_per_worker=1)
    draw.call = call
    return call


def draw_any_call(draw: Draw, budget: int, n_images: int, verb: str | None = None) -> Call:
    """The same, or with masks, or scores of templates, or what is left of either."""
    call = draw_bits_call(draw, budget, n_images, verb)
    kind = draw.of(("plain", "plain", "seen", "scored"))
    if kind == "scored" and call.keywords["groups"] == 1 and call.dtype().kind != "c":
        call = as_match(draw, call)
    elif kind == "seen":
        call.keywords.update(mask=draw_mask(draw, call.images, call.layout), normalize=draw.one_in(2))
    if has_positions(call) and call.dtype().kind != "c" and draw.one_in(3):
        call.keywords["reduce"] = draw.of((*WORDS, *PEAKS))
        if len(call.kernels) and call.keywords["reduce"] in WORDS and draw.one_in(3):
            call.keywords["over"] = "kernels"
    draw.call = call
    return call


def has_positions(call: Call) -> bool:
    """Whether there are responses, of which one is the largest."""
    return 0 not in call.run().shape


def as_match(draw: Draw, call: Call) -> Call:
    """Scores of the kernels as templates, by the same method if it does that."""
    words = ("padding", "boundary", "stride", "dilation", "layout", "workers", "precision")
    keywords = {name: call.keywords[name] for name in words if name in call.keywords}
    keywords["score"] = draw.of(("zncc", "zncc", "ncc", "covariance", "correlation", "ssd", "nssd"))
    if draw.one_in(2):
        keywords["mask"] = draw_mask(draw, call.images, call.layout)
    if draw.one_in(3):
        keywords["template_mask"] = draw_mask(draw, call.kernels, call.layout, finite=False)
    verb = {"Correlator": "Matcher"}.get(call.verb, "match")
    method = "direct" if call.method == "winograd" and call.dtype().kind in "iu" else call.method
    return call._replace(keywords=keywords, verb=verb, method=method)


def draw_mask(draw: Draw, operand: np.ndarray, layout: str, finite: bool = True) -> Any:
    """A plane, the same for all images or kernels and all channels; or what is finite."""
    if finite and draw.one_in(3):
        return "finite"
    axes = (-3, -2) if layout == "NHWC" else (-2, -1)
    shares = draw.rng.random([operand.shape[axis] for axis in axes])
    return draw.of((shares > 0.2, (shares > 0.5).astype(np.uint8), shares, shares.astype(np.float32)))


def full_numbers(draw: Draw, shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
    if dtype.kind in "fc":
        return checks.real_numbers(draw.rng, shape, dtype)
    return whole_numbers(draw.rng, shape, dtype, 100)


# --- R7 ---------------------------------------------------------------------------------------------------------------


def check_workers(draw: Draw) -> None:
    call = draw_any_call(draw, LARGE if draw.one_in(50) else 30_000, draw.of((1, 1, 2, 3, 5)))
    alone = call.run(workers=1)
    for workers in WORKERS:
        checks.assert_same_bits(call.run(workers=workers), alone)


# --- R8 ---------------------------------------------------------------------------------------------------------------


def check_batch_and_bank(draw: Draw) -> None:
    call = draw_any_call(draw, 10_000, 1 + draw.up_to(8))
    together = call.run()
    if call.images.ndim == len(call.layout):
        check_batch(draw, call, together)
    left_over = call.keywords.get("reduce") in PEAKS or call.keywords.get("over") == "kernels"
    if call.kernels.ndim == len(call.layout) and len(call.kernels) and not left_over:
        check_bank(draw, call, together)


def check_batch(draw: Draw, call: Call, together: np.ndarray) -> None:
    images = call.images
    which = draw.up_to(len(images) - 1)
    checks.assert_same_bits(call._replace(images=images[which]).run(), together[which])
    checks.assert_same_bits(call._replace(images=images[which:]).run(), together[which:])
    checks.assert_same_bits(call._replace(images=images[::-1]).run(), together[::-1])
    more = np.broadcast_to(images[which], (draw.of((2, 17, 40)), *images.shape[1:]))
    response = call._replace(images=more).run()
    checks.assert_same_bits(response, np.broadcast_to(together[which], response.shape))


def check_bank(draw: Draw, call: Call, together: np.ndarray) -> None:
    """The place at every method; the size at a forced one, because "auto" may choose by it."""
    axis, groups, n_kernels = kernel_axis(call), call.keywords.get("groups", 1), len(call.kernels)

    def assert_same_of(which: np.ndarray) -> None:
        chosen, bias = call._replace(kernels=call.kernels[which]), call.keywords.get("bias")
        response = chosen.run() if bias is None else chosen.run(bias=bias[which])
        checks.assert_same_bits(response, together.take(which, axis))

    bank = n_kernels // groups
    assert_same_of((np.arange(groups)[:, None] * bank + draw.rng.permutation(bank)).ravel())
    if groups == 1 and call.method != "auto":
        first = draw.up_to(n_kernels - 1)
        assert_same_of(np.arange(first, first + 1))
        assert_same_of(np.arange(first, n_kernels))
        assert_same_of(draw.rng.integers(n_kernels, size=draw.of((2, 3, 8, 19, 40))))


def kernel_axis(call: Call) -> int:
    """The axis of kernels in what a call gives."""
    if "reduce" in call.keywords:
        return int(call.images.ndim == len(call.layout))
    return -3 if call.layout == "NCHW" else -1


# --- R9 ---------------------------------------------------------------------------------------------------------------


def check_memory_and_repetition(draw: Draw) -> None:
    call = draw_any_call(draw, 10_000, draw.up_to(3), "correlate")
    expected = call.run()
    for _ in range(3):
        checks.assert_same_bits(call.run(workers=None), expected)
    for _ in range(6):
        other = call._replace(images=in_other_memory(draw, call.images), kernels=in_other_memory(draw, call.kernels))
        for name in ("mask", "template_mask"):
            if isinstance(other.keywords.get(name), np.ndarray):
                other = other._replace(keywords={**other.keywords, name: in_other_memory(draw, other.keywords[name])})
        other, out = draw_out(draw, other, np.shape(expected), expected.dtype)
        checks.assert_same_bits(other.run(out=out), expected)
    verb = "Matcher" if call.verb == "match" else "Correlator"
    checks.assert_same_bits(call._replace(verb=verb).run(), expected)
    for offset in (1, 2, 3, 4, 5, 12, 33):
        out = shifted(expected, offset)
        out[...] = 0
        call._replace(images=shifted(call.images, offset), kernels=shifted(call.kernels, offset)).run(out=out)
        checks.assert_same_bits(out, expected)


def in_other_memory(draw: Draw, array: np.ndarray) -> np.ndarray:
    return MEMORY[draw.of(tuple(MEMORY))](draw, array)


# --- the rows ---------------------------------------------------------------------------------------------------------


ROWS = [
    drawn_row(
        "R7",
        "1, 2, 3, 4, 7, 8 and 16 workers, every method and level: responses, masked ones, scores, reductions",
        "bitwise equal",
        check_workers,
        FOUND,
    ),
    drawn_row(
        "R8", "place and size of the batch and of the bank, of the same", "bitwise equal", check_batch_and_bank, FOUND
    ),
    drawn_row(
        "R9",
        "order of memory, odd offsets, `out`, run to run, of the same",
        "bitwise equal",
        check_memory_and_repetition,
        FOUND,
    ),
]
