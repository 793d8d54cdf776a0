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
from xcorr._plan import plan_for
from xcorr._settings import read_settings
from xcorr._typing import Layout

__all__ = ["CHANNELS", "SCALES", "SETTINGS", "Responder", "brightness", "scaled"]

Array = NDArray[Any]

CHANNELS = ("each", "sum", "grey")
"""Ways of a bank without channels: each channel by itself, the sum of all channels' responses, the brightness."""

BRIGHTNESS = (0.299, 0.587, 0.114)
"""Shares of red, green and blue: luma of ITU-R BT.601."""

SCALES = ("unit", "stretch", "middle")
"""Beside none: integers stand for 0 to 1, of images and of results; a response's least and greatest are the ends of the
results' range; 0 is in its middle and the largest magnitude at an end."""

SETTINGS = {"padding": "valid", "boundary": "constant", "stride": 1, "dilation": 1, "method": "auto"}
SETTINGS |= {"precision": "standard", "overflow": "raise", "dtype": None}


@dataclass(frozen=True)
class Responder:
    """A bank, and what is done with images.

    Parameters
    ----------
    bank : ndarray
        (kh, kw), (K, kh, kw) or, with channels, (K, kh, kw, C).
    channels : {"each", "sum", "grey"}
        For images with channels, where the bank has none.
    scale : {None, "unit", "stretch", "middle"}
        How numbers of images and results become others, one of `SCALES`.
    keywords : dict
        Keywords of `correlate` but `layout`, `fill_value` among them.
    workers : int or None
        Threads.
    pictures : bool
        Whether results are pictures of 8 or 16 bits: as `keywords` says or, where it does not, of 8 bits for images of
        8 bits, else of 16.
    """

    bank: Array
    channels: str
    scale: str | None
    keywords: dict[str, Any]
    workers: int | None = None
    pictures: bool = False
    correlators: dict[tuple[Any, ...], Correlator] = field(default_factory=dict, compare=False, repr=False)

    @property
    def n_kernels(self) -> int:
        """How many responses one plane of an image has."""
        return 1 if self.bank.ndim == 2 else len(self.bank)

    def responses(self, images: Images, most_bytes: int | None = None) -> Responses:
        """Plan the responses of a file's images, which are computed when the parts are asked for.

        So many images are a part as have room in `most_bytes`, if these are given, and in `PART_BYTES`.

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
        of_one = 2 * n_bytes + int(np.prod(images.shape, dtype=object)) * images.dtype.itemsize
        at_once = PART_BYTES // n_bytes if most_bytes is None else min(PART_BYTES // n_bytes, most_bytes // of_one)
        parts = self.parts(images, max(1, at_once))
        return Responses(shape, dtype, images.n_images, images.has_batch, has_channels, parts, images.axes, of_one)

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
        """Return shape and type of one image's response, and the bytes of image or response as they are correlated."""
        one = np.broadcast_to(np.zeros((), images.dtype), (0, *images.shape))
        prepared = self.prepared(one)
        layout, bank = self.pair(prepared)
        n_channels = prepared.shape[-1] if layout == "NHW" and prepared.ndim == 4 else 0
        height, width = prepared.shape[1:3]
        axes = (1, height, width) if layout == "NHW" else (1, *prepared.shape[1:])
        words, result = self.words(images.dtype)
        asked = {name: words.get(name, value) for name, value in SETTINGS.items()}
        settings = read_settings({"layout": layout, **asked})
        plan = plan_for(settings, axes, prepared.dtype, bank.shape, bank.dtype)
        plan.check_it_fits()
        rows, columns, *kernels = plan.one_response[1:]
        channels = (n_channels,) if n_channels else ()
        shape = (rows, columns, *channels, *kernels)
        sizes = [(prepared.shape[1:], prepared.dtype), (shape, plan.types.response)]
        n_bytes = max(int(np.prod(one, dtype=object)) * dtype.itemsize for one, dtype in sizes)
        return shape, result or plan.types.response, n_bytes

    def __call__(self, batch: Array) -> Array:
        """Correlate images (n, H, W) or (n, H, W, C): (n, rows, columns) with the channels and the kernels behind."""
        words, result = self.words(batch.dtype)
        prepared = self.prepared(batch)
        layout, bank = self.pair(prepared)
        if layout == "NHWC" or prepared.ndim == 3:
            response = self.correlate(prepared, layout, bank, words)
        else:
            n_images, height, width, n_channels = prepared.shape
            planes = np.moveaxis(prepared, 3, 1).reshape(n_images * n_channels, height, width)
            response = self.correlate(planes, layout, bank, words)
            response = np.moveaxis(response.reshape(n_images, n_channels, *response.shape[1:]), 1, 3)
        return response if result is None else self.painted(response, result)

    def words(self, images_dtype: np.dtype[Any]) -> tuple[dict[str, Any], np.dtype[Any] | None]:
        """Return the keywords for images of a type, and the type that responses are made after, None if they stay."""
        words, asked = self.keywords, self.keywords.get("dtype")
        if self.pictures and asked is None:
            asked = "uint8" if images_dtype in (np.bool_, np.uint8) else "uint16"
        is_whole = asked is not None and np.dtype(asked).kind in "iu"
        if self.scale is not None and is_whole:
            return {**words, "dtype": None, "overflow": "raise"}, np.dtype(asked)
        return {**words, "dtype": asked}, None

    def painted(self, response: Array, dtype: np.dtype[Any]) -> Array:
        """Spread responses (n, rows, columns, ...) over the range of a type as `scale` says."""
        has_kernels = self.bank.ndim > 2
        planes = np.moveaxis(response, -1, 1) if has_kernels else response[:, np.newaxis]
        found = np.empty(planes.shape, dtype)
        for place in np.ndindex(planes.shape[:2]):
            found[place] = spread(planes[place], str(self.scale), dtype)
        return np.moveaxis(found, 1, -1) if has_kernels else found[:, 0]

    def prepared(self, batch: Array) -> Array:
        """Images as they are correlated: scaled, their brightness, with an axis for the one channel of a bank."""
        if self.scale == "unit":
            batch = scaled(batch)
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

    def correlate(self, images: Array, layout: Layout, bank: Array, words: dict[str, Any]) -> Array:
        """Responses by a prepared bank."""
        return self.correlator(layout, bank, words)(images, workers=self.workers)

    def correlator(self, layout: Layout, bank: Array, words: dict[str, Any]) -> Correlator:
        """Return the prepared bank, one for each of its shapes and each type of responses."""
        key = bank.shape, words["dtype"]
        prepared = self.correlators.get(key)
        if prepared is None:
            prepared = self.correlators[key] = Correlator(bank, layout=layout, **words)
        return prepared


