"""`xcorr apply`: the numbers of `correlate`, files that are whole or absent, and jobs that go on where they stopped."""

import errno
import itertools
import json
import os
import shutil
import signal
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import killed
import numpy as np
import pytest
from checks import SEED
from formats import idx_bytes

pytest.importorskip("click")
pytest.importorskip("rich")
pytest.importorskip("PIL")
pytest.importorskip("tifffile")

import tifffile
from click.testing import CliRunner
from PIL import Image

import xcorr
from xcorr import banks, cli
from xcorr._cli import bank_file, files, files_run, job, journal, respond, sheet, stack_run
from xcorr._cli.progress import Bar, Rate

linux = pytest.mark.skipif(sys.platform != "linux", reason="needs Linux")
BANK = np.random.default_rng(5).standard_normal((6, 3, 4)).astype(np.float32)


@pytest.fixture
def rng():
    return np.random.default_rng([SEED, 24])


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    np.save("bank.npy", BANK)
    return tmp_path


@pytest.fixture
def photos(rng):
    """A folder of colours and grey values, of several kinds of files, and the arrays that they are."""
    Path("photos/more").mkdir(parents=True)
    colours, grey = rng.integers(0, 256, (13, 17, 3), dtype=np.uint8), rng.integers(0, 256, (13, 17), dtype=np.uint8)
    pages, floats = rng.integers(0, 65536, (3, 13, 17), dtype=np.uint16), rng.random((2, 13, 17, 1), np.float32)
    Image.fromarray(colours).save("photos/colours.png")
    Image.fromarray(grey).save("photos/more/grey.png")
    tifffile.imwrite("photos/pages.tif", pages, photometric="minisblack")
    np.save("photos/floats.npy", floats)
    Path("photos/digits-idx3-ubyte").write_bytes(idx_bytes(8, (1, 13, 17), grey.tobytes()))
    Path("photos/notes.txt").write_text("no image")
    return {
        "colours.png": colours,
        "more/grey.png": grey,
        "pages.tif": pages,
        "floats.npy": floats,
        "digits-idx3-ubyte": grey[np.newaxis],
    }


def run(*arguments, status=0):
    result = CliRunner().invoke(cli.build_command(), ["apply", *map(str, arguments)], prog_name="xcorr")
    assert result.exit_code == status, result.output
    return result


def apply(*arguments, bank="bank.npy", out="out", status=0):
    return run(*arguments, "--bank", bank, "--out", out, status=status)


def tree(place):
    return {str(path.relative_to(place)): path.read_bytes() for path in Path(place).rglob("*") if path.is_file()}


