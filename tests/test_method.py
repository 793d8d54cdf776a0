"""Which method and which form: pure functions of sizes and types, at both sides of each threshold."""

from types import SimpleNamespace

import numpy as np
import pytest

from xcorr._axes import make_geometry
from xcorr._dtypes import choose_types
from xcorr._methods import choice, direct, winograd
from xcorr._settings import read_settings

SINGLE = choose_types(np.dtype("f4"), np.dtype("f4"), None)
AVAILABLE = "'auto', 'direct', 'matmul', 'fft', 'winograd', 'separable'"


def layer(side, channels, n_kernels, size=3, **keywords):
    """A layer of that many rows and columns of responses, or (rows, columns)."""
    rows, columns = side if isinstance(side, tuple) else (side, side)
    depth = channels // keywords.get("groups", 1)
    return make_geometry((rows + size - 1, columns + size - 1, channels), (n_kernels, size, size, depth), **keywords)


def chosen(geometry, types=SINGLE, precision="standard"):
    return choice.choose(geometry, types, "auto", precision)


@pytest.mark.parametrize("method", ["auto", "direct", "matmul", "fft", "winograd"])
@pytest.mark.parametrize("precision", ["standard", "strict"])
def test_words_that_are_known_pass(method, precision):
    settings = read_settings({"method": method, "precision": precision})
    assert (settings.method, settings.precision) == (method, precision)


@pytest.mark.parametrize(
    ("kind", "method", "precision", "message"),
    [
        (TypeError, 3, "standard", f"method: got 3; allowed are {AVAILABLE}"),
        (TypeError, None, "standard", f"method: got None; allowed are {AVAILABLE}"),
        (ValueError, "FFT", "standard", f"method: got 'FFT'; allowed are {AVAILABLE}"),
        (ValueError, "Direct", "standard", f"method: got 'Direct'; allowed are {AVAILABLE}"),
        (TypeError, "auto", None, "precision: got None; allowed are 'standard' and 'strict'"),
        (ValueError, "auto", "Strict", "precision: got 'Strict'; allowed are 'standard' and 'strict'"),
    ],
)
def test_words_that_are_not_known_are_refused(kind, method, precision, message):
    with pytest.raises(kind) as caught:
        read_settings({"method": method, "precision": precision})
    assert str(caught.value) == message


@pytest.mark.parametrize("method", ["direct", "matmul", "winograd"])
def test_a_forced_method_is_taken(method):
    assert choice.choose(layer(2, 1, 1), SINGLE, method, "standard") == method


@pytest.mark.parametrize(
    ("geometry", "dtype", "precision", "obstacle"),
    [
        (layer(8, 64, 64, 7), "f4", "standard", "kernels of 7x7: they have to be 3x3 or 5x5"),
        (layer(9, 64, 64, stride=2), "f4", "standard", "stride (2, 2): it has to be 1"),
        (layer(8, 64, 64), "i4", "standard", "responses of int64: its sums are not proven to be exact"),
        (
            layer(8, 64, 64),
            "f2",
            "standard",
            "responses of float16 from sums in float32: both have to be of one precision",
        ),
        (layer(8, 64, 64), "f4", "strict", "precision 'strict': its bound is normwise"),
    ],
)
def test_winograd_says_what_keeps_it_from_a_job(geometry, dtype, precision, obstacle):
    types = choose_types(np.dtype(dtype), np.dtype(dtype), None)
    with pytest.raises(ValueError) as caught:
        choice.choose(geometry, types, "winograd", precision)
    assert str(caught.value) == f"method: 'winograd' cannot do this job, which has {obstacle}; allowed is 'auto'"
    assert chosen(geometry, types, precision) == "direct"


@pytest.mark.parametrize(
    ("geometry", "method"),
    [
        (layer(28, 16, 32), "winograd"),
        (layer(28, 15, 32), "direct"),
        (layer(28, 32, 16), "winograd"),
        (layer(28, 32, 15), "direct"),
        (layer(8, 32, 32), "direct"),  # too little work
        (layer(16, 32, 32), "winograd"),
        (layer(8, 64, 64), "winograd"),
        (layer((6, 60), 32, 32), "winograd"),
        (layer((5, 60), 64, 64), "direct"),
        (layer((60, 5), 64, 64), "direct"),
        (layer(12, 64, 64, groups=2), "winograd"),  # 32 of 32 in each
        (layer(28, 62, 30, groups=2), "direct"),
        (layer(28, 30, 62, groups=2), "direct"),
        # a large bank waits for many quads
        (layer((6, 12), 512, 511), "winograd"),
        (layer((6, 12), 512, 512), "direct"),
        (layer(6, 512, 512), "direct"),
        (layer(10, 512, 512), "winograd"),
        (layer((6, 12), 1024, 1024, groups=2), "direct"),
        (layer((6, 12), 1024, 1022, groups=2), "winograd"),
        # of F(2x2): F(4x4) reads it for batches
        (layer(7, 512, 512), "winograd"),
        (layer((8, 12), 512, 512), "winograd"),
        (layer(8, 1024, 1024), "direct"),
        # 5x5 kernels
        (layer(28, 64, 64, 5), "winograd"),
        (layer(28, 16, 16, 5), "direct"),
        (layer(28, 16, 64, 5), "winograd"),
        (layer(7, 64, 64, 5), "direct"),
        (layer(7, 384, 128, 5), "winograd"),
        (layer(8, 512, 512, 5), "direct"),
        (layer(10, 512, 512, 5), "winograd"),
        (make_geometry((28, 28, 64), (64, 5, 5, 64), padding=4, dilation=2), "winograd"),
        (make_geometry((28, 28, 64), (64, 5, 5, 64), padding=2, stride=2), "direct"),
        (make_geometry((28, 28, 64), (64, 3, 5, 64), padding=2), "direct"),
        # places that are no responses
        (layer(7, 64, 64), "direct"),
        (layer(7, 128, 128), "winograd"),
        (layer((17, 12), 32, 32), "winograd"),
        (layer((11, 11), 32, 32), "direct"),
        (make_geometry((8, 54, 64), (64, 3, 3, 64), dilation=(1, 5)), "winograd"),
        (make_geometry((8, 30, 64), (64, 3, 3, 64), dilation=(1, 9)), "direct"),  # 12 of 18 columns
    ],
)
def test_winograd_is_taken_where_it_is_faster(geometry, method):
    assert chosen(geometry) == method


