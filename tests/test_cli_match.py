"""`xcorr match`: the peaks of `match`, as lines, maps and pictures."""

from pathlib import Path

import numpy as np
import pytest
from checks import SEED
from finding import lines, match, places, save

pytest.importorskip("tifffile")

from PIL import Image

import xcorr
from xcorr._cli import search

FIELDS = ["file", "index", "template", "score", "row", "column", "height", "width"]
pytestmark = pytest.mark.usefixtures("here")


@pytest.fixture
def rng():
    return np.random.default_rng([SEED, 31])


@pytest.fixture
def photograph(rng):
    """A picture and a part of it at row 20, column 31, as files and arrays."""
    image = rng.integers(0, 256, (60, 70), dtype=np.uint8)
    save("image.png", image)
    save("template.png", image[20:32, 31:47])
    return image


def test_lines_are_the_peaks_of_match(photograph):
    match("image.png", "--k", "4", "--min-distance", "5", "--subpixel", "parabola")
    scores = xcorr.match(photograph, photograph[20:32, 31:47])
    expected = xcorr.Peaks(4, min_distance=5, subpixel="parabola")(scores)
    found = lines()
    assert list(found[0]) == [*FIELDS, "sub_row", "sub_column"]
    for name in ("score", "row", "column", "sub_row", "sub_column"):
        np.testing.assert_array_equal([line[name] for line in found], expected[name])
    assert {(line["file"], line["index"], line["template"]) for line in found} == {("image.png", 0, "template.png")}
    assert {(line["height"], line["width"]) for line in found} == {(12, 16)}
    assert found[0]["score"] == 1


def test_json_lines_say_the_same(photograph):
    match("image.png", "--k", "3")
    match("image.png", "--k", "3", out="peaks.jsonl")
    assert lines("peaks.jsonl") == lines()
    assert isinstance(lines("peaks.jsonl")[0]["row"], int)


@pytest.mark.parametrize(
    ("options", "keywords", "peaks"),
    [
        (["--score", "ssd"], {"score": "ssd"}, {"largest": False}),
        (["--score", "ncc", "--method", "direct"], {"score": "ncc", "method": "direct"}, {}),
        (["--threshold", "0.2", "--border", "3"], {}, {"threshold": 0.2, "border": 3}),
        (["--precision", "strict", "--workers", "2"], {"precision": "strict"}, {}),
    ],
)
def test_options_are_the_keywords_of_match_and_peaks(photograph, options, keywords, peaks):
    match("image.png", "--k", "3", "--min-distance", "6", *options)
    expected = xcorr.Peaks(3, min_distance=6, **peaks)(xcorr.match(photograph, photograph[20:32, 31:47], **keywords))
    found = expected[expected["kernel"] >= 0]
    assert [line["score"] for line in lines()] == [float(str(score)) for score in found["score"]]
    assert places() == [("image.png", peak["row"], peak["column"]) for peak in found]


def test_places_are_those_of_the_image_whatever_padding_and_stride(photograph):
    match("image.png", "--padding", "3,4,5,6")
    assert places() == [("image.png", 20, 31)]
    match("image.png", "--padding", "0,0,1,1", "--stride", "4", out="strided.csv")
    assert places("strided.csv") == [("image.png", 20, 31)]
    save("wide.png", photograph[20:44:2, 31:63:2])
    match("image.png", "--dilation", "2", template="wide.png", out="dilated.csv")
    (found,) = lines("dilated.csv")
    assert (found["row"], found["column"], found["height"], found["width"]) == (20, 31, 23, 31)


def test_an_object_cut_off_by_the_border_is_found_where_padding_does_not_count(photograph):
    save("cut.png", photograph[:, 35:])
    match("cut.png", "--padding", "6")
    assert places() == [("cut.png", 20, -4)]
    assert lines()[0]["score"] == pytest.approx(1, abs=1e-9)
    match("cut.png", "--padding", "6", "--fill-value", "0", out="filled.csv")
    assert lines("filled.csv")[0]["score"] < 0.99
    match("cut.png", "--padding", "6", "--min-overlap", "0.9", out="little.csv")
    assert places("little.csv") != [("cut.png", 20, -4)]


# --- kinds of images --------------------------------------------------------------------------------------------------


