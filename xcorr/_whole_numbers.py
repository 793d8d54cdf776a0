"""What is kept of integers that float64 does not hold, of responses that are reduced."""

from typing import Any

import numpy as np
import numpy.typing as npt

from xcorr._reduction import Reduction

Array = npt.NDArray[Any]

LARGEST_ROOT = 3_037_000_499
"""The largest integer whose square int64 holds."""


class WholeNumbers:
    """Responses of integers are taken piece by piece, each once; kernels of a position in any order.

    What is kept is (images, kernels) or (images, positions). Sums are Python's integers.
    """

    def __init__(self, reduction: Reduction, n_images: int) -> None:
        self.reduction = reduction
        count = int(np.prod(reduction.outputs)) if reduction.over_kernels else reduction.n_kernels
        shape = n_images, count
        self.best = {name: np.zeros(shape, reduction.response) for name in ("max", "min")}
        self.places = {name: np.full(shape, -1, np.int64) for name in ("max", "min")}
        self.n_positive = np.zeros(shape, np.int64)
        self.totals, self.energies = np.zeros(shape, object), np.zeros(shape, object)

    @property
    def nbytes(self) -> int:
        """Bytes of what is kept, beside Python's integers."""
        kept = (*self.best.values(), *self.places.values(), self.n_positive, self.totals, self.energies)
        return sum(array.nbytes for array in kept)

    def take(self, sums: Array, image: int, row: int, column: int, kernel: int) -> None:
        """Takes responses (rows, columns, kernels) from there on."""
        n_rows, n_columns, n_kernels = sums.shape
        rows, columns = np.arange(row, row + n_rows), np.arange(column, column + n_columns)
        positions = (rows[:, None] * self.reduction.outputs[1] + columns).reshape(-1)
        kernels = np.arange(kernel, kernel + n_kernels)
        response = self.reduction.response
        wide = np.result_type(response, np.uint64 if response.kind == "u" else np.int64)  # their sums fit no less
        values = sums.reshape(len(positions), n_kernels).astype(response).astype(wide, copy=False)
        if self.reduction.over_kernels:
            self.reduce((image, positions), values.T, kernels)
        else:
            self.reduce((image, kernels), values, positions)

    def reduce(self, chosen: Any, values: Array, places: Array) -> None:
        """Reduces values (places, others) over their first axis into the chosen ones."""
        for name, better in (("max", np.greater), ("min", np.less)):
            first = getattr(values, "arg" + name)(axis=0)
            found, at = np.take_along_axis(values, first[None], 0)[0], places[first]
            best, kept = self.best[name][chosen], self.places[name][chosen]
            leads = (kept < 0) | better(found, best) | ((found == best) & (at < kept))
            self.best[name][chosen] = np.where(leads, found, best)
            self.places[name][chosen] = np.where(leads, at, kept)
        self.n_positive[chosen] += (values > 0).sum(axis=0)
        if "mean" in self.reduction.names:
            self.totals[chosen] += whole_sums(values)
        if "energy" in self.reduction.names:
            if values.size and max(abs(int(values.max())), abs(int(values.min()))) > LARGEST_ROOT:
                raise energy_overflow(self.reduction.response)
            self.energies[chosen] += whole_sums(values * values)

    def result(self, name: str) -> Array:
        """What is kept by the name of a reduction, sums as they are."""
        if name in ("max", "min"):
            return self.best[name]
        if name in ("argmax", "argmin"):
            return self.places[name[3:]]
        return {"mean": self.totals, "energy": self.energies, "ppv": self.n_positive}[name]


def whole_sums(values: Array) -> Array:
    """The sums over the first axis as Python's integers: those of the higher and of the lower 32 bits."""
    high = (values >> values.dtype.type(32)).sum(axis=0).astype(object)
    low: Any = (values & values.dtype.type(0xFFFFFFFF)).sum(axis=0).astype(object)
    total: Array = high * 2**32 + low
    return total


def energy_overflow(response: np.dtype[Any]) -> OverflowError:
    """What says that a sum of squares does not fit."""
    return OverflowError(
        f"reduce: the energy of responses of {response} does not fit int64; "
        "allowed is a float dtype, as dtype=numpy.float64"
    )
