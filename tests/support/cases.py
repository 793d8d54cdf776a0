"""One table of shapes: every edge that a plan, a strip, a tile or a panel can have.

Shapes are those of layout NHWC: images (N, H, W, C), kernels (K, kh, kw, C / groups).
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Case:
    """One call without its numbers."""

    id: str
    images: tuple
    kernels: tuple
    padding: object = "valid"
    boundary: str = "constant"
    fill_value: int = 0
    stride: object = 1
    dilation: object = 1
    groups: int = 1
    bias: bool = False

    @property
    def keywords(self):
        """The keywords of `xcorr.correlate` but the bias, which needs numbers."""
        names = ("padding", "boundary", "fill_value", "stride", "dilation", "groups")
        return {name: getattr(self, name) for name in names}

    def __str__(self):
        return self.id


# Columns modulo every tile width, for each place that the lanes may go to.
LANES = {
    "one-kernel": ((1, 8, 0, 1), (1, 3, 3, 1), {}),
    "few-kernels": ((1, 4, 0, 1), (2, 3, 3, 1), {}),
    "wide-kernels": ((1, 9, 0, 1), (2, 5, 5, 1), {}),
    "many-kernels": ((1, 4, 0, 2), (17, 3, 3, 2), {}),
    "depthwise": ((1, 4, 0, 9), (9, 3, 3, 1), {"groups": 9}),
}
COLUMNS = [
    Case(f"{lanes}-{columns}-columns", (*images[:2], columns + kernels[2] - 1, images[3]), kernels, **keywords)
    for lanes, (images, kernels, keywords) in LANES.items()
    for columns in (*range(1, 71), 95, 96, 97, 127, 128, 129, 130)
]
STRIDED_COLUMNS = [
    Case(
        f"{lanes}-{columns}-columns-stride-2-same",
        (*images[:2], columns, images[3]),
        kernels,
        padding="same",
        stride=2,
        bias=True,
        **keywords,
    )
    for lanes, (images, kernels, keywords) in LANES.items()
    for columns in (*range(1, 40, 3), 64, 67, 129)
]
ROWS = [
    Case(f"{lanes}-{rows}-rows", (2, rows, 6, images[3]), kernels, padding="same", **keywords)
    for lanes, (images, kernels, keywords) in LANES.items()
    for rows in (*range(1, 20), 31, 32, 33, 64, 65)
]

# Kernels and channels around the panel widths.
COUNTS = (1, 2, 3, 4, 5, 7, 8, 9, 13, 15, 16, 17, 24, 31, 32, 33, 48, 50, 64, 65)
BANKS = [
    Case(f"{n_kernels}-kernels-{depth}-channels", (2, 7, 8, depth), (n_kernels, 3, 2, depth), bias=n_kernels % 2 == 1)
    for n_kernels in COUNTS
    for depth in (1, 3)
]
CHANNELS = [
    Case(f"{depth}-channels-{n_kernels}-kernels", (1, 5, 9, depth), (n_kernels, 2, 3, depth))
    for depth in COUNTS
    for n_kernels in (1, 10)
]
DEPTHWISE = [
    Case(
        f"depthwise-{depth}-channels-times-{multiplier}",
        (2, 6, 7, depth),
        (depth * multiplier, 3, 2, 1),
        groups=depth,
        padding="same",
        bias=True,
    )
    for depth in (2, 3, 4, 7, 8, 9, 15, 16, 17, 31, 32, 33, 65)
    for multiplier in (1, 2, 3)
]
GROUPS = [
    Case(
        f"{groups}-groups-of-{depth}-channels-{bank}-kernels",
        (2, 6, 7, groups * depth),
        (groups * bank, 2, 3, depth),
        groups=groups,
        bias=bank == 3,
    )
    for groups in (2, 3, 5)
    for depth in (2, 3, 8)
    for bank in (1, 3, 8, 17)
]

# Kernels from one tap to the whole image.
KERNEL_SIZES = [
    Case(f"{height}x{width}-kernel-{n_kernels}x{depth}", (2, 13, 17, depth), (n_kernels, height, width, depth))
    for height, width in ((1, 1), (1, 2), (2, 1), (1, 17), (13, 1), (2, 2), (4, 6), (5, 3), (7, 7), (12, 16), (13, 17))
    for n_kernels, depth in ((1, 1), (3, 4), (18, 3))
]
TINY_IMAGES = [
    Case(f"{height}x{width}x{depth}-image", (1, height, width, depth), (2, height, width, depth))
    for height, width in ((1, 1), (1, 2), (2, 1), (1, 40), (40, 1))
    for depth in (1, 5)
]
LONG_SUMS = [
    Case(
        f"{height}x{width}x{depth}-taps-{n_kernels}-kernels",
        (1, height + 1, width + 2, depth),
        (n_kernels, height, width, depth),
    )
    for height, width, depth, n_kernels in (
        (31, 33, 1, 2),
        (64, 64, 1, 1),
        (3, 3, 300, 2),
        (3, 3, 257, 20),
        (1, 1, 1025, 9),
        (1, 1, 1025, 1),
    )
]

# Padding, boundaries, strides, dilations.
PADDINGS = (
    "valid",
    "same",
    "full",
    0,
    1,
    2,
    (1, 0),
    (0, 2),
    ((1, 0), (0, 0)),
    ((0, 0), (0, 3)),
    ((2, 1), (3, 0)),
    (4, 5),
)
PADDED = [
    Case(
        f"padding-{padding}-{height}x{width}-{n_kernels}-kernels".replace(" ", ""),
        (2, 6, 8, 2),
        (n_kernels, height, width, 2),
        padding=padding,
        bias=True,
    )
    for padding in PADDINGS
    for height, width in ((1, 1), (2, 2), (3, 3), (4, 3), (5, 2))
    for n_kernels in (1, 9)
]
BOUNDED = [
    Case(
        f"{boundary}-{padding}-{height}x{width}-{depth}".replace(" ", ""),
        (2, height, width, depth),
        (3, 2, 3, depth),
        padding=padding,
        boundary=boundary,
        fill_value=3 if boundary == "constant" else 0,
    )
    for boundary in ("constant", "edge", "reflect", "symmetric", "wrap")
    for padding in ("same", "full", 1, ((7, 2), (3, 11)), (13, 17))
    for height, width in ((1, 1), (1, 4), (2, 2), (2, 5), (3, 4), (5, 1))
    for depth in (1, 2)
]
SAME_STRIDED = [
    Case(
        f"same-stride-{stride}-kernel-{height}x{width}-image-{size}".replace(" ", ""),
        (1, size, size + 3, 2),
        (2, height, width, 2),
        padding="same",
        stride=stride,
    )
    for stride in (1, 2, 3, (1, 2), (2, 1), (5, 4))
    for height, width in ((1, 1), (2, 4), (3, 3), (5, 2))
    for size in (5, 6, 7, 8)
]
STRIDED = [
    Case(
        f"stride-{stride}-dilation-{dilation}-{n_kernels}-kernels-{padding}".replace(" ", ""),
        (2, 12, 15, 3),
        (n_kernels, 3, 2, 3),
        padding=padding,
        stride=stride,
        dilation=dilation,
        bias=True,
    )
    for stride in (1, 2, 3, (1, 2), (3, 1), (20, 20))
    for dilation in (1, 2, (1, 3), (4, 1))
    for n_kernels in (1, 16)
    for padding in ("valid", "full", (1, 2))
]
DEPTHWISE_STRIDED = [
    Case(
        f"depthwise-stride-{stride}-dilation-{dilation}".replace(" ", ""),
        (2, 12, 15, 17),
        (17, 3, 2, 1),
        padding="same",
        stride=stride,
        dilation=dilation,
        groups=17,
    )
    for stride in (1, 2, (1, 3), (2, 1))
    for dilation in (1, 2, (1, 3), (3, 1))
]

EMPTY = [
    Case("no-images", (0, 6, 7, 2), (3, 2, 3, 2), bias=True),
    Case("no-kernels", (2, 6, 7, 2), (0, 2, 3, 2), bias=True),
    Case("no-images-no-kernels", (0, 6, 7, 1), (0, 2, 3, 1), padding="same"),
    Case("no-images-depthwise", (0, 6, 7, 4), (4, 2, 3, 1), groups=4),
]

# The layers and pictures that people have, in small.
FAMILIAR = [
    Case("mnist-edges", (3, 28, 28, 1), (2, 3, 3, 1)),
    Case("mnist-bank", (2, 28, 28, 1), (32, 5, 5, 1), padding="same", bias=True),
    Case("cifar-gabor", (2, 32, 32, 3), (8, 5, 5, 3)),
    Case("resnet-stem", (1, 40, 44, 3), (16, 7, 7, 3), padding=3, stride=2),
    Case("resnet-3x3", (1, 14, 14, 64), (64, 3, 3, 64), padding=1),
    Case("resnet-1x1", (1, 14, 14, 64), (65, 1, 1, 64), stride=2),
    Case("mobilenet-depthwise", (1, 14, 14, 32), (32, 3, 3, 1), padding=1, groups=32, bias=True),
    Case("template", (1, 60, 70, 1), (1, 24, 31, 1)),
]

TABLES = {
    "columns": COLUMNS,
    "strided-columns": STRIDED_COLUMNS,
    "rows": ROWS,
    "banks": BANKS,
    "channels": CHANNELS,
    "depthwise": DEPTHWISE,
    "groups": GROUPS,
    "kernel-sizes": KERNEL_SIZES,
    "tiny-images": TINY_IMAGES,
    "long-sums": LONG_SUMS,
    "padded": PADDED,
    "bounded": BOUNDED,
    "same-strided": SAME_STRIDED,
    "strided": STRIDED,
    "depthwise-strided": DEPTHWISE_STRIDED,
    "empty": EMPTY,
    "familiar": FAMILIAR,
}
CASES = [case for table in TABLES.values() for case in table]

# A few of every kind, for tests that multiply by dtypes, layouts or workers.
FEW = [
    Case("one-tap", (2, 3, 4, 1), (1, 1, 1, 1)),
    Case("whole-image", (2, 4, 5, 2), (3, 4, 5, 2), bias=True),
    Case("few-kernels", (2, 7, 37, 1), (3, 3, 2, 1), padding="same"),
    Case("many-kernels", (3, 6, 19, 3), (19, 2, 3, 3), bias=True),
    Case("many-channels", (2, 5, 6, 21), (9, 3, 3, 21), padding=1),
    Case("strided-dilated", (2, 11, 14, 2), (5, 2, 3, 2), padding="full", stride=(2, 3), dilation=(3, 2), bias=True),
    Case("wrapped", (2, 3, 4, 2), (2, 3, 3, 2), padding=((5, 2), (1, 9)), boundary="wrap"),
    Case("reflected", (2, 4, 3, 2), (9, 2, 4, 2), padding="full", boundary="reflect", stride=(1, 2)),
    Case("filled", (2, 5, 6, 2), (2, 3, 2, 2), padding="same", fill_value=2),
    Case("grouped", (2, 6, 9, 6), (9, 2, 3, 2), groups=3, bias=True),
    Case("depthwise", (2, 7, 9, 18), (18, 3, 3, 1), groups=18, padding="same"),
    Case("depthwise-in-place", (2, 6, 7, 16), (16, 3, 2, 1), groups=16, bias=True),
    Case("depthwise-multiplied", (2, 7, 9, 5), (10, 3, 2, 1), groups=5, stride=2, bias=True),
    Case("no-images", (0, 5, 6, 2), (3, 2, 2, 2)),
    Case("no-kernels", (2, 5, 6, 2), (0, 2, 2, 2)),
]

assert len({case.id for case in CASES}) == len(CASES)
