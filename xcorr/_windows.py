"""The notebook's way: indices of windows in an image, and the windows themselves."""

from math import prod
from typing import Any

import numpy as np
import numpy.typing as npt

import xcorr._indices as _indices
from xcorr._arrays import check_out, copy_in_pieces, held, in_order, take_array, take_fill
from xcorr._axes import make_geometry
from xcorr._dtypes import native
from xcorr._gradient_sizes import Keywords, of_one, with_windows
from xcorr._layouts import arranged, check_not_empty, counted, either, layout_of_images, read_layout, sizes_of
from xcorr._memory import empty
from xcorr._reading import LAYOUTS, axes_in, checked, read_layout_word, read_pair, read_shape, with_rows
from xcorr._respond import may_overlap
from xcorr._typing import Along, Array, Boundary, Fill, Layout, Padding, Pair
from xcorr._window_arrays import Strips, scatter
from xcorr._window_copies import gather


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
    padding: Padding = "valid",
    boundary: Boundary = "constant",
    fill_value: Fill = 0,
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
        (kh, kw), in pixels, or with the images' channels in the layout's order: (kh, kw, C) or (C, kh, kw). Of one
        spatial axis (kw,), of three (kd, kh, kw).
    layout, padding, boundary, fill_value, stride, dilation
        As for `correlate`.

    Returns
    -------
    ndarray, (N, rows, columns, taps), or without N for a single image
        Of the images' dtype in native byte order; taps ordered by kernel row, kernel column, channel in every layout.
        With one spatial axis (N, columns, taps), with three (N, planes, rows, columns, taps), the taps' planes first.

    Raises
    ------
    TypeError, ValueError
        If an argument is not allowed or the kernel is larger than the padded images.

    See Also
    --------
    fold : The adjoint: windows are added up to images.
    correlation_indices : Where the windows' pixels lie.
    numpy.lib.stride_tricks.sliding_window_view : A view of overlapping windows, without a copy.

    Examples
    --------
    >>> import numpy as np
    >>> import xcorr
    >>> xcorr.windows(np.arange(6.0).reshape(2, 3), (2, 2))
    array([[[0., 1., 3., 4.],
            [1., 2., 4., 5.]]])
    >>> xcorr.windows(np.array([[1, 2, 3]]), (1, 3), padding="same", boundary="edge")
    array([[[1, 1, 2],
            [1, 2, 3],
            [2, 3, 3]]])
    """
    array, _held = held(take_array(images, "images"))
    word = read_layout_word(layout) or layout_of_images(array.shape)
    places = read_layout(array.shape, (1,) * len(word), word).images
    n_images, *lengths, channels = sizes_of(array.shape, places)
    check_not_empty(array.shape, (*lengths, channels), "images")
    keywords = Keywords(word, padding, boundary, stride, dilation, 1)
    strips = strips_of((*lengths, channels), kernel_shape, word, keywords, "images")
    fill = take_fill(fill_value, array.dtype, strips.boundary[-axes_in(word) :], channels)
    shape = (n_images, *(axis.outputs for axis in strips.axes), strips.n_taps)
    checked(prod(shape) * array.itemsize, "images", "the windows' bytes")
    gathered = empty(shape, native(array.dtype))
    if gathered.size:
        gather(strips, in_order(array, places), gathered, np.array(fill, gathered.dtype))
    gathered = gathered.reshape(n_images, *shape[-axes_in(word) - 1 :])
    result: Array = gathered if places[0] >= 0 else gathered[0]
    return result


def fold(
    windows: npt.ArrayLike,
    image_shape: tuple[int, ...],
    kernel_shape: tuple[int, ...],
    *,
    layout: Layout | None = None,
    padding: Padding = "valid",
    boundary: Boundary = "constant",
    stride: Along = 1,
    dilation: Along = 1,
    out: Array | None = None,
) -> Array:
    """The adjoint of `windows`: each pixel is the sum of what all windows hold of it.

    Parameters
    ----------
    windows : array_like
        (N, rows, columns, taps) as `windows` gives them, or without N.
    image_shape : tuple of int
        The shape of one image, in the layout's order, with its channels.
    kernel_shape : tuple of int
        (kh, kw), or with the channels in the layout's order.
    layout
        As for `correlate`. Without it an image of two axes is (H, W), and windows of N images of three axes are of
        (H, W, C); of a single image of three axes the layout has to be said.
    padding, boundary, stride, dilation
        Those of the windows. What windows hold of the padding is added to the pixels that it is made of; that of
        constant padding is left out.
    out : ndarray, optional
        Where the images go: of their exact shape and dtype. It may overlap the windows, at the cost of a copy.

    Returns
    -------
    ndarray
        Of the images' shape; of the windows' dtype, int64 for integers. It is `out` if that was given.

    Raises
    ------
    TypeError, ValueError
        If an argument is not allowed, or shapes do not go together.
    OverflowError
        If a sum of integers does not fit int64; `out` is then as it was.
    MemoryError
        If the workspace would exceed 256 MiB.

    See Also
    --------
    windows : What this is the adjoint of.
    gradient_images : The adjoint of a correlation, without an array of windows.

    Notes
    -----
    Not the inverse: a pixel that is in m windows comes back m times. Divided by ``fold(windows(ones))`` it is a mean
    over the windows, as patches are put together again after each was changed. Errors are within
    ``(4 + 2 sqrt(n)) u`` of the sum of n magnitudes; the bits depend on neither workers nor batch.

    Examples
    --------
    >>> import numpy as np
    >>> import xcorr
    >>> image = np.array([[1.0, 2.0, 4.0]])
    >>> xcorr.fold(xcorr.windows(image, (1, 2)), (1, 3), (1, 2))
    array([[1., 4., 4.]])

    Patches that are changed and put together:

    >>> photograph = xcorr.datasets.load_colour_sample().images[0] / 255.0
    >>> how = {"layout": "NHWC", "stride": 4}
    >>> patches = xcorr.windows(photograph, (8, 8), **how)
    >>> times = xcorr.fold(np.ones_like(patches), photograph.shape, (8, 8), **how)
    >>> whole = xcorr.fold(patches, photograph.shape, (8, 8), **how) / times
    >>> bool(np.allclose(whole, photograph))
    True
    """
    array, _held = held(take_array(windows, "windows"))
    image = read_shape(image_shape, "image_shape", tuple(range(1, 5)))
    word = read_layout_word(layout) or word_of_windows(array.shape, image)
    n_axes = axes_in(word)
    if array.ndim not in (n_axes + 1, n_axes + 2):
        raise ValueError(
            f"windows: shape {array.shape} has {counted(array.ndim)}; allowed with layout {word!r} are {n_axes + 2}, "
            f"as windows() gives them, or {n_axes + 1} without N"
        )
    places = read_layout((1,) * (len(word) - 1 + (array.ndim == n_axes + 2)), (1,) * len(word), word).images
    lengths, channels = of_one(image, "image_shape", word, False)
    keywords = Keywords(word, padding, boundary, stride, dilation, 1)
    strips = strips_of((*lengths, channels), kernel_shape, word, keywords, "image_shape")
    own = array if places[0] >= 0 else array[np.newaxis]
    shape = (*(axis.outputs for axis in strips.axes[-n_axes:]), strips.n_taps)
    if own.shape[1:] != shape:
        raise ValueError(
            f"windows: shape {array.shape}; those of images {image} with kernel_shape {tuple(kernel_shape)} are "
            f"{'(N, ' if places[0] >= 0 else '('}{', '.join(map(str, shape))}), layout {word!r}"
        )
    dtype = np.dtype(np.int64) if array.dtype.kind in "biu" else native(array.dtype)
    wanted = arranged((len(own), *lengths, channels), places)
    checked(prod(wanted) * dtype.itemsize, "image_shape", "the images' bytes")
    target, _target_held = (None, []) if out is None else check_out(out, wanted, dtype)
    stores = target is not None and dtype.kind != "i" and not may_overlap(target, array)
    result: Array = empty(wanted, dtype) if target is None or not stores else target
    if result.size:
        own = own if n_axes > 1 else np.expand_dims(own, 1)
        scatter(strips, own, in_order(result, places))
    if target is None:
        return result
    if result is not target:
        copy_in_pieces(target, result)
    returned: Array = out  # type: ignore[assignment]
    return returned


def strips_of(image: tuple[int, ...], kernel_shape: Any, word: str, keywords: Keywords, argument: str) -> Strips:
    """The axes of one image (lengths..., channels) with windows of a kernel, whose shape may lack the channels."""
    n_axes, channels = axes_in(word), image[-1]
    kernel = read_shape(kernel_shape, "kernel_shape", (n_axes, n_axes + 1) if "C" in word else (n_axes,))
    taps = with_rows(kernel, 1)
    if len(kernel) > n_axes:
        taps, own = of_one(kernel, "kernel_shape", word, True)
        if own != channels:
            raise ValueError(f"kernel_shape: got {tuple(kernel_shape)}, of {own} channels; allowed are {channels}")
    geometry = make_geometry(
        image, (1, *taps, channels), **keywords.along(word), operands=(argument, "kernel_shape"), n_axes=n_axes
    )
    axes = tuple(with_windows(axis, axis.outputs) for axis in geometry.axes)
    return Strips(axes, keywords.boundaries(word), channels)


def word_of_windows(shape: tuple[int, ...], image: tuple[int, ...]) -> str:
    """The layout that windows and an image have by the numbers of their axes alone."""
    if len(image) == 2 and len(shape) in (3, 4):
        return "NHW"
    if len(image) == 3 and len(shape) == 4:
        return "NHWC"
    operands = f"windows of shape {shape} and image_shape {image}"
    found = [
        f"layout={word!r}"
        for word in LAYOUTS
        if len(image) == len(word) - 1 and len(shape) in (axes_in(word) + 1, axes_in(word) + 2)
    ]
    if not found:
        raise ValueError(
            f"image_shape: no layout has {operands}; allowed are windows (N, rows, columns, taps) of (H, W)"
        )
    raise ValueError(f"layout: {operands} can be read with {either(found)}; say which")
