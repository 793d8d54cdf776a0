"""R26: peaks of finished maps, and of correlations that nobody keeps, beside the definition in plain Python."""

from typing import Any

import numpy as np
from calls import LEVELS, MEMORY
from draws import Draw, drawn_row
from reduced import draw_call, draw_peaks, found_peaks
from support import checks, reductions

import xcorr
from xcorr import _dispatch, _reference

DTYPES = (*checks.INTEGERS, *checks.FLOATS, *checks.FLOATS)
SIDES = (1, 1, 2, 3, 4, 5, 8, 9, 16, 17, 24)
LARGE_SIDES = (1, 31, 33, 64, 65, 100)
VOLUME_SIDES = (1, 1, 2, 3, 4, 5, 8)
LAYOUTS = {1: ("NWC", "NCW", "NW"), 2: ("NHWC", "NCHW", "NHW"), 3: ("NDHWC", "NCDHW", "NDHW")}
MOST_RESPONSES = 20_000
"""Responses of a call that Python goes through."""

SPECIALS = (np.nan, np.inf, -np.inf, 0.0, -0.0, 1.0)
KINDS = ("noise", "few values", "two values", "constant", "plateaus", "slopes", "ends", "not finite", "few numbers")
NEAR = 1e-9
"""Pixels by which places between pixels may differ: logarithms are rounded."""


# --- maps -------------------------------------------------------------------------------------------------------------


def draw_maps(draw: Draw) -> tuple[np.ndarray, str]:
    """Responses of some kind, (N, spatial axes, K), and the kind."""
    n_axes = draw.of((1, 2, 2, 2, 3))
    sides, most = (LARGE_SIDES, (1, 1)) if draw.one_in(100) else (SIDES, (3, 4))
    sides = sides if n_axes < 3 else VOLUME_SIDES
    shape = 1 + draw.up_to(most[0] - 1), *(draw.of(sides) for _ in range(n_axes)), 1 + draw.up_to(most[1] - 1)
    dtype, kind = np.dtype(draw.of(DTYPES)), draw.of(KINDS)
    return numbers(draw, shape, dtype, kind), kind


