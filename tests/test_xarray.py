"""DataArrays: the numbers of their arrays, and dimensions where they were."""

import re

import numpy as np
import pytest
from checks import EXAMPLES, random_generator
from looping import for_each
from named_arrays import ANCHORS, VERBS, expected_of, random_bank, random_images, random_words
from streaming import same_bits

import xcorr
import xcorr.xarray

xr = pytest.importorskip("xarray")


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
