"""R7 to R9: the bits of a response depend on its image, its kernel and the method only."""

from collections.abc import Callable

import numpy as np
from calls import (
    MEMORY,
    Call,
    Checked,
    Draw,
    as_given,
    check_cases,
    draw_bias_dtype,
    draw_dtypes,
    draw_method,
    draw_out,
    draw_shapes,
    shifted,
    whole_numbers,
)
from rows import Outcome, Row
from support import checks

WORKERS = (2, 3, 4, 7, 8, 16)
LARGE = 12_000_000
"""Multiply-adds that two or three workers share by themselves; a smaller call is made to be shared."""


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


def full_numbers(draw: Draw, shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
    if dtype.kind in "fc":
        return checks.real_numbers(draw.rng, shape, dtype)
    return whole_numbers(draw.rng, shape, dtype, 100)


# --- R7 ---------------------------------------------------------------------------------------------------------------


def check_workers(draw: Draw) -> None:
    call = draw_bits_call(draw, LARGE if draw.one_in(50) else 30_000, draw.of((1, 1, 2, 3, 5)))
    alone = call.run(workers=1)
    for workers in WORKERS:
        checks.assert_same_bits(call.run(workers=workers), alone)


# --- R8 ---------------------------------------------------------------------------------------------------------------


def check_batch_and_bank(draw: Draw) -> None:
    call = draw_bits_call(draw, 10_000, 1 + draw.up_to(8))
    together = call.run()
    if call.images.ndim == len(call.layout):
        check_batch(draw, call, together)
    if call.kernels.ndim == len(call.layout) and len(call.kernels):
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
    axis, groups, n_kernels = -3 if call.layout == "NCHW" else -1, call.keywords["groups"], len(call.kernels)

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


# --- R9 ---------------------------------------------------------------------------------------------------------------


def check_memory_and_repetition(draw: Draw) -> None:
    call = draw_bits_call(draw, 10_000, draw.up_to(3), "correlate")
    expected = call.run()
    for _ in range(3):
        checks.assert_same_bits(call.run(workers=None), expected)
    for _ in range(6):
        other = call._replace(images=in_other_memory(draw, call.images), kernels=in_other_memory(draw, call.kernels))
        other, out = draw_out(draw, other, expected.shape)
        checks.assert_same_bits(other.run(out=out), expected)
    checks.assert_same_bits(call._replace(verb="Correlator").run(), expected)
    for offset in (1, 2, 3, 4, 5, 12, 33):
        out = shifted(expected, offset)
        out[...] = 0
        call._replace(images=shifted(call.images, offset), kernels=shifted(call.kernels, offset)).run(out=out)
        checks.assert_same_bits(out, expected)


def in_other_memory(draw: Draw, array: np.ndarray) -> np.ndarray:
    return MEMORY[draw.of(tuple(MEMORY))](draw, array)


# --- the rows ---------------------------------------------------------------------------------------------------------


def same_bits(check: Callable[[Draw], None]) -> Callable[[float, int], Outcome]:
    def run(seconds: float, seed: int) -> Outcome:
        checked: Checked = check_cases(check, seconds, seed)
        return checked.outcome(f"{len(checked.failures)} differences")

    return run


ROWS = [
    Row("R7", "1, 2, 3, 4, 7, 8 and 16 workers, every method and level", "bitwise equal", same_bits(check_workers)),
    Row("R8", "place and size of the batch and of the bank", "bitwise equal", same_bits(check_batch_and_bank)),
    Row(
        "R9", "order of memory, odd offsets, `out`, run to run", "bitwise equal", same_bits(check_memory_and_repetition)
    ),
]
