"""Malformed calls: the class of the error, the argument it names first, and what the message shows."""

from dataclasses import dataclass, field

import numpy as np
import pytest

import xcorr
from xcorr import _dispatch

IMAGES, KERNELS = np.ones((2, 8, 9, 4), np.float32), np.ones((3, 3, 2, 4), np.float32)
INTEGERS = {"images": IMAGES.astype(np.uint8), "kernels": KERNELS.astype(np.int8)}
READ_ONLY = np.zeros((2, 6, 8, 3), np.float32)
READ_ONLY.flags.writeable = False
UNREADABLE = np.zeros((2, 8, 9, 4), "M8[s]")
RECORDS = np.zeros((2, 8, 9, 4), [("red", "f4")])
MASKED = np.ma.masked_array(IMAGES, mask=IMAGES > 2)

WORDS = {
    "layout": ("NHWC", "NCHW", "NHW"),
    "padding": ("valid", "same", "full"),
    "boundary": ("constant", "edge", "reflect", "symmetric", "wrap"),
    "method": ("auto", "direct", "matmul", "fft", "winograd"),
    "precision": ("standard", "strict"),
}
TYPE, VALUE, EITHER, SIZE = TypeError, ValueError, (TypeError, ValueError), (ValueError, OverflowError)


@dataclass
class Malformed:
    """One call that must be refused."""

    id: str
    error: object
    argument: str  # the argument that the message starts with, or some with | between
    shows: tuple = ()  # what else it says
    images: object = field(default_factory=lambda: IMAGES)
    kernels: object = field(default_factory=lambda: KERNELS)
    keywords: dict = field(default_factory=dict)


def keyword(name, value, error, *shows, argument=None, **others):
    operands = {operand: others.pop(operand) for operand in ("images", "kernels") if operand in others}
    shown = value if isinstance(value, (int, float, str, tuple)) else type(value).__name__
    label = f"{name}={shown!r}{'-' if others else ''}{'-'.join(others)}".replace(" ", "")
    return Malformed(label, error, argument or name, shows, keywords={name: value, **others}, **operands)


def shapes(images, kernels, argument, *shows, error=VALUE, dtype=np.float32, **keywords):
    label = f"{images}-{kernels}-{'-'.join(map(str, keywords.values()))}".replace(" ", "")
    return Malformed(label, error, argument, shows, np.ones(images, dtype), np.ones(kernels, dtype), keywords)


def operand(name, value, error=TYPE):
    label = f"{name}-{type(value).__name__}-{getattr(value, 'dtype', '')}"
    return Malformed(label, error, name, (), **{name: value})


NOT_ARRAYS = (
    None,
    "images",
    {"a": 1},
    object(),
    np.full((2, 8, 9, 4), None),
    IMAGES.astype(np.longdouble),
    IMAGES.astype(np.clongdouble),
    IMAGES.astype("U3"),
    IMAGES.astype("S3"),
    UNREADABLE,
    UNREADABLE - UNREADABLE,
    RECORDS,
    MASKED,
)

