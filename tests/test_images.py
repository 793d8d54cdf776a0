"""Image files as arrays: what is read is what is in the file, and what an array cannot hold is refused."""

import gzip
import io
import os
import struct
import sys

import numpy as np
import pytest
import tifffile
from checks import SEED
from encoding import chunk, encoded, npy, pages_of, png, refusal, tiff
from formats import idx_bytes
from PIL import Image, ImageOps

import xcorr
from xcorr._cli import images
from xcorr._cli.images import ImageError, open_images


@pytest.fixture
def rng():
    return np.random.default_rng([SEED, 23])


# --- PNG and JPEG -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(5, 7), (5, 7, 3)])
def test_png_of_8_bits_is_its_numbers(taken, rng, shape):
    pixels = rng.integers(0, 256, shape, dtype=np.uint8)
    np.testing.assert_array_equal(taken(encoded(Image.fromarray(pixels))), pixels)


def test_png_of_16_grey_bits_is_its_numbers(taken, rng):
    pixels = rng.integers(0, 65536, (3, 4), dtype=np.uint16)
    found = taken(png(4, 3, 16, 0, [row.astype(">u2").tobytes() for row in pixels]))
    assert found.dtype == np.uint16
    np.testing.assert_array_equal(found, pixels)


@pytest.mark.parametrize(("kind", "n_channels"), [(2, 3), (4, 2), (6, 4)])
def test_png_of_16_bits_with_colours_or_alpha_is_its_numbers(taken, rng, kind, n_channels):
    pytest.importorskip("imagecodecs")
    pixels = rng.integers(0, 65535, (3, 4, n_channels), dtype=np.uint16)
    body = png(4, 3, 16, kind, [row.astype(">u2").tobytes() for row in pixels])
    np.testing.assert_array_equal(taken(body, alpha="keep"), pixels)
    expected = {2: pixels, 4: pixels[..., 0], 6: pixels[..., :3]}[kind]
    np.testing.assert_array_equal(taken(body), expected)
    assert len(taken.notes) == (kind != 2)


def test_png_of_16_bits_with_a_transparent_colour_has_alpha(taken):
    pytest.importorskip("imagecodecs")
    body = png(2, 1, 16, 2, [bytes([0, 1, 0, 2, 0, 3, 0, 4, 0, 5, 0, 6])], chunk(b"tRNS", bytes([0, 1, 0, 2, 0, 3])))
    np.testing.assert_array_equal(taken(body), [[[1, 2, 3], [4, 5, 6]]])
    np.testing.assert_array_equal(taken(body, alpha="keep")[..., 3], [[0, 65535]])


@pytest.mark.parametrize(("kind", "n_channels"), [(2, 3), (4, 2), (6, 4)])
def test_png_of_16_bits_that_would_become_8_is_refused(taken, monkeypatch, kind, n_channels):
    monkeypatch.setitem(sys.modules, "imagecodecs", None)
    assert 'pip install "xcorr[tiff]"' in refusal(taken, png(1, 1, 16, kind, [bytes(2 * n_channels)]))


@pytest.mark.parametrize(("depth", "row", "values"), [(1, b"\xa0", [255, 0, 255]), (2, b"\xe4", [255, 170, 85, 0])])
def test_fewer_bits_become_8(taken, depth, row, values):
    np.testing.assert_array_equal(taken(png(len(values), 1, depth, 0, [row])), [values])


def test_palette_becomes_colours(taken):
    palette = chunk(b"PLTE", bytes([1, 2, 3, 40, 50, 60]))
    np.testing.assert_array_equal(taken(png(2, 1, 8, 3, [b"\1\0"], palette)), [[[40, 50, 60], [1, 2, 3]]])


