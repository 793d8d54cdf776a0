from typing import Any

import numpy as np
import numpy.typing as npt

def exact_products(
    windows: npt.NDArray[Any],
    kernels: npt.NDArray[Any],
    biases: tuple[int, ...],
    products: npt.NDArray[np.uint64],
    low_limit: int,
    high_limit: int,
    saturate: bool,
) -> bool: ...
