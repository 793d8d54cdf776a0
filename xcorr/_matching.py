"""The keywords and the sizes of a match: what is read before the arrays are looked at."""

import copy
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from math import inf, prod
from numbers import Real
from typing import Any, NamedTuple, SupportsIndex

import numpy as np
import numpy.typing as npt

from xcorr._areas import Area
from xcorr._arrays import read_fill, take_fill
from xcorr._axes import Span, make_geometry
from xcorr._dtypes import read_dtype
from xcorr._foreign import refuses, shown
from xcorr._layouts import arranged, of_one_image, operand_sizes, read_layout, reading_of
from xcorr._reading import checked, places_of, read_word
from xcorr._reduction import peaks_of, reduction_of
from xcorr._settings import Settings, read_settings
from xcorr._templates import FLAT
from xcorr._typing import SCORES, Mask, MatcherKeywords, Reduce, Score
from xcorr.peaks import Peaks

Array = npt.NDArray[Any]

DISTANCES = ("ssd", "nssd")
CENTRED = ("covariance", "zncc")
EXACT = ("correlation", "ssd")
"""Scores that are distances; that are about means; that are whole numbers where all pixels are, and none is unseen."""

NUMBERS = "bool, integers up to 64 bits, float16, float32 and float64"


class Scoring(NamedTuple):
    """The keywords that say what is computed, read and in one form each."""

    settings: Settings
    score: str
    fill: Any
    min_overlap: float
    undefined: float


class MatcherCallKeywords(MatcherKeywords, total=False):
    """All keywords of `Matcher`; types as a signature shows them."""

    score: "Score"
    reduce: "Reduce | tuple[Reduce, ...] | Peaks | None"
    dtype: "npt.DTypeLike | None"


class MatchCallKeywords(MatcherCallKeywords, total=False):
    """All keywords of `match`."""

    mask: "Mask | None"
    out: "Array | tuple[Array, ...] | None"
    workers: "SupportsIndex | None"


OPERANDS = {"mask": None, "template_mask": None, "out": None, "workers": None}
DEFAULTS: dict[str, Any] = {
    "score": "zncc", "layout": None, "padding": "valid", "boundary": "constant", "fill_value": None, "stride": 1,
    "dilation": 1, "mask": None, "template_mask": None, "min_overlap": 0.5, "undefined": None, "pairwise": False,
    "roi": None, "reduce": None, "over": "positions", "method": "auto", "precision": "standard", "dtype": None,
    "out": None, "workers": None,
}  # fmt: skip
"""All keywords of `match` with their defaults, in the order of signatures; and those that hold arrays, or only say
where and by how many it is computed."""


def split(function: str, keywords: Mapping[str, Any], *left_out: str) -> tuple[Scoring, dict[str, Any]]:
    """What is computed, and the other keywords with their defaults; TypeError if one is neither, or is left out."""
    for name in keywords:
        if name not in DEFAULTS or name in left_out:
            names = ", ".join(known for known in DEFAULTS if known not in left_out)
            raise TypeError(f"{function}() got an unexpected keyword argument {name!r}; allowed are {names}")
    scoring = {name: value for name, value in keywords.items() if name not in OPERANDS}
    return read_scoring(scoring), {name: keywords.get(name) for name in OPERANDS}


def read_scoring(keywords: Mapping[str, Any]) -> Scoring:
    """Every keyword checked by itself, but those of `OPERANDS`."""
    rest = {name: value for name, value in DEFAULTS.items() if name not in OPERANDS} | dict(keywords)
    score = read_word(rest.pop("score"), "score", SCORES)
    fill = rest.pop("fill_value")
    min_overlap = real_number(rest.pop("min_overlap"), "min_overlap", "a number from 0 to 1")
    if not 0 <= min_overlap <= 1:
        raise ValueError(f"min_overlap: got {min_overlap}; allowed is a number from 0 to 1")
    undefined = rest.pop("undefined")
    if undefined is None:
        undefined = inf if score in DISTANCES else 0.0
    undefined = real_number(undefined, "undefined", "None or a number")
    settings = read_settings(rest)
    return Scoring(settings, score, None if fill is None else read_fill(fill), min_overlap, undefined)


def real_number(value: Any, argument: str, allowed: str) -> float:
    """`value` as a float, if it is a real number that floats have, and no bool."""
    problem = f"{argument}: got {shown(value)}; allowed is {allowed}"
    is_real = isinstance(value, (Real, np.floating, np.integer)) and not isinstance(value, (bool, np.bool_))
    if not is_real:
        raise TypeError(problem)
    try:
        return float(value)
    except OverflowError as error:
        if not refuses(error, "fractions", "numbers"):
            raise
        raise ValueError(problem) from None


@contextmanager
def of_templates() -> Iterator[None]:
    """Errors about kernels, which are templates here."""
    try:
        yield
    except (TypeError, ValueError) as error:
        text = str(error)
        if type(error) not in (TypeError, ValueError) or "kernel" not in text:
            raise
        raise type(error)(text.replace("kernels", "templates").replace("kernel", "template")) from None


