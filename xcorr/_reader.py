"""Streams that are judged while they are read: plain files, gzip, tar headers. Nothing is trusted, nothing is written.

Sizes are compared with what the file can hold, and with a limit, before any memory is taken for them. Bodies are read
in pieces of 1 MiB at most, so a header that lies costs no more memory than the body has. Tar headers are read here
because `tarfile` takes extended headers of any size into memory; CIFAR-10's archives have no use for them.
What takes long to import is imported by the function that needs it, as not everybody reads files.
"""

from __future__ import annotations

import contextlib
import os
import stat
import sys
import zlib
from collections.abc import Iterator
from typing import BinaryIO, NoReturn, cast

from xcorr._foreign import refuses

__all__ = ["TAR_BLOCK", "DataFormatError", "Reader", "open_file", "open_regular", "open_sample", "tar_header"]

_CHUNK_BYTES = 1 << 20
_DEFLATE_RATIO = 1032  # the most that deflate can expand, https://zlib.net/zlib_tech.html
TAR_BLOCK = 512


class DataFormatError(ValueError):
    """A file does not hold what its format promises.

    Its arguments are its attributes too.

    Parameters
    ----------
    path : str
        The file; for a member of an archive ``archive:member``.
    offset : int
        Where in it, in bytes, counted after decompression.
    problem : str
        What is wrong there.

    Examples
    --------
    >>> import os
    >>> import xcorr
    >>> try:
    ...     xcorr.datasets.load_idx(os.devnull)
    ... except xcorr.DataFormatError as error:
    ...     print(error.offset)
    0
    """

    __module__ = "xcorr.datasets"

    def __init__(self, path: str, offset: int, problem: str) -> None:
        super().__init__(path, offset, problem)
        self.path, self.offset, self.problem = path, offset, problem

    def __str__(self) -> str:
        return f"{self.path}: byte {self.offset}: {self.problem}"


class Reader:
    """A stream, plain or gzip, that knows its path and offset and what it can hold."""

    def __init__(self, stream: BinaryIO, path: str, max_bytes: int) -> None:
        import gzip

        self.path, self.offset = path, 0
        capacity = stream.seek(0, os.SEEK_END)
        stream.seek(0)
        compressed = stream.read(2) == b"\x1f\x8b"
        stream.seek(0)
        self._stream = gzip.GzipFile(fileobj=stream) if compressed else stream
        self.capacity = min(capacity * _DEFLATE_RATIO if compressed else capacity, max_bytes)

    def chunk(self, count: int) -> bytes:
        import gzip

        try:
            chunk = self._stream.read(min(count, _CHUNK_BYTES))
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            if not refuses(error, "gzip", "zlib", "_compression", "compression"):
                raise
            raise DataFormatError(self.path, self.offset, f"damaged gzip stream ({error})") from error
        self.offset += len(chunk)
        return chunk

    def chunks(self, count: int) -> Iterator[bytes]:
        """Exactly `count` bytes."""
        available = self.capacity - self.offset
        if count > available:
            self.fail(f"{count} bytes must follow, at most {available} can (by the file's size or max_bytes)")
        while count:
            chunk = self.chunk(count)
            if not chunk:
                self.fail(f"the file ends {count} bytes early")
            count -= len(chunk)
            yield chunk

    def read(self, count: int) -> bytearray:
        body = bytearray()
        for chunk in self.chunks(count):
            body += chunk
        return body

    def skip(self, count: int) -> None:
        for _ in self.chunks(count):
            pass

    def finish(self, padding: bytes = b"") -> None:
        """Nothing but `padding` follows, and the checksum of a gzip stream is right."""
        while chunk := self.chunk(_CHUNK_BYTES if padding else 1):
            if chunk.strip(padding) or self.offset > self.capacity:
                self.fail("bytes follow where the file should end", self.offset - len(chunk))

    def fail(self, problem: str, offset: int | None = None) -> NoReturn:
        raise DataFormatError(self.path, self.offset if offset is None else offset, problem)


def open_regular(path: str | os.PathLike[str]) -> BinaryIO:
    """Open a file for reading; OSError without a number if it is a pipe or a device, which might never end.

    It is looked at before it is opened, as to open a device may do something, and then as it was opened.
    """
    if stat.S_ISREG(os.stat(path).st_mode):
        flags = sum(getattr(os, name, 0) for name in ("O_NONBLOCK", "O_BINARY", "O_NOCTTY"))
        with contextlib.ExitStack() as stack:
            file = stack.enter_context(open(path, "rb", opener=lambda place, asked: os.open(place, asked | flags)))
            if stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                stack.pop_all()
                return file
    raise OSError(0, "not a regular file", os.fspath(path))


@contextlib.contextmanager
def open_file(path: str, max_bytes: int) -> Iterator[Reader]:
    try:
        stream = open_regular(path)
    except OSError as error:
        if error.errno or not refuses(error):
            raise
        raise DataFormatError(path, 0, str(error.strerror)) from None
    with stream:
        yield Reader(stream, path, max_bytes)


@contextlib.contextmanager
def open_sample(name: str) -> Iterator[Reader]:
    from importlib import resources

    with (resources.files("xcorr") / "_samples" / name).open("rb") as stream:
        yield Reader(cast(BinaryIO, stream), name, sys.maxsize)


def tar_header(reader: Reader) -> tuple[str, bytes, int] | None:
    """Name, kind and size of the next member, None at the archive's end: ustar (POSIX.1-1988) and its predecessor."""
    header = reader.read(TAR_BLOCK)
    if not any(header):
        return None
    try:
        checksum, size = (int(header[start:stop].strip(b" \0"), 8) for start, stop in ((148, 156), (124, 136)))
    except ValueError as error:
        if not refuses(error):
            raise
        reader.fail("not a tar header", reader.offset - TAR_BLOCK)
    if checksum != sum(header) - sum(header[148:156]) + 8 * ord(" ") or size < 0:
        reader.fail("not a tar header", reader.offset - TAR_BLOCK)
    fields = [header[:100], header[345:500] if header[257:263] == b"ustar\0" else b""]
    name, prefix = (bytes(field).split(b"\0")[0].decode("latin-1") for field in fields)
    return (f"{prefix}/{name}" if prefix else name).removeprefix("./"), bytes(header[156:157]), size
