"""Figures: what is in them, how they are coloured, that operands stay as they are. Their looks are test_browser's."""

import base64
import io
import json
import re
import subprocess
import sys
from functools import partial

import numpy as np
import pytest

import xcorr
from xcorr import banks, datasets, plot

pytest.importorskip("plotly")

RNG = np.random.default_rng(5)
DIGITS = datasets.load_digits_sample().images[:3]
TILES = datasets.load_colour_sample().images[:2]
BANK = RNG.normal(size=(4, 3, 3)).astype(np.float32)


def digit_responses(n_images=3, n_kernels=4):
    images = DIGITS[:n_images].astype(np.float32)
    return images, xcorr.correlate(images, BANK[:n_kernels], layout="NHW")


def facet_titles(figure):
    return [annotation.text.replace("<br>", " ") for annotation in figure.layout.annotations]


def heatmaps(figure, coloraxis):
    return [trace for trace in figure.data if trace.type == "heatmap" and trace.coloraxis == coloraxis]


def title(figure):
    return figure.layout.title.text.replace("<br>", " ")


def axis_pairs(figure):
    """Every trace's two axes in the layout."""
    return [
        (figure.layout["xaxis" + (trace.xaxis or "x")[1:]], figure.layout["yaxis" + (trace.yaxis or "y")[1:]])
        for trace in figure.data
    ]


def n_bytes(figure):
    return len(figure.to_json())


# --- what is drawn ----------------------------------------------------------------------------------------------------


def test_every_image_stands_before_its_responses():
    images, responses = digit_responses()
    figure = plot.responses(images, responses, layout="NHW")
    assert facet_titles(figure) == [
        name for image in range(3) for name in (f"image {image}", *(f"kernel {kernel}" for kernel in range(4)))
    ]
    assert title(figure) == "3 images and the responses of 4 kernels"
    for index, trace in enumerate(figure.data):
        image, place = divmod(index, 5)
        np.testing.assert_array_equal(trace.z, images[image] if place == 0 else responses[image, ..., place - 1])


@pytest.mark.parametrize(
    ("word", "n_axes", "n_kernel_axes"),
    [
        (word, n_axes, n_kernel_axes)
        for word in ("NHW", "NHWC", "NCHW")
        for n_axes in (0, 1)
        for n_kernel_axes in (0, 1)
    ],
)
def test_axes_are_read_as_correlate_reads_them(word, n_axes, n_kernel_axes):
    """Whatever of N and K is absent: the responses drawn are those of the reference layout."""
    images = RNG.normal(size=(2, 7, 8, 1))
    kernels = RNG.normal(size=(3, 2, 3, 1))
    expected = xcorr.correlate(images, kernels)
    order = ["NHWC".index(letter) for letter in word]
    operand, bank = (array[..., 0] if word == "NHW" else array.transpose(order) for array in (images, kernels))
    operand, bank = (operand if n_axes else operand[0]), (bank if n_kernel_axes else bank[0])
    figure = plot.responses(operand, xcorr.correlate(operand, bank, layout=word), layout=word)
    drawn = [trace.z for trace in figure.data]
    wanted = []
    for image in range(2 if n_axes else 1):
        wanted += [
            images[image, ..., 0],
            *(expected[image, ..., kernel] for kernel in range(3 if n_kernel_axes else 1)),
        ]
    assert len(drawn) == len(wanted)
    for got, want in zip(drawn, wanted):
        np.testing.assert_allclose(got, want, rtol=1e-6)


def test_layout_follows_from_the_numbers_of_axes_alone():
    batch, single = DIGITS.astype(float), TILES[0].astype(float)
    assert len(plot.responses(batch, np.ones((3, 2, 2, 5))).data) == 3 * 6
    assert len(plot.responses(single, np.ones((2, 2))).data) == 2
    assert len(plot.responses(batch[0], np.ones((2, 2, 5))).data) == 6
    assert len(plot.responses(TILES, np.ones((2, 4, 4, 5))).data) == 12
    with pytest.raises(ValueError, match=r"layout: images of shape \(3, 28, 28\).*'NHW'.*'NHWC'"):
        plot.responses(batch, np.ones((3, 2, 2)))


