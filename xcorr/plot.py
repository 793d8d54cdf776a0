"""Pictures of images, kernels, windows and responses, as plotly figures.

They need the extra ``plot``: ``pip install ".[plot]"`` in a checkout, or where xcorr is installed already
``pip install "xcorr[plot]"``. This module itself can be imported without it.

Every figure has one colour scale for what is to be compared: responses and kernels from blue below zero over white at
zero to red above it, differences from violet to orange, images of one channel from black to white, images of three
channels in their own colours. Kernels of a bank are compared in shape: each is drawn by its own largest tap. Rows go
downwards and pixels are square. What is not finite stands out in yellow (NaN), green (inf) or pink (-inf), and the
facet's title counts it. Pointing at a pixel shows its row, column and value. Of large arrays squares of pixels are
drawn as one, and the title says so: of images the mean, of everything else the value farthest from zero.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from xcorr._axes import make_geometry
from xcorr._banks.arguments import read_flag
from xcorr._figures.arguments import (
    in_order,
    layout_beside,
    read_compared_axes,
    read_names,
    read_sizes,
    read_title,
    single_layout,
    take_real,
)
from xcorr._figures.boxes import Boxes, read_peaks
from xcorr._figures.differences import difference, difference_text
from xcorr._figures.facets import Facet, Sheet, draw, draw_windows, need_plotly
from xcorr._figures.words import counted, first_rows_and_columns, normalized, parts_of
from xcorr._foreign import shown
from xcorr._layouts import axes_of, read_layout, sizes_of
from xcorr._reading import read_pair, read_picture_layout, read_shape, whole_number
from xcorr._windows import windows as gather_windows
from xcorr.banks import known_names

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

__all__ = ["bank", "compare", "matches", "responses", "windows"]

Array = npt.NDArray[Any]

MOST_TAPS = 100_000
"""Pixels that the windows of a figure may have."""


def responses(
    images: npt.ArrayLike,
    responses: npt.ArrayLike,
    *,
    layout: str | None = None,
    names: Sequence[str] | None = None,
    title: str | None = None,
    max_facets: int = 48,
    width: int = 960,
) -> Figure:
    """Every image beside its responses.

    Parameters
    ----------
    images : array_like of real numbers
        One image or a batch, as `xcorr.correlate` takes them. Three channels are drawn as red, green and blue: uint8 as
        it is, other dtypes from 0 to 1, or from the lowest to the highest value if there are others. Of any other
        number of channels each is drawn by itself.
    responses : array_like of real numbers
        What `xcorr.correlate` returned for them, of any padding and stride.
    layout : {"NHWC", "NCHW", "NHW"}, optional
        The images' axes, as for `xcorr.correlate`. Without it, 4-D images are NHWC and 2-D ones NHW; 3-D images are NHW
        beside 4-D responses and NHWC beside 2-D ones.
    names : sequence of str, optional
        One name for each kernel; by default they are numbered.
    title : str, optional
        In place of one that counts images and kernels.
    max_facets : int
        How many pictures there may be, at least 1. The title says how many are left out.
    width : int
        How wide the figure may be in pixels, at least 200. What does not fit goes to the next line.

    Returns
    -------
    plotly.graph_objects.Figure

    Raises
    ------
    ModuleNotFoundError
        If plotly is not installed.
    TypeError, ValueError
        If an argument is not allowed.

    Examples
    --------
    >>> import xcorr, xcorr.plot
    >>> digits = xcorr.datasets.load_digits_sample().images[:3]
    >>> edges = xcorr.correlate(digits, [[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]], layout="NHW")
    >>> xcorr.plot.responses(digits, edges, layout="NHW").show()  # doctest: +SKIP
    """
    need_plotly()
    image_array, response_array = take_real(images, "images"), take_real(responses, "responses")
    word = layout_beside(image_array.shape, response_array.shape, read_picture_layout(layout))
    has_images = image_array.ndim == len(word)
    has_kernels = response_array.ndim == 3 + has_images
    axes = read_layout(image_array.shape, (1,) * (len(word) - 1 + has_kernels), word)
    if response_array.ndim != 2 + has_images + has_kernels:
        raise ValueError(
            f"responses: shape {response_array.shape} does not go with images of shape {image_array.shape} in layout "
            f"{word!r}; allowed are {2 + has_images} axes, or {3 + has_images} with kernels"
        )
    batch = in_order(image_array, axes.images, "images")
    planes = in_order(response_array, axes.response, "responses")
    if len(planes) != len(batch):
        raise ValueError(
            f"responses: shape {response_array.shape} is not for the {len(batch)} images; allowed is one each"
        )
    n_kernels = planes.shape[3]
    kernel_names = read_names(names, n_kernels, "kernel", numbered=has_kernels)
    channels = parts_of(batch.shape[3])

    def facets() -> Iterator[Facet]:
        for index, image in enumerate(batch):
            name = f"image {index}" if has_images else "image"
            for suffix, part in channels:
                yield Facet(name + suffix, image[..., part], "image" if image[..., part].ndim == 2 else "colour")
            for kernel, kernel_name in enumerate(kernel_names):
                yield Facet(kernel_name, planes[index, :, :, kernel], "signed")

    group = len(channels) + n_kernels
    heading = f"{counted(len(batch), 'image')} and the responses of {counted(n_kernels, 'kernel')}"
    words = {"image": "images", "signed": "responses"}
    heading = read_title(title, heading)
    return draw(Sheet(heading, facets(), len(batch) * group, group, *read_sizes(max_facets, width), words))


def bank(
    kernels: npt.ArrayLike,
    *,
    layout: str | None = None,
    normalize: bool = True,
    names: Sequence[str] | None = None,
    title: str | None = None,
    max_facets: int = 48,
    width: int = 960,
) -> Figure:
    """Every kernel of a bank, each channel by itself.

    Parameters
    ----------
    kernels : array_like of real numbers
        One kernel or a bank, as `xcorr.correlate` takes them.
    layout : {"NHWC", "NCHW", "NHW"}, optional
        The images' axes, as for `xcorr.correlate`: kernels have the same with N read as K. Without it, 4-D kernels are
        (K, kh, kw, C), 3-D ones (K, kh, kw) and 2-D ones (kh, kw); one kernel with channels needs it.
    normalize : bool
        Draw the kernels of a bank by the largest of their own taps, in magnitude, so that small taps of wide kernels
        are seen as well; the channels of a kernel stay together. Pointing at a tap shows its part and what that is of.
        Without, all kernels have one scale.
    names : sequence of str, optional
        One name for each kernel. By default those of `xcorr.banks.names`, if the kernels are a bank of
        `xcorr.banks.BANKS` as it comes; others are numbered.
    title : str, optional
        In place of one that counts kernels.
    max_facets, width
        As for `responses`.

    Returns
    -------
    plotly.graph_objects.Figure

    Raises
    ------
    ModuleNotFoundError
        If plotly is not installed.
    TypeError, ValueError
        If an argument is not allowed.

    Examples
    --------
    >>> import xcorr, xcorr.plot
    >>> xcorr.plot.bank(xcorr.banks.gabor()).show()  # doctest: +SKIP
    >>> fine = xcorr.banks.gabor(15, wavelengths=[4, 8], orientations=6)
    >>> names = xcorr.banks.names("gabor", size=15, wavelengths=[4, 8], orientations=6)
    >>> xcorr.plot.bank(fine, names=names).show()  # doctest: +SKIP
    """
    need_plotly()
    array = take_real(kernels, "kernels")
    word = read_picture_layout(layout) or ("NHW" if array.ndim == 3 else single_layout(array, "kernels", "", ""))
    axes = read_layout((1,) * len(word), array.shape, word).kernels
    ordered = in_order(array, axes, "kernels")
    n_kernels, height, width_of_kernel, n_channels = ordered.shape
    has_own_scales = read_flag("normalize", normalize) and n_kernels > 1
    known = known_names(array) if names is None else None
    kernel_names = read_names(names if known is None else known, n_kernels, "kernel", numbered=axes[0] >= 0)

    def facets() -> Iterator[Facet]:
        for kernel, name in zip(ordered, kernel_names, strict=True):
            taps, unit = normalized(kernel) if has_own_scales else (kernel, None)
            for channel in range(n_channels):
                suffix = f", channel {channel}" if n_channels > 1 else ""
                yield Facet(name + suffix, taps[..., channel], "signed", unit)

    size = f"{height}x{width_of_kernel}" + (f"x{n_channels}" if n_channels > 1 else "")
    heading = read_title(title, f"{counted(n_kernels, 'kernel')} of {size}")
    words = {"signed": "taps, each kernel's largest as 1" if has_own_scales else "taps"}
    return draw(Sheet(heading, facets(), n_kernels * n_channels, n_channels, *read_sizes(max_facets, width), words))


def matches(
    images: npt.ArrayLike,
    peaks: Array,
    templates: npt.ArrayLike,
    *,
    layout: str | None = None,
    names: Sequence[str] | None = None,
    title: str | None = None,
    max_facets: int = 48,
    width: int = 960,
) -> Figure:
    """Every image with a box where a template was found, and the score over it.

    Parameters
    ----------
    images : array_like of real numbers
        One image or a batch, drawn as by `responses`.
    peaks : ndarray of records
        What `xcorr.Peaks` gave for the responses of these images and templates, without padding and stride: of any
        number for each template, or for each image.
    templates : array_like of real numbers
        The kernels that were looked for. Only their shape counts.
    layout : {"NHWC", "NCHW", "NHW"}, optional
        The images' axes, as for `xcorr.correlate`.
    names : sequence of str, optional
        One name for each template; by default they are numbered.
    title : str, optional
        In place of one that counts what was found.
    max_facets, width
        As for `responses`.

    Returns
    -------
    plotly.graph_objects.Figure
        Boxes of one template have one colour.

    Raises
    ------
    ModuleNotFoundError
        If plotly is not installed.
    TypeError, ValueError
        If an argument is not allowed.

    Examples
    --------
    >>> import xcorr, xcorr.plot
    >>> digit = xcorr.datasets.load_digits_sample().images[0].astype(float)
    >>> template = digit[8:15, 9:16] - digit[8:15, 9:16].mean()
    >>> peaks = xcorr.Peaks(3, min_distance=7)(xcorr.correlate(digit, template))
    >>> xcorr.plot.matches(digit, peaks, template).show()  # doctest: +SKIP
    """
    need_plotly()
    image_array, template_array = take_real(images, "images"), take_real(templates, "templates")
    axes = read_layout(image_array.shape, template_array.shape, read_picture_layout(layout))
    batch = in_order(image_array, axes.images, "images")
    n_kernels, *size, _ = sizes_of(template_array.shape, axes.kernels)
    if axes.each_channel:
        n_kernels = batch.shape[3]
    has_images, has_kernels = axes.images[0] >= 0, axes.kernels[0] >= 0 or axes.each_channel
    found = read_peaks(peaks, len(batch) if has_images else None, n_kernels)
    template_names = read_names(names, n_kernels, "template", numbered=has_kernels)
    channels = parts_of(batch.shape[3])

    def facets() -> Iterator[Facet]:
        for index, (image, records) in enumerate(zip(batch, found, strict=True)):
            boxes = Boxes(records, (size[0], size[1]), template_names)
            for suffix, part in channels:
                name = (f"image {index}" if has_images else "image") + suffix
                scale = "image" if image[..., part].ndim == 2 else "colour"
                yield Facet(name, image[..., part], scale, boxes=boxes)

    heading = f"{counted(len(batch), 'image')}, {counted(sum(map(len, found)), 'place')} of "
    heading = read_title(title, heading + counted(n_kernels, "template"))
    n_facets, words = len(batch) * len(channels), {"image": "images"}
    return draw(Sheet(heading, facets(), n_facets, len(channels), *read_sizes(max_facets, width), words))


def windows(
    images: npt.ArrayLike,
    kernel_shape: tuple[int, ...],
    *,
    layout: str | None = None,
    stride: int | tuple[int, int] = 1,
    dilation: int | tuple[int, int] = 1,
    index: int = 0,
    title: str | None = None,
    max_facets: int = 900,
    width: int = 960,
) -> Figure:
    """The windows of an image, each at its place in the response.

    Parameters
    ----------
    images : array_like of real numbers
        One image or a batch, as `xcorr.windows` takes them. Three channels are drawn as red, green and blue, of any
        other number the first.
    kernel_shape : (kh, kw)
    layout, stride, dilation
        As for `xcorr.windows`.
    index : int
        Which image of a batch.
    title : str, optional
        In place of one that gives the sizes.
    max_facets : int
        How many windows there may be, at least 1: those of the first rows and columns, with 100 000 pixels at most. The
        title says if there are more.
    width : int
        How wide the figure may be in pixels, at least 200.

    Returns
    -------
    plotly.graph_objects.Figure

    Raises
    ------
    ModuleNotFoundError
        If plotly is not installed.
    IndexError
        If there is no image `index`.
    TypeError, ValueError
        If an argument is not allowed or the kernel is larger than the image.

    Examples
    --------
    >>> import xcorr, xcorr.plot
    >>> digit = xcorr.datasets.load_digits_sample().images[0]
    >>> xcorr.plot.windows(digit, (5, 5), stride=3).show()  # doctest: +SKIP
    """
    need_plotly()
    array = take_real(images, "images")
    word = read_picture_layout(layout) or single_layout(array, "images", "(N, H, W)", "one image (H, W, C)")
    axes = read_layout(array.shape, (1,) * len(word), word).images
    batch = in_order(array, axes, "images")
    number = whole_number(index, "index", 0, "an integer >= 0")
    if number >= len(batch):
        raise IndexError(f"index: got {shown(index)}; allowed is one below {len(batch)}, the number of images")
    kernel_height, kernel_width = kernel = read_shape(kernel_shape, "kernel_shape", (2,))
    strides, dilations = read_pair(stride, "stride"), read_pair(dilation, "dilation")
    _, height, image_width, n_channels = batch.shape
    geometry = make_geometry(
        (height, image_width, 1),
        (1, kernel_height, kernel_width, 1),
        stride=strides,
        dilation=dilations,
        operands=("images", "kernel_shape"),
    )
    most, most_width = read_sizes(max_facets, width)
    if prod(kernel) > MOST_TAPS:
        raise ValueError(f"kernel_shape: got {shown(kernel_shape)}; allowed are at most {MOST_TAPS} taps to draw")
    most = min(most, max(1, MOST_TAPS // prod(kernel)))
    outputs = geometry.outputs
    rows, columns = first_rows_and_columns(outputs[0], outputs[1], most)
    part = batch[number, : height - (outputs[0] - rows) * strides[0], :, : 3 if n_channels == 3 else 1]
    part = part[:, : image_width - (outputs[1] - columns) * strides[1]]
    taps = gather_windows(
        part[np.newaxis], (kernel_height, kernel_width), layout="NHWC", stride=strides, dilation=dilations
    )
    tiles = taps[0, :rows, :columns].reshape(rows, columns, *kernel, part.shape[2])
    first = f", channel 0 of {n_channels}" if n_channels not in (1, 3) else ""
    heading = f"Windows of {kernel_height}x{kernel_width} in an image of {height}x{image_width}{first}"
    heading = read_title(title, heading)
    if rows * columns < prod(outputs):
        heading += f" (first {rows}x{columns} of {outputs[0]}x{outputs[1]} shown)"
    return draw_windows(heading, tiles if n_channels == 3 else tiles[..., 0], most_width)


def compare(
    a: npt.ArrayLike,
    b: npt.ArrayLike,
    *,
    axes: str | None = None,
    names: Sequence[str] = ("a", "b"),
    title: str | None = None,
    max_facets: int = 48,
    width: int = 960,
) -> Figure:
    """Two arrays of responses side by side, and their difference.

    Both have one colour scale, differences another. The title gives the largest difference of all pixels, drawn or not,
    and how many pixels are finite in one of the two only, or not the same in what is not finite.

    Parameters
    ----------
    a, b : array_like of real numbers
        Of one shape.
    axes : {"HW", "NHW", "HWK", "KHW", "NHWK", "NKHW"}, optional
        The axes of both. Without it, 2-D arrays are HW and 4-D ones NHWK; 3-D arrays need it.
    names : sequence of str
        Two names.
    title : str, optional
        In place of the names; the largest difference is added.
    max_facets, width
        As for `responses`.

    Returns
    -------
    plotly.graph_objects.Figure

    Raises
    ------
    ModuleNotFoundError
        If plotly is not installed.
    TypeError, ValueError
        If an argument is not allowed.

    Examples
    --------
    >>> import numpy as np
    >>> import xcorr.plot
    >>> xcorr.plot.compare(np.eye(3), np.ones((3, 3)), names=["eye", "ones"]).show()  # doctest: +SKIP
    """
    need_plotly()
    first, second = take_real(a, "a"), take_real(b, "b")
    if first.shape != second.shape:
        raise ValueError(f"b: got shape {second.shape}; allowed is that of a, {first.shape}")
    word = read_compared_axes(axes, first.shape)
    places = axes_of("NHWK", word)
    planes, others = in_order(first, places, "a"), in_order(second, places, "b")
    pair = read_names(names, 2, "", numbered=True)

    def facets() -> Iterator[Facet]:
        for index in np.ndindex(len(planes), planes.shape[3]):
            plane, other = (array[index[0], :, :, index[1]] for array in (planes, others))
            labels = (("N", f", image {index[0]}"), ("K", f", kernel {index[1]}"))
            label = "".join(text for letter, text in labels if letter in word)
            yield Facet(pair[0] + label, plane, "signed")
            yield Facet(pair[1] + label, other, "signed")
            yield Facet("difference", difference(plane, other), "difference")

    heading = f"{read_title(title, ' and '.join(pair))}: {difference_text(planes, others)}"
    words = {"signed": " and ".join(pair), "difference": "difference"}
    n_facets = 3 * len(planes) * planes.shape[3]
    return draw(Sheet(heading, facets(), n_facets, 3, *read_sizes(max_facets, width), words))
