"""`xcorr apply --most-bytes`: images that are done part by part give the same bytes, in bounded memory."""

from pathlib import Path

import numpy as np
import pytest
from applying import BANK, apply, each_channel, tree
from checks import SEED
from PIL import Image
from scripts import STATUS, run_script

import xcorr
from xcorr._cli import large
from xcorr._cli.images import open_images
from xcorr._cli.room import bytes_in, granted, most_bytes_here

tifffile = pytest.importorskip("tifffile")
pytestmark = pytest.mark.usefixtures("here")

MOST = 6000
"""Bytes that have room for some rows of the images here, and not for their responses."""


@pytest.fixture
def rng():
    return np.random.default_rng([SEED, 27])


@pytest.fixture
def blocks(monkeypatch):
    """How many blocks each stream had."""
    counts = []
    genuine = large.stream

    def stream(prepared, source, sink, **words):
        n_writes = 0
        write = type(sink).__setitem__

        class Counting(type(sink)):
            def __setitem__(self, place, values):
                nonlocal n_writes
                n_writes += 1
                write(self, place, values)

        sink.__class__ = Counting
        found = genuine(prepared, source, sink, **words)
        counts.append(n_writes)
        return found

    monkeypatch.setattr(large, "stream", stream)
    return counts


def compare(*arguments, blocks, form="npy", most=MOST, at_least=2, **words):
    """Applies with room for all and without, and holds every result against the other."""
    outs = ("whole.npy", "parts.npy") if form == "stack" else ("whole", "parts")
    apply(*arguments, "--format", form, out=outs[0], **words)
    assert not blocks
    result = apply(*arguments, "--format", form, "--most-bytes", most, out=outs[1], **words)
    assert blocks
    assert max(blocks) >= at_least
    if form == "stack":
        assert Path(outs[0]).read_bytes() == Path(outs[1]).read_bytes()
    else:
        whole, parts = tree(outs[0]), tree(outs[1])
        assert {name: body for name, body in whole.items() if not name.startswith(".")} == {
            name: body for name, body in parts.items() if not name.startswith(".")
        }
    assert "0 failed" not in result.output
    return result


# --- the same bytes ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", ["npy", "tif"])
def test_parts_of_images_give_the_bytes_of_whole_ones(photos, blocks, form):
    compare("photos", form=form, blocks=blocks)
    assert len(blocks) >= 7  # one for each image


@pytest.mark.parametrize(
    "options",
    [
        ["--padding", "same", "--boundary", "wrap"],
        ["--padding", "full", "--stride", "2,1", "--scale"],
        ["--channels", "sum"],
        ["--channels", "grey", "--dilation", "2"],
        ["--dtype", "uint8", "--overflow", "saturate"],
        ["--dtype", "uint16", "--scale", "unit"],
        ["--method", "fft", "--padding", "same"],
    ],
)
@pytest.mark.parametrize("form", ["npy", "tif", "stack"])
def test_options_go_with_parts(rng, blocks, options, form):
    Image.fromarray(rng.integers(0, 256, (40, 37, 3), dtype=np.uint8)).save("colours.png")
    compare("colours.png", *options, form=form, most=40_000 if "fft" in options else 12_000, blocks=blocks)


@pytest.mark.parametrize("bank", ["one", "with channels", "integers"])
def test_banks_of_all_kinds_go_with_parts(rng, blocks, bank):
    np.save("image.npy", rng.integers(0, 256, (50, 30, 3), dtype=np.uint8))
    kernels = {
        "one": BANK[0],
        "with channels": rng.standard_normal((2, 3, 3, 3)).astype(np.float32),
        "integers": np.ones((2, 3, 3), np.int8),
    }[bank]
    np.save("kernels.npy", kernels)
    for form in ("npy", "tif"):
        compare("image.npy", "--layout", "NHWC", form=form, bank="kernels.npy", blocks=blocks)
        blocks.clear()
        for out in ("whole", "parts"):
            for name in tree(out):
                Path(out, name).unlink()


@pytest.mark.parametrize(
    ("layout", "shape"),
    [("NHW", (2, 40, 30)), ("NCHW", (2, 3, 40, 30)), ("NHWC", (2, 40, 30, 3)), ("NCHW", (3, 40, 30))],
)
@pytest.mark.parametrize("order", ["C", "F"])
def test_arrays_of_all_layouts_are_read_in_parts(rng, blocks, layout, shape, order):
    np.save("batch.npy", np.asarray(rng.random(shape).astype(">f4"), order=order))
    compare("batch.npy", "--layout", layout, most=15_000, blocks=blocks)