def test_colours_are_colours_and_other_channels_stand_by_themselves():
    figure = plot.responses(TILES, np.ones((2, 4, 4, 1)))
    assert [trace.type for trace in figure.data] == ["image", "heatmap"] * 2
    assert figure.data[0].source.startswith("data:image/png;base64,")
    five = plot.responses(RNG.normal(size=(6, 6, 5)), np.ones((2, 2)), layout="NHWC")
    assert facet_titles(five)[:2] == ["image, channel 0", "image, channel 1"]
    assert len(five.data) == 6


@pytest.mark.parametrize("dtype", [np.uint8, np.float32, np.float64, bool])
def test_colours_of_every_dtype_are_the_same_picture(dtype):
    pixels = RNG.integers(0, 2, (5, 6, 3)).astype(dtype)
    source = plot.responses(pixels * (255 if dtype == np.uint8 else 1), np.ones((2, 2))).data[0].source
    assert source == plot.responses(pixels.astype(np.float64), np.ones((2, 2))).data[0].source


@pytest.mark.parametrize("shape", [(1, 1, 3), (5, 2, 3), (33, 70, 3)])
def test_picture_of_colours_holds_every_byte(shape):
    image = pytest.importorskip("PIL.Image")
    pixels = RNG.integers(0, 256, shape).astype(np.uint8)
    source = plot.responses(pixels, np.ones((2, 2))).data[0].source
    with image.open(io.BytesIO(base64.b64decode(source.removeprefix("data:image/png;base64,")))) as picture:
        assert picture.format == "PNG"
        np.testing.assert_array_equal(np.asarray(picture), pixels)


def test_bank_has_one_facet_for_each_channel_of_each_kernel():
    figure = plot.bank(RNG.normal(size=(2, 3, 4, 5)), names=["one", "two"])
    assert facet_titles(figure) == [f"{name}, channel {channel}" for name in ("one", "two") for channel in range(5)]
    assert title(figure) == "2 kernels of 3x4x5"
    channels_first = plot.bank(np.moveaxis(RNG.normal(size=(2, 3, 4, 5)), -1, 1), layout="NCHW")
    assert title(channels_first) == title(figure)
    assert facet_titles(plot.bank(np.eye(3))) == ["kernel"]


def test_three_axes_of_a_bank_are_kernels_rows_and_columns():
    bank = RNG.normal(size=(4, 2, 3))
    assert plot.bank(bank).to_json() == plot.bank(bank, layout="NHW").to_json()
    assert title(plot.bank(bank)) == "4 kernels of 2x3"
    assert title(plot.bank(bank, layout="NHWC")) == "1 kernel of 4x2x3"


@pytest.mark.parametrize("name", banks.BANKS)
def test_banks_of_the_package_have_their_names(name):
    bank = banks.BANKS[name]()
    assert facet_titles(plot.bank(bank)) == banks.names(name)
    assert facet_titles(plot.bank(bank, names=["own"] * len(bank))) == ["own"] * len(bank)
    for other in (bank.astype(np.float64), bank[::-1], bank * np.float32(2), np.concatenate([bank, bank])):
        if not np.array_equal(other, bank) or other.dtype != bank.dtype:
            assert facet_titles(plot.bank(other, max_facets=2))[0] == "kernel 0"


def test_each_kernel_of_a_bank_has_a_scale_of_its_own():
    bank = np.array([[[1, -2], [0, 0.5]], [[3e-6, 0], [1e-6, -1e-6]], [[0, 0], [0, 0]]])
    figure = plot.bank(bank)
    np.testing.assert_allclose(figure.data[0].z, bank[0] / 2)
    np.testing.assert_allclose(figure.data[1].z, bank[1] / 3e-6, rtol=1e-6)
    np.testing.assert_array_equal(figure.data[2].z, bank[2])
    assert (figure.layout.coloraxis.cmin, figure.layout.coloraxis.cmax) == (-1.0, 1.0)
    assert figure.layout.coloraxis.colorbar.title.text == "taps, each kernel's largest as 1"
    said = [trace.hovertemplate.partition("<br>")[2].partition("<extra>")[0] for trace in figure.data]
    assert said == ["%{z:.4~g} of 2", "%{z:.4~g} of 3e-06", "%{z:.6~g}"]


def test_kernels_have_one_scale_if_that_is_asked_for_or_there_is_one():
    bank = np.array([[[1, -2]], [[3e-6, 0]]])
    figure = plot.bank(bank, normalize=False)
    np.testing.assert_allclose([trace.z for trace in figure.data], bank)
    assert (figure.layout.coloraxis.cmax, figure.layout.coloraxis.colorbar.title.text) == (2.0, "taps")
    assert "of" not in figure.data[0].hovertemplate
    single = plot.bank(bank[1:])
    np.testing.assert_allclose(single.data[0].z, bank[1])
    assert (single.layout.coloraxis.cmax, single.layout.coloraxis.colorbar.title.text) == (3e-6, "taps")


