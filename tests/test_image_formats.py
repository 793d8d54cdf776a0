"""Image files of more kinds: BMP, WebP, PGM and its kin, hyperstacks, palettes."""

import numpy as np
import pytest
from checks import SEED
from encoding import chunk, encoded, pages_of, png, refusal, tiff
from PIL import Image


@pytest.fixture
def rng():
    return np.random.default_rng([SEED, 23])


# --- BMP and WebP -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(5, 7), (5, 7, 3)])
def test_bmp_and_lossless_webp_are_their_numbers(taken, rng, shape):
    pixels = rng.integers(0, 256, shape, dtype=np.uint8)
    image = Image.fromarray(pixels)
    np.testing.assert_array_equal(taken(encoded(image, "BMP")), pixels)
    colours = pixels if pixels.ndim == 3 else np.repeat(pixels[..., np.newaxis], 3, -1)
    np.testing.assert_array_equal(taken(encoded(image.convert("RGB"), "WEBP", lossless=True)), colours)


def test_bmp_of_a_palette_is_its_colours(taken):
    image = Image.fromarray(np.array([[0, 1], [2, 1]], np.uint8)).convert("P")
    image.putpalette([0, 0, 0, 10, 20, 30, 250, 1, 2] + [0] * 759)
    expected = [[[0, 0, 0], [10, 20, 30]], [[250, 1, 2], [10, 20, 30]]]
    np.testing.assert_array_equal(taken(encoded(image, "BMP")), expected)


@pytest.mark.parametrize("is_lossless", [True, False])
def test_webp_transparency_is_left_out_and_noted(taken, rng, is_lossless):
    pixels = rng.integers(0, 256, (16, 16, 4), dtype=np.uint8)
    body = encoded(Image.fromarray(pixels), "WEBP", lossless=is_lossless, exact=True, quality=100)
    assert taken(body).shape == (16, 16, 3)
    assert len(taken.notes) == 1
    np.testing.assert_array_equal(taken(body, alpha="keep")[..., 3], pixels[..., 3])


def test_webp_animation_is_refused(taken):
    frames = [Image.new("RGB", (4, 4), (grey, 9, 9)) for grey in (0, 200)]
    assert "animation" in refusal(taken, encoded(frames[0], "WEBP", save_all=True, append_images=frames[1:]))


@pytest.mark.parametrize("form", ["BMP", "WEBP"])
def test_truncated_bmp_and_webp_are_refused(taken, rng, form):
    words = {"lossless": True} if form == "WEBP" else {}
    body = encoded(Image.fromarray(rng.integers(0, 256, (20, 20, 3), dtype=np.uint8)), form, **words)
    for length in range(0, len(body), 7):
        assert refusal(taken, body[:length])


