"""Image files and banks that say that they are far more than they are: refused before they take memory or time."""

import struct
import time
import tracemalloc
import zipfile
import zlib

import numpy as np
import pytest
from checks import SEED
from encoding import chunk, encoded, one_piece_tiff, png, refusal
from formats import MIB
from PIL import Image

from xcorr._cli import headers, tiff_pieces, zarr_chunks
from xcorr._cli.bank_file import read_bank
from xcorr._cli.images import ImageError, open_images


@pytest.fixture
def rng():
    return np.random.default_rng([SEED, 23])


# --- sizes that lie ---------------------------------------------------------------------------------------------------


def frugal(call, most=64 * MIB):
    """What a call gives; it takes no more memory of Python's than that."""
    tracemalloc.start()
    try:
        found = call()
        assert tracemalloc.get_traced_memory()[1] < most
        return found
    finally:
        tracemalloc.stop()


def blank(form, side, **keywords):
    return encoded(Image.new("L" if form != "WEBP" else "RGB", (side, side)), form, **keywords)


def sparse_tiff(side, tile, n_pages=1, compression=1):
    """Pages of tiles of which none is there."""
    count = (-(-side // tile)) ** 2
    body = struct.pack("<2sHI", b"II", 42, 8 + 4 * count) + bytes(4 * count)
    facts = {256: side, 257: side, 258: 8, 259: compression, 262: 1, 277: 1, 322: tile, 323: tile}
    for page in range(n_pages):
        tags = {tag: (1, value) for tag, value in facts.items()} | {324: (count, 8), 325: (count, 8)}
        entries = b"".join(struct.pack("<HHII", tag, 4, *tags[tag]) for tag in sorted(tags))
        end = len(body) + 2 + len(entries) + 4
        body += struct.pack("<H", len(tags)) + entries + struct.pack("<I", end if page < n_pages - 1 else 0)
    return body


@pytest.mark.parametrize("compression", [1, 8])
@pytest.mark.parametrize(("side", "n_pages"), [(12_000, 1), (2000, 9), (65_000, 1)])
def test_sparse_tiff_is_refused_before_it_takes_memory(taken, side, n_pages, compression):
    body = sparse_tiff(side, 256, n_pages, compression)
    assert len(body) < side * side / 256
    told = frugal(lambda: refusal(taken, body), 16 * MIB)
    assert "bytes" in told
    assert "times what the file has" in told


def test_sparse_tiff_of_a_size_that_people_have_is_read(taken):
    found = taken(sparse_tiff(300, 128))
    np.testing.assert_array_equal(found, np.zeros((300, 300), np.uint8))


def bmp_of_nothing(side):
    """A BMP of run lengths that ends at once."""
    header = struct.pack("<IiiHHIIiiII", 40, side, side, 1, 8, 1, 2, 1, 1, 256, 0)
    offset = 14 + 40 + 1024
    return struct.pack("<2sIHHI", b"BM", offset + 2, 0, 0, offset) + header + bytes(1024) + b"\0\1"


@pytest.mark.parametrize(
    "make",
    [
        lambda: png(9000, 9000, 8, 2, [b""]),
        lambda: png(13_000, 13_000, 1, 0, [b""]),
        lambda: png(13_000, 13_000, 8, 3, [b""], chunk(b"PLTE", bytes(768))),
        lambda: blank("WEBP", 12_000, lossless=True),
        lambda: bmp_of_nothing(13_000),
        lambda: blank("JPEG", 200).replace(struct.pack(">HH", 200, 200), struct.pack(">HH", 13_000, 13_000)),
        lambda: b"P4 30000 30000\n" + bytes(100_000),
        lambda: b"P1 30000 30000\n" + b"0" * 100_000,
    ],
    ids=["PNG of colours", "PNG of bits", "PNG of a palette", "WebP", "BMP", "JPEG", "PBM", "PBM in digits"],
)
def test_pictures_of_more_pixels_than_their_bytes_can_hold_are_refused_before_they_take_memory(taken, make):
    body = make()
    assert len(body) < 500_000
    told = frugal(lambda: refusal(taken, body), 32 * MIB)
    assert "times what the file has" in told or "ends early" in told


def test_jpeg_of_scans_without_end_is_refused(taken, rng):
    body = encoded(Image.new("L", (4000, 4000)), "JPEG", progressive=True)
    place = body.rindex(b"\xff\xda")
    scan = body[place:-2]
    assert taken(body).shape == (4000, 4000)
    began = time.monotonic()
    assert "times what the file has" in refusal(taken, body[:-2] + scan[:12] * 3000 + body[-2:])
    assert time.monotonic() - began < 5


def test_webp_that_is_mostly_nothing_is_not_read_whole(tmp_path):
    path = tmp_path / "image"
    path.write_bytes(encoded(Image.new("RGB", (4, 4)), "WEBP"))
    with path.open("r+b") as file:
        try:
            file.truncate(1 << 40)
        except OSError:
            pytest.skip("no disk with files that are mostly holes")
    with pytest.raises(ImageError, match="with 4 x 4 pixels"), open_images(path):
        pass


@pytest.mark.parametrize("has_decoders", [True, False])
def test_deflated_piece_of_more_than_its_page_is_refused_before_it_takes_memory(taken, monkeypatch, has_decoders):
    if has_decoders:
        pytest.importorskip("imagecodecs")
    monkeypatch.setattr(tiff_pieces, "has_decoders", lambda: has_decoders)
    body = one_piece_tiff(8, zlib.compress(bytes(256 * MIB)))
    assert frugal(lambda: refusal(taken, body), 16 * MIB)


@pytest.mark.parametrize("compression", [5, 50000, 34925])
def test_compression_without_its_library_names_the_extra(taken, monkeypatch, compression):
    monkeypatch.setattr(tiff_pieces, "has_decoders", lambda: False)
    assert 'pip install "xcorr[tiff]"' in refusal(taken, one_piece_tiff(compression, bytes(100)))


@pytest.mark.parametrize(("form", "code"), [("JPEG", 7), ("JPEG2000", 34712), ("WEBP", 50001)])
def test_piece_that_is_a_larger_image_than_its_page_is_refused(taken, form, code):
    pytest.importorskip("imagecodecs")
    images = [Image.fromarray(np.full((side, side, 3), 200, np.uint8)) for side in (16, 4000)]
    if form != "WEBP":
        images = [image.convert("L") for image in images]
    small, large = (encoded(image, form) for image in images)
    assert "a piece of 4000 x 4000 pixels; allowed in this page are 16 x 16" in refusal(
        taken, one_piece_tiff(code, large)
    )
    if form != "WEBP":
        assert np.ptp(taken(one_piece_tiff(code, small)).astype(int) - 200) <= 2
    assert "tells no size" in refusal(taken, one_piece_tiff(code, b"\xff\xd8\xff\xe0" + bytes(100)))


def test_deflated_pieces_without_a_library_are_their_numbers_or_damaged(taken, monkeypatch):
    monkeypatch.setattr(tiff_pieces, "has_decoders", lambda: False)
    pixels = np.arange(256, dtype=np.uint8).reshape(16, 16)
    body = one_piece_tiff(8, zlib.compress(pixels.tobytes()))
    np.testing.assert_array_equal(taken(body), pixels)
    assert "a damaged piece" in refusal(taken, body.replace(b"\x78\x9c", b"\x78\x9d"))


def test_sizes_in_headers_are_found_behind_what_stands_before_them():
    size = b"\xff\xc2\0\x11\x08" + struct.pack(">HH", 7, 9) + bytes(10)
    assert headers.jpeg_size(b"\xff\xd8\xff\xff\xe0\0\x04ab\xff\x01" + size) == (9, 7)
    assert headers.jpeg_size(b"\xff\xd8\xff\xc4\0\x04ab" + size) == (9, 7)
    for head in (b"", b"\xff\xd8", b"\xff\xd8" + size[:6], b"\xff\xd8\xff\xe0\0\0" + bytes(20), b"\xff" * 100):
        assert headers.jpeg_size(head) is None
    assert headers.jpeg_2000_size(b"\xff\x4f\xff\x51" + bytes(4)) is None
    assert headers.webp_size(b"RIFF\0\0\0\0WEBPVP9 " + bytes(20)) is None


@pytest.mark.parametrize("n_bytes", [0, 1, 255, 256, 65_791, 65_792, 2**33])
@pytest.mark.parametrize("is_single", [True, False])
def test_frames_of_zstandard_tell_their_size(n_bytes, is_single):
    code = 0 if n_bytes < 256 else 1 if n_bytes < 65_792 else 2 if n_bytes < 2**32 else 3
    field = (n_bytes - (256 if code == 1 else 0)).to_bytes(1 << code, "little")
    if code == 0 and not is_single:
        n_bytes, field = None, b""
    head = zarr_chunks.ZSTD_START + bytes([code << 6 | is_single << 5 | 1]) + (b"" if is_single else b"w") + b"d"
    assert zarr_chunks.told_bytes(head + field) == n_bytes
    assert zarr_chunks.told_bytes((head + field)[:-1] if field else head[:5]) is None


def test_compression_of_no_known_bound_is_refused(taken):
    assert "compression 34887; allowed are" in refusal(taken, one_piece_tiff(34887, bytes(100)))


def test_array_in_a_bank_that_takes_far_more_than_its_file_is_refused(tmp_path):
    path = tmp_path / "bank.npz"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_BZIP2) as archive, archive.open("bank.npy", "w") as member:
        np.lib.format.write_array_header_1_0(
            member, {"descr": "|u1", "fortran_order": False, "shape": (1, 1, 200 * MIB)}
        )
        for _ in range(200):
            member.write(bytes(MIB))
    assert path.stat().st_size < 100_000
    with pytest.raises(ValueError, match="an array of 209,715,328 bytes in a file of"):
        frugal(lambda: read_bank(str(path)), 16 * MIB)
