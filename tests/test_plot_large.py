"""Figures of many and of large planes: what is left out, thinned and bounded."""

import numpy as np
import pytest
from figures import RNG, axis_pairs, digit_responses, facet_titles, n_bytes, title

from xcorr import plot

pytest.importorskip("plotly")


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
