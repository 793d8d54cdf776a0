"""Keywords and shapes as they are given, each read into one form; numbers and words that are not allowed are refused.

Python's integers do not wrap; what must later fit a C ``Py_ssize_t`` is checked here, once for every method.
"""

import operator
import sys
from collections.abc import Sequence
from functools import cache
from itertools import islice
from typing import Any, get_args

from xcorr._foreign import refuses, shown
from xcorr._typing import BoundaryWord, Layout, Method, Over, Overflow, Precision, Reduce

MOST_REDUCTIONS = 64  # in a tuple, which needs no word twice
MOST_AXES = 64  # of an array in NumPy
LAYOUTS: tuple[str, ...] = get_args(Layout)
PICTURES = tuple(word for word in LAYOUTS if "H" in word and "D" not in word)
BOUNDARIES = get_args(BoundaryWord)
METHODS = get_args(Method)[1:]
PRECISIONS = get_args(Precision)
OVERFLOWS = get_args(Overflow)
REDUCTIONS = get_args(Reduce)
OVERS = get_args(Over)
PADDING_WORDS = ("valid", "same", "full")
AXES = {1: ("columns",), 2: ("rows", "columns"), 3: ("planes", "rows", "columns")}
"""The spatial axes of a layout by their number, in order."""

Padding = str | tuple[tuple[int, int], ...]
Roi = tuple[tuple[int | None, int | None], ...]
"""The bounds of the slices along each axis."""


def checked(value: int, argument: str, what: str) -> int:
    """`value` if an array index can hold it."""
    if value > sys.maxsize:
        raise ValueError(f"{argument}: {what} would be {shown(value)}; at most {sys.maxsize} is possible")
    return value


# --- words ------------------------------------------------------------------------------------------------------------


def read_word(word: Any, argument: str, words: Sequence[str]) -> str:
    """One of the `words` as a str; TypeError or ValueError if it is none of them."""
    allowed = (" and " if len(words) == 2 else ", ").join(map(repr, words))
    problem = f"{argument}: got {shown(word)}; allowed are {allowed}"
    if not isinstance(word, str):
        raise TypeError(problem)
    if word not in words:
        raise ValueError(problem)
    return plain(word, words)


def read_layout_word(layout: Any, words: tuple[str, ...] = LAYOUTS) -> str | None:
    """The word as a str, or None; TypeError or ValueError if it is neither."""
    if layout is None:
        return None
    problem = f"layout: got {shown(layout)}; allowed are None and {', '.join(words)}"
    if not isinstance(layout, str):
        raise TypeError(problem)
    if layout not in words:
        raise ValueError(problem)
    return plain(layout, words)


def read_picture_layout(layout: Any) -> str | None:
    """The same of pictures, which have two spatial axes."""
    return read_layout_word(layout, PICTURES)


def plain(word: str, words: Sequence[str]) -> str:
    """One of `words` as a str, from what may be of a subclass (an enum's, NumPy's)."""
    return words[words.index(word)]


# --- numbers ----------------------------------------------------------------------------------------------------------


def whole_number(value: Any, argument: str, minimum: int, allowed: str, whole: Any = None) -> int:
    """`value` as an int, if it is an integer (bool is none) of at least `minimum`; `whole` is what it is a part of."""
    if type(value) is int and minimum <= value <= sys.maxsize:
        return value
    got = f"{argument}: got {shown(value if whole is None else whole)}; allowed is {allowed}"
    is_bool = isinstance(value, bool) or getattr(getattr(value, "dtype", None), "kind", None) == "b"
    if is_bool or not hasattr(type(value), "__index__") or getattr(value, "ndim", None):
        raise TypeError(got)
    try:
        number = operator.index(value)
    except TypeError as error:
        if not refuses(error):
            raise
        raise TypeError(got) from None
    if number < minimum:
        raise ValueError(got)
    return checked(number, argument, "the number")


def is_sequence(value: Any) -> bool:
    """Whether it has items in an order, as tuples, lists and arrays do."""
    return (isinstance(value, Sequence) and not isinstance(value, (str, bytes))) or bool(getattr(value, "ndim", None))


