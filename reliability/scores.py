"""R25: scores of templates against exact ones, of small calls in full and of large ones at some of their windows."""

from typing import Any

import numpy as np
from calls import LEVELS, MEMORY
from draws import Draw, drawn_row
from matching import SCORES, TOLERANCES, assert_scores, random_call, shares, values
from support import checks

import xcorr
from xcorr import _dispatch, _reference

DTYPES = (checks.FLOATS, checks.INTEGERS, (*checks.FLOATS, *checks.INTEGERS))
SIDES = (3, 8, 9, 16, 32, 33, 64, 100)
PLACES = 40
"""Windows of a large call that are compared, at random and beside a border or a step each."""


def check_scores(draw: Draw) -> float:
    """The largest error as a share of its bound, of scores that are bounded by themselves."""
    with _dispatch.using_level(draw.of(LEVELS).name):
        return check_some(draw) if draw.one_in(8) else check_all(draw)


def check_all(draw: Draw) -> float:
    """A small call against the definition."""
    rng, score = draw.rng, draw.of(SCORES)
    images, templates, keywords = random_call(rng, draw.of(DTYPES))
    if draw.one_in(8):  # the same row or image again and again, with a stride of 0
        images = np.broadcast_to(images.take([0], draw.up_to(images.ndim - 1)), images.shape)
    if draw.one_in(6):
        images, templates = pairs_of(draw, images, templates, keywords)
    draw.call = told(images, templates, score, keywords)
    expected = _reference.match(images, templates, score=score, **keywords)
    if draw.one_in(4):
        expected = part_of(draw, expected, images, keywords)
    operands = (MEMORY[draw.of(tuple(MEMORY))](draw, operand) for operand in (images, templates))
    method, workers = draw.of(("auto", "direct", "matmul", "fft")), draw.of((None, 1, 2, 3))
    draw.call = f"{draw.call}, {method}, {workers} workers, {_dispatch.current().name}"
    out = None
    if draw.one_in(3):
        dtype = np.int64 if expected.dtype == object else score_type(images, templates)
        out = MEMORY[draw.of(("plain", "fortran", "reversed", "spaced"))](draw, np.full(expected.shape, 77, dtype))
    got = run(draw, *operands, score=score, method=method, workers=workers, out=out, **keywords)
    assert out is None or got is out
    assert_scores(got, expected, score, images, templates)
    return share_of_bound(got, expected) if score in ("zncc", "ncc") else 0


def pairs_of(draw: Draw, images: np.ndarray, templates: np.ndarray, keywords: dict[str, Any]) -> tuple[Any, Any]:
    """The same templates in turn, one bank for each image."""
    layout = keywords["layout"]
    for name in ("mask", "template_mask"):
        if isinstance(keywords.get(name), np.ndarray):
            del keywords[name]
    if images.ndim < len(layout):
        images = np.stack([images, images[::-1]])
    keywords["pairwise"] = True
    return images, np.stack([templates if index % 2 else np.flip(templates, -1) for index in range(len(images))])


def part_of(draw: Draw, expected: np.ndarray, images: np.ndarray, keywords: dict[str, Any]) -> np.ndarray:
    """Some rows and columns of a response, and the keyword that asks for them."""
    first = int(images.ndim == len(keywords["layout"])) + (keywords["layout"] == "NCHW")
    if expected.ndim < first + 2:
        first = expected.ndim - 2
    bounds = []
    for length in expected.shape[first : first + 2]:
        begin = draw.up_to(length - 1)
        bounds.append(slice(begin, begin + 1 + draw.up_to(length - begin - 1)))
    keywords["roi"] = tuple(bounds)
    return expected[(*([slice(None)] * first), *bounds)]


def told(images: np.ndarray, templates: np.ndarray, score: str, keywords: dict[str, Any]) -> str:
    """What a remark says of a call."""
    words = {name: word.shape if isinstance(word, np.ndarray) else word for name, word in keywords.items()}
    return f"{score} of {images.dtype}{images.shape} and {templates.dtype}{templates.shape}, {words}"


def score_type(images: np.ndarray, templates: np.ndarray) -> np.dtype:
    """The type of scores that are no whole numbers."""
    integers = images.dtype.kind in "biu" and templates.dtype.kind in "biu"
    return np.dtype(np.float64) if integers else np.result_type(images, templates, np.float32)