def test_colours_count_channel_by_channel_or_by_their_brightness(rng):
    image = rng.integers(0, 256, (40, 50, 3), dtype=np.uint8)
    save("image.png", image)
    save("template.png", image[7:19, 11:22])
    match("image.png", "--k", "2")
    expected = xcorr.Peaks(2, min_distance=5)(xcorr.match(image, image[7:19, 11:22], layout="NHWC"))
    assert [line["score"] for line in lines()] == list(expected["score"])
    real = image.astype(np.float32)
    bright = np.float32(0.299) * real[..., 0] + np.float32(0.587) * real[..., 1] + np.float32(0.114) * real[..., 2]
    np.save("bright.npy", bright)
    np.save("part.npy", bright[7:19, 11:22])
    grey = xcorr.Peaks(2, min_distance=5)(xcorr.match(bright, bright[7:19, 11:22]))
    for index, arguments in enumerate((["image.png", "--channels", "grey"], ["bright.npy"], ["image.png"])):
        template = "part.npy" if index == 2 else "template.png"
        match(*arguments, "--k", "2", template=template, out=f"{index}.csv")
        assert [line["score"] for line in lines(f"{index}.csv")] == [float(str(one)) for one in grey["score"]]


def test_one_channel_is_grey(rng):
    image = rng.random((30, 30, 1))
    np.save("image.npy", image[np.newaxis])
    np.save("template.npy", image[5:12, 6:13, 0])
    match("image.npy", template="template.npy")
    assert places() == [("image.npy", 5, 6)]


def test_16_bits_are_compared_as_they_are_and_scaled(rng):
    import tifffile

    small = rng.integers(0, 256, (40, 50), dtype=np.uint8)
    pages = np.stack([small.astype(np.uint16) * 257, np.roll(small, 3, axis=1).astype(np.uint16) * 257])
    tifffile.imwrite("pages.tif", pages, photometric="minisblack")
    save("template.png", small[8:20, 9:24])
    match("pages.tif")
    assert places() == [("pages.tif", 8, 9), ("pages.tif", 8, 12)]
    assert [(line["index"], line["score"]) for line in lines()] == [(0, 1), (1, 1)]
    match("pages.tif", "--score", "ssd", "--scale", out="scaled.csv")
    assert places("scaled.csv") == places()
    assert lines("scaled.csv")[0]["score"] == pytest.approx(0, abs=1e-9)
    match("pages.tif", "--score", "ssd", out="unlike.csv")
    assert lines("unlike.csv")[0]["score"] > 1e6


def test_templates_of_several_sizes_numbers_and_folders(rng, photograph):
    save("templates/10.png", photograph[1:9, 2:10])
    save("templates/2.png", photograph[40:48, 5:13])
    save("templates/5.png", photograph[22:34, 8:20])
    np.save("bank.npy", np.stack([photograph[3:11, 30:38], photograph[33:41, 22:30]]))
    match("image.png", "--template", "bank.npy", "--layout", "NHW", "--threshold", "0.99", template="templates")
    assert [line["template"] for line in lines()] == ["2.png", "5.png", "10.png", "bank.npy:0", "bank.npy:1"]
    assert places() == [("image.png", *place) for place in ((40, 5), (22, 8), (1, 2), (3, 30), (33, 22))]


def test_all_templates_share_their_matches_per_image(photograph):
    save("templates/a.png", photograph[20:32, 31:47])
    save("templates/b.png", photograph[21:33, 32:48])
    match("image.png", "--threshold", "0.9", "--per", "image", "--k", "5", template="templates")
    assert places() == [("image.png", 20, 31)]
    save("templates/c.png", photograph[:5, :5])
    refused = match("image.png", "--per", "image", template="templates", out="no.csv", status=2)
    assert "--per: got 'image' with templates of 12x16 and 5x5; allowed is 'kernel', or one size" in refused.stderr


# --- masks ------------------------------------------------------------------------------------------------------------


def masked(rng, size=(12, 14)):
    """A template whose corner holds something else, and what of it counts."""
    seen = np.ones(size, bool)
    seen[:6, :7] = False
    return seen, np.where(seen, 0, rng.integers(0, 256, size)).astype(np.uint8)


