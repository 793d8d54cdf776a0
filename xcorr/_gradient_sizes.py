"""The sizes of a gradient: which correlation it is the adjoint of, from shapes and keywords alone."""

from collections.abc import Sequence
from math import prod
from typing import Any, NamedTuple

from xcorr._axes import Axis, Geometry, axis_padding, make_geometry
from xcorr._cache import remembered
from xcorr._foreign import shown
from xcorr._layouts import Layout, arranged, counted, either, groups_of, read_layout, response_word, sizes_of
from xcorr._reading import (
    LAYOUTS,
    axes_in,
    checked,
    is_sequence,
    items_of,
    read_along,
    read_boundary,
    read_layout_word,
    read_padding,
    read_shape,
    spatial,
    whole_number,
    with_rows,
)
from xcorr._settings import read_groups

Shape = tuple[int, ...]

SIZES = 64
"""Sizes that are remembered: to find them takes 0.1 ms."""


class Sizes(NamedTuple):
    """The correlation of which a gradient is the adjoint; its axes have as many windows as there are responses."""

    layout: Layout
    geometry: Geometry
    boundary: tuple[str, ...]  # of each axis
    n_images: int

    @property
    def axes(self) -> tuple[Axis, ...]:
        """The spatial axes."""
        return self.geometry.axes

    @property
    def lengths(self) -> Shape:
        """Pixels along each axis of an image."""
        return tuple(axis.length for axis in self.axes)

    @property
    def images_shape(self) -> Shape:
        """The images' shape, in the layout's order."""
        return arranged((self.n_images, *self.lengths, self.geometry.channels), self.layout.images)

    @property
    def kernels_shape(self) -> Shape:
        """The kernels' shape, in the layout's order."""
        n_kernels = 1 if self.layout.each_channel else self.geometry.n_kernels
        return arranged((n_kernels, *self.geometry.kernel_shape, self.geometry.depth), self.layout.kernels)

    @property
    def word(self) -> str:
        """The word for operands that have all axes and a row, channels in their place or last."""
        letters = "DHW"[-len(self.axes) :]
        return f"NC{letters}" if self.layout.word.startswith("NC") else f"N{letters}C"


class Keywords(NamedTuple):
    """The keywords of the correlation, as they are given."""

    layout: Any
    padding: Any
    boundary: Any
    stride: Any
    dilation: Any
    groups: Any

    def along(self, word: str) -> dict[str, Any]:
        """What is said along each axis; of a single one with a row beside it."""
        n_axes = axes_in(word)
        padding = read_padding(self.padding, n_axes)
        return {
            "padding": padding if isinstance(padding, str) else with_rows(padding, (0, 0)),
            "stride": with_rows(read_along(self.stride, "stride", n_axes), 1),
            "dilation": with_rows(read_along(self.dilation, "dilation", n_axes), 1),
        }

    def boundaries(self, word: str) -> tuple[str, ...]:
        """The boundary along each axis; of a single one with a row beside it."""
        return with_rows(read_boundary(self.boundary, axes_in(word)), "constant")


# --- of images --------------------------------------------------------------------------------------------------------


def sizes_of_images(
    responses: Shape, kernels: Shape, image_shape: Any, output_padding: Any, keywords: Keywords
) -> Sizes:
    """The sizes of a gradient of images, whose shape is given, or follows from that of the responses."""
    find = found_for_images if is_plain((image_shape, output_padding, *keywords)) else find_for_images
    return find(responses, kernels, image_shape, output_padding, keywords)