def run(draw: Draw, images: np.ndarray, templates: np.ndarray, **keywords: Any) -> np.ndarray:
    """The scores, by `match` or by a matcher."""
    if draw.one_in(2):
        return xcorr.match(images, templates, **keywords)
    of_call = {name: keywords.pop(name) for name in ("mask", "out", "workers") if name in keywords}
    return xcorr.Matcher(templates, **keywords)(images, **of_call)


def share_of_bound(got: np.ndarray, expected: np.ndarray) -> float:
    """The largest error as a share of what it may be."""
    finite = np.isfinite(expected.astype(np.float64))
    errors = np.abs(got[finite].astype(np.float64) - expected[finite].astype(np.float64))
    return float(errors.max(initial=0)) / TOLERANCES[got.dtype.name]


# --- large calls ------------------------------------------------------------------------------------------------------


def check_some(draw: Draw) -> float:
    """Some windows of a call of several areas and sections, by themselves."""
    rng, score = draw.rng, draw.of(("zncc", "zncc", "ncc"))
    taps = draw.of(SIDES), draw.of(SIDES)
    sizes = [tap + draw.up_to(most) for tap, most in zip(taps, (400, 700))]
    channels, dtype = draw.of((1, 1, 2)), draw.of(("float32", "float32", "float64", "uint8", "int16"))
    image = values(rng, (*sizes, channels), dtype, draw.of(("noise", "offset", "step", "constant", "sparse", "scale")))
    if image.dtype.kind == "f" and draw.one_in(4):  # whose transform is a point, beside what is faint
        image = np.where(
            np.arange(sizes[1])[:, None] < sizes[1] // 2, image * image.dtype.type(0.01), wave(draw, sizes)
        )
        image = image.astype(dtype)
    row, column = (draw.up_to(size - tap) for size, tap in zip(sizes, taps))
    template = image[row : row + taps[0], column : column + taps[1]]
    if draw.one_in(2):
        template = values(rng, template.shape, dtype, draw.of(("noise", "offset", "step", "constant", "scale")))
    keywords: dict[str, Any] = {}
    if draw.one_in(4):
        keywords["mask"] = shares(rng, image.shape[:2])
    if draw.one_in(4):
        keywords["template_mask"] = shares(rng, taps)
    method = draw.of(("auto", "fft", "fft", "direct"))
    draw.call = f"{told(image, template, score, keywords)}, {method}"
    got = xcorr.match(image, template, score=score, layout="NHWC", method=method, **keywords)
    places = some_places(draw, got)
    seen = keywords.pop("mask", None)
    worst = 0.0
    for row, column in places:
        box = slice(row, row + taps[0]), slice(column, column + taps[1])
        mask = None if seen is None else seen[box]
        exact = _reference.match(image[box], template, score=score, layout="NHWC", mask=mask, **keywords)
        own = got[row : row + 1, column : column + 1]
        assert_scores(own, exact, score, image[box], template)
        worst = max(worst, share_of_bound(own, exact))
    return worst


def wave(draw: Draw, sizes: list[int]) -> np.ndarray:
    """A wave of whole periods in some sections, (rows, columns, 1)."""
    steps = [np.arange(size) * (1 + draw.up_to(9)) for size in sizes]
    return np.cos(2 * np.pi * np.add.outer(*steps) / draw.of((32, 64, 128, 256)))[..., np.newaxis]


def some_places(draw: Draw, scores: np.ndarray) -> list[tuple[int, int]]:
    """Rows and columns of windows: at random, beside each other in the middle, at the corners and of extremes."""
    height, width = scores.shape[:2]
    places = [(draw.up_to(height - 1), draw.up_to(width - 1)) for _ in range(PLACES)]
    places += [(row, column) for row in (0, height - 1) for column in (0, width - 1)]
    finite = np.where(np.isfinite(scores), scores, 0)
    extremes = [finite.argmax(), finite.argmin(), np.abs(finite).argmin()]
    return places + [tuple(int(place) for place in np.unravel_index(one, scores.shape)) for one in extremes]


ROWS = [
    drawn_row(
        "R25",
        "scores of templates against exact ones: offsets to 1e5, contrast steps to 2e4, scales 2**-60 to 2**60, masks, "
        "what is not finite, every layout, order of memory, method and level",
        "<= 1e-5 (float64 1e-10), 0 violations",
        check_scores,
        "violations",
        bounded=True,
    )
]
