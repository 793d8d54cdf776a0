"""The adjoints of a correlation: what the images, and what the kernels, contribute to its responses."""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from typing import Any, SupportsIndex

import numpy.typing as npt

from xcorr import _gradient_images, _gradient_kernels, _workers
from xcorr._arrays import check_out, copy_in_pieces, held, take_array
from xcorr._dtypes import Types, choose_types, integer_range, read_dtype
from xcorr._gradient_sizes import Keywords, sizes_of_images, sizes_of_kernels
from xcorr._gradient_sums import bound_of
from xcorr._memory import empty
from xcorr._respond import may_overlap
from xcorr._settings import read_truth
from xcorr._typing import Along, Array, Boundary, Layout, Padding

__all__ = ["gradient_images", "gradient_kernels"]


def gradient_images(
    responses: npt.ArrayLike,
    kernels: npt.ArrayLike,
    image_shape: tuple[int, ...] | None = None,
    *,
    output_padding: Along = 0,
    layout: Layout | None = None,
    padding: Padding = "valid",
    boundary: Boundary = "constant",
    stride: Along = 1,
    dilation: Along = 1,
    groups: SupportsIndex = 1,
    conjugate: bool = True,
    dtype: npt.DTypeLike | None = None,
    out: Array | None = None,
    workers: SupportsIndex | None = None,
) -> Array:
    """The gradient of the images of a correlation, or a transposed correlation.

    Parameters
    ----------
    responses : array_like
        The gradient of the responses, of the shape that `correlate` gives them; or any numbers.
    kernels : array_like
        The kernels of the correlation, as for `correlate`.
    image_shape : tuple of int, optional
        The shape of one image, in the layout's order, with its channels. Without it the gradient is that of the
        smallest images with such responses, with ``padding="same"`` of images of stride times as many pixels: a
        transposed correlation.
    output_padding : int or one for each axis
        Pixels that are added behind the smallest images, less than the stride or the dilation.
    layout, padding, boundary, stride, dilation, groups, conjugate
        As for `correlate`, those of the correlation. Without `layout` 4-D kernels mean NHWC, and responses and kernels
        of two axes NHW.
    dtype : dtype_like, optional
        Of the gradient, as for `correlate`.
    out : ndarray, optional
        Where the gradient goes: of its exact shape and dtype. It may overlap an operand, at the cost of a copy.
    workers : int, optional
        As for `correlate`.

    Returns
    -------
    ndarray
        The gradient, of the images' shape: (N, H, W, C), (N, C, H, W) or (N, H, W) by `layout`, without N if the
        responses have none. It is `out` if that was given.

    Raises
    ------
    TypeError, ValueError
        If an argument is not allowed, or shapes do not go together.
    OverflowError
        If an integer does not fit its type; `out` is then as it was.
    MemoryError
        If the workspace would exceed 256 MiB.

    See Also
    --------
    correlate : What this is the adjoint of.

    Notes
    -----
    The adjoint: for all images x and responses g, ``(g, correlate(x, k)) == (gradient_images(g, k), x)`` with the same
    keywords, where (a, b) is the sum of a times conj(b)::

        gradient[n, p, q, c] = sum of responses[n, y, x, k] * kernel[k, i, j, c]
            over all y, x, k, i, j with p = y*stride + i*dilation - top and q = x*stride + j*dilation - left

    and what goes to the padding goes on to the pixels that it is made of, but for constant padding. Of a correlation
    that does not conjugate the sum is of conj(kernel). Nothing is laid between pixels, however large the stride: for
    each residue of the stride it is a correlation of the responses with some of the taps, turned around, by the method
    that `correlate` takes, whose errors it has. Integers are exact.

    Examples
    --------
    >>> import numpy as np
    >>> import xcorr
    >>> kernel = np.array([[1.0, 2.0]])
    >>> xcorr.gradient_images(np.array([[1.0, 0.0, 10.0]]), kernel, (1, 4))
    array([[ 1.,  2., 10., 20.]])
    >>> xcorr.gradient_images(np.array([[1.0, 0.0, 10.0]]), kernel, stride=2)
    array([[ 1.,  2.,  0.,  0., 10., 20.]])

    The adjoint, in whole numbers:

    >>> rng = np.random.default_rng(0)
    >>> images, bank = rng.integers(-9, 9, (2, 8, 9, 3)), rng.integers(-9, 9, (4, 3, 3, 3))
    >>> words = {"padding": "same", "boundary": "reflect", "stride": 2}
    >>> responses = rng.integers(-9, 9, xcorr.correlate(images, bank, **words).shape)
    >>> gradient = xcorr.gradient_images(responses, bank, (8, 9, 3), **words)
    >>> int((responses * xcorr.correlate(images, bank, **words)).sum()) == int((gradient * images).sum())
    True
    """
    g, _g_held = held(take_array(responses, "responses"))
    k, _k_held = held(take_array(kernels, "kernels"))
    keywords = Keywords(layout, padding, boundary, stride, dilation, groups)
    sizes = sizes_of_images(g.shape, k.shape, image_shape, output_padding, keywords)
    types = choose_types(g.dtype, k.dtype, None if dtype is None else read_dtype(dtype), None)
    conjugates = read_truth(conjugate, "conjugate")
    n_terms = sizes.geometry.n_taps // max(1, sizes.geometry.depth) * sizes.geometry.n_kernels

    def run(target: Array) -> None:
        _gradient_images.gradient(sizes, g, k, types, conjugates, target, workers)

    is_sum = sizes.geometry.n_kernels > 0
    return given(run if is_sum else None, (g, k), n_terms, sizes.images_shape, types, out, workers)


