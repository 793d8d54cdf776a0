"""Peaks of responses that no array has all of are those of the finished responses, to the bit."""

import numpy as np
import pytest
from checks import random_generator, real_numbers, whole_numbers
from looping import for_each
from pairs import SHAPES
from parts import CASES, PARTS, part_of
from reduced_calls import METHODS, operands
from reductions import axes_of, of_map

import xcorr
from xcorr import Peaks, _reduce_peaks

WAYS = {
    "one": Peaks(),
    "several": Peaks(5, min_distance=4, subpixel="parabola"),
    "of all kernels": Peaks(7, min_distance=3, per="image", subpixel="gaussian"),
    "minima": Peaks(3, largest=False, border=1),
    "over a bound": Peaks(4, threshold=2.5, min_distance=2, per="image"),
}
CUTS = ((2**26, 64), (1, 64), (5000, 7))
"""Bytes and kernels at once: all, single rows of many kernels, some of both."""


def assert_peaks(images, kernels, ways=tuple(WAYS), **keywords):
    """However the responses are cut, their peaks are the map's."""
    response = xcorr.correlate(images, kernels, **keywords)
    axes = axes_of(images, kernels, **{name: word for name, word in keywords.items() if name != "workers"})
    for way in ways:
        expected = of_map(WAYS[way], response, axes)
        found = xcorr.correlate(images, kernels, reduce=WAYS[way], **keywords)
        assert found.dtype == expected.dtype
        assert found.shape == expected.shape, way
        assert found.tobytes() == expected.tobytes(), way


@pytest.fixture(params=CUTS, ids=str)
def cuts(request, monkeypatch):
    monkeypatch.setattr(_reduce_peaks, "BYTES_AT_ONCE", request.param[0])
    monkeypatch.setattr(_reduce_peaks, "LEAST_KERNELS", request.param[1])
    return request.param


SMALL = [
    name
    for name, (images, kernels, _) in METHODS.items()
    if np.prod(images) * kernels[0] < 150_000 and max(images) < 1000  # a long line is done whole for each row
]


@for_each("name", SMALL)
def test_every_method(name, cuts):
    images, kernels, keywords = operands(name)
    if cuts[0] > 1 or len(images) * max(images.shape[1:]) < 250:  # else there are very many rows
        assert_peaks(images, kernels, workers=2, **keywords)


@for_each("name", ["over columns", "groups", "winograd, 5x5", "matmul, slabs"])
def test_single_rows_of_single_kernels(name, monkeypatch):
    monkeypatch.setattr(_reduce_peaks, "BYTES_AT_ONCE", 1)
    monkeypatch.setattr(_reduce_peaks, "LEAST_KERNELS", 1)
    images, kernels, keywords = operands(name)
    assert_peaks(images, kernels, ("several", "of all kernels"), **keywords)


