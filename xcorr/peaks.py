"""Places of the largest or the least responses."""

from __future__ import annotations

import functools
import math
from numbers import Integral, Real
from typing import Any, SupportsIndex, get_args

import numpy as np
import numpy.typing as npt

from xcorr import _peaks
from xcorr._arrays import held, in_order, take_array
from xcorr._dtypes import integer_range
from xcorr._foreign import refuses, shown
from xcorr._layouts import arranged, axes_of, letters_of, read_response, sizes_of
from xcorr._reading import axes_in, checked, read_word, whole_number
from xcorr._tops import Tops, tops_of
from xcorr._typing import Array, Layout, Per, Subpixel

__all__ = ["Peaks"]

ALLOWED = "bool, integers up to 64 bits, float16, float32 and float64"
DEFAULTS: dict[str, Any] = {
    "threshold": None, "min_distance": 1, "border": 0, "largest": True, "subpixel": None, "per": "kernel",
}  # fmt: skip


class Peaks:
    """Find the best places in maps of responses, with their scores.

    A candidate is a response that is at least as large as each of its eight neighbours (26 in a volume) that follow it,
    row by row, and larger than each that precedes it; so a plateau gives its first pixel, and each other one that
    begins without a neighbour of the plateau before it. By falling score, then by row, column and kernel, candidates
    are accepted that no accepted one is too near to, until there are ``k``.

    Parameters
    ----------
    k : int
        How many peaks there may be in each map, at least 1.
    threshold : float, optional
        The least score of a peak, or with ``largest=False`` the largest one. Beside responses of floats it is rounded
        to their type, so that 0.7 is not over a float32 that shows as 0.7; integers are compared exactly.
    min_distance : int
        How far apart two peaks are at least, in rows or in columns, in pixels of the response. With 1 all candidates
        of one map may be peaks.
    border : int
        Rows and columns along each edge that have no peaks; their responses count as neighbours.
    largest : bool
        Whether maxima are looked for; else minima, as of differences.
    subpixel : {None, "parabola", "gaussian"}
        Whether a place between pixels is looked for: the vertex of a parabola through the peak and its two neighbours
        on each axis, or through the logarithms of the three, as fits a peak of Gaussian shape. Where a logarithm does
        not exist, the responses themselves are taken for that axis.
    per : {"kernel", "image"}
        Whether each kernel's map has its ``k`` peaks, or all kernels of an image have ``k`` together, which keep their
        distance from each other: at one place there is one kernel's alone.

    Raises
    ------
    TypeError, ValueError
        If a keyword is not allowed.

    See Also
    --------
    correlate : What makes responses.

    Notes
    -----
    As ``reduce=Peaks(...)`` of `correlate` and `match` the responses of all images and kernels are never there at once.

    A NaN is no peak and beside its neighbours counts as minus infinity, with ``largest=False`` as infinity. What lies
    beyond the edge is no neighbour.

    A candidate that is not accepted hinders nobody: of 3, 2 and 1 at columns 10, 15 and 20 with ``min_distance=6`` the
    first and the last are peaks.

    Beside the peaks a call needs some rows of a map and memory for candidates: few of them, as those are forgotten that
    cannot be peaks any more, but at the very most about (4 k - 3) times ``min_distance`` squared for each map, and
    (8 k - 7) times ``min_distance`` cubed for each volume.

    Objects compare equal and hash by their keywords, and cannot be changed.

    Examples
    --------
    >>> import numpy as np
    >>> import xcorr
    >>> line = np.zeros((1, 30), np.float32)
    >>> line[0, [10, 15, 20]] = 3, 2, 1
    >>> peaks = xcorr.Peaks(2, min_distance=6)(line)
    >>> peaks["column"], peaks["score"]
    (array([10, 20]), array([3., 1.], dtype=float32))

    The three largest responses to each kernel of a bank, for every image:

    >>> digits = xcorr.datasets.load_digits_sample().images
    >>> edges = xcorr.correlate(digits, xcorr.banks.sobel(), layout="NHW")
    >>> peaks = xcorr.Peaks(3, min_distance=4)(edges)
    >>> peaks.shape, peaks["row"][0, 1], peaks["kernel"][0, 1]
    ((500, 2, 3), array([...]), array([1, 1, 1]))
    """

    __slots__ = ("border", "k", "largest", "min_distance", "per", "subpixel", "threshold")

    k: int
    threshold: float | None
    min_distance: int
    border: int
    largest: bool
    subpixel: str | None
    per: str

    def __init__(
        self,
        k: SupportsIndex = 1,
        *,
        threshold: float | np.number[Any] | None = None,
        min_distance: SupportsIndex = 1,
        border: SupportsIndex = 0,
        largest: bool = True,
        subpixel: Subpixel | None = None,
        per: Per = "kernel",
    ) -> None:
        self.__setstate__(
            {
                "k": whole_number(k, "k", 1, "an integer >= 1"),
                "threshold": read_threshold(threshold),
                "min_distance": whole_number(min_distance, "min_distance", 1, "an integer >= 1"),
                "border": whole_number(border, "border", 0, "an integer >= 0"),
                "largest": read_largest(largest),
                "subpixel": read_subpixel(subpixel),
                "per": read_word(per, "per", get_args(Per)),
            }
        )

    def __call__(self, responses: npt.ArrayLike, layout: Layout | None = None) -> Array:
        """Find the peaks of finished responses.

        Parameters
        ----------
        responses : array_like of real numbers
            What `correlate` returned: the layout's axes with C read as K, which is last where the word has no C.
        layout : {"NHWC", "NCHW", "NHW", ...}, optional
            The layout of the images that they were made of. Without it, four axes are NHWC and two are one map. All
            else needs it: with "NHW" three axes are images with one kernel, with "NHWC" one image with several kernels.

        Returns
        -------
        ndarray of records, (N, K, k), or (N, k) with ``per="image"``
            The best first. Without N or K where the responses have none. Fields are ``score``, of the responses' dtype;
            ``row``, ``column`` and ``kernel``, intp; ``sub_row`` and ``sub_column``, float64, which are the row and the
            column without ``subpixel``. With ``subpixel`` they lie half a pixel from there at most, and on it where a
            neighbour is missing or not finite. Records that are left over have kernel, row and column -1, sub_row and
            sub_column NaN, and the score NaN, or 0 of integers. With one spatial axis there is no ``row`` and no
            ``sub_row``; with three ``depth`` and ``sub_depth`` come before them.

        Raises
        ------
        TypeError, ValueError
            If an argument is not allowed, or the responses are complex.
        """
        array, _held = held(take_array(responses, "responses"))
        if array.dtype.kind == "c":
            raise TypeError(f"responses: got dtype {array.dtype}; allowed are {ALLOWED}")
        word, letters = read_response(array.shape, layout)
        axes, n_axes = axes_of(letters_of(word, "K"), letters), axes_in(word)
        n_images, *lengths, n_kernels = sizes_of(array.shape, axes)
        if min(lengths) < 1:
            sizes = "x".join(map(str, lengths[-n_axes:]))
            raise ValueError(
                f"responses: shape {array.shape} has maps of {sizes}; allowed is at least {'x'.join('1' * n_axes)}"
            )
        by_image = self.per == "image"
        maps = (axes[0], -1 if by_image else axes[-1])
        places = (0 if maps[0] >= 0 else -1, (maps[0] >= 0) * 1 if maps[1] >= 0 else -1)
        shape = (*arranged((n_images, n_kernels), places), self.k)
        return self.find(in_order(array, axes), n_axes).reshape(shape)

    def find(self, ordered: Array, n_axes: int) -> Array:
        """The peaks (maps, k) of responses (images, rows, columns, kernels), with three axes (images, planes, ...)."""
        n_maps = ordered.shape[0] * (1 if self.per == "image" else ordered.shape[-1])
        peaks = no_peaks((n_maps, self.k), ordered.dtype.newbyteorder("="), n_axes)
        is_possible, words = search_words(self, peaks.dtype["score"], max(ordered.shape[1:-1]), n_axes)
        if is_possible and ordered.size:
            find_in_arrays(ordered, peaks, words, 1)
        return peaks

    def __setattr__(self, name: str, value: Any) -> None:
        raise AttributeError(f"{name}: Peaks cannot be changed")

    def __delattr__(self, name: str) -> None:
        raise AttributeError(f"{name}: Peaks cannot be changed")

    def __getstate__(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in ("k", *DEFAULTS)}

    def __setstate__(self, state: dict[str, Any]) -> None:
        for name, value in state.items():
            object.__setattr__(self, name, value)

    def __eq__(self, other: object) -> bool:
        return self.__getstate__() == other.__getstate__() if isinstance(other, Peaks) else NotImplemented

    def __hash__(self) -> int:
        return hash(tuple(self.__getstate__().values()))

    def __repr__(self) -> str:
        state = self.__getstate__()
        others = (f", {name}={state[name]!r}" for name, default in DEFAULTS.items() if state[name] != default)
        return f"Peaks({self.k}{''.join(others)})"


