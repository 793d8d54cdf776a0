"""What the frequency domain costs: times of many sections and geometries, and `_methods.fft`, whose constants fit them.

Each geometry is done with several sections, forced, with prepared kernels, and by the direct method where it is at its
best (64 kernels of 7x7 on 16 channels), whose time per multiply-add is the unit. The constants are the least squares of
the relative errors, none of them negative. At the end: how much dearer than the best section of each geometry the
chosen one is.

With --lines: one kernel along one long line, by the direct method, in the frequency domain with kernels as they are and
with folded ones, for `LONG_KERNEL` and `OF_WHOLE_ROWS` of `_methods/lines.py`.

    python benchmarks/fourier.py [--workers 1] [--seconds 0.3] [--lines]
"""

import argparse
import itertools
from typing import Any

import numpy as np
from scipy.optimize import nnls
from timing import Case, best_of_turns, hold_threads, prepared_call, provenance

import xcorr
from xcorr import _cache
from xcorr._axes import make_geometry
from xcorr._dtypes import choose_types
from xcorr._methods import sections as spectral

MOST_TILES = 12
"""Of a geometry: the ones that seem the best, and as many others."""

MOST_DIRECT = 2e11
"""Multiply-adds of the direct method beyond which it is not measured beside sections."""

DEAR = 2
"""Times the cost of the section that is chosen now, from which one is not measured."""

UNIT = Case((1, 20, 20, 16), (64, 7, 7))
CASES = [
    *(
        Case((1, 256, 256, 1), (n_kernels, side, side))
        for n_kernels, side in itertools.product((1, 4, 16, 48), (9, 25, 49))
    ),
    *(
        Case((1, 512, 512, 1), (n_kernels, side, side))
        for n_kernels, side in itertools.product((1, 8, 40), (15, 31, 101))
    ),
    *(Case((1, 1080, 1920, 1), (1, side, side)) for side in (9, 17, 31, 64, 200)),
    Case((1, 1024, 1024, 1), (1, 64, 64)),
    *(Case((1, 2048, 2048, 1), (1, side, side)) for side in (256, 1000)),
    Case((1, 3000, 3000, 1), (1, 1000, 1000)),
    *(Case((1, *size, 1), (1, *sides)) for size, sides in (((1599, 1249), (8, 625)), ((900, 980), (90, 490)))),
    Case((1, 8000, 249, 1), (1, 40, 125)),
    *(Case((1, 200, 200, depth), (n_kernels, 21, 21)) for depth, n_kernels in ((3, 8), (3, 64), (16, 16), (64, 64))),
    *(Case((1, 512, 512, 1), (n_kernels, *sides)) for n_kernels in (1, 8) for sides in ((1, 101), (101, 1))),
]


LINES = tuple(itertools.product((10_000, 100_000, 1_000_000), (256, 400, 600, 1000, 1500)))
"""Samples and taps."""


