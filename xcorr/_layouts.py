"""Layouts: which axis of which operand is which, from the layout's word and the numbers of axes alone."""

from collections.abc import Sequence
from typing import NamedTuple

from xcorr._reading import read_layout_word


class Layout(NamedTuple):
    """Positions of the axes in each array, -1 where an axis is absent."""

    word: str
    images: tuple[int, int, int, int]  # of image, row, column, channel
    kernels: tuple[int, int, int, int]  # of kernel, row, column, channel
    response: tuple[int, int, int, int]  # of image, row, column, kernel
    each_channel: bool = False  # one plane for every channel by itself: the response's kernels are the channels

    def in_planes(self, channels: int) -> bool:
        """Whether the columns of each channel, and of each kernel's responses, lie in rows by themselves."""
        of_images = channels == 1 or -1 < self.images[3] < self.images[2]
        return of_images and -1 < self.response[3] < self.response[2]


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


def of_one_image(layout: str | None, images_shape: Sequence[int], kernels_shape: tuple[int, ...]) -> tuple[int, ...]:
    """The shape of one image's kernels, of those of as many images as there are."""
    if len(kernels_shape) < 3:
        raise ValueError(
            f"kernels: shape {kernels_shape} has {len(kernels_shape)} axes; with pairwise=True an N is in front of "
            "those that the layout takes"
        )
    if read_layout(images_shape, kernels_shape[1:], layout).images[0] < 0:
        raise ValueError(f"images: shape {tuple(images_shape)} is one image; with pairwise=True allowed is a batch")
    if kernels_shape[0] != images_shape[0]:
        raise ValueError(
            f"kernels: shape {kernels_shape} is for {kernels_shape[0]} images; with pairwise=True allowed is one "
            f"kernel or bank for each of the {images_shape[0]}"
        )
    return kernels_shape[1:]


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


def read_response(shape: Sequence[int], layout: str | None) -> str:
    """The letters of a response's axes, in order, by the images' layout or, without one, by their number alone."""
    word, n_axes = read_layout_word(layout), len(shape)
    if word is None:
        if n_axes == 3:
            first, second, third = shape
            raise ValueError(
                f"layout: responses of shape {tuple(shape)} can be read as layout='NHW' ({first} images, maps of "
                f"{second}x{third}), layout='NHWC' (one image, maps of {first}x{second} of {third} kernels) or "
                f"layout='NCHW' (one image, maps of {second}x{third} of {first} kernels); say which"
            )
        word = "NHW" if n_axes == 2 else "NHWC"
    allowed = {
        len(spatial(word)): spatial(word),
        len(spatial(word)) + 1: response_word(word, "C" not in word, "C" in word),
        len(spatial(word)) + 2: response_word(word, True, True),
    }
    if n_axes not in allowed:
        ways = ", ".join(f"({', '.join(letters)})" for letters in allowed.values())
        raise ValueError(f"responses: shape {tuple(shape)} has {n_axes} axes; allowed with layout {word!r} are {ways}")
    return allowed[n_axes]


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


# --- sizes of operands ------------------------------------------------------------------------------------------------


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
