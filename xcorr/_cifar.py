"""CIFAR-10 in its python and its binary version: folders, tar archives, single batches."""

from __future__ import annotations

import errno
import os
from collections.abc import Container, Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from xcorr._file_places import MAX_BYTES, checked_max_bytes, checked_path, found_file, is_folder
from xcorr._reader import TAR_BLOCK, DataFormatError, Reader, open_file, tar_header
from xcorr._unpickle import Array, unpickle

__all__ = ["Cifar10", "load_cifar10", "planes_last", "read_binary_batch"]

_PIXELS = 3 * 32 * 32
_LABEL_NAMES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
_TRAINING, _TEST = tuple(f"data_batch_{number}" for number in range(1, 6)), "test_batch"
_BATCHES = (*_TRAINING, _TEST)
_VERSIONS = (("", "batches.meta"), (".bin", "batches.meta.txt"))
_FILES = tuple(batch + suffix for suffix, _ in _VERSIONS for batch in _BATCHES)
_FOLDERS = ("", "cifar-10-batches-py/", "cifar-10-batches-bin/")
_MEMBERS = {folder + name: name for folder in _FOLDERS for name in (*_FILES, *(meta for _, meta in _VERSIONS))}
_TAR_KINDS_WITHOUT_BODY = b"123456"  # links, devices, folders, pipes
_MAX_MEMBERS = 1000  # of an archive; the original ones have ten
_MAX_META_BYTES = 1 << 16
_MAX_PICKLE_BYTES = 64 << 20  # a batch of 10,000 images is a pickle of 31 MB
_NEARLY_ALL = 4  # of the training batches

Part = tuple[NDArray[np.uint8], NDArray[np.uint8]]


class Cifar10(NamedTuple):
    """The two sets of CIFAR-10.

    Its ``images`` and ``labels`` are those of both sets, one after the other.

    Parameters
    ----------
    train_images : ndarray of uint8, (N, 32, 32, 3), or None
        The training set, red, green and blue last; None where there is no batch of it.
    train_labels : ndarray of uint8, (N,), or None
        From 0 to 9.
    test_images : ndarray of uint8, (N, 32, 32, 3), or None
        The test set.
    test_labels : ndarray of uint8, (N,), or None
        As for the training set.
    label_names : tuple of str
        The names of the ten labels.
    """

    train_images: NDArray[np.uint8] | None
    train_labels: NDArray[np.uint8] | None
    test_images: NDArray[np.uint8] | None
    test_labels: NDArray[np.uint8] | None
    label_names: tuple[str, ...]

    @property
    def images(self) -> NDArray[np.uint8]:
        """All images, those of the training set first: a copy where both sets are there."""
        return _joined(self.train_images, self.test_images)

    @property
    def labels(self) -> NDArray[np.uint8]:
        """The labels of `images`."""
        return _joined(self.train_labels, self.test_labels)


def _joined(train: NDArray[np.uint8] | None, test: NDArray[np.uint8] | None) -> NDArray[np.uint8]:
    parts = [part for part in (train, test) if part is not None]
    return parts[0] if len(parts) == 1 else np.concatenate(parts)


def load_cifar10(folder_or_tar_gz: str | os.PathLike[str], *, max_bytes: int = MAX_BYTES) -> Cifar10:
    """Read CIFAR-10, in the python or the binary version: the whole set, or those of its batches that are there.

    ``data_batch_1`` to ``data_batch_5`` are the training set, in this order, ``test_batch`` is the test set. One of the
    two may be absent, and of the training set one batch by itself or the first few are read as they are; one that is
    missing before others, or the only one of five, is an error that names it. Where both versions are, the python
    version is read.

    Parameters
    ----------
    folder_or_tar_gz : str or os.PathLike
        A folder with the batches or with a folder ``cifar-10-batches-py`` or ``cifar-10-batches-bin`` in it, or a tar
        archive of either, with gzip or without, or a single batch under its own name. An archive is read as a stream
        and never extracted; links and members of other names are passed over.
    max_bytes : int
        The most that is read in all, in bytes after decompression; 4 GiB by default. The memory used is at most about
        three times what is read. A batch of the python version may have 64 MiB.

    Returns
    -------
    Cifar10
        ``train_images``, ``train_labels``, ``test_images``, ``test_labels``: images uint8 (N, 32, 32, 3), labels uint8
        (N,) from 0 to 9, None where there is no batch; and ``label_names``, ten str, from the meta file or, where there
        is none, the well-known ones from airplane to truck.

    Raises
    ------
    DataFormatError
        A file is not whole or not in the format, or `max_bytes` is exceeded; in an archive also: a batch is missing,
        there twice or not a regular file, or there is none.
    FileNotFoundError
        There is no such file or folder, no batch in the folder, or one is missing there.

    Notes
    -----
    A record of the binary version is one byte for the label and 3072 for the image: the red plane, the green, the blue,
    each row by row. It does not say how many records there are, so a file cut between two is a shorter batch. The
    python version pickles the same planes as rows of an array; pickles of the protocols 2 to 5 are read, with keys of
    either type, as data: nothing in them is run. Source: A. Krizhevsky, Learning Multiple Layers of Features from Tiny
    Images, 2009, https://www.cs.toronto.edu/~kriz/cifar.html.

    Examples
    --------
    One image of the test set, all black, in the binary version:

    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> from xcorr.datasets import load_cifar10
    >>> with TemporaryDirectory() as folder:
    ...     _ = Path(folder, "test_batch.bin").write_bytes(bytes([6]) + bytes(3072))
    ...     cifar = load_cifar10(folder)
    >>> cifar.test_images.shape, cifar.label_names[cifar.test_labels[0]]
    ((1, 32, 32, 3), 'frog')
    >>> cifar.train_images is None
    True
    """
    path, max_bytes = checked_path("folder_or_tar_gz", folder_or_tar_gz), checked_max_bytes(max_bytes)
    if os.path.basename(path) in _FILES:
        bodies = _batch_bodies(path, max_bytes)
    elif is_folder(path):
        bodies = _folder_bodies(path, max_bytes)
    else:
        bodies = _archive_bodies(path, max_bytes)
    suffix, meta = _version_of(bodies)
    label_names = _read_label_names(*bodies[meta]) if meta in bodies else _LABEL_NAMES
    read = read_binary_batch if suffix else _read_python_batch
    batches = {batch: read(*bodies.pop(batch + suffix)) for batch in _BATCHES if batch + suffix in bodies}
    bodies.clear()
    train_images, train_labels = _part([batches[name] for name in _TRAINING if name in batches])
    test_images, test_labels = _part([batches[name] for name in (_TEST,) if name in batches])
    return Cifar10(train_images, train_labels, test_images, test_labels, label_names)


