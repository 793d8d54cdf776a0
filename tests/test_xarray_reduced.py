"""Reductions and masks of DataArrays: dimensions that go and come, and names by which masks are read."""

import numpy as np
import pytest
from checks import random_generator
from looping import for_each
from named_arrays import DAYS, VERBS, as_tuple
from streaming import same_bits

import xcorr
import xcorr.xarray

xr = pytest.importorskip("xarray")


@for_each("verb", VERBS)
def test_reductions_take_dimensions_away(verb):
    rng = random_generator("reduced by names", verb)
    images = xr.DataArray(
        rng.random((2, 15, 3, 14)), dims=("time", "x", "run", "y"), coords={"x": np.arange(15), "run": list("abc")}
    )
    kernels = rng.random((4, 3, 5))
    core = images.transpose("time", "run", "y", "x").values.reshape(6, 14, 15)
    function, labelled = getattr(xcorr, verb), getattr(xcorr.xarray, verb)

    def check(found, expected, dims, coordinates):
        expected = xr.DataArray(expected.reshape(2, 3, *expected.shape[1:]), dims=dims)
        assert same_bits(found.values, expected.transpose(*found.dims).values)
        assert set(found.coords) == coordinates

    for names in (("max",), ("argmax", "ppv"), ("argmin",)):
        reduce = names if len(names) > 1 else names[0]
        found = as_tuple(labelled(images, kernels, dims=("y", "x"), reduce=reduce))
        expected = as_tuple(function(core, kernels, layout="NHW", reduce=reduce))
        for name, own, one in zip(names, found, expected):
            places = ["axis"] if name.startswith("arg") else []
            assert own.dims == ("time", "run", "kernel", *places)
            check(own, one, ["time", "run", "kernel", *places], {"run", *places})
            assert not places or own.axis.values.tolist() == ["y", "x"]
    found = labelled(images, kernels, dims=("y", "x"), reduce="argmax", over="kernels")
    assert found.dims == ("time", "x", "run", "y")
    assert found.x.values.tolist() == list(range(2, 13))
    check(
        found,
        function(core, kernels, layout="NHW", reduce="argmax", over="kernels"),
        ["time", "run", "y", "x"],
        {"x", "run"},
    )
    for per, own in (("kernel", ["kernel"]), ("image", [])):
        peaks = xcorr.Peaks(3, per=per)
        found = labelled(images, kernels, dims=("y", "x"), reduce=peaks)
        assert found.dims == ("time", "run", *own, "peak")
        check(found, function(core, kernels, layout="NHW", reduce=peaks), ["time", "run", *own, "peak"], {"run"})
        assert found.dtype.names[:3] == ("score", "row", "column")


def test_reductions_of_a_single_kernel_line_or_volume():
    rng = random_generator("few dimensions")
    line = xr.DataArray(rng.random(20), dims="time", coords={"time": DAYS[:20]})
    assert xcorr.xarray.correlate(line, np.ones(3), dims="time", reduce="max").shape == ()
    assert xcorr.xarray.correlate(line, np.ones(3), dims=["time"], reduce="argmax").dims == ("axis",)
    assert xcorr.xarray.correlate(line, np.ones(3), dims="time", reduce="argmax", over="kernels").dims == ("time",)
    assert xcorr.xarray.correlate(line, np.ones(3), dims="time", reduce=xcorr.Peaks(2)).dims == ("peak",)
    volume = xr.DataArray(rng.random((7, 8, 9)), dims=("x", "z", "y"), coords={"z": np.arange(8)})
    found = xcorr.xarray.match(volume, rng.random((2, 3, 3, 3)), dims=("z", "y", "x"), reduce="argmax")
    assert (found.dims, found.axis.values.tolist()) == (("kernel", "axis"), ["z", "y", "x"])
    photograph = xr.DataArray(rng.random((3, 8, 9)), dims=("c", "y", "x"), coords={"c": list("rgb")})
    found = xcorr.xarray.correlate(photograph, np.ones((3, 3)), dims=("y", "x"), channel_dim="c", reduce="mean")
    assert (found.dims, found.c.values.tolist()) == (("c",), ["r", "g", "b"])


