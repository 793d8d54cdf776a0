"""Types that signatures are made of. The words are spelled out, so that a type checker knows one that is misspelled."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, SupportsIndex, TypedDict, TypeVar, get_args

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
Layout1D = Literal["NWC", "NCW", "NW"]
Layout2D = Literal["NHWC", "NCHW", "NHW"]
Layout3D = Literal["NDHWC", "NCDHW", "NDHW"]
Layout = Literal[Layout2D, Layout1D, Layout3D]
BoundaryWord = Literal["constant", "edge", "reflect", "symmetric", "wrap"]
Boundary = BoundaryWord | tuple[BoundaryWord, ...]
Method = Literal["auto", "direct", "matmul", "fft", "winograd", "separable"]
Precision = Literal["standard", "strict"]
Overflow = Literal["raise", "saturate"]
Reduce = Literal["max", "min", "argmax", "argmin", "mean", "ppv", "energy"]
Over = Literal["positions", "kernels"]
Subpixel = Literal["parabola", "gaussian"]
RegisterScore = Literal["phase", "correlation", "zncc"]
Fraction = Subpixel | SupportsIndex
Per = Literal["kernel", "image"]
Score = Literal["correlation", "ncc", "covariance", "zncc", "ssd", "nssd"]
Quotient = Literal["ncc", "covariance", "zncc", "nssd"]
SCORES = get_args(Score)
Pair = SupportsIndex | tuple[SupportsIndex, SupportsIndex]
Along = SupportsIndex | tuple[SupportsIndex, ...]
Padding = Literal["valid", "same", "full"] | SupportsIndex | tuple[Pair, ...]
Roi = tuple[slice, ...]
Mask = npt.ArrayLike | Literal["finite"]
Fill = complex | np.number[Any] | np.bool_ | Sequence[complex] | npt.NDArray[Any]

AnyArray = TypeVar("AnyArray", bound=Array)
AnyElement = TypeVar("AnyElement", bound=np.generic)
Inexact = TypeVar("Inexact", np.float16, np.float32, np.float64, np.complex64, np.complex128)
Real = TypeVar("Real", np.float32, np.float64)
Whole = npt.NDArray[np.integer[Any]] | npt.NDArray[np.bool_]


class SumKeywords(TypedDict, total=False):
    """The keywords of sums over all pixels that the response's type does not depend on, in the order of signatures."""

    layout: Layout | None
    padding: Padding
    boundary: Boundary
    fill_value: Fill
    stride: Along
    dilation: Along
    groups: SupportsIndex
    roi: Roi | None
    pairwise: bool
    bias: npt.ArrayLike | None
    conjugate: bool
    method: Method
    precision: Precision
    overflow: Overflow
    over: Over


class BankKeywords(SumKeywords, total=False):
    """The keywords of `Correlator` that the type of floats' responses does not depend on."""

    mask: Mask | None
    normalize: bool


class Keywords(BankKeywords, total=False):
    """The keywords of `correlate` that the type of floats' responses does not depend on."""

    workers: SupportsIndex | None


class MatcherKeywords(TypedDict, total=False):
    """The keywords of `Matcher` that the scores' type does not depend on."""

    layout: Layout | None
    padding: Padding
    boundary: Boundary
    fill_value: Fill | None
    stride: Along
    dilation: Along
    template_mask: npt.ArrayLike | None
    min_overlap: float
    undefined: float | None
    pairwise: bool
    roi: Roi | None
    over: Over
    method: Method
    precision: Precision


class MatchKeywords(MatcherKeywords, total=False):
    """The keywords of `match` that the type of floats' scores does not depend on."""

    mask: Mask | None
    workers: SupportsIndex | None


class WholeKeywords(SumKeywords, total=False):
    """The keywords of `correlate` with which integers give integers."""

    workers: SupportsIndex | None