def command(*arguments, **keywords):
    return subprocess.Popen(
        [sys.executable, "-W", "error", "-m", "xcorr", "apply", *map(str, arguments)],
        **{"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True, **keywords},
    )


def each_channel(images, **keywords):
    """(..., channels, K) of images with channels last."""
    responses = [xcorr.correlate(images[..., c], BANK, layout="NHW", **keywords) for c in range(images.shape[-1])]
    return np.stack(responses, axis=-2)


# --- numbers ----------------------------------------------------------------------------------------------------------


def test_responses_are_those_of_correlate(photos):
    result = apply("photos")
    for name, images in photos.items():
        found = np.load(f"out/{name}.npy", allow_pickle=False)
        has_channels = name in ("colours.png", "floats.npy")
        expected = each_channel(images) if has_channels else xcorr.correlate(images, BANK, layout="NHW")
        assert found.dtype == np.float32
        np.testing.assert_array_equal(found, expected)
    assert "5 of 5 files done" in result.output
    assert ", 1 other file passed over" in result.output


@pytest.mark.parametrize(
    ("options", "keywords"),
    [
        (["--padding", "same", "--boundary", "reflect"], {"padding": "same", "boundary": "reflect"}),
        (["--padding", "2,1", "--stride", "2"], {"padding": (2, 1), "stride": 2}),
        (["--padding", "1", "--fill-value", "7"], {"padding": 1, "fill_value": 7}),
        (["--padding", "1,2,3,0", "--dilation", "2,3"], {"padding": ((1, 2), (3, 0)), "dilation": (2, 3)}),
        (["--dtype", "float64", "--method", "matmul"], {"dtype": "float64", "method": "matmul"}),
        (["--precision", "strict", "--workers", "2"], {"precision": "strict"}),
    ],
)
def test_options_are_the_keywords_of_correlate(photos, options, keywords):
    apply("photos/more/grey.png", *options)
    expected = xcorr.correlate(photos["more/grey.png"], BANK, layout="NHW", **keywords)
    found = np.load("out/grey.png.npy")
    assert found.dtype == expected.dtype
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("name", banks.BANKS)
def test_named_banks(rng, name):
    image = rng.random((60, 70))
    np.save("image.npy", image)
    apply("image.npy", bank=name)
    np.testing.assert_array_equal(np.load("out/image.npy.npy"), xcorr.correlate(image, banks.BANKS[name]()))


def test_channels_by_themselves_their_sum_and_brightness(photos):
    colours = photos["colours.png"]
    real = colours.astype(np.float32)
    bright = np.float32(0.299) * real[..., 0] + np.float32(0.587) * real[..., 1] + np.float32(0.114) * real[..., 2]
    expected = {
        "each": each_channel(colours),
        "sum": xcorr.correlate(colours, np.repeat(BANK[..., np.newaxis], 3, -1), layout="NHWC"),
        "grey": xcorr.correlate(bright, BANK, layout="NHW"),
    }
    for channels, response in expected.items():
        apply("photos/colours.png", "--channels", channels, out=channels)
        np.testing.assert_array_equal(np.load(f"{channels}/colours.png.npy"), response)
    apply("photos/pages.tif", "--channels", "grey", out="pages")
    np.testing.assert_array_equal(
        np.load("pages/pages.tif.npy"), xcorr.correlate(photos["pages.tif"], BANK, layout="NHW")
    )


def test_banks_with_channels_with_one_kernel_and_of_integers(photos, rng):
    with_channels = rng.standard_normal((2, 3, 3, 3))
    np.savez("banks.npz", colours=with_channels, one=BANK[0], whole=np.ones((2, 3, 3), np.int8))
    colours, grey = photos["colours.png"], photos["more/grey.png"]
    apply("photos/colours.png", bank="banks.npz:colours", out="a")
    np.testing.assert_array_equal(np.load("a/colours.png.npy"), xcorr.correlate(colours, with_channels, layout="NHWC"))
    apply("photos/more/grey.png", bank="banks.npz:one", out="b")
    np.testing.assert_array_equal(np.load("b/grey.png.npy"), xcorr.correlate(grey, BANK[0]))
    apply("photos/more/grey.png", bank="banks.npz:whole", out="c")
    found = np.load("c/grey.png.npy")
    assert found.dtype == np.int64
    np.testing.assert_array_equal(found, xcorr.correlate(grey, np.ones((2, 3, 3), np.int8), layout="NHW"))
    np.save("channels_first.npy", np.moveaxis(with_channels, -1, 1))
    apply("photos/colours.png", "--layout", "NCHW", bank="channels_first.npy", out="d")
    np.testing.assert_array_equal(np.load("d/colours.png.npy"), np.load("a/colours.png.npy"))
    apply("photos/floats.npy", bank="banks.npz:colours", out="e", status=1)
    np.save("one_channel.npy", with_channels[..., :1])
    apply("photos/more/grey.png", bank="one_channel.npy", out="f")
    np.testing.assert_array_equal(np.load("f/grey.png.npy"), xcorr.correlate(grey, with_channels[..., 0], layout="NHW"))


@pytest.mark.parametrize(("dtype", "real"), [("u1", "f4"), ("u2", "f4"), ("i4", "f8"), ("f4", "f4"), ("?", "f4")])
def test_scale_divides_integers_by_their_largest(rng, dtype, real):
    image = rng.integers(0, 2, (9, 9)).astype(dtype) if dtype == "?" else rng.integers(0, 200, (9, 9)).astype(dtype)
    np.save("image.npy", image)
    apply("image.npy", "--scale")
    largest = {"u1": 255, "u2": 65535, "i4": 2**31 - 1}.get(dtype, 1)
    expected = xcorr.correlate(image.astype(real) / np.dtype(real).type(largest), BANK, layout="NHW")
    np.testing.assert_array_equal(np.load("out/image.npy.npy"), expected)


def test_layout_names_the_axes_of_arrays(rng):
    batch = rng.random((2, 3, 9, 8))
    np.save("batch.npy", batch)
    apply("batch.npy", "--layout", "NCHW")
    np.testing.assert_array_equal(np.load("out/batch.npy.npy"), each_channel(np.moveaxis(batch, 1, -1)))


def test_a_batch_in_parts_is_the_same(photos, monkeypatch):
    apply("photos", out="whole")
    monkeypatch.setattr(respond, "PART_BYTES", 1)
    apply("photos", out="parts")
    assert tree("whole") == tree("parts")


def test_a_result_depends_on_no_other_file(photos):
    apply("photos", out="together")
    for name in photos:
        apply(f"photos/{name}", out="alone")
        base = Path(name).name
        assert Path(f"alone/{base}.npy").read_bytes() == Path(f"together/{name}.npy").read_bytes()


@pytest.mark.parametrize("shape", [(0, 9, 8, 1), (2, 9, 8, 1)])
def test_batches_without_images_have_responses_of_none(shape):
    np.save("batch.npy", np.zeros(shape))
    apply("batch.npy")
    assert np.load("out/batch.npy.npy").shape == (shape[0], 7, 5, 1, 6)


# --- forms ------------------------------------------------------------------------------------------------------------


def test_tif_has_a_page_for_each_kernel(photos):
    apply("photos", "--format", "tif")
    for name, images in photos.items():
        found = tifffile.imread(f"out/{name}.tif")
        if name in ("colours.png", "floats.npy"):
            expected = np.moveaxis(each_channel(images), (-1, -2), (-4, -3))
        else:
            expected = np.moveaxis(xcorr.correlate(images, BANK, layout="NHW"), -1, -3)
        np.testing.assert_array_equal(found.reshape(expected.shape), expected)
        with tifffile.TiffFile(f"out/{name}.tif") as file:
            assert len(file.pages) == expected.size // (11 * 14)


@pytest.mark.parametrize("dtype", ["int64", "float64", "complex128"])
def test_tif_of_other_types(photos, dtype):
    np.save("whole.npy", np.ones((2, 3, 3), np.int8))
    apply("photos/more/grey.png", "--format", "tif", "--dtype", dtype, bank="whole.npy")
    assert tifffile.imread("out/grey.png.tif").dtype == dtype


def same_size(rng, n_files=4):
    images = rng.integers(0, 256, (n_files, 12, 15), dtype=np.uint8)
    Path("same").mkdir()
    for index, image in enumerate(images):
        Image.fromarray(image).save(f"same/{index}.png")
    return images


def read_stack(form, path):
    if form == "stack":
        return np.load(path, allow_pickle=False)
    zarr = pytest.importorskip("zarr")
    return zarr.open_array(path, mode="r")[:]


STACKS = [("stack", "all.npy"), ("zarr", "all.zarr")]


@pytest.mark.parametrize(("form", "out"), STACKS)
def test_stack_is_one_array_in_the_files_order(rng, form, out):
    if form == "zarr":
        pytest.importorskip("zarr")
    images = same_size(rng)
    np.save("batch.npy", images[:3])
    arguments = ["same", "batch.npy", "--layout", "NHW", "--format", form]
    apply(*arguments, out=out)
    expected = xcorr.correlate(np.concatenate([images, images[:3]]), BANK, layout="NHW")
    np.testing.assert_array_equal(read_stack(form, out), expected)
    before = tree(".")
    assert "5 done before" in apply(*arguments, out=out).output
    assert tree(".") == before


@pytest.mark.parametrize(("form", "out"), STACKS)
def test_stack_of_two_shapes_stops_before_anything_is_written_or_skips(rng, form, out):
    if form == "zarr":
        pytest.importorskip("zarr")
    images = same_size(rng)
    Image.fromarray(images[0][:, :-1]).save("same/2.png")
    result = apply("same", "--format", form, out=out, status=1)
    assert "2.png: responses of shape (10, 11, 6)" in result.stderr
    assert not Path(out).exists()
    apply("same", "--format", form, "--on-error", "skip", out=out, status=1)
    expected = xcorr.correlate(images[[0, 1, 3]], BANK, layout="NHW")
    np.testing.assert_array_equal(read_stack(form, out), expected)


def test_stack_in_the_folder_of_its_images_is_not_read(rng):
    images = same_size(rng)
    for _ in range(2):
        apply("same", "--format", "stack", out="same/all.npy")
    assert len(np.load("same/all.npy")) == len(images)


def test_stack_is_written_as_images_come_and_not_held(rng, monkeypatch):
    same_size(rng, 3)
    written = []
    genuine = stack_run.StackRun.write

    def write(self, rows, found, content, position):
        written.append(rows.file.seek(0, 2))
        return genuine(self, rows, found, content, position)

    monkeypatch.setattr(stack_run.StackRun, "write", write)
    apply("same", "--format", "stack", out="all.npy")
    assert written == [0, 256 + 2880, 256 + 2 * 2880]


@pytest.mark.parametrize("colours", ["grey", "diverging"])
def test_sheet_shows_every_response_on_one_scale_with_zero_in_the_middle(rng, colours):
    image, bank = rng.random((40, 50)), np.zeros((4, 1, 1))
    image[0, 0], bank[:, 0, 0] = 1, (1, -1, 0.5, 0)
    np.save("image.npy", image)
    np.save("bank.npy", bank)
    apply("image.npy", "--format", "sheet", "--colours", colours)
    sheet = np.asarray(Image.open("out/image.npy.sheet.png")).astype(int)
    pitch = 8 * len("kernel 0") + 4, 40 + 14 + 4
    corners = [sheet[4 + 14 + pitch[1] * row, 4 + pitch[0] * column] for row in (0, 1) for column in (0, 1)]
    least, middle, greatest = _apply_colours(colours)
    np.testing.assert_array_equal(corners[:2] + corners[3:], [greatest, least, middle])
    assert np.abs(corners[2] - (np.array(middle) + greatest) / 2).max() <= 1


def _apply_colours(colours):
    from xcorr._cli.sheet import COLOURS

    return COLOURS[colours]


def test_sheet_shows_what_is_not_finite(rng):
    image = rng.random((20, 20))
    image[3, 4] = np.nan
    np.save("image.npy", image)
    np.save("bank.npy", np.ones((1, 1)))
    apply("image.npy", "--format", "sheet")
    sheet = np.asarray(Image.open("out/image.npy.sheet.png"))
    assert (sheet[4 + 14 + 3, 4 + 4] == (255, 0, 255)).all()
    assert np.count_nonzero((sheet == (255, 0, 255)).all(axis=-1)) == 1


def test_sheet_that_would_be_too_large_or_complex_is_refused(rng):
    np.save("large.npy", np.ones((5000, 100, 200), np.uint8))
    np.save("complex.npy", rng.random((9, 9)) + 1j)
    result = apply("large.npy", "complex.npy", "--format", "sheet", "--layout", "NHW", status=1)
    assert "large.npy: a sheet of 30000 responses of 98x197; at most 100,000,000 pixels" in result.stderr
    assert "--format npy and tif have no such limit" in result.stderr
    assert "complex.npy: complex responses have no sheet" in result.stderr


# --- which files ------------------------------------------------------------------------------------------------------


def names(out="out"):
    return sorted(name for name in tree(out) if not name.startswith("."))


def test_folders_are_read_with_their_folders_but_links_hidden_names_and_results(photos):
    shutil.copytree("photos", "photos/.hidden")
    Path("photos/link").symlink_to("more")
    Path("photos/again.png").symlink_to("more/grey.png")
    Path("photos/.secret.png").write_bytes(b"hidden")
    apply("photos", out="photos/out")
    expected = sorted(f"{name}.npy" for name in (*photos, "again.png"))
    assert names("photos/out") == expected
    apply("photos", out="photos/out")
    assert names("photos/out") == expected


def test_patterns_are_expanded(photos):
    apply("photos/*.png", "photos/**/gr*.png")
    assert names() == ["colours.png.npy", "grey.png.npy"]
    shutil.copy("photos/colours.png", "photos/[x].png")
    apply("photos/[x].png", out="literal")
    assert names("literal") == ["[x].png.npy"]
    apply("*o*")  # matches the folder of the results, too
    assert "[x].png.npy" in names()
    assert not any(name.endswith(".npy.npy") and "floats" not in name for name in names())


def test_a_file_given_twice_is_one(photos):
    apply("photos/colours.png", "photos", "./photos/colours.png")
    assert names() == sorted(f"{name}.npy" for name in photos)


def test_two_files_of_one_name_are_refused_before_any_work(photos):
    shutil.copy("photos/colours.png", "photos/more/colours.png")
    result = apply("photos/colours.png", "photos/more/colours.png", status=2)
    assert "'photos/colours.png' and 'photos/more/colours.png'" in result.output
    assert not Path("out").exists()
    apply("photos")
    assert "more/colours.png.npy" in names()


def test_results_that_would_get_in_each_others_way_are_refused_before_any_work(photos):
    Path("photos/colours.png.npy").mkdir()
    shutil.copy("photos/colours.png", "photos/colours.png.npy/inner.png")
    told = apply("photos", status=2).stderr
    assert "the result of 'colours.png' has the name of the folder for 'colours.png.npy/inner.png'" in told
    assert not names()
    Path("out/colours.png.npy").mkdir(parents=True)
    for overwrite in ([], ["--overwrite"]):
        told = apply("photos/colours.png", *overwrite, status=2).stderr
        assert "out/colours.png.npy is a folder; it cannot be the result of 'colours.png'" in told


def test_names_that_are_one_for_the_disk_are_refused(photos, monkeypatch):
    shutil.copy("photos/colours.png", "photos/COLOURS.png")
    apply("photos", out="two")
    monkeypatch.setattr(files_run, "is_caseless", lambda folder: True)
    told = apply("photos", status=2).stderr
    assert "'COLOURS.png' and 'colours.png' are one name for this disk" in told
    assert not names()


def test_whether_a_disk_tells_small_letters_from_capital_ones(tmp_path):
    (tmp_path / "lock").touch()
    assert files_run.is_caseless(tmp_path) == (tmp_path / "LocK").exists()
    (tmp_path / "LOCK").touch()
    assert files_run.is_caseless(tmp_path)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["absent.png"], "IMAGES: got 'absent.png'; there is no such file or folder"),
        (["*.absent"], "IMAGES: got '*.absent'; no file matches it"),
        (["empty"], "IMAGES: got 'empty'; no image is in it"),
        (["out"], "IMAGES: got 'out', which lies in the folder of the results"),
        (["a.npy", "--padding", "1,x"], "'--padding': got '1,x'; allowed is valid or same or full or N or R,C"),
        (["a.npy", "--padding", "1,2,3"], "got '1,2,3'"),
        (["a.npy", "--padding", "-1"], "got '-1'"),
        (["a.npy", "--stride", "0"], "'--stride': got '0'; allowed is N or R,C with integers >= 1"),
        (["a.npy", "--stride", "9" * 30], "stride"),
        (["a.npy", "--stride", "9" * 5000], "'--stride': got '999"),
        (["a.npy", "--fill-value", "x"], "'--fill-value': got 'x'; allowed is a number"),
        (["a.npy", "--dtype", "bool"], "'--dtype': got bool; allowed are"),
        (["a.npy", "--dtype", "nonsense"], "'--dtype': got 'nonsense'; allowed are"),
        (["a.npy", "--boundary", "mirror"], "'--boundary': 'mirror' is not one of"),
        (["a.npy", "--workers", "0"], "'--workers'"),
        (["a.npy", "--format", "stack"], "--out: got 'out'; allowed with --format stack is a name that ends in .npy"),
        (["a.npy", "--format", "zarr"], "--out: got 'out'; allowed with --format zarr is a name that ends in .zarr"),
        (["a.npy", "--out", "a.npy"], "--out: got 'a.npy'; allowed with --format npy is a folder"),
        (["a.npy", "--out", "b.npy"], "--out: got 'b.npy'; allowed with --format npy is a folder"),
        (
            ["a.npy", "--bank", "absent"],
            "--bank: got 'absent'; allowed are sobel, laplacian, gabor, leung-malik, schmid",
        ),
        (["a.npy", "--bank", "two.npz"], "2 arrays in it; allowed is FILE.npz:NAME with NAME one of 'x', 'y'"),
        (["a.npy", "--bank", "two.npz:z"], "no array 'z' in it"),
        (["a.npy", "--bank", "objects.npy"], "objects, which would have to be unpickled"),
        (["a.npy", "--bank", "five.npy"], "an array of shape (1, 1, 1, 1, 1); allowed are"),
        (["a.npy", "--bank", "words.npy"], "--bank: got 'words.npy'; bank: got dtype <U1; allowed are bool"),
        (["a.npy", "--bank", "text.npy"], "it cannot be read"),
        (["a.npy", "--bank", "odd.npz:x"], "a single array, without the name 'x'"),
        (["a.npy", "--bank", "members.npz:x.txt"], "'x.txt' in it is no array"),
        (["a.npy", "--out", "folder.npy", "--format", "stack"], "'folder.npy' is a folder"),
        (["a.npy", "--bank", "zip.npz"], "it cannot be read"),
        (["a.npy", "--bank", "locked.npz:x"], "it cannot be read as a bank: File 'x.npy' is encrypted"),
        (["a.npy", "--bank", "damaged.npz"], "it cannot be read"),
        (["a.npy", "--bank", "n" * 300], "allowed are sobel"),
        (
            ["a.npy", "--bank", "two.npz:y", "--channels", "sum"],
            "--channels: got 'sum'; the bank of shape (1, 1, 1, 1)",
        ),
        (["a.npy", "--colour"], "No such option"),
    ],
)
def test_usage_errors_are_one_line_and_nothing_is_begun(arguments, message):
    for folder in ("empty", "out", "folder.npy"):
        Path(folder).mkdir()
    np.save("a.npy", np.ones((5, 5)))
    np.savez("two.npz", x=np.ones((1, 1)), y=np.ones((1, 1, 1, 1)))
    np.save("objects.npy", np.array([print], dtype=object))
    np.save("five.npy", np.ones((1, 1, 1, 1, 1)))
    np.save("words.npy", np.array([["a"]]))
    Path("text.npy").write_text("text")
    with open("odd.npz", "wb") as file:
        np.save(file, BANK)
    with zipfile.ZipFile("members.npz", "w") as archive:
        archive.writestr("x.txt", "text")
    Path("zip.npz").write_bytes(b"PK\3\4" + bytes(50))
    body = bytearray(Path("two.npz").read_bytes())
    for start, flags in ((b"PK\3\4", 6), (b"PK\1\2", 8)):
        body[body.index(start) + flags] |= 1
    Path("locked.npz").write_bytes(body)
    np.savez_compressed("damaged.npz", x=np.random.default_rng(0).random((9, 9)))
    body = bytearray(Path("damaged.npz").read_bytes())
    body[100] ^= 255
    Path("damaged.npz").write_bytes(body)
    before = tree(".")
    result = run("--bank", "bank.npy", "--out", "out", *arguments, status=2)
    assert result.stdout == ""
    assert result.stderr.count("\n") == 1
    assert message in result.stderr
    assert tree(".") == before


