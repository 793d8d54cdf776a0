"""R27: reductions, parts and pairs of random calls beside NumPy on the whole response."""

from typing import Any
from unittest import mock

import numpy as np
from bits import draw_bits_call
from calls import MEMORY, Call, whole_call
from draws import Draw, drawn_row
from support import checks, reductions

import xcorr
from xcorr import _reduce_peaks

EXTREMES, OTHERS = ("max", "min", "argmax", "argmin"), ("ppv", "mean", "energy")
BOUNDS = (None, 0, 1, 2, 5, 100, -1, -2, -5, -100)
UNKNOWN = (np.nan, np.inf, -np.inf, 1e30, 1e-40, 0.0, -0.0)


def check_reduced(draw: Draw) -> None:
    """A call in which a part is asked for, or pairs are, or neither; what it is reduced to is NumPy's of it."""
    call = draw_call(draw)
    pairs, whole = None, None
    if len(call.images) and call.images.ndim == len(call.layout) and draw.one_in(3):
        call, pairs = as_pairs(draw, call)
        whole = np.stack([pair.run() for pair in pairs])
        assert_same(call.run(), whole)
    roi = draw_roi(draw) if draw.one_in(2) else None
    if roi is not None:
        whole = call.run() if whole is None else whole
        call = changed(draw, call, roi=roi)
        part = slices(whole, call, roi)
        response = call.run()
        if call.method != "auto" or whole.dtype.kind in "iu":
            assert_same(response, part)
        assert response.shape == part.shape, f"a part of shape {response.shape} instead of {part.shape}"
    if call.dtype().kind == "c":
        refuses(call)
    else:
        check_reductions(draw, call)
        check_peaks(draw, call)


def draw_call(draw: Draw) -> Call:
    """Whole numbers, of whose responses many are equal, or full significands; some that are not finite."""
    call = whole_call(draw) if draw.one_in(2) else draw_bits_call(draw, 10_000, draw.of((1, 1, 2, 3, 5)))
    if call.images.dtype.kind == "f" and draw.one_in(4) and call.images.size:
        images = call.images.copy()
        with np.errstate(all="ignore"):
            images.flat[draw.up_to(images.size - 1)] = draw.of(UNKNOWN)
        call = call._replace(images=images)
    draw.call = call
    try:
        call.run()
    except OverflowError:
        return changed(draw, call, overflow="saturate")
    return call


def changed(draw: Draw, call: Call, **keywords: Any) -> Call:
    draw.call = call._replace(keywords={**call.keywords, **keywords})
    return draw.call


def as_pairs(draw: Draw, call: Call) -> tuple[Call, list[Call]]:
    """The call with a kernel or bank for each image, and those of the pairs alone."""
    call.keywords["layout"] = call.layout
    own = [np.roll(call.kernels, index, axis=-1) for index in range(len(call.images))]
    kernels = MEMORY[draw.of(("plain", "fortran", "reversed", "as it is"))](draw, np.stack(own))
    alone = [call._replace(images=image, kernels=bank) for image, bank in zip(call.images, kernels, strict=True)]
    return changed(draw, call._replace(kernels=kernels), pairwise=True), alone


def draw_roi(draw: Draw) -> tuple[slice, slice]:
    rows, columns = (slice(draw.of(BOUNDS), draw.of(BOUNDS), draw.of((None, 1))) for _ in range(2))
    return rows, columns


def slices(response: np.ndarray, call: Call, roi: tuple[slice, slice]) -> np.ndarray:
    """The part of a whole response."""
    has_images = call.images.ndim == len(call.layout)
    before = has_images + (call.layout == "NCHW" and has_kernel_axis(call))
    return response[(slice(None),) * before + roi]


def has_kernel_axis(call: Call) -> bool:
    return call.kernels.ndim - call.keywords.get("pairwise", False) == len(call.layout)