# --- keywords ---------------------------------------------------------------------------------------------------------


def read_threshold(threshold: Any) -> float | None:
    """A bound as an int or a float, which may be infinite; one beyond floats is."""
    if threshold is None:
        return None
    problem = f"threshold: got {shown(threshold)}; allowed are None and a real number"
    if isinstance(threshold, bool) or not isinstance(threshold, Real):
        raise TypeError(problem)
    try:
        number = int(threshold) if isinstance(threshold, Integral) else float(threshold)
        if math.isnan(number):
            raise ValueError(problem)
    except OverflowError as error:
        if not refuses(error, "fractions", "numbers"):
            raise
        return -math.inf if threshold < 0 else math.inf
    return number


def read_largest(largest: Any) -> bool:
    """True or False, nothing that is only equal to them."""
    if not isinstance(largest, (bool, np.bool_)):
        raise TypeError(f"largest: got {shown(largest)}; allowed are True and False")
    return bool(largest)


def read_subpixel(subpixel: Any) -> str | None:
    """One of the words, or None."""
    words: tuple[str, ...] = get_args(Subpixel)
    problem = f"subpixel: got {shown(subpixel)}; allowed are None and {', '.join(map(repr, words))}"
    if subpixel is None:
        return None
    if not isinstance(subpixel, str):
        raise TypeError(problem)
    if subpixel not in words:
        raise ValueError(problem)
    return words[words.index(subpixel)]


