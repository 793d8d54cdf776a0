"""Correlations and matches of xarray's DataArrays, which keep their dimensions and coordinates.

They need the extra ``xarray``: ``pip install "xcorr[xarray]"``. This module itself can be imported without it.

The spatial dimensions of the images are named by `dims`, in the order of planes, rows and columns, and that of the
channels by `channel_dim`; all others make the batch. A result has the images' dimensions in their order, without those
that are summed or reduced. Kernels are a dimension at the place of the channels, or the last one. The numbers are those
of `xcorr.correlate`, `xcorr.convolve` and `xcorr.match` bit by bit; images of dask arrays give such ones, by
`xcorr.dask`, and nothing is computed before.

A response is at the pixel of its window's centre: the one whose place it takes with ``padding="same"``, of a window of
``e`` pixels the one with index ``(e - 1) // 2``; with ``anchor="first"`` it is at the window's first pixel. Of an
image's coordinates those of these pixels are kept, so that "same" keeps all of them, "valid" is cut by half a kernel at
either end, a stride takes every so many, and `roi` a part. Where padding brings responses outside of the image,
coordinates along one spatial dimension are continued if they are evenly spaced: floats (within a thousandth of the
spacing), integers, datetime64 and timedelta64. All others are dropped there, two-dimensional, uneven and lazy ones too.
Other dimensions keep theirs.

Attributes are kept unless ``xarray.set_options(keep_attrs=False)`` is set, and so is the name.
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any, SupportsIndex

from xcorr._correlator import Correlator
from xcorr._match import Matcher
from xcorr._xarray_call import Told, called, called_with

__all__ = ["apply", "convolve", "correlate", "match"]


def apply(
    prepared: Correlator | Matcher,
    images: Any,
    *,
    dims: Hashable,
    channel_dim: Hashable | None = None,
    kernel_dim: Hashable | None = None,
    anchor: str = "centre",
    mask: Any = None,
    workers: SupportsIndex | None = None,
    subnormals: bool = True,
) -> Any:
    """Correlate or match the images of a DataArray with a prepared bank.

    Parameters
    ----------
    prepared : Correlator or Matcher
        The bank, with the keywords of the call; its layout is that of the images as `dims` and `channel_dim` name them.
    images : xarray.DataArray
        The images, as for `correlate`.
    dims, channel_dim, kernel_dim, anchor
        As for `correlate`.
    mask : xarray.DataArray, array_like or "finite", optional
        As for `correlate`; of a `xcorr.Correlator` in the place of its own.
    workers, subnormals
        As for `correlate`.

    Returns
    -------
    xarray.DataArray or tuple of them
        What ``prepared`` gives for the images, with dimensions and coordinates as of `correlate`.

    Raises
    ------
    TypeError, ValueError, OverflowError, MemoryError, ModuleNotFoundError
        As `correlate`.

    See Also
    --------
    correlate : A single call.

    Examples
    --------
    >>> import numpy as np
    >>> import xarray
    >>> import xcorr.xarray
    >>> days = np.arange("2026-01-01", "2026-01-08", dtype="datetime64[D]").astype("datetime64[ns]")
    >>> level = xarray.DataArray([3.0, 4, 8, 6, 5, 4, 4], coords={"day": days})
    >>> mean = xcorr.Correlator(np.full(3, 1 / 3), layout="NW")
    >>> smooth = xcorr.xarray.apply(mean, level, dims="day")
    >>> smooth.round(2).values.tolist(), str(smooth.day.values[0])[:10]
    ([5.0, 6.0, 6.33, 5.0, 4.33], '2026-01-02')
    """
    return called_with(prepared, images, Told(dims, channel_dim, kernel_dim, anchor, mask, workers, subnormals))


def correlate(
    images: Any,
    kernels: Any,
    *,
    dims: Hashable,
    channel_dim: Hashable | None = None,
    kernel_dim: Hashable | None = None,
    anchor: str = "centre",
    mask: Any = None,
    workers: SupportsIndex | None = None,
    subnormals: bool = True,
    **keywords: Any,
) -> Any:
    """Correlate the images of a DataArray with a bank of kernels.

    Parameters
    ----------
    images : xarray.DataArray
        The images, with any dimensions beside the spatial ones; in memory, or a dask array.
    kernels : array_like or xarray.DataArray
        One kernel or a bank, in memory. An array has the axes (kernel, spatial dimensions in the order of `dims`,
        channels), the first and the last only if there are these. Of a DataArray dimensions are those of the images by
        their names, in any order, and one of the bank by any other; its coordinates in space do not matter. Spatial
        dimensions alone, of images with channels, are for every channel by itself.
    dims : hashable or tuple of hashable
        The names of the images' spatial dimensions: columns, (rows, columns) or (planes, rows, columns).
    channel_dim : hashable, optional
        The name of the images' channels. None: kernels have no channels.
    kernel_dim : hashable, optional
        The name of the result's dimension of kernels. None: that of the bank, if `kernels` are a DataArray with one,
        else ``"kernel"``.
    anchor : {"centre", "first"}
        The pixel of a window whose coordinates a response has.
    mask : xarray.DataArray, array_like or "finite", optional
        As for `xcorr.correlate`. A DataArray has some of the images' dimensions and is for all along the others; an
        array has the shape of the images or that of `dims`.
    workers : int, optional
        As for `xcorr.correlate`, of images in memory.
    subnormals : bool
        As for `xcorr.dask.apply`, of images that are a dask array.
    **keywords
        Those of `xcorr.correlate` but `layout` and `out`. `padding`, `boundary`, `stride`, `dilation` and `roi` may be
        mappings from spatial dimensions, too: ``stride={"y": 2}``. With ``pairwise=True`` kernels have the dimensions
        of the batch, in front if they are an array.

    Returns
    -------
    xarray.DataArray or tuple of them
        The response, or what it is reduced to. Reduced over positions it lacks the spatial dimensions, over kernels
        that of kernels; places have a last dimension ``"axis"``, whose coordinates are the names of the spatial
        dimensions, and count responses, as the places of peaks do, whose last dimension is ``"peak"``.

    Raises
    ------
    TypeError, ValueError, OverflowError, MemoryError
        As `xcorr.correlate`; and if dimensions are not those of the images, or coordinates of a mask, of channels or of
        pairs are others than the images'.
    ModuleNotFoundError
        If xarray is not installed, or dask for images that are a dask array.

    See Also
    --------
    apply : The same with a bank that is prepared once.

    Examples
    --------
    >>> import numpy as np
    >>> import xarray
    >>> import xcorr.xarray
    >>> height = xarray.DataArray(
    ...     np.arange(20.0).reshape(4, 5) ** 2,
    ...     coords={"y": [40.0, 30, 20, 10], "x": [5, 6, 7, 8, 9]},
    ...     dims=("y", "x"),
    ... )
    >>> slope = xcorr.xarray.correlate(height, np.array([[-0.5, 0, 0.5]]), dims=("y", "x"))
    >>> slope.sizes["x"], slope.x.values.tolist(), slope.y.values.tolist()
    (3, [6, 7, 8], [40.0, 30.0, 20.0, 10.0])
    >>> slope.sel(y=40, x=7).item()
    4.0

    A bank, with every second response along one dimension, and padding that continues the coordinates:

    >>> both = xcorr.xarray.correlate(
    ...     height, xcorr.banks.sobel(), dims=("y", "x"), padding=2, stride={"x": 2}, boundary="edge"
    ... )
    >>> both.dims, both.shape
    (('y', 'x', 'kernel'), (6, 4, 2))
    >>> both.x.values.tolist(), both.y.values.tolist()
    ([4, 6, 8, 10], [50.0, 40.0, 30.0, 20.0, 10.0, 0.0])
    """
    told = Told(dims, channel_dim, kernel_dim, anchor, mask, workers, subnormals)
    return called("correlate", images, kernels, told, keywords)


def convolve(
    images: Any,
    kernels: Any,
    *,
    dims: Hashable,
    channel_dim: Hashable | None = None,
    kernel_dim: Hashable | None = None,
    anchor: str = "centre",
    mask: Any = None,
    workers: SupportsIndex | None = None,
    subnormals: bool = True,
    **keywords: Any,
) -> Any:
    """Convolve the images of a DataArray with a bank of kernels.

    Parameters
    ----------
    images, kernels, dims, channel_dim, kernel_dim, anchor, mask, workers, subnormals, **keywords
        As for `correlate`.

    Returns
    -------
    xarray.DataArray or tuple of them
        What `xcorr.convolve` gives, with dimensions and coordinates as of `correlate`.

    Raises
    ------
    TypeError, ValueError, OverflowError, MemoryError, ModuleNotFoundError
        As `correlate`.

    See Also
    --------
    correlate : The same without the flip of the kernels.

    Examples
    --------
    >>> import xarray
    >>> import xcorr.xarray
    >>> signal = xarray.DataArray([0.0, 1, 0, 0], coords={"time": [0.5, 1.0, 1.5, 2.0]})
    >>> spread = xcorr.xarray.convolve(signal, [1.0, 2, 3], dims="time", padding="full")
    >>> spread.values.tolist(), spread.time.values.tolist()
    ([0.0, 1.0, 2.0, 3.0, 0.0, 0.0], [0.0, 0.5, 1.0, 1.5, 2.0, 2.5])
    """
    told = Told(dims, channel_dim, kernel_dim, anchor, mask, workers, subnormals)
    return called("convolve", images, kernels, told, keywords)


def match(
    images: Any,
    templates: Any,
    *,
    dims: Hashable,
    channel_dim: Hashable | None = None,
    kernel_dim: Hashable | None = None,
    anchor: str = "centre",
    mask: Any = None,
    workers: SupportsIndex | None = None,
    subnormals: bool = True,
    **keywords: Any,
) -> Any:
    """Score how well templates match the windows of the images of a DataArray.

    Parameters
    ----------
    images : xarray.DataArray
        The images, as for `correlate`.
    templates : array_like or xarray.DataArray
        The bank, as the kernels of `correlate`.
    dims, channel_dim, kernel_dim, anchor, mask, workers, subnormals
        As for `correlate`.
    **keywords
        Those of `xcorr.match` but `layout` and `out`, along spatial dimensions as for `correlate`. A `template_mask`
        has dimensions of the templates.

    Returns
    -------
    xarray.DataArray or tuple of them
        What `xcorr.match` gives, with dimensions and coordinates as of `correlate`: scores are at the centres of their
        windows, with ``anchor="first"`` at their first pixels.

    Raises
    ------
    TypeError, ValueError, OverflowError, MemoryError, ModuleNotFoundError
        As `correlate`.

    See Also
    --------
    apply : The same with templates that are prepared once.

    Examples
    --------
    >>> import numpy as np
    >>> import xarray
    >>> import xcorr.xarray
    >>> image = xarray.DataArray(
    ...     np.arange(64.0).reshape(8, 8) ** 2 % 31,
    ...     coords={"y": np.arange(0, 80, 10), "x": np.arange(8)},
    ...     dims=("y", "x"),
    ... )
    >>> part = image.isel(y=slice(2, 5), x=slice(3, 7))
    >>> best = xcorr.xarray.match(image, part, dims=("y", "x"), anchor="first").argmax(...)
    >>> {name: int(place) for name, place in best.items()}
    {'y': 2, 'x': 3}
    >>> scores = xcorr.xarray.match(image, part, dims=("y", "x"))
    >>> centre = scores.isel(scores.argmax(...))
    >>> round(centre.item(), 9), centre.y.item(), centre.x.item()
    (1.0, 30, 4)
    """
    told = Told(dims, channel_dim, kernel_dim, anchor, mask, workers, subnormals)
    return called("match", images, templates, told, keywords)
