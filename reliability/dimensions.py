"""R31: calls with one and with three spatial axes, beside the definition, and their bits done in other ways."""

from typing import Any

import numpy as np
from calls import LEVELS, MEMORY
from draws import Draw, drawn_row
from support import axes, checks, matching

import xcorr
from xcorr import _dispatch, _reference

REDUCTIONS = ("max", "min", "argmax", "argmin", "ppv")
EXACT = ("score", "depth", "row", "column", "kernel")


def draw_call(draw: Draw) -> tuple[np.ndarray, np.ndarray, dict[str, Any]]:
    """Images, kernels and keywords."""
    images, kernels, keywords = axes.random_call(draw.rng, draw.of((1, 3)))
    draw.call = f"{images.dtype}{images.shape} {kernels.dtype}{kernels.shape} {keywords}"
    return images, kernels, keywords


def check_response(draw: Draw) -> None:
    """A response is the definition's, and has the same bits in other orders of memory, by workers and in `out`."""
    images, kernels, keywords = draw_call(draw)
    if draw.one_in(3):
        keywords["method"] = draw.of(("direct", "matmul", "fft"))
    words = {name: value for name, value in keywords.items() if name != "method"}
    try:
        whole = xcorr.correlate(images, kernels, workers=1, **keywords)
    except ValueError as error:
        assert "cannot do this job" in str(error), error
        return
    if keywords.get("method") != "fft" and whole.dtype.kind != "c":
        axes.check(images, kernels, words, whole)
    else:
        expected = _reference.correlate(images, kernels, **words).astype(np.complex128)
        size = float(np.abs(expected).max(initial=1))
        rough = {np.float16: 5e-3, np.float32: 1e-4, np.complex64: 1e-4}.get(whole.dtype.type, 1e-9)
        assert np.abs(whole - expected).max(initial=0) <= rough * max(size, 100), "far from the definition"
    given = [MEMORY[draw.of(tuple(MEMORY))](draw, one) for one in (images, kernels)]
    out = MEMORY[draw.of(("plain", "fortran", "reversed", "spaced"))](draw, np.empty_like(whole))
    bank = xcorr.Correlator(given[1], **keywords)
    checks.assert_same_bits(bank(given[0], out=out, workers=draw.of((1, 2, 3))), whole)


def check_reduced(draw: Draw) -> None:
    """What NumPy makes of the response."""
    images, kernels, keywords = draw_call(draw)
    layout, name, over = keywords["layout"], draw.of(REDUCTIONS), draw.of(("positions", "kernels"))
    response = xcorr.correlate(images, kernels, **keywords)
    if response.dtype.kind == "c":
        return
    n_axes = sum(letter in "DHW" for letter in layout)
    has_kernels = kernels.ndim == len(layout) or ("C" in layout and kernels.ndim == n_axes)
    words = {"layout": layout, "has_images": images.ndim == len(layout), "has_kernels": has_kernels}
    expected = _reference.reduce(response, name, over=over, **words)
    if name.startswith("arg") and over == "positions" and "roi" in keywords:
        expected = expected + np.array([part.start for part in keywords["roi"]])
    got = xcorr.correlate(images, kernels, reduce=name, over=over, **keywords)
    np.testing.assert_array_equal(got, expected)


def check_peaks(draw: Draw) -> None:
    """The definition's peaks of the response, found in it and without it."""
    images, kernels, keywords = draw_call(draw)
    response = xcorr.correlate(images, kernels, **keywords)
    if response.dtype.kind == "c":
        return
    layout = keywords["layout"]
    n_axes = sum(letter in "DHW" for letter in layout)
    one_kernel = kernels.ndim < len(layout) and not ("C" in layout and kernels.ndim == n_axes)
    word = layout.replace("C", "") if one_kernel else layout if "C" in layout else f"{layout}C"
    words = {
        "min_distance": draw.of((1, 1, 2, 3)),
        "border": draw.of((0, 0, 1)),
        "largest": not draw.one_in(3),
        "per": draw.of(("kernel", "image")),
        "subpixel": draw.of((None, "parabola", "gaussian")),
    }
    k = draw.of((1, 2, 5))
    expected = _reference.peaks(response, k, layout=word, **words)
    found = xcorr.Peaks(k, **words)(response, word)
    assert (found.dtype, found.shape) == (expected.dtype, expected.shape), found.dtype
    for name in found.dtype.names or ():
        if name in EXACT:
            np.testing.assert_array_equal(found[name], expected[name], name)
        else:
            np.testing.assert_allclose(found[name], expected[name], rtol=0, atol=1e-9, err_msg=name)
    if "roi" not in keywords:
        in_call = xcorr.correlate(images, kernels, reduce=xcorr.Peaks(k, **words), **keywords)
        for name in found.dtype.names or ():
            np.testing.assert_array_equal(in_call[name], found[name], name)


def check_scores(draw: Draw) -> None:
    """The definition's scores."""
    images, kernels, keywords = draw_call(draw)
    if images.dtype.kind == "c":
        return
    layout = keywords["layout"]
    for name in ("groups", "bias", "fill_value"):
        keywords.pop(name, None)
    if "C" in layout and kernels.ndim > sum(letter in "DHW" for letter in layout):
        at = layout.index("C") - len(layout)
        shape = list(kernels.shape)
        shape[at] = images.shape[at]
        kernels = np.resize(kernels, shape)
    if draw.one_in(2):
        keywords["mask"] = axes.random_mask(draw.rng, images, layout)
    score = draw.of(matching.SCORES)
    draw.call = f"{draw.call} {score} {keywords.get('mask') is None}"
    got = xcorr.match(images, kernels, score=score, **keywords)
    matching.assert_scores(got, _reference.match(images, kernels, score=score, **keywords), score, images, kernels)


def check_dimensions(draw: Draw) -> None:
    check = draw.of((check_response, check_response, check_response, check_reduced, check_peaks, check_scores))
    with _dispatch.using_level(draw.of(LEVELS).name):
        check(draw)


ROWS = [
    drawn_row(
        "R31",
        "calls with one and with three spatial axes beside the definition: responses, masks, reductions, peaks and "
        "scores, every layout, dtype, boundary, method, order of memory and workers",
        "bounds hold, bits are the same, 0 differences",
        check_dimensions,
        "differences",
    )
]
