"""Long lines in stretches, with low thresholds: whatever is asked, responses are those of the definition."""

import numpy as np
import pytest
from axes import random_call
from checks import assert_same_bits, random_generator, real_numbers, response_dtype, whole_numbers

import xcorr
from xcorr import _reference
from xcorr._methods import digits, lines, sections, stretches

pytestmark = pytest.mark.usefixtures("level")


@pytest.fixture
def cut(monkeypatch):
    """Every line is cut where it may be, into short stretches; how many were cut so."""
    found = []
    whole, count, longest = sections.sizes_of, stretches.count_stretches, 40

    def sizes_of(geometry, types):
        if n_stretches := count(geometry, types, 0):
            found.append(n_stretches)
            return whole(*stretches.of_stretch(geometry, types))._replace(n_stretches=n_stretches)
        return whole(geometry, types)

    monkeypatch.setattr(stretches, "LEAST_WINDOWS", 9)
    for module in (lines, sections, stretches):
        monkeypatch.setattr(module, "LONG_KERNEL", 7)
    monkeypatch.setattr(stretches, "longest", lambda along, channels, types: max(longest, 9))
    monkeypatch.setattr(stretches, "MAP_BYTES", 1000)
    monkeypatch.setattr(stretches, "PLACES_AT_ONCE", 16)
    monkeypatch.setattr(sections, "sizes_of", sizes_of)
    xcorr.clear_caches()
    yield found
    xcorr.clear_caches()


def line_call(index):
    """A random call along one axis, whose signals may be longer than a stretch."""
    rng = random_generator("stretches", index)
    images, kernels, keywords = random_call(rng, 1)
    repeats = [1] * images.ndim
    repeats[images.ndim - 1 - keywords["layout"][::-1].index("W")] = int(rng.integers(1, 9))
    return np.tile(images, repeats), kernels, keywords | {"method": "fft"}


def allowed(images, kernels, response, dtype):
    """The bound of the whole line as a section, and a rounding to the response's type."""
    unit = np.finfo(np.promote_types(dtype, np.float32)).eps / 2
    magnitudes = [np.abs(operand.astype(complex)).max(initial=1.0) for operand in (images, kernels)]
    n_pixels = images.size + 2 * kernels.size * 3
    norms = magnitudes[0] * np.sqrt(n_pixels) * magnitudes[1] * np.sqrt(kernels.size)
    return 12 * unit * (norms + 8) + np.finfo(dtype).eps * np.abs(response)


def test_real_numbers_may_become_complex_ones(cut):
    rng = random_generator("complex stretches")
    signal, kernel = real_numbers(rng, 400, "float32"), real_numbers(rng, 13, "float32")
    for words in ({}, {"stride": 2}, {"padding": "same"}, {"dilation": 2}):
        found = xcorr.correlate(signal, kernel, layout="NW", method="fft", dtype="complex64", bias=2j, **words)
        real = xcorr.correlate(signal, kernel, layout="NW", method="fft", **words)
        assert_same_bits(np.ascontiguousarray(found.real), real)
        assert (found.imag == 2).all()
    assert cut


def test_responses_parts_and_reductions_are_the_definitions(cut):
    for index in range(70):
        images, kernels, keywords = line_call(index)
        dtype = response_dtype(images, kernels)
        response = xcorr.correlate(images, kernels, **keywords)
        own = {name: value for name, value in keywords.items() if name != "method"}
        expected = _reference.correlate(images, kernels, **own)
        if dtype.kind == "i":
            assert (response == expected).all(), index
        else:
            error = np.abs(response.astype(expected.dtype) - expected)
            assert (error <= allowed(images, kernels, np.abs(expected), dtype)).all(), (index, error.max())
        assert_same_bits(xcorr.Correlator(kernels, **keywords)(images, workers=2), response)
        if dtype.kind != "c" and response.size:
            largest = xcorr.correlate(images, kernels, reduce=("max", "energy"), **keywords)[0]
            assert np.array_equal(np.sort(largest.ravel()), np.sort(extremes(response, images, keywords)))
    assert len(cut) > 40