def numbers(draw: Draw, shape: tuple[int, ...], dtype: np.dtype, kind: str) -> np.ndarray:
    """Of integers, kinds that only floats have are noise."""
    rng = draw.rng
    if kind == "plateaus":
        found = numbers(draw, (shape[0], *(-(-side // 3) for side in shape[1:-1]), shape[-1]), dtype, "few values")
        for axis in range(1, len(shape) - 1):
            found = found.repeat(3, axis=axis).take(range(shape[axis]), axis)
        return found
    if kind in ("few values", "two values"):
        return checks.whole_numbers(rng, shape, dtype, 2 if kind == "few values" else 1)
    if kind == "constant":
        return np.broadcast_to(checks.whole_numbers(rng, (), dtype), shape).astype(dtype)
    if kind == "slopes":
        found = rng.integers(-1, 2, shape)
        for axis in range(1, len(shape) - 1):
            found = found.cumsum(axis=axis)
        return found.astype(dtype)
    if dtype.kind == "f":
        return floats(draw, shape, kind).astype(dtype)
    if dtype.kind == "b":
        return rng.random(shape) < draw.of((0.01, 0.5, 0.99))
    limits = np.iinfo(dtype)
    found = rng.integers(limits.min, limits.max, shape, dtype, endpoint=True)
    if kind == "ends":
        found = found % dtype.type(3)
        found = limits.max - found if draw.one_in(2) else limits.min + abs(found)
    return found.astype(dtype)


def floats(draw: Draw, shape: tuple[int, ...], kind: str) -> np.ndarray:
    rng = draw.rng
    if kind == "not finite":
        return rng.choice(SPECIALS, shape)
    if kind == "few numbers":
        return np.where(rng.random(shape) < 0.1, rng.standard_normal(shape), draw.of(SPECIALS[:3]))
    if kind == "ends":  # subnormal, or near the largest
        return rng.choice((1.0, -1.0), shape) * rng.random(shape) * draw.of((1e-45, 1e-7, 6e4))
    return rng.standard_normal(shape) * draw.of((1, 1, 1e-3, 1e4))


def draw_threshold(draw: Draw, maps: np.ndarray) -> Any:
    """None, one of the responses or nearly, or any number."""
    if draw.one_in(2):
        return None
    value = maps.flat[draw.up_to(maps.size - 1)].item()
    if value != value or draw.one_in(2):
        return draw.of((0, -0.0, 1, 1.5, -3, 0.1, np.inf, -np.inf, 2**63, -(2**64), 1e300, -2.5))
    value = int(value) if isinstance(value, bool) else value
    return draw.of((value, value + 0.5, value * (1 + 1e-12)))


def draw_keywords(draw: Draw, maps: np.ndarray) -> dict[str, Any]:
    peaks = draw_peaks(draw)
    keywords = {name: getattr(peaks, name) for name in ("min_distance", "border", "largest", "subpixel", "per")}
    return {**keywords, "threshold": draw_threshold(draw, maps)}


def check_maps(draw: Draw) -> None:
    """Maps in some layout, without the axes N or K or with them, and in some order of memory."""
    maps, kind = draw_maps(draw)
    keywords, k = draw_keywords(draw, maps), draw.of((1, 1, 2, 3, 5, 20, 300))
    layout = draw.of(LAYOUTS[maps.ndim - 2])
    arranged = np.moveaxis(maps, -1, 1) if layout.startswith("NC") else maps
    if "C" not in layout and draw.one_in(2):
        arranged = maps[..., 0]
    elif "C" in layout and draw.one_in(3):
        arranged = arranged[0]
    if layout in ("NHWC", "NHW") and arranged.ndim == 4 and draw.one_in(2):
        layout = None
    draw.call = f"Peaks({k}, {keywords}) of {arranged.dtype}{arranged.shape} in {layout}, {kind}"
    given = MEMORY[draw.of(tuple(MEMORY))](draw, arranged)
    with _dispatch.using_level(draw.of(LEVELS).name):
        found = xcorr.Peaks(k, **keywords)(given, layout)
    assert_same(found, _reference.peaks(arranged, k, layout=layout, **keywords))


# --- correlations -----------------------------------------------------------------------------------------------------


def check_correlations(draw: Draw) -> None:
    """Calls that keep no response, whatever is there at once."""
    call = draw_call(draw)
    if call.dtype().kind == "c":
        return
    response = call.run()
    axes = reductions.axes_of(call.images, call.kernels, **{**call.keywords, "layout": call.layout})
    if 0 in reductions.in_order(response, axes).shape[2:] or response.size > MOST_RESPONSES:
        return
    peaks = draw_peaks(draw)

    def definition(maps: np.ndarray, layout: str) -> np.ndarray:
        words = ("threshold", "min_distance", "border", "largest", "subpixel", "per")
        return _reference.peaks(maps, peaks.k, layout=layout, **{name: getattr(peaks, name) for name in words})

    expected = reductions.of_map(peaks, response, axes, definition)
    assert_same(found_peaks(draw, call, peaks), expected)
    out = MEMORY[draw.of(("plain", "fortran", "reversed", "spaced"))](draw, np.empty_like(expected))
    assert call.run(reduce=peaks, out=out) is out
    assert_same(out, expected)


def assert_same(found: np.ndarray, expected: np.ndarray) -> None:
    """The same records; what lies between pixels nearly."""
    assert found.dtype == expected.dtype, f"records of {found.dtype}"
    assert found.shape == expected.shape, f"shape {found.shape} instead of {expected.shape}"
    for name in expected.dtype.names or ():
        within = NEAR if name.startswith("sub_") else 0
        if within:
            np.testing.assert_allclose(found[name], expected[name], rtol=0, atol=within, err_msg=name)
        else:
            np.testing.assert_array_equal(found[name], expected[name], name)


def check_peaks(draw: Draw) -> None:
    if draw.one_in(6):
        check_correlations(draw)
    else:
        check_maps(draw)


ROWS = [
    drawn_row(
        "R26",
        "peaks of maps of every kind and of correlations that are not kept, beside the definition: few values, "
        "plateaus, NaN, infinity, every dtype, layout, order of memory and keyword",
        "0 differences, places between pixels to 1e-9",
        check_peaks,
        "differences",
    )
]
