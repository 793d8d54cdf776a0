"""`xcorr apply`: pictures in, pictures out, and what is told of them."""

import os
import shutil
import zlib
from pathlib import Path

import numpy as np
import pytest
import tifffile
from applying import BANK, apply, each_channel, names, read_stack, run, tree
from checks import SEED
from PIL import Image

import xcorr
from xcorr._cli.png import write_png
from xcorr._cli.respond import spread

pytestmark = pytest.mark.usefixtures("here")
BLUR = np.full((3, 3), 1 / 9, np.float32)
EDGE = np.array([[-1, 0, 1]], np.float32)


@pytest.fixture
def rng():
    return np.random.default_rng([SEED, 25])


@pytest.fixture
def kernels():
    np.save("blur.npy", BLUR)
    np.save("edge.npy", EDGE)
    np.save("both.npy", np.stack([BLUR, np.pad(EDGE, ((1, 1), (0, 0)))]))
    np.save("one.npy", np.ones((1, 1), np.float32))
    np.save("whole.npy", np.ones((3, 3), np.int8))


def saturated(response, dtype):
    """Rounded to nearest, ties to even, and kept within the type: the definition."""
    limits = np.iinfo(dtype)
    return np.clip(np.rint(response.astype(np.float64)), limits.min, limits.max).astype(dtype)


def decoded(path):
    """A PNG's pixels by its definition, of 16 bits too, which Pillow reads of grey ones only."""
    body = Path(path).read_bytes()
    width, height, depth, kind = (int.from_bytes(body[a:b], "big") for a, b in ((16, 20), (20, 24), (24, 25), (25, 26)))
    length = int.from_bytes(body[33:37], "big")
    n_channels = {0: 1, 4: 2, 2: 3, 6: 4}[kind]
    rows = np.frombuffer(zlib.decompress(body[41 : 41 + length]), np.uint8).reshape(height, -1)
    assert (rows[:, 0] == 2).all()
    values = np.add.accumulate(rows[:, 1:], axis=0, dtype=np.uint8)
    pixels = values.view(">u2" if depth == 16 else "u1").reshape(height, width, n_channels)
    return (pixels[..., 0] if n_channels == 1 else pixels).astype(np.uint16 if depth == 16 else np.uint8)


# --- PNG --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
@pytest.mark.parametrize("n_channels", [0, 1, 2, 3, 4])
def test_png_files_are_their_numbers(rng, dtype, n_channels):
    shape = (7, 5, n_channels) if n_channels else (7, 5)
    pixels = rng.integers(0, np.iinfo(dtype).max + 1, shape, dtype=dtype)
    with open("a.png", "wb") as file:
        write_png(file, pixels)
    found = decoded("a.png")
    assert found.dtype == dtype
    np.testing.assert_array_equal(found, pixels[..., 0] if n_channels == 1 else pixels)
    if dtype == "uint8" or n_channels < 2:
        np.testing.assert_array_equal(np.asarray(Image.open("a.png")), found)


@pytest.mark.parametrize(("dtype", "bits"), [("uint8", "uint8"), ("uint16", "uint16"), ("float32", "uint16")])
def test_a_picture_of_a_grey_image_is_its_response_rounded_and_saturated(rng, kernels, dtype, bits):
    image = (rng.random((20, 30)) * (255 if dtype == "uint8" else 65535)).astype(dtype)
    np.save("image.npy", image)
    for bank, kernel in (("blur.npy", BLUR), ("edge.npy", EDGE)):
        apply("image.npy", "--format", "png", bank=bank, out=bank[:4])
        found = decoded(f"{bank[:4]}/image.npy.png")
        assert found.dtype == bits
        response = xcorr.correlate(image, kernel)
        np.testing.assert_array_equal(found, saturated(response, bits))
        assert bank == "blur.npy" or response.min() < 0


def test_a_picture_of_colours_is_of_colours_and_each_kernel_has_one(photos, kernels):
    apply("photos/colours.png", "--format", "png", bank="both.npy")
    assert names() == ["colours.png.0.png", "colours.png.1.png"]
    bank = np.load("both.npy")
    for kernel in range(2):
        expected = xcorr.correlate(photos["colours.png"], bank[kernel], layout="NHWC")
        np.testing.assert_array_equal(decoded(f"out/colours.png.{kernel}.png"), saturated(expected, "uint8"))
    assert "1 done before" in apply("photos/colours.png", "--format", "png", bank="both.npy").output