def pages(rng, name):
    """A TIFF of a kind, of (60, 70) pixels."""
    separate = {"planarconfig": "separate", "photometric": "rgb"}
    transparent = {"photometric": "rgb", "extrasamples": ["unassalpha"], "rowsperstrip": 6}
    colours, grey = rng.integers(0, 256, (60, 70, 3), dtype=np.uint8), rng.integers(0, 4096, (60, 70), dtype=np.uint16)
    floats = rng.standard_normal((60, 70)).astype(np.float32)
    palette = rng.integers(0, 65536, (3, 256), dtype=np.uint16)
    array, words = {
        "one strip": (colours, {"rowsperstrip": 60}),
        "strips": (grey, {"rowsperstrip": 7}),
        "tiles": (colours, {"tile": (16, 32)}),
        "deflated strips": (grey, {"rowsperstrip": 7, "compression": "zlib", "predictor": True}),
        "deflated tiles": (floats, {"tile": (32, 16), "compression": "zlib", "predictor": True}),
        "lzw": (colours, {"rowsperstrip": 5, "compression": "lzw"}),
        "one deflated strip": (colours, {"rowsperstrip": 60, "compression": "zlib"}),
        "planes": (np.moveaxis(colours, -1, 0), {**separate, "rowsperstrip": 9}),
        "planes of tiles": (np.moveaxis(colours, -1, 0), {**separate, "tile": (16, 16)}),
        "big endian": (grey, {"byteorder": ">", "rowsperstrip": 60}),
        "big endian tiles": (grey, {"byteorder": ">", "tile": (16, 16)}),
        "white first": (grey, {"photometric": "miniswhite", "rowsperstrip": 8}),
        "palette": (colours[..., 0], {"photometric": "palette", "colormap": palette, "rowsperstrip": 8}),
        "turned": (colours, {"rowsperstrip": 7, "extratags": [(274, 3, 1, 6, True)]}),
        "alpha": (np.dstack([colours, colours[..., :1]]), transparent),
        "several": (np.stack([grey, grey[::-1]]), {"photometric": "minisblack", "rowsperstrip": 11}),
        "bits": (grey > 2000, {"photometric": "minisblack", "rowsperstrip": 11}),
        "holes": (np.zeros((60, 70), np.uint8), {"tile": (16, 16), "photometric": "minisblack"}),
    }[name]  # fmt: skip
    tifffile.imwrite("image.tif", array, metadata=None, **words)


KINDS_OF_PAGES = (
    *("one strip", "strips", "tiles", "deflated strips", "deflated tiles", "lzw", "one deflated strip", "planes"),
    *("planes of tiles", "big endian", "big endian tiles", "white first", "palette", "turned", "alpha", "several"),
    *("bits", "holes"),
)


@pytest.mark.parametrize("kind", KINDS_OF_PAGES)
def test_pages_of_all_kinds_are_read_in_parts(rng, blocks, kind):
    pages(rng, kind)
    compare("image.tif", most=60_000, blocks=blocks)
    with open_images(Path("image.tif")) as images:
        assert (images.read_area is None) == (kind in ("one deflated strip", "turned"))
        if images.read_area is None:
            return
        whole = images.read(0, images.n_images)
        for _ in range(20):
            (top, bottom), (left, right) = (sorted(rng.integers(0, length + 1, 2)) for length in images.shape[:2])
            index = int(rng.integers(images.n_images))
            found = images.read_area(index, slice(int(top), int(bottom)), slice(int(left), int(right)))
            assert found.dtype == images.dtype
            np.testing.assert_array_equal(found, whole[index, top:bottom, left:right])


@pytest.mark.parametrize("kind", ["ImageJ", "OME"])
def test_hyperstacks_keep_their_axes(rng, blocks, kind):
    words = {"imagej": True} if kind == "ImageJ" else {"ome": True}
    stack = rng.integers(0, 65536, (2, 3, 40, 30), dtype=np.uint16)
    tifffile.imwrite("stack.tif", stack, metadata={"axes": "ZCYX"}, **words)
    compare("stack.tif", form="tif", blocks=blocks)