@pytest.mark.parametrize("n_channels", [1, 3])
def test_what_is_transparent_in_a_template_does_not_count(rng, n_channels):
    image = rng.integers(0, 256, (50, 60, n_channels), dtype=np.uint8).squeeze()
    seen, noise = masked(rng)
    part = image[9:21, 30:44].reshape(12, 14, n_channels)
    pixels = np.where(seen[..., np.newaxis], part, noise[..., np.newaxis])
    save("image.png", image)
    save("template.png", np.dstack([pixels, np.where(seen, 255, 0).astype(np.uint8)]))
    match("image.png", "--k", "2")
    keywords = {"layout": "NHW" if n_channels == 1 else "NHWC", "template_mask": seen}
    scores = xcorr.match(image, pixels.squeeze(), **keywords)
    expected = xcorr.Peaks(2, min_distance=6)(scores)
    assert [line["score"] for line in lines()] == list(expected["score"])
    assert places()[0] == ("image.png", 9, 30)
    assert lines()[0]["score"] > 0.999
    save("bare.png", pixels.squeeze())
    save("seen.png", np.where(seen, 3, 0).astype(np.uint8))
    match("image.png", "--k", "2", "--mask", "seen.png", template="bare.png", out="mask.csv")
    assert [line["score"] for line in lines("mask.csv")] == [line["score"] for line in lines()]
    match("image.png", template="bare.png", out="bare.csv")
    assert lines("bare.csv")[0]["score"] < 0.99


def test_half_transparent_pixels_count_by_half(rng):
    image = rng.integers(0, 256, (30, 40), dtype=np.uint8)
    alpha = rng.integers(0, 256, (9, 9), dtype=np.uint8)
    save("image.png", image)
    save("template.png", np.dstack([image[4:13, 5:14], alpha]))
    match("image.png", "--k", "3")
    expected = xcorr.Peaks(3, min_distance=4)(xcorr.match(image, image[4:13, 5:14], template_mask=alpha / 255))
    assert [line["score"] for line in lines()] == list(expected["score"])


def test_masks_of_a_folder_go_by_the_names_of_templates(rng, photograph):
    seen, noise = masked(rng)
    save("templates/a.png", np.where(seen, photograph[3:15, 7:21], noise))
    save("templates/b.jpg.png", photograph[33:45, 27:41])
    save("masks/a.bmp", np.where(seen, 255, 0).astype(np.uint8))
    save("masks/b.jpg.bmp", np.full((12, 14), 255, np.uint8))
    match("image.png", "--mask", "masks", "--threshold", "0.99", template="templates")
    assert places() == [("image.png", 3, 7), ("image.png", 33, 27)]
    Path("masks/a.bmp").rename("masks/c.bmp")
    refused = match("image.png", "--mask", "masks", template="templates", out="no.csv", status=2)
    assert "--mask: got 2 files, none for the template 'a.png'" in refused.stderr
    Path("masks/c.bmp").unlink()
    save("masks/b.jpg.bmp", np.full((12, 13), 255, np.uint8))
    refused = match("image.png", "--mask", "masks", template="templates", out="no.csv", status=2)
    assert "--mask: got one of 12x13 pixels for the template 'a.png'; allowed are its 12x14" in refused.stderr


def test_what_does_not_count_of_images(rng):
    image = rng.random((40, 50)).astype(np.float32)
    np.save("template.npy", image[10:20, 10:20])
    holes = image.copy()
    holes[12:15, 13:18] = np.nan
    np.save("image.npy", holes)
    match("image.npy", template="template.npy")
    assert places() != [("image.npy", 10, 10)]
    match("image.npy", "--image-mask", "finite", template="template.npy", out="finite.csv")
    assert places("finite.csv") == [("image.npy", 10, 10)]
    save("seen.png", np.where(np.isfinite(holes), 255, 0).astype(np.uint8))
    match("image.npy", "--image-mask", "seen.png", template="template.npy", out="seen.csv")
    assert lines("seen.csv") == lines("finite.csv")


def test_what_is_transparent_in_images_is_told_or_does_not_count(rng):
    image = rng.integers(0, 256, (40, 50), dtype=np.uint8)
    save("template.png", image[10:20, 10:20])
    alpha = np.full(image.shape, 255, np.uint8)
    alpha[12:15, 13:18] = 0
    save("image.png", np.dstack([np.where(alpha == 0, 255 - image, image), alpha]))
    result = match("image.png")
    assert "image.png: transparency is left out; --alpha mask leaves out what lies under it" in result.output
    assert lines()[0]["score"] < 0.99
    result = match("image.png", "--alpha", "mask", out="masked.csv")
    assert "transparency" not in result.output
    assert places("masked.csv") == [("image.png", 10, 10)]
    assert lines("masked.csv")[0]["score"] == pytest.approx(1, abs=1e-9)


# --- maps and pictures ------------------------------------------------------------------------------------------------


