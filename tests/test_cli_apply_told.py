"""`xcorr apply`: what it tells, in which order it takes files, and which banks it takes."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from applying import BANK, apply, names, run
from checks import SEED
from encoding import chunk, png
from PIL import Image

from xcorr import banks
from xcorr._cli.find import find_images

pytestmark = pytest.mark.usefixtures("here")


@pytest.fixture
def rng():
    return np.random.default_rng([SEED, 26])


def test_transparency_that_is_left_out_is_one_line_for_all_files(rng):
    Path("pictures").mkdir()
    for index in range(7):
        pixels = rng.integers(0, 255, (5, 5, 4), dtype=np.uint8)
        Image.fromarray(pixels).save(f"pictures/{index}.png")
    Path("pictures/grey.png").write_bytes(png(2, 2, 8, 0, [b"\5\6", b"\7\5"], chunk(b"tRNS", b"\0\5")))
    np.save("wide.npy", np.ones((1, 2)))
    lines = apply("pictures", bank="wide.npy").stdout.splitlines()
    told = [line for line in lines if "transparency" in line]
    assert told == [
        "0.png, 1.png, 2.png, 3.png and 4 others: transparency is left out; --alpha keep takes it as one more channel"
    ]
    assert apply("pictures", "--quiet", bank="wide.npy", out="quiet").output == ""
    assert "transparency" not in apply("pictures", "--alpha", "keep", bank="wide.npy", out="kept").output
    assert np.load("kept/0.png.npy").shape == (5, 4, 4)
    assert (
        "its alpha channel is not opaque"
        in apply("pictures", "--alpha", "opaque", bank="wide.npy", out="no", status=1).stderr
    )


def test_names_are_in_the_order_in_which_people_count():
    ordered = [*(f"img_{number}.npy" for number in ("1", "02", "2", "10")), "a2/y2.npy", "a11/y1.npy", "b/x9.npy"]
    for name in reversed(ordered):
        Path("frames", name).parent.mkdir(parents=True, exist_ok=True)
        np.save(Path("frames", name), np.ones((2, 2)))

    def found(argument):
        return [file.path.relative_to("frames").as_posix() for file in find_images([argument], Path("out")).files]

    assert found("frames") == ordered
    assert found("frames/img*") == ordered[:4]
    assert found("frames/a*/*") == ordered[4:6]


def test_files_passed_over_are_named_and_then_counted(photos):
    for name in ("a.txt", "b.txt", "more/c.txt", "d.md", "e.md"):
        Path("photos", name).write_text("no image")
    assert "passed over a.txt, b.txt, d.md, e.md and 2 others; the" in apply("photos").output
    for index in range(40):
        Path(f"photos/{index}.log").write_text("no image")
    assert "passed over 0.log, 1.log, 2.log, 3.log and 42 others; the" in apply("photos").output


def test_a_bank_that_changed_is_told_by_its_name(photos):
    apply("photos/more")
    np.save("bank.npy", BANK + 1)
    told = apply("photos/more", status=2).stderr
    assert "another job: bank 'bank.npy', which has changed; --overwrite replaces them" in told
    np.save("bank.npy", BANK)
    shutil.copy("bank.npy", "copy.npy")
    assert "1 done before" in apply("photos/more", bank="copy.npy").output
    told = apply("photos/more", bank="sobel", status=2).stderr
    assert "bank 'copy.npy' then and 'sobel' now" in told
    apply("photos/more/grey.png", "--format", "stack", out="all.npy")
    told = apply("photos/more/grey.png", "--format", "stack", bank="laplacian", out="all.npy", status=2).stderr
    assert "not of this job: bank 'bank.npy' then and 'laplacian' now" in told


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (None, "it is a PNG file; allowed are .npy and .npz files"),
        (b"II*\0" + bytes(20), "it is a TIFF file"),
        (b"\xff\xd8\xff\xe0", "it is a JPEG file"),
        (b"1 2 3\n", r"it begins with b'1 2 3\n'"),
        (b"", "it is empty"),
        (b"\x80\x04N.", "it begins with"),
    ],
)
def test_a_file_that_is_no_bank_is_told_so(photos, body, told):
    if body is None:
        shutil.copy("photos/colours.png", "kernel")
    else:
        Path("kernel").write_bytes(body)
    refused = apply("photos", bank="kernel", status=2).stderr
    assert f"--bank: got 'kernel'; it cannot be read as a bank: {told}" in refused


def test_the_help_lists_the_banks():
    told = " ".join(run("--help").stdout.split())
    assert f"{', '.join(banks.BANKS)}, or a .npy or .npz file" in told


def test_pictures_of_the_formats_that_people_have_are_taken_from_folders(rng):
    pixels = rng.integers(0, 256, (6, 5), dtype=np.uint8)
    Path("all").mkdir()
    Image.fromarray(pixels).save("all/a.bmp")
    Image.fromarray(pixels).convert("RGB").save("all/b.webp", lossless=True)
    for suffix in ("pgm", "ppm", "pnm", "pbm"):
        Path(f"all/c.{suffix}").write_bytes(b"P5 5 6 255\n" + pixels.tobytes())
    np.save("one.npy", np.ones((1, 1), np.float32))
    apply("all", bank="one.npy")
    assert len(names()) == 6
    np.testing.assert_array_equal(np.load("out/a.bmp.npy"), pixels)
    np.testing.assert_array_equal(np.load("out/b.webp.npy")[..., 1], pixels)