def test_a_stack_of_large_images_goes_on(rng, blocks):
    for index in range(3):
        np.save(f"{index}.npy", rng.random((40, 30)))
    compare("[012].npy", form="stack", blocks=blocks)
    result = apply("[012].npy", "--format", "stack", "--most-bytes", MOST, out="parts.npy")
    assert "3 done before" in result.output


@pytest.mark.parametrize("channels", ["each", "grey"])
def test_a_zarr_of_large_images_has_chunks_that_are_written_once(rng, blocks, monkeypatch, channels):
    zarr = pytest.importorskip("zarr")
    from xcorr._cli import zarr_files, zarr_rows

    monkeypatch.setattr(zarr_rows, "LARGE_BYTES", 20_000)
    monkeypatch.setattr(zarr_rows, "CHUNK_BYTES", 10_000)
    written, genuine = [], zarr_files.Files.__setitem__
    monkeypatch.setattr(
        zarr_files.Files, "__setitem__", lambda self, path, value: (written.append(path), genuine(self, path, value))
    )
    images = rng.integers(0, 256, (2, 50, 40, 3), dtype=np.uint8)
    for index, image in enumerate(images):
        Image.fromarray(image).save(f"{index}.png")
    arguments, most = (
        ["[01].png", "--channels", channels, "--format", "zarr"],
        {"each": "140k", "grey": "80k"}[channels],
    )
    apply(*arguments, out="whole.zarr")
    assert not blocks
    apply(*arguments, "--most-bytes", most, out="parts.zarr")
    assert len(blocks) == 2
    assert min(blocks) > 1
    chunks = [path for path in written if path.startswith("c/")]
    assert len(chunks) == 2 * len(set(chunks)) > 8
    assert tree("parts.zarr") == tree("whole.zarr")
    if channels == "each":
        found = zarr.open_array("parts.zarr", mode="r")[...]
        np.testing.assert_array_equal(found, np.stack([each_channel(image) for image in images]))
    assert "2 done before" in apply(*arguments, "--most-bytes", most, out="parts.zarr").output
    if channels == "grey":
        Path("parts.zarr/c/1/2/0/0").rename("parts.zarr/c/1/99")
        apply(*arguments, "--most-bytes", most, "--overwrite", out="parts.zarr")
        assert tree("parts.zarr") == tree("whole.zarr")
    told = apply(*arguments, "--most-bytes", "25k", out="few.zarr", status=1).stderr
    assert "--most-bytes: got 25,000; " in told


def test_a_job_goes_on_whatever_the_bytes_are(rng, blocks):
    np.save("image.npy", rng.random((40, 30)))
    apply("image.npy", "--most-bytes", MOST)
    assert "1 done before" in apply("image.npy", "--most-bytes", "1G").output
    assert "1 done before" in apply("image.npy").output
    assert len(blocks) == 1


def test_images_that_have_room_are_done_some_at_a_time(rng, blocks):
    batch = rng.random((30, 12, 10)).astype(np.float32)
    np.save("batch.npy", batch)
    apply("batch.npy", "--layout", "NHW", "--most-bytes", "20k")
    assert not blocks
    np.testing.assert_array_equal(np.load("out/batch.npy.npy"), xcorr.correlate(batch, BANK, layout="NHW"))


# --- what is refused --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["", "0", "-5", "12X", "1e9", "1.5.5M", "MiB", "0.1", "٣M", "9" * 40])
def test_a_size_that_is_none_is_a_usage_error(text):
    np.save("image.npy", np.ones((9, 9)))
    told = apply("image.npy", "--most-bytes", text, status=2).stderr
    assert f"'--most-bytes': got {text!r}; allowed is a number of bytes, at least 1, as 500000, 512M" in told
    assert told.count("\n") == 1


@pytest.mark.parametrize(
    ("text", "n_bytes"),
    [
        ("1", 1),
        ("512M", 512 * 10**6),
        ("2GiB", 2**31),
        ("1.5kb", 1500),
        ("3 Ti", 3 * 2**40),
        (" 7 B ", 7),
        ("1g", 10**9),
    ],
)
def test_sizes_have_units(text, n_bytes):
    assert bytes_in(text) == n_bytes


def test_a_limit_without_room_for_the_smallest_part_names_the_least(rng):
    np.save("image.npy", rng.random((20, 10)))
    told = apply("image.npy", "--most-bytes", "100", status=1).stderr
    assert "image.npy: --most-bytes: got 100; at least " in told
    least = int(told.partition("at least ")[2].partition(" are")[0].replace(",", ""))
    apply("image.npy", "--most-bytes", least - 1, status=1)
    apply("image.npy", "--most-bytes", least)


