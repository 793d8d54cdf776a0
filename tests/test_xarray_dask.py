"""DataArrays of dask: nothing is computed before it is asked for."""

import numpy as np
import pytest
from checks import random_generator
from looping import for_each
from named_arrays import VERBS, as_tuple
from streaming import same_bits

import xcorr
import xcorr.xarray

xr = pytest.importorskip("xarray")


def raises(*_, **__):
    raise AssertionError("it was computed")


@for_each("verb", VERBS)
def test_nothing_is_computed_before_it_is_asked_for(verb):
    da, dask = pytest.importorskip("dask.array"), pytest.importorskip("dask")
    rng = random_generator("lazy", verb)
    values = rng.random((2, 30, 3, 28), np.float32)
    coordinates = {"x": np.arange(30.0), "run": list("abc")}
    images = xr.DataArray(values, dims=("time", "x", "run", "y"), coords=coordinates, name="level")
    lazy = images.chunk({"time": 1, "x": 11, "run": 2, "y": 9})
    lazy = lazy.assign_coords(place=(("x", "y"), da.ones((30, 28), chunks=9)), slow=("x", da.arange(30, chunks=7)))
    kernels = rng.random((2, 3, 4), np.float32)
    mask = xr.DataArray(rng.random((30, 28)) > 0.1, dims=("x", "y"))
    for words in (
        {},
        {"padding": "same", "stride": {"x": 2}},
        {"padding": 9, "boundary": "edge"},
        {"reduce": ("max", "argmax")},
        {"reduce": "mean", "over": "kernels"},
        {"reduce": xcorr.Peaks(2)},
        {"mask": mask},
        {"mask": mask.chunk(7)},
        {"mask": mask.expand_dims(run=list("abc")).transpose("y", "run", "x").chunk(11)},
    ):
        with dask.config.set(scheduler=raises):
            found = getattr(xcorr.xarray, verb)(lazy, kernels, dims=("y", "x"), **words)
        several = as_tuple(found)
        assert all(isinstance(own.data, da.Array) for own in several)
        words |= {"mask": words["mask"].compute()} if "mask" in words else {}
        expected = getattr(xcorr.xarray, verb)(images, kernels, dims=("y", "x"), **words)
        with dask.config.set(scheduler="synchronous"):
            for own, one in zip(several, as_tuple(expected)):
                assert same_bits(own.values, one.values)
                assert own.drop_vars(["place", "slow"], errors="ignore").compute().identical(one)


def test_a_prepared_bank_takes_lazy_images():
    pytest.importorskip("dask")
    images = xr.DataArray(np.random.default_rng(2).random((4, 20, 21)), dims=("time", "y", "x"))
    for prepared in (xcorr.Correlator(np.ones((3, 3)), layout="NHW"), xcorr.Matcher(np.eye(3), layout="NHW")):
        found = xcorr.xarray.apply(prepared, images.chunk(x=7), dims=("y", "x"), mask="finite")
        assert found.chunks is not None
        assert found.compute(scheduler="synchronous").identical(
            xcorr.xarray.apply(prepared, images, dims=("y", "x"), mask="finite")
        )


def test_warnings_are_about_the_caller():
    pytest.importorskip("dask")
    images = xr.DataArray(np.ones((9, 9, 4)), dims=("y", "x", "c")).chunk(c=2)
    with pytest.warns(UserWarning, match="channels in chunks of") as caught:
        xcorr.xarray.correlate(images, np.ones((3, 3)), dims=("y", "x"), channel_dim="c")
    assert [own.filename for own in caught] == [__file__]


def test_a_batch_without_images_and_a_bank_without_kernels():
    images = xr.DataArray(np.ones((2, 0, 9, 8)), dims=("time", "run", "y", "x"), coords={"x": np.arange(8)})
    for chunks in (None, {"time": 1, "y": 5}):
        own = images if chunks is None else images.chunk(chunks)
        found = xcorr.xarray.correlate(own, np.ones((3, 3)), dims=("y", "x"))
        assert (found.shape, found.x.values.tolist()) == ((2, 0, 7, 6), [1, 2, 3, 4, 5, 6])
        some = own.isel(run=[]).isel(time=[]) if chunks is None else own
        assert xcorr.xarray.correlate(some, np.ones((0, 3, 3)), dims=("y", "x")).shape == (len(some), 0, 7, 6, 0)


def test_a_batch_of_several_dimensions_is_not_put_into_large_chunks():
    da = pytest.importorskip("dask.array")
    images = xr.DataArray(
        da.zeros((50, 40, 64, 64), chunks=(1, 1, 32, 32), dtype="f4"), dims=("time", "level", "y", "x")
    )
    found = xcorr.xarray.correlate(images, np.ones((3, 3), "f4"), dims=("y", "x"), padding="same")
    assert found.shape == images.shape
    assert max(map(np.prod, zip(*[map(max, found.chunks)]))) <= 40 * 64 * 64
    assert [max(own) for own in found.chunks][2:] == [32, 32]
