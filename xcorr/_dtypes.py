"""Which types: of the response, of the arithmetic, and when integers fit it exactly."""

from typing import Any, NamedTuple

import numpy as np

from xcorr._foreign import refuses, shown

FLOAT_CHARACTERS = "efdFD"
FLOATS = frozenset(map(np.dtype, ("f2", "f4", "f8", "c8", "c16")))
EXACT_FLOAT32 = 2**24
EXACT_INT32 = 2**31 - 1
EXACT_FLOAT64 = 2**53
ALLOWED = "bool, integers up to 64 bits, float16, float32, float64, complex64 and complex128"


class Types(NamedTuple):
    """Types of one call. `sums` is float32 or float64, or int64 where integers are summed exactly."""

    images: np.dtype[Any]
    kernels: np.dtype[Any]
    response: np.dtype[Any]
    sums: np.dtype[Any]

    @property
    def exact(self) -> bool:
        """Whether the response is of integers."""
        return self.sums.kind == "i"

    @property
    def summed(self) -> str:
        """The type of the loops' sums, as the engine calls it; exact ones begin with the smallest."""
        return "f8" if self.sums == np.float64 else "f4"

    @property
    def of_bytes(self) -> bool:
        """Whether both operands are of integers of 8 bits."""
        return self.exact and self.images.itemsize == self.kernels.itemsize == 1

    @property
    def is_complex(self) -> bool:
        """Whether an operand is complex; `dtype=` alone can make a response so, whose imaginary part is the bias'."""
        return self.images.kind == "c" or self.kernels.kind == "c"

    @property
    def parts(self) -> int:
        """Real numbers that a response is made of."""
        return 2 if self.is_complex else 1

    @property
    def item(self) -> int:
        """Bytes of an element of the sums, the least where integers are summed."""
        return 8 if self.sums == np.float64 else 4

    @property
    def rounds_floats(self) -> bool:
        """Whether sums of floats are rounded to integers."""
        return self.response.kind in "iu" and not self.exact

    @property
    def of_bias(self) -> np.dtype[Any]:
        """The type whose kind a bias must not exceed."""
        return self.sums if self.rounds_floats else self.response

    @property
    def stored(self) -> np.dtype[Any]:
        """What the loops store: the response's type, or its real part's for real operands."""
        if self.response.kind == "c" and not self.is_complex:
            return np.dtype(f"f{self.response.itemsize // 2}")
        return self.response


def signs_of(types: Types) -> tuple[bool | None, bool]:
    """Whether integer pixels have a sign, None for bools, and whether taps have one, as bools may."""
    return None if types.images.kind == "b" else types.images.kind == "i", types.kernels.kind != "u"


def check_element(argument: str, dtype: np.dtype[Any]) -> None:
    """TypeError unless arrays of this type can be correlated."""
    if dtype.kind not in "biu" and dtype.char not in FLOAT_CHARACTERS:
        raise TypeError(f"{argument}: got dtype {dtype}; allowed are {ALLOWED}")


def native(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """The type in the machine's byte order: NumPy's own object for it, by which short calls are known again."""
    return dtype if dtype.isbuiltin == 1 else np.dtype(dtype.newbyteorder("=").str)


def choose_types(images: np.dtype[Any], kernels: np.dtype[Any], dtype: Any, overflow: str | None = "raise") -> Types:
    """The table of the types: what the response is and in what its sums are taken.

    Floats that are rounded to integers are summed in float32 where that is their type and it holds every integer of the
    response's. `overflow` is None for those that have no such keyword.
    """
    check_element("images", images)
    check_element("kernels", kernels)
    images, kernels = images.newbyteorder("="), kernels.newbyteorder("=")
    integers = images.kind in "biu" and kernels.kind in "biu"
    natural = np.dtype(np.int64) if integers else np.result_type(images, kernels)
    wanted = natural if dtype is None else read_dtype(dtype)
    if wanted.kind in "iu":
        if integers:
            return Types(images, kernels, wanted, np.dtype(np.int64))
        if natural.kind == "c" or overflow != "saturate":
            allowed = "a complex type" if natural.kind == "c" else "a float or complex type"
            if natural.kind != "c" and overflow is not None:
                allowed += ", or overflow='saturate'"
            raise TypeError(f"dtype: got {wanted} for operands of {natural}; allowed is {allowed}")
        double = natural == np.float64 or wanted.itemsize > 2
        return Types(images, kernels, wanted, np.dtype(np.float64 if double else np.float32))
    if natural.kind == "c" and wanted.kind != "c":
        raise TypeError(f"dtype: got {wanted} for operands of {natural}; allowed is a complex type")
    widest = np.result_type(images, kernels, wanted)
    double = widest in (np.dtype(np.float64), np.dtype(np.complex128))
    return Types(images, kernels, wanted, np.dtype(np.float64 if double else np.float32))


def named_dtype(dtype: Any) -> np.dtype[Any]:
    """What `numpy.dtype` makes of it; TypeError naming the argument if it makes nothing."""
    try:
        named: np.dtype[Any] = np.dtype(dtype)
    except Exception as error:  # many kinds
        if not refuses(error, "ast"):
            raise
        raise TypeError(f"dtype: got {shown(dtype)}; allowed are {ALLOWED}") from None
    return named


def read_dtype(dtype: Any) -> np.dtype[Any]:
    """`dtype=` as a dtype that a response can have."""
    wanted = named_dtype(dtype)
    if wanted.kind == "b" or not (wanted.kind in "iu" or wanted in FLOATS) or not wanted.isnative:
        raise TypeError(f"dtype: got {wanted}; allowed are {ALLOWED[6:]}, in native byte order")
    return wanted


def largest_magnitude(dtype: np.dtype[Any]) -> int:
    """The largest absolute value of an integer type."""
    if dtype.kind == "b":
        return 1
    return max(-int(np.iinfo(dtype).min), int(np.iinfo(dtype).max))


def integer_range(dtype: np.dtype[Any]) -> tuple[int, int]:
    """Least and greatest value of an integer type."""
    return int(np.iinfo(dtype).min), int(np.iinfo(dtype).max)