@pytest.mark.parametrize("mode", ["LA", "RGBA"])
def test_alpha_is_left_out_and_that_is_noted_where_it_is_not_opaque(taken, rng, mode):
    pixels = rng.integers(0, 255, (4, 5, len(mode)), dtype=np.uint8)
    colours = pixels[..., 0] if mode == "LA" else pixels[..., :-1]
    body = encoded(Image.fromarray(pixels))
    assert "--alpha drop leaves it out, --alpha keep takes it" in refusal(taken, body, alpha="opaque")
    np.testing.assert_array_equal(taken(body), colours)
    assert taken.notes == ["transparency is left out; --alpha keep takes it as one more channel"]
    np.testing.assert_array_equal(taken(body, alpha="keep"), pixels)
    pixels[..., -1] = 255
    for alpha in ("drop", "opaque"):
        np.testing.assert_array_equal(taken(encoded(Image.fromarray(pixels)), alpha=alpha), colours)
        assert taken.notes == []


def test_transparent_values_are_alpha(taken):
    grey = png(2, 1, 8, 0, [b"\5\6"], chunk(b"tRNS", b"\0\5"))
    palette = png(2, 1, 8, 3, [b"\1\0"], chunk(b"PLTE", bytes(6)), chunk(b"tRNS", b"\x07"))
    wide = png(2, 1, 16, 0, [b"\1\5\1\6"], chunk(b"tRNS", b"\1\5"))
    colours = png(2, 1, 8, 2, [b"\1\2\3\4\5\6"], chunk(b"tRNS", b"\0\1\0\2\0\3"))
    dropped = {grey: [[5, 6]], palette: [[[0] * 3] * 2], wide: [[261, 262]], colours: [[[1, 2, 3], [4, 5, 6]]]}
    for body, pixels in dropped.items():
        assert "alpha" in refusal(taken, body, alpha="opaque")
        np.testing.assert_array_equal(taken(body), pixels)
        assert len(taken.notes) == 1
    np.testing.assert_array_equal(taken(grey, alpha="keep"), [[[5, 0], [6, 255]]])
    np.testing.assert_array_equal(taken(wide, alpha="keep"), [[[261, 0], [262, 65535]]])


@pytest.mark.parametrize("orientation", range(1, 10))
@pytest.mark.parametrize("form", ["PNG", "JPEG"])
def test_pictures_are_turned_upright(taken, rng, form, orientation):
    image = Image.fromarray(np.kron(rng.integers(0, 256, (4, 3, 3), dtype=np.uint8), np.ones((8, 8, 1), np.uint8)))
    exif = Image.Exif()
    exif[0x0112] = orientation
    body = encoded(image, form, exif=exif)
    expected = np.asarray(ImageOps.exif_transpose(Image.open(io.BytesIO(body))))
    np.testing.assert_array_equal(taken(body), expected)


def test_jpeg_of_other_colours_is_refused(taken):
    assert "CMYK" in refusal(taken, encoded(Image.new("CMYK", (8, 8)), "JPEG"))


def test_animation_is_refused(taken):
    frames = [Image.new("L", (4, 4), grey) for grey in (0, 9)]
    assert "animation" in refusal(taken, encoded(frames[0], save_all=True, append_images=frames[1:]))


def test_every_truncated_and_every_changed_png_is_refused(taken, rng):
    body = encoded(Image.fromarray(rng.integers(0, 256, (6, 5, 3), dtype=np.uint8)))
    for length in range(len(body)):
        assert refusal(taken, body[:length])
    for place in range(8 + int(rng.integers(3)), len(body), 3):
        assert refusal(taken, body[:place] + bytes([body[place] ^ 4]) + body[place + 1 :])


def test_png_whose_header_is_not_where_it_should_be_is_refused(taken):
    body = png(1, 1, 8, 0, [b"\5"])
    header = body[8:33]
    for wrong in (body[:8] + chunk(b"tEXt", b"a\0b") + body[8:], body[:33] + header + body[33:]):
        assert "allowed is one header" in refusal(taken, wrong)