@pytest.mark.parametrize(
    ("geometry", "side"),
    [
        (layer(16, 64, 1), 4),
        (layer(12, 64, 64), 2),  # 9 quads
        (layer(7, 256, 256), 4),
        (layer(8, 384, 384), 4),
        (layer(9, 384, 384), 2),  # 25 quads of 2x2 or 9 of 4x4 responses
        (layer(64, 32, 32), 4),
        (layer(64, 31, 32), 2),
        (layer(64, 62, 62, groups=2), 2),
        (layer(14, 512, 512), 2),  # a bank of so many kernels would be large for 16 quads
        (layer(7, 512, 512), 4),  # in batches
        (layer(24, 512, 512), 4),
        (layer((4, 60), 128, 64), 4),
        (layer((2, 60), 128, 64), 2),  # half of the places are no responses
        (layer((6, 6), 128, 64), 2),  # the 36 responses lie in 64 places
        (layer((5, 60), 128, 64), 4),
        (make_geometry((32, 32, 64), (64, 3, 3, 64), padding=2, dilation=2), 4),
        (make_geometry((18, 18, 64), (64, 3, 3, 64), padding=8, dilation=8), 2),
    ],
)
def test_quads_of_winograd_are_as_large_as_pays_off(geometry, side):
    assert winograd.quad_side(geometry) == side
    assert winograd.quad_side(geometry._replace(n_kernels=1)) == side  # else a bank's part would have other bits
    responses = f"{(side + 2) ** 2} multiplications for {side**2} responses"
    plan = SimpleNamespace(geometry=geometry)
    assert responses in winograd.reasons(plan)[0]


def test_quads_of_5x5_kernels_are_told():
    reason = winograd.reasons(SimpleNamespace(geometry=layer(64, 64, 64, 5)))[0]
    assert reason == "5x5 kernels of many channels: 36 multiplications for 4 responses instead of 100, F(2x2, 5x5)"


def test_winograd_is_not_taken_for_strips_that_are_too_large():
    # a strip has 4 dilations of rows of pixels here, 2**10 + 2 columns in and around it, 64 channels
    def strip(rows):
        return make_geometry((4 * rows, 2**10, 64), (64, 3, 3, 64), dilation=(rows, 1))

    largest = 2**23 // (4 * 2**10 * 64)
    assert chosen(strip(largest)) == "winograd"
    assert chosen(strip(largest + 1)) == "direct"


@pytest.mark.parametrize("lanes", [2, 4, 8, 16])
def test_lanes_go_over_kernels_that_fill_vectors(lanes):
    geometry = layer(8, 3, 1)
    for n_kernels in range(1, lanes + 1):
        assert direct.fills_vectors(n_kernels, lanes) == (n_kernels / lanes > 5 / 8)
    for n_kernels in range(lanes + 1, 4 * lanes):
        padded = -(-n_kernels // lanes) * lanes
        assert direct.fills_vectors(n_kernels, lanes) == (n_kernels / padded > 1 / 2)
    for n_kernels in range(1, 3 * lanes):
        expected = "kernels" if direct.fills_vectors(n_kernels, lanes) else "columns"
        assert direct.form(geometry, n_kernels, lanes) == expected


@pytest.mark.parametrize(
    ("groups", "lanes", "expected"),
    [
        (1, 16, "columns"),
        (2, 16, "columns"),
        (5, 16, "columns"),
        (6, 16, "channels"),
        (60, 16, "channels"),
        (3, 4, "columns"),  # three quarters of a vector are not more than that
        (4, 4, "channels"),
        (5, 4, "columns"),
        (2, 2, "channels"),
        (3, 2, "columns"),
        (5, 2, "channels"),  # 5 of 6 lanes
    ],
)
def test_lanes_go_over_many_channels_of_depthwise_layers(groups, lanes, expected):
    geometry = make_geometry((6, 6, groups), (groups, 3, 3, 1), groups=groups)
    assert direct.form(geometry, 1, lanes) == expected


def test_lanes_go_over_columns_where_groups_have_more_channels_or_kernels():
    assert direct.form(make_geometry((6, 6, 16), (8, 3, 3, 2), groups=8), 1, 16) == "columns"
    assert direct.form(make_geometry((6, 6, 8), (16, 3, 3, 1), groups=8), 2, 16) == "columns"
