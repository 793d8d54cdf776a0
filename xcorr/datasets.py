"""Readers for MNIST (IDX) and CIFAR-10 files, and two small samples that come with the package.

A file is material to be judged: whatever is in it, a reader gives the images that the format defines or raises
`DataFormatError` with the file and the byte offset. Nothing in a file is executed, nothing is written to disk.

- Sizes come from headers and are compared with what the file can hold, and with `max_bytes`, before any memory is taken
  for them. gzip is recognised by its first two bytes, and decompressed to one byte beyond what the header declares.
- CIFAR-10's python version is a pickle: ``xcorr._unpickle`` reads it as data, nothing in it is imported or called.
- Archives are read as streams; only regular members with the names of the format count.
"""

from __future__ import annotations

import errno
import math
import operator
import os
import struct
import sys
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from xcorr._foreign import shown
from xcorr._reader import TAR_BLOCK, DataFormatError, Reader, open_file, open_sample, tar_header
from xcorr._unpickle import Array, unpickle

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

_MAX_BYTES = 4 << 30
_MAX_AXES = 32  # of an array in NumPy 1

_IDX_DTYPES = {0x08: ">u1", 0x09: ">i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}

_PIXELS = 3 * 32 * 32
_LABEL_NAMES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
_BATCHES = (*(f"data_batch_{number}" for number in range(1, 6)), "test_batch")
_VERSIONS = (("", "batches.meta"), (".bin", "batches.meta.txt"))
_FOLDERS = ("", "cifar-10-batches-py/", "cifar-10-batches-bin/")
_MEMBERS = {
    folder + name: name
    for folder in _FOLDERS
    for suffix, meta in _VERSIONS
    for name in (*(batch + suffix for batch in _BATCHES), meta)
}
_TAR_KINDS_WITHOUT_BODY = b"123456"  # links, devices, folders, pipes
_MAX_MEMBERS = 1000  # of an archive; the original ones have ten
_MAX_META_BYTES = 1 << 16
_MAX_PICKLE_BYTES = 64 << 20  # a batch of 10,000 images is a pickle of 31 MB


class Mnist(NamedTuple):
    """The two sets of MNIST.

    Parameters
    ----------
    train_images : ndarray of uint8, (N, H, W), or None
        The training set; None for a file that is not there.
    train_labels : ndarray of uint8, (N,), or None
        From 0 to 9 in MNIST.
    test_images : ndarray of uint8, (N, H, W), or None
        The test set.
    test_labels : ndarray of uint8, (N,), or None
        As for the training set.
    """

    train_images: NDArray[np.uint8] | None
    train_labels: NDArray[np.uint8] | None
    test_images: NDArray[np.uint8] | None
    test_labels: NDArray[np.uint8] | None


class Cifar10(NamedTuple):
    """Batches of CIFAR-10 as one.

    Parameters
    ----------
    images : ndarray of uint8, (N, 32, 32, 3)
        Red, green and blue last.
    labels : ndarray of uint8, (N,)
        From 0 to 9.
    label_names : tuple of str
        The names of the ten labels.
    """

    images: NDArray[np.uint8]
    labels: NDArray[np.uint8]
    label_names: tuple[str, ...]


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


def _checked_path(argument: str, value: object) -> str:
    problem = f"{argument}: got {shown(value)}; a str or an os.PathLike is allowed"
    try:
        path = os.fsdecode(value) if isinstance(value, (str, os.PathLike)) else None
    except Exception:  # whatever its __fspath__ raises
        path = None
    if path is None:
        raise TypeError(problem)
    if "\0" in path:
        raise ValueError(f"{problem}, without null bytes")
    return path


def _checked_max_bytes(value: object) -> int:
    try:
        max_bytes = operator.index(value)  # type: ignore[arg-type]
    except Exception:
        raise TypeError(f"max_bytes: got {shown(value)}; an int >= 0 is allowed") from None
    if max_bytes < 0:
        raise ValueError(f"max_bytes: got {shown(max_bytes)}; an int >= 0 is allowed")
    return max_bytes


def load_idx(path: str | os.PathLike[str], *, max_bytes: int = _MAX_BYTES) -> NDArray[Any]:
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
    path, max_bytes = _checked_path("path", path), _checked_max_bytes(max_bytes)
    with open_file(path, max_bytes) as reader:
        return _read_idx(reader)


def _read_idx(reader: Reader) -> NDArray[Any]:
    zero, code, n_axes = struct.unpack(">HBB", reader.read(4))
    if zero != 0:
        reader.fail("an IDX file begins with two zero bytes", 0)
    if code not in _IDX_DTYPES:
        reader.fail(f"type 0x{code:02X} is none of IDX's 0x08, 0x09, 0x0B, 0x0C, 0x0D, 0x0E", 2)
    if not 1 <= n_axes <= _MAX_AXES:
        reader.fail(f"{n_axes} axes; 1 to {_MAX_AXES} are allowed", 3)
    shape = struct.unpack(f">{n_axes}I", reader.read(4 * n_axes))
    dtype = np.dtype(_IDX_DTYPES[code])
    if math.prod(max(length, 1) for length in shape) * dtype.itemsize > sys.maxsize:
        reader.fail(f"no array can have the shape {shape}", 4)
    body = reader.read(math.prod(shape) * dtype.itemsize)
    reader.finish()
    array: NDArray[Any] = np.ndarray(shape, dtype, body)
    return array.astype(dtype.newbyteorder("="), copy=False)


def load_mnist(folder: str | os.PathLike[str], *, max_bytes: int = _MAX_BYTES) -> Mnist:
    """Read those of the four MNIST files that are in a folder.

    The names are ``train-images-idx3-ubyte``, ``train-labels-idx1-ubyte``, ``t10k-images-idx3-ubyte`` and
    ``t10k-labels-idx1-ubyte``, also with a dot before ``idx``, each plain or with ``.gz``. Of several spellings of one
    file the plain one is read. Sets of the same format (Fashion-MNIST, EMNIST) are read as well.

    Parameters
    ----------
    folder : str or os.PathLike
        Where the files are.
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
    folder, max_bytes = _checked_path("folder", folder), _checked_max_bytes(max_bytes)
    present = set(os.listdir(folder))
    parts: list[NDArray[np.uint8] | None] = []
    for prefix in ("train", "t10k"):
        images = _read_mnist_file(folder, present, f"{prefix}-images", 3, max_bytes)
        labels = _read_mnist_file(folder, present, f"{prefix}-labels", 1, max_bytes)
        if images and labels and len(images[1]) != len(labels[1]):
            problem = f"{len(labels[1])} labels for the {len(images[1])} images of {images[0]}"
            raise DataFormatError(labels[0], 4, problem)
        parts += [images and images[1], labels and labels[1]]
    if all(part is None for part in parts):
        raise FileNotFoundError(errno.ENOENT, "no MNIST file such as t10k-images-idx3-ubyte.gz in this folder", folder)
    return Mnist(*parts)


def _read_mnist_file(
    folder: str, present: set[str], stem: str, n_axes: int, max_bytes: int
) -> tuple[str, NDArray[np.uint8]] | None:
    for ending in ("", ".gz"):
        for separator in "-.":
            name = f"{stem}{separator}idx{n_axes}-ubyte{ending}"
            if name in present:
                path = os.path.join(folder, name)
                array = load_idx(path, max_bytes=max_bytes)
                if array.dtype != np.uint8 or array.ndim != n_axes:
                    problem = f"{array.dtype} with {array.ndim} axes; uint8 with {n_axes} is allowed"
                    raise DataFormatError(path, 2, problem)
                return path, array
    return None


def load_cifar10(folder_or_tar_gz: str | os.PathLike[str], *, max_bytes: int = _MAX_BYTES) -> Cifar10:
    """Read those of the CIFAR-10 batches that are there, in the python or the binary version.

    The batches come in the order ``data_batch_1`` to ``data_batch_5``, ``test_batch``; of the whole set the first
    50,000 images are the training set. Where both versions are, the python version is read.

    Parameters
    ----------
    folder_or_tar_gz : str or os.PathLike
        A folder with the batches or with a folder ``cifar-10-batches-py`` or ``cifar-10-batches-bin`` in it, or a tar
        archive of either, with gzip or without. An archive is read as a stream and never extracted; links and members
        of other names are passed over.
    max_bytes : int
        The most that is read in all, in bytes after decompression; 4 GiB by default. The memory used is at most about
        three times what is read. A batch of the python version may have 64 MiB.

    Returns
    -------
    Cifar10
        ``images`` uint8 (N, 32, 32, 3), ``labels`` uint8 (N,) from 0 to 9, and ``label_names``, ten str, from the meta
        file or, where there is none, the well-known ones from airplane to truck.

    Raises
    ------
    DataFormatError
        A file is not whole or not in the format, or `max_bytes` is exceeded; in an archive also: a batch is there twice
        or is not a regular file, or there is none.
    FileNotFoundError
        There is no such file or folder, or no batch in the folder.

    Notes
    -----
    A record of the binary version is one byte for the label and 3072 for the image: the red plane, the green, the blue,
    each row by row. It does not say how many records there are, so a file cut between two is a shorter batch. The
    python version pickles the same planes as rows of an array. Source: A. Krizhevsky, Learning Multiple Layers of
    Features from Tiny Images, 2009, https://www.cs.toronto.edu/~kriz/cifar.html.

    Examples
    --------
    One image, all black, in the binary version:

    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> from xcorr.datasets import load_cifar10
    >>> with TemporaryDirectory() as folder:
    ...     _ = Path(folder, "test_batch.bin").write_bytes(bytes([6]) + bytes(3072))
    ...     images, labels, label_names = load_cifar10(folder)
    >>> images.shape, label_names[labels[0]]
    ((1, 32, 32, 3), 'frog')
    """
    path, max_bytes = _checked_path("folder_or_tar_gz", folder_or_tar_gz), _checked_max_bytes(max_bytes)
    bodies = _folder_bodies(path, max_bytes) if os.path.isdir(path) else _archive_bodies(path, max_bytes)
    suffix, meta = next(version for version in _VERSIONS if any(batch + version[0] in bodies for batch in _BATCHES))
    read = _read_binary_batch if suffix else _read_python_batch
    label_names = _read_label_names(*bodies[meta]) if meta in bodies else _LABEL_NAMES
    batches = [read(*bodies.pop(batch + suffix)) for batch in _BATCHES if batch + suffix in bodies]
    bodies.clear()
    images = np.empty((sum(len(labels) for _, labels in batches), 32, 32, 3), np.uint8)
    position = 0
    for planes, labels in batches:
        images[position : position + len(labels)] = planes.reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1)
        position += len(labels)
    return Cifar10(images, np.concatenate([labels for _, labels in batches]), label_names)


def _folder_bodies(folder: str, max_bytes: int) -> dict[str, tuple[str, bytearray]]:
    for place in (os.path.join(folder, inner) for inner in _FOLDERS):
        present = os.listdir(place) if os.path.isdir(place) else ()
        for suffix, meta in _VERSIONS:
            batches = [batch + suffix for batch in _BATCHES if batch + suffix in present]
            if batches:
                bodies: dict[str, tuple[str, bytearray]] = {}
                for name in (*batches, *({meta} & set(present))):
                    with open_file(os.path.join(place, name), max_bytes) as reader:
                        bodies[name] = reader.path, _read_body(reader, name, os.path.getsize(reader.path))
                        reader.finish()
                        max_bytes -= reader.offset
                return bodies
    raise FileNotFoundError(errno.ENOENT, "no CIFAR-10 batch such as test_batch.bin in this folder", folder)


def _archive_bodies(archive: str, max_bytes: int) -> dict[str, tuple[str, bytearray]]:
    bodies: dict[str, tuple[str, bytearray]] = {}
    with open_file(archive, max_bytes) as reader:
        for _ in range(_MAX_MEMBERS):
            start = reader.offset
            header = tar_header(reader)
            if header is None:
                break
            member, kind, size = header
            name = _MEMBERS.get(member)
            if name is not None:
                if kind not in b"0\0" or name in bodies:
                    problem = "is there twice" if name in bodies else "is not a regular file"
                    reader.fail(f"member {member} {problem}", start)
                bodies[name] = f"{archive}:{member}", _read_body(reader, name, size)
                reader.skip(-size % TAR_BLOCK)
            elif kind not in _TAR_KINDS_WITHOUT_BODY:
                reader.skip(size + -size % TAR_BLOCK)
        else:
            reader.fail(f"more than {_MAX_MEMBERS} members")
        reader.finish(padding=b"\0")
        if not any(batch + suffix in bodies for batch in _BATCHES for suffix, _ in _VERSIONS):
            reader.fail("no CIFAR-10 batch (such as cifar-10-batches-py/test_batch) is in this archive")
    return bodies


def _read_body(reader: Reader, name: str, size: int) -> bytearray:
    limit = _MAX_META_BYTES if name.startswith("batches.meta") else _MAX_PICKLE_BYTES
    if size > limit and not name.endswith(".bin"):
        reader.fail(f"{name} has {size} bytes; {limit} are allowed")
    return reader.read(size)


def _read_binary_batch(path: str, body: bytearray) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    n_images, excess = divmod(len(body), 1 + _PIXELS)
    if excess or not n_images:
        raise DataFormatError(path, len(body) - excess, f"a record has {1 + _PIXELS} bytes, here are {excess}")
    records: NDArray[np.uint8] = np.ndarray((n_images, 1 + _PIXELS), np.uint8, body)
    labels = records[:, 0].copy()
    if (labels > 9).any():
        first = int((labels > 9).argmax())
        raise DataFormatError(path, first * (1 + _PIXELS), f"label {labels[first]}; 0 to 9 are allowed")
    return records[:, 1:], labels


def _read_python_batch(path: str, body: bytearray) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    content = unpickle(path, body)
    array, labels = content.get("data"), content.get("labels")
    if type(array) is not Array or array.rows is None:
        raise DataFormatError(path, 0, "the pickled dict has no array 'data'")
    if type(labels) is not list or any(type(label) is not int or not 0 <= label <= 9 for label in labels):
        raise DataFormatError(path, 0, "the pickled dict has no list 'labels' of int from 0 to 9")
    if len(labels) != len(array.rows):
        raise DataFormatError(path, 0, f"{len(labels)} labels for {len(array.rows)} images")
    return array.rows, np.array(labels, np.uint8)


def _read_label_names(path: str, body: bytearray) -> tuple[str, ...]:
    names = bytes(body).split() if path.endswith(".txt") else unpickle(path, body).get("label_names")
    if type(names) is not list or len(names) != 10 or not all(type(name) in (bytes, str) for name in names):
        raise DataFormatError(path, 0, "not the names of ten labels")
    return tuple(name if isinstance(name, str) else name.decode("latin-1") for name in names)


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
        return Sample(_read_idx(images), _read_idx(labels))


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
        planes, labels = _read_binary_batch(reader.path, reader.read(reader.capacity))
    return Sample(np.ascontiguousarray(planes.reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1)), labels)
