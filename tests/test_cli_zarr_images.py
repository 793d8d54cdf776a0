"""Arrays and groups in zarr as images of other jobs: files, stacks, matches."""

import zlib
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from applying import apply, run_command
from checks import SEED
from zarr_arrays import ome, plain

from xcorr._cli import zarr_chunks
from xcorr._cli.images import open_images

zarr = pytest.importorskip("zarr")
numcodecs = pytest.importorskip("numcodecs")
pytestmark = pytest.mark.usefixtures("here")


@pytest.fixture
def rng():
    return np.random.default_rng([SEED, 28])


@pytest.mark.parametrize("form", ["npy", "tif", "stack"])
def test_arrays_are_images_for_all_formats(rng, form):
    image = rng.random((2, 40, 50), np.float32)
    plain(image)
    np.save("same.npy", image)
    outs = ("a.npy", "b.npy") if form == "stack" else ("a", "b")
    for most in ("1G", "30k"):
        apply("big.zarr", "--format", form, "--most-bytes", most, "--overwrite", out=outs[0])
        apply("same.npy", "--layout", "NHW", "--format", form, "--overwrite", out=outs[1])
        if form == "stack":
            assert Path(outs[0]).read_bytes() == Path(outs[1]).read_bytes()
        else:
            suffix = {"npy": ".npy", "tif": ".tif"}[form]
            one, other = Path(f"a/big.zarr{suffix}"), Path(f"b/same.npy{suffix}")
            assert one.read_bytes() == other.read_bytes()


def test_folders_with_arrays_in_them_have_these_as_images(rng):
    plain(rng.random((40, 50)), path="plates/one.zarr")
    ome(rng.random((3, 40, 50)), "cyx", 2, path="plates/two.zarr")
    np.save("plates/three.npy", rng.random((40, 50)))
    result = apply("plates", out="out")
    assert "3 of 3 files done" in result.output
    assert "passed over" not in result.output
    assert np.load("out/two.zarr.npy").shape == (38, 47, 3, 6)
    assert "3 done before" in apply("plates", out="out").output


def test_templates_are_looked_for_in_arrays(rng):
    image = rng.random((2, 3, 60, 70), np.float32)
    plain(image, chunks=(1, 1, 30, 30))
    np.save("template.npy", image[1, 0, 20:30, 40:52])
    arguments = [
        "match",
        "big.zarr",
        "--template",
        "template.npy",
        "--threshold",
        "0.9",
        "--out",
        "peaks.csv",
        "--map",
        "maps",
    ]
    run_command(*arguments)
    lines = Path("peaks.csv").read_text().splitlines()
    (found,) = (line.split(",") for line in lines[1:])
    assert (*found[:3], *found[4:]) == ("big.zarr", "3", "template.npy", "20", "40", "10", "12")
    assert abs(float(found[3]) - 1) < 1e-5
    assert np.load("maps/big.zarr.npy").shape[:1] == (6,)
    assert "1 done before" in run_command(*arguments).output


def test_areas_of_arrays_are_those_of_the_whole(rng):
    image = rng.random((2, 3, 30, 40))
    plain(image, chunks=(2, 2, 7, 9))
    with open_images(Path("big.zarr")) as images:
        whole = images.read(0, 6)
        np.testing.assert_array_equal(whole, image.reshape(6, 30, 40))
        for first, end in pairwise(range(7)):
            np.testing.assert_array_equal(images.read(first, end), whole[first:end])
        np.testing.assert_array_equal(images.read(2, 5), whole[2:5])
        np.testing.assert_array_equal(images.read_area(4, slice(3, 20), slice(5, 33)), whole[4, 3:20, 5:33])


def test_deflated_streams_are_counted_no_further_than_needed():
    body = zlib.compress(bytes(1 << 24))
    assert zarr_chunks.deflated_bytes(body, 1 << 30) == 0
    assert zarr_chunks.deflated_bytes(body, 1 << 10) > 1 << 10
    assert zarr_chunks.deflated_bytes(zlib.compress(b"abc") * 2000, 10) > 10
