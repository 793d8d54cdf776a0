"""One spatial axis: signals are images of one row, whatever is asked of them, and results have no row."""

import pickle

import numpy as np
import pytest
from axes import check, outputs_of, random_call, random_mask
from checks import assert_same_bits, random_generator
from messages import message_of

import xcorr
from xcorr import _reference

WITH_ROWS = {"NWC": "NHWC", "NCW": "NCHW", "NW": "NHW"}


def with_rows(array, n_leading):
    """The same with a row after the axes before the columns, of so many."""
    return np.expand_dims(array, n_leading)


def leading(array, layout):
    """Axes before the column's."""
    return layout.index("W") - (len(layout) - array.ndim)


def of_rows(keywords):
    """The same call of images of one row."""
    words = {**keywords, "layout": WITH_ROWS[keywords["layout"]]}
    for name, neutral in (("stride", 1), ("dilation", 1), ("padding", 0), ("roi", slice(None))):
        if isinstance(words.get(name), tuple):
            row = (0, 0) if name == "padding" and isinstance(words[name][0], tuple) else neutral
            words[name] = (row, *words[name])
        elif name in words and not isinstance(words[name], str) and name != "roi":
            words[name] = (neutral, words[name])
    if isinstance(words["boundary"], tuple):
        words["boundary"] = words["boundary"] * 2
    return words


def cases(count, n_axes=1):
    for index in range(count):
        rng = random_generator("one axis", n_axes, index)
        yield index, *random_call(rng, n_axes)


@pytest.mark.parametrize("index", range(150))
def test_responses_are_the_definitions(index):
    rng = random_generator("one axis", index)
    images, kernels, keywords = random_call(rng, 1)
    check(images, kernels, keywords, xcorr.correlate(images, kernels, **keywords))
    check(images, kernels, keywords, xcorr.Correlator(kernels, **keywords)(images, workers=2))
    check(images, kernels, keywords, xcorr.correlate(images, kernels, method="matmul", **keywords))


@pytest.mark.parametrize("index", range(80))
def test_signals_are_images_of_one_row_bit_for_bit(index):
    rng = random_generator("rows", index)
    images, kernels, keywords = random_call(rng, 1)
    layout = keywords["layout"]
    if "C" in layout and kernels.ndim == 1:
        kernel = kernels[None]
    else:
        kernel = with_rows(kernels, leading(kernels, layout))
    image = with_rows(images, leading(images, layout))
    whole = xcorr.correlate(image, kernel, **of_rows(keywords))
    row = xcorr.correlate(images, kernels, **keywords)
    assert_same_bits(row, whole.reshape(row.shape))
    assert row.ndim == whole.ndim - 1


def test_a_signal_is_correlated_as_numpy_does():
    rng = random_generator("numpy")
    signal, kernel = rng.standard_normal(200), rng.standard_normal(17)
    for word, mode in (("valid", "valid"), ("full", "full"), ("same", "same")):
        expected = np.correlate(signal, kernel, mode)
        np.testing.assert_allclose(xcorr.correlate(signal, kernel, layout="NW", padding=word), expected, atol=1e-12)
        expected = np.convolve(signal, kernel, mode)
        np.testing.assert_allclose(xcorr.convolve(signal, kernel, layout="NW", padding=word), expected, atol=1e-12)
    whole = rng.integers(-100, 100, 300)
    assert (xcorr.correlate(whole, whole[:20], layout="NW") == np.correlate(whole, whole[:20])).all()


@pytest.mark.parametrize("method", ["direct", "matmul", "fft"])
@pytest.mark.parametrize(("n_pixels", "n_taps"), [(3000, 200), (70000, 5000), (129, 129)])
def test_long_kernels_by_every_method(method, n_pixels, n_taps):
    rng = random_generator("long", n_pixels)
    signal, kernel = rng.standard_normal(n_pixels), rng.standard_normal(n_taps)
    got = xcorr.correlate(signal, kernel, layout="NW", method=method)
    np.testing.assert_allclose(got, np.correlate(signal, kernel), atol=1e-9)


@pytest.mark.parametrize("padding", ["valid", "full"])
@pytest.mark.parametrize(("n_pixels", "n_taps"), [(40000, 3000), (9000, 100)])
def test_parts_and_reductions_of_long_lines(n_pixels, n_taps, padding):
    rng = random_generator("lines", n_pixels)
    signals, kernels = rng.standard_normal((2, 2, n_pixels)), rng.standard_normal((3, 2, n_taps))
    words = {"layout": "NCW", "padding": padding, "method": "fft"}
    whole = xcorr.correlate(signals, kernels, **words)
    part = xcorr.correlate(signals, kernels, roi=(slice(700, 5000),), **words)
    assert_same_bits(part, whole[..., 700:5000])
    largest, places = xcorr.correlate(signals, kernels, reduce=("max", "argmax"), **words)
    assert_same_bits(largest, whole.max(axis=-1))
    assert (places == whole.argmax(axis=-1)[..., None]).all()
    strict = xcorr.correlate(signals, kernels, layout="NCW", padding=padding, precision="strict")
    np.testing.assert_allclose(whole, strict, atol=1e-9)


