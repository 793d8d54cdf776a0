"""The notebook's way: indices of windows in an image, and the windows themselves."""

from math import prod
from typing import Any

import numpy as np
import numpy.typing as npt

import xcorr._indices as _indices
from xcorr._arrays import copy_in_pieces, held, make_canonical, take_array
from xcorr._axes import Axis, make_geometry
from xcorr._layouts import check_not_empty, read_layout, sizes_of
from xcorr._reading import LAYOUTS, axes_in, checked, read_along, read_layout_word, read_pair, read_shape, with_rows
from xcorr._typing import Along, Array, Layout, Pair


def window_index(
    image_shape: tuple[int, ...], kernel_shape: tuple[int, ...], *, dilation: Pair = 1
) -> npt.NDArray[np.intp]:
    """Flat indices of the first window's taps in an image.

    Parameters
    ----------
    image_shape : tuple of int
        (H, W) or (H, W, C), in pixels.
    kernel_shape : tuple of int
        (kh, kw) or (kh, kw, C).
    dilation
        As for `correlate`.

    Returns
    -------
    ndarray of intp, (taps,)
        Ordered by kernel row, kernel column, channel.

    Raises
    ------
    TypeError, ValueError
        If a shape is not allowed or the kernel is larger than the image.

    See Also
    --------
    correlation_indices : The same for every window.

    Examples
    --------
    >>> import xcorr
    >>> xcorr.window_index((28, 28), (3, 3)).tolist()
    [0, 1, 2, 28, 29, 30, 56, 57, 58]
    >>> xcorr.window_index((28, 28), (2, 2), dilation=3).tolist()
    [0, 3, 84, 87]
    """
    width, depth, kernel, _ = _flat_sizes(image_shape, kernel_shape, 1, dilation)
    index = np.empty(checked(kernel[0] * kernel[1] * depth, "kernel_shape", "the number of taps"), dtype=np.intp)
    _indices.window_index(width, depth, kernel, read_pair(dilation, "dilation"), index)
    return index


def correlation_indices(
    image_shape: tuple[int, ...], kernel_shape: tuple[int, ...], *, stride: Pair = 1, dilation: Pair = 1
) -> npt.NDArray[np.intp]:
    """Flat indices of every window's taps in an image: ``image.ravel()[indices] @ kernel.ravel()`` correlates.

    Parameters
    ----------
    image_shape : tuple of int
        (H, W) or (H, W, C), in pixels.
    kernel_shape : tuple of int
        (kh, kw) or (kh, kw, C).
    stride, dilation
        As for `correlate`.

    Returns
    -------
    ndarray of intp, (positions, taps)
        Positions row by row; taps ordered by kernel row, kernel column, channel. It takes 8 bytes for each.

    Raises
    ------
    TypeError, ValueError
        If a shape is not allowed or the kernel is larger than the image.

    See Also
    --------
    windows : The pixels themselves.
    correlate : The same responses without an array of indices.

    Examples
    --------
    >>> import numpy as np
    >>> import xcorr
    >>> xcorr.correlation_indices((32, 32, 3), (5, 5, 3)).shape
    (784, 75)
    >>> image, kernel = np.arange(20).reshape(4, 5), np.arange(6).reshape(2, 3)
    >>> indices = xcorr.correlation_indices(image.shape, kernel.shape)
    >>> np.array_equal(image.ravel()[indices] @ kernel.ravel(), xcorr.correlate(image, kernel).ravel())
    True
    """
    width, depth, _, positions = _flat_sizes(image_shape, kernel_shape, stride, dilation)
    window = window_index(image_shape, kernel_shape, dilation=dilation)
    n_positions = positions[0] * positions[1]
    checked(8 * n_positions * len(window), "image_shape", "the bytes of the indices")
    indices = np.empty((n_positions, len(window)), dtype=np.intp)
    strides = read_pair(stride, "stride")
    for row in range(positions[0]):
        of_row = indices[row * positions[1] : (row + 1) * positions[1]]
        _indices.correlation_indices(depth * strides[1], window + row * strides[0] * width * depth, of_row)
    return indices


def _flat_sizes(
    image_shape: Any, kernel_shape: Any, stride: Any, dilation: Any
) -> tuple[int, int, tuple[int, int], tuple[int, int]]:
    """Width and depth of the image, (kh, kw), and the (rows, columns) of positions."""
    image = read_shape(image_shape, "image_shape", (2, 3))
    kernel = read_shape(kernel_shape, "kernel_shape", (2, 3))
    if len(image) != len(kernel) and (len(kernel) > len(image) or image[2] != 1):
        raise ValueError(f"kernel_shape: got {kernel} for an image of shape {image}; allowed are as many axes")
    depth = image[2] if len(image) == 3 else 1
    channels = kernel[2] if len(kernel) == 3 else 1
    geometry = make_geometry(
        (image[0], image[1], depth),
        (1, kernel[0], kernel[1], channels),
        stride=stride,
        dilation=dilation,
        operands=("image_shape", "kernel_shape"),
    )
    checked(image[0] * image[1] * depth, "image_shape", "the number of pixels")
    rows, columns = geometry.outputs
    return image[1], depth, (kernel[0], kernel[1]), (rows, columns)