def test_truncated_jpeg_is_refused(taken, rng):
    body = encoded(Image.fromarray(rng.integers(0, 256, (64, 64), dtype=np.uint8)), "JPEG")
    for length in range(0, len(body) - 200, 97):
        assert refusal(taken, body[:length])


def test_bombs_are_refused(taken):
    assert "pixels" in refusal(taken, png(60_000, 60_000, 8, 0, [b""]))


# --- TIFF -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["u1", "u2", "u4", "u8", "i1", "i2", "i4", "i8", "f2", "f4", "f8", "c8", "c16"])
@pytest.mark.parametrize("order", ["<", ">"])
def test_tiff_of_any_type_is_its_numbers(taken, rng, dtype, order):
    pages = rng.integers(0, 100, (3, 6, 5)).astype(dtype)
    found = taken(tiff(pages, photometric="minisblack", byteorder=order))
    assert found.dtype == dtype
    np.testing.assert_array_equal(found, pages)


@pytest.mark.parametrize("planar", ["contig", "separate"])
def test_tiff_colours_and_alpha(taken, rng, planar):
    pixels = rng.integers(0, 65535, (6, 5, 4), dtype=np.uint16)
    stored = pixels if planar == "contig" else np.moveaxis(pixels, -1, 0)
    words = {"photometric": "rgb", "planarconfig": planar}
    body = tiff(stored, extrasamples=["unassalpha"], **words)
    assert "alpha" in refusal(taken, body, alpha="opaque")
    np.testing.assert_array_equal(taken(body), pixels[..., :3])
    assert len(taken.notes) == 1
    np.testing.assert_array_equal(taken(body, alpha="keep"), pixels)
    body = tiff(stored, extrasamples=["unspecified"], **words)
    np.testing.assert_array_equal(taken(body), pixels)


def test_tiff_of_one_page_is_one_image(taken):
    assert taken(tiff(np.zeros((6, 5), np.float32))).shape == (6, 5)


def test_tiff_palette_white_zero_and_orientation(taken):
    colours = np.arange(3 * 256, dtype=np.uint16).reshape(3, 256) * 80
    body = tiff(np.array([[1, 255]], np.uint8), photometric="palette", colormap=colours)
    np.testing.assert_array_equal(taken(body), [[colours[:, 1], colours[:, 255]]])
    np.testing.assert_array_equal(taken(tiff(np.array([[0, 200]], np.uint8), photometric="miniswhite")), [[255, 55]])
    turned = tiff(np.arange(6, dtype=np.uint8).reshape(2, 3), extratags=[(274, 3, 1, 6, True)])
    np.testing.assert_array_equal(taken(turned), [[3, 0], [4, 1], [5, 2]])