def test_a_bank_that_would_be_unpickled_is_not_executed(rng):
    class Marker:
        def __reduce__(self):
            return os.mkdir, ("marker",)

    np.save("image.npy", rng.random((9, 9)))
    np.savez("bank.npz", bank=np.array([Marker()], dtype=object))
    apply("image.npy", bank="bank.npz", status=2)
    assert not Path("marker").exists()


# --- files that fail --------------------------------------------------------------------------------------------------


def test_bad_files_are_told_and_skipped_or_stop_the_job(photos):
    Path("photos/b.png").write_bytes(Path("photos/colours.png").read_bytes()[:100])
    Path("photos/c.png").write_bytes(b"")
    np.save("photos/small.npy", np.ones((2, 2)))
    result = apply("photos", status=1)
    told = result.stderr.splitlines()
    assert [line.split(": ")[:2] for line in told] == [["xcorr", name] for name in ("b.png", "c.png", "small.npy")]
    assert "byte 100: the PNG ends early" in told[0]
    assert "it is empty" in told[1]
    assert "kernels: spatial size (3, 4) is larger than the padded image (2, 2)" in told[2]
    assert names() == sorted(f"{name}.npy" for name in photos)
    result = apply("photos", "--on-error", "stop", out="stopped", status=1)
    assert result.stderr.splitlines()[-1].startswith("Error: stopped at the first file that failed")
    assert names("stopped") == []


