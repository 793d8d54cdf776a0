"""Layers of one channel and one kernel a group: what is read where it lies gives the bits of columns in strips."""

import numpy as np
import pytest
from checks import assert_same_bits, random_generator, real_numbers
from looping import for_each

import xcorr
from xcorr import _cache, _reference
from xcorr._axes import make_geometry
from xcorr._methods import direct

pytestmark = pytest.mark.usefixtures("level")

SIZES = {  # rows and columns of the images
    "one row of tiles": (9, 9),
    "rows shorter than half a vector": (14, 7),
    "rows shorter than a vector": (11, 14),
    "rows of a vector and a half": (9, 24),
    "rows of several vectors": (8, 37),
    "rows of many vectors": (12, 200),
    "more than is laid between padding": (66, 70),
    "one window": (3, 3),
    "a row of windows": (3, 21),
}


def both_forms(monkeypatch, images, kernels, **keywords):
    """The responses with lanes over channels, and those with lanes over columns in strips."""
    found = []
    for form in ("channels", "columns"):
        monkeypatch.setattr(direct, "form", lambda *_, form=form: form)
        _cache.clear_caches()
        found.append(xcorr.correlate(images, kernels, method="direct", **keywords))
    _cache.clear_caches()
    return found


def operands(rng, layout, n, height, width, channels, side, dtype):
    images = rng.standard_normal((n, height, width, channels)).astype(dtype)
    kernels = rng.standard_normal((channels, side, side, 1)).astype(dtype)
    if layout == "NCHW":
        images, kernels = (np.ascontiguousarray(array.transpose(0, 3, 1, 2)) for array in (images, kernels))
    return images, kernels


@for_each("side", [3, 5, 7])
@for_each("stride", [1, 2, (1, 2), (3, 1)])
@pytest.mark.parametrize("layout", ["NHWC", "NCHW"])
@pytest.mark.parametrize("size", SIZES)
def test_bits_are_those_of_columns_in_strips(monkeypatch, layout, size, side, stride):
    rng = random_generator(layout, size, side, stride)
    for channels in (6, 16, 33):
        images, kernels = operands(rng, layout, 2, *SIZES[size], channels, side, np.float32)
        bias = rng.standard_normal(channels).astype(np.float32)
        keywords = {"layout": layout, "groups": channels, "bias": bias, "stride": stride}
        paddings = ("valid", "same", ((0, 3), (2, 1)), ((1, 2), (0, 0)))
        for padding in ("same", "full") if side > min(SIZES[size]) else paddings:
            channels_, columns = both_forms(monkeypatch, images, kernels, padding=padding, **keywords)
            assert_same_bits(channels_, columns)


@for_each("padding", [((0, 3), (0, 3)), ((3, 0), (3, 0)), 20, ((0, 0), (20, 0)), ((0, 20), (0, 0))])
@pytest.mark.parametrize("layout", ["NHWC", "NCHW"])
def test_planes_as_tall_as_any_that_are_laid_between_their_padding(monkeypatch, layout, padding):
    rng = random_generator(layout, padding)
    for height, width in ((90, 9), (125, 17), (150, 3), (210, 9), (219, 9), (200, 2), (280, 1)):
        images, kernels = operands(rng, layout, 1, height, width, 9, 7, np.float32)
        keywords = {"layout": layout, "groups": 9, "padding": padding if width > 6 else 20, "fill_value": 1.5}
        assert_same_bits(*both_forms(monkeypatch, images, kernels, **keywords))