def test_sixteen_bits_of_colours_are_kept(rng, kernels):
    pixels = rng.integers(0, 65536, (9, 8, 3), dtype=np.uint16)
    tifffile.imwrite("image.tif", pixels, photometric="rgb")
    apply("image.tif", "--format", "png", bank="one.npy")
    np.testing.assert_array_equal(decoded("out/image.tif.png"), pixels)
    apply("image.tif", "--format", "png", "--dtype", "uint8", bank="one.npy", out="eight")
    np.testing.assert_array_equal(decoded("eight/image.tif.png"), np.minimum(pixels, 255))


def test_integers_with_a_bank_of_integers_saturate_or_raise_as_asked(rng, kernels):
    image = rng.integers(0, 256, (9, 8), dtype=np.uint8)
    np.save("image.npy", image)
    sums = xcorr.correlate(image, np.ones((3, 3), np.int8))
    for form, out in (("png", "a"), ("tif", "b")):
        apply("image.npy", "--format", form, "--dtype", "uint8", bank="whole.npy", out=out)
        found = decoded("a/image.npy.png") if form == "png" else tifffile.imread("b/image.npy.tif")
        np.testing.assert_array_equal(found, np.minimum(sums, 255))
    for form, overflow in (("npy", []), ("tif", ["--overflow", "raise"])):
        arguments = ["image.npy", "--format", form, "--dtype", "uint8", *overflow]
        assert "does not fit uint8" in apply(*arguments, bank="whole.npy", out="c", status=1).stderr
    apply("image.npy", "--dtype", "uint8", "--overflow", "saturate", bank="whole.npy", out="d")
    np.testing.assert_array_equal(np.load("d/image.npy.npy"), np.minimum(sums, 255))


def test_what_is_not_a_number_has_no_picture(kernels):
    np.save("image.npy", np.full((9, 8), np.nan, np.float32))
    for scale in ([], ["--scale", "stretch"]):
        assert "image.npy: " in apply("image.npy", "--format", "png", *scale, bank="blur.npy", status=1).stderr
    assert names() == []


def test_a_picture_is_of_one_image_of_few_channels(photos, kernels):
    told = apply("photos/pages.tif", "--format", "png", bank="blur.npy", status=1).stderr
    assert "pages.tif: 3 images; a PNG is of one; --format tif holds them all" in told
    np.save("many.npy", np.ones((9, 8, 5)))
    told = apply("many.npy", "--layout", "NHWC", "--format", "png", bank="blur.npy", status=1).stderr
    assert "many.npy: 5 channels; a PNG has 1 to 4" in told
    np.save("batch.npy", np.ones((1, 9, 8)))
    apply("batch.npy", "--layout", "NHW", "--format", "png", bank="blur.npy")
    assert decoded("out/batch.npy.png").shape == (7, 6)
    np.save("none.npy", np.ones((0, 3, 3)))
    assert (
        "allowed with --format png are kernels"
        in apply("batch.npy", "--format", "png", bank="none.npy", status=2).stderr
    )


def test_pictures_that_are_gone_or_changed_are_made_again(photos, kernels):
    arguments = ["photos/colours.png", "--format", "png"]
    apply(*arguments, bank="both.npy")
    before = tree("out")
    Path("out/colours.png.1.png").unlink()
    assert "1 of 1 files done" in apply(*arguments, bank="both.npy").output
    assert tree("out") == before
    Path("out/colours.png.0.png").write_bytes(b"mine")
    told = apply(*arguments, bank="both.npy", status=1).stderr
    assert "out/colours.png.0.png was changed since it was written" in told
    apply(*arguments, "--overwrite", bank="both.npy")
    assert tree("out") == before
    told = apply(*arguments, bank="blur.npy", status=2).stderr
    assert "holds responses of another job: bank 'both.npy' then and 'blur.npy' now" in told


def test_many_kernels_are_numbered_in_the_order_of_names(kernels):
    np.save("many.npy", np.ones((11, 1, 1)))
    np.save("image.npy", np.ones((3, 3)))
    apply("image.npy", "--format", "png", bank="many.npy")
    assert names() == [f"image.npy.{kernel:02}.png" for kernel in range(11)]


def test_channels_by_themselves_are_the_planes_of_the_picture(photos, kernels):
    apply("photos/colours.png", "--format", "png")
    expected = saturated(each_channel(photos["colours.png"]), "uint8")
    for kernel in range(len(BANK)):
        np.testing.assert_array_equal(decoded(f"out/colours.png.{kernel}.png"), expected[..., kernel])


# --- scales -----------------------------------------------------------------------------------------------------------


