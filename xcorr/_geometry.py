"""Layouts, shapes, paddings and the sum's blocks: pure functions on ints and tuples, all arithmetic checked.

Python's integers do not wrap; what must later fit a C ``Py_ssize_t`` is checked here, once for every method.
"""

import operator
import sys
from collections.abc import Sequence
from itertools import islice
from math import isqrt
from typing import Any, NamedTuple

from xcorr._foreign import refuses, shown

MOST_AXES = 64  # of an array in NumPy
LAYOUTS = ("NHWC", "NCHW", "NHW")
BOUNDARIES = ("constant", "edge", "reflect", "symmetric", "wrap")
OVERFLOWS = ("raise", "saturate")
PADDING_WORDS = ("valid", "same", "full")
Padding = str | tuple[tuple[int, int], tuple[int, int]]

# Taps in one chain of multiply-adds of a long sum, and the number of taps from which a sum is long: from there on the
# totals of the blocks carry their rounding errors along.
LONG_BLOCK = 64
LONG_SUM = 16384
# Taps of a kernel row from which on it is a block by itself: with two rows in a block tiles over columns take twice the
# time, for want of registers.
LONG_ROW = 6


class Layout(NamedTuple):
    """Positions of the axes in each array, -1 where an axis is absent."""

    word: str
    images: tuple[int, int, int, int]  # of image, row, column, channel
    kernels: tuple[int, int, int, int]  # of kernel, row, column, channel
    response: tuple[int, int, int, int]  # of image, row, column, kernel
    each_channel: bool = False  # one plane for every channel by itself: the response's kernels are the channels


