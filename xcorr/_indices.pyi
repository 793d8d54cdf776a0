import numpy as np
import numpy.typing as npt

def window_index(
    image_width: int, depth: int, kernel: tuple[int, int], dilation: tuple[int, int], index: npt.NDArray[np.intp]
) -> None: ...
def correlation_indices(step: int, window: npt.NDArray[np.intp], indices: npt.NDArray[np.intp]) -> None: ...
