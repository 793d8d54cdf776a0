"""IDX files, and the sets that come as four of them: MNIST, Fashion-MNIST, EMNIST."""

from __future__ import annotations

import errno
import math
import os
import struct
import sys
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from xcorr._file_places import MAX_BYTES, checked_max_bytes, checked_path, found_file
from xcorr._foreign import shown
from xcorr._reader import DataFormatError, Reader, open_file

__all__ = ["Mnist", "load_idx", "load_mnist", "read_idx"]

_MAX_AXES = 32  # of an array in NumPy 1
_DTYPES = {0x08: ">u1", 0x09: ">i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}

SPLITS = ("balanced", "byclass", "bymerge", "digits", "letters", "mnist")  # of EMNIST
_KINDS = (("images", 3), ("labels", 1))


class Mnist(NamedTuple):
    """The two sets of MNIST, or of one in its format.

    Parameters
    ----------
    train_images : ndarray of uint8, (N, H, W), or None
        The training set; None for a file that is not there.
    train_labels : ndarray of uint8, (N,), or None
        From 0 to 9 in MNIST, from 1 to 26 in EMNIST's split of letters.
    test_images : ndarray of uint8, (N, H, W), or None
        The test set.
    test_labels : ndarray of uint8, (N,), or None
        As for the training set.
    """

    train_images: NDArray[np.uint8] | None
    train_labels: NDArray[np.uint8] | None
    test_images: NDArray[np.uint8] | None
    test_labels: NDArray[np.uint8] | None


def load_idx(path: str | os.PathLike[str], *, max_bytes: int = MAX_BYTES) -> NDArray[Any]:
    """Read one IDX file, plain or gzip.

    Parameters
    ----------
    path : str or os.PathLike
        The file.
    max_bytes : int
        The most that is read of it, in bytes after decompression; 4 GiB by default.

    Returns
    -------
    ndarray
        An array of the shape in the header, of uint8, int8, int16, int32, float32 or float64 in native byte order.

    Raises
    ------
    DataFormatError
        The file is not one whole IDX array (it ends early, goes on, or is damaged), or exceeds `max_bytes`.
    FileNotFoundError
        There is no such file.

    Notes
    -----
    The format: two zero bytes, one byte for the type, one for the number of axes, a big-endian uint32 for the length of
    each axis, then the elements, big-endian, last axis fastest. Source: Y. LeCun, C. Cortes, C. J. C. Burges, The MNIST
    database of handwritten digits, http://yann.lecun.com/exdb/mnist/.

    Examples
    --------
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> from xcorr.datasets import load_idx
    >>> with TemporaryDirectory() as folder:
    ...     path = Path(folder, "one-row-of-two")
    ...     _ = path.write_bytes(bytes([0, 0, 8, 2, 0, 0, 0, 1, 0, 0, 0, 2, 7, 9]))
    ...     load_idx(path)
    array([[7, 9]], dtype=uint8)
    """
    path, max_bytes = checked_path("path", path), checked_max_bytes(max_bytes)
    with open_file(path, max_bytes) as reader:
        return read_idx(reader)


def read_idx(reader: Reader) -> NDArray[Any]:
    zero, code, n_axes = struct.unpack(">HBB", reader.read(4))
    if zero != 0:
        reader.fail("an IDX file begins with two zero bytes", 0)
    if code not in _DTYPES:
        reader.fail(f"type 0x{code:02X} is none of IDX's 0x08, 0x09, 0x0B, 0x0C, 0x0D, 0x0E", 2)
    if not 1 <= n_axes <= _MAX_AXES:
        reader.fail(f"{n_axes} axes; 1 to {_MAX_AXES} are allowed", 3)
    shape = struct.unpack(f">{n_axes}I", reader.read(4 * n_axes))
    dtype = np.dtype(_DTYPES[code])
    if math.prod(max(length, 1) for length in shape) * dtype.itemsize > sys.maxsize:
        reader.fail(f"no array can have the shape {shape}", 4)
    body = reader.read(math.prod(shape) * dtype.itemsize)
    reader.finish()
    array: NDArray[Any] = np.ndarray(shape, dtype, body)
    return array.astype(dtype.newbyteorder("="), copy=False)


def load_mnist(folder: str | os.PathLike[str], *, split: str | None = None, max_bytes: int = MAX_BYTES) -> Mnist:
    """Read those of the four MNIST files that are in a folder.

    The names are ``train-images-idx3-ubyte``, ``train-labels-idx1-ubyte``, ``t10k-images-idx3-ubyte`` and
    ``t10k-labels-idx1-ubyte``, also with a dot before ``idx``, each plain or with ``.gz``. A folder of such a name that
    has the file in it counts as the file. Of several spellings of one file a plain one is read. Sets of the same format
    and names (Fashion-MNIST, KMNIST) are read as well.

    EMNIST has names of its own, ``emnist-letters-train-images-idx3-ubyte`` and the like, which are read where none of
    the others are. Its images lie on their side: ``images.swapaxes(1, 2)`` are upright.

    Parameters
    ----------
    folder : str or os.PathLike
        Where the files are.
    split : {None, "balanced", "byclass", "bymerge", "digits", "letters", "mnist"}
        Which of EMNIST's splits to read. None reads the one that is there.
    max_bytes : int
        The most that is read of one file, in bytes after decompression; 4 GiB by default.

    Returns
    -------
    Mnist
        ``train_images``, ``train_labels``, ``test_images``, ``test_labels``: images uint8 (N, H, W), labels uint8 (N,),
        None for a file that is not there.

    Raises
    ------
    DataFormatError
        A file is not a whole IDX array of that dtype and number of axes, or images and labels differ in number.
    FileNotFoundError
        There is no such folder, or none of the files is in it.
    TypeError, ValueError
        An argument is not allowed, or `split` is None and there are several splits of EMNIST.

    See Also
    --------
    load_idx : One file of that format.
    load_digits_sample : Five hundred of the digits, which come with the package.

    Examples
    --------
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> from xcorr.datasets import load_mnist
    >>> with TemporaryDirectory() as folder:
    ...     path = Path(folder, "t10k-labels-idx1-ubyte")
    ...     _ = path.write_bytes(bytes([0, 0, 8, 1, 0, 0, 0, 3, 7, 2, 1]))
    ...     load_mnist(folder).test_labels
    array([7, 2, 1], dtype=uint8)
    """
    folder, split, max_bytes = checked_path("folder", folder), checked_split(split), checked_max_bytes(max_bytes)
    parts: list[NDArray[np.uint8] | None] = []
    for prefix in chosen_prefixes(folder, split):
        images, labels = (read_part(folder, f"{prefix}-{kind}", axes, max_bytes) for kind, axes in _KINDS)
        if images and labels and len(images[1]) != len(labels[1]):
            problem = f"{len(labels[1])} labels for the {len(images[1])} images of {images[0]}"
            raise DataFormatError(labels[0], 4, problem)
        parts += [images and images[1], labels and labels[1]]
    return Mnist(*parts)


def checked_split(split: Any) -> str | None:
    problem = f"split: got {shown(split)}; allowed are None, {', '.join(map(repr, SPLITS))}"
    if split is not None and not isinstance(split, str):
        raise TypeError(problem)
    if split is not None and split not in SPLITS:
        raise ValueError(problem)
    return split


def prefixes_of(split: str | None) -> tuple[str, str]:
    """What the names of the training and of the test set begin with."""
    return ("train", "t10k") if split is None else (f"emnist-{split}-train", f"emnist-{split}-test")


def chosen_prefixes(folder: str, split: str | None) -> tuple[str, str]:
    """The prefixes of MNIST, of the split that is asked for, or of the only one that is there."""

    def is_there(split: str | None) -> bool:
        stems = [(f"{prefix}-{kind}", axes) for prefix in prefixes_of(split) for kind, axes in _KINDS]
        return any(found_file(folder, spellings(*stem)) for stem in stems)

    os.listdir(folder)  # fails if there is no such folder
    if is_there(split):
        return prefixes_of(split)
    if split is not None:
        problem = f"no file of EMNIST's split {split}, such as emnist-{split}-test-images-idx3-ubyte.gz, in this folder"
        raise FileNotFoundError(errno.ENOENT, problem, folder)
    splits = [split for split in SPLITS if is_there(split)]
    if not splits:
        raise FileNotFoundError(errno.ENOENT, "no MNIST file such as t10k-images-idx3-ubyte.gz in this folder", folder)
    if len(splits) > 1:
        raise ValueError(
            f"split: got None, and there are several of EMNIST's in {folder}; allowed is one of "
            f"{', '.join(map(repr, splits))}"
        )
    return prefixes_of(splits[0])


def spellings(stem: str, n_axes: int) -> list[str]:
    """The names that a file may have, plain ones first."""
    return [f"{stem}{separator}idx{n_axes}-ubyte{ending}" for ending in ("", ".gz") for separator in "-."]


def read_part(folder: str, stem: str, n_axes: int, max_bytes: int) -> tuple[str, NDArray[np.uint8]] | None:
    """A file's path and array, None where there is none."""
    path = found_file(folder, spellings(stem, n_axes))
    if path is None:
        return None
    array = load_idx(path, max_bytes=max_bytes)
    if array.dtype != np.uint8 or array.ndim != n_axes:
        problem = f"{array.dtype} with {array.ndim} axes; uint8 with {n_axes} is allowed"
        raise DataFormatError(path, 2, problem)
    return path, array