def refuses(call: Call) -> None:
    try:
        call.run(reduce="max")
    except TypeError as error:
        assert "reduce: got 'max' for responses of complex" in str(error)
    else:
        raise AssertionError("the largest of complex numbers")


def check_reductions(draw: Draw, call: Call) -> None:
    response = call.run()
    axes = reductions.axes_of(call.images, call.kernels, **{**call.keywords, "layout": call.layout})
    for over in reductions.OVERS:
        names = OTHERS if lacks_all(response, axes, over) else (*EXTREMES, *OTHERS)
        if response.dtype.kind in "iu" and response.size and largest(response) ** 2 * response.size >= 2**63:
            names = tuple(name for name in names if name != "energy")
        found = call.run(reduce=names, over=over)
        reductions.assert_are_of(found, response, names, over, axes)
        order, workers = draw.of(("plain", "fortran", "reversed", "spaced")), draw.of((1, 2, 3))
        one = draw.of(names)
        own = found[names.index(one)]
        out = MEMORY[order](draw, np.full_like(own, 77)) if own.ndim else np.full_like(own, 77)
        assert call.run(reduce=one, over=over, workers=workers, out=out) is out
        assert_same(out, own)


def check_peaks(draw: Draw, call: Call) -> None:
    """Those of the finished responses, however few of these are there at once."""
    response = call.run()
    axes = reductions.axes_of(call.images, call.kernels, **{**call.keywords, "layout": call.layout})
    if 0 in reductions.in_order(response, axes).shape[2:]:
        return
    peaks = draw_peaks(draw)
    expected = reductions.of_map(peaks, response, axes)
    found = found_peaks(draw, call, peaks)
    assert found.dtype == expected.dtype
    assert found.shape == expected.shape, f"{peaks} of shape {found.shape} instead of {expected.shape}"
    assert found.tobytes() == expected.tobytes(), f"{peaks} of other bits"


def found_peaks(draw: Draw, call: Call, peaks: xcorr.Peaks) -> np.ndarray:
    """Peaks of a call, of whose responses so many bytes or kernels are there at once."""
    n_bytes, n_kernels = draw.of(((2**26, 64), (1, 1), (500, 2), (3000, 64)))
    with (
        mock.patch.object(_reduce_peaks, "BYTES_AT_ONCE", n_bytes),
        mock.patch.object(_reduce_peaks, "LEAST_KERNELS", n_kernels),
    ):
        return call.run(reduce=peaks)


def draw_peaks(draw: Draw) -> xcorr.Peaks:
    return xcorr.Peaks(
        draw.of((1, 2, 5, 20)),
        threshold=draw.of((None, None, 0, 1.5, -3)),
        min_distance=draw.of((1, 2, 4, 9)),
        border=draw.of((0, 0, 1, 3)),
        largest=not draw.one_in(3),
        subpixel=draw.of((None, "parabola", "gaussian")),
        per=draw.of(("kernel", "image")),
    )


def lacks_all(response: np.ndarray, axes: Any, over: str) -> bool:
    """Whether there is nothing of which one could be the largest."""
    ordered = reductions.in_order(response, axes)
    return 0 in (ordered.shape[1:2] if over == "kernels" else ordered.shape[2:])


def largest(response: np.ndarray) -> int:
    return max(abs(int(response.max())), abs(int(response.min())))


def assert_same(found: np.ndarray, expected: np.ndarray) -> None:
    """The same but for the memory that it lies in, and for the bits of NaN."""
    assert found.shape == expected.shape, f"shape {found.shape} instead of {expected.shape}"
    checks.assert_same_bits(np.array(found, order="C"), np.array(expected, order="C"))


ROWS = [
    drawn_row(
        "R27",
        "reduce, roi and pairwise beside NumPy on the whole response: every method, level, layout, dtype and out",
        "extremes, places, shares, peaks, parts and pairs bit for bit, sums within their bound",
        check_reduced,
        "differences",
    )
]
