"""The chunks of a zarr array, looked at before they are decompressed.

A decoder makes room for what a chunk says of itself, or gives all that a stream holds. So those compressions are taken
whose chunks tell in their first bytes how large they are, or whose expansion is counted here.
"""

from __future__ import annotations

import math
import struct
import zlib
from typing import Any

from xcorr._cli.pixels import ImageError

__all__ = ["ZSTD_START", "Chunks", "told_bytes"]

ZSTD_START = b"\x28\xb5\x2f\xfd"

ALLOWED = ("blosc", "gzip", "lz4", "zlib", "zstd")

CHECKED = ("adler32", "crc32", "crc32c", "fletcher32")
"""Check sums, which chunks have around them."""

DEFLATE_RATIO, STEP = 1032, 1 << 20
"""What deflate gives at most for a byte, and bytes that are counted at once."""

BLOCK_BYTES = 1 << 17
"""What a block of Zstandard gives at most; RFC 8878, 3.1.1.2.4."""

SPARE = 1 << 12
"""Bytes that a chunk may have beside its numbers: headers, and check sums."""


def told_bytes(frame: bytes) -> int | None:
    """Return the size that a Zstandard frame says it has decompressed, None if it does not; RFC 8878, 3.1.1.1."""
    begin, length = size_field(frame)
    field = frame[begin : begin + length]
    if not length or len(field) < length:
        return None
    return int.from_bytes(field, "little") + (256 if length == 2 else 0)


def size_field(frame: bytes) -> tuple[int, int]:
    """Return where the size of a Zstandard frame begins, and its bytes."""
    facts = frame[4:5].ljust(1, b"\0")[0]
    is_single, code = facts >> 5 & 1, facts >> 6
    return 5 + (1 - is_single) + (0, 1, 2, 4)[facts & 3], 1 << code if code else is_single


def zstd_bytes(body: bytes) -> int:
    """Return the bytes that Zstandard frames give, of one that does not say what its blocks give at most."""
    total = 0
    while body:
        if not body.startswith(ZSTD_START):
            raise ImageError("a damaged chunk: it is not compressed by zstd")
        told, (begin, length) = told_bytes(body), size_field(body)
        place, of_blocks, is_last = begin + length, 0, False
        while not is_last and place + 3 <= len(body):
            head = int.from_bytes(body[place : place + 3], "little")
            is_last, kind, size = bool(head & 1), head >> 1 & 3, head >> 3
            of_blocks += size if kind < 2 else BLOCK_BYTES
            place += 3 + (1 if kind == 1 else size)
        total += of_blocks if told is None else told
        body = body[place + 4 * (body[4] >> 2 & 1) :]
    return total


def deflated_bytes(body: bytes, most: int) -> int:
    """Return the bytes that deflated streams give, counted no further than beyond `most`."""
    if len(body) * DEFLATE_RATIO <= most:
        return 0
    total = 0
    while body and total <= most:
        stream = zlib.decompressobj(zlib.MAX_WBITS | 32)
        while not stream.eof and total <= most:
            found = stream.decompress(body, STEP)
            body, total = stream.unconsumed_tail, total + len(found)
            if not found and not body:
                break
        body = stream.unused_data
    return total


