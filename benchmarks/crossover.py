"""Where the methods cross, and how often `method="auto"` takes the fastest.

`xcorr._methods.choice.choose` may name another method than direct only where this measures it faster. First a grid of
geometries, with every method forced; then a random sample, on which "auto" is compared with the best forced method.
Each line ends with the other methods' time over direct's (above 1: direct is faster). At the end stand the constants
with their origin, as `_methods/` has them. Calls take turns; XCORR_LEVEL chooses the level.

With --quads only 3x3 and 5x5 layers are measured, by winograd with quads of 2x2 and, of 3x3 kernels, of 4x4 responses,
raw kernels as well.

    python benchmarks/crossover.py [--workers 1] [--random 200] [--seconds 0.4] [--seed 3] [--no-grid] [--quads]
"""

import argparse
import contextlib
import itertools
from functools import partial
from math import log2, prod
from typing import Any
from unittest.mock import patch

import numpy as np
from timing import Case, best_of_turns, hold_threads, prepared_call, provenance

import xcorr
from xcorr._methods import winograd
from xcorr._reading import METHODS

NEAR = 1.15
"""Times the best method's time within which "auto" counts as right."""

HOPELESS = 4
"""Times the quickest method's time from which a method is timed once only."""

LARGEST_OF_GRID = 4e9
LEAST_WORK, MOST_WORK, MOST_ELEMENTS = 1e4, 2e8, 2**22
"""Multiply-adds, and elements of images and response, within which a random geometry lies: 200 take some minutes."""

Measured = list[tuple[Case, dict[str, float]]]


def grid() -> list[Case]:
    cases = [
        Case((1, size, size, channels), (n_kernels, side, side))
        for size, channels, n_kernels, side in itertools.product(
            (14, 56, 224), (1, 16, 64, 256), (1, 16, 64, 256), (1, 3, 7, 15, 31)
        )
        if side <= size
    ]
    return (
        [case for case in cases if case.multiply_adds <= LARGEST_OF_GRID] + layers() + large_kernels() + large_banks()
    )


def large_banks() -> list[Case]:
    """Around where kernels are better read than packed: images of one window or a few pixels, alone and in batches."""
    pixels = [
        Case((n_images, side, side, channels), (n_kernels, 1, 1))
        for n_images, side, channels, n_kernels in itertools.product((1, 64), (1, 2, 4), (256, 1024, 4096), (64, 512))
    ]
    whole = [
        Case((n_images, side, side, channels), (n_kernels, side, side))
        for n_images, side, channels, n_kernels in itertools.product((1, 64), (5, 7), (16, 256), (64, 512))
    ]
    return pixels + whole


def large_kernels() -> list[Case]:
    """Around where the frequency domain begins: square kernels, and such of one row or column."""
    square = [
        Case((1, size, size, channels), (n_kernels, side, side))
        for size, channels, n_kernels, side in itertools.product(
            (64, 200, 512, 1024), (1, 4, 32), (1, 4, 16, 64), (5, 7, 9, 11, 13, 17, 23, 33, 47, 65, 129)
        )
        if side <= size
    ]
    long = [
        Case((1, size, size, 1), (n_kernels, *sides))
        for size, n_kernels, length in itertools.product((256, 1024), (1, 16), (9, 17, 33, 65, 129, 255))
        for sides in ((1, length), (length, 1), (3, length), (length, 3))
    ]
    lines = [
        Case((1, *sizes, 1), (n_kernels, *sides))
        for samples, n_kernels, length in itertools.product((20_000, 200_000), (1, 8), (31, 250, 800, 3000, 9001))
        for sizes, sides in (((1, samples), (1, length)), ((samples, 1), (length, 1)))
    ]
    return [case for case in square + long + lines if case.multiply_adds <= LARGEST_OF_GRID]


