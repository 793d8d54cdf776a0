"""`xcorr apply`: the numbers of `correlate`, in every form of results."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from applying import BANK, STACKS, apply, each_channel, read_stack, same_size, tree
from checks import SEED
from PIL import Image

import xcorr
from xcorr import banks
from xcorr._cli import respond, stack_run

tifffile = pytest.importorskip("tifffile")
pytestmark = pytest.mark.usefixtures("here")


@pytest.fixture
def rng():
    return np.random.default_rng([SEED, 24])


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
    assert ", passed over notes.txt; " in result.output


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


def lay_image(form, path):
    """Put an image where a stack would have its name, as a file or as a folder in the zarr format."""
    pixels = np.ones((12, 15), np.uint8)
    if form == "stack":
        np.save(path, pixels)
    else:
        pytest.importorskip("zarr").create_array(path, data=pixels)


@pytest.mark.parametrize(("form", "out"), STACKS)
@pytest.mark.parametrize("overwrite", [[], ["--overwrite"]])
def test_a_stack_is_not_written_over_one_of_its_images(rng, form, out, overwrite):
    same_size(rng)
    lay_image(form, f"same/{out}")
    before, arguments = tree("."), ["--format", form, *overwrite]
    for images in (["same"], ["same/*"], ["."], ["same/0.png", f"same/{out}"]):
        told = apply(*images, *arguments, out=f"same/{out}", status=2).stderr
        assert "same/all" in told
        assert "one of IMAGES" in told or "lies in the folder of the results" in told
        assert tree(".") == before
    if form == "stack":
        Path("same/link.npy").symlink_to("all.npy")
        assert "one of IMAGES" in apply("same", *arguments, out="same/link.npy", status=2).stderr
        assert Path("same/link.npy").is_symlink()
        assert tree("same")["all.npy"] == before["same/all.npy"]


@pytest.mark.parametrize(("form", "out"), STACKS)
def test_a_stack_among_its_images_is_replaced_when_told(rng, form, out):
    if form == "zarr":
        pytest.importorskip("zarr")
    images = same_size(rng)
    for padding in ("valid", "same", "full"):
        for _ in range(2):
            apply("same", "--format", form, "--padding", padding, "--overwrite", out=f"same/{out}")
        expected = xcorr.correlate(images, BANK, layout="NHW", padding=padding)
        np.testing.assert_array_equal(read_stack(form, f"same/{out}"), expected)
    shutil.rmtree(f"same/.{out}.xcorr")
    told = apply("same", "--format", form, "--overwrite", out=f"same/{out}", status=2).stderr
    assert "is one of IMAGES and no earlier result" in told


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