# --- PGM, PPM and PBM -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "pixels"),
    [
        (b"P5 3 2 255\n\0\1\2\3\4\5", [[0, 1, 2], [3, 4, 5]]),
        (b"P5\n# a word\n3 # and another\n2\n5\n\0\1\2\3\4\5", [[0, 1, 2], [3, 4, 5]]),
        (b"P5 2 1 4095\n\x0f\xff\x01\x00", [[4095, 256]]),
        (b"P5 1 1 65535 \xff\xfe\n", [[65534]]),
        (b"P6 1 2 255\n\1\2\3\4\5\6", [[[1, 2, 3]], [[4, 5, 6]]]),
        (b"P6 1 1 1023\n\0\1\2\0\3\xff", [[[1, 512, 1023]]]),
        (b"P2\n2 2\n15\n 0  15\n7 8\n", [[0, 15], [7, 8]]),
        (b"P3 1 1 300 1 22 300", [[[1, 22, 300]]]),
        (b"P4 10 2\n\xaa\x40\x0f\x80", [[0, 255] * 4 + [255, 0], [255] * 4 + [0] * 5 + [255]]),
        (b"P1 3 2 # bits\n01 0\n1 1 0\n", [[255, 0, 255], [0, 0, 255]]),
    ],
)
def test_netpbm_is_its_numbers_as_they_are(taken, body, pixels):
    found = taken(body)
    expected = np.array(pixels)
    assert found.dtype == (
        np.uint16 if b"65535" in body or b"4095" in body or b"1023" in body or b"300" in body else np.uint8
    )
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"P5 3 2 255\n\0\1\2\3\4", "ends early"),
        (b"P5 9999999 9999999 255\n\0", "ends early"),
        (b"P5 3 2 255", "header"),
        (b"P5 3\n", "header"),
        (b"P5 0 2 255\n", "0 x 2"),
        (b"P5 1 1 0\n\0", "up to 0"),
        (b"P5 1 1 65536\n\0\0", "up to 65536"),
        (b"P5 1 1 99999999\n\0\0", "header"),
        (b"P5 1 1 4\n\5", "values from 5 to 5, where the header says 0 to 4"),
        (b"P5 1 1 255\n\5P5 1 1 255\n\5", "bytes follow"),
        (b"P2 2 1 255\n1", "ends early"),
        (b"P2 2 1 255\n1 2 3", "3 values"),
        (b"P2 2 1 255\n1 -2", "values from -2"),
        (b"P2 2 1 255\n1 x2", "something else than numbers"),
        (b"P2 2 1 255\n1 2.5", "something else than numbers"),
        (b"P2 2 1 255\n1 99999999999999999999", "0 to 255"),
        (b"P2 1 1 255\n1" + b" " * 200_000, "bytes follow the header"),
        (b"P1 3 1\n012", "values from 0 to 2"),
        (b"P1 3 1\n0 x", "values"),
        (b"P4 9 1\n\xff", "ends early"),
    ],
)
def test_damaged_netpbm_is_refused(taken, body, reason):
    assert reason in refusal(taken, body)


# --- hyperstacks ------------------------------------------------------------------------------------------------------


AXES = [("TZCYX", (2, 3, 4)), ("ZCYX", (3, 4)), ("TYX", (5,)), ("CYX", (3,)), ("TCYX", (2, 2))]


@pytest.mark.parametrize(("axes", "sizes"), AXES)
@pytest.mark.parametrize("kind", ["ImageJ", "OME"])
def test_axes_of_hyperstacks_are_read(taken, rng, kind, axes, sizes):
    pages = rng.integers(0, 256, (*sizes, 6, 5), dtype=np.uint8)
    words = {"imagej": True} if kind == "ImageJ" else {"ome": True}
    found = taken(tiff(pages, photometric="minisblack", metadata={"axes": axes}, **words))
    np.testing.assert_array_equal(found, pages.reshape(-1, 6, 5))
    assert taken.axes.kind == kind
    assert sorted(taken.axes.letters) == ["C", "T", "Z"]
    told = {letter: size for letter, size in zip(taken.axes.letters, taken.axes.sizes) if size > 1}
    assert told == dict(zip(axes, sizes))
    assert [letter for letter in taken.axes.letters if letter in told] == list(axes[:-2])


def test_axes_of_ome_are_in_the_order_of_its_pages(taken, rng):
    pages = rng.integers(0, 256, (4, 3, 2, 6, 5), dtype=np.uint8)
    taken(tiff(pages, photometric="minisblack", metadata={"axes": "CZTYX"}, ome=True))
    assert (taken.axes.letters, taken.axes.sizes) == ("CZT", (4, 3, 2))


def test_axes_of_imagej_with_colours_do_not_count_these(taken, rng):
    pages = rng.integers(0, 256, (2, 3, 6, 5, 3), dtype=np.uint8)
    assert taken(tiff(pages, imagej=True, metadata={"axes": "TZYXS"})).shape == (6, 6, 5, 3)
    assert taken.axes.sizes == (2, 3, 1)