MALFORMED = [
    # The operands themselves
    *(operand(name, value) for name in ("images", "kernels") for value in NOT_ARRAYS),
    # Numbers of axes
    shapes((), (3, 3), "images", "0-D|()"),
    shapes((5,), (3, 3), "images", "1-D|(5,)"),
    shapes((1, 2, 8, 9, 4), (3, 3, 2, 4), "images", "5-D|(1, 2, 8, 9, 4)"),
    shapes((8, 9), (), "kernels", "0-D|()"),
    shapes((8, 9), (3,), "kernels", "1-D|(3,)"),
    shapes((2, 8, 9, 4), (1, 3, 3, 2, 4), "kernels", "5-D|(1, 3, 3, 2, 4)"),
    shapes((8, 9, 4), (3, 3, 4), "layout|images|kernels", "NHWC", "NHW"),
    shapes((8, 9), (2, 3, 3, 4), "images|kernels|layout"),
    shapes((2, 8, 9, 4), (3, 3), "images|kernels|layout"),
    shapes((8, 9), (3, 3), "images|kernels|layout", "NHWC", layout="NHWC"),
    shapes((8, 9, 4), (3, 3), "kernels|layout", "NHWC", layout="NHWC"),
    shapes((8, 9), (2, 3, 3, 3), "images|layout", "NCHW", layout="NCHW"),
    shapes((2, 8, 9, 4), (3, 3), "images|layout", "NHW", layout="NHW"),
    shapes((8, 9), (2, 3, 3, 4), "kernels|layout", "NHW", layout="NHW"),
    # Empty axes
    shapes((2, 0, 9, 4), (3, 3, 2, 4), "images", "(2, 0, 9, 4)"),
    shapes((2, 8, 0, 4), (3, 3, 2, 4), "images", "(2, 8, 0, 4)"),
    shapes((2, 8, 9, 0), (3, 3, 2, 0), "images|kernels"),
    shapes((2, 8, 9, 4), (3, 0, 2, 4), "kernels", "(3, 0, 2, 4)"),
    shapes((2, 8, 9, 4), (3, 3, 0, 4), "kernels", "(3, 3, 0, 4)"),
    shapes((0, 9), (3, 3), "images", "(0, 9)"),
    shapes((8, 9), (0, 3), "kernels", "(0, 3)"),
    shapes((2, 0, 9, 4), (3, 3, 2, 4), "images", padding="full"),
    shapes((0, 0, 9, 4), (3, 3, 2, 4), "images"),
    shapes((2, 8, 9, 4), (0, 3, 0, 4), "kernels"),
    # Channels and groups
    shapes((2, 8, 9, 4), (3, 3, 2, 3), "kernels|images", "3", "4"),
    shapes((2, 8, 9, 4), (3, 3, 2, 1), "kernels|images", "1", "4"),
    shapes((2, 8, 9, 1), (3, 3, 2, 4), "kernels|images"),
    shapes((2, 3, 8, 9), (5, 4, 3, 2), "kernels|images", layout="NCHW"),
    shapes((2, 8, 9, 3), (5, 3, 3, 2), "kernels|images", "3", "2", layout="NCHW"),
    shapes((2, 8, 9, 4), (4, 3, 2, 4), "kernels|groups|images", groups=2),
    shapes((2, 8, 9, 4), (3, 3, 2, 2), "kernels|groups", "3", "2", groups=2),
    shapes((2, 8, 9, 4), (3, 3, 2, 1), "kernels|groups|images", "3", "4", groups=3),
    shapes((2, 8, 9, 4), (8, 3, 2, 1), "groups|kernels|images", "8", groups=8),
    shapes((8, 9), (2, 3, 3), "groups|images|kernels", "2", groups=2),
    *(keyword("groups", value, VALUE, str(value)) for value in (0, -1)),
    *(keyword("groups", value, TYPE) for value in (1.0, True, np.bool_(True), "1", None, (1, 1))),
    # Kernels larger than the padded image
    shapes((2, 5), (3, 3), "kernels", "(3, 3)", "(2, 5)", "larger than the padded image"),
    shapes((5, 2), (3, 3), "kernels", "(3, 3)", "(5, 2)"),
    shapes((2, 8, 9, 4), (3, 9, 2, 4), "kernels", "(9, 2)", "(8, 9)"),
    shapes((2, 3), (7, 4), "kernels", "(7, 4)", "(6, 5)", padding=((3, 1), (0, 2))),
    shapes((5, 9), (3, 3), "kernels", "(5, 9)", dilation=(3, 1)),
    shapes((9, 5), (3, 3), "kernels", "(9, 5)", dilation=3),
    shapes((0, 5, 5, 1), (2, 6, 5, 1), "kernels"),
    shapes((2, 5, 5, 1), (0, 6, 5, 1), "kernels"),
    # Words
    *(
        keyword(name, value, VALUE, value, *allowed)
        for name, allowed in WORDS.items()
        for value in ("nonsense", allowed[0].swapcase())
    ),
    keyword("layout", "HWC", VALUE, "HWC", *WORDS["layout"]),
    keyword("layout", "NWHC", VALUE, *WORDS["layout"]),
    keyword("layout", "", VALUE),
    keyword("padding", "", VALUE),
    keyword("boundary", "mirror", VALUE, "mirror", "reflect"),
    keyword("boundary", "nearest", VALUE, "edge"),
    keyword("boundary", "fill", VALUE, "constant"),
    *(keyword(name, value, EITHER) for name in ("boundary", "method", "precision") for value in (None, 3)),
    keyword("layout", 3, EITHER),
    # Padding
    *(
        keyword("padding", value, VALUE)
        for value in (
            -1,
            (-1, 0),
            (0, -2),
            ((0, -1), (0, 0)),
            ((0, 0), (-3, 0)),
            (1, 2, 3),
            (1,),
            (),
            ((1, 2), (3,)),
            ((1, 2), (3, 4), (5, 6)),
            ((1, 2, 3), (1, 2, 3)),
        )
    ),
    *(
        keyword("padding", value, TYPE)
        for value in (1.0, True, np.bool_(True), None, (1.5, 2), ((1, 2), (3, 4.0)), (True, 1))
    ),
    keyword("padding", ("same", "same"), EITHER),
    *(keyword("padding", value, SIZE) for value in (2**62, 2**63, 2**100, (0, 2**62), ((2**63 - 1, 0), (0, 0)))),
    # Stride and dilation
    *(keyword(name, value, VALUE, str(value)) for name in ("stride", "dilation") for value in (0, -1, (0, 1), (1, -2))),
    *(keyword(name, value, VALUE) for name in ("stride", "dilation") for value in ((1,), (1, 2, 3), ())),
    *(
        keyword(name, value, TYPE)
        for name in ("stride", "dilation")
        for value in (1.0, True, None, "2", (1, 2.0), (False, 1), np.float64(2), np.bool_(True))
    ),
    *(
        keyword("dilation", value, SIZE, argument="dilation|kernels")
        for value in (2**61, 2**62, 2**63 - 1, 2**63, 2**64, 2**100)
    ),
    *(
        keyword("dilation", value, SIZE, argument="dilation|kernels|padding|images", padding=padding)
        for value in (2**62, (2**62, 1), (1, 2**62))
        for padding in ("same", "full", 1)
    ),
    # Fill value
    keyword("fill_value", 300, VALUE, "300", "uint8", **INTEGERS),
    keyword("fill_value", -1, VALUE, "-1", "uint8", **INTEGERS),
    keyword("fill_value", 0.5, VALUE, "0.5", "uint8", **INTEGERS),
    keyword("fill_value", float("nan"), VALUE, "nan", "uint8", **INTEGERS),
    keyword("fill_value", 1j, VALUE, "float32"),
    *(keyword("fill_value", value, EITHER) for value in (None, "0", [1, 2], np.ones(3))),
    *(
        keyword("fill_value", 1, VALUE, "constant", boundary=boundary, padding=1)
        for boundary in ("edge", "reflect", "symmetric", "wrap")
    ),
    # Bias
    *(
        keyword("bias", np.ones(shape), VALUE, str(shape), argument="bias")
        for shape in ((2,), (4,), (0,), (3, 1), (1, 3))
    ),
    keyword("bias", 1.0, VALUE),
    keyword("bias", np.ones(2), VALUE, kernels=KERNELS[0]),
    keyword("bias", 0.5, TYPE, kernels=INTEGERS["kernels"][0], images=INTEGERS["images"]),
    keyword("bias", np.ones(3), TYPE, "float64", **INTEGERS),
    keyword("bias", np.ones(3, complex), TYPE, "complex128"),
    *(
        keyword("bias", value, TYPE)
        for value in (
            "one",
            np.full(3, None),
            np.ones(3, np.longdouble),
            np.full(3, "a"),
            np.ma.masked_array(np.ones(3)),
        )
    ),
    # dtype
    keyword("dtype", "nonsense", TYPE),
    keyword("dtype", "int32", TYPE, "int32"),
    keyword("dtype", "longdouble", TYPE),
    keyword("dtype", "object", TYPE),
    keyword("dtype", "U4", TYPE),
    keyword("dtype", "V8", TYPE),
    keyword("dtype", "float32", TYPE, images=IMAGES.astype(complex)),
    # workers
    *(keyword("workers", value, VALUE, str(value)) for value in (0, -2)),
    *(keyword("workers", value, TYPE) for value in (1.0, True, np.bool_(True), "2", (1, 2))),
    # out
    *(
        keyword("out", np.zeros(shape, np.float32), VALUE, str(shape), "(2, 6, 8, 3)", argument="out")
        for shape in ((2, 6, 8, 4), (2, 6, 8), (1, 2, 6, 8, 3), (0, 6, 8, 3), (2, 8, 6, 3))
    ),
    *(
        keyword("out", np.zeros((2, 6, 8, 3), dtype), EITHER, "float32", argument="out")
        for dtype in (np.float64, np.int32, np.complex64, object)
    ),
    keyword("out", READ_ONLY, VALUE),
    keyword("out", np.broadcast_to(np.zeros(3, np.float32), (2, 6, 8, 3)), VALUE),
    keyword("out", np.lib.stride_tricks.as_strided(np.zeros(400, np.float32), (2, 6, 8, 3), (192, 32, 4, 32)), VALUE),
    keyword("out", np.lib.stride_tricks.as_strided(np.zeros(400, np.float32), (2, 6, 8, 3), (0, 96, 12, 4)), VALUE),
    *(keyword("out", value, TYPE) for value in ("out", 3, [[1.0]], np.ma.zeros((2, 6, 8, 3), np.float32))),
    # Methods that cannot do the job
    *(
        keyword("method", "winograd", VALUE, **others)
        for others in (
            {"kernels": np.ones((3, 5, 5, 4), np.float32)},
            {"stride": 2, "kernels": np.ones((3, 3, 3, 4), np.float32)},
            INTEGERS,
        )
    ),
    keyword("method", "fft", VALUE, **INTEGERS),
]


