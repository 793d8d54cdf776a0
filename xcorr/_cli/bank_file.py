"""A bank by its name, or from a ``.npy`` or ``.npz`` file."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from xcorr._cli.images import TIFF_STARTS
from xcorr._cli.pictures import JPEG_START, PNG_START
from xcorr._cli.pixels import check_expanded
from xcorr._dtypes import check_element
from xcorr._reader import open_regular
from xcorr.banks import BANKS
from xcorr.banks import names as names_of

__all__ = ["bank_digest", "bank_names", "kernel_names", "read_bank"]

Array = NDArray[Any]

STARTS = (b"\x93NUMPY", b"PK\3\4", b"PK\5\6")
OTHERS: dict[str, bytes | tuple[bytes, ...]] = {
    "PNG": PNG_START,
    "JPEG": JPEG_START,
    "TIFF": TIFF_STARTS,
    "gzip": b"\x1f\x8b",
    "HDF5": b"\x89HDF",
    "MATLAB": b"MATLAB",
    "PDF": b"%PDF",
}
"""Kinds of files that are no banks, and their first bytes."""


def bank_names() -> list[str]:
    """Return the names of the banks that come with the package."""
    return list(BANKS)


def kernel_names(word: str, bank: Array) -> list[str]:
    """Name the kernels of the bank that `read_bank` returned for a word; those of a file are numbered."""
    if word in BANKS:
        return names_of(word)
    return [f"kernel {index}" for index in range(1 if bank.ndim == 2 else len(bank))]


def read_bank(word: str) -> Array:
    """Return a bank by its name or from a file.

    Parameters
    ----------
    word : str
        One of `bank_names`, a ``.npy`` file, a ``.npz`` file with one array, or ``FILE.npz:NAME``.

    Returns
    -------
    ndarray
        (kh, kw), (K, kh, kw), or with channels of 4 axes.

    Raises
    ------
    ValueError
        There is no such bank, or the file holds no array of numbers of 2 to 4 axes. Pickled objects are not read.
    """
    bank = np.asarray(BANKS[word]()) if word in BANKS else bank_of_file(word)
    if bank.ndim not in (2, 3, 4):
        raise ValueError(f"got {word!r}, an array of shape {bank.shape}; allowed are (kh, kw), (K, kh, kw) and 4 axes")
    try:
        check_element("bank", bank.dtype)
    except TypeError as error:
        raise ValueError(f"got {word!r}; {error}") from error
    return bank


def bank_of_file(word: str) -> Array:
    """Return the array of a file, read as data alone."""
    path, member = Path(word), ""
    if not os.path.exists(path) and ".npz:" in word:
        before, _, member = word.rpartition(":")
        path = Path(before)
    if not os.path.isfile(path):
        raise ValueError(
            f"got {word!r}; allowed are {', '.join(bank_names())}, a .npy file, a .npz file or FILE.npz:NAME"
        )
    try:
        with open_regular(path) as file:
            start = file.read(8)
            file.seek(0)
            check_start(start)
            found = np.load(file, allow_pickle=False)
            if not isinstance(found, np.ndarray):
                return array_of(found, member, os.fstat(file.fileno()).st_size)
        if member:
            raise ValueError(f"a single array, without the name {member!r}")
        return found
    except Exception as error:  # a file's bytes are anybody's, and what reads archives raises much
        problem = "objects, which would have to be unpickled" if "allow_pickle" in str(error) else str(error)
        raise ValueError(f"got {word!r}; it cannot be read as a bank: {problem}") from error


def check_start(start: bytes) -> None:
    """ValueError unless a file with these first bytes is a ``.npy`` or ``.npz`` file."""
    if start.startswith(STARTS):
        return
    kind = next((kind for kind, starts in OTHERS.items() if start.startswith(starts)), "")
    what = f"it is a {kind} file" if kind else f"it begins with {start!r}" if start else "it is empty"
    raise ValueError(f"{what}; allowed are .npy and .npz files, which numpy.save and numpy.savez write")


def array_of(arrays: Any, member: str, file_bytes: int) -> Array:
    """Return the array of that name, or the only one."""
    names = list(arrays.files)
    if not member and len(names) == 1:
        member = names[0]
    if member not in names:
        got = f"no array {member!r}" if member else f"{len(names)} arrays"
        raise ValueError(f"{got} in it; allowed is FILE.npz:NAME with NAME one of {', '.join(map(repr, names))}")
    place = member if member in arrays.zip.namelist() else f"{member}.npy"
    check_expanded(arrays.zip.getinfo(place).file_size, file_bytes, "an array")
    found = arrays[member]
    if not isinstance(found, np.ndarray):  # of a member that is no array
        raise ValueError(f"{member!r} in it is no array")
    return found


def bank_digest(bank: Array) -> str:
    """Return the SHA-256 of a bank: its type, shape and numbers."""
    native = bank.astype(bank.dtype.newbyteorder("<"))
    return hashlib.sha256(f"{native.dtype.str} {native.shape} ".encode() + native.tobytes()).hexdigest()
