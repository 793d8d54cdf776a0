"""The keywords of a call: each is a field here, with its default and how it is read; signatures are made of them."""

import inspect
from collections.abc import Callable, Mapping
from functools import cache, partial
from typing import Annotated, Any, NamedTuple, SupportsIndex, TypeVar, get_type_hints

import numpy as np
import numpy.typing as npt

from xcorr import _typing
from xcorr._dtypes import read_dtype
from xcorr._foreign import shown
from xcorr._reading import (
    METHODS,
    OVERFLOWS,
    OVERS,
    PRECISIONS,
    Padding,
    Roi,
    axes_in,
    read_along,
    read_boundary,
    read_layout_word,
    read_padding,
    read_roi,
    read_word,
    whole_number,
    with_rows,
)
from xcorr._reduction import read_reduction
from xcorr._typing import Array, BankKeywords, Reduce
from xcorr.peaks import Peaks

Function = TypeVar("Function", bound=Callable[..., Any])


class Keyword(NamedTuple):
    """A keyword's default, and what reads the value that is given into its one form.

    What is given `along` the axes is read by their number, too; a single axis has a row beside it, of this size.
    """

    default: Any
    read: Callable[..., Any]
    along: Any = None

    def take(self, value: Any, n_axes: int) -> Any:
        """The value in its one form."""
        if self.along is None:
            return self.read(value)
        found = self.read(value, n_axes=n_axes)
        if n_axes > 1 or not isinstance(found, tuple):
            return found
        return with_rows(found, found[0] if self.along == ALIKE else self.along)

    def given(self, value: Any, n_axes: int) -> Any:
        """The value as it may be given again."""
        is_along = self.along is not None and isinstance(value, tuple)
        return value[-n_axes:] if is_along else value


ALIKE = "alike"  # rows beside a single axis have what it has


def read_groups(groups: Any) -> int:
    """A number of groups."""
    return whole_number(groups, "groups", 1, "an integer >= 1")


def read_truth(value: Any, argument: str) -> bool:
    """True or False, nothing that is only equal to them."""
    if not isinstance(value, (bool, np.bool_)):
        raise TypeError(f"{argument}: got {shown(value)}; allowed are True and False")
    return bool(value)


def read_response_dtype(dtype: Any) -> str | None:
    """The response's type by its name, which is the same for all spellings."""
    return None if dtype is None else read_dtype(dtype).str


class Settings(NamedTuple):
    """The keywords of a call that say what is computed, read and in one form each."""

    layout: Annotated[str | None, Keyword(None, read_layout_word)]
    padding: Annotated[Padding, Keyword("valid", read_padding, (0, 0))]
    boundary: Annotated[tuple[str, ...], Keyword("constant", read_boundary, ALIKE)]
    stride: Annotated[tuple[int, ...], Keyword(1, partial(read_along, argument="stride"), 1)]
    dilation: Annotated[tuple[int, ...], Keyword(1, partial(read_along, argument="dilation"), 1)]
    groups: Annotated[int, Keyword(1, read_groups)]
    roi: Annotated[Roi | None, Keyword(None, read_roi, (None, None))]
    pairwise: Annotated[bool, Keyword(False, partial(read_truth, argument="pairwise"))]
    normalize: Annotated[bool, Keyword(False, partial(read_truth, argument="normalize"))]
    conjugate: Annotated[bool, Keyword(True, partial(read_truth, argument="conjugate"))]
    method: Annotated[str, Keyword("auto", partial(read_word, argument="method", words=("auto", *METHODS)))]
    precision: Annotated[str, Keyword("standard", partial(read_word, argument="precision", words=PRECISIONS))]
    overflow: Annotated[str, Keyword("raise", partial(read_word, argument="overflow", words=OVERFLOWS))]
    reduce: Annotated[str | tuple[str, ...] | Peaks | None, Keyword(None, read_reduction)]
    over: Annotated[str, Keyword("positions", partial(read_word, argument="over", words=OVERS))]
    dtype: Annotated[str | None, Keyword(None, read_response_dtype)]
    flip: bool = False  # no keyword: the kernels are turned around for a convolution, which never conjugates