# --- records ----------------------------------------------------------------------------------------------------------


PLACES = ("depth", "row", "column")
"""What a place along each of three spatial axes is called; of fewer the last ones."""


@functools.cache
def record_type(score: np.dtype[Any], n_axes: int) -> np.dtype[Any]:
    """The type of a peak whose score has that dtype, in a map of so many axes."""
    names = PLACES[-n_axes:]
    places = [(name, np.dtype(np.intp)) for name in (*names, "kernel")]
    return np.dtype([("score", score), *places, *((f"sub_{name}", np.dtype(np.float64)) for name in names)])


@functools.cache
def no_peak(score: np.dtype[Any], n_axes: int) -> Array:
    """The record of no peak."""
    nothing = np.nan if score.kind == "f" else 0
    return np.array((nothing, *[-1] * (n_axes + 1), *[np.nan] * n_axes), record_type(score, n_axes))


def no_peaks(shape: tuple[int, ...], score: np.dtype[Any], n_axes: int) -> Array:
    """Records of no peak."""
    record = no_peak(score, n_axes)
    checked(math.prod(shape) * record.itemsize, "k", "the bytes of the peaks")
    found = np.empty(shape, record.dtype)
    found[...] = record
    return found


def search_words(peaks: Peaks, score: np.dtype[Any], longest: int, n_axes: int) -> tuple[bool, tuple[Any, ...]]:
    """Whether scores of that type can be peaks, and what a search is told of maps whose longest side has that length.

    A map of one axis is a row, which is no border of itself.
    """
    is_possible, gate = gate_of(peaks.threshold, score, peaks.largest)
    distance, border = min(peaks.min_distance, longest), min(peaks.border, longest)
    borders = (0,) * (3 - n_axes) + (border,) * n_axes
    return is_possible, (gate, distance, borders, peaks.subpixel, peaks.largest, peaks.per == "image")


def find_in_arrays(
    maps: Array, records: Array, words: tuple[Any, ...], workers: Any, noted: Tops | None = None
) -> None:
    """Writes the peaks of responses (images, rows, columns, kernels), or with planes, into records (..., k).

    `noted` are those that were noted of maps while they were made.
    """
    volumes = maps if maps.ndim == 5 else maps[:, np.newaxis]
    if noted is not None and noted.noted[0] == maps.size:
        tops: Array | None = noted.rows[:, np.newaxis]
    else:
        tops = tops_of(volumes, words[4], workers)
    _peaks.find_peaks(volumes, records.reshape(-1, records.shape[-1]), tops, *words)


def gate_of(threshold: float | None, score: np.dtype[Any], largest: bool) -> tuple[bool, float | None]:
    """Whether a score can be as good as the threshold, and what it then is at least, with minima turned into maxima.

    Unsigned integers of 64 bits are meant less 2**63, and of all those of 64 bits a minimum as what is left of -1.
    """
    if threshold is None:
        return True, None
    if score.kind == "f":
        with np.errstate(all="ignore"):
            bound = float(score.type(threshold))
        return True, bound if largest else -bound
    least, most = integer_range(score) if score.kind in "iu" else (0, 1)
    if math.isinf(threshold):
        return (threshold < 0) == largest, None
    whole = math.ceil(threshold) if largest else math.floor(threshold)
    if whole > most if largest else whole < least:
        return False, None
    if whole <= least if largest else whole >= most:
        return True, None
    if score.itemsize < 8:
        return True, float(whole if largest else -whole)
    whole -= 2**63 if score.kind == "u" else 0
    return True, whole if largest else -1 - whole