def label(malformed):
    return malformed.id


def verify(error, malformed):
    message = str(error.value)
    names = malformed.argument.split("|")
    assert any(message.startswith(f"{name}: ") for name in names), message
    for shown in malformed.shows:
        assert any(alternative in message for alternative in shown.split("|")), f"{shown!r} is not in: {message}"


def test_the_table_has_a_hundred_calls():
    assert len({malformed.id for malformed in MALFORMED}) >= 100


@pytest.mark.parametrize("malformed", MALFORMED, ids=label)
@pytest.mark.parametrize("verb", [xcorr.correlate, xcorr.convolve])
def test_malformed_call_is_refused_by_name(verb, malformed):
    with pytest.raises(malformed.error) as error:
        verb(malformed.images, malformed.kernels, **malformed.keywords)
    verify(error, malformed)


@pytest.mark.parametrize("malformed", MALFORMED, ids=label)
def test_malformed_call_of_a_correlator_is_refused_by_name(malformed):
    at_call = {name: value for name, value in malformed.keywords.items() if name in ("out", "workers")}
    prepared = {name: value for name, value in malformed.keywords.items() if name not in at_call}
    with pytest.raises(malformed.error) as error:
        xcorr.Correlator(malformed.kernels, **prepared)(malformed.images, **at_call)
    verify(error, malformed)


