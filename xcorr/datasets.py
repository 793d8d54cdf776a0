"""Readers for MNIST (IDX) and CIFAR-10 files, and two small samples that come with the package.

A file is material to be judged: whatever is in it, a reader gives the images that the format defines or raises
`DataFormatError` with the file and the byte offset. Nothing in a file is executed, nothing is written to disk.

- Sizes come from headers and are compared with what the file can hold, and with `max_bytes`, before any memory is taken
  for them. gzip is recognised by its first two bytes, and decompressed to one byte beyond what the header declares.
- CIFAR-10's python version is a pickle: ``xcorr._unpickle`` reads it as data, nothing in it is imported or called.
- Archives are read as streams; only regular members with the names of the format count.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from xcorr._cifar import Cifar10, load_cifar10, planes_last, read_binary_batch
from xcorr._idx import Mnist, load_idx, load_mnist, read_idx
from xcorr._reader import DataFormatError, open_sample

__all__ = [
    "Cifar10",
    "DataFormatError",
    "Mnist",
    "Sample",
    "load_cifar10",
    "load_colour_sample",
    "load_digits_sample",
    "load_idx",
    "load_mnist",
]


class Sample(NamedTuple):
    """A sample that comes with the package.

    Parameters
    ----------
    images : ndarray of uint8, (N, H, W) or (N, H, W, 3)
        The images.
    labels : ndarray of uint8, (N,)
        What is on each.
    """

    images: NDArray[np.uint8]
    labels: NDArray[np.uint8]


def load_digits_sample() -> Sample:
    """The first 500 digits of the MNIST test set, which come with the package.

    Returns
    -------
    Sample
        ``images`` uint8 (500, 28, 28), ``labels`` uint8 (500,).

    Notes
    -----
    By Y. LeCun, C. Cortes and C. J. C. Burges, CC BY-SA 3.0.

    Examples
    --------
    >>> from xcorr.datasets import load_digits_sample
    >>> load_digits_sample().images.shape
    (500, 28, 28)
    """
    with open_sample("digits-images-idx3-ubyte.gz") as images, open_sample("digits-labels-idx1-ubyte.gz") as labels:
        return Sample(read_idx(images), read_idx(labels))


def load_colour_sample() -> Sample:
    """A colour photograph of 256x256 as 64 tiles, which comes with the package.

    Returns
    -------
    Sample
        ``images`` uint8 (64, 32, 32, 3), the tiles row by row, eight to a row; ``labels`` uint8 (64,), all 0.

    Notes
    -----
    The astronaut Eileen Collins, NASA, public domain, by way of scikit-image.

    Examples
    --------
    The photograph as one image:

    >>> from xcorr.datasets import load_colour_sample
    >>> tiles = load_colour_sample().images
    >>> tiles.reshape(8, 8, 32, 32, 3).swapaxes(1, 2).reshape(256, 256, 3).shape
    (256, 256, 3)
    """
    with open_sample("astronaut-tiles.bin") as reader:
        planes, labels = read_binary_batch(reader.path, reader.read(reader.capacity))
    return Sample(np.ascontiguousarray(planes_last(planes)), labels)
