"""Three spatial axes: volumes, whatever is asked of them, beside the definition, SciPy and images."""

import pickle

import numpy as np
import pytest
from axes import LAYOUTS, check, outputs_of, random_call, random_mask
from checks import assert_same_bits, peak_of, random_generator
from messages import message_of
from scipy import ndimage, signal

import xcorr
from xcorr import _reference

SECOND = {"NDHWC": "NHWC", "NCDHW": "NCHW", "NDHW": "NHW"}


def axis_of(letter, array, layout):
    """The place of an axis, counted from the last one."""
    return layout.index(letter) - len(layout)


@pytest.mark.parametrize("index", range(150))
def test_responses_are_the_definitions(index):
    rng = random_generator("volumes", index)
    images, kernels, keywords = random_call(rng, 3)
    response = xcorr.correlate(images, kernels, **keywords)
    check(images, kernels, keywords, response)
    assert_same_bits(xcorr.Correlator(kernels, **keywords)(images, workers=2), response)


@pytest.mark.parametrize("index", range(40))
def test_convolutions_turn_kernels_around(index):
    rng = random_generator("convolve", index)
    images, kernels, keywords = random_call(rng, 3, ("float64", "int16"))
    axes = [axis_of(letter, kernels, keywords["layout"]) for letter in "DHW"]
    if "C" in keywords["layout"] and kernels.ndim == 3:
        axes = [0, 1, 2]
    turned = np.flip(kernels, axes)
    np.testing.assert_allclose(
        xcorr.convolve(images, kernels, **keywords), xcorr.correlate(images, turned, **keywords), atol=1e-9
    )


def test_a_volume_is_correlated_as_scipy_does():
    rng = random_generator("scipy")
    volume, kernel = rng.standard_normal((14, 15, 16)), rng.standard_normal((3, 5, 3))
    got = xcorr.correlate(volume, kernel, layout="NDHW")
    np.testing.assert_allclose(got, signal.correlate(volume, kernel, "valid"), atol=1e-12)
    for word, mode in (("constant", "constant"), ("edge", "nearest"), ("symmetric", "reflect"), ("wrap", "wrap")):
        got = xcorr.correlate(volume, kernel, layout="NDHW", padding="same", boundary=word)
        np.testing.assert_allclose(got, ndimage.correlate(volume, kernel, mode=mode), atol=1e-12)
    whole = rng.integers(-99, 99, (9, 8, 7))
    expected = signal.correlate(whole, whole[:2, :3, :4], "full")
    assert (xcorr.correlate(whole, whole[:2, :3, :4], layout="NDHW", padding="full") == expected).all()


@pytest.mark.parametrize("method", ["direct", "matmul", "fft", "winograd"])
def test_each_method(method):
    rng = random_generator("methods", method)
    volumes, kernels = rng.standard_normal((2, 4, 9, 12, 13)), rng.standard_normal((6, 4, 3, 3, 3))
    keywords = {"layout": "NCDHW", "padding": ((1, 0), (1, 1), (0, 2)), "boundary": ("wrap", "edge", "constant")}
    got = xcorr.correlate(volumes, kernels, method=method, **keywords)
    np.testing.assert_allclose(got, _reference.correlate(volumes, kernels, **keywords), atol=1e-10)
    part = (slice(2, 7), slice(3, 9), slice(1, 12))
    roi = xcorr.correlate(volumes, kernels, method=method, roi=part, **keywords)
    assert_same_bits(roi, got[(slice(None), slice(None), *part)])
    assert f"method {method} (as asked)" in xcorr.Correlator(kernels, method=method, **keywords).explain(volumes.shape)