@pytest.mark.parametrize("method", ["direct", "matmul"])
@pytest.mark.parametrize("malformed", [row for row in MALFORMED if row.keywords.get("method") is None][::3], ids=label)
def test_malformed_call_is_refused_on_every_method(method, malformed):
    with pytest.raises(malformed.error) as error:
        xcorr.correlate(malformed.images, malformed.kernels, **{"method": method, **malformed.keywords})
    verify(error, malformed)


def test_a_refused_call_leaves_out_untouched():
    out = np.full((2, 6, 8, 3), 99, np.float32)
    for keywords in ({"stride": 0}, {"padding": "nonsense"}, {"bias": np.ones(4)}, {"groups": 3}, {"workers": 0}):
        with pytest.raises(ValueError):
            xcorr.correlate(IMAGES, KERNELS, out=out, **keywords)
    assert (out == 99).all()


def test_a_call_after_a_refused_one_is_right():
    for malformed in MALFORMED:
        with pytest.raises(malformed.error):
            xcorr.correlate(malformed.images, malformed.kernels, **malformed.keywords)
    assert (xcorr.correlate(IMAGES, KERNELS) == 24).all()


def test_an_unknown_keyword_is_refused():
    for call in (xcorr.correlate, xcorr.convolve):
        with pytest.raises(TypeError, match="strides"):
            call(IMAGES, KERNELS, strides=2)
    with pytest.raises(TypeError, match="out"):
        xcorr.Correlator(KERNELS, out=None)
    with pytest.raises(TypeError):
        xcorr.correlate(IMAGES, KERNELS, "NHWC")


