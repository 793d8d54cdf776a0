"""What is refused of DataArrays is named."""

import re
import subprocess
import sys

import numpy as np
import pytest
from looping import for_each

import xcorr
import xcorr.xarray

xr = pytest.importorskip("xarray")


IMAGES = xr.DataArray(
    np.ones((4, 9, 8, 3)),
    dims=("time", "y", "x", "colour"),
    coords={"colour": list("rgb"), "label": ("time", [1, 2, 3, 4])},
)
KERNEL = np.ones((3, 3))


@for_each(
    ["words", "error", "text"],
    [
        ({"dims": ("y", "q")}, ValueError, "dims: got ('y', 'q'); allowed are one to three different dimensions of the "
         "images, ('time', 'y', 'x', 'colour')"),
        ({"dims": ("y", "y")}, ValueError, "dims: got ('y', 'y'); allowed are one to three different"),
        ({"dims": ()}, ValueError, "dims: got (); allowed are one to three"),
        ({"dims": ("time", "y", "x", "colour")}, ValueError, "dims: got ('time', 'y', 'x', 'colour'); allowed are one"),
        ({"dims": 3}, TypeError, "dims: got 3; allowed are"),
        ({"dims": (["y"], "x")}, ValueError, "dims: got (['y'], 'x'); allowed are"),
        ({"channel_dim": "x"}, ValueError, "channel_dim: got 'x'; allowed are None and a dimension of the images "
         "beside `dims`, ('time', 'colour')"),
        ({"channel_dim": ["x"]}, ValueError, "channel_dim: got ['x']; allowed are"),
        ({"anchor": "middle"}, ValueError, "anchor: got 'middle'; allowed are 'centre' and 'first'"),
        ({"anchor": 0}, TypeError, "anchor: got 0; allowed are"),
        ({"layout": "NHWC"}, TypeError, "layout: got 'NHWC'; allowed are `dims` and `channel_dim`"),
        ({"out": None}, TypeError, "got an unexpected keyword argument 'out'; allowed are"),
        ({"strides": 2}, TypeError, "got an unexpected keyword argument 'strides'; allowed are"),
        ({"stride": {"q": 2}}, ValueError, "stride: got {'q': 2}; allowed in a mapping are the names of `dims`, "
         "('y', 'x')"),
        ({"stride": {"y": 0}}, ValueError, "stride: got (0, 1); allowed"),
        ({"roi": {"time": slice(2)}}, ValueError, "roi: got {'time': slice(None, 2, None)}; allowed in a mapping"),
        ({"boundary": {"x": "mirror"}}, ValueError, "boundary: got ('constant', 'mirror'); allowed"),
        ({"mask": np.ones((9, 9))}, ValueError, "mask: got shape (9, 9); allowed is that of the images (4, 9, 8, 3), "
         "or that of their spatial dimensions (9, 8)"),
        ({"mask": xr.DataArray(np.ones((2, 9)), dims=("q", "y"))}, ValueError, "mask: got dimensions ('q', 'y'); "
         "allowed are those of the images, ('time', 'y', 'x', 'colour')"),
        ({"mask": xr.DataArray(np.ones(5), dims="y")}, ValueError, "mask: has 5 along 'y'; allowed are 9, as"),
        ({"mask": "seen"}, ValueError, "mask: got 'seen'; allowed"),
        ({"kernels": xr.DataArray(KERNEL, dims=("y", "q"))}, ValueError, "kernels: got dimensions ('y', 'q'); allowed "
         "are those of the images, ('y', 'x'), and one of the bank that the images have not"),
        ({"kernels": xr.DataArray(np.ones((4, 3, 3)), dims=("time", "y", "x"))}, ValueError, "kernels: got dimensions "
         "('time', 'y', 'x'); allowed"),
        ({"kernels": xr.DataArray(np.ones((2, 2, 3, 3)), dims=("a", "b", "y", "x"))}, ValueError, "kernels: got "
         "dimensions ('a', 'b', 'y', 'x'); allowed"),
        ({"kernels": xr.DataArray(np.ones((2, 3, 3)), dims=("a", "y", "x")), "channel_dim": "colour"}, ValueError,
         "kernels: got dimensions ('a', 'y', 'x'); allowed are those of the images, ('y', 'x', 'colour'), and one"),
        ({"kernels": xr.DataArray(np.ones((3, 3, 2)), dims=("y", "x", "colour")), "channel_dim": "colour"}, ValueError,
         "kernels: has 2 along 'colour'; allowed are 3, as the images have"),
        ({"kernels": xr.DataArray(np.ones((3, 3, 3)), dims=("y", "x", "colour"), coords={"colour": list("bgr")}),
          "channel_dim": "colour"}, ValueError, "kernels: its coordinates along 'colour' are not the images'"),
        ({"kernels": "sobel"}, TypeError, "kernels: got str 'sobel'; allowed is an array"),
        ({"kernels": np.ones((2, 3, 3)), "kernel_dim": "time"}, ValueError, "kernel_dim: got 'time', which the images "
         "have; allowed is another name"),
        ({"kernels": np.ones((2, 3, 3)), "kernel_dim": "label"}, ValueError, "kernel_dim: got 'label', which"),
        ({"kernels": np.ones((2, 3, 3)), "kernel_dim": ["a"]}, TypeError, "kernel_dim: got ['a']; allowed"),
        ({"images": IMAGES.values}, TypeError, "images: got ndarray; allowed is an xarray.DataArray"),
        ({"images": IMAGES.to_dataset(name="a")}, TypeError, "images: got Dataset; allowed is an xarray.DataArray"),
        ({"images": IMAGES.astype(object)}, TypeError, "images: got dtype object"),
        ({"images": IMAGES.rename(time="peak"), "reduce": xcorr.Peaks(2)}, ValueError, "reduce: the result has a "
         "dimension 'peak'; allowed are images and kernels that have no dimension"),
        ({"images": IMAGES.rename(time="axis"), "reduce": "argmax"}, ValueError, "reduce: the result has a dimension "
         "'axis'"),
        ({"kernels": np.ones((30, 3))}, ValueError, "kernels: spatial size (30, 3) is larger than the padded image"),
    ],
)  # fmt: skip
def test_what_is_refused_is_named(words, error, text):
    words = {"images": IMAGES, "kernels": KERNEL, "dims": ("y", "x"), **words}
    images, kernels = words.pop("images"), words.pop("kernels")
    with pytest.raises(error, match=re.escape(text)):
        xcorr.xarray.correlate(images, kernels, **words)
    with pytest.raises(error, match=re.escape(text).replace("kernels", "(kernels|templates)")):
        xcorr.xarray.match(images, kernels, **words)