@pytest.mark.parametrize("compression", [None, "zlib", "lzw"])
@pytest.mark.parametrize(("shape", "kind"), [((2, 9, 8), "minisblack"), ((20, 30, 3), "rgb")])
def test_truncated_tiff_is_refused_or_read_as_it_was(taken, rng, shape, kind, compression):
    if compression:
        pytest.importorskip("imagecodecs")
    pages = rng.integers(0, 65536, shape, dtype=np.uint16)
    body = tiff(pages, photometric=kind, compression=compression)
    np.testing.assert_array_equal(taken(body), pages)
    n_read = 0
    for length in (*range(int(rng.integers(9)), len(body), len(body) // 90), *range(len(body) - 20, len(body))):
        try:
            found = taken(body[:length])
        except ImageError:
            continue
        np.testing.assert_array_equal(found, pages)
        n_read += 1
    assert compression != "lzw" or "ends early" in refusal(taken, body[:-1])
    assert n_read < 20  # bytes behind everything that counts


def test_tiff_header_that_lies_about_the_size_is_refused(taken):
    body = bytearray(tiff(np.zeros((4, 4), np.uint8)))
    with tifffile.TiffFile(io.BytesIO(bytes(body))) as found:
        tags = [found.pages[0].tags[name] for name in ("ImageWidth", "ImageLength", "RowsPerStrip")]
    for tag in tags:
        body[tag.offset + 2 : tag.offset + 12] = struct.pack("<HII", 4, 1, 2**31 - 1)
    assert "bytes" in refusal(taken, bytes(body))


def test_tiff_whose_pixels_are_not_those_of_its_header_is_refused(taken, rng):
    body = bytearray(tiff(rng.integers(0, 256, (4, 5, 3), dtype=np.uint8), photometric="rgb"))
    with tifffile.TiffFile(io.BytesIO(bytes(body))) as found:
        place = found.pages[0].tags["SamplesPerPixel"]
    struct.pack_into("<H", body, place.offset + 8, 1)
    assert "header tells of" in refusal(taken, bytes(body))


def test_tiff_pages_of_two_kinds_are_refused(taken):
    file = io.BytesIO()
    with tifffile.TiffWriter(file) as writer:
        writer.write(np.zeros((4, 5), np.uint8))
        writer.write(np.zeros((4, 6), np.uint8))
    assert "(4, 5)" in refusal(taken, file.getvalue())


def test_tiff_that_holds_what_is_not_taken_is_refused(taken):
    stack = tiff(np.zeros((3, 16, 16), np.uint8), photometric="minisblack", truncate=True)
    assert "page for each" in refusal(taken, stack)
    solid = tiff(np.zeros((16, 16, 16), np.uint8), photometric="minisblack", volumetric=True, tile=(16, 16, 16))
    assert "rows, columns and samples" in refusal(taken, solid)
    inks = tiff(np.zeros((16, 16, 4), np.uint8), photometric="separated")
    assert "SEPARATED" in refusal(taken, inks)
    signed = tiff(np.zeros((16, 16), np.int8), photometric="miniswhite")
    assert "0 as white" in refusal(taken, signed)


def test_tiff_whose_compression_needs_a_library_names_the_extra(taken, monkeypatch):
    def refuse(page):
        raise ValueError("<COMPRESSION.LZW: 5> requires the 'imagecodecs' package")

    monkeypatch.setattr(tifffile.TiffPage, "asarray", refuse)
    assert 'pip install "xcorr[tiff]"' in refusal(taken, tiff(np.zeros((4, 4), np.uint8)))


@pytest.mark.parametrize("first", [0, 1])
def test_tiff_whose_pages_come_again_is_refused_and_not_read_without_end(taken, rng, first):
    body = bytearray(pages_of(rng.integers(0, 256, (3, 4, 5), dtype=np.uint8)))
    with tifffile.TiffFile(io.BytesIO(bytes(body))) as found:
        offsets = [page.offset for page in found.pages]
    n_tags = struct.unpack_from("<H", body, offsets[-1])[0]
    struct.pack_into("<I", body, offsets[-1] + 2 + 12 * n_tags, offsets[first])
    assert "comes again" in refusal(taken, bytes(body))


def test_tiff_whose_pages_share_long_lists_is_refused_before_they_take_the_memory(taken):
    n_pieces, n_pages = 10_000, 200
    body = bytearray(struct.pack("<2sHI", b"II", 42, 8 + 4 * n_pieces) + bytes(4 * n_pieces))
    facts = {256: 1, 257: n_pieces, 258: 8, 259: 1, 262: 1, 277: 1, 278: 1}
    for page in range(n_pages):
        tags = {tag: (1, value) for tag, value in facts.items()} | {273: (n_pieces, 8), 279: (n_pieces, 8)}
        entries = b"".join(struct.pack("<HHII", tag, 4, *tags[tag]) for tag in sorted(tags))
        end = len(body) + 2 + len(entries) + 4
        body += struct.pack("<H", len(tags)) + entries + struct.pack("<I", end if page < n_pages - 1 else 0)
    assert "more pieces than" in refusal(taken, bytes(body))


def test_tiff_of_scanimage_is_all_its_pages(taken, rng):
    pages = rng.integers(0, 65536, (6, 32, 40), dtype=np.uint16)
    body = pages_of(pages, description="state.configPath = 1\rstate.x=2")
    assert tifffile.TiffFile(io.BytesIO(body)).is_scanimage
    np.testing.assert_array_equal(taken(body), pages)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="without pipes that have names")
def test_tiff_that_names_another_file_does_not_open_it(taken, rng, tmp_path):
    os.mkfifo(tmp_path / "pipe.tif")  # to open it would wait without end
    planes = "".join(
        f'<TiffData FirstZ="{z}" IFD="0" PlaneCount="1"><UUID FileName="{name}">urn:uuid:{z}</UUID></TiffData>'
        for z, name in enumerate(("image", "pipe.tif"))
    )
    sizes = 'DimensionOrder="XYZCT" Type="uint8" SizeX="5" SizeY="4" SizeZ="2" SizeC="1" SizeT="1"'
    schema = 'xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06" UUID="urn:uuid:0"'
    pixels = f'<Image ID="Image:0"><Pixels ID="Pixels:0" {sizes}>{planes}</Pixels></Image>'
    page = rng.integers(0, 256, (4, 5), dtype=np.uint8)
    body = pages_of([page], description=f'<?xml version="1.0"?><OME {schema}>{pixels}</OME>')
    assert tifffile.TiffFile(io.BytesIO(body)).is_ome
    np.testing.assert_array_equal(taken(body), page)


# --- arrays -----------------------------------------------------------------------------------------------------------


def test_axes_of_arrays_are_told_or_follow_from_their_number(taken, rng):
    four = rng.random((2, 4, 5, 3))
    np.testing.assert_array_equal(taken(npy(four)), four)
    np.testing.assert_array_equal(taken(npy(four), layout="NCHW"), np.moveaxis(four, 1, -1))
    np.testing.assert_array_equal(taken(npy(four[0, 0])), four[0, 0])
    np.testing.assert_array_equal(taken(npy(four[0]), layout="NHW"), four[0])
    np.testing.assert_array_equal(taken(npy(four[0]), layout="NHWC"), four[0])
    assert "--layout NHW or --layout NHWC says which" in refusal(taken, npy(four[0]))
    assert "2 axes; --layout NCHW takes 4" in refusal(taken, npy(four[0, 0]), layout="NCHW")
    assert "1 axes" in refusal(taken, npy(four[0, 0, 0]))


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("dtype", ["<f4", ">f4", "u1"])
@pytest.mark.parametrize(("layout", "shape"), [("NHWC", (4, 5, 6, 3)), ("NCHW", (4, 3, 5, 6)), ("NHW", (4, 5, 6))])
def test_parts_of_arrays_are_those_of_the_whole(tmp_path, rng, layout, shape, dtype, order):
    whole = rng.integers(0, 99, shape).astype(dtype)
    expected = np.moveaxis(whole, 1, -1) if layout == "NCHW" else whole
    path = tmp_path / "a.npy"
    np.save(path, np.asarray(whole, order=order))
    with open_images(path, layout) as images:
        assert (images.shape, images.dtype, images.n_images) == (expected.shape[1:], whole.dtype, 4)
        for first, end in ((0, 1), (1, 4), (4, 4)):
            np.testing.assert_array_equal(images.read(first, end), expected[first:end])


def test_array_that_is_cut_while_it_is_read_is_refused_and_ends_no_process(tmp_path, rng):
    path = tmp_path / "a.npy"
    np.save(path, rng.random((50, 100, 100, 1)))
    with open_images(path) as images:
        os.truncate(path, 5000)
        with pytest.raises(ImageError, match="byte 5000: the file ends early"):
            images.read(0, 1)


@pytest.mark.parametrize(
    ("version", "shape", "reason"),
    [
        ((1, 0), (3, 5, 6, 1), "the file ends early, an array of shape (3, 5, 6, 1)"),
        ((1, 0), (2, -5, -6, 1), "the file ends early"),
        ((2, 0), (3, 5, 6, 1), "the file ends early"),
        ((3, 0), (2, 5, 6, 1), "a header of version (3, 0); allowed are 1.0 and 2.0"),
    ],
)
def test_array_whose_header_lies_is_refused(taken, version, shape, reason):
    facts = repr({"descr": "<f8", "fortran_order": False, "shape": shape}).encode() + b"\n"
    length = len(facts).to_bytes(2 if version == (1, 0) else 4, "little")
    body = b"\x93NUMPY" + bytes(version) + length + facts + bytes(8 * 60)
    assert reason in refusal(taken, body)


def test_array_with_a_long_header_is_its_numbers(taken, rng):
    numbers = rng.random((2, 5, 6, 1))
    file = io.BytesIO()
    np.lib.format.write_array(file, numbers, version=(2, 0))
    np.testing.assert_array_equal(taken(file.getvalue()), numbers)


def test_array_larger_than_any_memory_is_refused(tmp_path):
    with (tmp_path / "a.npy").open("wb") as file:
        np.lib.format.write_array_header_1_0(file, {"descr": "<f8", "fortran_order": False, "shape": (2**20, 2**20)})
        try:
            file.truncate(file.tell() + 2**43)
        except OSError:
            pytest.skip("no disk with files that are mostly holes")
    with open_images(tmp_path / "a.npy") as images, pytest.raises(ImageError, match="does not fit the memory"):
        images.read(0, 1)


def test_idx_of_three_axes_is_a_batch(taken, rng):
    digits = rng.integers(0, 256, (3, 4, 5), dtype=np.uint8)
    body = idx_bytes(8, digits.shape, digits.tobytes())
    np.testing.assert_array_equal(taken(body), digits)
    np.testing.assert_array_equal(taken(gzip.compress(body)), digits)
    assert "byte" in refusal(taken, body[:-1])


class Marker:
    """What would be done if a pickle were loaded."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


def test_pickles_are_not_executed(taken, tmp_path):
    marker = tmp_path / "marker"
    assert "objects" in refusal(taken, npy(np.array([Marker(marker)], dtype=object)))
    assert not marker.exists()


@pytest.mark.parametrize(
    ("body", "reason"),
    [(b"", "empty"), (b"GIF89a", "begins with"), (b"\x93NUMPY\1\0", "header"), (b"II*\0\xff\xff\xff\xff", "TIFF")],
)
def test_what_is_no_image_is_refused(taken, body, reason):
    assert reason in refusal(taken, body)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="without pipes that have names")
def test_what_is_no_file_is_refused(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    for name, reason in (("pipe", "not a regular file"), ("loop", "symbolic links"), ("absent", "No such file")):
        with pytest.raises(ImageError, match=reason), open_images(tmp_path / name):
            pass


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="without pipes that have names")
def test_a_file_that_becomes_a_pipe_before_it_is_opened_is_refused_and_not_waited_for(tmp_path, monkeypatch):
    os.mkfifo(tmp_path / "pipe")
    facts = os.stat(__file__)
    monkeypatch.setattr(os, "stat", lambda *arguments, **words: facts)
    with pytest.raises(ImageError, match="not a regular file"), open_images(tmp_path / "pipe"):
        pass
    with pytest.raises(xcorr.DataFormatError, match="not a regular file"):
        xcorr.datasets.load_idx(tmp_path / "pipe")


@pytest.mark.parametrize(("library", "start"), [("PIL", b"\xff\xd8\xff"), ("tifffile", b"II*\0")])
def test_missing_library_names_the_extra(taken, monkeypatch, library, start):
    monkeypatch.setitem(sys.modules, library, None)
    monkeypatch.delitem(sys.modules, "xcorr._cli.tiff", raising=False)
    with pytest.raises(images.MissingLibrary, match=f'needs {library}: pip install "xcorr\\[cli\\]"'):
        taken(start + bytes(20))