KEYWORDS: dict[str, Keyword] = {
    name: annotation.__metadata__[0]
    for name, annotation in Settings.__annotations__.items()
    if hasattr(annotation, "__metadata__")
}
USUAL = Settings(**{name: keyword.take(keyword.default, 2) for name, keyword in KEYWORDS.items()})


def words_of(settings: Settings) -> dict[str, Any]:
    """The keywords that settings were read of and that are not usual, each as it may be given again."""
    usual = usual_of(settings.layout)._replace(layout=None)
    return {name: word_of(settings, name) for name in KEYWORDS if getattr(settings, name) != getattr(usual, name)}


@cache
def usual_of(layout: str | None) -> Settings:
    """The settings of a layout where nothing else is said."""
    return read_settings({"layout": layout})


def word_of(settings: Settings, name: str) -> Any:
    """One keyword as it may be given again."""
    value = KEYWORDS[name].given(getattr(settings, name), axes_in(settings.layout))
    return tuple(slice(*bounds) for bounds in value) if name == "roi" and value is not None else value


class CallKeywords(BankKeywords, total=False):
    """All keywords of `correlate`; types as a signature shows them."""

    reduce: "Reduce | tuple[Reduce, ...] | Peaks | None"
    dtype: "npt.DTypeLike | None"
    out: "Array | None"
    workers: "SupportsIndex | None"


OPERANDS = {"fill_value": 0, "bias": None, "mask": None, "out": None, "workers": None}
"""Defaults of the keywords that hold numbers and arrays, or only say where and by how many it is computed."""


DEFAULTS = {
    name: KEYWORDS[name].default if name in KEYWORDS else OPERANDS[name] for name in CallKeywords.__annotations__
}
"""All keywords of `correlate` with their defaults, in the order of signatures."""


def read_settings(keywords: Mapping[str, Any], *, flip: bool = False) -> Settings:
    """Every keyword checked by itself; what needs the shapes is checked when the plan is made.

    What is given along axes is as many as the layout has.
    """
    n_axes = axes_in(read_layout_word(keywords.get("layout")))
    read = {name: KEYWORDS[name].take(value, n_axes) for name, value in keywords.items()}
    if n_axes > 2:
        read = {name: keyword.take(keyword.default, n_axes) for name, keyword in KEYWORDS.items()} | read
    if flip:
        read["conjugate"] = False
    return USUAL._replace(flip=flip, **read) if read or flip else USUAL


def split(
    function: str, keywords: dict[str, Any], *left_out: str, own: tuple[str, ...] = ()
) -> tuple[dict[str, Any], dict[str, Any]]:
    """The keywords of `Settings`, and the others with their defaults; TypeError if one is neither, or is left out.

    `own` are those that the function takes by itself.
    """
    settings, operands = {}, {name: default for name, default in OPERANDS.items() if name not in left_out}
    for name, value in keywords.items():
        if name in KEYWORDS and name not in left_out:
            settings[name] = value
        elif name in operands:
            operands[name] = value
        else:
            names = ", ".join(known for known in CallKeywords.__annotations__ if known in own or known not in left_out)
            raise TypeError(f"{function}() got an unexpected keyword argument {name!r}; allowed are {names}")
    return settings, operands


def takes_keywords(
    *left_out: str, types: Any = CallKeywords, defaults: Mapping[str, Any] = DEFAULTS
) -> Callable[[Function], Function]:
    """Give a function the signature that its ``**keywords`` stand for: all of `correlate` but those left out.

    Or all others that have `defaults`, whose `types` a `TypedDict` has.
    """
    hints = get_type_hints(types, vars(_typing), {"Peaks": Peaks})

    def signed(function: Function) -> Function:
        function.__annotations__.pop("keywords", None)
        own = inspect.signature(function)
        parameters = [one for one in own.parameters.values() if one.kind is not one.VAR_KEYWORD]
        for name, default in defaults.items():
            if name not in left_out and name not in own.parameters:
                annotation = types.__annotations__[name]
                word = getattr(annotation, "__forward_arg__", annotation)
                parameters.append(
                    inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=word)
                )
                function.__annotations__[name] = hints[name]
        function.__signature__ = own.replace(parameters=parameters)  # type: ignore[attr-defined]
        return function

    return signed