@pytest.mark.parametrize(
    "arguments",
    [["--format", "png"], ["--format", "sheet"], ["--format", "tif", "--dtype", "uint8", "--scale", "middle"]],
)
def test_what_is_made_of_whole_responses_is_refused_where_bytes_are_asked_for(rng, arguments, monkeypatch):
    Image.fromarray(rng.integers(0, 256, (60, 50), dtype=np.uint8)).save("image.png")
    told = apply("image.png", "--most-bytes", "5k", *arguments, status=1).stderr
    name = "--scale middle" if "middle" in arguments else f"--format {arguments[1]}"
    assert "--most-bytes: got 5,000; an image and its responses take" in told
    assert f"{name} is made of whole ones; allowed in parts are npy, tif, stack, zarr" in told
    monkeypatch.setattr("xcorr._cli.apply_command.most_bytes_here", lambda: 5000)
    apply("image.png", *arguments)


def test_sums_that_do_not_fit_are_told(rng, blocks):
    np.save("image.npy", np.full((60, 50), 30_000, np.int16))
    np.save("ones.npy", np.ones((3, 3), np.int16))
    told = apply("image.npy", "--dtype", "int16", "--most-bytes", MOST, bank="ones.npy", status=1).stderr
    assert told.startswith("xcorr: image.npy: ")
    assert not Path("out/image.npy.npy").exists()


def test_a_file_that_ends_while_it_is_read_is_told(rng, blocks, monkeypatch):
    np.save("image.npy", rng.random((60, 50)))
    genuine = large.stream

    def stream(*arguments, **words):
        with open("image.npy", "r+b") as file:
            file.truncate(9000)
        return genuine(*arguments, **words)

    monkeypatch.setattr(large, "stream", stream)
    told = apply("image.npy", "--most-bytes", MOST, status=1).stderr
    assert "image.npy: byte 9000: the file ends early" in told


# --- memory -----------------------------------------------------------------------------------------------------------


def test_the_share_of_memory_is_that_of_the_control_group(tmp_path):
    (tmp_path / "a/b").mkdir(parents=True)
    (tmp_path / "memory.max").write_text("max\n")
    (tmp_path / "a/memory.max").write_text("5000\n")
    (tmp_path / "a/b/memory.max").write_text("7000\n")
    (tmp_path / "membership").write_text("0::/a/b\n")
    assert sorted(granted(str(tmp_path), str(tmp_path / "membership"))) == [5000, 7000]
    assert granted(str(tmp_path), str(tmp_path / "nothing")) == []
    assert most_bytes_here() == most_bytes_here() > 2**20


PEAK = """
from xcorr import cli
import xcorr._cli.apply_command, tifffile, PIL.Image

rng = np.random.default_rng(1)
image = rng.integers(0, 256, (2400, 2500, 3), dtype=np.uint8)
if sys.argv[1] == "tif":
    tifffile.imwrite("image.tif", image, tile=(256, 256), compression="zlib", photometric="rgb")
else:
    PIL.Image.fromarray(image).save("image.png", compress_level=1)
np.save("kernels.npy", rng.standard_normal((8, 3, 3)).astype(np.float32))
np.save("small.npy", np.ones((9, 9, 3), np.uint8))
del image

def apply(image, out):
    try:
        cli.main(["apply", image, "--bank", "kernels.npy", "--layout", "NHWC", "--format", sys.argv[2], "--out", out,
                  "--most-bytes", "64M", "--quiet"])
    except SystemExit as end:
        assert not end.code

apply("small.npy", "warm")
with open("/proc/self/clear_refs", "w") as file:
    file.write("5")
before = mebibytes("VmRSS")
apply(f"image.{sys.argv[1]}", "out")
print(mebibytes("VmHWM") - before)
"""


@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="memory is looked at as Linux tells it")
@pytest.mark.parametrize(("kind", "form"), [("tif", "npy"), ("tif", "tif"), ("png", "npy")])
def test_a_large_image_takes_the_bytes_that_were_asked_for(kind, form):
    most = 64e6 / 2**20 + 24  # beside what decoders and threads have
    if kind == "png":
        most += 2 * 2400 * 2500 * 3 / 2**20  # which is decoded as a whole, and Pillow's copy
    peak = float(run_script(STATUS + PEAK, kind, form))
    assert peak < most