def find_for_images(
    responses: Shape, kernels: Shape, image_shape: Any, output_padding: Any, keywords: Keywords
) -> Sizes:
    """The same, from whatever objects the keywords are."""
    if image_shape is not None:
        image_shape = read_shape(image_shape, "image_shape", tuple(range(1, 5)))
    word = read_layout_word(keywords.layout) or word_of_images(responses, kernels, image_shape)
    n_axes, boundary = axes_in(word), keywords.boundaries(word)
    each_channel = "C" in word and len(kernels) == n_axes
    if len(kernels) not in (len(word), len(word) - 1) and not each_channel:
        planes = f", or {n_axes} for every channel by itself" if "C" in word else ""
        raise ValueError(
            f"kernels: shape {kernels} has {counted(len(kernels))}; layout {word!r} takes {len(word)}, "
            f"or {len(word) - 1} without the first{planes}"
        )
    has_kernels = each_channel or len(kernels) == len(word)
    has_images = reads_images(responses, word, has_kernels, "kernels")
    layout = read_layout((1,) * (len(word) - 1 + has_images), kernels, word)
    n_images, *outputs, n_kernels = sizes_of(responses, layout.response)
    own_kernels, *taps, depth = sizes_of(kernels, layout.kernels)
    check_not_empty(kernels, (*taps, depth), "kernels")
    check_not_empty(responses, outputs, "responses")
    if each_channel:
        check_not_empty(responses, (*outputs, n_kernels), "responses")
    n_groups = groups_of(layout, n_kernels, read_groups(keywords.groups))
    reading = reading_of(layout, has_images, responses=responses, kernels=kernels)
    if own_kernels != n_kernels and not each_channel:
        raise ValueError(f"responses: they are of {n_kernels} kernels; the kernels are {own_kernels}{reading}")
    bank = own_kernels if not each_channel else n_kernels, *taps, depth
    if image_shape is None:
        geometry = smallest_image(word, outputs, bank, n_groups, output_padding, keywords, reading)
    else:
        if read_ints(output_padding, "output_padding", n_axes, 0) != (0,) * n_axes:
            raise ValueError(
                f"output_padding: got {shown(output_padding)} beside an image_shape, which says all; allowed is 0"
            )
        lengths, channels = of_one(image_shape, "image_shape", word, False)
        reading = f"{reading}, image_shape {image_shape}"
        if each_channel and channels != n_kernels:
            raise ValueError(
                f"image_shape: it has {channels} channels; allowed are the {n_kernels} of the responses{reading}"
            )
        geometry = geometry_of(
            word, (*lengths, channels), bank, n_groups, keywords, ("image_shape", "kernels"), reading
        )
        check_responses(geometry, outputs, reading)
    checked(16 * n_images * prod(axis.length for axis in geometry.axes) * geometry.channels, "responses", "the bytes")
    return Sizes(layout, geometry, boundary, n_images)


found_for_images = remembered(SIZES)(find_for_images)


def smallest_image(
    word: str, outputs: Sequence[int], bank: Shape, groups: int, output_padding: Any, keywords: Keywords, reading: str
) -> Geometry:
    """The geometry of the smallest image that has so many windows, and of so many pixels more behind it.

    With "same" it is the image of stride times as many pixels.
    """
    n_kernels, *taps, depth = bank
    n_axes, words = axes_in(word), keywords.along(word)
    padding, strides, dilations = words["padding"], words["stride"], words["dilation"]
    more = with_rows(read_ints(output_padding, "output_padding", n_axes, 0), 0)
    if n_kernels % groups:
        raise ValueError(f"groups: {groups} does not divide the {n_kernels} kernels{reading}")
    axes = []
    for index, count in enumerate(outputs):
        axis = Axis(1, taps[index], 0, 0, strides[index], dilations[index])
        effective = checked(axis.effective, "dilation", "the kernel's effective size")
        if more[index] >= max(axis.stride, axis.dilation):
            raise ValueError(
                f"output_padding: got {shown(output_padding)}; allowed is less than the stride or the dilation, "
                f"{tuple(map(max, strides, dilations))[-n_axes:]}"
            )
        length = count * axis.stride
        before, behind = axis_padding(length, effective, axis.stride, padding, index)
        if padding != "same":
            length = max(1, (count - 1) * axis.stride + effective - before - behind)
        reach = {"stride": length, "dilation": effective, "padding": before + behind}
        checked(8 * (before + length + more[index] + behind), max(reach, key=reach.__getitem__), "the bytes of an axis")
        axis = axis._replace(length=length, before=before, behind=behind)
        if axis.padded < effective or axis.outputs != count:
            raise ValueError(
                f"responses: no image has {count} windows along an axis with a kernel of {effective}, padding "
                f"{(before, behind)} and stride {axis.stride}{reading}"
            )
        axes.append(with_windows(axis._replace(length=length + more[index]), count))
    return Geometry(tuple(axes), depth * groups, groups, n_kernels)


# --- of kernels -------------------------------------------------------------------------------------------------------


def sizes_of_kernels(images: Shape, responses: Shape, kernel_shape: Any, keywords: Keywords) -> Sizes:
    """The sizes of a gradient of kernels."""
    find = found_for_kernels if is_plain((kernel_shape, *keywords)) else find_for_kernels
    return find(images, responses, kernel_shape, keywords)