def test_channels_of_a_kernel_are_scaled_together():
    bank = RNG.normal(size=(2, 3, 4, 5)) * np.array([1, 1000]).reshape(2, 1, 1, 1)
    figure = plot.bank(bank)
    for index, (kernel, channel) in enumerate(np.ndindex(2, 5)):
        expected = bank[kernel, :, :, channel] / np.abs(bank[kernel]).max()
        np.testing.assert_allclose(figure.data[index].z, expected, rtol=1e-6)


@pytest.mark.parametrize("dtype", ["?", "i1", "u8", "i8", "f2"])
def test_whole_numbers_are_scaled_without_wrapping(dtype):
    lowest = np.iinfo(dtype).min if dtype[0] == "i" else 1
    bank = np.array([[[lowest, 0]], [[1, 1]]]).astype(dtype)
    figure = plot.bank(bank)
    np.testing.assert_array_equal(figure.data[0].z, [[-1.0 if lowest < 0 else 1.0, 0.0]])


def test_a_kernel_is_scaled_by_its_finite_taps():
    figure = plot.bank(np.array([[[4.0, np.nan, -np.inf]], [[np.nan, np.nan, np.inf]]]))
    np.testing.assert_array_equal(figure.data[0].z, [[1.0, np.nan, -np.inf]])
    assert figure.layout.coloraxis.cmax == 1.0
    assert facet_titles(figure) == ["kernel 0, 1 NaN, 1 inf", "kernel 1, 2 NaN, 1 inf"]


def test_windows_are_those_of_the_package_at_their_places():
    image = RNG.normal(size=(9, 11)).astype(np.float32)
    figure = plot.windows(image, (3, 2), stride=(2, 3), dilation=(1, 2))
    windows = xcorr.windows(image, (3, 2), stride=(2, 3), dilation=(1, 2))
    (trace,) = figure.data
    assert trace.z.shape == (windows.shape[0] * 4 - 1, windows.shape[1] * 3 - 1)
    for row, column in np.ndindex(windows.shape[:2]):
        drawn = trace.z[row * 4 : row * 4 + 3, column * 3 : column * 3 + 2]
        np.testing.assert_array_equal(drawn, windows[row, column].reshape(3, 2))
        said = trace.customdata[row * 4 : row * 4 + 3, column * 3 : column * 3 + 2]
        assert said.tolist() == [[[row, column, tap_row, tap] for tap in range(2)] for tap_row in range(3)]
    assert np.isnan(trace.z).sum() == trace.z.size - windows.size


def test_windows_of_colours_of_one_of_a_batch_and_of_too_many():
    colours = plot.windows(TILES, (5, 5), stride=3, index=1)
    assert [trace.type for trace in colours.data] == ["image", "heatmap"]
    assert colours.data[0].source != plot.windows(TILES, (5, 5), stride=3).data[0].source
    many = plot.windows(np.zeros((100, 40)), (3, 3), max_facets=30)
    assert title(many) == "Windows of 3x3 in an image of 100x40 (first 5x6 of 98x38 shown)"
    assert many.data[0].z.shape == (5 * 4 - 1, 6 * 4 - 1)
    flat = plot.windows(np.zeros((3, 4000)), (3, 3), max_facets=30)
    assert "first 1x30 of 1x3998" in title(flat)
    assert "channel 0 of 2" in title(plot.windows(np.zeros((5, 5, 2)), (3, 3), layout="NHWC"))


def test_compare_gives_a_b_and_their_difference():
    a, b = RNG.normal(size=(2, 2, 5, 6, 3))
    b[1, 4, 5, 2] = a[1, 4, 5, 2] + 9
    figure = plot.compare(a, b, names=["ours", "theirs"])
    assert title(figure).startswith("ours and theirs: largest difference 9")
    assert facet_titles(figure)[:3] == ["ours, image 0, kernel 0", "theirs, image 0, kernel 0", "difference"]
    assert len(figure.data) == 3 * 2 * 3
    planes = [(image, kernel) for image in range(2) for kernel in range(3)]
    for (image, kernel), index in zip(planes, range(0, 18, 3)):
        ours, theirs = a[image, ..., kernel], b[image, ..., kernel]
        for trace, values in zip(figure.data[index : index + 3], (ours, theirs, ours - theirs)):
            np.testing.assert_allclose(trace.z, values, rtol=1e-6)


