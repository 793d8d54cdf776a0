"""Forms of the direct method: when each is taken, and that none changes a bit."""

import numpy as np
import pytest
from checks import assert_equal, assert_same_bits, random_generator, whole_numbers

import xcorr
from xcorr import _axes, _cache, _reference
from xcorr._methods import direct


@pytest.mark.parametrize(
    ("n_kernels", "lanes", "channels", "over_kernels"),
    [(1, 2, 1, False), (2, 4, 1, False), (4, 8, 1, False), (8, 16, 1, False), (8, 16, 4, False), (8, 16, 64, False),
     (7, 16, 1, False), (10, 16, 64, False), (11, 16, 64, True), (5, 8, 3, False), (6, 8, 3, True), (1, 1, 1, True),
     (3, 4, 16, True), (16, 16, 1, True), (17, 16, 64, True), (16, 32, 1, False)],
)  # fmt: skip
def test_lanes_go_over_kernels_that_fill_enough_of_their_vectors(n_kernels, lanes, channels, over_kernels):
    geometry = _axes.make_geometry((9, 9, channels), (n_kernels, 3, 3, channels))
    assert (direct.form(geometry, n_kernels, lanes) == "kernels") is over_kernels


@pytest.mark.parametrize(
    ("groups", "multiplier", "depth", "lanes", "form"),
    [(64, 1, 1, 16, "channels"), (6, 1, 1, 16, "channels"), (5, 1, 1, 16, "columns"), (8, 1, 1, 8, "channels"),
     (7, 1, 1, 8, "channels"), (5, 1, 1, 8, "columns"), (4, 1, 1, 4, "channels"), (3, 1, 1, 4, "columns"),
     (64, 2, 1, 16, "columns"), (32, 4, 4, 16, "columns"), (32, 11, 4, 16, "kernels"), (1, 1, 1, 16, "columns")],
)  # fmt: skip
def test_lanes_go_over_channels_where_depthwise_layers_fill_vectors(groups, multiplier, depth, lanes, form):
    geometry = _axes.make_geometry((9, 9, groups * depth), (groups * multiplier, 3, 3, depth), groups=groups)
    assert direct.form(geometry, multiplier, lanes) == form


def test_lanes_of_short_vectors_leave_planes_of_many_channels_to_many_kernels():
    cases = [(160, 256, 32, "columns"), (161, 256, 32, "kernels"), (161, 255, 32, "columns"), (161, 256, 64, "columns")]
    for n_channels, n_kernels, vector_bytes, expected in cases:
        geometry = _axes.make_geometry((14, 16, n_channels), (n_kernels, 1, 1, n_channels))
        assert direct.form(geometry, n_kernels, 8, True, 0, vector_bytes) == expected


@pytest.mark.parametrize("groups", [12, 16, 17, 33])
@pytest.mark.parametrize("keywords", [{}, {"stride": 2}, {"dilation": (2, 3)}, {"padding": "same"}],
                         ids=["plain", "stride", "dilation", "same"])  # fmt: skip
def test_forms_of_a_depthwise_layer_give_the_same_bits(level, monkeypatch, groups, keywords):
    random = random_generator("forms", groups)
    images = random.standard_normal((2, 11, 23, groups)).astype(np.float32)
    kernels = random.standard_normal((groups, 4, 3, 1)).astype(np.float32)
    bias = random.standard_normal(groups).astype(np.float32)
    responses = []
    for form in ("channels", "columns", "kernels"):
        monkeypatch.setattr(direct, "form", lambda *_, form=form: form)
        _cache.clear_caches()
        responses.append(xcorr.correlate(images, kernels, groups=groups, bias=bias, **keywords))
    _cache.clear_caches()
    assert_same_bits(responses[1], responses[0])
    assert_same_bits(responses[2], responses[0])


@pytest.mark.parametrize("layout", ["NHWC", "NCHW"])
@pytest.mark.parametrize("n_kernels", [2, 3, 7, 20])
def test_gaps_between_the_rows_of_out_stay_as_they_were(level, layout, n_kernels):
    random = random_generator("gaps", n_kernels)
    axes = (0, 1, 2, 3) if layout == "NHWC" else (0, 3, 1, 2)
    images = whole_numbers(random, (2, 9, 21, 2), "float32").transpose(axes)
    kernels = whole_numbers(random, (n_kernels, 3, 3, 2), "float32").transpose(axes)
    wider = np.full((2, 7, 22, n_kernels) if layout == "NHWC" else (2, n_kernels, 7, 22), -7.5, np.float32)
    out = wider[:, :, :19] if layout == "NHWC" else wider[..., :19]
    gaps = wider[:, :, 19:] if layout == "NHWC" else wider[..., 19:]
    xcorr.correlate(images, kernels, layout=layout, out=out)
    assert_equal(out, _reference.correlate(images, kernels, layout=layout), np.float32)
    assert (gaps == -7.5).all()