def test_maps_are_the_scores_of_match(photograph, rng):
    import tifffile

    pages = rng.integers(0, 65536, (3, 30, 40), dtype=np.uint16)
    save("folder/more/grey.png", photograph)
    tifffile.imwrite("folder/pages.tif", pages, photometric="minisblack")
    save("templates/a.png", photograph[20:32, 31:47])
    save("templates/b.png", photograph[1:13, 1:17])
    match("folder", "--map", "maps", template="templates")
    bank = np.stack([photograph[20:32, 31:47], photograph[1:13, 1:17]])
    np.testing.assert_array_equal(np.load("maps/pages.tif.npy"), xcorr.match(pages, bank, layout="NHW"))
    np.testing.assert_array_equal(np.load("maps/more/grey.png.npy"), xcorr.match(photograph, bank, layout="NHW"))
    save("templates/c.png", photograph[5:10, 5:12])
    match("folder", "--map", "several", "--score", "ssd", template="templates", out="several.csv")
    found = np.load("several/more/grey.png.12x16.npy")
    np.testing.assert_array_equal(found, xcorr.match(photograph, bank, layout="NHW", score="ssd"))
    assert found.dtype == np.int64
    assert np.load("several/pages.tif.5x7.npy").shape == (3, 26, 34, 1)


@pytest.mark.parametrize("per", ["kernel", "image"])
def test_a_file_without_images_has_no_matches_and_an_empty_map(photograph, per):
    np.save("none.npy", np.zeros((0, 60, 70), np.uint8))
    match("none.npy", "image.png", "--layout", "NHW", "--map", "maps", "--per", per)
    assert places() == [("image.png", 20, 31)]
    assert np.load("maps/none.npy.npy").shape == (0, 49, 55, 1)


def test_results_are_the_same_in_parts(photograph, rng, monkeypatch):
    np.save("batch.npy", rng.integers(0, 256, (5, 30, 40), dtype=np.uint8))
    save("templates/a.png", photograph[20:32, 31:47])
    save("templates/b.png", photograph[1:13, 1:17])
    arguments = ["batch.npy", "image.png", "--layout", "NHW", "--k", "3", "--map"]
    match(*arguments, "a", "--draw", "c", template="templates")
    monkeypatch.setattr(search, "PART_BYTES", 1)
    match(*arguments, "b", "--draw", "d", template="templates", out="parts.csv")
    match(*arguments[:-1], template="templates", out="no_maps.csv")
    assert Path("parts.csv").read_bytes() == Path("peaks.csv").read_bytes() == Path("no_maps.csv").read_bytes()
    for name in ("batch.npy", "image.png"):
        assert Path(f"a/{name}.npy").read_bytes() == Path(f"b/{name}.npy").read_bytes()
        assert Path(f"c/{name}.png").read_bytes() == Path(f"d/{name}.png").read_bytes()


def test_a_picture_has_a_box_around_each_match(rng):
    image = rng.integers(100, 120, (300, 280), dtype=np.uint8)
    save("image.png", image)
    save("template.png", image[100:140, 60:120])
    match("image.png", "--draw", "pictures")
    with Image.open("pictures/image.png.png") as picture:
        pixels = np.asarray(picture)
    assert pixels.shape[1] == 280
    yellow = (pixels[:300] == (0xF0, 0xE4, 0x42)).all(axis=-1)
    for row, column in ((98, 90), (141, 90), (120, 58), (120, 121)):
        assert yellow[row, column]
    np.testing.assert_array_equal(pixels[100:140, 60:120], np.repeat(image[100:140, 60:120, np.newaxis], 3, axis=2))
    np.testing.assert_array_equal(pixels[200:300, :, 0], image[200:])


def test_pictures_of_batches_hold_what_there_is_room_for(rng, monkeypatch):
    np.save("batch.npy", rng.integers(0, 256, (4, 300, 40), dtype=np.uint8))
    np.save("template.npy", rng.integers(0, 256, (12, 12), dtype=np.uint8))
    arguments = ["batch.npy", "--layout", "NHW", "--draw"]
    match(*arguments, "all", template="template.npy")
    with Image.open("all/batch.npy.png") as picture:
        whole = picture.height
    monkeypatch.setattr("xcorr._cli.marked.MOST_HEIGHT", whole - 1)
    result = match(*arguments, "some", template="template.npy", out="some.csv")
    assert "batch.npy: the first 3 of 4 images are drawn" in result.output
    with Image.open("some/batch.npy.png") as picture:
        assert picture.height == whole * 3 // 4