def sections_of(sizes: spectral.Sizes) -> list[spectral.Section]:
    """Those whose cost, as it is reckoned now, is not far from the least."""
    every = spectral.all_sections(sizes)
    costs = spectral.section_cost(every, sizes)
    near = np.argsort(costs, axis=None)[: np.count_nonzero(costs <= DEAR * costs.min())]
    chosen = [*near[:MOST_TILES], *near[MOST_TILES :: max(1, len(near) // MOST_TILES)]]
    return [spectral.Section(*(int(numbers.flat[index]) for numbers in every)) for index in chosen]


def fitted(factors: np.ndarray) -> np.ndarray:
    """Constants whose products with each row come near 1; rows that lie far off, which others disturbed, count less."""
    weights = np.ones(len(factors))
    for _ in range(20):
        constants, _ = nnls(factors * weights[:, None], weights)
        weights = 1 / np.sqrt(np.maximum(1, np.abs(factors @ constants - 1) / 0.1))
    return constants


def with_section(case: Case, section: spectral.Section, n_workers: int) -> Any:
    """The case's call with that section; the plan keeps it."""
    choose = spectral.cheapest
    _cache.clear_caches()
    spectral.cheapest = lambda sizes: (section, int(spectral.section_cost(section, sizes)))  # type: ignore[assignment]
    try:
        return prepared_call(case, n_workers, "fft")
    finally:
        spectral.cheapest = choose


def with_sizes(samples: np.ndarray, taps: np.ndarray, sizes: spectral.Sizes, n_workers: int) -> Any:
    """A line's call in the frequency domain with those sizes, which the plan keeps."""
    own = spectral.sizes_of
    _cache.clear_caches()
    spectral.sizes_of = lambda geometry, types: sizes  # type: ignore[assignment]
    try:
        corr = xcorr.Correlator(taps, layout="NW", method="fft")
        corr(samples)
        return lambda: corr(samples, workers=n_workers)
    finally:
        spectral.sizes_of = own


def time_lines(n_workers: int, seconds: float) -> None:
    """The ways of one kernel along one line."""
    random = np.random.default_rng(7)
    for dtype, (n_samples, n_taps) in itertools.product(("float32", "float64"), LINES):
        samples, taps = (random.standard_normal(count).astype(dtype) for count in (n_samples, n_taps))
        geometry = make_geometry((1, n_samples, 1), (1, 1, n_taps, 1))
        types = choose_types(samples.dtype, taps.dtype, None)
        more = 1, 1, 1, samples.itemsize
        whole = spectral.Sizes(1, n_samples - n_taps + 1, 1, n_taps, 1, 1, *more, True)
        folded = spectral.folded_sizes(geometry, types, more)
        least = min(folded, key=lambda sizes: spectral.cheapest(sizes)[1] + folded[sizes])
        direct = xcorr.Correlator(taps, layout="NW", method="direct")
        calls: dict[str, Any] = {
            "direct": lambda corr=direct, line=samples: corr(line, workers=n_workers),
            "whole": with_sizes(samples, taps, whole, n_workers),
            "folded": with_sizes(samples, taps, least, n_workers),
        }
        taken = best_of_turns(calls, seconds, hopeless=4)
        reckoned = spectral.cheapest(least)[1] / spectral.cheapest(whole)[1]
        print(
            f"{dtype} {n_samples:8} samples, {n_taps:5} taps: direct {taken['direct'] * 1e3:8.3f} ms, whole kernels "
            f"{taken['whole'] * 1e3:8.3f}, folded {taken['folded'] * 1e3:8.3f}, {taken['folded'] / taken['whole']:.2f} "
            f"of it and reckoned at {reckoned:.2f}",
            flush=True,
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=0.3, help="for each geometry and section")
    parser.add_argument("--lines", action="store_true", help="time lines alone")
    arguments = parser.parse_args()
    hold_threads(arguments.workers)
    print(f"{provenance()}, workers: {arguments.workers}, benchmarks/fourier.py.")
    if arguments.lines:
        time_lines(arguments.workers, arguments.seconds)
        return
    rows, measured = [], []
    for case in CASES:
        types = choose_types(np.dtype(case.dtype), np.dtype(case.kernels_dtype), None)
        sizes = spectral.sizes_of(case.geometry, types)
        sections = sections_of(sizes)
        calls: dict[Any, Any] = {section: with_section(case, section, arguments.workers) for section in sections}
        calls["unit"] = prepared_call(UNIT, arguments.workers, "direct")
        if case.multiply_adds < MOST_DIRECT:
            calls["direct"] = prepared_call(case, arguments.workers, "direct")
        taken = best_of_turns(calls, arguments.seconds * len(calls), hopeless=4)
        unit = taken["unit"] / UNIT.multiply_adds
        found = [(section, taken[section] / unit) for section in sections]
        directly = taken.get("direct", np.nan)
        best, least = min(found, key=lambda pair: pair[1])
        reckoned = int(np.argmin([spectral.section_cost(section, sizes) for section in sections]))
        measured.append((case, found, sizes))
        rows += [(spectral.counts(section, sizes, 0), units) for section, units in found]
        print(
            f"{case!s:44} {unit * 1e12:5.1f} ps, direct {directly * 1e3:8.3f} ms and "
            f"{directly / unit / case.multiply_adds:5.2f} of its work, best {best.height:4}x{best.width:<4} "
            f"{least * unit * 1e3:8.3f} ms, "
            f"chosen {sections[reckoned].height}x{sections[reckoned].width}: {found[reckoned][1] / least:.2f}, "
            f"reckoned {spectral.section_cost(sections[reckoned], sizes) / found[reckoned][1]:.2f}",
            flush=True,
        )
    factors = np.array([counts / units for counts, units in rows])
    constants = fitted(factors)
    errors = factors @ constants
    names = "PASS, LONG, FORWARD, ROW, STREAM, FAR, STORE, SPILL"
    print(f"\n{names} = {', '.join(f'{value:.1f}' for value in constants)}")
    print(f"{len(rows)} times, reckoned at {np.percentile(errors, 5):.2f} to {np.percentile(errors, 95):.2f} of them")
    losses = []
    for _, found, sizes in measured:
        costs = [spectral.counts(section, sizes, 0) @ constants for section, _ in found]
        few = sizes._replace(n_kernels=spectral.KERNELS)
        chosen = int(np.argmin([spectral.counts(section, few, 0.5) @ constants for section, _ in found]))
        losses.append((found[int(np.argmin(costs))][1], found[chosen][1], min(units for _, units in found)))
    for index, words in enumerate(("these", f"these for {spectral.KERNELS} kernels, whatever their number")):
        ratios = [loss[index] / loss[2] for loss in losses]
        print(f"sections chosen by {words} take {np.mean(ratios):.2f} times the least time, at most {max(ratios):.2f}")


if __name__ == "__main__":
    main()
