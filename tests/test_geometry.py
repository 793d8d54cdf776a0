"""Sizes and the sum's blocks: pure functions, checked with numbers done by hand."""

import sys
from math import isqrt

import pytest
from messages import message_of

from xcorr import _axes, _layouts
from xcorr._axes import Axis, Geometry, make_geometry

LARGEST = sys.maxsize
PAIRS = "an integer >= 1 or a pair (rows, columns) of them"


@pytest.mark.parametrize(
    ("length", "effective", "stride", "expected"),
    [
        (7, 3, 1, (1, 1)),
        (7, 4, 1, (1, 2)),
        (7, 3, 2, (1, 1)),  # windows at 0, 2, 4, 6 reach 9 pixels
        (8, 3, 2, (0, 1)),
        (7, 1, 3, (0, 0)),
        (9, 2, 4, (0, 1)),  # windows at 0, 4, 8 reach 10
        (10, 2, 4, (0, 0)),  # exactly
        (11, 2, 4, (0, 0)),  # more than they reach
    ],
)
def test_same_padding_is_what_the_last_window_needs(length, effective, stride, expected):
    assert _axes.axis_padding(length, effective, stride, "same", 0) == expected
    assert _axes.axis_padding(length, effective, stride, "same", 1) == expected


def test_other_paddings_do_not_depend_on_the_length():
    assert _axes.axis_padding(7, 4, 2, "valid", 0) == (0, 0)
    assert _axes.axis_padding(7, 4, 2, "full", 1) == (3, 3)
    ends = ((1, 2), (3, 4))
    assert [_axes.axis_padding(7, 4, 2, ends, axis) for axis in (0, 1)] == [(1, 2), (3, 4)]


def test_a_geometry_holds_every_size():
    geometry = make_geometry(
        (11, 20, 6), (4, 2, 3, 3), padding=((1, 2), (3, 4)), stride=(2, 3), dilation=(4, 5), groups=2
    )
    assert geometry == Geometry((Axis(11, 2, 1, 2, 2, 4), Axis(20, 3, 3, 4, 3, 5)), 6, 2, 4)
    assert geometry.outputs == (5, 6)
    # rows: 14 padded pixels, 5 reached by a kernel, a window at every second; columns: 27, 11, at every third
    assert geometry.n_taps == 2 * 3 * 3
    assert geometry.multiply_adds == 5 * 6 * 4 * 18


def test_a_geometry_without_keywords_is_plain():
    assert make_geometry((4, 5, 1), (2, 3, 2, 1)) == Geometry((Axis(4, 3, 0, 0, 1, 1), Axis(5, 2, 0, 0, 1, 1)), 1, 1, 2)
    assert make_geometry((4, 5, 1), (2, 3, 2, 1)).outputs == (2, 4)


def test_a_geometry_pads_each_axis_for_its_own_length():
    same = make_geometry((8, 5, 1), (1, 3, 2, 1), padding="same", stride=(2, 1), dilation=(1, 3))
    assert same == Geometry((Axis(8, 3, 0, 1, 2, 1), Axis(5, 2, 1, 2, 1, 3)), 1, 1, 1)
    assert same.outputs == (4, 5)
    full = make_geometry((8, 5, 1), (1, 3, 2, 1), padding="full", dilation=(1, 3))
    assert full == Geometry((Axis(8, 3, 2, 2, 1, 1), Axis(5, 2, 3, 3, 1, 3)), 1, 1, 1)
    assert full.outputs == (10, 8)


@pytest.mark.parametrize("argument", ["stride", "dilation"])
def test_a_geometry_names_what_it_refuses(argument):
    message = message_of(ValueError, make_geometry, (8, 5, 1), (1, 3, 2, 1), **{argument: 0})
    assert message == f"{argument}: got 0; allowed is {PAIRS}"