@for_each("name", [name for name in METHODS if name not in SMALL])
def test_large_maps_of_every_method(name, monkeypatch):
    images, kernels, keywords = operands(name)
    monkeypatch.setattr(_reduce_peaks, "BYTES_AT_ONCE", max(2**16, 4 * images.size * len(kernels) // 7))
    assert_peaks(images, kernels, ("several", "over a bound"), workers=2, **keywords)


@for_each("case", CASES)
@for_each("dtype", ["float32", "int16", "float16"])
def test_parts(case, dtype, cuts):
    method, image, kernels, keywords = CASES[case]
    if (method == "winograd" and dtype != "float32") or (max(image) > 5000 and cuts[0] < 2**26):
        return
    rng = random_generator("peaks", image, kernels, dtype)
    images, bank = ((8 * real_numbers(rng, shape, "float64")).astype(dtype) for shape in ((2, *image), kernels))
    for way in {method, "auto"} if dtype == "float32" else {method}:
        words = {"layout": "NHWC", "method": way, **keywords}
        shape = xcorr.correlate(images, bank, **words).shape
        for shares in PARTS[1 : 2 if cuts[0] == 1 else 3]:  # single rows take long
            assert_peaks(images, bank, ("several", "of all kernels"), roi=part_of(shape[1:3], shares), **words)


@for_each("name", SHAPES)
def test_pairs(name, cuts):
    layout, images, kernels, keywords = SHAPES[name]
    rng = random_generator("peaks of pairs", name)
    batch, banks = real_numbers(rng, images, "float32"), real_numbers(rng, kernels, "float32")
    assert_peaks(batch, banks, layout=layout, pairwise=True, **keywords)


@for_each("dtype", ["uint8", "int8", "int32", "int64", "uint64", "float16"])
@for_each("asked", [None, "uint8", "int16", "uint32", "uint64", "float64"])
def test_every_type_of_responses(dtype, asked, cuts):
    rng = random_generator("types", dtype, asked)
    images, kernels = whole_numbers(rng, (2, 12, 13), dtype, 9), whole_numbers(rng, (3, 2, 2), dtype, 9)
    assert_peaks(images, kernels, layout="NHW", dtype=asked, overflow="saturate")
    ties = (images % 2).astype(dtype), np.ones((1, 1), dtype)
    assert_peaks(*ties, layout="NHW", dtype=asked, overflow="saturate")


def test_zeros_keep_their_sign_and_unknown_numbers_are_no_peaks(cuts):
    image = np.array([[-0.0, -1, 0.0, -1, np.nan], [-1, -1, -1, -1, -1], [np.inf, 1, -np.inf, 2, -0.0]])
    for sign in (1, -1):
        assert_peaks(sign * image, np.ones((1, 1)))
        assert_peaks(sign * np.float32(image), np.ones((2, 1, 1), np.float32), layout="NHW")
    assert_peaks(np.full((5, 6), -np.inf), np.ones((1, 1)))


def test_out_takes_the_records_and_is_as_it_was_after_an_error():
    images, kernels = np.arange(60.0).reshape(2, 5, 6) % 7, np.ones((3, 2, 2))
    words = {"layout": "NHW", "reduce": Peaks(2)}
    expected = xcorr.correlate(images, kernels, **words)
    out = np.zeros((2, *expected.shape), expected.dtype)[0][::-1]
    assert xcorr.correlate(images, kernels, out=out, **words) is out
    assert out.tobytes() == expected.tobytes()
    assert xcorr.Correlator(kernels, **words)(images).tobytes() == expected.tobytes()
    assert xcorr.convolve(images, kernels, **words).shape == (2, 3, 2)
    with pytest.raises(TypeError, match="out: got dtype float64"):
        xcorr.correlate(images, kernels, out=np.zeros(expected.shape), **words)
    large, own = (
        np.full((5, 6), 200, np.uint8),
        xcorr.correlate(np.uint8(images[0]), np.ones((1, 1), np.uint8), **words),
    )
    before = own.tobytes()
    with pytest.raises(TypeError, match="out"):
        xcorr.correlate(large, large[:2, :2], dtype="uint8", out=own, **words)
    own = own.astype(xcorr.correlate(np.uint8(images[0]), np.ones((1, 1), np.uint8), dtype="uint8", **words).dtype)
    before = own.tobytes()
    with pytest.raises(OverflowError, match="does not fit uint8"):
        xcorr.correlate(large, large[:2, :2], dtype="uint8", out=own, **words)
    assert own.tobytes() == before


@for_each(
    ("keywords", "error", "message"),
    [
        ({"over": "kernels"}, ValueError, r"over: got 'kernels' with Peaks\(1\); allowed is 'positions'"),
        ({"roi": (slice(2, 2), slice(None))}, ValueError, r"reduce: got Peaks\(1\) over no positions"),
        ({"dtype": "complex128"}, TypeError, r"reduce: got Peaks\(1\) for responses of complex128"),
        ({"reduce": (Peaks(1), "max")}, TypeError, "reduce: got .* a tuple of them and a Peaks"),
        ({"reduce": Peaks}, TypeError, "reduce: got .* a tuple of them and a Peaks"),
    ],
)
def test_what_is_refused(keywords, error, message):
    with pytest.raises(error, match=message):
        xcorr.correlate(np.ones((5, 6)), np.ones((2, 2)), **{"reduce": Peaks(1), **keywords})


def test_no_images_and_no_kernels_have_no_peaks():
    words = {"layout": "NHW", "reduce": Peaks(2)}
    assert xcorr.correlate(np.ones((0, 5, 6)), np.ones((3, 2, 2)), **words).shape == (0, 3, 2)
    assert xcorr.correlate(np.ones((4, 5, 6)), np.ones((0, 2, 2)), **words).shape == (4, 0, 2)
    of_all = xcorr.correlate(np.ones((4, 5, 6)), np.ones((0, 2, 2)), layout="NHW", reduce=Peaks(2, per="image"))
    assert of_all.shape == (4, 2)
    assert (of_all["kernel"] == -1).all()


def test_what_it_would_take_is_told():
    prepared = xcorr.Correlator(np.ones((16, 3, 3), np.float32), layout="NHW", reduce=Peaks(5))
    assert "of which Peaks(5) finds the best places, (9, 16, 5)" in prepared.explain((9, 500, 500))
    words = {"layout": "NHW", "reduce": Peaks(5)}
    assert xcorr.explain((9, 5000, 5000), (16, 3, 3), **words).workspace_bytes <= 2**28


@for_each("normalize", [False, True])
@for_each("roi", [None, (slice(2, 7), slice(-8, -1))])
def test_images_that_are_not_seen_everywhere(normalize, roi):
    rng = random_generator("seen", normalize, roi)
    images, mask = real_numbers(rng, (3, 12, 13), "float32"), rng.random((3, 12, 13)) < 0.7
    images[1, 4, 5] = np.nan
    words = {"layout": "NHW", "normalize": normalize, "padding": "same", "roi": roi}
    for seen in (mask, "finite", mask[0]):
        assert_peaks(images, real_numbers(rng, (4, 3, 3), "float32"), mask=seen, **words)
        assert_peaks(images, real_numbers(rng, (3, 2, 3, 3), "float32"), mask=seen, pairwise=True, **words)
        assert_peaks(images[0], real_numbers(rng, (3, 3), "float32"), mask=seen if seen is not mask else None, **words)


@pytest.mark.usefixtures("level")
def test_what_is_noted_of_rows_in_passing_is_their_largest_response(monkeypatch):
    calls = {  # images, kernels, keywords, and whether all responses are noted
        "direct": ((1, 90, 200), (3, 3), {"layout": "NHW"}, True),
        "images": ((40, 28, 28), (1, 5, 5), {"layout": "NHW", "padding": "same"}, True),
        "channels first": ((3, 2, 40, 50), (4, 2, 3, 3), {"layout": "NCHW"}, True),
        "winograd": ((2, 16, 40, 50), (8, 16, 3, 3), {"layout": "NCHW", "method": "winograd"}, True),
        "fft": ((2, 300, 310), (40, 40), {"layout": "NHW", "method": "fft"}, True),
        "fft, strides": ((1, 300, 310), (40, 40), {"layout": "NHW", "method": "fft", "stride": 2}, True),
        "kernels last": ((2, 40, 50), (3, 3, 3), {"layout": "NHW"}, False),
        "part": ((1, 90, 200), (3, 3), {"layout": "NHW", "roi": (slice(5, 50), slice(7, 90))}, None),
        "groups": ((2, 4, 40, 50), (4, 2, 3, 3), {"layout": "NCHW", "groups": 2}, None),
        "signals": ((2, 5000), (9,), {"layout": "NW"}, None),
    }
    found, find = [], _reduce_peaks.find_in_arrays

    def look(maps, records, words, workers, noted):
        found.append(noted.noted[0] == maps.size)
        if found[-1]:
            rows = (maps if words[4] else -maps).max(axis=2, initial=-np.inf)
            np.testing.assert_array_equal(noted.rows, np.where(np.isnan(rows), np.inf, rows).transpose(0, 2, 1))
        find(maps, records, words, workers, noted)

    monkeypatch.setattr(_reduce_peaks, "find_in_arrays", look)
    rng = random_generator("noted")
    for name, (images, kernels, keywords, all_noted) in calls.items():
        for kind in ("numbers", "unknown", "subnormal pixels", "subnormal tap"):
            batch, bank = rng.standard_normal(images, np.float32), rng.standard_normal(kernels, np.float32)
            if kind == "unknown":
                batch.flat[batch.size // 2] = np.nan
            elif kind == "subnormal pixels":
                batch[:1] *= 1e-41
            elif kind == "subnormal tap":
                bank.flat[0] = 1e-41
            for largest, workers in ((True, 1), (False, 2)):
                peaks = xcorr.Peaks(3, largest=largest, min_distance=2)
                fused = xcorr.correlate(batch, bank, reduce=peaks, workers=workers, **keywords)
                assert fused.tobytes() == peaks_of_map(batch, bank, peaks, keywords).tobytes(), (name, kind)
                if kind == "numbers" and all_noted is not None:
                    assert found[-1] == all_noted, name


def peaks_of_map(images, kernels, peaks, keywords):
    """The peaks of the whole map, with places of the whole response."""
    keywords = dict(keywords)
    word = keywords["layout"]
    firsts = [part.start for part in keywords.get("roi", ())]
    response = xcorr.correlate(images, kernels, **keywords)
    if "C" not in word and response.ndim == images.ndim + 1:
        word = word + "C"
    found = peaks(response, word)
    for name, first in zip(("row", "column"), firsts, strict=False):
        found[name][found["kernel"] >= 0] += first
        found["sub_" + name][found["kernel"] >= 0] += first
    return found
