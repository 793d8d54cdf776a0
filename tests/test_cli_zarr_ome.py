"""`xcorr apply` from OME-Zarr to the same: axes, scales and translations, and what is no OME-Zarr."""

import json
from pathlib import Path

import numpy as np
import pytest
from applying import BANK, apply
from checks import SEED
from zarr_arrays import FORMATS, image_of, ome, plain, responses

import xcorr

zarr = pytest.importorskip("zarr")
numcodecs = pytest.importorskip("numcodecs")
pytestmark = pytest.mark.usefixtures("here")


@pytest.fixture
def rng():
    return np.random.default_rng([SEED, 28])


@pytest.mark.parametrize("zarr_format", FORMATS)
@pytest.mark.parametrize("axes", ["yx", "zyx", "cyx", "tcyx", "czyx", "tczyx", "tzyx"])
@pytest.mark.parametrize("channels", ["each", "sum"])
def test_axes_and_scales_are_carried_over(rng, written, zarr_format, axes, channels):
    lengths = {"t": 2, "c": 3, "z": 2, "y": 40, "x": 50}
    image = rng.integers(0, 4096, [lengths[axis] for axis in axes]).astype(np.uint16)
    scale = [{"t": 1.0, "c": 1.0, "z": 2.0, "y": 0.5, "x": 0.25}[axis] for axis in axes]
    ome(image, axes, zarr_format, scale=scale, extra=[{"type": "translation", "translation": [10.0] * len(axes)}])
    result = apply("big.zarr", "--stride", "2,1", "--channels", channels, "--most-bytes", "60k", out="out.zarr")
    assert "big.zarr: responses are made in its full resolution, no lower ones of them" in result.output
    told, found = image_of()
    order = [axis for axis in axes if axis != "c"]
    order.insert(int("t" in axes), "c")
    assert "".join(told.names) == "".join(order)
    flat = image.reshape(-1, 40, 50)
    if "c" in axes and channels == "sum":
        last = np.moveaxis(image, axes.index("c"), -1)
        flat = last.reshape(-1, 40, 50, 3)
        expected = xcorr.correlate(flat, np.repeat(BANK[..., np.newaxis], 3, -1), layout="NHWC", stride=(2, 1))
        expected = np.moveaxis(expected.reshape(*last.shape[:-3], 19, 47, 6), -1, int("t" in axes))
    else:
        expected = xcorr.correlate(flat, BANK, layout="NHW", stride=(2, 1)).reshape(*image.shape[:-2], 19, 47, 6)
        if "c" in axes:  # kernels change faster than channels
            expected = np.moveaxis(expected, -1, axes.index("c") + 1)
            shape = list(image.shape[:-2])
            shape[axes.index("c")] *= 6
            expected = expected.reshape(*shape, 19, 47)
        else:
            expected = np.moveaxis(expected, -1, int("t" in axes))
    np.testing.assert_array_equal(found, expected)
    assert all(found == 1 for path, found in written.items() if path.split("/")[-1].isdigit())
    apply("big.zarr", "--stride", "2,1", "--channels", channels, out="together.zarr")  # several images are a block
    np.testing.assert_array_equal(image_of("together.zarr")[1], expected)
    steps = dict(zip(order, zip(told.place.scale, told.place.translation, strict=True), strict=True))
    assert steps["y"] == (1.0, 10.0 + 0.5 * 1)
    assert steps["x"] == (0.25, 10.0 + 0.25 * 1.5)
    assert steps.get("z", (2.0, 10.0)) == (2.0, 10.0)
    assert [axis.get("unit") for axis in told.axes] == ["micrometer" if axis in "zyx" else None for axis in order]
    assert told.name == "cells"
    assert "omero" not in json.dumps(responses().attrs.asdict())


@pytest.mark.parametrize("zarr_format", FORMATS)
@pytest.mark.parametrize(("padding", "origin"), [("same", 0.0), ("valid", 1.0), ("full", -1.0), ("3", -2.0)])
def test_a_translation_says_where_the_first_response_is(rng, zarr_format, padding, origin):
    ome(rng.random((40, 50)), "yx", zarr_format, scale=[2.0, 4.0])
    apply("big.zarr", "--padding", padding, bank="sobel", out="out.zarr")
    told, _ = image_of()
    assert told.place.translation == (0.0, 2.0 * origin, 4.0 * origin)


@pytest.mark.parametrize("zarr_format", FORMATS)
def test_one_kernel_keeps_the_axes(rng, zarr_format):
    ome(
        rng.random((2, 3, 40, 50)),
        "tcyx",
        zarr_format,
        coordinateTransformations=[{"type": "scale", "scale": [5, 1, 1, 1]}],
    )
    np.save("one.npy", BANK[0])
    apply("big.zarr", bank="one.npy", out="out.zarr")
    told, found = image_of()
    assert (told.names, found.shape) == (("t", "c", "y", "x"), (2, 3, 38, 47))
    assert told.common.scale == (5.0, 1.0, 1.0, 1.0)
    if zarr_format == 3:
        assert responses()["0"].metadata.dimension_names == ("t", "c", "y", "x")


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"version": "0.2"}, "OME-Zarr of version 0.2 in zarr 2; allowed are 0.4 in zarr 2 and 0.5 in zarr 3"),
        ({"axes": ["y", "x"]}, "multiscales that are not told as OME-Zarr has them"),
        ({"axes": [{"name": "x"}, {"name": "y"}]}, "allowed are different ones, the last two y and x"),
        ({"axes": [{"name": "z"}, {"name": "y"}, {"name": "x"}]}, "allowed are scale and translation of 3 numbers"),
        ({"datasets": []}, "multiscales that are not told"),
        ({"datasets": [{"path": "../other"}]}, "multiscales that are not told"),
        ({"datasets": [{"path": "none", "coordinateTransformations": []}]}, "without the array 'none'"),
        (
            {"datasets": [{"path": "full", "coordinateTransformations": [{"type": "affine"}]}]},
            "allowed are scale and translation of 2 numbers",
        ),
    ],
)
def test_what_is_no_ome_zarr_is_refused(rng, change, told):
    group = ome(rng.random((40, 50)), "yx", 2)
    group.attrs["multiscales"] = [{**group.attrs["multiscales"][0], **change}]
    found = apply("big.zarr", out="out.zarr", status=1).stderr
    assert told in found
    assert found.count("\n") == 1


@pytest.mark.parametrize("path", ["../full.zarr", "/etc", "full/../../full.zarr"])
def test_no_path_leads_out_of_a_group(rng, path):
    group = ome(rng.random((40, 50)), "yx", 2)
    plain(rng.random((40, 50)), 2, "full.zarr")
    image = group.attrs["multiscales"][0]
    image["datasets"][0]["path"] = path
    group.attrs["multiscales"] = [image]
    assert apply("big.zarr", out="out.zarr", status=1).stderr.count("\n") == 1
    assert not Path("out.zarr").exists()


def test_a_group_names_what_is_in_it(rng):
    zarr.create_group("big.zarr")
    plain(rng.random((40, 50)), path="big.zarr/first")
    told = apply("big.zarr", out="out.zarr", status=1).stderr
    assert "a zarr group that is no OME-Zarr image; allowed are such an image and an array, as 'big.zarr/first'" in told
    apply("big.zarr/first", out="out.zarr")
