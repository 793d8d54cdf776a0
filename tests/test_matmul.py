"""Large banks with few windows: taken by "auto", with the same bits whatever stands beside, within the bound."""

from itertools import groupby

import numpy as np
import pytest
from checks import assert_same_bits, random_generator, real_numbers, whole_numbers
from looping import for_each

import xcorr
from xcorr import _dispatch, _engine, _job
from xcorr._methods import matmul

IN_PLACE = {  # images, kernels, layout: windows are the images, or their pixels
    "whole": ((5, 7, 7, 64), (90, 7, 7, 64), "NHWC"),
    "whole, channels first": ((5, 64, 7, 6), (100, 64, 7, 6), "NCHW"),
    "whole planes": ((9, 28, 28), (340, 28, 28), "NHW"),
    "one pixel": ((9, 1, 1, 1030), (260, 1, 1, 1030), "NHWC"),
    "some pixels": ((3, 2, 2, 600), (450, 1, 1, 600), "NHWC"),
}
in_place = pytest.mark.parametrize(("images", "kernels", "layout"), IN_PLACE.values(), ids=IN_PLACE)


def operands(images, kernels, dtype="float32"):
    rng = random_generator(images, kernels, dtype)
    return real_numbers(rng, images, dtype), real_numbers(rng, kernels, dtype)


@in_place
def test_auto_takes_it_for_large_banks_with_few_windows(images, kernels, layout):
    assert xcorr.choose_method(images, kernels, layout=layout) == "matmul"
    few = (3, *kernels[1:])
    assert xcorr.choose_method(images, few, layout=layout) != "matmul"
    for n_images in (1, 1000):
        assert xcorr.choose_method((n_images, *images[1:]), kernels, layout=layout) == "matmul"


@pytest.mark.usefixtures("level")
@for_each("layout", ["NWC", "NCW", "NW", "NHWC", "NCHW", "NHW"])
@for_each("window", ["the image", "a pixel"])
@for_each("n_kernels", [1, 3, 400])
def test_windows_of_every_layout_are_multiplied_with_their_own_taps(layout, window, n_kernels):
    """Signals with channels first and kernels that cover them were taken for signals with channels last."""
    sizes = {"N": 2, "C": 40, "H": 5, "W": 16}
    of_kernels = {**sizes, "N": n_kernels} | ({"H": 1, "W": 1} if window == "a pixel" else {})
    images, kernels = operands([sizes[axis] for axis in layout], [of_kernels[axis] for axis in layout])
    expected = xcorr.correlate(images, kernels, layout=layout, method="direct")
    for method in ("matmul", "auto"):
        found = xcorr.correlate(images, kernels, layout=layout, method=method)
        np.testing.assert_allclose(found, expected, atol=1e-3)
        np.testing.assert_allclose(xcorr.Correlator(kernels, layout=layout, method=method)(images), expected, atol=1e-3)


@pytest.mark.usefixtures("level")
@in_place
@for_each("dtype", ["float32", "float64"])
def test_a_response_does_not_depend_on_what_stands_beside(images, kernels, layout, dtype, monkeypatch):
    monkeypatch.setattr(_job, "MULTIPLY_ADDS_PER_WORKER", 1)
    images, kernels = operands(images, kernels, dtype)
    expected = xcorr.correlate(images, kernels, layout=layout, method="matmul", workers=1)
    prepared = xcorr.Correlator(kernels, layout=layout, method="matmul")
    for workers in (1, 2, 5):
        assert_same_bits(prepared(images, workers=workers), expected)
    for index in range(len(images)):
        assert_same_bits(prepared(images[index : index + 1]), expected[index : index + 1])
    some = slice(3, 40)
    channel = layout.index("C") if layout == "NCHW" else expected.ndim - 1
    own = xcorr.correlate(images, kernels[some], layout=layout, method="matmul")
    assert_same_bits(own, np.take(expected, range(some.start, some.stop), channel))
    apart = np.repeat(images, 2, axis=-1)[..., ::2]
    backwards = kernels[::-1, ::-1].copy()[::-1, ::-1]
    assert_same_bits(xcorr.correlate(apart, backwards, layout=layout, method="matmul"), expected)
    out = np.full((*expected.shape, 2), np.nan, dtype)[..., 0]
    assert_same_bits(xcorr.correlate(images, kernels, layout=layout, method="matmul", out=out), expected)
    assert_same_bits(np.ascontiguousarray(out), expected)


@pytest.mark.usefixtures("level")
@in_place
def test_what_is_not_finite_stays_in_its_window_and_kernel(images, kernels, layout):
    images, kernels = operands(images, kernels)
    expected = xcorr.correlate(images, kernels, layout=layout, method="matmul")
    images[1].flat[-1], kernels[2].flat[-1] = np.inf, np.nan
    response = xcorr.correlate(images, kernels, layout=layout, method="matmul")
    axis = 1 if layout == "NCHW" else expected.ndim - 1
    assert np.isnan(np.take(response, 2, axis)).all()
    others = np.delete(np.delete(response, 2, axis), 1, 0)
    assert_same_bits(others, np.delete(np.delete(expected, 2, axis), 1, 0))
    assert not np.isfinite(np.delete(response, 2, axis)[1]).all()


@pytest.mark.usefixtures("level")
@for_each("n_taps", [1, 7, 16, 17, 100, 1025, 4096, 5000, 70_001])
@for_each("dtype", ["float32", "float64"])
def test_products_of_whole_numbers_are_exact_for_any_sizes(n_taps, dtype):
    rng = random_generator(n_taps, dtype)
    for n_windows, n_kernels in ((1, 1), (1, 9), (2, 4), (3, 5), (4, 3), (9, 17)):
        windows = whole_numbers(rng, (n_windows, n_taps), dtype)
        kernels = whole_numbers(rng, (n_kernels, n_taps), dtype)
        bias = whole_numbers(rng, (n_kernels,), dtype)
        responses = np.full((n_kernels, n_windows), np.nan, dtype)
        table, summed = _dispatch.current().table, np.dtype(dtype).str[1:]
        _engine.multiply(table, summed, windows, kernels, bias, responses.T)
        assert np.array_equal(responses.T, windows @ kernels.T + bias)


