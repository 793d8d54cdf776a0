"""Sizes that images tell in their own headers, read without a decoder, which would make room for them."""

from __future__ import annotations

import struct

__all__ = ["jpeg_2000_size", "jpeg_size", "webp_size"]

Size = tuple[int, int]
"""Width and height."""

SIZES_OF_JPEG = {0xC0 + place for place in range(16)} - {0xC4, 0xC8, 0xCC}
"""Markers of JPEG's frames; https://www.w3.org/Graphics/JPEG/itu-t81.pdf, table B.1."""


def webp_size(head: bytes) -> Size | None:
    """Return the size of a WebP from its first 30 bytes; RFC 9649. None for what is none, and for animations."""
    kind, body = head[12:16], head[20:30]
    if head[:4] != b"RIFF" or head[8:12] != b"WEBP" or len(body) < 10:
        return None
    if kind == b"VP8X":
        width, height = (1 + int.from_bytes(body[place : place + 3], "little") for place in (4, 7))
        return None if body[0] & 2 else (width, height)
    if kind == b"VP8L":
        sizes = int.from_bytes(body[1:5], "little")
        return 1 + (sizes & 0x3FFF), 1 + (sizes >> 14 & 0x3FFF)
    width, height = (int.from_bytes(body[place : place + 2], "little") & 0x3FFF for place in (6, 8))
    return (width, height) if kind == b"VP8 " else None


def jpeg_size(head: bytes) -> Size | None:
    """Return the size of a JPEG of which these are the first bytes; None if it is not told in them."""
    place = 2
    while head[place : place + 1] == b"\xff" and len(head) >= place + 9:
        marker = head[place + 1]
        if marker == 0xFF:  # which fills
            place += 1
            continue
        if marker in SIZES_OF_JPEG:
            height, width = struct.unpack_from(">HH", head, place + 5)
            return width, height
        has_length = not (marker == 1 or 0xD0 <= marker <= 0xD8)
        place += 2 + (struct.unpack_from(">H", head, place + 2)[0] if has_length else 0)
    return None


def jpeg_2000_size(head: bytes) -> Size | None:
    """Return the size of a JPEG 2000 of which these are the first bytes; None if it is not told in them."""
    begin = head.find(b"\xff\x4f\xff\x51")
    if begin < 0 or len(head) < begin + 24:
        return None
    right, bottom, left, top = struct.unpack_from(">IIII", head, begin + 8)
    return right - left, bottom - top
