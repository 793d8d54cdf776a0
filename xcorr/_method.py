"""Which method: a pure function of one image's sizes and the bank's, never of the batch or of the workers."""

from xcorr import _fft, _winograd
from xcorr._axes import Geometry
from xcorr._dtypes import Types

MANY_GROUPS = 6
"""Groups of one channel and one kernel from which on lanes go over channels although vectors are not nearly full.

There they are 1.3 to 17 times as fast as over columns, 6 groups of 16 lanes 0.9 times and of 8 lanes 1.4 times; groups
of more kernels gain nothing on the whole (0.5 to 1.25). 2026-11-25, AMD EPYC (Zen 5), levels v3 and v4, 1 worker,
benchmarks/forms.py.
"""

WINOGRAD_CHANNELS, WINOGRAD_SIDE = 32, 6
"""Channels and kernels, and rows and columns of the response, from which on winograd is taken.

From there on it is 1.2 to 2 times as fast as direct, at the threshold itself 0.95 to 1.4 times; with 24 channels 0.8 to
1.4 times, with 5x5 responses (a third of the tiles' places is lost) 0.7 to 1.3 times. 2026-11-25, AMD EPYC (Zen 3),
level v3, 1 worker, benchmarks/crossover.py.
"""

LARGE_BANK, LARGE_BANK_SIDE = 2**18, 10
"""Products of channels and kernels from which on winograd waits for responses with that many rows and columns.

A transformed bank is 16/9 as large, and a small response reads it for few tiles: 512 kernels of 512 channels are 0.8 to
1.1 times as fast with 6 to 8 rows, 1.15 with 10 and 1.3 with 12. Measured with the constants above.
"""

USED_PLACES, USED_PLACES_OF_FEW, FEW = 0.6, 0.85, 64
"""The share of the tiles' places that have to be responses, and the same with fewer channels or kernels than that.

Odd sides lose a part, and so do sides that two dilations do not divide. From 64 channels on winograd is 1.2 times as
fast as direct with 0.64 of the places, 1.4 times with 0.77; with 32 it is 0.8 to 0.95 times as fast with 0.77 at level
v4, 1.2 to 1.4 times at v3, and 0.95 to 1.15 times at v4 with all. 2026-11-25, AMD EPYC (Zen 5), 1 worker,
benchmarks/crossover.py.
"""

SMALLEST_TRANSFORMED = 25
"""Taps of one channel below which the frequency domain is not looked at: it never was the faster one."""

THIN = 2
"""How many times as long kernels of one row or one column take directly as their multiply-adds say: 1.3 to 3.7.

2026-11-25, AMD EPYC (Zen 4), level v4, 1 worker, benchmarks/fourier.py.
"""

STRIP_PIXELS = 2**23
"""Elements of the smallest strip above which winograd is not taken: dilation makes it taller than direct's."""


def choose(geometry: Geometry, types: Types, method: str, precision: str) -> str:
    """The method that a call takes: the forced one if it can do the job, else the fastest."""
    if method in ("winograd", "fft"):
        obstacle = _winograd.cannot(geometry, types) if method == "winograd" else ""
        if precision == "strict":
            obstacle = "precision 'strict': its bound is normwise"
        if obstacle:
            raise ValueError(f"method: '{method}' cannot do this job, which has {obstacle}; allowed is 'auto'")
    return fastest(geometry, types, precision) if method == "auto" else method


def fastest(geometry: Geometry, types: Types, precision: str) -> str:
    """The fastest of the methods that the precision allows.

    matmul never is: of 200 random geometries it was faster in none, at best 1.1 times slower, since its products have
    to stop at every block of the sum. 2026-11-24, AMD EPYC (Zen 4), level v4, 1 worker, benchmarks/crossover.py.
    """
    depth = geometry.channels // geometry.groups
    n_kernels = geometry.n_kernels // geometry.groups
    side = WINOGRAD_SIDE if depth * n_kernels < LARGE_BANK else LARGE_BANK_SIDE
    used = USED_PLACES if min(depth, n_kernels) >= FEW else USED_PLACES_OF_FEW
    if (
        precision == "standard"
        and min(depth, n_kernels) >= WINOGRAD_CHANNELS
        and min(geometry.rows, geometry.columns) >= side
        and _winograd.used_places(geometry) >= used
        and _winograd.strip_pixels(geometry) <= STRIP_PIXELS
        and not _winograd.cannot(geometry, types)
    ):
        return "winograd"
    if precision == "standard" and geometry.kernel_height * geometry.kernel_width >= SMALLEST_TRANSFORMED:
        sizes = _fft.sizes_of(geometry, types)
        tile, cost = _fft.cheapest(sizes)
        work = geometry.work * (2 if types.is_complex else 1)
        if min(geometry.kernel_height, geometry.kernel_width) == 1:
            work = work * THIN
        if tile is not None and cost < work:
            return "fft"
    return "direct"


def form(geometry: Geometry, n_kernels: int, lanes: int) -> str:
    """What the direct method's lanes run over: "kernels", "columns" or "channels"; the bits are the same.

    Parameters
    ----------
    geometry : sizes of one image and the bank.
    n_kernels : kernels of one group, in real elements.
    lanes : elements of a vector.
    """
    if fills_vectors(n_kernels, lanes):
        return "kernels"
    groups = geometry.groups
    depthwise = n_kernels == 1 and geometry.channels == groups > 1
    if depthwise and (groups >= MANY_GROUPS or groups * 4 > -(-groups // lanes) * lanes * 3):
        return "channels"
    return "columns"


def fills_vectors(n_kernels: int, lanes: int) -> bool:
    """Whether kernels are more than five eighths of the group's one vector, or half of its several.

    Of one vector at v3 and v4, lanes over columns take 0.4 to 0.8 of the time with half of it, 0.6 to 1.03 with five
    eighths, 0.7 to 1.35 with three quarters, 0.8 to 1.8 with all. Measured with the constants above.
    """
    padded = -(-n_kernels // lanes) * lanes
    return n_kernels * 8 > padded * (5 if padded == lanes else 4)