@pytest.mark.parametrize("name", ["new\nline.png", "\x1b[31mred.png", "ünïcödé 日本.png", os.fsdecode(b"\xff\xfe.png")])
def test_names_of_all_kinds_are_taken_and_told_on_one_line(photos, name):
    try:
        shutil.copy("photos/colours.png", Path("photos/more") / name)
        Path("photos/more", "bad" + name).write_bytes(b"")
    except OSError:
        pytest.skip("no such name is allowed here")
    result = apply("photos/more", status=1)
    assert f"{name}.npy" in {path.name for path in Path("out").iterdir()}
    assert result.stderr.count("\n") == 1
    assert result.stdout.count("\n") == 3
    assert "\x1b" not in result.output
    assert "2 done before" in apply("photos/more", status=1).output


@linux
def test_names_that_the_output_cannot_show_are_no_error():
    shutil.copy("bank.npy", "ü.npy")
    arguments = ["ü.npy", "--bank", "sobel", "--out", "out", "--layout", "NHW"]
    with command(*arguments, env={**os.environ, "LC_ALL": "C", "PYTHONIOENCODING": "ascii"}) as process:
        printed, errors = process.communicate(timeout=60)
    assert (process.returncode, errors) == (0, "")
    assert "\\xfc.npy" in printed