def gradient_kernels(
    images: npt.ArrayLike,
    responses: npt.ArrayLike,
    kernel_shape: tuple[int, ...],
    *,
    layout: Layout | None = None,
    padding: Padding = "valid",
    boundary: Boundary = "constant",
    stride: Along = 1,
    dilation: Along = 1,
    groups: SupportsIndex = 1,
    conjugate: bool = True,
    dtype: npt.DTypeLike | None = None,
    out: Array | None = None,
    workers: SupportsIndex | None = None,
) -> Array:
    """The gradient of the kernels of a correlation, summed over all images.

    Parameters
    ----------
    images : array_like
        The images of the correlation, as for `correlate`.
    responses : array_like
        The gradient of the responses, of the shape that `correlate` gives them; or any numbers.
    kernel_shape : tuple of int
        The shape of one kernel, in the layout's order, with its channels, C / `groups` of them; of a plane that every
        channel is correlated with by itself, (kh, kw).
    layout, padding, boundary, stride, dilation, groups, conjugate
        As for `correlate`, those of the correlation. Without `layout` 4-D images mean NHWC, and 2-D images NHW.
    dtype : dtype_like, optional
        Of the gradient, as for `correlate`.
    out : ndarray, optional
        Where the gradient goes: of its exact shape and dtype. It may overlap an operand, at the cost of a copy.
    workers : int, optional
        As for `correlate`.

    Returns
    -------
    ndarray
        The gradient, of the kernels' shape: (K, kh, kw, C), (K, C, kh, kw) or (K, kh, kw) by `layout`, without K if the
        responses have none. Of no images it is zeros. It is `out` if that was given.

    Raises
    ------
    TypeError, ValueError
        If an argument is not allowed, or shapes do not go together.
    OverflowError
        If an integer does not fit its type; `out` is then as it was.
    MemoryError
        If the workspace would exceed 256 MiB.

    See Also
    --------
    gradient_images : The gradient of the images.
    correlate : What both are the adjoints of.

    Notes
    -----
    With the images as they are padded::

        gradient[k, i, j, c] = sum over n, y, x of
            image[n, y*stride + i*dilation, x*stride + j*dilation, c] * conj(responses[n, y, x, k])

    and of a correlation that does not conjugate the sum of conj(image) * responses. The error is that of the
    method that sums the N * rows * columns products: direct sums or, where kernels and responses are large, `fft`. Long
    sums are made in pieces that follow from the sizes, added in float64: bits depend on the batch, over which the sum
    is, but neither on the workers nor on memory's order. Integers are exact.

    Examples
    --------
    >>> import numpy as np
    >>> import xcorr
    >>> xcorr.gradient_kernels(np.array([[1.0, 2.0, 3.0, 4.0]]), np.array([[1.0, 0.0, 10.0]]), (1, 2))
    array([[31., 42.]])

    A step of gradient descent for a layer, whose kernels approach those that gave the responses:

    >>> rng = np.random.default_rng(0)
    >>> images, wanted = rng.standard_normal((20, 10, 10, 3)), rng.standard_normal((4, 3, 3, 3))
    >>> kernels, responses = np.zeros((4, 3, 3, 3)), xcorr.correlate(images, wanted, padding="same")
    >>> for _ in range(40):
    ...     error = xcorr.correlate(images, kernels, padding="same") - responses
    ...     kernels -= 5e-4 * xcorr.gradient_kernels(images, error, (3, 3, 3), padding="same")
    >>> bool(np.abs(kernels - wanted).max() < 0.01)
    True
    """
    x, _x_held = held(take_array(images, "images"))
    g, _g_held = held(take_array(responses, "responses"))
    keywords = Keywords(layout, padding, boundary, stride, dilation, groups)
    sizes = sizes_of_kernels(x.shape, g.shape, kernel_shape, keywords)
    types = choose_types(x.dtype, g.dtype, None if dtype is None else read_dtype(dtype), None)
    conjugates = read_truth(conjugate, "conjugate")
    n_terms = sizes.n_images * prod(axis.outputs for axis in sizes.axes)

    def run(target: Array) -> None:
        _gradient_kernels.gradient(sizes, x, g, types, conjugates, target, workers)

    is_sum = sizes.n_images > 0
    return given(run if is_sum else None, (x, g), n_terms, sizes.kernels_shape, types, out, workers)


def given(
    run: Callable[[Array], None] | None,
    operands: tuple[Array, Array],
    n_terms: int,
    shape: tuple[int, ...],
    types: Types,
    out: Any,
    workers: Any,
) -> Array:
    """What is computed, in `out` if that was given; zeros where nothing is summed."""
    if workers is not None:
        _workers.count_workers(workers)
    target, _held = (None, []) if out is None else check_out(out, shape, types.response)
    stores = target is not None and (run is None or target.size == 0 or may_store(operands, n_terms, types, target))
    result: Array = empty(shape, types.response) if target is None or not stores else target
    if run is None:
        copy_in_pieces(result, 0)
    elif result.size:
        run(result)
    if target is None:
        return result
    if result is not target:
        copy_in_pieces(target, result)
    returned: Array = out
    return returned


def may_store(operands: tuple[Array, Array], n_terms: int, types: Types, target: Array) -> bool:
    """Whether sums may be written to `target` one by one: none will be refused, and no operand lies there."""
    if types.exact:
        least, greatest = integer_range(types.response)
        if least == 0 or bound_of(n_terms, *operands) > greatest:
            return False
    return not any(may_overlap(target, operand) for operand in operands)