def test_unit_stands_for_the_largest_value_on_both_sides(rng, kernels):
    image = rng.integers(0, 256, (12, 13), dtype=np.uint8)
    np.save("image.npy", image)
    for scale in (["--scale"], ["--scale", "unit"]):
        run("image.npy", *scale, "--bank", "blur.npy", "--format", "png", "--out", "out", "--overwrite")
        response = xcorr.correlate(image.astype(np.float32) / np.float32(255), BLUR)
        expected = saturated(response.astype(np.float64) * 255, "uint8")
        np.testing.assert_array_equal(decoded("out/image.npy.png"), expected)
    assert np.abs(expected - saturated(xcorr.correlate(image, BLUR), "uint8").astype(int)).max() <= 1


@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
def test_stretch_and_middle_put_each_response_by_itself_on_the_whole_range(rng, kernels, dtype):
    image = rng.random((20, 30)).astype(np.float32)
    np.save("image.npy", image)
    bank, most = np.load("both.npy"), np.iinfo(dtype).max
    for scale in ("stretch", "middle"):
        apply("image.npy", "--format", "png", "--scale", scale, "--dtype", dtype, bank="both.npy", out=scale)
        for kernel in range(2):
            response = xcorr.correlate(image, bank[kernel]).astype(np.float64)
            found = decoded(f"{scale}/image.npy.{kernel}.png").astype(float)
            if scale == "stretch":
                assert (found.min(), found.max()) == (0, most)
                expected = (response - response.min()) / np.ptp(response) * most
            else:
                middle = (most + 1) // 2
                assert {found.min(), found.max()} & {1, most}
                expected = middle + response / np.abs(response).max() * (most - middle)
            assert np.abs(found - expected).max() <= 0.5 + 1e-6


@pytest.mark.parametrize("scale", ["unit", "stretch", "middle"])
@pytest.mark.parametrize(
    "numbers", [[0.0, 0.0], [-1e308, 1e308], [1.0, np.inf], [-np.inf, 0.0], [5e-324, -5e-324], [7.0, 7.0]]
)
def test_scales_of_numbers_at_the_ends_of_floats_are_within_the_range_and_in_order(scale, numbers):
    found = spread(np.array(numbers), scale, np.dtype(np.uint8))
    assert found.dtype == np.uint8
    assert (found[0] <= found[1]) == (numbers[0] <= numbers[1]) or found[0] == found[1]
    if scale == "middle":
        np.testing.assert_array_equal(found[np.array(numbers) == 0], 128)


def test_a_scale_of_complex_responses_is_refused(kernels):
    np.save("image.npy", np.ones((4, 4), np.complex64))
    assert "complex" in apply("image.npy", "--format", "png", "--scale", "stretch", bank="blur.npy", status=1).stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--scale", "stretch"], "--scale: got 'stretch'; allowed with --format png, or with --dtype uint8"),
        (
            ["--format", "png", "--dtype", "float32"],
            "--dtype: got float32; allowed with --format png are uint8 and uint16",
        ),
        (["--format", "png", "--dtype", "int16"], "--dtype: got int16"),
        (["--overflow", "wrap"], "'wrap' is not one of 'raise', 'saturate'"),
        (["--format", "tif", "--out", "st.tif"], "is a folder, as 'st', in which the result of an image file NAME"),
        (["--format", "png", "--out", "edges.png"], "allowed with --format png is a folder, as 'edges'"),
        (["--out", "x.npz"], "allowed with --format npy is a folder"),
    ],
)
def test_numbers_that_do_not_go_with_the_format_are_refused_before_any_work(kernels, arguments, message):
    np.save("image.npy", np.ones((4, 4)))
    before = sorted(os.listdir())
    told = run("image.npy", "--bank", "blur.npy", "--out", "out", *arguments, status=2).stderr
    assert message in told
    assert told.count("\n") == 1
    assert sorted(os.listdir()) == before


def test_a_folder_that_is_called_like_a_file_is_a_folder(kernels):
    np.save("image.npy", np.ones((4, 4)))
    Path("st.tif").mkdir()
    apply("image.npy", "--format", "tif", bank="blur.npy", out="st.tif")
    assert names("st.tif") == ["image.npy.tif"]


# --- TIFF -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
def test_tif_of_integers_of_a_photograph_is_a_page_of_colours_for_each_kernel(photos, kernels, dtype):
    apply("photos/colours.png", "--format", "tif", "--dtype", dtype, bank="both.npy")
    photo = photos["colours.png"]
    responses = [xcorr.correlate(photo, kernel, layout="NHWC") for kernel in np.load("both.npy")]
    expected = saturated(np.stack(responses), dtype)
    np.testing.assert_array_equal(tifffile.imread("out/colours.png.tif"), expected)
    with tifffile.TiffFile("out/colours.png.tif") as file:
        assert [page.photometric.name for page in file.pages] == ["RGB", "RGB"]
    apply("photos/colours.png", "--format", "png", "--dtype", dtype, bank="both.npy", out="png")
    np.testing.assert_array_equal(decoded("png/colours.png.1.png"), expected[1])