@for_each("side", [3, 5, 7])
@for_each("stride", [1, 2])
@pytest.mark.parametrize("layout", ["NHWC", "NCHW"])
def test_bits_are_those_of_columns_in_float64(monkeypatch, layout, side, stride):
    rng = random_generator(layout, side, stride)
    for size in (14, 15, 28):
        images, kernels = operands(rng, layout, 2, size, size, 9, side, np.float64)
        fill = rng.standard_normal(9)
        keywords = {"layout": layout, "groups": 9, "stride": stride, "padding": side // 2, "fill_value": fill}
        assert_same_bits(*both_forms(monkeypatch, images, kernels, **keywords))


@for_each("dilation", [(2, 1), (1, 2), (3, 3)])
@pytest.mark.parametrize("layout", ["NHWC", "NCHW"])
@pytest.mark.parametrize("dtype", ["float32", "float64", "float16"])
def test_bits_do_not_depend_on_the_form_with_taps_apart(monkeypatch, layout, dtype, dilation):
    rng = random_generator(layout, dtype, dilation)
    images, kernels = operands(rng, layout, 2, 13, 19, 18, 3, dtype)
    for stride in (1, 2):
        keywords = {"layout": layout, "groups": 18, "padding": 3, "stride": stride, "dilation": dilation}
        assert_same_bits(*both_forms(monkeypatch, images, kernels, **keywords))


@pytest.mark.parametrize("layout", ["NHWC", "NCHW"])
@pytest.mark.parametrize("boundary", ["constant", "edge", "reflect", "wrap", ("edge", "constant")])
def test_bits_do_not_depend_on_the_form_at_any_boundary(monkeypatch, layout, boundary):
    rng = random_generator(layout, boundary)
    images, kernels = operands(rng, layout, 2, 10, 18, 17, 5, np.float32)
    images[0].flat[3], images[1].flat[40] = np.nan, np.inf
    keywords = {"layout": layout, "groups": 17, "padding": 4, "boundary": boundary}
    if boundary == "constant":
        keywords["fill_value"] = 2.5
    assert_same_bits(*both_forms(monkeypatch, images, kernels, **keywords))


@pytest.mark.parametrize("layout", ["NHWC", "NCHW"])
def test_infinite_taps_make_no_numbers_of_the_padding(monkeypatch, layout):
    rng = random_generator(layout, "infinite taps")
    images, kernels = operands(rng, layout, 1, 9, 9, 16, 3, np.float32)
    kernels[3].flat[0] = np.inf
    response, columns = both_forms(monkeypatch, images, kernels, layout=layout, groups=16, padding=1)
    assert_same_bits(response, columns)
    corner = response[0, 0, 0] if layout == "NHWC" else response[0, :, 0, 0]
    assert np.isnan(corner[3])
    assert np.isfinite(np.delete(corner, 3)).all()


@pytest.mark.parametrize("layout", ["NHWC", "NCHW"])
def test_views_are_read_and_written_where_they_lie(layout):
    """Rows with gaps, images turned around, and every second image."""
    rng = random_generator(layout, "views")
    images, kernels = operands(rng, layout, 4, 12, 22, 20, 3, np.float32)
    rows, columns = (1, 2) if layout == "NHWC" else (2, 3)
    inner = [slice(None, None, 2), *[slice(None)] * 3]
    inner[rows], inner[columns] = slice(None, 1, -1), slice(1, 21)
    view = images[tuple(inner)]
    out = np.full((2, *images.shape[1:]), 7, np.float32)
    place = [slice(None)] * 4
    place[rows], place[columns] = slice(1, 11), slice(2, 22)
    xcorr.correlate(view, kernels, layout=layout, groups=20, padding=1, out=out[tuple(place)])
    whole = xcorr.correlate(np.ascontiguousarray(view), kernels, layout=layout, groups=20, padding=1)
    assert_same_bits(np.ascontiguousarray(out[tuple(place)]), whole)
    out[tuple(place)] = 7
    assert (out == 7).all()


@pytest.mark.parametrize("layout", ["NHWC", "NCHW"])
def test_workers_and_the_place_in_a_batch_change_no_bit(layout):
    rng = random_generator(layout, "workers")
    images, kernels = operands(rng, layout, 5, 23, 30, 40, 5, np.float32)
    keywords = {"layout": layout, "groups": 40, "padding": "same"}
    together = xcorr.correlate(images, kernels, workers=3, **keywords)
    for index in range(5):
        assert_same_bits(together[index], xcorr.correlate(images[index : index + 1], kernels, workers=1, **keywords)[0])


@pytest.mark.parametrize("n_channels", [33, 64, 70])
@pytest.mark.parametrize("stride", [1, 2])
def test_planes_that_workers_share_out_by_channels_keep_their_bits(n_channels, stride):
    rng = random_generator(n_channels, stride)
    images, kernels = operands(rng, "NCHW", 1, 40, 37, n_channels, 3, np.float32)
    fill, bias = real_numbers(rng, n_channels, "float32"), real_numbers(rng, n_channels, "float32")
    keywords = {
        "layout": "NCHW",
        "groups": n_channels,
        "padding": 1,
        "stride": stride,
        "fill_value": fill,
        "bias": bias,
    }
    images = np.repeat(images, 12, axis=0)  # enough for several workers
    one = xcorr.correlate(images[:1], kernels, workers=1, **keywords)
    for n_images in (2, 3, 12):
        together = xcorr.correlate(images[:n_images], kernels, workers=2, **keywords)
        for response in together:
            assert_same_bits(response, one[0])


@pytest.mark.parametrize("layout", ["NHWC", "NCHW"])
def test_responses_of_other_types_are_within_the_bound(layout):
    rng = random_generator(layout, "types")
    images, kernels = operands(rng, layout, 1, 9, 17, 24, 3, np.float32)
    images, kernels = np.round(images * 8), np.round(kernels * 8)
    expected = _reference.correlate(images, kernels, layout=layout, groups=24, padding="same")
    for dtype in ("float16", "float64"):
        response = xcorr.correlate(images, kernels, layout=layout, groups=24, padding="same", dtype=dtype)
        np.testing.assert_array_equal(response.astype(np.float64), expected.astype(np.float64))


@for_each("stride", [1, 2, (1, 2), (3, 1)])
@for_each("n_groups", [4, 6, 9])
@pytest.mark.parametrize("dtype", ["float32", "float64", "float16", "complex64"])
def test_groups_of_four_channels_and_kernels_share_vectors_and_keep_their_bits(monkeypatch, dtype, n_groups, stride):
    rng = random_generator(dtype, n_groups, stride)
    of_group = 2 if dtype == "complex64" else 4
    images = rng.standard_normal((2, 9, 17, n_groups * of_group)).astype(dtype)
    kernels = rng.standard_normal((n_groups * of_group, 3, 3, of_group)).astype(dtype)
    if dtype == "complex64":
        images, kernels = images * (1 + 2j), kernels * (2 - 1j)
    images[0].flat[5] = np.nan
    keywords = {"layout": "NHWC", "groups": n_groups, "stride": stride, "bias": np.arange(len(kernels)).astype(dtype)}
    for padding in ("valid", "same", ((0, 3), (2, 1))):
        taken = xcorr.correlate(images, kernels, method="direct", padding=padding, **keywords)
        monkeypatch.setattr(direct, "form", lambda *_: "columns")
        _cache.clear_caches()
        columns = xcorr.correlate(images, kernels, method="direct", padding=padding, **keywords)
        monkeypatch.undo()
        _cache.clear_caches()
        assert_same_bits(taken, columns)


@pytest.mark.parametrize(
    ("n_groups", "side", "together", "lanes", "form"),
    [(4, 3, 4, 16, "channels"), (3, 3, 4, 16, "columns"), (8, 5, 4, 16, "columns"), (8, 3, 0, 16, "columns"),
     (8, 3, 8, 16, "columns"), (8, 3, 4, 2, "kernels"), (2, 3, 4, 8, "channels")],
)  # fmt: skip
def test_groups_share_vectors_where_channels_lie_together(n_groups, side, together, lanes, form):
    geometry = make_geometry((9, 40, 4 * n_groups), (4 * n_groups, side, side, 4), groups=n_groups)
    assert direct.form(geometry, 4, lanes, together=together) == form
