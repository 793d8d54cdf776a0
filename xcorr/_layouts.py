"""Layouts: which axis of which operand is which, from the layout's word and the numbers of axes alone."""

from collections.abc import Sequence
from typing import NamedTuple

from xcorr._reading import LAYOUTS, axes_in, read_layout_word, spatial

MOST_OPERAND_AXES = 5
"""Axes of the longest layouts."""


class Layout(NamedTuple):
    """Positions of the axes in each array, -1 where an axis is absent; with one spatial axis the row is.

    Layouts of three spatial axes have the plane's before the row's.
    """

    word: str
    images: tuple[int, ...]  # of image, row, column, channel
    kernels: tuple[int, ...]  # of kernel, row, column, channel
    response: tuple[int, ...]  # of image, row, column, kernel
    each_channel: bool = False  # one kernel for every channel by itself: the response's kernels are the channels

    @property
    def n_axes(self) -> int:
        """The number of spatial axes."""
        return axes_in(self.word)

    def in_planes(self, channels: int) -> bool:
        """Whether the columns of each channel, and of each kernel's responses, lie in rows by themselves."""
        of_images = channels == 1 or -1 < self.images[3] < self.images[2]
        return of_images and -1 < self.response[3] < self.response[2]


def letters_of(word: str, last: str) -> str:
    """The letters of all axes in the order that positions are in, for a layout."""
    return f"N{'D' * (axes_in(word) == 3)}HW{last}"


def read_layout(images_shape: Sequence[int], kernels_shape: Sequence[int], layout: str | None) -> Layout:
    """Which axis is which, from the word or, without one, from the numbers of axes alone."""
    read_layout_word(layout)
    if layout is None:
        layout = guess_layout(images_shape, kernels_shape)
    n_axes = axes_in(layout)
    each_channel = "C" in layout and len(kernels_shape) == n_axes
    for argument, shape in (("images", images_shape), ("kernels", kernels_shape)):
        if len(shape) not in (len(layout) - 1, len(layout)) and not (each_channel and shape is kernels_shape):
            planes = f", or {n_axes} for every channel by itself" if argument == "kernels" and "C" in layout else ""
            raise ValueError(
                f"{argument}: shape {tuple(shape)} has {counted(len(shape))}; layout {layout!r} "
                f"takes {len(layout)}, or {len(layout) - 1} without the first{planes}"
            )
    has_images, has_kernels = len(images_shape) == len(layout), len(kernels_shape) == len(layout)
    kernels_word = spatial(layout) if each_channel else layout if has_kernels else layout[1:]
    letters = letters_of(layout, "C")
    return Layout(
        layout,
        axes_of(letters, layout if has_images else layout[1:]),
        axes_of(letters, kernels_word),
        axes_of(letters_of(layout, "K"), response_word(layout, has_images, has_kernels or each_channel)),
        each_channel,
    )


