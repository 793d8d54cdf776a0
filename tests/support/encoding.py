"""Image files, written independently of what reads them, and what is said of those that are refused."""

import io
import struct
import zlib

import numpy as np
import pytest

pytest.importorskip("PIL")
pytest.importorskip("tifffile")

import tifffile

from xcorr._cli.images import ImageError


def refusal(taken, body, **keywords):
    with pytest.raises(ImageError) as refused:
        taken(body, **keywords)
    return str(refused.value)


def encoded(image, form="PNG", **keywords):
    file = io.BytesIO()
    image.save(file, form, **keywords)
    return file.getvalue()


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(width, height, depth, kind, rows, *extra):
    """A PNG of rows of bytes as they are, whatever Pillow could write."""
    header = struct.pack(">IIBBBBB", width, height, depth, kind, 0, 0, 0)
    body = zlib.compress(b"".join(b"\0" + row for row in rows))
    chunks = [chunk(b"IHDR", header), *extra, chunk(b"IDAT", body), chunk(b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


def tiff(array, **keywords):
    file = io.BytesIO()
    tifffile.imwrite(file, array, **keywords)
    return file.getvalue()


def npy(array):
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


def pages_of(pages, **keywords):
    """A TIFF whose pages do not lie in one piece."""
    file = io.BytesIO()
    with tifffile.TiffWriter(file) as writer:
        for page in pages:
            writer.write(page, photometric="minisblack", contiguous=False, metadata=None, **keywords)
    return file.getvalue()


def one_piece_tiff(compression, piece, width=16, height=16):
    tags = {256: width, 257: height, 258: 8, 259: compression, 262: 1, 273: 8, 277: 1, 278: height, 279: len(piece)}
    body = struct.pack("<2sHI", b"II", 42, 8 + len(piece)) + piece + struct.pack("<H", len(tags))
    return body + b"".join(struct.pack("<HHII", tag, 4, 1, tags[tag]) for tag in sorted(tags)) + bytes(4)