HYPERSTACKS = [
    ("ImageJ", "TZCYX", (2, 3, 2), "one.npy", None, "TZCYX", (2, 3, 2)),
    ("ImageJ", "TZCYX", (2, 3, 2), "both.npy", None, "TZCYX", (2, 3, 4)),
    ("ImageJ", "ZYX", (4,), "both.npy", "uint8", "ZCYX", (4, 2)),
    ("ImageJ", "TYX", (4,), "one.npy", "uint16", "TYX", (4,)),
    ("OME", "TZCYX", (2, 3, 2), "both.npy", "float64", "TZCYX", (2, 3, 4)),
    ("OME", "TCZYX", (2, 2, 3), "one.npy", None, "TCZYX", (2, 2, 3)),
    ("OME", "CTYX", (2, 3), "one.npy", "uint8", "CTYX", (2, 3)),
    ("OME", "ZTYX", (2, 3), "both.npy", None, "ZTCYX", (2, 3, 2)),
]


@pytest.mark.parametrize(("kind", "axes", "sizes", "bank", "dtype", "found_axes", "found_sizes"), HYPERSTACKS)
def test_tif_of_a_hyperstack_has_its_axes(rng, kernels, kind, axes, sizes, bank, dtype, found_axes, found_sizes):
    pages = rng.integers(0, 256, (*sizes, 6, 7), dtype=np.uint8)
    words = {"imagej": True} if kind == "ImageJ" else {"ome": True}
    tifffile.imwrite("stack.tif", pages, photometric="minisblack", metadata={"axes": axes}, **words)
    arguments = ["stack.tif", "--format", "tif", "--padding", "same", *(["--dtype", dtype] if dtype else [])]
    result = apply(*arguments, bank=bank)
    assert f"are kept in {kind}'s words" in result.stdout
    kernel = np.load(bank)
    real = {"dtype": dtype} if dtype == "float64" else {}
    response = xcorr.correlate(pages.reshape(-1, 6, 7), kernel, layout="NHW", padding="same", **real)
    response = response[..., np.newaxis] if kernel.ndim == 2 else response
    expected = np.moveaxis(response, -1, 1).reshape(*found_sizes, 6, 7)
    with tifffile.TiffFile("out/stack.tif.tif") as file:
        assert (file.is_imagej, file.is_ome) == (kind == "ImageJ", kind == "OME")
        assert file.series[0].axes == found_axes
        expected = saturated(expected, dtype) if dtype and "u" in dtype else expected.astype(dtype or np.float32)
        np.testing.assert_array_equal(file.asarray(), expected)
        assert len(file.pages) == np.prod(found_sizes)
    before = tree("out")
    shutil.rmtree("out")
    apply(*arguments, bank=bank)
    assert tree("out") == before  # no time and no machine in it


@pytest.mark.parametrize(
    ("kind", "axes", "dtype", "bank"),
    [
        ("ImageJ", "TZCYX", "float64", "one.npy"),
        ("OME", "TCZYX", "float32", "both.npy"),
        ("OME", "TZCYX", "int64", "whole.npy"),
    ],
)
def test_axes_that_a_format_has_no_words_for_are_told(rng, kernels, kind, axes, dtype, bank):
    pages = rng.integers(0, 256, (2, 3, 2, 6, 7), dtype=np.uint8)
    words = {"imagej": True} if kind == "ImageJ" else {"ome": True}
    tifffile.imwrite("stack.tif", pages, photometric="minisblack", metadata={"axes": axes}, **words)
    result = apply("stack.tif", "--format", "tif", "--dtype", dtype, bank=bank)
    assert f"its axes {axes[:3]} are not kept: {kind} has no words" in result.stdout
    inner = (2,) if bank == "both.npy" else ()
    size = 4 if bank != "one.npy" else 6
    assert tifffile.imread("out/stack.tif.tif").shape == (2, 3, 2, *inner, size, size + 1)


@pytest.mark.parametrize(("form", "out"), [("npy", "out"), ("stack", "all.npy")])
def test_axes_in_other_forms_are_one_after_the_other_and_that_is_told(rng, kernels, form, out):
    pages = rng.integers(0, 256, (2, 3, 6, 7), dtype=np.uint8)
    tifffile.imwrite("stack.tif", pages, imagej=True, metadata={"axes": "TZYX"})
    result = apply("stack.tif", "--format", form, bank="one.npy", out=out)
    assert "stack.tif: images along its axes TZC are one after the other; --format tif keeps such axes" in result.stdout
    found = np.load("out/stack.tif.npy") if form == "npy" else read_stack(form, out)
    np.testing.assert_array_equal(found, pages.reshape(6, 6, 7))