@pytest.mark.parametrize("layout", LAYOUTS[3])
@pytest.mark.parametrize("thin", ["D", "H"])
def test_volumes_of_one_plane_or_row_are_images_bit_for_bit(layout, thin):
    for index in range(25):
        rng = random_generator("thin", layout, thin, index)
        images, kernels, keywords = random_call(rng, 2, ("float32", "float64", "int8"))
        words = {"layout": keywords["layout"], **keywords}
        word = {"NHWC": "NDHWC", "NCHW": "NCDHW", "NHW": "NDHW"}[words["layout"]]
        if word != layout:
            continue
        where = "D" if thin == "D" else "H"
        volume, taps = (
            np.expand_dims(one, axis_of(where, one, word) if one.ndim != 2 else (0 if thin == "D" else 1))
            for one in (images, kernels)
        )
        at = 0 if thin == "D" else 1
        for name, neutral in (
            ("stride", 1),
            ("dilation", 1),
            ("padding", 0),
            ("roi", slice(None)),
            ("boundary", "wrap"),
        ):
            value = words.get(name)
            if isinstance(value, tuple):
                own = (0, 0) if name == "padding" and isinstance(value[0], tuple) else neutral
                words[name] = (*value[:at], own, *value[at:])
            elif name == "padding" and isinstance(value, int):
                words[name] = (value,) * at + (0,) + (value,) * (2 - at)
        words["layout"] = word
        plane = xcorr.correlate(images, kernels, **keywords)
        response = xcorr.correlate(volume, taps, **words)
        assert_same_bits(response.reshape(plane.shape), plane)
        assert response.ndim == plane.ndim + 1


@pytest.mark.parametrize("name", ["max", "min", "argmax", "argmin", "mean", "ppv", "energy"])
@pytest.mark.parametrize("over", ["positions", "kernels"])
def test_reductions(name, over):
    for index in range(15):
        rng = random_generator("reductions", index)
        images, kernels, keywords = random_call(rng, 3, ("float32", "float64", "int8", "float16"))
        if index % 4 == 0 and images.dtype.kind == "f":
            images[tuple(0 for _ in images.shape)] = np.nan
        layout = keywords["layout"]
        response = xcorr.correlate(images, kernels, **keywords)
        has_kernels = kernels.ndim == len(layout) or ("C" in layout and kernels.ndim == 3)
        first = [part.start for part in keywords.get("roi", (slice(0), slice(0), slice(0)))]
        first = [own or 0 for own in first]
        expected = _reference.reduce(
            response, name, over=over, layout=layout, has_images=images.ndim == len(layout), has_kernels=has_kernels
        )
        if name.startswith("arg") and over == "positions":
            expected = expected + np.array(first)
        got = xcorr.correlate(images, kernels, reduce=name, over=over, **keywords)
        assert got.shape == expected.shape
        if name in ("mean", "energy"):
            rough = 1e-2 if images.dtype == np.float16 else 1e-4
            with np.errstate(over="ignore"):
                expected = expected.astype(got.dtype)
            np.testing.assert_allclose(got.astype(float), expected.astype(float), rtol=rough, atol=rough)
        else:
            np.testing.assert_array_equal(got, expected)


def test_sums_of_integers_are_exact():
    rng = random_generator("exact")
    volume = rng.integers(-(2**40), 2**40, (5, 6, 7))
    kernel = rng.integers(-(2**20), 2**20, (1, 1, 1))
    response = xcorr.correlate(volume, kernel, layout="NDHW")
    total = sum(int(one) for one in response.ravel())
    assert float(xcorr.correlate(volume, kernel, layout="NDHW", reduce="mean")) == total / response.size
    small = rng.integers(-9, 9, (5, 6, 7))
    assert int(xcorr.correlate(small, small[:2, :2, :2], layout="NDHW", reduce="energy")) == int(
        (xcorr.correlate(small, small[:2, :2, :2], layout="NDHW") ** 2).sum()
    )
    with pytest.raises(OverflowError, match="energy"):
        xcorr.correlate(volume, kernel, layout="NDHW", reduce="energy")
    out = np.full((5, 6, 7), 3, np.int8)
    with pytest.raises(OverflowError, match="dtype"):
        xcorr.correlate(small * 9, small[:1, :1, :1] * 0 + 9, layout="NDHW", dtype=np.int8, out=out)
    assert (out == 3).all()