class Chunks:
    """What chunks of an array may be.

    Parameters
    ----------
    array : zarr.Array
        The array.
    most_bytes : int
        Bytes of numbers that a chunk may have; `ImageError` if the array's have more.
    """

    def __init__(self, array: Any, most_bytes: int) -> None:
        itemsize = array.dtype.itemsize
        self.n_bytes = math.prod(array.chunks) * itemsize
        if self.n_bytes > most_bytes:
            raise ImageError(
                f"chunks of {array.chunks} numbers, {self.n_bytes:,} bytes; allowed are --most-bytes, {most_bytes:,}"
            )
        self.sharding = None
        codecs = codecs_of(array)
        if codecs and codecs[-1][0] == "sharding_indexed":
            self.sharding = codecs.pop()[1]
            self.n_inner = math.prod(array.shards) // max(1, math.prod(array.chunks))
            self.index_bytes = index_bytes_of(self.sharding, self.n_inner, most_bytes)
            codecs += [named(codec) for codec in self.sharding["codecs"]]
        self.compression = compression_of([name for name, _ in codecs])
        self.file_bytes = self.n_bytes * 2 + SPARE
        if self.sharding is not None:
            self.file_bytes = self.file_bytes * self.n_inner + self.index_bytes

    def check(self, body: bytes, byte_range: Any) -> None:
        """`ImageError` if a chunk could give more than its array has room for."""
        if self.sharding is None:
            self.check_chunk(body)
        elif byte_range is None:
            self.check_shard(body)
        elif not self.is_index(byte_range):
            self.check_chunk(body)

    def is_index(self, byte_range: Any) -> bool:
        """Whether bytes that are asked for are the index of a shard."""
        assert self.sharding is not None
        if hasattr(byte_range, "suffix"):
            return bool(self.sharding.get("index_location", "end") == "end")
        at_start = self.sharding.get("index_location") == "start"
        span = getattr(byte_range, "start", 1), getattr(byte_range, "end", 0)
        return bool(at_start and span == (0, self.index_bytes))

    def check_shard(self, body: bytes) -> None:
        """`ImageError` if a chunk of a shard could."""
        assert self.sharding is not None
        at_start = self.sharding.get("index_location") == "start"
        index = body[: self.index_bytes] if at_start else body[-self.index_bytes :]
        if len(index) < self.index_bytes:
            raise ImageError("a shard that ends early")
        for begin, length in struct.iter_unpack("<QQ", index[: 16 * self.n_inner]):
            if begin < len(body):  # else it is absent, or zarr says what is wrong
                self.check_chunk(body[begin : begin + length])

    def check_chunk(self, body: bytes) -> None:
        """`ImageError` if one chunk could."""
        if self.compression is None:
            n_bytes = len(body)
        elif self.compression == "zstd":
            n_bytes = zstd_bytes(body)
        elif self.compression == "blosc":
            n_bytes = int.from_bytes(body[4:8], "little")
        elif self.compression == "lz4":
            n_bytes = int.from_bytes(body[:4], "little")
        else:
            try:
                n_bytes = deflated_bytes(body, self.n_bytes + SPARE)
            except zlib.error as error:
                raise ImageError(f"a damaged chunk: {error}") from None
        if n_bytes > max(self.n_bytes, self.room()) + SPARE:
            raise ImageError(f"a chunk of more than {self.n_bytes:,} bytes, which it has room for")

    def room(self) -> int:
        """Return the bytes that blocks of Zstandard give where a chunk does not tell its size."""
        return -(-self.n_bytes // BLOCK_BYTES) * BLOCK_BYTES if self.compression == "zstd" else 0


def codecs_of(array: Any) -> list[tuple[str, dict[str, Any]]]:
    """Return the names of what the numbers of a chunk went through, in this order, with what is told of each."""
    told = array.metadata.to_dict()
    if array.metadata.zarr_format == 3:
        return [named(codec) for codec in told["codecs"]]
    steps = [*(told.get("filters") or []), *([told["compressor"]] if told.get("compressor") else [])]
    return [(str(step["id"]), dict(step)) for step in steps]


def named(codec: Any) -> tuple[str, dict[str, Any]]:
    """Return the name of a codec of the format 3, and what is told of it."""
    if isinstance(codec, dict):
        return str(codec["name"]).removeprefix("numcodecs."), dict(codec.get("configuration") or {})
    return str(codec).removeprefix("numcodecs."), {}


def compression_of(names: list[str]) -> str | None:
    """Return the compression among codecs; `ImageError` for what is not taken."""
    found = [name for name in names if name not in (*CHECKED, *FILTERS)]
    if len(found) > 1 or set(found) - set(ALLOWED):
        told = " and ".join(map(repr, found))
        raise ImageError(f"chunks by {told}; allowed are none and one of {', '.join(ALLOWED)}")
    return found[0] if found else None


FILTERS = ("bytes", "transpose", "delta", "shuffle", "fixedscaleoffset", "quantize", "bitround", "astype")
"""What gives as many numbers as it takes."""


def index_bytes_of(sharding: dict[str, Any], n_inner: int, most_bytes: int) -> int:
    """Return the bytes of a shard's index; `ImageError` for one that is not taken."""
    names = [named(codec)[0] for codec in sharding.get("index_codecs", [])]
    if names not in (["bytes"], ["bytes", "crc32c"]) or 16 * n_inner > most_bytes:
        raise ImageError(f"shards of {n_inner:,} chunks with an index by {names}; allowed is one by bytes and crc32c")
    return 16 * n_inner + 4 * (len(names) - 1)
