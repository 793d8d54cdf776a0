"""Banks of kernels without channels, for images that have some."""

from typing import Any, SupportsIndex

import numpy as np
import numpy.typing as npt

from xcorr._arrays import take_array
from xcorr._layouts import check_not_empty
from xcorr._reading import checked, whole_number

Bank = npt.NDArray[Any]


def per_channel(bank: npt.ArrayLike, channels: SupportsIndex) -> Bank:
    """Lay out a bank so that every channel is correlated with every kernel by itself.

    Parameters
    ----------
    bank : array_like, (K, kh, kw) or (kh, kw)
        The kernels, or one of them.
    channels : int
        How many channels the images have.

    Returns
    -------
    ndarray, (channels * K, kh, kw, 1)
        Kernels for `xcorr.correlate` with ``groups=channels``, of the dtype of `bank`. Those of the first channel come
        first: response ``channel * K + kernel`` is that of the kernel on the channel.

    Raises
    ------
    TypeError, ValueError
        If `bank` is no array of 2 or 3 axes, or has an empty kernel, or `channels` is no integer >= 1.
    MemoryError
        If the kernels do not fit.

    See Also
    --------
    over_channels : The sum over the channels instead.

    Examples
    --------
    The edges of each colour of a picture, 3 colours x 2 directions:

    >>> import xcorr
    >>> picture = xcorr.datasets.load_colour_sample().images[0]
    >>> picture.shape
    (32, 32, 3)
    >>> kernels = xcorr.banks.per_channel(xcorr.banks.sobel(), 3)
    >>> edges = xcorr.correlate(picture, kernels, groups=3)
    >>> edges.shape
    (30, 30, 6)
    >>> green = xcorr.correlate(picture[..., 1], xcorr.banks.sobel())
    >>> bool((edges[..., 2:4] == green).all())
    True
    """
    kernels, n_channels = read_bank(bank, channels)
    planes = kernels[np.newaxis] if kernels.ndim == 2 else kernels
    return np.tile(planes, (n_channels, 1, 1))[..., np.newaxis]


def over_channels(bank: npt.ArrayLike, channels: SupportsIndex) -> Bank:
    """Give every channel the same kernel, so that the response is the sum over the channels.

    Parameters
    ----------
    bank : array_like, (K, kh, kw) or (kh, kw)
        The kernels, or one of them.
    channels : int
        How many channels the images have.

    Returns
    -------
    ndarray, (K, kh, kw, channels) or (kh, kw, channels)
        Kernels for `xcorr.correlate`, of the dtype of `bank`. Divided by `channels` they give the mean over the
        channels.

    Raises
    ------
    TypeError, ValueError
        If `bank` is no array of 2 or 3 axes, or has an empty kernel, or `channels` is no integer >= 1.
    MemoryError
        If the kernels do not fit.

    See Also
    --------
    per_channel : Every channel by itself instead.

    Examples
    --------
    >>> import numpy as np
    >>> import xcorr
    >>> picture = xcorr.datasets.load_colour_sample().images[0]
    >>> kernels = xcorr.banks.over_channels(xcorr.banks.sobel(), 3)
    >>> kernels.shape
    (2, 3, 3, 3)
    >>> edges = xcorr.correlate(picture, kernels)
    >>> edges.shape
    (30, 30, 2)
    >>> grey = xcorr.correlate(picture.sum(axis=-1), xcorr.banks.sobel())
    >>> np.allclose(edges, grey)
    True
    """
    kernels, n_channels = read_bank(bank, channels)
    return np.broadcast_to(kernels[..., np.newaxis], (*kernels.shape, n_channels)).copy()


def read_bank(bank: Any, channels: Any) -> tuple[Bank, int]:
    """The bank as an array, and the number of channels."""
    array = take_array(bank, "bank")
    if array.ndim not in (2, 3):
        raise ValueError(
            f"bank: shape {array.shape} has {array.ndim} axes; allowed are 3 (K, kh, kw) or 2 for one kernel (kh, kw), "
            "without channels"
        )
    check_not_empty(array.shape, (*array.shape[-2:], 1), "bank")
    n_channels = whole_number(channels, "channels", 1, "an integer >= 1")
    checked(max(array.size, 1) * array.itemsize * n_channels, "channels", "the bytes of the kernels")
    return array, n_channels