class MatchPlan:
    """What follows from the keywords, shapes and types; holds no arrays."""

    def __init__(
        self,
        scoring: Scoring,
        images_shape: tuple[int, ...],
        images_dtype: np.dtype[Any],
        templates_shape: tuple[int, ...],
        templates_dtype: np.dtype[Any],
        masked: bool,
    ) -> None:
        settings = self.settings = scoring.settings
        self.scoring = scoring
        with of_templates():
            if settings.pairwise:
                templates_shape = of_one_image(settings.layout, images_shape, templates_shape)
            self.layout = read_layout(images_shape, templates_shape, settings.layout)
            image, bank = operand_sizes(images_shape, templates_shape, self.layout)
            self.n_responses = bank[0]
            reading = reading_of(images_shape, templates_shape, self.layout, 1)
            if self.layout.each_channel:
                image, bank = (*image[:-1], 1), (1, *bank[1:])
            geometry = make_geometry(
                image,
                bank,
                padding=settings.padding,
                stride=settings.stride,
                dilation=settings.dilation,
                operands=("images", "templates"),
                reading=reading,
                n_axes=self.layout.n_axes,
            )
        self.geometry = geometry
        pads = any(axis.before or axis.behind for axis in geometry.axes)
        self.unseen_padding = scoring.fill is None and pads and "constant" in settings.boundary
        self.masked = masked or self.unseen_padding
        self._choose_types(images_dtype, templates_dtype)
        rows, columns = (
            ((0, length) if bounds is None else places_of(bounds, length))
            for bounds, length in zip(settings.roi or (None, None), geometry.outputs, strict=True)
        )
        self.roi = Area((rows[0], columns[0]), (rows[1], columns[1]))
        self.peaks = peaks_of(settings.reduce, settings.over, (rows, columns), self.response)
        self.reduction = reduction_of(
            None if isinstance(settings.reduce, Peaks) else settings.reduce,
            settings.over,
            self.layout,
            self.n_responses,
            (rows, columns),
            self.response,
        )
        self.sizes = (1, *self.roi.counts, self.n_responses)
        self.n_taps = prod(geometry.kernel_shape)

    def part(self, area: Span) -> "MatchPlan":
        """The plan of some rows and columns of the scores, which have these bits."""
        plan = copy.copy(self)
        (top, n_rows), (left, n_columns) = area
        plan.roi = Area((self.roi.first[0] + top, self.roi.first[1] + left), (n_rows, n_columns))
        plan.sizes = (1, n_rows, n_columns, self.n_responses)
        return plan

    def _choose_types(self, images: np.dtype[Any], templates: np.dtype[Any]) -> None:
        """The types of the scores, of what is computed and how it is stored, and deviations that are flat."""
        for argument, dtype in (("images", images), ("templates", templates)):
            if dtype.kind not in "biuf":
                raise TypeError(f"{argument}: got dtype {dtype}; allowed are {NUMBERS}")
        integers = images.kind in "biu" and templates.kind in "biu"
        natural = np.dtype(np.float64) if integers else np.result_type(images, templates, np.float32)
        self.exact = integers and not self.masked and self.scoring.score in EXACT
        flat = FLAT[natural.char]
        self.flat = tuple(0.0 if dtype.kind in "biu" else flat for dtype in (images, templates))
        wanted = self.settings.dtype
        self.response = np.dtype(np.int64) if self.exact and wanted is None else natural
        if wanted is not None:
            self.response = read_dtype(wanted)
            if self.response.kind not in ("iuf" if self.exact else "f"):
                kinds = "an integer or float type" if self.exact else "a float type"
                raise TypeError(f"dtype: got {self.response} for a score of {natural}; allowed is {kinds}")
        self.computed = natural if self.response.kind in "iu" else np.result_type(natural, self.response)
        self.scored = np.dtype(np.int64) if self.exact else self.computed
        self.tolerance = 1e-5 if self.computed == np.float32 else 1e-10

    def response_shape(self, n_images: int) -> tuple[int, ...]:
        """The shape of the scores of that many images."""
        shape = arranged((n_images, *self.sizes[1:]), self.layout.response)
        checked(prod(shape) * self.response.itemsize, "images", f"the bytes of scores of shape {shape}")
        return shape

    def of_rows(self, first: int, count: int) -> "MatchPlan":
        """The plan of some rows of the scores, counted from the first one that is wanted."""
        part = copy.copy(self)
        part.roi = Area((self.roi.first[0] + first, self.roi.first[1]), (count, self.roi.counts[1]))
        part.sizes = (1, *part.roi.counts, self.n_responses)
        return part

    def fill_of(self, images_dtype: np.dtype[Any]) -> npt.NDArray[np.float64]:
        """The fill value of each channel of one image as the sums see it."""
        n_channels = self.n_responses if self.layout.each_channel else self.geometry.channels
        fill = 0 if self.scoring.fill is None else self.scoring.fill
        numbers = take_fill(fill, images_dtype.newbyteorder("="), self.settings.boundary, n_channels)
        if any(isinstance(number, complex) for number in numbers):
            raise ValueError(f"fill_value: got {shown(fill)}; allowed is a value of the images' dtype {images_dtype}")
        return np.array(np.broadcast_to(np.array(numbers, np.float64), (n_channels,)))


def n_images_of(shape: Sequence[int], axis: int) -> int:
    """The images of a batch; 1 where there is no such axis."""
    return shape[axis] if axis >= 0 else 1
