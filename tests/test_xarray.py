"""DataArrays: the numbers of their arrays, dimensions where they were, coordinates of pixels, and nothing computed."""

import re
import subprocess
import sys
import warnings

import numpy as np
import pytest
from checks import BOUNDARIES, EXAMPLES, random_generator, whole_numbers
from looping import for_each
from streaming import same_bits

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


# --- numbers and dimensions -------------------------------------------------------------------------------------------


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


@for_each("verb", ["correlate", "convolve"])
def test_random_dimensions_give_the_numbers_of_each_image_by_itself(verb):
    rng = random_generator("names", verb)
    n_checked = 0
    for _ in range(2 * EXAMPLES):
        images, spatial, channel = random_images(rng)
        array, named, kind = random_bank(rng, images, spatial, channel)
        words, plain = random_words(rng, spatial)
        try:
            batch, expected = expected_of(verb, images, array, spatial, channel, plain)
        except ValueError as error:
            with pytest.raises(ValueError, match=re.escape(str(error).split(":")[0])):
                getattr(xcorr.xarray, verb)(images, array, dims=spatial, channel_dim=channel, **words)
            continue
        last = {"bank": ["kernel"], "one": [], "planes": ["colour"]}[kind]
        expected = xr.DataArray(expected, dims=[*batch, *spatial, *last])
        order = [last[0] if dim == channel and last else dim for dim in images.dims if last or dim != channel]
        order += [dim for dim in last if dim not in order]
        found = getattr(xcorr.xarray, verb)(images, array, dims=spatial, channel_dim=channel, **words)
        assert (found.dims, found.dtype, found.name) == (tuple(order), expected.dtype, "level")
        assert (found.values == expected.transpose(*order).values).all(), (images.dims, spatial, channel, plain)
        by_name = getattr(xcorr.xarray, verb)(images, named, dims=spatial, channel_dim=channel, **words)
        if kind == "bank":
            assert by_name["shape"].values.tolist() == ["bar", "dot"]
            by_name = by_name.drop_vars("shape").rename(shape="kernel")
        assert by_name.identical(found)
        n_checked += 1
    assert n_checked > EXAMPLES // 2


def test_scores_have_the_bits_of_the_core():
    rng = random_generator("scores by names")
    images = xr.DataArray(rng.random((4, 30, 3, 20)), dims=("time", "x", "colour", "y"))
    templates = rng.random((2, 5, 4, 3))
    masks = [None, rng.random((2, 5, 4, 3)) > 0.2, rng.random((2, 5, 4)) > 0.2, rng.random((5, 4)) > 0.2]
    ordered = images.transpose("time", "colour", "y", "x").values
    for mask in masks:
        found = xcorr.xarray.match(
            images, templates, dims=("y", "x"), channel_dim="colour", template_mask=mask, padding="same"
        )
        moved = mask if mask is None or mask.ndim < 4 else np.moveaxis(mask, -1, 1)
        expected = xcorr.match(
            ordered, np.moveaxis(templates, -1, 1), layout="NCHW", template_mask=moved, padding="same"
        )
        assert found.dims == ("time", "x", "kernel", "y")
        assert same_bits(found.transpose("time", "kernel", "y", "x").values, expected)
        if mask is not None:
            names = [("kernel", "y", "x", "colour"), ("kernel", "y", "x"), ("y", "x")][4 - mask.ndim]
            by_name = xr.DataArray(mask, dims=names).transpose(*names[::-1])
            again = xcorr.xarray.match(
                images, templates, dims=("y", "x"), channel_dim="colour", template_mask=by_name, padding="same"
            )
            assert again.identical(found)


def test_channels_first_or_last_have_the_bits_of_their_layout():
    rng = random_generator("layouts by names")
    array, kernels = rng.random((5, 6, 30, 40), np.float32), rng.random((7, 3, 3, 6), np.float32)
    images = xr.DataArray(array, dims=("time", "colour", "y", "x"))
    found = xcorr.xarray.correlate(images, kernels, dims=("y", "x"), channel_dim="colour")
    assert same_bits(found.values, xcorr.correlate(array, np.moveaxis(kernels, 3, 1), layout="NCHW"))
    assert found.values.flags.c_contiguous
    last = images.transpose("time", "y", "x", "colour")
    found = xcorr.xarray.correlate(last, kernels, dims=("y", "x"), channel_dim="colour")
    assert same_bits(found.values, xcorr.correlate(last.values, kernels, layout="NHWC"))
    assert found.values.flags.c_contiguous