def test_a_name_too_long_for_its_result_fails_by_itself(photos):
    shutil.copy("photos/colours.png", "photos/" + "a" * 251 + ".png")
    result = apply("photos", status=1)
    assert "name too long" in result.stderr
    assert len(names()) == len(photos)


def test_unreadable_files_fail_by_themselves(photos, monkeypatch):
    genuine = os.open

    def refuse(path, *arguments, **keywords):  # as for everybody but root
        if Path(os.fsdecode(path)).name == "colours.png":
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), path)
        return genuine(path, *arguments, **keywords)

    monkeypatch.setattr(os, "open", refuse)
    assert "colours.png: Permission denied" in apply("photos", status=1).stderr


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="without pipes that have names")
def test_pipes_and_loops_of_links_fail_by_themselves(photos):
    os.mkfifo("photos/pipe.png")
    Path("photos/loop.png").symlink_to("loop.png")
    result = apply("photos", status=1)
    assert "pipe.png: not a regular file" in result.stderr
    assert "loop.png: Too many levels of symbolic links" in result.stderr


@linux
@pytest.mark.parametrize(("form", "out"), [("npy", "out"), ("tif", "out"), ("sheet", "out"), ("stack", "all.npy")])
def test_a_full_disk_ends_the_job_and_leaves_no_part(photos, form, out):
    apply("photos/more", "--format", form, out=out)
    before = tree(".")
    np.save("photos/more/large.npy", np.random.default_rng(0).random((400, 300)))
    resource = pytest.importorskip("resource")
    limit = (50_000, resource.getrlimit(resource.RLIMIT_FSIZE)[1])
    arguments = ["photos/more/large.npy", "--bank", "bank.npy", "--format", form, "--out", out, "--overwrite"]
    # a tool that measures coverage could not write its own file
    environment = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE")}
    words = {"preexec_fn": lambda: resource.setrlimit(resource.RLIMIT_FSIZE, limit), "env": environment}
    with command(*arguments, **words) as process:
        errors = process.communicate(timeout=60)[1]
    assert process.returncode == 1
    assert errors == f"Error: cannot write {out}: File too large\n"
    after = {name: body for name, body in tree(".").items() if name != "photos/more/large.npy"}
    hidden = {name for name in after if ".xcorr" in name}
    assert {name: after[name] for name in after if name not in hidden} == {
        name: before[name] for name in before if ".xcorr" not in name
    }
    assert not {name for name in hidden if Path(name).name.startswith("part")} or form == "stack"


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="without /dev/full")
def test_an_output_that_is_full_is_not_taken_for_a_full_disk(photos):
    arguments = ["photos", "--bank", "bank.npy", "--out", "out"]
    with open("/dev/full", "w") as full, command(*arguments, stdout=full) as process:
        errors = process.communicate(timeout=60)[1]
    assert process.returncode == 1
    assert errors == "Error: cannot write to standard output: No space left on device\n"
    apply("photos")


@pytest.mark.parametrize("library", ["PIL", "tifffile", "zarr"])
def test_a_missing_library_is_one_line_naming_the_extra(photos, monkeypatch, library):
    monkeypatch.setitem(sys.modules, library, None)
    monkeypatch.delitem(sys.modules, "xcorr._cli.tiff", raising=False)
    arguments = {"PIL": ["photos/colours.png"], "tifffile": ["photos/pages.tif"]}.get(library, ["photos/more"])
    form = ["--format", "zarr"] if library == "zarr" else []
    result = apply(*arguments, *form, out="all.zarr" if form else "out", status=1)
    extra = "zarr" if library == "zarr" else "cli"
    assert f'needs {library}: pip install "xcorr[{extra}]"' in result.stderr
    assert result.stderr.count("\n") == 1


# --- jobs that go on --------------------------------------------------------------------------------------------------


