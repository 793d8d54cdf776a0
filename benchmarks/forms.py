"""Where the direct method's two forms cross: banks that fill exactly half of a vector, lanes over kernels or columns.

`xcorr._method.over_kernels` says which form is taken; its constants come from these figures. Prints the milliseconds of
both for each level and type, one worker, and the time over columns divided by that over kernels.

    python benchmarks/forms.py
"""

from functools import partial

import numpy as np
from crossover import best_time
from xcorr._engine import lanes_of

import xcorr
from xcorr import _dispatch, _method, _plan


def time_form(kernels: np.ndarray, images: np.ndarray, over_kernels: bool) -> float:
    """Best milliseconds with that form forced."""
    chosen = _method.over_kernels
    _plan._forget_plans()
    try:
        _method.over_kernels = lambda *_: over_kernels
        return best_time(partial(xcorr.Correlator(kernels), images, workers=1), rounds=50) * 1e3
    finally:
        _method.over_kernels = chosen
        _plan._forget_plans()


def main() -> None:
    random = np.random.default_rng(3)
    for level in _dispatch.runnable_levels():
        for dtype in (np.float32, np.float64):
            with _dispatch.using_level(level):
                n_kernels = max(1, lanes_of(_dispatch.current().table, dtype is np.float64) // 2)
                for channels, side, size in ((1, 3, 512), (1, 5, 512), (3, 3, 512), (4, 3, 256), (16, 3, 64)):
                    images = random.standard_normal((1, size, size, channels)).astype(dtype)
                    kernels = random.standard_normal((n_kernels, side, side, channels)).astype(dtype)
                    over_kernels, over_columns = (time_form(kernels, images, form) for form in (True, False))
                    print(
                        f"{level:4s} {dtype.__name__} K {n_kernels} C {channels:2d} {side}x{side}  kernels "
                        f"{over_kernels:.3f} ms  columns {over_columns:.3f} ms  {over_columns / over_kernels:.2f}",
                        flush=True,
                    )


if __name__ == "__main__":
    main()