def scaled(batch: Array) -> Array:
    """Integers as floats that are 1 for the largest of their type; floats as they are."""
    if batch.dtype.kind not in "biu":
        return batch
    largest = 1 if batch.dtype.kind == "b" else np.iinfo(batch.dtype).max
    real = np.dtype(np.float32 if batch.dtype.itemsize <= 2 else np.float64)
    return np.asarray(batch.astype(real) / real.type(largest))


def brightness(batch: Array) -> Array:
    """Weighted sum of red, green and blue, as floats: float32, or float64 for what float32 does not hold."""
    if batch.shape[-1] != 3:
        raise ValueError(f"images: {batch.shape[-1]} channels; the brightness of 3, red, green and blue, is defined")
    real = np.result_type(batch.dtype, np.float32)
    red, green, blue = (real.type(share) * batch[..., channel].astype(real) for channel, share in enumerate(BRIGHTNESS))
    return np.asarray(red + green + blue)


def spread(response: Array, scale: str, dtype: np.dtype[Any]) -> Array:
    """Return one response as integers of a type: rounded to nearest, ties to even, and kept within it."""
    if response.dtype.kind == "c":
        raise TypeError("--scale: got complex responses; allowed for integers are real ones")
    numbers = response.astype(np.float64)
    if np.isnan(numbers).any():
        raise ValueError("--scale: a response is not a number; allowed for integers are numbers")
    least, most = np.iinfo(dtype).min, np.iinfo(dtype).max
    if scale == "unit":
        return np.clip(np.rint(np.clip(numbers, -2, 2) * most), least, most).astype(dtype)
    finite = np.isfinite(numbers)
    numbers /= np.abs(numbers, where=finite, out=np.zeros_like(numbers)).max(initial=0) or 1  # so that no sum overflows
    if scale == "stretch":
        low, high = numbers.min(where=finite, initial=np.inf), numbers.max(where=finite, initial=-np.inf)
        numbers = (numbers - low) * ((most - least) / (high - low or 1)) + least
    else:
        middle = (least + most + 1) // 2
        numbers = numbers * (most - middle) + middle
    return np.clip(np.rint(numbers), least, most).astype(dtype)
