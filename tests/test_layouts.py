"""Layouts: which axis is which, by hand."""

import pytest
from messages import message_of

from xcorr import _layouts

WORDS = "allowed are None and NHWC, NCHW, NHW, NWC, NCW, NW, NDHWC, NCDHW, NDHW"


@pytest.mark.parametrize(
    ("images", "kernels", "layout", "expected"),
    [
        ("NHWC", "KHWC", "NHWC", ((0, 1, 2, 3), (0, 1, 2, 3), (0, 1, 2, 3))),
        ("HWC", "KHWC", "NHWC", ((-1, 0, 1, 2), (0, 1, 2, 3), (-1, 0, 1, 2))),
        ("NHWC", "HWC", "NHWC", ((0, 1, 2, 3), (-1, 0, 1, 2), (0, 1, 2, -1))),
        ("HWC", "HWC", "NHWC", ((-1, 0, 1, 2), (-1, 0, 1, 2), (-1, 0, 1, -1))),
        ("NCHW", "KCHW", "NCHW", ((0, 2, 3, 1), (0, 2, 3, 1), (0, 2, 3, 1))),
        ("CHW", "KCHW", "NCHW", ((-1, 1, 2, 0), (0, 2, 3, 1), (-1, 1, 2, 0))),
        ("NCHW", "CHW", "NCHW", ((0, 2, 3, 1), (-1, 1, 2, 0), (0, 1, 2, -1))),
        ("NHW", "KHW", "NHW", ((0, 1, 2, -1), (0, 1, 2, -1), (0, 1, 2, 3))),
        ("HW", "KHW", "NHW", ((-1, 0, 1, -1), (0, 1, 2, -1), (-1, 0, 1, 2))),
        ("HW", "HW", "NHW", ((-1, 0, 1, -1), (-1, 0, 1, -1), (-1, 0, 1, -1))),
        ("NHWC", "HW", "NHWC", ((0, 1, 2, 3), (-1, 0, 1, -1), (0, 1, 2, 3))),
        ("HWC", "HW", "NHWC", ((-1, 0, 1, 2), (-1, 0, 1, -1), (-1, 0, 1, 2))),
        ("NCHW", "HW", "NCHW", ((0, 2, 3, 1), (-1, 0, 1, -1), (0, 2, 3, 1))),
        ("CHW", "HW", "NCHW", ((-1, 1, 2, 0), (-1, 0, 1, -1), (-1, 1, 2, 0))),
        ("NWC", "KWC", "NWC", ((0, -1, 1, 2), (0, -1, 1, 2), (0, -1, 1, 2))),
        ("WC", "WC", "NWC", ((-1, -1, 0, 1), (-1, -1, 0, 1), (-1, -1, 0, -1))),
        ("NCW", "KCW", "NCW", ((0, -1, 2, 1), (0, -1, 2, 1), (0, -1, 2, 1))),
        ("NCW", "W", "NCW", ((0, -1, 2, 1), (-1, -1, 0, -1), (0, -1, 2, 1))),
        ("NW", "KW", "NW", ((0, -1, 1, -1), (0, -1, 1, -1), (0, -1, 1, 2))),
        ("W", "W", "NW", ((-1, -1, 0, -1), (-1, -1, 0, -1), (-1, -1, 0, -1))),
        ("NDHWC", "KDHWC", "NDHWC", ((0, 1, 2, 3, 4), (0, 1, 2, 3, 4), (0, 1, 2, 3, 4))),
        ("NCDHW", "CDHW", "NCDHW", ((0, 2, 3, 4, 1), (-1, 1, 2, 3, 0), (0, 1, 2, 3, -1))),
        ("CDHW", "DHW", "NCDHW", ((-1, 1, 2, 3, 0), (-1, 0, 1, 2, -1), (-1, 1, 2, 3, 0))),
        ("DHW", "KDHW", "NDHW", ((-1, 0, 1, 2, -1), (0, 1, 2, 3, -1), (-1, 0, 1, 2, 3))),
    ],
)
def test_a_layout_says_where_each_axis_is(images, kernels, layout, expected):
    read = _layouts.read_layout((5,) * len(images), (5,) * len(kernels), layout)
    assert read == (layout, *expected, "C" in layout and kernels in ("HW", "W", "DHW"))


@pytest.mark.parametrize(
    ("images", "kernels", "word"),
    [(2, 2, "NHW"), (2, 3, "NHW"), (4, 4, "NHWC"), (3, 4, "NHWC"), (4, 3, "NHWC"), (4, 2, "NHWC")],
)
def test_the_layout_follows_from_the_numbers_of_axes(images, kernels, word):
    assert _layouts.read_layout((5,) * images, (5,) * kernels, None).word == word