@for_each("name", ["axis", "peak", "kernel"])
def test_images_may_have_the_names_of_new_dimensions_where_these_are_not_made(name):
    images = xr.DataArray(np.random.default_rng(3).random((4, 9)), dims=("time", name), coords={name: np.arange(9)})
    assert xcorr.xarray.correlate(images, np.ones(3), dims=name).dims == ("time", name)
    assert xcorr.xarray.correlate(images, np.ones(3), dims="time", reduce="max").dims == (name,)
    found = xcorr.xarray.correlate(images, np.ones((2, 3, 9)), dims="time", channel_dim=name, kernel_dim="q")
    assert found.dims == ("time", "q")


def test_masks_are_broadcast_by_their_names():
    rng = random_generator("masks by names")
    images = xr.DataArray(rng.random((2, 9, 3, 4, 8)), dims=("time", "x", "run", "c", "y"))
    kernels = rng.random((2, 3, 3, 4))
    core = images.transpose("time", "run", "y", "x", "c").values.reshape(6, 8, 9, 4)
    for dims in (
        ("y", "x"),
        ("x", "c", "y"),
        ("y", "run", "x"),
        ("c", "y", "x", "time", "run"),
        ("time",),
        ("x",),
        ("c",),
    ):
        mask = xr.DataArray(rng.random([images.sizes[dim] for dim in dims]) > 0.2, dims=dims)
        whole = mask.broadcast_like(images).transpose("time", "run", "y", "x", "c").values.reshape(6, 8, 9, 4)
        for verb in VERBS:
            found = getattr(xcorr.xarray, verb)(images, kernels, dims=("y", "x"), channel_dim="c", mask=mask)
            expected = getattr(xcorr, verb)(
                np.moveaxis(core, 3, 1), np.moveaxis(kernels, 3, 1), layout="NCHW", mask=np.moveaxis(whole, 3, 1)
            )
            found = found.transpose("time", "run", "kernel", "y", "x").values.reshape(expected.shape)
            assert same_bits(found, expected), (dims, verb)


def test_masks_that_are_arrays_or_words():
    rng = random_generator("plain masks")
    values = rng.random((5, 9, 8))
    values[2, 3, 4] = np.nan
    images = xr.DataArray(values, dims=("time", "x", "y"))
    kernel, core = rng.random((3, 3)), values.swapaxes(1, 2)
    every, one = rng.random((5, 9, 8)) > 0.2, rng.random((8, 9)) > 0.2
    for mask, of_core in ((every, every.swapaxes(1, 2)), (one, one), ("finite", "finite"), (one.tolist(), one)):
        found = xcorr.xarray.correlate(images, kernel, dims=("y", "x"), mask=mask)
        expected = xcorr.correlate(core, kernel, layout="NHW", mask=of_core)
        assert same_bits(found.transpose("time", "y", "x").values, expected)
    labelled = xr.DataArray(one, dims=("y", "x"), coords={"x": np.arange(9)})
    with pytest.raises(ValueError, match="mask: its coordinates along 'x' are not the images'; allowed are the same"):
        xcorr.xarray.correlate(images.assign_coords(x=np.arange(1, 10)), kernel, dims=("y", "x"), mask=labelled)


def test_a_mask_of_equal_lengths_is_read_by_its_names():
    rng = random_generator("cubes")
    images, kernel = xr.DataArray(rng.random((3, 3, 3, 3)), dims=("time", "y", "x", "c")), rng.random((2, 2, 3))
    for dims in (("y", "x", "c"), ("c", "x", "y"), ("time", "y", "x"), ("x", "y", "time")):
        mask = xr.DataArray(rng.random((3, 3, 3)) > 0.2, dims=dims)
        found = xcorr.xarray.correlate(images, kernel, dims=("y", "x"), channel_dim="c", mask=mask)
        whole = mask.broadcast_like(images).transpose(*images.dims)
        assert same_bits(found.values, xcorr.correlate(images.values, kernel, layout="NHWC", mask=whole.values))
    image, of_image = images[0, :, :, 0].transpose("x", "y"), np.triu(np.ones((3, 3)), 1) > 0
    found = xcorr.xarray.correlate(image, kernel[..., 0], dims=("y", "x"), mask=of_image)
    assert same_bits(found.values.T, xcorr.correlate(image.values.T, kernel[..., 0], mask=of_image.T))