def items_of(value: Any, argument: str, most: int, allowed: str) -> tuple[Any, ...]:
    """The items of a sequence, of one with too many `most` and one more."""
    try:
        return tuple(islice(value, most + 1))
    except TypeError as error:
        if not refuses(error):
            raise
        raise TypeError(f"{argument}: got {shown(value)}; allowed is {allowed}") from None


@cache
def axes_in(layout: str | None) -> int:
    """The spatial axes of a layout; without one there are two."""
    return 2 if layout is None else len(spatial(layout))


@cache
def spatial(word: str) -> str:
    """The letters of a layout's spatial axes, in order."""
    return "".join(letter for letter in word if letter not in "NCK")


@cache
def listed(n_axes: int, of_axis: str = "{}") -> str:
    """Names of so many spatial axes as a tuple shows them."""
    names = [of_axis.format(name) for name in AXES[n_axes]]
    return f"({', '.join(names)}{',' * (n_axes == 1)})"


def with_rows(values: tuple[Any, ...], neutral: Any) -> tuple[Any, ...]:
    """What is given along each axis, of a single one with a row that is one pixel high beside it."""
    return values if len(values) > 1 else (neutral, *values)


@cache
def allowed_along(what: str, n_axes: int, of_what: str) -> str:
    """What errors say is allowed along so many axes."""
    return f"{what} {'pair' if n_axes == 2 else 'tuple'} {listed(n_axes)} {of_what}"


def read_along(value: Any, argument: str, n_axes: int = 2) -> tuple[int, ...]:
    """A stride or dilation along each axis, from an integer for all or a tuple."""
    allowed = allowed_along("an integer >= 1 or a", n_axes, "of them")
    if not is_sequence(value):
        return (whole_number(value, argument, 1, allowed),) * n_axes
    items = items_of(value, argument, n_axes, allowed)
    if len(items) != n_axes:
        raise ValueError(f"{argument}: got {shown(value)}; allowed is {allowed}")
    return tuple(whole_number(item, argument, 1, allowed, value) for item in items)


def read_pair(value: Any, argument: str) -> tuple[int, int]:
    """A stride or dilation of rows and of columns."""
    rows, columns = read_along(value, argument)
    return rows, columns


ENDS = {1: "((before, behind),)", 2: "((top, bottom), (left, right))", 3: "((before, behind) of each)"}


def read_padding(padding: Any, n_axes: int = 2) -> Padding:
    """One of the words, or (before, behind) along each axis, from an integer for all or from one or a pair for each."""
    if isinstance(padding, str) and padding in PADDING_WORDS:
        return plain(padding, PADDING_WORDS)
    allowed = f"{', '.join(map(repr, PADDING_WORDS))}, an integer >= 0, {listed(n_axes)} or {ENDS[n_axes]}"
    if isinstance(padding, str):
        raise ValueError(f"padding: got {shown(padding)}; allowed is {allowed}")
    if not is_sequence(padding):
        number = whole_number(padding, "padding", 0, allowed)
        return ((number, number),) * n_axes
    items = items_of(padding, "padding", max(n_axes, 2), allowed)
    if len(items) != n_axes:
        problem = f"padding: got {shown(padding)}; allowed is {allowed}"
        if n_axes == 1 and len(items) == 2 and not any(map(is_sequence, items)):
            problem += f"; before and behind the one axis are ({shown(padding)},)"
        raise ValueError(problem)
    ends = [items_of(item, "padding", 2, allowed) if is_sequence(item) else (item, item) for item in items]
    if any(len(item) != 2 for item in ends):
        raise ValueError(f"padding: got {shown(padding)}; allowed is {allowed}")
    of_ends = [[whole_number(end, "padding", 0, allowed, padding) for end in item] for item in ends]
    return tuple((before, behind) for before, behind in of_ends)