@pytest.mark.parametrize(("axes", "shape", "planes"), [("HW", (4, 5), 1), ("NHW", (3, 4, 5), 3), ("HWK", (4, 5, 2), 2),
                                                       ("KHW", (2, 4, 5), 2), ("NKHW", (3, 2, 4, 5), 6)])  # fmt: skip
def test_compare_reads_its_axes(axes, shape, planes):
    figure = plot.compare(np.ones(shape), np.ones(shape), axes=axes)
    assert len(figure.data) == 3 * planes
    assert all(trace.z.shape == (4, 5) for trace in figure.data)
    assert title(figure) == "a and b: equal"


def test_largest_difference_is_over_all_pixels_drawn_or_not():
    a = np.zeros((30, 4, 4))
    b = a.copy()
    b[29, 3, 3] = 0.125
    figure = plot.compare(a, b, axes="NHW", max_facets=6)
    assert len(figure.data) == 6
    assert title(figure) == "a and b: largest difference 0.125 (first 6 of 90 shown)"


@pytest.mark.parametrize(("a", "b", "words"), [
    (np.nan, np.nan, "equal"), (np.inf, np.inf, "equal"), (-np.inf, np.inf, "largest difference 0, 1 not finite"),
    (np.nan, 0.0, "largest difference 0, 1 not finite"), (1.0, 3.5, "largest difference 2.5"),
])  # fmt: skip
def test_difference_of_what_is_not_finite(a, b, words):
    first, second = np.zeros((2, 4, 4))
    first[1, 2], second[1, 2] = a, b
    assert title(plot.compare(first, second)) == f"a and b: {words}"


def test_integers_differ_by_one_however_large():
    a = np.full((2, 2), 2**62, np.int64)
    assert title(plot.compare(a, a - 1)) == "a and b: largest difference 1"
    unsigned = np.zeros((2, 2), np.uint8)
    figure = plot.compare(unsigned, unsigned + np.uint8(1))
    assert figure.data[2].z.tolist() == [[-1, -1], [-1, -1]]


# --- how it is coloured -----------------------------------------------------------------------------------------------


def every_figure():
    images, responses = digit_responses()
    tiles = TILES.astype(np.float32)
    yield "responses", plot.responses(images, responses, layout="NHW")
    yield "colour responses", plot.responses(tiles, xcorr.correlate(tiles, RNG.normal(size=(2, 3, 3, 3))))
    yield "bank", plot.bank(RNG.normal(size=(20, 5, 5)), layout="NHW")
    yield "windows", plot.windows(images[0], (3, 3))
    yield "colour windows", plot.windows(TILES[0], (3, 3), stride=3, layout="NHWC")
    yield "compare", plot.compare(responses, responses * np.float32(1.5), names=["one", "two"])


FIGURES = dict(every_figure())


def test_both_of_a_comparison_have_one_scale_and_differences_their_own():
    a = np.array([[0.0, -3.0], [1.0, 2.0]])
    figure = plot.compare(a, a / 2 + 4)
    assert [trace.coloraxis for trace in figure.data] == ["coloraxis", "coloraxis", "coloraxis2"]
    assert (figure.layout.coloraxis.cmin, figure.layout.coloraxis.cmax) == (-5.0, 5.0)
    assert (figure.layout.coloraxis2.cmin, figure.layout.coloraxis2.cmax) == (-5.5, 5.5)
    assert figure.layout.coloraxis.colorscale != figure.layout.coloraxis2.colorscale
    assert figure.layout.coloraxis.colorbar.title.text == "a and b"


@pytest.mark.parametrize("name", ["responses", "bank", "compare"])
def test_signed_scales_are_white_at_zero_and_hold_every_value(name):
    figure = FIGURES[name]
    axes = {trace.coloraxis for trace in figure.data if trace.type == "heatmap"}
    for axis in axes:
        scale = figure.layout[axis]
        values = np.concatenate([trace.z.ravel() for trace in heatmaps(figure, axis)])
        if scale.colorscale[0][1] == "#000000":
            assert (scale.cmin, scale.cmax) == (values.min(), values.max())
            continue
        assert scale.cmin == -scale.cmax
        assert scale.cmax == pytest.approx(np.abs(values).max())
        assert dict(scale.colorscale)[0.5] == "#ffffff"
    assert len(axes) == {"responses": 2, "bank": 1, "compare": 2}[name]


