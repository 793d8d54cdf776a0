"""Coordinates of responses are those of pixels, moved by padding, stride, dilation and the anchor."""

import warnings

import numpy as np
import pytest
from checks import EXAMPLES, random_generator
from looping import for_each
from named_arrays import ANCHORS, DAYS, VERBS, check_coordinate, delta

import xcorr
import xcorr.xarray

xr = pytest.importorskip("xarray")


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
