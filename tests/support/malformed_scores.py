"""Calls of match, masks, reductions and peaks that must be refused: a sound call with one argument changed."""

import numpy as np
from malformed import IMAGES, KERNELS, MASKED, NOT_ARRAYS, TYPE, VALUE, Raises, label_of
from malformed_others import Refused

import xcorr


def matcher(images, templates, **keywords):
    """The call of a matcher that `match` would be."""
    of_call = {name: keywords.pop(name) for name in ("mask", "out", "workers") if name in keywords}
    return xcorr.Matcher(templates, **keywords)(images, **of_call)


def correlator(images, kernels, **keywords):
    """The call of a prepared bank that `correlate` would be."""
    of_call = {name: keywords.pop(name) for name in ("out", "workers") if name in keywords}
    return xcorr.Correlator(kernels, **keywords)(images, **of_call)


def found(responses, layout=None, **keywords):
    """Peaks of finished responses."""
    return xcorr.Peaks(**keywords)(responses, layout)


SCORED, SUMMED = (xcorr.match, matcher), (xcorr.correlate, correlator, xcorr.convolve)
SOUND = {
    **{function: {"images": IMAGES, "templates": KERNELS} for function in SCORED},
    **{function: {"images": IMAGES, "kernels": KERNELS} for function in SUMMED},
    found: {"responses": IMAGES, "k": 2},
}

COMPLEX = IMAGES.astype(np.complex64)
NO_NUMBERS = ("half", None, 1j, (1,), b"1", {"a": 1}, object(), Raises())
WORDS = (("nonsense", VALUE), ("", VALUE), (3, TYPE), (b"max", TYPE), (Raises(), TYPE))

ROWS = [  # functions, the argument, its value, the error, what else the message says
    *((SCORED, "score", value, error) for value, error in (*WORDS, (None, TYPE), ("ZNCC", VALUE))),
    *((SCORED, "min_overlap", value, VALUE) for value in (1.5, -0.1, float("nan"), float("inf"), 10**400)),
    *((SCORED, "min_overlap", value, TYPE) for value in NO_NUMBERS),
    *((SCORED, "undefined", value, TYPE) for value in NO_NUMBERS if value is not None),
    *((SCORED, "images", value, TYPE) for value in (*NOT_ARRAYS, COMPLEX)),
    *((SCORED, "templates", value, TYPE) for value in (*NOT_ARRAYS, COMPLEX)),
    *((SCORED, "templates", np.ones(shape), VALUE) for shape in ((), (3,), (3, 9, 2, 4), (3, 3, 2, 3), (3, 0, 2, 4))),
    *((SCORED, "stride", value, VALUE) for value in (0, -1, (1, 2, 3))),
    *((SCORED, "dilation", value, error) for value, error in ((0, VALUE), (1.5, TYPE), ("2", TYPE), (2**62, VALUE))),
    *(
        (SCORED, "padding", value, error)
        for value, error in ((-1, VALUE), ("all", VALUE), (None, TYPE), (2**62, VALUE))
    ),
    *((SCORED, "method", value, VALUE) for value in ("nonsense", "winograd")),
    *((SCORED, "dtype", value, TYPE) for value in ("nonsense", "complex64", "int32", "longdouble", object)),
    *((SCORED, "workers", value, error) for value, error in ((0, VALUE), (-2, VALUE), (1.0, TYPE), ("2", TYPE))),
    *((SCORED, "out", value, error) for value, error in ((np.zeros((2, 6, 8, 4), "f4"), VALUE), (3, TYPE))),
    (SCORED, "out", np.zeros((2, 6, 8, 3), "f8"), TYPE),
    (SCORED, "template_mask", "finite", VALUE),
    *(((*SCORED, *SUMMED), "mask", value, VALUE) for value in ("isfinite", np.ones((8, 8)), np.full((8, 9), 2.0))),
    *(((*SCORED, *SUMMED), "mask", value, VALUE) for value in (np.full((8, 9), -0.1), np.full((8, 9), np.nan))),
    *(((*SCORED, *SUMMED), "mask", value, TYPE) for value in (np.ones((8, 9), complex), MASKED, "U3")[:2]),
    *((SCORED, "template_mask", value, VALUE) for value in (np.ones((3, 3)), np.full((3, 2), 1.5))),
    *((SUMMED, "normalize", value, TYPE) for value in (1, 0, None, "yes", np.ones(1, bool))),
    *(((*SCORED, *SUMMED), "reduce", value, error) for value, error in WORDS[:-1]),
    *(((*SCORED, *SUMMED), "reduce", value, VALUE) for value in ("median", ("max", "median"), ())),
    *(((*SCORED, *SUMMED), "reduce", value, TYPE) for value in (("max", 3), {"max"}, max, np.max, 1j)),
    *(((*SCORED, *SUMMED), "over", value, error) for value, error in WORDS),
    *((SUMMED, "roi", value, TYPE) for value in (3, "all", (1, 2))),
    *(((*SCORED, *SUMMED), "roi", (slice(0, 4, 2), slice(2)), VALUE),),
    *((SCORED, "pairwise", value, TYPE) for value in (1, None, "True")),
    *(
        ((found,), "k", value, error)
        for value, error in ((0, VALUE), (-1, VALUE), (1.0, TYPE), (True, TYPE), ("1", TYPE))
    ),
    *(((found,), "threshold", value, error) for value, error in ((float("nan"), VALUE), ("1", TYPE), (1j, TYPE))),
    *(((found,), "threshold", value, TYPE) for value in (True, (1,), Raises(), np.ones(2))),
    *(((found,), "min_distance", value, error) for value, error in ((0, VALUE), (1.5, TYPE), (None, TYPE))),
    *(((found,), "border", value, error) for value, error in ((-1, VALUE), (0.5, TYPE), ("1", TYPE))),
    *(((found,), "largest", value, TYPE) for value in (1, 0, None, "max", Raises())),
    *(((found,), "subpixel", value, error) for value, error in (("cubic", VALUE), (3, TYPE), (Raises(), TYPE))),
    *(((found,), "per", value, error) for value, error in (("batch", VALUE), (None, TYPE), (3, TYPE))),
    *(((found,), "layout", value, error) for value, error in (("HWC", VALUE), (3, TYPE))),
    *(((found,), "responses", value, TYPE) for value in (*NOT_ARRAYS, COMPLEX)),
    *(((found,), "responses", np.ones(shape), VALUE) for shape in ((3,), (2, 0, 3, 1), (2, 3, 0, 1))),
]


def refused(function, name, value, error):
    """The row of one function; where something else may be named first, both are allowed."""
    label = f"{function.__name__}-{name}={label_of(value)}".replace(" ", "")
    label += f"-{value.dtype}-{value.shape}" if isinstance(value, np.ndarray) else ""
    return Refused(label, function, {**SOUND[function], name: value}, error, ARGUMENTS.get(name, name))


ARGUMENTS = {"templates": "templates|images|layout", "responses": "responses|layout"}
"""What a message may begin with in the place of an argument's name."""

SCORES = [refused(function, *row) for functions, *row in ROWS for function in functions]