def test_what_is_done_is_left_alone_and_what_changed_is_done_again(photos, monkeypatch):
    apply("photos")
    before = tree("out")
    made = []
    genuine = files_run.FilesRun.write
    monkeypatch.setattr(
        files_run.FilesRun, "write", lambda self, file, part: made.append(file.name) or genuine(self, file, part)
    )
    assert "0 of 5 files done" in apply("photos").output
    assert made == []
    assert tree("out") == before
    Image.fromarray(photos["colours.png"][::-1]).save("photos/colours.png")
    Path("out/pages.tif.npy").unlink()
    apply("photos")
    assert made == ["colours.png", "pages.tif"]
    np.testing.assert_array_equal(np.load("out/colours.png.npy"), each_channel(photos["colours.png"][::-1]))
    assert Path("out/pages.tif.npy").read_bytes() == before["pages.tif.npy"]


@pytest.mark.parametrize(
    "options", [["--padding", "same"], ["--bank", "sobel"], ["--scale"], ["--format", "tif"], ["--channels", "sum"]]
)
def test_other_parameters_are_refused_unless_told_to_overwrite(photos, options):
    apply("photos/more")
    before = tree("out")
    arguments = ["photos/more", "--bank", "bank.npy", "--out", "out", *options]
    refused = run(*arguments, status=2)
    assert "holds responses of another job" in refused.stderr
    assert "--overwrite" in refused.stderr
    assert tree("out") == before
    assert "1 of 1 files done" in run(*arguments, "--overwrite").output
    assert "1 done before" in run(*arguments, "--overwrite").output


def test_files_of_others_are_not_replaced_unless_told(photos):
    Path("out/more").mkdir(parents=True)
    Path("out/more/grey.png.npy").write_bytes(b"precious")
    assert "out/more/grey.png.npy is there, and not of this job" in apply("photos", status=2).stderr
    assert tree("out") == {"more/grey.png.npy": b"precious"}
    apply("photos", "--overwrite")
    Path("out/more/grey.png.npy").write_bytes(b"changed")
    assert "was changed since it was written" in apply("photos", status=1).stderr
    assert Path("out/more/grey.png.npy").read_bytes() == b"changed"
    apply("photos", "--overwrite")
    assert np.load("out/more/grey.png.npy").shape == (11, 14, 6)


@pytest.mark.parametrize(("form", "out"), STACKS)
def test_a_stack_of_others_is_not_replaced_unless_told(rng, form, out):
    if form == "zarr":
        pytest.importorskip("zarr")
    images = same_size(rng)
    arguments = ["same", "--format", form]
    apply(*arguments, out=out)
    before = tree(".")
    for change in (["--padding", "same"], ["bank.npy", "--layout", "NHW"]):
        assert "is there, and not of" in apply(*arguments, *change, "--on-error", "skip", out=out, status=2).stderr
    assert tree(".") == before
    Image.fromarray(images[0]).save("same/4.png")
    assert "not of these files as they are" in apply(*arguments, out=out, status=2).stderr
    apply(*arguments, "--overwrite", out=out)
    expected = xcorr.correlate(images[[0, 1, 2, 3, 0]], BANK, layout="NHW")
    np.testing.assert_array_equal(read_stack(form, out), expected)
    if form == "stack":
        body = bytearray(Path(out).read_bytes())
        body[-1] ^= 1
        Path(out).write_bytes(body)
        assert "not of these files" in apply(*arguments, out=out, status=2).stderr


@pytest.mark.parametrize("torn", [b'{"input": "ab', b"\xff\xfe\n", b"[]\n", b'{"output": 3}\n', b"\n\n"])
def test_a_torn_journal_line_does_not_count(photos, torn):
    apply("photos")
    before = tree("out")
    with Path("out/.xcorr/journal.jsonl").open("ab") as file:
        file.write(torn)
    assert "5 done before" in apply("photos").output
    assert tree("out") == before


def test_the_journal_has_no_times_and_one_order(photos):
    apply("photos")
    lines = [json.loads(line) for line in Path("out/.xcorr/journal.jsonl").read_text().splitlines()]
    assert [line["output"] for line in lines[1:]] == sorted(photos)
    assert set(lines[1]) == {"output", "input", "sha256"}
    assert set(lines[0]["job"]) >= {"bank", "version", "level", "padding", "format", "channels"}
    apply("photos/pages.tif", "photos/floats.npy", "photos/digits-idx3-ubyte", out="piecewise")
    apply("photos", out="piecewise")
    assert tree("piecewise") == tree("out")


def test_a_second_run_at_the_same_time_is_refused(photos):
    with journal.locked(Path("out/.xcorr")):
        result = apply("photos", status=1)
    assert "another run is at work on it" in result.stderr
    assert names() == []
    apply("photos")


def test_a_lock_without_fcntl(photos, monkeypatch):
    monkeypatch.setattr(journal, "fcntl", None)
    steps = []
    close, unlink = os.close, Path.unlink
    monkeypatch.setattr(os, "close", lambda descriptor: steps.append("close") or close(descriptor))
    monkeypatch.setattr(Path, "unlink", lambda path, **words: steps.append(path.name) or unlink(path, **words))
    with journal.locked(Path("out/.xcorr")):
        steps.clear()
    assert steps == ["close", "lock"]  # Windows removes no file that is open
    apply("photos")
    Path("out/.xcorr/lock").touch()
    assert "remove it" in apply("photos", status=1).stderr


@linux
def test_many_runs_at_the_same_time_leave_what_one_would(photos):
    apply("photos", out="alone")
    processes = [command("photos", "--bank", "bank.npy", "--out", "out") for _ in range(4)]
    ended = [(process.communicate(timeout=60), process.returncode) for process in processes]
    assert {status for _, status in ended} <= {0, 1}
    assert any(status == 0 for _, status in ended), ended
    assert all("another run" in errors for (_, errors), status in ended if status == 1)
    assert tree("out") == tree("alone")


