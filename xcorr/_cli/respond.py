"""How the images of a file meet a bank: scaling, channels, and parts that fit the memory."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from xcorr._cli.images import ImageError, Images
from xcorr._cli.responses import PART_BYTES, Responses
from xcorr._correlator import Correlator
from xcorr._plan import plan_for, read_settings
from xcorr._typing import Layout

__all__ = ["CHANNELS", "Responder"]

Array = NDArray[Any]

CHANNELS = ("each", "sum", "grey")
"""With a bank without channels: each channel by itself, the sum of all channels' responses, or the brightness."""

BRIGHTNESS = (0.299, 0.587, 0.114)
"""Of red, green and blue: luma of ITU-R BT.601."""

SETTINGS = {"padding": "valid", "boundary": "constant", "stride": 1, "dilation": 1, "method": "auto"}
SETTINGS |= {"precision": "standard", "dtype": None}


@dataclass(frozen=True)
class Responder:
    """A bank, and what is done with images.

    Parameters
    ----------
    bank : ndarray
        (kh, kw), (K, kh, kw) or, with channels, (K, kh, kw, C).
    channels : {"each", "sum", "grey"}
        For images with channels, where the bank has none.
    scale : bool
        Whether integers are divided by the largest value of their type.
    keywords : dict
        Keywords of `correlate` but `layout`, `fill_value` among them.
    workers : int or None
        Threads.
    """

    bank: Array
    channels: str
    scale: bool
    keywords: dict[str, Any]
    workers: int | None = None
    correlators: dict[tuple[int, ...], Correlator] = field(default_factory=dict, compare=False, repr=False)

    def responses(self, images: Images) -> Responses:
        """Plan the responses of a file's images, which are computed when the parts are asked for.

        Raises
        ------
        ImageError
            Images and bank do not go together.
        """
        try:
            shape, dtype, alike = self.form(images)
        except (TypeError, ValueError, OverflowError, MemoryError) as error:
            raise ImageError(str(error)) from error
        has_channels = len(images.shape) == 3 and self.bank.ndim < 4 and self.channels == "each"
        n_bytes = max(1, int(np.prod(shape, dtype=object)) * dtype.itemsize, alike)
        parts = self.parts(images, max(1, PART_BYTES // n_bytes))
        return Responses(shape, dtype, images.n_images, images.has_batch, has_channels, parts)

    def parts(self, images: Images, at_once: int) -> Iterator[Array]:
        """Compute the responses of some images after the other."""
        for first in range(0, max(1, images.n_images), at_once):
            batch = images.read(first, min(first + at_once, images.n_images))
            try:
                part = self(batch)
            except (TypeError, ValueError, OverflowError, MemoryError) as error:
                raise ImageError(str(error)) from error
            yield part

    def form(self, images: Images) -> tuple[tuple[int, ...], np.dtype[Any], int]:
        """Return shape and type of one image's response, and the bytes of one image as it is correlated."""
        one = np.broadcast_to(np.zeros((), images.dtype), (0, *images.shape))
        prepared = self.prepared(one)
        layout, bank = self.pair(prepared)
        n_channels = prepared.shape[-1] if layout == "NHW" and prepared.ndim == 4 else 0
        height, width = prepared.shape[1:3]
        axes = (1, height, width) if layout == "NHW" else (1, *prepared.shape[1:])
        asked = {name: self.keywords.get(name, value) for name, value in SETTINGS.items()}
        settings = read_settings(layout=layout, groups=1, conjugate=True, flip=False, **asked)
        plan = plan_for(settings, axes, prepared.dtype, bank.shape, bank.dtype)
        plan.check_it_fits()
        rows, columns, *kernels = plan.one_response[1:]
        channels = (n_channels,) if n_channels else ()
        n_bytes = int(np.prod(prepared.shape[1:], dtype=object)) * prepared.dtype.itemsize
        return (rows, columns, *channels, *kernels), plan.types.response, n_bytes

    def __call__(self, batch: Array) -> Array:
        """Correlate images (n, H, W) or (n, H, W, C): (n, rows, columns) with the channels and the kernels behind."""
        prepared = self.prepared(batch)
        layout, bank = self.pair(prepared)
        if layout == "NHWC" or prepared.ndim == 3:
            return self.correlate(prepared, layout, bank)
        n_images, height, width, n_channels = prepared.shape
        planes = np.moveaxis(prepared, 3, 1).reshape(n_images * n_channels, height, width)
        response = self.correlate(planes, layout, bank)
        return np.moveaxis(response.reshape(n_images, n_channels, *response.shape[1:]), 1, 3)

    def prepared(self, batch: Array) -> Array:
        """Images as they are correlated: scaled, their brightness, with an axis for the one channel of a bank."""
        if self.scale and batch.dtype.kind in "biu":
            largest = 1 if batch.dtype.kind == "b" else np.iinfo(batch.dtype).max
            real = np.dtype(np.float32 if batch.dtype.itemsize <= 2 else np.float64)
            batch = batch.astype(real) / real.type(largest)
        if self.bank.ndim == 4:
            return batch[..., np.newaxis] if batch.ndim == 3 else batch
        return brightness(batch) if batch.ndim == 4 and self.channels == "grey" else batch

    def pair(self, prepared: Array) -> tuple[Layout, Array]:
        """Return the layout and the bank for such images."""
        if self.bank.ndim == 4:
            return "NHWC", self.bank
        if prepared.ndim == 4 and self.channels == "sum":
            return "NHWC", np.broadcast_to(self.bank[..., np.newaxis], (*self.bank.shape, prepared.shape[3]))
        return "NHW", self.bank

    def correlate(self, images: Array, layout: Layout, bank: Array) -> Array:
        """By a prepared bank, one for each of its shapes."""
        prepared = self.correlators.get(bank.shape)
        if prepared is None:
            prepared = self.correlators[bank.shape] = Correlator(bank, layout=layout, **self.keywords)
        return prepared(images, workers=self.workers)


def brightness(batch: Array) -> Array:
    """Weighted sum of red, green and blue, as floats: float32, or float64 for what float32 does not hold."""
    if batch.shape[-1] != 3:
        raise ValueError(f"images: {batch.shape[-1]} channels; the brightness of 3, red, green and blue, is defined")
    real = np.result_type(batch.dtype, np.float32)
    red, green, blue = (real.type(share) * batch[..., channel].astype(real) for channel, share in enumerate(BRIGHTNESS))
    return np.asarray(red + green + blue)