def test_prepared_banks_that_do_not_go_with_the_dimensions_are_refused():
    with pytest.raises(TypeError, match="prepared: got int; allowed are a Correlator and a Matcher"):
        xcorr.xarray.apply(3, IMAGES, dims=("y", "x"))
    bank = xcorr.Correlator(np.ones((2, 3, 3, 3)))
    with pytest.raises(ValueError, match="channel_dim: got None; allowed is a dimension"):
        xcorr.xarray.apply(xcorr.Correlator(np.ones((2, 3, 3, 3)), layout="NHWC"), IMAGES, dims=("y", "x"))
    with pytest.raises(ValueError, match="channel_dim: got 'colour'; allowed is None for layout 'NHW' of `prepared`"):
        xcorr.xarray.apply(xcorr.Correlator(KERNEL, layout="NHW"), IMAGES, dims=("y", "x"), channel_dim="colour")
    with pytest.raises(ValueError, match=r"dims: got \('y',\); allowed are 2 for layout 'NHWC' of `prepared`"):
        xcorr.xarray.apply(bank, IMAGES, dims="y", channel_dim="colour")
    assert xcorr.xarray.apply(bank, IMAGES, dims=("y", "x"), channel_dim="colour").dims == ("time", "y", "x", "kernel")


def test_lazy_operands_that_would_have_to_be_computed_are_refused():
    da = pytest.importorskip("dask.array")
    lazy, kernels = IMAGES.chunk(x=3), xr.DataArray(KERNEL, dims=("y", "x")).chunk()
    with pytest.raises(
        TypeError, match=r"kernels: got a lazy DataArray; allowed is one in memory: kernels.compute\(\)"
    ):
        xcorr.xarray.correlate(lazy, kernels, dims=("y", "x"))
    with pytest.raises(TypeError, match=r"templates: got a lazy Array; allowed"):
        xcorr.xarray.match(IMAGES, da.ones((3, 3)), dims=("y", "x"))
    with pytest.raises(TypeError, match=r"bias: got a lazy Array"):
        xcorr.xarray.correlate(lazy, KERNEL, dims=("y", "x"), bias=da.ones(()))
    with pytest.raises(TypeError, match=r"mask: got a lazy DataArray beside images in memory"):
        xcorr.xarray.correlate(IMAGES, KERNEL, dims=("y", "x"), mask=(lazy > 0))
    with pytest.raises(TypeError, match=r"workers: got 2; allowed is None for a dask array"):
        xcorr.xarray.correlate(lazy, KERNEL, dims=("y", "x"), workers=2)


def test_without_xarray_one_line_says_what_to_install():
    code = """
import sys
sys.modules["xarray"] = None
import xcorr.xarray
for name in ("correlate", "convolve", "match"):
    try:
        getattr(xcorr.xarray, name)(None, None, dims="x")
    except ModuleNotFoundError as error:
        print(error)
"""
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120)
    assert found.stdout.splitlines() == ['xcorr.xarray needs xarray: pip install "xcorr[xarray]"'] * 3
