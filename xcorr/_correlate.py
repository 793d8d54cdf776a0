"""The verbs: a call is one of the last again, or its keywords are read, it is planned, and run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, overload

import numpy as np
import numpy.typing as npt

from xcorr._call import called
from xcorr._settings import takes_keywords
from xcorr._typing import AnyArray, AnyElement, Array, Inexact, Keywords, Reduce, Whole, WholeKeywords

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from xcorr.peaks import Peaks


@overload
def correlate(
    images: npt.ArrayLike,
    kernels: npt.ArrayLike,
    *,
    reduce: Reduce | Peaks,
    dtype: npt.DTypeLike | None = None,
    out: Array | None = None,
    **keywords: Unpack[Keywords],
) -> Array: ...
@overload
def correlate(
    images: npt.ArrayLike,
    kernels: npt.ArrayLike,
    *,
    reduce: tuple[Reduce, ...],
    dtype: npt.DTypeLike | None = None,
    out: tuple[Array, ...] | None = None,
    **keywords: Unpack[Keywords],
) -> tuple[Array, ...]: ...
@overload
def correlate(
    images: npt.ArrayLike,
    kernels: npt.ArrayLike,
    *,
    reduce: None = None,
    out: AnyArray,
    dtype: npt.DTypeLike | None = None,
    **keywords: Unpack[Keywords],
) -> AnyArray: ...
@overload
def correlate(
    images: npt.ArrayLike,
    kernels: npt.ArrayLike,
    *,
    reduce: None = None,
    dtype: type[AnyElement] | np.dtype[AnyElement],
    out: None = None,
    **keywords: Unpack[Keywords],
) -> npt.NDArray[AnyElement]: ...
@overload
def correlate(
    images: npt.NDArray[Inexact],
    kernels: npt.NDArray[Inexact],
    *,
    reduce: None = None,
    dtype: None = None,
    out: None = None,
    **keywords: Unpack[Keywords],
) -> npt.NDArray[Inexact]: ...
@overload
def correlate(
    images: Whole,
    kernels: Whole,
    *,
    reduce: None = None,
    dtype: None = None,
    out: None = None,
    **keywords: Unpack[WholeKeywords],
) -> npt.NDArray[np.int64]: ...
@overload
def correlate(
    images: npt.ArrayLike,
    kernels: npt.ArrayLike,
    *,
    reduce: None = None,
    dtype: npt.DTypeLike | None = None,
    out: Array | None = None,
    **keywords: Unpack[Keywords],
) -> Array: ...
@takes_keywords()
def correlate(images: npt.ArrayLike, kernels: npt.ArrayLike, **keywords: Any) -> Any:
    """Cross-correlate a batch of images with a bank of kernels.

    Parameters
    ----------
    images : array_like
        One image or a batch: (N, H, W, C), (N, C, H, W) or (N, H, W) by `layout`, or without the first axis; signals
        are (N, W, C), (N, C, W) or (N, W), volumes (N, D, H, W, C), (N, C, D, H, W) or (N, D, H, W). Anything
        with ``__array__``, the buffer protocol or a CPU ``__dlpack__``; any strides and byte order; bool, integers up
        to 64 bits, float16, float32, float64, complex64 or complex128.
    kernels : array_like
        One kernel or a bank: (K, kh, kw, C), (K, C, kh, kw) or (K, kh, kw) by `layout`, or without the first axis.
        With `groups`, C is the number of channels of one group. A plane (kh, kw) with images that have channels is
        correlated with every channel by itself.
    layout : {None, "NHWC", "NCHW", "NHW", "NWC", "NCW", "NW", "NDHWC", "NCDHW", "NDHW"}
        The axes of the images; the kernels' are the same with N read as K. None reads a 4-D operand as NHWC and 2-D
        images as NHW; 3-D images (a stack, or a photograph?) with kernels of two or three axes are ambiguous. With one
        spatial axis what is given along axes has one entry, with three planes come first.
    padding : {"valid", "same", "full"}, int, (rows, columns) or ((top, bottom), (left, right))
        What is added around the images, in pixels, with a number or a pair for each axis; on the sides of a single one
        ((before, behind),). "same" gives ceil(H / stride) rows, the smaller half first; "full" adds the kernel's
        effective size less one on each side.
    boundary : {"constant", "edge", "reflect", "symmetric", "wrap"} or one for each axis
        What the padding holds, by `numpy.pad`'s names, at any width; of a pair the first word is for the rows above and
        below. ``("edge", "wrap")`` suits a map whose longitudes go around.
    fill_value : scalar or array_like, (C,)
        The value of the constant padding, or one for each channel, that the images' dtype has. Without effect where
        padding is unseen, with a mask or normalized.
    stride, dilation : int or (rows, columns)
        The sampling interval between windows; the distance between the taps of a kernel. In pixels, at least 1.
    groups : int
        The channels and the kernels fall into that many groups, in order; a kernel sees its own group's channels.
    roi : tuple of slice, optional
        The rows and columns of the response that are wanted, a slice for each axis: only these are computed. Slices of
        step 1, read as NumPy's. "auto" chooses the method by their number; one that is asked for gives the bits of the
        same places of the whole response.
    pairwise : bool
        Whether each image has a kernel or bank of its own: `kernels` have an N in front, (N, kh, kw) or (N, K, kh, kw)
        for images (N, H, W), and the response is what each pair gives by itself. The bias is the same for all.
    bias : array_like, optional
        (K,), or a scalar for a single kernel; added to the response.
    conjugate : bool
        Whether complex kernels are conjugated.
    method : {"auto", "direct", "matmul", "fft", "winograd", "separable"}
        How it is computed. "auto" chooses by the sizes of one image and of the bank. "fft" goes through the frequency
        domain, for large kernels. "winograd" is for 3x3 and 5x5 kernels without stride, in floats and complex
        numbers whose sums have the response's precision. "matmul" is for kernels of one pixel, and reads a large bank
        where it lies for few windows. "separable" is for kernels that are sums of one to three products of a column
        and a row of taps, as Gaussian, box, Sobel and Gabor kernels are: "auto" takes it for those of a bank that are,
        where images and kernels are large enough.
    precision : {"standard", "strict"}
        "strict" takes only methods with the componentwise error bound of direct summation.
    overflow : {"raise", "saturate"}
        What an integer `dtype` does with sums that it does not hold. "saturate" rounds to nearest, ties to even, and
        brings sums into the type's range, as image libraries do; it allows an integer `dtype` for float operands, too,
        so that pictures give pictures.
    over : {"positions", "kernels"}
        What is reduced: all positions of an image and a kernel, or all kernels at a position. Peaks are over positions;
        with ``per="image"`` kernels compete.
    mask : array_like or "finite", optional
        What is seen of the images: bools, integers (all but 0 are) or shares from 0 to 1, of the images' shape, with or
        without channels, for each image or, without N or with 1, for all. Beside images of four axes three are
        (N, H, W). "finite" leaves out NaN and infinity. What is unseen, constant padding too, enters no sum, whatever
        it holds; pixels that are seen in part count by their shares. A mask is mirrored and wrapped with its image.
    normalize : bool
        Whether each sum is divided by the share of its kernel, of ``sum |kernel|``, that was seen, so that missing
        pixels and borders do not darken: smoothing then leaves a constant image what it is. Constant padding is unseen
        as with a mask. The bias is added afterwards. NaN where nothing was seen.
    reduce : {None, "max", "min", "argmax", "argmin", "mean", "ppv", "energy"}, tuple of them, or `Peaks`
        What is wanted of the responses in their place, by NumPy's names: the share of positive ones is "ppv", the sum
        of their squares "energy". No array of all responses is written. Of a tuple each is computed at once, and a
        tuple comes back. A `Peaks` gives the records that it finds in finished responses. Not for complex responses.
    dtype : dtype_like, optional
        Of the response. By default integers give int64, with a mask or normalized float64, and others
        `numpy.result_type`. Any float or complex type that is no lesser kind; any integer type for integers, with every
        value checked, or with ``overflow="saturate"``.
    out : ndarray, optional
        Where the response goes: of its exact shape and dtype. It may overlap an operand, at the cost of a copy. With a
        tuple of reductions a tuple of arrays.
    workers : int, optional
        Threads to use at most; -1 for all CPUs. By default what `get_workers` says.

    Returns
    -------
    ndarray
        The response: (N, rows, columns, K), or (N, K, rows, columns) for NCHW; without N for a single image and
        without K for a single kernel. Of a plane with every channel it has the images' axes. It is `out` if that was
        given. Reduced over positions it is (N, K), places (N, K, 2) as row and column of numpy.intp, those of the whole
        response whatever `roi` is; over kernels (N, rows, columns), whichever kernel of numpy.intp; N and K are lacking
        as in the response.

    Raises
    ------
    TypeError
        If an operand is no array of numbers, or a keyword is of a wrong type.
    ValueError
        If shapes do not go together, a kernel is larger than the padded image, or a keyword's value is not allowed;
        with ``overflow="saturate"``, if a response is NaN; `out` is then as it was. If the largest or smallest of no
        kernels or positions is asked for.
    OverflowError
        If an integer response does not fit its type, or the energy of integers int64; `out` is then as it was.
    MemoryError
        If the workspace would exceed 256 MiB. Images with a mask, or normalized, that would need more are done part by
        part, unless they are pairwise or taps are not finite.

    See Also
    --------
    convolve : The same with flipped kernels.
    Peaks : The best places of responses.
    Correlator : A bank that is prepared once for many calls.
    response_shape : Rows and columns of a response.

    Notes
    -----
    Without a flip of the kernels, and conjugated like `scipy.signal.correlate`::

        response[n, y, x, k] = bias[k] + sum over i, j, c of
            image[n, y*stride + i*dilation, x*stride + j*dilation, c] * conj(kernel[k, i, j, c])

    Integers are exact. For floats the error is at most ``(4 + 2 sqrt(n)) u S`` with n taps, unit roundoff u and S the
    sum of the magnitudes of the products ([1]_, chapter 4, for sums in blocks). By the method "winograd" it is at most
    16 u times the sum over channels of the largest pixel's magnitude in the response's square of 4x4 pixels times the
    sum of the kernel's magnitudes (27 u where channels are alike to the bit and their signs are the worst ones), 384 u
    in large layers and 512 u with 5x5 kernels, whose squares have 6x6 pixels ([2]_ for the algorithm). By
    the method "fft" it is at most ``0.5 log2(points) u`` times the 2-norm of a section of `points` pixels around the
    window, at most 4096 by 2048, times that of the kernel, of a large kernel that for each of the boxes that its taps
    are cut into; integers are transformed in float64 and rounded, where a
    bound proves that this is exact, and sections that are not finite are done directly, and those where some window's
    largest pixel is less than about a thousandth of the section's in float32 are, too, or in float64. Sums of whole
    numbers in floats are whole, where the bound proves it. By the method "separable" it is at most
    ``(8 + 2 sqrt(h) + 2 sqrt(w)) u`` times the 2-norm of the window times the sum of the kernel's singular values, as
    a matrix of h rows and all w taps of a row.
    The bits of a response depend neither on the batch nor on the workers, but for the sign and the payload of NaN.

    With shares w from 0 to 1 of pixels, which are 0 for what is unseen, a mask and `normalize` make of the sums
    ``sum w image conj(kernel)`` and that over ``sum w |kernel| / sum |kernel|``: normalized convolution ([4]_), which
    `astropy.convolution.convolve` does where pixels are NaN. Errors are those of the sums, over the share.

    Reductions are NumPy's functions of the response, as it would be in its own dtype: "max", "min", "argmax", "argmin"
    and "ppv" are the same to the bit (the sign of zero apart), of equal responses the first counts, and what is no
    number is found as NumPy finds it. "max" and "min" have the response's dtype, and so have "mean" and "energy" of
    floats, within ``(4 + 2 sqrt(n)) u`` of the sum of n magnitudes; over positions they have no order at all
    ([3]_), so that they depend neither on the batch, nor on the workers, nor on where an image was cut. "ppv" is
    float64. Of integers "mean" is float64 and "energy" int64, exact or an OverflowError.

    References
    ----------
    .. [1] Higham, N. J., Accuracy and Stability of Numerical Algorithms, 2nd ed., SIAM, 2002.
    .. [2] Lavin, A., and Gray, S., Fast Algorithms for Convolutional Neural Networks, CVPR, 2016.
    .. [3] Demmel, J., and Nguyen, H. D., Fast Reproducible Floating-Point Summation, ARITH, 2013.
    .. [4] Knutsson, H., and Westin, C.-F., Normalized and Differential Convolution, CVPR, 1993.

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

    A part of a response, which costs no more than it is large:

    >>> xcorr.correlate(image, slope, padding="same", boundary="edge", roi=(slice(1, 2), slice(-2, None)))
    array([[2., 1.]])

    Each image with a kernel of its own:

    >>> pairs = np.stack([image, image]), np.array([[[1.0]], [[10.0]]])
    >>> xcorr.correlate(*pairs, layout="NHW", pairwise=True)[:, 1]
    array([[ 4.,  5.,  6.,  7.],
           [40., 50., 60., 70.]])

    A mean of what is there, with a missing pixel and at the border:

    >>> gap = np.array([[1.0, 2.0, np.nan, 4.0]])
    >>> xcorr.correlate(gap, np.ones((1, 3)) / 3, padding="same", mask="finite", normalize=True)
    array([[1.5, 1.5, 3. , 4. ]])

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

    The best place of each template, and the best template at each place, without the responses:

    >>> templates = np.stack([np.eye(3), np.eye(3)[::-1]])
    >>> scene = np.zeros((8, 9))
    >>> scene[4:7, 2:5] = templates[1]
    >>> xcorr.correlate(scene, templates, reduce="argmax")
    array([[2, 2],
           [4, 2]])
    >>> best, which = xcorr.correlate(scene, templates, reduce=("max", "argmax"), over="kernels")
    >>> float(best[4, 2]), int(which[4, 2])
    (3.0, 1)

    The three best places of all templates together, two pixels apart:

    >>> peaks = xcorr.correlate(scene, templates, reduce=xcorr.Peaks(3, min_distance=2, per="image"))
    >>> peaks["score"], peaks["kernel"]
    (array([3., 1., 0.]), array([1, 0, 0]))
    """
    return called("correlate", images, kernels, keywords)


@overload
def convolve(
    images: npt.ArrayLike,
    kernels: npt.ArrayLike,
    *,
    reduce: Reduce | Peaks,
    dtype: npt.DTypeLike | None = None,
    out: Array | None = None,
    **keywords: Unpack[Keywords],
) -> Array: ...
@overload
def convolve(
    images: npt.ArrayLike,
    kernels: npt.ArrayLike,
    *,
    reduce: tuple[Reduce, ...],
    dtype: npt.DTypeLike | None = None,
    out: tuple[Array, ...] | None = None,
    **keywords: Unpack[Keywords],
) -> tuple[Array, ...]: ...
@overload
def convolve(
    images: npt.ArrayLike,
    kernels: npt.ArrayLike,
    *,
    reduce: None = None,
    out: AnyArray,
    dtype: npt.DTypeLike | None = None,
    **keywords: Unpack[Keywords],
) -> AnyArray: ...
@overload
def convolve(
    images: npt.ArrayLike,
    kernels: npt.ArrayLike,
    *,
    reduce: None = None,
    dtype: type[AnyElement] | np.dtype[AnyElement],
    out: None = None,
    **keywords: Unpack[Keywords],
) -> npt.NDArray[AnyElement]: ...
@overload
def convolve(
    images: npt.NDArray[Inexact],
    kernels: npt.NDArray[Inexact],
    *,
    reduce: None = None,
    dtype: None = None,
    out: None = None,
    **keywords: Unpack[Keywords],
) -> npt.NDArray[Inexact]: ...
@overload
def convolve(
    images: Whole,
    kernels: Whole,
    *,
    reduce: None = None,
    dtype: None = None,
    out: None = None,
    **keywords: Unpack[WholeKeywords],
) -> npt.NDArray[np.int64]: ...
@overload
def convolve(
    images: npt.ArrayLike,
    kernels: npt.ArrayLike,
    *,
    reduce: None = None,
    dtype: npt.DTypeLike | None = None,
    out: Array | None = None,
    **keywords: Unpack[Keywords],
) -> Array: ...
@takes_keywords()
def convolve(images: npt.ArrayLike, kernels: npt.ArrayLike, **keywords: Any) -> Any:
    """Convolve a batch of images with a bank of kernels: `correlate` with the kernels flipped in both directions.

    Parameters
    ----------
    images, kernels
        As for `correlate`.
    layout, padding, boundary, fill_value, stride, dilation, groups, roi, pairwise, bias
        As for `correlate`; the padding is that of the correlation with the flipped kernels.
    conjugate : bool
        Without effect, so that both functions take the same keywords: a convolution never conjugates.
    method, precision, overflow, over, mask, normalize, reduce, dtype, out, workers
        As for `correlate`.

    Returns
    -------
    ndarray
        The response, or what it is reduced to, as of `correlate`.

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
    return called("convolve", images, kernels, keywords)
