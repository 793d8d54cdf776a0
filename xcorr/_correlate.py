"""The public verbs: validate, plan, run."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Any, SupportsIndex, overload

import numpy as np
import numpy.typing as npt

import xcorr._indices as _indices
from xcorr import _dispatch
from xcorr._arrays import copy_in_pieces, held, make_canonical, take_array
from xcorr._dtypes import check_element, named_dtype
from xcorr._engine import Recent, Repeat, repeated
from xcorr._geometry import (
    Geometry,
    check_not_empty,
    checked,
    make_geometry,
    read_array_shape,
    read_layout,
    read_layout_word,
    read_pair,
    read_shape,
    sizes_of,
)
from xcorr._plan import PLAIN, names_dtype, plan_for, read_settings
from xcorr._typing import (
    AnyArray,
    AnyElement,
    Array,
    Boundary,
    Fill,
    Inexact,
    Keywords,
    Layout,
    Method,
    Overflow,
    Padding,
    Pair,
    Precision,
    Whole,
)

if TYPE_CHECKING:
    from typing_extensions import Unpack

RECENT_CALLS = 8
_recent: list[Recent] = []

UNCHANGING = PLAIN | {float, complex, _dispatch.Level}
"""Types of words whose objects do not change."""


@overload
def correlate(
    images: npt.ArrayLike,
    kernels: npt.ArrayLike,
    *,
    out: AnyArray,
    dtype: npt.DTypeLike | None = None,
    **keywords: Unpack[Keywords],
) -> AnyArray: ...
@overload
def correlate(
    images: npt.ArrayLike,
    kernels: npt.ArrayLike,
    *,
    dtype: type[AnyElement] | np.dtype[AnyElement],
    out: None = None,
    **keywords: Unpack[Keywords],
) -> npt.NDArray[AnyElement]: ...
@overload
def correlate(
    images: npt.NDArray[Inexact],
    kernels: npt.NDArray[Inexact],
    *,
    dtype: None = None,
    out: None = None,
    **keywords: Unpack[Keywords],
) -> npt.NDArray[Inexact]: ...
@overload
def correlate(
    images: Whole, kernels: Whole, *, dtype: None = None, out: None = None, **keywords: Unpack[Keywords]
) -> npt.NDArray[np.int64]: ...
@overload
def correlate(
    images: npt.ArrayLike,
    kernels: npt.ArrayLike,
    *,
    dtype: npt.DTypeLike | None = None,
    out: Array | None = None,
    **keywords: Unpack[Keywords],
) -> Array: ...
def correlate(
    images: npt.ArrayLike,
    kernels: npt.ArrayLike,
    *,
    layout: Layout | None = None,
    padding: Padding = "valid",
    boundary: Boundary = "constant",
    fill_value: Fill = 0,
    stride: Pair = 1,
    dilation: Pair = 1,
    groups: SupportsIndex = 1,
    bias: npt.ArrayLike | None = None,
    conjugate: bool = True,
    method: Method = "auto",
    precision: Precision = "standard",
    overflow: Overflow = "raise",
    dtype: npt.DTypeLike | None = None,
    out: Array | None = None,
    workers: SupportsIndex | None = None,
) -> Array:
    """Cross-correlate a batch of images with a bank of kernels.

    Parameters
    ----------
    images : array_like
        One image or a batch: (N, H, W, C), (N, C, H, W) or (N, H, W) by `layout`, or without the first axis. Anything
        with ``__array__``, the buffer protocol or a CPU ``__dlpack__``; any strides and byte order; bool, integers up
        to 64 bits, float16, float32, float64, complex64 or complex128.
    kernels : array_like
        One kernel or a bank: (K, kh, kw, C), (K, C, kh, kw) or (K, kh, kw) by `layout`, or without the first axis.
        With `groups`, C is the number of channels of one group. A plane (kh, kw) with images that have channels is
        correlated with every channel by itself.
    layout : {None, "NHWC", "NCHW", "NHW"}
        The axes of the images; the kernels' are the same with N read as K. None reads a 4-D operand as NHWC and 2-D
        images as NHW; 3-D images (a stack, or a photograph?) with kernels of two or three axes are ambiguous.
    padding : {"valid", "same", "full"}, int, (rows, columns) or ((top, bottom), (left, right))
        What is added around the images, in pixels. "same" gives ceil(H / stride) rows, the smaller half first; "full"
        adds the kernel's effective size less one on each side.
    boundary : {"constant", "edge", "reflect", "symmetric", "wrap"} or (rows, columns)
        What the padding holds, by `numpy.pad`'s names, at any width; of a pair the first word is for the rows above and
        below. ``("edge", "wrap")`` suits a map whose longitudes go around.
    fill_value : scalar or array_like, (C,)
        The value of the constant padding, or one for each channel, that the images' dtype has.
    stride, dilation : int or (rows, columns)
        The sampling interval between windows; the distance between the taps of a kernel. In pixels, at least 1.
    groups : int
        The channels and the kernels fall into that many groups, in order; a kernel sees its own group's channels.
    bias : array_like, optional
        (K,), or a scalar for a single kernel; added to the response.
    conjugate : bool
        Whether complex kernels are conjugated.
    method : {"auto", "direct", "matmul", "fft", "winograd"}
        How it is computed. "auto" chooses by the sizes of one image and of the bank. "fft" goes through the frequency
        domain, for large kernels. "winograd" is for 3x3 kernels without stride, in floats and complex numbers whose
        sums have the response's precision.
    precision : {"standard", "strict"}
        "strict" takes only methods with the componentwise error bound of direct summation.
    overflow : {"raise", "saturate"}
        What an integer `dtype` does with sums that it does not hold. "saturate" rounds to nearest, ties to even, and
        brings sums into the type's range, as image libraries do; it allows an integer `dtype` for float operands, too,
        so that pictures give pictures.
    dtype : dtype_like, optional
        Of the response. By default integers give int64 and others `numpy.result_type`. Any float or complex type that
        is no lesser kind; any integer type for integers, with every value checked, or with ``overflow="saturate"``.
    out : ndarray, optional
        Where the response goes: of its exact shape and dtype. It may overlap an operand, at the cost of a copy.
    workers : int, optional
        Threads to use at most; -1 for all CPUs. By default what `get_workers` says.

    Returns
    -------
    ndarray
        The response: (N, rows, columns, K), or (N, K, rows, columns) for NCHW; without N for a single image and
        without K for a single kernel. Of a plane with every channel it has the images' axes. It is `out` if that was
        given.

    Raises
    ------
    TypeError
        If an operand is no array of numbers, or a keyword is of a wrong type.
    ValueError
        If shapes do not go together, a kernel is larger than the padded image, or a keyword's value is not allowed;
        with ``overflow="saturate"``, if a response is NaN; `out` is then as it was.
    OverflowError
        If an integer response does not fit its type; `out` is then as it was.
    MemoryError
        If the workspace would exceed 256 MiB.

    See Also
    --------
    convolve : The same with flipped kernels.
    Correlator : A bank that is prepared once for many calls.
    response_shape : Rows and columns of a response.

    Notes
    -----
    Without a flip of the kernels, and conjugated like `scipy.signal.correlate`::

        response[n, y, x, k] = bias[k] + sum over i, j, c of
            image[n, y*stride + i*dilation, x*stride + j*dilation, c] * conj(kernel[k, i, j, c])

    Integers are exact. For floats the error is at most ``(4 + 2 sqrt(n)) u S`` with n taps, unit roundoff u and S the
    sum of the magnitudes of the products ([1]_, chapter 4, for sums in blocks). By the method "winograd" it is at most
    16 u times the sum over channels of the largest pixel's magnitude in the response's 4x4 pixels times the sum of the
    kernel's magnitudes ([2]_ for the algorithm). By the method "fft" it is at most ``0.5 log2(points) u`` times the
    2-norm of a tile of `points` pixels around the window, at most 2048 by 2048, times that of the kernel; integers are
    transformed in float64 and rounded, where a bound proves that this is exact, and tiles that are not finite, or where
    some window's largest pixel is less than about a thousandth of the tile's in float32, are done directly. The bits of
    a response depend neither on the batch nor on the workers.

    References
    ----------
    .. [1] Higham, N. J., Accuracy and Stability of Numerical Algorithms, 2nd ed., SIAM, 2002.
    .. [2] Lavin, A., and Gray, S., Fast Algorithms for Convolutional Neural Networks, CVPR, 2016.

    Examples
    --------
    One kernel on one image:

    >>> import numpy as np
    >>> import xcorr
    >>> image = np.arange(12.0).reshape(3, 4)
    >>> xcorr.correlate(image, np.array([[1.0, 0.0], [0.0, -1.0]]))
    array([[-5., -5., -5.],
           [-5., -5., -5.]])
    >>> slope = np.array([[-1.0, 0.0, 1.0]])
    >>> xcorr.correlate(image, slope, padding="same", boundary="edge")
    array([[1., 2., 2., 1.],
           [1., 2., 2., 1.],
           [1., 2., 2., 1.]])

    A bank of eight kernels on a batch of colour images, every second row and column:

    >>> images, bank = np.ones((10, 32, 32, 3)), np.ones((8, 5, 5, 3))
    >>> xcorr.correlate(images, bank, stride=2, padding="same", bias=np.arange(8)).shape
    (10, 16, 16, 8)

    Integers do not wrap around:

    >>> white, box = np.full((3, 3), 255, np.uint8), np.ones((3, 3), np.uint8)
    >>> xcorr.correlate(white, box)
    array([[2295]])
    >>> xcorr.correlate(white, box, dtype=np.uint8)
    Traceback (most recent call last):
        ...
    OverflowError: ...
    >>> xcorr.correlate(white, box, dtype=np.uint8, overflow="saturate")
    array([[255]], dtype=uint8)

    A colour photograph, blurred channel by channel, stays one:

    >>> photograph = np.full((6, 8, 3), (200, 100, 50), np.uint8)
    >>> blur = np.full((3, 3), 1 / 9)
    >>> blurred = xcorr.correlate(
    ...     photograph, blur, layout="NHWC", padding="same", boundary="edge", dtype=np.uint8, overflow="saturate"
    ... )
    >>> blurred.shape, blurred[0, 0]
    ((6, 8, 3), array([200, 100,  50], dtype=uint8))
    """
    words = (layout, padding, boundary, stride, dilation, groups, conjugate, False, method, precision, overflow, dtype)
    return _run(images, kernels, words, fill_value, bias, out, workers)


@overload
def convolve(
    images: npt.ArrayLike,
    kernels: npt.ArrayLike,
    *,
    out: AnyArray,
    dtype: npt.DTypeLike | None = None,
    **keywords: Unpack[Keywords],
) -> AnyArray: ...
@overload
def convolve(
    images: npt.ArrayLike,
    kernels: npt.ArrayLike,
    *,
    dtype: type[AnyElement] | np.dtype[AnyElement],
    out: None = None,
    **keywords: Unpack[Keywords],
) -> npt.NDArray[AnyElement]: ...
@overload
def convolve(
    images: npt.NDArray[Inexact],
    kernels: npt.NDArray[Inexact],
    *,
    dtype: None = None,
    out: None = None,
    **keywords: Unpack[Keywords],
) -> npt.NDArray[Inexact]: ...
@overload
def convolve(
    images: Whole, kernels: Whole, *, dtype: None = None, out: None = None, **keywords: Unpack[Keywords]
) -> npt.NDArray[np.int64]: ...
@overload
def convolve(
    images: npt.ArrayLike,
    kernels: npt.ArrayLike,
    *,
    dtype: npt.DTypeLike | None = None,
    out: Array | None = None,
    **keywords: Unpack[Keywords],
) -> Array: ...
def convolve(
    images: npt.ArrayLike,
    kernels: npt.ArrayLike,
    *,
    layout: Layout | None = None,
    padding: Padding = "valid",
    boundary: Boundary = "constant",
    fill_value: Fill = 0,
    stride: Pair = 1,
    dilation: Pair = 1,
    groups: SupportsIndex = 1,
    bias: npt.ArrayLike | None = None,
    conjugate: bool = True,
    method: Method = "auto",
    precision: Precision = "standard",
    overflow: Overflow = "raise",
    dtype: npt.DTypeLike | None = None,
    out: Array | None = None,
    workers: SupportsIndex | None = None,
) -> Array:
    """Convolve a batch of images with a bank of kernels: `correlate` with the kernels flipped in both directions.

    Parameters
    ----------
    images, kernels
        As for `correlate`.
    layout, padding, boundary, fill_value, stride, dilation, groups, bias
        As for `correlate`; the padding is that of the correlation with the flipped kernels.
    conjugate : bool
        Without effect, so that both functions take the same keywords: a convolution never conjugates.
    method, precision, overflow, dtype, out, workers
        As for `correlate`.

    Returns
    -------
    ndarray
        The response, as of `correlate`.

    Raises
    ------
    TypeError, ValueError, OverflowError, MemoryError
        As `correlate`.

    See Also
    --------
    correlate : The same without the flip.

    Notes
    -----
    The kernels are flipped and not conjugated, like `scipy.signal.convolve`'s::

        response[n, y, x, k] = bias[k] + sum over i, j, c of
            image[n, y*stride + (kh-1-i)*dilation, x*stride + (kw-1-j)*dilation, c] * kernel[k, i, j, c]

    Examples
    --------
    >>> import numpy as np
    >>> import xcorr
    >>> xcorr.convolve(np.array([[1.0, 2.0, 3.0]]), np.array([[1.0, 0.0]]), padding="full")
    array([[1., 2., 3., 0.]])
    >>> xcorr.correlate(np.array([[1.0, 2.0, 3.0]]), np.array([[1.0, 0.0]]), padding="full")
    array([[0., 1., 2., 3.]])
    """
    words = (layout, padding, boundary, stride, dilation, groups, conjugate, True, method, precision, overflow, dtype)
    return _run(images, kernels, words, fill_value, bias, out, workers)


def _run(
    images: Any, kernels: Any, words: tuple[Any, ...], fill_value: Any, bias: Any, out: Any, workers: Any
) -> Array:
    """Repeats a recent call where this is one again, else plans it; the second of equal small calls becomes recent."""
    may_repeat = bias is None and out is None and workers is None
    told = (*words, fill_value, _dispatch.current())
    if may_repeat and (response := repeated(_recent, images, kernels, told)) is not None:
        return response  # type: ignore[no-any-return]
    settings = read_settings(*words)
    image_array, _images_held = held(take_array(images, "images"))
    kernel_array, _kernels_held = held(take_array(kernels, "kernels"))
    plan = plan_for(settings, image_array.shape, image_array.dtype, kernel_array.shape, kernel_array.dtype)
    before = plan.small_bank
    bank = plan.bank(kernel_array, bias)
    if not may_repeat or before is None or bank is not before[1] or not all(map(is_unchanging, told)):
        return plan.run(image_array, bank, fill_value, out, workers)
    repeats: list[Repeat] = []
    response = plan.run(image_array, bank, fill_value, out, workers, repeats)
    for repeat in repeats:
        _recent[:] = [Recent(told, kernel_array, before[0], repeat), *_recent[: RECENT_CALLS - 1]]
    return response


def is_unchanging(word: Any) -> bool:
    """Whether a word means the same as long as it is the same object."""
    return type(word) in UNCHANGING or names_dtype(word)


def response_shape(
    image_shape: tuple[int, ...],
    kernel_shape: tuple[int, ...],
    *,
    padding: Padding = "valid",
    stride: Pair = 1,
    dilation: Pair = 1,
) -> tuple[int, int]:
    """Rows and columns of a response.

    Parameters
    ----------
    image_shape, kernel_shape : tuple of int
        (H, W) and (kh, kw), in pixels; a third number, the channels, is allowed.
    padding, stride, dilation
        As for `correlate`.

    Returns
    -------
    tuple of int
        (rows, columns): ``floor((H + top + bottom - e) / stride) + 1`` with the effective size
        ``e = (kh - 1) * dilation + 1``.

    Raises
    ------
    TypeError, ValueError
        If a shape or keyword is not allowed, or the kernel is larger than the padded image.

    See Also
    --------
    correlate : What has responses of this shape.

    Examples
    --------
    >>> import xcorr
    >>> xcorr.response_shape((28, 28), (3, 3))
    (26, 26)
    >>> xcorr.response_shape((28, 28), (3, 3), padding="same", stride=3)
    (10, 10)
    """
    image = read_shape(image_shape, "image_shape", (2, 3))
    kernel = read_shape(kernel_shape, "kernel_shape", (2, 3))
    geometry = make_geometry(
        (image[0], image[1], 1),
        (1, kernel[0], kernel[1], 1),
        padding=padding,
        stride=stride,
        dilation=dilation,
        operands=("image_shape", "kernel_shape"),
    )
    return geometry.rows, geometry.columns


def choose_method(
    image_shape: tuple[int, ...],
    kernels_shape: tuple[int, ...],
    *,
    dtype: npt.DTypeLike = np.float32,
    layout: Layout | None = None,
    padding: Padding = "valid",
    boundary: Boundary = "constant",
    stride: Pair = 1,
    dilation: Pair = 1,
    groups: SupportsIndex = 1,
    conjugate: bool = True,
    method: Method = "auto",
    precision: Precision = "standard",
) -> str:
    """The method that `correlate` would take for operands of these shapes.

    Parameters
    ----------
    image_shape, kernels_shape : tuple of int
        Shapes of the operands, as `correlate` takes them.
    dtype : dtype_like
        Of both operands.
    layout, padding, boundary, stride, dilation, groups, conjugate, method, precision
        As for `correlate`.

    Returns
    -------
    str
        ``"direct"``, ``"matmul"``, ``"fft"`` or ``"winograd"``.

    Raises
    ------
    TypeError, ValueError
        As `correlate`.

    See Also
    --------
    Correlator.explain : More of what a call would do.

    Examples
    --------
    >>> import xcorr
    >>> xcorr.choose_method((1000, 28, 28), (2, 3, 3), layout="NHW")
    'direct'
    >>> xcorr.choose_method((1000, 512, 512), (2, 63, 63), layout="NHW")
    'fft'
    >>> xcorr.choose_method((1000, 512, 512), (2, 63, 63), layout="NHW", precision="strict")
    'direct'
    """
    operand_dtype = named_dtype(dtype)
    check_element("dtype", operand_dtype)
    images, kernels = read_array_shape(image_shape, "image_shape"), read_array_shape(kernels_shape, "kernels_shape")
    settings = read_settings(
        layout, padding, boundary, stride, dilation, groups, conjugate, False, method, precision, "raise", None
    )
    return plan_for(settings, images, operand_dtype, kernels, operand_dtype).method


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
    return image[1], depth, (kernel[0], kernel[1]), (geometry.rows, geometry.columns)


def windows(
    images: npt.ArrayLike,
    kernel_shape: tuple[int, ...],
    *,
    layout: Layout | None = None,
    stride: Pair = 1,
    dilation: Pair = 1,
) -> Array:
    """Every window of every image, copied out: the gather that the other functions do without.

    It multiplies memory by the number of taps: the windows of 3x3 kernels take nine times the images. `correlate`
    needs none of that.

    Parameters
    ----------
    images : array_like
        One image or a batch. Without `layout`, 2-D is (H, W) and 4-D is (N, H, W, C); 3-D needs the layout.
    kernel_shape : tuple of int
        (kh, kw), in pixels.
    layout, stride, dilation
        As for `correlate`.

    Returns
    -------
    ndarray, (N, rows, columns, taps), or without N for a single image
        Of the images' dtype in native byte order; taps ordered by kernel row, kernel column, channel in every layout.

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
    kernel = read_shape(kernel_shape, "kernel_shape", (2,))
    if layout is None:
        if array.ndim == 3:
            raise ValueError(f"layout: images of shape {array.shape} need one: 'NHW', 'NHWC' or 'NCHW'")
        layout = "NHW" if array.ndim < 4 else "NHWC"
    read_layout_word(layout)
    axes = read_layout(array.shape, (1,) * len(layout), layout).images
    sizes = sizes_of(array.shape, axes)
    check_not_empty(array.shape, sizes[1:], "images")
    geometry = make_geometry(
        (sizes[1], sizes[2], sizes[3]),
        (1, kernel[0], kernel[1], sizes[3]),
        stride=stride,
        dilation=dilation,
        operands=("images", "kernel_shape"),
    )
    shape = (sizes[0], geometry.rows, geometry.columns, *kernel, sizes[3])
    checked(prod(shape) * array.itemsize, "images", "the windows' bytes")
    gathered = np.empty(shape, array.dtype.newbyteorder("="))
    copy_in_pieces(gathered, window_view(array, axes, shape, geometry))
    if gathered.dtype.kind == "b":
        make_canonical(gathered)
    gathered = gathered.reshape(*shape[:3], shape[3] * shape[4] * shape[5])
    result: Array = gathered if axes[0] >= 0 else gathered[0]
    return result


def window_view(array: Array, axes: tuple[int, ...], shape: tuple[int, ...], geometry: Geometry) -> Array:
    """(N, rows, columns, kh, kw, C) over the images' own memory."""
    strides = [array.strides[axis] if axis >= 0 else 0 for axis in axes]
    steps = (1, geometry.row_stride, geometry.column_stride, geometry.row_dilation, geometry.column_dilation, 1)
    axis_strides = (strides[0], strides[1], strides[2], strides[1], strides[2], strides[3])
    pitches = [
        step * stride if length > 1 else 0 for step, stride, length in zip(steps, axis_strides, shape, strict=True)
    ]
    return np.lib.stride_tricks.as_strided(array, shape, pitches, writeable=False)