def of_one_image(layout: str | None, images_shape: Sequence[int], kernels_shape: tuple[int, ...]) -> tuple[int, ...]:
    """The shape of one image's kernels, of those of as many images as there are."""
    if len(kernels_shape) < 1 + axes_in(read_layout_word(layout)):
        raise ValueError(
            f"kernels: shape {kernels_shape} has {counted(len(kernels_shape))}; with pairwise=True an N is in front of "
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


def counted(n_axes: int) -> str:
    """Axes in words, so many of them."""
    return f"{n_axes} {'axis' if n_axes == 1 else 'axes'}"


# --- what a layout may be where none is given -------------------------------------------------------------------------


def guess_layout(images_shape: Sequence[int], kernels_shape: Sequence[int]) -> str:
    """NHWC of four axes, NHW of images of two; ValueError with all readings for everything else."""
    images, kernels = tuple(images_shape), tuple(kernels_shape)
    for argument, shape in (("images", images), ("kernels", kernels)):
        if not 1 <= len(shape) <= MOST_OPERAND_AXES:
            raise ValueError(
                f"{argument}: shape {shape} has {counted(len(shape))}; allowed are 1 to {MOST_OPERAND_AXES}"
            )
    if (len(images) == 4 and 2 <= len(kernels) <= 4) or (len(kernels) == 4 and 3 <= len(images) <= 4):
        return "NHWC"
    if len(images) == 2 and 2 <= len(kernels) <= 3:
        return "NHW"
    found = readings(images, kernels)
    odd = odd_one(len(images), len(kernels))
    if odd and not found:
        shape, other, of_other = (images, "kernels", kernels) if odd == "images" else (kernels, "images", images)
        raise ValueError(
            f"{odd}: shape {shape} does not go with {other} of shape {of_other}; allowed without layout are images of "
            "2 axes, as 'NHW', and of 4 axes, as 'NHWC'"
        )
    ways = either(found)
    if odd:
        shape = images if odd == "images" else kernels
        raise ValueError(
            f"{odd}: shape {shape} has {counted(len(shape))}; allowed without layout are 2 to 4, else {ways}"
        )
    raise ValueError(
        f"layout: images of shape {images} with kernels of shape {kernels} can be read as {ways}; say which"
        f"{of_banks(images, kernels)}"
    )


def either(ways: Sequence[str]) -> str:
    """Ways in words, one of which has to be said."""
    return " or ".join(filter(None, [", ".join(ways[:-1]), ways[-1]]))


def layout_of_images(shape: Sequence[int]) -> str:
    """The layout of images by themselves; ValueError with all readings where that has to be said."""
    if len(shape) in (2, 4):
        return "NHW" if len(shape) == 2 else "NHWC"
    if not 1 <= len(shape) <= MOST_OPERAND_AXES:
        raise ValueError(
            f"images: shape {tuple(shape)} has {counted(len(shape))}; allowed are 1 to {MOST_OPERAND_AXES}"
        )
    found = [
        f"layout={word!r} ({images_read(tuple(shape), word)})"
        for word in LAYOUTS
        if len(shape) in (len(word) - 1, len(word))
    ]
    raise ValueError(f"layout: images of shape {tuple(shape)} can be read as {either(found)}; say which")


def odd_one(n_images: int, n_kernels: int) -> str:
    """The operand whose number of axes no layout that is guessed has; neither of those that are ambiguous."""
    if (n_images == 3 and n_kernels in (2, 3)) or (n_images == 5 and n_kernels in (3, 5)):
        return ""
    return "images" if n_images in (1, 5) else "kernels"


def readings(images: tuple[int, ...], kernels: tuple[int, ...]) -> list[str]:
    """How these shapes can be read, a layout each."""
    found = []
    for word in LAYOUTS:
        each_channel = "C" in word and len(kernels) == axes_in(word)
        if len(images) in (len(word) - 1, len(word)) and (each_channel or len(kernels) in (len(word) - 1, len(word))):
            found.append(f"layout={word!r} ({images_read(images, word)}, {kernels_read(kernels, word)})")
    return found


def images_read(shape: tuple[int, ...], word: str) -> str:
    """The images as a layout reads them, in words."""
    one, some = {1: ("signal", "signals"), 2: ("image", "images"), 3: ("volume", "volumes")}[axes_in(word)]
    own = word if len(shape) == len(word) else word[1:]
    count = f"{shape[0]} {one if shape[0] == 1 else some}" if "N" in own else f"one {one}"
    return f"{count} of {sizes_read(shape, own)}"


def kernels_read(shape: tuple[int, ...], word: str) -> str:
    """The kernels as a layout reads them, in words."""
    if "C" in word and len(shape) == axes_in(word):
        return "each by itself"
    if len(shape) == len(word):
        return f"{shape[0]} {'kernel' if shape[0] == 1 else 'kernels'} of {sizes_read(shape, word)}"
    names = {"D": "kd", "H": "kh", "W": "kw"}
    return (
        f"one kernel ({', '.join(names.get(letter, letter) for letter in word[1:])})" if "C" in word else "one kernel"
    )


def sizes_read(shape: tuple[int, ...], word: str) -> str:
    """Lengths of spatial axes and the channels, in words."""
    lengths = "x".join(str(shape[word.index(letter)]) for letter in spatial(word))
    if "C" not in word:
        return lengths
    channels = shape[word.index("C")]
    return f"{lengths} with {channels} {'channel' if channels == 1 else 'channels'}"


def of_banks(images: tuple[int, ...], kernels: tuple[int, ...]) -> str:
    """What a bank of planes may have been meant for beside a photograph."""
    if len(images) != 3 or len(kernels) != 3:
        return ""
    return (
        f"; of planes, banks.per_channel(kernels, {images[2]}) with groups={images[2]} or "
        f"banks.over_channels(kernels, {images[2]})"
    )


def response_word(layout: str, has_images: bool, has_kernels: bool) -> str:
    """The letters of a response's axes."""
    word = layout.replace("C", "K") if "C" in layout else layout + "K"
    return word.replace("N", "" if not has_images else "N").replace("K", "" if not has_kernels else "K")


def read_response(shape: Sequence[int], layout: str | None) -> tuple[str, str]:
    """The images' layout and the letters of a response's axes, by the layout or, without one, by their number alone."""
    word, n_axes = read_layout_word(layout), len(shape)
    if word is None:
        if n_axes not in (2, 4):
            found = [f"layout={one!r} ({maps_read(shape, one)})" for one in LAYOUTS if n_axes in maps_of(one)]
            if n_axes == 1:
                del found[:-1]  # all read it as the same
            if len(found) > 1:
                raise ValueError(f"layout: responses of shape {tuple(shape)} can be read as {either(found)}; say which")
            known = f"; with {found[0]}" if found else ""
            ways = ", ".join(letters_shown("NHWC", count) for count in maps_of("NHWC"))
            raise ValueError(
                f"responses: shape {tuple(shape)} has {counted(n_axes)}; allowed without layout are {ways}{known}"
            )
        word = "NHW" if n_axes == 2 else "NHWC"
    letters = maps_of(word)
    if n_axes not in letters:
        ways = ", ".join(letters_shown(word, count) for count in letters)
        raise ValueError(
            f"responses: shape {tuple(shape)} has {counted(n_axes)}; allowed with layout {word!r} are {ways}"
        )
    return word, letters[n_axes]


def maps_of(word: str) -> dict[int, str]:
    """The letters of the axes that responses of a layout have, by their number."""
    n_axes = axes_in(word)
    return {
        n_axes: spatial(word),
        n_axes + 1: response_word(word, "C" not in word, "C" in word),
        n_axes + 2: response_word(word, True, True),
    }


def maps_read(shape: Sequence[int], word: str) -> str:
    """What responses are by a layout, in words."""
    letters = maps_of(word)[len(shape)]
    sizes = "x".join(str(shape[letters.index(letter)]) for letter in spatial(letters.replace("K", "")))
    images = f"{shape[0]} {'image' if shape[0] == 1 else 'images'}" if "N" in letters else "one image"
    kernels = f" of {shape[letters.index('K')]} kernels" if "K" in letters else ""
    return f"{images}, {'maps' if 'N' in letters or kernels else 'a map'} of {sizes}{kernels}"


def letters_shown(word: str, n_axes: int) -> str:
    """The letters of a response's axes as a shape."""
    letters = maps_of(word)[n_axes]
    return f"({', '.join(letters)}{',' * (n_axes == 1)})"


def axes_of(letters: str, word: str) -> tuple[int, ...]:
    """The places of letters in a word, -1 for those that it has not."""
    return tuple(word.find(letter) for letter in letters)


def with_row(axes: tuple[int, ...]) -> tuple[int, ...]:
    """Places of the axes of an array that has a row put before its columns, which had none."""
    column = axes[2]
    first, _, _, last = (place + (place >= column) for place in axes)
    return first, column, column + 1, last


def sizes_of(shape: Sequence[int], axes: Sequence[int]) -> tuple[int, ...]:
    """The lengths of `axes` in `shape`, 1 for an absent axis."""
    return tuple(shape[axis] if axis >= 0 else 1 for axis in axes)


def arranged(sizes: Sequence[int], axes: Sequence[int]) -> tuple[int, ...]:
    """The shape with `sizes` at `axes`: the inverse of `sizes_of`."""
    present = sorted((axis, size) for axis, size in zip(axes, sizes, strict=True) if axis >= 0)
    return tuple(size for _, size in present)


# --- sizes of operands ------------------------------------------------------------------------------------------------


def check_not_empty(shape: Sequence[int], sizes: Sequence[int], argument: str) -> None:
    """ValueError unless depth, height, width and channels of an operand are at least 1."""
    for name, size in zip(("depth", "height", "width", "channels")[-len(sizes) :], sizes, strict=True):
        if size < 1:
            raise ValueError(f"{argument}: shape {tuple(shape)} has {name} {size}; at least 1 is needed")


def operand_sizes(
    images_shape: Sequence[int], kernels_shape: Sequence[int], layout: Layout
) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """(height, width, channels) of the images and (kernels, height, width, channels) of the bank, no pixel missing.

    A kernel for each channel by itself is a bank of as many kernels of one channel.
    """
    _, *image = sizes_of(images_shape, layout.images)
    n_kernels, *kernel = sizes_of(kernels_shape, layout.kernels)
    check_not_empty(images_shape, image, "images")
    check_not_empty(kernels_shape, kernel, "kernels")
    if layout.each_channel:
        n_kernels = image[-1]
    return tuple(image), (n_kernels, *kernel)


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
    kernels = ", ".join({"D": "kd", "H": "kh", "W": "kw"}.get(letter, letter) for letter in kernels_word)
    text = (
        f" (layout {layout.word!r}: images ({images}) are {tuple(images_shape)}, "
        f"kernels ({kernels}) are {tuple(kernels_shape)})"
    )
    _, *image = sizes_of(images_shape, layout.images)
    _, *kernel = sizes_of(kernels_shape, layout.kernels)
    if "C" not in layout.word or layout.each_channel or kernel[-1] * groups == image[-1]:
        return text
    four_axes = has_images and has_kernels
    if layout.word == "NHWC" and four_axes and images_shape[1] == kernels_shape[1] * groups:
        return f"{text}; if channels come before rows and columns, as torch has them, say layout='NCHW'"
    if not has_kernels:
        n_channels = image[-1]
        if layout.n_axes != 2:
            return text
        return (
            f"{text}; a bank (K, kh, kw) for every channel is banks.per_channel(kernels, {n_channels}) with "
            f"groups={n_channels}, for the sum over the channels banks.over_channels(kernels, {n_channels})"
        )
    return text