@linux
def test_an_interrupt_is_one_line_and_the_next_run_goes_on(rng):
    images = rng.random((40, 450, 450), np.float32)  # of which a few are done
    Path("large").mkdir()
    for index, image in enumerate(images):
        np.save(f"large/{index}.npy", image)
    with command("large", "--bank", "leung-malik", "--out", "out", "--method", "direct", "--workers", "1") as process:
        assert process.stdout.readline().startswith("[1/40] 0.npy: ")
        time.sleep(0.1)
        process.send_signal(signal.SIGINT)
        errors = process.communicate(timeout=60)[1]
    assert process.returncode == 130
    assert errors == "xcorr: interrupted; the same command goes on with what is left\n"
    assert all(np.load(f"out/{name}").shape == (402, 402, 48) for name in names())
    assert set(tree("out/.xcorr")) == {"journal.jsonl"}


@linux
@pytest.mark.skipif(killed.NEEDED != [], reason=f"without {killed.NEEDED}")
def test_killed_jobs_end_as_if_nobody_had_killed_them(tmp_path):
    (tmp_path / "kills").mkdir()
    found = killed.kill_jobs(tmp_path / "kills", SEED, 20, 1)
    assert found.problems == []
    assert found.n_kills >= 1


def test_what_killed_runs_left_is_removed(photos):
    apply("photos")
    before = tree("out")
    Path("out/.xcorr/part").write_bytes(b"half")
    Path("out/.xcorr/old/c").mkdir(parents=True)
    apply("photos")
    assert tree("out") == before
    assert not Path("out/.xcorr/old").exists()


def test_other_parameters_are_no_matter_where_no_result_is_left(photos):
    apply("photos/more")
    Path("out/grey.png.npy").unlink()
    apply("photos/more", "--padding", "same")
    assert np.load("out/grey.png.npy").shape == (13, 17, 6)


def test_a_lock_that_goes_while_it_is_taken_is_taken_again(photos, monkeypatch):
    answers = iter([False, True])
    genuine = journal.is_still
    monkeypatch.setattr(journal, "is_still", lambda *place: next(answers) and genuine(*place))
    apply("photos")
    assert list(answers) == []
    assert not genuine(0, Path("absent"))

    def refuse(*arguments):
        raise OSError(0, "No locks available")

    monkeypatch.setattr(journal.fcntl, "flock", refuse)
    assert "No locks available" in apply("photos", status=1).stderr


def test_results_below_a_file_are_one_line(photos):
    assert (
        "cannot write photos/colours.png/out: Not a directory"
        in apply("photos/more", out="photos/colours.png/out", status=1).stderr
    )


def test_responses_that_overflow_fail_by_themselves(rng):
    np.save("bank.npy", np.full((2, 3, 3), 2**40))
    for name, value in (("a", 1), ("b", 2**30), ("c", 1)):
        np.save(f"{name}.npy", np.full((2, 9, 9), value))
    files = ["a.npy", "b.npy", "c.npy", "--layout", "NHW", "--on-error", "skip"]
    assert "b.npy: dtype: a response does not fit int64" in apply(*files, status=1).stderr
    assert names() == ["a.npy.npy", "c.npy.npy"]
    apply(*files, "--format", "stack", out="all.npy", status=1)
    assert np.load("all.npy").shape == (4, 7, 7, 2)
    before = tree(".")
    apply(*files, "--format", "stack", "--overwrite", out="all.npy", status=1)
    assert tree(".") == before


def test_files_of_which_none_can_be_read_make_no_stack():
    Path("a.png").write_bytes(b"")
    arguments = ["a.png", "--format", "stack", "--on-error", "skip"]
    assert "no image file could be read" in apply(*arguments, out="all.npy", status=1).stderr
    assert not Path("all.npy").exists()


@pytest.mark.parametrize("form", ["tif", "sheet"])
def test_no_responses_have_no_picture(form):
    np.save("batch.npy", np.zeros((0, 9, 8, 1)))
    assert "responses" in apply("batch.npy", "--format", form, status=1).stderr


def test_brightness_of_two_channels_is_refused():
    np.save("image.npy", np.zeros((9, 8, 2)))
    result = apply("image.npy", "--layout", "NHWC", "--channels", "grey", status=1)
    assert "2 channels; the brightness of 3" in result.stderr


def test_labels_count_in_the_size_of_a_sheet(rng, monkeypatch):
    np.save("image.npy", rng.random((3, 4)))
    monkeypatch.setattr(sheet, "MOST_PIXELS", 320 * 20)
    assert "a sheet of 324x" in apply("image.npy", "--format", "sheet", status=1).stderr


@pytest.mark.parametrize("damage", ["longer", "shorter", "other"])
@pytest.mark.parametrize(("form", "out"), STACKS)
def test_a_stack_that_was_damaged_is_made_again_when_told(rng, form, out, damage):
    if form == "zarr":
        pytest.importorskip("zarr")
    same_size(rng)
    apply("same", "--format", form, out=out)
    before = tree(".")
    file = Path(out) if form == "stack" else Path(out, "c/1/0/0/0")
    if damage == "longer":
        file.write_bytes(file.read_bytes() + b"x")
    elif damage == "shorter":
        file.write_bytes(file.read_bytes()[:-1])
    elif form == "stack":
        file.unlink()
        file.symlink_to("absent")
    else:
        shutil.rmtree(out)
        Path(out).mkdir()
    assert "not of these files as they are" in apply("same", "--format", form, out=out, status=2).stderr
    apply("same", "--format", form, "--overwrite", out=out)
    assert tree(".") == before


def test_a_zarr_part_of_fewer_images_is_gone_on_with(rng, monkeypatch):
    pytest.importorskip("zarr")
    images = same_size(rng)
    genuine = stack_run.put
    monkeypatch.setattr(stack_run, "put", lambda part, path: sys.exit("stopped"))
    apply("same/0.png", "same/1.png", "--format", "zarr", out="all.zarr", status=1)
    monkeypatch.setattr(stack_run, "put", genuine)
    Path(".all.zarr.xcorr/part/c/1/0/0/0").write_bytes(b"half")
    Path(".all.zarr.xcorr/part/c/1/0/0/0.1a.partial").write_bytes(b"half")
    assert "3 of 4 files done" in apply("same", "--format", "zarr", out="all.zarr").output
    np.testing.assert_array_equal(read_stack("zarr", "all.zarr"), xcorr.correlate(images, BANK, layout="NHW"))
    assert not list(Path("all.zarr").rglob("*.partial"))