def find_for_kernels(images: Shape, responses: Shape, kernel_shape: Any, keywords: Keywords) -> Sizes:
    """The same, from whatever objects the keywords are."""
    kernel_shape = read_shape(kernel_shape, "kernel_shape", tuple(range(1, 5)))
    word = read_layout_word(keywords.layout) or word_of_kernels(images, responses, kernel_shape)
    n_axes, boundary = axes_in(word), keywords.boundaries(word)
    each_channel = "C" in word and len(kernel_shape) == n_axes
    if len(images) not in (len(word), len(word) - 1):
        raise ValueError(
            f"images: shape {images} has {counted(len(images))}; layout {word!r} takes {len(word)}, "
            f"or {len(word) - 1} without the first"
        )
    has_images = len(images) == len(word)
    counts = n_axes + has_images + 1, n_axes + has_images
    if len(responses) not in counts[: 1 if each_channel else 2]:
        with_kernels = response_word(word, has_images, True)
        allowed = f"({', '.join(with_kernels)})"
        if not each_channel:
            allowed += f" and ({', '.join(with_kernels.replace('K', ''))})"
        raise ValueError(
            f"responses: shape {responses} has {counted(len(responses))}; allowed with layout {word!r} and images of "
            f"shape {images} are {allowed}"
        )
    has_kernels = len(responses) == counts[0] and not each_channel
    kernels = (1,) * (n_axes if each_channel else len(word) - 1 + has_kernels)
    layout = read_layout(images, kernels, word)
    n_images, *lengths, channels = sizes_of(images, layout.images)
    of_responses, *outputs, n_kernels = sizes_of(responses, layout.response)
    check_not_empty(images, (*lengths, channels), "images")
    check_not_empty(responses, outputs, "responses")
    reading = reading_of(layout, has_images, images=images, responses=responses) + f", kernel_shape {kernel_shape}"
    taps, depth = (with_rows(kernel_shape, 1), 1) if each_channel else of_one(kernel_shape, "kernel_shape", word, True)
    n_groups = groups_of(layout, channels, read_groups(keywords.groups))
    if of_responses != n_images:
        raise ValueError(f"responses: they are of {of_responses} images; the images are {n_images}{reading}")
    if each_channel and n_kernels != channels:
        raise ValueError(f"responses: they have {n_kernels} channels; the images have {channels}{reading}")
    bank = n_kernels, *taps, depth
    geometry = geometry_of(word, (*lengths, channels), bank, n_groups, keywords, ("images", "kernel_shape"), reading)
    check_responses(geometry, outputs, reading)
    return Sizes(layout, geometry, boundary, n_images)


found_for_kernels = remembered(SIZES)(find_for_kernels)


# --- what both have in common -----------------------------------------------------------------------------------------


def is_plain(value: Any) -> bool:
    """Whether a value is made of whole numbers, words and tuples alone, so that equal ones say the same."""
    if type(value) is tuple:
        return all(map(is_plain, value))
    return value is None or type(value) in (int, str)


def check_not_empty(shape: Shape, sizes: Sequence[int], argument: str) -> None:
    """ValueError unless some axes of an operand have at least one element."""
    if any(size < 1 for size in sizes):
        raise ValueError(f"{argument}: shape {shape} has an axis of length 0; at least 1 is needed")


def geometry_of(
    word: str, image: Shape, bank: Shape, groups: int, keywords: Keywords, operands: tuple[str, str], reading: str
) -> Geometry:
    """The geometry of the correlation, with as much padding behind as its windows see."""
    along = keywords.along(word)
    geometry = make_geometry(
        image, bank, **along, groups=groups, operands=operands, reading=reading, n_axes=axes_in(word)
    )
    return geometry._replace(axes=tuple(with_windows(axis, axis.outputs) for axis in geometry.axes))


def with_windows(axis: Axis, count: int) -> Axis:
    """The axis with the padding behind, of either sign, with which it has so many windows and nothing behind them."""
    return axis._replace(behind=axis.reach(count) - axis.before - axis.length)


def check_responses(geometry: Geometry, outputs: Sequence[int], reading: str) -> None:
    """ValueError unless the responses are as many as there are windows."""
    windows = tuple(axis.outputs for axis in geometry.axes)
    if windows != tuple(outputs):
        raise ValueError(f"responses: they are {tuple(outputs)}; the correlation has {windows} windows{reading}")


def read_ints(value: Any, argument: str, n_axes: int, minimum: int) -> Shape:
    """An integer for all axes, or one for each."""
    allowed = f"an integer >= {minimum}" + (f" or {n_axes} of them, one for each axis" if n_axes > 1 else "")
    if not is_sequence(value):
        return (whole_number(value, argument, minimum, allowed),) * n_axes
    items = items_of(value, argument, n_axes, allowed)
    if len(items) != n_axes:
        raise ValueError(f"{argument}: got {shown(value)}; allowed is {allowed}")
    return tuple(whole_number(item, argument, minimum, allowed, value) for item in items)