class Geometry(NamedTuple):
    """The sizes of one image, the bank and one response."""

    height: int
    width: int
    channels: int
    groups: int
    n_kernels: int
    kernel_height: int
    kernel_width: int
    top: int
    bottom: int
    left: int
    right: int
    row_stride: int
    column_stride: int
    row_dilation: int
    column_dilation: int
    rows: int
    columns: int

    @property
    def n_taps(self) -> int:
        """Taps of one kernel."""
        return self.kernel_height * self.kernel_width * (self.channels // self.groups)

    @property
    def work(self) -> int:
        """Multiply-adds of one image's responses."""
        return self.rows * self.columns * self.n_kernels * self.n_taps


def checked(value: int, argument: str, what: str) -> int:
    """`value` if an array index can hold it."""
    if value > sys.maxsize:
        raise ValueError(f"{argument}: {what} would be {shown(value)}; at most {sys.maxsize} is possible")
    return value


# --- layouts ----------------------------------------------------------------------------------------------------------


def read_layout_word(layout: Any) -> str | None:
    """The word as a str, or None; TypeError or ValueError if it is neither."""
    if layout is None:
        return None
    problem = f"layout: got {shown(layout)}; allowed are None and {', '.join(LAYOUTS)}"
    if not isinstance(layout, str):
        raise TypeError(problem)
    if layout not in LAYOUTS:
        raise ValueError(problem)
    return plain(layout, LAYOUTS)


def check_is_no_row(shape: Sequence[int], argument: str) -> None:
    """ValueError that shows the way for an operand of one axis, which is in no layout."""
    if len(shape) == 1:
        ways = {
            "images": "a signal is an image of one row, image[None] with kernel[None]",
            "kernels": "a kernel of one row is kernel[None], of one column kernel[:, None]",
        }
        raise ValueError(f"{argument}: shape {tuple(shape)} has 1 axis; allowed are 2, 3 or 4: {ways[argument]}")


def read_layout(images_shape: Sequence[int], kernels_shape: Sequence[int], layout: str | None) -> Layout:
    """Which axis is which, from the word or, without one, from the numbers of axes alone."""
    check_is_no_row(images_shape, "images")
    check_is_no_row(kernels_shape, "kernels")
    read_layout_word(layout)
    if layout is None:
        layout = guess_layout(images_shape, kernels_shape)
    each_channel = "C" in layout and len(kernels_shape) == 2
    for argument, shape in (("images", images_shape), ("kernels", kernels_shape)):
        if len(shape) not in (len(layout) - 1, len(layout)) and not (each_channel and shape is kernels_shape):
            planes = ", or 2 for every channel by itself" if argument == "kernels" and "C" in layout else ""
            raise ValueError(
                f"{argument}: shape {tuple(shape)} has {len(shape)} axes; layout {layout!r} "
                f"takes {len(layout)}, or {len(layout) - 1} without the first{planes}"
            )
    has_images, has_kernels = len(images_shape) == len(layout), len(kernels_shape) == len(layout)
    kernels_word = spatial(layout) if each_channel else layout if has_kernels else layout[1:]
    return Layout(
        layout,
        axes_of("NHWC", layout if has_images else layout[1:]),
        axes_of("NHWC", kernels_word),
        axes_of("NHWK", response_word(layout, has_images, has_kernels or each_channel)),
        each_channel,
    )


def guess_layout(images_shape: Sequence[int], kernels_shape: Sequence[int]) -> str:
    counts = {"images": len(images_shape), "kernels": len(kernels_shape)}
    for argument, n_axes in counts.items():
        if n_axes not in (2, 3, 4):
            shape = images_shape if argument == "images" else kernels_shape
            raise ValueError(f"{argument}: shape {tuple(shape)} has {n_axes} axes; allowed are 2, 3 or 4")
    if counts == {"images": 2, "kernels": 4}:
        raise ValueError(
            f"kernels: shape {tuple(kernels_shape)} does not go with images of shape {tuple(images_shape)}; "
            "2 axes mean layout 'NHW', 4 mean 'NHWC'"
        )
    if 4 in counts.values():
        return "NHWC"
    if counts["images"] == 2:
        return "NHW"
    raise ValueError(ambiguity(tuple(images_shape), tuple(kernels_shape)))


def ambiguity(images: tuple[int, ...], kernels: tuple[int, ...]) -> str:
    """The readings of 3-D images with a kernel of 2 or 3 axes, and how each is asked for."""
    first, second, third = images
    own = {"NHW": "one kernel", "NHWC": "each by itself", "NCHW": "each by itself"}
    ways = ""
    if len(kernels) == 3:
        bank = f"{kernels[0]} {'kernel' if kernels[0] == 1 else 'kernels'} of {kernels[1]}x{kernels[2]}"
        own = {"NHW": bank, "NHWC": "one kernel (kh, kw, C)", "NCHW": "one kernel (C, kh, kw)"}
        ways = (
            f"; {bank} for every channel of one 'NHWC' image are banks.per_channel(kernels, {third}) with "
            f"groups={third}, for the sum over its channels banks.over_channels(kernels, {third})"
        )
    return (
        f"layout: images of shape {images} with kernels of shape {kernels} can be read as "
        f"layout='NHW' ({first} images of {second}x{third}, {own['NHW']}), "
        f"layout='NHWC' (one image of {first}x{second} with {third} channels, {own['NHWC']}) or "
        f"layout='NCHW' (one image of {second}x{third} with {first} channels, {own['NCHW']}); say which{ways}"
    )


def spatial(word: str) -> str:
    """The letters of a layout's spatial axes, in order."""
    return "".join(letter for letter in word if letter not in "NCK")


def response_word(layout: str, has_images: bool, has_kernels: bool) -> str:
    word = layout.replace("C", "K") if "C" in layout else layout + "K"
    return word.replace("N", "" if not has_images else "N").replace("K", "" if not has_kernels else "K")


def axes_of(letters: str, word: str) -> tuple[int, int, int, int]:
    first, second, third, fourth = (word.find(letter) for letter in letters)
    return first, second, third, fourth


def sizes_of(shape: Sequence[int], axes: Sequence[int]) -> tuple[int, ...]:
    """The lengths of `axes` in `shape`, 1 for an absent axis."""
    return tuple(shape[axis] if axis >= 0 else 1 for axis in axes)


def arranged(sizes: Sequence[int], axes: Sequence[int]) -> tuple[int, ...]:
    """The shape with `sizes` at `axes`: the inverse of `sizes_of`."""
    present = sorted((axis, size) for axis, size in zip(axes, sizes, strict=True) if axis >= 0)
    return tuple(size for _, size in present)


def plain(word: str, words: Sequence[str]) -> str:
    """One of `words` as a str, from what may be of a subclass (an enum's, NumPy's)."""
    return words[words.index(word)]


# --- numbers ----------------------------------------------------------------------------------------------------------


def whole_number(value: Any, argument: str, minimum: int, allowed: str, whole: Any = None) -> int:
    """`value` as an int, if it is an integer (bool is none) of at least `minimum`; `whole` is what it is a part of."""
    if type(value) is int and minimum <= value <= sys.maxsize:
        return value
    got = f"{argument}: got {shown(value if whole is None else whole)}; allowed is {allowed}"
    is_bool = isinstance(value, bool) or getattr(getattr(value, "dtype", None), "kind", None) == "b"
    if is_bool or not hasattr(type(value), "__index__") or getattr(value, "ndim", None):
        raise TypeError(got)
    try:
        number = operator.index(value)
    except TypeError as error:
        if not refuses(error):
            raise
        raise TypeError(got) from None
    if number < minimum:
        raise ValueError(got)
    return checked(number, argument, "the number")


def is_sequence(value: Any) -> bool:
    """Whether it has items in an order, as tuples, lists and arrays do."""
    return (isinstance(value, Sequence) and not isinstance(value, (str, bytes))) or bool(getattr(value, "ndim", None))


def items_of(value: Any, argument: str, most: int, allowed: str) -> tuple[Any, ...]:
    """The items of a sequence, of one with too many `most` and one more."""
    try:
        return tuple(islice(value, most + 1))
    except TypeError as error:
        if not refuses(error):
            raise
        raise TypeError(f"{argument}: got {shown(value)}; allowed is {allowed}") from None


def read_pair(value: Any, argument: str) -> tuple[int, int]:
    """A stride or dilation: an integer for both directions, or (rows, columns)."""
    allowed = "an integer >= 1 or a pair (rows, columns) of them"
    if not is_sequence(value):
        number = whole_number(value, argument, 1, allowed)
        return number, number
    items = items_of(value, argument, 2, allowed)
    if len(items) != 2:
        raise ValueError(f"{argument}: got {shown(value)}; allowed is {allowed}")
    rows, columns = (whole_number(item, argument, 1, allowed, value) for item in items)
    return rows, columns


def read_padding(padding: Any) -> Padding:
    """One of the words, or ((top, bottom), (left, right))."""
    allowed = (
        f"{', '.join(map(repr, PADDING_WORDS))}, an integer >= 0, (rows, columns) or ((top, bottom), (left, right))"
    )
    if isinstance(padding, str):
        if padding not in PADDING_WORDS:
            raise ValueError(f"padding: got {shown(padding)}; allowed is {allowed}")
        return plain(padding, PADDING_WORDS)
    if not is_sequence(padding):
        number = whole_number(padding, "padding", 0, allowed)
        return (number, number), (number, number)
    items = items_of(padding, "padding", 2, allowed)
    if len(items) != 2 or is_sequence(items[0]) != is_sequence(items[1]):
        raise ValueError(f"padding: got {shown(padding)}; allowed is {allowed}")
    if not is_sequence(items[0]):
        rows, columns = (whole_number(item, "padding", 0, allowed, padding) for item in items)
        return (rows, rows), (columns, columns)
    ends = tuple(items_of(item, "padding", 2, allowed) for item in items)
    if any(len(item) != 2 for item in ends):
        raise ValueError(f"padding: got {shown(padding)}; allowed is {allowed}")
    top, bottom, left, right = (whole_number(end, "padding", 0, allowed, padding) for item in ends for end in item)
    return (top, bottom), (left, right)


def read_boundary(boundary: Any) -> tuple[str, str]:
    """The words for rows and for columns, from one for both or a pair."""
    words = ", ".join(map(repr, BOUNDARIES))
    problem = f"boundary: got {shown(boundary)}; allowed are {words} and a pair (rows, columns) of them"
    if isinstance(boundary, str):
        pair: tuple[Any, ...] = (boundary, boundary)
    elif is_sequence(boundary):
        pair = items_of(boundary, "boundary", 2, f"{words} and a pair (rows, columns) of them")
    else:
        raise TypeError(problem)
    if len(pair) != 2:
        raise ValueError(problem)
    if not all(isinstance(word, str) for word in pair):
        raise TypeError(problem)
    if not all(word in BOUNDARIES for word in pair):
        raise ValueError(problem)
    return plain(pair[0], BOUNDARIES), plain(pair[1], BOUNDARIES)


def read_overflow(overflow: Any) -> str:
    """What becomes of responses that an integer type does not hold."""
    problem = f"overflow: got {shown(overflow)}; allowed are 'raise' and 'saturate'"
    if not isinstance(overflow, str):
        raise TypeError(problem)
    if overflow not in OVERFLOWS:
        raise ValueError(problem)
    return plain(overflow, OVERFLOWS)


def read_shape(shape: Any, argument: str, counts: tuple[int, ...]) -> tuple[int, ...]:
    """A shape given by itself (not an array's): positive lengths, as many as one of `counts`."""
    allowed = f"a tuple of {' or '.join(map(str, counts))} integers >= 1"
    if not is_sequence(shape):
        raise TypeError(f"{argument}: got {shown(shape)}; allowed is {allowed}")
    items = items_of(shape, argument, max(counts), allowed)
    sizes = tuple(whole_number(size, argument, 1, allowed, shape) for size in items)
    if len(sizes) not in counts:
        raise ValueError(f"{argument}: got {shown(shape)}; allowed is {allowed}")
    return sizes


def read_array_shape(shape: Any, argument: str) -> tuple[int, ...]:
    """The shape of an array that may be empty."""
    allowed = "a tuple of integers >= 0"
    if not is_sequence(shape):
        raise TypeError(f"{argument}: got {shown(shape)}; allowed is {allowed}")
    items = items_of(shape, argument, MOST_AXES, allowed)
    return tuple(whole_number(size, argument, 0, allowed, shape) for size in items)


# --- sizes ------------------------------------------------------------------------------------------------------------


def axis_padding(length: int, effective: int, stride: int, padding: Padding, axis: int) -> tuple[int, int]:
    """What is added before and behind one axis."""
    if padding == "valid":
        return 0, 0
    if padding == "same":
        total = max((-(-length // stride) - 1) * stride + effective - length, 0)
        return total // 2, total - total // 2
    if padding == "full":
        return effective - 1, effective - 1
    assert not isinstance(padding, str)
    return padding[axis]


def make_geometry(
    image: tuple[int, int, int],
    bank: tuple[int, int, int, int],
    *,
    padding: Any = "valid",
    stride: Any = 1,
    dilation: Any = 1,
    groups: Any = 1,
    operands: tuple[str, str] = ("images", "kernels"),
    reading: str = "",
) -> Geometry:
    """Sizes from (height, width, channels) of the images and (kernels, height, width, channels) of the bank.

    `operands` are the arguments' names for the errors, `reading` what they say of the operands' axes.
    """
    pads, strides, dilations = read_padding(padding), read_pair(stride, "stride"), read_pair(dilation, "dilation")
    n_groups = whole_number(groups, "groups", 1, "an integer >= 1")
    check_groups(image[2], bank, n_groups, operands, reading)
    ends, lengths = [], []
    for axis in (0, 1):
        effective = checked((bank[1 + axis] - 1) * dilations[axis] + 1, "dilation", "the kernel's effective size")
        before, behind = axis_padding(image[axis], effective, strides[axis], pads, axis)
        padded = image[axis] + before + behind
        checked(8 * padded, "padding", f"the bytes of {padded} padded pixels")
        ends.append((before, behind, padded, effective))
        lengths.append((padded - effective) // strides[axis] + 1)
    if any(padded < effective for _, _, padded, effective in ends):
        dilated = "" if dilations == (1, 1) else f" (dilated {(ends[0][3], ends[1][3])})"
        raise ValueError(
            f"{operands[1]}: spatial size {bank[1:3]}{dilated} is larger than the padded {operands[0].rstrip('s')} "
            f"{(ends[0][2], ends[1][2])}{reading}"
        )
    checked(lengths[0] * lengths[1] * max(bank[0], 1), "padding", "the number of responses of one image")
    return Geometry(
        *image, n_groups, *bank[:3], *ends[0][:2], *ends[1][:2], *strides, *dilations, lengths[0], lengths[1]
    )


def check_not_empty(shape: Sequence[int], sizes: Sequence[int], argument: str) -> None:
    """ValueError unless height, width and channels of an operand are at least 1."""
    for name, size in zip(("height", "width", "channels"), sizes, strict=True):
        if size < 1:
            raise ValueError(f"{argument}: shape {tuple(shape)} has {name} {size}; at least 1 is needed")


def operand_sizes(
    images_shape: Sequence[int], kernels_shape: Sequence[int], layout: Layout
) -> tuple[tuple[int, int, int], tuple[int, int, int, int]]:
    """(height, width, channels) of the images and (kernels, height, width, channels) of the bank, no pixel missing.

    A plane for each channel by itself is a bank of as many kernels of one channel.
    """
    _, *image = sizes_of(images_shape, layout.images)
    n_kernels, *kernel = sizes_of(kernels_shape, layout.kernels)
    check_not_empty(images_shape, image, "images")
    check_not_empty(kernels_shape, kernel, "kernels")
    if layout.each_channel:
        n_kernels = image[2]
    return (image[0], image[1], image[2]), (n_kernels, kernel[0], kernel[1], kernel[2])


def groups_of(layout: Layout, channels: int, groups: int) -> int:
    """The groups that the sum has: of a plane for each channel by itself, the channels."""
    if not layout.each_channel:
        return groups
    if groups != 1:
        raise ValueError(
            f"groups: got {groups} with one plane as the kernel, which every channel is correlated with by itself; "
            "allowed is 1"
        )
    return channels


def reading_of(images_shape: Sequence[int], kernels_shape: Sequence[int], layout: Layout, groups: int) -> str:
    """Which axes of the operands were read as what, for errors about sizes, and what may have been meant."""
    has_images, has_kernels = layout.images[0] >= 0, layout.kernels[0] >= 0
    images_word = layout.word if has_images else layout.word[1:]
    kernels_word = layout.word.replace("N", "K" if has_kernels else "")
    if layout.each_channel:
        kernels_word = spatial(layout.word)
    images = ", ".join(images_word)
    kernels = ", ".join({"H": "kh", "W": "kw"}.get(letter, letter) for letter in kernels_word)
    text = (
        f" (layout {layout.word!r}: images ({images}) are {tuple(images_shape)}, "
        f"kernels ({kernels}) are {tuple(kernels_shape)})"
    )
    _, *image = sizes_of(images_shape, layout.images)
    _, *kernel = sizes_of(kernels_shape, layout.kernels)
    if "C" not in layout.word or layout.each_channel or kernel[2] * groups == image[2]:
        return text
    four_axes = has_images and has_kernels
    if layout.word == "NHWC" and four_axes and images_shape[1] == kernels_shape[1] * groups:
        return f"{text}; if channels come before rows and columns, as torch has them, say layout='NCHW'"
    if not has_kernels:
        n_channels = image[2]
        return (
            f"{text}; a bank (K, kh, kw) for every channel is banks.per_channel(kernels, {n_channels}) with "
            f"groups={n_channels}, for the sum over the channels banks.over_channels(kernels, {n_channels})"
        )
    return text


def check_groups(
    channels: int, bank: tuple[int, int, int, int], groups: int, operands: tuple[str, str], reading: str
) -> None:
    if channels % groups:
        raise ValueError(f"groups: {groups} does not divide the {channels} channels of the {operands[0]}{reading}")
    if bank[0] % groups:
        raise ValueError(f"groups: {groups} does not divide the {bank[0]} kernels{reading}")
    if bank[3] * groups != channels:
        of_group = "" if groups == 1 else f" in {groups} groups, which makes {channels // groups} for each kernel"
        raise ValueError(
            f"{operands[1]}: each has {bank[3]} {'channel' if bank[3] == 1 else 'channels'}; "
            f"the {operands[0]} have {channels}{of_group}{reading}"
        )


def sum_blocks(kernel_height: int, run: int) -> tuple[int, int, bool]:
    """How a kernel's sum is cut: (kernel rows in a block, pieces of a kernel row's run, compensated totals).

    A chain of B multiply-adds and the additions of n/B blocks round at most B + n/B - 1 times on the way of any tap,
    so with 3 + 2 sqrt(n) as the most allowed the bound (4 + 2 sqrt(n)) u S holds always, not only on average, the
    bias' addition included. Blocks are one kernel row where that is long enough, else as long as that allows. Sums that
    cannot be cut so, and long ones, compensate the additions of their blocks.
    """
    n_taps = kernel_height * run
    if n_taps > LONG_SUM:
        return max(1, LONG_BLOCK // run), -(-run // LONG_BLOCK), True
    most = 3 + isqrt(4 * n_taps)
    if run >= LONG_ROW and run + kernel_height - 1 <= most:
        return 1, 1, False
    for rows in range(kernel_height, 0, -1):
        if rows * run + -(-kernel_height // rows) - 1 <= most:
            return rows, 1, False
    for pieces in range(1, run + 1):
        if -(-run // pieces) + kernel_height * pieces - 1 <= most:
            return 1, pieces, False
    return max(1, most // (2 * run)), -(-2 * run // most), True
