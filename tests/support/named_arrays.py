"""DataArrays with dimensions in some order, the same as arrays, and the coordinates that responses have to have."""

import numpy as np
import pytest
from checks import BOUNDARIES, whole_numbers

import xcorr
import xcorr.xarray

xr = pytest.importorskip("xarray")

VERBS = ("correlate", "convolve", "match")
ANCHORS = ("centre", "first")
DAYS = np.arange("2026-01-01", "2026-02-10", dtype="datetime64[D]").astype("datetime64[ns]")


def delta(extent, anchor):
    """A kernel whose response is the pixel at the anchor of a window."""
    taps = np.zeros(extent)
    taps[(extent - 1) // 2 if anchor == "centre" else 0] = 1
    return taps


def check_coordinate(found, values, extent, anchor, **words):
    """The response of a coordinate to `delta` is the coordinate of the response; outside of the image it is 0 there."""
    assert 0 not in values
    expected = xcorr.correlate(values, delta(extent, anchor), layout="NW", **words)
    inside = expected != 0
    assert found.shape == expected.shape
    assert (found[inside] == expected[inside]).all()
    spacing = (values[-1] - values[0]) / (len(values) - 1) * words.get("stride", 1)
    assert np.allclose(np.diff(found), spacing, rtol=1e-9, atol=0)


def as_tuple(found):
    """Results, of which there may be one."""
    return found if isinstance(found, tuple) else (found,)


def random_images(rng, with_channels=None):
    """Images with dimensions in some order, the spatial ones and that of the channels."""
    spatial = tuple(rng.permutation(["z", "y", "x"])[: rng.integers(1, 4)].tolist())
    batch = tuple(rng.permutation(["time", "level", "run"])[: rng.integers(0, 4)].tolist())
    has_channels = rng.random() < 0.5 if with_channels is None else with_channels
    channel = "colour" if has_channels else None
    every = rng.permutation([*spatial, *batch, *(["colour"] if has_channels else [])]).tolist()
    sizes = {"colour": 3, **{dim: int(rng.integers(1, 4)) for dim in batch}}
    sizes |= {dim: int(rng.integers(6, 12)) for dim in spatial}
    images = whole_numbers(rng, [sizes[dim] for dim in every], rng.choice(["float32", "float64", "int16"]))
    return xr.DataArray(images, dims=every, name="level"), spatial, channel


def random_bank(rng, images, spatial, channel):
    """Kernels as an array in the order of the documentation, and as a DataArray with dimensions in some order."""
    kind = str(rng.choice(["bank", "one", "planes"] if channel else ["bank", "one"]))
    shape = [2] if kind == "bank" else []
    shape += rng.integers(1, 5, len(spatial)).tolist() + ([3] if channel and kind != "planes" else [])
    array = whole_numbers(rng, shape, images.dtype)
    dims = [*(["shape"] if kind == "bank" else []), *spatial, *(["colour"] if channel and kind != "planes" else [])]
    named = xr.DataArray(array, dims=dims)
    if kind == "bank":
        named = named.assign_coords(shape=["bar", "dot"])
    return array, named.transpose(*rng.permutation(dims).tolist()), kind


def random_words(rng, spatial):
    """Keywords, some of them by names, and the same in the order of the dimensions."""
    named, plain = {}, {}
    draws = {
        "stride": lambda: int(rng.integers(1, 4)),
        "dilation": lambda: int(rng.integers(1, 3)),
        "padding": lambda: tuple(rng.integers(0, 9, 2).tolist()),
        "boundary": lambda: str(rng.choice(BOUNDARIES)),
    }
    others = {"stride": 1, "dilation": 1, "padding": 0, "boundary": "constant"}
    for name, draw in draws.items():
        some = [dim for dim in spatial if rng.random() < 0.6]
        named[name] = {dim: draw() for dim in some}
        plain[name] = tuple(named[name].get(dim, others[name]) for dim in spatial)
        if rng.random() < 0.5:
            named[name] = plain[name]
    if rng.random() < 0.3:
        named["padding"] = plain["padding"] = str(rng.choice(["same", "full"]))
    return named, plain


def expected_of(verb, images, kernels, spatial, channel, words):
    """The response with dimensions batch, spatial and channels or kernels: image after image, each by itself."""
    layout = "N" + "DHW"[-len(spatial) :] + ("C" if channel else "")
    of_image = (*spatial, *([channel] if channel else []))
    batch = [dim for dim in images.dims if dim not in of_image]
    ordered = images.transpose(*batch, *of_image).values
    found = [
        getattr(xcorr, verb)(ordered[index], kernels, layout=layout, **words)
        for index in np.ndindex(ordered.shape[: len(batch)])
    ]
    return batch, np.stack(found).reshape(ordered.shape[: len(batch)] + found[0].shape)