def layers() -> list[Case]:
    """3x3 layers around where winograd begins, in batches: what a layer's images share is read once."""
    plain = [
        Case((8, side + 2, side + 2, channels), (n_kernels, 3, 3))
        for side, (channels, n_kernels) in itertools.product(
            (4, 5, 6, 7, 8, 10, 12, 28),
            ((16, 16), (24, 24), (32, 32), (64, 16), (64, 64), (128, 256), (256, 128), (256, 256), (512, 512)),
        )
    ]
    dilated = [
        Case((4, side + 2 * dilation, side + 2 * dilation, channels), (channels, 3, 3), dilation=dilation)
        for dilation, side, channels in itertools.product((2, 3, 6), (6, 7, 9, 14, 16, 28), (32, 64, 256))
    ]
    return plain + dilated


def random_case(random: np.random.Generator) -> Case:
    """Of any sizes and keywords, with work and arrays within the limits."""
    while True:
        case = draw(random)
        with contextlib.suppress(ValueError):  # a kernel larger than its padded image
            n_responses = case.multiply_adds // prod(case.kernels[1:])
            if LEAST_WORK <= case.multiply_adds <= MOST_WORK and max(prod(case.images), n_responses) <= MOST_ELEMENTS:
                return case


def draw(random: np.random.Generator) -> Case:
    def size(most: int) -> int:
        """Of 1 to `most`, every octave as likely as another."""
        return int(2 ** random.uniform(0, log2(most + 1)))

    def pair(one: int, other: int) -> tuple[int, int]:
        """Often the same in both directions."""
        return (one, one) if random.random() < 0.6 else (one, other)

    def one_of(*numbers: int) -> int:
        return int(random.choice(numbers))

    groups, depth, n_kernels = one_of(1, 1, 1, 1, 2, 3), size(256), size(256)
    if random.random() < 0.05:  # depthwise
        groups, depth, n_kernels = depth, 1, 1
    height, width = pair(3 + size(509), 3 + size(509))
    ends = tuple((int(before), int(behind)) for before, behind in random.integers(0, 4, (2, 2)))
    dtype = ("float32", "float64")[one_of(0, 1)]
    return Case(
        (size(8), height, width, groups * depth),
        (groups * n_kernels, *pair(size(31), size(31))),
        padding=("valid", "same", "full", ends)[one_of(0, 0, 1, 2, 3)],
        stride=pair(one_of(1, 1, 1, 2, 3), one_of(1, 2)),
        dilation=pair(one_of(1, 1, 1, 2, 3), one_of(1, 2)),
        groups=groups,
        dtype=dtype,
        kernels_dtype=dtype,
    )


def measure(case: Case, methods: tuple[str, ...], n_workers: int, seconds: float) -> dict[str, float]:
    """Best seconds of each method that can do the case; prints them."""
    calls: dict[str, Any] = {}
    for method in methods:
        try:
            calls[method] = prepared_call(case, n_workers, method)
        except (ValueError, MemoryError):  # it cannot do the job, or not in the workspace
            if method in ("auto", "direct"):
                raise
    taken = best_of_turns(calls, seconds, HOPELESS)
    times = "  ".join(f"{method} {taken[method] * 1e3:8.3f} ms" for method in taken)
    ratios = "  ".join(
        f"{taken[method] / taken['direct']:6.2f}" for method in taken if method not in ("auto", "direct")
    )
    print(f"{case!s:48} {times}  {ratios}", flush=True)
    return taken


def layers_of_quads() -> list[Case]:
    """Layers by which it is decided whether winograd is taken, and with which quads."""
    return [
        Case((n_images, side + taps - 1, side + taps - 1, channels), (n_kernels, taps, taps))
        for taps, n_images, side, (channels, n_kernels) in itertools.product(
            (3, 5),
            (1, 8),
            (4, 6, 7, 8, 10, 12, 14, 28, 56),
            ((16, 16), (16, 64), (32, 32), (64, 64), (128, 128), (256, 256), (512, 512)),
        )
    ]


