"""Where sums of 8-bit products cross those of float32: the same uint8 images and int8 kernels by the direct method.

`xcorr._methods.direct.share_of_bytes` says where they are taken; its constants come from these figures. Prints for each
level, with products of bytes (VNNI) and with words, and for each bank the time in float32 over that in int32, beside
the share of the multiply-adds that the latter takes; a star marks what is taken. One worker.

    python benchmarks/byte_sums.py
"""

from functools import partial
from math import inf
from unittest import mock

import numpy as np
from timing import best_time

import xcorr
from xcorr import _cache, _dispatch, _respond
from xcorr._dtypes import EXACT_FLOAT32, EXACT_INT32
from xcorr._methods import direct
from xcorr._plan import plan_for
from xcorr._settings import read_settings

BANKS = ((3, 3, 1, 56), (5, 5, 1, 56), (3, 3, 3, 56), (7, 7, 3, 56), (3, 3, 16, 28), (1, 1, 64, 28), (3, 3, 64, 14))
"""Rows, columns and channels of the kernels, and the side of the images."""

COUNTS = (1, 2, 4, 6, 8, 10, 12, 16, 24, 32, 64)
"""Kernels."""


def seconds(images: np.ndarray, kernels: np.ndarray, layout: str, summed: tuple[str, int]) -> float:
    """The best time with sums of that type."""
    _cache.clear_caches()
    with mock.patch.object(_respond, "summed_for", return_value=summed):
        prepared = xcorr.Correlator(kernels, layout=layout, dtype=np.int32, method="direct")
        return best_time(partial(prepared, images, workers=1), rounds=50)


def told(layout: str, height: int, width: int, depth: int, side: int, n_kernels: int) -> str:
    random = np.random.default_rng(3)
    order = (0, 3, 1, 2) if layout == "NCHW" else (0, 1, 2, 3)
    images = random.integers(0, 256, (4, side, side, depth), np.uint8)
    kernels = random.integers(-3, 3, (n_kernels, height, width, depth), np.int8)
    images, kernels = (np.ascontiguousarray(operand.transpose(order)) for operand in (images, kernels))
    floats, integers = ("f4", EXACT_FLOAT32), ("i4", EXACT_INT32)
    ratio = seconds(images, kernels, layout, floats) / seconds(images, kernels, layout, integers)
    settings = read_settings({"layout": layout, "method": "direct"})
    plan = plan_for(settings, images.shape, images.dtype, kernels.shape, kernels.dtype)
    star = "*" if direct.share_of_bytes(plan) < inf else " "
    return f"{n_kernels}: {ratio:.2f}{star}({direct.share_by_sizes(plan):.2f})"


def main() -> None:
    for name in _dispatch.runnable_levels():
        for vnni in (True, False) if _dispatch.has_vnni(name) else (False,):
            with _dispatch.using_level(name, vnni):
                for layout in ("NHWC", "NCHW"):
                    for bank in BANKS:
                        figures = "  ".join(told(layout, *bank, n_kernels) for n_kernels in COUNTS)
                        print(f"{name:4s} {'bytes' if vnni else 'words'} {layout} {bank}  {figures}", flush=True)


if __name__ == "__main__":
    main()