def extremes(response, images, keywords):
    """The largest of each image and kernel, flat."""
    layout = keywords["layout"]
    has_images = images.ndim == len(layout)
    place = has_images + (layout == "NCW" and response.ndim - has_images > 1)
    return response.max(axis=place).ravel()


def test_parts_have_the_bits_of_the_whole(cut):
    rng = random_generator("stretch parts")
    for dtype, words in (("float32", {}), ("float16", {"stride": 2}), ("int16", {"dilation": 3}), ("complex64", {})):
        images, kernels = whole_numbers(rng, (2, 3, 300), dtype), whole_numbers(rng, (4, 3, 11), dtype)
        keywords = {"layout": "NCW", "method": "fft", "padding": "same", "boundary": "reflect", **words}
        whole = xcorr.correlate(images, kernels, **keywords)
        for first, end in ((0, 5), (37, 90), (60, None)):
            part = xcorr.correlate(images, kernels, roi=(slice(first, end),), **keywords)
            assert_same_bits(part, np.ascontiguousarray(whole[..., first:end]))
        assert_same_bits(xcorr.correlate(images[1:], kernels, **keywords), whole[1:])
        out = np.empty((*whole.shape[:-1], 2 * whole.shape[-1]), whole.dtype)[..., ::2]
        xcorr.correlate(images, kernels, out=out, **keywords)
        assert_same_bits(np.ascontiguousarray(out), whole)
        if dtype != "complex64":
            places = xcorr.correlate(images, kernels, reduce="argmax", **keywords)
            assert (places[..., 0] == whole.argmax(axis=-1)).all()
    assert cut


def test_types_that_sums_do_not_have_are_rounded_checked_or_saturated_once(cut):
    rng = random_generator("stretch types")
    images, kernels = whole_numbers(rng, (200, 2), "int16", 30), whole_numbers(rng, (13, 2), "int16", 30)
    keywords = {"layout": "NWC", "padding": "full", "stride": 3}
    exact = xcorr.correlate(images, kernels, method="direct", **keywords)
    for dtype in ("int32", "int64"):
        assert (xcorr.correlate(images, kernels, method="fft", dtype=dtype, **keywords) == exact).all()
    near = xcorr.correlate(images, kernels, method="fft", dtype="float64", **keywords)
    assert np.allclose(near, exact, rtol=0, atol=1e-9)
    out = np.full(exact.shape, 77, np.int8)
    with pytest.raises(OverflowError, match="^dtype: a response does not fit int8"):
        xcorr.correlate(images, kernels, method="fft", dtype="int8", out=out, **keywords)
    assert (out == 77).all()
    for operands in ((images, kernels), (images / 1.0, kernels / 3.0)):
        for dtype in ("int8", "uint8", "int64", "uint64"):
            words = {**keywords, "dtype": dtype, "overflow": "saturate"}
            by_fft, direct = (xcorr.correlate(*operands, method=method, **words) for method in ("fft", "direct"))
            assert_same_bits(by_fft, direct)
            peaks = [xcorr.correlate(*operands, method=method, reduce="max", **words) for method in ("fft", "direct")]
            assert_same_bits(*peaks)
    with pytest.raises(ValueError, match="^overflow: a response is NaN"):
        xcorr.correlate(images * np.nan, kernels, method="fft", dtype="int8", overflow="saturate", **keywords)
    assert cut


def test_what_is_not_finite_stays_where_it_is_seen_and_windows_of_zeros_give_0(cut):
    rng = random_generator("stretch meaning")
    for words in (
        {"dilation": 3},
        {"stride": 2},
        {"padding": "full", "boundary": "wrap"},
        {"dilation": 2, "stride": 3},
    ):
        images, kernels = real_numbers(rng, (2, 400), "float64"), real_numbers(rng, (3, 12), "float64")
        images[0, 100], images[0, 301], images[1, 150:300] = np.nan, np.inf, 0
        keywords = {"layout": "NW", **words}
        by_fft, direct = (xcorr.correlate(images, kernels, method=method, **keywords) for method in ("fft", "direct"))
        finite = np.isfinite(direct)
        assert np.array_equal(by_fft[~finite], direct[~finite], equal_nan=True)
        assert np.allclose(by_fft[finite], direct[finite], rtol=0, atol=1e-10)
        assert (direct == 0).any()
        assert (by_fft[direct == 0] == 0).all()
    assert cut