def of_one(shape: Shape, argument: str, word: str, is_kernel: bool) -> tuple[Shape, int]:
    """The spatial lengths and the channels of one image or kernel, in the layout's order."""
    letters = word.replace("N", "")
    if len(shape) != len(letters):
        names = [{"H": "kh", "W": "kw", "D": "kd"}.get(letter, letter) if is_kernel else letter for letter in letters]
        raise ValueError(
            f"{argument}: got {shape}; allowed with layout {word!r} is ({', '.join(names)}), without "
            f"{'K' if is_kernel else 'N'}"
        )
    sizes = dict(zip(letters, shape, strict=True))
    return with_rows(tuple(sizes[letter] for letter in spatial(word)), 1), sizes.get("C", 1)


def reads_images(responses: Shape, word: str, has_kernels: bool, beside: str) -> bool:
    """Whether responses have an axis of images; ValueError if they have too few axes or too many."""
    own = [response_word(word, has_images, has_kernels) for has_images in (True, False)]
    if len(responses) not in map(len, own):
        allowed = " and ".join(f"({', '.join(letters)})" for letters in own)
        raise ValueError(
            f"responses: shape {responses} has {counted(len(responses))}; allowed with layout {word!r} and these "
            f"{beside} are {allowed}"
        )
    return len(responses) == len(own[0])


def reading_of(layout: Layout, has_images: bool, **operands: Shape) -> str:
    """Which axes of the operands were read as what, for errors about sizes."""
    has_kernels = layout.kernels[0] >= 0
    names = {"H": "kh", "W": "kw", "D": "kd"}
    kernels = layout.word.replace("N", "K" if has_kernels else "")
    words = {
        "images": layout.word if has_images else layout.word[1:],
        "kernels": spatial(layout.word) if layout.each_channel else kernels,
        "responses": response_word(layout.word, has_images, has_kernels or layout.each_channel),
    }
    said = []
    for name, shape in operands.items():
        letters = (names.get(letter, letter) if name == "kernels" else letter for letter in words[name])
        said.append(f"{name} ({', '.join(letters)}) are {shape}")
    return f" (layout {layout.word!r}: {', '.join(said)})"


# --- without a layout -------------------------------------------------------------------------------------------------


def word_of_images(responses: Shape, kernels: Shape, image_shape: Shape | None) -> str:
    """The layout that responses and kernels have by the numbers of their axes alone, as `correlate` reads these."""
    readings = [
        (word, n_images, len(kernels))
        for word in LAYOUTS
        for n_images in (len(word) - 1, len(word))
        if n_response_axes(word, n_images, len(kernels)) == len(responses)
        and (image_shape is None or len(image_shape) == len(word) - 1)
    ]
    argument, beside = ("responses", "") if image_shape is None else ("image_shape", f" and image_shape {image_shape}")
    return only_word(readings, f"responses of shape {responses} with kernels of shape {kernels}{beside}", argument)


def word_of_kernels(images: Shape, responses: Shape, kernel_shape: Shape) -> str:
    """The layout that images and responses have by the numbers of their axes alone, as `correlate` reads these."""
    readings = [
        (word, len(images), n_kernels)
        for word in LAYOUTS
        for n_kernels in (len(kernel_shape), len(kernel_shape) + 1)
        if n_response_axes(word, len(images), n_kernels) == len(responses)
        and (n_kernels == len(kernel_shape) or n_kernels == len(word))
    ]
    operands = f"images of shape {images} with responses of shape {responses} and kernel_shape {kernel_shape}"
    return only_word(readings, operands, "kernel_shape")


def default_word(n_images: int, n_kernels: int) -> str | None:
    """The layout of operands with so many axes; None where it has to be said."""
    if 4 in (n_images, n_kernels):
        return "NHWC" if n_images > 2 and n_kernels in (2, 3, 4) else None
    return "NHW" if n_images == 2 and n_kernels in (2, 3) else None


def n_response_axes(word: str, n_images: int, n_kernels: int) -> int:
    """Axes of a response to images and kernels of so many, -1 where a layout has no such operands."""
    n_axes = axes_in(word)
    each_channel = "C" in word and n_kernels == n_axes
    if n_images not in (len(word) - 1, len(word)) or not (each_channel or n_kernels in (len(word) - 1, len(word))):
        return -1
    return n_axes + (n_images == len(word)) + (each_channel or n_kernels == len(word))


def only_word(readings: list[tuple[str, int, int]], operands: str, argument: str) -> str:
    """The one word that is taken without being said, of those that images and kernels of so many axes may have."""
    taken = [word for word, *counts in readings if default_word(*counts) == word]
    if len(taken) == 1:
        return taken[0]
    words = dict.fromkeys(f"layout={word!r}" for word, *_ in readings)
    if not words:
        raise ValueError(f"{argument}: no layout has {operands}; allowed are numbers of axes that go together")
    raise ValueError(f"layout: {operands} can be read with {either([*words])}; say which")
