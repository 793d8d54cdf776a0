"""Where the direct method's forms cross: the same work with lanes over kernels, columns, rows and channels.

`xcorr.direct.form` says which form is taken; its constants come from these figures. Prints the milliseconds of each
form for each level and type, one worker, and marks the one that is taken with a star.

    python benchmarks/forms.py
"""

from functools import partial

import numpy as np
from timing import best_time

import xcorr
from xcorr import _axes, _cache, _dispatch
from xcorr._engine import lanes_of
from xcorr._methods import direct

FILLED = ((1, 3, 512), (1, 5, 512), (3, 3, 512), (4, 3, 256), (16, 3, 64))
"""Channels, side of the kernels and of the images, for banks that fill 4, 5, 6 and 8 eighths of a vector."""

NARROW = ((100, 4, 1), (1000, 8, 1), (5000, 20, 1), (5000, 10, 1), (300, 12, 3), (40, 12, 1), (30, 5, 1), (1000, 1, 1))
"""Rows, columns and channels of narrow images, for 1, 2 and 4 kernels."""

DEPTHWISE = (
    *((groups, size) for groups, size in ((2, 256), (3, 256), (4, 256), (6, 128), (8, 128), (12, 128))),
    *((groups, 56) for groups in (16, 24, 32, 64, 256)),
)
"""Groups of one channel and one 3x3 kernel each, and the side of the images."""

PLANES = ((1, 48, 3, 56), (3, 64, 3, 112), (3, 64, 5, 56), (3, 64, 7, 112), (32, 64, 1, 56), (64, 128, 1, 28))
PLANES += ((96, 64, 1, 28), (256, 64, 1, 28), (8, 32, 3, 28), (16, 32, 3, 14))
"""Channels and kernels in planes, the side of the kernels and of the images."""


def time_form(kernels: np.ndarray, images: np.ndarray, groups: int, layout: str, form: str | None) -> float:
    """Best milliseconds with that form forced; None for the one that is taken."""
    chosen = direct.form
    _cache.clear_caches()
    try:
        if form is not None:
            direct.form = lambda *_: form
        prepared = xcorr.Correlator(kernels, groups=groups, padding="same", layout=layout, method="direct")
        out = prepared(images, workers=1)
        return best_time(partial(prepared, images, out=out, workers=1), rounds=50) * 1e3
    finally:
        direct.form = chosen
        _cache.clear_caches()


def compare(
    groups: int,
    n_kernels: int,
    channels: int,
    side: int,
    size: tuple[int, int],
    dtype: type,
    forms: list[str],
    layout: str = "NHWC",
) -> None:
    random = np.random.default_rng(3)
    images = random.standard_normal((1, *size, groups * channels)).astype(dtype)
    kernels = random.standard_normal((groups * n_kernels, side, side, channels)).astype(dtype)
    level = _dispatch.current()
    geometry = _axes.make_geometry(images.shape[1:], kernels.shape, groups=groups, padding="same")
    taken = direct.form(geometry, n_kernels, lanes_of(level.table, np.dtype(dtype).str[1:]), layout == "NCHW")
    if layout == "NCHW":
        images, kernels = (np.ascontiguousarray(array.transpose(0, 3, 1, 2)) for array in (images, kernels))
    times = {form: time_form(kernels, images, groups, layout, form) for form in forms}
    figures = "  ".join(f"{form}{'*' if form == taken else ' '} {times[form]:7.3f} ms" for form in forms)
    print(
        f"{level.name:4s} {dtype.__name__} groups {groups:3d} K {n_kernels:2d} C {channels:2d} {side}x{side} on "
        f"{size[0]:3d}x{size[1]:<3d} {layout}  {figures}  {times[taken] / min(times.values()):.2f} of the best",
        flush=True,
    )


def main() -> None:
    for level in _dispatch.runnable_levels():
        for dtype in (np.float32, np.float64):
            with _dispatch.using_level(level):
                lanes = lanes_of(_dispatch.current().table, np.dtype(dtype).str[1:])
                for n_kernels in sorted({max(1, lanes * eighths // 8) for eighths in (4, 5, 6, 8)}):
                    for channels, side, size in FILLED:
                        compare(1, n_kernels, channels, side, (size, size), dtype, ["kernels", "columns"])
                for channels, n_kernels, side, size in PLANES:
                    compare(1, n_kernels, channels, side, (size, size), dtype, ["kernels", "columns"], "NCHW")
                for groups, size in DEPTHWISE:
                    compare(groups, 1, 1, 3, (size, size), dtype, ["kernels", "columns", "channels"])
                for n_kernels in (1, 2, 4):
                    for height, width, channels in NARROW:
                        compare(1, n_kernels, channels, 3, (height, width), dtype, ["columns", "rows"])


if __name__ == "__main__":
    main()