def test_a_kernel_larger_than_the_image_is_never_swapped_with_it():
    with pytest.raises(ValueError, match=r"^kernels: spatial size \(3, 3\) is larger than the padded image \(2, 5\)"):
        xcorr.correlate(np.ones((2, 5)), np.ones((3, 3)))
    assert xcorr.correlate(np.ones((2, 5)), np.ones((3, 3)), padding="same").shape == (2, 5)


def test_a_huge_stride_is_right_or_refused():
    for stride in (2**31, 2**32 + 1, 2**62, 2**63 - 1, 2**63, 2**64 + 1):
        for keywords in ({}, {"padding": "same"}, {"padding": 2}):
            try:
                response = xcorr.correlate(np.ones((5, 6)), np.ones((2, 3)), stride=stride, **keywords)
            except SIZE as error:
                assert stride > 2**61, error
            else:
                expected = xcorr.correlate(np.ones((5, 6)), np.ones((2, 3)), stride=1000, **keywords)
                if keywords.get("padding") == "same":  # one window, whose padding is that of one output
                    assert response.shape == (1, 1)
                else:
                    np.testing.assert_array_equal(response, expected)


def test_a_response_too_large_for_any_machine_is_refused():
    huge = np.broadcast_to(np.float32(1), (2**20, 2**20, 2**20, 1))
    with pytest.raises((ValueError, OverflowError, MemoryError)):
        xcorr.correlate(huge, np.ones((8, 1, 1, 1), np.float32))


def test_dilation_of_a_single_tap_means_nothing():
    image = np.arange(12.0).reshape(3, 4)
    np.testing.assert_array_equal(xcorr.correlate(image, np.array([[2.0]]), dilation=7), 2 * image)
    np.testing.assert_array_equal(
        xcorr.correlate(image, np.array([[2.0, 1]]), dilation=(99, 1)), 2 * image[:, :-1] + image[:, 1:]
    )


@pytest.mark.parametrize("conjugate", [1, None, "yes"])
def test_conjugate_is_true_or_false(conjugate):
    with pytest.raises(TypeError, match=f"^conjugate: got {conjugate!r}; allowed are True and False$"):
        xcorr.correlate(np.ones((3, 3)), np.ones((2, 2)), conjugate=conjugate)


@pytest.mark.parametrize(
    ("image", "kernel"), [((5, 5), (2, 2, 1)), ((5, 5, 2), (2, 2))], ids=["more-axes", "of-several-channels"]
)
def test_an_index_is_of_shapes_with_as_many_axes(image, kernel):
    with pytest.raises(ValueError, match="^kernel_shape: got .* for an image of shape .*; allowed are as many axes$"):
        xcorr.window_index(image, kernel)


def test_a_level_that_is_none_is_refused():
    with pytest.raises(ValueError, match="^XCORR_LEVEL: got 'v9'; this machine and build can run base"):
        _dispatch.load("v9")