@for_each("verb", VERBS)
def test_pairs_have_the_dimensions_of_the_batch(verb):
    rng = random_generator("pairs by names", verb)
    images = xr.DataArray(rng.random((3, 9, 2, 8)), dims=("time", "y", "run", "x"), coords={"run": [5, 6]})
    for shape, dims in (((3, 2, 3, 3), []), ((3, 2, 4, 3, 3), ["kernel"])):
        kernels = rng.random(shape)
        ordered = images.transpose("time", "run", "y", "x").values.reshape(6, 9, 8)
        expected = getattr(xcorr, verb)(ordered, kernels.reshape(6, *shape[2:]), layout="NHW", pairwise=True)
        expected = xr.DataArray(expected.reshape(3, 2, *expected.shape[1:]), dims=["time", "run", "y", "x", *dims])
        found = getattr(xcorr.xarray, verb)(images, kernels, dims=("y", "x"), pairwise=True)
        assert found.dims == ("time", "y", "run", "x", *dims)
        assert same_bits(found.values, expected.transpose(*found.dims).values)
        named = xr.DataArray(kernels, dims=["time", "run", *dims, "y", "x"], coords={"run": [5, 6]})
        again = getattr(xcorr.xarray, verb)(images, named.transpose(..., "time"), dims=("y", "x"), pairwise=True)
        assert again.identical(found)
    with pytest.raises(ValueError, match="coordinates along 'run'"):
        xcorr.xarray.correlate(images, named.assign_coords(run=[6, 5]), dims=("y", "x"), pairwise=True)
    with pytest.raises(ValueError, match=r"it begins with \(3, 2\)"):
        xcorr.xarray.correlate(images, kernels.swapaxes(0, 1), dims=("y", "x"), pairwise=True)


def test_pairs_of_templates_have_masks_of_their_own():
    rng = random_generator("masked pairs by names")
    images = xr.DataArray(rng.random((3, 9, 2, 8, 4)), dims=("time", "y", "run", "x", "c"))
    templates = xr.DataArray(rng.random((3, 2, 5, 3, 3, 4)), dims=("time", "run", "bank", "y", "x", "c"))
    ordered = images.transpose("time", "run", "y", "x", "c").values.reshape(6, 9, 8, 4)
    for dims in (
        templates.dims,
        templates.dims[:-1],
        ("time", "y", "x", "run", "bank"),
        ("y", "x"),
        ("bank", "y", "x", "c"),
    ):
        mask = xr.DataArray(rng.random([templates.sizes[dim] for dim in dims]) > 0.2, dims=dims)
        whole = mask.broadcast_like(templates).transpose(*templates.dims).values.reshape(6, 5, 3, 3, 4)
        expected = xcorr.match(
            ordered, templates.values.reshape(6, 5, 3, 3, 4), layout="NHWC", template_mask=whole, pairwise=True
        )
        words = {"dims": ("y", "x"), "channel_dim": "c", "pairwise": True, "template_mask": mask}
        found = xcorr.xarray.match(images, templates, **words).transpose("time", "run", "y", "x", "bank")
        assert same_bits(found.values.reshape(expected.shape), expected), dims
        if dims == templates.dims[: len(dims)] or dims == ("y", "x"):
            plain = xcorr.xarray.match(images, templates.values, **{**words, "template_mask": mask.values})
            assert same_bits(plain.transpose("time", "run", "y", "x", "kernel").values, found.values), dims


def test_groups_bias_and_fill_values_are_passed_on():
    rng = random_generator("groups by names")
    images = xr.DataArray(rng.random((9, 8, 4)), dims=("y", "x", "colour"), coords={"colour": list("abcd")})
    kernels = rng.random((4, 3, 3, 1))
    words = {"groups": 4, "bias": [1.0, 2, 3, 4], "padding": 1, "fill_value": [1.0, 2, 3, 4], "method": "direct"}
    found = xcorr.xarray.correlate(images, kernels, dims=("y", "x"), channel_dim="colour", **words)
    assert same_bits(found.values, xcorr.correlate(images.values, kernels, layout="NHWC", **words))
    named = xr.DataArray(kernels, dims=("colours", "y", "x", "colour"), coords={"colours": list("pqrs")})
    again = xcorr.xarray.correlate(images, named, dims=("y", "x"), channel_dim="colour", kernel_dim="colour", **words)
    assert again.identical(found.rename(kernel="colour").assign_coords(colour=list("pqrs")))
    plain = xcorr.xarray.correlate(images, kernels, dims=("y", "x"), channel_dim="colour", kernel_dim="colour", **words)
    assert plain.identical(found.rename(kernel="colour"))