def luminance(colour):
    return sum(share * int(colour[place : place + 2], 16) for share, place in ((0.2126, 1), (0.7152, 3), (0.0722, 5)))


@pytest.mark.parametrize("scale", ["signed", "difference"])
def test_both_sides_of_a_scale_darken_evenly_and_differ_without_red_and_green(scale):
    """What a reader sees who has no cones for red or none for green: lightness, and blue beside yellow."""
    from xcorr._figures.facets import COLOURS

    colours = [colour for _, colour in COLOURS[scale]]
    lights = [luminance(colour) for colour in colours]
    middle = len(colours) // 2
    assert lights[: middle + 1] == sorted(lights[: middle + 1])
    assert lights[middle:] == sorted(lights[middle:], reverse=True)
    for low, high in zip(colours[:middle], colours[:middle:-1]):
        blueness = [int(colour[5:7], 16) - (int(colour[1:3], 16) + int(colour[3:5], 16)) / 2 for colour in (low, high)]
        assert blueness[0] > 0 > blueness[1]


@pytest.mark.parametrize("name", FIGURES)
def test_rows_go_downwards_and_pixels_are_square(name):
    for horizontal, vertical in axis_pairs(FIGURES[name]):
        assert horizontal.range[0] < horizontal.range[1]
        assert vertical.range[0] > vertical.range[1]
        assert vertical.scaleanchor == vertical.anchor or vertical.scaleanchor == "x"
        assert vertical.scaleratio == 1
        assert horizontal.constrain == vertical.constrain == "domain"
        assert not horizontal.showgrid
        assert not vertical.showgrid


@pytest.mark.parametrize("name", FIGURES)
def test_pointing_at_a_pixel_shows_row_column_and_value(name):
    for trace in FIGURES[name].data:
        if trace.hoverinfo != "skip":
            assert "row %{" in trace.hovertemplate
            assert "column %{" in trace.hovertemplate
            assert "%{z" in trace.hovertemplate or "customdata[6]" in trace.hovertemplate


def test_long_thin_kernels_are_stretched():
    figure = plot.bank(RNG.normal(size=(2, 1, 301)), layout="NHW")
    assert figure.layout.yaxis.scaleanchor is None
    assert figure.layout.yaxis.domain[1] - figure.layout.yaxis.domain[0] > 0.3


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_what_is_not_finite_has_a_colour_of_its_own_and_is_counted(value):
    kernel = np.arange(9.0).reshape(3, 3)
    kernel[1, 2] = value
    figure = plot.bank(kernel)
    word = str(value).replace("nan", "NaN")
    plain, mark = figure.data
    assert figure.layout.coloraxis.cmax == 8.0
    assert np.argwhere(mark.z == 1).tolist() == [[1, 2]]
    assert np.isnan(mark.z).sum() == 8
    assert mark.colorscale[0][1] not in {colour for _, colour in figure.layout.coloraxis.colorscale}
    assert word in mark.hovertemplate
    assert facet_titles(figure) == [f"kernel, 1 {word.replace('-', '')}"]
    assert plain.coloraxis == "coloraxis"


def test_not_finite_pixels_survive_thinning_and_colours():
    plane = np.zeros((3000, 2000))
    plane[17, 1003], plane[2900, 4] = np.nan, np.inf
    figure = plot.compare(plane, np.zeros_like(plane))
    assert sorted(trace.colorscale[0][1] for trace in figure.data if trace.coloraxis is None) == sorted(
        2 * ["#ffd500", "#00b38a"]
    )
    tile = TILES[0] / 255.0
    tile[3, 4, 1] = np.nan
    figure = plot.responses(tile, np.zeros((2, 2)))
    assert np.argwhere(figure.data[1].z == 1).tolist() == [[3, 4]]


def test_a_plane_without_a_finite_value_or_of_zeros_is_drawn():
    for plane in (np.full((3, 3), np.nan), np.zeros((3, 3)), np.full((3, 3), np.inf)):
        figure = plot.responses(plane, plane)
        assert figure.layout.coloraxis.cmin < figure.layout.coloraxis.cmax
        assert (figure.layout.coloraxis2.cmin, figure.layout.coloraxis2.cmax) == (-1.0, 1.0)
        assert (plot.bank(plane).layout.coloraxis.cmin) == -1.0