def windows(
    images: npt.ArrayLike,
    kernel_shape: tuple[int, ...],
    *,
    layout: Layout | None = None,
    stride: Along = 1,
    dilation: Along = 1,
) -> Array:
    """Every window of every image, copied out: the gather that the other functions do without.

    It multiplies memory by the number of taps: the windows of 3x3 kernels take nine times the images. `correlate`
    needs none of that.

    Parameters
    ----------
    images : array_like
        One image or a batch. Without `layout`, 2-D is (H, W) and 4-D is (N, H, W, C); 3-D needs the layout.
    kernel_shape : tuple of int
        (kh, kw), in pixels; of one spatial axis (kw,), of three (kd, kh, kw).
    layout, stride, dilation
        As for `correlate`.

    Returns
    -------
    ndarray, (N, rows, columns, taps), or without N for a single image
        Of the images' dtype in native byte order; taps ordered by kernel row, kernel column, channel in every layout.
        With one spatial axis (N, columns, taps), with three (N, planes, rows, columns, taps), the taps' planes first.

    Raises
    ------
    TypeError, ValueError
        If an argument is not allowed or the kernel is larger than the images.

    See Also
    --------
    correlation_indices : Where the windows' pixels lie.
    numpy.lib.stride_tricks.sliding_window_view : A view of overlapping windows, without a copy.

    Examples
    --------
    >>> import numpy as np
    >>> import xcorr
    >>> xcorr.windows(np.arange(6.0).reshape(2, 3), (2, 2))
    array([[[0., 1., 3., 4.],
            [1., 2., 4., 5.]]])
    """
    array, _held = held(take_array(images, "images"))
    read_layout_word(layout)
    if layout is None:
        if array.ndim not in (2, 4):
            ways = ", ".join(repr(word) for word in LAYOUTS if array.ndim in (len(word), len(word) - 1))
            raise ValueError(f"layout: images of shape {array.shape} need one: {ways or 'of 1 to 5 axes'}")
        layout = "NHW" if array.ndim < 4 else "NHWC"
    n_axes = axes_in(layout)
    kernel = with_rows(read_shape(kernel_shape, "kernel_shape", (n_axes,)), 1)
    axes = read_layout(array.shape, (1,) * len(layout), layout).images
    sizes = sizes_of(array.shape, axes)
    check_not_empty(array.shape, sizes[1:], "images")
    geometry = make_geometry(
        sizes[1:],
        (1, *kernel, sizes[-1]),
        stride=with_rows(read_along(stride, "stride", n_axes), 1),
        dilation=with_rows(read_along(dilation, "dilation", n_axes), 1),
        operands=("images", "kernel_shape"),
        n_axes=n_axes,
    )
    outputs = tuple(axis.outputs for axis in geometry.axes)
    shape = (sizes[0], *outputs, *kernel, sizes[-1])
    checked(prod(shape) * array.itemsize, "images", "the windows' bytes")
    gathered = np.empty(shape, array.dtype.newbyteorder("="))
    copy_in_pieces(gathered, window_view(array, axes, shape, geometry.axes))
    if gathered.dtype.kind == "b":
        make_canonical(gathered)
    gathered = gathered.reshape(sizes[0], *outputs[-n_axes:], prod(kernel) * sizes[-1])
    result: Array = gathered if axes[0] >= 0 else gathered[0]
    return result


def window_view(array: Array, places: tuple[int, ...], shape: tuple[int, ...], axes: tuple[Axis, ...]) -> Array:
    """(N, rows, columns, kh, kw, C) over the images' own memory, whose axes are at `places`."""
    image, *spatial, channel = (array.strides[place] if place >= 0 else 0 for place in places)
    between = [axis.stride * pitch for axis, pitch in zip(axes, spatial, strict=True)]
    inside = [axis.dilation * pitch for axis, pitch in zip(axes, spatial, strict=True)]
    pitches = (image, *between, *inside, channel)
    apart = [pitch if length > 1 else 0 for pitch, length in zip(pitches, shape, strict=True)]
    return np.lib.stride_tricks.as_strided(array, shape, apart, writeable=False)