def test_no_volumes_and_no_kernels():
    volumes, kernels = np.ones((2, 4, 5, 6), np.float32), np.ones((3, 2, 2, 2), np.float32)
    words, peaks = {"layout": "NDHW"}, xcorr.Peaks(4)
    for images, bank in ((volumes[:0], kernels), (volumes, kernels[:0]), (volumes[:0], kernels[:0])):
        n_images, n_kernels = len(images), len(bank)
        response = xcorr.correlate(images, bank, **words)
        assert response.shape == (n_images, 3, 4, 5, n_kernels)
        assert xcorr.match(images, bank, reduce=peaks, **words).shape == (n_images, n_kernels, 4)
        for per, shape in (("kernel", (n_images, n_kernels, 4)), ("image", (n_images, 4))):
            own = xcorr.Peaks(4, per=per)
            for found in (xcorr.correlate(images, bank, reduce=own, **words), own(response, "NDHWC")):
                assert found.shape == shape
                assert (found["kernel"] == -1).all()
        for name in ("max", "mean", "argmin"):
            last = (3,) if name == "argmin" else ()
            assert xcorr.correlate(images, bank, reduce=name, **words).shape == (n_images, n_kernels, *last)
        if n_kernels:
            assert xcorr.correlate(images, bank, reduce="max", over="kernels", **words).shape == (n_images, 3, 4, 5)
        elif n_images:
            with pytest.raises(ValueError, match="kernels"):
                xcorr.correlate(images, bank, reduce="max", over="kernels", **words)


def test_sums_of_integers_that_fit_are_written_where_they_are_asked_for():
    rng = random_generator("exact out")
    volumes, kernels = rng.integers(0, 200, (2, 30, 40, 50), np.uint8), rng.integers(-9, 9, (4, 3, 3, 3), np.int8)
    expected = xcorr.correlate(volumes, kernels, layout="NDHW")
    out = np.empty_like(expected)
    assert peak_of(lambda: xcorr.correlate(volumes, kernels, layout="NDHW", out=out)) < out.nbytes // 2
    assert_same_bits(out, expected)
    small = np.full(expected.shape, 3, np.int16)
    with pytest.raises(OverflowError, match="dtype"):
        xcorr.correlate(volumes, kernels * 9, layout="NDHW", dtype=np.int16, out=small)
    assert (small == 3).all()


