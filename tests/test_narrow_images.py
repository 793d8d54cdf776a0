"""Images of few columns, whose lanes go over rows, and rows that are cut: the bits are those of any other way."""

import tracemalloc

import numpy as np
import pytest
from checks import BOUNDARIES, EXAMPLES, assert_same_bits, random_generator, real_numbers, to_layout, whole_numbers

import xcorr
from xcorr import _axes, _cache
from xcorr._methods import direct

DTYPES = ("float32", "float64", "float16", "uint8", "int16", "complex64")


@pytest.fixture
def in_form(monkeypatch):
    """`correlate` by the direct method with its lanes in some form; None for the one that is taken."""
    chosen = direct.form

    def call(form, images, kernels, **keywords):
        monkeypatch.setattr(direct, "form", chosen if form is None else lambda *_: form)
        _cache.clear_caches()
        try:
            return xcorr.correlate(images, kernels, method="direct", **keywords)
        finally:
            monkeypatch.setattr(direct, "form", chosen)
            _cache.clear_caches()

    return call


def narrow_operands(rng, dtype, numbers):
    """Images of 1 to 4 columns and up to 300 rows in any memory order, kernels, and keywords."""
    groups, channels = int(rng.choice([1, 1, 2])), int(rng.choice([1, 1, 2, 3]))
    n_kernels = int(rng.choice([1, 2, 3, 4, 5, 8]))
    height, width = int(rng.integers(1, 301)), int(rng.integers(1, 5))
    kernel = (int(rng.integers(1, min(height, 20) + 1)), int(rng.integers(1, width + 1)))
    images = numbers(rng, (int(rng.integers(1, 4)), height, width, groups * channels), dtype)
    kernels = numbers(rng, (groups * n_kernels, *kernel, channels), dtype)
    if rng.random() < 0.3:
        images = np.repeat(images, 2, axis=int(rng.integers(1, 3)))[:, ::-2]
    if rng.random() < 0.3:
        images = np.asfortranarray(images)
    if rng.random() < 0.1:
        images = np.broadcast_to(images[:, :, :1], images.shape)
    keywords = {
        "stride": tuple(rng.integers(1, 4, 2).tolist()),
        "dilation": tuple(rng.integers(1, 4, 2).tolist()),
        "padding": ("full", "same", "valid", ((7, 2), (0, 3)), ((31, 40), (5, 1)))[rng.integers(5)],
        "boundary": tuple(BOUNDARIES[index] for index in rng.integers(5, size=2)),
        "groups": groups,
    }
    if "constant" in keywords["boundary"] and rng.random() < 0.5:
        keywords["fill_value"] = 3
    if rng.random() < 0.5:
        keywords["bias"] = numbers(rng, groups * n_kernels, dtype)
    return images, kernels, keywords


def fits(images, kernels, keywords):
    """Whether the kernels are not larger than the padded images."""
    sizes = {name: keywords[name] for name in ("padding", "stride", "dilation")}
    try:
        return min(xcorr.response_shape(images.shape[1:3], kernels.shape[1:3], **sizes)) > 0
    except ValueError:
        return False


@pytest.mark.parametrize("dtype", DTYPES)
def test_lanes_over_rows_give_the_bits_of_lanes_over_columns(level, in_form, dtype):
    rng = random_generator("narrow bits", dtype)
    for _ in range(EXAMPLES):
        images, kernels, keywords = narrow_operands(rng, dtype, real_numbers)
        if dtype in ("uint8", "int16"):
            images, kernels = (whole_numbers(rng, array.shape, dtype) for array in (images, kernels))
        if not fits(images, kernels, keywords):
            continue
        layout = str(rng.choice(["NHWC", "NCHW"]))
        images, kernels = (to_layout(array, layout) for array in (images, kernels))
        expected = in_form("columns", images, kernels, layout=layout, **keywords)
        for form, workers in (("rows", 1), ("rows", 2), ("kernels", 1)):
            response = in_form(form, images, kernels, layout=layout, workers=workers, **keywords)
            assert_same_bits(response, expected)
        assert_same_bits(in_form(None, images, kernels, layout=layout, **keywords), expected)
        assert_same_bits(in_form("rows", images[-1:], kernels, layout=layout, **keywords), expected[-1:])


@pytest.mark.parametrize("shape", [(300, 1), (40, 3), (17, 2)])
def test_depthwise_columns_have_the_bits_of_lanes_over_columns(level, in_form, shape):
    rng = random_generator("narrow channels", shape)
    images = real_numbers(rng, (2, *shape, 37), "float32")
    for kernel, keywords in (((5, 1), {}), ((3, 1), {"stride": 2, "padding": "same"}), ((4, 1), {"dilation": 3})):
        kernels = real_numbers(rng, (37, *kernel, 1), "float32")
        expected = in_form("columns", images, kernels, groups=37, **keywords)
        for form in ("channels", "kernels", "rows"):
            assert_same_bits(in_form(form, images, kernels, groups=37, **keywords), expected)


@pytest.mark.parametrize("kernel", [(1, 50), (3, 70), (2, 5, 60), (1, 17_000), (40, 3)])
def test_long_kernels_along_a_column_have_the_blocks_of_their_sums(level, in_form, kernel):
    rng = random_generator("narrow blocks", kernel)
    height, width, channels = kernel[-1], kernel[0], kernel[1] if len(kernel) == 3 else 1
    images = real_numbers(rng, (1, height + 100, width + 1, channels), "float32")
    for n_kernels in (1, 3):
        kernels = real_numbers(rng, (n_kernels, height, width, channels), "float32")
        assert_same_bits(in_form("rows", images, kernels), in_form("columns", images, kernels))