@pytest.mark.parametrize("n_pixels", [191, 192, 200, 1000, 5003, 50001])
def test_bits_of_a_long_line_are_those_of_its_pieces(n_pixels):
    rng = random_generator("pieces", n_pixels)
    signal, kernel = rng.standard_normal(n_pixels).astype(np.float32), rng.standard_normal(37).astype(np.float32)
    whole = xcorr.correlate(signal, kernel, layout="NW", method="direct")
    pieces = [
        xcorr.correlate(signal[first : first + 137], kernel, layout="NW") for first in range(0, n_pixels - 136, 101)
    ]
    assert_same_bits(np.concatenate(pieces), whole[: 101 * len(pieces)])


@pytest.mark.parametrize("name", ["max", "min", "argmax", "argmin", "mean", "ppv", "energy"])
@pytest.mark.parametrize("over", ["positions", "kernels"])
def test_reductions_have_no_row(name, over):
    for index in range(12):
        rng = random_generator("reductions", index)
        images, kernels, keywords = random_call(rng, 1, ("float32", "float64", "int8"))
        layout = keywords["layout"]
        response = xcorr.correlate(images, kernels, **keywords)
        has_kernels = kernels.ndim == len(layout) or ("C" in layout and kernels.ndim == 1)
        first = [0]
        if "roi" in keywords:
            first = [keywords["roi"][0].start]
        expected = _reference.reduce(
            response, name, over=over, layout=layout, has_images=images.ndim == len(layout), has_kernels=has_kernels
        )
        if name.startswith("arg") and over == "positions":
            expected = expected + np.array(first)
        got = xcorr.correlate(images, kernels, reduce=name, over=over, **keywords)
        assert got.shape == expected.shape
        if name in ("mean", "energy"):
            np.testing.assert_allclose(got.astype(float), expected.astype(float), rtol=1e-4, atol=1e-4)
        else:
            assert (got == expected).all()


@pytest.mark.parametrize("words", [{}, {"border": 2, "min_distance": 3}, {"per": "image"}, {"subpixel": "parabola"}])
def test_peaks_have_a_column_alone(words):
    for index in range(15):
        rng = random_generator("peaks", index)
        images, kernels, keywords = random_call(rng, 1, ("float32", "int8"))
        layout, peaks = keywords["layout"], xcorr.Peaks(2, **words)
        response = xcorr.correlate(images, kernels, **keywords)
        one_kernel = kernels.ndim < len(layout) and not ("C" in layout and kernels.ndim == 1)
        word = "NW" if one_kernel else layout if "C" in layout else "NWC"
        expected = _reference.peaks(response, 2, layout=word, **words)
        found = peaks(response, word)
        assert found.dtype.names == ("score", "column", "kernel", "sub_column")
        assert (found.shape, found.dtype) == (expected.shape, expected.dtype)
        in_call = xcorr.correlate(images, kernels, reduce=peaks, **keywords)
        first = keywords["roi"][0].start if "roi" in keywords else 0
        for name in ("score", "column", "kernel"):
            np.testing.assert_array_equal(found[name], expected[name])
            moved = np.where(expected["kernel"] >= 0, first, 0) if name == "column" else 0
            np.testing.assert_array_equal(in_call[name], expected[name] + moved)
        np.testing.assert_allclose(found["sub_column"], expected["sub_column"], atol=1e-9)