@for_each("anchor", ANCHORS)
def test_a_prepared_bank_gives_what_a_call_gives(anchor):
    rng = random_generator("prepared by names")
    images = xr.DataArray(rng.random((3, 2, 20, 18)), dims=("time", "run", "x", "y"), coords={"x": np.arange(5.0, 25)})
    kernels, mask = rng.random((2, 4, 5)), xr.DataArray(rng.random((20, 18)) > 0.1, dims=("x", "y"))
    for verb, kind in (("correlate", xcorr.Correlator), ("match", xcorr.Matcher)):
        for words in ({}, {"padding": 2, "stride": 2}, {"reduce": "argmax"}, {"reduce": xcorr.Peaks(2)}):
            prepared = kind(kernels, layout="NHW", **words)
            for own in (None, mask, "finite"):
                expected = getattr(xcorr.xarray, verb)(
                    images, kernels, dims=("y", "x"), mask=own, anchor=anchor, workers=1, **words
                )
                found = xcorr.xarray.apply(prepared, images, dims=("y", "x"), mask=own, anchor=anchor, workers=1)
                assert found.identical(expected)
    plain = xcorr.Correlator(kernels[0])
    assert xcorr.xarray.apply(plain, images[0, 0], dims=("y", "x"), kernel_dim="q").dims == ("x", "y")
    photograph = xcorr.Correlator(rng.random((2, 3, 3, 4)), layout="NHWC")
    found = xcorr.xarray.apply(
        photograph, xr.DataArray(rng.random((4, 9, 9)), dims=list("cyx")), dims=("y", "x"), channel_dim="c"
    )
    assert found.dims == ("kernel", "y", "x")


# --- coordinates ------------------------------------------------------------------------------------------------------


