"""Figures: what is in them. Their looks are test_browser's."""

import base64
import io

import numpy as np
import pytest
from figures import DIGITS, RNG, TILES, digit_responses, facet_titles, title

import xcorr
from xcorr import banks, plot

pytest.importorskip("plotly")


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
