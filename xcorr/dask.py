"""Correlations and matches of dask arrays, larger than memory and on several machines.

They need the extra ``dask``: ``pip install "xcorr[dask]"``. This module itself can be imported without it.

Nothing is computed before `compute`. A result has the bits that one call in memory has, however the images are chunked,
where all workers run the same level of instructions (`xcorr.info`). Each chunk of a result is one task, which gets the
pixels that it reaches from whatever chunks have them, and runs on the thread that dask gives it. Kernels are in a graph
once.

Chunks of responses begin where those of the images do, divided by the stride, or at the next whole section or quad of
the method, or area of scores. Images may be chunked in any way along N, rows and columns; their channels have to be
in one chunk, and are put into one with a warning where they are not.

Reductions over kernels are done chunk by chunk, and so are those over positions, of which parts are merged in the order
of chunks. A mask is chunked as the images are.

Whole images are put into one chunk for what needs them: ``pairwise``, `Peaks`, a mask of images that are matched, lines
that "fft" folds, and "mean" and "energy" of floats over positions; with a mask or ``normalize`` kernels that are not
finite, and with both, where processors are slow with subnormal numbers, a mask of float64. Volumes may be chunked along
N and their planes; rows and columns are put into one chunk, and for reductions over positions, a mask that is an array
and ``pairwise`` planes too. Where a chunk has more than 1 GiB then, a warning says so.

Of float32 and float64 one subnormal pixel may change the bits of all responses of its image, by all methods but
"fft". So images of several chunks are looked through before the first of their responses is made, for which they wait
in the workers' memory; ``subnormals=False`` says that there is no such pixel.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from xcorr._correlator import Correlator
from xcorr._dask_graph import Graph
from xcorr._dask_tasks import Shared, with_mask
from xcorr._foreign import shown
from xcorr._masks import read_mask
from xcorr._match import Matcher
from xcorr._pieces_found import pieces_of
from xcorr._seen import Operand

__all__ = ["apply", "convolve", "correlate", "match"]


def apply(prepared: Correlator | Matcher, images: Any, *, mask: Any = None, subnormals: bool = True) -> Any:
    """Correlate or match the images of a dask array with a prepared bank.

    Parameters
    ----------
    prepared : Correlator or Matcher
        The bank, with the keywords of the call; `reduce`, `Peaks` and `roi` too.
    images : dask.array.Array
        The images, of a shape and dtype that a call takes; sizes of chunks are known.
    mask : dask.array.Array, array_like or "finite", optional
        As for `match`, and of a `xcorr.Correlator` as for `correlate`, in the place of its own.
    subnormals : bool
        Whether images may have subnormal pixels.

    Returns
    -------
    dask.array.Array or tuple of them
        What ``prepared(images)`` gives, bit by bit.

    Raises
    ------
    TypeError, ValueError
        As a call, for what is seen without the pixels; and for chunks of unknown sizes.
    ModuleNotFoundError
        If dask is not installed.

    See Also
    --------
    xcorr.stream : Arrays in files that one machine works through.

    Notes
    -----
    What depends on pixels, as the OverflowError of integers, is raised when the result is computed.

    Examples
    --------
    >>> import dask.array
    >>> import numpy as np
    >>> import xcorr.dask
    >>> plate = dask.array.zeros((4000, 6000), chunks=(1000, 1000), dtype=np.uint16)
    >>> edges = xcorr.Correlator(xcorr.banks.sobel().astype(np.float32), layout="NHW", padding="same", boundary="edge")
    >>> responses = xcorr.dask.apply(edges, plate)
    >>> responses.shape, responses.chunksize, responses.dtype
    ((4000, 6000, 2), (1000, 1000, 2), dtype('float32'))
    """
    return applied(prepared, images, mask, subnormals)


def correlate(
    images: Any, kernels: npt.ArrayLike, *, mask: Any = None, subnormals: bool = True, **keywords: Any
) -> Any:
    """Correlate the images of a dask array with a bank of kernels.

    Parameters
    ----------
    images : dask.array.Array
        The images, as for `apply`.
    kernels : array_like
        The bank, in memory, as for `xcorr.correlate`.
    mask : dask.array.Array, array_like or "finite", optional
        As for `xcorr.correlate`.
    subnormals : bool
        As for `apply`.
    **keywords
        Those of `xcorr.Correlator`.

    Returns
    -------
    dask.array.Array or tuple of them
        What `xcorr.correlate` gives, bit by bit.

    Raises
    ------
    TypeError, ValueError, ModuleNotFoundError
        As `apply`.

    See Also
    --------
    apply : The same with a bank that is prepared once.

    Examples
    --------
    >>> import dask.array
    >>> import numpy as np
    >>> import xcorr.dask
    >>> digits = dask.array.from_array(xcorr.datasets.load_digits_sample().images, chunks=(100, 28, 28))
    >>> strongest = xcorr.dask.correlate(digits, xcorr.banks.sobel().astype(np.float32), layout="NHW", reduce="max")
    >>> strongest
    dask.array<xcorr, shape=(500, 2), dtype=float32, chunksize=(100, 2), chunktype=numpy.ndarray>
    >>> strongest.compute()[0].tolist()
    [1004.0, 1016.0]
    """
    in_memory({"kernels": kernels, **keywords})
    return applied(Correlator(kernels, **keywords), images, mask, subnormals)


def convolve(images: Any, kernels: npt.ArrayLike, *, mask: Any = None, subnormals: bool = True, **keywords: Any) -> Any:
    """Convolve the images of a dask array with a bank of kernels.

    Parameters
    ----------
    images, kernels, mask, subnormals, **keywords
        As for `correlate`.

    Returns
    -------
    dask.array.Array or tuple of them
        What `xcorr.convolve` gives, bit by bit.

    Raises
    ------
    TypeError, ValueError, ModuleNotFoundError
        As `apply`.

    See Also
    --------
    correlate : The same without the flip of the kernels.

    Examples
    --------
    >>> import dask.array
    >>> import numpy as np
    >>> import xcorr.dask
    >>> signal = dask.array.from_array(np.array([0.0, 1, 0, 0]), chunks=1)
    >>> xcorr.dask.convolve(signal, np.array([1.0, 2, 3]), layout="NW", padding="same").compute()
    array([1., 2., 3., 0.])
    """
    in_memory({"kernels": kernels, **keywords})
    prepared = Correlator(kernels, **keywords)
    if prepared._settings.pairwise:  # each image's kernels become a bank of their own, by the keywords alone
        images = checked(images)
        layout = pieces_of(prepared, images.shape, images.dtype).layout
        axes = tuple(axis + 1 for axis in layout.kernels[1:-1] if axis >= 0)
        prepared = Correlator(np.flip(np.asarray(kernels), axes), **{**keywords, "conjugate": False})
    else:
        prepared._settings = prepared._settings._replace(flip=True, conjugate=False)
    return applied(prepared, images, mask, subnormals)


def match(images: Any, templates: npt.ArrayLike, *, mask: Any = None, subnormals: bool = True, **keywords: Any) -> Any:
    """Score how well templates match the windows of the images of a dask array.

    Parameters
    ----------
    images : dask.array.Array
        The images, as for `apply`.
    templates : array_like
        The bank, in memory, as for `xcorr.match`.
    mask : dask.array.Array, array_like or "finite", optional
        As for `xcorr.match`.
    subnormals : bool
        As for `apply`.
    **keywords
        Those of `xcorr.Matcher`.

    Returns
    -------
    dask.array.Array or tuple of them
        What `xcorr.match` gives, bit by bit.

    Raises
    ------
    TypeError, ValueError, ModuleNotFoundError
        As `apply`.

    See Also
    --------
    apply : The same with templates that are prepared once.

    Examples
    --------
    >>> import dask.array
    >>> import numpy as np
    >>> import xcorr.dask
    >>> image = np.arange(64.0).reshape(8, 8) ** 2 % 31
    >>> scores = xcorr.dask.match(dask.array.from_array(image, chunks=3), image[2:5, 3:7], reduce="argmax")
    >>> scores.compute()
    array([2, 3])
    """
    in_memory({"templates": templates, **keywords})
    return applied(Matcher(templates, **keywords), images, mask, subnormals)


# --- what is given ----------------------------------------------------------------------------------------------------


def applied(prepared: Any, images: Any, mask: Any, subnormals: bool) -> Any:
    """What `apply` gives."""
    array, images = module(), checked(images)
    told: Any = None
    if mask is not None and not isinstance(mask, array.Array):
        mask, _held = read_mask(mask, "mask", True)
    if isinstance(mask, str) and isinstance(prepared, Correlator):
        prepared = with_mask(prepared, mask)  # type: ignore[arg-type] # a word
    elif isinstance(mask, str):
        told = mask
    elif mask is not None:
        mask = with_known_chunks(array.asarray(mask), "mask")
        told = Operand(mask.shape, mask.dtype)
    shared = Shared(prepared, images.shape, images.dtype, told)
    return Graph(shared, images, mask if isinstance(told, Operand) else None, subnormals).arrays()


def module() -> Any:
    """The module ``dask.array``; ModuleNotFoundError that says what to install."""
    try:
        import dask.array
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError('xcorr.dask needs dask: pip install "xcorr[dask]"', name=error.name) from error
    return dask.array


def checked(images: Any) -> Any:
    """Images, if they are a dask array of known chunks of numbers."""
    if not isinstance(images, module().Array):
        raise TypeError(f"images: got {type(images).__name__}; allowed is a dask array")
    if isinstance(images._meta, np.ma.MaskedArray):
        raise TypeError("images: got a dask array of masked arrays; allowed is the keyword `mask`")
    return with_known_chunks(images, "images")


def in_memory(operands: dict[str, Any]) -> None:
    """TypeError if an operand would have to be computed before there is a graph."""
    for name, value in operands.items():
        if isinstance(value, module().Array):
            raise TypeError(f"{name}: got a dask array; allowed is one in memory: {name}.compute()")


def with_known_chunks(array: Any, argument: str) -> Any:
    """The same array; ValueError if it has chunks of unknown sizes."""
    if any(length != length for own in array.chunks for length in own):
        raise ValueError(
            f"{argument}: got shape {shown(array.shape)}, chunks of unknown sizes; `compute_chunk_sizes()` finds them"
        )
    return array
