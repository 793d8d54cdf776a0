"""What windows of particles of known displacement are measured as: the mean error (bias) and each one's (scatter).

Particles of 2.5 pixels (the diameter of a brightness of 1/e^2), 0.03 of them a pixel, without noise, in 32x32 windows,
half of a window apart. Displacements are (d, d), (d, 0) and (d, 0.5). Units are pixels.

    python benchmarks/flows.py [--score zncc] [--subpixel gaussian] [--search 32] [--side 512] [--seeds 2]
"""

import argparse
import sys
from pathlib import Path

import numpy as np

import xcorr

sys.path.append(str(Path(__file__).resolve().parent.parent / "tests" / "support"))

from particles import particles

DISPLACEMENTS = (0.25, 0.5, 0.75, 1.25, 1.5, 2.25, 2.5, 3.75, 5.25)


def errors_of(displacement: tuple[float, float], arguments: argparse.Namespace) -> np.ndarray:
    """The errors (windows, axes) of all windows."""
    found = []
    for seed in range(arguments.seeds):
        references, moving = particles((arguments.side,) * 2, displacement, seed=str(seed))
        subpixel = int(arguments.subpixel) if arguments.subpixel.isdigit() else arguments.subpixel
        words = {"score": arguments.score, "subpixel": subpixel, "search": arguments.search}
        shifts = xcorr.register(references, moving, window=32, **words)
        found.append((shifts.displacement - displacement).reshape(-1, 2))
    return np.concatenate(found)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--score", default="zncc")
    parser.add_argument("--subpixel", default="gaussian")
    parser.add_argument("--search", type=int, default=None)
    parser.add_argument("--side", type=int, default=512)
    parser.add_argument("--seeds", type=int, default=2)
    arguments = parser.parse_args()
    print(f"{'displacement':>14} {'bias':>16} {'scatter':>14} {'undefined':>9}")
    for distance in DISPLACEMENTS:
        for displacement in ((distance, distance), (distance, 0.0), (distance, 0.5)):
            errors = errors_of(displacement, arguments)
            bias, scatter = np.nanmean(errors, axis=0), np.nanstd(errors, axis=0)
            numbers = f"{bias[0]:8.4f}{bias[1]:8.4f} {scatter[0]:7.4f}{scatter[1]:7.4f}"
            print(f"{displacement!s:>14} {numbers} {int(np.isnan(errors).any(axis=1).sum()):9d}")


if __name__ == "__main__":
    main()