@pytest.mark.parametrize("value", [1e-300, 1e300, 2.0**62])
def test_values_beyond_float32_keep_their_size(value):
    figure = plot.bank(np.array([[value, -value / 2]]))
    np.testing.assert_allclose(figure.data[0].z, [[value, -value / 2]])
    assert figure.layout.coloraxis.cmax == value


# --- many and large ---------------------------------------------------------------------------------------------------


def test_first_facets_of_too_many_are_drawn_whole_groups_if_there_is_room():
    images, responses = digit_responses()
    figure = plot.responses(images, responses, layout="NHW", max_facets=12)
    assert len(figure.data) == 10
    assert title(figure).endswith("(first 10 of 15 shown)")
    few = plot.responses(images, responses, layout="NHW", max_facets=3)
    assert facet_titles(few) == ["image 0", "kernel 0", "kernel 1"]
    many = plot.bank(np.ones((60, 2, 2)), layout="NHW")
    assert title(many) == "60 kernels of 2x2 (first 48 of 60 shown)"
    assert "shown" not in title(plot.bank(np.ones((60, 2, 2)), layout="NHW", max_facets=60))


def test_facets_left_out_are_not_looked_at():
    """A batch of 10 000 costs no more than what is drawn of it."""
    images = np.broadcast_to(np.zeros((4, 4), np.float32), (10**9, 4, 4))
    responses = np.broadcast_to(np.zeros((2, 2, 3), np.float32), (10**9, 2, 2, 3))
    figure = plot.responses(images, responses)
    assert title(figure).replace("<br>", " ").endswith("(first 48 of 4000000000 shown)")


@pytest.mark.parametrize("n_facets", [1, 6, 20, 48])
@pytest.mark.parametrize("width", [300, 440, 960])
def test_facets_do_not_overlap_and_stay_large_enough(n_facets, width):
    figure = plot.bank(RNG.normal(size=(n_facets, 5, 5)), layout="NHW", width=width)
    assert figure.layout.width <= max(width, 360)
    margin = figure.layout.margin
    across, down = figure.layout.width - margin.l - margin.r, figure.layout.height - margin.t - margin.b
    boxes = [(*horizontal.domain, *vertical.domain) for horizontal, vertical in axis_pairs(figure)]
    for left, right, bottom, top in boxes:
        assert (right - left) * across == pytest.approx((top - bottom) * down, abs=2)
        assert (right - left) * across >= 70
    for index, (left, right, bottom, top) in enumerate(boxes):
        for other in boxes[:index]:
            assert right <= other[0] or left >= other[1] or top <= other[2] or bottom >= other[3]


def test_planes_of_many_pixels_get_the_room_there_is():
    few, many = (plot.responses(np.ones((side, side)), np.ones((side, side))).layout for side in (50, 500))
    assert few.width < many.width <= 960
    assert many.width > 920


def test_large_planes_are_thinned_and_no_peak_is_lost():
    image = np.zeros((1080, 1920), np.float32)
    response = np.zeros((1080, 1920), np.float32)
    response[777, 1234], response[5, 6] = -9.0, 4.0
    figure = plot.responses(image, response)
    assert n_bytes(figure) < 4_000_000
    drawn = figure.data[1]
    assert (drawn.z.min(), drawn.z.max()) == (-9.0, 4.0)
    row, column = np.argwhere(drawn.z == -9.0)[0]
    assert abs(drawn.y0 + row * drawn.dy - 777) < drawn.dy
    assert abs(drawn.x0 + column * drawn.dx - 1234) < drawn.dx
    assert "drawn with up to 3x3 pixels as one" in title(figure)
    assert "largest of 3x3" in drawn.hovertemplate
    assert "mean of 3x3" in figure.data[0].hovertemplate


@pytest.mark.parametrize("dtype", [bool, np.uint8, np.int64, np.float16])
def test_peaks_of_every_dtype_are_kept(dtype):
    plane = np.zeros((900, 900), dtype)
    plane[321, 654] = 1
    assert plot.compare(plane, plane).data[0].z.max() == 1
    if np.dtype(dtype).kind in "if":
        assert plot.compare(-plane, plane).data[2].z.min() == -2


