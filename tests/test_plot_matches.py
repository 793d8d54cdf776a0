"""Figures of matches: boxes where templates were found."""

import numpy as np
import pytest
from figures import DIGITS, TILES, facet_titles, title
from looping import for_each

import xcorr
from xcorr import plot

pytest.importorskip("plotly")

PLANE = np.zeros((20, 30), np.float32)
PLANE[[3, 9], [4, 20]] = 0.98768, 0.5


def boxes_of(figure):
    """Name, lines and texts of each trace of boxes."""
    return [trace for trace in figure.data if trace.type == "scatter"]


def corners(trace):
    """(top, left, bottom, right) of each box, from its middles of pixels."""
    x, y = (np.asarray(values, float).reshape(-1, 6) for values in (trace.x, trace.y))
    assert np.isnan(x[:, 5]).all()
    assert np.isnan(y[:, 5]).all()
    assert (x[:, 0] == x[:, 4]).all()
    assert (y[:, 0] == y[:, 4]).all()
    sides = (y[:, :5].min(1), x[:, :5].min(1), y[:, :5].max(1), x[:, :5].max(1))
    return [tuple(map(float, box)) for box in zip(*sides, strict=True)]


def test_a_box_is_the_window_of_its_template():
    peaks = xcorr.Peaks(5, threshold=0.1)(PLANE)
    figure = plot.matches(np.ones((22, 34)), peaks, np.ones((3, 5)))
    (trace,) = boxes_of(figure)
    assert corners(trace) == [(2.5, 3.5, 5.5, 8.5), (8.5, 19.5, 11.5, 24.5)]
    assert [text for text in trace.text if text] == ["0.988", "0.5"]
    assert trace.customdata[6] == "row 9, column 20<br>0.5"
    assert (trace.xaxis, trace.yaxis) == (figure.data[0].xaxis, figure.data[0].yaxis)
    assert facet_titles(figure) == ["image"]
    assert title(figure) == "1 image, 2 places of 1 template"


def test_templates_have_colours_and_names():
    responses = np.stack([PLANE, PLANE[::-1], -PLANE], axis=-1)
    peaks = xcorr.Peaks(2, threshold=0.6)(responses, "NHWC")
    figure = plot.matches(np.ones((21, 31)), peaks, np.ones((3, 2, 2)), names=["a", "<b>", "c"])
    first, second = boxes_of(figure)
    assert (first.name, second.name) == ("a", "&lt;b&gt;")
    assert first.line.color != second.line.color
    assert corners(second) == [(15.5, 3.5, 17.5, 5.5)]
    of_image = xcorr.Peaks(2, threshold=0.6, per="image")(responses, "NHWC")
    assert [corners(trace) for trace in boxes_of(plot.matches(np.ones((21, 31)), of_image, np.ones((3, 2, 2))))] == [
        corners(first), corners(second)
    ]  # fmt: skip


def test_every_image_has_its_own_boxes():
    templates = DIGITS[:2, 5:12, 6:13].astype(np.float32)
    responses = xcorr.correlate(DIGITS.astype(np.float32), templates, layout="NHW")
    peaks = xcorr.Peaks(2, min_distance=5)(responses)
    figure = plot.matches(DIGITS, peaks, templates, layout="NHW")
    assert facet_titles(figure) == [f"image {index}" for index in range(len(DIGITS))]
    traces = boxes_of(figure)
    assert len(traces) == 2 * len(DIGITS)
    for index, trace in enumerate(traces):
        records = peaks[index // 2, index % 2]
        assert [box[:2] for box in corners(trace)] == [(row - 0.5, column - 0.5) for row, column in
                                                       zip(records["row"], records["column"])]  # fmt: skip
        assert trace.xaxis == [other for other in figure.data if other.type == "heatmap"][index // 2].xaxis
    few = plot.matches(DIGITS, peaks, templates, layout="NHW", max_facets=1)
    assert len(boxes_of(few)) == 2


def test_colours_and_planes_of_colours_are_drawn():
    tile = TILES[0].astype(np.float32)
    template = tile[3:8, 2:9]
    peaks = xcorr.Peaks(1)(xcorr.correlate(tile, template, layout="NHWC"))
    figure = plot.matches(TILES[0], peaks, template, layout="NHWC")
    assert [trace.type for trace in figure.data] == ["image", "scatter"]
    each = xcorr.Peaks(1)(xcorr.correlate(tile, template[..., 0], layout="NHWC"), "NHWC")
    assert len(boxes_of(plot.matches(TILES[0], each, template[..., 0], layout="NHWC"))) == 3


def test_nothing_found_is_an_image():
    peaks = xcorr.Peaks(2, threshold=9)(PLANE)
    figure = plot.matches(PLANE, peaks, np.ones((1, 1)))
    assert boxes_of(figure) == []
    assert title(figure) == "1 image, 0 places of 1 template"


@for_each(
    ("peaks", "error", "words"),
    [
        (None, TypeError, "what xcorr.Peaks gives"),
        ([(1, 2)], TypeError, "what xcorr.Peaks gives"),
        (np.zeros(3), TypeError, "what xcorr.Peaks gives"),
        (np.zeros(3, [("row", int)]), TypeError, "what xcorr.Peaks gives"),
        (xcorr.Peaks()(PLANE)[0], TypeError, "what xcorr.Peaks gives"),
        (xcorr.Peaks()(np.stack([[PLANE]] * 2), "NCHW"), ValueError, r"\(K, k\) or \(k,\)"),
        (
            xcorr.Peaks()(np.stack([PLANE] * 2), "NCHW"),
            ValueError,
            "kernel 1; allowed are those below 1, the templates",
        ),
    ],
    ids=map(str, range(7)),
)
def test_what_are_no_peaks_is_refused(peaks, error, words):
    with pytest.raises(error, match=f"^peaks: got .*{words}"):
        plot.matches(PLANE, peaks, np.ones((2, 2)))


def test_peaks_of_other_images_are_refused():
    peaks = xcorr.Peaks()(np.stack([PLANE] * 2), "NHW")
    with pytest.raises(ValueError, match=r"^peaks: got shape \(2, 1\); allowed is \(3, K, k\) or \(3, k\)"):
        plot.matches(np.stack([PLANE] * 3), peaks, np.ones((2, 2)), layout="NHW")
    with pytest.raises(ValueError, match="^layout: "):
        plot.matches(np.stack([PLANE] * 2), peaks, np.ones((2, 2)))
    with pytest.raises(TypeError, match="^templates: "):
        plot.matches(PLANE, peaks, np.ones((2, 2), complex))