def read_boundary(boundary: Any, n_axes: int = 2) -> tuple[str, ...]:
    """The words along each axis, from one for all or a tuple."""
    if isinstance(boundary, str) and boundary in BOUNDARIES:
        return (plain(boundary, BOUNDARIES),) * n_axes
    allowed = allowed_along(f"{', '.join(map(repr, BOUNDARIES))} and a", n_axes, "of them")
    problem = f"boundary: got {shown(boundary)}; allowed are {allowed}"
    if isinstance(boundary, str):
        raise ValueError(problem)
    if not is_sequence(boundary):
        raise TypeError(problem)
    items = items_of(boundary, "boundary", n_axes, allowed)
    if len(items) != n_axes:
        raise ValueError(problem)
    if not all(isinstance(word, str) for word in items):
        raise TypeError(problem)
    if not all(word in BOUNDARIES for word in items):
        raise ValueError(problem)
    return tuple(plain(word, BOUNDARIES) for word in items)


def read_roi(roi: Any, n_axes: int = 2) -> Roi | None:
    """The bounds of one slice for each axis of a response, as they are given; None for all."""
    if roi is None:
        return None
    allowed = allowed_along("None and a", n_axes, "of slices of step 1")
    problem = f"roi: got {shown(roi)}; allowed are {allowed}"
    if not is_sequence(roi):
        raise TypeError(problem)
    items = items_of(roi, "roi", n_axes, allowed)
    if len(items) != n_axes:
        raise ValueError(problem)
    if not all(type(item) is slice for item in items):
        raise TypeError(problem)
    if any(item.step is not None and read_bound(item.step, roi, allowed) != 1 for item in items):
        raise ValueError(problem)
    return tuple((read_bound(item.start, roi, allowed), read_bound(item.stop, roi, allowed)) for item in items)


def read_bound(bound: Any, roi: Any, allowed: str) -> int | None:
    """A slice's bound: an integer of either sign, no farther away than an axis can be long, or None."""
    if type(bound) is int:
        return max(-sys.maxsize, min(bound, sys.maxsize))
    return None if bound is None else whole_number(bound, "roi", -sys.maxsize, allowed, roi)


def places_of(bounds: tuple[int | None, int | None], length: int) -> tuple[int, int]:
    """The first place that a slice of these bounds takes of an axis, and how many, as NumPy reads it."""
    first, stop, _ = slice(*bounds).indices(length)
    return first, max(0, stop - first)


def read_reduce(reduce: Any) -> str | tuple[str, ...] | None:
    """None, one of the words, or a tuple of at least one."""
    words = ", ".join(map(repr, REDUCTIONS))
    problem = f"reduce: got {shown(reduce)}; allowed are None, {words}, a tuple of them and a Peaks"
    if reduce is None:
        return None
    if isinstance(reduce, str):
        names: tuple[Any, ...] = (reduce,)
    elif is_sequence(reduce):
        names = items_of(reduce, "reduce", MOST_REDUCTIONS, f"{words} and a tuple of them")
    else:
        raise TypeError(problem)
    if not all(isinstance(name, str) for name in names):
        raise TypeError(problem)
    if not 1 <= len(names) <= MOST_REDUCTIONS or not all(name in REDUCTIONS for name in names):
        raise ValueError(problem)
    read = tuple(plain(name, REDUCTIONS) for name in names)
    return read[0] if isinstance(reduce, str) else read


# --- shapes -----------------------------------------------------------------------------------------------------------


def read_shape(shape: Any, argument: str, counts: tuple[int, ...]) -> tuple[int, ...]:
    """A shape given by itself (not an array's): positive lengths, as many as one of `counts`."""
    allowed = f"a tuple of {' or '.join(map(str, counts))} integers >= 1"
    if not is_sequence(shape):
        raise TypeError(f"{argument}: got {shown(shape)}; allowed is {allowed}")
    items = items_of(shape, argument, max(counts), allowed)
    sizes = tuple(whole_number(size, argument, 1, allowed, shape) for size in items)
    if len(sizes) not in counts:
        raise ValueError(f"{argument}: got {shown(shape)}; allowed is {allowed}")
    return sizes


def read_array_shape(shape: Any, argument: str) -> tuple[int, ...]:
    """The shape of an array that may be empty."""
    allowed = "a tuple of integers >= 0"
    if not is_sequence(shape):
        raise TypeError(f"{argument}: got {shown(shape)}; allowed is {allowed}")
    items = items_of(shape, argument, MOST_AXES, allowed)
    return tuple(whole_number(size, argument, 0, allowed, shape) for size in items)