def test_a_kernel_may_be_as_large_as_the_padded_image_and_no_larger():
    assert make_geometry((4, 5, 1), (1, 4, 5, 1)).outputs == (1, 1)
    assert make_geometry((2, 5, 1), (1, 4, 5, 1), padding=(1, 0)).outputs == (1, 1)
    plain = message_of(ValueError, make_geometry, (2, 5, 1), (1, 3, 2, 1))
    assert plain == "kernels: spatial size (3, 2) is larger than the padded image (2, 5)"
    dilated = message_of(ValueError, make_geometry, (9, 7, 1), (1, 3, 3, 1), dilation=(1, 4), padding=(1, 0))
    assert dilated == "kernels: spatial size (3, 3) (dilated (3, 9)) is larger than the padded image (11, 7)"
    named = message_of(ValueError, make_geometry, (2, 5, 1), (1, 3, 2, 1), operands=("image_shape", "kernel_shape"))
    assert named == "kernel_shape: spatial size (3, 2) is larger than the padded image_shape (2, 5)"


def test_sizes_that_no_index_holds_are_refused():
    def refused(*sizes, **keywords):
        return message_of(ValueError, make_geometry, *sizes, **keywords)

    most = f"; at most {LARGEST} is possible"
    assert refused((4, 4, 1), (1, 2, 3, 1), dilation=2**62) == (
        f"dilation: the kernel's effective size would be {2**63 + 1}{most}"
    )
    far = LARGEST // 16
    assert make_geometry((4, 4, 1), (1, 1, 1, 1), padding=(far - 2, 0), stride=far).outputs[0] == 2
    padded = 4 + 2 * (far - 1)
    assert refused((4, 4, 1), (1, 1, 1, 1), padding=(far - 1, 0)) == (
        f"padding: the bytes of {padded} padded pixels would be {8 * padded}{most}"
    )
    many = 2**32
    assert refused((many, many, 1), (1, 1, 1, 1)) == (
        f"padding: the number of responses of one image would be {many * many}{most}"
    )
    assert make_geometry((2**40, 2**10, 1), (8, 1, 1, 1)).multiply_adds == 2**53
    assert refused((2**53, 2**10, 1), (8, 1, 1, 1)) == (
        f"padding: the number of responses of one image would be {2**66}{most}"
    )
    assert refused((2**30, 2**30, 1), (8, 1, 1, 1)) == (
        f"padding: the number of responses of one image would be {2**63}{most}"
    )
    assert refused((many, many, 1), (0, 1, 1, 1)) == (
        f"padding: the number of responses of one image would be {many * many}{most}"
    )


@pytest.mark.parametrize(
    ("channels", "bank", "groups", "message"),
    [
        (4, (3, 1, 1, 2), 3, "groups: 3 does not divide the 4 channels of the images"),
        (4, (3, 1, 1, 2), 2, "groups: 2 does not divide the 3 kernels"),
        (
            4,
            (4, 1, 1, 4),
            2,
            "kernels: each has 4 channels; the images have 4 in 2 groups, which makes 2 for each kernel",
        ),
        (4, (4, 1, 1, 3), 1, "kernels: each has 3 channels; the images have 4"),
        (4, (4, 1, 1, 1), 1, "kernels: each has 1 channel; the images have 4"),
    ],
)
def test_groups_share_channels_and_kernels_evenly(channels, bank, groups, message):
    assert message_of(ValueError, make_geometry, (5, 5, channels), bank, groups=groups) == message


@pytest.mark.parametrize("groups", [0, -1, 1.0])
def test_groups_are_a_number(groups):
    message = message_of((TypeError if groups == 1 else ValueError), make_geometry, (5, 5, 1), (1,) * 4, groups=groups)
    assert message == f"groups: got {groups!r}; allowed is an integer >= 1"


@pytest.mark.parametrize(
    ("images", "kernels", "message"),
    [
        ((2, 0, 5, 3), (1, 2, 2, 3), "images: shape (2, 0, 5, 3) has height 0; at least 1 is needed"),
        ((2, 5, 0, 3), (1, 2, 2, 3), "images: shape (2, 5, 0, 3) has width 0; at least 1 is needed"),
        ((2, 5, 5, 0), (1, 2, 2, 3), "images: shape (2, 5, 5, 0) has channels 0; at least 1 is needed"),
        ((2, 5, 5, 3), (1, 0, 2, 3), "kernels: shape (1, 0, 2, 3) has height 0; at least 1 is needed"),
        ((2, 5, 5, 3), (1, 2, 0, 3), "kernels: shape (1, 2, 0, 3) has width 0; at least 1 is needed"),
        ((2, 5, 5, 3), (1, 2, 2, 0), "kernels: shape (1, 2, 2, 0) has channels 0; at least 1 is needed"),
    ],
)
def test_no_operand_lacks_pixels(images, kernels, message):
    layout = _layouts.read_layout(images, kernels, None)
    assert message_of(ValueError, _layouts.operand_sizes, images, kernels, layout) == message