PLANES = '<TiffData FirstZ="0" IFD="{}"/><TiffData FirstZ="1" IFD="{}"/>'


@pytest.mark.parametrize(
    ("pixels", "expected"),
    [
        ('DimensionOrder="XYZCT" SizeZ="2" SizeC="1" SizeT="1"', ("TCZ", (1, 1, 2))),
        ('DimensionOrder="XYCZT" SizeZ="2" SizeC="1" SizeT="1"', ("TZC", (1, 2, 1))),
        ('DimensionOrder="XYZCT" SizeZ="3" SizeC="1" SizeT="1"', None),
        ('DimensionOrder="ZXYCT" SizeZ="2" SizeC="1" SizeT="1"', None),
        ('DimensionOrder="XYZZT" SizeZ="2" SizeC="1" SizeT="1"', None),
        ('DimensionOrder="XYZCT" SizeZ="two" SizeC="1" SizeT="1"', None),
        ('DimensionOrder="XYZCT" SizeZ="-2" SizeC="-1" SizeT="1"', None),
        ('DimensionOrder="XYZCT" SizeC="1" SizeT="1"', None),
    ],
)
@pytest.mark.parametrize("planes", ["", "<TiffData/>", PLANES.format(0, 1), PLANES.format(1, 0)])
def test_axes_of_ome_that_do_not_fit_the_pages_are_none(taken, rng, pixels, expected, planes):
    image = f"<Pixels {pixels}>{planes}</Pixels>"
    text = f'<?xml version="1.0"?><OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06"><Image>{image}</Image></OME>'
    taken(pages_of(rng.integers(0, 256, (2, 4, 5), dtype=np.uint8), description=text))
    if expected is None or planes == PLANES.format(1, 0):
        assert taken.axes is None
    else:
        assert (taken.axes.letters, taken.axes.sizes) == expected


@pytest.mark.parametrize(
    "text", ["<OME", "<OME/>", '<!DOCTYPE x [<!ENTITY a "b">]><OME><Pixels/></OME>', "<OME><Pixels/><Pixels/></OME>"]
)
def test_other_descriptions_are_no_axes(taken, rng, text):
    taken(pages_of(rng.integers(0, 256, (2, 4, 5), dtype=np.uint8), description=text))
    assert taken.axes is None


@pytest.mark.parametrize("order", ["czt", "zct"])
@pytest.mark.parametrize("n_slices", [2, 3])
def test_axes_of_imagej_that_do_not_fit_the_pages_are_none(taken, rng, order, n_slices):
    text = f"ImageJ=1.53t\nimages=2\nslices={n_slices}\norder={order}\nloop=false\n"
    taken(pages_of(rng.integers(0, 256, (2, 4, 5), dtype=np.uint8), description=text))
    assert (taken.axes is not None) == (order == "czt" and n_slices == 2)


# --- palettes ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("factor", [1, 256, 257])
def test_a_palette_of_8_bits_is_the_same_colours_from_png_and_tiff(taken, rng, factor):
    colours = rng.integers(0, 256, (256, 3), dtype=np.uint8)
    places = rng.integers(0, 256, (4, 5), dtype=np.uint8)
    body = tiff(places, photometric="palette", colormap=colours.T.astype(np.uint16) * factor)
    found = taken(body)
    assert found.dtype == np.uint8
    np.testing.assert_array_equal(found, colours[places])
    png_body = png(5, 4, 8, 3, [row.tobytes() for row in places], chunk(b"PLTE", colours.tobytes()))
    np.testing.assert_array_equal(found, taken(png_body))


def test_a_palette_of_more_than_8_bits_keeps_them(taken, rng):
    colours = rng.integers(0, 65536, (3, 256), dtype=np.uint16)
    colours[0, 0] = 0x1234
    found = taken(tiff(np.zeros((2, 2), np.uint8), photometric="palette", colormap=colours))
    assert found.dtype == np.uint16
    np.testing.assert_array_equal(found[0, 0], colours[:, 0])