def once(monkeypatch, kind, method, change):
    """Have a method be followed by a change of the files, the first time."""
    genuine, changes = getattr(kind, method), [change]

    def changed(*arguments):
        found = genuine(*arguments)
        if changes:
            changes.pop()()
        return found

    monkeypatch.setattr(kind, method, changed)


@pytest.mark.parametrize("change", ["other", "absent"])
def test_an_image_that_changes_while_it_is_read_fails_and_is_done_by_the_next_run(photos, monkeypatch, change):
    path = Path("photos/colours.png")
    before = path.read_bytes()
    once(
        monkeypatch,
        files_run.FilesRun,
        "write",
        lambda: path.write_bytes(before + b"x") if change == "other" else path.unlink(),
    )
    assert "colours.png: it was changed while it was read" in apply("photos", status=1).stderr
    assert names() == sorted(f"{name}.npy" for name in photos if name != "colours.png")
    path.write_bytes(before)
    assert "1 of 5 files done" in apply("photos").output


@pytest.mark.parametrize(("form", "out"), STACKS)
def test_an_image_that_becomes_another_while_a_stack_is_made_has_no_rows_in_it(rng, monkeypatch, form, out):
    if form == "zarr":
        pytest.importorskip("zarr")
    images = same_size(rng)
    bank = np.ones((1, 1, 1))
    np.save("bank.npy", bank)
    turned = Image.fromarray(images[1].T)  # as many pixels
    once(monkeypatch, stack_run.StackRun, "survey", lambda: turned.save("same/1.png"))
    arguments = ["same", "--format", form, "--on-error", "skip"]
    assert "1.png: it was changed while the job ran" in apply(*arguments, out=out, status=1).stderr
    np.testing.assert_array_equal(read_stack(form, out), images[[0, 2, 3], ..., np.newaxis])


def test_an_image_that_changes_while_its_rows_are_written_has_none(rng, monkeypatch):
    images = same_size(rng)
    genuine = job.Run.told

    def told(self, responses):
        yield from genuine(self, responses)
        if Path("same/1.png").exists():
            Path("same/1.png").unlink()

    monkeypatch.setattr(job.Run, "told", told)
    arguments = ["same/1.png", "same/2.png", "--format", "stack", "--on-error", "skip"]
    assert "1.png: it was changed while it was read" in apply(*arguments, out="all.npy", status=1).stderr
    np.testing.assert_array_equal(np.load("all.npy"), xcorr.correlate(images[2:3], BANK, layout="NHW"))


def test_the_journal_of_a_stack_is_on_the_disk_before_the_stack_has_its_name(rng, monkeypatch):
    same_size(rng)
    steps = []
    for step in ("sync", "put"):
        genuine = getattr(stack_run, step)
        monkeypatch.setattr(stack_run, step, lambda *places, own=genuine: steps.append(places[0].name) or own(*places))
    apply("same", "--format", "stack", out="all.npy")
    assert steps == ["journal.jsonl", "part"]


def test_windows_syncs_files_that_it_may_write_and_no_folders(here, monkeypatch):
    opened = []
    genuine = os.open
    monkeypatch.setattr(os, "open", lambda path, flags: opened.append((path.name, flags)) or genuine(path, flags))
    monkeypatch.setattr(sys, "platform", "win32")
    files.sync(here / "bank.npy")
    files.sync(here)
    assert opened == [("bank.npy", os.O_RDWR)]


# --- progress ---------------------------------------------------------------------------------------------------------


def test_lines_in_a_pipe_nothing_when_quiet(photos):
    lines = apply("photos").stdout.splitlines()
    assert [line.split("]")[0] for line in lines[:5]] == [f"[{index}/5" for index in range(1, 6)]
    assert lines[0].startswith("[1/5] colours.png: ")
    assert lines[0].endswith(" s")
    assert apply("photos", "--quiet", out="again").output == ""


@linux
def test_a_bar_with_rate_and_time_left_on_a_terminal(photos):
    pty = pytest.importorskip("pty")
    Path("photos/bad.png").write_bytes(b"")
    ours, theirs = pty.openpty()
    environment = {**os.environ, "TERM": "xterm", "COLUMNS": "120"}
    arguments = ["photos", "--bank", "bank.npy", "--out", "out"]
    with command(*arguments, stdout=theirs, stderr=theirs, env=environment) as process:
        os.close(theirs)
        shown = b""
        while True:
            try:
                part = os.read(ours, 4096)
            except OSError:  # the other end is closed
                break
            if not part:
                break
            shown += part
    os.close(ours)
    text = shown.decode()
    assert process.returncode == 1
    assert "images/s" in text
    assert "0:00:0" in text
    assert "6/6" in text
    assert "xcorr: bad.png: it is empty" in text
    assert "5 of 6 files done" in text


@linux
def test_a_reader_that_goes_away_ends_the_job_silently(photos):
    with command("photos", "--bank", "bank.npy", "--out", "out") as process:
        process.stdout.close()
        errors = process.stderr.read()
    assert (process.returncode, errors) == (1, "")
    apply("photos")


def test_the_bar_counts_parts_of_files():
    from rich.progress import Progress

    rate, progress = Rate(), Progress(disable=True)
    bar = Bar(progress, rate, 2)
    steps = itertools.chain([0.25] * 4, [0.5])
    for share in steps:
        bar.advance(share, 3)
    assert (progress.tasks[0].completed, rate.n_images) == (1.0, 15)
    bar.done("first", 0.1, False)
    bar.advance(0.5, 1)
    assert progress.tasks[0].completed == 1.5


def test_bank_digests_tell_type_shape_and_numbers_apart():
    digests = {bank_file.bank_digest(bank) for bank in (BANK, BANK.astype("f8"), BANK.reshape(3, 6, 4), -BANK)}
    assert len(digests) == 4
    assert bank_file.bank_digest(BANK.astype(">f4")) == bank_file.bank_digest(BANK)
