from typing import Any

import numpy.typing as npt

def check_sum(values: npt.NDArray[Any], before: int) -> int: ...
