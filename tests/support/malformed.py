"""Malformed calls: the class of the error, the argument it names first, and what the message shows."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

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
    "overflow": ("raise", "saturate"),
}
KEYWORDS = (
    *(
        "layout",
        "padding",
        "boundary",
        "fill_value",
        "stride",
        "dilation",
        "groups",
        "roi",
        "pairwise",
        "mask",
        "normalize",
        "bias",
        "conjugate",
    ),
    *("method", "precision", "overflow", "dtype", "out", "workers"),
)
ASKED = ("padding", "fill_value", "stride", "dilation", "groups", "mask", "bias", "dtype", "workers")
"""Keywords whose objects are asked what they mean, by methods of their own."""

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


def label_of(value):
    try:
        return f"{value!r:.60}" if isinstance(value, (int, float, str, tuple, bytes)) else type(value).__name__
    except ValueError:  # too many digits
        return "huge"


def keyword(name, value, error, *shows, argument=None, **others):
    operands = {operand: others.pop(operand) for operand in ("images", "kernels") if operand in others}
    label = f"{name}={label_of(value)}{'-' if others else ''}{'-'.join(others)}".replace(" ", "")
    return Malformed(label, error, argument or name, shows, keywords={name: value, **others}, **operands)


def shapes(images, kernels, argument, *shows, error=VALUE, dtype=np.float32, **keywords):
    label = f"{images}-{kernels}-{'-'.join(map(str, keywords.values()))}".replace(" ", "")
    return Malformed(label, error, argument, shows, np.ones(images, dtype), np.ones(kernels, dtype), keywords)


def operand(name, value, error=TYPE):
    label = f"{name}-{type(value).__name__}-{value.dtype if isinstance(value, np.ndarray) else ''}"
    return Malformed(label, error, name, (), **{name: value})


class OwnError(RuntimeError):
    """What a foreign object raises."""


class Raises:
    """An object none of whose methods can be called."""

    def fails(self, *arguments, **keywords):
        raise OwnError("of another library")

    __repr__ = __array__ = __index__ = __int__ = __float__ = __iter__ = __len__ = __eq__ = __hash__ = fails
    __bool__ = __fspath__ = __getattr__ = __dlpack__ = __dlpack_device__ = fails


class Endless(Sequence):
    """A sequence whose items never end."""

    def __len__(self):
        return 2

    def __getitem__(self, index):
        return 1


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
    shapes((8, 9, 4), (3, 3), "layout", "NHW", "NHWC", "NCHW"),
    shapes((2, 8, 9, 4), (3, 3), "groups", "plane", groups=4),
    shapes((8, 9), (3, 3), "images|kernels|layout", "NHWC", layout="NHWC"),
    shapes((8, 9, 4), (1, 1, 3, 3, 4), "kernels", "5", "NHWC", layout="NHWC"),
    shapes((2, 9, 4), (3, 3), "kernels", "(2, 9)", "NHWC", layout="NHWC"),
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
            {"kernels": np.ones((3, 4, 4, 4), np.float32)},
            {"stride": 2, "kernels": np.ones((3, 3, 3, 4), np.float32)},
            INTEGERS,
        )
    ),
    keyword("method", "fft", VALUE, precision="strict"),
    # What repr makes of them is long, or is an error
    *(keyword(name, 10**5000, SIZE) for name in ("padding", "stride", "groups", "workers", "fill_value")),
    keyword("dilation", 10**5000, SIZE, argument="dilation|kernels"),
    *(keyword(name, -(10**5000), VALUE) for name in ("padding", "stride", "dilation", "groups", "workers")),
    *(keyword(name, list(range(10**5)), VALUE) for name in ("padding", "stride", "dilation")),
    *(keyword(name, "x" * 10**5, VALUE) for name in WORDS),
    *(keyword(name, Raises(), TYPE) for name in KEYWORDS if name not in (*ASKED, "boundary", "roi")),
    *(operand(name, [MASKED, Raises()]) for name in ("images", "kernels")),
    *(keyword(name, Endless(), VALUE) for name in ("padding", "stride", "dilation")),
    # Numbers that are none, words that are none, everywhere
    *(
        keyword(name, value, EITHER)
        for name in ("padding", "stride", "dilation", "groups")
        for value in (float("nan"), float("inf"), 1j, b"1", np.ones((2, 2, 2), int), {"a": 1}, [[1]], object())
    ),
    *(keyword("workers", value, EITHER) for value in (float("nan"), 1j, b"1", [1], {"a": 1}, object(), -(2**70))),
    keyword("workers", 2**70, SIZE),
    *(
        keyword(name, value, TYPE)
        for name in ("conjugate", "pairwise")
        for value in (1, 0, None, "True", 1.0, [True], np.ones(1, bool))
    ),
    *(keyword("roi", value, TYPE) for value in (3, slice(2), "all", (1, 2), (slice(2), 3), b"12", {"a": 1}, object())),
    *(
        keyword("roi", value, TYPE)
        for value in ((slice(0.5), slice(2)), (slice("1"), slice(2)), (slice(2), slice(True)))
    ),
    *(keyword("roi", (slice(0, 4, step), slice(2)), VALUE) for step in (2, -1, 0)),
    *(keyword("roi", value, VALUE) for value in ((), (slice(2),), (slice(2), slice(2), slice(2)))),
    keyword("roi", Endless(), EITHER),
    keyword("roi", (slice(0, 4, 10**5000), slice(2)), VALUE),
    *(keyword(name, b"valid", TYPE) for name in WORDS if name != "padding"),
    *(keyword("dtype", value, TYPE) for value in (3, [1], {"a": 1}, "float128x", ">f4", "M8[s]", "S3", bool)),
    *(keyword("fill_value", value, EITHER) for value in (b"0", {}, object(), [[1]], np.datetime64("2020"))),
    *(keyword("out", value, TYPE) for value in (b"out", {"a": 1}, object(), memoryview(bytes(4)), np.float32(1))),
    # The value that does not fit
    *(
        keyword("fill_value", value, VALUE, str(value), dtype, images=np.ones((2, 8, 9, 4), dtype))
        for dtype, value in (
            ("int8", 128),
            ("int16", -32769),
            ("uint64", -1),
            ("int64", 2**63),
            ("bool", 2),
            ("f2", 1e5),
        )
        if dtype != "f2"
    ),
    keyword("method", "winograd", VALUE, "winograd", kernels=np.ones((3, 3, 3, 4), np.float32), precision="strict"),
    keyword("out", np.zeros((2, 6, 8, 3), ">f4"), TYPE, "float32"),
    keyword("dtype", "float32", TYPE, "float32", images=IMAGES.astype(complex)),
    keyword("bias", np.ones((3,), complex), TYPE, "complex128", **INTEGERS),
]

ENVIRONMENT = [
    ("XCORR_WORKERS", value) for value in ("0", "-2", "two", "1.0", "1e3", "0x2", "9" * 5000, "--1", "1 2", "∞")
]
LEVELS = ("avx2", "V3", "v3 ", "base,v3", "v9", "none", "0", "../base", "v3\n")

WHAT_IS_ALLOWED = (
    *("allowed", "at most", "at least", "is larger than the padded", "does not divide", "2 axes mean layout", "takes"),
    *("the images have", "say which", "only 'constant' uses one", "need one", "the image_shape has", "can run"),
)


def fault_of(error, malformed):
    """What an error's message lacks, or "": the argument first, what was got, what is allowed; and not too long."""
    message = str(error)
    if not any(message.startswith(f"{name}: ") for name in malformed.argument.split("|")):
        return f"names another argument than {malformed.argument}: {message:.200}"
    for shown in malformed.shows:
        if not any(alternative in message for alternative in shown.split("|")):
            return f"{shown!r} is not in: {message:.200}"
    if not any(word in message for word in WHAT_IS_ALLOWED):
        return f"does not say what is allowed: {message:.200}"
    return "" if len(message) < 600 else f"has {len(message)} characters"