@pytest.mark.parametrize("overflow", ["raise", "saturate"])
def test_integers_of_narrow_images_are_kept_within_their_type(level, in_form, overflow):
    rng = random_generator("narrow integers", overflow)
    images, kernels = whole_numbers(rng, (3, 150, 4, 1), "uint8", 200), whole_numbers(rng, (5, 7, 2, 1), "int8")
    for dtype in ("int16", "uint8"):
        keywords = {"dtype": dtype, "overflow": overflow}
        try:
            expected = in_form("columns", images, kernels, **keywords)
        except OverflowError:
            with pytest.raises(OverflowError):
                in_form("rows", images, kernels, **keywords)
        else:
            assert_same_bits(in_form("rows", images, kernels, **keywords), expected)
            assert overflow == "saturate" or dtype == "int16"


@pytest.mark.parametrize("layout", ["NHWC", "NCHW", "NHW"])
def test_whole_numbers_of_turned_images_are_the_turned_responses(level, layout):
    rng = random_generator("turned", layout)
    rows, columns = (2, 3) if layout == "NCHW" else (1, 2)
    for _ in range(EXAMPLES // 4):
        images, kernels, keywords = narrow_operands(rng, "float32", whole_numbers)
        if not fits(images, kernels, keywords) or (layout == "NHW" and keywords["groups"] > 1):
            continue
        images, kernels = (to_layout(array, layout) for array in (images, kernels))
        turned = {"stride": keywords["stride"][::-1], "dilation": keywords["dilation"][::-1]}
        turned["boundary"] = keywords["boundary"][::-1]
        turned["padding"] = keywords["padding"] if isinstance(keywords["padding"], str) else keywords["padding"][::-1]
        response = xcorr.correlate(images, kernels, layout=layout, method="direct", **keywords)
        of_turned = xcorr.correlate(
            np.swapaxes(images, rows, columns), np.swapaxes(kernels, rows, columns), layout=layout, method="direct",
            **{**keywords, **turned},
        )  # fmt: skip
        if layout == "NHW":
            of_turned = np.swapaxes(of_turned, 1, 2)
        assert np.array_equal(response, of_turned if layout == "NHW" else np.swapaxes(of_turned, rows, columns))


@pytest.mark.parametrize("shape", [(1, 300_000, 1), (1, 1, 300_000), (2, 3, 150_000), (2, 150_000, 3)])
@pytest.mark.parametrize("kernel", [(1, 1), (1, 40), (40, 1), (3, 3)])
def test_rows_that_are_cut_have_the_bits_of_their_pieces(level, shape, kernel):
    kernel = tuple(min(taps, length) for taps, length in zip(kernel, shape[1:], strict=True))
    rng = random_generator(shape, kernel)
    images, kernels = real_numbers(rng, shape, "float32"), real_numbers(rng, (2, *kernel), "float32")
    keywords = {"layout": "NHW", "method": "direct"}
    keywords |= {"padding": "same", "boundary": "reflect"} if min(shape[1:]) > 1 else {}
    whole = xcorr.correlate(images, kernels, workers=1, **keywords)
    for workers in (2, 3):
        assert_same_bits(xcorr.correlate(images, kernels, workers=workers, **keywords), whole)
    assert_same_bits(xcorr.correlate(images[:1], kernels, **keywords), whole[:1])
    axis = 1 if shape[1] > shape[2] else 2
    for first in (0, 16_385, shape[axis] - 2_000):
        piece = tuple(slice(first, first + 2_000) if place == axis else slice(None) for place in range(3))
        length = 2_000 - kernel[axis - 1] + 1
        alone = xcorr.correlate(images[piece], kernels, **keywords)
        border = kernel[axis - 1] if "padding" in keywords else 0  # what the padding of a piece changes
        inside, moved = slice(border, length - border), slice(first + border, first + length - border)
        assert_same_bits(np.moveaxis(alone, axis, 0)[inside], np.moveaxis(whole, axis, 0)[moved])


def test_a_column_longer_than_any_table_takes_a_bounded_workspace():
    image = np.broadcast_to(np.ones((1, 1), np.float16), (2**27, 1))
    kernels, keywords = np.ones((9, 1), np.float16), {"padding": "same", "stride": (2**12, 1), "workers": 1}
    tracemalloc.start()
    try:
        xcorr.correlate(image, kernels, **keywords)
        assert tracemalloc.get_traced_memory()[1] < 2**24
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    ("height", "width", "kernel", "form"),
    [(1000, 1, (9, 1), "rows"), (5, 1, (3, 1), "rows"), (100, 4, (3, 3), "rows"), (1, 1000, (1, 9), "columns"),
     (28, 28, (3, 3), "columns"), (4, 100, (3, 3), "columns"), (1080, 1920, (3, 3), "columns"),
     (1, 1, (1, 1), "columns")],
)  # fmt: skip
def test_lanes_go_over_rows_where_columns_are_few(height, width, kernel, form):
    geometry = _axes.make_geometry((height, width, 1), (2, *kernel, 1))
    assert direct.form(geometry, 2, 16) == form