@pytest.mark.usefixtures("level")
def test_the_bound_holds_where_all_errors_go_one_way():
    for n_taps in (64, 1000, 4096, 100_000):
        kernels = np.full((4, 1, 1, n_taps), 1 + 2**-12 + 2**-23, np.float32)
        images = np.full((1, 1, 1, n_taps), 1 + 2**-11 + 2**-23, np.float32)
        response = xcorr.correlate(images, kernels, method="matmul")
        exact = np.float64(images[0, 0, 0, 0]) * np.float64(kernels[0, 0, 0, 0]) * n_taps
        assert np.abs(response - exact).max() <= (4 + 2 * n_taps**0.5) * 2**-24 * exact


@pytest.mark.usefixtures("level")
@for_each("n_kernels", [1, 4, 17, 40])
@for_each("repeated", [None, 0, 1, 2])
@for_each("stride", [1, 2])
def test_windows_of_short_rows_in_planes_are_gathered(n_kernels, repeated, stride):
    rng = random_generator(n_kernels, repeated, stride)
    images, kernels = (
        whole_numbers(rng, (2, 17, 16, 20), "float32"),
        whole_numbers(rng, (n_kernels, 17, 1, 1), "float32"),
    )
    if repeated is not None:
        images = np.broadcast_to(images.take([0], repeated), images.shape)
    for padding in (0, 2):
        words = {"layout": "NCHW", "padding": padding, "stride": stride}
        expected = np.pad(images, ((0, 0), (0, 0), (padding, padding), (padding, padding)))[:, :, ::stride, ::stride]
        expected = np.einsum("nchw,kc->nkhw", expected, kernels[:, :, 0, 0])
        for method in ("matmul", "direct"):
            np.testing.assert_array_equal(xcorr.correlate(images, kernels, method=method, **words), expected)


def test_windows_in_place_are_not_copied_and_others_are_gathered(monkeypatch):
    taken, in_place, slabs = [], matmul.multiplies_in_place, matmul.multiply_slabs

    def asked(*words):
        taken.append("in place" if in_place(*words) else "not")
        return taken[-1] == "in place"

    monkeypatch.setattr(matmul, "multiplies_in_place", asked)
    monkeypatch.setattr(matmul, "multiply_slabs", lambda *words: (taken.append("slabs"), slabs(*words)))
    images, kernels = operands((4, 7, 7, 16), (350, 7, 7, 16))
    xcorr.correlate(images, kernels)
    xcorr.correlate(images[:, ::-1], kernels)
    xcorr.correlate(images, kernels, padding=1, method="matmul")
    xcorr.correlate(images.astype(np.uint8), kernels.astype(np.uint8), method="matmul")
    assert [key for key, _ in groupby(taken)] == [
        "in place",
        *["not", "slabs"] * 3,
    ]  # where taps are looked at, asked twice


def test_wrong_arrays_are_refused_by_the_gate():
    table = _dispatch.current().table
    windows, kernels, bias, responses = (np.zeros(shape, np.float32) for shape in ((2, 5), (3, 5), (3,), (2, 3)))
    for wrong in (
        (windows[:, :4], kernels, bias, responses),
        (windows, kernels, bias[:2], responses),
        (windows, kernels, bias, responses.T),
        (windows, kernels.astype(np.float64), bias, responses),
        (windows, np.zeros((3, 10), np.float32)[:, ::2], bias, responses),
        (windows, kernels, bias, responses[0]),
    ):
        with pytest.raises(ValueError, match="they are not"):
            _engine.multiply(table, "f4", *wrong)


@pytest.mark.usefixtures("level")
@for_each("layout", ["NHWC", "NCHW"])
@for_each("depth", [9, 10, 64, 300, 2048])
def test_kernels_of_one_pixel_are_its_own(layout, depth):
    shape, bank = ((2, 5, 6, depth), (7, 1, 1, depth)) if layout == "NHWC" else ((2, depth, 5, 6), (7, depth, 1, 1))
    images, kernels = operands(shape, bank)
    several = depth >= matmul.FEWEST_TAPS
    assert xcorr.choose_method(shape, bank, layout=layout) == ("matmul" if several else "direct")
    assert xcorr.choose_method(shape, bank, layout=layout, precision="strict") == "direct"
    response = xcorr.correlate(images, kernels, layout=layout)
    strict = xcorr.correlate(images, kernels, layout=layout, precision="strict")
    assert_same_bits(strict, xcorr.correlate(images, kernels, layout=layout, method="direct"))
    if several:
        asked = {"layout": layout, "method": "matmul"}
        assert_same_bits(strict, xcorr.correlate(images, kernels, precision="strict", **asked))
        assert_same_bits(response, xcorr.correlate(images, kernels, **asked))
    exact = xcorr.correlate(images.astype("f8"), kernels, layout=layout, method="direct")
    sums = xcorr.correlate(np.abs(images).astype("f8"), np.abs(kernels), layout=layout, method="direct")
    unit = np.finfo(np.float32).eps / 2
    assert (np.abs(response - exact) <= (min(depth, 256) + depth / 256) * unit * sums).all()
    assert_same_bits(xcorr.correlate(images[1:], kernels[2:4], layout=layout), some(response[1:], layout))


def some(response, layout):
    return response[..., 2:4] if layout == "NHWC" else response[:, 2:4]