def test_operands_are_read_in_any_layout_and_may_have_no_image_or_kernel():
    layout = _layouts.read_layout((0, 3, 8, 9), (0, 3, 4, 5), "NCHW")
    assert _layouts.operand_sizes((0, 3, 8, 9), (0, 3, 4, 5), layout) == ((8, 9, 3), (0, 4, 5, 3))
    layout = _layouts.read_layout((8, 9), (4, 5), None)
    assert _layouts.operand_sizes((8, 9), (4, 5), layout) == ((8, 9, 1), (1, 4, 5, 1))


# The sum's blocks.


def roundings(kernel_height, run, rows, pieces):
    """The most that a tap is rounded: in its block's chain, and at each later block's addition."""
    blocks = -(-kernel_height // rows) * pieces
    return -(-run // pieces) * rows + blocks - 1


@pytest.mark.parametrize(
    ("kernel_height", "run", "expected"),
    [
        (1, 1, (1, 1, False)),
        (3, 3, (3, 1, False)),  # 9 roundings of 3 + 6
        (5, 5, (2, 1, False)),  # 10 + 2 of 3 + 10, where 3 rows would be 15 + 1
        (11, 11, (1, 1, False)),  # 11 + 10 of 3 + 22, where 2 rows would be 22 + 5
        (3, 64, (1, 3, False)),
        (1, 100, (1, 6, False)),  # 17 + 5 of 3 + 20, where 5 pieces would be 20 + 4
        (128, 128, (1, 1, False)),  # 16384 taps, the last sum that is not long
        (1, 16385, (1, 129, True)),
        (16385, 1, (128, 1, True)),
        (565, 29, (4, 1, True)),
        (22, 45, (1, 2, True)),  # at best 45 + 21 of 3 + 62
        (205, 34, (2, 1, True)),  # 68 + 102 of 3 + 166
        (130, 128, (1, 1, True)),
    ],
)
def test_blocks_of_these_kernels(kernel_height, run, expected):
    assert _axes.sum_blocks(kernel_height, run) == expected


def test_blocks_round_as_seldom_as_the_bound_says_and_are_as_long_as_that_allows():
    for kernel_height in (*range(1, 25), 31, 50, 64, 99, 128):
        for run in (*range(1, 70), 96, 100, 127, 128):
            most = 3 + isqrt(4 * kernel_height * run)
            rows, pieces, compensated = _axes.sum_blocks(kernel_height, run)
            if compensated:
                continue
            assert rows == 1 or pieces == 1
            assert roundings(kernel_height, run, rows, pieces) <= most
            longer = [(more, 1) for more in range(rows + 1, kernel_height + 1)]
            longer += [(1, fewer) for fewer in range(1, pieces)]
            if run >= _axes.LONG_ROW and pieces == 1:
                assert rows == 1 or roundings(kernel_height, run, 1, 1) > most
                continue
            assert all(roundings(kernel_height, run, *blocks) > most for blocks in longer)


def test_sums_that_no_blocks_suit_are_compensated():
    for kernel_height in range(1, 129):
        for run in range(1, 16384 // kernel_height + 1, 5):
            most = 3 + isqrt(4 * kernel_height * run)
            rows, pieces, compensated = _axes.sum_blocks(kernel_height, run)
            if compensated:
                every = [(more, 1) for more in range(1, kernel_height + 1)] + [
                    (1, fewer) for fewer in range(1, run + 1)
                ]
                assert all(roundings(kernel_height, run, *blocks) > most for blocks in every)
                assert (rows, pieces) == (max(1, most // (2 * run)), -(-2 * run // most))
