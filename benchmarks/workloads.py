"""The workloads that are measured, of `workloads.csv`: public layer, image and signal sizes, by class of work."""

import csv
from pathlib import Path
from typing import NamedTuple

import numpy as np


class Workload(NamedTuple):
    """One row: images (N, H, W, C) with a bank of `n_kernels` kernels of (height, width)."""

    name: str
    images: tuple[int, int, int, int]
    n_kernels: int
    kernel: tuple[int, int]
    stride: int = 1
    dilation: int = 1
    groups: int = 1
    padding: str | int = "valid"  # or "same", "full", or as many pixels on every side
    boundary: str = "constant"  # what the padding holds
    layout: str = "NHWC"  # of what xcorr is given and gives; the sizes above stay N, H, W, C
    dtype: str = "float32"  # of the images, as the next one of the kernels
    kernels_dtype: str = "float32"
    response: str | None = None  # its dtype; None: the default one
    kind: str = "layer"  # the class of work

    @property
    def kernels(self) -> tuple[int, int, int, int]:
        return (self.n_kernels, *self.kernel, self.images[3] // self.groups)

    @property
    def large_kernel(self) -> bool:
        """Whether a frequency-domain method is the right one."""
        return self.kind == "large" or max(self.kernel) >= 500

    @property
    def ends(self) -> tuple[tuple[int, int], tuple[int, int]]:
        """Rows and columns of padding before and behind."""
        reaches = [(k - 1) * self.dilation for k in self.kernel]
        if self.padding == "valid":
            (down, up), (left, right) = (0, 0), (0, 0)
        elif self.padding == "same":
            (down, up), (left, right) = ((reach // 2, reach - reach // 2) for reach in reaches)
        elif self.padding == "full":
            (down, up), (left, right) = ((reach, reach) for reach in reaches)
        else:
            margin = int(self.padding)
            (down, up), (left, right) = (margin, margin), (margin, margin)
        return (down, up), (left, right)

    @property
    def positions(self) -> tuple[int, int]:
        """Rows and columns of a response."""
        rows, columns = (
            (size + sum(ends) - (k - 1) * self.dilation - 1) // self.stride + 1
            for size, k, ends in zip(self.images[1:3], self.kernel, self.ends, strict=True)
        )
        return rows, columns

    @property
    def margins(self) -> tuple[int, int] | None:
        """Rows and columns of padding on each side; None where the two sides differ."""
        (up, down), (left, right) = self.ends
        return (up, left) if up == down and left == right else None

    @property
    def flops(self) -> int:
        rows, columns = self.positions
        taps = self.kernel[0] * self.kernel[1] * self.images[3] // self.groups
        return 2 * self.images[0] * rows * columns * self.n_kernels * taps

    @property
    def n_bytes(self) -> int:
        """Of the images and the response, each moved once."""
        rows, columns = self.positions
        item = np.dtype(self.dtype).itemsize
        return int(np.prod(self.images)) * item + self.images[0] * rows * columns * self.n_kernels * max(item, 4)

    @property
    def plain(self) -> bool:
        """Whether it has one channel and nothing but images and kernels: what filters of one image can do."""
        return self.images[3] == 1 and self.stride == 1 and self.dilation == 1 and self.padding in ("valid", "same")

    @property
    def whole(self) -> bool:
        """Whether the response is of whole numbers."""
        return np.dtype(self.kernels_dtype).kind in "iu"

    def arrays(self) -> tuple[np.ndarray, np.ndarray]:
        """Images (N, H, W, C) and kernels (K, kh, kw, C / groups), the same ones every time."""
        random = np.random.default_rng(7)
        return drawn(random, self.images, self.dtype), drawn(random, self.kernels, self.kernels_dtype)


def drawn(random: np.random.Generator, shape: tuple[int, ...], dtype: str) -> np.ndarray:
    """Numbers of the type: of integers up to 12 bits, so that peers that sum in float32 are near."""
    kind = np.dtype(dtype)
    if kind.kind in "iu":
        limits = np.iinfo(kind)
        return random.integers(max(limits.min, -2048), min(limits.max, 2047) + 1, shape, dtype=kind)
    numbers = random.standard_normal(shape)
    if kind.kind == "c":
        return (numbers + 1j * random.standard_normal(shape)).astype(kind)
    return numbers.astype(kind)


def read_workloads() -> list[Workload]:
    with Path(__file__).with_name("workloads.csv").open(newline="") as file:
        return [workload_of(row) for row in csv.DictReader(file)]


def workload_of(row: dict[str, str]) -> Workload:
    n, height, width, depth, n_kernels, rows, columns = (
        int(row[name]) for name in ("n", "h", "w", "c", "k", "kh", "kw")
    )
    padding = row["padding"]
    return Workload(
        row["id"],
        (n, height, width, depth),
        n_kernels,
        (rows, columns),
        int(row["stride"]),
        int(row["dilation"]),
        int(row["groups"]),
        int(padding) if padding.isdigit() else padding,
        row["boundary"],
        row["layout"],
        row["images"],
        row["kernels"],
        row["response"] or None,
        row["cls"],
    )


WORKLOADS = read_workloads()
CLASSES = list(dict.fromkeys(work.kind for work in WORKLOADS))
