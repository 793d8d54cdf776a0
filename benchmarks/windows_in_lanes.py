"""Pairs of windows with the lanes over pairs, beside pair after pair with the lanes over columns.

A cell has microseconds a pair, from its pixels to the best shift; `MOST_BYTES` (xcorr/_shift_lanes.py) is the
workspace up to which the first way is taken.

    python benchmarks/windows_in_lanes.py [--seconds 0.3] [--sides 16 32 64 128 256]
"""

import argparse
from functools import partial

import numpy as np
from timing import best_of_turns, provenance

from xcorr import _dispatch
from xcorr._plane_transforms import Planes, transforms_of
from xcorr._shift_at_once import NOTHING, best_of_pairs
from xcorr._shift_lanes import Pairs, Windowed
from xcorr._shift_peaks import NEAR
from xcorr._shifts import WindowTransforms

PIXELS = 2**19  # of each side of all pairs together


def pair_after_pair(transforms: Planes, a: np.ndarray, b: np.ndarray) -> None:
    """Means and norms, which the other way finds as well, and the best shifts."""
    means = [one.mean(axis=(1, 2), dtype=np.float64) for one in (a, b)]
    norms = np.ones(len(a))
    for one, mean in zip((a, b), means, strict=True):
        norms *= np.sqrt(np.einsum("nyx,nyx->n", one, one) - mean * mean * one[0].size)
    best_of_pairs(transforms, [a, means[0], b, means[1]], norms, False, NOTHING)


def in_lanes(transforms: WindowTransforms, a: np.ndarray, b: np.ndarray) -> None:
    """The best shifts by the other way."""
    firsts = np.arange(len(a)) * a[0].size
    sides = (Windowed(one[:, np.newaxis], firsts) for one in (a, b))
    Pairs(transforms, *sides).best(False, 0.0, NEAR, NOTHING)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=0.3)
    parser.add_argument("--sides", type=int, nargs="+", default=[16, 24, 32, 48, 64, 96, 128, 192, 256])
    arguments = parser.parse_args()
    print(provenance())
    rng = np.random.default_rng(1)
    for dtype in map(np.dtype, ("f4", "f8")):
        for side in arguments.sides:
            sizes = side, side
            a, b = rng.random((2, max(16, PIXELS // side**2), *sizes)).astype(dtype)
            lanes = WindowTransforms(_dispatch.current().table, dtype.str[1:], *sizes)
            planes = transforms_of(sizes, dtype)
            assert isinstance(planes, Planes)
            calls = {"lanes": partial(in_lanes, lanes, a, b), "planes": partial(pair_after_pair, planes, a, b)}
            times = {name: 1e6 * time / len(a) for name, time in best_of_turns(calls, arguments.seconds).items()}
            ratio = times["planes"] / times["lanes"]
            print(
                f"{dtype}  {side:4}  lanes {times['lanes']:8.2f}  planes {times['planes']:8.2f}  {ratio:5.2f}",
                flush=True,
            )


if __name__ == "__main__":
    main()