def test_large_integers_are_done_digit_by_digit(monkeypatch):
    counted, own = [], digits.run
    monkeypatch.setattr(digits, "run", lambda *words: counted.append(words[3]) or own(*words))
    monkeypatch.setattr("xcorr._methods.fft.OF_DIGITS", 1e9)
    rng = random_generator("digits")
    for images, kernels, words in (
        (rng.integers(-(2**15), 2**15, (2, 3000)), rng.integers(-(2**15), 2**15, 601), {"layout": "NW"}),
        (rng.integers(0, 2**31, (3, 60, 70)), rng.integers(-(2**8), 2**8, (9, 9)), {"layout": "NHW"}),
        (np.full((1, 3000), 2**20), np.full(700, -(2**20)), {"layout": "NW", "padding": "same", "dilation": 2}),
    ):
        words["bias"] = np.int64(2**40)
        expected = xcorr.correlate(images, kernels, method="direct", **words)
        assert (xcorr.correlate(images, kernels, method="fft", **words) == expected).all()
        largest = xcorr.correlate(images, kernels, method="fft", reduce="max", **words)
        assert (largest == expected.reshape(len(images), -1).max(axis=1)).all()
    assert len(counted) > 3
    assert any(pixels * taps > 1 for pixels, taps in counted)


def test_long_lines_of_any_kind_go_through_the_frequency_domain():
    rng = random_generator("long lines")
    signal, kernel = rng.integers(-100, 100, 30_011).astype(np.int16), rng.integers(-100, 100, 5003).astype(np.int16)
    for words in (
        {"padding": "same"}, {"stride": 2}, {"dilation": 3}, {"padding": "full", "boundary": "symmetric"},
        {"dtype": "int32", "stride": 5, "dilation": 2},
    ):  # fmt: skip
        keywords = {"layout": "NW", **words}
        assert xcorr.choose_method((30_011,), (5003,), layout="NW") == "fft"
        assert "stretch" in " ".join(xcorr.explain((30_011,), (5003,), method="fft", **keywords).reasons)
        response = xcorr.correlate(signal, kernel, method="fft", **keywords)
        places = [0, 17, len(response) // 2, len(response) - 1]
        for place in places:
            one = xcorr.correlate(signal, kernel, method="direct", roi=(slice(place, place + 1),), **keywords)
            assert response[place] == one[0]
    whole = xcorr.correlate(signal, signal, layout="NW", padding="full")
    assert (whole == whole[::-1]).all()
    assert whole[30_010] == (signal.astype(int) ** 2).sum()
    assert xcorr.choose_method(signal.shape, signal.shape, layout="NW", padding="full", dtype="int16") == "fft"


@pytest.mark.parametrize("taps", [5000, 5003])
def test_half_and_complex_signals_are_near_the_sums_of_float64(taps):
    rng = random_generator("long kinds", taps)
    for dtype in ("float16", "complex64", "float32"):
        signal, kernel = real_numbers(rng, 12_000, dtype), real_numbers(rng, taps, dtype)
        wide = [operand.astype(np.result_type(dtype, np.float64)) for operand in (signal, kernel)]
        expected = np.correlate(*wide)
        for words in ({}, {"stride": 2}):
            response = xcorr.correlate(signal, kernel, layout="NW", method="fft", **words)
            assert response.dtype == dtype
            limit = 11 * 2.0**-24 * np.linalg.norm(wide[0]) * np.linalg.norm(wide[1])
            rounding = np.finfo(dtype).eps * np.abs(expected[:: words.get("stride", 1)])
            assert (np.abs(response - expected[:: words.get("stride", 1)]) <= limit + rounding).all()