@for_each("anchor", ANCHORS)
@for_each("padding", ["valid", "same", "full", "ends"])
def test_a_response_of_a_coordinate_is_its_own_coordinate(padding, anchor):
    rng = random_generator("coordinates", padding, anchor)
    for _ in range(EXAMPLES // 3):
        length, taps = int(rng.integers(10, 30)), int(rng.integers(1, 8))
        words = {"stride": int(rng.integers(1, 5))}
        words["padding"] = (tuple(rng.integers(0, 12, 2).tolist()),) if padding == "ends" else padding
        dilation = int(rng.integers(1, 4))
        extent = (taps - 1) * dilation + 1
        spacing = float(rng.choice([1, -2, 0.5, 0.1]))
        first = 1000.0 + int(rng.integers(0, 50))
        values = first + spacing * np.arange(length)
        if rng.random() < 0.3:
            words["roi"] = (slice(1, 4),)
        try:
            xcorr.correlate(values, delta(extent, anchor), layout="NW", **words)
        except ValueError:
            continue
        images = xr.DataArray(
            np.zeros((2, length)), dims=("time", "x"), coords={"x": values, "other": ("x", 2 * values)}
        )
        for verb in VERBS:
            found = getattr(xcorr.xarray, verb)(
                images, np.ones(taps), dims="x", dilation=dilation, anchor=anchor, **words
            )
            check_coordinate(found.x.values, values, extent, anchor, **words)
            assert np.allclose(found.other.values, 2 * found.x.values, rtol=1e-12, atol=0)


@for_each("anchor", ANCHORS)
def test_coordinates_of_rows_and_columns_in_any_order(anchor):
    rng = random_generator("coordinates of two", anchor)
    rows, columns = 50 - 3.0 * np.arange(12), 7 + 2.0 * np.arange(15)
    images = xr.DataArray(rng.random((15, 12)), dims=("x", "y"), coords={"x": columns, "y": rows})
    words = {"padding": {"y": (1, 2), "x": 4}, "stride": {"x": 3}, "dilation": {"y": 2}}
    words["roi"] = {"y": slice(2, None), "x": slice(None, -1)}
    found = xcorr.xarray.correlate(images, np.ones((3, 4)), dims=("y", "x"), anchor=anchor, **words)
    check_coordinate(found.y.values, rows, 5, anchor, padding=((1, 2),), roi=(slice(2, None),))
    check_coordinate(found.x.values, columns, 4, anchor, padding=4, stride=3, roi=(slice(None, -1),))


@for_each("taps", range(1, 9))
@for_each("dilation", [1, 2, 3])
def test_same_padding_keeps_every_coordinate(taps, dilation):
    strange = np.array(["a", "c", "b", *map(str, range(27))])
    images = xr.DataArray(
        np.ones((30, 4)),
        dims=("x", "y"),
        coords={"x": strange, "place": (("x", "y"), np.random.default_rng(0).random((30, 4))), "run": 3},
    )
    for verb in VERBS:
        found = getattr(xcorr.xarray, verb)(
            images, np.ones((taps, 3)), dims=("x", "y"), dilation=(dilation, 1), padding="same"
        )
        assert found.coords.equals(images.coords)


def test_any_coordinate_of_pixels_is_taken():
    place = np.random.default_rng(1).random((4, 9, 12))
    images = xr.DataArray(
        np.ones((4, 9, 12)),
        dims=("time", "y", "x"),
        coords={
            "time": DAYS[[3, 9, 2, 1]],
            "x": list("abcdefghijkl"),
            "y": np.arange(9.0) ** 2,
            "longitude": (("y", "x"), place[0]),
            "height": (("time", "y", "x"), place),
            "kind": ("x", [True, False] * 6),
            "run": 7,
        },
    )
    found = xcorr.xarray.correlate(images, np.ones((3, 4)), dims=("y", "x"), stride=(1, 2))
    expected = images.isel(y=slice(1, 8), x=slice(1, 10, 2))
    assert found.shape == expected.shape
    assert found.coords.equals(expected.coords)
    assert found.indexes["x"].equals(expected.indexes["x"])
    found = xcorr.xarray.correlate(images, np.ones((3, 4)), dims=("y", "x"), stride=(1, 2), anchor="first")
    assert found.coords.equals(images.isel(y=slice(0, 7), x=slice(0, 9, 2)).coords)
    found = xcorr.xarray.correlate(images, np.ones((3, 4)), dims=("y", "x"), roi=(slice(2, 2), slice(None)))
    assert found.y.shape == (0,)


def test_coordinates_outside_of_the_image_go_on_or_are_dropped():
    n = 10
    numbers = np.arange(n)
    kept = {
        "days": DAYS[:n],
        "hours": (DAYS[:n] - DAYS[0]) / 24,
        "floats": 0.1 * numbers,
        "narrow": np.float32(0.1) * numbers.astype(np.float32),
        "narrow steps": (360 + 1e-3 * numbers).astype(np.float32),
        "integers": 5 - 2 * numbers,
        "cut off": np.round(numbers / 3, 4),
        "all alike": np.full(n, 2.5),
    }
    dropped = {
        "uneven": numbers**2.0,
        "nearly": numbers + 2e-3 * (numbers == 5),
        "words": list("abcdefghij"),
        "truths": numbers % 2 == 0,
        "complex": numbers * 1j,
        "lacking": np.where(numbers == 4, np.nan, numbers),
        "no time": np.where(numbers == 4, np.datetime64("NaT"), DAYS[:n]),
        "no even days": DAYS[np.r_[0:9, 10]],
        "objects": np.array([{}] * n, object),
        "no even integers": np.r_[0:9, 10],
        "a bump": numbers + (numbers == 5),
        "a bump of days": DAYS[numbers + (numbers == 5)],
        "no times": np.full(n, np.datetime64("NaT", "ns")),
        "wrapped around": np.array([0, 255] * 5, np.uint8),
    }
    coordinates = {name: ("x", values) for name, values in {**kept, **dropped}.items()}
    images = xr.DataArray(
        np.ones((n, 3)), dims=("x", "y"), coords={**coordinates, "both": (("x", "y"), np.ones((n, 3)))}
    )
    found = xcorr.xarray.correlate(images, np.ones(3), dims="x", padding=4, anchor="first")
    assert set(found.coords) == set(kept)
    for name in kept:
        own = np.asarray(found[name].values)
        assert own.dtype == images[name].dtype
        assert (own[4 : 4 + n] == images[name].values).all()
        assert len(own) == n + 6
    assert (found["days"].values == np.datetime64("2025-12-28", "ns") + np.timedelta64(1, "D") * np.arange(n + 6)).all()
    assert found["integers"].values.tolist() == (13 - 2 * np.arange(n + 6)).tolist()
    assert np.allclose(found["narrow"].values, 0.1 * np.arange(-4, n + 2), atol=1e-6)
    only_inside = xcorr.xarray.correlate(images, np.ones(3), dims="x", padding="same")
    assert set(only_inside.coords) == {*kept, *dropped, "both"}


@for_each("dtype", ["uint8", "int8", "uint64", "int64"])
def test_integers_that_go_on_do_not_wrap_around(dtype):
    images = xr.DataArray(np.ones(5), dims="x", coords={"x": np.arange(5).astype(dtype)})
    found = xcorr.xarray.correlate(images, np.ones(1), dims="x", padding=((2, 200),))
    assert found.x.values.tolist() == list(range(-2, 205))
    limits = np.iinfo("int64")
    images = images.assign_coords(x=limits.max - np.arange(5)[::-1])
    assert "x" not in xcorr.xarray.correlate(images, np.ones(1), dims="x", padding=2).coords
    late = (np.arange(5) + limits.max - 4).astype("datetime64[ns]")
    assert "x" not in xcorr.xarray.correlate(images.assign_coords(x=late), np.ones(1), dims="x", padding=2).coords


@for_each("n_beside", [1, 2])
@for_each("is_before", [True, False])
def test_a_response_just_outside_of_the_image(n_beside, is_before):
    images = xr.DataArray(np.ones(5), dims="x", coords={"x": np.arange(5.0) + 7, "kind": ("x", list("abcde"))})
    found = xcorr.xarray.correlate(
        images, np.ones(1), dims="x", padding=((n_beside, 0) if is_before else (0, n_beside),)
    )
    assert found.x.values.tolist() == (np.arange(5.0 + n_beside) + 7 - is_before * n_beside).tolist()
    assert set(found.coords) == {"x"}


def test_a_single_pixel_has_no_spacing():
    images = xr.DataArray(np.ones((1, 5)), dims=("y", "x"), coords={"y": [3.0], "x": np.arange(5)})
    found = xcorr.xarray.correlate(images, np.ones((1, 1)), dims=("y", "x"), padding=1)
    assert set(found.coords) == {"x"}


def test_indexes_of_several_levels_are_kept():
    images = xr.DataArray(np.ones((2, 3, 9)), dims=("a", "b", "x"), coords={"a": [1, 2], "b": list("uvw")})
    images = images.stack(run=("a", "b"))
    found = xcorr.xarray.correlate(images, np.ones(3), dims="x")
    assert found.indexes["run"].equals(images.indexes["run"])
    assert found.unstack("run").sizes == {"x": 7, "a": 2, "b": 3}
    by_run = xcorr.xarray.correlate(images, np.ones(2), dims="run")
    assert by_run.indexes["run"].equals(images.indexes["run"][:-1])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert "run" not in xcorr.xarray.correlate(images, np.ones(2), dims="run", padding="full").coords


def test_attributes_and_names_are_kept_as_the_options_say():
    images = xr.DataArray(np.ones(9), dims="x", name="level", attrs={"units": "m"}, coords={"x": np.arange(9.0)})
    images.x.attrs["units"] = "km"
    for padding in ("valid", "full"):
        found = xcorr.xarray.correlate(images, np.ones(3), dims="x", padding=padding)
        assert (found.name, found.attrs, found.x.attrs) == ("level", {"units": "m"}, {"units": "km"})
    with xr.set_options(keep_attrs=False):
        found = xcorr.xarray.correlate(images, np.ones(3), dims="x")
    assert (found.name, found.attrs, found.x.attrs) == ("level", {}, {"units": "km"})
    found.attrs["more"] = 1
    assert "more" not in images.attrs


# --- reductions, masks ------------------------------------------------------------------------------------------------


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


# --- dask -------------------------------------------------------------------------------------------------------------


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


# --- what is refused --------------------------------------------------------------------------------------------------

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