def test_images_are_thinned_by_their_mean():
    image = RNG.integers(0, 256, (1500, 901)).astype(np.uint8)
    thin = plot.responses(image, image).data[0].z
    side = -(-1500 // thin.shape[0])
    assert thin.shape == (-(-1500 // side), -(-901 // side))
    last = image[(thin.shape[0] - 1) * side :, (thin.shape[1] - 1) * side :]
    assert thin[-1, -1] == np.rint(last.mean())
    assert thin[2, 3] == np.rint(image[2 * side : 3 * side, 3 * side : 4 * side].mean())


@pytest.mark.parametrize("shape", [(48, 600, 800), (1, 4000, 3000), (2, 1, 3_000_000), (2, 3_000_000, 1)])
def test_bytes_are_bounded(shape):
    assert n_bytes(plot.bank(RNG.normal(size=shape), layout="NHW")) < 4_000_000


def test_bytes_of_windows_and_colours_are_bounded():
    assert n_bytes(plot.windows(RNG.normal(size=(500, 500)), (25, 25), max_facets=10**6)) < 4_000_000
    assert n_bytes(plot.responses(RNG.integers(0, 256, (2000, 3000, 3), np.uint8), np.zeros((2, 2)))) < 4_000_000
    with pytest.raises(ValueError, match=r"kernel_shape: got \(400, 400\); allowed are at most 100000 taps"):
        plot.windows(np.zeros((500, 500)), (400, 400))


# --- operands and errors ----------------------------------------------------------------------------------------------


def test_operands_are_untouched_and_not_shared():
    images, responses = digit_responses()
    bank, windows = BANK.copy(), images[0].copy()
    kept = [array.copy() for array in (images, responses, bank, windows)]
    figures = [
        plot.responses(images, responses, layout="NHW"),
        plot.bank(bank, layout="NHW"),
        plot.windows(windows, (3, 3)),
        plot.compare(responses, responses),
    ]
    for array, copy in zip((images, responses, bank, windows), kept):
        np.testing.assert_array_equal(array, copy)
    before = [figure.to_json() for figure in figures]
    for array in (images, responses, bank, windows):
        array[...] = 7
    assert [figure.to_json() for figure in figures] == before


def test_read_only_strided_and_foreign_operands_are_drawn():
    images = DIGITS.astype(">f4")[:, ::-1, ::2]
    images.flags.writeable = False
    figure = plot.responses(images, images[..., None].tolist())
    np.testing.assert_array_equal(figure.data[0].z, images[0])


def test_names_are_text_and_nothing_else():
    figure = plot.bank(np.ones((2, 2, 2)), layout="NHW", names=["<b>x</b>", "a & b"], title="<i>t</i>")
    assert facet_titles(figure) == ["&lt;b&gt;x&lt;/b&gt;", "a &amp; b"]
    assert title(figure) == "&lt;i&gt;t&lt;/i&gt;"
    assert figure.data[0].name == "&lt;b&gt;x&lt;/b&gt;"
    compared = plot.compare(np.ones((2, 2)), np.ones((2, 2)), names=["<u>", "b"])
    assert "<u>" not in json.dumps(json.loads(compared.to_json()), ensure_ascii=False)


TITLED = [
    partial(plot.bank, np.eye(3)),
    partial(plot.responses, np.eye(3), np.eye(2)),
    partial(plot.windows, np.eye(3), (2, 2)),
    partial(plot.compare, np.eye(3), np.eye(3)),
]


def test_title_stands_in_place_of_the_one_made_up():
    titles = [title(call(title="mine")) for call in TITLED]
    assert titles == ["mine", "mine", "mine", "mine: equal"]


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: plot.bank(np.eye(3), normalize=1), TypeError, "normalize: got 1; allowed is True or False"),
        (lambda: plot.bank(np.ones(3)), ValueError, r"layout: kernels of shape \(3,\).*2 to 4 axes"),
        (lambda: plot.bank(np.ones((2, 3, 3)), layout="HWC"), ValueError, "layout: got 'HWC'; allowed are"),
        (lambda: plot.bank(np.ones((0, 3, 3)), layout="NHW"), ValueError, r"kernels: got shape \(0, 3, 3\)"),
        (lambda: plot.bank(np.ones((3, 3)) * 1j), TypeError, r"kernels: got dtype complex128.*\.real, \.imag or abs"),
        (lambda: plot.bank("kernel"), TypeError, "kernels: got str"),
        (lambda: plot.bank(np.eye(3), names="a"), TypeError, "names: got 'a'; allowed is a sequence of 1 str"),
        (lambda: plot.bank(np.eye(3), names=[1]), TypeError, r"names: got \[1\]"),
        (lambda: plot.bank(np.eye(3), names=["a", "b"]), ValueError, "names: .*allowed is a sequence of 1 str"),
        *((lambda call=call: call(title=5), TypeError, "title: got 5; allowed is a str") for call in TITLED),
        (lambda: plot.bank(np.eye(3), max_facets=0), ValueError, "max_facets: got 0; allowed is an integer >= 1"),
        (lambda: plot.bank(np.eye(3), max_facets=2.5), TypeError, "max_facets: got 2.5"),
        (lambda: plot.bank(np.eye(3), width=100), ValueError, "width: got 100; allowed is an integer >= 200"),
        (lambda: plot.responses(np.eye(3), np.ones(3)), ValueError, r"responses: shape \(3,\) does not go with"),
        (lambda: plot.responses(np.ones((2, 3, 3)), np.ones((3, 2, 2, 1))), ValueError, "is not for the 2 images"),
        (lambda: plot.responses(np.ones(3), np.ones(3)), ValueError, r"images: shape \(3,\) has 1 axes"),
        (lambda: plot.responses(np.eye(3), np.eye(3), layout="NHWC"), ValueError, r"images: shape \(3, 3\) has 2 axes"),
        (lambda: plot.windows(np.ones((2, 3, 3)), (2, 2)), ValueError, r"layout: images of shape \(2, 3, 3\)"),
        (lambda: plot.windows(np.eye(3), (4, 4)), ValueError, r"kernel_shape: .*\(4, 4\) is larger than"),
        (lambda: plot.windows(np.eye(3), 3), TypeError, "kernel_shape: got 3"),
        (lambda: plot.windows(np.eye(3), (2, 2), index=1), IndexError, "index: got 1; allowed is one below 1"),
        (lambda: plot.windows(np.eye(3), (2, 2), stride=0), ValueError, "stride: got 0"),
        (lambda: plot.compare(np.eye(3), np.eye(4)), ValueError, r"b: got shape \(4, 4\); allowed is that of a, \(3"),
        (lambda: plot.compare(np.ones((2, 3, 3)), np.ones((2, 3, 3))), ValueError, "axes: got None .*NHW, HWK, KHW"),
        (lambda: plot.compare(np.eye(3), np.eye(3), axes="NHW"), ValueError, "axes: got 'NHW' .*; allowed are HW"),
        (lambda: plot.compare(np.eye(3), np.eye(3), axes=2), TypeError, "axes: got 2"),
        (lambda: plot.compare(np.ones(3), np.ones(3)), ValueError, r"a: shape \(3,\) has 1 axes"),
        (lambda: plot.compare(np.eye(3), np.eye(3), names=["a"]), ValueError, "allowed is a sequence of 2 str"),
    ],
)  # fmt: skip
def test_errors_name_the_argument_the_value_and_what_is_allowed(call, error, message):
    with pytest.raises(error, match=message):
        call()