def _version_of(names: Container[str]) -> tuple[str, str]:
    """What the batches' names end with, and the name of the meta file."""
    return next(version for version in _VERSIONS if any(batch + version[0] in names for batch in _BATCHES))


def _missing(names: Container[str], suffix: str) -> str:
    """What is missing of the training set, in words; one batch or the first few may have been taken on purpose."""
    training = [batch + suffix for batch in _TRAINING]
    present = [name for name in training if name in names]
    if len(present) < 2:
        return ""
    end = len(training) if len(present) >= _NEARLY_ALL else training.index(present[-1])
    missing = [name for name in training[:end] if name not in present]
    return f"without {', '.join(missing)}, and yet with {', '.join(present)}" if missing else ""


def _part(batches: list[Part]) -> Part | tuple[None, None]:
    """Images and labels of some batches, one after the other."""
    if not batches:
        return None, None
    labels = np.concatenate([labels for _, labels in batches])
    images = np.empty((len(labels), 32, 32, 3), np.uint8)
    position = 0
    for planes, of_batch in batches:
        images[position : position + len(of_batch)] = planes_last(planes)
        position += len(of_batch)
    return images, labels


def planes_last(planes: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """A view (N, 32, 32, 3) of rows of red, green and blue planes."""
    return planes.reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1)


Bodies = dict[str, tuple[str, bytearray]]
"""Path and content of each file, by its name."""


def _folder_bodies(folder: str, max_bytes: int) -> Bodies:
    for place in (os.path.join(folder, inner) for inner in _FOLDERS):
        for suffix, meta in _VERSIONS:
            names = [*(batch + suffix for batch in _BATCHES), meta]
            paths = {name: path for name in names if (path := found_file(place, [name]))}
            if missing := _missing(paths, suffix):
                raise FileNotFoundError(errno.ENOENT, f"CIFAR-10 {missing}", place)
            if paths.keys() - {meta}:
                return _file_bodies(paths, max_bytes)
    raise FileNotFoundError(errno.ENOENT, "no CIFAR-10 batch such as test_batch.bin in this folder", folder)


def _batch_bodies(path: str, max_bytes: int) -> Bodies:
    """A single batch, with the names of its labels where they are beside it."""
    folder, name = os.path.split(path)
    _, meta = _version_of([name])
    beside = found_file(folder, [meta])
    paths = {name: found_file(folder, [name]) or path}
    return _file_bodies(paths | ({meta: beside} if beside else {}), max_bytes)


def _file_bodies(paths: Mapping[str, str], max_bytes: int) -> Bodies:
    bodies: Bodies = {}
    for name, path in paths.items():
        with open_file(path, max_bytes) as reader:
            bodies[name] = path, _read_body(reader, name, os.path.getsize(path))
            reader.finish()
            max_bytes -= reader.offset
    return bodies


def _archive_bodies(archive: str, max_bytes: int) -> Bodies:
    bodies: Bodies = {}
    with open_file(archive, max_bytes) as reader:
        for _ in range(_MAX_MEMBERS):
            start = reader.offset
            header = _header(reader)
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
        if not any(name in bodies for name in _FILES):
            reader.fail("no CIFAR-10 batch (such as cifar-10-batches-py/test_batch) is in this archive")
        if missing := _missing(bodies, _version_of(bodies)[0]):
            reader.fail(f"CIFAR-10 {missing}")
    return bodies


def _header(reader: Reader) -> tuple[str, bytes, int] | None:
    try:
        return tar_header(reader)
    except DataFormatError as error:
        if reader.offset > TAR_BLOCK:
            raise
        problem = f"{error.problem}; a batch by itself is called {', '.join(_BATCHES)} or that with .bin"
        raise DataFormatError(error.path, error.offset, problem) from None


def _read_body(reader: Reader, name: str, size: int) -> bytearray:
    limit = _MAX_META_BYTES if name.startswith("batches.meta") else _MAX_PICKLE_BYTES
    if size > limit and not name.endswith(".bin"):
        reader.fail(f"{name} has {size} bytes; {limit} are allowed")
    return reader.read(size)


def read_binary_batch(path: str, body: bytearray) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
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