def compare_quads(case: Case, n_workers: int, seconds: float) -> None:
    """Prints direct's milliseconds, and winograd's share of them with the quads there are, prepared and raw."""
    images, kernels = case.arrays()
    sides = (2, 4) if case.kernels[1] == 3 else (2,)
    prepared: dict[Any, Any] = {"direct": prepared_call(case, n_workers, "direct")}
    raw: dict[Any, Any] = {"direct": partial(raw_call, images, kernels, n_workers, "direct", 2)}
    taken = winograd.quad_side(case.geometry)
    for side in sides:
        with patch.object(winograd, "quad_side", lambda geometry, side=side: side):
            xcorr.clear_caches()  # and with them the plans of other quads
            prepared[side] = prepared_call(case, n_workers, "winograd")
        raw[side] = partial(raw_call, images, kernels, n_workers, "winograd", side)
    times = [best_of_turns(calls, seconds, HOPELESS) for calls in (prepared, raw)]
    shares = "  ".join(
        f"{side}x{side}{'*' if side == taken else ' '} {best[side] / best['direct']:5.2f}"
        for best in times
        for side in sides
    )
    auto = xcorr.choose_method(case.images, case.kernels)
    print(f"{case!s:48} direct {times[0]['direct'] * 1e3:8.3f} ms  {shares}  {auto}", flush=True)


def raw_call(images: np.ndarray, kernels: np.ndarray, n_workers: int, method: str, side: int) -> np.ndarray:
    """A call with kernels that were never seen; by winograd with quads of so many responses a side."""
    xcorr.clear_caches()
    with patch.object(winograd, "quad_side", lambda geometry: side):
        return xcorr.correlate(images, kernels, method=method, workers=n_workers)


def judge(sample: Measured) -> None:
    """How often "auto" is about as fast as the best forced method, and where it is not."""
    ratios = [taken["auto"] / min(taken[method] for method in taken if method != "auto") for _, taken in sample]
    n_near = sum(ratio <= NEAR for ratio in ratios)
    print(f'\n"auto" within {NEAR} times the best method: {n_near} of {len(ratios)}, {n_near / len(ratios):.1%}')
    for ratio, (case, taken) in sorted(zip(ratios, sample), key=lambda row: -row[0]):
        if ratio > NEAR:
            quickest = min(METHODS, key=lambda method: taken.get(method, np.inf))
            print(f"  {ratio:.2f}  {case}: {quickest} is the fastest")


def constants(measured: Measured, method: str, origin: str) -> str:
    """From where on `method` is faster than direct, as Python."""
    found = [(case, taken[method] / taken["direct"]) for case, taken in measured if method in taken]
    faster = [case for case, ratio in found if ratio < 1]
    least, name = min((ratio for _, ratio in found), default=np.inf), method.upper()
    if not faster:
        return (
            f'{name} = "never"\n'
            f'"""Of {len(found)} geometries it was at best {least:.1f} times slower than direct.\n\n{origin}\n"""'
        )
    n_taps = min(prod(case.kernels[1:]) for case in faster)
    n_kernels = min(case.bank[0] // case.groups for case in faster)
    return (
        f"{name}_TAPS, {name}_KERNELS = {n_taps}, {n_kernels}\n"
        f'"""Taps, and kernels of a group, below which it was never faster than direct.\n\n'
        f"It was faster in {len(faster)} of {len(found)} geometries, "
        f'at best taking {least:.2f} times as long. {origin}\n"""'
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--workers", type=int, default=xcorr.get_workers())
    parser.add_argument("--random", type=int, default=200, metavar="N", help="geometries of the random sample")
    parser.add_argument("--seconds", type=float, default=0.4, help="for each geometry, at least three turns")
    parser.add_argument("--seed", type=int, default=3)
    parser.add_argument("--no-grid", action="store_true")
    parser.add_argument("--quads", action="store_true", help="winograd's quads on layers alone")
    arguments = parser.parse_args()
    hold_threads(arguments.workers)
    origin = f"{provenance()}, workers: {arguments.workers}, benchmarks/crossover.py."
    print(origin)
    limits = arguments.workers, arguments.seconds
    if arguments.quads:
        for case in layers_of_quads():
            compare_quads(case, *limits)
        return
    measured = [] if arguments.no_grid else [(case, measure(case, METHODS, *limits)) for case in grid()]
    random = np.random.default_rng(arguments.seed)
    cases = [random_case(random) for _ in range(arguments.random)]
    sample = [(case, measure(case, ("auto", *METHODS), *limits)) for case in cases]
    if sample:
        judge(sample)
    for method in METHODS:
        if method != "direct" and measured + sample:
            print(f"\n{constants(measured + sample, method, origin)}")


if __name__ == "__main__":
    main()