@pytest.mark.parametrize(
    ("kind", "images", "kernels", "layout", "message"),
    [
        (TypeError, (5, 5), (2, 2), 3, f"layout: got 3; {WORDS}"),
        (ValueError, (5, 5), (2, 2), "nhw", f"layout: got 'nhw'; {WORDS}"),
        (
            ValueError,
            (5, 6),
            (2, 2, 2),
            "NHWC",
            "images: shape (5, 6) has 2 axes; layout 'NHWC' takes 4, or 3 without the first",
        ),
        (
            ValueError,
            (5, 6, 7),
            (1, 2, 3, 4),
            "NHW",
            "kernels: shape (1, 2, 3, 4) has 4 axes; layout 'NHW' takes 3, or 2 without the first",
        ),
        *(
            (
                ValueError,
                (5,),
                kernels,
                layout,
                f"images: shape (5,) has 1 axis; layout {layout!r} takes {len(layout)}, or {len(layout) - 1} without "
                "the first",
            )
            for kernels in ((3,), (2, 2))
            for layout in ("NHW", "NHWC")
        ),
        (
            ValueError,
            (5,),
            (3,),
            None,
            "images: shape (5,) has 1 axis; allowed without layout are 2 to 4, else layout='NW' (one signal of 5, one "
            "kernel)",
        ),
        (
            ValueError,
            (5,),
            (2, 3),
            None,
            "images: shape (5,) has 1 axis; allowed without layout are 2 to 4, else layout='NW' (one signal of 5, 2 "
            "kernels of 3)",
        ),
        (
            ValueError,
            (5, 6),
            (3,),
            "NHW",
            "kernels: shape (3,) has 1 axis; layout 'NHW' takes 3, or 2 without the first",
        ),
        (
            ValueError,
            (5, 6),
            (3,),
            None,
            "kernels: shape (3,) has 1 axis; allowed without layout are 2 to 4, else layout='NWC' (one signal of 5 "
            "with 6 channels, each by itself), layout='NCW' (one signal of 6 with 5 channels, each by itself) or "
            "layout='NW' (5 signals of 6, one kernel)",
        ),
        (
            ValueError,
            (2, 5, 6, 7, 3),
            (4, 2, 2, 2, 3),
            None,
            "layout: images of shape (2, 5, 6, 7, 3) with kernels of shape (4, 2, 2, 2, 3) can be read as "
            "layout='NDHWC' (2 volumes of 5x6x7 with 3 channels, 4 kernels of 2x2x2 with 3 channels) or "
            "layout='NCDHW' (2 volumes of 6x7x3 with 5 channels, 4 kernels of 2x2x3 with 2 channels); say which",
        ),
        (ValueError, (), (2, 2), None, "images: shape () has 0 axes; allowed are 1 to 5"),
        (ValueError, (5, 6), (1,) * 6, None, "kernels: shape (1, 1, 1, 1, 1, 1) has 6 axes; allowed are 1 to 5"),
        *(
            (
                ValueError,
                (5, 6),
                kernels,
                None,
                f"kernels: shape {kernels} does not go with images of shape (5, 6); allowed without layout are images "
                "of 2 axes, as 'NHW', and of 4 axes, as 'NHWC'",
            )
            for kernels in ((1, 2, 3, 4), (1, 2, 3, 4, 5))
        ),
        (
            ValueError,
            [5, 6, 7],
            [1, 2, 3],
            None,
            "layout: images of shape (5, 6, 7) with kernels of shape (1, 2, 3) can be read as "
            "layout='NHWC' (one image of 5x6 with 7 channels, one kernel (kh, kw, C)), "
            "layout='NCHW' (one image of 6x7 with 5 channels, one kernel (C, kh, kw)), "
            "layout='NHW' (5 images of 6x7, 1 kernel of 2x3), "
            "layout='NWC' (5 signals of 6 with 7 channels, 1 kernel of 2 with 3 channels), "
            "layout='NCW' (5 signals of 7 with 6 channels, 1 kernel of 3 with 2 channels) or "
            "layout='NDHW' (one volume of 5x6x7, one kernel); say which; "
            "of planes, banks.per_channel(kernels, 7) with groups=7 or "
            "banks.over_channels(kernels, 7)",
        ),
        (
            ValueError,
            (5, 6, 7),
            (2, 3),
            None,
            "layout: images of shape (5, 6, 7) with kernels of shape (2, 3) can be read as "
            "layout='NHWC' (one image of 5x6 with 7 channels, each by itself), "
            "layout='NCHW' (one image of 6x7 with 5 channels, each by itself), "
            "layout='NHW' (5 images of 6x7, one kernel), "
            "layout='NWC' (5 signals of 6 with 7 channels, one kernel (kw, C)) or "
            "layout='NCW' (5 signals of 7 with 6 channels, one kernel (C, kw)); say which",
        ),
        (
            ValueError,
            (5, 6, 7),
            (1, 1, 2, 3, 7),
            "NHWC",
            "kernels: shape (1, 1, 2, 3, 7) has 5 axes; layout 'NHWC' takes 4, or 3 without the first, "
            "or 2 for every channel by itself",
        ),
    ],
)
def test_a_layout_that_is_none_is_refused(kind, images, kernels, layout, message):
    assert message_of(kind, _layouts.read_layout, images, kernels, layout) == message


def test_sizes_are_arranged_as_they_were_found():
    axes = (0, 2, 3, 1)
    assert _layouts.sizes_of((2, 3, 5, 7), axes) == (2, 5, 7, 3)
    assert _layouts.arranged((2, 5, 7, 3), axes) == (2, 3, 5, 7)
    assert _layouts.sizes_of((5, 7), (-1, 0, 1, -1)) == (1, 5, 7, 1)
    assert _layouts.arranged((9, 5, 7, 8), (-1, 0, 1, -1)) == (5, 7)
