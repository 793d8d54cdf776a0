"""How figures are coloured: scales, what is not finite, and both sides of a scale."""

import numpy as np
import pytest
from figures import RNG, TILES, axis_pairs, digit_responses, facet_titles, heatmaps

import xcorr
from xcorr import plot

pytest.importorskip("plotly")


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
