"""Keywords and shapes as they are given, each read into one form; numbers and words that are not allowed are refused.

Python's integers do not wrap; what must later fit a C ``Py_ssize_t`` is checked here, once for every method.
"""

import operator
import sys
from collections.abc import Sequence
from itertools import islice
from typing import Any, get_args

from xcorr._foreign import refuses, shown
from xcorr._typing import BoundaryWord, Layout, Method, Over, Overflow, Precision, Reduce

MOST_REDUCTIONS = 64  # in a tuple, which needs no word twice
MOST_AXES = 64  # of an array in NumPy
LAYOUTS = get_args(Layout)
BOUNDARIES = get_args(BoundaryWord)
METHODS = get_args(Method)[1:]
PRECISIONS = get_args(Precision)
OVERFLOWS = get_args(Overflow)
REDUCTIONS = get_args(Reduce)
OVERS = get_args(Over)
PADDING_WORDS = ("valid", "same", "full")
Padding = str | tuple[tuple[int, int], tuple[int, int]]
Roi = tuple[tuple[int | None, int | None], tuple[int | None, int | None]]
"""The bounds of the slices of rows and of columns."""


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


def read_layout_word(layout: Any) -> str | None:
    """The word as a str, or None; TypeError or ValueError if it is neither."""
    if layout is None:
        return None
    problem = f"layout: got {shown(layout)}; allowed are None and {', '.join(LAYOUTS)}"
    if not isinstance(layout, str):
        raise TypeError(problem)
    if layout not in LAYOUTS:
        raise ValueError(problem)
    return plain(layout, LAYOUTS)


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


def read_pair(value: Any, argument: str) -> tuple[int, int]:
    """A stride or dilation: an integer for both directions, or (rows, columns)."""
    allowed = "an integer >= 1 or a pair (rows, columns) of them"
    if not is_sequence(value):
        number = whole_number(value, argument, 1, allowed)
        return number, number
    items = items_of(value, argument, 2, allowed)
    if len(items) != 2:
        raise ValueError(f"{argument}: got {shown(value)}; allowed is {allowed}")
    rows, columns = (whole_number(item, argument, 1, allowed, value) for item in items)
    return rows, columns


def read_padding(padding: Any) -> Padding:
    """One of the words, or ((top, bottom), (left, right))."""
    allowed = (
        f"{', '.join(map(repr, PADDING_WORDS))}, an integer >= 0, (rows, columns) or ((top, bottom), (left, right))"
    )
    if isinstance(padding, str):
        if padding not in PADDING_WORDS:
            raise ValueError(f"padding: got {shown(padding)}; allowed is {allowed}")
        return plain(padding, PADDING_WORDS)
    if not is_sequence(padding):
        number = whole_number(padding, "padding", 0, allowed)
        return (number, number), (number, number)
    items = items_of(padding, "padding", 2, allowed)
    if len(items) != 2 or is_sequence(items[0]) != is_sequence(items[1]):
        raise ValueError(f"padding: got {shown(padding)}; allowed is {allowed}")
    if not is_sequence(items[0]):
        rows, columns = (whole_number(item, "padding", 0, allowed, padding) for item in items)
        return (rows, rows), (columns, columns)
    ends = tuple(items_of(item, "padding", 2, allowed) for item in items)
    if any(len(item) != 2 for item in ends):
        raise ValueError(f"padding: got {shown(padding)}; allowed is {allowed}")
    top, bottom, left, right = (whole_number(end, "padding", 0, allowed, padding) for item in ends for end in item)
    return (top, bottom), (left, right)


def read_boundary(boundary: Any) -> tuple[str, str]:
    """The words for rows and for columns, from one for both or a pair."""
    words = ", ".join(map(repr, BOUNDARIES))
    problem = f"boundary: got {shown(boundary)}; allowed are {words} and a pair (rows, columns) of them"
    if isinstance(boundary, str):
        pair: tuple[Any, ...] = (boundary, boundary)
    elif is_sequence(boundary):
        pair = items_of(boundary, "boundary", 2, f"{words} and a pair (rows, columns) of them")
    else:
        raise TypeError(problem)
    if len(pair) != 2:
        raise ValueError(problem)
    if not all(isinstance(word, str) for word in pair):
        raise TypeError(problem)
    if not all(word in BOUNDARIES for word in pair):
        raise ValueError(problem)
    return plain(pair[0], BOUNDARIES), plain(pair[1], BOUNDARIES)


def read_roi(roi: Any) -> Roi | None:
    """The bounds of one slice for the rows and one for the columns of a response, as they are given; None for all."""
    if roi is None:
        return None
    allowed = "None and a pair (rows, columns) of slices of step 1"
    problem = f"roi: got {shown(roi)}; allowed are {allowed}"
    if not is_sequence(roi):
        raise TypeError(problem)
    items = items_of(roi, "roi", 2, allowed)
    if len(items) != 2:
        raise ValueError(problem)
    if not all(type(item) is slice for item in items):
        raise TypeError(problem)
    if any(item.step is not None and read_bound(item.step, roi, allowed) != 1 for item in items):
        raise ValueError(problem)
    rows, columns = ((read_bound(item.start, roi, allowed), read_bound(item.stop, roi, allowed)) for item in items)
    return rows, columns


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