@pytest.mark.parametrize("call", ["bank(eye)", "responses(eye, eye)", "windows(eye, (2, 2))", "compare(eye, eye)"])
def test_without_plotly_the_module_imports_and_a_call_names_the_extra(call, tmp_path):
    code = (
        "import sys; sys.modules['plotly'] = None\n"
        "import numpy, xcorr.plot\neye = numpy.eye(3)\n"
        f"try: xcorr.plot.{call}\n"
        "except ModuleNotFoundError as error: print(error)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert done.stdout == 'xcorr.plot needs plotly: pip install "xcorr[plot]"\n', done.stderr


def test_part_of_plotly_that_is_missing_is_told_in_the_same_way(monkeypatch):
    monkeypatch.setitem(sys.modules, "plotly.graph_objects", None)
    with pytest.raises(ModuleNotFoundError, match=r'xcorr\.plot needs plotly: pip install "xcorr\[plot\]"'):
        plot.bank(np.eye(3))


def test_importing_the_module_does_not_import_plotly(tmp_path):
    code = "import sys, xcorr.plot; sys.exit('plotly' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=tmp_path, timeout=60, check=False).returncode == 0


def test_arrays_are_sent_as_bytes_of_their_dtype():
    """Text would take several times as much."""
    figure = json.loads(plot.responses(DIGITS[0], BANK[0]).to_json())
    image, response = (trace["z"] for trace in figure["data"])
    assert (image["dtype"], response["dtype"]) == ("u1", "f4")
    assert len(base64.b64decode(image["bdata"])) == 28 * 28
    assert re.fullmatch(r"28, ?28", image["shape"])