@pytest.mark.parametrize("index", range(60))
def test_masks_and_shares(index):
    rng = random_generator("masks", index)
    images, kernels, keywords = random_call(rng, 3, ("float64", "int8"))
    choice = index % 3
    if choice == 0:
        keywords["mask"] = random_mask(rng, images, keywords["layout"])
    elif choice == 1 and images.dtype.kind == "f":
        images[rng.random(images.shape) < 0.1] = np.nan
        keywords["mask"] = "finite"
    keywords["normalize"] = bool(rng.integers(2)) or "mask" not in keywords
    keywords.pop("fill_value", None)
    expected = _reference.correlate(images, kernels, **keywords)
    np.testing.assert_allclose(xcorr.correlate(images, kernels, **keywords), expected, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("score", ["zncc", "ncc", "covariance", "correlation", "ssd", "nssd"])
def test_scores(score):
    for index in range(25):
        rng = random_generator("scores", score, index)
        images, kernels, keywords = random_call(rng, 3, ("float64",) if index % 3 else ("int8",))
        layout = keywords["layout"]
        for name in ("groups", "bias"):
            keywords.pop(name, None)
        keywords["fill_value"] = 1 if index % 2 and "constant" in np.atleast_1d(keywords["boundary"]) else None
        if kernels.ndim > 3 and "C" in layout:
            shape = list(kernels.shape)
            shape[axis_of("C", kernels, layout)] = images.shape[axis_of("C", images, layout)]
            kernels = rng.integers(-9, 9, shape).astype(images.dtype)
        if rng.random() < 0.5:
            keywords["mask"] = random_mask(rng, images, layout)
        if rng.random() < 0.3:
            keywords["template_mask"] = (
                random_mask(rng, kernels, layout) if kernels.ndim > 3 else rng.random(kernels.shape)
            )
        expected = _reference.match(images, kernels, score=score, **keywords)
        got = xcorr.match(images, kernels, score=score, **keywords)
        assert got.shape == expected.shape
        if expected.dtype == object:
            assert (got == expected).all()
        np.testing.assert_allclose(got, expected.astype(float), rtol=1e-7, atol=1e-7)
        again = xcorr.Matcher(kernels, score=score, **{name: own for name, own in keywords.items() if name != "mask"})
        assert_same_bits(again(images, mask=keywords.get("mask"), workers=2), got)
        if index % 5 == 0:
            best = xcorr.match(images, kernels, score=score, reduce=("max", "argmax"), **keywords)
            own = [xcorr.match(images, kernels, score=score, reduce=name, **keywords) for name in ("max", "argmax")]
            has_kernels = kernels.ndim == len(layout) or ("C" in layout and kernels.ndim == 3)
            axes = {"layout": layout, "has_images": images.ndim == len(layout), "has_kernels": has_kernels}
            firsts = [part.start for part in keywords.get("roi", ())] or [0, 0, 0]
            assert_same_bits(best[0], own[0])
            np.testing.assert_array_equal(own[0], _reference.reduce(got, "max", **axes))
            np.testing.assert_array_equal(best[1], _reference.reduce(got, "argmax", **axes) + np.array(firsts))


def test_copies_of_templates_are_found():
    rng = random_generator("copies")
    volume = rng.integers(0, 255, (12, 13, 14)).astype(np.uint8)
    template = volume[3:7, 2:7, 5:9]
    scores = xcorr.match(volume, template, layout="NDHW")
    assert scores.max() == 1.0
    assert np.unravel_index(scores.argmax(), scores.shape) == (3, 2, 5)
    peaks = xcorr.match(volume, template, layout="NDHW", padding=2, reduce=xcorr.Peaks(1))
    assert [int(peaks[name][0]) for name in ("depth", "row", "column")] == [5, 4, 7]


def test_pairs():
    rng = random_generator("pairs")
    for layout, shape, of_kernels in (
        ("NDHW", (3, 6, 7, 8), (3, 2, 3, 3)),
        ("NDHW", (3, 6, 7, 8), (3, 4, 2, 3, 3)),
        ("NCDHW", (3, 2, 6, 7, 8), (3, 4, 2, 2, 3, 3)),
        ("NDHWC", (3, 6, 7, 8, 2), (3, 2, 3, 3, 2)),
        ("NCDHW", (3, 2, 6, 7, 8), (3, 2, 3, 3)),
    ):
        images, kernels = rng.standard_normal(shape), rng.standard_normal(of_kernels)
        got = xcorr.correlate(images, kernels, layout=layout, pairwise=True)
        own = [xcorr.correlate(one, kernel, layout=layout) for one, kernel in zip(images, kernels, strict=True)]
        assert_same_bits(got, np.stack(own))
        assert_same_bits(xcorr.Correlator(kernels, layout=layout, pairwise=True)(images), got)
        scores = xcorr.match(images, kernels, layout=layout, pairwise=True)
        own = [xcorr.match(one, kernel, layout=layout) for one, kernel in zip(images, kernels, strict=True)]
        assert_same_bits(scores, np.stack(own))
        largest = xcorr.correlate(images, kernels, layout=layout, pairwise=True, reduce="argmax")
        own = [xcorr.correlate(*pair, layout=layout, reduce="argmax") for pair in zip(images, kernels, strict=True)]
        assert (largest == np.stack(own)).all()


def test_windows():
    rng = random_generator("windows")
    volumes = rng.standard_normal((2, 5, 6, 7, 3))
    got = xcorr.windows(volumes, (2, 3, 1), layout="NDHWC", stride=(1, 2, 3))
    view = np.lib.stride_tricks.sliding_window_view(volumes, (2, 3, 1), axis=(1, 2, 3))[:, :, ::2, ::3]
    expected = np.moveaxis(view, 4, -1).reshape(*view.shape[:4], -1)
    assert (got == expected).all()
    assert (xcorr.windows(np.moveaxis(volumes, 4, 1), (2, 3, 1), layout="NCDHW", stride=(1, 2, 3)) == expected).all()


def test_unknown_pixels_reach_their_windows_alone():
    rng = random_generator("unknown")
    for method, n_channels in (("direct", 2), ("fft", 2), ("winograd", 8), ("auto", 8)):
        volume, kernels = rng.standard_normal((n_channels, 9, 20, 21)), rng.standard_normal((4, n_channels, 3, 3, 3))
        whole = xcorr.correlate(volume, kernels, layout="NCDHW", method=method)
        volume[1, 4, 10, 10] = np.nan
        got = xcorr.correlate(volume, kernels, layout="NCDHW", method=method)
        reached = np.zeros(whole.shape, bool)
        reached[:, 2:5, 8:11, 8:11] = True
        assert np.isnan(got[reached]).all()
        assert np.isfinite(got[~reached]).all()
        np.testing.assert_allclose(got[~reached], whole[~reached], atol=1e-10)


@pytest.mark.parametrize("layout", LAYOUTS[3])
@pytest.mark.parametrize("method", ["direct", "fft", "winograd", "auto"])
def test_bits_do_not_depend_on_batch_workers_memory_or_out(layout, method, monkeypatch):
    from xcorr import _volumes

    rng = random_generator("bits", layout)
    shape = {"NDHWC": (4, 6, 14, 15, 3), "NCDHW": (4, 3, 6, 14, 15), "NDHW": (4, 6, 14, 15)}[layout]
    taps = {"NDHWC": (7, 3, 3, 3, 3), "NCDHW": (7, 3, 3, 3, 3), "NDHW": (7, 3, 3, 3)}[layout]
    volumes, kernels = rng.standard_normal(shape).astype("f"), rng.standard_normal(taps).astype("f")
    keywords = {"layout": layout, "method": method, "padding": "same"}
    whole = xcorr.correlate(volumes, kernels, workers=1, **keywords)
    assert_same_bits(xcorr.correlate(np.asfortranarray(volumes), kernels, workers=3, **keywords), whole)
    assert_same_bits(xcorr.correlate(volumes[2], kernels, workers=2, **keywords), whole[2])
    out = np.empty((*whole.shape[:-1], 2 * whole.shape[-1]), "f")[..., ::2]
    assert xcorr.correlate(volumes[:, ::1], kernels, out=out, **keywords) is out
    assert_same_bits(out.copy(), whole)
    assert_same_bits(xcorr.correlate(np.flip(np.flip(volumes, 1).copy(), 1), kernels, **keywords), whole)
    monkeypatch.setattr(_volumes, "GATHERED_BYTES", 1)
    assert_same_bits(xcorr.correlate(volumes, kernels, **keywords), whole)


def test_a_response_in_the_place_of_its_volume():
    rng = random_generator("overlap")
    volume, kernel = rng.standard_normal((9, 10, 11)), rng.standard_normal((3, 3, 3))
    expected = xcorr.correlate(volume, kernel, layout="NDHW", padding="same")
    assert xcorr.correlate(volume, kernel, layout="NDHW", padding="same", out=volume) is volume
    assert_same_bits(volume, expected)


def test_a_prepared_bank_comes_back_from_a_pickle():
    bank = xcorr.Correlator(np.ones((3, 2, 3, 3)), layout="NDHW", padding=((1, 2), (0, 0), (0, 1)), boundary="edge")
    again = pickle.loads(pickle.dumps(bank))
    volume = random_generator("pickle").standard_normal((2, 5, 6, 7))
    assert_same_bits(again(volume), bank(volume))
    assert "layout NDHW" in repr(bank)
    lines = bank.explain((2, 5, 6, 7)).splitlines()
    assert lines[0] == "images (2, 5, 6, 7) of float32, layout NDHW"
    assert lines[1] == f"response {bank(volume).shape} of float64"


def test_empty_batches_banks_and_parts():
    assert xcorr.correlate(np.ones((0, 5, 6, 7)), np.ones((4, 2, 2, 2)), layout="NDHW").shape == (0, 4, 5, 6, 4)
    assert xcorr.correlate(np.ones((2, 5, 6, 7)), np.ones((0, 2, 2, 2)), layout="NDHW").shape == (2, 4, 5, 6, 0)
    part = xcorr.correlate(
        np.ones((2, 5, 6, 7)), np.ones((2, 2, 2)), layout="NDHW", roi=(slice(2, 2), slice(None), slice(None))
    )
    assert part.shape == (2, 0, 5, 6)
    message = message_of(ValueError, xcorr.correlate, np.ones((2, 0, 6, 7)), np.ones((2, 2, 2)), layout="NDHW")
    assert message.startswith("images: shape (2, 0, 6, 7) has depth 0")


@pytest.mark.parametrize(
    ("keywords", "message"),
    [
        (
            {"stride": (1, 2)},
            "stride: got (1, 2); allowed is an integer >= 1 or a tuple (planes, rows, columns) of them",
        ),
        (
            {"padding": (1, 2)},
            "padding: got (1, 2); allowed is 'valid', 'same', 'full', an integer >= 0, (planes, rows, columns) or "
            "((before, behind) of each)",
        ),
        (
            {"boundary": ("edge", "wrap")},
            "boundary: got ('edge', 'wrap'); allowed are 'constant', 'edge', 'reflect', 'symmetric', 'wrap' and a "
            "tuple (planes, rows, columns) of them",
        ),
    ],
)
def test_what_is_given_along_three_axes_is_three(keywords, message):
    volume = np.ones((5, 6, 7))
    assert message_of(ValueError, xcorr.correlate, volume, volume[:2, :2, :2], layout="NDHW", **keywords) == message


def test_sizes():
    assert xcorr.response_shape((16, 112, 112), (3, 7, 7), layout="NDHW", padding="same", stride=(1, 2, 2)) == (
        16,
        56,
        56,
    )
    assert xcorr.response_shape((3, 16, 112, 112), (3, 3, 7, 7), layout="NCDHW") == (14, 106, 106)
    assert xcorr.choose_method((128, 128, 128), (3, 3, 3), layout="NDHW") == "direct"
    assert xcorr.choose_method((1, 64, 16, 56, 56), (64, 64, 3, 3, 3), layout="NCDHW") == "winograd"
    told = xcorr.explain((128, 128, 128), (21, 21, 21), layout="NDHW")
    assert told.method == "fft"
    assert told.workspace_bytes < 2**28
    for index in range(20):
        images, kernels, keywords = random_call(random_generator("sizes", index), 3, ("float32",))
        keywords.pop("roi", None)
        response = xcorr.correlate(images, kernels, **keywords)
        whole = outputs_of(images, kernels, keywords)
        assert int(np.prod(whole)) == 0 or response.size % int(np.prod(whole)) == 0


def test_layouts_are_shown_where_none_is_given():
    five, four = np.ones((2, 3, 4, 5, 6)), np.ones((3, 4, 5, 6))
    message = message_of(ValueError, xcorr.correlate, five, five)
    assert message.startswith("layout: images of shape (2, 3, 4, 5, 6)")
    assert "'NDHWC' (2 volumes of 3x4x5 with 6 channels, 2 kernels of 3x4x5 with 6 channels)" in message
    assert "'NCDHW' (2 volumes of 4x5x6 with 3 channels, 2 kernels of 4x5x6 with 3 channels)" in message
    message = message_of(ValueError, xcorr.correlate, four[0], four[0])
    for word in ("'NHW'", "'NHWC'", "'NCHW'", "'NDHW' (one volume of 4x5x6, one kernel)", "'NWC'", "'NCW'"):
        assert word in message
    assert message_of(ValueError, xcorr.correlate, four, five).startswith("kernels: shape (2, 3, 4, 5, 6) has 5 axes")