@pytest.mark.parametrize("index", range(40))
def test_masks_and_shares(index):
    rng = random_generator("masks", index)
    images, kernels, keywords = random_call(rng, 1, ("float64", "int8"))
    keywords["mask"] = random_mask(rng, images, keywords["layout"])
    keywords["normalize"] = bool(rng.integers(2))
    keywords.pop("fill_value", None)
    expected = _reference.correlate(images, kernels, **keywords)
    np.testing.assert_allclose(xcorr.correlate(images, kernels, **keywords), expected, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("score", ["zncc", "ncc", "covariance", "correlation", "ssd", "nssd"])
def test_scores(score):
    for index in range(20):
        rng = random_generator("scores", score, index)
        images, kernels, keywords = random_call(rng, 1, ("float64",))
        for name in ("groups", "bias", "fill_value"):
            keywords.pop(name, None)
        if kernels.ndim > 1 and "C" in keywords["layout"]:
            n_channels = images.shape[keywords["layout"].index("C") - len(keywords["layout"])]
            shape = list(kernels.shape)
            shape[keywords["layout"].index("C") - len(keywords["layout"])] = n_channels
            kernels = rng.standard_normal(shape)
        if rng.random() < 0.5:
            keywords["mask"] = random_mask(rng, images, keywords["layout"])
        expected = _reference.match(images, kernels, score=score, **keywords)
        got = xcorr.match(images, kernels, score=score, **keywords)
        assert got.shape == expected.shape
        np.testing.assert_allclose(got, expected, rtol=1e-8, atol=1e-8)
        again = xcorr.Matcher(kernels, score=score, **{k: v for k, v in keywords.items() if k != "mask"})
        assert_same_bits(again(images, mask=keywords.get("mask")), got)


def test_pairs():
    rng = random_generator("pairs")
    for layout, shape, of_kernels in (
        ("NW", (4, 30), (4, 5)),
        ("NW", (4, 30), (4, 3, 5)),
        ("NCW", (4, 2, 30), (4, 3, 2, 5)),
        ("NWC", (4, 30, 2), (4, 5, 2)),
        ("NCW", (4, 2, 30), (4, 5)),
    ):
        images, kernels = rng.standard_normal(shape), rng.standard_normal(of_kernels)
        got = xcorr.correlate(images, kernels, layout=layout, pairwise=True)
        own = [xcorr.correlate(one, kernel, layout=layout) for one, kernel in zip(images, kernels, strict=True)]
        assert_same_bits(got, np.stack(own))
        prepared = xcorr.Correlator(kernels, layout=layout, pairwise=True)
        assert_same_bits(prepared(images), got)


def test_windows():
    rng = random_generator("windows")
    for layout, shape in (("NWC", (2, 12, 3)), ("NCW", (2, 3, 12)), ("NW", (2, 12))):
        signals = rng.standard_normal(shape)
        got = xcorr.windows(signals, (4,), layout=layout, stride=2, dilation=(2,))
        last = np.moveaxis(signals, 1, 2) if layout == "NCW" else signals.reshape(2, 12, -1)
        expected = [[one[first : first + 7 : 2].ravel() for first in (0, 2, 4)] for one in last]
        assert (got == np.array(expected)).all()
        assert (xcorr.windows(signals[0], (4,), layout=layout, stride=2, dilation=2) == got[0]).all()


def test_a_prepared_bank_comes_back_from_a_pickle():
    bank = xcorr.Correlator(np.ones((3, 5)), layout="NW", padding=((1, 2),), boundary=("edge",), roi=(slice(1, 4),))
    again = pickle.loads(pickle.dumps(bank))
    signal = random_generator("pickle").standard_normal((2, 30))
    assert_same_bits(again(signal), bank(signal))
    assert "layout NW" in repr(bank)
    assert "padding ((1, 2),)" in repr(bank)


def test_bits_do_not_depend_on_batch_workers_memory_or_out():
    rng = random_generator("bits")
    for n_kernels, n_taps, method in ((1, 3, "direct"), (40, 9, "direct"), (2, 300, "fft"), (300, 17, "matmul")):
        signals = rng.standard_normal((5, 3, 900)).astype(np.float32)
        kernels = rng.standard_normal((n_kernels, 3, n_taps)).astype(np.float32)
        keywords = {"layout": "NCW", "method": method, "padding": "same"}
        whole = xcorr.correlate(signals, kernels, workers=1, **keywords)
        out = np.empty((5, n_kernels, 2 * 900), np.float32)[..., ::2]
        xcorr.correlate(np.asfortranarray(signals), kernels, workers=3, out=out, **keywords)
        assert_same_bits(out.copy(), whole)
        assert_same_bits(xcorr.correlate(signals[3], kernels, workers=2, **keywords), whole[3])


def test_sizes():
    assert xcorr.response_shape((100,), (7,), layout="NW", padding=((3, 4),), stride=(2,), dilation=3) == (45,)
    assert xcorr.response_shape((3, 100), (3, 7), layout="NCW") == (94,)
    assert xcorr.choose_method((10**6,), (3000,), layout="NW") == "fft"
    told = xcorr.explain((8, 16000), (64, 400), layout="NW", stride=160)
    assert told.method in ("direct", "matmul")
    for _, images, kernels, keywords in cases(20):
        keywords.pop("roi", None)
        response = xcorr.correlate(images, kernels, **keywords)
        columns = (
            response.shape[keywords["layout"].index("W") - len(keywords["layout"])]
            if "C" in keywords["layout"] and response.ndim == len(keywords["layout"])
            else None
        )
        if columns is not None:
            assert outputs_of(images, kernels, keywords) == (columns,)


@pytest.mark.parametrize(
    ("keywords", "message"),
    [
        (
            {"padding": (1, 2)},
            "padding: got (1, 2); allowed is 'valid', 'same', 'full', an integer >= 0, (columns,) or "
            "((before, behind),); before and behind the one axis are ((1, 2),)",
        ),
        ({"stride": (1, 2)}, "stride: got (1, 2); allowed is an integer >= 1 or a tuple (columns,) of them"),
        (
            {"roi": (slice(2), slice(2))},
            "roi: got (slice(None, 2, None), slice(None, 2, None)); allowed are None and a tuple (columns,) of slices "
            "of step 1",
        ),
    ],
)
def test_what_is_given_along_one_axis_is_one(keywords, message):
    signal = np.ones((2, 9))
    assert message_of(ValueError, xcorr.correlate, signal, signal[:, :3], layout="NW", **keywords) == message


def test_a_kernel_that_is_too_long_is_shown_without_a_row():
    message = message_of(ValueError, xcorr.correlate, np.ones(3), np.ones(5), layout="NW")
    assert message.startswith("kernels: spatial size (5,) is larger than the padded image (3,) (layout 'NW'")
